/*
 * One TLB without a hart, for the tests of TLBs alone.
 *
 * Pages are named by number; page n is mapped to frame n % 8. Every fill is the next moment in time.
 */
#ifndef MAPWALK_TESTS_HW_ONE_TLB_H
#define MAPWALK_TESTS_HW_ONE_TLB_H

#include "unit/hw/tables.h"

#define FRAMES  (WORLD_BASE + ((uint64_t)1 << 30))
#define LOCAL   LEAF_RW
#define GLOBAL  (LEAF_RW | PTE_G)
#define LEAF_AT (WORLD_BASE + 8) /* where all their PTEs stand */
#define LEVELS  MODE_LEVELS_MAX

struct fixture {
    struct world w;
    struct tlb tlb;
    uint64_t stamp; /* of the last use */
};

static inline void start_tlb(struct fixture *f, const struct mw_tlb *geometry)
{
    world_init(&f->w);
    f->stamp = 0;
    assert_int_equal(tlb_init(&f->tlb, &f->w.alloc, geometry, MW_TLB_L2, 7), 0);
}

/* One array for all sizes. */
static inline void start_policy(struct fixture *f, uint32_t sets, uint32_t ways,
                                enum mw_replacement replacement)
{
    struct mw_tlb geometry = {.arrays = 1, .array = {{sets, ways, WORLD_SIZES, replacement}}};

    start_tlb(f, &geometry);
}

static inline void start(struct fixture *f, uint32_t sets, uint32_t ways)
{
    start_policy(f, sets, ways, MW_REPLACE_LRU);
}

static inline void finish(struct fixture *f)
{
    assert_true(tlb_check(&f->tlb, f->stamp));
    tlb_destroy(&f->tlb);
    world_destroy(&f->w);
}

static inline vaddr_t page(uint64_t n)
{
    return n << PAGE_SHIFT;
}

/* What a walk of va comes to that finds a leaf of this size with these flags. */
static inline struct tlb_translation translation(vaddr_t va, uint16_t asid, unsigned size,
                                                 uint64_t flags)
{
    uint64_t bytes = tlb_size_bytes(size);
    uint64_t frame = size < MW_SIZE_512G ? FRAMES + (va / bytes & 7) * bytes : 0;
    pte_t leaf = pte_make(paddr(frame | (va & (bytes - 1))), flags);

    if (size == MW_SIZE_64K)
        flags |= PTE_N | PTE_NAPOT_SIZE;
    return (struct tlb_translation){.va = va,
                                    .pte = pte_make(paddr(frame), flags),
                                    .pa = paddr(frame | (va & (bytes - 1))),
                                    .pte_address = paddr(LEAF_AT),
                                    .allowed = walk_allowed(leaf),
                                    .asid = asid,
                                    .size = (uint8_t)size,
                                    .leaf_size = (uint8_t)size};
}

static inline struct tlb_place fill_size(struct fixture *f, vaddr_t va, uint16_t asid,
                                         unsigned size, uint64_t flags)
{
    struct tlb_translation t = translation(va, asid, size, flags);

    return tlb_fill(&f->tlb, &f->w.bus, &t, ++f->stamp);
}

/* The entry of a leaf at a level of the tables. */
static inline struct tlb_entry *fill(struct fixture *f, vaddr_t va, uint16_t asid, unsigned level,
                                     uint64_t flags)
{
    return tlb_place_entry(fill_size(f, va, asid, tlb_level_size(level), flags));
}

static inline uint32_t flush(struct fixture *f, bool has_va, vaddr_t va, bool has_asid,
                             uint16_t asid)
{
    const struct tlb_fence fence = {has_va, has_asid, asid, va};

    return tlb_flush(&f->tlb, &fence);
}

static inline struct tlb_entry *find(struct fixture *f, vaddr_t va, uint16_t asid)
{
    return world_entry(&f->tlb, va, asid);
}

static inline bool has(struct fixture *f, vaddr_t va, uint16_t asid)
{
    return find(f, va, asid) != NULL;
}

/* A lookup that the entry serves. */
static inline void use(struct fixture *f, vaddr_t va, uint16_t asid)
{
    tlb_place_touch(tlb_find(&f->tlb, va, asid), ++f->stamp);
}

static inline uint64_t live(const struct fixture *f)
{
    return world_entries(&f->tlb);
}

#endif
