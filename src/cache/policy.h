/*
 * When pages go to the device and how many are read ahead: the cache's policies, as data.
 *
 * Layer 5. The names and the usual values are those of Linux (/proc/sys/vm).
 */
#ifndef MAPWALK_CACHE_POLICY_H
#define MAPWALK_CACHE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct cache_policy {
    /*
     * Percent of RAM's frames (Linux: of those that are free or hold pages of files, which changes
     * with what processes need); 0 and 100 and more: no limit.
     */
    uint32_t background_ratio; /* more dirty pages: the flusher writes until there are no more */
    uint32_t ratio; /* more dirty or being written: whoever makes more dirty waits for the device */
    uint64_t expire_ns; /* a file whose oldest dirty page is older is written by the flusher */
    uint64_t wakeup_ns; /* how often the flusher looks for those; 0: never */
    uint32_t max_readahead_pages; /* of one window; 0: only pages that are asked for are read */
    bool drop_failed; /* a page that could not be written counts as clean, as in Linux: its bytes
                         are lost with its frame. False: it stays dirty and is tried again */
};

static inline struct cache_policy cache_policy_linux(void)
{
    return (struct cache_policy){.background_ratio = 10,
                                 .ratio = 20,
                                 .expire_ns = 30000000000u,
                                 .wakeup_ns = 5000000000u,
                                 .max_readahead_pages = 32};
}

#endif
