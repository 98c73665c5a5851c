/*
 * The data of a file: pages to and from runs of device blocks.
 *
 * Layer 4. A page is one block, or a few of them on images with smaller blocks. Blocks that follow
 * one another in the file and on the device make one request. A run that is written and needs
 * blocks gets them in one operation around the write: when the write fails, the blocks are free
 * again, or a later read would show what somebody else left in them.
 *
 * What a page of a file may be, and what makes it that:
 *
 *     hole --inode_reserve_page--> reserved --inode_write_pages, inode_settle--> stored
 *     hole --inode_write_pages-----------------------------------------------> stored
 *
 * A hole costs nothing; a reserved page has its block, so that a later write cannot find the disk
 * full; a stored one has its bytes there. Cutting the file makes holes of all that lies behind.
 *
 *   I-DATA-1  a page in `unwritten` has its block; it reads zero, whatever the device has there
 *   I-DATA-2  with blocks below 4 KiB `unwritten` is empty: fresh blocks are zeroed at once
 */
#include <string.h>

#include "fs/inode_data.h"

/* Pages that one operation allocates for at most. */
#define DATA_RUN_PAGES  64u
#define DATA_RUN_BLOCKS (DATA_RUN_PAGES * (FS_PAGE_BYTES / DEV_BLOCK_BYTES))

/* Log entries for the indirect blocks that a run of DATA_RUN_BLOCKS may need on its way. */
#define DATA_OP_INDIRECT 8u

uint64_t inode_block_of_byte(const struct inode *ino, uint64_t bytes)
{
    uint32_t block_bytes = ino->volume->fs->blocksize;

    return bytes / block_bytes + (bytes % block_bytes != 0);
}

uint64_t inode_bytes_limit(const struct inode *ino)
{
    uint64_t block_bytes = ino->volume->fs->blocksize;
    uint64_t fan = block_bytes / sizeof(uint32_t);
    uint64_t mapped = (EXT2_NDIR_BLOCKS + fan + fan * fan + fan * fan * fan) * block_bytes;
    /*
     * i_blocks counts sectors of 512 bytes in 32 bits, those of indirect blocks too: at most one in
     * `fan - 2`.
     */
    uint64_t counted = (uint64_t)UINT32_MAX * 512 / fan * (fan - 2);
    uint64_t limit = mapped < counted ? mapped : counted;

    return limit - limit % FS_PAGE_BYTES;
}

/* Do pages [index, index + pages) lie where a file can have data? */
static bool data_in_limit(const struct inode *ino, uint64_t index, uint64_t pages)
{
    uint64_t limit = inode_bytes_limit(ino) / FS_PAGE_BYTES;

    return index < limit && pages <= limit - index;
}

int inode_find_block(struct inode *ino, uint64_t block, uint64_t *physical)
{
    struct volume *v = ino->volume;
    blk64_t found = 0;
    errcode_t code =
        ext2fs_bmap2(v->fs, ino->number, &ino->disk, v->scratch, 0, block, NULL, &found);

    *physical = found;
    if (code != 0)
        return volume_errno(code);
    if (found != 0 &&
        (found < v->fs->super->s_first_data_block || found >= v->fs->super->s_blocks_count))
        return -EUCLEAN;
    return 0;
}

/* The block that a read has to fetch: 0 for a hole and for what was never written. */
static int data_find_stored(struct inode *ino, uint64_t block, uint64_t *physical)
{
    *physical = 0;
    if (radix_get(&ino->unwritten, block / ino->volume->page_blocks) != NULL)
        return 0;
    return inode_find_block(ino, block, physical);
}

/* The longest run from `block` on that is one request, or one hole (*physical 0). */
static int data_find_run(struct inode *ino, uint64_t block, uint64_t end, uint64_t *physical,
                         uint32_t *count)
{
    uint64_t next;
    int err = data_find_stored(ino, block, physical);

    for (*count = 1; err == 0 && block + *count < end; ++*count) {
        err = data_find_stored(ino, block + *count, &next);
        if (err == 0 && next != (*physical == 0 ? 0 : *physical + *count))
            break;
    }
    return err;
}

/* Reads blocks [block, end) into bytes; *read is increased by those fetched. */
static int data_read_blocks(struct inode *ino, uint64_t block, uint64_t end, uint8_t *bytes,
                            uint64_t *read)
{
    uint32_t block_bytes = ino->volume->fs->blocksize;

    while (block < end) {
        uint64_t physical;
        uint32_t count;
        int err = data_find_run(ino, block, end, &physical, &count);

        if (err == 0 && physical != 0)
            err = volume_io_data_read(&ino->volume->io, physical, count, bytes);
        if (err != 0)
            return err;
        if (physical != 0)
            *read += count;
        else
            memset(bytes, 0, (size_t)count * block_bytes);
        bytes += (size_t)count * block_bytes;
        block += count;
    }
    return 0;
}

/*
 * The bytes of `pages` pages from `index` on that lie before the end of the file and within what a
 * file can hold.
 */
