/*
 * Rules of a hart: hits and misses, entries that forbid, registers, page-crossing accesses.
 */
#include "unit/hw/one_hart.h"

/* ---- starting ---- */

static void a_hart_starts_bare_in_supervisor_mode_with_an_empty_tlb(void **state)
{
    struct hart_setup setup = world_setup(world_tlbs(4, 2));
    struct world w;

    (void)state;
    setup.id = 3;
    world_init(&w);
    assert_int_equal(hart_init(&w.hart, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), 0);
    assert_int_equal(w.hart.rules.mode, MW_MODE_BARE);
    assert_false(w.hart.rules.user);
    assert_int_equal(w.hart.id, 3);
    assert_null(world_entry(l1(&w), 0, 0));
    finish(&w);
}

/* All four TLBs, a walk cache, several arrays. */
static struct mw_tlbs everything(void)
{
    struct mw_tlbs tlbs = {.prefetch = 1};
    const struct mw_tlb two = {
        .arrays = 2,
        .array = {{4, 2, 1, MW_REPLACE_CLOCK}, {1, 4, WORLD_SIZES - 1, MW_REPLACE_PLRU}}};

    tlbs.l1d = tlbs.l1i = tlbs.l2 = tlbs.l2i = two;
    tlbs.walk_cache.arrays = 1;
    tlbs.walk_cache.array[0] =
        (struct mw_tlb_array){1, 8, 1u << MW_SIZE_2M | 1u << MW_SIZE_1G, MW_REPLACE_LRU};
    return tlbs;
}

static void each_allocation_that_fails_makes_no_hart_and_leaks_nothing(void **state)
{
    struct hart_setup setup = world_setup(everything());
    struct world w;
    uint64_t calls;

    (void)state;
    world_init(&w);
    calls = w.alloc.calls;
    assert_int_equal(hart_init(&w.hart, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), 0);
    calls = w.alloc.calls - calls;
    hart_destroy(&w.hart);
    for (uint64_t i = 1; i <= calls; i++) {
        w.alloc.fail_at = w.alloc.calls + i;
        assert_int_equal(hart_init(&w.hart, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), -ENOMEM);
        assert_int_equal(w.alloc.live_blocks, 0);
    }
    world_destroy(&w);
}

static void each_allocation_that_fails_makes_none_of_several_harts(void **state)
{
    struct hart_setup setup = world_setup(everything());
    struct hart *harts = NULL;
    struct world w;
    uint64_t calls;

    (void)state;
    world_init(&w);
    calls = w.alloc.calls;
    assert_int_equal(hart_new_all(&harts, 3, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), 0);
    calls = w.alloc.calls - calls;
    for (uint16_t i = 0; i < 3; i++)
        assert_int_equal(harts[i].id, i);
    hart_free_all(harts, 3, &w.alloc);
    for (uint64_t i = 1; i <= calls; i++) {
        harts = NULL;
        w.alloc.fail_at = w.alloc.calls + i;
        assert_int_equal(hart_new_all(&harts, 3, &setup, &w.alloc, &w.ram, &w.bus, &w.clock),
                         -ENOMEM);
        assert_null(harts);
        assert_int_equal(w.alloc.live_blocks, 0);
    }
    world_destroy(&w);
}

/* ---- hits and misses ---- */

static void the_first_access_misses_and_the_next_ones_hit(void **state)
{
    struct world w;
    uint64_t value = 0;
    struct trap trap;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RWX);
    memcpy(ram_host(&w.ram, paddr(FRAME + 8)), &(uint64_t){77}, 8);
    assert_true(hart_load(&w.hart, VA + 8, &value, 8, MW_LOAD, &trap));
    assert_int_equal(value, 77);
    expect_counts(&w, MW_LOAD, 0, 1);
    assert_true(hart_load(&w.hart, VA + 8, &value, 8, MW_LOAD, &trap));
    assert_true(hart_load(&w.hart, VA + 8, &value, 8, MW_FETCH, &trap));
    assert_true(hart_store(&w.hart, VA + 8, &value, 4, &trap));
    assert_true(access_ok(&w, VA, MW_AMO));
    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++)
        expect_counts(&w, access, 1, access == MW_LOAD);
    assert_int_equal(w.hart.walk_cache.counters.walks, 1);
    assert_int_equal(w.hart.walk_cache.counters.references, 3);
    finish(&w);
}

