/*
 * Dirty bits on their way to the disk: harvested in the order write-protect, clear D, flush TLBs,
 * write, then clean; from all processes and harts that share the pages; and a store that comes
 * between harvest and completion is written again.
 */
#include "behaviour/world.h"

#include <stdlib.h>

#define PTE_W UINT64_C(0x04)
#define PTE_D UINT64_C(0x80)

#define HARTS 4
#define PAGES 32u
#define MS    UINT64_C(1000000) /* nanoseconds */

/* "/f" mapped at BASE by HARTS processes, each on a hart of its own. */
struct shared {
    struct world w;
    int pids[HARTS];
    uint8_t shadow[PAGES]; /* the first byte of each page */
    uint64_t seed;
};

static struct mw_config shared_config(void)
{
    struct mw_config config = world_config();

    config.harts = HARTS;
    config.disk_latency = MW_LATENCY_HDD;
    config.dirty_expire_ms = 1000;
    config.dirty_writeback_ms = 100;
    return config;
}

static void shared_open(struct shared *s, const struct mw_config *config)
{
    memset(s, 0, sizeof(*s));
    s->seed = 1;
    s->w = world_open_with(config);
    world_file(&s->w, "/f", PAGES * PAGE, 'f');
    memset(s->shadow, 'f', sizeof(s->shadow));
    ck_assert_int_eq(world_open_file(&s->w, "/f", O_RDWR), 0);
    ck_assert_int_eq(
        mw_mmap(s->w.machine, s->w.pid, BASE, PAGES * PAGE, RW, MAP_SHARED | MAP_FIXED, 0, 0),
        BASE);
    s->pids[0] = s->w.pid;
    for (unsigned i = 1; i < HARTS; i++)
        s->pids[i] = mw_fork(s->w.machine, s->w.pid);
    for (unsigned i = 0; i < HARTS; i++)
        ck_assert_int_eq(mw_set_hart(s->w.machine, s->pids[i], i), 0);
}

static unsigned shared_random(struct shared *s, unsigned below)
{
    s->seed = s->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(s->seed >> 33) % below;
}

static void shared_store(struct shared *s, unsigned who, unsigned page, uint8_t byte)
{
    world_store_of(&s->w, s->pids[who], BASE + page * PAGE, byte);
    s->shadow[page] = byte;
}

static void shared_assert_disk(struct shared *s, unsigned page)
{
    ck_assert_int_eq(world_disk_byte(&s->w, "/f", page * PAGE), s->shadow[page]);
}

/* ---- the order ---- */

struct order {
    bool unfenced; /* a PTE has lost W or D, and no shootdown has come since */
    unsigned downgrades;
    unsigned writes;
    unsigned early; /* writes while something was unfenced: there may be none */
};

static void order_note(void *context, const struct mw_event *event)
{
    struct order *order = context;
    uint64_t lost = event->arg[2] & ~event->arg[3] & (PTE_W | PTE_D);

    if (event->kind == MW_EVENT_PTE_SET && lost != 0) {
        order->unfenced = true;
        order->downgrades++;
    } else if (event->kind == MW_EVENT_SHOOTDOWN) {
        order->unfenced = false;
    } else if (event->kind == MW_EVENT_BLOCK_WRITE) {
        order->writes++;
        order->early += order->unfenced;
    }
}

static const mw_event_mask order_kinds = MW_EVENT_BIT(MW_EVENT_PTE_SET) |
                                         MW_EVENT_BIT(MW_EVENT_SHOOTDOWN) |
                                         MW_EVENT_BIT(MW_EVENT_BLOCK_WRITE);

START_TEST(no_request_is_made_before_every_hart_has_lost_its_right_to_store)
{
    struct mw_config config = shared_config();
    struct shared s;
    struct order order = {0};

    shared_open(&s, &config);
    ck_assert_int_eq(mw_subscribe(s.w.machine, order_kinds, order_note, &order), 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < PAGES; i++)
            for (unsigned who = 0; who < HARTS; who++)
                shared_store(&s, who, i, (uint8_t)('a' + round));
        if (round == 1)
            ck_assert_int_eq(mw_advance(s.w.machine, 5000 * MS), 0); /* the flusher's way */
        else
            ck_assert_int_eq(mw_msync(s.w.machine, s.w.pid, BASE, PAGES * PAGE, MS_SYNC), 0);
        ck_assert_uint_eq(order.downgrades, (round + 1) * PAGES * HARTS);
    }
    ck_assert_uint_gt(order.writes, 3);
    ck_assert_uint_eq(order.early, 0);
    mw_unsubscribe(s.w.machine, order_note, &order);
    world_close(&s.w);
}
END_TEST

