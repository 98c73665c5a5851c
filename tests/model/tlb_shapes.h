/*
 * Random TLB geometry, for tests of this folder only: every policy, one set or several, powers of
 * two or not, sizes shared out between arrays or held by none, levels and walk cache there or not.
 */
#ifndef MAPWALK_TESTS_TLB_SHAPES_H
#define MAPWALK_TESTS_TLB_SHAPES_H

#include <string.h>

#include <mapwalk/tlb.h>

#include "base/prng.h"

#define ALL_SIZES     ((1u << MW_SIZE_COUNT) - 1)
#define POINTER_SIZES (ALL_SIZES & ~(1u << MW_SIZE_4K | 1u << MW_SIZE_64K))

static inline struct mw_tlb_array random_shape(struct prng *random, uint32_t sizes)
{
    static const uint32_t sets[] = {1, 1, 1, 2, 3, 4, 5, 7, 8, 16};
    static const uint32_t ways[] = {1, 2, 2, 3, 4, 4, 5, 6, 7, 8};
    struct mw_tlb_array shape = {.sizes = sizes};

    shape.sets = sets[prng_below(random, 10)];
    shape.ways = ways[prng_below(random, 10)];
    if (shape.sets == 1 && prng_below(random, 2) == 0)
        shape.ways += 8 + (uint32_t)prng_below(random, 30);
    shape.replacement = MW_REPLACE_LRU;
    if (prng_below(random, 3) != 0)
        shape.replacement = (uint32_t)prng_below(random, MW_REPLACE_COUNT);
    return shape;
}

/* One to three arrays; one size in eight is held by none. */
static inline struct mw_tlb random_tlb(struct prng *random, uint32_t sizes)
{
    uint32_t share[3] = {0};
    struct mw_tlb tlb = {0};

    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        if ((sizes >> size & 1) != 0 && prng_below(random, 8) != 0)
            share[prng_below(random, 3)] |= 1u << size;
    if (prng_below(random, 3) == 0) {
        share[0] |= share[1] | share[2];
        share[1] = share[2] = 0;
    }
    for (unsigned i = 0; i < 3; i++)
        if (share[i] != 0)
            tlb.array[tlb.arrays++] = random_shape(random, share[i]);
    if (tlb.arrays == 0)
        tlb.array[tlb.arrays++] = random_shape(random, sizes);
    return tlb;
}

/* What most machines are simulated as, and what a hart has short ways for: no more than levels. */
static inline struct mw_tlbs usual_tlbs(struct prng *random)
{
    static const uint32_t sizes[] = {ALL_SIZES, ALL_SIZES, 1u << MW_SIZE_4K,
                                     1u << MW_SIZE_4K | 1u << MW_SIZE_1G};
    struct mw_tlbs tlbs = {.l1d = {.arrays = 1}};

    tlbs.l1d.array[0] = random_shape(random, sizes[prng_below(random, 4)]);
    if (prng_below(random, 2) == 0)
        tlbs.l1i = tlbs.l1d;
    if (prng_below(random, 3) != 0)
        tlbs.l2 = (struct mw_tlb){.arrays = 1,
                                  .array = {random_shape(random, sizes[prng_below(random, 4)])}};
    if (tlbs.l1i.arrays > 0 && tlbs.l2.arrays > 0 && prng_below(random, 3) == 0)
        tlbs.l2i = tlbs.l2;
    if (prng_below(random, 6) == 0)
        tlbs.prefetch = 1; /* which no short way may forget */
    return tlbs;
}

static inline struct mw_tlbs random_tlbs(struct prng *random)
{
    struct mw_tlbs tlbs = {.l1d = random_tlb(random, ALL_SIZES)};

    if (prng_below(random, 2) == 0)
        return usual_tlbs(random);
    if (prng_below(random, 2) == 0)
        tlbs.l1i = random_tlb(random, ALL_SIZES);
    if (prng_below(random, 3) != 0)
        tlbs.l2 = random_tlb(random, ALL_SIZES);
    if (tlbs.l1i.arrays > 0 && tlbs.l2.arrays > 0 && prng_below(random, 2) == 0)
        tlbs.l2i = random_tlb(random, ALL_SIZES);
    if (prng_below(random, 2) == 0)
        tlbs.walk_cache = random_tlb(random, POINTER_SIZES);
    if (prng_below(random, 2) == 0)
        tlbs.prefetch = (uint32_t)prng_below(random, MW_TLB_PREFETCH_MAX + 1);
    return tlbs;
}

/* One TLB for everything. */
static inline struct mw_tlbs unified_tlbs(uint32_t sets, uint32_t ways, unsigned replacement)
{
    struct mw_tlbs tlbs = {.l1d = {.arrays = 1, .array = {{sets, ways, ALL_SIZES, replacement}}}};

    return tlbs;
}

#endif
