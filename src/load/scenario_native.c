/*
 * The system calls of scenarios, made for real: names to numbers, pids and paths translated.
 *
 * Layer 8. Only calls of this list reach the host, so that a scenario can do no harm there: paths
 * stay in the script's directory, pids among the script's processes.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/err.h"
#include "load/native.h"
#include "load/scenario_call.h"

#define PATH_BYTES     512
#define DEFAULT_MODE   0644 /* of a file whose creator named none; the simulator has no modes */
#define DIRECTORY_MODE 0755

enum native_kind {
    NATIVE_PLAIN, /* arguments as they are */
    NATIVE_OPEN,  /* path at `path_at`, then flags, then mode */
    NATIVE_PATH,  /* path at `path_at` */
    NATIVE_FIRST, /* path at `path_at`, and no directory before it */
    NATIVE_NAMES, /* two paths, the first at `path_at`; flags may follow */
    NATIVE_NAME,  /* text at `path_at` that is no path */
    NATIVE_FORKS,
    NATIVE_EXECS,
    NATIVE_EXITS,
    NATIVE_WAITS,
    NATIVE_WAITS_ID,
    NATIVE_PAIRS, /* an array of two descriptors at `path_at` */
    NATIVE_PIDS,
    NATIVE_SYNCS,
    NATIVE_LIMITS,
    NATIVE_PRCTL
};

struct native_call {
    const char *name;
    enum native_kind kind;
    int path_at;
    long number;
};

#define PLAIN(name)                         \
    {                                       \
#name, NATIVE_PLAIN, -1, SYS_##name \
    }

static const struct native_call native_calls[] = {
    PLAIN(brk),
    {"clone", NATIVE_FORKS, -1, 0},
    PLAIN(close),
    {"creat", NATIVE_OPEN, 0, SYS_openat},
    PLAIN(dup),
    {"dup2", NATIVE_PLAIN, -1, SYS_dup3},
    PLAIN(dup3),
    {"execve", NATIVE_EXECS, -1, 0},
    {"exit", NATIVE_EXITS, -1, 0},
    {"exit_group", NATIVE_EXITS, -1, 0},
    {"fadvise64", NATIVE_PLAIN, -1, SYS_fadvise64},
    PLAIN(fallocate),
    PLAIN(fcntl),
    PLAIN(fdatasync),
    {"fork", NATIVE_FORKS, -1, 0},
    PLAIN(fsync),
    PLAIN(ftruncate),
    {"getpid", NATIVE_PIDS, -1, 0},
    {"link", NATIVE_NAMES, 0, SYS_linkat},
    PLAIN(lseek),
    PLAIN(madvise),
    {"memfd_create", NATIVE_NAME, 0, SYS_memfd_create},
    PLAIN(mincore),
    {"mkdir", NATIVE_PATH, 0, SYS_mkdirat},
    {"mkdirat", NATIVE_PATH, 1, SYS_mkdirat},
    PLAIN(mlock),
    PLAIN(mlock2),
    PLAIN(mlockall),
    PLAIN(mmap),
    PLAIN(mprotect),
    PLAIN(mremap),
    {"mseal", NATIVE_PLAIN, -1, 462},
    PLAIN(msync),
    PLAIN(munlock),
    PLAIN(munlockall),
    PLAIN(munmap),
    {"open", NATIVE_OPEN, 0, SYS_openat},
    {"openat", NATIVE_OPEN, 1, SYS_openat},
    {"prctl", NATIVE_PRCTL, 4, SYS_prctl},
    {"pipe", NATIVE_PAIRS, 0, SYS_pipe2},
    {"pipe2", NATIVE_PAIRS, 0, SYS_pipe2},
    {"posix_fadvise", NATIVE_PLAIN, -1, SYS_fadvise64},
    PLAIN(pread64),
    PLAIN(preadv),
    PLAIN(process_madvise),
    PLAIN(pwrite64),
    PLAIN(pwritev),
    PLAIN(read),
    PLAIN(readahead),
    PLAIN(readv),
    {"rename", NATIVE_NAMES, 0, SYS_renameat2},
    {"renameat", NATIVE_NAMES, 1, SYS_renameat2},
    {"renameat2", NATIVE_NAMES, 1, SYS_renameat2},
    {"rmdir", NATIVE_PATH, 0, SYS_unlinkat},
    {"setrlimit", NATIVE_LIMITS, -1, 0},
    {"socketpair", NATIVE_PAIRS, 3, SYS_socketpair},
    {"sync", NATIVE_SYNCS, -1, 0},
    PLAIN(sync_file_range),
    {"syncfs", NATIVE_SYNCS, -1, 0},
    {"truncate", NATIVE_FIRST, 0, SYS_truncate},
    {"unlink", NATIVE_PATH, 0, SYS_unlinkat},
    {"unlinkat", NATIVE_PATH, 1, SYS_unlinkat},
    {"vfork", NATIVE_FORKS, -1, 0},
    {"wait4", NATIVE_WAITS, -1, 0},
    {"waitid", NATIVE_WAITS_ID, -1, 0},
    {"waitpid", NATIVE_WAITS, -1, 0},
    PLAIN(write),
    PLAIN(writev),
};

