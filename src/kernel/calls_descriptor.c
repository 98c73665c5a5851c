/*
 * System calls that make, double and mark descriptors. Layer 7.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kernel/file_kind.h"

/* Not in older C libraries. */
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif

int mw_dup(struct mw_machine *m, int pid, int fd)
{
    struct call call = call_begin(m, pid, MW_CALL_dup, (uint64_t)(int64_t)fd, 0, 0, 0);
    struct open_file *file = call_descriptor(&call, fd);
    int result;

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    result = fd_install(&m->alloc, call.process->fds, 0, file);
    if (result >= 0)
        mapped_file_get(&file->mapped);
    return (int)call_end(&call, result);
}

/* What dup2 and dup3 share: the new descriptor gives up what it was. */
static int call_dup_to(struct mw_machine *m, const struct call *call, struct open_file *file,
                       int new_fd, bool close_on_exec)
{
    int result;

    mapped_file_get(&file->mapped);
    result = fd_replace(&m->alloc, call->process->fds, new_fd, file);
    if (result < 0)
        mapped_file_put(&file->mapped);
    else
        call->process->fds->slots[new_fd].close_on_exec = close_on_exec;
    return result;
}

int mw_dup2(struct mw_machine *m, int pid, int fd, int new_fd)
{
    struct call call =
        call_begin(m, pid, MW_CALL_dup2, (uint64_t)(int64_t)fd, (uint64_t)(int64_t)new_fd, 0, 0);
    struct open_file *file = call_descriptor(&call, fd);

    if (file == NULL)
        return (int)call_end(&call, call.process == NULL ? -ESRCH : -EBADF);
    if (fd == new_fd)
        return (int)call_end(&call, new_fd);
    return (int)call_end(&call, call_dup_to(m, &call, file, new_fd, false));
}

/* In Linux's order: flags, equal descriptors, the new one's range, the old one. */
static int call_dup3(struct mw_machine *m, const struct call *call, int fd, int new_fd, int flags)
{
    struct open_file *file = call_descriptor(call, fd);

    if ((flags & ~O_CLOEXEC) || fd == new_fd)
        return -EINVAL;
    if (new_fd < 0 || new_fd >= call->process->fds->limit || file == NULL)
        return -EBADF;
    return call_dup_to(m, call, file, new_fd, (flags & O_CLOEXEC) != 0);
}

int mw_dup3(struct mw_machine *m, int pid, int fd, int new_fd, int flags)
{
    struct call call = call_begin(m, pid, MW_CALL_dup3, (uint64_t)(int64_t)fd,
                                  (uint64_t)(int64_t)new_fd, (uint64_t)flags, 0);

    return (int)call_end(&call,
                         call.process == NULL ? -ESRCH : call_dup3(m, &call, fd, new_fd, flags));
}

/* ---- fcntl ---- */

static int call_dup_from(struct mw_machine *m, struct process *p, struct open_file *file,
                         uint64_t fd_min, bool close_on_exec)
{
    int fd;

    if (fd_min >= (uint64_t)p->fds->limit)
        return -EINVAL;
    fd = fd_install(&m->alloc, p->fds, (int)fd_min, file);
    if (fd < 0)
        return fd;
    mapped_file_get(&file->mapped);
    p->fds->slots[fd].close_on_exec = close_on_exec;
    return fd;
}

/* What F_SETFL can change of what the simulator knows. */
#define FLAGS_TO_SET (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static int call_fcntl(struct mw_machine *m, struct process *p, int fd, int command,
                      uint64_t argument)
{
    struct open_file *file = fd_get(p->fds, fd);

    if (file == NULL)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return call_dup_from(m, p, file, argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return p->fds->slots[fd].close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD:
        p->fds->slots[fd].close_on_exec = (argument & FD_CLOEXEC) != 0;
        return 0;
    case F_GETFL:
        return file->status_flags;
    default:
        break;
    }
    if (file->status_flags & O_PATH)
        return -EBADF;
    switch (command) {
    case F_SETFL:
        if ((argument & O_DIRECT) && !file_takes_direct(file))
            return -EINVAL;
        file->status_flags = (file->status_flags & ~FLAGS_TO_SET) | ((int)argument & FLAGS_TO_SET);
        return 0;
    case F_GET_SEALS:
        return file_memory_seals(file);
    case F_ADD_SEALS:
        return argument > UINT32_MAX ? -EINVAL : file_memory_add_seals(file, (unsigned)argument);
    default:
        return -EINVAL;
    }
}

