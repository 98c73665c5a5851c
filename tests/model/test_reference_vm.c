/*
 * Random operations on the machine and on the reference: every result, signal and byte must be the
 * same, whatever the paging mode, the TLB, the ASIDs, the way that A and D are set, and however
 * little memory there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/session.h"

#define STEPS         1000
#define COMPARE_EVERY 60
#define SEEDS         3 /* of each variant */

struct variant {
    enum mw_mode mode;
    const char *tlb; /* as mw_config_set reads it */
    uint32_t asid_bits;
    bool hardware_ad;
    bool check; /* the machine runs its checkers itself, after every call and fault */
};

static void configure(struct mw_config *config, const struct variant *v, uint64_t ram_bytes)
{
    mw_config_init(config);
    config->mode = v->mode;
    assert_int_equal(mw_config_set(config, "tlb", v->tlb), 0);
    config->asid_bits = v->asid_bits;
    config->hardware_ad = v->hardware_ad;
    config->check = v->check;
    config->ram_bytes = ram_bytes;
    config->disk_bytes = (uint64_t)16 << 20;
    workload_configure(config);
}

/* What happened at all, over many runs: a workload that never meets something does not test it. */
static void add_reasons(struct session *s, uint64_t by_reason[MW_REASON_COUNT])
{
    struct mw_stats stats;

    mw_stats(s->machine, &stats);
    for (unsigned i = 0; i < MW_REASON_COUNT; i++)
        by_reason[i] += stats.faults.by_reason[i];
}

static void run_variant(const struct variant *v, uint64_t seed, uint64_t by_reason[MW_REASON_COUNT])
{
    struct mw_config config;
    struct session *s;

    configure(&config, v, (uint64_t)64 << 20);
    s = session_begin(&config, seed);
    for (unsigned i = 1; i <= STEPS; i++) {
        session_step(s);
        if (i % COMPARE_EVERY == 0)
            session_compare(s);
    }
    session_compare(s);
    add_reasons(s, by_reason);
    session_end(s);
}

static void assert_met(const uint64_t by_reason[MW_REASON_COUNT], enum mw_reason reason)
{
    if (by_reason[reason] == 0)
        fail_msg("no fault was of the kind %s", mw_reason_name(reason));
}

/* Runs all variants, each with seeds of its own. */
static void run_variants(const struct variant *variants, size_t count, uint64_t first_seed)
{
    static const enum mw_reason expected[] = {
        MW_REASON_ZERO_PAGE,    MW_REASON_ANONYMOUS,  MW_REASON_FILE_MINOR,
        MW_REASON_COW_COPY,     MW_REASON_COW_REUSE,  MW_REASON_INVALID,
        MW_REASON_WRITE_NOTIFY, MW_REASON_PROTECTION, MW_REASON_BEYOND_EOF};
    uint64_t by_reason[MW_REASON_COUNT] = {0};
    uint64_t seeds = SEEDS * session_long();

    for (size_t i = 0; i < count; i++)
        for (uint64_t n = 0; n < seeds; n++)
            run_variant(&variants[i], first_seed + i * 1000000 + n, by_reason);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_met(by_reason, expected[i]);
    assert_true(by_reason[MW_REASON_OUT_OF_MEMORY] == 0);
}

static void the_machine_does_what_the_reference_does_in_every_paging_mode(void **state)
{
    static const struct variant variants[] = {{MW_MODE_SV39, "64x4", 16, true, false},
                                              {MW_MODE_SV48, "two-level", 16, true, false},
                                              {MW_MODE_SV57, "skylake", 16, true, false}};

    (void)state;
    run_variants(variants, sizeof(variants) / sizeof(variants[0]), 1);
}

static void tlb_geometry_and_asids_change_nothing_that_a_program_sees(void **state)
{
    static const struct variant variants[] = {{MW_MODE_SV39, "1x1", 16, true, false},
                                              {MW_MODE_SV39, "4x2", 0, true, false},
                                              {MW_MODE_SV48, "openc910", 1, true, false},
                                              {MW_MODE_SV39, "rocket", 0, true, false}};

    (void)state;
    run_variants(variants, sizeof(variants) / sizeof(variants[0]), 11);
}

