/* Harts of a board: accesses through tables that the test built, registers, fences, looking. */
#include <errno.h>
#include <string.h>

#include "unit/board/rig.h"

static uint64_t load_word(struct rig *r, unsigned hart, uint64_t va)
{
    uint64_t word = 0;

    assert_int_equal(mw_hart_load(r->board, hart, va, &word, sizeof(word), NULL), 0);
    return word;
}

static struct mw_trap load_trap(struct rig *r, uint64_t va)
{
    struct mw_trap trap = {0};
    uint64_t word = 0x55;

    assert_int_equal(mw_hart_load(r->board, 0, va, &word, sizeof(word), &trap), -EFAULT);
    assert_int_equal(word, 0x55);
    return trap;
}

static struct mw_trap store_trap(struct rig *r, uint64_t va)
{
    struct mw_trap trap = {0};
    uint64_t word = 0xaa;

    assert_int_equal(mw_hart_store(r->board, 0, va, &word, sizeof(word), &trap), -EFAULT);
    return trap;
}

static void assert_trap(struct mw_trap trap, enum mw_cause cause, enum mw_walk_error error,
                        enum mw_access access, uint64_t va)
{
    assert_int_equal(trap.cause, cause);
    assert_int_equal(trap.error, error);
    assert_int_equal(trap.access, access);
    assert_int_equal(trap.va, va);
}

static struct mw_hart_counters counters(const struct rig *r, unsigned hart)
{
    struct mw_hart_counters seen;

    assert_int_equal(mw_hart_read_counters(r->board, hart, &seen), 0);
    return seen;
}

/* ---- accesses ---- */

static void stores_and_loads_reach_the_frame_that_the_table_names(void **state)
{
    uint64_t word = 0x1122334455667788;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 3, RIG_RW);
    assert_int_equal(mw_hart_store(r.board, 0, RIG_VA + 16, &word, sizeof(word), NULL), 0);
    assert_int_equal(*rig_word(&r, RIG_FRAME + 3 * RIG_PAGE + 16), word);
    *rig_word(&r, RIG_FRAME + 3 * RIG_PAGE + 24) = 77;
    assert_int_equal(load_word(&r, 0, RIG_VA + 24), 77);
    assert_int_equal(*rig_pte(&r, RIG_VA) & RIG_AD, RIG_AD);
    rig_stop(&r);
}

static void a_fetch_wants_x_and_a_load_r(void **state)
{
    struct mw_trap trap;
    uint16_t parcel = 0;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RX);
    rig_map(&r, RIG_VA + RIG_PAGE, 1, RIG_RW);
    *rig_word(&r, RIG_FRAME) = 0x4501;
    assert_int_equal(mw_hart_fetch(r.board, 0, RIG_VA, &parcel, sizeof(parcel), &trap), 0);
    assert_int_equal(parcel, 0x4501);
    assert_int_equal(mw_hart_fetch(r.board, 0, RIG_VA + RIG_PAGE, &parcel, 2, &trap), -EFAULT);
    assert_trap(trap, MW_CAUSE_FETCH_PAGE, MW_WALK_NO_EXECUTE, MW_FETCH, RIG_VA + RIG_PAGE);
    assert_trap(store_trap(&r, RIG_VA), MW_CAUSE_STORE_PAGE, MW_WALK_NO_WRITE, MW_STORE, RIG_VA);
    rig_stop(&r);
}

static void an_invalid_pte_traps_and_the_repaired_access_succeeds(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    assert_trap(load_trap(&r, RIG_VA), MW_CAUSE_LOAD_PAGE, MW_WALK_INVALID, MW_LOAD, RIG_VA);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    assert_int_equal(load_word(&r, 0, RIG_VA), 0);
    assert_int_equal(counters(&r, 0).traps, 1);
    rig_stop(&r);
}

static void a_crossing_access_that_traps_names_the_second_page_and_moves_nothing(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    assert_trap(store_trap(&r, RIG_VA + RIG_PAGE - 4), MW_CAUSE_STORE_PAGE, MW_WALK_INVALID,
                MW_STORE, RIG_VA + RIG_PAGE);
    assert_int_equal(*rig_word(&r, RIG_FRAME + RIG_PAGE - 8), 0);
    rig_stop(&r);
}

