/*
 * Events and determinism: what listeners are told, that being listened to changes nothing, and that
 * equal machines do equal things, alone or side by side.
 */
#include "behaviour/tour.h"

#include <stdlib.h>

#include "base/prng.h"

/* ---- a recorder of events ---- */

struct record {
    struct mw_event *events;
    size_t count;
    size_t capacity;
};

static void record_event(void *context, const struct mw_event *event)
{
    struct record *r = context;

    if (r->count == r->capacity) {
        r->capacity = r->capacity == 0 ? 1024 : 2 * r->capacity;
        r->events = realloc(r->events, r->capacity * sizeof(*r->events));
        ck_assert_ptr_nonnull(r->events);
    }
    r->events[r->count++] = *event;
}

/* Listens to everything from now on, until record_end, which also forgets what was heard. */
static void record_begin(struct record *r, struct mw_machine *machine)
{
    *r = (struct record){0};
    ck_assert_int_eq(mw_subscribe(machine, MW_EVENTS_ALL, record_event, r), 0);
}

static void record_end(struct record *r, struct mw_machine *machine)
{
    mw_unsubscribe(machine, record_event, r);
    free(r->events);
}

static size_t record_count(const struct record *r, unsigned kind)
{
    size_t count = 0;

    for (size_t i = 0; i < r->count; i++)
        count += r->events[i].kind == kind;
    return count;
}

/* The first event of a kind from `from` on; the number of events when there is none. */
static size_t record_find(const struct record *r, unsigned kind, size_t from)
{
    while (from < r->count && r->events[from].kind != kind)
        from++;
    return from;
}

static void record_assert_equal(const struct record *a, const struct record *b)
{
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_mem_eq(a->events, b->events, a->count * sizeof(*a->events));
}

/* ---- a script of random operations: the same for the same machine ---- */

#define SCRIPT_STEPS 400

/* Without the checkers, which make long scripts slow; one test turns them on. */
static struct mw_config event_config(void)
{
    struct mw_config config = world_config();

    config.check = false;
    return config;
}

struct script {
    struct mw_machine *machine;
    struct prng random;
    uint64_t results; /* a hash of all that the calls returned */
};

static struct script script_new(const struct mw_config *config)
{
    struct script s = {0};

    ck_assert_int_eq(mw_machine_new(config, &s.machine), 0);
    prng_seed(&s.random, 7);
    ck_assert_int_eq(mw_file_put(s.machine, "/f", "0123456789", 10), 0);
    ck_assert_int_eq(mw_file_grow(s.machine, "/f", 20 * PAGE), 0);
    for (int pid = 1; pid <= 3; pid++) {
        ck_assert_int_eq(mw_spawn(s.machine), pid);
        ck_assert_int_eq(mw_open(s.machine, pid, "/f", O_RDWR), 0);
    }
    return s;
}

static int64_t script_map(struct script *s, int pid, uint64_t va, uint64_t bytes)
{
    static const int kinds[] = {MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS,
                                MAP_PRIVATE, MAP_SHARED};
    int flags = kinds[prng_below(&s->random, 4)] | MAP_FIXED;

    return mw_mmap(s->machine, pid, va, bytes, RW, flags, 0, prng_below(&s->random, 8) * PAGE);
}

static void script_step(struct script *s)
{
    int pid = (int)prng_below(&s->random, 3) + 1;
    uint64_t va = BASE + prng_below(&s->random, 32) * PAGE;
    uint64_t bytes = (prng_below(&s->random, 6) + 1) * PAGE;
    struct mw_signal signal = {0};
    uint8_t byte = (uint8_t)prng_below(&s->random, 256);
    int64_t result;

    switch (prng_below(&s->random, 12)) {
    case 0:
        result = mw_munmap(s->machine, pid, va, bytes);
        break;
    case 1:
        result = mw_mprotect(s->machine, pid, va, bytes, (int)prng_below(&s->random, 4));
        break;
    case 2:
        result = mw_msync(s->machine, pid, va, bytes, MS_SYNC);
        break;
    case 3:
        result = mw_fork(s->machine, pid);
        break;
    case 4:
        result = mw_exit(s->machine, mw_process_next(s->machine, 3), byte);
        break;
    case 5:
        result = mw_pread(s->machine, pid, 0, va, bytes, byte);
        break;
    case 6:
    case 7:
        result = script_map(s, pid, va, bytes);
        break;
    case 8:
        result = mw_load(s->machine, pid, va + byte, &byte, 1, &signal);
        break;
    default:
        result = mw_store(s->machine, pid, va + byte, &byte, 1, &signal);
        break;
    }
    s->results = prng_mix(s->results ^ (uint64_t)result);
    s->results = prng_mix(s->results ^ signal.va ^ (uint64_t)signal.code << 48 ^ byte);
}

