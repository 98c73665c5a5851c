/*
 * Gap search of the interval map (base/imap.h), example by example.
 *
 * The maps in the tests show one letter a key: a..z for an interval, '.' for a free key.
 */
#include "base/addr.h"
#include "base/imap.h"

#include "imap_fixture.h"
#include "unit.h"

static void assert_highest(const struct imap *m, struct range w, uint64_t bytes, int64_t expected)
{
    uint64_t start = 12345;
    bool found = imap_gap_highest(m, w.start, w.end, bytes, &start);
    assert_int_equal(found, expected >= 0);
    assert_int_equal(start, expected >= 0 ? expected : 12345);
}

static void assert_lowest(const struct imap *m, struct range w, uint64_t bytes, int64_t expected)
{
    uint64_t start = 12345;
    bool found = imap_gap_lowest(m, w.start, w.end, bytes, &start);
    assert_int_equal(found, expected >= 0);
    assert_int_equal(start, expected >= 0 ? expected : 12345);
}

static struct range window(uint64_t low, uint64_t high)
{
    return (struct range){low, high};
}

static void an_empty_map_is_one_gap(void **state)
{
    struct imap_fixture *f = *state;
    assert_highest(&f->map, window(10, 20), 10, 10);
    assert_highest(&f->map, window(10, 20), 3, 17);
    assert_highest(&f->map, window(10, 20), 11, -1);
    assert_lowest(&f->map, window(10, 20), 10, 10);
    assert_lowest(&f->map, window(10, 20), 3, 10);
    assert_lowest(&f->map, window(10, 20), 11, -1);
}

static void an_empty_window_has_no_gap(void **state)
{
    struct imap_fixture *f = *state;
    for (int round = 0; round < 2; round++) {
        assert_highest(&f->map, window(10, 10), 1, -1);
        assert_lowest(&f->map, window(10, 10), 1, -1);
        assert_highest(&f->map, window(20, 10), 1, -1);
        assert_lowest(&f->map, window(20, 10), 1, -1);
        assert_highest(&f->map, window(0, 10), UINT64_MAX, -1);
        assert_lowest(&f->map, window(0, 10), UINT64_MAX, -1);
        if (round == 0)
            imap_fixture_draw(&f->map, ".....a");
    }
}

static void the_highest_gap_is_taken_at_its_upper_end(void **state)
{
    struct imap_fixture *f = *state;
    /*            0123456789012345678 */
    imap_fixture_draw(&f->map, "..a...bb....c..d");
    assert_highest(&f->map, window(0, 19), 3, 16);
    assert_highest(&f->map, window(0, 18), 3, 9);
    assert_highest(&f->map, window(0, 18), 2, 16);
    assert_highest(&f->map, window(0, 16), 2, 13);
    assert_highest(&f->map, window(0, 16), 4, 8);
    assert_highest(&f->map, window(0, 12), 3, 9);
    assert_highest(&f->map, window(0, 11), 3, 8);
    assert_highest(&f->map, window(0, 10), 3, 3);
    assert_highest(&f->map, window(0, 6), 2, 4);
    assert_highest(&f->map, window(0, 4), 2, 0);
    assert_highest(&f->map, window(1, 4), 2, -1);
    assert_highest(&f->map, window(0, 16), 5, -1);
}

static void the_lowest_gap_is_taken_at_its_lower_end(void **state)
{
    struct imap_fixture *f = *state;
    /*            0123456789012345678 */
    imap_fixture_draw(&f->map, "..a...bb....c..d");
    assert_lowest(&f->map, window(0, 19), 2, 0);
    assert_lowest(&f->map, window(1, 19), 2, 3);
    assert_lowest(&f->map, window(1, 19), 1, 1);
    assert_lowest(&f->map, window(4, 19), 2, 4);
    assert_lowest(&f->map, window(5, 19), 2, 8);
    assert_lowest(&f->map, window(0, 19), 4, 8);
    assert_lowest(&f->map, window(9, 19), 4, -1);
    assert_lowest(&f->map, window(9, 20), 4, 16);
    assert_lowest(&f->map, window(9, 19), 3, 9);
    assert_lowest(&f->map, window(10, 19), 3, 16);
}

