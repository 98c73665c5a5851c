/*
 * Machines that are too small, and memory and devices that fail: each allocation, each request in
 * turn.
 *
 * Nothing may crash or leak, every invariant holds after every call, an error is reported where
 * there is one, and as soon as the cause is gone everything works again.
 */
#include "behaviour/tour.h"
#include "kernel/machine.h"

/* A machine for tours: the tour checks, config.check need not. */
static struct mw_config tour_config(void)
{
    struct mw_config config = world_config();

    config.ram_bytes = 256 * PAGE;
    config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
    config.disk_bytes = 512 * 1024;
    config.check = false;
    return config;
}

static struct mw_machine *tour_machine(const struct mw_config *config)
{
    struct mw_machine *machine;

    ck_assert_int_eq(mw_machine_new(config, &machine), 0);
    return machine;
}

/*
 * An error that a shortage of memory met is told to the next who syncs the file: to us, before the
 * tour that must be clean.
 */
static void forget_errors(struct mw_machine *machine)
{
    int pid = mw_spawn(machine);
    int made = mw_mkdir(machine, pid, "/d");
    int fd = mw_open(machine, pid, "/d/f", O_RDWR | O_CREAT);

    ck_assert(made == 0 || made == -EEXIST);
    ck_assert_int_ge(fd, 0);
    (void)mw_fsync(machine, pid, fd);
    ck_assert_int_eq(mw_exit(machine, pid, 0), 0);
}

/*
 * What every test of a failure ends with: all is well again, and switching off finds nothing lost.
 * /
 */
static void recover(struct mw_machine *machine)
{
    mw_fail_allocation(machine, 0);
    mw_fail_device(machine, 0, 0, 0, false);
    ck_assert_int_eq(mw_sync(machine), 0);
    forget_errors(machine);
    ck_assert_uint_eq(tour_run(machine), 0);
    ck_assert(volume_check(machine->volume));
    ck_assert_int_eq(mw_machine_free(machine), 0);
}

START_TEST(a_healthy_tour_meets_no_error)
{
    struct mw_config config = tour_config();
    struct mw_machine *machine;

    config.check = true;
    machine = tour_machine(&config);
    ck_assert_uint_eq(tour_run(machine), 0);
    ck_assert_uint_eq(tour_run(machine), 0);
    recover(machine);
}
END_TEST

/* ---- allocations of the library ---- */

START_TEST(each_allocation_of_switching_on_may_fail)
{
    struct mw_config config = tour_config();
    struct mw_machine *machine = NULL;
    int err = -ENOMEM;

    for (config.fail_allocation = 1; err == -ENOMEM; config.fail_allocation++)
        err = mw_machine_new(&config, &machine);
    ck_assert_int_eq(err, 0);
    ck_assert_uint_gt(config.fail_allocation, 8); /* TLB, devices, volume, cache ... */
    recover(machine);
}
END_TEST

START_TEST(each_allocation_of_a_tour_may_fail)
{
    struct mw_config config = tour_config();
    bool met = true;
    uint64_t n;

    for (n = 1; met; n++) {
        struct mw_machine *machine = tour_machine(&config);

        mw_fail_allocation(machine, n);
        (void)tour_run(
            machine); /* some failures are not errors: a name that is not remembered, say */
        met = machine->alloc.calls >= machine->alloc.fail_at;
        recover(machine);
    }
    ck_assert_uint_gt(n, 40);
}
END_TEST

START_TEST(most_failed_allocations_are_reported)
{
    struct mw_config config = tour_config();
    struct mw_machine *machine = tour_machine(&config);
    unsigned reported = 0;

    for (uint64_t n = 1; n <= 30; n++) {
        mw_fail_allocation(machine, n);
        reported += tour_run(machine) > 0;
    }
    ck_assert_uint_gt(reported, 20);
    recover(machine);
}
END_TEST

/* ---- requests of the device ---- */

static void fail_request(struct mw_machine *machine, enum dev_request kind, uint64_t n, bool sticky)
{
    mw_fail_device(machine, kind == DEV_READ ? n : 0, kind == DEV_WRITE ? n : 0,
                   kind == DEV_FLUSH ? n : 0, sticky);
}

