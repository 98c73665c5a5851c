/*
 * After a power cut: replaying the journal, and what no replay mends.
 *
 * Layer 4. With a journal the volume is in order once the journal is replayed, but for files that
 * were open and had no name any more: a list on disk names them, and they are freed. Without one,
 * metadata was written in place, and a cut may have left anything that lies between two states:
 * bitmaps and counters are not believed then, but computed anew from the inodes. Where two of those
 * claim one block, or one has blocks that are no blocks, only e2fsck can tell who is right, and the
 * volume is not mounted.
 */
#include "base/contract.h"
#include "fs/inode_data.h"

/* ---- the journal ---- */

/* Where the blocks of the journal's inode are. Pre: `blocks` has room for count. */
static int recover_map_journal(struct inode *ino, uint32_t *blocks, uint32_t count)
{
    uint32_t run;

    for (uint32_t at = 0; at < count; at += run) {
        uint64_t physical;
        int err = inode_find_run(ino, at, count, &physical, &run);

        if (err == 0 && physical == 0)
            err = -EUCLEAN;
        if (err != 0)
            return err;
        for (uint32_t i = 0; i < run; i++)
            blocks[at + i] = (uint32_t)(physical + i);
    }
    return 0;
}

static int recover_check_journal(const struct volume *v, const struct ext2_inode *disk)
{
    const struct ext2_super_block *super = v->fs->super;
    uint64_t blocks = EXT2_I_SIZE(disk) / v->fs->blocksize;

    if (super->s_journal_inum != EXT2_JOURNAL_INO || super->s_journal_dev != 0 ||
        (super->s_feature_compat & EXT4_FEATURE_COMPAT_FAST_COMMIT) != 0)
        return -EUCLEAN;
    if (!LINUX_S_ISREG(disk->i_mode) || disk->i_links_count == 0 ||
        (disk->i_flags & VOLUME_FOREIGN_FLAGS) != 0)
        return -EUCLEAN;
    return blocks == 0 || blocks >= super->s_blocks_count ? -EUCLEAN : 0;
}

static int recover_open_journal(struct volume *v)
{
    struct inode ino = {.volume = v, .number = EXT2_JOURNAL_INO};
    uint32_t *blocks;
    uint32_t count;
    int err = volume_errno(ext2fs_read_inode(v->fs, EXT2_JOURNAL_INO, &ino.disk));

    if (err == 0)
        err = recover_check_journal(v, &ino.disk);
    if (err != 0)
        return err;
    count = (uint32_t)(EXT2_I_SIZE(&ino.disk) / v->fs->blocksize);
    blocks = alloc_zeroed(v->alloc, count * sizeof *blocks);
    if (blocks == NULL)
        return -ENOMEM;
    err = recover_map_journal(&ino, blocks, count);
    if (err == 0)
        return journal_open(&v->journal, &v->io, v->fs->super->s_blocks_count, blocks, count);
    alloc_release(v->alloc, blocks);
    return err;
}

