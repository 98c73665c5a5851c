/*
 * mapwalk-bench: runs the benchmarks that the table below lists and prints their figures.
 *
 * Exit codes: 0 when all ran, whether they met their targets or not; 1 when one could not do its
 * work or output failed; 2 for wrong usage.
 */
#include <getopt.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static bench_register *const registers[] = {
    bench_tlb_register,   bench_fence_register, bench_shootdown_register, bench_mm_register,
    bench_areas_register, bench_files_register, bench_replay_register,
};

struct options {
    bool list;
    bool json;
    unsigned rounds;
    const char *filter; /* extended regular expression, or NULL: all */
    regex_t pattern;    /* compiled filter */
};

static const char usage[] =
    "usage: mapwalk-bench [--list] [--filter REGEX] [--json] [--rounds N]\n"
    "\n"
    "Measures mapwalk beside yardsticks that run in turns with it, and prints the median of the\n"
    "quietest round of either.\n"
    "\n"
    "  --list          name the benchmarks and stop\n"
    "  --filter REGEX  only benchmarks whose name matches this extended regular expression\n"
    "  --json          one JSON object a line: name, unit, median, yardstick, ratio, target, met\n"
    "  --rounds N      rounds a benchmark, 1 to 1000 (default 11)\n"
    "  --help          this text\n"
    "  --version       the version\n"
    "\n"
    "Exit status: 0 all ran (even if a target was missed), 1 a benchmark or the output failed,\n"
    "2 wrong usage. Figures of builds other than Release mean nothing.\n";

static int usage_error(const char *problem, const char *value)
{
    fprintf(stderr, "mapwalk-bench: %s%s\nTry 'mapwalk-bench --help'.\n", problem, value);
    return 2;
}

static bool parse_rounds(const char *text, unsigned *rounds)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < 1 || value > BENCH_ROUNDS_MAX)
        return false;
    *rounds = (unsigned)value;
    return true;
}

static bool selected(const struct options *options, const struct bench *bench)
{
    return options->filter == NULL || regexec(&options->pattern, bench->name, 0, NULL, 0) == 0;
}

/* "<= 5x, <= 6 ns" */
static void format_target(const struct bench *bench, char *out, size_t bytes)
{
    int used = 0;

    out[0] = '\0';
    if (bench->ratio_max > 0)
        used = snprintf(out, bytes, "<= %gx", bench->ratio_max);
    if (bench->median_max > 0)
        snprintf(out + used, bytes - (size_t)used, "%s<= %g ns", used > 0 ? ", " : "",
                 bench->median_max);
}

static void print_text(const struct bench *bench, const struct bench_figure *figure)
{
    char target[64], yardstick[64] = "-", ratio[32] = "-";

    format_target(bench, target, sizeof target);
    if (bench->yardstick != NULL) {
        snprintf(yardstick, sizeof yardstick, "%.2f (%s)", figure->yardstick, bench->yardstick);
        snprintf(ratio, sizeof ratio, "%.3f", figure->ratio);
    }
    printf("%-22s %-11s %11.2f  %-26s %8s  %-16s %s\n", bench->name, bench->unit, figure->median,
           yardstick, ratio, target[0] != '\0' ? target : "-",
           target[0] == '\0' ? "-"
           : figure->met     ? "yes"
                             : "NO");
}

/* Names and units hold no character that JSON escapes. */
static void print_json(const struct bench *bench, const struct bench_figure *figure)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"median\":%.3f", bench->name, bench->unit,
           figure->median);
    if (bench->yardstick != NULL)
        printf(",\"yardstick\":{\"name\":\"%s\",\"median\":%.3f},\"ratio\":%.4f", bench->yardstick,
               figure->yardstick, figure->ratio);
    else
        printf(",\"yardstick\":null,\"ratio\":null");
    if (bench->ratio_max <= 0 && bench->median_max <= 0) {
        printf(",\"target\":null,\"met\":null}\n");
        return;
    }
    printf(",\"target\":{");
    if (bench->ratio_max > 0)
        printf("\"ratio\":%g%s", bench->ratio_max, bench->median_max > 0 ? "," : "");
    if (bench->median_max > 0)
        printf("\"median\":%g", bench->median_max);
    printf("},\"met\":%s}\n", figure->met ? "true" : "false");
}

static void run_one(const struct options *options, const struct bench *bench)
{
    struct bench_figure figure;

    if (options->list) {
        puts(bench->name);
        return;
    }
    figure = bench_measure(bench, options->rounds);
    if (options->json)
        print_json(bench, &figure);
    else
        print_text(bench, &figure);
    fflush(stdout); /* each figure shows when it is there */
}

static int run_all(const struct options *options)
{
    struct bench_list list = {0};
    unsigned matches = 0;

    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++)
        registers[i](&list);
    if (!options->list && !options->json)
        printf("%-22s %-11s %11s  %-26s %8s  %-16s %s\n", "benchmark", "unit", "median",
               "yardstick", "ratio", "target", "met");
    for (unsigned i = 0; i < list.count; i++) {
        if (!selected(options, list.entries[i]))
            continue;
        matches++;
        run_one(options, list.entries[i]);
    }
    if (matches == 0)
        return usage_error("no benchmark matches ", options->filter);
    if (ferror(stdout) || fclose(stdout) != 0) {
        fputs("mapwalk-bench: cannot write the output\n", stderr);
        return 1;
    }
    return 0;
}

/* -1: run; else the exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"list", no_argument, NULL, 'l'},
        {"filter", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"rounds", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'l')
            options->list = true;
        else if (option == 'f')
            options->filter = optarg;
        else if (option == 'j')
            options->json = true;
        else if (option == 'r' && !parse_rounds(optarg, &options->rounds))
            return usage_error("not a number of rounds: ", optarg);
        else if (option == 'h')
            return fputs(usage, stdout) < 0;
        else if (option == 'v')
            return puts("mapwalk-bench " MW_VERSION) < 0;
        else if (option == '?')
            return usage_error("wrong option", "");
    }
    return optind < argc ? usage_error("unexpected argument ", argv[optind]) : -1;
}

int main(int argc, char **argv)
{
    struct options options = {.rounds = 11};
    int code = parse_options(argc, argv, &options);

    if (code >= 0)
        return code;
    if (options.filter != NULL &&
        regcomp(&options.pattern, options.filter, REG_EXTENDED | REG_NOSUB))
        return usage_error("not a regular expression: ", options.filter);
    code = run_all(&options);
    if (options.filter != NULL)
        regfree(&options.pattern);
    return code;
}
