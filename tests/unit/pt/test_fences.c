/*
 * Every fence of the kernel, left out one at a time: the detector must name it.
 *
 * Each site has a scenario that needs its fence. It runs with all fences, when nothing may be found,
 * and without this one, when every finding must name this site, the hart on which the fence was left
 * out, and what was lost there. Once with one hart, which changes the tables and uses them, and once
 * with four, of which hart 0 makes the change and hart 3 is the one that is not told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hw/stale.h"
#include "pt/tlb_batch.h"

#define RAM_FRAMES 600u
#define HARTS      4u
#define SPACES     6u
#define USER_RW    (PTE_V | PTE_R | PTE_W | PTE_U)
#define VA         ((vaddr_t)0x3f00000000)
#define EVERYTHING ((struct range){0, (vaddr_t)1 << 38})
#define KERNEL_PID 7u /* on whose behalf the tables are changed */

struct rig {
    struct alloc alloc;
    struct ram ram;
    struct clock clock;
    struct event_bus bus;
    struct frame_table frames;
    struct hart *harts;
    unsigned count;
    struct hart_set set;
    struct stale *stale;
    struct pt pt[SPACES];
    uint64_t changed_op;
};

static void rig_up(struct rig *r, unsigned harts, unsigned asid_bits)
{
    struct hart_setup setup = {.asid_bits = 16, .hardware_ad = true, .plain = true};

    memset(r, 0, sizeof(*r));
    assert_int_equal(mw_tlbs_preset(&setup.tlbs, "two-level"), 0);
    assert_int_equal(mw_tlb_parse("8x1", 1, &setup.tlbs.walk_cache), 0);
    event_bus_init(&r->bus, &r->clock);
    assert_int_equal(ram_init(&r->ram, paddr(0x80000000), RAM_FRAMES * PAGE_BYTES, 0), 0);
    assert_int_equal(frame_table_init(&r->frames, &r->ram, &r->bus, &r->clock, 0, 0), 0);
    assert_int_equal(hart_new_all(&r->harts, harts, &setup, &r->alloc, &r->ram, &r->bus, &r->clock),
                     0);
    r->count = harts;
    r->stale = stale_new(&r->alloc, &r->ram, &r->bus, r->harts, harts);
    assert_non_null(r->stale);
    for (unsigned i = 0; i < harts; i++) {
        hart_set_privilege(&r->harts[i], true, false, false);
        r->harts[i].stale = r->stale;
    }
    hart_set_init(&r->set, r->harts, harts, asid_bits, &r->clock, 30, 1000);
    for (unsigned i = 0; i < SPACES; i++)
        assert_int_equal(pt_init(&r->pt[i], &r->frames, &r->set, MW_MODE_SV39), 0);
}

static void rig_down(struct rig *r)
{
    struct tlb_batch batch;

    assert_true(stale_check(r->stale));
    for (unsigned i = 0; i < SPACES; i++) {
        tlb_batch_begin(&batch, &r->pt[i], MW_FENCE_UNMAP);
        pt_unmap_range(&r->pt[i], EVERYTHING, &batch, NULL, NULL);
        tlb_batch_finish(&batch);
        pt_destroy(&r->pt[i]);
    }
    assert_int_equal(r->frames.used, 0);
    stale_free(r->stale);
    hart_free_all(r->harts, r->count, &r->alloc);
    frame_table_destroy(&r->frames);
    ram_destroy(&r->ram);
    assert_int_equal(r->alloc.live_blocks, 0);
}

static void map_page(struct rig *r, struct pt *pt, vaddr_t va, struct tlb_batch *batch)
{
    struct frame *frame = frame_alloc(&r->frames, MW_OWNER_ANONYMOUS, true);

    assert_non_null(frame);
    frame_soil(frame);
    assert_int_equal(pt_install(pt, va, pte_make(frame_paddr(&r->frames, frame), USER_RW), batch),
                     0);
}

static void map_new(struct rig *r, unsigned space, vaddr_t va)
{
    struct tlb_batch batch;

    tlb_batch_begin(&batch, &r->pt[space], MW_FENCE_REPLACE);
    map_page(r, &r->pt[space], va, &batch);
    tlb_batch_finish(&batch);
}

/* A trap is as good as bytes here: what counts is what the hart used on the way. */
static void touch(struct rig *r, unsigned hart, enum mw_access access)
{
    struct trap trap;

    r->bus.pid = hart + 1;
    if (hart_translate(&r->harts[hart], VA, access, &trap) == NULL)
        event_op_end(&r->bus, trap.opened_op);
}