static void a_whole_page_can_be_stored_and_loaded(void **state)
{
    uint8_t in[PAGE_BYTES], out[PAGE_BYTES];
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    memset(in, 0x5a, sizeof(in));
    assert_true(hart_store(&w.hart, VA, in, sizeof(in), &trap));
    assert_true(hart_load(&w.hart, VA, out, sizeof(out), MW_LOAD, &trap));
    assert_memory_equal(in, out, sizeof(in));
    expect_counts(&w, MW_STORE, 0, 1);
    expect_counts(&w, MW_LOAD, 1, 0);
    finish(&w);
}

static void bare_mode_reaches_ram_past_the_tlb(void **state)
{
    struct world w;
    struct trap trap;

    (void)state;
    start(&w);
    map(&w, WORLD_BASE & 0x3fffffffff, 5, LEAF_RWX);
    assert_true(access_ok(&w, WORLD_BASE, MW_LOAD)); /* cached as a translation to another frame */
    hart_set_satp(&w.hart, MW_MODE_BARE, paddr(0), 1);
    assert_ptr_equal(hart_translate(&w.hart, WORLD_BASE, MW_LOAD, &trap), w.ram.host);
    assert_ptr_equal(hart_translate(&w.hart, WORLD_BASE, MW_LOAD, &trap), w.ram.host);
    expect_counts(&w, MW_LOAD, 0, 3);
    trap = access_trap(&w, WORLD_BASE - 1, MW_STORE);
    assert_int_equal(trap.cause, MW_CAUSE_STORE_ACCESS);
    assert_int_equal(fills(&w), 1);
    finish(&w);
}

static void a_trap_says_what_the_walk_found(void **state)
{
    struct world w;
    struct trap trap;

    (void)state;
    start(&w);
    trap = access_trap(&w, VA + 5, MW_FETCH);
    assert_int_equal(trap.cause, MW_CAUSE_FETCH_PAGE);
    assert_int_equal(trap.error, MW_WALK_INVALID);
    assert_int_equal(trap.access, MW_FETCH);
    assert_int_equal(trap.va, VA + 5);
    assert_int_equal(w.hart.traps, 1);
    expect_counts(&w, MW_FETCH, 0, 1);
    assert_int_equal(fills(&w), 0); /* V = 0 is never cached */
    map(&w, VA, 0, LEAF_RWX);
    assert_true(access_ok(&w, VA + 5, MW_FETCH));
    finish(&w);
}

static void an_address_that_differs_above_the_tag_does_not_hit(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RWX);
    assert_true(access_ok(&w, VA, MW_LOAD));
    for (unsigned bit = 38; bit < 64; bit++)
        assert_int_equal(access_trap(&w, VA ^ (vaddr_t)1 << bit, MW_LOAD).error,
                         MW_WALK_NOT_CANONICAL);
    assert_true(access_ok(&w, VA, MW_LOAD)); /* and has not evicted it either */
    expect_counts(&w, MW_LOAD, 1, 27);
    finish(&w);
}

static void an_address_that_is_canonical_in_another_mode_only_does_not_hit(void **state)
{
    vaddr_t wide = (vaddr_t)1 << 40;
    struct world w;

    (void)state;
    start(&w);
    hart_set_satp(&w.hart, MW_MODE_SV48, w.root, 1);
    world_map(&w, MW_MODE_SV48, wide, 0, page_of(0, LEAF_RWX));
    assert_true(access_ok(&w, wide, MW_LOAD));
    assert_true(access_ok(&w, wide, MW_LOAD));
    hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 1);
    assert_int_equal(access_trap(&w, wide, MW_LOAD).error, MW_WALK_NOT_CANONICAL);
    expect_counts(&w, MW_LOAD, 1, 2);
    finish(&w);
}

static void superpages_and_global_pages_hit_as_well(void **state)
{
    vaddr_t super = level_bytes(1) * 7, global = super + level_bytes(1);
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    world_map(&w, MW_MODE_SV39, super, 1, page_of(0, LEAF_RWX));
    map(&w, global, 9, LEAF_RWX | PTE_G);
    assert_true(access_ok(&w, super, MW_LOAD) && access_ok(&w, global, MW_LOAD));
    assert_ptr_equal(hart_translate(&w.hart, super + 0x12345, MW_LOAD, &trap),
                     ram_host(&w.ram, paddr(FRAME + 0x12345)));
    hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 2); /* global pages need no ASID */
    assert_ptr_equal(hart_translate(&w.hart, global + 4, MW_LOAD, &trap),
                     ram_host(&w.ram, paddr(FRAME + 9 * PAGE_BYTES + 4)));
    expect_counts(&w, MW_LOAD, 2, 2);
    finish(&w);
}

