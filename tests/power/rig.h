/*
 * The machine of one run of a scenario: a simulated machine whose disk writes down every request,
 * and the operations that a scenario is made of. Each does its call on the machine, asserts that it
 * succeeded, and tells the shadow what it did and acknowledged.
 */
#ifndef MAPWALK_TESTS_POWER_RIG_H
#define MAPWALK_TESTS_POWER_RIG_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <mapwalk/machine.h>

#include "base/prng.h"
#include "power/shadow.h"

#define RIG_FILES     512u
#define RIG_MOST      (64 * PAGE_BYTES) /* of one write */
#define RIG_CHILDREN  2u
#define RIG_PAGES(n)  ((uint64_t)(n)*PAGE_BYTES)
#define RIG_SECOND_NS UINT64_C(1000000000)

struct rig {
    struct shadow *shadow;
    struct mw_machine *machine;
    struct dev *recorder;
    struct prng prng;
    uint64_t seed;
    int pid;
    int child;          /* 0: none yet */
    uint64_t buffer;    /* user memory for RIG_MOST bytes */
    uint64_t first_cut; /* requests before it are not cut at */
    struct rig_file {
        int fd;         /* -1: closed */
        uint64_t map;   /* where it is mapped; 0: nowhere */
        uint64_t bytes; /* of the mapping */
        int flags;
    } files[RIG_FILES]; /* by the shadow's number */
};

/* A machine on `disk`, which is mounted. */
void rig_open(struct rig *r, const struct mw_config *config, struct dev *disk, uint64_t seed);

/* Switches it off, which acknowledges everything. */
void rig_close(struct rig *r);

/* Forgets what rig_close left for looking at. */
void rig_free(struct rig *r);

/* What was before is durable and is not cut at. */
void rig_mark(struct rig *r);

uint64_t rig_below(struct rig *r, uint64_t bound);
uint64_t rig_free_pages(const struct rig *r); /* on the disk */

/* ---- operations; offsets and sizes are multiples of CELL_BYTES ---- */

/* Creates the file when nothing has the name. Its number, with a descriptor. flags: O_SYNC ... */
uint32_t rig_file(struct rig *r, const char *path, int flags);
void rig_shut(struct rig *r, uint32_t file); /* unmaps and closes */
void rig_write(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_append(struct rig *r, uint32_t file, uint64_t bytes);
void rig_map(struct rig *r, uint32_t file, uint64_t bytes); /* shared, from the file's start */
void rig_store(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_store_of_child(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
/* Through the mapping to behind the end, where no file is: must never be seen. */
void rig_store_beyond(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_msync(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes, int flags);
void rig_flush_force(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_fsync(struct rig *r, uint32_t file);
void rig_fdatasync(struct rig *r, uint32_t file);
void rig_sync_file_range(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_sync(struct rig *r);
void rig_truncate(struct rig *r, uint32_t file, uint64_t bytes);
void rig_punch(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_allocate(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_zero_range(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes);
void rig_rename(struct rig *r, const char *from, const char *to);
void rig_link(struct rig *r, const char *from, const char *to);
void rig_unlink(struct rig *r, const char *path);
void rig_mkdir(struct rig *r, const char *path);
void rig_rmdir(struct rig *r, const char *path);
void rig_fork(struct rig *r); /* once: the child shares all mappings made so far */
void rig_advance(struct rig *r, uint64_t ns);
void rig_drop_caches(struct rig *r);

#endif
