/*
 * What the files of cache share.
 *
 * Layer 5, private to cache.
 */
#ifndef MAPWALK_CACHE_CACHE_INNER_H
#define MAPWALK_CACHE_CACHE_INNER_H

#include "cache/cache.h"

/* Flags of a cached page, in frame.live. */
#define CACHE_FRAME_REFERENCED 1u /* was asked for while it was cached */
#define CACHE_FRAME_MARK       2u /* whoever comes here has the next window read (readahead.h) */
#define CACHE_FRAME_RESERVED   4u /* has all its blocks: nothing is to be reserved again */
#define CACHE_FRAME_UNTOUCHED  8u /* memory that cache_allocate made and nobody has come to since */

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

/* ---- cache_page.c ---- */

/* Puts a frame in at an empty index; the caller's reference becomes the cache's. -ENOMEM. */
MUST_CHECK int cache_insert(struct file_map *map, uint64_t index, struct frame *frame);

/* Takes the page out and drops the cache's reference. Pre: it is cached and not being written. */
void cache_drop_page(struct file_map *map, uint64_t index);

/* Drops the pages [first, end), dirty or not, after waiting for those that are being written. */
void cache_drop_pages(struct file_map *map, uint64_t first, uint64_t end);

/* A page was put in: counts and tells it. `blocks`: read from the device for it. */
void cache_tell_fill(struct file_map *map, uint64_t index, const struct frame *frame,
                     uint64_t blocks);

/* Reserves the page's blocks and extends the file to `bytes`, or neither (inode_extend_page). */
MUST_CHECK int cache_reserve(struct file_map *map, uint64_t index, uint64_t bytes);

/* cache_reserve for a cached page, which remembers it until the file grows. */
MUST_CHECK int cache_reserve_page(struct file_map *map, uint64_t index, struct frame *frame,
                                  uint64_t bytes);

/*
 * The file grows from old_bytes: the page there has blocks up to the old end only, where blocks are
 * smaller than pages.
 */
void cache_forget_reserved(struct file_map *map, uint64_t old_bytes);

/* Tags a cached page dirty, whose blocks are reserved; emits cache_dirty when it was clean. */
void cache_tag_dirty(struct file_map *map, uint64_t index);

/* The tag and the counts alone, and back. Setting a tag that is set does nothing. */
void cache_set_dirty(struct file_map *map, uint64_t index);
void cache_clear_dirty(struct file_map *map, uint64_t index);

/* ---- reclaim.c ---- */

/* A frame for a page, by eviction and write-back if it must be. NULL: none. */
struct frame *cache_take_frame(struct cache *c, bool zeroed);

/* ---- truncate.c ---- */

/* Zeroes [start, end) of a page. True: there was something else than zeros. */
bool cache_zero_part(struct file_map *map, struct frame *frame, uint64_t start, uint64_t end);

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

/* ---- writeback.c ---- */

/* Starts writing dirty pages of the map, at least `want` if there are as many. */
void cache_start_pages(struct file_map *map, uint64_t want);

/* Writes all of all maps and waits; each map keeps its errors. The first error. */
MUST_CHECK int cache_write_all(struct cache *c);

/* ---- queue.c ---- */

/* Adds a request; waits for the first when the queue is full. */
void cache_queue_put(struct cache *c, const struct cache_request *request);

/* Ends a request: its pages are clean, or dirty again when it failed. Not in the queue any more. */
void cache_end_request(struct cache *c, const struct cache_request *request);

/* Lets time pass until the first request has ended. Pre: there is one. */
void cache_queue_wait(struct cache *c);

/* Ends the requests whose time has come. */
void cache_queue_end_due(struct cache *c);

/* Forgets all requests: the power is gone. */
void cache_queue_forget(struct cache *c);

/* ---- flusher.c ---- */

/* Sets due_ns by what there is to do. */
void cache_plan(struct cache *c);

/*
 * Somebody is about to make a page dirty: while more than the policy's ratio is dirty or being
 * written, has pages written and waits.
 */
void cache_balance(struct cache *c);

#endif
