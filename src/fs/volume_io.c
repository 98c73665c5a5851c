/*
 * The cache of metadata blocks: lines, operations that can be taken back, write-back.
 *
 * Layer 4; knows blocks, not what is in them. volume_io_manager.c is the face that libext2fs sees.
 * Invariants I-VIO-1..4 are in volume_io.h.
 *
 * A line's life: absent --read--> clean --changed--> dirty --written back--> clean --evicted-->
 * absent. Lines are written back when an operation is committed and there are more than the cache
 * should hold, and by volume_io_write_back. Inside an operation there is no eviction of what it
 * touched, only growth: a line that was stolen could not be taken back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "fs/volume_io_line.h"

static uint32_t volume_io_bucket(uint64_t block)
{
    return (uint32_t)(block % VOLUME_IO_BUCKETS);
}

/* Blocks of the device that one of ours takes. */
static uint32_t volume_io_factor(const struct volume_io *io)
{
    return volume_io_block_bytes(io) / DEV_BLOCK_BYTES;
}

/* ---- lines ---- */

static struct volume_io_line *volume_io_find(struct volume_io *io, uint64_t block)
{
    struct volume_io_line *line = io->buckets[volume_io_bucket(block)];

    while (line != NULL && line->block != block)
        line = line->next;
    if (line != NULL) {
        list_remove(&line->lru);
        list_append(&io->lru, &line->lru);
    }
    return line;
}

static void volume_io_set_dirty(struct volume_io *io, struct volume_io_line *line, bool dirty)
{
    if (line->dirty == dirty)
        return;
    line->dirty = dirty;
    if (dirty)
        io->dirty++;
    else
        io->dirty--;
}

static void volume_io_drop(struct volume_io *io, struct volume_io_line *line)
{
    struct volume_io_line **at = &io->buckets[volume_io_bucket(line->block)];

    while (*at != line)
        at = &(*at)->next;
    *at = line->next;
    volume_io_set_dirty(io, line, false);
    list_remove(&line->lru);
    list_remove(&line->touched);
    alloc_release(io->alloc, line->before);
    alloc_release(io->alloc, line);
    io->lines--;
}

/* ---- data ---- */

/* Only a damaged file system names blocks that are not there. */
static int volume_io_locate(const struct volume_io *io, uint64_t block, uint32_t count)
{
    uint64_t blocks = io->dev->blocks / volume_io_factor(io);

    return block < blocks && count <= blocks - block ? 0 : -EUCLEAN;
}

/* Puts what a replay would have written over what the device has. */
static void volume_io_patch(const struct volume_io *io, uint64_t first, uint64_t count,
                            uint8_t *bytes)
{
    uint64_t at = first;
    void *value;

    for (; radix_next(&io->overlay, &at, &value) && at < first + count; at++)
        memcpy(bytes + (at - first) * DEV_BLOCK_BYTES, value, DEV_BLOCK_BYTES);
}

int volume_io_data_read(struct volume_io *io, uint64_t block, uint32_t count, void *bytes)
{
    uint32_t factor = volume_io_factor(io);
    int err;

    if (volume_io_locate(io, block, count) != 0)
        return -EUCLEAN;
    err = dev_read(io->dev, block * factor, count * factor, bytes);
    if (err == 0 && io->overlay.count > 0)
        volume_io_patch(io, block * factor, (uint64_t)count * factor, bytes);
    return err;
}

int volume_io_data_gather(struct volume_io *io, uint64_t block, uint32_t count,
                          const struct dev_span *spans, uint32_t span_count, unsigned flags)
{
    if (volume_io_locate(io, block, count) != 0)
        return -EUCLEAN;
    if (io->read_only)
        return -EROFS;
    io->unflushed = true;
    return dev_write_gather(io->dev, block * volume_io_factor(io), spans, span_count, flags);
}

