/*
 * The processes of the native engine: what the keeper and the processes of a script do.
 *
 * Layer 8; plain Linux. They wait for the baton, do what the channel says, and hand it back. After
 * set-up they call nothing that allocates or opens: the address space and the descriptors belong to
 * the script.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "load/native_private.h"

#define FD_MOST            1024 /* RLIMIT_NOFILE of a script's processes */
#define NATIVE_START_BYTES 64   /* at the end of a party's place: its struct agent */

/* ---- the baton ---- */

void native_signal_word(uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    native_raw(SYS_futex, (uintptr_t)word, FUTEX_WAKE, 1, 0, 0, 0);
}

/* Looks up now and then whether there is anybody left to wait for. */
bool native_await(uint32_t *word, int engine)
{
    const struct timespec while_ = {.tv_sec = 1, .tv_nsec = 0};

    while (__atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE) == 0) {
        native_raw(SYS_futex, (uintptr_t)word, FUTEX_WAIT, 0, (uintptr_t)&while_, 0, 0);
        if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0 &&
            native_raw(SYS_kill, (uint64_t)engine, 0, 0, 0, 0, 0) == -ESRCH)
            return false;
    }
    return true;
}

/* ---- a process of a script ---- */

struct agent {
    struct native_channel *channel;
    void *stack; /* for signals */
    unsigned party;
};

static void agent_live(struct agent *a);

/* Where a party's signal stack is; its own stack begins at the end of its place and grows down. */
static void *agent_place(const struct native_channel *c, unsigned party)
{
    return (void *)(uintptr_t)(c->stacks + party * NATIVE_PARTY_BYTES);
}

/* A new process begins here, on the stack of its party, above which lies what it is. */
static int agent_begin(void *context)
{
    struct agent *a = context;
    struct sigaction usual = {.sa_handler = SIG_DFL};

    /* A signal stack is not inherited where memory is shared. The handlers are: this sets the same. */
    if (native_catch_signals(a->stack) < 0 || sigaction(SIGCHLD, &usual, NULL) < 0)
        return 1;
    agent_live(a);
    return 0;
}

/*
 * clone(2) for party channel->child: the host's pid, or -errno. Always on a stack of its own, so that
 * a party's place is used by nobody else in whatever address space it lives. Who it is must not be
 * read from the channel: when it comes to run, the next command may be there.
 */
static long agent_clone(const struct agent *a, uint64_t flags)
{
    struct native_channel *c = a->channel;
    uint8_t *place = agent_place(c, c->child);
    struct agent *child = (void *)(place + NATIVE_PARTY_BYTES - NATIVE_START_BYTES);
    int pid;

    *child = (struct agent){.channel = c, .stack = place, .party = c->child};
    pid = clone(agent_begin, child, (int)flags, child);

    return pid < 0 ? -errno : pid;
}

/*
 * The successor shares nothing with anybody, and stands where this process stood: its parent's
 * child. It waits as the same party, so this one must not wait any more.
 */
static void agent_do_leave(const struct agent *a)
{
    struct native_channel *c = a->channel;

    c->child = a->party;
    c->result = agent_clone(a, CLONE_PARENT | SIGCHLD);
    native_signal_word(&c->done);
    while (c->result > 0)
        native_raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* Descriptors marked close-on-exec go, as they would. */
static void agent_do_exec(struct agent *a)
{
    for (uint64_t fd = 0; fd < FD_MOST; fd++)
        if (native_raw(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) > 0)
            native_raw(SYS_close, fd, 0, 0, 0, 0, 0);
    native_raw(SYS_munlockall, 0, 0, 0, 0, 0, 0); /* what mlockall said of future mappings */
    a->channel->result = native_fence_empty(a->channel);
}

static void agent_do(struct agent *a)
{
    struct native_channel *c = a->channel;
    const uint64_t *x = c->args;

    switch (c->command) {
    case NATIVE_SYSCALL:
        c->result = native_raw(c->number, x[0], x[1], x[2], x[3], x[4], x[5]);
        break;
    case NATIVE_LOAD:
    case NATIVE_STORE:
    case NATIVE_FETCH:
        native_access(a->stack, c);
        break;
    case NATIVE_EXEC:
        agent_do_exec(a);
        break;
    case NATIVE_EXIT:
        for (;;)
            native_raw(SYS_exit_group, x[0], 0, 0, 0, 0, 0);
    case NATIVE_FORK:
    case NATIVE_BEGIN:
        c->result = agent_clone(a, x[0]);
        break;
    case NATIVE_LEAVE:
        agent_do_leave(a);
        break;
    }
}

/*
 * Does not return. Not declared so: what sanitizers do before such calls does not suit a stack that
 * they do not know.
 */
static void agent_live(struct agent *a)
{
    while (native_await(&a->channel->go[a->party], a->channel->engine_pid)) {
        bool leaves = a->channel->command == NATIVE_LEAVE;

        agent_do(a);
        if (!leaves)
            native_signal_word(&a->channel->done);
    }
    for (;;)
        native_raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* ---- the keeper ---- */

/* All parties' stacks, aligned so that the signal handler finds the place it is in. */
static int keeper_make_stacks(struct native_channel *c)
{
    size_t bytes = NATIVE_PARTIES * NATIVE_PARTY_BYTES + NATIVE_STACK_BYTES;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return -errno;
    c->stacks = ((uintptr_t)at + NATIVE_STACK_BYTES - 1) & ~(uint64_t)(NATIVE_STACK_BYTES - 1);
    return 0;
}

/*
 * Children that nobody waits for must not stay: those of ended processes come to the keeper, which
 * ignores them. A process of a script resets that (agent_begin).
 */
static int keeper_prepare(struct agent *a)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int err = keeper_make_stacks(a->channel);

    if (err < 0)
        return err;
    a->stack = agent_place(a->channel, a->party);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL) < 0 ||
        sigaction(SIGCHLD, &ignore, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
        return -errno;
    err = native_catch_signals(a->stack);
    if (err < 0)
        return err;
    err = native_fence(a->channel);
    syscall(SYS_close_range, 0U, ~0U, 0U);
    return err;
}

/*
 * When the engine is gone without having said so, it has crashed: then its files go, which nobody
 * else would remove.
 */
_Noreturn void native_keeper(struct native *n)
{
    struct native_channel *c = n->channel;
    struct agent a = {.channel = c, .party = 0};
    int err = keeper_prepare(&a);

    c->result = err;
    if (err < 0 && c->why[0] == '\0')
        strncpy(c->why, strerror(-err), sizeof(c->why) - 1);
    native_signal_word(&c->done);
    while (err == 0 && native_await(&c->go[0], c->engine_pid)) {
        c->result = agent_clone(&a, SIGCHLD);
        native_signal_word(&c->done);
    }
    if (err == 0)
        native_directory_remove(n);
    for (;;)
        native_raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}
