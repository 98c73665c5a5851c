/*
 * The system calls of scenarios: argument by argument to the machine's calls.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "load/scenario_call.h"

#define ARG(index) call_number(call, (index))
#define INT(index) call_int(call, (index))

static bool finish(struct outcome *out, int64_t value)
{
    out->kind = OUTCOME_VALUE;
    out->value = value;
    return true;
}

static bool do_mmap(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_mmap(s->machine, s->pid, ARG(0), ARG(1), INT(2), INT(3), INT(4), ARG(5)));
}

static bool do_munmap(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_munmap(s->machine, s->pid, ARG(0), ARG(1)));
}

static bool do_mprotect(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_mprotect(s->machine, s->pid, ARG(0), ARG(1), INT(2)));
}

static bool do_msync(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_msync(s->machine, s->pid, ARG(0), ARG(1), INT(2)));
}

static bool do_brk(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_brk(s->machine, s->pid, ARG(0)));
}

/*
 * A pid that stands behind '=' is adopted, so that a recorded fork and the lines of its child
 * agree.
 */
static bool do_fork(struct scenario *s, const struct call *call, struct outcome *out)
{
    const struct call_result *expected = &call->result;

    if (expected->kind == CALL_RESULT_VALUE && expected->value > 0 && expected->value <= INT32_MAX)
        return finish(out, mw_fork_pid(s->machine, s->pid, (int)expected->value));
    return finish(out, mw_fork(s->machine, s->pid));
}

/*
 * vfork's flags are let through: the child is a copy, which a program cannot tell before it
 * execs.
 */
static bool do_clone(struct scenario *s, const struct call *call, struct outcome *out)
{
    const struct call_arg *flags = call_keyword(call, "flags");
    uint64_t value = flags != NULL ? flags->value : ARG(0);

    if (flags != NULL && flags->kind != CALL_ARG_NUMBER)
        return scenario_refuse(s, "clone: the flags are not understood");
    if ((value & CLONE_VM) != 0 && (value & CLONE_VFORK) == 0)
        return scenario_refuse(s, "clone: sharing an address space (CLONE_VM) is not simulated");
    return do_fork(s, call, out);
}

/* The path and arguments are not looked at: there is nothing to load. */
static bool do_execve(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return finish(out, mw_exec(s->machine, s->pid));
}

static bool do_exit(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_exit(s->machine, s->pid, INT(0)));
}

/* The status word as the kernel stores it: exit status in bits 8 to 15. */
static int64_t store_status(struct scenario *s, uint64_t address, int status)
{
    uint32_t word = (uint32_t)(status & 0xff) << 8;

    if (address == 0)
        return 0;
    return mw_store(s->machine, s->pid, address, &word, sizeof(word), NULL);
}

/* Nobody else runs while a scenario's line does, so a wait for a live child would never end. */
static bool do_wait(struct scenario *s, const struct call *call, struct outcome *out)
{
    int status = 0;
    int64_t reaped = mw_wait(s->machine, s->pid, INT(0), &status);

    if (reaped == -EAGAIN && (INT(2) & WNOHANG) != 0)
        return finish(out, 0);
    if (reaped == -EAGAIN)
        return scenario_refuse(s, "%s would wait for ever: no such child has ended yet",
                               call->name);
    if (reaped > 0) {
        int64_t err = store_status(s, ARG(1), status);

        if (err < 0)
            return finish(out, err);
    }
    return finish(out, reaped);
}

static bool do_open(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_open(s->machine, s->pid, call_string(call, 0), INT(1)));
}

static bool do_creat(struct scenario *s, const struct call *call, struct outcome *out)
{
    int flags = O_CREAT | O_WRONLY | O_TRUNC;

    return finish(out, mw_open(s->machine, s->pid, call_string(call, 0), flags));
}

/* The machine has no working directories: paths are absolute. */
static bool check_at(struct scenario *s, const struct call *call)
{
    if (INT(0) == AT_FDCWD || call_string(call, 1)[0] == '/')
        return true;
    return scenario_refuse(s, "%s: only AT_FDCWD and absolute paths are simulated", call->name);
}

