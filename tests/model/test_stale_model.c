/*
 * Random programs in checking mode: with all its fences the kernel is never found guilty, on machines
 * where every fence matters. That the detector would notice is what the tests of single fences show.
 *
 * Processes wander between harts at random, since a translation that was left behind on another hart
 * is what fences are most easily forgotten for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/session.h"

#define STEPS 400
#define SEEDS 3

struct variant {
    const char *tlb;
    const char *walk_cache;
    uint32_t prefetch;
    uint32_t harts;
    uint32_t asid_bits;
    bool hardware_ad;
    enum mw_mode mode;
};

static const struct variant variants[] = {
    {"64x4", "none", 0, 1, 16, true, MW_MODE_SV39},
    {"two-level", "8x2", 0, 4, 16, true, MW_MODE_SV39},
    {"two-level", "4x1", 2, 3, 2, true, MW_MODE_SV48},
    {"16x2/random", "8x4", 1, 2, 0, true, MW_MODE_SV39},
    {"64x4", "none", 0, 2, 1, false, MW_MODE_SV57},
};

static struct session *begin(const struct variant *v, uint64_t seed)
{
    struct mw_config config;

    mw_config_init(&config);
    assert_int_equal(mw_config_set(&config, "tlb", v->tlb), 0);
    assert_int_equal(mw_config_set(&config, "tlb.walk-cache", v->walk_cache), 0);
    config.tlbs.prefetch = v->prefetch;
    config.harts = v->harts;
    config.asid_bits = v->asid_bits;
    config.hardware_ad = v->hardware_ad;
    config.mode = v->mode;
    config.ram_bytes = (uint64_t)64 << 20;
    config.disk_bytes = (uint64_t)8 << 20;
    config.detect_stale = true;
    workload_configure(&config);
    return session_begin(&config, seed);
}

/* One process moves to any hart. */
static void wander(struct session *s, struct prng *prng)
{
    int pid = mw_process_next(s->machine, (int)prng_below(prng, 6));

    if (pid == 0)
        pid = mw_process_next(s->machine, 0);
    if (pid > 0)
        assert_int_equal(
            mw_set_hart(s->machine, pid,
                        (unsigned)prng_below(prng, mw_machine_config(s->machine)->harts)),
            0);
}

static void run(const struct variant *v, uint64_t seed)
{
    struct session *s = begin(v, seed);
    struct mw_stale_finding finding;
    struct prng prng;
    char line[1024];

    prng_seed(&prng, seed);
    for (unsigned i = 0; i < STEPS; i++) {
        if (prng_below(&prng, 3) == 0)
            wander(s, &prng);
        session_step(s);
        if (mw_read_stale_finding(s->machine, 0, &finding) != 0)
            continue;
        mw_stale_format(&finding, line, sizeof(line));
        fail_msg("seed %llu, operation %u: %s", (unsigned long long)seed, i, line);
    }
    session_compare(s);
    session_end(s);
}

static void with_all_fences_no_program_uses_a_stale_translation(void **state)
{
    uint64_t seeds = (uint64_t)SEEDS * session_long();

    (void)state;
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
        for (uint64_t n = 0; n < seeds; n++)
            run(&variants[i], 7000 + i * 1000000 + n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_all_fences_no_program_uses_a_stale_translation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
