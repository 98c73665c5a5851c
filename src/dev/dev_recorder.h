/*
 * A decorator that keeps a record of every request, so that a test can look at them, or do some of
 * them again on another device.
 *
 * Layer 3. A request of which no record can be kept (no memory) is -ENOMEM and does not reach the
 * lower device: the record is complete or the request did not happen.
 */
#ifndef MAPWALK_DEV_DEV_RECORDER_H
#define MAPWALK_DEV_DEV_RECORDER_H

#include "dev/dev.h"

enum dev_record_kind {
    DEV_RECORD_READ,
    DEV_RECORD_WRITE,
    DEV_RECORD_ZERO,
    DEV_RECORD_FLUSH,
};

struct dev_record {
    enum dev_record_kind kind;
    uint64_t block; /* 0 for a flush */
    uint32_t count; /* blocks; 0 for a flush */
    unsigned flags; /* of a write */
    int result;
    uint64_t time_ns;     /* when it was asked; 0 while the recorder has no clock */
    const uint8_t *bytes; /* of a write, when .data was asked for; else NULL. The recorder's */
};

struct dev_recorder_options {
    bool data; /* keep the bytes of writes, too */
};

/* `lower` stays the caller's. NULL options: all 0. -ENOMEM. */
MUST_CHECK int dev_recorder_new(struct alloc *a, struct dev *lower,
                                const struct dev_recorder_options *options, struct dev **out);

uint64_t dev_recorder_count(const struct dev *dev);

/* The i-th request, from 0; pre: i < count. Valid until the next request, clear or destroy. */
const struct dev_record *dev_recorder_get(const struct dev *dev, uint64_t i);

/* Forgets all records. */
void dev_recorder_clear(struct dev *dev);

/*
 * Does the i-th request again on another device, which must be at least as large: 0 or what that
 * reports. A read is nothing to do; -EINVAL for a write whose bytes were not kept.
 */
MUST_CHECK int dev_recorder_apply(const struct dev *dev, uint64_t i, struct dev *other);

#endif
