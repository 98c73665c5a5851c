/* A board as a whole: switching on and off, where RAM lies, the disk, listeners, two of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "unit/board/rig.h"

static int new_board(const struct mw_board_config *config, struct mw_board **out)
{
    *out = NULL;
    return mw_board_new(config, out);
}

/* ---- switching on ---- */

static void a_board_without_configuration_has_the_usual_parts(void **state)
{
    struct mw_board_config usual;
    struct mw_board *board;
    uint64_t satp = 1;

    (void)state;
    mw_board_config_init(&usual);
    assert_string_equal(mw_tlbs_preset_of(&usual.tlbs), "simple");
    assert_int_equal(mw_board_config_validate(&usual, NULL, 0), 0);
    assert_int_equal(new_board(NULL, &board), 0);
    assert_int_equal(mw_board_disk_blocks(board), usual.disk_bytes / MW_DISK_BLOCK_BYTES);
    assert_non_null(mw_board_ram(board, usual.ram_base, usual.ram_bytes));
    assert_int_equal(mw_hart_read_satp(board, 0, &satp), 0);
    assert_int_equal(satp, 0);
    assert_int_equal(mw_hart_read_satp(board, 1, &satp), -EINVAL);
    assert_int_equal(mw_board_time_ns(board), 0);
    mw_board_free(board);
    mw_board_free(NULL);
}

/* `why`: a word of the reason. */
static void assert_refused(const struct mw_board_config *config, const char *why)
{
    struct mw_board *board;
    char reason[100] = "";

    assert_int_equal(mw_board_config_validate(config, reason, sizeof(reason)), -EINVAL);
    assert_non_null(strstr(reason, why));
    assert_int_equal(mw_board_config_validate(config, NULL, 0), -EINVAL);
    assert_int_equal(new_board(config, &board), -EINVAL);
    assert_null(board);
}

static void a_field_out_of_range_makes_no_board(void **state)
{
    struct mw_board_config good, bad;

    (void)state;
    rig_config(&good, true);
    bad = good, bad.harts = 0;
    assert_refused(&bad, "harts");
    bad = good, bad.harts = MW_BOARD_HARTS_MAX + 1;
    assert_refused(&bad, "harts");
    bad = good, bad.asid_bits = 17;
    assert_refused(&bad, "asid_bits");
    bad = good, bad.tlbs.l1d.arrays = 0;
    assert_refused(&bad, "tlb.l1d");
    bad = good, bad.tlbs.l1d.array[0].sets = 0;
    assert_refused(&bad, "sets");
    bad = good, bad.tlbs.prefetch = MW_TLB_PREFETCH_MAX + 1;
    assert_refused(&bad, "prefetch");
    bad = good, bad.ram_base += 8;
    assert_refused(&bad, "ram_base");
    bad = good, bad.ram_bytes = 0;
    assert_refused(&bad, "ram_bytes");
    bad = good, bad.ram_base = ((uint64_t)1 << 56) - RIG_PAGE;
    assert_refused(&bad, "2^56");
    bad = good, bad.disk_bytes += 1;
    assert_refused(&bad, "disk_bytes");
    bad = good, bad.ram_base = 0, bad.ram_identity = true;
    assert_refused(&bad, "ram_identity");
}

static void each_allocation_may_fail_once(void **state)
{
    struct mw_board_config config;
    struct mw_board *board;
    unsigned failures = 0;

    (void)state;
    rig_config(&config, true);
    for (config.fail_allocation = 1; new_board(&config, &board) != 0; config.fail_allocation++) {
        assert_null(board); /* what leaks is found by a contract in mw_board_new */
        failures++;
    }
    /* The board, its harts, six in the TLB of each of two, the disk. */
    assert_int_equal(failures, 15);
    mw_board_free(board);
}

/* ---- RAM ---- */

static void ram_is_plain_memory_inside_its_bounds(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, true);
    assert_null(mw_board_ram(r.board, RIG_BASE - 1, 1));
    assert_null(mw_board_ram(r.board, RIG_BASE + RIG_BYTES, 1));
    assert_null(mw_board_ram(r.board, RIG_BASE, RIG_BYTES + 1));
    assert_null(mw_board_ram(r.board, RIG_BASE + 1, UINT64_MAX));
    assert_int_equal(*rig_word(&r, RIG_BASE + RIG_BYTES - 8), 0);
    assert_ptr_equal(mw_board_ram(r.board, RIG_BASE + 64, 1),
                     (char *)mw_board_ram(r.board, RIG_BASE, RIG_BYTES) + 64);
    rig_stop(&r);
}

