/*
 * What every block device has in common: range checks, counters, simulated cost and events.
 *
 * Layer 3; knows nothing of pages or files. Implementations and decorators supply the vtable only
 * and may rely on ranges being checked. A decorator calls dev_* on what it stands on, so counters
 * exist at each level; as a rule only the top one is attached to a bus and a clock, or every
 * request would be told and charged twice.
 */
#include "dev/dev.h"

#define PS_PER_NS 1000u

/* Zeros for devices without a zero request, in pieces of this many blocks. */
#define ZERO_BLOCKS 4u

static bool dev_in_range(const struct dev *dev, uint64_t block, uint32_t count)
{
    return count > 0 && block < dev->blocks && count <= dev->blocks - block;
}

/* A failed request costs as much as one that succeeds: the head has moved all the same. */
static void dev_charge(struct dev *dev, uint32_t request_ns, uint64_t bytes)
{
    if (dev->clock != NULL)
        clock_advance(dev->clock, request_ns + bytes * dev->byte_ps / PS_PER_NS);
}

static void dev_tell(struct dev *dev, enum mw_event_kind kind, uint64_t block, uint32_t count,
                     int result)
{
    if (dev->bus != NULL)
        event_emit(dev->bus, kind, block, count, (uint64_t)(int64_t)result);
}

/* Books the outcome of a request that moved blocks. */
static int dev_account(struct dev *dev, uint64_t *blocks_moved, uint32_t count, int err)
{
    if (err == 0)
        *blocks_moved += count;
    else
        dev->counters.errors++;
    return err;
}

void dev_attach(struct dev *dev, struct event_bus *bus, struct clock *clock)
{
    dev->bus = bus;
    dev->clock = clock;
}

int dev_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    int err;

    if (!dev_in_range(dev, block, count))
        return -EINVAL;
    dev->counters.reads++;
    err = dev_account(dev, &dev->counters.blocks_read, count,
                      dev->ops->read(dev, block, count, bytes));
    dev_charge(dev, dev->read_ns, (uint64_t)count * DEV_BLOCK_BYTES);
    dev_tell(dev, MW_EVENT_BLOCK_READ, block, count, err);
    return err;
}

int dev_write(struct dev *dev, uint64_t block, uint32_t count, const void *bytes)
{
    int err;

    if (!dev_in_range(dev, block, count))
        return -EINVAL;
    dev->counters.writes++;
    err = dev_account(dev, &dev->counters.blocks_written, count,
                      dev->ops->write(dev, block, count, bytes));
    dev_charge(dev, dev->write_ns, (uint64_t)count * DEV_BLOCK_BYTES);
    dev_tell(dev, MW_EVENT_BLOCK_WRITE, block, count, err);
    return err;
}

/* For devices that know no zero request: the same by plain writes, all of which count as one. */
static int dev_zero_by_writes(struct dev *dev, uint64_t block, uint32_t count)
{
    static const uint8_t zeros[ZERO_BLOCKS * DEV_BLOCK_BYTES];
    int err = 0;

    while (count > 0 && err == 0) {
        uint32_t piece = count < ZERO_BLOCKS ? count : ZERO_BLOCKS;

        err = dev->ops->write(dev, block, piece, zeros);
        block += piece;
        count -= piece;
    }
    return err;
}

int dev_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    int err;

    if (!dev_in_range(dev, block, count))
        return -EINVAL;
    dev->counters.writes++;
    err = dev->ops->zero != NULL ? dev->ops->zero(dev, block, count)
                                 : dev_zero_by_writes(dev, block, count);
    err = dev_account(dev, &dev->counters.blocks_written, count, err);
    dev_charge(dev, dev->write_ns, 0);
    dev_tell(dev, MW_EVENT_BLOCK_WRITE, block, count, err);
    return err;
}

int dev_flush(struct dev *dev)
{
    int err = dev->ops->flush(dev);

    dev->counters.flushes++;
    if (err != 0)
        dev->counters.errors++;
    dev_charge(dev, dev->flush_ns, 0);
    if (dev->bus != NULL)
        event_emit(dev->bus, MW_EVENT_BLOCK_FLUSH, (uint64_t)(int64_t)err);
    return err;
}

void dev_destroy(struct dev *dev)
{
    if (dev != NULL)
        dev->ops->destroy(dev);
}