static void script_run(struct script *s)
{
    for (unsigned i = 0; i < SCRIPT_STEPS; i++)
        script_step(s);
}

/* Both machines have seen and done the same. */
static void script_assert_equal(const struct script *a, const struct script *b)
{
    struct mw_stats of_a;
    struct mw_stats of_b;

    mw_stats(a->machine, &of_a);
    mw_stats(b->machine, &of_b);
    ck_assert_uint_eq(a->results, b->results);
    ck_assert_uint_eq(mw_state_hash(a->machine), mw_state_hash(b->machine));
    ck_assert_mem_eq(&of_a, &of_b, sizeof(of_a));
}

/* ---- operations ---- */

START_TEST(all_events_of_a_fault_share_one_operation)
{
    struct world w = world_open();
    struct record r = {0};
    uint64_t p = world_map(&w, 3 * PAGE, RW, MAP_PRIVATE);
    uint64_t last = 0;
    size_t at = 0;

    record_begin(&r, w.machine);
    for (unsigned i = 0; i < 3; i++) {
        world_store(&w, p + i * PAGE, 1);
        world_load(&w, p + i * PAGE);
    }
    for (unsigned i = 0; i < 3; i++) {
        size_t miss = record_find(&r, MW_EVENT_TLB_MISS, at);
        size_t end = record_find(&r, MW_EVENT_FAULT_END, miss);
        size_t fill = record_find(&r, MW_EVENT_TLB_FILL, end);

        ck_assert_uint_lt(fill, r.count);
        ck_assert_uint_gt(r.events[miss].op, last);
        for (size_t j = miss; j <= fill; j++)
            ck_assert_uint_eq(r.events[j].op, r.events[miss].op);
        last = r.events[miss].op;
        at = fill + 1;
    }
    record_end(&r, w.machine);
    world_close(&w);
}
END_TEST

START_TEST(a_fault_tells_its_story_in_order)
{
    static const unsigned story[] = {
        MW_EVENT_TLB_MISS,  MW_EVENT_WALK_STEP,    MW_EVENT_WALK_END,    MW_EVENT_TRAP,
        MW_EVENT_FAULT_VMA, MW_EVENT_FAULT_DECIDE, MW_EVENT_FRAME_ALLOC, MW_EVENT_TABLE_ALLOC,
        MW_EVENT_PTE_SET,   MW_EVENT_FAULT_END,    MW_EVENT_TLB_MISS,    MW_EVENT_WALK_END,
        MW_EVENT_TLB_FILL};
    struct world w = world_open();
    struct record r = {0};
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    size_t at = 0;

    record_begin(&r, w.machine);
    world_store(&w, p, 1);
    for (unsigned i = 0; i < sizeof(story) / sizeof(story[0]); i++) {
        at = record_find(&r, story[i], at);
        ck_assert_msg(at < r.count, "no %s in its place", mw_event_name(story[i]));
        ck_assert_uint_eq(r.events[at].pid, (unsigned)w.pid);
        at++;
    }
    record_end(&r, w.machine);
    world_close(&w);
}
END_TEST

START_TEST(a_call_and_the_faults_in_it_are_one_operation)
{
    struct world w = world_open();
    struct record r = {0};
    uint64_t p;
    size_t end;

    world_file(&w, "/f", PAGE, 'f');
    p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDONLY), 0);
    record_begin(&r, w.machine);
    ck_assert_int_eq(mw_read(w.machine, w.pid, 0, p + PAGE - 10, 20), 20);
    end = record_find(&r, MW_EVENT_CALL_END, 0);
    ck_assert_uint_eq(end, r.count - 1);
    ck_assert_uint_eq(r.events[0].kind, MW_EVENT_CALL);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_FAULT_END), 2);
    for (size_t i = 0; i < r.count; i++)
        ck_assert_uint_eq(r.events[i].op, r.events[0].op);
    ck_assert_uint_eq(r.events[end].arg[1], 20);
    record_end(&r, w.machine);
    world_close(&w);
}
END_TEST

