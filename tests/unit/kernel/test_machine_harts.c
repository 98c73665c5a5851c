/*
 * Processes on several harts: where they run, what they see of one another, what it costs, and how
 * it is counted.
 */
#include <mapwalk/mapwalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/machine.h"

#define RW    (PROT_READ | PROT_WRITE)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define PAGES 4u

static struct mw_machine *machine_new(uint32_t harts, uint32_t asid_bits)
{
    struct mw_config config;
    struct mw_machine *m;

    mw_config_init(&config);
    assert_int_equal(mw_tlbs_preset(&config.tlbs, "two-level"), 0);
    assert_int_equal(mw_tlb_parse("1x8", 1, &config.tlbs.walk_cache), 0);
    config.harts = harts;
    config.asid_bits = asid_bits;
    config.ram_bytes = (uint64_t)8 << 20;
    config.disk_bytes = (uint64_t)1 << 20;
    config.check = true;
    assert_int_equal(mw_machine_new(&config, &m), 0);
    return m;
}

/* A process with a few private pages, each holding its number plus `mark`. */
static uint64_t spawn(struct mw_machine *m, int pid, uint8_t mark)
{
    int64_t at;

    assert_int_equal(mw_spawn_pid(m, pid), pid);
    at = mw_mmap(m, pid, 0, PAGES * PAGE_BYTES, RW, ANON, -1, 0);
    assert_true(at > 0);
    for (unsigned i = 0; i < PAGES; i++) {
        uint8_t byte = (uint8_t)(mark + i);

        assert_int_equal(mw_store(m, pid, (uint64_t)at + i * PAGE_BYTES, &byte, 1, NULL), 0);
    }
    return (uint64_t)at;
}

static uint8_t load(struct mw_machine *m, int pid, uint64_t va)
{
    uint8_t byte = 0;

    assert_int_equal(mw_load(m, pid, va, &byte, 1, NULL), 0);
    return byte;
}

static void new_processes_get_harts_in_turn(void **state)
{
    struct mw_machine *m = machine_new(3, 16);

    (void)state;
    for (int pid = 1; pid <= 7; pid++) {
        spawn(m, pid, 1);
        assert_int_equal(mw_process_hart(m, pid), (pid - 1) % 3);
    }
    assert_int_equal(mw_fork(m, 5), 8);
    assert_int_equal(mw_process_hart(m, 8), 1);
    assert_int_equal(mw_exec(m, 5), 0);
    assert_int_equal(mw_process_hart(m, 5), 1); /* a new image stays where it is */
    assert_int_equal(mw_machine_free(m), 0);
}

static void a_process_that_cannot_be_made_takes_no_hart(void **state)
{
    struct mw_machine *m = machine_new(2, 16);

    (void)state;
    spawn(m, 1, 1);
    mw_fail_allocation(m, 1);
    assert_int_equal(mw_spawn(m), -ENOMEM);
    mw_fail_allocation(m, 0);
    spawn(m, 2, 1);
    assert_int_equal(mw_process_hart(m, 2), 1);
    assert_int_equal(mw_machine_free(m), 0);
}

static void a_process_moves_to_a_hart_that_there_is(void **state)
{
    struct mw_machine *m = machine_new(2, 16);
    uint64_t at = spawn(m, 1, 10);
    struct mw_stats before, after;

    (void)state;
    mw_stats(m, &before);
    assert_int_equal(mw_set_hart(m, 1, 2), -EINVAL);
    assert_int_equal(mw_set_hart(m, 9, 0), -ESRCH);
    assert_int_equal(mw_process_hart(m, 9), -ESRCH);
    assert_int_equal(mw_process_hart(m, 1), 0);
    assert_int_equal(mw_set_hart(m, 1, 1), 0);
    assert_int_equal(mw_process_hart(m, 1), 1);
    mw_stats(m, &after);
    assert_int_equal(after.time_ns, before.time_ns);
    assert_int_equal(after.calls.total, before.calls.total);
    assert_int_equal(load(m, 1, at), 10);
    assert_int_equal(hart_hits(&m->harts[1], MW_LOAD), 0); /* hart 1 had to walk */
    assert_int_equal(m->harts[1].misses[MW_LOAD], 1);
    assert_true(mw_check(m));
    assert_int_equal(mw_machine_free(m), 0);
}

static void each_hart_keeps_its_address_space_while_others_have_their_turn(void **state)
{
    struct mw_machine *m = machine_new(2, 0);
    uint64_t first = spawn(m, 1, 10), second = spawn(m, 2, 20);
    uint64_t flushes;

    (void)state;
    flushes = m->harts[0].flushes + m->harts[1].flushes;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(load(m, 1, first), 10);
        assert_int_equal(load(m, 2, second), 20);
    }
    /* Without ASIDs, taking turns on one hart would flush each time. */
    assert_int_equal(m->harts[0].flushes + m->harts[1].flushes, flushes);
    assert_int_equal(m->harts[0].misses[MW_LOAD], 0); /* the stores had filled the TLB */
    assert_int_equal(m->harts[1].misses[MW_LOAD], 0);
    assert_int_equal(mw_machine_free(m), 0);
}

