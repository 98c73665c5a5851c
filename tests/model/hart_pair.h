/*
 * A hart and the naive model of it, side by side, for tests of this folder only: random tables,
 * registers, fences and accesses for both, and everything that can be compared.
 *
 * Tables are half sensible, half hostile. RAM is 64 pages; a fifth of the PTEs may point to any of
 * them or be noise, data may overwrite tables, tables form cycles, and leaves lie at all levels.
 * Only a few digits of an address are used, so that entries meet again.
 */
#ifndef MAPWALK_TESTS_HART_PAIR_H
#define MAPWALK_TESTS_HART_PAIR_H

#include <stdio.h>

#include "hw/hart.h"
#include "model/hart_model.h"

/* The first pages of RAM, where PTEs are written: table n is meant for level n % 5. */
#define TABLES    25
#define ASIDS     4
#define HIT_NS    3
#define L2_HIT_NS 17
#define STEP_NS   100

struct pair {
    struct hart_model m;
    struct hart h;
    struct ram ram;
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct prng random;
    int asid_mask;
    uint64_t translations;
    uint64_t recent[8]; /* addresses that were translated, to come back to */
    bool tame; /* most pages are of 4K and as usual, so that the short ways of the hart are taken */
    bool superpages; /* and some are superpages */
    bool listening;
    uint64_t told[MW_EVENT_COUNT];
};

static inline uint64_t below(struct pair *p, uint64_t bound)
{
    return prng_below(&p->random, bound);
}

/* A digit of an address: few of them, so that walks meet, with both ends of a table. */
static inline uint64_t random_digit(struct pair *p)
{
    static const uint64_t digit[] = {0, 0, 1, 2, 3, 40, 510, 511};

    return digit[below(p, 8)];
}

/*
 * Near where it went well before, or anywhere: mostly valid in the mode (in Sv57 when Bare),
 * sometimes with a bit too many.
 */
static inline uint64_t random_address(struct pair *p)
{
    int levels = p->m.w.r.levels == 0 ? 5 : p->m.w.r.levels;
    int above = 52 - 9 * levels;
    uint64_t va = 0;

    if (below(p, 8) == 0) /* a page or two behind, as programs go */
        return p->recent[below(p, 8)] + (below(p, 3) + 1) * 4096;
    if (below(p, 4) != 0)
        return p->recent[below(p, 8)] ^ below(p, 2) * below(p, 4096);
    if (p->m.w.r.levels == 0 && below(p, 2) == 0)
        return RAM_AT + below(p, RAM_SIZE);
    for (int i = 0; i < levels; i++)
        va = va << 9 | random_digit(p);
    va = (uint64_t)((int64_t)(va << 12 << above) >> above) | below(p, 4096);
    if (below(p, 10) == 0)
        va ^= (uint64_t)1 << (63 - below(p, 26));
    return va;
}

static inline uint64_t random_flags(struct pair *p)
{
    static const uint64_t likely[] = {0xdf, 0xcf, 0xd7, 0x5f, 0x1f, 0x4b, 0xd9, 0xff, 0xef, 0x53};

    return below(p, 3) == 0 ? below(p, 1024) | 1 : likely[below(p, 10)];
}

/* What nobody should write into a table. */
static inline uint64_t hostile_pte(struct pair *p)
{
    uint64_t page = RAM_AT / 4096 + below(p, RAM_PAGES);
    uint64_t flags = random_flags(p);

    switch (below(p, 9)) {
    case 0:
        return prng_next(&p->random);
    case 1:
        return (RAM_AT / 4096 + RAM_PAGES + below(p, 4)) << 10 | flags; /* outside RAM */
    case 2:
        return page << 10 | flags | (uint64_t)1 << (54 + below(p, 10)); /* reserved bits */
    case 3:
        return page << 10 | 1 | (uint64_t)1 << (4 + below(p, 4)); /* pointer bits */
    case 4:
        return page << 10 | below(p, 2); /* anything as a table; or not valid */
    case 5:
        return page << 10 | flags | (uint64_t)1 << 63; /* N, with any encoding */
    case 6:
        return page << 10 | flags | below(p, 4) << 61; /* any memory type */
    case 7:
        return page << 10 | 1 | below(p, 2) << 63 | below(p, 4) << 61; /* N, type of a pointer */
    default:
        return page << 10 | flags; /* a superpage, if this is one, is misaligned */
    }
}

