/*
 * Processes: how they begin and end, and what they share. Layer 7. The calls are in
 * calls_process.c.
 *
 *   spawn, fork --> live --exit--> ended (pid, parent, status) --wait, or no parent--> gone
 */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "kernel/calls.h"
#include "kernel/fault_handler.h"
#include "kernel/uffd.h"

/* An ended process has given its memory back; its entry waits to be reaped (I-KERNEL-3). */
static bool process_ended(const struct process *p)
{
    return p->mm == NULL;
}

/* The process of a pid, live or ended. */
static struct process *process_find(struct mw_machine *m, int pid)
{
    return pid > 0 ? radix_get(&m->processes.by_pid, (uint64_t)pid) : NULL;
}

/* A pid that is free: the next one after the last given. */
static int process_next_pid(const struct process_table *t)
{
    int pid = t->last_pid;

    do
        pid = pid == INT32_MAX ? 1 : pid + 1;
    while (radix_get(&t->by_pid, (uint64_t)pid) != NULL);
    return pid;
}

/*
 * A table entry for a pid (0: choose) without an address space yet. -EAGAIN, -EEXIST, -EINVAL,
 * -ENOMEM.
 */
static int process_new(struct mw_machine *m, int pid, int parent, struct process **out)
{
    struct process_table *t = &m->processes;
    struct process *p;
    int err;

    if (pid < 0)
        return -EINVAL;
    if (t->by_pid.count >= m->config.max_processes)
        return -EAGAIN;
    if (pid == 0)
        pid = process_next_pid(t);
    else if (process_find(m, pid) != NULL)
        return -EEXIST;
    p = alloc_zeroed(&m->alloc, sizeof(*p));
    if (p == NULL)
        return -ENOMEM;
    err = radix_insert(&t->by_pid, (uint64_t)pid, p);
    if (err != 0) {
        alloc_release(&m->alloc, p);
        return err;
    }
    p->pid = pid;
    p->parent = parent;
    p->exit_signal = SIGCHLD;
    p->files_limit = FD_LIMIT;
    p->hart = &m->harts[t->created % m->hart_set.count]; /* one each, as they come */
    *out = p;
    return 0;
}

/* Takes an entry without an address space out of the table. */
static void process_forget(struct mw_machine *m, struct process *p)
{
    radix_remove(&m->processes.by_pid, (uint64_t)p->pid);
    alloc_release(&m->alloc, p);
}

/* The entry has become a process. */
static int process_start(struct mw_machine *m, struct process *p)
{
    m->processes.last_pid = p->pid;
    m->processes.live++;
    m->processes.created++;
    event_emit(&m->bus, MW_EVENT_PROCESS_NEW, (uint64_t)p->pid, (uint64_t)p->parent);
    return p->pid;
}

/* A process out of nothing: no parent, no descriptors, nothing mapped. */
static int process_spawn(struct mw_machine *m, int pid)
{
    struct process *p;
    int err = process_new(m, pid, 0, &p);

    if (err != 0)
        return err;
    err = fd_table_new(&m->alloc, NULL, &p->fds);
    if (err == 0)
        err = mm_create(&m->mm_env, &p->mm);
    if (err != 0) {
        if (p->fds != NULL)
            fd_table_put(&m->alloc, p->fds);
        process_forget(m, p);
        return err;
    }
    p->limits = p->mm->limits;
    return process_start(m, p);
}

int mw_spawn(struct mw_machine *m)
{
    return m->off ? -EIO : process_spawn(m, 0);
}

int mw_spawn_pid(struct mw_machine *m, int pid)
{
    if (pid <= 0)
        return -EINVAL;
    return m->off ? -EIO : process_spawn(m, pid);
}

/* Leaves the address space; this process does not run on it any more. */
static void process_drop_mm(struct mw_machine *m, struct process *p)
{
    if (m->current == p)
        m->current = NULL;
    if (p->mm->users == 1) { /* what the kernel has hung on it goes with the last process */
        fault_handlers_free(m, p->mm);
        uffd_forget_mm(m, p->mm);
    }
    mm_put(p->mm);
    p->mm = NULL;
}

/* Memory, and the handlers of its faults. */
static int process_copy_mm(struct mw_machine *m, struct process *child,
                           const struct process *parent)
{
    int err = mm_fork(parent->mm, &child->mm);

    if (err != 0)
        return err;
    err = fault_handlers_copy(m, child->mm, parent->mm);
    if (err != 0)
        process_drop_mm(m, child);
    return err;
}

/*
 * Everything of clone(2) after the table entry: descriptors, then memory; copied, or shared. Limits
 * are the process's own in any case.
 */
static int process_copy(struct mw_machine *m, struct process *child, const struct process *parent,
                        uint64_t flags)
{
    int err = 0;

    child->limits = parent->limits;
    child->files_limit = parent->files_limit;
    if (flags & CLONE_FILES) {
        child->fds = parent->fds;
        child->fds->users++;
    } else {
        err = fd_table_new(&m->alloc, parent->fds, &child->fds);
    }
    if (err != 0)
        return err;
    if (flags & CLONE_VM)
        child->mm = mm_get(parent->mm);
    else
        err = process_copy_mm(m, child, parent);
    if (err != 0)
        fd_table_put(&m->alloc, child->fds);
    return err;
}

/* The combinations that clone(2) refuses, of the flags that mean something here. */
static int process_check_flags(uint64_t flags)
{
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
        return -EINVAL;
    return flags & CLONE_THREAD ? -ENOSYS : 0;
}

