/*
 * munmap and mprotect: which areas and pages they change, and where they stop.
 */
#include "behaviour/world.h"

#define USER_END (UINT64_C(1) << 38)

/* `pages` pages at BASE, page i filled with i + 1 at its first byte. */
static void fill(struct world *w, unsigned pages)
{
    world_map_at(w, BASE, pages * PAGE, RW, MAP_PRIVATE);
    for (unsigned i = 0; i < pages; i++)
        world_store(w, BASE + i * PAGE, (uint8_t)(i + 1));
}

/* Pages [first, end) of `pages` are gone with MAPERR; the others hold what fill put there. */
static void check_only_gone(struct world *w, unsigned pages, unsigned first, unsigned end)
{
    for (unsigned i = 0; i < pages; i++) {
        uint64_t va = BASE + i * PAGE;

        if (i >= first && i < end) {
            struct mw_signal signal = world_load_signal(w, va);

            world_assert_signal(&signal, SIGSEGV, SEGV_MAPERR, va, MW_REASON_INVALID);
        } else {
            ck_assert_uint_eq(world_load(w, va), i + 1);
        }
    }
}

/* ---- munmap ---- */

static void check_unmap(unsigned first, unsigned end, unsigned areas)
{
    struct world w = world_open();
    uint64_t frames;

    fill(&w, 8);
    frames = world_frames(&w);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + first * PAGE, (end - first) * PAGE), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), areas);
    ck_assert_uint_le(world_frames(&w), frames - (end - first));
    check_only_gone(&w, 8, first, end);
    world_close(&w);
}

START_TEST(munmap_takes_head_tail_middle_or_all)
{
    check_unmap(0, 3, 1);
    check_unmap(5, 8, 1);
    check_unmap(3, 5, 2);
    check_unmap(0, 8, 0);
}
END_TEST

START_TEST(munmap_rounds_the_length_up)
{
    struct world w = world_open();

    fill(&w, 3);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, PAGE + 1), 0);
    check_only_gone(&w, 3, 0, 2);
    world_close(&w);
}
END_TEST

START_TEST(munmap_goes_over_several_areas_and_holes)
{
    struct world w = world_open();

    fill(&w, 10);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 3 * PAGE, PAGE, PROT_READ), 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 5 * PAGE, PAGE), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 4);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + PAGE, 7 * PAGE), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    check_only_gone(&w, 10, 1, 8);
    world_close(&w);
}
END_TEST

START_TEST(munmap_of_nothing_succeeds)
{
    struct world w = world_open();
    uint64_t hash;

    fill(&w, 2);
    hash = mw_state_hash(w.machine);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 10 * PAGE, 10 * PAGE), 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, USER_END - PAGE, PAGE), 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, 0, PAGE), 0);
    ck_assert_uint_eq(mw_state_hash(w.machine), hash);
    world_close(&w);
}
END_TEST

START_TEST(munmap_refuses_bad_ranges)
{
    struct world w = world_open();

    fill(&w, 2);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 1, PAGE), -EINVAL);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, 0), -EINVAL);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, UINT64_MAX), -EINVAL);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, USER_END), -EINVAL);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, USER_END, PAGE), -EINVAL);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, -(uint64_t)PAGE, PAGE), -EINVAL);
    ck_assert_int_eq(mw_munmap(w.machine, 99, BASE, PAGE), -ESRCH);
    check_only_gone(&w, 2, 0, 0);
    world_close(&w);
}
END_TEST

START_TEST(the_whole_of_user_space_can_be_unmapped)
{
    struct world w = world_open();
    uint64_t frames = world_frames(&w);

    fill(&w, 4);
    world_store(&w, world_map(&w, PAGE, RW, MAP_SHARED), 1);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, 0, USER_END), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 0);
    ck_assert_uint_eq(world_frames(&w), frames);
    world_close(&w);
}
END_TEST

