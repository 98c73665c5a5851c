/*
 * Files that were open and without a name when the power went: the list of them on disk, as the
 * next mount finds it.
 */
#include <stdio.h>

#include "disk.h"

#define MANY       1200u /* their inodes lie in more blocks than wait for one commit of a small journal */
#define PER_FOLDER 100u

/* Of an inode on disk, in bytes. */
#define INODE_BYTES 128u
#define AT_LINKS    26u
#define AT_SECTORS  28u
#define AT_FLAGS    32u
#define EXTENTS     0x80000u
#define REGULAR     0100644u

static struct inode *make_orphan(struct disk *d, const char *path)
{
    struct inode *ino = disk_create(d, path);

    assert_int_equal(inode_write_pages(ino, 0, 1, disk_page(7)), 0);
    assert_int_equal(inode_unlink(d->volume, path), 0);
    return ino;
}

/* The power goes: nothing more is written, and nobody has the files open. */
static void cut(struct disk *d, struct inode **open, unsigned count)
{
    disk_fail(d, DEV_WRITE, 1, true);
    for (unsigned i = 0; i < count; i++)
        inode_put(open[i]);
    volume_abandon(d->volume);
    d->volume = NULL;
    disk_fail(d, DEV_WRITE, 0, false);
}

static void mount(struct disk *d)
{
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
}

/* Freeing them all takes more than one commit: after the first the list must have the others. */
static void a_cut_of_the_mount_that_frees_them_loses_none(void **state)
{
    static struct inode *open[MANY];
    struct disk d;
    uint64_t free_pages;

    (void)state;
    if (!disk_have("mke2fs"))
        skip();
    disk_blank(&d, 16 * MIB);
    assert_int_equal(
        disk_run(&d, "mke2fs -q -F -b 1024 -I 256 -N 4096 -O has_journal -J size=1 $image"), 0);
    mount(&d);
    free_pages = volume_free_pages(d.volume);
    for (unsigned i = 0; i < MANY; i++) {
        char path[40];

        snprintf(path, sizeof(path), "/folder%u/%u", i / PER_FOLDER, i % PER_FOLDER);
        open[i] = make_orphan(&d, path);
    }
    assert_int_equal(volume_sync(d.volume), 0);
    cut(&d, open, MANY);
    mount(&d);
    cut(&d, NULL, 0); /* what the mount has committed on its way stays */
    mount(&d);
    assert_true(volume_check(d.volume));
    assert_true(volume_free_pages(d.volume) + 2 * MANY / PER_FOLDER >= free_pages);
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    assert_int_equal(disk_fsck(&d), 0);
    disk_down(&d);
}

/* Says of the one file without a name that its blocks are found as ext4 does it. */
static void damage_orphan(struct disk *d)
{
    uint8_t *bytes = test_malloc(MIB);
    unsigned found = 0;

    assert_int_equal(dev_read(d->ram, 0, MIB / DEV_BLOCK_BYTES, bytes), 0);
    for (uint8_t *inode = bytes; inode < bytes + MIB; inode += INODE_BYTES) {
        uint32_t flags = EXTENTS;

        if ((inode[0] | inode[1] << 8) != REGULAR || inode[AT_LINKS] != 0 || inode[AT_SECTORS] == 0)
            continue;
        memcpy(inode + AT_FLAGS, &flags, sizeof(flags));
        found++;
    }
    assert_true(found > 0); /* its copy in the journal, too, which is not replayed */
    assert_int_equal(dev_write(d->ram, 0, MIB / DEV_BLOCK_BYTES, bytes), 0);
    test_free(bytes);
}

static void one_that_cannot_be_of_ext2_is_refused(void **state)
{
    struct disk d;
    struct inode *ino;

    (void)state;
    disk_up(&d, 16 * MIB);
    ino = make_orphan(&d, "/file");
    assert_int_equal(volume_sync(d.volume), 0);
    cut(&d, &ino, 1);
    damage_orphan(&d);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), -EUCLEAN);
    d.volume = NULL;
    disk_down(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_of_the_mount_that_frees_them_loses_none),
        cmocka_unit_test(one_that_cannot_be_of_ext2_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
