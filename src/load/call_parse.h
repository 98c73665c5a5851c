/*
 * The grammar of strace's output, which is also the grammar of scenarios.
 *
 *   line    = [pid] [name "="] call "(" [argument {"," argument}] ")" ["=" result]
 *   pid     = number | "[pid" (number | name) "]" | "[" name "]"
 *   argument= [keyword "="] (expression | string | "[" ... "]" | "{" ... "}")
 *   result  = "?" | expression | "-1" ERRNO | SIGNAL [CODE] | string
 *   expression: | lowest, then + and -, then * and <<; unary - and ~; ( ); numbers with K, M, G, T;
 * names
 *
 * and, of logs: "<unfinished ...>", "<... call resumed>", "+++ exited with N +++", "--- SIGNAL
 * {...} ---", C comments, descriptor annotations such as 3</etc/passwd>.
 *
 * Layer 8. Needs no machine. Knows flags by flags.h and other names through a callback. Every error
 * is a message with the column (from 1) where it was noticed. Input is hostile: the only recursion
 * (parentheses) is bounded, everything else is one pass over the line. Strings are decoded in
 * place, so the line is changed; nothing is allocated.
 */
#ifndef MAPWALK_LOAD_CALL_PARSE_H
#define MAPWALK_LOAD_CALL_PARSE_H

#include "load/call.h"

struct call_error {
    size_t column; /* from 1 */
    char text[120];
};

/* The value of a name that is no constant of the host: true and *value. */
typedef bool call_resolver(void *context, const char *name, size_t length, uint64_t *value);

struct call_rules {
    bool strict; /* scenario: whatever is not understood is an error. Log: it is an opaque argument.
                  */
    call_resolver *resolve; /* NULL: no names but the constants */
    void *context;
};

enum call_line_kind {
    CALL_LINE_BLANK, /* nothing, or a comment */
    CALL_LINE_CALL,
    CALL_LINE_UNFINISHED, /* body: what stands before "<unfinished ...>" */
    CALL_LINE_RESUMED,    /* name: of the call; body: what stands behind "resumed>" */
    CALL_LINE_EXITED,     /* number: the status of "+++ exited with N +++" */
    CALL_LINE_KILLED,     /* name: the signal of "+++ killed by SIGNAL +++" */
    CALL_LINE_SIGNAL      /* name: the signal of "--- SIGNAL {...} ---"; body: the rest */
};

struct call_line {
    enum call_line_kind kind;
    const char *start; /* of the whole line: columns count from here */
    bool has_pid;
    struct call_slice pid; /* digits or a name */
    int64_t number;
    struct call_slice name;
    char *body;
    size_t body_length;
};

/*
 * Takes the pid off a line and tells what it is. False: it is none of the forms, *error says where.
 * /
 */
bool call_line_split(char *line, size_t length, struct call_line *out, struct call_error *error);

/* Parses [name =] call(...) [= result]. `start` is where columns count from. False with *error. */
bool call_parse(const char *start, char *body, size_t length, const struct call_rules *rules,
                struct call *out, struct call_error *error);

/* Evaluates one expression that is all of the text. */
bool call_evaluate(const char *text, size_t length, const struct call_rules *rules, uint64_t *value,
                   struct call_error *error);

/*
 * The number that stands behind "keyword=" in an opaque structure ("{flags=CLONE_VM, ...}"); false:
 * it is not there.
 */
bool call_member(struct call_slice structure, const char *keyword, uint64_t *value);

/*
 * Do these bytes begin like a call, "[pid] [name =] call("? For recognising formats. *name: the
 * call's name.
 */
bool call_looks_like_call(const char *line, size_t length, struct call_slice *name);

#endif