/* The child gets its entry first, so that nothing is copied for a child that cannot be. */
int process_clone(struct mw_machine *m, struct process *parent, uint64_t flags, int child_pid)
{
    struct process *child;
    int err;

    if (parent == NULL)
        return -ESRCH;
    err = process_check_flags(flags);
    if (err == 0)
        err =
            process_new(m, child_pid, flags & CLONE_PARENT ? parent->parent : parent->pid, &child);
    if (err != 0)
        return err;
    err = process_copy(m, child, parent, flags);
    if (err != 0) {
        process_forget(m, child);
        return err;
    }
    child->exit_signal = flags & CLONE_PARENT ? parent->exit_signal : (int)(flags & CSIGNAL);
    return process_start(m, child);
}

/*
 * execve(2) of an empty image: the new address space, and a descriptor table that nobody shares, are
 * there before the old ones go, so that failing leaves the process as it was. Descriptors stay open
 * unless they are marked; limits stay.
 */
int process_exec(struct mw_machine *m, struct process *p)
{
    struct fd_table *fds = p->fds;
    struct mm *fresh;
    int err = mm_create(&m->mm_env, &fresh);

    if (err == 0 && fds->users > 1) {
        err = fd_table_new(&m->alloc, fds, &fds);
        if (err != 0)
            mm_put(fresh);
    }
    if (err != 0)
        return err;
    if (fds != p->fds)
        fd_table_put(&m->alloc, p->fds);
    p->fds = fds;
    fd_close_on_exec(fds);
    fresh->implicit = p->mm->implicit;
    process_drop_mm(m, p);
    p->mm = fresh;
    p->exit_signal = SIGCHLD;
    event_emit(&m->bus, MW_EVENT_PROCESS_EXEC, 0);
    return 0;
}

/* Children of an ended process have no parent any more; those that ended wait for nobody and go. */
static void process_orphan_children(struct mw_machine *m, int parent)
{
    uint64_t pid = 0;
    void *value;

    for (; radix_next(&m->processes.by_pid, &pid, &value); pid++) {
        struct process *child = value;

        if (child->parent != parent)
            continue;
        child->parent = 0;
        if (process_ended(child))
            process_forget(m, child);
    }
}

/* exit(2): descriptors and memory go now, the entry when somebody has asked for the status. */
void process_end(struct mw_machine *m, struct process *p, int status)
{
    event_emit(&m->bus, MW_EVENT_PROCESS_EXIT, (uint64_t)(uint32_t)status);
    fd_table_put(&m->alloc, p->fds);
    p->fds = NULL;
    process_drop_mm(m, p);
    p->status = status;
    m->processes.live--;
    process_orphan_children(m, p->pid);
    if (p->parent == 0)
        process_forget(m, p);
}

/* Does the wait look for this child (wait4(2): __WALL, __WCLONE)? */
static bool process_is_waited_for(const struct process_wait *w, const struct process *child)
{
    bool unusual = child->exit_signal != SIGCHLD;

    if (w->child_pid > 0 && child->pid != w->child_pid)
        return false;
    return (w->options & __WALL) || unusual == ((w->options & __WCLONE) != 0);
}

int process_wait(struct mw_machine *m, const struct process *p, struct process_wait *w)
{
    uint64_t pid = 0;
    void *value;
    int result = -ECHILD;

    for (; radix_next(&m->processes.by_pid, &pid, &value); pid++) {
        struct process *child = value;

        if (child->parent != p->pid || !process_is_waited_for(w, child))
            continue;
        if (!process_ended(child)) {
            result = -EAGAIN;
            continue;
        }
        if (!(w->options & WEXITED))
            continue;
        result = child->pid;
        w->status = child->status;
        if (!(w->options & WNOWAIT))
            process_forget(m, child);
        break;
    }
    return result;
}

void process_end_all(struct mw_machine *m)
{
    uint64_t pid = 0;
    void *value;

    while (radix_next(&m->processes.by_pid, &pid, &value)) {
        struct process *p = value;

        if (process_ended(p)) {
            process_forget(m, p);
            continue;
        }
        m->bus.pid = (uint32_t)p->pid;
        p->parent = 0; /* nobody waits any more */
        process_end(m, p, 0);
    }
}

int mw_set_implicit(struct mw_machine *m, int pid, bool on)
{
    struct process *p = machine_process(m, pid);

    if (p == NULL)
        return -ESRCH;
    p->mm->implicit = on;
    return 0;
}

int mw_set_hart(struct mw_machine *m, int pid, unsigned hart)
{
    struct process *p = machine_process(m, pid);

    if (p == NULL)
        return -ESRCH;
    if (hart >= m->hart_set.count)
        return -EINVAL;
    if (p->hart == &m->harts[hart])
        return 0;
    p->hart = &m->harts[hart];
    if (m->current == p)
        m->current = NULL; /* the next access or call takes it to the other hart */
    return 0;
}

int mw_process_hart(struct mw_machine *m, int pid)
{
    const struct process *p = machine_process(m, pid);

    return p == NULL ? -ESRCH : p->hart->id;
}

int mw_process_next(struct mw_machine *m, int pid)
{
    uint64_t next = pid < 0 ? 0 : (uint64_t)pid + 1;
    void *value;

    for (; radix_next(&m->processes.by_pid, &next, &value); next++)
        if (!process_ended(value))
            return ((const struct process *)value)->pid;
    return 0;
}
