/*
 * One recorded call: by its name to what replays it, and the book-keeping that all share.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "load/call_parse.h"
#include "load/flags.h"
#include "load/replay.h"

/*
 * Results that the log does not tell ("?", NoWriteResult) are not compared. Only the first
 * difference is a line to read: one wrong address early in a log may make thousands follow.
 */
void replay_compare(struct replay *r, const struct call *call, bool equal, int64_t got)
{
    struct mw_run_result *result = r->report->result;

    if (call->result.kind == CALL_RESULT_ANY || call->result.kind == CALL_RESULT_NONE)
        return;
    result->calls_checked++;
    if (equal)
        return;
    result->calls_differing++;
    if (r->difference_told)
        return;
    r->difference_told = true;
    if (got < 0 && got >= -4095)
        report_line(
            r->report, r->place, false, "%s: the log says %s%#llx, the simulator -1 %s", call->name,
            replay_succeeded(call) ? "" : "it failed with ",
            (unsigned long long)(replay_succeeded(call) ? call->result.value : call->result.err),
            err_name((int)got));
    else
        report_line(
            r->report, r->place, false, "%s: the log says %s%#llx, the simulator %#llx", call->name,
            replay_succeeded(call) ? "" : "it failed with ",
            (unsigned long long)(replay_succeeded(call) ? call->result.value : call->result.err),
            (unsigned long long)got);
}

/* One line for a whole run: a machine that is too small fails everywhere. */
static void note_out_of_memory(struct replay *r, const struct replay_process *p, const char *what)
{
    r->report->result->out_of_memory++;
    if (r->out_of_memory_told)
        return;
    r->out_of_memory_told = true;
    report_line(r->report, r->place, false, "process %d: %s; later ones are only counted",
                p->log_pid, what);
}

/* Other errors than these two are results, and compared. */
void replay_note_error(struct replay *r, struct replay_process *p, int64_t result)
{
    if (result == -ENOMEM)
        note_out_of_memory(r, p, "no memory is left for this call");
    else if (result == -ENOSPC)
        note_out_of_memory(r, p, "the simulated disk is full");
}

/*
 * SIGKILL is the one signal that the fault handler sends for want of memory; a real kernel would
 * have killed the process here.
 */
void replay_note_signal(struct replay *r, struct replay_process *p, const struct mw_signal *signal)
{
    if (signal->signo != SIGKILL)
        return;
    p->out_of_memory = true;
    note_out_of_memory(r, p, "no frame is left, which kills it; its later accesses are skipped");
}

/* ---- calls without a file of their own ---- */

static void do_openat(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_open(r, p, call, call_int(call, 0), call_string(call, 1), call_int(call, 2));
}

static void do_open(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_open(r, p, call, AT_FDCWD, call_string(call, 0), call_int(call, 1));
}

static void do_creat(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_open(r, p, call, AT_FDCWD, call_string(call, 0), O_CREAT | O_WRONLY | O_TRUNC);
}

static void do_dup(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_dup(r, p, call, strcmp(call->name, "dup3") == 0 && (call_int(call, 2) & O_CLOEXEC) != 0);
}

static void do_read(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_transfer(r, p, call, false, false);
}

static void do_write(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_transfer(r, p, call, true, false);
}

static void do_pread(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_transfer(r, p, call, false, true);
}

static void do_pwrite(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_transfer(r, p, call, true, true);
}

static void do_unlink(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_unlink(r, p, call, AT_FDCWD, call_string(call, 0));
}

static void do_unlinkat(struct replay *r, struct replay_process *p, const struct call *call)
{
    if (call_int(call, 2) & AT_REMOVEDIR)
        replay_rmdir(r, p, call, true);
    else
        replay_unlink(r, p, call, call_int(call, 0), call_string(call, 1));
}

static void do_rename(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_rename(r, p, call, false);
}

static void do_renameat(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_rename(r, p, call, true);
}

static void do_mkdir(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_mkdir(r, p, call, false);
}

static void do_mkdirat(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_mkdir(r, p, call, true);
}

