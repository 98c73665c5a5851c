/*
 * The error campaign's world: a machine whose disk fails one chosen request, and a shadow of what
 * must be there all the same.
 *
 * Each operation looks whether the disk failed while it ran, and what: an error that it reports
 * must have a reason, and one that somebody has to learn of must be reported. Two descriptors have
 * the file open, each with a cursor of its own: what failed of the file's pages both are owed, once.
 */
#ifndef MAPWALK_TESTS_POWER_ERRORS_H
#define MAPWALK_TESTS_POWER_ERRORS_H

#include <mapwalk/machine.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "dev/dev.h"

#define ERRORS_PAGE   4096u
#define ERRORS_FILES  3u
#define ERRORS_MOST   (96u * ERRORS_PAGE) /* bytes of a file */
#define ERRORS_FDS    2u
#define ERRORS_VA     UINT64_C(0x2000000000)
#define ERRORS_VA_B   UINT64_C(0x2100000000)
#define ERRORS_MAPPED 32u /* pages of file 0, shared, from its beginning; by either descriptor */

/*
 * What failed. The bytes of file 0 are small letters, those of the others large ones; metadata never
 * is.
 */
enum errors_what {
    ERRORS_READ,
    ERRORS_DATA,  /* of file 0 */
    ERRORS_OTHER, /* of another */
    ERRORS_ZEROS, /* nothing but zeros, whosoever they are */
    ERRORS_METADATA,
    ERRORS_FLUSH,
    ERRORS_WHATS
};

/* Is a descriptor to be told of an error? */
enum errors_debt { ERRORS_NONE, ERRORS_PERHAPS, ERRORS_OWED };

struct errors_plan {
    enum dev_request kind;
    uint64_t at; /* the request of that kind that fails, from 1; 0: none */
    bool sticky; /* and all after it, until the disk is repaired */
    bool torn;   /* a write that fails has put its first half through */
    int error;
};

struct errors_file {
    const char *path;
    bool exists;
    uint64_t bytes;
    uint8_t data[ERRORS_MOST];
};

struct errors_world {
    struct alloc alloc;
    struct dev *disk; /* fails */
    struct dev *ram;  /* below it */
    struct mw_machine *machine;
    int pid;
    int fd[ERRORS_FDS]; /* both of file 0 */
    enum errors_debt owed[ERRORS_FDS];
    uint64_t buffer;
    struct errors_file file[ERRORS_FILES];    /* as it must look */
    struct errors_file durable[ERRORS_FILES]; /* as it was when everything was durable */
    unsigned generation;                      /* of the bytes written */
    uint64_t accounted;                       /* failures of file 0's pages that made debts */
    uint64_t accounted_zeros;                 /* of what may be its pages */
    uint64_t before[ERRORS_WHATS];            /* failures before the operation under way */
    uint64_t ram_bytes;
    uint64_t seed;
    bool in_flight; /* requests in the background, as the operation under way began */
    bool unmounted; /* the scenario has switched the machine off itself */
};

/* A scenario: from files 0 (24 pages) and 1 (4 pages), all durable and nothing cached. */
struct errors_scenario {
    const char *name;
    void (*run)(struct errors_world *w);
    int flags[ERRORS_FDS]; /* beside O_RDWR */
    uint64_t ram_bytes;    /* 0: plenty */
    uint64_t seed;         /* for what is random in it */
};

/*
 * The scenario with each request of each kind failing in turn, in each way. Prints and returns the
 * number of runs.
 */
uint64_t errors_campaign(const struct errors_scenario *scenario);

/* ---- operations; `d` is a descriptor's index ---- */

void errors_write(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes);
void errors_read(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes);
void errors_store(struct errors_world *w, uint64_t offset, uint64_t bytes);
void errors_load(struct errors_world *w, uint64_t offset, uint64_t bytes);
void errors_fsync(struct errors_world *w, unsigned d);
void errors_fdatasync(struct errors_world *w, unsigned d);
void errors_msync(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes);
void errors_sync(struct errors_world *w);
/* sync_file_range: starts only, or waits as well. */
void errors_sync_range(struct errors_world *w, unsigned d, bool wait);
void errors_truncate(struct errors_world *w, unsigned d, uint64_t bytes);
void errors_punch(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes);
void errors_allocate(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes);
void errors_rename(struct errors_world *w, unsigned from, unsigned to);
void errors_unlink(struct errors_world *w, unsigned file);
void errors_create(struct errors_world *w, unsigned file, uint64_t bytes);
void errors_advance(struct errors_world *w, uint64_t ns);
void errors_drop_caches(struct errors_world *w);
void errors_unmount(struct errors_world *w);
void errors_power_cut(struct errors_world *w);

/* ---- the disk (errors_disk.c) ---- */

/* A disk above `lower` that does as planned. */
struct dev *errors_disk_new(struct dev *lower);
void errors_disk_arm(struct dev *disk, const struct errors_plan *plan); /* counts from now on */
void errors_disk_pause(struct dev *disk, bool paused);                  /* fails nothing */
uint64_t errors_disk_failed(const struct dev *disk, enum errors_what what);
uint64_t errors_disk_seen(const struct dev *disk, enum dev_request kind);

/* ---- the campaign's parts (errors.c) ---- */

void errors_begin(struct errors_world *w, const struct errors_scenario *scenario);
void errors_arm(struct errors_world *w, const struct errors_plan *plan);
/* The disk is repaired: all must come right. `fsck`: have e2fsck look, too. */
void errors_end(struct errors_world *w, bool fsck);

#endif
