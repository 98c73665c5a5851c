/*
 * Explain: which events make a story, and what it says.
 */
#include "view/explain.h"

#include <mapwalk/tlb.h>

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "capture.h"

struct teller {
    struct explain explain;
    struct capture capture;
};

static const char *name_of_inode(void *context, uint32_t inode)
{
    (void)context;
    return inode == 12 ? "/lib/libc.so" : "";
}

static int teller_new(void **state)
{
    struct teller *t = test_calloc(1, sizeof(*t));

    capture_begin(&t->capture);
    explain_init(&t->explain, t->capture.out, (struct names){.find = name_of_inode});
    *state = t;
    return 0;
}

static int teller_free(void **state)
{
    struct teller *t = *state;

    capture_end(&t->capture);
    test_free(t);
    return 0;
}

static void tell(struct teller *t, const struct mw_event *event)
{
    explain_handle(&t->explain, event);
}

static void assert_says(struct teller *t, const char *line)
{
    const char *text = capture_text(&t->capture);

    if (strstr(text, line) == NULL)
        fail_msg("no \"%s\" in:\n%s", line, text);
}

static void assert_silent_about(struct teller *t, const char *part)
{
    assert_null(strstr(capture_text(&t->capture), part));
}

/* A walk of three levels that finds an empty leaf, and the trap. */
static void tell_trap(struct teller *t, uint64_t op, uint64_t va)
{
    tell(t, EVENT(TLB_MISS, op, va, MW_STORE, 1));
    tell(t, EVENT(WALK_STEP, op, va, 2, 0x80001000, 0x20000801));
    tell(t, EVENT(WALK_STEP, op, va, 1, 0x80002000, 0x20000c01));
    tell(t, EVENT(WALK_STEP, op, va, 0, 0x80003000, 0));
    tell(t, EVENT(WALK_END, op, va, MW_STORE, MW_WALK_INVALID, 0, 0));
    tell(t, EVENT(TRAP, op, va, MW_STORE, MW_CAUSE_STORE_PAGE, MW_WALK_INVALID));
}

/* The retry that succeeds. */
static void tell_fill(struct teller *t, uint64_t op, uint64_t va)
{
    tell(t, EVENT(TLB_MISS, op, va, MW_STORE, 1));
    tell(t, EVENT(WALK_STEP, op, va, 0, 0x80003000, 0x200010d7));
    tell(t, EVENT(WALK_END, op, va, MW_STORE, MW_WALK_OK, 0, 0x80004000));
    tell(t, EVENT(TLB_FILL, op, va, 0x200010d7, 0, 3, 2, 1));
}

static void a_miss_that_the_walker_serves_is_not_told(void **state)
{
    struct teller *t = *state;

    tell_fill(t, 1, 0x1000);
    tell_fill(t, 2, 0x2000);
    explain_finish(&t->explain);
    assert_string_equal(capture_text(&t->capture), "");
    assert_int_equal(t->explain.faults, 0);
}

static void a_repaired_fault_is_told_from_access_to_retry(void **state)
{
    struct teller *t = *state;

    tell_trap(t, 40, 0x5008);
    tell(t, EVENT(FAULT_VMA, 40, 0x5000, 0x7000, PROT_READ | PROT_WRITE, 0, 5, 0));
    tell(t, EVENT(FAULT_DECIDE, 40, 0x5008, MW_STORE, MW_REASON_ANONYMOUS));
    tell(t, EVENT(FRAME_ALLOC, 40, 0x80004000, MW_OWNER_ANONYMOUS, 1));
    tell(t, EVENT(PTE_SET, 40, 0x5000, 0x80003000, 0, 0x200010d7, 0));
    tell(t, EVENT(FAULT_END, 40, 0x5008, MW_REASON_ANONYMOUS, 0, 0, 0));
    tell_fill(t, 40, 0x5008);
    assert_string_equal(
        capture_text(&t->capture),
        "fault 1: access: pid 7 stores to 0x5008 (hart 0, operation 40, 1000 ns)\n"
        "fault 1: TLB: miss for 0x5008, ASID 1\n"
        "fault 1: walk: level 2: the PTE at 0x80001000 is 0x0000000020000801 -------V: points to "
        "the next table\n"
        "fault 1: walk: level 1: the PTE at 0x80002000 is 0x0000000020000c01 -------V: points to "
        "the next table\n"
        "fault 1: walk: level 0: the PTE at 0x80003000 is 0x0000000000000000 --------: V is 0 "
        "(step 3)\n"
        "fault 1: walk: ends at level 0: invalid: V is 0 (step 3)\n"
        "fault 1: trap: store/AMO page fault (scause 15): V is 0 (step 3)\n"
        "fault 1: VMA: 0x5000-0x7000 rw- private: anonymous memory\n"
        "fault 1: decision: anonymous: first write to anonymous memory: a zeroed frame\n"
        "fault 1: frame: 0x80004000 allocated, owner anonymous, zeroed\n"
        "fault 1: PTE: set for 0x5000 at 0x80003000: before 0x0000000000000000 --------\n"
        "fault 1: PTE: set for 0x5000 at 0x80003000: after  0x00000000200010d7 DA-U-WRV\n"
        "fault 1: result: repaired (anonymous); the access is retried\n"
        "fault 1: retry: TLB: miss for 0x5008, ASID 1\n"
        "fault 1: retry: walk: level 0: the PTE at 0x80003000 is 0x00000000200010d7 DA-U-WRV: is "
        "the leaf\n"
        "fault 1: retry: walk: translates to physical 0x80004000\n"
        "fault 1: retry: TLB: l1d filled, 4K page, set 3, way 2, ASID 1: 0x00000000200010d7 "
        "DA-U-WRV\n"
        "fault 1: retry: the store succeeds\n");
}

