/*
 * The rig: RAM and harts with page tables written by hand, and what the ideal loops beside them
 * need. For benchmarks that measure translation alone, without any kernel.
 *
 * Frames are taken in the order of mapping, tables and data as they come, so that pages that are
 * mapped in random order lie as scattered in RAM as those of a real program.
 */
#ifndef MAPWALK_BENCH_RIG_H
#define MAPWALK_BENCH_RIG_H

#include <mapwalk/tlb.h>

#include "harness.h"
#include "hw/hart.h"

#define RIG_FIRST_VA  ((vaddr_t)0x10000000)
#define RIG_TOP_LEVEL 2 /* of Sv39 */

struct rig {
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct ram ram;
    struct hart *harts; /* in U-mode, bare, with 16 bits of ASID */
    unsigned hart_count;
    uint64_t singles_used; /* frames taken one by one */
    uint64_t runs_used;    /* frames taken in runs */
};

/* One slot of an ideal TLB: direct-mapped; no ASID, no LRU, no counters, no events. */
struct rig_slot {
    uint64_t page; /* its number; 0: empty */
    uint8_t *host;
};

/* The rig points into itself: not to be moved. */
void rig_init(struct rig *rig, const struct mw_tlbs *tlbs, unsigned harts);
void rig_destroy(struct rig *rig);

/* A run of 2^order frames, aligned to its size. It reads zero. */
paddr_t rig_take_frames(struct rig *rig, unsigned order);

/* Maps the page of va to memory of its own, with a leaf at `level` and all rights. */
void rig_map(struct rig *rig, paddr_t root, vaddr_t va, unsigned level);

/* Memory for `count` values, zeroed; the caller frees it. */
void *rig_new(uint64_t count, size_t bytes);

/*
 * The ideal walk: dependent loads down to a leaf at `last` level, no checks but validity. The host
 * address of the first byte of the page of va, or NULL.
 */
static inline __attribute__((always_inline)) uint8_t *
rig_walk_ideal(const struct rig *rig, paddr_t root, vaddr_t va, unsigned last)
{
    paddr_t pa = root;

    for (unsigned level = RIG_TOP_LEVEL + 1; level-- > last;) {
        pte_t pte = ((const pte_t *)ram_host(&rig->ram, pa))[level_index(va, level)];
        if (!pte_valid(pte))
            return NULL;
        pa = pte_paddr(pte);
    }
    return ram_host(&rig->ram, pa);
}

/* An aligned 8-byte offset into a region whose size is a power of two. */
static inline uint64_t rig_offset(uint64_t *random, uint64_t bytes)
{
    return bench_random(random) & (bytes - 8);
}

#endif