static inline uint64_t pointer_to(struct pair *p, uint64_t level)
{
    return (RAM_AT / 4096 + level - 1 + 5 * below(p, TABLES / 5)) << 10 | 1;
}

static inline uint64_t tame_pte(struct pair *p, uint64_t level)
{
    static const uint64_t flags[] = {0xdf, 0xdf, 0xdf, 0xdf, 0xcf, 0x57};

    if (p->superpages && (level == 1 || level == 2) && below(p, 6) == 0)
        return RAM_AT / 4096 << 10 | flags[below(p, 6)];
    if (level > 0)
        return pointer_to(p, level);
    return (RAM_AT / 4096 + below(p, RAM_PAGES)) << 10 | flags[below(p, 6)];
}

/*
 * An entry for a table of this level: a pointer to one of the next, or a leaf that has RAM in it.
 */
static inline uint64_t random_pte(struct pair *p, uint64_t level)
{
    uint64_t flags = random_flags(p);

    if (p->tame && below(p, 100) != 0)
        return tame_pte(p, level);
    if (below(p, 5) == 0)
        return hostile_pte(p);
    if (level > 0 && below(p, 4) != 0)
        return pointer_to(p, level);
    /* A memory type; and of a region of 64 KiB the page that this PTE translates. */
    if (below(p, 8) == 0)
        flags |= below(p, 3) << 61;
    if (level == 0 && below(p, 4) == 0)
        return (RAM_AT / 4096 + below(p, RAM_PAGES / 16) * 16 + 8) << 10 | flags |
               (uint64_t)1 << 63;
    if (level == 0)
        return (RAM_AT / 4096 + below(p, RAM_PAGES)) << 10 | flags;
    return level < 3 ? RAM_AT / 4096 << 10 | flags : flags; /* RAM lies at 2 GiB */
}

static inline void edit_tables(struct pair *p)
{
    uint64_t table = below(p, TABLES);
    uint64_t at = RAM_AT + table * 4096 + random_digit(p) * 8;
    uint64_t pte = random_pte(p, table % 5);

    write_word(&p->m.w, at, pte);
    memcpy(ram_host(&p->ram, paddr(at)), &pte, 8);
}

static inline int random_asid(struct pair *p)
{
    int high = below(p, 4) == 0 ? (int)below(p, 65536) & ~(ASIDS - 1) : 0;

    return (int)below(p, ASIDS) | high;
}

/* svnapot and svpbmt change too, as no entry depends on them. */
static inline void edit_rules(struct pair *p)
{
    struct model_registers *r = &p->m.w.r;

    r->user = below(p, 4) < (p->tame ? 3 : 2);
    r->sum = (int)below(p, 2);
    r->mxr = (int)below(p, 2);
    r->hardware_ad = below(p, 3) != 0;
    r->svnapot = below(p, 3) != 0;
    r->svpbmt = below(p, 3) != 0;
    hart_set_privilege(&p->h, r->user, r->sum, r->mxr);
    p->h.rules.hardware_ad = r->hardware_ad;
    p->h.rules.svnapot = r->svnapot;
    p->h.rules.svpbmt = r->svpbmt;
}

static inline void edit_satp(struct pair *p)
{
    static const enum mw_mode mode[] = {MW_MODE_SV39, MW_MODE_SV39, MW_MODE_SV39, MW_MODE_SV48,
                                        MW_MODE_SV48, MW_MODE_SV57, MW_MODE_SV57, MW_MODE_BARE};
    static const int levels[] = {3, 3, 3, 4, 4, 5, 5, 0};
    struct model_registers *r = &p->m.w.r;
    uint64_t dice = below(p, 8);
    int asid = random_asid(p);

    r->levels = levels[dice];
    r->root = RAM_AT + ((uint64_t)(levels[dice] + 4) % 5 + 5 * below(p, TABLES / 5)) * 4096;
    if (below(p, 50) == 0)
        r->root = below(p, 2) == 0 ? RAM_AT - 4096 : RAM_AT + RAM_SIZE;
    r->asid = asid & p->asid_mask;
    hart_set_satp(&p->h, mode[dice], paddr(r->root), (uint16_t)asid);
}

