/*
 * The radix tree (base/radix.h), example by example; tests/model/test_radix_model.c drives it at
 * random.
 */
#include "base/radix.h"

#include <string.h>

#include "base/radix_node.h"
#include "death.h"
#include "unit.h"

struct fixture {
    struct alloc alloc;
    struct radix tree;
};

/* Values are only addresses to the tree: one of these for each small index. */
static const char values[5000];

static void *value_of(size_t i)
{
    return (void *)(uintptr_t)&values[i];
}

/* One index on each side of every change of height. */
static const uint64_t corners[] = {
    0,
    63,
    64,
    4095,
    4096,
    ((uint64_t)1 << 30) - 1,
    (uint64_t)1 << 30,
    ((uint64_t)1 << 60) - 1,
    (uint64_t)1 << 60,
    (uint64_t)1 << 63,
    UINT64_MAX,
};

#define CORNERS (sizeof corners / sizeof corners[0])

static int set_up(void **state)
{
    struct fixture *f = test_malloc(sizeof *f);
    memset(f, 0, sizeof *f);
    radix_init(&f->tree, &f->alloc);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    radix_destroy(&f->tree);
    bool leaked = f->alloc.live_blocks != 0;
    test_free(f);
    return leaked ? -1 : 0;
}

static void fill_corners(struct radix *r)
{
    for (size_t i = 0; i < CORNERS; i++)
        assert_int_equal(radix_insert(r, corners[i], value_of(i)), 0);
    assert_true(radix_check(r));
}

static void an_empty_tree_has_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t index = 0;
    void *value = &index;
    assert_null(radix_get(&f->tree, 0));
    assert_null(radix_get(&f->tree, UINT64_MAX));
    assert_null(radix_remove(&f->tree, 0));
    assert_false(radix_next(&f->tree, &index, &value));
    assert_false(radix_next_tagged(&f->tree, &index, &value, 0));
    assert_false(radix_any_tagged(&f->tree, 0));
    assert_true(index == 0 && value == &index);
    assert_true(radix_check(&f->tree));
    assert_int_equal(f->alloc.calls, 0);
}

static void indices_from_one_end_to_the_other_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    assert_int_equal(f->tree.count, CORNERS);
    for (size_t i = 0; i < CORNERS; i++)
        assert_ptr_equal(radix_get(&f->tree, corners[i]), value_of(i));
    assert_null(radix_get(&f->tree, 1));
    assert_null(radix_get(&f->tree, 65));
    assert_null(radix_get(&f->tree, UINT64_MAX - 1));
    assert_null(radix_get(&f->tree, ((uint64_t)1 << 60) + 1));
}

static void the_height_is_what_the_largest_index_needs(void **state)
{
    struct fixture *f = *state;
    const unsigned heights[CORNERS] = {1, 1, 2, 2, 3, 5, 6, 10, 11, 11, 11};
    for (size_t i = 0; i < CORNERS; i++) {
        assert_int_equal(radix_insert(&f->tree, corners[i], value_of(i)), 0);
        assert_int_equal(f->tree.height, heights[i]);
        radix_remove(&f->tree, corners[i]);
        assert_int_equal(f->tree.height, 0); /* empty: the height starts anew */
    }
    for (size_t i = 0; i < CORNERS; i++) {
        assert_int_equal(radix_insert(&f->tree, corners[i], value_of(i)), 0);
        assert_int_equal(f->tree.height, heights[i]);
    }
}

static void removing_returns_the_value_and_frees_what_is_empty(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(radix_insert(&f->tree, 5, value_of(5)), 0);
    uint64_t blocks = f->alloc.live_blocks;
    assert_int_equal(radix_insert(&f->tree, 60, value_of(60)), 0);
    assert_ptr_equal(radix_remove(&f->tree, 60), value_of(60));
    assert_null(radix_remove(&f->tree, 60));
    assert_null(radix_get(&f->tree, 60));
    assert_int_equal(f->alloc.live_blocks, blocks);
    assert_true(radix_check(&f->tree));
    assert_ptr_equal(radix_remove(&f->tree, 5), value_of(5));
    assert_int_equal(f->alloc.live_blocks, 0);
    assert_int_equal(f->tree.count, 0);
}

