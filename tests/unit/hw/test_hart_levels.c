/*
 * How the TLBs of a hart work together: two levels, shared or split, and what they count.
 *
 * The first levels have two entries each here, the second ones sixteen, so that a third page sends
 * one out of the first level.
 */
#include "unit/hw/one_hart.h"

#define SECOND (VA + PAGE_BYTES)
#define THIRD  (VA + 2 * PAGE_BYTES)

static struct mw_tlb one(uint32_t ways, uint32_t sizes)
{
    return (struct mw_tlb){.arrays = 1, .array = {{1, ways, sizes, MW_REPLACE_LRU}}};
}

static struct mw_tlbs two_levels(void)
{
    return (struct mw_tlbs){.l1d = one(2, WORLD_SIZES), .l2 = one(16, WORLD_SIZES)};
}

static struct mw_tlbs all_split(void)
{
    return (struct mw_tlbs){.l1d = one(2, WORLD_SIZES),
                            .l1i = one(2, WORLD_SIZES),
                            .l2 = one(16, WORLD_SIZES),
                            .l2i = one(16, WORLD_SIZES)};
}

static void start_tlbs(struct world *w, struct mw_tlbs tlbs)
{
    struct hart_setup setup = world_setup(tlbs);

    start_setup(w, &setup);
    for (unsigned n = 0; n < 4; n++)
        map(w, VA + n * PAGE_BYTES, n, LEAF_RWX);
}

static struct mw_tlb_counters counters(struct world *w, enum mw_tlb_unit unit)
{
    return hart_tlb_counters(&w->hart, unit);
}

/* All lookups of a TLB: hits, misses that found a translation, misses that trapped. */
static void expect_lookups(struct world *w, enum mw_tlb_unit unit, uint64_t hits, uint64_t misses,
                           uint64_t faulted)
{
    struct mw_tlb_counters n = counters(w, unit);

    assert_int_equal(world_sum(n.hits), hits);
    assert_int_equal(world_sum(n.misses), misses);
    assert_int_equal(n.misses_faulted, faulted);
}

static bool in(struct world *w, enum mw_tlb_unit unit, vaddr_t va)
{
    return world_entry(&w->hart.tlb[unit], va, 1) != NULL;
}

/* ---- two levels ---- */

static void a_walk_fills_the_second_level_then_the_first(void **state)
{
    struct world w;

    (void)state;
    start_tlbs(&w, two_levels());
    world_listen(&w);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(world_event(&w, MW_EVENT_TLB_FILL, 0)->arg[6], MW_TLB_L2);
    assert_int_equal(world_event(&w, MW_EVENT_TLB_FILL, 1)->arg[6], MW_TLB_L1D);
    expect_lookups(&w, MW_TLB_L1D, 0, 1, 0);
    expect_lookups(&w, MW_TLB_L2, 0, 1, 0);
    assert_true(access_ok(&w, VA, MW_LOAD));
    expect_lookups(&w, MW_TLB_L1D, 1, 1, 0);
    expect_lookups(&w, MW_TLB_L2, 0, 1, 0); /* was not asked */
    finish(&w);
}

static void what_the_first_level_has_lost_the_second_gives_back(void **state)
{
    const struct mw_event *e;
    struct trap trap;
    struct world w;

    (void)state;
    start_tlbs(&w, two_levels());
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, SECOND, MW_LOAD) &&
                access_ok(&w, THIRD, MW_LOAD));
    assert_false(in(&w, MW_TLB_L1D, VA));
    assert_int_equal(w.clock.now_ns, 900);
    world_listen(&w);
    assert_ptr_equal(hart_translate(&w.hart, VA + 5, MW_LOAD, &trap),
                     ram_host(&w.ram, paddr(FRAME + 5)));
    assert_int_equal(w.clock.now_ns, 910); /* the second level's price, no walk's */
    expect_counts(&w, MW_LOAD, 0, 4);
    expect_lookups(&w, MW_TLB_L1D, 0, 4, 0);
    expect_lookups(&w, MW_TLB_L2, 1, 3, 0);
    assert_int_equal(w.hart.walk_cache.counters.walks, 3);
    assert_true(in(&w, MW_TLB_L1D, VA) && !in(&w, MW_TLB_L1D, SECOND));
    e = world_event(&w, MW_EVENT_TLB_L2_HIT, 0);
    assert_int_equal(e->arg[0], VA + 5);
    assert_int_equal(e->arg[1], MW_LOAD);
    assert_int_equal(e->arg[2], MW_TLB_L2);
    assert_int_equal(e->arg[3], MW_SIZE_4K);
    assert_non_null(world_event(&w, MW_EVENT_TLB_MISS, 0));
    assert_null(world_event(&w, MW_EVENT_WALK_STEP, 0));
    finish(&w);
}

