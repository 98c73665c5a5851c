/*
 * Rules of one TLB alone: what matches, what a fill evicts, what is told, what the checker finds.
 * Replacement has a file of its own (test_tlb_policy.c), and so have fences (test_tlb_fence.c) and
 * translations that are cached in parts (test_tlb_parts.c).
 *
 * After each test the checker must find nothing.
 */
#include "unit/hw/one_tlb.h"

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
    struct mw_tlb geometry = {.arrays = 2,
                              .array = {{64, 4, 1, MW_REPLACE_LRU}, {1, 8, 4, MW_REPLACE_CLOCK}}};
    struct alloc alloc = {0};
    struct tlb tlb;
    uint64_t calls;

    (void)state;
    assert_int_equal(tlb_init(&tlb, &alloc, &geometry, MW_TLB_L1D, 1), 0);
    calls = alloc.calls;
    tlb_destroy(&tlb);
    for (uint64_t i = 1; i <= calls; i++) {
        alloc = (struct alloc){.fail_at = i};
        assert_int_equal(tlb_init(&tlb, &alloc, &geometry, MW_TLB_L1D, 1), -ENOMEM);
        assert_int_equal(alloc.live_blocks, 0);
        tlb_destroy(&tlb); /* harmless */
    }
}

static void a_tlb_that_is_not_there_finds_and_keeps_nothing(void **state)
{
    const struct mw_tlb none = {0};
    struct fixture f;

    (void)state;
    start_tlb(&f, &none);
    assert_null(fill_size(&f, page(1), 1, MW_SIZE_4K, LOCAL).array);
    assert_false(has(&f, page(1), 1));
    assert_int_equal(flush(&f, false, 0, false, 0), 0);
    finish(&f);
}

static void an_empty_tlb_matches_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 2);
    assert_false(has(&f, 0, 0));
    assert_false(has(&f, UINT64_MAX, UINT16_MAX)); /* not even what looks like TLB_EMPTY */
    finish(&f);
}

static void an_entry_keeps_what_the_walk_returned(void **state)
{
    pte_t pte = pte_make(paddr(FRAMES + PAGE_BYTES), LOCAL | PTE_U);
    struct tlb_place place;
    struct tlb_entry *entry;
    struct fixture f;

    (void)state;
    start(&f, 4, 2);
    place = fill_size(&f, page(9) + 123, 7, MW_SIZE_4K, LOCAL | PTE_U);
    entry = tlb_place_entry(place);
    assert_ptr_equal(find(&f, page(9) + 4095, 7), entry);
    assert_int_equal(entry->pte.raw, pte.raw);
    assert_int_equal(entry->pte_address.raw, LEAF_AT);
    assert_int_equal(entry->allowed, walk_allowed(pte));
    assert_int_equal(entry->base.raw, FRAMES + PAGE_BYTES);
    assert_int_equal(entry->size, MW_SIZE_4K);
    assert_int_equal(entry->leaf_size, MW_SIZE_4K);
    assert_false(entry->prefetched);
    assert_int_equal(tlb_array_va(place.array, place.index), page(9));
    assert_int_equal(f.tlb.counters.fills[MW_SIZE_4K], 1);
    assert_false(has(&f, page(8), 7));
    assert_false(has(&f, page(10), 7));
    finish(&f);
}

static vaddr_t filled_address(struct fixture *f, vaddr_t va, unsigned size)
{
    struct tlb_place place = fill_size(f, va, 1, size, LOCAL);

    return tlb_array_va(place.array, place.index);
}

static void the_address_of_an_entry_is_canonical_again(void **state)
{
    const vaddr_t va[] = {~(vaddr_t)0 << 56, ~(vaddr_t)0 << 38, ~(vaddr_t)0 << 12,
                          ((vaddr_t)1 << 56) - PAGE_BYTES};
    struct fixture f;

    (void)state;
    start(&f, 4, 2);
    for (size_t i = 0; i < sizeof(va) / sizeof(va[0]); i++)
        assert_int_equal(filled_address(&f, va[i], MW_SIZE_4K), va[i]);
    assert_int_equal(filled_address(&f, ~(vaddr_t)0, MW_SIZE_512G), ~(vaddr_t)0 << 39);
    finish(&f);
}

