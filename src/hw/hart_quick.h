/*
 * The parts of a miss that hart_miss.c and hart_quick.c share; private to the hart.
 */
#ifndef MAPWALK_HW_HART_QUICK_H
#define MAPWALK_HW_HART_QUICK_H

#include "hw/hart.h"

_Static_assert(MW_TLB_COUNT <= PAGES_SEEN_UNITS, "each TLB has a bit in the set of pages seen");

/* Which of the short ways this hart takes when nobody listens. */
enum hart_quick_shape hart_quick_shape(const struct hart *h);

/*
 * Serves a first-level hit that the front did not know, or a miss, by the short way: where va lies.
 * NULL: nothing has happened, and the general way must be gone.
 */
uint8_t *hart_quick(struct hart *h, vaddr_t va, enum mw_access access);

/*
 * Counts the misses of an access that found a translation of this size: by size, and those that are
 * new. `second` NULL: there is no second level, or it served.
 */
static inline void hart_count_misses(struct hart *h, vaddr_t va, unsigned size, struct tlb *first,
                                     struct tlb *second)
{
    uint64_t page = tlb_tag(va, size, false, 0) >> 17; /* the part that names page and size */
    unsigned units = first->unit_bit;
    unsigned fresh;

    if (second != NULL)
        units |= second->unit_bit;
    fresh = units & ~(unsigned)pages_seen_mark(&h->seen, h->space, page, (uint8_t)units);
    first->counters.misses[size]++;
    first->counters.compulsory += fresh >> first->unit & 1;
    if (second != NULL) {
        second->counters.misses[size]++;
        second->counters.compulsory += fresh >> second->unit & 1;
    }
}

#endif
