/*
 * Rules of the walker: every mode, every leaf size, A and D, what it reports and what it must not
 * write.
 */
#include "unit/hw/tables.h"

#define FRAME (WORLD_BASE + ((uint64_t)1 << 30)) /* where mapped pages lie: 1 GiB into RAM */
#define VA    ((vaddr_t)0x40201234)

static struct walk_result walk_as(struct world *w, const struct walk_rules *rules, vaddr_t va,
                                  enum mw_access access)
{
    return walk(&w->ram, rules, va, access, &w->bus);
}

static void a_page_is_translated_in_every_mode_by_as_many_fetches_as_it_has_levels(void **state)
{
    (void)state;
    for (enum mw_mode mode = MW_MODE_SV39; mode < MW_MODE_COUNT; mode++) {
        vaddr_t low =
            mode_user_end(mode) - PAGE_BYTES + 0x234;    /* the last page of the lower half */
        vaddr_t high = ~mode_user_end(mode) + 1 + 0x234; /* the first of the upper one */
        struct walk_rules rules;
        struct walk_result r;
        struct world w;
        paddr_t slot;

        world_init(&w);
        rules = world_rules(&w, mode);
        slot = world_map(&w, mode, low, 0, pte_make(paddr(FRAME), LEAF_RWX));
        world_map(&w, mode, high, 0, pte_make(paddr(FRAME + PAGE_BYTES), LEAF_RWX));
        r = walk_as(&w, &rules, low, MW_LOAD);
        assert_int_equal(r.error, MW_WALK_OK);
        assert_int_equal(r.pa.raw, FRAME + 0x234);
        assert_int_equal(r.level, 0);
        assert_int_equal(r.references, mode_info(mode).levels);
        assert_int_equal(r.pte_address.raw, slot.raw);
        assert_int_equal(r.pte.raw, world_read_pte(&w, slot).raw);
        r = walk_as(&w, &rules, high, MW_LOAD);
        assert_int_equal(r.error, MW_WALK_OK);
        assert_int_equal(r.pa.raw, FRAME + PAGE_BYTES + 0x234);
        world_destroy(&w);
    }
}

static void a_superpage_of_any_level_copies_the_low_digits_of_the_address(void **state)
{
    (void)state;
    for (enum mw_mode mode = MW_MODE_SV39; mode < MW_MODE_COUNT; mode++) {
        for (unsigned level = 1; level < mode_info(mode).levels; level++) {
            /*
             * Pages larger than RAM begin at physical 0; the address inside selects a byte of RAM.
             * /
             */
            uint64_t start = level < 3 ? WORLD_BASE : 0;
            vaddr_t va = (level_bytes(level) * 3) | (WORLD_BASE + 0x12345678 - start);
            struct walk_rules rules;
            struct walk_result r;
            struct world w;

            world_init(&w);
            rules = world_rules(&w, mode);
            world_map(&w, mode, va, level, pte_make(paddr(start), LEAF_RWX));
            r = walk_as(&w, &rules, va, MW_FETCH);
            assert_int_equal(r.error, MW_WALK_OK);
            assert_int_equal(r.level, level);
            assert_int_equal(r.references, mode_info(mode).levels - level);
            assert_int_equal(r.pa.raw, start + (va & (level_bytes(level) - 1)));
            world_destroy(&w);
        }
    }
}

static void bare_mode_translates_an_address_to_itself_without_tables(void **state)
{
    struct walk_rules rules;
    struct walk_result r;
    struct world w;

    (void)state;
    world_init(&w);
    rules = world_rules(&w, MW_MODE_BARE);
    rules.user = true; /* there is no protection either */
    r = walk_as(&w, &rules, WORLD_BASE + 77, MW_STORE);
    assert_int_equal(r.error, MW_WALK_OK);
    assert_int_equal(r.pa.raw, WORLD_BASE + 77);
    assert_int_equal(r.references, 0);
    assert_int_equal(walk_as(&w, &rules, WORLD_BASE - 1, MW_STORE).error, MW_WALK_PHYSICAL);
    assert_int_equal(walk_as(&w, &rules, WORLD_BASE + WORLD_BYTES, MW_LOAD).error,
                     MW_WALK_PHYSICAL);
    assert_int_equal(walk_as(&w, &rules, UINT64_MAX, MW_LOAD).error, MW_WALK_PHYSICAL);
    world_destroy(&w);
}

/*
 * What one walk for the access leaves of a leaf with these flags; the other bits must not change. /
 */
static uint64_t ad_after(uint64_t flags, enum mw_access access, bool hardware_ad,
                         enum mw_walk_error expected)
{
    struct walk_rules rules;
    struct walk_result r;
    struct world w;
    paddr_t slot;
    pte_t after;

