/*
 * The JSON form of the summary. See summary.h.
 *
 * Role: layer 9. Every counter of struct mw_stats and struct mw_run_result has a key, zero or not,
 * so that a reader needs no defaults; only what is a list of things met (skipped calls, reasons of
 * one VMA) leaves out what was not. Keys are the members' own names where they have one.
 * docs/SUMMARY.md documents each; a unit test compares them.
 */
#include <mapwalk/tlb.h>
#include <stdio.h>

#include "view/event_field.h"
#include "view/summary.h"

/* The keys of `mapwalk config` that say it all: what --set takes, these give. */
static void summary_json_tlbs(struct json *j, const struct summary *s)
{
    static const char *const parts[] = {"l1d", "l1i", "l2", "l2i", "walk-cache", "prefetch"};

    json_key(j, "tlb");
    json_object_begin(j);
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char key[24];
        char text[CONFIG_TEXT_BYTES];

        snprintf(key, sizeof(key), "tlb.%s", parts[i]);
        if (config_text_format(s->config, &s->words, key, text, sizeof(text)))
            json_pair_string(j, parts[i], text);
    }
    json_object_end(j);
}

static void summary_json_machine(struct json *j, const struct summary *s)
{
    const struct mw_config *c = s->config;

    json_key(j, "machine");
    json_object_begin(j);
    json_pair_string(j, "mode", s->words.mode);
    json_pair_u64(j, "ram_bytes", c->ram_bytes);
    json_pair_u64(j, "harts", c->harts);
    json_pair_u64(j, "asid_bits", c->asid_bits);
    summary_json_tlbs(j, s);
    json_pair_u64(j, "disk_bytes", c->disk_bytes);
    json_pair_u64(j, "seed", c->seed);
    json_object_end(j);
}

/* An object of two counters, of which there are several. */
static void summary_json_two(struct json *j, const char *key, const char *first,
                             uint64_t first_value, const char *second, uint64_t second_value)
{
    json_key(j, key);
    json_object_begin(j);
    json_pair_u64(j, first, first_value);
    json_pair_u64(j, second, second_value);
    json_object_end(j);
}

static void summary_json_accesses(struct json *j, const struct summary *s)
{
    json_key(j, "accesses");
    json_object_begin(j);
    json_pair_u64(j, "replayed", s->run->accesses);
    json_pair_u64(j, "total", s->stats->accesses.total);
    json_key(j, "by_access");
    json_object_begin(j);
    for (unsigned i = 0; i < MW_ACCESS_COUNT; i++)
        json_pair_u64(j, mw_access_name(i), s->stats->accesses.by_access[i]);
    json_object_end(j);
    json_object_end(j);
}

static void summary_json_calls(struct json *j, const struct summary *s)
{
    json_key(j, "calls");
    json_object_begin(j);
    json_pair_u64(j, "replayed", s->run->calls_replayed);
    json_pair_u64(j, "checked", s->run->calls_checked);
    json_pair_u64(j, "differing", s->run->calls_differing);
    json_pair_u64(j, "skipped", s->run->calls_skipped);
    json_pair_u64(j, "total", s->stats->calls.total);
    json_key(j, "by_call");
    json_object_begin(j);
    for (unsigned i = 0; i < MW_CALL_COUNT; i++)
        json_pair_u64(j, mw_call_name(i), s->stats->calls.by_call[i]);
    json_object_end(j);
    json_object_end(j);
}

static void summary_json_sizes(struct json *j, const struct mw_tlb_counters *t)
{
    json_key(j, "by_size");
    json_object_begin(j);
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++) {
        json_key(j, mw_page_size_name(size));
        json_object_begin(j);
        json_pair_u64(j, "hits", t->hits[size]);
        json_pair_u64(j, "misses", t->misses[size]);
        json_pair_u64(j, "fills", t->fills[size]);
        json_object_end(j);
    }
    json_object_end(j);
}

/* TLBs that the machine does not have are left out: they would be pages of zeros. */
static void summary_json_by_tlb(struct json *j, const struct summary *s)
{
    json_key(j, "by_tlb");
    json_object_begin(j);
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        const struct mw_tlb_counters *t = &s->stats->tlb.unit[unit];

        if (!summary_has_tlb(&s->config->tlbs, (enum mw_tlb_unit)unit))
            continue;
        json_key(j, mw_tlb_name(unit));
        json_object_begin(j);
        json_pair_u64(j, "hits", summary_sum_sizes(t->hits));
        json_pair_u64(j, "misses", summary_sum_sizes(t->misses) + t->misses_faulted);
        json_pair_u64(j, "misses_faulted", t->misses_faulted);
        json_pair_u64(j, "compulsory", t->compulsory);
        json_pair_u64(j, "fills", summary_sum_sizes(t->fills));
        json_pair_u64(j, "evictions", t->evictions);
        json_pair_u64(j, "dropped", t->dropped);
        summary_json_sizes(j, t);
        json_object_end(j);
    }
    json_object_end(j);
}

