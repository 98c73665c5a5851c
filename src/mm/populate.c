/*
 * Pages before they are touched: MAP_POPULATE, mlock, and what a log does not say. Layer 6.
 */
#include <signal.h>

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

/* Is nothing left to do for this page? A page that is to be written must be the process's own. */
static bool mm_populated(const struct mm *mm, vaddr_t va, enum mw_access access)
{
    pte_t pte = pt_lookup(&mm->pt, va, NULL);

    return pte_present(pte) && (access != MW_STORE || pte_has(pte, PTE_V | PTE_W));
}

/* The part of one area: -EFAULT or -ENOMEM at the first page that cannot be had. */
static int mm_populate_area(struct mm *mm, const struct vma *v, struct range r)
{
    struct trap trap = {.va = r.start};

    if (v->flags & VMA_LOCKONFAULT)
        return 0;
    if (!mm_populate_access(v, &trap.access))
        return -EFAULT;
    for (; trap.va < r.end; trap.va += PAGE_BYTES) {
        int signal = mm_populated(mm, trap.va, trap.access) ? 0 : mm_fault(mm, &trap).signal;

        if (signal != 0)
            return signal == SIGKILL ? -ENOMEM : -EFAULT;
    }
    return 0;
}

int mm_populate(struct mm *mm, struct range r, bool ignore)
{
    for (vaddr_t at = r.start; at < r.end;) {
        const struct vma *v = vma_set_find_above(&mm->vmas, at);
        struct range part;
        int err;

        if (v == NULL || v->start >= r.end)
            break;
        part.start = at > v->start ? at : v->start;
        part.end = v->end < r.end ? v->end : r.end;
        err = mm_populate_area(mm, v, part);
        if (err != 0 && !ignore)
            return err;
        at = part.end;
    }
    return 0;
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
    vma_set_add(&mm->vmas, &model, VMA_MERGE_BOTH);
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