static void address_spaces_do_not_see_each_others_entries(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 1, 0, LOCAL);
    assert_false(has(&f, page(1), 2));
    fill(&f, page(1), 2, 0, LOCAL);
    assert_ptr_not_equal(find(&f, page(1), 1), find(&f, page(1), 2));
    assert_int_equal(live(&f), 2);
    finish(&f);
}

static void a_global_entry_serves_every_address_space(void **state)
{
    struct fixture f;
    struct tlb_entry *entry;

    (void)state;
    start(&f, 4, 4);
    entry = fill(&f, page(1), 1, 0, GLOBAL);
    assert_ptr_equal(find(&f, page(1), 0), entry);
    assert_ptr_equal(find(&f, page(1), UINT16_MAX), entry);
    assert_true(tlb_array_serves(&f.tlb.array[0], (uint32_t)(entry - f.tlb.array[0].entries), 99));
    finish(&f);
}

static void a_superpage_matches_its_whole_range_and_nothing_beside(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    for (unsigned level = 1; level < LEVELS; level++) {
        vaddr_t va = level_bytes(level) * 6;
        struct tlb_entry *entry = fill(&f, va + level_bytes(level) / 2, 1, level, LOCAL);

        assert_ptr_equal(find(&f, va, 1), entry);
        assert_ptr_equal(find(&f, va + level_bytes(level) - 1, 1), entry);
        assert_false(has(&f, va - 1, 1));
        assert_false(has(&f, va + level_bytes(level), 1));
        assert_int_equal(entry->size, tlb_level_size(level));
        flush(&f, false, 0, false, 0);
    }
    finish(&f);
}

static void the_least_recently_used_way_is_evicted(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    for (uint64_t n = 0; n < 8; n += 2) /* set 0 */
        fill(&f, page(n), 1, 0, LOCAL);
    fill(&f, page(1), 1, 0, LOCAL); /* set 1 takes no part */
    use(&f, page(0), 1);
    use(&f, page(4), 1);
    fill(&f, page(8), 1, 0, LOCAL); /* order of use now: 2 6 0 4 */
    assert_false(has(&f, page(2), 1));
    fill(&f, page(10), 1, 0, LOCAL);
    assert_false(has(&f, page(6), 1));
    fill(&f, page(12), 1, 0, LOCAL);
    assert_false(has(&f, page(0), 1));
    assert_true(has(&f, page(4), 1) && has(&f, page(8), 1) && has(&f, page(10), 1) &&
                has(&f, page(12), 1) && has(&f, page(1), 1));
    assert_int_equal(f.tlb.counters.evictions, 3);
    finish(&f);
}

static void an_empty_way_is_taken_before_anything_is_evicted(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 3);
    fill(&f, page(0), 1, 0, LOCAL);
    fill(&f, page(1), 1, 0, LOCAL);
    fill(&f, page(2), 1, 0, LOCAL);
    flush(&f, true, page(1), true, 1);
    fill(&f, page(3), 1, 0, LOCAL);
    assert_int_equal(f.tlb.counters.evictions, 0);
    assert_true(has(&f, page(0), 1) && has(&f, page(2), 1) && has(&f, page(3), 1));
    finish(&f);
}

static void a_fill_for_the_same_page_replaces_its_entry(void **state)
{
    struct tlb_entry *first, *second;
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    first = fill(&f, page(0), 1, 0, LOCAL & ~PTE_D);
    fill(&f, page(2), 1, 0, LOCAL);
    second = fill(&f, page(0), 1, 0, LOCAL);
    assert_ptr_equal(first, second);
    assert_true(pte_has(second->pte, PTE_D));
    assert_int_equal(second->allowed, walk_allowed(second->pte));
    assert_int_equal(live(&f), 2);
    assert_int_equal(f.tlb.counters.evictions, 0);
    assert_int_equal(f.tlb.counters.fills[MW_SIZE_4K], 3);
    fill(&f, page(4), 1, 0, LOCAL);
    fill(&f, page(6), 1, 0, LOCAL);
    fill(&f, page(8), 1, 0, LOCAL); /* page 2 goes, as a fill is a use */
    assert_true(has(&f, page(0), 1) && !has(&f, page(2), 1));
    finish(&f);
}

