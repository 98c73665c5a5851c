/* Direct transfers: past the cache, and yet everybody sees the same bytes. */
#include "rig.h"

#define PAGES 80u /* more than one step */
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

/* As rig_write_pattern and rig_expect_pattern, directly. */
static void direct_write(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed)
{
    uint8_t *bytes = test_malloc(count);

    for (uint64_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(i * 31 + seed);
    assert_int_equal(cache_direct_write(map, offset, bytes, count), count);
    test_free(bytes);
}

static void direct_expect(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed)
{
    uint8_t *bytes = test_calloc(1, count);

    assert_int_equal(cache_direct_read(map, offset, bytes, count), count);
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i] != (uint8_t)(i * 31 + seed))
            fail_msg("byte %llu is %u", (unsigned long long)(offset + i), bytes[i]);
    test_free(bytes);
}

static void only_multiples_of_a_sector_are_moved(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint8_t bytes[1024] = {0};

    assert_int_equal(cache_direct_write(map, 1, bytes, 512), -EINVAL);
    assert_int_equal(cache_direct_write(map, 0, bytes, 511), -EINVAL);
    assert_int_equal(cache_direct_read(map, 256, bytes, 512), -EINVAL);
    assert_int_equal(cache_direct_read(map, 0, bytes, 100), -EINVAL);
    assert_int_equal(cache_direct_read(map, 0, bytes, 512), 0);
    assert_int_equal(cache_direct_write(map, 0, bytes, 0), 0);
    assert_int_equal(file_map_bytes(map), 0);
    file_map_put(map);
}

static void a_direct_write_keeps_no_pages_and_is_read_by_everybody(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    direct_write(map, 0, BYTES, 3);
    assert_int_equal(map->pages.count, 0);
    assert_int_equal(file_map_bytes(map), BYTES);
    direct_expect(map, 0, BYTES, 3);
    assert_int_equal(map->pages.count, 0);
    rig_expect_pattern(map, 0, BYTES, 3);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, 0, BYTES, 3);
    file_map_put(map);
}

static void a_direct_read_sees_what_is_dirty(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 10 * PAGE_BYTES, 3);
    assert_true(rig_is_dirty(map, 2));
    direct_expect(map, 0, 10 * PAGE_BYTES, 3);
    assert_false(rig_is_dirty(map, 2));
    file_map_put(map);
}

static void mappings_see_a_direct_write(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    const uint8_t *page;

    rig_write_pattern(map, 0, 10 * PAGE_BYTES, 3);
    page = rig_page(map, 1);
    assert_int_equal(cache_dirty(map, 1), 0);
    direct_write(map, PAGE_BYTES + 512, 1024, 9);
    assert_int_equal(page[512], 9);
    assert_int_equal(page[511], (uint8_t)((PAGE_BYTES + 511) * 31 + 3));
    assert_int_equal(page[1536], (uint8_t)((PAGE_BYTES + 1536) * 31 + 3));
    assert_false(rig_is_dirty(map, 1)); /* the device has it too */
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, PAGE_BYTES + 512, 1024, 9);
    rig_expect_pattern(map, 0, PAGE_BYTES + 512, 3);
    file_map_put(map);
}

static void parts_of_pages_keep_the_rest(void **state)
{
    static const uint64_t places[][2] = {{512, 512},   {3584, 1024},  {0, 4096 + 512},
                                         {7680, 8704}, {4096, 65536}, {512, 300 * 1024}};
    struct rig *r = *state;

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct file_map *map = rig_open(r, "/file");
        uint64_t end = places[i][0] + places[i][1];

        rig_write_pattern(map, 0, BYTES, 1);
        if (i % 2 == 1) {
            file_map_put(map);
            rig_restart(r);
            map = rig_open(r, "/file");
        }
        direct_write(map, places[i][0], places[i][1], 77);
        rig_expect_pattern(map, 0, places[i][0], 1);
        rig_expect_pattern(map, places[i][0], places[i][1], 77);
        rig_expect_pattern(map, end, BYTES - end, (uint8_t)(end * 31 + 1));
        direct_expect(map, places[i][0], places[i][1], 77);
        assert_true(cache_check(&r->cache));
        file_map_put(map);
    }
}

static void a_direct_read_ends_where_the_file_does(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint8_t bytes[2 * PAGE_BYTES];

    rig_write_pattern(map, 0, PAGE_BYTES + 700, 1);
    memset(bytes, 0xAA, sizeof(bytes));
    assert_int_equal(cache_direct_read(map, 512, bytes, sizeof(bytes)), PAGE_BYTES + 188);
    assert_int_equal(bytes[PAGE_BYTES + 187], (uint8_t)((PAGE_BYTES + 699) * 31 + 1));
    assert_int_equal(bytes[PAGE_BYTES + 188], 0xAA);
    file_map_put(map);
}