/*
 * 0x80000000 is where teaching kernels expect RAM; AddressSanitizer keeps that for itself, and 2^45
 * is far from everything on any host with 47 bits.
 */
static const uint64_t identity_bases[] = {RIG_BASE, (uint64_t)1 << 45};

#define IDENTITY_BASES (sizeof(identity_bases) / sizeof(identity_bases[0]))

static unsigned check_identity_at(uint64_t base)
{
    struct mw_board_config config;
    struct mw_board *board, *second;
    int err;

    rig_config(&config, true);
    config.ram_base = base;
    config.ram_identity = true;
    err = new_board(&config, &board);
    if (err == -EEXIST || err == -ENOMEM) { /* the latter: not an address of this host at all */
        print_message("NOT TESTED: RAM at 0x%llx, which this host has not free (%s)\n",
                      (unsigned long long)base, strerror(-err));
        return 0;
    }
    assert_int_equal(err, 0);
    assert_ptr_equal(mw_board_ram(board, base, RIG_PAGE), (void *)(uintptr_t)base);
    *(volatile uint64_t *)(uintptr_t)(base + 8) = 42; /* a physical address, dereferenced */
    assert_int_equal(*(uint64_t *)mw_board_ram(board, base + 8, 8), 42);
    assert_int_equal(new_board(&config, &second), -EEXIST); /* the first one has it */
    assert_null(second);
    mw_board_free(board);
    assert_int_equal(new_board(&config, &board), 0); /* free again, and zero again */
    assert_int_equal(*(volatile uint64_t *)(uintptr_t)(base + 8), 0);
    mw_board_free(board);
    return 1;
}

static void with_identity_a_physical_address_is_a_pointer(void **state)
{
    unsigned tested = 0;

    (void)state;
    for (unsigned i = 0; i < IDENTITY_BASES; i++)
        tested += check_identity_at(identity_bases[i]);
    if (tested == 0)
        skip();
}

