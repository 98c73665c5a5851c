/*
 * Translation alone: a hit of the first level, of the second, and a miss that walks.
 *
 * The yardsticks are the shortest loops that could do the job: a direct-mapped array of page and
 * host address with no ASID, no LRU, no counters and no events; behind it, on a miss, a larger one
 * of the same kind, or three dependent loads of plain tables and a refill. Both sides make the same
 * visits in the same order to the same memory.
 */
#include <stdlib.h>

#include "rig.h"

#define NEAR_SLOTS   256                 /* of the ideal TLB: as many as 64x4 entries */
#define FAR_SLOTS    4096                /* behind it: as many as 1024x4 */
#define RANGE_PAGES  ((uint64_t)1 << 20) /* scattered pages come from 4 GiB */
#define SETS         64
#define WAYS         4
#define SHORT_VISITS 2048 /* in a cache of the host, and too many for its branch predictor */
#define LONG_VISITS  ((uint64_t)1 << 20)

/* Who has what is asked for. */
enum server { BY_FIRST, BY_SECOND, BY_WALK };

/* Which pages there are, and the order of the visits. */
struct layout {
    const char *preset; /* of the TLBs */
    enum server server; /* of nine visits in ten at least */
    uint64_t pages;
    uint64_t visits; /* a power of two of them, drawn at random, no page twice in a row unless it
                        is the only one; 0: each page once, in random order, again and again */
    unsigned level;  /* of the leaves */
    bool scattered;  /* over 4 GiB; else side by side */
    bool anywhere;   /* each visit has an offset of its own; else each page has */
};

struct tlb_state {
    struct rig rig;
    paddr_t root;
    uint64_t visit_count; /* a power of two */
    vaddr_t *visits;
    uint64_t next; /* where the next run begins: no order comes back before the list is through */
    struct rig_slot near[NEAR_SLOTS];
    struct rig_slot far[FAR_SLOTS];
};

/* ---- pages and visits ---- */

/*
 * The address of a new page. Where all pages are to stay in the first level, at most as many share a
 * set as it has ways.
 */
static vaddr_t pick_page(const struct tlb_state *s, const struct layout *layout, uint64_t number,
                         unsigned *used, uint64_t *random)
{
    bool resident = layout->pages <= SETS * WAYS;
    uint64_t page;

    if (!layout->scattered)
        return RIG_FIRST_VA + number * level_bytes(layout->level);
    do
        page = bench_random(random) % RANGE_PAGES;
    while (rig_walk_ideal(&s->rig, s->root, RIG_FIRST_VA + page * PAGE_BYTES, 0) != NULL ||
           (resident && used[page % SETS] == WAYS));
    used[page % SETS]++;
    return RIG_FIRST_VA + page * PAGE_BYTES;
}

/* Maps the pages; returns an address in each, at an offset of its own. */
static vaddr_t *map_pages(struct tlb_state *s, const struct layout *layout, uint64_t *random)
{
    vaddr_t *pages = rig_new(layout->pages, sizeof *pages);
    unsigned used[SETS] = {0};

    for (uint64_t i = 0; i < layout->pages; i++) {
        pages[i] = pick_page(s, layout, i, used, random);
        rig_map(&s->rig, s->root, pages[i], layout->level);
        pages[i] += rig_offset(random, PAGE_BYTES);
    }
    return pages;
}

static void shuffle(vaddr_t *values, uint64_t count, uint64_t *random)
{
    for (uint64_t i = count; i > 1; i--) {
        uint64_t j = bench_random(random) % i;
        vaddr_t value = values[i - 1];
        values[i - 1] = values[j];
        values[j] = value;
    }
}

/* Any page but the one before. */
static uint64_t draw_other(uint64_t before, uint64_t pages, uint64_t *random)
{
    uint64_t step = pages > 1 ? 1 + bench_random(random) % (pages - 1) : 0;

    return (before + step) % pages;
}

/* Plans the visits, and writes to each address: memory never written would all be one host page. */
static void plan_visits(struct tlb_state *s, const struct layout *layout, uint64_t *random)
{
    uint64_t bytes = level_bytes(layout->level);
    vaddr_t *pages = map_pages(s, layout, random);
    uint64_t page = 0;

    shuffle(pages, layout->pages, random);
    s->visit_count = layout->visits != 0 ? layout->visits : layout->pages;
    s->visits = rig_new(s->visit_count, sizeof *s->visits);
    for (uint64_t i = 0; i < s->visit_count; i++) {
        page = layout->visits != 0 ? draw_other(page, layout->pages, random) : i;
        vaddr_t va = pages[page];
        if (layout->anywhere)
            va = (va & ~(bytes - 1)) + rig_offset(random, bytes);
        s->visits[i] = va;
        uint8_t *host = rig_walk_ideal(&s->rig, s->root, va, layout->level);
        memcpy(host + (va & (bytes - 1)), &va, sizeof va);
    }
    free(pages);
}

/* ---- the hart ---- */

