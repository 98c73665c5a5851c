/*
 * User-level fault handlers and userfaultfd: the scenarios of handlers/, and what only a program in
 * C can show.
 */
#include <dirent.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>

#include <mapwalk/fault.h>
#include <mapwalk/run.h>

#include "behaviour/world.h"

#define FOLDER MAPWALK_SOURCE_DIR "/tests/behaviour/handlers"

/* ---- the scenarios ---- */

static void complain(void *context, const struct mw_diagnostic *d)
{
    (void)context;
    fprintf(stderr, "%s:%llu: %s\n", d->file, (unsigned long long)d->line, d->text);
}

static void run_scenario(const char *path)
{
    struct mw_run_options options = {.diagnose = complain};
    struct mw_config config = world_config();
    struct mw_machine *machine;
    struct mw_run_result result;

    config.overcommit = 1;
    ck_assert_int_eq(mw_machine_new(&config, &machine), 0);
    ck_assert_int_eq(mw_run(machine, &path, 1, &options, &result), 0);
    ck_assert_uint_gt(result.expectations, 3);
    ck_assert_uint_eq(result.expectations_failed, 0);
    ck_assert_uint_eq(result.lines_bad, 0);
    ck_assert(mw_check(machine));
    ck_assert_int_eq(mw_machine_free(machine), 0);
}

START_TEST(scenarios_with_handlers_hold)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    char path[512];
    int count = 0;

    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name);

        if (length < 4 || strcmp(entry->d_name + length - 3, ".mw") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", FOLDER, entry->d_name);
        run_scenario(path);
        count++;
    }
    closedir(folder);
    ck_assert_int_ge(count, 12);
}
END_TEST

/* ---- handlers in C ---- */

/* What a handler of these tests does, and what it has seen. */
struct seen {
    unsigned calls;
    struct mw_fault last;
    enum mw_fault_answer answer;
    bool populates;
};

static enum mw_fault_answer note_and_map(void *context, struct mw_machine *machine,
                                         const struct mw_fault *fault)
{
    struct seen *seen = context;

    seen->calls++;
    seen->last = *fault;
    if (seen->answer != MW_FAULT_KILL)
        mw_mmap(machine, fault->pid, fault->va / PAGE * PAGE, PAGE, RW,
                ANON_FIXED | (seen->populates ? MAP_POPULATE : 0), -1, 0);
    return seen->answer;
}

START_TEST(a_handler_is_told_what_the_hart_says)
{
    struct world w = world_open();
    struct seen seen = {.answer = MW_FAULT_REPAIRED, .populates = true};

    ck_assert_int_eq(mw_set_range_handler(w.machine, w.pid, BASE, 4 * PAGE, note_and_map, &seen),
                     0);
    world_store(&w, BASE + PAGE + 5, 9);
    ck_assert_uint_eq(seen.calls, 1);
    ck_assert_int_eq(seen.last.pid, w.pid);
    ck_assert_uint_eq(seen.last.va, BASE + PAGE + 5);
    ck_assert_int_eq(seen.last.access, MW_STORE);
    ck_assert_uint_eq(seen.last.cause, MW_CAUSE_STORE_PAGE);
    ck_assert_uint_eq(seen.last.start, BASE);
    ck_assert_uint_eq(seen.last.end, BASE + 4 * PAGE);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE + 5), 9);
    ck_assert_uint_eq(seen.calls, 1);
    ck_assert_uint_eq(world_stats(&w).faults.by_reason[MW_REASON_USER_HANDLED], 1);
    world_close(&w);
}
END_TEST

START_TEST(a_handler_that_maps_may_leave_the_page_to_the_kernel)
{
    struct world w = world_open();
    struct seen seen = {.answer = MW_FAULT_NOT_MINE};

    ck_assert_int_eq(mw_set_fault_handler(w.machine, w.pid, note_and_map, &seen), 0);
    ck_assert_uint_eq(world_load(&w, BASE), 0);
    ck_assert_uint_eq(seen.calls, 1);
    ck_assert_uint_eq(seen.last.end, 0);
    ck_assert_int_eq(mw_set_fault_handler(w.machine, w.pid, NULL, NULL), 0);
    ck_assert(!world_mapped(&w, BASE + PAGE));
    ck_assert_uint_eq(seen.calls, 1);
    world_close(&w);
}
END_TEST

