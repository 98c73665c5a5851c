/*
 * A growable text, and number parsing that reports instead of guessing.
 *
 * struct text remembers a failed allocation: appending goes on doing nothing, and text_failed tells
 * at the end, so that writers of long texts check once.
 */
#ifndef MAPWALK_BASE_TEXT_H
#define MAPWALK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

struct text {
    struct alloc *alloc;
    char *bytes; /* NUL-terminated once anything was appended; NULL before */
    size_t length;
    size_t capacity;
    bool failed;
};

void text_init(struct text *t, struct alloc *a);
void text_destroy(struct text *t);
void text_clear(struct text *t); /* length 0, memory kept, failure forgotten */
void text_append(struct text *t, const char *bytes, size_t length);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool text_failed(const struct text *t);
const char *text_string(const struct text *t); /* "" when nothing was appended */

/*
 * Parses a whole unsigned number in C notation (0x, 0, decimal), optionally with one binary suffix
 * K, M, G or T ("64M"). True when all of `text` was consumed and nothing overflowed.
 */
bool text_parse_u64(const char *text, uint64_t *value);

#endif
