/*
 * The random operations of test_reference_vm.c on several harts, among which processes move about:
 * every result, signal and byte must be the reference's, however few ASIDs there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model/session.h"

#define STEPS         800
#define COMPARE_EVERY 80

struct variant {
    const char *tlb; /* as mw_config_set reads it */
    const char *walk_cache;
    uint32_t harts;
    uint32_t asid_bits;
    bool hardware_ad;
};

static void configure(struct mw_config *config, const struct variant *v)
{
    mw_config_init(config);
    assert_int_equal(mw_config_set(config, "tlb", v->tlb), 0);
    assert_int_equal(mw_config_set(config, "tlb.walk-cache", v->walk_cache), 0);
    config->tlbs.prefetch = v->harts % 2;
    config->harts = v->harts;
    config->asid_bits = v->asid_bits;
    config->hardware_ad = v->hardware_ad;
    config->ram_bytes = (uint64_t)64 << 20;
    config->disk_bytes = (uint64_t)16 << 20;
    workload_configure(config);
}

/* Adds up what the machines counted. */
static void run_variant(const struct variant *v, uint64_t seed, struct mw_stats *sum)
{
    struct mw_config config;
    struct mw_stats stats;
    struct session *s;

    configure(&config, v);
    s = session_begin(&config, seed);
    for (unsigned i = 1; i <= STEPS; i++) {
        session_step(s);
        if (i % COMPARE_EVERY == 0)
            session_compare(s);
    }
    session_compare(s);
    mw_stats(s->machine, &stats);
    sum->other.ipis += stats.other.ipis;
    sum->other.asid_rollovers += stats.other.asid_rollovers;
    sum->walks.references += stats.walks.references;
    sum->walker.cache_dropped += stats.walker.cache_dropped;
    session_end(s);
}

static void on_which_harts_processes_run_is_nothing_that_they_see(void **state)
{
    static const struct variant variants[] = {{"64x4", "none", 4, 16, true},
                                              {"two-level", "1x8", 2, 0, true},
                                              {"4x2", "1x4", 3, 1, false},
                                              {"two-level", "1x8", 2, 1, true},
                                              {"4x2/plru", "2x2", 4, 2, true}};
    struct mw_stats sum = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
        for (uint64_t n = 0; n < 2 * (uint64_t)session_long(); n++)
            run_variant(&variants[i], 61 + i * 1000000 + n, &sum);
    /* All that they are about has happened. */
    assert_true(sum.other.ipis > 100);
    assert_true(sum.other.asid_rollovers > 10);
    assert_true(sum.walker.cache_dropped > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_which_harts_processes_run_is_nothing_that_they_see),
    };

    return cmocka_run_group_tests_name("harts_model", tests, NULL, NULL);
}