START_TEST(a_handler_that_repairs_nothing_ends_in_a_signal)
{
    struct world w = world_open();
    struct seen seen = {.answer = MW_FAULT_REPAIRED};
    struct mw_signal signal;

    ck_assert_int_eq(mw_set_fault_handler(w.machine, w.pid, note_and_map, &seen), 0);
    signal = world_load_signal(&w, BASE);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, BASE, MW_REASON_USER_FAILED);
    ck_assert_uint_eq(seen.calls, 8);
    world_close(&w);
}
END_TEST

START_TEST(a_handler_may_give_the_process_up)
{
    struct world w = world_open();
    struct seen seen = {.answer = MW_FAULT_KILL};
    struct mw_signal signal;

    ck_assert_int_eq(mw_set_fault_handler(w.machine, w.pid, note_and_map, &seen), 0);
    signal = world_load_signal(&w, BASE);
    ck_assert_int_eq(signal.signo, SIGKILL);
    ck_assert_uint_eq(signal.reason, MW_REASON_USER_KILLED);
    world_close(&w);
}
END_TEST

START_TEST(ranges_of_handlers_must_be_whole_pages_of_user_space)
{
    struct world w = world_open();
    struct mw_machine *m = w.machine;
    uint64_t top = (uint64_t)1 << 38;

    ck_assert_int_eq(mw_set_range_handler(m, w.pid, BASE + 1, PAGE, note_and_map, NULL), -EINVAL);
    ck_assert_int_eq(mw_set_range_handler(m, w.pid, BASE, PAGE - 1, note_and_map, NULL), -EINVAL);
    ck_assert_int_eq(mw_set_range_handler(m, w.pid, BASE, 0, note_and_map, NULL), -EINVAL);
    ck_assert_int_eq(mw_set_range_handler(m, w.pid, top, PAGE, note_and_map, NULL), -EINVAL);
    ck_assert_int_eq(mw_set_range_handler(m, w.pid, top - PAGE, PAGE, note_and_map, NULL), 0);
    ck_assert_int_eq(mw_set_range_handler(m, 99, BASE, PAGE, note_and_map, NULL), -ESRCH);
    ck_assert_int_eq(mw_set_fault_handler(m, 99, note_and_map, NULL), -ESRCH);
    world_close(&w);
}
END_TEST

/* A handler that takes away the page that the access has before the one that it brings. */
static enum mw_fault_answer bring_and_take(void *context, struct mw_machine *machine,
                                           const struct mw_fault *fault)
{
    uint64_t page = fault->va / PAGE * PAGE;
    uint64_t other = page == BASE ? BASE + PAGE : BASE;
    unsigned *calls = context;

    (*calls)++;
    mw_mmap(machine, fault->pid, page, PAGE, RW, ANON_FIXED | MAP_POPULATE, -1, 0);
    mw_mmap(machine, fault->pid, other, PAGE, RW, ANON_FIXED, -1, 0);
    return MW_FAULT_REPAIRED;
}

START_TEST(handlers_that_undo_each_other_end_in_a_signal)
{
    struct world w = world_open();
    struct mw_signal signal;
    unsigned calls = 0;
    uint64_t value = 0;

    ck_assert_int_eq(mw_set_fault_handler(w.machine, w.pid, bring_and_take, &calls), 0);
    ck_assert_int_eq(mw_load(w.machine, w.pid, BASE + PAGE - 4, &value, 8, &signal), -EFAULT);
    ck_assert_int_eq(signal.signo, SIGSEGV);
    ck_assert_uint_eq(signal.reason, MW_REASON_USER_FAILED);
    ck_assert_uint_gt(calls, 4);
    world_close(&w);
}
END_TEST

START_TEST(a_block_request_maps_one_page_of_a_file)
{
    struct world w = world_open();
    int fd;

    world_file(&w, "/a", 3 * PAGE, 5);
    fd = world_open_file(&w, "/a", O_RDWR);
    ck_assert_int_eq(mw_request_block(w.machine, w.pid, BASE + 7, fd, PAGE, PROT_READ, MAP_SHARED),
                     0);
    ck_assert_uint_eq(world_vma(&w, BASE).end, BASE + PAGE);
    ck_assert_uint_eq(world_vma(&w, BASE).off_bytes, PAGE);
    ck_assert(world_pte(&w, w.pid, BASE) != 0);
    ck_assert_int_eq(mw_request_block(w.machine, w.pid, BASE, fd, 3 * PAGE, PROT_READ, MAP_PRIVATE),
                     -EFAULT);
    ck_assert_int_eq(mw_request_block(w.machine, w.pid, BASE, fd, 1, PROT_READ, MAP_PRIVATE),
                     -EINVAL);
    ck_assert_int_eq(mw_request_block(w.machine, w.pid, BASE, 99, 0, PROT_READ, MAP_PRIVATE),
                     -EBADF);
    ck_assert_int_eq(
        mw_request_block(w.machine, w.pid, BASE, fd, 0, PROT_READ, MAP_PRIVATE | MAP_LOCKED),
        -EINVAL);
    world_close(&w);
}
END_TEST

