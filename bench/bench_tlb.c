/*
 * Translation alone, with the hardware half and page tables written by hand: a TLB hit, and a miss
 * that walks.
 *
 * The yardsticks are the shortest loops that could do the job: a direct-mapped array of page and
 * host address with no ASID, no LRU, no counters and no events; on a miss, three dependent loads of
 * plain tables and a refill.
 */
#include <stdlib.h>

#include "harness.h"
#include "hw/hart.h"

#define RAM_BASE    0x80000000u
#define RAM_BYTES   ((uint64_t)64 << 20)
#define SETS        64
#define WAYS        4
#define FIRST_VA    ((vaddr_t)0x10000000)
#define HIT_PAGES   64   /* a quarter of the TLB: consecutive pages, so that no set overflows */
#define MISS_PAGES  4096 /* visited in turn: with LRU each is gone when it comes again */
#define IDEAL_SLOTS 256

/* One slot of the ideal TLB. */
struct slot {
    uint64_t page;
    uint8_t *host;
};

struct tlb_state {
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct ram ram;
    struct hart hart;
    paddr_t root;
    uint64_t frames_used; /* bump allocator of RAM */
    struct slot slots[IDEAL_SLOTS];
    vaddr_t visits[MISS_PAGES]; /* addresses in the order of access; a power of two of them */
    uint64_t visit_count;
};

static paddr_t take_frame(struct tlb_state *s)
{
    paddr_t pa = paddr(RAM_BASE + s->frames_used++ * PAGE_BYTES);

    bench_must(ram_contains(&s->ram, pa, PAGE_BYTES), "simulated RAM is full");
    return pa;
}

static pte_t *entry_at(struct tlb_state *s, paddr_t table, vaddr_t va, unsigned level)
{
    return (pte_t *)ram_host(&s->ram, table) + level_index(va, level);
}

static void map_page(struct tlb_state *s, vaddr_t va)
{
    paddr_t table = s->root;

    for (unsigned level = 2; level > 0; level--) {
        pte_t *entry = entry_at(s, table, va, level);
        if (!pte_valid(*entry))
            *entry = pte_make(take_frame(s), PTE_V);
        table = pte_paddr(*entry);
    }
    *entry_at(s, table, va, 0) =
        pte_make(take_frame(s), PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | PTE_D);
}

/* Fills visits with `pages` addresses in random order, each with an offset of its own. */
static void plan_visits(struct tlb_state *s, uint64_t pages)
{
    uint64_t random = 88172645463325252u;

    s->visit_count = pages;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t j = bench_random(&random) % (i + 1);
        s->visits[i] = s->visits[j];
        s->visits[j] = FIRST_VA + i * PAGE_BYTES + (bench_random(&random) & (PAGE_MASK - 7));
    }
}

static void *open_state(uint64_t pages)
{
    struct tlb_state *s = calloc(1, sizeof *s);
    const struct hart_setup setup = {.tlb_sets = SETS, .tlb_ways = WAYS};

    bench_must(s != NULL, "out of memory");
    event_bus_init(&s->bus, &s->clock);
    bench_must(ram_init(&s->ram, paddr(RAM_BASE), RAM_BYTES, 0) == 0, "ram_init");
    bench_must(hart_init(&s->hart, &setup, &s->alloc, &s->ram, &s->bus, &s->clock) == 0,
               "hart_init");
    s->root = take_frame(s);
    for (uint64_t i = 0; i < pages; i++)
        map_page(s, FIRST_VA + i * PAGE_BYTES);
    hart_set_satp(&s->hart, MW_MODE_SV39, s->root, 1);
    hart_set_privilege(&s->hart, true, false, false);
    plan_visits(s, pages);
    return s;
}

static void *open_hit(void)
{
    return open_state(HIT_PAGES);
}

static void *open_miss(void)
{
    return open_state(MISS_PAGES);
}

static void close_state(void *state)
{
    struct tlb_state *s = state;

    hart_destroy(&s->hart);
    ram_destroy(&s->ram);
    free(s);
}

/* Loads 8 bytes at each planned address in turn. */
static uint64_t run_hart(void *state, uint64_t count)
{
    struct tlb_state *s = state;
    struct hart *hart = &s->hart;
    uint64_t mask = s->visit_count - 1;
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        struct trap trap;
        uint64_t value;
        if (!hart_load(hart, s->visits[i & mask], &value, sizeof value, MW_LOAD, &trap))
            bench_must(false, "a mapped page trapped");
        sum += value;
    }
    bench_use(sum);
    return bench_now() - begin;
}

/* Three dependent loads, no checks but validity. */
static uint8_t *ideal_walk(const struct tlb_state *s, vaddr_t va)
{
    paddr_t pa = s->root;

    for (unsigned level = 3; level-- > 0;) {
        pte_t pte = ((const pte_t *)ram_host(&s->ram, pa))[level_index(va, level)];
        if (!pte_valid(pte))
            return NULL;
        pa = pte_paddr(pte);
    }
    return ram_host(&s->ram, pa);
}

static uint64_t run_ideal(void *state, uint64_t count)
{
    struct tlb_state *s = state;
    uint64_t mask = s->visit_count - 1;
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        vaddr_t va = s->visits[i & mask];
        struct slot *slot = &s->slots[va >> PAGE_SHIFT & (IDEAL_SLOTS - 1)];
        uint64_t value;
        if (__builtin_expect(slot->page != va >> PAGE_SHIFT, 0)) {
            slot->host = ideal_walk(s, va);
            bench_must(slot->host != NULL, "a mapped page has no entry");
            slot->page = va >> PAGE_SHIFT;
        }
        memcpy(&value, slot->host + (va & PAGE_MASK), sizeof value);
        sum += value;
    }
    bench_use(sum);
    return bench_now() - begin;
}

void bench_tlb_register(struct bench_list *list)
{
    static const struct bench hit = {
        .name = "tlb_hit",
        .unit = "ns/access",
        .yardstick = "ideal loop",
        .open = open_hit,
        .close = close_state,
        .run = run_hart,
        .run_yardstick = run_ideal,
        .ratio_max = 5,
        .median_max = 6,
    };
    static const struct bench miss = {
        .name = "tlb_miss_walk",
        .unit = "ns/access",
        .yardstick = "ideal refill",
        .open = open_miss,
        .close = close_state,
        .run = run_hart,
        .run_yardstick = run_ideal,
    };

    bench_list_add(list, &hit);
    bench_list_add(list, &miss);
}
