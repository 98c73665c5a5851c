/*
 * What every block device has in common: range checks, pieces, counters, simulated time, events.
 *
 * Layer 3; knows nothing of pages or files. Implementations and decorators supply the vtable only
 * and may rely on ranges being checked. A decorator calls dev_* on what it stands on, so counters
 * exist at each level; as a rule only the top one is attached to a bus and a clock, or every
 * request would be told and charged twice.
 *
 *   I-DEV-6  busy_until_ns is not before the end of any request so far; a foreground request ends
 *            when the clock says so
 */
#include "dev/dev.h"

#include "base/contract.h"

#define PS_PER_NS 1000u

/* Zeros for devices without a zero request, in pieces of this many blocks. */
#define ZERO_BLOCKS 4u

void dev_init(struct dev *dev, const struct dev_ops *ops, uint64_t blocks)
{
    *dev = (struct dev){.ops = ops, .blocks = blocks, .most_blocks = DEV_MOST_BLOCKS};
}

void dev_init_above(struct dev *dev, const struct dev_ops *ops, const struct dev *lower)
{
    dev_init(dev, ops, lower->blocks);
    dev->most_blocks = lower->most_blocks;
    dev->read_only = lower->read_only;
}

void dev_attach(struct dev *dev, struct event_bus *bus, struct clock *clock)
{
    dev->bus = bus;
    dev->clock = clock;
}

void dev_set_latency(struct dev *dev, const struct dev_latency *latency)
{
    contract(latency->seek_most_ns >= latency->seek_least_ns);
    dev->latency = *latency;
}

void dev_set_background(struct dev *dev, bool on)
{
    dev->background = on;
}

uint64_t dev_span_blocks(const struct dev_span *spans, uint32_t span_count)
{
    uint64_t blocks = 0;

    for (uint32_t i = 0; i < span_count; i++)
        blocks += spans[i].blocks;
    return blocks;
}

/* ---- what a request costs and who hears of it ---- */

static bool dev_in_range(const struct dev *dev, uint64_t block, uint64_t count)
{
    return count > 0 && block < dev->blocks && count <= dev->blocks - block;
}

static uint32_t dev_piece_blocks(const struct dev *dev, uint64_t count)
{
    uint32_t most = dev->most_blocks != 0 ? dev->most_blocks : DEV_MOST_BLOCKS;

    return count < most ? (uint32_t)count : most;
}

/*
 * Requests are served one by one, so each begins when the one before it has ended. In the
 * background only the device's time passes.
 */
static void dev_charge(struct dev *dev, uint64_t cost_ns)
{
    struct clock *clock = dev->clock;
    uint64_t start;

    if (clock == NULL)
        return;
    start = dev->busy_until_ns > clock->now_ns ? dev->busy_until_ns : clock->now_ns;
    dev->busy_until_ns = start + cost_ns;
    if (!dev->background)
        clock_advance(clock, dev->busy_until_ns - clock->now_ns);
}

/*
 * The way to the block, the request, its bytes. A failed request costs as much as one that
 * succeeds: the head has moved all the same.
 */
static void dev_charge_moved(struct dev *dev, uint64_t request_ns, uint64_t block, uint32_t count)
{
    uint64_t bytes = (uint64_t)count * DEV_BLOCK_BYTES;
    uint64_t cost_ns = request_ns + bytes * dev->latency.byte_ps / PS_PER_NS;

    cost_ns += dev_latency_seek_ns(&dev->latency, dev->blocks, dev->head_block, block);
    dev->head_block = block + count;
    dev_charge(dev, cost_ns);
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

/* ---- requests ---- */

static int dev_read_piece(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    int err;

    dev->counters.reads++;
    err = dev_account(dev, &dev->counters.blocks_read, count,
                      dev->ops->read(dev, block, count, bytes));
    dev_charge_moved(dev, dev->latency.read_ns, block, count);
    dev_tell(dev, MW_EVENT_BLOCK_READ, block, count, err);
    return err;
}

int dev_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    uint8_t *at = bytes;

    if (!dev_in_range(dev, block, count))
        return -EINVAL;
    while (count > 0) {
        uint32_t piece = dev_piece_blocks(dev, count);
        int err = dev_read_piece(dev, block, piece, at);

        if (err != 0)
            return err;
        block += piece;
        count -= piece;
        at += (size_t)piece * DEV_BLOCK_BYTES;
    }
    return 0;
}

