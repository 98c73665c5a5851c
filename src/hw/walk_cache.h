/*
 * The walk cache: pointer PTEs by the region that they map, so that a walk can begin below them.
 *
 * Layer 3. A tlb_array or several whose entries are pointers; the size of an entry is that of the
 * region (2M: a pointer at level 1). Entries belong to an ASID, never to all. SFENCE.VMA with an
 * address leaves it alone: "the fence orders only reads and writes made to leaf page table
 * entries". Whoever changes a pointer must fence without an address.
 */
#ifndef MAPWALK_HW_WALK_CACHE_H
#define MAPWALK_HW_WALK_CACHE_H

#include "hw/tlb.h"

struct walk_cache {
    struct tlb_array array[MW_TLB_ARRAYS_MAX];
    uint32_t arrays; /* 0: there is none */
    struct mw_walker_counters counters;
};

MUST_CHECK int walk_cache_init(struct walk_cache *cache, struct alloc *a,
                               const struct mw_tlb *geometry, uint64_t seed);
void walk_cache_destroy(struct walk_cache *cache);

/* The pointer nearest to the leaf that is known for va in a mode; array NULL: none. */
struct tlb_place walk_cache_find(struct walk_cache *cache, enum mw_mode mode, vaddr_t va,
                                 uint16_t asid);

/* Keeps the pointer at `level` (1 and up) on the way to va. */
void walk_cache_put(struct walk_cache *cache, vaddr_t va, uint16_t asid, unsigned level, pte_t pte,
                    paddr_t pte_address, uint64_t stamp);

/* A fence without an address. */
void walk_cache_flush(struct walk_cache *cache, bool has_asid, uint16_t asid);

bool walk_cache_check(const struct walk_cache *cache, uint64_t stamp);

#endif