static uint64_t data_bytes_before_end(const struct inode *ino, uint64_t index, uint32_t pages)
{
    uint64_t start = index * FS_PAGE_BYTES;
    uint64_t end = inode_bytes(ino);

    if (end > inode_bytes_limit(ino))
        end = inode_bytes_limit(ino);
    if (index >= end / FS_PAGE_BYTES + 1 || start >= end)
        return 0;
    return end - start < (uint64_t)pages * FS_PAGE_BYTES ? end - start
                                                         : (uint64_t)pages * FS_PAGE_BYTES;
}

int inode_read_pages(struct inode *ino, uint64_t index, uint32_t pages, void *bytes,
                     uint32_t *blocks)
{
    uint64_t first = index * ino->volume->page_blocks;
    uint64_t valid = data_bytes_before_end(ino, index, pages);
    uint64_t read = 0;
    int err = data_read_blocks(ino, first, first + inode_block_of_byte(ino, valid), bytes, &read);

    if (err != 0)
        return err;
    memset((uint8_t *)bytes + valid, 0, (size_t)pages * FS_PAGE_BYTES - valid);
    if (blocks != NULL)
        *blocks = (uint32_t)((read + ino->volume->page_blocks - 1) / ino->volume->page_blocks);
    return 0;
}

int inode_page_stored(struct inode *ino, uint64_t index, bool *stored)
{
    uint64_t block = index * ino->volume->page_blocks;
    uint64_t end = block + inode_block_of_byte(ino, data_bytes_before_end(ino, index, 1));
    uint64_t physical = 0;
    int err = 0;

    for (; block < end && physical == 0 && err == 0; block++)
        err = data_find_stored(ino, block, &physical);
    *stored = physical != 0;
    return err;
}

/* ---- allocation ---- */

/* Some blocks of a file, and where they are. */
struct data_run {
    uint64_t first; /* block in the file */
    uint32_t count;
    uint32_t fresh_count;
    uint32_t physical[DATA_RUN_BLOCKS];
    bool fresh[DATA_RUN_BLOCKS]; /* allocated just now */
};

/* Where the next block should be: behind the one before it in the file. */
static int data_goal(struct inode *ino, const struct data_run *run, uint32_t i, uint64_t *goal)
{
    uint64_t before = 0;
    int err = 0;

    if (i > 0)
        before = run->physical[i - 1];
    else if (run->first > 0)
        err = inode_find_block(ino, run->first - 1, &before);
    if (before != 0)
        *goal = before + 1;
    else
        *goal = ext2fs_find_inode_goal(ino->volume->fs, ino->number, &ino->disk, run->first + i);
    return err;
}

/*
 * Allocates a block and hangs it into the inode, with indirect blocks where they are missing.
 * libext2fs's own allocating bmap is not used: it writes zeros to every data block, and forgets the
 * block when a later step fails.
 */
static int data_take_block(struct inode *ino, uint64_t block, uint64_t goal, uint64_t *physical)
{
    struct volume *v = ino->volume;
    blk64_t taken;
    int err = volume_errno(ext2fs_new_block3(v->fs, goal, NULL, &taken, NULL));

    if (err != 0)
        return err;
    *physical = taken;
    volume_io_forget(&v->io, taken);
    ext2fs_block_alloc_stats2(v->fs, taken, +1);
    err = volume_errno(ext2fs_bmap2(v->fs, ino->number, &ino->disk, v->scratch,
                                    BMAP_SET | BMAP_ALLOC, block, NULL, &taken));
    return err != 0 ? err : volume_errno(ext2fs_iblk_add_blocks(v->fs, &ino->disk, 1));
}

/* Finds or allocates every block of the run. Inside an operation. */
static int data_take_run(struct inode *ino, struct data_run *run)
{
    int err = 0;

    run->fresh_count = 0;
    for (uint32_t i = 0; i < run->count && err == 0; i++) {
        uint64_t physical;
        uint64_t goal;

        err = inode_find_block(ino, run->first + i, &physical);
        run->fresh[i] = err == 0 && physical == 0;
        if (run->fresh[i]) {
            err = data_goal(ino, run, i, &goal);
            if (err == 0)
                err = data_take_block(ino, run->first + i, goal, &physical);
            run->fresh_count++;
        }
        run->physical[i] = (uint32_t)physical;
    }
    if (err == 0 && run->fresh_count > 0)
        err = volume_errno(ext2fs_write_inode(ino->volume->fs, ino->number, &ino->disk));
    return err;
}

/*
 * The blocks of whole pages. On images with small blocks those of the last page that lie behind the
 * end of the file stay holes: ext2 knows no blocks behind the end.
 */
static void data_run_of_pages(const struct inode *ino, uint64_t index, uint32_t pages,
                              uint64_t file_bytes, struct data_run *run)
{
    uint64_t page_blocks = ino->volume->page_blocks;
    uint64_t end = (index + pages) * page_blocks;
    uint64_t file_end = inode_block_of_byte(ino, file_bytes);

    if (file_end > end - page_blocks && file_end < end)
        end = file_end;
    run->first = index * page_blocks;
    run->count = (uint32_t)(end - run->first);
}

/* ---- writing ---- */