static void a_fault_that_becomes_a_signal_ends_with_it(void **state)
{
    struct teller *t = *state;

    tell_trap(t, 1, 0x10);
    tell(t, EVENT(FAULT_NO_VMA, 1, 0x10));
    tell(t, EVENT(FAULT_DECIDE, 1, 0x10, MW_STORE, MW_REASON_INVALID));
    tell(t, EVENT(FAULT_END, 1, 0x10, MW_REASON_INVALID, 0, SIGSEGV, SEGV_MAPERR));
    tell(t, EVENT(SIGNAL, 0, SIGSEGV, SEGV_MAPERR, 0x10));
    tell(t, EVENT(SIGNAL, 0, SIGSEGV, SEGV_MAPERR, 0x10));
    assert_says(t, "fault 1: VMA: none contains 0x10\n");
    assert_says(t, "fault 1: result: not repaired (invalid): SIGSEGV, SEGV_MAPERR, address 0x10\n");
    assert_int_equal(count_lines(capture_text(&t->capture), "fault 1: signal: "), 1);
    assert_says(t, "fault 1: signal: pid 7 gets SIGSEGV, SEGV_MAPERR, address 0x10\n");
}

static void a_file_page_is_told_with_path_cache_and_device(void **state)
{
    struct teller *t = *state;

    tell_trap(t, 1, 0x6010);
    tell(t, EVENT(FAULT_VMA, 1, 0x5000, 0x7000, PROT_READ, MW_VMA_SHARED, 5, 12));
    tell(t, EVENT(BLOCK_READ, 1, 800, 4, 0));
    tell(t, EVENT(BLOCK_READ, 1, 804, 4, (uint64_t)-5));
    tell(t, EVENT(CACHE_FILL, 1, 12, 6, 0x80009000, 4));
    tell(t, EVENT(CACHE_HIT, 1, 12, 6, 0x80009000));
    assert_says(t, "VMA: 0x5000-0x7000 r-- shared: /lib/libc.so, page 6 of the file\n");
    assert_says(t, "device: read 4 block(s) from block 800\n");
    assert_says(t, "device: read 4 block(s) from block 804: EIO\n");
    assert_says(t, "cache: filled: inode 12, page 6 into frame 0x80009000, 4 block(s)\n");
    assert_says(t, "cache: hit: inode 12, page 6 is in frame 0x80009000\n");
}

static void an_inode_without_a_name_is_told_by_number(void **state)
{
    struct teller *t = *state;

    tell_trap(t, 1, 0x5000);
    tell(t, EVENT(FAULT_VMA, 1, 0x5000, 0x7000, PROT_READ, MW_VMA_IMPLICIT, 0, 99));
    assert_says(t, "inode 99, page 0 of the file, implicit");
}

