/*
 * What a userfaultfd(2) does to an address space. Layer 6; knows neither queues nor who waits.
 *
 * A registration is a property of areas: three mode bits and the number of the userfaultfd are
 * among the area's flags, so that areas split, merge and are inherited by the usual rules. mm_fault
 * stops at a registered page and says so in its outcome (mm_outcome.uffd); the kernel tells the
 * owner, who answers with one of the functions below. Errors are those of ioctl_userfaultfd(2), in
 * Linux's order.
 *
 *   I-MM-6  a page that is marked write-protected is present, not writable, and lies in a private
 *           anonymous area with VMA_UFFD_WP
 */
#ifndef MAPWALK_MM_UFFD_H
#define MAPWALK_MM_UFFD_H

#include "mm/mm.h"

#define VMA_UFFD_MISSING MW_VMA_UFFD_MISSING
#define VMA_UFFD_WP      MW_VMA_UFFD_WP
#define VMA_UFFD_MINOR   MW_VMA_UFFD_MINOR
#define VMA_UFFD_MODES   (VMA_UFFD_MISSING | VMA_UFFD_WP | VMA_UFFD_MINOR)
#define VMA_UFFD_NUMBER  (~(uint32_t)0 << MW_VMA_UFFD_SHIFT)
#define VMA_UFFD_BITS    (VMA_UFFD_MODES | VMA_UFFD_NUMBER)
#define MM_UFFD_MOST     (~(uint32_t)0 >> MW_VMA_UFFD_SHIFT) /* the highest number */

/* The userfaultfd that an area is registered with; 0: none. */
static inline uint32_t vma_uffd(const struct vma *v)
{
    return v->flags >> MW_VMA_UFFD_SHIFT;
}

/*
 * Registers all areas of the range with userfaultfd `number` (1..MM_UFFD_MOST) for `modes`
 * (VMA_UFFD_MODES, not none). -EINVAL: there is no area, or one of a kind that cannot be; -EPERM: a
 * shared one that may not be written; -EBUSY: one has another userfaultfd; -ENOMEM: a part may have
 * been registered.
 */
MUST_CHECK int mm_uffd_register(struct mm *mm, struct range r, uint32_t number, uint32_t modes);

/*
 * Takes the registration of the range away; write-protection goes with it. -EINVAL: there is no
 * area, one of a kind that cannot be registered, or one of another userfaultfd; -ENOMEM.
 */
MUST_CHECK int mm_uffd_unregister(struct mm *mm, struct range r, uint32_t number);

/* The userfaultfd is gone: the whole address space forgets it. */
void mm_uffd_forget(struct mm *mm, uint32_t number);

/* Who fills pages, and so what kind of area they must lie in. */
enum mm_uffd_fill { MM_UFFD_COPY, MM_UFFD_ZERO, MM_UFFD_CONTINUE };

/*
 * May pages of the range be filled so? -ENOENT: the range is not within one registered area;
 * -EINVAL: the area is not of that kind, or `protect` was not registered for.
 */
MUST_CHECK int mm_uffd_may_fill(const struct mm *mm, struct range r, enum mm_uffd_fill fill,
                                bool protect);

/*
 * Fills the page at va: with `bytes` (COPY: a whole page), with zeros (ZERO: bytes NULL), or with
 * what the object has there (CONTINUE). `protect`: it is write-protected at once. -EEXIST: there is
 * a page; -EFAULT: beyond the end of the object, or (CONTINUE) the object has no page there;
 * -ENOMEM. Pre: mm_uffd_may_fill.
 */
MUST_CHECK int mm_uffd_fill(struct mm *mm, vaddr_t va, enum mm_uffd_fill fill, const uint8_t *bytes,
                            bool protect);

/*
 * Write-protects the pages of the range that are there, or takes that back. -ENOENT: some of it was
 * not registered for that; -ENOMEM. What came before stays done.
 */
MUST_CHECK int mm_uffd_protect(struct mm *mm, struct range r, bool on);

/* Forgets marks of pages that go. */
void mm_uffd_drop_marks(struct mm *mm, struct range r);

/* Is the page marked write-protected? */
bool mm_uffd_is_marked(const struct mm *mm, vaddr_t page);

/* Recomputes I-MM-6. */
bool mm_uffd_check(const struct mm *mm);

#endif
