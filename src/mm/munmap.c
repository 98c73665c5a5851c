/*
 * munmap: areas first, then pages. Layer 6.
 *
 * Linux splits at both ends before it unmaps anything, and a split that was made is not undone when
 * unmapping, or what was to be mapped instead, then fails: two areas remain where one was.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

/*
 * Both ends inside one area: cutting the range out leaves one area more than before, for which
 * there must be room. In any other case a split too many is made up for by what goes.
 */
static bool mm_cuts_hole(const struct vma *v, struct range r)
{
    return v->start < r.start && r.end < v->end;
}

int mm_gather(struct mm *mm, struct range r)
{
    struct vma *v = vma_set_find_above(&mm->vmas, r.start);

    if (v == NULL || v->start >= r.end)
        return 0;
    if (mm_cuts_hole(v, r) && vma_set_count(&mm->vmas) >= mm->env->config->max_map_count)
        return -ENOMEM;
    if (v->start < r.start && (v->flags & VMA_SEALED))
        return -EPERM;
    if (v->start < r.start && !vma_may_split(v, r.start))
        return -EINVAL;
    if (v->start < r.start)
        v = vma_set_split(&mm->vmas, v, r.start);
    for (; v != NULL && v->start < r.end; v = vma_set_next(&mm->vmas, v)) {
        if (v->flags & VMA_SEALED)
            return -EPERM;
        if (v->end > r.end && !vma_may_split(v, r.end))
            return -EINVAL;
        if (v->end > r.end)
            vma_set_split(&mm->vmas, v, r.end);
    }
    return 0;
}

/* Pages go before the area does: a page outside every area must never be seen. */
static void mm_unmap_pages(struct mm *mm, const struct vma *v, struct tlb_batch *batch)
{
    struct range r = {v->start, v->end};

    event_emit(mm->env->bus, MW_EVENT_VMA_UNMAP, r.start, r.end);
    pt_unmap_range(&mm->pt, r, batch, NULL, NULL);
    tlb_batch_flush(batch);
    mm_uffd_drop_marks(mm, r);
    mm_guard_remove(mm, r);
}

void mm_empty_area(struct mm *mm, const struct vma *v)
{
    struct tlb_batch batch;

    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_UNMAP);
    mm_unmap_pages(mm, v, &batch);
    tlb_batch_finish(&batch);
}

void mm_unmap_range(struct mm *mm, struct range r)
{
    struct tlb_batch batch;
    struct vma *v = vma_set_find_above(&mm->vmas, r.start);

    if (v == NULL || v->start >= r.end)
        return;
    if (v->start < r.start)
        v = vma_set_split(&mm->vmas, v, r.start);
    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_UNMAP);
    while (v != NULL && v->start < r.end) {
        struct vma *next;

        if (v->end > r.end)
            vma_set_split(&mm->vmas, v, r.end);
        next = v->end < r.end ? vma_set_next(&mm->vmas, v) : NULL;
        mm_unmap_pages(mm, v, &batch);
        vma_set_remove(&mm->vmas, v);
        v = next;
    }
    tlb_batch_finish(&batch);
}

int mm_unmap_checked(struct mm *mm, struct range r)
{
    int err = vma_set_reserve(&mm->vmas, MM_RESERVE);

    if (err == 0)
        err = mm_gather(mm, r);
    if (err == 0)
        mm_unmap_range(mm, r);
    return err;
}

/* munmap(2). */
int mm_munmap(struct mm *mm, vaddr_t start, uint64_t bytes)
{
    if (!page_aligned(start) || page_ceil(bytes) == 0 || start > mm->user_end ||
        page_ceil(bytes) > mm->user_end - start)
        return -EINVAL;
    return mm_unmap_checked(mm, (struct range){start, start + page_ceil(bytes)});
}
