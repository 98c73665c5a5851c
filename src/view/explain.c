/*
 * Explain: which events belong to a fault, and in which order its story is told. See explain.h for
 * the states; explain_say.c has the sentences.
 */
#include "view/explain.h"

#include <mapwalk/tlb.h>

#include "view/explain_say.h"

void explain_init(struct explain *e, FILE *out, struct names names)
{
    *e = (struct explain){.out = out, .names = names};
}

/*
 * Is this one of the events of a translation, which are told only when the access turns out to
 * trap?
 */
static bool explain_translates(unsigned kind)
{
    return kind == MW_EVENT_TLB_MISS || kind == MW_EVENT_TLB_L2_HIT || kind == MW_EVENT_WALK_SKIP ||
           kind == MW_EVENT_WALK_STEP || kind == MW_EVENT_WALK_END || kind == MW_EVENT_PTE_AD ||
           kind == MW_EVENT_TLB_EVICT || kind == MW_EVENT_TLB_FILL || kind == MW_EVENT_TLB_PREFETCH;
}

static bool explain_is_stale(unsigned kind)
{
    return kind == MW_EVENT_STALE_USE || kind == MW_EVENT_STALE_CHANGE ||
           kind == MW_EVENT_STALE_FENCE;
}

static void explain_forget(struct explain *e)
{
    e->pending_count = 0;
    e->evictions = 0;
    e->prefetching = false;
}

/*
 * The translation under way, if there is one, succeeded: its entry is in the first level, the next
 * one begins, or its operation is over. With it ends the retry of a repaired access.
 */
static void explain_complete(struct explain *e)
{
    if (e->state == EXPLAIN_RETRYING && e->pending_count > 0) {
        explain_say_translation(e, "retry: ");
        explain_say_done(e);
        e->state = EXPLAIN_LOOKING;
    }
    explain_forget(e);
}

/* A new operation began (or the run ended): nothing more will come of the fault under way. */
static void explain_close(struct explain *e)
{
    explain_complete(e);
    if (e->state == EXPLAIN_RETRYING)
        explain_say_retry_hit(e);
    e->state = EXPLAIN_LOOKING;
}

/* Keeps an event of the translation under way. */
static void explain_translate(struct explain *e, const struct mw_event *event)
{
    if (event->kind == MW_EVENT_TLB_MISS)
        explain_complete(e);
    e->prefetching = e->prefetching || event->kind == MW_EVENT_TLB_PREFETCH;
    if (e->prefetching || e->pending_count == EXPLAIN_PENDING)
        return;
    if (event->kind == MW_EVENT_TLB_EVICT && ++e->evictions > EXPLAIN_EVICTIONS)
        return;
    e->pending[e->pending_count++] = *event;
    if (event->kind == MW_EVENT_TLB_FILL &&
        (event->arg[6] == MW_TLB_L1D || event->arg[6] == MW_TLB_L1I))
        explain_complete(e);
}

/* A trap: from here on there is a story. What led to it waits in `pending`. */
static void explain_trap(struct explain *e, const struct mw_event *event)
{
    if (e->state == EXPLAIN_RETRYING)
        explain_say_retry_traps(e);
    e->faults++;
    e->va = event->arg[0];
    e->access = (unsigned)event->arg[1];
    e->state = EXPLAIN_HANDLING;
    explain_say_access(e, event);
    explain_say_translation(e, "");
    explain_say_trap(e, event);
    explain_forget(e);
}

/* With a signal the access is over; without one the hart tries it again, in the same operation. */
static void explain_fault_end(struct explain *e, const struct mw_event *event)
{
    explain_say_outcome(e, event);
    e->state = event->arg[3] == 0 && event->arg[1] != MW_REASON_WOULD_BLOCK ? EXPLAIN_RETRYING
                                                                            : EXPLAIN_SIGNALLED;
}

void explain_handle(void *explain, const struct mw_event *event)
{
    struct explain *e = explain;

    /*
     * The kernel may send the signal after it has closed the operation, so this comes before the
     * change of it.
     */
    if (event->kind == MW_EVENT_SIGNAL && e->state == EXPLAIN_SIGNALLED) {
        explain_say_signal(e, event);
        e->state = EXPLAIN_LOOKING;
        return;
    }
    /*
     * Operations do not nest and do not interleave, so a new number says that the old one is
     * complete.
     */
    if (event->op != e->op) {
        explain_close(e);
        e->op = event->op;
    }
    if (explain_is_stale(event->kind))
        explain_say_stale(e, event);
    else if (event->kind == MW_EVENT_TRAP)
        explain_trap(e, event);
    else if (event->kind == MW_EVENT_FAULT_END && e->state == EXPLAIN_HANDLING)
        explain_fault_end(e, event);
    else if (e->state == EXPLAIN_HANDLING)
        explain_say_action(e, event);
    else if (explain_translates(event->kind))
        explain_translate(e, event);
}

void explain_finish(struct explain *e)
{
    explain_close(e);
}
