/*
 * Hostile images: bits of a sound one are flipped by seed, where it hurts. Whatever comes of it, it
 * is an error or a mount after which everything can be tried, and both end soon: without a crash, a
 * leak (the sanitizers look), or more time than an alarm allows.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/prng.h"
#include "disk.h"
#include "exercise.h"

#define ROUNDS        60u /* of a place; MAPWALK_LONG multiplies */
#define ROUND_SECONDS 60u
#define SMALL_BYTES   (2 * MIB)
#define JOURNAL_BYTES (16 * MIB)
#define MAX_FLIPS     12u

/* A sound image with everything in it, and its copy that is damaged. */
struct hostile {
    struct disk disk;
    uint8_t *sound;
    uint64_t bytes;
};

static void fill_volume(struct disk *d)
{
    struct inode *ino;

    disk_fill_file(d, "/file", 30, 1);
    disk_fill_file(d, "/directory/inner/file", 3, 9);
    ino = disk_create(d, "/directory/sparse");
    assert_int_equal(inode_set_bytes(ino, (uint64_t)2000 * FS_PAGE_BYTES), 0);
    assert_int_equal(inode_write_pages(ino, 1100, 1, disk_page(4)), 0);
    inode_put(ino);
    assert_int_equal(volume_hard_link(d->volume, "/file", "/directory/hard"), 0);
    assert_int_equal(volume_make_symlink(d->volume, "file", "/short"), 0);
    assert_int_equal(volume_make_symlink(d->volume,
                                         "a-target-that-is-too-long-for-the-inode-itself-and-so-"
                                         "needs-a-block-of-its-own",
                                         "/directory/long"),
                     0);
}

/* `command`: a tool's, which makes the file system instead of us; NULL: none. */
static void hostile_up(struct hostile *h, uint64_t bytes, bool cut, const char *command)
{
    if (command == NULL) {
        disk_up(&h->disk, bytes);
    } else {
        disk_blank(&h->disk, bytes);
        assert_int_equal(disk_run(&h->disk, command), 0);
        assert_int_equal(volume_mount(&h->disk.alloc, h->disk.dev, &h->disk.volume), 0);
    }
    fill_volume(&h->disk);
    assert_int_equal(volume_sync(h->disk.volume), 0);
    /* Abandoned, it has a journal to be replayed, or bitmaps that are not to be trusted. */
    if (cut)
        volume_abandon(h->disk.volume);
    else
        assert_int_equal(volume_unmount(h->disk.volume), 0);
    h->disk.volume = NULL;
    h->bytes = bytes;
    h->sound = test_malloc(bytes);
    assert_int_equal(dev_read(h->disk.ram, 0, (uint32_t)(bytes / DEV_BLOCK_BYTES), h->sound), 0);
}

static void hostile_down(struct hostile *h)
{
    test_free(h->sound);
    disk_down(&h->disk);
}

/* Flips bits below [start, end) of the image and writes it to the device. */
static void hostile_damage(struct hostile *h, struct prng *prng, uint64_t start, uint64_t end)
{
    uint8_t *bytes = test_malloc(h->bytes);
    uint32_t flips = 1 + (uint32_t)prng_below(prng, MAX_FLIPS);

    memcpy(bytes, h->sound, h->bytes);
    for (uint32_t i = 0; i < flips; i++) {
        uint64_t at = start + prng_below(prng, end - start);

        if (prng_below(prng, 4) == 0)
            bytes[at] = (uint8_t)prng_next(prng); /* a byte, or a word of somewhere else */
        else if (prng_below(prng, 4) == 0)
            memcpy(bytes + at / 4 * 4, bytes + start + prng_below(prng, (end - start) / 4) * 4, 4);
        else
            bytes[at] ^= (uint8_t)(1u << prng_below(prng, 8));
    }
    for (uint64_t at = 0; at < h->bytes; at += MIB)
        assert_int_equal(dev_write(h->disk.ram, at / DEV_BLOCK_BYTES,
                                   (uint32_t)(MIB / DEV_BLOCK_BYTES), bytes + at),
                         0);
    test_free(bytes);
}

