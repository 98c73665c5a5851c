/*
 * Block devices: one vtable, any number of implementations and decorators.
 *
 * Layer 3; knows nothing of pages or files. A *block* here is DEV_BLOCK_BYTES long; everything
 * above addresses the device in blocks. A *sector* is what a power cut keeps or loses as a whole.
 *
 * Ordering and durability, which hold for every device and through any pile of decorators:
 *
 *   I-DEV-1  a write that returned 0 is seen by every later read of the device
 *   I-DEV-2  a write is durable once a flush that began after it returned 0 has returned 0 itself,
 *            or when it carried DEV_FUA and returned 0; DEV_FUA makes nothing durable but itself
 *   I-DEV-3  until then a power cut may keep any of its sectors and lose the others, whatever the
 *            order of the requests was: only a flush orders
 *   I-DEV-4  a write that failed may have written any of its sectors; the others are as before
 *   I-DEV-5  a flush that failed has made nothing durable that can be relied on; it may be repeated
 *
 * Devices: dev_ram_new (here), dev_image_open and dev_nbd_open (dev_image.h).
 * Decorators: dev_faulty_new (here), dev_volatile_new (dev_volatile.h: a write cache, power cuts),
 * dev_recorder_new (dev_recorder.h). A decorator stands on any device; that one stays its owner's,
 * and goes after it.
 */
#ifndef MAPWALK_DEV_DEV_H
#define MAPWALK_DEV_DEV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "dev/dev_latency.h"
#include "event/event.h"

#define DEV_BLOCK_BYTES  1024u /* the smallest ext2 block; larger ones are runs of these */
#define DEV_SECTOR_BYTES 512u
#define DEV_MOST_BLOCKS  1024u /* of one request that a device is handed: 1 MiB */

#define DEV_FUA 1u /* flag of a write: it is durable when it returns 0 */

struct dev;

/* Bytes of `blocks` neighbouring blocks, which lie together in memory. */
struct dev_span {
    const void *bytes;
    uint32_t blocks; /* > 0 */
};

/*
 * Pre, of all: the range is in the device, at most most_blocks long (but for zero), and a write or
 * zero is never asked of a device that is read_only. 0, -EIO, or -ENOSPC for a write or zero.
 */
struct dev_ops {
    int (*read)(struct dev *dev, uint64_t block, uint32_t count, void *bytes);
    /* The spans one after the other from `block`. flags: 0 or DEV_FUA. */
    int (*write)(struct dev *dev, uint64_t block, const struct dev_span *spans, uint32_t span_count,
                 unsigned flags);
    int (*flush)(struct dev *dev);
    void (*destroy)(struct dev *dev);
    /*
     * Makes `count` blocks read zero, cheaper than by writing zeros. NULL, or -ENOTSUP with nothing
     * done: the device has no such request, and gets zeros written.
     */
    int (*zero)(struct dev *dev, uint64_t block, uint32_t count);
};

struct dev_counters {
    uint64_t reads; /* requests */
    uint64_t writes;
    uint64_t flushes;
    uint64_t blocks_read;
    uint64_t blocks_written;
    uint64_t errors;
    uint64_t fua_writes; /* of the writes */
};

/* Embedded in every device. dev_init or dev_init_above fills it. */
struct dev {
    const struct dev_ops *ops;
    uint64_t blocks;      /* size of the device */
    uint32_t most_blocks; /* largest single request, 1..DEV_MOST_BLOCKS; 0 stands for the latter */
    bool read_only;       /* every write and zero is -EROFS */
    bool background;      /* dev_set_background */
    struct dev_counters counters;
    struct event_bus *bus; /* NULL: silent. Set by dev_attach */
    struct clock *clock;   /* NULL: free of time */
    struct dev_latency latency;
    uint64_t head_block;    /* where the last request that moved bytes ended */
    uint64_t busy_until_ns; /* when all requests so far are done */
};

/* For implementations: a device that nothing was done to yet. `blocks` > 0. */
void dev_init(struct dev *dev, const struct dev_ops *ops, uint64_t blocks);

