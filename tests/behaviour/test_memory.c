/*
 * Anonymous memory: what it holds, which faults its pages take, and that no TLB remembers what is
 * gone.
 */
#include "behaviour/world.h"

/* ---- contents ---- */

START_TEST(fresh_memory_reads_zero)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);
    uint8_t page[PAGE];

    for (unsigned i = 0; i < 4; i++) {
        memset(page, 0xff, PAGE);
        ck_assert_int_eq(mw_load(w.machine, w.pid, p + i * PAGE, page, PAGE, NULL), 0);
        for (unsigned byte = 0; byte < PAGE; byte++)
            ck_assert_uint_eq(page[byte], 0);
    }
    world_close(&w);
}
END_TEST

START_TEST(every_page_keeps_what_was_stored)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 64 * PAGE, RW, MAP_PRIVATE);

    for (unsigned i = 0; i < 64; i++)
        world_store(&w, p + i * PAGE + i, (uint8_t)(i + 1));
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_eq(world_load(&w, p + i * PAGE + i), i + 1);
        ck_assert_uint_eq(world_load(&w, p + i * PAGE + i + 1), 0);
    }
    world_close(&w);
}
END_TEST

START_TEST(a_recycled_frame_shows_nothing_of_its_former_owner)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 8 * PAGE, RW, MAP_PRIVATE);

    for (unsigned i = 0; i < 8; i++)
        world_store(&w, p + i * PAGE, 0xaa);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, 8 * PAGE), 0);
    p = world_map(&w, 8 * PAGE, RW, MAP_PRIVATE);
    for (unsigned i = 0; i < 8; i++) {
        world_store(&w, p + i * PAGE + 1, 1);
        ck_assert_uint_eq(world_load(&w, p + i * PAGE), 0);
    }
    world_close(&w);
}
END_TEST

/* ---- which faults ---- */

START_TEST(a_first_read_maps_the_zero_page_and_a_later_write_copies_it)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    uint64_t frames;

    ck_assert_uint_eq(world_load_reason(&w, w.pid, p), MW_REASON_ZERO_PAGE);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p + 100), NO_FAULT);
    frames = world_frames(&w);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_COW_COPY);
    ck_assert_uint_eq(world_frames(&w), frames + 1);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), NO_FAULT);
    ck_assert_uint_eq(world_load(&w, p + 1), 0);
    world_close(&w);
}
END_TEST

START_TEST(all_zero_pages_are_one_frame)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 100 * PAGE, RW, MAP_PRIVATE);
    uint64_t frames;

    world_load(&w, p);
    frames = world_frames(&w);
    for (unsigned i = 0; i < 100; i++)
        world_load(&w, p + i * PAGE);
    ck_assert_uint_eq(world_frames(&w), frames);
    ck_assert_uint_eq(world_pte(&w, w.pid, p) >> 10, world_pte(&w, w.pid, p + 99 * PAGE) >> 10);
    world_close(&w);
}
END_TEST

START_TEST(a_first_write_takes_one_fault_and_one_frame)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    uint64_t frames;

    world_store(&w, p, 1); /* the page tables are there now */
    frames = world_frames(&w);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + PAGE), MW_REASON_ANONYMOUS);
    ck_assert_uint_eq(world_frames(&w), frames + 1);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p + PAGE), NO_FAULT);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + 2 * PAGE - 1), NO_FAULT);
    world_close(&w);
}
END_TEST

START_TEST(populate_leaves_no_fault_to_take)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 5 * PAGE, RW, MAP_PRIVATE | MAP_POPULATE);

    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(world_store_reason(&w, w.pid, p + i * PAGE), NO_FAULT);
        ck_assert_uint_eq(world_load_reason(&w, w.pid, p + i * PAGE), NO_FAULT);
    }
    world_close(&w);
}
END_TEST

START_TEST(populate_with_nonblock_brings_nothing_in)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE | MAP_POPULATE | MAP_NONBLOCK);

    ck_assert_uint_eq(world_pte(&w, w.pid, p), 0);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_ANONYMOUS);
    world_close(&w);
}
END_TEST

START_TEST(populate_leaves_inaccessible_memory_alone)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, PROT_NONE, MAP_PRIVATE | MAP_POPULATE);
    struct mw_signal signal = world_load_signal(&w, p);

    ck_assert_uint_eq(world_pte(&w, w.pid, p), 0);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, p, MW_REASON_PROTECTION);
    world_close(&w);
}
END_TEST

