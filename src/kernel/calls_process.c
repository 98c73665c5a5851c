/*
 * System calls about processes: fork and clone, exec, exit, wait, limits. Layer 7.
 *
 * What a process has of its own and what it shares is process.c's business; here are arguments,
 * their order of errors, and results in user memory.
 */
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "kernel/calls.h"

int mw_fork(struct mw_machine *m, int pid)
{
    struct call call = call_begin(m, pid, MW_CALL_fork, 0, 0, 0, 0);

    return (int)call_end(&call, process_clone(m, call.process, SIGCHLD, 0));
}

int mw_fork_pid(struct mw_machine *m, int pid, int child_pid)
{
    struct call call = call_begin(m, pid, MW_CALL_fork, (uint64_t)child_pid, 0, 0, 0);

    return (int)call_end(
        &call, child_pid <= 0 ? -EINVAL : process_clone(m, call.process, SIGCHLD, child_pid));
}

int mw_clone(struct mw_machine *m, int pid, uint64_t flags, int child_pid)
{
    struct call call = call_begin(m, pid, MW_CALL_clone, flags, (uint64_t)child_pid, 0, 0);

    return (int)call_end(&call, child_pid < 0 ? -EINVAL
                                              : process_clone(m, call.process, flags, child_pid));
}

int mw_exec(struct mw_machine *m, int pid)
{
    struct call call = call_begin(m, pid, MW_CALL_execve, 0, 0, 0, 0);

    return (int)call_end(&call, call.process == NULL ? -ESRCH : process_exec(m, call.process));
}

int mw_exit(struct mw_machine *m, int pid, int status)
{
    struct call call = call_begin(m, pid, MW_CALL_exit, (uint64_t)(uint32_t)status, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    process_end(m, call.process, status);
    return (int)call_end(&call, 0);
}

/* ---- waiting ---- */

int mw_wait(struct mw_machine *m, int pid, int child_pid, int *status)
{
    struct call call = call_begin(m, pid, MW_CALL_wait4, (uint64_t)(int64_t)child_pid, 0, 0, 0);
    struct process_wait w = {.child_pid = child_pid, .options = WEXITED | __WALL};
    int result = call.process == NULL ? -ESRCH : process_wait(m, call.process, &w);

    if (result > 0 && status != NULL)
        *status = w.status;
    return (int)call_end(&call, result);
}

/* The status word of a child that has exited: its status in bits 8 to 15 (wait(2), WEXITSTATUS). */
static uint32_t call_status_word(int status)
{
    return ((uint32_t)status & 0xff) << 8;
}

/* Process groups are not simulated: all processes are in one. */
static int call_wait4(struct mw_machine *m, struct process *p, int child_pid, uint64_t status_va,
                      int options)
{
    const unsigned known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    struct process_wait w = {.child_pid = child_pid > 0 ? child_pid : -1,
                             .options = (unsigned)options | WEXITED};
    uint32_t word;
    int result;

    if ((unsigned)options & ~known)
        return -EINVAL;
    if (child_pid == INT32_MIN)
        return -ESRCH;
    if (child_pid < -1)
        return -ECHILD;
    result = process_wait(m, p, &w);
    if (result == -EAGAIN && (options & WNOHANG))
        return 0;
    if (result < 0 || status_va == 0)
        return result;
    word = call_status_word(w.status);
    return user_copy_out(m, p, status_va, &word, sizeof(word)) == sizeof(word) ? result : -EFAULT;
}

int mw_wait4(struct mw_machine *m, int pid, int child_pid, uint64_t status_va, int options)
{
    struct call call = call_begin(m, pid, MW_CALL_wait4, (uint64_t)(int64_t)child_pid, status_va,
                                  (uint64_t)(int64_t)options, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_wait4(m, call.process, child_pid, status_va, options));
}

/* The members of siginfo_t that waitid fills in, where they lie in it on a 64-bit machine. */
struct user_child_info {
    int32_t signo;
    int32_t error;
    int32_t code;
    int32_t unused;
    int32_t pid;
    uint32_t uid;
    int32_t status;
};

/* The kernel writes the members one by one, and leaves the rest of the structure alone. */
static int call_copy_child_info(struct mw_machine *m, struct process *p, uint64_t va,
                                const struct user_child_info *info)
{
    if (user_copy_out(m, p, va, info, 12) != 12 ||
        user_copy_out(m, p, va + 16, &info->pid, 12) != 12)
        return -EFAULT;
    return 0;
}

/* What idtype and id select: a pid, -1 for any, or -EINVAL in *err. */
static int call_waitid_child(int idtype, int id, int *err)
{
    *err = 0;
    switch (idtype) {
    case P_ALL:
        return -1;
    case P_PID:
        *err = id <= 0 ? -EINVAL : 0;
        return id;
    case P_PGID: /* 0: the caller's own group, which is everybody's */
        *err = id < 0 ? -EINVAL : id > 0 ? -ECHILD : 0;
        return -1;
    default:
        *err = -EINVAL;
        return 0;
    }
}

static int call_waitid(struct mw_machine *m, struct process *p, int idtype, int id,
                       uint64_t info_va, int options)
{
    const unsigned states = WEXITED | WSTOPPED | WCONTINUED;
    const unsigned known = states | WNOHANG | WNOWAIT | __WNOTHREAD | __WCLONE | __WALL;
    struct user_child_info info = {0};
    struct process_wait w = {.options = (unsigned)options};
    int result;

    if ((w.options & ~known) || !(w.options & states))
        return -EINVAL;
    w.child_pid = call_waitid_child(idtype, id, &result);
    if (result == 0)
        result = process_wait(m, p, &w);
    if (result > 0)
        info = (struct user_child_info){
            .signo = SIGCHLD, .code = CLD_EXITED, .pid = result, .status = w.status & 0xff};
    else if (result != -EAGAIN || !(options & WNOHANG))
        return result;
    return info_va == 0 ? 0 : call_copy_child_info(m, p, info_va, &info);
}

int mw_waitid(struct mw_machine *m, int pid, int idtype, int id, uint64_t info_va, int options)
{
    struct call call = call_begin(m, pid, MW_CALL_waitid, (uint64_t)(int64_t)idtype,
                                  (uint64_t)(int64_t)id, info_va, (uint64_t)(int64_t)options);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_waitid(m, call.process, idtype, id, info_va, options));
}

