/*
 * Operations on a volume that happen as a whole or not at all: the log of bitmap changes.
 *
 * Layer 4. libext2fs keeps the bitmaps and their counters in memory and offers no undo, but it
 * calls back for every block it allocates or frees. Each call becomes an entry of the log;
 * neighbours merge. Taking back means doing the opposite of each entry, newest first. Room is
 * reserved before the first change, because a callback cannot fail.
 *
 *   I-OP-1  the log is empty outside operations
 *   I-OP-2  no block is both allocated and freed within one operation
 *   I-OP-3  a block or inode that was freed is not given out before a commit has made that durable:
 *           else a power cut would give it back to its old owner, with the new one's bytes in it
 */
#include "base/contract.h"
#include "fs/volume_inner.h"
#include "fs/volume_io_line.h"

/*
 * Room for one more entry, in the rare case that what was reserved did not do (a damaged file lies
 * about its size).
 */
static bool volume_op_has_room(struct volume *v)
{
    return v->log_count < v->log_room || volume_op_reserve(v, v->log_count / 2 + 1) == 0;
}

static void volume_op_log(struct volume *v, enum volume_change_kind kind, uint64_t first,
                          uint32_t count, bool directory)
{
    struct volume_change *last = v->log_count > 0 ? &v->log[v->log_count - 1] : NULL;
    bool blocks = kind == VOLUME_BLOCKS_TAKEN || kind == VOLUME_BLOCKS_FREED;

    if (blocks && last != NULL && last->kind == kind && last->first + last->count == first) {
        last->count += count;
        return;
    }
    if (!volume_op_has_room(v)) {
        v->log_lost = true;
        return;
    }
    v->log[v->log_count++] = (struct volume_change){first, count, (uint16_t)kind, directory};
}

/* ---- what changed, and what is held ---- */

static void volume_op_touch_group(struct volume *v, uint64_t group, uint8_t which)
{
    if ((v->groups[group] & which) == 0)
        v->changed++;
    v->groups[group] |= which;
}

static void volume_op_touch_inode(struct volume *v, uint64_t number)
{
    volume_op_touch_group(v, (number - 1) / v->fs->super->s_inodes_per_group, VOLUME_GROUP_INODES);
}

static void volume_op_touch_blocks(struct volume *v, uint64_t block, uint64_t count)
{
    uint64_t per_group = v->fs->super->s_blocks_per_group;
    uint64_t first = block - v->fs->super->s_first_data_block;

    for (uint64_t group = first / per_group; group <= (first + count - 1) / per_group; group++)
        volume_op_touch_group(v, group, VOLUME_GROUP_BLOCKS);
}

/*
 * Called by libext2fs after every change of the block bitmap; also by our own undoing, which is not
 * logged: a block that is free again because it was never really taken need not be held.
 */
static void volume_op_range_changed(ext2_filsys fs, blk64_t block, blk_t count, int in_use)
{
    struct volume *v = fs->priv_data;

    volume_op_touch_blocks(v, block, count);
    if (in_use > 0 && v->holding)
        ext2fs_unmark_block_bitmap_range2(v->held, block, count);
    if (!v->io.in_operation)
        return;
    if (in_use <= 0) {
        ext2fs_mark_block_bitmap_range2(v->held, block, count);
        v->holding = true;
    }
    volume_op_log(v, in_use > 0 ? VOLUME_BLOCKS_TAKEN : VOLUME_BLOCKS_FREED, block, count, false);
}

static void volume_op_block_changed(ext2_filsys fs, blk64_t block, int in_use)
{
    volume_op_range_changed(fs, block, 1, in_use);
}

/* The first block of [start, end] that is free and not held. */
static bool volume_op_search_blocks(struct volume *v, blk64_t start, blk64_t end, blk64_t *found)
{
    while (start <= end &&
           ext2fs_find_first_zero_block_bitmap2(v->fs->block_map, start, end, found) == 0) {
        if (!v->holding || !ext2fs_test_block_bitmap2(v->held, *found))
            return true;
        if (ext2fs_find_first_zero_block_bitmap2(v->held, *found, end, &start) != 0)
            return false;
    }
    return false;
}

/* Also called by libext2fs, for the tables of block maps. */
static errcode_t volume_op_find_block(ext2_filsys fs, blk64_t goal, blk64_t *found)
{
    struct volume *v = fs->priv_data;
    blk64_t first = fs->super->s_first_data_block;
    blk64_t end = fs->super->s_blocks_count;

    if (goal < first || goal >= end)
        goal = first;
    if (volume_op_search_blocks(v, goal, end - 1, found) ||
        (goal > first && volume_op_search_blocks(v, first, goal - 1, found)))
        return 0;
    return EXT2_ET_BLOCK_ALLOC_FAIL;
}

