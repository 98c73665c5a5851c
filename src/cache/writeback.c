/*
 * Writeback: dirty pages go to the device.
 *
 * Layer 5. Neighbouring dirty pages are one run, and a run is one request (as far as the device's
 * blocks are neighbours too), straight from the frames. For each run the order is: take write
 * permission away and clear D everywhere (mapper), flush TLBs (the mapper does), zero what lies past
 * the end of the file, take the dirty tag away, write, and only at the end call the pages clean
 * (I-CACHE-4). A store after the permission is gone faults and tags the page again, so that it is
 * written again: nothing that was stored is ever taken for written because something older was.
 *
 * Walks only go forward, so that a page that fails, or becomes dirty again behind, ends no walk.
 */
#include "cache/writeback.h"

#include "cache/cache_inner.h"

/*
 * Is the page one that a walk writes: dirty, or with `force` any that the disk holds, and not being
 * written already? A clean hole has nothing to write, and writing it could find the disk full.
 */
static bool cache_is_wanted(const struct file_map *map, uint64_t index, bool force)
{
    bool stored = false;

    if (radix_tag_get(&map->pages, index, CACHE_TAG_WRITEBACK))
        return false;
    if (radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY))
        return true;
    return force && inode_page_stored(map->inode, index, &stored) == 0 && stored;
}

/*
 * A run that is only cut because a request may not be longer ends where the device's blocks cease to
 * be neighbours: what lies behind begins a request of its own in any case, and so it can be a whole
 * one. ext2 puts its tables between the blocks of a file, so that every long file has such places.
 */
static uint32_t cache_cut_run(struct file_map *map, uint64_t first, uint32_t pages)
{
    return pages < map->cache->run_pages ? pages : inode_pages_to_break(map->inode, first, pages);
}

/* The run of wanted pages that begins at `first`, which is one; their bytes in cache.run. */
static uint32_t cache_collect_run(struct file_map *map, uint64_t first, uint64_t end, bool force)
{
    struct cache *c = map->cache;
    uint32_t pages = 0;

    for (; pages < c->run_pages && first + pages < end; pages++) {
        const struct frame *frame = radix_get(&map->pages, first + pages);

        if (frame == NULL || !cache_is_wanted(map, first + pages, force))
            break;
        c->run[pages] = frame_bytes(c->frames, frame);
    }
    return cache_cut_run(map, first, pages);
}

/* From here on a store to one of the pages faults and makes it dirty again. */
static void cache_begin_run(struct file_map *map, uint64_t first, uint32_t pages)
{
    uint64_t last_index = file_map_bytes(map) >> PAGE_SHIFT;

    if (map->cache->mapper != NULL)
        map->cache->mapper->clean_pages(map, first, first + pages);
    if (last_index >= first && last_index < first + pages)
        cache_zero_tail(map, radix_get(&map->pages, last_index));
    for (uint32_t i = 0; i < pages; i++) {
        cache_clear_dirty(map, first + i);
        radix_tag_set(&map->pages, first + i, CACHE_TAG_WRITEBACK);
    }
    map->cache->writeback_pages += pages;
}

/* Writes the run that was collected. What it came to; without `wait` it is told later, and 0. */
static int cache_submit_run(struct file_map *map, uint64_t first, uint32_t pages, bool wait)
{
    struct cache *c = map->cache;
    struct cache_request request = {.map = map, .first = first, .pages = pages};

    cache_begin_run(map, first, pages);
    dev_set_background(c->dev, !wait);
    request.err = inode_write_gather(map->inode, first, pages, c->run, 0);
    dev_set_background(c->dev, false);
    if (wait) {
        cache_end_request(c, &request);
        return request.err;
    }
    request.end_ns = dev_busy_until(c->dev);
    c->counters.background += pages;
    cache_queue_put(c, &request);
    return 0;
}

/* What a walk over a file's pages does. */
struct cache_walk {
    uint64_t first;
    uint64_t end;
    uint64_t want; /* pages to write at least */
    bool wait;
    bool force;
};

/* The next page at or behind *index that may be one to write. */
static bool cache_walk_next(const struct file_map *map, const struct cache_walk *walk,
                            uint64_t *index)
{
    void *frame;

    if (walk->force)
        return radix_next(&map->pages, index, &frame) && *index < walk->end;
    return radix_next_tagged(&map->pages, index, &frame, CACHE_TAG_DIRTY) && *index < walk->end;
}

/* Writes the pages of a walk. The first error. */
static int cache_walk_pages(struct file_map *map, const struct cache_walk *walk)
{
    uint64_t index = walk->first;
    uint64_t written = 0;
    int first_err = 0;

    while (written < walk->want && cache_walk_next(map, walk, &index)) {
        uint32_t pages = cache_collect_run(map, index, walk->end, walk->force);
        int err = pages == 0 ? 0 : cache_submit_run(map, index, pages, walk->wait);

        if (first_err == 0)
            first_err = err;
        written += pages;
        index += pages == 0 ? 1 : pages; /* 0: it is being written, and was made dirty again */
    }
    return first_err;
}

void cache_start_pages(struct file_map *map, uint64_t want)
{
    const struct cache_walk walk = {.end = UINT64_MAX, .want = want};
    int err = cache_walk_pages(map, &walk);

    (void)err; /* nobody waits, so there is none: errors come with the ends of the requests */
}

int cache_write_range(struct file_map *map, uint64_t first, uint64_t end, enum cache_sync_mode mode,
                      bool force)
{
    const struct cache_walk walk = {
        .first = first, .end = end, .want = UINT64_MAX, .wait = mode == CACHE_ALL, .force = force};

    if (map->inode == NULL)
        return 0;
    if (walk.wait)
        cache_wait_range(map, first, end);
    return cache_walk_pages(map, &walk);
}

int cache_fsync(struct file_map *map, uint64_t first, uint64_t end, uint32_t *error_seen,
                unsigned flags)
{
    int err;
    int seen;

    if (map->inode == NULL)
        return 0;
    err = cache_write_range(map, first, end, CACHE_ALL, (flags & CACHE_FORCE) != 0);
    if (err == 0)
        err = volume_sync(map->cache->volume);
    seen = cache_check_error(map, error_seen); /* this call's own errors among them: told once */
    return err != 0 ? err : seen;
}

int cache_write_all(struct cache *c)
{
    int first_err = 0;

    list_for_each (node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);
        int err = cache_write_range(map, 0, UINT64_MAX, CACHE_ALL, false);

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
