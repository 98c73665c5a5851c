/*
 * Looking at a machine: counters, areas, page tables, hash, listeners, and the switches for tests.
 * Layer 7. The checkers are in machine_check.c.
 */
#include <mapwalk/mapwalk.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/prng.h"
#include "hw/stale.h"
#include "kernel/calls.h"

const char *mw_version(void)
{
    return MW_VERSION;
}

_Static_assert(sizeof(struct mw_tlb_counters) % sizeof(uint64_t) == 0 &&
                   sizeof(struct mw_walker_counters) % sizeof(uint64_t) == 0,
               "they are nothing but counters, and are added as such");

static void stats_add_counters(void *sum, const void *part, size_t bytes)
{
    uint64_t *total = sum;
    const uint64_t *one = part;

    for (size_t i = 0; i < bytes / sizeof(uint64_t); i++)
        total[i] += one[i];
}

/* One TLB of one hart. */
static void stats_add_tlb(struct mw_stats *s, const struct hart *h, enum mw_tlb_unit unit)
{
    const struct mw_tlb_counters counters = hart_tlb_counters(h, unit);

    stats_add_counters(&s->tlb.unit[unit], &counters, sizeof(counters));
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        s->tlb.fills += counters.fills[size];
    s->tlb.evictions += counters.evictions;
    s->tlb.dropped += counters.dropped;
}

/* A hart counts on its own hot path; only here are the counters of all harts added up. */
static void stats_add_hart(struct mw_stats *s, const struct hart *h)
{
    const struct mw_walker_counters *walker = &h->walk_cache.counters;

    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++) {
        uint64_t hits = hart_hits(h, (enum mw_access)access);
        uint64_t misses = h->misses[access];

        s->accesses.by_access[access] += hits + misses;
        s->accesses.total += hits + misses;
        s->tlb.hits += hits;
        s->tlb.misses += misses;
    }
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        stats_add_tlb(s, h, (enum mw_tlb_unit)unit);
    s->tlb.flushes += h->flushes;
    stats_add_counters(&s->walker, walker, sizeof(*walker));
    s->walks.total += walker->walks;
    s->walks.references += walker->references;
    s->walks.faults += h->traps;
}

static uint64_t stats_count_hits(const struct mw_tlb_counters *counters)
{
    uint64_t hits = 0;

    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        hits += counters->hits[size];
    return hits;
}

/*
 * Every one of these costs is the same each time, so what they came to follows from how often they
 * fell due. After stats_add_hart of all harts.
 */
static void stats_add_translation(struct mw_stats *s, const struct mw_machine *m)
{
    const struct mw_costs *costs = &m->config.costs;
    const struct mw_tlb_counters *unit = s->tlb.unit;
    uint64_t l2_hits = stats_count_hits(&unit[MW_TLB_L2]) + stats_count_hits(&unit[MW_TLB_L2I]);

    s->translation.l1_ns = s->tlb.hits * costs->tlb_hit;
    s->translation.l2_ns = l2_hits * costs->tlb_l2_hit;
    s->translation.walk_ns = s->walks.references * costs->walk_step;
    s->translation.trap_ns = s->walks.faults * costs->trap;
    s->translation.fence_ns = s->tlb.flushes * costs->flush;
    s->translation.ipi_ns = m->hart_set.ipis * costs->ipi;
    s->translation.total_ns = s->translation.l1_ns + s->translation.l2_ns + s->translation.walk_ns +
                              s->translation.trap_ns + s->translation.fence_ns +
                              s->translation.ipi_ns;
}

static void stats_add_frames(struct mw_stats *s, const struct frame_table *t)
{
    s->frames.total = t->total;
    s->frames.used = t->used;
    s->frames.peak = t->peak;
    s->frames.table_peak = t->table_peak;
    s->frames.zeroed = t->zeroed;
    s->frames.zero_known = t->zero_known;
    s->frames.copied = t->copied;
    memcpy(s->frames.by_owner, t->by_owner, sizeof(s->frames.by_owner));
}

