/*
 * System calls that make what was written durable. Layer 7.
 *
 * An error that happened in the background is the file's; each open file description has a cursor
 * (mapped_file.error_seen) and is told once, by whichever of these calls asks first. Descriptors that
 * share a description (dup, fork) share that.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "cache/writeback.h"
#include "kernel/file_kind.h"

static int call_sync_all(const struct call *call, int fd, unsigned flags)
{
    struct open_file *file = call_file(call, fd);

    if (file == NULL)
        return call->process == NULL ? -ESRCH : -EBADF;
    return file->kind->sync == NULL ? -EINVAL : file->kind->sync(file, 0, UINT64_MAX, flags);
}

int mw_fsync(struct mw_machine *m, int pid, int fd)
{
    struct call call = call_begin(m, pid, MW_CALL_fsync, (uint64_t)(int64_t)fd, 0, 0, 0);

    return (int)call_end(&call, call_sync_all(&call, fd, 0));
}

int mw_fdatasync(struct mw_machine *m, int pid, int fd)
{
    struct call call = call_begin(m, pid, MW_CALL_fdatasync, (uint64_t)(int64_t)fd, 0, 0, 0);

    return (int)call_end(&call, call_sync_all(&call, fd, CACHE_DATA_ONLY));
}

/*
 * What went wrong with any file is told here, too, once to each description, as Linux does since 5.8:
 * the cursor is one of its own, and takes nothing from those of fsync.
 */
static int sync_all_files(struct mw_machine *m, struct open_file *file)
{
    int err = cache_sync(&m->cache);
    int seen = errseq_check_and_advance(&m->cache.error, &file->mapped.all_errors_seen);

    return err != 0 ? err : seen;
}

/* The descriptor only names a file system; there is one that has a disk. */
int mw_syncfs(struct mw_machine *m, int pid, int fd)
{
    struct call call = call_begin(m, pid, MW_CALL_syncfs, (uint64_t)(int64_t)fd, 0, 0, 0);
    struct open_file *file = call_file(&call, fd);

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    if (file->kind != &file_regular && file->kind != &file_directory)
        return (int)call_end(&call, 0);
    return (int)call_end(&call, sync_all_files(m, file));
}

int mw_sync(struct mw_machine *m)
{
    struct call call = call_begin(m, 0, MW_CALL_sync, 0, 0, 0, 0);

    return (int)call_end(&call, m->off ? -EIO : cache_sync(&m->cache));
}

/* ---- sync_file_range ---- */

#define RANGE_FLAGS \
    (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)

/*
 * Pages [first, end) in up to three steps. Waiting tells what went wrong since this description
 * looked last.
 */
static int sync_range_pages(struct mapped_file *file, uint64_t first, uint64_t end, unsigned flags)
{
    enum cache_sync_mode mode = flags == RANGE_FLAGS ? CACHE_ALL : CACHE_NONE_WAIT;
    int err = 0;
    int own;

    if (flags & SYNC_FILE_RANGE_WAIT_BEFORE) {
        cache_wait_range(file->map, first, end);
        err = cache_check_error(file->map, &file->error_seen);
    }
    if (err == 0 && (flags & SYNC_FILE_RANGE_WRITE)) {
        own = cache_write_range(file->map, first, end, mode, false);
        (void)own; /* left with the file, too: told by the wait below, and then only once */
    }
    if (err == 0 && (flags & SYNC_FILE_RANGE_WAIT_AFTER)) {
        cache_wait_range(file->map, first, end);
        err = cache_check_error(file->map, &file->error_seen);
    }
    return err;
}

/* In the order of ksys_sync_file_range: flags and range, then the kind. */
static int call_sync_range(struct open_file *file, uint64_t offset, uint64_t bytes, unsigned flags)
{
    uint64_t end = offset + bytes;

    if ((flags & ~(unsigned)RANGE_FLAGS) || offset > INT64_MAX || bytes > INT64_MAX ||
        end > INT64_MAX)
        return -EINVAL;
    if (file->kind->sync == NULL)
        return -ESPIPE;
    if (file->mapped.map == NULL || file->mapped.map->inode == NULL)
        return 0;
    return sync_range_pages(&file->mapped, offset >> PAGE_SHIFT,
                            bytes == 0 ? UINT64_MAX : page_ceil(end) >> PAGE_SHIFT, flags);
}

int mw_sync_file_range(struct mw_machine *m, int pid, int fd, uint64_t offset, uint64_t bytes,
                       unsigned flags)
{
    struct call call =
        call_begin(m, pid, MW_CALL_sync_file_range, (uint64_t)(int64_t)fd, offset, bytes, flags);
    struct open_file *file = call_file(&call, fd);

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    return (int)call_end(&call, call_sync_range(file, offset, bytes, flags));
}

/* ---- a range of memory, dirty or not ---- */

/* The share of one area; what is not a file's own page has no disk to go to. */
static int flush_area(const struct vma *v, uint64_t start, uint64_t end)
{
    uint64_t first = start > v->start ? start : v->start;
    uint64_t last = end < v->end ? end : v->end;

    if (v->file == NULL || v->file->map == NULL || v->file->map->inode == NULL ||
        !(v->flags & VMA_SHARED))
        return 0;
    return cache_fsync(v->file->map, vma_index(v, first), vma_index(v, last), &v->file->error_seen,
                       CACHE_DATA_ONLY | CACHE_FORCE);
}

/* As msync(MS_SYNC): holes are passed over, and told at the end. */
static int call_flush_force(const struct mm *mm, uint64_t addr, uint64_t bytes)
{
    uint64_t end = addr + page_ceil(bytes);
    int holes = 0;

    if (!page_aligned(addr))
        return -EINVAL;
    if (end < addr)
        return -ENOMEM;
    for (uint64_t at = addr; at < end;) {
        const struct vma *v = vma_set_find_above(&mm->vmas, at);
        int err;

        if (v == NULL || v->start >= end)
            return -ENOMEM;
        if (v->start > at)
            holes = -ENOMEM;
        err = flush_area(v, at, end);
        if (err != 0)
            return err;
        at = v->end;
    }
    return holes;
}

int mw_flush_force(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_flush_force, addr, bytes, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_flush_force(call.process->mm, addr, bytes));
}