/* ---- want of memory ---- */

/* Each allocation fails in turn; after each, everything is as if nothing had been asked. */
START_TEST(setting_a_handler_fails_cleanly)
{
    struct world w = world_open();
    struct seen seen = {.answer = MW_FAULT_KILL};

    for (uint64_t n = 1; n <= 2; n++) {
        mw_fail_allocation(w.machine, n);
        ck_assert_int_eq(mw_set_range_handler(w.machine, w.pid, BASE, PAGE, note_and_map, &seen),
                         -ENOMEM);
        mw_fail_allocation(w.machine, 0);
        ck_assert(!world_mapped(&w, BASE));
        ck_assert(mw_check(w.machine));
    }
    ck_assert_uint_eq(seen.calls, 0);
    ck_assert_int_eq(mw_set_range_handler(w.machine, w.pid, BASE, PAGE, note_and_map, &seen), 0);
    world_close(&w);
}
END_TEST

START_TEST(removing_takes_memory_only_to_split_a_range)
{
    struct world w = world_open();
    struct seen seen = {.answer = MW_FAULT_KILL};
    struct mw_signal signal;
    int err = 0;

    ck_assert_int_eq(mw_set_fault_handler(w.machine, w.pid, NULL, NULL), 0);
    ck_assert_int_eq(mw_set_range_handler(w.machine, w.pid, BASE, 4 * PAGE, note_and_map, &seen),
                     0);
    mw_fail_allocation(w.machine, 1);
    err = mw_munmap(w.machine, w.pid, BASE + PAGE, PAGE);
    ck_assert_int_eq(err, -ENOMEM);
    signal = world_load_signal(&w, BASE + PAGE);
    ck_assert_int_eq(signal.signo, SIGKILL); /* it is still there */
    mw_fail_allocation(w.machine, 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + PAGE, PAGE), 0);
    signal = world_load_signal(&w, BASE + PAGE);
    ck_assert_int_eq(signal.signo, SIGSEGV);
    mw_fail_allocation(w.machine, 1);
    ck_assert_int_eq(mw_set_range_handler(w.machine, w.pid, 0, (uint64_t)1 << 38, NULL, NULL), 0);
    mw_fail_allocation(w.machine, 0);
    signal = world_load_signal(&w, BASE);
    ck_assert_int_eq(signal.signo, SIGSEGV);
    world_close(&w);
}
END_TEST

START_TEST(a_fork_that_cannot_copy_handlers_leaves_no_child)
{
    struct world w = world_open();
    struct seen seen = {.answer = MW_FAULT_KILL};
    int child = -ENOMEM;
    uint64_t n;

    ck_assert_int_eq(mw_set_range_handler(w.machine, w.pid, BASE, PAGE, note_and_map, &seen), 0);
    for (n = 1; child == -ENOMEM; n++) {
        mw_fail_allocation(w.machine, n);
        child = mw_fork(w.machine, w.pid);
        mw_fail_allocation(w.machine, 0);
        ck_assert(mw_check(w.machine));
        ck_assert_uint_eq(world_stats(&w).processes.live, child > 0 ? 2 : 1);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_uint_gt(n, 4);
    world_close(&w);
}
END_TEST

START_TEST(userfaultfd_fails_cleanly)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);
    struct mw_uffd_message message;
    uint8_t byte;
    int u = -ENOMEM;
    int err;

    for (uint64_t n = 1; u == -ENOMEM; n++) {
        mw_fail_allocation(w.machine, n);
        u = mw_uffd_open(w.machine, w.pid, UFFD_USER_MODE_ONLY);
    }
    ck_assert_int_eq(u, 1);
    ck_assert_int_eq(mw_uffd_api(w.machine, u, UFFD_API, 0), 0);
    mw_fail_allocation(w.machine, 0);
    ck_assert_int_eq(mw_uffd_register(w.machine, u, p, 4 * PAGE, MW_UFFD_MISSING), 0);
    mw_fail_allocation(w.machine, 1); /* the message has no room: the access is out of memory */
    ck_assert_int_eq(mw_load(w.machine, w.pid, p, &byte, 1, NULL), -EFAULT);
    ck_assert_int_eq(mw_uffd_read(w.machine, u, &message), -EAGAIN);
    ck_assert_int_eq(mw_load(w.machine, w.pid, p, &byte, 1, NULL), -EAGAIN);
    ck_assert_int_eq(mw_uffd_unregister(w.machine, u, p, 4 * PAGE), 0);
    ck_assert_int_eq(mw_uffd_register(w.machine, u, p, 4 * PAGE, MW_UFFD_WP), 0);
    for (unsigned i = 0; i < 4; i++)
        world_store(&w, p + i * PAGE, 1);
    err = -ENOMEM;
    for (uint64_t n = 1; err == -ENOMEM; n++) {
        mw_fail_allocation(w.machine, n);
        err = mw_uffd_writeprotect(w.machine, u, p, 4 * PAGE, MW_UFFD_PROTECT);
        ck_assert(mw_check(w.machine));
    }
    ck_assert_int_eq(err, 0);
    world_close(&w); /* with the userfaultfd open */
}
END_TEST

