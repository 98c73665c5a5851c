/*
 * Interval map: disjoint, non-empty, half-open intervals of 64-bit keys, each with a value.
 *
 * A B+tree whose inner nodes keep, for every child, its extent and the largest gap at or below it,
 * so that lookup and gap search both cost O(log n) with few cache misses, from one interval to
 * millions. It is the index under the VMA set, and under whatever else keeps disjoint ranges.
 *
 * Invariants (imap_check proves them):
 *   I-IMAP-1  leaves hold intervals in ascending order, disjoint, start < end, linked in that order
 *   I-IMAP-2  every node but the root is at least half full; all leaves are at one depth
 *   I-IMAP-3  an inner node's slot has the first start and the last end below that child
 *   I-IMAP-4  a slot's gap is the larger of the distance to the slot before it in its node, and the
 *             largest gap of its child (the distance before the first slot of a node belongs to a
 *             slot of the parent)
 *   I-IMAP-5  the finger, if it has a leaf, is the way from the root to that leaf
 *
 * Who looks at one place mostly edits there next, and then looks again: the map keeps the way to
 * the leaf that it came to last (its finger), and begins there when the key is in that leaf.
 */
#ifndef MAPWALK_BASE_IMAP_H
#define MAPWALK_BASE_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/pool.h"

struct imap_node;

/* Two slots in the root and six in each node below make more than 2^64 intervals at this height. */
#define IMAP_LEVELS 26

/*
 * The way from the root to a slot of a leaf. node[i] and slot[i] belong to level i: 0 is the leaf,
 * height - 1 the root.
 */
struct imap_path {
    struct imap_node *node[IMAP_LEVELS];
    unsigned slot[IMAP_LEVELS];
};

struct imap {
    struct pool nodes; /* all nodes; reserved ahead by imap_reserve */
    struct imap_node *root;
    unsigned height;         /* 0: empty; 1: the root is a leaf */
    size_t count;            /* intervals */
    struct imap_path finger; /* no part of the map's value, so looking changes it too; node[0] NULL:
                                none. slot[0] means something only within one edit */
};

/*
 * A found interval. `leaf` and `slot` make imap_next cheap; any insert or erase makes them stale. /
 */
struct imap_entry {
    uint64_t start;
    uint64_t end;
    void *value;
    struct imap_node *leaf;
    unsigned slot;
};

/* An empty map; allocates nothing. */
void imap_init(struct imap *m, struct alloc *a);

/* Frees the nodes; the values belong to the caller. */
void imap_destroy(struct imap *m);

/* After 0, the next `inserts` insertions cannot fail. -ENOMEM: nothing changed. */
MUST_CHECK int imap_reserve(struct imap *m, unsigned inserts);

/*
 * Adds [start, end). Pre: start < end, no overlap with any interval (contract).
 * 0, or -ENOMEM with the map unchanged (not after a reserve that covers it).
 */
MUST_CHECK int imap_insert(struct imap *m, uint64_t start, uint64_t end, void *value);

/*
 * Removes the interval that starts at `start`; contract: there is one. Returns its value. Cannot
 * fail.
 */
void *imap_erase(struct imap *m, uint64_t start);

/*
 * Changes the bounds of the interval that starts at `old_start`, in place. Contract: it exists,
 * start < end and the new bounds overlap no neighbour (so the order is unchanged). Cannot fail.
 */
void imap_resize(struct imap *m, uint64_t old_start, uint64_t start, uint64_t end);

/*
 * Cuts the interval that starts at `start` in two at `at`, which lies inside it (contract): the
 * upper part gets `value`. As imap_resize and imap_insert, but never leaves a hole in between.
 * 0, or -ENOMEM with the map unchanged (not after a reserve of 1).
 */
MUST_CHECK int imap_split(struct imap *m, uint64_t start, uint64_t at, void *value);

/*
 * Joins the interval that starts at `start` and the one after it (contract: both exist) to one,
 * which covers the hole between them too and keeps the first one's value. Cannot fail.
 */
void imap_join(struct imap *m, uint64_t start);

/*
 * The first interval with end > key: the one that contains key, else the next above. False: none. /
 */
bool imap_find(const struct imap *m, uint64_t key, struct imap_entry *out);

/* The last interval with start < key: false when there is none. */
bool imap_find_before(const struct imap *m, uint64_t key, struct imap_entry *out);

/* Steps to the following / preceding interval; false (entry unchanged) at the end. */
bool imap_next(const struct imap *m, struct imap_entry *entry);
bool imap_prev(const struct imap *m, struct imap_entry *entry);

/*
 * Gap search inside [low, high): the highest (lowest) `*start` such that [*start, *start + bytes)
 * lies in [low, high) and overlaps no interval; that is, the highest gap taken at its upper end
 * (the lowest at its lower end). bytes > 0. True when found. O(log n).
 */
bool imap_gap_highest(const struct imap *m, uint64_t low, uint64_t high, uint64_t bytes,
                      uint64_t *start);
bool imap_gap_lowest(const struct imap *m, uint64_t low, uint64_t high, uint64_t bytes,
                     uint64_t *start);

/* Recomputes I-IMAP-1..5 from scratch. True when they hold. For debug builds and random tests. */
bool imap_check(const struct imap *m);

#endif
