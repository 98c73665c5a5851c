/*
 * A naive hart, for tests of this folder only: the naive walker behind naive TLBs, which work
 * together as <mapwalk/tlb.h> says.
 *
 * Beyond that text it settles: the walk cache is asked from the lowest pointer up, and what is found
 * is used by that; pointers go into it root first, of walks that succeeded; the walk for a
 * prefetched page is for its first address and the same kind of access, sets neither A nor D, and is
 * left out when the last level translates that address; `skipped` counts walks on demand only.
 */
#ifndef MAPWALK_TESTS_HART_MODEL_H
#define MAPWALK_TESTS_HART_MODEL_H

#include <search.h>

#include "model/tlb_model.h"
#include "model/walk_model.h"

struct hart_model {
    struct walker w;
    struct list_tlb tlb[MW_TLB_COUNT];
    struct list_tlb walk_cache;
    unsigned prefetch;
    void *seen; /* tree of struct seen_page */
    uint64_t hits[4], misses[4], traps, flushes, l2_hits;
    struct mw_walker_counters n;
    /* How often things were met: a test must not be idle. */
    uint64_t errors[MW_WALK_COUNT], size_hits[MW_SIZE_COUNT], parts_filled, forbidden;
    uint64_t prefetch_walks;
};

/* ---- which pages a TLB has missed before ---- */

struct seen_page {
    uint64_t root, first;
    int asid, size;
    unsigned unit;
};

static inline int seen_compare(const void *left, const void *right)
{
    const struct seen_page *a = left, *b = right;

    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->root != b->root)
        return a->root < b->root ? -1 : 1;
    if (a->asid != b->asid)
        return a->asid - b->asid;
    return a->size != b->size ? a->size - b->size : (int)a->unit - (int)b->unit;
}

/* Is it the first time? */
static inline int seen_mark(struct hart_model *m, unsigned unit, uint64_t va, int leaf_size)
{
    struct seen_page *page = calloc(1, sizeof(*page)), **found;

    assert_non_null(page);
    page->root = m->w.r.root;
    page->first = page_first(va, leaf_size);
    page->asid = m->w.r.asid;
    page->size = leaf_size;
    page->unit = unit;
    found = tsearch(page, &m->seen, seen_compare);
    assert_non_null(found);
    if (*found == page)
        return 1;
    free(page);
    return 0;
}

/* ---- beginning and end ---- */

static inline void hart_model_init(struct hart_model *m, const struct mw_tlbs *shape, uint64_t seed,
                                   unsigned id)
{
    const struct mw_tlb *of[MW_TLB_COUNT] = {&shape->l1d, &shape->l1i, &shape->l2, &shape->l2i};

    memset(m, 0, sizeof(*m));
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        list_init(&m->tlb[unit], of[unit], seed, id, unit);
    list_init(&m->walk_cache, &shape->walk_cache, seed, id, MW_TLB_COUNT);
    m->prefetch = shape->prefetch;
}

static inline void hart_model_destroy(struct hart_model *m)
{
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        list_destroy(&m->tlb[unit]);
    list_destroy(&m->walk_cache);
    tdestroy(m->seen, free);
}

/* ---- which TLBs an access looks into ---- */

static inline unsigned first_unit(const struct hart_model *m, enum mw_access access)
{
    return access == MW_FETCH && m->tlb[MW_TLB_L1I].arrays > 0 ? MW_TLB_L1I : MW_TLB_L1D;
}

static inline unsigned second_unit(const struct hart_model *m, enum mw_access access)
{
    return access == MW_FETCH && m->tlb[MW_TLB_L2I].arrays > 0 ? MW_TLB_L2I : MW_TLB_L2;
}

/* One lookup in one TLB: the entry that is for the address, and whether it serves the access. */
struct lookup {
    struct list_tlb *tlb;
    unsigned unit;
    int entry; /* or -1 */
    int serves;
};

static inline struct lookup look_up(struct hart_model *m, unsigned unit, uint64_t va,
                                    enum mw_access access, uint64_t *pa)
{
    struct lookup l = {&m->tlb[unit], unit, -1, 0};
    const struct list_entry *e;

