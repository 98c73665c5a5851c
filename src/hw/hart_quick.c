/*
 * The short way of the most common accesses that the front does not know: to a 4 KiB page, with
 * nothing unusual about it.
 *
 * Layer 3. What hart_miss.c does in general is done here at once, without the copies and questions
 * that a general way needs: both levels are looked into, three PTEs are read, two entries made, in a
 * fifth of the time. It is no part of the model: whatever it meets that is not as usual - a
 * listener, a superpage, a global page, a PTE that must be updated or faults, a policy that is not
 * LRU - it leaves to the general way, before it has changed anything. A test runs both and compares
 * every counter (I-HART-3).
 *
 * Two things cost here: instructions, and branches that nobody can foresee. So the code is compiled
 * once for each of the usual shapes, with the TLBs and the number of ways known, and chooses among
 * ways without branches.
 */
#include "hw/hart_quick.h"

#include <stddef.h>

/* The one form that the short way knows: 4 KiB, not global. */
#define QUICK_FORM (1u << (MW_SIZE_4K * 2))

/* Each shape is one function in the end, and no faster or slower for where it happens to lie. */
#define QUICK_INLINE static inline __attribute__((always_inline))
#define QUICK_SHAPE  static __attribute__((noinline, aligned(64)))

/* One TLB, as far as this access goes. */
struct quick_set {
    struct tlb *tlb;
    struct tlb_array *array;
    uint32_t first; /* way of the set */
    uint32_t ways;  /* those of the array, known when this is compiled where that is possible */
};

/* What the tables, or the second level, say of the page. */
struct quick_page {
    paddr_t base;
    pte_t pte;
    paddr_t pte_address;
    uint32_t allowed;
};

/* ---- one set ---- */

/* The set of va. False: the TLB holds something that it would take more than one probe to find. */
QUICK_INLINE bool quick_enter(struct quick_set *set, struct tlb *tlb, vaddr_t va, uint32_t ways)
{
    set->tlb = tlb;
    set->array = &tlb->array[0];
    set->ways = ways != 0 ? ways : set->array->ways;
    if (ways != 0) /* the shapes with known ways have a power of two of sets */
        set->first = (uint32_t)(va >> PAGE_SHIFT & set->array->set_mask) * ways;
    else
        set->first = tlb_array_set(set->array, va, MW_SIZE_4K);
    return (set->array->forms & ~QUICK_FORM) == 0;
}

/* The index of the entry with this tag, or UINT32_MAX. No way is asked before the others. */
QUICK_INLINE uint32_t quick_probe(const struct quick_set *set, uint64_t tag)
{
    const uint64_t *tags = &set->array->tags[set->first];
    uint32_t found = UINT32_MAX;

    for (uint32_t way = 0; way < set->ways; way++)
        found = tags[way] == tag ? set->first + way : found;
    return found;
}

/* The same for the first level, which mostly has none: then this takes the fewest instructions. */
QUICK_INLINE uint32_t quick_probe_first(const struct quick_set *set, uint64_t tag)
{
    const uint64_t *tags = &set->array->tags[set->first];

    for (uint32_t way = 0; way < set->ways; way++)
        if (__builtin_expect(tags[way] == tag, 0))
            return set->first + way;
    return UINT32_MAX;
}

/* A stamp above a way: stamps have 52 bits for as long as anybody can wait. */
#define QUICK_WAY_BITS 12

_Static_assert(MW_TLB_WAYS_MAX <= 1u << QUICK_WAY_BITS, "a way fits below a stamp");

/*
 * The way used least recently; the stamp of an empty one is 0. Stamp and way in one number make the
 * choice a minimum, which needs no branch.
 */
QUICK_INLINE uint32_t quick_oldest(const struct quick_set *set)
{
    const uint64_t *stamps = &set->array->stamps[set->first];
    uint64_t oldest = stamps[0] << QUICK_WAY_BITS;

    for (uint32_t way = 1; way < set->ways; way++) {
        uint64_t other = stamps[way] << QUICK_WAY_BITS | way;

        oldest = other < oldest ? other : oldest;
    }
    return set->first + (uint32_t)(oldest & (((uint64_t)1 << QUICK_WAY_BITS) - 1));
}

#define QUICK_KIND_AT(i) (offsetof(struct tlb_entry, size) + (i))

