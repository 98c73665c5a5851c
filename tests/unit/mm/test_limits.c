/*
 * Limits: what may be mapped, committed and locked, and that what was counted is given back.
 */
#include "unit/mm/fixture.h"

#define ANYWHERE 0

static int64_t map(struct fixture *f, vaddr_t hint, unsigned pages, int prot, int flags)
{
    return mm_mmap(f->mm, hint, pages * PAGE, prot, flags, NULL, 0);
}

/* ---- what is committed ---- */

static void only_private_writable_memory_is_committed(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, PROT_READ, MAP_PRIVATE, NULL);
    fixture_map(f, BASE + 8 * PAGE, 4 * PAGE, RW, MAP_PRIVATE | MAP_NORESERVE, NULL);
    assert_int_equal(f->env.committed_pages, 0);
    fixture_map(f, BASE + 16 * PAGE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(f->env.committed_pages, 4);
    assert_int_equal(mm_munmap(f->mm, BASE + 17 * PAGE, PAGE), 0);
    assert_int_equal(f->env.committed_pages, 3);
}

static void a_shared_object_is_committed_until_its_last_view_goes(void **state)
{
    struct fixture *f = *state;
    struct mm *child;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_SHARED, NULL);
    assert_int_equal(f->env.committed_pages, 4);
    assert_int_equal(mm_fork(f->mm, &child), 0);
    assert_int_equal(f->env.committed_pages, 4);
    assert_int_equal(mm_munmap(f->mm, BASE, 4 * PAGE), 0);
    assert_int_equal(f->env.committed_pages, 4);
    mm_destroy(child);
    assert_int_equal(f->env.committed_pages, 0);
}

static void rights_that_come_and_go_change_what_is_committed(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 2 * PAGE, PROT_READ, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mprotect(f->mm, BASE, 2 * PAGE, RW), 0);
    assert_int_equal(f->env.committed_pages, 2);
    assert_int_equal(mm_mprotect(f->mm, BASE, 2 * PAGE, PROT_READ), 0);
    assert_int_equal(f->env.committed_pages, 0); /* never written: given back */
    assert_int_equal(mm_mprotect(f->mm, BASE, 2 * PAGE, RW), 0);
    fixture_access(f, f->mm, BASE, MW_STORE);
    assert_int_equal(mm_mprotect(f->mm, BASE, 2 * PAGE, PROT_READ), 0);
    assert_int_equal(f->env.committed_pages, 2);
}

static void a_child_commits_what_it_may_come_to_copy(void **state)
{
    struct fixture *f = *state;
    struct mm *child;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_fork(f->mm, &child), 0);
    assert_int_equal(f->env.committed_pages, 8);
    mm_destroy(child);
    assert_int_equal(f->env.committed_pages, 4);
}

/* ---- how much may be ---- */

static void a_child_that_cannot_be_committed_is_refused(void **state)
{
    struct fixture *f = *state;
    unsigned pages = (unsigned)f->frames.total / 4 + 1;
    struct mm *child;

    f->config.overcommit = 2;
    f->config.privileged = true;
    fixture_map(f, BASE, pages * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_fork(f->mm, &child), -ENOMEM);
    assert_int_equal(f->env.committed_pages, pages);
    assert_int_equal(mm_munmap(f->mm, BASE, pages / 2 * PAGE), 0);
    assert_int_equal(mm_fork(f->mm, &child), 0);
    mm_destroy(child);
}

static void guessing_refuses_only_more_than_all_memory(void **state)
{
    struct fixture *f = *state;
    unsigned all = (unsigned)f->frames.total;

    assert_int_equal(map(f, ANYWHERE, all + 1, RW, MAP_PRIVATE), -ENOMEM);
    assert_int_equal(map(f, ANYWHERE, all + 1, RW, MAP_SHARED), -ENOMEM);
    assert_true(map(f, ANYWHERE, all + 1, PROT_READ, MAP_PRIVATE) > 0);
    assert_true(map(f, ANYWHERE, all + 1, RW, MAP_PRIVATE | MAP_NORESERVE) > 0);
    assert_true(map(f, ANYWHERE, all, RW, MAP_PRIVATE) > 0);
    assert_true(map(f, ANYWHERE, all, RW, MAP_PRIVATE) > 0); /* each by itself would fit */
}

