/*
 * The address space by itself: fork, outcomes of faults, memory that fails, and that mm_check sees
 * what it is there to see.
 */
#include "unit/mm/fixture.h"

#include <signal.h>
#include <string.h>

#include "mm/uffd.h"

/* ---- faults ---- */

static void an_outcome_tells_signal_code_and_reason(void **state)
{
    struct fixture *f = *state;
    struct mm_outcome outcome = fixture_fault(f, BASE, MW_LOAD);

    assert_int_equal(outcome.signal, SIGSEGV);
    assert_int_equal(outcome.code, SEGV_MAPERR);
    assert_int_equal(outcome.reason, MW_REASON_INVALID);
    assert_int_equal(outcome.va, BASE);
    fixture_map(f, BASE, PAGE, PROT_READ, MAP_PRIVATE, NULL);
    outcome = fixture_fault(f, BASE + 7, MW_STORE);
    assert_int_equal(outcome.code, SEGV_ACCERR);
    assert_int_equal(outcome.va, BASE + 7);
    outcome = fixture_fault(f, BASE, MW_LOAD);
    assert_int_equal(outcome.signal, 0);
    assert_int_equal(outcome.reason, MW_REASON_ZERO_PAGE);
    assert_int_equal(f->env.stats.faults, 3);
    assert_int_equal(f->env.stats.by_reason[MW_REASON_ZERO_PAGE], 1);
}

static void an_access_fault_is_a_bus_error(void **state)
{
    struct fixture *f = *state;
    const struct trap trap = {.va = BASE, .access = MW_STORE, .cause = MW_CAUSE_STORE_ACCESS};
    struct mm_outcome outcome;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    outcome = mm_fault(f->mm, &trap);
    assert_int_equal(outcome.signal, SIGBUS);
    assert_int_equal(outcome.reason, MW_REASON_NOT_RAM);
}

static void a_fault_that_is_repaired_already_is_spurious(void **state)
{
    struct fixture *f = *state;
    uint64_t used;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(fixture_fault(f, BASE, MW_STORE).reason, MW_REASON_ANONYMOUS);
    used = f->frames.used;
    assert_int_equal(fixture_fault(f, BASE, MW_STORE).reason, MW_REASON_SPURIOUS);
    assert_int_equal(fixture_fault(f, BASE, MW_LOAD).reason, MW_REASON_SPURIOUS);
    assert_int_equal(f->frames.used, used);
    assert_true(mm_check(f->mm));
}

/* ---- fork ---- */

static void a_forked_space_shares_frames_until_they_are_written(void **state)
{
    struct fixture *f = *state;
    struct mm *child;
    uint8_t *parent_byte;

    fixture_map(f, BASE, 2 * PAGE, RW, MAP_PRIVATE, NULL);
    *fixture_access(f, f->mm, BASE, MW_STORE) = 1;
    assert_int_equal(mm_fork(f->mm, &child), 0);
    assert_true(mm_check(f->mm));
    assert_true(mm_check(child));
    assert_int_equal(mm_hash(child), mm_hash(f->mm));
    parent_byte = fixture_access(f, f->mm, BASE, MW_LOAD);
    assert_ptr_equal(fixture_access(f, child, BASE, MW_LOAD), parent_byte);
    *fixture_access(f, child, BASE, MW_STORE) = 2;
    assert_ptr_not_equal(fixture_access(f, child, BASE, MW_LOAD), parent_byte);
    assert_int_equal(*fixture_access(f, f->mm, BASE, MW_LOAD), 1);
    assert_int_not_equal(mm_hash(child), mm_hash(f->mm));
    mm_destroy(child);
    assert_true(mm_check(f->mm));
}

