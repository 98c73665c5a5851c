/*
 * The engine's half that drives: processes by number, the baton, one command at a time.
 *
 * Layer 8; see native.h. A command is written into the channel, the party is woken, and the engine
 * sleeps until the answer comes. A process may die of what a script does to it (it can map over its
 * own code): the engine notices by its pidfd, and tells it as -ESRCH.
 */
#include "load/native.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load/native_private.h"

#define LOOK_MS   50  /* how often a silent process is looked after */
#define LOOKS     400 /* so long it may take: 20 s; a call that blocks never comes back */
#define PAGE_MASK ((uint64_t)4095)

uint64_t native_layout_start(void)
{
    return NATIVE_WINDOW_START;
}

uint64_t native_layout_most(void)
{
    return NATIVE_WINDOW_MOST;
}

/* A quarter of the window is below the heap, so that there is room on both sides. */
uint64_t native_layout_brk(uint64_t window_bytes)
{
    return NATIVE_WINDOW_START + (window_bytes / 4 & ~PAGE_MASK);
}

uint64_t native_window_start(const struct native *n)
{
    return n->channel->window_start;
}

uint64_t native_window_end(const struct native *n)
{
    return n->channel->window_end;
}

uint64_t native_brk_start(const struct native *n)
{
    return n->channel->brk_start;
}

/* ---- the baton ---- */

static bool native_has_ended(const struct native_party *p, int timeout_ms)
{
    struct pollfd ended = {.fd = p->handle, .events = POLLIN};

    return poll(&ended, 1, timeout_ms) > 0;
}

/* Waits for the answer of a party. 0, -ESRCH: it has died, -ETIMEDOUT: it is stuck. */
static int native_await_answer(struct native *n, const struct native_party *p)
{
    const struct timespec look = {.tv_sec = 0, .tv_nsec = LOOK_MS * 1000000L};
    uint32_t *done = &n->channel->done;

    for (unsigned looks = 0; looks < LOOKS;) {
        if (__atomic_exchange_n(done, 0, __ATOMIC_ACQUIRE) != 0)
            return 0;
        if (syscall(SYS_futex, done, FUTEX_WAIT, 0, &look, NULL, 0) == 0 || errno != ETIMEDOUT)
            continue;
        looks++;
        if (native_has_ended(p, 0) && __atomic_load_n(done, __ATOMIC_RELAXED) == 0)
            return -ESRCH;
    }
    return -ETIMEDOUT;
}

static void native_party_close(struct native_party *p)
{
    native_look_close(p);
    if (p->handle >= 0)
        close(p->handle);
    *p = (struct native_party){.handle = -1, .maps = -1, .mem = -1, .pagemap = -1};
}

/* Ends it for certain and waits until nothing of it can act any more. */
static void native_party_kill(struct native_party *p)
{
    if (p->pid == 0)
        return;
    pidfd_send_signal(p->handle, SIGKILL, NULL, 0);
    while (!native_has_ended(p, LOOK_MS))
        continue;
    native_party_close(p);
}

/* Hands the command in the channel to a party. The answer lies in the channel after 0. */
static int native_act(struct native *n, struct native_party *p, enum native_command command)
{
    unsigned party = (unsigned)(p - n->parties);
    int err;

    n->channel->command = command;
    p->stale = true;
    native_signal_word(&n->channel->go[party]);
    err = native_await_answer(n, p);
    if (err == 0)
        return 0;
    native_party_kill(p);
    return -ESRCH;
}

/* ---- processes ---- */

struct native_party *native_find(struct native *n, int pid)
{
    for (unsigned i = 1; i < NATIVE_PARTIES; i++)
        if (pid > 0 && n->parties[i].pid == pid && !n->parties[i].ended)
            return &n->parties[i];
    return NULL;
}

bool native_is_live(const struct native *n, int pid)
{
    return native_process_next(n, pid - 1) == pid;
}

int native_process_next(const struct native *n, int pid)
{
    int next = 0;

    for (unsigned i = 1; i < NATIVE_PARTIES; i++) {
        const struct native_party *p = &n->parties[i];

        if (!p->ended && p->pid > pid && (next == 0 || p->pid < next))
            next = p->pid;
    }
    return next;
}

