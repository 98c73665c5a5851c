/*
 * What the tests of the stale-translation detector share: a hart with a detector, and one page whose
 * PTE they change.
 */
#ifndef MAPWALK_TESTS_HW_STALE_WORLD_H
#define MAPWALK_TESTS_HW_STALE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hw/stale.h"
#include "tables.h"

#define VA    ((vaddr_t)0x40200000)
#define FRAME ((uint64_t)0x90000000)
#define OTHER ((uint64_t)0x90001000)

struct stale_world {
    struct world w;
    struct stale *stale;
    paddr_t slot; /* of the PTE of VA */
    pte_t pte;    /* as mapped */
};

static inline void start(struct stale_world *s, struct mw_tlbs tlbs, uint64_t fail_at,
                         bool hardware_ad)
{
    struct hart_setup setup = world_setup(tlbs);

    setup.plain = true;
    setup.svnapot = true;
    setup.svpbmt = true;
    setup.hardware_ad = hardware_ad;
    world_init(&s->w);
    world_start_setup(&s->w, &setup);
    s->w.alloc.fail_at = fail_at == 0 ? 0 : s->w.alloc.calls + fail_at;
    s->stale = stale_new(&s->w.alloc, &s->w.ram, &s->w.bus, &s->w.hart, 1);
    s->w.hart.stale = s->stale;
}

static inline void map(struct stale_world *s, unsigned level, uint64_t frame, uint64_t flags)
{
    s->pte = pte_make(paddr(frame), flags);
    s->slot = world_map(&s->w, MW_MODE_SV39, VA, level, s->pte);
}

static inline void stop(struct stale_world *s)
{
    assert_true(stale_check(s->stale));
    stale_free(s->stale);
    hart_destroy(&s->w.hart);
    world_destroy(&s->w);
}

/* Accesses VA + offset; true: no trap. */
static inline bool use(struct stale_world *s, uint64_t offset, enum mw_access access)
{
    struct trap trap;
    bool done = hart_translate(&s->w.hart, VA + offset, access, &trap) != NULL;

    if (!done)
        event_op_end(&s->w.bus, trap.opened_op);
    return done;
}

static inline struct mw_stale_counters counters(const struct stale_world *s)
{
    struct mw_stale_counters now;

    stale_read_counters(s->stale, &now);
    return now;
}

/* The kernel changes the PTE, and tells or does not tell. */
static inline void change(struct stale_world *s, pte_t new)
{
    pte_t old = world_read_pte(&s->w, s->slot);

    world_write_pte(&s->w, s->slot, new);
    stale_note_pte(s->stale, s->slot, old, new, MW_FENCE_PROTECT);
}

static inline const struct mw_stale_finding *only_finding(const struct stale_world *s)
{
    assert_int_equal(counters(s).findings, 1);
    assert_null(stale_finding(s->stale, 1));
    return stale_finding(s->stale, 0);
}

static inline struct mw_tlbs with_walk_cache(void)
{
    struct mw_tlbs tlbs = world_tlbs(1, 1);

    assert_int_equal(mw_tlb_parse("8x1", 1, &tlbs.walk_cache), 0);
    return tlbs;
}

#endif