static void a_superpage_hit_is_a_use(void **state)
{
    struct tlb_place place;
    uint64_t stamp;
    struct world w;

    (void)state;
    start(&w);
    world_map(&w, MW_MODE_SV39, 0, 2, pte_make(paddr(WORLD_BASE), LEAF_RWX));
    assert_true(access_ok(&w, 0, MW_LOAD));
    place = tlb_find(l1(&w), 0, 1);
    stamp = place.array->stamps[place.index];
    assert_true(access_ok(&w, 1, MW_LOAD));
    assert_int_equal(place.array->stamps[place.index], stamp + 1);
    finish(&w);
}

static void a_cached_superpage_does_not_reach_beyond_ram(void **state)
{
    struct world w;
    struct trap trap;

    (void)state;
    world_init_ram(&w, WORLD_BASE + level_bytes(1), 16 * PAGE_BYTES);
    world_start_hart(&w, 4, 2);
    world_map(&w, MW_MODE_SV39, 0, 2, pte_make(paddr(WORLD_BASE), LEAF_RWX));
    assert_true(access_ok(&w, level_bytes(1), MW_LOAD)); /* the superpage begins below RAM */
    assert_ptr_equal(hart_translate(&w.hart, level_bytes(1) + 5, MW_LOAD, &trap), w.ram.host + 5);
    expect_counts(&w, MW_LOAD, 1, 1);
    assert_true(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 1));
    assert_int_equal(access_trap(&w, 0, MW_LOAD).error, MW_WALK_PHYSICAL);
    assert_int_equal(access_trap(&w, level_bytes(1) + 16 * PAGE_BYTES, MW_LOAD).cause,
                     MW_CAUSE_LOAD_ACCESS);
    finish(&w);
}

/* ---- entries that forbid ---- */

static void a_store_to_a_clean_page_walks_again_and_sets_d(void **state)
{
    struct world w;
    paddr_t slot;

    (void)state;
    start(&w);
    w.hart.rules.hardware_ad = true;
    slot = map(&w, VA, 0, PTE_V | PTE_RWX);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_false(pte_has(world_read_pte(&w, slot), PTE_D));
    assert_true(access_ok(&w, VA, MW_STORE));
    assert_true(pte_has(world_read_pte(&w, slot), PTE_D));
    assert_true(access_ok(&w, VA, MW_STORE));
    expect_counts(&w, MW_STORE, 1, 1);
    assert_int_equal(fills(&w), 2);
    assert_int_equal(world_entries(l1(&w)), 1);
    assert_int_equal(l1(&w)->counters.evictions, 0);
    finish(&w);
}

static void more_rights_in_memory_need_no_fence(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, PTE_V | PTE_R | PTE_A);
    assert_true(access_ok(&w, VA, MW_LOAD));
    map(&w, VA, 1, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_STORE));
    expect_counts(&w, MW_STORE, 0, 1);
    finish(&w);
}

static void an_entry_that_forbids_goes_when_the_walk_fails_too(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, PTE_V | PTE_R | PTE_A);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(access_trap(&w, VA, MW_STORE).error, MW_WALK_NO_WRITE);
    assert_null(world_entry(l1(&w), VA, 1));
    assert_int_equal(l1(&w)->counters.evictions, 1);
    assert_true(access_ok(&w, VA, MW_LOAD));
    expect_counts(&w, MW_LOAD, 0, 2);
    expect_counts(&w, MW_STORE, 0, 1);
    finish(&w);
}

static void fewer_rights_in_memory_are_not_seen_before_the_fence(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_STORE));
    map(&w, VA, 0, 0);
    assert_true(access_ok(&w, VA, MW_STORE));
    hart_sfence(&w.hart, true, VA, true, 1);
    assert_int_equal(access_trap(&w, VA, MW_STORE).error, MW_WALK_INVALID);
    finish(&w);
}

/* ---- registers ---- */

static void writing_satp_flushes_nothing_and_asids_keep_spaces_apart(void **state)
{
    struct world w;
    paddr_t first, second;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    first = w.root;
    second = w.root = world_take_table(&w);
    map(&w, VA, 1, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD));
    hart_set_satp(&w.hart, MW_MODE_SV39, second, 2);
    assert_true(access_ok(&w, VA, MW_LOAD));
    hart_set_satp(&w.hart, MW_MODE_SV39, first, 1);
    assert_true(access_ok(&w, VA, MW_LOAD));
    expect_counts(&w, MW_LOAD, 1, 2);
    assert_int_equal(world_entry(l1(&w), VA, 1)->pte.raw, page_of(0, LEAF_RW).raw);
    assert_int_equal(world_entry(l1(&w), VA, 2)->pte.raw, page_of(1, LEAF_RW).raw);
    finish(&w);
}

