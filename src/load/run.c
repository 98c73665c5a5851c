/*
 * Running workloads: opens the files, tells their format, and lets logs take turns.
 *
 * Layer 8, the front door (mapwalk/run.h). The schedule is a round robin over the files in the
 * order given, a quantum of lines each, so the same files always give the same run. A log whose
 * process another log forks begins at that fork; one that waits for a child goes on when the
 * child's log has ended. When nobody can run, somebody waits for what will not come: logs that have
 * not begun begin, then waits end.
 *
 * Processes stay on the harts that the machine gave them, unless the configuration lets them migrate:
 * then every so many turns one of them, in order of pids, moves to a hart that the seed chooses.
 */
#include <string.h>

#include "base/prng.h"
#include "kernel/machine.h"
#include "load/format.h"
#include "load/maps.h"
#include "load/scenario.h"
#include "load/source.h"

#define RUN_QUANTUM 4096
#define RUN_FILES   4096

struct run {
    struct mw_machine *machine;
    struct alloc *alloc;
    struct report report;
    struct replay replay;
    struct maps maps; /* recorded areas that came along with strace's logs */
    struct source *sources;
    unsigned count;
    uint64_t quantum;
    const struct source_kind *kind;
    uint64_t turns;    /* taken so far */
    int last_migrated; /* pid in the machine */
    struct prng prng;  /* of migration */
};

/* ---- which log can run? ---- */

/* Is a log of this process among ours, with its end still to come? */
static bool run_has_log(const struct run *run, const struct source *but, int log_pid)
{
    for (unsigned i = 0; i < run->count; i++) {
        const struct source *s = &run->sources[i];

        if (s != but && s->log_pid == log_pid && s->state != SOURCE_ENDED)
            return true;
    }
    return false;
}

/* Asked at each fork: is the log of this child waiting for it? */
static bool run_expects(void *context, int log_pid)
{
    const struct run *run = context;

    for (unsigned i = 0; i < run->count; i++)
        if (run->sources[i].state == SOURCE_NEW && run->sources[i].log_pid == log_pid)
            return true;
    return false;
}

/*
 * A log begins at once unless its fork is still to come: it names a parent whose log has not
 * ended, or continues a process of `strace -ff`.
 */
static bool run_may_begin(const struct run *run, const struct source *s)
{
    const struct replay_process *p = s->log_pid != 0 ? replay_find(&run->replay, s->log_pid) : NULL;

    if (s->forced || (p != NULL && !p->ended && !p->started))
        return true;
    if (s->follows_fork && run->count > 1)
        return false;
    return s->parent == 0 || !run_has_log(run, s, s->parent);
}

/* The waiting process may be gone, when it was forced on; nothing is left to wait for then. */
static bool run_may_go_on(const struct run *run, const struct source *s)
{
    const struct replay_process *p = replay_find(&run->replay, s->waiter);

    return p == NULL || !replay_must_wait(&run->replay, p, s->waiting_child);
}

static void run_end_wait(struct run *run, struct source *s)
{
    struct replay_process *p = replay_find(&run->replay, s->waiter);

    if (p != NULL)
        replay_finish_wait(&run->replay, p, s->waiting_child);
    s->state = SOURCE_RUNNING;
}

/* True when the source has something to do now. */
static bool run_is_ready(struct run *run, struct source *s)
{
    if (s->state == SOURCE_WAITING && run_may_go_on(run, s))
        run_end_wait(run, s);
    return s->state == SOURCE_RUNNING || (s->state == SOURCE_NEW && run_may_begin(run, s));
}

/*
 * Nobody could run: lets the first that has not begun begin, or ends the first wait. False: all
 * have ended.
 */
static bool run_unblock(struct run *run)
{
    for (unsigned i = 0; i < run->count; i++)
        if (run->sources[i].state == SOURCE_NEW) {
            run->sources[i].forced = true;
            return true;
        }
    for (unsigned i = 0; i < run->count; i++)
        if (run->sources[i].state == SOURCE_WAITING) {
            run_end_wait(run, &run->sources[i]);
            return true;
        }
    return false;
}

static uint64_t run_bytes_done(const struct run *run)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < run->count; i++)
        bytes += run->sources[i].reader.bytes_done;
    return bytes;
}

/* After a turn: the next process in order of pids moves on, when it is time, to any other hart. */
static void run_migrate(struct run *run)
{
    const struct mw_config *config = mw_machine_config(run->machine);
    unsigned hart;
    int pid;

    run->turns++;
    if (config->migrate == 0 || config->harts == 1 || run->turns % config->migrate != 0)
        return;
    pid = mw_process_next(run->machine, run->last_migrated);
    if (pid == 0)
        pid = mw_process_next(run->machine, 0);
    if (pid == 0)
        return;
    run->last_migrated = pid;
    hart = (unsigned)(1 + prng_below(&run->prng, config->harts - 1));
    hart = ((unsigned)mw_process_hart(run->machine, pid) + hart) % config->harts;
    contract(mw_set_hart(run->machine, pid, hart) == 0);
}

/* One round after the other until a round in which nobody could run. */
static int run_turns(struct run *run)
{
    bool ran;

    do {
        ran = false;
        for (unsigned i = 0; i < run->count; i++) {
            struct source *s = &run->sources[i];
            int err;

            if (!run_is_ready(run, s))
                continue;
            err = run->kind->turn(s, run->quantum);
            if (err < 0)
                return err;
            ran = true;
            run_migrate(run);
            report_progress(&run->report, run_bytes_done(run));
        }
    } while (ran || run_unblock(run));
    return 0;
}

