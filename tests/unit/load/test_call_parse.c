/*
 * The grammar of scenarios and strace logs: every form, and hostile input.
 */
#include "load/call_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "load/flags.h"

/* The line that the last parse wrote into: slices point into it. */
struct parsed {
    char line[512];
    struct call_line split;
    struct call call;
    struct call_error error;
};

/* p is 0x10000, q is 7. */
static bool resolve_test_name(void *context, const char *name, size_t length, uint64_t *value)
{
    (void)context;
    if (length != 1 || (*name != 'p' && *name != 'q'))
        return false;
    *value = *name == 'p' ? 0x10000 : 7;
    return true;
}

static const struct call_rules scenario = {.strict = true, .resolve = resolve_test_name};
static const struct call_rules log_rules = {.strict = false};

static bool parse_bytes(struct parsed *p, const struct call_rules *rules, size_t length)
{
    if (!call_line_split(p->line, length, &p->split, &p->error))
        return false;
    if (p->split.kind != CALL_LINE_CALL)
        return true;
    return call_parse(p->line, p->split.body, p->split.body_length, rules, &p->call, &p->error);
}

static bool parse(struct parsed *p, const struct call_rules *rules, const char *line)
{
    memset(p, 0, sizeof(*p));
    assert_true(strlen(line) < sizeof(p->line));
    memcpy(p->line, line, strlen(line) + 1);
    return parse_bytes(p, rules, strlen(line));
}

static void parse_ok(struct parsed *p, const struct call_rules *rules, const char *line)
{
    if (!parse(p, rules, line))
        fail_msg("%s: column %zu: %s", line, p->error.column, p->error.text);
}

static void assert_error(const char *line, size_t column, const char *part)
{
    struct parsed p;

    if (parse(&p, &scenario, line))
        fail_msg("understood: %s", line);
    if (strstr(p.error.text, part) == NULL || p.error.column != column)
        fail_msg("%s: column %zu: %s", line, p.error.column, p.error.text);
}

static bool slice_is(struct call_slice slice, const char *text)
{
    return slice.length == strlen(text) && memcmp(slice.bytes, text, slice.length) == 0;
}

static uint64_t evaluate(const char *text)
{
    struct call_error error;
    uint64_t value = 0;

    if (!call_evaluate(text, strlen(text), &scenario, &value, &error))
        fail_msg("%s: %zu: %s", text, error.column, error.text);
    return value;
}

static void a_blank_line_and_a_comment_hold_nothing(void **state)
{
    static const char *const lines[] = {"", "   ", "\t", "# a comment", "  # another", "\r"};
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        parse_ok(&p, &scenario, lines[i]);
        assert_int_equal(p.split.kind, CALL_LINE_BLANK);
    }
}

static void a_call_has_a_name_arguments_and_a_result(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &scenario,
             "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
             "0x7ffff7fc0000");
    assert_string_equal(p.call.name, "mmap");
    assert_int_equal(p.call.arg_count, 6);
    assert_int_equal(call_number(&p.call, 0), 0);
    assert_int_equal(call_number(&p.call, 1), 8192);
    assert_int_equal(call_number(&p.call, 2), PROT_READ | PROT_WRITE);
    assert_int_equal(call_number(&p.call, 3), MAP_PRIVATE | MAP_ANONYMOUS);
    assert_int_equal(call_int(&p.call, 4), -1);
    assert_int_equal(p.call.result.kind, CALL_RESULT_VALUE);
    assert_int_equal(p.call.result.value, 0x7ffff7fc0000);
    assert_int_equal(call_number(&p.call, 6), 0);
}

static void a_call_may_have_no_arguments_and_no_result(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &scenario, "  fork ( )  # and a comment");
    assert_string_equal(p.call.name, "fork");
    assert_int_equal(p.call.arg_count, 0);
    assert_int_equal(p.call.result.kind, CALL_RESULT_NONE);
}