static void identity_never_takes_what_the_program_has(void **state)
{
    struct mw_board_config config;
    struct mw_board *board;
    void *mine = mmap(NULL, RIG_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(mine, MAP_FAILED);
    *(uint64_t *)mine = 42;
    rig_config(&config, true);
    config.ram_base = (uint64_t)(uintptr_t)mine;
    config.ram_identity = true;
    assert_int_equal(new_board(&config, &board), -EEXIST);
    assert_null(board);
    assert_int_equal(*(uint64_t *)mine, 42);
    munmap(mine, RIG_PAGE);
}

/* ---- the disk ---- */

static void blocks_are_read_as_they_were_written_and_cost_time(void **state)
{
    uint8_t wrote[2 * MW_DISK_BLOCK_BYTES], read[sizeof(wrote)];
    struct mw_disk_counters seen;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    memset(wrote, 0x5a, sizeof(wrote));
    assert_int_equal(mw_board_disk_blocks(r.board), 64);
    assert_int_equal(mw_board_disk_write(r.board, 62, 2, wrote), 0);
    assert_int_equal(mw_board_time_ns(r.board), 20000 + 1024);
    assert_int_equal(mw_board_disk_flush(r.board), 0);
    assert_int_equal(mw_board_disk_read(r.board, 62, 2, read), 0);
    assert_memory_equal(read, wrote, sizeof(wrote));
    assert_int_equal(mw_board_disk_read(r.board, 63, 2, read), -EINVAL);
    assert_int_equal(mw_board_disk_write(r.board, 64, 1, wrote), -EINVAL);
    assert_int_equal(mw_board_disk_read(r.board, 0, 0, read), -EINVAL);
    mw_board_read_disk_counters(r.board, &seen);
    assert_int_equal(seen.reads, 1);
    assert_int_equal(seen.writes, 1);
    assert_int_equal(seen.flushes, 1);
    assert_int_equal(seen.blocks_read, 2);
    assert_int_equal(seen.blocks_written, 2);
    rig_stop(&r);
}

static void a_request_is_told_after_the_hits_before_it(void **state)
{
    uint8_t bytes[MW_DISK_BLOCK_BYTES] = {0};
    uint64_t before;
    struct rig r;

    (void)state;
    rig_start(&r, true);
    rig_map(&r, RIG_VA, 0, RIG_RW);
    for (unsigned n = 0; n < 9; n++)
        assert_int_equal(mw_hart_load(r.board, 0, RIG_VA, bytes, 8, NULL), 0);
    before = mw_board_time_ns(r.board);
    rig_listen(&r);
    assert_int_equal(mw_board_disk_read(r.board, 0, 1, bytes), 0);
    assert_int_equal(rig_event(&r, MW_EVENT_BLOCK_READ, 0)->time_ns, before + 80000 + 512);
    rig_stop(&r);
}

static void a_board_may_have_no_disk(void **state)
{
    uint8_t bytes[MW_DISK_BLOCK_BYTES] = {0};
    struct mw_disk_counters seen = {.reads = 7};
    struct mw_board_config config;
    struct mw_board *board;

    (void)state;
    rig_config(&config, true);
    config.disk_bytes = 0;
    assert_int_equal(new_board(&config, &board), 0);
    assert_int_equal(mw_board_disk_blocks(board), 0);
    assert_int_equal(mw_board_disk_read(board, 0, 1, bytes), -ENODEV);
    assert_int_equal(mw_board_disk_write(board, 0, 1, bytes), -ENODEV);
    assert_int_equal(mw_board_disk_flush(board), -ENODEV);
    mw_board_read_disk_counters(board, &seen);
    assert_int_equal(seen.reads, 0);
    mw_board_free(board);
}

/* ---- listeners, and boards side by side ---- */

static void count_event(void *context, const struct mw_event *event)
{
    (void)event;
    ++*(unsigned *)context;
}

static void listeners_hear_what_they_asked_for_until_they_leave(void **state)
{
    unsigned heard[9] = {0};
    struct rig r;

    (void)state;
    rig_start(&r, true);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(
            mw_board_subscribe(r.board, MW_EVENT_BIT(MW_EVENT_BLOCK_FLUSH), count_event, &heard[i]),
            0);
    assert_int_equal(mw_board_subscribe(r.board, MW_EVENTS_ALL, count_event, &heard[0]), -EEXIST);
    assert_int_equal(mw_board_subscribe(r.board, MW_EVENTS_ALL, count_event, &heard[8]), -ENOSPC);
    assert_int_equal(mw_board_subscribe(r.board, MW_EVENTS_ALL, NULL, NULL), -EINVAL);
    assert_int_equal(mw_hart_sfence(r.board, 0, false, 0, false, 0), 0);
    assert_int_equal(heard[0], 0);
    assert_int_equal(mw_board_disk_flush(r.board), 0);
    mw_board_unsubscribe(r.board, count_event, &heard[0]);
    assert_int_equal(mw_board_disk_flush(r.board), 0);
    assert_int_equal(heard[0], 1);
    assert_int_equal(heard[7], 2);
    rig_stop(&r);
}

static void two_boards_do_not_notice_each_other(void **state)
{
    uint64_t word = 9, seen = 0;
    struct rig one, two;

    (void)state;
    rig_start(&one, true);
    rig_start(&two, true);
    rig_map(&one, RIG_VA, 0, RIG_RW);
    rig_map(&two, RIG_VA, 0, RIG_RW);
    assert_int_equal(mw_hart_store(one.board, 0, RIG_VA, &word, sizeof(word), NULL), 0);
    assert_int_equal(mw_board_time_ns(two.board), 0);
    assert_int_equal(mw_hart_load(two.board, 0, RIG_VA, &seen, sizeof(seen), NULL), 0);
    assert_int_equal(seen, 0);
    rig_stop(&one);
    assert_int_equal(mw_hart_load(two.board, 0, RIG_VA, &seen, sizeof(seen), NULL), 0);
    rig_stop(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_board_without_configuration_has_the_usual_parts),
        cmocka_unit_test(a_field_out_of_range_makes_no_board),
        cmocka_unit_test(each_allocation_may_fail_once),
        cmocka_unit_test(ram_is_plain_memory_inside_its_bounds),
        cmocka_unit_test(with_identity_a_physical_address_is_a_pointer),
        cmocka_unit_test(identity_never_takes_what_the_program_has),
        cmocka_unit_test(blocks_are_read_as_they_were_written_and_cost_time),
        cmocka_unit_test(a_request_is_told_after_the_hits_before_it),
        cmocka_unit_test(a_board_may_have_no_disk),
        cmocka_unit_test(listeners_hear_what_they_asked_for_until_they_leave),
        cmocka_unit_test(two_boards_do_not_notice_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
