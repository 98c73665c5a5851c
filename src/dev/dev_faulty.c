/*
 * A decorator that makes chosen requests fail, so that a test can break every one in turn.
 *
 * Layer 3. It stands on another device, which stays its owner's, and forwards to it through dev_*:
 * the lower device's counters therefore tell what really reached it. What is random comes from the
 * seed and the number of the request alone, so that a run can be repeated.
 */
#include "base/list.h"
#include "base/prng.h"
#include "dev/dev.h"
#include "dev/dev_sectors.h"

#define MILLION 1000000u

struct dev_faulty {
    struct dev dev;
    struct alloc *alloc;
    struct dev *lower;
    struct dev_faults *faults; /* the caller's */
    uint64_t requests;         /* ever seen; the place in the random sequence */
};

static struct dev_faulty *dev_faulty_of(struct dev *dev)
{
    return container_of(dev, struct dev_faulty, dev);
}

/* A number of this request's own. */
static uint64_t dev_faulty_random(const struct dev_faulty *faulty)
{
    return prng_mix(prng_mix(faulty->faults->seed) + faulty->requests);
}

static bool dev_faulty_is_due(const struct dev_faults *faults, enum dev_request kind)
{
    uint64_t fail_at = faults->fail_at[kind];
    uint64_t seen = faults->seen[kind];

    return fail_at != 0 && (seen == fail_at || (seen > fail_at && faults->sticky));
}

/* Counts a request; its error when this one is to fail, else 0. */
static int dev_faulty_strike(struct dev *dev, enum dev_request kind)
{
    struct dev_faulty *faulty = dev_faulty_of(dev);
    struct dev_faults *faults = faulty->faults;

    faulty->requests++;
    faults->seen[kind]++;
    if (!dev_faulty_is_due(faults, kind) &&
        dev_faulty_random(faulty) % MILLION >= faults->per_million[kind])
        return 0;
    return faults->error != 0 ? faults->error : -EIO;
}

static int dev_faulty_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    int err = dev_faulty_strike(dev, DEV_READ);

    return err != 0 ? err : dev_read(dev_faulty_of(dev)->lower, block, count, bytes);
}

/* ---- writes, which may be torn ---- */

/* Which sectors of a failing write get through, block after block. */
struct dev_faulty_tear {
    enum dev_tear kind;
    struct prng prng;
    uint64_t sectors_left; /* DEV_TEAR_SHORT */
};

static struct dev_faulty_tear dev_faulty_tear_begin(struct dev_faulty *faulty, uint64_t blocks)
{
    struct dev_faulty_tear tear = {.kind = faulty->faults->tear};

    prng_seed(&tear.prng, dev_faulty_random(faulty));
    if (tear.kind == DEV_TEAR_SHORT) /* a failing write is never whole */
        tear.sectors_left = prng_below(&tear.prng, blocks * DEV_BLOCK_SECTORS);
    return tear;
}

static unsigned dev_faulty_tear_next(struct dev_faulty_tear *tear)
{
    unsigned sectors = 0;

    if (tear->kind == DEV_TEAR_ANY)
        return (unsigned)prng_below(&tear->prng, DEV_BLOCK_WHOLE + 1);
    for (unsigned i = 0; i < DEV_BLOCK_SECTORS && tear->sectors_left > 0; i++) {
        sectors |= 1u << i;
        tear->sectors_left--;
    }
    return sectors;
}

/* A block that the lower device refuses stays as it is, which is as good a tear as any. */
static void dev_faulty_tear_block(struct dev_faulty *faulty, struct dev_faulty_tear *tear,
                                  uint64_t block, const uint8_t *bytes)
{
    int err = dev_sectors_write(faulty->lower, block, bytes, dev_faulty_tear_next(tear));

    (void)err;
}

static void dev_faulty_tear_write(struct dev_faulty *faulty, uint64_t block,
                                  const struct dev_span *spans, uint32_t span_count)
{
    struct dev_faulty_tear tear = dev_faulty_tear_begin(faulty, dev_span_blocks(spans, span_count));

    for (uint32_t i = 0; i < span_count; i++) {
        const uint8_t *bytes = spans[i].bytes;

        for (uint32_t j = 0; j < spans[i].blocks; j++, bytes += DEV_BLOCK_BYTES)
            dev_faulty_tear_block(faulty, &tear, block++, bytes);
    }
}

static int dev_faulty_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                            uint32_t span_count, unsigned flags)
{
    struct dev_faulty *faulty = dev_faulty_of(dev);
    int err = dev_faulty_strike(dev, DEV_WRITE);

    if (err == 0)
        return dev_write_gather(faulty->lower, block, spans, span_count, flags);
    if (faulty->faults->tear != DEV_TEAR_NONE)
        dev_faulty_tear_write(faulty, block, spans, span_count);
    return err;
}

static int dev_faulty_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    struct dev_faulty *faulty = dev_faulty_of(dev);
    int err = dev_faulty_strike(dev, DEV_WRITE);
    struct dev_faulty_tear tear;

    if (err == 0)
        return dev_zero(faulty->lower, block, count);
    if (faulty->faults->tear == DEV_TEAR_NONE)
        return err;
    tear = dev_faulty_tear_begin(faulty, count);
    for (uint32_t i = 0; i < count; i++)
        dev_faulty_tear_block(faulty, &tear, block + i, NULL);
    return err;
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
    dev_init_above(&faulty->dev, &dev_faulty_ops, lower);
    faulty->alloc = a;
    faulty->lower = lower;
    faulty->faults = faults;
    *out = &faulty->dev;
    return 0;
}