static bool do_openat(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_at(s, call) &&
           finish(out, mw_open(s->machine, s->pid, call_string(call, 1), INT(2)));
}

static bool do_unlink(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_unlink(s->machine, s->pid, call_string(call, 0)));
}

static bool do_unlinkat(struct scenario *s, const struct call *call, struct outcome *out)
{
    if ((INT(2) & AT_REMOVEDIR) != 0)
        return scenario_refuse(s, "unlinkat: removing directories is not simulated");
    return check_at(s, call) && finish(out, mw_unlink(s->machine, s->pid, call_string(call, 1)));
}

static bool do_close(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_close(s->machine, s->pid, INT(0)));
}

static bool do_dup(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_dup(s->machine, s->pid, INT(0)));
}

static bool do_dup2(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_dup2(s->machine, s->pid, INT(0), INT(1)));
}

/* dup3 differs from dup2 only where both descriptors are equal (dup(2)). */
static bool do_dup3(struct scenario *s, const struct call *call, struct outcome *out)
{
    if (INT(0) == INT(1))
        return finish(out, -EINVAL);
    return do_dup2(s, call, out);
}

static bool do_read(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_read(s->machine, s->pid, INT(0), ARG(1), ARG(2)));
}

static bool do_write(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_write(s->machine, s->pid, INT(0), ARG(1), ARG(2)));
}

static bool do_pread(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_pread(s->machine, s->pid, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_pwrite(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_pwrite(s->machine, s->pid, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_lseek(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_lseek(s->machine, s->pid, INT(0), (int64_t)ARG(1), INT(2)));
}

static bool do_ftruncate(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_ftruncate(s->machine, s->pid, INT(0), ARG(1)));
}

static bool do_fsync(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_fsync(s->machine, s->pid, INT(0)));
}

static bool do_sync(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return finish(out, mw_sync(s->machine));
}

static bool do_getpid(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return finish(out, s->pid);
}

static const struct scenario_entry calls[] = {
    {"brk", "n", true, false, false, do_brk},
    {"clone", "|aaaaaa", false, false, false, do_clone},
    {"close", "n", false, false, false, do_close},
    {"creat", "s|n", false, false, false, do_creat},
    {"dup", "n", false, false, false, do_dup},
    {"dup2", "nn", false, false, false, do_dup2},
    {"dup3", "nn|n", false, false, false, do_dup3},
    {"execve", "|aaa", false, false, false, do_execve},
    {"exit", "n", false, false, false, do_exit},
    {"exit_group", "n", false, false, false, do_exit},
    {"fdatasync", "n", false, false, false, do_fsync},
    {"fork", "", false, false, false, do_fork},
    {"fsync", "n", false, false, false, do_fsync},
    {"ftruncate", "nn", false, false, false, do_ftruncate},
    {"getpid", "", false, false, false, do_getpid},
    {"lseek", "nnn", false, false, false, do_lseek},
    {"mmap", "nnnnnn", true, false, false, do_mmap},
    {"mprotect", "nnn", false, false, false, do_mprotect},
    {"msync", "nnn", false, false, false, do_msync},
    {"munmap", "nn", false, false, false, do_munmap},
    {"open", "sn|n", false, false, false, do_open},
    {"openat", "nsn|n", false, false, false, do_openat},
    {"pread64", "nnnn", false, false, false, do_pread},
    {"pwrite64", "nnnn", false, false, false, do_pwrite},
    {"read", "nnn", false, false, false, do_read},
    {"sync", "", false, false, false, do_sync},
    {"unlink", "s", false, false, false, do_unlink},
    {"unlinkat", "ns|n", false, false, false, do_unlinkat},
    {"vfork", "", false, false, false, do_fork},
    {"wait4", "nn|nn", false, false, false, do_wait},
    {"waitpid", "nn|n", false, false, false, do_wait},
    {"write", "nnn", false, false, false, do_write},
};

const struct scenario_entry *scenario_find_call(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    return NULL;
}