    world_init(&w);
    rules = world_rules(&w, MW_MODE_SV39);
    rules.hardware_ad = hardware_ad;
    slot = world_map(&w, MW_MODE_SV39, VA, 0, pte_make(paddr(FRAME), PTE_V | PTE_RWX | flags));
    r = walk_as(&w, &rules, VA, access);
    after = world_read_pte(&w, slot);
    assert_int_equal(r.error, expected);
    assert_int_equal(r.pte.raw, after.raw);
    assert_int_equal(pte_without(after, PTE_A | PTE_D).raw,
                     pte_make(paddr(FRAME), PTE_V | PTE_RWX).raw);
    world_destroy(&w);
    return after.raw & (PTE_A | PTE_D);
}

static void hardware_sets_a_for_every_access_and_d_for_writes(void **state)
{
    const uint64_t both = PTE_A | PTE_D;

    (void)state;
    assert_int_equal(ad_after(0, MW_LOAD, true, MW_WALK_OK), PTE_A);
    assert_int_equal(ad_after(0, MW_FETCH, true, MW_WALK_OK), PTE_A);
    assert_int_equal(ad_after(0, MW_STORE, true, MW_WALK_OK), both);
    assert_int_equal(ad_after(0, MW_AMO, true, MW_WALK_OK), both);
    assert_int_equal(ad_after(PTE_A, MW_STORE, true, MW_WALK_OK), both);
    assert_int_equal(ad_after(PTE_D, MW_LOAD, true, MW_WALK_OK), both);
    assert_int_equal(ad_after(both, MW_LOAD, true, MW_WALK_OK), both);
}

static void without_hardware_ad_a_clear_bit_faults_and_nothing_is_written(void **state)
{
    (void)state;
    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
        bool writes = access == MW_STORE || access == MW_AMO;

        assert_int_equal(ad_after(0, access, false, MW_WALK_ACCESSED_CLEAR), 0);
        assert_int_equal(ad_after(PTE_D, access, false, MW_WALK_ACCESSED_CLEAR), PTE_D);
        assert_int_equal(ad_after(PTE_A, access, false, writes ? MW_WALK_DIRTY_CLEAR : MW_WALK_OK),
                         PTE_A);
        assert_int_equal(ad_after(PTE_A | PTE_D, access, false, MW_WALK_OK), PTE_A | PTE_D);
    }
}

static void a_translation_outside_ram_faults_before_hardware_sets_a_and_d(void **state)
{
    struct walk_rules rules;
    struct world w;
    paddr_t slot;

    (void)state;
    world_init(&w);
    rules = world_rules(&w, MW_MODE_SV39);
    rules.hardware_ad = true;
    slot = world_map(&w, MW_MODE_SV39, VA, 0,
                     pte_make(paddr(WORLD_BASE - PAGE_BYTES), PTE_V | PTE_RWX));
    assert_int_equal(walk_as(&w, &rules, VA, MW_STORE).error, MW_WALK_PHYSICAL);
    assert_false(pte_has(world_read_pte(&w, slot), PTE_A));
    /* Svade looks at A first: that is step 7, and the access itself comes after step 8. */
    rules.hardware_ad = false;
    assert_int_equal(walk_as(&w, &rules, VA, MW_STORE).error, MW_WALK_ACCESSED_CLEAR);
    world_destroy(&w);
}

static void a_superpage_may_lie_partly_outside_ram(void **state)
{
    struct walk_rules rules;
    struct world w;
    vaddr_t va = level_bytes(2) * 5;

    (void)state;
    world_init_ram(&w, WORLD_BASE, 16 * PAGE_BYTES);
    rules = world_rules(&w, MW_MODE_SV39);
    world_map(&w, MW_MODE_SV39, va, 2, pte_make(paddr(WORLD_BASE), LEAF_RW));
    assert_int_equal(walk_as(&w, &rules, va + 16 * PAGE_BYTES - 1, MW_STORE).error, MW_WALK_OK);
    assert_int_equal(walk_as(&w, &rules, va + 16 * PAGE_BYTES, MW_STORE).error, MW_WALK_PHYSICAL);
    world_destroy(&w);
}

