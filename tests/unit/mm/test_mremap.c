/*
 * mremap by itself: pages that move, memory that fails on the way, and room for areas.
 */
#include "unit/mm/fixture.h"

#include <string.h>

#define MOVE   (MREMAP_MAYMOVE | MREMAP_FIXED)
#define TARGET (BASE + 1024 * PAGE)

static void touch(struct fixture *f, unsigned page, uint8_t value)
{
    *fixture_access(f, f->mm, BASE + page * PAGE, MW_STORE) = value;
}

static void moved_pages_are_the_same_frames(void **state)
{
    struct fixture *f = *state;
    pte_t before;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    touch(f, 0, 1);
    touch(f, 3, 4);
    before = pt_lookup(&f->mm->pt, BASE + 3 * PAGE, NULL);
    assert_int_equal(mm_mremap(f->mm, BASE, 4 * PAGE, 4 * PAGE, MOVE, TARGET), TARGET);
    assert_int_equal(pt_lookup(&f->mm->pt, TARGET + 3 * PAGE, NULL).raw, before.raw);
    assert_false(pte_present(pt_lookup(&f->mm->pt, BASE + 3 * PAGE, NULL)));
    assert_false(pte_present(pt_lookup(&f->mm->pt, TARGET + PAGE, NULL)));
    assert_int_equal(*fixture_access(f, f->mm, TARGET, MW_LOAD), 1);
    assert_true(mm_check(f->mm));
}

/* Longer than what is moved in one go, and not aligned to it. */
static void pages_of_many_tables_move(void **state)
{
    struct fixture *f = *state;
    const uint64_t bytes = 2000 * PAGE;

    f->config.overcommit = 1;
    fixture_map(f, BASE + 7 * PAGE, bytes, RW, MAP_PRIVATE, NULL);
    for (unsigned page = 7; page < 2007; page += 111)
        touch(f, page, (uint8_t)page);
    assert_int_equal(mm_mremap(f->mm, BASE + 7 * PAGE, bytes, bytes, MOVE, BASE + 5001 * PAGE),
                     BASE + 5001 * PAGE);
    for (unsigned page = 7; page < 2007; page += 111)
        assert_int_equal(*fixture_access(f, f->mm, BASE + (page - 7 + 5001) * PAGE, MW_LOAD),
                         (uint8_t)page);
    assert_true(mm_check(f->mm));
}

static void a_dirty_file_page_stays_dirty_where_it_goes(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 4);

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_SHARED, file);
    touch(f, 1, 9);
    assert_int_equal(mm_mremap(f->mm, BASE, 4 * PAGE, 4 * PAGE, MOVE, TARGET), TARGET);
    assert_true(pte_has(pt_lookup(&f->mm->pt, TARGET + PAGE, NULL), PTE_D));
    assert_true(mm_check(f->mm));
    assert_int_equal(mm_msync(f->mm, TARGET, 4 * PAGE, MS_SYNC), 0);
    assert_false(pte_has(pt_lookup(&f->mm->pt, TARGET + PAGE, NULL), PTE_D));
    mapped_file_put(file);
}

static void
unwritten_memory_gets_the_offset_of_its_new_place_and_written_keeps_its_own(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mremap(f->mm, BASE, PAGE, PAGE, MOVE, TARGET), TARGET);
    assert_int_equal(vma_set_find(&f->mm->vmas, TARGET)->off_pages, TARGET >> PAGE_SHIFT);
    fixture_access(f, f->mm, TARGET, MW_STORE);
    assert_int_equal(mm_mremap(f->mm, TARGET, PAGE, PAGE, MOVE, BASE), BASE);
    assert_int_equal(vma_set_find(&f->mm->vmas, BASE)->off_pages, TARGET >> PAGE_SHIFT);
}

/* Each allocation fails in turn; the pages are where they were until one attempt goes through. */
static void a_move_that_finds_no_memory_moves_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t result = -ENOMEM;

    fixture_map(f, BASE, 3 * PAGE, RW, MAP_PRIVATE, NULL);
    for (unsigned page = 0; page < 3; page++)
        touch(f, page, (uint8_t)(page + 1));
    for (uint64_t n = 1; result == -ENOMEM; n++) {
        uint64_t hash = mm_hash(f->mm);

        f->alloc.fail_at = f->alloc.calls + n;
        result = mm_mremap(f->mm, BASE + PAGE, PAGE, PAGE, MOVE, TARGET);
        f->alloc.fail_at = 0;
        assert_true(mm_check(f->mm));
        if (result == -ENOMEM)
            assert_int_equal(mm_hash(f->mm), hash);
    }
    assert_int_equal(result, TARGET);
    assert_int_equal(*fixture_access(f, f->mm, TARGET, MW_LOAD), 2);
}

