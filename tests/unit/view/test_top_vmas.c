/*
 * Faults by VMA: what counts for the same area, what ends one, the order of the list, running out
 * of memory.
 */
#include "view/top_vmas.h"

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <sys/mman.h>

#include "base/prng.h"
#include "capture.h"

struct fixture {
    struct alloc alloc;
    struct top_vmas top;
    struct top_vma best[TOP_VMAS];
};

static int fixture_new(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    top_vmas_init(&f->top, &f->alloc);
    *state = f;
    return 0;
}

/* Whatever a test did, nothing may be left allocated. */
static int fixture_free(void **state)
{
    struct fixture *f = *state;

    top_vmas_destroy(&f->top);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

static void send(struct fixture *f, uint32_t pid, const struct mw_event *event)
{
    struct mw_event copy = *event;

    copy.pid = pid;
    top_vmas_handle(&f->top, &copy);
}

/* `count` faults in a VMA. */
static void fault(struct fixture *f, uint32_t pid, uint64_t start, uint64_t end, uint64_t inode,
                  unsigned count)
{
    while (count-- > 0) {
        send(f, pid, EVENT(FAULT_VMA, 1, start, end, PROT_READ, 0, 0, inode));
        send(f, pid, EVENT(FAULT_END, 1, start, MW_REASON_FILE_MINOR));
    }
}

static unsigned best(struct fixture *f)
{
    return top_vmas_best(&f->top, f->best);
}

static void assert_area(const struct top_vma *v, uint64_t start, uint64_t end, uint64_t faults)
{
    assert_int_equal(v->start, start);
    assert_int_equal(v->end, end);
    assert_int_equal(v->faults, faults);
}

static void faults_of_one_vma_add_up_by_reason(void **state)
{
    struct fixture *f = *state;

    fault(f, 1, 0x1000, 0x9000, 5, 3);
    send(f, 1, EVENT(FAULT_VMA, 1, 0x1000, 0x9000, PROT_READ, 0, 0, 5));
    send(f, 1, EVENT(FAULT_END, 1, 0x1000, MW_REASON_COW_COPY));
    assert_int_equal(best(f), 1);
    assert_area(&f->best[0], 0x1000, 0x9000, 4);
    assert_int_equal(f->best[0].by_reason[MW_REASON_FILE_MINOR], 3);
    assert_int_equal(f->best[0].by_reason[MW_REASON_COW_COPY], 1);
    assert_int_equal(f->best[0].inode, 5);
    assert_int_equal(f->best[0].pid, 1);
}

static void a_vma_that_grows_stays_the_same_area(void **state)
{
    struct fixture *f = *state;

    fault(f, 1, 0x8000, 0x9000, 0, 1);
    fault(f, 1, 0x7000, 0x9000, 0, 1); /* a stack, downwards */
    fault(f, 1, 0x7000, 0xa000, 0, 1); /* a heap, upwards */
    fault(f, 1, 0x7000, 0x8000, 0, 1); /* split: a part of it */
    assert_int_equal(best(f), 1);
    assert_area(&f->best[0], 0x7000, 0xa000, 4);
}

/*
 *   |--A--|  |--B--|      two areas, then one VMA over both and the gap
 *   |------C-------|
 */
static void areas_that_merge_become_one_with_the_sum(void **state)
{
    struct fixture *f = *state;

    fault(f, 1, 0x1000, 0x2000, 0, 2);
    fault(f, 1, 0x3000, 0x4000, 0, 3);
    assert_int_equal(best(f), 2);
    fault(f, 1, 0x1000, 0x4000, 0, 1);
    assert_int_equal(best(f), 1);
    assert_area(&f->best[0], 0x1000, 0x4000, 6);
}

static void neighbours_and_other_processes_are_areas_of_their_own(void **state)
{
    struct fixture *f = *state;

    fault(f, 1, 0x1000, 0x2000, 5, 3);
    fault(f, 1, 0x2000, 0x3000, 5, 2);
    fault(f, 2, 0x1000, 0x2000, 5, 1);
    assert_int_equal(best(f), 3);
    assert_int_equal(f->best[2].pid, 2);
}

static void another_file_over_an_area_ends_it_but_its_count_stays(void **state)
{
    struct fixture *f = *state;

    fault(f, 1, 0x1000, 0x2000, 5, 3);
    fault(f, 1, 0x1000, 0x2000, 6, 1);
    fault(f, 1, 0x1000, 0x2000, 5, 2);
    assert_int_equal(best(f), 3);
    assert_area(&f->best[0], 0x1000, 0x2000, 3);
    assert_area(&f->best[1], 0x1000, 0x2000, 2);
    assert_int_equal(f->best[2].inode, 6);
}

/*
 *   |------A------|       another file in the middle: below it A goes on
 *   |-A-|-B-|
 */
static void another_file_in_the_middle_cuts_an_area(void **state)
{
    struct fixture *f = *state;

    fault(f, 1, 0x1000, 0x9000, 5, 3);
    fault(f, 1, 0x4000, 0x6000, 6, 1);
    fault(f, 1, 0x1000, 0x4000, 5, 1); /* A, from below */
    fault(f, 1, 0x6000, 0x9000, 5, 1); /* what was cut off counts anew */
    assert_int_equal(best(f), 3);
    assert_area(&f->best[0], 0x1000, 0x9000, 4);
}

static void a_fault_without_a_vma_counts_for_none(void **state)
{
    struct fixture *f = *state;

    send(f, 1, EVENT(FAULT_VMA, 1, 0x1000, 0x2000, PROT_READ, 0, 0, 5));
    send(f, 1, EVENT(FAULT_NO_VMA, 1, 0x5000));
    send(f, 1, EVENT(FAULT_END, 1, 0x5000, MW_REASON_INVALID));
    assert_int_equal(best(f), 0);
}

static void areas_outlive_their_process(void **state)
{
    struct fixture *f = *state;

    fault(f, 1, 0x1000, 0x2000, 5, 3);
    send(f, 1, EVENT(PROCESS_EXEC, 1, 0));
    fault(f, 1, 0x1000, 0x2000, 5, 2);
    send(f, 1, EVENT(PROCESS_EXIT, 1, 0));
    fault(f, 1, 0x1000, 0x2000, 5, 1); /* a process with the same pid again */
    assert_int_equal(best(f), 3);
    assert_int_equal(f->best[0].faults, 3);
    assert_int_equal(f->best[2].faults, 1);
}

static void the_list_holds_the_ten_best_in_order(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 1; i <= 30; i++) {
        fault(f, 1, (uint64_t)i << 20, ((uint64_t)i << 20) + 0x1000, 5, i * 7 % 31);
        if (i == 15) /* half of them ended, half alive */
            send(f, 1, EVENT(PROCESS_EXEC, 1, 0));
    }
    assert_int_equal(best(f), TOP_VMAS);
    for (unsigned i = 0; i < TOP_VMAS; i++)
        assert_int_equal(f->best[i].faults, 30 - i);
}

