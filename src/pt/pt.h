/*
 * The page-table editor: one address space's tables, and the one place where PTEs are installed.
 *
 * Layer 5. Tables are frames owned by TABLE; a table whose last entry goes is freed through the
 * batch. Leaves are 4 KiB pages. Knows PTEs, frames and TLBs; knows no VMA: what an entry should
 * allow, the caller says.
 *
 * A present entry (valid or parked) holds one reference of its frame. Installing takes over the
 * caller's reference; removing hands it to the batch, which drops it after no TLB can name the
 * frame.
 *
 *   I-PT-1  frame.live of a table is the number of its non-zero entries; only the root may be empty
 *   I-PT-2  `leaves` and `tables` are what a scan of the tables counts
 *   I-PT-3  every frame a present leaf names is in use
 */
#ifndef MAPWALK_PT_PT_H
#define MAPWALK_PT_PT_H

#include "frame/frame.h"
#include "hw/hart.h"
#include "pt/harts.h"

struct tlb_batch;

struct pt {
    struct frame_table *frames;
    struct hart_set *harts;
    struct frame *root;
    enum mw_mode mode;
    uint64_t leaves; /* present leaves */
    uint64_t tables; /* table frames, the root too */
    uint64_t ran_on; /* bit per hart that may cache translations of this address space; means
                        something while asid_generation is the current one */
    uint64_t asid_generation;
    uint16_t asid;
};

/* An empty address space: just a root table. frames and harts outlive it. -ENOMEM. */
MUST_CHECK int pt_init(struct pt *pt, struct frame_table *frames, struct hart_set *harts,
                       enum mw_mode mode);

/*
 * Frees the root, and no hart runs this any more. Pre: no leaves (pt_unmap_range of everything came
 * before, and its batch was flushed).
 */
void pt_destroy(struct pt *pt);

/*
 * Makes this the address space of a hart: assigns an ASID when it has none of this generation,
 * writes satp, flushes if ASIDs do not tell this one from others. Nothing happens when the hart runs
 * it already.
 */
void pt_activate(struct pt *pt, struct hart *hart);

/*
 * The leaf entry for va, pte_none() when there is none. *address, when not NULL, is where it lies
 * (if non-zero).
 */
pte_t pt_lookup(const struct pt *pt, vaddr_t va, paddr_t *address);

/*
 * THE installation function: makes `pte` (present) the leaf for va, taking over the caller's
 * reference of its frame. A present entry that was there is removed through the batch. Makes
 * missing tables. Emits pte_set, table_alloc. -ENOMEM: nothing changed but perhaps empty-handed
 * tables, which were undone; the caller keeps its reference.
 */
MUST_CHECK int pt_install(struct pt *pt, vaddr_t va, pte_t pte, struct tlb_batch *batch);

/*
 * What the page of va shows when it shows nothing yet: a present leaf with a reference of its frame,
 * which becomes the table's; or pte_none(). It must not change the tables.
 */
typedef pte_t pt_source(void *context, vaddr_t va);

/*
 * Asks `source` for every page of the range that has no leaf, and installs what it gives: how many.
 * Pre: the range lies in one leaf table, which is made when it is missing; when it cannot be made,
 * nobody is asked. Emits pte_set, table_alloc.
 */
uint64_t pt_install_absent(struct pt *pt, struct range r, pt_source *source, void *context,
                           struct tlb_batch *batch);

/* Called for each present leaf, in ascending order. It must not change the tables. */
typedef void pt_visitor(void *context, vaddr_t va, pte_t pte);

/*
 * Removes all present leaves in the range, telling `visit` (may be NULL) each old entry: harvest D
 * there.
 */
void pt_unmap_range(struct pt *pt, struct range r, struct tlb_batch *batch, pt_visitor *visit,
                    void *context);

/* Is this leaf to go? */
typedef bool pt_chooser(void *context, pte_t pte);

/* Removes those present leaves in the range that are chosen. */
void pt_unmap_chosen(struct pt *pt, struct range r, struct tlb_batch *batch, pt_chooser *choose,
                     void *context);

/*
 * Gives all present leaves in the range the rights (PTE_R, W, X, U; none of R, W, X: parked). W is
 * given only to entries that had it: write permission is otherwise the fault handler's to give.
 * `visit` sees the old entries.
 */
void pt_protect_range(struct pt *pt, struct range r, uint64_t rights, struct tlb_batch *batch,
                      pt_visitor *visit, void *context);

/*
 * Takes a reference of every frame present in the range and makes the same leaves in `to`, where
 * the range is empty. With `cow`, write permission is removed in both (batch is of `from`). A and D
 * are copied. -ENOMEM: `to` holds a part, which the caller unmaps.
 */
MUST_CHECK int pt_copy_range(struct pt *to, struct pt *from, struct range r, bool cow,
                             struct tlb_batch *batch);

/* Removes D from all present leaves in the range; W stays. */
void pt_forget_dirty(struct pt *pt, struct range r, struct tlb_batch *batch);

/*
 * Removes W and D from all present leaves in the range: on return of the batch's flush no TLB allows
 * a store to any of them. True when some D was set.
 */
bool pt_clean(struct pt *pt, struct range r, struct tlb_batch *batch);

/* Calls visit for every present leaf in the range. */
void pt_visit_range(const struct pt *pt, struct range r, pt_visitor *visit, void *context);

/* Recomputes I-PT-1..3 by scanning the tables. */
bool pt_check(const struct pt *pt);

#endif