/* No frame is left for the tables of the new place. */
static void a_move_without_frames_for_tables_moves_nothing(void **state)
{
    struct fixture *f = *state;
    unsigned page = 0;

    f->config.overcommit = 1;
    fixture_map(f, BASE, 600 * PAGE, RW, MAP_PRIVATE, NULL);
    while (fixture_fault(f, BASE + page * PAGE, MW_STORE).signal == 0)
        page++;
    assert_int_equal(mm_mremap(f->mm, BASE, 512 * PAGE, 512 * PAGE, MOVE, BASE << 1), -ENOMEM);
    assert_null(vma_set_find(&f->mm->vmas, BASE << 1));
    assert_int_equal(f->mm->pt.leaves, page);
    assert_true(mm_check(f->mm));
}

static void a_move_needs_room_for_five_areas_and_growth_for_none(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    f->config.max_map_count = 6;
    assert_int_equal(mm_mremap(f->mm, BASE, PAGE, PAGE, MOVE, TARGET), -ENOMEM);
    assert_int_equal(mm_mremap(f->mm, BASE, 4 * PAGE, 5 * PAGE, 0, 0), BASE);
    f->config.max_map_count = 7;
    assert_int_equal(mm_mremap(f->mm, BASE, PAGE, PAGE, MOVE, TARGET), TARGET);
}

static void a_locked_area_that_grows_is_filled(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, PAGE, RW, MAP_PRIVATE | MAP_LOCKED, NULL);
    assert_int_equal(f->mm->pt.leaves, 1);
    assert_int_equal(mm_mremap(f->mm, BASE, PAGE, 3 * PAGE, 0, 0), BASE);
    assert_int_equal(f->mm->pt.leaves, 3);
    fixture_map(f, BASE + 3 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE, NULL);
    assert_true(mm_mremap(f->mm, BASE, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE, 0) > 0);
    assert_int_equal(f->mm->pt.leaves, 5);
}

/* Accounted memory is counted once, wherever it is; DONTUNMAP makes a second area of it. */
static void growth_that_moves_needs_room_for_three_areas(void **state)
{
    struct fixture *f = *state;
    int64_t moved;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    fixture_map(f, BASE + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE, NULL);
    f->config.max_map_count = 5;
    assert_int_equal(mm_mremap(f->mm, BASE, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE, 0), -ENOMEM);
    f->config.max_map_count = 6;
    moved = mm_mremap(f->mm, BASE, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE, 0);
    assert_true(moved > 0 && (vaddr_t)moved != BASE);
}

static void moving_commits_nothing_and_leaving_the_source_does(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mremap(f->mm, BASE, 4 * PAGE, 4 * PAGE, MOVE, TARGET), TARGET);
    assert_int_equal(f->env.committed_pages, 4);
    assert_int_equal(mm_mremap(f->mm, TARGET, 4 * PAGE, 6 * PAGE, 0, 0), TARGET);
    assert_int_equal(f->env.committed_pages, 6);
    assert_int_equal(mm_mremap(f->mm, TARGET, 6 * PAGE, 6 * PAGE, MOVE | 4, BASE), BASE);
    assert_int_equal(f->env.committed_pages, 12);
    assert_int_equal(mm_mremap(f->mm, BASE, 6 * PAGE, PAGE, 0, 0), BASE);
    assert_int_equal(f->env.committed_pages, 7);
    f->config.overcommit = 2;
    assert_int_equal(mm_mremap(f->mm, BASE, PAGE, 2 * PAGE, 0, 0), -ENOMEM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(moved_pages_are_the_same_frames),
        TEST(pages_of_many_tables_move),
        TEST(a_dirty_file_page_stays_dirty_where_it_goes),
        TEST(unwritten_memory_gets_the_offset_of_its_new_place_and_written_keeps_its_own),
        TEST(a_move_that_finds_no_memory_moves_nothing),
        TEST(a_move_without_frames_for_tables_moves_nothing),
        TEST(a_move_needs_room_for_five_areas_and_growth_for_none),
        TEST(growth_that_moves_needs_room_for_three_areas),
        TEST(a_locked_area_that_grows_is_filled),
        TEST(moving_commits_nothing_and_leaving_the_source_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
