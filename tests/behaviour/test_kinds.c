/*
 * Kinds of files and shared address spaces, where a scenario cannot go: without memory, with
 * privileges, and what the machine itself shows.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <mapwalk/mapwalk.h>

static struct mw_machine *new_machine(bool privileged)
{
    struct mw_config config;
    struct mw_machine *m;

    mw_config_init(&config);
    config.check = true;
    config.privileged = privileged;
    config.anon_vma_name = true;
    config.ram_bytes = 64 << 20;
    config.disk_bytes = 16 << 20;
    ck_assert_int_eq(mw_machine_new(&config, &m), 0);
    ck_assert_int_eq(mw_spawn(m), 1);
    return m;
}

static void end_machine(struct mw_machine *m)
{
    ck_assert(mw_check(m));
    ck_assert_int_eq(mw_machine_free(m), 0);
}

START_TEST(dev_mem_is_refused_to_all_but_the_privileged_and_never_mapped)
{
    struct mw_machine *m = new_machine(false);
    int fd;

    ck_assert_int_eq(mw_open(m, 1, "/dev/mem", O_RDWR), -EPERM);
    end_machine(m);
    m = new_machine(true);
    fd = mw_open(m, 1, "/dev/mem", O_RDWR);
    ck_assert_int_eq(fd, 0);
    ck_assert_int_eq(mw_mmap(m, 1, 0, 4096, PROT_READ, MAP_SHARED, fd, 0), -EPERM);
    ck_assert_int_eq(mw_read(m, 1, fd, 0x10000, 1), -EPERM);
    end_machine(m);
}
END_TEST

START_TEST(only_anonymous_memory_can_be_named_not_that_of_dev_zero)
{
    struct mw_machine *m = new_machine(false);
    int zero = mw_open(m, 1, "/dev/zero", O_RDWR);
    int memory = mw_memfd_create(m, 1, "m", 0);
    int64_t p = mw_mmap(m, 1, 0, 4096, PROT_READ, MAP_PRIVATE, zero, 0);
    int64_t q = mw_mmap(m, 1, 0, 4096, PROT_READ, MAP_SHARED, memory, 0);
    int64_t s = mw_mmap(m, 1, 0, 4096, PROT_READ, MAP_SHARED, zero, 0);
    struct mw_vma area;

    ck_assert_int_eq(mw_set_vma_name(m, 1, (uint64_t)p, 4096, "x"), -EBADF);
    ck_assert_int_eq(mw_set_vma_name(m, 1, (uint64_t)q, 4096, "x"), -EBADF);
    ck_assert_int_eq(mw_set_vma_name(m, 1, (uint64_t)s, 4096, "x"), 0);
    ck_assert_int_eq(mw_vma_next(m, 1, (uint64_t)p, &area), 0);
    ck_assert_str_eq(area.name, "/dev/zero");
    ck_assert_int_eq(mw_vma_next(m, 1, (uint64_t)q, &area), 0);
    ck_assert_str_eq(area.name, "/memfd:m");
    ck_assert_uint_eq(area.inode, 0);
    ck_assert_int_eq(mw_vma_next(m, 1, (uint64_t)s, &area), 0);
    ck_assert_str_eq(area.name, "[anon_shmem:x]");
    end_machine(m);
}
END_TEST

START_TEST(memory_of_dev_zero_costs_no_page_until_it_is_written)
{
    struct mw_machine *m = new_machine(false);
    int zero = mw_open(m, 1, "/dev/zero", O_RDWR);
    int64_t p = mw_mmap(m, 1, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    struct mw_stats stats;
    uint64_t bytes;

    ck_assert_int_eq(mw_load(m, 1, (uint64_t)p, &bytes, 8, NULL), 0);
    ck_assert_uint_eq(bytes, 0);
    mw_stats(m, &stats);
    ck_assert_uint_eq(stats.faults.by_reason[MW_REASON_ZERO_PAGE], 1);
    ck_assert_int_eq(mw_store(m, 1, (uint64_t)p, &p, 8, NULL), 0);
    mw_stats(m, &stats);
    ck_assert_uint_eq(stats.cache.misses, 0);
    end_machine(m);
}
END_TEST

START_TEST(files_in_memory_never_reach_the_disk)
{
    struct mw_machine *m = new_machine(false);
    int fd = mw_memfd_create(m, 1, "m", 0);
    struct mw_stats before;
    struct mw_stats after;
    int64_t p;

    mw_stats(m, &before);
    ck_assert_int_eq(mw_ftruncate(m, 1, fd, 1 << 20), 0);
    p = mw_mmap(m, 1, 0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_int_eq(mw_store(m, 1, (uint64_t)p + 5000, "abc", 3, NULL), 0);
    ck_assert_int_eq(mw_write(m, 1, fd, (uint64_t)p + 5000, 3), 3);
    ck_assert_int_eq(mw_msync(m, 1, (uint64_t)p, 1 << 20, MS_SYNC), 0);
    ck_assert_int_eq(mw_fsync(m, 1, fd), 0);
    ck_assert_int_eq(mw_sync(m), 0);
    mw_stats(m, &after);
    ck_assert_uint_eq(after.blocks.blocks_written, before.blocks.blocks_written);
    /* The pages go with the last descriptor and mapping. */
    ck_assert_int_eq(mw_munmap(m, 1, (uint64_t)p, 1 << 20), 0);
    ck_assert_int_eq(mw_close(m, 1, fd), 0);
    mw_stats(m, &after);
    ck_assert_uint_eq(after.frames.by_owner[MW_OWNER_CACHE],
                      before.frames.by_owner[MW_OWNER_CACHE]);
    end_machine(m);
}
END_TEST

