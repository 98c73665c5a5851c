/*
 * The block map of a file: where its blocks are, whole runs at a time.
 *
 * Layer 4. libext2fs finds one block a call and copies each indirect block on its way; here the
 * tables are looked at where they lie, in the cache of metadata blocks, so that writing back or
 * reading a large file costs a few look-ups and not one a page. Only libext2fs changes the map.
 *
 * The map is ext2's: 12 blocks in the inode itself, then tables of one, two and three levels. Block
 * numbers are on disk in little-endian order.
 */
#include "fs/inode_data.h"
#include "fs/volume_io_line.h"

/* Some neighbouring entries of the map. */
struct map_part {
    const uint32_t *entries; /* the first is that of the block asked for; NULL: all of it a hole */
    uint64_t count;
    bool native; /* in the byte order of the host, as the inode's own are */
};

static bool map_on_volume(const struct inode *ino, uint64_t physical)
{
    const struct ext2_super_block *super = ino->volume->fs->super;

    return physical >= super->s_first_data_block && physical < super->s_blocks_count;
}

static uint64_t map_entry(const struct map_part *part, uint64_t i)
{
    return part->native ? part->entries[i] : ext2fs_le32_to_cpu(part->entries[i]);
}

/* Goes down the tables from `table`, which covers `size` blocks; `block` counts from its first. */
static int map_descend(struct inode *ino, uint64_t table, uint64_t size, uint64_t block,
                       struct map_part *part)
{
    uint64_t fan = ino->volume->fs->blocksize / sizeof(uint32_t);

    for (;;) {
        struct volume_io_line *line;
        int err;

        *part = (struct map_part){NULL, size - block, false};
        if (table == 0)
            return 0;
        if (!map_on_volume(ino, table))
            return -EUCLEAN;
        err = volume_io_line_read(&ino->volume->io, table, &line);
        if (err != 0)
            return err;
        size /= fan;
        part->entries = (const uint32_t *)(const void *)line->bytes + block / size;
        block %= size;
        if (size == 1)
            return 0;
        table = map_entry(part, 0);
    }
}

static int map_find_part(struct inode *ino, uint64_t block, struct map_part *part)
{
    uint64_t fan = ino->volume->fs->blocksize / sizeof(uint32_t);
    uint64_t size = fan;

    if (block < EXT2_NDIR_BLOCKS) {
        *part = (struct map_part){ino->disk.i_block + block, EXT2_NDIR_BLOCKS - block, true};
        return 0;
    }
    block -= EXT2_NDIR_BLOCKS;
    for (unsigned level = 0; level < EXT2_N_BLOCKS - EXT2_NDIR_BLOCKS; level++) {
        if (block < size)
            return map_descend(ino, ino->disk.i_block[EXT2_IND_BLOCK + level], size, block, part);
        block -= size;
        size *= fan;
    }
    *part = (struct map_part){NULL, UINT32_MAX, false};
    return 0;
}

/* How many entries of the part go on where `physical` begins; at most `most`. */
static uint64_t map_part_run(const struct inode *ino, const struct map_part *part,
                             uint64_t physical, uint64_t most)
{
    uint64_t count = 0;

    if (part->count < most)
        most = part->count;
    if (part->entries == NULL)
        return physical == 0 ? most : 0;
    if (physical == 0) {
        while (count < most && part->entries[count] == 0)
            count++;
        return count;
    }
    while (count < most && map_entry(part, count) == physical + count &&
           map_on_volume(ino, physical + count))
        count++;
    return count;
}

/* Where the part's first block is. */
static int map_part_first(const struct inode *ino, const struct map_part *part, uint64_t *physical)
{
    *physical = part->entries == NULL ? 0 : map_entry(part, 0);
    return *physical == 0 || map_on_volume(ino, *physical) ? 0 : -EUCLEAN;
}

int inode_find_run(struct inode *ino, uint64_t block, uint64_t end, uint64_t *physical,
                   uint32_t *count)
{
    struct map_part part;
    uint64_t found = 0;
    int err = map_find_part(ino, block, &part);

    if (end - block > UINT32_MAX)
        end = block + UINT32_MAX;
    if (err == 0)
        err = map_part_first(ino, &part, physical);
    while (err == 0) {
        uint64_t more =
            map_part_run(ino, &part, *physical == 0 ? 0 : *physical + found, end - block - found);

        found += more;
        /* A run may go on in the next table. */
        if (more < part.count || block + found == end)
            break;
        err = map_find_part(ino, block + found, &part);
    }
    *count = (uint32_t)found;
    return err;
}

int inode_find_block(struct inode *ino, uint64_t block, uint64_t *physical)
{
    uint32_t count;

    return inode_find_run(ino, block, block + 1, physical, &count);
}

uint32_t inode_pages_to_break(struct inode *ino, uint64_t index, uint32_t pages)
{
    uint64_t page_blocks = ino->volume->page_blocks;
    uint64_t first = index * page_blocks;
    uint64_t end = (index + pages) * page_blocks;
    uint64_t last_break = first;

    for (uint64_t block = first; block < end;) {
        uint64_t physical;
        uint32_t count;

        if (inode_find_run(ino, block, end, &physical, &count) != 0)
            return pages;
        last_break = block;
        block += count;
    }
    if (last_break < first + page_blocks)
        return pages;
    return (uint32_t)((last_break - first) / page_blocks);
}
