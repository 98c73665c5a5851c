/*
 * The harts of a board as the outside sees them: registers, fences, accesses, looking.
 *
 * Layer 5. Turns what hw/hart.h returns into the public values, and adds what in a whole machine
 * the kernel does: it pays for traps and fences, and ends the event operation of a trap (I-BOARD-1).
 * Harts are named by number, and the number comes from outside, so it is checked everywhere.
 */
#include <string.h>

#include "board/board.h"

/* Of satp on RV64 ("Supervisor Address Translation and Protection (satp) Register"). */
#define SATP_MODE_SHIFT 60
#define SATP_ASID_SHIFT 44
#define SATP_PPN_BITS   (((uint64_t)1 << SATP_ASID_SHIFT) - 1)
#define SATP_MODE_SV39  8u /* Sv48 and Sv57 follow; Bare is 0 */

static const struct hart *board_hart(const struct mw_board *b, unsigned hart)
{
    return hart < b->hart_count ? &b->harts[hart] : NULL;
}

/*
 * The hart, which runs from now on: the hits of the one before are paid for, so that nothing that
 * this one does gets an earlier time (I-BOARD-2). The detector of missing fences looks for PTEs that
 * the kernel has changed in between. NULL: there is none.
 */
static struct hart *board_run(struct mw_board *b, unsigned hart)
{
    if (hart >= b->hart_count)
        return NULL;
    if (b->stale != NULL)
        stale_sweep(b->stale, b->running);
    if (b->running != &b->harts[hart]) {
        hart_settle_time(b->running);
        b->running = &b->harts[hart];
    }
    return b->running;
}

/* ---- registers ---- */

int mw_hart_set_satp(struct mw_board *b, unsigned hart, enum mw_mode mode, uint64_t root_pa,
                     uint16_t asid)
{
    struct hart *h;

    if ((unsigned)mode >= MW_MODE_COUNT || !page_aligned(root_pa) ||
        root_pa >> PAGE_SHIFT > SATP_PPN_BITS)
        return -EINVAL;
    if (mode == MW_MODE_BARE && (root_pa != 0 || asid != 0))
        return -EINVAL;
    h = board_run(b, hart);
    if (h == NULL)
        return -EINVAL;
    hart_set_satp(h, mode, paddr(root_pa), asid);
    stale_note_root(b->stale, h, MW_FENCE_NONE);
    return 0;
}

int mw_hart_write_satp(struct mw_board *b, unsigned hart, uint64_t satp)
{
    unsigned field = (unsigned)(satp >> SATP_MODE_SHIFT);
    enum mw_mode mode = MW_MODE_BARE;

    if (field != 0) {
        if (field < SATP_MODE_SV39 || field - SATP_MODE_SV39 > MW_MODE_SV57 - MW_MODE_SV39)
            return -EINVAL;
        mode = (enum mw_mode)(field - SATP_MODE_SV39 + MW_MODE_SV39);
    }
    return mw_hart_set_satp(b, hart, mode, (satp & SATP_PPN_BITS) << PAGE_SHIFT,
                            (uint16_t)(satp >> SATP_ASID_SHIFT));
}

int mw_hart_read_satp(const struct mw_board *b, unsigned hart, uint64_t *satp)
{
    const struct hart *h = board_hart(b, hart);
    uint64_t field = 0;

    if (h == NULL)
        return -EINVAL;
    if (h->rules.mode != MW_MODE_BARE)
        field = (uint64_t)(h->rules.mode - MW_MODE_SV39) + SATP_MODE_SV39;
    *satp = field << SATP_MODE_SHIFT | (uint64_t)h->asid << SATP_ASID_SHIFT |
            h->rules.root.raw >> PAGE_SHIFT;
    return 0;
}

int mw_hart_set_privilege(struct mw_board *b, unsigned hart, bool user, bool sum, bool mxr)
{
    struct hart *h = board_run(b, hart);

    if (h == NULL)
        return -EINVAL;
    hart_set_privilege(h, user, sum, mxr);
    return 0;
}

int mw_hart_sfence(struct mw_board *b, unsigned hart, bool has_va, uint64_t va, bool has_asid,
                   uint16_t asid)
{
    struct hart *h = board_run(b, hart);

    if (h == NULL)
        return -EINVAL;
    hart_sfence(h, has_va, va, has_asid, asid);
    clock_advance(&b->clock, b->costs.flush);
    return 0;
}

/* ---- accesses ---- */

/*
 * Hands a trap to the caller. Nobody here can know when its repair ends, so the operation ends now,
 * and the retry begins another.
 */
static int board_trap(struct mw_board *b, const struct trap *met, struct mw_trap *trap)
{
    clock_advance(&b->clock, b->costs.trap);
    event_op_end(&b->bus, met->opened_op);
    contract(b->bus.op == 0);
    if (trap != NULL)
        *trap = (struct mw_trap){
            .cause = met->cause, .error = met->error, .access = met->access, .va = met->va};
    return -EFAULT;
}

/* The hart that is to access `bytes`; NULL: there is no such hart, or no such access. */
static struct hart *board_run_access(struct mw_board *b, unsigned hart, size_t bytes)
{
    return bytes > 0 && bytes <= MW_ACCESS_BYTES_MAX ? board_run(b, hart) : NULL;
}

/*
 * For the detector of missing fences: what a TLB may know from now on, by one access and what it
 * prefetched.
 */
