/*
 * Faults, fork and copy-on-write beside the kernel that this program runs on: the same operation,
 * once on a simulated machine and once as real system calls and real accesses, in turns.
 *
 * Only the operation itself is timed; making and removing the mappings and processes around it is
 * not.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mm_state.h"

#define BATCH_PAGES ((uint64_t)4096)  /* pages faulted in between two clearings */
#define FORK_PAGES  ((uint64_t)16384) /* 64 MiB */

static void *open_plain(void)
{
    return mm_state_open(0, 0);
}

static void *open_fork(void)
{
    return mm_state_open(0, FORK_PAGES);
}

static void *open_cow(void)
{
    return mm_state_open(0, BATCH_PAGES);
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
        uint64_t va = mm_sim_map(s, pages * MM_PAGE, MM_READ_WRITE);
        uint64_t begin = bench_now();
        mm_sim_write_pages(s, va, pages);
        spent += bench_now() - begin;
        mm_sim_unmap(s, va, pages * MM_PAGE);
    }
    return spent;
}

static uint64_t run_anon_fault_host(void *state, uint64_t count)
{
    uint64_t spent = 0;

    (void)state;
    for (uint64_t left = count, pages; left > 0; left -= pages) {
        pages = batch_of(left);
        uint8_t *at = mm_host_map(pages * MM_PAGE, MM_READ_WRITE);
        uint64_t begin = bench_now();
        mm_host_write_pages(at, pages);
        spent += bench_now() - begin;
        mm_host_unmap(at, pages * MM_PAGE);
    }
    return spent;
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
        mm_sim_write_pages(s, s->region, pages);
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
        mm_host_write_pages(s->host_region, pages);
        spent += bench_now() - begin;
        host_end_child(child);
    }
    return spent;
}

/* ---- the table ---- */

#define BESIDE_HOST .yardstick = "host kernel", .close = mm_state_close

void bench_mm_register(struct bench_list *list)
{
    static const struct bench table[] = {
        {"anon_fault", "ns/page", BESIDE_HOST, .open = open_plain, .run = run_anon_fault,
         .run_yardstick = run_anon_fault_host, .ratio_max = 0.3},
        {"fork_page", "ns/page", BESIDE_HOST, .open = open_fork, .run = run_fork,
         .run_yardstick = run_fork_host, .count_step = FORK_PAGES, .ratio_max = 0.5},
        {"cow_copy", "ns/page", BESIDE_HOST, .open = open_cow, .run = run_cow,
         .run_yardstick = run_cow_host, .ratio_max = 0.5},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bench_list_add(list, &table[i]);
}
