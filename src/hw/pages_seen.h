/*
 * Which pages each TLB of a hart has ever been asked for: what tells compulsory misses from others.
 *
 * Layer 3. An exact set: for each address space a hash table of its own, which is entered when the
 * space is first asked about after it was left. It grows by 64 bytes at most for every page that a
 * program touches. When memory for that runs out, it stops growing, and a page that it could not
 * keep counts as new again.
 *
 * What costs most is not the search but a branch that nobody can foresee. So slots form pairs, at
 * most a quarter of them are full as long as there is memory, and both of a pair are compared
 * without a branch: all but a few pages in a hundred lie in their own pair.
 *
 *   I-SEEN-1  `slots` and `mask` are those of `here`, or of the empty pair when `here` is NULL
 *   I-SEEN-2  a table has an empty slot, which ends the searches
 */
#ifndef MAPWALK_HW_PAGES_SEEN_H
#define MAPWALK_HW_PAGES_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

#define PAGES_SEEN_UNITS 8 /* bits for TLBs, below the page */

/* The pages of one address space. */
struct space_seen {
    uint64_t space;    /* names root and ASID */
    uint64_t *slots;   /* capacity of them: what names page and size, 46 bits, above a bit for
                        each TLB; 0: empty */
    uint64_t capacity; /* a power of two, or 0 */
    uint64_t count;
};

struct pages_seen {
    const uint64_t *slots; /* of the space that was asked about last */
    uint64_t mask;         /* its capacity - 2: where pairs begin */
    struct space_seen *here;
    struct space_seen **spaces; /* hash table with linear probing, at most half full */
    uint64_t spaces_capacity;   /* a power of two, or 0 */
    uint64_t spaces_count;
    struct alloc *alloc;
};

/* The pair of who has seen nothing. */
extern const uint64_t pages_seen_nothing[2];

void pages_seen_init(struct pages_seen *seen, struct alloc *a);
void pages_seen_destroy(struct pages_seen *seen);

/* Another address space: pages_seen_has knows nothing until the next mark. */
static inline void pages_seen_leave(struct pages_seen *seen)
{
    seen->slots = pages_seen_nothing;
    seen->mask = 0;
    seen->here = NULL;
}

/* Where the search for a name begins, in a table with this mask. */
static inline uint64_t pages_seen_pair(uint64_t name, uint64_t mask)
{
    return name * 0x9e3779b97f4a7c15u >> 32 & mask; /* 2^64 over the golden ratio */
}

/*
 * Has the page of the present space been seen by all these units? False also when it would take a
 * longer search to know: for who wants to know at once that nothing is new. `units` is not 0.
 */
static inline bool pages_seen_has(const struct pages_seen *seen, uint64_t page, uint64_t units)
{
    const uint64_t *pair = &seen->slots[pages_seen_pair(page, seen->mask)];
    uint64_t slot = pair[pair[0] >> PAGES_SEEN_UNITS != page]; /* a number, and so no branch */
    uint64_t others = ((uint64_t)1 << PAGES_SEEN_UNITS) - 1 - units;

    return (slot & ~others) == (page << PAGES_SEEN_UNITS | units);
}

/*
 * The page of the present space will be marked soon: what that looks at comes nearer, while the
 * caller does other things.
 */
static inline void pages_seen_warm(const struct pages_seen *seen, uint64_t page)
{
    __builtin_prefetch(&seen->slots[pages_seen_pair(page, seen->mask)], 1);
}

/*
 * Marks the page of a space as seen by `units` (bits, not 0) and returns the bits that it had
 * before. That space is the present one from now on, if there is memory for it.
 */
uint8_t pages_seen_mark(struct pages_seen *seen, uint64_t space, uint64_t page, uint8_t units);

/* How many pages of a space are kept; 0 for one that was never entered. */
uint64_t pages_seen_count(const struct pages_seen *seen, uint64_t space);

#endif