/* ---- accesses that cross a page ---- */

START_TEST(a_store_across_a_page_boundary_reaches_both_pages)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    uint64_t value = UINT64_C(0x1122334455667788);
    uint64_t back = 0;

    ck_assert_int_eq(mw_store(w.machine, w.pid, p + PAGE - 3, &value, 8, NULL), 0);
    ck_assert_int_eq(mw_load(w.machine, w.pid, p + PAGE - 3, &back, 8, NULL), 0);
    ck_assert_uint_eq(back, value);
    ck_assert_uint_eq(world_load(&w, p + PAGE - 1), 0x66);
    ck_assert_uint_eq(world_load(&w, p + PAGE), 0x55);
    world_close(&w);
}
END_TEST

START_TEST(a_crossing_store_into_nothing_stores_nothing)
{
    struct world w = world_open();
    uint64_t value = UINT64_MAX;
    struct mw_signal signal;

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(mw_store(w.machine, w.pid, BASE + PAGE - 4, &value, 8, &signal), -EFAULT);
    world_assert_signal(&signal, SIGSEGV, SEGV_MAPERR, BASE + PAGE, MW_REASON_INVALID);
    for (unsigned i = 1; i <= 4; i++)
        ck_assert_uint_eq(world_load(&w, BASE + PAGE - i), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_crossing_access_from_nothing_names_its_first_byte)
{
    struct world w = world_open();
    uint64_t value = UINT64_MAX;
    struct mw_signal signal;

    world_map_at(&w, BASE + PAGE, PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(mw_store(w.machine, w.pid, BASE + PAGE - 4, &value, 8, &signal), -EFAULT);
    world_assert_signal(&signal, SIGSEGV, SEGV_MAPERR, BASE + PAGE - 4, MW_REASON_INVALID);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_touch_faults_but_moves_no_byte)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);

    world_store(&w, p, 7);
    ck_assert_int_eq(mw_touch(w.machine, w.pid, p + PAGE - 1, 2, MW_STORE, NULL), 0);
    ck_assert_uint_eq(world_load(&w, p), 7);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + PAGE), NO_FAULT);
    world_close(&w);
}
END_TEST

START_TEST(accesses_of_no_byte_or_too_many_are_refused)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    uint8_t bytes[PAGE + 1] = {0};

    ck_assert_int_eq(mw_load(w.machine, w.pid, p, bytes, 0, NULL), -EINVAL);
    ck_assert_int_eq(mw_load(w.machine, w.pid, p, bytes, PAGE + 1, NULL), -EINVAL);
    ck_assert_int_eq(mw_store(w.machine, w.pid, p, bytes, PAGE + 1, NULL), -EINVAL);
    ck_assert_int_eq(mw_load(w.machine, w.pid + 1, p, bytes, 1, NULL), -ESRCH);
    ck_assert_int_eq(mw_store(w.machine, w.pid, p + 1, bytes, PAGE, NULL), 0);
    world_close(&w);
}
END_TEST

/* ---- signals ---- */

START_TEST(nothing_mapped_is_a_map_error_everywhere)
{
    const uint64_t places[] = {
        0, 8, BASE, (UINT64_C(1) << 38) - 1, UINT64_C(1) << 38, UINT64_C(1) << 62, UINT64_MAX};
    struct world w = world_open();

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct mw_signal load = world_load_signal(&w, places[i]);
        struct mw_signal store = world_store_signal(&w, places[i]);

        world_assert_signal(&load, SIGSEGV, SEGV_MAPERR, places[i], MW_REASON_INVALID);
        world_assert_signal(&store, SIGSEGV, SEGV_MAPERR, places[i], MW_REASON_INVALID);
    }
    ck_assert_uint_eq(world_stats(&w).other.signals, 2 * sizeof(places) / sizeof(places[0]));
    world_close(&w);
}
END_TEST

