/*
 * Explain: every page fault told step by step, in plain text.
 *
 * Layer 9, view. A sink of events. What happened before a trap (the TLB miss and the walk) is kept
 * in a small fixed buffer until it is known whether the access traps; everything after the trap is
 * written as it comes. So memory is constant, however much one fault sets in motion.
 *
 *   looking --trap--> handling --fault_end: repaired--> retrying --tlb_fill--> looking
 *                         \--fault_end: signal--> signalled --signal--> looking
 *
 *   I-EXPLAIN-1  every line begins with "fault N: ", N counted from 1 in the order of traps
 *   I-EXPLAIN-2  an operation without a trap writes nothing
 */
#ifndef MAPWALK_VIEW_EXPLAIN_H
#define MAPWALK_VIEW_EXPLAIN_H

#include <mapwalk/event.h>
#include <stdio.h>

#include "view/names.h"

/*
 * A miss, a PTE of each of five levels, its A/D update, the end of the walk, an eviction, a fill:
 * 10 at most.
 */
#define EXPLAIN_PENDING 12

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
};

/* A teller to `out`, which outlives it. Allocates nothing. */
void explain_init(struct explain *e, FILE *out, struct names names);

/* An mw_event_handler; `explain` is the struct. Errors stay in the stream. */
void explain_handle(void *explain, const struct mw_event *event);

/* After the last event: ends the fault under way. */
void explain_finish(struct explain *e);

#endif
