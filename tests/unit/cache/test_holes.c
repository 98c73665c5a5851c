/* Holes punched into files, and room made in them. */
#include "rig.h"

#define PAGES 20u
#define BYTES (PAGES * PAGE_BYTES)

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

/* The file's first BYTES are the pattern of seed 1, but for zeros in [start, end). */
static void expect_hole(struct file_map *map, uint64_t start, uint64_t end)
{
    uint8_t *bytes = test_malloc(BYTES);

    assert_int_equal(cache_read(map, NULL, 0, bytes, BYTES), BYTES);
    for (uint64_t i = 0; i < BYTES; i++)
        if (bytes[i] != (i >= start && i < end ? 0 : (uint8_t)(i * 31 + 1)))
            fail_msg("byte %llu is %u", (unsigned long long)i, bytes[i]);
    test_free(bytes);
}

static void any_range_becomes_zero_and_nothing_else(void **state)
{
    static const uint64_t ranges[][2] = {
        {0, 4096},      {4096, 12288},  {100, 200},    {4000, 4200},   {100, 8192},
        {8192, 12289},  {1, BYTES - 1}, {0, BYTES},    {40960, 40960}, {BYTES - 10, BYTES},
        {12288, 12289}, {12287, 12288}, {8191, 16385}, {0, 1},
    };
    struct rig *r = *state;

    for (unsigned i = 0; i < 2 * sizeof(ranges) / sizeof(ranges[0]); i++) {
        const uint64_t *range = ranges[i / 2];
        struct file_map *map = rig_open(r, "/file");

        rig_write_pattern(map, 0, BYTES, 1);
        if (i % 2 == 1) { /* on the disk, not in the cache */
            assert_int_equal(cache_sync(&r->cache), 0);
            assert_int_equal(cache_invalidate(map, 0, UINT64_MAX), PAGES);
        }
        assert_int_equal(cache_punch(map, range[0], range[1]), 0);
        assert_true(cache_check(&r->cache));
        assert_int_equal(file_map_bytes(map), BYTES);
        expect_hole(map, range[0], range[1]);
        file_map_put(map);
        rig_restart(r);
        map = rig_open(r, "/file");
        expect_hole(map, range[0], range[1]);
        file_map_put(map);
        assert_int_equal(cache_unlink(&r->cache, "/file"), 0);
    }
}

static void whole_pages_lose_mappings_frames_and_blocks(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint64_t free_pages;

    rig_write_pattern(map, 0, BYTES, 1);
    assert_int_equal(cache_sync(&r->cache), 0);
    free_pages = volume_free_pages(r->volume);
    rig_clear(r);
    assert_int_equal(cache_punch(map, 3 * PAGE_BYTES - 5, 7 * PAGE_BYTES + 5), 0);
    assert_int_equal(r->note_count, 1);
    assert_int_equal(r->notes[0].kind, NOTE_UNMAP);
    assert_int_equal(r->notes[0].first, 3);
    assert_int_equal(r->notes[0].end, 7);
    assert_false(r->copies_unmapped);
    assert_int_equal(map->pages.count, PAGES - 4);
    assert_true(rig_is_dirty(map, 2) && rig_is_dirty(map, 7));
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(volume_free_pages(r->volume), free_pages + 4);
    assert_int_equal(cache_truncate(map, 0), 0);
    assert_true(r->copies_unmapped); /* which a truncation does take */
    file_map_put(map);
}

static void nothing_is_punched_past_the_end(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 2 * PAGE_BYTES + 100, 1);
    assert_int_equal(cache_punch(map, 2 * PAGE_BYTES + 100, UINT64_MAX), 0);
    assert_int_equal(cache_punch(map, 100 * PAGE_BYTES, 200 * PAGE_BYTES), 0);
    rig_expect_pattern(map, 0, 2 * PAGE_BYTES + 100, 1);
    assert_int_equal(cache_punch(map, 2 * PAGE_BYTES, UINT64_MAX), 0);
    assert_int_equal(map->pages.count, 2); /* the last page goes as a whole */
    assert_int_equal(file_map_bytes(map), 2 * PAGE_BYTES + 100);
    rig_expect_zeros(map, 2 * PAGE_BYTES, 100);
    file_map_put(map);
}

