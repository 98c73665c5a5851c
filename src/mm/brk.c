/*
 * The heap: brk(2) as the kernel does it. Layer 6.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* Maps [start, end) as heap: anonymous, private, read and write. */
static int mm_brk_grow(struct mm *mm, vaddr_t start, vaddr_t end)
{
    const struct vma model = {.start = start,
                              .end = end,
                              .off_pages = start >> PAGE_SHIFT,
                              .prot = PROT_READ | PROT_WRITE,
                              .flags = VMA_MAYWRITE};
    const struct vma *above = vma_set_find_above(&mm->vmas, start);
    int err;

    /*
     * One page more than asked for must be free, and a stack above keeps its guard gap beyond that.
     * /
     */
    if (above != NULL && above->start < end + PAGE_BYTES)
        return -ENOMEM;
    if (above != NULL && (above->flags & VMA_GROWSDOWN) &&
        above->start - (end + PAGE_BYTES) < MM_GUARD_BYTES)
        return -ENOMEM;
    if (vma_set_count(&mm->vmas) > mm->env->config->max_map_count)
        return -ENOMEM;
    err = vma_set_reserve(&mm->vmas, 1);
    if (err != 0)
        return err;
    mm_emit_vma(mm, MW_EVENT_VMA_MAP, &model);
    vma_set_add(&mm->vmas, &model);
    return 0;
}

/*
 * Unmaps [start, end), the tail of the heap. Refused when the program has unmapped all of it
 * already.
 */
static int mm_brk_shrink(struct mm *mm, vaddr_t start, vaddr_t end)
{
    if (vma_set_count_in(&mm->vmas, (struct range){start, end}, 1) == 0)
        return -EINVAL;
    return mm_munmap(mm, start, end - start);
}

vaddr_t mm_brk(struct mm *mm, vaddr_t end)
{
    vaddr_t old_page = page_ceil(mm->brk_end);
    vaddr_t new_page = page_ceil(end);

    if (end < mm->brk_start || end > mm->user_end - PAGE_BYTES)
        return mm->brk_end;
    if (new_page < old_page) {
        if (mm_brk_shrink(mm, new_page, old_page) != 0)
            return mm->brk_end;
    } else if (new_page > old_page && mm_brk_grow(mm, old_page, new_page) != 0) {
        return mm->brk_end;
    }
    event_emit(mm->env->bus, MW_EVENT_BRK, mm->brk_end, end);
    mm->brk_end = end;
    return end;
}
