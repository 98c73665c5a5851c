/* The decorator that keeps a record of every request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev_recorder.h"

#define BLOCKS 16u

struct fixture {
    struct alloc alloc;
    struct clock clock;
    struct dev *ram;
    struct dev_faults faults;
    struct dev *faulty;
    struct dev *dev;
    uint8_t bytes[BLOCKS * DEV_BLOCK_BYTES];
    uint8_t back[BLOCKS * DEV_BLOCK_BYTES];
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    assert_int_equal(dev_ram_new(&f->alloc, sizeof(f->bytes), &f->ram), 0);
    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &f->faults, &f->faulty), 0);
    assert_int_equal(dev_recorder_new(&f->alloc, f->faulty,
                                      &(struct dev_recorder_options){.data = true}, &f->dev),
                     0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    dev_destroy(f->dev);
    dev_destroy(f->faulty);
    dev_destroy(f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

static void a_record_says_what_was_asked_when_and_what_came_of_it(void **state)
{
    struct fixture *f = *state;
    struct dev_span spans[] = {{f->bytes, 1}, {f->bytes + 2 * DEV_BLOCK_BYTES, 2}};
    const struct dev_record *r;

    memset(f->bytes, 1, DEV_BLOCK_BYTES);
    memset(f->bytes + 2 * DEV_BLOCK_BYTES, 2, 2 * DEV_BLOCK_BYTES);
    assert_int_equal(dev_write_gather(f->dev, 4, spans, 2, DEV_FUA), 0);
    dev_set_latency(f->dev, &(struct dev_latency){.read_ns = 70});
    dev_attach(f->dev, NULL, &f->clock);
    f->clock.now_ns = 1000;
    f->faults.fail_at[DEV_READ] = 1;
    assert_int_equal(dev_read(f->dev, 5, 2, f->back), -EIO);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_recorder_count(f->dev), 3);

    r = dev_recorder_get(f->dev, 0);
    assert_int_equal(r->kind, DEV_RECORD_WRITE);
    assert_int_equal(r->block, 4);
    assert_int_equal(r->count, 3);
    assert_int_equal(r->flags, DEV_FUA);
    assert_int_equal(r->time_ns, 0);
    assert_memory_equal(r->bytes, f->bytes, DEV_BLOCK_BYTES);
    assert_memory_equal(r->bytes + DEV_BLOCK_BYTES, spans[1].bytes, 2 * DEV_BLOCK_BYTES);
    r = dev_recorder_get(f->dev, 1);
    assert_int_equal(r->kind, DEV_RECORD_READ);
    assert_int_equal(r->result, -EIO);
    assert_int_equal(r->time_ns, 1000);
    r = dev_recorder_get(f->dev, 2);
    assert_int_equal(r->kind, DEV_RECORD_FLUSH);
    assert_int_equal(r->count, 0);
    assert_int_equal(r->time_ns, 1070);
}

static void what_was_recorded_can_be_done_again_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct dev *other;

    assert_int_equal(dev_ram_new(&f->alloc, sizeof(f->bytes), &other), 0);
    for (unsigned i = 0; i < 100; i++) { /* more than the first room */
        memset(f->bytes, (int)i + 1, 3 * DEV_BLOCK_BYTES);
        assert_int_equal(dev_write(f->dev, i % 14, 1 + i % 3, f->bytes), 0);
        if (i % 5 == 0)
            assert_int_equal(dev_zero(f->dev, i % 11, 2), 0);
    }
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_read(f->dev, 0, BLOCKS, f->bytes), 0);
    for (uint64_t i = 0; i < dev_recorder_count(f->dev); i++)
        assert_int_equal(dev_recorder_apply(f->dev, i, other), 0);
    assert_int_equal(dev_read(other, 0, BLOCKS, f->back), 0);
    assert_memory_equal(f->bytes, f->back, sizeof(f->bytes));
    assert_int_equal(other->counters.flushes, 1);
    dev_destroy(other);
}

static void without_data_a_write_cannot_be_done_again(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_int_equal(dev_recorder_new(&f->alloc, f->ram, NULL, &dev), 0);
    assert_int_equal(dev_write(dev, 0, 1, f->bytes), 0);
    assert_int_equal(dev_zero(dev, 0, 1), 0);
    assert_null(dev_recorder_get(dev, 0)->bytes);
    assert_int_equal(dev_recorder_apply(dev, 0, f->ram), -EINVAL);
    assert_int_equal(dev_recorder_apply(dev, 1, f->ram), 0);
    dev_destroy(dev);
}

static void clearing_forgets_everything(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(dev_write(f->dev, 0, 4, f->bytes), 0);
    dev_recorder_clear(f->dev);
    assert_int_equal(dev_recorder_count(f->dev), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_recorder_get(f->dev, 0)->kind, DEV_RECORD_FLUSH);
}

static int ask(struct fixture *f, unsigned kind)
{
    switch (kind) {
    case 0:
        return dev_read(f->dev, 0, 1, f->back);
    case 1:
        return dev_write(f->dev, 0, 1, f->bytes);
    case 2:
        return dev_zero(f->dev, 0, 1);
    default:
        return dev_flush(f->dev);
    }
}

static void what_cannot_be_recorded_does_not_happen(void **state)
{
    struct fixture *f = *state;

    for (unsigned kind = 0; kind < 4; kind++) {
        dev_destroy(f->dev);
        assert_int_equal(dev_recorder_new(&f->alloc, f->faulty,
                                          &(struct dev_recorder_options){.data = true}, &f->dev),
                         0);
        for (unsigned n = 1; n <= (kind == 1 ? 2 : 1); n++) {
            uint64_t seen = f->faults.seen[0] + f->faults.seen[1] + f->faults.seen[2];

            f->alloc.fail_at = f->alloc.calls + n;
            assert_int_equal(ask(f, kind), -ENOMEM);
            assert_int_equal(f->faults.seen[0] + f->faults.seen[1] + f->faults.seen[2], seen);
            assert_int_equal(dev_recorder_count(f->dev), 0);
            if (n == 2)
                break;
            dev_destroy(f->dev);
            assert_int_equal(dev_recorder_new(&f->alloc, f->faulty,
                                              &(struct dev_recorder_options){.data = true},
                                              &f->dev),
                             0);
        }
        assert_int_equal(ask(f, kind), 0);
        assert_int_equal(dev_recorder_count(f->dev), 1);
    }
}

static void without_memory_no_recorder_is_made(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(dev_recorder_new(&f->alloc, f->ram, NULL, &dev), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_record_says_what_was_asked_when_and_what_came_of_it),
        TEST(what_was_recorded_can_be_done_again_elsewhere),
        TEST(without_data_a_write_cannot_be_done_again),
        TEST(clearing_forgets_everything),
        TEST(what_cannot_be_recorded_does_not_happen),
        TEST(without_memory_no_recorder_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
