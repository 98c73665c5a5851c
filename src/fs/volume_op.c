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
 */
#include "base/contract.h"
#include "fs/volume_inner.h"

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

/*
 * Called by libext2fs after every change of the block bitmap; also by our own undoing, which is not
 * logged.
 */
static void volume_op_block_changed(ext2_filsys fs, blk64_t block, int in_use)
{
    struct volume *v = fs->priv_data;

    if (v->io.in_operation)
        volume_op_log(v, in_use > 0 ? VOLUME_BLOCKS_TAKEN : VOLUME_BLOCKS_FREED, block, 1, false);
}

static void volume_op_range_changed(ext2_filsys fs, blk64_t block, blk_t count, int in_use)
{
    struct volume *v = fs->priv_data;

    if (v->io.in_operation)
        volume_op_log(v, in_use > 0 ? VOLUME_BLOCKS_TAKEN : VOLUME_BLOCKS_FREED, block, count,
                      false);
}

void volume_op_attach(struct volume *v)
{
    v->fs->priv_data = v;
    ext2fs_set_block_alloc_stats_callback(v->fs, volume_op_block_changed, NULL);
    ext2fs_set_block_alloc_stats_range_callback(v->fs, volume_op_range_changed, NULL);
}

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

int volume_op_begin(struct volume *v, uint64_t room)
{
    contract(v->log_count == 0);
    v->log_lost = false;
    if (volume_op_reserve(v, room) != 0)
        return -ENOMEM;
    volume_io_begin(&v->io);
    return 0;
}

void volume_op_watch_inode(struct volume *v, uint32_t number, bool directory)
{
    volume_op_log(v, VOLUME_INODE_TAKEN, number, 1, directory);
}

void volume_op_take_inode(struct volume *v, uint32_t number)
{
    volume_op_watch_inode(v, number, false);
    ext2fs_inode_alloc_stats2(v->fs, number, +1, 0);
}

void volume_op_free_inode(struct volume *v, uint32_t number)
{
    volume_op_log(v, VOLUME_INODE_FREED, number, 1, false);
    ext2fs_inode_alloc_stats2(v->fs, number, -1, 0);
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
        /* A watched inode may not have been marked before the operation failed. */
        if (ext2fs_test_inode_bitmap2(v->fs->inode_map, (ext2_ino_t)change->first))
            ext2fs_inode_alloc_stats2(v->fs, (ext2_ino_t)change->first, -1, change->directory);
        break;
    case VOLUME_INODE_FREED:
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

int volume_op_end(struct volume *v, int err)
{
    if (err == 0) {
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
