/*
 * mlock, mlock2, munlock, mlockall, munlockall, mseal: flags of areas, and pages fetched ahead.
 * Layer 6.
 *
 * Nothing here is ever evicted from an address space, so a locked page needs no mark: a lock is a
 * flag that counts against RLIMIT_MEMLOCK, that merging heeds, and that madvise, msync and mremap
 * ask for. Errors and what remains of a call that fails are Linux's (mm/mlock.c, mm/mseal.c).
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* The kernel's values, which C libraries declare with other types or not at all. */
#define LOCK_ON_FAULT     1 /* MLOCK_ONFAULT */
#define LOCK_ALL_ON_FAULT 4 /* MCL_ONFAULT */

/*
 * A part of one area gets other flags; its rights stay. *v becomes the area that covers it. What is
 * to be dropped under pressure takes no lock, nor do huge pages.
 */
static int lock_change_part(struct mm *mm, struct vma **v, struct range part, uint32_t flags)
{
    const struct vma_change change = {
        .range = part, .prot = (*v)->prot, .flags = flags, .name = (*v)->name};

    bool never = (flags & VMA_DROPPABLE) || vma_huge_bytes(*v) != 0;
    bool no_lock = never && (((*v)->flags ^ flags) & VMA_LOCK_BITS);

    if ((*v)->flags == flags || no_lock)
        return 0;
    return mm_change(mm, v, &change);
}

/*
 * Area by area, up to the first hole (-ENOMEM): clears and sets flags. What came before stays
 * changed.
 */
static int lock_change_range(struct mm *mm, struct range r, uint32_t clear, uint32_t set)
{
    if (r.end < r.start)
        return -EINVAL;
    for (vaddr_t at = r.start; at < r.end;) {
        struct vma *v = vma_set_find(&mm->vmas, at);
        struct range part;
        int err;

        if (v == NULL)
            return -ENOMEM;
        part = (struct range){at, v->end < r.end ? v->end : r.end};
        err = lock_change_part(mm, &v, part, (v->flags & ~clear) | set);
        if (err != 0)
            return err;
        at = part.end;
    }
    return 0;
}

/* The pages that a range touches, however it lies; an end beyond 2^64 wraps, as in Linux. */
static struct range lock_range(vaddr_t start, uint64_t bytes)
{
    vaddr_t first = page_floor(start);

    return (struct range){first, first + page_ceil(bytes + (start & PAGE_MASK))};
}

/* Would locking the range exceed RLIMIT_MEMLOCK? What is locked in it already counts once. */
static bool lock_fits(const struct mm *mm, struct range r)
{
    uint64_t limit = mm->limits.memlock_bytes >> PAGE_SHIFT;
    uint64_t pages = (range_bytes(r) >> PAGE_SHIFT) + mm_locked_pages(mm);

    if (mm->env->config->privileged || pages <= limit)
        return true;
    if (r.end > r.start)
        pages -= vma_set_totals_in(&mm->vmas, r).locked;
    return pages <= limit;
}

/* mlock2(2). */
int mm_mlock(struct mm *mm, vaddr_t start, uint64_t bytes, int flags)
{
    struct range r = lock_range(start, bytes);
    uint32_t locks = VMA_LOCKED | (flags & LOCK_ON_FAULT ? VMA_LOCKONFAULT : 0);
    int err;

    if (flags & ~LOCK_ON_FAULT)
        return -EINVAL;
    if (!mm_may_lock(mm))
        return -EPERM;
    if (!lock_fits(mm, r))
        return -ENOMEM;
    err = lock_change_range(mm, r, VMA_LOCK_BITS, locks);
    if (err != 0)
        return err;
    /* What cannot be read is locked all the same, but the caller is told (POSIX: ENOMEM, EAGAIN). */
    err = mm_populate(mm, r, false);
    if (err == -EFAULT)
        return -ENOMEM;
    return err == -ENOMEM ? -EAGAIN : err;
}

int mm_munlock(struct mm *mm, vaddr_t start, uint64_t bytes)
{
    return lock_change_range(mm, lock_range(start, bytes), VMA_LOCK_BITS, 0);
}

/* All areas there are; an area that cannot be changed is passed over. */
static void lock_change_all(struct mm *mm, uint32_t locks)
{
    for (struct vma *v = vma_set_find_above(&mm->vmas, 0); v != NULL;
         v = vma_set_next(&mm->vmas, v)) {
        struct range all = {v->start, v->end};

        /* A whole area needs no split, so nothing but our own memory can fail. */
        if (lock_change_part(mm, &v, all, (v->flags & ~VMA_LOCK_BITS) | locks) != 0)
            continue;
    }
}

/* mlockall(2). */
int mm_mlockall(struct mm *mm, int flags)
{
    uint32_t locks = VMA_LOCKED | (flags & LOCK_ALL_ON_FAULT ? VMA_LOCKONFAULT : 0);

    if (flags == 0 || flags == LOCK_ALL_ON_FAULT ||
        (flags & ~(MCL_CURRENT | MCL_FUTURE | LOCK_ALL_ON_FAULT)))
        return -EINVAL;
    if (!mm_may_lock(mm))
        return -EPERM;
    if ((flags & MCL_CURRENT) && !mm->env->config->privileged &&
        mm->vmas.totals.pages > mm->limits.memlock_bytes >> PAGE_SHIFT)
        return -ENOMEM;
    mm->new_flags = flags & MCL_FUTURE ? locks : 0;
    if (!(flags & MCL_CURRENT))
        return 0;
    lock_change_all(mm, locks);
    mm_populate(mm, (struct range){0, mm->user_end}, true);
    return 0;
}

int mm_munlockall(struct mm *mm)
{
    mm->new_flags = 0;
    lock_change_all(mm, 0);
    return 0;
}

/* ---- seals ---- */

static bool seal_meets_hole(const struct mm *mm, struct range r)
{
    for (vaddr_t at = r.start; at < r.end;) {
        const struct vma *v = vma_set_find(&mm->vmas, at);

        if (v == NULL)
            return true;
        at = v->end;
    }
    return false;
}

/* mseal(2): holes are looked for first, so that they leave nothing half sealed. */
int mm_mseal(struct mm *mm, vaddr_t start, uint64_t bytes, uint64_t flags)
{
    struct range r = {start, start + page_ceil(bytes)};

    if (flags != 0 || !page_aligned(start) || (bytes != 0 && page_ceil(bytes) == 0) ||
        r.end < r.start)
        return -EINVAL;
    if (seal_meets_hole(mm, r))
        return -ENOMEM;
    return lock_change_range(mm, r, 0, VMA_SEALED);
}
