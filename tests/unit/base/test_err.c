/*
 * Names of errnos (base/err.h).
 */
#include "base/err.h"

#include <limits.h>
#include <string.h>

#include "unit.h"

static void an_errno_has_the_same_name_with_either_sign(void **state)
{
    (void)state;
    assert_string_equal(err_name(ENOMEM), "ENOMEM");
    assert_string_equal(err_name(-ENOMEM), "ENOMEM");
    assert_string_equal(err_name(-EFAULT), "EFAULT");
    assert_string_equal(err_name(-EOVERFLOW), "EOVERFLOW");
}

static void a_number_without_a_name_is_e_question_mark(void **state)
{
    (void)state;
    const int nameless[] = {0, 41, -41, 512, 4095, 4096, INT_MAX, -INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++)
        assert_string_equal(err_name(nameless[i]), "E?");
}

static void every_name_leads_back_to_its_number(void **state)
{
    (void)state;
    int named = 0;
    for (int number = 1; number < 4096; number++) {
        if (strcmp(err_name(number), "E?") == 0)
            continue;
        named++;
        assert_int_equal(err_number(err_name(number)), number);
    }
    assert_true(named > 100); /* Linux has some 130 */
}

static void second_names_are_known_too(void **state)
{
    (void)state;
    assert_int_equal(err_number("EWOULDBLOCK"), EAGAIN);
    assert_int_equal(err_number("EDEADLOCK"), EDEADLK);
    assert_int_equal(err_number("ENOTSUP"), EOPNOTSUPP);
}

static void an_unknown_name_is_zero(void **state)
{
    (void)state;
    const char *unknown[] = {"", "E?", "0", "ENOME", "ENOMEMX", "enomem", " ENOMEM", "12"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_int_equal(err_number(unknown[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_errno_has_the_same_name_with_either_sign),
        cmocka_unit_test(a_number_without_a_name_is_e_question_mark),
        cmocka_unit_test(every_name_leads_back_to_its_number),
        cmocka_unit_test(second_names_are_known_too),
        cmocka_unit_test(an_unknown_name_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
