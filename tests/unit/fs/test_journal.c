/*
 * The journal: what is on the device and when, what other tools make of it and we of theirs, and
 * hostile ones. Power cuts are in test_journal_cut.c.
 */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "fs/journal_inner.h"
#include "fs/volume_inner.h"

#define DISK_BYTES     (16 * MIB)
#define SUPER_INCOMPAT 96u /* offset in the superblock; needs_recovery is 4 */

static bool needs_recovery(struct disk *d)
{
    uint8_t super[DEV_BLOCK_BYTES];

    assert_int_equal(dev_read(d->ram, 1, 1, super), 0);
    return (super[SUPER_INCOMPAT] & 4) != 0;
}

static void power_off(struct disk *d)
{
    volume_abandon(d->volume);
    d->volume = NULL;
}

/* A sync that ends behind the commit block, before anything is at home. */
static void sync_torn(struct disk *d)
{
    uint64_t n = 1;

    do {
        disk_fail(d, DEV_WRITE, n++, true);
        assert_int_equal(volume_sync(d->volume), -EIO);
    } while (!d->volume->journal.behind);
    power_off(d);
    disk_fail(d, DEV_WRITE, 0, false);
}

static void a_device_of_16_mib_has_a_journal_and_a_smaller_one_has_none(void **state)
{
    struct disk d;

    (void)state;
    disk_up(&d, DISK_BYTES);
    assert_non_null(d.volume->journal.blocks);
    assert_true(d.volume->journal.length >= 1024);
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    assert_int_equal(disk_fsck(&d), 0);
    disk_down(&d);
    disk_up(&d, DISK_BYTES - FS_PAGE_BYTES);
    assert_null(d.volume->journal.blocks);
    disk_down(&d);
}

static void who_only_looks_writes_nothing(void **state)
{
    struct disk d;
    uint64_t writes;

    (void)state;
    disk_up(&d, DISK_BYTES);
    writes = d.dev->counters.writes;
    disk_remount(&d);
    assert_int_equal(volume_sync(d.volume), 0);
    assert_int_equal(d.dev->counters.writes, writes);
    disk_down(&d);
}

static void the_superblock_says_when_a_replay_is_needed(void **state)
{
    struct disk d;

    (void)state;
    disk_up(&d, DISK_BYTES);
    assert_false(needs_recovery(&d));
    disk_fill_file(&d, "/file", 3, 1);
    assert_false(needs_recovery(&d));
    assert_int_equal(volume_sync(d.volume), 0);
    assert_true(needs_recovery(&d));
    power_off(&d);
    assert_true(needs_recovery(&d));
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    disk_check_file(&d, "/file", 3, 1);
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    assert_false(needs_recovery(&d));
    disk_down(&d);
}

/* Before there is anything to replay: who does not look at the journal must not mount it either. */
static void the_first_commit_is_announced_before_it_is_there(void **state)
{
    struct disk d;

    (void)state;
    disk_up(&d, DISK_BYTES);
    disk_fill_file(&d, "/file", 3, 1);
    sync_torn(&d);
    assert_true(needs_recovery(&d));
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    disk_check_file(&d, "/file", 3, 1);
    disk_down(&d);
}

/* And without a journal, that bitmaps are not to be believed. */
static void bitmaps_of_an_ext2_that_was_not_unmounted_are_computed_anew(void **state)
{
    struct disk d;
    uint8_t block[DEV_BLOCK_BYTES] = {0};
    uint64_t free_pages;

    (void)state;
    disk_up(&d, MIB);
    disk_fill_file(&d, "/dir/file", 30, 1);
    assert_int_equal(volume_sync(d.volume), 0);
    free_pages = volume_free_pages(d.volume);
    /* The block bitmap is lost. */
    assert_int_equal(dev_write(d.ram, ext2fs_block_bitmap_loc(d.volume->fs, 0) * 4, 1, block), 0);
    power_off(&d);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    assert_int_equal(volume_free_pages(d.volume), free_pages);
    assert_true(volume_check(d.volume));
    disk_remount(&d);
    assert_int_equal(disk_fsck(&d), 0);
    disk_check_file(&d, "/dir/file", 30, 1);
    disk_down(&d);
}

