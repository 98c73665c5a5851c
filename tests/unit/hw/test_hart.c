/*
 * Rules of a hart: hits and misses, entries that forbid, registers, page-crossing accesses.
 */
#include "unit/hw/tables.h"

#define FRAME ((uint64_t)(WORLD_BASE + ((uint64_t)1 << 30)))
#define VA    ((vaddr_t)0x40201000)

static pte_t page_of(unsigned n, uint64_t flags)
{
    return pte_make(paddr(FRAME + n * PAGE_BYTES), flags);
}

static paddr_t map(struct world *w, vaddr_t va, unsigned n, uint64_t flags)
{
    return world_map(w, MW_MODE_SV39, va, 0, page_of(n, flags));
}

/* A world whose hart runs in S-mode under Sv39 with ASID 1. */
static void start(struct world *w)
{
    world_init(w);
    world_start_hart(w, 4, 2);
}

static void finish(struct world *w)
{
    assert_true(tlb_check(&w->hart.tlb, &w->ram));
    hart_destroy(&w->hart);
    world_destroy(w);
}

static bool access_ok(struct world *w, vaddr_t va, enum mw_access access)
{
    struct trap trap;

    if (hart_translate(&w->hart, va, access, &trap) != NULL)
        return true;
    event_op_end(&w->bus, trap.opened_op);
    return false;
}

static struct trap access_trap(struct world *w, vaddr_t va, enum mw_access access)
{
    struct trap trap;

    assert_null(hart_translate(&w->hart, va, access, &trap));
    event_op_end(&w->bus, trap.opened_op);
    return trap;
}

static void expect_counts(const struct world *w, enum mw_access access, uint64_t hits,
                          uint64_t misses)
{
    assert_int_equal(w->hart.counters.hits[access], hits);
    assert_int_equal(w->hart.counters.misses[access], misses);
}

/* ---- starting ---- */

static void a_hart_starts_bare_in_supervisor_mode_with_an_empty_tlb(void **state)
{
    struct hart_setup setup = {.id = 3, .tlb_sets = 4, .tlb_ways = 2};
    struct world w;

    (void)state;
    world_init(&w);
    assert_int_equal(hart_init(&w.hart, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), 0);
    assert_int_equal(w.hart.rules.mode, MW_MODE_BARE);
    assert_false(w.hart.rules.user);
    assert_int_equal(w.hart.id, 3);
    assert_null(tlb_find(&w.hart.tlb, 0, 0));
    finish(&w);
}

static void a_bad_tlb_or_no_memory_makes_no_hart(void **state)
{
    struct hart_setup setup = {.tlb_sets = 3, .tlb_ways = 2};
    struct world w;

    (void)state;
    world_init(&w);
    assert_int_equal(hart_init(&w.hart, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), -EINVAL);
    setup.tlb_sets = 4;
    w.alloc.fail_at = w.alloc.calls + 1;
    assert_int_equal(hart_init(&w.hart, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), -ENOMEM);
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
    assert_int_equal(w.hart.counters.walks, 1);
    assert_int_equal(w.hart.counters.walk_references, 3);
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
    assert_int_equal(w.hart.tlb.fills, 1);
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
    assert_int_equal(w.hart.counters.traps, 1);
    expect_counts(&w, MW_FETCH, 0, 1);
    assert_int_equal(w.hart.tlb.fills, 0); /* V = 0 is never cached */
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
    struct tlb_entry *entry;
    uint64_t stamp;
    struct world w;

    (void)state;
    start(&w);
    world_map(&w, MW_MODE_SV39, 0, 2, pte_make(paddr(WORLD_BASE), LEAF_RWX));
    assert_true(access_ok(&w, 0, MW_LOAD));
    entry = tlb_find(&w.hart.tlb, 0, 1);
    stamp = entry->stamp;
    assert_true(access_ok(&w, 1, MW_LOAD));
    assert_int_equal(entry->stamp, stamp + 1);
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

/* ---- Svnapot and Svpbmt ---- */

static void a_hart_has_the_extensions_that_its_setup_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct hart_setup setup = {
            .tlb_sets = 1, .tlb_ways = 1, .svnapot = (i & 1) != 0, .svpbmt = (i & 2) != 0};
        struct world w;

        world_init(&w);
        assert_int_equal(hart_init(&w.hart, &setup, &w.alloc, &w.ram, &w.bus, &w.clock), 0);
        hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 1);
        map(&w, VA, 8, LEAF_RWX | PTE_N);
        map(&w, VA + PAGE_BYTES, 0, LEAF_RWX | (uint64_t)1 << 61);
        assert_int_equal(access_ok(&w, VA, MW_LOAD), setup.svnapot);
        assert_int_equal(access_ok(&w, VA + PAGE_BYTES, MW_LOAD), setup.svpbmt);
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

