/*
 * Random operations, the same for the same seed, aimed at where mistakes live: page boundaries, the
 * ends of files, holes, overlapping mappings, both sides of a fork.
 *
 * The generator looks at the reference to aim (which processes live, how long files are), never at
 * the machine.
 */
#ifndef MAPWALK_TESTS_MODEL_WORKLOAD_H
#define MAPWALK_TESTS_MODEL_WORKLOAD_H

#include "base/prng.h"
#include "model/reference_vm.h"

#define WORKLOAD_LIVE       4  /* processes at one time */
#define WORKLOAD_FILE_PAGES 26 /* no file grows past this */

struct workload {
    struct prng prng;
    struct reference_vm *vm;
    uint64_t frames;   /* operations that could need more frames than these are not drawn; 0: any */
    bool avoid_tails;  /* draw no stores past the end of a file (reference_vm_stores_tail) */
    unsigned mappings; /* still to be drawn first, so that the accesses find something */
};

/*
 * The configuration of a machine for a workload: heap at the window, as many processes as the
 * reference has.
 */
void workload_configure(struct mw_config *config);

/*
 * Where the window lies in a paging mode: across the boundary of tables of every level but the top.
 * /
 */
uint64_t workload_window(enum mw_mode mode);

/*
 * Switches on a machine and a reference, both with process 1, fences around the window and three
 * open files. 0, or -errno.
 */
int workload_begin(struct workload *w, const struct mw_config *config, uint64_t seed,
                   struct mw_machine **machine);

/* How the three files are open at the beginning. */
unsigned workload_open_flags(unsigned file);

/* Frees the reference; the machine is the caller's. */
void workload_end(struct workload *w);

void workload_draw(struct workload *w, struct operation *op);

#endif