static void a_table_or_frame_outside_ram_is_an_access_fault(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    *rig_pte(&r, RIG_VA) = (RIG_BASE + RIG_BYTES) >> 12 << 10 | RIG_RW;
    assert_trap(load_trap(&r, RIG_VA), MW_CAUSE_LOAD_ACCESS, MW_WALK_PHYSICAL, MW_LOAD, RIG_VA);
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_SV39, 0x1000, 0), 0);
    assert_trap(load_trap(&r, RIG_VA), MW_CAUSE_LOAD_ACCESS, MW_WALK_PTE_ACCESS, MW_LOAD, RIG_VA);
    rig_stop(&r);
}

static void without_hardware_ad_a_and_d_are_the_kernels_work(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, false);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    assert_int_equal(load_trap(&r, RIG_VA).error, MW_WALK_ACCESSED_CLEAR);
    *rig_pte(&r, RIG_VA) |= RIG_AD & ~(uint64_t)0x80;
    assert_int_equal(load_word(&r, 0, RIG_VA), 0);
    assert_int_equal(store_trap(&r, RIG_VA).error, MW_WALK_DIRTY_CLEAR);
    rig_stop(&r);
}

/* The leaf of a 64 KiB page at the frames behind RIG_FRAME: N, and 1000 in the low digits of PPN. */
#define RIG_NAPOT ((uint64_t)1 << 63 | (RIG_FRAME >> 12 | 8) << 10 | RIG_RW)

static void napot_and_memory_types_are_legal_only_where_the_board_has_them(void **state)
{
    struct mw_board_config config;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    *rig_pte(&r, RIG_VA) = RIG_NAPOT;
    assert_int_equal(load_trap(&r, RIG_VA).error, MW_WALK_NAPOT_ABSENT);
    *rig_pte(&r, RIG_VA) = RIG_FRAME >> 12 << 10 | RIG_RW | (uint64_t)1 << 61;
    assert_int_equal(load_trap(&r, RIG_VA).error, MW_WALK_PBMT_ABSENT);
    rig_stop(&r);

    rig_config(&config, true);
    config.svnapot = true;
    config.svpbmt = true;
    rig_start_as(&r, &config);
    *rig_word(&r, RIG_FRAME + RIG_PAGE) = 77; /* RIG_VA is page 1 of its 64 KiB */
    *rig_pte(&r, RIG_VA) = RIG_NAPOT | (uint64_t)1 << 61;
    assert_int_equal(load_word(&r, 0, RIG_VA), 77);
    rig_stop(&r);
}

static void an_access_has_1_to_4096_bytes_and_a_hart_that_exists(void **state)
{
    uint8_t bytes[MW_ACCESS_BYTES_MAX + 1] = {0};
    struct mw_trap trap = {.va = 7};
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    assert_int_equal(mw_hart_load(r.board, 0, RIG_VA, bytes, 0, &trap), -EINVAL);
    assert_int_equal(mw_hart_load(r.board, 0, RIG_VA, bytes, sizeof(bytes), &trap), -EINVAL);
    assert_int_equal(mw_hart_fetch(r.board, 0, RIG_VA, bytes, 0, &trap), -EINVAL);
    assert_int_equal(mw_hart_store(r.board, 0, RIG_VA, bytes, 0, &trap), -EINVAL);
    assert_int_equal(mw_hart_store(r.board, 0, RIG_VA, bytes, sizeof(bytes), &trap), -EINVAL);
    assert_int_equal(mw_hart_load(r.board, 2, RIG_VA, bytes, 1, &trap), -EINVAL);
    assert_int_equal(mw_hart_store(r.board, 2, RIG_VA, bytes, 1, &trap), -EINVAL);
    assert_int_equal(trap.va, 7);
    assert_int_equal(mw_hart_load(r.board, 0, RIG_VA, bytes, MW_ACCESS_BYTES_MAX, &trap), 0);
    assert_int_equal(counters(&r, 0).misses[MW_LOAD], 1);
    rig_stop(&r);
}

/* ---- registers ---- */

static void satp_is_read_as_it_was_written(void **state)
{
    const uint64_t ppn = RIG_BASE >> 12;
    uint64_t satp = 1;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    assert_int_equal(mw_hart_read_satp(r.board, 0, &satp), 0);
    assert_int_equal(satp, (uint64_t)8 << 60 | (uint64_t)1 << 44 | ppn);
    for (uint64_t mode = 8; mode <= 10; mode++) {
        const uint64_t written = mode << 60 | (uint64_t)0xffff << 44 | ppn;

        assert_int_equal(mw_hart_write_satp(r.board, 1, written), 0);
        assert_int_equal(mw_hart_read_satp(r.board, 1, &satp), 0);
        assert_int_equal(satp, written);
    }
    assert_int_equal(mw_hart_write_satp(r.board, 1, 0), 0);
    assert_int_equal(mw_hart_read_satp(r.board, 1, &satp), 0);
    assert_int_equal(satp, 0);
    rig_stop(&r);
}