static void a_fork_that_fails_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct mm *child;
    int err = -ENOMEM;

    for (unsigned i = 0; i < 40; i++) /* enough areas for several nodes of the index */
        fixture_map(f, BASE + 2 * i * PAGE, PAGE, RW,
                    MAP_PRIVATE | (i % 4 == 0 ? MAP_NORESERVE : 0), NULL);
    *fixture_access(f, f->mm, BASE, MW_STORE) = 1;
    for (uint64_t n = 1; err == -ENOMEM; n++) {
        uint64_t blocks = f->alloc.live_blocks;
        uint64_t used = f->frames.used;

        f->alloc.fail_at = f->alloc.calls + n;
        err = mm_fork(f->mm, &child);
        if (err == 0)
            break;
        assert_in_range(f->alloc.live_blocks, blocks, blocks + 1); /* the pool may keep a chunk */
        assert_int_equal(f->frames.used, used);
        assert_true(mm_check(f->mm));
    }
    f->alloc.fail_at = 0;
    assert_int_equal(err, 0);
    assert_true(mm_check(child));
    mm_destroy(child);
}

/* ---- memory that fails ---- */

/* Makes each allocation of mmap fail in turn; the call must then change nothing. */
static void check_mmap_failures(struct fixture *f, int flags, struct mapped_file *file)
{
    int64_t result = -ENOMEM;

    for (uint64_t n = 1; result == -ENOMEM; n++) {
        uint64_t hash = mm_hash(f->mm);

        f->alloc.fail_at = f->alloc.calls + n;
        result = mm_mmap(f->mm, BASE + PAGE, PAGE, PROT_READ, flags | MAP_FIXED, file, 0);
        f->alloc.fail_at = 0;
        if (result < 0)
            assert_int_equal(mm_hash(f->mm), hash);
        assert_true(mm_check(f->mm));
    }
    assert_int_equal(result, BASE + PAGE);
}

static void an_mmap_that_finds_no_memory_replaces_nothing(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 4);

    fixture_map(f, BASE, 3 * PAGE, RW, MAP_PRIVATE, NULL);
    *fixture_access(f, f->mm, BASE + PAGE, MW_STORE) = 1;
    check_mmap_failures(f, MAP_SHARED, NULL);
    check_mmap_failures(f, MAP_PRIVATE, NULL);
    check_mmap_failures(f, MAP_SHARED, file);
    mapped_file_put(file);
}

static void room_is_found_below_the_base_or_nowhere(void **state)
{
    struct fixture *f = *state;
    vaddr_t top = f->mm->mmap_base;

    assert_int_equal(top, ((vaddr_t)1 << 38) - ((vaddr_t)128 << 20));
    assert_int_equal(mm_find_room(f->mm, PAGE, NULL, 0), top - PAGE);
    assert_int_equal(mm_find_room(f->mm, top - 0x10000, NULL, 0), 0x10000);
    assert_int_equal(mm_find_room(f->mm, top, NULL, 0), 0);
    assert_int_equal(mm_find_room(f->mm, f->mm->user_end, NULL, 0), 0);
    fixture_map(f, top - PAGE, PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_find_room(f->mm, PAGE, NULL, 0), top - 2 * PAGE);
}

#define HUGE ((uint64_t)2 << 20)

static void anonymous_lengths_of_whole_superpages_are_aligned_to_one(void **state)
{
    struct fixture *f = *state;
    vaddr_t top = f->mm->mmap_base; /* a multiple of 2 MiB */

    fixture_map(f, top - PAGE, PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_find_room(f->mm, HUGE, NULL, 0), top - 2 * HUGE);
    assert_int_equal(mm_find_room(f->mm, HUGE + PAGE, NULL, 0), top - PAGE - HUGE - PAGE);
}

static void large_file_mappings_begin_at_their_offset_modulo_a_superpage(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 1);
    vaddr_t start = mm_find_room(f->mm, 2 * HUGE, file, 3 * PAGE);

    assert_int_equal(start % HUGE, 3 * PAGE);
    /* No whole aligned superpage of the file is shown: nothing is gained by aligning. */
    assert_int_equal(mm_find_room(f->mm, HUGE, file, PAGE), f->mm->mmap_base - HUGE);
    mapped_file_put(file);
}

