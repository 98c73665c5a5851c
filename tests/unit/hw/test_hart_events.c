/*
 * What a hart tells: simulated time, events and their operations; and what its checker finds.
 */
#include "unit/hw/one_hart.h"

/* ---- time ---- */

static void a_miss_pays_per_fetch_and_hits_pay_when_time_is_settled(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(w.clock.now_ns, 300);
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA, MW_STORE));
    assert_int_equal(w.clock.now_ns, 300);
    hart_settle_time(&w.hart);
    assert_int_equal(w.clock.now_ns, 302);
    hart_settle_time(&w.hart);
    assert_int_equal(w.clock.now_ns, 302);
    assert_true(access_ok(&w, VA, MW_LOAD));
    world_listen(&w); /* from now on somebody looks at the clock: a miss settles first */
    access_trap(&w, VA + PAGE_BYTES, MW_LOAD);
    assert_int_equal(world_event(&w, MW_EVENT_TLB_MISS, 0)->time_ns, 303);
    assert_int_equal(w.clock.now_ns, 603);
    finish(&w);
}

static void registers_and_fences_settle_time_first(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA, MW_LOAD));
    world_listen(&w);
    hart_sfence(&w.hart, true, VA + PAGE_BYTES, false, 0);
    assert_int_equal(w.event[0].time_ns, 301);
    assert_true(access_ok(&w, VA, MW_LOAD));
    hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 1);
    assert_int_equal(world_event(&w, MW_EVENT_SATP, 0)->time_ns, 302);
    finish(&w);
}

/* ---- events and operations ---- */

static void a_miss_tells_its_story_in_one_operation(void **state)
{
    const enum mw_event_kind story[] = {MW_EVENT_TLB_MISS,  MW_EVENT_WALK_STEP, MW_EVENT_WALK_STEP,
                                        MW_EVENT_WALK_STEP, MW_EVENT_WALK_END,  MW_EVENT_TLB_FILL,
                                        MW_EVENT_TLB_HIT};
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    world_listen(&w);
    assert_true(access_ok(&w, VA + 9, MW_STORE));
    assert_true(access_ok(&w, VA + 9, MW_STORE));
    assert_int_equal(w.events, 7);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(w.event[i].kind, story[i]);
        assert_int_equal(w.event[i].op, i < 6 ? 1 : 0);
    }
    assert_int_equal(w.event[0].arg[0], VA + 9);
    assert_int_equal(w.event[0].arg[1], MW_STORE);
    assert_int_equal(w.event[0].arg[2], 1);
    assert_int_equal(w.event[6].arg[0], VA + 9);
    assert_int_equal(w.event[6].arg[1], MW_STORE);
    assert_int_equal(w.event[6].arg[2], MW_TLB_L1D);
    assert_int_equal(w.event[6].arg[3], MW_SIZE_4K);
    finish(&w);
}

static void a_trap_leaves_the_operation_open_for_its_repair_and_retry(void **state)
{
    const struct mw_event *e;
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    world_listen(&w);
    assert_null(hart_translate(&w.hart, VA, MW_LOAD, &trap));
    assert_true(trap.opened_op);
    assert_int_equal(w.bus.op, 1);
    e = world_event(&w, MW_EVENT_TRAP, 0);
    assert_int_equal(e->op, 1);
    assert_int_equal(e->arg[0], VA);
    assert_int_equal(e->arg[1], MW_LOAD);
    assert_int_equal(e->arg[2], MW_CAUSE_LOAD_PAGE);
    assert_int_equal(e->arg[3], MW_WALK_INVALID);
    map(&w, VA, 0, LEAF_RW);
    assert_non_null(hart_translate(&w.hart, VA, MW_LOAD, &(struct trap){0}));
    assert_int_equal(w.bus.op, 1); /* the retry has not ended what it did not begin */
    assert_int_equal(world_event(&w, MW_EVENT_TLB_FILL, 0)->op, 1);
    event_op_end(&w.bus, trap.opened_op);
    assert_int_equal(w.bus.op, 0);
    finish(&w);
}

static void an_operation_under_way_is_kept(void **state)
{
    struct trap trap;
    struct world w;
    bool began;

    (void)state;
    start(&w);
    began = event_op_begin(&w.bus);
    assert_null(hart_translate(&w.hart, VA, MW_LOAD, &trap));
    assert_false(trap.opened_op);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(w.bus.op, 1);
    event_op_end(&w.bus, began);
    assert_int_equal(w.bus.last_op, 1);
    finish(&w);
}

