/*
 * Looking at memory: mw_page_look, mw_smaps_next, mw_smaps_format. smaps_counts_pages.mw compares
 * the same with Linux; here are the fields that it does not.
 */
#include <mapwalk/fault.h>

#include "behaviour/world.h"

static struct mw_smaps smaps_of(struct world *w, int pid, uint64_t va)
{
    struct mw_smaps s;

    ck_assert_int_eq(mw_smaps_next(w->machine, pid, va, &s), 0);
    ck_assert_uint_le(s.vma.start, va);
    return s;
}

static struct mw_page page_of(struct world *w, uint64_t va)
{
    struct mw_page page;

    ck_assert_int_eq(mw_page_look(w->machine, w->pid, va, &page), 0);
    return page;
}

START_TEST(a_page_is_told_from_birth_to_copy)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    struct mw_page page = page_of(&w, p);
    int child;

    ck_assert(page.mapped && !page.present && !page.dirty);
    ck_assert(!page_of(&w, BASE).mapped);
    world_load(&w, p);
    page = page_of(&w, p);
    ck_assert(page.present && page.zero && page.accessed && !page.writable && !page.dirty);
    ck_assert(!page.anonymous && !page.file);
    world_store(&w, p, 1);
    page = page_of(&w, p);
    ck_assert(page.anonymous && page.writable && page.dirty && !page.zero);
    ck_assert_uint_eq(page.shared, 1);
    ck_assert_uint_ne(page.frame, 0);
    child = mw_fork(w.machine, w.pid);
    page = page_of(&w, p);
    ck_assert(page.anonymous && page.dirty && !page.writable);
    ck_assert_uint_eq(page.shared, 2);
    ck_assert_int_eq(mw_exit(w.machine, child, 0), 0);
    ck_assert_uint_eq(page_of(&w, p).shared, 1);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_NONE), 0);
    page = page_of(&w, p);
    ck_assert(page.present && !page.writable);
    ck_assert(!page.swapped && !page.soft_dirty && !page.uffd_wp);
    world_close(&w);
}
END_TEST

/* The zero page is as shared as there are entries that show it; the machine's own does not count. */
START_TEST(looking_changes_nothing)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);
    uint64_t hash;
    struct mw_page page;

    world_load(&w, p);
    world_load(&w, p + PAGE);
    ck_assert_uint_eq(page_of(&w, p).shared, 2);
    hash = mw_state_hash(w.machine);
    page_of(&w, p + 2 * PAGE);
    smaps_of(&w, w.pid, p);
    ck_assert_uint_eq(mw_state_hash(w.machine), hash);
    ck_assert_int_eq(mw_page_look(w.machine, 99, p, &page), -ESRCH);
    ck_assert_int_eq(mw_page_look(w.machine, w.pid, UINT64_MAX, &page), 0);
    ck_assert(!page.mapped);
    world_close(&w);
}
END_TEST

START_TEST(a_page_of_three_counts_a_third_for_each)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);
    struct mw_smaps s;
    int child;

    world_store(&w, p, 1);
    world_store(&w, p + PAGE, 1);
    world_load(&w, p + 2 * PAGE);
    child = mw_fork(w.machine, w.pid);
    ck_assert_int_gt(mw_fork(w.machine, w.pid), 0);
    world_store_of(&w, child, p, 2);
    s = smaps_of(&w, child, p);
    ck_assert_uint_eq(s.rss_bytes, 2 * PAGE);
    ck_assert_uint_eq(s.pss_bytes, PAGE + PAGE / 3);
    ck_assert_uint_eq(s.pss_dirty_bytes, s.pss_bytes);
    ck_assert_uint_eq(s.private_dirty_bytes, PAGE);
    ck_assert_uint_eq(s.shared_dirty_bytes, PAGE);
    ck_assert_uint_eq(s.private_clean_bytes + s.shared_clean_bytes, 0);
    ck_assert_uint_eq(s.anonymous_bytes, 2 * PAGE);
    ck_assert_uint_eq(smaps_of(&w, w.pid, p).pss_bytes, PAGE / 2 + PAGE / 3);
    world_close(&w);
}
END_TEST

START_TEST(pages_of_files_are_clean_until_they_are_written)
{
    struct world w = world_open();
    struct mw_smaps s;
    uint64_t p;
    int fd;

    world_file(&w, "/a", 2 * PAGE, 5);
    fd = world_open_file(&w, "/a", O_RDWR);
    p = world_map_file(&w, fd, 2 * PAGE, RW, MAP_SHARED);
    world_load(&w, p);
    world_load(&w, p + PAGE);
    ck_assert_int_eq(mw_sync(w.machine), 0);
    s = smaps_of(&w, w.pid, p);
    ck_assert_uint_eq(s.private_clean_bytes, 2 * PAGE);
    ck_assert_uint_eq(s.anonymous_bytes, 0);
    ck_assert_str_eq(s.vma.name, "/a");
    world_store(&w, p, 1);
    s = smaps_of(&w, w.pid, p);
    ck_assert_uint_eq(s.private_dirty_bytes, PAGE);
    ck_assert_uint_eq(s.private_clean_bytes, PAGE);
    ck_assert(page_of(&w, p).file);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    ck_assert_uint_eq(smaps_of(&w, w.pid, p).private_dirty_bytes, 0);
    world_close(&w);
}
END_TEST

