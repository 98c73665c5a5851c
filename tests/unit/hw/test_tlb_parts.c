/*
 * Sizes that a TLB does not hold: a translation becomes the part around the address that it can hold,
 * or is left out.
 */
#include "unit/hw/one_tlb.h"

#define ONLY(size) (1u << MW_SIZE_##size)

static void start_sizes(struct fixture *f, uint32_t sizes)
{
    const struct mw_tlb geometry = {.arrays = 1, .array = {{1, 16, sizes, MW_REPLACE_LRU}}};

    start_tlb(f, &geometry);
}

static void a_translation_is_kept_as_the_largest_part_that_is_held(void **state)
{
    vaddr_t va = ((vaddr_t)3 << 39) + ((vaddr_t)5 << 30) + ((vaddr_t)7 << 21) + page(40) + 9;
    static const uint32_t sizes[] = {ONLY(4K), ONLY(4K) | ONLY(64K), ONLY(4K) | ONLY(2M),
                                     WORLD_SIZES & ~ONLY(512G), WORLD_SIZES};
    static const unsigned part[] = {MW_SIZE_4K, MW_SIZE_64K, MW_SIZE_2M, MW_SIZE_1G, MW_SIZE_512G};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t bytes = tlb_size_bytes(part[i]);
        struct tlb_place place;
        struct fixture f;

        start_sizes(&f, sizes[i]);
        place = fill_size(&f, va, 1, MW_SIZE_512G, LOCAL);
        assert_int_equal(tlb_place_entry(place)->size, part[i]);
        assert_int_equal(tlb_place_entry(place)->leaf_size, MW_SIZE_512G);
        assert_int_equal(tlb_array_va(place.array, place.index), va & ~(bytes - 1));
        assert_int_equal(tlb_place_entry(place)->base.raw,
                         (va & (tlb_size_bytes(MW_SIZE_512G) - 1)) & ~(bytes - 1));
        assert_true(has(&f, (va & ~(bytes - 1)) + bytes - 1, 1));
        assert_false(has(&f, (va & ~(bytes - 1)) + bytes, 1));
        assert_int_equal(f.tlb.counters.fills[part[i]], 1);
        assert_int_equal(world_sum(f.tlb.counters.fills), 1);
        finish(&f);
    }
}

static void a_tlb_that_holds_only_larger_sizes_is_left_out(void **state)
{
    struct fixture f;

    (void)state;
    start_sizes(&f, ONLY(2M));
    assert_null(fill_size(&f, page(1), 1, MW_SIZE_4K, LOCAL).array);
    assert_null(fill_size(&f, page(1), 1, MW_SIZE_64K, LOCAL).array);
    assert_int_equal(world_sum(f.tlb.counters.fills), 0);
    assert_non_null(fill_size(&f, page(1), 1, MW_SIZE_2M, LOCAL).array);
    /* and evicts nothing then, though the page is a part of what is there */
    assert_null(fill_size(&f, page(1), 1, MW_SIZE_4K, LOCAL).array);
    assert_true(has(&f, page(1), 1));
    assert_int_equal(f.tlb.counters.evictions, 0);
    finish(&f);
}

static void a_napot_region_is_one_entry_of_64_kib(void **state)
{
    struct tlb_place place;
    struct fixture f;

    (void)state;
    start_sizes(&f, WORLD_SIZES);
    place = fill_size(&f, page(16 * 5 + 3) + 7, 1, MW_SIZE_64K, LOCAL);
    assert_int_equal(tlb_array_va(place.array, place.index), page(16 * 5));
    assert_int_equal(tlb_place_entry(place)->base.raw, FRAMES + 5 * 0x10000);
    assert_true(has(&f, page(16 * 5 + 15), 1));
    assert_false(has(&f, page(16 * 5 - 1), 1) || has(&f, page(16 * 6), 1));
    finish(&f);
}

static void a_napot_region_is_cached_page_by_page_where_64_kib_are_not_held(void **state)
{
    struct fixture f;

    (void)state;
    start_sizes(&f, WORLD_SIZES & ~ONLY(64K));
    for (unsigned n = 3; n < 6; n++)
        assert_int_equal(
            tlb_place_entry(fill_size(&f, page(16 + n), 1, MW_SIZE_64K, LOCAL))->base.raw,
            FRAMES + 0x10000 + n * PAGE_BYTES);
    assert_int_equal(live(&f), 3);
    finish(&f);
}

static void sizes_go_to_the_arrays_that_hold_them(void **state)
{
    const struct mw_tlb geometry = {.arrays = 3,
                                    .array = {{4, 2, ONLY(2M) | ONLY(1G), MW_REPLACE_LRU},
                                              {1, 2, ONLY(512G), MW_REPLACE_FIFO},
                                              {8, 2, ONLY(4K), MW_REPLACE_PLRU}}};
    static const unsigned array[] = {2, 2, 0, 0, 1, 1}; /* by enum mw_page_size */
    struct fixture f;

    (void)state;
    start_tlb(&f, &geometry);
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++) {
        vaddr_t va = tlb_size_bytes(MW_SIZE_256T) * (size & 1) + tlb_size_bytes(size) * 9;

        assert_ptr_equal(fill_size(&f, va, 1, size, LOCAL).array, &f.tlb.array[array[size]]);
    }
    finish(&f);
}

static void parts_of_one_translation_do_not_evict_one_another(void **state)
{
    struct fixture f;

    (void)state;
    start_sizes(&f, ONLY(4K));
    for (unsigned n = 0; n < 16; n++)
        fill_size(&f, page(n * 3), 1, MW_SIZE_2M, LOCAL);
    assert_int_equal(live(&f), 16);
    assert_int_equal(f.tlb.counters.evictions, 0);
    fill_size(&f, page(3), 1, MW_SIZE_2M, LOCAL); /* but one of the same page is renewed */
    assert_int_equal(live(&f), 16);
    assert_int_equal(f.tlb.array[0].broken[MW_SIZE_2M], 16);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_translation_is_kept_as_the_largest_part_that_is_held),
        cmocka_unit_test(a_tlb_that_holds_only_larger_sizes_is_left_out),
        cmocka_unit_test(a_napot_region_is_one_entry_of_64_kib),
        cmocka_unit_test(a_napot_region_is_cached_page_by_page_where_64_kib_are_not_held),
        cmocka_unit_test(sizes_go_to_the_arrays_that_hold_them),
        cmocka_unit_test(parts_of_one_translation_do_not_evict_one_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
