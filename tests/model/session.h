/*
 * A machine and the reference side by side: every operation runs on both, and any difference ends
 * the test with what is needed to see it again.
 *
 * Environment: MAPWALK_LONG=N runs N times as many seeds; MAPWALK_TRACE=1 prints every operation as
 * a line of a scenario.
 */
#ifndef MAPWALK_TESTS_MODEL_SESSION_H
#define MAPWALK_TESTS_MODEL_SESSION_H

#include "model/workload.h"

#define SESSION_HISTORY 24 /* operations shown when something differs */

struct session_step {
    struct operation op;
    struct outcome outcome; /* the machine's */
};

struct session {
    struct workload workload;
    struct mw_machine *machine;
    uint64_t seed;
    uint64_t done; /* operations so far */
    bool trace;
    struct session_step history[SESSION_HISTORY];
};

/* Fails the test when the machine cannot be made. The caller frees it with session_end. */
struct session *session_begin(const struct mw_config *config, uint64_t seed);

/* Also checks that switching off reports nothing. */
void session_end(struct session *s);

/*
 * Draws an operation and runs it on both; the results and the checkers must agree. With several
 * harts, processes move about among them.
 */
void session_step(struct session *s);

/*
 * The same while the n-th allocation of the machine's library fails, for a random small n. An
 * operation that reports -ENOMEM must have changed nothing that can be seen, and works when it is
 * repeated.
 */
void session_step_without_memory(struct session *s);

/* Compares all that can be seen: areas, bytes of every page, files, breaks, processes. */
void session_compare(struct session *s);

/* The value of MAPWALK_LONG, at least 1. */
unsigned session_long(void);

#endif
