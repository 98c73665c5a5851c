/*
 * Fault-around: which pages a read fault on a page of a file maps besides its own; and what is read
 * ahead for it.
 *
 * The windows that Linux 6.18 maps are listed with the fault; what it really does is compared in
 * tests/behaviour/reads_of_files_map_their_neighbours.mw.
 */
#include "cache/readahead.h"
#include "mm/uffd.h"
#include "unit/mm/fixture.h"

#define PAGES 64u

/* A file of PAGES pages, all of them cached. */
static struct mapped_file *cached_file(struct fixture *f)
{
    struct mapped_file *file = fixture_file(f, PAGES);

    f->config.fault_around_bytes = 16 * PAGE;
    for (uint64_t i = 0; i < PAGES; i++) {
        struct frame *frame;

        assert_int_equal(cache_page(file->map, i, &frame, NULL), 0);
    }
    return file;
}

static bool present(const struct mm *mm, vaddr_t va)
{
    return pte_present(pt_lookup(&mm->pt, va, NULL));
}

/* Exactly the pages [first, end), counted from `base`, are present. */
static void assert_mapped(const struct fixture *f, vaddr_t base, uint64_t first, uint64_t end)
{
    for (uint64_t i = 0; i < PAGES; i++)
        assert_int_equal(present(f->mm, base + i * PAGE), i >= first && i < end);
    assert_int_equal(f->mm->pt.leaves, end - first);
    assert_true(mm_check(f->mm));
}

/* ---- the window ---- */

/* An area that begins `start` pages into a leaf table, a fault, and what Linux maps then. */
struct window_case {
    uint64_t start;
    uint64_t pages;
    uint64_t fault; /* counted from the area's start, as are: */
    uint64_t first;
    uint64_t end;
};

static const struct window_case window_cases[] = {
    {0, 40, 0, 0, 16},    {0, 40, 5, 0, 16},     {0, 40, 15, 0, 16},
    {0, 40, 16, 16, 32},  {0, 40, 39, 32, 40}, /* the area's end cuts it */
    {3, 40, 0, 0, 16}, /* it begins with the area, and is as large as ever */
    {3, 40, 12, 0, 16},   {3, 40, 13, 13, 29},   {0, 1, 0, 0, 1},
    {5, 7, 6, 0, 7},      {500, 40, 2, 0, 12}, /* the leaf table's end cuts it */
    {500, 40, 11, 0, 12}, {500, 40, 12, 12, 28}, {505, 40, 0, 0, 7},
};

static void a_window_is_aligned_and_cut_as_linux_does_it(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    for (size_t i = 0; i < sizeof(window_cases) / sizeof(window_cases[0]); i++) {
        const struct window_case *c = &window_cases[i];
        vaddr_t base = BASE + c->start * PAGE;

        fixture_map(f, base, c->pages * PAGE, PROT_READ, MAP_SHARED, file);
        fixture_access(f, f->mm, base + c->fault * PAGE, MW_LOAD);
        assert_mapped(f, base, c->first, c->end);
        assert_int_equal(mm_munmap(f->mm, base, c->pages * PAGE), 0);
    }
    mapped_file_put(file);
}

static void a_window_ends_with_the_file(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    assert_int_equal(mm_mmap(f->mm, BASE, 32 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file,
                             (PAGES - 3) * PAGE),
                     BASE);
    fixture_access(f, f->mm, BASE + PAGE, MW_LOAD);
    assert_mapped(f, BASE, 0, 3);
    mapped_file_put(file);
}