static const struct native_call *native_call_find(const char *name)
{
    for (size_t i = 0; i < sizeof(native_calls) / sizeof(native_calls[0]); i++)
        if (strcmp(native_calls[i].name, name) == 0)
            return &native_calls[i];
    return NULL;
}

/* -ESRCH is no result of any of these calls: the process has died of what it did. */
static bool finish(struct scenario *s, struct outcome *out, int64_t value)
{
    if (value == -ESRCH)
        return scenario_refuse(s, "the process died or did not come back on the host");
    out->kind = OUTCOME_VALUE;
    out->value = value;
    return true;
}

static bool do_plain(struct scenario *s, const struct native_call *n, const struct call *call,
                     struct outcome *out)
{
    const char *text = n->path_at < 0 ? NULL : call_string(call, (unsigned)n->path_at);
    uint64_t args[6];

    for (unsigned i = 0; i < 6; i++)
        args[i] = call_number(call, i);
    return finish(
        s, out,
        native_syscall(s->native, s->pid, n->number, args, text == NULL ? -1 : n->path_at, text));
}

/* What a script may not do to its own directory, and to what is the host's. */
static bool path_is_script(struct scenario *s, const struct native_call *n, const struct call *call,
                           unsigned at)
{
    const char *path = call_string(call, at);
    bool removes = n->number == SYS_unlinkat || n->number == SYS_renameat2;
    bool makes = n->number == SYS_mkdirat || n->number == SYS_linkat;

    if (removes && native_is_root(path))
        return scenario_refuse(s, "%s: the scenario's own directory stays on the host", call->name);
    if (n->kind != NATIVE_OPEN && native_is_device(path))
        return scenario_refuse(s, "%s: on the host, devices can only be opened", call->name);
    if (makes && native_is_shm(path))
        return scenario_refuse(s, "%s: not in the host's /dev/shm", call->name);
    return true;
}

/* Two names: of rename and link. */
static bool do_names(struct scenario *s, const struct native_call *n, const struct call *call,
                     struct outcome *out)
{
    unsigned from_at = (unsigned)n->path_at;
    unsigned to_at = 2 * from_at + 1; /* behind the first path, or behind a directory as well */
    uint64_t args[6] = {(uint64_t)AT_FDCWD, 0, (uint64_t)AT_FDCWD, 0, call_number(call, to_at + 1)};
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    int err;

    if (!path_is_script(s, n, call, from_at) || !path_is_script(s, n, call, to_at))
        return false;
    err = native_path(s->native, call_string(call, from_at), from, sizeof(from));
    if (err == 0)
        err = native_path(s->native, call_string(call, to_at), to, sizeof(to));
    if (err == -EINVAL)
        return scenario_refuse(s, "%s: the path leaves the directory of the scenario", call->name);
    return finish(s, out,
                  err < 0 ? err : native_names(s->native, s->pid, n->number, args, 1, from, 3, to));
}

