/* Reading and writing through the cache. */
#include "rig.h"

static int set_up(void **state)
{
    struct rig *r = test_malloc(sizeof(*r));

    rig_up(r, RIG_FRAMES);
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

static void what_is_written_at_odd_offsets_is_read_back(void **state)
{
    static const uint64_t places[][2] = {{0, 1},    {5, 10},        {4090, 12}, {4096, 4096},
                                         {8191, 2}, {12000, 20000}, {1, 40000}};
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        rig_write_pattern(map, places[i][0], places[i][1], (uint8_t)(i * 50));
        rig_expect_pattern(map, places[i][0], places[i][1], (uint8_t)(i * 50));
        assert_true(cache_check(&r->cache));
    }
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    assert_int_equal(file_map_bytes(map), 40001);
    rig_expect_pattern(map, 1, 40000, 6 * 50 % 256);
    file_map_put(map);
}

static void a_read_is_short_at_the_end_of_the_file(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint8_t bytes[100];

    assert_int_equal(cache_read(map, NULL, 0, bytes, 100), 0);
    rig_write_pattern(map, 0, 5000, 1);
    assert_int_equal(cache_read(map, NULL, 4950, bytes, 100), 50);
    assert_int_equal(cache_read(map, NULL, 5000, bytes, 100), 0);
    assert_int_equal(cache_read(map, NULL, UINT64_MAX, bytes, 100), 0);
    assert_int_equal(cache_read(map, NULL, 0, bytes, 0), 0);
    file_map_put(map);
}

static void a_write_past_the_end_leaves_a_hole_of_zeros(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 10, 1);
    rig_write_pattern(map, 20000, 10, 1);
    assert_int_equal(file_map_bytes(map), 20010);
    rig_expect_zeros(map, 10, 19990);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, 0, 10, 1);
    rig_expect_zeros(map, 10, 19990);
    rig_expect_pattern(map, 20000, 10, 1);
    file_map_put(map);
}

static void a_partial_write_keeps_the_rest_of_the_page(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 8192, 0);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_write_pattern(map, 100, 50, 9);
    rig_expect_pattern(map, 100, 50, 9);
    rig_expect_pattern(map, 0, 100, 0);
    rig_expect_pattern(map, 150, 4000, (uint8_t)(150 * 31));
    file_map_put(map);
}

static void a_page_that_is_replaced_as_a_whole_is_not_read(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 10000, 0);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_clear(r);
    rig_write_pattern(map, 0, 8192, 5);
    rig_write_pattern(map, 8192, 1808,
                      5); /* up to the end: also the whole of what the file has there */
    assert_int_equal(r->cache.counters.hits, 0);
    /* Metadata may be read, data is not. */
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(r->last[MW_EVENT_CACHE_FILL].arg[3], 0);
    rig_write_pattern(map, 9000, 10, 7);
    rig_expect_pattern(map, 0, 8192, 5);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, 0, 8192, 5);
    rig_expect_pattern(map, 9000, 10, 7);
    assert_int_equal(file_map_bytes(map), 10000);
    file_map_put(map);
}

static void a_file_larger_than_ram_can_be_written_and_read(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint64_t bytes = 2 * RIG_FRAMES * PAGE_BYTES;

    rig_write_pattern(map, 0, bytes, 3);
    assert_true(r->frames.used <= RIG_FRAMES);
    rig_expect_pattern(map, 0, bytes, 3);
    assert_true(r->cache.counters.evicted > 0);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

static void a_full_disk_cuts_a_write_short_and_then_refuses(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint64_t room = volume_free_pages(r->volume) * PAGE_BYTES;
    uint8_t *bytes = test_calloc(1, room + PAGE_BYTES);
    int64_t moved = cache_write(map, 0, bytes, room + PAGE_BYTES);

    assert_true(moved > 0 && (uint64_t)moved < room); /* indirect blocks take some */
    assert_int_equal(file_map_bytes(map), moved);
    assert_int_equal(cache_write(map, (uint64_t)moved, bytes, 10), -ENOSPC);
    assert_int_equal(file_map_bytes(map), moved);
    assert_true(cache_check(&r->cache));
    assert_int_equal(cache_sync(&r->cache), 0);
    rig_expect_zeros(map, 0, (uint64_t)moved);
    test_free(bytes);
    file_map_put(map);
}

static void an_offset_past_every_limit_is_refused(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    assert_int_equal(cache_write(map, (uint64_t)1 << 50, "x", 1), -EFBIG);
    assert_int_equal(cache_write(map, UINT64_MAX, "x", 1), -EFBIG);
    assert_int_equal(cache_write(map, UINT64_MAX, "x", 0), 0);
    assert_int_equal(file_map_bytes(map), 0);
    assert_int_equal(map->pages.count, 0);
    file_map_put(map);
}

static void a_read_error_cuts_short_or_is_reported(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint8_t bytes[8192];

    rig_write_pattern(map, 0, 8192, 1);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_fail(r, DEV_READ, 2, true);
    assert_int_equal(cache_read(map, NULL, 0, bytes, 8192), 4096);
    assert_int_equal(cache_read(map, NULL, 4096, bytes, 10), -EIO);
    assert_int_equal(cache_write(map, 4100, bytes, 10),
                     -EIO); /* the rest of the page is not known */
    rig_fail(r, DEV_READ, 0, false);
    rig_expect_pattern(map, 0, 8192, 1);
    file_map_put(map);
}

static void bytes_stored_past_the_end_do_not_become_part_of_the_file(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 100, 1);
    rig_page(map, 0)[200] = 7; /* a store through a mapping */
    rig_write_pattern(map, 300, 10, 1);
    rig_expect_zeros(map, 100, 200);
    rig_page(map, 0)[4000] = 7;
    rig_write_pattern(map, 9000, 10, 1);
    rig_expect_zeros(map, 310, 8690);
    file_map_put(map);
}