static void a_line_may_say_whose_it_is(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &scenario, "23366 getpid() = 23366");
    assert_true(p.split.has_pid && slice_is(p.split.pid, "23366"));
    parse_ok(&p, &scenario, "[pid 42] getpid()");
    assert_true(p.split.has_pid && slice_is(p.split.pid, "42"));
    parse_ok(&p, &scenario, "[pid    42] getpid()");
    assert_true(slice_is(p.split.pid, "42"));
    parse_ok(&p, &scenario, "[child] getpid()");
    assert_true(p.split.has_pid && slice_is(p.split.pid, "child"));
    parse_ok(&p, &scenario, "getpid()");
    assert_false(p.split.has_pid);
}

static void a_time_in_front_of_a_call_is_stepped_over(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &log_rules, "23366 12:34:56.789012 getpid() = 1");
    assert_true(slice_is(p.split.pid, "23366"));
    assert_string_equal(p.call.name, "getpid");
    parse_ok(&p, &log_rules, "1700000000.123456 getpid() = 1 <0.000012>");
    assert_false(p.split.has_pid);
    assert_string_equal(p.call.name, "getpid");
    assert_int_equal(p.call.result.value, 1);
}

static void a_result_may_be_given_a_name(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &scenario, "[c] area = mmap(p+4096, 4K) = p+0x10-1");
    assert_true(slice_is(p.call.result_name, "area"));
    assert_string_equal(p.call.name, "mmap");
    assert_int_equal(call_number(&p.call, 0), 0x11000);
    assert_int_equal(p.call.result.value, 0x1000f);
}

static void expressions_follow_the_usual_precedence(void **state)
{
    (void)state;
    assert_int_equal(evaluate("64K"), 65536);
    assert_int_equal(evaluate("1G"), 1 << 30);
    assert_int_equal(evaluate("017"), 15);
    assert_int_equal(evaluate("0"), 0);
    assert_int_equal(evaluate("0x1F"), 31);
    assert_int_equal(evaluate("1+2*3"), 7);
    assert_int_equal(evaluate("(1+2)*3"), 9);
    assert_int_equal(evaluate("10-2-3"), 5);
    assert_int_equal(evaluate("1|2+4"), 7);
    assert_int_equal(evaluate("1<<20"), 1 << 20);
    assert_int_equal(evaluate("1<<64"), 0);
    assert_int_equal(evaluate(" p + q * 2 "), 0x1000e);
    assert_int_equal(evaluate("-1"), UINT64_MAX);
    assert_int_equal(evaluate("~0"), UINT64_MAX);
    assert_int_equal(evaluate("~-~5"), (uint64_t) ~-~5);
    assert_int_equal(evaluate("-~-7"), (uint64_t) - ~-7);
    assert_int_equal(evaluate("/* 37 vars */ 5 /* x */"), 5);
    assert_int_equal(evaluate("18446744073709551615"), UINT64_MAX);
}

