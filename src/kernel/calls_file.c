/*
 * System calls on files: opening, positions, sizes. Layer 7. Names are in calls_name.c, room and
 * advice in calls_room.c, durability in calls_sync.c; data moves in calls_transfer.c, descriptors are
 * doubled in calls_descriptor.c, what differs between kinds of files is in file_kind*.c.
 */
#include <fcntl.h>
#include <unistd.h>

#include "kernel/file_kind.h"

/*
 * The inode of a path, created when flags say so, with all its directories when `parents`. One
 * reference is the caller's.
 */
static int open_inode(struct mw_machine *m, const char *path, int flags, bool parents,
                      struct inode **out)
{
    int err = m->off ? -EIO : inode_open(m->volume, path, out);

    if (err == 0 && (flags & O_CREAT) && (flags & O_EXCL)) {
        inode_put(*out);
        return -EEXIST;
    }
    if (err == -ENOENT && (flags & O_CREAT))
        return inode_create(m->volume, path, parents, out);
    return err;
}

int machine_open_map(struct mw_machine *m, const char *path, int flags, bool parents,
                     struct file_map **out)
{
    struct inode *inode;
    int err = open_inode(m, path, flags, parents, &inode);

    if (err != 0)
        return err;
    /* One that processes have opened by another name keeps that: maps shows it. */
    if ((flags & O_CREAT) || *inode_names_get(&m->names, inode_number(inode)) == '\0')
        inode_names_set(&m->names, inode_number(inode), path);
    err = file_map_open(&m->cache, inode, out);
    inode_put(inode); /* the map has its own reference */
    return err;
}

/* A regular file of the volume. O_TRUNC truncates in every mode, as in Linux. */
static int open_regular(struct mw_machine *m, const char *path, int flags, struct open_file **out)
{
    struct open_file *file = file_new(m, &file_regular, flags);
    int err;

    if (file == NULL)
        return -ENOMEM;
    err = machine_open_map(m, path, flags, false, &file->mapped.map);
    if (err == 0) {
        inode_names_set(&m->names, inode_number(file->mapped.map->inode), path);
        file_watch(file);
    }
    if (err == 0 && (flags & O_DIRECTORY))
        err = -ENOTDIR;
    if (err == 0 && (flags & O_TRUNC))
        err = cache_truncate(file->mapped.map, 0);
    if (err != 0) {
        mapped_file_put(&file->mapped);
        return err;
    }
    *out = file;
    return 0;
}

/* Of directories nothing but a descriptor is wanted: to map (-ENODEV), to sync, to close. */
static int open_directory(struct mw_machine *m, int flags, struct open_file **out)
{
    if ((flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if ((flags & (O_DIRECT | O_PATH)) == O_DIRECT)
        return -EINVAL;
    *out = file_new(m, &file_directory, flags);
    return *out == NULL ? -ENOMEM : 0;
}

/*
 * Without the descriptor: open(2) up to the open file description, for which memory is found before
 * the file is touched.
 */
static int open_path(struct mw_machine *m, const char *path, int flags, struct open_file **out)
{
    int err;
    const struct file_kind *kind = file_kind_of_path(m, path, &err);

    if (kind != NULL) {
        if (err == 0 && (flags & O_DIRECTORY))
            err = -ENOTDIR;
        if (err == 0 && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
            err = -EEXIST;
        if (err == 0 && (flags & (O_DIRECT | O_PATH)) == O_DIRECT) /* no device of these has it */
            err = -EINVAL;
        *out = err == 0 ? file_new(m, kind, flags) : NULL;
        return err == 0 && *out == NULL ? -ENOMEM : err;
    }
    if (file_memory_is_path(path))
        return file_memory_open(m, path, flags, out);
    err = open_regular(m, path, flags, out);
    return err == -EISDIR ? open_directory(m, flags, out) : err;
}

/* open(2): the descriptor comes first, so that a full table leaves the file alone. */
static int call_open(struct mw_machine *m, struct process *p, const char *path, int flags)
{
    struct open_file *file;
    int fd;
    int err;

    if (flags & O_PATH) /* only these count beside it */
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if ((flags & O_CREAT) && (flags & O_DIRECTORY))
        return -EINVAL;
    fd = fd_find_free(&m->alloc, p->fds, 0);
    if (fd < 0)
        return fd;
    err = open_path(m, path, flags, &file);
    if (err != 0)
        return err;
    p->fds->slots[fd] = (struct fd_slot){file, (flags & O_CLOEXEC) != 0};
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
    return (int)call_end(&call, fd_close(call.process->fds, fd));
}

/* lseek(2). */
static int64_t call_lseek(struct open_file *file, int64_t offset, int whence)
{
    uint64_t base;
    int64_t position;

    if (file->kind->seek == FILE_SEEK_NONE)
        return -ESPIPE;
    if (file->kind->seek == FILE_SEEK_START)
        return 0;
    switch (whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = file->position;
        break;
    case SEEK_END:
        base = file_bytes(file);
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
    if (!file->mapped.writable || file->kind->truncate == NULL)
        return (int)call_end(&call, -EINVAL);
    return (int)call_end(&call, file->kind->truncate(file, bytes));
}

/* truncate(2): a size that is none is found before the path is looked at. */
static int call_truncate(struct mw_machine *m, const char *path, uint64_t bytes)
{
    struct file_map *map;
    int err;

    if (bytes > INT64_MAX || file_kind_of_path(m, path, &err) != NULL)
        return -EINVAL;
    if (file_memory_is_path(path))
        return file_memory_truncate(m, path, bytes);
    err = machine_open_map(m, path, 0, false, &map);
    if (err != 0)
        return err;
    err = cache_truncate(map, bytes);
    file_map_put(map);
    return err;
}

int mw_truncate(struct mw_machine *m, int pid, const char *path, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_truncate, bytes, 0, 0, 0);

    return (int)call_end(&call, call.process == NULL ? -ESRCH : call_truncate(m, path, bytes));
}
