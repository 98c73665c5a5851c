/*
 * What benchmarks of memory management work on: a simulated process and this one, and the same few
 * operations on either. Pages are 4 KiB on both sides (transparent huge pages are switched off).
 *
 * Each has `vmas` areas of three pages, side by side, that cannot merge: readable ones and closed
 * ones take turns. The areas that a benchmark works on lie spread over all of them.
 */
#ifndef MAPWALK_BENCH_MM_STATE_H
#define MAPWALK_BENCH_MM_STATE_H

#include <mapwalk/mapwalk.h>
#include <sys/mman.h>

#include "harness.h"

#define MM_PAGE       ((uint64_t)4096)
#define MM_AREA_BYTES (3 * MM_PAGE)
#define MM_READ_WRITE (PROT_READ | PROT_WRITE)
#define MM_ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)

/* Linux lets a process have 65,530 areas; beyond this many only the simulator is asked. */
#define MM_HOST_VMAS 60000

/* Places that a benchmark visits in turn: few enough to stay in the caches of either side. */
#define MM_PLACES 64

struct mm_state {
    struct mw_machine *machine;
    int pid;
    uint64_t vmas;
    uint8_t **host_vmas; /* one after the other; NULL: too many for the host */
    unsigned places;
    uint64_t place[MM_PLACES]; /* readable simulated areas */
    uint8_t *host_place[MM_PLACES];
    uint64_t region; /* simulated memory that fork and copy-on-write work on; 0: none */
    uint8_t *host_region;
    uint64_t region_bytes;
};

/* Both processes, with areas and a touched region. The caller closes it. */
struct mm_state *mm_state_open(uint64_t vmas, uint64_t region_pages);
void mm_state_close(void *state);

/* ---- both sides of each operation; all end the program when they fail ---- */

uint64_t mm_sim_map(const struct mm_state *s, uint64_t bytes, int prot);
void mm_sim_unmap(const struct mm_state *s, uint64_t va, uint64_t bytes);
void mm_sim_write_pages(const struct mm_state *s, uint64_t va, uint64_t pages);

uint8_t *mm_host_map(uint64_t bytes, int prot);
void mm_host_unmap(void *at, uint64_t bytes);
void mm_host_write_pages(uint8_t *at, uint64_t pages);

#endif
