/* Rules of simulated RAM: sparse, placed where asked, and never half made. */
#include <sys/mman.h>
#include <unistd.h>

#include "unit/hw/tables.h"

/* valgrind's own tables bound what a program under it can reserve. */
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define LARGE_BYTES ((uint64_t)1 << (RUNNING_ON_VALGRIND ? 34 : 40))
#else
#define LARGE_BYTES ((uint64_t)1 << 40)
#endif

#define MIB ((uint64_t)1 << 20)

/* Pages of this process that are in host memory. */
static uint64_t resident_pages(const struct ram *ram, uint64_t first_bytes)
{
    unsigned char in_core[256];
    uint64_t pages = first_bytes / PAGE_BYTES, count = 0;

    assert_true(pages <= sizeof(in_core));
    assert_int_equal(mincore(ram->host, first_bytes, in_core), 0);
    for (uint64_t i = 0; i < pages; i++)
        count += in_core[i] & 1;
    return count;
}

static void fresh_ram_reads_zero_and_keeps_what_is_written(void **state)
{
    struct ram ram;
    uint8_t *byte;

    (void)state;
    assert_int_equal(ram_init(&ram, paddr(WORLD_BASE), MIB, 0), 0);
    byte = ram_host(&ram, paddr(WORLD_BASE + 12345));
    assert_int_equal(*byte, 0);
    *byte = 7;
    assert_int_equal(ram.host[12345], 7);
    assert_int_equal(ram_paddr(&ram, byte).raw, WORLD_BASE + 12345);
    ram_destroy(&ram);
    assert_null(ram.host);
    ram_destroy(&ram); /* a second time is harmless */
}

static void a_tebibyte_costs_only_the_pages_that_are_touched(void **state)
{
    struct ram ram;
    uint64_t bytes = LARGE_BYTES;

    (void)state;
    assert_int_equal(ram_init(&ram, paddr(WORLD_BASE), bytes, 0), 0);
    ram.host[0] = 1;
    ram.host[5 * PAGE_BYTES] = 1;
    ram.host[bytes - 1] = 1;
    assert_int_equal(resident_pages(&ram, MIB), 2); /* and no huge page around either */
    ram_destroy(&ram);
}

static void a_bad_range_is_refused_and_leaves_the_struct_alone(void **state)
{
    uint64_t top = (uint64_t)1 << 56;
    struct ram ram = {.bytes = 42};

    (void)state;
    assert_int_equal(ram_init(&ram, paddr(0), 0, 0), -EINVAL);
    assert_int_equal(ram_init(&ram, paddr(1), PAGE_BYTES, 0), -EINVAL);
    assert_int_equal(ram_init(&ram, paddr(0), PAGE_BYTES + 1, 0), -EINVAL);
    assert_int_equal(ram_init(&ram, paddr(0), PAGE_BYTES, 17), -EINVAL);
    assert_int_equal(ram_init(&ram, paddr(top), PAGE_BYTES, 0), -EINVAL);
    assert_int_equal(ram_init(&ram, paddr(top - PAGE_BYTES), 2 * PAGE_BYTES, 0), -EINVAL);
    assert_int_equal(ram_init(&ram, paddr(PAGE_BYTES), ~PAGE_MASK, 0), -EINVAL);
    assert_int_equal(ram.bytes, 42);
    assert_int_equal(ram_init(&ram, paddr(top - PAGE_BYTES), PAGE_BYTES, 0), 0);
    ram_destroy(&ram);
}

static void more_than_the_host_can_address_is_out_of_memory(void **state)
{
    struct ram ram = {.bytes = 42};

    (void)state;
    assert_int_equal(ram_init(&ram, paddr(0), (uint64_t)1 << 55, 0), -ENOMEM);
    assert_int_equal(ram.bytes, 42);
}