static void a_new_superpage_evicts_the_smaller_entries_inside_it_and_no_others(void **state)
{
    vaddr_t va = level_bytes(2) * 3;
    struct fixture f;

    (void)state;
    start(&f, 16, 4);
    fill(&f, va, 1, 0, LOCAL);
    fill(&f, va + page(77), 1, 0, GLOBAL);
    fill(&f, va + level_bytes(1) * 5, 1, 1, LOCAL);
    fill(&f, va - PAGE_BYTES, 1, 0, LOCAL);
    fill(&f, va + level_bytes(2), 1, 0, LOCAL);
    fill(&f, va + page(5), 2, 0, LOCAL); /* of another address space */
    fill(&f, va, 1, 2, LOCAL);
    assert_int_equal(f.tlb.counters.evictions, 3);
    assert_int_equal(find(&f, va + page(77), 1)->size, MW_SIZE_1G);
    assert_false(has(&f, va + page(77), 2));
    assert_true(has(&f, va - PAGE_BYTES, 1));
    assert_true(has(&f, va + level_bytes(2), 1));
    assert_true(has(&f, va + page(5), 2));
    finish(&f);
}

static void a_new_page_evicts_the_superpages_around_it(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 4);
    for (unsigned level = 1; level < LEVELS; level++) {
        flush(&f, false, 0, false, 0);
        fill(&f, page(3), 1, level, LOCAL);
        fill(&f, page(3), 2, level, LOCAL);
        fill(&f, page(5), 1, 0, LOCAL);
        assert_int_equal(find(&f, page(5), 1)->size, MW_SIZE_4K);
        assert_false(has(&f, page(3), 1));
        assert_true(has(&f, page(3), 2));
        assert_true(tlb_check(&f.tlb, f.stamp));
    }
    finish(&f);
}

static void a_page_that_becomes_global_replaces_the_entries_of_all_address_spaces(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 1, 0, LOCAL);
    fill(&f, page(1), 2, 0, LOCAL);
    fill(&f, page(2), 2, 0, LOCAL);
    fill(&f, page(1), 3, 0, GLOBAL);
    assert_int_equal(live(&f), 2);
    assert_true(pte_has(find(&f, page(1), 1)->pte, PTE_G));
    fill(&f, page(1), 2, 0, LOCAL); /* and back again */
    assert_false(pte_has(find(&f, page(1), 2)->pte, PTE_G));
    assert_false(has(&f, page(1), 1));
    finish(&f);
}

static void an_evicted_entry_is_gone_and_counted(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 1, 0, LOCAL);
    fill(&f, page(2), 1, 0, LOCAL);
    tlb_evict(&f.tlb, &f.w.bus, tlb_find(&f.tlb, page(1), 1));
    assert_false(has(&f, page(1), 1));
    assert_true(has(&f, page(2), 1));
    assert_int_equal(f.tlb.counters.evictions, 1);
    finish(&f);
}

static void a_fill_in_one_array_evicts_what_overlaps_it_in_the_others(void **state)
{
    const struct mw_tlb geometry = {.arrays = 2,
                                    .array = {{4, 2, 1u << MW_SIZE_4K, MW_REPLACE_LRU},
                                              {1, 4, 1u << MW_SIZE_2M, MW_REPLACE_LRU}}};
    struct fixture f;

    (void)state;
    start_tlb(&f, &geometry);
    fill(&f, page(3), 1, 0, LOCAL);
    fill(&f, page(600), 1, 0, LOCAL);
    fill(&f, page(3), 1, 1, LOCAL);
    assert_int_equal(find(&f, page(3), 1)->size, MW_SIZE_2M);
    assert_true(has(&f, page(600), 1));
    fill(&f, page(3), 1, 0, LOCAL);
    assert_int_equal(find(&f, page(3), 1)->size, MW_SIZE_4K);
    assert_false(has(&f, page(4), 1));
    assert_int_equal(f.tlb.counters.evictions, 2);
    finish(&f);
}

