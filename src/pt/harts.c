/*
 * Address-space identifiers in generations. Layer 5.
 */
#include "pt/harts.h"

#include <string.h>

void hart_set_init(struct hart_set *set, struct hart *harts, unsigned count, unsigned asid_bits,
                   struct clock *clock, uint32_t flush_ns, uint32_t ipi_ns)
{
    contract(count >= 1 && count <= HARTS_MAX && asid_bits <= 16);
    memset(set, 0, sizeof(*set));
    set->harts = harts;
    set->count = count;
    set->asid_limit = (uint32_t)1 << asid_bits;
    set->asid_generation = 1;
    set->clock = clock;
    set->flush_ns = flush_ns;
    set->ipi_ns = ipi_ns;
}

/* All ASIDs are taken: forget every translation of every hart and begin again. */
static void hart_set_roll_over(struct hart_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        hart_sfence(&set->harts[i], false, 0, false, 0);
        clock_advance(set->clock, set->flush_ns);
    }
    set->asid_generation++;
    set->asid_next = 0;
    set->rollovers++;
}

void hart_set_assign_asid(struct hart_set *set, uint16_t *asid, uint64_t *generation)
{
    /* With a single ASID nobody can keep it: another address space may have run since. */
    if (*generation == set->asid_generation && set->asid_limit > 1)
        return;
    if (set->asid_next == set->asid_limit)
        hart_set_roll_over(set);
    *asid = (uint16_t)set->asid_next++;
    *generation = set->asid_generation;
}
