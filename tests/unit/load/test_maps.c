/*
 * Recorded maps: reading them, and what they are compared with.
 */
#include "load/maps.h"

#include <sys/mman.h>

#include "load/replay.h"
#include "unit/load/world.h"

static void recorded_maps_are_recognised_by_their_head(void **state)
{
    (void)state;
    assert_true(maps_recognise("# 23366 exec\n", 13));
    assert_true(maps_recognise("# 1 exit\nx", 10));
    assert_false(maps_recognise("# 23366 exec", 12));
    assert_false(maps_recognise("# exec\n", 7));
    assert_false(maps_recognise("# 0 exec\n", 9));
    assert_false(maps_recognise("# 99999999999 exec\n", 19));
    assert_false(maps_recognise("555555554000-555555558000 r--p\n", 31));
    assert_false(maps_recognise("", 0));
}

static struct maps read_maps(struct alloc *a, const char *file, struct mw_run_result *result)
{
    static const struct mw_run_options silent = {.diagnose = NULL};
    struct report report = {&silent, result, 0};
    struct reader reader;
    struct maps maps;

    memset(result, 0, sizeof(*result));
    maps_init(&maps, a);
    assert_int_equal(reader_open(&reader, a, file), 0);
    assert_int_equal(maps_read(&maps, &reader, &report), 0);
    reader_close(&reader);
    return maps;
}

static void snapshots_are_taken_once_each_in_their_order(void **state)
{
    struct alloc a = {0};
    struct mw_run_result result;
    struct maps maps = read_maps(&a, DATA "family.maps", &result);
    const struct maps_snapshot *s;

    (void)state;
    assert_int_equal(result.lines_bad, 0);
    assert_null(maps_take(&maps, 201, false));
    s = maps_take(&maps, 200, false);
    assert_non_null(s);
    assert_int_equal(s->count, 7);
    assert_int_equal(s->start_brk, 0x555555600000);
    assert_int_equal(s->lines[1].start, 0x555555558000);
    assert_int_equal(s->lines[1].end, 0x555555560000);
    assert_int_equal(s->lines[1].prot, PROT_READ | PROT_EXEC);
    assert_int_equal(s->lines[1].off_bytes, 0x4000);
    assert_string_equal(s->lines[1].path, "/usr/bin/sh");
    assert_int_equal(s->lines[1].number, 3);
    assert_null(s->lines[2].path);
    assert_true(s->lines[5].stack);
    assert_null(maps_take(&maps, 200, false));
    assert_non_null(maps_take(&maps, 200, true));
    assert_null(maps_take(NULL, 200, true));
    maps_destroy(&maps);
    assert_int_equal(a.live_blocks, 0);
}

