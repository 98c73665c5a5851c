/*
 * Processes: spawn, fork, exec, exit, wait. Layer 7.
 *
 *   spawn, fork --> live --exit--> ended (pid, parent, status) --wait, or no parent--> gone
 */
#include "kernel/calls.h"

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
    err = mm_create(&m->mm_env, &p->mm);
    if (err != 0) {
        process_forget(m, p);
        return err;
    }
    return process_start(m, p);
}

int mw_spawn(struct mw_machine *m)
{
    return process_spawn(m, 0);
}

int mw_spawn_pid(struct mw_machine *m, int pid)
{
    return pid <= 0 ? -EINVAL : process_spawn(m, pid);
}

/* Everything of fork(2) after the table entry: descriptors, then memory. */
static int process_copy(struct mw_machine *m, struct process *child, const struct process *parent)
{
    int err = fd_copy(&m->alloc, &child->fds, &parent->fds);

    if (err != 0)
        return err;
    err = mm_fork(parent->mm, &child->mm);
    if (err != 0)
        fd_close_all(&m->alloc, &child->fds);
    return err;
}

/* fork(2): the child gets its entry first, so that nothing is copied for a child that cannot be. */
static int64_t process_fork(struct mw_machine *m, struct process *parent, int child_pid)
{
    struct process *child;
    int err;

    if (parent == NULL)
        return -ESRCH;
    err = process_new(m, child_pid, parent->pid, &child);
    if (err != 0)
        return err;
    err = process_copy(m, child, parent);
    if (err != 0) {
        process_forget(m, child);
        return err;
    }
    return process_start(m, child);
}

int mw_fork(struct mw_machine *m, int pid)
{
    struct call call = call_begin(m, pid, MW_CALL_fork, 0, 0, 0, 0);

    return (int)call_end(&call, process_fork(m, call.process, 0));
}

int mw_fork_pid(struct mw_machine *m, int pid, int child_pid)
{
    struct call call = call_begin(m, pid, MW_CALL_fork, (uint64_t)child_pid, 0, 0, 0);

    return (int)call_end(&call,
                         child_pid <= 0 ? -EINVAL : process_fork(m, call.process, child_pid));
}

/* Takes the address space away; nothing may run on it any more. */
static void process_drop_mm(struct mw_machine *m, struct process *p)
{
    if (m->current == p)
        m->current = NULL;
    mm_destroy(p->mm);
    p->mm = NULL;
}

/*
 * execve(2) of an empty image: the new address space is there before the old one goes, so that
 * failing leaves the process as it was. Descriptors stay open.
 */
static int64_t process_exec(struct mw_machine *m, struct process *p)
{
    struct mm *fresh;
    bool implicit;
    int err;

    if (p == NULL)
        return -ESRCH;
    err = mm_create(&m->mm_env, &fresh);
    if (err != 0)
        return err;
    implicit = p->mm->implicit;
    process_drop_mm(m, p);
    fresh->implicit = implicit;
    p->mm = fresh;
    event_emit(&m->bus, MW_EVENT_PROCESS_EXEC, 0);
    return 0;
}

int mw_exec(struct mw_machine *m, int pid)
{
    struct call call = call_begin(m, pid, MW_CALL_execve, 0, 0, 0, 0);

    return (int)call_end(&call, process_exec(m, call.process));
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
static void process_end(struct mw_machine *m, struct process *p, int status)
{
    event_emit(&m->bus, MW_EVENT_PROCESS_EXIT, (uint64_t)(uint32_t)status);
    fd_close_all(&m->alloc, &p->fds);
    process_drop_mm(m, p);
    p->status = status;
    m->processes.live--;
    process_orphan_children(m, p->pid);
    if (p->parent == 0)
        process_forget(m, p);
}

int mw_exit(struct mw_machine *m, int pid, int status)
{
    struct call call = call_begin(m, pid, MW_CALL_exit, (uint64_t)(uint32_t)status, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    process_end(m, call.process, status);
    return (int)call_end(&call, 0);
}

/*
 * wait4(2) with WNOHANG, except that "none has ended yet" is -EAGAIN: the simulator cannot block
 * its caller.
 */
static int64_t process_wait(struct mw_machine *m, const struct process *p, int child_pid,
                            int *status)
{
    uint64_t pid = 0;
    void *value;
    int64_t result = -ECHILD;

    if (p == NULL)
        return -ESRCH;
    for (; radix_next(&m->processes.by_pid, &pid, &value); pid++) {
        struct process *child = value;

        if (child->parent != p->pid || (child_pid > 0 && child->pid != child_pid))
            continue;
        if (!process_ended(child)) {
            result = -EAGAIN;
            continue;
        }
        result = child->pid;
        if (status != NULL)
            *status = child->status;
        process_forget(m, child);
        break;
    }
    return result;
}

int mw_wait(struct mw_machine *m, int pid, int child_pid, int *status)
{
    struct call call = call_begin(m, pid, MW_CALL_wait4, (uint64_t)(int64_t)child_pid, 0, 0, 0);

    return (int)call_end(&call, process_wait(m, call.process, child_pid, status));
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
