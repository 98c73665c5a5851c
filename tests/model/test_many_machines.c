/*
 * Everything hangs from one machine: many of them side by side, taking turns in one thread or
 * running in threads of their own, do exactly what each does alone.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/workload.h"

#define MACHINES 4
#define STEPS    600

struct actor {
    uint64_t seed;
    struct mw_machine *machine;
    struct workload workload;
    uint64_t events; /* hash of all events */
    uint64_t state;
    bool begun;
};

static void actor_hear(void *context, const struct mw_event *event)
{
    struct actor *a = context;
    uint64_t words[sizeof(*event) / sizeof(uint64_t)];

    memcpy(words, event, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        a->events = prng_mix(a->events ^ words[i]);
}

/*
 * The machines differ in mode and TLB, so that whatever one left behind would be wrong for the
 * next.
 */
static void actor_begin(struct actor *a, uint64_t seed)
{
    struct mw_config config;

    memset(a, 0, sizeof(*a));
    a->seed = seed;
    mw_config_init(&config);
    config.mode = seed % 2 == 0 ? MW_MODE_SV39 : MW_MODE_SV48;
    config.tlbs.l1d.array[0].sets = seed % 3 == 0 ? 1 : 16;
    config.asid_bits = seed % 4 == 0 ? 0 : 16;
    config.ram_bytes = (uint64_t)16 << 20;
    config.disk_bytes = (uint64_t)8 << 20;
    workload_configure(&config);
    a->begun = workload_begin(&a->workload, &config, seed, &a->machine) == 0 &&
               mw_subscribe(a->machine, MW_EVENTS_ALL, actor_hear, a) == 0;
}

static void actor_step(struct actor *a)
{
    struct operation op;
    struct outcome outcome;

    workload_draw(&a->workload, &op);
    operation_run(a->machine, &op, &outcome);
    reference_vm_run(a->workload.vm, &op, &outcome);
}

static void actor_end(struct actor *a)
{
    a->state = mw_state_hash(a->machine);
    workload_end(&a->workload);
    a->begun = mw_machine_free(a->machine) == 0;
}

static void act_alone(struct actor *a, uint64_t seed)
{
    actor_begin(a, seed);
    for (unsigned i = 0; i < STEPS && a->begun; i++)
        actor_step(a);
    if (a->begun)
        actor_end(a);
}

static void *act_in_thread(void *context)
{
    struct actor *a = context;

    act_alone(a, a->seed);
    return NULL;
}

static void assert_same(const struct actor *a, const struct actor *b)
{
    assert_true(a->begun && b->begun);
    assert_int_equal(a->events, b->events);
    assert_int_equal(a->state, b->state);
}

static void machines_that_take_turns_do_not_notice_each_other(void **state)
{
    struct actor *alone = calloc(MACHINES, sizeof(*alone));
    struct actor *together = calloc(MACHINES, sizeof(*together));

    (void)state;
    assert_true(alone != NULL && together != NULL);
    for (unsigned i = 0; i < MACHINES; i++)
        act_alone(&alone[i], 100 + i);
    for (unsigned i = 0; i < MACHINES; i++) {
        actor_begin(&together[i], 100 + i);
        assert_true(together[i].begun);
    }
    for (unsigned step = 0; step < STEPS; step++)
        for (unsigned i = 0; i < MACHINES; i++)
            actor_step(&together[i]);
    for (unsigned i = 0; i < MACHINES; i++) {
        actor_end(&together[i]);
        assert_same(&alone[i], &together[i]);
    }
    assert_int_not_equal(alone[0].events, alone[2].events);
    free(alone);
    free(together);
}

static void machines_in_threads_do_not_notice_each_other(void **state)
{
    struct actor *alone = calloc(MACHINES, sizeof(*alone));
    struct actor *threads = calloc(MACHINES, sizeof(*threads));
    pthread_t thread[MACHINES];

    (void)state;
    assert_true(alone != NULL && threads != NULL);
    for (unsigned i = 0; i < MACHINES; i++) {
        threads[i].seed = 200 + i;
        assert_int_equal(pthread_create(&thread[i], NULL, act_in_thread, &threads[i]), 0);
    }
    for (unsigned i = 0; i < MACHINES; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (unsigned i = 0; i < MACHINES; i++) {
        act_alone(&alone[i], 200 + i);
        assert_same(&alone[i], &threads[i]);
    }
    free(alone);
    free(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_that_take_turns_do_not_notice_each_other),
        cmocka_unit_test(machines_in_threads_do_not_notice_each_other),
    };

    return cmocka_run_group_tests_name("many_machines", tests, NULL, NULL);
}
