/*
 * Moving pages from one range of addresses to another, for mremap. Layer 6; knows no areas.
 *
 * All leaves are made at the new place first, each with a reference of its own, and only when none
 * can fail any more do the old ones go: failing leaves the address space as it was.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

#define MOVE_PAGES 512 /* looked at in one go: the leaves of one table */

/* The present leaves of one stretch of old addresses. */
struct move_stretch {
    unsigned count;
    struct {
        vaddr_t va;
        pte_t pte;
    } leaf[MOVE_PAGES];
};

/* The tables must not change while they are visited. */
static void move_note_leaf(void *context, vaddr_t va, pte_t pte)
{
    struct move_stretch *s = context;

    s->leaf[s->count].va = va;
    s->leaf[s->count++].pte = pte;
}

static int move_copy_stretch(struct mm *mm, const struct move_stretch *s, uint64_t distance)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct frame *frame = frame_get(frame_of(mm->env->frames, pte_paddr(s->leaf[i].pte)));
        int err = mm_install(mm, s->leaf[i].va + distance, s->leaf[i].pte);

        if (err != 0) {
            frame_put(mm->env->frames, frame);
            return err;
        }
    }
    return 0;
}

static void move_drop(struct mm *mm, vaddr_t start, uint64_t bytes)
{
    struct tlb_batch batch;

    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_UNMAP);
    pt_unmap_range(&mm->pt, (struct range){start, start + bytes}, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
}

int mm_move_pages(struct mm *mm, vaddr_t from, vaddr_t to, uint64_t bytes)
{
    struct move_stretch stretch;
    uint64_t part;

    for (uint64_t done = 0; done < bytes; done += part) {
        struct range r = {from + done, from + done};
        int err;

        part = bytes - done < MOVE_PAGES * PAGE_BYTES ? bytes - done : MOVE_PAGES * PAGE_BYTES;
        r.end += part;
        stretch.count = 0;
        pt_visit_range(&mm->pt, r, move_note_leaf, &stretch);
        err = move_copy_stretch(mm, &stretch, to - from);
        if (err == 0)
            err = mm_guard_copy(mm, mm, r, to - from);
        if (err != 0) {
            move_drop(mm, to, bytes);
            mm_guard_remove(mm, (struct range){to, to + bytes});
            return err;
        }
    }
    move_drop(mm, from, bytes);
    mm_uffd_drop_marks(mm, (struct range){from, from + bytes});
    mm_guard_remove(mm, (struct range){from, from + bytes});
    return 0;
}