static void a_sync_is_two_flushes_and_one_durable_commit(void **state)
{
    struct disk d;
    struct dev_counters before;

    (void)state;
    disk_up(&d, DISK_BYTES);
    disk_fill_file(&d, "/first", 1, 1);
    assert_int_equal(volume_sync(d.volume), 0);
    disk_fill_file(&d, "/second", 3, 1);
    before = d.dev->counters;
    assert_int_equal(volume_sync(d.volume), 0);
    assert_int_equal(d.dev->counters.flushes - before.flushes, 2);
    assert_int_equal(d.dev->counters.fua_writes - before.fua_writes, 1);
    before = d.dev->counters;
    assert_int_equal(volume_sync(d.volume), 0);
    assert_int_equal(volume_flush(d.volume), 0);
    assert_memory_equal(&before, &d.dev->counters, sizeof(before));
    disk_down(&d);
}

/* Metadata waits for its commit, however much there is of it. */
static void many_operations_commit_by_themselves(void **state)
{
    struct disk d;
    char path[32];
    uint64_t flushes;

    (void)state;
    disk_up(&d, DISK_BYTES);
    flushes = d.dev->counters.flushes;
    for (unsigned i = 0; i < 300; i++) {
        struct inode *ino;

        snprintf(path, sizeof(path), "/dir%u/file", i);
        ino = disk_create(&d, path);
        assert_int_equal(inode_write_pages(ino, 0, 1, disk_page((uint8_t)i)), 0);
        inode_put(ino);
        assert_true(volume_waiting(d.volume) < journal_room(&d.volume->journal) / 2);
    }
    assert_true(d.dev->counters.flushes > flushes);
    assert_true(volume_check(d.volume));
    power_off(&d);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    inode_put(disk_open(&d, "/dir20/file"));
    disk_down(&d);
}

/* A full disk: what was freed is given out after the commit that this takes. */
static void freed_room_can_be_used_at_once(void **state)
{
    struct disk d;
    uint32_t pages;

    (void)state;
    disk_up(&d, DISK_BYTES);
    pages = (uint32_t)volume_free_pages(d.volume) - 20;
    for (unsigned i = 0; i < 3; i++) {
        disk_fill_file(&d, "/file", pages, (uint8_t)i);
        disk_check_file(&d, "/file", pages, (uint8_t)i);
        assert_int_equal(inode_unlink(d.volume, "/file"), 0);
    }
    disk_down(&d);
}

/* The map of a sparse file may be larger than the journal; it can be freed all the same. */
static void a_file_with_a_map_larger_than_the_journal_can_be_cut_and_freed(void **state)
{
    struct disk d;
    struct inode *ino;
    uint64_t free_pages;

    (void)state;
    disk_up(&d, DISK_BYTES);
    free_pages = volume_free_pages(d.volume);
    for (unsigned by_unlink = 0; by_unlink < 2; by_unlink++) {
        ino = disk_create(&d, "/sparse");
        assert_int_equal(inode_set_bytes(ino, 1200ull * 1024 * FS_PAGE_BYTES), 0);
        for (uint64_t i = 0; i < 1190; i++)
            assert_int_equal(inode_write_pages(ino, 12 + i * 1024, 1, disk_page(1)), 0);
        assert_true(journal_room(&d.volume->journal) < 1190);
        if (!by_unlink)
            assert_int_equal(inode_set_bytes(ino, 0), 0);
        assert_int_equal(inode_unlink(d.volume, "/sparse"), 0);
        inode_put(ino);
        assert_int_equal(volume_free_pages(d.volume), free_pages);
        assert_int_equal(volume_sync(d.volume), 0);
        assert_true(volume_check(d.volume));
    }
    disk_remount(&d);
    assert_int_equal(disk_fsck(&d), 0);
    disk_down(&d);
}