static void a_satp_that_the_board_does_not_have_changes_nothing(void **state)
{
    uint64_t before, after;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    assert_int_equal(mw_hart_read_satp(r.board, 0, &before), 0);
    for (uint64_t mode = 1; mode < 16; mode++)
        if (mode < 8 || mode > 10)
            assert_int_equal(mw_hart_write_satp(r.board, 0, mode << 60), -EINVAL);
    assert_int_equal(mw_hart_write_satp(r.board, 0, 1), -EINVAL);
    assert_int_equal(mw_hart_write_satp(r.board, 0, (uint64_t)1 << 44), -EINVAL);
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_COUNT, 0, 0), -EINVAL);
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_SV39, RIG_BASE + 8, 0), -EINVAL);
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_SV39, (uint64_t)1 << 56, 0), -EINVAL);
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_BARE, RIG_BASE, 0), -EINVAL);
    assert_int_equal(mw_hart_read_satp(r.board, 0, &after), 0);
    assert_int_equal(before, after);
    assert_int_equal(mw_hart_write_satp(r.board, 2, 0), -EINVAL);
    assert_int_equal(mw_hart_read_satp(r.board, 2, &after), -EINVAL);
    rig_stop(&r);
}

static void a_bare_hart_accesses_physical_memory(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_BARE, 0, 0), 0);
    *rig_word(&r, RIG_FRAME) = 5;
    assert_int_equal(load_word(&r, 0, RIG_FRAME), 5);
    assert_int_equal(load_trap(&r, 0).cause, MW_CAUSE_LOAD_ACCESS);
    rig_stop(&r);
}

static void privilege_decides_over_user_pages(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW | RIG_U);
    rig_map(&r, RIG_VA + RIG_PAGE, 1, RIG_V | 0x08); /* X only */
    assert_int_equal(load_trap(&r, RIG_VA).error, MW_WALK_USER_PAGE);
    assert_int_equal(mw_hart_set_privilege(r.board, 0, false, true, true), 0);
    assert_int_equal(load_word(&r, 0, RIG_VA), 0);
    assert_int_equal(load_word(&r, 0, RIG_VA + RIG_PAGE), 0);
    assert_int_equal(mw_hart_set_privilege(r.board, 0, true, false, true), 0);
    assert_int_equal(load_word(&r, 0, RIG_VA), 0);
    assert_int_equal(load_trap(&r, RIG_VA + RIG_PAGE).error, MW_WALK_NOT_USER);
    assert_int_equal(mw_hart_set_privilege(r.board, 2, true, false, false), -EINVAL);
    rig_stop(&r);
}

static void a_changed_pte_is_seen_after_the_fence(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    *rig_word(&r, RIG_FRAME) = 10;
    *rig_word(&r, RIG_FRAME + RIG_PAGE) = 11;
    assert_int_equal(load_word(&r, 0, RIG_VA), 10);
    rig_map(&r, RIG_VA, 1, RIG_RW);
    assert_int_equal(load_word(&r, 0, RIG_VA), 10);
    assert_int_equal(mw_hart_sfence(r.board, 0, true, RIG_VA, true, 2), 0); /* another ASID */
    assert_int_equal(load_word(&r, 0, RIG_VA), 10);
    assert_int_equal(mw_hart_sfence(r.board, 0, true, RIG_VA, true, 1), 0);
    assert_int_equal(load_word(&r, 0, RIG_VA), 11);
    assert_int_equal(mw_hart_sfence(r.board, 0, false, 0, false, 0), 0);
    assert_int_equal(counters(&r, 0).flushes, 3);
    assert_int_equal(counters(&r, 0).dropped, 2);
    assert_int_equal(mw_hart_sfence(r.board, 2, false, 0, false, 0), -EINVAL);
    rig_stop(&r);
}

/* ---- looking ---- */