static void equal_counts_are_ordered_by_pid_and_address(void **state)
{
    struct fixture *f = *state;

    fault(f, 2, 0x1000, 0x2000, 5, 1);
    fault(f, 1, 0x3000, 0x4000, 5, 1);
    fault(f, 1, 0x1000, 0x2000, 5, 1);
    assert_int_equal(best(f), 3);
    assert_int_equal(f->best[0].start, 0x1000);
    assert_int_equal(f->best[0].pid, 1);
    assert_int_equal(f->best[1].start, 0x3000);
    assert_int_equal(f->best[2].pid, 2);
}

static void memory_does_not_grow_with_areas_that_ended(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < 10000; i++) {
        fault(f, 1, 0x1000, 0x2000, i % 2 + 5, 1);
        assert_true(f->alloc.live_blocks < 8);
    }
}

static void labels_name_heap_stack_and_files(void **state)
{
    struct fixture *f = *state;
    const struct names names = {.find = NULL};

    send(f, 1, EVENT(BRK, 1, 0x5000, 0x5000));
    send(f, 1, EVENT(BRK, 1, 0x5000, 0x7000));
    send(f, 1, EVENT(PROCESS_NEW, 1, 2, 1));
    fault(f, 2, 0x5000, 0x7000, 0, 5);
    fault(f, 1, 0x5000, 0x7000, 0, 4);
    fault(f, 1, 0x7000, 0x8000, 0, 3);
    fault(f, 1, 0x5000, 0x7000, 9, 2);
    send(f, 1, EVENT(FAULT_VMA, 1, 0x9000, 0xa000, PROT_READ, MW_VMA_GROWSDOWN));
    send(f, 1, EVENT(FAULT_END, 1, 0x9000, MW_REASON_ANONYMOUS));
    send(f, 1, EVENT(FAULT_VMA, 1, 0xb000, 0xc000, PROT_READ, MW_VMA_IMPLICIT));
    send(f, 1, EVENT(FAULT_END, 1, 0xb000, MW_REASON_ANONYMOUS));
    assert_int_equal(best(f), 6);
    assert_string_equal(top_vmas_label(&f->best[0], &names), "[heap]");
    assert_string_equal(top_vmas_label(&f->best[1], &names), "[heap]");
    assert_string_equal(top_vmas_label(&f->best[2], &names), "[anon]");
    assert_string_equal(top_vmas_label(&f->best[3], &names), "[inode]");
    assert_string_equal(top_vmas_label(&f->best[4], &names), "[stack]");
    assert_string_equal(top_vmas_label(&f->best[5], &names), "[implicit]");
}