/* The device is the decorated one: what it counts is what the volume asked for. */
static void stats_add_files(struct mw_stats *s, const struct mw_machine *m)
{
    const struct dev_counters *dev = &m->dev->counters;

    s->cache.hits = m->cache.counters.hits;
    s->cache.misses = m->cache.counters.misses;
    s->cache.pages_written = m->cache.counters.pages_written;
    s->cache.write_errors = m->cache.counters.write_errors;
    s->cache.evicted = m->cache.counters.evicted;
    s->blocks.reads = dev->reads;
    s->blocks.writes = dev->writes;
    s->blocks.flushes = dev->flushes;
    s->blocks.blocks_read = dev->blocks_read;
    s->blocks.blocks_written = dev->blocks_written;
    s->blocks.errors = dev->errors;
}

/* The layers keep their own counters; this copies, so that a reader never sees one half-way. */
void mw_stats(struct mw_machine *m, struct mw_stats *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < m->hart_set.count; i++) {
        stats_add_hart(s, &m->harts[i]);
        s->time_ns += hart_unsettled_ns(&m->harts[i]); /* looking does not move the clock */
    }
    stats_add_translation(s, m);
    if (m->stale != NULL)
        stale_read_counters(m->stale, &s->stale);
    stats_add_frames(s, &m->frames);
    stats_add_files(s, m);
    s->faults.total = m->mm_env.stats.faults;
    memcpy(s->faults.by_reason, m->mm_env.stats.by_reason, sizeof(s->faults.by_reason));
    s->faults.implicit_maps = m->mm_env.stats.implicit_maps;
    s->faults.implicit_pages = m->mm_env.stats.implicit_pages;
    s->faults.around_pages = m->mm_env.stats.around_pages;
    s->calls.total = m->calls_total;
    memcpy(s->calls.by_call, m->by_call, sizeof(s->calls.by_call));
    s->processes.created = m->processes.created;
    s->processes.live = m->processes.live;
    s->other.signals = m->signals;
    s->other.shootdowns = m->hart_set.shootdowns;
    s->other.ipis = m->hart_set.ipis;
    s->other.asid_rollovers = m->hart_set.rollovers;
    s->time_ns += m->clock.now_ns;
}

/* What /proc/PID/maps would call the area. */
static void vma_name(struct mw_machine *m, const struct mm *mm, const struct vma *v,
                     struct mw_vma *out)
{
    const char *name = "";
    const char *kind = v->file == NULL ? "anon" : "anon_shmem";
    bool named = v->file != NULL && v->file->ops != NULL && v->file->ops->name != NULL;

    /* Only the stack that a process begins with has the name: one that a log does not map. */
    out->stack = (v->flags & VMA_GROWSDOWN) && (v->flags & VMA_IMPLICIT);
    out->heap = v->file == NULL && v->start < mm->brk_end && v->end > mm->brk_start;
    if (named)
        name = v->file->ops->name(v->file);
    else if (out->inode != 0)
        name = inode_names_get(&m->names, out->inode);
    else if (out->heap)
        name = "[heap]";
    else if (out->stack)
        name = "[stack]";
    if (v->name != NULL && *name == '\0')
        snprintf(out->name, sizeof(out->name), "[%s:%s]", kind, v->name->text);
    else
        snprintf(out->name, sizeof(out->name), "%s", name);
}

int mw_vma_next(struct mw_machine *m, int pid, uint64_t va, struct mw_vma *out)
{
    struct process *p = machine_process(m, pid);
    const struct vma *v;

    if (p == NULL)
        return -ESRCH;
    v = vma_set_find_above(&p->mm->vmas, va);
    if (v == NULL)
        return -ENOENT;
    *out = (struct mw_vma){.start = v->start,
                           .end = v->end,
                           .prot = (int)v->prot,
                           .shared = (v->flags & VMA_SHARED) != 0,
                           .implicit = (v->flags & VMA_IMPLICIT) != 0,
                           .flags = v->flags};
    if (v->file != NULL) {
        out->off_bytes = v->off_pages << PAGE_SHIFT;
        out->inode = vma_is_anonymous(v) || v->file->map->inode == NULL
                         ? 0
                         : inode_number(v->file->map->inode);
    }
    vma_name(m, p->mm, v, out);
    return 0;
}

