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

/* Pages that one operation allocates for at most: what a failure in its middle takes back. */
#define DATA_RUN_PAGES 1024u

/* Places in memory that one request gathers from at most: of what a device takes, all pages. */
#define DATA_SPANS 256u

/* Log entries for the tables on the way to a new block, beside those that it fills. */
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

/*
 * The longest run from `block` on that is one request, or reads zero (*physical 0: a hole, or never
 * written).
 */
static int data_find_stored_run(struct inode *ino, uint64_t block, uint64_t end, uint64_t *physical,
                                uint32_t *count)
{
    uint64_t page = block / ino->volume->page_blocks;
    uint64_t marked = page;
    void *value;

    if (radix_next(&ino->unwritten, &marked, &value)) {
        /* Up to the first marked page, or just that page. */
        uint64_t stop = (marked == page ? page + 1 : marked) * ino->volume->page_blocks;

        end = stop < end ? stop : end;
        if (marked == page) {
            *physical = 0;
            *count = (uint32_t)(end - block);
            return 0;
        }
    }
    return inode_find_run(ino, block, end, physical, count);
}

/* Reads blocks [block, end) into bytes; *read is increased by those fetched. */
static int data_read_blocks(struct inode *ino, uint64_t block, uint64_t end, uint8_t *bytes,
                            uint64_t *read)
{
    uint32_t block_bytes = ino->volume->fs->blocksize;

    while (block < end) {
        uint64_t physical;
        uint32_t count;
        int err = data_find_stored_run(ino, block, end, &physical, &count);

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
    uint32_t count = 0;
    int err = 0;

    for (; block < end && physical == 0 && err == 0; block += count)
        err = data_find_stored_run(ino, block, end, &physical, &count);
    *stored = physical != 0;
    return err;
}

/* ---- allocation ---- */

/*
 * Allocates a block and hangs it into the inode, with indirect blocks where they are missing.
 * libext2fs's own allocating bmap is not used: it writes zeros to every data block, and forgets the
 * block when a later step fails.
 */
int inode_take_block(struct inode *ino, uint64_t block, uint64_t goal, uint64_t *physical)
{
    struct volume *v = ino->volume;
    blk64_t taken;
    int err = volume_op_new_block(v, goal, physical);

    if (err != 0)
        return err;
    taken = *physical;
    volume_io_forget(&v->io, taken);
    err = volume_errno(ext2fs_bmap2(v->fs, ino->number, &ino->disk, v->scratch,
                                    BMAP_SET | BMAP_ALLOC, block, NULL, &taken));
    return err != 0 ? err : volume_errno(ext2fs_iblk_add_blocks(v->fs, &ino->disk, 1));
}

/* Where a block should be: behind the one before it in the file, `before` (0: none is known). */
static int data_goal(struct inode *ino, uint64_t block, uint64_t before, uint64_t *goal)
{
    int err = 0;

    if (before == 0 && block > 0)
        err = inode_find_block(ino, block - 1, &before);
    *goal = before != 0 ? before + 1
                        : ext2fs_find_inode_goal(ino->volume->fs, ino->number, &ino->disk, block);
    return err;
}

/* Allocates blocks [block, end), all of them holes. Inside an operation. */
static int data_take_run(struct inode *ino, uint64_t block, uint64_t end)
{
    uint64_t physical = 0;
    int err = 0;

    for (; block < end && err == 0; block++) {
        uint64_t goal;

        err = data_goal(ino, block, physical, &goal);
        if (err == 0)
            err = inode_take_block(ino, block, goal, &physical);
    }
    if (err == 0)
        err = volume_errno(ext2fs_write_inode(ino->volume->fs, ino->number, &ino->disk));
    return err;
}

/* Entries in the log for `blocks` new blocks and the tables that they need. */
static uint64_t data_op_room(const struct inode *ino, uint64_t blocks)
{
    return blocks + blocks * sizeof(uint32_t) / ino->volume->fs->blocksize + DATA_OP_INDIRECT;
}

/*
 * The end of the blocks of pages [index, index + pages). On images with small blocks those of the
 * last page that lie behind the end of the file stay holes: ext2 knows no blocks behind the end.
 */
static uint64_t data_blocks_end(const struct inode *ino, uint64_t index, uint32_t pages,
                                uint64_t file_bytes)
{
    uint64_t page_blocks = ino->volume->page_blocks;
    uint64_t end = (index + pages) * page_blocks;
    uint64_t file_end = inode_block_of_byte(ino, file_bytes);

    return file_end > end - page_blocks && file_end < end ? file_end : end;
}

/* ---- writing ---- */

/* What is to be written: pages that lie together, or anywhere. */
struct data_source {
    uint64_t index;           /* of the first page in the file */
    const void *const *pages; /* NULL: they lie together, from `bytes` on */
    const uint8_t *bytes;
    unsigned dev_flags;
};

/* Where the bytes of a block of the file are in memory. */
static const uint8_t *data_source_block(const struct inode *ino, const struct data_source *source,
                                        uint64_t block)
{
    uint32_t page_blocks = ino->volume->page_blocks;
    uint64_t page = block / page_blocks - source->index;
    const uint8_t *bytes =
        source->pages != NULL ? source->pages[page] : source->bytes + (size_t)page * FS_PAGE_BYTES;

    return bytes + (size_t)(block % page_blocks) * ino->volume->fs->blocksize;
}

/* As many of the blocks as fit into DATA_SPANS spans; *count is set to their number. */
static uint32_t data_gather_spans(const struct inode *ino, const struct data_source *source,
                                  uint64_t block, uint32_t *count, struct dev_span *spans)
{
    uint32_t page_blocks = ino->volume->page_blocks;
    uint32_t factor = ino->volume->fs->blocksize / DEV_BLOCK_BYTES;
    uint32_t used = 0;
    uint32_t done = 0;

    while (done < *count) {
        uint32_t piece = page_blocks - (uint32_t)((block + done) % page_blocks);
        const uint8_t *bytes = data_source_block(ino, source, block + done);

        if (piece > *count - done)
            piece = *count - done;
        if (used > 0 && (const uint8_t *)spans[used - 1].bytes +
                                (size_t)spans[used - 1].blocks * DEV_BLOCK_BYTES ==
                            bytes)
            spans[used - 1].blocks += piece * factor;
        else if (used < DATA_SPANS)
            spans[used++] = (struct dev_span){bytes, piece * factor};
        else
            break;
        done += piece;
    }
    *count = done;
    return used;
}

/* Writes blocks of the file whose blocks on the device are neighbours. */
static int data_write_run(struct inode *ino, const struct data_source *source, uint64_t block,
                          uint64_t physical, uint32_t count)
{
    struct dev_span spans[DATA_SPANS];
    int err = 0;

    while (count > 0 && err == 0) {
        uint32_t piece = count;
        uint32_t used = data_gather_spans(ino, source, block, &piece, spans);

        err = volume_io_data_gather(&ino->volume->io, physical, piece, spans, used,
                                    source->dev_flags);
        block += piece;
        physical += piece;
        count -= piece;
    }
    return err;
}

/* Writes blocks [block, end), all of which have a place. */
static int data_write_placed(struct inode *ino, const struct data_source *source, uint64_t block,
                             uint64_t end)
{
    int err = 0;

    while (block < end && err == 0) {
        uint64_t physical;
        uint32_t count;

        err = inode_find_run(ino, block, end, &physical, &count);
        if (err == 0 && physical == 0)
            err = -EUCLEAN; /* two entries of a damaged map are one */
        if (err == 0)
            err = data_write_run(ino, source, block, physical, count);
        block += count;
    }
    return err;
}

/* Pages of which [block, end) are the blocks have been written. */
static void data_clear_marks(struct inode *ino, uint64_t block, uint64_t end)
{
    uint64_t page_blocks = ino->volume->page_blocks;

    if (ino->unwritten.count > 0)
        inode_drop_marks(ino, block / page_blocks, (end + page_blocks - 1) / page_blocks);
}

/*
 * Gives the holes [block, end) blocks and writes them, both or neither. Marks go before the
 * operation ends: whatever comes after it may believe them.
 */
static int data_write_holes(struct inode *ino, const struct data_source *source, uint64_t block,
                            uint64_t end)
{
    struct ext2_inode before;
    int err;

    do {
        err = volume_op_begin(ino->volume, data_op_room(ino, end - block));
        if (err != 0)
            return err;
        before = ino->disk;
        err = data_take_run(ino, block, end);
        if (err == 0)
            err = data_write_placed(ino, source, block, end);
        if (err == 0)
            data_clear_marks(ino, block, end);
        err = volume_op_end(ino->volume, err);
        if (err != 0)
            ino->disk = before;
    } while (volume_op_retry(ino->volume, err));
    if (err == 0 && end > inode_block_of_byte(ino, inode_bytes(ino)))
        ino->beyond_end = true;
    return err;
}

/* `bytes`: where the file ends, or will end when this is done. */
static int data_write(struct inode *ino, const struct data_source *source, uint32_t pages,
                      uint64_t bytes)
{
    uint64_t block = source->index * ino->volume->page_blocks;
    uint64_t end = data_blocks_end(ino, source->index, pages, bytes);
    int err = 0;

    while (block < end && err == 0) {
        uint64_t physical;
        uint32_t count;

        err = inode_find_run(ino, block, end, &physical, &count);
        if (err != 0)
            break;
        if (physical == 0 && count > DATA_RUN_PAGES * ino->volume->page_blocks)
            count = DATA_RUN_PAGES * ino->volume->page_blocks;
        if (physical == 0) {
            err = data_write_holes(ino, source, block, block + count);
        } else {
            err = data_write_run(ino, source, block, physical, count);
            if (err == 0)
                data_clear_marks(ino, block, block + count);
        }
        block += count;
    }
    return err;
}

int inode_write_gather(struct inode *ino, uint64_t index, uint32_t pages,
                       const void *const *page_bytes, unsigned dev_flags)
{
    return inode_write_extend(ino, index, pages, page_bytes, dev_flags, 0);
}

int inode_write_extend(struct inode *ino, uint64_t index, uint32_t pages,
                       const void *const *page_bytes, unsigned dev_flags, uint64_t bytes)
{
    struct data_source source = {index, page_bytes, NULL, dev_flags};

    if (bytes < inode_bytes(ino))
        bytes = inode_bytes(ino);
    return data_in_limit(ino, index, pages) ? data_write(ino, &source, pages, bytes) : -EFBIG;
}

int inode_write_pages(struct inode *ino, uint64_t index, uint32_t pages, const void *bytes)
{
    struct data_source source = {index, NULL, bytes, 0};

    return data_in_limit(ino, index, pages) ? data_write(ino, &source, pages, inode_bytes(ino))
                                            : -EFBIG;
}

/* ---- reserving ---- */

/* Gives a block of the file its place unless it has one. Inside an operation. */
static int data_reserve_block(struct inode *ino, uint64_t block, bool *fresh)
{
    uint64_t physical;
    int err = inode_find_block(ino, block, &physical);

    if (err != 0 || physical != 0)
        return err;
    *fresh = true;
    err = data_take_run(ino, block, block + 1);
    if (err != 0 || ino->volume->page_blocks == 1)
        return err;
    /* Small blocks have no marks (I-DATA-2). */
    err = inode_find_block(ino, block, &physical);
    return err != 0 ? err : volume_io_data_zero(&ino->volume->io, physical, 1);
}

/*
 * Gives the page its blocks and the file its size. Inside an operation; a mark is the last thing
 * that can fail.
 */
static int data_reserve(struct inode *ino, uint64_t index, uint64_t bytes)
{
    uint64_t end = data_blocks_end(ino, index, 1, bytes);
    bool fresh = false;
    int err = 0;

    for (uint64_t block = index * ino->volume->page_blocks; block < end && err == 0; block++)
        err = data_reserve_block(ino, block, &fresh);
    if (err == 0 && bytes != inode_bytes(ino))
        err = inode_write_size(ino, bytes);
    if (err != 0 || !fresh || ino->volume->page_blocks > 1)
        return err;
    /* In a damaged file a block may be gone that a mark stands for. */
    return radix_get(&ino->unwritten, index) != NULL ? 0
                                                     : radix_insert(&ino->unwritten, index, ino);
}

int inode_extend_page(struct inode *ino, uint64_t index, uint64_t bytes)
{
    struct ext2_inode before;
    int err;

    if (bytes < inode_bytes(ino))
        bytes = inode_bytes(ino);
    if (!data_in_limit(ino, index, 1) || bytes > inode_bytes_limit(ino))
        return -EFBIG;
    if (bytes == inode_bytes(ino) && radix_get(&ino->unwritten, index) != NULL)
        return 0;
    do {
        err = volume_op_begin(ino->volume, ino->volume->page_blocks + DATA_OP_INDIRECT);
        if (err != 0)
            return err;
        before = ino->disk;
        err = volume_op_end(ino->volume, data_reserve(ino, index, bytes));
        if (err != 0)
            ino->disk = before;
    } while (volume_op_retry(ino->volume, err));
    if (err == 0 && index * FS_PAGE_BYTES >= bytes)
        ino->beyond_end = true;
    return err;
}

int inode_reserve_page(struct inode *ino, uint64_t index)
{
    return inode_extend_page(ino, index, 0);
}

/* ---- settling ---- */

/* How many pages from `index` on are marked one after the other; at most `most`. */
static uint32_t data_count_marks(const struct inode *ino, uint64_t index, uint32_t most)
{
    uint32_t count = 1;

    while (count < most && radix_get(&ino->unwritten, index + count) != NULL)
        count++;
    return count;
}

int inode_settle(struct inode *ino)
{
    uint64_t index = 0;
    void *value;

    while (radix_next(&ino->unwritten, &index, &value)) {
        uint64_t physical;
        uint32_t count;
        int err = inode_find_run(ino, index, index + data_count_marks(ino, index, UINT32_MAX),
                                 &physical, &count);

        /* In a damaged file a block may be gone that a mark stands for. */
        if (err == 0 && physical != 0)
            err = volume_io_data_zero(&ino->volume->io, physical, count);
        if (err != 0)
            return err;
        inode_drop_marks(ino, index, index + count);
    }
    return 0;
}
