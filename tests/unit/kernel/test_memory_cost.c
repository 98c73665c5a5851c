/*
 * What simulated things cost the host, counted where all memory of a machine comes from.
 *
 * An area costs itself, its slot in the index and its part of what lies above that, and what the
 * pools keep ready. A frame costs its record and its part of the page tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/prng.h"
#include "kernel/machine.h"

#define AREAS           200000
#define AREA_BYTES_MAX  128
#define FRAMES          8192
#define FRAME_BYTES_MAX 64

_Static_assert(sizeof(struct frame) <= FRAME_BYTES_MAX, "a frame costs at most 64 bytes");

static int set_up(void **state)
{
    struct mw_machine *m;
    struct mw_config config;

    mw_config_init(&config);
    config.max_map_count = 2 * AREAS;
    config.disk_bytes = (uint64_t)1 << 20;
    if (mw_machine_new(&config, &m) != 0 || mw_spawn(m) != 1)
        return -1;
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    return mw_machine_free(*state);
}

static void map_page(struct mw_machine *m, uint64_t at, int prot)
{
    assert_int_equal(
        mw_mmap(m, 1, at, PAGE_BYTES, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), at);
}

/* Bytes an area since there were `areas` fewer and `before` bytes. */
static uint64_t area_cost(const struct mw_machine *m, uint64_t areas, uint64_t before)
{
    return (m->alloc.live_bytes - before + areas - 1) / areas;
}

/* Neighbours differ in their rights, so that none merge. Ascending, and descending as mmap goes. */
static void areas_in_the_order_of_addresses_cost_at_most_128_bytes(void **state)
{
    struct mw_machine *m = *state;
    const uint64_t base = (uint64_t)8 << 30;
    uint64_t before = m->alloc.live_bytes;

    for (uint64_t i = 0; i < AREAS / 2; i++) {
        map_page(m, base + i * PAGE_BYTES, i % 2 == 0 ? PROT_READ : PROT_NONE);
        map_page(m, base - (i + 1) * PAGE_BYTES, i % 2 == 0 ? PROT_NONE : PROT_READ);
    }
    assert_in_range(area_cost(m, AREAS, before), sizeof(struct vma), AREA_BYTES_MAX);
}

/* Each page of a range once, in a random order. */
static void areas_in_any_order_cost_at_most_128_bytes(void **state)
{
    struct mw_machine *m = *state;
    const uint64_t base = (uint64_t)8 << 30;
    uint32_t *pages = test_calloc(AREAS, sizeof(*pages));
    uint64_t before = m->alloc.live_bytes;
    struct prng chance;

    prng_seed(&chance, 1);
    for (uint32_t i = 0; i < AREAS; i++) {
        uint64_t other = prng_below(&chance, i + 1);

        pages[i] = pages[other];
        pages[other] = i;
    }
    for (uint64_t i = 0; i < AREAS; i++)
        map_page(m, base + pages[i] * PAGE_BYTES, pages[i] % 2 == 0 ? PROT_READ : PROT_NONE);
    assert_in_range(area_cost(m, AREAS, before), sizeof(struct vma), AREA_BYTES_MAX);
    test_free(pages);
}

/* All of it is given back by munmap to the pools, and used again. */
static void areas_that_come_again_cost_nothing_more(void **state)
{
    struct mw_machine *m = *state;
    const uint64_t base = (uint64_t)8 << 30;
    uint64_t first = 0;

    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 2000; i++)
            map_page(m, base + i * PAGE_BYTES, i % 2 == 0 ? PROT_READ : PROT_NONE);
        if (round == 0)
            first = m->alloc.live_bytes;
        assert_int_equal(m->alloc.live_bytes, first);
        assert_int_equal(mw_munmap(m, 1, base, 2000 * PAGE_BYTES), 0);
    }
}

/*
 * Pages are brought in by the kernel, since what the counters of a TLB remember of the pages that a
 * hart has been at is a cost of these, and of no frame.
 */
static void frames_cost_at_most_64_bytes_beside_their_data(void **state)
{
    struct mw_machine *m = *state;
    uint64_t frames_before = m->frames.used;
    uint64_t tables_before = m->frames.by_owner[MW_OWNER_TABLE];
    uint64_t before = m->alloc.live_bytes;
    uint64_t frames;
    uint64_t tables;

    assert_true(mw_mmap(m, 1, 0, FRAMES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) > 0);
    frames = m->frames.used - frames_before;
    tables = m->frames.by_owner[MW_OWNER_TABLE] - tables_before;
    assert_true(frames >= FRAMES && tables > 0);
    /* The tables' own frames count with all their data: they are there for the others. */
    assert_in_range(frames * sizeof(struct frame) + tables * PAGE_BYTES + m->alloc.live_bytes -
                        before,
                    FRAMES * sizeof(struct frame), FRAMES * FRAME_BYTES_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(areas_in_the_order_of_addresses_cost_at_most_128_bytes),
        TEST(areas_in_any_order_cost_at_most_128_bytes),
        TEST(areas_that_come_again_cost_nothing_more),
        TEST(frames_cost_at_most_64_bytes_beside_their_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
