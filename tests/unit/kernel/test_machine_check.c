/*
 * The machine's own checker: each invariant that only the machine can see is broken on purpose.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/calls.h"
#include "kernel/fault_handler.h"
#include "kernel/uffd.h"

/* Two processes that share memory and an open file; both have run. */
static int set_up(void **state)
{
    struct mw_machine *m;
    struct mw_config config;
    uint8_t byte = 1;
    int64_t at;

    mw_config_init(&config);
    config.ram_bytes = (uint64_t)4 << 20;
    config.disk_bytes = (uint64_t)1 << 20;
    if (mw_machine_new(&config, &m) != 0 || mw_spawn(m) != 1 ||
        mw_open(m, 1, "/a", O_RDWR | O_CREAT) != 0 || mw_ftruncate(m, 1, 0, PAGE_BYTES) != 0)
        return -1;
    at = mw_mmap(m, 1, 0, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0);
    if (at < 0 || mw_store(m, 1, (uint64_t)at, &byte, 1, NULL) != 0 || mw_fork(m, 1) != 2 ||
        mw_load(m, 2, (uint64_t)at, &byte, 1, NULL) != 0 || !mw_check(m))
        return -1;
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    return mw_machine_free(*state);
}

static void a_machine_that_checks_itself_keeps_its_last_events(void **state)
{
    struct mw_config config;
    struct mw_machine *m;

    (void)state;
    mw_config_init(&config);
    config.ram_bytes = 1 << 20;
    config.disk_bytes = 1 << 20;
    for (int check = 0; check < 2; check++) {
        config.check = check;
        assert_int_equal(mw_machine_new(&config, &m), 0);
        assert_int_equal(mw_spawn(m), 1);
        assert_int_equal(m->bus.ring_count > 0, check);
        assert_int_equal(mw_machine_free(m), 0);
    }
}

static void the_checker_sees_another_process_running_than_it_should(void **state)
{
    struct mw_machine *m = *state;
    struct process *running = m->current;

    m->current = machine_process(m, 1);
    assert_ptr_not_equal(m->current, running);
    assert_false(mw_check(m));
    m->current = running;
    assert_true(mw_check(m));
}

static void the_checker_sees_a_hart_that_runs_what_no_process_has(void **state)
{
    struct mw_machine *m = *state;
    struct pt *active = m->hart_set.active[0];
    struct pt copy = *active;

    m->hart_set.active[0] = &copy;
    assert_false(mw_check(m));
    m->hart_set.active[0] = active;
    m->harts[0].asid ^= 1;
    assert_false(mw_check(m));
    m->harts[0].asid ^= 1;
    assert_true(mw_check(m));
}

static void the_checker_sees_a_lost_reference_of_an_open_file(void **state)
{
    struct mw_machine *m = *state;
    struct open_file *file = fd_get(machine_process(m, 1)->fds, 0);

    assert_int_equal(file->mapped.refs, 4); /* a descriptor and an area in each process */
    file->mapped.refs++;
    assert_false(mw_check(m));
    file->mapped.refs--;
    assert_true(mw_check(m));
}

static void the_checker_sees_two_processes_with_one_asid(void **state)
{
    struct mw_machine *m = *state;
    struct pt *first = &machine_process(m, 1)->mm->pt;
    uint16_t asid = first->asid;

    first->asid = machine_process(m, 2)->mm->pt.asid;
    assert_false(mw_check(m));
    first->asid = asid;
    assert_true(mw_check(m));
}

static void the_checker_sees_an_ended_process_that_holds_something(void **state)
{
    struct mw_machine *m = *state;
    struct process *child;

    assert_int_equal(mw_exit(m, 2, 0), 0);
    child = radix_get(&m->processes.by_pid, 2);
    assert_true(mw_check(m));
    child->fds = machine_process(m, 1)->fds;
    assert_false(mw_check(m));
    child->fds = NULL;
    m->processes.live++;
    assert_false(mw_check(m));
    m->processes.live--;
    assert_true(mw_check(m));
}

static void the_checker_sees_a_lost_user_of_an_address_space(void **state)
{
    struct mw_machine *m = *state;
    struct process *p = machine_process(m, 1);

    assert_int_equal(mw_clone(m, 1, CLONE_VM | CLONE_FILES | SIGCHLD, 3), 3);
    assert_true(mw_check(m));
    p->mm->users++;
    assert_false(mw_check(m));
    p->mm->users--;
    p->fds->users--;
    assert_false(mw_check(m));
    p->fds->users++;
    assert_true(mw_check(m));
}

static void the_checker_sees_a_leaked_reference_of_a_frame(void **state)
{
    struct mw_machine *m = *state;

    frame_get(m->mm_env.zero);
    assert_false(mw_check(m));
    frame_put(&m->frames, m->mm_env.zero);
    assert_true(mw_check(m));
}

static enum mw_fault_answer no_handler(void *context, struct mw_machine *m,
                                       const struct mw_fault *fault)
{
    (void)context;
    (void)m;
    (void)fault;
    return MW_FAULT_NOT_MINE;
}

static void the_checker_sees_ranges_of_handlers_out_of_order(void **state)
{
    struct mw_machine *m = *state;
    struct fault_handlers *h;
    struct fault_handler first;

    assert_int_equal(mw_set_range_handler(m, 1, 2 * PAGE_BYTES, PAGE_BYTES, no_handler, NULL), 0);
    assert_int_equal(mw_set_range_handler(m, 1, PAGE_BYTES, PAGE_BYTES, no_handler, NULL), 0);
    assert_true(mw_check(m));
    h = machine_process(m, 1)->mm->upper;
    first = h->ranges[0];
    h->ranges[0] = h->ranges[1];
    assert_false(mw_check(m));
    h->ranges[0] = first;
    assert_true(mw_check(m));
}

static void the_checker_sees_a_userfaultfd_of_nobody(void **state)
{
    struct mw_machine *m = *state;
    struct uffd *u;
    struct mm *mm;

    assert_int_equal(mw_uffd_open(m, 1, 1), 1);
    assert_true(mw_check(m));
    u = radix_get(&m->uffds, 1);
    mm = u->mm;
    u->mm = (struct mm *)(void *)u;
    assert_false(mw_check(m));
    u->mm = mm;
    assert_true(mw_check(m));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_checker_sees_another_process_running_than_it_should),
        TEST(the_checker_sees_a_hart_that_runs_what_no_process_has),
        cmocka_unit_test(a_machine_that_checks_itself_keeps_its_last_events),
        TEST(the_checker_sees_a_lost_reference_of_an_open_file),
        TEST(the_checker_sees_two_processes_with_one_asid),
        TEST(the_checker_sees_an_ended_process_that_holds_something),
        TEST(the_checker_sees_a_lost_user_of_an_address_space),
        TEST(the_checker_sees_a_leaked_reference_of_a_frame),
        TEST(the_checker_sees_ranges_of_handlers_out_of_order),
        TEST(the_checker_sees_a_userfaultfd_of_nobody),
    };

    return cmocka_run_group_tests_name("machine_check", tests, NULL, NULL);
}
