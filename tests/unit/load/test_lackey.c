/*
 * Whole logs of lackey through mw_run: one process and several, and logs that are broken.
 */
#include "unit/load/world.h"

#include "base/prng.h"

/* ---- lackey: one log ---- */

static void a_log_is_replayed_and_compared(void **state)
{
    const char *file = DATA "parent.lackey";
    struct world w;
    struct mw_stats stats;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(world_run(&w, &file, 1), 0);
    assert_string_equal(w.said, "");
    assert_int_equal(w.result.format, MW_FORMAT_LACKEY);
    assert_int_equal(w.result.lines, 32);
    assert_int_equal(w.result.lines_bad, 0);
    assert_int_equal(w.result.accesses, 9);
    assert_int_equal(w.result.addresses_checked, 2);
    assert_int_equal(w.result.addresses_equal, 2);
    assert_int_equal(w.result.calls_differing, 0);
    assert_int_equal(w.result.calls_skipped, 1);
    assert_string_equal(w.result.skipped[0].name, "unimplemented");
    assert_int_equal(w.result.signals, 0);
    assert_int_equal(mw_file_size(w.machine, "/lib/libc.so.6"), 20480);
    mw_stats(w.machine, &stats);
    assert_int_equal(stats.processes.live, 0);
    assert_int_equal(stats.processes.created, 2);
    world_end(&w);
}

static void the_first_store_makes_a_stack_that_grows_down(void **state)
{
    struct world w;
    struct mw_vma area;
    struct mw_stats stats;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(
        world_run_text(&w, "==5== Lackey\n S 1fff0006f8,8\n S 1ffeffff00,8\n L 1ffeff9f00,8\n"), 0);
    assert_int_equal(mw_vma_next(w.machine, 5, 0, &area), 0);
    assert_true(area.stack);
    assert_int_equal(area.start, 0x1ffeff9000);
    assert_int_equal(area.end, 0x1fff001000);
    mw_stats(w.machine, &stats);
    assert_int_equal(stats.faults.by_reason[MW_REASON_STACK_GROWTH], 2);
    assert_int_equal(stats.faults.implicit_maps, 1);
    world_end(&w);
}

static void every_page_of_an_access_is_translated(void **state)
{
    struct world w;
    uint64_t pte;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(
        world_run_text(&w, "==5== Lackey\n S 00050ffc,8\n M 00060fff,2\nI  00070ffe,4\n"), 0);
    for (uint64_t page = 0x50000; page <= 0x70000; page += 0x10000) {
        assert_int_equal(mw_pte(w.machine, 5, page, &pte), 0);
        assert_int_equal(pte & 1, 1);
        assert_int_equal(mw_pte(w.machine, 5, page + 0x1000, &pte), 0);
        assert_int_equal(pte & 1, 1);
    }
    assert_int_equal(w.result.accesses, 4);
    world_end(&w);
}

static void a_mapping_moves_to_where_the_log_has_it(void **state)
{
    struct world w;
    struct mw_vma area;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(
        world_run_text(&w, "==5== Lackey\n"
                           "SYSCALL[5,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x4035000)\n"
                           "SYSCALL[5,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> "
                           "[pre-success] Success(0x5000000)\n"
                           "SYSCALL[5,1](9) sys_mmap ( 0x0, 4096, 3, 34, 4294967295, 0 ) --> "
                           "[pre-success] Success(0x4835000)\n"),
        0);
    assert_int_equal(w.result.addresses_checked, 2);
    assert_int_equal(w.result.addresses_equal, 1);
    assert_int_equal(w.result.calls_differing, 0);
    assert_int_equal(mw_vma_next(w.machine, 5, 0x5000000, &area), 0);
    assert_int_equal(area.start, 0x5000000);
    assert_int_equal(area.end, 0x5002000);
    assert_int_equal(mw_vma_next(w.machine, 5, 0, &area), 0);
    assert_int_equal(area.start, 0x4835000);
    world_end(&w);
}

static void the_first_call_that_differs_is_told_and_all_are_counted(void **state)
{
    struct world w;

    (void)state;
    lackey_text(&w, "==5== Lackey\n"
                    "SYSCALL[5,1](39) sys_getpid ()[sync] --> Success(0x6)\n"
                    "SYSCALL[5,1](11) sys_munmap ( 0x1001, 4096 )[sync] --> Success(0x0)\n"
                    "SYSCALL[5,1](11) sys_munmap ( 0x1000, 4096 )[sync] --> Failure(0x16)\n");
    assert_int_equal(w.result.calls_checked, 3);
    assert_int_equal(w.result.calls_differing, 3);
    assert_string_equal(
        w.said,
        "log:2: getpid: the log says 0x6, the simulator 0x5\n"
        "log:0: 3 calls had other results than the log says; the first is reported above\n");
}

