/*
 * Reading and writing files through the cache.
 *
 * Layer 5. Both go page by page through the same frames that mappings show, which is all that
 * coherence takes. A transfer that fails in its middle reports what was moved before; only one that
 * moved nothing reports the error.
 */
#include <string.h>

#include "base/contract.h"
#include "cache/cache_inner.h"
#include "cache/readahead.h"

/* What a transfer returns: bytes moved if any, else the error. */
static int64_t cache_moved(uint64_t moved, int err)
{
    return moved > 0 ? (int64_t)moved : err;
}

/* One page's part of a transfer. */
struct cache_piece {
    uint64_t index;
    uint64_t start; /* in the page */
    uint64_t count;
};

/*
 * `ahead` pages are wanted from this one on. Memory that is not there reads as zeros, and is not made
 * for that.
 */
static int cache_read_piece(struct file_map *map, struct cache_readahead *ra,
                            const struct cache_piece *piece, uint64_t ahead, void *out)
{
    struct frame *frame;
    int err;

    if (map->inode == NULL && !cache_in_core(map, piece->index)) {
        memset(out, 0, piece->count);
        return 0;
    }
    cache_read_window(map, ra, piece->index, ahead);
    err = cache_page(map, piece->index, &frame, NULL);
    if (err == 0)
        memcpy(out, frame_bytes(map->cache->frames, frame) + piece->start, piece->count);
    return err;
}

int64_t cache_read(struct file_map *map, struct cache_readahead *ra, uint64_t offset, void *out,
                   uint64_t bytes)
{
    uint64_t end = file_map_bytes(map);
    uint64_t moved = 0;
    int err = 0;

    if (offset >= end)
        return 0;
    if (bytes > end - offset)
        bytes = end - offset;
    while (moved < bytes) {
        uint64_t index = (offset + moved) >> PAGE_SHIFT;
        uint64_t start = (offset + moved) & PAGE_MASK;
        uint64_t count = PAGE_BYTES - start < bytes - moved ? PAGE_BYTES - start : bytes - moved;

        err = cache_read_piece(map, ra, &(struct cache_piece){index, start, count},
                               cache_pages_of(start + bytes - moved), (uint8_t *)out + moved);
        if (err != 0)
            break;
        moved += count;
    }
    return cache_moved(moved, err);
}

/* Does the page keep bytes of the file that the piece does not replace? */
static bool cache_must_read(const struct file_map *map, const struct cache_piece *piece)
{
    uint64_t file_bytes = file_map_bytes(map);
    uint64_t page_start = piece->index << PAGE_SHIFT;

    if (page_start >= file_bytes)
        return false;
    return piece->start > 0 ||
           (piece->count < PAGE_BYTES && page_start + piece->count < file_bytes);
}

/*
 * Puts in a page that need not be read. It may lie past the end of the file until cache_reserve has
 * moved the end.
 */
static int cache_new_page(struct file_map *map, const struct cache_piece *piece, struct frame **out)
{
    struct cache *c = map->cache;
    int err;

    *out = cache_take_frame(c, piece->count < PAGE_BYTES);
    if (*out == NULL)
        return -ENOMEM;
    err = cache_insert(map, piece->index, *out);
    if (err != 0) {
        frame_put(c->frames, *out);
        return err;
    }
    cache_tell_fill(map, piece->index, *out, 0);
    return 0;
}

/* The page to write into. *fresh: it was put in just now and must go again if the write fails. */
static int cache_page_to_write(struct file_map *map, const struct cache_piece *piece,
                               struct frame **out, bool *fresh)
{
    *fresh = radix_get(&map->pages, piece->index) == NULL && !cache_must_read(map, piece);
    if (*fresh)
        return cache_new_page(map, piece, out);
    return cache_page(map, piece->index, out, NULL);
}

static int cache_write_piece(struct file_map *map, const struct cache_piece *piece,
                             const uint8_t *in)
{
    uint64_t old_bytes = file_map_bytes(map);
    uint64_t start = (piece->index << PAGE_SHIFT) + piece->start;
    struct frame *frame;
    bool fresh;
    int err;

    if (map->inode != NULL)
        cache_balance(map->cache);
    err = cache_page_to_write(map, piece, &frame, &fresh);
    if (err != 0)
        return err;
    err = cache_reserve_page(map, piece->index, frame, start + piece->count);
    if (err != 0) {
        if (fresh)
            cache_drop_page(map, piece->index);
        return err;
    }
    /*
     * Bytes that a mapping stored past the end must not become part of the file when the end moves
     * on. Memory without an inode keeps them, as Linux's tmpfs does.
     */
    if (start > old_bytes && map->inode != NULL)
        cache_zero_gap(map, old_bytes, start);
    frame_soil(frame);
    memcpy(frame_bytes(map->cache->frames, frame) + piece->start, in, piece->count);
    if (map->inode != NULL)
        cache_tag_dirty(map, piece->index);
    return 0;
}

int64_t cache_write(struct file_map *map, uint64_t offset, const void *in, uint64_t bytes)
{
    uint64_t moved = 0;
    int err = 0;

    if (bytes > 0 && offset >= INT64_MAX)
        return -EFBIG;
    if (bytes > INT64_MAX - offset)
        bytes = INT64_MAX - offset;
    while (moved < bytes && err == 0) {
        struct cache_piece piece = {(offset + moved) >> PAGE_SHIFT, (offset + moved) & PAGE_MASK,
                                    bytes - moved};

        if (piece.count > PAGE_BYTES - piece.start)
            piece.count = PAGE_BYTES - piece.start;
        err = cache_write_piece(map, &piece, (const uint8_t *)in + moved);
        if (err == 0)
            moved += piece.count;
    }
    return cache_moved(moved, err);
}
