/*
 * Descriptors and files of a log.
 *
 * The log does not hold the files, so each is made in the simulated volume when it is first opened,
 * and grows when the log shows that more of it was read or mapped. Its contents are zeros: nobody
 * looks at them.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "load/call_parse.h"
#include "load/replay.h"

#define REPLAY_FDS      1024       /* as many as a process of the machine has */
#define REPLAY_TRANSFER 0x7ffff000 /* the most that one read or write moves (read(2), NOTES) */

/*
 * The descriptor that a call made. False: it failed, or the number is one that no process of ours
 * can have.
 */
static bool made_fd(const struct call *call, int *fd)
{
    *fd = (int)call->result.value;
    return replay_succeeded(call) && call->result.value >= 0 && call->result.value < REPLAY_FDS;
}

struct replay_fd *replay_fd_find(struct replay_process *p, int fd)
{
    if (fd < 0 || fd >= p->fd_count || !p->fds[fd].file)
        return NULL;
    return &p->fds[fd];
}

/* Paths only: the machine closes its descriptors when its process ends. */
void replay_fds_free(struct replay *r, struct replay_process *p)
{
    for (int fd = 0; fd < p->fd_count; fd++)
        alloc_release(r->alloc, p->fds[fd].path);
    alloc_release(r->alloc, p->fds);
    p->fds = NULL;
    p->fd_count = 0;
}

/* Room for descriptor `fd` in the table. */
static int reserve(struct replay *r, struct replay_process *p, int fd)
{
    int count = fd + 16;
    struct replay_fd *fds;

    if (fd < p->fd_count)
        return 0;
    fds = alloc_resize(r->alloc, p->fds, (size_t)count * sizeof(*fds));
    if (fds == NULL)
        return -ENOMEM;
    memset(fds + p->fd_count, 0, (size_t)(count - p->fd_count) * sizeof(*fds));
    p->fds = fds;
    p->fd_count = count;
    return 0;
}

/*
 * fork(2): the child's descriptors are the parent's. On -ENOMEM what was copied goes with the
 * child, which is not to be.
 */
int replay_fds_copy(struct replay *r, struct replay_process *to, const struct replay_process *from)
{
    if (from->fd_count == 0)
        return 0;
    if (reserve(r, to, from->fd_count - 1) != 0)
        return -ENOMEM;
    for (int fd = 0; fd < from->fd_count; fd++) {
        to->fds[fd] = from->fds[fd];
        if (from->fds[fd].path == NULL)
            continue;
        to->fds[fd].path = alloc_string(r->alloc, from->fds[fd].path);
        if (to->fds[fd].path == NULL)
            return -ENOMEM; /* what was copied goes with the process that is not to be */
    }
    return 0;
}

/* Makes the descriptor unknown, and closes it in the machine if it is a file there. */
static int drop(struct replay *r, struct replay_process *p, int fd)
{
    int err = 0;

    if (fd < 0 || fd >= p->fd_count)
        return 0;
    if (p->fds[fd].file)
        err = mw_close(r->machine, p->pid, fd);
    alloc_release(r->alloc, p->fds[fd].path);
    p->fds[fd] = (struct replay_fd){NULL, false, false};
    return err;
}

/*
 * execve(2) closes them without a line in the log; left open here, a number would seem to be a
 * file when it has become a pipe.
 */
void replay_fds_exec(struct replay *r, struct replay_process *p)
{
    for (int fd = 0; fd < p->fd_count; fd++)
        if (p->fds[fd].close_on_exec)
            (void)drop(r, p, fd);
}

const char *replay_directory(const struct replay_process *p, int fd)
{
    if (fd == AT_FDCWD || fd < 0 || fd >= p->fd_count)
        return NULL;
    return p->fds[fd].path;
}

/*
 * A directory may be opened like a file, and nothing in the log tells, until a path goes through
 * it. Then what we made of it is no file, and goes. True when something went.
 */
static bool make_way(struct replay *r, const struct replay_process *p, const char *path)
{
    char prefix[REPLAY_PATH_BYTES];

    for (size_t i = 1; path[i] != '\0'; i++) {
        if (path[i] != '/')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (mw_unlink(r->machine, p->pid, prefix) == 0) /* fails for a directory */
            return true;
    }
    return false;
}

void replay_grow(struct replay *r, struct replay_process *p, const char *path, uint64_t bytes)
{
    int err = -ENOSPC;

    if (bytes <= mw_machine_config(r->machine)->disk_bytes) /* else it would be filled in vain */
        err = mw_file_grow(r->machine, path, bytes);
    replay_note_error(r, p, err);
}

