/*
 * Every scenario of this folder and of tests/behaviour on both engines: no difference, and every
 * expectation met. Where the host's kernel is not the reference, this is said and nothing compared.
 */
#include <dirent.h>

#include "oracle/oracle.h"

static int is_scenario(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 3 && strcmp(entry->d_name + length - 3, ".mw") == 0;
}

/* The power of the host is not ours to cut: such a scenario is the simulator's alone. */
static bool cuts_power(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[1024];
    bool cuts = false;

    assert_non_null(file);
    while (!cuts && fgets(line, sizeof(line), file) != NULL)
        cuts = strncmp(line, "power_cut(", strlen("power_cut(")) == 0;
    fclose(file);
    return cuts;
}

/* Everything that is wrong is printed before the test fails, so that one run shows it all. */
static unsigned run_folder(const char *folder, unsigned *wrong)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_scenario, alphasort);
    struct oracle o;

    assert_int_not_equal(count, -1);
    oracle_init(&o);
    for (int i = 0; i < count; i++) {
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        free(names[i]);
        if (cuts_power(path))
            continue;
        assert_int_equal(oracle_run_file(&o, MW_ON_BOTH, path), 0);
        if (o.said[0] == '\0' && o.result.difference.line == 0 && o.result.lines_bad == 0)
            continue;
        fprintf(stderr, "%s:\n%s", path, o.said);
        (*wrong)++;
    }
    free(names);
    return (unsigned)count;
}

static void scenarios_of_found_differences_agree(void **state)
{
    unsigned wrong = 0;

    (void)state;
    oracle_need_host();
    if (!oracle_is_reference())
        skip();
    assert_true(run_folder(MAPWALK_SOURCE_DIR "/tests/oracle", &wrong) > 0);
    assert_int_equal(wrong, 0);
}

static void scenarios_of_rules_are_those_of_linux(void **state)
{
    unsigned wrong = 0;

    (void)state;
    oracle_need_host();
    if (!oracle_is_reference())
        skip();
    assert_true(run_folder(MAPWALK_SOURCE_DIR "/tests/behaviour", &wrong) >= 20);
    assert_int_equal(wrong, 0);
}

static void lessons_are_told_as_they_are(void **state)
{
    unsigned wrong = 0;

    (void)state;
    oracle_need_host();
    if (!oracle_is_reference())
        skip();
    assert_true(run_folder(MAPWALK_SOURCE_DIR "/tools/lessons", &wrong) > 0);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_of_found_differences_agree),
        cmocka_unit_test(scenarios_of_rules_are_those_of_linux),
        cmocka_unit_test(lessons_are_told_as_they_are),
    };

    return oracle_end(cmocka_run_group_tests(tests, NULL, NULL), true);
}
