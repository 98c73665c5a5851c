/*
 * Every read, write and flush fails in turn, in every scenario: no crash, no hang, nothing lost that
 * was accepted, every error told once to each who must learn of it and to nobody else; and once the
 * disk is repaired all can be written, is there after mounting again, and e2fsck finds it clean.
 *
 * An argument is a pattern of the tests to run: '*msync*'.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"

#include "power/errors.h"

#define PAGE      ((uint64_t)ERRORS_PAGE)
#define SECOND    UINT64_C(1000000000)
#define MANY_RUNS 8u /* fewer would mean that hardly anything was asked of the disk */

static void campaign(const struct errors_scenario *scenario)
{
    if (getenv("MAPWALK_ERRORS") == NULL)
        assert_true(errors_campaign(scenario) >= MANY_RUNS);
    else
        (void)errors_campaign(scenario);
}

static void write_and_fsync(struct errors_world *w)
{
    errors_write(w, 0, 3 * PAGE + 100, 5 * PAGE);
    errors_write(w, 1, 14 * PAGE, 2 * PAGE);
    errors_fsync(w, 0);
    errors_fsync(w, 1);
    errors_write(w, 0, 20 * PAGE + 7, 50);
    errors_fdatasync(w, 1);
    errors_fdatasync(w, 0);
}

static void a_write_that_fails_at_fsync_is_told_to_both(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "fsync", .run = write_and_fsync});
}

static void store_and_msync(struct errors_world *w)
{
    errors_store(w, PAGE + 5, 3 * PAGE);
    errors_store(w, 16 * PAGE, 2 * PAGE);
    errors_msync(w, 0, 0, 8 * PAGE);
    errors_msync(w, 1, 0, 24 * PAGE);
    errors_store(w, 2 * PAGE, 10); /* found again, after it was cleaned */
    errors_msync(w, 0, 0, 24 * PAGE);
    errors_msync(w, 1, 0, 24 * PAGE);
}

static void a_store_that_fails_at_msync_is_told_to_both(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "msync", .run = store_and_msync});
}

static void write_in_background(struct errors_world *w)
{
    errors_write(w, 0, 2 * PAGE, 3 * PAGE);
    errors_store(w, 15 * PAGE, 4 * PAGE);
    errors_advance(w, 40 * SECOND);
    errors_store(w, 15 * PAGE + 9, PAGE);
    errors_advance(w, 40 * SECOND);
    errors_fsync(w, 0);
    errors_fsync(w, 0);
    errors_msync(w, 1, 0, 24 * PAGE);
    errors_msync(w, 1, 0, 24 * PAGE);
}

static void what_fails_in_the_background_is_told_later(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "background", .run = write_in_background});
}

static void write_by_range(struct errors_world *w)
{
    errors_write(w, 0, 2 * PAGE, 3 * PAGE);
    errors_write(w, 0, 18 * PAGE, PAGE);
    errors_sync_range(w, 0, false);
    errors_write(w, 1, 9 * PAGE, PAGE);
    errors_sync_range(w, 1, true);
    errors_sync_range(w, 0, true);
    errors_fsync(w, 0);
    errors_fsync(w, 1);
}

static void sync_file_range_tells_it_once_too(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "range", .run = write_by_range});
}

static void append(struct errors_world *w)
{
    errors_write(w, 0, 24 * PAGE, 10 * PAGE);
    errors_write(w, 0, 60 * PAGE, 3 * PAGE + 11);
    errors_fsync(w, 0);
    errors_create(w, 2, 15 * PAGE);
    errors_sync(w);
    errors_write(w, 1, 64 * PAGE, PAGE);
    errors_fsync(w, 1);
}

static void appending_grows_metadata_or_leaves_it(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "append", .run = append});
}

static void read_ahead(struct errors_world *w)
{
    for (uint64_t page = 0; page < 24; page += 2)
        errors_read(w, 0, page * PAGE, 2 * PAGE);
    errors_drop_caches(w);
    for (uint64_t page = 0; page < 24; page++)
        errors_load(w, page * PAGE + 9, 100);
    errors_drop_caches(w);
    errors_store(w, 13 * PAGE + 9, 100);
    errors_read(w, 1, 5 * PAGE + 1, 15 * PAGE);
}

static void a_read_that_fails_is_a_signal_or_an_error_at_the_access(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "read", .run = read_ahead});
}