/* ---- without memory ---- */

typedef int64_t operation(struct mw_machine *m);

static int64_t do_pipe(struct mw_machine *m)
{
    int fds[2];

    return mw_pipe2(m, 1, fds, 0);
}

static int64_t do_sockets(struct mw_machine *m)
{
    int fds[2];

    return mw_socketpair(m, 1, AF_UNIX, SOCK_STREAM, 0, fds);
}

static int64_t do_memfd(struct mw_machine *m)
{
    return mw_memfd_create(m, 1, "m", MFD_ALLOW_SEALING);
}

static int64_t do_shm(struct mw_machine *m)
{
    return mw_open(m, 1, "/dev/shm/x", O_RDWR | O_CREAT);
}

static int64_t do_zero(struct mw_machine *m)
{
    return mw_open(m, 1, "/dev/zero", O_RDWR);
}

static int64_t do_directory(struct mw_machine *m)
{
    return mw_open(m, 1, "/", O_RDONLY);
}

static int64_t do_map_zero(struct mw_machine *m)
{
    return mw_mmap(m, 1, 0, 8192, PROT_READ, MAP_SHARED, 0, 0);
}

static int64_t do_clone_vm(struct mw_machine *m)
{
    return mw_clone(m, 1, CLONE_VM | SIGCHLD, 0);
}

static int64_t do_clone_all(struct mw_machine *m)
{
    return mw_clone(m, 1, CLONE_VM | CLONE_FILES | SIGCHLD, 0);
}

static int64_t do_exec(struct mw_machine *m)
{
    return mw_exec(m, 1);
}

static operation *const operations[] = {do_pipe,      do_sockets,   do_memfd,    do_shm,
                                        do_zero,      do_directory, do_map_zero, do_clone_vm,
                                        do_clone_all, do_exec};

#define OPERATIONS ((int)(sizeof(operations) / sizeof(operations[0])))

/* Descriptor 0 is /dev/zero; there is a process that shares everything, so that exec must copy. */
START_TEST(what_fails_for_want_of_memory_changes_nothing)
{
    uint64_t failed = 0;

    for (uint64_t n = 1;; n++) {
        struct mw_machine *m = new_machine(false);
        uint64_t before;
        int64_t result;

        ck_assert_int_eq(mw_open(m, 1, "/dev/zero", O_RDWR), 0);
        ck_assert_int_gt(mw_clone(m, 1, CLONE_VM | CLONE_FILES | SIGCHLD, 0), 0);
        before = mw_state_hash(m);
        mw_fail_allocation(m, n);
        result = operations[_i](m);
        mw_fail_allocation(m, 0);
        if (result >= 0) {
            end_machine(m);
            break;
        }
        ck_assert_int_eq(result, -ENOMEM);
        ck_assert_uint_eq(mw_state_hash(m), before);
        failed++;
        ck_assert_int_ge(operations[_i](m), 0); /* and then it can be done */
        end_machine(m);
    }
    ck_assert_uint_gt(failed, 0);
}
END_TEST

/* ---- shared address spaces ---- */

