/*
 * The stale-translation detector: how it tells a finding, what it knows of who changed a PTE, its
 * limits, and that it changes nothing.
 */
#include "stale_world.h"

/* ---- how it is told ---- */

static void a_missing_fence_is_told_once_and_again_only_when_more_is_lost(void **state)
{
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_STORE));
    change(&s, pte_without(s.pte, PTE_W));
    world_listen(&s.w);
    for (unsigned i = 0; i < 3; i++)
        assert_true(use(&s, i, MW_LOAD));
    assert_int_equal(only_finding(&s)->loss, MW_LOSS_NONE);
    assert_null(world_event(&s.w, MW_EVENT_STALE_USE, 1));
    assert_true(use(&s, 16, MW_STORE));
    assert_true(use(&s, 17, MW_LOAD));
    assert_int_equal(only_finding(&s)->loss, MW_LOSS_PROTECTION);
    assert_int_equal(only_finding(&s)->va, VA + 16);
    assert_non_null(world_event(&s.w, MW_EVENT_STALE_USE, 1));
    assert_null(world_event(&s.w, MW_EVENT_STALE_USE, 2));
    assert_int_equal(counters(&s).uses, 5);
    assert_int_equal(stale_hart_uses(s.stale, 0), 5);

    change(&s, pte_none()); /* another change is another fence that is missing */
    assert_true(use(&s, 0, MW_LOAD));
    assert_int_equal(counters(&s).findings, 2);
    stop(&s);
}

static void a_finding_is_three_events_of_one_operation(void **state)
{
    const struct mw_event *used, *changed, *fence;
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_STORE));
    s.w.bus.pid = 5;
    stale_note_call(s.stale, MW_CALL_munmap);
    change(&s, pte_none());
    s.w.bus.pid = 6;
    world_listen(&s.w);
    assert_true(use(&s, 4, MW_STORE));
    used = world_event(&s.w, MW_EVENT_STALE_USE, 0);
    changed = world_event(&s.w, MW_EVENT_STALE_CHANGE, 0);
    fence = world_event(&s.w, MW_EVENT_STALE_FENCE, 0);
    assert_true(used != NULL && changed != NULL && fence != NULL);
    assert_true(used->op != 0 && changed->op == used->op && fence->op == used->op);
    assert_int_equal(s.w.bus.op, 0);
    assert_int_equal(used->pid, 6);
    assert_int_equal(used->arg[0], VA + 4);
    assert_int_equal(used->arg[4], MW_STALE_UNMAPPED);
    assert_int_equal(used->arg[5], MW_LOSS_WRITE);
    assert_int_equal(changed->arg[0], s.slot.raw);
    assert_int_equal(changed->arg[1], s.pte.raw);
    assert_int_equal(changed->arg[2], 0);
    assert_int_equal(changed->arg[4], 5);
    assert_int_equal(fence->arg[0], MW_FENCE_PROTECT);
    assert_int_equal(fence->arg[2], VA);
    assert_int_equal(only_finding(&s)->op, used->op);
    assert_int_equal(only_finding(&s)->changed_call, MW_CALL_munmap);
    stop(&s);
}

static void a_finding_reads_as_one_line(void **state)
{
    struct stale_world s;
    char line[1024], part[16];
    int length;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_STORE));
    for (unsigned i = 0; i < 5; i++) /* whose time is not on the clock before it is asked for */
        assert_true(use(&s, i, MW_STORE));
    s.w.bus.pid = 5;
    s.w.bus.hart = 2;
    stale_note_call(s.stale, MW_CALL_munmap);
    assert_true(event_op_begin(&s.w.bus));
    change(&s, pte_none());
    event_op_end(&s.w.bus, true);
    s.w.bus.pid = 6;
    assert_true(use(&s, 4, MW_STORE));
    assert_int_equal(s.w.bus.hart, 2);
    length = mw_stale_format(only_finding(&s), line, sizeof(line));
    assert_int_equal(length, strlen(line));
    assert_string_equal(
        line, "stale translation: pid 6 on hart 0 (operation 3, 305 ns): store at 0x40200004, "
              "ASID 1, used 0x00000000240000c7 DA---WRV of l1d, tables say 0x0000000000000000 "
              "--------: nothing is mapped there any more; lost: write, a store went to a frame "
              "that is not mapped there; pid 5 on hart 2 (operation 2, munmap) changed the PTE at "
              "0x80002000 from 0x00000000240000c7 DA---WRV to 0x0000000000000000 -------- at 305 "
              "ns; missing: sfence.vma 0x40200000, 1 on hart 0 (protect: mprotect took rights "
              "away)");
    assert_int_equal(mw_stale_format(only_finding(&s), part, sizeof(part)), length);
    assert_string_equal(part, "stale translati");
    stop(&s);
}

