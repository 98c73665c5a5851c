/*
 * The processes of a replay, from their first line to their end.
 *
 *   spawn or fork --> live --exit--> ended --reap--> forgotten
 *                      |  ^
 *        reap, no log  |  | its log begins
 *                      v  |
 *                     emptied
 */
#include "load/replay.h"

void replay_init(struct replay *r, struct mw_machine *machine, struct alloc *a,
                 struct report *report)
{
    *r = (struct replay){.machine = machine, .alloc = a, .report = report};
}

/* Out of the book, with its descriptors. The machine's process is the caller's to end. */
static void forget(struct replay *r, struct replay_process *p)
{
    struct replay_process **link = &r->processes;

    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    r->emptied -= p->emptied;
    replay_fds_free(r, p);
    alloc_release(r->alloc, p);
}

/* Processes whose log never came are none of the workload's: they end with the replay. */
static void end_emptied(struct replay *r)
{
    struct replay_process *p = r->processes;

    while (p != NULL) {
        struct replay_process *next = p->next;

        if (p->emptied) {
            replay_exit(r, p, 0);
            next = r->processes; /* others may have gone with it */
        }
        p = next;
    }
}

void replay_destroy(struct replay *r)
{
    uint64_t differing = r->report->result->calls_differing;

    end_emptied(r);
    while (r->processes != NULL)
        forget(r, r->processes);
    if (differing > 1)
        report_line(r->report, (struct report_place){r->place.file, 0}, false,
                    "%llu calls had other results than the log says; the first is reported above",
                    (unsigned long long)differing);
}

struct replay_process *replay_find(const struct replay *r, int log_pid)
{
    struct replay_process *p = r->processes;

    while (p != NULL && p->log_pid != log_pid)
        p = p->next;
    return p;
}

/* At the end: walks over the list meet the oldest first, which is what waits and limits go by. */
static struct replay_process *append(struct replay *r, int log_pid, int pid)
{
    struct replay_process *p = alloc_zeroed(r->alloc, sizeof(*p));
    struct replay_process **link = &r->processes;

    if (p == NULL)
        return NULL;
    p->log_pid = log_pid;
    p->pid = pid;
    while (*link != NULL)
        link = &(*link)->next;
    *link = p;
    return p;
}

/*
 * A process that no log forks: implicit mapping is switched on here once, and forks and execs
 * inherit it.
 */
int replay_spawn(struct replay *r, int log_pid, struct replay_process **out)
{
    int pid = log_pid > 0 ? mw_spawn_pid(r->machine, log_pid) : mw_spawn(r->machine);

    if (pid == -EEXIST) /* a number that comes twice: the log's and the machine's are kept apart */
        pid = mw_spawn(r->machine);
    if (pid < 0)
        return pid;
    *out = append(r, log_pid > 0 ? log_pid : pid, pid);
    if (*out == NULL || mw_set_implicit(r->machine, pid, true) < 0) {
        (void)mw_exit(r->machine, pid, 0);
        return -ENOMEM;
    }
    return 0;
}

/* Takes back a fork of which we could not keep book. */
static struct replay_process *undo_fork(struct replay *r, struct replay_process *p, int pid,
                                        struct replay_process *child)
{
    if (child != NULL)
        forget(r, child);
    (void)mw_exit(r->machine, pid, 0);
    (void)mw_wait(r->machine, p->pid, pid, NULL);
    replay_note_error(r, p, -ENOMEM);
    return NULL;
}

struct replay_process *replay_fork(struct replay *r, struct replay_process *p, int child_log_pid)
{
    int pid = mw_fork_pid(r->machine, p->pid, child_log_pid);
    struct replay_process *child;

    if (pid == -EEXIST)
        pid = mw_fork(r->machine, p->pid);
    replay_note_error(r, p, pid);
    if (pid < 0)
        return NULL;
    child = append(r, child_log_pid, pid);
    if (child == NULL || replay_fds_copy(r, child, p) != 0)
        return undo_fork(r, p, pid, child);
    child->parent = p->log_pid;
    child->brk_known = p->brk_known;
    child->room_known = p->room_known;
    child->stack_known = p->stack_known;
    child->has_log = r->expects != NULL && r->expects(r->expects_context, child_log_pid);
    return child;
}

/* What was learnt of the old image says nothing of the new one. */
void replay_exec(struct replay *r, struct replay_process *p)
{
    replay_note_error(r, p, mw_exec(r->machine, p->pid));
    replay_fds_exec(r, p);
    p->brk_known = false;
    p->room_known = false;
    p->stack_known = false;
}

/*
 * Found and not begun: forked by another log. Found and ended its log: it called exec, and
 * valgrind began a new log in the same stream.
 */
int replay_begin(struct replay *r, int log_pid, bool continues, struct replay_process **out)
{
    struct replay_process *p = log_pid > 0 ? replay_find(r, log_pid) : NULL;

    if (p != NULL && (p->ended || (p->started && !p->log_done)))
        p = NULL; /* another process of the same number */
    if (p != NULL) {
        if (!continues)
            replay_exec(r, p); /* the log begins behind its process's exec */
        r->emptied -= p->emptied;
        p->emptied = false;
    } else {
        int err = replay_spawn(r, log_pid, &p);

        if (err < 0)
            return err;
        p->stack_known = continues; /* a first store in the middle of a program tells nothing */
    }
    p->has_log = true;
    p->started = true;
    p->log_done = false;
    p->exited = false;
    *out = p;
    return 0;
}

/* Children that ended go with their parent; the others have none any more. */
static void orphan_children(struct replay *r, int parent)
{
    struct replay_process *next;

    for (struct replay_process *child = r->processes; child != NULL; child = next) {
        next = child->next;
        if (child->parent != parent)
            continue;
        child->parent = 0;
        if (child->ended)
            forget(r, child);
    }
}

/* Whoever has a parent that may still wait for it stays in the book, as a zombie does. */
void replay_exit(struct replay *r, struct replay_process *p, int status)
{
    const struct replay_process *parent = p->parent != 0 ? replay_find(r, p->parent) : NULL;

    if (!p->ended)
        (void)mw_exit(r->machine, p->pid, status);
    p->ended = true;
    r->emptied -= p->emptied;
    p->emptied = false;
    replay_fds_free(r, p);
    orphan_children(r, p->log_pid);
    if (p->reaped && parent != NULL)
        (void)mw_wait(r->machine, parent->pid, p->pid, NULL);
    if (p->reaped || parent == NULL)
        forget(r, p);
}

/*
 * A process that did not say exit_group was cut off: it stays as it was, so that its areas can be
 * looked at.
 */
void replay_end_log(struct replay *r, struct replay_process *p)
{
    p->log_done = true;
    for (struct replay_process *child = r->processes; child != NULL; child = child->next)
        if (child->parent == p->log_pid && !child->has_log)
            replay_empty(r, child);
    if (p->exited)
        replay_exit(r, p, p->status);
}
