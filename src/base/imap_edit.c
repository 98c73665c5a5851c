/*
 * Interval map: insertion, removal, resizing.
 *
 * Role: the writing half of base/imap.h. Layer: base; it must not know what the values are.
 *
 * Every edit goes down once, noting the way (struct imap_path), changes the leaf, and comes up the
 * same way: a split hands a new slot to the level above, an underfull node borrows from a sibling
 * or merges with it, and a slot of the parent is refreshed only as long as it really changes.
 *
 * Nodes come from the pool, where imap_reserve put them ahead. An insertion counts the nodes it
 * needs before it touches anything, so it fails cleanly when there is no memory.
 */
#include <string.h>

#include "base/imap_node.h"

/* ---- slots of a node ---- */

static void imap_slot_move(struct imap_node *node, unsigned to, unsigned from)
{
    node->start[to] = node->start[from];
    node->end[to] = node->end[from];
    node->gap[to] = node->gap[from];
    node->ref[to] = node->ref[from];
}

/*
 * Moves the slots [from, count) of a node to `to` and up; the caller sets the count. One loop over
 * a few slots is measurably faster than a memmove for each of the four arrays.
 */
static void imap_node_shift(struct imap_node *node, unsigned from, unsigned to)
{
    if (to > from) {
        for (unsigned i = node->count; i-- > from;)
            imap_slot_move(node, i + (to - from), i);
    } else {
        for (unsigned i = from; i < node->count; i++)
            imap_slot_move(node, i - (from - to), i);
    }
}

/* Copies `count` slots from one node to another of the same level; both counts are the caller's. */
static void imap_node_copy(struct imap_node *to, unsigned at, const struct imap_node *from,
                           unsigned first, unsigned count)
{
    size_t bytes = count * sizeof to->start[0];
    memcpy(&to->start[at], &from->start[first], bytes);
    memcpy(&to->end[at], &from->end[first], bytes);
    memcpy(&to->gap[at], &from->gap[first], bytes);
    memcpy(&to->ref[at], &from->ref[first], bytes);
}

/* Looks for the largest gap again, after many slots, or the one that had it, have changed. */
static void imap_node_rescan(struct imap_node *node)
{
    uint64_t widest = 0;
    for (unsigned i = 0; i < node->count; i++)
        widest = node->gap[i] > widest ? node->gap[i] : widest;
    node->widest = widest;
}

/* Changes one gap. Only a widest one that shrinks makes it necessary to look at the others. */
static void imap_node_set_gap(struct imap_node *node, unsigned slot, uint64_t gap)
{
    uint64_t old = node->gap[slot];
    node->gap[slot] = gap;
    if (gap >= node->widest)
        node->widest = gap;
    else if (old == node->widest)
        imap_node_rescan(node);
}

/* What the gap of a slot ought to be (I-IMAP-4). */
static uint64_t imap_node_gap_of(const struct imap_node *node, unsigned level, unsigned slot)
{
    uint64_t hole = slot > 0 ? node->start[slot] - node->end[slot - 1] : 0;
    uint64_t inside = level > 0 ? imap_child(node, slot)->widest : 0;
    return hole > inside ? hole : inside;
}

/* After a change of a slot, or of the one before it. There may be no such slot. */
static void imap_node_regap(struct imap_node *node, unsigned level, unsigned slot)
{
    if (slot < node->count)
        imap_node_set_gap(node, slot, imap_node_gap_of(node, level, slot));
}

static void imap_node_put(struct imap_node *node, unsigned level, unsigned slot,
                          struct imap_slot value)
{
    imap_node_shift(node, slot, slot + 1);
    node->count++;
    node->start[slot] = value.start;
    node->end[slot] = value.end;
    node->ref[slot] = value.ref;
    node->gap[slot] = 0; /* what was here is a slot further up */
    imap_node_regap(node, level, slot);
    imap_node_regap(node, level, slot + 1);
}

static void imap_node_remove(struct imap_node *node, unsigned level, unsigned slot)
{
    uint64_t gap = node->gap[slot];
    imap_node_shift(node, slot + 1, slot);
    node->count--;
    if (gap != 0 && gap == node->widest)
        imap_node_rescan(node);
    imap_node_regap(node, level, slot);
}

