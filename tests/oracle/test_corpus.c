/*
 * The frozen corpus: what Linux answered to random scripts is what the simulator answers, on every
 * machine. And the recorder: what it writes today holds, too.
 */
#include <dirent.h>

#include "oracle/corpus.h"

#define ARCHIVE MAPWALK_SOURCE_DIR "/tests/oracle/corpus/linux-6.18.tar.zst"
#define SCRIPTS 400

static int is_script(const struct dirent *entry)
{
    return strstr(entry->d_name, ".mw") != NULL;
}

/* Every script that differs is told before the test fails. */
static unsigned run_folder(const char *folder, struct corpus_result *total)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_script, alphasort);

    assert_int_not_equal(count, -1);
    for (int i = 0; i < count; i++) {
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        total->first[0] = '\0';
        corpus_run(path, total);
        if (total->first[0] != '\0')
            fprintf(stderr, "%s, %s\n", names[i]->d_name, total->first);
        free(names[i]);
    }
    free(names);
    return (unsigned)count;
}

static void tell(const struct corpus_result *r)
{
    static const char *const names[CORPUS_TIERS] = {"hard", "flags", "soft"};

    for (unsigned tier = 0; tier < CORPUS_TIERS; tier++)
        printf("%-6s %9" PRIu64 " lines compared, %7" PRIu64 " differ\n", names[tier],
               r->compared[tier], r->differing[tier]);
}

/* 400 scripts of 200 operations; of many of them several lines are compared. */
static void the_simulator_answers_as_linux_did(void **state)
{
    struct corpus_result result = {.first = ""};
    char folder[64];

    (void)state;
    corpus_unpack(ARCHIVE, folder);
    assert_int_equal(run_folder(folder, &result), SCRIPTS);
    tell(&result);
    assert_int_equal(result.differing[CORPUS_HARD], 0);
    assert_int_equal(result.differing[CORPUS_FLAGS], 0);
    assert_true(result.compared[CORPUS_HARD] > (uint64_t)SCRIPTS * 200);
    assert_true(result.compared[CORPUS_FLAGS] > SCRIPTS);
    assert_true(result.compared[CORPUS_SOFT] > SCRIPTS);
    corpus_remove(folder);
}

/* ---- the comparison itself ---- */

static const char script[] =
    "# Linux 6.18.0\n"
    "w = window(262144) = 0x1000000000\n"
    "mmap(w, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0) = "
    "0x1000000000\n"
    "#   + 1000000000-1000002000 rw-p 00000000\n"
    "maps() = 1\n"
    "store(w+4*4096, 8, 1) = SIGSEGV SEGV_MAPERR (address 0x1000004000)\n"
    "mincore(w+4096, 4096, w) = 0\n"
    "load(w, 1) = ? # 0\n";

/* The script with one text in another's place. */
static struct corpus_result run_changed(const char *from, const char *to)
{
    struct corpus_result result = {.first = ""};
    const char *at = strstr(script, from);
    char path[] = "/tmp/corpus-script-XXXXXX";
    int fd = mkstemp(path);

    assert_int_not_equal(fd, -1);
    assert_non_null(at);
    dprintf(fd, "%.*s%s%s", (int)(at - script), script, to, at + strlen(from));
    close(fd);
    corpus_run(path, &result);
    unlink(path);
    return result;
}

static void a_script_that_holds_has_no_difference(void **state)
{
    struct corpus_result result = run_changed("maps", "maps");

    (void)state;
    assert_string_equal(result.first, "");
    assert_int_equal(result.compared[CORPUS_HARD], 6);
    assert_int_equal(result.compared[CORPUS_SOFT], 1);
    assert_int_equal(result.differing[CORPUS_HARD], 0);
    assert_int_equal(result.differing[CORPUS_SOFT], 0);
}

static void a_changed_answer_is_a_hard_difference(void **state)
{
    static const char *const changes[][2] = {
        {"= 0x1000000000\n#", "= 0x1000001000\n#"}, /* a result */
        {"SEGV_MAPERR", "SEGV_ACCERR"},             /* a signal's code */
        {"address 0x1000004000", "address 0x1000004008"},
        {"rw-p", "r--p"}, /* areas */
        {"#   + 1000000000-1000002000 rw-p 00000000\n", ""},
        {"maps() = 1\n", "#   + 1000002000-1000003000 rw-p 00000000\nmaps() = 2\n"},
        {"load(w, 1)", "refused(w, 1)"}, /* a line that the simulator does not execute */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct corpus_result result = run_changed(changes[i][0], changes[i][1]);

        assert_int_equal(result.differing[CORPUS_HARD], 1);
        assert_string_not_equal(result.first, "");
    }
}

