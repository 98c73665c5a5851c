/*
 * fsx: random operations on files, compared byte by byte with a shadow.
 *
 * Each run is a process of its own, so that one that crashes or hangs is told like one that differs;
 * and then it is made shorter, by leaving out operations as long as it still fails.
 *
 * Environment: MAPWALK_LONG=N does N times as many operations (40: ten million); MAPWALK_SEED=N
 * runs that seed alone; MAPWALK_OPS=N so many operations of it; MAPWALK_TRACE=1 prints each. An
 * argument is a pattern of the tests to run: '*memory*'.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/fsx.h"

#define RUN_OPERATIONS 6000u
#define RUN_SECONDS    300u
#define SHRINK_SECONDS 60 /* in all; MAPWALK_SHRINK=N: N, 0: not at all */

/* What parent and child share: which operations are left out, and how far the child came. */
struct shrink {
    uint64_t reached;
    uint64_t count;
    uint8_t left_out[];
};

/* ---- one run ---- */

static int run_child(const struct fsx_variant *v, uint64_t seed, struct shrink *shared)
{
    struct fsx *s = fsx_begin(v, seed);

    for (uint64_t op = 0; op < shared->count && !s->failed; op++) {
        shared->reached = op;
        if (!shared->left_out[op])
            fsx_step(s, op);
    }
    return fsx_end(s) ? 0 : 1;
}