static void indices_the_tree_is_too_low_for_are_absent(void **state)
{
    struct fixture *f = *state;
    uint64_t index = 64;
    void *value;
    assert_int_equal(radix_insert(&f->tree, 3, value_of(3)), 0);
    /* Cut to six bits, both would be the index 3. */
    assert_null(radix_get(&f->tree, 64 + 3));
    assert_null(radix_remove(&f->tree, ((uint64_t)1 << 40) + 3));
    assert_false(radix_next(&f->tree, &index, &value));
    assert_ptr_equal(radix_get(&f->tree, 3), value_of(3));
}

static void next_finds_every_entry_in_order(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    uint64_t index = 0;
    void *value;
    for (size_t i = 0; i < CORNERS; i++) {
        assert_true(radix_next(&f->tree, &index, &value));
        assert_true(index == corners[i]);
        assert_ptr_equal(value, value_of(i));
        index++; /* wraps after the last, which is the largest index there is */
    }
    assert_int_equal(index, 0);
    radix_remove(&f->tree, UINT64_MAX);
    index = corners[CORNERS - 2] + 1;
    assert_false(radix_next(&f->tree, &index, &value));
    assert_true(index == corners[CORNERS - 2] + 1); /* unchanged */
}

static void next_starts_from_any_index_between(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < 5000; i += 100)
        assert_int_equal(radix_insert(&f->tree, i, value_of(i)), 0);
    for (uint64_t from = 0; from <= 4900; from++) {
        uint64_t index = from;
        void *value;
        assert_true(radix_next(&f->tree, &index, &value));
        assert_int_equal(index, (from + 99) / 100 * 100);
        assert_ptr_equal(value, value_of(index));
    }
}

static void a_tag_belongs_to_one_entry(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    for (unsigned tag = 0; tag < RADIX_TAGS; tag++) {
        assert_false(radix_any_tagged(&f->tree, tag));
        radix_tag_set(&f->tree, 4096, tag);
        assert_true(radix_any_tagged(&f->tree, tag));
        for (size_t i = 0; i < CORNERS; i++)
            assert_int_equal(radix_tag_get(&f->tree, corners[i], tag), corners[i] == 4096);
        assert_true(radix_check(&f->tree));
        radix_tag_clear(&f->tree, 4096, tag);
        assert_false(radix_any_tagged(&f->tree, tag));
        assert_true(radix_check(&f->tree));
    }
}

static void setting_or_clearing_a_tag_twice_is_the_same_as_once(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    radix_tag_clear(&f->tree, 64, 1);
    assert_false(radix_any_tagged(&f->tree, 1));
    radix_tag_set(&f->tree, 64, 1);
    radix_tag_set(&f->tree, 64, 1);
    assert_true(radix_tag_get(&f->tree, 64, 1));
    radix_tag_clear(&f->tree, 64, 1);
    assert_false(radix_tag_get(&f->tree, 64, 1));
    assert_true(radix_check(&f->tree));
}

static void tags_do_not_mix(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    radix_tag_set(&f->tree, 63, 0);
    radix_tag_set(&f->tree, 64, 1);
    assert_false(radix_tag_get(&f->tree, 63, 1));
    assert_false(radix_tag_get(&f->tree, 64, 0));
    assert_false(radix_any_tagged(&f->tree, 2));
    radix_tag_clear(&f->tree, 63, 0);
    assert_true(radix_tag_get(&f->tree, 64, 1));
}

static void clearing_one_tag_leaves_those_of_its_neighbours(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    radix_tag_set(&f->tree, 0, 2);
    radix_tag_set(&f->tree, 63, 2);
    radix_tag_set(&f->tree, UINT64_MAX, 2);
    radix_tag_clear(&f->tree, 0, 2);
    assert_true(radix_tag_get(&f->tree, 63, 2));
    radix_tag_clear(&f->tree, 63, 2);
    assert_true(radix_tag_get(&f->tree, UINT64_MAX, 2));
    assert_true(radix_any_tagged(&f->tree, 2));
    assert_true(radix_check(&f->tree));
}

static void removing_an_entry_takes_its_tags_along(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    for (unsigned tag = 0; tag < RADIX_TAGS; tag++)
        radix_tag_set(&f->tree, 63, tag);
    assert_non_null(radix_remove(&f->tree, 63));
    for (unsigned tag = 0; tag < RADIX_TAGS; tag++)
        assert_false(radix_any_tagged(&f->tree, tag));
    assert_true(radix_check(&f->tree));
    assert_int_equal(radix_insert(&f->tree, 63, value_of(1)), 0);
    assert_false(radix_tag_get(&f->tree, 63, 0)); /* a new entry begins without */
}

