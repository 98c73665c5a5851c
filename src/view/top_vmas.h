/*
 * Which VMAs met the most page faults.
 *
 * Layer 9, view. A sink of events that adds up faults by VMA. A VMA has no identity that lasts: it
 * grows, merges, is split. Here, faults of one process count for the same area as long as what they
 * hit has the same inode (0: anonymous) and the ranges overlap; the area's range is the union.
 * Where something else was mapped over an area, the area ends there.
 *
 * Memory follows the number of areas that processes have at one time, not the length of the run: an
 * area that ended cannot gain faults any more, so that of all ended areas only the TOP_VMAS best
 * are kept.
 *
 *   I-TOP-1  the areas of a process are disjoint; each has met at least one FAULT_VMA
 *   I-TOP-2  `ended` is sorted by top_vmas_before and has no area that could not be among the first
 *            TOP_VMAS
 */
#ifndef MAPWALK_VIEW_TOP_VMAS_H
#define MAPWALK_VIEW_TOP_VMAS_H

#include <mapwalk/event.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/radix.h"
#include "view/names.h"

#define TOP_VMAS 10

/* One area as a value. */
struct top_vma {
    uint32_t pid;
    uint32_t prot;  /* PROT_*, when last seen */
    uint32_t flags; /* MW_VMA_*, when last seen */
    bool heap;
    uint64_t inode; /* 0: anonymous */
    uint64_t start;
    uint64_t end;
    uint64_t faults; /* sum of by_reason */
    uint64_t by_reason[MW_REASON_COUNT];
};

struct top_vmas {
    struct alloc *alloc;
    struct radix processes;  /* pid -> struct top_vmas_process */
    struct top_vma *current; /* area of the fault under way; NULL: none */
    struct top_vma ended[TOP_VMAS];
    unsigned ended_count;
    bool failed; /* an allocation failed: faults are missing from the count */
};

/* The events that top_vmas_handle looks at. */
#define TOP_VMAS_EVENTS                                                         \
    (MW_EVENT_BIT(MW_EVENT_FAULT_VMA) | MW_EVENT_BIT(MW_EVENT_FAULT_NO_VMA) |   \
     MW_EVENT_BIT(MW_EVENT_FAULT_END) | MW_EVENT_BIT(MW_EVENT_BRK) |            \
     MW_EVENT_BIT(MW_EVENT_PROCESS_NEW) | MW_EVENT_BIT(MW_EVENT_PROCESS_EXEC) | \
     MW_EVENT_BIT(MW_EVENT_PROCESS_EXIT))

/* No areas. Allocates nothing. `a` outlives it. */
void top_vmas_init(struct top_vmas *t, struct alloc *a);
void top_vmas_destroy(struct top_vmas *t);

/* An mw_event_handler; `top` is the struct. Running out of memory is noted in `failed`. */
void top_vmas_handle(void *top, const struct mw_event *event);

/* The areas with the most faults so far, best first: fills out[0..], returns how many. */
unsigned top_vmas_best(const struct top_vmas *t, struct top_vma out[TOP_VMAS]);

/*
 * What an area is, for people: the file's path, "[heap]", "[stack]", "[implicit]", "[anon]";
 * "[inode]" for a file without a name.
 */
const char *top_vmas_label(const struct top_vma *v, const struct names *names);

#endif