START_TEST(rights_decide_each_kind_of_access)
{
    static const struct {
        int prot;
        bool load, store, fetch; /* write brings read, execute does not (riscv64) */
    } cases[] = {
        {PROT_NONE, false, false, false},
        {PROT_READ, true, false, false},
        {PROT_WRITE, true, true, false},
        {PROT_EXEC, false, false, true},
        {PROT_READ | PROT_WRITE, true, true, false},
        {PROT_READ | PROT_EXEC, true, false, true},
        {PROT_WRITE | PROT_EXEC, true, true, true},
        {PROT_READ | PROT_WRITE | PROT_EXEC, true, true, true},
    };
    struct world w = world_open();

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t p = world_map(&w, 3 * PAGE, cases[i].prot, MAP_PRIVATE);
        uint8_t byte = 0;
        struct mw_signal signal;

        ck_assert_int_eq(mw_load(w.machine, w.pid, p, &byte, 1, &signal),
                         cases[i].load ? 0 : -EFAULT);
        ck_assert_int_eq(signal.code, cases[i].load ? 0 : SEGV_ACCERR);
        ck_assert_int_eq(mw_store(w.machine, w.pid, p + PAGE, &byte, 1, &signal),
                         cases[i].store ? 0 : -EFAULT);
        ck_assert_int_eq(signal.code, cases[i].store ? 0 : SEGV_ACCERR);
        ck_assert_int_eq(mw_fetch(w.machine, w.pid, p + 2 * PAGE, &byte, 1, &signal),
                         cases[i].fetch ? 0 : -EFAULT);
        ck_assert_int_eq(signal.code, cases[i].fetch ? 0 : SEGV_ACCERR);
    }
    world_close(&w);
}
END_TEST

START_TEST(an_atomic_access_needs_the_right_to_write)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    struct mw_signal signal;

    ck_assert_int_eq(mw_touch(w.machine, w.pid, p, 8, MW_AMO, &signal), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_READ), 0);
    ck_assert_int_eq(mw_touch(w.machine, w.pid, p, 8, MW_AMO, &signal), -EFAULT);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, p, MW_REASON_PROTECTION);
    world_close(&w);
}
END_TEST

START_TEST(a_signal_is_the_only_trace_of_a_refused_store)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, PROT_READ, MAP_PRIVATE);
    uint64_t hash;

    world_load(&w, p);
    hash = mw_state_hash(w.machine);
    world_store_signal(&w, p + 5);
    ck_assert_uint_eq(mw_state_hash(w.machine), hash);
    ck_assert_uint_eq(world_load(&w, p + 5), 0);
    world_close(&w);
}
END_TEST

/* ---- the TLB ---- */

START_TEST(an_unmapped_page_is_gone_at_once)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 3 * PAGE, RW, MAP_PRIVATE);
    struct mw_signal signal;

    for (unsigned i = 0; i < 3; i++)
        world_store(&w, p + i * PAGE, 1); /* the TLB holds all three */
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p + PAGE, PAGE), 0);
    signal = world_load_signal(&w, p + PAGE);
    world_assert_signal(&signal, SIGSEGV, SEGV_MAPERR, p + PAGE, MW_REASON_INVALID);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p), NO_FAULT);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p + 2 * PAGE), NO_FAULT);
    world_close(&w);
}
END_TEST

START_TEST(a_lost_right_is_lost_at_once)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    struct mw_signal signal;

    world_store(&w, p, 9);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_READ), 0);
    signal = world_store_signal(&w, p);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, p, MW_REASON_PROTECTION);
    ck_assert_uint_eq(world_load(&w, p), 9);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_NONE), 0);
    signal = world_load_signal(&w, p);
    world_assert_signal(&signal, SIGSEGV, SEGV_ACCERR, p, MW_REASON_PROTECTION);
    world_close(&w);
}
END_TEST

/* More pages than a shootdown names one by one, so that it flushes the whole address space. */
START_TEST(a_large_unmap_leaves_no_translation_behind)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 200 * PAGE, RW, MAP_PRIVATE);

    for (unsigned i = 0; i < 200; i++)
        world_store(&w, p + i * PAGE, 1);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, 200 * PAGE), 0);
    for (unsigned i = 0; i < 200; i++)
        ck_assert(!world_mapped(&w, p + i * PAGE));
    world_close(&w);
}
END_TEST

START_TEST(a_new_mapping_at_an_old_place_shows_new_memory)
{
    struct world w = world_open();

    for (unsigned i = 0; i < 20; i++) {
        world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
        ck_assert_uint_eq(world_load(&w, BASE), 0);
        world_store(&w, BASE, (uint8_t)(i + 1));
    }
    world_close(&w);
}
END_TEST

