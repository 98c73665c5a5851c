/* What all devices have in common: pieces, spans, time, and the latency presets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev.h"
#include "dev/dev_recorder.h"

#define BLOCKS 4096u
#define WHOLE  (BLOCKS * DEV_BLOCK_BYTES)

struct fixture {
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct dev *ram;
    struct dev *dev; /* a recorder on ram */
    uint8_t *bytes;  /* WHOLE of them */
    uint8_t *back;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    event_bus_init(&f->bus, &f->clock);
    assert_int_equal(dev_ram_new(&f->alloc, WHOLE, &f->ram), 0);
    assert_int_equal(dev_recorder_new(&f->alloc, f->ram, NULL, &f->dev), 0);
    f->bytes = test_malloc(WHOLE);
    f->back = test_malloc(WHOLE);
    for (uint32_t i = 0; i < WHOLE; i++)
        f->bytes[i] = (uint8_t)(i / DEV_BLOCK_BYTES * 31 + i % 251);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    dev_destroy(f->dev);
    dev_destroy(f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f->bytes);
    test_free(f->back);
    test_free(f);
    return 0;
}

/* ---- pieces and spans ---- */

static void assert_recorded(struct fixture *f, uint64_t i, enum dev_record_kind kind,
                            uint64_t block, uint32_t count)
{
    const struct dev_record *record = dev_recorder_get(f->dev, i);

    assert_int_equal(record->kind, kind);
    assert_int_equal(record->block, block);
    assert_int_equal(record->count, count);
}

static void what_is_larger_than_a_request_is_cut_into_requests(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(dev_write(f->dev, 10, 2500, f->bytes), 0);
    assert_int_equal(dev_read(f->dev, 10, 2500, f->back), 0);
    assert_memory_equal(f->bytes, f->back, 2500 * DEV_BLOCK_BYTES);
    assert_int_equal(dev_recorder_count(f->dev), 6);
    assert_recorded(f, 0, DEV_RECORD_WRITE, 10, 1024);
    assert_recorded(f, 1, DEV_RECORD_WRITE, 1034, 1024);
    assert_recorded(f, 2, DEV_RECORD_WRITE, 2058, 452);
    assert_recorded(f, 3, DEV_RECORD_READ, 10, 1024);
    assert_recorded(f, 5, DEV_RECORD_READ, 2058, 452);
    assert_int_equal(f->dev->counters.writes, 3);
    assert_int_equal(f->dev->counters.reads, 3);
    assert_int_equal(f->dev->counters.blocks_written, 2500);
}

static void a_request_of_the_largest_size_is_one(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(dev_write(f->dev, 0, DEV_MOST_BLOCKS, f->bytes), 0);
    assert_int_equal(dev_recorder_count(f->dev), 1);
    assert_int_equal(dev_zero(f->dev, 0, BLOCKS), 0); /* moves no bytes: of any size */
    assert_int_equal(dev_recorder_count(f->dev), 2);
    assert_int_equal(dev_read(f->ram, 0, DEV_MOST_BLOCKS, f->back), 0);
    memset(f->bytes, 0, WHOLE);
    assert_memory_equal(f->bytes, f->back, DEV_MOST_BLOCKS * DEV_BLOCK_BYTES);
}

/* Spans of 1 + i % 7 blocks that lie in memory in the wrong order. */
static uint32_t scattered(struct fixture *f, struct dev_span *spans, uint32_t most)
{
    uint32_t done = 0;
    uint32_t count = 0;

    while (done < most) {
        uint32_t blocks = 1 + count % 7;

        blocks = blocks < most - done ? blocks : most - done;
        done += blocks;
        spans[count].bytes = f->bytes + (most - done) * DEV_BLOCK_BYTES;
        spans[count++].blocks = blocks;
    }
    return count;
}

