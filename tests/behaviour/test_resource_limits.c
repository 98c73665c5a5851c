/*
 * Resource limits of a process: RLIMIT_AS counts everything, RLIMIT_DATA private writable memory,
 * RLIMIT_MEMLOCK what is locked. The order of errors, and what a refused call leaves, are those of
 * Linux 6.18.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "behaviour/world.h"

#define FIXED     ANON_FIXED
#define DONTUNMAP 4 /* MREMAP_DONTUNMAP */

static void limit(struct world *w, int resource, uint64_t bytes)
{
    ck_assert_int_eq(mw_setrlimit(w->machine, w->pid, resource, bytes), 0);
}

static int64_t map(struct world *w, uint64_t addr, unsigned pages, int prot, int flags)
{
    return mw_mmap(w->machine, w->pid, addr, pages * PAGE, prot, flags, -1, 0);
}

/* Four pages at BASE, private and writable. */
static struct world world_of_four_pages(void)
{
    struct world w = world_open();

    ck_assert_int_eq(map(&w, BASE, 4, RW, FIXED), BASE);
    return w;
}

START_TEST(a_full_address_space_refuses_what_would_make_it_larger)
{
    struct world w = world_of_four_pages();
    int64_t brk = mw_brk(w.machine, w.pid, 0);

    limit(&w, RLIMIT_AS, 4 * PAGE);
    ck_assert_int_eq(map(&w, 0, 1, PROT_NONE, ANON), -ENOMEM);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, BASE, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE, 0),
                     -ENOMEM);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, BASE, PAGE, PAGE, MREMAP_MAYMOVE | DONTUNMAP, 0),
                     -ENOMEM);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, (uint64_t)brk + PAGE), brk);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, PAGE), 0);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, (uint64_t)brk + PAGE), brk + (int64_t)PAGE);
    world_close(&w);
}
END_TEST

START_TEST(what_a_fixed_mapping_replaces_makes_room_and_a_refused_one_leaves_its_split)
{
    struct world w = world_of_four_pages();

    limit(&w, RLIMIT_AS, 4 * PAGE);
    ck_assert_int_eq(map(&w, BASE + PAGE, 1, RW, FIXED), (int64_t)(BASE + PAGE));
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    ck_assert_int_eq(map(&w, BASE + 2 * PAGE, 4, PROT_READ, FIXED), -ENOMEM);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    world_close(&w);
}
END_TEST

START_TEST(data_is_private_and_writable)
{
    struct world w = world_of_four_pages();
    int64_t brk = mw_brk(w.machine, w.pid, 0);

    ck_assert_int_eq(map(&w, BASE + 3 * PAGE, 1, PROT_READ, FIXED), (int64_t)(BASE + 3 * PAGE));
    limit(&w, RLIMIT_DATA, 3 * PAGE);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 3 * PAGE, PAGE, RW), -ENOMEM);
    ck_assert_int_eq(map(&w, 0, 1, RW, ANON), -ENOMEM);
    ck_assert_int_gt(map(&w, 0, 1, RW, MAP_SHARED | MAP_ANONYMOUS), 0);
    ck_assert_int_gt(map(&w, 0, 1, PROT_READ, ANON), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, PAGE, PROT_READ), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 3 * PAGE, PAGE, RW), 0);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, (uint64_t)brk + 1), brk);
    limit(&w, RLIMIT_DATA, MW_UNLIMITED);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, (uint64_t)brk + 1), brk + 1);
    world_close(&w);
}
END_TEST

START_TEST(locked_memory_is_counted_once)
{
    struct world w = world_of_four_pages();

    limit(&w, RLIMIT_MEMLOCK, 2 * PAGE);
    ck_assert_int_eq(mw_mlock(w.machine, w.pid, BASE, 3 * PAGE), -ENOMEM);
    ck_assert_int_eq(mw_mlock(w.machine, w.pid, BASE, 2 * PAGE), 0);
    ck_assert_int_eq(mw_mlock(w.machine, w.pid, BASE, 2 * PAGE), 0);
    ck_assert_int_eq(mw_mlock(w.machine, w.pid, BASE + 2 * PAGE, PAGE), -ENOMEM);
    ck_assert_int_eq(map(&w, 0, 1, PROT_READ, ANON | MAP_LOCKED), -EAGAIN);
    ck_assert_int_eq(mw_mlockall(w.machine, w.pid, MCL_CURRENT), -ENOMEM);
    ck_assert_int_eq(mw_munlock(w.machine, w.pid, BASE, PAGE), 0);
    ck_assert_int_gt(map(&w, 0, 1, PROT_READ, ANON | MAP_LOCKED), 0);
    world_close(&w);
}
END_TEST

