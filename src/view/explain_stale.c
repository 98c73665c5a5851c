/*
 * What explain says of a missing fence. See explain_say.h.
 *
 * Layer 9. A finding is three events: the use, the change that it did not hear of, and the fence that
 * should have told it. Each is told by itself, in one line or with the PTEs below each other, so that
 * bits can be compared by eye.
 */
#include <inttypes.h>
#include <mapwalk/tlb.h>

#include "view/explain_say.h"

#define STALE_PTE_BYTES 32 /* of mw_pte_format's text */

/* A PTE under a heading that has the same width as the others of its event. */
static void explain_stale_pte(struct explain *e, const char *heading, uint64_t pte)
{
    char text[STALE_PTE_BYTES];

    mw_pte_format(pte, text, sizeof(text));
    fprintf(e->out, "stale: %s %s\n", heading, text);
}

static void explain_stale_use(struct explain *e, const struct mw_event *use)
{
    const uint64_t *arg = use->arg;

    fprintf(e->out,
            "stale: pid %u on hart %u, %s at 0x%" PRIx64 ", ASID %" PRIu64 " (operation %" PRIu64
            ", %" PRIu64 " ns): translated by what %s still holds\n",
            use->pid, use->hart, mw_access_name((unsigned)arg[1]), arg[0], arg[3], use->op,
            use->time_ns, mw_tlb_name((unsigned)arg[2]));
    explain_stale_pte(e, "the PTE that is cached:   ", arg[6]);
    explain_stale_pte(e, "the PTE that a walk finds:", arg[7]);
    fprintf(e->out, "stale: %s: %s\n", mw_stale_name((unsigned)arg[4]),
            mw_stale_text((unsigned)arg[4]));
    fprintf(e->out, "stale: lost: %s: %s\n", mw_loss_name((unsigned)arg[5]),
            mw_loss_text((unsigned)arg[5]));
}

/* Without a PTE it was satp that changed, and the values are roots. */
static void explain_stale_change(struct explain *e, const struct mw_event *change)
{
    const uint64_t *arg = change->arg;

    fprintf(e->out,
            "stale: changed by pid %" PRIu64 " on hart %" PRIu64 " (operation %" PRIu64
            "), between %" PRIu64 " and %" PRIu64 " ns: ",
            arg[4], arg[3], arg[5], arg[6], arg[7]);
    if (arg[0] == 0) {
        fprintf(e->out, "satp, from root 0x%" PRIx64 " to 0x%" PRIx64 " for the same ASID\n",
                arg[1], arg[2]);
        return;
    }
    fprintf(e->out, "the PTE at 0x%" PRIx64 "\n", arg[0]);
    explain_stale_pte(e, "before", arg[1]);
    explain_stale_pte(e, "after ", arg[2]);
}

/* As an assembler takes it: x0 stands for "all". */
static void explain_stale_fence(struct explain *e, const struct mw_event *fence)
{
    const uint64_t *arg = fence->arg;

    fputs("stale: missing fence: sfence.vma ", e->out);
    if (arg[1] != 0)
        fprintf(e->out, "0x%" PRIx64 ", ", arg[2]);
    else
        fputs("x0, ", e->out);
    if (arg[3] != 0)
        fprintf(e->out, "%" PRIu64, arg[4]);
    else
        fputs("x0", e->out);
    fprintf(e->out, " on hart %u (%s: %s)\n", fence->hart, mw_fence_name((unsigned)arg[0]),
            mw_fence_text((unsigned)arg[0]));
}

void explain_say_stale(struct explain *e, const struct mw_event *event)
{
    if (event->kind == MW_EVENT_STALE_USE)
        explain_stale_use(e, event);
    else if (event->kind == MW_EVENT_STALE_CHANGE)
        explain_stale_change(e, event);
    else
        explain_stale_fence(e, event);
}
