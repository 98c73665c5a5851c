/*
 * Svnapot and Svpbmt in a hart: what its setup names, and regions of 64 KiB in its TLB.
 */
#include "unit/hw/one_hart.h"

static void a_hart_has_the_extensions_that_its_setup_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct hart_setup setup = world_setup(world_tlbs(1, 1));
        struct world w;

        setup.svnapot = (i & 1) != 0;
        setup.svpbmt = (i & 2) != 0;
        world_init(&w);
        world_start_setup(&w, &setup);
        map(&w, VA, 8, LEAF_RWX | PTE_N);
        map(&w, VA + level_bytes(1), 0, LEAF_RWX | (uint64_t)1 << 61);
        assert_int_equal(access_ok(&w, VA, MW_LOAD), setup.svnapot);
        assert_int_equal(access_ok(&w, VA + level_bytes(1), MW_LOAD), setup.svpbmt);
        finish(&w);
    }
}

/* Maps the region of 16 pages at VA by 16 equal PTEs; says where the first one lies. */
static paddr_t map_region(struct world *w, uint64_t flags)
{
    paddr_t first = map(w, VA & ~(vaddr_t)0xffff, 8, flags | PTE_N);

    for (unsigned page = 1; page < 16; page++)
        map(w, (VA & ~(vaddr_t)0xffff) + page * PAGE_BYTES, 8, flags | PTE_N);
    return first;
}

/* Four pages of a region, twice each. */
static void touch_region(struct world *w)
{
    vaddr_t region = VA & ~(vaddr_t)0xffff;
    struct trap trap;

    map_region(w, LEAF_RWX);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned page = 3; page < 7; page++)
            assert_ptr_equal(
                hart_translate(&w->hart, region + page * PAGE_BYTES + 7, MW_LOAD, &trap),
                ram_host(&w->ram, paddr(FRAME + page * PAGE_BYTES + 7)));
    assert_true(hart_check_tlb(&w->hart, MW_MODE_SV39, w->root, 1));
}

static void a_napot_region_is_one_entry_where_64_kib_are_held(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    w.hart.rules.svnapot = true;
    touch_region(&w);
    expect_counts(&w, MW_LOAD, 7, 1);
    assert_int_equal(world_entries(l1(&w)), 1);
    assert_int_equal(l1(&w)->counters.hits[MW_SIZE_64K], 7);
    hart_sfence(&w.hart, true, VA, true, 1);
    assert_int_equal(world_entries(l1(&w)), 0);
    finish(&w);
}

static void a_napot_region_is_cached_page_by_page_elsewhere_and_goes_at_once(void **state)
{
    struct mw_tlbs tlbs = world_tlbs(4, 2);
    struct hart_setup setup;
    struct world w;

    (void)state;
    world_init(&w);
    tlbs.l1d.array[0].sizes = 1u << MW_SIZE_4K;
    setup = world_setup(tlbs);
    setup.svnapot = true;
    world_start_setup(&w, &setup);
    touch_region(&w);
    expect_counts(&w, MW_LOAD, 4, 4);
    assert_int_equal(world_entries(l1(&w)), 4);
    assert_int_equal(l1(&w)->counters.misses[MW_SIZE_64K], 4); /* by the translation's size */
    assert_int_equal(l1(&w)->counters.compulsory, 1);
    assert_int_equal(hart_tlb_counters(&w.hart, MW_TLB_L1D).hits[MW_SIZE_4K], 4);
    hart_sfence(&w.hart, true, VA & ~(vaddr_t)0xffff, true, 1);
    assert_int_equal(world_entries(l1(&w)), 0);
    finish(&w);
}

static void the_checker_finds_a_page_of_a_napot_region_that_moved(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    w.hart.rules.svnapot = true;
    map_region(&w, LEAF_RWX);
    assert_true(access_ok(&w, VA, MW_LOAD));
    map(&w, VA, 8 + 16, LEAF_RWX | PTE_N);
    assert_false(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 1));
    finish(&w);
}

static void a_store_through_a_clean_napot_entry_walks_again_and_sets_d_there(void **state)
{
    struct world w;
    paddr_t first;
    pte_t pte;

    (void)state;
    start(&w);
    w.hart.rules.svnapot = true;
    w.hart.rules.hardware_ad = true;
    first = map_region(&w, PTE_V | PTE_RWX);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_true(access_ok(&w, VA, MW_STORE));
    assert_true(access_ok(&w, VA, MW_STORE));
    expect_counts(&w, MW_STORE, 1, 1);
    pte = world_read_pte(&w, paddr(first.raw + (VA >> PAGE_SHIFT & 15) * PTE_BYTES));
    assert_int_equal(pte.raw, page_of(8, LEAF_RWX | PTE_N).raw);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hart_has_the_extensions_that_its_setup_names),
        cmocka_unit_test(a_napot_region_is_one_entry_where_64_kib_are_held),
        cmocka_unit_test(a_napot_region_is_cached_page_by_page_elsewhere_and_goes_at_once),
        cmocka_unit_test(the_checker_finds_a_page_of_a_napot_region_that_moved),
        cmocka_unit_test(a_store_through_a_clean_napot_entry_walks_again_and_sets_d_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
