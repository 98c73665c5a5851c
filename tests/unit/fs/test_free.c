/*
 * Freeing parts of a file: exactly the pages of the part lose their blocks, on every level of the
 * block map, and tables that are left empty go, too; and what is freed after its power went.
 */
#include "disk.h"

#include "base/prng.h"

/* Pages next to the borders of the map's levels: 12, 12 + 1024, and tables of the second level. */
static const uint64_t borders[] = {12, 1036, 2060, 3084, 12 + 1024 + 1024 * 1024ull};

#define BORDERS (sizeof(borders) / sizeof(borders[0]))
#define AROUND  6u /* pages on each side of a border */
#define PAGES   (BORDERS * 2 * AROUND)
#define PUNCHES 60u

static int set_up(void **state)
{
    struct disk *d = test_malloc(sizeof(*d));

    disk_up(d, 20 * MIB);
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

/* The i-th page that the tests look at, in the file's order. */
static uint64_t page_at(uint64_t i)
{
    return borders[i / (2 * AROUND)] - AROUND + i % (2 * AROUND);
}

/* Fills those that are holes. */
static void fill(struct inode *ino, bool there[PAGES])
{
    assert_int_equal(inode_set_bytes(ino, (page_at(PAGES - 1) + 1) * FS_PAGE_BYTES), 0);
    for (uint64_t i = 0; i < PAGES; i++) {
        assert_int_equal(inode_write_pages(ino, page_at(i), 1, disk_page((uint8_t)(1 + i))), 0);
        there[i] = true;
    }
}

static void check(struct inode *ino, const bool there[PAGES])
{
    for (uint64_t i = 0; i < PAGES; i++) {
        bool stored;

        assert_int_equal(inode_page_stored(ino, page_at(i), &stored), 0);
        assert_int_equal(stored, there[i]);
        assert_true(disk_page_is(ino, page_at(i), (uint8_t)(there[i] ? 1 + i : 0)));
    }
}

static void a_hole_takes_its_own_pages_only(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    bool there[PAGES];
    struct prng prng;

    prng_seed(&prng, 5);
    for (unsigned n = 0; n < PUNCHES; n++) {
        uint64_t first = prng_below(&prng, PAGES);
        uint64_t last = first + prng_below(&prng, n % 2 ? 5 : PAGES - first);

        if (n % 6 == 0)
            fill(ino, there);
        if (last >= PAGES)
            last = PAGES - 1;
        assert_int_equal(inode_punch(ino, page_at(first), page_at(last) + 1), 0);
        for (uint64_t i = first; i <= last; i++)
            there[i] = false;
        check(ino, there);
        assert_true(volume_check(d->volume));
    }
    inode_put(ino);
    assert_int_equal(disk_fsck(d), 0);
}

/* All blocks of a file with three levels of tables come back, whether from the end or in parts. */
static void empty_tables_are_freed(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    uint64_t free_pages = volume_free_pages(d->volume);
    bool there[PAGES];

    for (unsigned way = 0; way < 2; way++) {
        fill(ino, there);
        assert_true(volume_free_pages(d->volume) + PAGES < free_pages);
        for (uint64_t i = 0; way == 0 && i < PAGES; i++)
            assert_int_equal(inode_punch(ino, page_at(i), page_at(i) + 1), 0);
        if (way == 1)
            assert_int_equal(inode_set_bytes(ino, 0), 0);
        assert_int_equal(volume_sync(d->volume), 0);
        assert_int_equal(volume_free_pages(d->volume), free_pages);
    }
    inode_put(ino);
}

/* The log holds what was freed before the failure: it is all there again. */
static void a_failure_in_the_middle_frees_nothing(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    bool there[PAGES];
    int err = -EIO;

    fill(ino, there);
    inode_put(ino);
    for (uint64_t n = 1; err != 0; n++) {
        disk_remount(d);
        ino = disk_open(d, "/file");
        disk_fail(d, DEV_READ, n, false);
        err = inode_punch(ino, page_at(1), page_at(PAGES - 1));
        disk_fail(d, DEV_READ, 0, false);
        if (err != 0)
            check(ino, there);
        inode_put(ino);
    }
}

/* Without a journal: the power goes while somebody has the file open. */
static void a_file_without_a_name_is_buried_at_the_next_mount(void **state)
{
    struct disk *d = *state;
    struct inode *ino;

    disk_down(d);
    disk_up(d, 2 * MIB);
    ino = disk_create(d, "/file");
    assert_int_equal(inode_write_pages(ino, 0, 1, disk_page(1)), 0);
    assert_int_equal(inode_set_bytes(ino, FS_PAGE_BYTES), 0);
    assert_int_equal(inode_unlink(d->volume, "/file"), 0);
    assert_int_equal(volume_sync(d->volume), 0);
    disk_fail(d, DEV_WRITE, 1, true);
    inode_put(ino);
    volume_abandon(d->volume);
    disk_fail(d, DEV_WRITE, 0, false);
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
    disk_remount(d);
    assert_true(volume_check(d->volume));
    assert_int_equal(disk_fsck(d), 0);
}

/*
 * A volume without a journal: of a file that grew, a power cut may keep the table of blocks and not
 * the inode that goes with it.
 */
static void a_table_without_its_inode_gives_up_what_lies_behind_the_end(void **state)
{
    struct disk *d = *state;
    struct inode *ino;

    if (!disk_have("debugfs"))
        skip();
    disk_down(d);
    disk_up(d, 2 * MIB);
    ino = disk_create(d, "/file");
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(inode_write_pages(ino, i, 1, disk_page(1)), 0);
    assert_int_equal(inode_set_bytes(ino, 20 * FS_PAGE_BYTES), 0);
    assert_int_equal(volume_sync(d->volume), 0);
    inode_put(ino);
    volume_abandon(d->volume);
    assert_int_equal(disk_run(d, "debugfs -w -R 'sif /file size 57344' $image"), 0);
    assert_int_equal(disk_run(d, "debugfs -w -R 'sif /file blocks 120' $image"), 0);
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
    ino = disk_open(d, "/file");
    assert_int_equal(inode_bytes(ino), 14 * FS_PAGE_BYTES);
    assert_int_equal(inode_set_bytes(ino, 20 * FS_PAGE_BYTES), 0);
    assert_true(disk_page_is(ino, 13, 1));
    assert_true(disk_page_is(ino, 14, 0));
    inode_put(ino);
    disk_remount(d);
    assert_true(volume_check(d->volume));
    assert_int_equal(disk_fsck(d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hole_takes_its_own_pages_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_tables_are_freed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_in_the_middle_frees_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_without_a_name_is_buried_at_the_next_mount, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_table_without_its_inode_gives_up_what_lies_behind_the_end,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests_name("free", tests, NULL, NULL);
}