int volume_io_data_write(struct volume_io *io, uint64_t block, uint32_t count, const void *bytes)
{
    struct dev_span span = {bytes, count * volume_io_factor(io)};

    return volume_io_data_gather(io, block, count, &span, 1, 0);
}

int volume_io_data_zero(struct volume_io *io, uint64_t block, uint32_t count)
{
    uint32_t factor = volume_io_factor(io);

    if (volume_io_locate(io, block, count) != 0)
        return -EUCLEAN;
    if (io->read_only)
        return -EROFS;
    io->unflushed = true;
    return dev_zero(io->dev, block * factor, count * factor);
}

static int volume_io_overlay_piece(struct volume_io *io, uint64_t at, const uint8_t *bytes)
{
    uint8_t *piece = radix_get(&io->overlay, at);

    if (piece == NULL) {
        piece = alloc_zeroed(io->alloc, DEV_BLOCK_BYTES);
        if (piece == NULL || radix_insert(&io->overlay, at, piece) != 0) {
            alloc_release(io->alloc, piece);
            return -ENOMEM;
        }
    }
    memcpy(piece, bytes, DEV_BLOCK_BYTES);
    return 0;
}

int volume_io_overlay(struct volume_io *io, uint64_t block, const uint8_t *bytes)
{
    uint32_t factor = volume_io_factor(io);
    int err = volume_io_locate(io, block, 1);

    contract(io->read_only);
    for (uint32_t i = 0; i < factor && err == 0; i++)
        err = volume_io_overlay_piece(io, block * factor + i, bytes + (size_t)i * DEV_BLOCK_BYTES);
    return err;
}

/* ---- write-back ---- */

static int volume_io_compare(const void *a, const void *b)
{
    uint64_t left = (*(struct volume_io_line *const *)a)->block;
    uint64_t right = (*(struct volume_io_line *const *)b)->block;

    return left < right ? -1 : left > right;
}

/* Collects the dirty lines in the order of their blocks. */
static uint32_t volume_io_collect(struct volume_io *io)
{
    uint32_t count = 0;

    list_for_each (node, &io->lru) {
        struct volume_io_line *line = container_of(node, struct volume_io_line, lru);

        if (line->dirty)
            io->order[count++] = line;
    }
    qsort(io->order, count, sizeof(struct volume_io_line *), volume_io_compare);
    return count;
}

uint32_t volume_io_dirty_lines(struct volume_io *io, struct volume_io_line *const **lines)
{
    *lines = io->order;
    return volume_io_collect(io);
}

uint64_t volume_io_line_block(const struct volume_io_line *line)
{
    return line->block;
}

const uint8_t *volume_io_line_bytes(const struct volume_io_line *line)
{
    return line->bytes;
}

/* Writes one run of neighbouring lines by one request. */
static int volume_io_write_run(struct volume_io *io, struct volume_io_line *const *lines,
                               uint32_t count)
{
    uint32_t bytes = volume_io_block_bytes(io);
    int err;

    for (uint32_t i = 0; i < count; i++)
        memcpy(io->run + (size_t)i * bytes, lines[i]->bytes, bytes);
    err = volume_io_data_write(io, lines[0]->block, count, io->run);
    for (uint32_t i = 0; i < count && err == 0; i++)
        volume_io_set_dirty(io, lines[i], false);
    return err;
}

/* Writes what it can; what failed stays dirty. The first error. */
static int volume_io_write_lines(struct volume_io *io)
{
    uint32_t count = volume_io_collect(io);
    uint32_t run = VOLUME_IO_RUN_BYTES / volume_io_block_bytes(io);
    int first_err = 0;

    for (uint32_t start = 0, end; start < count; start = end) {
        int err;

        for (end = start + 1; end < count && end - start < run; end++)
            if (io->order[end]->block != io->order[end - 1]->block + 1)
                break;
        err = volume_io_write_run(io, io->order + start, end - start);
        if (first_err == 0)
            first_err = err;
    }
    return first_err;
}

