/*
 * Advice, locks, seals and names when memory fails, and what pages they leave.
 */
#include "unit/mm/fixture.h"

#include <string.h>

typedef int attempt(struct fixture *f);

/* Each allocation fails in turn: -ENOMEM or what stands for it, and nothing changed, until it works. */
static void assert_all_or_nothing(struct fixture *f, attempt *try, int refusal)
{
    int result = refusal;

    for (uint64_t n = 1; result == refusal; n++) {
        uint64_t hash = mm_hash(f->mm);
        uint64_t areas = vma_set_count(&f->mm->vmas);

        f->alloc.fail_at = f->alloc.calls + n;
        result = try(f);
        f->alloc.fail_at = 0;
        assert_true(mm_check(f->mm));
        if (result == refusal) {
            assert_int_equal(mm_hash(f->mm), hash);
            assert_int_equal(vma_set_count(&f->mm->vmas), areas);
        }
    }
    assert_int_equal(result, 0);
}

/* So many small areas that the next reservation must allocate. */
static void fill_pools(struct fixture *f)
{
    f->config.max_map_count = 100000;
    for (unsigned i = 0; f->env.vmas.free_count > 2; i++)
        fixture_map(f, BASE + (100 + 2 * i) * PAGE, PAGE, PROT_READ, MAP_PRIVATE, NULL);
}

static int try_advise(struct fixture *f)
{
    return mm_madvise(f->mm, BASE + PAGE, PAGE, MADV_DONTFORK);
}

static int try_lock(struct fixture *f)
{
    return mm_mlock(f->mm, BASE + PAGE, PAGE, 0);
}

static int try_seal(struct fixture *f)
{
    return mm_mseal(f->mm, BASE + PAGE, PAGE, 0);
}

static void advice_that_finds_no_memory_changes_nothing_and_is_told_as_eagain(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    fill_pools(f);
    assert_all_or_nothing(f, try_advise, -EAGAIN);
    assert_int_equal(vma_set_find(&f->mm->vmas, BASE + PAGE)->flags & VMA_DONTCOPY, VMA_DONTCOPY);
}

static void a_lock_that_finds_no_memory_changes_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    fill_pools(f);
    assert_all_or_nothing(f, try_lock, -ENOMEM);
    assert_int_equal(mm_locked_pages(f->mm), 1);
    assert_int_equal(f->mm->pt.leaves, 1);
}

static void a_seal_that_finds_no_memory_changes_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    fill_pools(f);
    assert_all_or_nothing(f, try_seal, -ENOMEM);
    assert_int_equal(mm_munmap(f->mm, BASE, 4 * PAGE), -EPERM);
    vma_set_reflag(&f->mm->vmas, vma_set_find(&f->mm->vmas, BASE + PAGE), RW, VMA_MAYWRITE, NULL);
}

/* A page that a lock may not read is locked all the same; frames that run out are -EAGAIN. */
static void a_lock_tells_which_pages_it_could_not_fetch(void **state)
{
    struct fixture *f = *state;

    f->config.overcommit = 1;
    fixture_map(f, BASE, PAGE, PROT_NONE, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mlock(f->mm, BASE, PAGE, 0), -ENOMEM);
    assert_int_equal(mm_locked_pages(f->mm), 1);
    fixture_map(f, BASE + 8 * PAGE, 600 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mlock(f->mm, BASE + 8 * PAGE, 600 * PAGE, 0), -EAGAIN);
    assert_int_equal(mm_locked_pages(f->mm), 601);
    assert_true(mm_check(f->mm));
}

/* A read-only view has the zero page; locking a page that became writable makes its own copy. */
static void locked_memory_that_becomes_writable_is_copied_at_once(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, PAGE, PROT_READ, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mlock(f->mm, BASE, PAGE, 0), 0);
    assert_int_equal(vma_set_find(&f->mm->vmas, BASE)->history, 0);
    assert_int_equal(mm_mprotect(f->mm, BASE, PAGE, RW), 0);
    assert_int_not_equal(vma_set_find(&f->mm->vmas, BASE)->history, 0);
    assert_true(pte_has(pt_lookup(&f->mm->pt, BASE, NULL), PTE_V | PTE_W));
}

static void locked_on_fault_fetches_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_mlock(f->mm, BASE, 4 * PAGE, 1), 0); /* MLOCK_ONFAULT */
    assert_int_equal(f->mm->pt.leaves, 0);
    assert_int_equal(mm_locked_pages(f->mm), 4);
    assert_int_equal(mm_mlock(f->mm, BASE, 4 * PAGE, 0), 0);
    assert_int_equal(f->mm->pt.leaves, 4);
    assert_int_equal(mm_locked_pages(f->mm), 4);
}

