/*
 * One cached metadata block, as its bytes lie in the cache.
 *
 * Layer 4, private to volume_io.c (the cache), volume_io_manager.c (what libext2fs calls), and those
 * who look into metadata or put it together themselves (inode_map.c, volume_commit.c).
 */
#ifndef MAPWALK_FS_VOLUME_IO_LINE_H
#define MAPWALK_FS_VOLUME_IO_LINE_H

#include "fs/volume_io.h"

struct volume_io_line {
    struct volume_io_line *next; /* in its bucket */
    struct list lru;
    struct list
        touched; /* in volume_io.touched; alone when the current operation has not changed it */
    uint64_t block;
    uint8_t *before; /* touched lines: the bytes before the operation; NULL: there was no line */
    bool dirty;
    bool dirty_before;
    _Alignas(uint64_t) uint8_t bytes[]; /* one block; tables are looked at where they lie */
};

/* The line of a block, read from the device if it must be. -EIO, -ENOMEM, -EUCLEAN. */
MUST_CHECK int volume_io_line_read(struct volume_io *io, uint64_t block,
                                   struct volume_io_line **out);

/* Changes `count` bytes of a block from `offset` on. The same errors. */
MUST_CHECK int volume_io_line_write(struct volume_io *io, uint64_t block, uint32_t offset,
                                    uint32_t count, const void *bytes);

/* Drops every line, dirty or not. */
void volume_io_drop_all(struct volume_io *io);

#endif
