/*
 * A finding of the stale-translation detector as one line. Layer 3: only the words of the schema.
 *
 * The order is that of the questions a reader has: what went wrong, who changed the tables, which
 * fence would have prevented it. The fence is written as an assembler would take it.
 */
#include <inttypes.h>
#include <mapwalk/stale.h>
#include <mapwalk/tlb.h>
#include <stdarg.h>
#include <stdio.h>

#define STALE_PTE_BYTES 32 /* of mw_pte_format's text */

/* Text under way; length is what it would have without an end of the buffer. */
struct stale_text {
    char *out;
    size_t bytes;
    size_t length;
};

static void stale_text_add(struct stale_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void stale_text_add(struct stale_text *t, const char *format, ...)
{
    bool room = t->length < t->bytes;
    va_list args;
    int added;

    va_start(args, format);
    added =
        vsnprintf(room ? t->out + t->length : NULL, room ? t->bytes - t->length : 0, format, args);
    va_end(args);
    t->length += added > 0 ? (size_t)added : 0;
}

/* "pid 3 on hart 1" */
static void stale_text_actor(struct stale_text *t, uint32_t pid, unsigned hart)
{
    if (pid != 0)
        stale_text_add(t, "pid %u on ", pid);
    stale_text_add(t, "hart %u", hart);
}

static void stale_text_use(struct stale_text *t, const struct mw_stale_finding *f)
{
    char cached[STALE_PTE_BYTES], present[STALE_PTE_BYTES];

    mw_pte_format(f->cached_pte, cached, sizeof(cached));
    mw_pte_format(f->present_pte, present, sizeof(present));
    stale_text_add(t, "stale translation: ");
    stale_text_actor(t, f->pid, f->hart);
    stale_text_add(t,
                   " (operation %" PRIu64 ", %" PRIu64 " ns): %s at 0x%" PRIx64 ", ASID %u, used ",
                   f->op, f->time_ns, mw_access_name(f->access), f->va, f->asid);
    stale_text_add(t, "%s of %s, tables say %s: %s; lost: %s, %s", cached, mw_tlb_name(f->tlb),
                   present, mw_stale_text(f->kind), mw_loss_name(f->loss), mw_loss_text(f->loss));
}

/* "at 70 ns", or on a board what is known: between two calls. */
static void stale_text_when(struct stale_text *t, const struct mw_stale_finding *f)
{
    if (f->changed_from_ns == f->changed_to_ns)
        stale_text_add(t, "at %" PRIu64 " ns", f->changed_to_ns);
    else
        stale_text_add(t, "between %" PRIu64 " and %" PRIu64 " ns", f->changed_from_ns,
                       f->changed_to_ns);
}

static void stale_text_change(struct stale_text *t, const struct mw_stale_finding *f)
{
    char before[STALE_PTE_BYTES], after[STALE_PTE_BYTES];

    stale_text_add(t, "; ");
    if (!f->known) {
        stale_text_add(t, "who changed the tables is not known");
        return;
    }
    stale_text_actor(t, f->changed_pid, f->changed_hart);
    if (f->changed_op != 0)
        stale_text_add(t, " (operation %" PRIu64 "%s%s)", f->changed_op,
                       f->changed_call < MW_CALL_COUNT ? ", " : "",
                       f->changed_call < MW_CALL_COUNT ? mw_call_name(f->changed_call) : "");
    if (f->by_satp) {
        stale_text_add(t, " gave the ASID root 0x%" PRIx64 " instead of 0x%" PRIx64 " ",
                       f->new_value, f->old_value);
    } else {
        mw_pte_format(f->old_value, before, sizeof(before));
        mw_pte_format(f->new_value, after, sizeof(after));
        stale_text_add(t, " changed the PTE at 0x%" PRIx64 " from %s to %s ", f->pte_address,
                       before, after);
    }
    stale_text_when(t, f);
}

static void stale_text_fence(struct stale_text *t, const struct mw_stale_finding *f)
{
    stale_text_add(t, "; missing: sfence.vma ");
    if (f->fence_has_va)
        stale_text_add(t, "0x%" PRIx64, f->fence_va);
    else
        stale_text_add(t, "x0");
    if (f->fence_has_asid)
        stale_text_add(t, ", %u", f->fence_asid);
    else
        stale_text_add(t, ", x0");
    stale_text_add(t, " on hart %u", f->hart);
    if (f->site != MW_FENCE_NONE)
        stale_text_add(t, " (%s: %s)", mw_fence_name(f->site), mw_fence_text(f->site));
}

int mw_stale_format(const struct mw_stale_finding *finding, char *out, size_t bytes)
{
    struct stale_text text = {.out = out, .bytes = bytes};

    stale_text_use(&text, finding);
    stale_text_change(&text, finding);
    stale_text_fence(&text, finding);
    return (int)text.length;
}