static void the_size_is_a_power_of_two_of_pages_and_at_most_a_table(void **state)
{
    static const struct {
        uint64_t bytes;
        uint64_t mapped;
    } sizes[] = {{0, 1},        {PAGE, 1},     {2 * PAGE - 1, 1}, {2 * PAGE, 2},
                 {7 * PAGE, 4}, {8 * PAGE, 8}, {1 << 20, PAGES},  {UINT64_MAX, PAGES}};
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        f->config.fault_around_bytes = sizes[i].bytes;
        fixture_map(f, BASE, PAGES * PAGE, PROT_READ, MAP_SHARED, file);
        fixture_access(f, f->mm, BASE, MW_LOAD);
        assert_mapped(f, BASE, 0, sizes[i].mapped);
        assert_int_equal(mm_munmap(f->mm, BASE, PAGES * PAGE), 0);
    }
    mapped_file_put(file);
}

/* ---- what is in it ---- */

static void only_cached_pages_are_mapped_and_none_is_read_for_it(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, PAGES);
    struct frame *frame;

    f->config.fault_around_bytes = 16 * PAGE;
    assert_int_equal(cache_page(file->map, 3, &frame, NULL), 0);
    fixture_map(f, BASE, 16 * PAGE, PROT_READ, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE + 3 * PAGE, MW_LOAD); /* cached itself */
    assert_int_equal(f->mm->pt.leaves, 1);
    assert_int_equal(file->map->pages.count, 1);
    assert_int_equal(mm_munmap(f->mm, BASE, 16 * PAGE), 0);

    fixture_map(f, BASE, 16 * PAGE, PROT_READ, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE + 9 * PAGE,
                   MW_LOAD); /* not cached: its neighbour is mapped first */
    assert_true(present(f->mm, BASE + 3 * PAGE));
    assert_int_equal(f->mm->pt.leaves, 2);
    assert_true(mm_check(f->mm));
    mapped_file_put(file);
}

static void what_is_mapped_around_allows_no_store_and_is_the_cache_s(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    fixture_map(f, BASE, 16 * PAGE, RW, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    for (uint64_t i = 0; i < 16; i++) {
        pte_t pte = pt_lookup(&f->mm->pt, BASE + i * PAGE, NULL);
        struct frame *frame = radix_get(&file->map->pages, i);

        assert_false(pte_has(pte, PTE_W));
        assert_false(pte_has(pte, PTE_D));
        assert_ptr_equal(frame_of(&f->frames, pte_paddr(pte)), frame);
        assert_int_equal(frame->refs, 2);
    }
    *fixture_access(f, f->mm, BASE + 4 * PAGE, MW_STORE) = 1; /* is noticed */
    assert_int_equal(f->env.stats.by_reason[MW_REASON_WRITE_NOTIFY], 1);
    assert_true(radix_tag_get(&file->map->pages, 4, CACHE_TAG_DIRTY));
    assert_false(radix_tag_get(&file->map->pages, 5, CACHE_TAG_DIRTY));
    assert_int_equal(mm_munmap(f->mm, BASE, 16 * PAGE), 0);
    for (uint64_t i = 0; i < 16; i++)
        assert_int_equal(((struct frame *)radix_get(&file->map->pages, i))->refs, 1);
    mapped_file_put(file);
}

static void a_store_maps_nothing_around(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    fixture_map(f, BASE, 16 * PAGE, RW, MAP_SHARED, file);
    *fixture_access(f, f->mm, BASE + 2 * PAGE, MW_STORE) = 1;
    assert_mapped(f, BASE, 2, 3);
    assert_int_equal(mm_munmap(f->mm, BASE, 16 * PAGE), 0);
    fixture_map(f, BASE, 16 * PAGE, RW, MAP_PRIVATE, file);
    *fixture_access(f, f->mm, BASE + 2 * PAGE, MW_STORE) = 1;
    assert_mapped(f, BASE, 2, 3);
    mapped_file_put(file);
}

static void pages_that_are_there_stay_as_they_are(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);
    pte_t copied;

    fixture_map(f, BASE, 16 * PAGE, RW, MAP_PRIVATE, file);
    *fixture_access(f, f->mm, BASE + 2 * PAGE, MW_STORE) = 1;
    fixture_access(f, f->mm, BASE + 9 * PAGE, MW_LOAD); /* maps the rest */
    copied = pt_lookup(&f->mm->pt, BASE + 2 * PAGE, NULL);
    assert_true(pte_has(copied, PTE_W));
    assert_int_equal(frame_of(&f->frames, pte_paddr(copied))->owner, MW_OWNER_ANONYMOUS);
    assert_mapped(f, BASE, 0, 16);
    assert_int_equal(f->env.stats.around_pages, 14);
    mapped_file_put(file);
}

