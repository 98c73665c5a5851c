/*
 * The one place that sends TLB shootdowns. Layer 5.
 *
 * Rule: unhook the entry, invalidate it on every hart that may have cached it, free what it named -
 * in this order.
 */
#include "pt/tlb_batch.h"

void tlb_batch_begin(struct tlb_batch *batch, struct pt *pt)
{
    batch->pt = pt;
    batch->pages = 0;
    batch->frames = 0;
}

void tlb_batch_add_page(struct tlb_batch *batch, vaddr_t va)
{
    if (batch->pages < TLB_BATCH_PAGES)
        batch->page[batch->pages] = va;
    batch->pages++;
}

void tlb_batch_add_frame(struct tlb_batch *batch, struct frame *f)
{
    if (batch->frames == TLB_BATCH_FRAMES)
        tlb_batch_flush(batch);
    batch->doomed[batch->frames++] = f;
}

/* Fences one hart: page by page while that is the smaller harm, else the whole address space. */
static void tlb_batch_fence(const struct tlb_batch *batch, struct hart *hart)
{
    const struct hart_set *set = batch->pt->harts;
    uint16_t asid = batch->pt->asid;

    if (batch->pages > TLB_BATCH_PAGES) {
        hart_sfence(hart, false, 0, true, asid);
        clock_advance(set->clock, set->flush_ns);
        return;
    }
    for (uint32_t i = 0; i < batch->pages; i++)
        hart_sfence(hart, true, batch->page[i], true, asid);
    clock_advance(set->clock, (uint64_t)set->flush_ns * batch->pages);
}

/*
 * Tells every hart that ran this address space; all but the first, which asks, cost an interrupt. /
 */
static void tlb_batch_shoot_down(struct tlb_batch *batch)
{
    struct pt *pt = batch->pt;
    struct hart_set *set = pt->harts;
    uint64_t told = 0;

    /* After a rollover, or if it never ran, nothing of it is cached anywhere. */
    if (pt->asid_generation != set->asid_generation)
        return;
    for (unsigned i = 0; i < set->count; i++) {
        if (!(pt->ran_on >> i & 1))
            continue;
        tlb_batch_fence(batch, &set->harts[i]);
        told++;
    }
    if (told > 1) {
        set->ipis += told - 1;
        clock_advance(set->clock, (told - 1) * set->ipi_ns);
    }
    set->shootdowns += told > 0;
    event_emit(pt->frames->bus, MW_EVENT_SHOOTDOWN, pt->asid, batch->pages, told);
}

void tlb_batch_flush(struct tlb_batch *batch)
{
    if (batch->pages > 0)
        tlb_batch_shoot_down(batch);
    batch->pages = 0;
    for (uint32_t i = 0; i < batch->frames; i++)
        frame_put(batch->pt->frames, batch->doomed[i]);
    batch->frames = 0;
}

void tlb_batch_finish(struct tlb_batch *batch)
{
    tlb_batch_flush(batch);
}
