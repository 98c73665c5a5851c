/*
 * The calls of scenarios about processes: fork and its kin, exec, exit, wait.
 *
 * Layer 8. Only one line acts at a time, so whoever would wait for ever is refused: a wait for a
 * child that lives, and every line of a process whose vfork child has neither exec'd nor exited.
 */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "load/scenario_call.h"

/* clone's flags are a keyword in strace's text, else the first argument. */
static bool clone_argument(struct scenario *s, const struct call *call, uint64_t *flags)
{
    const struct call_arg *keyword = call_keyword(call, "flags");

    *flags = keyword != NULL ? keyword->value : ARG(0);
    if (keyword != NULL && keyword->kind != CALL_ARG_NUMBER)
        return scenario_refuse(s, "clone: the flags are not understood");
    if (*flags & CLONE_THREAD)
        return scenario_refuse(s, "clone: threads (CLONE_THREAD) are not simulated");
    if ((*flags & CSIGNAL) != 0 && (*flags & CSIGNAL) != SIGCHLD)
        return scenario_refuse(s, "clone: the signal to the parent is SIGCHLD or none");
    return true;
}

bool scenario_clone_flags(struct scenario *s, const struct call *call, uint64_t *flags)
{
    *flags = SIGCHLD;
    if (strcmp(call->name, "fork") == 0)
        return true;
    if (strcmp(call->name, "clone") == 0)
        return clone_argument(s, call, flags);
    *flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    return true;
}

/*
 * A pid that stands behind '=' is adopted, so that a recorded fork and the lines of its child
 * agree.
 */
static bool do_fork(struct scenario *s, const struct call *call, struct outcome *out)
{
    const struct call_result *expected = &call->result;
    int pid = 0;
    uint64_t flags;

    if (!scenario_clone_flags(s, call, &flags))
        return false;
    if (expected->kind == CALL_RESULT_VALUE && expected->value > 0 && expected->value <= INT32_MAX)
        pid = (int)expected->value;
    if (flags != SIGCHLD)
        return outcome_value(out, mw_clone(s->machine, s->pid, flags, pid));
    return outcome_value(out, pid != 0 ? mw_fork_pid(s->machine, s->pid, pid)
                                       : mw_fork(s->machine, s->pid));
}

/* ---- vfork: the parent waits ---- */

static void vfork_begin(struct scenario *s, int child)
{
    for (unsigned i = 0; i < SCENARIO_VFORKS; i++)
        if (s->vforks[i].parent == 0) {
            s->vforks[i].parent = s->pid;
            s->vforks[i].child = child;
            return;
        }
}

static void vfork_end(struct scenario *s, int child)
{
    for (unsigned i = 0; i < SCENARIO_VFORKS; i++)
        if (s->vforks[i].child == child)
            s->vforks[i].parent = s->vforks[i].child = 0;
}

int scenario_vfork_child(const struct scenario *s, int pid)
{
    for (unsigned i = 0; i < SCENARIO_VFORKS; i++)
        if (s->vforks[i].parent == pid)
            return s->vforks[i].child;
    return 0;
}

static bool is_exit(const char *name)
{
    return strcmp(name, "exit") == 0 || strcmp(name, "exit_group") == 0;
}

static bool makes_process(const char *name)
{
    return strcmp(name, "vfork") == 0 || strcmp(name, "clone") == 0;
}

void scenario_note_vfork(struct scenario *s, const struct call *call, const struct outcome *out)
{
    uint64_t flags;

    if (is_exit(call->name) || (strcmp(call->name, "execve") == 0 && out->value == 0))
        vfork_end(s, s->pid);
    if (makes_process(call->name) && out->value > 0 && scenario_clone_flags(s, call, &flags) &&
        (flags & CLONE_VFORK))
        vfork_begin(s, (int)out->value);
}

/* ---- the others ---- */

/* The path and arguments are not looked at: there is nothing to load. */
static bool do_execve(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return outcome_value(out, mw_exec(s->machine, s->pid));
}

static bool do_exit(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_exit(s->machine, s->pid, INT(0)));
}

static bool refuse_waiting(struct scenario *s, const struct call *call)
{
    return scenario_refuse(s, "%s would wait for ever: no such child has ended yet", call->name);
}

static bool do_wait(struct scenario *s, const struct call *call, struct outcome *out)
{
    int64_t reaped;

    if (INT(0) < -1)
        return scenario_refuse(s, "%s: process groups are not simulated", call->name);
    reaped = mw_wait4(s->machine, s->pid, INT(0), ARG(1), INT(2));
    return reaped == -EAGAIN ? refuse_waiting(s, call) : outcome_value(out, reaped);
}

static bool do_waitid(struct scenario *s, const struct call *call, struct outcome *out)
{
    int64_t result;

    if (INT(0) == P_PGID)
        return scenario_refuse(s, "%s: process groups are not simulated", call->name);
    result = mw_waitid(s->machine, s->pid, INT(0), INT(1), ARG(2), INT(3));
    return result == -EAGAIN ? refuse_waiting(s, call) : outcome_value(out, result);
}

static bool do_getpid(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return outcome_value(out, s->pid);
}

static const struct scenario_entry calls[] = {
    {"clone", "|aaaaaa", false, false, false, do_fork},
    {"execve", "|aaa", false, false, false, do_execve},
    {"exit", "n", false, false, false, do_exit},
    {"exit_group", "n", false, false, false, do_exit},
    {"fork", "", false, false, false, do_fork},
    {"getpid", "", false, false, false, do_getpid},
    {"vfork", "", false, false, false, do_fork},
    {"wait4", "nn|nn", false, false, false, do_wait},
    {"waitid", "nnnn|n", false, false, false, do_waitid},
    {"waitpid", "nn|n", false, false, false, do_wait},
};

const struct scenario_entry *scenario_find_process(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    return NULL;
}
