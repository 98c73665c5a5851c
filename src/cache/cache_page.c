/*
 * Pages of the cache: found, filled, made dirty, evicted.
 *
 * Layer 5. A page's states and invariants I-CACHE-1..4 are in cache.h. The transitions are here and
 * in writeback.c:
 *
 *   absent -> clean   cache_page (cache_fill), from the device or, for holes, from a zeroed frame
 *   clean  -> dirty   cache_tag_dirty, after cache_reserve
 *   clean  -> absent  cache_shrink
 *   any    -> absent  cache_drop_page (truncation, the end of an unlinked file)
 *
 * When no frame is left, clean pages are evicted; when there are none, dirty ones are written back
 * first, so that a file larger than RAM can be written.
 */
#include "base/contract.h"
#include "cache/cache_inner.h"

/* Pages evicted at once when frames run out: one at a time would mean a search for every page. */
#define CACHE_EVICT_PAGES 32u

struct frame *cache_take_frame(struct cache *c, bool zeroed)
{
    struct frame *frame = frame_alloc(c->frames, MW_OWNER_CACHE, zeroed);

    if (frame == NULL && cache_shrink(c, CACHE_EVICT_PAGES) > 0)
        frame = frame_alloc(c->frames, MW_OWNER_CACHE, zeroed);
    if (frame == NULL) {
        int err = cache_write_all(c);

        (void)err; /* the maps remember it; what could be written can be evicted now */
        if (cache_shrink(c, CACHE_EVICT_PAGES) > 0)
            frame = frame_alloc(c->frames, MW_OWNER_CACHE, zeroed);
    }
    return frame;
}

int cache_insert(struct file_map *map, uint64_t index, struct frame *frame)
{
    int err = radix_insert(&map->pages, index, frame);

    if (err != 0)
        return err;
    frame->home = map;
    frame->index = index;
    return 0;
}

void cache_drop_page(struct file_map *map, uint64_t index)
{
    struct frame *frame = radix_remove(&map->pages, index);

    contract(frame != NULL);
    frame->home = NULL;
    event_emit(map->cache->bus, MW_EVENT_CACHE_DROP, cache_number(map), index);
    frame_put(map->cache->frames, frame);
}

void cache_drop_pages(struct file_map *map, uint64_t first)
{
    void *frame;

    while (radix_next(&map->pages, &first, &frame))
        cache_drop_page(map, first);
}

/* Gets a frame that holds what the file has at index. *blocks: how many were read for it. */
static int cache_load(struct file_map *map, uint64_t index, struct frame **out, uint32_t *blocks)
{
    struct cache *c = map->cache;
    bool stored = false;
    int err = 0;

    *blocks = 0;
    if (map->inode != NULL)
        err = inode_page_stored(map->inode, index, &stored);
    if (err != 0)
        return err;
    /*
     * A page that is not on the device reads zero: a frame that is known to be zero needs no host
     * memory.
     */
    *out = cache_take_frame(c, !stored);
    if (*out == NULL)
        return -ENOMEM;
    if (!stored)
        return 0;
    frame_soil(*out);
    err = inode_read_pages(map->inode, index, 1, frame_bytes(c->frames, *out), blocks);
    if (err != 0)
        frame_put(c->frames, *out);
    return err;
}

static int cache_fill(struct file_map *map, uint64_t index, struct frame **out, uint32_t *blocks)
{
    struct cache *c = map->cache;
    int err = cache_load(map, index, out, blocks);

    if (err != 0)
        return err;
    err = cache_insert(map, index, *out);
    if (err != 0) {
        frame_put(c->frames, *out);
        return err;
    }
    c->counters.misses++;
    event_emit(c->bus, MW_EVENT_CACHE_FILL, cache_number(map), index,
               frame_paddr(c->frames, *out).raw, *blocks);
    return 0;
}

int cache_page(struct file_map *map, uint64_t index, struct frame **out, bool *major)
{
    struct cache *c = map->cache;
    uint32_t blocks = 0;
    int err = 0;

    contract(index < cache_pages_of(file_map_bytes(map)));
    *out = radix_get(&map->pages, index);
    if (*out != NULL) {
        c->counters.hits++;
        event_emit(c->bus, MW_EVENT_CACHE_HIT, cache_number(map), index,
                   frame_paddr(c->frames, *out).raw);
    } else {
        err = cache_fill(map, index, out, &blocks);
    }
    if (major != NULL)
        *major = blocks > 0;
    return err;
}

int cache_reserve(struct file_map *map, uint64_t index, uint64_t bytes)
{
    int err;

    if (map->inode == NULL) {
        if (bytes > map->anonymous_bytes)
            map->anonymous_bytes = bytes;
        return 0;
    }
    err = inode_extend_page(map->inode, index, bytes);

    /* Space that only pages of deleted files hold is space all the same. */
    if (err == -ENOSPC && cache_reap(map->cache))
        err = inode_extend_page(map->inode, index, bytes);
    return err;
}

void cache_tag_dirty(struct file_map *map, uint64_t index)
{
    if (radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY))
        return;
    radix_tag_set(&map->pages, index, CACHE_TAG_DIRTY);
    event_emit(map->cache->bus, MW_EVENT_CACHE_DIRTY, cache_number(map), index);
}

int cache_dirty(struct file_map *map, uint64_t index)
{
    struct frame *frame = radix_get(&map->pages, index);
    int err;

    contract(frame != NULL);
    if (map->inode == NULL || radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY))
        return 0;
    err = cache_reserve(map, index, 0);
    if (err != 0)
        return err;
    frame_soil(frame);
    cache_tag_dirty(map, index);
    return 0;
}

/* ---- eviction ---- */

/* Evicts up to `want` pages of [map->hand, end). */
static uint64_t cache_shrink_lap(struct file_map *map, uint64_t end, uint64_t want)
{
    uint64_t freed = 0;
    void *value;

    for (; freed < want && radix_next(&map->pages, &map->hand, &value) && map->hand < end;
         map->hand++) {
        struct frame *frame = value;

        /* A reference more than ours is a PTE or somebody in the middle of something. */
        if (frame->refs > 1 || radix_tag_get(&map->pages, map->hand, CACHE_TAG_DIRTY))
            continue;
        cache_drop_page(map, map->hand);
        map->cache->counters.evicted++;
        freed++;
    }
    return freed;
}

/* Goes on where the last search ended, or pages that cannot go would be looked at every time. */
static uint64_t cache_shrink_map(struct file_map *map, uint64_t want)
{
    uint64_t start = map->hand;
    uint64_t freed = cache_shrink_lap(map, UINT64_MAX, want);

    if (freed < want) {
        map->hand = 0;
        freed += cache_shrink_lap(map, start, want - freed);
    }
    return freed;
}

uint64_t cache_shrink(struct cache *c, uint64_t want)
{
    uint64_t freed = 0;

    list_for_each_safe (node, next_node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);

        if (freed >= want)
            break;
        if (map->inode == NULL) /* shared anonymous memory has no other home */
            continue;
        freed += cache_shrink_map(map, want - freed);
        cache_release_idle(map);
    }
    return freed;
}
