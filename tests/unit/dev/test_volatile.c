/* The volatile write cache: what it holds back, what goes down when, and what fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev_recorder.h"
#include "dev/dev_volatile.h"

#define BLOCKS 32u

struct fixture {
    struct alloc alloc;
    struct dev *ram;
    struct dev_faults faults;
    struct dev *faulty;
    struct dev *lower; /* a recorder on faulty on ram */
    struct dev *dev;
    uint8_t bytes[BLOCKS * DEV_BLOCK_BYTES];
    uint8_t back[BLOCKS * DEV_BLOCK_BYTES];
};

static void new_cache(struct fixture *f, const struct dev_volatile_options *options)
{
    dev_destroy(f->dev);
    assert_int_equal(dev_volatile_new(&f->alloc, f->lower, options, &f->dev), 0);
}

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    assert_int_equal(dev_ram_new(&f->alloc, sizeof(f->bytes), &f->ram), 0);
    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &f->faults, &f->faulty), 0);
    assert_int_equal(dev_recorder_new(&f->alloc, f->faulty, NULL, &f->lower), 0);
    new_cache(f, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_true(dev_volatile_check(f->dev));
    dev_destroy(f->dev);
    dev_destroy(f->lower);
    dev_destroy(f->faulty);
    dev_destroy(f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

static void put(struct fixture *f, uint64_t block, uint32_t count, uint8_t value)
{
    memset(f->bytes, value, sizeof(f->bytes));
    assert_int_equal(dev_write(f->dev, block, count, f->bytes), 0);
    assert_true(dev_volatile_check(f->dev));
}

/* The first byte of a block, all of whose bytes must be alike. */
static uint8_t value_on(struct fixture *f, struct dev *dev, uint64_t block)
{
    assert_int_equal(dev_read(dev, block, 1, f->back), 0);
    assert_memory_equal(f->back, f->back + 1, DEV_BLOCK_BYTES - 1);
    return f->back[0];
}

static uint64_t written_below(const struct fixture *f)
{
    return f->ram->counters.writes;
}

static void a_write_is_seen_at_once_but_stays_in_the_cache(void **state)
{
    struct fixture *f = *state;

    put(f, 3, 2, 1);
    put(f, 4, 2, 2);
    assert_int_equal(dev_read(f->dev, 2, 5, f->back), 0);
    assert_int_equal(f->back[0], 0);
    assert_int_equal(f->back[DEV_BLOCK_BYTES], 1);
    assert_int_equal(f->back[2 * DEV_BLOCK_BYTES], 2);
    assert_int_equal(f->back[3 * DEV_BLOCK_BYTES], 2);
    assert_int_equal(f->back[4 * DEV_BLOCK_BYTES], 0);
    assert_int_equal(written_below(f), 0);
    assert_int_equal(dev_volatile_pending(f->dev), 2);
}

static void zeros_are_seen_over_what_is_below(void **state)
{
    struct fixture *f = *state;

    put(f, 0, 8, 9);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_zero(f->dev, 2, 3), 0);
    assert_int_equal(value_on(f, f->dev, 1), 9);
    assert_int_equal(value_on(f, f->dev, 2), 0);
    assert_int_equal(value_on(f, f->ram, 2), 9);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(value_on(f, f->ram, 2), 0);
    assert_int_equal(value_on(f, f->ram, 5), 9);
}

static void a_flush_writes_the_newest_of_each_block_in_runs_and_flushes_below(void **state)
{
    struct fixture *f = *state;

    put(f, 8, 4, 1);
    put(f, 4, 4, 2);
    put(f, 10, 1, 3);
    put(f, 20, 1, 4);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_volatile_pending(f->dev), 0);
    assert_int_equal(dev_recorder_count(f->lower), 3);
    assert_int_equal(dev_recorder_get(f->lower, 0)->block, 4);
    assert_int_equal(dev_recorder_get(f->lower, 0)->count, 8);
    assert_int_equal(dev_recorder_get(f->lower, 1)->block, 20);
    assert_int_equal(dev_recorder_get(f->lower, 2)->kind, DEV_RECORD_FLUSH);
    assert_int_equal(value_on(f, f->ram, 4), 2);
    assert_int_equal(value_on(f, f->ram, 8), 1);
    assert_int_equal(value_on(f, f->ram, 10), 3);
}

