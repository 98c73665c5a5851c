/*
 * Memory management beside the kernel that this program runs on: the same operation, once on a
 * simulated machine and once as real system calls and real accesses, in turns.
 *
 * Only the operation itself is timed; making and removing the mappings and processes around it is
 * not. Pages are 4 KiB on both sides (transparent huge pages are switched off).
 */
#include <mapwalk/mapwalk.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define PAGE        ((uint64_t)4096)
#define BATCH_PAGES ((uint64_t)4096)  /* pages faulted in between two clearings */
#define FORK_PAGES  ((uint64_t)16384) /* 64 MiB */
#define VMAS_MAX    60000
#define READ_WRITE  (PROT_READ | PROT_WRITE)
#define ANONYMOUS   (MAP_PRIVATE | MAP_ANONYMOUS)

/* A simulated process and this one, each with `vmas` areas that the benchmark only passes by. */
struct mm_state {
    struct mw_machine *machine;
    int pid;
    uint64_t vmas;
    void **host_vmas;
    uint64_t region; /* simulated memory that fork and copy-on-write work on; 0: none */
    uint8_t *host_region;
    uint64_t region_bytes;
};

/* ---- both sides of each operation ---- */

static uint64_t sim_map(const struct mm_state *s, uint64_t bytes, int prot)
{
    int64_t va = mw_mmap(s->machine, s->pid, 0, bytes, prot, ANONYMOUS, -1, 0);

    bench_must(va > 0, "simulated mmap");
    return (uint64_t)va;
}

static void sim_unmap(const struct mm_state *s, uint64_t va, uint64_t bytes)
{
    bench_must(mw_munmap(s->machine, s->pid, va, bytes) == 0, "simulated munmap");
}

static void sim_write_pages(const struct mm_state *s, uint64_t va, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        bench_must(mw_store(s->machine, s->pid, va + i * PAGE, "x", 1, NULL) == 0,
                   "simulated store");
}

static uint8_t *host_map(uint64_t bytes, int prot)
{
    void *at = mmap(NULL, bytes, prot, ANONYMOUS, -1, 0);

    bench_must(at != MAP_FAILED, "mmap");
    return at;
}

static void host_unmap(void *at, uint64_t bytes)
{
    bench_must(munmap(at, bytes) == 0, "munmap");
}

static void host_write_pages(uint8_t *at, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        ((volatile uint8_t *)at)[i * PAGE] = 'x';
}

/* ---- states ---- */

/* Areas that cannot merge: neighbours differ in their rights, and no benchmark asks for either. */
static int vma_prot(uint64_t i)
{
    return i % 2 == 0 ? PROT_READ : PROT_NONE;
}

static struct mm_state *open_state(uint64_t vmas, uint64_t region_pages)
{
    struct mm_state *s = calloc(1, sizeof *s);

    bench_must(s != NULL, "out of memory");
    bench_must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0, "prctl(PR_SET_THP_DISABLE)");
    bench_must(mw_machine_new(NULL, &s->machine) == 0, "mw_machine_new");
    s->pid = mw_spawn(s->machine);
    bench_must(s->pid > 0, "mw_spawn");
    s->vmas = vmas;
    s->host_vmas = calloc(vmas + 1, sizeof *s->host_vmas);
    bench_must(s->host_vmas != NULL, "out of memory");
    for (uint64_t i = 0; i < vmas; i++) {
        sim_map(s, PAGE, vma_prot(i));
        s->host_vmas[i] = host_map(PAGE, vma_prot(i));
    }
    s->region_bytes = region_pages * PAGE;
    if (region_pages == 0)
        return s;
    s->region = sim_map(s, s->region_bytes, READ_WRITE);
    s->host_region = host_map(s->region_bytes, READ_WRITE);
    sim_write_pages(s, s->region, region_pages);
    host_write_pages(s->host_region, region_pages);
    return s;
}

static void close_state(void *state)
{
    struct mm_state *s = state;

    for (uint64_t i = 0; i < s->vmas; i++)
        host_unmap(s->host_vmas[i], PAGE);
    if (s->host_region != NULL)
        host_unmap(s->host_region, s->region_bytes);
    bench_must(mw_machine_free(s->machine) == 0, "mw_machine_free");
    free(s->host_vmas);
    free(s);
}

static void *open_plain(void)
{
    return open_state(0, 0);
}

static void *open_30(void)
{
    return open_state(30, 0);
}

static void *open_1k(void)
{
    return open_state(1000, 0);
}

static void *open_60k(void)
{
    return open_state(VMAS_MAX, 0);
}

static void *open_fork(void)
{
    return open_state(0, FORK_PAGES);
}

static void *open_cow(void)
{
    return open_state(0, BATCH_PAGES);
}

/* ---- anonymous faults: the first store to each page ---- */

static uint64_t batch_of(uint64_t left)
{
    return left < BATCH_PAGES ? left : BATCH_PAGES;
}

static uint64_t run_anon_fault(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t spent = 0;

    for (uint64_t left = count, pages; left > 0; left -= pages) {
        pages = batch_of(left);
        uint64_t va = sim_map(s, pages * PAGE, READ_WRITE);
        uint64_t begin = bench_now();
        sim_write_pages(s, va, pages);
        spent += bench_now() - begin;
        sim_unmap(s, va, pages * PAGE);
    }
    return spent;
}