static void what_the_log_does_not_know_is_said_to_be_unknown(void **state)
{
    const struct mw_stale_finding *f;
    struct stale_world s;
    char line[1024];

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_STORE));
    world_write_pte(&s.w, s.slot, pte_none());
    world_listen(&s.w);
    assert_true(use(&s, 0, MW_STORE));
    f = only_finding(&s);
    assert_false(f->known);
    assert_int_equal(f->site, MW_FENCE_NONE);
    assert_int_equal(f->loss, MW_LOSS_WRITE);
    assert_int_equal(f->fence_va, VA);
    assert_null(world_event(&s.w, MW_EVENT_STALE_CHANGE, 0));
    assert_true(mw_stale_format(f, line, sizeof(line)) < (int)sizeof(line));
    assert_non_null(strstr(line, "who changed the tables is not known; missing: sfence.vma"));
    stop(&s);
}

/* ---- sweeps: changes that nobody tells ---- */

static void a_sweep_dates_a_change_between_itself_and_the_one_before(void **state)
{
    const struct mw_stale_finding *f;
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, true);
    map(&s, 0, FRAME, LEAF_RW & ~PTE_D);
    assert_true(use(&s, 0, MW_LOAD));
    stale_watch(s.stale, &s.w.hart, VA);
    assert_true(use(&s, 0, MW_STORE)); /* hardware sets D: no change of anybody's */
    clock_advance(&s.w.clock, 1000);
    stale_sweep(s.stale, &s.w.hart);
    world_write_pte(&s.w, s.slot, pte_none());
    clock_advance(&s.w.clock, 1000);
    stale_sweep(s.stale, &s.w.hart);
    world_write_pte(&s.w, s.slot, pte_make(paddr(OTHER), LEAF_RW)); /* newly valid: no news */
    stale_sweep(s.stale, &s.w.hart);
    assert_true(use(&s, 0, MW_STORE));
    f = only_finding(&s);
    assert_true(f->known);
    assert_int_equal(f->kind, MW_STALE_FRAME);
    assert_int_equal(f->old_value, s.pte.raw | PTE_D);
    assert_int_equal(f->new_value, 0);
    assert_int_equal(f->changed_to_ns - f->changed_from_ns, 1000);
    assert_int_equal(f->changed_call, MW_CALL_COUNT);
    stop(&s);
}

static void a_sweep_sees_pointers_and_what_was_prefetched(void **state)
{
    struct mw_tlbs tlbs = world_tlbs(4, 2);
    struct stale_world s;

    (void)state;
    tlbs.prefetch = 1;
    start(&s, tlbs, 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    s.slot = world_map(&s.w, MW_MODE_SV39, VA + PAGE_BYTES, 0, pte_make(paddr(OTHER), LEAF_RW));
    assert_true(use(&s, 0, MW_LOAD));
    stale_watch(s.stale, &s.w.hart, VA);
    world_write_pte(&s.w, s.slot, pte_none());
    stale_sweep(s.stale, &s.w.hart);
    assert_true(use(&s, PAGE_BYTES, MW_LOAD));
    assert_int_equal(only_finding(&s)->pte_address, s.slot.raw);

    s.slot = world_slot(s.w.root, VA, 2);
    world_write_pte(&s.w, s.slot, pte_none());
    stale_sweep(s.stale, &s.w.hart);
    assert_true(use(&s, 0, MW_LOAD));
    assert_int_equal(counters(&s).findings, 2);
    assert_int_equal(stale_finding(s.stale, 1)->pte_address, s.slot.raw);
    stop(&s);
}

/* ---- limits ---- */

static void without_memory_for_its_log_it_finds_all_the_same(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at <= 3; fail_at++) {
        struct stale_world s;

        start(&s, world_tlbs(4, 2), fail_at, false);
        assert_int_equal(s.stale == NULL, fail_at == 1);
        map(&s, 0, FRAME, LEAF_RW);
        assert_true(use(&s, 0, MW_STORE));
        if (s.stale != NULL) {
            stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE);
            stale_watch(s.stale, &s.w.hart, VA);
            stale_sweep(s.stale, &s.w.hart);
            change(&s, pte_none());
            assert_true(use(&s, 0, MW_STORE));
            assert_false(only_finding(&s)->known);
            assert_true(stale_check(s.stale));
        }
        stale_free(s.stale);
        hart_destroy(&s.w.hart);
        world_destroy(&s.w);
    }
}

