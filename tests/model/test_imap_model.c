/*
 * The interval map against a sorted array, driven at random.
 *
 * The array does everything the obvious way: it looks at all intervals, from the first to the last.
 * After each operation both must agree, and imap_check must hold. Key spaces are small so that
 * intervals touch, gaps run out and windows cut intervals; some lie at the upper end of the
 * numbers. Seeds are fixed: a failure repeats.
 */
#include "base/imap.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/prng.h"

#define MODEL_MAX 1200

struct model_interval {
    uint64_t start;
    uint64_t end;
    void *value;
};

struct model {
    struct imap map;
    struct alloc alloc;
    struct prng chance;
    uint64_t first_key; /* keys are [first_key, first_key + keys) */
    uint64_t keys;
    uint64_t widest; /* of an interval */
    size_t count;
    struct model_interval intervals[MODEL_MAX];
    uint64_t next_value;
};

/* What a run does: where the keys lie, and how many intervals it tends to. */
struct profile {
    uint64_t seed;
    uint64_t first_key;
    uint64_t keys;
    uint64_t widest;
    size_t wanted;
    unsigned operations;
};

static uint64_t model_key(struct model *m)
{
    return m->first_key + prng_below(&m->chance, m->keys + 1);
}

static uint64_t model_lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t model_higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- the array ---- */

/* Index of the first interval with end > key; count: none. */
static size_t array_find(const struct model *m, uint64_t key)
{
    size_t i = 0;
    while (i < m->count && m->intervals[i].end <= key)
        i++;
    return i;
}

/* Free space on either side of place i: its lower and upper bound. */
static uint64_t array_free_from(const struct model *m, size_t i)
{
    return i > 0 ? m->intervals[i - 1].end : m->first_key;
}

static uint64_t array_free_to(const struct model *m, size_t i)
{
    return i < m->count ? m->intervals[i].start : m->first_key + m->keys;
}

static void array_insert(struct model *m, size_t i, struct model_interval added)
{
    memmove(&m->intervals[i + 1], &m->intervals[i], (m->count - i) * sizeof added);
    m->intervals[i] = added;
    m->count++;
}

static void array_erase(struct model *m, size_t i)
{
    m->count--;
    memmove(&m->intervals[i], &m->intervals[i + 1], (m->count - i) * sizeof m->intervals[0]);
}

/*
 * The highest, or lowest, start that fits, by trying the space before every interval and behind the
 * last.
 */
static bool array_gap(const struct model *m, uint64_t low, uint64_t high, uint64_t bytes,
                      bool highest, uint64_t *start)
{
    bool found = false;
    for (size_t i = 0; i <= m->count; i++) {
        uint64_t from = model_higher(i > 0 ? m->intervals[i - 1].end : 0, low);
        uint64_t to = model_lower(i < m->count ? m->intervals[i].start : UINT64_MAX, high);
        if (from >= to || to - from < bytes || (found && !highest))
            continue;
        *start = highest ? to - bytes : from;
        found = true;
    }
    return found;
}

/* ---- comparison ---- */

static void assert_entry(const struct model *m, const struct imap_entry *entry, size_t i)
{
    assert_true(i < m->count);
    assert_true(entry->start == m->intervals[i].start);
    assert_true(entry->end == m->intervals[i].end);
    assert_ptr_equal(entry->value, m->intervals[i].value);
}

static void compare_all(const struct model *m)
{
    struct imap_entry entry;
    size_t i = 0;
    assert_true(imap_check(&m->map));
    assert_int_equal(m->map.count, m->count);
    for (bool more = imap_find(&m->map, 0, &entry); more; more = imap_next(&m->map, &entry))
        assert_entry(m, &entry, i++);
    assert_int_equal(i, m->count);
    for (bool more = imap_find_before(&m->map, UINT64_MAX, &entry); more;
         more = imap_prev(&m->map, &entry))
        assert_entry(m, &entry, --i);
    assert_int_equal(i, 0);
}

