/*
 * Building the rig. Nothing here is timed.
 */
#include "rig.h"

#include <stdlib.h>

#define RAM_BASE  0x80000000u
#define RAM_BYTES ((uint64_t)4 << 30) /* sparse: untouched RAM costs nothing */
#define SINGLES   ((uint64_t)1 << 19) /* frames in the lower half, which are given out one by one */

void *rig_new(uint64_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);

    bench_must(memory != NULL, "out of memory");
    return memory;
}

void rig_init(struct rig *rig, const struct mw_tlbs *tlbs, unsigned harts)
{
    const struct hart_setup setup = {.asid_bits = 16, .tlbs = *tlbs};

    *rig = (struct rig){.hart_count = harts};
    event_bus_init(&rig->bus, &rig->clock);
    bench_must(ram_init(&rig->ram, paddr(RAM_BASE), RAM_BYTES, 0) == 0, "ram_init");
    bench_must(hart_new_all(&rig->harts, harts, &setup, &rig->alloc, &rig->ram, &rig->bus,
                            &rig->clock) == 0,
               "hart_new_all");
    for (unsigned i = 0; i < harts; i++)
        hart_set_privilege(&rig->harts[i], true, false, false);
}

void rig_destroy(struct rig *rig)
{
    hart_free_all(rig->harts, rig->hart_count, &rig->alloc);
    ram_destroy(&rig->ram);
}

/*
 * One frame lies anywhere, as in a machine that has run for a while: the n-th is the n-th multiple
 * of an odd number, so all of them come once. Runs come in order, from the upper half.
 */
paddr_t rig_take_frames(struct rig *rig, unsigned order)
{
    uint64_t frames = (uint64_t)1 << order;
    uint64_t first = rig->singles_used * 0x9e3779b1u % SINGLES;
    paddr_t pa;

    if (order == 0) {
        bench_must(rig->singles_used++ < SINGLES, "simulated RAM is full");
        return paddr(RAM_BASE + first * PAGE_BYTES);
    }
    first = (SINGLES + rig->runs_used + frames - 1) & ~(frames - 1);
    pa = paddr(RAM_BASE + first * PAGE_BYTES);
    bench_must(ram_contains(&rig->ram, pa, frames * PAGE_BYTES), "simulated RAM is full");
    rig->runs_used = first + frames - SINGLES;
    return pa;
}

static pte_t *rig_entry(const struct rig *rig, paddr_t table, vaddr_t va, unsigned level)
{
    return (pte_t *)ram_host(&rig->ram, table) + level_index(va, level);
}

void rig_map(struct rig *rig, paddr_t root, vaddr_t va, unsigned level)
{
    paddr_t table = root;

    for (unsigned at = RIG_TOP_LEVEL; at > level; at--) {
        pte_t *entry = rig_entry(rig, table, va, at);
        if (!pte_valid(*entry))
            *entry = pte_make(rig_take_frames(rig, 0), PTE_V);
        table = pte_paddr(*entry);
    }
    *rig_entry(rig, table, va, level) =
        pte_make(rig_take_frames(rig, level * TABLE_SHIFT),
                 PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D);
}