static void shorten(struct errors_world *w)
{
    errors_store(w, 10 * PAGE, 6 * PAGE);
    errors_truncate(w, 0, 15 * PAGE + 77);
    errors_fsync(w, 0);
    errors_truncate(w, 1, 5 * PAGE + 99);
    errors_truncate(w, 1, 22 * PAGE);
    errors_fsync(w, 1);
    errors_load(w, 5 * PAGE, PAGE);
    errors_write(w, 0, 20 * PAGE, PAGE);
    errors_fsync(w, 0);
}

static void a_size_changes_or_stays(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "truncate", .run = shorten});
}

static void punch(struct errors_world *w)
{
    errors_store(w, 3 * PAGE, 2 * PAGE);
    errors_punch(w, 0, 2 * PAGE + 300, 4 * PAGE);
    errors_fsync(w, 0);
    errors_punch(w, 1, 11 * PAGE, 8 * PAGE);
    errors_allocate(w, 1, 12 * PAGE, 15 * PAGE);
    errors_store(w, 14 * PAGE, 2 * PAGE);
    errors_msync(w, 1, 0, 24 * PAGE);
    errors_fsync(w, 0);
}

static void a_hole_is_made_or_not(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "punch", .run = punch});
}

static void rename_over(struct errors_world *w)
{
    errors_create(w, 2, 3 * PAGE);
    errors_sync(w);
    errors_rename(w, 2, 1);
    errors_sync(w);
    errors_create(w, 2, 2 * PAGE);
    errors_unlink(w, 1);
    errors_rename(w, 2, 1);
    errors_fsync(w, 0);
    errors_sync(w);
}

static void a_name_is_one_file_or_the_other(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "rename", .run = rename_over});
}

static void write_synchronously(struct errors_world *w)
{
    errors_write(w, 0, 3 * PAGE + 5, 2 * PAGE);
    errors_write(w, 1, 9 * PAGE, PAGE);
    errors_write(w, 0, 24 * PAGE, 2 * PAGE + 1);
    errors_fsync(w, 1);
    errors_fsync(w, 0);
}

static void o_sync_tells_it_at_the_write(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){
        .name = "o-sync", .run = write_synchronously, .flags = {O_SYNC, O_DSYNC}});
}

static void write_directly(struct errors_world *w)
{
    errors_store(w, 4 * PAGE, PAGE);
    errors_load(w, 8 * PAGE, PAGE);
    errors_write(w, 0, 3 * PAGE + 512, 6 * PAGE);
    errors_write(w, 0, 24 * PAGE, 3 * PAGE);
    errors_read(w, 0, 2 * PAGE, 10 * PAGE);
    errors_load(w, 3 * PAGE, 7 * PAGE);
    errors_fsync(w, 0);
    errors_fsync(w, 1);
}

static void past_the_cache_it_is_told_at_once(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){
        .name = "o-direct", .run = write_directly, .flags = {O_DIRECT, 0}});
}

/* More pages than frames: what is dirty must go to the disk for others to come. */
static void write_more_than_fits(struct errors_world *w)
{
    for (uint64_t page = 0; page < 90; page += 15)
        errors_write(w, 0, page * PAGE, 15 * PAGE);
    errors_create(w, 2, 60 * PAGE);
    for (uint64_t page = 0; page < 24; page += 3)
        errors_store(w, page * PAGE, 2 * PAGE);
    errors_read(w, 1, 40 * PAGE, 40 * PAGE);
    errors_fsync(w, 0);
    errors_fsync(w, 1);
}

static void want_of_memory_loses_nothing(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){
        .name = "memory", .run = write_more_than_fits, .ram_bytes = 256 * PAGE});
}

static void unmount(struct errors_world *w)
{
    errors_write(w, 0, 2 * PAGE, 3 * PAGE);
    errors_store(w, 15 * PAGE, 3 * PAGE);
    errors_create(w, 2, 3 * PAGE);
    errors_unmount(w);
}

static void switching_off_tells_what_it_could_not_write(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "unmount", .run = unmount});
}

static void mount(struct errors_world *w)
{
    errors_write(w, 0, 2 * PAGE, 3 * PAGE);
    errors_create(w, 2, 14 * PAGE);
    errors_unlink(w, 1);
    errors_fsync(w, 0);
    errors_power_cut(w);
}

static void mounting_may_be_tried_again(void **state)
{
    (void)state;
    campaign(&(struct errors_scenario){.name = "mount", .run = mount});
}