/*
 * One address in many processes: only the address-space identifier (or the flush) tells them apart.
 * /
 */
static void check_processes_apart(unsigned asid_bits)
{
    struct mw_config config = world_config();
    struct world w;
    int pids[6];

    config.asid_bits = asid_bits;
    w = world_open_with(&config);
    for (unsigned i = 0; i < 6; i++) {
        pids[i] = mw_spawn(w.machine);
        ck_assert_int_eq(mw_mmap(w.machine, pids[i], BASE, PAGE, RW, ANON_FIXED, -1, 0),
                         (int64_t)BASE);
        world_store_of(&w, pids[i], BASE, (uint8_t)(i + 1));
    }
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 6; i++)
            ck_assert_uint_eq(world_load_of(&w, pids[i], BASE), i + 1);
    world_close(&w);
}

START_TEST(one_address_means_something_else_in_each_process)
{
    check_processes_apart(16);
    check_processes_apart(2); /* fewer identifiers than processes: they are handed out anew */
    check_processes_apart(0);
}
END_TEST

/* ---- the same in every mode ---- */

static void check_in_mode(enum mw_mode mode, bool hardware_ad, uint32_t harts)
{
    struct mw_config config = world_config();
    struct world w;
    uint64_t p;

    config.mode = mode;
    config.hardware_ad = hardware_ad;
    config.harts = harts;
    w = world_open_with(&config);
    p = world_map(&w, 4 * PAGE, RW, MAP_PRIVATE);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p), MW_REASON_ZERO_PAGE);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_COW_COPY);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), NO_FAULT);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + PAGE), MW_REASON_ANONYMOUS);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, PAGE), 0);
    ck_assert(!world_mapped(&w, p));
    world_close(&w);
}

START_TEST(memory_behaves_the_same_in_every_paging_mode)
{
    for (int mode = MW_MODE_SV39; mode <= MW_MODE_SV57; mode++) {
        check_in_mode((enum mw_mode)mode, true, 1);
        check_in_mode((enum mw_mode)mode, false, 1);
        check_in_mode((enum mw_mode)mode, true, 4);
    }
}
END_TEST

START_TEST(without_hardware_dirty_bits_one_fault_still_makes_a_page_writable)
{
    struct mw_config config = world_config();
    struct world w;
    uint64_t p;

    config.hardware_ad = false;
    w = world_open_with(&config);
    p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    world_store(&w, p, 1);
    ck_assert_int_eq(mw_fork(w.machine, w.pid), w.pid + 1);
    ck_assert_int_eq(mw_exit(w.machine, w.pid + 1, 0), 0);
    /*
     * The copy is gone, so the page is the parent's again: written without a copy, D set by
     * software.
     */
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_COW_REUSE);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), NO_FAULT);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        fresh_memory_reads_zero,
        every_page_keeps_what_was_stored,
        a_recycled_frame_shows_nothing_of_its_former_owner,
        a_first_read_maps_the_zero_page_and_a_later_write_copies_it,
        all_zero_pages_are_one_frame,
        a_first_write_takes_one_fault_and_one_frame,
        populate_leaves_no_fault_to_take,
        populate_with_nonblock_brings_nothing_in,
        populate_leaves_inaccessible_memory_alone,
        a_store_across_a_page_boundary_reaches_both_pages,
        a_crossing_store_into_nothing_stores_nothing,
        a_crossing_access_from_nothing_names_its_first_byte,
        a_touch_faults_but_moves_no_byte,
        accesses_of_no_byte_or_too_many_are_refused,
        nothing_mapped_is_a_map_error_everywhere,
        rights_decide_each_kind_of_access,
        an_atomic_access_needs_the_right_to_write,
        a_signal_is_the_only_trace_of_a_refused_store,
        an_unmapped_page_is_gone_at_once,
        a_lost_right_is_lost_at_once,
        a_large_unmap_leaves_no_translation_behind,
        a_new_mapping_at_an_old_place_shows_new_memory,
        one_address_means_something_else_in_each_process,
        memory_behaves_the_same_in_every_paging_mode,
        without_hardware_dirty_bits_one_fault_still_makes_a_page_writable,
    };

    return world_run("memory", tests, sizeof(tests) / sizeof(tests[0]));
}
