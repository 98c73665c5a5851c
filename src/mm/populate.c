/*
 * Pages before they are touched: MAP_POPULATE, and what a log does not say. Layer 6.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/*
 * As Linux populates: with a write where the area is private and writable, so that its pages are
 * its own; else with a read, or a fetch where only that is allowed. PROT_NONE is left alone.
 */
static bool mm_populate_access(const struct vma *v, enum mw_access *access)
{
    if ((v->prot & PROT_WRITE) && !(v->flags & VMA_SHARED))
        *access = MW_STORE;
    else if (v->prot & (PROT_READ | PROT_WRITE))
        *access = MW_LOAD;
    else if (v->prot & PROT_EXEC)
        *access = MW_FETCH;
    else
        return false;
    return true;
}

void mm_populate(struct mm *mm, struct range r)
{
    for (vaddr_t va = r.start; va < r.end; va += PAGE_BYTES) {
        const struct vma *v = vma_set_find(&mm->vmas, va);
        struct trap trap = {.va = va};

        if (v == NULL || !mm_populate_access(v, &trap.access))
            return;
        if (pte_present(pt_lookup(&mm->pt, va, NULL)))
            continue;
        if (mm_fault(mm, &trap).signal != 0)
            return;
    }
}

/* Maps one hole as an implicit area. */
static int mm_fill_hole(struct mm *mm, struct range r, uint32_t prot, uint32_t flags)
{
    const struct vma model = {.start = r.start,
                              .end = r.end,
                              .off_pages = r.start >> PAGE_SHIFT,
                              .prot = prot,
                              .flags = flags | VMA_IMPLICIT | VMA_MAYWRITE};
    int err = vma_set_reserve(&mm->vmas, 1);

    if (err != 0)
        return err;
    vma_set_add(&mm->vmas, &model);
    mm->env->stats.implicit_maps++;
    mm->env->stats.implicit_pages += range_bytes(r) >> PAGE_SHIFT;
    event_emit(mm->env->bus, MW_EVENT_VMA_IMPLICIT, r.start, r.end, prot);
    return 0;
}

int mm_map_implicit(struct mm *mm, vaddr_t start, vaddr_t end, int prot, unsigned vma_flags)
{
    if (start >= end || end > mm->user_end || start < mm->env->config->mmap_min_addr)
        return -EINVAL;
    for (vaddr_t at = start; at < end;) {
        const struct vma *v = vma_set_find_above(&mm->vmas, at);
        vaddr_t hole_end = v == NULL || v->start > end ? end : v->start;
        vaddr_t next = v == NULL ? end : v->end;

        if (at < hole_end) {
            int err = mm_fill_hole(mm, (struct range){at, hole_end}, (uint32_t)prot & MM_PROT_BITS,
                                   vma_flags);

            if (err != 0)
                return err;
        }
        at = next;
    }
    return 0;
}
