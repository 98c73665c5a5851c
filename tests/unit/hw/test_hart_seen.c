/*
 * The set of pages that TLBs have been asked for: exact, growing, and harmless without memory.
 */
#include "base/prng.h"
#include "hw/pages_seen.h"
#include "unit/hw/tables.h"

static void the_first_mark_of_each_unit_is_new(void **state)
{
    struct pages_seen seen;
    struct alloc alloc = {0};

    (void)state;
    pages_seen_init(&seen, &alloc);
    assert_int_equal(pages_seen_mark(&seen, 9, 5, 1), 0);
    assert_int_equal(pages_seen_mark(&seen, 9, 5, 1), 1);
    assert_int_equal(pages_seen_mark(&seen, 9, 5, 6), 1);
    assert_int_equal(pages_seen_mark(&seen, 9, 5, 15), 7);
    assert_int_equal(pages_seen_mark(&seen, 9, 6, 1), 0);
    assert_int_equal(pages_seen_mark(&seen, 8, 5, 1), 0);
    assert_int_equal(pages_seen_mark(&seen, 9, 0, 2), 0); /* page 0 is a page */
    assert_int_equal(pages_seen_mark(&seen, 9, 0, 2), 2);
    pages_seen_destroy(&seen);
    assert_int_equal(alloc.live_blocks, 0);
}

/* The i-th of many pages: runs of neighbours, far apart, in several spaces. */
static uint64_t nth_page(uint64_t i)
{
    return (prng_mix(i / 50) >> 18) + i % 50;
}

static void nothing_is_lost_when_the_set_grows(void **state)
{
    struct pages_seen seen;
    struct alloc alloc = {0};

    (void)state;
    pages_seen_init(&seen, &alloc);
    for (uint64_t i = 0; i < 20000; i++)
        assert_int_equal(pages_seen_mark(&seen, 1 + i % 3, nth_page(i), (uint8_t)(1 << i % 4)), 0);
    for (uint64_t i = 0; i < 20000; i++)
        assert_int_equal(pages_seen_mark(&seen, 1 + i % 3, nth_page(i), 16), 1 << i % 4);
    for (uint64_t i = 0; i < 20000; i++)
        assert_int_equal(pages_seen_mark(&seen, 1 + (i + 1) % 3, nth_page(i), 1), 0);
    pages_seen_destroy(&seen);
    assert_int_equal(alloc.live_blocks, 0);
}

/* As many spaces as pages: each keeps its own, whether it is the present one or was left. */
static void each_space_has_its_own_pages(void **state)
{
    struct pages_seen seen;
    struct alloc alloc = {0};

    (void)state;
    pages_seen_init(&seen, &alloc);
    for (uint64_t space = 1; space <= 1000; space++)
        for (uint64_t page = 0; page < space % 40; page++)
            assert_int_equal(pages_seen_mark(&seen, space, page, 1), 0);
    for (uint64_t space = 1; space <= 1000; space++) {
        assert_int_equal(pages_seen_count(&seen, space), space % 40);
        for (uint64_t page = 0; page < 40; page++)
            assert_int_equal(pages_seen_mark(&seen, space, page, 1), page < space % 40);
    }
    assert_int_equal(pages_seen_count(&seen, 1001), 0);
    pages_seen_destroy(&seen);
    assert_int_equal(alloc.live_blocks, 0);
}

