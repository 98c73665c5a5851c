/*
 * An event by its schema: fields, words, text and JSON.
 */
#include "view/event_field.h"

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <mapwalk/tlb.h>

#include "capture.h"
#include "view/event_json.h"
#include "view/event_text.h"

/* The head that every record has. */
static bool is_common_key(const char *name)
{
    return strcmp(name, "op") == 0 || strcmp(name, "time_ns") == 0 || strcmp(name, "pid") == 0 ||
           strcmp(name, "hart") == 0 || strcmp(name, "event") == 0 || strcmp(name, "errno") == 0;
}

static void every_kind_has_fields_that_are_understood_and_collide_with_no_common_key(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < MW_EVENT_COUNT; kind++) {
        const char *list = mw_event_fields(kind);
        struct event_field field;
        unsigned count = 0;

        while (event_field_next(&list, &field)) {
            assert_false(is_common_key(field.name));
            count++;
        }
        assert_true(count <= MW_EVENT_ARGS);
    }
}

static void fields_are_taken_in_order(void **state)
{
    const char *list = "va:x access:access asid:u";
    struct event_field field;

    (void)state;
    assert_true(event_field_next(&list, &field));
    assert_string_equal(field.name, "va");
    assert_int_equal(field.type, EVENT_FIELD_X);
    assert_true(event_field_next(&list, &field));
    assert_string_equal(field.name, "access");
    assert_int_equal(field.type, EVENT_FIELD_ACCESS);
    assert_true(event_field_next(&list, &field));
    assert_int_equal(field.type, EVENT_FIELD_U);
    assert_false(event_field_next(&list, &field));
}

static void only_small_negative_results_are_errors(void **state)
{
    (void)state;
    assert_string_equal(event_field_errno((uint64_t)-12), "ENOMEM");
    assert_null(event_field_errno(0));
    assert_null(event_field_errno(12));
    assert_null(event_field_errno((uint64_t)-4096));
}

static void signal_codes_are_named_by_signal(void **state)
{
    (void)state;
    assert_string_equal(event_field_signal_code(SIGSEGV, SEGV_MAPERR), "SEGV_MAPERR");
    assert_string_equal(event_field_signal_code(SIGSEGV, SEGV_ACCERR), "SEGV_ACCERR");
    assert_string_equal(event_field_signal_code(SIGBUS, BUS_ADRERR), "BUS_ADRERR");
    assert_string_equal(event_field_signal_code(SIGKILL, 0), "?");
    assert_string_equal(event_field_signal(SIGBUS), "SIGBUS");
    assert_string_equal(event_field_signal(0), "none");
}

static void assert_json(const struct mw_event *event, const char *fields)
{
    char line[512];
    struct capture c;

    snprintf(line, sizeof(line),
             "{\"op\":3,\"time_ns\":1000,\"pid\":7,\"hart\":0,\"event\":\"%s\"%s}\n",
             mw_event_name(event->kind), fields);
    capture_begin(&c);
    event_json_handle(c.out, event);
    assert_string_equal(capture_text(&c), line);
    capture_end(&c);
}

static void json_shows_each_type_in_its_form(void **state)
{
    (void)state;
    assert_json(EVENT(TLB_MISS, 3, 0x3ffffff000, MW_STORE, 9),
                ",\"va\":\"0x3ffffff000\",\"access\":\"store\",\"asid\":9");
    assert_json(EVENT(TRAP, 3, 16, MW_LOAD, MW_CAUSE_LOAD_PAGE, MW_WALK_INVALID),
                ",\"va\":\"0x10\",\"access\":\"load\",\"cause\":\"load page fault\",\"error\":"
                "\"invalid\"");
    assert_json(EVENT(PTE_AD, 3, 0, 8, 0x1f, 0xdf),
                ",\"va\":\"0x0\",\"pte_address\":\"0x8\",\"old\":\"0x1f\",\"new\":\"0xdf\"");
    assert_json(EVENT(FRAME_ALLOC, 3, 0x80000000, MW_OWNER_TABLE, 1),
                ",\"pa\":\"0x80000000\",\"owner\":\"table\",\"zeroed\":1");
    assert_json(EVENT(VMA_PROTECT, 3, 0x1000, 0x2000, PROT_READ | PROT_EXEC),
                ",\"start\":\"0x1000\",\"end\":\"0x2000\",\"prot\":\"r-x\"");
    assert_json(EVENT(PROCESS_EXEC, 3, 0), "");
    assert_json(EVENT(TLB_L2_HIT, 3, 16, MW_FETCH, MW_TLB_L2I, MW_SIZE_64K),
                ",\"va\":\"0x10\",\"access\":\"fetch\",\"tlb\":\"l2i\",\"size\":\"64K\"");
}

