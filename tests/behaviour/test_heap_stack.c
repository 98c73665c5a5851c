/*
 * Memory that grows: the heap by brk, stacks (MAP_GROWSDOWN) by being touched.
 */
#include "behaviour/world.h"

#define HEAP UINT64_C(0x10000000) /* brk_base of the profile */
#define GAP  (256 * PAGE)         /* stack_guard_gap */

static int64_t brk_to(struct world *w, uint64_t end)
{
    return mw_brk(w->machine, w->pid, end);
}

/* ---- the heap ---- */

START_TEST(brk_tells_and_moves_the_end)
{
    struct world w = world_open();

    ck_assert_int_eq(brk_to(&w, 0), HEAP);
    ck_assert_int_eq(brk_to(&w, HEAP + 3 * PAGE), HEAP + 3 * PAGE);
    ck_assert_int_eq(brk_to(&w, 0), HEAP + 3 * PAGE);
    ck_assert_str_eq(world_vma(&w, HEAP).name, "[heap]");
    ck_assert_uint_eq(world_vma(&w, HEAP).end, HEAP + 3 * PAGE);
    world_store(&w, HEAP + 3 * PAGE - 1, 1);
    ck_assert(!world_mapped(&w, HEAP + 3 * PAGE));
    world_close(&w);
}
END_TEST

START_TEST(brk_counts_bytes_but_maps_pages)
{
    struct world w = world_open();

    ck_assert_int_eq(brk_to(&w, HEAP + 1), HEAP + 1);
    world_store(&w, HEAP + PAGE - 1, 1);
    ck_assert_int_eq(brk_to(&w, HEAP + PAGE), HEAP + PAGE);
    ck_assert_uint_eq(world_load(&w, HEAP + PAGE - 1), 1);
    ck_assert_int_eq(brk_to(&w, HEAP + PAGE + 1), HEAP + PAGE + 1);
    ck_assert_uint_eq(world_vma(&w, HEAP).end, HEAP + 2 * PAGE);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    world_close(&w);
}
END_TEST