/*
 * Of what kind an entry is: its last four fields read as one number, which is 0 for what a page of
 * 4 KiB may simply replace, as it is one itself, was not prefetched, and the front has none of it.
 */
QUICK_INLINE uint32_t quick_entry_kind(const struct tlb_entry *entry)
{
    uint32_t kind;

    memcpy(&kind, (const char *)entry + QUICK_KIND_AT(0), sizeof(kind));
    return kind;
}

_Static_assert(MW_SIZE_4K == 0 && offsetof(struct tlb_entry, leaf_size) == QUICK_KIND_AT(1) &&
                   offsetof(struct tlb_entry, prefetched) == QUICK_KIND_AT(2) &&
                   offsetof(struct tlb_entry, in_front) == QUICK_KIND_AT(3),
               "the kind of a usual entry is 0");

/* The other ways: those that are empty, known to the front, or part of something larger. */
static __attribute__((noinline)) void quick_replace(struct front *front, struct tlb *tlb,
                                                    uint32_t index, uint64_t tag, uint64_t stamp)
{
    struct tlb_array *array = &tlb->array[0];
    struct tlb_entry *entry = &array->entries[index];

    if (tlb_array_live(array, index)) {
        tlb->counters.evictions++;
        if (entry->in_front)
            front_forget_entry(front, tlb_tag_page(array->tags[index]), &array->stamps[index]);
    }
    tlb_array_put(array, index, tag, MW_SIZE_4K, MW_SIZE_4K, stamp);
    entry->prefetched = false;
    entry->in_front = false;
}

/* tlb_fill of a page that the TLB does not have, among entries of the one form. */
QUICK_INLINE void quick_fill(struct hart *h, const struct quick_set *set, uint64_t tag,
                             const struct quick_page *page)
{
    struct tlb_array *array = set->array;
    uint32_t index = quick_oldest(set);
    struct tlb_entry *entry = &array->entries[index];
    uint64_t stamp = front_next_stamp(&h->front);

    if (__builtin_expect(tlb_array_live(array, index) && quick_entry_kind(entry) == 0, 1)) {
        set->tlb->counters.evictions++;
        array->tags[index] = tag; /* one goes and one comes: no other count changes */
        array->stamps[index] = stamp;
    } else {
        quick_replace(&h->front, set->tlb, index, tag, stamp);
    }
    entry->base = page->base;
    entry->pte = page->pte;
    entry->pte_address = page->pte_address;
    entry->allowed = page->allowed;
    set->tlb->counters.fills[MW_SIZE_4K]++;
}

/* ---- the parts of an access ---- */

/*
 * Reads the PTEs down to a 4 KiB leaf that is complete as it stands. False: anything else. A table
 * is a page and RAM has whole pages, so the whole table is in RAM when its beginning is. A frame
 * number is compared with all the bits above it: whatever sets one of PTE_HIGH leads out of RAM.
 */
QUICK_INLINE bool quick_walk(const struct hart *h, vaddr_t va, unsigned levels,
                             struct quick_page *page)
{
    const struct ram *ram = h->ram;
    uint64_t base = ram->base.raw >> PAGE_SHIFT, frames = ram->bytes >> PAGE_SHIFT;
    uint64_t frame = (h->rules.root.raw >> PAGE_SHIFT) - base;
    uint64_t offset;
    pte_t pte;

    for (unsigned level = levels - 1;; level--) {
        if (frame >= frames)
            return false;
        offset = (frame << PAGE_SHIFT) + level_index(va, level) * PTE_BYTES;
        memcpy(&pte.raw, ram->host + offset, PTE_BYTES);
        frame = (pte.raw >> 10) - base;
        if (level == 0)
            break;
        if ((pte.raw & (PTE_V | PTE_RWX | WALK_POINTER_ZERO)) != PTE_V)
            return false;
    }
    page->base = paddr(ram->base.raw + (frame << PAGE_SHIFT));
    page->pte = pte;
    page->pte_address = paddr(ram->base.raw + offset);
    page->allowed = walk_leaf_allowed(pte);
    return (pte.raw & (PTE_V | PTE_R | PTE_G)) == (PTE_V | PTE_R) && frame < frames;
}

