/*
 * The same configuration and seed give byte-identical events, and neither listening nor looking
 * changes anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/workload.h"

#define STEPS 1500

/* A hash of the bytes of every event that a sink received. */
struct stream {
    uint64_t hash;
    uint64_t events;
    mw_event_mask keep; /* kinds that count */
};

static void stream_add(void *context, const struct mw_event *event)
{
    struct stream *s = context;
    uint64_t words[sizeof(*event) / sizeof(uint64_t)];

    if (!(s->keep & MW_EVENT_BIT(event->kind)))
        return;
    memcpy(words, event, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        s->hash = prng_mix(s->hash ^ words[i]);
    s->events++;
}

/* An event has no padding: all its bytes are told, and hashing them means something. */
_Static_assert(sizeof(struct mw_event) == 24 + 8 * MW_EVENT_ARGS, "padding in struct mw_event");

/* How one run is watched, and what is left of it. */
struct run {
    uint64_t seed;
    mw_event_mask mask; /* 0: nobody listens */
    unsigned silent;    /* further sinks, which listen to everything */
    bool look;          /* at the machine, after every operation */
    bool check;         /* config.check */
    struct stream stream;
    uint64_t state;
    struct mw_stats stats;
};

static void look_at(struct mw_machine *m)
{
    struct mw_stats stats;
    struct mw_vma area = {.end = 0};
    uint64_t pte;

    mw_stats(m, &stats);
    (void)mw_state_hash(m);
    assert_true(mw_check(m));
    for (int pid = mw_process_next(m, 0); pid != 0; pid = mw_process_next(m, pid)) {
        while (mw_vma_next(m, pid, area.end, &area) == 0)
            assert_int_equal(mw_pte(m, pid, area.start, &pte), 0);
        area.end = 0;
    }
}

static void run_steps(struct run *run, struct workload *w, struct mw_machine *m)
{
    for (unsigned i = 0; i < STEPS; i++) {
        struct operation op;
        struct outcome outcome;

        workload_draw(w, &op);
        operation_run(m, &op, &outcome);
        reference_vm_run(w->vm, &op, &outcome);
        if (run->look)
            look_at(m);
    }
}

static void run_all(struct run *run)
{
    struct stream silent[3] = {{0}};
    struct mw_machine *m;
    struct mw_config config;
    struct workload w;

    mw_config_init(&config);
    assert_int_equal(mw_config_set(&config, "tlb", "4x2"), 0);
    config.asid_bits = 1;
    config.ram_bytes = (uint64_t)2 << 20;
    config.disk_bytes = (uint64_t)8 << 20;
    config.check = run->check;
    workload_configure(&config);
    assert_int_equal(workload_begin(&w, &config, run->seed, &m), 0);
    w.frames = 512;
    if (run->mask != 0)
        assert_int_equal(mw_subscribe(m, run->mask, stream_add, &run->stream), 0);
    for (unsigned i = 0; i < run->silent; i++)
        assert_int_equal(mw_subscribe(m, MW_EVENTS_ALL, stream_add, &silent[i]), 0);
    run_steps(run, &w, m);
    run->state = mw_state_hash(m);
    mw_stats(m, &run->stats);
    workload_end(&w);
    assert_int_equal(mw_machine_free(m), 0);
}

static struct run run_seed(uint64_t seed, mw_event_mask mask)
{
    struct run run = {.seed = seed, .mask = mask, .stream = {.keep = MW_EVENTS_ALL}};

    run_all(&run);
    return run;
}

static void assert_same_events(const struct run *a, const struct run *b)
{
    assert_int_equal(a->stream.events, b->stream.events);
    assert_int_equal(a->stream.hash, b->stream.hash);
}

static void assert_same_machine(const struct run *a, const struct run *b)
{
    assert_int_equal(a->state, b->state);
    assert_memory_equal(&a->stats, &b->stats, sizeof(a->stats));
}

static void the_same_seed_gives_byte_identical_events(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct run first = run_seed(seed, MW_EVENTS_ALL);
        struct run second = run_seed(seed, MW_EVENTS_ALL);

        assert_true(first.stream.events > 5 * STEPS);
        assert_same_events(&first, &second);
        assert_same_machine(&first, &second);
    }
}

static void another_seed_gives_other_events(void **state)
{
    struct run first = run_seed(1, MW_EVENTS_ALL);
    struct run second = run_seed(2, MW_EVENTS_ALL);

    (void)state;
    assert_int_not_equal(first.stream.hash, second.stream.hash);
    assert_int_not_equal(first.state, second.state);
}

/* I-EVENT-2 */
static void listening_changes_neither_state_nor_counters_nor_time(void **state)
{
    struct run unheard = run_seed(4, 0);
    struct run heard = run_seed(4, MW_EVENTS_ALL);
    struct run without_hits = run_seed(4, MW_EVENTS_NO_HITS);

    (void)state;
    assert_int_equal(unheard.stream.events, 0);
    assert_same_machine(&unheard, &heard);
    assert_same_machine(&unheard, &without_hits);
}

static void a_sink_gets_the_same_events_whoever_else_listens(void **state)
{
    const mw_event_mask faults = MW_EVENT_BIT(MW_EVENT_FAULT_DECIDE) |
                                 MW_EVENT_BIT(MW_EVENT_PTE_SET) | MW_EVENT_BIT(MW_EVENT_SHOOTDOWN);
    struct run alone = {.seed = 5, .mask = faults, .stream = {.keep = MW_EVENTS_ALL}};
    struct run among = {.seed = 5, .mask = faults, .silent = 3, .stream = {.keep = MW_EVENTS_ALL}};
    struct run filtered = {.seed = 5, .mask = MW_EVENTS_ALL, .stream = {.keep = faults}};

    (void)state;
    run_all(&alone);
    run_all(&among);
    run_all(&filtered);
    assert_true(alone.stream.events > 0);
    assert_same_events(&alone, &among);
    assert_same_events(&alone, &filtered);
    assert_same_machine(&alone, &among);
}

static void looking_at_a_machine_changes_nothing(void **state)
{
    struct run unseen = run_seed(6, MW_EVENTS_ALL);
    struct run seen = {
        .seed = 6, .mask = MW_EVENTS_ALL, .look = true, .stream = {.keep = MW_EVENTS_ALL}};

    (void)state;
    run_all(&seen);
    assert_same_events(&unseen, &seen);
    assert_same_machine(&unseen, &seen);
}

static void a_machine_that_checks_itself_does_the_same(void **state)
{
    struct run unchecked = run_seed(7, MW_EVENTS_ALL);
    struct run checked = {
        .seed = 7, .mask = MW_EVENTS_ALL, .check = true, .stream = {.keep = MW_EVENTS_ALL}};

    (void)state;
    run_all(&checked);
    assert_same_events(&unchecked, &checked);
    assert_same_machine(&unchecked, &checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_byte_identical_events),
        cmocka_unit_test(another_seed_gives_other_events),
        cmocka_unit_test(listening_changes_neither_state_nor_counters_nor_time),
        cmocka_unit_test(a_sink_gets_the_same_events_whoever_else_listens),
        cmocka_unit_test(looking_at_a_machine_changes_nothing),
        cmocka_unit_test(a_machine_that_checks_itself_does_the_same),
    };

    return cmocka_run_group_tests_name("determinism", tests, NULL, NULL);
}
