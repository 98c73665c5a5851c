/*
 * A kernel that leaves out one fence at a time, as its processes meet it: the detector names the
 * fence, the call that owed it, the hart, and what was lost.
 *
 * Each site of enum mw_fence has a program of a few calls that goes wrong without its fence. It runs
 * with one hart, and with two, when the process knows its pages on hart 1, changes them on hart 0 and
 * comes back. The same programs with all fences find nothing. The checkers are off: a machine without
 * a fence is not sound, which is the point.
 */
#include "behaviour/world.h"

#include "kernel/machine.h"

#define CODE (PROT_READ | PROT_WRITE | PROT_EXEC)

/* A world under test, and where its process uses its pages. */
struct fenceless {
    struct world w;
    unsigned harts;
    int other; /* a second process; 0: none */
};

/* Brings the process to hart 0, where it makes changes, or to the last one, where it uses pages. */
static void at_home(struct fenceless *f)
{
    ck_assert_int_eq(mw_set_hart(f->w.machine, f->w.pid, 0), 0);
}

static void abroad(struct fenceless *f)
{
    ck_assert_int_eq(mw_set_hart(f->w.machine, f->w.pid, f->harts - 1), 0);
}

/* A trap is no failure here. */
static void use(struct fenceless *f, uint64_t va, enum mw_access access)
{
    (void)mw_touch(f->w.machine, f->w.pid, va, 1, access, NULL);
}

/* Every process of the world, known by its pages on the last hart. */
static void know(struct fenceless *f, uint64_t va, enum mw_access access)
{
    abroad(f);
    use(f, va, access);
    at_home(f);
}

