/*
 * The sets of pages seen, by address space: open addressing with linear probing in both the table of
 * spaces and those of pages. Layer 3.
 */
#include "hw/pages_seen.h"

#include <stddef.h>

#define PAGES_SEEN_FIRST  64 /* slots of a new space; a power of two */
#define PAGES_SEEN_SPACES 16 /* in the first table of them; a power of two */

const uint64_t pages_seen_nothing[2] = {0, 0};

void pages_seen_init(struct pages_seen *seen, struct alloc *a)
{
    *seen = (struct pages_seen){.alloc = a};
    pages_seen_leave(seen);
}

void pages_seen_destroy(struct pages_seen *seen)
{
    for (uint64_t i = 0; i < seen->spaces_capacity; i++) {
        if (seen->spaces[i] != NULL)
            alloc_release(seen->alloc, seen->spaces[i]->slots);
        alloc_release(seen->alloc, seen->spaces[i]);
    }
    alloc_release(seen->alloc, seen->spaces);
    pages_seen_init(seen, seen->alloc);
}

/* ---- spaces ---- */

/* The space's place in the table, or the empty one where it belongs. Pre: there is an empty one. */
static struct space_seen **pages_seen_place(struct space_seen **spaces, uint64_t capacity,
                                            uint64_t space)
{
    uint64_t i = pages_seen_pair(space, capacity - 1);

    while (spaces[i] != NULL && spaces[i]->space != space)
        i = (i + 1) & (capacity - 1);
    return &spaces[i];
}

/* Twice the places. False: no memory, and everything is as it was. */
static bool pages_seen_grow_spaces(struct pages_seen *seen)
{
    uint64_t capacity = seen->spaces_capacity == 0 ? PAGES_SEEN_SPACES : seen->spaces_capacity * 2;
    struct space_seen **spaces = alloc_zeroed(seen->alloc, capacity * sizeof(struct space_seen *));

    if (spaces == NULL)
        return false;
    for (uint64_t i = 0; i < seen->spaces_capacity; i++)
        if (seen->spaces[i] != NULL)
            *pages_seen_place(spaces, capacity, seen->spaces[i]->space) = seen->spaces[i];
    alloc_release(seen->alloc, seen->spaces);
    seen->spaces = spaces;
    seen->spaces_capacity = capacity;
    return true;
}

/* The space, or NULL: it is not there. */
static struct space_seen *pages_seen_find(const struct pages_seen *seen, uint64_t space)
{
    if (seen->spaces_capacity == 0)
        return NULL;
    return *pages_seen_place(seen->spaces, seen->spaces_capacity, space);
}

/* A space that is not there. NULL: no memory. */
static struct space_seen *pages_seen_add(struct pages_seen *seen, uint64_t space)
{
    struct space_seen *added;

    if (seen->spaces_count >= seen->spaces_capacity / 2 && !pages_seen_grow_spaces(seen))
        return NULL;
    added = alloc_zeroed(seen->alloc, sizeof(*added));
    if (added == NULL)
        return NULL;
    added->space = space;
    *pages_seen_place(seen->spaces, seen->spaces_capacity, space) = added;
    seen->spaces_count++;
    return added;
}

/* ---- pages of a space ---- */

/* The page's slot, or the empty one where it belongs. Pre: there is an empty one. */
static uint64_t *pages_seen_slot(const struct space_seen *here, uint64_t page)
{
    uint64_t i = pages_seen_pair(page, here->capacity - 2);

    while (here->slots[i] != 0 && here->slots[i] >> PAGES_SEEN_UNITS != page)
        i = (i + 1) & (here->capacity - 1);
    return &here->slots[i];
}

/* Twice the slots. False: no memory, and everything is as it was. */
static bool pages_seen_grow(struct space_seen *here, struct alloc *a)
{
    struct space_seen larger = *here;

    larger.capacity = here->capacity == 0 ? PAGES_SEEN_FIRST : here->capacity * 2;
    larger.slots = alloc_zeroed(a, larger.capacity * sizeof(*larger.slots));
    if (larger.slots == NULL)
        return false;
    for (uint64_t i = 0; i < here->capacity; i++)
        if (here->slots[i] != 0)
            *pages_seen_slot(&larger, here->slots[i] >> PAGES_SEEN_UNITS) = here->slots[i];
    alloc_release(a, here->slots);
    *here = larger;
    return true;
}

/* The page's slot; an empty one for a page that is new. NULL: no memory for that. */
static uint64_t *pages_seen_take(struct space_seen *here, struct alloc *a, uint64_t page)
{
    uint64_t *slot = here->capacity == 0 ? NULL : pages_seen_slot(here, page);

    if (slot != NULL && *slot != 0)
        return slot;
    if (here->count >= here->capacity / 4 && pages_seen_grow(here, a))
        slot = pages_seen_slot(here, page);
    if (here->count + 1 >= here->capacity)
        return NULL; /* the last empty slot stays empty */
    here->count++;
    return slot;
}

uint8_t pages_seen_mark(struct pages_seen *seen, uint64_t space, uint64_t page, uint8_t units)
{
    struct space_seen *here = seen->here;
    uint64_t before, *slot;

    if (here == NULL || here->space != space) {
        pages_seen_leave(seen);
        here = pages_seen_find(seen, space);
        if (here == NULL)
            here = pages_seen_add(seen, space);
    }
    slot = here == NULL ? NULL : pages_seen_take(here, seen->alloc, page);
    if (slot == NULL)
        return 0;
    before = *slot;
    *slot = before | page << PAGES_SEEN_UNITS | units;
    seen->here = here;
    seen->slots = here->slots;
    seen->mask = here->capacity - 2;
    return (uint8_t)before;
}

uint64_t pages_seen_count(const struct pages_seen *seen, uint64_t space)
{
    const struct space_seen *here = pages_seen_find(seen, space);

    return here == NULL ? 0 : here->count;
}