static inline void fence(struct pair *p)
{
    int has_va = below(p, 8) != 0, has_asid = below(p, 4) != 0;
    uint64_t va = random_address(p);
    int asid = random_asid(p);

    hart_sfence(&p->h, has_va, va, has_asid, (uint16_t)asid);
    model_fence(&p->m, has_va, va, has_asid, asid & p->asid_mask);
}

/* ---- who listens ---- */

static inline void count_event(void *context, const struct mw_event *event)
{
    ((struct pair *)context)->told[event->kind]++;
}

static inline uint64_t sum_of(const uint64_t *counts, int n)
{
    uint64_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += counts[i];
    return sum;
}

/* What the model says must have been told, of each kind that it counts. */
static inline void model_events(const struct pair *p, uint64_t told[MW_EVENT_COUNT])
{
    memset(told, 0, MW_EVENT_COUNT * sizeof(told[0]));
    told[MW_EVENT_TLB_HIT] = sum_of(p->m.hits, 4);
    told[MW_EVENT_TLB_MISS] = sum_of(p->m.misses, 4);
    told[MW_EVENT_TLB_L2_HIT] = p->m.l2_hits;
    told[MW_EVENT_TLB_PREFETCH] = p->m.prefetch_walks;
    told[MW_EVENT_TLB_FLUSH] = p->m.flushes;
    told[MW_EVENT_TRAP] = p->m.traps;
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        told[MW_EVENT_TLB_FILL] += sum_of(p->m.tlb[unit].n.fills, MW_SIZE_COUNT);
        told[MW_EVENT_TLB_EVICT] += p->m.tlb[unit].n.evictions;
    }
}

/* While nobody listens, `told` holds what had been told if somebody had. */
static inline void toggle_listener(struct pair *p)
{
    if (p->listening)
        event_unsubscribe(&p->bus, count_event, p);
    else {
        model_events(p, p->told);
        assert_int_equal(event_subscribe(&p->bus, MW_EVENTS_ALL, count_event, p), 0);
    }
    p->listening = !p->listening;
    hart_listeners_changed(&p->h);
}

static inline void compare_events(const struct pair *p)
{
    uint64_t told[MW_EVENT_COUNT];

    model_events(p, told);
    for (int kind = 0; kind < MW_EVENT_COUNT; kind++)
        if (told[kind] != 0 && told[kind] != p->told[kind])
            fail_msg("%s: told %llu times, not %llu", mw_event_name((unsigned)kind),
                     (unsigned long long)p->told[kind], (unsigned long long)told[kind]);
}

/* ---- accesses ---- */

/*
 * The PTEs that the model read for both pages must be what they are in the hart's RAM too, A and D
 * included.
 */
static inline void compare_ptes(const struct pair *p, const struct model_result r[2])
{
    for (int page = 0; page < 2; page++)
        for (int i = 0; i < r[page].fetched; i++) {
            uint64_t pte;

            memcpy(&pte, ram_host(&p->ram, paddr(r[page].pte_at[i])), 8);
            assert_int_equal(pte, read_word(&p->m.w, r[page].pte_at[i]));
        }
}

/* A trap: the model's first page that fails, with its error, cause and address. */
static inline void compare_trap(struct pair *p, const struct trap *trap, uint64_t va,
                                enum mw_access access, const struct model_result *r)
{
    assert_int_equal(trap->error, r->error);
    assert_int_equal(trap->cause, model_cause(r->error, access));
    assert_int_equal(trap->access, access);
    assert_int_equal(trap->va, va);
    event_op_end(&p->bus, trap->opened_op);
}

/*
 * Both pages of the access in the model. False: r is the one that failed, *va its address. True:
 * the caller compares the PTEs once it has transferred in the model what the hart has, because a
 * store may hit a PTE of its own walk.
 */
static inline int model_access(struct pair *p, uint64_t *va, unsigned bytes, enum mw_access access,
                               struct model_result r[2])
{
    uint64_t next = *va - *va % 4096 + 4096;

    memset(r, 0, 2 * sizeof(r[0]));
    model_translate(&p->m, *va, access, &r[0]);
    p->translations++;
    if (r[0].error == MW_WALK_OK)
        p->recent[below(p, 8)] = *va;
    if (r[0].error == MW_WALK_OK && *va % 4096 + bytes <= 4096)
        return 1;
    if (r[0].error == MW_WALK_OK) {
        model_translate(&p->m, next, access, &r[1]);
        p->translations++;
        if (r[1].error == MW_WALK_OK)
            return 1;
    }
    compare_ptes(p, r);
    if (r[0].error != MW_WALK_OK)
        return 0;
    r[0] = r[1];
    *va = next;
    return 0;
}

