/*
 * The interval map (base/imap.h), example by example; tests/model/test_imap_model.c drives it at
 * random.
 *
 * The maps in the tests show one letter a key: a..z for an interval, '.' for a free key.
 */
#include "base/imap.h"
#include "base/imap_node.h"

#include "death.h"
#include "imap_fixture.h"
#include "unit.h"

/* ---- lookup ---- */

static void an_empty_map_has_nothing_to_find(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_entry entry;
    assert_false(imap_find(&f->map, 0, &entry));
    assert_false(imap_find(&f->map, UINT64_MAX, &entry));
    assert_false(imap_find_before(&f->map, UINT64_MAX, &entry));
    assert_true(imap_check(&f->map));
    assert_int_equal(f->alloc.calls, 0);
}

static void find_gives_the_interval_around_the_key_or_else_the_next_above(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_entry entry;
    imap_fixture_draw(&f->map, "..aaa...bb");
    const uint64_t starts[] = {2, 2, 2, 2, 2, 8, 8, 8, 8, 8};
    for (uint64_t key = 0; key < 10; key++) {
        assert_true(imap_find(&f->map, key, &entry));
        assert_int_equal(entry.start, starts[key]);
    }
    assert_int_equal(entry.end, 10);
    assert_int_equal(*(const char *)entry.value, 'b');
    assert_false(imap_find(&f->map, 10, &entry));
}

static void find_before_gives_the_last_interval_that_starts_below_the_key(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_entry entry;
    imap_fixture_draw(&f->map, "..aaa...bb");
    for (uint64_t key = 0; key <= 2; key++)
        assert_false(imap_find_before(&f->map, key, &entry));
    for (uint64_t key = 3; key <= 8; key++) {
        assert_true(imap_find_before(&f->map, key, &entry));
        assert_int_equal(entry.start, 2);
    }
    assert_true(imap_find_before(&f->map, 9, &entry));
    assert_int_equal(entry.start, 8);
    assert_true(imap_find_before(&f->map, UINT64_MAX, &entry));
    assert_int_equal(entry.start, 8);
}

static void stepping_visits_all_intervals_both_ways_and_stops_at_the_ends(void **state)
{
    struct imap_fixture *f = *state;
    const uint64_t count = 1000;
    imap_fixture_fill(&f->map, count);
    struct imap_entry entry;
    assert_true(imap_find(&f->map, 0, &entry));
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(entry.start, i * 10);
        assert_int_equal(imap_next(&f->map, &entry), i + 1 < count);
    }
    assert_int_equal(entry.start, (count - 1) * 10); /* unchanged at the end */
    for (uint64_t i = count; i-- > 0;) {
        assert_int_equal(entry.start, i * 10);
        assert_int_equal(imap_prev(&f->map, &entry), i > 0);
    }
    assert_int_equal(entry.start, 0);
}

static void keys_reach_both_ends_of_the_number_space(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_entry entry;
    assert_int_equal(imap_insert(&f->map, UINT64_MAX - 1, UINT64_MAX, &f->map), 0);
    assert_int_equal(imap_insert(&f->map, 0, 1, &f->map), 0);
    assert_true(imap_check(&f->map));
    assert_true(imap_find(&f->map, 1, &entry));
    assert_true(entry.start == UINT64_MAX - 1);
    assert_false(imap_find(&f->map, UINT64_MAX, &entry));
    assert_true(imap_find_before(&f->map, UINT64_MAX, &entry));
    assert_true(entry.start == UINT64_MAX - 1);
    imap_erase(&f->map, 0);
    imap_resize(&f->map, UINT64_MAX - 1, 0, UINT64_MAX);
    assert_true(imap_find(&f->map, 12345, &entry));
    assert_true(entry.start == 0 && entry.end == UINT64_MAX);
}

/* ---- editing ---- */

static void intervals_may_touch_but_stay_apart(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_draw(&f->map, "aabbcc");
    assert_int_equal(f->map.count, 3);
    imap_fixture_assert_picture(&f->map, "aabbcc");
}

