/*
 * Runs as such: strace's logs, machines that are too small, formats, determinism, progress.
 */
#include "unit/load/world.h"

#include "base/prng.h"

/* ---- too little memory ---- */

static void a_machine_without_frames_skips_what_its_process_would_do(void **state)
{
    char text[16384] = "==5== Lackey\n S 1fff0006f8,8\n";
    struct world w;

    (void)state;
    for (unsigned page = 0; page < 256; page++)
        sprintf(text + strlen(text), " S %08x,8\n", 0x10000000 + page * 4096);
    strcat(text, "rubbish\n S 1fff0006f8,8\nSYSCALL[5,1](231) exit_group( 0 ) --> [pre-success] "
                 "Success(0x0)\n");
    world_config(&w, MW_FORMAT_LACKEY);
    w.config.ram_bytes = 64 * 4096;
    w.config.disk_bytes = 4 << 20;
    world_start(&w);
    assert_int_equal(world_run_text(&w, text), 0);
    assert_int_equal(w.result.out_of_memory, 1);
    assert_int_equal(w.result.accesses, 258);
    assert_int_equal(w.result.signals, 0);
    assert_non_null(
        strstr(w.said, "no frame is left, which kills it; its later accesses are skipped"));
    assert_non_null(strstr(w.said, "not a line of lackey's log"));
    assert_int_equal(mw_process_next(w.machine, 0), 0);
    world_end(&w);
}

static void a_full_disk_is_counted(void **state)
{
    struct world w;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    w.config.disk_bytes = 2 << 20;
    world_start(&w);
    assert_int_equal(
        world_run_text(&w, "==5== Lackey\n"
                           "SYSCALL[5,1](2) sys_open ( 0x5000(/a), 0 )[sync] --> Success(0x3)\n"
                           "SYSCALL[5,1](9) sys_mmap ( 0x100000, 16777216, 1, 2, 3, 0 )[sync] --> "
                           "Success(0x100000)\n"),
        0);
    assert_int_equal(w.result.out_of_memory, 1);
    assert_non_null(strstr(w.said, "the simulated disk is full"));
    world_end(&w);
}

/* Runs files with the n-th allocation failing, for every n until none does. */
static void with_each_allocation_failing(enum mw_format format, const char *const *files,
                                         unsigned count)
{
    uint64_t n = 0;
    unsigned unharmed = 0; /* runs in a row; a failure that is made good is no end yet */

    while (unharmed < 16) {
        struct world w;
        bool failed;
        int err;

        world_config(&w, format);
        w.config.check = false;
        world_start(&w);
        mw_fail_allocation(w.machine, ++n);
        err = world_run(&w, files, count);
        mw_fail_allocation(w.machine, 0);
        if (err != 0)
            assert_int_equal(err, -ENOMEM);
        failed = err != 0 || w.result.out_of_memory > 0 || w.result.lines_bad > 0 ||
                 w.result.signals > 0 || w.result.calls_differing > 0;
        unharmed = failed ? 0 : unharmed + 1;
        world_end(&w);
        assert_true(n < 2000);
    }
    assert_true(n > 30);
}

static void every_allocation_may_fail(void **state)
{
    static const char *const family[] = {DATA "parent.lackey", DATA "child.lackey"};
    static const char *const strace[] = {DATA "family.strace"};
    static const char *const each[] = {DATA "each.300", DATA "each.301"};

    (void)state;
    with_each_allocation_failing(MW_FORMAT_LACKEY, family, 2);
    with_each_allocation_failing(MW_FORMAT_STRACE, strace, 1);
    with_each_allocation_failing(MW_FORMAT_STRACE, each, 2);
}

/* ---- strace ---- */

static void halves_threads_and_children_of_strace_are_put_together(void **state)
{
    const char *file = DATA "family.strace";
    struct world w;

    (void)state;
    world_config(&w, MW_FORMAT_STRACE);
    world_start(&w);
    assert_int_equal(world_run(&w, &file, 1), 0);
    assert_string_equal(w.said, "");
    assert_int_equal(w.result.format, MW_FORMAT_STRACE);
    assert_string_equal(w.events,
                        "new 200 exec 200 new 201 exec 201 exit 201 new 202 exit 202 exit 200 ");
    assert_int_equal(w.result.addresses_checked, 2);
    assert_int_equal(w.result.addresses_equal, 2);
    assert_int_equal(w.result.calls_differing, 0);
    assert_int_equal(w.result.calls_skipped, 2);
    world_end(&w);
}

