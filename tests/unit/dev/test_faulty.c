/* The decorator that makes chosen requests fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev.h"

struct fixture {
    struct alloc alloc;
    struct dev *ram;
    struct dev *dev;
    struct dev_faults faults;
    uint8_t bytes[8 * DEV_BLOCK_BYTES];
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    assert_int_equal(dev_ram_new(&f->alloc, sizeof(f->bytes), &f->ram), 0);
    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &f->faults, &f->dev), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    dev_destroy(f->dev);
    dev_destroy(f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

static void without_faults_everything_passes(void **state)
{
    struct fixture *f = *state;

    memset(f->bytes, 5, sizeof(f->bytes));
    assert_int_equal(f->dev->blocks, f->ram->blocks);
    assert_int_equal(dev_write(f->dev, 0, 8, f->bytes), 0);
    assert_int_equal(dev_zero(f->dev, 2, 1), 0);
    assert_int_equal(dev_read(f->ram, 1, 2, f->bytes), 0);
    assert_int_equal(f->bytes[0], 5);
    assert_int_equal(f->bytes[DEV_BLOCK_BYTES], 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(f->ram->counters.flushes, 1);
}

static void the_nth_request_of_its_kind_fails_and_the_next_does_not(void **state)
{
    struct fixture *f = *state;

    f->faults.fail_at[DEV_READ] = 2;
    assert_int_equal(dev_read(f->dev, 0, 1, f->bytes), 0);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), 0);
    assert_int_equal(dev_read(f->dev, 0, 1, f->bytes), -EIO);
    assert_int_equal(dev_read(f->dev, 0, 1, f->bytes), 0);
    assert_int_equal(f->dev->counters.errors, 1);
    assert_int_equal(f->dev->counters.blocks_read, 2);
}

static void a_sticky_fault_stays_until_it_is_lifted(void **state)
{
    struct fixture *f = *state;

    f->faults.fail_at[DEV_FLUSH] = 1;
    f->faults.sticky = true;
    assert_int_equal(dev_flush(f->dev), -EIO);
    assert_int_equal(dev_flush(f->dev), -EIO);
    assert_int_equal(dev_read(f->dev, 0, 1, f->bytes), 0);
    f->faults.fail_at[DEV_FLUSH] = 0;
    assert_int_equal(dev_flush(f->dev), 0);
}

static void the_error_is_the_callers_choice(void **state)
{
    struct fixture *f = *state;

    f->faults.fail_at[DEV_WRITE] = 1;
    f->faults.error = -ENOSPC;
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), -ENOSPC);
}

static void a_failed_request_does_not_touch_what_is_below(void **state)
{
    struct fixture *f = *state;

    memset(f->bytes, 9, sizeof(f->bytes));
    f->faults.fail_at[DEV_WRITE] = 1;
    f->faults.sticky = true;
    assert_int_equal(dev_write(f->dev, 0, 8, f->bytes), -EIO);
    assert_int_equal(dev_zero(f->dev, 0, 8), -EIO);
    assert_int_equal(f->ram->counters.writes, 0);
    assert_int_equal(dev_read(f->ram, 0, 8, f->bytes), 0);
    assert_int_equal(f->bytes[0], 0);
}

/* A device without a zero request of its own: writes only, into a buffer. */
struct plain {
    struct dev dev;
    uint8_t *bytes;
};

static int plain_write(struct dev *dev, uint64_t block, uint32_t count, const void *bytes)
{
    memcpy(((struct plain *)(void *)dev)->bytes + block * DEV_BLOCK_BYTES, bytes,
           count * DEV_BLOCK_BYTES);
    return 0;
}

static void a_device_that_cannot_zero_gets_zeros_written(void **state)
{
    struct fixture *f = *state;
    const struct dev_ops ops = {.write = plain_write};
    struct plain plain = {.dev = {.ops = &ops, .blocks = 8}, .bytes = f->bytes};

    memset(f->bytes, 1, sizeof(f->bytes));
    assert_int_equal(dev_zero(&plain.dev, 1, 6), 0);
    assert_int_equal(plain.dev.counters.writes, 1);
    for (size_t i = 0; i < sizeof(f->bytes); i++)
        assert_int_equal(f->bytes[i], i < DEV_BLOCK_BYTES || i >= 7 * DEV_BLOCK_BYTES);
}

static void without_memory_no_decorator_is_made(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &f->faults, &dev), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_faults_everything_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_nth_request_of_its_kind_fails_and_the_next_does_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sticky_fault_stays_until_it_is_lifted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_error_is_the_callers_choice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_request_does_not_touch_what_is_below, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_device_that_cannot_zero_gets_zeros_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_memory_no_decorator_is_made, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
