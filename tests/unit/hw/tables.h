/*
 * A little world for the tests of this layer: RAM, a bus that records, and page tables built by
 * hand.
 *
 * Everything lies in one struct, so that tests share nothing. Frames for tables are taken one after
 * the other from the beginning of RAM; what a test maps lies wherever it says.
 */
#ifndef MAPWALK_TESTS_HW_TABLES_H
#define MAPWALK_TESTS_HW_TABLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hw/hart.h"

#define WORLD_BASE   ((uint64_t)0x80000000)
#define WORLD_BYTES  ((uint64_t)1 << 34) /* sparse: it costs what a test touches */
#define WORLD_EVENTS 64
#define WORLD_SIZES  ((1u << MW_SIZE_COUNT) - 1) /* all there are */

#define LEAF_RWX (PTE_V | PTE_RWX | PTE_A | PTE_D)
#define LEAF_RW  (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

struct world {
    struct alloc alloc;
    struct clock clock;
    struct event_bus bus;
    struct ram ram;
    uint64_t next_table; /* the first frame that no table has taken */
    paddr_t root;
    struct mw_event event[WORLD_EVENTS]; /* since world_listen */
    unsigned events;
    struct hart hart;
};

static inline paddr_t world_take_table(struct world *w)
{
    paddr_t table = paddr(w->next_table);

    w->next_table += PAGE_BYTES;
    return table;
}

static inline void world_init_ram(struct world *w, uint64_t base, uint64_t bytes)
{
    memset(w, 0, sizeof(*w));
    event_bus_init(&w->bus, &w->clock);
    assert_int_equal(ram_init(&w->ram, paddr(base), bytes, 0), 0);
    w->next_table = base;
    w->root = world_take_table(w);
}

static inline void world_init(struct world *w)
{
    world_init_ram(w, WORLD_BASE, WORLD_BYTES);
}

static inline void world_destroy(struct world *w)
{
    ram_destroy(&w->ram);
    assert_int_equal(w->alloc.live_blocks, 0);
}

static inline void world_record(void *context, const struct mw_event *event)
{
    struct world *w = context;

    assert_true(w->events < WORLD_EVENTS);
    w->event[w->events++] = *event;
}

static inline void world_listen(struct world *w)
{
    assert_int_equal(event_subscribe(&w->bus, MW_EVENTS_ALL, world_record, w), 0);
    hart_listeners_changed(&w->hart);
    w->events = 0;
}

static inline pte_t world_read_pte(const struct world *w, paddr_t at)
{
    pte_t pte;

    memcpy(&pte, ram_host(&w->ram, at), sizeof(pte));
    return pte;
}

static inline void world_write_pte(struct world *w, paddr_t at, pte_t pte)
{
    memcpy(ram_host(&w->ram, at), &pte, sizeof(pte));
}

static inline paddr_t world_slot(paddr_t table, vaddr_t va, unsigned level)
{
    return paddr(table.raw + level_index(va, level) * PTE_BYTES);
}

/*
 * Puts `pte` where a walk for va arrives at `level`, making the pointers above it; says where that
 * is.
 */
static inline paddr_t world_map(struct world *w, enum mw_mode mode, vaddr_t va, unsigned level,
                                pte_t pte)
{
    paddr_t table = w->root;

    for (unsigned above = mode_info(mode).levels - 1; above > level; above--) {
        paddr_t slot = world_slot(table, va, above);

        if (!pte_valid(world_read_pte(w, slot)))
            world_write_pte(w, slot, pte_make(world_take_table(w), PTE_V));
        table = pte_paddr(world_read_pte(w, slot));
    }
    world_write_pte(w, world_slot(table, va, level), pte);
    return world_slot(table, va, level);
}

/* A walk in S-mode over the world's tables, without hardware A/D. */
static inline struct walk_rules world_rules(const struct world *w, enum mw_mode mode)
{
    return (struct walk_rules){.mode = mode, .root = w->root};
}

/* One TLB with LRU for pages of all sizes, and nothing else. */
static inline struct mw_tlbs world_tlbs(uint32_t sets, uint32_t ways)
{
    return (struct mw_tlbs){
        .l1d = {.arrays = 1, .array = {{sets, ways, WORLD_SIZES, MW_REPLACE_LRU}}}};
}

/* A setup with all bits of the ASID, and costs that tell hits, second hits and fetches apart. */
static inline struct hart_setup world_setup(struct mw_tlbs tlbs)
{
    return (struct hart_setup){.asid_bits = 16, .tlbs = tlbs, .seed = 1, .costs = {1, 10, 100}};
}

static inline void world_start_setup(struct world *w, const struct hart_setup *setup)
{
    assert_int_equal(hart_init(&w->hart, setup, &w->alloc, &w->ram, &w->bus, &w->clock), 0);
    hart_set_satp(&w->hart, MW_MODE_SV39, w->root, 1);
}

static inline void world_start_hart(struct world *w, uint32_t sets, uint32_t ways)
{
    struct hart_setup setup = world_setup(world_tlbs(sets, ways));

    world_start_setup(w, &setup);
}

/* Entries that a TLB has now. */
static inline uint64_t world_entries(const struct tlb *tlb)
{
    uint64_t entries = 0;

    for (uint32_t i = 0; i < tlb->arrays; i++)
        for (unsigned form = 0; form < TLB_FORMS; form++)
            entries += tlb->array[i].form_count[form];
    return entries;
}

/* What all its sizes come to. */
static inline uint64_t world_sum(const uint64_t by_size[MW_SIZE_COUNT])
{
    uint64_t sum = 0;

    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        sum += by_size[size];
    return sum;
}

/* The entry of a TLB for (va, asid), or NULL. */
static inline struct tlb_entry *world_entry(struct tlb *tlb, vaddr_t va, uint16_t asid)
{
    struct tlb_place place = tlb_find(tlb, va, asid);

    return place.array == NULL ? NULL : tlb_place_entry(place);
}

/* The n-th recorded event of a kind (counted from 0), or NULL. */
static inline const struct mw_event *world_event(const struct world *w, enum mw_event_kind kind,
                                                 unsigned n)
{
    for (unsigned i = 0; i < w->events; i++)
        if (w->event[i].kind == kind && n-- == 0)
            return &w->event[i];
    return NULL;
}

#endif
