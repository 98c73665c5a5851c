/*
 * The hart against a naive model: random tables, registers, fences and accesses, no difference
 * allowed.
 *
 * The model (model/walk_model.h) has its own copy of memory. After every step results, causes,
 * counters and the PTEs that were read are compared, and now and then the whole memory and the
 * whole TLB.
 *
 * The environment variable MAPWALK_LONG=N makes each run N times as long (CONTRIBUTING.md).
 *
 * Tables are half sensible, half hostile. RAM is 64 pages; a fifth of the PTEs may point to any of
 * them or be noise, data may overwrite tables, tables form cycles, and leaves lie at all levels.
 * Only a few digits of an address are used, so that entries meet again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "hw/hart.h"
#include "model/walk_model.h"

#define TABLES \
    25 /* the first pages of RAM, where PTEs are written: table n is meant for level n % 5 */
#define ROUNDS  240000 /* for each geometry; times MAPWALK_LONG */
#define ASIDS   4
#define HIT_NS  3
#define STEP_NS 100

struct pair {
    struct model m;
    struct hart h;
    struct ram ram;
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct prng random;
    uint64_t translations;
    uint64_t recent[8]; /* addresses that were translated, to come back to */
};

static uint64_t below(struct pair *p, uint64_t bound)
{
    return prng_below(&p->random, bound);
}

/* A digit of an address: few of them, so that walks meet, with both ends of a table. */
static uint64_t random_digit(struct pair *p)
{
    static const uint64_t digit[] = {0, 0, 1, 2, 3, 40, 510, 511};

    return digit[below(p, 8)];
}

/*
 * Near where it went well before, or anywhere: mostly valid in the mode (in Sv57 when Bare),
 * sometimes with a bit too many.
 */
static uint64_t random_address(struct pair *p)
{
    int levels = p->m.r.levels == 0 ? 5 : p->m.r.levels;
    int above = 52 - 9 * levels;
    uint64_t va = 0;

    if (below(p, 4) != 0)
        return p->recent[below(p, 8)] ^ below(p, 2) * below(p, 4096);
    if (p->m.r.levels == 0 && below(p, 2) == 0)
        return RAM_AT + below(p, RAM_SIZE);
    for (int i = 0; i < levels; i++)
        va = va << 9 | random_digit(p);
    va = (uint64_t)((int64_t)(va << 12 << above) >> above) | below(p, 4096);
    if (below(p, 10) == 0)
        va ^= (uint64_t)1 << (63 - below(p, 26));
    return va;
}

static uint64_t random_flags(struct pair *p)
{
    static const uint64_t likely[] = {0xdf, 0xcf, 0xd7, 0x5f, 0x1f, 0x4b, 0xd9, 0xff, 0xef, 0x53};

    return below(p, 3) == 0 ? below(p, 1024) | 1 : likely[below(p, 10)];
}

/* What nobody should write into a table. */
static uint64_t hostile_pte(struct pair *p)
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

/*
 * An entry for a table of this level: a pointer to one of the next, or a leaf that has RAM in it. /
 */
