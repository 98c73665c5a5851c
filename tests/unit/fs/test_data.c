/* The data of files: pages, holes, sizes, and a disk that fills up. */
#include "disk.h"

#include <stdio.h>

static int set_up(void **state)
{
    struct disk *d = test_malloc(sizeof(*d));

    disk_up(d, 12 * MIB);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct disk *d = *state;

    disk_down(d);
    test_free(d);
    return 0;
}

static void pages_written_are_read_also_after_a_remount(void **state)
{
    struct disk *d = *state;

    disk_fill_file(d, "/file", 100, 1);
    disk_check_file(d, "/file", 100, 1);
    disk_remount(d);
    disk_check_file(d, "/file", 100, 1);
    assert_int_equal(disk_fsck(d), 0);
}

static void a_run_of_neighbouring_blocks_is_one_request(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint8_t *bytes = test_malloc(8 * FS_PAGE_BYTES);
    uint32_t blocks;
    uint64_t requests;

    memset(bytes, 3, 8 * FS_PAGE_BYTES);
    assert_int_equal(inode_set_bytes(ino, 12 * FS_PAGE_BYTES), 0);
    requests = d->dev->counters.writes;
    assert_int_equal(inode_write_pages(ino, 0, 8, bytes), 0);
    assert_int_equal(d->dev->counters.writes, requests + 1);
    requests = d->dev->counters.reads;
    memset(bytes, 0, 8 * FS_PAGE_BYTES);
    assert_int_equal(inode_read_pages(ino, 0, 8, bytes, &blocks), 0);
    assert_int_equal(d->dev->counters.reads, requests + 1);
    assert_int_equal(blocks, 8);
    assert_int_equal(bytes[8 * FS_PAGE_BYTES - 1], 3);
    assert_int_equal(inode_read_pages(ino, 7, 4, bytes, &blocks),
                     0); /* one page and three of a hole */
    assert_int_equal(blocks, 1);
    assert_int_equal(bytes[0], 3);
    assert_int_equal(bytes[FS_PAGE_BYTES], 0);
    inode_put(ino);
    test_free(bytes);
}

static void holes_read_zero_and_cost_neither_blocks_nor_requests(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);
    uint64_t reads = d->dev->counters.reads;
    uint8_t page[FS_PAGE_BYTES];
    uint32_t blocks = 99;
    bool stored = true;

    assert_int_equal(inode_set_bytes(ino, 1000 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_read_pages(ino, 500, 1, page, &blocks), 0);
    assert_int_equal(blocks, 0);
    assert_true(disk_page_is(ino, 500, 0));
    assert_int_equal(inode_page_stored(ino, 500, &stored), 0);
    assert_false(stored);
    assert_int_equal(volume_free_pages(d->volume), free_pages);
    assert_int_equal(d->dev->counters.reads, reads);
    assert_int_equal(inode_write_pages(ino, 900, 1, disk_page(4)), 0);
    assert_int_equal(inode_page_stored(ino, 900, &stored), 0);
    assert_true(stored);
    assert_true(disk_page_is(ino, 899, 0));
    assert_true(disk_page_is(ino, 900, 4));
    assert_true(disk_page_is(ino, 901, 0));
    inode_put(ino);
}

static void what_lies_past_the_end_reads_zero(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint8_t page[2 * FS_PAGE_BYTES];

    assert_int_equal(inode_set_bytes(ino, 100), 0);
    assert_int_equal(inode_write_pages(ino, 0, 1, disk_page(8)), 0);
    memset(page, 1, sizeof(page));
    assert_int_equal(inode_read_pages(ino, 0, 2, page, NULL), 0);
    assert_int_equal(page[99], 8);
    for (size_t i = 100; i < sizeof(page); i++)
        assert_int_equal(page[i], 0);
    assert_true(disk_page_is(ino, UINT64_MAX / FS_PAGE_BYTES, 0));
    inode_put(ino);
}

