/*
 * System calls on names: unlink, rename, link, mkdir, rmdir. Layer 7.
 *
 * Three places have names here, which no rename or link crosses: the volume, the tmpfs at /dev/shm,
 * and the devices.
 */
#include <stdio.h>

#include "kernel/file_kind.h"

enum name_place { NAME_VOLUME, NAME_MEMORY, NAME_DEVICE };

static enum name_place name_place(const struct mw_machine *m, const char *path)
{
    int err;

    if (file_memory_is_path(path))
        return NAME_MEMORY;
    return file_kind_of_path(m, path, &err) != NULL ? NAME_DEVICE : NAME_VOLUME;
}

int mw_unlink(struct mw_machine *m, int pid, const char *path)
{
    struct call call = call_begin(m, pid, MW_CALL_unlink, 0, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    if (file_memory_is_path(path))
        return (int)call_end(&call, file_memory_unlink(m, path));
    return (int)call_end(&call, cache_unlink(&m->cache, path));
}

/* What was replaced and nobody has open goes at once, as after unlink. */
static int rename_in_volume(struct mw_machine *m, const char *from, const char *to, unsigned flags)
{
    struct volume_stat moved;
    int err = volume_rename(m->volume, from, to, flags);

    if (err != 0)
        return err;
    if (volume_stat(m->volume, to, &moved) == 0) /* names are for people: without one it goes on */
        inode_names_move(&m->names, moved.number, from, to);
    cache_reap(&m->cache);
    return 0;
}

/* renameat2(2): flags, then places, then names. */
static int call_rename(struct mw_machine *m, const char *from, const char *to, unsigned flags)
{
    enum name_place place = name_place(m, from);

    if (flags & ~(unsigned)RENAME_NOREPLACE)
        return -EINVAL;
    if (place != name_place(m, to))
        return -EXDEV;
    if (place == NAME_DEVICE)
        return -EPERM;
    return place == NAME_MEMORY ? file_memory_rename(m, from, to, flags)
                                : rename_in_volume(m, from, to, flags);
}

int mw_renameat2(struct mw_machine *m, int pid, const char *from, const char *to, unsigned flags)
{
    struct call call = call_begin(m, pid, MW_CALL_renameat2, flags, 0, 0, 0);

    return (int)call_end(&call, call.process == NULL ? -ESRCH : call_rename(m, from, to, flags));
}

/* Files in memory have one name each: there, a second one cannot be had. */
static int call_link(struct mw_machine *m, const char *from, const char *to)
{
    enum name_place place = name_place(m, from);

    if (place != name_place(m, to))
        return -EXDEV;
    return place == NAME_VOLUME ? volume_hard_link(m->volume, from, to) : -EPERM;
}

int mw_link(struct mw_machine *m, int pid, const char *from, const char *to)
{
    struct call call = call_begin(m, pid, MW_CALL_link, 0, 0, 0, 0);

    return (int)call_end(&call, call.process == NULL ? -ESRCH : call_link(m, from, to));
}

/* There are no directories in /dev/shm. */
static int call_mkdir(struct mw_machine *m, const char *path)
{
    switch (name_place(m, path)) {
    case NAME_DEVICE:
        return -EEXIST;
    case NAME_MEMORY:
        return file_memory_exists(m, path) ? -EEXIST : -EPERM;
    default:
        return volume_make_directory(m->volume, path);
    }
}

int mw_mkdir(struct mw_machine *m, int pid, const char *path)
{
    struct call call = call_begin(m, pid, MW_CALL_mkdir, 0, 0, 0, 0);

    return (int)call_end(&call, call.process == NULL ? -ESRCH : call_mkdir(m, path));
}

static int call_rmdir(struct mw_machine *m, const char *path)
{
    switch (name_place(m, path)) {
    case NAME_DEVICE:
        return -ENOTDIR;
    case NAME_MEMORY:
        return file_memory_exists(m, path) ? -ENOTDIR : -ENOENT;
    default:
        return volume_remove_directory(m->volume, path);
    }
}

int mw_rmdir(struct mw_machine *m, int pid, const char *path)
{
    struct call call = call_begin(m, pid, MW_CALL_rmdir, 0, 0, 0, 0);

    return (int)call_end(&call, call.process == NULL ? -ESRCH : call_rmdir(m, path));
}
