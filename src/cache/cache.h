/*
 * The page cache: file pages in frames, and their way back to the device.
 *
 * Layer 5. One *file map* an inode (what Linux calls address_space): page index to frame, with a
 * dirty tag. Everything that reads or writes a file goes through it, so that read, write and
 * mappings agree at every byte. Knows neither VMAs nor page tables: what it needs of those, it
 * declares as a mapper (below) that mm implements.
 *
 * A page's states:
 *
 *     absent --fill----------------------> clean
 *     clean  --cache_dirty, cache_write--> dirty
 *     dirty  --writeback ok--------------> clean
 *     dirty  --writeback failed----------> dirty (error remembered)
 *     clean  --evict---------------------> absent
 *
 *   I-CACHE-1  a cached page's frame has owner CACHE, home = its map, index = its index, and one
 *              reference of the cache
 *   I-CACHE-2  a PTE with D set, or writable, for a page of a shared file implies the dirty tag
 *              (write-notify)
 *   I-CACHE-3  no page at or beyond the end of the file is cached; bytes past the end in the last
 *              page never reach the device
 *   I-CACHE-4  Clean before write: PTEs are write-protected and flushed before the page's bytes go
 *              to the device
 */
#ifndef MAPWALK_CACHE_CACHE_H
#define MAPWALK_CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/radix.h"
#include "frame/frame.h"
#include "fs/volume.h"

struct file_map;

#define CACHE_TAG_DIRTY 0u
#define CACHE_RUN_PAGES 64u /* pages of one write request at most */

/* What the cache needs of whoever maps its pages. */
struct mapper_ops {
    /*
     * Removes W and D from every PTE that names page `index`; on return no TLB allows a store to
     * it. True: some D was set.
     */
    bool (*clean_page)(struct file_map *map, uint64_t index);
    /*
     * Removes every PTE of the pages [first, end) of this file, also private copies (truncation). /
     */
    void (*unmap_pages)(struct file_map *map, uint64_t first, uint64_t end);
};

struct cache_counters {
    uint64_t hits;   /* pages asked for that were there */
    uint64_t misses; /* pages that had to be filled */
    uint64_t pages_written;
    uint64_t write_errors;
    uint64_t evicted;
};

struct cache {
    struct alloc *alloc;
    struct frame_table *frames;
    struct event_bus *bus;
    struct volume *volume;
    const struct mapper_ops *mapper; /* NULL: nobody maps */
    struct list maps;                /* all file maps */
    struct cache_counters counters;
    uint8_t *run; /* CACHE_RUN_PAGES pages: where a dirty run is gathered for one request */
};

struct file_map {
    struct cache *cache;
    struct inode *inode;      /* NULL: shared anonymous memory (file_map_new_anonymous) */
    uint64_t anonymous_bytes; /* its size then */
    struct radix pages;       /* index -> struct frame *, tag CACHE_TAG_DIRTY */
    uint32_t refs;       /* opens and mappings. A map without references stays while it has pages */
    uint64_t hand;       /* page index where cache_shrink goes on looking */
    int error;           /* of a write nobody has been told of yet; 0: none */
    struct list link;    /* in cache.maps */
    struct list mappers; /* private to the mapper: who maps this file */
};

/* -ENOMEM. volume, frames and bus outlive it. */
MUST_CHECK int cache_init(struct cache *c, struct alloc *a, struct frame_table *frames,
                          struct event_bus *bus, struct volume *volume,
                          const struct mapper_ops *mapper);

/* Drops all pages, dirty or not (call cache_sync first). Pre: no references to maps. */
void cache_destroy(struct cache *c);

/*
 * The file map of an inode, made when there is none; one reference is the caller's. Takes its own
 * of the inode. -ENOMEM.
 */
MUST_CHECK int file_map_open(struct cache *c, struct inode *inode, struct file_map **out);
struct file_map *file_map_get(struct file_map *map);
void file_map_put(struct file_map *map); /* the last one of an unlinked file drops its pages */

/*
 * Removes a name. When that was the file's last one and nobody has it open, its pages and blocks go
 * at once; inode_unlink alone would leave them until cache_sync, since the cache itself keeps the
 * inode open. Errors as inode_unlink.
 */
MUST_CHECK int cache_unlink(struct cache *c, const char *path);

/*
 * A file map without an inode: shared anonymous memory, or a file that lives in memory only, which
 * cache_truncate and cache_write resize. Its pages read as zeros at
 * first, have no other home (they are never evicted or written to the device; cache_dirty and
 * cache_writeback do nothing and return 0) and go with the last reference. -ENOMEM.
 */
MUST_CHECK int file_map_new_anonymous(struct cache *c, uint64_t bytes, struct file_map **out);

static inline uint64_t file_map_bytes(const struct file_map *map)
{
    return map->inode == NULL ? map->anonymous_bytes : inode_bytes(map->inode);
}

/*
 * The frame of page `index`, read from the device if it must be (*major says so; may be NULL). The
 * frame is borrowed: take a reference to keep it. Pre: index lies before the end of the file
 * (contract). Emits cache_hit or cache_fill. -EIO; -ENOMEM when no frame is left even after
 * cache_shrink.
 */
MUST_CHECK int cache_page(struct file_map *map, uint64_t index, struct frame **out, bool *major);

/*
 * The page is about to be written through a mapping: reserves its blocks (-ENOSPC, -EIO: it must
 * not be made writable) and tags it dirty. Pre: it is cached. Emits cache_dirty when it was clean.
 */
MUST_CHECK int cache_dirty(struct file_map *map, uint64_t index);

/*
 * Copies out of / into the file at byte `offset`. Bytes moved: short at the end of file (read), on
 * -ENOSPC or -EIO after a part (both). An error only when nothing was moved: -EIO, -ENOMEM,
 * -ENOSPC, -EFBIG. Writing extends the file.
 */
MUST_CHECK int64_t cache_read(struct file_map *map, uint64_t offset, void *out, uint64_t bytes);
MUST_CHECK int64_t cache_write(struct file_map *map, uint64_t offset, const void *in,
                               uint64_t bytes);

/*
 * Writes the dirty pages with index in [first, end) to the device in runs, then flushes the device.
 * A page that failed stays dirty. The first error, else that of an earlier write which only
 * cache_sync or a shortage of frames met, else 0. Makes no request when nothing was written since
 * the last flush. Emits cache_write. The data is durable then; whether a file that is new or grew
 * can be found again after a power cut is volume_sync's business (fsync does both).
 */
MUST_CHECK int cache_writeback(struct file_map *map, uint64_t first, uint64_t end);

/*
 * Writes back every map and syncs the volume: everything that was written is durable after 0. The
 * first error.
 */
MUST_CHECK int cache_sync(struct cache *c);

/*
 * Changes the size: unmaps and drops pages beyond it, zeroes the tail of the last page. -EIO,
 * -EFBIG, -ENOSPC, -ENOMEM.
 */
MUST_CHECK int cache_truncate(struct file_map *map, uint64_t bytes);

/*
 * Drops up to `want` clean pages that only the cache references; returns how many frames were
 * freed.
 */
uint64_t cache_shrink(struct cache *c, uint64_t want);

/* Recomputes I-CACHE-1 and 3, and that no map is without reference, page and link at once. */
bool cache_check(const struct cache *c);

#endif