START_TEST(munmap_gives_page_tables_back)
{
    struct world w = world_open();
    uint64_t tables = world_stats(&w).frames.by_owner[MW_OWNER_TABLE];

    for (unsigned i = 0; i < 8; i++) {
        world_map_at(&w, BASE + ((uint64_t)i << 30), PAGE, RW, MAP_PRIVATE);
        world_store(&w, BASE + ((uint64_t)i << 30), 1);
    }
    ck_assert_uint_eq(world_stats(&w).frames.by_owner[MW_OWNER_TABLE], tables + 16);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, UINT64_C(8) << 30), 0);
    ck_assert_uint_eq(world_stats(&w).frames.by_owner[MW_OWNER_TABLE], tables);
    world_close(&w);
}
END_TEST

/* ---- mprotect ---- */

START_TEST(mprotect_splits_an_area_and_merges_it_back)
{
    struct world w = world_open();

    fill(&w, 5);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 2 * PAGE, PAGE, PROT_READ), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 3);
    ck_assert_int_eq(world_vma(&w, BASE + 2 * PAGE).prot, PROT_READ);
    ck_assert_int_eq(world_vma(&w, BASE + 3 * PAGE).prot, RW);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 2 * PAGE, PAGE, RW), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    check_only_gone(&w, 5, 0, 0);
    world_close(&w);
}
END_TEST

START_TEST(mprotect_over_several_areas_makes_them_one)
{
    struct world w = world_open();

    fill(&w, 6);
    for (unsigned i = 1; i < 6; i += 2)
        ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + i * PAGE, PAGE, PROT_READ), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 6);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 6 * PAGE, PROT_READ | PROT_EXEC), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    check_only_gone(&w, 6, 0, 0);
    world_close(&w);
}
END_TEST

START_TEST(a_store_to_a_read_only_page_is_an_access_error)
{
    struct world w = world_open();
    struct mw_signal signal;

    fill(&w, 2);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, PAGE, PROT_READ), 0);
    signal = world_store_signal(&w, BASE + 17);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, BASE + 17, MW_REASON_PROTECTION);
    world_store(&w, BASE + PAGE, 2);
    check_only_gone(&w, 2, 0, 0);
    world_close(&w);
}
END_TEST

START_TEST(no_rights_at_all_keep_the_contents)
{
    struct world w = world_open();

    fill(&w, 3);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 3 * PAGE, PROT_NONE), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(world_load_signal(&w, BASE + i * PAGE).code, SEGV_ACCERR);
        ck_assert_int_eq(world_store_signal(&w, BASE + i * PAGE).code, SEGV_ACCERR);
    }
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 3 * PAGE, RW), 0);
    check_only_gone(&w, 3, 0, 0);
    world_store(&w, BASE, 1);
    world_close(&w);
}
END_TEST

START_TEST(mprotect_stops_at_a_hole_and_what_came_before_stays_changed)
{
    struct world w = world_open();

    fill(&w, 6);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 3 * PAGE, PAGE), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + PAGE, 5 * PAGE, PROT_READ), -ENOMEM);
    ck_assert_int_eq(world_vma(&w, BASE).prot, RW);
    ck_assert_int_eq(world_vma(&w, BASE + PAGE).prot, PROT_READ);
    ck_assert_int_eq(world_vma(&w, BASE + 2 * PAGE).prot, PROT_READ);
    ck_assert_int_eq(world_vma(&w, BASE + 4 * PAGE).prot, RW);
    ck_assert_int_eq(world_store_signal(&w, BASE + 2 * PAGE).code, SEGV_ACCERR);
    world_store(&w, BASE + 4 * PAGE, 5);
    world_close(&w);
}
END_TEST

