/*
 * System calls on files. Layer 7. Data moves through the page cache and the caller's page tables, a
 * page at a time.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kernel/calls.h"

/* Largest transfer of one read or write (read(2), NOTES). */
#define TRANSFER_MAX ((uint64_t)0x7ffff000)

/* The last descriptor or VMA that held the description is gone. */
static void open_file_release(struct mapped_file *mapped)
{
    struct open_file *file = container_of(mapped, struct open_file, mapped);

    file_map_put(file->mapped.map);
    alloc_release(&file->machine->alloc, file);
}

/* The inode of a path, created when flags say so. One reference is the caller's. */
static int open_inode(struct mw_machine *m, const char *path, int flags, struct inode **out)
{
    int err = inode_open(m->volume, path, out);

    if (err == 0 && (flags & O_CREAT) && (flags & O_EXCL)) {
        inode_put(*out);
        return -EEXIST;
    }
    if (err == -ENOENT && (flags & O_CREAT))
        return inode_create(m->volume, path, true, out);
    return err;
}

int machine_open_map(struct mw_machine *m, const char *path, int flags, struct file_map **out)
{
    struct inode *inode;
    int err = open_inode(m, path, flags, &inode);

    if (err != 0)
        return err;
    inode_names_set(&m->names, inode_number(inode), path);
    err = file_map_open(&m->cache, inode, out);
    inode_put(inode); /* the map has its own reference */
    return err;
}

/* An open file description that wants its map yet. NULL: no memory. */
static struct open_file *open_file_new(struct mw_machine *m, int flags)
{
    struct open_file *file = alloc_zeroed(&m->alloc, sizeof(*file));
    int mode = flags & O_ACCMODE;

    if (file == NULL)
        return NULL;
    file->machine = m;
    file->status_flags = flags & O_APPEND;
    file->mapped.refs = 1;
    file->mapped.readable =
        mode == O_RDONLY || mode == O_RDWR; /* 3, Linux's fourth mode: neither */
    file->mapped.writable = mode == O_WRONLY || mode == O_RDWR;
    file->mapped.release = open_file_release;
    return file;
}

/*
 * Without the descriptor: open(2) up to the open file description, for which memory is found before
 * the file is touched. O_TRUNC truncates in every mode, as in Linux.
 */
static int open_path(struct mw_machine *m, const char *path, int flags, struct open_file **out)
{
    struct open_file *file = open_file_new(m, flags);
    int err;

    if (file == NULL)
        return -ENOMEM;
    err = machine_open_map(m, path, flags, &file->mapped.map);
    if (err != 0) {
        alloc_release(&m->alloc, file);
        return err;
    }
    if (flags & O_TRUNC)
        err = cache_truncate(file->mapped.map, 0);
    if (err != 0) {
        mapped_file_put(&file->mapped);
        return err;
    }
    *out = file;
    return 0;
}

/* open(2): the descriptor comes first, so that a full table leaves the file alone. */
static int call_open(struct mw_machine *m, struct process *p, const char *path, int flags)
{
    struct open_file *file;
    int fd = fd_find_free(&m->alloc, &p->fds, 0);
    int err;

    if (fd < 0)
        return fd;
    err = open_path(m, path, flags, &file);
    if (err != 0)
        return err;
    p->fds.files[fd] = file;
    return fd;
}

int mw_open(struct mw_machine *m, int pid, const char *path, int flags)
{
    struct call call = call_begin(m, pid, MW_CALL_openat, (uint64_t)flags, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_open(m, call.process, path, flags));
}

int mw_close(struct mw_machine *m, int pid, int fd)
{
    struct call call = call_begin(m, pid, MW_CALL_close, (uint64_t)(int64_t)fd, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, fd_close(&call.process->fds, fd));
}

