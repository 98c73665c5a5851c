/*
 * Operations on areas beside the kernel that this program runs on: no page is touched, so that only
 * the search for room, the set of areas and its merging are measured.
 *
 *   pair     mmap of a page where there is room, munmap of it
 *   replace  MAP_FIXED over a whole area
 *   split    mprotect of the middle page of three, which makes three areas of one, and back
 *
 * The number of areas beside must hardly matter: what is measured with 1,000,000 of them, more than
 * the host allows, stands beside the same with 30.
 */
#include <stdlib.h>

#include "mm_state.h"

/* The same operation in a process with many areas, and in one with few. */
struct flat_state {
    struct mm_state *many;
    struct mm_state *few;
};

static void *open_30(void)
{
    return mm_state_open(30, 0);
}

static void *open_1k(void)
{
    return mm_state_open(1000, 0);
}

static void *open_60k(void)
{
    return mm_state_open(MM_HOST_VMAS, 0);
}

static void *open_flat(uint64_t vmas)
{
    struct flat_state *s = malloc(sizeof *s);

    bench_must(s != NULL, "out of memory");
    *s = (struct flat_state){.many = mm_state_open(vmas, 0), .few = mm_state_open(30, 0)};
    return s;
}

static void *open_flat_60k(void)
{
    return open_flat(MM_HOST_VMAS);
}

static void *open_flat_1m(void)
{
    return open_flat(1000000);
}

static void close_flat(void *state)
{
    struct flat_state *s = state;

    mm_state_close(s->many);
    mm_state_close(s->few);
    free(s);
}

/* ---- a pair of mmap and munmap ---- */

static uint64_t run_pair(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++)
        mm_sim_unmap(s, mm_sim_map(s, MM_PAGE, MM_READ_WRITE), MM_PAGE);
    return bench_now() - begin;
}

static uint64_t run_pair_host(void *state, uint64_t count)
{
    uint64_t begin = bench_now();

    (void)state;
    for (uint64_t i = 0; i < count; i++)
        mm_host_unmap(mm_host_map(MM_PAGE, MM_READ_WRITE), MM_PAGE);
    return bench_now() - begin;
}

static uint64_t run_pair_many(void *state, uint64_t count)
{
    return run_pair(((struct flat_state *)state)->many, count);
}

static uint64_t run_pair_few(void *state, uint64_t count)
{
    return run_pair(((struct flat_state *)state)->few, count);
}

/* ---- a new mapping in the place of another ---- */

static uint64_t run_fixed(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        uint64_t va = s->place[i % s->places];

        bench_must(mw_mmap(s->machine, s->pid, va, MM_AREA_BYTES, PROT_READ,
                           MM_ANONYMOUS | MAP_FIXED, -1, 0) == (int64_t)va,
                   "simulated MAP_FIXED");
    }
    return bench_now() - begin;
}

static uint64_t run_fixed_host(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        uint8_t *at = s->host_place[i % s->places];

        bench_must(mmap(at, MM_AREA_BYTES, PROT_READ, MM_ANONYMOUS | MAP_FIXED, -1, 0) == at,
                   "MAP_FIXED");
    }
    return bench_now() - begin;
}

static uint64_t run_fixed_many(void *state, uint64_t count)
{
    return run_fixed(((struct flat_state *)state)->many, count);
}

static uint64_t run_fixed_few(void *state, uint64_t count)
{
    return run_fixed(((struct flat_state *)state)->few, count);
}

/* ---- one area becomes three, and three one again ---- */

static uint64_t run_split(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        uint64_t va = s->place[i % s->places] + MM_PAGE;

        bench_must(mw_mprotect(s->machine, s->pid, va, MM_PAGE, PROT_NONE) == 0 &&
                       mw_mprotect(s->machine, s->pid, va, MM_PAGE, PROT_READ) == 0,
                   "simulated mprotect");
    }
    return bench_now() - begin;
}

static uint64_t run_split_host(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        uint8_t *at = s->host_place[i % s->places] + MM_PAGE;

        bench_must(mprotect(at, MM_PAGE, PROT_NONE) == 0 && mprotect(at, MM_PAGE, PROT_READ) == 0,
                   "mprotect");
    }
    return bench_now() - begin;
}

static uint64_t run_split_many(void *state, uint64_t count)
{
    return run_split(((struct flat_state *)state)->many, count);
}

static uint64_t run_split_few(void *state, uint64_t count)
{
    return run_split(((struct flat_state *)state)->few, count);
}

/* ---- the table ---- */

#define BESIDE_HOST .yardstick = "host kernel", .close = mm_state_close, .ratio_max = 0.25
#define BESIDE_FEW  .yardstick = "with 30 VMAs", .close = close_flat

#define PAIR  .run = run_pair, .run_yardstick = run_pair_host
#define FIXED .run = run_fixed, .run_yardstick = run_fixed_host
#define SPLIT .run = run_split, .run_yardstick = run_split_host

#define PAIR_FLAT  .run = run_pair_many, .run_yardstick = run_pair_few
#define FIXED_FLAT .run = run_fixed_many, .run_yardstick = run_fixed_few
#define SPLIT_FLAT .run = run_split_many, .run_yardstick = run_split_few

void bench_areas_register(struct bench_list *list)
{
    static const struct bench table[] = {
        {"mmap_munmap_30", "ns/pair", BESIDE_HOST, .open = open_30, PAIR},
        {"mmap_munmap_1k", "ns/pair", BESIDE_HOST, .open = open_1k, PAIR},
        {"mmap_munmap_60k", "ns/pair", BESIDE_HOST, .open = open_60k, PAIR},
        {"mmap_munmap_flat", "ns/pair", BESIDE_FEW, .open = open_flat_60k, PAIR_FLAT,
         .ratio_max = 1.5},
        {"mmap_munmap_1m", "ns/pair", BESIDE_FEW, .open = open_flat_1m, PAIR_FLAT, .ratio_max = 2},
        {"map_fixed_30", "ns/call", BESIDE_HOST, .open = open_30, FIXED},
        {"map_fixed_1k", "ns/call", BESIDE_HOST, .open = open_1k, FIXED},
        {"map_fixed_60k", "ns/call", BESIDE_HOST, .open = open_60k, FIXED},
        {"map_fixed_1m", "ns/call", BESIDE_FEW, .open = open_flat_1m, FIXED_FLAT, .ratio_max = 2},
        {"mprotect_split_30", "ns/pair", BESIDE_HOST, .open = open_30, SPLIT},
        {"mprotect_split_1k", "ns/pair", BESIDE_HOST, .open = open_1k, SPLIT},
        {"mprotect_split_60k", "ns/pair", BESIDE_HOST, .open = open_60k, SPLIT},
        {"mprotect_split_1m", "ns/pair", BESIDE_FEW, .open = open_flat_1m, SPLIT_FLAT,
         .ratio_max = 2},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bench_list_add(list, &table[i]);
}