START_TEST(mprotect_checks_its_arguments_in_this_order)
{
    struct world w = world_open();
    uint64_t hash;

    fill(&w, 2);
    hash = mw_state_hash(w.machine);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 1, 0, 0x10), -EINVAL);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 100 * PAGE, 0, 0x10), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, UINT64_MAX, 0x10), -ENOMEM);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, -BASE, PROT_READ), -ENOMEM);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 100 * PAGE, PAGE, 0x10), -EINVAL);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE + 100 * PAGE, PAGE, PROT_READ), -ENOMEM);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE - PAGE, 2 * PAGE, PROT_READ), -ENOMEM);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 2 * PAGE, RW | 0x8), 0); /* PROT_SEM */
    ck_assert_int_eq(mw_mprotect(w.machine, 99, BASE, PAGE, PROT_READ), -ESRCH);
    ck_assert_uint_eq(mw_state_hash(w.machine), hash);
    world_close(&w);
}
END_TEST

START_TEST(a_shared_mapping_of_a_read_only_file_never_becomes_writable)
{
    struct world w = world_open();
    uint64_t p;

    world_file(&w, "/f", 2 * PAGE, 'f');
    p = world_map_file(&w, world_open_file(&w, "/f", O_RDONLY), 2 * PAGE, PROT_READ, MAP_SHARED);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, RW), -EACCES);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_NONE), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_WRITE), -EACCES);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_READ | PROT_EXEC), 0);
    ck_assert_int_eq(world_store_signal(&w, p).code, SEGV_ACCERR);
    /* A private one may: its stores stay its own. */
    p = world_map_file(&w, 0, PAGE, PROT_READ, MAP_PRIVATE);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, RW), 0);
    world_store(&w, p, 'x');
    ck_assert_uint_eq(world_file_byte(&w, "/f", 0), 'f');
    world_close(&w);
}
END_TEST

START_TEST(mprotect_stops_at_the_area_that_may_not_be_written)
{
    struct world w = world_open();

    fill(&w, 3);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 3 * PAGE, PROT_READ), 0);
    world_file(&w, "/f", PAGE, 'f');
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDONLY), 0);
    ck_assert_int_gt(
        mw_mmap(w.machine, w.pid, BASE + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, 0, 0), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 3 * PAGE, RW), -EACCES);
    ck_assert_int_eq(world_vma(&w, BASE).prot, RW);
    ck_assert_int_eq(world_vma(&w, BASE + PAGE).prot, PROT_READ);
    ck_assert_int_eq(world_vma(&w, BASE + 2 * PAGE).prot, PROT_READ);
    world_close(&w);
}
END_TEST

START_TEST(write_permission_given_back_does_not_undo_copy_on_write)
{
    struct world w = world_open();
    int child;

    fill(&w, 1);
    child = mw_fork(w.machine, w.pid);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, PAGE, PROT_NONE), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, PAGE, RW), 0);
    world_store(&w, BASE, 0x77);
    ck_assert_uint_eq(world_load_of(&w, child, BASE), 1);
    world_close(&w);
}
END_TEST

START_TEST(write_permission_does_not_make_the_zero_page_writable)
{
    struct world w = world_open();

    world_map_at(&w, BASE, 2 * PAGE, PROT_READ, MAP_PRIVATE);
    ck_assert_uint_eq(world_load(&w, BASE), 0);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, 2 * PAGE, RW), 0);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, BASE), MW_REASON_COW_COPY);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        munmap_takes_head_tail_middle_or_all,
        munmap_rounds_the_length_up,
        munmap_goes_over_several_areas_and_holes,
        munmap_of_nothing_succeeds,
        munmap_refuses_bad_ranges,
        the_whole_of_user_space_can_be_unmapped,
        munmap_gives_page_tables_back,
        mprotect_splits_an_area_and_merges_it_back,
        mprotect_over_several_areas_makes_them_one,
        a_store_to_a_read_only_page_is_an_access_error,
        no_rights_at_all_keep_the_contents,
        mprotect_stops_at_a_hole_and_what_came_before_stays_changed,
        mprotect_checks_its_arguments_in_this_order,
        a_shared_mapping_of_a_read_only_file_never_becomes_writable,
        mprotect_stops_at_the_area_that_may_not_be_written,
        write_permission_given_back_does_not_undo_copy_on_write,
        write_permission_does_not_make_the_zero_page_writable,
    };

    return world_run("areas", tests, sizeof(tests) / sizeof(tests[0]));
}
