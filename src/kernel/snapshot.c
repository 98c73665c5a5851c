/*
 * Looking at a machine: counters, areas, page tables, hash, listeners, and the switches for tests.
 * Layer 7. The checkers are in machine_check.c.
 */
#include <mapwalk/mapwalk.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/prng.h"
#include "kernel/calls.h"

const char *mw_version(void)
{
    return MW_VERSION;
}

/* A hart counts on its own hot path; only here are the counters of all harts added up. */
static void stats_add_hart(struct mw_stats *s, const struct hart *h)
{
    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++) {
        uint64_t hits = h->counters.hits[access];
        uint64_t misses = h->counters.misses[access];

        s->accesses.by_access[access] += hits + misses;
        s->accesses.total += hits + misses;
        s->tlb.hits += hits;
        s->tlb.misses += misses;
    }
    s->tlb.fills += h->tlb.fills;
    s->tlb.evictions += h->tlb.evictions;
    s->tlb.flushes += h->tlb.flushes;
    s->tlb.dropped += h->tlb.dropped;
    s->walks.total += h->counters.walks;
    s->walks.references += h->counters.walk_references;
    s->walks.faults += h->counters.traps;
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
    stats_add_frames(s, &m->frames);
    stats_add_files(s, m);
    s->faults.total = m->mm_env.stats.faults;
    memcpy(s->faults.by_reason, m->mm_env.stats.by_reason, sizeof(s->faults.by_reason));
    s->faults.implicit_maps = m->mm_env.stats.implicit_maps;
    s->faults.implicit_pages = m->mm_env.stats.implicit_pages;
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

    out->stack = (v->flags & VMA_GROWSDOWN) != 0;
    out->heap = v->file == NULL && v->start < mm->brk_end && v->end > mm->brk_start;
    if (out->inode != 0)
        name = inode_names_get(&m->names, out->inode);
    else if (out->heap)
        name = "[heap]";
    else if (out->stack)
        name = "[stack]";
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
                           .implicit = (v->flags & VMA_IMPLICIT) != 0};
    if (v->file != NULL) {
        out->off_bytes = v->off_pages << PAGE_SHIFT;
        out->inode = v->file->map->inode == NULL ? 0 : inode_number(v->file->map->inode);
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
        for (int fd = 0; fd < p->fds.capacity; fd++)
            if (p->fds.files[fd] != NULL)
                hash = prng_mix(hash ^ ((uint64_t)fd << 32 | 1) ^ p->fds.files[fd]->position);
    }
    return hash;
}

int mw_subscribe(struct mw_machine *m, mw_event_mask mask, mw_event_handler *handler, void *context)
{
    return event_subscribe(&m->bus, mask, handler, context);
}

void mw_unsubscribe(struct mw_machine *m, mw_event_handler *handler, void *context)
{
    event_unsubscribe(&m->bus, handler, context);
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
