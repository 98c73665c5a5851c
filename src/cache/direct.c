/*
 * Direct transfers (O_DIRECT): between the device and the caller's bytes, past the cache.
 *
 * Layer 5. The cache stays true: dirty pages of the range are written before anything is moved, and
 * cached pages get what was written, so that mappings and readers see it at once. What is cached
 * and clean is what the device has, before and after.
 *
 * The volume moves whole pages. Those of which the transfer has only a part (its ends; and the page
 * at the end of the file) go through cache.window, a page for each.
 */
#include <string.h>

#include "base/contract.h"
#include "cache/cache_inner.h"
#include "cache/writeback.h"

/* Pages that one step moves at most. */
#define DIRECT_PAGES 64u

/* A step of a transfer: bytes [start, end) of the file, on at most DIRECT_PAGES pages. */
struct direct_step {
    uint64_t start;
    uint64_t end;
    uint64_t first; /* page */
    uint32_t pages;
};

/* The first step of what is left: at most `most_pages` pages of it. */
static struct direct_step direct_step(uint64_t start, uint64_t end, uint64_t most_pages)
{
    struct direct_step step = {.start = start, .end = end, .first = start >> PAGE_SHIFT};
    uint64_t most = (step.first + most_pages) << PAGE_SHIFT;

    if (step.end > most)
        step.end = most;
    step.pages = (uint32_t)(cache_pages_of(step.end) - step.first);
    return step;
}

/* Bytes [*start, *end) of page i of the step are the transfer's, counted in the page. */
static bool direct_part(const struct direct_step *step, uint32_t i, uint64_t *start, uint64_t *end)
{
    uint64_t page = (step->first + i) << PAGE_SHIFT;

    *start = step->start > page ? step->start - page : 0;
    *end = step->end - page < PAGE_BYTES ? step->end - page : PAGE_BYTES;
    return *start > 0 || *end < PAGE_BYTES;
}

static bool direct_aligned(uint64_t offset, uint64_t bytes)
{
    return ((offset | bytes) & (CACHE_DIRECT_BYTES - 1)) == 0;
}

/* ---- reading ---- */

/* The bytes of the step that lie on one page of which only a part is wanted. */
static int direct_read_part(struct file_map *map, const struct direct_step *step, uint32_t i,
                            uint8_t *out)
{
    uint64_t start;
    uint64_t end;
    int err = inode_read_pages(map->inode, step->first + i, 1, map->cache->window, NULL);

    direct_part(step, i, &start, &end);
    if (err == 0)
        memcpy(out, map->cache->window + start, end - start);
    return err;
}

static int direct_read_step(struct file_map *map, const struct direct_step *step, uint8_t *out)
{
    uint64_t start;
    uint64_t end;
    int err = 0;

    for (uint32_t i = 0, pages; i < step->pages && err == 0; i += pages) {
        pages = 1;
        if (direct_part(step, i, &start, &end)) {
            err = direct_read_part(map, step, i, out);
        } else {
            while (i + pages < step->pages && !direct_part(step, i + pages, &start, &end))
                pages++;
            err = inode_read_pages(map->inode, step->first + i, pages, out, NULL);
            end = (uint64_t)pages << PAGE_SHIFT;
            start = 0;
        }
        out += end - start;
    }
    return err;
}

int64_t cache_direct_read(struct file_map *map, uint64_t offset, void *out, uint64_t bytes)
{
    uint64_t file_end = file_map_bytes(map);
    uint64_t moved = 0;
    int err;

    if (!direct_aligned(offset, bytes))
        return -EINVAL;
    if (map->inode == NULL)
        return cache_read(map, NULL, offset, out, bytes);
    if (offset >= file_end)
        return 0;
    if (bytes > file_end - offset)
        bytes = file_end - offset;
    err = cache_write_range(map, offset >> PAGE_SHIFT, cache_pages_of(offset + bytes), CACHE_ALL,
                            false);
    while (moved < bytes && err == 0) {
        struct direct_step step = direct_step(offset + moved, offset + bytes, DIRECT_PAGES);

        err = direct_read_step(map, &step, (uint8_t *)out + moved);
        if (err == 0)
            moved += step.end - step.start;
    }
    return moved > 0 ? (int64_t)moved : err;
}

/* ---- writing ---- */

