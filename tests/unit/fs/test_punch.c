/* Holes punched into files, and blocks reserved for many pages at once. */
#include <stdio.h>

#include "disk.h"

static int set_up(void **state)
{
    struct disk *d = test_malloc(sizeof(*d));

    disk_up(d, 8 * MIB);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct disk *d = *state;

    assert_true(volume_check(d->volume));
    assert_int_equal(volume_unmount(d->volume), 0);
    d->volume = NULL;
    assert_int_equal(disk_fsck(d), 0);
    disk_down(d);
    test_free(d);
    return 0;
}

/* 600 pages use direct blocks, a table, and no second table yet (12 + 1024). */
static void punching_frees_blocks_and_keeps_the_size(void **state)
{
    struct disk *d = *state;
    uint64_t free_before;
    struct inode *ino;

    inode_put(disk_create(d, "/other"));
    free_before = volume_free_pages(d->volume);
    disk_fill_file(d, "/file", 600, 1);
    ino = disk_open(d, "/file");
    assert_int_equal(inode_punch(ino, 5, 100), 0);
    assert_int_equal(inode_bytes(ino), 600 * FS_PAGE_BYTES);
    assert_true(disk_page_is(ino, 4, 5));
    assert_true(disk_page_is(ino, 5, 0));
    assert_true(disk_page_is(ino, 99, 0));
    assert_true(disk_page_is(ino, 100, 101));
    assert_int_equal(volume_free_pages(d->volume), free_before - 601 + 95);
    assert_int_equal(inode_punch(ino, 5, 100), 0); /* nothing is left to punch */
    assert_int_equal(inode_punch(ino, 0, UINT64_MAX), 0);
    assert_int_equal(volume_free_pages(d->volume), free_before); /* the table as well */
    assert_int_equal(inode_bytes(ino), 600 * FS_PAGE_BYTES);
    assert_int_equal(inode_write_pages(ino, 50, 1, disk_page(9)), 0);
    assert_true(disk_page_is(ino, 50, 9));
    inode_put(ino);
    disk_remount(d);
    ino = disk_open(d, "/file");
    assert_true(disk_page_is(ino, 50, 9));
    assert_true(disk_page_is(ino, 4, 0));
    inode_put(ino);
}

static void an_empty_punch_changes_nothing(void **state)
{
    struct disk *d = *state;
    struct inode *ino;

    disk_fill_file(d, "/file", 3, 1);
    ino = disk_open(d, "/file");
    assert_int_equal(inode_punch(ino, 2, 2), 0);
    assert_int_equal(inode_punch(ino, 7, 3), 0);
    assert_int_equal(inode_punch(ino, 3, 1000), 0);
    inode_put(ino);
    disk_check_file(d, "/file", 3, 1);
}

/* What was reserved and never written is a hole again, and nothing zeroes it later. */
static void punching_takes_back_reservations(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    bool stored;

    assert_int_equal(inode_extend_pages(ino, 0, 40, 40 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_punch(ino, 10, 30), 0);
    disk_fill_file(d, "/second", 25, 3); /* gets some of the blocks, and keeps its bytes */
    assert_int_equal(volume_sync(d->volume), 0);
    disk_check_file(d, "/second", 25, 3);
    assert_int_equal(inode_page_stored(ino, 9, &stored), 0);
    assert_true(stored); /* zeros by now */
    assert_int_equal(inode_page_stored(ino, 10, &stored), 0);
    assert_false(stored);
    inode_put(ino);
}

static void reserving_is_all_or_nothing(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);

    assert_int_equal(inode_write_pages(ino, 3, 1, disk_page(7)), 0);
    assert_int_equal(inode_set_bytes(ino, 4 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_extend_pages(ino, 0, free_pages + 5, (free_pages + 5) * FS_PAGE_BYTES),
                     -ENOSPC);
    assert_int_equal(inode_bytes(ino), 4 * FS_PAGE_BYTES);
    assert_int_equal(volume_free_pages(d->volume), free_pages - 1);
    assert_true(volume_check(d->volume));
    assert_int_equal(inode_extend_pages(ino, 0, 300, 300 * FS_PAGE_BYTES - 7), 0);
    assert_int_equal(inode_bytes(ino), 300 * FS_PAGE_BYTES - 7);
    assert_true(disk_page_is(ino, 3, 7));
    assert_true(disk_page_is(ino, 299, 0));
    assert_true(volume_free_pages(d->volume) <= free_pages - 300);
    assert_int_equal(inode_extend_pages(ino, 0, UINT64_MAX / FS_PAGE_BYTES, 0), -EFBIG);
    /* Room is room: the disk may be full otherwise. */
    disk_fill_file(d, "/rest", (uint32_t)volume_free_pages(d->volume) - 6, 1);
    assert_int_equal(inode_write_pages(ino, 299, 1, disk_page(8)), 0);
    inode_put(ino);
}

/* ext2 has no blocks behind the end of a file: e2fsck would find a wrong size. */
static void what_lies_behind_the_end_goes_with_the_last_reference(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);

    assert_int_equal(inode_set_bytes(ino, FS_PAGE_BYTES), 0);
    assert_int_equal(inode_reserve_pages(ino, 0, 20), 0);
    assert_int_equal(inode_bytes(ino), FS_PAGE_BYTES);
    inode_put(ino);
    assert_int_equal(volume_sync(d->volume), 0);
    assert_int_equal(volume_free_pages(d->volume), free_pages - 1);
}