static void gathered_pages_are_one_request_with_the_flags_asked_for(void **state)
{
    struct disk d;
    struct inode *ino;
    const void *pages[100];
    uint8_t *bytes = test_malloc(100 * FS_PAGE_BYTES);
    uint64_t writes;

    (void)state;
    disk_up(&d, DISK_BYTES);
    ino = disk_create(&d, "/file");
    assert_int_equal(inode_set_bytes(ino, 200 * FS_PAGE_BYTES), 0);
    for (unsigned i = 0; i < 100; i++) {
        memset(bytes + (size_t)(99 - i) * FS_PAGE_BYTES, (int)i, FS_PAGE_BYTES);
        pages[i] = bytes + (size_t)(99 - i) * FS_PAGE_BYTES; /* backwards in memory */
    }
    assert_int_equal(inode_write_gather(ino, 49, 1, pages, 0), 0); /* and a table behind it */
    assert_int_equal(inode_write_gather(ino, 50, 100, pages, 0), 0);
    writes = d.dev->counters.writes;
    assert_int_equal(inode_write_gather(ino, 50, 100, pages, DEV_FUA), 0);
    assert_int_equal(d.dev->counters.writes - writes, 1);
    assert_true(d.dev->counters.fua_writes >= 1);
    for (unsigned i = 0; i < 100; i++)
        assert_true(disk_page_is(ino, 50 + i, (uint8_t)i));
    assert_true(disk_page_is(ino, 48, 0));
    assert_int_equal(inode_write_gather(ino, (uint64_t)1 << 40, 1, pages, 0), -EFBIG);
    inode_put(ino);
    test_free(bytes);
    disk_down(&d);
}

/* ---- read-only ---- */

/* A volume whose last commit reached the log but not its home: the state after a power cut. */
static void disk_up_torn(struct disk *d)
{
    disk_up(d, DISK_BYTES);
    disk_fill_file(d, "/old", 3, 1);
    assert_int_equal(volume_sync(d->volume), 0);
    disk_fill_file(d, "/dir/new", 5, 9);
    assert_int_equal(inode_unlink(d->volume, "/old"), 0);
    sync_torn(d);
}

static void a_read_only_mount_replays_into_memory_only(void **state)
{
    struct disk d;
    struct inode *ino;
    uint64_t writes;

    (void)state;
    disk_up_torn(&d);
    writes = d.dev->counters.writes + d.dev->counters.flushes;
    assert_int_equal(volume_mount_read_only(&d.alloc, d.dev, &d.volume), 0);
    assert_true(volume_check(d.volume));
    disk_check_file(&d, "/dir/new", 5, 9);
    assert_int_equal(inode_open(d.volume, "/old", &ino), -ENOENT);
    assert_int_equal(inode_create(d.volume, "/x", false, &ino), -EROFS);
    assert_int_equal(inode_unlink(d.volume, "/dir/new"), -EROFS);
    ino = disk_open(&d, "/dir/new");
    assert_int_equal(inode_set_bytes(ino, 1), -EROFS);
    assert_int_equal(inode_write_pages(ino, 0, 1, disk_page(1)), -EROFS);
    assert_int_equal(inode_extend_page(ino, 99, 0), -EROFS);
    inode_put(ino);
    disk_check_file(&d, "/dir/new", 5, 9);
    assert_int_equal(volume_unmount(d.volume), 0);
    assert_int_equal(d.dev->counters.writes + d.dev->counters.flushes, writes);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    disk_check_file(&d, "/dir/new", 5, 9);
    disk_down(&d);
}

/* ---- failures ---- */

static void replaying_fails_cleanly_at_each_request_and_allocation(void **state)
{
    struct disk d;
    bool done = false;

    (void)state;
    for (unsigned kind = 0; kind <= DEV_REQUESTS; kind++) {
        disk_up_torn(&d);
        done = false;
        for (uint64_t n = 1; !done; n++) {
            if (kind < DEV_REQUESTS)
                disk_fail(&d, (enum dev_request)kind, n, false);
            else
                d.alloc.fail_at = d.alloc.calls + n;
            done = volume_mount(&d.alloc, d.dev, &d.volume) == 0;
            d.alloc.fail_at = 0;
            disk_fail(&d, DEV_READ, 0, false);
        }
        disk_check_file(&d, "/dir/new", 5, 9);
        disk_down(&d);
    }
}

/* ---- what other tools say ---- */

