/*
 * The walk cache in a hart: walks that begin below a pointer, what a fence leaves of it, and what
 * then is stale.
 */
#include "unit/hw/one_hart.h"

#define POINTERS (WORLD_SIZES & ~(1u << MW_SIZE_4K | 1u << MW_SIZE_64K))
#define NEXT_2M  (VA + level_bytes(1))
#define NEXT_1G  (VA + level_bytes(2))

static void start_cache(struct world *w, uint32_t ways, uint32_t sizes)
{
    struct mw_tlbs tlbs = world_tlbs(64, 4);
    struct hart_setup setup;

    tlbs.walk_cache.arrays = 1;
    tlbs.walk_cache.array[0] = (struct mw_tlb_array){1, ways, sizes, MW_REPLACE_LRU};
    setup = world_setup(tlbs);
    start_setup(w, &setup);
}

static const struct mw_walker_counters *walker(const struct world *w)
{
    return &w->hart.walk_cache.counters;
}

/* PTEs that the walk for one load reads. */
static uint64_t references(struct world *w, vaddr_t va)
{
    uint64_t before = walker(w)->references;

    assert_true(access_ok(w, va, MW_LOAD));
    return walker(w)->references - before;
}

static void a_walk_begins_below_the_lowest_pointer_known(void **state)
{
    const struct mw_event *e;
    struct world w;

    (void)state;
    start_cache(&w, 8, POINTERS);
    map(&w, VA, 0, LEAF_RW);
    map(&w, VA + PAGE_BYTES, 1, LEAF_RW);
    map(&w, NEXT_2M, 2, LEAF_RW);
    map(&w, NEXT_1G, 3, LEAF_RW);
    assert_int_equal(references(&w, VA), 3);
    assert_int_equal(walker(&w)->cache_fills, 2);
    world_listen(&w);
    assert_int_equal(references(&w, VA + PAGE_BYTES), 1);
    e = world_event(&w, MW_EVENT_WALK_SKIP, 0);
    assert_int_equal(e->arg[0], VA + PAGE_BYTES);
    assert_int_equal(e->arg[1], 1);
    assert_int_equal(
        e->arg[2],
        world_read_pte(&w,
                       world_slot(pte_paddr(world_read_pte(&w, world_slot(w.root, VA, 2))), VA, 1))
            .raw);
    assert_null(world_event(&w, MW_EVENT_WALK_STEP, 1)); /* one PTE was read */
    assert_int_equal(references(&w, NEXT_2M), 2);
    assert_int_equal(references(&w, NEXT_1G), 3);
    assert_int_equal(walker(&w)->skipped[MW_SIZE_2M], 1);
    assert_int_equal(walker(&w)->skipped[MW_SIZE_1G], 1);
    assert_int_equal(world_sum(walker(&w)->skipped), 2);
    assert_int_equal(walker(&w)->cache_fills, 5);
    assert_int_equal(walker(&w)->walks, 4);
    assert_int_equal(w.clock.now_ns, 900);
    finish(&w);
}

static void a_walk_cache_keeps_the_levels_it_is_for_only(void **state)
{
    struct world w;

    (void)state;
    start_cache(&w, 8, 1u << MW_SIZE_1G);
    map(&w, VA, 0, LEAF_RW);
    map(&w, VA + PAGE_BYTES, 1, LEAF_RW);
    assert_int_equal(references(&w, VA), 3);
    assert_int_equal(references(&w, VA + PAGE_BYTES), 2);
    assert_int_equal(walker(&w)->skipped[MW_SIZE_1G], 1);
    assert_int_equal(walker(&w)->cache_fills, 1);
    finish(&w);
}

static void a_walk_that_fails_leaves_no_pointers(void **state)
{
    struct world w;

    (void)state;
    start_cache(&w, 8, POINTERS);
    map(&w, VA, 0, LEAF_RW);
    access_trap(&w, VA + PAGE_BYTES, MW_LOAD);
    assert_int_equal(walker(&w)->cache_fills, 0);
    assert_int_equal(references(&w, VA), 3);
    access_trap(&w, VA + PAGE_BYTES, MW_LOAD); /* it may use them, though */
    assert_int_equal(walker(&w)->skipped[MW_SIZE_2M], 1);
    assert_int_equal(walker(&w)->references, 3 + 3 + 1);
    finish(&w);
}

static void pointers_go_in_root_first_and_a_use_keeps_them(void **state)
{
    struct world w;

    (void)state;
    start_cache(&w, 2, POINTERS);
    map(&w, VA, 0, LEAF_RW);
    map(&w, VA + PAGE_BYTES, 1, LEAF_RW);
    map(&w, NEXT_2M, 2, LEAF_RW);
    map(&w, NEXT_2M + PAGE_BYTES, 3, LEAF_RW);
    assert_int_equal(references(&w, VA), 3);
    assert_int_equal(references(&w, VA + PAGE_BYTES), 1);
    /* The pointer of 1G is older, but used now: that of 2M goes for the new one. */
    assert_int_equal(references(&w, NEXT_2M), 2);
    assert_int_equal(walker(&w)->cache_evictions, 1);
    assert_int_equal(references(&w, NEXT_2M + PAGE_BYTES), 1);
    hart_sfence(&w.hart, true, VA, false, 0);
    assert_int_equal(references(&w, VA), 2);
    finish(&w);
}

