/*
 * msync(2). Layer 6.
 */
#include "cache/writeback.h"
#include "mm/mm.h"
#include "mm/mm_private.h"

/*
 * Writes back what one area shows of [r), and the metadata without which it could not be found
 * again (as fdatasync does). Private and anonymous areas have nothing to write.
 */
static int mm_sync_area(const struct vma *v, struct range r)
{
    vaddr_t start = v->start > r.start ? v->start : r.start;
    vaddr_t end = v->end < r.end ? v->end : r.end;

    if (vma_is_anonymous(v) || !vma_shares_writes(v))
        return 0;
    return cache_fsync(v->file->map, vma_index(v, start), vma_index(v, end), &v->file->error_seen,
                       CACHE_DATA_ONLY);
}

/* MS_ASYNC starts nothing, as Linux since 2.6.19: the pages are tagged dirty already. */
int mm_msync(struct mm *mm, vaddr_t start, uint64_t bytes, int flags)
{
    struct range r = {start, start + page_ceil(bytes)};
    int holes = 0;

    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || !page_aligned(start) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC)))
        return -EINVAL;
    if (r.end < r.start) /* a length that rounds up to 2^64 counts as 0, as in Linux */
        return -ENOMEM;
    for (vaddr_t at = r.start; at < r.end;) {
        const struct vma *v = vma_set_find_above(&mm->vmas, at);
        int err = 0;

        if (v == NULL || v->start >= r.end)
            return -ENOMEM;
        if (v->start > at) {
            holes = -ENOMEM;
            if (flags == MS_ASYNC)
                return holes;
        }
        if ((flags & MS_INVALIDATE) && (v->flags & VMA_LOCKED))
            return -EBUSY;
        at = v->end;
        if (flags & MS_SYNC)
            err = mm_sync_area(v, r);
        if (err != 0)
            return err;
    }
    return holes;
}