static void spans_are_written_one_after_the_other_whatever_the_size_of_requests(void **state)
{
    static const uint32_t most_blocks[] = {1, 3, 64, 1000, 1024};
    struct fixture *f = *state;
    struct dev_span *spans = test_calloc(BLOCKS, sizeof(*spans));
    uint32_t count = scattered(f, spans, 2000);

    for (size_t i = 0; i < sizeof most_blocks / sizeof most_blocks[0]; i++) {
        const uint8_t *at = f->back;

        dev_recorder_clear(f->dev);
        f->dev->most_blocks = most_blocks[i];
        assert_int_equal(dev_zero(f->ram, 0, BLOCKS), 0);
        assert_int_equal(dev_write_gather(f->dev, 5, spans, count, DEV_FUA), 0);
        assert_int_equal(dev_recorder_count(f->dev), (2000 + most_blocks[i] - 1) / most_blocks[i]);
        assert_int_equal(dev_recorder_get(f->dev, 0)->flags, DEV_FUA);
        assert_int_equal(dev_read(f->ram, 0, BLOCKS, f->back), 0);
        at += 5 * DEV_BLOCK_BYTES;
        for (uint32_t j = 0; j < count; j++) {
            assert_memory_equal(at, spans[j].bytes, spans[j].blocks * DEV_BLOCK_BYTES);
            at += spans[j].blocks * DEV_BLOCK_BYTES;
        }
        assert_int_equal(*at, 0);
    }
    test_free(spans);
}

static void spans_beyond_the_device_are_refused_before_anything_is_written(void **state)
{
    struct fixture *f = *state;
    struct dev_span spans[] = {{f->bytes, 1024}, {f->bytes, 1024}, {f->bytes, UINT32_MAX}};

    assert_int_equal(dev_write_gather(f->dev, BLOCKS - 2047, spans, 2, 0), -EINVAL);
    assert_int_equal(dev_write_gather(f->dev, 0, spans, 3, 0), -EINVAL);
    assert_int_equal(dev_write_gather(f->dev, 0, spans, 0, 0), -EINVAL);
    assert_int_equal(dev_recorder_count(f->dev), 0);
    assert_int_equal(dev_write_gather(f->dev, BLOCKS - 2048, spans, 2, 0), 0);
}

static void the_first_piece_that_fails_ends_a_request(void **state)
{
    struct fixture *f = *state;
    struct dev_faults faults = {.fail_at = {[DEV_WRITE] = 2, [DEV_READ] = 2}};
    struct dev *faulty;

    assert_int_equal(dev_faulty_new(&f->alloc, f->dev, &faults, &faulty), 0);
    assert_int_equal(dev_write(faulty, 0, 3072, f->bytes), -EIO);
    assert_int_equal(dev_recorder_count(f->dev), 1);
    assert_int_equal(dev_read(faulty, 0, 3072, f->back), -EIO);
    assert_int_equal(dev_recorder_count(f->dev), 2);
    assert_int_equal(faulty->counters.writes, 2);
    assert_int_equal(faulty->counters.blocks_written, 1024);
    dev_destroy(faulty);
}

static void a_read_only_device_refuses_writes_at_every_level(void **state)
{
    struct fixture *f = *state;
    struct dev *upper;

    f->ram->read_only = true;
    assert_int_equal(dev_recorder_new(&f->alloc, f->ram, NULL, &upper), 0);
    assert_int_equal(dev_write(upper, 0, 1, f->bytes), -EROFS);
    assert_int_equal(dev_zero(upper, 0, 1), -EROFS);
    assert_int_equal(dev_recorder_count(upper), 0);
    assert_int_equal(dev_read(upper, 0, 1, f->back), 0);
    assert_int_equal(dev_flush(upper), 0);
    dev_destroy(upper);
}

/* ---- time ---- */

static const struct dev_latency plain = {
    .read_ns = 1000, .write_ns = 2000, .zero_ns = 500, .flush_ns = 30000, .byte_ps = 500};

static void costs_are_a_share_a_request_and_a_share_a_byte(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 2};
    uint64_t now = 0;

    dev_set_latency(f->dev, &plain);
    assert_int_equal(dev_read(f->dev, 0, 1, f->back), 0);
    assert_int_equal(f->clock.now_ns, 0); /* not attached yet */
    dev_attach(f->dev, &f->bus, &f->clock);
    assert_int_equal(dev_read(f->dev, 0, 4, f->back), 0);
    assert_int_equal(f->clock.now_ns, now += 1000 + 2048);
    assert_int_equal(dev_write(f->dev, 0, 2, f->bytes), 0);
    assert_int_equal(f->clock.now_ns, now += 2000 + 1024);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(f->clock.now_ns, now += 30000);
    assert_int_equal(dev_zero(f->dev, 0, 4000), 0);
    assert_int_equal(f->clock.now_ns, now += 500);
    assert_int_equal(dev_write_gather(f->dev, 0, &span, 1, DEV_FUA), 0);
    assert_int_equal(f->clock.now_ns, now += 2000 + 1024 + 30000);
    assert_int_equal(f->dev->counters.fua_writes, 1);
    assert_int_equal(dev_busy_until(f->dev), now);
}

