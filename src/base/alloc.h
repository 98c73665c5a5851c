/*
 * Failable allocation: all memory of the library (but libext2fs's own) comes from here.
 *
 * A struct alloc belongs to one machine. It counts calls and what is live, so that a test can make
 * the n-th allocation fail for every n in turn, see that nothing leaks, and see what things cost.
 */
#ifndef MAPWALK_BASE_ALLOC_H
#define MAPWALK_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

struct alloc {
    uint64_t calls;       /* allocations asked for so far */
    uint64_t fail_at;     /* the call (counted from 1) that fails; 0: none */
    uint64_t live_blocks; /* given out and not yet released */
    uint64_t live_bytes;  /* that the host's heap set aside for them */
};

/* Zeroed memory, or NULL when the host has none or this call is to fail. The caller owns it. */
void *alloc_zeroed(struct alloc *a, size_t bytes);

/*
 * Like realloc for a block of this allocator: new bytes are NOT zeroed; on NULL the old block is
 * unchanged.
 */
void *alloc_resize(struct alloc *a, void *block, size_t bytes);

/* Copy of a NUL-terminated string, or NULL. */
char *alloc_string(struct alloc *a, const char *text);

/* Gives a block back; NULL is allowed. */
void alloc_release(struct alloc *a, void *block);

#endif
