/* Writeback: order, runs, errors, durability. */
#include "rig.h"

#define RUN_PAGES (DEV_MOST_BLOCKS * DEV_BLOCK_BYTES / (uint32_t)PAGE_BYTES)

/* A file's first table takes the block behind its 13th page: there its blocks cease to be neighbours. */
#define FIRST_PAGES 13u

static int set_up(void **state)
{
    struct rig *r = test_malloc(sizeof(*r));

    rig_up(r, 2 * RUN_PAGES + 32);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;

    rig_down(r);
    test_free(r);
    return 0;
}

/* A map whose pages [0, pages) are on the device, in neighbouring blocks, clean. */
static struct file_map *clean_file(struct rig *r, uint64_t pages)
{
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, pages * PAGE_BYTES, 1);
    assert_int_equal(cache_sync(&r->cache), 0);
    rig_clear(r);
    return map;
}

static void a_write_makes_pages_dirty_and_writeback_makes_them_clean(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 4);

    assert_false(rig_is_dirty(map, 1));
    rig_write_pattern(map, PAGE_BYTES + 5, 10, 2);
    assert_true(rig_is_dirty(map, 1));
    assert_false(rig_is_dirty(map, 0));
    assert_int_equal(r->events[MW_EVENT_CACHE_DIRTY], 1);
    rig_write_pattern(map, PAGE_BYTES + 5, 10, 2);
    assert_int_equal(r->events[MW_EVENT_CACHE_DIRTY], 1); /* it was dirty already */
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_false(rig_is_dirty(map, 1));
    assert_int_equal(r->events[MW_EVENT_CACHE_WRITE], 1);
    assert_int_equal(r->last[MW_EVENT_CACHE_WRITE].arg[1], 1);
    assert_int_equal(r->last[MW_EVENT_CACHE_WRITE].arg[2], 1);
    assert_int_equal(r->last[MW_EVENT_CACHE_WRITE].arg[3], 0);
    file_map_put(map);
}

static void neighbours_are_one_request_and_gaps_part_them(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 12);

    rig_write_pattern(map, 2 * PAGE_BYTES, 3 * PAGE_BYTES, 2);
    rig_write_pattern(map, 7 * PAGE_BYTES, 2 * PAGE_BYTES, 2);
    rig_clear(r);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 2);
    assert_int_equal(r->events[MW_EVENT_BLOCK_FLUSH], 1);
    assert_int_equal(r->events[MW_EVENT_CACHE_WRITE], 2);
    file_map_put(map);
}

static void a_run_is_never_longer_than_its_limit(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 2 * RUN_PAGES + 3);

    rig_write_pattern(map, 0, (2 * RUN_PAGES + 3) * PAGE_BYTES, 2);
    rig_clear(r);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(r->events[MW_EVENT_CACHE_WRITE], 3);
    assert_int_equal(r->last[MW_EVENT_CACHE_WRITE].arg[1], FIRST_PAGES + RUN_PAGES);
    assert_int_equal(r->last[MW_EVENT_CACHE_WRITE].arg[2], RUN_PAGES + 3 - FIRST_PAGES);
    file_map_put(map);
}

/* What the disk has in neighbouring blocks costs one request for each that it can take, and no more. */
static void a_long_run_makes_as_few_requests_as_the_disk_allows(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, FIRST_PAGES + 2 * RUN_PAGES);

    rig_write_pattern(map, 0, (FIRST_PAGES + 2 * RUN_PAGES) * PAGE_BYTES, 2);
    rig_clear(r);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 1 + 2);
    rig_write_pattern(map, 0, (FIRST_PAGES + 2 * RUN_PAGES) * PAGE_BYTES, 3);
    rig_clear(r);
    assert_int_equal(rig_fsync(map, FIRST_PAGES + RUN_PAGES / 2, UINT64_MAX),
                     0); /* from anywhere */
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 2);
    file_map_put(map);
}

static void only_the_range_asked_for_is_written(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 10);

    rig_write_pattern(map, 0, 10 * PAGE_BYTES, 2);
    assert_int_equal(rig_fsync(map, 3, 5), 0);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(rig_is_dirty(map, i), i < 3 || i >= 5);
    file_map_put(map);
}