/* Every hart runs space 0 and has stored to the page: they all know everything about it. */
static void begin_with_page(struct rig *r)
{
    map_new(r, 0, VA);
    for (unsigned i = 0; i < r->count; i++) {
        pt_activate(&r->pt[0], &r->harts[i]);
        touch(r, i, MW_STORE);
    }
}

/* The change is hart 0's, on behalf of a process of its own, in an operation. */
static bool begin_change(struct rig *r)
{
    bool opened = event_op_begin(&r->bus);

    clock_advance(&r->clock, 500);
    r->bus.hart = 0;
    r->bus.pid = KERNEL_PID;
    r->changed_op = r->bus.op;
    return opened;
}

/* What is done to the page of space 0, by a batch of its site. */
typedef void change(struct rig *r, struct tlb_batch *batch);

static void change_unmap(struct rig *r, struct tlb_batch *batch)
{
    pt_unmap_range(&r->pt[0], (struct range){VA, VA + PAGE_BYTES}, batch, NULL, NULL);
}

static void change_protect(struct rig *r, struct tlb_batch *batch)
{
    pt_protect_range(&r->pt[0], (struct range){VA, VA + PAGE_BYTES}, PTE_R | PTE_U, batch, NULL,
                     NULL);
}

static void change_fork(struct rig *r, struct tlb_batch *batch)
{
    assert_int_equal(pt_copy_range(&r->pt[1], &r->pt[0], EVERYTHING, true, batch), 0);
}

static void change_replace(struct rig *r, struct tlb_batch *batch)
{
    map_page(r, &r->pt[0], VA, batch);
}

static void change_clean(struct rig *r, struct tlb_batch *batch)
{
    assert_true(pt_clean(&r->pt[0], (struct range){VA, VA + PAGE_BYTES}, batch));
}

static void run_change(struct rig *r, enum mw_fence site, change *make)
{
    struct tlb_batch batch;
    bool opened = begin_change(r);

    tlb_batch_begin(&batch, &r->pt[0], site);
    make(r, &batch);
    tlb_batch_finish(&batch);
    event_op_end(&r->bus, opened);
}

/* One scenario: what needs which fence, and what is lost without it. */
struct fence_case {
    enum mw_fence site;
    change *make; /* NULL: a scenario of its own, see run_case */
    enum mw_access access;
    enum mw_stale kind;
    enum mw_loss loss;
    bool has_va; /* of the fence that is missing */
    bool has_asid;
};

