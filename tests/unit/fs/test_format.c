/* Making, mounting and refusing file systems. */
#include "disk.h"

static void formatting_twice_gives_the_same_bytes(void **state)
{
    struct disk a;
    struct disk b;
    uint8_t left[DEV_BLOCK_BYTES];
    uint8_t right[DEV_BLOCK_BYTES];

    (void)state;
    disk_up(&a, 4 * MIB);
    disk_up(&b, 4 * MIB);
    disk_fill_file(&a, "/dir/file", 20, 1);
    disk_fill_file(&b, "/dir/file", 20, 1);
    disk_remount(&a);
    disk_remount(&b);
    for (uint64_t block = 0; block < a.ram->blocks; block++) {
        assert_int_equal(dev_read(a.ram, block, 1, left), 0);
        assert_int_equal(dev_read(b.ram, block, 1, right), 0);
        assert_memory_equal(left, right, sizeof(left));
    }
    disk_down(&a);
    disk_down(&b);
}

/* A little-endian word of the device. */
static uint32_t word_at(struct disk *d, uint64_t offset)
{
    uint8_t bytes[DEV_BLOCK_BYTES];
    const uint8_t *at = bytes + offset % DEV_BLOCK_BYTES;

    assert_int_equal(dev_read(d->ram, offset / DEV_BLOCK_BYTES, 1, bytes), 0);
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void no_time_of_the_host_gets_onto_the_volume(void **state)
{
    static const uint32_t fixed = 1704067200; /* 2024-01-01 */
    static const uint64_t super = 1024;
    struct disk d;
    uint64_t root;
    uint64_t file;

    (void)state;
    disk_up(&d, MIB);
    disk_fill_file(&d, "/file", 1, 1); /* inode 12, behind lost+found */
    disk_remount(&d);
    assert_int_equal(word_at(&d, super + 44), 0);      /* s_mtime */
    assert_int_equal(word_at(&d, super + 48), fixed);  /* s_wtime */
    assert_int_equal(word_at(&d, super + 64), fixed);  /* s_lastcheck */
    assert_int_equal(word_at(&d, super + 264), fixed); /* s_mkfs_time */
    root = (uint64_t)word_at(&d, FS_PAGE_BYTES + 8) * FS_PAGE_BYTES +
           128; /* bg_inode_table, inode 2 */
    file = root + 10 * 128;
    for (uint64_t field = 8; field <= 16; field += 4) { /* i_atime, i_ctime, i_mtime */
        assert_int_equal(word_at(&d, root + field), fixed);
        assert_int_equal(word_at(&d, file + field), fixed);
    }
    disk_down(&d);
}

static void formatting_does_not_trust_what_was_on_the_device(void **state)
{
    struct disk d;
    uint8_t junk[DEV_BLOCK_BYTES];

    (void)state;
    disk_blank(&d, MIB);
    memset(junk, 0xff, sizeof(junk));
    for (uint64_t block = 0; block < d.ram->blocks; block++)
        assert_int_equal(dev_write(d.ram, block, 1, junk), 0);
    assert_int_equal(volume_format(&d.alloc, d.dev), 0);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    assert_true(volume_check(d.volume));
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    assert_int_equal(disk_fsck(&d), 0);
    disk_down(&d);
}

static void every_size_from_the_smallest_up_gives_a_clean_file_system(void **state)
{
    static const uint64_t sizes[] = {
        65536,       69 * 1024, 128 * 1024, 250 * 1024,
        1023 * 1024, 33 * MIB,  129 * MIB}; /* the last ones: a short last group, two groups */

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct disk d;

        disk_up(&d, sizes[i]);
        assert_true(volume_free_pages(d.volume) >= 8);
        assert_true(volume_free_pages(d.volume) * FS_PAGE_BYTES < sizes[i]);
        disk_fill_file(&d, "/a", 2, 7);
        disk_check_file(&d, "/a", 2, 7);
        disk_remount(&d);
        disk_check_file(&d, "/a", 2, 7);
        assert_int_equal(disk_fsck(&d), 0);
        disk_down(&d);
    }
}