static int data_write_blocks(struct inode *ino, const struct data_run *run, const uint8_t *bytes)
{
    uint32_t block_bytes = ino->volume->fs->blocksize;
    int err = 0;

    for (uint32_t start = 0, end; start < run->count && err == 0; start = end) {
        for (end = start + 1; end < run->count; end++)
            if (run->physical[end] != run->physical[end - 1] + 1)
                break;
        err = volume_io_data_write(&ino->volume->io, run->physical[start], end - start,
                                   bytes + (size_t)start * block_bytes);
    }
    return err;
}

/* At most DATA_RUN_PAGES pages, all or nothing as far as blocks go. */
static int data_write_run(struct inode *ino, uint64_t index, uint32_t pages, const uint8_t *bytes)
{
    struct ext2_inode before = ino->disk;
    struct data_run run;
    int err;

    data_run_of_pages(ino, index, pages, inode_bytes(ino), &run);
    err = volume_op_begin(ino->volume, run.count + DATA_OP_INDIRECT);
    if (err != 0)
        return err;
    err = data_take_run(ino, &run);
    if (err == 0)
        err = data_write_blocks(ino, &run, bytes);
    err = volume_op_end(ino->volume, err);
    if (err != 0) {
        ino->disk = before;
        return err;
    }
    if (run.first + run.count > inode_block_of_byte(ino, inode_bytes(ino)))
        ino->beyond_end = true;
    for (uint64_t page = index; page < index + pages; page++)
        radix_remove(&ino->unwritten, page);
    return 0;
}

int inode_write_pages(struct inode *ino, uint64_t index, uint32_t pages, const void *bytes)
{
    const uint8_t *from = bytes;
    int err = 0;

    if (!data_in_limit(ino, index, pages))
        return -EFBIG;
    while (pages > 0 && err == 0) {
        uint32_t piece = pages < DATA_RUN_PAGES ? pages : DATA_RUN_PAGES;

        err = data_write_run(ino, index, piece, from);
        index += piece;
        pages -= piece;
        from += (size_t)piece * FS_PAGE_BYTES;
    }
    return err;
}

/* ---- reserving ---- */

static int data_zero_fresh(struct inode *ino, const struct data_run *run)
{
    int err = 0;

    for (uint32_t i = 0; i < run->count && err == 0; i++)
        if (run->fresh[i])
            err = volume_io_data_zero(&ino->volume->io, run->physical[i], 1);
    return err;
}

/*
 * Gives the page its blocks and the file its size. Inside an operation; a mark is the last thing
 * that can fail.
 */
static int data_reserve(struct inode *ino, uint64_t index, uint64_t bytes)
{
    struct data_run run;
    int err;

    data_run_of_pages(ino, index, 1, bytes, &run);
    err = data_take_run(ino, &run);
    if (err == 0 && bytes != inode_bytes(ino))
        err = inode_write_size(ino, bytes);
    if (err != 0 || run.fresh_count == 0)
        return err;
    if (ino->volume->page_blocks > 1)
        return data_zero_fresh(ino, &run);
    /* In a damaged file a block may be gone that a mark stands for. */
    return radix_get(&ino->unwritten, index) != NULL ? 0
                                                     : radix_insert(&ino->unwritten, index, ino);
}

int inode_extend_page(struct inode *ino, uint64_t index, uint64_t bytes)
{
    struct ext2_inode before = ino->disk;
    int err;

    if (bytes < inode_bytes(ino))
        bytes = inode_bytes(ino);
    if (!data_in_limit(ino, index, 1) || bytes > inode_bytes_limit(ino))
        return -EFBIG;
    if (bytes == inode_bytes(ino) && radix_get(&ino->unwritten, index) != NULL)
        return 0;
    err = volume_op_begin(ino->volume, ino->volume->page_blocks + DATA_OP_INDIRECT);
    if (err != 0)
        return err;
    err = volume_op_end(ino->volume, data_reserve(ino, index, bytes));
    if (err != 0)
        ino->disk = before;
    else if (index * FS_PAGE_BYTES >= bytes)
        ino->beyond_end = true;
    return err;
}

int inode_reserve_page(struct inode *ino, uint64_t index)
{
    return inode_extend_page(ino, index, 0);
}

/* ---- settling ---- */

/* The run of marked pages from *index on whose blocks follow one another. */
static int data_find_marks(struct inode *ino, uint64_t index, uint64_t *physical, uint32_t *count)
{
    uint64_t next;
    int err = inode_find_block(ino, index, physical);

    for (*count = 1; err == 0 && radix_get(&ino->unwritten, index + *count) != NULL; ++*count) {
        err = inode_find_block(ino, index + *count, &next);
        if (err == 0 && next != *physical + *count)
            break;
    }
    return err;
}

int inode_settle(struct inode *ino)
{
    uint64_t index = 0;
    void *value;

    while (radix_next(&ino->unwritten, &index, &value)) {
        uint64_t physical;
        uint32_t count;
        int err = data_find_marks(ino, index, &physical, &count);

        if (err == 0)
            err = volume_io_data_zero(&ino->volume->io, physical, count);
        if (err != 0)
            return err;
        for (; count > 0; count--)
            radix_remove(&ino->unwritten, index++);
    }
    return 0;
}
