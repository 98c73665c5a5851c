/*
 * Who makes way in a full set: one rule of <mapwalk/tlb.h> a test, in one set of a few ways.
 *
 * Page n lies in way n at first, as the lowest empty way is taken; `expect_victims` fills one page
 * after the other and names the ways that they get.
 */
#include "unit/hw/one_tlb.h"

static const enum mw_replacement all[] = {MW_REPLACE_LRU, MW_REPLACE_PLRU, MW_REPLACE_FIFO,
                                          MW_REPLACE_RANDOM, MW_REPLACE_CLOCK};

/* One set, filled with pages 0, 1, 2 ... */
static void start_full(struct fixture *f, uint32_t ways, enum mw_replacement replacement)
{
    start_policy(f, 1, ways, replacement);
    for (uint32_t n = 0; n < ways; n++)
        assert_int_equal(fill_size(f, page(n), 1, MW_SIZE_4K, LOCAL).index, n);
}

/* New pages, from `first` on, go to these ways. */
static void expect_victims(struct fixture *f, uint64_t first, const uint32_t *ways, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(fill_size(f, page(first + i), 1, MW_SIZE_4K, LOCAL).index, ways[i]);
}

static void use_page(struct fixture *f, uint64_t n)
{
    use(f, page(n), 1);
}

/* ---- what all have in common ---- */

static void every_policy_takes_the_lowest_empty_way_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct fixture f;

        start_full(&f, 5, all[i]);
        flush(&f, true, page(3), true, 1);
        flush(&f, true, page(1), true, 1);
        expect_victims(&f, 10, (const uint32_t[]){1, 3}, 2);
        assert_int_equal(f.tlb.counters.evictions, 0);
        fill_size(&f, page(20), 1, MW_SIZE_4K, LOCAL);
        assert_int_equal(f.tlb.counters.evictions, 1);
        finish(&f);
    }
}

static void every_policy_keeps_sets_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct fixture f;

        start_policy(&f, 2, 4, all[i]);
        for (uint64_t n = 0; n < 40; n += 2)
            fill_size(&f, page(n), 1, MW_SIZE_4K, LOCAL);
        assert_int_equal(live(&f), 4);
        for (uint64_t n = 1; n < 9; n += 2)
            fill_size(&f, page(n), 1, MW_SIZE_4K, LOCAL);
        assert_int_equal(live(&f), 8);
        assert_int_equal(f.tlb.counters.evictions, 16);
        finish(&f);
    }
}

static void every_policy_has_but_one_choice_in_one_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct fixture f;

        start_full(&f, 1, all[i]);
        expect_victims(&f, 10, (const uint32_t[]){0, 0, 0}, 3);
        assert_true(has(&f, page(12), 1));
        finish(&f);
    }
}

/* ---- LRU ---- */

static void lru_evicts_in_the_order_of_last_use(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 4, MW_REPLACE_LRU);
    use_page(&f, 0);
    use_page(&f, 2);
    use_page(&f, 0);
    expect_victims(&f, 10, (const uint32_t[]){1, 3, 2, 0}, 4);
    finish(&f);
}

static void lru_takes_a_renewed_entry_for_a_used_one(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 3, MW_REPLACE_LRU);
    fill_size(&f, page(0), 1, MW_SIZE_4K, LOCAL);
    expect_victims(&f, 10, (const uint32_t[]){1, 2, 0}, 3);
    finish(&f);
}

/* ---- tree-PLRU ---- */

static void plru_points_away_from_the_half_used_last(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 4, MW_REPLACE_PLRU);
    /* Filled 0 1 2 3: the root points to the lower half, its node to 0, the other one to 2. */
    expect_victims(&f, 10, (const uint32_t[]){0, 2, 1, 3}, 4);
    finish(&f);
}