static void a_napot_region_is_cached_page_by_page(void **state)
{
    vaddr_t region = VA & ~(vaddr_t)0xffff;
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    w.hart.rules.svnapot = true;
    map_region(&w, LEAF_RWX);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned page = 3; page < 7; page++)
            assert_ptr_equal(
                hart_translate(&w.hart, region + page * PAGE_BYTES + 7, MW_LOAD, &trap),
                ram_host(&w.ram, paddr(FRAME + page * PAGE_BYTES + 7)));
    expect_counts(&w, MW_LOAD, 4, 4);
    assert_int_equal(w.hart.tlb.form_count[0], 4);
    assert_true(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 1));
    hart_sfence(&w.hart, true, region + 4 * PAGE_BYTES, true, 1);
    assert_int_equal(w.hart.tlb.form_count[0], 3);
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
    assert_int_equal(w.hart.tlb.fills, 2);
    assert_int_equal(w.hart.tlb.form_count[0], 1);
    assert_int_equal(w.hart.tlb.evictions, 0);
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
    assert_null(tlb_find(&w.hart.tlb, VA, 1));
    assert_int_equal(w.hart.tlb.evictions, 1);
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
    assert_int_equal(tlb_find(&w.hart.tlb, VA, 1)->pte.raw, page_of(0, LEAF_RW).raw);
    assert_int_equal(tlb_find(&w.hart.tlb, VA, 2)->pte.raw, page_of(1, LEAF_RW).raw);
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
    assert_int_equal(w.hart.tlb.flushes, 0);
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
    assert_non_null(tlb_find(&w.hart.tlb, VA, 1));
    hart_sfence(&w.hart, true, VA, true, 1);
    assert_null(tlb_find(&w.hart.tlb, VA, 1));
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
    assert_int_equal(w.hart.counters.traps, 2);
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
        cmocka_unit_test(a_bad_tlb_or_no_memory_makes_no_hart),
        cmocka_unit_test(the_first_access_misses_and_the_next_ones_hit),
        cmocka_unit_test(a_whole_page_can_be_stored_and_loaded),
        cmocka_unit_test(bare_mode_reaches_ram_past_the_tlb),
        cmocka_unit_test(a_trap_says_what_the_walk_found),
        cmocka_unit_test(an_address_that_differs_above_the_tag_does_not_hit),
        cmocka_unit_test(an_address_that_is_canonical_in_another_mode_only_does_not_hit),
        cmocka_unit_test(superpages_and_global_pages_hit_as_well),
        cmocka_unit_test(a_superpage_hit_is_a_use),
        cmocka_unit_test(a_cached_superpage_does_not_reach_beyond_ram),
        cmocka_unit_test(a_hart_has_the_extensions_that_its_setup_names),
        cmocka_unit_test(a_napot_region_is_cached_page_by_page),
        cmocka_unit_test(the_checker_finds_a_page_of_a_napot_region_that_moved),
        cmocka_unit_test(a_store_through_a_clean_napot_entry_walks_again_and_sets_d_there),
        cmocka_unit_test(a_store_to_a_clean_page_walks_again_and_sets_d),
        cmocka_unit_test(more_rights_in_memory_need_no_fence),
        cmocka_unit_test(an_entry_that_forbids_goes_when_the_walk_fails_too),
        cmocka_unit_test(fewer_rights_in_memory_are_not_seen_before_the_fence),
        cmocka_unit_test(writing_satp_flushes_nothing_and_asids_keep_spaces_apart),
        cmocka_unit_test(a_fence_of_an_invalid_address_has_no_effect),
        cmocka_unit_test(a_fence_in_bare_mode_drops_what_other_modes_have_cached),
        cmocka_unit_test(hits_obey_u_sum_and_mxr_as_walks_do_for_all_flags),
        cmocka_unit_test(a_change_of_privilege_takes_effect_on_the_next_hit),
        cmocka_unit_test(a_crossing_access_reaches_two_frames_and_counts_two_pages),
        cmocka_unit_test(a_crossing_access_that_traps_has_moved_no_byte),
        cmocka_unit_test(the_page_after_the_last_is_page_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
