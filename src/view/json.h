/*
 * The one JSON writer.
 *
 * Layer 9, view. Writes one JSON text after the other to a stream, with commas, nesting and escapes
 * right by construction (RFC 8259). It knows nothing of what it writes. Errors of the stream stay
 * in the stream (ferror), so that whoever owns it checks once, at the end. Numbers that are
 * addresses or page-table entries are written as "0x..." strings, since readers of JSON commonly
 * keep numbers as doubles, which hold 53 bits; counts are numbers.
 *
 *   I-JSON-1  what was written is a prefix of a valid JSON text; after json_finish, a whole one
 *   I-JSON-2  strings are valid UTF-8, whatever bytes they were made from
 */
#ifndef MAPWALK_VIEW_JSON_H
#define MAPWALK_VIEW_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH 32 /* deepest nesting of objects and arrays */

struct json {
    FILE *out; /* not owned */
    unsigned depth;
    uint32_t filled; /* bit d: the object or array at depth d has an element already */
    uint32_t array;  /* bit d: it is an array */
    bool key;        /* a key was written and waits for its value */
    bool pretty;     /* one element a line, indented; false: all on one line */
};

/* A writer to `out`, which outlives it. Allocates nothing. */
void json_init(struct json *j, FILE *out, bool pretty);

/*
 * Values. Contracts: inside an object every value follows a json_key, inside an array none does;
 * begin and end match; at most JSON_DEPTH deep.
 */
void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *name);

/*
 * Bytes that are not UTF-8 become U+FFFD, one for each; control characters, quotes and backslashes
 * are escaped.
 */
void json_string(struct json *j, const char *text);
void json_u64(struct json *j, uint64_t value);
void json_s64(struct json *j, int64_t value);
void json_hex(struct json *j, uint64_t value); /* the string "0x1f" */
void json_bool(struct json *j, bool value);
void json_null(struct json *j);

/* A key with its number or string: what most lines of a summary are. */
void json_pair_u64(struct json *j, const char *name, uint64_t value);
void json_pair_hex(struct json *j, const char *name, uint64_t value);
void json_pair_string(struct json *j, const char *name, const char *text);
void json_pair_bool(struct json *j, const char *name, bool value);

/* Ends the line after a complete text (contract); the next one may begin. */
void json_finish(struct json *j);

#endif