static void intervals_partly_outside_the_window_still_block(void **state)
{
    struct imap_fixture *f = *state;
    /*            0123456789 */
    imap_fixture_draw(&f->map, "aaaa..bbbb");
    assert_highest(&f->map, window(2, 8), 2, 4);
    assert_lowest(&f->map, window(2, 8), 2, 4);
    assert_highest(&f->map, window(2, 8), 3, -1);
    assert_lowest(&f->map, window(2, 8), 3, -1);
    assert_highest(&f->map, window(1, 3), 1, -1);
    assert_lowest(&f->map, window(7, 9), 1, -1);
    assert_highest(&f->map, window(5, 8), 1, 5);
    assert_lowest(&f->map, window(5, 8), 1, 5);
}

static void a_window_apart_from_all_intervals_is_free(void **state)
{
    struct imap_fixture *f = *state;
    /*            0123456789 */
    imap_fixture_draw(&f->map, "....aa....");
    assert_highest(&f->map, window(0, 3), 2, 1);
    assert_lowest(&f->map, window(7, 10), 2, 7);
    assert_highest(&f->map, window(7, 10), 3, 7);
    assert_lowest(&f->map, window(0, 3), 3, 0);
}

static void gaps_reach_both_ends_of_the_number_space(void **state)
{
    struct imap_fixture *f = *state;
    uint64_t start;
    uint64_t middle = (uint64_t)1 << 63;
    assert_int_equal(imap_insert(&f->map, middle, middle + 1, &f->map), 0);
    assert_true(imap_gap_highest(&f->map, 0, UINT64_MAX, 1, &start));
    assert_true(start == UINT64_MAX - 1);
    assert_true(imap_gap_highest(&f->map, 0, UINT64_MAX, middle, &start));
    assert_true(start == 0);
    assert_true(imap_gap_lowest(&f->map, 1, UINT64_MAX, middle - 2, &start));
    assert_true(start == 1);
    assert_true(imap_gap_lowest(&f->map, 2, UINT64_MAX, middle - 2, &start));
    assert_true(start == 2);
    assert_true(imap_gap_lowest(&f->map, 3, UINT64_MAX, middle - 2, &start));
    assert_true(start == middle + 1);
    assert_false(imap_gap_lowest(&f->map, 3, UINT64_MAX, middle - 1, &start));
    assert_false(imap_gap_highest(&f->map, 0, UINT64_MAX, UINT64_MAX, &start));
}

/* Holes of 5 everywhere; one interval is missing. */
static void one_large_gap_among_many_is_found_wherever_it_is(void **state)
{
    struct imap_fixture *f = *state;
    const uint64_t count = 2000;
    imap_fixture_fill(&f->map, count);
    for (uint64_t missing = 1; missing + 1 < count; missing += 7) {
        imap_erase(&f->map, missing * 10);
        assert_highest(&f->map, window(0, count * 10 - 5), 15, (int64_t)missing * 10 - 5);
        assert_lowest(&f->map, window(0, count * 10 - 5), 15, (int64_t)missing * 10 - 5);
        assert_highest(&f->map, window(0, count * 10 - 5), 16, -1);
        assert_lowest(&f->map, window(0, count * 10 - 5), 16, -1);
        assert_int_equal(imap_insert(&f->map, missing * 10, missing * 10 + 5, &f->map), 0);
        assert_highest(&f->map, window(0, count * 10 - 5), 15, -1);
    }
    assert_true(imap_check(&f->map));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(an_empty_map_is_one_gap),
        IMAP_TEST(an_empty_window_has_no_gap),
        IMAP_TEST(the_highest_gap_is_taken_at_its_upper_end),
        IMAP_TEST(the_lowest_gap_is_taken_at_its_lower_end),
        IMAP_TEST(intervals_partly_outside_the_window_still_block),
        IMAP_TEST(a_window_apart_from_all_intervals_is_free),
        IMAP_TEST(gaps_reach_both_ends_of_the_number_space),
        IMAP_TEST(one_large_gap_among_many_is_found_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