static void what_the_handling_sets_in_motion_is_told(void **state)
{
    struct teller *t = *state;

    tell_trap(t, 1, 0x5000);
    tell(t, EVENT(VMA_GROW, 1, 0x4000, 0x7000));
    tell(t, EVENT(VMA_IMPLICIT, 1, 0x4000, 0x7000, PROT_READ));
    tell(t, EVENT(FRAME_COPY, 1, 0x80001000, 0x80002000));
    tell(t, EVENT(FRAME_FREE, 1, 0x80001000, MW_OWNER_CACHE));
    tell(t, EVENT(TABLE_ALLOC, 1, 0x80005000, 1));
    tell(t, EVENT(SHOOTDOWN, 1, 1, 2, 3, MW_FENCE_PROTECT));
    tell(t, EVENT(TLB_FLUSH, 1, 1, 0x5000, 1, 9, 2));
    tell(t, EVENT(TLB_FLUSH, 1, 0, 0, 0, 0, 7));
    tell(t, EVENT(BLOCK_WRITE, 1, 10, 4, 0));
    tell(t, EVENT(CACHE_DROP, 1, 12, 6));
    assert_says(t, "fault 1: VMA: grows to 0x4000-0x7000\n");
    assert_says(t, "fault 1: VMA: 0x4000-0x7000 mapped as implicit\n");
    assert_says(t, "fault 1: frame: 0x80001000 copied to 0x80002000\n");
    assert_says(t, "fault 1: frame: 0x80001000 freed, owner was cache\n");
    assert_says(t, "fault 1: table: 0x80005000 becomes a page table of level 1\n");
    assert_says(t, "fault 1: shootdown: ASID 1, 2 page(s), 3 hart(s): mprotect took rights away\n");
    assert_says(t, "fault 1: TLB: fence on hart 0, address 0x5000, ASID 9: 2 entries dropped\n");
    assert_says(t, "fault 1: TLB: fence on hart 0: 7 entries dropped\n");
    assert_says(t, "fault 1: device: wrote 4 block(s) at block 10\n");
    assert_says(t, "fault 1: event: cache_drop inode=12 index=6\n");
}

static void every_line_begins_with_the_number_of_its_fault(void **state)
{
    struct teller *t = *state;
    const char *text;
    unsigned lines;

    for (uint64_t op = 1; op <= 3; op++) {
        tell_trap(t, op, op << 12);
        tell(t, EVENT(FAULT_END, op, op << 12, MW_REASON_ANONYMOUS, 0, 0, 0));
        tell_fill(t, op, op << 12);
    }
    text = capture_text(&t->capture);
    lines = count_lines(text, "fault 1: ") + count_lines(text, "fault 2: ") +
            count_lines(text, "fault 3: ");
    assert_int_equal(lines, count_lines(text, ""));
    assert_int_equal(count_lines(text, "fault 2: access: "), 1);
}

static void several_faults_of_one_call_are_told_apart(void **state)
{
    struct teller *t = *state;

    for (uint64_t page = 1; page <= 2; page++) {
        tell_trap(t, 9, page << 12);
        tell(t, EVENT(FAULT_END, 9, page << 12, MW_REASON_ANONYMOUS, 0, 0, 0));
        tell_fill(t, 9, page << 12);
        tell(t, EVENT(CACHE_HIT, 9, 12, 6, 0x80009000)); /* the call goes on: not the fault's */
    }
    assert_says(t, "fault 2: access: pid 7 stores to 0x2000");
    assert_silent_about(t, "cache: hit");
}

static void a_retry_that_traps_again_names_the_next_fault(void **state)
{
    struct teller *t = *state;

    tell_trap(t, 1, 0x1000);
    tell(t, EVENT(FAULT_END, 1, 0x1000, MW_REASON_STACK_GROWTH, 0, 0, 0));
    tell_trap(t, 1, 0x1000);
    assert_says(t, "fault 1: retry: traps again, told as fault 2\n");
    assert_says(t, "fault 2: walk: level 0");
}

static void a_retry_without_a_miss_hit_the_tlb(void **state)
{
    struct teller *t = *state;

    tell_trap(t, 1, 0x1000);
    tell(t, EVENT(FAULT_END, 1, 0x1000, MW_REASON_SPURIOUS, 0, 0, 0));
    explain_finish(&t->explain);
    explain_finish(&t->explain);
    assert_says(t, "fault 1: retry: the store hits the TLB and succeeds\n");
    assert_int_equal(count_lines(capture_text(&t->capture), "fault 1: retry: "), 1);
}

static void a_long_translation_does_not_overrun_the_buffer(void **state)
{
    struct teller *t = *state;

    for (unsigned i = 0; i < 100; i++)
        tell(t, EVENT(WALK_STEP, 1, 0x1000, 2, 0x80001000, 0x20000801));
    tell(t, EVENT(TRAP, 1, 0x1000, MW_LOAD, MW_CAUSE_LOAD_PAGE, MW_WALK_INVALID));
    assert_int_equal(count_lines(capture_text(&t->capture), "fault 1: walk: "), EXPLAIN_PENDING);
}

