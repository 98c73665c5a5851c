/*
 * The system calls of scenarios: argument by argument to the machine's calls. Those about processes,
 * descriptors, and names and room of files are in files of their own.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/err.h"
#include "load/scenario_call.h"

/* Not in older C libraries. */
#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static bool do_mmap(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(
        out, mw_mmap(s->machine, s->pid, ARG(0), ARG(1), INT(2), INT(3), INT(4), ARG(5)));
}

static bool do_munmap(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_munmap(s->machine, s->pid, ARG(0), ARG(1)));
}

static bool do_mprotect(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_mprotect(s->machine, s->pid, ARG(0), ARG(1), INT(2)));
}

static bool do_msync(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_msync(s->machine, s->pid, ARG(0), ARG(1), INT(2)));
}

/* The new address stands only where flags speak of one (mremap(2)). */
static bool do_mremap(struct scenario *s, const struct call *call, struct outcome *out)
{
    int flags = call->arg_count > 3 ? INT(3) : 0;
    uint64_t target = call->arg_count > 4 ? ARG(4) : 0;

    return outcome_value(out, mw_mremap(s->machine, s->pid, ARG(0), ARG(1), ARG(2), flags, target));
}

static bool do_madvise(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_madvise(s->machine, s->pid, ARG(0), ARG(1), INT(2)));
}

static bool do_mincore(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_mincore(s->machine, s->pid, ARG(0), ARG(1), ARG(2)));
}

static bool do_mlock(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_mlock(s->machine, s->pid, ARG(0), ARG(1)));
}

static bool do_mlock2(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_mlock2(s->machine, s->pid, ARG(0), ARG(1), INT(2)));
}

static bool do_munlock(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_munlock(s->machine, s->pid, ARG(0), ARG(1)));
}

static bool do_mlockall(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_mlockall(s->machine, s->pid, INT(0)));
}

static bool do_munlockall(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return outcome_value(out, mw_munlockall(s->machine, s->pid));
}

static bool do_mseal(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_mseal(s->machine, s->pid, ARG(0), ARG(1), ARG(2)));
}

/* PR_SET_VMA's name may stand in the line itself, as strace prints it. */
static bool do_prctl(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t name = call->arg_count > 4 ? ARG(4) : 0;

    if (call->arg_count <= 4 || call->args[4].kind != CALL_ARG_STRING)
        return outcome_value(out,
                             mw_prctl(s->machine, s->pid, INT(0), ARG(1), ARG(2), ARG(3), name));
    if ((uint64_t)INT(0) != PR_SET_VMA || ARG(1) != PR_SET_VMA_ANON_NAME)
        return scenario_refuse(s, "prctl: only PR_SET_VMA has a name");
    return outcome_value(out,
                         mw_set_vma_name(s->machine, s->pid, ARG(2), ARG(3), call_string(call, 4)));
}

static bool do_process_madvise(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_process_madvise(s->machine, s->pid, INT(0), ARG(1), ARG(2), INT(3),
                                                 (unsigned)INT(4)));
}

/* The soft limit, as a plain number. */
static bool do_setrlimit(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(
        out, mw_setrlimit(s->machine, s->pid, INT(0), scenario_window_limit(s, INT(0), ARG(1))));
}

static bool do_brk(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_brk(s->machine, s->pid, ARG(0)));
}

static bool do_open(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_open(s->machine, s->pid, call_string(call, 0), INT(1)));
}

static bool do_creat(struct scenario *s, const struct call *call, struct outcome *out)
{
    int flags = O_CREAT | O_WRONLY | O_TRUNC;

    return outcome_value(out, mw_open(s->machine, s->pid, call_string(call, 0), flags));
}

bool scenario_check_at(struct scenario *s, const struct call *call, unsigned fd_at)
{
    if (INT(fd_at) == AT_FDCWD || call_string(call, fd_at + 1)[0] == '/')
        return true;
    return scenario_refuse(s, "%s: only AT_FDCWD and absolute paths are simulated", call->name);
}

static bool do_openat(struct scenario *s, const struct call *call, struct outcome *out)
{
    return scenario_check_at(s, call, 0) &&
           outcome_value(out, mw_open(s->machine, s->pid, call_string(call, 1), INT(2)));
}

static bool do_close(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_close(s->machine, s->pid, INT(0)));
}

static bool do_lseek(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_lseek(s->machine, s->pid, INT(0), (int64_t)ARG(1), INT(2)));
}

static const struct scenario_entry calls[] = {
    {"brk", "n", true, false, false, do_brk},
    {"close", "n", false, false, false, do_close},
    {"creat", "s|n", false, false, false, do_creat},
    {"lseek", "nnn", false, false, false, do_lseek},
    {"madvise", "nnn", false, false, false, do_madvise},
    {"mincore", "nnn", false, false, false, do_mincore},
    {"mlock", "nn", false, false, false, do_mlock},
    {"mlock2", "nnn", false, false, false, do_mlock2},
    {"mlockall", "n", false, false, false, do_mlockall},
    {"mmap", "nnnnnn", true, false, false, do_mmap},
    {"mprotect", "nnn", false, false, false, do_mprotect},
    {"mremap", "nnn|nn", true, false, false, do_mremap},
    {"mseal", "nnn", false, false, false, do_mseal},
    {"msync", "nnn", false, false, false, do_msync},
    {"munlock", "nn", false, false, false, do_munlock},
    {"munlockall", "", false, false, false, do_munlockall},
    {"munmap", "nn", false, false, false, do_munmap},
    {"open", "sn|n", false, false, false, do_open},
    {"openat", "nsn|n", false, false, false, do_openat},
    {"prctl", "nnnn|x", false, false, false, do_prctl},
    {"process_madvise", "nnnnn", false, false, false, do_process_madvise},
    {"setrlimit", "nn", false, false, false, do_setrlimit},
};

const struct scenario_entry *scenario_find_call(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    if (scenario_find_process(name) != NULL)
        return scenario_find_process(name);
    if (scenario_find_file(name) != NULL)
        return scenario_find_file(name);
    return scenario_find_descriptor(name);
}
