/*
 * The TLBs of a hart as a model: their geometry as data, presets named after real machines, and
 * what they count.
 *
 * A hart has up to four TLBs: l1i and l1d, and behind them l2, or l2i and l2 split. A TLB has one
 * array for all page sizes or several that share the sizes out. Between walker and page tables
 * stands a walk cache of pointer PTEs. Nothing else enters into what they do:
 *
 *   lookup  l1i (fetches; l1d, if there is no l1i) or l1d (loads, stores, AMOs); then l2i (fetches;
 *           l2, if there is no l2i) or l2; then the walk. An entry that forbids the access serves
 *           nobody: the PTE may allow more by now, so the next level is asked, at last the walker.
 *   fill    a walk that succeeds fills the second level, then the first; a hit in the second level
 *           fills the first. The levels neither include nor exclude one another.
 *   size    an entry has the size of the translation, a NAPOT one 64 KiB. Where no array of the TLB
 *           holds that size, the entry is the part around the address, of the largest size below it
 *           that one holds; and if none does, that TLB is left out.
 *   alone   an entry that is filled first evicts whatever else would translate one of its addresses
 *           in one of its address spaces from its own TLB.
 *   fault   a walk that fails evicts the entries that forbade the access.
 *   flush   SFENCE.VMA drops, in all TLBs of the hart, what the specification says; of a larger
 *           translation that is cached in parts, all parts. Without an address it empties the walk
 *           cache too (that of the ASID, if one is given); with one it leaves the walk cache alone,
 *           as the specification orders only leaf PTEs then.
 */
#ifndef MAPWALK_TLB_H
#define MAPWALK_TLB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(identifier, name, log2 of bytes): what a leaf PTE can map. */
#define MW_PAGE_SIZES(X) \
    X(4K, "4K", 12)      \
    X(64K, "64K", 16)    \
    X(2M, "2M", 21)      \
    X(1G, "1G", 30)      \
    X(512G, "512G", 39)  \
    X(256T, "256T", 48)

enum mw_page_size {
#define MW_PAGE_SIZE_ENUM(identifier, name, shift) MW_SIZE_##identifier,
    MW_PAGE_SIZES(MW_PAGE_SIZE_ENUM)
#undef MW_PAGE_SIZE_ENUM
        MW_SIZE_COUNT
};

/*
 * Which entry of a full set makes way; an empty way is always taken first, the lowest. "Used" is
 * every lookup that the entry served, and its fill.
 */
#define MW_REPLACEMENTS(X)                                                          \
    X(LRU, "lru", "the one whose last use is the oldest")                           \
    X(PLRU, "plru",                                                                 \
      "tree-PLRU: a binary tree over the ways (to the next power of two), each "    \
      "node pointing to the half not used last, at first to the lower one; halves " \
      "without ways are passed over; flushing an entry turns no node")              \
    X(FIFO, "fifo", "the one that was filled first")                                \
    X(RANDOM, "random", "any, by a generator that starts from the seed")            \
    X(CLOCK, "clock",                                                               \
      "second chance: a hand goes around the set; a way used since the hand "       \
      "passed is spared once; the hand stops behind the one evicted")

enum mw_replacement {
#define MW_REPLACEMENT_ENUM(identifier, name, text) MW_REPLACE_##identifier,
    MW_REPLACEMENTS(MW_REPLACEMENT_ENUM)
#undef MW_REPLACEMENT_ENUM
        MW_REPLACE_COUNT
};

#define MW_TLB_ARRAYS_MAX   MW_SIZE_COUNT
#define MW_TLB_SETS_MAX     65536u
#define MW_TLB_WAYS_MAX     4096u
#define MW_TLB_ENTRIES_MAX  1048576u
#define MW_TLB_PREFETCH_MAX 8u
#define MW_TLB_TEXT_BYTES   160u

struct mw_tlb_array {
    uint32_t sets;  /* 1..MW_TLB_SETS_MAX, any number: the set is page number modulo sets */
    uint32_t ways;  /* 1..MW_TLB_WAYS_MAX; sets 1: fully associative. At most MW_TLB_ENTRIES_MAX
                      entries */
    uint32_t sizes; /* bit s: it holds pages of enum mw_page_size s; not 0 */
    uint32_t replacement; /* enum mw_replacement */
};

/* The first `arrays` of `array` count; no two of them hold the same size. 0 arrays: no such TLB. */
struct mw_tlb {
    uint32_t arrays;
    struct mw_tlb_array array[MW_TLB_ARRAYS_MAX];
};

