/*
 * A hart: turns (satp, privilege, va, access) into bytes or a fault value.
 *
 * Layer 3, the hardware half's front door. A trap is a return value: hardware never calls up.
 * Whoever runs a hart looks at the trap, repairs what it can, and tries again. Knows no process and
 * no file. How its TLBs work together stands in <mapwalk/tlb.h>.
 *
 *   I-HART-1  every access counts exactly one hit or one miss of the first level for each page it
 *             touches
 *   I-HART-2  a trapped access has transferred no byte
 *   I-HART-3  what the front serves is what hart_translate_slow would give for the same TLBs
 */
#ifndef MAPWALK_HW_HART_H
#define MAPWALK_HW_HART_H

#include <string.h>

#include "base/clock.h"
#include "event/event.h"
#include "hw/front.h"
#include "hw/pages_seen.h"
#include "hw/tlb.h"
#include "hw/walk.h"
#include "hw/walk_cache.h"

struct stale;

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

/* Simulated costs. */
struct hart_costs {
    uint32_t hit_ns;       /* a hit of the first level */
    uint32_t l2_hit_ns;    /* a hit of the second, instead */
    uint32_t walk_step_ns; /* one PTE read by the walker, on demand */
};

/* The TLBs that hart_quick.c is compiled for; a fast path, never part of the model. */
enum hart_quick_shape {
    HART_QUICK_NEVER,
    HART_QUICK_FOUR,          /* one level of 4 ways */
    HART_QUICK_FOUR_AND_FOUR, /* two levels of 4 ways each */
    HART_QUICK_ANY            /* LRU, any number of ways */
};

struct hart {
    struct front front;           /* first: what a hit needs lies together */
    struct tlb tlb[MW_TLB_COUNT]; /* some may not be there (arrays 0); never L1D */
    struct walk_cache walk_cache;
    const struct ram *ram;
    struct event_bus *bus;
    struct clock *clock;
    struct walk_rules rules;
    uint64_t hit_bias; /* hart_may_hit: va may hit when va + hit_bias < hit_limit */
    uint64_t hit_limit;
    uint32_t allowed_shift; /* 4 * (user << 2 | sum << 1 | mxr): where the context's bits lie in
                               `allowed` */
    unsigned levels;        /* of rules.mode */
    uint32_t prefetch;
    uint16_t asid;
    uint16_t asid_mask; /* the bits that are implemented */
    uint16_t id;
    bool plain; /* no fast path is used: for who compares, or checks hits */
    enum hart_quick_shape quick;
    struct hart_costs costs;
    uint64_t hits_settled;            /* hits whose time is on the clock already */
    uint64_t hits[MW_ACCESS_COUNT];   /* of the first level, without what the front has served */
    uint64_t misses[MW_ACCESS_COUNT]; /* of the first level; in Bare mode, which has no TLB, all */
    uint64_t traps;
    uint64_t flushes; /* sfence.vma that took effect */
    struct pages_seen seen;
    uint64_t space; /* what satp's root and ASID are called in `seen` */
    struct stale
        *stale; /* the detector that every hit is shown to, or NULL; with one, plain is set */
};

struct hart_setup {
    uint16_t id;
    uint32_t asid_bits; /* 0..16 that satp implements */
    bool hardware_ad;
    bool svnapot;
    bool svpbmt;
    bool plain;          /* see struct hart */
    struct mw_tlbs tlbs; /* valid */
    uint64_t seed;       /* of random replacement */
    struct hart_costs costs;
};

/*
 * A hart in bare S-mode with empty TLBs. ram, bus and clock outlive it. Points into itself: not to
 * be copied. 0, -ENOMEM.
 */
MUST_CHECK int hart_init(struct hart *h, const struct hart_setup *setup, struct alloc *a,
                         const struct ram *ram, struct event_bus *bus, struct clock *clock);
void hart_destroy(struct hart *h);

/*
 * `count` harts (> 0) that are alike but for their ids, 0 and up; setup->id is not looked at. The
 * caller owns *out until hart_free_all. 0; -ENOMEM, with nothing left behind.
 */
MUST_CHECK int hart_new_all(struct hart **out, unsigned count, const struct hart_setup *setup,
                            struct alloc *a, const struct ram *ram, struct event_bus *bus,
                            struct clock *clock);
void hart_free_all(struct hart *harts, unsigned count, struct alloc *a);

/* ---- registers ---- */

/*
 * Writes satp; of asid, the bits that are implemented. Flushes nothing, as the specification says.
 * Emits satp.
 */
void hart_set_satp(struct hart *h, enum mw_mode mode, paddr_t root, uint16_t asid);

/* Privilege and sstatus.SUM, sstatus.MXR. */
void hart_set_privilege(struct hart *h, bool user, bool sum, bool mxr);

/* sfence.vma; see struct tlb_fence for the four forms. Emits tlb_flush. */
void hart_sfence(struct hart *h, bool has_va, vaddr_t va, bool has_asid, uint16_t asid);

/* ---- time and counters ---- */

/* Puts the time of the hits since the last call on the clock. Hits cost nothing on the hot path. */
void hart_settle_time(struct hart *h);

/* The time of those hits: for whoever only looks, and must not move the clock. */
uint64_t hart_unsettled_ns(const struct hart *h);

/* Hits of the first level by one kind of access, all that there were. */
uint64_t hart_hits(const struct hart *h, enum mw_access access);