int mw_pte(struct mw_machine *m, int pid, uint64_t va, uint64_t *pte)
{
    struct process *p = machine_process(m, pid);

    if (p == NULL)
        return -ESRCH;
    *pte = va < p->mm->user_end ? pt_lookup(&p->mm->pt, va, NULL).raw : 0;
    return 0;
}

const char *mw_inode_path(struct mw_machine *m, uint32_t inode)
{
    return inode_names_get(&m->names, inode);
}

/* Sizes and cached bytes of all files, in the order in which they were first opened. */
static uint64_t hash_files(const struct mw_machine *m, uint64_t hash)
{
    list_for_each (node, &m->cache.maps) {
        const struct file_map *map = container_of(node, struct file_map, link);
        uint64_t index = 0;
        void *frame;

        hash = prng_mix(hash ^ file_map_bytes(map));
        for (; radix_next(&map->pages, &index, &frame); index++) {
            const uint64_t *words = (const void *)frame_bytes(&m->frames, frame);

            hash = prng_mix(hash ^ index);
            for (unsigned i = 0; i < PAGE_BYTES / sizeof(*words); i++)
                hash = prng_mix(hash ^ words[i]);
        }
    }
    return hash;
}

/*
 * Everything a program could observe, and nothing else: frame numbers, counters, ASIDs and time
 * stay out.
 */
uint64_t mw_state_hash(struct mw_machine *m)
{
    uint64_t hash = hash_files(m, 0);
    uint64_t pid = 0;
    void *value;

    for (; radix_next(&m->processes.by_pid, &pid, &value); pid++) {
        const struct process *p = value;

        hash = prng_mix(hash ^ pid);
        hash = prng_mix(hash ^ (p->mm == NULL ? (uint64_t)p->status : mm_hash(p->mm)));
        for (int fd = 0; p->fds != NULL && fd < p->fds->capacity; fd++)
            if (p->fds->slots[fd].file != NULL)
                hash = prng_mix(hash ^ ((uint64_t)fd << 32 | 1) ^ p->fds->slots[fd].file->position);
    }
    return hash;
}

int mw_read_stale_finding(struct mw_machine *m, uint64_t i, struct mw_stale_finding *out)
{
    const struct mw_stale_finding *f = m->stale == NULL ? NULL : stale_finding(m->stale, i);

    if (f == NULL)
        return -ENOENT;
    *out = *f;
    return 0;
}

/* Somebody began to listen, or stopped: hits may have to be told from here on. */
static void machine_listeners_changed(struct mw_machine *m)
{
    for (unsigned i = 0; i < m->hart_set.count; i++)
        hart_listeners_changed(&m->harts[i]);
}

int mw_subscribe(struct mw_machine *m, mw_event_mask mask, mw_event_handler *handler, void *context)
{
    int err = event_subscribe(&m->bus, mask, handler, context);

    machine_listeners_changed(m);
    return err;
}

void mw_unsubscribe(struct mw_machine *m, mw_event_handler *handler, void *context)
{
    event_unsubscribe(&m->bus, handler, context);
    machine_listeners_changed(m);
}

/*
 * Counted from now, not from the start: a test wants the n-th of the operation it is about to do. /
 */
void mw_fail_allocation(struct mw_machine *m, uint64_t n)
{
    m->alloc.fail_at = n == 0 ? 0 : m->alloc.calls + n;
}

void mw_fail_device(struct mw_machine *m, uint64_t read_n, uint64_t write_n, uint64_t flush_n,
                    bool sticky)
{
    m->faults = (struct dev_faults){
        .fail_at = {[DEV_READ] = read_n, [DEV_WRITE] = write_n, [DEV_FLUSH] = flush_n},
        .error = -EIO,
        .sticky = sticky};
}