#define FLAG_CHECK(constant)                                                    \
    {                                                                           \
        uint64_t value = 1;                                                     \
        assert_true(flags_find(#constant, strlen(#constant), &value));          \
        assert_int_equal(value, (uint64_t)(int64_t)(constant));                 \
        assert_false(flags_find(#constant "X", strlen(#constant "X"), &value)); \
    }

static void every_constant_of_the_table_is_found(void **state)
{
    (void)state;
#ifndef CLONE_DETACHED
#define CLONE_DETACHED 0x00400000
#endif
    FLAGS_NAMES(FLAG_CHECK)
}

static void signals_and_their_codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(flags_signal_name(SIGSEGV), "SIGSEGV");
    assert_string_equal(flags_signal_name(12345), "SIG?");
    assert_string_equal(flags_signal_code_name(SIGSEGV, SEGV_ACCERR), "SEGV_ACCERR");
    assert_string_equal(flags_signal_code_name(SIGBUS, BUS_ADRERR), "BUS_ADRERR");
    assert_string_equal(flags_signal_code_name(SIGKILL, 1), "");
}

static void strings_are_decoded(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &scenario, "store(p, 9, \"a\\n\\t\\\"\\\\\\x41\\101\\0z\")");
    assert_int_equal(p.call.args[2].kind, CALL_ARG_STRING);
    assert_int_equal(p.call.args[2].text.length, 9);
    assert_memory_equal(p.call.args[2].text.bytes, "a\n\t\"\\AA\0z", 10);
    assert_false(p.call.args[2].truncated);
    parse_ok(&p, &log_rules, "write(1, \"abc\"..., 64) = 64");
    assert_true(p.call.args[1].truncated);
    assert_string_equal(call_string(&p.call, 1), "abc");
    assert_int_equal(call_number(&p.call, 2), 64);
    assert_null(call_string(&p.call, 2));
    assert_null(call_string(&p.call, 7));
}

static void arrays_and_structures_are_kept_as_they_stand(void **state)
{
    struct parsed p;
    uint64_t flags = 0;

    (void)state;
    parse_ok(&p, &scenario, "execve(\"/bin/ls\", [\"ls\", \"a)]b\"], 0x7ffe /* 37 vars */) = 0");
    assert_int_equal(p.call.arg_count, 3);
    assert_int_equal(p.call.args[1].kind, CALL_ARG_OPAQUE);
    assert_true(slice_is(p.call.args[1].text, "[\"ls\", \"a)]b\"]"));
    parse_ok(&p, &log_rules,
             "clone3({xflags=1, flags=CLONE_VM|CLONE_THREAD, stack_size=0x7fff80} => "
             "{parent_tid=[23398]}, 88) = 9");
    assert_int_equal(p.call.arg_count, 2);
    assert_true(call_member(p.call.args[0].text, "flags", &flags));
    assert_int_equal(flags, CLONE_VM | CLONE_THREAD);
    assert_false(call_member(p.call.args[0].text, "missing", &flags));
    assert_int_equal(p.call.result.value, 9);
}

static void keywords_are_found_by_name(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(
        &p, &log_rules,
        "clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7ff) = 23622");
    assert_non_null(call_keyword(&p.call, "flags"));
    assert_int_equal(call_keyword(&p.call, "flags")->value, CLONE_CHILD_SETTID | SIGCHLD);
    assert_null(call_keyword(&p.call, "flag"));
}

static void descriptor_annotations_are_dropped(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &log_rules, "openat(AT_FDCWD</home/a,b)>, \"x\", O_RDONLY) = 3</etc/passwd>");
    assert_int_equal(p.call.arg_count, 3);
    assert_int_equal(call_int(&p.call, 0), AT_FDCWD);
    assert_int_equal(p.call.result.value, 3);
}

static void logs_may_hold_arguments_that_only_strace_understands(void **state)
{
    static const char *const lines[] = {
        "rt_sigprocmask(SIG_BLOCK, ~[RTMIN RT_1], [], 8) = 0",
        "ioctl(1, TCGETS, {B38400 opost isig icanon echo ...}) = 0",
        "fstat(3, {st_mode=S_IFREG|0644, st_rdev=makedev(0x88, 0x1), ...}) = 0",
        "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 23622",
        "fcntl(255, 0x3) = 0x8000 (flags O_RDONLY|O_LARGEFILE)",
        "select(4, [3], NULL, NULL, {tv_sec=1, tv_usec=0}) = 1 (in [3], left {tv_sec=0, "
        "tv_usec=9})",
        "connect(3, {sa_family=AF_INET, sin_addr=inet_addr(\"1.2.3.4\")}, 16) = -1 EINPROGRESS "
        "(Operation now in progress)",
        "bpf(0x5 /* BPF_??? */, {a=1}, 2) = -1 EWHATEVER (?)",
        "foo(a b c, 3.14, 'x') = 0",
        "restart_syscall(<... resuming interrupted read ...>) = 0",
        "read(3, \"x\" + 5, 1) = 1",
    };
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        parse_ok(&p, &log_rules, lines[i]);
}

static void results_are_values_errors_signals_strings_or_open(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &scenario, "open(\"/x\", 0) = -1 ENOENT (No such file or directory)");
    assert_int_equal(p.call.result.kind, CALL_RESULT_ERROR);
    assert_int_equal(p.call.result.err, ENOENT);
    parse_ok(&p, &scenario, "f() = -1");
    assert_int_equal(p.call.result.kind, CALL_RESULT_VALUE);
    assert_int_equal(p.call.result.value, -1);
    parse_ok(&p, &scenario, "load(p, 8) = SIGSEGV SEGV_MAPERR");
    assert_int_equal(p.call.result.kind, CALL_RESULT_SIGNAL);
    assert_int_equal(p.call.result.signo, SIGSEGV);
    assert_int_equal(p.call.result.code, SEGV_MAPERR);
    parse_ok(&p, &scenario, "load(p, 8) = SIGKILL # out of memory");
    assert_int_equal(p.call.result.signo, SIGKILL);
    assert_int_equal(p.call.result.code, CALL_ANY_CODE);
    parse_ok(&p, &scenario, "load(p, 5) = \"hello\"");
    assert_int_equal(p.call.result.kind, CALL_RESULT_STRING);
    assert_true(slice_is(p.call.result.text, "hello"));
    parse_ok(&p, &scenario, "exit_group(0) = ?");
    assert_int_equal(p.call.result.kind, CALL_RESULT_ANY);
    parse_ok(&p, &scenario, "g() = q (seven)");
    assert_int_equal(p.call.result.value, 7);
}