static uint64_t run_anon_fault_host(void *state, uint64_t count)
{
    uint64_t spent = 0;

    (void)state;
    for (uint64_t left = count, pages; left > 0; left -= pages) {
        pages = batch_of(left);
        uint8_t *at = host_map(pages * PAGE, READ_WRITE);
        uint64_t begin = bench_now();
        host_write_pages(at, pages);
        spent += bench_now() - begin;
        host_unmap(at, pages * PAGE);
    }
    return spent;
}

/* ---- mmap and munmap of an untouched page ---- */

static uint64_t run_pair(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++)
        sim_unmap(s, sim_map(s, PAGE, READ_WRITE), PAGE);
    return bench_now() - begin;
}

static uint64_t run_pair_host(void *state, uint64_t count)
{
    uint64_t begin = bench_now();

    (void)state;
    for (uint64_t i = 0; i < count; i++)
        host_unmap(host_map(PAGE, READ_WRITE), PAGE);
    return bench_now() - begin;
}

/* The same beside itself: a process with many areas, and one with few. */
struct flat_state {
    struct mm_state *many;
    struct mm_state *few;
};

static void *open_flat(void)
{
    struct flat_state *s = malloc(sizeof *s);

    bench_must(s != NULL, "out of memory");
    *s = (struct flat_state){.many = open_60k(), .few = open_30()};
    return s;
}

static void close_flat(void *state)
{
    struct flat_state *s = state;

    close_state(s->many);
    close_state(s->few);
    free(s);
}

static uint64_t run_pair_many(void *state, uint64_t count)
{
    return run_pair(((struct flat_state *)state)->many, count);
}

static uint64_t run_pair_few(void *state, uint64_t count)
{
    return run_pair(((struct flat_state *)state)->few, count);
}

/* ---- fork: per page of 64 MiB touched ---- */

static void sim_end_child(const struct mm_state *s, int child)
{
    int status;

    bench_must(mw_exit(s->machine, child, 0) == 0, "simulated exit");
    bench_must(mw_wait(s->machine, s->pid, child, &status) == child, "simulated wait");
}

static uint64_t run_fork(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += FORK_PAGES) {
        uint64_t begin = bench_now();
        int child = mw_fork(s->machine, s->pid);
        spent += bench_now() - begin;
        bench_must(child > 0, "simulated fork");
        sim_end_child(s, child);
    }
    return spent;
}

/* A child that does nothing but live until it is killed. */
static pid_t host_fork(void)
{
    pid_t child = fork();

    if (child == 0)
        for (;;)
            pause();
    bench_must(child > 0, "fork");
    return child;
}

static void host_end_child(pid_t child)
{
    bench_must(kill(child, SIGKILL) == 0, "kill");
    bench_must(waitpid(child, NULL, 0) == child, "waitpid");
}

static uint64_t run_fork_host(void *state, uint64_t count)
{
    uint64_t spent = 0;

    (void)state;
    for (uint64_t done = 0; done < count; done += FORK_PAGES) {
        uint64_t begin = bench_now();
        pid_t child = host_fork();
        spent += bench_now() - begin;
        host_end_child(child);
    }
    return spent;
}

/* ---- copy-on-write: the parent's first store to each page while a child shares it ---- */

static uint64_t run_cow(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t spent = 0;

    for (uint64_t left = count, pages; left > 0; left -= pages) {
        pages = batch_of(left);
        int child = mw_fork(s->machine, s->pid);
        bench_must(child > 0, "simulated fork");
        uint64_t begin = bench_now();
        sim_write_pages(s, s->region, pages);
        spent += bench_now() - begin;
        sim_end_child(s, child);
    }
    return spent;
}

static uint64_t run_cow_host(void *state, uint64_t count)
{
    struct mm_state *s = state;
    uint64_t spent = 0;

    for (uint64_t left = count, pages; left > 0; left -= pages) {
        pages = batch_of(left);
        pid_t child = host_fork();
        uint64_t begin = bench_now();
        host_write_pages(s->host_region, pages);
        spent += bench_now() - begin;
        host_end_child(child);
    }
    return spent;
}

/* ---- the table ---- */

#define BESIDE_HOST .yardstick = "host kernel", .close = close_state

void bench_mm_register(struct bench_list *list)
{
    static const struct bench table[] = {
        {"anon_fault", "ns/page", BESIDE_HOST, .open = open_plain, .run = run_anon_fault,
         .run_yardstick = run_anon_fault_host, .ratio_max = 0.6},
        {"mmap_munmap_30", "ns/pair", BESIDE_HOST, .open = open_30, .run = run_pair,
         .run_yardstick = run_pair_host, .ratio_max = 0.4},
        {"mmap_munmap_1k", "ns/pair", BESIDE_HOST, .open = open_1k, .run = run_pair,
         .run_yardstick = run_pair_host, .ratio_max = 0.4},
        {"mmap_munmap_60k", "ns/pair", BESIDE_HOST, .open = open_60k, .run = run_pair,
         .run_yardstick = run_pair_host, .ratio_max = 0.4},
        {"mmap_munmap_flat", "ns/pair", .yardstick = "with 30 VMAs", .open = open_flat,
         .close = close_flat, .run = run_pair_many, .run_yardstick = run_pair_few,
         .ratio_max = 1.5},
        {"fork_page", "ns/page", BESIDE_HOST, .open = open_fork, .run = run_fork,
         .run_yardstick = run_fork_host, .count_step = FORK_PAGES},
        {"cow_copy", "ns/page", BESIDE_HOST, .open = open_cow, .run = run_cow,
         .run_yardstick = run_cow_host},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bench_list_add(list, &table[i]);
}
