/*
 * Pools of objects (base/pool.h).
 */
#include "base/pool.h"

#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "death.h"
#include "unit.h"

#define OBJECT_BYTES 40
#define MANY         5000

static void a_new_pool_has_allocated_nothing(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    assert_int_equal(a.calls, 0);
    assert_int_equal(p.free_count, 0);
    pool_destroy(&p);
}

static void the_size_of_an_object_is_rounded_up_to_eight(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, 1);
    assert_int_equal(p.object_bytes, 8);
    pool_init(&p, &a, 8);
    assert_int_equal(p.object_bytes, 8);
    pool_init(&p, &a, 9);
    assert_int_equal(p.object_bytes, 16);
}

/* Each object is filled wholly with its own number; whoever overlaps another destroys it. */
static void objects_do_not_overlap(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    static const uint64_t zero[OBJECT_BYTES / 8] = {0};
    uint64_t *objects[MANY];
    pool_init(&p, &a, OBJECT_BYTES);
    for (size_t i = 0; i < MANY; i++) {
        objects[i] = pool_get(&p);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 8, 0);
        assert_memory_equal(objects[i], zero, OBJECT_BYTES);
        for (size_t word = 0; word < OBJECT_BYTES / 8; word++)
            objects[i][word] = i + 1;
    }
    for (size_t i = 0; i < MANY; i++) {
        for (size_t word = 0; word < OBJECT_BYTES / 8; word++)
            assert_int_equal(objects[i][word], i + 1);
    }
    assert_int_equal(p.live_count, MANY);
    pool_destroy(&p);
    assert_int_equal(a.live_blocks, 0);
}

static void an_object_put_back_comes_again_zeroed(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    static const char zero[OBJECT_BYTES] = {0};
    pool_init(&p, &a, OBJECT_BYTES);
    char *object = pool_get(&p);
    uint64_t calls = a.calls;
    memset(object, 0xab, OBJECT_BYTES);
    pool_put(&p, object);
    assert_int_equal(p.live_count, 0);
    char *again = pool_get(&p);
    assert_ptr_equal(again, object);
    assert_memory_equal(again, zero, OBJECT_BYTES);
    assert_int_equal(a.calls, calls);
    pool_destroy(&p);
}

static void after_a_reserve_that_many_gets_allocate_nothing(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 7, 100, MANY};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct alloc a = {0};
        struct pool p;
        pool_init(&p, &a, OBJECT_BYTES);
        assert_int_equal(pool_reserve(&p, counts[i]), 0);
        uint64_t calls = a.calls;
        for (size_t n = 0; n < counts[i]; n++)
            assert_non_null(pool_get(&p));
        assert_int_equal(a.calls, calls);
        pool_destroy(&p);
        assert_int_equal(a.live_blocks, 0);
    }
}

static void a_reserve_that_is_met_already_allocates_nothing(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    assert_int_equal(pool_reserve(&p, 50), 0);
    uint64_t calls = a.calls;
    for (int i = 0; i < 100; i++)
        assert_int_equal(pool_reserve(&p, 50), 0);
    assert_int_equal(a.calls, calls);
    pool_destroy(&p);
}

static void a_reserve_that_fails_leaves_the_pool_usable(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    void *object = pool_get(&p);
    size_t free_before = p.free_count;
    a.fail_at = a.calls + 1;
    assert_int_equal(pool_reserve(&p, free_before + 1), -ENOMEM);
    assert_int_equal(p.free_count, free_before);
    assert_int_equal(p.live_count, 1);
    assert_int_equal(pool_reserve(&p, free_before + 1), 0); /* only that call was to fail */
    pool_put(&p, object);
    pool_destroy(&p);
    assert_int_equal(a.live_blocks, 0);
}

static void a_reserve_beyond_all_memory_is_refused(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    assert_int_equal(pool_reserve(&p, SIZE_MAX), -ENOMEM);
    assert_int_equal(pool_reserve(&p, SIZE_MAX / OBJECT_BYTES), -ENOMEM);
    assert_non_null(pool_get(&p));
    pool_destroy(&p);
}

