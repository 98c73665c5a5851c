/*
 * Making a file system: the same bytes for the same size, always.
 *
 * Layer 4. What mke2fs takes from the clock and from random numbers (UUID, hash seed, times) is
 * constant here. The features are those of plain ext2, so that every tool reads the result: file
 * types in directories, few superblock copies, large files; and ext3's journal where there is room
 * for it. Blocks are as long as pages.
 */
#include <string.h>

#include "fs/volume_inner.h"

#define FORMAT_MIN_BYTES   65536u
#define FORMAT_BLOCK_LOG   2u     /* 1024 << 2 */
#define FORMAT_INODE_BYTES 16384u /* of the device, for each inode */
#define FORMAT_MIN_INODES  16u
#define FORMAT_MAX_INODES \
    65536u /* their tables are zeroed: a huge device must not cost what nobody uses */

/*
 * A smaller device gets no journal, which could not be less than 4 MiB (jbd2 wants 1024 blocks). A
 * larger one gets a 64th, up to what any operation needs.
 */
#define FORMAT_JOURNAL_DEVICE_BYTES (16u << 20)
#define FORMAT_JOURNAL_SHARE        64u
#define FORMAT_JOURNAL_MIN          1024u
#define FORMAT_JOURNAL_MAX          16384u

static const uint8_t format_uuid[16] = {0x6d, 0x61, 0x70, 0x77, 0x61, 0x6c, 0x4b, 0x00,
                                        0x80, 0x00, 0x65, 0x78, 0x74, 0x32, 0x66, 0x73};

static uint32_t format_inodes(uint64_t bytes)
{
    uint64_t inodes = bytes / FORMAT_INODE_BYTES;

    if (inodes < FORMAT_MIN_INODES)
        return FORMAT_MIN_INODES;
    return inodes < FORMAT_MAX_INODES ? (uint32_t)inodes : FORMAT_MAX_INODES;
}

static void format_parameters(const struct dev *dev, struct ext2_super_block *param)
{
    uint64_t bytes = dev->blocks * DEV_BLOCK_BYTES;
    uint64_t blocks = bytes / FS_PAGE_BYTES;

    memset(param, 0, sizeof *param);
    if (blocks > UINT32_MAX)
        blocks = UINT32_MAX;
    /*
     * libext2fs cuts off a last group that is small. The only group of a small device must stay, so
     * its size is made to divide the device evenly; groups come in multiples of 8 blocks, for the
     * bitmaps' sake.
     */
    if (blocks < FS_PAGE_BYTES * 8u) {
        blocks -= blocks % 8;
        param->s_blocks_per_group = (uint32_t)blocks;
    }
    param->s_blocks_count = (uint32_t)blocks;
    param->s_log_block_size = FORMAT_BLOCK_LOG;
    param->s_log_cluster_size = FORMAT_BLOCK_LOG;
    param->s_rev_level = EXT2_DYNAMIC_REV;
    param->s_inode_size = EXT2_GOOD_OLD_INODE_SIZE;
    param->s_inodes_count = format_inodes(bytes);
    param->s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE;
    param->s_feature_ro_compat =
        EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE;
}

/* Replaces what libext2fs took from the host. */
static void format_identity(ext2_filsys fs)
{
    struct ext2_super_block *super = fs->super;

    fs->now = VOLUME_TIME;
    super->s_mkfs_time = super->s_lastcheck = super->s_wtime = VOLUME_TIME;
    super->s_max_mnt_count = -1;
    super->s_checkinterval = 0;
    super->s_kbytes_written = 0;
    super->s_flags = EXT2_FLAGS_SIGNED_HASH;
    super->s_def_hash_version = EXT2_HASH_HALF_MD4;
    memcpy(super->s_uuid, format_uuid, sizeof format_uuid);
    memcpy(super->s_hash_seed, format_uuid, sizeof format_uuid);
    memcpy(super->s_volume_name, "mapwalk", sizeof "mapwalk");
}

/* An inode table holds whatever was on the device before, and e2fsck would take it for inodes. */
static int format_zero_tables(struct volume_io *io, ext2_filsys fs)
{
    int err = 0;

    for (dgrp_t group = 0; group < fs->group_desc_count && err == 0; group++)
        err =
            volume_io_data_zero(io, ext2fs_inode_table_loc(fs, group), fs->inode_blocks_per_group);
    return err;
}

