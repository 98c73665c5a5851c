/*
 * Growable text and number parsing (base/text.h).
 */
#include "base/text.h"

#include <string.h>
#include <wchar.h>

#include "unit.h"

static void an_empty_text_is_an_empty_string_without_memory(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    assert_string_equal(text_string(&t), "");
    assert_false(text_failed(&t));
    assert_int_equal(a.calls, 0);
    text_destroy(&t);
}

static void appended_pieces_stand_one_after_the_other(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    text_append(&t, "page", 4);
    text_append(&t, "fault and more", 5);
    text_append(&t, NULL, 0);
    text_printf(&t, " at 0x%x, %s", 0x1000, "write");
    assert_string_equal(text_string(&t), "pagefault at 0x1000, write");
    assert_int_equal(t.length, strlen("pagefault at 0x1000, write"));
    text_destroy(&t);
    assert_int_equal(a.live_blocks, 0);
}

static void appending_nothing_still_ends_the_text(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    text_append(&t, NULL, 0);
    assert_non_null(t.bytes);
    assert_int_equal(t.bytes[0], '\0');
    text_destroy(&t);
    text_init(&t, &a);
    text_printf(&t, "%s", "");
    assert_string_equal(text_string(&t), "");
    text_destroy(&t);
}

/* Every length around the doublings of the capacity, by both ways of appending. */
static void every_length_keeps_its_bytes_and_its_end(void **state)
{
    (void)state;
    struct alloc a = {0};
    char expected[600];
    for (size_t length = 0; length < sizeof expected - 1; length++) {
        memset(expected, 'a' + (int)(length % 26), length);
        expected[length] = '\0';
        struct text appended, printed;
        text_init(&appended, &a);
        text_init(&printed, &a);
        text_append(&appended, expected, length);
        text_printf(&printed, "%s", expected);
        assert_string_equal(text_string(&appended), expected);
        assert_string_equal(text_string(&printed), expected);
        assert_int_equal(printed.length, length);
        assert_true(appended.length < appended.capacity && printed.length < printed.capacity);
        text_destroy(&appended);
        text_destroy(&printed);
    }
    assert_int_equal(a.live_blocks, 0);
}

static void appending_byte_by_byte_allocates_rarely(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    for (int i = 0; i < 100000; i++)
        text_append(&t, "x", 1);
    assert_int_equal(t.length, 100000);
    assert_int_equal(strlen(text_string(&t)), 100000);
    assert_true(a.calls < 20);
    text_destroy(&t);
}

static void bytes_may_be_zero(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    text_append(&t, "a\0b", 3);
    assert_int_equal(t.length, 3);
    assert_memory_equal(t.bytes, "a\0b", 4);
    text_destroy(&t);
}

/* A long text in many pieces, by both ways of appending. */
static void write_lines(struct text *t, unsigned lines)
{
    for (unsigned i = 0; i < lines; i++) {
        text_printf(t, "line %u ", i);
        text_append(t, "of a text that grows\n", 21);
    }
}

static void each_failed_allocation_is_remembered_and_leaves_a_prefix(void **state)
{
    (void)state;
    struct alloc whole_alloc = {0};
    struct text whole;
    text_init(&whole, &whole_alloc);
    write_lines(&whole, 100);
    assert_false(text_failed(&whole));
    assert_true(whole_alloc.calls >= 5);

    for (uint64_t chosen = 1; chosen <= whole_alloc.calls; chosen++) {
        struct alloc a = {.fail_at = chosen};
        struct text t;
        text_init(&t, &a);
        write_lines(&t, 100);
        assert_true(text_failed(&t));
        assert_int_equal(a.calls, chosen); /* it asked no more after the failure */
        assert_int_equal(strlen(text_string(&t)), t.length);
        assert_memory_equal(text_string(&t), text_string(&whole), t.length);
        text_destroy(&t);
        assert_int_equal(a.live_blocks, 0);
    }
    text_destroy(&whole);
}

static void clearing_forgets_text_and_failure_but_keeps_the_memory(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    text_append(&t, "first", 5);
    a.fail_at = a.calls + 1;
    char large[1000] = {0};
    text_append(&t, large, sizeof large);
    assert_true(text_failed(&t));
    text_clear(&t);
    assert_false(text_failed(&t));
    assert_string_equal(text_string(&t), "");
    uint64_t calls = a.calls;
    text_append(&t, "second", 6);
    assert_string_equal(text_string(&t), "second");
    assert_int_equal(a.calls, calls);
    text_destroy(&t);
}

static void clearing_an_unused_text_does_nothing(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    text_clear(&t);
    assert_string_equal(text_string(&t), "");
    assert_int_equal(a.calls, 0);
}

static void a_destroyed_text_is_empty_and_usable(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    text_append(&t, "gone", 4);
    text_destroy(&t);
    assert_string_equal(text_string(&t), "");
    text_append(&t, "new", 3);
    assert_string_equal(text_string(&t), "new");
    text_destroy(&t);
    assert_int_equal(a.live_blocks, 0);
}

