/*
 * Radix tree: the checker of I-RADIX-1..3.
 *
 * Role: visits every node and recomputes from the slots what radix.c keeps up to date. Layer: base.
 *
 * That the tree is not too low for an index follows from its shape. That it is not higher than the
 * largest index ever stored needs a history which the tree does not keep; what can be seen is that
 * an empty tree has no height.
 */
#include "base/radix_node.h"

/* I-RADIX-1 for one node: a slot is in use exactly when it is marked so; and some slot is. */
static bool radix_check_slots(const struct radix_node *node)
{
    for (unsigned slot = 0; slot < RADIX_SLOTS; slot++) {
        bool marked = (node->maps[RADIX_PRESENT] & radix_bit(slot)) != 0;
        if (marked != (node->slots[slot] != NULL))
            return false;
    }
    return node->maps[RADIX_PRESENT] != 0;
}

/* I-RADIX-2 for one slot above level 0: a tag bit exactly when the child has the tag anywhere. */
static bool radix_check_tags(const struct radix_node *node, unsigned slot)
{
    const struct radix_node *child = node->slots[slot];
    for (unsigned tag = 0; tag < RADIX_TAGS; tag++) {
        bool marked = (node->maps[tag] & radix_bit(slot)) != 0;
        if (marked != (child->maps[tag] != 0))
            return false;
    }
    return true;
}

/* Checks a subtree and adds its entries to *entries. Recursive, at most RADIX_LEVELS deep. */
static bool radix_check_node(const struct radix_node *node, unsigned level, uint64_t *entries)
{
    if (!radix_check_slots(node))
        return false;
    uint64_t present = node->maps[RADIX_PRESENT];
    for (unsigned tag = 0; tag < RADIX_TAGS; tag++) {
        if ((node->maps[tag] & ~present) != 0) /* a tag of nothing */
            return false;
    }
    if (level == 0) {
        *entries += (unsigned)__builtin_popcountll(present);
        return true;
    }
    for (; present != 0; present &= present - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(present);
        if (!radix_check_tags(node, slot) ||
            !radix_check_node(node->slots[slot], level - 1, entries))
            return false;
    }
    return true;
}

bool radix_check(const struct radix *r)
{
    if (r->height == 0 || r->root == NULL)
        return r->height == 0 && r->root == NULL && r->count == 0;
    uint64_t entries = 0;
    return r->height <= RADIX_LEVELS && radix_check_node(r->root, r->height - 1, &entries) &&
           entries == r->count;
}
