/*
 * Seeded pseudo-random numbers (base/prng.h).
 */
#include "base/prng.h"

#include "death.h"
#include "unit.h"

/* Computed once with the authors' reference programs. */
static void mixing_is_one_step_of_splitmix64(void **state)
{
    (void)state;
    const uint64_t golden = 0x9e3779b97f4a7c15U;
    assert_true(prng_mix(1234567) == 6457827717110365317U);
    assert_true(prng_mix(1234567 + golden) == 3203168211198807973U);
    assert_true(prng_mix(1234567 + 2 * golden) == 9817491932198370423U);
}

static void numbers_are_those_of_xoshiro256_starstar(void **state)
{
    (void)state;
    struct prng p = {.state = {1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < 4; i++)
        assert_true(prng_next(&p) == expected[i]);
}

static void a_seed_fills_the_state_through_splitmix64(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 1234567);
    const uint64_t expected[] = {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                 4593380528125082431U};
    for (size_t i = 0; i < 4; i++)
        assert_true(p.state[i] == expected[i]);
}

static void equal_seeds_give_equal_sequences_and_others_do_not(void **state)
{
    (void)state;
    struct prng first, same, other;
    prng_seed(&first, 7);
    prng_seed(&same, 7);
    prng_seed(&other, 8);
    unsigned coincidences = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = prng_next(&first);
        assert_true(drawn == prng_next(&same));
        coincidences += drawn == prng_next(&other);
    }
    assert_true(coincidences < 2);
}

static void numbers_below_a_bound_reach_all_of_it_evenly(void **state)
{
    (void)state;
    struct prng p;
    unsigned seen[6] = {0};
    prng_seed(&p, 1);
    for (int i = 0; i < 60000; i++) {
        uint64_t drawn = prng_below(&p, 6);
        assert_true(drawn < 6);
        seen[drawn]++;
    }
    /* 10000 each, with a deviation of 91: eight of them is far out. */
    for (size_t i = 0; i < 6; i++)
        assert_in_range(seen[i], 9270, 10730);
}

static void bounds_at_the_ends_of_the_number_space_work(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 2);
    unsigned upper = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(prng_below(&p, 1) == 0);
        assert_true(prng_below(&p, UINT64_MAX) < UINT64_MAX);
        /* Of the bound 3 * 2^62 a plain modulo would draw the lowest third half of the time. */
        upper += prng_below(&p, (uint64_t)3 << 62) >= (uint64_t)1 << 62;
    }
    assert_in_range(upper, 580, 750);
}

static void draw_below_zero(void *p)
{
    prng_below(p, 0);
}

static void a_bound_of_zero_breaks_a_contract(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 3);
    assert_true(death_by_contract(draw_below_zero, &p, "bound > 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixing_is_one_step_of_splitmix64),
        cmocka_unit_test(numbers_are_those_of_xoshiro256_starstar),
        cmocka_unit_test(a_seed_fills_the_state_through_splitmix64),
        cmocka_unit_test(equal_seeds_give_equal_sequences_and_others_do_not),
        cmocka_unit_test(numbers_below_a_bound_reach_all_of_it_evenly),
        cmocka_unit_test(bounds_at_the_ends_of_the_number_space_work),
        cmocka_unit_test(a_bound_of_zero_breaks_a_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
