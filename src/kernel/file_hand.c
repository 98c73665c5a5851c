/*
 * The machine's own hand on files, without a process: for tests, scenarios and replays. Layer 7.
 */
#include <fcntl.h>

#include "kernel/calls.h"

int mw_file_put(struct mw_machine *m, const char *path, const void *bytes, size_t count)
{
    struct file_map *map;
    int64_t written;
    int err = machine_open_map(m, path, O_CREAT, true, &map);

    if (err != 0)
        return err;
    err = cache_truncate(map, 0);
    if (err == 0) {
        written = cache_write(map, 0, bytes, count);
        if (written < 0)
            err = (int)written;
        else if ((uint64_t)written < count)
            err = -ENOSPC;
    }
    file_map_put(map);
    return err;
}

int64_t mw_file_get(struct mw_machine *m, const char *path, uint64_t offset, void *out,
                    size_t count)
{
    struct file_map *map;
    int64_t got = machine_open_map(m, path, 0, false, &map);

    if (got != 0)
        return got;
    got = cache_read(map, NULL, offset, out, count);
    file_map_put(map);
    return got;
}

int64_t mw_file_size(struct mw_machine *m, const char *path)
{
    struct inode *inode;
    int64_t bytes = m->off ? -EIO : inode_open(m->volume, path, &inode);

    if (bytes != 0)
        return bytes;
    bytes = (int64_t)inode_bytes(inode);
    inode_put(inode);
    return bytes;
}

/* Pages of zeros that one request of file_fill writes. */
#define FILL_PAGES 64u

/* Blocks with zeros behind every page that begins at or above old_bytes. */
static int file_fill(struct mw_machine *m, struct inode *inode, uint64_t old_bytes, uint64_t bytes)
{
    uint64_t end = page_ceil(bytes) >> PAGE_SHIFT;
    void *zeros = alloc_zeroed(&m->alloc, FILL_PAGES * FS_PAGE_BYTES);
    int err = zeros == NULL ? -ENOMEM : 0;

    for (uint64_t index = page_ceil(old_bytes) >> PAGE_SHIFT; index < end && err == 0;) {
        uint64_t pages = end - index < FILL_PAGES ? end - index : FILL_PAGES;

        err = inode_write_pages(inode, index, (uint32_t)pages, zeros);
        index += pages;
    }
    alloc_release(&m->alloc, zeros);
    return err;
}

static int file_grow(struct mw_machine *m, const char *path, uint64_t bytes)
{
    struct file_map *map;
    uint64_t old_bytes;
    int err = machine_open_map(m, path, O_CREAT, true, &map);

    if (err != 0)
        return err;
    old_bytes = file_map_bytes(map);
    if (bytes > old_bytes) {
        err = cache_truncate(map, bytes);
        if (err == 0)
            err = file_fill(m, map->inode, old_bytes, bytes);
        if (err != 0 && cache_truncate(map, old_bytes) != 0)
            err = -EIO; /* a device that fails even the way back is the graver news */
    }
    file_map_put(map);
    return err;
}

/*
 * The file is to have been there all along: making it is no work of the machine's, so nobody sees
 * it.
 */
int mw_file_grow(struct mw_machine *m, const char *path, uint64_t bytes)
{
    struct dev_counters counters = m->dev->counters;
    int err;

    dev_attach(m->dev, NULL, NULL);
    err = file_grow(m, path, bytes);
    dev_attach(m->dev, &m->bus, &m->clock);
    m->dev->counters = counters;
    return err;
}
