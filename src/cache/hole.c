/*
 * Holes and room: the parts of a file that have no blocks, and blocks before there is anything to
 * put into them (fallocate).
 *
 * Layer 5. Punching goes in truncation's order: what can fail comes first (reading the pages of
 * which only a part goes, then the volume); then mappings of the whole pages go, then the pages, then
 * the parts become zero. The pages on both edges are pinned meanwhile.
 */
#include "base/contract.h"
#include "cache/cache_inner.h"
#include "cache/writeback.h"

/* A part of a page that becomes zero. */
struct hole_edge {
    uint64_t index;
    uint64_t start; /* in the page */
    uint64_t end;
    struct frame *frame; /* with a reference of ours; NULL: there is no such part */
};

/* Gets the page of an edge, unless the edge is empty. */
static int hole_edge_take(struct file_map *map, struct hole_edge *edge)
{
    int err;

    if (edge->start >= edge->end)
        return 0;
    if (map->inode == NULL && !cache_in_core(map, edge->index))
        return 0; /* memory that is not there is zero, and need not be made for that */
    err = cache_page(map, edge->index, &edge->frame, NULL);
    if (err != 0) {
        edge->frame = NULL;
        return err;
    }
    frame_get(edge->frame);
    return 0;
}

/* Its blocks are there: what is not zero came from the device, or is dirty already. */
static void hole_edge_zero(struct file_map *map, const struct hole_edge *edge)
{
    if (edge->frame != NULL && cache_zero_part(map, edge->frame, edge->start, edge->end) &&
        map->inode != NULL)
        cache_tag_dirty(map, edge->index);
}

static void hole_edge_put(struct file_map *map, const struct hole_edge *edge)
{
    if (edge->frame != NULL)
        frame_put(map->cache->frames, edge->frame);
}

/* The whole pages [first, end) go: from the volume, from mappings, from the cache. */
static int hole_drop_pages(struct file_map *map, uint64_t first, uint64_t end)
{
    int err;

    if (first >= end)
        return 0;
    cache_wait_range(map, first, end);
    err = map->inode == NULL ? 0 : inode_punch(map->inode, first, end);
    if (err != 0)
        return err;
    if (map->cache->mapper != NULL)
        map->cache->mapper->unmap_pages(map, first, end, false);
    cache_drop_pages(map, first, end);
    return 0;
}

/* The parts of the first and the last page of [start, end) that are not whole pages. */
static void hole_find_edges(uint64_t start, uint64_t end, struct hole_edge edges[2])
{
    uint64_t first = start >> PAGE_SHIFT;
    uint64_t last = end >> PAGE_SHIFT;

    edges[0] = (struct hole_edge){.index = first, .start = start & PAGE_MASK, .end = PAGE_BYTES};
    edges[1] = (struct hole_edge){.index = last, .start = 0, .end = end & PAGE_MASK};
    if (first == last) {
        edges[0].end = edges[1].end;
        edges[1].end = 0;
    } else if (edges[0].start == 0) {
        edges[0].end = 0;
    }
}

int cache_punch(struct file_map *map, uint64_t start, uint64_t end)
{
    uint64_t file_end = cache_pages_of(file_map_bytes(map)) << PAGE_SHIFT;
    struct hole_edge edges[2];
    int err;

    if (end > file_map_bytes(map)) /* nothing behind the end: the last page may go as a whole */
        end = file_end;
    if (start >= end)
        return 0;
    hole_find_edges(start, end, edges);
    err = hole_edge_take(map, &edges[0]);
    if (err == 0)
        err = hole_edge_take(map, &edges[1]);
    if (err == 0)
        err = hole_drop_pages(map, cache_pages_of(start), end >> PAGE_SHIFT);
    for (unsigned i = 0; i < 2; i++) {
        if (err == 0)
            hole_edge_zero(map, &edges[i]);
        hole_edge_put(map, &edges[i]);
    }
    return err;
}

/* ---- room ---- */

/* Memory has no blocks: its room are the pages themselves. */
static int allocate_memory(struct file_map *map, uint64_t first, uint64_t last, uint64_t bytes)
{
    uint64_t old_bytes = map->anonymous_bytes;
    int err = 0;

    map->anonymous_bytes = bytes;
    if (last > cache_pages_of(bytes))
        last = cache_pages_of(bytes);
    for (; first < last && err == 0; first++) {
        bool there = radix_get(&map->pages, first) != NULL;
        struct frame *frame;

        err = cache_page(map, first, &frame, NULL);
        if (err == 0 && !there) /* what is there is touched by being asked for, as in Linux */
            frame->live |= CACHE_FRAME_UNTOUCHED;
    }
    if (err != 0) {
        map->anonymous_bytes = old_bytes;
        cache_drop_pages(map, cache_pages_of(old_bytes), UINT64_MAX);
    }
    return err;
}

int cache_allocate(struct file_map *map, uint64_t start, uint64_t end, bool keep_size)
{
    uint64_t old_bytes = file_map_bytes(map);
    uint64_t bytes = !keep_size && end > old_bytes ? end : old_bytes;
    uint64_t first = start >> PAGE_SHIFT;
    uint64_t last = cache_pages_of(end < bytes ? end : bytes); /* no blocks behind the end */
    int err;

    contract(start < end);
    if (map->inode == NULL)
        return allocate_memory(map, first, last, bytes);
    if (first >= last)
        return 0;
    err = inode_extend_pages(map->inode, first, last, bytes);
    if (err == -ENOSPC && cache_reap(map->cache))
        err = inode_extend_pages(map->inode, first, last, bytes);
    if (err == 0 && bytes > old_bytes) /* the tail behind the new end stays as it is, as in Linux */
        cache_zero_gap(map, old_bytes, bytes);
    return err;
}
