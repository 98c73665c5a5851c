/*
 * Radix tree.
 *
 * Role: the index of a file map: page offset to cached page, with the tags that writeback looks
 * for. Layer: base; it must not know what is stored or what the tags mean.
 *
 * An insertion takes all the nodes it needs before it hangs in the first, so it fails cleanly.
 * Removal frees the nodes it empties, but lowers the tree only when the last entry goes: a file map
 * that shrinks is mostly about to go altogether.
 */
#include "base/radix.h"

#include "base/contract.h"
#include "base/radix_node.h"

/*
 * Nodes taken ahead of an insertion. At most: new levels above the old root, and a whole way down
 * below them.
 */
struct radix_spare {
    struct radix_node *node[2 * RADIX_LEVELS];
    unsigned count;
};

/* The nodes from the root (level height - 1) down to level 0 for one index. */
struct radix_path {
    struct radix_node *node[RADIX_LEVELS];
};

void radix_init(struct radix *r, struct alloc *a)
{
    *r = (struct radix){.alloc = a};
}

/* Frees a subtree. Recursive; the depth is the height of the tree, at most RADIX_LEVELS. */
static void radix_node_destroy(struct radix *r, struct radix_node *node, unsigned level)
{
    uint64_t left = level > 0 ? node->maps[RADIX_PRESENT] : 0;
    for (; left != 0; left &= left - 1)
        radix_node_destroy(r, node->slots[__builtin_ctzll(left)], level - 1);
    alloc_release(r->alloc, node);
}

void radix_destroy(struct radix *r)
{
    if (r->root != NULL)
        radix_node_destroy(r, r->root, r->height - 1);
    radix_init(r, r->alloc);
}

void *radix_get(const struct radix *r, uint64_t index)
{
    if (!radix_height_covers(r->height, index))
        return NULL;
    const struct radix_node *node = r->root;
    for (unsigned level = r->height - 1; level > 0 && node != NULL; level--)
        node = node->slots[radix_slot(index, level)];
    return node != NULL ? node->slots[radix_slot(index, 0)] : NULL;
}

/* ---- insert ---- */

static unsigned radix_height_for(const struct radix *r, uint64_t index)
{
    unsigned height = r->height > 0 ? r->height : 1;
    while (!radix_height_covers(height, index))
        height++;
    return height;
}

/* Nodes that an insertion at `index` into a tree raised to `height` must add. */
static unsigned radix_nodes_needed(const struct radix *r, uint64_t index, unsigned height)
{
    if (r->root == NULL)
        return height;
    if (height > r->height) /* new levels, and below the new root a way that is all new */
        return (height - r->height) + (height - 1);
    const struct radix_node *node = r->root;
    for (unsigned level = height - 1; level > 0; level--) {
        node = node->slots[radix_slot(index, level)];
        if (node == NULL)
            return level;
    }
    return 0;
}

/* All `count` nodes, or -ENOMEM and none. */
static int radix_spare_fill(struct radix *r, struct radix_spare *spare, unsigned count)
{
    spare->count = 0;
    while (spare->count < count) {
        struct radix_node *node = alloc_zeroed(r->alloc, sizeof *node);
        if (node == NULL) {
            while (spare->count > 0)
                alloc_release(r->alloc, spare->node[--spare->count]);
            return -ENOMEM;
        }
        spare->node[spare->count++] = node;
    }
    return 0;
}

static struct radix_node *radix_spare_take(struct radix_spare *spare)
{
    contract(spare->count > 0); /* radix_nodes_needed has counted them */
    return spare->node[--spare->count];
}

static void radix_slot_set(struct radix_node *node, unsigned slot, void *value)
{
    node->slots[slot] = value;
    node->maps[RADIX_PRESENT] |= radix_bit(slot);
}

/* Puts levels on top until the tree has `height`; the old root is at index 0 and keeps its tags. */
static void radix_raise(struct radix *r, unsigned height, struct radix_spare *spare)
{
    if (r->root == NULL) {
        r->root = radix_spare_take(spare);
        r->height = height;
    }
    for (; r->height < height; r->height++) {
        struct radix_node *root = radix_spare_take(spare);
        radix_slot_set(root, 0, r->root);
        for (unsigned tag = 0; tag < RADIX_TAGS; tag++)
            root->maps[tag] = r->root->maps[tag] != 0;
        r->root = root;
    }
}

int radix_insert(struct radix *r, uint64_t index, void *value)
{
    contract(value != NULL);
    struct radix_spare spare;
    unsigned height = radix_height_for(r, index);
    if (radix_spare_fill(r, &spare, radix_nodes_needed(r, index, height)) != 0)
        return -ENOMEM;

    radix_raise(r, height, &spare);
    struct radix_node *node = r->root;
    for (unsigned level = height - 1; level > 0; level--) {
        unsigned slot = radix_slot(index, level);
        if (node->slots[slot] == NULL)
            radix_slot_set(node, slot, radix_spare_take(&spare));
        node = node->slots[slot];
    }
    contract(node->slots[radix_slot(index, 0)] == NULL);
    radix_slot_set(node, radix_slot(index, 0), value);
    r->count++;
    return 0;
}