/* Address in the model's memory of byte i of the access. */
static inline uint8_t *model_byte(struct pair *p, uint64_t va, unsigned i,
                                  const struct model_result r[2])
{
    unsigned first = (unsigned)(4096 - va % 4096);

    return &p->m.w.memory[(i < first ? r[0].pa + i : r[1].pa + i - first) - RAM_AT];
}

/*
 * The inline halves of hart_load and hart_store, which ask the front only when the compiler knows
 * the size; here it does not.
 */
static inline uint8_t *ask_front(struct pair *p, uint64_t va, unsigned bytes, enum mw_access access)
{
    uint8_t *host;

    if ((bytes & (bytes - 1)) != 0 || bytes > FRONT_BYTES_MAX ||
        !front_serve(&p->h.front, va, bytes, access, &host))
        return NULL;
    return host;
}

static inline bool hart_reads(struct pair *p, uint64_t va, void *out, unsigned bytes,
                              enum mw_access access, struct trap *trap)
{
    const uint8_t *host = ask_front(p, va, bytes, access);

    if (host == NULL)
        return hart_load_slow(&p->h, va, out, bytes, access, trap);
    memcpy(out, host, bytes);
    return true;
}

static inline bool hart_writes(struct pair *p, uint64_t va, const void *in, unsigned bytes,
                               struct trap *trap)
{
    uint8_t *host = ask_front(p, va, bytes, MW_STORE);

    if (host == NULL)
        return hart_store_slow(&p->h, va, in, bytes, trap);
    memcpy(host, in, bytes);
    return true;
}

/* Often a power of two and aligned to itself, as most accesses are. */
static inline unsigned random_bytes(struct pair *p, uint64_t *va)
{
    unsigned bytes = 1u << below(p, 5);

    if (below(p, 3) == 0)
        return (unsigned)below(p, 16) + 1;
    *va -= *va % bytes;
    return bytes;
}

static inline void load(struct pair *p, enum mw_access access)
{
    uint64_t va = random_address(p), failed;
    unsigned bytes = random_bytes(p, &va);
    uint8_t out[16] = {0};
    struct model_result r[2];
    struct trap trap;
    bool done = hart_reads(p, va, out, bytes, access, &trap);

    failed = va;
    assert_int_equal(done, model_access(p, &failed, bytes, access, r));
    if (!done)
        compare_trap(p, &trap, failed, access, &r[0]);
    for (unsigned i = 0; done && i < bytes; i++)
        assert_int_equal(out[i], *model_byte(p, va, i, r));
    if (done)
        compare_ptes(p, r);
}

/* Stores PTEs, because they may land in a table. */
static inline void store(struct pair *p)
{
    uint64_t va = random_address(p), failed;
    uint64_t value[2] = {random_pte(p, below(p, 5)), random_pte(p, below(p, 5))};
    unsigned bytes = random_bytes(p, &va);
    struct model_result r[2];
    struct trap trap;
    bool done = hart_writes(p, va, value, bytes, &trap);

    failed = va;
    assert_int_equal(done, model_access(p, &failed, bytes, MW_STORE, r));
    if (!done)
        compare_trap(p, &trap, failed, MW_STORE, &r[0]);
    for (unsigned i = 0; done && i < bytes; i++)
        *model_byte(p, va, i, r) = ((uint8_t *)value)[i];
    if (done)
        compare_ptes(p, r);
}

static inline void amo(struct pair *p)
{
    uint64_t va = random_address(p), failed = va;
    struct model_result r[2];
    struct trap trap;
    uint8_t *host = hart_translate(&p->h, va, MW_AMO, &trap);

    assert_int_equal(host != NULL, model_access(p, &failed, 1, MW_AMO, r));
    if (host == NULL)
        compare_trap(p, &trap, failed, MW_AMO, &r[0]);
    else {
        assert_ptr_equal(host, ram_host(&p->ram, paddr(r[0].pa)));
        compare_ptes(p, r);
    }
}

