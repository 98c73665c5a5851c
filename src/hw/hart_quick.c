/*
 * The short way of the most common miss: a 4 KiB page, with nothing unusual about it.
 *
 * Layer 3. What hart_miss.c does in general is done here at once, without the copies and questions
 * that a general way needs: both levels are looked into, three PTEs are read, two entries made, in a
 * fifth of the time. It is no part of the model: whatever it meets that is not as usual - a
 * listener, a superpage, a global page, a PTE that must be updated or faults, a policy of several
 * arrays - it leaves to the general way, before it has changed anything. A test runs both and
 * compares every counter (I-HART-3).
 */
#include "hw/hart_quick.h"

/* The one form that the short way knows: 4 KiB, not global. */
#define QUICK_FORM (1u << (MW_SIZE_4K * 2))

/* One TLB, as far as this access goes. */
struct quick_set {
    struct tlb *tlb;
    struct tlb_array *array;
    uint32_t first; /* way of the set */
};

/* What the tables, or the second level, say of the page. */
struct quick_page {
    pte_t pte;
    uint64_t allowed;
    paddr_t pte_address;
    uint64_t references; /* 0: the second level knew it */
};

/* All of it is one function in the end: a call would cost as much as most of the parts. */
#define QUICK static inline __attribute__((always_inline))

static bool quick_tlb_fits(const struct tlb *tlb)
{
    return tlb->arrays == 0 || (tlb->arrays == 1 && tlb->size_for[MW_SIZE_4K] == MW_SIZE_4K &&
                                tlb->array_for[MW_SIZE_4K] == 0);
}

bool hart_quick_fits(const struct hart *h)
{
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        if (!quick_tlb_fits(&h->tlb[unit]))
            return false;
    return !h->plain && h->walk_cache.arrays == 0 && h->prefetch == 0;
}

/* A stamp above a way: stamps have 52 bits for as long as anybody can wait. */
#define QUICK_WAY_BITS 12

_Static_assert(MW_TLB_WAYS_MAX <= 1u << QUICK_WAY_BITS, "a way fits below a stamp");

QUICK uint64_t quick_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The set of va. False: the TLB holds something that it would take more than one probe to find. */
QUICK bool quick_enter(struct quick_set *set, struct tlb *tlb, vaddr_t va)
{
    set->tlb = tlb;
    set->array = &tlb->array[0];
    set->first = tlb_array_set(set->array, va, MW_SIZE_4K);
    return (set->array->forms & ~QUICK_FORM) == 0;
}

/*
 * The index of the entry with this tag, or UINT32_MAX. No way is asked before the others: which one
 * it is cannot be foreseen, and a branch foreseen wrongly costs more than all the comparisons.
 */
QUICK uint32_t quick_probe(const struct quick_set *set, uint64_t tag)
{
    const uint64_t *tags = &set->array->tags[set->first];
    uint32_t ways = set->array->ways;
    uint32_t found = UINT32_MAX;

    if (ways == 4) { /* the usual number, which the compiler unrolls */
        for (uint32_t way = 0; way < 4; way++)
            found = tags[way] == tag ? set->first + way : found;
        return found;
    }
    for (uint32_t way = 0; way < ways; way++)
        if (tags[way] == tag)
            return set->first + way;
    return UINT32_MAX;
}

/*
 * Reads the PTEs down to a 4 KiB leaf that is complete as it stands. False: anything else. A table
 * is a page and RAM has whole pages, so the whole table is in RAM when its beginning is.
 */
QUICK bool quick_walk(const struct hart *h, vaddr_t va, struct quick_page *page)
{
    const struct ram *ram = h->ram;
    uint64_t table = h->rules.root.raw - ram->base.raw;
    unsigned shift = level_shift(mode_info(h->rules.mode).levels - 1);
    uint64_t frame;

    page->references = mode_info(h->rules.mode).levels;
    for (;; shift -= TABLE_SHIFT) {
        uint64_t offset = table + (va >> shift) % TABLE_ENTRIES * PTE_BYTES;

        if (table >= ram->bytes)
            return false;
        memcpy(&page->pte.raw, ram->host + offset, PTE_BYTES);
        table = pte_paddr(page->pte).raw - ram->base.raw;
        page->pte_address = paddr(ram->base.raw + offset);
        if (shift == PAGE_SHIFT)
            break;
        if (!walk_plain_pointer(page->pte))
            return false;
    }
    frame = table;
    page->allowed = walk_leaf_allowed(page->pte);
    return (page->pte.raw & (PTE_V | PTE_R | PTE_G | PTE_HIGH)) == (PTE_V | PTE_R) &&
           frame < ram->bytes;
}

/*
 * The way used least recently; under LRU the stamp of an empty one is 0. Stamp and way in one number
 * make the choice a minimum, which needs no branch.
 */