static void a_get_without_memory_returns_null(void **state)
{
    (void)state;
    struct alloc a = {.fail_at = 1};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    assert_null(pool_get(&p));
    assert_int_equal(p.live_count, 0);
    assert_non_null(pool_get(&p));
    pool_destroy(&p);
    assert_int_equal(a.live_blocks, 0);
}

static void chunks_grow_so_that_calls_stay_few(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    for (size_t i = 0; i < MANY; i++)
        assert_non_null(pool_get(&p));
    assert_true(a.calls < MANY / 100);
    /* Nor is much of it kept for nothing. */
    assert_true(a.live_bytes < (uint64_t)MANY * OBJECT_BYTES * 5 / 4);
    pool_destroy(&p);
}

static void objects_larger_than_a_chunk_work_too(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    const size_t large_bytes = 1 << 20;
    pool_init(&p, &a, large_bytes);
    char *first = pool_get(&p);
    char *second = pool_get(&p);
    memset(first, 1, large_bytes);
    memset(second, 2, large_bytes);
    assert_int_equal(first[large_bytes - 1], 1);
    pool_destroy(&p);
    assert_int_equal(a.live_blocks, 0);
}

static void a_destroyed_pool_is_empty_and_usable(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    assert_non_null(pool_get(&p));
    pool_destroy(&p);
    assert_int_equal(p.live_count + p.free_count, 0);
    assert_non_null(pool_get(&p));
    pool_destroy(&p);
    assert_int_equal(a.live_blocks, 0);
}

#ifdef __SANITIZE_ADDRESS__
static void the_sanitizer_sees_a_use_after_put(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    char *object = pool_get(&p);
    assert_false(__asan_address_is_poisoned(object + OBJECT_BYTES - 1));
    pool_put(&p, object);
    assert_true(__asan_address_is_poisoned(object + OBJECT_BYTES - 1));
    assert_ptr_equal(pool_get(&p), object);
    assert_false(__asan_address_is_poisoned(object + OBJECT_BYTES - 1));
    pool_destroy(&p);
}
#endif

static void init_of_nothing(void *argument)
{
    struct alloc a = {0};
    pool_init(argument, &a, 0);
}

static void objects_of_no_size_break_a_contract(void **state)
{
    (void)state;
    struct pool p;
    assert_true(death_by_contract(init_of_nothing, &p, "object_bytes > 0"));
}

static void put_one_too_many(void *argument)
{
    struct pool *p = argument;
    void *object = pool_get(p);
    pool_put(p, object);
    pool_put(p, object);
}

static void putting_more_than_was_got_breaks_a_contract(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct pool p;
    pool_init(&p, &a, OBJECT_BYTES);
    assert_true(death_by_contract(put_one_too_many, &p, "live_count > 0"));
    pool_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_pool_has_allocated_nothing),
        cmocka_unit_test(the_size_of_an_object_is_rounded_up_to_eight),
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(an_object_put_back_comes_again_zeroed),
        cmocka_unit_test(after_a_reserve_that_many_gets_allocate_nothing),
        cmocka_unit_test(a_reserve_that_is_met_already_allocates_nothing),
        cmocka_unit_test(a_reserve_that_fails_leaves_the_pool_usable),
        cmocka_unit_test(a_reserve_beyond_all_memory_is_refused),
        cmocka_unit_test(a_get_without_memory_returns_null),
        cmocka_unit_test(chunks_grow_so_that_calls_stay_few),
        cmocka_unit_test(objects_larger_than_a_chunk_work_too),
        cmocka_unit_test(a_destroyed_pool_is_empty_and_usable),
#ifdef __SANITIZE_ADDRESS__
        cmocka_unit_test(the_sanitizer_sees_a_use_after_put),
#endif
        cmocka_unit_test(objects_of_no_size_break_a_contract),
        cmocka_unit_test(putting_more_than_was_got_breaks_a_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
