/*
 * The JSON writer: commas, nesting, escapes, numbers.
 */
#include "view/json.h"

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "capture.h"

static void empty_object_and_array_have_no_line_breaks_inside(void **state)
{
    struct capture c;
    struct json j;

    (void)state;
    capture_begin(&c);
    json_init(&j, c.out, true);
    json_object_begin(&j);
    json_key(&j, "a");
    json_array_begin(&j);
    json_array_end(&j);
    json_key(&j, "o");
    json_object_begin(&j);
    json_object_end(&j);
    json_object_end(&j);
    json_finish(&j);
    assert_string_equal(capture_text(&c), "{\n  \"a\": [],\n  \"o\": {}\n}\n");
    capture_end(&c);
}

static void commas_stand_between_elements_only(void **state)
{
    struct capture c;
    struct json j;

    (void)state;
    capture_begin(&c);
    json_init(&j, c.out, false);
    json_object_begin(&j);
    json_pair_u64(&j, "x", 1);
    json_key(&j, "list");
    json_array_begin(&j);
    json_u64(&j, 1);
    json_object_begin(&j);
    json_pair_bool(&j, "t", true);
    json_pair_bool(&j, "f", false);
    json_object_end(&j);
    json_null(&j);
    json_array_end(&j);
    json_pair_string(&j, "y", "z");
    json_object_end(&j);
    json_finish(&j);
    assert_string_equal(capture_text(&c),
                        "{\"x\":1,\"list\":[1,{\"t\":true,\"f\":false},null],\"y\":\"z\"}\n");
    capture_end(&c);
}

static void a_writer_can_write_one_text_after_the_other(void **state)
{
    struct capture c;
    struct json j;

    (void)state;
    capture_begin(&c);
    json_init(&j, c.out, false);
    for (int i = 0; i < 2; i++) {
        json_array_begin(&j);
        json_s64(&j, i);
        json_array_end(&j);
        json_finish(&j);
    }
    assert_string_equal(capture_text(&c), "[0]\n[1]\n");
    capture_end(&c);
}

static void numbers_reach_both_ends_of_their_range(void **state)
{
    struct capture c;
    struct json j;

    (void)state;
    capture_begin(&c);
    json_init(&j, c.out, false);
    json_array_begin(&j);
    json_u64(&j, 0);
    json_u64(&j, UINT64_MAX);
    json_s64(&j, INT64_MIN);
    json_s64(&j, INT64_MAX);
    json_s64(&j, -1);
    json_hex(&j, 0);
    json_hex(&j, UINT64_MAX);
    json_array_end(&j);
    json_finish(&j);
    assert_string_equal(capture_text(&c),
                        "[0,18446744073709551615,-9223372036854775808,9223372036854775807,-1,"
                        "\"0x0\",\"0xffffffffffffffff\"]\n");
    capture_end(&c);
}

/* The JSON text of one string. */
static void assert_string_becomes(const char *text, const char *json_text)
{
    struct capture c;
    struct json j;

    capture_begin(&c);
    json_init(&j, c.out, false);
    json_string(&j, text);
    assert_string_equal(capture_text(&c), json_text);
    capture_end(&c);
}

static void quotes_backslashes_and_controls_are_escaped(void **state)
{
    (void)state;
    assert_string_becomes("a\"b\\c", "\"a\\\"b\\\\c\"");
    assert_string_becomes("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
    assert_string_becomes("\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"");
    assert_string_becomes("", "\"\"");
}

static void well_formed_utf8_passes_unchanged(void **state)
{
    (void)state;
    assert_string_becomes("\xc3\xa9", "\"\xc3\xa9\"");
    assert_string_becomes("\xe2\x82\xac", "\"\xe2\x82\xac\"");
    assert_string_becomes("\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"");
    assert_string_becomes("\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"");
}

static void each_byte_that_is_not_utf8_becomes_the_replacement_character(void **state)
{
    (void)state;
    assert_string_becomes("a\xff", "\"a\\ufffd\"");
    assert_string_becomes("\xc3", "\"\\ufffd\"");                       /* cut short */
    assert_string_becomes("\xe2\x82x", "\"\\ufffd\\ufffdx\"");          /* cut short by a letter */
    assert_string_becomes("\xc0\xaf", "\"\\ufffd\\ufffd\"");            /* overlong */
    assert_string_becomes("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""); /* overlong */
    assert_string_becomes("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
    assert_string_becomes("\xf0\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    assert_string_becomes("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    assert_string_becomes("\xf5", "\"\\ufffd\"");
}

static void an_error_stays_in_the_stream(void **state)
{
    FILE *full = fopen("/dev/full", "w");
    struct json j;

    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    json_init(&j, full, false);
    json_u64(&j, 1);
    assert_true(ferror(full));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_object_and_array_have_no_line_breaks_inside),
        cmocka_unit_test(commas_stand_between_elements_only),
        cmocka_unit_test(a_writer_can_write_one_text_after_the_other),
        cmocka_unit_test(numbers_reach_both_ends_of_their_range),
        cmocka_unit_test(quotes_backslashes_and_controls_are_escaped),
        cmocka_unit_test(well_formed_utf8_passes_unchanged),
        cmocka_unit_test(each_byte_that_is_not_utf8_becomes_the_replacement_character),
        cmocka_unit_test(an_error_stays_in_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