START_TEST(after_a_harvest_every_process_on_every_hart_is_noticed_again)
{
    struct mw_config config = shared_config();
    struct shared s;

    shared_open(&s, &config);
    for (unsigned who = 0; who < HARTS; who++)
        shared_store(&s, who, 3, (uint8_t)('0' + who));
    ck_assert_int_eq(mw_msync(s.w.machine, s.pids[2], BASE, PAGES * PAGE, MS_SYNC), 0);
    shared_assert_disk(&s, 3);
    for (unsigned who = 0; who < HARTS; who++) {
        ck_assert_uint_eq(world_pte(&s.w, s.pids[who], BASE + 3 * PAGE) & (PTE_W | PTE_D), 0);
        ck_assert_uint_eq(world_store_reason(&s.w, s.pids[who], BASE + 3 * PAGE),
                          MW_REASON_WRITE_NOTIFY);
    }
    world_close(&s.w);
}
END_TEST

START_TEST(stores_of_many_processes_are_on_the_disk_after_msync_of_any)
{
    struct mw_config config = shared_config();
    struct shared s;

    config.check = false; /* the end is checked */
    shared_open(&s, &config);
    for (unsigned round = 0; round < 60; round++) {
        unsigned first = shared_random(&s, PAGES);
        unsigned pages = 1 + shared_random(&s, PAGES - first);

        for (unsigned i = 0; i < 40; i++)
            shared_store(&s, shared_random(&s, HARTS), shared_random(&s, PAGES),
                         (uint8_t)shared_random(&s, 256));
        if (round % 3 == 0) /* something is under way when msync comes */
            ck_assert_int_eq(mw_advance(s.w.machine, (1000 + shared_random(&s, 40)) * MS), 0);
        ck_assert_int_eq(mw_msync(s.w.machine, s.pids[shared_random(&s, HARTS)],
                                  BASE + first * PAGE, pages * PAGE, MS_SYNC),
                         0);
        shared_assert_disk(&s, first);
        shared_assert_disk(&s, first + pages - 1);
        shared_assert_disk(&s, first + shared_random(&s, pages));
    }
    ck_assert_int_eq(mw_msync(s.w.machine, s.w.pid, BASE, PAGES * PAGE, MS_SYNC), 0);
    for (unsigned i = 0; i < PAGES; i++)
        shared_assert_disk(&s, i);
    world_close(&s.w);
}
END_TEST

/* ---- between harvest and completion ---- */

static bool is_writable(struct shared *s, unsigned page)
{
    return (world_pte(&s->w, s->w.pid, BASE + page * PAGE) & PTE_W) != 0;
}

/* Lets time pass until the flusher has harvested the page; its request takes an HDD's time yet. */
static void wait_for_harvest(struct shared *s, unsigned page)
{
    unsigned steps = 0;

    while (is_writable(s, page)) {
        ck_assert_int_eq(mw_advance(s->w.machine, MS / 10), 0);
        ck_assert_uint_lt(++steps, 100000);
    }
}

START_TEST(a_store_between_harvest_and_completion_is_written_again)
{
    struct mw_config config = shared_config();
    struct shared s;
    uint64_t written;

    shared_open(&s, &config);
    shared_store(&s, 0, 5, 'a');
    written = world_stats(&s.w).cache.pages_written;
    wait_for_harvest(&s, 5);
    ck_assert_uint_eq(world_stats(&s.w).cache.pages_written, written); /* not completed */
    ck_assert_uint_eq(world_store_reason(&s.w, s.pids[1], BASE + 5 * PAGE), MW_REASON_FILE_MINOR);
    shared_store(&s, 1, 5, 'b');
    shared_store(&s, 0, 5, 'c');
    ck_assert_int_eq(mw_advance(s.w.machine, 10000 * MS), 0);
    ck_assert_uint_eq(world_stats(&s.w).cache.pages_written, written + 2);
    shared_assert_disk(&s, 5);
    ck_assert(!is_writable(&s, 5));
    world_close(&s.w);
}
END_TEST

START_TEST(msync_of_a_page_under_way_writes_what_was_stored_meanwhile)
{
    struct mw_config config = shared_config();
    struct shared s;

    shared_open(&s, &config);
    shared_store(&s, 2, 7, 'a');
    ck_assert_uint_eq(world_store_reason(&s.w, s.pids[0], BASE + 7 * PAGE), MW_REASON_FILE_MINOR);
    wait_for_harvest(&s, 7);
    shared_store(&s, 3, 7, 'b');
    ck_assert_int_eq(mw_msync(s.w.machine, s.pids[1], BASE + 7 * PAGE, PAGE, MS_SYNC), 0);
    shared_assert_disk(&s, 7);
    world_close(&s.w);
}
END_TEST