static void looking_tells_what_an_access_would_meet_and_leaves_no_trace(void **state)
{
    struct mw_translation seen;
    uint64_t time_ns;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 2, RIG_RW);
    rig_listen(&r);
    time_ns = mw_board_time_ns(r.board);
    assert_int_equal(mw_hart_translate(r.board, 0, RIG_VA + 5, MW_STORE, &seen), 0);
    assert_int_equal(seen.error, MW_WALK_OK);
    assert_int_equal(seen.cause, MW_CAUSE_NONE);
    assert_int_equal(seen.level, 0);
    assert_int_equal(seen.pa, RIG_FRAME + 2 * RIG_PAGE + 5);
    assert_ptr_equal(rig_word(&r, seen.pte_address), rig_pte(&r, RIG_VA));
    assert_int_equal(seen.pte, *rig_pte(&r, RIG_VA));
    assert_int_equal(*rig_pte(&r, RIG_VA) & RIG_AD, 0);
    assert_int_equal(r.events, 0);
    assert_int_equal(counters(&r, 0).walks, 0);
    assert_int_equal(mw_board_time_ns(r.board), time_ns);
    rig_stop(&r);
}

static void looking_tells_why_a_walk_fails(void **state)
{
    struct mw_translation seen;
    struct rig r;

    (void)state;
    rig_start(&r, false);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    assert_int_equal(mw_hart_translate(r.board, 0, RIG_VA, MW_LOAD, &seen), 0);
    assert_int_equal(seen.error, MW_WALK_ACCESSED_CLEAR);
    assert_int_equal(seen.cause, MW_CAUSE_LOAD_PAGE);
    assert_int_equal(seen.pa, 0);
    assert_int_equal(mw_hart_translate(r.board, 0, (uint64_t)1 << 60, MW_AMO, &seen), 0);
    assert_int_equal(seen.error, MW_WALK_NOT_CANONICAL);
    assert_int_equal(seen.cause, MW_CAUSE_STORE_PAGE);
    assert_int_equal(seen.pte_address, 0);
    assert_int_equal(mw_hart_translate(r.board, 2, RIG_VA, MW_LOAD, &seen), -EINVAL);
    assert_int_equal(mw_hart_translate(r.board, 0, RIG_VA, MW_ACCESS_COUNT, &seen), -EINVAL);
    rig_stop(&r);
}

static void counters_tell_hits_misses_walks_and_evictions(void **state)
{
    struct mw_hart_counters seen;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    for (uint64_t page = 0; page < 9; page++) /* 8 entries: some set has three pages for two ways */
        rig_map(&r, RIG_VA + page * RIG_PAGE, page, RIG_RW);
    for (uint64_t page = 0; page < 9; page++)
        load_word(&r, 0, RIG_VA + page * RIG_PAGE);
    load_word(&r, 0, RIG_VA + 8 * RIG_PAGE);
    seen = counters(&r, 0);
    assert_int_equal(seen.hits[MW_LOAD], 1);
    assert_int_equal(seen.misses[MW_LOAD], 9);
    assert_int_equal(seen.walks, 9);
    assert_int_equal(seen.references, 27);
    assert_int_equal(seen.fills, 9);
    assert_int_equal(seen.evictions, 1);
    assert_int_equal(seen.traps, 0);
    assert_int_equal(counters(&r, 1).walks, 0);
    assert_int_equal(mw_hart_read_counters(r.board, 2, &seen), -EINVAL);
    rig_stop(&r);
}

/* ---- events and time ---- */

static void a_retry_is_an_operation_of_its_own(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_listen(&r);
    load_trap(&r, RIG_VA);
    assert_int_equal(rig_event(&r, MW_EVENT_TRAP, 0)->op, rig_event(&r, MW_EVENT_TLB_MISS, 0)->op);
    assert_int_equal(mw_board_disk_flush(r.board), 0);
    assert_int_equal(rig_event(&r, MW_EVENT_BLOCK_FLUSH, 0)->op, 0);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    load_word(&r, 0, RIG_VA);
    assert_int_equal(rig_event(&r, MW_EVENT_TLB_MISS, 1)->op,
                     rig_event(&r, MW_EVENT_TLB_MISS, 0)->op + 1);
    load_trap(&r, RIG_VA + RIG_PAGE - 4); /* the first page hits, the second traps */
    assert_int_equal(mw_board_disk_flush(r.board), 0);
    assert_int_equal(rig_event(&r, MW_EVENT_BLOCK_FLUSH, 1)->op, 0);
    rig_stop(&r);
}

