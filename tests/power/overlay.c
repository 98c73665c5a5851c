/* The copy-on-write device of the power-cut campaign: see overlay.h. */
#include "power/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/list.h"
#include "base/prng.h"

struct overlay {
    struct dev dev;
    struct dev *lower;
    uint8_t **copies;  /* one a block; NULL: the lower device's */
    uint64_t *touched; /* the blocks that have a copy, in the order in which they got it */
    uint64_t touched_count;
    uint8_t **spare; /* copies that a reset left */
    uint64_t spare_count;
};

static struct overlay *overlay_of(const struct dev *dev)
{
    return container_of(dev, struct overlay, dev);
}

/* The copy of a block, made when there is none; its bytes are the caller's to fill. */
static uint8_t *overlay_copy(struct overlay *o, uint64_t block)
{
    if (o->copies[block] == NULL) {
        o->copies[block] =
            o->spare_count > 0 ? o->spare[--o->spare_count] : malloc(DEV_BLOCK_BYTES);
        contract(o->copies[block] != NULL);
        o->touched[o->touched_count++] = block;
    }
    return o->copies[block];
}

/* Runs of blocks that were not written are one request below. */
static int overlay_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    struct overlay *o = overlay_of(dev);
    uint8_t *to = bytes;

    for (uint32_t i = 0; i < count;) {
        uint32_t run = 0;

        while (i + run < count && o->copies[block + i + run] == NULL)
            run++;
        if (run > 0 && dev_read(o->lower, block + i, run, to + (size_t)i * DEV_BLOCK_BYTES) != 0)
            return -EIO;
        i += run;
        if (i < count) {
            memcpy(to + (size_t)i * DEV_BLOCK_BYTES, o->copies[block + i], DEV_BLOCK_BYTES);
            i++;
        }
    }
    return 0;
}

static int overlay_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                         uint32_t span_count, unsigned flags)
{
    struct overlay *o = overlay_of(dev);

    (void)flags;
    for (uint32_t s = 0; s < span_count; s++) {
        const uint8_t *from = spans[s].bytes;

        for (uint32_t i = 0; i < spans[s].blocks; i++, from += DEV_BLOCK_BYTES)
            memcpy(overlay_copy(o, block++), from, DEV_BLOCK_BYTES);
    }
    return 0;
}

static int overlay_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    struct overlay *o = overlay_of(dev);

    for (uint32_t i = 0; i < count; i++)
        memset(overlay_copy(o, block + i), 0, DEV_BLOCK_BYTES);
    return 0;
}

static int overlay_flush(struct dev *dev)
{
    (void)dev;
    return 0;
}

static void overlay_destroy(struct dev *dev)
{
    struct overlay *o = overlay_of(dev);

    overlay_reset(dev);
    while (o->spare_count > 0)
        free(o->spare[--o->spare_count]);
    free(o->spare);
    free(o->touched);
    free(o->copies);
    free(o);
}

static const struct dev_ops overlay_ops = {
    .read = overlay_read,
    .write = overlay_write,
    .flush = overlay_flush,
    .destroy = overlay_destroy,
    .zero = overlay_zero,
};

struct dev *overlay_new(struct dev *lower)
{
    struct overlay *o = calloc(1, sizeof *o);

    contract(o != NULL);
    dev_init_above(&o->dev, &overlay_ops, lower);
    o->lower = lower;
    o->copies = calloc(lower->blocks, sizeof *o->copies);
    o->touched = calloc(lower->blocks, sizeof *o->touched);
    o->spare = calloc(lower->blocks, sizeof *o->spare);
    contract(o->copies != NULL && o->touched != NULL && o->spare != NULL);
    return &o->dev;
}

void overlay_reset(struct dev *dev)
{
    struct overlay *o = overlay_of(dev);

    while (o->touched_count > 0) {
        uint64_t block = o->touched[--o->touched_count];

        o->spare[o->spare_count++] = o->copies[block];
        o->copies[block] = NULL;
    }
}

/* A sum over the blocks, so that the order in which they were written does not matter. */
uint64_t overlay_hash(const struct dev *dev)
{
    const struct overlay *o = overlay_of(dev);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < o->touched_count; i++) {
        uint64_t hash = prng_mix(o->touched[i] + 1);
        uint64_t word;

        for (unsigned at = 0; at < DEV_BLOCK_BYTES; at += sizeof word) {
            memcpy(&word, o->copies[o->touched[i]] + at, sizeof word);
            hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
            hash ^= hash >> 29;
        }
        sum += hash;
    }
    return sum;
}