static void fua_goes_straight_down_and_takes_nothing_else_along(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 2};

    put(f, 0, 4, 1);
    memset(f->bytes, 2, sizeof(f->bytes));
    assert_int_equal(dev_write_gather(f->dev, 1, &span, 1, DEV_FUA), 0);
    assert_int_equal(dev_recorder_count(f->lower), 1);
    assert_int_equal(dev_recorder_get(f->lower, 0)->flags, DEV_FUA);
    assert_int_equal(value_on(f, f->ram, 0), 0);
    assert_int_equal(value_on(f, f->ram, 1), 2);
    assert_int_equal(value_on(f, f->dev, 0), 1);
    assert_int_equal(value_on(f, f->dev, 1), 2); /* not the older, pending one */
    dev_volatile_cut(f->dev, DEV_CUT_KEEP_ALL);
    assert_int_equal(value_on(f, f->ram, 0), 1);
    assert_int_equal(value_on(f, f->ram, 1), 2);
}

static void for_lack_of_room_the_oldest_goes_down(void **state)
{
    struct fixture *f = *state;

    new_cache(f, &(struct dev_volatile_options){.capacity_blocks = 6});
    put(f, 0, 2, 1);
    put(f, 8, 2, 2);
    put(f, 0, 2, 3); /* full */
    assert_int_equal(written_below(f), 0);
    put(f, 16, 1, 4);
    assert_int_equal(value_on(f, f->ram, 0), 1);
    assert_int_equal(value_on(f, f->ram, 8), 0);
    assert_int_equal(value_on(f, f->dev, 0), 3);
    dev_volatile_cut(f->dev, DEV_CUT_LOSE_ALL);
    assert_int_equal(value_on(f, f->ram, 0), 1); /* it is durable now */
    assert_int_equal(value_on(f, f->ram, 16), 0);
}

static void with_a_seed_any_block_goes_down_first(void **state)
{
    struct fixture *f = *state;
    uint32_t first = 0;

    for (uint64_t seed = 1; seed <= 64; seed++) {
        new_cache(f, &(struct dev_volatile_options){.capacity_blocks = 4, .reorder_seed = seed});
        assert_int_equal(dev_zero(f->ram, 0, BLOCKS), 0);
        for (uint8_t i = 0; i < 4; i++)
            put(f, i * 8u, 1, 1);
        put(f, 31, 1, 1);
        for (unsigned i = 0; i < 4; i++)
            first |= (uint32_t)value_on(f, f->ram, i * 8u) << i;
        assert_int_equal(dev_volatile_pending(f->dev), 4);
    }
    assert_int_equal(first, 0xf);
}

static void what_is_larger_than_the_cache_goes_through(void **state)
{
    struct fixture *f = *state;

    new_cache(f, &(struct dev_volatile_options){.capacity_blocks = 4});
    put(f, 0, 1, 1);
    put(f, 2, 1, 1);
    put(f, 0, 5, 2);
    assert_int_equal(value_on(f, f->ram, 0), 2);
    assert_int_equal(dev_volatile_pending(f->dev), 0);
    put(f, 1, 1, 3);
    assert_int_equal(dev_zero(f->dev, 0, 30), 0);
    assert_int_equal(value_on(f, f->dev, 1), 0);
    assert_int_equal(value_on(f, f->ram, 1), 0);
    assert_int_equal(dev_volatile_pending(f->dev), 0);
}

static void a_flush_that_fails_below_forgets_nothing(void **state)
{
    struct fixture *f = *state;

    for (unsigned kind = DEV_WRITE; kind <= DEV_FLUSH; kind++) {
        put(f, 5, 2, (uint8_t)(10 + kind));
        put(f, 20, 2, (uint8_t)(10 + kind));
        f->faults = (struct dev_faults){.fail_at = {0}};
        f->faults.fail_at[kind] = kind == DEV_WRITE ? 2 : 1;
        assert_int_equal(dev_flush(f->dev), -EIO);
        assert_int_equal(dev_volatile_pending(f->dev), 2);
        assert_int_equal(value_on(f, f->dev, 20), 10 + kind);
        assert_int_equal(dev_flush(f->dev), 0);
        assert_int_equal(value_on(f, f->ram, 20), 10 + kind);
    }
}