/* tlb->unit_bit, known when this is compiled if it is clear that the TLB is the likely one. */
QUICK_INLINE uint64_t quick_unit_bit(const struct hart *h, const struct tlb *tlb,
                                     enum mw_tlb_unit likely)
{
    return tlb == &h->tlb[likely] ? (uint64_t)1 << likely : tlb->unit_bit;
}

/* hart_count_misses, when it is not the first miss of the page: then nothing is new. */
QUICK_INLINE void quick_count_misses(struct hart *h, vaddr_t va, struct tlb *first,
                                     struct tlb *second)
{
    uint64_t page = tlb_tag(va, MW_SIZE_4K, false, 0) >> 17;
    uint64_t units = quick_unit_bit(h, first, MW_TLB_L1D);

    if (second != NULL)
        units |= quick_unit_bit(h, second, MW_TLB_L2);
    if (__builtin_expect(!pages_seen_has(&h->seen, page, units), 0)) {
        hart_count_misses(h, va, MW_SIZE_4K, first, second);
        return;
    }
    first->counters.misses[MW_SIZE_4K]++;
    if (second != NULL)
        second->counters.misses[MW_SIZE_4K]++;
}

/* The last part of a miss: counts it, fills the first level. */
QUICK_INLINE uint8_t *quick_finish(struct hart *h, const struct quick_set *first, uint64_t tag,
                                   vaddr_t va, enum mw_access access, const struct quick_page *page)
{
    quick_fill(h, first, tag, page);
    front_forget_last(&h->front);
    h->bus->hart = h->id;
    h->bus->last_op += h->bus->op == 0; /* a miss is an operation, also when nobody hears of it */
    h->misses[access]++;
    return (uint8_t *)ram_host(h->ram, page->base) + (va & PAGE_MASK);
}

/* The first level has an entry: a hit that the front did not know, unless the entry forbids it. */
QUICK_INLINE uint8_t *quick_hit(struct hart *h, const struct quick_set *first, uint32_t index,
                                vaddr_t va, enum mw_access access)
{
    struct tlb_entry *entry = &first->array->entries[index];
    uint8_t *host;

    if (!hart_allows(h, entry, access) || !ram_contains(h->ram, entry->base, 1))
        return NULL;
    host = (uint8_t *)ram_host(h->ram, entry->base) + (va & PAGE_MASK);
    first->tlb->counters.hits[MW_SIZE_4K]++;
    h->hits[access]++;
    first->array->stamps[index] = front_next_stamp(&h->front);
    entry->in_front = true;
    front_learn(&h->front, va, access, &first->array->stamps[index], host);
    return host;
}

/* The second level has an entry: its use, and the fill of the first. */
QUICK_INLINE uint8_t *quick_refill(struct hart *h, const struct quick_set *first,
                                   const struct quick_set *second, uint32_t index, uint64_t tag,
                                   vaddr_t va, enum mw_access access)
{
    const struct tlb_entry *entry = &second->array->entries[index];
    const struct quick_page page = {entry->base, entry->pte, entry->pte_address, entry->allowed};

    if (entry->leaf_size != MW_SIZE_4K || !hart_allows(h, entry, access))
        return NULL;
    second->tlb->counters.hits[MW_SIZE_4K]++;
    second->array->stamps[index] = front_next_stamp(&h->front);
    clock_advance(h->clock, h->costs.l2_hit_ns);
    quick_count_misses(h, va, first->tlb, NULL);
    return quick_finish(h, first, tag, va, access, &page);
}

/* ---- the shapes ---- */

/* The TLBs of a kind of access; those of data are known when this is compiled. */
QUICK_INLINE struct tlb *quick_first_tlb(struct hart *h, bool fetch)
{
    return fetch ? hart_first_tlb(h, MW_FETCH) : &h->tlb[MW_TLB_L1D];
}

QUICK_INLINE struct tlb *quick_second_tlb(struct hart *h, bool fetch)
{
    return fetch ? hart_second_tlb(h, MW_FETCH) : &h->tlb[MW_TLB_L2];
}

/* Neither level has the page: walks and pays for it. */
QUICK_INLINE bool quick_miss(struct hart *h, vaddr_t va, enum mw_access access,
                             struct quick_page *page)
{
    struct mw_walker_counters *walker = &h->walk_cache.counters;
    bool found = h->levels == 3 ? quick_walk(h, va, 3, page) : quick_walk(h, va, h->levels, page);