static void pages_without_rights_are_there_too(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    fixture_map(f, BASE, 4 * PAGE, PROT_READ, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    assert_int_equal(mm_mprotect(f->mm, BASE, 4 * PAGE, PROT_NONE), 0);
    assert_int_equal(mm_mprotect(f->mm, BASE, PAGE, PROT_READ), 0);
    mm_mapper_ops.unmap_pages(file->map, 0, 1, true);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    assert_true(pte_parked(pt_lookup(&f->mm->pt, BASE + PAGE, NULL)));
    assert_int_equal(f->mm->pt.leaves, 4);
    assert_int_equal(f->env.stats.around_pages, 3);
    mapped_file_put(file);
}

static void guards_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    fixture_map(f, BASE, 16 * PAGE, RW, MAP_SHARED, file);
    assert_int_equal(mm_madvise(f->mm, BASE + 4 * PAGE, 2 * PAGE, 102 /* MADV_GUARD_INSTALL */), 0);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    assert_false(present(f->mm, BASE + 4 * PAGE));
    assert_false(present(f->mm, BASE + 5 * PAGE));
    assert_int_equal(f->mm->pt.leaves, 14);
    assert_true(mm_check(f->mm));
    mapped_file_put(file);
}

static void areas_that_a_userfaultfd_watches_for_stores_or_minor_faults_map_one_page(void **state)
{
    static const uint32_t modes[] = {VMA_UFFD_WP, VMA_UFFD_MINOR, VMA_UFFD_MISSING};
    static const uint64_t mapped[] = {1, 1, 16};
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    for (size_t i = 0; i < 3; i++) {
        struct vma *v;

        fixture_map(f, BASE, 16 * PAGE, RW, MAP_SHARED, file);
        v = vma_set_find(&f->mm->vmas, BASE);
        fixture_access(f, f->mm, BASE, MW_LOAD);
        mm_mapper_ops.unmap_pages(file->map, 0, UINT64_MAX, true);
        /* The fault itself would ask a userfaultfd that is not there. */
        vma_set_reflag(&f->mm->vmas, v, v->prot, v->flags | modes[i], v->name);
        mm_fault_around(f->mm, v, BASE);
        assert_int_equal(f->mm->pt.leaves, mapped[i] - 1);
        vma_set_reflag(&f->mm->vmas, v, v->prot, v->flags & ~modes[i], v->name);
        assert_int_equal(mm_munmap(f->mm, BASE, 16 * PAGE), 0);
    }
    mapped_file_put(file);
}

static void memory_without_a_file_shows_its_neighbours_too(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *shared;

    f->config.fault_around_bytes = 16 * PAGE;
    assert_int_equal(mm_shared_new(&f->env, 16 * PAGE, &shared), 0);
    fixture_map(f, BASE, 16 * PAGE, RW, MAP_SHARED, shared);
    fixture_map(f, BASE + 32 * PAGE, 16 * PAGE, RW, MAP_SHARED, shared);
    *fixture_access(f, f->mm, BASE + PAGE, MW_STORE) = 1;
    *fixture_access(f, f->mm, BASE + 3 * PAGE, MW_STORE) = 3;
    fixture_access(f, f->mm, BASE + 33 * PAGE, MW_LOAD);
    assert_true(present(f->mm, BASE + 35 * PAGE));
    assert_false(present(f->mm, BASE + 34 * PAGE)); /* nobody has touched it: it is not made */
    assert_int_equal(shared->map->pages.count, 2);
    mapped_file_put(shared);
}