static void a_failed_request_costs_what_a_good_one_does(void **state)
{
    struct fixture *f = *state;
    struct dev_faults faults = {.fail_at = {1, 1, 1}};
    struct dev *faulty;

    assert_int_equal(dev_faulty_new(&f->alloc, f->ram, &faults, &faulty), 0);
    dev_set_latency(faulty, &plain);
    dev_attach(faulty, &f->bus, &f->clock);
    assert_int_equal(dev_read(faulty, 0, 1, f->back), -EIO);
    assert_int_equal(f->clock.now_ns, 1000 + 512);
    assert_int_equal(dev_flush(faulty), -EIO);
    assert_int_equal(f->clock.now_ns, 1000 + 512 + 30000);
    dev_destroy(faulty);
}

static void in_the_background_requests_queue_and_nobody_waits(void **state)
{
    struct fixture *f = *state;

    dev_set_latency(f->dev, &plain);
    dev_attach(f->dev, &f->bus, &f->clock);
    f->clock.now_ns = 100;
    dev_set_background(f->dev, true);
    assert_int_equal(dev_write(f->dev, 0, 2, f->bytes), 0);
    assert_int_equal(dev_busy_until(f->dev), 100 + 3024);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_busy_until(f->dev), 100 + 3024 + 30000);
    assert_int_equal(f->clock.now_ns, 100);
    assert_int_equal(dev_recorder_get(f->dev, 1)->time_ns, 100);
}

static void a_foreground_request_waits_for_the_queue_and_one_after_it_does_not(void **state)
{
    struct fixture *f = *state;

    dev_set_latency(f->dev, &plain);
    dev_attach(f->dev, &f->bus, &f->clock);
    dev_set_background(f->dev, true);
    assert_int_equal(dev_flush(f->dev), 0);
    dev_set_background(f->dev, false);
    f->clock.now_ns = 10000;
    assert_int_equal(dev_read(f->dev, 0, 2, f->back), 0);
    assert_int_equal(f->clock.now_ns, 30000 + 1000 + 1024);
    f->clock.now_ns = 50000;
    assert_int_equal(dev_read(f->dev, 0, 2, f->back), 0);
    assert_int_equal(f->clock.now_ns, 50000 + 1000 + 1024);
}

/* ---- presets ---- */

static uint64_t cost(struct fixture *f, uint64_t block, uint32_t count, enum dev_request kind)
{
    uint64_t before = f->clock.now_ns;

    if (kind == DEV_READ)
        assert_int_equal(dev_read(f->dev, block, count, f->back), 0);
    else if (kind == DEV_WRITE)
        assert_int_equal(dev_write(f->dev, block, count, f->bytes), 0);
    else
        assert_int_equal(dev_flush(f->dev), 0);
    return f->clock.now_ns - before;
}

static void use_latency(struct fixture *f, const char *name)
{
    const struct dev_latency *latency = dev_latency_named(name);

    assert_non_null(latency);
    dev_set_latency(f->dev, latency);
    dev_attach(f->dev, &f->bus, &f->clock);
}

static void every_preset_is_found_by_its_name_and_no_other(void **state)
{
    static const char *const names[] = {"ram", "hdd", "sata-ssd", "nvme", "network"};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(dev_latency_name(i), names[i]);
        assert_non_null(dev_latency_named(names[i]));
    }
    assert_null(dev_latency_name(5));
    assert_null(dev_latency_named("floppy"));
    assert_null(dev_latency_named(""));
}

