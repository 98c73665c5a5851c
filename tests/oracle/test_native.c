/*
 * The native engine: scenarios on the host's kernel alone, and both engines side by side.
 */
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/alloc.h"
#include "load/native.h"
#include "oracle/oracle.h"

#define MAP "p = mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n"

/* Runs on Linux alone, where nothing may go wrong. */
static void linux_text(struct oracle *o, const char *text)
{
    oracle_need_host();
    oracle_init(o);
    assert_int_equal(oracle_run(o, MW_ON_LINUX, text), 0);
    assert_string_equal(o->said, "");
    assert_int_equal(o->result.lines_bad, 0);
    assert_int_equal(o->result.expectations_failed, 0);
}

static void results_are_told_as_a_scenario(void **state)
{
    struct oracle o;

    (void)state;
    linux_text(&o, "w = window(256K) # a remark\n" MAP "store(p, 3, \"a\\\"c\") = 0\n"
                   "load(p, 9)\nload(p+1, 2)\nload(p+16, 100)\n"
                   "munmap(p+4096, 4096)\nload(p+4096, 1) = ?\nmunmap(1, 1) = -1 EINVAL\n");
    assert_string_equal(
        o.shown, "w = window(256K) = 0x1000000000\n"
                 "p = mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
                 "0x100003e000\n"
                 "store(p, 3, \"a\\\"c\") = 0\n"
                 "load(p, 9) = \"a\\x22c\\x00\\x00\\x00\\x00\\x00\\x00\"\n"
                 "load(p+1, 2) = 0x6322\n"
                 "load(p+16, 100) = 0\n"
                 "munmap(p+4096, 4096) = 0\n"
                 "load(p+4096, 1) = SIGSEGV SEGV_MAPERR (address 0x100003f000)\n"
                 "munmap(1, 1) = -1 EINVAL\n");
}

static void an_access_that_faults_moves_nothing_and_tells_the_byte(void **state)
{
    struct oracle o;

    (void)state;
    linux_text(&o, MAP "store(p, 4096, 0x11)\nmprotect(p+4096, 4096, PROT_READ)\n"
                       "store(p+4092, 8, ~0) = SIGSEGV SEGV_ACCERR\n"
                       "load(p+4092, 4) = 0x11111111\n"
                       "store(p+4000, 4096, 0x22) = SIGSEGV\nload(p+4000, 96) = 0x11\n"
                       "fetch(p, 2) = SIGSEGV SEGV_ACCERR\n"
                       "load(16, 1) = SIGSEGV SEGV_MAPERR\n");
    assert_non_null(strstr(o.shown, "SEGV_ACCERR (address 0x103ffff000)"));
    assert_non_null(strstr(o.shown, "SEGV_MAPERR (address 0x10)"));
}

/* Whatever lies there is executed for one step: zeros, a breakpoint, a jump, a return, a halt. */
static void a_fetch_survives_what_it_fetches(void **state)
{
    struct oracle o;

    (void)state;
    linux_text(&o,
               MAP "store(p, 8, 0xcccccccccccccccc)\nstore(p+16, 8, 0xc3)\nstore(p+32, 8, 0xf4)\n"
                   "store(p+48, 8, 0x7fffffffe9)\nstore(p+64, 8, 0x050f)\nstore(p+80, 8, 0xfd)\n"
                   "store(p+96, 8, 0x0b0f)\n"
                   "mprotect(p, 4096, PROT_READ|PROT_EXEC)\n"
                   "fetch(p, 2) = 0xcccc\nfetch(p+16, 1) = 0xc3\nfetch(p+32, 1) = 0xf4\n"
                   "fetch(p+48, 1) = 0xe9\nfetch(p+64, 2) = 0x050f\nfetch(p+80, 1) = 0xfd\n"
                   "fetch(p+96, 2) = 0x0b0f\nfetch(p+112, 8) = 0\n"
                   "fetch(p+4094, 4) = SIGSEGV SEGV_ACCERR\nload(p+48, 1) = 0xe9\n");
}