static void plru_is_not_lru(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 4, MW_REPLACE_PLRU);
    use_page(&f, 0); /* the root points up; the node above 2 and 3 still to 2 */
    use_page(&f, 3);
    use_page(&f, 1); /* order of use: 2 0 3 1 */
    expect_victims(&f, 10, (const uint32_t[]){2}, 1);
    use_page(&f, 3); /* and 0 is the oldest, but the root points down, to 0 */
    use_page(&f, 0);
    use_page(&f, 10); /* order: 1 3 0 10 (way 2) */
    expect_victims(&f, 11, (const uint32_t[]){1}, 1);
    use_page(&f, 10); /* order: 3 0 11 10; LRU would take way 3 */
    expect_victims(&f, 12, (const uint32_t[]){0}, 1);
    finish(&f);
}

static void plru_passes_over_halves_without_ways(void **state)
{
    struct fixture f;

    (void)state;
    /* Five ways, as of eight: 4 is alone in the upper half, and its nodes have one choice. */
    start_full(&f, 5, MW_REPLACE_PLRU);
    expect_victims(&f, 10, (const uint32_t[]){0, 4, 2, 4, 1, 4, 3, 4}, 8);
    finish(&f);
    /* Three ways, as of four. */
    start_full(&f, 3, MW_REPLACE_PLRU);
    expect_victims(&f, 10, (const uint32_t[]){0, 2, 1, 2}, 4);
    finish(&f);
}

static void plru_turns_no_node_when_an_entry_is_flushed(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 4, MW_REPLACE_PLRU);
    use_page(&f, 1);
    use_page(&f, 2); /* root: lower, to 0; upper node: to 3 */
    flush(&f, true, page(2), true, 1);
    flush(&f, true, page(3), true, 1);
    flush(&f, true, page(0), true, 1);
    flush(&f, true, page(1), true, 1);
    /* Filling turns them: 0 and 1 the root up, 2 and 3 down; at last the node above 2 and 3. */
    expect_victims(&f, 10, (const uint32_t[]){0, 1, 2, 3}, 4);
    expect_victims(&f, 20, (const uint32_t[]){0, 2, 1, 3}, 4);
    finish(&f);
    start_full(&f, 4, MW_REPLACE_PLRU);
    use_page(&f, 0); /* root up, to 2 */
    flush(&f, true, page(3), true, 1);
    fill_size(&f, page(9), 1, MW_SIZE_4K, LOCAL); /* way 3: root down; the lower node still at 1 */
    expect_victims(&f, 10, (const uint32_t[]){1, 2}, 2);
    finish(&f);
}

/* ---- FIFO ---- */

static void fifo_does_not_look_at_uses(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 3, MW_REPLACE_FIFO);
    use_page(&f, 0);
    use_page(&f, 1);
    expect_victims(&f, 10, (const uint32_t[]){0, 1, 2, 0}, 4);
    finish(&f);
}

static void fifo_takes_a_renewed_entry_for_a_new_one(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 3, MW_REPLACE_FIFO);
    fill_size(&f, page(0), 1, MW_SIZE_4K, LOCAL);
    expect_victims(&f, 10, (const uint32_t[]){1, 2, 0}, 3);
    finish(&f);
}

static void fifo_counts_from_the_fill_of_an_empty_way(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 3, MW_REPLACE_FIFO);
    flush(&f, true, page(0), true, 1);
    expect_victims(&f, 10, (const uint32_t[]){0, 1, 2, 0}, 4);
    finish(&f);
}

/* ---- CLOCK ---- */

static void clock_spares_what_was_used_once(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 4, MW_REPLACE_CLOCK);
    /* All were used by their fill: the hand goes once around, then takes 0, and stands at 1. */
    expect_victims(&f, 10, (const uint32_t[]){0, 1}, 2);
    use_page(&f, 2); /* the hand stands there, and spares it */
    expect_victims(&f, 12, (const uint32_t[]){3}, 1);
    /* At 0, which is new, as is 1; 2 has lost its chance. */
    expect_victims(&f, 13, (const uint32_t[]){2}, 1);
    finish(&f);
}