/* The n-th request of a kind fails in a tour, for all n that a tour comes to. */
static void check_tours_with_bad_device(enum dev_request kind, bool sticky, uint64_t least)
{
    struct mw_config config = tour_config();
    bool met = true;
    uint64_t n;

    config.ram_bytes = 48 * PAGE;
    config.overcommit = 1;
    /* memory is to run out in use, not when it is asked for */ /* so little that pages are evicted and read again */
    for (n = 1; met; n++) {
        struct mw_machine *machine = tour_machine(&config);
        unsigned failures;

        fail_request(machine, kind, n, sticky);
        failures = tour_run(machine);
        met = machine->faults.seen[kind] >= n;
        if (met && kind != DEV_READ)
            ck_assert_uint_gt(failures, 0); /* a write or flush that failed is somebody's error */
        recover(machine);
    }
    ck_assert_uint_ge(n, least);
}

START_TEST(each_read_of_the_device_may_fail)
{
    check_tours_with_bad_device(DEV_READ, false, 2);
    check_tours_with_bad_device(DEV_READ, true, 2);
}
END_TEST

START_TEST(each_write_of_the_device_may_fail)
{
    check_tours_with_bad_device(DEV_WRITE, false, 10);
    check_tours_with_bad_device(DEV_WRITE, true, 10);
}
END_TEST

START_TEST(each_flush_of_the_device_may_fail)
{
    check_tours_with_bad_device(DEV_FLUSH, false, 3);
    check_tours_with_bad_device(DEV_FLUSH, true, 3);
}
END_TEST

/*
 * A file mapped and stored to, synced while a request fails, and synced again: then all of it is on
 * the disk.
 */
static bool check_sync_after_failure(enum dev_request kind, uint64_t n, bool by_msync)
{
    struct mw_config config = tour_config();
    struct world w = world_open_with(&config);
    int fd = world_open_file(&w, "/f", O_RDWR | O_CREAT);
    uint64_t p;
    bool met;

    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, fd, 16 * PAGE), 0);
    p = world_map_file(&w, fd, 16 * PAGE, RW, MAP_SHARED);
    for (unsigned i = 0; i < 16; i += 3)
        world_store(&w, p + i * PAGE, (uint8_t)('a' + i));
    fail_request(w.machine, kind, n, true);
    if (by_msync)
        ck_assert_int_le(mw_msync(w.machine, w.pid, p, 16 * PAGE, MS_SYNC), 0);
    else
        ck_assert_int_le(mw_fsync(w.machine, w.pid, fd), 0);
    met = w.machine->faults.seen[kind] >= n;
    for (unsigned i = 0; i < 16; i += 3)
        ck_assert_uint_eq(world_load(&w, p + i * PAGE), 'a' + i);
    mw_fail_device(w.machine, 0, 0, 0, false);
    ck_assert_int_eq(by_msync ? mw_msync(w.machine, w.pid, p, 16 * PAGE, MS_SYNC)
                              : mw_fsync(w.machine, w.pid, fd),
                     0);
    for (unsigned i = 0; i < 16; i += 3)
        ck_assert_int_eq(world_disk_byte(&w, "/f", i * PAGE), 'a' + (int)i);
    world_close(&w);
    return met;
}

START_TEST(what_could_not_be_synced_is_synced_later)
{
    for (unsigned kind = DEV_READ; kind < DEV_REQUESTS; kind++)
        for (unsigned by_msync = 0; by_msync < 2; by_msync++) {
            uint64_t n = 1;

            while (check_sync_after_failure((enum dev_request)kind, n, by_msync == 1))
                n++;
            ck_assert(kind == DEV_READ || n > 1);
        }
}
END_TEST

/* ---- RAM ---- */

/* Stores to one page after the other until one is refused; how many were not. */
static uint64_t store_until_killed(struct world *w, uint64_t p, uint64_t pages)
{
    struct mw_signal signal = {0};

    for (uint64_t i = 0; i < pages; i++)
        if (mw_store(w->machine, w->pid, p + i * PAGE, "x", 1, &signal) != 0) {
            world_assert_signal(&signal, SIGKILL, 0, p + i * PAGE, MW_REASON_OUT_OF_MEMORY);
            return i;
        }
    return pages;
}

