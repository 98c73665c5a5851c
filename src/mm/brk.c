/*
 * The heap: brk(2) as the kernel does it. Layer 6.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* Is the room for the new end free, with a page beyond it and a stack's guard gap beyond that? */
static bool mm_brk_room(const struct mm *mm, vaddr_t start, vaddr_t end)
{
    const struct vma *above = vma_set_find_above(&mm->vmas, start);

    if (above == NULL || above->start >= end + PAGE_BYTES + MM_GUARD_BYTES)
        return true;
    if (above->flags & VMA_GROWSDOWN)
        return false;
    return above->start >= end + PAGE_BYTES;
}

/* RLIMIT_DATA by the bytes of the heap itself, also those in its last page. */
static bool mm_brk_allowed(const struct mm *mm, vaddr_t end)
{
    uint64_t limit = mm->limits.data_bytes;

    return limit == MW_UNLIMITED || end - mm->brk_start <= limit;
}

/*
 * The heap joins the area that ends where it begins, if that is the heap: what ends at or below the
 * first break is not. The area after it is never joined (do_brk_flags).
 */
static void mm_brk_add(struct mm *mm, const struct vma *model)
{
    const struct vma *prev = vma_set_prev(&mm->vmas, model);

    mm_emit_vma(mm, MW_EVENT_VMA_MAP, model);
    if (prev != NULL && prev->end == model->start && prev->end > mm->brk_start)
        vma_set_add(&mm->vmas, model, VMA_MERGE_BEFORE);
    else
        vma_set_insert(&mm->vmas, model);
}

/* Maps [start, end) as heap: anonymous, private, read and write. */
static int mm_brk_grow(struct mm *mm, vaddr_t start, vaddr_t end)
{
    const struct vma model = {.start = start,
                              .end = end,
                              .off_pages = start >> PAGE_SHIFT,
                              .prot = PROT_READ | PROT_WRITE,
                              .flags = VMA_MAYWRITE | VMA_ACCOUNT | mm->new_flags};
    uint64_t pages = vma_pages(&model);
    int err;

    if (end > mm->user_end || !mm_may_lock_more(mm, model.flags, end - start))
        return -EAGAIN;
    if (!mm_brk_room(mm, start, end) || !mm_may_expand(mm, model.prot, model.flags, pages))
        return -ENOMEM;
    if (vma_set_count(&mm->vmas) > mm->env->config->max_map_count || !mm_may_commit(mm, pages))
        return -ENOMEM;
    err = vma_set_reserve(&mm->vmas, 1);
    if (err != 0)
        return err;
    mm_brk_add(mm, &model);
    if (mm->new_flags & VMA_LOCKED)
        mm_populate(mm, (struct range){start, end}, true);
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

    if (end < mm->brk_start || end > mm->user_end - PAGE_BYTES || !mm_brk_allowed(mm, end))
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
