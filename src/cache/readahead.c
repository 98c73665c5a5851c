/*
 * Reading ahead: which window, and how it gets into the cache. See readahead.h.
 *
 * Layer 5. How a window is chosen for a page that is missing or has the mark, the first rule that
 * fits:
 *
 *   start of the file                    a first window
 *   where the last window said           the next window
 *   a mark, but not our window's         a window behind what is cached already (somebody else read)
 *   more than a window is asked for      a first window
 *   right behind the last read           a first window
 *   many pages before it are cached      as if they were our last window
 *   anything else                        just what is asked for: a random read
 *
 * A window's pages are read as one piece into cache.window and copied to their frames. Memory for
 * them is taken from clean pages, before the first of the window is put in, never by writing back.
 */
#include "cache/readahead.h"

#include <string.h>

#include "cache/cache_inner.h"

/* Faults that found nothing and were not followed by ones that did; then around is not read. */
#define READAHEAD_MANY_MISSES 100u

/* What a window reads: pages [first, first + pages); the mark goes on page `mark`. */
struct readahead_window {
    uint64_t first;
    uint64_t pages;
    uint64_t mark; /* UINT64_MAX: none */
};

void cache_readahead_init(struct cache_readahead *ra, const struct cache *c)
{
    *ra = (struct cache_readahead){.max_pages = c->policy.max_readahead_pages};
}

void cache_readahead_advise(struct cache_readahead *ra, const struct cache *c,
                            enum cache_advice advice)
{
    ra->mode = (uint8_t)advice;
    ra->max_pages = c->policy.max_readahead_pages;
    if (advice == CACHE_ADVICE_SEQUENTIAL)
        ra->max_pages *= 2;
}

bool cache_page_is_mark(const struct file_map *map, uint64_t index)
{
    const struct frame *frame = radix_get(&map->pages, index);

    return frame != NULL && (frame->live & CACHE_FRAME_MARK) != 0;
}

/* ---- filling ---- */

/* Puts one page of the window that was read in. False: no memory. */
static bool readahead_insert(struct file_map *map, uint64_t index, const uint8_t *bytes,
                             uint64_t mark)
{
    struct cache *c = map->cache;
    struct frame *frame;
    bool stored = false;

    if (inode_page_stored(map->inode, index, &stored) != 0)
        return false;
    frame = frame_alloc(c->frames, MW_OWNER_CACHE, !stored);
    if (frame == NULL)
        return false;
    if (cache_insert(map, index, frame) != 0) {
        frame_put(c->frames, frame);
        return false;
    }
    if (stored) {
        frame_soil(frame);
        memcpy(frame_bytes(c->frames, frame), bytes, PAGE_BYTES);
    }
    if (index == mark)
        frame->live |= CACHE_FRAME_MARK;
    c->counters.ahead++;
    cache_tell_fill(map, index, frame, stored);
    return true;
}

/* Reads pages [first, first + pages), none of which is cached. False: go no further. */
static bool readahead_read_run(struct file_map *map, uint64_t first, uint32_t pages, uint64_t mark)
{
    struct cache *c = map->cache;
    uint64_t room = c->frames->total - c->frames->used;

    if (room < pages && room + cache_shrink(c, pages - room) < pages)
        return false;
    if (inode_read_pages(map->inode, first, pages, c->window, NULL) != 0)
        return false;
    for (uint32_t i = 0; i < pages; i++)
        if (!readahead_insert(map, first + i, c->window + i * PAGE_BYTES, mark))
            return false;
    return true;
}

/* How many pages from `first` on, at most `most`, are not cached. */
static uint64_t readahead_missing(const struct file_map *map, uint64_t first, uint64_t most)
{
    uint64_t next = first;
    void *frame;

    if (!radix_next(&map->pages, &next, &frame) || next - first > most)
        return most;
    return next - first;
}