/* What a TLB has counted, with what the front has served for it. All 0 when it is not there. */
struct mw_tlb_counters hart_tlb_counters(const struct hart *h, enum mw_tlb_unit unit);

/* ---- accesses ---- */

/*
 * The first-level TLB of a kind of access, and the one behind it; the latter has arrays 0 when there
 * is none.
 */
static inline struct tlb *hart_first_tlb(struct hart *h, enum mw_access access)
{
    bool own = access == MW_FETCH && h->tlb[MW_TLB_L1I].arrays != 0;

    return &h->tlb[own ? MW_TLB_L1I : MW_TLB_L1D];
}

static inline struct tlb *hart_second_tlb(struct hart *h, enum mw_access access)
{
    bool own = access == MW_FETCH && h->tlb[MW_TLB_L2I].arrays != 0;

    return &h->tlb[own ? MW_TLB_L2I : MW_TLB_L2];
}

/*
 * Tags have no bits above the 57th, so only a canonical address may hit; and Bare never does. Moved
 * up by half their span, the canonical addresses are the lowest ones: one comparison serves all
 * modes.
 */
static inline bool hart_may_hit(const struct hart *h, vaddr_t va)
{
    return va + h->hit_bias < h->hit_limit;
}

/* The size of the leaf that a walk came to. */
static inline unsigned hart_leaf_size(const struct walk_result *found)
{
    if (found->level == 0 && pte_has(found->pte, PTE_N))
        return MW_SIZE_64K;
    return tlb_level_size(found->level);
}

static inline bool hart_allows(const struct hart *h, const struct tlb_entry *entry,
                               enum mw_access access)
{
    return (entry->allowed >> (h->allowed_shift + access) & 1) != 0;
}

/*
 * hart_translate without the front: looks into the TLBs, walks, fills them, or reports a trap. A
 * miss opens an event operation when none is under way, and ends it itself unless it traps (see
 * trap.opened_op).
 */
uint8_t *hart_translate_slow(struct hart *h, vaddr_t va, enum mw_access access, struct trap *trap);

/*
 * After a change of who listens: the front must serve no hit that somebody wants to be told. Bus
 * owners call it for every hart after event_subscribe.
 */
void hart_listeners_changed(struct hart *h);

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
    uint8_t *host;

    if (__builtin_expect(!front_serve(&h->front, va, 1, access, &host), 0))
        return hart_translate_slow(h, va, access, trap);
    return host;
}

/* Does [va, va + bytes) leave the page of va? */
static inline bool hart_crosses(vaddr_t va, unsigned bytes)
{
    return (va & PAGE_MASK) + bytes > PAGE_BYTES;
}

/* The general halves of the functions below: any size, alignment, page crossing (I-HART-2). */
bool hart_load_slow(struct hart *h, vaddr_t va, void *out, unsigned bytes, enum mw_access access,
                    struct trap *trap);
bool hart_store_slow(struct hart *h, vaddr_t va, const void *in, unsigned bytes, struct trap *trap);

/* May the front be asked for an access of this size at once? Known when the call is compiled. */
#define HART_FRONT_BYTES(bytes) \
    (__builtin_constant_p(bytes) && ((bytes) & ((bytes)-1)) == 0 && (bytes) <= FRONT_BYTES_MAX)

/* Reads `bytes` (1..4096) at va as a load or fetch. False: nothing was read and *trap says why. */
static inline __attribute__((always_inline)) bool hart_load(struct hart *h, vaddr_t va, void *out,
                                                            unsigned bytes, enum mw_access access,
                                                            struct trap *trap)
{
    uint8_t *host;

    if (!HART_FRONT_BYTES(bytes))
        return hart_load_slow(h, va, out, bytes, access, trap);
    if (__builtin_expect(!front_serve(&h->front, va, bytes, access, &host), 0)) {
        if ((va & (bytes - 1)) != 0)
            return hart_load_slow(h, va, out, bytes, access, trap);
        host = hart_translate_slow(h, va, access, trap);
        if (host != NULL)
            memcpy(out, host, bytes);
        return host != NULL;
    }
    memcpy(out, host, bytes);
    return true;
}

/* Writes `bytes` (1..4096) at va. False: nothing was written and *trap says why. */
static inline __attribute__((always_inline)) bool
hart_store(struct hart *h, vaddr_t va, const void *in, unsigned bytes, struct trap *trap)
{
    uint8_t *host;

    if (!HART_FRONT_BYTES(bytes))
        return hart_store_slow(h, va, in, bytes, trap);
    if (__builtin_expect(!front_serve(&h->front, va, bytes, MW_STORE, &host), 0)) {
        if ((va & (bytes - 1)) != 0)
            return hart_store_slow(h, va, in, bytes, trap);
        host = hart_translate_slow(h, va, MW_STORE, trap);
        if (host != NULL)
            memcpy(host, in, bytes);
        return host != NULL;
    }
    memcpy(host, in, bytes);
    return true;
}

/* ---- checkers ---- */

/*
 * Recomputes the invariants of front, TLBs and walk cache: true when they hold.
 */
bool hart_check(struct hart *h);

/*
 * Compares every TLB entry and every cached pointer of this hart with what memory says now: false
 * when one of `asid` permits what a walk from `root` would not, or names another frame. For random
 * tests after complete shootdowns.
 */
bool hart_check_tlb(struct hart *h, enum mw_mode mode, paddr_t root, uint16_t asid);

#endif