/* ---- the checker: it must see what it is there to see ---- */

/* Writes an entry behind everybody's back, as a bug would. */
static void corrupt(struct fixture *f, vaddr_t va, uint64_t set, uint64_t clear)
{
    paddr_t address;
    pte_t *entry;

    assert_true(pte_present(pt_lookup(&f->mm->pt, va, &address)));
    entry = ram_host(&f->ram, address);
    *entry = pte_without(pte_with(*entry, set), clear);
}

static void the_checker_sees_a_right_that_the_area_does_not_give(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, PAGE, PROT_READ, MAP_PRIVATE, NULL);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    assert_true(mm_check(f->mm));
    corrupt(f, BASE, PTE_X, 0);
    assert_false(mm_check(f->mm));
    corrupt(f, BASE, 0, PTE_X);
    assert_true(mm_check(f->mm));
}

static void the_checker_sees_a_writable_page_that_others_share(void **state)
{
    struct fixture *f = *state;
    struct mm *child;

    fixture_map(f, BASE, 2 * PAGE, RW, MAP_PRIVATE, NULL);
    *fixture_access(f, f->mm, BASE, MW_STORE) = 1;
    fixture_access(f, f->mm, BASE + PAGE, MW_LOAD); /* the zero page */
    assert_int_equal(mm_fork(f->mm, &child), 0);
    for (unsigned i = 0; i < 2; i++) {
        corrupt(f, BASE + i * PAGE, PTE_W, 0);
        assert_false(mm_check(f->mm));
        corrupt(f, BASE + i * PAGE, 0, PTE_W);
        assert_true(mm_check(f->mm));
    }
    mm_destroy(child);
}

static void the_checker_sees_a_page_outside_every_area(void **state)
{
    struct fixture *f = *state;
    struct vma *v;
    struct vma model;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    fixture_access(f, f->mm, BASE, MW_STORE);
    v = vma_set_find(&f->mm->vmas, BASE);
    model = *v;
    vma_set_remove(&f->mm->vmas, v);
    assert_false(mm_check(f->mm));
    assert_int_equal(vma_set_reserve(&f->mm->vmas, 1), 0);
    vma_set_add(&f->mm->vmas, &model, VMA_MERGE_BOTH);
    assert_true(mm_check(f->mm));
}

static void the_checker_sees_a_private_page_without_a_history(void **state)
{
    struct fixture *f = *state;
    struct vma *v;
    uint64_t history;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    fixture_access(f, f->mm, BASE, MW_STORE);
    v = vma_set_find(&f->mm->vmas, BASE);
    history = v->history;
    v->history = 0;
    assert_false(mm_check(f->mm));
    v->history = history;
    assert_true(mm_check(f->mm));
}

static void the_checker_sees_a_write_protected_page_that_is_writable(void **state)
{
    struct fixture *f = *state;
    struct range r = {BASE, BASE + PAGE};

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    fixture_access(f, f->mm, BASE, MW_STORE);
    assert_int_equal(mm_uffd_register(f->mm, r, 1, VMA_UFFD_WP), 0);
    assert_int_equal(radix_insert(&f->mm->uffd_marks, BASE >> PAGE_SHIFT, f->mm), 0);
    assert_false(mm_check(f->mm));
    mm_uffd_drop_marks(f->mm, r);
    assert_true(mm_check(f->mm));
    assert_int_equal(mm_uffd_protect(f->mm, r, true), 0);
    assert_true(mm_uffd_is_marked(f->mm, BASE));
    assert_true(mm_check(f->mm));
}