static void always_refuses_nothing(void **state)
{
    struct fixture *f = *state;

    f->config.overcommit = 1;
    assert_true(map(f, ANYWHERE, (unsigned)f->frames.total * 9, RW, MAP_PRIVATE) > 0);
}

static void never_refuses_what_exceeds_the_limit(void **state)
{
    struct fixture *f = *state;
    unsigned half = (unsigned)f->frames.total / 2;

    f->config.overcommit = 2;
    f->config.privileged = true; /* nothing is kept back for others */
    assert_int_equal(map(f, BASE, half, RW, MAP_PRIVATE), -ENOMEM);
    assert_int_equal(map(f, BASE, half, RW, MAP_PRIVATE | MAP_NORESERVE), -ENOMEM);
    assert_int_equal(map(f, BASE, half - 1, RW, MAP_PRIVATE), BASE);
    assert_int_equal(map(f, ANYWHERE, 1, RW, MAP_PRIVATE), -ENOMEM);
    assert_int_equal(mm_brk(f->mm, f->mm->brk_start + 1), f->mm->brk_start);
    /* What is replaced makes room. */
    assert_int_equal(map(f, BASE, half - 1, RW, MAP_PRIVATE | MAP_FIXED), BASE);
    assert_true(map(f, ANYWHERE, half, PROT_READ, MAP_PRIVATE) > 0);
}

static void never_keeps_a_reserve_for_administrators(void **state)
{
    struct fixture *f = *state;

    f->config.overcommit = 2; /* the reserve of 8 MiB is more than the machine has */
    assert_int_equal(map(f, ANYWHERE, 1, RW, MAP_PRIVATE), -ENOMEM);
}

static void a_shared_object_that_cannot_be_committed_leaves_a_hole(void **state)
{
    struct fixture *f = *state;
    unsigned all = (unsigned)f->frames.total;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(map(f, BASE + PAGE, all + 1, RW, MAP_SHARED | MAP_FIXED), -ENOMEM);
    assert_non_null(vma_set_find(&f->mm->vmas, BASE));
    assert_null(vma_set_find(&f->mm->vmas, BASE + PAGE));
    assert_int_equal(f->env.committed_pages, 1);
}

/* ---- address space and data ---- */

static void a_refused_fixed_mapping_leaves_only_its_splits(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    *fixture_access(f, f->mm, BASE + PAGE, MW_STORE) = 7;
    f->mm->limits.as_bytes = 4 * PAGE;
    assert_int_equal(map(f, BASE + PAGE, 4, RW, MAP_PRIVATE | MAP_FIXED), -ENOMEM);
    assert_int_equal(vma_set_count(&f->mm->vmas), 2);
    assert_int_equal(*fixture_access(f, f->mm, BASE + PAGE, MW_LOAD), 7);
    assert_int_equal(map(f, BASE + PAGE, 3, RW, MAP_PRIVATE | MAP_FIXED), BASE + PAGE);
}

static void a_stack_grows_within_all_limits(void **state)
{
    struct fixture *f = *state;
    const int stack = MAP_PRIVATE | MAP_GROWSDOWN;

    fixture_map(f, BASE, PAGE, RW, stack, NULL);
    f->mm->limits.as_bytes = PAGE;
    assert_int_equal(fixture_fault(f, BASE - 1, MW_STORE).reason, MW_REASON_INVALID);
    f->mm->limits.as_bytes = MW_UNLIMITED;
    f->mm->limits.data_bytes = 0; /* stacks are no data */
    assert_int_equal(fixture_fault(f, BASE - 1, MW_STORE).reason, MW_REASON_STACK_GROWTH);
    f->mm->limits.stack_bytes = 2 * PAGE;
    assert_int_equal(fixture_fault(f, BASE - PAGE - 1, MW_STORE).reason, MW_REASON_INVALID);
    f->mm->limits.stack_bytes = 3 * PAGE;
    f->config.overcommit = 2;
    assert_int_equal(fixture_fault(f, BASE - PAGE - 1, MW_STORE).reason, MW_REASON_INVALID);
    f->config.overcommit = 0;
    assert_int_equal(fixture_fault(f, BASE - PAGE - 1, MW_STORE).reason, MW_REASON_STACK_GROWTH);
    assert_true(mm_check(f->mm));
}

