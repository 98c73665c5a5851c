/*
 * Private to mm: what its files share.
 */
#ifndef MAPWALK_MM_MM_PRIVATE_H
#define MAPWALK_MM_MM_PRIVATE_H

#include <sys/mman.h>

#include "mm/mm.h"

#define MM_PROT_BITS (PROT_READ | PROT_WRITE | PROT_EXEC)

/* Areas that grow down keep a gap of 256 pages below them (stack_guard_gap). */
#define MM_GUARD_BYTES (256 * PAGE_BYTES)

/*
 * What PTEs of an area with this protection may allow at most. W without R is reserved, so W brings
 * R, as on RISC-V Linux; a program of x86-64 may read what it may execute.
 */
static inline uint64_t mm_rights(const struct mm *mm, uint32_t prot)
{
    uint64_t rights = 0;

    if ((prot & (PROT_READ | PROT_WRITE)) || (prot != 0 && mm->env->config->isa == MW_ISA_X86_64))
        rights |= PTE_R;
    if (prot & PROT_WRITE)
        rights |= PTE_W;
    if (prot & PROT_EXEC)
        rights |= PTE_X;
    return rights == 0 ? 0 : rights | PTE_U;
}

/* A frame, if need be after dropping clean cache pages. NULL: there is none to be had. */
struct frame *mm_frame_alloc(struct mm_env *env, bool zeroed);

/*
 * Makes `pte` the leaf for va in the one installation function of pt, after reclaim if need be.
 * -ENOMEM.
 */
MUST_CHECK int mm_install(struct mm *mm, vaddr_t va, pte_t pte);

/*
 * Where the mapping goes, or -errno (mmap(2): ENOMEM, EINVAL, EPERM, EEXIST). `bytes` is rounded
 * already; file (NULL: anonymous) and offset decide how large mappings are aligned. (place.c)
 */
MUST_CHECK int64_t mm_place(const struct mm *mm, vaddr_t hint, uint64_t bytes, int flags,
                            const struct mapped_file *file, uint64_t off_bytes);

/* A mapping was made at r: policies that never go back remember it, unless it was named. */
void mm_note_place(struct mm *mm, vaddr_t hint, int flags, struct range r);

/* Areas that one range operation can add: a split at each end, and a new one. */
#define MM_RESERVE 3

/* ---- limits.c ---- */

/* May the address space get `pages` more of this kind (RLIMIT_AS, RLIMIT_DATA)? */
bool mm_may_expand(const struct mm *mm, uint32_t prot, uint32_t flags, uint64_t pages);

/* Does a new area of this kind count against the commit limit (accountable_mapping)? */
bool mm_accountable(uint32_t prot, uint32_t flags);

/* May `pages` more be committed (vm.overcommit_memory)? Asks only; totals count. */
bool mm_may_commit(const struct mm *mm, uint64_t pages);

/* May this process lock memory at all, and `bytes` more of it in an area with these flags? */
bool mm_may_lock(const struct mm *mm);
bool mm_may_lock_more(const struct mm *mm, uint32_t flags, uint64_t bytes);

/* ---- munmap.c ---- */

/*
 * The half of unmapping that can fail: splits areas so that none crosses a bound of r. -ENOMEM:
 * vm.max_map_count; -EPERM: a sealed area; -EINVAL: a huge page would be split. Splits that were done
 * stay, as in Linux. Pre: reserved 2.
 */
MUST_CHECK int mm_gather(struct mm *mm, struct range r);

/*
 * Removes areas and pages of a range. Pre: page-aligned; no area crosses its bounds, or room for
 * two splits was reserved. Cannot fail.
 */
void mm_unmap_range(struct mm *mm, struct range r);

/*
 * Unmaps the pages of v, and tells that v is unmapped. The caller gives its place to another area
 * at once.
 */
void mm_empty_area(struct mm *mm, const struct vma *v);

/* munmap(2) without the checks of its arguments, which lie in user space. Fails as mm_gather. */
MUST_CHECK int mm_unmap_checked(struct mm *mm, struct range r);

/* ---- guard.c ---- */

/*
 * Makes the pages of the range, which lies in one area, guards (MADV_GUARD_INSTALL); what they held
 * is lost. -ENOMEM: those before became guards.
 */
MUST_CHECK int mm_guard_install(struct mm *mm, struct range r);

/* Guards of the range are ordinary pages again. */
void mm_guard_remove(struct mm *mm, struct range r);

/* Makes guards in `to` where `from` has them, `distance` bytes further up. -ENOMEM: some are made. */
MUST_CHECK int mm_guard_copy(struct mm *to, const struct mm *from, struct range r,
                             uint64_t distance);

/* Recomputes I-MM-7. */
bool mm_guard_check(const struct mm *mm);

/* ---- fault_around.c ---- */

/*
 * Maps the pages around `page`, which a read fault on an area of a file is about to bring or has
 * brought, as far as they are cached and not mapped. `page` itself is left alone.
 */
void mm_fault_around(struct mm *mm, const struct vma *v, vaddr_t page);

/* Is the page of an area of a file one that fault-around would map: cached, and without a mark? */
bool mm_may_map_around(const struct vma *v, vaddr_t page);

/* Has pages read ahead that a fault on `page` of an area of a file makes probable. */
void mm_fault_ahead(const struct vma *v, vaddr_t page);

/* ---- huge.c ---- */

/* Older C libraries do not name them. */
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#define MAP_HUGE_MASK  0x3fu
#endif

/*
 * Why the area, of huge pages, cannot be mapped, told when the old mapping is gone: -EINVAL: its
 * offset; -ENOMEM: pages would have to be reserved. 0: it can.
 */
MUST_CHECK int mm_huge_refusal(const struct vma *model, int flags);

/* ---- others ---- */

/*
 * Moves the present pages of [from, from + bytes) to `to`, where no page is; the two do not
 * overlap. -ENOMEM: nothing was moved. (move.c)
 */
MUST_CHECK int mm_move_pages(struct mm *mm, vaddr_t from, vaddr_t to, uint64_t bytes);

/* Charges the object's pages against the commit limit until it goes. */
void mm_shared_account(struct mm_env *env, struct mapped_file *file);

/*
 * Faults in the pages of a range as MAP_POPULATE and mlock do: area by area, with a write where it
 * is private and writable. At what cannot be had: -EFAULT or -ENOMEM; with `ignore` it goes on with
 * the next area instead and returns 0.
 */
int mm_populate(struct mm *mm, struct range r, bool ignore);

/* Gives v, which is private, the history that its first write makes. */
void mm_start_history(struct mm *mm, struct vma *v);

/*
 * vma_set_change with the reserve before it. -ENOMEM; -EINVAL: a huge page would be split, but a first
 * split may have been done. *v becomes the area that covers the part.
 */
MUST_CHECK int mm_change(struct mm *mm, struct vma **v, const struct vma_change *change);

/* Tells listeners of an area. */
void mm_emit_vma(struct mm *mm, enum mw_event_kind kind, const struct vma *v);

#endif