/* What the makers say: 4 KiB at random, one at a time. */
static void the_presets_give_the_rates_that_they_are_made_from(void **state)
{
    struct fixture *f = *state;

    use_latency(f, "sata-ssd");
    assert_in_range(1000000000 / cost(f, 0, 4, DEV_READ), 9900, 10100);
    assert_in_range(1000000000 / cost(f, 0, 4, DEV_WRITE), 39000, 41000);
    use_latency(f, "nvme");
    assert_in_range(1000000000 / cost(f, 0, 4, DEV_READ), 21500, 22500);
    assert_in_range(1000000000 / cost(f, 0, 4, DEV_WRITE), 58000, 62000);
    use_latency(f, "network");
    assert_in_range(cost(f, 0, 1024, DEV_READ), 8900000, 9100000); /* 1 MiB at 125 MiB/s + 1 ms */
    use_latency(f, "ram");
    assert_int_equal(cost(f, 0, 4, DEV_READ), 409);
    assert_int_equal(cost(f, 0, 4, DEV_FLUSH), 0);
}

static void a_disk_with_heads_pays_for_the_way(void **state)
{
    struct fixture *f = *state;
    uint64_t sequential;
    uint64_t near;
    uint64_t far;

    use_latency(f, "hdd");
    cost(f, 0, 4, DEV_READ);
    sequential = cost(f, 4, 4, DEV_READ);
    near = cost(f, 9, 4, DEV_READ) - sequential;
    far = cost(f, BLOCKS - 4, 4, DEV_READ) - sequential;
    assert_int_equal(sequential, 100000 + 4096 * 5850 / 1000);
    assert_in_range(near, 1000000 + 4166666, 2000000 + 4166666);
    assert_in_range(far, 14900000 + 4166666, 15000000 + 4166666);
}

static void the_average_seek_of_the_disk_is_the_published_one(void **state)
{
    const struct dev_latency *hdd = dev_latency_named("hdd");
    uint64_t total_ns = 0;
    uint64_t pairs = 0;

    (void)state;
    for (uint64_t from = 0; from < 1000; from += 3) {
        for (uint64_t to = 0; to < 1000; to += 3, pairs++)
            total_ns += dev_latency_seek_ns(hdd, 1000, from, to);
    }
    assert_in_range(total_ns / pairs, 8350000 + 4166666, 8650000 + 4166666);
}

static void seeks_grow_with_the_distance_on_disks_of_any_size(void **state)
{
    const struct dev_latency *hdd = dev_latency_named("hdd");

    (void)state;
    for (unsigned bits = 1; bits < 63; bits++) {
        uint64_t blocks = (uint64_t)1 << bits;
        uint64_t last = 0;

        assert_int_equal(dev_latency_seek_ns(hdd, blocks, 5, 5), 0);
        for (unsigned i = 0; i < bits; i++) {
            uint64_t ns = dev_latency_seek_ns(hdd, blocks, 0, (uint64_t)1 << i);

            assert_true(ns >= last && ns >= 1000000 + 4166666);
            assert_int_equal(ns, dev_latency_seek_ns(hdd, blocks, (uint64_t)1 << i, 0));
            last = ns;
        }
        assert_in_range(dev_latency_seek_ns(hdd, blocks, 0, blocks), 15000000 + 4166666,
                        15000000 + 4166666);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_is_larger_than_a_request_is_cut_into_requests),
        TEST(a_request_of_the_largest_size_is_one),
        TEST(spans_are_written_one_after_the_other_whatever_the_size_of_requests),
        TEST(spans_beyond_the_device_are_refused_before_anything_is_written),
        TEST(the_first_piece_that_fails_ends_a_request),
        TEST(a_read_only_device_refuses_writes_at_every_level),
        TEST(costs_are_a_share_a_request_and_a_share_a_byte),
        TEST(a_failed_request_costs_what_a_good_one_does),
        TEST(in_the_background_requests_queue_and_nobody_waits),
        TEST(a_foreground_request_waits_for_the_queue_and_one_after_it_does_not),
        TEST(every_preset_is_found_by_its_name_and_no_other),
        TEST(the_presets_give_the_rates_that_they_are_made_from),
        TEST(a_disk_with_heads_pays_for_the_way),
        TEST(the_average_seek_of_the_disk_is_the_published_one),
        TEST(seeks_grow_with_the_distance_on_disks_of_any_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