START_TEST(operations_count_up_and_time_never_goes_back)
{
    struct mw_config config = event_config();
    struct script s = script_new(&config);
    struct record r = {0};

    record_begin(&r, s.machine);
    script_run(&s);
    ck_assert_uint_gt(r.count, 1000);
    for (size_t i = 1; i < r.count; i++) {
        ck_assert_uint_ge(r.events[i].time_ns, r.events[i - 1].time_ns);
        if (r.events[i].op != 0 && r.events[i - 1].op != 0)
            ck_assert_uint_ge(r.events[i].op, r.events[i - 1].op);
        ck_assert_uint_lt(r.events[i].kind, MW_EVENT_COUNT);
    }
    record_end(&r, s.machine);
    ck_assert_int_eq(mw_machine_free(s.machine), 0);
}
END_TEST

/* What was decided is what the fault ends with, but for what goes wrong while it is done. */
START_TEST(the_end_of_a_fault_gives_the_reason_that_was_decided)
{
    struct mw_config config = event_config();
    struct script s = script_new(&config);
    struct record r = {0};
    unsigned seen = 0;

    record_begin(&r, s.machine);
    script_run(&s);
    ck_assert_int_eq(
        mw_mmap(s.machine, 1, 2 * BASE, PAGE, PROT_READ, ANON_FIXED | MAP_GROWSDOWN, -1, 0),
        2 * BASE);
    ck_assert_int_eq(mw_touch(s.machine, 1, 2 * BASE - 1, 1, MW_STORE, NULL),
                     -EFAULT); /* grows, and is refused */
    ck_assert_int_eq(mw_touch(s.machine, 1, 2 * BASE - PAGE - 1, 1, MW_LOAD, NULL), 0); /* grows */
    for (size_t i = 0; (i = record_find(&r, MW_EVENT_FAULT_DECIDE, i)) < r.count; i++) {
        size_t end = record_find(&r, MW_EVENT_FAULT_END, i);

        ck_assert_uint_lt(end, r.count);
        ck_assert_uint_eq(r.events[i].arg[2], r.events[end].arg[1]);
        seen |= 1u << r.events[i].arg[2];
    }
    ck_assert_uint_eq(record_count(&r, MW_EVENT_FAULT_DECIDE),
                      record_count(&r, MW_EVENT_FAULT_END));
    ck_assert(seen & 1u << MW_REASON_PROTECTION);
    ck_assert(seen & 1u << MW_REASON_STACK_GROWTH);
    ck_assert(seen & 1u << MW_REASON_COW_COPY);
    record_end(&r, s.machine);
    ck_assert_int_eq(mw_machine_free(s.machine), 0);
}
END_TEST

/* ---- counters are what the events add up to ---- */

START_TEST(counters_agree_with_the_events)
{
    struct mw_config config = event_config();
    struct mw_machine *machine;
    struct record r = {0};
    struct mw_stats before, after;

    ck_assert_int_eq(mw_machine_new(&config, &machine), 0);
    mw_stats(machine, &before);
    record_begin(&r, machine);
    ck_assert_uint_eq(tour_run(machine), 0);
    mw_stats(machine, &after);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_TLB_HIT), after.tlb.hits);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_TLB_MISS), after.tlb.misses);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_TLB_FILL), after.tlb.fills);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_WALK_STEP), after.walks.references);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_WALK_END), after.walks.total);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_TRAP), after.walks.faults);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_FAULT_END), after.faults.total);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_FRAME_ALLOC) -
                          record_count(&r, MW_EVENT_FRAME_FREE),
                      after.frames.used - before.frames.used);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_TABLE_ALLOC),
                      record_count(&r, MW_EVENT_TABLE_FREE));
    ck_assert_uint_eq(record_count(&r, MW_EVENT_CACHE_HIT), after.cache.hits);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_CACHE_FILL), after.cache.misses);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_BLOCK_READ), after.blocks.reads);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_BLOCK_WRITE), after.blocks.writes);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_BLOCK_FLUSH), after.blocks.flushes);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_CALL), after.calls.total);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_CALL_END), after.calls.total);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_PROCESS_NEW), after.processes.created);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_PROCESS_EXIT), after.processes.created);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_SIGNAL), after.other.signals);
    ck_assert_uint_eq(record_count(&r, MW_EVENT_SHOOTDOWN), after.other.shootdowns);
    ck_assert_uint_eq(after.accesses.total, after.tlb.hits + after.tlb.misses);
    ck_assert_uint_gt(after.time_ns, 0);
    record_end(&r, machine);
    ck_assert_int_eq(mw_machine_free(machine), 0);
}
END_TEST