START_TEST(msync_of_a_page_under_way_waits_for_it)
{
    struct mw_config config = shared_config();
    struct shared s;
    uint64_t before;

    shared_open(&s, &config);
    shared_store(&s, 0, 7, 'a');
    wait_for_harvest(&s, 7);
    before = world_stats(&s.w).cache.pages_written;
    ck_assert_int_eq(mw_msync(s.w.machine, s.w.pid, BASE + 7 * PAGE, PAGE, MS_SYNC), 0);
    ck_assert_uint_eq(world_stats(&s.w).cache.pages_written, before + 1);
    shared_assert_disk(&s, 7);
    world_close(&s.w);
}
END_TEST

START_TEST(what_is_truncated_under_way_does_not_come_back)
{
    struct mw_config config = shared_config();
    struct shared s;

    shared_open(&s, &config);
    shared_store(&s, 0, PAGES - 1, 'a');
    wait_for_harvest(&s, PAGES - 1);
    ck_assert_int_eq(mw_ftruncate(s.w.machine, s.w.pid, 0, (PAGES - 1) * PAGE), 0);
    ck_assert_int_eq(mw_ftruncate(s.w.machine, s.w.pid, 0, PAGES * PAGE), 0);
    ck_assert_uint_eq(world_load(&s.w, BASE + (PAGES - 1) * PAGE), 0);
    ck_assert_int_eq(mw_fsync(s.w.machine, s.w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&s.w, "/f", (PAGES - 1) * PAGE), 0);
    world_close(&s.w);
}
END_TEST

/* ---- dirt that leaves a page table before it is written ---- */

START_TEST(dirt_survives_the_ends_of_its_mappings)
{
    struct mw_config config = shared_config();
    struct shared s;

    shared_open(&s, &config);
    shared_store(&s, 1, 1, '1'); /* unmapped, */
    shared_store(&s, 2, 2, '2'); /* replaced, */
    shared_store(&s, 3, 3, '3'); /* ended with its process, */
    shared_store(&s, 0, 4, '4'); /* and made read-only */
    ck_assert_int_eq(mw_munmap(s.w.machine, s.pids[1], BASE, PAGES * PAGE), 0);
    ck_assert_int_eq(mw_mmap(s.w.machine, s.pids[2], BASE, PAGES * PAGE, RW, ANON_FIXED, -1, 0),
                     BASE);
    ck_assert_int_eq(mw_exit(s.w.machine, s.pids[3], 0), 0);
    ck_assert_int_eq(mw_mprotect(s.w.machine, s.w.pid, BASE, PAGES * PAGE, PROT_READ), 0);
    ck_assert_int_eq(mw_msync(s.w.machine, s.w.pid, BASE, PAGES * PAGE, MS_SYNC), 0);
    for (unsigned i = 0; i < PAGES; i++)
        shared_assert_disk(&s, i);
    world_close(&s.w);
}
END_TEST

START_TEST(a_forced_flush_writes_pages_that_are_not_dirty_too)
{
    struct mw_config config = shared_config();
    struct shared s;
    uint64_t written;

    shared_open(&s, &config);
    for (unsigned i = 0; i < 8; i++)
        world_load(&s.w, BASE + i * PAGE);
    ck_assert_int_eq(mw_msync(s.w.machine, s.w.pid, BASE, 8 * PAGE, MS_SYNC), 0);
    written = world_stats(&s.w).cache.pages_written;
    ck_assert_int_eq(mw_msync(s.w.machine, s.w.pid, BASE, 8 * PAGE, MS_SYNC), 0);
    ck_assert_uint_eq(world_stats(&s.w).cache.pages_written, written);
    ck_assert_int_eq(mw_flush_force(s.w.machine, s.w.pid, BASE, 8 * PAGE), 0);
    ck_assert_uint_eq(world_stats(&s.w).cache.pages_written, written + 8);
    world_close(&s.w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        no_request_is_made_before_every_hart_has_lost_its_right_to_store,
        after_a_harvest_every_process_on_every_hart_is_noticed_again,
        stores_of_many_processes_are_on_the_disk_after_msync_of_any,
        a_store_between_harvest_and_completion_is_written_again,
        msync_of_a_page_under_way_writes_what_was_stored_meanwhile,
        msync_of_a_page_under_way_waits_for_it,
        what_is_truncated_under_way_does_not_come_back,
        dirt_survives_the_ends_of_its_mappings,
        a_forced_flush_writes_pages_that_are_not_dirty_too,
    };

    return world_run("dirty bits", tests, sizeof(tests) / sizeof(tests[0]));
}
