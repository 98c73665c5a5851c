/*
 * Prefetch: pages behind one that was walked to, for the last level.
 */
#include "unit/hw/one_hart.h"

#define PAGE(n) (VA + (uint64_t)(n)*PAGE_BYTES)

/* Eight pages from VA on, the n-th with these flags; a hart that prefetches `count`. */
static void start_prefetch(struct world *w, uint32_t count, bool second)
{
    struct mw_tlbs tlbs = world_tlbs(1, 16);
    struct hart_setup setup;

    tlbs.prefetch = count;
    if (second)
        tlbs.l2 = world_tlbs(1, 32).l1d;
    setup = world_setup(tlbs);
    start_setup(w, &setup);
    for (unsigned n = 0; n < 8; n++)
        map(w, PAGE(n), n, LEAF_RW);
}

static const struct mw_walker_counters *walker(const struct world *w)
{
    return &w->hart.walk_cache.counters;
}

static bool in(struct world *w, enum mw_tlb_unit unit, vaddr_t va)
{
    return world_entry(&w->hart.tlb[unit], va, 1) != NULL;
}

static void nothing_is_prefetched_unless_it_is_asked_for(void **state)
{
    struct world w;

    (void)state;
    start_prefetch(&w, 0, true);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(world_entries(l1(&w)), 1);
    assert_int_equal(world_entries(&w.hart.tlb[MW_TLB_L2]), 1);
    assert_int_equal(walker(&w)->prefetch_references, 0);
    finish(&w);
}

static void the_following_pages_fill_the_last_level_at_no_cost_in_time(void **state)
{
    struct world w;

    (void)state;
    start_prefetch(&w, 3, true);
    world_listen(&w);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(w.clock.now_ns, 300);
    assert_int_equal(walker(&w)->walks, 1);
    assert_int_equal(walker(&w)->references, 3);
    assert_int_equal(walker(&w)->prefetches, 3);
    assert_int_equal(walker(&w)->prefetch_references, 9);
    for (unsigned n = 1; n < 4; n++) {
        assert_true(in(&w, MW_TLB_L2, PAGE(n)) && !in(&w, MW_TLB_L1D, PAGE(n)));
        assert_int_equal(world_event(&w, MW_EVENT_TLB_PREFETCH, n - 1)->arg[0], PAGE(n));
        assert_int_equal(world_event(&w, MW_EVENT_TLB_PREFETCH, n - 1)->arg[1], MW_SIZE_4K);
    }
    assert_false(in(&w, MW_TLB_L2, PAGE(4)));
    finish(&w);
}

static void without_a_second_level_the_first_is_the_last(void **state)
{
    struct world w;

    (void)state;
    start_prefetch(&w, 2, false);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_true(in(&w, MW_TLB_L1D, PAGE(1)) && in(&w, MW_TLB_L1D, PAGE(2)));
    assert_true(access_ok(&w, PAGE(1), MW_LOAD)); /* a hit, of a page never missed */
    expect_counts(&w, MW_LOAD, 1, 1);
    assert_int_equal(l1(&w)->counters.compulsory, 1);
    finish(&w);
}

static void the_first_use_of_a_prefetched_entry_counts_once(void **state)
{
    struct world w;

    (void)state;
    for (unsigned second = 0; second < 2; second++) {
        start_prefetch(&w, 2, second != 0);
        assert_true(access_ok(&w, VA, MW_LOAD));
        assert_int_equal(walker(&w)->prefetch_hits, 0);
        for (unsigned i = 0; i < 3; i++)
            assert_true(access_ok(&w, PAGE(1), MW_LOAD));
        assert_int_equal(walker(&w)->prefetch_hits, 1);
        assert_true(access_ok(&w, PAGE(2), MW_LOAD));
        assert_int_equal(walker(&w)->prefetch_hits, 2);
        finish(&w);
    }
}

static void a_page_that_is_there_is_not_walked_again(void **state)
{
    struct world w;

    (void)state;
    start_prefetch(&w, 2, false);
    assert_true(access_ok(&w, PAGE(1), MW_LOAD)); /* and 2 and 3 */
    assert_int_equal(walker(&w)->prefetch_references, 6);
    assert_true(access_ok(&w, VA, MW_LOAD)); /* 1 and 2 are there */
    assert_int_equal(walker(&w)->prefetch_references, 6);
    assert_int_equal(walker(&w)->prefetches, 2);
    finish(&w);
}

static void a_hit_or_a_refill_prefetches_nothing(void **state)
{
    struct mw_tlbs tlbs = world_tlbs(1, 1);
    struct hart_setup setup;
    struct world w;

    (void)state;
    tlbs.prefetch = 1;
    tlbs.l2 = world_tlbs(1, 2).l1d;
    setup = world_setup(tlbs);
    start_setup(&w, &setup);
    map(&w, PAGE(0), 0, LEAF_RW);
    map(&w, PAGE(1), 1, LEAF_RW);
    map(&w, PAGE(2), 2, LEAF_RW);
    assert_true(access_ok(&w, PAGE(0), MW_LOAD)); /* the second level has 0 and 1 */
    assert_true(access_ok(&w, PAGE(0), MW_LOAD));
    assert_true(access_ok(&w, PAGE(1), MW_LOAD));
    assert_int_equal(walker(&w)->prefetches, 1);
    assert_int_equal(walker(&w)->prefetch_references, 3);
    finish(&w);
}

