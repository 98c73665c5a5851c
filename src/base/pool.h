/*
 * A pool of objects of one size: get and put cost a few instructions, and memory can be reserved
 * ahead so that the commit half of an operation cannot fail ("reserve memory first").
 */
#ifndef MAPWALK_BASE_POOL_H
#define MAPWALK_BASE_POOL_H

#include "base/alloc.h"
#include "base/err.h"

struct pool_chunk;

struct pool {
    struct alloc *alloc;
    size_t object_bytes;       /* at least a pointer; a multiple of 8 */
    void *free;                /* singly linked through the first word of each free object */
    struct pool_chunk *chunks; /* all memory of the pool */
    size_t free_count;
    size_t live_count;
};

/* object_bytes is rounded up to a multiple of 8. Allocates nothing. */
void pool_init(struct pool *p, struct alloc *a, size_t object_bytes);

/* Frees all chunks. Pre: every object was put back, or is dead with the pool. */
void pool_destroy(struct pool *p);

/*
 * 0 when at least `count` further pool_get will succeed; else -ENOMEM, the pool as it was but
 * perhaps larger.
 */
MUST_CHECK int pool_reserve(struct pool *p, size_t count);

/* A zeroed object, or NULL. The caller owns it until pool_put. */
void *pool_get(struct pool *p);

void pool_put(struct pool *p, void *object);

#endif