static void do_rmdir(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_rmdir(r, p, call, false);
}

static void do_sync(struct replay *r, struct replay_process *p, const struct call *call)
{
    int err = mw_sync(r->machine);

    replay_note_error(r, p, err);
    replay_compare(r, call, err == 0, err);
}

static void do_getpid(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_compare(r, call, call->result.value == p->log_pid, p->log_pid);
}

/*
 * clone's flags are a keyword in strace's log and the first argument in lackey's; clone3 has them
 * in its structure.
 */
bool replay_clone_flags(const struct call *call, uint64_t *flags)
{
    const struct call_arg *keyword = call_keyword(call, "flags");

    if (call->arg_count == 0)
        return false;
    if (call->args[0].kind == CALL_ARG_OPAQUE)
        return call_member(call->args[0].text, "flags", flags);
    *flags = keyword != NULL ? keyword->value : call->args[0].value;
    return keyword == NULL || keyword->kind == CALL_ARG_NUMBER;
}

/*
 * A thread shares its process's memory, so there is nothing to do; a vfork child shares it until it
 * execs, and is copied here.
 */
static void do_fork(struct replay *r, struct replay_process *p, const struct call *call)
{
    uint64_t flags = 0;
    struct replay_process *child;

    if (!replay_succeeded(call) || call->result.value <= 0 || call->result.value > INT32_MAX)
        return;
    if (strncmp(call->name, "clone", 5) == 0 && replay_clone_flags(call, &flags) &&
        (flags & CLONE_VM) != 0 && (flags & CLONE_VFORK) == 0)
        return;
    child = replay_find(r, (int)call->result.value);
    if (child != NULL && !child->ended && !child->reaped)
        return; /* its first lines came before the end of this call */
    child = replay_fork(r, p, (int)call->result.value);
    replay_compare(r, call, child != NULL, child != NULL ? call->result.value : -EAGAIN);
}

/* One that failed changed nothing: shells try every folder of PATH. */
static void do_execve(struct replay *r, struct replay_process *p, const struct call *call)
{
    if (!replay_succeeded(call))
        return;
    replay_exec(r, p);
    replay_maps_exec(r, p);
}

/* The process ends when its log does: valgrind prints its closing lines after this call. */
static void do_exit(struct replay *r, struct replay_process *p, const struct call *call)
{
    (void)r;
    p->exited = true;
    p->status = call_int(call, 0) & 0xff;
}

/*
 * The kernel stores the status word, which may copy or bring in the page; strace does not tell
 * where.
 */
static void do_wait(struct replay *r, struct replay_process *p, const struct call *call)
{
    if (!replay_succeeded(call) || call->result.value <= 0 || call->result.value > INT32_MAX)
        return;
    if (r->has_addresses && call_number(call, 1) != 0)
        replay_touch(r, p, call_number(call, 1), sizeof(int), MW_STORE);
    replay_reap(r, p, (int)call->result.value);
}

/* Its result is 0, and who was reaped stands in a structure: without a pid nobody can be named. */
static void do_waitid(struct replay *r, struct replay_process *p, const struct call *call)
{
    uint64_t pid = 0;

    if (!replay_succeeded(call) || call->arg_count < 3 || call->args[2].kind != CALL_ARG_OPAQUE ||
        !call_member(call->args[2].text, "si_pid", &pid))
        return;
    if (pid > 0 && pid <= INT32_MAX && (call_int(call, 3) & WNOWAIT) == 0)
        replay_reap(r, p, (int)pid);
}

static void do_fstat(struct replay *r, struct replay_process *p, const struct call *call)
{
    replay_fstat(r, p, call, call_int(call, 0), 1);
}

/* Of a descriptor only: an empty path with AT_EMPTY_PATH, as C libraries write fstat. */
static void do_fstatat(struct replay *r, struct replay_process *p, const struct call *call)
{
    const char *path = call_string(call, 1);

    if (path != NULL && *path == '\0')
        replay_fstat(r, p, call, call_int(call, 0), 2);
}