/* The slot that a parent has for a node (not empty): its extent. */
static struct imap_slot imap_node_extent(struct imap_node *node)
{
    return (struct imap_slot){node->start[0], node->end[node->count - 1], node};
}

/*
 * Brings the slot of a parent (at `level`) up to date with its child. False when it was already, so
 * that nothing above needs to change either.
 */
static bool imap_node_refresh(struct imap_node *parent, unsigned level, unsigned slot)
{
    struct imap_slot truth = imap_node_extent(imap_child(parent, slot));
    uint64_t old_start = parent->start[slot];
    uint64_t old_end = parent->end[slot];
    uint64_t old_gap = parent->gap[slot];
    parent->start[slot] = truth.start;
    parent->end[slot] = truth.end;
    imap_node_regap(parent, level, slot);
    if (truth.end != old_end) /* the hole before the next slot begins here */
        imap_node_regap(parent, level, slot + 1);
    return truth.start != old_start || truth.end != old_end || parent->gap[slot] != old_gap;
}

static void imap_leaf_link_after(struct imap_node *leaf, struct imap_node *added)
{
    added->prev = leaf;
    added->next = leaf->next;
    if (added->next != NULL)
        added->next->prev = added;
    leaf->next = added;
}

/* Takes the leaf after `leaf` out of the row. */
static void imap_leaf_unlink_next(struct imap_node *leaf)
{
    leaf->next = leaf->next->next;
    if (leaf->next != NULL)
        leaf->next->prev = leaf;
}

/*
 * Evens out the children (at `level`) at slot and slot + 1 of a parent. Half of the surplus moves,
 * not one slot, so that a run of edits in one place does not come here each time.
 */
static void imap_children_balance(struct imap_node *parent, unsigned slot, unsigned level)
{
    struct imap_node *left = imap_child(parent, slot);
    struct imap_node *right = imap_child(parent, slot + 1);
    unsigned border = left->count;
    if (left->count < right->count) {
        unsigned moved = (right->count - left->count) / 2;
        imap_node_copy(left, left->count, right, 0, moved);
        left->count += moved;
        imap_node_shift(right, moved, 0);
        right->count -= moved;
        imap_node_rescan(left);
        imap_node_rescan(right);
        imap_node_regap(left, level, border); /* was first in its node: had no hole before it */
    } else {
        unsigned moved = (left->count - right->count) / 2;
        imap_node_shift(right, 0, moved);
        imap_node_copy(right, 0, left, left->count - moved, moved);
        right->count += moved;
        left->count -= moved;
        imap_node_rescan(left);
        imap_node_rescan(right);
        imap_node_regap(right, level, moved);
    }
    imap_node_regap(right, level, 0);
    imap_node_refresh(parent, level + 1, slot);
    imap_node_refresh(parent, level + 1, slot + 1);
}

/* ---- the way down and up ---- */

/* Is the finger at the leaf that a way down to `key` would lead to? */
static bool imap_finger_fits(const struct imap *m, uint64_t key)
{
    const struct imap_node *leaf = imap_finger_leaf(m, key);

    return leaf != NULL &&
           (key < leaf->end[leaf->count - 1] || leaf->next == NULL || key < leaf->next->start[0]);
}

/* Nodes were split, joined or evened out: the finger may lead nowhere. */
static void imap_finger_forget(struct imap *m)
{
    m->finger.node[0] = NULL;
}

/*
 * Moves the finger to the leaf for `key`. path->slot[0] is the number of starts <= key in it; above,
 * the slot of the child taken. The map is not empty.
 */
static struct imap_path *imap_path_find(struct imap *m, uint64_t key)
{
    struct imap_path *path = &m->finger;

    if (!imap_finger_fits(m, key)) {
        struct imap_node *node = m->root;
        for (unsigned level = m->height - 1; level > 0; level--) {
            unsigned upto = imap_node_starts_upto(node, key);
            path->node[level] = node;
            path->slot[level] = upto > 0 ? upto - 1 : 0; /* below all starts: the leftmost leaf */
            node = imap_child(node, path->slot[level]);
        }
        path->node[0] = node;
    }
    path->slot[0] = imap_node_starts_upto(path->node[0], key);
    return path;
}

