/*
 * The two processes that benchmarks of memory management compare. See mm_state.h.
 */
#include "mm_state.h"

#include <stdlib.h>
#include <sys/prctl.h>

uint64_t mm_sim_map(const struct mm_state *s, uint64_t bytes, int prot)
{
    int64_t va = mw_mmap(s->machine, s->pid, 0, bytes, prot, MM_ANONYMOUS, -1, 0);

    bench_must(va > 0, "simulated mmap");
    return (uint64_t)va;
}

void mm_sim_unmap(const struct mm_state *s, uint64_t va, uint64_t bytes)
{
    bench_must(mw_munmap(s->machine, s->pid, va, bytes) == 0, "simulated munmap");
}

void mm_sim_write_pages(const struct mm_state *s, uint64_t va, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        bench_must(mw_store(s->machine, s->pid, va + i * MM_PAGE, "x", 1, NULL) == 0,
                   "simulated store");
}

uint8_t *mm_host_map(uint64_t bytes, int prot)
{
    void *at = mmap(NULL, bytes, prot, MM_ANONYMOUS, -1, 0);

    bench_must(at != MAP_FAILED, "mmap");
    return at;
}

void mm_host_unmap(void *at, uint64_t bytes)
{
    bench_must(munmap(at, bytes) == 0, "munmap");
}

void mm_host_write_pages(uint8_t *at, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        ((volatile uint8_t *)at)[i * MM_PAGE] = 'x';
}

/* Areas that cannot merge, as neighbours differ in their rights. */
static int mm_area_prot(uint64_t i)
{
    return i % 2 == 0 ? PROT_READ : PROT_NONE;
}

/* Number of the readable area that is the i-th place: evenly spread. */
static uint64_t mm_place_number(const struct mm_state *s, unsigned i)
{
    return i * s->vmas / s->places & ~(uint64_t)1;
}

static void mm_state_add_areas(struct mm_state *s)
{
    bool host = s->vmas <= MM_HOST_VMAS;
    unsigned next = 0;

    s->places = s->vmas / 2 < MM_PLACES ? (unsigned)(s->vmas / 2) : MM_PLACES;
    if (host)
        s->host_vmas = calloc(s->vmas + 1, sizeof *s->host_vmas);
    bench_must(!host || s->host_vmas != NULL, "out of memory");
    for (uint64_t i = 0; i < s->vmas; i++) {
        uint64_t va = mm_sim_map(s, MM_AREA_BYTES, mm_area_prot(i));
        uint8_t *at = host ? mm_host_map(MM_AREA_BYTES, mm_area_prot(i)) : NULL;

        if (host)
            s->host_vmas[i] = at;
        if (next == s->places || i != mm_place_number(s, next))
            continue;
        s->place[next] = va;
        s->host_place[next++] = at;
    }
    bench_must(next == s->places, "an area for each place");
}

static void mm_state_add_region(struct mm_state *s, uint64_t pages)
{
    s->region_bytes = pages * MM_PAGE;
    s->region = mm_sim_map(s, s->region_bytes, MM_READ_WRITE);
    s->host_region = mm_host_map(s->region_bytes, MM_READ_WRITE);
    mm_sim_write_pages(s, s->region, pages);
    mm_host_write_pages(s->host_region, pages);
}

struct mm_state *mm_state_open(uint64_t vmas, uint64_t region_pages)
{
    struct mm_state *s = calloc(1, sizeof *s);
    struct mw_config config;

    bench_must(s != NULL, "out of memory");
    bench_must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0, "prctl(PR_SET_THP_DISABLE)");
    mw_config_init(&config);
    if (vmas > MM_HOST_VMAS)
        config.max_map_count = 2 * vmas;
    bench_must(mw_machine_new(&config, &s->machine) == 0, "mw_machine_new");
    s->pid = mw_spawn(s->machine);
    bench_must(s->pid > 0, "mw_spawn");
    s->vmas = vmas;
    mm_state_add_areas(s);
    if (region_pages > 0)
        mm_state_add_region(s, region_pages);
    return s;
}

void mm_state_close(void *state)
{
    struct mm_state *s = state;

    for (uint64_t i = 0; s->host_vmas != NULL && i < s->vmas; i++)
        mm_host_unmap(s->host_vmas[i], MM_AREA_BYTES);
    if (s->host_region != NULL)
        mm_host_unmap(s->host_region, s->region_bytes);
    bench_must(mw_machine_free(s->machine) == 0, "mw_machine_free");
    free(s->host_vmas);
    free(s);
}
