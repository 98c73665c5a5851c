/*
 * The power-cut campaign: runs a scenario once, then cuts the power at every request that the disk
 * was asked for, in every way that the disk may have lost what it had not been told to keep.
 *
 *     template <- base <- outcome          copy-on-write devices (overlay.h)
 *                  ^         ^
 *      made durable|         | what survives: cut_onto
 *                 dev_volatile             requests since the last flush
 *
 * Of each request that is pending a cut may keep any sector. Tried are all subsets of whole
 * requests while there are few, else samples; and samples of sectors on their own, which are torn
 * and reordered requests. Outcomes whose bytes and promises are those of one that was tried already
 * are not tried (or counted) again.
 *
 *   MAPWALK_LONG=N      N times as many seeds of each scenario
 *   MAPWALK_POWER=...   one run, or one cut of it: what a failure prints
 *   MAPWALK_POWER_KEEP=FILE   of one cut: keeps the image as the cut left it
 */
#ifndef MAPWALK_TESTS_POWER_CAMPAIGN_H
#define MAPWALK_TESTS_POWER_CAMPAIGN_H

#include "power/rig.h"

enum disk_kind {
    DISK_JOURNAL, /* formatted here */
    DISK_EXT3,    /* by mke2fs, blocks of 1 KiB; left out where there is no mke2fs */
    DISK_PLAIN,   /* no journal: contents are promised, names are not */
    DISK_KINDS,
};

#define ON_JOURNAL (1u << DISK_JOURNAL)
#define ON_EXT3    (1u << DISK_EXT3)
#define ON_PLAIN   (1u << DISK_PLAIN)
#define ON_ALL     (ON_JOURNAL | ON_EXT3 | ON_PLAIN)

struct scenario {
    const char *name;
    void (*run)(struct rig *r);
    unsigned disks; /* ON_* */
    unsigned seeds; /* runs on each disk */
    /* Tries in a run, about; 0: 1500. With more requests than that, not all are cut at. */
    unsigned budget;
    unsigned ram_mib;       /* 0: 16 */
    unsigned disk_mib;      /* 0: 16 */
    unsigned dirty_percent; /* of RAM may be dirty, half of it in peace; 0: the standard */
    const char *latency;    /* "hdd": pages are under way for long; NULL: the standard costs */
};

struct campaign;

/* cmocka's group setup and teardown, which prints the sums. */
int campaign_begin(void **state);
int campaign_end(void **state);

/* Runs the scenario with all its seeds on all its disks. Fails the test at the first loss. */
void campaign_run(struct campaign *c, const struct scenario *scenario);

#endif