/* As imap_path_find, for an interval that must be there: path->slot[0] is its slot. */
static struct imap_path *imap_path_find_exact(struct imap *m, uint64_t start)
{
    contract(m->root != NULL);
    struct imap_path *path = imap_path_find(m, start);
    contract(path->slot[0] > 0 && path->node[0]->start[path->slot[0] - 1] == start);
    path->slot[0]--;
    return path;
}

/* After a change of the node at `level`: tells its parents, as far up as it makes a difference. */
static void imap_path_refresh(const struct imap *m, const struct imap_path *path, unsigned level)
{
    while (level + 1 < m->height &&
           imap_node_refresh(path->node[level + 1], level + 1, path->slot[level + 1]))
        level++;
}

/* ---- reserve ---- */

/*
 * Upper bounds of the nodes that n insertions may take; the smaller one counts.
 *
 * By height: each insertion splits every present level at most once. Levels that arise meanwhile
 * take less than 2n: a new root starts with two slots and splits only after many splits below it.
 *
 * By nodes: each present node may split at its first insertion; after that it takes half a node of
 * insertions each time. This keeps filling an empty map with many intervals from reserving nodes
 * for each of them.
 */
static size_t imap_nodes_for(const struct imap *m, unsigned inserts)
{
    size_t by_height = (size_t)inserts * (m->height + 2);
    size_t by_nodes = 2 * m->nodes.live_count + inserts / 4 + IMAP_LEVELS;
    return by_height < by_nodes ? by_height : by_nodes;
}

int imap_reserve(struct imap *m, unsigned inserts)
{
    return pool_reserve(&m->nodes, imap_nodes_for(m, inserts));
}

/* The nodes that an insertion along this path takes at most: one a full node, and a new root. */
static size_t imap_nodes_of_path(const struct imap *m, const struct imap_path *path)
{
    unsigned level = 0;
    while (level < m->height && path->node[level]->count == IMAP_SLOTS)
        level++;
    return level == m->height ? level + 1 : level;
}

/* ---- insert ---- */

static struct imap_node *imap_node_new(struct imap *m)
{
    struct imap_node *node = pool_get(&m->nodes);
    contract(node != NULL); /* reserved before the first change */
    return node;
}

/* Moves the upper half of a full node into a new one to its right. */
static struct imap_node *imap_node_split(struct imap *m, struct imap_node *node, unsigned level)
{
    struct imap_node *right = imap_node_new(m);
    imap_node_copy(right, 0, node, IMAP_SLOTS_MIN, IMAP_SLOTS - IMAP_SLOTS_MIN);
    right->count = IMAP_SLOTS - IMAP_SLOTS_MIN;
    node->count = IMAP_SLOTS_MIN;
    imap_node_rescan(node);
    imap_node_rescan(right);
    imap_node_regap(right, level, 0);
    if (level == 0)
        imap_leaf_link_after(node, right);
    return right;
}

/* Puts a slot into a full node by splitting it. Returns the new right half. */
static struct imap_node *imap_node_put_split(struct imap *m, struct imap_node *node, unsigned level,
                                             unsigned slot, struct imap_slot value)
{
    struct imap_node *right = imap_node_split(m, node, level);
    if (slot <= IMAP_SLOTS_MIN)
        imap_node_put(node, level, slot, value);
    else
        imap_node_put(right, level, slot - IMAP_SLOTS_MIN, value);
    return right;
}

/*
 * A full node takes a sibling with no more slots than this for one with room. What comes at an end
 * of a node comes in the order of addresses mostly: that leaves nodes which are not so full that
 * the next split of an interval would fill them. Else memory is worth more.
 */
static unsigned imap_slots_roomy(unsigned slot)
{
    return slot == 0 || slot == IMAP_SLOTS ? IMAP_SLOTS * 3 / 4 : IMAP_SLOTS - 2;
}

/*
 * Before a full node is split: gives some of its slots to a sibling that has room, as long as that
 * is worth the copying. Addresses given out in ascending or descending order would else leave half
 * of each node unused. The path then leads to the same place, in whichever of the two nodes that is
 * now.
 */
