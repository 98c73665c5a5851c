/*
 * The one place that sends TLB shootdowns. Layer 5.
 *
 * Rule: unhook the entry, invalidate it on every hart that may have cached it, free what it named -
 * in this order. The cost is a fence for each page on each of these harts, and an interrupt for each
 * hart but the one that asks.
 */
#include "pt/tlb_batch.h"

void tlb_batch_begin(struct tlb_batch *batch, struct pt *pt, enum mw_fence site)
{
    batch->pt = pt;
    batch->site = site;
    batch->pages = 0;
    batch->frames = 0;
    batch->unhooked = false;
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

/* The frame comes first: making room for it may flush, and must not take the mark along. */
void tlb_batch_add_table(struct tlb_batch *batch, struct frame *table)
{
    tlb_batch_add_frame(batch, table);
    batch->unhooked = true;
}

/*
 * Fences one hart. One that has flushed all of an address space which it is not running cannot
 * cache any of it before it runs it again, and pt_activate will say so then.
 */
static void tlb_batch_fence(const struct tlb_batch *batch, unsigned hart)
{
    struct pt *pt = batch->pt;
    struct hart_set *set = pt->harts;
    bool tables = batch->unhooked && !hart_set_leaves_out(set, MW_FENCE_TABLE, hart);

    /* The whole address space goes for pointers' sake, or as the smaller harm. */
    if (!tables && batch->pages <= TLB_BATCH_PAGES) {
        for (uint32_t i = 0; i < batch->pages; i++)
            hart_set_fence(set, batch->site, hart, true, batch->page[i], true, pt->asid);
        return;
    }
    hart_set_fence(set, tables ? MW_FENCE_TABLE : batch->site, hart, false, 0, true, pt->asid);
    if (set->active[hart] != pt)
        pt->ran_on &= ~((uint64_t)1 << hart);
}

/*
 * Interrupts are for the harts that are not the running one, which asks. It waits for each of them, so
 * that all of it passes on the one clock.
 */
static void tlb_batch_shoot_down(struct tlb_batch *batch)
{
    struct pt *pt = batch->pt;
    struct hart_set *set = pt->harts;
    uint64_t ran_on = pt->ran_on;
    unsigned asking = pt->frames->bus->hart;
    uint64_t told = 0;

    /* After a rollover, or if it never ran, nothing can be reached under its ASID. */
    if (pt->asid_generation != set->asid_generation)
        return;
    for (unsigned i = 0; i < set->count; i++) {
        if (!(ran_on >> i & 1))
            continue;
        if (i != asking) {
            set->ipis++;
            clock_advance(set->clock, set->ipi_ns);
        }
        tlb_batch_fence(batch, i);
        told++;
    }
    if (told == 0)
        return;
    set->shootdowns++;
    event_emit(pt->frames->bus, MW_EVENT_SHOOTDOWN, pt->asid, batch->pages, told,
               batch->unhooked ? MW_FENCE_TABLE : batch->site);
}

void tlb_batch_flush(struct tlb_batch *batch)
{
    if (batch->pages > 0 || batch->unhooked)
        tlb_batch_shoot_down(batch);
    batch->pages = 0;
    batch->unhooked = false;
    for (uint32_t i = 0; i < batch->frames; i++)
        frame_put(batch->pt->frames, batch->doomed[i]);
    batch->frames = 0;
}

void tlb_batch_finish(struct tlb_batch *batch)
{
    tlb_batch_flush(batch);
}
