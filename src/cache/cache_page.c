/*
 * Pages of the cache: found, filled, made dirty, dropped.
 *
 * Layer 5. A page's states and invariants are in cache.h. The transitions here are:
 *
 *   absent -> clean   cache_page (cache_fill), from the device or, for holes, from a zeroed frame
 *   clean  -> dirty   cache_tag_dirty, after cache_reserve
 *   any    -> absent  cache_drop_page
 *
 * What makes dirty pages clean is in writeback.c, what evicts clean ones in reclaim.c.
 */
#include "base/contract.h"
#include "cache/cache_inner.h"
#include "cache/writeback.h"

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
    struct frame *frame;

    contract(!radix_tag_get(&map->pages, index, CACHE_TAG_WRITEBACK));
    cache_clear_dirty(map, index);
    frame = radix_remove(&map->pages, index);
    contract(frame != NULL);
    frame->home = NULL;
    frame->live = 0;
    event_emit(map->cache->bus, MW_EVENT_CACHE_DROP, cache_number(map), index);
    frame_put(map->cache->frames, frame);
}

void cache_drop_pages(struct file_map *map, uint64_t first, uint64_t end)
{
    void *frame;

    cache_wait_range(map, first, end);
    while (radix_next(&map->pages, &first, &frame) && first < end)
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

void cache_tell_fill(struct file_map *map, uint64_t index, const struct frame *frame,
                     uint64_t blocks)
{
    struct cache *c = map->cache;

    c->counters.misses++;
    event_emit(c->bus, MW_EVENT_CACHE_FILL, cache_number(map), index,
               frame_paddr(c->frames, frame).raw, blocks);
}

static int cache_fill(struct file_map *map, uint64_t index, struct frame **out, uint32_t *blocks)
{
    int err = cache_load(map, index, out, blocks);

    if (err != 0)
        return err;
    err = cache_insert(map, index, *out);
    if (err != 0) {
        frame_put(map->cache->frames, *out);
        return err;
    }
    cache_tell_fill(map, index, *out, *blocks);
    return 0;
}

bool cache_in_core(const struct file_map *map, uint64_t index)
{
    const struct frame *frame = radix_get(&map->pages, index);

    return frame != NULL && !(frame->live & CACHE_FRAME_UNTOUCHED);
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
        (*out)->live = (uint16_t)(((*out)->live | CACHE_FRAME_REFERENCED) & ~CACHE_FRAME_UNTOUCHED);
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

int cache_reserve_page(struct file_map *map, uint64_t index, struct frame *frame, uint64_t bytes)
{
    uint64_t old_bytes = file_map_bytes(map);
    int err;

    if ((frame->live & CACHE_FRAME_RESERVED) && bytes <= old_bytes)
        return 0;
    err = cache_reserve(map, index, bytes);
    if (err != 0)
        return err;
    if (bytes > old_bytes)
        cache_forget_reserved(map, old_bytes);
    if (map->inode != NULL)
        frame->live |= CACHE_FRAME_RESERVED;
    return 0;
}

void cache_forget_reserved(struct file_map *map, uint64_t old_bytes)
{
    struct frame *frame = radix_get(&map->pages, old_bytes >> PAGE_SHIFT);

    if (frame != NULL)
        frame->live &= (uint16_t)~CACHE_FRAME_RESERVED;
}

void cache_set_dirty(struct file_map *map, uint64_t index)
{
    struct cache *c = map->cache;

    if (radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY))
        return;
    radix_tag_set(&map->pages, index, CACHE_TAG_DIRTY);
    if (map->dirty_pages++ == 0)
        map->dirtied_ns = c->clock->now_ns;
    if (c->dirty_pages++ == 0)
        c->look_ns = c->clock->now_ns + c->policy.wakeup_ns;
    /* Counting one by one meets every border exactly. */
    if (c->dirty_pages == 1 || c->dirty_pages == c->background_limit + 1)
        cache_plan(c);
}

void cache_clear_dirty(struct file_map *map, uint64_t index)
{
    if (!radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY))
        return;
    radix_tag_clear(&map->pages, index, CACHE_TAG_DIRTY);
    map->dirty_pages--;
    map->cache->dirty_pages--;
}

void cache_tag_dirty(struct file_map *map, uint64_t index)
{
    if (radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY))
        return;
    cache_set_dirty(map, index);
    event_emit(map->cache->bus, MW_EVENT_CACHE_DIRTY, cache_number(map), index);
}

int cache_dirty(struct file_map *map, uint64_t index)
{
    struct frame *frame = radix_get(&map->pages, index);
    int err;

    contract(frame != NULL);
    if (map->inode == NULL || radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY))
        return 0;
    cache_balance(map->cache);
    err = cache_reserve_page(map, index, frame, 0);
    if (err != 0)
        return err;
    frame_soil(frame);
    cache_tag_dirty(map, index);
    return 0;
}