QUICK uint32_t quick_oldest(const struct quick_set *set)
{
    const uint64_t *stamps = &set->array->stamps[set->first];
    uint32_t ways = set->array->ways;
    uint64_t oldest = stamps[0] << QUICK_WAY_BITS;

    if (ways == 4) {
        for (uint32_t way = 1; way < 4; way++)
            oldest = quick_least(oldest, stamps[way] << QUICK_WAY_BITS | way);
    } else {
        for (uint32_t way = 1; way < ways; way++)
            oldest = quick_least(oldest, stamps[way] << QUICK_WAY_BITS | way);
    }
    return set->first + (uint32_t)(oldest & (((uint64_t)1 << QUICK_WAY_BITS) - 1));
}

/* tlb_fill of a page that the TLB does not have, among entries of the one form. */
QUICK uint32_t quick_fill(struct hart *h, const struct quick_set *set, uint64_t tag,
                          const struct quick_page *page)
{
    struct tlb_array *array = set->array;
    bool lru = array->replacement == MW_REPLACE_LRU;
    uint32_t index = lru ? quick_oldest(set) : tlb_policy_choose(array, set->first, tag);
    struct tlb_entry *entry = &array->entries[index];
    uint64_t old = array->tags[index];

    if (old != TLB_EMPTY) {
        set->tlb->counters.evictions++;
        if (set->tlb->front != NULL)
            front_forget_entry(set->tlb->front, tlb_tag_page(old), &array->stamps[index]);
    }
    if (lru && old != TLB_EMPTY && entry->leaf_size == MW_SIZE_4K) {
        array->tags[index] = tag; /* one goes and one comes: no other count changes */
        array->stamps[index] = front_next_stamp(&h->front);
    } else {
        tlb_array_put(array, index, tag, MW_SIZE_4K, MW_SIZE_4K, front_next_stamp(&h->front));
    }
    entry->base = pte_paddr(page->pte);
    entry->pte = page->pte;
    entry->pte_address = page->pte_address;
    entry->allowed = (uint32_t)page->allowed;
    entry->prefetched = false;
    set->tlb->counters.fills[MW_SIZE_4K]++;
    return index;
}

/* Counts a miss of the first level, and of the second if the tables were read. */
QUICK void quick_count(struct hart *h, const struct quick_set *first,
                       const struct quick_set *second, vaddr_t va, enum mw_access access,
                       uint64_t references)
{
    struct mw_walker_counters *walker = &h->walk_cache.counters;
    bool both = references != 0 && second->tlb->arrays != 0;

    h->bus->hart = h->id;
    h->bus->last_op += h->bus->op == 0; /* a miss is an operation, also when nobody hears of it */
    h->misses[access]++;
    hart_count_misses(h, va, MW_SIZE_4K, first->tlb, both ? second->tlb : NULL);
    if (references == 0) {
        clock_advance(h->clock, h->costs.l2_hit_ns);
        return;
    }
    walker->walks++;
    walker->references += references;
    clock_advance(h->clock, references * h->costs.walk_step_ns);
}

/* Does the second level serve the access? *index is UINT32_MAX when it has nothing at all. */
QUICK bool quick_second(const struct hart *h, const struct quick_set *second, uint64_t tag,
                        enum mw_access access, uint32_t *index, struct quick_page *page)
{
    const struct tlb_entry *entry;

    *index = quick_probe(second, tag);
    if (*index == UINT32_MAX)
        return false;
    entry = &second->array->entries[*index];
    if (entry->leaf_size != MW_SIZE_4K || !hart_allows(h, entry, access))
        return false;
    *page = (struct quick_page){entry->pte, entry->allowed, entry->pte_address, 0};
    return true;
}

bool hart_quick(struct hart *h, vaddr_t va, enum mw_access access, uint8_t **host)
{
    uint64_t tag = tlb_tag(va, MW_SIZE_4K, false, h->asid);
    struct quick_set first, second = {.tlb = hart_second_tlb(h, access)};
    uint32_t in_second = UINT32_MAX, index;
    struct quick_page page;

    if (h->bus->wanted != 0 || h->stale != NULL || !hart_may_hit(h, va) ||
        !quick_enter(&first, hart_first_tlb(h, access), va) ||
        quick_probe(&first, tag) != UINT32_MAX)
        return false;
    if (second.tlb->arrays != 0) {
        if (!quick_enter(&second, second.tlb, va))
            return false;
        if (!quick_second(h, &second, tag, access, &in_second, &page) && in_second != UINT32_MAX)
            return false; /* an entry that does not serve */
    }
    if (in_second == UINT32_MAX &&
        (!quick_walk(h, va, &page) || (page.allowed >> (h->allowed_shift + access) & 1) == 0))
        return false;
    /* From here on it is done. The second level comes first, as its use or fill has the older stamp. */
    if (in_second != UINT32_MAX) {
        second.tlb->counters.hits[MW_SIZE_4K]++;
        second.array->stamps[in_second] = front_next_stamp(&h->front);
    } else if (second.tlb->arrays != 0) {
        quick_fill(h, &second, tag, &page);
    }
    quick_count(h, &first, &second, va, access, page.references);
    index = quick_fill(h, &first, tag, &page);
    *host = (uint8_t *)ram_host(h->ram, pte_paddr(page.pte)) + (va & PAGE_MASK);
    front_learn(&h->front, va, access, &first.array->stamps[index], *host);
    return true;
}
