/*
 * The books of the volatile write cache, shared by its files.
 *
 * Layer 3, inside dev only. Every write makes a *version* of each of its blocks. The versions of a
 * block hang from its entry, oldest first; all versions together are also in the order of their
 * making; a request lives as long as one of its versions.
 *
 *   I-VOLATILE-5  an entry is in `blocks` exactly when it has a version
 *   I-VOLATILE-6  the versions of an entry, and `versions`, ascend by their request's number
 *   I-VOLATILE-7  a request's `left` is the number of its versions; it is in `requests` when > 0
 */
#ifndef MAPWALK_DEV_DEV_VOLATILE_INNER_H
#define MAPWALK_DEV_DEV_VOLATILE_INNER_H

#include "base/list.h"
#include "base/prng.h"
#include "base/radix.h"
#include "dev/dev_volatile.h"

enum volatile_power { VOLATILE_POWERED, VOLATILE_STOPPED, VOLATILE_OFF };

struct volatile_request {
    struct list link; /* in dev_volatile.requests */
    uint64_t number;  /* ascending */
    uint64_t left;
};

/* A block with pending versions. */
struct volatile_block {
    uint64_t block;
    struct list versions; /* of volatile_version.of_block, oldest first */
};

struct volatile_version {
    struct list of_block;
    struct list in_order; /* in dev_volatile.versions */
    struct volatile_block *home;
    struct volatile_request *request;
    bool zero;       /* has no bytes: the block reads zero */
    uint8_t bytes[]; /* DEV_BLOCK_BYTES */
};

struct dev_volatile {
    struct dev dev;
    struct alloc *alloc;
    struct dev *lower;
    struct dev_volatile_options options;
    struct radix blocks; /* block -> volatile_block */
    struct list versions;
    struct list requests;
    uint64_t version_count;
    uint64_t request_count;
    uint64_t request_number; /* the last given */
    uint64_t asked;          /* writes, zeros, flushes ever */
    struct prng reorder;
    enum volatile_power power;
    uint64_t cut_in; /* requests until the power goes; 0: it stays */
    uint64_t cut_seed;
    bool cut_decides; /* cut_at: what survives is decided at once */
};

static inline struct dev_volatile *dev_volatile_of(const struct dev *dev)
{
    return container_of(dev, struct dev_volatile, dev);
}

static inline struct volatile_version *volatile_version_of_block(struct list *node)
{
    return container_of(node, struct volatile_version, of_block);
}

static inline struct volatile_version *volatile_version_in_order(struct list *node)
{
    return container_of(node, struct volatile_version, in_order);
}

/* Pre: the block has a version, which holds for every entry. */
static inline struct volatile_version *volatile_block_newest(struct volatile_block *b)
{
    return volatile_version_of_block(b->versions.prev);
}

/* The bytes, or NULL: zeros. */
static inline const uint8_t *volatile_version_bytes(const struct volatile_version *version)
{
    return version->zero ? NULL : version->bytes;
}

/*
 * Makes a request pending, on top of what is; zero: `count` blocks of zeros, else the spans'. 0, or
 * -ENOMEM with everything as it was.
 */
MUST_CHECK int volatile_store_add(struct dev_volatile *v, uint64_t block,
                                  const struct dev_span *spans, uint32_t span_count);
MUST_CHECK int volatile_store_add_zeros(struct dev_volatile *v, uint64_t block, uint32_t count);

/* The first entry at or above `block`, or NULL. */
struct volatile_block *volatile_store_next(const struct dev_volatile *v, uint64_t block);

/* Forgets one version, all of an entry (which is gone then), those of a range, all. */
void volatile_store_drop(struct dev_volatile *v, struct volatile_version *version);
void volatile_store_drop_block(struct dev_volatile *v, struct volatile_block *b);
void volatile_store_drop_range(struct dev_volatile *v, uint64_t block, uint64_t count);
void volatile_store_drop_all(struct dev_volatile *v);

/* ---- neighbouring versions on their way down, as one request ---- */

#define VOLATILE_RUN_SPANS 64u

struct volatile_run {
    struct dev *lower;
    uint64_t block;
    uint32_t count; /* 0: empty */
    bool zero;
    struct dev_span spans[VOLATILE_RUN_SPANS];
};

/* Adds a version, writing what is there when it does not fit behind it. */
MUST_CHECK int volatile_run_add(struct volatile_run *run, const struct volatile_version *version);

/* Writes what is there. */
MUST_CHECK int volatile_run_end(struct volatile_run *run);

/* Writes the oldest versions down, or by seed any, until `count` more fit. Pre: they can. */
MUST_CHECK int volatile_store_make_room(struct dev_volatile *v, uint64_t count);

/* Writes the newest version of every block down; drops nothing. */
MUST_CHECK int volatile_store_write_all(struct dev_volatile *v);

#endif
