/*
 * The lines of lackey's log.
 */
#include "load/lackey_lex.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"

/* Lexes an access line; false when it is none. */
static bool access_line(const char *line, enum lackey_access_kind *kind, uint64_t *va,
                        unsigned *bytes)
{
    const char *next;

    *kind = lackey_lex_mark(line);
    if (*kind == LACKEY_NO_ACCESS)
        return false;
    next = lackey_lex_access(line + 3, va, bytes);
    if (next == NULL)
        return false;
    assert_ptr_equal(next, line + strlen(line));
    return true;
}

static void the_four_kinds_of_access_are_told_apart(void **state)
{
    enum lackey_access_kind kind;
    uint64_t va;
    unsigned bytes;

    (void)state;
    assert_true(access_line("I  0401ab70,3\n", &kind, &va, &bytes));
    assert_int_equal(kind, LACKEY_FETCH);
    assert_int_equal(va, 0x0401ab70);
    assert_int_equal(bytes, 3);
    assert_true(access_line(" S 1fff0006f8,8\n", &kind, &va, &bytes));
    assert_int_equal(kind, LACKEY_STORE);
    assert_int_equal(va, 0x1fff0006f8);
    assert_true(access_line(" L ffffffffffffffff,16\n", &kind, &va, &bytes));
    assert_int_equal(kind, LACKEY_LOAD);
    assert_int_equal(va, UINT64_MAX);
    assert_int_equal(bytes, 16);
    assert_true(access_line(" M ABCDEF,4096\n", &kind, &va, &bytes));
    assert_int_equal(kind, LACKEY_MODIFY);
    assert_int_equal(va, 0xabcdef);
    assert_int_equal(bytes, 4096);
}

static void malformed_accesses_are_refused(void **state)
{
    static const char *const lines[] = {
        "I  ,3\n",
        "I  12\n",
        "I  12,\n",
        "I  12,x\n",
        "I  12,0\n",
        "I  12,4097\n",
        "I  12,3 \n",
        "I  12,3\r\n",
        "I  g,3\n",
        "I  11112222333344445,1\n",
        "I  12,99999999999999999999\n",
        " X 12,3\n",
        "I 12,3\n",
        "S  12,3\n",
        " I 12,3\n",
        "II 12,3\n",
        "I  -12,3\n",
        "I  0x12,3\n",
        "\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char line[48] = "";
        enum lackey_access_kind kind;
        uint64_t va;
        unsigned bytes;

        strcpy(line, lines[i]);
        if (access_line(line, &kind, &va, &bytes))
            fail_msg("understood: %s", lines[i]);
    }
}

static void every_byte_has_its_digit(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[2] = {(char)byte, '\0'};
        char *end;
        long value = strtol(text, &end, 16);
        bool is_digit = byte != 0 && end == text + 1 && byte != '+' && byte != '-';

        assert_int_equal(lackey_digits[byte], is_digit ? value : 0xff);
    }
}

static void banners_tell_their_process(void **state)
{
    struct call_slice text;
    int pid;

    (void)state;
    assert_true(lackey_lex_banner("==24025== Parent PID: 24018", 27, &pid, &text));
    assert_int_equal(pid, 24025);
    assert_int_equal(text.length, 17);
    assert_true(lackey_lex_banner("==1== ", 6, &pid, &text));
    assert_int_equal(text.length, 0);
    assert_true(lackey_lex_banner("--77-- note", 11, &pid, &text));
    assert_int_equal(pid, 77);
    assert_false(lackey_lex_banner("==x== ", 6, &pid, &text));
    assert_false(lackey_lex_banner("==99999999999== ", 16, &pid, &text));
    assert_false(lackey_lex_banner("==1--", 5, &pid, &text));
    assert_false(lackey_lex_banner("", 0, &pid, &text));
}

/*
 * Lexes a copy of the line of exactly its length. The call's slices point into *line, which the
 * caller frees.
 */
static bool lex(const char *text, struct lackey_call *out, char **line)
{
    const char *why;

    *line = malloc(strlen(text) + 1);
    assert_non_null(*line);
    memcpy(*line, text, strlen(text));
    return lackey_lex_call(*line, strlen(text), out, &why);
}