static void ram_can_be_placed_so_that_a_physical_address_is_a_pointer(void **state)
{
    /* A place that is free: where the host would have put it by itself. */
    void *place = mmap(NULL, MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct ram ram;
    uint64_t base = (uint64_t)(uintptr_t)place;

    (void)state;
    assert_ptr_not_equal(place, MAP_FAILED);
    assert_int_equal(munmap(place, MIB), 0);
    assert_int_equal(ram_init(&ram, paddr(base), MIB, base), 0);
    assert_ptr_equal(ram_host(&ram, paddr(base + 99)), (uint8_t *)place + 99);
    ram_destroy(&ram);
}

static void a_place_that_is_taken_is_refused_and_stays_what_it_was(void **state)
{
    uint8_t *taken =
        mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct ram ram = {.bytes = 42};

    (void)state;
    assert_ptr_not_equal(taken, MAP_FAILED);
    *taken = 9;
    assert_int_equal(ram_init(&ram, paddr(0), PAGE_BYTES, (uint64_t)(uintptr_t)taken), -EEXIST);
    assert_int_equal(*taken, 9);
    assert_int_equal(ram.bytes, 42);
    munmap(taken, PAGE_BYTES);
}

static void a_discarded_range_reads_zero_and_costs_nothing(void **state)
{
    struct ram ram;

    (void)state;
    assert_int_equal(ram_init(&ram, paddr(WORLD_BASE), MIB, 0), 0);
    memset(ram.host, 1, 4 * PAGE_BYTES);
    ram_discard(&ram, paddr(WORLD_BASE + PAGE_BYTES), 2 * PAGE_BYTES);
    assert_int_equal(resident_pages(&ram, 4 * PAGE_BYTES), 2);
    assert_int_equal(ram.host[PAGE_BYTES - 1], 1);
    assert_int_equal(ram.host[PAGE_BYTES], 0);
    assert_int_equal(ram.host[3 * PAGE_BYTES - 1], 0);
    assert_int_equal(ram.host[3 * PAGE_BYTES], 1);
    ram_destroy(&ram);
}

static void a_range_that_the_host_will_not_take_back_reads_zero_all_the_same(void **state)
{
    struct ram ram;

    (void)state;
    assert_int_equal(ram_init(&ram, paddr(WORLD_BASE), MIB, 0), 0);
    memset(ram.host, 1, PAGE_BYTES);
    assert_int_equal(mlock(ram.host, PAGE_BYTES), 0); /* MADV_DONTNEED fails now */
    ram_discard(&ram, paddr(WORLD_BASE), PAGE_BYTES);
    assert_int_equal(ram.host[0], 0);
    assert_int_equal(ram.host[PAGE_BYTES - 1], 0);
    ram_destroy(&ram);
}

static void containment_is_exact_at_both_ends_and_safe_against_wrap_around(void **state)
{
    struct ram ram = {.base = paddr(WORLD_BASE), .bytes = MIB};

    (void)state;
    assert_true(ram_contains(&ram, paddr(WORLD_BASE), MIB));
    assert_false(ram_contains(&ram, paddr(WORLD_BASE), MIB + 1));
    assert_true(ram_contains(&ram, paddr(WORLD_BASE + MIB - 8), 8));
    assert_false(ram_contains(&ram, paddr(WORLD_BASE + MIB - 7), 8));
    assert_false(ram_contains(&ram, paddr(WORLD_BASE - 1), 1));
    assert_false(ram_contains(&ram, paddr(WORLD_BASE + MIB), 1));
    assert_false(ram_contains(&ram, paddr(UINT64_MAX), UINT64_MAX));
    assert_false(ram_contains(&ram, paddr(WORLD_BASE + 1), UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_ram_reads_zero_and_keeps_what_is_written),
        cmocka_unit_test(a_tebibyte_costs_only_the_pages_that_are_touched),
        cmocka_unit_test(a_bad_range_is_refused_and_leaves_the_struct_alone),
        cmocka_unit_test(more_than_the_host_can_address_is_out_of_memory),
        cmocka_unit_test(ram_can_be_placed_so_that_a_physical_address_is_a_pointer),
        cmocka_unit_test(a_place_that_is_taken_is_refused_and_stays_what_it_was),
        cmocka_unit_test(a_discarded_range_reads_zero_and_costs_nothing),
        cmocka_unit_test(a_range_that_the_host_will_not_take_back_reads_zero_all_the_same),
        cmocka_unit_test(containment_is_exact_at_both_ends_and_safe_against_wrap_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
