/*
 * The stale-translation detector: tells which fence is missing, by who used what should be gone.
 *
 * Layer 3. The harts show it every hit of a TLB and every use of a cached pointer; it walks the
 * tables as they are now (no A or D is written, no event, no cost) and compares. Whoever changes
 * page tables tells it so (stale_note_pte), or, where nobody can, has it look for changes itself
 * (stale_watch, stale_sweep). It knows harts and PTEs; who a pid or a call is, it only passes on.
 *
 * Detecting changes nothing that a program can see: same results, time, counters and events, but for
 * the stale_* events of a finding. What it takes is time of the host.
 *
 *   I-STALE-2  each missing fence is one finding, however often the translation is used; it is told
 *              again only when a later use loses more
 */
#ifndef MAPWALK_HW_STALE_H
#define MAPWALK_HW_STALE_H

#include <mapwalk/stale.h>

#include "hw/stale_log.h"
#include "hw/tlb_array.h"

struct event_bus;
struct hart;
struct stale;

/*
 * A detector for `count` harts (at most 64), which are `plain`; whoever owns them sets their field
 * `stale`. All that is named here outlives it. NULL: no memory. When there is memory for it but not
 * for its log, it works, and says "not known" of who changed a PTE.
 */
struct stale *stale_new(struct alloc *a, const struct ram *ram, struct event_bus *bus,
                        struct hart *harts, unsigned count);
void stale_free(struct stale *stale); /* NULL is allowed */

/*
 * A hart is about to use an entry of a TLB (or with MW_TLB_COUNT of the walk cache), which allows
 * the access, for va. Emits stale_use, stale_change, stale_fence when that is a finding.
 */
void stale_check_use(struct stale *stale, struct hart *hart, enum mw_tlb_unit unit,
                     const struct tlb_entry *entry, vaddr_t va, enum mw_access access);

/* ---- what changes; stale NULL: nobody wants to know ---- */

/* The running hart has changed a PTE; `site` is the fence that has to follow, if one has to. */
void stale_note_pte(struct stale *stale, paddr_t at, pte_t old, pte_t new, enum mw_fence site);

/* The satp of a hart was written. `site`: what has to follow if this ASID had another root there. */
void stale_note_root(struct stale *stale, const struct hart *hart, enum mw_fence site);

/* The call under way, from now on; MW_CALL_COUNT: none. */
void stale_note_call(struct stale *stale, enum mw_call call);

/*
 * The hart has just been at va: PTEs on the way there, and to what it prefetches, are those of which
 * a TLB may know.
 */
void stale_watch(struct stale *stale, const struct hart *hart, vaddr_t va);

/* Looks for changes of what is watched: they were made after the last sweep, while `hart` ran. */
void stale_sweep(struct stale *stale, const struct hart *hart);

/* ---- what was found ---- */

void stale_read_counters(const struct stale *stale, struct mw_stale_counters *out);

/* Uses of stale translations by one hart. */
uint64_t stale_hart_uses(const struct stale *stale, unsigned hart);

/* The i-th finding, in the order of their first uses; NULL: there are not so many. */
const struct mw_stale_finding *stale_finding(const struct stale *stale, uint64_t i);

/* Recomputes I-STALE-1 and, as far as the findings that are kept can show it, I-STALE-2. */
bool stale_check(const struct stale *stale);

#endif