/* Reads what of the window is not cached, as far as the file goes. */
static void readahead_read(struct file_map *map, const struct readahead_window *window)
{
    uint64_t end = cache_pages_of(file_map_bytes(map));
    uint64_t index = window->first;

    if (window->pages < end && window->first < end - window->pages)
        end = window->first + window->pages;
    while (index < end) {
        uint64_t most = end - index;
        uint64_t pages;

        if (most > map->cache->window_pages)
            most = map->cache->window_pages;
        pages = readahead_missing(map, index, most);
        if (pages > 0 && !readahead_read_run(map, index, (uint32_t)pages, window->mark))
            return;
        index += pages > 0 ? pages : 1;
    }
}

void cache_read_ahead(struct file_map *map, uint64_t first, uint64_t end)
{
    const struct readahead_window window = {first, end - first, UINT64_MAX};

    if (map->inode != NULL && first < end)
        readahead_read(map, &window);
}

/* ---- choosing a window ---- */

/* The first window for a request: larger, the smaller the request is against the limit. */
static uint32_t readahead_first_size(uint64_t pages, uint32_t max)
{
    uint64_t size = 1;

    while (size < pages && size < max)
        size *= 2;
    if (size <= max / 32)
        size *= 4;
    else if (size <= max / 4)
        size *= 2;
    else
        size = max;
    return (uint32_t)size;
}

static uint32_t readahead_next_size(const struct cache_readahead *ra)
{
    uint32_t max = ra->max_pages;

    if (ra->size < max / 16)
        return ra->size * 4;
    return ra->size <= max / 2 ? ra->size * 2 : max;
}

static void readahead_begin(struct cache_readahead *ra, uint64_t index, uint64_t pages)
{
    ra->start = index;
    ra->size = readahead_first_size(pages, ra->max_pages);
    ra->async_size = ra->size > pages ? ra->size - (uint32_t)pages : ra->size;
}

/* The page behind the run of cached pages from `index` on; false: the run is longer than a window. */
static bool readahead_next_gap(const struct file_map *map, uint64_t index, uint32_t max,
                               uint64_t *gap)
{
    for (*gap = index; *gap - index <= max; ++*gap)
        if (radix_get(&map->pages, *gap) == NULL)
            return true;
    return false;
}

/* How many pages right before `index` are cached, at most `max`. */
static uint32_t readahead_history(const struct file_map *map, uint64_t index, uint32_t max)
{
    uint32_t pages = 0;

    while (pages < max && pages < index && radix_get(&map->pages, index - pages - 1) != NULL)
        pages++;
    return pages;
}

/* Somebody else's mark: a window behind what he has read. False: there is enough. */
static bool readahead_after_mark(const struct file_map *map, struct cache_readahead *ra,
                                 uint64_t index, uint64_t pages)
{
    uint64_t gap;

    if (!readahead_next_gap(map, index + 1, ra->max_pages, &gap))
        return false;
    ra->size = (uint32_t)(gap - index) + (uint32_t)(pages < ra->max_pages ? pages : ra->max_pages);
    ra->start = gap;
    ra->size = readahead_next_size(ra);
    ra->async_size = ra->size;
    return true;
}

/* Pages before this one are cached: somebody reads the file in order. False: too few. */
static bool readahead_by_context(const struct file_map *map, struct cache_readahead *ra,
                                 uint64_t index, uint64_t pages)
{
    uint32_t history = readahead_history(map, index, ra->max_pages);
    uint64_t size = history;

    if (history <= pages)
        return false;
    if (history >= index) /* all the way from the start of the file */
        size *= 2;
    size += pages;
    ra->start = index;
    ra->size = size < ra->max_pages ? (uint32_t)size : ra->max_pages;
    ra->async_size = 1;
    return true;
}

