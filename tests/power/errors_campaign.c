/*
 * Every request of a scenario fails in turn, in every way.
 *
 * A scenario runs in a process of its own, so that a crash or a hang is told with the plan that led
 * there. MAPWALK_ERRORS=SCENARIO:KIND:AT:WAY runs one plan alone.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "power/errors.h"

#define FSCK_EVERY       25u
#define CAMPAIGN_SECONDS 300u

/* The ways in which a request fails. */
static const struct errors_way {
    const char *name;
    bool sticky;
    bool torn;
    bool writes_only;
    int error;
} ways[] = {
    {"once", false, false, false, -EIO},
    {"until-repaired", true, false, false, -EIO},
    {"torn", false, true, true, -EIO},
    {"no-space", false, false, true, -ENOSPC},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static const char *const kind_names[DEV_REQUESTS] = {"read", "write", "flush"};

/* What the parent is told of the child. */
struct campaign_note {
    uint64_t runs;
    uint64_t at;
    unsigned kind;
    unsigned way;
};

/* Requests of each kind that the scenario makes when nothing fails. */
static void campaign_count(const struct errors_scenario *scenario, uint64_t counts[DEV_REQUESTS])
{
    const struct errors_plan none = {0};
    struct errors_world *w = malloc(sizeof(*w));

    assert_non_null(w);
    errors_begin(w, scenario);
    errors_arm(w, &none);
    scenario->run(w);
    for (unsigned kind = 0; kind < DEV_REQUESTS; kind++)
        counts[kind] = errors_disk_seen(w->disk, kind);
    errors_end(w, true);
    free(w);
}

static void campaign_run(const struct errors_scenario *scenario, const struct campaign_note *note)
{
    const struct errors_way *way = &ways[note->way];
    const struct errors_plan plan = {.kind = note->kind,
                                     .at = note->at,
                                     .sticky = way->sticky,
                                     .torn = way->torn,
                                     .error = way->error};
    struct errors_world *w = malloc(sizeof(*w));

    assert_non_null(w);
    errors_begin(w, scenario);
    errors_arm(w, &plan);
    scenario->run(w);
    errors_end(w, note->runs % FSCK_EVERY == 0);
    free(w);
}

/* Is this the one that was asked for? */
static bool campaign_wanted(const struct errors_scenario *scenario,
                            const struct campaign_note *note)
{
    const char *wanted = getenv("MAPWALK_ERRORS");
    char name[96];

    if (wanted == NULL)
        return true;
    snprintf(name, sizeof(name), "%s:%s:%llu:%s", scenario->name, kind_names[note->kind],
             (unsigned long long)note->at, ways[note->way].name);
    return strcmp(wanted, name) == 0;
}

static void campaign_child(const struct errors_scenario *scenario, struct campaign_note *note)
{
    uint64_t counts[DEV_REQUESTS];

    campaign_count(scenario, counts);
    for (note->kind = 0; note->kind < DEV_REQUESTS; note->kind++)
        for (note->at = 1; note->at <= counts[note->kind]; note->at++)
            for (note->way = 0; note->way < WAYS; note->way++) {
                if ((ways[note->way].writes_only && note->kind != DEV_WRITE) ||
                    !campaign_wanted(scenario, note))
                    continue;
                campaign_run(scenario, note);
                note->runs++;
            }
}

uint64_t errors_campaign(const struct errors_scenario *scenario)
{
    struct campaign_note *note =
        mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t runs;
    int status;
    pid_t pid;

    assert_true(note != MAP_FAILED);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* an assertion must not run the tests that follow */
        alarm(CAMPAIGN_SECONDS);
        campaign_child(scenario, note);
        exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fprintf(stderr, "# repeat: MAPWALK_ERRORS=%s:%s:%llu:%s\n", scenario->name,
                kind_names[note->kind % DEV_REQUESTS], (unsigned long long)note->at,
                ways[note->way % WAYS].name);
    assert_int_equal(status, 0);
    runs = note->runs;
    fprintf(stderr, "# %s: %llu runs\n", scenario->name, (unsigned long long)runs);
    munmap(note, sizeof(*note));
    return runs;
}
