/*
 * The set of pages seen: open addressing with linear probing, at most a quarter full as long as there is memory: a search that must go on to
 * a second slot costs more than the slots. Layer 3.
 */
#include "hw/pages_seen.h"

#define PAGES_SEEN_FIRST 1024 /* slots; a power of two */

void pages_seen_init(struct pages_seen *seen, struct alloc *a)
{
    *seen = (struct pages_seen){.alloc = a};
}

void pages_seen_destroy(struct pages_seen *seen)
{
    alloc_release(seen->alloc, seen->slots);
    pages_seen_init(seen, seen->alloc);
}

bool pages_seen_grow(struct pages_seen *seen)
{
    struct pages_seen larger = {
        .capacity = seen->capacity == 0 ? PAGES_SEEN_FIRST : seen->capacity * 2,
        .count = seen->count,
        .alloc = seen->alloc,
    };

    larger.slots = alloc_zeroed(seen->alloc, larger.capacity * sizeof(*larger.slots));
    if (larger.slots == NULL)
        return false;
    for (uint64_t i = 0; i < seen->capacity; i++) {
        const struct page_seen *old = &seen->slots[i];

        if (old->space != 0)
            *pages_seen_slot(&larger, old->space, old->page >> PAGES_SEEN_UNITS) = *old;
    }
    alloc_release(seen->alloc, seen->slots);
    *seen = larger;
    return true;
}
