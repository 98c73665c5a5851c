/*
 * Where a file has blocks: finding the next ones without asking for every hole.
 *
 * Layer 4. A file of 1 TiB with a page at its end has 268 million holes; asking for each takes a
 * minute, walking down the tables of the block map takes three steps. The tables of a damaged image
 * may name each other or nothing at all; three levels deep the walk ends in any case.
 */
#include "fs/inode_data.h"

#define SEEK_FAN_MAX (FS_PAGE_BYTES / sizeof(uint32_t))

/* File blocks below one entry of a table of that level; level 1 has the data blocks themselves. */
static uint64_t seek_span(uint64_t fan, unsigned level)
{
    uint64_t span = 1;

    while (--level > 0)
        span *= fan;
    return span;
}

/*
 * The first block at or behind `first` that the table at `block` leads to; both count from where the
 * table begins. Level 0 is a block of data. -ENOENT: none.
 */
static int seek_below(struct volume *v, uint64_t block, unsigned level, uint64_t first,
                      uint64_t *found)
{
    uint32_t table[SEEK_FAN_MAX];
    uint64_t fan = v->fs->blocksize / sizeof(uint32_t);
    uint64_t span;
    int err = -ENOENT;

    *found = 0;
    if (block == 0 || level == 0)
        return block == 0 ? -ENOENT : 0;
    if (block <= v->fs->super->s_first_data_block || block >= v->fs->super->s_blocks_count)
        return -EUCLEAN;
    if (io_channel_read_blk64(v->fs->io, block, 1, table) != 0)
        return -EIO;
    span = seek_span(fan, level);
    for (uint64_t i = first / span; i < fan && err == -ENOENT; i++) {
        err = seek_below(v, ext2fs_le32_to_cpu(table[i]), level - 1,
                         i == first / span ? first % span : 0, found);
        *found += i * span;
    }
    return err;
}

/* The same for a whole file: direct blocks, then three tables. */
static int seek_file(struct inode *ino, uint64_t first, uint64_t *found)
{
    struct volume *v = ino->volume;
    uint64_t start = 0;
    int err = -ENOENT;

    for (unsigned i = 0; i < EXT2_N_BLOCKS && err == -ENOENT; i++) {
        unsigned level = i < EXT2_NDIR_BLOCKS ? 0 : i - EXT2_NDIR_BLOCKS + 1;
        uint64_t count = seek_span(v->fs->blocksize / sizeof(uint32_t), level + 1);

        if (first < start + count) {
            err = seek_below(v, ino->disk.i_block[i], level, first > start ? first - start : 0,
                             found);
            *found += start;
        }
        start += count;
    }
    return err;
}

int inode_seek_blocks(struct inode *ino, uint64_t *page)
{
    uint64_t page_blocks = ino->volume->page_blocks;
    uint64_t found;
    int err;

    if (*page >= inode_bytes_limit(ino) / FS_PAGE_BYTES)
        return -ENOENT;
    err = seek_file(ino, *page * page_blocks, &found);
    if (err == 0)
        *page = found / page_blocks;
    return err;
}

int inode_check_blocks(struct inode *ino)
{
    uint64_t count;

    if (inode_bytes(ino) > inode_bytes_limit(ino))
        return -EUCLEAN;
    return inode_survey(ino, 0, UINT64_MAX, &count);
}

/* One run of a file's blocks that follow one another on the device, from *block on. */
static int seek_zero_run(struct inode *ino, uint64_t *block)
{
    uint64_t physical;
    uint32_t count;
    int err = inode_find_run(ino, *block, *block + SEEK_FAN_MAX, &physical, &count);

    *block += count;
    return err != 0 || physical == 0 ? err : volume_io_data_zero(&ino->volume->io, physical, count);
}

int inode_zero_blocks(struct inode *ino)
{
    uint64_t block = 0;
    int err = inode_check_blocks(ino);

    while (err == 0) {
        err = seek_file(ino, block, &block);
        if (err == 0)
            err = seek_zero_run(ino, &block);
    }
    return err == -ENOENT ? 0 : err;
}
