/*
 * A file as it must look: plain pages in host memory, of which those that were never written are not
 * there. What the machine shows of a file is compared with this, byte by byte.
 *
 * Counted like an inode: a file without a name lives on while a descriptor or a mapping has it.
 */
#ifndef MAPWALK_TESTS_MODEL_SHADOW_FILE_H
#define MAPWALK_TESTS_MODEL_SHADOW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHADOW_PAGE_BYTES 4096u
#define SHADOW_PAGES      1152u /* past what a single indirect block of ext2 reaches: 12 + 1024 */

/* Bytes of a page behind `bytes` are zero always. */
struct shadow_file {
    unsigned refs;
    unsigned names; /* of the refs */
    uint64_t bytes;
    /* NULL: zeros, and perhaps no block of the disk behind them */
    uint8_t *page[SHADOW_PAGES];
};

/* An empty file with one reference. Ends the test when there is no memory. */
struct shadow_file *shadow_new(void);
struct shadow_file *shadow_get(struct shadow_file *f);
void shadow_put(struct shadow_file *f); /* NULL is allowed */

/* Pages that the file has, whether something was written there or not. */
uint64_t shadow_pages(const struct shadow_file *f);

/* Bytes read: fewer at the end. */
uint64_t shadow_read(const struct shadow_file *f, uint64_t offset, void *out, uint64_t bytes);

/* Pre: the end is within SHADOW_PAGES. Makes the file longer if need be. */
void shadow_write(struct shadow_file *f, uint64_t offset, const void *in, uint64_t bytes);

void shadow_truncate(struct shadow_file *f, uint64_t bytes);

/* Zeros in [start, end), as far as the file goes. Pages that they fill have no blocks any more. */
void shadow_punch(struct shadow_file *f, uint64_t start, uint64_t end);

/* Every page of [start, end) before the end of the file has blocks from now on. */
void shadow_reserve(struct shadow_file *f, uint64_t start, uint64_t end);

/* Must writing there succeed on a full disk, too? Not if it would need a block, or more size. */
bool shadow_has_room(const struct shadow_file *f, uint64_t offset, uint64_t bytes);

#endif
