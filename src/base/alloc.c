/*
 * Failable allocation over the host's heap.
 *
 * Role: the one door to malloc. Layer: base; it must not know what is allocated.
 *
 * Invariants:
 *   I-ALLOC-1  live_blocks is the number of blocks given out and not yet released, live_bytes the
 *              sum of their sizes
 *   I-ALLOC-2  every request is counted in calls, also one that fails, so that fail_at names each
 *              in turn
 */
#include "base/alloc.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"

/*
 * Counts a request; true when it must fail: a test wants so, or it is larger than any object can
 * be. The host would refuse that too, but memory checkers report such a request as an error of the
 * program.
 */
static bool alloc_refuses(struct alloc *a, size_t bytes)
{
    a->calls++;
    return a->calls == a->fail_at || bytes > PTRDIFF_MAX;
}

/* malloc(0) may return NULL, which here would look like a failure. */
static size_t alloc_size(size_t bytes)
{
    return bytes > 0 ? bytes : 1;
}

void *alloc_zeroed(struct alloc *a, size_t bytes)
{
    if (alloc_refuses(a, bytes))
        return NULL;
    void *block = calloc(1, alloc_size(bytes));
    if (block != NULL) {
        a->live_blocks++;
        a->live_bytes += malloc_usable_size(block);
    }
    return block;
}

void *alloc_resize(struct alloc *a, void *block, size_t bytes)
{
    if (alloc_refuses(a, bytes))
        return NULL;
    size_t before = malloc_usable_size(block); /* of NULL: 0 */
    /* realloc(block, 0) would free the block: alloc_size keeps it alive. */
    void *resized = realloc(block, alloc_size(bytes));
    if (resized == NULL)
        return NULL;
    a->live_blocks += block == NULL;
    a->live_bytes += malloc_usable_size(resized) - before;
    return resized;
}

char *alloc_string(struct alloc *a, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = alloc_zeroed(a, bytes);
    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

void alloc_release(struct alloc *a, void *block)
{
    if (block == NULL)
        return;
    contract(a->live_blocks > 0);
    a->live_blocks--;
    a->live_bytes -= malloc_usable_size(block);
    free(block);
}
