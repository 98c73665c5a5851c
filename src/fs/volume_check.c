/*
 * The checker of I-FS-3: what the inodes say against what bitmaps and counters say.
 *
 * Layer 4. It builds the block bitmap anew, from the layout of the groups and from every inode in
 * use, and compares. It changes nothing, but reads through the cache of metadata blocks, and so
 * needs a device that works.
 */
#include "fs/inode_data.h"

struct check_state {
    ext2fs_block_bitmap seen; /* blocks that somebody claims */
    bool shared; /* two claims to one block are as they should be (reserved descriptor blocks) */
    bool sound;
};

static void check_claim(ext2_filsys fs, struct check_state *state, uint64_t block)
{
    if (block < fs->super->s_first_data_block || block >= fs->super->s_blocks_count) {
        state->sound = false;
        return;
    }
    if (ext2fs_mark_block_bitmap2(state->seen, block) != 0 && !state->shared)
        state->sound = false;
}

static int check_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t blockcnt, blk64_t ref_block,
                       int ref_offset, void *data)
{
    (void)blockcnt;
    (void)ref_block;
    (void)ref_offset;
    check_claim(fs, data, *block);
    return 0;
}

/*
 * Superblock copies, descriptors, bitmaps and inode tables. Claimed before any inode's blocks, so
 * that a file which reaches into them is found out as the second claimant.
 */
static void check_groups(ext2_filsys fs, struct check_state *state)
{
    for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
        blk64_t table = ext2fs_inode_table_loc(fs, group);

        ext2fs_reserve_super_and_bgd(fs, group, state->seen);
        check_claim(fs, state, ext2fs_block_bitmap_loc(fs, group));
        check_claim(fs, state, ext2fs_inode_bitmap_loc(fs, group));
        for (uint32_t i = 0; i < fs->inode_blocks_per_group; i++)
            check_claim(fs, state, table + i);
    }
}

/*
 * An inode that the bitmap has in use: alive, or waiting to be freed. Claims its blocks. What is on
 * disk (in the cache of metadata blocks) must be what the open struct says, since every change goes
 * to both in one operation.
 */
static void check_inode(struct volume *v, struct check_state *state, ext2_ino_t number)
{
    const struct inode *open = radix_get(&v->inodes, number);
    struct ext2_inode disk;

    if (ext2fs_read_inode(v->fs, number, &disk) != 0) {
        state->sound = false;
        return;
    }
    if (open != NULL &&
        (disk.i_links_count != open->disk.i_links_count || disk.i_size != open->disk.i_size ||
         disk.i_blocks != open->disk.i_blocks || open->unlinked != (disk.i_links_count == 0)))
        state->sound = false;
    if (number >= EXT2_FIRST_INODE(v->fs->super) && disk.i_links_count == 0 && open == NULL &&
        !v->io.read_only) /* who may not write does not free */
        state->sound = false;
    state->shared = true; /* one attribute block may serve many inodes */
    if (disk.i_file_acl != 0)
        check_claim(v->fs, state, disk.i_file_acl);
    state->shared = number == EXT2_RESIZE_INO;
    if (!ext2fs_inode_has_valid_blocks2(v->fs, &disk))
        return;
    if (ext2fs_block_iterate3(v->fs, number, BLOCK_FLAG_READ_ONLY, NULL, check_block, state) != 0)
        state->sound = false;
    state->shared = false;
}

/* Every page that was never written has a block (I-DATA-1). */
static bool check_marks(struct inode *ino)
{
    uint64_t index = 0;
    uint64_t physical;
    void *value;

    for (; radix_next(&ino->unwritten, &index, &value); index++)
        if (inode_find_block(ino, index, &physical) != 0 || physical == 0)
            return false;
    return true;
}

/* Open inodes are in use, and hold what I-DATA says. */
static bool check_open(struct volume *v)
{
    uint64_t number = 0;
    void *value;

    for (; radix_next(&v->inodes, &number, &value); number++) {
        struct inode *ino = value;

        if (ino->number != number || !ext2fs_test_inode_bitmap2(v->fs->inode_map, ino->number) ||
            !check_marks(ino))
            return false;
    }
    return true;
}

/* Both bitmaps against what was found, and the counters against the bitmaps. */
static bool check_counters(ext2_filsys fs, const struct check_state *state)
{
    uint64_t free_blocks = 0;
    uint64_t free_inodes = 0;
    bool same = true;

    for (blk64_t block = fs->super->s_first_data_block; block < fs->super->s_blocks_count;
         block++) {
        int used = ext2fs_test_block_bitmap2(fs->block_map, block);

        free_blocks += used == 0;
        same = same && (used != 0) == (ext2fs_test_block_bitmap2(state->seen, block) != 0);
    }
    for (ext2_ino_t number = 1; number <= fs->super->s_inodes_count; number++)
        free_inodes += ext2fs_test_inode_bitmap2(fs->inode_map, number) == 0;
    return same && free_blocks == fs->super->s_free_blocks_count &&
           free_inodes == fs->super->s_free_inodes_count;
}

bool volume_check(struct volume *v)
{
    struct check_state state = {.sound = true};

    if (!volume_io_check(&v->io) || v->log_count != 0)
        return false;
    if (ext2fs_allocate_block_bitmap(v->fs, "check", &state.seen) != 0)
        return false;
    check_groups(v->fs, &state);
    for (ext2_ino_t number = 1; number <= v->fs->super->s_inodes_count; number++)
        if (ext2fs_test_inode_bitmap2(v->fs->inode_map, number))
            check_inode(v, &state, number);
    state.sound = state.sound && check_open(v) && check_counters(v->fs, &state);
    ext2fs_free_block_bitmap(state.seen);
    return state.sound;
}