int volume_io_write_back(struct volume_io *io)
{
    int late_error = io->late_error;
    int err;

    contract(!io->in_operation && !io->read_only);
    err = io->dirty == 0 ? 0 : volume_io_write_lines(io);
    io->late_error = 0;
    return late_error != 0 ? late_error : err;
}

int volume_io_flush(struct volume_io *io)
{
    int err;

    if (!io->unflushed)
        return 0;
    err = dev_flush(io->dev);
    if (err == 0)
        io->unflushed = false;
    return err;
}

/* ---- the cache ---- */

/*
 * Drops clean lines, the oldest first, until at most `keep` are left or only dirty and touched
 * ones.
 */
static void volume_io_trim(struct volume_io *io, uint32_t keep)
{
    list_for_each_safe (node, next_node, &io->lru) {
        struct volume_io_line *line = container_of(node, struct volume_io_line, lru);

        if (io->lines <= keep)
            return;
        if (!line->dirty && list_empty(&line->touched))
            volume_io_drop(io, line);
    }
}

/* Must lines wait for somebody to say that they may be written? (I-VIO-5, I-VIO-6) */
static bool volume_io_only_on_demand(const struct volume_io *io)
{
    return io->write_ahead || io->read_only;
}

/*
 * Room for one more line: in the cache by eviction where that is possible, and in the write-back
 * order always.
 */
static int volume_io_make_room(struct volume_io *io)
{
    struct volume_io_line **order;

    if (io->lines >= VOLUME_IO_LINES)
        volume_io_trim(io, VOLUME_IO_LINES - 1);
    if (io->lines >= VOLUME_IO_LINES && !io->in_operation && !volume_io_only_on_demand(io)) {
        int err = volume_io_write_lines(io);

        (void)err; /* what could not be written stays, and the cache grows instead */
        volume_io_trim(io, VOLUME_IO_LINES - 1);
    }
    if (io->lines < io->order_room)
        return 0;
    order =
        alloc_resize(io->alloc, io->order, 2u * io->order_room * sizeof(struct volume_io_line *));
    if (order == NULL)
        return -ENOMEM;
    io->order = order;
    io->order_room *= 2;
    return 0;
}

/* A new line for a block that has none; its bytes are zero. NULL: no memory. */
static struct volume_io_line *volume_io_add(struct volume_io *io, uint64_t block)
{
    struct volume_io_line *line;

    if (volume_io_make_room(io) != 0)
        return NULL;
    line = alloc_zeroed(io->alloc, sizeof *line + volume_io_block_bytes(io));
    if (line == NULL)
        return NULL;
    line->block = block;
    line->next = io->buckets[volume_io_bucket(block)];
    io->buckets[volume_io_bucket(block)] = line;
    list_append(&io->lru, &line->lru);
    list_init(&line->touched);
    io->lines++;
    return line;
}

int volume_io_line_read(struct volume_io *io, uint64_t block, struct volume_io_line **out)
{
    int err;

    *out = volume_io_find(io, block);
    if (*out != NULL)
        return 0;
    *out = volume_io_add(io, block);
    if (*out == NULL)
        return -ENOMEM;
    err = volume_io_data_read(io, block, 1, (*out)->bytes);
    if (err != 0)
        volume_io_drop(io, *out);
    return err;
}

/*
 * Remembers what the line held before the current operation (I-VIO-2). `fresh`: there was no line.
 * /
 */
static int volume_io_touch(struct volume_io *io, struct volume_io_line *line, bool fresh)
{
    if (!io->in_operation || !list_empty(&line->touched))
        return 0;
    if (!fresh) {
        line->before = alloc_zeroed(io->alloc, volume_io_block_bytes(io));
        if (line->before == NULL)
            return -ENOMEM;
        memcpy(line->before, line->bytes, volume_io_block_bytes(io));
    }
    line->dirty_before = line->dirty;
    list_append(&io->touched, &line->touched);
    return 0;
}

