/*
 * Runs the differ for fixed seeds. See fuzz_seeds.h.
 */
#include "oracle/fuzz_seeds.h"

/* How many times as long: MAPWALK_LONG, 1 without it. */
static uint64_t fuzz_long(void)
{
    const char *text = getenv("MAPWALK_LONG");
    uint64_t times = text == NULL ? 1 : strtoull(text, NULL, 10);

    return times == 0 ? 1 : times;
}

static void fuzz_seed_agrees(const struct mw_fuzz_options *options)
{
    struct mw_fuzz_result result;

    assert_int_equal(mw_fuzz(options, &result), 0);
    if (result.lines != 0)
        fprintf(stderr, "seed %" PRIu64 ", %s: %s: simulator %s, Linux %s\n", options->seed,
                options->file, result.difference.what, result.difference.simulator,
                result.difference.native);
    assert_int_equal(result.lines, 0);
    assert_int_equal(result.refused, 0);
    assert_int_equal(result.operations, options->operations);
}

void fuzz_seeds_agree(unsigned first, unsigned last, const char *file)
{
    struct oracle o;
    struct mw_fuzz_options options = {.config = &o.config, .file = file};

    oracle_need_host();
    oracle_init(&o);
    if (!oracle_is_reference())
        skip();
    options.operations = FUZZ_OPERATIONS * fuzz_long();
    for (options.seed = first; options.seed <= last; options.seed++) {
        options.processes = 1 + (unsigned)options.seed % 4;
        fuzz_seed_agrees(&options);
    }
}