static unsigned rounds(void)
{
    const char *factor = getenv("MAPWALK_LONG");

    return factor == NULL ? ROUNDS : ROUNDS * (unsigned)strtoul(factor, NULL, 10);
}

/* Some of the damaged images must be mounted, or nothing has been tried. */
static void damage_made_by(const char *command, uint64_t bytes, bool cut, uint64_t start,
                           uint64_t end)
{
    struct hostile h;
    struct prng prng;
    unsigned mounted = 0;
    unsigned reached = 0;

    hostile_up(&h, bytes, cut, command);
    prng_seed(&prng, start * 31 + cut);
    for (unsigned round = 0; round < rounds(); round++) {
        hostile_damage(&h, &prng, start, end);
        alarm(ROUND_SECONDS);
        mounted += exercise_device(&h.disk.alloc, h.disk.ram, round % 4 == 3, &reached);
        alarm(0);
        assert_int_equal(h.disk.alloc.live_blocks, 2); /* the two devices */
    }
    assert_true(mounted > 0 && reached > 0);
    hostile_down(&h);
}

static void damage_blocks(uint64_t bytes, bool cut, uint64_t start, uint64_t end)
{
    damage_made_by(NULL, bytes, cut, start, end);
}

static void a_hostile_superblock_is_refused_or_harmless(void **state)
{
    (void)state;
    damage_blocks(SMALL_BYTES, false, 1024, 2048);
}

static void hostile_group_descriptors_are_refused_or_harmless(void **state)
{
    (void)state;
    damage_blocks(SMALL_BYTES, false, FS_PAGE_BYTES, FS_PAGE_BYTES + 64);
}

static void hostile_bitmaps_are_harmless(void **state)
{
    (void)state;
    damage_blocks(SMALL_BYTES, false, (uint64_t)2 * FS_PAGE_BYTES, (uint64_t)4 * FS_PAGE_BYTES);
}

static void hostile_inodes_are_harmless(void **state)
{
    (void)state;
    damage_blocks(SMALL_BYTES, false, (uint64_t)4 * FS_PAGE_BYTES, (uint64_t)5 * FS_PAGE_BYTES);
}

/* Directories, tables of block maps, targets of links. */
static void hostile_metadata_is_harmless(void **state)
{
    (void)state;
    damage_blocks(SMALL_BYTES, false, 1024, (uint64_t)64 * FS_PAGE_BYTES);
    damage_blocks(SMALL_BYTES, true, 1024, (uint64_t)64 * FS_PAGE_BYTES);
}

/* The journal lies behind the inode tables and lost+found. */
static void a_hostile_journal_is_refused_or_harmless(void **state)
{
    (void)state;
    damage_blocks(JOURNAL_BYTES, true, 1024, (uint64_t)400 * FS_PAGE_BYTES);
}

/* Small blocks, large inodes, a table of descriptors to grow, a journal that mke2fs made. */
static void hostile_images_of_mke2fs_are_harmless(void **state)
{
    (void)state;
    if (!disk_have("mke2fs"))
        skip();
    damage_made_by("mke2fs -q -F -b 1024 $image", SMALL_BYTES, false, 1024, 300 * 1024);
    damage_made_by("mke2fs -q -F -b 1024 -O has_journal -J size=1 $image", 2 * SMALL_BYTES, true,
                   1024, 1500 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hostile_superblock_is_refused_or_harmless),
        cmocka_unit_test(hostile_group_descriptors_are_refused_or_harmless),
        cmocka_unit_test(hostile_bitmaps_are_harmless),
        cmocka_unit_test(hostile_inodes_are_harmless),
        cmocka_unit_test(hostile_metadata_is_harmless),
        cmocka_unit_test(a_hostile_journal_is_refused_or_harmless),
        cmocka_unit_test(hostile_images_of_mke2fs_are_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