static void frames_and_events_tell_hits_and_fills(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    struct frame *frame;
    bool major;

    rig_write_pattern(map, 0, 3 * PAGE_BYTES, 1);
    assert_int_equal(cache_truncate(map, 5 * PAGE_BYTES), 0);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_clear(r);
    assert_int_equal(cache_page(map, 1, &frame, &major), 0);
    assert_true(major);
    assert_int_equal(r->events[MW_EVENT_CACHE_FILL], 1);
    assert_int_equal(r->last[MW_EVENT_CACHE_FILL].arg[0], inode_number(map->inode));
    assert_int_equal(r->last[MW_EVENT_CACHE_FILL].arg[1], 1);
    assert_int_equal(r->last[MW_EVENT_CACHE_FILL].arg[2], frame_paddr(&r->frames, frame).raw);
    assert_int_equal(r->last[MW_EVENT_CACHE_FILL].arg[3], 1);
    assert_int_equal(cache_page(map, 1, &frame, &major), 0);
    assert_false(major);
    assert_int_equal(r->events[MW_EVENT_CACHE_HIT], 1);
    assert_int_equal(cache_page(map, 4, &frame, &major), 0); /* a hole: nothing is read */
    assert_false(major);
    assert_int_equal(r->last[MW_EVENT_CACHE_FILL].arg[3], 0);
    assert_true(frame->zero);
    assert_int_equal(r->cache.counters.hits, 1);
    assert_int_equal(r->cache.counters.misses, 2);
    assert_int_equal(frame->owner, MW_OWNER_CACHE);
    assert_ptr_equal(frame->home, map);
    assert_int_equal(frame->index, 4);
    file_map_put(map);
}

static void each_allocation_may_fail_and_a_second_try_works(void **state)
{
    struct rig *r = *state;
    bool reached = true;

    for (uint64_t n = 1; reached; n++) {
        struct file_map *map;
        struct inode *inode;
        uint8_t bytes[9000];
        int64_t moved;

        memset(bytes, (int)n, sizeof(bytes));
        if (inode_open(r->volume, "/file", &inode) == -ENOENT)
            assert_int_equal(inode_create(r->volume, "/file", false, &inode), 0);
        r->alloc.fail_at = r->alloc.calls + n;
        if (file_map_open(&r->cache, inode, &map) != 0)
            assert_int_equal(file_map_open(&r->cache, inode, &map), 0);
        inode_put(inode);
        moved = cache_write(map, 100, bytes, sizeof(bytes));
        assert_true(moved == -ENOMEM || (moved > 0 && moved <= (int64_t)sizeof(bytes)));
        assert_true(cache_check(&r->cache));
        assert_true(volume_check(r->volume));
        if (moved < (int64_t)sizeof(bytes))
            assert_int_equal(cache_write(map, 100, bytes, sizeof(bytes)), sizeof(bytes));
        if (rig_fsync(map, 0, UINT64_MAX) != 0)
            assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
        if (cache_truncate(map, 50) != 0)
            assert_int_equal(cache_truncate(map, 50), 0);
        reached = r->alloc.calls >= r->alloc.fail_at;
        r->alloc.fail_at = 0;
        assert_int_equal(file_map_bytes(map), 50);
        file_map_put(map);
        assert_int_equal(cache_unlink(&r->cache, "/file"), 0);
        assert_true(list_empty(&r->cache.maps));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_at_odd_offsets_is_read_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_read_is_short_at_the_end_of_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_past_the_end_leaves_a_hole_of_zeros, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_partial_write_keeps_the_rest_of_the_page, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_page_that_is_replaced_as_a_whole_is_not_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_larger_than_ram_can_be_written_and_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_cuts_a_write_short_and_then_refuses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_offset_past_every_limit_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_error_cuts_short_or_is_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_stored_past_the_end_do_not_become_part_of_the_file,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_and_events_tell_hits_and_fills, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_allocation_may_fail_and_a_second_try_works, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
