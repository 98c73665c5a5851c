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

static int plain_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                       uint32_t span_count, unsigned flags)
{
    assert_int_equal(span_count, 1);
    assert_int_equal(flags, 0);
    memcpy(((struct plain *)(void *)dev)->bytes + block * DEV_BLOCK_BYTES, spans->bytes,
           spans->blocks * DEV_BLOCK_BYTES);
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

/* How many of 1000 writes fail; bit i of *which: write i of the first 64 did. */
static unsigned failures_in_1000(struct fixture *f, uint64_t *which)
{
    unsigned failed = 0;

    *which = 0;
    for (unsigned i = 0; i < 1000; i++) {
        if (dev_write(f->dev, i % 8, 1, f->bytes) == 0)
            continue;
        failed++;
        if (i < 64)
            *which |= (uint64_t)1 << i;
    }
    return failed;
}

static void random_faults_come_as_often_as_asked_and_by_seed(void **state)
{
    struct fixture *f = *state;
    uint64_t first;
    uint64_t second;
    unsigned failed;

    f->faults.per_million[DEV_WRITE] = 250000;
    f->faults.seed = 1;
    failed = failures_in_1000(f, &first);
    assert_in_range(failed, 200, 300);
    assert_int_equal(f->dev->counters.errors, failed);
    assert_int_equal(dev_read(f->dev, 0, 1, f->bytes), 0); /* another kind */

    dev_destroy(f->dev);
    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &f->faults, &f->dev), 0);
    failures_in_1000(f, &second);
    assert_true(first == second);
    dev_destroy(f->dev);
    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &f->faults, &f->dev), 0);
    f->faults.seed = 2;
    failures_in_1000(f, &second);
    assert_true(first != second);
}

static void all_or_none_in_a_million_is_exact(void **state)
{
    struct fixture *f = *state;
    uint64_t which;

    assert_int_equal(failures_in_1000(f, &which), 0);
    f->faults.per_million[DEV_WRITE] = 1000000;
    assert_int_equal(failures_in_1000(f, &which), 1000);
}

#define SECTORS (8 * DEV_BLOCK_BYTES / DEV_SECTOR_BYTES)

/* Fails a write of 8 blocks of 7s over zeros; bit i: sector i got through, whole. */
static uint32_t torn_write(struct fixture *f, bool zeros)
{
    uint32_t through = 0;

    memset(f->bytes, zeros ? 7 : 0, sizeof(f->bytes));
    assert_int_equal(dev_write(f->ram, 0, 8, f->bytes), 0);
    memset(f->bytes, 7, sizeof(f->bytes));
    f->faults.fail_at[DEV_WRITE] = 1;
    f->faults.seen[DEV_WRITE] = 0;
    assert_int_equal(zeros ? dev_zero(f->dev, 0, 8) : dev_write(f->dev, 0, 8, f->bytes), -EIO);
    assert_int_equal(dev_read(f->ram, 0, 8, f->bytes), 0);
    for (unsigned i = 0; i < SECTORS; i++) {
        const uint8_t *sector = f->bytes + i * DEV_SECTOR_BYTES;

        assert_true(sector[0] == 0 || sector[0] == 7);
        assert_memory_equal(sector, sector + 1, DEV_SECTOR_BYTES - 1);
        if ((sector[0] == 7) != zeros)
            through |= 1u << i;
    }
    return through;
}

static void a_torn_write_leaves_any_of_its_sectors(void **state)
{
    struct fixture *f = *state;

    f->faults.tear = DEV_TEAR_ANY;
    for (unsigned kind = 0; kind < 2; kind++) {
        uint32_t once = 0;
        uint32_t always = UINT32_MAX;
        uint32_t whole = 0; /* first sectors of blocks that got through with both */

        for (unsigned i = 0; i < 64; i++) {
            uint32_t through = torn_write(f, kind == 1);

            once |= through;
            always &= through;
            whole |= through & through >> 1 & 0x5555;
        }
        assert_int_equal(once, (1u << SECTORS) - 1);
        assert_int_equal(always, 0);
        assert_int_equal(whole, 0x5555);
    }
}

static void a_short_write_leaves_its_first_sectors_but_never_all(void **state)
{
    struct fixture *f = *state;
    uint32_t lengths = 0;

    f->faults.tear = DEV_TEAR_SHORT;
    for (unsigned i = 0; i < 500; i++) {
        uint32_t through = torn_write(f, i % 2 == 1);

        assert_int_equal(through & (through + 1), 0); /* a run of ones from bit 0 */
        lengths |= 1u << __builtin_popcount(through);
    }
    assert_int_equal(lengths, (1u << SECTORS) - 1); /* 0 to SECTORS - 1 sectors */
}

static void a_torn_write_over_a_broken_device_is_an_error_like_any(void **state)
{
    struct fixture *f = *state;
    struct dev_faults broken = {.fail_at = {1, 1, 1}, .sticky = true};
    struct dev *lower;
    struct dev *upper;

    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &broken, &lower), 0);
    assert_int_equal(dev_faulty_new(&f->alloc, lower, &f->faults, &upper), 0);
    f->faults.fail_at[DEV_WRITE] = 1;
    f->faults.tear = DEV_TEAR_ANY;
    f->faults.error = -ENOSPC;
    assert_int_equal(dev_write(upper, 0, 8, f->bytes), -ENOSPC);
    assert_int_equal(f->ram->counters.writes, 0);
    dev_destroy(upper);
    dev_destroy(lower);
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
        cmocka_unit_test_setup_teardown(random_faults_come_as_often_as_asked_and_by_seed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_or_none_in_a_million_is_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_write_leaves_any_of_its_sectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_short_write_leaves_its_first_sectors_but_never_all,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_write_over_a_broken_device_is_an_error_like_any,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_no_decorator_is_made, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