static void a_large_file_uses_every_level_of_indirection(void **state)
{
    static const uint64_t places[] = {0, 11, 12, 1035, 1036, 5000, 1049611, 1049612, 5000000};
    enum { PLACES = sizeof(places) / sizeof(places[0]) };
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);

    assert_int_equal(inode_set_bytes(ino, 6000000ull * FS_PAGE_BYTES), 0);
    for (uint8_t i = 0; i < PLACES; i++)
        assert_int_equal(inode_write_pages(ino, places[i], 1, disk_page((uint8_t)(i + 1))), 0);
    inode_put(ino);
    disk_remount(d);
    assert_int_equal(disk_fsck(d), 0);
    ino = disk_open(d, "/file");
    for (uint8_t i = 0; i < PLACES; i++)
        assert_true(disk_page_is(ino, places[i], (uint8_t)(i + 1)));
    /* Cut just behind each place in turn, from the last. */
    for (unsigned i = PLACES; i-- > 0;) {
        assert_int_equal(inode_set_bytes(ino, (places[i] + 1) * FS_PAGE_BYTES), 0);
        assert_true(disk_page_is(ino, places[i], (uint8_t)(i + 1)));
        assert_true(volume_check(d->volume));
        assert_int_equal(inode_set_bytes(ino, places[i] * FS_PAGE_BYTES), 0);
        assert_true(volume_check(d->volume));
    }
    assert_int_equal(volume_free_pages(d->volume), free_pages);
    inode_put(ino);
}

static void truncating_frees_pages_and_growing_again_shows_zeros(void **state)
{
    struct disk *d = *state;
    struct inode *ino;
    uint64_t free_pages;

    disk_fill_file(d, "/file", 40, 1);
    ino = disk_open(d, "/file");
    free_pages = volume_free_pages(d->volume);
    assert_int_equal(inode_set_bytes(ino, 5 * FS_PAGE_BYTES + 10), 0);
    assert_int_equal(inode_bytes(ino), 5 * FS_PAGE_BYTES + 10);
    assert_int_equal(volume_free_pages(d->volume),
                     free_pages + 34 + 1); /* and the indirect block */
    assert_int_equal(inode_set_bytes(ino, 40 * FS_PAGE_BYTES), 0);
    assert_int_equal(volume_free_pages(d->volume), free_pages + 34 + 1);
    assert_true(disk_page_is(ino, 4, 5));
    assert_true(disk_page_is(ino, 6, 0));
    assert_true(disk_page_is(ino, 39, 0));
    inode_put(ino);
    disk_remount(d);
    assert_int_equal(disk_fsck(d), 0);
}

static void a_file_has_a_largest_size(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");

    assert_int_equal(inode_set_bytes(ino, (uint64_t)1 << 40), 0);
    assert_int_equal(inode_bytes(ino), (uint64_t)1 << 40);
    assert_int_equal(inode_set_bytes(ino, (uint64_t)1 << 42), -EFBIG);
    assert_int_equal(inode_set_bytes(ino, UINT64_MAX), -EFBIG);
    assert_int_equal(inode_write_pages(ino, (uint64_t)1 << 30, 1, disk_page(1)), -EFBIG);
    assert_int_equal(inode_reserve_page(ino, (uint64_t)1 << 50), -EFBIG);
    assert_int_equal(inode_extend_page(ino, 0, (uint64_t)1 << 50), -EFBIG);
    assert_int_equal(inode_bytes(ino), (uint64_t)1 << 40);
    inode_put(ino);
}

static void a_reserved_page_takes_space_but_no_request_and_reads_zero(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);
    uint64_t writes = d->dev->counters.writes;

    assert_int_equal(inode_set_bytes(ino, 3 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_reserve_page(ino, 1), 0);
    assert_int_equal(inode_reserve_page(ino, 1), 0);
    assert_int_equal(volume_free_pages(d->volume), free_pages - 1);
    assert_int_equal(d->dev->counters.writes, writes);
    assert_true(disk_page_is(ino, 1, 0));
    assert_true(volume_check(d->volume));
    inode_put(ino);
}

