/* The RAM block device, and what every device has in common: ranges, counters, costs, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev.h"

#define BLOCKS 64u

struct fixture {
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct dev *dev;
    uint8_t bytes[BLOCKS * DEV_BLOCK_BYTES];
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    event_bus_init(&f->bus, &f->clock);
    assert_int_equal(dev_ram_new(&f->alloc, BLOCKS * DEV_BLOCK_BYTES, &f->dev), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    dev_destroy(f->dev);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

static bool all_are(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void untouched_blocks_read_zero(void **state)
{
    struct fixture *f = *state;

    memset(f->bytes, 0xaa, sizeof(f->bytes));
    assert_int_equal(dev_read(f->dev, 0, BLOCKS, f->bytes), 0);
    assert_true(all_are(f->bytes, sizeof(f->bytes), 0));
}

static void what_was_written_is_read_and_its_neighbours_keep_theirs(void **state)
{
    struct fixture *f = *state;

    memset(f->bytes, 0x11, sizeof(f->bytes));
    assert_int_equal(dev_write(f->dev, 3, 2, f->bytes), 0);
    assert_int_equal(dev_read(f->dev, 2, 4, f->bytes), 0);
    assert_true(all_are(f->bytes, DEV_BLOCK_BYTES, 0));
    assert_true(all_are(f->bytes + DEV_BLOCK_BYTES, 2 * DEV_BLOCK_BYTES, 0x11));
    assert_true(all_are(f->bytes + 3 * DEV_BLOCK_BYTES, DEV_BLOCK_BYTES, 0));
}

static void zeroing_clears_exactly_its_range(void **state)
{
    struct fixture *f = *state;

    /* Every start and length, so that all alignments to host pages occur. */
    for (uint64_t start = 0; start < 9; start++) {
        for (uint32_t count = 1; count < 12; count++) {
            memset(f->bytes, 0x77, sizeof(f->bytes));
            assert_int_equal(dev_write(f->dev, 0, BLOCKS, f->bytes), 0);
            assert_int_equal(dev_zero(f->dev, start, count), 0);
            assert_int_equal(dev_read(f->dev, 0, BLOCKS, f->bytes), 0);
            assert_true(all_are(f->bytes, start * DEV_BLOCK_BYTES, 0x77));
            assert_true(all_are(f->bytes + start * DEV_BLOCK_BYTES, count * DEV_BLOCK_BYTES, 0));
            assert_true(all_are(f->bytes + (start + count) * DEV_BLOCK_BYTES,
                                (BLOCKS - start - count) * DEV_BLOCK_BYTES, 0x77));
        }
    }
}

static void a_request_outside_the_device_is_refused_and_not_counted(void **state)
{
    struct fixture *f = *state;
    struct dev_counters none = {0};

    assert_int_equal(dev_read(f->dev, BLOCKS, 1, f->bytes), -EINVAL);
    assert_int_equal(dev_read(f->dev, BLOCKS - 1, 2, f->bytes), -EINVAL);
    assert_int_equal(dev_write(f->dev, UINT64_MAX, 2, f->bytes), -EINVAL);
    assert_int_equal(dev_write(f->dev, 0, 0, f->bytes), -EINVAL);
    assert_int_equal(dev_zero(f->dev, 1, BLOCKS), -EINVAL);
    assert_memory_equal(&f->dev->counters, &none, sizeof(none));
}

static void requests_and_blocks_are_counted(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(dev_read(f->dev, 0, 5, f->bytes), 0);
    assert_int_equal(dev_write(f->dev, 0, 3, f->bytes), 0);
    assert_int_equal(dev_zero(f->dev, 0, 4), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(f->dev->counters.reads, 1);
    assert_int_equal(f->dev->counters.blocks_read, 5);
    assert_int_equal(f->dev->counters.writes, 2);
    assert_int_equal(f->dev->counters.blocks_written, 7);
    assert_int_equal(f->dev->counters.flushes, 1);
    assert_int_equal(f->dev->counters.errors, 0);
}

struct recorder {
    unsigned count;
    struct mw_event events[8];
};

static void record(void *context, const struct mw_event *event)
{
    struct recorder *r = context;

    r->events[r->count++] = *event;
}

static void every_request_emits_one_event(void **state)
{
    struct fixture *f = *state;
    struct recorder r = {0};

    dev_attach(f->dev, &f->bus, &f->clock);
    assert_int_equal(event_subscribe(&f->bus, MW_EVENTS_ALL, record, &r), 0);
    assert_int_equal(dev_write(f->dev, 8, 4, f->bytes), 0);
    assert_int_equal(dev_read(f->dev, 9, 1, f->bytes), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(r.count, 3);
    assert_int_equal(r.events[0].kind, MW_EVENT_BLOCK_WRITE);
    assert_int_equal(r.events[0].arg[0], 8);
    assert_int_equal(r.events[0].arg[1], 4);
    assert_int_equal(r.events[0].arg[2], 0);
    assert_int_equal(r.events[1].kind, MW_EVENT_BLOCK_READ);
    assert_int_equal(r.events[1].arg[0], 9);
    assert_int_equal(r.events[2].kind, MW_EVENT_BLOCK_FLUSH);
    assert_int_equal(r.events[2].arg[0], 0);
}

static void a_size_that_is_no_number_of_blocks_is_refused(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_int_equal(dev_ram_new(&f->alloc, 0, &dev), -EINVAL);
    assert_int_equal(dev_ram_new(&f->alloc, DEV_BLOCK_BYTES + 1, &dev), -EINVAL);
}

static void a_huge_device_costs_nothing_until_it_is_written(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_int_equal(dev_ram_new(&f->alloc, (uint64_t)1 << 40, &dev), 0);
    assert_int_equal(dev_write(dev, dev->blocks - 1, 1, f->bytes), 0);
    assert_int_equal(dev_read(dev, dev->blocks / 2, 1, f->bytes), 0);
    assert_true(all_are(f->bytes, DEV_BLOCK_BYTES, 0));
    dev_destroy(dev);
}

static void without_memory_no_device_is_made(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(dev_ram_new(&f->alloc, DEV_BLOCK_BYTES, &dev), -ENOMEM);
    dev_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(untouched_blocks_read_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_written_is_read_and_its_neighbours_keep_theirs,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(zeroing_clears_exactly_its_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_outside_the_device_is_refused_and_not_counted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_and_blocks_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_request_emits_one_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_size_that_is_no_number_of_blocks_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_huge_device_costs_nothing_until_it_is_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_memory_no_device_is_made, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
