/*
 * mremap: shrinking, growing in place, moving, duplicating. Layer 6.
 *
 *      arguments say                             what happens
 *      new < old, not FIXED                      the tail is unmapped
 *      new = old, not FIXED or DONTUNMAP         nothing
 *      new > old, room behind the area           it grows in place
 *      new > old, no room, MAYMOVE               moved to where an mmap would land
 *      old = 0, shared, MAYMOVE                  a second view of the object
 *      FIXED, new = old                          every area of the range is moved, gaps are kept
 *      FIXED, new < old, new > old               one area is moved, after its tail is unmapped
 *      DONTUNMAP                                 its pages move, the area stays and is empty
 *
 * The order of checks, and what remains of a call that fails half-way, are Linux 6.18's
 * (mm/mremap.c): with FIXED the destination is unmapped before the place is found good, and areas
 * that were moved stay moved.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Areas that one move can add: the new one, two splits each at source and destination, a tail. */
#define MREMAP_RESERVE 8

/* One mremap, or the move of one area of several. Set up by mm_mremap, then changed step by step. */
struct remap {
    struct mm *mm;
    vaddr_t old;
    uint64_t old_bytes; /* of whole pages, as new_bytes */
    uint64_t new_bytes;
    int flags;
    vaddr_t target;  /* the new address: asked for, then found */
    struct vma *vma; /* the area at `old` */
};