/*
 * Random VMAs; the sum of all areas must stay the number of faults, and the areas must stay
 * disjoint.
 */
static void no_fault_is_lost_however_areas_overlap(void **state)
{
    struct fixture *f = *state;
    struct prng prng;
    uint64_t sum = 0;

    prng_seed(&prng, 1);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t start = prng_below(&prng, 20) << 12;

        fault(f, 1, start, start + ((1 + prng_below(&prng, 8)) << 12), 0, 1);
    }
    for (unsigned i = 0, count = best(f); i < count; i++)
        sum += f->best[i].faults;
    assert_int_equal(sum, 2000);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t start = prng_below(&prng, 20) << 12;

        fault(f, 1, start, start + ((1 + prng_below(&prng, 8)) << 12), prng_below(&prng, 3), 1);
    }
    assert_false(f->top.failed);
}

static void running_out_of_memory_is_noted_and_leaks_nothing(void **state)
{
    struct fixture *f = *state;

    for (uint64_t n = 1; n < 60; n++) {
        f->alloc.fail_at = f->alloc.calls + n;
        f->top.failed = false;
        for (uint64_t i = 0; i < 40; i++)
            fault(f, (uint32_t)i % 3, (i % 7) << 13, ((i % 7) << 13) + 0x3000, i % 4, 1);
        send(f, 1, EVENT(BRK, 1, 1, 2));
        send(f, 4, EVENT(BRK, 1, 1, 2));
        send(f, 1, EVENT(PROCESS_NEW, 1, 9, 1));
        assert_int_equal(f->top.failed, f->alloc.calls >= f->alloc.fail_at);
        for (uint32_t pid = 0; pid < 10; pid++)
            send(f, pid, EVENT(PROCESS_EXIT, 1, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)
        TEST(faults_of_one_vma_add_up_by_reason),
        TEST(a_vma_that_grows_stays_the_same_area),
        TEST(areas_that_merge_become_one_with_the_sum),
        TEST(neighbours_and_other_processes_are_areas_of_their_own),
        TEST(another_file_over_an_area_ends_it_but_its_count_stays),
        TEST(another_file_in_the_middle_cuts_an_area),
        TEST(a_fault_without_a_vma_counts_for_none),
        TEST(areas_outlive_their_process),
        TEST(the_list_holds_the_ten_best_in_order),
        TEST(equal_counts_are_ordered_by_pid_and_address),
        TEST(memory_does_not_grow_with_areas_that_ended),
        TEST(labels_name_heap_stack_and_files),
        TEST(no_fault_is_lost_however_areas_overlap),
        TEST(running_out_of_memory_is_noted_and_leaks_nothing),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
