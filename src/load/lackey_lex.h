/*
 * The lines of `valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes`, one at a time.
 *
 *   I  0401ab70,3            a fetch of 3 bytes; " S " store, " L " load, " M " modify (load, then
 * store)
 *   ==24025== Parent PID: 24018
 *   SYSCALL[24025,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success]
 * Success(0x4835000) SYSCALL[24025,1](0) sys_read ( 4, 0x1ffeffeda8, 832 ) --> [async] ... (it
 * began) SYSCALL[24025,1](0) ... [async] --> Success(0x340)                          (it ended)
 *   SYSCALL[24029,1](56) sys_clone ( 1200011, 0x0, ... )   clone(fork): process 24029 created child
 * 24030
 *    --> [pre-success] Success(0x5dde)                                          (the rest of the
 * line above)
 *
 * Layer 8. Needs no machine. Lines must end in a newline or be followed by READER_PADDING bytes
 * that may be read.
 */
#ifndef MAPWALK_LOAD_LACKEY_LEX_H
#define MAPWALK_LOAD_LACKEY_LEX_H

#include <string.h>

#include "load/call.h"

/* Value of each byte as a hexadecimal digit of either case; 0xff for all others. */
extern const uint8_t lackey_digits[256];

enum lackey_access_kind {
    LACKEY_FETCH,
    LACKEY_STORE,
    LACKEY_LOAD,
    LACKEY_MODIFY,
    LACKEY_NO_ACCESS
};

#define LACKEY_BYTES_MOST 4096 /* of one access; real ones have at most 512 */

/* The first three bytes of an access line as one number. */
#define LACKEY_MARK(a, b, c) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16)

static inline enum lackey_access_kind lackey_lex_mark(const char *at)
{
    uint32_t mark = LACKEY_MARK((uint8_t)at[0], (uint8_t)at[1], (uint8_t)at[2]);

    switch (mark) {
    case LACKEY_MARK('I', ' ', ' '):
        return LACKEY_FETCH;
    case LACKEY_MARK(' ', 'S', ' '):
        return LACKEY_STORE;
    case LACKEY_MARK(' ', 'L', ' '):
        return LACKEY_LOAD;
    case LACKEY_MARK(' ', 'M', ' '):
        return LACKEY_MODIFY;
    default:
        return LACKEY_NO_ACCESS;
    }
}

/*
 * Reads "ADDR,SIZE\n" behind the mark. The byte behind the newline, or NULL when it is not of this
 * form. This is the hot path of all log replay: every byte is looked at once, and a newline ends
 * every loop.
 */
static inline const char *lackey_lex_access(const char *at, uint64_t *va, unsigned *bytes)
{
    const char *start = at;
    uint64_t address = 0;
    unsigned size;
    uint8_t digit;

    while ((digit = lackey_digits[(uint8_t)*at]) != 0xff) {
        address = address << 4 | digit;
        at++;
    }
    /* Unsigned arithmetic: a length of 0 wraps and fails the one comparison, too. */
    if (__builtin_expect((size_t)(at - start) - 1 >= 16 || *at != ',', 0))
        return NULL;
    size = (unsigned)(uint8_t) * ++at - '0';
    if (__builtin_expect(size > 9, 0))
        return NULL;
    while ((uint8_t)(*++at - '0') <= 9 && size <= LACKEY_BYTES_MOST)
        size = 10 * size + (unsigned)(*at - '0');
    if (__builtin_expect(*at != '\n' || size - 1 >= LACKEY_BYTES_MOST, 0))
        return NULL;
    *va = address;
    *bytes = size;
    return at + 1;
}

struct lackey_access {
    enum lackey_access_kind kind;
    unsigned bytes; /* 1..LACKEY_BYTES_MOST */
    uint64_t va;
};

/* A whole access line at `at`: the byte behind its newline, or NULL when it is none. */
static inline const char *lackey_lex_line(const char *at, struct lackey_access *out)
{
    out->kind = lackey_lex_mark(at);
    if (__builtin_expect(out->kind == LACKEY_NO_ACCESS, 0))
        return NULL;
    return lackey_lex_access(at + 3, &out->va, &out->bytes);
}

/* "==PID== text" or "--PID-- text": true with the pid and what follows. */
bool lackey_lex_banner(const char *line, size_t length, int *pid, struct call_slice *text);

enum lackey_phase {
    LACKEY_WHOLE, /* call and result */
    LACKEY_BEGAN, /* the call; its result comes in a LACKEY_ENDED line of the same thread */
    LACKEY_ENDED, /* the result only; call.name is empty */
    LACKEY_OPEN   /* the call; its result comes in the next line but one of the log's own making */
};

struct lackey_call {
    int pid;
    int thread;
    enum lackey_phase phase;
    bool arguments; /* they were understood; else call.arg_count is 0 */
    struct call call;
};

/*
 * A SYSCALL line. Paths are terminated in place, so the line is changed. False: *why says what is
 * wrong.
 */
bool lackey_lex_call(char *line, size_t length, struct lackey_call *out, const char **why);

/* " --> [kind] Success(0x..)": the rest of a LACKEY_OPEN line. */
bool lackey_lex_result(const char *line, size_t length, struct call_result *out);

#endif