static void sets_that_are_no_power_of_two_are_page_numbers_modulo_their_count(void **state)
{
    struct tlb_place place;
    struct fixture f;

    (void)state;
    start(&f, 7, 2);
    for (uint64_t n = 100; n < 120; n++) {
        place = fill_size(&f, page(n), 1, MW_SIZE_4K, LOCAL);
        assert_int_equal(place.index / 2, n % 7);
        place = fill_size(&f, n << 21, 1, MW_SIZE_2M, LOCAL);
        assert_int_equal(place.index / 2, n % 7);
    }
    place = fill_size(&f, ~(vaddr_t)0, 1, MW_SIZE_4K, LOCAL); /* of 45 bits of page number */
    assert_int_equal(place.index / 2, (((uint64_t)1 << 45) - 1) % 7);
    finish(&f);
}

/* ---- events ---- */

static void fills_and_evictions_are_told(void **state)
{
    const struct mw_event *e;
    struct fixture f;

    (void)state;
    start(&f, 2, 1);
    world_listen(&f.w);
    fill(&f, page(1), 5, 0, LOCAL);
    fill(&f, page(3), 5, 0, LOCAL);
    fill(&f, page(1024), 5, 1, LOCAL); /* set 0 */
    assert_int_equal(f.w.events, 4);
    e = &f.w.event[0];
    assert_int_equal(e->kind, MW_EVENT_TLB_FILL);
    assert_int_equal(e->arg[0], page(1));
    assert_int_equal(e->arg[1], pte_make(paddr(FRAMES + PAGE_BYTES), LOCAL).raw);
    assert_int_equal(e->arg[2], 0); /* level */
    assert_int_equal(e->arg[3], 1); /* set */
    assert_int_equal(e->arg[4], 0); /* way */
    assert_int_equal(e->arg[5], 5);
    assert_int_equal(e->arg[6], MW_TLB_L2);
    assert_int_equal(e->arg[7], MW_SIZE_4K);
    e = &f.w.event[1];
    assert_int_equal(e->kind, MW_EVENT_TLB_EVICT);
    assert_int_equal(e->arg[0], page(1));
    assert_int_equal(e->arg[1], 5);
    assert_int_equal(e->arg[2], 1);
    assert_int_equal(e->arg[3], 0);
    assert_int_equal(e->arg[4], MW_TLB_L2);
    assert_int_equal(f.w.event[2].kind, MW_EVENT_TLB_FILL);
    e = world_event(&f.w, MW_EVENT_TLB_FILL, 2);
    assert_non_null(e);
    assert_int_equal(e->arg[2], 1);
    assert_int_equal(e->arg[7], MW_SIZE_2M);
    finish(&f);
}

/* ---- the checker ---- */

/* The checker finds `change` and is content again once it is undone. */
#define FOUND(f, field, wrong)                          \
    do {                                                \
        __typeof__(field) right = (field);              \
        assert_true(tlb_check(&(f)->tlb, (f)->stamp));  \
        (field) = (__typeof__(field))(wrong);           \
        assert_false(tlb_check(&(f)->tlb, (f)->stamp)); \
        (field) = right;                                \
    } while (0)

