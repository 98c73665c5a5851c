/*
 * Latencies of typical devices, as data, and the way of a head.
 *
 * Layer 3. The presets are round numbers near what makers and measurements publish for one request
 * at a time (queue depth 1), which is how this simulator asks. docs/DEVICES.md has the same table
 * for readers.
 */
#include "dev/dev_latency.h"

#include <stddef.h>
#include <string.h>

#define ROOT_OF_ONE_BITS 16 /* a square root of a ratio is in units of 2^-16 */

struct dev_latency_preset {
    const char *name;
    struct dev_latency latency;
};

static const struct dev_latency_preset dev_latency_presets[] = {
    /* Only the copying: 10 GB/s, what one core of a desktop of 2020 copies between buffers. */
    {"ram", {.byte_ps = 100}},
    /*
     * A 7200 rpm disk. One turn: 60 s / 7200. Seeks: 1 ms for one track and 15 ms for the full
     * stroke (IBM DDRS and Hitachi 5K320 specifications); with the square root, the average over
     * all pairs of places is 1 + 14 * 8/15 = 8.5 ms, which is what Hitachi's Deskstar 7K1000.C
     * specification has as average. Bytes: 171 MB/s sustained (HGST Ultrastar 7K4000). Request: the
     * overhead of a command, a tenth of a millisecond. A flush has something to write, and so
     * costs an average seek and half a turn.
     */
    {"hdd",
     {.read_ns = 100000,
      .write_ns = 100000,
      .zero_ns = 100000,
      .flush_ns = 12700000,
      .byte_ps = 5850,
      .seek_least_ns = 1000000,
      .seek_most_ns = 15000000,
      .turn_ns = 8333333}},
    /*
     * Samsung's data sheet of the 850 EVO, 1 TB: at queue depth 1 10,000 reads and 40,000 writes of
     * 4 KiB a second, of which the transfer at 540 and 520 MB/s is 7.7 us each. A flush: a
     * millisecond, as drives without protection against power loss take for an fsync (M. Callaghan,
     * "SSDs, power loss protection and fsync latency", 2026: 0.9 to 5 ms).
     */
    {"sata-ssd",
     {.read_ns = 92000, .write_ns = 17000, .zero_ns = 17000, .flush_ns = 1000000, .byte_ps = 1900}},
    /*
     * Samsung's data sheet of the 980 PRO: at queue depth 1 22,000 reads and 60,000 writes of 4 KiB
     * a second, less their transfer; 7 and 5 GB/s, here 6. A flush: what Callaghan measured with
     * its successor 990 PRO, 0.9 ms.
     */
    {"nvme",
     {.read_ns = 44800, .write_ns = 16000, .zero_ns = 16000, .flush_ns = 900000, .byte_ps = 167}},
    /*
     * A volume in a data centre, as Amazon's EBS gp3: "single-digit millisecond" latency, which is
     * half a millisecond for the way there and back (J. Dean's list of numbers) and as much for the
     * storage; 125 MiB/s, its base rate. Such storage acknowledges a write when it is safe, so that
     * a flush is but the way there and back.
     */
    {"network",
     {.read_ns = 1000000,
      .write_ns = 1000000,
      .zero_ns = 1000000,
      .flush_ns = 500000,
      .byte_ps = 7629}},
};

#define PRESETS (sizeof dev_latency_presets / sizeof dev_latency_presets[0])

const struct dev_latency *dev_latency_named(const char *name)
{
    for (size_t i = 0; i < PRESETS; i++)
        if (strcmp(dev_latency_presets[i].name, name) == 0)
            return &dev_latency_presets[i].latency;
    return NULL;
}

const char *dev_latency_name(unsigned i)
{
    return i < PRESETS ? dev_latency_presets[i].name : NULL;
}

/* The largest r with r * r <= square, bit by bit, so that no host's floating point matters. */
static uint64_t dev_latency_root(uint64_t square)
{
    uint64_t root = 0;

    for (uint64_t bit = (uint64_t)1 << ROOT_OF_ONE_BITS; bit != 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= square)
            root += bit;
    return root;
}

/* sqrt(distance / blocks) * 2^16; pre: distance <= blocks, blocks > 0. */
static uint64_t dev_latency_root_of_ratio(uint64_t distance, uint64_t blocks)
{
    while (blocks >> (2 * ROOT_OF_ONE_BITS) != 0) {
        blocks >>= 1;
        distance >>= 1;
    }
    return dev_latency_root((distance << (2 * ROOT_OF_ONE_BITS)) / blocks);
}

uint64_t dev_latency_seek_ns(const struct dev_latency *l, uint64_t blocks, uint64_t from,
                             uint64_t to)
{
    uint64_t distance = from < to ? to - from : from - to;
    uint64_t range_ns = l->seek_most_ns - l->seek_least_ns;

    if (distance == 0 || (l->seek_most_ns == 0 && l->turn_ns == 0))
        return 0;
    return l->seek_least_ns + l->turn_ns / 2 +
           (range_ns * dev_latency_root_of_ratio(distance, blocks) >> ROOT_OF_ONE_BITS);
}