static void what_the_second_level_has_lost_the_first_keeps(void **state)
{
    struct mw_tlbs tlbs = two_levels();
    struct world w;

    (void)state;
    tlbs.l2 = one(1, WORLD_SIZES);
    start_tlbs(&w, tlbs);
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, SECOND, MW_LOAD));
    assert_false(in(&w, MW_TLB_L2, VA));
    assert_true(access_ok(&w, VA, MW_LOAD));
    expect_counts(&w, MW_LOAD, 1, 2);
    finish(&w);
}

static void fetches_have_tlbs_of_their_own_where_there_are_any(void **state)
{
    struct world w;

    (void)state;
    start_tlbs(&w, all_split());
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA, MW_FETCH));
    expect_lookups(&w, MW_TLB_L1D, 0, 1, 0);
    expect_lookups(&w, MW_TLB_L1I, 0, 1, 0);
    expect_lookups(&w, MW_TLB_L2, 0, 1, 0);
    expect_lookups(&w, MW_TLB_L2I, 0, 1, 0);
    assert_true(access_ok(&w, VA, MW_STORE) && access_ok(&w, VA, MW_AMO));
    assert_true(access_ok(&w, VA, MW_FETCH));
    expect_lookups(&w, MW_TLB_L1D, 2, 1, 0);
    expect_lookups(&w, MW_TLB_L1I, 1, 1, 0);
    finish(&w);
}

static void fetches_share_what_is_not_split(void **state)
{
    struct mw_tlbs tlbs = all_split();
    struct world w;

    (void)state;
    tlbs.l2i.arrays = 0;
    start_tlbs(&w, tlbs);
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA, MW_FETCH));
    expect_lookups(&w, MW_TLB_L1I, 0, 1, 0);
    expect_lookups(&w, MW_TLB_L2, 1, 1, 0);
    expect_lookups(&w, MW_TLB_L2I, 0, 0, 0);
    finish(&w);
    start_tlbs(&w, two_levels());
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA, MW_FETCH));
    expect_lookups(&w, MW_TLB_L1D, 1, 1, 0);
    expect_lookups(&w, MW_TLB_L1I, 0, 0, 0);
    finish(&w);
}

/* ---- entries that forbid ---- */

static void where_the_first_level_forbids_the_second_may_serve(void **state)
{
    struct mw_tlbs tlbs = all_split();
    struct world w;

    (void)state;
    tlbs.l2i.arrays = 0;
    start_tlbs(&w, tlbs);
    assert_true(access_ok(&w, VA, MW_FETCH)); /* l1i and l2: a supervisor's page */
    map(&w, VA, 0, LEAF_RWX | PTE_U);
    hart_set_privilege(&w.hart, true, false, false);
    assert_true(access_ok(&w, VA, MW_LOAD)); /* l2 forbids: walked; l2 is a user's page now */
    assert_true(access_ok(&w, VA, MW_FETCH));
    expect_lookups(&w, MW_TLB_L1I, 0, 2, 0);
    expect_lookups(&w, MW_TLB_L2, 1, 2, 0);
    assert_true(access_ok(&w, VA, MW_FETCH)); /* and the first level has been renewed */
    expect_lookups(&w, MW_TLB_L1I, 1, 2, 0);
    assert_int_equal(counters(&w, MW_TLB_L1I).evictions, 0);
    finish(&w);
}

static void a_walk_that_fails_evicts_what_forbade_from_both_levels(void **state)
{
    struct world w;

    (void)state;
    start_tlbs(&w, two_levels());
    map(&w, VA, 0, PTE_V | PTE_R | PTE_A);
    assert_true(access_ok(&w, VA, MW_LOAD));
    world_listen(&w);
    assert_int_equal(access_trap(&w, VA, MW_STORE).error, MW_WALK_NO_WRITE);
    assert_int_equal(world_event(&w, MW_EVENT_TLB_EVICT, 0)->arg[4], MW_TLB_L1D);
    assert_int_equal(world_event(&w, MW_EVENT_TLB_EVICT, 1)->arg[4], MW_TLB_L2);
    assert_false(in(&w, MW_TLB_L1D, VA) || in(&w, MW_TLB_L2, VA));
    expect_lookups(&w, MW_TLB_L1D, 0, 1, 1);
    expect_lookups(&w, MW_TLB_L2, 0, 1, 1);
    assert_int_equal(counters(&w, MW_TLB_L1D).evictions, 1);
    assert_int_equal(counters(&w, MW_TLB_L2).evictions, 1);
    finish(&w);
}