static void what_one_hart_unmaps_no_other_may_use(void **state)
{
    struct mw_machine *m = machine_new(4, 16);
    uint64_t at = spawn(m, 1, 10);
    struct mw_stats before, after;
    struct mw_signal signal;
    uint8_t byte;

    (void)state;
    for (unsigned hart = 1; hart < 4; hart++) {
        assert_int_equal(mw_set_hart(m, 1, hart), 0);
        assert_int_equal(load(m, 1, at), 10);
    }
    mw_stats(m, &before);
    assert_int_equal(mw_munmap(m, 1, at, PAGE_BYTES), 0);
    mw_stats(m, &after);
    assert_int_equal(after.other.ipis - before.other.ipis, 3);
    assert_int_equal(after.tlb.flushes - before.tlb.flushes, 4);
    for (unsigned hart = 0; hart < 4; hart++) {
        assert_int_equal(mw_set_hart(m, 1, hart), 0);
        assert_int_equal(mw_load(m, 1, at, &byte, 1, &signal), -EFAULT);
        assert_int_equal(load(m, 1, at + PAGE_BYTES), 11);
    }
    assert_int_equal(mw_machine_free(m), 0);
}

static void a_child_on_another_hart_shares_and_copies_like_any_other(void **state)
{
    struct mw_machine *m = machine_new(2, 16);
    uint64_t at = spawn(m, 1, 10);
    uint8_t byte = 99;

    (void)state;
    assert_int_equal(mw_fork(m, 1), 2);
    assert_int_equal(mw_process_hart(m, 2), 1);
    assert_int_equal(load(m, 2, at), 10);
    assert_int_equal(mw_store(m, 1, at, &byte, 1, NULL), 0);
    assert_int_equal(load(m, 2, at), 10);
    assert_int_equal(load(m, 1, at), 99);
    assert_int_equal(mw_machine_free(m), 0);
}

/* ---- events and time ---- */

struct clock_watch {
    uint64_t last_ns;
    uint64_t harts; /* bit per hart of which there were events */
};

static void watch_clock(void *context, const struct mw_event *event)
{
    struct clock_watch *watch = context;

    assert_true(event->time_ns >= watch->last_ns);
    watch->last_ns = event->time_ns;
    watch->harts |= (uint64_t)1 << event->hart;
}

static void time_never_goes_back_and_every_event_has_its_hart(void **state)
{
    struct mw_machine *m = machine_new(3, 1);
    struct clock_watch watch = {0};
    uint64_t at[4];

    (void)state;
    for (int pid = 1; pid <= 3; pid++)
        at[pid] = spawn(m, pid, (uint8_t)(10 * pid));
    assert_int_equal(mw_subscribe(m, MW_EVENTS_NO_HITS, watch_clock, &watch), 0);
    for (unsigned i = 0; i < 60; i++) {
        int pid = (int)(i % 3) + 1;

        for (unsigned hits = 0; hits < i; hits++)
            load(m, pid, at[pid]);
        if (i % 7 == 0)
            assert_int_equal(mw_set_hart(m, pid, i % 2), 0);
        assert_int_equal(mw_mprotect(m, pid, at[pid] + PAGE_BYTES, PAGE_BYTES, PROT_READ), 0);
    }
    assert_int_equal(watch.harts, 7);
    mw_unsubscribe(m, watch_clock, &watch);
    assert_int_equal(mw_machine_free(m), 0);
}

static void count_hits(void *context, const struct mw_event *event)
{
    (void)event;
    ++*(uint64_t *)context;
}

static void who_listens_is_told_of_the_next_hit_of_every_hart(void **state)
{
    struct mw_machine *m = machine_new(2, 16);
    uint64_t first = spawn(m, 1, 10), second = spawn(m, 2, 20);
    uint64_t hits = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        load(m, 1, first);
        load(m, 2, second);
    }
    assert_int_equal(mw_subscribe(m, MW_EVENT_BIT(MW_EVENT_TLB_HIT), count_hits, &hits), 0);
    load(m, 1, first);
    load(m, 2, second);
    assert_int_equal(hits, 2);
    mw_unsubscribe(m, count_hits, &hits);
    load(m, 1, first);
    assert_int_equal(hits, 2);
    assert_int_equal(mw_machine_free(m), 0);
}

static void the_checker_sees_hits_that_nobody_would_pay_for(void **state)
{
    struct mw_machine *m = machine_new(2, 16);
    uint64_t at = spawn(m, 1, 10);

    (void)state;
    load(m, 1, at);
    load(m, 1, at);
    assert_true(mw_check(m));
    m->current = NULL;
    m->running = &m->harts[1];
    assert_false(mw_check(m));
    m->running = &m->harts[0];
    assert_true(mw_check(m));
    assert_int_equal(mw_machine_free(m), 0);
}