static const struct fence_case cases[] = {
    {MW_FENCE_UNMAP, change_unmap, MW_STORE, MW_STALE_UNMAPPED, MW_LOSS_WRITE, true, true},
    {MW_FENCE_PROTECT, change_protect, MW_STORE, MW_STALE_RIGHTS, MW_LOSS_PROTECTION, true, true},
    {MW_FENCE_FORK, change_fork, MW_STORE, MW_STALE_RIGHTS, MW_LOSS_PROTECTION, true, true},
    {MW_FENCE_REPLACE, change_replace, MW_LOAD, MW_STALE_FRAME, MW_LOSS_READ, true, true},
    {MW_FENCE_TRUNCATE, change_unmap, MW_LOAD, MW_STALE_UNMAPPED, MW_LOSS_READ, true, true},
    {MW_FENCE_CLEAN, change_clean, MW_STORE, MW_STALE_RIGHTS, MW_LOSS_PROTECTION, true, true},
    {MW_FENCE_TABLE, change_unmap, MW_LOAD, MW_STALE_POINTER, MW_LOSS_WALK, false, true},
    {MW_FENCE_ROLLOVER, NULL, MW_LOAD, MW_STALE_FRAME, MW_LOSS_READ, false, true},
    {MW_FENCE_SWITCH, NULL, MW_STORE, MW_STALE_FRAME, MW_LOSS_WRITE, false, true},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* The page goes or changes, while another one keeps the tables in place, or none does. */
static void run_page(struct rig *r, const struct fence_case *c)
{
    begin_with_page(r);
    if (c->site != MW_FENCE_TABLE)
        map_new(r, 0, VA + PAGE_BYTES);
    run_change(r, c->site == MW_FENCE_TABLE ? MW_FENCE_UNMAP : c->site, c->make);
}

/*
 * The user hart leaves translations of space 0 behind under ASID 0, then hart 0 uses up the ASIDs, so
 * that ASID 0 becomes that of the last space, which the user hart enters.
 */
static void run_rollover(struct rig *r, unsigned user, unsigned last)
{
    map_new(r, 0, VA);
    map_new(r, last, VA);
    pt_activate(&r->pt[0], &r->harts[user]);
    touch(r, user, MW_STORE);
    pt_activate(&r->pt[1], &r->harts[user]);
    begin_change(r);
    for (unsigned i = 2; i <= last; i++)
        pt_activate(&r->pt[i], &r->harts[0]);
    assert_int_equal(r->set.rollovers, 1);
    assert_int_equal(r->pt[last].asid, 0);
    pt_activate(&r->pt[last], &r->harts[user]);
    event_op_end(&r->bus, true);
}

/* Without ASIDs: every hart turns from space 0 to space 1. */
static void run_switch(struct rig *r)
{
    begin_with_page(r);
    map_new(r, 1, VA);
    begin_change(r);
    for (unsigned i = 0; i < r->count; i++)
        pt_activate(&r->pt[1], &r->harts[i]);
    event_op_end(&r->bus, true);
}

/* Runs one scenario to the access that shows whether its fence was there, on every hart. */
static void run_case(struct rig *r, const struct fence_case *c, unsigned user)
{
    if (c->site == MW_FENCE_ROLLOVER)
        run_rollover(r, user, r->set.asid_limit);
    else if (c->site == MW_FENCE_SWITCH)
        run_switch(r);
    else
        run_page(r, c);
    clock_advance(&r->clock, 100);
    for (unsigned i = 0; i < r->count; i++)
        if (c->site != MW_FENCE_ROLLOVER || i == user)
            touch(r, i, c->access);
}

static unsigned case_asid_bits(const struct fence_case *c, unsigned harts)
{
    if (c->site == MW_FENCE_SWITCH)
        return 0;
    return c->site == MW_FENCE_ROLLOVER ? (harts == 1 ? 1 : 2) : 4;
}

static void assert_names(const struct rig *r, const struct fence_case *c, unsigned user,
                         const struct mw_stale_finding *f)
{
    bool by_satp = c->make == NULL;

    assert_int_equal(f->site, c->site);
    assert_int_equal(f->hart, user);
    assert_int_equal(f->pid, user + 1);
    assert_int_equal(f->va, VA);
    assert_int_equal(f->kind, c->kind);
    assert_int_equal(f->loss, c->loss);
    assert_int_equal(f->access, c->access);
    assert_true(f->known);
    assert_int_equal(f->by_satp, by_satp);
    assert_int_equal(f->changed_pid, KERNEL_PID);
    assert_int_equal(f->changed_op, r->changed_op);
    assert_int_equal(f->changed_hart, by_satp ? user : 0);
    assert_true(f->changed_to_ns >= 500 && f->changed_to_ns < f->time_ns);
    assert_int_equal(f->changed_from_ns, f->changed_to_ns);
    assert_int_equal(f->fence_has_va, c->has_va);
    assert_int_equal(f->fence_va, c->has_va ? VA : 0);
    assert_int_equal(f->fence_has_asid, c->has_asid);
    assert_int_equal(f->fence_asid, r->harts[user].asid);
}

static void check_case(const struct fence_case *c, unsigned harts, bool left_out)
{
    struct mw_stale_counters counters;
    unsigned user = harts - 1;
    struct rig *r = test_malloc(sizeof(*r));

    rig_up(r, harts, case_asid_bits(c, harts));
    if (left_out) {
        r->set.leave_out_sites = 1u << c->site;
        r->set.leave_out_harts = (uint64_t)1 << user;
    }
    run_case(r, c, user);
    stale_read_counters(r->stale, &counters);
    assert_int_equal(counters.findings, left_out ? 1 : 0);
    assert_int_equal(counters.uses, counters.findings);
    assert_int_equal(counters.by_loss[c->loss], counters.findings);
    assert_int_equal(stale_hart_uses(r->stale, user), counters.uses);
    if (left_out)
        assert_names(r, c, user, stale_finding(r->stale, 0));
    assert_null(stale_finding(r->stale, counters.findings));
    r->set.leave_out_sites = 0;
    rig_down(r);
    test_free(r);
}

static void every_fence_has_a_scenario(void **state)
{
    (void)state;
    for (unsigned site = MW_FENCE_NONE + 1; site < MW_FENCE_COUNT; site++) {
        unsigned count = 0;

        for (unsigned i = 0; i < CASES; i++)
            count += cases[i].site == site;
        assert_int_equal(count, 1);
    }
}

static void with_all_fences_nothing_is_found_on_one_hart_or_four(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        check_case(&cases[i], 1, false);
        check_case(&cases[i], HARTS, false);
    }
}