static void imap_path_unload(const struct imap *m, struct imap_path *path, unsigned level)
{
    if (level + 1 == m->height || path->node[level]->count < IMAP_SLOTS)
        return;
    struct imap_node *parent = path->node[level + 1];
    unsigned self = path->slot[level + 1];
    unsigned most = imap_slots_roomy(path->slot[level]);
    unsigned left; /* the pair to even out is left, left + 1 */
    if (self + 1 < parent->count && imap_child(parent, self + 1)->count <= most)
        left = self;
    else if (self > 0 && imap_child(parent, self - 1)->count <= most)
        left = self - 1;
    else
        return;

    /* Seen from the left node, the two are one row; the balance only moves the border in it. */
    unsigned place = path->slot[level] + (left < self ? imap_child(parent, left)->count : 0);
    imap_children_balance(parent, left, level);
    unsigned border = imap_child(parent, left)->count;
    path->slot[level + 1] = place <= border ? left : left + 1;
    path->slot[level] = place <= border ? place : place - border;
    path->node[level] = imap_child(parent, path->slot[level + 1]);
}

/* A new root above the old one and its new right half. */
static void imap_root_grow(struct imap *m, struct imap_node *right)
{
    struct imap_node *root = imap_node_new(m);
    imap_node_put(root, m->height, 0, imap_node_extent(m->root));
    imap_node_put(root, m->height, 1, imap_node_extent(right));
    m->root = root;
    m->height++;
}

/* Adds a slot where the path leads, and what splits make of it to the levels above. */
static void imap_path_insert(struct imap *m, struct imap_path *path, struct imap_slot value)
{
    for (unsigned level = 0;; level++) {
        imap_path_unload(m, path, level);
        struct imap_node *node = path->node[level];
        if (node->count < IMAP_SLOTS) {
            imap_node_put(node, level, path->slot[level], value);
            imap_path_refresh(m, path, level);
            return;
        }
        struct imap_node *right = imap_node_put_split(m, node, level, path->slot[level], value);
        if (level + 1 == m->height) {
            imap_root_grow(m, right);
            return;
        }
        imap_node_refresh(path->node[level + 1], level + 1, path->slot[level + 1]);
        path->slot[level + 1]++; /* the right half comes after the left */
        value = imap_node_extent(right);
    }
}

/* The neighbours of a slot may be in the next leaves; at the ends of the map there are none. */
static uint64_t imap_leaf_end_before(const struct imap_node *leaf, unsigned slot)
{
    if (slot > 0)
        return leaf->end[slot - 1];
    const struct imap_node *prev = leaf->prev;
    return prev != NULL ? prev->end[prev->count - 1] : 0;
}

static uint64_t imap_leaf_start_at(const struct imap_node *leaf, unsigned slot)
{
    if (slot < leaf->count)
        return leaf->start[slot];
    const struct imap_node *next = leaf->next;
    return next != NULL ? next->start[0] : UINT64_MAX;
}

static int imap_insert_first(struct imap *m, struct imap_slot value)
{
    if (pool_reserve(&m->nodes, 1) != 0)
        return -ENOMEM;
    m->root = imap_node_new(m);
    m->height = 1;
    imap_node_put(m->root, 0, 0, value);
    m->count = 1;
    return 0;
}

int imap_insert(struct imap *m, uint64_t start, uint64_t end, void *value)
{
    contract(start < end);
    struct imap_slot added = {.start = start, .end = end, .ref = value};
    if (m->root == NULL)
        return imap_insert_first(m, added);

    struct imap_path *path = imap_path_find(m, start);
    struct imap_node *leaf = path->node[0];
    bool roomy = leaf->count < IMAP_SLOTS;
    contract(imap_leaf_end_before(leaf, path->slot[0]) <= start);
    contract(end <= imap_leaf_start_at(leaf, path->slot[0]));
    if (!roomy && pool_reserve(&m->nodes, imap_nodes_of_path(m, path)) != 0)
        return -ENOMEM;
    imap_path_insert(m, path, added);
    if (!roomy)
        imap_finger_forget(m);
    m->count++;
    return 0;
}

int imap_split(struct imap *m, uint64_t start, uint64_t at, void *value)
{
    struct imap_path *path = imap_path_find_exact(m, start);
    struct imap_node *leaf = path->node[0];
    unsigned slot = path->slot[0];
    uint64_t end = leaf->end[slot];
    contract(start < at && at < end);
    if (leaf->count == IMAP_SLOTS) {
        if (pool_reserve(&m->nodes, imap_nodes_of_path(m, path)) != 0)
            return -ENOMEM;
        imap_resize(m, start, start, at);
        return imap_insert(m, at, end, value);
    }
    /* The leaf keeps its extent and its holes: nothing above changes. */
    leaf->end[slot] = at;
    imap_node_put(leaf, 0, slot + 1, (struct imap_slot){.start = at, .end = end, .ref = value});
    m->count++;
    return 0;
}