/* ---- limits ---- */

/* The field of a limit in bytes that is simulated, or NULL. */
static uint64_t *call_limit(struct mm_limits *limits, int resource)
{
    switch (resource) {
    case RLIMIT_AS:
        return &limits->as_bytes;
    case RLIMIT_DATA:
        return &limits->data_bytes;
    case RLIMIT_STACK:
        return &limits->stack_bytes;
    case RLIMIT_MEMLOCK:
        return &limits->memlock_bytes;
    default:
        return NULL;
    }
}

/* No kernel lets a process have more descriptors than this (fs.nr_open). */
#define FILES_MOST ((uint64_t)1 << 20)

/*
 * Soft limits only: raising one again is always allowed. A limit belongs to the process; what it
 * shares with others learns it as long as this one runs (machine_switch).
 */
static int call_setrlimit(struct process *p, int resource, uint64_t value)
{
    uint64_t *limit = call_limit(&p->limits, resource);

    if (resource == RLIMIT_NOFILE) {
        p->files_limit = (int)(value < FILES_MOST ? value : FILES_MOST);
        p->fds->limit = p->files_limit;
        return 0;
    }
    if (limit == NULL)
        return -EINVAL;
    *limit = value;
    p->mm->limits = p->limits;
    return 0;
}

int mw_setrlimit(struct mw_machine *m, int pid, int resource, uint64_t value)
{
    struct call call = call_begin(m, pid, MW_CALL_prlimit64, 0, (uint64_t)resource, value, 0);

    return (int)call_end(
        &call, call.process == NULL ? -ESRCH : call_setrlimit(call.process, resource, value));
}
