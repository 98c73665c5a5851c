/*
 * Changing the size of a file.
 *
 * Layer 5. The order: what can fail comes first (reading the page that the new end cuts, then the
 * inode); then mappings of pages beyond the end go, then the pages, then the tail of the last page
 * becomes zero, in memory and, by the next writeback, on the device: a file that grows again must
 * show zeros there.
 */
#include <string.h>

#include "base/contract.h"
#include "cache/cache_inner.h"

static bool cache_all_zero(const uint8_t *bytes, uint64_t count)
{
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* Zeroes [start, end) of a page. True: there was something else than zeros. */
static bool cache_zero_part(struct file_map *map, struct frame *frame, uint64_t start, uint64_t end)
{
    uint8_t *bytes = frame_bytes(map->cache->frames, frame);

    if (start >= end || frame->zero || cache_all_zero(bytes + start, end - start))
        return false;
    memset(bytes + start, 0, end - start);
    return true;
}

bool cache_zero_tail(struct file_map *map, struct frame *frame)
{
    uint64_t start = file_map_bytes(map) & PAGE_MASK;

    return start != 0 && cache_zero_part(map, frame, start, PAGE_BYTES);
}

void cache_zero_gap(struct file_map *map, uint64_t old_bytes, uint64_t new_start)
{
    uint64_t index = old_bytes >> PAGE_SHIFT;
    uint64_t start = old_bytes & PAGE_MASK;
    uint64_t end = new_start >> PAGE_SHIFT == index ? new_start & PAGE_MASK : PAGE_BYTES;
    struct frame *frame = start == 0 ? NULL : radix_get(&map->pages, index);

    /* Its blocks are there: what is not zero came from the device, or is dirty already. */
    if (frame != NULL && cache_zero_part(map, frame, start, end))
        cache_tag_dirty(map, index);
}

struct frame *cache_last_page(const struct file_map *map)
{
    uint64_t bytes = file_map_bytes(map);

    return (bytes & PAGE_MASK) == 0 ? NULL : radix_get(&map->pages, bytes >> PAGE_SHIFT);
}

/* After the inode has become shorter. */
static void cache_cut(struct file_map *map)
{
    uint64_t end = cache_pages_of(file_map_bytes(map));
    struct frame *last;

    if (map->cache->mapper != NULL)
        map->cache->mapper->unmap_pages(map, end, UINT64_MAX);
    cache_drop_pages(map, end);
    last = cache_last_page(map);
    /* Its blocks are there: what is not zero came from the device, or is dirty already. */
    if (last != NULL && cache_zero_tail(map, last) && map->inode != NULL)
        cache_tag_dirty(map, end - 1);
}

/* Memory without an inode has no other record of its size than the map's. */
static int cache_set_bytes(struct file_map *map, uint64_t bytes)
{
    if (map->inode != NULL)
        return inode_set_bytes(map->inode, bytes);
    map->anonymous_bytes = bytes;
    return 0;
}

int cache_truncate(struct file_map *map, uint64_t bytes)
{
    uint64_t old_bytes = file_map_bytes(map);
    struct frame *last;
    int err;

    if (bytes < old_bytes && (bytes & PAGE_MASK) != 0) {
        err = cache_page(map, bytes >> PAGE_SHIFT, &last, NULL);
        if (err != 0)
            return err;
    }
    err = cache_set_bytes(map, bytes);
    if (err != 0)
        return err;
    if (bytes < old_bytes)
        cache_cut(map);
    else if (map->inode != NULL) /* also when the size stays the same, as Linux does */
        cache_zero_gap(map, old_bytes, UINT64_MAX);
    return 0;
}