/* No such piece exists, but its length must not wrap the sum: the piece is never read. */
static void a_length_that_would_wrap_fails(void **state)
{
    (void)state;
    struct alloc a = {0};
    const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 5, SIZE_MAX - 6};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct text t;
        text_init(&t, &a);
        text_append(&t, "hello", 5);
        text_append(&t, "", lengths[i]);
        assert_true(text_failed(&t));
        assert_string_equal(text_string(&t), "hello");
        text_destroy(&t);
    }
    assert_int_equal(a.live_blocks, 0);
}

static void a_format_that_cannot_be_printed_fails(void **state)
{
    (void)state;
    struct alloc a = {0};
    struct text t;
    text_init(&t, &a);
    text_append(&t, "before", 6);
    /* The C locale has no bytes for a euro sign: vsnprintf reports EILSEQ. */
    text_printf(&t, " and %ls", L"\x20ac");
    assert_true(text_failed(&t));
    assert_string_equal(text_string(&t), "before");
    text_destroy(&t);
}

/* ---- numbers ---- */

struct number_case {
    const char *text;
    uint64_t value;
};

static void numbers_in_c_notation_are_parsed(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"0", 0},
        {"7", 7},
        {"4096", 4096},
        {"18446744073709551615", UINT64_MAX},
        {"0x0", 0},
        {"0x1000", 0x1000},
        {"0XfF", 0xff},
        {"0xdeadBEEF", 0xdeadbeef},
        {"0x09afAF", 0x09afaf},
        {"0xffffffffffffffff", UINT64_MAX},
        {"0x00000000000000000000001", 1},
        {"0644", 0644},
        {"00", 0},
        {"01777777777777777777777", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 99;
        assert_true(text_parse_u64(cases[i].text, &value));
        assert_true(value == cases[i].value);
    }
}

static void one_binary_suffix_multiplies(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"0K", 0},
        {"1K", 1024},
        {"64M", (uint64_t)64 << 20},
        {"3G", (uint64_t)3 << 30},
        {"2T", (uint64_t)2 << 40},
        {"0x10K", 16384},
        {"010K", 8192},
        {"16777215T", (uint64_t)16777215 << 40},
        {"18014398509481983K", UINT64_MAX - 1023},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 99;
        assert_true(text_parse_u64(cases[i].text, &value));
        assert_true(value == cases[i].value);
    }
}

static void hostile_numbers_are_refused_and_leave_the_value(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        " 1",
        "1 ",
        "\n1",
        "1\n",
        "+1",
        "-1",
        "--1",
        "x",
        "0x",
        "0X",
        "0xg",
        "0xK",
        "x10",
        "00x10",
        "08",
        "09",
        "0128",
        "1a",
        "ff",
        "1.5",
        "1e3",
        "1,000",
        "1_000",
        "K",
        "1k",
        "1KB",
        "1KK",
        "1KM",
        "1P",
        "1E",
        "1K ",
        "0b11",
        "1u",
        "1UL",
        "(1)",
        "\xef\xbc\x91", /* a full-width digit one */
        "18446744073709551616",
        "18446744073709551620",
        "99999999999999999999",
        "100000000000000000000000000000000000000",
        "0x10000000000000000",
        "0xfffffffffffffffff",
        "02000000000000000000000",
        "18014398509481984K",
        "16777216T",
        "18446744073709551615K",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 99;
        if (text_parse_u64(cases[i], &value))
            fail_msg("\"%s\" was accepted", cases[i]);
        assert_true(value == 99);
    }
}

/*
 * Single characters and pairs: everything that is not a number or a number with a suffix is
 * refused.
 */
static void no_short_text_but_a_number_is_accepted(void **state)
{
    (void)state;
    for (int first = 1; first < 256; first++) {
        for (int second = 0; second < 256; second++) {
            char text[3] = {(char)first, (char)second, '\0'};
            uint64_t value;
            bool digit = first >= '0' && first <= '9';
            bool follows = second >= '0' && second <= (first == '0' ? '7' : '9');
            bool suffix = second != 0 && strchr("KMGT", second) != NULL;
            assert_int_equal(text_parse_u64(text, &value),
                             digit && (second == 0 || follows || suffix));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_text_is_an_empty_string_without_memory),
        cmocka_unit_test(appended_pieces_stand_one_after_the_other),
        cmocka_unit_test(appending_nothing_still_ends_the_text),
        cmocka_unit_test(every_length_keeps_its_bytes_and_its_end),
        cmocka_unit_test(appending_byte_by_byte_allocates_rarely),
        cmocka_unit_test(bytes_may_be_zero),
        cmocka_unit_test(each_failed_allocation_is_remembered_and_leaves_a_prefix),
        cmocka_unit_test(clearing_forgets_text_and_failure_but_keeps_the_memory),
        cmocka_unit_test(clearing_an_unused_text_does_nothing),
        cmocka_unit_test(a_destroyed_text_is_empty_and_usable),
        cmocka_unit_test(a_length_that_would_wrap_fails),
        cmocka_unit_test(a_format_that_cannot_be_printed_fails),
        cmocka_unit_test(numbers_in_c_notation_are_parsed),
        cmocka_unit_test(one_binary_suffix_multiplies),
        cmocka_unit_test(hostile_numbers_are_refused_and_leave_the_value),
        cmocka_unit_test(no_short_text_but_a_number_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