static void a_successful_walk_reports_each_fetch_the_update_and_its_end(void **state)
{
    struct walk_rules rules;
    const struct mw_event *e;
    struct world w;
    paddr_t slot;

    (void)state;
    world_init(&w);
    rules = world_rules(&w, MW_MODE_SV39);
    rules.hardware_ad = true;
    slot = world_map(&w, MW_MODE_SV39, VA, 0, pte_make(paddr(FRAME), PTE_V | PTE_R | PTE_W));
    world_listen(&w);
    walk_as(&w, &rules, VA, MW_STORE);
    assert_int_equal(w.events, 5);
    for (unsigned i = 0; i < 3; i++) {
        e = &w.event[i];
        assert_int_equal(e->kind, MW_EVENT_WALK_STEP);
        assert_int_equal(e->arg[0], VA);
        assert_int_equal(e->arg[1], 2 - i);
    }
    assert_int_equal(w.event[2].arg[2], slot.raw);
    assert_int_equal(w.event[2].arg[3], pte_make(paddr(FRAME), PTE_V | PTE_R | PTE_W).raw);
    e = &w.event[3];
    assert_int_equal(e->kind, MW_EVENT_PTE_AD);
    assert_int_equal(e->arg[1], slot.raw);
    assert_int_equal(e->arg[2] ^ e->arg[3], PTE_A | PTE_D);
    e = &w.event[4];
    assert_int_equal(e->kind, MW_EVENT_WALK_END);
    assert_int_equal(e->arg[1], MW_STORE);
    assert_int_equal(e->arg[2], MW_WALK_OK);
    assert_int_equal(e->arg[3], 0);
    assert_int_equal(e->arg[4], FRAME + (VA & PAGE_MASK));
    world_destroy(&w);
}

static void a_failed_walk_reports_where_and_why_it_ended(void **state)
{
    struct walk_rules rules;
    struct walk_result r;
    struct world w;

    (void)state;
    world_init(&w);
    rules = world_rules(&w, MW_MODE_SV39);
    world_map(&w, MW_MODE_SV39, VA, 1, pte_none());
    world_listen(&w);
    r = walk_as(&w, &rules, VA, MW_FETCH);
    assert_int_equal(r.error, MW_WALK_INVALID);
    assert_int_equal(r.level, 1);
    assert_int_equal(r.references, 2);
    assert_int_equal(w.events, 3);
    assert_int_equal(w.event[2].kind, MW_EVENT_WALK_END);
    assert_int_equal(w.event[2].arg[2], MW_WALK_INVALID);
    assert_int_equal(w.event[2].arg[3], 1);
    assert_int_equal(w.event[2].arg[4], 0);
    world_destroy(&w);
}

static void a_walk_without_a_bus_gives_the_same_result(void **state)
{
    struct walk_rules rules;
    struct walk_result with, without;
    struct world w;

    (void)state;
    world_init(&w);
    rules = world_rules(&w, MW_MODE_SV48);
    rules.hardware_ad = true;
    world_map(&w, MW_MODE_SV48, VA, 0, pte_make(paddr(FRAME), PTE_V | PTE_R));
    without = walk(&w.ram, &rules, VA, MW_LOAD, NULL);
    with = walk(&w.ram, &rules, VA, MW_LOAD, &w.bus);
    assert_int_equal(without.error, MW_WALK_OK);
    assert_int_equal(with.pa.raw, without.pa.raw);
    assert_int_equal(with.pte.raw, without.pte.raw);
    world_destroy(&w);
}

/*
 * One walk per flag combination, context and access, against the one bit that a TLB hit would test.
 * /
 */
static void compare_allowed(struct world *w, uint64_t flags, unsigned context)
{
    struct walk_rules rules = world_rules(w, MW_MODE_SV39);
    pte_t pte = pte_make(paddr(FRAME), flags);

    world_map(w, MW_MODE_SV39, VA, 0, pte);
    rules.user = (context & 4) != 0;
    rules.sum = (context & 2) != 0;
    rules.mxr = (context & 1) != 0;
    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
        bool walked = walk(&w->ram, &rules, VA, access, NULL).error == MW_WALK_OK;
        bool allowed = (walk_allowed(pte) >> (context * MW_ACCESS_COUNT + access) & 1) != 0;

        if (walked != allowed)
            fail_msg("flags %#x context %u access %u: walk %d, allowed %d", (unsigned)flags,
                     context, (unsigned)access, walked, allowed);
    }
}

static void allowed_bits_equal_the_walk_for_all_flags_contexts_and_accesses(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    for (uint64_t flags = 0; flags < 256; flags++)
        for (unsigned context = 0; context < 8; context++)
            compare_allowed(&w, flags, context);
    world_destroy(&w);
}

