/* The frame table: giving out, sharing, freeing, zeroing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "frame/frame.h"

#define FRAMES 16u

struct fixture {
    struct ram ram;
    struct clock clock;
    struct event_bus bus;
    struct frame_table table;
};

static int set_up(void **state)
{
    static const uint64_t base = 0x80001000; /* not aligned to a superpage */
    struct fixture *f = test_calloc(1, sizeof(*f));

    event_bus_init(&f->bus, &f->clock);
    event_ring_enable(&f->bus, true);
    assert_int_equal(ram_init(&f->ram, paddr(base), FRAMES * PAGE_BYTES, 0), 0);
    assert_int_equal(frame_table_init(&f->table, &f->ram, &f->bus, &f->clock, 500, 700), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_true(frame_check(&f->table, true));
    frame_table_destroy(&f->table);
    ram_destroy(&f->ram);
    test_free(f);
    return 0;
}

static void all_frames_can_be_had_and_then_none(void **state)
{
    struct frame_table *t = &((struct fixture *)*state)->table;

    for (unsigned i = 0; i < FRAMES; i++)
        assert_non_null(frame_alloc(t, MW_OWNER_ANONYMOUS, false));
    assert_null(frame_alloc(t, MW_OWNER_ANONYMOUS, false));
    assert_int_equal(t->used, FRAMES);
    assert_int_equal(t->by_owner[MW_OWNER_ANONYMOUS], FRAMES);
}

static void a_freed_frame_is_given_out_next(void **state)
{
    struct frame_table *t = &((struct fixture *)*state)->table;
    struct frame *a = frame_alloc(t, MW_OWNER_ANONYMOUS, false);
    struct frame *b = frame_alloc(t, MW_OWNER_ANONYMOUS, false);

    frame_put(t, a);
    assert_ptr_equal(frame_alloc(t, MW_OWNER_TABLE, false), a);
    assert_int_equal(t->by_owner[MW_OWNER_TABLE], 1);
    assert_int_equal(t->table_peak, 1);
    frame_put(t, b);
    assert_int_equal(t->peak, 2);
}

static void a_shared_frame_is_freed_with_its_last_reference(void **state)
{
    struct frame_table *t = &((struct fixture *)*state)->table;
    struct frame *a = frame_get(frame_alloc(t, MW_OWNER_ANONYMOUS, false));

    frame_put(t, a);
    assert_int_equal(t->used, 1);
    frame_put(t, a);
    assert_int_equal(t->used, 0);
    assert_int_equal(a->owner, MW_OWNER_FREE);
}

static void a_fresh_frame_need_not_be_zeroed(void **state)
{
    struct fixture *f = *state;

    frame_alloc(&f->table, MW_OWNER_ANONYMOUS, true);
    assert_int_equal(f->table.zero_known, 1);
    assert_int_equal(f->table.zeroed, 0);
    assert_int_equal(f->clock.now_ns, 0);
}

static void a_soiled_frame_is_zeroed_before_it_is_given_out_zeroed(void **state)
{
    struct fixture *f = *state;
    struct frame *a = frame_alloc(&f->table, MW_OWNER_ANONYMOUS, true);

    frame_soil(a);
    frame_bytes(&f->table, a)[100] = 1;
    frame_put(&f->table, a);
    assert_ptr_equal(frame_alloc(&f->table, MW_OWNER_ANONYMOUS, true), a);
    assert_int_equal(frame_bytes(&f->table, a)[100], 0);
    assert_int_equal(f->table.zeroed, 1);
    assert_int_equal(f->clock.now_ns, 500);
}

static void a_frame_freed_unwritten_is_still_known_to_be_zero(void **state)
{
    struct fixture *f = *state;
    struct frame *a = frame_alloc(&f->table, MW_OWNER_ANONYMOUS, true);

    frame_put(&f->table, a);
    frame_alloc(&f->table, MW_OWNER_ANONYMOUS, true);
    assert_int_equal(f->table.zero_known, 2);
    assert_int_equal(f->table.zeroed, 0);
}

