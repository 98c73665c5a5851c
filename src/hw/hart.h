/*
 * A hart: turns (satp, privilege, va, access) into bytes or a fault value.
 *
 * Layer 3, the hardware half's front door. A trap is a return value: hardware never calls up.
 * Whoever runs a hart looks at the trap, repairs what it can, and tries again. Knows no process and
 * no file.
 *
 *   I-HART-1  every access counts exactly one hit or one miss per page it touches
 *   I-HART-2  a trapped access has transferred no byte
 *   I-HART-3  the inline hit path gives what hart_translate_miss would give for the same TLB
 */
#ifndef MAPWALK_HW_HART_H
#define MAPWALK_HW_HART_H

#include <string.h>

#include "base/clock.h"
#include "event/event.h"
#include "hw/tlb.h"
#include "hw/walk.h"

/* A fault as a value: what the ISA would put into scause and stval, and why the walker said so. */
struct trap {
    enum mw_cause cause;
    enum mw_walk_error error;
    enum mw_access access;
    vaddr_t va;     /* of the first byte that could not be accessed */
    bool opened_op; /* the miss opened the event operation under way: whoever has handled the trap
                       ends it with event_op_end(bus, trap.opened_op), so that the repair and the
                       retry share its id */
};

struct hart_counters {
    uint64_t hits[MW_ACCESS_COUNT];
    uint64_t misses[MW_ACCESS_COUNT];
    uint64_t walks;
    uint64_t walk_references;
    uint64_t traps;
};

struct hart {
    struct tlb tlb;
    const struct ram *ram;
    struct event_bus *bus;
    struct clock *clock;
    struct walk_rules rules;
    uint64_t hit_bias; /* hart_may_hit: va may hit when va + hit_bias < hit_limit */
    uint64_t hit_limit;
    uint32_t allowed_shift; /* 4 * (user << 2 | sum << 1 | mxr): where the context's bits lie in
                               `allowed` */
    uint16_t asid;
    uint16_t id;
    uint32_t hit_ns;
    uint32_t walk_step_ns;
    uint64_t hits_settled; /* hits whose time is on the clock already */
    struct hart_counters counters;
};

struct hart_setup {
    uint16_t id;
    uint32_t tlb_sets;
    uint32_t tlb_ways;
    bool hardware_ad;
    bool svnapot;
    bool svpbmt;
    uint32_t hit_ns; /* simulated cost of a hit, and of one PTE fetch */
    uint32_t walk_step_ns;
};

/* A hart in bare S-mode with an empty TLB. ram, bus and clock outlive it. 0, -EINVAL, -ENOMEM. */
MUST_CHECK int hart_init(struct hart *h, const struct hart_setup *setup, struct alloc *a,
                         const struct ram *ram, struct event_bus *bus, struct clock *clock);
void hart_destroy(struct hart *h);

/*
 * `count` harts (> 0) that are alike but for their ids, 0 and up; setup->id is not looked at. The
 * caller owns *out until hart_free_all. 0; -EINVAL, -ENOMEM as hart_init, with nothing left behind.
 */
MUST_CHECK int hart_new_all(struct hart **out, unsigned count, const struct hart_setup *setup,
                            struct alloc *a, const struct ram *ram, struct event_bus *bus,
                            struct clock *clock);
void hart_free_all(struct hart *harts, unsigned count, struct alloc *a);

/* Writes satp. Flushes nothing, as the specification says. Emits satp. */
void hart_set_satp(struct hart *h, enum mw_mode mode, paddr_t root, uint16_t asid);

/* Privilege and sstatus.SUM, sstatus.MXR. */
void hart_set_privilege(struct hart *h, bool user, bool sum, bool mxr);

/* sfence.vma; see tlb_flush for the four forms. */
void hart_sfence(struct hart *h, bool has_va, vaddr_t va, bool has_asid, uint16_t asid);

/* Puts the time of the hits since the last call on the clock. Hits cost nothing on the hot path. */
void hart_settle_time(struct hart *h);

/* The time of those hits: for whoever only looks, and must not move the clock. */
uint64_t hart_unsettled_ns(const struct hart *h);

