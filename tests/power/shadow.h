/*
 * The shadow timeline: what a machine was asked to do, when the disk was asked for what, and what
 * was acknowledged; from it follows what may and what must be on the disk after a power cut.
 *
 * Time is counted in requests of the disk: an operation has begun at request i when i requests were
 * made before it. Operations do not overlap; one ends where the next begins.
 *
 * Files are remembered in *cells* of 64 bytes, all offsets and sizes are multiples of that. A cell
 * lies in one sector, so that no cut tears it, and what is written to it is a stamp that names the
 * file, the cell and the operation: a cell that was not lost is recognized, wherever it went.
 *
 *   I-SHADOW-1  the versions of a cell are: gone (behind the end), zero (never written, punched,
 *               extended), or written by an operation
 *   I-SHADOW-2  after a cut a cell has the version that it had when it was last acknowledged, or a
 *               later one
 *   I-SHADOW-3  the same holds for sizes; and for all names at once, since changes of names are
 *               operations that happen whole and in order
 */
#ifndef MAPWALK_TESTS_POWER_SHADOW_H
#define MAPWALK_TESTS_POWER_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define CELL_BYTES      64u
#define CELLS_PER_PAGE  (PAGE_BYTES / CELL_BYTES)
#define SHADOW_FILES    512u
#define SHADOW_NAMES    512u
#define SHADOW_TO_END   UINT64_MAX
#define SHADOW_NO_FILE  0u /* nothing has the name */
#define SHADOW_FOLDER   1u /* a directory has it */
#define SHADOW_WHY_ROOM 512u

struct shadow;

struct shadow *shadow_new(void);
void shadow_free(struct shadow *s);

/* The next operation begins, after `requests` of the disk. Its text is for those who read failures. */
__attribute__((format(printf, 3, 4))) uint32_t shadow_begin(struct shadow *s, uint64_t requests,
                                                            const char *format, ...);

/* The last operation has ended. */
void shadow_end(struct shadow *s, uint64_t requests);

/* ---- what the operation did ---- */

/* A new file; its number. It has no name yet. */
uint32_t shadow_file_new(struct shadow *s);
uint64_t shadow_file_bytes(const struct shadow *s, uint32_t file);

/* What it wrote to these bytes: stamps. The file grows when they end behind it. */
void shadow_write(struct shadow *s, uint32_t file, uint64_t offset, uint64_t bytes);

/* They read zero from here on: punched. Pre: in the file. */
void shadow_zero(struct shadow *s, uint32_t file, uint64_t offset, uint64_t bytes);
void shadow_set_bytes(struct shadow *s, uint32_t file, uint64_t bytes);

/* The stamp of the running operation for the cell at `offset`. */
void shadow_stamp(const struct shadow *s, uint32_t file, uint64_t offset, uint8_t cell[CELL_BYTES]);

/* Nothing, a folder or a file has the name from here on. */
void shadow_name(struct shadow *s, const char *path, uint32_t file);
uint32_t shadow_lookup(const struct shadow *s, const char *path);

/* ---- what it acknowledged: that all this is durable when it has ended ---- */

/* The contents of a range; `end` SHADOW_TO_END: all, and the size. */
void shadow_ack(struct shadow *s, uint32_t file, uint64_t start, uint64_t end);
void shadow_ack_names(struct shadow *s);
void shadow_ack_all(struct shadow *s);

/* ---- what may be there after a cut ---- */

struct shadow_promise {
    /*
     * What nobody acknowledged may be anything; and e2fsck may have let a file grow to hold all the
     * blocks that it has.
     */
    bool acknowledged_only;
};

/* Back to the time before the first request. */
void shadow_rewind(struct shadow *s);

/*
 * Forth to a cut after `requests` requests, while the next is in its middle. True when something
 * was acknowledged since the last time.
 */
bool shadow_advance(struct shadow *s, uint64_t requests);

/* The operation in whose middle the cut is. */
const char *shadow_text(const struct shadow *s);

/* The one that was begun last, while the machine runs. */
const char *shadow_running(const struct shadow *s);

/* The names that there are on an image, to be gathered by shadow_seen. */
struct shadow_names {
    uint16_t count;
    uint16_t name[SHADOW_NAMES];
};

/* False: no file ever had this name. */
bool shadow_seen(const struct shadow *s, struct shadow_names *names, const char *path);

/*
 * The states of all names at which exactly these were there, the latest first: *state is 0 at
 * first. False: there is no further one that may be on the disk.
 */
bool shadow_next_state(const struct shadow *s, const struct shadow_names *names, uint32_t *state);

/* What has a name in this state. */
uint32_t shadow_file_at(const struct shadow *s, uint32_t state, uint16_t name);
const char *shadow_name_text(const struct shadow *s, uint16_t name);

/* May the file have this size? */
bool shadow_size_allowed(const struct shadow *s, uint32_t file, uint64_t bytes,
                         const struct shadow_promise *promise, char why[SHADOW_WHY_ROOM]);

/* The i-th page that was ever written to; false: there are not so many. */
bool shadow_page(const struct shadow *s, uint32_t file, uint32_t i, uint64_t *index);

/* May the page hold these bytes, in a file of that size? */
bool shadow_page_allowed(const struct shadow *s, uint32_t file, uint64_t index,
                         const uint8_t bytes[PAGE_BYTES], uint64_t file_bytes,
                         const struct shadow_promise *promise, char why[SHADOW_WHY_ROOM]);

#endif
