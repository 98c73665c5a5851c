/*
 * Images that other tools made: mke2fs with small blocks and large inodes, features beyond ext2,
 * damage.
 */
#include "disk.h"

#include <stdio.h>

#define DISK_BYTES (8 * MIB)

/* A file of FILE_BYTES bytes, byte i being 32 + i % 90, put in by debugfs. */
#define MAKE_FILE                                                                              \
    " && awk 'BEGIN { for (i = 0; i < 50000; i++) printf \"%c\", 32 + i % 90 }' > $image.data" \
    " && debugfs -w -R \"write $image.data inside\" $image && rm $image.data"
#define FILE_BYTES 50000u

/* A file system larger than its device. */
#define MAKE_TOO_LARGE                                                                        \
    "mke2fs -q -F $image && truncate -s 64M $image && resize2fs -f $image && truncate -s 8M " \
    "$image"

static void disk_make(struct disk *d, const char *command)
{
    if (!disk_have("mke2fs") || !disk_have("debugfs") || !disk_have("resize2fs"))
        skip();
    disk_blank(d, DISK_BYTES);
    if (disk_run(d, command) != 0) {
        disk_down(d);
        fail();
    }
}

static uint8_t expected_byte(uint64_t offset)
{
    return offset < FILE_BYTES ? (uint8_t)(32 + offset % 90) : 0;
}

static void check_inside(struct disk *d)
{
    struct inode *ino = disk_open(d, "/inside");
    uint8_t *bytes = test_malloc(16 * FS_PAGE_BYTES);

    assert_int_equal(inode_bytes(ino), FILE_BYTES);
    memset(bytes, 1, 16 * FS_PAGE_BYTES);
    assert_int_equal(inode_read_pages(ino, 0, 16, bytes, NULL), 0);
    for (uint64_t i = 0; i < 16 * FS_PAGE_BYTES; i++)
        assert_int_equal(bytes[i], expected_byte(i));
    test_free(bytes);
    inode_put(ino);
}

/* Reads what is there, then works on it in all ways and lets e2fsck judge. */
static void work_on(struct disk *d)
{
    struct inode *ino;
    uint64_t free_pages;

    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
    assert_true(volume_check(d->volume));
    check_inside(d);
    free_pages = volume_free_pages(d->volume);
    disk_fill_file(d, "/dir/new", 90, 3);
    ino = disk_open(d, "/inside");
    assert_int_equal(inode_write_pages(ino, 1, 1, disk_page(9)), 0);
    assert_int_equal(inode_set_bytes(ino, 6000), 0);
    assert_int_equal(inode_extend_page(ino, 3, 3 * FS_PAGE_BYTES + 1500), 0);
    assert_true(disk_page_is(ino, 2, 0));
    assert_true(disk_page_is(ino, 3, 0));
    assert_int_equal(inode_set_bytes(ino, 5 * FS_PAGE_BYTES + 1), 0);
    inode_put(ino);
    assert_true(volume_check(d->volume));
    disk_remount(d);
    disk_check_file(d, "/dir/new", 90, 3);
    ino = disk_open(d, "/inside");
    assert_int_equal(inode_bytes(ino), 5 * FS_PAGE_BYTES + 1);
    assert_true(disk_page_is(ino, 2, 0));
    inode_put(ino);
    assert_int_equal(inode_unlink(d->volume, "/dir/new"), 0);
    assert_int_equal(inode_unlink(d->volume, "/inside"), 0);
    assert_true(volume_free_pages(d->volume) >= free_pages);
    assert_true(volume_check(d->volume));
    assert_int_equal(volume_unmount(d->volume), 0);
    d->volume = NULL;
    assert_int_equal(disk_fsck(d), 0);
}

static void an_image_with_1_kib_blocks_is_read_and_written(void **state)
{
    struct disk d;

    (void)state;
    disk_make(&d, "mke2fs -q -F -b 1024 $image" MAKE_FILE);
    work_on(&d);
    disk_down(&d);
}

static void an_image_with_2_kib_blocks_is_read_and_written(void **state)
{
    struct disk d;

    (void)state;
    disk_make(&d, "mke2fs -q -F -b 2048 -I 128 $image" MAKE_FILE);
    work_on(&d);
    disk_down(&d);
}

static void an_image_with_4_kib_blocks_and_large_inodes_is_read_and_written(void **state)
{
    struct disk d;

    (void)state;
    disk_make(&d, "mke2fs -q -F -b 4096 -I 256 $image" MAKE_FILE);
    work_on(&d);
    disk_down(&d);
}

/*
 * On small blocks a reserved page is zeroed at once, block by block, and leaves existing blocks
 * alone.
 */
static void a_reserved_page_of_small_blocks_never_shows_what_they_held(void **state)
{
    struct disk d;
    struct inode *ino;
    uint8_t page[FS_PAGE_BYTES];

    (void)state;
    disk_make(&d, "mke2fs -q -F -b 1024 $image");
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    disk_fill_file(&d, "/secret", (uint32_t)volume_free_pages(d.volume) - 50, 1);
    assert_int_equal(inode_unlink(d.volume, "/secret"), 0);
    ino = disk_create(&d, "/file");
    assert_int_equal(inode_extend_page(ino, 0, 1024), 0);
    assert_int_equal(inode_write_pages(ino, 0, 1, disk_page(8)), 0);
    assert_int_equal(inode_extend_page(ino, 0, FS_PAGE_BYTES), 0);
    assert_int_equal(inode_read_pages(ino, 0, 1, page, NULL), 0);
    assert_int_equal(page[1023], 8);
    for (unsigned i = 1024; i < FS_PAGE_BYTES; i++)
        assert_int_equal(page[i], 0);
    inode_put(ino);
    disk_down(&d);
}

