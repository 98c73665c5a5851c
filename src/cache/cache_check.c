/*
 * The checker of the page cache: I-CACHE-1, 3, 5, 6 and 7, and that maps are neither lost nor left
 * behind. Layer 5.
 */
#include "cache/cache_inner.h"

/* What a walk over all pages counts. */
struct check_counts {
    uint64_t pages;
    uint64_t dirty;
    uint64_t writeback;
};

static bool check_page(const struct file_map *map, uint64_t index, const struct frame *frame)
{
    const struct frame_table *t = map->cache->frames;

    if (frame < t->frames || frame >= t->frames + t->total)
        return false;
    return frame->owner == MW_OWNER_CACHE && frame->home == map && frame->index == index &&
           frame->refs > 0 && index < cache_pages_of(file_map_bytes(map));
}

/* How many requests of the queue the page is in. */
static unsigned check_requests_of(const struct file_map *map, uint64_t index)
{
    const struct cache *c = map->cache;
    unsigned found = 0;

    for (uint32_t i = 0; i < c->queue_count; i++) {
        const struct cache_request *r = &c->queue[(c->queue_first + i) % CACHE_QUEUE];

        if (r->map == map && index >= r->first && index - r->first < r->pages)
            found++;
    }
    return found;
}

/* I-CACHE-5 for a page, which is counted. */
static bool check_tags(const struct file_map *map, uint64_t index, struct check_counts *counts)
{
    bool writeback = radix_tag_get(&map->pages, index, CACHE_TAG_WRITEBACK);

    counts->pages++;
    counts->writeback += writeback;
    counts->dirty += radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY);
    return check_requests_of(map, index) == writeback;
}

static bool check_map(const struct cache *c, const struct file_map *map,
                      struct check_counts *counts)
{
    uint64_t dirty_before = counts->dirty;
    uint64_t index = 0;
    void *frame;

    if (map->cache != c || (map->refs == 0 && map->pages.count == 0) || !radix_check(&map->pages))
        return false;
    if (map->inode == NULL ? map->dirty_pages != 0 : inode_owner(map->inode) != map)
        return false;
    for (; radix_next(&map->pages, &index, &frame); index++)
        if (!check_page(map, index, frame) || !check_tags(map, index, counts))
            return false;
    return map->dirty_pages == counts->dirty - dirty_before &&
           (map->dirty_pages == 0 || map->dirtied_ns <= c->clock->now_ns);
}

/* I-CACHE-5: in order. And I-CACHE-7. */
static bool check_queue(const struct cache *c)
{
    uint64_t end_ns = 0;

    if (c->queue_first >= CACHE_QUEUE || c->queue_count > CACHE_QUEUE)
        return false;
    for (uint32_t i = 0; i < c->queue_count; i++) {
        const struct cache_request *r = &c->queue[(c->queue_first + i) % CACHE_QUEUE];

        if (r->end_ns < end_ns || r->pages == 0)
            return false;
        end_ns = r->end_ns;
    }
    if (c->queue_count > 0 && c->due_ns > c->queue[c->queue_first].end_ns)
        return false;
    return c->dirty_pages == 0 || c->policy.wakeup_ns == 0 || c->due_ns <= c->look_ns;
}

bool cache_check(const struct cache *c)
{
    struct check_counts counts = {0};

    list_for_each (node, &c->maps)
        if (!check_map(c, container_of(node, const struct file_map, link), &counts))
            return false;
    /* Every frame of the cache is found through some map. */
    return counts.pages <= c->frames->by_owner[MW_OWNER_CACHE] && counts.dirty == c->dirty_pages &&
           counts.writeback == c->writeback_pages && check_queue(c);
}
