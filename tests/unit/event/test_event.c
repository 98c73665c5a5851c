/* The bus: who gets which events, stamped with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "event/event.h"

struct recorder {
    struct mw_event last;
    unsigned count;
};

static void record(void *context, const struct mw_event *event)
{
    struct recorder *r = context;

    r->last = *event;
    r->count++;
}

static void a_sink_gets_only_the_kinds_of_its_mask(void **state)
{
    struct clock clock = {7};
    struct event_bus bus;
    struct recorder r = {0};

    (void)state;
    event_bus_init(&bus, &clock);
    assert_int_equal(event_subscribe(&bus, MW_EVENT_BIT(MW_EVENT_TRAP), record, &r), 0);
    event_emit(&bus, MW_EVENT_TLB_MISS, 1);
    assert_int_equal(r.count, 0);
    event_emit(&bus, MW_EVENT_TRAP, 0x1000, MW_STORE, MW_CAUSE_STORE_PAGE);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.last.kind, MW_EVENT_TRAP);
    assert_int_equal(r.last.arg[0], 0x1000);
    assert_int_equal(r.last.arg[2], MW_CAUSE_STORE_PAGE);
    assert_int_equal(r.last.arg[3], 0);
}

static void events_are_stamped_with_time_process_hart_and_operation(void **state)
{
    struct clock clock = {0};
    struct event_bus bus;
    struct recorder r = {0};

    (void)state;
    event_bus_init(&bus, &clock);
    assert_int_equal(event_subscribe(&bus, MW_EVENTS_ALL, record, &r), 0);
    clock_advance(&clock, 123);
    bus.pid = 5;
    bus.hart = 2;
    assert_true(event_op_begin(&bus));
    event_emit(&bus, MW_EVENT_SATP, 1, 2);
    assert_int_equal(r.last.time_ns, 123);
    assert_int_equal(r.last.pid, 5);
    assert_int_equal(r.last.hart, 2);
    assert_int_equal(r.last.op, 1);
}

static void an_inner_operation_joins_the_outer_one(void **state)
{
    struct clock clock = {0};
    struct event_bus bus;
    bool outer;

    (void)state;
    event_bus_init(&bus, &clock);
    outer = event_op_begin(&bus);
    assert_true(outer);
    assert_false(event_op_begin(&bus));
    event_op_end(&bus, false);
    assert_int_equal(bus.op, 1);
    event_op_end(&bus, outer);
    assert_int_equal(bus.op, 0);
    assert_true(event_op_begin(&bus));
    assert_int_equal(bus.op, 2);
}

static void wanted_is_the_union_of_all_masks(void **state)
{
    struct clock clock = {0};
    struct event_bus bus;
    struct recorder a = {0};
    struct recorder b = {0};

    (void)state;
    event_bus_init(&bus, &clock);
    assert_false(event_wanted(&bus, MW_EVENT_TRAP));
    assert_int_equal(event_subscribe(&bus, MW_EVENT_BIT(MW_EVENT_TRAP), record, &a), 0);
    assert_int_equal(event_subscribe(&bus, MW_EVENT_BIT(MW_EVENT_SATP), record, &b), 0);
    assert_int_equal(event_subscribe(&bus, MW_EVENTS_ALL, record, &a), -EEXIST);
    assert_true(event_wanted(&bus, MW_EVENT_TRAP) && event_wanted(&bus, MW_EVENT_SATP));
    event_unsubscribe(&bus, record, &a);
    assert_false(event_wanted(&bus, MW_EVENT_TRAP));
    assert_true(event_wanted(&bus, MW_EVENT_SATP));
    event_ring_enable(&bus, true);
    assert_true(event_wanted(&bus, MW_EVENT_TRAP));
    assert_false(event_wanted(&bus, MW_EVENT_TLB_HIT));
}

static void a_ninth_sink_is_refused(void **state)
{
    struct clock clock = {0};
    struct event_bus bus;
    struct recorder r[EVENT_SINKS + 1];

    (void)state;
    event_bus_init(&bus, &clock);
    for (unsigned i = 0; i < EVENT_SINKS; i++)
        assert_int_equal(event_subscribe(&bus, MW_EVENTS_ALL, record, &r[i]), 0);
    assert_int_equal(event_subscribe(&bus, MW_EVENTS_ALL, record, &r[EVENT_SINKS]), -ENOSPC);
}

static void the_ring_keeps_the_last_events_but_no_hits(void **state)
{
    struct clock clock = {0};
    struct event_bus bus;

    (void)state;
    event_bus_init(&bus, &clock);
    event_ring_enable(&bus, true);
    for (uint64_t i = 0; i < EVENT_RING + 3; i++) {
        event_emit(&bus, MW_EVENT_TLB_HIT, i);
        event_emit(&bus, MW_EVENT_TLB_MISS, i);
    }
    assert_int_equal(bus.ring_count, EVENT_RING + 3);
    assert_int_equal(bus.ring[0].arg[0], EVENT_RING);
    assert_int_equal(bus.ring[3].arg[0], 3);
}

static void every_number_has_a_name_and_numbers_out_of_range_have_none(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < MW_EVENT_COUNT; kind++)
        assert_string_not_equal(mw_event_name(kind), "?");
    assert_string_equal(mw_event_name(MW_EVENT_COUNT), "?");
    assert_string_equal(mw_reason_name(MW_REASON_COW_COPY), "cow_copy");
    assert_string_equal(mw_reason_name(MW_REASON_COUNT), "?");
    assert_string_equal(mw_cause_name(MW_CAUSE_LOAD_PAGE), "load page fault");
    assert_string_equal(mw_cause_name(3), "?");
    assert_string_equal(mw_walk_error_name(MW_WALK_INVALID), "invalid");
    assert_string_equal(mw_owner_name(MW_OWNER_CACHE), "cache");
    assert_string_equal(mw_access_name(MW_AMO), "amo");
    for (int call = 0; call < MW_CALL_COUNT; call++)
        assert_int_equal(mw_call_number(mw_call_name((unsigned)call)), call);
    assert_int_equal(mw_call_number("reboot"), -1);
}

static void a_pte_is_written_with_its_bits(void **state)
{
    char text[64];

    (void)state;
    mw_pte_format(0x20000cdf, text, sizeof(text));
    assert_string_equal(text, "0x0000000020000cdf DA-UXWRV");
    mw_pte_format(0, text, 8);
    assert_string_equal(text, "0x00000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_gets_only_the_kinds_of_its_mask),
        cmocka_unit_test(events_are_stamped_with_time_process_hart_and_operation),
        cmocka_unit_test(an_inner_operation_joins_the_outer_one),
        cmocka_unit_test(wanted_is_the_union_of_all_masks),
        cmocka_unit_test(a_ninth_sink_is_refused),
        cmocka_unit_test(the_ring_keeps_the_last_events_but_no_hits),
        cmocka_unit_test(every_number_has_a_name_and_numbers_out_of_range_have_none),
        cmocka_unit_test(a_pte_is_written_with_its_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