static void summary_json_walks(struct json *j, const struct mw_stats *stats)
{
    const struct mw_walker_counters *w = &stats->walker;

    json_key(j, "walks");
    json_object_begin(j);
    json_pair_u64(j, "total", stats->walks.total);
    json_pair_u64(j, "references", stats->walks.references);
    json_pair_u64(j, "faults", stats->walks.faults);
    json_pair_u64(j, "skipped", summary_sum_sizes(w->skipped));
    json_pair_u64(j, "cache_fills", w->cache_fills);
    json_pair_u64(j, "cache_evictions", w->cache_evictions);
    json_pair_u64(j, "cache_dropped", w->cache_dropped);
    json_pair_u64(j, "prefetches", w->prefetches);
    json_pair_u64(j, "prefetch_references", w->prefetch_references);
    json_pair_u64(j, "prefetch_hits", w->prefetch_hits);
    json_key(j, "by_skipped");
    json_object_begin(j);
    for (unsigned size = MW_SIZE_2M; size < MW_SIZE_COUNT; size++)
        json_pair_u64(j, mw_page_size_name(size), w->skipped[size]);
    json_object_end(j);
    json_object_end(j);
}

static void summary_json_translation(struct json *j, const struct mw_stats *stats)
{
    uint64_t total = stats->accesses.total;

    json_key(j, "translation");
    json_object_begin(j);
    json_pair_u64(j, "l1_ns", stats->translation.l1_ns);
    json_pair_u64(j, "l2_ns", stats->translation.l2_ns);
    json_pair_u64(j, "walk_ns", stats->translation.walk_ns);
    json_pair_u64(j, "trap_ns", stats->translation.trap_ns);
    json_pair_u64(j, "fence_ns", stats->translation.fence_ns);
    json_pair_u64(j, "ipi_ns", stats->translation.ipi_ns);
    json_pair_u64(j, "total_ns", stats->translation.total_ns);
    json_pair_u64(j, "average_ps", total == 0 ? 0 : stats->translation.total_ns * 1000 / total);
    json_object_end(j);
}

/*
 * TLBs and what keeps them true: shootdowns and ASIDs are counted with `other` in the snapshot, but
 * belong here.
 */
static void summary_json_tlb(struct json *j, const struct summary *s)
{
    const struct mw_stats *stats = s->stats;

    json_key(j, "tlb");
    json_object_begin(j);
    json_pair_u64(j, "hits", stats->tlb.hits);
    json_pair_u64(j, "misses", stats->tlb.misses);
    json_pair_u64(j, "fills", stats->tlb.fills);
    json_pair_u64(j, "evictions", stats->tlb.evictions);
    json_pair_u64(j, "flushes", stats->tlb.flushes);
    json_pair_u64(j, "dropped", stats->tlb.dropped);
    json_pair_u64(j, "shootdowns", stats->other.shootdowns);
    json_pair_u64(j, "ipis", stats->other.ipis);
    json_pair_u64(j, "asid_rollovers", stats->other.asid_rollovers);
    json_pair_u64(j, "stale_uses", stats->stale.uses);
    json_pair_u64(j, "fences_missing", stats->stale.findings);
    summary_json_by_tlb(j, s);
    json_object_end(j);
}

static void summary_json_faults(struct json *j, const struct mw_stats *stats)
{
    json_key(j, "faults");
    json_object_begin(j);
    json_pair_u64(j, "total", stats->faults.total);
    json_key(j, "by_reason");
    json_object_begin(j);
    for (unsigned i = 0; i < MW_REASON_COUNT; i++)
        json_pair_u64(j, mw_reason_name(i), stats->faults.by_reason[i]);
    json_object_end(j);
    json_pair_u64(j, "implicit_maps", stats->faults.implicit_maps);
    json_pair_u64(j, "implicit_pages", stats->faults.implicit_pages);
    json_pair_u64(j, "around_pages", stats->faults.around_pages);
    json_object_end(j);
}

static void summary_json_frames(struct json *j, const struct mw_stats *stats)
{
    json_key(j, "frames");
    json_object_begin(j);
    json_pair_u64(j, "total", stats->frames.total);
    json_pair_u64(j, "used", stats->frames.used);
    json_pair_u64(j, "peak", stats->frames.peak);
    json_pair_u64(j, "table_peak", stats->frames.table_peak);
    json_pair_u64(j, "zeroed", stats->frames.zeroed);
    json_pair_u64(j, "zero_known", stats->frames.zero_known);
    json_pair_u64(j, "copied", stats->frames.copied);
    json_key(j, "by_owner");
    json_object_begin(j);
    for (unsigned i = 0; i < MW_OWNER_COUNT; i++)
        json_pair_u64(j, mw_owner_name(i), stats->frames.by_owner[i]);
    json_object_end(j);
    json_object_end(j);
}

