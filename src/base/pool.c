/*
 * Pool of objects of one size.
 *
 * Role: makes "reserve memory first" cheap: pool_reserve is one comparison when enough objects are
 * free, and after it pool_get cannot fail. Layer: base; it must not know what the objects are.
 *
 * Memory comes in chunks that grow with the pool, and goes back only with the pool: a machine that
 * once had a million VMAs may have them again.
 *
 * Invariants:
 *   I-POOL-1  free_count is the length of the list of free objects
 *   I-POOL-2  live_count + free_count is the number of objects in all chunks
 *
 * Under AddressSanitizer a free object is poisoned but for its link, so a use after pool_put is
 * reported just as one after free() is.
 */
#include "base/pool.h"

#include <stdint.h>
#include <string.h>

#include "base/contract.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_POISONS 1
#endif
#endif

#ifdef POOL_POISONS
#include <sanitizer/asan_interface.h>
#endif

/* A chunk is worth a call of the allocator, but small beside what the pool already holds. */
#define POOL_CHUNK_BYTES_MIN ((size_t)4 << 10)
#define POOL_CHUNK_BYTES_MAX ((size_t)64 << 10)

struct pool_chunk {
    struct pool_chunk *next;
    uint64_t objects[]; /* 64-bit words, for their alignment */
};

static void pool_hide(const struct pool *p, void *object)
{
#ifdef POOL_POISONS
    ASAN_POISON_MEMORY_REGION((char *)object + sizeof(void *), p->object_bytes - sizeof(void *));
#else
    (void)p;
    (void)object;
#endif
}

static void pool_show(const struct pool *p, void *object)
{
#ifdef POOL_POISONS
    ASAN_UNPOISON_MEMORY_REGION(object, p->object_bytes);
#else
    (void)p;
    (void)object;
#endif
}

static void pool_push(struct pool *p, void *object)
{
    *(void **)object = p->free;
    p->free = object;
    p->free_count++;
    pool_hide(p, object);
}

void pool_init(struct pool *p, struct alloc *a, size_t object_bytes)
{
    contract(object_bytes > 0);
    *p = (struct pool){.alloc = a, .object_bytes = (object_bytes + 7) & ~(size_t)7};
}

void pool_destroy(struct pool *p)
{
    while (p->chunks != NULL) {
        struct pool_chunk *chunk = p->chunks;
        p->chunks = chunk->next;
        alloc_release(p->alloc, chunk);
    }
    pool_init(p, p->alloc, p->object_bytes);
}

/*
 * Objects of the next chunk: what is missing, or an eighth of what there is, whichever is more. So
 * hardly more than an eighth of a pool is ever kept for nothing.
 */
static size_t pool_chunk_objects(const struct pool *p, size_t missing)
{
    size_t least = POOL_CHUNK_BYTES_MIN / p->object_bytes;
    size_t most = POOL_CHUNK_BYTES_MAX / p->object_bytes;
    size_t share = (p->live_count + p->free_count) / 8;
    size_t objects = share < least ? least : share > most ? most : share;
    return objects > missing ? objects : missing;
}

static int pool_grow(struct pool *p, size_t missing)
{
    size_t objects = pool_chunk_objects(p, missing);
    if (objects > (SIZE_MAX - sizeof(struct pool_chunk)) / p->object_bytes)
        return -ENOMEM;
    struct pool_chunk *chunk =
        alloc_zeroed(p->alloc, sizeof(struct pool_chunk) + objects * p->object_bytes);
    if (chunk == NULL)
        return -ENOMEM;
    chunk->next = p->chunks;
    p->chunks = chunk;
    /* Pushed from the last to the first, so that they are given out in ascending order. */
    for (size_t i = objects; i > 0; i--)
        pool_push(p, (char *)chunk->objects + (i - 1) * p->object_bytes);
    return 0;
}

int pool_reserve(struct pool *p, size_t count)
{
    if (p->free_count >= count)
        return 0;
    return pool_grow(p, count - p->free_count);
}

void *pool_get(struct pool *p)
{
    if (pool_reserve(p, 1) != 0)
        return NULL;
    void *object = p->free;
    p->free = *(void **)object;
    p->free_count--;
    p->live_count++;
    pool_show(p, object);
    memset(object, 0, p->object_bytes);
    return object;
}

void pool_put(struct pool *p, void *object)
{
    contract(p->live_count > 0);
    p->live_count--;
    pool_push(p, object);
}
