/*
 * A TLB: one or more arrays that share the page sizes out, as one lookup sees them.
 *
 * Layer 3. A translation is cached only if a walk returned it (privileged specification,
 * "SFENCE.VMA"); entries whose PTE has V = 0 never are. What the rules of <mapwalk/tlb.h> say of one
 * TLB is here; how several work together is the hart's business.
 *
 *   I-TLB-1  at most one entry matches any (va, asid)
 *   I-TLB-2  an entry lies in the array that holds its size
 *   I-TLB-3  `allowed` is walk_allowed of the PTE, and base is where the PTE maps the entry's page
 */
#ifndef MAPWALK_HW_TLB_H
#define MAPWALK_HW_TLB_H

#include <mapwalk/event.h>

#include "hw/tlb_array.h"

#define TLB_NO_ARRAY UINT8_MAX

struct event_bus;
struct front;
struct ram;

struct tlb {
    struct tlb_array array[MW_TLB_ARRAYS_MAX];
    uint32_t arrays;                  /* 0: there is no such TLB */
    uint8_t array_for[MW_SIZE_COUNT]; /* of a translation by its size: the array, or TLB_NO_ARRAY */
    uint8_t size_for[MW_SIZE_COUNT];  /* and the size of the entry in it */
    enum mw_tlb_unit unit;
    uint32_t unit_bit; /* 1 << unit */
    struct front
        *front; /* what holds shortcuts to the entries, and is told when they go; or NULL */
    struct mw_tlb_counters counters; /* without what the front has served */
};

/* A translation to be cached: what a walk, or a TLB further behind, knows of the page of va. */
struct tlb_translation {
    vaddr_t va;
    pte_t pte;
    paddr_t pa; /* of va */
    paddr_t pte_address;
    uint32_t allowed;
    uint16_t asid;
    uint8_t size; /* of the translation, or of the part of it that is known */
    uint8_t leaf_size;
    bool prefetched;
};

/* `seed` is the hart's; every array gets one of its own from it. 0, -ENOMEM with nothing left. */
MUST_CHECK int tlb_init(struct tlb *tlb, struct alloc *a, const struct mw_tlb *geometry,
                        enum mw_tlb_unit unit, uint64_t seed);
void tlb_destroy(struct tlb *tlb);

/* The entry that translates (va, asid), of any form; array NULL: none. Counts nothing. */
static inline struct tlb_place tlb_find(struct tlb *tlb, vaddr_t va, uint16_t asid)
{
    for (uint32_t i = 0; i < tlb->arrays; i++) {
        struct tlb_array *array = &tlb->array[i];

        /* By I-TLB-1 the order of the probes does not matter. */
        for (uint32_t forms = array->forms; forms != 0; forms &= forms - 1) {
            uint32_t index = tlb_array_probe(array, va, (unsigned)__builtin_ctz(forms), asid);

            if (index != UINT32_MAX)
                return (struct tlb_place){array, index};
        }
    }
    return (struct tlb_place){NULL, 0};
}

static inline struct tlb_entry *tlb_place_entry(struct tlb_place place)
{
    return &place.array->entries[place.index];
}

static inline void tlb_place_touch(struct tlb_place place, uint64_t stamp)
{
    place.array->stamps[place.index] = stamp;
}

/*
 * Caches a translation: evicts what overlaps it, then replaces the entry of the same page or takes
 * the way that the policy chooses. Returns where it is; array NULL: no array holds such pages, and
 * nothing happened. Emits tlb_evict and tlb_fill.
 */
struct tlb_place tlb_fill(struct tlb *tlb, struct event_bus *bus,
                          const struct tlb_translation *translation, uint64_t stamp);

/* Removes one entry, which is live. Emits tlb_evict. */
void tlb_evict(struct tlb *tlb, struct event_bus *bus, struct tlb_place place);

/* Of SFENCE.VMA: which translations are meant. */
struct tlb_fence {
    bool has_va;
    bool has_asid;
    uint16_t asid;
    vaddr_t va;
};

/*
 * SFENCE.VMA in its four forms (privileged specification, "Supervisor Memory-Management Fence
 * Instruction"): no va, no asid: everything; asid only: all entries of it but global ones; va only:
 * every entry that is of the leaf PTE that translates va, global too; both: those of asid, not
 * global ones. Returns how many entries it dropped. The cost is one set for each form present with
 * va, else it is that of the entries present; a page that is cached in parts costs the latter too.
 */
uint32_t tlb_flush(struct tlb *tlb, const struct tlb_fence *fence);

/* Recomputes I-TLB-1..3 and the arrays' own. */
bool tlb_check(const struct tlb *tlb, uint64_t stamp);

#endif