/* `count` is what the spans have. */
static int dev_write_piece(struct dev *dev, uint64_t block, uint32_t count,
                           const struct dev_span *spans, uint32_t span_count, unsigned flags)
{
    bool fua = (flags & DEV_FUA) != 0;
    uint64_t request_ns = (uint64_t)dev->latency.write_ns + (fua ? dev->latency.flush_ns : 0);
    int err;

    dev->counters.writes++;
    dev->counters.fua_writes += fua;
    err = dev_account(dev, &dev->counters.blocks_written, count,
                      dev->ops->write(dev, block, spans, span_count, flags));
    dev_charge_moved(dev, request_ns, block, count);
    dev_tell(dev, MW_EVENT_BLOCK_WRITE, block, count, err);
    return err;
}

/* Where in an array of spans the next piece begins. */
struct dev_span_cursor {
    const struct dev_span *span;
    const struct dev_span *end;
    uint32_t done; /* blocks of *span already taken */
};

/* Moves the next `count` blocks of the cursor's spans to piece[]; how many spans they are. */
static uint32_t dev_span_take(struct dev_span_cursor *c, uint32_t count, struct dev_span *piece)
{
    uint32_t spans = 0;

    while (count > 0) {
        uint32_t left = c->span < c->end ? c->span->blocks - c->done : 0;
        uint32_t take = left < count ? left : count;

        contract(take > 0);
        piece[spans].bytes = (const uint8_t *)c->span->bytes + (size_t)c->done * DEV_BLOCK_BYTES;
        piece[spans++].blocks = take;
        count -= take;
        c->done += take;
        if (c->done == c->span->blocks)
            *c = (struct dev_span_cursor){.span = c->span + 1, .end = c->end};
    }
    return spans;
}

/* A span has at least one block, so a piece never has more spans than DEV_MOST_BLOCKS. */
static int dev_write_pieces(struct dev *dev, uint64_t block, uint64_t count,
                            const struct dev_span *spans, uint32_t span_count, unsigned flags)
{
    struct dev_span_cursor cursor = {.span = spans, .end = spans + span_count};
    struct dev_span piece[DEV_MOST_BLOCKS];

    while (count > 0) {
        uint32_t blocks = dev_piece_blocks(dev, count);
        uint32_t pieces = dev_span_take(&cursor, blocks, piece);
        int err = dev_write_piece(dev, block, blocks, piece, pieces, flags);

        if (err != 0)
            return err;
        block += blocks;
        count -= blocks;
    }
    return 0;
}

int dev_write_gather(struct dev *dev, uint64_t block, const struct dev_span *spans,
                     uint32_t span_count, unsigned flags)
{
    uint64_t count = dev_span_blocks(spans, span_count);

    if (!dev_in_range(dev, block, count))
        return -EINVAL;
    if (dev->read_only)
        return -EROFS;
    contract(dev->most_blocks <= DEV_MOST_BLOCKS);
    if (dev_piece_blocks(dev, count) == count)
        return dev_write_piece(dev, block, (uint32_t)count, spans, span_count, flags);
    return dev_write_pieces(dev, block, count, spans, span_count, flags);
}

int dev_write(struct dev *dev, uint64_t block, uint32_t count, const void *bytes)
{
    const struct dev_span span = {.bytes = bytes, .blocks = count};

    return dev_write_gather(dev, block, &span, 1, 0);
}

/* For devices that know no zero request: the same by plain writes, all of which count as one. */
static int dev_zero_by_writes(struct dev *dev, uint64_t block, uint32_t count)
{
    static const uint8_t zeros[ZERO_BLOCKS * DEV_BLOCK_BYTES];
    int err = 0;

    while (count > 0 && err == 0) {
        struct dev_span span = {zeros, count < ZERO_BLOCKS ? count : ZERO_BLOCKS};

        err = dev->ops->write(dev, block, &span, 1, 0);
        block += span.blocks;
        count -= span.blocks;
    }
    return err;
}

int dev_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    int err = -ENOTSUP;

    if (!dev_in_range(dev, block, count))
        return -EINVAL;
    if (dev->read_only)
        return -EROFS;
    dev->counters.writes++;
    if (dev->ops->zero != NULL)
        err = dev->ops->zero(dev, block, count);
    if (err == -ENOTSUP)
        err = dev_zero_by_writes(dev, block, count);
    err = dev_account(dev, &dev->counters.blocks_written, count, err);
    dev_charge(dev, dev->latency.zero_ns);
    dev_tell(dev, MW_EVENT_BLOCK_WRITE, block, count, err);
    return err;
}

int dev_flush(struct dev *dev)
{
    int err = dev->ops->flush(dev);

    dev->counters.flushes++;
    if (err != 0)
        dev->counters.errors++;
    dev_charge(dev, dev->latency.flush_ns);
    if (dev->bus != NULL)
        event_emit(dev->bus, MW_EVENT_BLOCK_FLUSH, (uint64_t)(int64_t)err);
    return err;
}

void dev_destroy(struct dev *dev)
{
    if (dev != NULL)
        dev->ops->destroy(dev);
}