static void copying_carries_the_bytes_and_the_zero_knowledge(void **state)
{
    struct fixture *f = *state;
    struct frame *zero = frame_alloc(&f->table, MW_OWNER_ZERO, true);
    struct frame *a = frame_alloc(&f->table, MW_OWNER_ANONYMOUS, true);
    struct frame *b = frame_alloc(&f->table, MW_OWNER_ANONYMOUS, true);

    frame_soil(a);
    memset(frame_bytes(&f->table, a), 0x5a, PAGE_BYTES);
    frame_copy(&f->table, b, a);
    assert_int_equal(frame_bytes(&f->table, b)[4095], 0x5a);
    assert_false(b->zero);
    assert_int_equal(f->table.copied, 1);
    frame_copy(&f->table, b, zero);
    assert_true(b->zero);
    assert_int_equal(frame_bytes(&f->table, b)[4095], 0);
    assert_int_equal(f->table.copied, 1);
}

static void a_run_is_contiguous_and_aligned_to_its_physical_size(void **state)
{
    struct frame_table *t = &((struct fixture *)*state)->table;
    struct frame *run = frame_alloc_run(t, MW_OWNER_USER, 2, true);

    assert_non_null(run);
    assert_int_equal(frame_paddr(t, run).raw % (4 * PAGE_BYTES), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(run[i].refs, 1);
    /* The frames that alignment skipped are not lost. */
    for (unsigned i = 4; i < FRAMES; i++)
        assert_non_null(frame_alloc(t, MW_OWNER_ANONYMOUS, false));
    assert_null(frame_alloc(t, MW_OWNER_ANONYMOUS, false));
}

static void a_run_longer_than_what_is_left_is_refused(void **state)
{
    struct frame_table *t = &((struct fixture *)*state)->table;

    assert_null(frame_alloc_run(t, MW_OWNER_USER, 4, false));
    assert_int_equal(t->used, 0);
    assert_non_null(frame_alloc_run(t, MW_OWNER_USER, 3, false));
}

static void a_change_of_owner_moves_the_count(void **state)
{
    struct frame_table *t = &((struct fixture *)*state)->table;
    struct frame *a = frame_alloc(t, MW_OWNER_ANONYMOUS, false);

    frame_set_owner(t, a, MW_OWNER_CACHE);
    assert_int_equal(t->by_owner[MW_OWNER_ANONYMOUS], 0);
    assert_int_equal(t->by_owner[MW_OWNER_CACHE], 1);
}

static void the_checker_sees_a_wrong_zero_flag_and_a_wrong_count(void **state)
{
    struct frame_table *t = &((struct fixture *)*state)->table;
    struct frame *a = frame_alloc(t, MW_OWNER_ANONYMOUS, true);

    frame_bytes(t, a)[0] = 1; /* without frame_soil */
    assert_true(frame_check(t, false));
    assert_false(frame_check(t, true));
    frame_soil(a);
    t->used++;
    assert_false(frame_check(t, true));
    t->used--;
}

static void a_terabyte_costs_nothing_until_it_is_used(void **state)
{
    struct fixture f = {0};

    (void)state;
    event_bus_init(&f.bus, &f.clock);
    assert_int_equal(ram_init(&f.ram, paddr(0x80000000), (uint64_t)1 << 40, 0), 0);
    assert_int_equal(frame_table_init(&f.table, &f.ram, &f.bus, &f.clock, 0, 0), 0);
    assert_int_equal(f.table.total, (uint64_t)1 << 28);
    assert_non_null(frame_alloc(&f.table, MW_OWNER_ANONYMOUS, true));
    assert_true(frame_check(&f.table, true));
    frame_table_destroy(&f.table);
    ram_destroy(&f.ram);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_frames_can_be_had_and_then_none),
        TEST(a_freed_frame_is_given_out_next),
        TEST(a_shared_frame_is_freed_with_its_last_reference),
        TEST(a_fresh_frame_need_not_be_zeroed),
        TEST(a_soiled_frame_is_zeroed_before_it_is_given_out_zeroed),
        TEST(a_frame_freed_unwritten_is_still_known_to_be_zero),
        TEST(copying_carries_the_bytes_and_the_zero_knowledge),
        TEST(a_run_is_contiguous_and_aligned_to_its_physical_size),
        TEST(a_run_longer_than_what_is_left_is_refused),
        TEST(a_change_of_owner_moves_the_count),
        TEST(the_checker_sees_a_wrong_zero_flag_and_a_wrong_count),
        cmocka_unit_test(a_terabyte_costs_nothing_until_it_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