static void a_and_d_set_by_traps_change_nothing_that_a_program_sees(void **state)
{
    static const struct variant variants[] = {{MW_MODE_SV39, "64x4", 16, false, false},
                                              {MW_MODE_SV57, "4x2/clock", 1, false, false}};

    (void)state;
    run_variants(variants, sizeof(variants) / sizeof(variants[0]), 21);
}

/*
 * The machine's own checks also run between the two faults of one access, where a session does not
 * look.
 */
static void invariants_hold_inside_of_operations_too(void **state)
{
    static const struct variant checked = {MW_MODE_SV39, "4x2", 1, true, true};
    uint64_t by_reason[MW_REASON_COUNT] = {0};

    (void)state;
    for (uint64_t n = 0; n < session_long(); n++)
        run_variant(&checked, 31 + n, by_reason);
}

/* ---- little memory ---- */

#define SCARCE_FRAMES 260
#define SCAN_PAGES    300 /* of a file that nobody maps: it fills every frame that is free */

static void make_scan_file(struct session *s)
{
    static const uint8_t page[PAGE_BYTES] = {1};
    uint8_t *bytes = calloc(SCAN_PAGES, PAGE_BYTES);

    assert_non_null(bytes);
    for (unsigned i = 0; i < SCAN_PAGES; i++)
        memset(bytes + i * PAGE_BYTES, page[0] + (int)i, PAGE_BYTES);
    assert_int_equal(mw_file_put(s->machine, "/scan", bytes, SCAN_PAGES * PAGE_BYTES), 0);
    free(bytes);
}

static void scan_some(struct session *s)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t page = prng_below(&s->workload.prng, SCAN_PAGES);
        uint8_t byte = 0;

        assert_int_equal(mw_file_get(s->machine, "/scan", page * PAGE_BYTES + 77, &byte, 1), 1);
        assert_int_equal(byte, (uint8_t)(1 + page));
    }
}

static void run_scarce(const struct variant *v, uint64_t seed)
{
    struct mw_config config;
    struct mw_stats stats;
    struct session *s;

    configure(&config, v, SCARCE_FRAMES * PAGE_BYTES);
    s = session_begin(&config, seed);
    s->workload.frames = SCARCE_FRAMES;
    s->workload.avoid_tails = true;
    make_scan_file(s);
    for (unsigned i = 1; i <= STEPS; i++) {
        scan_some(s);
        session_step(s);
        if (i % COMPARE_EVERY == 0)
            session_compare(s);
    }
    mw_stats(s->machine, &stats);
    assert_true(stats.cache.evicted > 100);
    assert_true(stats.faults.by_reason[MW_REASON_FILE_MAJOR] > 0);
    session_end(s);
}

static void eviction_changes_nothing_that_a_program_sees(void **state)
{
    static const struct variant variants[] = {
        {MW_MODE_SV39, "64x4", 16, true, false},
        {MW_MODE_SV48, "xiangshan-kunminghu", 1, false, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
        for (uint64_t n = 0; n < 2 * (uint64_t)session_long(); n++)
            run_scarce(&variants[i], 41 + i * 1000000 + n);
}

/* ---- failing memory ---- */

static void an_operation_that_finds_no_memory_changes_nothing(void **state)
{
    static const struct variant v = {MW_MODE_SV39, "4x2", 16, true, false};

    (void)state;
    for (uint64_t n = 0; n < 2 * (uint64_t)session_long(); n++) {
        struct mw_config config;
        struct session *s;

        configure(&config, &v, (uint64_t)64 << 20);
        s = session_begin(&config, 51 + n);
        for (unsigned i = 0; i < STEPS; i++)
            session_step_without_memory(s);
        session_compare(s);
        session_end(s);
    }
}

/* An argument is a pattern of the tests to run: '*evict*'. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_does_what_the_reference_does_in_every_paging_mode),
        cmocka_unit_test(tlb_geometry_and_asids_change_nothing_that_a_program_sees),
        cmocka_unit_test(a_and_d_set_by_traps_change_nothing_that_a_program_sees),
        cmocka_unit_test(invariants_hold_inside_of_operations_too),
        cmocka_unit_test(eviction_changes_nothing_that_a_program_sees),
        cmocka_unit_test(an_operation_that_finds_no_memory_changes_nothing),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
