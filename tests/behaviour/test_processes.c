/*
 * Processes: what fork copies and shares, what exec and exit give back, and who waits for whom.
 */
#include "behaviour/world.h"

static int fork_of(struct world *w, int pid)
{
    int child = mw_fork(w->machine, pid);

    ck_assert_int_gt(child, 0);
    return child;
}

static void exit_of(struct world *w, int pid)
{
    ck_assert_int_eq(mw_exit(w->machine, pid, 0), 0);
}

/* ---- copy on write ---- */

START_TEST(neither_side_of_a_fork_sees_the_others_stores)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    int child;

    world_store(&w, p, 'a');
    world_store(&w, p + PAGE, 'b');
    child = fork_of(&w, w.pid);
    ck_assert_uint_eq(world_load_of(&w, child, p), 'a');
    world_store(&w, p, 'P');
    world_store_of(&w, child, p + PAGE, 'C');
    ck_assert_uint_eq(world_load_of(&w, child, p), 'a');
    ck_assert_uint_eq(world_load(&w, p + PAGE), 'b');
    ck_assert_uint_eq(world_load(&w, p), 'P');
    ck_assert_uint_eq(world_load_of(&w, child, p + PAGE), 'C');
    world_close(&w);
}
END_TEST

START_TEST(the_first_writer_copies_and_the_last_owner_reuses)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    uint64_t frames;
    int child;

    world_store(&w, p, 'a');
    child = fork_of(&w, w.pid);
    frames = world_frames(&w);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_COW_COPY);
    ck_assert_uint_eq(world_frames(&w), frames + 1);
    ck_assert_uint_eq(world_store_reason(&w, child, p + 1), MW_REASON_COW_REUSE);
    ck_assert_uint_eq(world_frames(&w), frames + 1);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), NO_FAULT);
    ck_assert_uint_eq(world_store_reason(&w, child, p), NO_FAULT);
    world_close(&w);
}
END_TEST

START_TEST(a_page_is_reused_when_the_other_process_has_ended)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);

    world_store(&w, p, 'a');
    exit_of(&w, fork_of(&w, w.pid));
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + 1), MW_REASON_COW_REUSE);
    ck_assert_uint_eq(world_load(&w, p), 'a');
    world_close(&w);
}
END_TEST

START_TEST(fork_copies_no_page)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 500 * PAGE, RW, MAP_PRIVATE);
    struct mw_stats before;
    struct mw_stats after;

    for (unsigned i = 0; i < 500; i++)
        world_store(&w, p + i * PAGE, (uint8_t)i);
    before = world_stats(&w);
    fork_of(&w, w.pid);
    after = world_stats(&w);
    ck_assert_uint_eq(after.frames.copied, before.frames.copied);
    ck_assert_uint_eq(after.frames.by_owner[MW_OWNER_ANONYMOUS],
                      before.frames.by_owner[MW_OWNER_ANONYMOUS]);
    world_close(&w);
}
END_TEST

START_TEST(grandchildren_share_until_somebody_writes)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int pids[4] = {w.pid};

    world_store(&w, p, 'a');
    for (unsigned i = 1; i < 4; i++)
        pids[i] = fork_of(&w, pids[i - 1]);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(world_store_reason(&w, pids[i], p + 1 + i), MW_REASON_COW_COPY);
    ck_assert_uint_eq(world_store_reason(&w, pids[3], p + 4), MW_REASON_COW_REUSE);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(world_load_of(&w, pids[i], p), 'a');
        for (unsigned j = 0; j < 4; j++)
            ck_assert_uint_eq(world_load_of(&w, pids[i], p + 1 + j), i == j ? 's' : 0);
    }
    world_close(&w);
}
END_TEST