static void nothing_dirty_makes_no_request(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 10);

    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(r->note_count, 0);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(r->note_count, 0);
    file_map_put(map);
}

static void mappings_are_cleaned_before_the_page_is_written(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 6);

    assert_non_null(rig_page(map, 2));
    assert_int_equal(cache_dirty(map, 2), 0);
    assert_int_equal(cache_dirty(map, 3), 0);
    rig_clear(r);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(r->note_count, 3);
    assert_int_equal(r->notes[0].kind, NOTE_CLEAN); /* once for the run */
    assert_int_equal(r->notes[0].first, 2);
    assert_int_equal(r->notes[0].end, 4);
    assert_int_equal(r->notes[1].kind, NOTE_DEVICE_WRITE);
    assert_int_equal(r->notes[1].end - r->notes[1].first, 2 * PAGE_BYTES / DEV_BLOCK_BYTES);
    assert_int_equal(r->notes[2].kind, NOTE_DEVICE_FLUSH);
    file_map_put(map);
}

static void a_store_through_a_mapping_reaches_the_device(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 3);

    assert_int_equal(cache_dirty(map, 1), 0);
    assert_int_equal(r->events[MW_EVENT_CACHE_DIRTY], 1);
    assert_int_equal(cache_dirty(map, 1), 0);
    assert_int_equal(r->events[MW_EVENT_CACHE_DIRTY], 1);
    rig_page(map, 1)[77] = 0xEE;
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    file_map_put(map);
    rig_power_cut(r); /* the file was durable before: its data is now */
    map = rig_open(r, "/file");
    assert_int_equal(rig_page(map, 1)[77], 0xEE);
    file_map_put(map);
}

static void bytes_past_the_end_never_reach_the_device(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint8_t *page;

    rig_write_pattern(map, 0, PAGE_BYTES + 100, 1);
    page = rig_page(map, 1);
    memset(page + 100, 0xCC, PAGE_BYTES - 100);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(page[100], 0); /* gone from memory too, as Linux does it */
    assert_int_equal(cache_sync(&r->cache), 0);
    for (uint64_t block = 0; block < r->disk->blocks; block++) {
        uint8_t bytes[DEV_BLOCK_BYTES];

        assert_int_equal(dev_read(r->disk, block, 1, bytes), 0);
        for (unsigned i = 0; i + 4 < DEV_BLOCK_BYTES; i++)
            assert_false(bytes[i] == 0xCC && bytes[i + 1] == 0xCC && bytes[i + 2] == 0xCC &&
                         bytes[i + 3] == 0xCC);
    }
    file_map_put(map);
}

static void a_page_that_could_not_be_written_stays_dirty(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 10);

    rig_write_pattern(map, 0, PAGE_BYTES, 2);
    rig_write_pattern(map, 5 * PAGE_BYTES, 2 * PAGE_BYTES, 2);
    rig_fail(r, DEV_WRITE, 1, false);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), -EIO);
    assert_true(rig_is_dirty(map, 0));
    assert_false(rig_is_dirty(map, 5)); /* the others are tried all the same */
    assert_int_equal(r->cache.counters.write_errors, 1);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0); /* the caller has been told */
    assert_false(rig_is_dirty(map, 0));
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, 0, PAGE_BYTES, 2);
    file_map_put(map);
}

static void an_error_that_only_sync_met_is_told_to_the_file(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 4);

    rig_write_pattern(map, 0, PAGE_BYTES, 2);
    rig_fail(r, DEV_WRITE, 1, false);
    assert_int_equal(cache_sync(&r->cache), -EIO);
    assert_true(rig_is_dirty(map, 0));
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), -EIO); /* though the page is written now */
    assert_false(rig_is_dirty(map, 0));
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    file_map_put(map);
}

static void a_failed_flush_is_tried_again(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, 4);

    rig_write_pattern(map, 0, PAGE_BYTES, 2);
    rig_fail(r, DEV_FLUSH, 1, false);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), -EIO);
    rig_clear(r);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(r->events[MW_EVENT_BLOCK_FLUSH],
                     1); /* nothing was dirty, but not durable either */
    file_map_put(map);
}

