/*
 * What requests to a block device cost in simulated time: numbers, no code of its own.
 *
 * Layer 3. A request costs its kind's share, plus a share a byte, plus (disks with heads) the way
 * to its first block. The cost of a request depends on nothing but the request and where the one
 * before it ended, so the same requests take the same time on every host.
 */
#ifndef MAPWALK_DEV_DEV_LATENCY_H
#define MAPWALK_DEV_DEV_LATENCY_H

#include <stdint.h>

struct dev_latency {
    uint32_t read_ns;  /* one request of its kind */
    uint32_t write_ns; /* with DEV_FUA: write_ns + flush_ns */
    uint32_t zero_ns;  /* moves no bytes: byte_ps is not charged */
    uint32_t flush_ns;
    uint32_t byte_ps; /* one byte read or written, in picoseconds */
    /*
     * Only for a request that does not begin where the one before it ended: from seek_least_ns for
     * the neighbouring track to seek_most_ns for the whole device, growing with the square root of
     * the distance (the arm speeds up and brakes), then half a turn of the platter. All 0: no
     * heads.
     */
    uint32_t seek_least_ns;
    uint32_t seek_most_ns;
    uint32_t turn_ns;
};

/*
 * "ram", "hdd", "sata-ssd", "nvme" or "network"; NULL for any other name. dev_latency.c says where
 * each number is from.
 */
const struct dev_latency *dev_latency_named(const char *name);

/* The i-th of those names, from 0; NULL after the last. */
const char *dev_latency_name(unsigned i);

/*
 * The cost of moving the head of a device of `blocks` blocks from `from` to `to`. 0 when they are
 * equal.
 */
uint64_t dev_latency_seek_ns(const struct dev_latency *l, uint64_t blocks, uint64_t from,
                             uint64_t to);

#endif