/* All the translation caches of one hart. */
struct mw_tlbs {
    struct mw_tlb l1d; /* must be there */
    struct mw_tlb l1i; /* none: fetches use l1d */
    struct mw_tlb l2;
    struct mw_tlb l2i;        /* none: fetches use l2; only with l1i and l2 */
    struct mw_tlb walk_cache; /* of pointer PTEs, by the size of the region that they map (2M is
                                 a pointer at level 1); never 4K or 64K */
    uint32_t prefetch;        /* after a walk that succeeded, this many following pages of the same
                                 size are walked too, each at its first address, as long as A is
                                 set in their PTEs (hardware must not guess accesses), and fill the
                                 last level; 0: none */
};

/*
 * Text to geometry, as options write it: arrays joined by '+', each [SIZES:]SETSxWAYS[/POLICY],
 * with SIZES a list like 4K,2M joined by ','; without SIZES the array holds all sizes that no other
 * holds. "none": no TLB. Example: "4K:16x4+2M,1G:1x8/plru". In a walk cache without SIZES an array
 * is for all pointer levels. 0 with *out set, or -EINVAL with *out unchanged. `walk_cache`: nonzero
 * for what goes into that field.
 */
int mw_tlb_parse(const char *text, int walk_cache, struct mw_tlb *out);

/*
 * Geometry as text that mw_tlb_parse understands, sizes written out unless one array holds all;
 * always terminated. Returns the length that it has or would have, as snprintf does: less than
 * MW_TLB_TEXT_BYTES, if the geometry is valid.
 */
int mw_tlb_format(const struct mw_tlb *tlb, char *out, size_t bytes);

/* 0, or -EINVAL with a one-line reason in `why` (why_bytes may be 0). */
int mw_tlbs_validate(const struct mw_tlbs *tlbs, char *why, size_t why_bytes);

/*
 * A preset by name; -EINVAL: unknown. Not real machines, but what one begins with: "simple" has one
 * TLB, 64x4 with LRU, for everything (the default); "two-level" has 64x4 for instructions, 64x4 for
 * data and 1024x4 behind both, LRU, without walk cache.
 */
int mw_tlbs_preset(struct mw_tlbs *out, const char *name);

/*
 * The i-th preset, what machine it is and where that stands; NULL past the last. The source also
 * says what is assumed where nothing is published, and what the model leaves out. `machine` and
 * `source` may be NULL.
 */
const char *mw_tlbs_preset_name(unsigned i, const char **machine, const char **source);

/* The name of the preset that these TLBs are, or NULL: of none. */
const char *mw_tlbs_preset_of(const struct mw_tlbs *tlbs);

const char *mw_page_size_name(unsigned size); /* "4K"; "?" for a number out of range */
const char *mw_replacement_name(unsigned replacement);

/* X(identifier, name): the TLBs of a hart, as events and counters name them. */
#define MW_TLB_UNITS(X) \
    X(L1D, "l1d")       \
    X(L1I, "l1i")       \
    X(L2, "l2")         \
    X(L2I, "l2i")

enum mw_tlb_unit {
#define MW_TLB_UNIT_ENUM(identifier, name) MW_TLB_##identifier,
    MW_TLB_UNITS(MW_TLB_UNIT_ENUM)
#undef MW_TLB_UNIT_ENUM
        MW_TLB_COUNT
};

/* "l1d"; "walk_cache" for MW_TLB_COUNT, which stands for it where pointers are used */
const char *mw_tlb_name(unsigned unit);

/* What one TLB counts. A lookup is a hit or a miss. */
struct mw_tlb_counters {
    uint64_t hits[MW_SIZE_COUNT];   /* lookups served, by the size of the entry */
    uint64_t misses[MW_SIZE_COUNT]; /* not served, by the size of the translation found behind */
    uint64_t misses_faulted;        /* not served, and the walk ended in a trap */
    uint64_t compulsory; /* of the misses that found a translation: the first of this page in this
                            address space (satp's root and ASID) in this TLB, ever */
    uint64_t fills[MW_SIZE_COUNT]; /* entries made, by their own size */
    uint64_t evictions;            /* entries lost to a fill or to a walk that failed */
    uint64_t dropped;              /* entries lost to sfence.vma */
};

/* The walk cache and the prefetcher of a hart. */
struct mw_walker_counters {
    uint64_t walks;      /* after misses, those that trapped too */
    uint64_t references; /* PTEs that those walks read */
    uint64_t
        skipped[MW_SIZE_COUNT]; /* of them, those that began below a cached pointer, by the size
                                        of its region */
    uint64_t cache_fills;
    uint64_t cache_evictions;
    uint64_t cache_dropped;
    uint64_t prefetches;          /* entries made ahead of use */
    uint64_t prefetch_references; /* PTEs read for prefetching, also in vain */
    uint64_t prefetch_hits;       /* entries made ahead that served their first lookup */
};

#ifdef __cplusplus
}
#endif

#endif