static void json_names_signals_and_errors(void **state)
{
    (void)state;
    assert_json(EVENT(FAULT_END, 3, 8, MW_REASON_INVALID, (uint64_t)-14, SIGSEGV, 1),
                ",\"va\":\"0x8\",\"reason\":\"invalid\",\"result\":-14,\"errno\":\"EFAULT\","
                "\"signal\":\"SIGSEGV\",\"code\":1");
    assert_json(EVENT(FAULT_END, 3, 8, MW_REASON_ANONYMOUS, 0, 0, 0),
                ",\"va\":\"0x8\",\"reason\":\"anonymous\",\"result\":0,\"signal\":null,\"code\":0");
    assert_json(EVENT(CALL_END, 3, 0, 0x3fff0000), ",\"call\":\"mmap\",\"result\":1073676288");
}

static void assert_text(const struct mw_event *event, const char *fields)
{
    struct capture c;
    char line[512];

    snprintf(line, sizeof(line), "op=3 time_ns=1000 pid=7 hart=0 %s%s\n",
             mw_event_name(event->kind), fields);
    capture_begin(&c);
    event_text_handle(c.out, event);
    assert_string_equal(capture_text(&c), line);
    capture_end(&c);
}

static void text_shows_each_type_in_its_form(void **state)
{
    (void)state;
    assert_text(EVENT(TLB_MISS, 3, 0x1000, MW_FETCH, 9), " va=0x1000 access=fetch asid=9");
    assert_text(EVENT(TRAP, 3, 16, MW_LOAD, MW_CAUSE_LOAD_PAGE, MW_WALK_INVALID),
                " va=0x10 access=load cause=\"load page fault\" error=invalid");
    assert_text(EVENT(PTE_SET, 3, 0, 8, 0, 0xdf, 1),
                " va=0x0 pte_address=0x8 old=\"0x0000000000000000 --------\" "
                "new=\"0x00000000000000df DA-UXWRV\" level=1");
    assert_text(EVENT(FAULT_END, 3, 8, MW_REASON_INVALID, 0, SIGSEGV, 1),
                " va=0x8 reason=invalid result=0 signal=SIGSEGV code=1");
    assert_text(EVENT(VMA_PROTECT, 3, 0, 1, PROT_WRITE), " start=0x0 end=0x1 prot=-w-");
    assert_text(EVENT(CALL_END, 3, 0, (uint64_t)-12), " call=mmap result=-ENOMEM");
    assert_text(EVENT(CALL_END, 3, 0, 0x3fff0000), " call=mmap result=0x3fff0000");
    assert_text(EVENT(CALL_END, 3, 9, 5), " call=openat result=5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_fields_that_are_understood_and_collide_with_no_common_key),
        cmocka_unit_test(fields_are_taken_in_order),
        cmocka_unit_test(only_small_negative_results_are_errors),
        cmocka_unit_test(signal_codes_are_named_by_signal),
        cmocka_unit_test(json_shows_each_type_in_its_form),
        cmocka_unit_test(json_names_signals_and_errors),
        cmocka_unit_test(text_shows_each_type_in_its_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