/* The beginning of a fault that was repaired, up to the miss of its retry. */
static void tell_repaired(struct teller *t, uint64_t op)
{
    tell_trap(t, op, 0x5008);
    tell(t, EVENT(FAULT_END, op, 0x5008, MW_REASON_SPURIOUS, 0, 0, 0));
    tell(t, EVENT(TLB_MISS, op, 0x5008, MW_STORE, 1));
}

static void a_miss_that_the_second_level_serves_is_told_as_that(void **state)
{
    struct teller *t = *state;

    tell_repaired(t, 1);
    tell(t, EVENT(TLB_L2_HIT, 1, 0x5008, MW_STORE, MW_TLB_L2, MW_SIZE_2M));
    tell(t, EVENT(TLB_EVICT, 1, 0x9000, 1, 2, 0, MW_TLB_L1D));
    tell(t, EVENT(TLB_FILL, 1, 0x5000, 0x200010d7, 0, 5, 0, 1, MW_TLB_L1D, MW_SIZE_4K));
    assert_says(t, "fault 1: retry: TLB: miss for 0x5008, ASID 1\n"
                   "fault 1: retry: TLB: hit in l2, the second level, 2M page: no walk\n"
                   "fault 1: retry: TLB: l1d's entry for 0x9000, ASID 1, is evicted\n"
                   "fault 1: retry: TLB: l1d filled, 4K page, set 5, way 0, ASID 1: "
                   "0x00000000200010d7 DA-U-WRV\n"
                   "fault 1: retry: the store succeeds\n");
}

static void a_walk_that_begins_below_a_cached_pointer_says_so(void **state)
{
    struct teller *t = *state;

    tell_repaired(t, 1);
    tell(t, EVENT(WALK_SKIP, 1, 0x5008, 1, 0x20000c01));
    tell(t, EVENT(WALK_STEP, 1, 0x5008, 0, 0x80003000, 0x200010d7));
    tell(t, EVENT(WALK_END, 1, 0x5008, MW_STORE, MW_WALK_OK, 0, 0x80004000));
    tell(t, EVENT(TLB_FILL, 1, 0x5000, 0x200010d7, 0, 5, 0, 1, MW_TLB_L2, MW_SIZE_4K));
    assert_silent_about(t, "succeeds"); /* the first level comes last */
    tell(t, EVENT(TLB_FILL, 1, 0x5000, 0x200010d7, 0, 5, 0, 1, MW_TLB_L1D, MW_SIZE_4K));
    assert_says(t, "fault 1: retry: walk: begins below level 1, whose PTE is in the walk cache: "
                   "0x0000000020000c01 -------V\n"
                   "fault 1: retry: walk: level 0: the PTE at 0x80003000 is");
    assert_says(t, "fault 1: retry: TLB: l2 filled, 4K page");
    assert_says(t, "fault 1: retry: the store succeeds\n");
}

static void what_is_prefetched_is_not_told(void **state)
{
    struct teller *t = *state;

    tell_repaired(t, 1);
    tell(t, EVENT(TLB_FILL, 1, 0x5000, 0x200010d7, 0, 5, 0, 1, MW_TLB_L1D, MW_SIZE_4K));
    tell(t, EVENT(TLB_PREFETCH, 1, 0x6000, MW_SIZE_4K));
    tell(t, EVENT(WALK_STEP, 1, 0x6000, 0, 0x80003008, 0x200010d7));
    tell(t, EVENT(TLB_FILL, 1, 0x6000, 0x200010d7, 0, 6, 0, 1, MW_TLB_L1D, MW_SIZE_4K));
    tell_trap(t, 1, 0x8000);
    explain_finish(&t->explain);
    assert_silent_about(t, "0x80003008");
    assert_silent_about(t, "set 6");
    assert_int_equal(count_lines(capture_text(&t->capture), "fault 2: walk: level "), 3);
}

/* A TLB for pages of other sizes only is left out, so that nothing is filled. */
static void a_retry_whose_page_the_first_level_cannot_hold_is_told_at_the_end(void **state)
{
    struct teller *t = *state;

    for (uint64_t op = 1; op <= 2; op++) {
        tell_repaired(t, op);
        tell(t, EVENT(WALK_END, op, 0x5008, MW_STORE, MW_WALK_OK, 0, 0x80004000));
    }
    tell(t, EVENT(TLB_MISS, 2, 0x7000, MW_STORE, 1)); /* the operation's next page */
    assert_says(t, "fault 1: retry: the store succeeds\n");
    assert_says(t, "fault 2: retry: walk: translates to physical 0x80004000\n"
                   "fault 2: retry: the store succeeds\n");
    explain_finish(&t->explain);
    assert_silent_about(t, "0x7000");
}

