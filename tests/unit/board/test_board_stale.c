/*
 * Missing fences of a kernel that somebody else wrote: its PTEs are plain memory, so the board has to
 * find out by itself what was changed, and when.
 */
#include "unit/board/rig.h"

#include <errno.h>
#include <string.h>

#define FULL (RIG_RW | RIG_AD)

static void start(struct rig *r, bool detect)
{
    struct mw_board_config config;

    rig_config(&config, false);
    config.detect_stale = detect;
    rig_start_as(r, &config);
    assert_int_equal(mw_hart_set_satp(r->board, 1, MW_MODE_SV39, r->root, 1), 0);
}

static uint64_t leaf(unsigned frame, uint64_t flags)
{
    return (RIG_FRAME + frame * RIG_PAGE) >> 12 << 10 | flags;
}

static int store(struct rig *r, unsigned hart, uint64_t va)
{
    return mw_hart_store(r->board, hart, va, "x", 1, NULL);
}

static uint64_t count_findings(const struct rig *r)
{
    struct mw_stale_counters counters;

    mw_board_read_stale_counters(r->board, &counters);
    return counters.findings;
}

static struct mw_stale_finding only_finding(const struct rig *r)
{
    struct mw_stale_finding found;

    assert_int_equal(count_findings(r), 1);
    assert_int_equal(mw_board_read_stale_finding(r->board, 0, &found), 0);
    assert_int_equal(mw_board_read_stale_finding(r->board, 1, &found), -ENOENT);
    return found;
}

static void a_fence_on_one_hart_only_is_missing_on_the_other(void **state)
{
    struct mw_hart_counters counters;
    struct mw_stale_finding found;
    struct rig r;
    uint64_t before;
    uint64_t *pte;

    (void)state;
    start(&r, true);
    pte = rig_pte(&r, RIG_VA);
    *pte = leaf(0, FULL);
    for (unsigned hart = 0; hart < 2; hart++)
        assert_int_equal(store(&r, hart, RIG_VA), 0);
    assert_int_equal(mw_hart_set_privilege(r.board, 0, false, false, false),
                     0); /* hart 0 goes on */
    mw_board_advance(r.board, 500);
    before = mw_board_time_ns(r.board);
    *pte = leaf(1, FULL);
    mw_board_advance(r.board, 500);
    assert_int_equal(mw_hart_sfence(r.board, 0, true, RIG_VA, true, 1), 0);
    assert_int_equal(store(&r, 0, RIG_VA), 0);
    assert_int_equal(count_findings(&r), 0);
    assert_int_equal(store(&r, 1, RIG_VA + 7), 0);
    found = only_finding(&r);
    assert_int_equal(found.hart, 1);
    assert_int_equal(found.va, RIG_VA + 7);
    assert_int_equal(found.kind, MW_STALE_FRAME);
    assert_int_equal(found.loss, MW_LOSS_WRITE);
    assert_true(found.known);
    assert_int_equal(found.old_value, leaf(0, FULL));
    assert_int_equal(found.new_value, leaf(1, FULL));
    assert_int_equal(found.changed_hart, 0);
    assert_int_equal(found.changed_pid, 0);
    assert_true(found.changed_from_ns <= before && before < found.changed_to_ns);
    assert_int_equal(found.changed_to_ns, before + 500);
    assert_int_equal(found.site, MW_FENCE_NONE);
    assert_true(found.fence_has_va && found.fence_has_asid);
    assert_int_equal(found.fence_va, RIG_VA);
    assert_int_equal(found.fence_asid, 1);
    assert_int_equal(mw_hart_read_counters(r.board, 1, &counters), 0);
    assert_int_equal(counters.stale_uses, 1);
    assert_int_equal(mw_hart_read_counters(r.board, 0, &counters), 0);
    assert_int_equal(counters.stale_uses, 0);
    rig_stop(&r);
}

static void a_dirty_bit_that_is_cleared_without_a_fence_is_lost(void **state)
{
    struct rig r;

    (void)state;
    start(&r, true);
    *rig_pte(&r, RIG_VA) = leaf(0, FULL);
    assert_int_equal(store(&r, 0, RIG_VA), 0);
    *rig_pte(&r, RIG_VA) = leaf(0, RIG_RW | 0x40);
    assert_int_equal(store(&r, 0, RIG_VA), 0);
    assert_int_equal(only_finding(&r).kind, MW_STALE_DIRTY);
    assert_int_equal(only_finding(&r).loss, MW_LOSS_DIRTY);
    rig_stop(&r);
}

