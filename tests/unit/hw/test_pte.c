/*
 * Rules of the PTE that no walk shows: which changes need a fence, and pages of a NAPOT region.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hw/pte.h"

#define FRAME ((uint64_t)0x80000000)
#define ALL   (PTE_V | PTE_RWX | PTE_U | PTE_G | PTE_A | PTE_D)

static void a_change_that_takes_a_right_needs_a_fence_and_one_that_gives_needs_none(void **state)
{
    pte_t all = pte_make(paddr(FRAME), ALL);

    (void)state;
    for (unsigned bit = 0; bit < 8; bit++) {
        pte_t less = pte_without(all, (uint64_t)1 << bit);

        assert_true(pte_downgrades(all, less));
        /* But a page that becomes the user's is taken from S-mode. */
        assert_int_equal(pte_downgrades(less, all), (uint64_t)1 << bit == PTE_U);
    }
    assert_false(pte_downgrades(all, all));
    assert_false(pte_downgrades(pte_without(all, PTE_V), pte_none()));
}

static void another_frame_or_memory_type_or_reserved_bit_needs_a_fence(void **state)
{
    pte_t all = pte_make(paddr(FRAME), ALL);

    (void)state;
    for (unsigned bit = 10; bit < 54; bit++)
        assert_true(pte_downgrades(all, (pte_t){all.raw ^ (uint64_t)1 << bit}));
    for (unsigned bit = 54; bit < 64; bit++) {
        pte_t other = pte_with(all, (uint64_t)1 << bit);

        assert_true(pte_downgrades(all, other));
        assert_true(pte_downgrades(other, all));
    }
}

static void a_napot_page_takes_its_low_digits_from_the_address(void **state)
{
    pte_t napot = pte_make(paddr(FRAME + 8 * PAGE_BYTES), ALL | PTE_N);
    pte_t plain = pte_without(napot, PTE_N);

    (void)state;
    assert_true(pte_napot_encoded(napot));
    for (uint64_t page = 0; page < 64; page++) {
        vaddr_t va = page * PAGE_BYTES + PAGE_MASK;

        assert_int_equal(pte_napot_page(napot, va).raw,
                         pte_make(paddr(FRAME + page % 16 * PAGE_BYTES), ALL).raw);
        assert_int_equal(pte_napot_page(plain, va).raw, plain.raw);
        assert_int_equal(pte_napot_encoded(pte_make(paddr(FRAME + page * PAGE_BYTES), ALL)),
                         page % 16 == 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_that_takes_a_right_needs_a_fence_and_one_that_gives_needs_none),
        cmocka_unit_test(another_frame_or_memory_type_or_reserved_bit_needs_a_fence),
        cmocka_unit_test(a_napot_page_takes_its_low_digits_from_the_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
