/*
 * Calls of a log on names of files, their room, and what makes them durable.
 *
 * Layer 8. The log's world had files and directories that no line shows. So only what exists here is
 * renamed or removed, directories come into being when something is put into them, and a failure that
 * the missing world explains is no difference.
 */
#include <fcntl.h>
#include <string.h>

#include "load/replay.h"

/* The path in argument `index`, with the directory in the one before it if `at`. False: too long. */
static bool names_path(struct replay_process *p, const struct call *call, unsigned index, bool at,
                       char out[REPLAY_PATH_BYTES])
{
    const char *path = call_string(call, index);
    int directory = at ? call_int(call, index - 1) : AT_FDCWD;

    return path != NULL && replay_path(replay_directory(p, directory), path, out);
}

/* A file that the log never opened does not exist here, so only what does is removed. */
void replay_unlink(struct replay *r, struct replay_process *p, const struct call *call,
                   int directory_fd, const char *path)
{
    char absolute[REPLAY_PATH_BYTES];
    int err;

    if (!replay_succeeded(call) ||
        !replay_path(replay_directory(p, directory_fd), path, absolute) ||
        mw_file_size(r->machine, absolute) < 0)
        return;
    err = mw_unlink(r->machine, p->pid, absolute);
    replay_compare(r, call, err == 0, err);
}

/* ---- rename ---- */

/* What descriptors remember of a path moves with it: reads grow the file by that name. */
static void names_move(struct replay *r, const char *from, const char *to)
{
    size_t length = strlen(from);

    for (struct replay_process *p = r->processes; p != NULL; p = p->next)
        for (int fd = 0; fd < p->fd_count; fd++) {
            char *old = p->fds[fd].path;
            char *moved;

            if (old == NULL || strncmp(old, from, length) != 0 ||
                (old[length] != '\0' && old[length] != '/'))
                continue;
            moved = alloc_zeroed(r->alloc, strlen(to) + strlen(old) - length + 1);
            if (moved == NULL) /* reads of it will make a file of the old name grow */
                continue;
            strcat(strcpy(moved, to), old + length);
            alloc_release(r->alloc, old);
            p->fds[fd].path = moved;
        }
}

/*
 * A source that is not here has never been opened, but what it replaced may have been: that is gone.
 * The target's directories are made together with it; then it is replaced.
 */
static int rename_file(struct replay *r, struct replay_process *p, const char *from, const char *to)
{
    int64_t bytes = mw_file_size(r->machine, from);

    if (bytes < 0 && bytes != -EISDIR)
        return mw_file_size(r->machine, to) < 0 ? 0 : mw_unlink(r->machine, p->pid, to);
    if (bytes >= 0 && mw_file_size(r->machine, to) == -ENOENT) {
        int err = mw_file_grow(r->machine, to, 0);

        if (err != 0)
            return err;
    }
    return mw_renameat2(r->machine, p->pid, from, to, 0);
}

void replay_rename(struct replay *r, struct replay_process *p, const struct call *call, bool at)
{
    char from[REPLAY_PATH_BYTES];
    char to[REPLAY_PATH_BYTES];
    int err;

    if (!replay_succeeded(call) || !names_path(p, call, at ? 1 : 0, at, from) ||
        !names_path(p, call, at ? 3 : 1, at, to) || replay_path_is_special(from) ||
        replay_path_is_special(to))
        return;
    err = rename_file(r, p, from, to);
    if (err == 0)
        names_move(r, from, to);
    replay_note_error(r, p, err);
    if (err != -ENOENT && err != -ENOTEMPTY && err != -ENOTDIR && err != -EISDIR)
        replay_compare(r, call, err == 0, err);
}

/* ---- directories ---- */

void replay_mkdir(struct replay *r, struct replay_process *p, const struct call *call, bool at)
{
    char path[REPLAY_PATH_BYTES];
    int err;

    if (!replay_succeeded(call) || !names_path(p, call, at ? 1 : 0, at, path) ||
        replay_path_is_special(path))
        return;
    err = mw_mkdir(r->machine, p->pid, path);
    replay_note_error(r, p, err);
    if (err != -ENOENT && err != -EEXIST && err != -ENOTDIR)
        replay_compare(r, call, err == 0, err);
}

void replay_rmdir(struct replay *r, struct replay_process *p, const struct call *call, bool at)
{
    char path[REPLAY_PATH_BYTES];
    int err;

    if (!replay_succeeded(call) || !names_path(p, call, at ? 1 : 0, at, path) ||
        replay_path_is_special(path))
        return;
    err = mw_rmdir(r->machine, p->pid, path);
    if (err != -ENOENT && err != -ENOTEMPTY && err != -ENOTDIR)
        replay_compare(r, call, err == 0, err);
}

/* ---- sizes and room ---- */

void replay_truncate(struct replay *r, struct replay_process *p, const struct call *call)
{
    char path[REPLAY_PATH_BYTES];
    int err;

    if (!replay_succeeded(call) || !names_path(p, call, 0, false, path) ||
        mw_file_size(r->machine, path) < 0)
        return;
    err = mw_truncate(r->machine, p->pid, path, call_number(call, 1));
    replay_note_error(r, p, err);
    replay_compare(r, call, err == 0, err);
}

/* Did the call succeed, and on a file that is open here? */
static bool names_is_file(struct replay_process *p, const struct call *call)
{
    return replay_succeeded(call) && replay_fd_find(p, call_int(call, 0)) != NULL;
}

static void names_compare(struct replay *r, struct replay_process *p, const struct call *call,
                          int err)
{
    replay_note_error(r, p, err);
    replay_compare(r, call, err == 0, err);
}

/* A mode that this file system does not have is the recorded one's affair. */
void replay_fallocate(struct replay *r, struct replay_process *p, const struct call *call)
{
    int err;

    if (!names_is_file(p, call))
        return;
    err = mw_fallocate(r->machine, p->pid, call_int(call, 0), call_int(call, 1),
                       call_number(call, 2), call_number(call, 3));
    if (err != -EOPNOTSUPP)
        names_compare(r, p, call, err);
}

void replay_fadvise(struct replay *r, struct replay_process *p, const struct call *call)
{
    if (names_is_file(p, call))
        names_compare(r, p, call,
                      mw_fadvise(r->machine, p->pid, call_int(call, 0), call_number(call, 1),
                                 call_number(call, 2), call_int(call, 3)));
}

void replay_readahead(struct replay *r, struct replay_process *p, const struct call *call)
{
    if (names_is_file(p, call))
        names_compare(r, p, call,
                      mw_readahead(r->machine, p->pid, call_int(call, 0), call_number(call, 1),
                                   call_number(call, 2)));
}

/* ---- making it durable ---- */

void replay_fdatasync(struct replay *r, struct replay_process *p, const struct call *call)
{
    if (!names_is_file(p, call))
        return;
    if (strcmp(call->name, "syncfs") == 0)
        names_compare(r, p, call, mw_syncfs(r->machine, p->pid, call_int(call, 0)));
    else
        names_compare(r, p, call, mw_fdatasync(r->machine, p->pid, call_int(call, 0)));
}

void replay_sync_file_range(struct replay *r, struct replay_process *p, const struct call *call)
{
    if (names_is_file(p, call))
        names_compare(r, p, call,
                      mw_sync_file_range(r->machine, p->pid, call_int(call, 0),
                                         call_number(call, 1), call_number(call, 2),
                                         (unsigned)call_int(call, 3)));
}