static void halves_of_a_call_are_told_apart(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &log_rules, "23621 wait4(-1,  <unfinished ...>");
    assert_int_equal(p.split.kind, CALL_LINE_UNFINISHED);
    assert_int_equal(p.split.body_length, strlen("wait4(-1,  "));
    parse_ok(&p, &log_rules, "23621 <... wait4 resumed>[{x}], 0, NULL) = 7");
    assert_int_equal(p.split.kind, CALL_LINE_RESUMED);
    assert_true(slice_is(p.split.name, "wait4"));
    assert_int_equal(p.split.body_length, strlen("[{x}], 0, NULL) = 7"));
}

static void ends_and_signals_are_lines_of_their_own(void **state)
{
    struct parsed p;

    (void)state;
    parse_ok(&p, &log_rules, "23366 +++ exited with 3 +++");
    assert_int_equal(p.split.kind, CALL_LINE_EXITED);
    assert_int_equal(p.split.number, 3);
    parse_ok(&p, &log_rules, "23366 +++ killed by SIGSEGV (core dumped) +++");
    assert_int_equal(p.split.kind, CALL_LINE_KILLED);
    assert_true(slice_is(p.split.name, "SIGSEGV"));
    parse_ok(&p, &log_rules,
             "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---");
    assert_int_equal(p.split.kind, CALL_LINE_SIGNAL);
    assert_true(slice_is(p.split.name, "SIGSEGV"));
    parse_ok(&p, &log_rules, "--- stopped by SIGTTIN ---");
    assert_int_equal(p.split.kind, CALL_LINE_SIGNAL);
}