/* A party that nobody is; ended children that were not waited for give theirs up last. */
static struct native_party *native_free_party(struct native *n)
{
    for (unsigned i = 1; i < NATIVE_PARTIES; i++)
        if (n->parties[i].pid == 0)
            return &n->parties[i];
    for (unsigned i = 1; i < NATIVE_PARTIES; i++)
        if (n->parties[i].ended) {
            native_party_close(&n->parties[i]);
            return &n->parties[i];
        }
    return NULL;
}

/* After the fork: who it is. Pre: the process waits for its first command. */
static int native_adopt(struct native *n, struct native_party *p, int pid)
{
    p->host_pid = (int)n->channel->result;
    p->handle = pidfd_open(p->host_pid, 0);
    if (p->handle < 0)
        return -errno;
    p->pid = pid;
    p->stale = true;
    return 0;
}

/* A party makes another one. The new pid, or -errno. */
static int64_t native_multiply(struct native *n, struct native_party *from, int pid, uint64_t flags)
{
    struct native_party *p = native_free_party(n);
    int err;

    if (p == NULL)
        return -EAGAIN;
    n->channel->child = (uint32_t)(p - n->parties);
    n->channel->go[n->channel->child] = 0;
    n->channel->args[0] = flags;
    err = native_act(n, from, from == n->parties ? NATIVE_BEGIN : NATIVE_FORK);
    if (err == 0)
        err = n->channel->result < 0 ? (int)n->channel->result : native_adopt(n, p, pid);
    if (err < 0)
        return err;
    p->parent = flags & CLONE_PARENT ? from->parent : from->host_pid;
    p->shares = (flags & (CLONE_VM | CLONE_FILES)) != 0;
    from->shares |= p->shares;
    return pid;
}

/* The keeper makes party 1 only, which is the first that is free then. */
int native_spawn(struct native *n, int pid)
{
    int64_t result = native_multiply(n, &n->parties[0], pid, SIGCHLD);

    return result < 0 ? (int)result : 0;
}

int64_t native_clone(struct native *n, int pid, int child_pid, uint64_t flags)
{
    struct native_party *p = native_find(n, pid);

    return p == NULL ? -ESRCH : native_multiply(n, p, child_pid, flags);
}

/* The parent forgets a process that has left; nobody but a script's process has to. */
static void native_forget_left(struct native *n, int parent, int host_pid)
{
    const uint64_t args[6] = {(uint64_t)host_pid, 0, __WALL};

    for (unsigned i = 1; i < NATIVE_PARTIES; i++)
        if (n->parties[i].host_pid == parent && !n->parties[i].ended && n->parties[i].pid != 0)
            (void)native_syscall(n, n->parties[i].pid, SYS_wait4, args, -1, NULL);
}

/*
 * A process that shares memory or descriptors cannot forget them for itself alone: one that does not
 * share takes its place. What children it has are not its successor's.
 */
static int native_leave(struct native *n, struct native_party *p)
{
    struct native_party old = *p;
    int err = native_act(n, p, NATIVE_LEAVE);

    if (err < 0)
        return err;
    if (n->channel->result < 0)
        return (int)n->channel->result;
    *p = (struct native_party){.handle = -1, .maps = -1, .mem = -1, .pagemap = -1};
    err = native_adopt(n, p, old.pid);
    p->parent = old.parent;
    while (!native_has_ended(&old, LOOK_MS))
        continue;
    native_forget_left(n, old.parent, old.host_pid);
    native_party_close(&old);
    return err;
}

int64_t native_exec(struct native *n, int pid)
{
    struct native_party *p = native_find(n, pid);
    int err = p == NULL ? -ESRCH : 0;

    if (err == 0 && p->shares)
        err = native_leave(n, p);
    if (err == 0)
        err = native_act(n, p, NATIVE_EXEC);
    return err < 0 ? err : n->channel->result;
}