int volume_recover_journal(struct volume *v, bool *replayed)
{
    const struct ext2_super_block *super = v->fs->super;
    int err;

    *replayed = false;
    if ((super->s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) == 0)
        return (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0 ? -EUCLEAN : 0;
    err = recover_open_journal(v);
    if (err == 0 && journal_has_work(&v->journal)) {
        *replayed = true;
        err = journal_replay(&v->journal);
    }
    if (err == 0 && v->io.read_only)
        journal_close(&v->journal); /* nothing will be written */
    return err;
}

/* ---- files without a name ---- */

/*
 * Opens a file of the list: its last inode_put frees it, or what lies behind its end (Linux lists
 * files being cut as well).
 */
static int recover_open(struct volume *v, uint32_t number, struct ext2_inode *disk)
{
    struct inode *ino;
    int err;

    if ((disk->i_flags & VOLUME_FOREIGN_FLAGS) != 0)
        return -EUCLEAN;
    disk->i_dtime = 0;
    err = inode_new(v, number, disk, &ino);
    if (err != 0)
        return err;
    ino->unlinked = disk->i_links_count == 0;
    ino->beyond_end = !ino->unlinked && LINUX_S_ISREG(disk->i_mode);
    return 0;
}

/* Closes all that recover_open opened. After a failure nothing is freed. */
static int recover_close(struct volume *v, int err)
{
    uint64_t number = 0;
    void *value;

    for (; radix_next(&v->inodes, &number, &value); number++) {
        struct inode *ino = value;

        if (err == 0)
            inode_put(ino); /* what fails now is done by volume_sync */
        else
            ino->refs = 0;
    }
    return err;
}

/* Follows the list on disk. It must not lead into itself: what is open was seen before. */
static int recover_open_orphans(struct volume *v)
{
    uint32_t number = v->fs->super->s_last_orphan;

    while (number != 0) {
        struct ext2_inode disk;
        uint32_t next;
        int err;

        if (!volume_number_usable(v, number) ||
            !ext2fs_test_inode_bitmap2(v->fs->inode_map, number) ||
            radix_get(&v->inodes, number) != NULL)
            return -EUCLEAN;
        err = volume_errno(ext2fs_read_inode(v->fs, number, &disk));
        if (err != 0)
            return err;
        next = disk.i_dtime;
        err = recover_open(v, number, &disk);
        if (err != 0)
            return err;
        number = next;
    }
    return 0;
}

/*
 * All are opened before the first is freed: a commit on the way writes the list anew, of the files
 * that are open then (commit_put_orphans), and must not lose the rest of it.
 */
static int recover_orphans(struct volume *v)
{
    return recover_close(v, recover_open_orphans(v));
}

/* ---- counting anew ---- */

struct recount {
    struct volume *v;
    ext2fs_block_bitmap blocks;
    ext2fs_inode_bitmap inodes;
    uint64_t seen;
    uint64_t end;        /* behind the last block of the inode that is looked at */
    struct radix beyond; /* numbers of files that have blocks behind their end */
    bool shared;         /* two claims to one block are as they should be */
    bool damaged;
};

static void recount_claim(struct recount *count, uint64_t block)
{
    const struct ext2_super_block *super = count->v->fs->super;

    /* A map that leads into itself has more blocks than the volume. */
    if (block < super->s_first_data_block || block >= super->s_blocks_count ||
        ++count->seen > 2ull * super->s_blocks_count ||
        (ext2fs_mark_block_bitmap2(count->blocks, block) != 0 && !count->shared))
        count->damaged = true;
}

static int recount_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t blockcnt, blk64_t ref_block,
                         int ref_offset, void *data)
{
    struct recount *count = data;

    (void)fs;
    (void)ref_block;
    (void)ref_offset;
    recount_claim(count, *block);
    if (blockcnt >= 0 && (uint64_t)blockcnt >= count->end)
        count->end = (uint64_t)blockcnt + 1;
    return count->damaged ? BLOCK_ABORT : 0;
}

static void recount_groups(struct recount *count)
{
    ext2_filsys fs = count->v->fs;

    for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
        ext2fs_reserve_super_and_bgd(fs, group, count->blocks);
        recount_claim(count, ext2fs_block_bitmap_loc(fs, group));
        recount_claim(count, ext2fs_inode_bitmap_loc(fs, group));
        for (uint32_t i = 0; i < fs->inode_blocks_per_group; i++)
            recount_claim(count, ext2fs_inode_table_loc(fs, group) + i);
        ext2fs_bg_used_dirs_count_set(fs, group, 0);
    }
}

/* One that had no name any more and was open. Without a time of death e2fsck takes it for lost. */
static int recount_bury(const struct recount *count, ext2_ino_t number, struct ext2_inode *disk)
{
    if (disk->i_mode == 0 || disk->i_dtime != 0)
        return 0;
    disk->i_dtime = VOLUME_TIME;
    return volume_errno(ext2fs_write_inode(count->v->fs, number, disk));
}

/* An inode may be on the disk without the tables that it counts, or tables without their inode. */
static int recount_sectors(const struct recount *count, ext2_ino_t number, struct ext2_inode *disk,
                           uint64_t blocks)
{
    ext2_filsys fs = count->v->fs;
    uint64_t sectors = blocks * (fs->blocksize / 512);

    if (count->damaged || disk->i_blocks == sectors || number < EXT2_FIRST_INODE(fs->super))
        return 0;
    disk->i_blocks = (uint32_t)sectors;
    return volume_errno(ext2fs_write_inode(fs, number, disk));
}

/*
 * A table may be on the disk without the size that goes with it. What it finds was perhaps never
 * written, and must not be in the file when that grows.
 */
static int recount_beyond(struct recount *count, ext2_ino_t number, const struct ext2_inode *disk)
{
    uint64_t block_bytes = count->v->fs->blocksize;
    uint64_t blocks = (EXT2_I_SIZE(disk) + block_bytes - 1) / block_bytes;

    if (count->damaged || count->end <= blocks || !LINUX_S_ISREG(disk->i_mode))
        return 0;
    return radix_insert(&count->beyond, number, count);
}

