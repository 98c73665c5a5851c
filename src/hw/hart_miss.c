/*
 * One access that the front does not serve: the TLBs, the walk, the fills.
 *
 * Layer 3. The rules are those of <mapwalk/tlb.h>, in its order:
 *
 *     hart_translate_slow         the short way (hart_quick.c), or
 *      '- hart_translate_general  lookup in the first level: a hit, or
 *          '- hart_miss           lookup in the second, which fills the first, or
 *              '- hart_miss_walk  the walk, which fills both, or else
 *                  |- hart_walk       from a cached pointer or the root
 *                  |- hart_prefetch   what comes next, if that is wanted
 *                  '- hart_raise      a trap
 */
#include "hw/hart_quick.h"
#include "hw/stale.h"

/* One access on its way. A TLB that was not asked, or had nothing, has a place without array. */
struct hart_access {
    vaddr_t va;
    enum mw_access access;
    struct tlb *first;
    struct tlb *second;
    struct tlb_place in_first;
    struct tlb_place in_second;
};

/*
 * Where an entry leads va on the host; NULL: it forbids the access, or leads out of RAM, as a part
 * of a superpage may.
 */
static inline uint8_t *hart_entry_host(const struct hart *h, const struct tlb_entry *entry,
                                       vaddr_t va, enum mw_access access)
{
    paddr_t pa = paddr(entry->base.raw + (va & (tlb_size_bytes(entry->size) - 1)));

    if (!hart_allows(h, entry, access) || !ram_contains(h->ram, pa, 1))
        return NULL;
    return ram_host(h->ram, pa);
}

/* The TLB's entry serves the access: counts it and marks the use. */
static inline void hart_use(struct hart *h, struct tlb *tlb, struct tlb_place place, vaddr_t va,
                            enum mw_access access)
{
    struct tlb_entry *entry = tlb_place_entry(place);

    if (h->stale != NULL)
        stale_check_use(h->stale, h, tlb->unit, entry, va, access);
    h->walk_cache.counters.prefetch_hits += entry->prefetched;
    entry->prefetched = false;
    tlb->counters.hits[entry->size]++;
    tlb_place_touch(place, front_next_stamp(&h->front));
}

/*
 * An entry of the first level was just used. From now on the front may serve it, if it is one of a
 * 4 KiB page and nobody wants to know of hits. A fill teaches it nothing: what is never used again
 * shall cost nothing.
 */
static inline void hart_teach_front(struct hart *h, struct tlb_place place, vaddr_t va,
                                    enum mw_access access, uint8_t *host)
{
    struct tlb_entry *entry = tlb_place_entry(place);

    entry->in_front = entry->size == MW_SIZE_4K && !h->plain && h->stale == NULL &&
                      !event_wanted(h->bus, MW_EVENT_TLB_HIT);
    if (entry->in_front)
        front_learn(&h->front, va, access, &place.array->stamps[place.index], host);
    else
        front_forget_last(&h->front);
}

/* The trap as a value. The event operation stays open for whoever handles it. */
static void hart_raise(struct hart *h, const struct hart_access *a, enum mw_walk_error error,
                       bool opened_op, struct trap *trap)
{
    *trap = (struct trap){
        .cause = walk_cause(error, a->access),
        .error = error,
        .access = a->access,
        .va = a->va,
        .opened_op = opened_op,
    };
    h->traps++;
    event_emit(h->bus, MW_EVENT_TRAP, a->va, a->access, trap->cause, error);
}

/* ---- walking ---- */

/* A walk that begins at the nearest pointer in the walk cache, and leaves its pointers there. */
static void hart_walk_cached(struct hart *h, const struct walk_rules *rules, vaddr_t va,
                             enum mw_access access, uint64_t *skipped, struct walk_result *out)
{
    struct walk_cache *cache = &h->walk_cache;
    struct tlb_place known = walk_cache_find(cache, rules->mode, va, h->asid);
    unsigned level = mode_info(rules->mode).levels - 1;
    paddr_t table = rules->root;
    struct walk_path path;

