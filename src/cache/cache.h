/*
 * The page cache: file pages in frames, and their way back to the device.
 *
 * Layer 5. One *file map* an inode (what Linux calls address_space): page index to frame, with tags.
 * Everything that reads or writes a file goes through it, so that read, write and mappings agree at
 * every byte. Knows neither VMAs nor page tables: what it needs of those, it declares as a mapper
 * (below) that mm implements. How pages get to the device is cache/writeback.h, what is read before
 * anybody asks cache/readahead.h, and when cache/policy.h.
 *
 * A page's states, and what takes it from one to the next (tags in brackets):
 *
 *              cache_page, cache_write,
 *              read ahead                       cache_dirty, cache_write
 *     absent --------------------------> clean --------------------------> dirty [D]
 *       ^                                 | ^                               |   ^
 *       |  cache_shrink, cache_drop_clean,| |                               |   | end of a request
 *       |  cache_invalidate               | |            cache_submit_run   |   | that failed
 *       +---------------------------------+ |                               v   |
 *       |                                   +------------------------- writeback [W]
 *       |                                     end of a request          |   ^
 *       |                                                   cache_dirty,|   | end of that request,
 *       |                                                   cache_write v   | then cache_submit_run
 *       +-- any, after waiting for W: cache_truncate,             dirty again [D W]
 *           cache_punch, the last put of a file without name
 *
 * A clean page that was asked for again is *referenced*: eviction passes over it once.
 *
 *   I-CACHE-1  a cached page's frame has owner CACHE, home = its map, index = its index, and one
 *              reference of the cache
 *   I-CACHE-2  a PTE with D set, or writable, for a page of a shared file implies the dirty tag
 *              (write-notify)
 *   I-CACHE-3  no page at or beyond the end of the file is cached; bytes past the end in the last
 *              page never reach the device
 *   I-CACHE-4  Clean before write: PTEs are write-protected and flushed before the page's bytes go
 *              to the device
 *   I-CACHE-5  a page has the tag WRITEBACK exactly while it is in one request of the queue; the
 *              queue ends in the order in which it began
 *   I-CACHE-6  dirty_pages and writeback_pages are what the tags count; a map with dirty pages knows
 *              since when
 *   I-CACHE-7  due_ns is not after the end of the first request, nor, with dirty pages, after the
 *              flusher's next look
 *   I-CACHE-8  when the volume commits a size, what the device has behind it in the last page reads
 *              zero: a file that grows after a power cut must not show what was cut off before
 */
#ifndef MAPWALK_CACHE_CACHE_H
#define MAPWALK_CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errseq.h"
#include "base/list.h"
#include "base/radix.h"
#include "cache/policy.h"
#include "frame/frame.h"
#include "fs/volume.h"

struct cache_readahead;
struct file_map;

#define CACHE_TAG_DIRTY     0u
#define CACHE_TAG_WRITEBACK 1u

/* Requests that the device's queue holds; who wants one more waits for the first. */
#define CACHE_QUEUE 64u

/* What the cache needs of whoever maps its pages. */
struct mapper_ops {
    /*
     * Removes W and D from every PTE that names one of the pages [first, end) and shares its
     * stores; on return no TLB allows a store to them. True: some D was set.
     */
    bool (*clean_pages)(struct file_map *map, uint64_t first, uint64_t end);
    /*
     * Removes every PTE of the pages [first, end) of this file; with `copies` also those of private
     * copies (truncation takes them, a hole does not).
     */
    void (*unmap_pages)(struct file_map *map, uint64_t first, uint64_t end, bool copies);
};

struct cache_counters {
    uint64_t hits;   /* pages asked for that were there */
    uint64_t misses; /* pages that had to be filled */
    uint64_t ahead;  /* of those, before anybody asked */
    uint64_t pages_written;
    uint64_t write_errors; /* requests */
    uint64_t evicted;
    uint64_t background; /* pages that nobody's call wrote: the flusher, and dirty limits */
    uint64_t throttled;  /* times that somebody had to wait because too much was dirty */
};