static void seeking_finds_what_is_there(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    const uint64_t pages[] = {0, 11, 12, 1035, 1036, 5000, 1024 * 1024 + 2000};
    uint64_t page = 0;

    assert_int_equal(inode_set_bytes(ino, (uint64_t)1 << 40), 0);
    assert_int_equal(inode_seek_blocks(ino, &page), -ENOENT);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        assert_int_equal(inode_write_pages(ino, pages[i], 1, disk_page(1)), 0);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        assert_int_equal(inode_seek_blocks(ino, &page), 0);
        assert_int_equal(page, pages[i]);
        page++;
    }
    assert_int_equal(inode_seek_blocks(ino, &page), -ENOENT);
    assert_int_equal(inode_check_blocks(ino), 0);
    inode_put(ino);
}

/* Each read, write and allocation fails in turn: nothing is half done, and again is enough. */
static int punch_and_reserve(struct inode *ino, unsigned step)
{
    return step == 0 ? inode_punch(ino, 3, 40)
                     : inode_extend_pages(ino, 20, 60, 60 * FS_PAGE_BYTES);
}

static bool fail_once(uint64_t n, enum dev_request kind, bool memory)
{
    struct disk d;
    struct inode *ino;
    bool met = false;

    disk_up(&d, MIB);
    disk_fill_file(&d, "/file", 50, 1);
    disk_remount(&d);
    ino = disk_open(&d, "/file");
    if (memory)
        d.alloc.fail_at = d.alloc.calls + n;
    else
        disk_fail(&d, kind, n, false);
    for (unsigned step = 0; step < 2; step++) {
        uint64_t free_before = volume_free_pages(d.volume);
        uint64_t bytes = inode_bytes(ino);
        int err = punch_and_reserve(ino, step);

        if (err == 0)
            continue;
        met = true;
        assert_true(err == -EIO || err == -ENOMEM);
        assert_int_equal(volume_free_pages(d.volume), free_before);
        assert_int_equal(inode_bytes(ino), bytes);
        assert_true(volume_check(d.volume));
        assert_int_equal(punch_and_reserve(ino, step), 0);
    }
    d.alloc.fail_at = 0;
    disk_fail(&d, kind, 0, false);
    assert_true(disk_page_is(ino, 2, 3));
    assert_true(disk_page_is(ino, 3, 0));
    assert_true(disk_page_is(ino, 45, 46));
    inode_put(ino);
    disk_down(&d);
    return met;
}

static void each_failure_leaves_the_file_as_it_was(void **state)
{
    unsigned met = 0;

    (void)state;
    for (uint64_t n = 1; n < 12; n++) {
        met += fail_once(n, DEV_READ, false);
        met += fail_once(n, DEV_WRITE, false);
        met += fail_once(n, DEV_READ, true);
    }
    assert_true(met >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(punching_frees_blocks_and_keeps_the_size, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_empty_punch_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(punching_takes_back_reservations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reserving_is_all_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_lies_behind_the_end_goes_with_the_last_reference,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(seeking_finds_what_is_there, set_up, tear_down),
        cmocka_unit_test(each_failure_leaves_the_file_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