static void tags_survive_a_growing_height(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(radix_insert(&f->tree, 1, value_of(1)), 0);
    radix_tag_set(&f->tree, 1, 0);
    radix_tag_set(&f->tree, 1, 2);
    assert_int_equal(radix_insert(&f->tree, UINT64_MAX, value_of(2)), 0);
    assert_true(radix_check(&f->tree));
    assert_true(radix_tag_get(&f->tree, 1, 0));
    assert_false(radix_tag_get(&f->tree, 1, 1));
    assert_true(radix_any_tagged(&f->tree, 2));
    assert_false(radix_any_tagged(&f->tree, 1));
}

static void next_tagged_passes_over_entries_without_the_tag(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(radix_insert(&f->tree, i, value_of(i)), 0);
    radix_tag_set(&f->tree, 70, 1);
    radix_tag_set(&f->tree, 4500, 1);
    radix_tag_set(&f->tree, 200, 0);
    const struct {
        uint64_t from;
        uint64_t found;
    } cases[] = {{0, 70}, {70, 70}, {71, 4500}, {4500, 4500}};
    uint64_t index;
    void *value;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        index = cases[i].from;
        assert_true(radix_next_tagged(&f->tree, &index, &value, 1));
        assert_int_equal(index, cases[i].found);
        assert_ptr_equal(value, value_of(index));
    }
    index = 4501;
    assert_false(radix_next_tagged(&f->tree, &index, &value, 1));
    assert_int_equal(index, 4501);
    index = 0;
    assert_false(radix_next_tagged(&f->tree, &index, &value, 2));
}

static void a_destroyed_tree_is_empty_and_usable(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    radix_destroy(&f->tree);
    assert_int_equal(f->alloc.live_blocks, 0);
    assert_int_equal(f->tree.count, 0);
    assert_null(radix_get(&f->tree, 0));
    fill_corners(&f->tree);
}

/*
 * Every allocation fails in turn: the tree and its tags are as they were, and the insertion works
 * when repeated.
 */
static void an_insertion_without_memory_changes_nothing(void **state)
{
    (void)state;
    uint64_t calls = 1;
    for (uint64_t chosen = 1; chosen <= calls; chosen++) {
        struct alloc a = {.fail_at = chosen};
        struct radix r;
        unsigned failures = 0;
        radix_init(&r, &a);
        for (size_t i = 0; i < CORNERS; i++) {
            unsigned height = r.height;
            uint64_t blocks = a.live_blocks;
            int err = radix_insert(&r, corners[i], value_of(i));
            if (err != 0) {
                assert_int_equal(err, -ENOMEM);
                assert_int_equal(r.height, height);
                assert_int_equal(r.count, i);
                assert_int_equal(a.live_blocks, blocks);
                assert_null(radix_get(&r, corners[i]));
                assert_true(radix_check(&r));
                failures++;
                assert_int_equal(radix_insert(&r, corners[i], value_of(i)), 0);
            }
            radix_tag_set(&r, corners[i], 0);
        }
        assert_int_equal(failures, 1);
        assert_true(radix_check(&r));
        if (chosen == 1)
            calls = a.calls - 1; /* the first failed at once, and was the only one in vain */
        radix_destroy(&r);
        assert_int_equal(a.live_blocks, 0);
    }
    assert_true(calls > 20);
}

/* ---- contracts ---- */

static void insert_null(void *r)
{
    (void)!radix_insert(r, 100, NULL);
}

static void insert_twice(void *r)
{
    (void)!radix_insert(r, 4096, value_of(0));
}

static void tag_of_nothing(void *r)
{
    radix_tag_set(r, 100, 0);
}

static void untag_nothing(void *r)
{
    radix_tag_clear(r, 100, 0);
}

static void get_tag_of_nothing(void *r)
{
    (void)!radix_tag_get(r, 100, 0);
}

static void unknown_tag(void *r)
{
    radix_tag_set(r, 4096, RADIX_TAGS);
}

static void untag_unknown_tag(void *r)
{
    radix_tag_clear(r, 4096, RADIX_TAGS);
}

static void get_unknown_tag(void *r)
{
    (void)!radix_tag_get(r, 4096, RADIX_TAGS);
}

static void next_of_unknown_tag(void *r)
{
    uint64_t index = 0;
    void *value;
    radix_next_tagged(r, &index, &value, RADIX_TAGS);
}

