/*
 * The harts of one machine, which address space each of them runs, and the address-space
 * identifiers that they share.
 *
 * Layer 5. ASIDs are handed out in generations. When all are taken, the next generation begins: the
 * address spaces that harts are running keep theirs, every other one gets a new ASID when it runs
 * again. No hart is interrupted for that. Each is only marked, and empties its TLBs when it turns to
 * another address space, as what it has cached under any ASID but the one that it is running may
 * have become somebody else's.
 *
 * That takes an ASID for each hart. With fewer (and with no ASID bits at all) there are none: all
 * address spaces have ASID 0, and a hart empties its TLBs whenever it turns to another one, on its
 * own.
 *
 *   I-ASID-1  with ASIDs, two address spaces of the current generation never have the same
 *   I-ASID-2  the address space that a hart runs is of the current generation, it is what satp
 *             names, and its ran_on says so
 *   I-ASID-3  what the TLBs of a hart hold under the ASID of an address space of the current
 *             generation is that one's, and its ran_on says so; a hart that is to flush is the
 *             exception for all but the address space that it runs
 */
#ifndef MAPWALK_PT_HARTS_H
#define MAPWALK_PT_HARTS_H

#include "hw/hart.h"

#define HARTS_MAX 64

struct pt;

struct hart_set {
    struct hart *harts;
    unsigned count;               /* 1..HARTS_MAX */
    struct pt *active[HARTS_MAX]; /* what each hart runs; NULL: nothing (any more) */
    uint64_t must_flush; /* bit per hart: it empties its TLBs when it turns to another space */
    uint32_t asid_limit; /* 2^asid_bits */
    uint32_t asid_next;  /* those below are taken, in this generation */
    uint16_t reserved[HARTS_MAX]; /* ASIDs taken over from the generation before */
    unsigned reserved_count;
    uint64_t asid_generation; /* counted from 1; 0 means "never had an ASID" */
    uint64_t rollovers;
    uint64_t shootdowns;
    uint64_t ipis;
    struct clock *clock;
    uint32_t flush_ns;
    uint32_t ipi_ns;
    /* For tests: a fence of a site whose bit is in the first is left out on the harts of the second. */
    uint32_t leave_out_sites;
    uint64_t leave_out_harts;
};

/* Pre: count in 1..HARTS_MAX, asid_bits <= 16. The harts stay the caller's. */
void hart_set_init(struct hart_set *set, struct hart *harts, unsigned count, unsigned asid_bits,
                   struct clock *clock, uint32_t flush_ns, uint32_t ipi_ns);

/* Are address spaces told apart by ASID? */
static inline bool hart_set_has_asids(const struct hart_set *set)
{
    return set->asid_limit > 1 && set->asid_limit >= set->count;
}

/* Does a test want the fences of this site on this hart to be left out? */
static inline bool hart_set_leaves_out(const struct hart_set *set, enum mw_fence site,
                                       unsigned hart)
{
    return (set->leave_out_sites >> site & 1) != 0 && (set->leave_out_harts >> hart & 1) != 0;
}

/*
 * sfence.vma for everything, or for all of an ASID, or a page of it, on one hart; paid for. THE
 * fence of the kernel: every one goes through here, and `site` says which one it is.
 */
void hart_set_fence(struct hart_set *set, enum mw_fence site, unsigned hart, bool has_va,
                    vaddr_t va, bool has_asid, uint16_t asid);

/*
 * Hart number `hart` turns to another address space: gives that an ASID of the current generation
 * if it has none, writes satp, and flushes if it must. pt_activate is who calls it.
 */
void hart_set_enter(struct hart_set *set, unsigned hart, struct pt *pt);

/* The address space ends: no hart runs it any more. */
void hart_set_leave(struct hart_set *set, const struct pt *pt);

/* Recomputes I-ASID-2. I-ASID-1 takes all address spaces: see mw_check. */
bool hart_set_check(const struct hart_set *set);

/*
 * Recomputes I-ASID-3 for one address space: no hart holds anything under its ASID that is not in
 * its ran_on. That the rest is right, hart_check_tlb says.
 */
bool hart_set_check_space(const struct hart_set *set, const struct pt *pt);

#endif