/* The block of a reserved page once belonged to another file: its bytes must never show. */
static void a_reserved_page_never_shows_what_its_block_held(void **state)
{
    struct disk *d = *state;
    struct inode *ino;
    uint64_t all = volume_free_pages(d->volume);

    disk_fill_file(d, "/secret", (uint32_t)all - 20, 200);
    assert_int_equal(inode_unlink(d->volume, "/secret"), 0);
    ino = disk_create(d, "/file");
    assert_int_equal(inode_extend_page(ino, 0, 4 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_bytes(ino), 4 * FS_PAGE_BYTES);
    assert_int_equal(inode_extend_page(ino, 1, 0), 0);
    assert_int_equal(inode_extend_page(ino, 3, 0), 0);
    assert_int_equal(inode_bytes(ino), 4 * FS_PAGE_BYTES);
    assert_int_equal(inode_write_pages(ino, 1, 1, disk_page(1)), 0);
    inode_put(ino); /* also when the file is closed before the volume is synced */
    ino = disk_open(d, "/file");
    assert_true(disk_page_is(ino, 0, 0));
    inode_put(ino);
    disk_remount(d);
    ino = disk_open(d, "/file");
    assert_true(disk_page_is(ino, 0, 0));
    assert_true(disk_page_is(ino, 1, 1));
    assert_true(disk_page_is(ino, 3, 0));
    inode_put(ino);
}

static void a_reserved_page_can_be_cut_off(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);

    assert_int_equal(inode_extend_page(ino, 20, 21 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_reserve_page(ino, 25), 0); /* past the end */
    assert_int_equal(inode_set_bytes(ino, 0), 0);
    assert_int_equal(volume_free_pages(d->volume), free_pages);
    assert_int_equal(inode_set_bytes(ino, 21 * FS_PAGE_BYTES), 0);
    assert_int_equal(volume_sync(d->volume), 0);
    assert_true(volume_check(d->volume));
    inode_put(ino);
}

static void blocks_past_the_end_go_with_the_next_size(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);

    assert_int_equal(inode_write_pages(ino, 0, 1, disk_page(1)), 0);
    assert_int_equal(inode_write_pages(ino, 5, 1, disk_page(1)), 0);
    assert_int_equal(inode_set_bytes(ino, 2 * FS_PAGE_BYTES), 0);
    assert_int_equal(volume_free_pages(d->volume), free_pages - 1);
    assert_true(disk_page_is(ino, 0, 1));
    inode_put(ino);
    disk_remount(d);
    assert_int_equal(disk_fsck(d), 0);
}

