/*
 * Measuring: choose the number of operations, take turns, take medians. See harness.h for why.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define ROUND_NS \
    50000000u /* a round of one loop: long against timer and scheduler noise, short enough for \
                 many */

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

/*
 * Operations for about ROUND_NS of whole time, preparation included: doubling until a run is long
 * enough to be trusted, then in proportion. This is the warm-up too.
 */
static uint64_t choose_count(const struct bench *bench, bench_run *run, void *state)
{
    uint64_t count = round_count(bench, 1);

    for (;;) {
        uint64_t begin = bench_now();

        run(state, count);
        uint64_t took = bench_now() - begin;
        if (took >= ROUND_NS / 4)
            return round_count(bench, (double)count * ROUND_NS / (double)took);
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
static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    if (count % 2 == 1)
        return values[count / 2];
    return (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double one_round(bench_run *run, void *state, uint64_t count)
{
    return (double)run(state, count) / (double)count;
}

static bool targets_met(const struct bench *bench, const struct bench_figure *figure)
{
    if (bench->ratio_max > 0 && figure->ratio > bench->ratio_max)
        return false;
    return bench->median_max <= 0 || figure->median <= bench->median_max;
}

struct bench_figure bench_measure(const struct bench *bench, unsigned rounds)
{
    double ours[BENCH_ROUNDS_MAX], theirs[BENCH_ROUNDS_MAX], ratios[BENCH_ROUNDS_MAX];
    struct bench_figure figure = {0};
    void *state = bench->open();
    uint64_t our_count = choose_count(bench, bench->run, state);
    uint64_t their_count =
        bench->yardstick != NULL ? choose_count(bench, bench->run_yardstick, state) : 0;

    for (unsigned i = 0; i < rounds; i++) {
        ours[i] = one_round(bench->run, state, our_count);
        if (bench->yardstick == NULL)
            continue;
        theirs[i] = one_round(bench->run_yardstick, state, their_count);
        ratios[i] = ours[i] / theirs[i];
    }
    bench->close(state);
    figure.median = median(ours, rounds);
    if (bench->yardstick != NULL) {
        figure.yardstick = median(theirs, rounds);
        figure.ratio = median(ratios, rounds);
    }
    figure.met = targets_met(bench, &figure);
    return figure;
}