static int recount_inode(struct recount *count, ext2_ino_t number)
{
    ext2_filsys fs = count->v->fs;
    uint64_t seen = count->seen;
    dgrp_t group = (number - 1) / fs->super->s_inodes_per_group;
    struct ext2_inode disk;
    int err = volume_errno(ext2fs_read_inode(fs, number, &disk));

    if (err != 0)
        return err;
    if (number >= EXT2_FIRST_INODE(fs->super) && disk.i_links_count == 0)
        return recount_bury(count, number, &disk);
    ext2fs_mark_inode_bitmap2(count->inodes, number);
    if (LINUX_S_ISDIR(disk.i_mode))
        ext2fs_bg_used_dirs_count_set(fs, group, ext2fs_bg_used_dirs_count(fs, group) + 1);
    count->shared = true; /* one attribute block may serve many inodes */
    if (disk.i_file_acl != 0)
        recount_claim(count, disk.i_file_acl);
    count->shared = number == EXT2_RESIZE_INO;
    count->end = 0;
    if (ext2fs_inode_has_valid_blocks2(fs, &disk))
        err = volume_errno(
            ext2fs_block_iterate3(fs, number, BLOCK_FLAG_READ_ONLY, NULL, recount_block, count));
    count->shared = false;
    if (err == 0 && number >= EXT2_FIRST_INODE(fs->super))
        err = recount_beyond(count, number, &disk);
    return err != 0 ? err : recount_sectors(count, number, &disk, count->seen - seen);
}

/* The counters that go with the new bitmaps. */
static void recount_counters(struct recount *count)
{
    ext2_filsys fs = count->v->fs;
    uint64_t free_blocks = 0;
    uint32_t free_inodes = 0;

    for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
        uint32_t blocks = 0;
        uint32_t inodes = 0;

        for (blk64_t block = ext2fs_group_first_block2(fs, group);
             block <= ext2fs_group_last_block2(fs, group); block++)
            blocks += !ext2fs_test_block_bitmap2(count->blocks, block);
        for (uint32_t i = 1; i <= fs->super->s_inodes_per_group; i++)
            inodes += !ext2fs_test_inode_bitmap2(
                count->inodes, (ext2_ino_t)(group * fs->super->s_inodes_per_group + i));
        ext2fs_bg_free_blocks_count_set(fs, group, blocks);
        ext2fs_bg_free_inodes_count_set(fs, group, inodes);
        free_blocks += blocks;
        free_inodes += inodes;
        count->v->groups[group] = VOLUME_GROUP_BLOCKS | VOLUME_GROUP_INODES;
    }
    count->v->changed = 2 * fs->group_desc_count;
    fs->super->s_free_blocks_count = (uint32_t)free_blocks;
    fs->super->s_free_inodes_count = free_inodes;
    ext2fs_mark_super_dirty(fs);
}

static int recount_all(struct recount *count)
{
    ext2_filsys fs = count->v->fs;
    int err = 0;

    recount_groups(count);
    for (ext2_ino_t number = 1; number <= fs->super->s_inodes_count && err == 0 && !count->damaged;
         number++)
        err = recount_inode(count, number);
    if (err == 0 && count->damaged)
        err = -EUCLEAN;
    if (err != 0)
        return err;
    recount_counters(count);
    ext2fs_free_block_bitmap(fs->block_map);
    ext2fs_free_inode_bitmap(fs->inode_map);
    fs->block_map = count->blocks;
    fs->inode_map = count->inodes;
    return 0;
}

/* Frees what lies behind the ends of files, now that the bitmaps are right. */
static int recount_cut_files(struct recount *count)
{
    uint64_t number = 0;
    void *value;
    int err = 0;

    for (; err == 0 && radix_next(&count->beyond, &number, &value); number++) {
        struct ext2_inode disk;

        err = volume_errno(ext2fs_read_inode(count->v->fs, (ext2_ino_t)number, &disk));
        if (err == 0)
            err = recover_open(count->v, (uint32_t)number, &disk);
    }
    return recover_close(count->v, err);
}

static int recount_bitmaps(struct recount *count)
{
    ext2_filsys fs = count->v->fs;
    int err = volume_errno(ext2fs_allocate_block_bitmap(fs, "blocks", &count->blocks));

    if (err != 0)
        return err;
    err = volume_errno(ext2fs_allocate_inode_bitmap(fs, "inodes", &count->inodes));
    if (err == 0)
        err = recount_all(count);
    if (err == 0)
        return 0;
    ext2fs_free_block_bitmap(count->blocks);
    if (count->inodes != NULL)
        ext2fs_free_inode_bitmap(count->inodes);
    return err;
}

static int recount(struct volume *v)
{
    struct recount count = {.v = v};
    int err;

    radix_init(&count.beyond, v->alloc);
    err = recount_bitmaps(&count);
    if (err == 0)
        err = recount_cut_files(&count);
    radix_destroy(&count.beyond);
    return err;
}

int volume_recover_rest(struct volume *v)
{
    if (v->io.read_only)
        return 0;
    if (v->journal.blocks != NULL)
        return recover_orphans(v);
    return v->marked ? recount(v) : 0;
}
