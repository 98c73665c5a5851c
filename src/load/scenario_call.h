/*
 * What the files of the scenario executor share: its state, and what a call came to.
 *
 * Layer 8, private to scenario*.c.
 */
#ifndef MAPWALK_LOAD_SCENARIO_CALL_H
#define MAPWALK_LOAD_SCENARIO_CALL_H

#include "load/call_parse.h"
#include "load/report.h"
#include "load/symbols.h"

#define SCENARIO_BYTES 4096 /* the most that one access moves */

struct scenario {
    struct mw_machine *machine;
    struct alloc *alloc;
    struct report *report;
    struct symbols symbols;
    struct report_place place; /* of the line under execution */
    int first_pid;             /* 0: no line was executed yet */
    int pid;                   /* the calling process */
    uint8_t bytes[SCENARIO_BYTES];
};

enum outcome_kind { OUTCOME_VALUE, OUTCOME_SIGNAL, OUTCOME_BYTES };

struct outcome {
    enum outcome_kind kind;
    int64_t
        value; /* VALUE: the result or a negative errno; BYTES: how many lie in scenario.bytes */
    struct mw_signal signal;
};

/*
 * Executes a call whose arguments fit the signature. False: it was refused, and the user was told
 * why.
 */
typedef bool scenario_handler(struct scenario *s, const struct call *call, struct outcome *out);

struct scenario_entry {
    const char *name;
    /* n number, s string, x number or string, a anything; what follows | may be left out */
    const char *signature;
    bool hexadecimal; /* results are addresses */
    bool access;      /* a load, store or fetch, not a system call */
    bool directive;   /* neither: it exists in scenarios only */
    scenario_handler *handler;
};

/* The entry of a name, or NULL. */
const struct scenario_entry *scenario_find_call(const char *name);
const struct scenario_entry *scenario_find_memory(const char *name);

/* Tells the user what is wrong with the line; returns false. */
bool scenario_refuse(struct scenario *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Is this result a negative errno? */
static inline bool outcome_is_error(const struct outcome *o)
{
    return o->kind == OUTCOME_VALUE && o->value < 0 && o->value >= -4095;
}

/* ---- scenario_check.c ---- */

/* Compares what came out with what stands behind '=' and reports the difference. */
void scenario_check(struct scenario *s, const struct scenario_entry *entry, const struct call *call,
                    const struct outcome *outcome);

/*
 * The outcome as a number for a name: of bytes, the first eight as a little-endian number; of an
 * errno or signal, -1.
 */
uint64_t scenario_number(const struct scenario *s, const struct outcome *outcome);

#endif
