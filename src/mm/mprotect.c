/*
 * mprotect: area by area, up to the first that will not. Layer 6.
 *
 * What came before stays changed. Each area is checked in Linux's order: rights, seal, limits,
 * split.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* PROT_SEM of the kernel's interface, which glibc does not name: accepted, without effect. */
#define MM_PROT_SEM 0x8

/*
 * The flags of an area that gets the rights `prot`, or -errno. Private memory that becomes writable
 * is charged, and stays so when it becomes read-only again, unless it was never written.
 */
static int64_t mm_protect_flags(const struct mm *mm, const struct vma *v, struct range part,
                                uint32_t prot)
{
    uint64_t pages = range_bytes(part) >> PAGE_SHIFT;
    uint32_t flags = v->flags;

    if (!(prot & PROT_WRITE)) {
        if (vma_is_anonymous(v) && v->history == 0)
            flags &= ~VMA_ACCOUNT;
        return flags;
    }
    /* Only what this change brings about is refused: not for a limit that is exceeded already. */
    if (!mm_may_expand(mm, prot, flags, pages) && mm_may_expand(mm, v->prot, flags, pages))
        return -ENOMEM;
    if (!(v->prot & PROT_WRITE) && !(flags & VMA_ACCOUNT) && mm_accountable(prot, flags)) {
        if (!mm_may_commit(mm, pages))
            return -ENOMEM;
        flags |= VMA_ACCOUNT;
    }
    return flags;
}

/* Gives a part of one area its new rights. */
static int mm_protect_part(struct mm *mm, struct vma *v, struct range part, uint32_t prot)
{
    struct vma_change change = {.range = part, .prot = prot, .name = v->name};
    uint32_t old_prot = v->prot;
    uint32_t old_flags = v->flags;
    struct tlb_batch batch;
    int64_t flags;
    int err;

    if (v->flags & VMA_SEALED)
        return -EPERM;
    if (old_prot == prot)
        return 0;
    flags = mm_protect_flags(mm, v, part, prot);
    if (flags < 0)
        return (int)flags;
    change.flags = (uint32_t)flags;
    err = mm_change(mm, &v, &change);
    if (err != 0)
        return err;
    event_emit(mm->env->bus, MW_EVENT_VMA_PROTECT, part.start, part.end, prot);
    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_PROTECT);
    pt_protect_range(&mm->pt, part, mm_rights(mm, prot), &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    /* Locked memory must not fault: its copies are made when it becomes writable. */
    if ((old_flags & (VMA_LOCKED | VMA_SHARED)) == VMA_LOCKED && !(old_prot & PROT_WRITE) &&
        (prot & PROT_WRITE))
        mm_populate(mm, part, true);
    return 0;
}

static int mm_protect_range(struct mm *mm, struct range r, uint32_t prot)
{
    for (vaddr_t at = r.start; at < r.end;) {
        struct vma *v = vma_set_find(&mm->vmas, at);
        struct range part;
        int err;

        if (v == NULL)
            return -ENOMEM;
        part = (struct range){at, v->end < r.end ? v->end : r.end};
        if ((prot & PROT_WRITE) && !(v->flags & VMA_MAYWRITE))
            return -EACCES;
        err = mm_protect_part(mm, v, part, prot);
        if (err != 0)
            return err;
        at = part.end;
    }
    return 0;
}

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
    return err != 0 ? err : mm_protect_range(mm, r, (uint32_t)prot & MM_PROT_BITS);
}
