/*
 * Lines of files, however long and however they arrive; and the small helpers of the layer: names,
 * paths, formats.
 */
#include "load/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <mapwalk/run.h>

#include "load/replay.h"
#include "load/symbols.h"

/* Writes a temporary file; its path, which the caller unlinks. */
static const char *make_file(char path[32], const char *bytes, size_t count)
{
    int fd;

    strcpy(path, "/tmp/mapwalk-reader-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), (ssize_t)count);
    close(fd);
    return path;
}

static void lines_come_one_by_one_with_their_numbers(void **state)
{
    struct alloc a = {0};
    struct reader r;
    char path[32];
    char *line;
    size_t length;

    (void)state;
    assert_int_equal(reader_open(&r, &a, make_file(path, "one\n\nthree\nfour", 15)), 0);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_int_equal(length, 3);
    assert_memory_equal(line, "one\n", 4);
    assert_int_equal(r.lines, 1);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_int_equal(length, 0);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_memory_equal(line, "three", 5);
    assert_int_equal(reader_line(&r, &line, &length), READER_CUT);
    assert_int_equal(length, 4);
    assert_int_equal(r.lines, 4);
    assert_int_equal(r.bytes_done, 15);
    assert_int_equal(reader_line(&r, &line, &length), READER_END);
    assert_int_equal(reader_line(&r, &line, &length), READER_END);
    reader_close(&r);
    assert_int_equal(a.live_blocks, 0);
    unlink(path);
}

static void a_line_longer_than_the_buffer_is_dropped_and_counted(void **state)
{
    struct alloc a = {0};
    size_t long_bytes = 3 * READER_BYTES + 17;
    size_t bytes = 3 + long_bytes + 1 + 3;
    char *text = malloc(bytes);
    struct reader r;
    char path[32];
    char *line;
    size_t length;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', bytes);
    memcpy(text, "a\nx", 3);
    memcpy(text + 3 + long_bytes, "\nb\n\n", 4);
    assert_int_equal(reader_open(&r, &a, make_file(path, text, bytes)), 0);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_int_equal(reader_line(&r, &line, &length), READER_LONG);
    assert_int_equal(r.lines, 2);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_memory_equal(line, "b\n", 2);
    assert_int_equal(r.lines, 3);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_int_equal(reader_line(&r, &line, &length), READER_END);
    assert_int_equal(r.bytes_done, bytes);
    reader_close(&r);
    unlink(path);
    free(text);
}

static void a_line_of_exactly_the_buffer_is_a_line(void **state)
{
    struct alloc a = {0};
    char *text = malloc(READER_BYTES);
    struct reader r;
    char path[32];
    char *line;
    size_t length;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', READER_BYTES);
    text[READER_BYTES - 1] = '\n';
    assert_int_equal(reader_open(&r, &a, make_file(path, text, READER_BYTES)), 0);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_int_equal(length, READER_BYTES - 1);
    assert_int_equal(reader_line(&r, &line, &length), READER_END);
    reader_close(&r);
    unlink(path);
    free(text);
}

static void lines_survive_the_edge_of_the_buffer(void **state)
{
    struct alloc a = {0};
    size_t count = 300000; /* lines of 7 bytes: the buffer's edge falls inside one */
    char *text = malloc(count * 7 + 1);
    struct reader r;
    char path[32];
    char *line;
    size_t length;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        sprintf(text + 7 * i, "%06zu\n", i);
    assert_int_equal(reader_open(&r, &a, make_file(path, text, count * 7)), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
        assert_memory_equal(line, text + 7 * i, 7);
    }
    assert_int_equal(reader_line(&r, &line, &length), READER_END);
    reader_close(&r);
    unlink(path);
    free(text);
}

static void blocks_hold_whole_lines_and_may_be_taken_in_part(void **state)
{
    struct alloc a = {0};
    struct reader r;
    char path[32];
    char *start;
    char *end;

    (void)state;
    assert_int_equal(reader_open(&r, &a, make_file(path, "a\nb\nc", 5)), 0);
    assert_int_equal(reader_block(&r, &start, &end), READER_LINES);
    assert_int_equal(end - start, 4);
    reader_take(&r, start + 2, 1);
    assert_int_equal(reader_block(&r, &start, &end), READER_LINES);
    assert_int_equal(end - start, 2);
    reader_take(&r, end, 1);
    assert_int_equal(reader_block(&r, &start, &end), READER_CUT);
    assert_int_equal(end - start, 1);
    reader_take(&r, end, 1);
    assert_int_equal(reader_block(&r, &start, &end), READER_END);
    reader_close(&r);
    unlink(path);
}

static void a_head_that_was_read_already_comes_first(void **state)
{
    struct alloc a = {0};
    struct reader r;
    char path[32];
    char *line;
    size_t length;

    (void)state;
    assert_int_equal(reader_open(&r, &a, make_file(path, "d\ntail\n", 7)), 0);
    reader_set_head(&r, "first\nhea", 9);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_memory_equal(line, "first\n", 6);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_memory_equal(line, "head\n", 5);
    assert_int_equal(reader_line(&r, &line, &length), READER_LINES);
    assert_memory_equal(line, "tail\n", 5);
    reader_close(&r);
    unlink(path);
}

static void what_cannot_be_opened_or_read_is_reported(void **state)
{
    struct alloc a = {0};
    struct reader r;
    char *line;
    size_t length;

    (void)state;
    assert_int_equal(reader_open(&r, &a, "/nonexistent/file"), -ENOENT);
    assert_int_equal(a.live_blocks, 0);
    a.fail_at = a.calls + 1;
    assert_int_equal(reader_open(&r, &a, "/dev/null"), -ENOMEM);
    assert_int_equal(reader_open(&r, &a, "/tmp"), 0);
    assert_int_equal(reader_line(&r, &line, &length), -EISDIR);
    reader_close(&r);
    assert_int_equal(a.live_blocks, 0);
}

static void names_hold_values_and_can_be_given_new_ones(void **state)
{
    struct alloc a = {0};
    struct symbols s;
    uint64_t value = 0;
    char name[16];

    (void)state;
    symbols_init(&s, &a);
    assert_false(symbols_find(&s, "p", 1, &value));
    assert_int_equal(symbols_set(&s, "pq", 2, 5), 0);
    assert_false(symbols_find(&s, "p", 1, &value));
    assert_false(symbols_find(&s, "pqr", 3, &value));
    assert_int_equal(symbols_set(&s, "pq", 2, 6), 0);
    assert_true(symbols_find(&s, "pq", 2, &value));
    assert_int_equal(value, 6);
    assert_int_equal(symbols_set(&s, "a_name_that_is_too_long_to_be_kept", 34, 1), -ENAMETOOLONG);
    assert_false(symbols_find(&s, "a_name_that_is_too_long_to_be_kept", 34, &value));
    for (int i = 1; i < SYMBOLS_MOST; i++)
        assert_int_equal(symbols_set(&s, name, (size_t)sprintf(name, "n%d", i), (uint64_t)i), 0);
    assert_int_equal(symbols_set(&s, "more", 4, 1), -ENOSPC);
    assert_true(symbols_find(&s, "n1000", 5, &value));
    assert_int_equal(value, 1000);
    symbols_destroy(&s);
    a.fail_at = a.calls + 1;
    assert_int_equal(symbols_set(&s, "p", 1, 1), -ENOMEM);
    assert_false(symbols_find(&s, "p", 1, &value));
    assert_int_equal(a.live_blocks, 0);
}

static void paths_of_logs_become_absolute(void **state)
{
    static const struct {
        const char *directory, *path, *absolute;
    } cases[] = {
        {NULL, "/usr/lib", "/usr/lib"},
        {NULL, "nums.txt", "/nums.txt"},
        {"/home/a", "b", "/home/a/b"},
        {"/home/a", "/b", "/b"},
        {NULL, "/a//b/./c/../d/", "/a/b/d"},
        {NULL, "../../x", "/x"},
        {NULL, "", "/"},
        {NULL, "/..", "/"},
        {NULL, "/...", "/..."},
        {NULL, "/a/..b", "/a/..b"},
    };
    char out[REPLAY_PATH_BYTES];
    char *deep = malloc(2 * REPLAY_PATH_BYTES);

    (void)state;
    assert_non_null(deep);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(replay_path(cases[i].directory, cases[i].path, out));
        assert_string_equal(out, cases[i].absolute);
    }
    memset(deep, 'x', 2 * REPLAY_PATH_BYTES);
    deep[REPLAY_PATH_BYTES - 1] = '\0';
    assert_false(replay_path(NULL, deep, out));
    deep[REPLAY_PATH_BYTES - 2] = '\0';
    assert_true(replay_path(NULL, deep, out));
    assert_int_equal(strlen(out), REPLAY_PATH_BYTES - 1);
    free(deep);
}