/*
 * Opens the path in the machine under the number that the log says. 0 or -errno; then it is not
 * open.
 */
static int open_as(struct replay *r, const struct replay_process *p, const char *path, int flags,
                   int fd)
{
    int kept = (flags & (O_ACCMODE | O_APPEND | O_TRUNC | O_SYNC)) | O_CREAT;
    int own;
    int err;

    if (mw_file_size(r->machine, path) == -ENOENT) /* its directories were there, too */
        (void)mw_file_grow(r->machine, path, 0);
    own = mw_open(r->machine, p->pid, path, kept);
    if (own == -ENOTDIR && make_way(r, p, path))
        own = mw_open(r->machine, p->pid, path, kept);
    if (own < 0 || own == fd)
        return own < 0 ? own : 0;
    err = mw_dup2(r->machine, p->pid, own, fd);
    (void)mw_close(r->machine, p->pid, own);
    return err < 0 ? err : 0;
}

/*
 * A path that is too long, or a result that is no descriptor, leaves the number unknown, like a
 * pipe's.
 */
void replay_open(struct replay *r, struct replay_process *p, const struct call *call,
                 int directory_fd, const char *path, int flags)
{
    char absolute[REPLAY_PATH_BYTES];
    int fd;
    struct replay_fd *entry;
    char *copy;

    if (!made_fd(call, &fd) || !replay_path(replay_directory(p, directory_fd), path, absolute))
        return;
    (void)drop(r, p, fd); /* closed in a way that the log does not show */
    copy = reserve(r, p, fd) == 0 ? alloc_string(r->alloc, absolute) : NULL;
    if (copy == NULL) {
        replay_note_error(r, p, -ENOMEM);
        return;
    }
    entry = &p->fds[fd];
    entry->path = copy;
    entry->close_on_exec = (flags & O_CLOEXEC) != 0;
    if ((flags & (O_DIRECTORY | O_PATH)) == 0 && !replay_path_is_special(absolute)) {
        int err = open_as(r, p, absolute, flags, fd);

        replay_note_error(r, p, err);
        entry->file = err == 0;
    }
}

void replay_close(struct replay *r, struct replay_process *p, const struct call *call)
{
    int fd = call_int(call, 0);
    bool open = replay_fd_find(p, fd) != NULL;
    int err = replay_succeeded(call) ? drop(r, p, fd) : 0;

    /*
     * Only what is ours can be compared; a pipe's descriptor may well be closed without our knowing
     * it.
     */
    if (open)
        replay_compare(r, call, replay_succeeded(call) && err == 0,
                       replay_succeeded(call) ? err : 0);
}

/* Makes `to` the same as `from`: both ours, or both unknown. */
static int duplicate(struct replay *r, struct replay_process *p, int from, int to,
                     bool close_on_exec)
{
    struct replay_fd *source = replay_fd_find(p, from);
    char *path;
    int err;

    if (source == NULL) {
        (void)drop(r, p, to);
        return 0;
    }
    path = alloc_string(r->alloc, source->path);
    if (path == NULL || reserve(r, p, to) != 0) {
        alloc_release(r->alloc, path);
        return -ENOMEM;
    }
    (void)drop(r, p, to);
    err = mw_dup2(r->machine, p->pid, from, to);
    p->fds[to] = (struct replay_fd){path, err >= 0, close_on_exec};
    return err < 0 ? err : 0;
}

/*
 * dup, dup2, dup3 and fcntl(F_DUPFD) differ in how the new number is chosen, and that the record
 * tells.
 */
void replay_dup(struct replay *r, struct replay_process *p, const struct call *call,
                bool close_on_exec)
{
    int from = call_int(call, 0);
    int to;
    int err;

    if (!made_fd(call, &to) || to == from)
        return;
    err = duplicate(r, p, from, to, close_on_exec);
    replay_note_error(r, p, err);
    replay_compare(r, call, err == 0, err);
}

/* Two of its commands matter here: making a descriptor, and saying which ones an exec closes. */
void replay_fcntl(struct replay *r, struct replay_process *p, const struct call *call)
{
    int command = call_int(call, 1);
    int fd = call_int(call, 0);

    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        replay_dup(r, p, call, command == F_DUPFD_CLOEXEC);
    else if (command == F_SETFD && replay_succeeded(call) && fd >= 0 && fd < p->fd_count)
        p->fds[fd].close_on_exec = (call_int(call, 2) & FD_CLOEXEC) != 0;
}

/* Where a read or write of this descriptor begins. */
static int64_t position_of(struct replay *r, const struct replay_process *p,
                           const struct call *call, bool has_offset)
{
    if (has_offset)
        return (int64_t)call_number(call, 3);
    return mw_lseek(r->machine, p->pid, call_int(call, 0), 0, SEEK_CUR);
}