static void the_checker_sees_a_guard_where_a_page_is_or_no_area(void **state)
{
    struct fixture *f = *state;
    const uint64_t page = BASE >> PAGE_SHIFT;

    assert_int_equal(radix_insert(&f->mm->guards, page, f->mm), 0);
    assert_false(mm_check(f->mm));
    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    assert_false(mm_check(f->mm)); /* the area does not know of it */
    radix_remove(&f->mm->guards, page);
    assert_int_equal(mm_madvise(f->mm, BASE, PAGE, 102 /* MADV_GUARD_INSTALL */), 0);
    assert_true(mm_check(f->mm));
    radix_remove(&f->mm->guards, page);
    fixture_access(f, f->mm, BASE, MW_STORE);
    assert_true(mm_check(f->mm));
    assert_int_equal(radix_insert(&f->mm->guards, page, f->mm), 0);
    assert_false(mm_check(f->mm)); /* there is a page */
    radix_remove(&f->mm->guards, page);
}

static void a_guard_that_cannot_be_had_leaves_those_before_it(void **state)
{
    struct fixture *f = *state;
    int failed = 0;
    int err = -ENOMEM;

    fixture_map(f, BASE, 80 * PAGE, RW, MAP_PRIVATE, NULL);
    for (uint64_t n = 1; err != 0 && n < 20; n++) {
        f->alloc.fail_at = f->alloc.calls + n;
        err = mm_madvise(f->mm, BASE, 80 * PAGE, 102 /* MADV_GUARD_INSTALL */);
        f->alloc.fail_at = 0;
        failed += err == -ENOMEM;
        assert_true(err == 0 || err == -ENOMEM);
        assert_true(mm_check(f->mm));
        assert_int_equal(mm_madvise(f->mm, BASE, 80 * PAGE, 103 /* MADV_GUARD_REMOVE */), 0);
    }
    assert_true(failed > 0);
    assert_int_equal(err, 0);
}

static void the_checker_sees_a_writable_file_page_that_is_not_tagged_dirty(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 2);

    fixture_map(f, BASE, 2 * PAGE, RW, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE, MW_STORE);
    fixture_access(f, f->mm, BASE + PAGE, MW_LOAD);
    assert_true(mm_check(f->mm));
    corrupt(f, BASE + PAGE, PTE_W, 0);
    assert_false(mm_check(f->mm));
    corrupt(f, BASE + PAGE, PTE_D, PTE_W);
    assert_false(mm_check(f->mm));
    corrupt(f, BASE + PAGE, 0, PTE_D);
    assert_true(mm_check(f->mm));
    radix_tag_clear(&file->map->pages, 0, CACHE_TAG_DIRTY);
    assert_false(mm_check(f->mm));
    radix_tag_set(&file->map->pages, 0, CACHE_TAG_DIRTY);
    mapped_file_put(file);
}

static void the_checker_sees_a_stale_translation(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    fixture_access(f, f->mm, BASE, MW_STORE);
    corrupt(f, BASE, 0, PTE_W); /* without a shootdown */
    assert_false(mm_check(f->mm));
    corrupt(f, BASE, PTE_W, 0);
    assert_true(mm_check(f->mm));
}

static void the_checker_sees_a_frame_that_is_not_the_files(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 2);
    struct vma *v;

    fixture_map(f, BASE, PAGE, PROT_READ, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    v = vma_set_find(&f->mm->vmas, BASE);
    v->off_pages++;
    assert_false(mm_check(f->mm));
    v->off_pages--;
    assert_true(mm_check(f->mm));
    mapped_file_put(file);
}

/* ---- the mapper ---- */