struct replay_entry {
    const char *name;
    unsigned arguments;   /* that the replay cannot do without */
    int path;             /* the argument that must be a string; -1: none */
    bool needs_addresses; /* skipped in logs that do not tell buffers */
    void (*handler)(struct replay *r, struct replay_process *p, const struct call *call);
};

static const struct replay_entry entries[] = {
    {"mmap", 6, -1, false, replay_mmap},
    {"munmap", 2, -1, false, replay_munmap},
    {"mprotect", 3, -1, false, replay_mprotect},
    {"brk", 1, -1, false, replay_brk},
    {"openat", 3, 1, false, do_openat},
    {"close", 1, -1, false, replay_close},
    {"read", 3, -1, true, do_read},
    {"write", 3, -1, true, do_write},
    {"pread64", 4, -1, true, do_pread},
    {"pwrite64", 4, -1, true, do_pwrite},
    {"lseek", 3, -1, true, replay_lseek},
    {"open", 2, 0, false, do_open},
    {"creat", 1, 0, false, do_creat},
    {"dup", 1, -1, false, do_dup},
    {"dup2", 2, -1, false, do_dup},
    {"dup3", 2, -1, false, do_dup},
    {"fcntl", 2, -1, false, replay_fcntl},
    {"msync", 3, -1, false, replay_msync},
    {"madvise", 3, -1, false, replay_madvise},
    {"mremap", 3, -1, false, replay_mremap},
    {"fstat", 2, -1, false, do_fstat},
    {"newfstatat", 3, -1, false, do_fstatat},
    {"ftruncate", 2, -1, false, replay_ftruncate},
    {"fsync", 1, -1, false, replay_fsync},
    {"fdatasync", 1, -1, false, replay_fdatasync},
    {"syncfs", 1, -1, false, replay_fdatasync},
    {"sync_file_range", 4, -1, false, replay_sync_file_range},
    {"truncate", 2, 0, false, replay_truncate},
    {"fallocate", 4, -1, false, replay_fallocate},
    {"fadvise64", 4, -1, false, replay_fadvise},
    {"readahead", 3, -1, false, replay_readahead},
    {"rename", 2, 0, false, do_rename},
    {"renameat", 4, 1, false, do_renameat},
    {"renameat2", 4, 1, false, do_renameat},
    {"mkdir", 1, 0, false, do_mkdir},
    {"mkdirat", 2, 1, false, do_mkdirat},
    {"rmdir", 1, 0, false, do_rmdir},
    {"unlink", 1, 0, false, do_unlink},
    {"unlinkat", 3, 1, false, do_unlinkat},
    {"sync", 0, -1, false, do_sync},
    {"getpid", 0, -1, false, do_getpid},
    {"fork", 0, -1, false, do_fork},
    {"vfork", 0, -1, false, do_fork},
    {"clone", 1, -1, false, do_fork},
    {"clone3", 1, -1, false, do_fork},
    {"execve", 0, -1, false, do_execve},
    {"execveat", 0, -1, false, do_execve},
    {"exit_group", 1, -1, false, do_exit},
    {"wait4", 1, -1, false, do_wait},
    {"waitpid", 1, -1, false, do_wait},
    {"waitid", 2, -1, false, do_waitid},
};

/* The table has the frequent calls first, so a search from its top is short. */
static const struct replay_entry *find_entry(const char *name)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

/*
 * Counts as replayed also when the record is a failure that only its world explains: the failure
 * is what is replayed.
 */
bool replay_call(struct replay *r, struct replay_process *p, const struct call *call)
{
    const struct replay_entry *entry = find_entry(call->name);

    if (entry == NULL || (entry->needs_addresses && !r->has_addresses)) {
        report_skipped(r->report, call->name);
        return true;
    }
    if (call->arg_count < entry->arguments)
        return false;
    if (entry->path >= 0 && replay_succeeded(call) &&
        call_string(call, (unsigned)entry->path) == NULL)
        return false;
    r->report->result->calls_replayed++;
    entry->handler(r, p, call);
    return true;
}
