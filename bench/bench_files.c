/*
 * Files in memory: faults on pages that are cached, and what is dirty on its way to the disk.
 *
 * Faults stand beside the host's tmpfs, whose pages are cached by nature; writeback beside a copy of
 * as many bytes, which is the least that it can cost. Of what msync has to do where nothing is dirty
 * there is nothing to compare with: it is to look at no page.
 *
 * Only the operation itself is timed; mapping, dirtying and cleaning around it is not.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mm_state.h"

#define FAULT_PAGES ((uint64_t)4096)  /* of the file whose pages fault */
#define BACK_PAGES  ((uint64_t)16384) /* dirty pages that go to the disk in one call: 64 MiB */
#define CLEAN_BYTES ((uint64_t)1 << 30)

/* Pages of which one read fault maps all: 64 KiB, Linux's fault_around_bytes and ours. */
#define AROUND_PAGES ((uint64_t)16)

struct file_state {
    struct mw_machine *machine;
    int pid;
    int fd;           /* of the simulated file */
    uint64_t va;      /* where the simulated file is mapped for good; 0: it is not */
    int host_fd;      /* of the host's file in a tmpfs */
    uint64_t bytes;   /* of either */
    uint8_t *copy[2]; /* as many bytes as the simulated file, twice; NULL: not needed */
};

static uint64_t sim_map_file(const struct file_state *s)
{
    int64_t va = mw_mmap(s->machine, s->pid, 0, s->bytes, MM_READ_WRITE, MAP_SHARED, s->fd, 0);

    bench_must(va > 0, "simulated mmap of a file");
    return (uint64_t)va;
}

static void sim_unmap_file(const struct file_state *s, uint64_t va)
{
    bench_must(mw_munmap(s->machine, s->pid, va, s->bytes) == 0, "simulated munmap");
}

/* Accesses to every `step`-th page. */
static void sim_store(const struct file_state *s, uint64_t va, uint64_t step)
{
    for (uint64_t at = 0; at < s->bytes; at += step * MM_PAGE)
        bench_must(mw_store(s->machine, s->pid, va + at, "x", 1, NULL) == 0, "simulated store");
}

static void sim_load(const struct file_state *s, uint64_t va, uint64_t step)
{
    uint8_t byte;

    for (uint64_t at = 0; at < s->bytes; at += step * MM_PAGE)
        bench_must(mw_load(s->machine, s->pid, va + at, &byte, 1, NULL) == 0, "simulated load");
}

static void sim_sync(const struct file_state *s, uint64_t va)
{
    bench_must(mw_msync(s->machine, s->pid, va, s->bytes, MS_SYNC) == 0, "simulated msync");
}

static uint8_t *host_map_file(const struct file_state *s)
{
    void *at = mmap(NULL, s->bytes, MM_READ_WRITE, MAP_SHARED, s->host_fd, 0);

    bench_must(at != MAP_FAILED, "mmap of a file in a tmpfs");
    return at;
}

/* A file of `bytes` on the disk of a new machine. */
static struct file_state *file_state_open(uint64_t bytes)
{
    struct file_state *s = calloc(1, sizeof *s);
    struct mw_config config;

    bench_must(s != NULL, "out of memory");
    mw_config_init(&config);
    config.disk_bytes = 2 * CLEAN_BYTES;
    s->bytes = bytes;
    s->host_fd = -1;
    bench_must(mw_machine_new(&config, &s->machine) == 0, "mw_machine_new");
    s->pid = mw_spawn(s->machine);
    bench_must(s->pid > 0, "mw_spawn");
    s->fd = mw_open(s->machine, s->pid, "/f", O_RDWR | O_CREAT);
    bench_must(s->fd >= 0, "simulated open");
    bench_must(mw_ftruncate(s->machine, s->pid, s->fd, bytes) == 0, "simulated ftruncate");
    return s;
}

static void file_state_close(void *state)
{
    struct file_state *s = state;

    if (s->host_fd >= 0)
        close(s->host_fd);
    bench_must(mw_machine_free(s->machine) == 0, "mw_machine_free");
    free(s->copy[0]);
    free(s->copy[1]);
    free(s);
}

/* Both files have all their pages in memory, and the simulated one's are clean. */
static void *open_faults(void)
{
    struct file_state *s = file_state_open(FAULT_PAGES * MM_PAGE);
    uint64_t va = sim_map_file(s);
    uint8_t *at;

    s->host_fd = memfd_create("bench", MFD_CLOEXEC);
    bench_must(s->host_fd >= 0 && ftruncate(s->host_fd, (off_t)s->bytes) == 0, "memfd_create");
    at = host_map_file(s);
    sim_store(s, va, 1);
    sim_sync(s, va);
    mm_host_write_pages(at, FAULT_PAGES);
    sim_unmap_file(s, va);
    mm_host_unmap(at, s->bytes);
    return s;
}

