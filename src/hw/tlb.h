/*
 * A set-associative TLB with ASIDs, global entries, page sizes and true LRU.
 *
 * Layer 3. A translation is cached only if a walk returned it (privileged specification,
 * "SFENCE.VMA"); entries whose PTE has V = 0 never are. `sets` x `ways` entries, a set's ways side
 * by side.
 *
 * A lookup probes once for each *form* (leaf level, global or not) that is present; normally that
 * is one.
 *
 * A NAPOT translation (Svnapot) is cached as the 4 KiB pages of the region that were accessed, each
 * from the PTE that the walk for it read. The specification allows that, a fence of an address then
 * drops what it must and no more, and the hit path knows no further form.
 *
 *   I-TLB-1  at most one entry matches any (va, asid)
 *   I-TLB-2  form_count[f] is the number of entries of form f
 *   I-TLB-3  stamps of the entries of a set are distinct; the smallest is the least recently used
 *   I-TLB-4  `allowed` is walk_allowed(pte), and `host` is where the PTE's frame lies
 *   I-TLB-5  a guess points to some entry of this TLB. It may be wrong (the tag decides), so
 *            nothing has to invalidate it, and no result, count, stamp or event depends on it
 */
#ifndef MAPWALK_HW_TLB_H
#define MAPWALK_HW_TLB_H

#include <mapwalk/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "hw/mode.h"
#include "hw/pte.h"
#include "hw/ram.h"

struct event_bus;

#define TLB_LEVELS  5                /* leaf sizes: 4 KiB ... 256 TiB */
#define TLB_FORMS   (TLB_LEVELS * 2) /* form = level * 2 + global */
#define TLB_EMPTY   UINT64_MAX       /* tlb_tag cannot make it: a tag has 63 bits */
#define TLB_GUESSES 4096             /* a power of two; at 4096, 200 random pages rarely collide */

struct tlb_entry {
    uint64_t tag;        /* tlb_tag of the page, or TLB_EMPTY */
    uint8_t *host;       /* where the page's first byte lies; of a superpage perhaps outside RAM */
    uint64_t stamp;      /* last use, from tlb.stamp */
    pte_t pte;           /* the leaf as the walk returned it; N is 0 */
    paddr_t pte_address; /* where it came from, for checker and detector */
    uint32_t allowed;    /* walk_allowed(pte) */
    uint32_t form;
};

struct tlb {
    struct tlb_entry *entries;
    uint64_t stamp;
    uint32_t sets; /* a power of two */
    uint32_t ways;
    uint32_t form_count[TLB_FORMS];
    uint64_t fills;
    uint64_t evictions; /* tlb_evict events: entries that a fill or a failed walk removed */
    uint64_t flushes;   /* flush requests */
    uint64_t dropped;   /* entries that flushes removed */
    struct alloc *alloc;
    struct tlb_entry *guess[TLB_GUESSES]; /* by low page number bits */
};

/*
 * 0; -EINVAL when sets is not a power of two or ways is 0; -ENOMEM. Points into itself: not to be
 * copied.
 */
MUST_CHECK int tlb_init(struct tlb *tlb, struct alloc *a, uint32_t sets, uint32_t ways);
void tlb_destroy(struct tlb *tlb);

/*
 * 45 bits of page number (enough for Sv57), superpage bit, global bit, 16 bits of ASID. The page
 * number of a superpage has its low digit, which is 0, replaced by the level; a global entry's ASID
 * counts as 0.
 */
static inline uint64_t tlb_tag(vaddr_t va, unsigned level, bool global, uint16_t asid)
{
    uint64_t page = va >> PAGE_SHIFT & (((uint64_t)1 << 45) - 1);

    if (level != 0)
        page = (page >> (TABLE_SHIFT * level) << (TABLE_SHIFT * level)) | level;
    return page << 18 | (uint64_t)(level != 0) << 17 | (uint64_t)global << 16 |
           (global ? 0 : (uint64_t)asid);
}

static inline struct tlb_entry *tlb_set(const struct tlb *tlb, vaddr_t va, unsigned level)
{
    return &tlb->entries[(va >> level_shift(level) & (tlb->sets - 1)) * tlb->ways];
}

/* The entry of one form that translates va, or NULL. Does not count or touch stamps. */
static inline struct tlb_entry *tlb_probe(const struct tlb *tlb, vaddr_t va, unsigned level,
                                          bool global, uint16_t asid)
{
    struct tlb_entry *set = tlb_set(tlb, va, level);
    uint64_t tag = tlb_tag(va, level, global, asid);

    for (uint32_t way = 0; way < tlb->ways; way++)
        if (set[way].tag == tag)
            return &set[way];
    return NULL;
}

/* Looks for the page in its set, and makes the entry the next guess for it. NULL: there is none. */
struct tlb_entry *tlb_search_page(struct tlb *tlb, vaddr_t va, uint16_t asid);

static inline struct tlb_entry **tlb_guess(struct tlb *tlb, vaddr_t va)
{
    return &tlb->guess[va >> PAGE_SHIFT & (TLB_GUESSES - 1)];
}

/*
 * tlb_probe for the one form that the hot path knows, a 4 KiB page that is not global. It first
 * looks where that page was the last time, because comparing the ways one by one mispredicts a
 * branch at every other random access.
 */
static inline struct tlb_entry *tlb_probe_page(struct tlb *tlb, vaddr_t va, uint16_t asid)
{
    struct tlb_entry *entry = *tlb_guess(tlb, va);

    if (__builtin_expect(entry->tag == tlb_tag(va, 0, false, asid), 1))
        return entry;
    return tlb_search_page(tlb, va, asid);
}

static inline void tlb_touch(struct tlb *tlb, struct tlb_entry *entry)
{
    entry->stamp = ++tlb->stamp;
}

/* First address of the page of an entry that is not empty; canonical, as the access was. */
vaddr_t tlb_entry_va(const struct tlb_entry *entry);

/* Is there an entry, and does it translate for this address space? */
bool tlb_entry_serves(const struct tlb_entry *entry, uint16_t asid);

/* The entry of any form that translates (va, asid), or NULL: probes every form present. */
struct tlb_entry *tlb_find(const struct tlb *tlb, vaddr_t va, uint16_t asid);

/*
 * Caches a leaf that a walk returned (walk_result.leaf): replaces the entry for the same page if
 * there is one, else an empty way, else the least recently used. Entries of another form that
 * overlap the new one are evicted first (I-TLB-1). Emits tlb_evict and tlb_fill.
 */
struct tlb_entry *tlb_fill(struct tlb *tlb, struct event_bus *bus, const struct ram *ram,
                           vaddr_t va, uint16_t asid, unsigned level, pte_t pte,
                           paddr_t pte_address);

/* Removes one entry, which is live. Emits tlb_evict. */
void tlb_evict(struct tlb *tlb, struct event_bus *bus, struct tlb_entry *entry);

/*
 * SFENCE.VMA in its four forms (privileged specification, "Supervisor Memory-Management Fence
 * Instruction"): no va, no asid: everything; asid only: all entries of it but global ones; va only:
 * every entry that translates va, global too; both: entries that translate va in asid, not global
 * ones. Emits tlb_flush. The cost is one probe a form when both are given, one set a level with va
 * alone, else the whole TLB.
 */
void tlb_flush(struct tlb *tlb, struct event_bus *bus, bool has_va, vaddr_t va, bool has_asid,
               uint16_t asid);

/* Recomputes I-TLB-1..5. True when they hold. */
bool tlb_check(const struct tlb *tlb, const struct ram *ram);

#endif