static void a_write_fails_when_there_is_no_room_and_nothing_can_go_down(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 1};

    for (uint64_t seed = 0; seed < 2; seed++) {
        new_cache(f, &(struct dev_volatile_options){.capacity_blocks = 2, .reorder_seed = seed});
        f->faults = (struct dev_faults){.fail_at = {0}};
        put(f, 0, 2, 1);
        f->faults.fail_at[DEV_WRITE] = 1;
        f->faults.sticky = true;
        f->faults.error = -ENOSPC;
        assert_int_equal(dev_write(f->dev, 4, 1, f->bytes), -ENOSPC);
        assert_int_equal(dev_zero(f->dev, 4, 1), -ENOSPC);
        assert_int_equal(dev_zero(f->dev, 4, 3), -ENOSPC); /* larger than the cache */
        assert_int_equal(dev_write_gather(f->dev, 0, &span, 1, DEV_FUA), -ENOSPC);
        assert_int_equal(value_on(f, f->dev, 0), 1);
        assert_int_equal(dev_volatile_pending(f->dev), 1);
        f->faults.fail_at[DEV_WRITE] = 0;
        assert_int_equal(dev_write(f->dev, 4, 1, f->bytes), 0);
        assert_int_equal(dev_flush(f->dev), 0);
        assert_int_equal(value_on(f, f->ram, 4), 1);
    }
}

static void a_read_that_fails_below_fails(void **state)
{
    struct fixture *f = *state;

    put(f, 0, 1, 1);
    f->faults.fail_at[DEV_READ] = 1;
    assert_int_equal(dev_read(f->dev, 0, 1, f->back), -EIO);
    assert_int_equal(dev_read(f->dev, 0, 1, f->back), 0);
}

static void a_lying_disk_loses_what_was_flushed(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 1};

    new_cache(f, &(struct dev_volatile_options){.ignore_flush = true});
    put(f, 0, 1, 1);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_write_gather(f->dev, 1, &span, 1, DEV_FUA), 0);
    assert_int_equal(dev_volatile_pending(f->dev), 2);
    dev_volatile_cut(f->dev, DEV_CUT_LOSE_ALL);
    assert_int_equal(value_on(f, f->ram, 0), 0);
    assert_int_equal(value_on(f, f->ram, 1), 0);
}

static void without_power_nothing_is_served_until_it_is_back(void **state)
{
    struct fixture *f = *state;

    put(f, 0, 1, 1);
    assert_true(dev_volatile_is_powered(f->dev));
    dev_volatile_cut(f->dev, DEV_CUT_LOSE_ALL);
    assert_false(dev_volatile_is_powered(f->dev));
    assert_int_equal(dev_read(f->dev, 0, 1, f->back), -EIO);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), -EIO);
    assert_int_equal(dev_zero(f->dev, 0, 1), -EIO);
    assert_int_equal(dev_flush(f->dev), -EIO);
    assert_int_equal(dev_volatile_requests(f->dev), 1);
    assert_int_equal(written_below(f), 0);
    dev_volatile_power_on(f->dev);
    assert_int_equal(value_on(f, f->dev, 0), 0);
    put(f, 0, 1, 2);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(value_on(f, f->ram, 0), 2);
}

static void a_cut_that_is_due_comes_at_its_request_and_is_called_off_by_0(void **state)
{
    struct fixture *f = *state;

    dev_volatile_cut_at(f->dev, 3, DEV_CUT_LOSE_ALL);
    put(f, 0, 1, 1);
    assert_int_equal(value_on(f, f->dev, 0), 1); /* reads do not count */
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_zero(f->dev, 0, 1), -EIO);
    assert_false(dev_volatile_is_powered(f->dev));
    dev_volatile_power_on(f->dev);
    assert_int_equal(value_on(f, f->dev, 0), 1);
    dev_volatile_cut_at(f->dev, 1, DEV_CUT_LOSE_ALL);
    dev_volatile_cut_at(f->dev, 0, 0);
    put(f, 0, 1, 2);
    assert_int_equal(dev_volatile_requests(f->dev), 4);
}