/* ---- anything ---- */

#define RANDOM_STEPS 14u

/* A part of file 0 that begins and ends in the middle of pages, or a few whole ones. */
static void random_change(struct errors_world *w, struct prng *prng)
{
    unsigned d = (unsigned)prng_below(prng, ERRORS_FDS);
    uint64_t page = prng_below(prng, 28);
    uint64_t offset = page * PAGE + (prng_below(prng, 2) ? 100 : 0);
    uint64_t bytes = (1 + prng_below(prng, 4)) * PAGE;

    switch (prng_below(prng, 8)) {
    case 0:
        errors_truncate(w, d, offset + 99);
        break;
    case 1:
        errors_allocate(w, d, offset, bytes);
        break;
    case 2:
        if (page + 6 < w->file[0].bytes / PAGE)
            errors_punch(w, d, offset, bytes);
        break;
    case 3:
    case 4:
        if (page + 6 < w->file[0].bytes / PAGE)
            errors_store(w, offset, bytes);
        break;
    default:
        errors_write(w, d, offset, bytes);
        break;
    }
}

static void random_name(struct errors_world *w, struct prng *prng)
{
    unsigned n = 1 + (unsigned)prng_below(prng, 2);

    if (!w->file[n].exists)
        errors_create(w, n, (1 + prng_below(prng, 16)) * PAGE);
    else if (prng_below(prng, 2))
        errors_rename(w, n, 3 - n);
    else
        errors_unlink(w, n);
}

static void random_wait(struct errors_world *w, struct prng *prng)
{
    unsigned d = (unsigned)prng_below(prng, ERRORS_FDS);

    switch (prng_below(prng, 8)) {
    case 0:
        errors_sync(w);
        break;
    case 1:
        errors_sync_range(w, d, prng_below(prng, 2));
        break;
    case 2:
        errors_advance(w, 36 * SECOND);
        break;
    case 3:
        errors_drop_caches(w);
        break;
    case 4:
        errors_msync(w, d, prng_below(prng, 20) * PAGE, 8 * PAGE);
        break;
    case 5:
        errors_fdatasync(w, d);
        break;
    case 6:
        errors_read(w, d, prng_below(prng, 25) * PAGE, 7 * PAGE);
        break;
    default:
        errors_fsync(w, d);
        break;
    }
}

static void anything(struct errors_world *w)
{
    struct prng prng;

    prng_seed(&prng, w->seed);
    for (unsigned step = 0; step < RANDOM_STEPS; step++) {
        random_change(w, &prng);
        if (prng_below(&prng, 5) == 0)
            random_name(w, &prng);
        if (prng_below(&prng, 2))
            random_wait(w, &prng);
    }
}

/* MAPWALK_LONG=N: N times as many. */
static void whatever_is_done_errors_lose_nothing(void **state)
{
    const char *text = getenv("MAPWALK_LONG");
    uint64_t seeds = 6 * (text == NULL ? 1 : strtoull(text, NULL, 10));

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        char name[24];

        snprintf(name, sizeof(name), "random-%llu", (unsigned long long)seed);
        campaign(&(struct errors_scenario){
            .name = name,
            .run = anything,
            .seed = seed,
            .flags = {seed % 4 == 1 ? O_SYNC : 0, seed % 4 == 2 ? O_DSYNC : 0}});
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_fails_at_fsync_is_told_to_both),
        cmocka_unit_test(a_store_that_fails_at_msync_is_told_to_both),
        cmocka_unit_test(what_fails_in_the_background_is_told_later),
        cmocka_unit_test(sync_file_range_tells_it_once_too),
        cmocka_unit_test(appending_grows_metadata_or_leaves_it),
        cmocka_unit_test(a_read_that_fails_is_a_signal_or_an_error_at_the_access),
        cmocka_unit_test(a_size_changes_or_stays),
        cmocka_unit_test(a_hole_is_made_or_not),
        cmocka_unit_test(a_name_is_one_file_or_the_other),
        cmocka_unit_test(o_sync_tells_it_at_the_write),
        cmocka_unit_test(past_the_cache_it_is_told_at_once),
        cmocka_unit_test(want_of_memory_loses_nothing),
        cmocka_unit_test(switching_off_tells_what_it_could_not_write),
        cmocka_unit_test(mounting_may_be_tried_again),
        cmocka_unit_test(whatever_is_done_errors_lose_nothing),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