/* It does not answer, it ends; its pid is kept for the parent that waits for it. */
int64_t native_exit(struct native *n, int pid, int status)
{
    struct native_party *p = native_find(n, pid);

    if (p == NULL)
        return -ESRCH;
    n->channel->command = NATIVE_EXIT;
    n->channel->args[0] = (uint64_t)(unsigned)status;
    native_signal_word(&n->channel->go[p - n->parties]);
    if (!native_has_ended(p, LOOK_MS * LOOKS))
        return -ETIMEDOUT;
    native_look_close(p);
    p->ended = true;
    return 0;
}

/* Bytes that a process has outside of the window and that count for a limit. */
static uint64_t native_limit_base(const struct native *n, int resource)
{
    switch (resource) {
    case RLIMIT_AS:
        return n->channel->base_total_bytes;
    case RLIMIT_DATA:
        return n->channel->base_data_bytes;
    default:
        return 0;
    }
}

int64_t native_setrlimit(struct native *n, int pid, int resource, uint64_t bytes)
{
    const struct native_party *p = native_find(n, pid);
    uint64_t base = native_limit_base(n, resource);
    struct rlimit limit;

    if (p == NULL)
        return -ESRCH;
    if (resource == RLIMIT_DATA && bytes == 0) /* the kernel takes it for none */
        base = 0;
    if (syscall(SYS_prlimit64, p->host_pid, resource, NULL, &limit) < 0)
        return -errno;
    limit.rlim_cur = bytes < RLIM_INFINITY - base ? bytes + base : RLIM_INFINITY;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    return syscall(SYS_prlimit64, p->host_pid, resource, &limit, NULL) < 0 ? -errno : 0;
}

/* The host's pid of a script's, also of an ended process; 0: none. */
static int native_host_pid(const struct native *n, int pid)
{
    for (unsigned i = 1; i < NATIVE_PARTIES; i++)
        if (n->parties[i].pid == pid)
            return n->parties[i].host_pid;
    return 0;
}

static int native_script_pid(const struct native *n, int host_pid)
{
    for (unsigned i = 1; i < NATIVE_PARTIES; i++)
        if (n->parties[i].pid != 0 && n->parties[i].host_pid == host_pid)
            return n->parties[i].pid;
    return 0;
}

/* The ended process is gone for good. The script's pid of it. */
static int64_t native_reap(struct native *n, int64_t host_pid)
{
    for (unsigned i = 1; i < NATIVE_PARTIES; i++) {
        struct native_party *p = &n->parties[i];
        int pid = p->pid;

        if (pid == 0 || p->host_pid != host_pid)
            continue;
        native_party_close(p);
        return pid;
    }
    return -ECHILD;
}

int64_t native_wait(struct native *n, int pid, int child_pid, uint64_t status_va, int options)
{
    int host_pid = child_pid > 0 ? native_host_pid(n, child_pid) : child_pid;
    uint64_t args[6] = {(uint64_t)host_pid, status_va, (uint64_t)(unsigned)(options | WNOHANG)};
    int64_t result;

    /* A pid that nobody has: its own, which is no child of it. */
    if (child_pid > 0 && host_pid == 0)
        args[0] = (uint64_t)native_host_pid(n, pid);
    result = native_syscall(n, pid, SYS_wait4, args, -1, NULL);
    return result > 0 ? native_reap(n, result) : result;
}

/* The members of siginfo_t that waitid fills in, by their place in it. */
#define INFO_PID   4u /* as an index of 32-bit words */
#define INFO_BYTES 28u

/*
 * Asked into the channel, as the pid there must become the script's; then written by the process
 * itself, member by member as the kernel does it.
 */
static int64_t native_give_info(struct native *n, int pid, uint64_t info_va, const uint32_t *info)
{
    struct mw_signal signal;
    int err = 0;

    if (info_va == 0)
        return 0;
    err = native_store(n, pid, info_va, info, 12, &signal);
    if (err == 0)
        err = native_store(n, pid, info_va + INFO_PID * 4, &info[INFO_PID],
                           INFO_BYTES - INFO_PID * 4, &signal);
    return err;
}