    l.entry = list_find(l.tlb, va, m->w.r.asid);
    if (l.entry < 0)
        return l;
    e = &l.tlb->list[l.entry];
    *pa = e->base + (va - e->first);
    l.serves = model_rights(&m->w.r, e->pte, access) == MW_WALK_OK &&
               model_ad(e->pte, access) == MW_WALK_OK && in_memory(*pa, 1);
    m->forbidden += !l.serves;
    return l;
}

/* The lookup was served: count it, and use the entry. What it says is returned. */
static inline struct list_entry count_hit(struct hart_model *m, const struct lookup *l)
{
    struct list_entry *e = &l->tlb->list[l->entry];

    l->tlb->n.hits[e->size]++;
    m->size_hits[e->size]++;
    m->n.prefetch_hits += (uint64_t)e->ahead;
    e->ahead = 0;
    list_use(l->tlb, l->entry);
    return l->tlb->list[0];
}

/* The lookup was not served, but a translation of this size was found behind. */
static inline void count_miss(struct hart_model *m, const struct lookup *l, uint64_t va,
                              int leaf_size)
{
    l->tlb->n.misses[leaf_size]++;
    l->tlb->n.compulsory += (uint64_t)seen_mark(m, l->unit, va, leaf_size);
}

/* The walk after it has failed: what forbade the access goes. */
static inline void count_fault(struct lookup *l)
{
    l->tlb->n.misses_faulted++;
    if (l->entry < 0)
        return;
    l->tlb->n.evictions++;
    list_remove(l->tlb, l->entry);
}

/* ---- the walk cache ---- */

/* Entries are by the region that a pointer maps: a pointer at level 1 maps 2M. */
static inline int pointer_size(int level)
{
    return MW_SIZE_2M + level - 1;
}

/* Where the walk for va begins; *level: of the pointer found, or 0. */
static inline struct walk_start walk_cache_start(struct hart_model *m, uint64_t va, int *level)
{
    struct list_tlb *t = &m->walk_cache;

    for (*level = 1; *level < m->w.r.levels; ++*level)
        for (int i = 0; i < t->entries; i++) {
            struct list_entry *e = &t->list[i];

            if (e->size == pointer_size(*level) && list_translates(e, va, m->w.r.asid)) {
                struct walk_start below = {frame_of(e->pte), *level - 1};

                list_use(t, i);
                return below;
            }
        }
    *level = 0;
    return root_start(&m->w);
}

/* The pointers that a walk read which has come to a leaf. */
static inline void walk_cache_keep(struct hart_model *m, uint64_t va, const struct model_result *r)
{
    for (int i = 0; i < r->fetched - 1; i++) {
        struct list_entry e = {.asid = m->w.r.asid, .pte = r->fetch[i], .pte_at = r->pte_at[i]};

        e.size = e.leaf_size = pointer_size(r->first_level - i);
        e.first = page_first(va, e.size);
        e.base = frame_of(e.pte);
        if (list_array_of(&m->walk_cache, e.size) >= 0)
            list_put(&m->walk_cache, e);
    }
}

/* ---- misses ---- */

/* What the walk of va found goes into a TLB. */
static inline int keep_leaf(struct hart_model *m, struct list_tlb *t, uint64_t va,
                            const struct model_result *r, int ahead)
{
    struct list_entry e = {.pte = r->pte, .pte_at = r->pte_at[r->fetched - 1], .ahead = ahead};
    int filled;

    e.leaf_size = model_leaf_size(r);
    e.global = bit(r->pte, 5);
    e.asid = m->w.r.asid;
    filled = list_fill(t, e, va, r->pa, e.leaf_size);
    m->parts_filled += (uint64_t)(filled && t->list[0].size < e.leaf_size);
    return filled;
}

/* The pages behind va, for the last level. */
static inline void prefetch(struct hart_model *m, uint64_t va, enum mw_access access, int size)
{
    unsigned second = second_unit(m, access);
    struct list_tlb *last = &m->tlb[m->tlb[second].arrays > 0 ? second : first_unit(m, access)];
    int hardware_ad = m->w.r.hardware_ad;

    m->w.r.hardware_ad = 0;
    for (unsigned i = 1; i <= m->prefetch; i++) {
        uint64_t next = page_first(va, size) + i * size_bytes(size);
        struct model_result r;
        int pointer;

        if (!valid_address(m->w.r.levels, next))
            break;
        if (list_find(last, next, m->w.r.asid) >= 0)
            continue;
        m->prefetch_walks++;
        model_walk(&m->w, walk_cache_start(m, next, &pointer), next, access, &r);
        m->n.prefetch_references += (uint64_t)r.fetched;
        if (r.error != MW_WALK_OK)
            continue;
        walk_cache_keep(m, next, &r);
        m->n.prefetches += (uint64_t)keep_leaf(m, last, next, &r, 1);
    }
    m->w.r.hardware_ad = hardware_ad;
}

