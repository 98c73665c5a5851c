/*
 * Who changed which PTE, and when: the memory of the stale-translation detector.
 *
 * Layer 3. Keyed by the address of the PTE; knows nothing of TLBs. A kernel of ours reports its
 * changes as it makes them. A kernel that somebody else wrote changes plain memory behind our back:
 * for it the log *watches* the PTEs that walks came through, and a sweep before each operation finds
 * those that have changed since the last one.
 *
 * Bounded: a table of buckets, in which the slot that was used longest ago makes way. What was
 * forgotten, or could never be kept for want of memory, is "not known" and harms nobody.
 *
 *   I-STALE-1  a slot lies in the bucket of its key, and no other slot has that key
 */
#ifndef MAPWALK_HW_STALE_LOG_H
#define MAPWALK_HW_STALE_LOG_H

#include <mapwalk/stale.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "hw/pte.h"
#include "hw/ram.h"

#define STALE_LOG_BUCKETS 1024u /* a power of two */
#define STALE_LOG_WAYS    8u

/* A change that takes something away, so that TLBs must be told. */
struct stale_change {
    uint64_t number; /* counted from 1; 0: there was none */
    bool by_satp;
    uint64_t pte_address; /* by_satp: 0 */
    uint64_t old_value;
    uint64_t new_value;
    uint64_t from_ns;
    uint64_t to_ns;
    uint64_t op;
    uint32_t pid;
    uint16_t hart;
    uint8_t call; /* enum mw_call; MW_CALL_COUNT: none */
    uint8_t site; /* enum mw_fence */
};

/* What is known of one PTE, or of the root that a hart has for an ASID. */
struct stale_slot {
    uint64_t value; /* as it was last seen */
    uint64_t used;  /* when, by `uses` of the log */
    struct stale_change change;
};

struct stale_log {
    uint64_t *keys; /* STALE_LOG_BUCKETS * STALE_LOG_WAYS; 0: empty. NULL: there is no memory */
    struct stale_slot *slots; /* as many */
    uint64_t uses;
    uint64_t changes;
    struct alloc *alloc;
};

/* Without memory the log is there all the same, and forgets everything at once. */
void stale_log_init(struct stale_log *log, struct alloc *a);
void stale_log_destroy(struct stale_log *log);

/*
 * A PTE was changed. `who` says when and by whom; its number, address and values are filled in here.
 * Nothing is noted of a change that needs no fence (pte_downgrades).
 */
void stale_log_change_pte(struct stale_log *log, paddr_t at, pte_t old, pte_t new,
                          const struct stale_change *who);

/* satp of a hart took this root for this ASID: a change if it had another one for it. */
void stale_log_change_root(struct stale_log *log, unsigned hart, uint16_t asid, paddr_t root,
                           const struct stale_change *who);

/* From now on a change of this PTE, which holds `value`, is noticed by sweeps. */
void stale_log_watch(struct stale_log *log, paddr_t at, pte_t value);

/* Looks at all PTEs that the log knows, and notes what has changed, as by `who`. */
void stale_log_sweep(struct stale_log *log, const struct ram *ram, const struct stale_change *who);

/* The last change of a PTE, or of the root of an ASID; NULL: not known. Good until the next call. */
const struct stale_change *stale_log_pte(struct stale_log *log, paddr_t at);
const struct stale_change *stale_log_root(struct stale_log *log, unsigned hart, uint16_t asid);

/* Recomputes I-STALE-1. */
bool stale_log_check(const struct stale_log *log);

#endif
