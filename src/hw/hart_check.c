/*
 * The hart's checkers. Layer 3.
 */
#include "hw/hart.h"

/* ---- what the hart keeps, against itself ---- */

/* I-FRONT-1 for one key that is not dead. */
static bool hart_check_key(struct hart *h, const struct front_slot *slot, uint64_t key,
                           enum mw_access access)
{
    vaddr_t va = access == MW_FETCH ? key & ~FRONT_FETCHES : key;
    struct tlb_place place = tlb_find(hart_first_tlb(h, access), va, h->asid);
    const struct tlb_entry *entry;

    if (place.array == NULL || !hart_may_hit(h, va) || key != front_key(va, 1, access) ||
        h->plain || event_wanted(h->bus, MW_EVENT_TLB_HIT))
        return false;
    entry = tlb_place_entry(place);
    return entry->size == MW_SIZE_4K && entry->in_front && hart_allows(h, entry, access) &&
           slot->stamp == &place.array->stamps[place.index] &&
           va + slot->addend == (uint64_t)(uintptr_t)ram_host(h->ram, entry->base) &&
           front_slot(&h->front, va, access) == slot;
}

static bool hart_check_slot(struct hart *h, const struct front_slot *slot, bool fetches, bool used)
{
    bool loads = slot->load_key != FRONT_DEAD, stores = slot->store_key != FRONT_DEAD;

    if (!loads && !stores)
        return true;
    if (!used || (fetches && stores)) /* I-FRONT-3 */
        return false;
    return (!loads || hart_check_key(h, slot, slot->load_key, fetches ? MW_FETCH : MW_LOAD)) &&
           (!stores || hart_check_key(h, slot, slot->store_key, MW_STORE));
}

static bool hart_check_front(struct hart *h)
{
    const struct front *front = &h->front;

    for (unsigned i = 0; i < FRONT_SLOTS * 2; i++)
        if (!hart_check_slot(h, &front->slots[i], i >= FRONT_SLOTS,
                             (front->used[i / 64] >> i % 64 & 1) != 0))
            return false;
    /* I-FRONT-2: the last use has the newest stamp. */
    return (front->last->load_key == FRONT_DEAD && front->last->store_key == FRONT_DEAD) ||
           *front->last->stamp == front->stamp;
}

bool hart_check(struct hart *h)
{
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        if (!tlb_check(&h->tlb[unit], h->front.stamp))
            return false;
    return walk_cache_check(&h->walk_cache, h->front.stamp) && hart_check_front(h);
}

/* ---- what the hart keeps, against memory ---- */

/*
 * Does the entry permit only what the tables permit now, of the same page of the same frame? Of a
 * NAPOT region the page is asked for whose PTE the entry comes from.
 */
static bool hart_check_entry(const struct hart *h, const struct walk_rules *tables,
                             const struct tlb_entry *entry, vaddr_t va)
{
    struct walk_rules rules = *tables;
    struct walk_result found;
    uint64_t inside;
    unsigned bit, context;

    if (entry->size == MW_SIZE_64K)
        va += entry->pte_address.raw / PTE_BYTES % PTE_NAPOT_PAGES * PAGE_BYTES;
    inside = va & (tlb_size_bytes(entry->size) - 1);

    if (entry->allowed == 0)
        return true;
    /* A walk in any situation that the entry allows finds the leaf that there is now. */
    bit = (unsigned)__builtin_ctz(entry->allowed);
    context = bit / MW_ACCESS_COUNT;
    rules.user = (context & 4) != 0;
    rules.sum = (context & 2) != 0;
    rules.mxr = (context & 1) != 0;
    found = walk(h->ram, &rules, va, (enum mw_access)(bit % MW_ACCESS_COUNT), NULL);
    /* The first page of a superpage that RAM has only a part of may be outside. */
    if (found.error != MW_WALK_OK && found.error != MW_WALK_PHYSICAL)
        return false;
    return hart_leaf_size(&found) >= entry->size &&
           page_floor(found.pa.raw) == entry->base.raw + inside &&
           (entry->allowed & ~walk_allowed(found.leaf)) == 0;
}

/* Is the pointer still where the walk found it, and on the way from this root to its region? */
static bool hart_check_pointer(const struct hart *h, const struct walk_rules *tables,
                               const struct tlb_entry *pointer, vaddr_t va)
{
    unsigned level = pointer->size - MW_SIZE_2M + 1u;
    paddr_t table = tables->root;

    for (unsigned at = mode_info(tables->mode).levels - 1;; at--) {
        paddr_t place = paddr(table.raw + level_index(va, at) * PTE_BYTES);
        pte_t pte;

        if (at < level || !ram_contains(h->ram, place, PTE_BYTES))
            return false;
        memcpy(&pte.raw, ram_host(h->ram, place), PTE_BYTES);
        if (at == level)
            return pte_equal(pte, pointer->pte) && paddr_equal(place, pointer->pte_address);
        if (!pte_pointer(pte))
            return false;
        table = pte_paddr(pte);
    }
}

bool hart_check_tlb(struct hart *h, enum mw_mode mode, paddr_t root, uint16_t asid)
{
    /* Without hardware_ad the walk writes nothing, and an entry must not let D be missed. */
    struct walk_rules tables = {.mode = mode,
                                .root = root,
                                .hardware_ad = false,
                                .svnapot = h->rules.svnapot,
                                .svpbmt = h->rules.svpbmt};

    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        for (uint32_t n = 0; n < h->tlb[unit].arrays; n++) {
            const struct tlb_array *a = &h->tlb[unit].array[n];

            for (uint32_t i = tlb_array_next(a, 0); i != UINT32_MAX; i = tlb_array_next(a, i + 1))
                if (tlb_array_serves(a, i, asid) &&
                    !hart_check_entry(h, &tables, &a->entries[i], tlb_array_va(a, i)))
                    return false;
        }
    for (uint32_t n = 0; n < h->walk_cache.arrays; n++) {
        const struct tlb_array *a = &h->walk_cache.array[n];

        for (uint32_t i = tlb_array_next(a, 0); i != UINT32_MAX; i = tlb_array_next(a, i + 1))
            if (tlb_array_serves(a, i, asid) &&
                !hart_check_pointer(h, &tables, &a->entries[i], tlb_array_va(a, i)))
                return false;
    }
    return true;
}
