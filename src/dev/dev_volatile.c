/*
 * The volatile write cache: requests, and when the power goes.
 *
 * Layer 3; a decorator, see dev_volatile.h. Its books are in dev_volatile_store.c, what a cut
 * leaves in dev_volatile_cut.c. A write that the cache has no memory for goes down at once, as for
 * lack of room: a decorator must not invent errors that its device does not have.
 */
#include "dev/dev_volatile.h"

#include <string.h>

#include "dev/dev_volatile_inner.h"

/* ---- power ---- */

/* Counts a request; true: the power goes during this one. Pre: powered. */
static bool volatile_strike(struct dev_volatile *v)
{
    v->asked++;
    return v->cut_in != 0 && --v->cut_in == 0;
}

/* The power goes; what was asked last, if a write, is pending. */
static int volatile_power_fails(struct dev_volatile *v)
{
    v->power = VOLATILE_STOPPED;
    if (v->cut_decides)
        dev_volatile_cut(&v->dev, v->cut_seed);
    return -EIO;
}

static void volatile_arm(struct dev *dev, uint64_t n, uint64_t seed, bool decides)
{
    struct dev_volatile *v = dev_volatile_of(dev);

    v->cut_in = n;
    v->cut_seed = seed;
    v->cut_decides = decides;
}

void dev_volatile_cut_at(struct dev *dev, uint64_t n, uint64_t seed)
{
    volatile_arm(dev, n, seed, true);
}

void dev_volatile_stop_at(struct dev *dev, uint64_t n)
{
    volatile_arm(dev, n, 0, false);
}

void dev_volatile_power_on(struct dev *dev)
{
    struct dev_volatile *v = dev_volatile_of(dev);

    if (v->power != VOLATILE_POWERED)
        volatile_store_drop_all(v);
    v->power = VOLATILE_POWERED;
    v->cut_in = 0;
}

bool dev_volatile_is_powered(const struct dev *dev)
{
    return dev_volatile_of(dev)->power == VOLATILE_POWERED;
}

uint64_t dev_volatile_pending(const struct dev *dev)
{
    return dev_volatile_of(dev)->request_count;
}

uint64_t dev_volatile_requests(const struct dev *dev)
{
    return dev_volatile_of(dev)->asked;
}

/* ---- requests ---- */

static int dev_volatile_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    struct dev_volatile *v = dev_volatile_of(dev);
    struct volatile_block *b;
    int err = v->power == VOLATILE_POWERED ? dev_read(v->lower, block, count, bytes) : -EIO;

    if (err != 0)
        return err;
    for (b = volatile_store_next(v, block); b != NULL && b->block - block < count;
         b = volatile_store_next(v, b->block + 1)) {
        uint8_t *to = (uint8_t *)bytes + (b->block - block) * DEV_BLOCK_BYTES;
        const uint8_t *newest = volatile_version_bytes(volatile_block_newest(b));

        if (newest != NULL)
            memcpy(to, newest, DEV_BLOCK_BYTES);
        else
            memset(to, 0, DEV_BLOCK_BYTES);
    }
    return 0;
}

/* Straight down; what was pending of those blocks is superseded. */
static int volatile_write_through(struct dev_volatile *v, uint64_t block,
                                  const struct dev_span *spans, uint32_t span_count, unsigned flags)
{
    int err = dev_write_gather(v->lower, block, spans, span_count, flags);

    if (err == 0)
        volatile_store_drop_range(v, block, dev_span_blocks(spans, span_count));
    return err;
}

static int dev_volatile_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                              uint32_t span_count, unsigned flags)
{
    struct dev_volatile *v = dev_volatile_of(dev);
    uint64_t count = dev_span_blocks(spans, span_count);
    int err;

    if (v->power != VOLATILE_POWERED)
        return -EIO;
    if (volatile_strike(v)) {
        err = volatile_store_add(v, block, spans, span_count);
        (void)err; /* no memory: nothing of it was on its way yet */
        return volatile_power_fails(v);
    }
    if (v->options.ignore_flush)
        flags &= ~DEV_FUA;
    if ((flags & DEV_FUA) != 0 || count > v->options.capacity_blocks)
        return volatile_write_through(v, block, spans, span_count, flags);
    err = volatile_store_make_room(v, count);
    if (err != 0)
        return err;
    if (volatile_store_add(v, block, spans, span_count) == 0)
        return 0;
    return volatile_write_through(v, block, spans, span_count, flags);
}

static int volatile_zero_through(struct dev_volatile *v, uint64_t block, uint32_t count)
{
    int err = dev_zero(v->lower, block, count);

    if (err == 0)
        volatile_store_drop_range(v, block, count);
    return err;
}

