/*
 * Writeback: dirty pages go to the device.
 *
 * Layer 5. Neighbouring dirty pages are gathered into one run, and a run is one request (as far as
 * the device's blocks are neighbours too). For each page the order is: take write permission away
 * and clear D everywhere (mapper), flush TLBs (the mapper does), zero what lies past the end of the
 * file, copy, write, and only then clear the tag (I-CACHE-4). A store between the cleaning and the
 * write would be impossible; one after it faults and tags the page again.
 */
#include <string.h>

#include "cache/cache_inner.h"

static void cache_clean(struct file_map *map, uint64_t index)
{
    if (map->cache->mapper != NULL)
        map->cache->mapper->clean_page(map, index);
}

/* Copies the run of dirty pages that begins at `first` into cache.run; how many there are. */
static uint32_t cache_gather(struct file_map *map, uint64_t first, uint64_t end)
{
    struct cache *c = map->cache;
    uint64_t last_index = file_map_bytes(map) >> PAGE_SHIFT;
    uint32_t pages = 0;

    for (; pages < CACHE_RUN_PAGES && first + pages < end; pages++) {
        struct frame *frame = radix_get(&map->pages, first + pages);

        if (frame == NULL || !radix_tag_get(&map->pages, first + pages, CACHE_TAG_DIRTY))
            break;
        cache_clean(map, first + pages);
        if (first + pages == last_index)
            cache_zero_tail(map, frame);
        memcpy(c->run + pages * PAGE_BYTES, frame_bytes(c->frames, frame), PAGE_BYTES);
    }
    return pages;
}

/* Books the outcome of a run: written pages are clean, failed ones stay dirty. */
static int cache_finish_run(struct file_map *map, uint64_t first, uint32_t pages, int err)
{
    struct cache *c = map->cache;

    if (err != 0) {
        c->counters.write_errors++;
    } else {
        c->counters.pages_written += pages;
        for (uint32_t i = 0; i < pages; i++)
            radix_tag_clear(&map->pages, first + i, CACHE_TAG_DIRTY);
    }
    event_emit(c->bus, MW_EVENT_CACHE_WRITE, cache_number(map), first, pages,
               (uint64_t)(int64_t)err);
    return err;
}

int cache_write_pages(struct file_map *map, uint64_t first, uint64_t end)
{
    int first_err = 0;
    void *frame;

    while (radix_next_tagged(&map->pages, &first, &frame, CACHE_TAG_DIRTY) && first < end) {
        uint32_t pages = cache_gather(map, first, end);
        int err = inode_write_pages(map->inode, first, pages, map->cache->run);

        err = cache_finish_run(map, first, pages, err);
        if (first_err == 0)
            first_err = err;
        first += pages;
    }
    return first_err;
}

int cache_writeback(struct file_map *map, uint64_t first, uint64_t end)
{
    int err;
    int flush_err;

    if (map->inode == NULL)
        return 0;
    err = cache_write_pages(map, first, end);
    flush_err = volume_flush(map->cache->volume);
    if (err == 0)
        err = flush_err;
    if (err == 0)
        err = map->error;
    map->error = 0;
    return err;
}

int cache_write_all(struct cache *c)
{
    int first_err = 0;

    list_for_each (node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);
        int err = map->inode == NULL ? 0 : cache_write_pages(map, 0, UINT64_MAX);

        /*
         * Whoever has the file open is not the one who asked, and learns it by the next
         * cache_writeback.
         */
        if (err != 0)
            map->error = err;
        if (first_err == 0)
            first_err = err;
    }
    return first_err;
}

int cache_sync(struct cache *c)
{
    int err;
    int sync_err;

    cache_reap(c);
    err = cache_write_all(c);
    sync_err = volume_sync(c->volume);
    return err != 0 ? err : sync_err;
}
