/*
 * mmap, munmap, mprotect: areas first, then pages. Layer 6.
 *
 * Each call validates, reserves the memory it may need, then commits; from there on nothing can
 * fail. The order in which errors are found is Linux's (mmap(2), munmap(2), mprotect(2), as the
 * kernel checks them).
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* Areas that one range operation can add: a split at each end, and a new one. */
#define MM_RESERVE 3

/*
 * The largest file has 2^63 - 1 bytes: a mapping that ends past its last whole page is -EOVERFLOW.
 * /
 */
#define MM_OFFSET_PAGES_MAX (((uint64_t)1 << (63 - PAGE_SHIFT)) - 1)

void mm_split_at(struct mm *mm, struct range r)
{
    struct vma *first = vma_set_find(&mm->vmas, r.start);
    struct vma *last;

    if (first != NULL && first->start < r.start)
        vma_set_split(&mm->vmas, first, r.start);
    last = vma_set_find(&mm->vmas, r.end);
    if (last != NULL && last->start < r.end)
        vma_set_split(&mm->vmas, last, r.end);
}

/* Both ends of the range inside one area: cutting it out leaves one area more than before. */
bool mm_may_split(const struct mm *mm, struct range r)
{
    const struct vma *v;

    if (vma_set_count(&mm->vmas) < mm->env->config->max_map_count)
        return true;
    v = vma_set_find(&mm->vmas, r.start);
    return v == NULL || v->start >= r.start || v->end <= r.end;
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
        event_emit(mm->env->bus, MW_EVENT_VMA_UNMAP, v->start, v->end);
        /* Pages go before the area does: a page outside every area must never be seen. */
        pt_unmap_range(&mm->pt, (struct range){v->start, v->end}, &batch, NULL, NULL);
        tlb_batch_flush(&batch);
        vma_set_remove(&mm->vmas, v);
        v = next;
    }
    tlb_batch_finish(&batch);
}

/* munmap(2). */
int mm_munmap(struct mm *mm, vaddr_t start, uint64_t bytes)
{
    struct range r = {start, start + page_ceil(bytes)};
    int err;

    if (!page_aligned(start) || page_ceil(bytes) == 0 || start > mm->user_end ||
        page_ceil(bytes) > mm->user_end - start)
        return -EINVAL;
    if (!mm_may_split(mm, r))
        return -ENOMEM;
    err = vma_set_reserve(&mm->vmas, MM_RESERVE);
    if (err != 0)
        return err;
    mm_unmap_range(mm, r);
    return 0;
}

/* ---- mmap ---- */

/*
 * Are type and rights of the mapping allowed for this file? EACCES, EINVAL, EOPNOTSUPP as mmap(2)
 * says.
 */
static int mm_check_kind(int prot, int flags, const struct mapped_file *file)
{
    int type = flags & MAP_TYPE;

    if (type == MAP_SHARED_VALIDATE && file != NULL) {
        /* Not MAP_FIXED_NOREPLACE: it is younger than the list of flags that files support. */
        const int known = MAP_SHARED_VALIDATE | MAP_FIXED | MAP_POPULATE | MAP_NORESERVE |
                          MAP_NONBLOCK | MAP_STACK | MAP_LOCKED | MAP_GROWSDOWN | MAP_DENYWRITE |
                          MAP_EXECUTABLE;

        if (flags & ~known)
            return -EOPNOTSUPP;
        type = MAP_SHARED;
    }
    if (type != MAP_SHARED && type != MAP_PRIVATE)
        return -EINVAL;
    if (file == NULL)
        return 0;
    if (type == MAP_SHARED && (prot & PROT_WRITE) && !file->writable)
        return -EACCES;
    if (!file->readable)
        return -EACCES;
    return flags & MAP_GROWSDOWN ? -EINVAL : 0; /* only private anonymous memory is a stack */
}

