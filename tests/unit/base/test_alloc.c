/*
 * Failable allocation (base/alloc.h).
 */
#include "base/alloc.h"

#include <string.h>

#include "death.h"
#include "unit.h"

static void new_memory_is_zero(void **state)
{
    (void)state;
    struct alloc a = {0};
    const char zero[1000] = {0};
    char *block = alloc_zeroed(&a, sizeof zero);
    assert_non_null(block);
    assert_memory_equal(block, zero, sizeof zero);
    alloc_release(&a, block);
}

static void blocks_and_calls_are_counted(void **state)
{
    (void)state;
    struct alloc a = {0};
    void *first = alloc_zeroed(&a, 10);
    void *second = alloc_resize(&a, NULL, 10);
    assert_int_equal(a.calls, 2);
    assert_int_equal(a.live_blocks, 2);
    second = alloc_resize(&a, second, 100000);
    assert_int_equal(a.calls, 3);
    assert_int_equal(a.live_blocks, 2);
    assert_in_range(a.live_bytes, 100000, 110000);
    alloc_release(&a, first);
    alloc_release(&a, second);
    assert_int_equal(a.calls, 3);
    assert_int_equal(a.live_blocks, 0);
    assert_int_equal(a.live_bytes, 0);
}

static void nothing_asked_for_is_still_a_block(void **state)
{
    (void)state;
    struct alloc a = {0};
    void *block = alloc_zeroed(&a, 0);
    assert_non_null(block);
    block = alloc_resize(&a, block, 0);
    assert_non_null(block);
    assert_int_equal(a.live_blocks, 1);
    alloc_release(&a, block);
}

static void resizing_keeps_what_was_there(void **state)
{
    (void)state;
    struct alloc a = {0};
    char *block = alloc_zeroed(&a, 6);
    memcpy(block, "hello", 6);
    block = alloc_resize(&a, block, 100000);
    assert_non_null(block);
    assert_string_equal(block, "hello");
    alloc_release(&a, block);
}

static void only_the_chosen_call_fails_and_it_leaks_nothing(void **state)
{
    (void)state;
    for (uint64_t chosen = 1; chosen <= 3; chosen++) {
        struct alloc a = {.fail_at = chosen};
        void *zeroed = alloc_zeroed(&a, 8);
        char *copy = alloc_string(&a, "text");
        void *resized = alloc_resize(&a, NULL, 8);
        assert_int_equal(zeroed == NULL, chosen == 1);
        assert_int_equal(copy == NULL, chosen == 2);
        assert_int_equal(resized == NULL, chosen == 3);
        assert_int_equal(a.calls, 3);
        assert_int_equal(a.live_blocks, 2);
        alloc_release(&a, zeroed);
        alloc_release(&a, copy);
        alloc_release(&a, resized);
        assert_int_equal(a.live_blocks, 0);
    }
}

static void a_failed_resize_leaves_the_block(void **state)
{
    (void)state;
    struct alloc a = {.fail_at = 2};
    char *block = alloc_string(&a, "kept");
    assert_null(alloc_resize(&a, block, 1000));
    assert_string_equal(block, "kept");
    assert_int_equal(a.live_blocks, 1);
    alloc_release(&a, block);
}

static void a_host_without_memory_is_reported(void **state)
{
    (void)state;
    struct alloc a = {0};
    /* Half of the address space, and all of it. Not constants, or the compiler warns of them. */
    const volatile size_t sizes[] = {SIZE_MAX / 2 - 4096, SIZE_MAX};
    for (size_t i = 0; i < 2; i++) {
        assert_null(alloc_zeroed(&a, sizes[i]));
        assert_null(alloc_resize(&a, NULL, sizes[i]));
    }
    assert_int_equal(a.calls, 4);
    assert_int_equal(a.live_blocks, 0);
}

static void a_string_is_copied_with_its_end(void **state)
{
    (void)state;
    struct alloc a = {0};
    char original[] = "page";
    char *copy = alloc_string(&a, original);
    original[0] = 'r';
    assert_string_equal(copy, "page");
    alloc_release(&a, copy);
}

static void releasing_null_does_nothing(void **state)
{
    (void)state;
    struct alloc a = {0};
    alloc_release(&a, NULL);
    assert_int_equal(a.live_blocks, 0);
}

static void release_one_too_many(void *argument)
{
    struct alloc *a = argument;
    void *block = alloc_zeroed(a, 8);
    a->live_blocks = 0;
    alloc_release(a, block);
}

static void releasing_more_than_was_given_out_breaks_a_contract(void **state)
{
    (void)state;
    struct alloc a = {0};
    assert_true(death_by_contract(release_one_too_many, &a, "live_blocks > 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero),
        cmocka_unit_test(blocks_and_calls_are_counted),
        cmocka_unit_test(nothing_asked_for_is_still_a_block),
        cmocka_unit_test(resizing_keeps_what_was_there),
        cmocka_unit_test(only_the_chosen_call_fails_and_it_leaks_nothing),
        cmocka_unit_test(a_failed_resize_leaves_the_block),
        cmocka_unit_test(a_host_without_memory_is_reported),
        cmocka_unit_test(a_string_is_copied_with_its_end),
        cmocka_unit_test(releasing_null_does_nothing),
        cmocka_unit_test(releasing_more_than_was_given_out_breaks_a_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
