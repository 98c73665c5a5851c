/*
 * What differs between releases of Linux and between processors, by switch: `kernel` and `isa`.
 */
#include "behaviour/world.h"

#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL */

static struct world open_with(const char *key, const char *value)
{
    struct mw_config config = world_config();

    ck_assert_int_eq(mw_config_set(&config, key, value), 0);
    return world_open_with(&config);
}

/* Three pages side by side, of which the middle one is mapped last and only the first is written. */
static uint64_t areas_after_merging(struct world *w)
{
    world_map_at(w, BASE, PAGE, RW, ANON_FIXED);
    world_map_at(w, BASE + PAGE, PAGE, PROT_READ, ANON_FIXED);
    world_store(w, BASE, 1);
    ck_assert_int_eq(mw_mprotect(w->machine, w->pid, BASE, PAGE, PROT_READ), 0);
    /* Written memory, but not charged differently: rights alone kept the two apart. */
    ck_assert_int_eq(mw_mprotect(w->machine, w->pid, BASE + PAGE, PAGE, RW), 0);
    ck_assert_int_eq(mw_mprotect(w->machine, w->pid, BASE, PAGE, RW), 0);
    return world_vmas(w, w->pid);
}

START_TEST(in_6_12_written_memory_does_not_join_a_neighbour_that_was_never_written)
{
    struct world w = open_with("kernel", "6.18");

    ck_assert_uint_eq(areas_after_merging(&w), 1);
    world_close(&w);
    w = open_with("kernel", "6.12");
    ck_assert_uint_eq(areas_after_merging(&w), 2);
    world_close(&w);
}
END_TEST

/* A move onto a mapped target whose source reaches over a hole. */
static int64_t move_over_a_hole(struct world *w)
{
    world_map_at(w, BASE, PAGE, RW, ANON_FIXED);
    world_map_at(w, BASE + 2 * PAGE, PAGE, RW, ANON_FIXED);
    world_map_at(w, BASE + 8 * PAGE, PAGE, RW, ANON_FIXED);
    return mw_mremap(w->machine, w->pid, BASE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                     BASE + 8 * PAGE);
}

START_TEST(in_6_12_mremap_moves_one_area_only_and_unmaps_the_target_before_it_fails)
{
    struct world w = open_with("kernel", "6.18");

    ck_assert_int_eq(move_over_a_hole(&w), (int64_t)(BASE + 8 * PAGE));
    ck_assert(world_mapped(&w, BASE + 10 * PAGE));
    world_close(&w);
    w = open_with("kernel", "6.12");
    ck_assert_int_eq(move_over_a_hole(&w), -EFAULT);
    ck_assert(!world_mapped(&w, BASE + 8 * PAGE));
    ck_assert(world_mapped(&w, BASE));
    world_close(&w);
}
END_TEST

START_TEST(in_6_12_mremap_looks_for_the_source_before_the_target)
{
    const uint64_t over = BASE + 4 * PAGE; /* the target overlaps a source that is not there */
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    struct world w = open_with("kernel", "6.18");

    ck_assert_int_eq(mw_mremap(w.machine, w.pid, over, PAGE, PAGE, flags, over), -EINVAL);
    world_close(&w);
    w = open_with("kernel", "6.12");
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, over, PAGE, PAGE, flags, over), -EFAULT);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, over, PAGE, 0, flags, over), -EINVAL);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, over, PAGE, PAGE, MREMAP_FIXED, over), -EINVAL);
    world_map_at(&w, over, 2 * PAGE, RW, ANON_FIXED);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, over, PAGE, PAGE, flags, over), -EINVAL);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, over, 2 * PAGE, PAGE, flags, BASE), (int64_t)BASE);
    ck_assert(!world_mapped(&w, over + PAGE));
    world_close(&w);
}
END_TEST

