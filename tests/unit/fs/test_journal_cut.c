/*
 * Power cuts on a volume with a journal: at every request of a scenario, with many outcomes of what
 * was in the disk's cache. After each the volume mounts, is sound, holds a state between two
 * operations that is not older than the last volume_sync, and no byte that does not belong there;
 * after the replay there is nothing left to repair. Some of the outcomes are replayed by e2fsck. The
 * devices that this stands on are in cuts.h.
 */
#include "cuts.h"

static void files_that_were_synced_survive_every_cut(void **state)
{
    static const struct step steps[] = {
        {CREATE, 0, 0, 0}, {WRITE, 0, 0, 8},  {SYNC, 0, 0, 0},     {CREATE, 2, 0, 0},
        {WRITE, 2, 0, 20}, {WRITE, 0, 4, 8},  {RESERVE, 2, 22, 0}, {SYNC, 0, 0, 0},
        {WRITE, 2, 22, 1}, {CREATE, 6, 0, 0}, {RESERVE, 6, 3, 0},  {SIZE, 2, 5, 0},
        {SYNC, 0, 0, 0},   {WRITE, 6, 2, 2},  {SYNC, 0, 0, 0},     {SYNC, 0, 0, 0},
    };

    struct scenario s = STEPS_OF(steps);

    (void)state;
    cut_everywhere(&s, UINT64_MAX);
}

static void names_change_as_a_whole(void **state)
{
    static const struct step steps[] = {
        {CREATE, 0, 0, 0}, {WRITE, 0, 0, 2},  {CREATE, 2, 0, 0}, {WRITE, 2, 0, 3},
        {SYNC, 0, 0, 0},   {RENAME, 0, 1, 0}, {RENAME, 2, 0, 0}, {SYNC, 0, 0, 0},
        {CREATE, 3, 0, 0}, {WRITE, 3, 0, 13}, {RENAME, 3, 0, 0}, {SYNC, 0, 0, 0},
        {RENAME, 1, 4, 0}, {SYNC, 0, 0, 0},   {RENAME, 4, 5, 0}, {RENAME, 0, 4, 0},
        {CREATE, 7, 0, 0}, {SYNC, 0, 0, 0},
    };

    struct scenario s = STEPS_OF(steps);

    (void)state;
    cut_everywhere(&s, UINT64_MAX);
}

static void freed_blocks_and_inodes_never_show_in_another_file(void **state)
{
    static const struct step steps[] = {
        {CREATE, 0, 0, 0},   {WRITE, 0, 0, 24}, {CREATE, 1, 0, 0}, {WRITE, 1, 0, 20},
        {SYNC, 0, 0, 0},     {SIZE, 0, 3, 0},   {WRITE, 1, 0, 24}, {CREATE, 5, 0, 0},
        {WRITE, 5, 0, 20},   {UNLINK, 1, 0, 0}, {CREATE, 8, 0, 0}, {WRITE, 8, 0, 22},
        {RESERVE, 0, 9, 0},  {SYNC, 0, 0, 0},   {UNLINK, 5, 0, 0}, {CREATE, 9, 0, 0},
        {RESERVE, 9, 20, 0}, {WRITE, 9, 0, 4},  {SIZE, 0, 24, 0},  {WRITE, 0, 20, 3},
        {SYNC, 0, 0, 0},     {UNLINK, 0, 0, 0}, {UNLINK, 8, 0, 0}, {CREATE, 0, 0, 0},
        {WRITE, 0, 0, 24},   {SYNC, 0, 0, 0},
    };

    struct scenario s = STEPS_OF(steps);

    (void)state;
    cut_everywhere(&s, UINT64_MAX);
}

static void files_without_a_name_are_freed_by_the_mount(void **state)
{
    static const struct step steps[] = {
        {CREATE, 0, 0, 0}, {WRITE, 0, 0, 24}, {CREATE, 1, 0, 0}, {WRITE, 1, 0, 3},
        {CREATE, 2, 0, 0}, {SYNC, 0, 0, 0},   {HOLD, 0, 0, 0},   {HOLD, 1, 0, 0},
        {HOLD, 2, 0, 0},   {UNLINK, 0, 0, 0}, {UNLINK, 1, 0, 0}, {SYNC, 0, 0, 0},
        {UNLINK, 2, 0, 0}, {SYNC, 0, 0, 0},   {LET_GO, 1, 0, 0}, {SYNC, 0, 0, 0},
        {CREATE, 3, 0, 0}, {WRITE, 3, 0, 9},  {SYNC, 0, 0, 0},   {LET_GO, 0, 0, 0},
        {LET_GO, 2, 0, 0}, {CREATE, 4, 0, 0}, {SYNC, 0, 0, 0},
    };

    struct scenario s = STEPS_OF(steps);

    (void)state;
    cut_everywhere(&s, UINT64_MAX);
}