int mw_dup(struct mw_machine *m, int pid, int fd)
{
    struct call call = call_begin(m, pid, MW_CALL_dup, (uint64_t)(int64_t)fd, 0, 0, 0);
    struct open_file *file = call_file(&call, fd);
    int result;

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    result = fd_install(&m->alloc, &call.process->fds, 0, file);
    if (result >= 0)
        mapped_file_get(&file->mapped);
    return (int)call_end(&call, result);
}

int mw_dup2(struct mw_machine *m, int pid, int fd, int new_fd)
{
    struct call call =
        call_begin(m, pid, MW_CALL_dup2, (uint64_t)(int64_t)fd, (uint64_t)(int64_t)new_fd, 0, 0);
    struct open_file *file = call_file(&call, fd);
    int result;

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    if (fd == new_fd)
        return (int)call_end(&call, new_fd);
    mapped_file_get(&file->mapped);
    result = fd_replace(&m->alloc, &call.process->fds, new_fd, file);
    if (result < 0)
        mapped_file_put(&file->mapped);
    return (int)call_end(&call, result);
}

/* ---- read and write ---- */

/* A transfer between a file and user memory. */
struct transfer {
    struct mw_machine *m;
    struct process *process;
    struct file_map *map;
    uint64_t offset;
    vaddr_t va;
    uint64_t bytes;
};

/* Moves one piece; the bytes moved, 0 at the end of file, or -errno. */
typedef int64_t transfer_piece(const struct transfer *t, uint64_t done, uint64_t bytes);

/*
 * Through a buffer, because filling a page of the cache and faulting in a page of the user may both
 * need frames: no pointer into either survives the other.
 */
static int64_t transfer_read_piece(const struct transfer *t, uint64_t done, uint64_t bytes)
{
    uint8_t buffer[PAGE_BYTES];
    int64_t got = cache_read(t->map, t->offset + done, buffer, bytes);
    uint64_t copied;

    if (got <= 0)
        return got;
    copied = user_copy_out(t->m, t->process, t->va + done, buffer, (uint64_t)got);
    return copied == 0 ? -EFAULT : (int64_t)copied;
}

/* User memory is read before the file changes: a bad buffer must not leave half a page behind. */
static int64_t transfer_write_piece(const struct transfer *t, uint64_t done, uint64_t bytes)
{
    uint8_t buffer[PAGE_BYTES];
    uint64_t copied = user_copy_in(t->m, t->process, buffer, t->va + done, bytes);

    return copied == 0 ? -EFAULT : cache_write(t->map, t->offset + done, buffer, copied);
}

/*
 * Piece by piece, each within one page of the file. What was moved counts: an error is reported
 * only when it is the first thing that happens (read(2), write(2)).
 */
static int64_t transfer_run(const struct transfer *t, transfer_piece *piece)
{
    uint64_t done = 0;

    while (done < t->bytes) {
        uint64_t room = PAGE_BYTES - ((t->offset + done) & PAGE_MASK);
        uint64_t want = t->bytes - done < room ? t->bytes - done : room;
        int64_t moved = piece(t, done, want);

        if (moved < 0 && done == 0)
            return moved;
        if (moved <= 0)
            break;
        done += (uint64_t)moved;
        if ((uint64_t)moved < want)
            break;
    }
    return (int64_t)done;
}

/* The checks of pread(2) and pwrite(2), then the transfer. */
static int64_t call_transfer(const struct call *call, struct open_file *file, uint64_t va,
                             uint64_t bytes, uint64_t offset, bool write)
{
    struct transfer t = {.m = call->machine,
                         .process = call->process,
                         .offset = offset,
                         .va = va,
                         .bytes = bytes < TRANSFER_MAX ? bytes : TRANSFER_MAX};

    if (call->process == NULL)
        return -ESRCH;
    if (offset > INT64_MAX)
        return -EINVAL;
    if (file == NULL || !(write ? file->mapped.writable : file->mapped.readable))
        return -EBADF;
    if (bytes > 0 && (va > call->process->mm->user_end || bytes > call->process->mm->user_end - va))
        return -EFAULT;
    if (bytes > INT64_MAX - offset)
        return -EINVAL;
    if (write && bytes > 0 && (file->status_flags & O_APPEND)) /* also pwrite (pwrite(2), BUGS) */
        t.offset = file_map_bytes(file->mapped.map);
    t.map = file->mapped.map;
    return transfer_run(&t, write ? transfer_write_piece : transfer_read_piece);
}