static void erasing_returns_the_value_and_leaves_the_others(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_draw(&f->map, ".aa.bbb.c");
    assert_int_equal(*(char *)imap_erase(&f->map, 4), 'b');
    assert_int_equal(f->map.count, 2);
    imap_fixture_assert_picture(&f->map, ".aa.....c");
}

static void the_last_erase_leaves_an_empty_map_without_nodes(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 300);
    for (uint64_t i = 0; i < 300; i++)
        assert_ptr_equal(imap_erase(&f->map, i * 10), &f->map);
    assert_int_equal(f->map.count, 0);
    assert_int_equal(f->map.height, 0);
    assert_int_equal(f->map.nodes.live_count, 0);
    assert_true(imap_check(&f->map));
    imap_fixture_draw(&f->map, "..z");
    imap_fixture_assert_picture(&f->map, "..z");
}

static void resizing_moves_either_bound_up_to_the_neighbours(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_draw(&f->map, "aa...bbb...cc");
    imap_resize(&f->map, 5, 2, 8);
    imap_fixture_assert_picture(&f->map, "aabbbbbb...cc");
    imap_resize(&f->map, 2, 2, 11);
    imap_fixture_assert_picture(&f->map, "aabbbbbbbbbcc");
    imap_resize(&f->map, 2, 6, 7);
    imap_fixture_assert_picture(&f->map, "aa....b....cc");
    imap_resize(&f->map, 0, 1, 6);
    imap_fixture_assert_picture(&f->map, ".aaaaab....cc");
    imap_resize(&f->map, 11, 7, 8);
    imap_fixture_assert_picture(&f->map, ".aaaaabc.....");
}

/* The first interval of a leaf is the one that its parents know by its start. */
static void resizing_every_interval_of_a_large_map_keeps_the_tree_right(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 500);
    for (uint64_t i = 0; i < 500; i++) {
        imap_resize(&f->map, i * 10, i * 10 + 2, i * 10 + 9);
        assert_true(imap_check(&f->map));
    }
    for (uint64_t i = 0; i < 500; i++) {
        struct imap_entry entry;
        assert_true(imap_find(&f->map, i * 10, &entry));
        assert_int_equal(entry.start, i * 10 + 2);
        assert_int_equal(entry.end, i * 10 + 9);
    }
}

static void every_order_of_insertion_makes_the_same_map(void **state)
{
    struct imap_fixture *f = *state;
    const uint64_t count = 997; /* a prime, so that multiples of any step visit all */
    const uint64_t steps[] = {1, 2, 31, 500, 996};
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        for (uint64_t i = 0; i < count; i++) {
            uint64_t at = i * steps[s] % count * 10;
            assert_int_equal(imap_insert(&f->map, at, at + 5, &f->map), 0);
        }
        assert_true(imap_check(&f->map));
        struct imap_entry entry;
        assert_true(imap_find(&f->map, 0, &entry));
        for (uint64_t i = 0; i + 1 < count; i++) {
            assert_int_equal(entry.start, i * 10);
            assert_true(imap_next(&f->map, &entry));
        }
        imap_destroy(&f->map);
        assert_int_equal(f->alloc.live_blocks, 0);
    }
}

/* Without help from siblings, each node would stay half full. */
static void assert_well_filled(const struct imap *m)
{
    assert_true(imap_check(m));
    assert_true(m->nodes.live_count < m->count / 6 * 10 / IMAP_SLOTS);
}

static void intervals_in_order_fill_their_nodes_well(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 10000);
    assert_well_filled(&f->map);
    imap_destroy(&f->map);
    /* Downwards, as mmap gives addresses: always behind the lowest interval, the heap. */
    assert_int_equal(imap_insert(&f->map, 0, 5, &f->map), 0);
    for (uint64_t i = 10000; i > 0; i--)
        assert_int_equal(imap_insert(&f->map, i * 10, i * 10 + 5, &f->map), 0);
    assert_well_filled(&f->map);
}

/* ---- contracts ---- */

/* ---- splitting and joining ---- */