static void every_error_names_its_column(void **state)
{
    (void)state;
    assert_error("mmap(NULL, 8192", 16, "expected ',' or ')'");
    assert_error("mmap", 5, "expected '('");
    assert_error("= 5", 1, "name of a call");
    assert_error("f(x)", 3, "unknown name 'x'");
    assert_error("f(1,)", 5, "expected a number");
    assert_error("f(1 2)", 5, "expected ',' or ')'");
    assert_error("f(\"abc", 3, "not closed");
    assert_error("f(\"a\\qb\")", 6, "escape");
    assert_error("f(0x)", 5, "digit");
    assert_error("f(08)", 4, "expected ',' or ')'");
    assert_error("f(99999999999999999999)", 3, "64 bits");
    assert_error("f(16777216T)", 11, "64 bits");
    assert_error("f(1,2,3,4,5,6,7,8,9)", 19, "arguments");
    assert_error("f() 5", 5, "expected '='");
    assert_error("f() = ", 6, "expected a number");
    assert_error("f() = 5 6", 9, "unexpected text");
    assert_error("f() = -1 ENOSUCH", 10, "errno");
    assert_error("f() = SIGFOO", 7, "signal");
    assert_error("f() = SIGSEGV SEGV_X", 15, "signal code");
    assert_error("12f()", 3, "blank behind the pid");
    assert_error("[] f()", 2, "[pid N]");
    assert_error("[pid f()", 7, "[pid N]");
    assert_error("f([1, 2)", 3, "not closed");
    assert_error("f(\"a\" \"b\")", 7, "expected ',' or ')'");
    assert_error("a_name_that_is_longer_than_any_call_has()", 1, "too long");
    assert_error("<... read>", 10, "resumed");
    assert_error("+++ gone +++", 5, "exited with");
}

static void deep_nesting_is_refused_not_recursed_into(void **state)
{
    size_t bytes = 1 << 20;
    char *line = malloc(bytes);
    struct call_line split;
    struct call_error error;
    struct call call;

    (void)state;
    assert_non_null(line);
    for (const char *brackets = "([{-~"; *brackets != '\0'; brackets++) {
        memcpy(line, "f(", 2);
        memset(line + 2, *brackets, bytes - 2);
        assert_true(call_line_split(line, bytes, &split, &error));
        assert_false(call_parse(line, split.body, split.body_length, &scenario, &call, &error));
        assert_true(error.text[0] != '\0');
        assert_false(call_parse(line, split.body, split.body_length, &log_rules, &call, &error));
    }
    free(line);
}

static void a_line_of_ten_megabytes_is_parsed(void **state)
{
    size_t bytes = 10 << 20;
    char *line = malloc(bytes);
    struct call_line split;
    struct call_error error;
    struct call call;

    (void)state;
    assert_non_null(line);
    memset(line, 'a', bytes);
    memcpy(line, "f(\"", 3);
    memcpy(line + bytes - 6, "\") = 1", 6);
    assert_true(call_line_split(line, bytes, &split, &error));
    assert_true(call_parse(line, split.body, split.body_length, &scenario, &call, &error));
    assert_int_equal(call.args[0].text.length, bytes - 9);
    free(line);
}

static void a_nul_byte_outside_a_string_is_an_error(void **state)
{
    struct parsed p;
    char line[] = "f(1\0, 2) = 0";

    (void)state;
    memset(&p, 0, sizeof(p));
    memcpy(p.line, line, sizeof(line));
    assert_false(parse_bytes(&p, &scenario, sizeof(line) - 1));
    assert_int_equal(p.error.column, 4);
}

/* Copies to a block of exactly `length` bytes, so that the sanitizer sees a read beyond the end. */
static void parse_exactly(const char *bytes, size_t length)
{
    char *line = malloc(length + 1);
    struct call_line split;
    struct call_error error;
    struct call_slice name;
    struct call call;

    assert_non_null(line);
    line = realloc(line, length > 0 ? length : 1);
    memcpy(line, bytes, length);
    call_looks_like_call(line, length, &name);
    if (call_line_split(line, length, &split, &error) && split.body != NULL)
        if (!call_parse(line, split.body, split.body_length, &log_rules, &call, &error))
            assert_true(error.column >= 1 && error.column <= length + 1);
    memcpy(line, bytes, length);
    if (call_line_split(line, length, &split, &error) && split.body != NULL)
        if (!call_parse(line, split.body, split.body_length, &scenario, &call, &error))
            assert_true(error.column >= 1 && error.column <= length + 1);
    free(line);
}