START_TEST(a_heap_that_grows_again_reads_zero)
{
    struct world w = world_open();

    ck_assert_int_eq(brk_to(&w, HEAP + 4 * PAGE), HEAP + 4 * PAGE);
    for (unsigned i = 0; i < 4; i++)
        world_store(&w, HEAP + i * PAGE, 0x5a);
    ck_assert_int_eq(brk_to(&w, HEAP + PAGE + 10), HEAP + PAGE + 10);
    ck_assert(!world_mapped(&w, HEAP + 2 * PAGE));
    ck_assert_int_eq(brk_to(&w, HEAP + 4 * PAGE), HEAP + 4 * PAGE);
    ck_assert_uint_eq(world_load(&w, HEAP), 0x5a);
    ck_assert_uint_eq(world_load(&w, HEAP + PAGE), 0x5a); /* the page of the old end stayed */
    ck_assert_uint_eq(world_load(&w, HEAP + 2 * PAGE), 0);
    ck_assert_uint_eq(world_load(&w, HEAP + 3 * PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(brk_never_goes_below_its_start_or_beyond_the_top)
{
    struct world w = world_open();

    ck_assert_int_eq(brk_to(&w, HEAP + PAGE), HEAP + PAGE);
    ck_assert_int_eq(brk_to(&w, HEAP - 1), HEAP + PAGE);
    ck_assert_int_eq(brk_to(&w, UINT64_C(1) << 38), HEAP + PAGE);
    ck_assert_int_eq(brk_to(&w, UINT64_MAX), HEAP + PAGE);
    ck_assert_int_eq(brk_to(&w, HEAP), HEAP);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 0);
    world_close(&w);
}
END_TEST

START_TEST(brk_keeps_a_page_free_below_the_next_mapping)
{
    struct world w = world_open();

    world_map_at(&w, HEAP + 10 * PAGE, PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(brk_to(&w, HEAP + 10 * PAGE), HEAP);
    ck_assert_int_eq(brk_to(&w, HEAP + 9 * PAGE + 1), HEAP);
    ck_assert_int_eq(brk_to(&w, HEAP + 9 * PAGE), HEAP + 9 * PAGE);
    world_close(&w);
}
END_TEST

START_TEST(brk_keeps_the_guard_gap_below_a_stack)
{
    struct world w = world_open();
    const uint64_t stack = HEAP + 2 * GAP;

    world_map_at(&w, stack, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    ck_assert_int_eq(brk_to(&w, stack - GAP), HEAP);
    ck_assert_int_eq(brk_to(&w, stack - GAP - PAGE), (int64_t)(stack - GAP - PAGE));
    world_close(&w);
}
END_TEST

START_TEST(shrinking_unmaps_whatever_lies_there)
{
    struct world w = world_open();

    ck_assert_int_eq(brk_to(&w, HEAP + 8 * PAGE), HEAP + 8 * PAGE);
    world_map_at(&w, HEAP + 6 * PAGE, PAGE, PROT_READ, MAP_SHARED);
    ck_assert_int_eq(brk_to(&w, HEAP + 4 * PAGE), HEAP + 4 * PAGE);
    ck_assert(!world_mapped(&w, HEAP + 6 * PAGE));
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    world_close(&w);
}
END_TEST

START_TEST(a_tail_that_was_unmapped_cannot_be_given_back)
{
    struct world w = world_open();

    ck_assert_int_eq(brk_to(&w, HEAP + 4 * PAGE), HEAP + 4 * PAGE);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, HEAP, 4 * PAGE), 0);
    ck_assert_int_eq(brk_to(&w, HEAP), HEAP + 4 * PAGE);
    ck_assert_int_eq(brk_to(&w, HEAP + 6 * PAGE), HEAP + 6 * PAGE);
    ck_assert_int_eq(brk_to(&w, HEAP), HEAP);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_heap_may_be_placed_while_it_is_empty)
{
    struct world w = world_open();

    ck_assert_int_eq(mw_set_brk(w.machine, w.pid, BASE + 100), 0);
    ck_assert_int_eq(brk_to(&w, 0), (int64_t)(BASE + 100));
    ck_assert_int_eq(brk_to(&w, BASE + PAGE), (int64_t)(BASE + PAGE));
    ck_assert_int_eq(mw_set_brk(w.machine, w.pid, BASE), -EBUSY);
    ck_assert_int_eq(mw_set_brk(w.machine, 99, BASE), -ESRCH);
    ck_assert_int_eq(brk_to(&w, BASE + 100), (int64_t)(BASE + 100));
    ck_assert_int_eq(mw_set_brk(w.machine, w.pid, UINT64_C(1) << 38), -EINVAL);
    ck_assert_int_eq(mw_set_brk(w.machine, w.pid, UINT64_MAX), -EINVAL);
    world_close(&w);
}
END_TEST

/* ---- stacks ---- */

START_TEST(a_stack_grows_to_the_touched_page)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, BASE - 1), MW_REASON_STACK_GROWTH);
    ck_assert_uint_eq(world_vma(&w, BASE).start, BASE - PAGE);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, BASE - 10 * PAGE), MW_REASON_STACK_GROWTH);
    ck_assert_uint_eq(world_vma(&w, BASE).start, BASE - 10 * PAGE);
    /* What it grew over faults in when it is touched. */
    ck_assert_uint_eq(world_store_reason(&w, w.pid, BASE - 5 * PAGE), MW_REASON_ANONYMOUS);
    ck_assert_uint_eq(world_load(&w, BASE - 1), 's');
    world_close(&w);
}
END_TEST

START_TEST(a_stack_grows_to_its_limit_and_not_a_page_further)
{
    struct mw_config config = world_config();
    struct world w;
    struct mw_signal signal;
    const uint64_t end = BASE + 4 * PAGE;

    config.stack_limit_bytes = 32 * PAGE;
    w = world_open_with(&config);
    world_map_at(&w, BASE, 4 * PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    signal = world_store_signal(&w, end - 32 * PAGE - 1);
    world_assert_signal(&signal, SIGSEGV, SEGV_MAPERR, end - 32 * PAGE - 1, MW_REASON_INVALID);
    ck_assert_uint_eq(world_vma(&w, BASE).start, BASE);
    world_store(&w, end - 32 * PAGE, 1);
    ck_assert_uint_eq(world_vma(&w, BASE).start, end - 32 * PAGE);
    ck_assert(!world_mapped(&w, end - 32 * PAGE - 1));
    world_close(&w);
}
END_TEST

START_TEST(a_stack_does_not_grow_into_the_guard_gap)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    world_map_at(&w, BASE + PAGE + GAP + PAGE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    ck_assert_int_eq(world_store_signal(&w, BASE + PAGE + GAP - 1).code, SEGV_MAPERR);
    world_store(&w, BASE + PAGE + GAP, 1);
    ck_assert_int_eq(world_store_signal(&w, BASE + PAGE + GAP - 1).code, SEGV_MAPERR);
    world_close(&w);
}
END_TEST

START_TEST(an_inaccessible_mapping_below_needs_no_gap)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, PROT_NONE, MAP_PRIVATE);
    world_map_at(&w, BASE + 3 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    world_store(&w, BASE + PAGE, 1);
    ck_assert_uint_eq(world_vma(&w, BASE + PAGE).start, BASE + PAGE);
    ck_assert_int_eq(world_load_signal(&w, BASE).code, SEGV_ACCERR);
    world_close(&w);
}
END_TEST