static void clock_spares_once_however_often_a_way_was_used(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 3, MW_REPLACE_CLOCK);
    expect_victims(&f, 10, (const uint32_t[]){0}, 1);
    for (unsigned i = 0; i < 5; i++)
        use_page(&f, 1);
    expect_victims(&f, 11, (const uint32_t[]){2, 1}, 2); /* spares 1; spares 0; takes 1 */
    finish(&f);
}

static void clock_does_not_move_its_hand_to_an_empty_way(void **state)
{
    struct fixture f;

    (void)state;
    start_full(&f, 3, MW_REPLACE_CLOCK);
    expect_victims(&f, 10, (const uint32_t[]){0}, 1); /* at 1 */
    flush(&f, true, page(2), true, 1);
    expect_victims(&f, 11, (const uint32_t[]){2}, 1); /* still at 1, which has no chance left */
    expect_victims(&f, 12, (const uint32_t[]){1}, 1);
    finish(&f);
}

/* ---- RANDOM ---- */

/* Where the next 64 pages of a full set of eight go. */
static void random_victims(uint64_t seed, enum mw_tlb_unit unit, uint32_t ways[64])
{
    const struct mw_tlb geometry = {.arrays = 1, .array = {{1, 8, WORLD_SIZES, MW_REPLACE_RANDOM}}};
    struct fixture f;

    world_init(&f.w);
    f.stamp = 0;
    assert_int_equal(tlb_init(&f.tlb, &f.w.alloc, &geometry, unit, seed), 0);
    for (uint64_t n = 0; n < 72; n++) {
        uint32_t way = fill_size(&f, page(n), 1, MW_SIZE_4K, LOCAL).index;

        if (n >= 8)
            ways[n - 8] = way;
    }
    finish(&f);
}

static void random_replacement_repeats_with_its_seed_and_differs_between_tlbs(void **state)
{
    uint32_t a[64], same[64], other[64];

    (void)state;
    random_victims(5, MW_TLB_L1D, a);
    random_victims(5, MW_TLB_L1D, same);
    assert_memory_equal(a, same, sizeof(a));
    random_victims(6, MW_TLB_L1D, other);
    assert_memory_not_equal(a, other, sizeof(a));
    random_victims(5, MW_TLB_L2, other);
    assert_memory_not_equal(a, other, sizeof(a));
}

static void random_replacement_comes_to_every_way(void **state)
{
    uint32_t ways[64], met = 0;

    (void)state;
    random_victims(5, MW_TLB_L1D, ways);
    for (unsigned i = 0; i < 64; i++)
        met |= 1u << ways[i];
    assert_int_equal(met, 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_takes_the_lowest_empty_way_first),
        cmocka_unit_test(every_policy_keeps_sets_apart),
        cmocka_unit_test(every_policy_has_but_one_choice_in_one_way),
        cmocka_unit_test(lru_evicts_in_the_order_of_last_use),
        cmocka_unit_test(lru_takes_a_renewed_entry_for_a_used_one),
        cmocka_unit_test(plru_points_away_from_the_half_used_last),
        cmocka_unit_test(plru_is_not_lru),
        cmocka_unit_test(plru_passes_over_halves_without_ways),
        cmocka_unit_test(plru_turns_no_node_when_an_entry_is_flushed),
        cmocka_unit_test(fifo_does_not_look_at_uses),
        cmocka_unit_test(fifo_takes_a_renewed_entry_for_a_new_one),
        cmocka_unit_test(fifo_counts_from_the_fill_of_an_empty_way),
        cmocka_unit_test(clock_spares_what_was_used_once),
        cmocka_unit_test(clock_spares_once_however_often_a_way_was_used),
        cmocka_unit_test(clock_does_not_move_its_hand_to_an_empty_way),
        cmocka_unit_test(random_replacement_repeats_with_its_seed_and_differs_between_tlbs),
        cmocka_unit_test(random_replacement_comes_to_every_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