static void bare_mode_and_addresses_that_are_none_look_into_no_tlb(void **state)
{
    struct world w;

    (void)state;
    start_tlbs(&w, all_split());
    access_trap(&w, VA | (vaddr_t)1 << 45, MW_LOAD);
    hart_set_satp(&w.hart, MW_MODE_BARE, paddr(0), 0);
    assert_true(access_ok(&w, WORLD_BASE, MW_LOAD));
    access_trap(&w, 0, MW_FETCH);
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        expect_lookups(&w, (enum mw_tlb_unit)unit, 0, 0, 0);
    expect_counts(&w, MW_LOAD, 0, 2);
    expect_counts(&w, MW_FETCH, 0, 1);
    assert_int_equal(w.hart.walk_cache.counters.walks, 3);
    assert_int_equal(w.hart.traps, 2);
    finish(&w);
}

/* ---- sizes ---- */

static void a_first_level_that_cannot_hold_a_page_leaves_it_to_the_second(void **state)
{
    struct mw_tlbs tlbs = two_levels();
    struct world w;

    (void)state;
    tlbs.l1d = one(2, 1u << MW_SIZE_2M);
    start_tlbs(&w, tlbs);
    for (unsigned i = 0; i < 3; i++)
        assert_true(access_ok(&w, VA, MW_LOAD));
    expect_lookups(&w, MW_TLB_L1D, 0, 3, 0);
    expect_lookups(&w, MW_TLB_L2, 2, 1, 0);
    assert_int_equal(world_entries(l1(&w)), 0);
    finish(&w);
}

static void the_first_level_gets_no_more_than_the_second_knows(void **state)
{
    struct mw_tlbs tlbs = two_levels();
    vaddr_t super = level_bytes(1) * 9;
    struct world w;

    (void)state;
    tlbs.l2 = one(16, 1u << MW_SIZE_4K);
    start_tlbs(&w, tlbs);
    world_map(&w, MW_MODE_SV39, super, 1, page_of(0, LEAF_RWX));
    assert_true(access_ok(&w, super, MW_LOAD));
    assert_int_equal(world_entry(l1(&w), super, 1)->size, MW_SIZE_2M);
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, SECOND, MW_LOAD));
    assert_true(access_ok(&w, super, MW_LOAD)); /* back from the second level, as 4K */
    assert_int_equal(world_entry(l1(&w), super, 1)->size, MW_SIZE_4K);
    assert_int_equal(world_entry(l1(&w), super, 1)->leaf_size, MW_SIZE_2M);
    assert_int_equal(counters(&w, MW_TLB_L1D).misses[MW_SIZE_2M], 2);
    assert_int_equal(counters(&w, MW_TLB_L2).hits[MW_SIZE_4K], 1);
    assert_int_equal(counters(&w, MW_TLB_L2).misses[MW_SIZE_2M], 1);
    finish(&w);
}

/* ---- fences ---- */

static void a_fence_drops_from_all_tlbs_and_every_part(void **state)
{
    struct mw_tlbs tlbs = all_split();
    vaddr_t super = level_bytes(1) * 9;
    struct world w;

    (void)state;
    tlbs.l1d = tlbs.l1i = one(2, 1u << MW_SIZE_4K);
    start_tlbs(&w, tlbs);
    world_map(&w, MW_MODE_SV39, super, 1, page_of(0, LEAF_RWX));
    assert_true(access_ok(&w, super, MW_LOAD) && access_ok(&w, super + 0x5000, MW_LOAD));
    assert_true(access_ok(&w, super + 0x7000, MW_FETCH));
    world_listen(&w);
    hart_sfence(&w.hart, true, super + 0x123456, true, 1);
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        assert_int_equal(world_entries(&w.hart.tlb[unit]), 0);
    assert_int_equal(counters(&w, MW_TLB_L1D).dropped, 2);
    assert_int_equal(counters(&w, MW_TLB_L1I).dropped, 1);
    assert_int_equal(counters(&w, MW_TLB_L2).dropped, 1);
    assert_int_equal(counters(&w, MW_TLB_L2I).dropped, 1);
    assert_int_equal(w.events, 1);
    assert_int_equal(w.event[0].kind, MW_EVENT_TLB_FLUSH);
    assert_int_equal(w.event[0].arg[0], 1);
    assert_int_equal(w.event[0].arg[1], super + 0x123456);
    assert_int_equal(w.event[0].arg[2], 1);
    assert_int_equal(w.event[0].arg[3], 1);
    assert_int_equal(w.event[0].arg[4], 5);
    assert_int_equal(w.hart.flushes, 1);
    finish(&w);
}

