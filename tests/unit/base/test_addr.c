/*
 * Page arithmetic and ranges (base/addr.h), and the simulated clock (base/clock.h).
 */
#include "base/addr.h"
#include "base/clock.h"

#include "unit.h"

static void page_floor_is_the_start_of_the_page(void **state)
{
    (void)state;
    assert_int_equal(page_floor(0), 0);
    assert_int_equal(page_floor(0xfff), 0);
    assert_int_equal(page_floor(0x1000), 0x1000);
    assert_int_equal(page_floor(UINT64_MAX), UINT64_MAX - 0xfff);
}

static void page_ceil_is_the_end_of_a_page_begun(void **state)
{
    (void)state;
    assert_int_equal(page_ceil(0), 0);
    assert_int_equal(page_ceil(1), 0x1000);
    assert_int_equal(page_ceil(0x1000), 0x1000);
    assert_int_equal(page_ceil(0x1001), 0x2000);
}

static void page_ceil_wraps_to_zero_in_the_last_page(void **state)
{
    (void)state;
    assert_int_equal(page_ceil(UINT64_MAX), 0);
    assert_int_equal(page_ceil(UINT64_MAX - 0xffe), 0);
    assert_int_equal(page_ceil(UINT64_MAX - 0xfff), UINT64_MAX - 0xfff);
}

static void only_multiples_of_a_page_are_aligned(void **state)
{
    (void)state;
    assert_true(page_aligned(0));
    assert_true(page_aligned(0x7000));
    assert_false(page_aligned(0x7001));
    assert_false(page_aligned(0x6fff));
}

static void physical_addresses_are_equal_when_their_numbers_are(void **state)
{
    (void)state;
    assert_true(paddr_equal(paddr(0x80000000), paddr(0x80000000)));
    assert_false(paddr_equal(paddr(0x80000000), paddr(0x80001000)));
}

static void a_range_contains_its_start_but_not_its_end(void **state)
{
    (void)state;
    struct range r = {0x1000, 0x3000};
    assert_int_equal(range_bytes(r), 0x2000);
    assert_false(range_contains(r, 0xfff));
    assert_true(range_contains(r, 0x1000));
    assert_true(range_contains(r, 0x2fff));
    assert_false(range_contains(r, 0x3000));
}

static void ranges_that_only_touch_do_not_overlap(void **state)
{
    (void)state;
    struct range r = {0x1000, 0x3000};
    assert_false(range_overlaps(r, (struct range){0, 0x1000}));
    assert_false(range_overlaps(r, (struct range){0x3000, 0x4000}));
    assert_true(range_overlaps(r, (struct range){0, 0x1001}));
    assert_true(range_overlaps(r, (struct range){0x2fff, 0x4000}));
    assert_true(range_overlaps(r, (struct range){0x1800, 0x1900}));
    assert_true(range_overlaps((struct range){0x1800, 0x1900}, r));
}

static void the_clock_adds_up_costs(void **state)
{
    (void)state;
    struct clock c = {0};
    clock_advance(&c, 5);
    clock_advance(&c, 7);
    assert_int_equal(c.now_ns, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_floor_is_the_start_of_the_page),
        cmocka_unit_test(page_ceil_is_the_end_of_a_page_begun),
        cmocka_unit_test(page_ceil_wraps_to_zero_in_the_last_page),
        cmocka_unit_test(only_multiples_of_a_page_are_aligned),
        cmocka_unit_test(physical_addresses_are_equal_when_their_numbers_are),
        cmocka_unit_test(a_range_contains_its_start_but_not_its_end),
        cmocka_unit_test(ranges_that_only_touch_do_not_overlap),
        cmocka_unit_test(the_clock_adds_up_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