static void time_never_goes_back_when_harts_take_turns(void **state)
{
    uint64_t before;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    assert_int_equal(mw_hart_set_satp(r.board, 1, MW_MODE_SV39, r.root, 1), 0);
    for (unsigned n = 0; n < 11; n++) /* ten hits, which nobody has paid for */
        load_word(&r, 0, RIG_VA);
    before = mw_board_time_ns(r.board);
    assert_int_equal(before, 3 * 20 + 10);
    rig_listen(&r);
    load_word(&r, 1, RIG_VA);
    assert_int_equal(rig_event(&r, MW_EVENT_TLB_MISS, 0)->hart, 1);
    assert_int_equal(rig_event(&r, MW_EVENT_TLB_MISS, 0)->time_ns, before);
    assert_int_equal(mw_board_time_ns(r.board), before + 3 * 20);
    rig_stop(&r);
}

static void hits_traps_and_fences_cost_what_the_configuration_says(void **state)
{
    uint64_t before;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    before = mw_board_time_ns(r.board);
    load_trap(&r, RIG_VA + RIG_PAGE); /* three PTEs and the trap */
    assert_int_equal(mw_board_time_ns(r.board), before + 3 * 20 + 400);
    before = mw_board_time_ns(r.board);
    assert_int_equal(mw_hart_sfence(r.board, 0, false, 0, false, 0), 0);
    assert_int_equal(mw_board_time_ns(r.board), before + 30);
    mw_board_advance(r.board, 1000);
    assert_int_equal(mw_board_time_ns(r.board), before + 1030);
    rig_stop(&r);
}

/* ---- ASIDs, levels, listeners ---- */

/* The field is WARL: bits that are not implemented read 0, and mean nothing in a fence either. */
static void satp_keeps_only_the_asid_bits_that_there_are(void **state)
{
    static const unsigned widths[] = {0, 1, 9, 16};

    (void)state;
    for (unsigned i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        uint64_t kept = ((uint64_t)1 << widths[i]) - 1;
        struct mw_board_config config;
        struct rig r;
        uint64_t satp;

        rig_config(&config, true);
        config.asid_bits = widths[i];
        rig_start_as(&r, &config);
        assert_int_equal(mw_hart_write_satp(
                             r.board, 0, (uint64_t)8 << 60 | (uint64_t)0xffff << 44 | r.root >> 12),
                         0);
        assert_int_equal(mw_hart_read_satp(r.board, 0, &satp), 0);
        assert_true(satp == ((uint64_t)8 << 60 | kept << 44 | r.root >> 12));
        rig_map(&r, RIG_VA, 0, RIG_RW);
        load_word(&r, 0, RIG_VA);
        assert_int_equal(mw_hart_sfence(r.board, 0, false, 0, true, 0xffff), 0);
        assert_int_equal(counters(&r, 0).dropped, 1);
        rig_stop(&r);
    }
}

static void without_asid_bits_a_kernel_must_fence_between_address_spaces(void **state)
{
    struct mw_board_config config;
    struct rig r;

    (void)state;
    rig_config(&config, true);
    config.asid_bits = 0;
    rig_start_as(&r, &config);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    *rig_word(&r, RIG_FRAME) = 55;
    assert_int_equal(load_word(&r, 0, RIG_VA), 55);
    /* An address space with nothing in it; the TLB cannot tell it from the first. */
    assert_int_equal(mw_hart_set_satp(r.board, 0, MW_MODE_SV39, RIG_FRAME + RIG_PAGE, 2), 0);
    assert_int_equal(load_word(&r, 0, RIG_VA), 55);
    assert_int_equal(mw_hart_sfence(r.board, 0, false, 0, false, 0), 0);
    load_trap(&r, RIG_VA);
    rig_stop(&r);
}