static void summary_json_files(struct json *j, const struct mw_stats *stats)
{
    json_key(j, "cache");
    json_object_begin(j);
    json_pair_u64(j, "hits", stats->cache.hits);
    json_pair_u64(j, "misses", stats->cache.misses);
    json_pair_u64(j, "pages_written", stats->cache.pages_written);
    json_pair_u64(j, "write_errors", stats->cache.write_errors);
    json_pair_u64(j, "evicted", stats->cache.evicted);
    json_object_end(j);
    json_key(j, "blocks");
    json_object_begin(j);
    json_pair_u64(j, "reads", stats->blocks.reads);
    json_pair_u64(j, "writes", stats->blocks.writes);
    json_pair_u64(j, "flushes", stats->blocks.flushes);
    json_pair_u64(j, "blocks_read", stats->blocks.blocks_read);
    json_pair_u64(j, "blocks_written", stats->blocks.blocks_written);
    json_pair_u64(j, "errors", stats->blocks.errors);
    json_object_end(j);
}

/* An object by name rather than a list: `jq .skipped.ioctl` is what one wants to know. */
static void summary_json_skipped(struct json *j, const struct mw_run_result *run)
{
    json_key(j, "skipped");
    json_object_begin(j);
    for (unsigned i = 0; i < run->skipped_count && i < MW_RUN_SKIPPED; i++)
        json_pair_u64(j, run->skipped[i].name, run->skipped[i].count);
    json_object_end(j);
}

static void summary_json_top_vma(struct json *j, const struct summary *s, const struct top_vma *v)
{
    char prot[4];

    event_field_prot(v->prot, prot);
    json_object_begin(j);
    json_pair_u64(j, "faults", v->faults);
    json_pair_u64(j, "pid", v->pid);
    json_pair_hex(j, "start", v->start);
    json_pair_hex(j, "end", v->end);
    json_pair_string(j, "prot", prot);
    json_pair_bool(j, "shared", (v->flags & MW_VMA_SHARED) != 0);
    json_pair_bool(j, "implicit", (v->flags & MW_VMA_IMPLICIT) != 0);
    json_pair_u64(j, "inode", v->inode);
    json_pair_string(j, "name", top_vmas_label(v, &s->names));
    json_key(j, "by_reason");
    json_object_begin(j);
    for (unsigned i = 0; i < MW_REASON_COUNT; i++)
        if (v->by_reason[i] != 0)
            json_pair_u64(j, mw_reason_name(i), v->by_reason[i]);
    json_object_end(j);
    json_object_end(j);
}

static void summary_json_top(struct json *j, const struct summary *s)
{
    json_key(j, "top_vmas");
    json_array_begin(j);
    for (unsigned i = 0; i < s->top_count; i++)
        summary_json_top_vma(j, s, &s->top[i]);
    json_array_end(j);
}

void summary_write_json(struct json *j, const struct summary *s)
{
    const struct mw_run_result *run = s->run;

    json_pair_string(j, "mapwalk", s->version);
    json_pair_string(j, "format", s->format);
    summary_json_machine(j, s);
    json_pair_u64(j, "lines", run->lines);
    json_pair_u64(j, "lines_bad", run->lines_bad);
    summary_json_two(j, "processes", "created", s->stats->processes.created, "live",
                     s->stats->processes.live);
    summary_json_calls(j, s);
    summary_json_skipped(j, run);
    summary_json_two(j, "addresses", "checked", run->addresses_checked, "equal",
                     run->addresses_equal);
    summary_json_two(j, "maps", "checked", run->maps_checked, "equal", run->maps_equal);
    summary_json_two(j, "expectations", "checked", run->expectations, "failed",
                     run->expectations_failed);
    summary_json_two(j, "signals", "total", s->stats->other.signals, "unexpected", run->signals);
    json_pair_u64(j, "out_of_memory", run->out_of_memory);
    summary_json_accesses(j, s);
    summary_json_tlb(j, s);
    summary_json_walks(j, s->stats);
    summary_json_translation(j, s->stats);
    summary_json_faults(j, s->stats);
    summary_json_frames(j, s->stats);
    summary_json_files(j, s->stats);
    json_pair_u64(j, "time_ns", s->stats->time_ns);
    summary_json_top(j, s);
}
