/*
 * Every scenario of this folder, one test each: NAME.mw is one rule of mmap or of what surrounds
 * it, its results those of Linux. The lessons of tools/lessons. And the executor itself: what it
 * says of scenarios that are wrong.
 *
 * All run with the checkers on after every call and fault.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <mapwalk/run.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCENARIOS_MOST 256
#define RAM_BYTES      ((uint64_t)64 << 20)
#define FOLDER         MAPWALK_SOURCE_DIR "/tests/behaviour"
#define LESSONS        MAPWALK_SOURCE_DIR "/tools/lessons"

/* What a run said, one "LINE FAIL? TEXT" after the other. */
struct said {
    char text[4096];
    size_t length;
};

static void note(void *context, const struct mw_diagnostic *d)
{
    struct said *said = context;
    int count = snprintf(said->text + said->length, sizeof(said->text) - said->length,
                         "%" PRIu64 ": %s%s\n", d->line, d->failure ? "FAIL " : "", d->text);

    ck_assert(count > 0);
    said->length += (size_t)count;
    if (said->length >= sizeof(said->text))
        said->length = sizeof(said->text) - 1;
}

/* With more than one hart, everything else about translation is unusual, too. */
static struct mw_machine *new_machine(uint64_t ram_bytes, uint32_t harts)
{
    struct mw_config config;
    struct mw_machine *machine;

    mw_config_init(&config);
    config.check = true;
    config.ram_bytes = ram_bytes;
    config.overcommit = 1;
    config.disk_bytes = 16 << 20;
    config.harts = harts;
    if (harts > 1) {
        config.asid_bits = 1;
        ck_assert_int_eq(mw_config_set(&config, "tlb", "two-level"), 0);
        ck_assert_int_eq(mw_config_set(&config, "tlb.walk-cache", "1x8"), 0);
        ck_assert_int_eq(mw_config_set(&config, "tlb.prefetch", "1"), 0);
    }
    ck_assert_int_eq(mw_machine_new(&config, &machine), 0);
    return machine;
}

/* Runs one file in a machine of its own, which must be sound afterwards. */
static int run_file(const char *path, uint64_t ram_bytes, uint32_t harts,
                    struct mw_run_result *result, struct said *said)
{
    struct mw_machine *machine = new_machine(ram_bytes, harts);
    struct mw_run_options options = {.diagnose = note, .context = said};
    int err;

    *said = (struct said){"", 0};
    err = mw_run(machine, &path, 1, &options, result);
    ck_assert(mw_check(machine));
    ck_assert_int_eq(mw_machine_free(machine), 0);
    return err;
}

static int run_text_in(const char *text, uint64_t ram_bytes, struct mw_run_result *result,
                       struct said *said)
{
    char path[] = "/tmp/mapwalk-scenario-XXXXXX";
    int fd = mkstemp(path);
    int err;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    err = run_file(path, ram_bytes, 1, result, said);
    unlink(path);
    return err;
}

static int run_text(const char *text, struct mw_run_result *result, struct said *said)
{
    return run_text_in(text, RAM_BYTES, result, said);
}

/* ---- the scenarios ---- */

static int is_scenario(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 3 && strcmp(entry->d_name + length - 3, ".mw") == 0;
}

/* The names, sorted; their number. */
static int list_scenarios(struct dirent ***names)
{
    int count = scandir(FOLDER, names, is_scenario, alphasort);

    if (count < 0 || count > SCENARIOS_MOST) {
        fprintf(stderr, "cannot list %s\n", FOLDER);
        exit(1);
    }
    return count;
}

/*
 * The lessons, each as a reader runs it. On Linux they are told as well (oracle.scenarios), but for
 * what only the simulator can do.
 */