    if (known.array != NULL) {
        const struct tlb_entry *pointer = tlb_place_entry(known);

        if (h->stale != NULL)
            stale_check_use(h->stale, h, MW_TLB_COUNT, pointer, va, access);
        tlb_place_touch(known, front_next_stamp(&h->front));
        level = tlb_size_level(pointer->size) - 1;
        table = pointer->base;
        skipped[pointer->size]++;
        event_emit(h->bus, MW_EVENT_WALK_SKIP, va, level + 1, pointer->pte.raw);
    }
    walk_below(h->ram, rules, va, access, h->bus, level, table, &path, out);
    if (out->error == MW_WALK_OK)
        for (level = path.first; level > out->level; level--)
            walk_cache_put(cache, va, h->asid, level, path.pte[level], path.pte_address[level],
                           front_next_stamp(&h->front));
}

/* `skipped` counts walks that began below a cached pointer. */
static inline void hart_walk(struct hart *h, const struct walk_rules *rules, vaddr_t va,
                             enum mw_access access, uint64_t *skipped, struct walk_result *out)
{
    if (h->walk_cache.arrays == 0 || !hart_may_hit(h, va))
        walk_to(h->ram, rules, va, access, h->bus, out);
    else
        hart_walk_cached(h, rules, va, access, skipped, out);
}

static inline void hart_translation(const struct hart *h, vaddr_t va,
                                    const struct walk_result *found, struct tlb_translation *out)
{
    uint8_t size = (uint8_t)hart_leaf_size(found);

    *out = (struct tlb_translation){.va = va,
                                    .pte = found->pte,
                                    .pa = found->pa,
                                    .pte_address = found->pte_address,
                                    .allowed = walk_leaf_allowed(found->leaf),
                                    .asid = h->asid,
                                    .size = size,
                                    .leaf_size = size};
}

/*
 * The pages behind one that was walked to. Under Svade a walk sets nothing, and finds only pages
 * that were accessed before: hardware must not guess accesses.
 */
static void hart_prefetch(struct hart *h, const struct hart_access *a, unsigned size)
{
    struct mw_walker_counters *counters = &h->walk_cache.counters;
    struct tlb *last = a->second->arrays != 0 ? a->second : a->first;
    struct walk_rules rules = h->rules;
    uint64_t skipped[MW_SIZE_COUNT] = {0}; /* only walks on demand are counted */

    rules.hardware_ad = false;
    front_forget_last(&h->front);
    for (uint32_t i = 1; i <= h->prefetch; i++) {
        vaddr_t va = (a->va & ~(tlb_size_bytes(size) - 1)) + i * tlb_size_bytes(size);
        struct tlb_translation translation;
        struct walk_result found;

        if (!hart_may_hit(h, va))
            return;
        if (tlb_find(last, va, h->asid).array != NULL)
            continue;
        event_emit(h->bus, MW_EVENT_TLB_PREFETCH, va, size);
        hart_walk(h, &rules, va, a->access, skipped, &found);
        counters->prefetch_references += found.references;
        if (found.error != MW_WALK_OK)
            continue;
        hart_translation(h, va, &found, &translation);
        translation.prefetched = true;
        if (tlb_fill(last, h->bus, &translation, front_next_stamp(&h->front)).array != NULL)
            counters->prefetches++;
    }
}

/* ---- misses ---- */

/* The walk failed: what forbade the access goes, and the trap is raised. */
static void hart_fail(struct hart *h, const struct hart_access *a, enum mw_walk_error error,
                      bool opened_op, struct trap *trap)
{
    if (hart_may_hit(h, a->va)) {
        a->first->counters.misses_faulted++;
        a->second->counters.misses_faulted += a->second->arrays != 0;
    }
    if (a->in_first.array != NULL)
        tlb_evict(a->first, h->bus, a->in_first);
    if (a->in_second.array != NULL)
        tlb_evict(a->second, h->bus, a->in_second);
    hart_raise(h, a, error, opened_op, trap);
}

/* No TLB has it: walks, pays for it, fills. NULL: *error says why there is no translation. */
static uint8_t *hart_miss_walk(struct hart *h, const struct hart_access *a,
                               enum mw_walk_error *error)
{
    struct mw_walker_counters *counters = &h->walk_cache.counters;
    struct tlb_translation translation;
    struct walk_result found;
    uint8_t *host;

