/*
 * Calls of logs whose effect only later lines show: mremap, madvise, sizes of files, waitid.
 */
#include "unit/load/world.h"

#define LOG_HEAD                                                                      \
    "100 execve(\"/bin/x\", [\"x\"], 0x7ff /* 3 vars */) = 0\n"                       \
    "100 brk(NULL) = 0x10000000\n"                                                    \
    "100 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = " \
    "0x3ff7ffe000\n"

static void assert_area(struct world *w, uint64_t start, uint64_t end)
{
    struct mw_vma area;

    assert_int_equal(mw_vma_next(w->machine, 100, start, &area), 0);
    assert_int_equal(area.start, start);
    assert_int_equal(area.end, end);
}

static void run(struct world *w, const char *text)
{
    world_config(w, MW_FORMAT_STRACE);
    world_start(w);
    assert_int_equal(world_run_text(w, text), 0);
    assert_int_equal(w->result.lines_bad, 0);
    assert_int_equal(w->result.calls_skipped, 0);
}

/* The simulator would grow it in place; the log moved it, over itself and then away. */
static void a_mapping_that_mremap_moves_is_where_the_log_has_it(void **state)
{
    struct world w;

    (void)state;
    run(&w, LOG_HEAD "100 mremap(0x3ff7ffe000, 8192, 16384, MREMAP_MAYMOVE) = 0x3ff7ffc000\n"
                     "100 mremap(0x3ff7ffc000, 16384, 32768, MREMAP_MAYMOVE) = 0x3000100000\n"
                     "100 mremap(0x3000100000, 32768, 4096, 0) = 0x3000100000\n");
    assert_area(&w, 0x3000100000, 0x3000101000);
    assert_int_equal(w.result.addresses_checked, 2);
    assert_int_equal(w.result.calls_differing, 0);
    world_end(&w);
}

static void advice_is_given_to_what_the_log_never_mapped(void **state)
{
    struct world w;
    struct mw_vma area;

    (void)state;
    run(&w, LOG_HEAD "100 madvise(0x2000000000, 8192, MADV_DONTFORK) = 0\n"
                     "100 madvise(0x3ff7ffe000, 8192, 77) = -1 EINVAL (Invalid argument)\n");
    assert_int_equal(mw_vma_next(w.machine, 100, 0x2000000000, &area), 0);
    assert_int_equal(area.start, 0x2000000000);
    assert_true(area.flags & MW_VMA_DONTCOPY);
    assert_int_equal(w.result.calls_differing, 0);
    world_end(&w);
}

static void a_file_is_as_long_as_fstat_and_mremap_show(void **state)
{
    struct world w;

    (void)state;
    run(&w, LOG_HEAD
        "100 openat(AT_FDCWD, \"/etc/f\", O_RDONLY) = 3\n"
        "100 fstat(3, {st_mode=S_IFREG|0644, st_size=5000, ...}) = 0\n"
        "100 openat(AT_FDCWD, \"/etc/g\", O_RDONLY) = 4\n"
        "100 newfstatat(4, \"\", {st_mode=S_IFREG|0644, st_size=7000, ...}, AT_EMPTY_PATH) = 0\n"
        "100 newfstatat(AT_FDCWD, \"/etc/h\", {st_mode=S_IFREG|0644, st_size=9, ...}, 0) = 0\n"
        "100 openat(AT_FDCWD, \"/etc/i\", O_RDONLY) = 5\n"
        "100 mmap(0x3000000000, 8192, PROT_READ, MAP_PRIVATE|MAP_FIXED, 5, 4096) = 0x3000000000\n"
        "100 mremap(0x3000000000, 8192, 20480, MREMAP_MAYMOVE) = 0x3000000000\n");
    assert_int_equal(mw_file_size(w.machine, "/etc/f"), 5000);
    assert_int_equal(mw_file_size(w.machine, "/etc/g"), 7000);
    assert_int_equal(mw_file_size(w.machine, "/etc/h"), -ENOENT);
    assert_int_equal(mw_file_size(w.machine, "/etc/i"), 4096 + 20480);
    assert_area(&w, 0x3000000000, 0x3000005000);
    world_end(&w);
}

static void waitid_reaps_whom_the_log_names(void **state)
{
    struct world w;
    struct mw_stats stats;

    (void)state;
    run(&w, LOG_HEAD "100 clone(child_stack=NULL, flags=SIGCHLD) = 101\n"
                     "101 exit_group(0) = ?\n"
                     "100 waitid(P_PID, 101, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=101, "
                     "si_uid=0, si_status=0}, WEXITED, NULL) = 0\n");
    mw_stats(w.machine, &stats);
    assert_int_equal(stats.processes.created, 2);
    assert_int_equal(stats.processes.live, 1);
    assert_int_equal(mw_wait(w.machine, 100, -1, NULL), -ECHILD);
    world_end(&w);
}

