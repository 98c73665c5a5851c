/*
 * The hart against a naive model: random tables, registers, fences and accesses, under many TLB
 * geometries, no difference allowed.
 *
 * The model (model/hart_model.h) has its own copy of memory. After every step results, causes, all
 * counters and the PTEs that were read are compared, and now and then the whole memory, the whole
 * TLBs with the order of use in them, and simulated time (model/hart_pair.h).
 *
 * The environment variable MAPWALK_LONG=N makes it N times as long, with N times as many random
 * geometries (CONTRIBUTING.md).
 */
#include "model/hart_pair.h"
#include "model/tlb_shapes.h"

#define ROUNDS     11000 /* for each geometry */
#define GEOMETRIES 80    /* random ones; times MAPWALK_LONG */

/* What the runs of one test met. */
struct met {
    uint64_t translations, hits, traps, l2_hits;
    uint64_t errors[MW_WALK_COUNT], size_hits[MW_SIZE_COUNT], compulsory, evictions, dropped;
    uint64_t napot_walks, typed_walks, parts, forbidden, skipped, prefetch_hits;
    uint64_t front_hits, front_repeats;
};

/* 1, or what MAPWALK_LONG says; nonsense in it must not pass for a long run. */
static uint64_t times_wanted(void)
{
    const char *text = getenv("MAPWALK_LONG");
    char *end;
    unsigned long long times;

    if (text == NULL)
        return 1;
    times = strtoull(text, &end, 10);
    if (*text < '1' || *text > '9' || *end != '\0' || times > 1000000)
        fail_msg("MAPWALK_LONG=%s is no number from 1 to a million", text);
    return (uint64_t)times;
}

static void remember(struct met *met, const struct pair *p)
{
    const struct hart_model *m = &p->m;

    met->translations += p->translations;
    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++) {
        met->front_hits += front_hits(&p->h.front, (enum mw_access)access);
        met->front_repeats += p->h.front.repeats[access];
    }
    met->hits += sum_of(m->hits, 4);
    met->traps += m->traps;
    met->l2_hits += m->l2_hits;
    for (unsigned error = 0; error < MW_WALK_COUNT; error++)
        met->errors[error] += m->errors[error];
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        met->size_hits[size] += m->size_hits[size];
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        met->compulsory += m->tlb[unit].n.compulsory;
        met->evictions += m->tlb[unit].n.evictions;
        met->dropped += m->tlb[unit].n.dropped;
    }
    met->napot_walks += m->w.napot_walks;
    met->typed_walks += m->w.typed_walks;
    met->parts += m->parts_filled;
    met->forbidden += m->forbidden;
    met->skipped += sum_of(m->n.skipped, MW_SIZE_COUNT);
    met->prefetch_hits += m->n.prefetch_hits;
}

/* One hart of this geometry, from its beginning to its end. A failure names the geometry. */
static void run(struct met *met, const struct mw_tlbs *tlbs, uint64_t seed)
{
    char why[200];
    struct pair p;

    if (mw_tlbs_validate(tlbs, why, sizeof(why)) != 0)
        fail_msg("seed %llu: %s", (unsigned long long)seed, why);
    pair_begin(&p, tlbs, seed);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pair_step(&p);
        if (round % 256 == 0)
            compare_state(&p);
    }
    compare_state(&p);
    remember(met, &p);
    pair_end(&p);
}

static void expect_at_least(const char *what, const char *of, uint64_t got, uint64_t wanted)
{
    if (got < wanted)
        fail_msg("%s %s was met only %llu times", what, of, (unsigned long long)got);
}

/* A test that met nothing would prove nothing. */
static void expect_use(const struct met *met)
{
    expect_at_least("a hit", "", met->hits, met->translations / 20);
    expect_at_least("a hit", "in the front", met->front_hits, met->hits / 10);
    expect_at_least("a hit", "again in the front", met->front_repeats, 1000);
    expect_at_least("a compulsory", "miss", met->compulsory, 100);
    expect_at_least("an entry", "evicted", met->evictions, 100);
    expect_at_least("an entry", "dropped", met->dropped, 100);
    expect_at_least("an entry", "that forbids", met->forbidden, 100);
    print_message("%llu translations: %llu hits (%llu in the front), %llu of the second level, "
                  "%llu walks that began below a pointer, %llu traps\n",
                  (unsigned long long)met->translations, (unsigned long long)met->hits,
                  (unsigned long long)met->front_hits, (unsigned long long)met->l2_hits,
                  (unsigned long long)met->skipped, (unsigned long long)met->traps);
}

/* Every reason for a trap, every size. */
static void expect_variety(const struct met *met)
{
    expect_use(met);
    for (unsigned error = 0; error < MW_WALK_COUNT; error++)
        expect_at_least("walk error", mw_walk_error_name(error), met->errors[error], 20);
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        expect_at_least("a hit of", mw_page_size_name(size), met->size_hits[size], 20);
    expect_at_least("a leaf", "with N", met->napot_walks, 100);
    expect_at_least("a leaf", "with a memory type", met->typed_walks, 100);
}

static void a_hart_with_one_tlb_behaves_as_the_specification_says_under_every_policy(void **state)
{
    static const uint32_t shape[][2] = {{1, 1}, {2, 2}, {1, 16}, {8, 3}, {64, 4}};
    struct met met = {0};

    (void)state;
    for (uint64_t seed = 0; seed < times_wanted(); seed++)
        for (unsigned policy = 0; policy < MW_REPLACE_COUNT; policy++)
            for (unsigned i = 0; i < 5; i++) {
                struct mw_tlbs tlbs = unified_tlbs(shape[i][0], shape[i][1], policy);

                run(&met, &tlbs, seed << 32 | policy << 8 | i);
            }
    expect_variety(&met);
}

static void harts_of_any_geometry_behave_as_the_specification_says(void **state)
{
    struct met met = {0};
    struct prng random;

    (void)state;
    prng_seed(&random, 7);
    for (uint64_t i = 0; i < times_wanted() * GEOMETRIES; i++) {
        struct mw_tlbs tlbs = random_tlbs(&random);

        run(&met, &tlbs, prng_next(&random));
    }
    expect_variety(&met);
    expect_at_least("a hit", "of the second level", met.l2_hits, 1000);
    expect_at_least("a part", "of a translation", met.parts, 1000);
    expect_at_least("a walk", "that began below a pointer", met.skipped, 1000);
    expect_at_least("a hit", "of a prefetched entry", met.prefetch_hits, 500);
}

static void harts_of_every_preset_behave_as_the_specification_says(void **state)
{
    struct met met = {0};
    const char *machine, *source, *name;

    (void)state;
    for (uint64_t seed = 0; seed < times_wanted(); seed++)
        for (unsigned i = 0; (name = mw_tlbs_preset_name(i, &machine, &source)) != NULL; i++) {
            struct mw_tlbs tlbs;

            assert_int_equal(mw_tlbs_preset(&tlbs, name), 0);
            run(&met, &tlbs, seed << 32 | i);
        }
    expect_use(&met);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hart_with_one_tlb_behaves_as_the_specification_says_under_every_policy),
        cmocka_unit_test(harts_of_any_geometry_behave_as_the_specification_says),
        cmocka_unit_test(harts_of_every_preset_behave_as_the_specification_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
