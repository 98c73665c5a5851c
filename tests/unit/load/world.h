/*
 * A machine and a run of logs in it, for tests of whole logs.
 */
#ifndef MAPWALK_TESTS_LOAD_WORLD_H
#define MAPWALK_TESTS_LOAD_WORLD_H

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <mapwalk/run.h>

#define DATA MAPWALK_SOURCE_DIR "/tests/data/"

/*
 * A machine, what a run in it said, and the process events in their order ("new 101", "exec 101",
 * "exit 100").
 */
struct world {
    struct mw_config config;
    struct mw_machine *machine;
    struct mw_run_result result;
    struct mw_run_options options;
    unsigned progress;
    char said[2048];
    char events[1024];
};

/*
 * A small machine for the format, with all checkers on; w->config may be changed before
 * world_start.
 */
void world_config(struct world *w, enum mw_format format);
void world_start(struct world *w);
/* The machine must be sound. */
void world_end(struct world *w);

int world_run(struct world *w, const char *const *files, unsigned count);
/* Runs bytes as a file called "log". */
int world_run_bytes(struct world *w, const char *bytes, size_t count);
int world_run_text(struct world *w, const char *text);

/* A whole life: a new machine, one log, the result in w->result. What was said is in w->said. */
void lackey_text(struct world *w, const char *text);
void strace_text(struct world *w, const char *text);

/* A file of tests/data, NUL-terminated; its length. */
size_t read_data(const char *name, char *out, size_t most);

#endif