static void other_tools_understand_the_log(void **state)
{
    struct disk d;

    (void)state;
    if (!disk_have("debugfs") || !disk_have("e2fsck"))
        skip();
    disk_up_torn(&d);
    assert_int_equal(disk_run(&d, "debugfs -R 'logdump -a' $image > $image.log"
                                  " && grep -q 'type 1 (descriptor block)' $image.log"
                                  " && grep -q 'type 2 (commit block)' $image.log; s=$?;"
                                  " rm $image.log; test $s = 0"),
                     0);
    assert_true(disk_run(&d, "e2fsck -fy $image") <= 1);
    assert_int_equal(disk_fsck(&d), 0);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    disk_check_file(&d, "/dir/new", 5, 9);
    disk_down(&d);
}

/* Metadata that begins like a block of the log is disguised there. */
static void a_block_that_looks_like_the_log_survives_the_replay(void **state)
{
    static const uint8_t magic[8] = {0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 1};
    uint8_t expected[FS_PAGE_BYTES];
    struct disk d;
    uint64_t block;
    uint8_t page[FS_PAGE_BYTES];

    (void)state;
    for (unsigned by_fsck = 0; by_fsck < 2; by_fsck++) {
        disk_up(&d, DISK_BYTES);
        disk_fill_file(&d, "/file", 4, 1);
        {
            struct inode *ino = disk_open(&d, "/file");

            block = ino->disk.i_block[2];
            inode_put(ino);
        }
        assert_int_equal(volume_sync(d.volume), 0);
        memset(expected, 0x5a, sizeof(expected));
        memcpy(expected, magic, sizeof(magic));
        /* As if the block were metadata. */
        assert_int_equal(volume_op_begin(d.volume, 1), 0);
        assert_int_equal(
            d.volume->io.manager.write_blk64(&d.volume->io.channel, block, 1, expected), 0);
        assert_int_equal(volume_op_end(d.volume, 0), 0);
        sync_torn(&d);
        if (by_fsck && disk_have("e2fsck"))
            assert_true(disk_run(&d, "e2fsck -fy $image") <= 1);
        assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
        assert_int_equal(dev_read(d.ram, block * 4, 4, page), 0);
        assert_memory_equal(page, expected, sizeof(page));
        disk_down(&d);
    }
}

/* Transactions that debugfs wrote, a revoked block among them. */
static void a_journal_that_others_wrote_is_replayed(void **state)
{
    static const char *const makers[] = {"mke2fs -q -F -t ext3 -b 1024 $image",
                                         "mke2fs -q -F -t ext3 -b 2048 $image",
                                         "mke2fs -q -F -t ext3 -b 4096 -I 256 $image"};
    static const char write_log[] =
        " && head -c 4096 /dev/zero | tr '\\0' A > $image.a"
        " && head -c 4096 /dev/zero | tr '\\0' B > $image.b"
        " && printf 'jo\\njw -b 3000 '$image.a'\\njc\\njo\\njw -b 3001,3002 '$image.b'\\njc\\n"
        "jo\\njw -r 3002\\njc\\n' > $image.cmd && debugfs -w -f $image.cmd $image"
        "; s=$?; rm -f $image.a $image.b $image.cmd; test $s = 0";
    char command[1000];

    (void)state;
    if (!disk_have("mke2fs") || !disk_have("debugfs"))
        skip();
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        struct disk ours;
        struct disk theirs;
        uint8_t left[DEV_BLOCK_BYTES];
        uint8_t right[DEV_BLOCK_BYTES];
        uint64_t per_block = i == 0 ? 1 : i == 1 ? 2 : 4;

        disk_blank(&ours, DISK_BYTES);
        disk_blank(&theirs, DISK_BYTES);
        snprintf(command, sizeof(command), "%s%s", makers[i], write_log);
        assert_int_equal(disk_run(&ours, command), 0);
        for (uint64_t block = 0; block < ours.ram->blocks; block++) {
            assert_int_equal(dev_read(ours.ram, block, 1, left), 0);
            assert_int_equal(dev_write(theirs.ram, block, 1, left), 0);
        }
        assert_true(disk_run(&theirs, "e2fsck -fy $image") <= 1);
        assert_int_equal(volume_mount(&ours.alloc, ours.dev, &ours.volume), 0);
        for (uint64_t block = 2999 * per_block; block < 3004 * per_block; block++) {
            assert_int_equal(dev_read(ours.ram, block, 1, left), 0);
            assert_int_equal(dev_read(theirs.ram, block, 1, right), 0);
            assert_memory_equal(left, right, sizeof(left));
        }
        assert_int_equal(dev_read(ours.ram, 3000 * per_block, 1, left), 0);
        assert_int_equal(left[0], 'A');
        disk_fill_file(&ours, "/dir/file", 20, 1);
        disk_remount(&ours);
        disk_check_file(&ours, "/dir/file", 20, 1);
        assert_int_equal(volume_unmount(ours.volume), 0);
        ours.volume = NULL;
        assert_int_equal(disk_fsck(&ours), 0);
        disk_down(&ours);
        disk_down(&theirs);
    }
}

