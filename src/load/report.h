/*
 * What a run tells its user: diagnostics and counts.
 *
 * Layer 8. The one place that calls the user's handlers, so that text from hostile input is made
 * printable once.
 */
#ifndef MAPWALK_LOAD_REPORT_H
#define MAPWALK_LOAD_REPORT_H

#include <mapwalk/run.h>

struct report {
    const struct mw_run_options *options; /* never NULL */
    struct mw_run_result *result;
    uint64_t progress_lines; /* lines at the last progress call */
};

/* Where something stands. */
struct report_place {
    const char *file;
    uint64_t line; /* 0: the file as a whole */
};

/* Tells the user one line. Bytes that are not printable ASCII become '?'. */
void report_line(struct report *r, struct report_place place, bool failure, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Counts a line that was not understood; diagnoses it when it is the first of its log (*bad counts
 * those).
 */
void report_bad(struct report *r, uint64_t *bad, struct report_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The closing diagnostic of a log: how many lines were not understood, when it was more than the
 * one diagnosed.
 */
void report_bad_total(struct report *r, uint64_t bad, const char *file);

/* Counts a call that is not simulated under its name. */
void report_skipped(struct report *r, const char *name);

/* Calls the progress handler when about a million lines have passed since the last time. */
void report_progress(struct report *r, uint64_t bytes_done);

#endif