/* ---- readahead ---- */

/* A file of which nothing is cached, whose reader has a window of 32 pages. */
static struct mapped_file *file_read_ahead(struct fixture *f)
{
    struct mapped_file *file = fixture_file(f, PAGES);

    f->config.fault_around_bytes = 16 * PAGE;
    cache_readahead_init(&file->ra, &f->cache);
    assert_int_equal(file->ra.max_pages, 32);
    return file;
}

static void a_page_with_the_mark_of_readahead_waits_for_a_fault_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = file_read_ahead(f);

    fixture_map(f, BASE, PAGES * PAGE, PROT_READ, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    assert_int_equal(file->map->pages.count, 32); /* read around the fault, the mark on page 24 */
    assert_int_equal(f->mm->pt.leaves, 1);        /* none of them was there before */
    fixture_access(f, f->mm, BASE + 17 * PAGE, MW_LOAD);
    assert_false(present(f->mm, BASE + 24 * PAGE));
    assert_int_equal(f->mm->pt.leaves, 1 + 15);
    assert_int_equal(file->map->pages.count, 32);
    fixture_access(f, f->mm, BASE + 24 * PAGE, MW_LOAD);
    assert_int_equal(file->map->pages.count, PAGES); /* the reader has come to the mark */
    assert_true(mm_check(f->mm));
    mapped_file_put(file);
}

static void advice_on_an_area_decides_what_is_read_ahead(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = file_read_ahead(f);

    fixture_map(f, BASE, PAGES * PAGE, PROT_READ, MAP_SHARED, file);
    assert_int_equal(mm_madvise(f->mm, BASE, PAGES * PAGE, MADV_RANDOM), 0);
    fixture_access(f, f->mm, BASE + 40 * PAGE, MW_LOAD);
    assert_int_equal(file->map->pages.count, 1);
    assert_int_equal(mm_madvise(f->mm, BASE, PAGES * PAGE, MADV_SEQUENTIAL), 0);
    fixture_access(f, f->mm, BASE, MW_LOAD);
    assert_true(file->map->pages.count >= 33);
    assert_non_null(radix_get(&file->map->pages, 31));
    assert_int_equal(mm_madvise(f->mm, BASE, PAGES * PAGE, MADV_WILLNEED), 0);
    assert_int_equal(file->map->pages.count, PAGES);
    mapped_file_put(file);
}

static void a_store_reads_ahead_and_maps_one_page(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = file_read_ahead(f);

    fixture_map(f, BASE, PAGES * PAGE, RW, MAP_SHARED, file);
    *fixture_access(f, f->mm, BASE + 20 * PAGE, MW_STORE) = 1;
    assert_int_equal(file->map->pages.count, 32);
    assert_non_null(radix_get(&file->map->pages, 4)); /* half of the window lies before the fault */
    assert_null(radix_get(&file->map->pages, 3));
    assert_int_equal(f->mm->pt.leaves, 1);
    mapped_file_put(file);
}

/* ---- bits, counts, failures ---- */

static void where_software_sets_a_it_is_set_so_that_loads_do_not_trap(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);

    for (unsigned hardware = 0; hardware < 2; hardware++) {
        f->config.hardware_ad = hardware != 0;
        fixture_map(f, BASE, 16 * PAGE, PROT_READ, MAP_SHARED, file);
        fixture_fault(f, BASE, MW_LOAD);
        assert_int_equal(pte_has(pt_lookup(&f->mm->pt, BASE + PAGE, NULL), PTE_A), hardware == 0);
        assert_int_equal(mm_munmap(f->mm, BASE, 16 * PAGE), 0);
    }
    mapped_file_put(file);
}

struct told {
    unsigned events;
    struct mw_event last;
};

