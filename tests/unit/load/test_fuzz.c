/*
 * Random scripts and their shrinking, without engines.
 */
#include "load/fuzz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fuzz_script *generate(uint64_t seed, const char *calls, unsigned processes)
{
    struct fuzz_script *script = calloc(1, sizeof(*script));
    struct fuzz_maker maker = {.calls = calls, .processes = processes};

    assert_non_null(script);
    prng_seed(&maker.prng, seed);
    fuzz_generate(&maker, 200, script);
    return script;
}

static unsigned count_with(const struct fuzz_script *script, const char *word)
{
    unsigned count = 0;

    for (unsigned i = 0; i < script->count; i++)
        count += strstr(script->lines[i], word) != NULL;
    return count;
}

static void the_same_seed_makes_the_same_script(void **state)
{
    struct fuzz_script *a = generate(7, NULL, 4);
    struct fuzz_script *b = generate(7, NULL, 4);
    struct fuzz_script *c = generate(8, NULL, 4);

    (void)state;
    assert_memory_equal(a, b, sizeof(*a));
    assert_true(memcmp(a, c, sizeof(*a)) != 0);
    assert_true(a->count > 200);
    free(a);
    free(b);
    free(c);
}

/* Who a line belongs to: "[p3] ..." is process 3's. */
static unsigned actor(const char *line)
{
    return line[0] == '[' ? (unsigned)line[2] - '0' : 0;
}

/* vfork and CLONE_VFORK: until the child has called exec or exited, its parent makes no line. */
static void who_waits_for_a_vfork_child_makes_no_line(void **state)
{
    unsigned vforks = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct fuzz_script *script = generate(seed, NULL, 6);
        unsigned awaited[8] = {0}; /* by parent: the child; 0: none */
        unsigned parent[8] = {0};

        for (unsigned i = 0; i < script->count; i++) {
            const char *line = script->lines[i];
            unsigned who = actor(line);
            unsigned child;

            assert_int_equal(awaited[who], 0);
            if (strstr(line, "vfork()") != NULL || strstr(line, "CLONE_VFORK") != NULL) {
                child = (unsigned)strstr(line, " = ")[-1] - '0';
                awaited[who] = child;
                parent[child] = who;
                vforks++;
            }
            if ((strstr(line, "exit") != NULL || strstr(line, "execve(") != NULL) &&
                awaited[parent[who]] == who)
                awaited[parent[who]] = 0;
        }
        free(script);
    }
    assert_true(vforks > 20);
}

static void a_list_of_calls_names_calls(void **state)
{
    (void)state;
    assert_true(fuzz_knows("mmap"));
    assert_true(fuzz_knows("mmap,munmap,fork"));
    assert_false(fuzz_knows(""));
    assert_false(fuzz_knows("bogus"));
    assert_false(fuzz_knows("mmap,"));
    assert_false(fuzz_knows(",mmap"));
    assert_false(fuzz_knows("mmap,bogus"));
    assert_false(fuzz_knows("a_name_that_is_longer_than_that_of_any_call_there_is"));
}

static void only_the_calls_that_are_asked_for_are_made(void **state)
{
    struct fuzz_script *script = generate(3, "munmap,brk", 4);

    (void)state;
    assert_true(count_with(script, "munmap(") > 10);
    assert_true(count_with(script, "brk(") > 5);
    assert_int_equal(count_with(script, "mprotect("), 0);
    assert_int_equal(count_with(script, "fork("), 0);
    assert_true(count_with(script, "store(") > 20);
    free(script);
}

/* Nobody acts before it was born or after it has ended. */
static void processes_act_while_they_live(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct fuzz_script *script = generate(seed, NULL, 5);
        unsigned live = 1;

        for (unsigned i = 0; i < script->count; i++) {
            const char *line = script->lines[i];
            unsigned pid = 0;
            unsigned child;

            if (sscanf(line, "[p%u] ", &pid) == 1)
                line = strchr(line, ' ') + 1;
            assert_true(live >> pid & 1);
            if (sscanf(line, "p%u = fork", &child) == 1) {
                assert_true(child < 5);
                live |= 1u << child;
            }
            if (strncmp(line, "exit", 4) == 0)
                live &= ~(1u << pid);
        }
        free(script);
    }
}