static void a_full_disk_says_so_and_keeps_what_it_has(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/big");
    struct inode *other;
    uint8_t *run = test_malloc(64 * FS_PAGE_BYTES);
    uint64_t pages = 0;
    uint64_t before;

    assert_int_equal(inode_set_bytes(ino, 16384ull * FS_PAGE_BYTES), 0);
    while (inode_write_pages(ino, pages, 1, disk_page((uint8_t)pages)) == 0)
        pages++;
    assert_int_equal(inode_write_pages(ino, pages, 1, disk_page(1)), -ENOSPC);
    assert_true(volume_free_pages(d->volume) == 0);
    assert_int_equal(inode_reserve_page(ino, pages), -ENOSPC);
    assert_int_equal(inode_extend_page(ino, pages, 20000ull * FS_PAGE_BYTES), -ENOSPC);
    assert_int_equal(inode_bytes(ino), 16384ull * FS_PAGE_BYTES);
    assert_int_equal(inode_create(d->volume, "/new/dir/file", true, &other), -ENOSPC);
    assert_true(volume_check(d->volume));
    assert_int_equal(volume_sync(d->volume), 0);
    for (uint64_t i = 0; i < pages; i++)
        assert_true(disk_page_is(ino, i, (uint8_t)i));
    /* A run that does not fit takes nothing at all. */
    assert_int_equal(inode_set_bytes(ino, (pages - 5) * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_set_bytes(ino, 16384ull * FS_PAGE_BYTES), 0);
    before = volume_free_pages(d->volume);
    memset(run, 1, 64 * FS_PAGE_BYTES);
    assert_int_equal(inode_write_pages(ino, pages - 5, 64, run), -ENOSPC);
    assert_int_equal(volume_free_pages(d->volume), before);
    assert_int_equal(inode_write_pages(ino, pages - 5, (uint32_t)before, run), 0);
    inode_put(ino);
    disk_remount(d);
    assert_int_equal(disk_fsck(d), 0);
    test_free(run);
}

static void a_long_run_is_written_whole(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint8_t *run = test_malloc(200 * FS_PAGE_BYTES);

    for (unsigned i = 0; i < 200; i++)
        memset(run + i * FS_PAGE_BYTES, (int)i, FS_PAGE_BYTES);
    assert_int_equal(inode_set_bytes(ino, 200 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_write_pages(ino, 0, 200, run), 0);
    for (unsigned i = 0; i < 200; i++)
        assert_true(disk_page_is(ino, i, (uint8_t)i));
    inode_put(ino);
    test_free(run);
}

/*
 * A freed indirect block still sits in the cache of metadata blocks, dirty: it must not overwrite
 * the data that its block holds next.
 */
static void data_in_a_block_that_was_metadata_stays(void **state)
{
    struct disk *d = *state;
    uint32_t pages;

    disk_fill_file(d, "/first", 1000, 1);
    assert_int_equal(inode_unlink(d->volume, "/first"), 0);
    disk_fill_file(d, "/shift", 1, 1); /* or metadata would come to lie where metadata was */
    pages = (uint32_t)volume_free_pages(d->volume) - 20;
    disk_fill_file(d, "/second", pages, 7); /* nearly all blocks, so also those */
    disk_check_file(d, "/second", pages, 7);
    disk_remount(d);
    disk_check_file(d, "/second", pages, 7);
}

/*
 * More metadata than the cache of metadata blocks holds: it goes to the device between operations.
 * /
 */
static void more_metadata_than_the_cache_holds_is_written_on_the_way(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");

    assert_int_equal(inode_set_bytes(ino, 900ull * 1024 * FS_PAGE_BYTES), 0);
    for (uint64_t i = 0; i < 800; i++) /* an indirect block for every page */
        assert_int_equal(inode_write_pages(ino, 1036 + i * 1024, 1, disk_page((uint8_t)i)), 0);
    for (uint64_t i = 0; i < 800; i++)
        assert_true(disk_page_is(ino, 1036 + i * 1024, (uint8_t)i));
    assert_true(volume_check(d->volume));
    assert_int_equal(volume_sync(d->volume), 0);
    assert_int_equal(inode_set_bytes(ino, 1), 0);
    assert_true(volume_check(d->volume));
    inode_put(ino);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_written_are_read_also_after_a_remount, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_of_neighbouring_blocks_is_one_request, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(holes_read_zero_and_cost_neither_blocks_nor_requests,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_lies_past_the_end_reads_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_file_uses_every_level_of_indirection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(truncating_frees_pages_and_growing_again_shows_zeros,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_has_a_largest_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reserved_page_takes_space_but_no_request_and_reads_zero,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reserved_page_never_shows_what_its_block_held, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reserved_page_can_be_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blocks_past_the_end_go_with_the_next_size, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_says_so_and_keeps_what_it_has, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_long_run_is_written_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(data_in_a_block_that_was_metadata_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_metadata_than_the_cache_holds_is_written_on_the_way,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