START_TEST(a_fault_costs_its_trap_and_a_hit_almost_nothing)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    uint64_t start = world_stats(&w).time_ns;
    uint64_t faulted;

    world_store(&w, p, 1);
    faulted = world_stats(&w).time_ns;
    ck_assert_uint_ge(faulted - start, world_config().costs.trap);
    for (unsigned i = 0; i < 10; i++)
        world_store(&w, p, 1);
    ck_assert_uint_eq(world_stats(&w).time_ns - faulted, 10 * world_config().costs.tlb_hit);
    world_close(&w);
}
END_TEST

/* ---- listeners ---- */

START_TEST(a_listener_hears_what_it_asked_for_until_it_leaves)
{
    struct world w = world_open();
    struct record calls = {0};
    struct record faults = {0};
    uint64_t p;

    ck_assert_int_eq(mw_subscribe(w.machine, MW_EVENT_BIT(MW_EVENT_CALL), record_event, &calls), 0);
    ck_assert_int_eq(
        mw_subscribe(w.machine, MW_EVENT_BIT(MW_EVENT_FAULT_END), record_event, &faults), 0);
    ck_assert_int_eq(mw_subscribe(w.machine, MW_EVENTS_ALL, record_event, &faults), -EEXIST);
    p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    world_store(&w, p, 1);
    mw_unsubscribe(w.machine, record_event, &faults);
    world_store(&w, p + PAGE, 1);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, PAGE), 0);
    ck_assert_uint_eq(calls.count, 2);
    ck_assert_uint_eq(calls.events[0].arg[0], MW_CALL_mmap);
    ck_assert_uint_eq(calls.events[1].arg[0], MW_CALL_munmap);
    ck_assert_uint_eq(faults.count, 1);
    ck_assert_uint_eq(faults.events[0].arg[1], MW_REASON_ANONYMOUS);
    record_end(&calls, w.machine);
    record_end(&faults, w.machine);
    world_close(&w);
}
END_TEST

START_TEST(there_is_room_for_eight_listeners)
{
    struct world w = world_open();
    struct record r[9] = {0};

    for (unsigned i = 0; i < 8; i++)
        record_begin(&r[i], w.machine);
    ck_assert_int_eq(mw_subscribe(w.machine, MW_EVENTS_ALL, record_event, &r[8]), -ENOSPC);
    world_store(&w, world_map(&w, PAGE, RW, MAP_PRIVATE), 1);
    for (unsigned i = 1; i < 8; i++)
        record_assert_equal(&r[0], &r[i]);
    mw_unsubscribe(w.machine, record_event, &r[3]);
    ck_assert_int_eq(mw_subscribe(w.machine, MW_EVENTS_ALL, record_event, &r[8]), 0);
    for (unsigned i = 0; i < 9; i++)
        record_end(&r[i], w.machine);
    world_close(&w);
}
END_TEST

START_TEST(listening_changes_nothing)
{
    struct mw_config config = event_config();
    struct script silent = script_new(&config);
    struct script heard = script_new(&config);
    struct record r = {0};

    record_begin(&r, heard.machine);
    script_run(&silent);
    script_run(&heard);
    script_assert_equal(&silent, &heard);
    ck_assert_uint_gt(r.count, 1000);
    record_end(&r, heard.machine);
    ck_assert_int_eq(mw_machine_free(silent.machine), 0);
    ck_assert_int_eq(mw_machine_free(heard.machine), 0);
}
END_TEST

/* ---- determinism ---- */

static void check_twins(const struct mw_config *config)
{
    struct script s[2] = {script_new(config), script_new(config)};
    struct record r[2] = {0};

    for (unsigned i = 0; i < 2; i++) {
        record_begin(&r[i], s[i].machine);
        script_run(&s[i]);
    }
    record_assert_equal(&r[0], &r[1]);
    script_assert_equal(&s[0], &s[1]);
    for (unsigned i = 0; i < 2; i++) {
        record_end(&r[i], s[i].machine);
        ck_assert_int_eq(mw_machine_free(s[i].machine), 0);
    }
}

START_TEST(equal_machines_give_equal_events)
{
    struct mw_config config = event_config();

    check_twins(&config);
    config.mode = MW_MODE_SV48;
    config.hardware_ad = false;
    config.asid_bits = 1;
    ck_assert_int_eq(mw_config_set(&config, "tlb", "4x1"), 0);
    check_twins(&config);
}
END_TEST

