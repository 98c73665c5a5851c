/*
 * The radix tree against a flat array, driven at random.
 *
 * The array has one element for every index that a run may use: dense clusters at both ends of the
 * numbers and at the places where the tree grows a level. After each operation both must agree, and
 * radix_check must hold. The model also knows the largest index stored since the tree was empty,
 * which gives the height (I-RADIX-3).
 */
#include "base/radix.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"

#define CLUSTERS     7
#define CLUSTER_SIZE ((size_t)150)
#define PLACES       (CLUSTERS * CLUSTER_SIZE)

/*
 * In ascending order and apart by more than their size. The last one ends with the largest index. /
 */
static const uint64_t cluster_start[CLUSTERS] = {
    0,
    4096 - 75,
    ((uint64_t)1 << 18) - 10,
    ((uint64_t)1 << 36) - 75,
    ((uint64_t)1 << 60) - 75,
    (uint64_t)1 << 63,
    UINT64_MAX - (CLUSTER_SIZE - 1),
};

struct place {
    uint64_t index;
    void *value; /* NULL: empty */
    bool tags[RADIX_TAGS];
};

struct model {
    struct radix tree;
    struct alloc alloc;
    struct prng chance;
    size_t usable; /* places used by this run, from the first */
    struct place places[PLACES];
    uint64_t count;
    uint64_t largest; /* index stored since the tree was empty */
    uint64_t next_value;
};

static struct place *model_place(struct model *m)
{
    return &m->places[prng_below(&m->chance, m->usable)];
}

/* Levels of six bits that an index needs, counted the slow way. */
static unsigned model_height(uint64_t index)
{
    unsigned height = 0;
    do {
        index /= 64;
        height++;
    } while (index > 0);
    return height;
}

/*
 * The first place at or above an index whose entry has the tag (RADIX_TAGS: any entry); NULL: none.
 * /
 */
static const struct place *model_next(const struct model *m, uint64_t index, unsigned tag)
{
    for (size_t i = 0; i < m->usable; i++) {
        const struct place *place = &m->places[i];
        if (place->index >= index && place->value != NULL &&
            (tag == RADIX_TAGS || place->tags[tag]))
            return place;
    }
    return NULL;
}

/* ---- comparison ---- */

static void compare_next(const struct model *m, uint64_t from, unsigned tag)
{
    uint64_t index = from;
    void *value = NULL;
    const struct place *expected = model_next(m, from, tag);
    bool found = tag == RADIX_TAGS ? radix_next(&m->tree, &index, &value)
                                   : radix_next_tagged(&m->tree, &index, &value, tag);
    assert_int_equal(found, expected != NULL);
    assert_true(index == (expected != NULL ? expected->index : from));
    assert_ptr_equal(value, expected != NULL ? expected->value : NULL);
}

static void compare_sizes(const struct model *m)
{
    assert_true(radix_check(&m->tree));
    assert_int_equal(m->tree.count, m->count);
    assert_int_equal(m->tree.height, m->count > 0 ? model_height(m->largest) : 0);
    for (unsigned tag = 0; tag < RADIX_TAGS; tag++)
        assert_int_equal(radix_any_tagged(&m->tree, tag), model_next(m, 0, tag) != NULL);
}

static void compare_all(const struct model *m)
{
    compare_sizes(m);
    for (size_t i = 0; i < m->usable; i++) {
        const struct place *place = &m->places[i];
        assert_ptr_equal(radix_get(&m->tree, place->index), place->value);
        for (unsigned tag = 0; tag < RADIX_TAGS && place->value != NULL; tag++)
            assert_int_equal(radix_tag_get(&m->tree, place->index, tag), place->tags[tag]);
    }
}

/* Around a place, between the clusters, or anywhere at all. */
static void compare_search(struct model *m)
{
    uint64_t from = model_place(m)->index;
    uint64_t dice = prng_below(&m->chance, 4);
    if (dice == 0)
        from += prng_below(&m->chance, 1000); /* may wrap to the lowest indices, which is as good */
    else if (dice == 1)
        from = prng_next(&m->chance) >> prng_below(&m->chance, 64);
    compare_next(m, from, (unsigned)prng_below(&m->chance, RADIX_TAGS + 1));
}

/* ---- operations ---- */

static void insert_one(struct model *m)
{
    struct place *place = model_place(m);
    if (place->value != NULL)
        return;
    void *value = (void *)(uintptr_t)++m->next_value;
    /* Now and then one of the next allocations fails: then nothing may have changed. */
    m->alloc.fail_at =
        prng_below(&m->chance, 4) == 0 ? m->alloc.calls + 1 + prng_below(&m->chance, 4) : 0;
    int err = radix_insert(&m->tree, place->index, value);
    m->alloc.fail_at = 0;
    if (err != 0) {
        assert_int_equal(err, -ENOMEM);
        compare_sizes(m);
        err = radix_insert(&m->tree, place->index, value);
    }
    assert_int_equal(err, 0);
    place->value = value;
    if (m->count == 0 || place->index > m->largest)
        m->largest = place->index;
    m->count++;
}

static void remove_one(struct model *m)
{
    struct place *place = model_place(m);
    assert_ptr_equal(radix_remove(&m->tree, place->index), place->value);
    if (place->value != NULL)
        m->count--;
    place->value = NULL;
    memset(place->tags, 0, sizeof place->tags);
}

static void tag_one(struct model *m, bool set)
{
    struct place *place = model_place(m);
    unsigned tag = (unsigned)prng_below(&m->chance, RADIX_TAGS);
    if (place->value == NULL)
        return;
    if (set)
        radix_tag_set(&m->tree, place->index, tag);
    else
        radix_tag_clear(&m->tree, place->index, tag);
    place->tags[tag] = set;
}

static void operate(struct model *m, bool growing)
{
    uint64_t dice = prng_below(&m->chance, 100);
    if (dice < (growing ? 40U : 10U))
        insert_one(m);
    else if (dice < 50)
        remove_one(m);
    else if (dice < 65)
        tag_one(m, true);
    else if (dice < 80)
        tag_one(m, false);
    else
        compare_search(m);
}

/* ---- runs ---- */

/*
 * A run over the first `usable` places: few give a low tree that is often empty, all give all
 * heights.
 */
static void run(uint64_t seed, size_t usable, unsigned operations)
{
    struct model *m = test_calloc(1, sizeof *m);
    for (size_t i = 0; i < PLACES; i++)
        m->places[i].index = cluster_start[i / CLUSTER_SIZE] + i % CLUSTER_SIZE;
    m->usable = usable;
    radix_init(&m->tree, &m->alloc);
    prng_seed(&m->chance, seed);
    bool growing = true;
    for (unsigned n = 0; n < operations; n++) {
        if (m->count > usable / 2)
            growing = false;
        else if (m->count == 0)
            growing = true;
        operate(m, growing);
        if (usable < 100 || n % 64 == 0)
            compare_all(m);
    }
    compare_all(m);
    radix_destroy(&m->tree);
    assert_int_equal(m->alloc.live_blocks, 0);
    test_free(m);
}

static void a_low_tree_agrees_with_an_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run(seed, 12, 4000);
}

static void a_tree_of_a_few_levels_agrees_with_an_array(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 14; seed++)
        run(seed, 3 * CLUSTER_SIZE, 8000);
}

static void a_tree_of_all_levels_agrees_with_an_array(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 24; seed++)
        run(seed, PLACES, 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_low_tree_agrees_with_an_array),
        cmocka_unit_test(a_tree_of_a_few_levels_agrees_with_an_array),
        cmocka_unit_test(a_tree_of_all_levels_agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