/* ---- logs ---- */

/* All logs are primed before the first turn, so that forks know which children have one. */
static int run_logs(struct run *run, enum mw_format format)
{
    int err = 0;

    run->kind = format == MW_FORMAT_LACKEY ? &source_lackey : &source_strace;
    replay_init(&run->replay, run->machine, run->alloc, &run->report);
    run->replay.has_addresses = format == MW_FORMAT_LACKEY;
    run->replay.maps = &run->maps;
    run->replay.expects = run_expects;
    run->replay.expects_context = run;
    for (unsigned i = 0; i < run->count && err == 0; i++) {
        run->sources[i].replay = &run->replay;
        run->sources[i].report = &run->report;
        err = run->kind->prime(&run->sources[i]);
    }
    if (err == 0)
        err = run_turns(run);
    for (unsigned i = 0; i < run->count; i++) {
        struct source *s = &run->sources[i];

        report_bad_total(&run->report, s->bad, s->reader.file);
        if (s->replay != NULL)
            run->kind->close(s);
    }
    run->replay.place.file = run->sources[0].reader.file;
    replay_destroy(&run->replay);
    return err;
}

/* ---- files ---- */

/*
 * Reads until the format is plain, so that a scenario typed at a terminal does not wait for 64 KiB.
 * /
 */
static int run_recognise(struct reader *reader, enum mw_format *format)
{
    size_t looked = 0;

    do {
        size_t whole;
        int err = reader_peek(reader, looked + 1);

        if (err < 0)
            return err;
        looked = reader->end;
        whole = reader->at_end || looked >= FORMAT_BYTES ? looked : reader->lines_end;
        *format = mw_format_recognise(reader->buffer, whole);
    } while (*format == MW_FORMAT_UNKNOWN && !reader->at_end && looked < FORMAT_BYTES);
    return 0;
}

/* Recorded maps are read at once; they are no log and take no turns. */
static int run_read_maps(struct run *run, struct source *s)
{
    int err = maps_read(&run->maps, &s->reader, &run->report);

    reader_close(&s->reader);
    memset(s, 0, sizeof(*s));
    run->count--;
    return err;
}

/* Opens one more file. Its format must be that of the ones before. */
static int run_open_file(struct run *run, const char *file, enum mw_format *format)
{
    struct source *s = &run->sources[run->count];
    enum mw_format own;
    int err = reader_open(&s->reader, run->alloc, file);

    if (err < 0)
        return err;
    run->count++;
    if (strcmp(file, "-") == 0)
        reader_set_head(&s->reader, run->report.options->head, run->report.options->head_bytes);
    err = run_recognise(&s->reader, &own);
    if (err < 0)
        return err;
    if (own == MW_FORMAT_UNKNOWN)
        return maps_recognise(s->reader.buffer, s->reader.end) ? run_read_maps(run, s) : -ENOEXEC;
    if (run->count > 1 && own != *format)
        return -EINVAL;
    *format = own;
    return 0;
}

static int run_open(struct run *run, const char *const *files, unsigned count,
                    enum mw_format *format)
{
    for (unsigned i = 0; i < count; i++) {
        int err = run_open_file(run, files[i], format);

        if (err < 0)
            return err;
    }
    if (run->count == 0)
        return -ENOEXEC;
    if (*format == MW_FORMAT_SCENARIO && count > 1)
        return -EINVAL;
    return run->maps.first != NULL && *format != MW_FORMAT_STRACE ? -EINVAL : 0;
}

/* Opens, recognises, runs; what was opened is closed by the caller. */
static int run_files(struct run *run, const char *const *files, unsigned count)
{
    enum mw_format format = MW_FORMAT_UNKNOWN;
    int err = run_open(run, files, count, &format);

    run->report.result->format = format;
    if (err < 0)
        return err;
    if (format == MW_FORMAT_SCENARIO)
        return scenario_run(run->machine, run->alloc, &run->sources[0].reader, &run->report);
    if (run->report.options->on != MW_ON_SIMULATOR)
        return -EINVAL; /* a log says what a program did, not what is to be done */
    return run_logs(run, format);
}

int mw_run(struct mw_machine *machine, const char *const *files, unsigned count,
           const struct mw_run_options *options, struct mw_run_result *result)
{
    static const struct mw_run_options silent = {.diagnose = NULL};
    struct run run = {.machine = machine, .alloc = &machine->alloc};
    int err;

    memset(result, 0, sizeof(*result));
    if (count == 0 || count > RUN_FILES)
        return -EINVAL;
    run.report = (struct report){options != NULL ? options : &silent, result, 0};
    run.quantum =
        options != NULL && options->quantum_lines > 0 ? options->quantum_lines : RUN_QUANTUM;
    run.sources = alloc_zeroed(run.alloc, count * sizeof(*run.sources));
    if (run.sources == NULL)
        return -ENOMEM;
    maps_init(&run.maps, run.alloc);
    prng_seed(&run.prng, mw_machine_config(machine)->seed);
    err = run_files(&run, files, count);
    for (unsigned i = 0; i < run.count; i++)
        reader_close(&run.sources[i].reader);
    maps_destroy(&run.maps);
    alloc_release(run.alloc, run.sources);
    return err;
}