static const char *const samples[] = {
    "23366 mmap(0x7ffff7f8d000, 110592, 0x5, 0x812, 3</lib/x>, 0x7000) = 0x7ffff7f8d000",
    "[pid 5] c = execve(\"/usr/bin/\\x41\\101\", [...], 0x7ff /* 37 vars */) = -1 ENOENT (No such)",
    "clone3({flags=CLONE_VM, a=[1]} => {parent_tid=[2]}, 88) = 23398",
    "load(p+(4*(2|1))-1<<3, ~64K) = SIGSEGV SEGV_MAPERR # why",
    "23366 12:00:00.5 <... read resumed>\"\"..., 832) = 832",
    "+++ exited with 0 +++",
    "--- SIGCHLD {si_signo=17} ---",
};

static void every_truncation_of_a_line_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        for (size_t length = 0; length <= strlen(samples[i]); length++)
            parse_exactly(samples[i], length);
}

static void random_changes_of_a_line_are_survived(void **state)
{
    static const char alphabet[] = "()[]{}<>\"\\,=|+-*~#/ 09xKpSE.?\0\n";
    struct prng prng;

    (void)state;
    prng_seed(&prng, 1);
    for (unsigned round = 0; round < 60000; round++) {
        const char *sample = samples[prng_below(&prng, sizeof(samples) / sizeof(samples[0]))];
        size_t length = strlen(sample);
        char line[128];

        memcpy(line, sample, length);
        for (unsigned change = 0; change < 1 + round % 6; change++)
            line[prng_below(&prng, length)] =
                round % 3 == 0 ? (char)prng_next(&prng)
                               : alphabet[prng_below(&prng, sizeof(alphabet) - 1)];
        parse_exactly(line, length);
    }
}

static void what_looks_like_a_call_is_recognised(void **state)
{
    struct call_slice name;

    (void)state;
    assert_true(call_looks_like_call("23366 execve(\"/x\"", 17, &name));
    assert_true(slice_is(name, "execve"));
    assert_true(call_looks_like_call("p = mmap(", 9, &name));
    assert_true(slice_is(name, "mmap"));
    assert_false(call_looks_like_call("int main(void)", 14, &name));
    assert_false(call_looks_like_call("I  0401ab70,3", 13, &name));
    assert_false(call_looks_like_call("", 0, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_line_and_a_comment_hold_nothing),
        cmocka_unit_test(a_call_has_a_name_arguments_and_a_result),
        cmocka_unit_test(a_call_may_have_no_arguments_and_no_result),
        cmocka_unit_test(a_line_may_say_whose_it_is),
        cmocka_unit_test(a_time_in_front_of_a_call_is_stepped_over),
        cmocka_unit_test(a_result_may_be_given_a_name),
        cmocka_unit_test(expressions_follow_the_usual_precedence),
        cmocka_unit_test(every_constant_of_the_table_is_found),
        cmocka_unit_test(signals_and_their_codes_have_names),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(arrays_and_structures_are_kept_as_they_stand),
        cmocka_unit_test(keywords_are_found_by_name),
        cmocka_unit_test(descriptor_annotations_are_dropped),
        cmocka_unit_test(logs_may_hold_arguments_that_only_strace_understands),
        cmocka_unit_test(results_are_values_errors_signals_strings_or_open),
        cmocka_unit_test(halves_of_a_call_are_told_apart),
        cmocka_unit_test(ends_and_signals_are_lines_of_their_own),
        cmocka_unit_test(every_error_names_its_column),
        cmocka_unit_test(deep_nesting_is_refused_not_recursed_into),
        cmocka_unit_test(a_line_of_ten_megabytes_is_parsed),
        cmocka_unit_test(a_nul_byte_outside_a_string_is_an_error),
        cmocka_unit_test(every_truncation_of_a_line_is_survived),
        cmocka_unit_test(random_changes_of_a_line_are_survived),
        cmocka_unit_test(what_looks_like_a_call_is_recognised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
