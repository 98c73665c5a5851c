/*
 * A decorator that makes chosen requests fail, so that a test can break every one in turn.
 *
 * Layer 3. It stands on another device, which stays its owner's, and forwards to it through dev_*:
 * the lower device's counters therefore tell what really reached it.
 */
#include "base/list.h"
#include "dev/dev.h"

struct dev_faulty {
    struct dev dev;
    struct alloc *alloc;
    struct dev *lower;
    struct dev_faults *faults; /* the caller's */
};

static struct dev_faulty *dev_faulty_of(struct dev *dev)
{
    return container_of(dev, struct dev_faulty, dev);
}

/* Counts a request; its error when this one is to fail, else 0. */
static int dev_faulty_strike(struct dev *dev, enum dev_request kind)
{
    struct dev_faults *faults = dev_faulty_of(dev)->faults;
    uint64_t fail_at = faults->fail_at[kind];
    uint64_t seen = ++faults->seen[kind];

    if (fail_at == 0 || seen < fail_at || (seen > fail_at && !faults->sticky))
        return 0;
    return faults->error != 0 ? faults->error : -EIO;
}

static int dev_faulty_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    int err = dev_faulty_strike(dev, DEV_READ);

    return err != 0 ? err : dev_read(dev_faulty_of(dev)->lower, block, count, bytes);
}

static int dev_faulty_write(struct dev *dev, uint64_t block, uint32_t count, const void *bytes)
{
    int err = dev_faulty_strike(dev, DEV_WRITE);

    return err != 0 ? err : dev_write(dev_faulty_of(dev)->lower, block, count, bytes);
}

static int dev_faulty_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    int err = dev_faulty_strike(dev, DEV_WRITE);

    return err != 0 ? err : dev_zero(dev_faulty_of(dev)->lower, block, count);
}

static int dev_faulty_flush(struct dev *dev)
{
    int err = dev_faulty_strike(dev, DEV_FLUSH);

    return err != 0 ? err : dev_flush(dev_faulty_of(dev)->lower);
}

static void dev_faulty_destroy(struct dev *dev)
{
    struct dev_faulty *faulty = dev_faulty_of(dev);

    alloc_release(faulty->alloc, faulty);
}

static const struct dev_ops dev_faulty_ops = {
    .read = dev_faulty_read,
    .write = dev_faulty_write,
    .flush = dev_faulty_flush,
    .destroy = dev_faulty_destroy,
    .zero = dev_faulty_zero,
};

int dev_faulty_new(struct alloc *a, struct dev *lower, struct dev_faults *faults, struct dev **out)
{
    struct dev_faulty *faulty = alloc_zeroed(a, sizeof *faulty);

    if (faulty == NULL)
        return -ENOMEM;
    faulty->dev.ops = &dev_faulty_ops;
    faulty->dev.blocks = lower->blocks;
    faulty->alloc = a;
    faulty->lower = lower;
    faulty->faults = faults;
    *out = &faulty->dev;
    return 0;
}
