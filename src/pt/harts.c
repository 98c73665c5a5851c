/*
 * Address-space identifiers in generations, and harts that turn from one address space to the next.
 *
 * Layer 5. See harts.h for the rules. The order in hart_set_enter is a kernel's: ASID, satp, fence.
 * A fence before the write of satp could be undone by a translation that the hart makes in between,
 * still of the old address space.
 */
#include "pt/harts.h"

#include <string.h>

#include "hw/stale.h"
#include "pt/pt.h"

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

static uint64_t hart_set_bit(unsigned hart)
{
    return (uint64_t)1 << hart;
}

void hart_set_fence(struct hart_set *set, enum mw_fence site, unsigned hart, bool has_va,
                    vaddr_t va, bool has_asid, uint16_t asid)
{
    if (hart_set_leaves_out(set, site, hart))
        return;
    hart_sfence(&set->harts[hart], has_va, va, has_asid, asid);
    clock_advance(set->clock, set->flush_ns);
}

/* ---- ASIDs ---- */

/* Moves asid_next up to one that is free. False: all are taken. */
static bool hart_set_find_asid(struct hart_set *set)
{
    for (; set->asid_next < set->asid_limit; set->asid_next++) {
        unsigned i = 0;

        while (i < set->reserved_count && set->reserved[i] != set->asid_next)
            i++;
        if (i == set->reserved_count)
            return true;
    }
    return false;
}

/*
 * The next generation begins. `entering` is about to turn away from what it runs, so that one keeps
 * nothing; the others' address spaces come along, each cached (as far as ASIDs can tell) only where
 * it is running now. At most count - 1 ASIDs are reserved, so at least one is free.
 */
static void hart_set_roll_over(struct hart_set *set, unsigned entering)
{
    set->asid_generation++;
    set->rollovers++;
    set->asid_next = 0;
    set->reserved_count = 0;
    set->must_flush = UINT64_MAX >> (HARTS_MAX - set->count);
    for (unsigned i = 0; i < set->count; i++) {
        struct pt *pt = set->active[i];

        if (pt == NULL || i == entering)
            continue;
        pt->asid_generation = set->asid_generation;
        pt->ran_on = 0;
        set->reserved[set->reserved_count++] = pt->asid;
    }
    for (unsigned i = 0; i < set->count; i++) {
        struct pt *pt = set->active[i];

        if (pt != NULL && pt->asid_generation == set->asid_generation)
            pt->ran_on |= hart_set_bit(i);
    }
}

/* Nothing is cached under a new ASID, on any hart that could use it. */
static void hart_set_assign_asid(struct hart_set *set, unsigned entering, struct pt *pt)
{
    if (pt->asid_generation == set->asid_generation)
        return;
    if (hart_set_has_asids(set)) {
        if (!hart_set_find_asid(set)) {
            hart_set_roll_over(set, entering);
            contract(hart_set_find_asid(set));
        }
        pt->asid = (uint16_t)set->asid_next++;
    }
    pt->asid_generation = set->asid_generation;
    pt->ran_on = 0;
}

/* ---- turning from one address space to another ---- */

void hart_set_enter(struct hart_set *set, unsigned hart, struct pt *pt)
{
    uint64_t bit = hart_set_bit(hart);
    struct pt *left = set->active[hart];
    enum mw_fence site = hart_set_has_asids(set) ? MW_FENCE_ROLLOVER : MW_FENCE_SWITCH;

    hart_set_assign_asid(set, hart, pt);
    hart_set_satp(&set->harts[hart], pt->mode, frame_paddr(pt->frames, pt->root), pt->asid);
    stale_note_root(set->harts[hart].stale, &set->harts[hart], site);
    if (set->must_flush & bit) {
        hart_set_fence(set, site, hart, false, 0, false, 0);
        set->must_flush &= ~bit;
        if (left != NULL)
            left->ran_on &= ~bit;
    }
    set->active[hart] = pt;
    pt->ran_on |= bit;
    if (!hart_set_has_asids(set))
        set->must_flush |= bit;
}

void hart_set_leave(struct hart_set *set, const struct pt *pt)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->active[i] == pt)
            set->active[i] = NULL;
}

static bool hart_set_array_holds(const struct tlb_array *a, uint16_t asid)
{
    for (uint32_t i = tlb_array_next(a, 0); i != UINT32_MAX; i = tlb_array_next(a, i + 1))
        if (!tlb_array_global(a, i) && tlb_array_asid(a, i) == asid)
            return true;
    return false;
}

/* Does the hart hold any translation or pointer under the ASID? */
static bool hart_set_holds(const struct hart *hart, uint16_t asid)
{
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        for (uint32_t n = 0; n < hart->tlb[unit].arrays; n++)
            if (hart_set_array_holds(&hart->tlb[unit].array[n], asid))
                return true;
    for (uint32_t n = 0; n < hart->walk_cache.arrays; n++)
        if (hart_set_array_holds(&hart->walk_cache.array[n], asid))
            return true;
    return false;
}

bool hart_set_check_space(const struct hart_set *set, const struct pt *pt)
{
    if (pt->asid_generation != set->asid_generation)
        return true;
    for (unsigned i = 0; i < set->count; i++) {
        uint64_t excused = (pt->ran_on | set->must_flush) & hart_set_bit(i);

        if (excused == 0 && hart_set_holds(&set->harts[i], pt->asid))
            return false;
    }
    return true;
}

bool hart_set_check(const struct hart_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        const struct hart *hart = &set->harts[i];
        const struct pt *pt = set->active[i];

        if (pt == NULL)
            continue;
        if (pt->asid_generation != set->asid_generation || !(pt->ran_on & hart_set_bit(i)))
            return false;
        if (hart->rules.mode != pt->mode || hart->asid != pt->asid ||
            !paddr_equal(hart->rules.root, frame_paddr(pt->frames, pt->root)))
            return false;
    }
    return true;
}