static void lines_fit_their_room(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct fuzz_script *script = generate(seed, NULL, 8);

        for (unsigned i = 0; i < script->count; i++)
            assert_true(strnlen(script->lines[i], FUZZ_LINE_BYTES) < FUZZ_LINE_BYTES - 1);
        free(script);
    }
}

/* What writes pages back clears tails at times that only ext4 knows: not where there are tails. */
static void scripts_that_sync_have_files_of_whole_pages(void **state)
{
    unsigned syncing = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct fuzz_script *script = generate(seed, NULL, 3);
        unsigned syncs = count_with(script, "fdatasync(") + count_with(script, "fsync(") +
                         count_with(script, "|O_SYNC") + count_with(script, "MS_SYNC") +
                         count_with(script, "sync_file_range(");

        assert_true(count_with(script, "fallocate(") > 0 || count_with(script, "mkdir(") > 0);
        syncing += syncs > 0;
        for (unsigned i = 0; syncs > 0 && i < script->count; i++) {
            const char *call = strstr(script->lines[i], "truncate(");
            unsigned bytes = 0;

            if (call == NULL)
                continue;
            assert_int_equal(sscanf(strchr(call, ','), ", %u)", &bytes), 1);
            assert_int_equal(bytes % 4096, 0);
        }
        free(script);
    }
    assert_true(syncing > 20 && syncing < 80);
}

/* ---- shrinking ---- */

struct wanted {
    unsigned tries;
    int fails_at; /* this try is an error; 0: none */
};

/* The difference needs lines 13 and 57, in that order. */
static int needs_two(void *context, const struct fuzz_script *script)
{
    struct wanted *w = context;
    bool first = false;

    if ((int)++w->tries == w->fails_at)
        return -EIO;
    for (unsigned i = 0; i < script->count; i++) {
        if (strcmp(script->lines[i], "13") == 0)
            first = true;
        if (first && strcmp(script->lines[i], "57") == 0)
            return 1;
    }
    return 0;
}

static struct fuzz_script *numbered(unsigned count)
{
    struct fuzz_script *script = calloc(1, sizeof(*script));

    assert_non_null(script);
    for (unsigned i = 0; i < count; i++)
        sprintf(script->lines[i], "%u", i);
    script->count = count;
    return script;
}

static void a_script_shrinks_to_the_lines_that_matter(void **state)
{
    struct fuzz_script *script = numbered(100);
    struct wanted wanted = {0, 0};
    struct alloc alloc = {0};

    (void)state;
    assert_int_equal(fuzz_shrink(&alloc, script, needs_two, &wanted), 0);
    assert_int_equal(script->count, 3);
    assert_string_equal(script->lines[0], "0"); /* the window stays */
    assert_string_equal(script->lines[1], "13");
    assert_string_equal(script->lines[2], "57");
    assert_true(wanted.tries < 100);
    assert_int_equal(alloc.live_blocks, 0);
    free(script);
}

static void a_trial_that_fails_ends_the_shrinking(void **state)
{
    struct fuzz_script *script = numbered(100);
    struct wanted wanted = {0, 4};
    struct alloc alloc = {0};

    (void)state;
    assert_int_equal(fuzz_shrink(&alloc, script, needs_two, &wanted), -EIO);
    assert_int_equal(wanted.tries, 4);
    assert_int_equal(alloc.live_blocks, 0);
    alloc.fail_at = alloc.calls + 1;
    assert_int_equal(fuzz_shrink(&alloc, script, needs_two, &wanted), -ENOMEM);
    free(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_makes_the_same_script),
        cmocka_unit_test(who_waits_for_a_vfork_child_makes_no_line),
        cmocka_unit_test(a_list_of_calls_names_calls),
        cmocka_unit_test(only_the_calls_that_are_asked_for_are_made),
        cmocka_unit_test(processes_act_while_they_live),
        cmocka_unit_test(lines_fit_their_room),
        cmocka_unit_test(a_script_shrinks_to_the_lines_that_matter),
        cmocka_unit_test(a_trial_that_fails_ends_the_shrinking),
        cmocka_unit_test(scripts_that_sync_have_files_of_whole_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