/* The VMA_ flags that mmap flags and file ask for. */
static uint32_t mm_area_flags(int flags, const struct mapped_file *file)
{
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    uint32_t area = 0;

    if (shared)
        area |= VMA_SHARED;
    if (!shared || file->writable)
        area |= VMA_MAYWRITE;
    if (flags & MAP_GROWSDOWN)
        area |= VMA_GROWSDOWN;
    if (flags & MAP_NORESERVE)
        area |= VMA_NORESERVE;
    if (flags & MAP_STACK)
        area |= VMA_NOHUGEPAGE;
    return area;
}

/* The commit half of mmap: cannot fail any more. */
static void mm_map_area(struct mm *mm, const struct vma *model, int flags)
{
    struct range r = {model->start, model->end};

    if (flags & MAP_FIXED) /* any other place was found free */
        mm_unmap_range(mm, r);
    mm_emit_vma(mm, MW_EVENT_VMA_MAP, model);
    vma_set_add(&mm->vmas, model);
    if ((flags & MAP_POPULATE) && !(flags & MAP_NONBLOCK))
        mm_populate(mm, r);
}

/* All of mmap but the making of a shared anonymous object. */
static int64_t mm_mmap_object(struct mm *mm, vaddr_t hint, uint64_t bytes, int prot, int flags,
                              struct mapped_file *file, uint64_t off_pages)
{
    int64_t start = mm_place(mm, hint, bytes, flags, file, off_pages << PAGE_SHIFT);
    struct vma model;
    int err;

    if (start < 0)
        return start;
    if (file != NULL && off_pages + (bytes >> PAGE_SHIFT) > MM_OFFSET_PAGES_MAX)
        return -EOVERFLOW;
    err = mm_check_kind(prot, flags, file);
    if (err != 0)
        return err;
    model = (struct vma){.start = (vaddr_t)start,
                         .end = (vaddr_t)start + bytes,
                         .off_pages = file == NULL ? (uint64_t)start >> PAGE_SHIFT : off_pages,
                         .prot = (uint32_t)prot & MM_PROT_BITS,
                         .flags = mm_area_flags(flags, file),
                         .file = file};
    if (!mm_may_split(mm, (struct range){model.start, model.end}))
        return -ENOMEM;
    err = vma_set_reserve(&mm->vmas, MM_RESERVE);
    if (err != 0)
        return err;
    mm_map_area(mm, &model, flags);
    return start;
}

int64_t mm_mmap(struct mm *mm, vaddr_t hint, uint64_t bytes, int prot, int flags,
                struct mapped_file *file, uint64_t off_bytes)
{
    uint64_t off_pages = off_bytes >> PAGE_SHIFT;
    uint64_t rounded = page_ceil(bytes);
    struct mapped_file *shared;
    int64_t result;

    if (!page_aligned(off_bytes) || bytes == 0)
        return -EINVAL;
    if (rounded == 0)
        return -ENOMEM;
    if (vma_set_count(&mm->vmas) > mm->env->config->max_map_count)
        return -ENOMEM;
    if (file != NULL || (flags & MAP_TYPE) != MAP_SHARED)
        return mm_mmap_object(mm, hint, rounded, prot, flags, file, off_pages);
    /*
     * Shared anonymous memory lives in an object of its own, so that fork's copies show the same
     * pages.
     */
    result = mm_shared_new(mm->env, rounded, &shared);
    if (result != 0)
        return result;
    result = mm_mmap_object(mm, hint, rounded, prot, flags, shared, 0);
    mapped_file_put(shared);
    return result;
}

/* ---- mprotect ---- */

/* Gives one area, which lies wholly in the range being changed, its new rights. */
static struct vma *mm_protect_area(struct mm *mm, struct vma *v, uint32_t prot,
                                   struct tlb_batch *batch)
{
    struct range r = {v->start, v->end};