static void an_access_that_crosses_watches_both_pages(void **state)
{
    struct rig r;
    uint64_t next = RIG_VA + RIG_PAGE;

    (void)state;
    start(&r, true);
    *rig_pte(&r, RIG_VA) = leaf(0, FULL);
    *rig_pte(&r, next) = leaf(1, FULL);
    assert_int_equal(mw_hart_store(r.board, 0, next - 1, "xy", 2, NULL), 0);
    *rig_pte(&r, next) = 0;
    assert_int_equal(store(&r, 0, next), 0);
    assert_true(only_finding(&r).known);
    assert_int_equal(only_finding(&r).kind, MW_STALE_UNMAPPED);
    rig_stop(&r);
}

static void another_root_for_an_asid_in_use_needs_a_fence(void **state)
{
    struct mw_stale_finding found;
    struct rig r;
    uint64_t other;

    (void)state;
    start(&r, true);
    *rig_pte(&r, RIG_VA) = leaf(0, FULL);
    assert_int_equal(store(&r, 0, RIG_VA), 0);
    other = r.next_table;
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_SV39, other, 1), 0);
    assert_int_equal(store(&r, 0, RIG_VA), 0);
    found = only_finding(&r);
    assert_true(found.by_satp);
    assert_int_equal(found.old_value, r.root);
    assert_int_equal(found.new_value, other);
    assert_false(found.fence_has_va);
    rig_stop(&r);
}

static void fences_in_time_leave_nothing_to_find(void **state)
{
    struct rig r;

    (void)state;
    start(&r, true);
    for (unsigned i = 0; i < 8; i++) {
        *rig_pte(&r, RIG_VA) = i % 3 == 2 ? 0 : leaf(i, FULL);
        for (unsigned hart = 0; hart < 2; hart++)
            assert_int_equal(mw_hart_sfence(r.board, hart, true, RIG_VA, false, 0), 0);
        for (unsigned hart = 0; hart < 2; hart++)
            assert_int_equal(store(&r, hart, RIG_VA), i % 3 == 2 ? -EFAULT : 0);
    }
    assert_int_equal(count_findings(&r), 0);
    rig_stop(&r);
}

static void without_detection_nothing_is_found_or_counted(void **state)
{
    struct mw_stale_finding found;
    struct mw_stale_counters counters, none;
    struct rig r;

    (void)state;
    start(&r, false);
    *rig_pte(&r, RIG_VA) = leaf(0, FULL);
    assert_int_equal(store(&r, 0, RIG_VA), 0);
    *rig_pte(&r, RIG_VA) = 0;
    assert_int_equal(store(&r, 0, RIG_VA), 0); /* the hardware does not mind */
    assert_int_equal(mw_board_read_stale_finding(r.board, 0, &found), -ENOENT);
    memset(&none, 0, sizeof(none));
    mw_board_read_stale_counters(r.board, &counters);
    assert_memory_equal(&counters, &none, sizeof(none));
    rig_stop(&r);
}

static void each_allocation_may_fail_or_is_done_without(void **state)
{
    struct mw_board_config config;
    struct mw_board *board;
    unsigned refused = 0;

    (void)state;
    rig_config(&config, true);
    config.detect_stale = true;
    for (config.fail_allocation = 1; config.fail_allocation < 40; config.fail_allocation++) {
        int err = mw_board_new(&config, &board);

        assert_true(err == 0 || err == -ENOMEM);
        refused += err != 0;
        if (err == 0)
            mw_board_free(board);
    }
    assert_true(refused > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fence_on_one_hart_only_is_missing_on_the_other),
        cmocka_unit_test(a_dirty_bit_that_is_cleared_without_a_fence_is_lost),
        cmocka_unit_test(an_access_that_crosses_watches_both_pages),
        cmocka_unit_test(another_root_for_an_asid_in_use_needs_a_fence),
        cmocka_unit_test(fences_in_time_leave_nothing_to_find),
        cmocka_unit_test(without_detection_nothing_is_found_or_counted),
        cmocka_unit_test(each_allocation_may_fail_or_is_done_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