static void what_no_rule_decides_is_counted_and_not_wrong(void **state)
{
    struct corpus_result result = run_changed("= ? # 0", "= ? # 0x1");

    (void)state;
    assert_int_equal(result.differing[CORPUS_HARD], 0);
    assert_int_equal(result.differing[CORPUS_SOFT], 1);
    assert_string_equal(result.first, "");
}

/* What smaps tells has all three tiers: size, flags, and counts that are the host's own. */
static void flags_are_a_tier_of_their_own(void **state)
{
    static const char smaps[] = "#   1000000000-1000002000 \n"
                                "#     Size:                  8 kB\n"
                                "#     KernelPageSize:        4 kB\n"
                                "#     MMUPageSize:           4 kB\n"
                                "#     Rss:                  99 kB\n";
    struct corpus_result result = run_changed("store(", smaps);

    (void)state;
    assert_int_equal(result.differing[CORPUS_HARD], 1); /* no smaps() was asked for */
    result = run_changed("store(w+4*4096, 8, 1) = SIGSEGV SEGV_MAPERR (address 0x1000004000)\n"
                         "mincore(w+4096, 4096, w) = 0\n"
                         "load(w, 1) = ? # 0\n",
                         "smaps(w) = 1\n");
    assert_int_equal(result.differing[CORPUS_HARD], 1); /* it tells more than was recorded */
    assert_non_null(strstr(result.first, "simulator: #   1000000000-1000002000"));
}

/* ---- the recorder ---- */

static struct mw_fuzz_options recording(struct oracle *o, const char *folder)
{
    oracle_need_host();
    oracle_init(o);
    return (struct mw_fuzz_options){.config = &o->config,
                                    .seed = 9,
                                    .operations = 1000,
                                    .processes = 3,
                                    .file = "/nonexistent/unused",
                                    .record = folder};
}

static void what_is_recorded_now_holds_on_the_simulator(void **state)
{
    struct corpus_result result = {.first = ""};
    struct mw_fuzz_result recorded;
    struct mw_fuzz_options options;
    struct oracle o;
    char folder[] = "/tmp/recorded-XXXXXX";

    (void)state;
    if (!oracle_is_reference())
        skip();
    options = recording(&o, folder);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mw_fuzz(&options, &recorded), 0);
    assert_int_equal(recorded.scripts, 5);
    assert_int_equal(recorded.refused, 0);
    assert_int_equal(run_folder(folder, &result), 5);
    assert_int_equal(result.differing[CORPUS_HARD] + result.differing[CORPUS_FLAGS], 0);
    assert_true(result.compared[CORPUS_HARD] > 1000);
    corpus_remove(folder);
}

static void a_folder_that_cannot_be_written_is_an_error(void **state)
{
    static char long_name[600];
    struct mw_fuzz_result recorded;
    struct oracle o;
    struct mw_fuzz_options options = recording(&o, "/nonexistent");

    (void)state;
    assert_int_equal(mw_fuzz(&options, &recorded), -ENOENT);
    memset(long_name, 'x', sizeof(long_name) - 1);
    options.record = long_name;
    assert_int_equal(mw_fuzz(&options, &recorded), -ENAMETOOLONG);
}

static void a_full_disk_is_an_error(void **state)
{
    struct mw_fuzz_result recorded;
    struct oracle o;
    char folder[] = "/tmp/recorded-XXXXXX";
    char path[64];
    struct mw_fuzz_options options = recording(&o, folder);

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/0000.mw", folder);
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_int_equal(mw_fuzz(&options, &recorded), -ENOSPC);
    corpus_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulator_answers_as_linux_did),
        cmocka_unit_test(a_script_that_holds_has_no_difference),
        cmocka_unit_test(a_changed_answer_is_a_hard_difference),
        cmocka_unit_test(what_no_rule_decides_is_counted_and_not_wrong),
        cmocka_unit_test(flags_are_a_tier_of_their_own),
        cmocka_unit_test(what_is_recorded_now_holds_on_the_simulator),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_an_error),
        cmocka_unit_test(a_full_disk_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
