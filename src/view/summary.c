/*
 * The text form of the summary. See summary.h.
 *
 * One fact a line: a name in a fixed column, a number that ends in a fixed column, sometimes a
 * remark. Scripts can cut it by column or grep it by name; those that want more should read the
 * JSON.
 */
#include "view/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/addr.h"
#include "view/event_field.h"

#define SUMMARY_LABEL "%-26s"
#define SUMMARY_COUNT "%16" PRIu64
#define SUMMARY_TIME  "%16.2f"

/* The plain line. */
static void summary_count(FILE *out, const char *label, uint64_t count)
{
    fprintf(out, SUMMARY_LABEL SUMMARY_COUNT "\n", label, count);
}

/* A count with a remark after it. */
static void summary_remark(FILE *out, const char *label, uint64_t count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void summary_remark(FILE *out, const char *label, uint64_t count, const char *format, ...)
{
    va_list args;

    fprintf(out, SUMMARY_LABEL SUMMARY_COUNT "  ", label, count);
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
}

/* part of whole, where nothing of nothing is 0: runs without an access are allowed. */
static double summary_ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0.0 : (double)part / (double)whole;
}

/* ", l2 1024x4" for each TLB and the walk cache, as far as there are any. */
static void summary_tlbs(FILE *out, const struct summary *s)
{
    static const char *const keys[] = {"tlb.l1d", "tlb.l1i", "tlb.l2", "tlb.l2i", "tlb.walk-cache"};
    char text[CONFIG_TEXT_BYTES];

    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (config_text_format(s->config, &s->words, keys[i], text, sizeof(text)) &&
            strcmp(text, "none") != 0)
            fprintf(out, ", %s %s", keys[i] + strlen("tlb."), text);
}

static void summary_machine(FILE *out, const struct summary *s)
{
    const struct mw_config *c = s->config;
    char ram[32];

    config_text_size(c->ram_bytes, ram, sizeof(ram));
    fprintf(out, SUMMARY_LABEL "  %s\n", "input", s->format);
    fprintf(out, SUMMARY_LABEL "  %s, %s of RAM, ", "machine", s->words.mode, ram);
    fprintf(out, "%u hart%s", c->harts, c->harts == 1 ? "" : "s");
    summary_tlbs(out, s);
    fprintf(out, ", seed %" PRIu64 "\n", c->seed);
    summary_remark(out, "lines", s->run->lines, "%" PRIu64 " not understood", s->run->lines_bad);
    summary_remark(out, "processes", s->stats->processes.created, "%" PRIu64 " live at the end",
                   s->stats->processes.live);
}

/* Checked against what the input says: shown when the input said anything. */
static void summary_compared(FILE *out, const struct mw_run_result *run)
{
    if (run->calls_checked != 0)
        summary_remark(out, "  results compared", run->calls_checked, "%" PRIu64 " differing",
                       run->calls_differing);
    if (run->addresses_checked != 0)
        summary_remark(out, "  addresses compared", run->addresses_checked, "%" PRIu64 " equal",
                       run->addresses_equal);
    if (run->maps_checked != 0)
        summary_remark(out, "  maps lines compared", run->maps_checked, "%" PRIu64 " equal",
                       run->maps_equal);
    if (run->expectations != 0)
        summary_remark(out, "  expectations", run->expectations, "%" PRIu64 " failed",
                       run->expectations_failed);
}

/* Skipped calls are named one by one: whoever wants a more faithful replay needs to know which. */
static void summary_calls(FILE *out, const struct mw_run_result *run)
{
    summary_count(out, "system calls replayed", run->calls_replayed);
    summary_compared(out, run);
    summary_count(out, "system calls skipped", run->calls_skipped);
    for (unsigned i = 0; i < run->skipped_count && i < MW_RUN_SKIPPED; i++)
        fprintf(out, "  %-24s" SUMMARY_COUNT "\n", run->skipped[i].name, run->skipped[i].count);
}

