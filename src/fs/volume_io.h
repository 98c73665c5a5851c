/*
 * The way from libext2fs to a block device: an io_manager with a write-back cache of metadata
 * blocks, that can take back everything that was written since a mark.
 *
 * Layer 4, private to fs. libext2fs re-reads bitmaps, inode tables and indirect blocks at every
 * step and leaves half of an operation behind when a read fails in its middle. Both are answered
 * here: metadata writes end in the cache, where they cannot fail for the device's sake, and an
 * operation that fails is undone (volume_op.c does the bitmaps' half). File data passes by the
 * cache (volume_io_data_*). On a volume with a journal, lines reach their home places only after
 * the journal has them (volume_commit.c): the cache then never writes by itself.
 *
 *       libext2fs                 inode_data.c
 *           | io_manager              | volume_io_data_*
 *     metadata lines                  |
 *           | write-back, in runs     |
 *           +--------- dev -----------+
 *
 * Blocks are file-system blocks of volume_io_block_bytes; the channel's block size decides (1 KiB
 * until it is known).
 *
 *   I-VIO-1  a block is in at most one line; `lines` and `dirty` count all and dirty ones
 *   I-VIO-2  during an operation no line goes to the device, and every line that it changed keeps
 *            what was there before
 *   I-VIO-3  a block that holds file data has no line (volume_io_forget when it becomes data)
 *   I-VIO-4  `unflushed` is set while the device was written and not flushed since
 *   I-VIO-5  with `write_ahead` only volume_io_write_back writes lines, after their commit
 *   I-VIO-6  with `read_only` nothing is written; `overlay` holds what a replay would have written,
 *            and every read from the device sees it
 */
#ifndef MAPWALK_FS_VOLUME_IO_H
#define MAPWALK_FS_VOLUME_IO_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/list.h"
#include "base/radix.h"
#include "dev/dev.h"

#define VOLUME_IO_LINES     256u /* kept; more only while an operation needs them */
#define VOLUME_IO_BUCKETS   256u
#define VOLUME_IO_RUN_BYTES 65536u /* of one write-back request at most; no block is larger */
#define VOLUME_IO_NAME      24u    /* bytes of a name that volume_io_name writes */

struct volume_io_line;

struct volume_io {
    struct struct_io_manager manager; /* what libext2fs calls; its open finds us by our name */
    struct struct_io_channel channel;
    struct alloc *alloc;
    struct dev *dev;
    struct list lru;     /* all lines, least recently used first */
    struct list touched; /* lines that the current operation changed */
    struct volume_io_line *buckets[VOLUME_IO_BUCKETS];
    struct volume_io_line **order; /* room for all lines, so that writing back needs no memory */
    uint32_t order_room;
    uint32_t lines;
    uint32_t dirty;
    uint8_t *run;   /* VOLUME_IO_RUN_BYTES */
    int late_error; /* of a write that libext2fs gave us no way to report; the next write-back
                       reports it */
    bool in_operation;
    bool unflushed;
    bool write_ahead;
    bool read_only;
    struct radix overlay; /* device block -> its DEV_BLOCK_BYTES */
};

/* -ENOMEM. The device outlives it. */
MUST_CHECK int volume_io_init(struct volume_io *io, struct alloc *a, struct dev *dev);

/* Frees all lines without writing them. */
void volume_io_destroy(struct volume_io *io);

/* The name under which io->manager opens this very io: libext2fs hands on nothing but a string. */
void volume_io_name(const struct volume_io *io, char name[VOLUME_IO_NAME]);

static inline uint32_t volume_io_block_bytes(const struct volume_io *io)
{
    return (uint32_t)io->channel.block_size;
}

/* From now on changes of lines are remembered. Pre: no operation under way. */
void volume_io_begin(struct volume_io *io);

/*
 * The changes stay. Cannot fail: where it is time to write back and the device refuses, lines just
 * stay dirty.
 */
void volume_io_commit(struct volume_io *io);

/* The lines are as they were at volume_io_begin. */
void volume_io_rollback(struct volume_io *io);

/*
 * Writes all dirty lines to their home places; those that failed stay dirty. The first error. Pre:
 * no operation under way; not read_only; with write_ahead, the journal has them.
 */
MUST_CHECK int volume_io_write_back(struct volume_io *io);

/*
 * The dirty lines in the order of their blocks, valid until lines change: what the journal is to
 * keep. volume_io_line_block and _bytes look into one.
 */
uint32_t volume_io_dirty_lines(struct volume_io *io, struct volume_io_line *const **lines);
uint64_t volume_io_line_block(const struct volume_io_line *line);
const uint8_t *volume_io_line_bytes(const struct volume_io_line *line);

/* Flushes the device when it was written since the last flush that succeeded. */
MUST_CHECK int volume_io_flush(struct volume_io *io);

/* The block is about to hold file data: drops its line, dirty or not. */
void volume_io_forget(struct volume_io *io, uint64_t block);

/* File data, straight from and to the device. -EUCLEAN: the blocks are not on the device. */
MUST_CHECK int volume_io_data_read(struct volume_io *io, uint64_t block, uint32_t count,
                                   void *bytes);
MUST_CHECK int volume_io_data_write(struct volume_io *io, uint64_t block, uint32_t count,
                                    const void *bytes);
MUST_CHECK int volume_io_data_zero(struct volume_io *io, uint64_t block, uint32_t count);

/* The same from many places in memory; spans count in device blocks. flags: 0 or DEV_FUA. */
MUST_CHECK int volume_io_data_gather(struct volume_io *io, uint64_t block, uint32_t count,
                                     const struct dev_span *spans, uint32_t span_count,
                                     unsigned flags);

/* read_only volumes: from now on the block reads as these bytes. -ENOMEM, -EUCLEAN. */
MUST_CHECK int volume_io_overlay(struct volume_io *io, uint64_t block, const uint8_t *bytes);

/* Recomputes I-VIO-1. */
bool volume_io_check(const struct volume_io *io);

#endif