/* For decorators: of lower's size and limits. */
void dev_init_above(struct dev *dev, const struct dev_ops *ops, const struct dev *lower);

/* From now on the device emits block_* events and puts its costs on the clock. NULL: no longer. */
void dev_attach(struct dev *dev, struct event_bus *bus, struct clock *clock);

/* From now on requests cost this; a new device costs nothing. The numbers are copied. */
void dev_set_latency(struct dev *dev, const struct dev_latency *latency);

/*
 * While on, nobody waits for the device: requests take effect at once, but their time passes on the
 * device only, one behind the other. A foreground request waits until all of them are done.
 */
void dev_set_background(struct dev *dev, bool on);

/* The time at which everything asked of the device so far is done; 0: it never had a clock. */
static inline uint64_t dev_busy_until(const struct dev *dev)
{
    return dev->busy_until_ns;
}

/*
 * Requests. -EINVAL: out of range, or of no blocks; -EROFS: a write to a read-only device; both are
 * not counted. Otherwise 0, -EIO, -ENOSPC. What is longer than most_blocks is handed down in pieces
 * of that length, each counted, charged and told as the request that it is; the first that fails
 * ends it.
 */
MUST_CHECK int dev_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes);
MUST_CHECK int dev_write(struct dev *dev, uint64_t block, uint32_t count, const void *bytes);
MUST_CHECK int dev_flush(struct dev *dev);

/*
 * The blocks from `block` get the bytes of the spans one after the other: one request (as above)
 * however many spans. flags: 0 or DEV_FUA.
 */
MUST_CHECK int dev_write_gather(struct dev *dev, uint64_t block, const struct dev_span *spans,
                                uint32_t span_count, unsigned flags);

/*
 * Writes zeros: one request of any length, counted and told like one dev_write, but it moves no
 * bytes.
 */
MUST_CHECK int dev_zero(struct dev *dev, uint64_t block, uint32_t count);

/* Destroys the device (a decorator does not destroy what it stands on). NULL is allowed. */
void dev_destroy(struct dev *dev);

/* Blocks in all spans together. */
uint64_t dev_span_blocks(const struct dev_span *spans, uint32_t span_count);

/*
 * A device in sparse host memory: untouched blocks cost nothing and read zero. Every write is
 * durable at once. -EINVAL: bytes is 0 or not a multiple of a block; -ENOMEM.
 */
MUST_CHECK int dev_ram_new(struct alloc *a, uint64_t bytes, struct dev **out);

/* Kinds of requests. dev_zero counts as a write. */
enum dev_request { DEV_READ, DEV_WRITE, DEV_FLUSH, DEV_REQUESTS };

/* What a write that fails leaves behind. */
enum dev_tear {
    DEV_TEAR_NONE,  /* nothing: the lower device is not touched */
    DEV_TEAR_SHORT, /* the first few of its sectors, by seed */
    DEV_TEAR_ANY,   /* any of its sectors, by seed */
};

/*
 * A decorator that fails requests: the request of kind k that makes seen[k] equal to fail_at[k] (0:
 * none) reports `error` (negative errno; 0 stands for -EIO), and with sticky all later ones of that
 * kind too. Whoever sets fail_at also sets seen back to 0, so that it means "the n-th from now".
 * Besides, one request in a million fails per_million[k] times, by seed; such a fault is over with
 * its request.
 */
struct dev_faults {
    uint64_t fail_at[DEV_REQUESTS];
    uint64_t seen[DEV_REQUESTS];
    uint32_t per_million[DEV_REQUESTS];
    uint64_t seed; /* of per_million and tear */
    int error;
    bool sticky;
    enum dev_tear tear;
};

/*
 * `faults` belongs to the caller, outlives the device and may be changed at any time. `lower` stays
 * the caller's.
 */
MUST_CHECK int dev_faulty_new(struct alloc *a, struct dev *lower, struct dev_faults *faults,
                              struct dev **out);

#endif
