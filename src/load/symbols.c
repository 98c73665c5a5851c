/*
 * A growing array, searched from its first entry: scenarios have a handful of names.
 */
#include "load/symbols.h"

#include <string.h>

void symbols_init(struct symbols *s, struct alloc *a)
{
    *s = (struct symbols){.alloc = a};
}

void symbols_destroy(struct symbols *s)
{
    alloc_release(s->alloc, s->entries);
    *s = (struct symbols){.alloc = s->alloc};
}

/* Pre: length < SYMBOL_NAME_BYTES, so that the byte behind the name is in the entry. */
static struct symbol *find(const struct symbols *s, const char *name, size_t length)
{
    for (size_t i = 0; i < s->count; i++) {
        struct symbol *entry = &s->entries[i];

        if (strncmp(entry->name, name, length) == 0 && entry->name[length] == '\0')
            return entry;
    }
    return NULL;
}

bool symbols_find(const struct symbols *s, const char *name, size_t length, uint64_t *value)
{
    const struct symbol *entry = length < SYMBOL_NAME_BYTES ? find(s, name, length) : NULL;

    if (entry == NULL)
        return false;
    *value = entry->value;
    return true;
}

/* Room for one more. Doubles, so a scenario's names cost a handful of allocations. */
static int grow(struct symbols *s)
{
    size_t capacity = s->capacity == 0 ? 16 : 2 * s->capacity;
    struct symbol *entries;

    if (s->count < s->capacity)
        return 0;
    if (s->count >= SYMBOLS_MOST)
        return -ENOSPC;
    entries = alloc_resize(s->alloc, s->entries, capacity * sizeof(*entries));
    if (entries == NULL)
        return -ENOMEM;
    s->entries = entries;
    s->capacity = capacity;
    return 0;
}

int symbols_set(struct symbols *s, const char *name, size_t length, uint64_t value)
{
    struct symbol *entry;
    int err;

    if (length >= SYMBOL_NAME_BYTES)
        return -ENAMETOOLONG;
    entry = find(s, name, length);
    if (entry == NULL) {
        err = grow(s);
        if (err < 0)
            return err;
        entry = &s->entries[s->count++];
        memset(entry, 0, sizeof(*entry));
        memcpy(entry->name, name, length);
    }
    entry->value = value;
    return 0;
}