/* FIXED and DONTUNMAP speak of a new address; else it is the kernel's choice. */
static bool remap_names_target(const struct remap *r)
{
    return (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0;
}

/* Bytes by which the length changes. */
static uint64_t remap_delta(const struct remap *r)
{
    return r->new_bytes > r->old_bytes ? r->new_bytes - r->old_bytes : r->old_bytes - r->new_bytes;
}

static bool remap_is_6_12(const struct remap *r)
{
    return r->mm->env->config->kernel == MW_KERNEL_6_12;
}

/* ---- checks ---- */

static bool remap_overlaps(const struct remap *r)
{
    return r->old + r->old_bytes > r->target && r->target + r->new_bytes > r->old;
}

/* What is wrong with a call that speaks of a new address. */
static int remap_check_target(const struct remap *r)
{
    if (r->target > r->mm->user_end - r->new_bytes || !page_aligned(r->target))
        return -EINVAL;
    if (!(r->flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && r->old_bytes != r->new_bytes)
        return -EINVAL;
    if (remap_overlaps(r))
        return -EINVAL;
    /* Two splits may come before the check that remap_move makes for its own. */
    return vma_set_count(&r->mm->vmas) + 2 + 3 >= r->mm->env->config->max_map_count ? -ENOMEM : 0;
}

static int remap_check_arguments(const struct remap *r)
{
    if (r->flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (!page_aligned(r->old) || r->new_bytes == 0 || r->new_bytes > r->mm->user_end)
        return -EINVAL;
    return remap_names_target(r) ? remap_check_target(r) : 0;
}

/* Lengths of huge pages are rounded up; they begin at multiples of their size, and never grow. */
static int remap_round_huge(struct remap *r)
{
    uint64_t mask = vma_huge_bytes(r->vma) - 1;

    r->old_bytes = (r->old_bytes + mask) & ~mask;
    r->new_bytes = (r->new_bytes + mask) & ~mask;
    if ((r->old & mask) || (remap_names_target(r) && (r->target & mask)))
        return -EINVAL;
    if (r->new_bytes > r->old_bytes || (r->flags & MREMAP_DONTUNMAP))
        return -EINVAL;
    return 0;
}

/*
 * May the area at `old` be grown or moved as asked? Its length to be kept is checked, too. Lengths
 * become those that the area's kind of pages has.
 */
static int remap_check_area(struct remap *r)
{
    const struct vma *v = r->vma;
    uint64_t kept;
    uint64_t grown;

    if (v == NULL)
        return -EFAULT;
    if (v->flags & VMA_SEALED)
        return -EPERM;
    if (vma_huge_bytes(v) != 0 && remap_round_huge(r) != 0)
        return -EINVAL;
    kept = r->old_bytes < r->new_bytes ? r->old_bytes : r->new_bytes;
    grown = r->new_bytes - kept;
    if (r->new_bytes <= r->old_bytes && !remap_names_target(r))
        return 0; /* what is cut off, or stays as it is, may well reach into other areas */
    if (r->old_bytes == 0 && !(v->flags & VMA_SHARED))
        return -EINVAL;
    if (kept > v->end - r->old)
        return -EFAULT;
    if (r->new_bytes <= r->old_bytes)
        return 0;
    if (vma_index(v, r->old) + (r->new_bytes >> PAGE_SHIFT) < vma_index(v, r->old))
        return -EINVAL;
    if (!mm_may_lock_more(r->mm, v->flags, grown))
        return -EAGAIN;
    return mm_may_expand(r->mm, v->prot, v->flags, grown >> PAGE_SHIFT) ? 0 : -ENOMEM;
}

/* May what the move or growth adds be committed? */
static bool remap_may_commit(const struct remap *r)
{
    uint64_t bytes = r->flags & MREMAP_DONTUNMAP ? r->new_bytes : remap_delta(r);

    return !(r->vma->flags & VMA_ACCOUNT) || mm_may_commit(r->mm, bytes >> PAGE_SHIFT);
}

/* ---- moving ---- */

/* Finds the place: the one that was named, or one that the kernel chooses. */
static int remap_place(struct remap *r)
{
    const struct vma *v = r->vma;
    int flags = (r->flags & MREMAP_FIXED ? MAP_FIXED : 0) |
                (v->flags & VMA_SHARED ? MAP_SHARED : MAP_PRIVATE);
    vaddr_t hint = remap_names_target(r) ? r->target : 0;
    int64_t at =
        mm_place(r->mm, hint, r->new_bytes, flags, v->file, vma_index(v, r->old) << PAGE_SHIFT);

    if (at < 0)
        return (int)at;
    r->target = (vaddr_t)at;
    return 0;
}

/*
 * The new area. Anonymous memory that was never written gets the offset that a fresh mapping would
 * have there, so that it can merge; written memory keeps its own.
 */
static struct vma *remap_add_area(const struct remap *r)
{
    struct vma model = *r->vma;

    model.start = r->target;
    model.end = r->target + r->new_bytes;
    model.off_pages = vma_index(r->vma, r->old);
    model.flags &= ~VMA_UFFD_BITS; /* no userfaultfd follows a move (mremap_userfaultfd_prep) */
    if (vma_is_anonymous(&model) && model.history == 0)
        model.off_pages = r->target >> PAGE_SHIFT;
    mm_emit_vma(r->mm, MW_EVENT_VMA_MAP, &model);
    return vma_set_add(&r->mm->vmas, &model, VMA_MERGE_BOTH);
}

/*
 * The source stays, without pages. Linux clears the lock of the whole area, whatever part of it was
 * moved, and goes on counting its pages as locked; the history goes if all of it was moved.
 */
static void remap_leave_source(const struct remap *r, const struct vma *moved)
{
    struct vma *v = vma_set_find(&r->mm->vmas, r->old);

    if (v->flags & VMA_LOCKED)
        r->mm->locked_stray += vma_pages(v);
    vma_set_reflag(&r->mm->vmas, v, v->prot, v->flags & ~VMA_LOCK_BITS, v->name);
    if (v != moved && v->start == r->old && v->end == r->old + r->old_bytes)
        v->history = 0;
}

/* Moves area and pages to the place that was found. */
static int remap_move(const struct remap *r)
{
    struct mm *mm = r->mm;
    const struct vma *moved;
    int err;

    if (vma_set_count(&mm->vmas) + 3 >= mm->env->config->max_map_count || !remap_may_commit(r))
        return -ENOMEM;
    err = mm_move_pages(mm, r->old, r->target, r->old_bytes);
    if (err != 0)
        return err;
    moved = remap_add_area(r);
    mm_note_place(mm, remap_names_target(r) ? r->target : 0, 0,
                  (struct range){r->target, r->target + r->new_bytes});
    if (r->flags & MREMAP_DONTUNMAP)
        remap_leave_source(r, moved);
    else if (r->old_bytes > 0)
        mm_unmap_range(mm, (struct range){r->old, r->old + r->old_bytes});
    return 0;
}

/* Unmaps the tail beyond the new length. The area at `old` is looked up anew. */
static int remap_shrink(struct remap *r)
{
    int err = mm_munmap(r->mm, r->old + r->new_bytes, r->old_bytes - r->new_bytes);

    r->vma = vma_set_find(&r->mm->vmas, r->old);
    if (err != 0)
        return err;
    return r->vma == NULL ? -EFAULT : 0;
}

/* The move of one area that speaks of a new address. */
static int remap_to_target(struct remap *r)
{
    int err = 0;

    if (r->flags & MREMAP_FIXED) {
        err = mm_munmap(r->mm, r->target, r->new_bytes);
        r->vma = vma_set_find(&r->mm->vmas, r->old);
        if (err == 0 && r->vma == NULL) /* a duplicate that was to replace its source */
            err = -EFAULT;
    }
    if (err == 0 && r->new_bytes < r->old_bytes) {
        err = remap_shrink(r);
        r->old_bytes = r->new_bytes;
    }
    if (err != 0)
        return err;
    if ((r->flags & MREMAP_DONTUNMAP) &&
        !mm_may_expand(r->mm, r->vma->prot, r->vma->flags, r->old_bytes >> PAGE_SHIFT))
        return -ENOMEM;
    err = remap_place(r);
    return err != 0 ? err : remap_move(r);
}

/* ---- growing ---- */

/* Ends the range where its area ends, and is there room behind it? */
static bool remap_fits_in_place(const struct remap *r)
{
    const struct vma *v = r->vma;
    uint64_t delta = r->new_bytes - r->old_bytes;

    if (v->end - r->old != r->old_bytes || delta > r->mm->user_end - v->end)
        return false;
    return vma_set_count_in(&r->mm->vmas, (struct range){v->end, v->end + delta}, 1) == 0;
}

static int remap_expand(struct remap *r)
{
    int err;

    if (!remap_fits_in_place(r)) {
        if (!(r->flags & MREMAP_MAYMOVE))
            return -ENOMEM;
        err = remap_place(r);
        return err != 0 ? err : remap_move(r);
    }
    if (!remap_may_commit(r))
        return -ENOMEM;
    r->target = r->old;
    vma_set_grow(&r->mm->vmas, r->vma, r->old + r->new_bytes);
    event_emit(r->mm->env->bus, MW_EVENT_VMA_GROW, r->vma->start, r->vma->end);
    return 0;
}

/* ---- as 6.12 does it ---- */

/* What 6.12 asks before it looks for the area. */
static int remap_check_arguments_6_12(const struct remap *r)
{
    bool may_move = (r->flags & MREMAP_MAYMOVE) != 0;

    if (r->flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (remap_names_target(r) && !may_move)
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && r->old_bytes != r->new_bytes)
        return -EINVAL;
    return !page_aligned(r->old) || r->new_bytes == 0 ? -EINVAL : 0;
}

/*
 * The target is emptied and the tail is cut off before the source is looked at (mremap_to): a call
 * that fails then has unmapped both.
 */
static int remap_to_target_6_12(struct remap *r)
{
    int err = r->new_bytes > r->mm->user_end ? -EINVAL : remap_check_target(r);

    if (err == 0 && (r->flags & MREMAP_FIXED))
        err = mm_munmap(r->mm, r->target, r->new_bytes);
    if (err == 0 && r->new_bytes < r->old_bytes) {
        err = mm_munmap(r->mm, r->old + r->new_bytes, r->old_bytes - r->new_bytes);
        r->old_bytes = r->new_bytes;
    }
    if (err != 0)
        return err;
    r->vma = vma_set_find(&r->mm->vmas, r->old);
    err = remap_check_area(r);
    if (err != 0)
        return err;
    if ((r->flags & MREMAP_DONTUNMAP) &&
        !mm_may_expand(r->mm, r->vma->prot, r->vma->flags, r->old_bytes >> PAGE_SHIFT))
        return -ENOMEM;
    err = remap_place(r);
    return err != 0 ? err : remap_move(r);
}

/* Does the call of 6.12 fail before anything is done? One area only, whatever is asked. */
static int remap_check_6_12(struct remap *r)
{
    int err = remap_check_arguments_6_12(r);
    const struct vma *v = vma_set_find(&r->mm->vmas, r->old);

    if (err != 0)
        return err;
    if (v == NULL)
        return -EFAULT;
    return v->flags & VMA_SEALED ? -EPERM : 0;
}

/* ---- the call ---- */

/* One area: check, act, and fill in what grew if it is locked. The new address, or -errno. */
static int64_t remap_one(struct remap *r)
{
    uint64_t old_bytes;
    bool locked;
    int err = vma_set_reserve(&r->mm->vmas, MREMAP_RESERVE);

    if (err != 0)
        return err;
    r->vma = vma_set_find(&r->mm->vmas, r->old);
    if (!remap_is_6_12(r) || !remap_names_target(r))
        err = remap_check_area(r);
    if (err != 0)
        return err;
    old_bytes = r->old_bytes;
    locked = (r->vma->flags & VMA_LOCKED) != 0;
    if (remap_names_target(r) && remap_is_6_12(r))
        err = remap_to_target_6_12(r);
    else if (remap_names_target(r))
        err = remap_to_target(r);
    else if (r->new_bytes > r->old_bytes)
        err = remap_expand(r);
    else if (r->new_bytes < r->old_bytes)
        err = remap_shrink(r);
    if (err != 0)
        return err;
    if (!remap_names_target(r) && r->new_bytes <= old_bytes)
        return (int64_t)r->old;
    if (locked && r->new_bytes > old_bytes)
        mm_populate(r->mm, (struct range){r->target + old_bytes, r->target + r->new_bytes}, true);
    return (int64_t)r->target;
}

/* May an area be one of several that are moved at once (vma_multi_allowed)? */
static bool remap_goes_along(const struct vma *v)
{
    return v->file == NULL || v->file->ops == NULL || !v->file->ops->moves_alone;
}

/*
 * A plain move may span areas: each is moved by itself, and the gaps between them are kept. What
 * fails leaves those before it moved. There must be an area where the range begins.
 */
static int64_t remap_all(const struct remap *all)
{
    struct vma_set *set = &all->mm->vmas;
    vaddr_t end = all->old + all->old_bytes;
    struct vma *v = vma_set_find_above(set, all->old);

    if (v == NULL || v->start > all->old)
        return -EFAULT;
    for (vaddr_t at = all->old; v != NULL && v->start < end && at < end;) {
        struct remap r = *all;
        int64_t result;

        if (!remap_goes_along(v) && (v->start > all->old || v->end < end || at != all->old))
            return -EFAULT;
        r.old = v->start > at ? v->start : at;
        r.old_bytes = (v->end < end ? v->end : end) - r.old;
        at = v->end; /* afterwards this area and its copy may be one */
        r.new_bytes = r.old_bytes;
        r.target = all->target + (r.old - all->old);
        result = remap_one(&r);
        if (result < 0)
            return result;
        v = vma_set_find_above(set, at);
    }
    return (int64_t)all->target;
}

int64_t mm_mremap(struct mm *mm, vaddr_t old, uint64_t old_bytes, uint64_t new_bytes, int flags,
                  vaddr_t new_addr)
{
    struct remap r = {.mm = mm,
                      .old = old,
                      .old_bytes = page_ceil(old_bytes),
                      .new_bytes = page_ceil(new_bytes),
                      .flags = flags,
                      .target = new_addr};
    int err = remap_is_6_12(&r) ? remap_check_6_12(&r) : remap_check_arguments(&r);

    if (err != 0)
        return err;
    if (!remap_is_6_12(&r) && (flags & MREMAP_FIXED) && r.old_bytes == r.new_bytes)
        return remap_all(&r);
    return remap_one(&r);
}
