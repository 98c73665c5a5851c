/*
 * The checker of the page cache: I-CACHE-1 and 3, and that maps are neither lost nor left behind.
 * Layer 5.
 */
#include "cache/cache_inner.h"

static bool cache_check_page(const struct file_map *map, uint64_t index, const struct frame *frame)
{
    const struct frame_table *t = map->cache->frames;

    if (frame < t->frames || frame >= t->frames + t->total)
        return false;
    return frame->owner == MW_OWNER_CACHE && frame->home == map && frame->index == index &&
           frame->refs > 0 && index < cache_pages_of(file_map_bytes(map));
}

static bool cache_check_map(const struct cache *c, const struct file_map *map)
{
    uint64_t index = 0;
    void *frame;

    if (map->cache != c || (map->refs == 0 && map->pages.count == 0) || !radix_check(&map->pages))
        return false;
    if (map->inode == NULL ? radix_any_tagged(&map->pages, CACHE_TAG_DIRTY)
                           : inode_owner(map->inode) != map)
        return false;
    for (; radix_next(&map->pages, &index, &frame); index++)
        if (!cache_check_page(map, index, frame))
            return false;
    return true;
}

bool cache_check(const struct cache *c)
{
    uint64_t pages = 0;

    list_for_each (node, &c->maps) {
        const struct file_map *map = container_of(node, struct file_map, link);

        if (!cache_check_map(c, map))
            return false;
        pages += map->pages.count;
    }
    /* Every frame of the cache is found through some map. */
    return pages <= c->frames->by_owner[MW_OWNER_CACHE];
}