/* The table at the top of this file. False: there is no window but the request itself, or none. */
static bool readahead_choose(const struct file_map *map, struct cache_readahead *ra, uint64_t index,
                             uint64_t pages, bool marked)
{
    if (index > 0 && ra->size > 0 &&
        (index == ra->start + ra->size - ra->async_size || index == ra->start + ra->size)) {
        ra->start += ra->size;
        ra->size = readahead_next_size(ra);
        ra->async_size = ra->size;
        return true;
    }
    if (index > 0 && marked)
        return readahead_after_mark(map, ra, index, pages);
    if (index == 0 || pages > ra->max_pages || index == ra->prev || index + 1 == ra->prev) {
        readahead_begin(ra, index, pages);
        return true;
    }
    return readahead_by_context(map, ra, index, pages);
}

/* A window that is all ahead, and begins where the reader is, takes in the next one. */
static void readahead_merge(struct cache_readahead *ra, uint64_t index)
{
    uint32_t more;

    if (index != ra->start || ra->size != ra->async_size)
        return;
    more = readahead_next_size(ra);
    if (more <= ra->max_pages - ra->size) {
        ra->async_size = more;
        ra->size += more;
    } else {
        ra->size = ra->max_pages;
        ra->async_size = ra->max_pages / 2;
    }
}

static void readahead_read_window(struct file_map *map, const struct cache_readahead *ra)
{
    const struct readahead_window window = {
        ra->start, ra->size,
        ra->async_size > 0 ? ra->start + ra->size - ra->async_size : UINT64_MAX};

    readahead_read(map, &window);
}

/* The window for a page that is missing or has the mark. */
static void readahead_at(struct file_map *map, struct cache_readahead *ra, uint64_t index,
                         uint64_t pages, bool marked)
{
    if (!readahead_choose(map, ra, index, pages, marked)) {
        if (!marked)
            cache_read_ahead(map, index, index + pages);
        return;
    }
    readahead_merge(ra, index);
    readahead_read_window(map, ra);
}

/* The mark has done its duty. */
static bool readahead_take_mark(struct frame *frame)
{
    bool marked = (frame->live & CACHE_FRAME_MARK) != 0;

    frame->live &= (uint16_t)~CACHE_FRAME_MARK;
    return marked;
}

void cache_read_window(struct file_map *map, struct cache_readahead *ra, uint64_t index,
                       uint64_t pages)
{
    struct frame *frame;
    bool marked;

    if (ra == NULL || ra->max_pages == 0 || map->inode == NULL)
        return;
    frame = radix_get(&map->pages, index);
    marked = frame != NULL && readahead_take_mark(frame);
    if (frame == NULL && ra->mode == CACHE_ADVICE_RANDOM)
        cache_read_ahead(map, index, index + pages);
    else if (frame == NULL || (marked && ra->mode != CACHE_ADVICE_RANDOM))
        readahead_at(map, ra, index, pages, marked);
    ra->prev = index + 1;
}

/* ---- faults ---- */

/* Pages before and behind the fault, a window in all. */
static void readahead_around(struct file_map *map, struct cache_readahead *ra, uint64_t index)
{
    ra->start = index > ra->max_pages / 2 ? index - ra->max_pages / 2 : 0;
    ra->size = ra->max_pages;
    ra->async_size = ra->max_pages / 4;
    readahead_read_window(map, ra);
}

void cache_fault_ahead(struct file_map *map, struct cache_readahead *ra, uint64_t index,
                       enum cache_advice advice)
{
    struct frame *frame = radix_get(&map->pages, index);

    if (ra == NULL || ra->max_pages == 0 || map->inode == NULL || advice == CACHE_ADVICE_RANDOM)
        return;
    if (frame != NULL) {
        if (ra->misses > 0)
            ra->misses--;
        if (readahead_take_mark(frame))
            readahead_at(map, ra, index, ra->max_pages, true);
        return;
    }
    if (advice == CACHE_ADVICE_SEQUENTIAL) {
        readahead_at(map, ra, index, ra->max_pages, false);
        return;
    }
    if (ra->misses < 10 * READAHEAD_MANY_MISSES)
        ra->misses++;
    if (ra->misses <= READAHEAD_MANY_MISSES)
        readahead_around(map, ra, index);
}