static void a_split_gives_the_upper_part_a_value_of_its_own(void **state)
{
    struct imap_fixture *f = *state;
    static const char upper[] = "u";
    imap_fixture_draw(&f->map, "aaaa.bbbb");
    assert_int_equal(imap_split(&f->map, 5, 6, (void *)(uintptr_t)upper), 0);
    imap_fixture_assert_picture(&f->map, "aaaa.buuu");
    assert_int_equal(imap_split(&f->map, 0, 3, (void *)(uintptr_t)upper), 0);
    imap_fixture_assert_picture(&f->map, "aaau.buuu");
    assert_true(imap_check(&f->map));
}

static void joined_neighbours_keep_the_lower_value_and_cover_the_hole(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_draw(&f->map, "aabb..cc.d");
    imap_join(&f->map, 0);
    imap_fixture_assert_picture(&f->map, "aaaa..cc.d");
    imap_join(&f->map, 0);
    imap_fixture_assert_picture(&f->map, "aaaaaaaa.d");
    imap_join(&f->map, 0);
    imap_fixture_assert_picture(&f->map, "aaaaaaaaaa");
    assert_true(imap_check(&f->map));
}

/* At each interval, and so at each edge of a node, with full and with half-full nodes. */
static void every_interval_of_a_large_map_is_split_and_joined_again(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_entry entry;
    const uint64_t count = 400;
    imap_fixture_fill(&f->map, count);
    for (uint64_t at = 0; at < count * 10; at += 10) {
        assert_int_equal(imap_split(&f->map, at, at + 2, f), 0);
        assert_true(imap_check(&f->map));
        assert_true(imap_find(&f->map, at + 2, &entry));
        assert_ptr_equal(entry.value, f);
        imap_join(&f->map, at);
        assert_true(imap_check(&f->map));
        assert_true(imap_find(&f->map, at + 2, &entry));
        assert_true(entry.start == at && entry.end == at + 5 && entry.value == &f->map);
    }
    while (f->map.count > 1) {
        imap_join(&f->map, 0);
        assert_true(imap_check(&f->map));
    }
}

static void a_split_without_memory_changes_nothing(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_entry entry;
    void *taken[200];
    size_t count = 0;
    imap_fixture_fill(&f->map, IMAP_SLOTS); /* one full leaf */
    while (f->map.nodes.free_count > 0)
        taken[count++] = pool_get(&f->map.nodes);
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(imap_split(&f->map, 50, 52, f), -ENOMEM);
    f->alloc.fail_at = 0;
    while (count > 0)
        pool_put(&f->map.nodes, taken[--count]);
    assert_true(imap_check(&f->map));
    assert_int_equal(f->map.count, IMAP_SLOTS);
    assert_true(imap_find(&f->map, 52, &entry) && entry.start == 50);
    assert_int_equal(imap_split(&f->map, 50, 52, f), 0);
    assert_true(imap_check(&f->map));
}

/* One misuse: an insertion, or with `old` a change of the interval that starts there. */
struct misuse {
    struct imap *map;
    uint64_t old;
    uint64_t start;
    uint64_t end;
};

static void misuse_insert(void *argument)
{
    struct misuse *m = argument;
    (void)!imap_insert(m->map, m->start, m->end, m->map);
}

static void misuse_resize(void *argument)
{
    struct misuse *m = argument;
    imap_resize(m->map, m->old, m->start, m->end);
}

static void misuse_split(void *argument)
{
    struct misuse *m = argument;
    (void)!imap_split(m->map, m->old, m->start, m);
}

static void misuse_join(void *argument)
{
    struct misuse *m = argument;
    imap_join(m->map, m->old);
}

static void misuse_erase(void *argument)
{
    struct misuse *m = argument;
    imap_erase(m->map, m->start);
}

static void misuse_gap_search(void *argument)
{
    struct misuse *m = argument;
    uint64_t start;
    imap_gap_lowest(m->map, 0, 100, 0, &start);
}