/*
 * The slow half of hart_translate: probes the other forms, walks, fills the TLB, or reports a trap.
 * Opens an event operation when none is under way, and ends it itself unless it traps (see
 * trap.opened_op). An entry that forbids the access counts as a miss, because the PTE may allow
 * more by now; when the walk fails too, the entry is evicted.
 */
uint8_t *hart_translate_miss(struct hart *h, vaddr_t va, enum mw_access access, struct trap *trap);

/* What somebody who listens to hits is told. */
void hart_report_hit(struct hart *h, vaddr_t va, enum mw_access access);

/*
 * Tags have no bits above the 57th, so only a canonical address may hit; and Bare never does. Moved
 * up by half their span, the canonical addresses are the lowest ones: one comparison serves all
 * modes.
 */
static inline bool hart_may_hit(const struct hart *h, vaddr_t va)
{
    return va + h->hit_bias < h->hit_limit;
}

static inline bool hart_allows(const struct hart *h, const struct tlb_entry *entry,
                               enum mw_access access)
{
    return (entry->allowed >> (h->allowed_shift + access) & 1) != 0;
}

static inline void hart_count_hit(struct hart *h, struct tlb_entry *entry, vaddr_t va,
                                  enum mw_access access)
{
    tlb_touch(&h->tlb, entry);
    h->counters.hits[access]++;
    if (event_wanted(h->bus, MW_EVENT_TLB_HIT))
        hart_report_hit(h, va, access);
}

/*
 * The host address of the byte at va, good for the bytes up to the end of its 4 KiB page and until
 * the next change of page tables; or NULL with *trap set. Counts one hit or miss. AMO needs load
 * and store rights.
 *
 * Forced inline: with link-time optimisation at -O2, gcc 12 calls it instead, which costs 70 %.
 */
static inline __attribute__((always_inline)) uint8_t *
hart_translate(struct hart *h, vaddr_t va, enum mw_access access, struct trap *trap)
{
    struct tlb_entry *entry = tlb_probe_page(&h->tlb, va, h->asid);

    if (__builtin_expect(entry == NULL || !hart_allows(h, entry, access) || !hart_may_hit(h, va),
                         0))
        return hart_translate_miss(h, va, access, trap);
    hart_count_hit(h, entry, va, access);
    return entry->host + (va & PAGE_MASK);
}

/* Does [va, va + bytes) leave the page of va? */
static inline bool hart_crosses(vaddr_t va, unsigned bytes)
{
    return (va & PAGE_MASK) + bytes > PAGE_BYTES;
}

/* Page-crossing halves of the functions below: translate both pages, then transfer (I-HART-2). */
bool hart_load_crossing(struct hart *h, vaddr_t va, void *out, unsigned bytes,
                        enum mw_access access, struct trap *trap);
bool hart_store_crossing(struct hart *h, vaddr_t va, const void *in, unsigned bytes,
                         struct trap *trap);

/* Reads `bytes` (1..4096) at va as a load or fetch. False: nothing was read and *trap says why. */
static inline bool hart_load(struct hart *h, vaddr_t va, void *out, unsigned bytes,
                             enum mw_access access, struct trap *trap)
{
    uint8_t *host;

    if (__builtin_expect(hart_crosses(va, bytes), 0))
        return hart_load_crossing(h, va, out, bytes, access, trap);
    host = hart_translate(h, va, access, trap);
    if (__builtin_expect(host == NULL, 0))
        return false;
    memcpy(out, host, bytes);
    return true;
}

/* Writes `bytes` (1..4096) at va. False: nothing was written and *trap says why. */
static inline bool hart_store(struct hart *h, vaddr_t va, const void *in, unsigned bytes,
                              struct trap *trap)
{
    uint8_t *host;

    if (__builtin_expect(hart_crosses(va, bytes), 0))
        return hart_store_crossing(h, va, in, bytes, trap);
    host = hart_translate(h, va, MW_STORE, trap);
    if (__builtin_expect(host == NULL, 0))
        return false;
    memcpy(host, in, bytes);
    return true;
}

/*
 * Compares every TLB entry of this hart with what memory says now: false when an entry of `asid`
 * permits what a walk from `root` would not, or names another frame. For random tests after
 * complete shootdowns.
 */
bool hart_check_tlb(const struct hart *h, enum mw_mode mode, paddr_t root, uint16_t asid);

#endif