static void lines_that_are_no_maps_are_counted(void **state)
{
    static const char *const lines[] = {
        "5000-4000 r--p 00000000 00:00 0",  "4001-5000 r--p 00000000 00:00 0",
        "4000-5000 r--x 00000000 00:00 0",  "4000-5000 rw- 00000000 00:00 0",
        "4000-5000 r--p 00000001 00:00 0",  "4000-5000 r--p 00000000 0000 0",
        "4000-5000 r--p 00000000 00:00",    "4000 r--p 00000000 00:00 0",
        "11112222333344445-5 r--p 0 0:0 0", "rubbish",
    };
    char path[] = "/tmp/mapwalk-maps-XXXXXX";
    int fd = mkstemp(path);
    struct alloc a = {0};
    struct mw_run_result result;
    struct maps maps;

    (void)state;
    assert_true(fd >= 0);
    dprintf(fd, "# 1 exec\n\n# a remark\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        dprintf(fd, "%s\n", lines[i]);
    dprintf(fd, "4000-5000 -w-s 00002000 00:00 7 /a b");
    close(fd);
    maps = read_maps(&a, path, &result);
    assert_int_equal(result.lines_bad, sizeof(lines) / sizeof(lines[0]));
    assert_int_equal(maps.first->count, 1);
    assert_string_equal(maps.first->lines[0].path, "/a b");
    assert_true(maps.first->lines[0].shared);
    maps_destroy(&maps);
    unlink(path);
}

static void recorded_maps_make_the_image_and_are_met_at_the_exit(void **state)
{
    const char *const files[] = {DATA "family.strace", DATA "family.maps"};
    struct world w;

    (void)state;
    world_config(&w, MW_FORMAT_STRACE);
    world_start(&w);
    assert_int_equal(world_run(&w, files, 2), 0);
    assert_string_equal(w.said, "");
    assert_int_equal(w.result.maps_checked, 11);
    assert_int_equal(w.result.maps_equal, 11);
    assert_int_equal(w.result.addresses_checked, 3); /* the first one, too */
    assert_int_equal(w.result.addresses_equal, 3);
    assert_int_equal(w.result.calls_differing, 0);
    world_end(&w);
}

/* Changes one line of the record; what differs then. */
static void with_line_changed(const char *from, const char *to, uint64_t checked, uint64_t equal,
                              const char *said)
{
    char text[8192];
    char path[] = "/tmp/mapwalk-maps-XXXXXX";
    const char *files[] = {DATA "family.strace", path};
    size_t length = read_data("family.maps", text, sizeof(text));
    char *exit_part = strstr(text, "# 200 exit");
    char *place;
    int fd = mkstemp(path);
    struct world w;

    assert_true(fd >= 0);
    assert_non_null(exit_part);
    place = strstr(exit_part, from);
    assert_non_null(place);
    assert_int_equal(write(fd, text, (size_t)(place - text)), place - text);
    dprintf(fd, "%s%s", to, place + strlen(from));
    close(fd);
    assert_true(length > 0);
    world_config(&w, MW_FORMAT_STRACE);
    world_start(&w);
    assert_int_equal(world_run(&w, files, 2), 0);
    assert_int_equal(w.result.maps_checked, checked);
    assert_int_equal(w.result.maps_equal, equal);
    assert_non_null(strstr(w.said, said));
    world_end(&w);
    unlink(path);
}

static void every_difference_of_a_line_is_seen(void **state)
{
    static const char told[] = "the simulator has not mapped this so";

    (void)state;
    with_line_changed("7fbc000-7ffff7fbd000 r-xp 00001000", "7fbc000-7ffff7fbd000 r--p 00001000",
                      11, 10, told);
    with_line_changed("7fbc000-7ffff7fbd000 r-xp 00001000", "7fbc000-7ffff7fbd000 r-xp 00002000",
                      11, 10, told);
    with_line_changed("7fbc000-7ffff7fbd000 r-xp 00001000", "7fbc000-7ffff7fbd000 r-xs 00001000",
                      11, 10, told);
    with_line_changed("332835                     /usr/lib/libc.so.6", "0", 11, 10, told);
    with_line_changed("555555600000-555555621000", "555555600000-555555622000", 11, 10, told);
    with_line_changed("7ffff7fc0000-7ffff7fc2000 rw-p 00000000 00:00 0 \n", "", 11, 10,
                      "the simulator has this area, the record has not");
    with_line_changed("7ffffffff000 rw-p", "7fffffffe000 rw-p", 12, 10,
                      told); /* and the area reaches further */
}

static void recorded_maps_go_with_strace_only(void **state)
{
    const char *const files[] = {DATA "parent.lackey", DATA "family.maps"};
    struct world w;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(world_run(&w, files, 2), -EINVAL);
    assert_int_equal(world_run(&w, files + 1, 1), -ENOEXEC);
    world_end(&w);
}

static void memory_for_maps_may_run_out(void **state)
{
    const char *const files[] = {DATA "family.maps", DATA "family.strace"};

    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        struct world w;
        int err;

        world_config(&w, MW_FORMAT_STRACE);
        world_start(&w);
        mw_fail_allocation(w.machine, n);
        err = world_run(&w, files, 2);
        mw_fail_allocation(w.machine, 0);
        assert_true(err == 0 || err == -ENOMEM);
        world_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_maps_are_recognised_by_their_head),
        cmocka_unit_test(snapshots_are_taken_once_each_in_their_order),
        cmocka_unit_test(lines_that_are_no_maps_are_counted),
        cmocka_unit_test(recorded_maps_make_the_image_and_are_met_at_the_exit),
        cmocka_unit_test(every_difference_of_a_line_is_seen),
        cmocka_unit_test(recorded_maps_go_with_strace_only),
        cmocka_unit_test(memory_for_maps_may_run_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
