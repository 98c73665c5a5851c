/*
 * One array of a TLB: sets x ways of translations, found by tag, replaced by policy.
 *
 * Layer 3. Must not know levels, walkers, or why something is flushed. A use of an entry writes one
 * number, its *stamp*, and nothing else: LRU, tree-PLRU and CLOCK are all functions of the stamps,
 * evaluated when a set is full and somebody must go (tlb_policy.c). So a hit costs the same under
 * every policy, and the hot path knows none.
 *
 * Tags, stamps, marks and entries are arrays of their own, as a lookup reads only the tags of a set
 * and a choice only its stamps.
 *
 *   I-ARRAY-1  form_count[f] is the number of entries of form f, and bit f of `forms` says whether
 *              there are any; bit i of `live` says whether tags[i] is one
 *   I-ARRAY-2  an entry lies in the set of its page; it is the only one with its tag
 *   I-ARRAY-3  stamps of the live entries of a set are distinct, and not above the hart's
 */
#ifndef MAPWALK_HW_TLB_ARRAY_H
#define MAPWALK_HW_TLB_ARRAY_H

#include <mapwalk/tlb.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/prng.h"
#include "hw/mode.h"
#include "hw/pte.h"

#define TLB_FORMS (MW_SIZE_COUNT * 2) /* form = size * 2 + global */
#define TLB_EMPTY UINT64_MAX          /* tlb_tag cannot make it: a tag has 63 bits */

/* What a walk found out, as one entry keeps it. */
struct tlb_entry {
    paddr_t base;        /* where the first byte of the entry's page lies; perhaps outside RAM */
    pte_t pte;           /* as it stood in memory after the walk */
    paddr_t pte_address; /* where it stood */
    uint32_t allowed;    /* walk_allowed of it */
    uint8_t size;        /* of the entry's page, enum mw_page_size */
    uint8_t leaf_size;   /* of the translation that it is, or is a part of; >= size */
    bool prefetched;     /* made ahead, and not used yet */
    bool in_front;       /* perhaps the front has a shortcut to it; of no other meaning */
};

struct tlb_array {
    uint64_t *tags;   /* sets * ways, a set's side by side; TLB_EMPTY: no entry */
    uint64_t *stamps; /* last use; outlives the entry, as the tree of PLRU does, but under LRU,
                         where an empty way has 0 and so is the oldest */
    uint64_t *marks;  /* FIFO: when it was filled. CLOCK: the stamp when the hand passed */
    struct tlb_entry *entries;
    uint64_t *live;  /* bitmap */
    uint32_t *hands; /* CLOCK: the way where each set's hand stands */
    uint32_t sets;
    uint32_t ways;
    uint32_t set_mask; /* sets - 1 where that is a power of two, else 0 */
    uint32_t sizes;    /* bit s: holds pages of size s */
    enum mw_replacement replacement;
    uint32_t forms;
    uint32_t broken[MW_SIZE_COUNT]; /* entries that are parts of a translation of that size */
    uint32_t form_count[TLB_FORMS];
    struct prng prng;
    struct alloc *alloc;
};

/* A live entry of an array; array NULL: none. */
struct tlb_place {
    struct tlb_array *array;
    uint32_t index;
};

static inline unsigned tlb_size_shift(unsigned size)
{
#define TLB_SIZE_SHIFT(identifier, name, shift) shift,
    static const uint8_t shifts[MW_SIZE_COUNT] = {MW_PAGE_SIZES(TLB_SIZE_SHIFT)};
#undef TLB_SIZE_SHIFT

    return shifts[size];
}

static inline uint64_t tlb_size_bytes(unsigned size)
{
    return (uint64_t)1 << tlb_size_shift(size);
}

/* The size of a leaf at a level of the tables; NAPOT ones aside. */
static inline unsigned tlb_level_size(unsigned level)
{
    return level == 0 ? MW_SIZE_4K : level + MW_SIZE_2M - 1;
}

/* The level of the leaf that maps this size. */
static inline unsigned tlb_size_level(unsigned size)
{
    return size < MW_SIZE_2M ? 0 : size - MW_SIZE_2M + 1;
}