static void a_descriptor_follows_the_log(void **state)
{
    struct world w;

    (void)state;
    lackey_text(
        &w,
        "==5== Lackey\n"
        "SYSCALL[5,1](2) sys_open ( 0x5000(/a), 66 ) --> [async] ...\n"
        "SYSCALL[5,1](2) ... [async] --> Success(0x9)\n"
        "SYSCALL[5,1](1) sys_write ( 9, 0x60000, 5000 ) --> [async] ...\n"
        "SYSCALL[5,1](1) ... [async] --> Success(0x1388)\n"
        "SYSCALL[5,1](33) sys_dup2 ( 9, 3 )[sync] --> Success(0x3)\n"
        "SYSCALL[5,1](8) sys_lseek ( 3, 0, 1 )[sync] --> Success(0x1388)\n"
        "SYSCALL[5,1](8) sys_lseek ( 3, 10, 0 )[sync] --> Success(0xa)\n"
        "SYSCALL[5,1](0) sys_read ( 9, 0x70000, 6000 ) --> [async] ...\n"
        "SYSCALL[5,1](0) ... [async] --> Success(0x1770)\n"
        "SYSCALL[5,1](8) sys_lseek ( 9, 0, 2 )[sync] --> Success(0x1388)\n"
        "SYSCALL[5,1](8) sys_lseek ( 3, 0, 1 )[sync] --> Success(0x1388)\n"
        "SYSCALL[5,1](77) sys_ftruncate ( 9, 100 )[sync] --> Success(0x0)\n"
        "SYSCALL[5,1](74) sys_fsync ( 9 )[sync] --> Success(0x0)\n"
        "SYSCALL[5,1](17) sys_pread64 ( 9, 0x70000, 9, 91 )[sync] --> Success(0x9)\n"
        "SYSCALL[5,1](72) sys_fcntl[ARG3=='arg'] ( 9, 0, 20 )[sync] --> Success(0x14)\n"
        "SYSCALL[5,1](3) sys_close ( 9 )[sync] --> Success(0x0)\n"
        "SYSCALL[5,1](18) sys_pwrite64 ( 20, 0x70000, 5, 10 )[sync] --> Success(0x5)\n"
        "SYSCALL[5,1](3) sys_close ( 9 ) --> [pre-fail] Failure(0x9)\n"
        "SYSCALL[5,1](87) sys_unlink ( 0x5000(/a) )[sync] --> Success(0x0)\n"
        "SYSCALL[5,1](3) sys_close ( 3 )[sync] --> Success(0x0)\n"
        "SYSCALL[5,1](0) sys_read ( 0, 0x90000, 10 )[sync] --> Success(0xa)\n"
        "SYSCALL[5,1](257) sys_openat ( 4294967196, 0x5000(/proc/x), 0 )[sync] --> Success(0x3)\n"
        "SYSCALL[5,1](0) sys_read ( 3, 0x90000, 8192 )[sync] --> Success(0x2000)\n");
    assert_string_equal(w.said, "");
    assert_int_equal(w.result.calls_differing, 0);
    assert_int_equal(w.result.calls_checked, 14);
}

static void results_that_no_kernel_gives_are_survived(void **state)
{
    struct world w;

    (void)state;
    lackey_text(
        &w,
        "==5== Lackey\n"
        "SYSCALL[5,1](2) sys_open ( 0x5000(/a), 66 )[sync] --> Success(0xffffffff00000005)\n"
        "SYSCALL[5,1](2) sys_open ( 0x5000(/a), 66 )[sync] --> Success(0x100000005)\n"
        "SYSCALL[5,1](2) sys_open ( 0x5000(/a), 66 )[sync] --> Success(0x400)\n"
        "SYSCALL[5,1](2) sys_open ( 0x5000(/a), 66 )[sync] --> Success(0x3)\n"
        "SYSCALL[5,1](32) sys_dup ( 3 )[sync] --> Success(0xffffffff80000000)\n"
        "SYSCALL[5,1](32) sys_dup ( 3 )[sync] --> Success(0x7fffffff)\n"
        "SYSCALL[5,1](0) sys_read ( 3, 0x60000, 10 )[sync] --> Success(0x7fffffffffffffff)\n"
        "SYSCALL[5,1](0) sys_read ( 0, 0x60000, 10 )[sync] --> Success(0xb)\n"
        "SYSCALL[5,1](0) sys_read ( 0, 0x60000, 18446744073709551615 )[sync] --> "
        "Success(0x8000000000000000)\n"
        "SYSCALL[5,1](9) sys_mmap ( 0x100000, 1152921504606846976, 1, 2, 3, 0 )[sync] --> "
        "Success(0x100000)\n"
        "SYSCALL[5,1](57) sys_fork ( ) --> [pre-success] Success(0x100000065)\n"
        "SYSCALL[5,1](61) sys_wait4 ( 4294967295, 0x0, 1, 0x0 )[sync] --> Success(0x100000065)\n");
    assert_int_equal(w.result.lines_bad, 0);
    assert_int_equal(w.result.calls_differing, 4); /* three reads and the mapping */
    assert_int_equal(w.result.out_of_memory, 2);   /* the disk, then the address space */
}

