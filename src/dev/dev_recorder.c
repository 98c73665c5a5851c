/*
 * A decorator that keeps a record of every request.
 *
 * Layer 3; see dev_recorder.h. The place for a record is made before the request goes down, so that
 * none goes down unrecorded.
 */
#include "dev/dev_recorder.h"

#include <string.h>

#include "base/contract.h"
#include "base/list.h"

#define FIRST_ROOM 64u

struct dev_recorder {
    struct dev dev;
    struct alloc *alloc;
    struct dev *lower;
    bool data;
    struct dev_record *records;
    uint64_t count;
    uint64_t room;
};

static struct dev_recorder *dev_recorder_of(const struct dev *dev)
{
    return container_of(dev, struct dev_recorder, dev);
}

static int dev_recorder_reserve(struct dev_recorder *r)
{
    uint64_t room = r->room != 0 ? 2 * r->room : FIRST_ROOM;
    struct dev_record *records;

    if (r->count < r->room)
        return 0;
    records = alloc_resize(r->alloc, r->records, room * sizeof *records);
    if (records == NULL)
        return -ENOMEM;
    r->records = records;
    r->room = room;
    return 0;
}

/* A new record, which the result is still missing from; NULL: no memory. */
static struct dev_record *dev_recorder_note(struct dev *dev, enum dev_record_kind kind,
                                            uint64_t block, uint32_t count)
{
    struct dev_recorder *r = dev_recorder_of(dev);
    struct dev_record *record;

    if (dev_recorder_reserve(r) != 0)
        return NULL;
    record = &r->records[r->count];
    *record = (struct dev_record){.kind = kind, .block = block, .count = count};
    if (dev->clock != NULL)
        record->time_ns = dev->clock->now_ns;
    return record;
}

/* The record is complete and counts from now on. */
static int dev_recorder_close(struct dev *dev, struct dev_record *record, int result)
{
    record->result = result;
    dev_recorder_of(dev)->count++;
    return result;
}

static int dev_recorder_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    struct dev_record *record = dev_recorder_note(dev, DEV_RECORD_READ, block, count);

    if (record == NULL)
        return -ENOMEM;
    return dev_recorder_close(dev, record,
                              dev_read(dev_recorder_of(dev)->lower, block, count, bytes));
}

static uint8_t *dev_recorder_copy(struct alloc *a, const struct dev_span *spans,
                                  uint32_t span_count, uint64_t count)
{
    uint8_t *copy = alloc_zeroed(a, count * DEV_BLOCK_BYTES);
    uint8_t *to = copy;

    for (uint32_t i = 0; copy != NULL && i < span_count; i++) {
        memcpy(to, spans[i].bytes, (size_t)spans[i].blocks * DEV_BLOCK_BYTES);
        to += (size_t)spans[i].blocks * DEV_BLOCK_BYTES;
    }
    return copy;
}

static int dev_recorder_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                              uint32_t span_count, unsigned flags)
{
    struct dev_recorder *r = dev_recorder_of(dev);
    uint64_t count = dev_span_blocks(spans, span_count);
    struct dev_record *record = dev_recorder_note(dev, DEV_RECORD_WRITE, block, (uint32_t)count);

    if (record == NULL)
        return -ENOMEM;
    record->flags = flags;
    if (r->data) {
        record->bytes = dev_recorder_copy(r->alloc, spans, span_count, count);
        if (record->bytes == NULL)
            return -ENOMEM;
    }
    return dev_recorder_close(dev, record,
                              dev_write_gather(r->lower, block, spans, span_count, flags));
}

static int dev_recorder_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    struct dev_record *record = dev_recorder_note(dev, DEV_RECORD_ZERO, block, count);

    if (record == NULL)
        return -ENOMEM;
    return dev_recorder_close(dev, record, dev_zero(dev_recorder_of(dev)->lower, block, count));
}

static int dev_recorder_flush(struct dev *dev)
{
    struct dev_record *record = dev_recorder_note(dev, DEV_RECORD_FLUSH, 0, 0);

    if (record == NULL)
        return -ENOMEM;
    return dev_recorder_close(dev, record, dev_flush(dev_recorder_of(dev)->lower));
}

void dev_recorder_clear(struct dev *dev)
{
    struct dev_recorder *r = dev_recorder_of(dev);

    while (r->count > 0) /* the bytes are ours: record->bytes is const for the readers */
        alloc_release(r->alloc, (void *)(uintptr_t)r->records[--r->count].bytes);
}

static void dev_recorder_destroy(struct dev *dev)
{
    struct dev_recorder *r = dev_recorder_of(dev);

    dev_recorder_clear(dev);
    alloc_release(r->alloc, r->records);
    alloc_release(r->alloc, r);
}

static const struct dev_ops dev_recorder_ops = {
    .read = dev_recorder_read,
    .write = dev_recorder_write,
    .flush = dev_recorder_flush,
    .destroy = dev_recorder_destroy,
    .zero = dev_recorder_zero,
};

int dev_recorder_new(struct alloc *a, struct dev *lower, const struct dev_recorder_options *options,
                     struct dev **out)
{
    struct dev_recorder *r = alloc_zeroed(a, sizeof *r);

    if (r == NULL)
        return -ENOMEM;
    dev_init_above(&r->dev, &dev_recorder_ops, lower);
    r->alloc = a;
    r->lower = lower;
    r->data = options != NULL && options->data;
    *out = &r->dev;
    return 0;
}

uint64_t dev_recorder_count(const struct dev *dev)
{
    return dev_recorder_of(dev)->count;
}

const struct dev_record *dev_recorder_get(const struct dev *dev, uint64_t i)
{
    contract(i < dev_recorder_of(dev)->count);
    return &dev_recorder_of(dev)->records[i];
}

int dev_recorder_apply(const struct dev *dev, uint64_t i, struct dev *other)
{
    const struct dev_record *record = dev_recorder_get(dev, i);
    struct dev_span span = {record->bytes, record->count};

    switch (record->kind) {
    case DEV_RECORD_READ:
        return 0;
    case DEV_RECORD_WRITE:
        if (record->bytes == NULL)
            return -EINVAL;
        return dev_write_gather(other, record->block, &span, 1, record->flags);
    case DEV_RECORD_ZERO:
        return dev_zero(other, record->block, record->count);
    case DEV_RECORD_FLUSH:
        break;
    }
    return dev_flush(other);
}
