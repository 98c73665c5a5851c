/*
 * One TLB: lookup over its arrays, filling, SFENCE.VMA, and the checker.
 *
 * Layer 3. Must not know who walks, what a process is, or when a flush is due.
 *
 * I-TLB-1 (one match at most) is kept at the only place that adds an entry, tlb_fill: whatever
 * would translate one of the new entry's addresses in one of its address spaces is evicted first.
 * The specification lets a TLB drop any entry at any time ("SFENCE.VMA"), and it is software's
 * stale mappings that overlap, so nobody is hurt.
 */
#include "hw/tlb.h"

#include <string.h>

#include "event/event.h"
#include "hw/front.h"
#include "hw/walk.h"

/* The array that holds the largest size up to this one, if any does. */
static void tlb_choose_array(struct tlb *tlb, unsigned size)
{
    tlb->array_for[size] = TLB_NO_ARRAY;
    for (unsigned held = 0; held <= size; held++)
        for (uint32_t i = 0; i < tlb->arrays; i++)
            if ((tlb->array[i].sizes >> held & 1) != 0) {
                tlb->array_for[size] = (uint8_t)i;
                tlb->size_for[size] = (uint8_t)held;
            }
}

int tlb_init(struct tlb *tlb, struct alloc *a, const struct mw_tlb *geometry, enum mw_tlb_unit unit,
             uint64_t seed)
{
    *tlb = (struct tlb){.unit = unit, .unit_bit = 1u << unit};
    for (uint32_t i = 0; i < geometry->arrays; i++) {
        uint64_t own = prng_mix(seed ^ ((uint64_t)unit << 8 | i));
        int err = tlb_array_init(&tlb->array[i], a, &geometry->array[i], own);

        if (err != 0) {
            tlb_destroy(tlb);
            return err;
        }
        tlb->arrays++;
    }
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        tlb_choose_array(tlb, size);
    return 0;
}

void tlb_destroy(struct tlb *tlb)
{
    for (uint32_t i = 0; i < tlb->arrays; i++)
        tlb_array_destroy(&tlb->array[i]);
    *tlb = (struct tlb){0};
}

/* ---- dropping ---- */

/* The entry at a place goes or changes. */
static void tlb_forget(const struct tlb *tlb, const struct tlb_array *array, uint32_t index)
{
    if (array->entries[index].in_front)
        front_forget_entry(tlb->front, tlb_array_va(array, index), &array->stamps[index]);
}

/* An entry is lost to a fill or a failed walk: counts and tells it. */
static void tlb_count_eviction(struct tlb *tlb, struct event_bus *bus,
                               const struct tlb_array *array, uint32_t index)
{
    event_emit(bus, MW_EVENT_TLB_EVICT, tlb_array_va(array, index), tlb_array_asid(array, index),
               index / array->ways, index % array->ways, tlb->unit);
    tlb->counters.evictions++;
}

void tlb_evict(struct tlb *tlb, struct event_bus *bus, struct tlb_place place)
{
    tlb_count_eviction(tlb, bus, place.array, place.index);
    tlb_forget(tlb, place.array, place.index);
    tlb_array_clear(place.array, place.index);
}

/* ---- filling ---- */

/* What a new entry may not coexist with. */
struct tlb_claim {
    vaddr_t va;
    unsigned size;
    bool global;
    uint16_t asid;
    uint64_t tag;
};

/* Do the pages at a and b agree above the page offset of a size? */
static bool tlb_same_page(vaddr_t a, vaddr_t b, unsigned size)
{
    return (a ^ b) >> tlb_size_shift(size) == 0;
}

static bool tlb_claims(const struct tlb_claim *claim, const struct tlb_array *array, uint32_t index)
{
    unsigned size = array->entries[index].size;

    if (array->tags[index] == claim->tag)
        return false; /* the entry of the same page is replaced, not evicted */
    if (!tlb_same_page(tlb_array_va(array, index), claim->va,
                       size > claim->size ? size : claim->size))
        return false;
    return claim->global || tlb_array_serves(array, index, claim->asid);
}

/*
 * Entries of the new one's size or larger lie in one set a size; smaller ones inside it may lie
 * anywhere, and are looked for only when there are any.
 */