/* What the page holds now, with zeros behind the end of the file, for the rest of it to stay. */
static int direct_old_page(struct file_map *map, uint64_t index, uint8_t *page)
{
    uint64_t file_end = file_map_bytes(map);
    const struct frame *frame = radix_get(&map->pages, index);
    uint64_t kept = 0;
    int err = 0;

    if (frame == NULL)
        err = inode_read_pages(map->inode, index, 1, page, NULL);
    else
        memcpy(page, frame_bytes(map->cache->frames, frame), PAGE_BYTES);
    if (file_end > index << PAGE_SHIFT)
        kept = file_end - (index << PAGE_SHIFT);
    if (kept < PAGE_BYTES)
        memset(page + kept, 0, PAGE_BYTES - kept);
    return err;
}

/* Where the bytes of each page of a step are. Only the ends of a transfer are parts of pages. */
static int direct_collect(struct file_map *map, const struct direct_step *step, const uint8_t *in,
                          const void **pages)
{
    uint8_t *spare = map->cache->window;
    uint64_t start;
    uint64_t end;
    int err = 0;

    for (uint32_t i = 0; i < step->pages && err == 0; i++) {
        pages[i] = in;
        if (direct_part(step, i, &start, &end)) {
            contract(spare < map->cache->window + 2 * PAGE_BYTES);
            err = direct_old_page(map, step->first + i, spare);
            memcpy(spare + start, in, end - start);
            pages[i] = spare;
            spare += PAGE_BYTES;
        }
        in += end - start;
    }
    return err;
}

/* Cached pages show what the device has now. */
static void direct_update(struct file_map *map, const struct direct_step *step, const uint8_t *in)
{
    for (uint32_t i = 0; i < step->pages; i++) {
        struct frame *frame = radix_get(&map->pages, step->first + i);
        uint64_t start;
        uint64_t end;

        direct_part(step, i, &start, &end);
        if (frame != NULL) {
            frame_soil(frame);
            memcpy(frame_bytes(map->cache->frames, frame) + start, in, end - start);
        }
        in += end - start;
    }
}

/*
 * A write failed, and may have reached any part of the device. What is cached is what counts: it
 * is written again. Where that cannot even be reserved, there are no blocks that could differ.
 */
static void direct_keep_cached(struct file_map *map, const struct direct_step *step)
{
    for (uint32_t i = 0; i < step->pages; i++)
        if (radix_get(&map->pages, step->first + i) != NULL &&
            cache_reserve(map, step->first + i, 0) == 0)
            cache_tag_dirty(map, step->first + i);
}

/* The pages first, then the size: a failure in between leaves blocks that nobody sees. */
static int direct_write_step(struct file_map *map, const struct direct_step *step,
                             const uint8_t *in)
{
    const void *pages[DIRECT_PAGES];
    uint64_t old_bytes = file_map_bytes(map);
    int err = direct_collect(map, step, in, pages);

    if (err == 0)
        err = inode_write_extend(map->inode, step->first, step->pages, pages, 0, step->end);
    if (err == -ENOSPC && cache_reap(map->cache))
        err = inode_write_extend(map->inode, step->first, step->pages, pages, 0, step->end);
    if (err == 0 && step->end > old_bytes)
        err = inode_set_bytes(map->inode, step->end);
    if (err != 0) {
        direct_keep_cached(map, step);
        return err;
    }
    if (step->end > old_bytes)
        cache_forget_reserved(map, old_bytes);
    if (step->start > old_bytes)
        cache_zero_gap(map, old_bytes, step->start);
    direct_update(map, step, in);
    return 0;
}

int64_t cache_direct_write(struct file_map *map, uint64_t offset, const void *in, uint64_t bytes)
{
    uint64_t most_pages = DIRECT_PAGES;
    uint64_t moved = 0;
    int err = 0;

    if (!direct_aligned(offset, bytes))
        return -EINVAL;
    if (map->inode == NULL)
        return cache_write(map, offset, in, bytes);
    if (bytes > 0 && offset >= INT64_MAX)
        return -EFBIG;
    if (bytes > INT64_MAX - offset)
        bytes = INT64_MAX - offset;
    if (bytes > 0)
        err = cache_write_range(map, offset >> PAGE_SHIFT, cache_pages_of(offset + bytes),
                                CACHE_ALL, false);
    while (moved < bytes && err == 0) {
        struct direct_step step = direct_step(offset + moved, offset + bytes, most_pages);

        err = direct_write_step(map, &step, (const uint8_t *)in + moved);
        if (err == 0)
            moved += step.end - step.start;
        if (err == -ENOSPC && step.pages > 1) {
            /* Some pages of it may be written: what there is room for is, and counts. */
            most_pages = 1;
            err = 0;
        }
    }
    return moved > 0 ? (int64_t)moved : err;
}