/* ---- lackey: several logs ---- */

static void a_child_begins_at_its_fork_and_its_parent_waits_for_it(void **state)
{
    static const char *const orders[2][2] = {{DATA "parent.lackey", DATA "child.lackey"},
                                             {DATA "child.lackey", DATA "parent.lackey"}};
    struct world w;
    struct mw_stats stats;

    (void)state;
    for (int order = 0; order < 2; order++)
        for (uint64_t quantum = 0; quantum < 4; quantum++) {
            world_config(&w, MW_FORMAT_LACKEY);
            world_start(&w);
            w.options.quantum_lines = quantum;
            assert_int_equal(world_run(&w, orders[order], 2), 0);
            assert_string_equal(w.said, "");
            assert_string_equal(w.events, "new 100 new 101 exec 101 exit 101 exit 100 ");
            assert_int_equal(w.result.addresses_equal, 3);
            mw_stats(w.machine, &stats);
            assert_int_equal(stats.processes.live, 0);
            if (quantum == 0) /* the parent's turn goes on: its store after the fork copies */
                assert_int_equal(stats.faults.by_reason[MW_REASON_COW_COPY], 2);
            world_end(&w);
        }
}

static void a_child_that_calls_no_exec_goes_on_with_its_parents_memory(void **state)
{
    static const char *const files[] = {DATA "parent.lackey", DATA "forked.lackey"};
    struct world w;
    struct mw_stats stats;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(world_run(&w, files, 2), 0);
    assert_string_equal(w.said, "");
    assert_string_equal(w.events, "new 100 new 101 exit 101 exit 100 ");
    assert_int_equal(w.result.lines_bad, 0);
    mw_stats(w.machine, &stats);
    /*
     * One copy more than with an exec: of the stack, which the child stores to. The page that its
     * parent stored to after the fork is the child's alone by then, and the old page of the stack
     * the parent's when the kernel stores the child's status there.
     */
    assert_int_equal(stats.faults.by_reason[MW_REASON_COW_COPY], 3);
    assert_int_equal(stats.faults.by_reason[MW_REASON_COW_REUSE], 2);
    world_end(&w);
}

static void logs_one_after_the_other_in_one_stream_are_one_tree(void **state)
{
    char text[8192];
    size_t length;
    struct world w;

    (void)state;
    length = read_data("parent.lackey", text, sizeof(text));
    read_data("child.lackey", text + length, sizeof(text) - length);
    lackey_text(&w, text);
    assert_string_equal(w.said, "");
    /* the child is emptied where it was waited for, and once more where its log begins */
    assert_string_equal(w.events, "new 100 new 101 exec 101 exit 100 exec 101 exit 101 ");
    assert_int_equal(w.result.lines, 48);
    assert_int_equal(w.result.addresses_equal, 3);
}

static void a_child_without_a_log_leaves_no_process_behind(void **state)
{
    struct world w;
    char text[16384] = "==5== Lackey\n";

    (void)state;
    for (int child = 0; child < 80; child++)
        sprintf(text + strlen(text),
                "SYSCALL[5,1](57) sys_fork ( )   fork: process 5 created child %d\n"
                " --> [pre-success] Success(0x%x)\n"
                "SYSCALL[5,1](61) sys_wait4 ( 4294967295, 0x0, 0, 0x0 )[sync] --> Success(0x%x)\n",
                100 + child, 100 + child, 100 + child);
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(world_run_text(&w, text), 0);
    assert_int_equal(mw_process_next(w.machine, 0), 5); /* it did not say that it ended */
    assert_int_equal(mw_process_next(w.machine, 5), 0);
    assert_int_equal(w.result.calls_checked, 80);
    world_end(&w);
}

