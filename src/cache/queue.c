/*
 * The queue of requests that the device works on while the clock goes on.
 *
 * Layer 5. The device has taken the bytes when a request is put in (what it came to is known then);
 * the queue is what makes everybody see the pages WRITEBACK until the clock has come to the request's
 * end. A device works on one request after the other, so they end in the order in which they came
 * (I-CACHE-5), and whoever waits for one waits for all before it.
 */
#include "base/contract.h"
#include "cache/cache_inner.h"
#include "cache/writeback.h"

/* What failed is not tried again in the background before so much time has passed. */
#define CACHE_RETRY_NS 5000000000u

static struct cache_request *cache_queue_at(struct cache *c, uint32_t i)
{
    return &c->queue[(c->queue_first + i) % CACHE_QUEUE];
}

/* Leaves a failed request's error with the file, for all who have it open, and with all files. */
static void cache_note_error(struct cache *c, struct file_map *map, int err)
{
    c->counters.write_errors++;
    errseq_set(&map->error, err);
    errseq_set(&c->error, err);
    c->retry_ns = c->clock->now_ns + CACHE_RETRY_NS;
}

void cache_end_request(struct cache *c, const struct cache_request *request)
{
    struct file_map *map = request->map;
    bool dirty_again = request->err != 0 && !c->policy.drop_failed;

    for (uint32_t i = 0; i < request->pages; i++) {
        radix_tag_clear(&map->pages, request->first + i, CACHE_TAG_WRITEBACK);
        if (dirty_again)
            cache_set_dirty(map, request->first + i);
    }
    c->writeback_pages -= request->pages;
    if (request->err != 0)
        cache_note_error(c, map, request->err);
    else
        c->counters.pages_written += request->pages;
    event_emit(c->bus, MW_EVENT_CACHE_WRITE, cache_number(map), request->first, request->pages,
               (uint64_t)(int64_t)request->err);
}

/* Takes the first request out and ends it. */
static void cache_queue_end_first(struct cache *c)
{
    struct cache_request request = *cache_queue_at(c, 0);

    c->queue_first = (c->queue_first + 1) % CACHE_QUEUE;
    c->queue_count--;
    cache_end_request(c, &request);
}

void cache_queue_wait(struct cache *c)
{
    uint64_t end_ns;

    contract(c->queue_count > 0);
    end_ns = cache_queue_at(c, 0)->end_ns;
    if (c->clock->now_ns < end_ns)
        clock_advance(c->clock, end_ns - c->clock->now_ns);
    cache_queue_end_first(c);
}

void cache_queue_end_due(struct cache *c)
{
    while (c->queue_count > 0 && cache_queue_at(c, 0)->end_ns <= c->clock->now_ns)
        cache_queue_end_first(c);
}

void cache_queue_put(struct cache *c, const struct cache_request *request)
{
    if (c->queue_count == CACHE_QUEUE)
        cache_queue_wait(c);
    *cache_queue_at(c, c->queue_count++) = *request;
    cache_plan(c);
}

void cache_queue_forget(struct cache *c)
{
    for (; c->queue_count > 0; c->queue_count--) {
        const struct cache_request *request = cache_queue_at(c, c->queue_count - 1);

        for (uint32_t i = 0; i < request->pages; i++)
            radix_tag_clear(&request->map->pages, request->first + i, CACHE_TAG_WRITEBACK);
        c->writeback_pages -= request->pages;
    }
}

/* How many requests have to end before no page of [first, end) is being written. */
static uint32_t cache_queue_until(struct cache *c, const struct file_map *map, uint64_t first,
                                  uint64_t end)
{
    for (uint32_t i = c->queue_count; i > 0; i--) {
        const struct cache_request *request = cache_queue_at(c, i - 1);

        if (request->map == map && request->first < end && request->first + request->pages > first)
            return i;
    }
    return 0;
}

void cache_wait_range(struct file_map *map, uint64_t first, uint64_t end)
{
    struct cache *c = map->cache;
    uint32_t requests = cache_queue_until(c, map, first, end);

    for (; requests > 0; requests--)
        cache_queue_wait(c);
}