static void a_cut_that_was_due_is_off_once_power_is_back(void **state)
{
    struct fixture *f = *state;

    dev_volatile_cut_at(f->dev, 2, DEV_CUT_LOSE_ALL);
    dev_volatile_cut(f->dev, DEV_CUT_LOSE_ALL);
    dev_volatile_power_on(f->dev);
    for (unsigned i = 0; i < 4; i++)
        put(f, i, 1, 1);
}

static void the_request_during_which_power_goes_may_survive(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 1};

    memset(f->bytes, 5, sizeof(f->bytes));
    dev_volatile_cut_at(f->dev, 1, DEV_CUT_KEEP_ALL);
    assert_int_equal(dev_write_gather(f->dev, 7, &span, 1, DEV_FUA), -EIO);
    assert_int_equal(value_on(f, f->ram, 7), 5);
    dev_volatile_power_on(f->dev);
    dev_volatile_cut_at(f->dev, 1, DEV_CUT_KEEP_ALL);
    assert_int_equal(dev_zero(f->dev, 7, 1), -EIO);
    assert_int_equal(value_on(f, f->ram, 7), 0);
    dev_volatile_power_on(f->dev);
    put(f, 7, 1, 6);
    dev_volatile_cut_at(f->dev, 1, DEV_CUT_KEEP_ALL);
    assert_int_equal(dev_flush(f->dev), -EIO);
    assert_int_equal(value_on(f, f->ram, 7), 6);
}

static void a_stopped_disk_keeps_all_outcomes_open(void **state)
{
    struct fixture *f = *state;
    struct dev *overlay;

    assert_int_equal(dev_volatile_new(&f->alloc, f->lower, NULL, &overlay), 0);
    put(f, 0, 1, 1);
    dev_volatile_stop_at(f->dev, 2);
    put(f, 1, 1, 2);
    assert_int_equal(dev_write(f->dev, 2, 1, f->bytes), -EIO);
    assert_int_equal(dev_read(f->dev, 2, 1, f->back), -EIO);
    assert_int_equal(dev_volatile_pending(f->dev), 3);
    for (uint64_t mask = 0; mask < 8; mask++) {
        assert_int_equal(dev_volatile_cut_mask_onto(f->dev, mask, overlay), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(value_on(f, overlay, i) != 0, mask >> i & 1);
        dev_volatile_cut(overlay, DEV_CUT_LOSE_ALL);
        dev_volatile_power_on(overlay);
    }
    assert_int_equal(written_below(f), 0);
    dev_volatile_cut_mask(f->dev, 5);
    assert_int_equal(value_on(f, f->ram, 0), 1);
    assert_int_equal(value_on(f, f->ram, 1), 0);
    assert_int_equal(value_on(f, f->ram, 2), 2);
    dev_destroy(overlay);
}

static void a_stopped_disk_that_is_switched_on_has_lost_what_was_pending(void **state)
{
    struct fixture *f = *state;

    dev_volatile_stop_at(f->dev, 1);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), -EIO);
    dev_volatile_power_on(f->dev);
    assert_int_equal(dev_volatile_pending(f->dev), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(written_below(f), 0);
}

static void a_cut_onto_a_device_that_fails_says_so_and_one_below_does_not_matter(void **state)
{
    struct fixture *f = *state;

    put(f, 0, 1, 1);
    put(f, 5, 1, 2);
    f->faults.fail_at[DEV_WRITE] = 1;
    assert_int_equal(dev_volatile_cut_onto(f->dev, DEV_CUT_KEEP_ALL, f->faulty), -EIO);
    assert_int_equal(dev_volatile_cut_mask_onto(f->dev, 3, f->faulty), 0);
    f->faults.seen[DEV_WRITE] = 0;
    assert_int_equal(dev_zero(f->ram, 0, BLOCKS), 0);
    dev_volatile_cut(f->dev, DEV_CUT_KEEP_ALL);
    assert_int_equal(value_on(f, f->ram, 0), 0);
    assert_int_equal(value_on(f, f->ram, 5), 2);
    assert_int_equal(dev_volatile_pending(f->dev), 0);
}

