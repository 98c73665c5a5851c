/*
 * Waiting for children.
 *
 * Logs of one process each do not say in which order their processes ran. A wait is where we know:
 * whoever waits for a child goes on when that child's log has ended.
 */
#include "load/replay.h"

#define REPLAY_KEPT \
    64 /* emptied processes: enough for any shell's pipeline, few enough for a log of a million \
          forks */

/*
 * wait4's first argument: a pid, or 0 and below for any child (process groups are not told
 * apart).
 */
static bool matches(const struct replay_process *parent, const struct replay_process *child,
                    int wanted)
{
    return child->parent == parent->log_pid && !child->reaped &&
           (wanted <= 0 || child->log_pid == wanted);
}

/* It has ended, or will say nothing more. */
static bool is_over(const struct replay_process *p)
{
    return p->ended || p->log_done;
}

/* A child that is over already ends the wait at once, whoever else is still running. */
bool replay_must_wait(const struct replay *r, const struct replay_process *p, int child)
{
    bool running = false;

    for (const struct replay_process *at = r->processes; at != NULL; at = at->next) {
        if (!matches(p, at, child))
            continue;
        if (is_over(at))
            return false;
        running = running || at->has_log;
    }
    return running;
}

/* The oldest goes when there are too many. The caller must not hold on to it. */
static void limit_emptied(struct replay *r)
{
    struct replay_process *p = r->processes;

    if (r->emptied <= REPLAY_KEPT)
        return;
    while (p != NULL && !p->emptied)
        p = p->next;
    if (p != NULL)
        replay_exit(r, p, 0);
}

/* By an exec without a log: the process exists, and holds next to nothing. */
void replay_empty(struct replay *r, struct replay_process *p)
{
    if (p->emptied || p->ended)
        return;
    replay_exec(r, p);
    p->emptied = true;
    r->emptied++;
}

/*
 * The last act of a child. One that has no log in lackey's files may have one further on in the
 * stream, so it is kept, emptied.
 */
static void reap(struct replay *r, struct replay_process *child)
{
    child->reaped = true;
    if (!child->ended && !child->has_log && r->has_addresses) {
        replay_empty(r, child);
        limit_emptied(r);
    } else {
        replay_exit(r, child, child->status);
    }
}

/*
 * The oldest that is over, as the log does not say which; else the oldest of those that nobody
 * knows more about.
 */
void replay_finish_wait(struct replay *r, struct replay_process *p, int child)
{
    struct replay_process *logless = NULL;

    for (struct replay_process *at = r->processes; at != NULL; at = at->next) {
        if (!matches(p, at, child))
            continue;
        if (is_over(at)) {
            reap(r, at);
            return;
        }
        if (logless == NULL && !at->has_log)
            logless = at;
    }
    if (logless != NULL)
        reap(r, logless);
}

/* A child that a wait already took is not found, and that is well. */
void replay_reap(struct replay *r, struct replay_process *p, int child_log_pid)
{
    struct replay_process *child = replay_find(r, child_log_pid);

    if (child == NULL || !matches(p, child, child_log_pid))
        return;
    if (child->has_log && !is_over(child))
        return; /* its own log says when it ends */
    reap(r, child);
}
