/*
 * Help for the tests of views: a stream that is a string, and events made in one expression.
 */
#ifndef TESTS_UNIT_VIEW_CAPTURE_H
#define TESTS_UNIT_VIEW_CAPTURE_H

#include <mapwalk/event.h>
#include <stddef.h>
#include <stdio.h>

struct capture {
    FILE *out; /* write here */
    char *text;
    size_t bytes;
};

void capture_begin(struct capture *c);

/* What was written so far. Valid until more is written. */
const char *capture_text(struct capture *c);

void capture_end(struct capture *c);

/* How many lines of `text` begin with `prefix`. */
unsigned count_lines(const char *text, const char *prefix);

/*
 * The whole file at a path below the source directory; the caller frees it. Fails the test when it
 * is not there.
 */
char *read_source_file(const char *path);

#define EVENT(kind_, op_, ...) \
    (&(const struct mw_event){ \
        .op = (op_), .time_ns = 1000, .pid = 7, .kind = MW_EVENT_##kind_, .arg = {__VA_ARGS__}})

#endif