/* What the path of a call brings with it: numbers behind it, and flags that its name stands for. */
static void path_arguments(const struct native_call *n, const struct call *call, uint64_t args[6])
{
    unsigned at = (unsigned)n->path_at;

    if (strcmp(call->name, "creat") == 0)
        args[2] = O_CREAT | O_WRONLY | O_TRUNC;
    if (strcmp(call->name, "rmdir") == 0)
        args[2] = AT_REMOVEDIR;
    if (n->kind == NATIVE_OPEN && (args[2] & O_CREAT) != 0 && call->arg_count < at + 3)
        args[3] = DEFAULT_MODE;
    if (n->number == SYS_mkdirat && call->arg_count < at + 2)
        args[2] = DIRECTORY_MODE;
    if (n->kind == NATIVE_FIRST)
        args[1] = args[2];
}

/* Calls with a path are made as their *at form: directory, path, and two numbers. */
static bool do_path(struct scenario *s, const struct native_call *n, const struct call *call,
                    struct outcome *out)
{
    unsigned at = (unsigned)n->path_at;
    uint64_t args[6] = {(uint64_t)AT_FDCWD, 0, call_number(call, at + 1),
                        call_number(call, at + 2)};
    char path[PATH_BYTES];
    int err;

    if (!path_is_script(s, n, call, at))
        return false;
    err = native_path(s->native, call_string(call, at), path, sizeof(path));
    /* Devices that are the same for everybody. */
    if (n->kind == NATIVE_OPEN && native_is_device(call_string(call, at))) {
        err = 0;
        strcpy(path, call_string(call, at));
    }

    if (err == -EINVAL)
        return scenario_refuse(s, "%s: the path leaves the directory of the scenario", call->name);
    if (err < 0)
        return finish(s, out, err);
    path_arguments(n, call, args);
    return finish(
        s, out, native_syscall(s->native, s->pid, n->number, args, n->kind != NATIVE_FIRST, path));
}

/* The child's pid is the one that stands behind '=', else the simulator's, else the next. */
static int fork_pid(const struct scenario *s, const struct call *call, const struct outcome *hint)
{
    const struct call_result *expected = &call->result;
    int pid = s->pid;

    if (s->on == MW_ON_BOTH)
        return hint->value > 0 ? (int)hint->value : 0;
    if (expected->kind == CALL_RESULT_VALUE && expected->value > 0 && expected->value <= INT32_MAX)
        return (int)expected->value;
    for (int next = s->first_pid; next > 0; next = native_process_next(s->native, next))
        pid = next > pid ? next : pid;
    return pid < s->last_pid ? s->last_pid + 1 : pid + 1;
}

/* Where the simulator has failed to fork, the host is not asked: there is no pid to give. */
static bool do_fork(struct scenario *s, const struct call *call, struct outcome *out)
{
    int pid = fork_pid(s, call, out);
    uint64_t flags;
    int64_t result;

    if (pid == 0)
        return true;
    if (!scenario_clone_flags(s, call, &flags))
        return false;
    flags &= CLONE_VM | CLONE_FILES | CLONE_PARENT | CSIGNAL;
    result = native_clone(s->native, s->pid, pid, flags);
    if (result > s->last_pid)
        s->last_pid = (int)result;
    return finish(s, out, result);
}

/* Asked without blocking; who would wait for ever is told so. */
static bool do_wait(struct scenario *s, const struct call *call, struct outcome *out)
{
    int options = call_int(call, 2);
    int64_t result =
        native_wait(s->native, s->pid, call_int(call, 0), call_number(call, 1), options);

    if (result == 0 && (options & WNOHANG) == 0)
        return scenario_refuse(s, "%s would wait for ever: no such child has ended yet",
                               call->name);
    return finish(s, out, result);
}

static bool do_waitid(struct scenario *s, const struct call *call, struct outcome *out)
{
    int64_t result = native_waitid(s->native, s->pid, call_int(call, 0), call_int(call, 1),
                                   call_number(call, 2), call_int(call, 3));

    if (result == -EAGAIN)
        return scenario_refuse(s, "%s would wait for ever: no such child has ended yet",
                               call->name);
    return finish(s, out, result);
}

