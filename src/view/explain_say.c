/*
 * The sentences of explain. See explain_say.h.
 *
 * Wording is fixed: scripts grep these lines, and tests/golden compares them byte by byte. Each
 * step begins with one word (access, TLB, walk, trap, VMA, decision, frame, cache, device, PTE,
 * ...), so that `grep '^fault 12: walk'` works.
 */
#include "view/explain_say.h"

#include <inttypes.h>
#include <mapwalk/tlb.h>
#include <stdarg.h>

#include "base/addr.h"
#include "view/event_field.h"
#include "view/event_text.h"

#define EXPLAIN_PTE_BYTES 32 /* of mw_pte_format's text */

/*
 * One line, or with an open end its beginning: the only place that knows the prefix (I-EXPLAIN-1).
 * /
 */
static void explain_begin(struct explain *e)
{
    fprintf(e->out, "fault %" PRIu64 ": ", e->faults);
}

static void explain_line(struct explain *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void explain_line(struct explain *e, const char *format, ...)
{
    va_list args;

    explain_begin(e);
    va_start(args, format);
    vfprintf(e->out, format, args);
    va_end(args);
    fputc('\n', e->out);
}

/*
 * The word for what the process did, as part of a sentence; mw_access_name has the word for tables.
 * /
 */
static const char *explain_verb(uint64_t access)
{
    switch (access) {
    case MW_LOAD:
        return "loads from";
    case MW_STORE:
        return "stores to";
    case MW_FETCH:
        return "fetches an instruction from";
    case MW_AMO:
        return "changes atomically";
    default:
        return "accesses";
    }
}

void explain_say_access(struct explain *e, const struct mw_event *trap)
{
    explain_line(
        e, "access: pid %u %s 0x%" PRIx64 " (hart %u, operation %" PRIu64 ", %" PRIu64 " ns)",
        trap->pid, explain_verb(trap->arg[1]), trap->arg[0], trap->hart, trap->op, trap->time_ns);
}

/*
 * What the walker did with the i-th pending event's PTE, seen from the step or end that follows it.
 * /
 */
static const char *explain_step_meaning(const struct explain *e, unsigned i)
{
    for (i++; i < e->pending_count; i++) {
        const struct mw_event *next = &e->pending[i];

        if (next->kind == MW_EVENT_WALK_STEP)
            return "points to the next table";
        if (next->kind == MW_EVENT_WALK_END)
            return next->arg[2] == MW_WALK_OK ? "is the leaf"
                                              : mw_walk_error_text((unsigned)next->arg[2]);
    }
    return "is the last one fetched";
}

/* One level of the walk: where the walker looked, what it found there, and what it made of it. */
static void explain_say_step(struct explain *e, const char *tag, unsigned i)
{
    const struct mw_event *step = &e->pending[i];
    char pte[EXPLAIN_PTE_BYTES];

    mw_pte_format(step->arg[3], pte, sizeof(pte));
    explain_line(e, "%swalk: level %" PRIu64 ": the PTE at 0x%" PRIx64 " is %s: %s", tag,
                 step->arg[1], step->arg[2], pte, explain_step_meaning(e, i));
}

/* The end is told by itself although the last step says the same: it is the line to grep for. */
static void explain_say_walk_end(struct explain *e, const char *tag, const struct mw_event *end)
{
    if (end->arg[2] == MW_WALK_OK)
        explain_line(e, "%swalk: translates to physical 0x%" PRIx64, tag, end->arg[4]);
    else
        explain_line(e, "%swalk: ends at level %" PRIu64 ": %s: %s", tag, end->arg[3],
                     mw_walk_error_name((unsigned)end->arg[2]),
                     mw_walk_error_text((unsigned)end->arg[2]));
}

/* An entry that changed: pte_set and pte_ad have address, old and new at the same places. */
static void explain_say_pte(struct explain *e, const char *tag, const char *what,
                            const struct mw_event *event)
{
    char before[EXPLAIN_PTE_BYTES];
    char after[EXPLAIN_PTE_BYTES];

    mw_pte_format(event->arg[2], before, sizeof(before));
    mw_pte_format(event->arg[3], after, sizeof(after));
    explain_line(e, "%sPTE: %s for 0x%" PRIx64 " at 0x%" PRIx64 ": before %s", tag, what,
                 event->arg[0], event->arg[1], before);
    explain_line(e, "%sPTE: %s for 0x%" PRIx64 " at 0x%" PRIx64 ": after  %s", tag, what,
                 event->arg[0], event->arg[1], after);
}

/*
 * What the TLB holds from now on: a later change of the PTE in memory does not change it (hence
 * shootdowns).
 */
static void explain_say_fill(struct explain *e, const char *tag, const struct mw_event *fill)
{
    char pte[EXPLAIN_PTE_BYTES];

    mw_pte_format(fill->arg[1], pte, sizeof(pte));
    explain_line(
        e, "%sTLB: %s filled, %s page, set %" PRIu64 ", way %" PRIu64 ", ASID %" PRIu64 ": %s", tag,
        mw_tlb_name((unsigned)fill->arg[6]), mw_page_size_name((unsigned)fill->arg[7]),
        fill->arg[3], fill->arg[4], fill->arg[5], pte);
}

/* The walk began in the middle: the levels above are not read, and their PTEs not told. */
static void explain_say_skip(struct explain *e, const char *tag, const struct mw_event *skip)
{
    char pte[EXPLAIN_PTE_BYTES];

    mw_pte_format(skip->arg[2], pte, sizeof(pte));
    explain_line(e, "%swalk: begins below level %" PRIu64 ", whose PTE is in the walk cache: %s",
                 tag, skip->arg[1], pte);
}

/* One event of a translation. A retry's events are the same, behind a tag. */
static void explain_say_translating(struct explain *e, const char *tag, unsigned i)
{
    const struct mw_event *event = &e->pending[i];

    switch (event->kind) {
    case MW_EVENT_TLB_MISS:
        explain_line(e, "%sTLB: miss for 0x%" PRIx64 ", ASID %" PRIu64, tag, event->arg[0],
                     event->arg[2]);
        break;
    case MW_EVENT_TLB_L2_HIT:
        explain_line(e, "%sTLB: hit in %s, the second level, %s page: no walk", tag,
                     mw_tlb_name((unsigned)event->arg[2]),
                     mw_page_size_name((unsigned)event->arg[3]));
        break;
    case MW_EVENT_WALK_SKIP:
        explain_say_skip(e, tag, event);
        break;
    case MW_EVENT_WALK_STEP:
        explain_say_step(e, tag, i);
        break;
    case MW_EVENT_WALK_END:
        explain_say_walk_end(e, tag, event);
        break;
    case MW_EVENT_PTE_AD:
        explain_say_pte(e, tag, "hardware sets A or D", event);
        break;
    case MW_EVENT_TLB_EVICT:
        /* To make room, or because the entry forbids what its PTE may allow by now. */
        explain_line(e, "%sTLB: %s's entry for 0x%" PRIx64 ", ASID %" PRIu64 ", is evicted", tag,
                     mw_tlb_name((unsigned)event->arg[4]), event->arg[0], event->arg[1]);
        break;
    default:
        explain_say_fill(e, tag, event);
        break;
    }
}

void explain_say_translation(struct explain *e, const char *tag)
{
    for (unsigned i = 0; i < e->pending_count; i++)
        explain_say_translating(e, tag, i);
}

void explain_say_trap(struct explain *e, const struct mw_event *trap)
{
    explain_line(e, "trap: %s (scause %" PRIu64 "): %s", mw_cause_name((unsigned)trap->arg[2]),
                 trap->arg[2], mw_walk_error_text((unsigned)trap->arg[3]));
}

/* "file /a/b, page 3", "anonymous memory": what the page of the fault is in its VMA. */
static void explain_write_object(struct explain *e, const struct mw_event *vma)
{
    uint64_t page = vma->arg[4] + ((e->va - vma->arg[0]) >> PAGE_SHIFT);
    const char *name;

    if (vma->arg[5] == 0) {
        fputs("anonymous memory", e->out);
        return;
    }
    name = names_find(&e->names, vma->arg[5]);
    if (*name == '\0')
        fprintf(e->out, "inode %" PRIu64, vma->arg[5]);
    else
        names_write(e->out, name);
    fprintf(e->out, ", page %" PRIu64 " of the file", page);
}

/*
 * The area that the fault handler found: its range, its rights, what it maps and how it came about.
 * /
 */
static void explain_say_vma(struct explain *e, const struct mw_event *vma)
{
    uint64_t flags = vma->arg[3];
    char prot[4];

    event_field_prot(vma->arg[2], prot);
    explain_begin(e);
    fprintf(e->out, "VMA: 0x%" PRIx64 "-0x%" PRIx64 " %s %s: ", vma->arg[0], vma->arg[1], prot,
            (flags & MW_VMA_SHARED) ? "shared" : "private");
    explain_write_object(e, vma);
    if (flags & MW_VMA_GROWSDOWN)
        fputs(", grows down", e->out);
    if (flags & MW_VMA_IMPLICIT)
        fputs(", implicit (the log does not show the call that made it)", e->out);
    fputc('\n', e->out);
}

/* Lines about areas. True when the event was one of these. */
static bool explain_say_area(struct explain *e, const struct mw_event *event)
{
    switch (event->kind) {
    case MW_EVENT_FAULT_VMA:
        explain_say_vma(e, event);
        return true;
    case MW_EVENT_FAULT_NO_VMA:
        explain_line(e, "VMA: none contains 0x%" PRIx64, event->arg[0]);
        return true;
    case MW_EVENT_FAULT_DECIDE:
        explain_line(e, "decision: %s: %s", mw_reason_name((unsigned)event->arg[2]),
                     mw_reason_text((unsigned)event->arg[2]));
        return true;
    case MW_EVENT_FAULT_HANDLER:
        explain_line(e, "handler: the user's handler %s",
                     event->arg[4] == 0   ? "leaves it to the next"
                     : event->arg[4] == 1 ? "has repaired it"
                                          : "gives the process up");
        return true;
    case MW_EVENT_VMA_GROW:
        explain_line(e, "VMA: grows to 0x%" PRIx64 "-0x%" PRIx64, event->arg[0], event->arg[1]);
        return true;
    case MW_EVENT_VMA_IMPLICIT:
        explain_line(e, "VMA: 0x%" PRIx64 "-0x%" PRIx64 " mapped as implicit", event->arg[0],
                     event->arg[1]);
        return true;
    default:
        return false;
    }
}

/* sfence.vma in its four forms: what it names is what the entries it drops have in common. */
static void explain_say_fence(struct explain *e, const struct mw_event *flush)
{
    const uint64_t *arg = flush->arg;

    explain_begin(e);
    fprintf(e->out, "TLB: fence on hart %u", flush->hart);
    if (arg[0] != 0)
        fprintf(e->out, ", address 0x%" PRIx64, arg[1]);
    if (arg[2] != 0)
        fprintf(e->out, ", ASID %" PRIu64, arg[3]);
    fprintf(e->out, ": %" PRIu64 " entries dropped\n", arg[4]);
}

/* A first leaf of another page than the fault's: fault_around tells of all of these together. */
static bool explain_is_around(const struct explain *e, const struct mw_event *set)
{
    return set->arg[2] == 0 && page_floor(set->arg[0]) != page_floor(e->va);
}

/* Lines about frames, tables and what TLBs are told. True when the event was one of these. */
static bool explain_say_memory(struct explain *e, const struct mw_event *event)
{
    switch (event->kind) {
    case MW_EVENT_FRAME_ALLOC:
        explain_line(e, "frame: 0x%" PRIx64 " allocated, owner %s%s", event->arg[0],
                     mw_owner_name((unsigned)event->arg[1]), event->arg[2] ? ", zeroed" : "");
        return true;
    case MW_EVENT_FRAME_COPY:
        explain_line(e, "frame: 0x%" PRIx64 " copied to 0x%" PRIx64, event->arg[0], event->arg[1]);
        return true;
    case MW_EVENT_FRAME_FREE:
        explain_line(e, "frame: 0x%" PRIx64 " freed, owner was %s", event->arg[0],
                     mw_owner_name((unsigned)event->arg[1]));
        return true;
    case MW_EVENT_TABLE_ALLOC:
        explain_line(e, "table: 0x%" PRIx64 " becomes a page table of level %" PRIu64,
                     event->arg[0], event->arg[1]);
        return true;
    case MW_EVENT_PTE_SET:
        if (!explain_is_around(e, event))
            explain_say_pte(e, "", "set", event);
        return true;
    case MW_EVENT_FAULT_AROUND:
        explain_line(e,
                     "PTE: set for %" PRIu64 " more cached page(s) between 0x%" PRIx64
                     " and 0x%" PRIx64 ", which will not fault when they are read",
                     event->arg[2], event->arg[0], event->arg[1]);
        return true;
    case MW_EVENT_TLB_FLUSH:
        explain_say_fence(e, event);
        return true;
    case MW_EVENT_SHOOTDOWN:
        explain_line(e, "shootdown: ASID %" PRIu64 ", %" PRIu64 " page(s), %" PRIu64 " hart(s): %s",
                     event->arg[0], event->arg[1], event->arg[2],
                     mw_fence_text((unsigned)event->arg[3]));
        return true;
    default:
        return false;
    }
}

/* The name of a request's error, or nothing when it succeeded. */
static const char *explain_failure(uint64_t result)
{
    const char *error = event_field_errno(result);

    return error == NULL ? "" : error;
}

/* Lines about page cache and device. True when the event was one of these. */
static bool explain_say_file(struct explain *e, const struct mw_event *event)
{
    const uint64_t *arg = event->arg;

    switch (event->kind) {
    case MW_EVENT_CACHE_HIT:
        explain_line(e, "cache: hit: inode %" PRIu64 ", page %" PRIu64 " is in frame 0x%" PRIx64,
                     arg[0], arg[1], arg[2]);
        return true;
    case MW_EVENT_CACHE_FILL:
        explain_line(e,
                     "cache: filled: inode %" PRIu64 ", page %" PRIu64 " into frame 0x%" PRIx64
                     ", %" PRIu64 " block(s)",
                     arg[0], arg[1], arg[2], arg[3]);
        return true;
    case MW_EVENT_BLOCK_READ:
        explain_line(e, "device: read %" PRIu64 " block(s) from block %" PRIu64 "%s%s", arg[1],
                     arg[0], event_field_errno(arg[2]) ? ": " : "", explain_failure(arg[2]));
        return true;
    case MW_EVENT_BLOCK_WRITE:
        explain_line(e, "device: wrote %" PRIu64 " block(s) at block %" PRIu64 "%s%s", arg[1],
                     arg[0], event_field_errno(arg[2]) ? ": " : "", explain_failure(arg[2]));
        return true;
    default:
        return false;
    }
}

void explain_say_action(struct explain *e, const struct mw_event *event)
{
    if (explain_say_area(e, event) || explain_say_memory(e, event) || explain_say_file(e, event))
        return;
    /* Rarer ones (writeback for room, hart-local flushes) are shown as the schema has them. */
    explain_begin(e);
    fputs("event: ", e->out);
    event_text_write_fields(e->out, event);
    fputc('\n', e->out);
}

/* "SIGSEGV, SEGV_MAPERR, address 0x10"; SIGKILL has no code to tell. */
static void explain_write_signal(struct explain *e, uint64_t signal, uint64_t code, uint64_t va)
{
    const char *name = event_field_signal_code(signal, (int64_t)code);

    fputs(event_field_signal(signal), e->out);
    if (*name != '?')
        fprintf(e->out, ", %s", name);
    fprintf(e->out, ", address 0x%" PRIx64 "\n", va);
}

void explain_say_outcome(struct explain *e, const struct mw_event *fault_end)
{
    const uint64_t *arg = fault_end->arg;

    if (arg[1] == MW_REASON_WOULD_BLOCK) {
        explain_line(e, "result: the owner of the userfaultfd is asked (would_block)");
        return;
    }
    if (arg[3] == 0) {
        explain_line(e, "result: repaired (%s); the access is retried",
                     mw_reason_name((unsigned)arg[1]));
        return;
    }
    explain_begin(e);
    fprintf(e->out, "result: not repaired (%s): ", mw_reason_name((unsigned)arg[1]));
    explain_write_signal(e, arg[3], arg[4], arg[0]);
}

void explain_say_signal(struct explain *e, const struct mw_event *signal)
{
    explain_begin(e);
    fprintf(e->out, "signal: pid %u gets ", signal->pid);
    explain_write_signal(e, signal->arg[0], signal->arg[1], signal->arg[2]);
}

/*
 * The three ways a repaired access can go on. Which one it was, the TLB's events tell: see
 * explain.h.
 */
void explain_say_done(struct explain *e)
{
    explain_line(e, "retry: the %s succeeds", mw_access_name(e->access));
}

void explain_say_retry_hit(struct explain *e)
{
    explain_line(e, "retry: the %s hits the TLB and succeeds", mw_access_name(e->access));
}

void explain_say_retry_traps(struct explain *e)
{
    explain_line(e, "retry: traps again, told as fault %" PRIu64, e->faults + 1);
}