/* The first visit of a run that makes `count`. */
static uint64_t begin_visits(struct tlb_state *s, uint64_t count)
{
    uint64_t first = s->next;

    s->next += count;
    return first;
}

static inline __attribute__((always_inline)) uint64_t
visit_loads(struct tlb_state *s, uint64_t count, enum mw_access access)
{
    struct hart *hart = s->rig.harts;
    const vaddr_t *visits = s->visits;
    uint64_t mask = s->visit_count - 1, first = begin_visits(s, count);
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = first; i < first + count; i++) {
        struct trap trap;
        uint64_t value;
        if (!hart_load(hart, visits[i & mask], &value, sizeof value, access, &trap))
            bench_must(false, "a mapped page trapped");
        sum += value;
    }
    bench_use(sum);
    return bench_now() - begin;
}

static uint64_t run_load(void *state, uint64_t count)
{
    return visit_loads(state, count, MW_LOAD);
}

static uint64_t run_fetch(void *state, uint64_t count)
{
    return visit_loads(state, count, MW_FETCH);
}

static uint64_t run_store(void *state, uint64_t count)
{
    struct tlb_state *s = state;
    struct hart *hart = s->rig.harts;
    const vaddr_t *visits = s->visits;
    uint64_t mask = s->visit_count - 1, first = begin_visits(s, count);
    uint64_t begin = bench_now();

    for (uint64_t i = first; i < first + count; i++) {
        struct trap trap;
        if (!hart_store(hart, visits[i & mask], &i, sizeof i, &trap))
            bench_must(false, "a mapped page trapped");
    }
    return bench_now() - begin;
}

/* ---- what a figure is of ---- */

static uint64_t served_by(const struct hart *hart, enum server server)
{
    if (server == BY_FIRST)
        return hart_hits(hart, MW_LOAD);
    if (server == BY_WALK)
        return hart->walk_cache.counters.walks;
    return hart_tlb_counters(hart, MW_TLB_L2).hits[MW_SIZE_4K];
}

/* Once the TLBs are warm, the visits are served by whom the benchmark is about. */
static void prove_work(struct tlb_state *s, const struct layout *layout)
{
    uint64_t before = served_by(s->rig.harts, layout->server);

    run_load(s, s->visit_count);
    bench_must((served_by(s->rig.harts, layout->server) - before) * 10 >= s->visit_count * 9,
               "the visits are not served as the benchmark says");
}

static void *open_layout(const struct layout *layout)
{
    struct tlb_state *s = rig_new(1, sizeof *s);
    uint64_t random = 88172645463325252u;
    struct mw_tlbs tlbs;

    bench_must(mw_tlbs_preset(&tlbs, layout->preset) == 0, "mw_tlbs_preset");
    rig_init(&s->rig, &tlbs, 1);
    s->root = rig_take_frames(&s->rig, 0);
    plan_visits(s, layout, &random);
    hart_set_satp(s->rig.harts, MW_MODE_SV39, s->root, 1);
    run_load(s, s->visit_count);
    prove_work(s, layout);
    return s;
}

static void close_state(void *state)
{
    struct tlb_state *s = state;

    rig_destroy(&s->rig);
    free(s->visits);
    free(s);
}

/* A quarter of the first level. */
static void *open_hit(void)
{
    return open_layout(
        &(struct layout){.preset = "two-level", .pages = 64, .visits = SHORT_VISITS});
}

static void *open_same_page(void)
{
    return open_layout(&(struct layout){
        .preset = "two-level", .pages = 1, .visits = SHORT_VISITS, .anywhere = true});
}

/* Half of the first level; some pages share a slot of any direct-mapped array. */
static void *open_scattered(void)
{
    return open_layout(&(struct layout){
        .preset = "two-level", .pages = 128, .visits = SHORT_VISITS, .scattered = true});
}

static void *open_2m(void)
{
    return open_layout(&(struct layout){
        .preset = "two-level", .pages = 64, .visits = SHORT_VISITS, .level = 1, .anywhere = true});
}

/* Sixteen pages a set in turn: with LRU each is gone from the first level when it comes again. */
static void *open_l2(void)
{
    return open_layout(&(struct layout){.preset = "two-level", .server = BY_SECOND, .pages = 1024});
}

static void *open_miss(void)
{
    return open_layout(&(struct layout){.preset = "simple",
                                        .server = BY_WALK,
                                        .pages = 4096,
                                        .visits = LONG_VISITS,
                                        .scattered = true});
}

static void *open_miss_full(void)
{
    return open_layout(&(struct layout){.preset = "two-level",
                                        .server = BY_WALK,
                                        .pages = 65536,
                                        .visits = LONG_VISITS,
                                        .scattered = true});
}

/* ---- the ideal loops ---- */

/* What stands behind the near slots: another array, a walk. */
typedef uint8_t *ideal_refill(struct tlb_state *s, vaddr_t va);