static void each_fence_that_is_left_out_on_a_single_hart_is_named(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++)
        check_case(&cases[i], 1, true);
}

static void each_fence_that_is_left_out_on_one_hart_of_four_is_named(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++)
        check_case(&cases[i], HARTS, true);
}

/* A shootdown of more pages than a batch can name flushes the ASID: that fence can be missing too. */
static void a_large_shootdown_that_is_left_out_is_named_for_each_page(void **state)
{
    const unsigned pages = TLB_BATCH_PAGES + 1;
    struct mw_stale_counters counters;
    struct rig *r = test_malloc(sizeof(*r));
    struct tlb_batch batch;
    struct trap trap;

    (void)state;
    rig_up(r, 1, 4);
    pt_activate(&r->pt[0], &r->harts[0]);
    for (unsigned i = 0; i < pages + 1; i++) { /* the last keeps the table */
        map_new(r, 0, VA + i * PAGE_BYTES);
        assert_non_null(hart_translate(&r->harts[0], VA + i * PAGE_BYTES, MW_LOAD, &trap));
    }
    r->set.leave_out_sites = 1u << MW_FENCE_UNMAP;
    r->set.leave_out_harts = 1;
    tlb_batch_begin(&batch, &r->pt[0], MW_FENCE_UNMAP);
    pt_unmap_range(&r->pt[0], (struct range){VA, VA + pages * PAGE_BYTES}, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    for (unsigned i = 0; i < pages * 2; i++)
        assert_non_null(hart_translate(&r->harts[0], VA + i % pages * PAGE_BYTES, MW_LOAD, &trap));
    stale_read_counters(r->stale, &counters);
    assert_int_equal(counters.findings, pages);
    assert_int_equal(counters.uses, pages * 2);
    for (unsigned i = 0; i < pages; i++) {
        assert_int_equal(stale_finding(r->stale, i)->site, MW_FENCE_UNMAP);
        assert_int_equal(stale_finding(r->stale, i)->fence_va, VA + i * PAGE_BYTES);
    }
    r->set.leave_out_sites = 0;
    rig_down(r);
    test_free(r);
}

static void the_fence_for_a_table_takes_the_pages_along(void **state)
{
    const struct fence_case *table = &cases[6];
    struct mw_stale_counters counters;
    struct rig *r = test_malloc(sizeof(*r));

    (void)state;
    assert_int_equal(table->site, MW_FENCE_TABLE);
    rig_up(r, 1, 4);
    r->set.leave_out_sites = 1u << MW_FENCE_UNMAP;
    r->set.leave_out_harts = 1;
    run_case(r, table, 0);
    stale_read_counters(r->stale, &counters);
    assert_int_equal(counters.uses, 0);
    rig_down(r);
    test_free(r);
}

struct seen {
    unsigned count;
    uint64_t site;
};

static void note_shootdown(void *context, const struct mw_event *event)
{
    struct seen *seen = context;

    seen->count++;
    seen->site = event->arg[3];
}

static void a_shootdown_tells_its_site(void **state)
{
    struct rig *r = test_malloc(sizeof(*r));
    struct seen seen = {0};

    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        if (cases[i].make == NULL)
            continue;
        rig_up(r, 1, 4);
        assert_int_equal(
            event_subscribe(&r->bus, MW_EVENT_BIT(MW_EVENT_SHOOTDOWN), note_shootdown, &seen), 0);
        run_page(r, &cases[i]);
        assert_int_equal(seen.site, cases[i].site);
        assert_int_equal(seen.count, 1);
        seen.count = 0;
        event_unsubscribe(&r->bus, note_shootdown, &seen);
        rig_down(r);
    }
    test_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fence_has_a_scenario),
        cmocka_unit_test(with_all_fences_nothing_is_found_on_one_hart_or_four),
        cmocka_unit_test(each_fence_that_is_left_out_on_a_single_hart_is_named),
        cmocka_unit_test(each_fence_that_is_left_out_on_one_hart_of_four_is_named),
        cmocka_unit_test(a_large_shootdown_that_is_left_out_is_named_for_each_page),
        cmocka_unit_test(the_fence_for_a_table_takes_the_pages_along),
        cmocka_unit_test(a_shootdown_tells_its_site),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