static void processes_are_real_and_have_the_pids_of_the_scenario(void **state)
{
    struct oracle o;

    (void)state;
    linux_text(&o,
               "700 getpid() = 700\n" MAP "store(p, 8, 1)\n"
               "c = fork()\n[c] getpid() = c\n[c] store(p, 8, 2)\nload(p, 8) = 1\n"
               "wait4(c, NULL, WNOHANG, NULL) = 0\n[c] exit(7)\n"
               "wait4(-1, p, 0, NULL) = c\nload(p, 4) = 0x700\n"
               "wait4(-1, NULL, 0, NULL) = -1 ECHILD\nfork() = 900\n[pid 900] getpid() = 900\n");
}

static void a_wait_that_would_never_end_is_refused(void **state)
{
    struct oracle o;

    (void)state;
    oracle_need_host();
    oracle_init(&o);
    assert_int_equal(oracle_run(&o, MW_ON_LINUX, "c = fork()\nwait4(c, NULL, 0, NULL)\n"), 0);
    assert_string_equal(o.said, "2: wait4 would wait for ever: no such child has ended yet\n");
}

/* Each stores to its own copy and to what all share; a second one acting would be seen. */
static void sixteen_processes_act_one_at_a_time(void **state)
{
    char text[4096] =
        "getpid() = 1\n"
        "s = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0)\n";
    struct oracle o;

    (void)state;
    for (int i = 2; i <= 16; i++)
        sprintf(text + strlen(text), "[%d] fork() = %d\n[%d] store(s, 4, %d)\nload(s, 4) = %d\n",
                i - 1, i, i, i, i);
    strcat(text, "[3] fork() = -1 EAGAIN\n[16] exit(0)\n[15] wait4(16, NULL, 0, NULL) = 16\n"
                 "[3] fork() = 17\n[17] load(s, 4) = 16\n");
    linux_text(&o, text);
}

static void files_are_the_scenarios_own(void **state)
{
    struct oracle o;

    (void)state;
    linux_text(&o, MAP "file(\"/etc-passwd\", \"0123456789\") = 0\n"
                       "fd = open(\"/etc-passwd\", O_RDWR) = 0\n"
                       "read(fd, p, 4) = 4\nload(p, 4) = \"0123\"\n"
                       "open(\"/etc/passwd\", O_RDONLY) = -1 ENOENT\n"
                       "pwrite64(fd, p, 4, 8) = 4\nfile_size(\"/etc-passwd\") = 12\n"
                       "file_load(\"/etc-passwd\", 8, 4) = \"0123\"\nsync() = 0\n"
                       "unlink(\"/etc-passwd\") = 0\nfile_size(\"/etc-passwd\") = -1 ENOENT\n"
                       "n = open(\"/new\", O_CREAT|O_RDWR) = 1\nopen(\"/new\", O_RDWR) = 2\n"
                       "dup2(n, n) = n\ndup2(77, 77) = -1 EBADF\nclose(n) = 0\n");
    assert_int_equal(oracle_run(&o, MW_ON_LINUX, "open(\"/../../etc/passwd\", O_RDONLY)\n"), 0);
    assert_string_equal(o.said, "1: open: the path leaves the directory of the scenario\n");
}

static void an_exec_leaves_descriptors_and_nothing_else(void **state)
{
    struct oracle o;

    (void)state;
    linux_text(&o, MAP "fd = open(\"/a\", O_CREAT|O_RDWR) = 0\n"
                       "x = open(\"/a\", O_RDWR|O_CLOEXEC) = 1\nh = brk(0)\nbrk(h+8192) = h+8192\n"
                       "execve(\"/a\") = 0\nvma_count() = 0\nbrk(0) = h\n"
                       "ftruncate(fd, 1) = 0\nftruncate(x, 1) = -1 EBADF\n");
}

/* It unmaps the code that it runs on. The run goes on without it. */
static void a_process_that_kills_itself_is_told(void **state)
{
    struct oracle o;

    (void)state;
    oracle_need_host();
    oracle_init(&o);
    assert_int_equal(oracle_run(&o, MW_ON_LINUX,
                                "c = fork()\n[c] munmap(0x1100000000, 0x7fee00000000)\n"
                                "[c] getpid()\ngetpid() = 1\n"),
                     0);
    assert_string_equal(o.said, "2: the process died or did not come back on the host\n"
                                "3: there is no process 2, or it has ended\n");
}