/* "Hardware must not guess accesses": A is not set ahead, and D not either. */
static void pages_that_were_not_accessed_are_not_prefetched_and_not_touched(void **state)
{
    struct world w;
    paddr_t slot;

    (void)state;
    start_prefetch(&w, 2, true);
    w.hart.rules.hardware_ad = true;
    slot = map(&w, PAGE(1), 1, LEAF_RW & ~(PTE_A | PTE_D));
    map(&w, PAGE(2), 2, LEAF_RW & ~PTE_D);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_false(in(&w, MW_TLB_L2, PAGE(1)));
    assert_true(in(&w, MW_TLB_L2, PAGE(2)));
    assert_int_equal(world_read_pte(&w, slot).raw, page_of(1, LEAF_RW & ~(PTE_A | PTE_D)).raw);
    assert_int_equal(walker(&w)->prefetches, 1);
    assert_int_equal(walker(&w)->prefetch_references, 6); /* in vain, too */
    assert_int_equal(w.hart.traps, 0);
    assert_true(access_ok(&w, PAGE(3), MW_STORE)); /* 4 and 5 are dirty */
    assert_int_equal(walker(&w)->prefetches, 3);
    finish(&w);
    start_prefetch(&w, 1, true);
    map(&w, PAGE(1), 1, LEAF_RW & ~PTE_D);
    assert_true(access_ok(&w, VA, MW_STORE)); /* a store needs D ahead as well */
    assert_int_equal(walker(&w)->prefetches, 0);
    finish(&w);
}

static void a_page_that_is_missing_does_not_stop_the_ones_behind(void **state)
{
    struct world w;

    (void)state;
    start_prefetch(&w, 3, true);
    map(&w, PAGE(1), 1, 0);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_false(in(&w, MW_TLB_L2, PAGE(1)));
    assert_true(in(&w, MW_TLB_L2, PAGE(2)) && in(&w, MW_TLB_L2, PAGE(3)));
    assert_int_equal(w.hart.traps, 0);
    expect_counts(&w, MW_LOAD, 0, 1);
    finish(&w);
}

static void a_walk_that_failed_prefetches_nothing(void **state)
{
    struct world w;

    (void)state;
    start_prefetch(&w, 3, true);
    map(&w, VA, 0, 0);
    access_trap(&w, VA, MW_LOAD);
    assert_int_equal(walker(&w)->prefetch_references, 0);
    finish(&w);
}

static void behind_a_superpage_come_superpages(void **state)
{
    vaddr_t super = level_bytes(1) * 9;
    struct world w;

    (void)state;
    start_prefetch(&w, 2, true);
    world_map(&w, MW_MODE_SV39, super, 1, page_of(0, LEAF_RWX));
    world_map(&w, MW_MODE_SV39, super + level_bytes(1), 1, page_of(512, LEAF_RWX));
    map(&w, super + 2 * level_bytes(1), 3, LEAF_RW);
    assert_true(access_ok(&w, super + 0x12345, MW_LOAD));
    assert_true(in(&w, MW_TLB_L2, super + 2 * level_bytes(1) - 1));
    assert_true(in(&w, MW_TLB_L2, super + 2 * level_bytes(1))); /* of its own size, 4K */
    assert_false(in(&w, MW_TLB_L2, super + 2 * level_bytes(1) + PAGE_BYTES));
    finish(&w);
}

static void prefetch_ends_where_addresses_do(void **state)
{
    vaddr_t last = ((vaddr_t)1 << 38) - PAGE_BYTES;
    struct world w;

    (void)state;
    start_prefetch(&w, 4, true);
    map(&w, last, 0, LEAF_RW);
    assert_true(access_ok(&w, last, MW_LOAD));
    assert_int_equal(walker(&w)->prefetch_references, 0);
    finish(&w);
}

static void fetches_prefetch_for_the_tlb_of_fetches(void **state)
{
    struct mw_tlbs tlbs = world_tlbs(1, 8);
    struct hart_setup setup;
    struct world w;

    (void)state;
    tlbs.prefetch = 1;
    tlbs.l1i = tlbs.l2 = tlbs.l2i = tlbs.l1d;
    setup = world_setup(tlbs);
    start_setup(&w, &setup);
    map(&w, PAGE(0), 0, LEAF_RWX);
    map(&w, PAGE(1), 1, LEAF_RW); /* nothing to fetch */
    assert_true(access_ok(&w, VA, MW_FETCH));
    assert_int_equal(walker(&w)->prefetches, 0);
    hart_sfence(&w.hart, false, 0, false, 0);
    map(&w, PAGE(1), 1, LEAF_RWX);
    assert_true(access_ok(&w, VA, MW_FETCH));
    assert_true(in(&w, MW_TLB_L2I, PAGE(1)) && !in(&w, MW_TLB_L2, PAGE(1)));
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_prefetched_unless_it_is_asked_for),
        cmocka_unit_test(the_following_pages_fill_the_last_level_at_no_cost_in_time),
        cmocka_unit_test(without_a_second_level_the_first_is_the_last),
        cmocka_unit_test(the_first_use_of_a_prefetched_entry_counts_once),
        cmocka_unit_test(a_page_that_is_there_is_not_walked_again),
        cmocka_unit_test(a_hit_or_a_refill_prefetches_nothing),
        cmocka_unit_test(pages_that_were_not_accessed_are_not_prefetched_and_not_touched),
        cmocka_unit_test(a_page_that_is_missing_does_not_stop_the_ones_behind),
        cmocka_unit_test(a_walk_that_failed_prefetches_nothing),
        cmocka_unit_test(behind_a_superpage_come_superpages),
        cmocka_unit_test(prefetch_ends_where_addresses_do),
        cmocka_unit_test(fetches_prefetch_for_the_tlb_of_fetches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