static void any_of_unknown_tag(void *r)
{
    (void)!radix_any_tagged(r, RADIX_TAGS);
}

static void misuse_breaks_a_contract(void **state)
{
    struct fixture *f = *state;
    fill_corners(&f->tree);
    assert_true(death_by_contract(insert_null, &f->tree, "value != NULL"));
    assert_true(death_by_contract(insert_twice, &f->tree, "== NULL"));
    assert_true(death_by_contract(tag_of_nothing, &f->tree, "found"));
    assert_true(death_by_contract(untag_nothing, &f->tree, "found"));
    assert_true(death_by_contract(get_tag_of_nothing, &f->tree, "found"));
    assert_true(death_by_contract(unknown_tag, &f->tree, "tag < RADIX_TAGS"));
    assert_true(death_by_contract(untag_unknown_tag, &f->tree, "tag < RADIX_TAGS"));
    assert_true(death_by_contract(get_unknown_tag, &f->tree, "tag < RADIX_TAGS"));
    assert_true(death_by_contract(next_of_unknown_tag, &f->tree, "tag < RADIX_TAGS"));
    assert_true(death_by_contract(any_of_unknown_tag, &f->tree, "tag < RADIX_TAGS"));
}

/* ---- the checker ---- */

static void assert_noticed(const struct radix *r, uint64_t *word, uint64_t wrong)
{
    uint64_t right = *word;
    assert_true(right != wrong);
    *word = wrong;
    assert_false(radix_check(r));
    *word = right;
    assert_true(radix_check(r));
}

static void the_checker_sees_wrong_marks_at_every_level(void **state)
{
    struct fixture *f = *state;
    struct radix *r = &f->tree;
    fill_corners(r);
    radix_tag_set(r, 0, 0);
    struct radix_node *node = r->root;
    for (unsigned level = r->height; level-- > 0;) {
        uint64_t *present = &node->maps[RADIX_PRESENT];
        assert_noticed(r, present, *present & ~(uint64_t)1);
        assert_noticed(r, present, *present | (uint64_t)1 << 62);
        assert_noticed(r, &node->maps[0], 0);
        assert_noticed(r, &node->maps[0], 1 | (uint64_t)1 << 62);
        assert_noticed(r, &node->maps[2], (uint64_t)1 << 62);
        if (level > 0) /* at level 0 a set tag is simply the truth */
            assert_noticed(r, &node->maps[1], 1);
        if (level > 0)
            node = node->slots[0];
    }
}

static void the_checker_sees_an_empty_node_and_wrong_sizes(void **state)
{
    struct fixture *f = *state;
    struct radix *r = &f->tree;
    fill_corners(r);
    assert_noticed(r, &r->count, r->count + 1);
    unsigned height = r->height;
    r->height = 0;
    assert_false(radix_check(r));
    r->height = RADIX_LEVELS + 1;
    assert_false(radix_check(r));
    r->height = height;
    assert_true(radix_check(r));

    struct radix_node empty = {0};
    struct radix_node *node = r->root;
    void *child = node->slots[0];
    node->slots[0] = &empty;
    assert_false(radix_check(r));
    node->slots[0] = child;
    assert_true(radix_check(r));

    struct radix rootless = {.alloc = &f->alloc, .height = 1};
    assert_false(radix_check(&rootless));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_tree_has_nothing),
        TEST(indices_from_one_end_to_the_other_are_kept_apart),
        TEST(the_height_is_what_the_largest_index_needs),
        TEST(removing_returns_the_value_and_frees_what_is_empty),
        TEST(indices_the_tree_is_too_low_for_are_absent),
        TEST(next_finds_every_entry_in_order),
        TEST(next_starts_from_any_index_between),
        TEST(a_tag_belongs_to_one_entry),
        TEST(setting_or_clearing_a_tag_twice_is_the_same_as_once),
        TEST(tags_do_not_mix),
        TEST(clearing_one_tag_leaves_those_of_its_neighbours),
        TEST(removing_an_entry_takes_its_tags_along),
        TEST(tags_survive_a_growing_height),
        TEST(next_tagged_passes_over_entries_without_the_tag),
        TEST(a_destroyed_tree_is_empty_and_usable),
        TEST(an_insertion_without_memory_changes_nothing),
        TEST(misuse_breaks_a_contract),
        TEST(the_checker_sees_wrong_marks_at_every_level),
        TEST(the_checker_sees_an_empty_node_and_wrong_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