static void a_log_whose_fork_never_comes_begins_when_nothing_else_can_run(void **state)
{
    const char *files[] = {DATA "child.lackey", NULL};
    char path[] = "/tmp/mapwalk-orphan-XXXXXX";
    int fd = mkstemp(path);
    struct world w;

    (void)state;
    assert_true(fd >= 0);
    dprintf(fd, "==100== Lackey\n S 1fff0006f8,8\nSYSCALL[100,1](61) sys_wait4 ( 101, 0x0, 0, 0x0 "
                ") --> [async] ...\n"
                " S 1fff0006f0,8\n");
    close(fd);
    files[1] = path;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(world_run(&w, files, 2), 0);
    assert_string_equal(w.said, "");
    assert_int_equal(w.result.accesses, 4 + 2);
    world_end(&w);
    unlink(path);
}

static void two_logs_of_one_number_are_two_processes(void **state)
{
    const char *const files[] = {DATA "child.lackey", DATA "child.lackey"};
    struct world w;
    struct mw_stats stats;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    w.options.quantum_lines = 2;
    assert_int_equal(world_run(&w, files, 2), 0);
    mw_stats(w.machine, &stats);
    assert_int_equal(stats.processes.created, 2);
    assert_int_equal(w.result.calls_differing, 0);
    world_end(&w);
}

/* ---- lackey: what is wrong with logs ---- */

static void a_log_may_be_cut_anywhere(void **state)
{
    char text[8192];
    size_t length = read_data("parent.lackey", text, sizeof(text));

    (void)state;
    for (size_t cut = 40; cut <= length; cut += 3) {
        struct world w;
        bool in_line = text[cut - 1] != '\n';

        world_config(&w, MW_FORMAT_LACKEY);
        world_start(&w);
        assert_int_equal(world_run_bytes(&w, text, cut), 0);
        if ((strstr(w.said, "the log ends in the middle of a line") != NULL) != in_line)
            fail_msg("cut at %zu: %s", cut, w.said);
        assert_int_equal(w.result.lines_bad, in_line ? 1 : 0);
        world_end(&w);
    }
}

static void lines_that_are_not_understood_are_counted_and_the_rest_is_replayed(void **state)
{
    struct world w;

    (void)state;
    lackey_text(&w, "==5== Lackey\n"
                    " S 1fff0006f8,8\n"
                    "hello from the program\n"
                    " S 1fff0006f0,x\n"
                    "I  ,\n"
                    " --> [pre-success] Success(0x1)\n"
                    "SYSCALL[5,1](0) ... [async] --> Success(0x1)\n"
                    "SYSCALL[6,1](39) sys_getpid ()[sync] --> Success(0x6)\n"
                    "SYSCALL[5,1](9) sys_mmap ( 0x0 )[sync] --> Success(0x6)\n"
                    "SYSCALL[5,1](257) sys_openat ( 1, 2, 3 )[sync] --> Success(0x6)\n"
                    "==6== from another one\n"
                    "==5== and its own\n"
                    "\n"
                    " S 1fff0006f0,8\n");
    assert_int_equal(w.result.lines, 14);
    assert_int_equal(w.result.lines_bad, 9);
    assert_int_equal(w.result.accesses, 2);
    assert_string_equal(w.said,
                        "log:3: not a line of lackey's log\n"
                        "log:0: 9 lines were not understood; the first is reported above\n");
}

static void a_log_without_its_head_is_replayed(void **state)
{
    struct world w;

    (void)state;
    lackey_text(
        &w,
        " S 1fff0006f8,8\nSYSCALL[77,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x4035000)\n"
        "==77== \n S 1fff0006f0,8\n");
    assert_string_equal(w.said, "");
    assert_int_equal(w.result.accesses, 2);
    assert_int_equal(w.result.calls_replayed, 1);
}

static void a_line_of_ten_megabytes_is_one_bad_line(void **state)
{
    size_t bytes = 10 << 20;
    char *text = malloc(bytes);
    struct world w;

    (void)state;
    assert_non_null(text);
    memset(text, '0', bytes);
    memcpy(text, "==5== Lackey\n S 1fff0006f8,8\nI  ", 32);
    memcpy(text + bytes - 17, "\n S 1fff0006f0,8\n", 17);
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(world_run_bytes(&w, text, bytes), 0);
    assert_string_equal(w.said, "log:3: the line is longer than 1048576 bytes\n");
    assert_int_equal(w.result.lines, 4);
    assert_int_equal(w.result.lines_bad, 1);
    assert_int_equal(w.result.accesses, 2);
    world_end(&w);
    free(text);
}