/* ---- compulsory misses ---- */

static uint64_t compulsory(struct world *w, enum mw_tlb_unit unit)
{
    return counters(w, unit).compulsory;
}

static void only_the_first_miss_of_a_page_is_compulsory(void **state)
{
    struct world w;

    (void)state;
    start_tlbs(&w, two_levels());
    for (unsigned i = 0; i < 9; i++)
        assert_true(access_ok(&w, VA + i % 3 * PAGE_BYTES, MW_LOAD));
    expect_lookups(&w, MW_TLB_L1D, 0, 9, 0); /* three pages in turn, two entries, LRU */
    expect_lookups(&w, MW_TLB_L2, 6, 3, 0);
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 3);
    assert_int_equal(compulsory(&w, MW_TLB_L2), 3);
    hart_sfence(&w.hart, false, 0, false, 0);
    assert_true(
        access_ok(&w, VA, MW_LOAD)); /* missed because of the fence, not for the first time */
    assert_int_equal(compulsory(&w, MW_TLB_L2), 3);
    finish(&w);
}

static void a_page_is_new_to_each_tlb_address_space_and_size(void **state)
{
    struct world w;
    paddr_t root;

    (void)state;
    start_tlbs(&w, all_split());
    root = w.root;
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA, MW_FETCH));
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 1);
    assert_int_equal(compulsory(&w, MW_TLB_L1I), 1);
    hart_set_satp(&w.hart, MW_MODE_SV39, root, 2);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 2);
    w.root = world_take_table(&w);
    hart_sfence(&w.hart, false, 0, false, 0);
    hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 2);
    world_map(&w, MW_MODE_SV39, VA, 1, page_of(0, LEAF_RWX));
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 3);
    hart_sfence(&w.hart, false, 0, false, 0);
    hart_set_satp(&w.hart, MW_MODE_SV39, root, 2);
    world_map(&w, MW_MODE_SV39, VA & ~(level_bytes(1) - 1), 1, page_of(0, LEAF_RWX));
    w.root = root;
    world_map(&w, MW_MODE_SV39, VA & ~(level_bytes(1) - 1), 1, page_of(0, LEAF_RWX));
    assert_true(access_ok(&w, VA, MW_LOAD)); /* the same address, now of a 2M page */
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 4);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 4);
    finish(&w);
}

static void a_miss_that_traps_is_not_compulsory(void **state)
{
    struct world w;

    (void)state;
    start_tlbs(&w, two_levels());
    map(&w, VA, 0, 0);
    access_trap(&w, VA, MW_LOAD);
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 0);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 1);
    finish(&w);
}

/* Without memory for the set of pages, an access is served all the same, and counts as new. */
static void a_page_that_cannot_be_remembered_is_new_again(void **state)
{
    struct world w;

    (void)state;
    start_tlbs(&w, two_levels());
    for (unsigned i = 0; i < 2; i++) {
        w.alloc.fail_at = w.alloc.calls + 1;
        assert_true(access_ok(&w, VA, MW_LOAD));
        hart_sfence(&w.hart, false, 0, false, 0);
    }
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 2);
    assert_int_equal(compulsory(&w, MW_TLB_L2), 2);
    assert_true(access_ok(&w, VA, MW_LOAD)); /* now it can */
    hart_sfence(&w.hart, false, 0, false, 0);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(compulsory(&w, MW_TLB_L1D), 3);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_fills_the_second_level_then_the_first),
        cmocka_unit_test(what_the_first_level_has_lost_the_second_gives_back),
        cmocka_unit_test(what_the_second_level_has_lost_the_first_keeps),
        cmocka_unit_test(fetches_have_tlbs_of_their_own_where_there_are_any),
        cmocka_unit_test(fetches_share_what_is_not_split),
        cmocka_unit_test(where_the_first_level_forbids_the_second_may_serve),
        cmocka_unit_test(a_walk_that_fails_evicts_what_forbade_from_both_levels),
        cmocka_unit_test(bare_mode_and_addresses_that_are_none_look_into_no_tlb),
        cmocka_unit_test(a_first_level_that_cannot_hold_a_page_leaves_it_to_the_second),
        cmocka_unit_test(the_first_level_gets_no_more_than_the_second_knows),
        cmocka_unit_test(a_fence_drops_from_all_tlbs_and_every_part),
        cmocka_unit_test(only_the_first_miss_of_a_page_is_compulsory),
        cmocka_unit_test(a_page_is_new_to_each_tlb_address_space_and_size),
        cmocka_unit_test(a_miss_that_traps_is_not_compulsory),
        cmocka_unit_test(a_page_that_cannot_be_remembered_is_new_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
