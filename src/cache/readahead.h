/*
 * Reading ahead: what a reader will ask for next is read together with what it asked for.
 *
 * Layer 5. Follows Linux's algorithm (mm/readahead.c of 6.x, as its comment describes it). Each open
 * file description has a *window* of its own, [start, start + size), of which the last async_size
 * pages are read before anybody needed them; the first of those is marked, and whoever comes to the
 * mark has the next window read, twice as large up to the limit, while he still has pages to read.
 *
 *          |<----- size ------------------>|
 *          |              |<- async_size ->|
 *          ^ start        ^ mark           ^ the next window begins here
 *
 * A window is one request of the device where its blocks are neighbours. Errors are nobody's
 * business here: the page that cannot be read is asked for by itself later, and fails then.
 */
#ifndef MAPWALK_CACHE_READAHEAD_H
#define MAPWALK_CACHE_READAHEAD_H

#include <stdbool.h>
#include <stdint.h>

struct file_map;

/* What the reader said of its ways: posix_fadvise(2) for a file, madvise(2) for an area. */
enum cache_advice { CACHE_ADVICE_NORMAL, CACHE_ADVICE_SEQUENTIAL, CACHE_ADVICE_RANDOM };

/* One an open file description. All zero but max_pages: nothing was read yet. */
struct cache_readahead {
    uint64_t start; /* page index where the window begins */
    uint32_t size;  /* pages */
    uint32_t async_size;
    uint64_t prev;      /* page after the last that was read; 0: none */
    uint32_t max_pages; /* of a window; 0: nothing is read ahead */
    uint32_t misses;    /* faults that found no page, less those that did: many mean that reading
                           around faults does not pay */
    uint8_t mode;       /* enum cache_advice */
};

struct cache;

/* A new description's window: nothing read, the policy's size. */
void cache_readahead_init(struct cache_readahead *ra, const struct cache *c);

/* posix_fadvise(2): SEQUENTIAL doubles the window, RANDOM reads just what is asked for. */
void cache_readahead_advise(struct cache_readahead *ra, const struct cache *c,
                            enum cache_advice advice);

/*
 * A reader is about to take pages [index, index + pages). Reads a window if `index` is not cached,
 * or the next one if it is and has the mark. ra NULL: nothing. Never fails.
 */
void cache_read_window(struct file_map *map, struct cache_readahead *ra, uint64_t index,
                       uint64_t pages);

/*
 * A fault is about to take page `index`, cached or not: reads pages around it, or with SEQUENTIAL
 * advice a window from it on; with RANDOM nothing. Never fails; the page may be missing still.
 */
void cache_fault_ahead(struct file_map *map, struct cache_readahead *ra, uint64_t index,
                       enum cache_advice advice);

/*
 * Reads what is not cached of the pages [first, end), as far as memory is there without writing
 * anything back: MADV_WILLNEED, POSIX_FADV_WILLNEED, readahead(2). Never fails.
 */
void cache_read_ahead(struct file_map *map, uint64_t first, uint64_t end);

/* Does the cached page have the mark? Fault-around leaves it to a fault of its own. */
bool cache_page_is_mark(const struct file_map *map, uint64_t index);

#endif
