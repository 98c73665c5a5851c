/* A page cache on a small machine: few frames, a disk that can fail, a mapper that takes notes. */
#ifndef TESTS_UNIT_CACHE_RIG_H
#define TESTS_UNIT_CACHE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cache/cache.h"

#define RIG_FRAMES 96u
#define RIG_DISK   ((uint64_t)4 << 20)
#define RIG_NOTES  512u

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
    struct dev *disk;
    struct dev *dev;
    struct dev_faults faults;
    struct volume *volume;
    struct cache cache;
    bool cache_up;
    struct note notes[RIG_NOTES];
    unsigned note_count;
    uint64_t events[MW_EVENT_COUNT]; /* how many of each kind since rig_clear */
    struct mw_event last[MW_EVENT_COUNT];
};

void rig_up(struct rig *r, uint64_t frames);
void rig_down(struct rig *r); /* pre: no references to maps */

/* Syncs, throws everything in memory away, and mounts again. */
void rig_restart(struct rig *r);

/* The same without syncing: what a power cut leaves. */
void rig_power_cut(struct rig *r);

/* Forgets notes and event counts. */
void rig_clear(struct rig *r);

void rig_fail(struct rig *r, enum dev_request kind, uint64_t n, bool sticky);

/* Opens a file's map, creating the file when there is none. */
struct file_map *rig_open(struct rig *r, const char *path);

/* Writes or reads `count` bytes in full. Byte i of a pattern is i * 31 + seed. */
void rig_write_pattern(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed);
void rig_expect_pattern(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed);
void rig_expect_zeros(struct file_map *map, uint64_t offset, uint64_t count);

/* The bytes of a cached page, as a mapping would show them. */
uint8_t *rig_page(struct file_map *map, uint64_t index);

bool rig_is_dirty(const struct file_map *map, uint64_t index);

#endif