static void a_whole_call_has_arguments_and_result(void **state)
{
    struct lackey_call c;
    char *line;

    (void)state;
    assert_true(
        lex("SYSCALL[24025,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] "
            "Success(0x4835000) ",
            &c, &line));
    assert_int_equal(c.pid, 24025);
    assert_int_equal(c.thread, 1);
    assert_int_equal(c.phase, LACKEY_WHOLE);
    assert_string_equal(c.call.name, "mmap");
    assert_int_equal(c.call.arg_count, 6);
    assert_int_equal(call_number(&c.call, 1), 8192);
    assert_int_equal(call_int(&c.call, 4), -1);
    assert_int_equal(c.call.result.kind, CALL_RESULT_VALUE);
    assert_int_equal(c.call.result.value, 0x4835000);
    free(line);
}

static void a_failure_is_an_errno(void **state)
{
    struct lackey_call c;
    char *line;

    (void)state;
    assert_true(lex(
        "SYSCALL[1,1](21) sys_access ( 0x402a2a0(/etc/ld.so.preload), 4 )[sync] --> Failure(0x2) ",
        &c, &line));
    assert_int_equal(c.call.result.kind, CALL_RESULT_ERROR);
    assert_int_equal(c.call.result.err, ENOENT);
    assert_string_equal(call_string(&c.call, 0), "/etc/ld.so.preload");
    assert_int_equal(c.call.args[0].value, 0x402a2a0);
    assert_int_equal(call_number(&c.call, 1), 4);
    free(line);
}

static void a_call_may_begin_and_end_in_two_lines(void **state)
{
    struct lackey_call c;
    char *line;

    (void)state;
    assert_true(lex("SYSCALL[7,2](257) sys_openat ( 4294967196, 0x4034bb0(/a (b), c), 524288 ) --> "
                    "[async] ... ",
                    &c, &line));
    assert_int_equal(c.phase, LACKEY_BEGAN);
    assert_int_equal(c.thread, 2);
    assert_int_equal(call_int(&c.call, 0), AT_FDCWD);
    assert_string_equal(call_string(&c.call, 1), "/a (b), c");
    assert_int_equal(call_number(&c.call, 2), 524288);
    free(line);
    assert_true(lex("SYSCALL[7,2](257) ... [async] --> Success(0x4) ", &c, &line));
    assert_int_equal(c.phase, LACKEY_ENDED);
    assert_int_equal(c.call.result.value, 4);
    assert_string_equal(c.call.name, "");
    free(line);
}

static void a_clone_is_broken_over_two_lines_and_its_flags_are_hexadecimal(void **state)
{
    struct lackey_call c;
    struct call_result result;
    char *line;

    (void)state;
    assert_true(lex("SYSCALL[24029,1](56) sys_clone ( 1200011, 0x0, 0x0, 0x4a2aa10, 0x0 )   "
                    "clone(fork): process 24029 "
                    "created child 24030",
                    &c, &line));
    assert_int_equal(c.phase, LACKEY_OPEN);
    assert_int_equal(call_number(&c.call, 0), 0x1200011);
    assert_int_equal(c.call.arg_count, 5);
    free(line);
    assert_true(lackey_lex_result(" --> [pre-success] Success(0x5dde) ", 35, &result));
    assert_int_equal(result.value, 24030);
    assert_true(lackey_lex_result(" --> [pre-fail] Failure(0x26) ", 30, &result));
    assert_int_equal(result.err, ENOSYS);
    assert_false(lackey_lex_result(" --> [async] ... ", 17, &result));
    assert_false(lackey_lex_result("I  0401ab70,3", 13, &result));
    assert_false(lackey_lex_result("", 0, &result));
}

static void calls_go_by_name_with_and_without_prefix(void **state)
{
    struct lackey_call c;
    char *line;

    (void)state;
    assert_true(
        lex("SYSCALL[1,1](231) exit_group( 0 ) --> [pre-success] Success(0x0) ", &c, &line));
    assert_string_equal(c.call.name, "exit_group");
    assert_int_equal(c.call.arg_count, 1);
    free(line);
    assert_true(lex("SYSCALL[1,1]( 39) sys_getpid ()[sync] --> Success(0x5ddd) ", &c, &line));
    assert_string_equal(c.call.name, "getpid");
    free(line);
    assert_true(
        lex("SYSCALL[1,1](158) arch_prctl ( 4098, 4af2c40 ) --> [pre-success] Success(0x0) ", &c,
            &line));
    assert_int_equal(call_number(&c.call, 1), 0x4af2c40);
    free(line);
    assert_true(
        lex("SYSCALL[1,1](15) sys_rt_sigreturn ( ) --> [pre-success] NoWriteResult ", &c, &line));
    assert_int_equal(c.call.result.kind, CALL_RESULT_ANY);
    free(line);
    assert_true(lex("SYSCALL[1,1](334) unimplemented (by the kernel) syscall: 334! (ni_syscall)",
                    &c, &line));
    assert_int_equal(c.phase, LACKEY_OPEN);
    assert_false(c.arguments);
    assert_int_equal(c.call.arg_count, 0);
    free(line);
}