/* Around every interval of two leaves, so that neighbours in another leaf are met too. */
static void overlapping_a_neighbour_breaks_a_contract(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 50);
    for (uint64_t at = 10; at < 20ULL * IMAP_SLOTS; at += 10) {
        struct misuse above = {.map = &f->map, .start = at + 4, .end = at + 6};
        struct misuse below = {.map = &f->map, .start = at - 5, .end = at + 1};
        struct misuse same = {.map = &f->map, .start = at, .end = at + 1};
        assert_true(death_by_contract(misuse_insert, &above, "imap_leaf_end_before"));
        assert_true(death_by_contract(misuse_insert, &below, "imap_leaf_start_at"));
        assert_true(death_by_contract(misuse_insert, &same, "imap_leaf_end_before"));
        struct misuse downwards = {.map = &f->map, .old = at, .start = at - 6, .end = at + 5};
        struct misuse upwards = {.map = &f->map, .old = at, .start = at, .end = at + 11};
        assert_true(death_by_contract(misuse_resize, &downwards, "imap_leaf_end_before"));
        assert_true(death_by_contract(misuse_resize, &upwards, "imap_leaf_start_at"));
    }
}

static void empty_intervals_and_searches_break_a_contract(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 3);
    struct misuse m = {.map = &f->map, .old = 10, .start = 17, .end = 17};
    assert_true(death_by_contract(misuse_insert, &m, "start < end"));
    assert_true(death_by_contract(misuse_resize, &m, "start < end"));
    assert_true(death_by_contract(misuse_gap_search, &m, "bytes > 0"));
}

static void a_split_at_an_end_and_a_join_of_the_last_break_a_contract(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 3);
    struct misuse m = {.map = &f->map, .old = 20, .start = 20};
    assert_true(death_by_contract(misuse_split, &m, "start < at"));
    m.start = 25;
    assert_true(death_by_contract(misuse_split, &m, "start < at"));
    assert_true(death_by_contract(misuse_join, &m, "found"));
    m.old = 21;
    assert_true(death_by_contract(misuse_join, &m, "slot"));
    assert_true(death_by_contract(misuse_split, &m, "slot"));
}

static void an_interval_that_is_not_there_breaks_a_contract(void **state)
{
    struct imap_fixture *f = *state;
    struct misuse m = {.map = &f->map, .old = 3, .start = 3, .end = 4};
    assert_true(death_by_contract(misuse_erase, &m, "root"));
    assert_int_equal(imap_insert(&f->map, 10, 15, &f->map), 0);
    assert_true(death_by_contract(misuse_erase, &m, "slot"));
    assert_true(death_by_contract(misuse_resize, &m, "slot"));
    m.start = 11; /* inside, but not the start */
    assert_true(death_by_contract(misuse_erase, &m, "slot"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(an_empty_map_has_nothing_to_find),
        IMAP_TEST(find_gives_the_interval_around_the_key_or_else_the_next_above),
        IMAP_TEST(find_before_gives_the_last_interval_that_starts_below_the_key),
        IMAP_TEST(stepping_visits_all_intervals_both_ways_and_stops_at_the_ends),
        IMAP_TEST(keys_reach_both_ends_of_the_number_space),
        IMAP_TEST(intervals_may_touch_but_stay_apart),
        IMAP_TEST(erasing_returns_the_value_and_leaves_the_others),
        IMAP_TEST(the_last_erase_leaves_an_empty_map_without_nodes),
        IMAP_TEST(resizing_moves_either_bound_up_to_the_neighbours),
        IMAP_TEST(resizing_every_interval_of_a_large_map_keeps_the_tree_right),
        IMAP_TEST(every_order_of_insertion_makes_the_same_map),
        IMAP_TEST(intervals_in_order_fill_their_nodes_well),
        IMAP_TEST(a_split_gives_the_upper_part_a_value_of_its_own),
        IMAP_TEST(joined_neighbours_keep_the_lower_value_and_cover_the_hole),
        IMAP_TEST(every_interval_of_a_large_map_is_split_and_joined_again),
        IMAP_TEST(a_split_without_memory_changes_nothing),
        IMAP_TEST(overlapping_a_neighbour_breaks_a_contract),
        IMAP_TEST(empty_intervals_and_searches_break_a_contract),
        IMAP_TEST(a_split_at_an_end_and_a_join_of_the_last_break_a_contract),
        IMAP_TEST(an_interval_that_is_not_there_breaks_a_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
