/*
 * The differ's second half of the fixed seeds: a test of its own, so that both halves run at once.
 */
#include "oracle/fuzz_seeds.h"

static void random_scenarios_of_the_second_half_agree(void **state)
{
    (void)state;
    fuzz_seeds_agree(FUZZ_SEEDS / 2 + 1, FUZZ_SEEDS, "oracle-fuzz-second.mw");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_scenarios_of_the_second_half_agree),
    };

    return oracle_end(cmocka_run_group_tests(tests, NULL, NULL), true);
}