int mw_fcntl(struct mw_machine *m, int pid, int fd, int command, uint64_t argument)
{
    struct call call = call_begin(m, pid, MW_CALL_fcntl, (uint64_t)(int64_t)fd,
                                  (uint64_t)(int64_t)command, argument, 0);

    return (int)call_end(
        &call, call.process == NULL ? -ESRCH : call_fcntl(m, call.process, fd, command, argument));
}

/* ---- new files without a name ---- */

/* Both descriptors or none; the descriptions' references are taken over or dropped. */
static int call_install_pair(struct mw_machine *m, struct process *p, struct open_file *ends[2],
                             bool close_on_exec, int fds[2])
{
    fds[0] = fd_install(&m->alloc, p->fds, 0, ends[0]);
    fds[1] = fds[0] < 0 ? fds[0] : fd_install(&m->alloc, p->fds, 0, ends[1]);
    if (fds[1] < 0) {
        int err = fds[1];

        if (fds[0] < 0 || fd_close(p->fds, fds[0]) != 0)
            mapped_file_put(&ends[0]->mapped);
        mapped_file_put(&ends[1]->mapped);
        return err;
    }
    for (unsigned i = 0; i < 2; i++)
        p->fds->slots[fds[i]].close_on_exec = close_on_exec;
    return 0;
}

static int call_pair(struct mw_machine *m, struct process *p, bool socket, int flags, int fds[2])
{
    struct open_file *ends[2];
    int err = file_pipe_new(m, socket, flags, ends);

    return err != 0 ? err : call_install_pair(m, p, ends, (flags & O_CLOEXEC) != 0, fds);
}

int mw_pipe2(struct mw_machine *m, int pid, int fds[2], int flags)
{
    struct call call = call_begin(m, pid, MW_CALL_pipe2, (uint64_t)flags, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return (int)call_end(&call, -EINVAL);
    return (int)call_end(&call, call_pair(m, call.process, false, flags, fds));
}

int mw_socketpair(struct mw_machine *m, int pid, int domain, int type, int protocol, int fds[2])
{
    struct call call = call_begin(m, pid, MW_CALL_socketpair, (uint64_t)(int64_t)domain,
                                  (uint64_t)(int64_t)type, (uint64_t)(int64_t)protocol, 0);
    int flags = (type & SOCK_CLOEXEC ? O_CLOEXEC : 0) | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK)) /* SOCK_TYPE_MASK */
        return (int)call_end(&call, -EINVAL);
    if (domain != AF_UNIX)
        return (int)call_end(&call, -EAFNOSUPPORT);
    if ((type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != SOCK_STREAM)
        return (int)call_end(&call, -ESOCKTNOSUPPORT);
    if (protocol != 0 && protocol != AF_UNIX)
        return (int)call_end(&call, -EPROTONOSUPPORT);
    return (int)call_end(&call, call_pair(m, call.process, true, flags, fds));
}

static int call_memfd(struct mw_machine *m, struct process *p, const char *name, unsigned flags)
{
    struct open_file *file;
    int err = file_memory_new(m, name, flags, &file);
    int fd;

    if (err != 0)
        return err;
    fd = fd_install(&m->alloc, p->fds, 0, file);
    if (fd < 0)
        mapped_file_put(&file->mapped);
    else
        p->fds->slots[fd].close_on_exec = (flags & MFD_CLOEXEC) != 0;
    return fd;
}

int mw_memfd_create(struct mw_machine *m, int pid, const char *name, unsigned flags)
{
    struct call call = call_begin(m, pid, MW_CALL_memfd_create, flags, 0, 0, 0);

    return (int)call_end(&call,
                         call.process == NULL ? -ESRCH : call_memfd(m, call.process, name, flags));
}
