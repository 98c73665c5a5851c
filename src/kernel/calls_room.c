/*
 * System calls on a file's room on the disk and its pages in the cache: fallocate, fadvise64,
 * readahead; and what beside calls makes the cache forget. Layer 7.
 */
#include <fcntl.h>
#include <linux/falloc.h>

#include "cache/readahead.h"
#include "cache/writeback.h"
#include "kernel/file_kind.h"

#define FALLOC_WRITE_ZEROES 0x80 /* FALLOC_FL_WRITE_ZEROES of Linux 6.17: none here can do it */

/* ---- fallocate ---- */

/* The modes that Linux has at all; what a kind of file makes of them is its business. */
static bool fallocate_is_mode(int mode)
{
    switch (mode & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
    case FALLOC_FL_UNSHARE_RANGE:
    case FALLOC_FL_ZERO_RANGE:
        return true;
    case FALLOC_FL_PUNCH_HOLE:
        return (mode & FALLOC_FL_KEEP_SIZE) != 0;
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_INSERT_RANGE:
        return (mode & FALLOC_FL_KEEP_SIZE) == 0;
    default:
        return mode == FALLOC_WRITE_ZEROES;
    }
}

/* In the order of vfs_fallocate: range, mode, rights, kind, size. */
static int call_fallocate(struct open_file *file, int mode, uint64_t offset, uint64_t bytes)
{
    const int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;

    if (offset > INT64_MAX || bytes == 0 || bytes > INT64_MAX)
        return -EINVAL;
    if (!fallocate_is_mode(mode))
        return -EOPNOTSUPP;
    if (!file->mapped.writable)
        return -EBADF;
    if (file->kind->fifo)
        return -ESPIPE;
    if (file->kind->allocate == NULL)
        return -ENODEV;
    if (offset + bytes > INT64_MAX)
        return -EFBIG;
    return mode & ~known ? -EOPNOTSUPP : file->kind->allocate(file, mode, offset, offset + bytes);
}

int mw_fallocate(struct mw_machine *m, int pid, int fd, int mode, uint64_t offset, uint64_t bytes)
{
    struct call call =
        call_begin(m, pid, MW_CALL_fallocate, (uint64_t)(int64_t)fd, (uint64_t)mode, offset, bytes);
    struct open_file *file = call_file(&call, fd);

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    return (int)call_end(&call, call_fallocate(file, mode, offset, bytes));
}

/* ---- advice ---- */

/* The pages that a range of bytes touches; `bytes` 0: to the end of the file, whatever that is. */
static uint64_t advice_end(uint64_t offset, uint64_t bytes)
{
    uint64_t end = offset + bytes;

    return bytes == 0 || end < bytes ? INT64_MAX : end;
}

/*
 * Writing begins, nobody waits. Pages that the range covers in part stay; the last one of the file
 * may go, as nothing is behind it.
 */
static void advice_drop(struct open_file *file, uint64_t offset, uint64_t end)
{
    struct file_map *map = file->mapped.map;
    uint64_t last = end >= file_bytes(file) ? page_ceil(end) : end;

    if (offset >= end || map->inode == NULL)
        return;
    if (cache_write_range(map, offset >> PAGE_SHIFT, page_ceil(end) >> PAGE_SHIFT, CACHE_NONE_WAIT,
                          false) == 0)
        cache_invalidate(map, page_ceil(offset) >> PAGE_SHIFT, last >> PAGE_SHIFT);
}

static void advice_read(struct open_file *file, uint64_t offset, uint64_t end)
{
    uint64_t size = file_bytes(file);

    if (end > size)
        end = size;
    if (offset < end)
        cache_read_ahead(file->mapped.map, offset >> PAGE_SHIFT, page_ceil(end) >> PAGE_SHIFT);
}

/* For regular files; for others there is nothing to do. False: it is no advice. */
static bool advice_take(struct open_file *file, uint64_t offset, uint64_t end, int advice)
{
    bool regular = file_is_regular(file);
    const struct cache *cache = &file->machine->cache;

    switch (advice) {
    case POSIX_FADV_NORMAL:
        cache_readahead_advise(&file->mapped.ra, cache, CACHE_ADVICE_NORMAL);
        return true;
    case POSIX_FADV_RANDOM:
        cache_readahead_advise(&file->mapped.ra, cache, CACHE_ADVICE_RANDOM);
        return true;
    case POSIX_FADV_SEQUENTIAL:
        cache_readahead_advise(&file->mapped.ra, cache, CACHE_ADVICE_SEQUENTIAL);
        return true;
    case POSIX_FADV_WILLNEED:
        if (regular)
            advice_read(file, offset, end);
        return true;
    case POSIX_FADV_DONTNEED:
        if (regular)
            advice_drop(file, offset, end);
        return true;
    default:
        return advice == POSIX_FADV_NOREUSE;
    }
}

/* A position before the beginning is none of this call's errors. */
static int call_fadvise(struct open_file *file, uint64_t offset, uint64_t bytes, int advice)
{
    uint64_t end = offset > INT64_MAX ? 0 : advice_end(offset, bytes);

    if (file->kind->fifo)
        return -ESPIPE;
    if (bytes > INT64_MAX)
        return -EINVAL;
    return advice_take(file, offset, end, advice) ? 0 : -EINVAL;
}

int mw_fadvise(struct mw_machine *m, int pid, int fd, uint64_t offset, uint64_t bytes, int advice)
{
    struct call call = call_begin(m, pid, MW_CALL_fadvise64, (uint64_t)(int64_t)fd, offset, bytes,
                                  (uint64_t)(int64_t)advice);
    struct open_file *file = call_file(&call, fd);

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    return (int)call_end(&call, call_fadvise(file, offset, bytes, advice));
}

int mw_readahead(struct mw_machine *m, int pid, int fd, uint64_t offset, uint64_t bytes)
{
    struct call call =
        call_begin(m, pid, MW_CALL_readahead, (uint64_t)(int64_t)fd, offset, bytes, 0);
    struct open_file *file = call_file(&call, fd);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    if (file == NULL || !file->mapped.readable)
        return (int)call_end(&call, -EBADF);
    if (!file_is_regular(file))
        return (int)call_end(&call, -EINVAL);
    return (int)call_end(&call, call_fadvise(file, offset, bytes, POSIX_FADV_WILLNEED));
}

int mw_drop_caches(struct mw_machine *m)
{
    struct call call = call_begin(m, 0, MW_CALL_drop_caches, 0, 0, 0, 0);

    if (m->off)
        return (int)call_end(&call, -EIO);
    cache_drop_clean(&m->cache);
    return (int)call_end(&call, 0);
}