/*
 * 45 bits of page number (enough for Sv57), a bit for sizes above 4K, the global bit, 16 bits of
 * ASID. Of a larger page the lowest four bits of the number, which are 0, hold the size instead; a
 * global entry's ASID counts as 0.
 */
static inline uint64_t tlb_tag(vaddr_t va, unsigned size, bool global, uint16_t asid)
{
    uint64_t page = va >> PAGE_SHIFT & (((uint64_t)1 << 45) - 1);
    unsigned digits = tlb_size_shift(size) - PAGE_SHIFT;

    page = page >> digits << digits | size;
    return page << 18 | (uint64_t)(size != MW_SIZE_4K) << 17 | (uint64_t)global << 16 |
           (global ? 0 : (uint64_t)asid);
}

/* The address of a page of 4 KiB, in its low 57 bits, from the tag. */
static inline vaddr_t tlb_tag_page(uint64_t tag)
{
    return tag >> 18 << PAGE_SHIFT;
}

/* Index of the first way of the set of the page of va. */
static inline uint32_t tlb_array_set(const struct tlb_array *a, vaddr_t va, unsigned size)
{
    uint64_t page = (va >> PAGE_SHIFT & (((uint64_t)1 << 45) - 1)) >> (tlb_size_shift(size) - 12);

    if (a->set_mask != 0 || a->sets == 1)
        return (uint32_t)(page & a->set_mask) * a->ways;
    return (uint32_t)(page % a->sets) * a->ways;
}

/* Index of the entry of one form for va, or UINT32_MAX. */
static inline uint32_t tlb_array_probe(const struct tlb_array *a, vaddr_t va, unsigned form,
                                       uint16_t asid)
{
    uint32_t first = tlb_array_set(a, va, form / 2);
    uint64_t tag = tlb_tag(va, form / 2, form % 2 != 0, asid);

    for (uint32_t i = first; i < first + a->ways; i++)
        if (a->tags[i] == tag)
            return i;
    return UINT32_MAX;
}

static inline bool tlb_array_live(const struct tlb_array *a, uint32_t index)
{
    return a->tags[index] != TLB_EMPTY;
}

/* Parts of the tag of a live entry. The address is canonical, as the access was. */
vaddr_t tlb_array_va(const struct tlb_array *a, uint32_t index);
bool tlb_array_global(const struct tlb_array *a, uint32_t index);
uint16_t tlb_array_asid(const struct tlb_array *a, uint32_t index);

/* Does the entry (live or not) translate for this address space? */
bool tlb_array_serves(const struct tlb_array *a, uint32_t index, uint16_t asid);

/*
 * Takes a valid geometry (mw_tlbs_validate). 0, -ENOMEM. The seed is that of RANDOM. An array of
 * zeros may be destroyed too.
 */
MUST_CHECK int tlb_array_init(struct tlb_array *a, struct alloc *alloc,
                              const struct mw_tlb_array *geometry, uint64_t seed);
void tlb_array_destroy(struct tlb_array *a);

/*
 * The way of this set that a page with this tag gets: that of the entry with the same tag, else the
 * first empty one, else the policy's victim. Moves CLOCK's hand and RANDOM's generator in the last
 * case.
 */
uint32_t tlb_policy_choose(struct tlb_array *a, uint32_t first, uint64_t tag);

/*
 * Begins an entry in a way, over what is there: tag, sizes and stamp are set, and the caller sets
 * the rest of what is returned.
 */
struct tlb_entry *tlb_array_put(struct tlb_array *a, uint32_t index, uint64_t tag, unsigned size,
                                unsigned leaf_size, uint64_t stamp);

/* Makes a way empty; pre: it is live. */
void tlb_array_clear(struct tlb_array *a, uint32_t index);

/* The first live entry at or after `index`, or UINT32_MAX: 64 empty ways cost one step. */
uint32_t tlb_array_next(const struct tlb_array *a, uint32_t index);

static inline uint32_t tlb_array_count(const struct tlb_array *a)
{
    return a->sets * a->ways;
}

/* Recomputes I-ARRAY-1..3. */
bool tlb_array_check(const struct tlb_array *a, uint64_t stamp);

#endif