/* ---- erase ---- */

/* Merges the child (at `level`) at slot + 1 into the one at slot. */
static void imap_children_merge(struct imap *m, struct imap_node *parent, unsigned slot,
                                unsigned level)
{
    struct imap_node *left = imap_child(parent, slot);
    struct imap_node *right = imap_child(parent, slot + 1);
    unsigned border = left->count;
    imap_node_copy(left, border, right, 0, right->count);
    left->count += right->count;
    imap_node_rescan(left);
    imap_node_regap(left, level, border);
    if (level == 0)
        imap_leaf_unlink_next(left);
    pool_put(&m->nodes, right);
    imap_node_remove(parent, level + 1, slot + 1);
    imap_node_refresh(parent, level + 1, slot);
}

/* The child in `slot` has become underfull: helps it with, or joins it to, a sibling. */
static void imap_child_refill(struct imap *m, struct imap_node *parent, unsigned slot,
                              unsigned level)
{
    unsigned left = slot > 0 ? slot - 1 : slot;
    /* One of the two lacks one slot to be half full; if the other has no surplus, one node does. */
    if (imap_child(parent, left)->count + imap_child(parent, left + 1)->count < 2 * IMAP_SLOTS_MIN)
        imap_children_merge(m, parent, left, level);
    else
        imap_children_balance(parent, left, level);
}

/* A root with one child is not needed, nor is an empty leaf. */
static void imap_root_shrink(struct imap *m)
{
    struct imap_node *root = m->root;
    if (m->height == 1 && root->count == 0)
        m->root = NULL;
    else if (m->height > 1 && root->count == 1)
        m->root = imap_child(root, 0);
    else
        return;
    pool_put(&m->nodes, root);
    m->height--;
}

void *imap_erase(struct imap *m, uint64_t start)
{
    struct imap_path *path = imap_path_find_exact(m, start);
    void *value = path->node[0]->ref[path->slot[0]];
    imap_node_remove(path->node[0], 0, path->slot[0]);
    m->count--;

    unsigned level = 0;
    while (level + 1 < m->height && path->node[level]->count < IMAP_SLOTS_MIN) {
        imap_child_refill(m, path->node[level + 1], path->slot[level + 1], level);
        level++;
    }
    imap_path_refresh(m, path, level);
    imap_root_shrink(m);
    if (level > 0 || m->count == 0)
        imap_finger_forget(m);
    return value;
}

void imap_join(struct imap *m, uint64_t start)
{
    struct imap_path *path = imap_path_find_exact(m, start);
    struct imap_node *leaf = path->node[0];
    unsigned slot = path->slot[0];
    uint64_t hole = imap_leaf_start_at(leaf, slot + 1) - leaf->end[slot];

    /* Within a leaf that stays half full. */
    if (slot + 1 < leaf->count && (m->height == 1 || leaf->count > IMAP_SLOTS_MIN)) {
        leaf->end[slot] = leaf->end[slot + 1];
        imap_node_remove(leaf, 0, slot + 1);
        m->count--;
        if (hole != 0)
            imap_path_refresh(m, path, 0);
        return;
    }
    uint64_t next = imap_leaf_start_at(leaf, slot + 1);
    struct imap_entry entry;
    bool found = imap_find(m, next, &entry);
    contract(found && entry.start == next);
    imap_erase(m, next);
    imap_resize(m, start, start, entry.end);
}

/* ---- resize ---- */

void imap_resize(struct imap *m, uint64_t old_start, uint64_t start, uint64_t end)
{
    contract(start < end);
    struct imap_path *path = imap_path_find_exact(m, old_start);
    struct imap_node *leaf = path->node[0];
    unsigned slot = path->slot[0];
    contract(imap_leaf_end_before(leaf, slot) <= start);
    contract(end <= imap_leaf_start_at(leaf, slot + 1));
    leaf->start[slot] = start;
    leaf->end[slot] = end;
    imap_node_regap(leaf, 0, slot);
    imap_node_regap(leaf, 0, slot + 1);
    imap_path_refresh(m, path, 0);
}