static void nothing_is_left_on_the_host(void **state)
{
    unsigned before = oracle_count_directories();
    struct oracle o;

    (void)state;
    linux_text(&o, MAP "file(\"/a\", 4096)\nc = fork()\n[c] exit(1)\nfork()\n");
    assert_int_equal(oracle_count_directories(), before);
    assert_int_equal(oracle_count_children(), 0);
}

/* The engine's process is killed in the middle; within a second its helpers notice and clean up. */
static void nothing_is_left_when_the_engine_is_killed(void **state)
{
    const struct timespec while_ = {.tv_sec = 0, .tv_nsec = 100000000};
    unsigned before = oracle_count_directories();
    unsigned during;
    int ready[2];
    char byte;
    pid_t pid;

    (void)state;
    oracle_need_host();
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        struct alloc alloc = {.live_blocks = 0};
        struct native *native;
        char why[NATIVE_WHY_BYTES];

        /* A test that fails must not leave it, with the test's output open. */
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (native_new(&alloc, 1 << 20, &native, why) == 0 && native_spawn(native, 1) == 0 &&
            native_file_put(native, "/a", "x", 1) == 0)
            (void)!write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    during = oracle_count_directories();
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(during, before + 1);
    for (int i = 0; i < 100 && oracle_count_directories() != before; i++)
        nanosleep(&while_, NULL);
    assert_int_equal(oracle_count_directories(), before);
    close(ready[0]);
    close(ready[1]);
}

static void a_missing_directory_is_told_in_one_line(void **state)
{
    char kept[256];
    const char *folder = getenv("TMPDIR");
    struct oracle o;

    (void)state;
    oracle_need_host();
    oracle_init(&o);
    snprintf(kept, sizeof(kept), "%s", folder == NULL ? "" : folder);
    assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
    assert_int_equal(oracle_run(&o, MW_ON_LINUX, "getpid()\ngetpid()\n"), 0);
    assert_int_equal(folder == NULL ? unsetenv("TMPDIR") : setenv("TMPDIR", kept, 1), 0);
    assert_string_equal(o.said, "1: the host's Linux cannot be asked: the directory for files "
                                "cannot be made: No such file or directory\n");
    assert_int_equal(o.result.lines_bad, 1);
}

/* ---- both ---- */

/* A simulator with another rule: its lowest address is higher. */
static void a_difference_in_a_result_is_told_side_by_side(void **state)
{
    struct oracle o;

    (void)state;
    oracle_need_host();
    oracle_init(&o);
    o.config.mmap_min_addr = 0x1000001000;
    assert_int_equal(
        oracle_run(&o, MW_ON_BOTH,
                   "w = window(256K)\n"
                   "mmap(w, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0) = ?\n"
                   "getpid()\n"),
        0);
    assert_int_equal(o.result.difference.line, 2);
    assert_string_equal(o.result.difference.what, "result");
    assert_string_equal(o.result.difference.simulator, "-1 EPERM");
    assert_string_equal(o.result.difference.native, "0x1000000000");
    assert_null(strstr(o.shown, "getpid")); /* it stops there */
    assert_non_null(strstr(o.shown, "#   simulator: -1 EPERM\n#   Linux:     0x1000000000\n"));
}

/* Too few frames: the simulator's store fails where the host's does not. */
static void a_difference_in_a_signal_is_told(void **state)
{
    struct oracle o;

    (void)state;
    oracle_need_host();
    oracle_init(&o);
    o.config.ram_bytes = 6 * 4096;
    o.config.overcommit = 1; /* mmap itself must not see it coming */
    assert_int_equal(oracle_run(&o, MW_ON_BOTH,
                                "p = mmap(NULL, 64K, PROT_READ|PROT_WRITE, "
                                "MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE, -1, 0)\n"
                                "store(p+61440, 1, 1) = ?\n"),
                     0);
    assert_int_equal(o.result.difference.line, 2);
    assert_non_null(strstr(o.result.difference.simulator, "SIGKILL"));
    assert_string_equal(o.result.difference.native, "0");
}