/* Memory is used up by one process and given back, twice. */
static void check_exhaustion(struct world *w)
{
    uint64_t frames = world_frames(w);
    uint64_t p;
    uint64_t had;

    p = world_map(w, 100 * PAGE, RW, MAP_PRIVATE);
    had = store_until_killed(w, p, 100);
    ck_assert_uint_gt(had, 0);
    ck_assert_uint_lt(had, 64);
    for (uint64_t i = 0; i < had; i++)
        ck_assert_uint_eq(world_load(w, p + i * PAGE), 'x');
    ck_assert_uint_eq(store_until_killed(w, p, 100), had); /* it stays so */
    ck_assert_int_eq(mw_munmap(w->machine, w->pid, p, 100 * PAGE), 0);
    ck_assert_uint_eq(world_frames(w), frames);
    p = world_map(w, 100 * PAGE, RW, MAP_PRIVATE);
    ck_assert_uint_eq(store_until_killed(w, p, 100), had);
    ck_assert_int_eq(mw_munmap(w->machine, w->pid, p, 100 * PAGE), 0);
}

START_TEST(memory_that_is_used_up_kills_an_access_and_not_the_machine)
{
    static const unsigned sizes[] = {8, 12, 16, 24, 32, 64};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct mw_config config = world_config();
        struct world w;

        config.ram_bytes = sizes[i] * PAGE;
        config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
        w = world_open_with(&config);
        check_exhaustion(&w);
        world_close(&w);
    }
}
END_TEST

START_TEST(a_machine_of_any_size_either_runs_or_says_why_not)
{
    for (unsigned frames = 1; frames <= 70; frames++) {
        struct mw_config config = tour_config();
        struct mw_machine *machine;
        int err;

        config.ram_bytes = frames * PAGE;
        config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
        err = mw_machine_new(&config, &machine);
        if (err == 0) {
            unsigned failures = tour_run(machine);

            ck_assert(frames < 64 || failures == 0);
            ck_assert(frames > 8 || failures > 0);
            (void)tour_run(machine);
            ck_assert_int_eq(mw_machine_free(machine), 0);
        } else {
            ck_assert_int_eq(err, -ENOMEM);
            ck_assert_uint_lt(frames, 8);
        }
    }
}
END_TEST

START_TEST(a_fault_that_cannot_be_served_takes_no_frame)
{
    struct mw_config config = world_config();
    struct world w;
    uint64_t p, frames;

    config.ram_bytes = 24 * PAGE;
    config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
    w = world_open_with(&config);
    p = world_map(&w, 100 * PAGE, RW, MAP_PRIVATE);
    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    while (world_stats(&w).frames.total - world_frames(&w) > 2) {
        world_store(&w, p, 'x');
        p += PAGE;
    }
    frames = world_frames(&w);
    /* Two tables and a page are needed there: one too many. */
    ck_assert_int_eq(world_store_signal(&w, BASE).reason, MW_REASON_OUT_OF_MEMORY);
    ck_assert_uint_eq(world_frames(&w), frames);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p),
                      MW_REASON_ANONYMOUS); /* one page there is */
    world_close(&w);
}
END_TEST

START_TEST(populate_stops_silently_when_memory_is_used_up)
{
    struct mw_config config = world_config();
    struct world w;
    uint64_t p;

    config.ram_bytes = 24 * PAGE;
    config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
    w = world_open_with(&config);
    p = world_map(&w, 100 * PAGE, RW, MAP_PRIVATE | MAP_POPULATE);
    ck_assert_uint_eq(world_stats(&w).other.signals, 0);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), NO_FAULT);
    ck_assert_int_eq(world_store_signal(&w, p + 99 * PAGE).signo, SIGKILL);
    world_close(&w);
}
END_TEST

/* A machine in which `spare` frames are free and 16 or more hold clean pages of a file. */
static struct world world_full_of_cache(uint64_t spare)
{
    static const uint8_t bytes[24 * PAGE];
    struct mw_config config = world_config();
    struct world w;
    uint64_t p;

    config.ram_bytes = 64 * PAGE;
    config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
    w = world_open_with(&config);
    p = world_map(&w, 64 * PAGE, RW, MAP_PRIVATE);
    world_store(&w, p, 'x');
    ck_assert_int_eq(mw_file_put(w.machine, "/f", bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(mw_sync(w.machine), 0);
    while (world_stats(&w).frames.total - world_frames(&w) > spare) {
        p += PAGE;
        world_store(&w, p, 'x');
    }
    ck_assert_uint_eq(world_stats(&w).cache.evicted, 0);
    ck_assert_uint_ge(world_stats(&w).frames.by_owner[MW_OWNER_CACHE], 16);
    return w;
}

START_TEST(clean_cache_pages_make_room_for_a_page)
{
    struct world w = world_full_of_cache(0);

    world_store(&w, world_map(&w, PAGE, RW, MAP_PRIVATE), 'y');
    world_close(&w);
}
END_TEST

START_TEST(clean_cache_pages_make_room_for_page_tables)
{
    struct world w = world_full_of_cache(1);

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, BASE),
                      MW_REASON_ZERO_PAGE); /* two tables, no page */
    world_close(&w);
}
END_TEST