START_TEST(the_child_has_the_areas_rights_and_heap_of_the_parent)
{
    struct world w = world_open();
    struct mw_signal signal;
    int child;

    world_map_at(&w, BASE, 3 * PAGE, RW, MAP_PRIVATE);
    world_store(&w, BASE + PAGE, 'a');
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + PAGE, PAGE, PROT_NONE), 0);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, 0x10000000 + 5 * PAGE), 0x10000000 + 5 * PAGE);
    child = fork_of(&w, w.pid);
    ck_assert_uint_eq(world_vmas(&w, child), world_vmas(&w, w.pid));
    ck_assert_int_eq(mw_brk(w.machine, child, 0), 0x10000000 + 5 * PAGE);
    ck_assert_int_eq(mw_touch(w.machine, child, BASE + PAGE, 1, MW_LOAD, &signal), -EFAULT);
    ck_assert_int_eq(signal.code, SEGV_ACCERR);
    ck_assert_int_eq(mw_mprotect(w.machine, child, BASE + PAGE, PAGE, RW), 0);
    ck_assert_uint_eq(world_load_of(&w, child, BASE + PAGE), 'a');
    world_store_of(&w, child, BASE + PAGE, 'c');
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + PAGE, PAGE, PROT_READ), 0);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 'a');
    ck_assert_int_eq(mw_munmap(w.machine, child, BASE, 3 * PAGE), 0);
    ck_assert_uint_eq(world_load(&w, BASE), 0);
    world_close(&w);
}
END_TEST

START_TEST(the_parent_cannot_write_through_an_old_translation)
{
    struct mw_config config = world_config();

    for (unsigned asid_bits = 0; asid_bits <= 16; asid_bits += 8) {
        struct world w;
        uint64_t p;
        int child;

        config.asid_bits = asid_bits;
        w = world_open_with(&config);
        p = world_map(&w, 100 * PAGE, RW, MAP_PRIVATE);
        for (unsigned i = 0; i < 100; i++)
            world_store(&w, p + i * PAGE, 'a'); /* the TLB holds writable entries */
        child = fork_of(&w, w.pid);
        for (unsigned i = 0; i < 100; i++)
            world_store(&w, p + i * PAGE, 'P');
        for (unsigned i = 0; i < 100; i++)
            ck_assert_uint_eq(world_load_of(&w, child, p + i * PAGE), 'a');
        world_close(&w);
    }
}
END_TEST

START_TEST(the_child_has_the_parents_heap_start_and_ways)
{
    struct world w = world_open();
    int child;

    ck_assert_int_eq(mw_set_brk(w.machine, w.pid, BASE), 0);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, BASE + PAGE), (int64_t)(BASE + PAGE));
    ck_assert_int_eq(mw_set_implicit(w.machine, w.pid, true), 0);
    child = fork_of(&w, w.pid);
    ck_assert_int_eq(mw_brk(w.machine, child, BASE - PAGE), (int64_t)(BASE + PAGE));
    ck_assert_int_eq(mw_touch(w.machine, child, 2 * BASE, 1, MW_STORE, NULL), 0);
    ck_assert_int_eq(mw_exec(w.machine, child), 0);
    ck_assert_int_eq(mw_touch(w.machine, child, 2 * BASE, 1, MW_STORE, NULL), 0);
    ck_assert_int_eq(mw_set_implicit(w.machine, child, false), 0);
    ck_assert_int_eq(mw_touch(w.machine, child, 3 * BASE, 1, MW_STORE, NULL), -EFAULT);
    ck_assert_int_eq(mw_touch(w.machine, w.pid, 3 * BASE, 1, MW_STORE, NULL), 0);
    world_close(&w);
}
END_TEST

/* ---- what stays shared ---- */

START_TEST(fork_leaves_shared_pages_to_faults)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_SHARED);
    int child;

    world_store(&w, p, 'a');
    child = fork_of(&w, w.pid);
    ck_assert_uint_eq(world_pte(&w, child, p), 0);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), NO_FAULT); /* nothing became read-only */
    ck_assert_uint_eq(world_load_reason(&w, child, p), MW_REASON_FILE_MINOR);
    world_close(&w);
}
END_TEST

START_TEST(shared_memory_stays_shared_after_fork)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_SHARED);
    uint64_t q;
    int child;

    world_file(&w, "/f", PAGE, 'f');
    q = world_map_file(&w, world_open_file(&w, "/f", O_RDWR), PAGE, RW, MAP_SHARED);
    world_store(&w, p, 'a');
    child = fork_of(&w, w.pid);
    ck_assert_uint_eq(world_load_of(&w, child, p), 'a');
    world_store_of(&w, child, p, 'C');
    ck_assert_uint_eq(world_load(&w, p), 'C');
    world_store(&w, p + PAGE, 'P'); /* a page that neither had touched before */
    ck_assert_uint_eq(world_load_of(&w, child, p + PAGE), 'P');
    world_store_of(&w, child, q, 'x');
    ck_assert_uint_eq(world_load(&w, q), 'x');
    ck_assert_uint_eq(world_file_byte(&w, "/f", 0), 'x');
    exit_of(&w, child);
    ck_assert_uint_eq(world_load(&w, p), 'C');
    world_close(&w);
}
END_TEST

