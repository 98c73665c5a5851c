/*
 * Interval map: life, lookup and stepping.
 *
 * Role: the reading half of base/imap.h. Layer: base; it must not know what the values are.
 * imap_edit.c changes the tree, imap_gap.c searches for room, imap_check.c proves the invariants,
 * imap_node.h has the picture of a node.
 *
 * An inner node knows the first start and the last end below each child, so each lookup goes
 * straight down to the one right leaf and never has to look into a neighbour.
 */
#include "base/imap.h"

#include "base/imap_node.h"

void imap_init(struct imap *m, struct alloc *a)
{
    *m = (struct imap){.root = NULL};
    pool_init(&m->nodes, a, sizeof(struct imap_node));
}

void imap_destroy(struct imap *m)
{
    struct alloc *a = m->nodes.alloc;
    /* All nodes live in the pool: there is no need to visit them. */
    pool_destroy(&m->nodes);
    imap_init(m, a);
}

static void imap_entry_set(struct imap_entry *entry, struct imap_node *leaf, unsigned slot)
{
    *entry = (struct imap_entry){
        .start = leaf->start[slot],
        .end = leaf->end[slot],
        .value = leaf->ref[slot],
        .leaf = leaf,
        .slot = slot,
    };
}

bool imap_find(const struct imap *m, uint64_t key, struct imap_entry *out)
{
    struct imap_node *node = m->root;
    if (node == NULL)
        return false;
    unsigned slot = imap_node_ends_upto(node, key);
    if (slot == node->count)
        return false;
    /* From here on the child's last end is above key, so every level has such a slot. */
    for (unsigned level = m->height - 1; level > 0; level--) {
        node = imap_child(node, slot);
        slot = imap_node_ends_upto(node, key);
    }
    imap_entry_set(out, node, slot);
    return true;
}

bool imap_find_before(const struct imap *m, uint64_t key, struct imap_entry *out)
{
    struct imap_node *node = m->root;
    if (node == NULL || key == 0)
        return false;
    /* The last slot with start < key is the one before the first slot with start > key - 1. */
    unsigned above = imap_node_starts_upto(node, key - 1);
    if (above == 0)
        return false;
    for (unsigned level = m->height - 1; level > 0; level--) {
        node = imap_child(node, above - 1);
        above = imap_node_starts_upto(node, key - 1);
    }
    imap_entry_set(out, node, above - 1);
    return true;
}

bool imap_next(const struct imap *m, struct imap_entry *entry)
{
    (void)m;
    if (entry->slot + 1 < entry->leaf->count) {
        imap_entry_set(entry, entry->leaf, entry->slot + 1);
        return true;
    }
    struct imap_node *next = entry->leaf->next;
    if (next == NULL)
        return false;
    imap_entry_set(entry, next, 0);
    return true;
}

bool imap_prev(const struct imap *m, struct imap_entry *entry)
{
    (void)m;
    if (entry->slot > 0) {
        imap_entry_set(entry, entry->leaf, entry->slot - 1);
        return true;
    }
    struct imap_node *prev = entry->leaf->prev;
    if (prev == NULL)
        return false;
    imap_entry_set(entry, prev, prev->count - 1);
    return true;
}
