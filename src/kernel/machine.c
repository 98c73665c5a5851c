/*
 * Switching a machine on and off: every layer put together, bottom up, and taken apart in reverse.
 * Layer 7.
 */
#include "kernel/machine.h"

#include <stdlib.h>
#include <string.h>

#include "cache/writeback.h"
#include "hw/stale.h"
#include "kernel/calls.h"
#include "kernel/uffd.h"

/* A step of the assembly, and what undoes it. */
struct machine_step {
    int (*up)(struct mw_machine *m);
    void (*down)(struct mw_machine *m);
};

/* RAM first: everything that the machine simulates lies in it. */
static int machine_ram_up(struct mw_machine *m)
{
    return ram_init(&m->ram, paddr(m->config.ram_base), m->config.ram_bytes, 0);
}

static void machine_ram_down(struct mw_machine *m)
{
    ram_destroy(&m->ram);
}

static void machine_harts_down(struct mw_machine *m)
{
    hart_free_all(m->harts, m->hart_set.count, &m->alloc);
}

static int machine_harts_up(struct mw_machine *m)
{
    const struct mw_config *c = &m->config;
    const struct hart_setup setup = {.asid_bits = c->asid_bits,
                                     .hardware_ad = c->hardware_ad,
                                     .svnapot = c->svnapot,
                                     .svpbmt = c->svpbmt,
                                     .tlbs = c->tlbs,
                                     .seed = c->seed,
                                     .plain = c->detect_stale,
                                     .costs = {.hit_ns = c->costs.tlb_hit,
                                               .l2_hit_ns = c->costs.tlb_l2_hit,
                                               .walk_step_ns = c->costs.walk_step}};
    int err = hart_new_all(&m->harts, c->harts, &setup, &m->alloc, &m->ram, &m->bus, &m->clock);

    if (err != 0)
        return err;
    for (unsigned i = 0; i < c->harts; i++)
        hart_set_privilege(&m->harts[i], true, false, false);
    m->running = &m->harts[0];
    hart_set_init(&m->hart_set, m->harts, c->harts, c->asid_bits, &m->clock, c->costs.flush,
                  c->costs.ipi);
    return 0;
}

/* The detector that sees every hit, if it is wanted. */
static int machine_stale_up(struct mw_machine *m)
{
    if (!m->config.detect_stale)
        return 0;
    m->stale = stale_new(&m->alloc, &m->ram, &m->bus, m->harts, m->hart_set.count);
    if (m->stale == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < m->hart_set.count; i++)
        m->harts[i].stale = m->stale;
    return 0;
}

static void machine_stale_down(struct mw_machine *m)
{
    stale_free(m->stale);
}

/* Who owns which frame; nothing owns one yet. */
static int machine_frames_up(struct mw_machine *m)
{
    return frame_table_init(&m->frames, &m->ram, &m->bus, &m->clock, m->config.costs.zero_frame,
                            m->config.costs.copy_frame);
}

static void machine_frames_down(struct mw_machine *m)
{
    frame_table_destroy(&m->frames);
}

/*
 * A disk in RAM cannot fail by itself, and nobody has asked it to yet: what libext2fs calls an I/O
 * error while the machine is put together is memory that its block cache did not get.
 */
static int machine_volume_error(const struct mw_machine *m, int err)
{
    bool ram = m->given == NULL && m->config.disk_image[0] == '\0' && m->config.disk_nbd[0] == '\0';

    return err == -EIO && ram && m->faults.fail_at[DEV_READ] == 0 ? -ENOMEM : err;
}

/*
 * Mounting reads metadata, and writes when a journal is replayed; nobody sees it, so that a report
 * shows only what the workload did.
 */
static int machine_volume_up(struct mw_machine *m)
{
    struct dev_counters counters = m->dev->counters;
    int err;

    dev_attach(m->dev, NULL, NULL);
    err = machine_volume_error(m, volume_mount(&m->alloc, m->dev, &m->volume));
    m->dev->counters = counters;
    dev_attach(m->dev, &m->bus, &m->clock);
    return err;
}

/*
 * Whatever was to be written has been: mw_machine_free synced. A machine that never came up has
 * nothing to write.
 */
static void machine_volume_down(struct mw_machine *m)
{
    if (m->volume != NULL)
        volume_abandon(m->volume);
    m->volume = NULL;
}

static int machine_cache_up(struct mw_machine *m)
{
    const struct mw_config *config = &m->config;
    const struct cache_setup setup = {
        .alloc = &m->alloc,
        .frames = &m->frames,
        .bus = &m->bus,
        .clock = &m->clock,
        .volume = m->volume,
        .dev = m->dev,
        .mapper = &mm_mapper_ops,
        .policy = {.background_ratio = config->dirty_background_ratio,
                   .ratio = config->dirty_ratio,
                   .expire_ns = (uint64_t)config->dirty_expire_ms * 1000000,
                   .wakeup_ns = (uint64_t)config->dirty_writeback_ms * 1000000,
                   .max_readahead_pages = config->readahead_pages,
                   .drop_failed = config->drop_failed_writes}};

    return cache_init(&m->cache, &setup);
}

static void machine_cache_down(struct mw_machine *m)
{
    cache_destroy(&m->cache);
}