static void a_hole_gets_its_block_when_it_becomes_dirty(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint64_t free_pages = volume_free_pages(r->volume);

    assert_int_equal(cache_truncate(map, 10 * PAGE_BYTES), 0);
    assert_int_equal(volume_free_pages(r->volume), free_pages);
    rig_page(map, 4);
    assert_int_equal(cache_dirty(map, 4), 0);
    assert_int_equal(volume_free_pages(r->volume), free_pages - 1);
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 0);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_ALL, false), 0);
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 1); /* written once, not zeroed before */
    file_map_put(map);
}

static void a_full_disk_is_seen_before_the_page_becomes_dirty(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/holes");
    struct file_map *big = rig_open(r, "/big");
    uint8_t *bytes = test_calloc(1, RIG_DISK);

    assert_int_equal(cache_truncate(map, 10 * PAGE_BYTES), 0);
    rig_page(map, 4);
    assert_true(cache_write(big, 0, bytes, RIG_DISK) > 0);
    assert_true(radix_get(&map->pages, 4) != NULL || rig_page(map, 4) != NULL);
    assert_int_equal(cache_dirty(map, 4), -ENOSPC);
    assert_false(rig_is_dirty(map, 4));
    file_map_put(big);
    assert_int_equal(cache_unlink(&r->cache, "/big"), 0);
    assert_int_equal(cache_dirty(map, 4), 0);
    test_free(bytes);
    file_map_put(map);
}

static void sync_makes_everything_durable(void **state)
{
    struct rig *r = *state;
    struct file_map *map;

    for (unsigned i = 0; i < 5; i++) {
        char path[] = "/dir/file-0";

        path[sizeof(path) - 2] = (char)('0' + i);
        map = rig_open(r, path);
        rig_write_pattern(map, i * 1000, 6000, (uint8_t)i);
        file_map_put(map);
    }
    assert_int_equal(cache_sync(&r->cache), 0);
    rig_power_cut(r);
    for (unsigned i = 0; i < 5; i++) {
        char path[] = "/dir/file-0";

        path[sizeof(path) - 2] = (char)('0' + i);
        map = rig_open(r, path);
        assert_int_equal(file_map_bytes(map), i * 1000 + 6000);
        rig_expect_pattern(map, i * 1000, 6000, (uint8_t)i);
        file_map_put(map);
    }
}

static void each_request_of_a_sync_may_fail_and_the_next_sync_makes_up(void **state)
{
    struct rig *r = *state;

    for (unsigned kind = DEV_WRITE; kind < DEV_REQUESTS; kind++) {
        bool reached = true;

        for (uint64_t n = 1; reached; n++) {
            struct file_map *map = rig_open(r, "/dir/file");
            int err;

            rig_write_pattern(map, 0, 5 * PAGE_BYTES, (uint8_t)n);
            file_map_put(map);
            rig_fail(r, (enum dev_request)kind, n, false);
            err = cache_sync(&r->cache);
            reached = r->faults.seen[kind] >= n;
            assert_int_equal(err, reached ? -EIO : 0);
            rig_fail(r, DEV_READ, 0, false);
            assert_int_equal(cache_sync(&r->cache), 0);
            rig_power_cut(r);
            map = rig_open(r, "/dir/file");
            rig_expect_pattern(map, 0, 5 * PAGE_BYTES, (uint8_t)n);
            file_map_put(map);
            assert_int_equal(cache_unlink(&r->cache, "/dir/file"), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_makes_pages_dirty_and_writeback_makes_them_clean,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(neighbours_are_one_request_and_gaps_part_them, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_is_never_longer_than_its_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_run_makes_as_few_requests_as_the_disk_allows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_the_range_asked_for_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_dirty_makes_no_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mappings_are_cleaned_before_the_page_is_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_store_through_a_mapping_reaches_the_device, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bytes_past_the_end_never_reach_the_device, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_page_that_could_not_be_written_stays_dirty, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_error_that_only_sync_met_is_told_to_the_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failed_flush_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hole_gets_its_block_when_it_becomes_dirty, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_seen_before_the_page_becomes_dirty, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sync_makes_everything_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_request_of_a_sync_may_fail_and_the_next_sync_makes_up,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