static uint64_t random_pte(struct pair *p, uint64_t level)
{
    uint64_t flags = random_flags(p);

    if (below(p, 5) == 0)
        return hostile_pte(p);
    if (level > 0 && below(p, 4) != 0)
        return (RAM_AT / 4096 + level - 1 + 5 * below(p, TABLES / 5)) << 10 | 1;
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

static void edit_tables(struct pair *p)
{
    uint64_t table = below(p, TABLES);
    uint64_t at = RAM_AT + table * 4096 + random_digit(p) * 8;
    uint64_t pte = random_pte(p, table % 5);

    write_word(&p->m, at, pte);
    memcpy(ram_host(&p->ram, paddr(at)), &pte, 8);
}

static void edit_registers(struct pair *p)
{
    static const enum mw_mode mode[] = {MW_MODE_SV39, MW_MODE_SV39, MW_MODE_SV39, MW_MODE_SV48,
                                        MW_MODE_SV48, MW_MODE_SV57, MW_MODE_SV57, MW_MODE_BARE};
    static const int levels[] = {3, 3, 3, 4, 4, 5, 5, 0};
    struct model_registers *r = &p->m.r;
    uint64_t dice = below(p, 8);

    r->levels = levels[dice];
    r->root = RAM_AT + ((uint64_t)(levels[dice] + 4) % 5 + 5 * below(p, TABLES / 5)) * 4096;
    if (below(p, 50) == 0)
        r->root = below(p, 2) == 0 ? RAM_AT - 4096 : RAM_AT + RAM_SIZE;
    r->asid = (int)below(p, ASIDS);
    r->user = (int)below(p, 2);
    r->sum = (int)below(p, 2);
    r->mxr = (int)below(p, 2);
    r->hardware_ad = below(p, 3) != 0;
    hart_set_satp(&p->h, mode[dice], paddr(r->root), (uint16_t)r->asid);
    hart_set_privilege(&p->h, r->user, r->sum, r->mxr);
    r->svnapot = below(p, 3) != 0;
    r->svpbmt = below(p, 3) != 0;
    p->h.rules.hardware_ad = r->hardware_ad;
    p->h.rules.svnapot = r->svnapot;
    p->h.rules.svpbmt = r->svpbmt;
}

static void fence(struct pair *p)
{
    int has_va = below(p, 4) != 0, has_asid = below(p, 4) != 0;
    uint64_t va = random_address(p);
    int asid = (int)below(p, ASIDS);

    hart_sfence(&p->h, has_va, va, has_asid, (uint16_t)asid);
    model_fence(&p->m, has_va, va, has_asid, asid);
}

/*
 * The PTEs that the model read for both pages must be what they are in the hart's RAM too, A and D
 * included.
 */
static void compare_ptes(const struct pair *p, const struct model_result r[2])
{
    for (int page = 0; page < 2; page++)
        for (int i = 0; i < r[page].fetched; i++) {
            uint64_t pte;

            memcpy(&pte, ram_host(&p->ram, paddr(r[page].pte_at[i])), 8);
            assert_int_equal(pte, read_word(&p->m, r[page].pte_at[i]));
        }
}

/* A trap: the model's first page that fails, with its error, cause and address. */
static void compare_trap(struct pair *p, const struct trap *trap, uint64_t va,
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
static int model_access(struct pair *p, uint64_t *va, unsigned bytes, enum mw_access access,
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
static uint8_t *model_byte(struct pair *p, uint64_t va, unsigned i, const struct model_result r[2])
{
    unsigned first = (unsigned)(4096 - va % 4096);

    return &p->m.memory[(i < first ? r[0].pa + i : r[1].pa + i - first) - RAM_AT];
}

static void load(struct pair *p, enum mw_access access)
{
    unsigned bytes = (unsigned)below(p, 16) + 1;
    uint64_t va = random_address(p), failed = va;
    uint8_t out[16] = {0};
    struct model_result r[2];
    struct trap trap;
    bool done = hart_load(&p->h, va, out, bytes, access, &trap);

    assert_int_equal(done, model_access(p, &failed, bytes, access, r));
    if (!done)
        compare_trap(p, &trap, failed, access, &r[0]);
    for (unsigned i = 0; done && i < bytes; i++)
        assert_int_equal(out[i], *model_byte(p, va, i, r));
    if (done)
        compare_ptes(p, r);
}

/* Stores PTEs, because they may land in a table. */
static void store(struct pair *p)
{
    unsigned bytes = (unsigned)below(p, 8) + 1;
    uint64_t va = random_address(p), failed = va, value = random_pte(p, below(p, 5));
    struct model_result r[2];
    struct trap trap;
    bool done = hart_store(&p->h, va, &value, bytes, &trap);

    assert_int_equal(done, model_access(p, &failed, bytes, MW_STORE, r));
    if (!done)
        compare_trap(p, &trap, failed, MW_STORE, &r[0]);
    for (unsigned i = 0; done && i < bytes; i++)
        *model_byte(p, va, i, r) = (uint8_t)(value >> (8 * i));
    if (done)
        compare_ptes(p, r);
}

static void amo(struct pair *p)
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

static void compare_counters(const struct pair *p)
{
    const struct model_counters *n = &p->m.n;
    const struct hart_counters *c = &p->h.counters;

    for (int access = 0; access < 4; access++) {
        assert_int_equal(c->hits[access], n->hits[access]);
        assert_int_equal(c->misses[access], n->misses[access]);
    }
    assert_int_equal(c->walk_references, n->references);
    assert_int_equal(c->traps, n->traps);
    assert_int_equal(p->h.tlb.fills, n->fills);
    assert_int_equal(p->h.tlb.evictions, n->evictions);
    assert_int_equal(p->h.tlb.dropped, n->dropped);
}

/*
 * Everything: memory, simulated time, and each entry of the list is in the TLB, which has no more.
 * /
 */
static void compare_state(struct pair *p)
{
    uint64_t live = 0, hits = 0;

    assert_memory_equal(p->ram.host, p->m.memory, RAM_SIZE);
    for (int access = 0; access < 4; access++)
        hits += p->m.n.hits[access];
    hart_settle_time(&p->h);
    assert_int_equal(p->clock.now_ns, hits * HIT_NS + p->m.n.references * STEP_NS);
    assert_true(tlb_check(&p->h.tlb, &p->ram));
    for (int form = 0; form < TLB_FORMS; form++)
        live += p->h.tlb.form_count[form];
    assert_int_equal(live, p->m.entries);
    for (int i = 0; i < p->m.entries; i++) {
        const struct model_entry *e = &p->m.list[i];
        const struct tlb_entry *found = tlb_find(&p->h.tlb, e->first, (uint16_t)e->asid);

        assert_non_null(found);
        assert_int_equal(found->form, e->level * 2 + e->global);
        assert_int_equal(found->pte.raw, e->pte);
        assert_int_equal(tlb_entry_va(found), e->first);
    }
}

static void step(struct pair *p)
{
    uint64_t dice = below(p, 100);

    if (dice < 8)
        edit_tables(p);
    else if (dice < 10)
        edit_registers(p);
    else if (dice < 11)
        fence(p);
    else if (dice < 50)
        load(p, MW_LOAD);
    else if (dice < 65)
        load(p, MW_FETCH);
    else if (dice < 85)
        amo(p);
    else
        store(p);
    compare_counters(p);
}

static void begin(struct pair *p, int sets, int ways)
{
    struct hart_setup setup = {.tlb_sets = (uint32_t)sets,
                               .tlb_ways = (uint32_t)ways,
                               .hit_ns = HIT_NS,
                               .walk_step_ns = STEP_NS};

    memset(p, 0, sizeof(*p));
    prng_seed(&p->random, (uint64_t)(sets * 100 + ways));
    event_bus_init(&p->bus, &p->clock);
    assert_int_equal(ram_init(&p->ram, paddr(RAM_AT), RAM_SIZE, 0), 0);
    assert_int_equal(hart_init(&p->h, &setup, &p->alloc, &p->ram, &p->bus, &p->clock), 0);
    p->m.sets = sets;
    p->m.ways = ways;
    for (int i = 0; i < 1000; i++)
        edit_tables(p);
    edit_registers(p);
}

/* A test that met nothing would prove nothing. */
static void expect_variety(const struct pair *p, uint64_t rounds)
{
    uint64_t hits = 0;

    for (int error = 0; error < MW_WALK_COUNT; error++)
        if (p->m.errors[error] < 20)
            fail_msg("walk error %s was met only %u times", mw_walk_error_name((unsigned)error),
                     (unsigned)p->m.errors[error]);
    for (int level = 0; level < 5; level++) {
        hits += p->m.level_hits[level];
        if (p->m.level_hits[level] < 20)
            fail_msg("level %d was hit only %u times", level, (unsigned)p->m.level_hits[level]);
    }
    assert_true(hits > p->translations / 20);
    assert_true(p->m.n.evictions > 100 && p->m.n.dropped > 100);
    assert_true(p->m.napot_walks > 100 && p->m.typed_walks > 100);
    assert_true(p->translations > rounds * 3 / 4);
}

/* ROUNDS, or what MAPWALK_LONG makes of it; nonsense in it must not pass for a long run. */
static uint64_t rounds_wanted(void)
{
    const char *text = getenv("MAPWALK_LONG");
    char *end;
    unsigned long long times;

    if (text == NULL)
        return ROUNDS;
    times = strtoull(text, &end, 10);
    if (*text < '1' || *text > '9' || *end != '\0' || times > UINT64_MAX / ROUNDS)
        fail_msg("MAPWALK_LONG=%s is no number from 1", text);
    return ROUNDS * (uint64_t)times;
}

static void run(int sets, int ways)
{
    uint64_t rounds = rounds_wanted();
    struct pair p;

    begin(&p, sets, ways);
    for (uint64_t round = 0; round < rounds; round++) {
        step(&p);
        if (round % 256 == 0)
            compare_state(&p);
    }
    compare_state(&p);
    expect_variety(&p, rounds);
    print_message("%ux%u: %llu translations\n", (unsigned)sets, (unsigned)ways,
                  (unsigned long long)p.translations);
    hart_destroy(&p.h);
    ram_destroy(&p.ram);
    assert_int_equal(p.alloc.live_blocks, 0);
}

static void a_hart_with_one_entry_behaves_as_the_specification_says(void **state)
{
    (void)state;
    run(1, 1);
}

static void a_hart_with_a_small_tlb_behaves_as_the_specification_says(void **state)
{
    (void)state;
    run(2, 2);
}

static void a_hart_with_a_fully_associative_tlb_behaves_as_the_specification_says(void **state)
{
    (void)state;
    run(1, 16);
}

static void a_hart_with_an_odd_number_of_ways_behaves_as_the_specification_says(void **state)
{
    (void)state;
    run(8, 3);
}

static void a_hart_with_the_usual_tlb_behaves_as_the_specification_says(void **state)
{
    (void)state;
    run(64, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hart_with_one_entry_behaves_as_the_specification_says),
        cmocka_unit_test(a_hart_with_a_small_tlb_behaves_as_the_specification_says),
        cmocka_unit_test(a_hart_with_a_fully_associative_tlb_behaves_as_the_specification_says),
        cmocka_unit_test(a_hart_with_an_odd_number_of_ways_behaves_as_the_specification_says),
        cmocka_unit_test(a_hart_with_the_usual_tlb_behaves_as_the_specification_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
