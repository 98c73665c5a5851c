/*
 * Interval map: gap search.
 *
 * Role: finds room between intervals, as get_unmapped_area of Linux does with the maple tree.
 * Layer: base.
 *
 * A slot is looked at only when its gap is big enough, and its child entered only when that meets
 * the window [low, high). Below a child wholly inside the window the search then fails only if the
 * gap is the hole before the child, which costs one more node and ends the search; else it fails
 * below the at most two children of a level that the window cuts. So O(height) nodes are visited.
 * The descent is recursive; its depth is the height of the tree, at most IMAP_LEVELS.
 *
 * The space below the first and above the last interval is no hole of the tree; it is tried apart.
 */
#include "base/imap_node.h"

struct imap_window {
    uint64_t low;
    uint64_t high;
    uint64_t bytes;
};

/* Cuts the hole [*from, *to) to the window; true when what is left is big enough. */
static bool imap_hole_fits(const struct imap_window *w, uint64_t *from, uint64_t *to)
{
    if (*from < w->low)
        *from = w->low;
    if (*to > w->high)
        *to = w->high;
    return *from < *to && *to - *from >= w->bytes;
}

static bool imap_hole_take_upper(const struct imap_window *w, uint64_t from, uint64_t to,
                                 uint64_t *start)
{
    if (!imap_hole_fits(w, &from, &to))
        return false;
    *start = to - w->bytes;
    return true;
}

static bool imap_hole_take_lower(const struct imap_window *w, uint64_t from, uint64_t to,
                                 uint64_t *start)
{
    if (!imap_hole_fits(w, &from, &to))
        return false;
    *start = from;
    return true;
}

/* Does the extent of a child meet the window? Outside of it there is nothing to be found. */
static bool imap_child_in_window(const struct imap_window *w, const struct imap_node *node,
                                 unsigned slot)
{
    return node->start[slot] < w->high && node->end[slot] > w->low;
}

/* The highest hole of the slots of a node. What is inside a slot lies above the hole before it. */
static bool imap_node_gap_highest(const struct imap_window *w, const struct imap_node *node,
                                  unsigned level, uint64_t *start)
{
    for (unsigned slot = node->count; slot-- > 0;) {
        if (node->gap[slot] < w->bytes)
            continue;
        if (level > 0 && imap_child_in_window(w, node, slot) &&
            imap_node_gap_highest(w, imap_child(node, slot), level - 1, start))
            return true;
        if (slot > 0 && imap_hole_take_upper(w, node->end[slot - 1], node->start[slot], start))
            return true;
    }
    return false;
}

/* The lowest hole of the slots of a node. */
static bool imap_node_gap_lowest(const struct imap_window *w, const struct imap_node *node,
                                 unsigned level, uint64_t *start)
{
    for (unsigned slot = 0; slot < node->count; slot++) {
        if (node->gap[slot] < w->bytes)
            continue;
        if (slot > 0 && imap_hole_take_lower(w, node->end[slot - 1], node->start[slot], start))
            return true;
        if (level > 0 && imap_child_in_window(w, node, slot) &&
            imap_node_gap_lowest(w, imap_child(node, slot), level - 1, start))
            return true;
    }
    return false;
}

/* The window, if anything can fit it at all. */
static bool imap_window_set(struct imap_window *w, uint64_t low, uint64_t high, uint64_t bytes)
{
    contract(bytes > 0);
    *w = (struct imap_window){low, high, bytes};
    return low < high && high - low >= bytes;
}

bool imap_gap_highest(const struct imap *m, uint64_t low, uint64_t high, uint64_t bytes,
                      uint64_t *start)
{
    struct imap_window w;
    if (!imap_window_set(&w, low, high, bytes))
        return false;
    const struct imap_node *root = m->root;
    if (root == NULL)
        return imap_hole_take_upper(&w, low, high, start);
    return imap_hole_take_upper(&w, root->end[root->count - 1], high, start) ||
           imap_node_gap_highest(&w, root, m->height - 1, start) ||
           imap_hole_take_upper(&w, low, root->start[0], start);
}

bool imap_gap_lowest(const struct imap *m, uint64_t low, uint64_t high, uint64_t bytes,
                     uint64_t *start)
{
    struct imap_window w;
    if (!imap_window_set(&w, low, high, bytes))
        return false;
    const struct imap_node *root = m->root;
    if (root == NULL)
        return imap_hole_take_lower(&w, low, high, start);
    return imap_hole_take_lower(&w, low, root->start[0], start) ||
           imap_node_gap_lowest(&w, root, m->height - 1, start) ||
           imap_hole_take_lower(&w, root->end[root->count - 1], high, start);
}