START_TEST(two_stacks_may_meet_and_stay_two)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    world_map_at(&w, BASE + 3 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    world_store(&w, BASE + PAGE, 1);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    ck_assert_uint_eq(world_vma(&w, BASE + PAGE).start, BASE + PAGE);
    world_store(&w, BASE, 2);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 1);
    world_close(&w);
}
END_TEST

/* The stack grows first and refuses then, as Linux does. */
START_TEST(a_forbidden_access_below_a_stack_is_an_access_error)
{
    struct world w = world_open();
    struct mw_signal signal;

    world_map_at(&w, BASE, PAGE, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN);
    signal = world_store_signal(&w, BASE - 1);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, BASE - 1, MW_REASON_PROTECTION);
    ck_assert_uint_eq(world_vma(&w, BASE).start, BASE - PAGE);
    world_close(&w);
}
END_TEST

START_TEST(a_stack_does_not_grow_below_the_lowest_address)
{
    struct mw_config config = world_config();
    struct world w;

    config.mmap_min_addr = BASE;
    config.brk_base = 2 * BASE;
    w = world_open_with(&config);
    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    ck_assert_int_eq(world_store_signal(&w, BASE - 1).code, SEGV_MAPERR);
    world_close(&w);
}
END_TEST

START_TEST(an_ordinary_mapping_does_not_grow)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(world_store_signal(&w, BASE - 1).code, SEGV_MAPERR);
    ck_assert_uint_eq(world_vma(&w, BASE).start, BASE);
    world_close(&w);
}
END_TEST

START_TEST(a_child_has_a_stack_of_its_own)
{
    struct world w = world_open();
    int child;

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    child = mw_fork(w.machine, w.pid);
    world_store_of(&w, child, BASE - PAGE, 1);
    ck_assert_uint_eq(world_vma(&w, BASE).start, BASE);
    world_store(&w, BASE - PAGE, 2);
    ck_assert_uint_eq(world_load_of(&w, child, BASE - PAGE), 1);
    world_close(&w);
}
END_TEST

START_TEST(mprotect_may_reach_down_to_the_bottom_of_a_stack)
{
    struct world w = world_open();
    const int down = PROT_GROWSDOWN;

    world_map_at(&w, BASE, 4 * PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    world_map_at(&w, BASE + 4 * PAGE, PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 2 * PAGE, PAGE, PROT_READ | down), 0);
    ck_assert_uint_eq(world_vma(&w, BASE).end, BASE + 3 * PAGE);
    ck_assert_int_eq(world_vma(&w, BASE).prot, PROT_READ);
    ck_assert_int_eq(world_vma(&w, BASE + 3 * PAGE).prot, RW);
    /* A range that begins below the stack touches it. */
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE - 3 * PAGE, 4 * PAGE, RW | down), 0);
    ck_assert_uint_eq(world_vma(&w, BASE).end, BASE + PAGE);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE - 3 * PAGE, PAGE, RW | down), -ENOMEM);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 4 * PAGE, PAGE, RW | down), -EINVAL);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, PAGE, RW | PROT_GROWSUP), -EINVAL);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 0, down | PROT_GROWSUP), -EINVAL);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 0, down), 0);
    world_close(&w);
}
END_TEST

/* ---- implicit memory: what a log does not say ---- */

