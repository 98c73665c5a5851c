/*
 * A log under replay: what the scheduler (run.c) and the readers of the two kinds of log share.
 *
 * Layer 8. The scheduler knows states and turns; a reader knows lines.
 *
 *   NEW --first turn--> RUNNING <--> WAITING (for a child's log)
 *    ^                     |
 *    +--- another log in the same stream          RUNNING --end of file--> ENDED
 */
#ifndef MAPWALK_LOAD_SOURCE_H
#define MAPWALK_LOAD_SOURCE_H

#include "load/reader.h"
#include "load/replay.h"

enum source_state { SOURCE_NEW, SOURCE_RUNNING, SOURCE_WAITING, SOURCE_ENDED };

struct source {
    struct reader reader;
    struct replay *replay;
    struct report *report;
    enum source_state state;
    int log_pid;       /* of the process whose lines are next; 0: not known */
    int parent;        /* of that process, by the log's own word; 0: not told */
    bool follows_fork; /* it continues a process that another log forks, whoever that is */
    bool continues;    /* the log goes on where fork returned in the child: no exec lies between */
    bool forced;       /* begins although its fork did not come: nothing else could run */
    int waiter;        /* WAITING: log pid of the process that waits */
    int waiting_child; /* and for which child; -1: any */
    struct replay_process *process; /* NULL while NEW; strace's logs look theirs up line by line */
    uint64_t bad;                   /* lines that were not understood */
    void *state_of_kind;            /* owned by the reader of the kind */
};

struct source_kind {
    /* Reads as much as tells log_pid and parent. -errno, -ENOMEM. */
    int (*prime)(struct source *s);
    /*
     * Replays at most `lines` lines, fewer when it must wait, ends, or comes to another log.
     * -errno, -ENOMEM.
     */
    int (*turn)(struct source *s, uint64_t lines);
    void (*close)(struct source *s);
};

extern const struct source_kind source_lackey;
extern const struct source_kind source_strace;

/* The place of a line of this log, for diagnostics. */
static inline struct report_place source_place(const struct source *s, uint64_t line)
{
    return (struct report_place){s->reader.file, line};
}

/* A wait that the log shows: the source goes WAITING if a child's log must run on first. */
static inline void source_wait(struct source *s, struct replay_process *p, int child)
{
    s->waiter = p->log_pid;
    s->waiting_child = child;
    if (replay_must_wait(s->replay, p, child))
        s->state = SOURCE_WAITING;
    else
        replay_finish_wait(s->replay, p, child);
}

#endif
