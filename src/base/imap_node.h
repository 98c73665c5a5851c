/*
 * Nodes of the interval map; private to imap*.c.
 *
 * A leaf and an inner node are the same: a row of slots, ascending, each an interval. In a leaf the
 * interval is one that was inserted, and `ref` its value. In an inner node it is the extent of a
 * child, [first start, last end), and `ref` the child. `gap` is the largest hole of a slot: the one
 * before it in its node, or one inside it. What a node tells its parent is therefore computed the
 * same way at every level, and so are search, insertion and removal.
 *
 *           inner  extent:  10..80         90..120
 *                  gap:     20             10 (the hole 80..90; inside are only 5)
 *                           |              |
 *           leaf   extent:  10..40 60..80  90..95 100..120
 *                  gap:     0      20      0      5
 *
 * The first slot of a node has no hole before it: that one belongs to a slot of the parent.
 * Starts lie together, and so do ends and gaps: a search reads one or two cache lines of a node.
 * Levels count from the leaves: 0 is a leaf, height - 1 the root.
 */
#ifndef MAPWALK_BASE_IMAP_NODE_H
#define MAPWALK_BASE_IMAP_NODE_H

#include <stdint.h>

#include "base/contract.h"
#include "base/imap.h"

/*
 * Measured: fewer slots make more levels, more slots make longer loops; 12 is best from 30
 * intervals to a million. A node is 416 bytes, and about ten slots full when intervals come in the
 * order of their addresses.
 */
#define IMAP_SLOTS     12
#define IMAP_SLOTS_MIN (IMAP_SLOTS / 2)

struct imap_node {
    unsigned count;
    uint64_t widest; /* the largest gap: kept, so that a parent need not scan for it */
    uint64_t start[IMAP_SLOTS];
    uint64_t end[IMAP_SLOTS];
    uint64_t gap[IMAP_SLOTS];
    void *ref[IMAP_SLOTS];  /* leaf: the caller's value; inner: struct imap_node * */
    struct imap_node *next; /* leaves only, in order; NULL at the ends */
    struct imap_node *prev;
};

/* A slot by value, without its gap, which depends on the node it is put into. */
struct imap_slot {
    uint64_t start;
    uint64_t end;
    void *ref;
};

static inline struct imap_node *imap_child(const struct imap_node *inner, unsigned slot)
{
    return inner->ref[slot];
}

/* Number of ascending bounds that are <= key. In steps of four, which mispredicts less. */
static inline unsigned imap_bounds_upto(const uint64_t *bounds, unsigned count, uint64_t key)
{
    unsigned slot = 0;
    while (slot + 4 <= count && bounds[slot + 3] <= key)
        slot += 4;
    while (slot < count && bounds[slot] <= key)
        slot++;
    return slot;
}

/* Number of slots with start <= key. */
static inline unsigned imap_node_starts_upto(const struct imap_node *node, uint64_t key)
{
    return imap_bounds_upto(node->start, node->count, key);
}

/* Number of slots with end <= key, which is the first slot with end > key. */
static inline unsigned imap_node_ends_upto(const struct imap_node *node, uint64_t key)
{
    return imap_bounds_upto(node->end, node->count, key);
}

/* The finger's leaf, when it may hold the key: that is, begins at or below it. Else NULL. */
static inline struct imap_node *imap_finger_leaf(const struct imap *m, uint64_t key)
{
    struct imap_node *leaf = m->finger.node[0];

    return leaf != NULL && leaf->start[0] <= key ? leaf : NULL;
}

/* The finger, which belongs to no caller's picture of the map, may change while it is only read. */
static inline struct imap_path *imap_finger(const struct imap *m)
{
    return &((struct imap *)(uintptr_t)m)->finger;
}

#endif
