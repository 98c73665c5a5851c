/*
 * Giving frames back: eviction, and what is done when there is none to be had.
 *
 * Layer 5. Only clean pages go that nobody else references: a reference more than the cache's is a
 * PTE, or somebody in the middle of something. A page that was asked for again since eviction last
 * came by is passed over once (a clock with one hand a file), so that a file that is read through
 * once does not push out what is used all the time.
 *
 * When there are no clean pages, dirty ones are written back first, so that a file larger than RAM
 * can be written. What cannot be written stays, and then there is no frame: -ENOMEM, no loop.
 */
#include "cache/cache_inner.h"
#include "cache/writeback.h"

/* Pages evicted at once when frames run out: one at a time would mean a search for every page. */
#define CACHE_EVICT_PAGES 32u

/* Tries to get a frame after evicting some clean pages. */
static struct frame *cache_take_after_shrink(struct cache *c, bool zeroed)
{
    if (cache_shrink(c, CACHE_EVICT_PAGES) == 0)
        return NULL;
    return frame_alloc(c->frames, MW_OWNER_CACHE, zeroed);
}

struct frame *cache_take_frame(struct cache *c, bool zeroed)
{
    struct frame *frame = frame_alloc(c->frames, MW_OWNER_CACHE, zeroed);
    int err;

    if (frame == NULL)
        frame = cache_take_after_shrink(c, zeroed);
    if (frame != NULL)
        return frame;
    err = cache_write_all(c);
    (void)err; /* the files remember it; what could be written can be evicted now */
    return cache_take_after_shrink(c, zeroed);
}

/* May the page go, as far as its state is concerned? */
static bool cache_is_evictable(const struct file_map *map, uint64_t index,
                               const struct frame *frame)
{
    return frame->refs == 1 && !radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY) &&
           !radix_tag_get(&map->pages, index, CACHE_TAG_WRITEBACK);
}

/* Evicts up to `want` pages of [map->hand, end). */
static uint64_t cache_shrink_lap(struct file_map *map, uint64_t end, uint64_t want)
{
    uint64_t freed = 0;
    void *value;

    for (; freed < want && radix_next(&map->pages, &map->hand, &value) && map->hand < end;
         map->hand++) {
        struct frame *frame = value;

        if (!cache_is_evictable(map, map->hand, frame))
            continue;
        if (frame->live & CACHE_FRAME_REFERENCED) {
            frame->live &= (uint16_t)~CACHE_FRAME_REFERENCED;
            continue;
        }
        cache_drop_page(map, map->hand);
        map->cache->counters.evicted++;
        freed++;
    }
    return freed;
}

/*
 * Goes on where the last search ended, or pages that cannot go would be looked at every time. Once
 * round, and once more for those that were passed over.
 */
static uint64_t cache_shrink_map(struct file_map *map, uint64_t want)
{
    uint64_t freed = cache_shrink_lap(map, UINT64_MAX, want);

    for (unsigned lap = 0; lap < 2 && freed < want; lap++) {
        map->hand = 0;
        freed += cache_shrink_lap(map, UINT64_MAX, want - freed);
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

uint64_t cache_invalidate(struct file_map *map, uint64_t first, uint64_t end)
{
    uint64_t dropped = 0;
    void *value;

    if (map->inode == NULL)
        return 0;
    for (; radix_next(&map->pages, &first, &value) && first < end; first++) {
        if (!cache_is_evictable(map, first, value))
            continue;
        cache_drop_page(map, first);
        dropped++;
    }
    return dropped;
}

uint64_t cache_drop_clean(struct cache *c)
{
    uint64_t dropped = 0;

    cache_queue_end_due(c);
    list_for_each_safe (node, next_node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);

        dropped += cache_invalidate(map, 0, UINT64_MAX);
        cache_release_idle(map);
    }
    return dropped;
}