    event_emit(mm->env->bus, MW_EVENT_VMA_PROTECT, r.start, r.end, prot);
    v->prot = prot;
    pt_protect_range(&mm->pt, r, mm_rights(prot), batch, NULL, NULL);
    tlb_batch_flush(batch);
    return vma_set_merge(&mm->vmas, v);
}

/*
 * May `part` of v get other rights as far as vm.max_map_count is concerned? Each split needs room
 * below the limit; but a part that joins the neighbour it touches only moves the boundary between
 * the two.
 */
static bool mm_may_protect(const struct mm *mm, const struct vma *v, struct range part,
                           uint32_t prot)
{
    const struct vma *prev = vma_set_prev(&mm->vmas, v);
    const struct vma *next = vma_set_next(&mm->vmas, v);
    uint64_t splits = (uint64_t)(v->start < part.start) + (uint64_t)(v->end > part.end);
    struct vma changed = *v;

    if (splits == 0)
        return true;
    changed.start = part.start;
    changed.end = part.end;
    changed.off_pages = vma_index(v, part.start);
    changed.prot = prot;
    if ((prev != NULL && vma_mergeable(prev, &changed)) ||
        (next != NULL && vma_mergeable(&changed, next)))
        return true;
    return vma_set_count(&mm->vmas) + splits <= mm->env->config->max_map_count;
}

/*
 * The part of mprotect that goes area by area and stops at the first that will not: what came
 * before stays changed.
 */
static int mm_protect_range(struct mm *mm, struct range r, uint32_t prot, struct tlb_batch *batch)
{
    for (vaddr_t at = r.start; at < r.end;) {
        struct vma *v = vma_set_find(&mm->vmas, at);
        struct range part;
        int err;

        if (v == NULL)
            return -ENOMEM;
        part = (struct range){at, v->end < r.end ? v->end : r.end};
        at = part.end;
        if (v->prot == prot)
            continue;
        if ((prot & PROT_WRITE) && !(v->flags & VMA_MAYWRITE))
            return -EACCES;
        if (!mm_may_protect(mm, v, part, prot))
            return -ENOMEM;
        err = vma_set_reserve(&mm->vmas, MM_RESERVE);
        if (err != 0)
            return err;
        mm_split_at(mm, part);
        mm_protect_area(mm, vma_set_find(&mm->vmas, part.start), prot, batch);
    }
    return 0;
}

/* PROT_SEM of the kernel's interface, which glibc does not name: accepted, without effect. */
#define MM_PROT_SEM 0x8

/*
 * Where the change begins. With PROT_GROWSDOWN that is the bottom of the stack that the range
 * touches first; no area here grows up.
 */
static int mm_protect_start(const struct mm *mm, struct range *r, int grows)
{
    const struct vma *v = vma_set_find_above(&mm->vmas, r->start);

    if (v == NULL || v->start >= r->end)
        return -ENOMEM;
    if (grows == PROT_GROWSDOWN) {
        r->start = v->start;
        return v->flags & VMA_GROWSDOWN ? 0 : -EINVAL;
    }
    if (v->start > r->start)
        return -ENOMEM;
    return grows == 0 ? 0 : -EINVAL;
}

/* mprotect(2). */
int mm_mprotect(struct mm *mm, vaddr_t start, uint64_t bytes, int prot)
{
    const int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    struct range r = {start, start + page_ceil(bytes)};
    struct tlb_batch batch;
    int err;

    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !page_aligned(start))
        return -EINVAL;
    if (bytes == 0)
        return 0;
    if (r.end <= r.start)
        return -ENOMEM;
    if (prot & ~(MM_PROT_BITS | MM_PROT_SEM | grows))
        return -EINVAL;
    err = mm_protect_start(mm, &r, grows);
    if (err != 0)
        return err;
    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_PROTECT);
    err = mm_protect_range(mm, r, (uint32_t)prot & MM_PROT_BITS, &batch);
    tlb_batch_finish(&batch);
    return err;
}