/* A walk that no TLB could spare. */
static inline void walk_behind(struct hart_model *m, struct lookup *first, struct lookup *second,
                               uint64_t va, enum mw_access access, struct model_result *out)
{
    int pointer, size;

    model_walk(&m->w, walk_cache_start(m, va, &pointer), va, access, out);
    if (pointer > 0)
        m->n.skipped[pointer_size(pointer)]++;
    if (out->error != MW_WALK_OK) {
        count_fault(first);
        if (second->tlb->arrays > 0)
            count_fault(second);
        return;
    }
    size = model_leaf_size(out);
    count_miss(m, first, va, size);
    walk_cache_keep(m, va, out);
    if (second->tlb->arrays > 0) {
        count_miss(m, second, va, size);
        keep_leaf(m, second->tlb, va, out, 0);
    }
    keep_leaf(m, first->tlb, va, out, 0);
    prefetch(m, va, access, size);
}

/* Does the second level have it? Then the first gets it. */
static inline int second_level(struct hart_model *m, const struct lookup *first,
                               const struct lookup *second, uint64_t va, uint64_t pa)
{
    struct list_entry e;

    if (!second->serves)
        return 0;
    e = count_hit(m, second);
    m->l2_hits++;
    count_miss(m, first, va, e.leaf_size);
    e.asid = m->w.r.asid;
    list_fill(first->tlb, e, va, pa, e.size);
    return 1;
}

/* An access that the first level has not served. No TLB is asked in Bare, nor for no address. */
static inline void model_miss(struct hart_model *m, struct lookup *first, uint64_t va,
                              enum mw_access access, struct model_result *out)
{
    m->misses[access]++;
    if (m->w.r.levels == 0) {
        out->pa = va;
        out->error = in_memory(va, 1) ? MW_WALK_OK : MW_WALK_PHYSICAL;
    } else if (!valid_address(m->w.r.levels, va)) {
        out->error = MW_WALK_NOT_CANONICAL;
    } else {
        struct lookup second = look_up(m, second_unit(m, access), va, access, &out->pa);

        if (second_level(m, first, &second, va, out->pa))
            return;
        walk_behind(m, first, &second, va, access, out);
    }
    m->n.walks++;
    m->n.references += (uint64_t)out->fetched;
    m->errors[out->error]++;
    m->traps += out->error != MW_WALK_OK;
}

/* ---- what a hart does ---- */

/* One page of an access. */
static inline void model_translate(struct hart_model *m, uint64_t va, enum mw_access access,
                                   struct model_result *out)
{
    struct lookup first = {0};

    memset(out, 0, sizeof(*out));
    if (m->w.r.levels != 0 && valid_address(m->w.r.levels, va))
        first = look_up(m, first_unit(m, access), va, access, &out->pa);
    if (!first.serves) {
        model_miss(m, &first, va, access, out);
        return;
    }
    m->hits[access]++;
    count_hit(m, &first);
}

static inline void model_fence(struct hart_model *m, int has_va, uint64_t va, int has_asid,
                               int asid)
{
    int widest = m->w.r.levels == 0 ? 5 : m->w.r.levels;

    if (has_va && !valid_address(widest, va))
        return;
    m->flushes++;
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        list_fence(&m->tlb[unit], has_va, va, has_asid, asid);
    if (!has_va)
        list_fence(&m->walk_cache, 0, 0, has_asid, asid);
}

/* The counters of the walk cache are those of its list. */
static inline struct mw_walker_counters model_walker_counters(const struct hart_model *m)
{
    struct mw_walker_counters n = m->n;

    for (int size = 0; size < MW_SIZE_COUNT; size++)
        n.cache_fills += m->walk_cache.n.fills[size];
    n.cache_evictions = m->walk_cache.n.evictions;
    n.cache_dropped = m->walk_cache.n.dropped;
    return n;
}

#endif
