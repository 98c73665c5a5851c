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
 * R, as on RISC-V Linux.
 */
static inline uint64_t mm_rights(uint32_t prot)
{
    uint64_t rights = 0;

    if (prot & (PROT_READ | PROT_WRITE))
        rights |= PTE_R;
    if (prot & PROT_WRITE)
        rights |= PTE_W;
    if (prot & PROT_EXEC)
        rights |= PTE_X;
    return rights == 0 ? 0 : rights | PTE_U;
}

/* Page index in the file (or anonymous object) that va of the area shows. */
static inline uint64_t vma_index(const struct vma *v, vaddr_t va)
{
    return v->off_pages + ((va - v->start) >> PAGE_SHIFT);
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

/* Splits areas so that none crosses start or end. Pre: reserved 2. */
void mm_split_at(struct mm *mm, struct range r);

/*
 * Removes areas and pages of a range. Pre: page-aligned; room for two splits was reserved. Cannot
 * fail.
 */
void mm_unmap_range(struct mm *mm, struct range r);

/* May the map get `more` VMAs by splitting (vm.max_map_count)? */
bool mm_may_split(const struct mm *mm, struct range r);

/* A shared anonymous object of so many bytes, as a mapped file with one reference. -ENOMEM. */
MUST_CHECK int mm_shared_new(struct mm_env *env, uint64_t bytes, struct mapped_file **out);

/*
 * Faults in the pages of a range as MAP_POPULATE does; stops silently at the first that cannot be
 * had.
 */
void mm_populate(struct mm *mm, struct range r);

/* Tells listeners of an area. */
void mm_emit_vma(struct mm *mm, enum mw_event_kind kind, const struct vma *v);

#endif
