/*
 * Writeback: how dirty pages reach the device, who starts it, and who learns what went wrong.
 *
 * Layer 5. Three start it: whoever asks (fsync and its kin), the flusher (cache_tick), and whoever
 * makes pages dirty while too many are. What the last two write goes to the device's queue, and the
 * clock does not wait: those pages are WRITEBACK until the clock has come to the end of the request.
 * A store meanwhile makes the page dirty again, and it is written again.
 *
 * Errors stay with the file (base/errseq.h); each open description has a cursor and is told once.
 */
#ifndef MAPWALK_CACHE_WRITEBACK_H
#define MAPWALK_CACHE_WRITEBACK_H

#include "cache/cache.h"

enum cache_sync_mode {
    CACHE_NONE_WAIT, /* starts writing what is not being written; errors are told later */
    CACHE_ALL        /* writes and waits */
};

/*
 * Writes the dirty pages with index in [first, end); with `force` all cached ones. The device is not
 * flushed. CACHE_ALL: the first error of this call's writes (each is also left with the file); pages
 * that were being written are waited for first. CACHE_NONE_WAIT: 0. One request a run of
 * neighbours, as large as the device takes. Emits cache_write for each run.
 */
MUST_CHECK int cache_write_range(struct file_map *map, uint64_t first, uint64_t end,
                                 enum cache_sync_mode mode, bool force);

/* Waits until no page of [first, end) is being written. What failed is left with the file. */
void cache_wait_range(struct file_map *map, uint64_t first, uint64_t end);

/*
 * DATA_ONLY: only what is needed to find the data again (fdatasync, msync). It changes nothing yet:
 * one commit takes all metadata. FORCE: also pages that are not dirty.
 */
#define CACHE_DATA_ONLY 1u
#define CACHE_FORCE     2u

/*
 * Writes the dirty pages of [first, end), waits, and makes the data and what finds it durable
 * (volume_sync). The first error; else one that happened since *error_seen, which moves on. Makes
 * no request when nothing was written since the last one. Memory without an inode: 0.
 */
MUST_CHECK int cache_fsync(struct file_map *map, uint64_t first, uint64_t end, uint32_t *error_seen,
                           unsigned flags);

/* The error of the file since the cursor, told once (sync_file_range's waiting, close). */
static inline int cache_check_error(struct file_map *map, uint32_t *error_seen)
{
    return errseq_check_and_advance(&map->error, error_seen);
}

/*
 * Writes back every map and syncs the volume: everything that was written is durable after 0. The
 * first error; the files keep theirs for those who have them open.
 */
MUST_CHECK int cache_sync(struct cache *c);

/* What cache_tick does when something is due. */
void cache_flusher_run(struct cache *c);

/*
 * The flusher's turn: whoever lets time pass calls it then and after whatever made pages dirty.
 * Ends the requests whose time has come; each policy.wakeup_ns writes the files whose dirty pages
 * are old; above policy.background_ratio writes until below. Costs one comparison when nothing is
 * due.
 */
static inline void cache_tick(struct cache *c)
{
    if (__builtin_expect(c->clock->now_ns >= c->due_ns, 0))
        cache_flusher_run(c);
}

#endif