/* ---- a store to a clean page that is cached: the fault makes it dirty ---- */

static uint64_t run_file_fault(void *state, uint64_t count)
{
    const struct file_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += FAULT_PAGES) {
        uint64_t va = sim_map_file(s);
        uint64_t begin = bench_now();
        sim_store(s, va, 1);
        spent += bench_now() - begin;
        sim_sync(s, va);
        sim_unmap_file(s, va);
    }
    return spent;
}

static uint64_t run_file_fault_host(void *state, uint64_t count)
{
    const struct file_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += FAULT_PAGES) {
        uint8_t *at = host_map_file(s);
        uint64_t begin = bench_now();
        mm_host_write_pages(at, FAULT_PAGES);
        spent += bench_now() - begin;
        mm_host_unmap(at, s->bytes);
    }
    return spent;
}

/* ---- loads, of which each sixteenth faults and maps all sixteen: per page mapped ---- */

static uint64_t run_around(void *state, uint64_t count)
{
    const struct file_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += FAULT_PAGES) {
        uint64_t va = sim_map_file(s);
        uint64_t begin = bench_now();
        sim_load(s, va, AROUND_PAGES);
        spent += bench_now() - begin;
        sim_unmap_file(s, va);
    }
    return spent;
}

static uint64_t run_around_host(void *state, uint64_t count)
{
    const struct file_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += FAULT_PAGES) {
        uint8_t *at = host_map_file(s);
        uint64_t begin = bench_now();
        for (uint64_t page = 0; page < FAULT_PAGES; page += AROUND_PAGES)
            bench_use(((volatile uint8_t *)at)[page * MM_PAGE]);
        spent += bench_now() - begin;
        mm_host_unmap(at, s->bytes);
    }
    return spent;
}

/* ---- writeback of what a mapping has dirtied, beside a copy of as many cold bytes ---- */

static void *open_writeback(void)
{
    struct file_state *s = file_state_open(BACK_PAGES * MM_PAGE);

    s->va = sim_map_file(s);
    sim_store(s, s->va, 1);
    sim_sync(s, s->va); /* blocks are allocated once and for all */
    for (unsigned i = 0; i < 2; i++) {
        s->copy[i] = malloc(s->bytes);
        bench_must(s->copy[i] != NULL, "out of memory");
        memset(s->copy[i], (int)i + 1, s->bytes);
    }
    return s;
}

static uint64_t run_writeback(void *state, uint64_t count)
{
    const struct file_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += BACK_PAGES) {
        sim_store(s, s->va, 1);
        uint64_t begin = bench_now();
        sim_sync(s, s->va);
        spent += bench_now() - begin;
    }
    return spent;
}

/* As many bytes as the caches hold lie between two uses of the same. */
static uint64_t run_copy(void *state, uint64_t count)
{
    const struct file_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += BACK_PAGES) {
        uint64_t begin = bench_now();
        memcpy(s->copy[0], s->copy[1], s->bytes);
        bench_use(s->copy[0][done % s->bytes]);
        spent += bench_now() - begin;
    }
    return spent;
}

/* ---- msync of 1 GiB of which all is cached and nothing dirty ---- */

static void *open_clean(void)
{
    struct file_state *s = file_state_open(CLEAN_BYTES);

    s->va = sim_map_file(s);
    sim_load(s, s->va, 1);
    sim_sync(s, s->va);
    return s;
}

static uint64_t run_clean(void *state, uint64_t count)
{
    const struct file_state *s = state;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++)
        sim_sync(s, s->va);
    return bench_now() - begin;
}

/* ---- the table ---- */

#define TMPFS .yardstick = "host tmpfs", .open = open_faults, .close = file_state_close

void bench_files_register(struct bench_list *list)
{
    static const struct bench table[] = {
        {"file_fault", "ns/page", TMPFS, .run = run_file_fault,
         .run_yardstick = run_file_fault_host, .count_step = FAULT_PAGES, .ratio_max = 0.3},
        {"fault_around_page", "ns/page", TMPFS, .run = run_around, .run_yardstick = run_around_host,
         .count_step = FAULT_PAGES, .ratio_max = 0.5},
        {"writeback", "ns/page", "memcpy", .open = open_writeback, .close = file_state_close,
         .run = run_writeback, .run_yardstick = run_copy, .count_step = BACK_PAGES,
         .ratio_max = 1.5},
        {"msync_clean", "ns/call", .open = open_clean, .close = file_state_close, .run = run_clean,
         .median_max = 1000},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bench_list_add(list, &table[i]);
}
