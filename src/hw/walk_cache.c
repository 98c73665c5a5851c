/*
 * The walk cache. Layer 3.
 */
#include "hw/walk_cache.h"

int walk_cache_init(struct walk_cache *cache, struct alloc *a, const struct mw_tlb *geometry,
                    uint64_t seed)
{
    *cache = (struct walk_cache){0};
    for (uint32_t i = 0; i < geometry->arrays; i++) {
        uint64_t own = prng_mix(seed ^ ((uint64_t)MW_TLB_COUNT << 8 | i));
        int err = tlb_array_init(&cache->array[i], a, &geometry->array[i], own);

        if (err != 0) {
            walk_cache_destroy(cache);
            return err;
        }
        cache->arrays++;
    }
    return 0;
}

void walk_cache_destroy(struct walk_cache *cache)
{
    for (uint32_t i = 0; i < cache->arrays; i++)
        tlb_array_destroy(&cache->array[i]);
    *cache = (struct walk_cache){0};
}

static struct tlb_array *walk_cache_array(struct walk_cache *cache, unsigned size)
{
    for (uint32_t i = 0; i < cache->arrays; i++)
        if ((cache->array[i].sizes >> size & 1) != 0)
            return &cache->array[i];
    return NULL;
}

struct tlb_place walk_cache_find(struct walk_cache *cache, enum mw_mode mode, vaddr_t va,
                                 uint16_t asid)
{
    for (unsigned level = 1; level < mode_info(mode).levels; level++) {
        unsigned size = tlb_level_size(level);
        struct tlb_array *array = walk_cache_array(cache, size);
        uint32_t index = UINT32_MAX;

        if (array != NULL)
            index = tlb_array_probe(array, va, size * 2, asid);
        if (index != UINT32_MAX)
            return (struct tlb_place){array, index};
    }
    return (struct tlb_place){NULL, 0};
}

void walk_cache_put(struct walk_cache *cache, vaddr_t va, uint16_t asid, unsigned level, pte_t pte,
                    paddr_t pte_address, uint64_t stamp)
{
    unsigned size = tlb_level_size(level);
    struct tlb_array *array = walk_cache_array(cache, size);
    struct tlb_entry *entry;
    uint64_t tag;
    uint32_t index;

    if (array == NULL)
        return;
    tag = tlb_tag(va, size, false, asid);
    index = tlb_policy_choose(array, tlb_array_set(array, va, size), tag);
    cache->counters.cache_evictions += tlb_array_live(array, index) && array->tags[index] != tag;
    entry = tlb_array_put(array, index, tag, size, size, stamp);
    entry->base = pte_paddr(pte);
    entry->pte = pte;
    entry->pte_address = pte_address;
    cache->counters.cache_fills++;
}

void walk_cache_flush(struct walk_cache *cache, bool has_asid, uint16_t asid)
{
    for (uint32_t n = 0; n < cache->arrays; n++) {
        struct tlb_array *array = &cache->array[n];

        for (uint32_t i = tlb_array_next(array, 0); i != UINT32_MAX;
             i = tlb_array_next(array, i + 1)) {
            if (has_asid && tlb_array_asid(array, i) != asid)
                continue;
            tlb_array_clear(array, i);
            cache->counters.cache_dropped++;
        }
    }
}

bool walk_cache_check(const struct walk_cache *cache, uint64_t stamp)
{
    for (uint32_t n = 0; n < cache->arrays; n++) {
        const struct tlb_array *array = &cache->array[n];

        if (!tlb_array_check(array, stamp))
            return false;
        for (uint32_t i = tlb_array_next(array, 0); i != UINT32_MAX;
             i = tlb_array_next(array, i + 1))
            if (tlb_array_global(array, i) || !pte_pointer(array->entries[i].pte))
                return false;
    }
    return true;
}