START_TEST(guard_pages_came_after_6_12)
{
    struct world w = open_with("kernel", "6.12");

    world_map_at(&w, BASE, PAGE, RW, ANON_FIXED);
    ck_assert_int_eq(mw_madvise(w.machine, w.pid, BASE, PAGE, GUARD_INSTALL), -EINVAL);
    world_close(&w);
    w = open_with("kernel", "6.18");
    world_map_at(&w, BASE, PAGE, RW, ANON_FIXED);
    ck_assert_int_eq(mw_madvise(w.machine, w.pid, BASE, PAGE, GUARD_INSTALL), 0);
    ck_assert_int_eq(world_load_signal(&w, BASE).reason, MW_REASON_GUARD);
    world_close(&w);
}
END_TEST

START_TEST(what_may_be_executed_can_be_read_on_x86_64_but_not_on_riscv)
{
    struct world w = open_with("isa", "riscv");
    struct mw_signal signal;

    world_map_at(&w, BASE, PAGE, PROT_EXEC, ANON_FIXED);
    world_map_at(&w, BASE + PAGE, PAGE, PROT_WRITE, ANON_FIXED);
    signal = world_load_signal(&w, BASE);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, BASE, MW_REASON_PROTECTION);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    world_close(&w);
    w = open_with("isa", "x86-64");
    world_map_at(&w, BASE, PAGE, PROT_EXEC, ANON_FIXED);
    world_map_at(&w, BASE + PAGE, PAGE, PROT_WRITE, ANON_FIXED);
    ck_assert_uint_eq(world_load(&w, BASE), 0);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(an_address_that_is_not_canonical_is_not_told_on_x86_64)
{
    const uint64_t wild = UINT64_C(1) << 60;
    struct world w = open_with("isa", "riscv");
    struct mw_signal signal = world_load_signal(&w, wild);

    world_assert_signal(&signal, SIGSEGV, SEGV_MAPERR, wild, MW_REASON_INVALID);
    world_close(&w);
    w = open_with("isa", "x86-64");
    signal = world_load_signal(&w, wild);
    world_assert_signal(&signal, SIGSEGV, SI_KERNEL, 0, MW_REASON_INVALID);
    world_close(&w);
}
END_TEST

START_TEST(the_last_page_of_user_space_is_riscv_s_only)
{
    const uint64_t last = (UINT64_C(1) << 38) - PAGE;
    struct world w = open_with("isa", "riscv");

    world_map_at(&w, last, PAGE, RW, ANON_FIXED);
    ck_assert_uint_eq(world_load(&w, last), 0);
    world_close(&w);
    w = open_with("isa", "x86-64");
    ck_assert_int_eq(mw_mmap(w.machine, w.pid, last, PAGE, RW, ANON_FIXED, -1, 0), -ENOMEM);
    world_map_at(&w, last - PAGE, PAGE, RW, ANON_FIXED);
    world_close(&w);
}
END_TEST

START_TEST(a_page_that_is_not_there_is_fetched_before_it_is_refused_on_x86_64)
{
    struct world w = open_with("isa", "x86-64");
    struct mw_signal signal;
    uint8_t byte;

    world_map_at(&w, BASE, PAGE, RW, ANON_FIXED);
    ck_assert_int_eq(mw_fetch(w.machine, w.pid, BASE, &byte, 1, &signal), -EFAULT);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, BASE, MW_REASON_PROTECTION);
    ck_assert_uint_eq(world_stats(&w).faults.by_reason[MW_REASON_ZERO_PAGE], 1);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        in_6_12_written_memory_does_not_join_a_neighbour_that_was_never_written,
        in_6_12_mremap_moves_one_area_only_and_unmaps_the_target_before_it_fails,
        in_6_12_mremap_looks_for_the_source_before_the_target,
        guard_pages_came_after_6_12,
        what_may_be_executed_can_be_read_on_x86_64_but_not_on_riscv,
        an_address_that_is_not_canonical_is_not_told_on_x86_64,
        the_last_page_of_user_space_is_riscv_s_only,
        a_page_that_is_not_there_is_fetched_before_it_is_refused_on_x86_64,
    };

    return world_run("switches", tests, sizeof(tests) / sizeof(tests[0]));
}