START_TEST(shared_anonymous_memory_lives_as_long_as_somebody_maps_it)
{
    struct world w = world_open();
    uint64_t frames = world_frames(&w);
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_SHARED);
    int child;

    for (unsigned i = 0; i < 4; i++)
        world_store(&w, p + i * PAGE, 'a');
    child = fork_of(&w, w.pid);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, 4 * PAGE), 0);
    ck_assert_uint_eq(world_load_of(&w, child, p + 3 * PAGE), 'a');
    exit_of(&w, child);
    ck_assert_uint_eq(world_frames(&w), frames);
    world_close(&w);
}
END_TEST

START_TEST(descriptors_are_copied_and_share_their_positions)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int child;
    int fd;

    ck_assert_int_eq(mw_file_put(w.machine, "/f", "0123456789", 10), 0);
    fd = world_open_file(&w, "/f", O_RDWR);
    child = fork_of(&w, w.pid);
    ck_assert_int_eq(mw_read(w.machine, child, fd, p, 4), 4);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, p, 1), 1);
    ck_assert_uint_eq(world_load(&w, p), '4');
    ck_assert_int_eq(mw_close(w.machine, w.pid, fd), 0);
    ck_assert_int_eq(mw_read(w.machine, child, fd, p, 1), 1);
    ck_assert_uint_eq(world_load_of(&w, child, p), '5');
    ck_assert_int_eq(mw_open(w.machine, child, "/f", O_RDONLY), fd + 1);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd + 1, 0, SEEK_CUR), -EBADF);
    world_close(&w);
}
END_TEST

/* ---- exit and exec ---- */

/* A process that has a bit of everything. */
static void furnish(struct world *w, int pid)
{
    int64_t p = mw_mmap(w->machine, pid, 0, 20 * PAGE, RW, ANON, -1, 0);
    int64_t q = mw_mmap(w->machine, pid, 0, 3 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = mw_open(w->machine, pid, "/f", O_RDWR);
    int64_t r = mw_mmap(w->machine, pid, 0, PAGE, RW, MAP_SHARED, fd, 0);

    ck_assert_int_ge(fd, 0);
    for (unsigned i = 0; i < 20; i++)
        world_store_of(w, pid, (uint64_t)p + i * PAGE, 'a');
    world_store_of(w, pid, (uint64_t)q, 'b');
    world_store_of(w, pid, (uint64_t)r, 'c');
}

START_TEST(exit_gives_every_frame_back)
{
    struct world w = world_open();
    uint64_t frames;
    int pid;

    world_file(&w, "/f", PAGE, 'f');
    frames = world_frames(&w);
    pid = mw_spawn(w.machine);
    furnish(&w, pid);
    for (unsigned i = 0; i < 3; i++)
        furnish(&w, fork_of(&w, pid));
    ck_assert_uint_gt(world_frames(&w), frames + 80);
    for (int p = pid; p < pid + 4; p++)
        exit_of(&w, p);
    ck_assert_uint_eq(world_frames(&w), frames);
    ck_assert_uint_eq(world_stats(&w).processes.live, 1);
    ck_assert_uint_eq(world_stats(&w).processes.created, 5);
    world_close(&w);
}
END_TEST

START_TEST(exec_empties_the_address_space_and_keeps_the_descriptors)
{
    struct world w = world_open();
    uint64_t frames = world_frames(&w);
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);
    int fd;
    int child;

    ck_assert_int_eq(mw_file_put(w.machine, "/f", "0123456789", 10), 0);
    fd = world_open_file(&w, "/f", O_RDONLY);
    world_store(&w, p, 'a');
    ck_assert_int_eq(mw_brk(w.machine, w.pid, 0x10000000 + PAGE), 0x10000000 + PAGE);
    child = fork_of(&w, w.pid);
    ck_assert_int_eq(mw_exec(w.machine, w.pid), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 0);
    ck_assert(!world_mapped(&w, p));
    ck_assert_int_eq(mw_brk(w.machine, w.pid, 0), 0x10000000);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_END), 10);
    ck_assert_uint_eq(world_load_of(&w, child, p), 'a');
    exit_of(&w, child);
    ck_assert_uint_eq(world_frames(&w) - world_stats(&w).frames.by_owner[MW_OWNER_CACHE], frames);
    ck_assert_int_eq(mw_exec(w.machine, 99), -ESRCH);
    world_close(&w);
}
END_TEST