static void board_watch(struct mw_board *b, const struct hart *h, uint64_t va, size_t bytes)
{
    if (b->stale == NULL)
        return;
    stale_watch(b->stale, h, va);
    if (hart_crosses(va, (unsigned)bytes))
        stale_watch(b->stale, h, page_floor(va) + PAGE_BYTES);
}

/* A load or a fetch: both read, under different rights. */
static int board_read(struct mw_board *b, unsigned hart, uint64_t va, void *out, size_t bytes,
                      enum mw_access access, struct mw_trap *trap)
{
    struct hart *h = board_run_access(b, hart, bytes);
    struct trap met = {0};
    bool done;

    if (h == NULL)
        return -EINVAL;
    done = hart_load(h, va, out, (unsigned)bytes, access, &met);
    board_watch(b, h, va, bytes);
    if (!done)
        return board_trap(b, &met, trap);
    return 0;
}

int mw_hart_load(struct mw_board *b, unsigned hart, uint64_t va, void *out, size_t bytes,
                 struct mw_trap *trap)
{
    return board_read(b, hart, va, out, bytes, MW_LOAD, trap);
}

int mw_hart_fetch(struct mw_board *b, unsigned hart, uint64_t va, void *out, size_t bytes,
                  struct mw_trap *trap)
{
    return board_read(b, hart, va, out, bytes, MW_FETCH, trap);
}

int mw_hart_store(struct mw_board *b, unsigned hart, uint64_t va, const void *in, size_t bytes,
                  struct mw_trap *trap)
{
    struct hart *h = board_run_access(b, hart, bytes);
    struct trap met = {0};
    bool done;

    if (h == NULL)
        return -EINVAL;
    done = hart_store(h, va, in, (unsigned)bytes, &met);
    board_watch(b, h, va, bytes);
    if (!done)
        return board_trap(b, &met, trap);
    return 0;
}

/* ---- looking ---- */

/*
 * A walk that leaves no trace. Without hardware A/D it writes nothing (I-WALK-1). Where such a walk
 * stops at A or D only, the real one would go on: it is made, and the PTE, the one thing that it
 * writes, gets back what it held.
 */
static struct walk_result board_peek(const struct hart *h, vaddr_t va, enum mw_access access)
{
    struct walk_rules rules = h->rules;
    struct walk_result found, full;

    rules.hardware_ad = false;
    found = walk(h->ram, &rules, va, access, NULL);
    if (!h->rules.hardware_ad ||
        (found.error != MW_WALK_ACCESSED_CLEAR && found.error != MW_WALK_DIRTY_CLEAR))
        return found;
    full = walk(h->ram, &h->rules, va, access, NULL);
    memcpy(ram_host(h->ram, found.pte_address), &found.pte, sizeof(found.pte));
    full.pte = found.pte;
    return full;
}

int mw_hart_translate(const struct mw_board *b, unsigned hart, uint64_t va, enum mw_access access,
                      struct mw_translation *out)
{
    const struct hart *h = board_hart(b, hart);
    struct walk_result found;

    if (h == NULL || (unsigned)access >= MW_ACCESS_COUNT)
        return -EINVAL;
    found = board_peek(h, va, access);
    *out = (struct mw_translation){.error = found.error,
                                   .cause = walk_cause(found.error, access),
                                   .level = found.level,
                                   .pa = found.error == MW_WALK_OK ? found.pa.raw : 0};
    if (found.references > 0) {
        out->pte_address = found.pte_address.raw;
        memcpy(&out->pte, &found.pte, sizeof(out->pte));
    }
    return 0;
}

/* The counters of one TLB, and their part of the totals. */
static void board_add_tlb(struct mw_hart_counters *out, const struct hart *h, enum mw_tlb_unit unit)
{
    out->tlb[unit] = hart_tlb_counters(h, unit);
    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        out->fills += out->tlb[unit].fills[size];
    out->evictions += out->tlb[unit].evictions;
    out->dropped += out->tlb[unit].dropped;
}

int mw_hart_read_counters(const struct mw_board *b, unsigned hart, struct mw_hart_counters *out)
{
    const struct hart *h = board_hart(b, hart);

    if (h == NULL)
        return -EINVAL;
    *out = (struct mw_hart_counters){.walks = h->walk_cache.counters.walks,
                                     .references = h->walk_cache.counters.references,
                                     .traps = h->traps,
                                     .flushes = h->flushes,
                                     .walker = h->walk_cache.counters};
    if (b->stale != NULL)
        out->stale_uses = stale_hart_uses(b->stale, hart);
    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++)
        out->hits[access] = hart_hits(h, (enum mw_access)access);
    memcpy(out->misses, h->misses, sizeof(out->misses));
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        board_add_tlb(out, h, (enum mw_tlb_unit)unit);
    return 0;
}

int mw_board_read_stale_finding(const struct mw_board *b, uint64_t i, struct mw_stale_finding *out)
{
    const struct mw_stale_finding *f = b->stale == NULL ? NULL : stale_finding(b->stale, i);

    if (f == NULL)
        return -ENOENT;
    *out = *f;
    return 0;
}

void mw_board_read_stale_counters(const struct mw_board *b, struct mw_stale_counters *out)
{
    memset(out, 0, sizeof(*out));
    if (b->stale != NULL)
        stale_read_counters(b->stale, out);
}
