/*
 * Interval map: the checker of I-IMAP-1..5.
 *
 * Role: visits every node and recomputes what imap_edit.c keeps up to date step by step. Layer:
 * base. It shares only the layout with the code it checks: order, fill, depth, gaps, links and
 * counts are derived here from the intervals alone.
 */
#include "base/imap_node.h"

/* What the walk knows after the intervals seen so far. */
struct imap_walk {
    const struct imap *map;
    const struct imap_node *last_leaf; /* NULL before the first */
    uint64_t last_end;
    size_t intervals;
    size_t nodes;
};

/* I-IMAP-1, and the links between leaves. */
static bool imap_check_leaf(struct imap_walk *c, const struct imap_node *leaf)
{
    if (leaf->prev != c->last_leaf)
        return false;
    if (c->last_leaf != NULL && c->last_leaf->next != leaf)
        return false;
    for (unsigned i = 0; i < leaf->count; i++) {
        if (leaf->start[i] < c->last_end || leaf->start[i] >= leaf->end[i])
            return false;
        c->last_end = leaf->end[i];
    }
    c->last_leaf = leaf;
    c->intervals += leaf->count;
    return true;
}

/* I-IMAP-2, but for the depth: that is how the walk counts its levels. */
static bool imap_check_fill(const struct imap_walk *c, const struct imap_node *node, unsigned level)
{
    unsigned least = IMAP_SLOTS_MIN;
    if (node == c->map->root)
        least = level > 0 ? 2 : 1;
    return node->count >= least && node->count <= IMAP_SLOTS;
}

static bool imap_check_node(struct imap_walk *c, const struct imap_node *node, unsigned level,
                            uint64_t *widest);

/* I-IMAP-3: checks a child, and that its slot has its extent; *inside: its largest hole. */
static bool imap_check_child(struct imap_walk *c, const struct imap_node *node, unsigned level,
                             unsigned slot, uint64_t *inside)
{
    const struct imap_node *child = imap_child(node, slot);
    return imap_check_node(c, child, level - 1, inside) && node->start[slot] == child->start[0] &&
           node->end[slot] == c->last_end;
}

/* I-IMAP-4: checks a subtree; *widest: its largest hole. */
static bool imap_check_node(struct imap_walk *c, const struct imap_node *node, unsigned level,
                            uint64_t *widest)
{
    if (node == NULL || !imap_check_fill(c, node, level))
        return false;
    c->nodes++;
    *widest = 0;
    if (level == 0 && !imap_check_leaf(c, node))
        return false;
    for (unsigned i = 0; i < node->count; i++) {
        uint64_t gap = 0;
        if (level > 0 && !imap_check_child(c, node, level, i, &gap))
            return false;
        uint64_t hole = i > 0 ? node->start[i] - node->end[i - 1] : 0;
        gap = hole > gap ? hole : gap;
        if (node->gap[i] != gap)
            return false;
        *widest = gap > *widest ? gap : *widest;
    }
    return node->widest == *widest;
}

/* I-IMAP-5, of a tree that is sound itself. */
static bool imap_check_finger(const struct imap *m)
{
    const struct imap_node *node = m->root;
    if (m->finger.node[0] == NULL)
        return true;
    for (unsigned level = m->height - 1; level > 0; level--) {
        if (m->finger.node[level] != node || m->finger.slot[level] >= node->count)
            return false;
        node = imap_child(node, m->finger.slot[level]);
    }
    return m->finger.node[0] == node;
}

bool imap_check(const struct imap *m)
{
    struct imap_walk c = {.map = m};
    if (m->height == 0)
        return m->root == NULL && m->count == 0 && m->nodes.live_count == 0 &&
               m->finger.node[0] == NULL;
    uint64_t widest;
    if (m->height > IMAP_LEVELS || !imap_check_node(&c, m->root, m->height - 1, &widest))
        return false;
    return c.last_leaf->next == NULL && c.intervals == m->count && c.nodes == m->nodes.live_count &&
           imap_check_finger(m);
}
