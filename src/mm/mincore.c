/*
 * mincore: which pages could be had without a device. Layer 6; changes nothing.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* A page that is not mapped is in core when the cache of its file has it. */
static bool mincore_page(const struct mm *mm, const struct vma *v, vaddr_t va)
{
    if (pte_present(pt_lookup(&mm->pt, va, NULL)))
        return true;
    return !vma_is_anonymous(v) && cache_in_core(v->file->map, vma_index(v, va));
}

int64_t mm_mincore(const struct mm *mm, vaddr_t start, uint64_t pages, uint8_t *out)
{
    const struct vma *v = vma_set_find(&mm->vmas, start);
    uint64_t room;

    if (v == NULL)
        return -ENOMEM;
    room = (v->end - start) >> PAGE_SHIFT;
    if (pages > room)
        pages = room;
    for (uint64_t i = 0; i < pages; i++)
        out[i] = mincore_page(mm, v, start + (i << PAGE_SHIFT));
    return (int64_t)pages;
}