/* It may say no too often, but hardly ever does, and never yes of what was not marked. */
static void the_quick_question_is_about_the_present_space(void **state)
{
    struct pages_seen seen;
    struct alloc alloc = {0};
    unsigned known = 0;

    (void)state;
    pages_seen_init(&seen, &alloc);
    assert_false(pages_seen_has(&seen, 0, 1));
    for (uint64_t i = 0; i < 5000; i++) {
        assert_false(pages_seen_has(&seen, nth_page(i), 1));
        pages_seen_mark(&seen, 7, nth_page(i), 1);
        assert_false(pages_seen_has(&seen, nth_page(i), 2));
        assert_false(pages_seen_has(&seen, nth_page(i), 3));
    }
    for (uint64_t i = 0; i < 5000; i++)
        known += pages_seen_has(&seen, nth_page(i), 1);
    assert_true(known > 4500);
    pages_seen_mark(&seen, 8, 5, 1);
    assert_true(pages_seen_has(&seen, 5, 1));
    for (uint64_t i = 0; i < 5000; i++)
        assert_false(pages_seen_has(&seen, nth_page(i), 1) && nth_page(i) != 5);
    pages_seen_leave(&seen);
    assert_false(pages_seen_has(&seen, 5, 1));
    assert_int_equal(pages_seen_mark(&seen, 8, 5, 1), 1);
    assert_true(pages_seen_has(&seen, 5, 1));
    pages_seen_destroy(&seen);
}

/*
 * From the n-th allocation on there is no memory: what was kept is kept, the rest is new again. The
 * first three are for the spaces, one space, and its first slots.
 */
static void without_memory_the_set_keeps_what_it_has(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 7; fail_at++) {
        struct pages_seen seen;
        struct alloc alloc = {.fail_at = fail_at};
        uint64_t kept = 0;

        pages_seen_init(&seen, &alloc);
        for (uint64_t i = 0; i < 10000; i++) {
            if (alloc.calls + 1 >= fail_at)
                alloc.fail_at = alloc.calls + 1;
            assert_int_equal(pages_seen_mark(&seen, 7, nth_page(i), 1), 0);
        }
        for (uint64_t i = 0; i < 10000; i++) {
            alloc.fail_at = alloc.calls + 1;
            kept += pages_seen_mark(&seen, 7, nth_page(i), 1);
        }
        assert_int_equal(kept, pages_seen_count(&seen, 7));
        assert_true(fail_at <= 3 ? kept == 0 : kept > 0 && kept < 10000);
        pages_seen_destroy(&seen);
        assert_int_equal(alloc.live_blocks, 0);
    }
}

/* Spaces that were there are found again; one for which there is no memory has no pages. */
static void without_memory_no_space_is_lost(void **state)
{
    struct pages_seen seen;
    struct alloc alloc = {0};

    (void)state;
    pages_seen_init(&seen, &alloc);
    for (uint64_t space = 1; space <= 8; space++)
        assert_int_equal(pages_seen_mark(&seen, space, 3, 1), 0);
    for (uint64_t space = 9; space <= 30; space++)
        for (unsigned again = 0; again < 2; again++) {
            alloc.fail_at = alloc.calls + 1;
            assert_int_equal(pages_seen_mark(&seen, space, 3, 1), 0);
            assert_false(pages_seen_has(&seen, 3, 1));
        }
    for (uint64_t space = 1; space <= 30; space++)
        assert_int_equal(pages_seen_mark(&seen, space, 3, 1), space <= 8);
    pages_seen_destroy(&seen);
    assert_int_equal(alloc.live_blocks, 0);
}

static void an_empty_set_needs_no_memory_and_can_be_destroyed(void **state)
{
    struct pages_seen seen;
    struct alloc alloc = {0};

    (void)state;
    pages_seen_init(&seen, &alloc);
    assert_int_equal(alloc.calls, 0);
    pages_seen_destroy(&seen);
    assert_int_equal(alloc.live_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_mark_of_each_unit_is_new),
        cmocka_unit_test(nothing_is_lost_when_the_set_grows),
        cmocka_unit_test(each_space_has_its_own_pages),
        cmocka_unit_test(the_quick_question_is_about_the_present_space),
        cmocka_unit_test(without_memory_no_space_is_lost),
        cmocka_unit_test(without_memory_the_set_keeps_what_it_has),
        cmocka_unit_test(an_empty_set_needs_no_memory_and_can_be_destroyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