/* Every nanosecond that passes while a program only translates is in one of the parts. */
static void the_parts_of_the_access_time_add_up_to_the_time_that_passed(void **state)
{
    struct mw_config config;
    struct mw_machine *m;
    struct mw_stats s;
    uint64_t at;

    (void)state;
    mw_config_init(&config);
    assert_int_equal(mw_config_set(&config, "tlb", "2x1"), 0);
    assert_int_equal(mw_config_set(&config, "tlb.l2", "4x2"), 0);
    config.harts = 2;
    config.ram_bytes = (uint64_t)8 << 20;
    config.costs = (struct mw_costs){.tlb_hit = 1,
                                     .tlb_l2_hit = 7,
                                     .walk_step = 100,
                                     .trap = 10000,
                                     .flush = 1000000,
                                     .ipi = 100000000};
    assert_int_equal(mw_machine_new(&config, &m), 0);
    at = spawn(m, 1, 1);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < PAGES; i++) {
            load(m, 1, at + i * PAGE_BYTES);
            load(m, 1, at + i * PAGE_BYTES);
        }
        assert_int_equal(mw_set_hart(m, 1, round % 2), 0);
    }
    assert_int_equal(mw_munmap(m, 1, at, PAGE_BYTES), 0);
    mw_stats(m, &s);
    assert_true(s.translation.l1_ns > 0 && s.translation.l2_ns > 0 && s.translation.walk_ns > 0);
    assert_int_equal(s.translation.trap_ns, PAGES * 10000);
    assert_int_equal(s.translation.fence_ns, 2 * 1000000);
    assert_int_equal(s.translation.ipi_ns, 100000000);
    assert_int_equal(s.translation.total_ns, s.translation.l1_ns + s.translation.l2_ns +
                                                 s.translation.walk_ns + s.translation.trap_ns +
                                                 s.translation.fence_ns + s.translation.ipi_ns);
    /* System calls pay for their trap, too, which is no access's. */
    assert_int_equal(s.time_ns - s.calls.total * 10000, s.translation.total_ns);
    assert_int_equal(mw_machine_free(m), 0);
}

static uint64_t sum_sizes(const uint64_t by_size[MW_SIZE_COUNT])
{
    uint64_t sum = 0;

    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        sum += by_size[size];
    return sum;
}

static void the_counters_of_all_harts_and_tlbs_add_up(void **state)
{
    struct mw_machine *m = machine_new(3, 16);
    const struct mw_tlb_counters *l1d, *l1i, *l2;
    struct mw_stats s;
    uint8_t byte;

    (void)state;
    for (int pid = 1; pid <= 4; pid++) {
        uint64_t at = spawn(m, pid, 1);

        assert_int_equal(mw_mprotect(m, pid, at, PAGE_BYTES, PROT_READ | PROT_EXEC), 0);
        assert_int_equal(mw_fetch(m, pid, at, &byte, 1, NULL), 0);
        load(m, pid, at);
        load(m, pid, at);
    }
    mw_stats(m, &s);
    l1d = &s.tlb.unit[MW_TLB_L1D];
    l1i = &s.tlb.unit[MW_TLB_L1I];
    l2 = &s.tlb.unit[MW_TLB_L2];
    assert_int_equal(sum_sizes(l1d->hits) + sum_sizes(l1i->hits), s.tlb.hits);
    assert_int_equal(sum_sizes(l1d->misses) + l1d->misses_faulted + sum_sizes(l1i->misses) +
                         l1i->misses_faulted,
                     s.tlb.misses);
    assert_int_equal(sum_sizes(l2->hits) + sum_sizes(l2->misses) + l2->misses_faulted,
                     s.tlb.misses);
    assert_int_equal(sum_sizes(l2->misses) + l2->misses_faulted, s.walks.total);
    assert_int_equal(sum_sizes(l1d->fills) + sum_sizes(l1i->fills) + sum_sizes(l2->fills),
                     s.tlb.fills);
    assert_int_equal(l1d->compulsory, 4 * PAGES);
    assert_int_equal(l1i->compulsory, 4);
    assert_int_equal(s.walker.walks, s.walks.total);
    assert_true(sum_sizes(s.walker.skipped) > 0 && s.walker.cache_fills > 0);
    assert_int_equal(s.accesses.total, s.tlb.hits + s.tlb.misses);
    assert_int_equal(mw_machine_free(m), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_processes_get_harts_in_turn),
        cmocka_unit_test(a_process_that_cannot_be_made_takes_no_hart),
        cmocka_unit_test(a_process_moves_to_a_hart_that_there_is),
        cmocka_unit_test(each_hart_keeps_its_address_space_while_others_have_their_turn),
        cmocka_unit_test(what_one_hart_unmaps_no_other_may_use),
        cmocka_unit_test(a_child_on_another_hart_shares_and_copies_like_any_other),
        cmocka_unit_test(time_never_goes_back_and_every_event_has_its_hart),
        cmocka_unit_test(who_listens_is_told_of_the_next_hit_of_every_hart),
        cmocka_unit_test(the_checker_sees_hits_that_nobody_would_pay_for),
        cmocka_unit_test(the_parts_of_the_access_time_add_up_to_the_time_that_passed),
        cmocka_unit_test(the_counters_of_all_harts_and_tlbs_add_up),
    };

    return cmocka_run_group_tests_name("machine_harts", tests, NULL, NULL);
}
