/*
 * SFENCE.VMA in one TLB: for each form, every kind of entry that it may or may not drop; and what
 * becomes of translations that are cached in parts.
 *
 * After each test the checker must find nothing.
 */
#include "unit/hw/one_tlb.h"

#define HERE  page(513)                    /* an address inside the second superpage of level 1 */
#define THERE (page(513) + level_bytes(4)) /* shares no page of any size with HERE */

/* What the entries are: two address spaces, here and there, one size, local or global. */
static void fill_all(struct fixture *f, unsigned level)
{
    fill(f, HERE, 1, level, LOCAL);
    fill(f, HERE, 2, level, LOCAL);
    fill(f, THERE, 1, level, LOCAL);
    fill(f, THERE, 2, level, LOCAL);
}

static void fence_without_operands_drops_everything(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < LEVELS; level++) {
        uint64_t before = f.tlb.counters.dropped;

        fill_all(&f, level);
        fill(&f, HERE + 2 * level_bytes(4), 1, level, GLOBAL);
        assert_int_equal(flush(&f, false, 0, false, 0), 5);
        assert_int_equal(live(&f), 0);
        assert_int_equal(f.tlb.counters.dropped - before, 5);
    }
    finish(&f);
}

static void fence_of_an_asid_drops_all_of_it_but_global_entries(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < LEVELS; level++) {
        vaddr_t elsewhere = HERE + 2 * level_bytes(4);

        flush(&f, false, 0, false, 0);
        fill_all(&f, level);
        fill(&f, elsewhere, 1, level, GLOBAL);
        flush(&f, false, 0, true, 1);
        assert_false(has(&f, HERE, 1));
        assert_false(has(&f, THERE, 1));
        assert_true(has(&f, HERE, 2));
        assert_true(has(&f, THERE, 2));
        assert_true(has(&f, elsewhere, 1));
        assert_int_equal(live(&f), 3);
    }
    finish(&f);
}

static void fence_of_asid_zero_leaves_global_entries_whose_tag_says_zero(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 0, 0, GLOBAL);
    fill(&f, page(2), 0, 0, LOCAL);
    flush(&f, false, 0, true, 0);
    assert_true(has(&f, page(1), 0));
    assert_false(has(&f, page(2), 0));
    fill(&f, page(2), 0, 0, LOCAL);
    flush(&f, true, page(1), true, 0);
    assert_true(has(&f, page(1), 0));
    assert_true(has(&f, page(2), 0));
    finish(&f);
}

static void fence_of_an_address_drops_what_translates_it_in_every_address_space(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < LEVELS; level++) {
        flush(&f, false, 0, false, 0);
        fill_all(&f, level);
        flush(&f, true, HERE, false, 0);
        assert_false(has(&f, HERE, 1));
        assert_false(has(&f, HERE, 2));
        assert_true(has(&f, THERE, 1));
        assert_true(has(&f, THERE, 2));
        fill(&f, HERE, 1, level, GLOBAL);
        flush(&f, true, THERE, false, 0);
        assert_true(has(&f, HERE, 1));
        flush(&f, true, HERE, false, 0);
        assert_int_equal(live(&f), 0);
    }
    finish(&f);
}

static void fence_of_an_address_in_an_asid_drops_exactly_that(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < LEVELS; level++) {
        flush(&f, false, 0, false, 0);
        fill_all(&f, level);
        flush(&f, true, HERE, true, 1);
        assert_false(has(&f, HERE, 1));
        assert_int_equal(live(&f), 3);
        flush(&f, true, HERE, true, 3);
        assert_int_equal(live(&f), 3);
        fill(&f, HERE, 1, level, GLOBAL); /* replaces what 2 had there */
        flush(&f, true, HERE, true, 1);
        assert_true(has(&f, HERE, 1));
        assert_int_equal(live(&f), 3);
    }
    finish(&f);
}

static void fence_of_any_address_in_a_superpage_drops_it_and_not_its_neighbours(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    for (unsigned level = 1; level < LEVELS; level++) {
        uint64_t bytes = level_bytes(level);

        flush(&f, false, 0, false, 0);
        fill(&f, bytes, 1, level, LOCAL);
        fill(&f, bytes * 2, 1, level, LOCAL);
        fill(&f, bytes * 3, 1, level, LOCAL);
        flush(&f, true, bytes * 3 - 1, true, 1);
        assert_true(has(&f, bytes, 1) && !has(&f, bytes * 2, 1) && has(&f, bytes * 3, 1));
        flush(&f, true, bytes * 3 + bytes / 2, false, 0);
        assert_true(has(&f, bytes, 1) && !has(&f, bytes * 3, 1));
    }
    finish(&f);
}

static void fence_of_a_page_leaves_its_neighbours_in_the_same_set(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 8);
    for (uint64_t n = 0; n < 8; n++)
        fill(&f, page(n), 1, 0, LOCAL);
    flush(&f, true, page(3), false, 0);
    flush(&f, true, page(4), true, 1);
    assert_int_equal(live(&f), 6);
    assert_false(has(&f, page(3), 1) || has(&f, page(4), 1));
    finish(&f);
}

/* ---- parts ---- */

#define SUPER (page(512) * 3) /* where a 2M page begins */

