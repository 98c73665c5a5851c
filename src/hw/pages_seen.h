/*
 * Which pages each TLB of a hart has ever been asked for: what tells compulsory misses from others.
 *
 * Layer 3. An exact set, a hash table of (address space, page, size) with a bit for each TLB. It
 * grows by 64 bytes at most for every page that a program touches. When memory for that runs out, it stops
 * growing, and a page that it could not keep counts as new again.
 */
#ifndef MAPWALK_HW_PAGES_SEEN_H
#define MAPWALK_HW_PAGES_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/alloc.h"

#define PAGES_SEEN_UNITS 8 /* bits for TLBs below the page */

struct page_seen {
    uint64_t page;  /* what names page and size, 56 bits, above a bit for each TLB */
    uint64_t space; /* names root and ASID; never 0 */
};

struct pages_seen {
    struct page_seen *slots; /* capacity of them, a power of two; space 0: empty */
    uint64_t capacity;       /* 0: nothing was ever seen */
    uint64_t count;
    struct alloc *alloc;
};

void pages_seen_init(struct pages_seen *seen, struct alloc *a);
void pages_seen_destroy(struct pages_seen *seen);

/* Some neighbouring pages lie in neighbouring slots, as they are met together. */
static inline uint64_t pages_seen_hash(uint64_t space, uint64_t page)
{
    uint64_t mixed =
        (page / 16 ^ space << 17) * 0x9e3779b97f4a7c15u; /* 2^64 over the golden ratio */

    return (mixed >> 32) + page % 16;
}

/* The page's slot, or the empty one where it belongs. Pre: there is an empty one. */
static inline struct page_seen *pages_seen_slot(const struct pages_seen *seen, uint64_t space,
                                                uint64_t page)
{
    uint64_t mask = seen->capacity - 1;
    uint64_t i = pages_seen_hash(space, page) & mask;

    while (seen->slots[i].space != 0 &&
           (seen->slots[i].space != space || seen->slots[i].page >> PAGES_SEEN_UNITS != page))
        i = (i + 1) & mask;
    return &seen->slots[i];
}

/*
 * Has the page been seen by all these units? False also when it would take a second look to know:
 * for who wants to know at once that nothing is new.
 */
static inline bool pages_seen_has(const struct pages_seen *seen, uint64_t space, uint64_t page,
                                  uint64_t units)
{
    uint64_t others = ((uint64_t)1 << PAGES_SEEN_UNITS) - 1 - units;
    const struct page_seen *slot;

    if (seen->capacity == 0)
        return false;
    slot = &seen->slots[pages_seen_hash(space, page) & (seen->capacity - 1)];
    return slot->space == space && (slot->page & ~others) == (page << PAGES_SEEN_UNITS | units);
}

/* Twice the slots. False: no memory, and everything is as it was. */
bool pages_seen_grow(struct pages_seen *seen);

/*
 * Marks the page as seen by `units` (bits) and returns the bits that it had before. Pre: space is
 * not 0, page has 56 bits.
 */
static inline uint8_t pages_seen_mark(struct pages_seen *seen, uint64_t space, uint64_t page,
                                      uint8_t units)
{
    struct page_seen *slot;
    uint8_t before;

    if (__builtin_expect(seen->count >= seen->capacity / 4, 0) && !pages_seen_grow(seen) &&
        seen->capacity == 0)
        return 0;
    slot = pages_seen_slot(seen, space, page);
    if (slot->space == 0) {
        if (seen->count + 1 >= seen->capacity)
            return 0; /* one slot stays empty: it ends the searches */
        *slot = (struct page_seen){.page = page << PAGES_SEEN_UNITS, .space = space};
        seen->count++;
    }
    before = (uint8_t)slot->page;
    slot->page |= units;
    return before;
}

#endif
