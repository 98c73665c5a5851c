/* Errors that each of many learns once. */
#include "unit.h"

#include <errno.h>

#include "base/errseq.h"

static void without_an_error_nobody_is_told_anything(void **state)
{
    struct errseq e = {0};
    uint32_t since = errseq_sample(&e);

    (void)state;
    assert_int_equal(errseq_check(&e, since), 0);
    assert_int_equal(errseq_check_and_advance(&e, &since), 0);
    assert_int_equal(since, errseq_sample(&e));
}

static void each_cursor_is_told_once(void **state)
{
    struct errseq e = {0};
    uint32_t a = errseq_sample(&e);
    uint32_t b = errseq_sample(&e);

    (void)state;
    errseq_set(&e, -EIO);
    assert_int_equal(errseq_check(&e, a), -EIO);
    assert_int_equal(errseq_check(&e, a), -EIO); /* looking alone is not being told */
    assert_int_equal(errseq_check_and_advance(&e, &a), -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &a), 0);
    assert_int_equal(errseq_check_and_advance(&e, &b), -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &b), 0);
}

static void an_error_that_somebody_has_seen_is_no_news_for_who_comes_later(void **state)
{
    struct errseq e = {0};
    uint32_t a = errseq_sample(&e);
    uint32_t late;

    (void)state;
    errseq_set(&e, -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &a), -EIO);
    late = errseq_sample(&e);
    assert_int_equal(errseq_check_and_advance(&e, &late), 0);
}

static void an_error_that_nobody_has_seen_is_told_to_who_comes_later(void **state)
{
    struct errseq e = {0};
    uint32_t late;
    uint32_t later;

    (void)state;
    errseq_set(&e, -ENOSPC);
    late = errseq_sample(&e);
    later = errseq_sample(&e);
    assert_int_equal(errseq_check_and_advance(&e, &late), -ENOSPC);
    assert_int_equal(errseq_check_and_advance(&e, &later), -ENOSPC);
    later = errseq_sample(&e);
    assert_int_equal(errseq_check_and_advance(&e, &later), 0);
}

static void the_same_error_again_is_news_again(void **state)
{
    struct errseq e = {0};
    uint32_t a = errseq_sample(&e);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        errseq_set(&e, -EIO);
        assert_int_equal(errseq_check_and_advance(&e, &a), -EIO);
        assert_int_equal(errseq_check_and_advance(&e, &a), 0);
    }
}

static void errors_between_two_looks_are_told_as_one_the_last(void **state)
{
    struct errseq e = {0};
    uint32_t a = errseq_sample(&e);
    uint32_t b = a;

    (void)state;
    errseq_set(&e, -EIO);
    errseq_set(&e, -ENOSPC);
    assert_int_equal(errseq_check_and_advance(&e, &a), -ENOSPC);
    assert_int_equal(errseq_check_and_advance(&e, &a), 0);
    errseq_set(&e, -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &b), -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &b), 0);
    assert_int_equal(errseq_check_and_advance(&e, &a), -EIO);
}

/* One reader asks after every error, the other never: it must not be shown an old value as new. */
static void a_cursor_that_is_not_behind_stays_quiet_whatever_others_do(void **state)
{
    struct errseq e = {0};
    uint32_t a = errseq_sample(&e);
    uint32_t b;

    (void)state;
    errseq_set(&e, -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &a), -EIO);
    b = errseq_sample(&e);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(errseq_check_and_advance(&e, &b), 0);
    errseq_set(&e, -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &b), -EIO);
    assert_int_equal(errseq_check_and_advance(&e, &a), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_error_nobody_is_told_anything),
        cmocka_unit_test(each_cursor_is_told_once),
        cmocka_unit_test(an_error_that_somebody_has_seen_is_no_news_for_who_comes_later),
        cmocka_unit_test(an_error_that_nobody_has_seen_is_told_to_who_comes_later),
        cmocka_unit_test(the_same_error_again_is_news_again),
        cmocka_unit_test(errors_between_two_looks_are_told_as_one_the_last),
        cmocka_unit_test(a_cursor_that_is_not_behind_stays_quiet_whatever_others_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