static void a_hole_in_a_file_is_zero_for_all_but_private_copies_and_has_no_blocks(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 4);
    bool stored = false;
    uint8_t byte = 1;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_SHARED, file);
    fixture_map(f, BASE + 8 * PAGE, 4 * PAGE, RW, MAP_PRIVATE, file);
    fixture_map(f, BASE + 16 * PAGE, 4 * PAGE, RW, MAP_PRIVATE, file);
    *fixture_access(f, f->mm, BASE + PAGE, MW_STORE) = 5;
    *fixture_access(f, f->mm, BASE + 9 * PAGE, MW_STORE) = 6;
    assert_int_equal(*fixture_access(f, f->mm, BASE + 17 * PAGE, MW_LOAD), 5);
    assert_int_equal(mm_msync(f->mm, BASE, 4 * PAGE, MS_SYNC), 0);
    assert_int_equal(inode_page_stored(file->map->inode, 1, &stored), 0);
    assert_true(stored);
    assert_int_equal(mm_madvise(f->mm, BASE + PAGE, PAGE, MADV_REMOVE), 0);
    assert_int_equal(inode_page_stored(file->map->inode, 1, &stored), 0);
    assert_false(stored);
    assert_int_equal(*fixture_access(f, f->mm, BASE + PAGE, MW_LOAD), 0);
    assert_int_equal(*fixture_access(f, f->mm, BASE + 9 * PAGE, MW_LOAD), 6);
    assert_int_equal(*fixture_access(f, f->mm, BASE + 17 * PAGE, MW_LOAD), 0);
    assert_int_equal(cache_read(file->map, NULL, PAGE, &byte, 1), 1);
    assert_int_equal(byte, 0);
    assert_true(mm_check(f->mm));
    mapped_file_put(file);
}

static void names_are_compared_as_text_and_freed_with_their_last_area(void **state)
{
    struct fixture *f = *state;
    struct vma_name *a;
    struct vma_name *b;
    uint64_t blocks;

    fixture_map(f, BASE, 4 * PAGE, RW, MAP_PRIVATE, NULL);
    assert_int_equal(mm_madvise(f->mm, BASE, PAGE, MADV_RANDOM), 0); /* areas are at hand now */
    assert_int_equal(mm_madvise(f->mm, BASE, PAGE, MADV_NORMAL), 0);
    blocks = f->alloc.live_blocks;
    assert_int_equal(vma_name_new(&f->alloc, "heap", &a), 0);
    assert_int_equal(vma_name_new(&f->alloc, "heap", &b), 0);
    assert_int_equal(mm_set_name(f->mm, BASE, PAGE, a), 0);
    assert_int_equal(vma_set_count(&f->mm->vmas), 2);
    assert_int_equal(mm_set_name(f->mm, BASE + PAGE, 3 * PAGE, b), 0);
    assert_int_equal(vma_set_count(&f->mm->vmas), 1);
    vma_name_put(a);
    vma_name_put(b);
    assert_int_equal(f->alloc.live_blocks, blocks + 1);
    assert_int_equal(mm_munmap(f->mm, BASE, 4 * PAGE), 0);
    assert_int_equal(f->alloc.live_blocks, blocks);
}

static void a_name_has_at_most_79_plain_characters(void **state)
{
    struct fixture *f = *state;
    struct vma_name *name = NULL;
    char text[VMA_NAME_BYTES + 1];

    memset(text, 'x', sizeof(text));
    text[VMA_NAME_BYTES] = '\0';
    assert_int_equal(vma_name_new(&f->alloc, text, &name), -EINVAL);
    text[VMA_NAME_BYTES - 1] = '\0';
    assert_int_equal(vma_name_new(&f->alloc, text, &name), 0);
    vma_name_put(name);
    assert_int_equal(vma_name_new(&f->alloc, "a$b", &name), -EINVAL);
    assert_int_equal(vma_name_new(&f->alloc, "a\tb", &name), -EINVAL);
    assert_int_equal(vma_name_new(&f->alloc, "", &name), 0);
    vma_name_put(name);
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(vma_name_new(&f->alloc, "a", &name), -ENOMEM);
    f->alloc.fail_at = 0;
}

static void mincore_tells_of_one_area_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, 4);
    uint8_t told[8];

    fixture_map(f, BASE, 2 * PAGE, RW, MAP_PRIVATE, NULL);
    fixture_map(f, BASE + 2 * PAGE, 4 * PAGE, PROT_READ, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE + PAGE, MW_LOAD);
    assert_int_equal(mm_mincore(f->mm, BASE, 6, told), 2);
    assert_int_equal(told[0], 0);
    assert_int_equal(told[1], 1);
    assert_int_equal(mm_mincore(f->mm, BASE + 2 * PAGE, 3, told), 3);
    assert_int_equal(told[0], 0);
    assert_int_equal(mm_madvise(f->mm, BASE + 2 * PAGE, PAGE, MADV_WILLNEED), 0);
    assert_int_equal(mm_mincore(f->mm, BASE + 2 * PAGE, 3, told), 3);
    assert_int_equal(told[0], 1); /* cached, though not mapped */
    assert_int_equal(told[1], 0);
    assert_int_equal(mm_mincore(f->mm, BASE + 6 * PAGE, 1, told), -ENOMEM);
    mapped_file_put(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(advice_that_finds_no_memory_changes_nothing_and_is_told_as_eagain),
        TEST(a_lock_that_finds_no_memory_changes_nothing),
        TEST(a_seal_that_finds_no_memory_changes_nothing),
        TEST(a_lock_tells_which_pages_it_could_not_fetch),
        TEST(locked_memory_that_becomes_writable_is_copied_at_once),
        TEST(locked_on_fault_fetches_nothing),
        TEST(a_hole_in_a_file_is_zero_for_all_but_private_copies_and_has_no_blocks),
        TEST(names_are_compared_as_text_and_freed_with_their_last_area),
        TEST(a_name_has_at_most_79_plain_characters),
        TEST(mincore_tells_of_one_area_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