static void address_spaces_do_not_share_pointers_even_of_global_pages(void **state)
{
    struct world w;

    (void)state;
    start_cache(&w, 8, POINTERS);
    map(&w, VA, 0, LEAF_RW | PTE_G);
    map(&w, VA + PAGE_BYTES, 0, LEAF_RW | PTE_G);
    assert_int_equal(references(&w, VA), 3);
    hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 2);
    assert_int_equal(references(&w, VA + PAGE_BYTES), 3);
    finish(&w);
}

/* Of four forms, those with an address leave pointers alone: they order leaf PTEs only. */
static void a_fence_with_an_address_leaves_the_walk_cache_alone(void **state)
{
    struct world w;

    (void)state;
    start_cache(&w, 8, POINTERS);
    map(&w, VA, 0, LEAF_RW);
    assert_int_equal(references(&w, VA), 3);
    hart_sfence(&w.hart, true, VA, false, 0);
    assert_int_equal(references(&w, VA), 1);
    hart_sfence(&w.hart, true, VA, true, 1);
    assert_int_equal(references(&w, VA), 1);
    assert_int_equal(walker(&w)->cache_dropped, 0);
    hart_sfence(&w.hart, false, 0, true, 2); /* another address space */
    assert_int_equal(walker(&w)->cache_dropped, 0);
    hart_sfence(&w.hart, false, 0, true, 1);
    assert_int_equal(walker(&w)->cache_dropped, 2);
    assert_int_equal(references(&w, VA), 3);
    hart_sfence(&w.hart, false, 0, false, 0);
    assert_int_equal(walker(&w)->cache_dropped, 4);
    assert_int_equal(references(&w, VA), 3);
    finish(&w);
}

static void a_pointer_that_changed_is_followed_until_a_fence_without_an_address(void **state)
{
    struct world w;
    struct trap trap;
    paddr_t slot;

    (void)state;
    start_cache(&w, 8, POINTERS);
    map(&w, VA, 0, LEAF_RW);
    map(&w, VA + PAGE_BYTES, 1, LEAF_RW);
    assert_int_equal(references(&w, VA), 3);
    slot = world_slot(pte_paddr(world_read_pte(&w, world_slot(w.root, VA, 2))), VA, 1);
    world_write_pte(&w, slot, pte_none()); /* the table is unhooked, but not yet forgotten */
    assert_false(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 1));
    hart_sfence(&w.hart, true, VA + PAGE_BYTES, true, 1);
    assert_ptr_equal(hart_translate(&w.hart, VA + PAGE_BYTES, MW_LOAD, &trap),
                     ram_host(&w.ram, paddr(FRAME + PAGE_BYTES)));
    hart_sfence(&w.hart, false, 0, true, 1);
    assert_int_equal(access_trap(&w, VA + PAGE_BYTES, MW_LOAD).error, MW_WALK_INVALID);
    assert_true(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 1));
    finish(&w);
}

static void addresses_that_are_none_do_not_reach_the_walk_cache(void **state)
{
    struct world w;

    (void)state;
    start_cache(&w, 8, POINTERS);
    map(&w, VA, 0, LEAF_RW);
    assert_int_equal(references(&w, VA), 3);
    for (unsigned bit = 39; bit < 64; bit++)
        assert_int_equal(access_trap(&w, VA ^ (vaddr_t)1 << bit, MW_LOAD).error,
                         MW_WALK_NOT_CANONICAL);
    hart_set_satp(&w.hart, MW_MODE_BARE, paddr(0), 1);
    assert_true(access_ok(&w, WORLD_BASE, MW_LOAD));
    assert_int_equal(world_sum(walker(&w)->skipped), 0);
    finish(&w);
}

static void a_superpage_leaves_only_the_pointers_above_it(void **state)
{
    struct world w;

    (void)state;
    start_cache(&w, 8, POINTERS);
    world_map(&w, MW_MODE_SV39, VA, 1, page_of(0, LEAF_RW));
    assert_int_equal(references(&w, VA), 2);
    assert_int_equal(walker(&w)->cache_fills, 1);
    hart_sfence(&w.hart, true, VA, true, 1);
    assert_int_equal(references(&w, VA), 1);
    assert_int_equal(walker(&w)->skipped[MW_SIZE_1G], 1);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_begins_below_the_lowest_pointer_known),
        cmocka_unit_test(a_walk_cache_keeps_the_levels_it_is_for_only),
        cmocka_unit_test(a_walk_that_fails_leaves_no_pointers),
        cmocka_unit_test(pointers_go_in_root_first_and_a_use_keeps_them),
        cmocka_unit_test(address_spaces_do_not_share_pointers_even_of_global_pages),
        cmocka_unit_test(a_fence_with_an_address_leaves_the_walk_cache_alone),
        cmocka_unit_test(a_pointer_that_changed_is_followed_until_a_fence_without_an_address),
        cmocka_unit_test(addresses_that_are_none_do_not_reach_the_walk_cache),
        cmocka_unit_test(a_superpage_leaves_only_the_pointers_above_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