/* ---- comparisons ---- */

static inline void expect_count(const char *of, const char *what, const char *size, uint64_t hart,
                                uint64_t model)
{
    if (hart != model)
        fail_msg("%s: %s %s: the hart has counted %llu, the model %llu", of, what, size,
                 (unsigned long long)hart, (unsigned long long)model);
}

static inline void compare_tlb_counters(const char *of, const struct mw_tlb_counters *hart,
                                        const struct mw_tlb_counters *model)
{
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++) {
        const char *name = mw_page_size_name(size);

        expect_count(of, "hits", name, hart->hits[size], model->hits[size]);
        expect_count(of, "misses", name, hart->misses[size], model->misses[size]);
        expect_count(of, "fills", name, hart->fills[size], model->fills[size]);
    }
    expect_count(of, "misses", "faulted", hart->misses_faulted, model->misses_faulted);
    expect_count(of, "misses", "compulsory", hart->compulsory, model->compulsory);
    expect_count(of, "evictions", "", hart->evictions, model->evictions);
    expect_count(of, "dropped", "", hart->dropped, model->dropped);
}

static inline void compare_walker_counters(const struct mw_walker_counters *hart,
                                           const struct mw_walker_counters *model)
{
    static const char of[] = "walker";

    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        expect_count(of, "skipped", mw_page_size_name(size), hart->skipped[size],
                     model->skipped[size]);
    expect_count(of, "walks", "", hart->walks, model->walks);
    expect_count(of, "references", "", hart->references, model->references);
    expect_count(of, "cache", "fills", hart->cache_fills, model->cache_fills);
    expect_count(of, "cache", "evictions", hart->cache_evictions, model->cache_evictions);
    expect_count(of, "cache", "dropped", hart->cache_dropped, model->cache_dropped);
    expect_count(of, "prefetches", "", hart->prefetches, model->prefetches);
    expect_count(of, "prefetch", "references", hart->prefetch_references,
                 model->prefetch_references);
    expect_count(of, "prefetch", "hits", hart->prefetch_hits, model->prefetch_hits);
}

static inline void compare_counters(struct pair *p)
{
    struct mw_walker_counters walker = model_walker_counters(&p->m);

    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        struct mw_tlb_counters n = hart_tlb_counters(&p->h, (enum mw_tlb_unit)unit);

        /* Both have no padding: one comparison tells whether it is worth to look closer. */
        if (memcmp(&n, &p->m.tlb[unit].n, sizeof(n)) != 0)
            compare_tlb_counters(mw_tlb_name(unit), &n, &p->m.tlb[unit].n);
    }
    if (memcmp(&walker, &p->h.walk_cache.counters, sizeof(walker)) != 0)
        compare_walker_counters(&p->h.walk_cache.counters, &walker);
    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++) {
        const char *name = mw_access_name(access);

        expect_count("hart", "hits", name, hart_hits(&p->h, (enum mw_access)access),
                     p->m.hits[access]);
        expect_count("hart", "misses", name, p->h.misses[access], p->m.misses[access]);
    }
    expect_count("hart", "traps", "", p->h.traps, p->m.traps);
    expect_count("hart", "flushes", "", p->h.flushes, p->m.flushes);
    if (p->listening)
        compare_events(p);
}

static inline uint64_t live_entries(const struct tlb_array *a)
{
    uint64_t live = 0;

    for (unsigned form = 0; form < TLB_FORMS; form++)
        live += a->form_count[form];
    return live;
}

/* The list's entry is there, in the same way, with the same contents. Returns its stamp. */
static inline uint64_t compare_entry(const struct tlb_array *arrays, const struct list_entry *e)
{
    const struct tlb_array *a = &arrays[e->array];
    uint32_t index = (uint32_t)e->set * a->ways + (uint32_t)e->way;
    const struct tlb_entry *found = &a->entries[index];

    assert_true(tlb_array_live(a, index));
    assert_int_equal(tlb_array_va(a, index), e->first);
    assert_int_equal(tlb_array_global(a, index), e->global);
    assert_int_equal(tlb_array_asid(a, index), e->global ? 0 : e->asid);
    assert_int_equal(found->size, e->size);
    assert_int_equal(found->leaf_size, e->leaf_size);
    assert_int_equal(found->pte.raw, e->pte);
    assert_int_equal(found->pte_address.raw, e->pte_at);
    return a->stamps[index];
}

