/*
 * The mapwalk command: what its files share.
 *
 * The command sits on top of everything and knows the public headers and the views only. Each
 * subcommand is a function from its arguments to an exit status; main.c chooses, usage.c explains.
 *
 *   I-TOOL-1  every stream that was written to is flushed and checked before the command says 0
 *   I-TOOL-2  what goes wrong is told in one line, "mapwalk: WHERE: WHY", on standard error
 */
#ifndef TOOLS_MAPWALK_TOOL_H
#define TOOLS_MAPWALK_TOOL_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Exit statuses. The larger one wins when several apply, but usage errors end the command at once.
 * /
 */
enum tool_exit {
    TOOL_OK = 0,
    TOOL_DIFFERS = 1,   /* an expectation of a scenario failed; with --strict: a log differed; an
                           image has faults, or something could not be copied as it is */
    TOOL_USAGE = 2,     /* the command line cannot be understood */
    TOOL_INPUT = 3,     /* (part of) the input cannot be understood */
    TOOL_RESOURCES = 4, /* out of memory, frames or disk blocks, host's or simulated */
    TOOL_IO = 5,        /* a file cannot be opened, read or written */
    TOOL_STALE = 6,     /* with detect-stale: the simulated kernel left out a fence */
    TOOL_NO_VALGRIND = 127
};

/* One line to standard error: "mapwalk: " and the message. */
void tool_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "mapwalk: FILE: strerror". `err` is a negative errno. Returns the exit status that it means. */
int tool_complain_file(const char *file, int err);

/* Why a program could not be executed; `error` is an errno. */
void tool_complain_exec(const char *program, int error);

/* The exit status of a negative errno: TOOL_RESOURCES for -ENOMEM and -ENOSPC, else TOOL_IO. */
int tool_exit_of(int err);

/*
 * Flushes and checks a stream, and closes it unless it is standard output. TOOL_OK or TOOL_IO,
 * complained about.
 */
int tool_close(FILE *out, const char *name);

/* The subcommands. argv[0] is "mapwalk"; the rest are the arguments after the subcommand's name. */
int tool_run(int argc, char **argv);
int tool_fuzz(int argc, char **argv);
int tool_record(int argc, char **argv);
int tool_config(int argc, char **argv);
int tool_image(int argc, char **argv);

/* Help: the whole (topic NULL), of a subcommand, or "tlb". False: there is no such topic. */
bool usage_print(FILE *out, const char *topic);

/* Every TLB preset: name, machine, geometry, source. */
void tlb_presets_print(FILE *out);

/* "Try `mapwalk help TOPIC'." on standard error; returns TOOL_USAGE. */
int usage_hint(const char *topic);

#endif