static errcode_t format_directories(ext2_filsys fs)
{
    errcode_t code = ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL);

    ext2fs_inode_alloc_stats2(fs, EXT2_BAD_INO, +1, 0);
    for (ext2_ino_t number = EXT2_ROOT_INO + 1; number < EXT2_FIRST_INODE(fs->super); number++)
        ext2fs_inode_alloc_stats2(fs, number, +1, 0);
    if (code != 0)
        return code;
    fs->umask = 077;
    return ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "lost+found");
}

/* ---- the journal ---- */

/*
 * Blocks of the journal; 0: none. A truncation may touch every bitmap of the volume in one
 * operation, and one operation is one transaction.
 */
static uint32_t format_journal_blocks(const ext2_filsys fs)
{
    uint32_t blocks = fs->super->s_blocks_count / FORMAT_JOURNAL_SHARE;
    uint64_t needed = 3ull * fs->group_desc_count + FORMAT_JOURNAL_MIN;

    if ((uint64_t)fs->super->s_blocks_count * fs->blocksize < FORMAT_JOURNAL_DEVICE_BYTES)
        return 0;
    if (blocks > FORMAT_JOURNAL_MAX)
        blocks = FORMAT_JOURNAL_MAX;
    return blocks > needed ? blocks : (uint32_t)needed;
}

struct format_journal {
    struct volume_io *io;
    uint64_t first; /* a run of blocks to be zeroed */
    uint32_t count;
    int err;
};

static void format_zero_run(struct format_journal *journal)
{
    if (journal->count > 0 && journal->err == 0)
        journal->err = volume_io_data_zero(journal->io, journal->first, journal->count);
    journal->count = 0;
}

/* Called for each block of the journal but its superblock. */
static int format_journal_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t blockcnt,
                                blk64_t ref_block, int ref_offset, void *data)
{
    struct format_journal *journal = data;

    (void)fs;
    (void)ref_block;
    (void)ref_offset;
    if (blockcnt <= 0)
        return 0;
    if (journal->count > 0 && journal->first + journal->count != *block)
        format_zero_run(journal);
    if (journal->count == 0)
        journal->first = *block;
    journal->count++;
    return 0;
}

/*
 * The log must not hold transactions of a file system that was here before: they could have the
 * right numbers. libext2fs would write its zeros through the cache.
 */
static int format_zero_journal(struct volume_io *io, ext2_filsys fs)
{
    struct format_journal journal = {.io = io};
    int err = volume_errno(ext2fs_block_iterate3(fs, EXT2_JOURNAL_INO, BLOCK_FLAG_READ_ONLY, NULL,
                                                 format_journal_block, &journal));

    format_zero_run(&journal);
    return err != 0 ? err : journal.err;
}

static int format_add_journal(struct volume_io *io, ext2_filsys fs)
{
    uint32_t blocks = format_journal_blocks(fs);
    int err;

    if (blocks == 0)
        return 0;
    err = volume_errno(ext2fs_add_journal_inode2(
        fs, blocks, ~(blk64_t)0, EXT2_MKJOURNAL_NO_MNT_CHECK | EXT2_MKJOURNAL_LAZYINIT));
    return err != 0 ? err : format_zero_journal(io, fs);
}

static int format_contents(struct volume_io *io, ext2_filsys fs, bool journal)
{
    int err;

    format_identity(fs);
    err = volume_errno(ext2fs_allocate_tables(fs));
    if (err == 0)
        err = format_zero_tables(io, fs);
    if (err == 0)
        err = volume_errno(format_directories(fs));
    if (err == 0 && journal)
        err = format_add_journal(io, fs);
    if (err == 0)
        err = volume_errno(ext2fs_flush(fs));
    return err;
}

int volume_format_with(struct alloc *a, struct dev *dev, bool journal)
{
    struct ext2_super_block param;
    struct volume_io io;
    char name[VOLUME_IO_NAME];
    ext2_filsys fs;
    int err;

    if (dev->blocks < FORMAT_MIN_BYTES / DEV_BLOCK_BYTES)
        return -EINVAL;
    err = volume_io_init(&io, a, dev);
    if (err != 0)
        return err;
    format_parameters(dev, &param);
    volume_io_name(&io, name);
    err = volume_errno(ext2fs_initialize(name, EXT2_FLAG_64BITS, &param, &io.manager, &fs));
    if (err == 0) {
        err = format_contents(&io, fs, journal);
        if (err == 0)
            err = volume_io_write_back(&io);
        if (err == 0)
            err = volume_io_flush(&io);
        ext2fs_free(fs);
    }
    volume_io_destroy(&io);
    return err;
}

int volume_format(struct alloc *a, struct dev *dev)
{
    return volume_format_with(a, dev, true);
}
