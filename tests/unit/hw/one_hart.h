/*
 * One hart in S-mode under Sv39 with ASID 1, for the tests of harts: pages from VA on, frames from
 * FRAME on.
 */
#ifndef MAPWALK_TESTS_HW_ONE_HART_H
#define MAPWALK_TESTS_HW_ONE_HART_H

#include "unit/hw/tables.h"

#define FRAME ((uint64_t)(WORLD_BASE + ((uint64_t)1 << 30)))
#define VA    ((vaddr_t)0x40201000)

static inline pte_t page_of(unsigned n, uint64_t flags)
{
    return pte_make(paddr(FRAME + n * PAGE_BYTES), flags);
}

static inline paddr_t map(struct world *w, vaddr_t va, unsigned n, uint64_t flags)
{
    return world_map(w, MW_MODE_SV39, va, 0, page_of(n, flags));
}

/* A world with a hart of any setup. */
static inline void start_setup(struct world *w, const struct hart_setup *setup)
{
    world_init(w);
    world_start_setup(w, setup);
}

/* A world whose hart runs in S-mode under Sv39 with ASID 1. */
static inline void start(struct world *w)
{
    world_init(w);
    world_start_hart(w, 4, 2);
}

static inline void finish(struct world *w)
{
    assert_true(hart_check(&w->hart));
    hart_destroy(&w->hart);
    world_destroy(w);
}

/* The first TLB of data, often the only one. */
static inline struct tlb *l1(struct world *w)
{
    return &w->hart.tlb[MW_TLB_L1D];
}

static inline uint64_t fills(struct world *w)
{
    return world_sum(l1(w)->counters.fills);
}

static inline bool access_ok(struct world *w, vaddr_t va, enum mw_access access)
{
    struct trap trap;

    if (hart_translate(&w->hart, va, access, &trap) != NULL)
        return true;
    event_op_end(&w->bus, trap.opened_op);
    return false;
}

static inline struct trap access_trap(struct world *w, vaddr_t va, enum mw_access access)
{
    struct trap trap;

    assert_null(hart_translate(&w->hart, va, access, &trap));
    event_op_end(&w->bus, trap.opened_op);
    return trap;
}

static inline void expect_counts(const struct world *w, enum mw_access access, uint64_t hits,
                                 uint64_t misses)
{
    assert_int_equal(hart_hits(&w->hart, access), hits);
    assert_int_equal(w->hart.misses[access], misses);
}

#endif
