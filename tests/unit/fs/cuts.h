/*
 * Power cuts on a volume: a scenario is run until the power goes, and what the disk's cache could
 * leave behind is mounted and compared with a model.
 *
 *     ram: a formatted volume
 *      +- base: a copy-on-write overlay, so that each run begins with the same bytes
 *          +- disk: a volatile write cache; the power goes here
 *          |   +- faulty: one request may fail before that
 *          |       +- the scenario
 *          +- outcome: an overlay on base; what a cut could leave is mounted here
 */
#ifndef TESTS_UNIT_FS_CUTS_H
#define TESTS_UNIT_FS_CUTS_H

#include "disk.h"

#include "dev/dev_volatile.h"

#define DISK_BYTES  (16 * MIB)
#define NAMES       12u
#define PAGES       24u
#define STEPS_MAX   900u
#define ALL_MASKS   4u /* with so many pending requests at most, every subset of them is tried */
#define SEEDS       3u /* sector by sector */
#define FSCKS       5u /* cuts of a scenario that e2fsck looks at */
#define REPLAY_CUTS 9u /* requests of a replay, and the commit after it, that the power goes at */

enum action { CREATE, WRITE, RESERVE, SIZE, UNLINK, RENAME, SYNC, HOLD, LET_GO };

/* One step: on the file called names[name]. Pages are written with a byte that no other step has. */
struct step {
    enum action action;
    uint8_t name;
    uint16_t a; /* WRITE, RESERVE: page; SIZE: pages; RENAME: the new name */
    uint16_t b; /* WRITE: how many pages */
};

/* What a file is after some step: its identity, pages, and which step wrote each of them. */
struct file_state {
    uint16_t id; /* the step that created it, from 1; 0: there is no such name */
    uint16_t pages;
    uint16_t writer[PAGES]; /* step, from 1; 0: it reads zero */
};

struct state {
    struct file_state files[NAMES];
};

struct scenario {
    const struct step *steps;
    unsigned count;
    unsigned first_cut;   /* step: the power stays on before it */
    struct state *states; /* states[i]: after i steps */
    unsigned restart;     /* step, from 1, in which the log began anew; 0: it did not */
};

struct world {
    struct alloc alloc;
    struct dev *ram;
    struct dev *base;
    struct dev *disk;
    struct dev *faulty;
    struct dev_faults faults;
    struct dev *outcome;
    struct dev *again; /* a volatile write cache on outcome */
    struct volume *volume;
    struct inode *held[NAMES];
    unsigned reached; /* steps that returned 0 */
    unsigned synced;  /* of those up to the last SYNC */
    unsigned outcomes;
    unsigned fscks;
};

#define STEPS_OF(steps)                                       \
    {                                                         \
        steps, sizeof(steps) / sizeof((steps)[0]), 0, NULL, 0 \
    }

/* Computes the states; the caller frees them. */
void scenario_prepare(struct scenario *s);

/* Steps that make sense, by seed: every so many are a SYNC. Returns count. */
unsigned random_steps(struct step *steps, unsigned count, unsigned sync_every, uint64_t seed);

/* A device of so many bytes, formatted, and what stands on it. */
void world_up(struct world *w, uint64_t bytes);
void world_down(struct world *w);

/* Takes back everything since the last flush. */
void overlay_reset(struct dev *overlay);

/*
 * Runs the scenario until the power goes at the n-th request behind first_cut. False: it ended
 * before.
 */
bool world_run(struct world *w, struct scenario *s, uint64_t n);

/* What was cut onto w->outcome is mounted, compared and used; then it is taken back. */
void check_outcome(struct world *w, const struct scenario *s, bool fsck);

/* The volume goes on: new blocks and inodes, a commit. */
int use_volume(struct volume *v);

/* Cuts at the first `most` requests behind first_cut, with many outcomes each. */
void cut_everywhere(struct scenario *s, uint64_t most);

#endif