static void both_pages_of_a_crossing_access_share_an_operation(void **state)
{
    uint64_t value = 0;
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    world_listen(&w);
    assert_false(hart_load(&w.hart, VA + PAGE_BYTES - 1, &value, 8, MW_LOAD, &trap));
    assert_true(trap.opened_op);
    for (unsigned i = 0; i < w.events; i++)
        assert_int_equal(w.event[i].op, 1);
    assert_int_equal(world_event(&w, MW_EVENT_TLB_MISS, 1)->arg[0], VA + PAGE_BYTES);
    event_op_end(&w.bus, trap.opened_op);
    map(&w, VA + PAGE_BYTES, 1, LEAF_RW);
    assert_true(hart_load(&w.hart, VA + PAGE_BYTES - 1, &value, 8, MW_LOAD, &trap));
    assert_int_equal(w.bus.op, 0);
    finish(&w);
}

static void events_name_the_hart_and_a_remote_fence_gives_the_bus_back(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    w.hart.id = 5;
    world_listen(&w);
    assert_true(access_ok(&w, VA, MW_LOAD));
    w.bus.hart = 2;
    hart_sfence(&w.hart, false, 0, false, 0);
    assert_int_equal(w.bus.hart, 2);
    for (unsigned i = 0; i < w.events; i++)
        assert_int_equal(w.event[i].hart, 5);
    hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 4);
    assert_int_equal(world_event(&w, MW_EVENT_SATP, 0)->arg[0], 4);
    assert_int_equal(world_event(&w, MW_EVENT_SATP, 0)->arg[1], w.root.raw);
    finish(&w);
}

/* ---- the checker ---- */

static bool check(struct world *w)
{
    return hart_check_tlb(&w->hart, MW_MODE_SV39, w->root, 1);
}

static void the_checker_finds_an_entry_that_permits_more_than_memory(void **state)
{
    const uint64_t weaker[] = {
        0, LEAF_RW & ~PTE_V, LEAF_RW & ~PTE_W, LEAF_RW & ~PTE_A, LEAF_RW & ~PTE_D, LEAF_RW | PTE_U};
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_true(check(&w));
    for (size_t i = 0; i < sizeof(weaker) / sizeof(weaker[0]); i++) {
        map(&w, VA, 0, weaker[i]);
        assert_false(check(&w));
    }
    map(&w, VA, 0, LEAF_RWX); /* more is no harm */
    assert_true(check(&w));
    map(&w, VA, 1, LEAF_RW); /* another frame */
    assert_false(check(&w));
    assert_true(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 2)); /* not of that address space */
    hart_sfence(&w.hart, true, VA, true, 1);
    assert_true(check(&w));
    finish(&w);
}

static void the_checker_finds_a_superpage_that_has_been_split(void **state)
{
    struct world w;
    vaddr_t va = level_bytes(1) * 9;

    (void)state;
    start(&w);
    world_map(&w, MW_MODE_SV39, va, 1, page_of(0, LEAF_RW));
    assert_true(access_ok(&w, va, MW_LOAD));
    assert_true(check(&w));
    world_map(&w, MW_MODE_SV39, va, 1, pte_none());
    map(&w, va, 0, LEAF_RW);
    assert_false(check(&w));
    finish(&w);
}

static void the_checker_looks_at_global_entries_too(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW | PTE_G);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_true(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 77));
    map(&w, VA, 0, 0);
    assert_false(hart_check_tlb(&w.hart, MW_MODE_SV39, w.root, 77));
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_miss_pays_per_fetch_and_hits_pay_when_time_is_settled),
        cmocka_unit_test(registers_and_fences_settle_time_first),
        cmocka_unit_test(a_miss_tells_its_story_in_one_operation),
        cmocka_unit_test(a_trap_leaves_the_operation_open_for_its_repair_and_retry),
        cmocka_unit_test(an_operation_under_way_is_kept),
        cmocka_unit_test(both_pages_of_a_crossing_access_share_an_operation),
        cmocka_unit_test(events_name_the_hart_and_a_remote_fence_gives_the_bus_back),
        cmocka_unit_test(the_checker_finds_an_entry_that_permits_more_than_memory),
        cmocka_unit_test(the_checker_finds_a_superpage_that_has_been_split),
        cmocka_unit_test(the_checker_looks_at_global_entries_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