static void findings_are_bounded_and_the_rest_is_counted(void **state)
{
    const unsigned pages = MW_STALE_FINDINGS_MAX + 7;
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(128, 4), 0, false);
    for (unsigned i = 0; i < pages; i++) {
        world_map(&s.w, MW_MODE_SV39, VA + i * PAGE_BYTES, 0, pte_make(paddr(FRAME), LEAF_RW));
        assert_true(use(&s, i * PAGE_BYTES, MW_LOAD));
    }
    for (unsigned i = 0; i < pages; i++) {
        s.slot =
            world_map(&s.w, MW_MODE_SV39, VA + i * PAGE_BYTES, 0, pte_make(paddr(FRAME), LEAF_RW));
        change(&s, pte_none());
        assert_true(use(&s, i * PAGE_BYTES, MW_LOAD));
    }
    assert_int_equal(counters(&s).uses, pages);
    assert_int_equal(counters(&s).findings, MW_STALE_FINDINGS_MAX);
    assert_int_equal(counters(&s).untold, 7);
    assert_non_null(stale_finding(s.stale, MW_STALE_FINDINGS_MAX - 1));
    assert_null(stale_finding(s.stale, MW_STALE_FINDINGS_MAX));
    stop(&s);
}

static void the_log_forgets_what_was_used_longest_ago(void **state)
{
    const struct stale_change who = {.pid = 1};
    const unsigned count = STALE_LOG_BUCKETS * STALE_LOG_WAYS * 2;
    struct alloc alloc = {0};
    struct stale_log log;
    unsigned known = 0;

    (void)state;
    stale_log_init(&log, &alloc);
    for (unsigned i = 0; i < count; i++)
        stale_log_change_pte(&log, paddr(i * PTE_BYTES), pte_make(paddr(FRAME), LEAF_RW),
                             pte_none(), &who);
    assert_true(stale_log_check(&log));
    for (unsigned i = 0; i < count; i++)
        known += stale_log_pte(&log, paddr(i * PTE_BYTES)) != NULL;
    assert_true(known > 0 && known <= count / 2);
    for (unsigned i = count - 64; i < count; i++)
        assert_int_equal(stale_log_pte(&log, paddr(i * PTE_BYTES))->number, i + 1);
    stale_log_watch(&log, paddr(count * PTE_BYTES), pte_none());
    assert_null(stale_log_pte(&log, paddr(count * PTE_BYTES)));
    log.keys[0] = log.keys[STALE_LOG_WAYS]; /* a key in a bucket that is not its own */
    assert_false(stale_log_check(&log));
    stale_log_destroy(&log);
    assert_int_equal(alloc.live_blocks, 0);
}

/* ---- exact ---- */

/* The same accesses with and without: what a program can see of time and counters is the same. */
static void detecting_changes_neither_time_nor_counters_nor_memory(void **state)
{
    uint64_t time[2], hits[2], references[2], pte[2];

    (void)state;
    for (unsigned on = 0; on < 2; on++) {
        struct mw_tlbs tlbs = with_walk_cache();
        struct stale_world s;

        tlbs.l1d = world_tlbs(4, 2).l1d;
        start(&s, tlbs, 0, true);
        s.w.hart.stale = on != 0 ? s.stale : NULL;
        map(&s, 0, FRAME, LEAF_RW & ~PTE_A & ~PTE_D);
        world_map(&s.w, MW_MODE_SV39, VA + PAGE_BYTES, 0, s.pte);
        for (unsigned i = 0; i < 40; i++) {
            (void)use(&s, i * 0x600 % (3 * PAGE_BYTES), i % 3 == 0 ? MW_STORE : MW_LOAD);
            if (i % 8 == 5)
                change(&s, pte_without(world_read_pte(&s.w, s.slot), PTE_D));
        }
        hart_settle_time(&s.w.hart);
        time[on] = s.w.clock.now_ns;
        hits[on] = hart_hits(&s.w.hart, MW_LOAD) + hart_hits(&s.w.hart, MW_STORE);
        references[on] = s.w.hart.walk_cache.counters.references;
        pte[on] = world_read_pte(&s.w, s.slot).raw;
        assert_int_equal(counters(&s).uses != 0, on != 0);
        stop(&s);
    }
    assert_int_equal(time[0], time[1]);
    assert_int_equal(hits[0], hits[1]);
    assert_int_equal(references[0], references[1]);
    assert_int_equal(pte[0], pte[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_fence_is_told_once_and_again_only_when_more_is_lost),
        cmocka_unit_test(a_finding_is_three_events_of_one_operation),
        cmocka_unit_test(a_finding_reads_as_one_line),
        cmocka_unit_test(what_the_log_does_not_know_is_said_to_be_unknown),
        cmocka_unit_test(a_sweep_dates_a_change_between_itself_and_the_one_before),
        cmocka_unit_test(a_sweep_sees_pointers_and_what_was_prefetched),
        cmocka_unit_test(without_memory_for_its_log_it_finds_all_the_same),
        cmocka_unit_test(findings_are_bounded_and_the_rest_is_counted),
        cmocka_unit_test(the_log_forgets_what_was_used_longest_ago),
        cmocka_unit_test(detecting_changes_neither_time_nor_counters_nor_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