START_TEST(an_ended_process_can_do_nothing_more)
{
    struct world w = world_open();
    int child = fork_of(&w, w.pid);
    struct mw_vma vma;
    uint64_t pte;

    exit_of(&w, child);
    ck_assert_int_eq(mw_exit(w.machine, child, 0), -ESRCH);
    ck_assert_int_eq(mw_fork(w.machine, child), -ESRCH);
    ck_assert_int_eq(mw_wait(w.machine, child, -1, NULL), -ESRCH);
    ck_assert_int_eq(mw_brk(w.machine, child, 0), -ESRCH);
    ck_assert_int_eq(mw_touch(w.machine, child, BASE, 1, MW_LOAD, NULL), -ESRCH);
    ck_assert_int_eq(mw_vma_next(w.machine, child, 0, &vma), -ESRCH);
    ck_assert_int_eq(mw_pte(w.machine, child, 0, &pte), -ESRCH);
    ck_assert_int_eq(mw_map_implicit(w.machine, child, BASE, PAGE, RW), -ESRCH);
    world_close(&w);
}
END_TEST

/* ---- waiting ---- */

START_TEST(wait_reaps_an_ended_child_with_its_status)
{
    struct world w = world_open();
    int child = fork_of(&w, w.pid);
    int status = -1;

    ck_assert_int_eq(mw_wait(w.machine, w.pid, -1, &status), -EAGAIN);
    ck_assert_int_eq(status, -1);
    ck_assert_int_eq(mw_exit(w.machine, child, 42), 0);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, -1, &status), child);
    ck_assert_int_eq(status, 42);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, -1, &status), -ECHILD);
    world_close(&w);
}
END_TEST

START_TEST(wait_may_choose_its_child)
{
    struct world w = world_open();
    int first = fork_of(&w, w.pid);
    int second = fork_of(&w, w.pid);
    int grandchild = fork_of(&w, first);
    int status;

    ck_assert_int_eq(mw_exit(w.machine, second, 2), 0);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, first, &status), -EAGAIN);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, grandchild, &status), -ECHILD); /* not a child */
    ck_assert_int_eq(mw_wait(w.machine, w.pid, 99, &status), -ECHILD);
    ck_assert_int_eq(mw_wait(w.machine, second, -1, &status), -ESRCH);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, second, &status), second);
    ck_assert_int_eq(status, 2);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, second, NULL), -ECHILD);
    world_close(&w);
}
END_TEST

START_TEST(an_orphan_goes_when_it_ends)
{
    struct world w = world_open();
    int child = fork_of(&w, w.pid);
    int ended = fork_of(&w, child);
    int orphan = fork_of(&w, child);

    exit_of(&w, ended);
    ck_assert_int_eq(mw_spawn_pid(w.machine, ended), -EEXIST); /* its status waits for the parent */
    exit_of(&w, child);
    ck_assert_int_eq(mw_spawn_pid(w.machine, ended), ended);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, orphan, NULL), -ECHILD);
    exit_of(&w, orphan);
    ck_assert_int_eq(mw_spawn_pid(w.machine, orphan), orphan);
    world_close(&w);
}
END_TEST

/* ---- pids ---- */

START_TEST(pids_count_up_and_can_be_chosen)
{
    struct world w = world_open();

    ck_assert_int_eq(w.pid, 1);
    ck_assert_int_eq(mw_spawn(w.machine), 2);
    ck_assert_int_eq(mw_spawn_pid(w.machine, 100), 100);
    ck_assert_int_eq(mw_spawn_pid(w.machine, 100), -EEXIST);
    ck_assert_int_eq(mw_fork_pid(w.machine, 1, 100), -EEXIST);
    ck_assert_int_eq(mw_fork_pid(w.machine, 1, 50), 50);
    ck_assert_int_eq(mw_spawn(w.machine), 51);
    ck_assert_int_eq(mw_spawn_pid(w.machine, 0), -EINVAL);
    ck_assert_int_eq(mw_spawn_pid(w.machine, -5), -EINVAL);
    ck_assert_int_eq(mw_fork_pid(w.machine, 1, 0), -EINVAL);
    ck_assert_int_eq(mw_spawn_pid(w.machine, INT32_MAX), INT32_MAX);
    ck_assert_int_eq(mw_spawn(w.machine), 3); /* around, past those in use */
    world_close(&w);
}
END_TEST

