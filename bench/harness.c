/*
 * Measuring: choose the number of operations, take turns, take the quietest median. See harness.h for why.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_NS \
    1000000u      /* long against the clock's resolution, short against a neighbour's time slice */
#define SLICES 15 /* of either loop a round; odd, so that one is in the middle */

void bench_must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "mapwalk-bench: failed: %s\n", what);
    exit(1);
}

void bench_list_add(struct bench_list *list, const struct bench *bench)
{
    bench_must(list->count < sizeof list->entries / sizeof list->entries[0], "too many benchmarks");
    list->entries[list->count++] = bench;
}

/* A multiple of the benchmark's step, at least one. */
static uint64_t round_count(const struct bench *bench, double count)
{
    uint64_t step = bench->count_step != 0 ? bench->count_step : 1;
    uint64_t steps = (uint64_t)(count / (double)step);

    return (steps != 0 ? steps : 1) * step;
}

/* Whole time of a run, preparation included: the shortest of three, as others can only prolong it. */
static uint64_t time_run(bench_run *run, void *state, uint64_t count)
{
    uint64_t shortest = UINT64_MAX;

    for (unsigned i = 0; i < 3 && shortest > SLICE_NS / 2; i++) {
        uint64_t begin = bench_now();

        run(state, count);
        uint64_t took = bench_now() - begin;
        shortest = took < shortest ? took : shortest;
    }
    return shortest;
}

/*
 * Operations for about SLICE_NS: doubling until a run is long enough to be trusted, then in
 * proportion. This is the warm-up too.
 */
static uint64_t choose_count(const struct bench *bench, bench_run *run, void *state)
{
    uint64_t count = round_count(bench, 1);

    for (;;) {
        uint64_t took = time_run(run, state, count);

        if (took >= SLICE_NS / 2)
            return round_count(bench, (double)count * SLICE_NS / (double)took);
        count *= 2;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts values. */
static double median(double values[SLICES])
{
    qsort(values, SLICES, sizeof *values, compare_doubles);
    return values[SLICES / 2];
}

/* One of the two loops of a benchmark. */
struct side {
    bench_run *run; /* NULL: there is none */
    uint64_t count; /* operations a slice */
    double slices[SLICES];
    double quietest; /* smallest median of a round so far; 0: none yet */
};

static struct side side_prepare(const struct bench *bench, bench_run *run, void *state)
{
    return (struct side){.run = run, .count = run != NULL ? choose_count(bench, run, state) : 0};
}

static void side_run_slice(struct side *side, void *state, unsigned slice)
{
    if (side->run != NULL)
        side->slices[slice] = (double)side->run(state, side->count) / (double)side->count;
}

static void side_end_round(struct side *side)
{
    double value = median(side->slices);

    if (side->quietest <= 0 || value < side->quietest)
        side->quietest = value;
}

static bool targets_met(const struct bench *bench, const struct bench_figure *figure)
{
    if (bench->ratio_max > 0 && figure->ratio > bench->ratio_max)
        return false;
    return bench->median_max <= 0 || figure->median <= bench->median_max;
}

struct bench_figure bench_measure(const struct bench *bench, unsigned rounds)
{
    struct bench_figure figure = {0};
    void *state = bench->open();
    struct side ours = side_prepare(bench, bench->run, state);
    struct side theirs = side_prepare(bench, bench->run_yardstick, state);

    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned slice = 0; slice < SLICES; slice++) {
            side_run_slice(&ours, state, slice);
            side_run_slice(&theirs, state, slice);
        }
        side_end_round(&ours);
        side_end_round(&theirs);
    }
    bench->close(state);
    figure.median = ours.quietest;
    figure.yardstick = theirs.quietest;
    if (theirs.run != NULL)
        figure.ratio = figure.median / figure.yardstick;
    figure.met = targets_met(bench, &figure);
    return figure;
}