/* With an offset: pread64 and pwrite64, which leave the position alone. */
static int64_t transfer(struct replay *r, const struct replay_process *p, const struct call *call,
                        bool is_write, bool has_offset)
{
    struct mw_machine *m = r->machine;
    int fd = call_int(call, 0);
    uint64_t va = call_number(call, 1);
    uint64_t bytes = (uint64_t)call->result.value;
    uint64_t offset = call_number(call, 3);

    if (has_offset)
        return is_write ? mw_pwrite(m, p->pid, fd, va, bytes, offset)
                        : mw_pread(m, p->pid, fd, va, bytes, offset);
    return is_write ? mw_write(m, p->pid, fd, va, bytes) : mw_read(m, p->pid, fd, va, bytes);
}

/*
 * A read of a file shows that it has these bytes at least. They are written ahead, as they were on
 * the disk of the program: a file that ends early would give a short read, and SIGBUS where it is
 * mapped.
 */
static void grow_for_read(struct replay *r, struct replay_process *p, const struct replay_fd *fd,
                          int64_t position, int64_t bytes)
{
    if (position >= 0 && !__builtin_add_overflow(position, bytes, &position))
        replay_grow(r, p, fd->path, (uint64_t)position);
}

/* As many bytes as the log says were moved; how many there are to move only its world knew. */
void replay_transfer(struct replay *r, struct replay_process *p, const struct call *call,
                     bool is_write, bool has_offset)
{
    const struct replay_fd *fd = replay_fd_find(p, call_int(call, 0));
    int64_t bytes = call->result.value;
    int64_t got;

    if (!replay_succeeded(call) || bytes == 0)
        return;
    if (bytes < 0 || bytes > REPLAY_TRANSFER || (uint64_t)bytes > call_number(call, 2)) {
        replay_compare(r, call, false, (int64_t)call_number(call, 2)); /* no kernel returns this */
        return;
    }
    if (fd == NULL) {
        replay_touch(r, p, call_number(call, 1), (uint64_t)bytes, is_write ? MW_LOAD : MW_STORE);
        return;
    }
    if (!is_write)
        grow_for_read(r, p, fd, position_of(r, p, call, has_offset), bytes);
    got = transfer(r, p, call, is_write, has_offset);
    replay_note_error(r, p, got);
    replay_compare(r, call, got == bytes, got);
}

/*
 * Of a file that has been written by nobody here ours may be shorter; one that is longer has been
 * grown for a mapping, whose end is within the last page.
 */
void replay_fstat(struct replay *r, struct replay_process *p, const struct call *call, int fd,
                  unsigned at)
{
    const struct replay_fd *file = replay_fd_find(p, fd);
    uint64_t bytes;

    if (!replay_succeeded(call) || file == NULL || at >= call->arg_count ||
        call->args[at].kind != CALL_ARG_OPAQUE ||
        !call_member(call->args[at].text, "st_size", &bytes))
        return;
    if (bytes <= INT64_MAX)
        replay_grow(r, p, file->path, bytes);
}

/* The end of a file is where the log says, not where ours ends. */
void replay_lseek(struct replay *r, struct replay_process *p, const struct call *call)
{
    int64_t got;

    if (!replay_succeeded(call) || replay_fd_find(p, call_int(call, 0)) == NULL)
        return;
    if (call_int(call, 2) == SEEK_SET || call_int(call, 2) == SEEK_CUR) {
        got = mw_lseek(r->machine, p->pid, call_int(call, 0), (int64_t)call_number(call, 1),
                       call_int(call, 2));
        replay_compare(r, call, got == call->result.value, got);
    } else {
        (void)mw_lseek(r->machine, p->pid, call_int(call, 0), call->result.value, SEEK_SET);
    }
}

void replay_ftruncate(struct replay *r, struct replay_process *p, const struct call *call)
{
    int err;

    if (!replay_succeeded(call) || replay_fd_find(p, call_int(call, 0)) == NULL)
        return;
    err = mw_ftruncate(r->machine, p->pid, call_int(call, 0), call_number(call, 1));
    replay_note_error(r, p, err);
    replay_compare(r, call, err == 0, err);
}

void replay_fsync(struct replay *r, struct replay_process *p, const struct call *call)
{
    int err;

    if (!replay_succeeded(call) || replay_fd_find(p, call_int(call, 0)) == NULL)
        return;
    err = mw_fsync(r->machine, p->pid, call_int(call, 0));
    replay_note_error(r, p, err);
    replay_compare(r, call, err == 0, err);
}