static void special_files_are_known_by_their_paths(void **state)
{
    (void)state;
    assert_true(replay_path_is_special("/proc/filesystems"));
    assert_true(replay_path_is_special("/dev"));
    assert_true(replay_path_is_special("/"));
    assert_false(replay_path_is_special("/process"));
    assert_false(replay_path_is_special("/usr/proc"));
}

static enum mw_format recognise(const char *text)
{
    return mw_format_recognise(text, strlen(text));
}

static void formats_are_recognised_by_their_first_lines(void **state)
{
    (void)state;
    assert_int_equal(recognise("# a lesson\n\np = mmap(NULL, 4096"), MW_FORMAT_SCENARIO);
    assert_int_equal(recognise("fork()\n"), MW_FORMAT_SCENARIO);
    assert_int_equal(recognise("getpid()\nexecve(\"/x\") = 0\n"), MW_FORMAT_SCENARIO);
    assert_int_equal(recognise("execve(\"/bin/ls\", [...], 0x7ffe) = 0\nbrk(NULL) = 0x5\n"),
                     MW_FORMAT_STRACE);
    assert_int_equal(recognise("23366 execve(\"/bin/ls\", ["), MW_FORMAT_STRACE);
    assert_int_equal(recognise("12 read(3, \"\", 1) = 0\n12 +++ exited with 0 +++\n"),
                     MW_FORMAT_STRACE);
    assert_int_equal(recognise("12 read(3, <unfinished ...>\n"), MW_FORMAT_STRACE);
    assert_int_equal(recognise("==24025== Lackey, an example Valgrind tool\n"), MW_FORMAT_LACKEY);
    assert_int_equal(recognise("==24025== Memcheck, a memory error detector\n"), MW_FORMAT_UNKNOWN);
    assert_int_equal(recognise("I  0401ab70,3\n"), MW_FORMAT_LACKEY);
    assert_int_equal(recognise(" S 1fff0006f8,8"), MW_FORMAT_LACKEY);
    assert_int_equal(recognise("SYSCALL[24025,1](12) sys_brk"), MW_FORMAT_LACKEY);
    assert_int_equal(recognise(""), MW_FORMAT_UNKNOWN);
    assert_int_equal(recognise("\x7f"
                               "ELF\x02\x01"),
                     MW_FORMAT_UNKNOWN);
    assert_int_equal(recognise("hello world\n"), MW_FORMAT_UNKNOWN);
    assert_int_equal(recognise("I  ,3\n"), MW_FORMAT_UNKNOWN);
    assert_string_equal(mw_format_name(MW_FORMAT_LACKEY), "lackey");
    assert_string_equal(mw_format_name(99), "?");
}

