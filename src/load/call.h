/*
 * One call of a scenario or of a log, as a value: name, arguments, result.
 *
 * Layer 8. What the readers produce and the executors consume; neither knows the other. Nothing
 * here owns memory: text is a slice of the line that was read, good until the next line is.
 */
#ifndef MAPWALK_LOAD_CALL_H
#define MAPWALK_LOAD_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_ARGS       8  /* six are the most that Linux has; clone prints keywords besides */
#define CALL_NAME_BYTES 32 /* of a call's name, with its NUL */

struct call_slice {
    const char *bytes;
    size_t length;
};

enum call_arg_kind {
    CALL_ARG_NUMBER,
    CALL_ARG_STRING, /* decoded and NUL-terminated */
    CALL_ARG_OPAQUE  /* an array, a structure, or what could not be read: as it stands */
};

struct call_arg {
    enum call_arg_kind kind;
    bool truncated;            /* a string that ends in "..." */
    uint64_t value;            /* of a number; the address of a string in logs that tell it */
    struct call_slice text;    /* of a string or opaque argument */
    struct call_slice keyword; /* "flags" of flags=...; length 0: positional */
};

enum call_result_kind {
    CALL_RESULT_NONE, /* nothing stands behind the call */
    CALL_RESULT_ANY,  /* "?" */
    CALL_RESULT_VALUE,
    CALL_RESULT_ERROR,  /* err */
    CALL_RESULT_SIGNAL, /* signo, and code unless it is CALL_ANY_CODE */
    CALL_RESULT_STRING  /* text: the bytes of a load */
};

#define CALL_ANY_CODE (-1000) /* no si_code has this value */

struct call_result {
    enum call_result_kind kind;
    int64_t value;
    int err; /* positive errno; 0: an error whose name is not known */
    int signo;
    int code;
    struct call_slice text;
};

struct call {
    char name[CALL_NAME_BYTES];
    struct call_slice result_name; /* "p" of p = mmap(...); length 0: none */
    struct call_arg args[CALL_ARGS];
    unsigned arg_count;
    struct call_result result;
};

/* The argument with this keyword, or NULL. */
const struct call_arg *call_keyword(const struct call *call, const char *keyword);

/* The number at position `index`; 0 where there is none, as a register that nobody set. */
uint64_t call_number(const struct call *call, unsigned index);

/* The same for an argument that is an int: logs print -1 as 4294967295. */
static inline int call_int(const struct call *call, unsigned index)
{
    return (int)(uint32_t)call_number(call, index);
}

/* The string at position `index`; NULL: it is not a string. */
const char *call_string(const struct call *call, unsigned index);

#endif