static void the_checker_finds_each_broken_invariant_of_an_array(void **state)
{
    struct tlb_place a, b;
    struct tlb_array *array;
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    a = fill_size(&f, page(2), 1, MW_SIZE_4K, LOCAL);
    b = fill_size(&f, page(4), 1, MW_SIZE_4K, LOCAL);
    array = a.array;
    FOUND(&f, array->form_count[0], 3);
    FOUND(&f, array->form_count[3], 1);
    FOUND(&f, array->forms, 0);
    FOUND(&f, array->forms, 5);
    FOUND(&f, array->broken[MW_SIZE_2M], 1);
    FOUND(&f, array->live[0], array->live[0] & ~(uint64_t)1);
    FOUND(&f, array->live[0], array->live[0] | 1 << 7);
    FOUND(&f, array->stamps[a.index], array->stamps[b.index]);
    FOUND(&f, array->stamps[a.index], f.stamp + 1);
    FOUND(&f, array->sizes, 1u << MW_SIZE_2M);
    FOUND(&f, array->tags[a.index], array->tags[b.index]);          /* two entries for one page */
    FOUND(&f, array->tags[a.index], tlb_tag(page(3), 0, false, 1)); /* of another set */
    FOUND(&f, array->tags[a.index], TLB_EMPTY);
    finish(&f);
}

static void the_checker_finds_each_wrong_entry(void **state)
{
    struct tlb_place a;
    struct tlb_entry *entry;
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    a = fill_size(&f, page(2), 1, MW_SIZE_4K, LOCAL);
    entry = tlb_place_entry(a);
    FOUND(&f, entry->allowed, entry->allowed ^ 1);
    FOUND(&f, entry->base.raw, entry->base.raw + PAGE_BYTES);
    FOUND(&f, entry->size, MW_SIZE_2M);
    FOUND(&f, entry->leaf_size, MW_SIZE_2M);
    FOUND(&f, entry->leaf_size, MW_SIZE_64K); /* without N */
    FOUND(&f, entry->pte.raw, entry->pte.raw & ~PTE_V);
    FOUND(&f, entry->pte.raw, entry->pte.raw & ~PTE_A);
    FOUND(&f, entry->pte.raw, entry->pte.raw | PTE_N);
    FOUND(&f, entry->pte.raw, entry->pte.raw | PTE_G);
    finish(&f);
}

static void the_checker_finds_a_page_inside_a_superpage(void **state)
{
    struct tlb_place place;
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    fill_size(&f, page(2), 1, MW_SIZE_2M, LOCAL);
    place = fill_size(&f, page(2), 2, MW_SIZE_4K, LOCAL); /* of another address space */
    FOUND(&f, place.array->tags[place.index], tlb_tag(page(2), MW_SIZE_4K, false, 1));
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
        cmocka_unit_test(a_tlb_that_is_not_there_finds_and_keeps_nothing),
        cmocka_unit_test(an_empty_tlb_matches_nothing),
        cmocka_unit_test(an_entry_keeps_what_the_walk_returned),
        cmocka_unit_test(the_address_of_an_entry_is_canonical_again),
        cmocka_unit_test(address_spaces_do_not_see_each_others_entries),
        cmocka_unit_test(a_global_entry_serves_every_address_space),
        cmocka_unit_test(a_superpage_matches_its_whole_range_and_nothing_beside),
        cmocka_unit_test(the_least_recently_used_way_is_evicted),
        cmocka_unit_test(an_empty_way_is_taken_before_anything_is_evicted),
        cmocka_unit_test(a_fill_for_the_same_page_replaces_its_entry),
        cmocka_unit_test(a_new_superpage_evicts_the_smaller_entries_inside_it_and_no_others),
        cmocka_unit_test(a_new_page_evicts_the_superpages_around_it),
        cmocka_unit_test(a_page_that_becomes_global_replaces_the_entries_of_all_address_spaces),
        cmocka_unit_test(an_evicted_entry_is_gone_and_counted),
        cmocka_unit_test(a_fill_in_one_array_evicts_what_overlaps_it_in_the_others),
        cmocka_unit_test(sets_that_are_no_power_of_two_are_page_numbers_modulo_their_count),
        cmocka_unit_test(fills_and_evictions_are_told),
        cmocka_unit_test(the_checker_finds_each_broken_invariant_of_an_array),
        cmocka_unit_test(the_checker_finds_each_wrong_entry),
        cmocka_unit_test(the_checker_finds_a_page_inside_a_superpage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