START_TEST(implicit_memory_appears_where_it_is_touched)
{
    struct world w = world_open();

    ck_assert_int_eq(mw_set_implicit(w.machine, w.pid, true), 0);
    world_store(&w, BASE + 5, 7);
    ck_assert(world_vma(&w, BASE).implicit);
    ck_assert_uint_eq(world_stats(&w).faults.implicit_pages, 1);
    ck_assert_int_eq(mw_touch(w.machine, w.pid, BASE + PAGE, 4, MW_FETCH, NULL), 0);
    ck_assert_int_eq(mw_touch(w.machine, w.pid, BASE + PAGE, 4, MW_STORE, NULL), 0); /* widened */
    ck_assert_int_eq(mw_set_implicit(w.machine, w.pid, false), 0);
    ck_assert(!world_mapped(&w, BASE + 2 * PAGE));
    ck_assert_int_eq(mw_set_implicit(w.machine, 99, true), -ESRCH);
    world_close(&w);
}
END_TEST

START_TEST(implicit_mappings_fill_only_the_holes)
{
    struct world w = world_open();

    world_map_at(&w, BASE + PAGE, PAGE, PROT_READ, MAP_PRIVATE);
    ck_assert_int_eq(mw_map_implicit(w.machine, w.pid, BASE + 10, 3 * PAGE - 20, RW), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 3);
    ck_assert_int_eq(world_vma(&w, BASE + PAGE).prot, PROT_READ);
    ck_assert(world_vma(&w, BASE + 2 * PAGE).implicit);
    ck_assert_int_eq(mw_map_implicit(w.machine, w.pid, BASE + 8 * PAGE, 3 * PAGE, RW), 0);
    ck_assert_int_eq(mw_map_implicit(w.machine, w.pid, BASE + 9 * PAGE, 4 * PAGE, RW),
                     0); /* begins inside */
    ck_assert_uint_eq(world_vma(&w, BASE + 8 * PAGE).start, BASE + 8 * PAGE);
    ck_assert_uint_eq(world_vma(&w, BASE + 8 * PAGE).end, BASE + 13 * PAGE);
    ck_assert_int_eq(mw_map_implicit(w.machine, w.pid, BASE + 20 * PAGE + 5, 0, RW), -EINVAL);
    ck_assert(!world_mapped(&w, BASE + 20 * PAGE));
    ck_assert_int_eq(mw_map_implicit(w.machine, w.pid, UINT64_MAX, 2, RW), -EINVAL);
    ck_assert_int_eq(mw_map_implicit(w.machine, 99, BASE, PAGE, RW), -ESRCH);
    world_close(&w);
}
END_TEST

START_TEST(an_implicit_stack_grows)
{
    struct world w = world_open();

    ck_assert_int_eq(mw_map_implicit(w.machine, w.pid, BASE, PAGE, RW | PROT_GROWSDOWN), 0);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, BASE - 1), MW_REASON_STACK_GROWTH);
    ck_assert_str_eq(world_vma(&w, BASE).name, "[stack]");
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        brk_tells_and_moves_the_end,
        brk_counts_bytes_but_maps_pages,
        a_heap_that_grows_again_reads_zero,
        brk_never_goes_below_its_start_or_beyond_the_top,
        brk_keeps_a_page_free_below_the_next_mapping,
        brk_keeps_the_guard_gap_below_a_stack,
        shrinking_unmaps_whatever_lies_there,
        a_tail_that_was_unmapped_cannot_be_given_back,
        a_heap_may_be_placed_while_it_is_empty,
        a_stack_grows_to_the_touched_page,
        a_stack_grows_to_its_limit_and_not_a_page_further,
        a_stack_does_not_grow_into_the_guard_gap,
        an_inaccessible_mapping_below_needs_no_gap,
        two_stacks_may_meet_and_stay_two,
        a_forbidden_access_below_a_stack_is_an_access_error,
        a_stack_does_not_grow_below_the_lowest_address,
        an_ordinary_mapping_does_not_grow,
        a_child_has_a_stack_of_its_own,
        mprotect_may_reach_down_to_the_bottom_of_a_stack,
        implicit_memory_appears_where_it_is_touched,
        implicit_mappings_fill_only_the_holes,
        an_implicit_stack_grows,
    };

    return world_run("heap_stack", tests, sizeof(tests) / sizeof(tests[0]));
}
