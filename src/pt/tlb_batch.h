/*
 * The TLB shootdown batch: unhook, invalidate, free.
 *
 * Whoever removes or downgrades a PTE *requires* one. It collects pages to invalidate and
 * references to drop. The flush sends one shootdown to the harts that ran the address space, and
 * only then drops the references, so that no TLB ever names a freed frame. A batch that fills up
 * flushes by itself and goes on.
 *
 *   I-BATCH-1  a reference is dropped only after every hart in ran_on has invalidated the page
 *   I-BATCH-2  after tlb_batch_finish the batch is empty
 */
#ifndef MAPWALK_PT_TLB_BATCH_H
#define MAPWALK_PT_TLB_BATCH_H

#include "frame/frame.h"
#include "pt/pt.h"

#define TLB_BATCH_PAGES  32  /* more pages than these: the whole ASID is flushed instead */
#define TLB_BATCH_FRAMES 256 /* references held back before the batch flushes by itself */

struct tlb_batch {
    struct pt *pt;
    uint32_t pages;  /* pages unhooked; only the first TLB_BATCH_PAGES are named in `page` */
    uint32_t frames; /* references to drop */
    vaddr_t page[TLB_BATCH_PAGES];
    struct frame *doomed[TLB_BATCH_FRAMES];
};

void tlb_batch_begin(struct tlb_batch *batch, struct pt *pt);

/* The valid PTE of va was removed or lost rights. */
void tlb_batch_add_page(struct tlb_batch *batch, vaddr_t va);

/* One reference of f is to be dropped after the next flush. */
void tlb_batch_add_frame(struct tlb_batch *batch, struct frame *f);

/*
 * Invalidates and frees now. The batch may be used on. Emits shootdown when there was a page to
 * invalidate.
 */
void tlb_batch_flush(struct tlb_batch *batch);

/* The last flush. Every path that began a batch ends here. */
void tlb_batch_finish(struct tlb_batch *batch);

#endif
