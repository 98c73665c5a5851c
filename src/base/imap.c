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

/* Goes down to the leaf with the first end above the key, which is in the map's extent. */
static struct imap_node *imap_leaf_find(const struct imap *m, uint64_t key)
{
    struct imap_path *path = imap_finger(m);
    struct imap_node *node = m->root;
    /* The last end of the root is above key, and so is that of each child taken. */
    for (unsigned level = m->height - 1; level > 0; level--) {
        path->node[level] = node;
        path->slot[level] = imap_node_ends_upto(node, key);
        node = imap_child(node, path->slot[level]);
    }
    path->node[0] = node;
    return node;
}

bool imap_find(const struct imap *m, uint64_t key, struct imap_entry *out)
{
    struct imap_node *leaf = imap_finger_leaf(m, key);
    if (leaf == NULL || leaf->end[leaf->count - 1] <= key) {
        if (m->root == NULL || m->root->end[m->root->count - 1] <= key)
            return false;
        leaf = imap_leaf_find(m, key);
    }
    imap_entry_set(out, leaf, imap_node_ends_upto(leaf, key));
    return true;
}

/* Goes down to the leaf with the last start at or below the key, which is not below all of them. */
static struct imap_node *imap_leaf_find_before(const struct imap *m, uint64_t key)
{
    struct imap_path *path = imap_finger(m);
    struct imap_node *node = m->root;
    for (unsigned level = m->height - 1; level > 0; level--) {
        path->node[level] = node;
        path->slot[level] = imap_node_starts_upto(node, key) - 1;
        node = imap_child(node, path->slot[level]);
    }
    path->node[0] = node;
    return node;
}

bool imap_find_before(const struct imap *m, uint64_t key, struct imap_entry *out)
{
    if (m->root == NULL || key == 0)
        return false;
    key--; /* starts < key are those <= key - 1 */
    struct imap_node *leaf = imap_finger_leaf(m, key);
    if (leaf == NULL || leaf->end[leaf->count - 1] <= key) {
        if (m->root->start[0] > key)
            return false;
        leaf = imap_leaf_find_before(m, key);
    }
    imap_entry_set(out, leaf, imap_node_starts_upto(leaf, key) - 1);
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