static void what_is_more_than_ext2_is_refused(void **state)
{
    static const char *const commands[] = {
        "mke2fs -q -F -t ext4 $image",
        "mke2fs -q -F -O extents $image",
        "mke2fs -q -F -b 1024 -O ^resize_inode,64bit,extents $image",
        "mke2fs -q -F -O mmp $image",
        "mke2fs -q -F -b 8192 $image",
        MAKE_TOO_LARGE,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct disk d;

        disk_make(&d, commands[i]);
        assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), -EUCLEAN);
        d.volume = NULL;
        disk_down(&d);
    }
}

static void links_and_special_files_are_told_apart(void **state)
{
    struct disk d;
    struct inode *ino;

    (void)state;
    disk_make(&d, "mke2fs -q -F $image && debugfs -w -R 'symlink link target' $image"
                  " && debugfs -w -R 'mknod pipe p' $image");
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    assert_int_equal(inode_open(d.volume, "/link", &ino), -ELOOP);
    assert_int_equal(inode_open(d.volume, "/link/x", &ino), -ELOOP);
    assert_int_equal(inode_open(d.volume, "/pipe", &ino), -ENXIO);
    disk_down(&d);
}

static void a_hard_link_keeps_the_file(void **state)
{
    struct disk d;
    struct inode *ino;

    (void)state;
    disk_make(&d, "mke2fs -q -F $image" MAKE_FILE " && debugfs -w -R 'ln inside second' $image"
                  " && debugfs -w -R 'set_inode_field inside links_count 2' $image");
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    ino = disk_open(&d, "/inside");
    assert_int_equal(inode_unlink(d.volume, "/second"), 0);
    assert_false(inode_unlinked(ino));
    inode_put(ino);
    check_inside(&d);
    assert_int_equal(inode_unlink(d.volume, "/inside"), 0);
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    assert_int_equal(disk_fsck(&d), 0);
    disk_down(&d);
}

static void an_indexed_directory_takes_new_names(void **state)
{
    struct disk d;
    char path[64];

    (void)state;
    disk_make(&d, "mke2fs -q -F -b 1024 -O dir_index -N 2000 $image");
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    for (int i = 0; i < 150; i++) {
        snprintf(path, sizeof(path), "/directory/with-a-long-name-to-fill-blocks-%d", i);
        inode_put(disk_create(&d, path));
    }
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    /* e2fsck -D builds the index that we do not. */
    assert_true(disk_run(&d, "e2fsck -fyD $image") <= 1);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    for (int i = 150; i < 300; i++) {
        snprintf(path, sizeof(path), "/directory/with-a-long-name-to-fill-blocks-%d", i);
        inode_put(disk_create(&d, path));
    }
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof(path), "/directory/with-a-long-name-to-fill-blocks-%d", i);
        inode_put(disk_open(&d, path));
    }
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    assert_int_equal(disk_fsck(&d), 0);
    disk_down(&d);
}

/* A block number that points out of the volume is an error, not an access. */
static void a_damaged_block_map_is_reported(void **state)
{
    struct disk d;
    struct inode *ino;
    uint8_t page[FS_PAGE_BYTES];
    bool stored;

    (void)state;
    disk_make(&d, "mke2fs -q -F -b 1024 $image" MAKE_FILE
                  " && debugfs -w -R 'set_inode_field inside block[2] 99999999' $image"
                  " && debugfs -w -R 'set_inode_field inside block[IND] 88888888' $image");
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    ino = disk_open(&d, "/inside");
    assert_int_equal(inode_read_pages(ino, 0, 1, page, NULL), -EUCLEAN);
    assert_int_equal(inode_read_pages(ino, 4, 1, page, NULL), -EUCLEAN);
    assert_int_equal(inode_page_stored(ino, 4, &stored), -EUCLEAN);
    assert_int_equal(inode_write_pages(ino, 4, 1, disk_page(1)), -EUCLEAN);
    assert_int_equal(inode_reserve_page(ino, 0), -EUCLEAN);
    assert_int_equal(inode_set_bytes(ino, 0), -EUCLEAN);
    assert_int_equal(inode_bytes(ino), FILE_BYTES);
    assert_false(volume_check(d.volume));
    assert_int_equal(inode_unlink(d.volume, "/inside"), 0);
    inode_put(ino);
    assert_int_equal(volume_sync(d.volume), -EUCLEAN); /* its blocks cannot be freed */
    volume_abandon(d.volume);
    d.volume = NULL;
    disk_down(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_with_1_kib_blocks_is_read_and_written),
        cmocka_unit_test(an_image_with_2_kib_blocks_is_read_and_written),
        cmocka_unit_test(an_image_with_4_kib_blocks_and_large_inodes_is_read_and_written),
        cmocka_unit_test(a_reserved_page_of_small_blocks_never_shows_what_they_held),
        cmocka_unit_test(what_is_more_than_ext2_is_refused),
        cmocka_unit_test(links_and_special_files_are_told_apart),
        cmocka_unit_test(a_hard_link_keeps_the_file),
        cmocka_unit_test(an_indexed_directory_takes_new_names),
        cmocka_unit_test(a_damaged_block_map_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