int64_t native_waitid(struct native *n, int pid, int idtype, int id, uint64_t info_va, int options)
{
    int host_id = idtype == P_PID && id > 0 ? native_host_pid(n, id) : id;
    uint64_t args[6] = {(uint64_t)idtype, (uint64_t)host_id, (uintptr_t)n->channel->bytes,
                        (uint64_t)(unsigned)(options | WNOHANG)};
    uint32_t info[INFO_BYTES / 4];
    int64_t result;

    if (idtype == P_PID && id > 0 && host_id == 0) /* nobody's pid: its own is no child either */
        args[1] = (uint64_t)native_host_pid(n, pid);
    memset(n->channel->bytes, 0, INFO_BYTES);
    result = native_syscall(n, pid, SYS_waitid, args, -1, NULL);
    if (result < 0)
        return result;
    memcpy(info, n->channel->bytes, INFO_BYTES);
    if (info[INFO_PID] == 0)
        return options & WNOHANG ? native_give_info(n, pid, info_va, info) : -EAGAIN;
    result = options & WNOWAIT ? native_script_pid(n, (int)info[INFO_PID])
                               : native_reap(n, (int)info[INFO_PID]);
    info[INFO_PID] = (uint32_t)result;
    info[INFO_PID + 1] = 0; /* the user: who runs us is of no interest */
    return native_give_info(n, pid, info_va, info);
}

/* ---- calls and accesses ---- */

int64_t native_syscall(struct native *n, int pid, long number, const uint64_t args[6], int text_at,
                       const char *text)
{
    struct native_party *p = native_find(n, pid);
    struct native_channel *c = n->channel;
    int err;

    if (p == NULL)
        return -ESRCH;
    c->number = number;
    memcpy(c->args, args, sizeof(c->args));
    if (text_at >= 0) {
        if (strlen(text) >= sizeof(c->path))
            return -ENAMETOOLONG;
        strcpy(c->path, text);
        c->args[text_at] = (uint64_t)(uintptr_t)c->path;
    }
    err = native_act(n, p, NATIVE_SYSCALL);
    return err < 0 ? err : c->result;
}

int64_t native_names(struct native *n, int pid, long number, const uint64_t args[6], int from_at,
                     const char *from, int to_at, const char *to)
{
    struct native_channel *c = n->channel;
    uint64_t own[6];

    if (strlen(to) >= sizeof(c->bytes))
        return -ENAMETOOLONG;
    strcpy((char *)c->bytes, to);
    memcpy(own, args, sizeof(own));
    own[to_at] = (uint64_t)(uintptr_t)c->bytes;
    return native_syscall(n, pid, number, own, from_at, from);
}

int64_t native_pair(struct native *n, int pid, long number, const uint64_t args[6], int fds_at,
                    int fds[2])
{
    uint64_t own[6];
    int64_t result;

    memcpy(own, args, sizeof(own));
    own[fds_at] = (uintptr_t)n->channel->bytes;
    result = native_syscall(n, pid, number, own, -1, NULL);
    memcpy(fds, n->channel->bytes, 2 * sizeof(int));
    return result;
}

static int native_do_access(struct native *n, int pid, enum native_command command, uint64_t va,
                            size_t bytes, struct mw_signal *signal)
{
    struct native_party *p = native_find(n, pid);
    struct native_channel *c = n->channel;
    int err;

    if (p == NULL)
        return -ESRCH;
    c->args[0] = va;
    c->args[1] = bytes;
    err = native_act(n, p, command);
    if (err < 0)
        return err;
    *signal = (struct mw_signal){
        .signo = c->signal.signo, .code = c->signal.code, .va = c->signal.address};
    return c->signal.signo != 0 ? -EFAULT : 0;
}

int native_load(struct native *n, int pid, uint64_t va, void *out, size_t bytes,
                struct mw_signal *signal)
{
    int err = native_do_access(n, pid, NATIVE_LOAD, va, bytes, signal);

    if (err == 0)
        memcpy(out, n->channel->bytes, bytes);
    return err;
}