static void note_around(void *context, const struct mw_event *event)
{
    struct told *told = context;

    told->events++;
    told->last = *event;
}

static void the_window_is_told_and_its_pages_are_counted(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);
    struct told told = {0};

    assert_int_equal(
        event_subscribe(&f->bus, MW_EVENT_BIT(MW_EVENT_FAULT_AROUND), note_around, &told), 0);
    fixture_map(f, BASE, 16 * PAGE, PROT_READ, MAP_SHARED, file);
    fixture_access(f, f->mm, BASE + 5 * PAGE, MW_LOAD);
    assert_int_equal(told.events, 1);
    assert_int_equal(told.last.arg[0], BASE);
    assert_int_equal(told.last.arg[1], BASE + 16 * PAGE);
    assert_int_equal(told.last.arg[2], 15);
    assert_int_equal(f->env.stats.around_pages, 15);
    assert_int_equal(f->env.stats.faults, 1);
    mapped_file_put(file);
}

static void without_a_frame_for_the_table_nothing_is_mapped_around(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = cached_file(f);
    const struct vma *v;
    struct frame *all[512];
    unsigned count = 0;

    fixture_map(f, BASE, 16 * PAGE, PROT_READ, MAP_SHARED, file);
    v = vma_set_find(&f->mm->vmas, BASE);
    while ((all[count] = frame_alloc(&f->frames, MW_OWNER_USER, false)) != NULL)
        count++;
    for (unsigned left = 0; left < 2; left++) { /* tables missing on the way: two */
        mm_fault_around(f->mm, v, BASE);
        assert_int_equal(f->mm->pt.leaves, 0);
        assert_int_equal(f->mm->pt.tables, 1);
        assert_int_equal(((struct frame *)radix_get(&file->map->pages, 1))->refs, 1);
        frame_put(&f->frames, all[--count]);
    }
    mm_fault_around(f->mm, v, BASE);
    assert_int_equal(f->mm->pt.leaves, 15);
    while (count > 0)
        frame_put(&f->frames, all[--count]);
    mapped_file_put(file);
}

static void a_window_of_which_nothing_is_cached_makes_no_table(void **state)
{
    struct fixture *f = *state;
    struct mapped_file *file = fixture_file(f, PAGES);

    f->config.fault_around_bytes = 16 * PAGE;
    fixture_map(f, BASE, 16 * PAGE, PROT_READ, MAP_SHARED, file);
    mm_fault_around(f->mm, vma_set_find(&f->mm->vmas, BASE), BASE);
    assert_int_equal(f->mm->pt.tables, 1);
    mapped_file_put(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_window_is_aligned_and_cut_as_linux_does_it),
        TEST(a_window_ends_with_the_file),
        TEST(the_size_is_a_power_of_two_of_pages_and_at_most_a_table),
        TEST(only_cached_pages_are_mapped_and_none_is_read_for_it),
        TEST(what_is_mapped_around_allows_no_store_and_is_the_cache_s),
        TEST(a_store_maps_nothing_around),
        TEST(pages_that_are_there_stay_as_they_are),
        TEST(pages_without_rights_are_there_too),
        TEST(guards_are_left_out),
        TEST(areas_that_a_userfaultfd_watches_for_stores_or_minor_faults_map_one_page),
        TEST(memory_without_a_file_shows_its_neighbours_too),
        TEST(a_page_with_the_mark_of_readahead_waits_for_a_fault_of_its_own),
        TEST(advice_on_an_area_decides_what_is_read_ahead),
        TEST(a_store_reads_ahead_and_maps_one_page),
        TEST(where_software_sets_a_it_is_set_so_that_loads_do_not_trap),
        TEST(the_window_is_told_and_its_pages_are_counted),
        TEST(without_a_frame_for_the_table_nothing_is_mapped_around),
        TEST(a_window_of_which_nothing_is_cached_makes_no_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