/* Where the array of descriptors stands is where the call wants its address. */
static bool do_pair(struct scenario *s, const struct native_call *n, const struct call *call,
                    struct outcome *out)
{
    unsigned at = (unsigned)n->path_at;
    uint64_t args[6];
    int fds[2] = {0, 0};

    for (unsigned i = 0; i < 6; i++)
        args[i] = call_number(call, i);
    if (!finish(s, out, native_pair(s->native, s->pid, n->number, args, n->path_at, fds)))
        return false;
    return out->value < 0 || scenario_check_pair(s, call, at, fds);
}

/* The one use that scenarios have for it; others would change the process itself. */
static bool do_prctl(struct scenario *s, const struct native_call *n, const struct call *call,
                     struct outcome *out)
{
    if (call_number(call, 0) != PR_SET_VMA)
        return scenario_refuse(s, "prctl: only PR_SET_VMA is made on the host");
    return do_plain(s, n, call, out);
}

/* dup2 is dup3 but for equal descriptors, of which it only asks whether they are open. */
static bool do_descriptors(struct scenario *s, const struct native_call *n, const struct call *call,
                           struct outcome *out)
{
    uint64_t args[6] = {call_number(call, 0), F_GETFD};

    if (strcmp(call->name, "dup2") != 0 || call_int(call, 0) != call_int(call, 1))
        return do_plain(s, n, call, out);
    if (!finish(s, out, native_syscall(s->native, s->pid, SYS_fcntl, args, -1, NULL)))
        return false;
    if (out->value >= 0)
        out->value = call_int(call, 0);
    return true;
}

/* sync and syncfs: the script's files only; whether the descriptor is one is asked first. */
static bool do_syncs(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t args[6] = {call_number(call, 0), F_GETFL};

    if (call->arg_count == 0)
        return finish(s, out, native_sync(s->native));
    if (!finish(s, out, native_syscall(s->native, s->pid, SYS_fcntl, args, -1, NULL)))
        return false;
    if (out->value < 0 || (out->value & O_PATH) != 0) {
        out->value = -EBADF;
        return true;
    }
    /* Files in memory, which have seals, and what cannot be synced lie in other file systems. */
    args[1] = F_GET_SEALS;
    if (!finish(s, out, native_syscall(s->native, s->pid, SYS_fcntl, args, -1, NULL)))
        return false;
    if (out->value >= 0) {
        out->value = 0;
        return true;
    }
    if (!finish(s, out, native_syscall(s->native, s->pid, SYS_fdatasync, args, -1, NULL)))
        return false;
    out->value = out->value == -EINVAL ? 0 : native_sync(s->native);
    return true;
}

bool scenario_native_call(struct scenario *s, const struct call *call, struct outcome *out)
{
    const struct native_call *n = native_call_find(call->name);

    if (n == NULL)
        return scenario_refuse(s, "%s is not made on the host", call->name);
    switch (n->kind) {
    case NATIVE_PLAIN:
    case NATIVE_NAME:
        return do_descriptors(s, n, call, out);
    case NATIVE_OPEN:
    case NATIVE_PATH:
    case NATIVE_FIRST:
        return do_path(s, n, call, out);
    case NATIVE_NAMES:
        return do_names(s, n, call, out);
    case NATIVE_FORKS:
        return do_fork(s, call, out);
    case NATIVE_EXECS:
        return finish(s, out, native_exec(s->native, s->pid));
    case NATIVE_EXITS:
        return finish(s, out, native_exit(s->native, s->pid, call_int(call, 0)));
    case NATIVE_WAITS:
        return do_wait(s, call, out);
    case NATIVE_WAITS_ID:
        return do_waitid(s, call, out);
    case NATIVE_PAIRS:
        return do_pair(s, n, call, out);
    case NATIVE_PIDS:
        return finish(s, out, s->pid);
    case NATIVE_SYNCS:
        return do_syncs(s, call, out);
    case NATIVE_LIMITS:
        return finish(s, out,
                      native_setrlimit(s->native, s->pid, call_int(call, 0), call_number(call, 1)));
    case NATIVE_PRCTL:
        return do_prctl(s, n, call, out);
    }
    return false;
}