/* ---- remove and tags ---- */

/* The nodes on the way to an entry; false when there is no entry. */
static bool radix_path_find(const struct radix *r, uint64_t index, struct radix_path *path)
{
    if (!radix_height_covers(r->height, index))
        return false;
    struct radix_node *node = r->root;
    for (unsigned level = r->height - 1; level > 0; level--) {
        path->node[level] = node;
        node = node->slots[radix_slot(index, level)];
        if (node == NULL)
            return false;
    }
    path->node[0] = node;
    return node->slots[radix_slot(index, 0)] != NULL;
}

/* Clears a bit of a map at level 0, and above as long as that leaves nothing below. */
static void radix_path_clear(const struct radix *r, const struct radix_path *path, uint64_t index,
                             unsigned map)
{
    for (unsigned level = 0; level < r->height; level++) {
        struct radix_node *node = path->node[level];
        node->maps[map] &= ~radix_bit(radix_slot(index, level));
        if (node->maps[map] != 0)
            return;
    }
}

/* Frees the nodes that have become empty, from the bottom up. */
static void radix_path_prune(struct radix *r, const struct radix_path *path, uint64_t index)
{
    for (unsigned level = 0; level < r->height; level++) {
        if (path->node[level]->maps[RADIX_PRESENT] != 0)
            return;
        alloc_release(r->alloc, path->node[level]);
        if (level + 1 < r->height)
            path->node[level + 1]->slots[radix_slot(index, level + 1)] = NULL;
    }
    r->root = NULL;
    r->height = 0;
}

void *radix_remove(struct radix *r, uint64_t index)
{
    struct radix_path path;
    if (!radix_path_find(r, index, &path))
        return NULL;
    unsigned slot = radix_slot(index, 0);
    void *value = path.node[0]->slots[slot];
    path.node[0]->slots[slot] = NULL;
    for (unsigned map = 0; map < RADIX_MAPS; map++)
        radix_path_clear(r, &path, index, map);
    radix_path_prune(r, &path, index);
    r->count--;
    return value;
}

void radix_tag_set(struct radix *r, uint64_t index, unsigned tag)
{
    struct radix_path path;
    bool found = radix_path_find(r, index, &path);
    contract(found && tag < RADIX_TAGS);
    for (unsigned level = 0; level < r->height; level++)
        path.node[level]->maps[tag] |= radix_bit(radix_slot(index, level));
}

void radix_tag_clear(struct radix *r, uint64_t index, unsigned tag)
{
    struct radix_path path;
    bool found = radix_path_find(r, index, &path);
    contract(found && tag < RADIX_TAGS);
    radix_path_clear(r, &path, index, tag);
}

bool radix_tag_get(const struct radix *r, uint64_t index, unsigned tag)
{
    struct radix_path path;
    bool found = radix_path_find(r, index, &path);
    contract(found && tag < RADIX_TAGS);
    return (path.node[0]->maps[tag] & radix_bit(radix_slot(index, 0))) != 0;
}

bool radix_any_tagged(const struct radix *r, unsigned tag)
{
    contract(tag < RADIX_TAGS);
    return r->root != NULL && r->root->maps[tag] != 0;
}

/* ---- search ---- */

/* The slots of a node marked in `map` from `slot` up; `slot` may be one too far. */
static uint64_t radix_marks_from(const struct radix_node *node, unsigned map, unsigned slot)
{
    return slot < RADIX_SLOTS ? node->maps[map] & (UINT64_MAX << slot) : 0;
}

/*
 * The first entry at or above *index that is marked in `map`. Goes down as long as the slot of the
 * index is marked; else on to the next marked slot of the node, from where everything below is to
 * be looked at from its beginning; and when the node has none, up to the next slot of its parent.
 */
static bool radix_seek(const struct radix *r, uint64_t *index, void **value, unsigned map)
{
    if (!radix_height_covers(r->height, *index))
        return false;
    const struct radix_node *path[RADIX_LEVELS];
    uint64_t at = *index;
    unsigned level = r->height - 1;
    path[level] = r->root;
    uint64_t marks = radix_marks_from(r->root, map, radix_slot(at, level));
    for (;;) {
        while (marks == 0) {
            if (++level == r->height)
                return false;
            marks = radix_marks_from(path[level], map, radix_slot(at, level) + 1);
        }
        unsigned slot = (unsigned)__builtin_ctzll(marks);
        if (slot != radix_slot(at, level))
            at = radix_index_above(at, level + 1) | (uint64_t)slot << (level * RADIX_BITS);
        if (level == 0) {
            *index = at;
            *value = path[0]->slots[slot];
            return true;
        }
        path[level - 1] = path[level]->slots[slot];
        level--;
        marks = radix_marks_from(path[level], map, radix_slot(at, level));
    }
}

bool radix_next(const struct radix *r, uint64_t *index, void **value)
{
    return radix_seek(r, index, value, RADIX_PRESENT);
}

bool radix_next_tagged(const struct radix *r, uint64_t *index, void **value, unsigned tag)
{
    contract(tag < RADIX_TAGS);
    return radix_seek(r, index, value, tag);
}