static inline uint8_t *refill_by_walk(struct tlb_state *s, vaddr_t va)
{
    return rig_walk_ideal(&s->rig, s->root, va, 0);
}

static inline uint8_t *refill_by_walk_2m(struct tlb_state *s, vaddr_t va)
{
    return rig_walk_ideal(&s->rig, s->root, va, 1);
}

static inline uint8_t *refill_by_far_slots(struct tlb_state *s, vaddr_t va)
{
    uint64_t page = va >> PAGE_SHIFT;
    struct rig_slot *slot = &s->far[page & (FAR_SLOTS - 1)];

    if (__builtin_expect(slot->page != page, 0))
        *slot = (struct rig_slot){page, refill_by_walk(s, va)};
    return slot->host;
}

/* The host address of va. */
static inline __attribute__((always_inline)) uint8_t *
ideal_translate(struct tlb_state *s, vaddr_t va, unsigned shift, ideal_refill *refill)
{
    uint64_t page = va >> shift;
    struct rig_slot *slot = &s->near[page & (NEAR_SLOTS - 1)];

    if (__builtin_expect(slot->page != page, 0)) {
        slot->host = refill(s, va);
        bench_must(slot->host != NULL, "a mapped page has no entry");
        slot->page = page;
    }
    return slot->host + (va & (((uint64_t)1 << shift) - 1));
}

static inline __attribute__((always_inline)) uint64_t
visit_ideal(struct tlb_state *s, uint64_t count, unsigned shift, ideal_refill *refill)
{
    const vaddr_t *visits = s->visits;
    uint64_t mask = s->visit_count - 1, first = begin_visits(s, count);
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = first; i < first + count; i++) {
        uint64_t value;
        memcpy(&value, ideal_translate(s, visits[i & mask], shift, refill), sizeof value);
        sum += value;
    }
    bench_use(sum);
    return bench_now() - begin;
}

static uint64_t run_ideal(void *state, uint64_t count)
{
    return visit_ideal(state, count, PAGE_SHIFT, refill_by_walk);
}

static uint64_t run_ideal_2m(void *state, uint64_t count)
{
    return visit_ideal(state, count, level_shift(1), refill_by_walk_2m);
}

static uint64_t run_ideal_l2(void *state, uint64_t count)
{
    return visit_ideal(state, count, PAGE_SHIFT, refill_by_far_slots);
}

static uint64_t run_ideal_store(void *state, uint64_t count)
{
    struct tlb_state *s = state;
    const vaddr_t *visits = s->visits;
    uint64_t mask = s->visit_count - 1, first = begin_visits(s, count);
    uint64_t begin = bench_now();

    for (uint64_t i = first; i < first + count; i++)
        memcpy(ideal_translate(s, visits[i & mask], PAGE_SHIFT, refill_by_walk), &i, sizeof i);
    return bench_now() - begin;
}

/* ---- the table ---- */

#define TLB_BENCH .unit = "ns/access", .close = close_state

void bench_tlb_register(struct bench_list *list)
{
    static const struct bench table[] = {
        {.name = "tlb_hit",
         TLB_BENCH,
         .open = open_hit,
         .run = run_load,
         .yardstick = "ideal loop",
         .run_yardstick = run_ideal,
         .ratio_max = 2,
         .median_max = 3},
        {.name = "tlb_hit_same_page",
         TLB_BENCH,
         .open = open_same_page,
         .run = run_load,
         .yardstick = "ideal loop",
         .run_yardstick = run_ideal,
         .ratio_max = 1.2},
        {.name = "tlb_hit_store",
         TLB_BENCH,
         .open = open_hit,
         .run = run_store,
         .yardstick = "ideal loop",
         .run_yardstick = run_ideal_store},
        {.name = "tlb_hit_fetch",
         TLB_BENCH,
         .open = open_hit,
         .run = run_fetch,
         .yardstick = "ideal loop",
         .run_yardstick = run_ideal},
        {.name = "tlb_hit_scattered",
         TLB_BENCH,
         .open = open_scattered,
         .run = run_load,
         .yardstick = "ideal refill",
         .run_yardstick = run_ideal},
        {.name = "tlb_hit_2m",
         TLB_BENCH,
         .open = open_2m,
         .run = run_load,
         .yardstick = "ideal loop",
         .run_yardstick = run_ideal_2m},
        {.name = "tlb_l2_hit",
         TLB_BENCH,
         .open = open_l2,
         .run = run_load,
         .yardstick = "ideal second array",
         .run_yardstick = run_ideal_l2},
        {.name = "tlb_miss_walk",
         TLB_BENCH,
         .open = open_miss,
         .run = run_load,
         .yardstick = "ideal refill",
         .run_yardstick = run_ideal,
         .ratio_max = 2.5,
         .median_max = 40},
        {.name = "tlb_miss_walk_full",
         TLB_BENCH,
         .open = open_miss_full,
         .run = run_load,
         .yardstick = "ideal refill",
         .run_yardstick = run_ideal},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bench_list_add(list, &table[i]);
}