static void every_tlb_of_a_hart_has_counters(void **state)
{
    struct mw_board_config config;
    struct mw_hart_counters seen;
    struct rig r;

    (void)state;
    rig_config(&config, true);
    assert_int_equal(mw_tlb_parse("1x2", 0, &config.tlbs.l1i), 0);
    assert_int_equal(mw_tlb_parse("16x4", 0, &config.tlbs.l2), 0);
    assert_int_equal(mw_tlb_parse("1x8", 1, &config.tlbs.walk_cache), 0);
    rig_start_as(&r, &config);
    for (uint64_t page = 0; page < 9; page++)
        rig_map(&r, RIG_VA + page * RIG_PAGE, page, RIG_RW);
    for (unsigned round = 0; round < 2; round++)
        for (uint64_t page = 0; page < 9; page++)
            load_word(&r, 0, RIG_VA + page * RIG_PAGE);
    seen = counters(&r, 0);
    assert_int_equal(seen.tlb[MW_TLB_L1D].compulsory, 9);
    assert_int_equal(seen.tlb[MW_TLB_L2].misses[MW_SIZE_4K], 9);
    assert_int_equal(seen.tlb[MW_TLB_L2].fills[MW_SIZE_4K], 9);
    assert_int_equal(seen.hits[MW_LOAD], seen.tlb[MW_TLB_L1D].hits[MW_SIZE_4K]);
    assert_int_equal(seen.hits[MW_LOAD] + seen.misses[MW_LOAD], 18);
    assert_int_equal(seen.tlb[MW_TLB_L2].hits[MW_SIZE_4K], seen.misses[MW_LOAD] - 9);
    assert_int_equal(seen.fills, seen.misses[MW_LOAD] + 9);
    assert_int_equal(seen.tlb[MW_TLB_L1I].compulsory, 0);
    assert_int_equal(seen.walker.walks, 9);
    assert_int_equal(seen.walker.skipped[MW_SIZE_2M], 8);
    assert_int_equal(seen.references, 3 + 8);
    /* 3 + 8 PTEs, and hits of either level as they cost. */
    assert_int_equal(mw_board_time_ns(r.board),
                     11 * 20 + seen.hits[MW_LOAD] + 8 * seen.tlb[MW_TLB_L2].hits[MW_SIZE_4K]);
    assert_int_equal(mw_hart_sfence(r.board, 0, false, 0, false, 0), 0);
    seen = counters(&r, 0);
    assert_int_equal(seen.dropped, seen.tlb[MW_TLB_L1D].dropped + seen.tlb[MW_TLB_L2].dropped);
    assert_int_equal(seen.tlb[MW_TLB_L2].dropped, 9);
    rig_stop(&r);
}

static void who_begins_to_listen_hears_the_next_hit(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    for (unsigned n = 0; n < 3; n++)
        load_word(&r, 0, RIG_VA);
    rig_listen(&r);
    load_word(&r, 0, RIG_VA);
    assert_int_equal(rig_event(&r, MW_EVENT_TLB_HIT, 0)->arg[2], MW_TLB_L1D);
    assert_int_equal(r.events, 1);
    assert_int_equal(counters(&r, 0).hits[MW_LOAD], 3);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_and_loads_reach_the_frame_that_the_table_names),
        cmocka_unit_test(a_fetch_wants_x_and_a_load_r),
        cmocka_unit_test(an_invalid_pte_traps_and_the_repaired_access_succeeds),
        cmocka_unit_test(a_crossing_access_that_traps_names_the_second_page_and_moves_nothing),
        cmocka_unit_test(a_table_or_frame_outside_ram_is_an_access_fault),
        cmocka_unit_test(without_hardware_ad_a_and_d_are_the_kernels_work),
        cmocka_unit_test(napot_and_memory_types_are_legal_only_where_the_board_has_them),
        cmocka_unit_test(an_access_has_1_to_4096_bytes_and_a_hart_that_exists),
        cmocka_unit_test(satp_is_read_as_it_was_written),
        cmocka_unit_test(a_satp_that_the_board_does_not_have_changes_nothing),
        cmocka_unit_test(a_bare_hart_accesses_physical_memory),
        cmocka_unit_test(privilege_decides_over_user_pages),
        cmocka_unit_test(a_changed_pte_is_seen_after_the_fence),
        cmocka_unit_test(looking_tells_what_an_access_would_meet_and_leaves_no_trace),
        cmocka_unit_test(looking_tells_why_a_walk_fails),
        cmocka_unit_test(counters_tell_hits_misses_walks_and_evictions),
        cmocka_unit_test(a_retry_is_an_operation_of_its_own),
        cmocka_unit_test(time_never_goes_back_when_harts_take_turns),
        cmocka_unit_test(hits_traps_and_fences_cost_what_the_configuration_says),
        cmocka_unit_test(satp_keeps_only_the_asid_bits_that_there_are),
        cmocka_unit_test(without_asid_bits_a_kernel_must_fence_between_address_spaces),
        cmocka_unit_test(every_tlb_of_a_hart_has_counters),
        cmocka_unit_test(who_begins_to_listen_hears_the_next_hit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