static void a_direct_write_past_the_end_leaves_zeros_between(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 100, 1);
    rig_page(map, 0)[200] = 7; /* a store past the end */
    direct_write(map, 512, 512, 5);
    assert_int_equal(file_map_bytes(map), 1024);
    rig_expect_zeros(map, 100, 412);
    rig_page(map, 0)[2000] = 7;
    direct_write(map, 5 * PAGE_BYTES + 512, 512, 5);
    rig_expect_zeros(map, 1024, 5 * PAGE_BYTES + 512 - 1024);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, 0, 100, 1);
    rig_expect_zeros(map, 100, 412);
    rig_expect_pattern(map, 512, 512, 5);
    rig_expect_zeros(map, 1024, 5 * PAGE_BYTES + 512 - 1024);
    rig_expect_pattern(map, 5 * PAGE_BYTES + 512, 512, 5);
    assert_int_equal(file_map_bytes(map), 5 * PAGE_BYTES + 1024);
    file_map_put(map);
}

static void holes_read_as_zeros_and_get_blocks(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    assert_int_equal(cache_truncate(map, BYTES), 0);
    direct_write(map, 10 * PAGE_BYTES, 2 * PAGE_BYTES, 5);
    direct_expect(map, 10 * PAGE_BYTES, 2 * PAGE_BYTES, 5);
    rig_expect_zeros(map, 0, 10 * PAGE_BYTES);
    rig_expect_zeros(map, 12 * PAGE_BYTES, BYTES - 12 * PAGE_BYTES);
    file_map_put(map);
}

static void a_full_disk_cuts_a_direct_write_short(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint8_t *bytes = test_calloc(1, RIG_DISK);
    int64_t moved = cache_direct_write(map, 0, bytes, RIG_DISK);

    assert_true(moved > 0 && (uint64_t)moved < RIG_DISK);
    assert_int_equal(file_map_bytes(map), moved);
    assert_int_equal(cache_direct_write(map, RIG_DISK, bytes, 64 * PAGE_BYTES), -ENOSPC);
    assert_int_equal(cache_direct_write(map, (uint64_t)1 << 50, bytes, 512), -EFBIG);
    assert_int_equal(file_map_bytes(map), moved);
    test_free(bytes);
    file_map_put(map);
}

static void memory_files_take_direct_transfers_like_others(void **state)
{
    struct rig *r = *state;
    struct file_map *map;

    assert_int_equal(file_map_new_anonymous(&r->cache, 0, &map), 0);
    direct_write(map, 512, 10240, 5);
    direct_expect(map, 512, 10240, 5);
    file_map_put(map);
}

static void a_device_that_fails_is_told_and_nothing_is_lost(void **state)
{
    struct rig *r = *state;

    for (unsigned kind = DEV_READ; kind <= DEV_WRITE; kind++) {
        bool reached = true;

        for (uint64_t n = 1; reached; n++) {
            struct file_map *map = rig_open(r, "/file");
            uint8_t bytes[3 * PAGE_BYTES] = {0};
            int64_t moved;

            rig_write_pattern(map, 0, 6 * PAGE_BYTES, 1);
            if (kind == DEV_READ) {
                file_map_put(map);
                rig_restart(r);
                map = rig_open(r, "/file");
            }
            rig_fail(r, (enum dev_request)kind, n, false);
            moved = cache_direct_write(map, 512, bytes, sizeof(bytes));
            if (moved > 0)
                moved = cache_direct_read(map, 512, bytes, sizeof(bytes));
            reached = r->faults.seen[kind] >= n;
            assert_int_equal(moved, reached ? -EIO : (int64_t)sizeof(bytes));
            rig_fail(r, DEV_READ, 0, false);
            rig_expect_pattern(map, 0, 512, 1);
            rig_expect_pattern(map, 512 + sizeof(bytes), 1024,
                               (uint8_t)((512 + sizeof(bytes)) * 31 + 1));
            assert_true(cache_check(&r->cache));
            file_map_put(map);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(only_multiples_of_a_sector_are_moved),
        TEST(a_direct_write_keeps_no_pages_and_is_read_by_everybody),
        TEST(a_direct_read_sees_what_is_dirty),
        TEST(mappings_see_a_direct_write),
        TEST(parts_of_pages_keep_the_rest),
        TEST(a_direct_read_ends_where_the_file_does),
        TEST(a_direct_write_past_the_end_leaves_zeros_between),
        TEST(holes_read_as_zeros_and_get_blocks),
        TEST(a_full_disk_cuts_a_direct_write_short),
        TEST(memory_files_take_direct_transfers_like_others),
        TEST(a_device_that_fails_is_told_and_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