static void compare_lookups(struct model *m)
{
    uint64_t key = model_key(m);
    struct imap_entry entry;
    size_t i = array_find(m, key);
    assert_int_equal(imap_find(&m->map, key, &entry), i < m->count);
    if (i < m->count) {
        assert_entry(m, &entry, i);
        assert_int_equal(imap_prev(&m->map, &entry), i > 0);
        assert_entry(m, &entry, i > 0 ? i - 1 : i);
    }

    size_t before = 0; /* intervals that start below key */
    while (before < m->count && m->intervals[before].start < key)
        before++;
    assert_int_equal(imap_find_before(&m->map, key, &entry), before > 0);
    if (before > 0) {
        assert_entry(m, &entry, before - 1);
        assert_int_equal(imap_next(&m->map, &entry), before < m->count);
        assert_entry(m, &entry, before < m->count ? before : before - 1);
    }
}

static void compare_gaps(struct model *m)
{
    uint64_t low = prng_below(&m->chance, 4) == 0 ? 0 : model_key(m);
    uint64_t high = prng_below(&m->chance, 4) == 0 ? UINT64_MAX : model_key(m);
    uint64_t bytes = 1 + prng_below(&m->chance, 2 * m->widest);
    for (int highest = 0; highest <= 1; highest++) {
        uint64_t expected = 0;
        uint64_t start = 0;
        bool fits = array_gap(m, low, high, bytes, highest == 1, &expected);
        bool found = highest == 1 ? imap_gap_highest(&m->map, low, high, bytes, &start)
                                  : imap_gap_lowest(&m->map, low, high, bytes, &start);
        assert_int_equal(found, fits);
        assert_true(start == expected);
    }
}

/* ---- operations ---- */

/* A random part of the free space at place i; false when there is none. */
static bool choose_free(struct model *m, size_t i, uint64_t *start, uint64_t *end)
{
    uint64_t from = array_free_from(m, i);
    uint64_t to = array_free_to(m, i);
    if (from == to)
        return false;
    uint64_t bytes = 1 + prng_below(&m->chance, model_lower(to - from, m->widest));
    /* Often at an end of the space, so that intervals touch. */
    uint64_t slack = to - from - bytes;
    uint64_t where = prng_below(&m->chance, 4);
    *start = from + (where == 0 ? 0 : where == 1 ? slack : prng_below(&m->chance, slack + 1));
    *end = *start + bytes;
    return true;
}

static void insert_one(struct model *m)
{
    struct model_interval added;
    size_t i = array_find(m, model_key(m));
    if (m->count == MODEL_MAX || !choose_free(m, i, &added.start, &added.end))
        return;
    added.value = (void *)(uintptr_t)++m->next_value;

    /* One time in four memory is refused when any is asked for: then nothing may have changed. */
    m->alloc.fail_at = prng_below(&m->chance, 4) == 0 ? m->alloc.calls + 1 : 0;
    int err = imap_insert(&m->map, added.start, added.end, added.value);
    if (err != 0) {
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(m->alloc.calls, m->alloc.fail_at);
        compare_all(m);
        err = imap_insert(&m->map, added.start, added.end, added.value);
    }
    assert_int_equal(err, 0);
    m->alloc.fail_at = 0;
    array_insert(m, i, added);
}

static void insert_reserved(struct model *m)
{
    unsigned inserts = 1 + (unsigned)prng_below(&m->chance, 8);
    assert_int_equal(imap_reserve(&m->map, inserts), 0);
    uint64_t calls = m->alloc.calls;
    for (unsigned n = 0; n < inserts; n++)
        insert_one(m);
    assert_int_equal(m->alloc.calls, calls);
}

static void erase_one(struct model *m)
{
    if (m->count == 0)
        return;
    size_t i = prng_below(&m->chance, m->count);
    assert_ptr_equal(imap_erase(&m->map, m->intervals[i].start), m->intervals[i].value);
    array_erase(m, i);
}

/* Neighbours in a row, as munmap of a long range erases them. */
static void erase_run(struct model *m)
{
    if (m->count == 0)
        return;
    size_t i = prng_below(&m->chance, m->count);
    size_t length = prng_below(&m->chance, 40);
    for (size_t n = 0; n < length && i < m->count; n++) {
        assert_ptr_equal(imap_erase(&m->map, m->intervals[i].start), m->intervals[i].value);
        array_erase(m, i);
    }
}

static void resize_one(struct model *m)
{
    if (m->count == 0)
        return;
    size_t i = prng_below(&m->chance, m->count);
    struct model_interval *changed = &m->intervals[i];
    uint64_t old_start = changed->start;
    uint64_t from = array_free_from(m, i);
    uint64_t to = array_free_to(m, i + 1);
    changed->start = from + prng_below(&m->chance, to - from);
    changed->end = changed->start + 1 +
                   prng_below(&m->chance, model_lower(to - changed->start, 2 * m->widest));
    imap_resize(&m->map, old_start, changed->start, changed->end);
}

