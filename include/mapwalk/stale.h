/*
 * Stale translations: what the detector of missing fences found, as values.
 *
 * A TLB may keep what a page table said until an SFENCE.VMA takes it away, so software that changes
 * a PTE owes a fence to every hart that may have cached it. Nothing goes wrong at the change: it
 * goes wrong later, elsewhere, when an access hits what should be gone. In checking mode every hit,
 * and every pointer from the walk cache, is compared with what a walk of the tables says at that
 * moment, and a *finding* names both ends: who used the translation, and who changed the tables.
 *
 * More rights in the tables than in the TLB, or a PTE that has become valid, need no fence and are
 * no finding. An entry that a fence dropped before it was used is none either.
 *
 * Specification, "Supervisor Memory-Management Fence Instruction".
 */
#ifndef MAPWALK_STALE_H
#define MAPWALK_STALE_H

#include <mapwalk/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Findings that are kept; the same missing fence is one finding, however often it is hit. */
#define MW_STALE_FINDINGS_MAX 256u

struct mw_stale_finding {
    /* The use. */
    uint64_t time_ns; /* simulated time */
    uint64_t op;      /* operation of the access (its events have the same) */
    uint64_t va;
    uint32_t pid; /* whose access; 0: none (a board knows no processes) */
    uint16_t hart;
    uint16_t asid;
    uint8_t access; /* enum mw_access */
    uint8_t tlb;    /* enum mw_tlb_unit; MW_TLB_COUNT: the walk cache */
    uint8_t kind;   /* enum mw_stale: how the tables differ from what was cached */
    uint8_t loss;   /* enum mw_loss: what this access lost by it, the worst so far */
    uint64_t cached_pte;
    uint64_t present_pte; /* where a walk for va ends now: at the leaf, or where it fails */

    /* The change; all of it 0 when it is not known. */
    bool known;
    bool by_satp;         /* no PTE was changed: satp took another root for an ASID in use */
    uint64_t pte_address; /* of the PTE that was changed; by_satp: 0 */
    uint64_t old_value;   /* that PTE before and after; by_satp: the roots */
    uint64_t new_value;
    uint64_t changed_from_ns; /* it happened between these, which are the same where it was seen; */
    uint64_t changed_to_ns;   /* on a board a PTE is plain memory, and seen at the next call */
    uint64_t changed_op;
    uint32_t changed_pid;
    uint16_t changed_hart; /* which ran then */
    uint8_t changed_call;  /* enum mw_call; MW_CALL_COUNT: none, or not known */
    uint8_t site;          /* enum mw_fence: which fence of our own kernel should have come */

    /* The fence that is missing: an SFENCE.VMA on `hart`, with these operands. */
    bool fence_has_va;
    bool fence_has_asid;
    uint16_t fence_asid;
    uint64_t fence_va;
};

/* What the detector has counted. */
struct mw_stale_counters {
    uint64_t uses;     /* of stale translations, each time */
    uint64_t findings; /* missing fences, each once */
    uint64_t untold;   /* uses that were not looked into, as MW_STALE_FINDINGS_MAX are there */
    uint64_t by_loss[MW_LOSS_COUNT]; /* uses by what they lost */
};

/*
 * A finding as one line without newline, always terminated. Returns the length that it has or would
 * have, as snprintf does.
 */
int mw_stale_format(const struct mw_stale_finding *finding, char *out, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
