/*
 * Explain: every page fault told step by step, in plain text.
 *
 * Layer 9, view. A sink of events. What happened before a trap (the TLB miss and the walk) is kept
 * in a small fixed buffer until it is known whether the access traps; everything after the trap is
 * written as it comes. So memory is constant, however much one fault sets in motion.
 *
 *   looking --trap--> handling --fault_end: repaired--> retrying --translated--> looking
 *                         \--fault_end: signal--> signalled --signal--> looking
 *
 * A translation is over when its entry is in the first level; where that has no place for pages of
 * its size, when the next one begins or its operation ends. What the hart prefetches behind it is
 * nobody's access, and not told.
 *
 * The finding of a missing fence is told when it comes, whatever else is under way: most come from
 * accesses that hit, and so are part of no fault.
 *
 *   I-EXPLAIN-1  every line begins with "fault N: ", N counted from 1 in the order of traps, or with
 *                "stale: "
 *   I-EXPLAIN-2  an operation without a trap writes no line of the first kind
 */
#ifndef MAPWALK_VIEW_EXPLAIN_H
#define MAPWALK_VIEW_EXPLAIN_H

#include <mapwalk/event.h>
#include <stdbool.h>
#include <stdio.h>

#include "view/names.h"

/*
 * A miss, a skip, a PTE of each of five levels, its A/D update, the end of the walk, a fill of each
 * of two TLBs: 11 at most; and evictions. A large page may evict hundreds of small ones, of which
 * the first are told.
 */
#define EXPLAIN_PENDING   32
#define EXPLAIN_EVICTIONS 16

/* What explain_handle needs to see: all but hits, which would cost a call each and never trap. */
#define EXPLAIN_EVENTS MW_EVENTS_NO_HITS

enum explain_state { EXPLAIN_LOOKING, EXPLAIN_HANDLING, EXPLAIN_RETRYING, EXPLAIN_SIGNALLED };

struct explain {
    FILE *out;          /* not owned */
    struct names names; /* of files */
    enum explain_state state;
    uint64_t op;     /* of the events seen last */
    uint64_t faults; /* traps so far; the number of the fault being told */
    uint64_t va;     /* of its access */
    unsigned access;
    struct mw_event pending[EXPLAIN_PENDING]; /* translation under way, outcome not known yet */
    unsigned pending_count;
    unsigned evictions; /* of those pending */
    bool prefetching;   /* what comes is of no translation that anybody asked for */
};

/* A teller to `out`, which outlives it. Allocates nothing. */
void explain_init(struct explain *e, FILE *out, struct names names);

/* An mw_event_handler; `explain` is the struct. Errors stay in the stream. */
void explain_handle(void *explain, const struct mw_event *event);

/* After the last event: ends the fault under way. */
void explain_finish(struct explain *e);

#endif
