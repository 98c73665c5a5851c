/*
 * Virtual memory areas and the set of them that an address space has.
 *
 * The set is an interval map from [start, end) to VMA. It keeps areas disjoint and page-aligned,
 * splits and merges them, and finds gaps. It knows no page tables: what happens to pages, mm
 * decides.
 *
 *   I-VMA-1  areas are disjoint, non-empty, page-aligned; the index and the areas' own bounds agree
 *   I-VMA-2  no two neighbours could be merged (vma_mergeable): operations merge what they made so
 *   I-VMA-3  an area of a file holds one reference of it and is linked in the file map's mappers
 */
#ifndef MAPWALK_MM_VMA_H
#define MAPWALK_MM_VMA_H

#include <mapwalk/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/imap.h"
#include "base/list.h"
#include "base/pool.h"
#include "mm/mapped_file.h"

/* Properties of an area beside its PROT_ bits: the bits that events show (MW_VMA_*). */
#define VMA_SHARED     MW_VMA_SHARED
#define VMA_GROWSDOWN  MW_VMA_GROWSDOWN
#define VMA_IMPLICIT   MW_VMA_IMPLICIT
#define VMA_MAYWRITE   MW_VMA_MAYWRITE
#define VMA_NORESERVE  MW_VMA_NORESERVE
#define VMA_NOHUGEPAGE MW_VMA_NOHUGEPAGE

struct mm;

struct vma {
    vaddr_t start;
    vaddr_t end;
    uint64_t off_pages; /* offset of start in the file; of anonymous private areas: their birth
                           address in pages */
    uint32_t prot;      /* PROT_READ | PROT_WRITE | PROT_EXEC */
    uint32_t flags;     /* VMA_* */
    struct mapped_file *file; /* NULL: anonymous */
    struct mm *mm;
    struct list link; /* in file->map->mappers */
};

struct vma_set {
    struct imap index;
    struct pool *pool; /* of struct vma; shared by all sets of a machine */
    struct mm *mm;
    uint64_t stacks; /* areas that are VMA_GROWSDOWN: where there are none, no search heeds their
                        guard gaps */
};

void vma_set_init(struct vma_set *set, struct alloc *a, struct pool *pool, struct mm *mm);
void vma_set_destroy(struct vma_set *set); /* pre: empty */

static inline uint64_t vma_set_count(const struct vma_set *set)
{
    return set->index.count;
}

/* The area that contains va, or NULL. */
struct vma *vma_set_find(const struct vma_set *set, vaddr_t va);

/* The first area that ends above va (it may contain it), or NULL. */
struct vma *vma_set_find_above(const struct vma_set *set, vaddr_t va);

/* The area after / before v, or NULL. */
struct vma *vma_set_next(const struct vma_set *set, const struct vma *v);
struct vma *vma_set_prev(const struct vma_set *set, const struct vma *v);

/* Areas that intersect the range, counted up to `limit`. */
uint64_t vma_set_count_in(const struct vma_set *set, struct range r, uint64_t limit);

/* After 0, `areas` further inserts or splits cannot fail. */
MUST_CHECK int vma_set_reserve(struct vma_set *set, unsigned areas);

/*
 * Adds an area like `model` (bounds and all fields; a file reference is taken), merging it with
 * neighbours where vma_mergeable says so. Returns the area that now covers it. Pre: reserved 1; the
 * range is free.
 */
struct vma *vma_set_add(struct vma_set *set, const struct vma *model);

/*
 * Splits v at `at` (start < at < end): v keeps the lower part; returns the upper. Pre: reserved 1.
 * /
 */
struct vma *vma_set_split(struct vma_set *set, struct vma *v, vaddr_t at);

/* Removes v, dropping its file reference. */
void vma_set_remove(struct vma_set *set, struct vma *v);

/* Moves v's start down (stack growth) or its end up; the new room is free (contract). */
void vma_set_extend(struct vma_set *set, struct vma *v, vaddr_t start, vaddr_t end);

/*
 * Merges v with its neighbours where it can; returns the area that covers v's range then. Cannot
 * fail.
 */
struct vma *vma_set_merge(struct vma_set *set, struct vma *v);

/*
 * May `next`, which begins where v ends, become part of v? All properties equal and offsets
 * contiguous.
 */
bool vma_mergeable(const struct vma *v, const struct vma *next);

/* Recomputes I-VMA-1..3. */
bool vma_set_check(const struct vma_set *set);

#endif