static void cleaning_a_page_reaches_every_shared_mapping_and_no_private_copy(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 4);

    fixture_map(f, BASE, 2 * PAGE, RW, MAP_SHARED, file);
    fixture_map(f, BASE + 8 * PAGE, 2 * PAGE, RW, MAP_SHARED, file);
    fixture_map(f, BASE + 16 * PAGE, 2 * PAGE, RW, MAP_PRIVATE, file);
    for (unsigned i = 0; i < 3; i++)
        *fixture_access(f, f->mm, BASE + (8 * i + 1) * PAGE, MW_STORE) = 1;
    assert_true(mm_mapper_ops.clean_pages(file->map, 1, 2));
    assert_false(mm_mapper_ops.clean_pages(file->map, 1, 2));
    assert_false(mm_mapper_ops.clean_pages(file->map, 3, 4));
    assert_false(pte_has(pt_lookup(&f->mm->pt, BASE + PAGE, NULL), PTE_W));
    assert_false(pte_has(pt_lookup(&f->mm->pt, BASE + 9 * PAGE, NULL), PTE_W));
    assert_true(pte_has(pt_lookup(&f->mm->pt, BASE + 17 * PAGE, NULL), PTE_W));
    assert_true(mm_check(f->mm));
    mapped_file_put(file);
}

static void unmapping_pages_reaches_only_those_pages(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 8);

    assert_int_equal(mm_mmap(f->mm, BASE, 4 * PAGE, RW, MAP_SHARED | MAP_FIXED, file, 2 * PAGE),
                     BASE);
    for (unsigned i = 0; i < 4; i++)
        fixture_access(f, f->mm, BASE + i * PAGE, MW_LOAD);
    mm_mapper_ops.unmap_pages(file->map, 0, 2, true); /* before what is mapped */
    mm_mapper_ops.unmap_pages(file->map, 6, UINT64_MAX, true);
    assert_int_equal(f->mm->pt.leaves, 4);
    mm_mapper_ops.unmap_pages(file->map, 3, 5, true);
    assert_int_equal(f->mm->pt.leaves, 2);
    fixture_map(f, BASE - PAGE, PAGE, RW, MAP_PRIVATE, NULL);
    fixture_access(f, f->mm, BASE - PAGE, MW_STORE);
    mm_mapper_ops.unmap_pages(file->map, 0, 2, true); /* would be there, if it were mapped */
    assert_int_equal(f->mm->pt.leaves, 3);
    assert_true(pte_present(pt_lookup(&f->mm->pt, BASE, NULL)));
    assert_false(pte_present(pt_lookup(&f->mm->pt, BASE + PAGE, NULL)));
    assert_false(pte_present(pt_lookup(&f->mm->pt, BASE + 2 * PAGE, NULL)));
    assert_true(pte_present(pt_lookup(&f->mm->pt, BASE + 3 * PAGE, NULL)));
    mapped_file_put(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_outcome_tells_signal_code_and_reason),
        TEST(an_access_fault_is_a_bus_error),
        TEST(a_fault_that_is_repaired_already_is_spurious),
        TEST(a_forked_space_shares_frames_until_they_are_written),
        TEST(a_fork_that_fails_leaves_nothing_behind),
        TEST(an_mmap_that_finds_no_memory_replaces_nothing),
        TEST(room_is_found_below_the_base_or_nowhere),
        TEST(anonymous_lengths_of_whole_superpages_are_aligned_to_one),
        TEST(large_file_mappings_begin_at_their_offset_modulo_a_superpage),
        TEST(the_checker_sees_a_right_that_the_area_does_not_give),
        TEST(the_checker_sees_a_writable_page_that_others_share),
        TEST(the_checker_sees_a_page_outside_every_area),
        TEST(the_checker_sees_a_private_page_without_a_history),
        TEST(the_checker_sees_a_write_protected_page_that_is_writable),
        TEST(the_checker_sees_a_guard_where_a_page_is_or_no_area),
        TEST(a_guard_that_cannot_be_had_leaves_those_before_it),
        TEST(the_checker_sees_a_writable_file_page_that_is_not_tagged_dirty),
        TEST(the_checker_sees_a_stale_translation),
        TEST(the_checker_sees_a_frame_that_is_not_the_files),
        TEST(cleaning_a_page_reaches_every_shared_mapping_and_no_private_copy),
        TEST(unmapping_pages_reaches_only_those_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