static void a_device_below_64_kib_is_refused(void **state)
{
    struct disk d;

    (void)state;
    disk_blank(&d, 65536 - DEV_BLOCK_BYTES);
    assert_int_equal(volume_format(&d.alloc, d.dev), -EINVAL);
    disk_down(&d);
}

static void a_huge_device_is_formatted_without_as_much_memory(void **state)
{
    struct disk d;

    (void)state;
    disk_up(&d, (uint64_t)1 << 37);
    assert_true(volume_free_pages(d.volume) > (((uint64_t)1 << 37) / FS_PAGE_BYTES) / 10 * 9);
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    disk_down(&d);
}

static void what_is_not_ext2_does_not_mount(void **state)
{
    struct disk d;

    (void)state;
    disk_blank(&d, MIB);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), -EUCLEAN);
    disk_down(&d);
}

/*
 * Damages one byte of the superblock at a time, in many ways: the mount is refused or works, and
 * nothing breaks.
 */
static void a_damaged_superblock_is_refused_or_harmless(void **state)
{
    struct disk d;
    uint8_t good[DEV_BLOCK_BYTES];
    uint8_t bad[DEV_BLOCK_BYTES];
    unsigned refused = 0;

    (void)state;
    disk_up(&d, MIB);
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    assert_int_equal(dev_read(d.ram, 1, 1, good), 0);
    for (unsigned at = 0; at < 128; at++) {
        for (unsigned value = 1; value < 256; value <<= 1) {
            struct volume *v;

            memcpy(bad, good, sizeof(bad));
            bad[at] ^= (uint8_t)value;
            assert_int_equal(dev_write(d.ram, 1, 1, bad), 0);
            if (volume_mount(&d.alloc, d.dev, &v) != 0)
                refused++;
            else
                volume_abandon(v);
        }
    }
    assert_true(refused > 100);
    disk_down(&d);
}

static void an_empty_volume_makes_no_request_when_synced_again(void **state)
{
    struct disk d;
    struct dev_counters before;

    (void)state;
    disk_up(&d, MIB);
    disk_fill_file(&d, "/x", 1, 1);
    assert_int_equal(volume_sync(d.volume), 0);
    before = d.dev->counters;
    assert_int_equal(volume_sync(d.volume), 0);
    assert_int_equal(volume_flush(d.volume), 0);
    assert_memory_equal(&before, &d.dev->counters, sizeof(before));
    disk_down(&d);
}

static void what_was_not_synced_is_gone_after_a_power_cut(void **state)
{
    struct disk d;
    struct inode *ino;

    (void)state;
    disk_up(&d, MIB);
    disk_fill_file(&d, "/kept", 3, 4);
    assert_int_equal(volume_sync(d.volume), 0);
    disk_fill_file(&d, "/lost", 3, 4);
    volume_abandon(d.volume);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    disk_check_file(&d, "/kept", 3, 4);
    assert_int_equal(inode_open(d.volume, "/lost", &ino), -ENOENT);
    disk_down(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formatting_twice_gives_the_same_bytes),
        cmocka_unit_test(no_time_of_the_host_gets_onto_the_volume),
        cmocka_unit_test(formatting_does_not_trust_what_was_on_the_device),
        cmocka_unit_test(every_size_from_the_smallest_up_gives_a_clean_file_system),
        cmocka_unit_test(a_device_below_64_kib_is_refused),
        cmocka_unit_test(a_huge_device_is_formatted_without_as_much_memory),
        cmocka_unit_test(what_is_not_ext2_does_not_mount),
        cmocka_unit_test(a_damaged_superblock_is_refused_or_harmless),
        cmocka_unit_test(an_empty_volume_makes_no_request_when_synced_again),
        cmocka_unit_test(what_was_not_synced_is_gone_after_a_power_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