/* The same for inodes. */
static bool volume_op_search_inodes(struct volume *v, ext2_ino_t start, ext2_ino_t end,
                                    ext2_ino_t *found)
{
    while (start <= end &&
           ext2fs_find_first_zero_inode_bitmap2(v->fs->inode_map, start, end, found) == 0) {
        if (!v->holding || !ext2fs_test_inode_bitmap2(v->held_inodes, *found))
            return true;
        if (ext2fs_find_first_zero_inode_bitmap2(v->held_inodes, *found, end, &start) != 0)
            return false;
    }
    return false;
}

/* From the group of `near` on, so that a directory's files lie together. */
static int volume_op_find_inode(struct volume *v, uint32_t near, ext2_ino_t *found)
{
    uint32_t per_group = v->fs->super->s_inodes_per_group;
    ext2_ino_t first = EXT2_FIRST_INODE(v->fs->super);
    ext2_ino_t start = near > 0 ? (near - 1) / per_group * per_group + 1 : first;

    if (start < first)
        start = first;
    if (volume_op_search_inodes(v, start, v->fs->super->s_inodes_count, found) ||
        (start > first && volume_op_search_inodes(v, first, start - 1, found)))
        return 0;
    return -ENOSPC;
}

int volume_op_attach(struct volume *v)
{
    int err;

    v->groups = alloc_zeroed(v->alloc, v->fs->group_desc_count);
    if (v->groups == NULL)
        return -ENOMEM;
    err = volume_errno(ext2fs_allocate_block_bitmap(v->fs, "held blocks", &v->held));
    if (err == 0)
        err = volume_errno(ext2fs_allocate_inode_bitmap(v->fs, "held inodes", &v->held_inodes));
    if (err != 0)
        return err;
    v->fs->priv_data = v;
    ext2fs_set_block_alloc_stats_callback(v->fs, volume_op_block_changed, NULL);
    ext2fs_set_block_alloc_stats_range_callback(v->fs, volume_op_range_changed, NULL);
    ext2fs_set_alloc_block_callback(v->fs, volume_op_find_block, NULL);
    return 0;
}

void volume_op_release_held(struct volume *v)
{
    if (!v->holding)
        return;
    ext2fs_clear_block_bitmap(v->held);
    ext2fs_clear_inode_bitmap(v->held_inodes);
    v->holding = false;
}

/* ---- operations ---- */

int volume_op_reserve(struct volume *v, uint64_t room)
{
    struct volume_change *log;
    uint64_t wanted = v->log_count + room;

    if (wanted <= v->log_room)
        return 0;
    log = alloc_resize(v->alloc, v->log, wanted * sizeof *log);
    if (log == NULL)
        return -ENOMEM;
    v->log = log;
    v->log_room = wanted;
    return 0;
}

/*
 * What waits for a commit must fit into the journal, and the cache should not grow without end.
 * While blocks lie behind the end of a file, whose size comes with this very operation, there is
 * time until the hard limit.
 */
static int volume_op_limit(struct volume *v)
{
    uint64_t waiting = volume_waiting(v);
    int err;

    if (v->committing || waiting < v->soft_limit ||
        (waiting < v->hard_limit && volume_has_blocks_beyond_end(v)))
        return 0;
    err = volume_commit_early(v);
    return volume_waiting(v) < v->hard_limit ? 0 : err;
}

int volume_op_begin(struct volume *v, uint64_t room)
{
    int err = v->io.read_only ? -EROFS : volume_op_limit(v);

    contract(v->log_count == 0);
    if (err != 0)
        return err;
    v->log_lost = false;
    if (volume_op_reserve(v, room) != 0)
        return -ENOMEM;
    volume_io_begin(&v->io);
    return 0;
}

int volume_op_new_inode(struct volume *v, uint32_t near, uint16_t mode, uint32_t *number)
{
    bool directory = LINUX_S_ISDIR(mode);
    ext2_ino_t found;
    int err = volume_op_reserve(v, 1);

    if (err == 0)
        err = volume_op_find_inode(v, near, &found);
    if (err != 0)
        return err;
    /* Only a damaged bitmap gives away an inode that is open, or one of ext2's own. */
    if (!volume_number_usable(v, found) || radix_get(&v->inodes, found) != NULL)
        return -EUCLEAN;
    volume_op_log(v, VOLUME_INODE_TAKEN, found, 1, directory);
    volume_op_touch_inode(v, found);
    ext2fs_inode_alloc_stats2(v->fs, found, +1, directory);
    *number = found;
    return 0;
}