static void tlb_evict_claimed(struct tlb *tlb, struct event_bus *bus, struct tlb_array *array,
                              const struct tlb_claim *claim)
{
    uint32_t own = 1u << (claim->size * 2 + claim->global);
    uint32_t smaller = array->forms & ((1u << claim->size * 2) - 1);

    for (uint32_t forms = array->forms & ~smaller & ~own; forms != 0; forms &= forms - 1) {
        unsigned size = (unsigned)__builtin_ctz(forms) / 2;
        uint32_t first = tlb_array_set(array, claim->va, size);

        for (uint32_t i = first; i < first + array->ways; i++)
            if (tlb_array_live(array, i) && array->entries[i].size == size &&
                tlb_claims(claim, array, i))
                tlb_evict(tlb, bus, (struct tlb_place){array, i});
    }
    if (smaller == 0)
        return;
    for (uint32_t i = tlb_array_next(array, 0); i != UINT32_MAX; i = tlb_array_next(array, i + 1))
        if (array->entries[i].size < claim->size && tlb_claims(claim, array, i))
            tlb_evict(tlb, bus, (struct tlb_place){array, i});
}

/* Whatever overlaps the new entry in any array: hardly ever anything, which is seen at once. */
static void tlb_make_way(struct tlb *tlb, struct event_bus *bus, const struct tlb_claim *claim)
{
    uint32_t own = 1u << (claim->size * 2 + claim->global);

    for (uint32_t i = 0; i < tlb->arrays; i++)
        if ((tlb->array[i].forms & ~own) != 0)
            tlb_evict_claimed(tlb, bus, &tlb->array[i], claim);
}

/* Where a claim's entry goes, with the entry that is there, if one is, told of and forgotten. */
static uint32_t tlb_vacate(struct tlb *tlb, struct event_bus *bus, struct tlb_array *array,
                           const struct tlb_claim *claim)
{
    uint32_t first = tlb_array_set(array, claim->va, claim->size);
    uint32_t index = tlb_policy_choose(array, first, claim->tag);

    if (tlb_array_live(array, index)) {
        if (array->tags[index] != claim->tag)
            tlb_count_eviction(tlb, bus, array, index);
        tlb_forget(tlb, array, index);
    }
    return index;
}

struct tlb_place tlb_fill(struct tlb *tlb, struct event_bus *bus,
                          const struct tlb_translation *translation, uint64_t stamp)
{
    const struct tlb_translation *t = translation;
    unsigned size = tlb->size_for[t->size];
    /*
     * G of pointer PTEs above the leaf is not looked at: taking a global page for a local one is
     * always allowed.
     */
    bool global = pte_has(t->pte, PTE_G);
    struct tlb_claim claim = {t->va, size, global, t->asid, tlb_tag(t->va, size, global, t->asid)};
    struct tlb_array *array;
    struct tlb_entry *entry;
    uint32_t index;

    if (tlb->array_for[t->size] == TLB_NO_ARRAY)
        return (struct tlb_place){NULL, 0};
    tlb_make_way(tlb, bus, &claim);
    array = &tlb->array[tlb->array_for[t->size]];
    index = tlb_vacate(tlb, bus, array, &claim);
    entry = tlb_array_put(array, index, claim.tag, size, t->leaf_size, stamp);
    entry->base = paddr(t->pa.raw - (t->va & (tlb_size_bytes(size) - 1)));
    entry->pte = t->pte;
    entry->pte_address = t->pte_address;
    entry->allowed = t->allowed;
    entry->prefetched = t->prefetched;
    entry->in_front = false;
    tlb->counters.fills[size]++;
    event_emit(bus, MW_EVENT_TLB_FILL, t->va & ~(tlb_size_bytes(size) - 1), t->pte.raw,
               tlb_size_level(t->leaf_size), index / array->ways, index % array->ways, t->asid,
               tlb->unit, size);
    return (struct tlb_place){array, index};
}

/* ---- SFENCE.VMA ---- */

static uint32_t tlb_drop(struct tlb *tlb, struct tlb_array *array, uint32_t index)
{
    tlb->counters.dropped++;
    tlb_forget(tlb, array, index);
    tlb_array_clear(array, index);
    return 1;
}

/* Is the fence about this live entry, as far as address spaces go? */
static bool tlb_fence_meets(const struct tlb_fence *fence, const struct tlb_array *array,
                            uint32_t index)
{
    if (!fence->has_asid)
        return true;
    return !tlb_array_global(array, index) && tlb_array_asid(array, index) == fence->asid;
}