START_TEST(machines_side_by_side_do_not_notice_each_other)
{
    struct mw_config config = event_config();
    struct script alone = script_new(&config);
    struct script left = script_new(&config);
    struct script right;
    struct record r[2] = {0};

    config.mode = MW_MODE_SV57;
    right = script_new(&config);
    prng_seed(&right.random, 8);
    record_begin(&r[0], alone.machine);
    record_begin(&r[1], left.machine);
    script_run(&alone);
    for (unsigned i = 0; i < SCRIPT_STEPS; i++) {
        script_step(&left);
        script_step(&right);
        if (i == SCRIPT_STEPS / 2)
            mw_fail_device(right.machine, 1, 1, 1, true);
    }
    record_assert_equal(&r[0], &r[1]);
    script_assert_equal(&alone, &left);
    mw_fail_device(right.machine, 0, 0, 0, false);
    record_end(&r[0], alone.machine);
    record_end(&r[1], left.machine);
    ck_assert_int_eq(mw_machine_free(alone.machine), 0);
    ck_assert_int_eq(mw_machine_free(left.machine), 0);
    ck_assert_int_eq(mw_machine_free(right.machine), 0);
}
END_TEST

START_TEST(checking_changes_nothing)
{
    struct mw_config config = event_config();
    struct script plain = script_new(&config);
    struct script checked;

    config.check = true;
    checked = script_new(&config);
    script_run(&checked);
    script_run(&plain);
    script_assert_equal(&checked, &plain);
    ck_assert_int_eq(mw_machine_free(checked.machine), 0);
    ck_assert_int_eq(mw_machine_free(plain.machine), 0);
}
END_TEST

/* The TLB, the mode and who sets A and D are invisible to programs: only costs differ. */
START_TEST(the_hardware_below_does_not_show_in_results)
{
    struct mw_config config = event_config();
    struct script standard = script_new(&config);
    uint64_t hash;

    script_run(&standard);
    hash = standard.results;
    ck_assert_int_eq(mw_machine_free(standard.machine), 0);
    for (unsigned i = 0; i < 7; i++) {
        static const char *const tlbs[] = {"1x1",    "64x4",     "64x4",   "64x4",
                                           "rocket", "openc910", "skylake"};
        struct script other;

        config = event_config();
        ck_assert_int_eq(mw_config_set(&config, "tlb", tlbs[i]), 0);
        config.mode = i == 1 ? MW_MODE_SV48 : MW_MODE_SV39;
        config.hardware_ad = i != 2;
        config.asid_bits = i == 3 ? 0 : 16;
        other = script_new(&config);
        script_run(&other);
        ck_assert_uint_eq(other.results, hash);
        ck_assert_int_eq(mw_machine_free(other.machine), 0);
    }
}
END_TEST

START_TEST(the_state_hash_sees_what_programs_can_see)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    uint64_t hash = mw_state_hash(w.machine);

    ck_assert_uint_eq(mw_state_hash(w.machine), hash);
    world_store(&w, p, 1);
    ck_assert_uint_ne(mw_state_hash(w.machine), hash);
    hash = mw_state_hash(w.machine);
    world_store(&w, p + 1, 1);
    ck_assert_uint_ne(mw_state_hash(w.machine), hash);
    world_store(&w, p + 1, 0);
    ck_assert_uint_eq(mw_state_hash(w.machine), hash);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_READ), 0);
    ck_assert_uint_ne(mw_state_hash(w.machine), hash);
    hash = mw_state_hash(w.machine);
    ck_assert_int_eq(mw_file_put(w.machine, "/f", "x", 1), 0);
    ck_assert_uint_ne(mw_state_hash(w.machine), hash);
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDWR), 0);
    hash = mw_state_hash(w.machine);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, 0, 1, SEEK_SET), 1);
    ck_assert_uint_ne(mw_state_hash(w.machine), hash);
    hash = mw_state_hash(w.machine);
    ck_assert_int_gt(mw_spawn(w.machine), 0);
    ck_assert_uint_ne(mw_state_hash(w.machine), hash);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        all_events_of_a_fault_share_one_operation,
        a_fault_tells_its_story_in_order,
        a_call_and_the_faults_in_it_are_one_operation,
        operations_count_up_and_time_never_goes_back,
        the_end_of_a_fault_gives_the_reason_that_was_decided,
        counters_agree_with_the_events,
        a_fault_costs_its_trap_and_a_hit_almost_nothing,
        a_listener_hears_what_it_asked_for_until_it_leaves,
        there_is_room_for_eight_listeners,
        listening_changes_nothing,
        equal_machines_give_equal_events,
        machines_side_by_side_do_not_notice_each_other,
        checking_changes_nothing,
        the_hardware_below_does_not_show_in_results,
        the_state_hash_sees_what_programs_can_see,
    };

    return world_run("events", tests, sizeof(tests) / sizeof(tests[0]));
}