static void memory_files_have_holes_too(void **state)
{
    struct rig *r = *state;
    struct file_map *map;

    assert_int_equal(file_map_new_anonymous(&r->cache, 0, &map), 0);
    rig_write_pattern(map, 0, BYTES, 1);
    assert_int_equal(cache_punch(map, PAGE_BYTES + 7, 5 * PAGE_BYTES + 9), 0);
    assert_int_equal(map->pages.count, PAGES - 3);
    expect_hole(map, PAGE_BYTES + 7, 5 * PAGE_BYTES + 9);
    assert_int_equal(map->dirty_pages, 0);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

static void a_punch_that_fails_changes_nothing(void **state)
{
    struct rig *r = *state;

    for (unsigned pass = 0; pass < 2; pass++) {
        bool reached = true;

        for (uint64_t n = 1; reached; n++) {
            struct file_map *map = rig_open(r, "/file");
            int err;

            rig_write_pattern(map, 0, BYTES, 1);
            file_map_put(map);
            rig_restart(r);
            map = rig_open(r, "/file");
            r->faults.seen[DEV_READ] = 0;
            if (pass == 0)
                rig_fail(r, DEV_READ, n, false);
            else
                r->alloc.fail_at = r->alloc.calls + n;
            err = cache_punch(map, PAGE_BYTES + 7, 5 * PAGE_BYTES + 9);
            reached =
                pass == 0 ? r->faults.seen[DEV_READ] >= n : r->alloc.calls >= r->alloc.fail_at;
            rig_fail(r, DEV_READ, 0, false);
            r->alloc.fail_at = 0;
            assert_true(err == 0 || reached);
            assert_true(cache_check(&r->cache));
            expect_hole(map, PAGE_BYTES + 7, err == 0 ? 5 * PAGE_BYTES + 9 : 0);
            file_map_put(map);
        }
    }
}

/* ---- room ---- */

static void room_is_there_when_the_disk_is_full(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    struct file_map *big = rig_open(r, "/big");
    uint8_t *bytes = test_calloc(1, RIG_DISK);

    assert_int_equal(cache_allocate(map, 0, BYTES, false), 0);
    assert_int_equal(file_map_bytes(map), BYTES);
    assert_true(cache_write(big, 0, bytes, RIG_DISK) > 0);
    rig_write_pattern(map, 0, BYTES, 1);
    rig_expect_pattern(map, 0, BYTES, 1);
    assert_int_equal(cache_sync(&r->cache), 0);
    test_free(bytes);
    file_map_put(big);
    file_map_put(map);
}

static void room_reads_as_zeros_and_keeps_what_is_there(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 5000, 1);
    rig_page(map, 1)[2000] = 9; /* past the end */
    assert_int_equal(cache_allocate(map, 1000, BYTES, false), 0);
    rig_expect_pattern(map, 0, 5000, 1);
    rig_expect_zeros(map, 5000, BYTES - 5000);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, 0, 5000, 1);
    rig_expect_zeros(map, 5000, BYTES - 5000);
    file_map_put(map);
}

static void the_size_may_stay(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 100, 1);
    assert_int_equal(cache_allocate(map, 0, BYTES, true), 0);
    assert_int_equal(cache_allocate(map, BYTES, 2 * BYTES, true), 0);
    assert_int_equal(file_map_bytes(map), 100);
    assert_int_equal(cache_allocate(map, 10, 20, false), 0);
    assert_int_equal(file_map_bytes(map), 100);
    rig_expect_pattern(map, 0, 100, 1);
    file_map_put(map);
}

static void room_that_is_not_there_changes_nothing(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint64_t free_pages;

    rig_write_pattern(map, 0, 100, 1);
    assert_int_equal(cache_sync(&r->cache), 0);
    free_pages = volume_free_pages(r->volume);
    assert_int_equal(cache_allocate(map, 0, 2 * RIG_DISK, false), -ENOSPC);
    assert_int_equal(file_map_bytes(map), 100);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(volume_free_pages(r->volume), free_pages);
    assert_int_equal(cache_allocate(map, 0, (uint64_t)1 << 50, false), -EFBIG);
    assert_int_equal(file_map_bytes(map), 100);
    file_map_put(map);
}

static void the_room_of_a_memory_file_are_its_pages(void **state)
{
    struct rig *r = *state;
    struct file_map *map;

    assert_int_equal(file_map_new_anonymous(&r->cache, 0, &map), 0);
    assert_int_equal(cache_allocate(map, 0, 10 * PAGE_BYTES, false), 0);
    assert_int_equal(map->pages.count, 10);
    assert_int_equal(cache_allocate(map, 0, 2 * RIG_FRAMES * PAGE_BYTES, false), -ENOMEM);
    assert_int_equal(map->pages.count, 10);
    assert_int_equal(file_map_bytes(map), 10 * PAGE_BYTES);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(any_range_becomes_zero_and_nothing_else),
        TEST(whole_pages_lose_mappings_frames_and_blocks),
        TEST(nothing_is_punched_past_the_end),
        TEST(memory_files_have_holes_too),
        TEST(a_punch_that_fails_changes_nothing),
        TEST(room_is_there_when_the_disk_is_full),
        TEST(room_reads_as_zeros_and_keeps_what_is_there),
        TEST(the_size_may_stay),
        TEST(room_that_is_not_there_changes_nothing),
        TEST(the_room_of_a_memory_file_are_its_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
