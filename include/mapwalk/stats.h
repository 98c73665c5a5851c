/*
 * A snapshot of a machine's counters.
 */
#ifndef MAPWALK_STATS_H
#define MAPWALK_STATS_H

#include <mapwalk/event.h>
#include <mapwalk/stale.h>
#include <mapwalk/tlb.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mw_stats {
    struct {
        uint64_t total; /* translated pages: tlb.hits + tlb.misses; a retry counts again */
        uint64_t by_access[MW_ACCESS_COUNT];
    } accesses;
    struct {
        uint64_t hits, misses;                     /* of the first level, all harts */
        uint64_t fills, evictions, dropped;        /* of all TLBs, all harts */
        uint64_t flushes;                          /* sfence.vma */
        struct mw_tlb_counters unit[MW_TLB_COUNT]; /* by TLB, all harts */
    } tlb;
    struct {
        uint64_t total, references, faults; /* walks, PTEs fetched, walks that ended in a trap */
    } walks;
    struct mw_walker_counters walker; /* all harts: walk cache and prefetcher too */
    struct {
        uint64_t l1_ns;    /* hits of the first level */
        uint64_t l2_ns;    /* hits of the second */
        uint64_t walk_ns;  /* PTEs fetched on demand */
        uint64_t trap_ns;  /* traps, there and back; not what their handling did */
        uint64_t fence_ns; /* sfence.vma on all harts */
        uint64_t ipi_ns;   /* interrupts of other harts for shootdowns */
        uint64_t total_ns; /* the sum; divided by accesses.total, it is the average access time */
    } translation;         /* what translating cost, in simulated time */
    struct {
        uint64_t total;
        uint64_t by_reason[MW_REASON_COUNT];
        uint64_t implicit_maps;  /* areas mapped because a log touched what no call had mapped */
        uint64_t implicit_pages; /* their pages */
        uint64_t around_pages;   /* pages of files that a read fault on a neighbour has mapped */
    } faults;
    struct {
        uint64_t total, used, peak; /* frames of RAM, in use now, most ever */
        uint64_t by_owner[MW_OWNER_COUNT];
        uint64_t table_peak; /* most page-table frames ever */
        uint64_t zeroed, zero_known, copied;
    } frames;
    struct {
        uint64_t hits, misses, pages_written, write_errors, evicted;
    } cache;
    struct {
        uint64_t reads, writes, flushes, blocks_read, blocks_written, errors; /* blocks of 1 KiB */
    } blocks;
    struct {
        uint64_t total;
        uint64_t by_call[MW_CALL_COUNT];
    } calls;
    struct {
        uint64_t created, live;
    } processes;
    struct {
        uint64_t signals, shootdowns, ipis, asid_rollovers;
    } other;
    struct mw_stale_counters stale; /* all 0 unless the config says detect_stale */
    uint64_t time_ns;               /* simulated */
};

#ifdef __cplusplus
}
#endif

#endif
