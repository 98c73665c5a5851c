/*
 * Number parsing (base/text.h).
 */
#include "base/text.h"

#include <string.h>

#include "unit.h"

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
        cmocka_unit_test(numbers_in_c_notation_are_parsed),
        cmocka_unit_test(one_binary_suffix_multiplies),
        cmocka_unit_test(hostile_numbers_are_refused_and_leave_the_value),
        cmocka_unit_test(no_short_text_but_a_number_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