/* ---- names and room of files ---- */

static void names_move_as_the_log_says(void **state)
{
    struct world w;

    (void)state;
    run(&w, LOG_HEAD "100 mkdir(\"/var\", 0755) = 0\n"
                     "100 mkdirat(AT_FDCWD, \"/var/d\", 0755) = 0\n"
                     "100 openat(AT_FDCWD, \"/tmp/new\", O_RDWR|O_CREAT, 0644) = 3\n"
                     "100 fallocate(3, 0, 0, 8192) = 0\n"
                     "100 openat(AT_FDCWD, \"/etc/old\", O_RDONLY) = 4\n"
                     "100 rename(\"/tmp/new\", \"/etc/old\") = 0\n"
                     "100 fstat(3, {st_mode=S_IFREG|0644, st_size=12288, ...}) = 0\n"
                     "100 renameat2(AT_FDCWD, \"/etc/old\", AT_FDCWD, \"/var/d/last\", "
                     "RENAME_NOREPLACE) = 0\n"
                     "100 rename(\"/never/seen\", \"/also/not\") = 0\n"
                     "100 rename(\"/never/seen\", \"/x\") = -1 ENOENT (No such file)\n"
                     "100 rmdir(\"/nowhere\") = 0\n"
                     "100 unlinkat(AT_FDCWD, \"/var/e\", AT_REMOVEDIR) = 0\n");
    assert_int_equal(mw_file_size(w.machine, "/tmp/new"), -ENOENT);
    assert_int_equal(mw_file_size(w.machine, "/etc/old"), -ENOENT);
    assert_int_equal(mw_file_size(w.machine, "/var/d/last"), 12288);
    assert_int_equal(w.result.calls_differing, 0);
    assert_true(w.result.calls_checked >= 6);
    world_end(&w);
}

/* An unknown file that takes the place of a known one: what was there is gone. */
static void a_file_that_nobody_opened_replaces_one_that_was(void **state)
{
    struct world w;

    (void)state;
    run(&w, LOG_HEAD "100 openat(AT_FDCWD, \"/f\", O_RDWR|O_CREAT, 0644) = 3\n"
                     "100 ftruncate(3, 5000) = 0\n"
                     "100 close(3) = 0\n"
                     "100 rename(\"/f.tmp\", \"/f\") = 0\n");
    assert_int_equal(mw_file_size(w.machine, "/f"), -ENOENT);
    assert_int_equal(w.result.calls_differing, 0);
    world_end(&w);
}

static void files_are_synced_and_sized_as_the_log_says(void **state)
{
    struct world w;
    struct mw_stats stats;

    (void)state;
    run(&w, LOG_HEAD "100 openat(AT_FDCWD, \"/f\", O_RDWR|O_CREAT, 0644) = 3\n"
                     "100 fallocate(3, 0, 0, 8192) = 0\n"
                     "100 fallocate(3, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 4096) = 0\n"
                     "100 fallocate(3, FALLOC_FL_COLLAPSE_RANGE, 0, 4096) = 0\n"
                     "100 fadvise64(3, 0, 0, POSIX_FADV_WILLNEED) = 0\n"
                     "100 readahead(3, 0, 8192) = 0\n"
                     "100 sync_file_range(3, 0, 0, SYNC_FILE_RANGE_WRITE) = 0\n"
                     "100 fdatasync(3) = 0\n"
                     "100 syncfs(3) = 0\n"
                     "100 truncate(\"/f\", 100) = 0\n"
                     "100 truncate(\"/unknown\", 100) = 0\n"
                     "100 fdatasync(9) = 0\n");
    assert_int_equal(mw_file_size(w.machine, "/f"), 100);
    assert_int_equal(mw_file_size(w.machine, "/unknown"), -ENOENT);
    assert_int_equal(w.result.calls_differing, 0);
    mw_stats(w.machine, &stats);
    assert_true(stats.blocks.flushes > 0);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_that_mremap_moves_is_where_the_log_has_it),
        cmocka_unit_test(advice_is_given_to_what_the_log_never_mapped),
        cmocka_unit_test(a_file_is_as_long_as_fstat_and_mremap_show),
        cmocka_unit_test(waitid_reaps_whom_the_log_names),
        cmocka_unit_test(names_move_as_the_log_says),
        cmocka_unit_test(a_file_that_nobody_opened_replaces_one_that_was),
        cmocka_unit_test(files_are_synced_and_sized_as_the_log_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
