/*
 * Decorators on decorators: every order of the three on each device does the same as a plain array,
 * and every allocation may fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "dev/dev_image.h"
#include "dev/dev_recorder.h"
#include "dev/dev_volatile.h"

#define BLOCKS 24u
#define WHOLE  (BLOCKS * DEV_BLOCK_BYTES)
#define KINDS  3u /* faulty, volatile, recorder */
#define MOST   4u

struct stack {
    struct alloc alloc;
    struct dev_faults faults[MOST];
    struct dev *devs[MOST + 1]; /* from the bottom */
    unsigned count;
    uint8_t bytes[WHOLE];
    uint8_t back[WHOLE];
    uint8_t model[WHOLE];
};

static int decorate(struct stack *s, unsigned kind)
{
    struct dev *lower = s->devs[s->count - 1];
    struct dev **out = &s->devs[s->count];
    struct dev_volatile_options tight = {.capacity_blocks = 10, .reorder_seed = s->count};
    int err;

    if (kind == 0)
        err = dev_faulty_new(&s->alloc, lower, &s->faults[s->count - 1], out);
    else if (kind == 1)
        err = dev_volatile_new(&s->alloc, lower, &tight, out);
    else
        err = dev_recorder_new(&s->alloc, lower, &(struct dev_recorder_options){.data = true}, out);
    s->count += err == 0;
    return err;
}

static void stack_down(struct stack *s)
{
    while (s->count > 0)
        dev_destroy(s->devs[--s->count]);
    assert_int_equal(s->alloc.live_blocks, 0);
}

static struct dev *stack_top(const struct stack *s)
{
    return s->devs[s->count - 1];
}

/* One random request, of the device and, when it succeeds, of the model. */
static int request(struct stack *s, struct prng *prng)
{
    uint64_t block = prng_below(prng, BLOCKS);
    uint32_t count = 1 + (uint32_t)prng_below(prng, BLOCKS - block);
    uint8_t *at = s->model + block * DEV_BLOCK_BYTES;
    size_t bytes = count * DEV_BLOCK_BYTES;
    struct dev_span span = {s->bytes, count};
    uint64_t dice = prng_below(prng, 10);
    int err;

    memset(s->bytes, (int)prng_next(prng), WHOLE);
    if (dice == 0)
        return dev_flush(stack_top(s));
    if (dice < 3) {
        err = dev_read(stack_top(s), block, count, s->back);
        if (err == 0)
            assert_memory_equal(s->back, at, bytes);
        return err;
    }
    if (dice < 5) {
        err = dev_zero(stack_top(s), block, count);
        memset(s->bytes, 0, WHOLE);
    } else {
        err = dev_write_gather(stack_top(s), block, &span, 1, dice == 5 ? DEV_FUA : 0);
    }
    if (err == 0)
        memcpy(at, s->bytes, bytes);
    return err;
}

static void assert_bottom_is_the_model(struct stack *s)
{
    assert_int_equal(dev_flush(stack_top(s)), 0);
    for (unsigned i = 0; i < s->count; i++) {
        assert_int_equal(dev_read(s->devs[i], 0, BLOCKS, s->back), 0);
        assert_memory_equal(s->back, s->model, WHOLE);
    }
}

static void run_all_orders(struct dev *(*bottom)(struct stack *), unsigned height)
{
    unsigned orders = 1;

    for (unsigned i = 0; i < height; i++)
        orders *= KINDS;
    for (unsigned order = 0; order < orders; order++) {
        struct stack *s = test_calloc(1, sizeof *s);
        struct prng prng;

        prng_seed(&prng, order);
        s->devs[s->count++] = bottom(s);
        for (unsigned i = 0, left = order; i < height; i++, left /= KINDS)
            assert_int_equal(decorate(s, left % KINDS), 0);
        for (unsigned i = 0; i < 60; i++)
            assert_int_equal(request(s, &prng), 0);
        assert_bottom_is_the_model(s);
        stack_down(s);
        test_free(s);
    }
}

static struct dev *bottom_ram(struct stack *s)
{
    struct dev *dev;

    assert_int_equal(dev_ram_new(&s->alloc, WHOLE, &dev), 0);
    return dev;
}

/* The file's name is gone at once; the device goes on. */
static struct dev *bottom_image(struct stack *s)
{
    char folder[] = "/tmp/mapwalk-stack-XXXXXX";
    char path[sizeof folder + 8];
    struct dev *dev;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/image", folder);
    assert_int_equal(
        dev_image_open(&s->alloc, path, &(struct dev_image_options){.create_bytes = WHOLE}, &dev),
        0);
    unlink(path);
    rmdir(folder);
    return dev;
}

static void every_order_of_decorators_on_ram_does_the_same(void **state)
{
    (void)state;
    run_all_orders(bottom_ram, MOST);
}

static void every_order_of_decorators_on_an_image_does_the_same(void **state)
{
    (void)state;
    run_all_orders(bottom_image, 2);
}

static void requests_with_random_faults_are_errors_or_done(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct stack *s = test_calloc(1, sizeof *s);
        unsigned failed = 0;
        struct prng prng;

        prng_seed(&prng, seed);
        s->devs[s->count++] = bottom_ram(s);
        for (unsigned i = 0; i < MOST; i++)
            assert_int_equal(decorate(s, (i + (unsigned)seed) % KINDS), 0);
        for (unsigned i = 0; i < MOST; i++)
            s->faults[i] = (struct dev_faults){.per_million = {20000, 20000, 20000}, .seed = seed};
        for (unsigned i = 0; i < 200; i++) {
            if (request(s, &prng) == 0)
                continue;
            failed++; /* a write that failed may be there in part: look, and go on from that */
            memset(s->faults, 0, sizeof s->faults);
            assert_int_equal(dev_read(stack_top(s), 0, BLOCKS, s->model), 0);
            for (unsigned j = 0; j < MOST; j++)
                s->faults[j] =
                    (struct dev_faults){.per_million = {20000, 20000, 20000}, .seed = seed + i};
        }
        assert_true(failed > 0);
        memset(s->faults, 0, sizeof s->faults);
        assert_bottom_is_the_model(s);
        stack_down(s);
        test_free(s);
    }
}

/* Builds and uses a pile while the n-th allocation fails; false: it was never reached. */
static bool survive_a_failing_allocation(struct stack *s, uint64_t n)
{
    struct prng prng;
    bool reached;

    memset(s, 0, sizeof *s);
    s->alloc.fail_at = n;
    prng_seed(&prng, 9);
    if (dev_ram_new(&s->alloc, WHOLE, &s->devs[0]) == 0) {
        s->count = 1;
        for (unsigned kind = 0; kind < KINDS; kind++) {
            int err = decorate(s, kind);

            assert_true(err == 0 || err == -ENOMEM);
        }
        for (unsigned i = 0; i < 20; i++) {
            int err = request(s, &prng);

            assert_true(err == 0 || err == -ENOMEM); /* the recorder's */
        }
        s->alloc.fail_at = 0;
        assert_bottom_is_the_model(s);
    }
    reached = s->alloc.calls >= n;
    stack_down(s);
    return reached;
}

static void every_allocation_may_fail(void **state)
{
    struct stack *s = test_calloc(1, sizeof *s);
    uint64_t n = 1;

    (void)state;
    while (survive_a_failing_allocation(s, n))
        n++;
    assert_true(n > 100);
    test_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_decorators_on_ram_does_the_same),
        cmocka_unit_test(every_order_of_decorators_on_an_image_does_the_same),
        cmocka_unit_test(requests_with_random_faults_are_errors_or_done),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