static void both_agree_on_a_scenario_with_everything(void **state)
{
    struct oracle o;

    (void)state;
    oracle_need_host();
    oracle_init(&o);
    assert_int_equal(
        oracle_run(&o, MW_ON_BOTH,
                   MAP "store(p, 8, 1)\nc = fork()\n[c] store(p, 8, 2)\n[c] maps() = 1\n"
                       "file(\"/a\", 5000)\nfd = open(\"/a\", O_RDWR)\n"
                       "f = mmap(NULL, 12288, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0)\n"
                       "store(f+4999, 1, 9)\nload(f+8192, 1) = SIGBUS BUS_ADRERR\n"
                       "present(p) = 1\npresent(p+4096) = 0\nhash(f, 12288)\n"
                       "vma_start(f+1) = f\nvma_end(f) = f+12288\nvma_prot(f) = 3\n"
                       "[c] execve(\"/a\")\n[c] vma_count() = 0\n"
                       "[c] mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n"
                       "[c] exit(3)\nwait4(c, NULL, 0, NULL) = c\nbrk(brk0()) = ?\n"),
        0);
    assert_int_equal(o.result.difference.line, 0);
    assert_int_equal(o.result.expectations_failed, 0);
    assert_int_equal(o.result.lines_bad,
                     1); /* the last line, on purpose: refusing is no difference */
}

static void logs_run_on_the_simulator_only(void **state)
{
    struct oracle o;

    (void)state;
    oracle_init(&o);
    assert_int_equal(oracle_run(&o, MW_ON_LINUX, "700 brk(NULL) = 0x1000\n+++ exited with 0 +++\n"),
                     -EINVAL);
}

/* With each allocation of a run made to fail in turn, nothing is lost, and nobody is left. */
static void every_allocation_may_fail(void **state)
{
    static const char text[] = MAP "file(\"/a\", 4096)\nc = fork()\nmaps()\n[c] exit(1)\n";
    unsigned before = oracle_count_directories();
    struct oracle o;
    uint64_t total;

    (void)state;
    oracle_need_host();
    oracle_init(&o);
    assert_int_equal(oracle_run(&o, MW_ON_BOTH, text), 0);
    total = o.allocations;
    assert_true(total > 10);
    for (uint64_t n = 1; n <= total; n++) {
        o.fail_allocation = n;
        (void)oracle_run(&o, MW_ON_BOTH, text);
    }
    assert_int_equal(oracle_count_directories(), before);
    assert_int_equal(oracle_count_children(), 0);
}

/* A place of our own: other tests make directories, too. */
static int begin(void **state)
{
    char folder[64] = "/tmp/oracle-native-XXXXXX";

    (void)state;
    return mkdtemp(folder) == NULL || setenv("TMPDIR", folder, 1) < 0 ? -1 : 0;
}

/* What is left there makes this fail. */
static int end(void **state)
{
    int err = rmdir(getenv("TMPDIR"));

    (void)state;
    unsetenv("TMPDIR"); /* oracle_end asks the host once more */
    return err;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_told_as_a_scenario),
        cmocka_unit_test(an_access_that_faults_moves_nothing_and_tells_the_byte),
        cmocka_unit_test(a_fetch_survives_what_it_fetches),
        cmocka_unit_test(processes_are_real_and_have_the_pids_of_the_scenario),
        cmocka_unit_test(a_wait_that_would_never_end_is_refused),
        cmocka_unit_test(sixteen_processes_act_one_at_a_time),
        cmocka_unit_test(files_are_the_scenarios_own),
        cmocka_unit_test(an_exec_leaves_descriptors_and_nothing_else),
        cmocka_unit_test(a_process_that_kills_itself_is_told),
        cmocka_unit_test(nothing_is_left_on_the_host),
        cmocka_unit_test(nothing_is_left_when_the_engine_is_killed),
        cmocka_unit_test(a_missing_directory_is_told_in_one_line),
        cmocka_unit_test(a_difference_in_a_result_is_told_side_by_side),
        cmocka_unit_test(a_difference_in_a_signal_is_told),
        cmocka_unit_test(both_agree_on_a_scenario_with_everything),
        cmocka_unit_test(logs_run_on_the_simulator_only),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return oracle_end(cmocka_run_group_tests(tests, begin, end), false);
}