START_TEST(clean_cache_pages_make_room_for_a_process)
{
    struct world w = world_full_of_cache(0);

    ck_assert_int_gt(mw_spawn(w.machine), 0);
    world_close(&w);
}
END_TEST

/* There is room for the child's root table, and none for the other ones. */
START_TEST(clean_cache_pages_make_room_for_the_tables_of_a_child)
{
    struct world w = world_full_of_cache(2);
    struct mw_vma vma;
    int child;

    ck_assert_int_eq(mw_vma_next(w.machine, w.pid, 0, &vma), 0);
    child = mw_fork(w.machine, w.pid);
    ck_assert_int_gt(child, 0);
    ck_assert_uint_gt(world_stats(&w).cache.evicted, 0);
    ck_assert_uint_eq(world_load_of(&w, child, vma.start), 'x');
    ck_assert_uint_eq(world_pte(&w, child, vma.start) >> 10, world_pte(&w, w.pid, vma.start) >> 10);
    world_close(&w);
}
END_TEST

/* Its pages have no other home than the object, even while no page table names them. */
START_TEST(shared_anonymous_memory_is_never_dropped)
{
    struct mw_config config = world_config();
    struct world w;
    uint64_t p, greedy;
    int child;

    config.ram_bytes = 32 * PAGE;
    config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
    w = world_open_with(&config);
    p = world_map(&w, PAGE, RW, MAP_SHARED);
    world_store(&w, p, 'a');
    child = mw_fork(w.machine, w.pid);
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, PAGE), 0);
    greedy = world_map(&w, 64 * PAGE, RW, MAP_PRIVATE);
    ck_assert_uint_lt(store_until_killed(&w, greedy, 64), 64);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, greedy, 64 * PAGE), 0);
    ck_assert_uint_eq(world_load_of(&w, child, p), 'a');
    world_close(&w);
}
END_TEST

START_TEST(a_read_into_memory_that_is_used_up_is_short)
{
    static const uint8_t bytes[30 * PAGE];
    struct mw_config config = world_config();
    struct world w;
    uint64_t p;
    int64_t got;

    config.ram_bytes = 24 * PAGE;
    config.overcommit = 1; /* memory is to run out in use, not when it is asked for */
    w = world_open_with(&config);
    ck_assert_int_eq(mw_file_put(w.machine, "/f", bytes, sizeof(bytes)), 0);
    p = world_map(&w, 30 * PAGE, RW, MAP_PRIVATE);
    got = mw_read(w.machine, w.pid, world_open_file(&w, "/f", O_RDONLY), p, sizeof(bytes));
    ck_assert_int_gt(got, 0);
    ck_assert_int_lt(got, sizeof(bytes));
    ck_assert_int_eq(got % PAGE, 0);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_healthy_tour_meets_no_error,
        each_allocation_of_switching_on_may_fail,
        each_allocation_of_a_tour_may_fail,
        most_failed_allocations_are_reported,
        each_read_of_the_device_may_fail,
        each_write_of_the_device_may_fail,
        each_flush_of_the_device_may_fail,
        what_could_not_be_synced_is_synced_later,
        memory_that_is_used_up_kills_an_access_and_not_the_machine,
        a_machine_of_any_size_either_runs_or_says_why_not,
        a_fault_that_cannot_be_served_takes_no_frame,
        populate_stops_silently_when_memory_is_used_up,
        clean_cache_pages_make_room_for_a_page,
        clean_cache_pages_make_room_for_page_tables,
        clean_cache_pages_make_room_for_a_process,
        clean_cache_pages_make_room_for_the_tables_of_a_child,
        shared_anonymous_memory_is_never_dropped,
        a_read_into_memory_that_is_used_up_is_short,
    };

    return world_run("limits", tests, sizeof(tests) / sizeof(tests[0]));
}