/* Linux charges the history of a stack that it then does not let grow. */
static void a_stack_has_a_history_once_it_tried_to_grow(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, NULL);
    f->mm->limits.stack_bytes = PAGE;
    assert_int_equal(fixture_fault(f, BASE - 1, MW_LOAD).reason, MW_REASON_INVALID);
    assert_int_not_equal(vma_set_find(&f->mm->vmas, BASE)->history, 0);
}

/* ---- locks ---- */

static void locks_of_a_privileged_process_have_no_limit(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    f->mm->limits.memlock_bytes = 0;
    assert_int_equal(mm_mlock(f->mm, BASE, PAGE, 0), -EPERM);
    f->config.privileged = true;
    assert_int_equal(mm_mlock(f->mm, BASE, 4 * PAGE, 0), 0);
    assert_int_equal(mm_locked_pages(f->mm), 4);
}

/* A quirk of Linux: the lock of the whole source goes, but its pages go on counting. */
static void a_source_that_stays_leaves_its_locked_pages_counted(void **state)
{
    struct fixture *f = *state;
    const int leave = MREMAP_MAYMOVE | MREMAP_FIXED | 4; /* MREMAP_DONTUNMAP */

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mlock(f->mm, BASE, 4 * PAGE, 0), 0);
    assert_int_equal(mm_mremap(f->mm, BASE + PAGE, PAGE, PAGE, leave, BASE + 16 * PAGE),
                     BASE + 16 * PAGE);
    assert_int_equal(vma_set_find(&f->mm->vmas, BASE)->flags & VMA_LOCKED, 0);
    assert_int_equal(mm_locked_pages(f->mm), 5);
    assert_int_equal(mm_munlockall(f->mm), 0);
    assert_int_equal(mm_locked_pages(f->mm), 4);
}

static void a_child_has_limits_but_no_locks(void **state)
{
    struct fixture *f = *state;
    struct mm *child;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    f->mm->limits.memlock_bytes = 8 * PAGE;
    assert_int_equal(mm_mlockall(f->mm, MCL_CURRENT | MCL_FUTURE), 0);
    assert_int_equal(mm_fork(f->mm, &child), 0);
    assert_int_equal(mm_locked_pages(child), 0);
    assert_int_equal(child->new_flags, 0);
    assert_int_equal(child->limits.memlock_bytes, 8 * PAGE);
    mm_destroy(child);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(only_private_writable_memory_is_committed),
        TEST(a_shared_object_is_committed_until_its_last_view_goes),
        TEST(rights_that_come_and_go_change_what_is_committed),
        TEST(a_child_commits_what_it_may_come_to_copy),
        TEST(a_child_that_cannot_be_committed_is_refused),
        TEST(guessing_refuses_only_more_than_all_memory),
        TEST(always_refuses_nothing),
        TEST(never_refuses_what_exceeds_the_limit),
        TEST(never_keeps_a_reserve_for_administrators),
        TEST(a_shared_object_that_cannot_be_committed_leaves_a_hole),
        TEST(a_refused_fixed_mapping_leaves_only_its_splits),
        TEST(a_stack_grows_within_all_limits),
        TEST(a_stack_has_a_history_once_it_tried_to_grow),
        TEST(locks_of_a_privileged_process_have_no_limit),
        TEST(a_source_that_stays_leaves_its_locked_pages_counted),
        TEST(a_child_has_limits_but_no_locks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