/* True: it went well. */
static bool run(const struct fsx_variant *v, uint64_t seed, struct shrink *shared, bool quiet)
{
    char image[FSX_IMAGE];
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (quiet && freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* an assertion must not run the tests that follow */
        alarm(RUN_SECONDS);
        exit(run_child(v, seed, shared));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    fsx_image_path(image, (int)pid);
    unlink(image);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* ---- making a failing run shorter ---- */

/* Leaves [first, end) out, if it fails without. */
static bool shrink_try(const struct fsx_variant *v, uint64_t seed, struct shrink *shared,
                       uint64_t first, uint64_t end)
{
    uint8_t *before = malloc(shared->count);
    bool fails;

    assert_non_null(before);
    memcpy(before, shared->left_out, shared->count);
    memset(shared->left_out + first, 1, end - first);
    fails = !run(v, seed, shared, true);
    if (!fails)
        memcpy(shared->left_out, before, shared->count);
    free(before);
    return fails;
}

static void shrink_all(const struct fsx_variant *v, uint64_t seed, struct shrink *shared)
{
    time_t end = time(NULL) + (time_t)number_of("MAPWALK_SHRINK", SHRINK_SECONDS);
    uint64_t step;

    for (step = shared->count / 2; step > 0 && time(NULL) < end; step /= 2)
        for (uint64_t at = 0; at < shared->count && time(NULL) < end; at += step)
            if (memchr(shared->left_out + at, 0,
                       shared->count - at < step ? shared->count - at : step) != NULL)
                (void)shrink_try(v, seed, shared, at,
                                 at + step < shared->count ? at + step : shared->count);
}

/* Prints what is left, as it fails. */
static void shrink_and_show(const struct fsx_variant *v, uint64_t seed, struct shrink *shared)
{
    fprintf(stderr,
            "# repeat: MAPWALK_SEED=%llu MAPWALK_OPS=%llu model.fsx '*'; the shortest found:\n",
            (unsigned long long)seed, (unsigned long long)shared->reached + 1);
    if (number_of("MAPWALK_SHRINK", 1) == 0)
        return;
    if (shared->reached + 1 < shared->count)
        shared->count = shared->reached + 1;
    shrink_all(v, seed, shared);
    setenv("MAPWALK_TRACE", "1", 1);
    (void)run(v, seed, shared, false);
    unsetenv("MAPWALK_TRACE");
}

/* ---- many runs ---- */

static void run_seed(const struct fsx_variant *v, uint64_t seed, uint64_t operations)
{
    size_t bytes = sizeof(struct shrink) + operations;
    struct shrink *shared =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool good;

    assert_true(shared != MAP_FAILED);
    shared->count = operations;
    good = run(v, seed, shared, false);
    if (!good)
        shrink_and_show(v, seed, shared);
    munmap(shared, bytes);
    assert_true(good);
}

/* `runs` seeds of a kind; the long test, as many times as many. */
static void run_variant(const struct fsx_variant *v, unsigned runs)
{
    uint64_t seed = number_of("MAPWALK_SEED", 0);
    uint64_t operations = number_of("MAPWALK_OPS", RUN_OPERATIONS);
    uint64_t factor = number_of("MAPWALK_LONG", 1);

    if (seed != 0) {
        run_seed(v, seed, operations);
        return;
    }
    for (uint64_t n = 1; n <= runs * (factor == 0 ? 1 : factor); n++)
        run_seed(v, n, operations);
}

#define MIB ((uint64_t)1 << 20)

static void files_are_what_was_written(void **state)
{
    static const struct fsx_variant v = {
        "a disk in RAM", FSX_RAM, 32 * MIB, 64 * MIB,         96,  false,
        false,           false,   2,        MW_LATENCY_COSTS, NULL};

    (void)state;
    run_variant(&v, 10);
}

static void little_memory_changes_nothing(void **state)
{
    static const struct fsx_variant v = {"little memory",
                                         FSX_IMAGE_OURS,
                                         32 * MIB,
                                         2 * MIB,
                                         120,
                                         false,
                                         true,
                                         false,
                                         2,
                                         MW_LATENCY_SATA_SSD,
                                         NULL};

    (void)state;
    run_variant(&v, 10);
}

static void slow_disks_with_a_cache_change_nothing(void **state)
{
    static const struct fsx_variant v = {
        "a slow disk", FSX_IMAGE_OURS, 32 * MIB, 8 * MIB,        96,  false,
        true,          false,          3,        MW_LATENCY_HDD, NULL};

    (void)state;
    run_variant(&v, 8);
}

static void what_a_full_disk_refuses_changes_nothing(void **state)
{
    static const struct fsx_variant v = {
        "a full disk", FSX_IMAGE_OURS, 17 * MIB, 16 * MIB,        96,  true,
        false,         false,          2,        MW_LATENCY_NVME, NULL};

    (void)state;
    run_variant(&v, 6);
}

static void a_full_disk_without_a_journal_neither(void **state)
{
    static const struct fsx_variant v = {"a small full disk",
                                         FSX_IMAGE_OURS,
                                         2 * MIB,
                                         4 * MIB,
                                         96,
                                         true,
                                         false,
                                         false,
                                         1,
                                         MW_LATENCY_RAM,
                                         NULL};

    (void)state;
    run_variant(&v, 4);
}

static void files_may_be_large_and_full_of_holes(void **state)
{
    static const struct fsx_variant v = {
        "large files", FSX_IMAGE_OURS, 64 * MIB, 16 * MIB,           1150, false,
        true,          false,          2,        MW_LATENCY_NETWORK, NULL};

    (void)state;
    run_variant(&v, 2);
}

static void blocks_may_be_smaller_than_pages(void **state)
{
    static const struct fsx_variant v = {
        "blocks of 1 KiB", FSX_IMAGE_FOREIGN, 32 * MIB, 4 * MIB, 300, false, false, false, 2,
        MW_LATENCY_COSTS,  "-t ext3 -b 1024"};
    static const struct fsx_variant plain = {
        "ext2 of 1 KiB",  FSX_IMAGE_FOREIGN, 8 * MIB, 4 * MIB, 96, false, false, false, 1,
        MW_LATENCY_COSTS, "-t ext2 -b 1024"};

    (void)state;
    run_variant(&v, 3);
    run_variant(&plain, 2);
}

/* The machine's own checks look between the steps of an operation, too. */
static void invariants_hold_all_the_time(void **state)
{
    static const struct fsx_variant v = {
        "checked", FSX_IMAGE_OURS,      18 * MIB, 3 * MIB, 60, false, true, true,
        3,         MW_LATENCY_SATA_SSD, NULL};

    (void)state;
    run_variant(&v, 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_what_was_written),
        cmocka_unit_test(little_memory_changes_nothing),
        cmocka_unit_test(slow_disks_with_a_cache_change_nothing),
        cmocka_unit_test(what_a_full_disk_refuses_changes_nothing),
        cmocka_unit_test(a_full_disk_without_a_journal_neither),
        cmocka_unit_test(files_may_be_large_and_full_of_holes),
        cmocka_unit_test(blocks_may_be_smaller_than_pages),
        cmocka_unit_test(invariants_hold_all_the_time),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("fsx", tests, NULL, NULL);
}