START_TEST(a_shared_address_space_costs_no_frames_and_goes_with_its_last_user)
{
    struct mw_machine *m = new_machine(false);
    int64_t p = mw_mmap(m, 1, 0, 65536, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct mw_stats before;
    struct mw_stats after;
    uint64_t word = 7;

    mw_stats(m, &before);
    ck_assert_int_eq(mw_clone(m, 1, CLONE_VM | SIGCHLD, 2), 2);
    ck_assert_int_eq(mw_clone(m, 2, CLONE_VM | SIGCHLD, 3), 3);
    mw_stats(m, &after);
    ck_assert_uint_eq(after.frames.used, before.frames.used);
    ck_assert_int_eq(mw_store(m, 3, (uint64_t)p, &word, 8, NULL), 0);
    ck_assert_int_eq(mw_exit(m, 1, 0), 0);
    ck_assert_int_eq(mw_exit(m, 2, 0), 0);
    word = 0;
    ck_assert_int_eq(mw_load(m, 3, (uint64_t)p, &word, 8, NULL), 0);
    ck_assert_uint_eq(word, 7);
    ck_assert_int_eq(mw_exit(m, 3, 0), 0);
    mw_stats(m, &after);
    ck_assert_uint_eq(after.frames.by_owner[MW_OWNER_ANONYMOUS], 0);
    ck_assert_uint_eq(after.processes.live, 0);
    end_machine(m);
}
END_TEST

START_TEST(calls_of_no_process_and_threads_are_refused)
{
    struct mw_machine *m = new_machine(false);
    int fds[2];

    ck_assert_int_eq(mw_clone(m, 9, SIGCHLD, 0), -ESRCH);
    ck_assert_int_eq(mw_clone(m, 1, SIGCHLD, -1), -EINVAL);
    ck_assert_int_eq(mw_clone(m, 1, CLONE_THREAD, 0), -EINVAL);
    ck_assert_int_eq(mw_clone(m, 1, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0), -ENOSYS);
    ck_assert_int_eq(mw_wait4(m, 9, -1, 0, 0), -ESRCH);
    ck_assert_int_eq(mw_wait4(m, 1, INT32_MIN, 0, 0), -ESRCH);
    ck_assert_int_eq(mw_wait4(m, 1, -7, 0, 0), -ECHILD);
    ck_assert_int_eq(mw_waitid(m, 9, P_ALL, 0, 0, WEXITED), -ESRCH);
    ck_assert_int_eq(mw_waitid(m, 1, P_PGID, 7, 0, WEXITED), -ECHILD);
    ck_assert_int_eq(mw_pipe2(m, 9, fds, 0), -ESRCH);
    ck_assert_int_eq(mw_socketpair(m, 9, AF_UNIX, SOCK_STREAM, 0, fds), -ESRCH);
    ck_assert_int_eq(mw_socketpair(m, 1, AF_INET, SOCK_STREAM, 0, fds), -EAFNOSUPPORT);
    ck_assert_int_eq(mw_memfd_create(m, 9, "x", 0), -ESRCH);
    ck_assert_int_eq(mw_fcntl(m, 9, 0, F_GETFD, 0), -ESRCH);
    ck_assert_int_eq(mw_dup3(m, 9, 0, 1, 0), -ESRCH);
    ck_assert_int_eq(mw_readv(m, 9, 0, 0, 0), -ESRCH);
    ck_assert_int_eq(mw_setrlimit(m, 1, RLIMIT_CPU, 1), -EINVAL);
    /* A table that is nearly full: both descriptors of a pipe, or none. */
    ck_assert_int_eq(mw_setrlimit(m, 1, RLIMIT_NOFILE, 1), 0);
    ck_assert_int_eq(mw_pipe2(m, 1, fds, 0), -EMFILE);
    ck_assert_int_eq(mw_memfd_create(m, 1, "x", 0), 0);
    ck_assert_int_eq(mw_pipe2(m, 1, fds, 0), -EMFILE);
    end_machine(m);
}
END_TEST

static Suite *kinds_suite(void)
{
    Suite *suite = suite_create("kinds");
    TCase *files = tcase_create("files");
    TCase *memory = tcase_create("memory");
    TCase *processes = tcase_create("processes");

    tcase_add_test(files, dev_mem_is_refused_to_all_but_the_privileged_and_never_mapped);
    tcase_add_test(files, only_anonymous_memory_can_be_named_not_that_of_dev_zero);
    tcase_add_test(files, memory_of_dev_zero_costs_no_page_until_it_is_written);
    tcase_add_test(files, files_in_memory_never_reach_the_disk);
    tcase_add_loop_test(memory, what_fails_for_want_of_memory_changes_nothing, 0, OPERATIONS);
    tcase_add_test(processes, a_shared_address_space_costs_no_frames_and_goes_with_its_last_user);
    tcase_add_test(processes, calls_of_no_process_and_threads_are_refused);
    suite_add_tcase(suite, files);
    suite_add_tcase(suite, memory);
    suite_add_tcase(suite, processes);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(kinds_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
