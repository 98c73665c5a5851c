/*
 * The benchmark harness: measures a piece of the simulator beside a yardstick, in the same run.
 *
 * Absolute times drift between hosts and from minute to minute; the ratio of two loops that took
 * turns on the same core does not. So each benchmark may name a yardstick (the host kernel's own
 * operation, or the shortest loop that could do the job), and both run alternately, slice by slice.
 *
 * Others on the host can only add time, now for a moment, now for seconds. A slice that was
 * interrupted does not move the median of its round, and a round that was disturbed as a whole is
 * not the quietest: the figure of either loop is the smallest of its rounds' medians, and the ratio
 * is that of the two.
 *
 *   I-BENCH-1  the number of operations of either loop is chosen once, for a slice of about 1 ms,
 *              and then stays
 *   I-BENCH-2  a missed target changes no exit code: timing on a loaded host is no verdict
 */
#ifndef MAPWALK_BENCH_HARNESS_H
#define MAPWALK_BENCH_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/*
 * Does `count` operations and returns the nanoseconds that they took. It measures itself, with
 * bench_now, so that preparing and clearing up between batches stay out of the figure. It aborts
 * (bench_must) when anything fails.
 */
typedef uint64_t bench_run(void *state, uint64_t count);

struct bench {
    const char *name;      /* snake_case */
    const char *unit;      /* of one operation: "ns/access" */
    const char *yardstick; /* what stands beside it: "ideal loop", "host kernel"; NULL: nothing */
    void *(*open)(void);   /* makes the state of both loops */
    void (*close)(void *state);
    bench_run *run;
    bench_run *run_yardstick; /* NULL exactly when yardstick is */
    double ratio_max;         /* target: benchmark / yardstick at most this; 0: none */
    double median_max;        /* target: figure at most this, in `unit`; 0: none */
    uint64_t count_step;      /* operations come in multiples of this; 0: of 1 */
};

/* The figures of one benchmark, per operation. */
struct bench_figure {
    double median;    /* nanoseconds, of the quietest round */
    double yardstick; /* the same of the yardstick; 0: none */
    double ratio;     /* of the two; 0: none */
    bool met;         /* every target that there is */
};

struct bench_list {
    const struct bench *entries[64];
    unsigned count;
};

/* What main.c lists: one function a file, which adds that file's benchmarks. */
typedef void bench_register(struct bench_list *list);

bench_register bench_tlb_register;
bench_register bench_fence_register;
bench_register bench_shootdown_register;
bench_register bench_mm_register;
bench_register bench_areas_register;
bench_register bench_files_register;
bench_register bench_replay_register;

void bench_list_add(struct bench_list *list, const struct bench *bench);

/*
 * Warms up, chooses the number of operations, runs `rounds` rounds. Pre: 1 <= rounds <=
 * BENCH_ROUNDS_MAX.
 */
#define BENCH_ROUNDS_MAX 1000
struct bench_figure bench_measure(const struct bench *bench, unsigned rounds);

/*
 * Ends the program with a message unless the condition holds: a benchmark that does not do its work
 * has no figure.
 */
void bench_must(bool condition, const char *what);

/* Monotonic host time in nanoseconds. */
static inline uint64_t bench_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Makes the compiler believe that the value is used. */
static inline void bench_use(uint64_t value)
{
    __asm__ volatile("" : : "r"(value));
}

/*
 * The next value of a cheap pseudo-random sequence, for benchmarks whose order must not be
 * predictable.
 */
static inline uint64_t bench_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
