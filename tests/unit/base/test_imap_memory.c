/*
 * The memory of the interval map: what is reserved is enough, and what fails changes nothing.
 */
#include "base/imap.h"
#include "base/prng.h"

#include "imap_fixture.h"
#include "unit.h"

/*
 * Every allocation fails in turn: the insertion that needed it changes nothing, and works when
 * repeated.
 */
static void an_insertion_without_memory_changes_nothing(void **state)
{
    (void)state;
    const uint64_t count = 400;
    uint64_t calls = 1;
    for (uint64_t chosen = 1; chosen <= calls; chosen++) {
        struct alloc a = {.fail_at = chosen};
        struct imap m;
        unsigned failures = 0;
        imap_init(&m, &a);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t at = i * 151 % count * 10;
            int err = imap_insert(&m, at, at + 5, &m);
            if (err != 0) {
                struct imap_entry entry;
                assert_int_equal(err, -ENOMEM);
                assert_int_equal(m.count, i);
                assert_true(imap_check(&m));
                assert_false(imap_find(&m, at, &entry) && entry.start == at);
                failures++;
                assert_int_equal(imap_insert(&m, at, at + 5, &m), 0);
            }
        }
        assert_int_equal(failures, 1);
        assert_int_equal(m.count, count);
        assert_true(imap_check(&m));
        calls = a.calls - failures;
        imap_destroy(&m);
        assert_int_equal(a.live_blocks, 0);
    }
    assert_true(calls > 3);
}

/* One insertion with exactly `nodes` free nodes, and no memory for more. */
static int insert_with_nodes(struct imap_fixture *f, uint64_t at, size_t nodes)
{
    void *taken[200];
    size_t count = 0;
    assert_int_equal(pool_reserve(&f->map.nodes, nodes), 0);
    while (f->map.nodes.free_count > nodes) {
        assert_true(count < sizeof taken / sizeof taken[0]);
        taken[count++] = pool_get(&f->map.nodes);
    }
    f->alloc.fail_at = f->alloc.calls + 1;
    int err = imap_insert(&f->map, at, at + 5, &f->map);
    f->alloc.fail_at = 0;
    while (count > 0)
        pool_put(&f->map.nodes, taken[--count]);
    return err;
}

/* Were the nodes counted wrongly, an insertion would run out of them when it is half done. */
static void an_insertion_with_too_few_nodes_fails_before_it_begins(void **state)
{
    struct imap_fixture *f = *state;
    size_t most = 0;
    for (uint64_t i = 0; i < 1500; i++) {
        size_t nodes = 0;
        while (insert_with_nodes(f, i * 10, nodes) != 0) {
            assert_int_equal(f->map.count, i);
            assert_true(imap_check(&f->map));
            nodes++;
        }
        assert_true(imap_check(&f->map));
        most = nodes > most ? nodes : most;
    }
    assert_true(f->map.height >= 3);
    assert_int_equal(most, f->map.height); /* one a level, when the root was split */
}

static void a_destroyed_map_is_empty_and_usable(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 100);
    imap_destroy(&f->map);
    assert_int_equal(f->alloc.live_blocks, 0);
    assert_int_equal(f->map.count, 0);
    imap_fixture_draw(&f->map, "a.b");
    imap_fixture_assert_picture(&f->map, "a.b");
}

static void a_reserve_without_memory_changes_nothing(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 50);
    size_t free_before = f->map.nodes.free_count;
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(imap_reserve(&f->map, 100000), -ENOMEM);
    assert_int_equal(f->map.nodes.free_count, free_before);
    assert_int_equal(f->map.count, 50);
    assert_true(imap_check(&f->map));
}

/*
 * Reserves, and then takes nodes out of the pool as long as the same reserve is met without an
 * allocation: exactly what imap_reserve deems enough is left. Returns how many were taken.
 */
static size_t reserve_and_no_more(struct imap_fixture *f, unsigned inserts, void **taken,
                                  size_t most)
{
    size_t count = 0;
    assert_int_equal(imap_reserve(&f->map, inserts), 0);
    while (f->map.nodes.free_count > 0) {
        assert_true(count < most);
        taken[count++] = pool_get(&f->map.nodes);
        f->alloc.fail_at = f->alloc.calls + 1;
        if (imap_reserve(&f->map, inserts) != 0) {
            pool_put(&f->map.nodes, taken[--count]);
            break;
        }
    }
    f->alloc.fail_at = 0;
    return count;
}

/* Insertions at the front find full nodes at several levels again and again. */
static void after_a_reserve_insertions_allocate_nothing(void **state)
{
    struct imap_fixture *f = *state;
    void *taken[2000];
    struct prng p;
    prng_seed(&p, 1);
    uint64_t next = 1000000000;
    for (unsigned round = 0; round < 400; round++) {
        unsigned inserts = (unsigned)prng_below(&p, 12);
        size_t count = reserve_and_no_more(f, inserts, taken, sizeof taken / sizeof taken[0]);
        uint64_t calls = f->alloc.calls;
        for (unsigned i = 0; i < inserts; i++, next -= 10)
            assert_int_equal(imap_insert(&f->map, next, next + 5, &f->map), 0);
        assert_int_equal(f->alloc.calls, calls);
        while (count > 0)
            pool_put(&f->map.nodes, taken[--count]);
    }
    assert_true(imap_check(&f->map));
}

static void a_large_reserve_for_an_empty_map_is_enough_and_not_wasteful(void **state)
{
    struct imap_fixture *f = *state;
    const uint64_t count = 20000;
    assert_int_equal(imap_reserve(&f->map, (unsigned)count), 0);
    uint64_t calls = f->alloc.calls;
    imap_fixture_fill(&f->map, count);
    assert_int_equal(f->alloc.calls, calls);
    assert_true(f->map.nodes.free_count < 2 * f->map.nodes.live_count);
}

static void a_reserve_that_is_met_already_allocates_nothing(void **state)
{
    struct imap_fixture *f = *state;
    imap_fixture_fill(&f->map, 1000);
    assert_int_equal(imap_reserve(&f->map, 3), 0);
    uint64_t calls = f->alloc.calls;
    for (int i = 0; i < 100; i++)
        assert_int_equal(imap_reserve(&f->map, 3), 0);
    assert_int_equal(f->alloc.calls, calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(an_insertion_without_memory_changes_nothing),
        IMAP_TEST(an_insertion_with_too_few_nodes_fails_before_it_begins),
        IMAP_TEST(a_destroyed_map_is_empty_and_usable),
        IMAP_TEST(a_reserve_without_memory_changes_nothing),
        IMAP_TEST(after_a_reserve_insertions_allocate_nothing),
        IMAP_TEST(a_large_reserve_for_an_empty_map_is_enough_and_not_wasteful),
        IMAP_TEST(a_reserve_that_is_met_already_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
