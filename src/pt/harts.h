/*
 * The harts of one machine and the address-space identifiers they share.
 *
 * ASIDs are handed out in generations: when a generation is used up, all TLBs are flushed and the
 * next begins; an address space of an older generation gets a new ASID when it runs again. With 0
 * ASID bits every activation is a new generation, that is, a full flush, as on hardware without
 * ASIDs.
 *
 *   I-ASID-1  two address spaces of the current generation never have the same ASID
 */
#ifndef MAPWALK_PT_HARTS_H
#define MAPWALK_PT_HARTS_H

#include "hw/hart.h"

#define HARTS_MAX 64

struct hart_set {
    struct hart *harts;
    unsigned count;      /* 1..HARTS_MAX */
    uint32_t asid_limit; /* 2^asid_bits */
    uint32_t asid_next;
    uint64_t asid_generation; /* counted from 1; 0 means "never had an ASID" */
    uint64_t rollovers;
    uint64_t shootdowns;
    uint64_t ipis;
    struct clock *clock;
    uint32_t flush_ns;
    uint32_t ipi_ns;
};

/* Pre: count in 1..HARTS_MAX, asid_bits <= 16. The harts stay the caller's. */
void hart_set_init(struct hart_set *set, struct hart *harts, unsigned count, unsigned asid_bits,
                   struct clock *clock, uint32_t flush_ns, uint32_t ipi_ns);

/*
 * Gives (*asid, *generation) of the current generation if they are not of it already; flushes on
 * rollover.
 */
void hart_set_assign_asid(struct hart_set *set, uint16_t *asid, uint64_t *generation);

#endif
