/*
 * Virtual memory areas and the set of them that an address space has.
 *
 * The set is an interval map from [start, end) to VMA. It keeps areas disjoint and page-aligned,
 * splits and merges them, and counts their pages by what limits apply to. It knows no page tables:
 * what happens to pages, mm decides.
 *
 * An area's *history* is what Linux calls its anon_vma: private memory that was ever written gets a
 * number at the first write, and areas of different histories never become one, however alike they
 * look. A history that a child got by fork is *inherited*: such an area does not merge with one
 * that has none yet. Two neighbours may therefore be alike and yet stay two, and when a history
 * goes, nothing merges them: only the operation that makes or changes an area merges it.
 *
 *   I-VMA-1  areas are disjoint, non-empty, page-aligned; the index and the areas' own bounds agree
 *   I-VMA-2  the set's totals are what a count of its areas gives; only areas of private memory
 *            have a history
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
#include "mm/vma_name.h"

/*
 * Properties of an area beside its PROT_ bits: the bits that events show (MW_VMA_*). Linux's
 * VM_MAYSHARE is VMA_SHARED here, and its VM_SHARED both VMA_SHARED and VMA_MAYWRITE. VM_MAYREAD
 * and VM_MAYEXEC have no bits: no file system here is mounted noexec, so all areas have both.
 */
#define VMA_SHARED      MW_VMA_SHARED
#define VMA_GROWSDOWN   MW_VMA_GROWSDOWN
#define VMA_IMPLICIT    MW_VMA_IMPLICIT
#define VMA_MAYWRITE    MW_VMA_MAYWRITE
#define VMA_NORESERVE   MW_VMA_NORESERVE
#define VMA_NOHUGEPAGE  MW_VMA_NOHUGEPAGE
#define VMA_ACCOUNT     MW_VMA_ACCOUNT
#define VMA_LOCKED      MW_VMA_LOCKED
#define VMA_LOCKONFAULT MW_VMA_LOCKONFAULT
#define VMA_SEQ_READ    MW_VMA_SEQ_READ
#define VMA_RAND_READ   MW_VMA_RAND_READ
#define VMA_DONTCOPY    MW_VMA_DONTCOPY
#define VMA_DONTDUMP    MW_VMA_DONTDUMP
#define VMA_WIPEONFORK  MW_VMA_WIPEONFORK
#define VMA_HUGEPAGE    MW_VMA_HUGEPAGE
#define VMA_MERGEABLE   MW_VMA_MERGEABLE
#define VMA_DROPPABLE   MW_VMA_DROPPABLE
#define VMA_SEALED      MW_VMA_SEALED
#define VMA_GUARDS      MW_VMA_GUARDS

/* What merging does not ask for, and what the area that results has if one of its parts had it. */
#define VMA_STICKY VMA_GUARDS

#define VMA_LOCK_BITS (VMA_LOCKED | VMA_LOCKONFAULT)

/*
 * Histories are numbers that are never used again; 0 is none. The lowest bit tells an inherited
 * one.
 */
#define VMA_HISTORY_INHERITED ((uint64_t)1)

struct mm;

struct vma {
    vaddr_t start;
    vaddr_t end;
    uint64_t off_pages; /* offset of start in the file; of anonymous private areas: their birth
                           address in pages, which mremap keeps once they were written */
    uint64_t history;   /* 0: never written, or shared */
    uint32_t prot;      /* PROT_READ | PROT_WRITE | PROT_EXEC */
    uint32_t flags;     /* VMA_* */
    struct mapped_file *file; /* NULL: anonymous */
    struct vma_name *name;    /* PR_SET_VMA_ANON_NAME; NULL: none. A reference */
    struct mm *mm;
    struct list link; /* in file->map->mappers */
};

_Static_assert(sizeof(struct vma) <= 128, "an area costs at most 128 bytes");

/* Pages by what limits count. */
struct vma_totals {
    uint64_t pages;   /* RLIMIT_AS */
    uint64_t data;    /* RLIMIT_DATA: private, writable, no stack */
    uint64_t locked;  /* VMA_LOCKED */
    uint64_t account; /* VMA_ACCOUNT */
};

struct vma_set {
    struct imap index;
    struct pool *pool; /* of struct vma; shared by all sets of a machine */
    struct mm *mm;
    uint64_t stacks; /* areas that are VMA_GROWSDOWN: where there are none, no search heeds their
                        guard gaps */
    struct vma_totals totals;
    bool merges_as_6_12;       /* an area with a history does not join a neighbour without one */
    uint64_t *committed_pages; /* of the machine: changes as totals.account does; NULL: nobody asks
                                */
};

void vma_set_init(struct vma_set *set, struct alloc *a, struct pool *pool, struct mm *mm,
                  uint64_t *committed_pages);
void vma_set_destroy(struct vma_set *set); /* pre: empty */

static inline uint64_t vma_set_count(const struct vma_set *set)
{
    return set->index.count;
}

static inline uint64_t vma_pages(const struct vma *v)
{
    return (v->end - v->start) >> PAGE_SHIFT;
}

/* Page index in the file (or anonymous object) that va of the area shows. */
static inline uint64_t vma_index(const struct vma *v, vaddr_t va)
{
    return v->off_pages + ((va - v->start) >> PAGE_SHIFT);
}