static void formats_configure_their_machines(void **state)
{
    struct mw_config config;
    struct mw_config plain;

    (void)state;
    mw_config_init(&plain);
    config = plain;
    mw_run_configure(MW_FORMAT_SCENARIO, &config);
    assert_memory_equal(&config, &plain, sizeof(config));
    mw_run_configure(MW_FORMAT_LACKEY, &config);
    assert_int_equal(config.placement, MW_PLACE_FIRST_FIT);
    mw_run_configure(MW_FORMAT_STRACE, &config);
    assert_int_equal(config.mode, MW_MODE_SV48);
    assert_int_equal(config.placement, MW_PLACE_TOP_DOWN);
    assert_int_equal(config.mmap_base, 0x7ffff7fff000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_one_by_one_with_their_numbers),
        cmocka_unit_test(a_line_longer_than_the_buffer_is_dropped_and_counted),
        cmocka_unit_test(a_line_of_exactly_the_buffer_is_a_line),
        cmocka_unit_test(lines_survive_the_edge_of_the_buffer),
        cmocka_unit_test(blocks_hold_whole_lines_and_may_be_taken_in_part),
        cmocka_unit_test(a_head_that_was_read_already_comes_first),
        cmocka_unit_test(what_cannot_be_opened_or_read_is_reported),
        cmocka_unit_test(names_hold_values_and_can_be_given_new_ones),
        cmocka_unit_test(paths_of_logs_become_absolute),
        cmocka_unit_test(special_files_are_known_by_their_paths),
        cmocka_unit_test(formats_are_recognised_by_their_first_lines),
        cmocka_unit_test(formats_configure_their_machines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