    if (!found || (page->allowed >> (h->allowed_shift + access) & 1) == 0)
        return false;
    walker->walks++;
    clock_advance(h->clock, (uint64_t)h->levels * h->costs.walk_step_ns);
    walker->references += h->levels;
    return true;
}

/* `ways` of both levels, or 0: not known. `two`: there is a second level. */
QUICK_INLINE uint8_t *quick_serve(struct hart *h, vaddr_t va, enum mw_access access, bool fetch,
                                  uint32_t ways, bool two)
{
    uint64_t tag = tlb_tag(va, MW_SIZE_4K, false, h->asid);
    struct quick_set first, second = {.tlb = NULL};
    struct quick_page page;
    uint32_t index;

    if (h->bus->wanted != 0 || !hart_may_hit(h, va) ||
        !quick_enter(&first, quick_first_tlb(h, fetch), va, ways))
        return NULL;
    index = quick_probe_first(&first, tag);
    if (index != UINT32_MAX)
        return quick_hit(h, &first, index, va, access);
    if (two) {
        if (!quick_enter(&second, quick_second_tlb(h, fetch), va, ways))
            return NULL;
        index = quick_probe(&second, tag);
        if (index != UINT32_MAX)
            return quick_refill(h, &first, &second, index, tag, va, access);
    }
    if (!quick_miss(h, va, access, &page))
        return NULL;
    if (two)
        quick_fill(h, &second, tag, &page);
    quick_count_misses(h, va, first.tlb, second.tlb);
    return quick_finish(h, &first, tag, va, access, &page);
}

QUICK_SHAPE uint8_t *quick_serve_four(struct hart *h, vaddr_t va, enum mw_access access)
{
    return quick_serve(h, va, access, false, 4, false);
}

QUICK_SHAPE uint8_t *quick_serve_four_and_four(struct hart *h, vaddr_t va, enum mw_access access)
{
    return quick_serve(h, va, access, false, 4, true);
}

QUICK_SHAPE uint8_t *quick_fetch_four(struct hart *h, vaddr_t va)
{
    return quick_serve(h, va, MW_FETCH, true, 4, false);
}

QUICK_SHAPE uint8_t *quick_fetch_four_and_four(struct hart *h, vaddr_t va)
{
    return quick_serve(h, va, MW_FETCH, true, 4, true);
}

QUICK_SHAPE uint8_t *quick_serve_any(struct hart *h, vaddr_t va, enum mw_access access)
{
    return quick_serve(h, va, access, access == MW_FETCH, 0,
                       hart_second_tlb(h, access)->arrays != 0);
}

uint8_t *hart_quick(struct hart *h, vaddr_t va, enum mw_access access)
{
    bool fetch = access == MW_FETCH;

    if (h->quick == HART_QUICK_FOUR)
        return fetch ? quick_fetch_four(h, va) : quick_serve_four(h, va, access);
    if (h->quick == HART_QUICK_FOUR_AND_FOUR)
        return fetch ? quick_fetch_four_and_four(h, va) : quick_serve_four_and_four(h, va, access);
    return h->quick == HART_QUICK_ANY ? quick_serve_any(h, va, access) : NULL;
}

/* ---- which shape ---- */

static bool quick_fits(const struct tlb *tlb)
{
    return tlb->arrays == 0 ||
           (tlb->arrays == 1 && tlb->array[0].replacement == MW_REPLACE_LRU &&
            tlb->array_for[MW_SIZE_4K] == 0 && tlb->size_for[MW_SIZE_4K] == MW_SIZE_4K);
}

static bool quick_is_four(const struct tlb *tlb)
{
    const struct tlb_array *array = &tlb->array[0];

    return tlb->arrays == 0 || (array->ways == 4 && (array->set_mask != 0 || array->sets == 1));
}

enum hart_quick_shape hart_quick_shape(const struct hart *h)
{
    bool four = true, fits = !h->plain && h->walk_cache.arrays == 0 && h->prefetch == 0;
    bool two = h->tlb[MW_TLB_L2].arrays != 0;

    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        fits = fits && quick_fits(&h->tlb[unit]);
        four = four && quick_is_four(&h->tlb[unit]);
    }
    if (!fits)
        return HART_QUICK_NEVER;
    if (!four)
        return HART_QUICK_ANY;
    return two ? HART_QUICK_FOUR_AND_FOUR : HART_QUICK_FOUR;
}
