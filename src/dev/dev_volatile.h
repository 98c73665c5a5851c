/*
 * A volatile write cache, as real disks have, and what a power cut makes of it.
 *
 * Layer 3: a decorator; what the lower device holds is what is durable. A write stays in the cache
 * until a flush, or until the cache lacks room; a write with DEV_FUA goes straight down. Reads see
 * the newest version of each block.
 *
 *   I-VOLATILE-1  a read gives the newest version: a pending one, else the lower device's
 *   I-VOLATILE-2  after a flush that returned 0 nothing is pending
 *   I-VOLATILE-3  what went down for lack of room takes every older version of its blocks with it
 *   I-VOLATILE-4  after a cut each sector is its durable version or one that was pending
 *
 *      write, zero        flush, FUA on the block, lack of room
 *   o -------------> pending ----------------------------------> durable (in the lower device)
 *                       |  cut: some of its sectors, by seed, become durable; the rest is gone
 *                       v
 *                     gone
 *
 *   powered --cut, cut_at--> off (every request -EIO) --power_on--> powered
 *   powered --stop_at--> stopped (every request -EIO, all still pending) --cut--> off
 *
 * dev_volatile_cut(dev, 0) followed by power_on takes back everything since the last flush: the
 * decorator is also a copy-on-write overlay.
 */
#ifndef MAPWALK_DEV_DEV_VOLATILE_H
#define MAPWALK_DEV_DEV_VOLATILE_H

#include "dev/dev.h"

#define DEV_VOLATILE_BLOCKS 65536u /* 64 MiB, as a disk of 2020 has */

struct dev_volatile_options {
    /* Versions of blocks kept (a block written twice since the last flush has two). 0: the above */
    uint64_t capacity_blocks;
    /* 0: for lack of room the oldest goes down; else any block, chosen by this seed. */
    uint64_t reorder_seed;
    bool ignore_flush; /* a disk that lies: flush and DEV_FUA do nothing. To test tests with */
};

/*
 * Seeds of a cut that mean something special. Any other: for each sector on its own, its durable
 * version or any pending one, by the seed.
 */
#define DEV_CUT_LOSE_ALL 0u
#define DEV_CUT_KEEP_ALL UINT64_MAX

/* `lower` stays the caller's; nothing else may write to it. NULL options: all 0. -ENOMEM. */
MUST_CHECK int dev_volatile_new(struct alloc *a, struct dev *lower,
                                const struct dev_volatile_options *options, struct dev **out);

/* Requests with something still pending. */
uint64_t dev_volatile_pending(const struct dev *dev);

/* Writes, zeros and flushes ever asked of the device: what cut_at and stop_at count. */
uint64_t dev_volatile_requests(const struct dev *dev);

/* False after a cut or stop, until dev_volatile_power_on. */
bool dev_volatile_is_powered(const struct dev *dev);

/* POWER CUT, now. A lower device that fails keeps what it had, which is one of the outcomes. */
void dev_volatile_cut(struct dev *dev, uint64_t seed);

/*
 * The same, but exactly the requests whose bit is set survive, whole, in their order: bit 0 is the
 * oldest pending one. Those from the 65th on are lost.
 */
void dev_volatile_cut_mask(struct dev *dev, uint64_t mask);

/*
 * The cut happens by itself at the n-th write, zero or flush from now (1: the next; 0: not at all
 * any more): this one is pending when it happens, so that some of its sectors may survive, and
 * reports -EIO.
 */
void dev_volatile_cut_at(struct dev *dev, uint64_t n, uint64_t seed);

/*
 * As cut_at, but only the power goes: what survives is decided later, by dev_volatile_cut or
 * cut_mask; dev_volatile_cut_onto can try any number of outcomes before.
 */
void dev_volatile_stop_at(struct dev *dev, uint64_t n);

/*
 * What a cut now would write to the lower device is written to `other`, and everything here stays
 * as it is. `other` holds what lower holds: best an overlay (another dev_volatile) on it. 0, or
 * what `other` reports.
 */
MUST_CHECK int dev_volatile_cut_onto(const struct dev *dev, uint64_t seed, struct dev *other);
MUST_CHECK int dev_volatile_cut_mask_onto(const struct dev *dev, uint64_t mask, struct dev *other);

/*
 * Power comes back: the cache is empty, requests are served again, and no cut is due. After
 * stop_at without a cut: what was pending is lost.
 */
void dev_volatile_power_on(struct dev *dev);

/* Recomputes what can be wrong with the cache's books. */
bool dev_volatile_check(const struct dev *dev);

#endif