START_TEST(a_lesson_holds_what_it_tells)
{
    struct dirent **names;
    struct mw_run_result result;
    struct said said;
    char path[512];
    int count = scandir(LESSONS, &names, is_scenario, alphasort);

    ck_assert_int_ge(count, 10);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", LESSONS, names[i]->d_name);
        free(names[i]);
        ck_assert_int_eq(run_file(path, RAM_BYTES, 1, &result, &said), 0);
        ck_assert_msg(said.length == 0, "%s:\n%s", path, said.text);
        ck_assert_uint_gt(result.expectations, 0);
    }
    free(names);
}
END_TEST

/* Runs a scenario that behaves, and asserts that the detector has nothing to say. */
static void run_fenced(const char *path, const struct mw_config *config)
{
    const char *files[] = {path};
    struct mw_stale_finding finding;
    struct mw_run_result result;
    struct mw_machine *machine;
    char line[1024] = "";

    ck_assert_int_eq(mw_machine_new(config, &machine), 0);
    ck_assert_int_eq(mw_run(machine, files, 1, &(struct mw_run_options){0}, &result), 0);
    ck_assert_uint_eq(result.expectations_failed, 0);
    if (mw_read_stale_finding(machine, 0, &finding) == 0)
        mw_stale_format(&finding, line, sizeof(line));
    ck_assert_msg(line[0] == '\0', "%s: %s", path, line);
    ck_assert_int_eq(mw_machine_free(machine), 0);
}

START_TEST(a_scenario_behaves_as_linux_does)
{
    struct dirent **names;
    struct mw_run_result result;
    struct said said;
    char path[512];
    int count = list_scenarios(&names);

    ck_assert_int_lt(_i, count);
    snprintf(path, sizeof(path), "%s/%s", FOLDER, names[_i]->d_name);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    for (uint32_t harts = 1; harts <= 3; harts += 2) {
        ck_assert_int_eq(run_file(path, RAM_BYTES, harts, &result, &said), 0);
        ck_assert_msg(said.length == 0, "%s:\n%s", path, said.text);
        ck_assert_int_eq(result.format, MW_FORMAT_SCENARIO);
        ck_assert_uint_gt(result.expectations, 3);
        ck_assert_uint_eq(result.expectations_failed, 0);
        ck_assert_uint_eq(result.lines_bad, 0);
        ck_assert_uint_eq(result.signals, 0);
    }
}
END_TEST

/* Machines on which every fence matters. */
static const char *const fenced[][2] = {
    {"tlb", "two-level"}, {"tlb.walk-cache", "8x2"}, {"harts", "3"}, {"asid-bits", "2"},
    {"asid-bits", "0"},   {"hardware-ad", "no"},     {"harts", "1"}, {"tlb.prefetch", "2"},
};

/* No fence is missing: each machine has the settings of those before it, and one more. */
START_TEST(a_scenario_uses_no_stale_translation)
{
    struct dirent **names;
    struct mw_config config;
    char path[512];
    int count = list_scenarios(&names);

    ck_assert_int_lt(_i, count);
    snprintf(path, sizeof(path), "%s/%s", FOLDER, names[_i]->d_name);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    mw_config_init(&config);
    config.detect_stale = true;
    config.ram_bytes = RAM_BYTES;
    config.disk_bytes = 16 << 20;
    for (size_t i = 0; i < sizeof(fenced) / sizeof(fenced[0]); i++) {
        ck_assert_int_eq(mw_config_set(&config, fenced[i][0], fenced[i][1]), 0);
        run_fenced(path, &config);
    }
}
END_TEST

/* ---- the executor ---- */

#define MAP "p = mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n"

struct wrong {
    const char *text;
    const char *said; /* all of it */
    uint64_t failed;
    uint64_t bad;
};