/* ---- hostile journals ---- */

static uint64_t journal_block(struct disk *d, uint32_t log_block)
{
    uint64_t block;

    assert_int_equal(volume_mount_read_only(&d->alloc, d->dev, &d->volume), 0);
    block = d->volume->fs->super->s_jnl_blocks[0] + log_block;
    power_off(d);
    return block;
}

static int mount_with_word(struct disk *d, uint64_t block, uint32_t at, uint32_t word)
{
    uint8_t good[FS_PAGE_BYTES];
    uint8_t bad[FS_PAGE_BYTES];
    int err;

    assert_int_equal(dev_read(d->ram, block * 4, 4, good), 0);
    memcpy(bad, good, sizeof(bad));
    journal_put(bad, at, word);
    assert_int_equal(dev_write(d->ram, block * 4, 4, bad), 0);
    err = volume_mount_read_only(&d->alloc, d->dev, &d->volume);
    if (err == 0)
        power_off(d);
    assert_int_equal(dev_write(d->ram, block * 4, 4, good), 0);
    return err;
}

static void a_journal_that_cannot_be_true_is_refused(void **state)
{
    static const struct {
        uint32_t at;
        uint32_t word;
    } lies[] = {
        {JOURNAL_AT_MAGIC, 1},           {JOURNAL_AT_TYPE, 9},
        {JOURNAL_AT_BLOCK_BYTES, 1024},  {JOURNAL_AT_LENGTH, 1028},
        {JOURNAL_AT_LENGTH, 0xffffffff}, {JOURNAL_AT_LENGTH, 3},
        {JOURNAL_AT_FIRST, 0},           {JOURNAL_AT_FIRST, 1024},
        {JOURNAL_AT_FIRST, 0xffffffff},  {JOURNAL_AT_START, 1027},
        {JOURNAL_AT_START, 0xfffffff0},  {JOURNAL_AT_INCOMPAT, 2},  /* 64-bit */
        {JOURNAL_AT_INCOMPAT, 4},                                   /* commits without waiting */
        {JOURNAL_AT_INCOMPAT, 8},                                   /* checksums */
        {JOURNAL_AT_INCOMPAT, 16},       {JOURNAL_AT_INCOMPAT, 32}, /* fast commits */
        {JOURNAL_AT_RO_COMPAT, 1},       {JOURNAL_AT_COMPAT, 1},
    };
    struct disk d;
    uint64_t super;
    uint64_t descriptor;

    (void)state;
    disk_up_torn(&d);
    super = journal_block(&d, 0);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
        assert_int_equal(mount_with_word(&d, super, lies[i].at, lies[i].word), -EUCLEAN);
    {
        uint8_t bytes[FS_PAGE_BYTES];

        assert_int_equal(dev_read(d.ram, super * 4, 4, bytes), 0);
        descriptor = super + journal_get(bytes, JOURNAL_AT_START);
    }
    /* Its first tag names a block that is not there, or the journal itself. */
    assert_int_equal(mount_with_word(&d, descriptor, JOURNAL_HEADER, 4096), -EUCLEAN);
    assert_int_equal(mount_with_word(&d, descriptor, JOURNAL_HEADER, 0xffffffff), -EUCLEAN);
    assert_int_equal(mount_with_word(&d, descriptor, JOURNAL_HEADER, (uint32_t)super), -EUCLEAN);
    /* A number out of order just ends the log. */
    assert_int_equal(mount_with_word(&d, descriptor, JOURNAL_AT_SEQUENCE, 1), 0);
    assert_int_equal(volume_mount(&d.alloc, d.dev, &d.volume), 0);
    disk_check_file(&d, "/dir/new", 5, 9);
    disk_down(&d);
}