static void one_file_a_process_is_one_tree_too(void **state)
{
    static const char *const orders[2][2] = {{DATA "each.300", DATA "each.301"},
                                             {DATA "each.301", DATA "each.300"}};
    struct world w;

    (void)state;
    for (int order = 0; order < 2; order++) {
        world_config(&w, MW_FORMAT_STRACE);
        world_start(&w);
        assert_int_equal(world_run(&w, orders[order], 2), 0);
        assert_string_equal(w.said, "");
        assert_string_equal(w.events, "new 300 exec 300 new 301 exit 301 exit 300 ");
        assert_int_equal(w.result.addresses_equal, 1);
        assert_int_equal(w.result.calls_differing, 0);
        world_end(&w);
    }
}

static void the_image_that_exec_mapped_is_learnt_from_the_first_address(void **state)
{
    struct world w;
    struct mw_vma area;

    (void)state;
    world_config(&w, MW_FORMAT_STRACE);
    world_start(&w);
    assert_int_equal(
        world_run_text(
            &w, "execve(\"/bin/x\", [\"x\"], 0x7ffe) = 0\n"
                "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000\n"
                "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
                "0x7ffff7fbf000\n"),
        0);
    assert_int_equal(w.result.addresses_checked, 1);
    assert_int_equal(w.result.addresses_equal, 1);
    assert_int_equal(mw_vma_next(w.machine, mw_process_next(w.machine, 0), 0x7ffff7fc2000, &area),
                     0);
    assert_true(area.implicit);
    assert_int_equal(area.start, 0x7ffff7fc2000);
    assert_int_equal(area.end, 0x7ffff7fff000);
    world_end(&w);
}

static void what_is_wrong_with_a_log_of_strace_is_told(void **state)
{
    struct world w;

    (void)state;
    strace_text(&w, "execve(\"/bin/x\", [\"x\"], 0x7ffe) = 0\n"
                    "mmap(NULL, 8192\n"
                    "<... read resumed>\"\", 1) = 1\n"
                    "read(3, \"\", 1)\n"
                    "munmap(0x1000) = 0\n"
                    "99999999999 getpid() = 1\n"
                    "getpid() = 1");
    assert_int_equal(w.result.lines, 7);
    assert_int_equal(w.result.lines_bad, 6);
    assert_string_equal(w.said,
                        "log:2: column 12: the list of arguments is not closed\n"
                        "log:0: 6 lines were not understood; the first is reported above\n");
}

static void random_changes_of_a_log_of_strace_are_survived(void **state)
{
    char original[8192];
    char text[8192];
    size_t length = read_data("family.strace", original, sizeof(original));
    struct prng prng;

    (void)state;
    prng_seed(&prng, 4);
    for (unsigned round = 0; round < 300; round++) {
        struct world w;

        memcpy(text, original, length);
        for (unsigned change = 0; change < 1 + round % 20; change++)
            text[72 + prng_below(&prng, length - 72)] =
                round % 2 == 0 ? (char)prng_next(&prng)
                               : "0123456789abcdefx,( )[]<>=-\n"[prng_below(&prng, 28)];
        world_config(&w, MW_FORMAT_STRACE);
        world_start(&w);
        assert_int_equal(world_run_bytes(&w, text, length), 0);
        world_end(&w);
    }
}

/* ---- the run ---- */

static void formats_are_not_mixed(void **state)
{
    const char *const files[] = {DATA "parent.lackey", DATA "family.strace"};
    const char *const scenarios[] = {
        MAPWALK_SOURCE_DIR "/tests/behaviour/anonymous_memory_is_zero.mw",
        MAPWALK_SOURCE_DIR "/tests/behaviour/anonymous_memory_is_zero.mw"};
    const char *const missing[] = {DATA "parent.lackey", DATA "missing"};
    struct world w;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(world_run(&w, files, 2), -EINVAL);
    assert_int_equal(world_run(&w, scenarios, 2), -EINVAL);
    assert_int_equal(world_run(&w, missing, 2), -ENOENT);
    assert_int_equal(world_run(&w, files, 0), -EINVAL);
    assert_int_equal(world_run_text(&w, "hello\n"), -ENOEXEC);
    assert_int_equal(w.result.lines, 0);
    world_end(&w);
}

static void the_same_logs_give_the_same_machine(void **state)
{
    static const char *const files[] = {DATA "parent.lackey", DATA "child.lackey"};
    uint64_t hashes[2];

    (void)state;
    for (int run = 0; run < 2; run++) {
        struct world w;

        world_config(&w, MW_FORMAT_LACKEY);
        world_start(&w);
        w.options.quantum_lines = 3;
        if (run == 1)
            w.options.diagnose = NULL; /* who listens changes nothing */
        assert_int_equal(world_run(&w, files, 2), 0);
        hashes[run] = mw_state_hash(w.machine);
        world_end(&w);
    }
    assert_int_equal(hashes[0], hashes[1]);
}

static void note_progress(void *context, uint64_t bytes_done, uint64_t lines_done)
{
    struct world *w = context;

    w->progress++;
    assert_true(lines_done >= 1000000 && bytes_done > lines_done);
}