static const struct wrong wrongs[] = {
    {MAP "load(p, 8) = 1\nload(p, 8) = 0\n", "2: FAIL load: expected 0x1, got 0\n", 1, 0},
    {MAP "load(p+8192, 8)\n",
     "2: FAIL load: expected success, got SIGSEGV SEGV_MAPERR at 0x3ff8000000\n", 1, 0},
    {MAP "load(p, 8) = SIGSEGV\n", "2: FAIL load: expected SIGSEGV , got 0\n", 1, 0},
    {MAP "load(p+8192, 8) = SIGBUS BUS_ADRERR\n",
     "2: FAIL load: expected SIGBUS BUS_ADRERR, got SIGSEGV SEGV_MAPERR at 0x3ff8000000\n", 1, 0},
    {MAP "store(p, 3, \"a\\\"c\")\nload(p, 3) = \"abc\"\nload(p, 9) = 1\n",
     "3: FAIL load: expected \"abc\", got 0x632261\n4: FAIL load: expected 0x1, got "
     "\"a\\x22c\\x00\\x00\\x00\\x00\\x00\\x00\"\n",
     2, 0},
    {"munmap(1, 1)\n", "1: FAIL munmap: expected success, got -1 EINVAL\n", 1, 0},
    {"munmap(1, 1) = -1 ENOMEM\n", "1: FAIL munmap: expected -1 ENOMEM, got -1 EINVAL\n", 1, 0},
    {"munmap(1, 1) = -1\nmunmap(1, 1) = ?\n", "", 0, 0},
    {"getpid() = 2", "1: FAIL getpid: expected 2, got 1\n", 1, 0},
    {"frob(1)\ngetpid() = 1\n", "1: unknown call 'frob'\n", 0, 1},
    {"load(q, 1)\n", "1: column 6: unknown name 'q'\n", 0, 1},
    {"load(1\n", "1: column 7: expected ',' or ')'\n", 0, 1},
    {"mmap(1)\n", "1: mmap: argument 2 is missing\n", 0, 1},
    {"munmap(1, \"x\")\n", "1: munmap: argument 2 is not a number\n", 0, 1},
    {"open(5, 0)\n", "1: open: argument 1 is not a path in quotes\n", 0, 1},
    {"getpid(1)\n", "1: getpid takes no more than 0 arguments\n", 0, 1},
    {"getpid()\n7 getpid()\n", "2: there is no process 7, or it has ended\n", 0, 1},
    {"getpid()\n[c] getpid()\n", "2: 'c' is no process\n", 0, 1},
    {"load(0, 4097)\n", "1: load moves 1 to 4096 bytes, not 4097\n", 0, 1},
    {"store(0, 2, \"abc\")\n", "1: the string has 3 bytes, more than 2\n", 0, 1},
    {"NULL = getpid()\n", "1: NULL is a constant and cannot name a result\n", 0, 1},
    {"c = fork()\nwait4(c, NULL, 0, NULL)\nwait4(c, NULL, WNOHANG, NULL) = 0\n",
     "2: wait4 would wait for ever: no such child has ended yet\n", 0, 1},
    {"clone(child_stack=NULL, flags=CLONE_VM|CLONE_SIGHAND|CLONE_THREAD)\n",
     "1: clone: threads (CLONE_THREAD) are not simulated\n", 0, 1},
    {"clone(CLONE_VM|SIGUSR1)\n", "1: clone: the signal to the parent is SIGCHLD or none\n", 0, 1},
    {"c = vfork() = 9\nbrk(0)\n[c] exit(0)\nbrk(0)\n",
     "2: process 1 waits until its vfork child 9 execs or exits\n", 0, 1},
    {"p = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n"
     "pipe([0, 1])\nread(0, p, 1)\npipe([4, 5])\nwaitid(P_PGID, 0, NULL, WEXITED)\n",
     "3: read would wait for ever\n4: pipe: the descriptors are 2 and 3\n"
     "5: waitid: process groups are not simulated\n",
     0, 3},
};

START_TEST(what_is_wrong_is_told_by_line_and_the_run_goes_on)
{
    const struct wrong *wrong = &wrongs[_i];
    struct mw_run_result result;
    struct said said;

    ck_assert_int_eq(run_text(wrong->text, &result, &said), 0);
    ck_assert_str_eq(said.text, wrong->said);
    ck_assert_uint_eq(result.expectations_failed, wrong->failed);
    ck_assert_uint_eq(result.lines_bad, wrong->bad);
}
END_TEST