static void a_leaf_with_reserved_bits_allows_nothing(void **state)
{
    pte_t leaf = pte_make(paddr(FRAME), LEAF_RWX | PTE_U);

    (void)state;
    assert_int_not_equal(walk_allowed(leaf), 0);
    assert_int_equal(walk_allowed(pte_with(leaf, (uint64_t)1 << 54)), 0);
    assert_int_equal(walk_allowed(pte_with(leaf, (uint64_t)1 << 63)), 0);
    assert_int_equal(walk_allowed(pte_with(leaf, (uint64_t)3 << 61)), 0);
    assert_int_equal(walk_allowed(pte_with(leaf, (uint64_t)1 << 61)), walk_allowed(leaf));
}

/* One PTE with N, put where the walk for each page of its region arrives. */
static void
a_napot_pte_translates_each_page_of_its_64_kib_to_the_same_page_of_the_frames(void **state)
{
    pte_t pte = pte_make(paddr(FRAME + 8 * PAGE_BYTES), LEAF_RWX | PTE_N);

    (void)state;
    for (enum mw_mode mode = MW_MODE_SV39; mode < MW_MODE_COUNT; mode++) {
        struct walk_rules rules;
        struct world w;

        world_init(&w);
        rules = world_rules(&w, mode);
        rules.svnapot = true;
        for (uint64_t page = 0; page < 16; page++) {
            vaddr_t va = (vaddr_t)0x40210000 + page * PAGE_BYTES;
            paddr_t slot = world_map(&w, mode, va, 0, pte);
            struct walk_result r = walk(&w.ram, &rules, va + 0x123, MW_LOAD, &w.bus);

            assert_int_equal(r.error, MW_WALK_OK);
            assert_int_equal(r.level, 0);
            assert_int_equal(r.pa.raw, FRAME + page * PAGE_BYTES + 0x123);
            assert_int_equal(r.pte.raw, pte.raw);
            assert_int_equal(r.leaf.raw, pte_make(paddr(FRAME + page * PAGE_BYTES), LEAF_RWX).raw);
            assert_int_equal(r.pte_address.raw, slot.raw);
        }
        world_destroy(&w);
    }
}

static void a_and_d_are_set_in_the_napot_pte_that_was_read_and_in_no_other(void **state)
{
    pte_t pte = pte_make(paddr(FRAME + 8 * PAGE_BYTES), PTE_V | PTE_RWX | PTE_N);
    vaddr_t region = (vaddr_t)0x40210000;
    struct walk_rules rules;
    struct walk_result r;
    paddr_t slot[16];
    struct world w;

    (void)state;
    world_init(&w);
    rules = world_rules(&w, MW_MODE_SV39);
    rules.svnapot = true;
    rules.hardware_ad = true;
    for (uint64_t page = 0; page < 16; page++)
        slot[page] = world_map(&w, MW_MODE_SV39, region + page * PAGE_BYTES, 0, pte);
    r = walk(&w.ram, &rules, region + 5 * PAGE_BYTES, MW_STORE, &w.bus);
    assert_int_equal(r.error, MW_WALK_OK);
    assert_int_equal(r.pte.raw, pte.raw | PTE_A | PTE_D);
    assert_int_equal(r.leaf.raw, pte_make(paddr(FRAME + 5 * PAGE_BYTES), LEAF_RWX).raw);
    for (unsigned page = 0; page < 16; page++)
        assert_int_equal(world_read_pte(&w, slot[page]).raw,
                         page == 5 ? pte.raw | PTE_A | PTE_D : pte.raw);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_translated_in_every_mode_by_as_many_fetches_as_it_has_levels),
        cmocka_unit_test(a_superpage_of_any_level_copies_the_low_digits_of_the_address),
        cmocka_unit_test(bare_mode_translates_an_address_to_itself_without_tables),
        cmocka_unit_test(hardware_sets_a_for_every_access_and_d_for_writes),
        cmocka_unit_test(without_hardware_ad_a_clear_bit_faults_and_nothing_is_written),
        cmocka_unit_test(a_translation_outside_ram_faults_before_hardware_sets_a_and_d),
        cmocka_unit_test(a_superpage_may_lie_partly_outside_ram),
        cmocka_unit_test(a_successful_walk_reports_each_fetch_the_update_and_its_end),
        cmocka_unit_test(a_failed_walk_reports_where_and_why_it_ended),
        cmocka_unit_test(a_walk_without_a_bus_gives_the_same_result),
        cmocka_unit_test(allowed_bits_equal_the_walk_for_all_flags_contexts_and_accesses),
        cmocka_unit_test(a_leaf_with_reserved_bits_allows_nothing),
        cmocka_unit_test(
            a_napot_pte_translates_each_page_of_its_64_kib_to_the_same_page_of_the_frames),
        cmocka_unit_test(a_and_d_are_set_in_the_napot_pte_that_was_read_and_in_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