/*
 * Each entry of the list is there, and no more. Of two in one set the one further back was used
 * earlier.
 */
static inline void compare_list(const struct tlb_array *arrays, const struct list_tlb *t)
{
    uint64_t live = 0, stamp[LIST_LIMIT];

    for (int i = 0; i < t->arrays; i++)
        live += live_entries(&arrays[i]);
    assert_int_equal(live, t->entries);
    for (int i = 0; i < t->entries; i++) {
        const struct list_entry *e = &t->list[i], *before = e;

        stamp[i] = compare_entry(arrays, e);
        while (--before >= t->list)
            if (before->array == e->array && before->set == e->set) {
                assert_true(stamp[before - t->list] > stamp[i]);
                break;
            }
    }
}

static inline void compare_tlb(struct pair *p, unsigned unit)
{
    const struct tlb *tlb = &p->h.tlb[unit];
    const struct list_tlb *t = &p->m.tlb[unit];

    compare_list(tlb->array, t);
    for (int i = 0; i < t->entries; i++) {
        const struct list_entry *e = &t->list[i];
        const struct tlb_array *a = &tlb->array[e->array];
        const struct tlb_entry *found = &a->entries[(uint32_t)e->set * a->ways + (uint32_t)e->way];

        assert_int_equal(found->base.raw, e->base);
        assert_int_equal(found->prefetched, e->ahead);
    }
}

/* Everything: memory, simulated time, every entry, and what the checkers of the layer say. */
static inline void compare_state(struct pair *p)
{
    assert_memory_equal(p->ram.host, p->m.w.memory, RAM_SIZE);
    hart_settle_time(&p->h);
    assert_int_equal(p->clock.now_ns, sum_of(p->m.hits, 4) * HIT_NS + p->m.l2_hits * L2_HIT_NS +
                                          p->m.n.references * STEP_NS);
    assert_true(hart_check(&p->h));
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        compare_tlb(p, unit);
    compare_list(p->h.walk_cache.array, &p->m.walk_cache);
}

/* ---- a run ---- */

/* One random thing for both, and all counters compared. */
static inline void pair_step(struct pair *p)
{
    uint64_t dice = below(p, 1000);

    if (dice < 80)
        edit_tables(p);
    else if (dice < 90)
        edit_satp(p);
    else if (dice < 100)
        edit_rules(p);
    else if (dice < 110)
        fence(p);
    else if (dice < 112 && (p->listening || below(p, 4) == 0))
        toggle_listener(p);
    else if (dice < 500)
        load(p, MW_LOAD);
    else if (dice < 650)
        load(p, MW_FETCH);
    else if (dice < 850)
        amo(p);
    else
        store(p);
    compare_counters(p);
}

static inline void pair_begin(struct pair *p, const struct mw_tlbs *tlbs, uint64_t seed)
{
    static const uint32_t asid_bits[] = {0, 1, 2, 16};
    struct hart_setup setup = {
        .tlbs = *tlbs, .seed = prng_mix(seed), .costs = {HIT_NS, L2_HIT_NS, STEP_NS}};

    memset(p, 0, sizeof(*p));
    prng_seed(&p->random, seed);
    setup.id = (uint16_t)below(p, 4);
    setup.asid_bits = asid_bits[below(p, 4)];
    setup.plain = below(p, 4) == 0;
    p->tame = below(p, 2) == 0;
    p->superpages = below(p, 2) == 0;
    p->asid_mask = (1 << setup.asid_bits) - 1;
    event_bus_init(&p->bus, &p->clock);
    assert_int_equal(ram_init(&p->ram, paddr(RAM_AT), RAM_SIZE, 0), 0);
    assert_int_equal(hart_init(&p->h, &setup, &p->alloc, &p->ram, &p->bus, &p->clock), 0);
    hart_model_init(&p->m, tlbs, setup.seed, setup.id);
    for (int i = 0; i < 1000; i++)
        edit_tables(p);
    edit_satp(p);
    edit_rules(p);
}

static inline void pair_end(struct pair *p)
{
    hart_destroy(&p->h);
    hart_model_destroy(&p->m);
    ram_destroy(&p->ram);
    assert_int_equal(p->alloc.live_blocks, 0);
}

#endif