/* A request in the device's queue: pages of one map that are being written. */
struct cache_request {
    struct file_map *map;
    uint64_t first;
    uint32_t pages;
    int err;         /* what it will have come to */
    uint64_t end_ns; /* when */
};

struct cache {
    struct alloc *alloc;
    struct frame_table *frames;
    struct event_bus *bus;
    struct clock *clock;
    struct volume *volume;
    struct dev *dev;                 /* the one below the volume */
    const struct mapper_ops *mapper; /* NULL: nobody maps */
    struct cache_policy policy;
    struct list maps; /* all file maps */
    struct cache_counters counters;
    uint64_t background_limit; /* dirty pages, as the policy's ratios come to; UINT64_MAX: none */
    uint64_t limit;
    uint64_t dirty_pages;
    uint64_t writeback_pages;
    uint64_t due_ns;     /* when cache_tick has something to do; UINT64_MAX: never, as it is */
    uint64_t look_ns;    /* when the flusher looks for old pages next */
    uint64_t retry_ns;   /* before that, what has failed is not tried again in the background */
    struct errseq error; /* of writes of all files, for who asks after all of them (syncfs) */
    uint32_t queue_first;
    uint32_t queue_count;
    struct cache_request queue[CACHE_QUEUE]; /* a ring */
    uint32_t run_pages;    /* of one write request at most: what the device takes */
    const void **run;      /* the bytes of each page of a run */
    uint8_t *window;       /* where pages that are read together arrive */
    uint32_t window_pages; /* how many fit */
};

struct file_map {
    struct cache *cache;
    struct inode *inode;      /* NULL: shared anonymous memory (file_map_new_anonymous) */
    uint64_t anonymous_bytes; /* its size then */
    struct radix pages;       /* index -> struct frame *, with tags */
    uint64_t dirty_pages;
    uint64_t dirtied_ns; /* since when there are some */
    uint32_t refs;       /* opens and mappings. A map without references stays while it has pages */
    uint64_t hand;       /* page index where cache_shrink goes on looking */
    struct errseq error; /* of writes, for all who have the file open */
    struct list link;    /* in cache.maps */
    struct list mappers; /* private to the mapper: who maps this file */
};

/* What a cache is put together from; everything outlives it. */
struct cache_setup {
    struct alloc *alloc;
    struct frame_table *frames;
    struct event_bus *bus;
    struct clock *clock;
    struct volume *volume;
    struct dev *dev; /* which the volume was mounted on */
    const struct mapper_ops *mapper;
    struct cache_policy policy;
};

/* -ENOMEM. */
MUST_CHECK int cache_init(struct cache *c, const struct cache_setup *setup);

/* Drops all pages, dirty or not (call cache_sync first). Pre: no references to maps. */
void cache_destroy(struct cache *c);

/* ---- file maps ---- */

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
 * Drops the pages of files that have neither a name nor anybody who has them open: after whatever
 * else removes names (a rename over one). True when there were any.
 */
bool cache_reap(struct cache *c);

/*
 * A file map without an inode: shared anonymous memory, or a file that lives in memory only, which
 * cache_truncate and cache_write resize. Its pages read as zeros at
 * first, have no other home (they are never evicted or written to the device; cache_dirty and
 * writeback do nothing and return 0) and go with the last reference. -ENOMEM.
 */
MUST_CHECK int file_map_new_anonymous(struct cache *c, uint64_t bytes, struct file_map **out);

static inline uint64_t file_map_bytes(const struct file_map *map)
{
    return map->inode == NULL ? map->anonymous_bytes : inode_bytes(map->inode);
}

/* ---- pages ---- */

/*
 * The frame of page `index`, read from the device if it must be (*major says so; may be NULL). The
 * frame is borrowed: take a reference to keep it. Pre: index lies before the end of the file
 * (contract). Emits cache_hit or cache_fill. -EIO; -ENOMEM when no frame is left even after
 * cache_shrink.
 */
MUST_CHECK int cache_page(struct file_map *map, uint64_t index, struct frame **out, bool *major);

/*
 * Is the page in core, as mincore(2) tells of it? Memory that cache_allocate made room for is not
 * before somebody writes or maps it, as in Linux.
 */
