/*
 * The flusher: writes in the background what nobody asked for, by age and by amount.
 *
 * Layer 5. There is no thread: whoever lets simulated time pass calls cache_tick. Three things make
 * it due: the end of a request in the queue, the flusher's next look for old pages while there are
 * dirty ones, and more dirty pages than the background limit. A file is old by its oldest dirty
 * page, and then written as a whole.
 *
 * Writers are held back by cache_balance before they make one more page dirty, not after: the page
 * that was just made dirty is about to be mapped writable, and must not be cleaned under its owner
 * (I-CACHE-2). What cannot be written is left alone for a while (retry_ns), or every call would try
 * it again.
 */
#include "cache/cache_inner.h"
#include "cache/writeback.h"

static bool cache_above_background(const struct cache *c)
{
    return c->dirty_pages > c->background_limit;
}

void cache_plan(struct cache *c)
{
    uint64_t due = UINT64_MAX;

    if (c->queue_count > 0)
        due = c->queue[c->queue_first].end_ns;
    if (c->dirty_pages > 0 && c->policy.wakeup_ns > 0 && c->look_ns < due)
        due = c->look_ns;
    if (cache_above_background(c) && c->retry_ns < due)
        due = c->retry_ns;
    c->due_ns = due;
}

/* Starts writing the files whose dirty pages are old enough. */
static void cache_flush_old(struct cache *c)
{
    list_for_each (node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);

        if (map->dirty_pages > 0 && c->clock->now_ns - map->dirtied_ns >= c->policy.expire_ns)
            cache_start_pages(map, UINT64_MAX);
    }
}

/* Starts writing until no more than `limit` pages are dirty. */
static void cache_flush_down_to(struct cache *c, uint64_t limit)
{
    list_for_each (node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);

        if (c->dirty_pages <= limit)
            return;
        if (map->dirty_pages > 0)
            cache_start_pages(map, c->dirty_pages - limit);
    }
}

/*
 * What is still dirty is being written and was made dirty again: there is nothing to start before
 * the first request has ended, and no reason to look at every turn.
 */
static void cache_hold_back(struct cache *c)
{
    if (cache_above_background(c) && c->queue_count > 0)
        c->retry_ns = c->queue[c->queue_first].end_ns;
}

void cache_flusher_run(struct cache *c)
{
    cache_queue_end_due(c);
    if (c->dirty_pages > 0 && c->policy.wakeup_ns > 0 && c->clock->now_ns >= c->look_ns) {
        cache_flush_old(c);
        c->look_ns = c->clock->now_ns + c->policy.wakeup_ns;
    }
    if (cache_above_background(c) && c->clock->now_ns >= c->retry_ns) {
        cache_flush_down_to(c, c->background_limit);
        cache_hold_back(c);
    }
    cache_plan(c);
}

void cache_balance(struct cache *c)
{
    uint64_t target = c->background_limit < c->limit ? c->background_limit : c->limit;

    if (c->dirty_pages + c->writeback_pages <= c->limit)
        return;
    c->counters.throttled++;
    cache_queue_end_due(c);
    if (c->clock->now_ns >= c->retry_ns)
        cache_flush_down_to(c, target);
    while (c->queue_count > 0 && c->dirty_pages + c->writeback_pages > c->limit)
        cache_queue_wait(c);
    cache_plan(c);
}
