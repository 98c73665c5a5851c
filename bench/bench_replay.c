/*
 * Replaying a log: lines of valgrind's text a second, from a file on the host through parser, TLB,
 * page tables and fault handler, as `mapwalk run` does it.
 *
 * The log is made here: a loop of a few functions over stack and heap, in the mix that lackey shows
 * of small programs (of ten lines seven fetches, two loads, one store), with a working set that
 * fits a TLB, as a program's mostly does.
 */
#include <mapwalk/mapwalk.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

#define LINES      1000000u
#define CODE_BASE  0x04001000u
#define HEAP_BASE  0x05200000u
#define STACK_BASE UINT64_C(0x1ffeffe000)

struct replay_state {
    char path[64];
};

/*
 * Seven fetches in a row, then two loads and a store: addresses wander over 16 pages of code, 64 of
 * heap, 4 of stack.
 */
static void write_line(FILE *out, uint64_t line, uint64_t *random)
{
    uint64_t step = line % 10;

    if (step < 7)
        fprintf(out, "I  %08llx,%llu\n",
                (unsigned long long)(CODE_BASE + (line / 640 % 16 << 12) + line % 640 * 4),
                (unsigned long long)(1 + (step & 3)));
    else if (step < 9)
        fprintf(out, " L %08llx,8\n",
                (unsigned long long)(HEAP_BASE + (bench_random(random) & 0x3fff8)));
    else
        fprintf(out, " S %llx,8\n",
                (unsigned long long)(STACK_BASE + (bench_random(random) & 0x3ff8)));
}

static void *open_replay(void)
{
    struct replay_state *s = calloc(1, sizeof *s);
    const char *folder = getenv("TMPDIR");
    uint64_t random = 88172645463325252u;
    int fd;
    FILE *out;

    bench_must(s != NULL, "out of memory");
    bench_must(snprintf(s->path, sizeof s->path, "%s/mapwalk-bench.XXXXXX",
                        folder != NULL ? folder : "/tmp") < (int)sizeof s->path,
               "TMPDIR is too long");
    fd = mkstemp(s->path);
    bench_must(fd >= 0, "cannot make a temporary file");
    out = fdopen(fd, "w");
    bench_must(out != NULL, "fdopen");
    fputs("==1== Lackey, an example Valgrind tool\n==1== Command: loop\n==1== \n", out);
    for (uint64_t line = 0; line < LINES; line++)
        write_line(out, line, &random);
    bench_must(fclose(out) == 0, "cannot write the temporary file");
    return s;
}

static void close_replay(void *state)
{
    struct replay_state *s = state;

    unlink(s->path);
    free(s);
}

/* Replays the whole log, each time in a new machine. */
static uint64_t run_replay(void *state, uint64_t count)
{
    struct replay_state *s = state;
    const char *files[] = {s->path};
    uint64_t spent = 0;
    struct mw_config config;

    mw_config_init(&config);
    mw_run_configure(MW_FORMAT_LACKEY, &config);
    for (uint64_t done = 0; done < count; done += LINES) {
        struct mw_machine *machine;
        struct mw_run_result result;
        bench_must(mw_machine_new(&config, &machine) == 0, "mw_machine_new");
        uint64_t begin = bench_now();
        bench_must(mw_run(machine, files, 1, NULL, &result) == 0, "mw_run");
        spent += bench_now() - begin;
        bench_must(result.accesses == LINES && result.lines_bad == 0 && result.signals == 0,
                   "the log was not replayed whole");
        bench_must(mw_machine_free(machine) == 0, "mw_machine_free");
    }
    return spent;
}

void bench_replay_register(struct bench_list *list)
{
    static const struct bench replay = {
        .name = "replay_text",
        .unit = "ns/line",
        .open = open_replay,
        .close = close_replay,
        .run = run_replay,
        .median_max = 100,
        .count_step = LINES,
    };

    bench_list_add(list, &replay);
}