static void long_runs_tell_their_progress(void **state)
{
    static const char line[] = "I  00400000,4\n";
    size_t lines = 2100000;
    char *text = malloc(lines * (sizeof(line) - 1));
    struct world w;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < lines; i++)
        memcpy(text + i * (sizeof(line) - 1), line, sizeof(line) - 1);
    world_config(&w, MW_FORMAT_LACKEY);
    w.config.check = false;
    w.options.progress = note_progress;
    world_start(&w);
    assert_int_equal(world_run_bytes(&w, text, lines * (sizeof(line) - 1)), 0);
    assert_int_equal(w.progress, 2);
    assert_int_equal(w.result.lines, lines);
    assert_int_equal(w.result.accesses, lines);
    world_end(&w);
    free(text);
}

/* ---- harts ---- */

static void a_scenario_asks_where_its_processes_run_and_moves_them(void **state)
{
    struct world w;

    (void)state;
    world_config(&w, MW_FORMAT_SCENARIO);
    w.config.harts = 2;
    world_start(&w);
    assert_int_equal(
        world_run_text(&w,
                       "p = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, "
                       "0)\nhart() = 0\nc = fork()\n[c] hart() = 1\nstore(p, 8, 7) = 0\n"
                       "set_hart(1) = 0\nload(p, 8) = 7\nhart() = 1\n[c] set_hart(0) = 0\n"
                       "[c] load(p, 8) = 0\nset_hart(2) = -1 EINVAL\nset_hart(-1) = -1 EINVAL\n"
                       "set_hart(1<<32) = -1 EINVAL\nhart() = 1\n"),
        0);
    assert_string_equal(w.said, "");
    assert_int_equal(w.result.expectations_failed, 0);
    assert_int_equal(w.result.expectations, 12);
    assert_int_equal(w.result.calls_replayed, 2); /* directives are no calls */
    world_end(&w);
}

struct places {
    uint64_t harts; /* bit per hart on which a miss was met */
    uint64_t hash;  /* of which hart ran which process, in order */
};

static void note_place(void *context, const struct mw_event *e)
{
    struct places *places = context;

    places->harts |= (uint64_t)1 << e->hart;
    places->hash = prng_mix(places->hash ^ (uint64_t)e->pid << 16 ^ e->hart);
}

static struct places run_family(uint32_t harts, uint32_t migrate, uint64_t seed,
                                uint64_t *state_hash)
{
    static const char *const files[] = {DATA "parent.lackey", DATA "child.lackey"};
    struct places places = {0};
    struct world w;

    world_config(&w, MW_FORMAT_LACKEY);
    w.config.harts = harts;
    w.config.migrate = migrate;
    w.config.seed = seed;
    w.config.asid_bits = 1;
    w.options.quantum_lines = 2;
    world_start(&w);
    assert_int_equal(mw_subscribe(w.machine, MW_EVENT_BIT(MW_EVENT_TLB_MISS), note_place, &places),
                     0);
    assert_int_equal(world_run(&w, files, 2), 0);
    *state_hash = mw_state_hash(w.machine);
    world_end(&w);
    return places;
}

static void logs_run_on_all_harts_and_migrate_as_the_seed_says(void **state)
{
    uint64_t one, still, moved, again, other;
    struct places at_one = run_family(1, 1, 5, &one);
    struct places at_still = run_family(4, 0, 5, &still);
    struct places at_moved = run_family(4, 1, 5, &moved);
    struct places at_again = run_family(4, 1, 5, &again);
    struct places at_other = run_family(4, 1, 6, &other);

    (void)state;
    assert_int_equal(at_one.harts, 1);
    assert_int_equal(at_still.harts, 3); /* two processes, one hart each */
    assert_int_equal(at_moved.harts, 15);
    assert_true(at_again.hash == at_moved.hash);
    assert_true(at_other.hash != at_moved.hash);
    /* Where a process runs is nothing that it could see. */
    assert_true(still == one && moved == one && again == one && other == one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_frames_skips_what_its_process_would_do),
        cmocka_unit_test(a_full_disk_is_counted),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(halves_threads_and_children_of_strace_are_put_together),
        cmocka_unit_test(one_file_a_process_is_one_tree_too),
        cmocka_unit_test(the_image_that_exec_mapped_is_learnt_from_the_first_address),
        cmocka_unit_test(what_is_wrong_with_a_log_of_strace_is_told),
        cmocka_unit_test(random_changes_of_a_log_of_strace_are_survived),
        cmocka_unit_test(formats_are_not_mixed),
        cmocka_unit_test(the_same_logs_give_the_same_machine),
        cmocka_unit_test(long_runs_tell_their_progress),
        cmocka_unit_test(a_scenario_asks_where_its_processes_run_and_moves_them),
        cmocka_unit_test(logs_run_on_all_harts_and_migrate_as_the_seed_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