int native_store(struct native *n, int pid, uint64_t va, const void *in, size_t bytes,
                 struct mw_signal *signal)
{
    memcpy(n->channel->bytes, in, bytes);
    return native_do_access(n, pid, NATIVE_STORE, va, bytes, signal);
}

int native_fetch(struct native *n, int pid, uint64_t va, void *out, size_t bytes,
                 struct mw_signal *signal)
{
    int err = native_do_access(n, pid, NATIVE_FETCH, va, bytes, signal);

    if (err == 0)
        memcpy(out, n->channel->bytes, bytes);
    return err;
}

/* ---- birth and death ---- */

static int native_fail(char *why, const char *what, int err)
{
    snprintf(why, NATIVE_WHY_BYTES, "%s: %s", what, strerror(-err));
    return err;
}

static struct native_channel *native_channel_make(uint64_t window_bytes)
{
    struct native_channel *c =
        mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (c == MAP_FAILED)
        return NULL;
    c->engine_pid = getpid();
    c->window_start = NATIVE_WINDOW_START;
    c->window_end = NATIVE_WINDOW_START + window_bytes;
    c->brk_start = native_layout_brk(window_bytes);
    return c;
}

/* Forks the keeper and waits until its address space is fenced. */
static int native_start_keeper(struct native *n, char *why)
{
    struct native_party *keeper = &n->parties[0];
    int pid = fork();
    int err;

    if (pid == 0)
        native_keeper(n);
    if (pid < 0)
        return native_fail(why, "fork", -errno);
    keeper->host_pid = pid;
    keeper->handle = pidfd_open(pid, 0);
    if (keeper->handle < 0)
        return native_fail(why, "pidfd_open", -errno);
    keeper->pid = pid;
    err = native_await_answer(n, keeper);
    if (err < 0)
        return native_fail(why, "the first process died", err);
    if (n->channel->result < 0)
        snprintf(why, NATIVE_WHY_BYTES, "%s", n->channel->why);
    return (int)n->channel->result;
}

static int native_start(struct native *n, uint64_t window_bytes, char *why)
{
    int err;

    n->channel = native_channel_make(window_bytes);
    if (n->channel == NULL)
        return native_fail(why, "shared memory", -errno);
    err = native_directory_make(n);
    if (err < 0)
        return native_fail(why, "the directory for files cannot be made", err);
    return native_start_keeper(n, why);
}

int native_new(struct alloc *a, uint64_t window_bytes, struct native **out, char *why)
{
    struct native *n = alloc_zeroed(a, sizeof(*n));
    int err;

    *out = NULL;
    if (n == NULL)
        return native_fail(why, "memory", -ENOMEM);
    n->alloc = a;
    for (unsigned i = 0; i < NATIVE_PARTIES; i++)
        n->parties[i] = (struct native_party){.handle = -1, .maps = -1, .mem = -1, .pagemap = -1};
    err = native_start(n, window_bytes, why);
    if (err < 0) {
        native_free(n);
        return err;
    }
    *out = n;
    return 0;
}

/* Ended children that nobody waited for have become the keeper's, which lets them go. */
static void native_end_all(struct native *n)
{
    for (unsigned i = 1; i < NATIVE_PARTIES; i++)
        native_party_kill(&n->parties[i]);
    n->areas_of = 0;
}

int native_reset(struct native *n)
{
    native_end_all(n);
    native_directory_clear(n);
    __atomic_store_n(&n->channel->done, 0, __ATOMIC_RELAXED);
    return native_has_ended(&n->parties[0], 0) ? -ESRCH : 0;
}

void native_free(struct native *n)
{
    if (n == NULL)
        return;
    native_end_all(n);
    if (n->parties[0].host_pid != 0) {
        int keeper = n->parties[0].host_pid;

        kill(keeper, SIGKILL);
        while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
            continue;
        native_party_close(&n->parties[0]);
    }
    native_look_destroy(n);
    native_directory_remove(n);
    if (n->channel != NULL)
        munmap(n->channel, sizeof(*n->channel));
    alloc_release(n->alloc, n);
}
