/*
 * Many pages of a file at once: holes punched into it, and blocks reserved for it.
 *
 * Layer 4. Both are one operation however many pages there are, since a half-punched or half-reserved
 * range is what no caller can explain. The survey before a punch is that of truncation
 * (inode_size.c): libext2fs frees blocks without looking whether they are blocks at all.
 */
#include "base/contract.h"
#include "fs/inode_data.h"

/* Log entries that one more page may need: its blocks and three levels of indirection. */
#define PUNCH_OP_PAGE 8u

/* Marks in `unwritten` of the operation under way, to be taken back if it fails. */
#define PUNCH_TAG_FRESH 0u

/* ---- punching ---- */

static int punch_blocks(struct inode *ino, uint64_t start, uint64_t end, uint64_t freed)
{
    struct ext2_inode before = ino->disk;
    int err = volume_op_begin(ino->volume, freed);

    if (err != 0)
        return err;
    ino->disk.i_mtime = ino->disk.i_ctime = VOLUME_TIME;
    err = inode_free_blocks(ino, start, end);
    if (err == 0)
        err = volume_errno(ext2fs_write_inode(ino->volume->fs, ino->number, &ino->disk));
    err = volume_op_end(ino->volume, err);
    if (err != 0)
        ino->disk = before;
    return err;
}

int inode_punch(struct inode *ino, uint64_t first_page, uint64_t end_page)
{
    uint64_t limit = inode_bytes_limit(ino) / FS_PAGE_BYTES;
    uint64_t page_blocks = ino->volume->page_blocks;
    uint64_t end = end_page < limit ? end_page : limit;
    uint64_t freed;
    int err;

    if (first_page >= end)
        return 0;
    err = inode_survey(ino, first_page * page_blocks, end * page_blocks, &freed);
    /* Nothing but holes: there is nothing to free, nor a reason to touch the inode. */
    if (err == 0 && freed > 0)
        err = punch_blocks(ino, first_page * page_blocks, end * page_blocks, freed);
    if (err == 0)
        inode_drop_marks(ino, first_page, end);
    return err;
}

/* ---- reserving ---- */

/* A range that is being reserved. */
struct punch_room {
    struct inode *ino;
    uint64_t block; /* the next one of the file */
    uint64_t end;
    uint64_t before; /* the device block of the one before it; 0: not known, or a hole */
    uint64_t fresh;  /* blocks [fresh, fresh + fresh_count) of the device are to be zeroed */
    uint32_t fresh_count;
};

/* Small blocks are zeroed at once (I-DATA-2), as many as follow one another by one request. */
static int punch_zero_fresh(struct punch_room *room)
{
    int err = 0;

    if (room->fresh_count > 0)
        err = volume_io_data_zero(&room->ino->volume->io, room->fresh, room->fresh_count);
    room->fresh_count = 0;
    return err;
}

static int punch_note_small(struct punch_room *room, uint64_t physical)
{
    int err = 0;

    if (room->fresh_count > 0 && room->fresh + room->fresh_count != physical)
        err = punch_zero_fresh(room);
    if (room->fresh_count == 0)
        room->fresh = physical;
    room->fresh_count++;
    return err;
}

/* A fresh block of a page's size reads zero until somebody writes it (I-DATA-1). */
static int punch_note_page(struct inode *ino, uint64_t page)
{
    int err;

    if (radix_get(&ino->unwritten, page) != NULL)
        return 0; /* in a damaged file a block may be gone that a mark stands for */
    err = radix_insert(&ino->unwritten, page, ino);
    if (err == 0)
        radix_tag_set(&ino->unwritten, page, PUNCH_TAG_FRESH);
    return err;
}

/* Gives the next block of the range its place unless it has one. */
static int punch_take(struct punch_room *room)
{
    struct inode *ino = room->ino;
    struct volume *v = ino->volume;
    uint64_t goal = room->before + 1;
    int err = inode_find_block(ino, room->block, &room->before);

    if (err != 0 || room->before != 0)
        return err;
    if (goal == 1)
        goal = ext2fs_find_inode_goal(v->fs, ino->number, &ino->disk, room->block);
    err = volume_op_reserve(v, PUNCH_OP_PAGE);
    if (err == 0)
        err = inode_take_block(ino, room->block, goal, &room->before);
    if (err != 0)
        return err;
    return v->page_blocks > 1 ? punch_note_small(room, room->before)
                              : punch_note_page(ino, room->block);
}

/* All of the range, and the size. Inside an operation. */
static int punch_reserve(struct inode *ino, uint64_t first_page, uint64_t end_page, uint64_t bytes)
{
    uint64_t page_blocks = ino->volume->page_blocks;
    uint64_t file_end = inode_block_of_byte(ino, bytes);
    struct punch_room room = {
        .ino = ino, .block = first_page * page_blocks, .end = end_page * page_blocks};
    int err = 0;

    /* On small blocks the last page's blocks behind the end of the file stay holes. */
    if (file_end > room.end - page_blocks && file_end < room.end)
        room.end = file_end;
    for (; room.block < room.end && err == 0; room.block++)
        err = punch_take(&room);
    if (err == 0)
        err = punch_zero_fresh(&room);
    return err == 0 ? inode_write_size(ino, bytes) : err;
}

/* The marks stay, or go with the blocks that they stand for. */
static void punch_end_marks(struct inode *ino, bool keep)
{
    uint64_t index = 0;
    void *value;

    while (radix_next_tagged(&ino->unwritten, &index, &value, PUNCH_TAG_FRESH)) {
        if (keep)
            radix_tag_clear(&ino->unwritten, index, PUNCH_TAG_FRESH);
        else
            radix_remove(&ino->unwritten, index);
    }
}

static int punch_extend(struct inode *ino, uint64_t first_page, uint64_t end_page, uint64_t bytes)
{
    struct ext2_inode before = ino->disk;
    int err = volume_op_begin(ino->volume, PUNCH_OP_PAGE);

    if (err != 0)
        return err;
    err = volume_op_end(ino->volume, punch_reserve(ino, first_page, end_page, bytes));
    punch_end_marks(ino, err == 0);
    if (err != 0)
        ino->disk = before;
    else if (end_page > bytes / FS_PAGE_BYTES + (bytes % FS_PAGE_BYTES != 0))
        ino->beyond_end = true;
    return err;
}

int inode_extend_pages(struct inode *ino, uint64_t first_page, uint64_t end_page, uint64_t bytes)
{
    int err;

    contract(first_page < end_page);
    if (bytes < inode_bytes(ino))
        bytes = inode_bytes(ino);
    if (end_page > inode_bytes_limit(ino) / FS_PAGE_BYTES || bytes > inode_bytes_limit(ino))
        return -EFBIG;
    do
        err = punch_extend(ino, first_page, end_page, bytes);
    while (volume_op_retry(ino->volume, err));
    return err;
}

int inode_reserve_pages(struct inode *ino, uint64_t first_page, uint64_t end_page)
{
    return inode_extend_pages(ino, first_page, end_page, 0);
}