/*
 * The line of a block that is about to be replaced as a whole: there is no need to read it first. /
 */
static int volume_io_line_replace(struct volume_io *io, uint64_t block, struct volume_io_line **out,
                                  bool *fresh)
{
    *fresh = false;
    *out = volume_io_find(io, block);
    if (*out != NULL)
        return 0;
    if (volume_io_locate(io, block, 1) != 0)
        return -EUCLEAN;
    *fresh = true;
    *out = volume_io_add(io, block);
    return *out == NULL ? -ENOMEM : 0;
}

int volume_io_line_write(struct volume_io *io, uint64_t block, uint32_t offset, uint32_t count,
                         const void *bytes)
{
    struct volume_io_line *line;
    bool fresh = false;
    int err;

    if (count == volume_io_block_bytes(io))
        err = volume_io_line_replace(io, block, &line, &fresh);
    else
        err = volume_io_line_read(io, block, &line);
    if (err != 0)
        return err;
    /*
     * libext2fs writes whole tables to change a word; what does not change need not go to the
     * device.
     */
    if (!fresh && memcmp(line->bytes + offset, bytes, count) == 0)
        return 0;
    err = volume_io_touch(io, line, fresh);
    if (err != 0)
        return err;
    memcpy(line->bytes + offset, bytes, count);
    volume_io_set_dirty(io, line, true);
    return 0;
}

void volume_io_forget(struct volume_io *io, uint64_t block)
{
    struct volume_io_line *line = volume_io_find(io, block);

    if (line != NULL)
        volume_io_drop(io, line);
}

/* ---- operations ---- */

void volume_io_begin(struct volume_io *io)
{
    contract(!io->in_operation && list_empty(&io->touched));
    io->in_operation = true;
}

void volume_io_commit(struct volume_io *io)
{
    contract(io->in_operation);
    list_for_each_safe (node, next_node, &io->touched) {
        struct volume_io_line *line = container_of(node, struct volume_io_line, touched);

        alloc_release(io->alloc, line->before);
        line->before = NULL;
        list_remove(&line->touched);
    }
    io->in_operation = false;
    if (io->dirty >= VOLUME_IO_LINES && !volume_io_only_on_demand(io)) {
        int err = volume_io_write_lines(io);

        (void)err; /* the operation is done all the same; volume_sync tries again and reports */
    }
    volume_io_trim(io, VOLUME_IO_LINES);
}

void volume_io_rollback(struct volume_io *io)
{
    contract(io->in_operation);
    list_for_each_safe (node, next_node, &io->touched) {
        struct volume_io_line *line = container_of(node, struct volume_io_line, touched);

        if (line->before == NULL) {
            volume_io_drop(io, line);
            continue;
        }
        memcpy(line->bytes, line->before, volume_io_block_bytes(io));
        volume_io_set_dirty(io, line, line->dirty_before);
        alloc_release(io->alloc, line->before);
        line->before = NULL;
        list_remove(&line->touched);
    }
    io->in_operation = false;
}

/* ---- the whole ---- */

void volume_io_drop_all(struct volume_io *io)
{
    list_for_each_safe (node, next_node, &io->lru)
        volume_io_drop(io, container_of(node, struct volume_io_line, lru));
}

bool volume_io_check(const struct volume_io *io)
{
    uint32_t lines = 0;
    uint32_t dirty = 0;

    for (uint32_t bucket = 0; bucket < VOLUME_IO_BUCKETS; bucket++) {
        for (const struct volume_io_line *line = io->buckets[bucket]; line != NULL;
             line = line->next) {
            lines++;
            dirty += line->dirty;
            if (volume_io_bucket(line->block) != bucket || line->before != NULL)
                return false;
            for (const struct volume_io_line *other = line->next; other != NULL;
                 other = other->next)
                if (other->block == line->block)
                    return false;
        }
    }
    return lines == io->lines && dirty == io->dirty && !io->in_operation && lines <= io->order_room;
}
