/* A page cache on a small machine: few frames, a disk that can fail, a mapper that takes notes. */
#ifndef TESTS_UNIT_CACHE_RIG_H
#define TESTS_UNIT_CACHE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "cache/readahead.h"
#include "cache/writeback.h"
#include "dev/dev_volatile.h"

#define RIG_FRAMES 96u
#define RIG_DISK   ((uint64_t)4 << 20)
#define RIG_NOTES  512u

/* A disk that takes its time: a request a millisecond, a flush five; bytes are free. */
#define RIG_MS       ((uint64_t)1000000)
#define RIG_WRITE_NS RIG_MS
#define RIG_FLUSH_NS (5 * RIG_MS)

/* What a rig is made of. Frames 0: RIG_FRAMES; disk 0: RIG_DISK. */
struct rig_options {
    uint64_t frames;
    uint64_t disk_bytes;
    struct cache_policy policy; /* all zero: nothing happens by itself */
    bool slow;                  /* the disk takes its time */
    bool write_cache;           /* the disk has a volatile one: rig_power_cut loses what is in it */
};

/* What happened, in order. */
enum note_kind { NOTE_CLEAN, NOTE_UNMAP, NOTE_DEVICE_WRITE, NOTE_DEVICE_FLUSH };

struct note {
    enum note_kind kind;
    uint64_t first; /* page or block */
    uint64_t end;
};

struct rig {
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct ram ram;
    struct frame_table frames;
    struct rig_options options;
    struct dev *disk;
    struct dev *volatile_dev; /* on it, when there is a write cache */
    struct dev *dev;
    struct dev_faults faults;
    struct volume *volume;
    struct cache cache;
    uint32_t error_seen; /* rig_fsync's */
    uint64_t hash;       /* of all events */
    struct note notes[RIG_NOTES];
    unsigned note_count;
    bool copies_unmapped;            /* the last unmapping took private copies, too */
    uint64_t events[MW_EVENT_COUNT]; /* how many of each kind since rig_clear */
    struct mw_event last[MW_EVENT_COUNT];
};

void rig_up(struct rig *r, uint64_t frames); /* no policies, no time */
void rig_up_with(struct rig *r, const struct rig_options *options);
void rig_down(struct rig *r); /* pre: no references to maps */

/* Syncs, throws everything in memory away, and mounts again. */
void rig_restart(struct rig *r);

/*
 * The same without syncing: what a power cut leaves. Of a write cache's contents the seed says what
 * survives (dev_volatile_cut).
 */
void rig_power_cut(struct rig *r);
void rig_power_cut_with(struct rig *r, uint64_t seed);

/* Forgets notes and event counts. */
void rig_clear(struct rig *r);

void rig_fail(struct rig *r, enum dev_request kind, uint64_t n, bool sticky);

/* Time passes, and the flusher has its turn. */
void rig_advance(struct rig *r, uint64_t ns);

/* Opens a file's map, creating the file when there is none. */
struct file_map *rig_open(struct rig *r, const char *path);

/* Writes or reads `count` bytes in full. Byte i of a pattern is i * 31 + seed. */
void rig_write_pattern(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed);
void rig_expect_pattern(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed);
void rig_expect_zeros(struct file_map *map, uint64_t offset, uint64_t count);

/* The bytes of a cached page, as a mapping would show them. */
uint8_t *rig_page(struct file_map *map, uint64_t index);

/* fsync of a range by one who has the file open all the time. */
int rig_fsync(struct file_map *map, uint64_t first, uint64_t end);

bool rig_is_dirty(const struct file_map *map, uint64_t index);
bool rig_is_writeback(const struct file_map *map, uint64_t index);

/* A store through a mapping, which the mapper is told of first. */
void rig_store(struct file_map *map, uint64_t offset, uint8_t value);

#endif
