/*
 * The differ: random scenarios agree; a difference is found, shrunk to its cause, and written.
 */
#include "oracle/fuzz_seeds.h"

/* Fills in what every test here has in common. */
static struct mw_fuzz_options fuzz_options(struct oracle *o, const char *file)
{
    oracle_need_host();
    oracle_init(o);
    return (struct mw_fuzz_options){
        .config = &o->config, .seed = 5, .operations = 4000, .processes = 3, .file = file};
}

/* The first half of the fixed seeds; test_fuzz_second.c has the other, so that two run at a time. */
static void random_scenarios_agree(void **state)
{
    (void)state;
    fuzz_seeds_agree(1, FUZZ_SEEDS / 2, "oracle-fuzz.mw");
}

/* The checkers look at everything after each operation; the kernel agrees all the same. */
static void random_scenarios_agree_under_the_checkers(void **state)
{
    struct oracle o;
    struct mw_fuzz_options options = fuzz_options(&o, "oracle-fuzz-checked.mw");
    struct mw_fuzz_result result;

    (void)state;
    if (!oracle_is_reference())
        skip();
    o.config.check = true;
    options.seed = 77;
    assert_int_equal(mw_fuzz(&options, &result), 0);
    assert_int_equal(result.lines, 0);
}

/* The simulator refuses the lower half of the window: one fixed mapping there is enough to see it. */
static void a_difference_is_shrunk_to_its_cause_and_written(void **state)
{
    char path[] = "/tmp/oracle-fuzz-XXXXXX";
    int fd = mkstemp(path);
    struct oracle o;
    struct mw_fuzz_options options = fuzz_options(&o, path);
    struct mw_fuzz_result result;

    (void)state;
    assert_int_not_equal(fd, -1);
    close(fd);
    o.config.mmap_min_addr = 0x1000020000;
    options.calls = "mmap";
    assert_int_equal(mw_fuzz(&options, &result), 0);
    assert_true(result.lines >= 2 && result.lines <= 4);
    assert_int_equal(result.difference.line, result.lines);
    assert_string_equal(result.difference.simulator, "-1 EPERM");
    /* What was written has Linux's results: it fails on this simulator, and on no other engine. */
    assert_int_equal(oracle_run_file(&o, MW_ON_LINUX, path), 0);
    assert_string_equal(o.said, "");
    assert_true(o.result.expectations > 0);
    assert_int_equal(oracle_run_file(&o, MW_ON_BOTH, path), 0);
    assert_string_equal(o.result.difference.simulator, "-1 EPERM");
    unlink(path);
}

static void the_same_seed_finds_the_same(void **state)
{
    struct oracle o;
    struct mw_fuzz_options options = fuzz_options(&o, "/dev/null");
    struct mw_fuzz_result first;
    struct mw_fuzz_result second;

    (void)state;
    o.config.mmap_min_addr = 0x1000020000;
    assert_int_equal(mw_fuzz(&options, &first), 0);
    assert_int_equal(mw_fuzz(&options, &second), 0);
    assert_true(first.lines > 0);
    assert_int_equal(first.scripts, second.scripts);
    assert_int_equal(first.lines, second.lines);
    assert_string_equal(first.difference.native, second.difference.native);
}

static void a_file_that_cannot_be_written_is_an_error(void **state)
{
    struct oracle o;
    struct mw_fuzz_options options = fuzz_options(&o, "/nonexistent/found.mw");
    struct mw_fuzz_result result;

    (void)state;
    o.config.mmap_min_addr = 0x1000020000;
    assert_int_equal(mw_fuzz(&options, &result), -ENOENT);
    options.file = "/dev/full";
    assert_int_equal(mw_fuzz(&options, &result), -ENOSPC);
    options.processes = 9;
    assert_int_equal(mw_fuzz(&options, &result), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_scenarios_agree),
        cmocka_unit_test(random_scenarios_agree_under_the_checkers),
        cmocka_unit_test(a_difference_is_shrunk_to_its_cause_and_written),
        cmocka_unit_test(the_same_seed_finds_the_same),
        cmocka_unit_test(a_file_that_cannot_be_written_is_an_error),
    };

    return oracle_end(cmocka_run_group_tests(tests, NULL, NULL), true);
}