START_TEST(locks_that_are_to_come_need_room_when_memory_comes)
{
    struct world w = world_of_four_pages();
    int64_t brk = mw_brk(w.machine, w.pid, 0);

    limit(&w, RLIMIT_MEMLOCK, 2 * PAGE);
    ck_assert_int_eq(mw_mlock(w.machine, w.pid, BASE + 2 * PAGE, 2 * PAGE), 0);
    ck_assert_int_eq(mw_mlockall(w.machine, w.pid, MCL_FUTURE), 0);
    ck_assert_int_eq(map(&w, 0, 1, PROT_READ, ANON), -EAGAIN);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, (uint64_t)brk + PAGE), brk);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, BASE + 2 * PAGE, 2 * PAGE, 3 * PAGE, 0, 0),
                     -EAGAIN);
    ck_assert_int_eq(mw_munlockall(w.machine, w.pid), 0);
    ck_assert_int_gt(map(&w, 0, 1, PROT_READ, ANON), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_limit_of_nothing_forbids_locks)
{
    struct world w = world_of_four_pages();

    limit(&w, RLIMIT_MEMLOCK, 0);
    ck_assert_int_eq(mw_mlock(w.machine, w.pid, BASE, 0), -EPERM);
    ck_assert_int_eq(mw_mlockall(w.machine, w.pid, MCL_CURRENT), -EPERM);
    ck_assert_int_eq(map(&w, 0, 1, PROT_READ, ANON | MAP_LOCKED), -EPERM);
    ck_assert_int_eq(mw_munlock(w.machine, w.pid, BASE, PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(limits_that_are_not_simulated_are_refused)
{
    struct world w = world_open();

    ck_assert_int_eq(mw_setrlimit(w.machine, w.pid, RLIMIT_CPU, 1), -EINVAL);
    ck_assert_int_eq(mw_setrlimit(w.machine, 99, RLIMIT_AS, 1), -ESRCH);
    world_close(&w);
}
END_TEST

/* ---- names, which not every kernel is built with ---- */

START_TEST(named_areas_show_their_name_and_merge_by_it)
{
    struct world w = world_of_four_pages();

    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE, PAGE, "stack of 7"), 0);
    ck_assert_str_eq(world_vma(&w, BASE).name, "[anon:stack of 7]");
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE, PAGE, "a[b"), -EINVAL);
    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE + 1, PAGE, "a"), -EINVAL);
    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE, 5 * PAGE, "stack of 7"), -ENOMEM);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE, 4 * PAGE, NULL), 0);
    ck_assert_str_eq(world_vma(&w, BASE).name, "");
    world_close(&w);
}
END_TEST

START_TEST(neighbours_become_one_only_when_their_names_are_the_same_text)
{
    struct world w = world_of_four_pages();

    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE, PAGE, "left"), 0);
    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE + PAGE, PAGE, "right"), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 3);
    ck_assert_str_eq(world_vma(&w, BASE).name, "[anon:left]");
    ck_assert_str_eq(world_vma(&w, BASE + PAGE).name, "[anon:right]");
    ck_assert_int_eq(mw_set_vma_name(w.machine, w.pid, BASE + PAGE, PAGE, "left"), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    world_close(&w);
}
END_TEST

START_TEST(a_process_advises_itself_and_nobody_else)
{
    struct world w = world_of_four_pages();
    const uint64_t vectors[] = {BASE + PAGE, PAGE, BASE + 2 * PAGE + 1, PAGE};
    const int self = -10000;

    ck_assert_int_eq(mw_store(w.machine, w.pid, BASE, vectors, sizeof(vectors), NULL), 0);
    world_store(&w, BASE + PAGE, 5);
    ck_assert_int_eq(mw_process_madvise(w.machine, w.pid, self, BASE, 2, MADV_DONTNEED, 1),
                     -EINVAL);
    ck_assert_int_eq(mw_process_madvise(w.machine, w.pid, -1, 8, 1, MADV_DONTNEED, 0), -EFAULT);
    ck_assert_int_eq(mw_process_madvise(w.machine, w.pid, -1, BASE, 2, MADV_DONTNEED, 0), -EBADF);
    ck_assert_int_eq(mw_process_madvise(w.machine, w.pid, self, BASE, 1025, MADV_DONTNEED, 0),
                     -EINVAL);
    ck_assert_int_eq(mw_process_madvise(w.machine, w.pid, self, BASE, 2, MADV_DONTNEED, 0),
                     (int64_t)PAGE); /* the second is not aligned */
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_full_address_space_refuses_what_would_make_it_larger,
        what_a_fixed_mapping_replaces_makes_room_and_a_refused_one_leaves_its_split,
        data_is_private_and_writable,
        locked_memory_is_counted_once,
        locks_that_are_to_come_need_room_when_memory_comes,
        a_limit_of_nothing_forbids_locks,
        limits_that_are_not_simulated_are_refused,
        named_areas_show_their_name_and_merge_by_it,
        neighbours_become_one_only_when_their_names_are_the_same_text,
        a_process_advises_itself_and_nobody_else,
    };

    return world_run("resource_limits", tests, sizeof(tests) / sizeof(tests[0]));
}