bool cache_in_core(const struct file_map *map, uint64_t index);

/*
 * The page is about to be written through a mapping: reserves its blocks (-ENOSPC, -EIO: it must
 * not be made writable) and tags it dirty, after waiting while too many pages are dirty. Pre: it is
 * cached, and the caller holds a reference of its frame or evicts nothing. Emits cache_dirty when
 * it was clean.
 */
MUST_CHECK int cache_dirty(struct file_map *map, uint64_t index);

/* ---- bytes ---- */

/*
 * Copies out of / into the file at byte `offset`. Bytes moved: short at the end of file (read), on
 * -ENOSPC or -EIO after a part (both). An error only when nothing was moved: -EIO, -ENOMEM,
 * -ENOSPC, -EFBIG. Writing extends the file. `ra`: what is read ahead; NULL: nothing.
 */
MUST_CHECK int64_t cache_read(struct file_map *map, struct cache_readahead *ra, uint64_t offset,
                              void *out, uint64_t bytes);
MUST_CHECK int64_t cache_write(struct file_map *map, uint64_t offset, const void *in,
                               uint64_t bytes);

/*
 * The same between the device and the caller's bytes, without keeping pages (O_DIRECT). Dirty pages
 * of the range are written first; cached ones show what was written, so that all readers agree.
 * offset and bytes are multiples of 512 (-EINVAL). Memory without an inode has no device: as
 * cache_read and cache_write. Durable only after cache_fsync.
 */
#define CACHE_DIRECT_BYTES 512u
MUST_CHECK int64_t cache_direct_read(struct file_map *map, uint64_t offset, void *out,
                                     uint64_t bytes);
MUST_CHECK int64_t cache_direct_write(struct file_map *map, uint64_t offset, const void *in,
                                      uint64_t bytes);

/* ---- sizes and holes ---- */

/*
 * Changes the size: unmaps and drops pages beyond it, zeroes the tail of the last page, on the device
 * too and before the size changes there (I-CACHE-8). -EIO, -EFBIG, -ENOSPC, -ENOMEM.
 */
MUST_CHECK int cache_truncate(struct file_map *map, uint64_t bytes);

/*
 * Moves the end up to `bytes` as a write there does: what mappings stored behind the old end becomes
 * zero up to the new one only. Pre: the file is shorter (contract). Errors as cache_truncate.
 */
MUST_CHECK int cache_extend(struct file_map *map, uint64_t bytes);

/*
 * Makes the bytes [start, end) a hole: whole pages lose their mappings, frames and blocks, parts of
 * pages become zero. The size stays, private copies stay. Memory files too. -EIO, -ENOMEM,
 * -ENOSPC: nothing changed.
 */
MUST_CHECK int cache_punch(struct file_map *map, uint64_t start, uint64_t end);

/*
 * fallocate(2), mode 0 or KEEP_SIZE: blocks for all pages of the bytes [start, end), so that writing
 * there does not meet a full disk; holes read zero as before. Without keep_size the file reaches at
 * least to `end`. -ENOSPC (nothing changed), -EFBIG, -EIO, -ENOMEM. FALLOC_FL_ZERO_RANGE is
 * cache_punch, then this.
 */
MUST_CHECK int cache_allocate(struct file_map *map, uint64_t start, uint64_t end, bool keep_size);

/* ---- giving memory back ---- */

/*
 * Drops up to `want` clean pages that only the cache references; returns how many frames were
 * freed.
 */
uint64_t cache_shrink(struct cache *c, uint64_t want);

/*
 * Drops the clean pages of [first, end) that only the cache references, referenced or not
 * (POSIX_FADV_DONTNEED); how many.
 */
uint64_t cache_invalidate(struct file_map *map, uint64_t first, uint64_t end);

/* The same for all files (drop_caches 1). */
uint64_t cache_drop_clean(struct cache *c);

/*
 * Recomputes I-CACHE-1, 3, 5, 6 and 7, and that no map is without reference, page and link at once.
 */
bool cache_check(const struct cache *c);

#endif
