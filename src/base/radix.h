/*
 * Radix tree: a sparse array from 64-bit index to non-NULL pointer, with tags.
 *
 * 64-way nodes; each keeps, per tag, a bitmap of the slots below which some entry has the tag, so
 * that "next dirty page" costs O(height) and "is anything dirty" one load. It is the index of a
 * file map.
 *
 * Invariants (radix_check proves them):
 *   I-RADIX-1  a slot is non-NULL exactly when something is stored below it; no node is empty
 *   I-RADIX-2  a tag bit is set exactly when some entry below that slot has the tag
 *   I-RADIX-3  the tree is just high enough for its largest index ever stored since it was empty
 */
#ifndef MAPWALK_BASE_RADIX_H
#define MAPWALK_BASE_RADIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

#define RADIX_TAGS 3

struct radix_node;

struct radix {
    struct alloc *alloc;
    struct radix_node *root;
    unsigned height; /* 0: empty; h: indices below 64^h (2^64 at most) */
    uint64_t count;  /* entries */
};

void radix_init(struct radix *r, struct alloc *a);

/* Frees the nodes; the values belong to the caller. */
void radix_destroy(struct radix *r);

/* The value at index, or NULL. */
void *radix_get(const struct radix *r, uint64_t index);

/*
 * Stores value (not NULL) at an index that is empty (contract). 0, or -ENOMEM with the tree as it
 * was.
 */
MUST_CHECK int radix_insert(struct radix *r, uint64_t index, void *value);

/* Removes and returns the value at index with its tags; NULL when there is none. */
void *radix_remove(struct radix *r, uint64_t index);

/* Tags of an existing entry (contract). tag < RADIX_TAGS. */
void radix_tag_set(struct radix *r, uint64_t index, unsigned tag);
void radix_tag_clear(struct radix *r, uint64_t index, unsigned tag);
bool radix_tag_get(const struct radix *r, uint64_t index, unsigned tag);

/* Does any entry have the tag? One load. */
bool radix_any_tagged(const struct radix *r, unsigned tag);

/*
 * The first entry at or above *index: true, with *index and *value set. False: none.
 * radix_next_tagged looks only at entries with the tag.
 */
bool radix_next(const struct radix *r, uint64_t *index, void **value);
bool radix_next_tagged(const struct radix *r, uint64_t *index, void **value, unsigned tag);

/* Recomputes I-RADIX-1..3. */
bool radix_check(const struct radix *r);

#endif