/*
 * Are its pages zeros until they are written, and the process's own? Memory of /dev/zero is, though
 * it has a file.
 */
static inline bool vma_is_anonymous(const struct vma *v)
{
    return v->file == NULL || v->file->map == NULL;
}

/* Does the area's memory belong to its object and not to the process (VM_SHARED)? */
static inline bool vma_shares_writes(const struct vma *v)
{
    return (v->flags & VMA_SHARED) && (v->flags & VMA_MAYWRITE);
}

/* The size of its huge pages (MAP_HUGETLB); 0: its pages are ordinary. */
static inline uint64_t vma_huge_bytes(const struct vma *v)
{
    return v->file == NULL || v->file->ops == NULL ? 0 : v->file->ops->huge_bytes;
}

/* May the area be split at this address? Huge pages are not. */
static inline bool vma_may_split(const struct vma *v, vaddr_t at)
{
    uint64_t huge_bytes = vma_huge_bytes(v);

    return huge_bytes == 0 || (at & (huge_bytes - 1)) == 0;
}

/* Does RLIMIT_DATA count it (is_data_mapping)? */
static inline bool vma_is_data(uint32_t prot, uint32_t flags)
{
    return (prot & 2 /* PROT_WRITE */) && !(flags & (VMA_SHARED | VMA_GROWSDOWN));
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

/* Totals of what lies in the range. */
struct vma_totals vma_set_totals_in(const struct vma_set *set, struct range r);

/* After 0, `areas` further inserts or splits cannot fail. */
MUST_CHECK int vma_set_reserve(struct vma_set *set, unsigned areas);

/*
 * Adds an area like `model` (bounds and all fields; references of file and name are taken) without
 * merging it: fork, and areas that nothing may join. Pre: reserved 1; the range is free.
 */
struct vma *vma_set_insert(struct vma_set *set, const struct vma *model);

/*
 * Splits v at `at` (start < at < end): v keeps the lower part; returns the upper. Pre: reserved 1.
 */
struct vma *vma_set_split(struct vma_set *set, struct vma *v, vaddr_t at);

/* Removes v, dropping its references. */
void vma_set_remove(struct vma_set *set, struct vma *v);

/*
 * v becomes an area like `model`, which has the same bounds, and no neighbour is merged with it:
 * as removing v and inserting the model, but the index stays.
 */
void vma_set_renew(struct vma_set *set, struct vma *v, const struct vma *model);

/* v grows to the end of `next`, the area after it, which goes; so does the hole between them. */
void vma_set_absorb(struct vma_set *set, struct vma *v, struct vma *next);

/* Moves v's start down (stack growth) or its end up; the new room is free (contract). */
void vma_set_extend(struct vma_set *set, struct vma *v, vaddr_t start, vaddr_t end);

/* Gives v the bounds [start, end), which overlap no neighbour; the offset follows the start. */
void vma_set_rebound(struct vma_set *set, struct vma *v, vaddr_t start, vaddr_t end);

/* Gives v other rights, flags and name (its bounds and all else stay), without merging. */
void vma_set_reflag(struct vma_set *set, struct vma *v, uint32_t prot, uint32_t flags,
                    struct vma_name *name);

/* ---- merging: vma_merge.c ---- */

/* What may be merged with a new area. */
enum vma_merge {
    VMA_MERGE_BOTH,   /* mmap, mremap: the area before, the one after, or both */
    VMA_MERGE_BEFORE, /* brk: only the area before */
};

/*
 * Adds an area like `model`, merging it with its neighbours as Linux does for a new one
 * (vma_merge_new_range). A model with a history is a moved one. Returns the area that now covers
 * it. Pre: reserved 1; the range is free.
 */
struct vma *vma_set_add(struct vma_set *set, const struct vma *model, enum vma_merge merge);

/*
 * As vma_set_remove of v and vma_set_add of a model with the same bounds: MAP_FIXED over one area.
 */
struct vma *vma_set_replace(struct vma_set *set, struct vma *v, const struct vma *model);

/*
 * Grows v up to `end`, over room that is free; the area after it joins when it begins there and is
 * like it (vma_merge_extend). Returns v.
 */
struct vma *vma_set_grow(struct vma_set *set, struct vma *v, vaddr_t end);

/* What a part of an area is to become. */
struct vma_change {
    struct range range; /* within one area, not empty */
    uint32_t prot;
    uint32_t flags;
    struct vma_name *name; /* borrowed */
};

/*
 * Gives a part of v other rights, flags and name: it joins the neighbours that it touches and is
 * like then (vma_merge_existing_range), else it is split off. Returns the area that covers the part
 * now; NULL: a split is needed, but the set has `max_areas` areas. Then a first split may have been
 * done, as in Linux. Pre: reserved 2.
 */
struct vma *vma_set_change(struct vma_set *set, struct vma *v, const struct vma_change *change,
                           uint64_t max_areas);

/*
 * The history that v gets at its first write: that of the area after or before it where the two
 * could become one but for their rights, else `fresh` (find_mergeable_anon_vma).
 */
uint64_t vma_set_choose_history(const struct vma_set *set, const struct vma *v, uint64_t fresh);

/* Recomputes I-VMA-1..3. */
bool vma_set_check(const struct vma_set *set);

#endif
