/*
 * Freeing the blocks of a part of a file.
 *
 * Layer 4. ext2fs_punch is not used: asked for a part in the middle of a file, it stops where one
 * level of tables ends, and below the second level it takes its count for a position and frees what
 * lies behind the part, too.
 *
 * The map is walked from the inode down. A table that has become empty is freed with its blocks; one
 * that has not is written before its parent is looked at further. Each level has a block of the
 * volume's scratch.
 */
#include "fs/inode_data.h"

/* What the walk needs to know. */
struct free_walk {
    struct volume *v;
    uint64_t fan; /* entries of a table */
    uint32_t freed;
};

/* Some entries of a table, and what they stand for: blocks counted from the first entry's first. */
struct free_part {
    uint32_t *entries; /* in the byte order of the host */
    uint64_t count;
    unsigned level; /* of tables below: 0: the entries are the file's own blocks */
    uint64_t start; /* blocks [start, end) go */
    uint64_t end;
    bool changed;
};

static int free_entries(struct free_walk *walk, struct free_part *part);

static uint64_t free_level_blocks(const struct free_walk *walk, unsigned level)
{
    uint64_t blocks = 1;

    while (level-- > 0)
        blocks *= walk->fan;
    return blocks;
}

static bool free_table_is_empty(const uint32_t *entries, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (entries[i] != 0)
            return false;
    return true;
}

/* The blocks [start, end) of what a table covers go. *empty: all of them, and it may go, too. */
static int free_table(struct free_walk *walk, uint32_t table, unsigned level, uint64_t start,
                      uint64_t end, bool *empty)
{
    ext2_filsys fs = walk->v->fs;
    void *bytes = walk->v->scratch + (size_t)(level - 1) * fs->blocksize;
    struct free_part part = {
        .entries = bytes, .count = walk->fan, .level = level - 1, .start = start, .end = end};
    int err = volume_errno(ext2fs_read_ind_block(fs, table, bytes));

    if (err == 0)
        err = free_entries(walk, &part);
    *empty = err == 0 && free_table_is_empty(part.entries, part.count);
    if (err == 0 && part.changed && !*empty)
        err = volume_errno(ext2fs_write_ind_block(fs, table, bytes));
    return err;
}

/* One entry: its block, or of its table what lies in the part. */
static int free_entry(struct free_walk *walk, struct free_part *part, uint64_t i)
{
    uint64_t size = free_level_blocks(walk, part->level);
    uint64_t first = i * size;
    bool empty = true;
    int err = 0;

    if (part->entries[i] == 0)
        return 0;
    if (part->level > 0)
        err = free_table(walk, part->entries[i], part->level,
                         part->start > first ? part->start - first : 0,
                         part->end - first < size ? part->end - first : size, &empty);
    if (err != 0 || !empty)
        return err;
    ext2fs_block_alloc_stats2(walk->v->fs, part->entries[i], -1);
    part->entries[i] = 0;
    part->changed = true;
    walk->freed++;
    return 0;
}

static int free_entries(struct free_walk *walk, struct free_part *part)
{
    uint64_t size = free_level_blocks(walk, part->level);
    int err = 0;

    for (uint64_t i = part->start / size; i < part->count && i * size < part->end && err == 0; i++)
        err = free_entry(walk, part, i);
    return err;
}

int inode_free_blocks(struct inode *ino, uint64_t start, uint64_t end)
{
    ext2_filsys fs = ino->volume->fs;
    struct free_walk walk = {.v = ino->volume, .fan = fs->blocksize / sizeof(uint32_t)};
    uint64_t first = 0; /* block of the file that the next entries begin with */
    int err = 0;

    /* The blocks that the inode names itself, then one table of each height. */
    for (unsigned level = 0; level <= EXT2_N_BLOCKS - EXT2_NDIR_BLOCKS && err == 0; level++) {
        bool direct = level == 0;
        uint64_t size = direct ? EXT2_NDIR_BLOCKS : free_level_blocks(&walk, level);
        struct free_part part = {.entries = ino->disk.i_block +
                                            (direct ? 0 : EXT2_NDIR_BLOCKS + level - 1),
                                 .count = direct ? EXT2_NDIR_BLOCKS : 1,
                                 .level = level,
                                 .start = start > first ? start - first : 0,
                                 .end = end > first ? end - first : 0};

        if (part.start < size && part.start < part.end)
            err = free_entries(&walk, &part);
        first += size;
    }
    if (err == 0)
        err = volume_errno(ext2fs_iblk_sub_blocks(fs, &ino->disk, walk.freed));
    return err != 0 ? err : volume_errno(ext2fs_write_inode(fs, ino->number, &ino->disk));
}