/* All entries of the array that the fence is about; with an address, those of its leaf PTE. */
static uint32_t tlb_flush_sweep(struct tlb *tlb, struct tlb_array *array,
                                const struct tlb_fence *fence)
{
    uint32_t dropped = 0;

    for (uint32_t i = tlb_array_next(array, 0); i != UINT32_MAX; i = tlb_array_next(array, i + 1)) {
        if (fence->has_va &&
            !tlb_same_page(tlb_array_va(array, i), fence->va, array->entries[i].leaf_size))
            continue;
        if (tlb_fence_meets(fence, array, i))
            dropped += tlb_drop(tlb, array, i);
    }
    return dropped;
}

/* With an address: one set for each form present. */
static uint32_t tlb_flush_page(struct tlb *tlb, struct tlb_array *array,
                               const struct tlb_fence *fence)
{
    uint32_t dropped = 0;

    for (uint32_t forms = array->forms; forms != 0; forms &= forms - 1) {
        unsigned form = (unsigned)__builtin_ctz(forms);
        uint32_t first = tlb_array_set(array, fence->va, form / 2);

        if (fence->has_asid && form % 2 != 0)
            continue; /* "except for entries containing global mappings" */
        for (uint32_t i = first; i < first + array->ways; i++)
            if (tlb_array_live(array, i) && array->entries[i].size == form / 2 &&
                tlb_array_global(array, i) == (form % 2 != 0) &&
                tlb_same_page(tlb_array_va(array, i), fence->va, form / 2) &&
                tlb_fence_meets(fence, array, i))
                dropped += tlb_drop(tlb, array, i);
    }
    return dropped;
}

static bool tlb_has_broken(const struct tlb_array *array)
{
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        if (array->broken[size] != 0)
            return true;
    return false;
}

uint32_t tlb_flush(struct tlb *tlb, const struct tlb_fence *fence)
{
    uint32_t dropped = 0;

    for (uint32_t i = 0; i < tlb->arrays; i++) {
        struct tlb_array *array = &tlb->array[i];

        if (fence->has_va && !tlb_has_broken(array))
            dropped += tlb_flush_page(tlb, array, fence);
        else
            dropped += tlb_flush_sweep(tlb, array, fence);
    }
    return dropped;
}

/* ---- the checker ---- */

/* I-TLB-1: nothing of this size or larger, in any array, overlaps the entry. */
static bool tlb_check_alone(const struct tlb *tlb, const struct tlb_array *array, uint32_t index)
{
    const struct tlb_entry *entry = &array->entries[index];
    struct tlb_claim claim = {tlb_array_va(array, index), entry->size,
                              tlb_array_global(array, index), tlb_array_asid(array, index),
                              TLB_EMPTY};

    for (uint32_t n = 0; n < tlb->arrays; n++) {
        const struct tlb_array *other = &tlb->array[n];

        for (unsigned size = entry->size; size < MW_SIZE_COUNT; size++) {
            uint32_t first = tlb_array_set(other, claim.va, size);

            for (uint32_t i = first; i < first + other->ways; i++)
                if (tlb_array_live(other, i) && other->entries[i].size == size &&
                    (other != array || i != index) && tlb_claims(&claim, other, i))
                    return false;
        }
    }
    return true;
}

/* I-TLB-3, and that hardware could have cached this PTE at all. */
static bool tlb_check_contents(const struct tlb_array *array, uint32_t index)
{
    const struct tlb_entry *entry = &array->entries[index];
    vaddr_t va = tlb_array_va(array, index);
    pte_t leaf = pte_napot_page(entry->pte, va);
    uint64_t inside = va & (tlb_size_bytes(entry->leaf_size) - 1);

    if (pte_has(entry->pte, PTE_N) ? entry->leaf_size != MW_SIZE_64K
                                   : entry->leaf_size == MW_SIZE_64K)
        return false;
    if (entry->leaf_size == MW_SIZE_64K)
        inside &= PAGE_MASK; /* the copy of a NAPOT PTE names the page itself */
    return pte_leaf(entry->pte) && pte_has(entry->pte, PTE_A) &&
           tlb_array_global(array, index) == pte_has(entry->pte, PTE_G) &&
           entry->allowed == walk_allowed(leaf) && entry->base.raw == pte_paddr(leaf).raw + inside;
}

bool tlb_check(const struct tlb *tlb, uint64_t stamp)
{
    for (uint32_t n = 0; n < tlb->arrays; n++) {
        const struct tlb_array *array = &tlb->array[n];

        if (!tlb_array_check(array, stamp)) /* I-TLB-2 among them */
            return false;
        for (uint32_t i = tlb_array_next(array, 0); i != UINT32_MAX;
             i = tlb_array_next(array, i + 1))
            if (!tlb_check_contents(array, i) || !tlb_check_alone(tlb, array, i))
                return false;
    }
    return true;
}
