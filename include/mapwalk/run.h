/*
 * Running workloads: scenarios (.mw, in strace's syntax) and logs that valgrind or strace recorded.
 */
#ifndef MAPWALK_RUN_H
#define MAPWALK_RUN_H

#include <mapwalk/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mw_format {
    MW_FORMAT_UNKNOWN,
    MW_FORMAT_SCENARIO,
    MW_FORMAT_STRACE,
    MW_FORMAT_LACKEY,
    MW_FORMAT_COUNT
};

const char *mw_format_name(unsigned format); /* "scenario", "strace", "lackey" */

/* Recognises the format from the first bytes of a file. */
enum mw_format mw_format_recognise(const char *bytes, size_t count);

/*
 * Recognises the format of a regular file, so that mw_run_configure can be called before the
 * machine is made. 0 and *out (MW_FORMAT_UNKNOWN when it is none), -errno of open or read (-EISDIR:
 * a directory), or -ESPIPE when the file cannot be looked at without losing bytes: a pipe, a
 * terminal, "-" (see `head` below).
 */
int mw_run_peek(const char *file, enum mw_format *out);

/* A line to tell the user: where, and why. */
struct mw_diagnostic {
    const char *file; /* as given; "-" for standard input */
    uint64_t line;    /* counted from 1; 0: the file as a whole */
    const char *text; /* one line, without newline */
    bool failure; /* a failed expectation of a scenario; false: input that could not be understood
                     or replayed */
};

typedef void mw_diagnostic_handler(void *context, const struct mw_diagnostic *diagnostic);

/* Called now and then on long runs. */
typedef void mw_progress_handler(void *context, uint64_t bytes_done, uint64_t lines_done);

/* Who executes a scenario. */
enum mw_on {
    MW_ON_SIMULATOR,
    MW_ON_LINUX, /* the host's kernel: real processes, calls, accesses and files; x86-64 only */
    MW_ON_BOTH   /* line by line on both; ends at the first difference. config.isa should be the
                    host's, MW_ISA_X86_64 */
};

/* A line of what a scenario did: the call with its result, as the scenario would say it. */
typedef void mw_show_handler(void *context, const char *text);

struct mw_run_options {
    mw_diagnostic_handler *diagnose; /* NULL: silent */
    mw_progress_handler *progress;   /* NULL: none */
    void *context;                   /* of both */
    uint64_t quantum_lines; /* lines of one process before the next one's turn, with several logs;
                               0: 4096 */
    const void
        *head; /* bytes that the caller has read from standard input already, to find the format; */
    size_t head_bytes;     /* "-" begins with them. NULL and 0: none. They must live until mw_run
                          returns */
    enum mw_on on;         /* of a scenario; logs run on the simulator only (-EINVAL) */
    bool ignore_maps;      /* MW_ON_BOTH: compares results and pages only */
    mw_show_handler *show; /* of scenarios; NULL: silent */
};

/* Names of calls that a log held and the simulator skipped. */
#define MW_RUN_SKIPPED 64
struct mw_skipped_call {
    char name[32];
    uint64_t count;
};

/* Where the engines of MW_ON_BOTH went apart. */
struct mw_difference {
    uint64_t line;       /* 0: they did not */
    char what[32];       /* "result", "maps" or "page" */
    char simulator[192]; /* the result, the line of maps, or the page's address and hash */
    char native[192];
};

struct mw_run_result {
    uint64_t lines;
    uint64_t lines_bad; /* not understood */
    uint64_t accesses; /* loads, stores, fetches asked for by the input (a modify counts as load and
                          store) */
    uint64_t calls_replayed;
    uint64_t calls_checked; /* calls whose recorded or expected result was compared */
    uint64_t calls_differing;
    uint64_t
        addresses_checked; /* un-hinted mmap results compared with the simulator's own placement */
    uint64_t addresses_equal;
    uint64_t maps_checked; /* lines of recorded maps compared */
    uint64_t maps_equal;
    uint64_t expectations; /* of scenarios: results written after '=' */
    uint64_t expectations_failed;
    uint64_t signals; /* accesses that met a signal nobody expected */
    uint64_t
        out_of_memory; /* operations that failed for want of frames, disk blocks or host memory */
    uint64_t calls_skipped; /* unknown calls */
    unsigned skipped_count; /* entries of skipped[] in use; later names are counted under "other" */
    struct mw_skipped_call skipped[MW_RUN_SKIPPED];
    enum mw_format format; /* of the first file */
    struct mw_difference difference;
};

/*
 * Runs the files in one machine. One scenario, or any number of logs, each of one process tree
 * ("-": standard input). Logs whose process another log forks begin at that fork; the others begin
 * at once; they take turns, and their processes move among harts as config.migrate says. Files of recorded maps ("# PID exec" or "# PID exit", then lines of
 * /proc/PID/maps) may follow strace logs: they make the image at an exec and are compared at an
 * exit. Memory does not grow with the log. What cannot be understood is diagnosed, counted and
 * skipped. 0: ran (look at the result); -errno of a file that could not be opened or read;
 * -ENOEXEC: a format that is not known; -EINVAL: formats mixed, or logs that are not to run on the
 * simulator; -ENOMEM. *result is filled in any case.
 */
int mw_run(struct mw_machine *machine, const char *const *files, unsigned count,
           const struct mw_run_options *options, struct mw_run_result *result);

/* The differ: random scenarios on the simulator and on the host's Linux (x86-64), side by side. */
struct mw_fuzz_options {
    const struct mw_config *config; /* of the simulator; NULL: mw_config_init's */
    uint64_t seed;
    uint64_t operations;   /* in scripts of 200 each */
    uint64_t first_script; /* 0; else the number of a script, to begin with that one */
    unsigned processes;    /* of a script, 1..8 */
    bool ignore_maps;
    const char *calls; /* "mmap,munmap": only these calls, and accesses; NULL: all. Must live on */
    const char *file;  /* where the smallest scenario that differs is written; while a script runs,
                          it holds that script, which a crash then leaves */
    mw_progress_handler *progress; /* NULL: none; told operations as lines */
    void *context;
    const char *record; /* a folder: scripts run on Linux alone, and each is written there as
                           NUMBER.mw with all that the kernel answered, and nothing is compared
                           (`file` is not used); NULL: compares */
};

struct mw_fuzz_result {
    uint64_t operations;
    uint64_t refused; /* operations that an engine did not execute, so that nothing was compared */
    uint64_t scripts; /* the number of the last one, counted from 1 */
    unsigned lines;   /* of the scenario that was written; 0: no difference */
    struct mw_difference difference;
    char why[200]; /* the last thing that an engine complained of */
};

/*
 * Runs random scenarios on both until one differs; shrinks that one and writes it with Linux's
 * results. The same seed gives the same scenarios. 0 (look at the result); -EINVAL: `processes`, or
 * `calls` names what is no call of scenarios;
 * -ENOTSUP: this host cannot be asked (result->why); -ENOMEM; -errno of the file.
 */
int mw_fuzz(const struct mw_fuzz_options *options, struct mw_fuzz_result *result);

/*
 * The config changes that a format needs (strace logs of x86-64: Sv48; lackey: first fit). Call
 * before mw_machine_new.
 */
void mw_run_configure(enum mw_format format, struct mw_config *config);

#ifdef __cplusplus
}
#endif

#endif