static void of_many_evictions_the_first_are_told_and_nothing_else_is_lost(void **state)
{
    struct teller *t = *state;

    tell_repaired(t, 1);
    for (unsigned i = 0; i < 100; i++)
        tell(t, EVENT(TLB_EVICT, 1, i << 12, 1, 0, 0, MW_TLB_L1D));
    tell(t, EVENT(TLB_FILL, 1, 0, 0x200010d7, 1, 0, 0, 1, MW_TLB_L1D, MW_SIZE_2M));
    assert_int_equal(count_lines(capture_text(&t->capture), "fault 1: retry: TLB: l1d's entry"),
                     EXPLAIN_EVICTIONS);
    assert_says(t, "fault 1: retry: TLB: l1d filled, 2M page");
}

/* A missing fence shows at an access that hits, long after, so it is told without any fault. */
static void a_missing_fence_is_told_without_a_fault(void **state)
{
    struct teller *t = *state;

    tell(t, EVENT(STALE_USE, 9, 0x5008, MW_STORE, MW_TLB_L2, 3, MW_STALE_FRAME, MW_LOSS_WRITE,
                  0x200010d7, 0x200014d7));
    tell(t, EVENT(STALE_CHANGE, 9, 0x80003028, 0x200010d7, 0x200014d7, 1, 4, 8, 500, 600));
    tell(t, EVENT(STALE_FENCE, 9, MW_FENCE_REPLACE, 1, 0x5000, 1, 3));
    tell(t, EVENT(STALE_CHANGE, 10, 0, 0x80001000, 0x80002000, 1, 4, 8, 500, 500));
    tell(t, EVENT(STALE_FENCE, 10, MW_FENCE_SWITCH, 0, 0, 0, 0));
    assert_string_equal(
        capture_text(&t->capture),
        "stale: pid 7 on hart 0, store at 0x5008, ASID 3 (operation 9, 1000 ns): translated by "
        "what l2 still holds\n"
        "stale: the PTE that is cached:    0x00000000200010d7 DA-U-WRV\n"
        "stale: the PTE that a walk finds: 0x00000000200014d7 DA-U-WRV\n"
        "stale: frame: another frame is mapped there now\n"
        "stale: lost: write: a store went to a frame that is not mapped there\n"
        "stale: changed by pid 4 on hart 1 (operation 8), between 500 and 600 ns: the PTE at "
        "0x80003028\n"
        "stale: before 0x00000000200010d7 DA-U-WRV\n"
        "stale: after  0x00000000200014d7 DA-U-WRV\n"
        "stale: missing fence: sfence.vma 0x5000, 3 on hart 0 (replace: a fault put another frame "
        "in a page's place)\n"
        "stale: changed by pid 4 on hart 1 (operation 8), between 500 and 500 ns: satp, from root "
        "0x80001000 to 0x80002000 for the same ASID\n"
        "stale: missing fence: sfence.vma x0, x0 on hart 0 (switch: another address space runs, "
        "and there are no ASIDs)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, teller_new, teller_free)
        TEST(a_miss_that_the_walker_serves_is_not_told),
        TEST(a_repaired_fault_is_told_from_access_to_retry),
        TEST(a_fault_that_becomes_a_signal_ends_with_it),
        TEST(a_file_page_is_told_with_path_cache_and_device),
        TEST(an_inode_without_a_name_is_told_by_number),
        TEST(what_the_handling_sets_in_motion_is_told),
        TEST(every_line_begins_with_the_number_of_its_fault),
        TEST(several_faults_of_one_call_are_told_apart),
        TEST(a_retry_that_traps_again_names_the_next_fault),
        TEST(a_retry_without_a_miss_hit_the_tlb),
        TEST(a_long_translation_does_not_overrun_the_buffer),
        TEST(a_miss_that_the_second_level_serves_is_told_as_that),
        TEST(a_walk_that_begins_below_a_cached_pointer_says_so),
        TEST(what_is_prefetched_is_not_told),
        TEST(a_retry_whose_page_the_first_level_cannot_hold_is_told_at_the_end),
        TEST(of_many_evictions_the_first_are_told_and_nothing_else_is_lost),
        TEST(a_missing_fence_is_told_without_a_fault),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
