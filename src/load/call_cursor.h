/*
 * What the files of the grammar share: a cursor over one line, and its smallest steps.
 *
 * Layer 8, private to call_*.c.
 *
 *   I-CALL-1  line <= at <= end at all times; no step reads *end or beyond
 *   I-CALL-2  the first error is kept: a failed step makes its callers fail without another message
 */
#ifndef MAPWALK_LOAD_CALL_CURSOR_H
#define MAPWALK_LOAD_CALL_CURSOR_H

#include "load/call_parse.h"

#define CALL_DEPTH 32 /* parentheses in an expression */

struct call_cursor {
    const char *line; /* columns count from here */
    char *at;
    char *end;
    const struct call_rules *rules;
    struct call_error *error;
    unsigned depth;
};

/* Notes an error at `where`; returns false so that callers can return it. */
bool call_fail(struct call_cursor *c, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The byte under the cursor; NUL at the end (a NUL in the line is no legal byte anywhere, so they
 * need not be told apart).
 */
static inline char call_peek(const struct call_cursor *c)
{
    return c->at < c->end ? *c->at : '\0';
}

static inline bool call_is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static inline bool call_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool call_is_name_start(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static inline bool call_is_name(char byte)
{
    return call_is_name_start(byte) || call_is_digit(byte);
}

/* Steps over blanks and C comments. */
void call_skip_blank(struct call_cursor *c);

/* Takes `byte` if it is next. */
bool call_take(struct call_cursor *c, char byte);

/* Takes `word` if it is next. */
bool call_take_word(struct call_cursor *c, const char *word);

/* The name under the cursor; length 0: there is none. */
struct call_slice call_take_name(struct call_cursor *c);

/* An expression; the cursor stops behind it. */
bool call_take_expression(struct call_cursor *c, uint64_t *value);

/* A string in quotes, decoded in place; the cursor stands on the first quote. */
bool call_take_string(struct call_cursor *c, struct call_slice *text, bool *truncated);

/*
 * Steps over anything up to a ',' or closing bracket that belongs to no bracket or string inside. /
 */
void call_skip_opaque(struct call_cursor *c);

#endif