static int open_shared(struct fenceless *f)
{
    static const char bytes[2 * PAGE] = "x";
    int fd;

    ck_assert_int_eq(mw_file_put(f->w.machine, "/f", bytes, sizeof(bytes)), 0);
    fd = mw_open(f->w.machine, f->w.pid, "/f", O_RDWR);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* ---- the programs: each ends with the use that shows whether the fence was there ---- */

static void program_unmap(struct fenceless *f)
{
    world_map_at(&f->w, BASE, 2 * PAGE, RW, ANON);
    world_store(&f->w, BASE + PAGE, 1); /* keeps the table */
    know(f, BASE, MW_STORE);
    ck_assert_int_eq(mw_munmap(f->w.machine, f->w.pid, BASE, PAGE), 0);
    abroad(f);
    use(f, BASE, MW_STORE);
}

static void program_protect(struct fenceless *f)
{
    world_map_at(&f->w, BASE, PAGE, RW, ANON);
    know(f, BASE, MW_STORE);
    ck_assert_int_eq(mw_mprotect(f->w.machine, f->w.pid, BASE, PAGE, PROT_READ), 0);
    abroad(f);
    use(f, BASE, MW_STORE);
}

static void program_fork(struct fenceless *f)
{
    world_map_at(&f->w, BASE, PAGE, RW, ANON);
    know(f, BASE, MW_STORE);
    ck_assert_int_gt(mw_fork(f->w.machine, f->w.pid), 0);
    abroad(f);
    use(f, BASE, MW_STORE);
}

/*
 * On a single hart the TLB for data forgets its entry when the store traps, but that for
 * instructions keeps its own.
 */
static void program_replace(struct fenceless *f)
{
    world_map_at(&f->w, BASE, PAGE, CODE, ANON);
    know(f, BASE, MW_FETCH);
    use(f, BASE, MW_STORE);
    abroad(f);
    use(f, BASE, MW_FETCH);
}

static void program_truncate(struct fenceless *f)
{
    int fd = open_shared(f);
    uint64_t va = world_map_file(&f->w, fd, 2 * PAGE, RW, MAP_SHARED);

    use(f, va, MW_LOAD);
    know(f, va + PAGE, MW_STORE);
    ck_assert_int_eq(mw_ftruncate(f->w.machine, f->w.pid, fd, PAGE), 0);
    abroad(f);
    use(f, va + PAGE, MW_STORE);
}

static void program_clean(struct fenceless *f)
{
    int fd = open_shared(f);
    uint64_t va = world_map_file(&f->w, fd, PAGE, RW, MAP_SHARED);

    know(f, va, MW_STORE);
    ck_assert_int_eq(mw_fsync(f->w.machine, f->w.pid, fd), 0);
    abroad(f);
    use(f, va, MW_STORE);
}

/* The pointer is used on the way to an address where nothing is, so that the access just ends. */
static void program_table(struct fenceless *f)
{
    world_map_at(&f->w, BASE, PAGE, RW, ANON);
    know(f, BASE, MW_STORE);
    ck_assert_int_eq(mw_munmap(f->w.machine, f->w.pid, BASE, PAGE), 0);
    abroad(f);
    use(f, BASE, MW_LOAD);
}

/* Two address spaces with a page at the same place, on the same hart. */
static void program_switch(struct fenceless *f)
{
    world_map_at(&f->w, BASE, PAGE, RW, ANON);
    f->other = mw_spawn(f->w.machine);
    ck_assert_int_gt(f->other, 0);
    ck_assert_int_eq(mw_set_hart(f->w.machine, f->other, f->harts - 1), 0);
    ck_assert_int_gt(mw_mmap(f->w.machine, f->other, BASE, PAGE, RW, ANON_FIXED, -1, 0), 0);
    abroad(f);
    use(f, BASE, MW_STORE);
    (void)mw_touch(f->w.machine, f->other, BASE, 1, MW_STORE, NULL);
}

/* Processes that come and go use up the ASIDs, until one gets that of the first. */
static void program_rollover(struct fenceless *f)
{
    unsigned round = 0;
    struct mw_stats stats;

    world_map_at(&f->w, BASE, PAGE, RW, ANON);
    abroad(f);
    use(f, BASE, MW_STORE);
    do {
        int pid = mw_spawn(f->w.machine);

        ck_assert_int_gt(pid, 0);
        ck_assert_int_eq(mw_set_hart(f->w.machine, pid, f->harts - 1), 0);
        ck_assert_int_gt(mw_mmap(f->w.machine, pid, BASE, PAGE, RW, ANON_FIXED, -1, 0), 0);
        (void)mw_touch(f->w.machine, pid, BASE, 1, MW_STORE, NULL);
        mw_stats(f->w.machine, &stats);
    } while (stats.other.asid_rollovers == 0 && round++ < 8);
    ck_assert_uint_eq(stats.other.asid_rollovers, 1);
}

/* ---- the cases ---- */

struct fenceless_case {
    enum mw_fence site;
    void (*program)(struct fenceless *f);
    enum mw_call call; /* that owed the fence; MW_CALL_COUNT: a fault, or a switch */
    enum mw_loss loss;
};

static const struct fenceless_case cases[] = {
    {MW_FENCE_UNMAP, program_unmap, MW_CALL_munmap, MW_LOSS_WRITE},
    {MW_FENCE_PROTECT, program_protect, MW_CALL_mprotect, MW_LOSS_PROTECTION},
    {MW_FENCE_FORK, program_fork, MW_CALL_fork, MW_LOSS_PROTECTION},
    {MW_FENCE_REPLACE, program_replace, MW_CALL_COUNT, MW_LOSS_READ},
    {MW_FENCE_TRUNCATE, program_truncate, MW_CALL_ftruncate, MW_LOSS_WRITE},
    {MW_FENCE_CLEAN, program_clean, MW_CALL_fsync, MW_LOSS_PROTECTION},
    {MW_FENCE_TABLE, program_table, MW_CALL_munmap, MW_LOSS_WALK},
    {MW_FENCE_ROLLOVER, program_rollover, MW_CALL_COUNT, MW_LOSS_WRITE},
    {MW_FENCE_SWITCH, program_switch, MW_CALL_COUNT, MW_LOSS_WRITE},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static struct fenceless open_fenceless(const struct fenceless_case *c, unsigned harts)
{
    struct mw_config config = world_config();
    struct fenceless f = {.harts = harts};

    config.check = false;
    config.detect_stale = true;
    config.harts = harts;
    config.asid_bits = c->site == MW_FENCE_SWITCH ? 0 : c->site == MW_FENCE_ROLLOVER ? 2 : 16;
    ck_assert_int_eq(mw_config_set(&config, "tlb", "two-level"), 0);
    ck_assert_int_eq(mw_config_set(&config, "tlb.walk-cache", "8x2"), 0);
    f.w = world_open_with(&config);
    at_home(&f);
    return f;
}

static void check_finding(const struct fenceless_case *c, struct fenceless *f)
{
    struct mw_stale_finding found;

    ck_assert_int_eq(mw_read_stale_finding(f->w.machine, 0, &found), 0);
    ck_assert_uint_eq(found.site, c->site);
    ck_assert_uint_eq(found.loss, c->loss);
    ck_assert_uint_eq(found.hart, f->harts - 1);
    ck_assert(found.known);
    ck_assert(found.by_satp || found.changed_op != 0);
    ck_assert_uint_le(found.changed_to_ns, found.time_ns);
    if (c->call != MW_CALL_COUNT) {
        ck_assert_uint_eq(found.changed_call, c->call);
        ck_assert_uint_eq(found.changed_pid, (unsigned)f->w.pid);
        ck_assert_uint_eq(found.changed_hart, 0);
    }
}

static void check_case(const struct fenceless_case *c, unsigned harts, bool left_out)
{
    struct fenceless f = open_fenceless(c, harts);
    struct mw_stats stats;

    if (left_out) {
        f.w.machine->hart_set.leave_out_sites = 1u << c->site;
        f.w.machine->hart_set.leave_out_harts = (uint64_t)1 << (harts - 1);
    }
    c->program(&f);
    mw_stats(f.w.machine, &stats);
    ck_assert_msg((stats.stale.findings != 0) == left_out, "fence %s, %u harts: %u findings",
                  mw_fence_name(c->site), harts, (unsigned)stats.stale.findings);
    if (left_out)
        check_finding(c, &f);
    /* What is stale may still be used on the way out; nobody asks for it any more. */
    f.w.machine->hart_set.leave_out_sites = 0;
    (void)mw_machine_free(f.w.machine);
}

START_TEST(each_fence_that_is_left_out_on_a_single_hart_is_named)
{
    for (unsigned i = 0; i < CASES; i++)
        check_case(&cases[i], 1, true);
}
END_TEST

START_TEST(each_fence_that_is_left_out_on_another_hart_is_named)
{
    for (unsigned i = 0; i < CASES; i++)
        check_case(&cases[i], 2, true);
}
END_TEST

START_TEST(with_all_fences_nothing_is_found)
{
    for (unsigned i = 0; i < CASES; i++)
        for (unsigned harts = 1; harts <= 2; harts++)
            check_case(&cases[i], harts, false);
}
END_TEST

/* ---- the detector changes nothing else ---- */

START_TEST(detecting_changes_neither_state_nor_time_nor_counters)
{
    struct mw_stats stats[2];
    uint64_t hash[2];

    for (unsigned on = 0; on < 2; on++) {
        struct mw_config config = world_config();
        struct world w;

        config.detect_stale = on != 0;
        config.harts = 2;
        w = world_open_with(&config);
        world_map_at(&w, BASE, 64 * PAGE, RW, ANON);
        for (unsigned i = 0; i < 200; i++)
            world_store(&w, BASE + i * 7 % 64 * PAGE, (uint8_t)i);
        ck_assert_int_gt(mw_fork(w.machine, w.pid), 0);
        for (unsigned i = 0; i < 200; i++)
            world_store(&w, BASE + i * 5 % 64 * PAGE, (uint8_t)i);
        ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, 32 * PAGE), 0);
        mw_stats(w.machine, &stats[on]);
        hash[on] = mw_state_hash(w.machine);
        world_close(&w);
    }
    ck_assert_uint_eq(hash[0], hash[1]);
    ck_assert_uint_eq(stats[0].time_ns, stats[1].time_ns);
    ck_assert_mem_eq(&stats[0], &stats[1], sizeof(stats[0]));
}
END_TEST

/* A machine is switched on or not, whichever allocation fails; without the log it knows no names. */
START_TEST(each_allocation_may_fail_with_a_detector_too)
{
    struct mw_config config = world_config();
    struct mw_machine *machine;
    unsigned refused = 0;

    config.detect_stale = true;
    for (config.fail_allocation = 1; config.fail_allocation < 40; config.fail_allocation++) {
        int err = mw_machine_new(&config, &machine);

        ck_assert(err == 0 || err == -ENOMEM);
        refused += err != 0;
        if (err == 0)
            ck_assert_int_eq(mw_machine_free(machine), 0);
    }
    ck_assert_uint_gt(refused, 5);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_fence_that_is_left_out_on_a_single_hart_is_named,
        each_fence_that_is_left_out_on_another_hart_is_named,
        with_all_fences_nothing_is_found,
        detecting_changes_neither_state_nor_time_nor_counters,
        each_allocation_may_fail_with_a_detector_too,
    };

    return world_run("missing fences", tests, sizeof(tests) / sizeof(tests[0]));
}