int volume_op_new_block(struct volume *v, uint64_t goal, uint64_t *block)
{
    blk64_t found;
    int err = volume_errno(volume_op_find_block(v->fs, goal, &found));

    if (err != 0)
        return err;
    ext2fs_block_alloc_stats2(v->fs, found, +1);
    *block = found;
    return 0;
}

void volume_op_free_inode(struct volume *v, uint32_t number, bool directory)
{
    volume_op_log(v, VOLUME_INODE_FREED, number, 1, directory);
    volume_op_touch_inode(v, number);
    ext2fs_mark_inode_bitmap2(v->held_inodes, number);
    v->holding = true;
    ext2fs_inode_alloc_stats2(v->fs, number, -1, directory);
}

bool volume_op_retry(struct volume *v, int err)
{
    return err == -ENOSPC && v->holding && !v->committing && volume_commit_early(v) == 0;
}

static void volume_op_undo(struct volume *v, const struct volume_change *change)
{
    switch ((enum volume_change_kind)change->kind) {
    case VOLUME_BLOCKS_TAKEN:
        ext2fs_block_alloc_stats_range(v->fs, change->first, change->count, -1);
        break;
    case VOLUME_BLOCKS_FREED:
        ext2fs_block_alloc_stats_range(v->fs, change->first, change->count, +1);
        break;
    case VOLUME_INODE_TAKEN:
        ext2fs_inode_alloc_stats2(v->fs, (ext2_ino_t)change->first, -1, change->directory);
        break;
    case VOLUME_INODE_FREED:
        ext2fs_unmark_inode_bitmap2(v->held_inodes, (ext2_ino_t)change->first);
        ext2fs_inode_alloc_stats2(v->fs, (ext2_ino_t)change->first, +1, change->directory);
        break;
    }
}

#define LOG_KEPT 1024u /* entries; a run of pages needs fewer */

/* Memory for a log of a large truncation is not kept for the small operations that follow. */
static void volume_op_clear_log(struct volume *v)
{
    v->log_count = 0;
    if (v->log_room <= LOG_KEPT)
        return;
    alloc_release(v->alloc, v->log);
    v->log = NULL;
    v->log_room = 0;
}

static bool volume_op_is_free(const struct volume *v, uint64_t block)
{
    const struct ext2_super_block *super = v->fs->super;

    return block >= super->s_first_data_block && block < super->s_blocks_count &&
           !ext2fs_test_block_bitmap2(v->fs->block_map, block);
}

/*
 * Blocks that the operation changed and then freed: libext2fs empties the tables of a block map
 * before it frees them. Nobody will ever read them.
 */
static uint32_t volume_op_count_freed(const struct volume *v)
{
    uint32_t count = 0;

    list_for_each (node, &v->io.touched) {
        const struct volume_io_line *line = container_of(node, struct volume_io_line, touched);

        count += line->dirty && volume_op_is_free(v, line->block);
    }
    return count;
}

/*
 * They need not be written, or the truncation of a large file would need as much room in the
 * journal as its map.
 */
static void volume_op_forget_freed(struct volume *v)
{
    list_for_each_safe (node, next_node, &v->io.touched) {
        uint64_t block = container_of(node, struct volume_io_line, touched)->block;

        if (volume_op_is_free(v, block))
            volume_io_forget(&v->io, block);
    }
}

/* An operation that no transaction has room for cannot be had. */
static bool volume_op_fits(const struct volume *v)
{
    uint32_t room = v->journal.blocks == NULL ? UINT32_MAX : journal_room(&v->journal);
    uint64_t waiting = volume_waiting(v);

    room -= room / 8; /* for the inodes of files without a name */
    return waiting <= room || waiting - volume_op_count_freed(v) <= room;
}

int volume_op_end(struct volume *v, int err)
{
    if (err == 0 && !volume_op_fits(v))
        err = -ENOSPC;
    if (err == 0) {
        if (v->holding)
            volume_op_forget_freed(v);
        volume_io_commit(&v->io);
        volume_op_clear_log(v);
        return 0;
    }
    volume_io_rollback(&v->io);
    while (v->log_count > 0)
        volume_op_undo(v, &v->log[--v->log_count]);
    /* libext2fs puts an inode into its cache before it tries to write it. */
    ext2fs_flush_icache(v->fs);
    volume_op_clear_log(v);
    return v->log_lost ? -EUCLEAN : err;
}