/* Cuts an interval in two. As with an insertion, what fails for want of memory changes nothing. */
static void split_one(struct model *m)
{
    if (m->count == 0 || m->count == MODEL_MAX)
        return;
    size_t i = prng_below(&m->chance, m->count);
    struct model_interval upper = m->intervals[i];
    if (upper.end - upper.start < 2)
        return;
    upper.start += 1 + prng_below(&m->chance, upper.end - upper.start - 1);
    upper.value = (void *)(uintptr_t)++m->next_value;

    m->alloc.fail_at = prng_below(&m->chance, 4) == 0 ? m->alloc.calls + 1 : 0;
    int err = imap_split(&m->map, m->intervals[i].start, upper.start, upper.value);
    if (err != 0) {
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(m->alloc.calls, m->alloc.fail_at);
        compare_all(m);
        err = imap_split(&m->map, m->intervals[i].start, upper.start, upper.value);
    }
    assert_int_equal(err, 0);
    m->alloc.fail_at = 0;
    m->intervals[i].end = upper.start;
    array_insert(m, i + 1, upper);
}

/* Two neighbours become one, whether they touch or not. */
static void join_one(struct model *m)
{
    if (m->count < 2)
        return;
    size_t i = prng_below(&m->chance, m->count - 1);
    imap_join(&m->map, m->intervals[i].start);
    m->intervals[i].end = m->intervals[i + 1].end;
    array_erase(m, i + 1);
}

static void operate(struct model *m, bool growing)
{
    uint64_t dice = prng_below(&m->chance, 100);
    if (dice < (growing ? 15U : 5U))
        split_one(m);
    else if (dice < (growing ? 17U : 12U))
        join_one(m);
    else if (dice < (growing ? 45U : 15U))
        insert_one(m);
    else if (dice < (growing ? 50U : 18U))
        insert_reserved(m);
    else if (dice < 60)
        erase_one(m);
    else if (dice < 61)
        erase_run(m);
    else if (dice < 75)
        resize_one(m);
    else if (dice < 88)
        compare_lookups(m);
    else
        compare_gaps(m);
}

/* ---- runs ---- */

static void run(const struct profile *p)
{
    struct model *m = test_calloc(1, sizeof *m);
    m->first_key = p->first_key;
    m->keys = p->keys;
    m->widest = p->widest;
    imap_init(&m->map, &m->alloc);
    prng_seed(&m->chance, p->seed);
    bool growing = true;
    for (unsigned n = 0; n < p->operations; n++) {
        /*
         * Up to the wanted number and down to a few again, so that nodes split and merge at all
         * heights.
         */
        if (m->count >= p->wanted)
            growing = false;
        else if (m->count < 3)
            growing = true;
        operate(m, growing);
        if (m->count < 40 || n % 64 == 0)
            compare_all(m);
    }
    compare_all(m);
    imap_destroy(&m->map);
    assert_int_equal(m->alloc.live_blocks, 0);
    test_free(m);
}

static void few_intervals_agree_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        run(&(struct profile){seed, 0, 200, 8, 30, 3000});
}

static void many_intervals_agree_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 14; seed++)
        run(&(struct profile){seed, 0x10000, 12000, 10, 800, 12000});
}

static void crowded_intervals_agree_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 24; seed++)
        run(&(struct profile){seed, 5, 400, 3, 180, 10000});
}

static void intervals_at_the_end_of_the_numbers_agree_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t seed = 31; seed <= 34; seed++)
        run(&(struct profile){seed, UINT64_MAX - 3000, 3000, 20, 200, 8000});
}

static void intervals_of_any_size_agree_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t seed = 41; seed <= 44; seed++)
        run(&(struct profile){seed, 0, UINT64_MAX - 1, UINT64_MAX / 400, 200, 8000});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_intervals_agree_with_a_sorted_array),
        cmocka_unit_test(many_intervals_agree_with_a_sorted_array),
        cmocka_unit_test(crowded_intervals_agree_with_a_sorted_array),
        cmocka_unit_test(intervals_at_the_end_of_the_numbers_agree_with_a_sorted_array),
        cmocka_unit_test(intervals_of_any_size_agree_with_a_sorted_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