static void random_operations_survive_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct step steps[40];
        struct scenario s = {steps, random_steps(steps, 40, 5, seed), 0, NULL, 0};

        cut_everywhere(&s, UINT64_MAX);
    }
}

/* More than the journal's 1024 blocks: the cuts come where the log begins anew. */
static void the_log_that_begins_anew_survives_cuts(void **state)
{
    static struct step steps[STEPS_MAX];
    struct scenario s = {steps, random_steps(steps, STEPS_MAX, 3, 77), 0, NULL, 0};
    struct world w;

    (void)state;
    scenario_prepare(&s);
    world_up(&w, DISK_BYTES);
    assert_false(world_run(&w, &s, 0));
    world_down(&w);
    test_free(s.states);
    assert_true(s.restart > 4);
    s.first_cut = s.restart - 4;
    s.count = s.restart + 12 < s.count ? s.restart + 12 : s.count;
    cut_everywhere(&s, 24);
}

/*
 * A request fails, the operation is taken again or the sync is not, and soon after the power goes.
 */
static void failures_before_the_cut_lose_nothing(void **state)
{
    static const struct step steps[] = {
        {CREATE, 0, 0, 0}, {WRITE, 0, 0, 20},  {CREATE, 1, 0, 0}, {SYNC, 0, 0, 0},
        {SIZE, 0, 2, 0},   {CREATE, 2, 0, 0},  {SYNC, 0, 0, 0},   {WRITE, 2, 0, 20},
        {UNLINK, 1, 0, 0}, {RESERVE, 0, 9, 0}, {SYNC, 0, 0, 0},   {CREATE, 3, 0, 0},
        {WRITE, 3, 0, 20}, {SYNC, 0, 0, 0},
    };
    struct scenario s = STEPS_OF(steps);
    struct world w;

    (void)state;
    scenario_prepare(&s);
    world_up(&w, DISK_BYTES);
    for (unsigned kind = DEV_WRITE; kind <= DEV_FLUSH; kind++) {
        for (uint64_t fail = 1;; fail++) {
            bool failed = false;

            for (uint64_t after = 0; after < 12; after++) {
                memset(&w.faults, 0, sizeof(w.faults));
                w.faults.fail_at[kind] = fail;
                w.faults.tear = DEV_TEAR_ANY;
                w.faults.seed = fail;
                if (!world_run(&w, &s, (kind == DEV_WRITE ? fail : 3 * fail) + after))
                    break;
                failed = w.faults.seen[kind] >= fail;
                for (uint64_t seed = 1; seed <= 4; seed++) {
                    assert_int_equal(
                        dev_volatile_cut_onto(w.disk, 100 * fail + 5 * after + seed, w.outcome), 0);
                    check_outcome(&w, &s, false);
                }
            }
            if (!failed)
                break;
        }
    }
    print_message("%u outcomes\n", w.outcomes);
    memset(&w.faults, 0, sizeof(w.faults));
    world_down(&w);
    test_free(s.states);
}

/* ---- without a journal ---- */

/* ext2 promises little after a cut: the mount is sound, or refused; what it allows can be used. */
static void without_a_journal_a_cut_leaves_what_is_sound_or_refused(void **state)
{
    struct step steps[40];
    struct scenario s = {steps, random_steps(steps, 40, 5, 5), 0, NULL, 0};
    struct world w;
    struct volume *v;
    unsigned mounted = 0;

    (void)state;
    scenario_prepare(&s);
    world_up(&w, 4 * MIB);
    for (uint64_t n = 1; world_run(&w, &s, n); n++) {
        for (unsigned seed = 1; seed <= SEEDS; seed++) {
            int err;

            assert_int_equal(dev_volatile_cut_onto(w.disk, n * 100 + seed, w.outcome), 0);
            err = volume_mount(&w.alloc, w.outcome, &v);
            assert_true(err == 0 || err == -EUCLEAN);
            if (err == 0) {
                assert_true(volume_check(v));
                (void)!use_volume(v);
                assert_true(volume_check(v));
                volume_abandon(v);
                mounted++;
            }
            overlay_reset(w.outcome);
            w.outcomes++;
        }
    }
    print_message("%u outcomes, %u mounted\n", w.outcomes, mounted);
    assert_true(mounted > w.outcomes / 2);
    world_down(&w);
    test_free(s.states);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_were_synced_survive_every_cut),
        cmocka_unit_test(names_change_as_a_whole),
        cmocka_unit_test(freed_blocks_and_inodes_never_show_in_another_file),
        cmocka_unit_test(files_without_a_name_are_freed_by_the_mount),
        cmocka_unit_test(random_operations_survive_cuts),
        cmocka_unit_test(the_log_that_begins_anew_survives_cuts),
        cmocka_unit_test(failures_before_the_cut_lose_nothing),
        cmocka_unit_test(without_a_journal_a_cut_leaves_what_is_sound_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
