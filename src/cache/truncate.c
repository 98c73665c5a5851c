/*
 * Changing the size of a file.
 *
 * Layer 5. The order: what can fail comes first (the page that the new end cuts is read, and written
 * without its tail; then the inode); then mappings of pages beyond the end go, then the pages, then
 * the tail of the last page becomes zero in memory, too: a file that grows again must show zeros
 * there, also after a power cut (I-CACHE-8).
 */
#include <string.h>

#include "base/contract.h"
#include "cache/cache_inner.h"

static bool cache_all_zero(const uint8_t *bytes, uint64_t count)
{
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

bool cache_zero_part(struct file_map *map, struct frame *frame, uint64_t start, uint64_t end)
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

    cache_forget_reserved(map, old_bytes);
    /* Its blocks are there: what is not zero came from the device, or is dirty already. */
    if (frame != NULL && cache_zero_part(map, frame, start, end))
        cache_tag_dirty(map, index);
}

/*
 * The page at the end of the file that a change of size cuts, when it is cached; else NULL.
 */
static struct frame *cache_last_page(const struct file_map *map)
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
        map->cache->mapper->unmap_pages(map, end, UINT64_MAX, true);
    cache_drop_pages(map, end, UINT64_MAX);
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

/* Is what the device has behind `start` of the page known to be zero? */
static int cache_tail_is_zero(struct file_map *map, uint64_t index, const struct frame *frame,
                              uint64_t start, bool *zero)
{
    const uint8_t *bytes = frame_bytes(map->cache->frames, frame);
    bool stored = false;
    int err = inode_page_stored(map->inode, index, &stored);

    *zero = !stored || (!radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY) &&
                        cache_all_zero(bytes + start, PAGE_BYTES - start));
    return err;
}

/*
 * The page that a new, lower end cuts: read, and written to the device without what will lie behind
 * the end. Writing back would do that, too, but the volume may commit the new size before (I-CACHE-8).
 */
static int cache_cut_last_page(struct file_map *map, uint64_t bytes)
{
    struct cache *c = map->cache;
    const void *page = c->window;
    uint64_t index = bytes >> PAGE_SHIFT;
    uint64_t start = bytes & PAGE_MASK;
    struct frame *frame;
    bool zero = true;
    int err;

    if (map->inode == NULL) /* the page, where there is one, is all that there is */
        return 0;
    err = cache_page(map, index, &frame, NULL);
    if (err == 0)
        err = cache_tail_is_zero(map, index, frame, start, &zero);
    if (err != 0 || zero)
        return err;
    memcpy(c->window, frame_bytes(c->frames, frame), start);
    memset(c->window + start, 0, PAGE_BYTES - start);
    err = inode_write_gather(map->inode, index, 1, &page, 0);
    /* The size stays then, and so does what the page holds: it is to be written again. */
    if (err != 0)
        cache_tag_dirty(map, index);
    return err;
}

/* The size stays after all: the device gets back what cache_cut_last_page took from it. */
static void cache_restore_last_page(struct file_map *map, uint64_t bytes)
{
    uint64_t index = bytes >> PAGE_SHIFT;

    if ((bytes & PAGE_MASK) != 0 && radix_get(&map->pages, index) != NULL &&
        cache_reserve(map, index, 0) == 0)
        cache_tag_dirty(map, index);
}

int cache_extend(struct file_map *map, uint64_t bytes)
{
    uint64_t old_bytes = file_map_bytes(map);
    int err;

    contract(bytes > old_bytes);
    err = cache_set_bytes(map, bytes);
    if (err == 0 && map->inode != NULL)
        cache_zero_gap(map, old_bytes, bytes);
    return err;
}

int cache_truncate(struct file_map *map, uint64_t bytes)
{
    uint64_t old_bytes = file_map_bytes(map);
    int err;

    if (bytes < old_bytes && (bytes & PAGE_MASK) != 0) {
        err = cache_cut_last_page(map, bytes);
        if (err != 0)
            return err;
    }
    err = cache_set_bytes(map, bytes);
    if (err != 0) {
        if (bytes < old_bytes && map->inode != NULL)
            cache_restore_last_page(map, bytes);
        return err;
    }
    if (bytes < old_bytes)
        cache_cut(map);
    else if (map->inode != NULL) /* also when the size stays the same, as Linux does */
        cache_zero_gap(map, old_bytes, UINT64_MAX);
    return 0;
}