/* A COPY source that is itself in the way, frames that run out: what was done is told. */
START_TEST(a_copy_without_frames_tells_how_far_it_came)
{
    struct mw_config config = world_config();
    uint64_t p;
    uint64_t s;
    int64_t done;
    struct world w;
    int u;

    config.ram_bytes = 40 * PAGE;
    config.overcommit = 1;
    w = world_open_with(&config);
    p = world_map(&w, 64 * PAGE, RW, MAP_PRIVATE);
    s = world_map(&w, 64 * PAGE, RW, MAP_PRIVATE);
    u = mw_uffd_open(w.machine, w.pid, UFFD_USER_MODE_ONLY);
    ck_assert_int_eq(mw_uffd_api(w.machine, u, UFFD_API, 0), 0);
    ck_assert_int_eq(mw_uffd_register(w.machine, u, p, 64 * PAGE, MW_UFFD_MISSING), 0);
    done = mw_uffd_copy(w.machine, w.pid, u, p, s, 64 * PAGE, 0);
    ck_assert_int_gt(done, 0);
    ck_assert_int_lt(done, 64 * PAGE);
    ck_assert_int_eq(mw_uffd_copy(w.machine, w.pid, u, p + (uint64_t)done, s, PAGE, 0), -ENOMEM);
    ck_assert(mw_check(w.machine));
    world_close(&w);
}
END_TEST

START_TEST(messages_tell_byte_and_process_when_asked_to)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    struct mw_uffd_message message;
    uint8_t byte = 0;
    int u = mw_uffd_open(w.machine, w.pid, UFFD_USER_MODE_ONLY);

    ck_assert_int_eq(mw_uffd_api(w.machine, u, UFFD_API,
                                 MW_UFFD_FEATURE_EXACT_ADDRESS | MW_UFFD_FEATURE_THREAD_ID),
                     0);
    ck_assert_int_eq(mw_uffd_register(w.machine, u, p, PAGE, MW_UFFD_MISSING), 0);
    ck_assert_int_eq(mw_store(w.machine, w.pid, p + 77, &byte, 1, NULL), -EAGAIN);
    ck_assert_int_eq(mw_uffd_read(w.machine, u, &message), 0);
    ck_assert_uint_eq(message.va, p + 77);
    ck_assert_int_eq(message.pid, w.pid);
    ck_assert_uint_eq(message.flags, MW_UFFD_FAULT_WRITE);
    ck_assert_uint_eq(world_stats(&w).faults.by_reason[MW_REASON_WOULD_BLOCK], 1);
    ck_assert_uint_eq(world_stats(&w).other.signals, 0);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        scenarios_with_handlers_hold,
        a_handler_is_told_what_the_hart_says,
        a_handler_that_maps_may_leave_the_page_to_the_kernel,
        a_handler_that_repairs_nothing_ends_in_a_signal,
        a_handler_may_give_the_process_up,
        ranges_of_handlers_must_be_whole_pages_of_user_space,
        handlers_that_undo_each_other_end_in_a_signal,
        a_block_request_maps_one_page_of_a_file,
        setting_a_handler_fails_cleanly,
        removing_takes_memory_only_to_split_a_range,
        a_fork_that_cannot_copy_handlers_leaves_no_child,
        userfaultfd_fails_cleanly,
        a_copy_without_frames_tells_how_far_it_came,
        messages_tell_byte_and_process_when_asked_to,
    };

    return world_run("fault_handlers", tests, sizeof(tests) / sizeof(tests[0]));
}