/* One line for each TLB, where there is more than the one that the lines above are about. */
static void summary_by_tlb(FILE *out, const struct summary *s)
{
    const struct mw_tlbs *tlbs = &s->config->tlbs;

    if (tlbs->l1i.arrays == 0 && tlbs->l2.arrays == 0)
        return;
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        const struct mw_tlb_counters *t = &s->stats->tlb.unit[unit];

        if (summary_has_tlb(tlbs, (enum mw_tlb_unit)unit))
            fprintf(out,
                    "  %-24s" SUMMARY_COUNT "  hits, %" PRIu64 " misses, %" PRIu64
                    " of them compulsory, %" PRIu64 " evictions\n",
                    mw_tlb_name(unit), summary_sum_sizes(t->hits),
                    summary_sum_sizes(t->misses) + t->misses_faulted, t->compulsory, t->evictions);
    }
}

/* What walk cache and prefetcher did, where they are configured. */
static void summary_walker(FILE *out, const struct summary *s)
{
    const struct mw_walker_counters *w = &s->stats->walker;

    if (s->config->tlbs.walk_cache.arrays != 0)
        fprintf(out, "  %-24s" SUMMARY_COUNT "  began below a cached pointer\n", "shortened",
                summary_sum_sizes(w->skipped));
    if (s->config->tlbs.prefetch != 0)
        fprintf(out,
                "  %-24s" SUMMARY_COUNT "  entries, %" PRIu64 " of them used, %" PRIu64
                " PTEs fetched\n",
                "prefetched", w->prefetches, w->prefetch_hits, w->prefetch_references);
}

/* How often the TLB helped, and what it took when it did not. */
static void summary_accesses(FILE *out, const struct summary *s)
{
    const struct mw_stats *stats = s->stats;
    const struct mw_tlb_counters *unit = stats->tlb.unit;
    uint64_t compulsory = unit[MW_TLB_L1D].compulsory + unit[MW_TLB_L1I].compulsory;
    uint64_t total = stats->accesses.total;

    summary_count(out, "accesses", total);
    for (unsigned i = 0; i < MW_ACCESS_COUNT; i++)
        if (stats->accesses.by_access[i] != 0)
            fprintf(out, "  %-24s" SUMMARY_COUNT "\n", mw_access_name(i),
                    stats->accesses.by_access[i]);
    summary_remark(out, "TLB hits", stats->tlb.hits, "%.2f %%",
                   100.0 * summary_ratio(stats->tlb.hits, total));
    summary_remark(out, "TLB misses", stats->tlb.misses, "%.2f %%, %" PRIu64 " compulsory",
                   100.0 * summary_ratio(stats->tlb.misses, total), compulsory);
    summary_by_tlb(out, s);
    summary_remark(out, "page walks", stats->walks.total, "%.2f PTEs fetched by each",
                   summary_ratio(stats->walks.references, stats->walks.total));
    summary_walker(out, s);
}

/* Where the average access time comes from: its parts, as far as there are any, add up to it. */
static void summary_access_time(FILE *out, const struct mw_stats *stats)
{
    const struct {
        const char *label;
        uint64_t ns;
    } parts[] = {{"first-level hits", stats->translation.l1_ns},
                 {"second-level hits", stats->translation.l2_ns},
                 {"page walks", stats->translation.walk_ns},
                 {"traps", stats->translation.trap_ns},
                 {"fences", stats->translation.fence_ns},
                 {"interrupts", stats->translation.ipi_ns}};
    uint64_t total = stats->accesses.total;

    fprintf(out, SUMMARY_LABEL SUMMARY_TIME " ns\n", "average access time",
            summary_ratio(stats->translation.total_ns, total));
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].ns != 0)
            fprintf(out, "  %-24s" SUMMARY_TIME " ns\n", parts[i].label,
                    summary_ratio(parts[i].ns, total));
    if (stats->other.ipis != 0)
        summary_remark(out, "TLB shootdowns", stats->other.shootdowns,
                       "%" PRIu64 " interrupts of other harts", stats->other.ipis);
}

/*
 * The reasons that a reader looks for even when there were none; the others are told when they came
 * up.
 */
static bool summary_usual_reason(unsigned reason)
{
    switch (reason) {
    case MW_REASON_WRITE_NOTIFY:
    case MW_REASON_SPURIOUS:
    case MW_REASON_BEYOND_EOF:
    case MW_REASON_IO_ERROR:
    case MW_REASON_OUT_OF_MEMORY:
    case MW_REASON_NOT_RAM:
    case MW_REASON_NO_SPACE:
    case MW_REASON_USER_HANDLED:
    case MW_REASON_USER_KILLED:
    case MW_REASON_USER_FAILED:
    case MW_REASON_WOULD_BLOCK:
    case MW_REASON_GUARD:
    case MW_REASON_NO_HUGE_PAGE:
        return false;
    default:
        return true;
    }
}

