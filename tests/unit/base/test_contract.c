/*
 * Contracts (base/contract.h).
 */
#include "base/contract.h"

#include "death.h"
#include "unit.h"

static void demand_positive(void *number)
{
    contract(*(int *)number > 0);
}

static void a_contract_that_holds_does_nothing(void **state)
{
    (void)state;
    int number = 1;
    demand_positive(&number);
    assert_false(death_by_contract(demand_positive, &number, ""));
}

static void a_broken_contract_names_condition_function_and_file_and_aborts(void **state)
{
    (void)state;
    int number = 0;
    assert_true(death_by_contract(demand_positive, &number, "*(int *)number > 0"));
    assert_true(death_by_contract(demand_positive, &number, "demand_positive"));
    assert_true(death_by_contract(demand_positive, &number, "test_contract.c:"));
}

static void a_condition_is_evaluated_once(void **state)
{
    (void)state;
    int evaluations = 0;
    contract(++evaluations == 1);
    assert_int_equal(evaluations, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contract_that_holds_does_nothing),
        cmocka_unit_test(a_broken_contract_names_condition_function_and_file_and_aborts),
        cmocka_unit_test(a_condition_is_evaluated_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
