/*
 * The disk that fails one chosen request, and knows what it was for.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "power/errors.h"

struct errors_disk {
    struct dev dev;
    struct dev *lower;
    struct errors_plan plan;
    bool paused;
    uint64_t seen[DEV_REQUESTS];
    uint64_t failed[ERRORS_WHATS];
};

static struct errors_disk *errors_disk_of(struct dev *dev)
{
    return container_of(dev, struct errors_disk, dev);
}

/* The error of this request, or 0. */
static int errors_disk_strike(struct errors_disk *disk, enum dev_request kind,
                              enum errors_what what)
{
    const struct errors_plan *plan = &disk->plan;
    uint64_t seen;

    if (disk->paused)
        return 0;
    seen = ++disk->seen[kind];
    if (plan->at == 0 || plan->kind != kind || seen < plan->at ||
        (seen > plan->at && !plan->sticky))
        return 0;
    disk->failed[what]++;
    return plan->error;
}

static int errors_disk_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    struct errors_disk *disk = errors_disk_of(dev);
    int err = errors_disk_strike(disk, DEV_READ, ERRORS_READ);

    return err != 0 ? err : dev_read(disk->lower, block, count, bytes);
}

#define LOOK_BYTES 8u

static bool errors_disk_all(const uint8_t *bytes, int (*is)(int))
{
    for (unsigned i = 0; i < LOOK_BYTES; i++)
        if (!is(bytes[i]))
            return false;
    return true;
}

static bool errors_disk_is_zero(const struct dev_span *span)
{
    const uint8_t *bytes = span->bytes;
    size_t count = (size_t)span->blocks * DEV_BLOCK_BYTES;

    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

/* A page may begin or end in a hole. */
static enum errors_what errors_disk_look(const struct dev_span *span)
{
    for (uint64_t block = 0; block < span->blocks; block++) {
        const uint8_t *start = (const uint8_t *)span->bytes + block * DEV_BLOCK_BYTES;
        const uint8_t *last = start + DEV_BLOCK_BYTES - LOOK_BYTES;

        if (errors_disk_all(start, islower) || errors_disk_all(last, islower))
            return ERRORS_DATA;
        if (errors_disk_all(start, isupper) || errors_disk_all(last, isupper))
            return ERRORS_OTHER;
    }
    return errors_disk_is_zero(span) ? ERRORS_ZEROS : ERRORS_METADATA;
}

static int errors_disk_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                             uint32_t span_count, unsigned flags)
{
    struct errors_disk *disk = errors_disk_of(dev);
    int err = errors_disk_strike(disk, DEV_WRITE, errors_disk_look(&spans[0]));

    if (err == 0)
        return dev_write_gather(disk->lower, block, spans, span_count, flags);
    if (disk->plan.torn && spans[0].blocks > 1)
        assert_int_equal(dev_write(disk->lower, block, spans[0].blocks / 2, spans[0].bytes), 0);
    return err;
}

static int errors_disk_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    struct errors_disk *disk = errors_disk_of(dev);
    int err = errors_disk_strike(disk, DEV_WRITE, ERRORS_METADATA);

    return err != 0 ? err : dev_zero(disk->lower, block, count);
}

static int errors_disk_flush(struct dev *dev)
{
    struct errors_disk *disk = errors_disk_of(dev);
    int err = errors_disk_strike(disk, DEV_FLUSH, ERRORS_FLUSH);

    return err != 0 ? err : dev_flush(disk->lower);
}

static void errors_disk_destroy(struct dev *dev)
{
    free(errors_disk_of(dev));
}

struct dev *errors_disk_new(struct dev *lower)
{
    static const struct dev_ops ops = {.read = errors_disk_read,
                                       .write = errors_disk_write,
                                       .flush = errors_disk_flush,
                                       .destroy = errors_disk_destroy,
                                       .zero = errors_disk_zero};
    struct errors_disk *disk = calloc(1, sizeof(*disk));

    assert_non_null(disk);
    dev_init_above(&disk->dev, &ops, lower);
    disk->lower = lower;
    return &disk->dev;
}

void errors_disk_arm(struct dev *dev, const struct errors_plan *plan)
{
    struct errors_disk *disk = errors_disk_of(dev);

    disk->plan = *plan;
    for (unsigned kind = 0; kind < DEV_REQUESTS; kind++)
        disk->seen[kind] = 0;
}

void errors_disk_pause(struct dev *dev, bool paused)
{
    errors_disk_of(dev)->paused = paused;
}

uint64_t errors_disk_failed(const struct dev *dev, enum errors_what what)
{
    return container_of(dev, const struct errors_disk, dev)->failed[what];
}

uint64_t errors_disk_seen(const struct dev *dev, enum dev_request kind)
{
    return container_of(dev, const struct errors_disk, dev)->seen[kind];
}