static void masks_count_from_the_oldest_and_end_at_64(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 70; i++)
        put(f, i % BLOCKS, 1, (uint8_t)(i + 1));
    dev_volatile_cut_mask(f->dev, UINT64_MAX);
    assert_int_equal(value_on(f, f->ram, 31), 64);
    assert_int_equal(value_on(f, f->ram, 0), 33); /* 65 to 70 are lost */
    assert_int_equal(value_on(f, f->ram, 5), 38);
}

/* A round of everything; what it must leave is the same whether memory was short or not. */
static void round_of_requests(struct fixture *f)
{
    put(f, 0, 8, 1);
    put(f, 4, 8, 2);
    assert_int_equal(dev_zero(f->dev, 6, 4), 0);
    put(f, 6, 1, 3);
    assert_int_equal(value_on(f, f->dev, 3), 1);
    assert_int_equal(value_on(f, f->dev, 6), 3);
    assert_int_equal(value_on(f, f->dev, 7), 0);
    assert_int_equal(value_on(f, f->dev, 11), 2);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(value_on(f, f->ram, 6), 3);
    assert_int_equal(value_on(f, f->ram, 7), 0);
    assert_int_equal(value_on(f, f->ram, 11), 2);
}

static void no_allocation_that_fails_changes_a_result(void **state)
{
    struct fixture *f = *state;
    uint64_t first = f->alloc.calls + 1;
    uint64_t needed;

    round_of_requests(f);
    needed = f->alloc.calls - first + 1;
    assert_true(needed > 20);
    for (uint64_t n = 1; n <= needed; n++) {
        assert_int_equal(dev_zero(f->ram, 0, BLOCKS), 0);
        dev_recorder_clear(f->lower);
        f->alloc.fail_at = f->alloc.calls + n;
        round_of_requests(f);
    }
}

static void a_cut_needs_no_memory(void **state)
{
    struct fixture *f = *state;
    uint64_t calls;

    put(f, 0, 8, 1);
    dev_volatile_cut_at(f->dev, 1, DEV_CUT_KEEP_ALL);
    f->alloc.fail_at = f->alloc.calls + 1; /* the last write has no memory: nothing of it is kept */
    assert_int_equal(dev_write(f->dev, 8, 1, f->bytes), -EIO);
    assert_int_equal(value_on(f, f->ram, 7), 1);
    assert_int_equal(value_on(f, f->ram, 8), 0);
    dev_volatile_power_on(f->dev);
    put(f, 0, 8, 2);
    calls = f->alloc.calls;
    assert_int_equal(dev_volatile_cut_onto(f->dev, 77, f->ram), 0);
    dev_volatile_cut(f->dev, 77);
    assert_int_equal(f->alloc.calls, calls);
}

static void without_memory_no_cache_is_made(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(dev_volatile_new(&f->alloc, f->ram, NULL, &dev), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_write_is_seen_at_once_but_stays_in_the_cache),
        TEST(zeros_are_seen_over_what_is_below),
        TEST(a_flush_writes_the_newest_of_each_block_in_runs_and_flushes_below),
        TEST(fua_goes_straight_down_and_takes_nothing_else_along),
        TEST(for_lack_of_room_the_oldest_goes_down),
        TEST(with_a_seed_any_block_goes_down_first),
        TEST(what_is_larger_than_the_cache_goes_through),
        TEST(a_flush_that_fails_below_forgets_nothing),
        TEST(a_write_fails_when_there_is_no_room_and_nothing_can_go_down),
        TEST(a_read_that_fails_below_fails),
        TEST(a_lying_disk_loses_what_was_flushed),
        TEST(without_power_nothing_is_served_until_it_is_back),
        TEST(a_cut_that_is_due_comes_at_its_request_and_is_called_off_by_0),
        TEST(a_cut_that_was_due_is_off_once_power_is_back),
        TEST(the_request_during_which_power_goes_may_survive),
        TEST(a_stopped_disk_keeps_all_outcomes_open),
        TEST(a_stopped_disk_that_is_switched_on_has_lost_what_was_pending),
        TEST(a_cut_onto_a_device_that_fails_says_so_and_one_below_does_not_matter),
        TEST(masks_count_from_the_oldest_and_end_at_64),
        TEST(no_allocation_that_fails_changes_a_result),
        TEST(a_cut_needs_no_memory),
        TEST(without_memory_no_cache_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
