/*
 * The io_manager that libext2fs calls, over the cache of metadata blocks.
 *
 * Layer 4. libext2fs knows a channel by name only and has no place for a pointer of ours in its
 * open call; so the name *is* the pointer, printed, and no table of open volumes is needed. The
 * channel lies inside the volume_io, hence closing it frees nothing and writes nothing: who wants
 * the lines on the device calls volume_io_write_back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/volume_io_line.h"

static struct volume_io *volume_io_of(io_channel channel)
{
    return channel->private_data;
}

/* Errors of ours travel through libext2fs as plain errno values; volume_errno turns them back. */
static errcode_t volume_io_code(int err)
{
    return -(errcode_t)err;
}

static errcode_t volume_io_manager_open(const char *name, int flags, io_channel *channel)
{
    struct volume_io *io = (struct volume_io *)(uintptr_t)strtoull(name, NULL, 16);

    (void)flags;
    io->channel.refcount = 1;
    *channel = &io->channel;
    return 0;
}

static errcode_t volume_io_manager_close(io_channel channel)
{
    channel->refcount--;
    return 0;
}

/*
 * Lines are as long as a block, so none survives a change of size. It happens before anything was
 * changed (mount) and around the writing of the superblock of a new file system (format), where an
 * error has to wait: libext2fs ignores what we return.
 */
static errcode_t volume_io_manager_set_block_bytes(io_channel channel, int block_bytes)
{
    struct volume_io *io = volume_io_of(channel);

    if (block_bytes == channel->block_size)
        return 0;
    if (block_bytes < (int)DEV_BLOCK_BYTES || block_bytes > EXT2_MAX_BLOCK_SIZE)
        return EXT2_ET_UNEXPECTED_BLOCK_SIZE;
    if (io->dirty > 0 && !io->read_only)
        io->late_error = volume_io_write_back(io); /* which returns an older late error first */
    volume_io_drop_all(io);
    channel->block_size = block_bytes;
    return 0;
}

/* libext2fs counts in blocks, and in bytes when the count is negative. */
static uint64_t volume_io_byte_count(const struct volume_io *io, int count)
{
    return count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * volume_io_block_bytes(io);
}

static errcode_t volume_io_manager_read64(io_channel channel, unsigned long long block, int count,
                                          void *data)
{
    struct volume_io *io = volume_io_of(channel);
    uint64_t left = volume_io_byte_count(io, count);
    uint8_t *to = data;

    for (; left > 0; block++) {
        uint64_t piece = left < volume_io_block_bytes(io) ? left : volume_io_block_bytes(io);
        struct volume_io_line *line;
        int err = volume_io_line_read(io, block, &line);

        if (err != 0)
            return volume_io_code(err);
        memcpy(to, line->bytes, piece);
        to += piece;
        left -= piece;
    }
    return 0;
}

static errcode_t volume_io_manager_write64(io_channel channel, unsigned long long block, int count,
                                           const void *data)
{
    struct volume_io *io = volume_io_of(channel);
    uint64_t left = volume_io_byte_count(io, count);
    const uint8_t *from = data;

    for (; left > 0; block++) {
        uint64_t piece = left < volume_io_block_bytes(io) ? left : volume_io_block_bytes(io);
        int err = volume_io_line_write(io, block, 0, (uint32_t)piece, from);

        if (err != 0)
            return volume_io_code(err);
        from += piece;
        left -= piece;
    }
    return 0;
}

static errcode_t volume_io_manager_read(io_channel channel, unsigned long block, int count,
                                        void *data)
{
    return volume_io_manager_read64(channel, block, count, data);
}

static errcode_t volume_io_manager_write(io_channel channel, unsigned long block, int count,
                                         const void *data)
{
    return volume_io_manager_write64(channel, block, count, data);
}

/* Used for the superblock, which is not a block of its own when blocks are larger than 1 KiB. */
static errcode_t volume_io_manager_write_byte(io_channel channel, unsigned long offset, int count,
                                              const void *data)
{
    struct volume_io *io = volume_io_of(channel);
    uint32_t block_bytes = volume_io_block_bytes(io);
    const uint8_t *from = data;
    uint32_t left = count > 0 ? (uint32_t)count : 0;

    while (left > 0) {
        uint32_t start = (uint32_t)(offset % block_bytes);
        uint32_t piece = left < block_bytes - start ? left : block_bytes - start;
        int err = volume_io_line_write(io, offset / block_bytes, start, piece, from);

        if (err != 0)
            return volume_io_code(err);
        offset += piece;
        from += piece;
        left -= piece;
    }
    return 0;
}

/*
 * Only a new file system is zeroed past the cache, where nothing has to be taken back or to wait for
 * a journal: its journal alone is larger than the cache.
 */
static errcode_t volume_io_manager_zeroout(io_channel channel, unsigned long long block,
                                           unsigned long long count)
{
    struct volume_io *io = volume_io_of(channel);

    if (io->write_ahead || count > UINT32_MAX / EXT2_MAX_BLOCK_SIZE)
        return EXT2_ET_OP_NOT_SUPPORTED;
    for (unsigned long long i = 0; i < count; i++)
        volume_io_forget(io, block + i);
    return volume_io_code(volume_io_data_zero(io, block, (uint32_t)count));
}

/* Volumes ask for durability themselves (volume_sync), once, when all of it is in the cache. */
static errcode_t volume_io_manager_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

static void volume_io_fill_manager(struct struct_io_manager *manager)
{
    manager->magic = EXT2_ET_MAGIC_IO_MANAGER;
    manager->name = "mapwalk block device";
    manager->open = volume_io_manager_open;
    manager->close = volume_io_manager_close;
    manager->set_blksize = volume_io_manager_set_block_bytes;
    manager->read_blk = volume_io_manager_read;
    manager->write_blk = volume_io_manager_write;
    manager->flush = volume_io_manager_flush;
    manager->write_byte = volume_io_manager_write_byte;
    manager->read_blk64 = volume_io_manager_read64;
    manager->write_blk64 = volume_io_manager_write64;
    manager->zeroout = volume_io_manager_zeroout;
}

int volume_io_init(struct volume_io *io, struct alloc *a, struct dev *dev)
{
    memset(io, 0, sizeof *io);
    io->alloc = a;
    io->dev = dev;
    list_init(&io->lru);
    list_init(&io->touched);
    radix_init(&io->overlay, a);
    io->order_room = VOLUME_IO_LINES + 1;
    io->order = alloc_zeroed(a, io->order_room * sizeof(struct volume_io_line *));
    io->run = alloc_zeroed(a, VOLUME_IO_RUN_BYTES);
    if (io->order == NULL || io->run == NULL) {
        volume_io_destroy(io);
        return -ENOMEM;
    }
    volume_io_fill_manager(&io->manager);
    io->channel.magic = EXT2_ET_MAGIC_IO_CHANNEL;
    io->channel.manager = &io->manager;
    io->channel.private_data = io;
    io->channel.block_size = DEV_BLOCK_BYTES;
    return 0;
}

void volume_io_destroy(struct volume_io *io)
{
    uint64_t at = 0;
    void *piece;

    for (; radix_next(&io->overlay, &at, &piece); at++)
        alloc_release(io->alloc, piece);
    radix_destroy(&io->overlay);
    volume_io_drop_all(io);
    alloc_release(io->alloc, io->run);
    alloc_release(io->alloc, io->order);
}

void volume_io_name(const struct volume_io *io, char name[VOLUME_IO_NAME])
{
    snprintf(name, VOLUME_IO_NAME, "%" PRIxPTR, (uintptr_t)io);
}