static int dev_volatile_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    struct dev_volatile *v = dev_volatile_of(dev);
    int err;

    if (v->power != VOLATILE_POWERED)
        return -EIO;
    if (volatile_strike(v)) {
        err = volatile_store_add_zeros(v, block, count);
        (void)err; /* as for a write */
        return volatile_power_fails(v);
    }
    if (count > v->options.capacity_blocks)
        return volatile_zero_through(v, block, count);
    err = volatile_store_make_room(v, count);
    if (err != 0)
        return err;
    return volatile_store_add_zeros(v, block, count) == 0 ? 0
                                                          : volatile_zero_through(v, block, count);
}

/*
 * What has reached the lower device without its flush having succeeded stays pending as well:
 * nothing is forgotten before it is safe.
 */
static int dev_volatile_flush(struct dev *dev)
{
    struct dev_volatile *v = dev_volatile_of(dev);
    int err;

    if (v->power != VOLATILE_POWERED)
        return -EIO;
    if (volatile_strike(v))
        return volatile_power_fails(v);
    if (v->options.ignore_flush)
        return 0;
    err = volatile_store_write_all(v);
    if (err == 0)
        err = dev_flush(v->lower);
    if (err == 0)
        volatile_store_drop_all(v);
    return err;
}

/* What was not flushed is lost, as with any disk that is unplugged. */
static void dev_volatile_destroy(struct dev *dev)
{
    struct dev_volatile *v = dev_volatile_of(dev);

    volatile_store_drop_all(v);
    radix_destroy(&v->blocks);
    alloc_release(v->alloc, v);
}

static const struct dev_ops dev_volatile_ops = {
    .read = dev_volatile_read,
    .write = dev_volatile_write,
    .flush = dev_volatile_flush,
    .destroy = dev_volatile_destroy,
    .zero = dev_volatile_zero,
};

int dev_volatile_new(struct alloc *a, struct dev *lower, const struct dev_volatile_options *options,
                     struct dev **out)
{
    struct dev_volatile *v = alloc_zeroed(a, sizeof *v);

    if (v == NULL)
        return -ENOMEM;
    dev_init_above(&v->dev, &dev_volatile_ops, lower);
    v->alloc = a;
    v->lower = lower;
    if (options != NULL)
        v->options = *options;
    if (v->options.capacity_blocks == 0)
        v->options.capacity_blocks = DEV_VOLATILE_BLOCKS;
    radix_init(&v->blocks, a);
    list_init(&v->versions);
    list_init(&v->requests);
    prng_seed(&v->reorder, v->options.reorder_seed);
    *out = &v->dev;
    return 0;
}

/* ---- the checker ---- */

/* I-VOLATILE-6 for the versions of one block; how many they are, or 0: broken. */
static uint64_t volatile_check_block(struct volatile_block *b)
{
    uint64_t count = 0;
    uint64_t number = 0;

    list_for_each (node, &b->versions) {
        const struct volatile_version *version = volatile_version_of_block(node);

        if (version->home != b || version->request->number <= number)
            return 0;
        number = version->request->number;
        count++;
    }
    return count;
}

/* I-VOLATILE-5 and -6. */
static bool volatile_check_blocks(const struct dev_volatile *v)
{
    uint64_t total = 0;

    for (struct volatile_block *b = volatile_store_next(v, 0); b != NULL;
         b = volatile_store_next(v, b->block + 1)) {
        uint64_t count = volatile_check_block(b);

        if (count == 0 || b->block >= v->dev.blocks)
            return false;
        total += count;
    }
    return total == v->version_count && radix_check(&v->blocks);
}

/* I-VOLATILE-6 and -7: in order of age, the versions of a request stand together. */
static bool volatile_check_requests(const struct dev_volatile *v)
{
    const struct list *version = v->versions.next;
    uint64_t requests = 0;
    uint64_t versions = 0;
    uint64_t number = 0;

    list_for_each (node, &v->requests) {
        struct volatile_request *request = container_of(node, struct volatile_request, link);

        if (request->number <= number || request->left == 0)
            return false;
        number = request->number;
        requests++;
        for (uint64_t i = 0; i < request->left; i++, version = version->next, versions++)
            if (version == &v->versions ||
                volatile_version_in_order((struct list *)version)->request != request)
                return false;
    }
    return requests == v->request_count && versions == v->version_count && version == &v->versions;
}

bool dev_volatile_check(const struct dev *dev)
{
    const struct dev_volatile *v = dev_volatile_of(dev);

    return volatile_check_blocks(v) && volatile_check_requests(v) &&
           (v->power != VOLATILE_OFF || v->version_count == 0);
}