static void a_fence_of_an_invalid_address_has_no_effect(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD));
    hart_sfence(&w.hart, true, VA | (vaddr_t)1 << 60, true, 1);
    hart_sfence(&w.hart, true, VA | (vaddr_t)1 << 38, false, 0);
    assert_int_equal(w.hart.flushes, 0);
    assert_true(access_ok(&w, VA, MW_LOAD));
    expect_counts(&w, MW_LOAD, 1, 1);
    finish(&w);
}

static void a_fence_in_bare_mode_drops_what_other_modes_have_cached(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD));
    hart_set_satp(&w.hart, MW_MODE_BARE, paddr(0), 0);
    hart_sfence(&w.hart, true, VA | (vaddr_t)1 << 60, true, 1); /* which no mode can have cached */
    assert_non_null(world_entry(l1(&w), VA, 1));
    hart_sfence(&w.hart, true, VA, true, 1);
    assert_null(world_entry(l1(&w), VA, 1));
    finish(&w);
}

/* All four accesses twice, in one context: with the TLB as the accesses themselves leave it. */
static void compare_with_walk(struct world *w, uint64_t flags, unsigned context)
{
    hart_sfence(&w->hart, false, 0, false, 0);
    hart_set_privilege(&w->hart, (context & 4) != 0, (context & 2) != 0, (context & 1) != 0);
    for (unsigned i = 0; i < 2 * MW_ACCESS_COUNT; i++) {
        enum mw_access access = (enum mw_access)(i % MW_ACCESS_COUNT);
        struct walk_result r = walk(&w->ram, &w->hart.rules, VA, access, NULL);
        struct trap trap = {.error = MW_WALK_OK};
        uint8_t *host = hart_translate(&w->hart, VA, access, &trap);

        if (host == NULL)
            event_op_end(&w->bus, trap.opened_op);
        if (trap.error != r.error || (host != NULL) != (r.error == MW_WALK_OK))
            fail_msg("flags %#x context %u access %u: walk %s, hart %s", (unsigned)flags, context,
                     (unsigned)access, mw_walk_error_name(r.error), mw_walk_error_name(trap.error));
    }
}

static void hits_obey_u_sum_and_mxr_as_walks_do_for_all_flags(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    for (uint64_t flags = 0; flags < 256; flags++) {
        map(&w, VA, 0, flags);
        for (unsigned context = 0; context < 8; context++)
            compare_with_walk(&w, flags, context);
    }
    finish(&w);
}

static void a_change_of_privilege_takes_effect_on_the_next_hit(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RWX | PTE_U);
    hart_set_privilege(&w.hart, true, false, false);
    assert_true(access_ok(&w, VA, MW_LOAD));
    hart_set_privilege(&w.hart, false, true, false);
    assert_true(access_ok(&w, VA, MW_LOAD));
    expect_counts(&w, MW_LOAD, 1, 1);
    hart_set_privilege(&w.hart, false, false, false);
    assert_int_equal(access_trap(&w, VA, MW_LOAD).error, MW_WALK_USER_PAGE);
    finish(&w);
}

static void satp_and_fences_know_only_the_bits_of_the_asid_that_there_are(void **state)
{
    static const uint32_t bits[] = {0, 1, 7, 15, 16};

    (void)state;
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        struct hart_setup setup = world_setup(world_tlbs(4, 2));
        uint16_t kept = (uint16_t)((1u << bits[i]) - 1);
        struct world w;

        setup.asid_bits = bits[i];
        world_init(&w);
        world_start_setup(&w, &setup);
        map(&w, VA, 0, LEAF_RW);
        hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 0xffff);
        assert_int_equal(w.hart.asid, kept);
        assert_true(access_ok(&w, VA, MW_LOAD));
        assert_non_null(world_entry(l1(&w), VA, kept));
        hart_sfence(&w.hart, true, VA, true, 0xffff);
        assert_int_equal(l1(&w)->counters.dropped, 1);
        finish(&w);
    }
}

/* ---- accesses that cross a page ---- */