/* A TLB for 4K pages only, with three parts of one 2M page and two pages beside it. */
static void start_parts(struct fixture *f, uint64_t flags)
{
    const struct mw_tlb geometry = {.arrays = 1,
                                    .array = {{4, 4, 1u << MW_SIZE_4K, MW_REPLACE_LRU}}};

    start_tlb(f, &geometry);
    fill_size(f, SUPER + page(1), 1, MW_SIZE_2M, flags);
    fill_size(f, SUPER + page(100), 1, MW_SIZE_2M, flags);
    fill_size(f, SUPER + page(511), 1, MW_SIZE_2M, flags);
    fill_size(f, SUPER - page(1), 1, MW_SIZE_4K, LOCAL);
    fill_size(f, SUPER + page(512), 1, MW_SIZE_4K, LOCAL);
    assert_int_equal(live(f), 5);
}

static void fence_of_an_address_drops_all_parts_of_the_translation_wherever_it_points(void **state)
{
    struct fixture f;

    (void)state;
    for (unsigned with_asid = 0; with_asid < 2; with_asid++) {
        start_parts(&f, LOCAL);
        /* no part is of this page, but they are of its PTE */
        assert_int_equal(flush(&f, true, SUPER + page(7), with_asid != 0, 1), 3);
        assert_int_equal(f.tlb.counters.dropped, 3);
        assert_true(has(&f, SUPER - page(1), 1) && has(&f, SUPER + page(512), 1));
        assert_int_equal(live(&f), 2);
        finish(&f);
    }
}

static void fence_of_an_address_beside_a_translation_in_parts_drops_none_of_them(void **state)
{
    struct fixture f;

    (void)state;
    start_parts(&f, LOCAL);
    assert_int_equal(flush(&f, true, SUPER - page(1), true, 1), 1);
    assert_int_equal(flush(&f, true, SUPER + page(512), false, 0), 1);
    assert_int_equal(flush(&f, true, SUPER + page(513), false, 0), 0);
    assert_int_equal(flush(&f, true, SUPER + page(7), true, 2), 0);
    assert_int_equal(live(&f), 3);
    finish(&f);
}

static void fence_of_an_address_in_an_asid_leaves_parts_of_a_global_translation(void **state)
{
    struct fixture f;

    (void)state;
    start_parts(&f, GLOBAL);
    assert_int_equal(flush(&f, true, SUPER + page(7), true, 1), 0);
    assert_int_equal(flush(&f, false, 0, true, 1), 2);
    assert_int_equal(flush(&f, true, SUPER + page(7), false, 0), 3);
    finish(&f);
}

static void a_page_of_its_own_in_a_region_of_parts_is_not_one_of_them(void **state)
{
    struct fixture f;

    (void)state;
    start_parts(&f, LOCAL);
    fill_size(&f, SUPER + page(100), 1, MW_SIZE_4K, LOCAL); /* the superpage has been split */
    assert_int_equal(find(&f, SUPER + page(100), 1)->leaf_size, MW_SIZE_4K);
    assert_int_equal(flush(&f, true, SUPER + page(7), true, 1), 2);
    assert_true(has(&f, SUPER + page(100), 1));
    assert_int_equal(flush(&f, true, SUPER + page(100), true, 1), 1);
    finish(&f);
}

static void fence_of_an_address_drops_all_cached_pages_of_a_napot_region(void **state)
{
    const struct mw_tlb geometry = {.arrays = 1,
                                    .array = {{2, 4, 1u << MW_SIZE_4K, MW_REPLACE_LRU}}};
    struct fixture f;

    (void)state;
    start_tlb(&f, &geometry);
    fill_size(&f, page(16), 1, MW_SIZE_64K, LOCAL);
    fill_size(&f, page(31), 1, MW_SIZE_64K, LOCAL);
    fill_size(&f, page(32), 1, MW_SIZE_64K, LOCAL);
    assert_int_equal(flush(&f, true, page(20), true, 1), 2);
    assert_true(has(&f, page(32), 1));
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fence_without_operands_drops_everything),
        cmocka_unit_test(fence_of_an_asid_drops_all_of_it_but_global_entries),
        cmocka_unit_test(fence_of_asid_zero_leaves_global_entries_whose_tag_says_zero),
        cmocka_unit_test(fence_of_an_address_drops_what_translates_it_in_every_address_space),
        cmocka_unit_test(fence_of_an_address_in_an_asid_drops_exactly_that),
        cmocka_unit_test(fence_of_any_address_in_a_superpage_drops_it_and_not_its_neighbours),
        cmocka_unit_test(fence_of_a_page_leaves_its_neighbours_in_the_same_set),
        cmocka_unit_test(fence_of_an_address_drops_all_parts_of_the_translation_wherever_it_points),
        cmocka_unit_test(fence_of_an_address_beside_a_translation_in_parts_drops_none_of_them),
        cmocka_unit_test(fence_of_an_address_in_an_asid_leaves_parts_of_a_global_translation),
        cmocka_unit_test(a_page_of_its_own_in_a_region_of_parts_is_not_one_of_them),
        cmocka_unit_test(fence_of_an_address_drops_all_cached_pages_of_a_napot_region),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