    /* For hart_count_misses: after this walk or, when it ends in a fault, after its repair. */
    pages_seen_warm(&h->seen, tlb_tag(a->va, MW_SIZE_4K, false, 0) >> 17);
    hart_walk(h, &h->rules, a->va, a->access, counters->skipped, &found);
    counters->walks++;
    counters->references += found.references;
    clock_advance(h->clock, (uint64_t)found.references * h->costs.walk_step_ns);
    *error = found.error;
    if (found.error != MW_WALK_OK)
        return NULL;
    host = ram_host(h->ram, found.pa);
    if (h->rules.mode == MW_MODE_BARE)
        return host;
    hart_translation(h, a->va, &found, &translation);
    hart_count_misses(h, a->va, translation.size, a->first,
                      a->second->arrays != 0 ? a->second : NULL);
    if (a->second->arrays != 0)
        tlb_fill(a->second, h->bus, &translation, front_next_stamp(&h->front));
    tlb_fill(a->first, h->bus, &translation, front_next_stamp(&h->front));
    if (h->prefetch != 0)
        hart_prefetch(h, a, translation.size);
    return host;
}

/* The second level has an entry that serves the access: its use, and the fill of the first. */
static void hart_refill(struct hart *h, const struct hart_access *a, uint8_t *host)
{
    struct tlb_entry *entry = tlb_place_entry(a->in_second);
    const struct tlb_translation translation = {.va = a->va,
                                                .pte = entry->pte,
                                                .pa = ram_paddr(h->ram, host),
                                                .pte_address = entry->pte_address,
                                                .allowed = entry->allowed,
                                                .asid = h->asid,
                                                .size = entry->size,
                                                .leaf_size = entry->leaf_size};

    hart_use(h, a->second, a->in_second, a->va, a->access);
    clock_advance(h->clock, h->costs.l2_hit_ns);
    event_emit(h->bus, MW_EVENT_TLB_L2_HIT, a->va, a->access, a->second->unit, entry->size);
    hart_count_misses(h, a->va, entry->leaf_size, a->first, NULL);
    tlb_fill(a->first, h->bus, &translation, front_next_stamp(&h->front));
}

/* The first level does not serve the access. */
static uint8_t *hart_miss(struct hart *h, struct hart_access *a, struct trap *trap)
{
    bool opened_op = event_op_begin(h->bus);
    enum mw_walk_error error;
    uint8_t *host = NULL;

    front_forget_last(&h->front);
    if (h->bus->wanted != 0)
        hart_settle_time(h); /* somebody looks at the clock */
    h->bus->hart = h->id;
    h->misses[a->access]++;
    event_emit(h->bus, MW_EVENT_TLB_MISS, a->va, a->access, h->asid);
    if (a->second->arrays != 0 && hart_may_hit(h, a->va)) {
        a->in_second = tlb_find(a->second, a->va, h->asid);
        if (a->in_second.array != NULL)
            host = hart_entry_host(h, tlb_place_entry(a->in_second), a->va, a->access);
    }
    if (host != NULL) {
        hart_refill(h, a, host);
    } else {
        host = hart_miss_walk(h, a, &error);
        if (host == NULL) {
            hart_fail(h, a, error, opened_op, trap);
            return NULL;
        }
    }
    event_op_end(h->bus, opened_op);
    return host;
}

/* Not inlined, so that the short way need not save what only this needs. */
static __attribute__((noinline)) uint8_t *
hart_translate_general(struct hart *h, vaddr_t va, enum mw_access access, struct trap *trap)
{
    struct hart_access a = {.va = va,
                            .access = access,
                            .first = hart_first_tlb(h, access),
                            .second = hart_second_tlb(h, access)};
    uint8_t *host = NULL;

    if (hart_may_hit(h, va))
        a.in_first = tlb_find(a.first, va, h->asid);
    if (a.in_first.array != NULL)
        host = hart_entry_host(h, tlb_place_entry(a.in_first), va, access);
    if (host == NULL)
        return hart_miss(h, &a, trap);
    hart_use(h, a.first, a.in_first, va, access);
    h->hits[access]++;
    hart_teach_front(h, a.in_first, va, access, host);
    if (event_wanted(h->bus, MW_EVENT_TLB_HIT)) {
        h->bus->hart = h->id;
        event_emit(h->bus, MW_EVENT_TLB_HIT, va, access, a.first->unit,
                   tlb_place_entry(a.in_first)->size);
    }
    return host;
}

uint8_t *hart_translate_slow(struct hart *h, vaddr_t va, enum mw_access access, struct trap *trap)
{
    uint8_t *host = hart_quick(h, va, access);

    return host != NULL ? host : hart_translate_general(h, va, access, trap);
}