static void a_crossing_access_reaches_two_frames_and_counts_two_pages(void **state)
{
    uint64_t in = 0x1122334455667788, out = 0;
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 7, LEAF_RW); /* the frames do not lie side by side */
    map(&w, VA + PAGE_BYTES, 3, LEAF_RW);
    assert_true(hart_store(&w.hart, VA + PAGE_BYTES - 3, &in, 8, &trap));
    assert_true(hart_load(&w.hart, VA + PAGE_BYTES - 3, &out, 8, MW_LOAD, &trap));
    assert_int_equal(in, out);
    assert_memory_equal(ram_host(&w.ram, paddr(FRAME + 8 * PAGE_BYTES - 3)), &in, 3);
    assert_memory_equal(ram_host(&w.ram, paddr(FRAME + 3 * PAGE_BYTES)), (uint8_t *)&in + 3, 5);
    expect_counts(&w, MW_STORE, 0, 2);
    expect_counts(&w, MW_LOAD, 2, 0);
    finish(&w);
}

static void a_crossing_access_that_traps_has_moved_no_byte(void **state)
{
    uint64_t in = 0x1122334455667788, out = 99;
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 7, LEAF_RW);
    map(&w, VA + 2 * PAGE_BYTES, 8, LEAF_RW);
    /* The second page is missing ... */
    assert_false(hart_store(&w.hart, VA + PAGE_BYTES - 3, &in, 8, &trap));
    assert_int_equal(trap.va, VA + PAGE_BYTES);
    assert_int_equal(trap.cause, MW_CAUSE_STORE_PAGE);
    assert_int_equal(*(uint8_t *)ram_host(&w.ram, paddr(FRAME + 8 * PAGE_BYTES - 3)), 0);
    event_op_end(&w.bus, trap.opened_op);
    /* ... and the first one is. */
    assert_false(hart_load(&w.hart, VA + 2 * PAGE_BYTES - 3, &out, 8, MW_LOAD, &trap));
    assert_int_equal(trap.va, VA + 2 * PAGE_BYTES - 3);
    assert_int_equal(out, 99);
    event_op_end(&w.bus, trap.opened_op);
    assert_int_equal(w.hart.traps, 2);
    finish(&w);
}

static void the_page_after_the_last_is_page_zero(void **state)
{
    uint32_t in = 0xaabbccdd;
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    map(&w, ~(vaddr_t)0 << 12, 7, LEAF_RW);
    map(&w, 0, 8, LEAF_RW);
    assert_true(hart_store(&w.hart, ~(vaddr_t)1, &in, 4, &trap));
    assert_memory_equal(ram_host(&w.ram, paddr(FRAME + 8 * PAGE_BYTES)), (uint8_t *)&in + 2, 2);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hart_starts_bare_in_supervisor_mode_with_an_empty_tlb),
        cmocka_unit_test(each_allocation_that_fails_makes_no_hart_and_leaks_nothing),
        cmocka_unit_test(each_allocation_that_fails_makes_none_of_several_harts),
        cmocka_unit_test(the_first_access_misses_and_the_next_ones_hit),
        cmocka_unit_test(a_whole_page_can_be_stored_and_loaded),
        cmocka_unit_test(bare_mode_reaches_ram_past_the_tlb),
        cmocka_unit_test(a_trap_says_what_the_walk_found),
        cmocka_unit_test(an_address_that_differs_above_the_tag_does_not_hit),
        cmocka_unit_test(an_address_that_is_canonical_in_another_mode_only_does_not_hit),
        cmocka_unit_test(superpages_and_global_pages_hit_as_well),
        cmocka_unit_test(a_superpage_hit_is_a_use),
        cmocka_unit_test(a_cached_superpage_does_not_reach_beyond_ram),
        cmocka_unit_test(a_store_to_a_clean_page_walks_again_and_sets_d),
        cmocka_unit_test(more_rights_in_memory_need_no_fence),
        cmocka_unit_test(an_entry_that_forbids_goes_when_the_walk_fails_too),
        cmocka_unit_test(fewer_rights_in_memory_are_not_seen_before_the_fence),
        cmocka_unit_test(writing_satp_flushes_nothing_and_asids_keep_spaces_apart),
        cmocka_unit_test(a_fence_of_an_invalid_address_has_no_effect),
        cmocka_unit_test(a_fence_in_bare_mode_drops_what_other_modes_have_cached),
        cmocka_unit_test(hits_obey_u_sum_and_mxr_as_walks_do_for_all_flags),
        cmocka_unit_test(a_change_of_privilege_takes_effect_on_the_next_hit),
        cmocka_unit_test(satp_and_fences_know_only_the_bits_of_the_asid_that_there_are),
        cmocka_unit_test(a_crossing_access_reaches_two_frames_and_counts_two_pages),
        cmocka_unit_test(a_crossing_access_that_traps_has_moved_no_byte),
        cmocka_unit_test(the_page_after_the_last_is_page_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