static void malformed_calls_are_refused(void **state)
{
    static const char *const lines[] = {
        "SYSCALL[",
        "SYSCALL[1,1](x) sys_brk ( 0x0 ) --> [pre-success] Success(0x1)",
        "SYSCALL[1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x1)",
        "SYSCALL[99999999999,1](12) sys_brk ( 0x0 ) --> Success(0x1)",
        "SYSCALL[1,1](12) ( 0x0 ) --> [pre-success] Success(0x1)",
        "SYSCALL[1,1](12) sys_a_name_that_is_much_too_long_for_a_call ( ) --> Success(0x1)",
        "SYSCALL[1,1](12) sys_brk ( 0x0 ) --> [pre-success] Succ",
        "SYSCALL[1,1](12) sys_brk ( 0x0 ) --> [pre-success",
        "SYSCALL[1,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x11112222333344445)",
        "SYSCALL[1,1](12) sys_brk ( 0x0 ) --> Failure(0x0)",
        "SYSCALL[1,1](12) sys_brk ( 0x0 ) --> Failure(0x1000)",
        "SYSCALL[1,1](12) ... [async] --> ...",
        "SYSCALL[1,1](12) ... [async]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct lackey_call c;
        char *line;

        if (lex(lines[i], &c, &line))
            fail_msg("understood: %s", lines[i]);
        free(line);
    }
}

static const char *const samples[] = {
    "SYSCALL[24025,1](257) sys_openat ( 4294967196, 0x4034bb0(/usr/a), 524288 ) --> [async] ... ",
    "SYSCALL[24025,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] "
    "Success(0x4835000) ",
    "SYSCALL[24025,1](257) ... [async] --> Failure(0x2) ",
    " --> [pre-success] Success(0x5dde) ",
    "==24025== Parent PID: 24018",
};

static void truncated_and_random_lines_are_survived(void **state)
{
    struct prng prng;

    (void)state;
    prng_seed(&prng, 2);
    for (unsigned round = 0; round < 50000; round++) {
        const char *sample = samples[prng_below(&prng, sizeof(samples) / sizeof(samples[0]))];
        size_t length = prng_below(&prng, strlen(sample) + 1);
        char *line = malloc(length > 0 ? length : 1);
        struct lackey_call c;
        struct call_result result;
        struct call_slice text;
        const char *why;
        int pid;

        assert_non_null(line);
        memcpy(line, sample, length);
        for (unsigned change = 0; length > 0 && change < round % 4; change++)
            line[prng_below(&prng, length)] = (char)prng_next(&prng);
        (void)lackey_lex_banner(line, length, &pid, &text);
        (void)lackey_lex_result(line, length, &result);
        if (lackey_lex_call(line, length, &c, &why))
            assert_true(c.call.arg_count <= CALL_ARGS && strlen(c.call.name) < CALL_NAME_BYTES);
        free(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_kinds_of_access_are_told_apart),
        cmocka_unit_test(malformed_accesses_are_refused),
        cmocka_unit_test(every_byte_has_its_digit),
        cmocka_unit_test(banners_tell_their_process),
        cmocka_unit_test(a_whole_call_has_arguments_and_result),
        cmocka_unit_test(a_failure_is_an_errno),
        cmocka_unit_test(a_call_may_begin_and_end_in_two_lines),
        cmocka_unit_test(a_clone_is_broken_over_two_lines_and_its_flags_are_hexadecimal),
        cmocka_unit_test(calls_go_by_name_with_and_without_prefix),
        cmocka_unit_test(malformed_calls_are_refused),
        cmocka_unit_test(truncated_and_random_lines_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
