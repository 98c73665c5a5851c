/*
 * Block devices: one vtable, any number of implementations and decorators.
 *
 * Layer 3; knows nothing of pages or files. A *block* here is DEV_BLOCK_BYTES long; everything
 * above addresses the device in blocks.
 *
 * Ordering and durability: a write that returned 0 is visible to reads at once, and durable only
 * after a flush that returned 0. Until then a power cut may keep any part of it.
 */
#ifndef MAPWALK_DEV_DEV_H
#define MAPWALK_DEV_DEV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "event/event.h"

#define DEV_BLOCK_BYTES 1024u /* the smallest ext2 block; larger ones are runs of these */

struct dev;

struct dev_ops {
    /*
     * Reads/writes `count` blocks from `block`. All or -EIO (-ENOSPC for a write). Pre: in range. /
     */
    int (*read)(struct dev *dev, uint64_t block, uint32_t count, void *bytes);
    int (*write)(struct dev *dev, uint64_t block, uint32_t count, const void *bytes);
    int (*flush)(struct dev *dev);
    void (*destroy)(struct dev *dev);
    /*
     * Makes `count` blocks read zero, cheaper than by writing zeros. NULL: the device has no such
     * request. Pre: in range.
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
};

/* Embedded first in every device. */
struct dev {
    const struct dev_ops *ops;
    uint64_t blocks; /* size of the device */
    struct dev_counters counters;
    struct event_bus *bus; /* NULL: silent. Set by dev_attach */
    struct clock *clock;   /* NULL: free of time */
    uint32_t read_ns;      /* per request */
    uint32_t write_ns;
    uint32_t flush_ns;
    uint32_t byte_ps; /* per byte moved, in picoseconds */
};

/* From now on the device emits block_* events and puts its costs on the clock. */
void dev_attach(struct dev *dev, struct event_bus *bus, struct clock *clock);

/* Range-checked (-EINVAL), counted requests. 0, -EIO, -ENOSPC. count > 0. */
MUST_CHECK int dev_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes);
MUST_CHECK int dev_write(struct dev *dev, uint64_t block, uint32_t count, const void *bytes);
MUST_CHECK int dev_flush(struct dev *dev);

/*
 * Writes zeros: counted, charged and told like one dev_write (but it moves no bytes, so byte_ps is
 * not charged).
 */
MUST_CHECK int dev_zero(struct dev *dev, uint64_t block, uint32_t count);

/* Destroys the device (a decorator does not destroy what it stands on). NULL is allowed. */
void dev_destroy(struct dev *dev);

/*
 * A device in sparse host memory: untouched blocks cost nothing and read zero. -EINVAL: bytes is 0
 * or not a multiple of a block; -ENOMEM.
 */
MUST_CHECK int dev_ram_new(struct alloc *a, uint64_t bytes, struct dev **out);

/* What the fault decorator counts and fails. */
enum dev_request { DEV_READ, DEV_WRITE, DEV_FLUSH, DEV_REQUESTS };

/*
 * A decorator that fails requests: the request of kind k that makes seen[k] equal to fail_at[k] (0:
 * none) reports `error` (negative errno; 0 stands for -EIO), and with sticky all later ones of that
 * kind too. Whoever sets fail_at also sets seen back to 0, so that it means "the n-th from now".
 * The lower device is not touched by a failed request. dev_zero counts as a write.
 */
struct dev_faults {
    uint64_t fail_at[DEV_REQUESTS];
    uint64_t seen[DEV_REQUESTS];
    int error;
    bool sticky;
};

/*
 * `faults` belongs to the caller, outlives the device and may be changed at any time. `lower` stays
 * the caller's.
 */
MUST_CHECK int dev_faulty_new(struct alloc *a, struct dev *lower, struct dev_faults *faults,
                              struct dev **out);

#endif
