/*
 * The TLB shootdown batch: unhook, invalidate, free.
 *
 * Whoever removes or downgrades a PTE *requires* one. It collects pages to invalidate and
 * references to drop. The flush sends one shootdown to the harts that ran the address space, and
 * only then drops the references, so that no TLB ever names a freed frame. A batch that fills up
 * flushes by itself and goes on.
 *
 * A fence with an address orders leaf PTEs only, so a page table that was taken out of the tree
 * takes one without: harts may have cached the pointer to it, and would go on walking a frame that
 * is somebody else's by then.
 *
 *   I-BATCH-1  a reference is dropped only after every hart in ran_on has invalidated the page, and
 *              that of a table only after it has forgotten the pointers of the address space
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
    enum mw_fence site; /* what its pages are fenced for; tables have a site of their own */
    uint32_t pages;     /* pages unhooked; only the first TLB_BATCH_PAGES are named in `page` */
    uint32_t frames;    /* references to drop */
    bool unhooked;      /* a table was taken out: the whole ASID is flushed, pointers too */
    vaddr_t page[TLB_BATCH_PAGES];
    struct frame *doomed[TLB_BATCH_FRAMES];
};

/*
 * An empty batch for one address space. `site` is why: the PTE changes and fences that it collects
 * are told and recorded as this one's.
 */
void tlb_batch_begin(struct tlb_batch *batch, struct pt *pt, enum mw_fence site);

/* The valid PTE of va was removed or lost rights. */
void tlb_batch_add_page(struct tlb_batch *batch, vaddr_t va);

/* One reference of f is to be dropped after the next flush. */
void tlb_batch_add_frame(struct tlb_batch *batch, struct frame *f);

/* A pointer PTE was removed: its table's reference is to be dropped after the next flush. */
void tlb_batch_add_table(struct tlb_batch *batch, struct frame *table);

/*
 * Invalidates and frees now. The batch may be used on. Harts that do not run the address space and
 * that have flushed all of it are not told again. Emits shootdown when there was something to
 * invalidate.
 */
void tlb_batch_flush(struct tlb_batch *batch);

/* The last flush. Every path that began a batch ends here. */
void tlb_batch_finish(struct tlb_batch *batch);

#endif