START_TEST(locked_memory_counts_as_far_as_it_is_there)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);

    ck_assert_int_eq(mw_mlock2(w.machine, w.pid, p, 4 * PAGE, 1 /* MLOCK_ONFAULT */), 0);
    ck_assert_uint_eq(smaps_of(&w, w.pid, p).locked_bytes, 0);
    world_store(&w, p, 1);
    ck_assert_uint_eq(smaps_of(&w, w.pid, p).locked_bytes, PAGE);
    ck_assert_int_eq(mw_mlock(w.machine, w.pid, p, 4 * PAGE), 0);
    ck_assert_uint_eq(smaps_of(&w, w.pid, p).locked_bytes, 4 * PAGE);
    ck_assert_int_eq(mw_munlock(w.machine, w.pid, p, 4 * PAGE), 0);
    ck_assert_uint_eq(smaps_of(&w, w.pid, p).locked_bytes, 0);
    world_close(&w);
}
END_TEST

/* As a process of Linux 6.18 shows the same areas. */
START_TEST(flags_are_named_in_linux_order)
{
    struct world w = world_open();
    uint64_t huge = (uint64_t)2 << 20;
    int u;

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    ck_assert_str_eq(smaps_of(&w, w.pid, BASE).vm_flags, "rd wr mr mw me ac");
    mw_madvise(w.machine, w.pid, BASE, PAGE, MADV_MERGEABLE);
    mw_madvise(w.machine, w.pid, BASE, PAGE, MADV_HUGEPAGE);
    mw_madvise(w.machine, w.pid, BASE, PAGE, MADV_DONTFORK);
    mw_madvise(w.machine, w.pid, BASE, PAGE, MADV_DONTDUMP);
    mw_madvise(w.machine, w.pid, BASE, PAGE, MADV_WIPEONFORK);
    mw_mlock2(w.machine, w.pid, BASE, PAGE, 1);
    mw_mseal(w.machine, w.pid, BASE, PAGE, 0);
    ck_assert_str_eq(smaps_of(&w, w.pid, BASE).vm_flags,
                     "rd wr mr mw me lo dc lf ac wf dd hg mg sl");
    world_map_at(&w, BASE + 2 * PAGE, PAGE, PROT_READ, MAP_SHARED);
    ck_assert_str_eq(smaps_of(&w, w.pid, BASE + 2 * PAGE).vm_flags, "rd sh mr mw me ms");
    world_map_at(&w, BASE + 4 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_STACK | MAP_NORESERVE);
    mw_madvise(w.machine, w.pid, BASE + 4 * PAGE, PAGE, MADV_SEQUENTIAL);
    ck_assert_str_eq(smaps_of(&w, w.pid, BASE + 4 * PAGE).vm_flags, "rd wr mr mw me sr nr nh");
    world_map_at(&w, BASE + huge, huge, RW, MAP_PRIVATE);
    ck_assert(!smaps_of(&w, w.pid, BASE + huge).thp_eligible);
    mw_madvise(w.machine, w.pid, BASE + huge, huge, MADV_HUGEPAGE);
    ck_assert(smaps_of(&w, w.pid, BASE + huge).thp_eligible);
    u = mw_uffd_open(w.machine, w.pid, 1);
    mw_uffd_api(w.machine, u, 0xaa, 0);
    mw_uffd_register(w.machine, u, BASE + huge, huge, MW_UFFD_MISSING | MW_UFFD_WP);
    ck_assert_str_eq(smaps_of(&w, w.pid, BASE + huge).vm_flags, "rd wr mr mw me um uw ac hg");
    world_close(&w);
}
END_TEST

START_TEST(the_text_is_that_of_linux)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);
    struct mw_smaps s;
    char text[1024];
    char small[16];

    world_store(&w, p, 1);
    s = smaps_of(&w, w.pid, p);
    mw_smaps_format(&s, text, sizeof(text));
    ck_assert_str_eq(text, "Size:                 16 kB\n"
                           "KernelPageSize:        4 kB\n"
                           "MMUPageSize:           4 kB\n"
                           "Rss:                   4 kB\n"
                           "Pss:                   4 kB\n"
                           "Pss_Dirty:             4 kB\n"
                           "Shared_Clean:          0 kB\n"
                           "Shared_Dirty:          0 kB\n"
                           "Private_Clean:         0 kB\n"
                           "Private_Dirty:         4 kB\n"
                           "Referenced:            4 kB\n"
                           "Anonymous:             4 kB\n"
                           "KSM:                   0 kB\n"
                           "LazyFree:              0 kB\n"
                           "AnonHugePages:         0 kB\n"
                           "ShmemPmdMapped:        0 kB\n"
                           "FilePmdMapped:         0 kB\n"
                           "Shared_Hugetlb:        0 kB\n"
                           "Private_Hugetlb:       0 kB\n"
                           "Swap:                  0 kB\n"
                           "SwapPss:               0 kB\n"
                           "Locked:                0 kB\n"
                           "THPeligible:           0\n"
                           "VmFlags: rd wr mr mw me ac \n");
    mw_smaps_format(&s, small, sizeof(small));
    ck_assert_str_eq(small, "Size:          ");
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_page_is_told_from_birth_to_copy,
        looking_changes_nothing,
        a_page_of_three_counts_a_third_for_each,
        pages_of_files_are_clean_until_they_are_written,
        locked_memory_counts_as_far_as_it_is_there,
        flags_are_named_in_linux_order,
        the_text_is_that_of_linux,
    };

    return world_run("smaps", tests, sizeof(tests) / sizeof(tests[0]));
}
