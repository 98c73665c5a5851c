/*
 * The sentences of explain: each function writes the lines for one part of a fault's story.
 *
 * Layer 9, view; a part of explain only. It decides nothing: which part is told when is
 * explain.c's. Page-table entries are shown by mw_pte_format; what an entry was to the walker (next
 * table, leaf, refused) is seen from what the walker did next, so that no bit of an entry is known
 * here.
 */
#ifndef MAPWALK_VIEW_EXPLAIN_SAY_H
#define MAPWALK_VIEW_EXPLAIN_SAY_H

#include "view/explain.h"

/* Who accesses what: the first line of a fault. `trap` is its MW_EVENT_TRAP. */
void explain_say_access(struct explain *e, const struct mw_event *trap);

/*
 * The pending translation: TLB miss, each level of the walk, its end. `tag` ("" or "retry: ")
 * follows the prefix.
 */
void explain_say_translation(struct explain *e, const char *tag);

/* The exception and why the walker raised it. */
void explain_say_trap(struct explain *e, const struct mw_event *trap);

/* One event of the handling: VMA, decision, frames, cache, device, PTE, shootdown. */
void explain_say_action(struct explain *e, const struct mw_event *event);

/* What became of the fault. */
void explain_say_outcome(struct explain *e, const struct mw_event *fault_end);
void explain_say_signal(struct explain *e, const struct mw_event *signal);

/* How the retry of the repaired access ended: TLB filled, already there, trapped again. */
void explain_say_done(struct explain *e);
void explain_say_retry_hit(struct explain *e);
void explain_say_retry_traps(struct explain *e);

/* A stale_* event: lines of its own kind, as what it tells need not be part of any fault. */
void explain_say_stale(struct explain *e, const struct mw_event *event);

#endif