START_TEST(live_processes_can_be_listed)
{
    struct world w = world_open();
    int child = fork_of(&w, w.pid);
    int other = mw_spawn_pid(w.machine, 500);

    ck_assert_int_eq(mw_process_next(w.machine, 0), w.pid);
    ck_assert_int_eq(mw_process_next(w.machine, w.pid), child);
    exit_of(&w, child); /* ended, not yet reaped */
    ck_assert_int_eq(mw_process_next(w.machine, w.pid), other);
    ck_assert_int_eq(mw_process_next(w.machine, other), 0);
    ck_assert_int_eq(mw_process_next(w.machine, -7), w.pid);
    world_close(&w);
}
END_TEST

START_TEST(there_is_a_limit_of_processes)
{
    struct mw_config config = world_config();
    struct world w;

    config.max_processes = 3;
    w = world_open_with(&config);
    fork_of(&w, w.pid);
    ck_assert_int_eq(mw_spawn(w.machine), 3);
    ck_assert_int_eq(mw_spawn(w.machine), -EAGAIN);
    ck_assert_int_eq(mw_fork(w.machine, w.pid), -EAGAIN);
    exit_of(&w, 2); /* its entry is there until it is reaped */
    ck_assert_int_eq(mw_fork(w.machine, w.pid), -EAGAIN);
    ck_assert_int_eq(mw_wait(w.machine, w.pid, -1, NULL), 2);
    ck_assert_int_eq(mw_fork(w.machine, w.pid), 4);
    world_close(&w);
}
END_TEST

START_TEST(a_failed_fork_leaves_everything_as_it_was)
{
    struct mw_config config = world_config();
    struct world w;
    uint64_t frames;
    uint64_t p;

    config.ram_bytes = 64 * PAGE;
    w = world_open_with(&config);
    p = world_map(&w, 40 * PAGE, RW, MAP_PRIVATE);
    for (unsigned i = 0; i < 40; i++)
        world_store(&w, p + i * PAGE, 'a');
    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    world_store(&w, BASE, 'b'); /* tables of its own, which a child would need, too */
    while (world_stats(&w).frames.total - world_frames(&w) > 3)
        world_store(&w, world_map(&w, PAGE, RW, MAP_PRIVATE), 'c');
    frames = world_frames(&w);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(mw_fork(w.machine, w.pid), -ENOMEM);
    ck_assert_uint_eq(world_frames(&w), frames);
    for (unsigned i = 0; i < 40; i++)
        ck_assert_uint_eq(world_load(&w, p + i * PAGE), 'a');
    ck_assert_uint_eq(world_store_reason(&w, w.pid, BASE),
                      MW_REASON_COW_REUSE); /* it was shared for a moment */
    ck_assert_uint_eq(world_stats(&w).processes.live, 1);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        neither_side_of_a_fork_sees_the_others_stores,
        the_first_writer_copies_and_the_last_owner_reuses,
        a_page_is_reused_when_the_other_process_has_ended,
        fork_copies_no_page,
        grandchildren_share_until_somebody_writes,
        the_child_has_the_areas_rights_and_heap_of_the_parent,
        the_parent_cannot_write_through_an_old_translation,
        the_child_has_the_parents_heap_start_and_ways,
        fork_leaves_shared_pages_to_faults,
        shared_memory_stays_shared_after_fork,
        shared_anonymous_memory_lives_as_long_as_somebody_maps_it,
        descriptors_are_copied_and_share_their_positions,
        exit_gives_every_frame_back,
        exec_empties_the_address_space_and_keeps_the_descriptors,
        an_ended_process_can_do_nothing_more,
        wait_reaps_an_ended_child_with_its_status,
        wait_may_choose_its_child,
        an_orphan_goes_when_it_ends,
        pids_count_up_and_can_be_chosen,
        live_processes_can_be_listed,
        there_is_a_limit_of_processes,
        a_failed_fork_leaves_everything_as_it_was,
    };

    return world_run("processes", tests, sizeof(tests) / sizeof(tests[0]));
}