static void random_changes_of_a_log_are_survived(void **state)
{
    char original[8192];
    char text[8192];
    size_t length = read_data("parent.lackey", original, sizeof(original));
    struct prng prng;

    (void)state;
    prng_seed(&prng, 3);
    for (unsigned round = 0; round < 300; round++) {
        struct world w;

        memcpy(text, original, length);
        for (unsigned change = 0; change < 1 + round % 20; change++)
            text[42 + prng_below(&prng, length - 42)] =
                round % 2 == 0 ? (char)prng_next(&prng)
                               : "0123456789abcdef,( )[]->\n"[prng_below(&prng, 25)];
        world_config(&w, MW_FORMAT_LACKEY);
        world_start(&w);
        assert_int_equal(world_run_bytes(&w, text, length), 0);
        world_end(&w);
    }
}

static void addresses_outside_of_the_mode_are_told_once(void **state)
{
    struct world w;

    (void)state;
    lackey_text(&w, "==5== Lackey\n"
                    "I  00400000,4\n"
                    " S 7ffffffde000,8\n"
                    " L 7ffffffde000,8\n"
                    " M ffffffffffffffff,8\n");
    assert_int_equal(w.result.signals, 3);
    assert_int_equal(w.result.lines_bad, 0);
    assert_string_equal(
        w.said,
        "log:3: the address 0x7ffffffde000 is outside of what sv39 gives a process; try --mode "
        "sv48\n"
        "log:0: 3 accesses of process 5 met a signal, 3 of them outside of the mode's range\n");
}

static void a_read_error_of_the_disk_is_a_signal(void **state)
{
    struct world w;

    (void)state;
    world_config(&w, MW_FORMAT_LACKEY);
    world_start(&w);
    assert_int_equal(mw_file_put(w.machine, "/a", "x", 1), 0);
    assert_int_equal(mw_file_grow(w.machine, "/a", 8192), 0);
    mw_fail_device(w.machine, 1, 0, 0, true);
    assert_int_equal(
        world_run_text(&w, "==5== Lackey\n"
                           "SYSCALL[5,1](2) sys_open ( 0x5000(/a), 0 )[sync] --> Success(0x3)\n"
                           "SYSCALL[5,1](9) sys_mmap ( 0x100000, 8192, 1, 2, 3, 0 )[sync] --> "
                           "Success(0x100000)\n"
                           " L 00101000,8\n"),
        0);
    mw_fail_device(w.machine, 0, 0, 0, false);
    assert_true(w.result.signals <= 1);
    assert_int_equal(w.result.lines_bad, 0);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_replayed_and_compared),
        cmocka_unit_test(the_first_store_makes_a_stack_that_grows_down),
        cmocka_unit_test(every_page_of_an_access_is_translated),
        cmocka_unit_test(a_mapping_moves_to_where_the_log_has_it),
        cmocka_unit_test(the_first_call_that_differs_is_told_and_all_are_counted),
        cmocka_unit_test(a_descriptor_follows_the_log),
        cmocka_unit_test(results_that_no_kernel_gives_are_survived),
        cmocka_unit_test(a_child_begins_at_its_fork_and_its_parent_waits_for_it),
        cmocka_unit_test(a_child_that_calls_no_exec_goes_on_with_its_parents_memory),
        cmocka_unit_test(logs_one_after_the_other_in_one_stream_are_one_tree),
        cmocka_unit_test(a_child_without_a_log_leaves_no_process_behind),
        cmocka_unit_test(a_log_whose_fork_never_comes_begins_when_nothing_else_can_run),
        cmocka_unit_test(two_logs_of_one_number_are_two_processes),
        cmocka_unit_test(a_log_may_be_cut_anywhere),
        cmocka_unit_test(lines_that_are_not_understood_are_counted_and_the_rest_is_replayed),
        cmocka_unit_test(a_log_without_its_head_is_replayed),
        cmocka_unit_test(a_line_of_ten_megabytes_is_one_bad_line),
        cmocka_unit_test(random_changes_of_a_log_are_survived),
        cmocka_unit_test(addresses_outside_of_the_mode_are_told_once),
        cmocka_unit_test(a_read_error_of_the_disk_is_a_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