/*
 * What address spaces share: the zero frame, the pool of VMAs, and how to reach the layers below. /
 */
static int machine_mm_up(struct mw_machine *m)
{
    const struct mm_stats stats = m->mm_env.stats; /* they go on over a power cut */
    int err;

    m->mm_env = (struct mm_env){.alloc = &m->alloc,
                                .config = &m->config,
                                .frames = &m->frames,
                                .harts = &m->hart_set,
                                .cache = &m->cache,
                                .bus = &m->bus};
    err = mm_env_init(&m->mm_env);
    if (err == 0)
        m->mm_env.stats = stats;
    return err;
}

static void machine_mm_down(struct mw_machine *m)
{
    mm_env_destroy(&m->mm_env);
}

static int machine_processes_up(struct mw_machine *m)
{
    radix_init(&m->processes.by_pid, &m->alloc);
    inode_names_init(&m->names, &m->alloc);
    list_init(&m->memory_files);
    radix_init(&m->uffds, &m->alloc);
    return 0;
}

/* By now processes are gone, unless the assembly itself failed half-way. */
static void machine_processes_down(struct mw_machine *m)
{
    uffd_close_all(m);
    process_end_all(m);
    machine_forget_memory_files(m);
    radix_destroy(&m->uffds);
    radix_destroy(&m->processes.by_pid);
    inode_names_destroy(&m->names);
}

/* Bottom up. A failing step undoes itself; the ones before it are undone in reverse. */
static const struct machine_step machine_steps[] = {
    {machine_ram_up, machine_ram_down},     {machine_harts_up, machine_harts_down},
    {machine_stale_up, machine_stale_down}, {machine_frames_up, machine_frames_down},
    {machine_disk_up, machine_disk_down},
};

/* What a power cut takes down and puts up again. */
static const struct machine_step file_steps[] = {
    {machine_volume_up, machine_volume_down},
    {machine_cache_up, machine_cache_down},
    {machine_mm_up, machine_mm_down},
    {machine_processes_up, machine_processes_down},
};

#define MACHINE_STEPS (sizeof(machine_steps) / sizeof(machine_steps[0]))
#define FILE_STEPS    (sizeof(file_steps) / sizeof(file_steps[0]))

/* Takes apart the first `steps` steps, last first. */
static void machine_take_down(struct mw_machine *m, const struct machine_step *list, size_t steps)
{
    while (steps-- > 0)
        list[steps].down(m);
}

static int machine_put_up(struct mw_machine *m, const struct machine_step *list, size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        int err = list[i].up(m);

        if (err != 0) {
            machine_take_down(m, list, i);
            return err;
        }
    }
    return 0;
}

int machine_files_up(struct mw_machine *m)
{
    return machine_put_up(m, file_steps, FILE_STEPS);
}

void machine_files_down(struct mw_machine *m)
{
    machine_take_down(m, file_steps, FILE_STEPS);
}

/* All or nothing. */
static int machine_assemble(struct mw_machine *m)
{
    int err = machine_put_up(m, machine_steps, MACHINE_STEPS);

    if (err != 0)
        return err;
    err = machine_files_up(m);
    if (err != 0)
        machine_take_down(m, machine_steps, MACHINE_STEPS);
    return err;
}

int mw_machine_new(const struct mw_config *config, struct mw_machine **out)
{
    return machine_new_on(config, NULL, out);
}

int machine_new_on(const struct mw_config *config, struct dev *disk, struct mw_machine **out)
{
    struct mw_config standard;
    struct mw_machine *m;
    int err;

    if (config == NULL) {
        mw_config_init(&standard);
        config = &standard;
    }
    if (mw_config_validate(config, NULL, 0) != 0)
        return -EINVAL;
    m = calloc(1, sizeof(*m)); /* the one block that is there before its allocator */
    if (m == NULL)
        return -ENOMEM;
    m->config = *config;
    m->given = disk;
    m->alloc.fail_at = config->fail_allocation;
    event_bus_init(&m->bus, &m->clock);
    event_ring_enable(&m->bus, config->check); /* what a broken contract prints */
    err = machine_assemble(m);
    if (err != 0) {
        contract(m->alloc.live_blocks == 0);
        free(m);
        return err;
    }
    *out = m;
    return 0;
}

/*
 * Processes go first: their mappings hold files open. Then everything is written back, and the
 * volume closes. A volume that will not close is abandoned: its journal is replayed next time.
 */
static int machine_close(struct mw_machine *m)
{
    int err;
    int closed;

    process_end_all(m);
    err = cache_sync(&m->cache);
    machine_take_down(m, file_steps + 1, FILE_STEPS - 1);
    closed = volume_unmount(m->volume);
    m->volume = NULL;
    return err != 0 ? err : closed;
}

int mw_machine_free(struct mw_machine *m)
{
    int err = 0;

    if (m == NULL)
        return 0;
    if (!m->off)
        err = machine_close(m);
    machine_take_down(m, machine_steps, MACHINE_STEPS);
    contract(m->alloc.live_blocks == 0);
    free(m);
    return err;
}

const struct mw_config *mw_machine_config(const struct mw_machine *m)
{
    return &m->config;
}
