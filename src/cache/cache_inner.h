/*
 * What the files of cache share.
 *
 * Layer 5, private to cache.
 */
#ifndef MAPWALK_CACHE_CACHE_INNER_H
#define MAPWALK_CACHE_CACHE_INNER_H

#include "cache/cache.h"

/* The number by which events name a map's file; 0: anonymous memory. */
static inline uint64_t cache_number(const struct file_map *map)
{
    return map->inode == NULL ? 0 : inode_number(map->inode);
}

/* Pages that `bytes` bytes touch, from the start of a file. */
static inline uint64_t cache_pages_of(uint64_t bytes)
{
    return (bytes >> PAGE_SHIFT) + ((bytes & PAGE_MASK) != 0);
}

/* ---- cache.c ---- */

/* Frees a map that has neither references nor pages; any other stays. */
void cache_release_idle(struct file_map *map);

/* Frees the maps of unlinked files that nobody has open. True when there were any. */
bool cache_reap(struct cache *c);

/* ---- cache_page.c ---- */

/* A frame for a page, by eviction and write-back if it must be. NULL: none. */
struct frame *cache_take_frame(struct cache *c, bool zeroed);

/* Puts a frame in at an empty index; the caller's reference becomes the cache's. -ENOMEM. */
MUST_CHECK int cache_insert(struct file_map *map, uint64_t index, struct frame *frame);

/* Takes the page out and drops the cache's reference. Pre: it is cached. */
void cache_drop_page(struct file_map *map, uint64_t index);

/* Drops all pages from `first` on, dirty or not. */
void cache_drop_pages(struct file_map *map, uint64_t first);

/* Reserves the page's blocks and extends the file to `bytes`, or neither (inode_extend_page). */
MUST_CHECK int cache_reserve(struct file_map *map, uint64_t index, uint64_t bytes);

/* Tags a cached page dirty, whose blocks are reserved; emits cache_dirty when it was clean. */
void cache_tag_dirty(struct file_map *map, uint64_t index);

/* ---- truncate.c ---- */

/*
 * Zeroes what the page at the end of the file holds behind the end. True: there was something else
 * than zeros.
 */
bool cache_zero_tail(struct file_map *map, struct frame *frame);

/*
 * The end of the file has moved up from old_bytes, and what was written begins at new_start: zeroes
 * what mappings stored between the two in the page of the old end. Bytes behind new_start are still
 * past the end, or were just written.
 */
void cache_zero_gap(struct file_map *map, uint64_t old_bytes, uint64_t new_start);

/*
 * The page at the end of the file that a change of size cuts or continues, when it is cached; else
 * NULL.
 */
struct frame *cache_last_page(const struct file_map *map);

/* ---- writeback.c ---- */

/* Writes the dirty pages of [first, end) without flushing. The first error. */
MUST_CHECK int cache_write_pages(struct file_map *map, uint64_t first, uint64_t end);

/* The same for all of all maps; each map remembers its error. The first error. */
MUST_CHECK int cache_write_all(struct cache *c);

#endif
