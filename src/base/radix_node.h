/*
 * Nodes of the radix tree; private to radix*.c.
 *
 * A node spends six bits of the index: 64 slots, and for each kind of mark a word with one bit a
 * slot. `present` is kept like a tag, so that "next entry" and "next tagged entry" are one search
 * with another map. Levels count from the bottom: the slots of level 0 hold values, those above
 * hold nodes.
 */
#ifndef MAPWALK_BASE_RADIX_NODE_H
#define MAPWALK_BASE_RADIX_NODE_H

#include "base/radix.h"

#define RADIX_BITS  6
#define RADIX_SLOTS (1u << RADIX_BITS)

/* 64 bits of index in steps of six; the top level then uses only four bits. */
#define RADIX_LEVELS 11

/* Maps of a node: 0..RADIX_TAGS-1 are the tags, then which slots are in use. */
#define RADIX_PRESENT RADIX_TAGS
#define RADIX_MAPS    (RADIX_TAGS + 1)

struct radix_node {
    uint64_t maps[RADIX_MAPS];
    void *slots[RADIX_SLOTS];
};

/* The slot of `index` in a node of `level`. */
static inline unsigned radix_slot(uint64_t index, unsigned level)
{
    return (unsigned)(index >> (level * RADIX_BITS)) & (RADIX_SLOTS - 1);
}

static inline uint64_t radix_bit(unsigned slot)
{
    return (uint64_t)1 << slot;
}

/* The index with all that lies below `level` set to zero; level RADIX_LEVELS leaves nothing. */
static inline uint64_t radix_index_above(uint64_t index, unsigned level)
{
    if (level >= RADIX_LEVELS) /* the shift would be 66 bits, which C does not define */
        return 0;
    return index >> (level * RADIX_BITS) << (level * RADIX_BITS);
}

/* Does a tree of this height have a place for index? */
static inline bool radix_height_covers(unsigned height, uint64_t index)
{
    return height > 0 && radix_index_above(index, height) == 0;
}

#endif