/*
 * Reasons explain themselves, since whoever reads a summary for the first time does not know them.
 * /
 */
static void summary_faults(FILE *out, const struct mw_stats *stats)
{
    summary_count(out, "page faults", stats->faults.total);
    for (unsigned i = 0; i < MW_REASON_COUNT; i++)
        if (stats->faults.by_reason[i] != 0 || summary_usual_reason(i))
            fprintf(out, "  %-24s" SUMMARY_COUNT "  %s\n", mw_reason_name(i),
                    stats->faults.by_reason[i], mw_reason_text(i));
    if (stats->faults.around_pages != 0)
        fprintf(out, "  %-24s" SUMMARY_COUNT "  %s\n", "mapped around", stats->faults.around_pages,
                "cached pages of files, mapped by a fault next to them");
    summary_remark(out, "implicit mappings", stats->faults.implicit_maps, "%" PRIu64 " pages",
                   stats->faults.implicit_pages);
}

/* Peaks, not what is left at the end: how much memory the run needed is what one wants to know. */
static void summary_memory(FILE *out, const struct mw_stats *stats)
{
    summary_remark(out, "frames at peak", stats->frames.peak, "%" PRIu64 " KiB",
                   stats->frames.peak * (PAGE_BYTES / 1024));
    summary_remark(out, "page-table frames at peak", stats->frames.table_peak, "%" PRIu64 " KiB",
                   stats->frames.table_peak * (PAGE_BYTES / 1024));
    summary_remark(out, "page cache hits", stats->cache.hits, "%" PRIu64 " misses",
                   stats->cache.misses);
    summary_remark(out, "blocks read", stats->blocks.blocks_read, "in %" PRIu64 " requests",
                   stats->blocks.reads);
    summary_remark(out, "blocks written", stats->blocks.blocks_written, "in %" PRIu64 " requests",
                   stats->blocks.writes);
}

/* What ended badly: shown when there is anything. */
static void summary_trouble(FILE *out, const struct summary *s)
{
    if (s->stats->other.signals != 0)
        summary_remark(out, "signals", s->stats->other.signals, "%" PRIu64 " unexpected",
                       s->run->signals);
    if (s->run->out_of_memory != 0)
        summary_count(out, "operations out of memory", s->run->out_of_memory);
    if (s->stats->blocks.errors != 0)
        summary_count(out, "device errors", s->stats->blocks.errors);
    if (s->stats->stale.uses != 0)
        summary_remark(out, "stale translations used", s->stats->stale.uses,
                       "%" PRIu64 " fences missing", s->stats->stale.findings);
}

/* A table by itself: its columns are other ones. */
static void summary_top(FILE *out, const struct summary *s)
{
    if (s->top_count == 0)
        return;
    fprintf(out, "\nVMAs with the most faults\n%10s %6s  %18s %18s  %-4s  %s\n", "faults", "pid",
            "start", "end", "prot", "what");
    for (unsigned i = 0; i < s->top_count; i++) {
        const struct top_vma *v = &s->top[i];
        const char *label = top_vmas_label(v, &s->names);
        char prot[4];

        event_field_prot(v->prot, prot);
        fprintf(out, "%10" PRIu64 " %6u  %#18" PRIx64 " %#18" PRIx64 "  %s%c  ", v->faults, v->pid,
                v->start, v->end, prot, (v->flags & MW_VMA_SHARED) ? 's' : 'p');
        names_write(out, label);
        fputc('\n', out);
    }
}

void summary_write_text(FILE *out, const struct summary *s)
{
    summary_machine(out, s);
    summary_calls(out, s->run);
    summary_accesses(out, s);
    summary_access_time(out, s->stats);
    summary_faults(out, s->stats);
    summary_memory(out, s->stats);
    summary_trouble(out, s);
    fprintf(out, SUMMARY_LABEL SUMMARY_COUNT " ns\n", "simulated time", s->stats->time_ns);
    summary_top(out, s);
}