START_TEST(pids_of_a_recorded_scenario_are_kept)
{
    struct mw_run_result result;
    struct said said;

    ck_assert_int_eq(
        run_text("23366 getpid() = 23366\n"
                 "23366 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 23400\n"
                 "23400 getpid() = 23400\n"
                 "[pid 23400] exit_group(3) = ?\n"
                 "getpid() = 23366\n"
                 "23366 wait4(-1, NULL, 0, NULL) = 23400\n",
                 &result, &said),
        0);
    ck_assert_str_eq(said.text, "");
    ck_assert_uint_eq(result.calls_replayed, 6);
}
END_TEST

START_TEST(a_signal_that_nobody_expected_is_counted)
{
    struct mw_run_result result;
    struct said said;

    ck_assert_int_eq(
        run_text("load(0x5000, 1)\nload(0x5000, 1) = SIGSEGV SEGV_MAPERR\nload(0x5000, 1) = ?\n",
                 &result, &said),
        0);
    ck_assert_uint_eq(result.signals, 1);
    ck_assert_uint_eq(result.accesses, 3);
    ck_assert_uint_eq(result.expectations, 2);
    ck_assert_uint_eq(result.expectations_failed, 1);
}
END_TEST

START_TEST(files_that_are_no_scenario_are_refused)
{
    struct mw_run_result result;
    struct said said;

    ck_assert_int_eq(run_text("int main(void)\n{\n}\n", &result, &said), -ENOEXEC);
    ck_assert_int_eq(run_text("", &result, &said), -ENOEXEC);
    ck_assert_int_eq(run_file("/nonexistent/file", RAM_BYTES, 1, &result, &said), -ENOENT);
    ck_assert_int_eq(run_file("/tmp", RAM_BYTES, 1, &result, &said), -EISDIR);
}
END_TEST

/*
 * A store to each of 16 pages in a machine that has 8 frames: the first ones succeed, the last does
 * not.
 */
START_TEST(running_out_of_frames_is_a_result_like_any_other)
{
    char text[1024] = "p = mmap(NULL, 64K, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, "
                      "0)\nstore(p, 1, 1) = 0\n";
    struct mw_run_result result;
    struct said said;

    for (int page = 1; page < 15; page++)
        sprintf(text + strlen(text), "store(p+%d*4096, 1, 1) = ?\n", page);
    strcat(text, "store(p+15*4096, 1, 1) = SIGKILL\nload(p, 1) = 1\n");
    ck_assert_int_eq(run_text_in(text, 8 * 4096, &result, &said), 0);
    ck_assert_str_eq(said.text, "");
    ck_assert_uint_gt(result.out_of_memory, 8);
    ck_assert_uint_eq(result.expectations_failed, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenarios");
    TCase *behaviour = tcase_create("behaviour");
    TCase *executor = tcase_create("executor");
    SRunner *runner = srunner_create(suite);
    struct dirent **names;
    int count = list_scenarios(&names);
    int failed;

    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    tcase_add_loop_test(behaviour, a_scenario_behaves_as_linux_does, 0, count);
    tcase_add_loop_test(behaviour, a_scenario_uses_no_stale_translation, 0, count);
    tcase_add_test(behaviour, a_lesson_holds_what_it_tells);
    tcase_add_loop_test(executor, what_is_wrong_is_told_by_line_and_the_run_goes_on, 0,
                        (int)(sizeof(wrongs) / sizeof(wrongs[0])));
    tcase_add_test(executor, pids_of_a_recorded_scenario_are_kept);
    tcase_add_test(executor, a_signal_that_nobody_expected_is_counted);
    tcase_add_test(executor, files_that_are_no_scenario_are_refused);
    tcase_add_test(executor, running_out_of_frames_is_a_result_like_any_other);
    tcase_set_timeout(behaviour, 60);
    tcase_set_timeout(executor, 60);
    suite_add_tcase(suite, behaviour);
    suite_add_tcase(suite, executor);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 && count >= 15 ? 0 : 1;
}