/* A log without an end: every block says that the next one goes on. */
static void a_log_in_a_circle_ends(void **state)
{
    struct disk d;
    uint64_t super;
    uint8_t bytes[FS_PAGE_BYTES];
    uint32_t sequence;

    (void)state;
    disk_up_torn(&d);
    super = journal_block(&d, 0);
    assert_int_equal(dev_read(d.ram, super * 4, 4, bytes), 0);
    sequence = journal_get(bytes, JOURNAL_AT_NEXT_SEQUENCE);
    for (uint32_t i = 1; i < 1000; i++) { /* up to the tables of its own map */
        memset(bytes, 0, sizeof(bytes));
        journal_put(bytes, JOURNAL_AT_MAGIC, JOURNAL_MAGIC);
        journal_put(bytes, JOURNAL_AT_TYPE, i % 2 ? JOURNAL_REVOKE : JOURNAL_DESCRIPTOR);
        journal_put(bytes, JOURNAL_AT_SEQUENCE, sequence);
        assert_int_equal(dev_write(d.ram, (super + i) * 4, 4, bytes), 0);
    }
    {
        int err = volume_mount(&d.alloc, d.dev, &d.volume);

        assert_true(err == 0 || err == -EUCLEAN);
        if (err == 0)
            power_off(&d);
    }
    d.volume = NULL;
    disk_down(&d);
}

static void a_journal_with_flipped_bits_is_refused_or_harmless(void **state)
{
    struct disk d;
    struct prng random;
    uint64_t super;

    (void)state;
    prng_seed(&random, 5);
    disk_up_torn(&d);
    super = journal_block(&d, 0);
    for (unsigned i = 0; i < 300; i++) {
        uint64_t block = super + prng_below(&random, i % 2 ? 1 : 30);
        uint32_t at = (uint32_t)prng_below(&random, i % 2 ? 64 : FS_PAGE_BYTES - 4);
        uint8_t good[FS_PAGE_BYTES];
        int err;

        assert_int_equal(dev_read(d.ram, block * 4, 4, good), 0);
        err = mount_with_word(&d, block, at,
                              journal_get(good, at) ^ (uint32_t)(1u << prng_below(&random, 32)));
        assert_true(err == 0 || err == -EUCLEAN || err == -EIO);
    }
    disk_down(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_of_16_mib_has_a_journal_and_a_smaller_one_has_none),
        cmocka_unit_test(who_only_looks_writes_nothing),
        cmocka_unit_test(the_superblock_says_when_a_replay_is_needed),
        cmocka_unit_test(the_first_commit_is_announced_before_it_is_there),
        cmocka_unit_test(bitmaps_of_an_ext2_that_was_not_unmounted_are_computed_anew),
        cmocka_unit_test(a_sync_is_two_flushes_and_one_durable_commit),
        cmocka_unit_test(many_operations_commit_by_themselves),
        cmocka_unit_test(freed_room_can_be_used_at_once),
        cmocka_unit_test(a_file_with_a_map_larger_than_the_journal_can_be_cut_and_freed),
        cmocka_unit_test(gathered_pages_are_one_request_with_the_flags_asked_for),
        cmocka_unit_test(a_read_only_mount_replays_into_memory_only),
        cmocka_unit_test(replaying_fails_cleanly_at_each_request_and_allocation),
        cmocka_unit_test(other_tools_understand_the_log),
        cmocka_unit_test(a_block_that_looks_like_the_log_survives_the_replay),
        cmocka_unit_test(a_journal_that_others_wrote_is_replayed),
        cmocka_unit_test(a_journal_that_cannot_be_true_is_refused),
        cmocka_unit_test(a_log_in_a_circle_ends),
        cmocka_unit_test(a_journal_with_flipped_bits_is_refused_or_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
