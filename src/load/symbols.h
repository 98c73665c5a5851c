/*
 * The names of a scenario: p = mmap(...), later p+4096.
 *
 * Layer 8. A name may be given a new value; it never goes away. Memory comes from the machine's
 * allocator.
 */
#ifndef MAPWALK_LOAD_SYMBOLS_H
#define MAPWALK_LOAD_SYMBOLS_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/err.h"

#define SYMBOL_NAME_BYTES 32
#define SYMBOLS_MOST      1024 /* keeps the linear search cheap and hostile scenarios small */

struct symbol {
    char name[SYMBOL_NAME_BYTES];
    uint64_t value;
};

struct symbols {
    struct alloc *alloc;
    struct symbol *entries;
    size_t count;
    size_t capacity;
};

void symbols_init(struct symbols *s, struct alloc *a);
void symbols_destroy(struct symbols *s);

bool symbols_find(const struct symbols *s, const char *name, size_t length, uint64_t *value);

/* Gives a name a value. -ENAMETOOLONG, -ENOSPC (SYMBOLS_MOST names), -ENOMEM. */
MUST_CHECK int symbols_set(struct symbols *s, const char *name, size_t length, uint64_t value);

#endif