int64_t mw_pread(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes,
                 uint64_t offset)
{
    struct call call =
        call_begin(m, pid, MW_CALL_pread64, (uint64_t)(int64_t)fd, va, bytes, offset);

    return call_end(&call, call_transfer(&call, call_file(&call, fd), va, bytes, offset, false));
}

int64_t mw_pwrite(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes,
                  uint64_t offset)
{
    struct call call =
        call_begin(m, pid, MW_CALL_pwrite64, (uint64_t)(int64_t)fd, va, bytes, offset);

    return call_end(&call, call_transfer(&call, call_file(&call, fd), va, bytes, offset, true));
}

/* At the file's position, which moves behind what was transferred. */
static int64_t call_transfer_here(const struct call *call, int fd, uint64_t va, uint64_t bytes,
                                  bool write)
{
    struct open_file *file = call_file(call, fd);
    int64_t result = call_transfer(call, file, va, bytes, file == NULL ? 0 : file->position, write);

    if (result <= 0)
        return result;
    if (write && (file->status_flags & O_APPEND))
        file->position = file_map_bytes(file->mapped.map); /* what was appended ends there */
    else
        file->position += (uint64_t)result;
    return result;
}

int64_t mw_read(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_read, (uint64_t)(int64_t)fd, va, bytes, 0);

    return call_end(&call, call_transfer_here(&call, fd, va, bytes, false));
}

int64_t mw_write(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_write, (uint64_t)(int64_t)fd, va, bytes, 0);

    return call_end(&call, call_transfer_here(&call, fd, va, bytes, true));
}

/* lseek(2). */
static int64_t call_lseek(struct open_file *file, int64_t offset, int whence)
{
    uint64_t base;
    int64_t position;

    switch (whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = file->position;
        break;
    case SEEK_END:
        base = file_map_bytes(file->mapped.map);
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow((int64_t)base, offset, &position) || position < 0)
        return -EINVAL;
    file->position = (uint64_t)position;
    return position;
}

int64_t mw_lseek(struct mw_machine *m, int pid, int fd, int64_t offset, int whence)
{
    struct call call = call_begin(m, pid, MW_CALL_lseek, (uint64_t)(int64_t)fd, (uint64_t)offset,
                                  (uint64_t)whence, 0);
    struct open_file *file = call_file(&call, fd);

    if (file == NULL)
        return call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    return call_end(&call, call_lseek(file, offset, whence));
}

int mw_ftruncate(struct mw_machine *m, int pid, int fd, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_ftruncate, (uint64_t)(int64_t)fd, bytes, 0, 0);
    struct open_file *file = call_file(&call, fd);

    if (call.process != NULL && bytes > INT64_MAX)
        return (int)call_end(&call, -EINVAL);
    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    if (!file->mapped.writable)
        return (int)call_end(&call, -EINVAL);
    return (int)call_end(&call, cache_truncate(file->mapped.map, bytes));
}

int mw_fsync(struct mw_machine *m, int pid, int fd)
{
    struct call call = call_begin(m, pid, MW_CALL_fsync, (uint64_t)(int64_t)fd, 0, 0, 0);
    struct open_file *file = call_file(&call, fd);
    int err;

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    err = cache_writeback(file->mapped.map, 0, UINT64_MAX);
    if (err == 0)
        err = volume_sync(m->volume);
    return (int)call_end(&call, err);
}

int mw_unlink(struct mw_machine *m, int pid, const char *path)
{
    struct call call = call_begin(m, pid, MW_CALL_unlink, 0, 0, 0, 0);

    return (int)call_end(&call, call.process == NULL ? -ESRCH : cache_unlink(&m->cache, path));
}
