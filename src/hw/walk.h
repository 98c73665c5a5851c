/*
 * The page-table walker: the specification's algorithm, step by step, as a pure function.
 *
 * Privileged specification, "Virtual Address Translation Process". Knows RAM and PTEs; knows
 * neither TLB nor who asks. The internal error becomes an architectural cause in one function,
 * walk_cause.
 *
 * Svnapot and Svpbmt are switches. Of the 16 PTEs of a NAPOT region only the one that the algorithm
 * comes to is read and updated; a memory type (PBMT) is checked and otherwise has no effect, as RAM
 * has no caches. Where a PTE breaks several rules of step 3, the error is the first of: invalid,
 * write_without_read, reserved_bits, napot_absent, pbmt_absent, those of pointers (pointer_bits,
 * napot_pointer, pbmt_pointer), those of leaves (pbmt_reserved, napot_superpage, napot_encoding).
 *
 *   I-WALK-1  a walk writes only A and D of the leaf it returns, and those only with hardware_ad
 *   I-WALK-2  a failed walk writes nothing
 */
#ifndef MAPWALK_HW_WALK_H
#define MAPWALK_HW_WALK_H

#include <mapwalk/config.h>
#include <mapwalk/event.h>

#include "hw/mode.h"
#include "hw/pte.h"
#include "hw/ram.h"

struct event_bus;

/* "For non-leaf PTEs, the D, A, and U bits are reserved for future standard use" ("Sv32"). */
#define WALK_POINTER_ZERO (PTE_D | PTE_A | PTE_U)

/* A pointer that step 3 finds nothing wrong with, whatever the rules: most of them, in one test. */
static inline bool walk_plain_pointer(pte_t pte)
{
    return (pte.raw & (PTE_V | PTE_RWX | WALK_POINTER_ZERO | PTE_HIGH)) == PTE_V;
}

/* Under which rules: privilege and the fields of satp, sstatus and menvcfg that a walk looks at. */
struct walk_rules {
    enum mw_mode mode;
    paddr_t root; /* satp.PPN * 4096 */
    bool user;    /* U-mode; false: S-mode */
    bool sum;     /* sstatus.SUM: S-mode may load and store user pages */
    bool mxr;     /* sstatus.MXR: loads may use executable pages */
    bool hardware_ad;
    bool svnapot; /* N means something; false: it is reserved */
    bool svpbmt;  /* PBMT means something (menvcfg.PBMTE); false: it is reserved */
};

struct walk_result {
    enum mw_walk_error error;
    unsigned level;      /* of the leaf, or where the walk failed */
    unsigned references; /* PTEs fetched */
    paddr_t pte_address; /* of the last PTE fetched */
    pte_t pte;           /* the last PTE, with A/D as they are in memory after the walk */
    pte_t leaf;          /* once there is a leaf: pte_napot_page of it, which a TLB may cache */
    paddr_t pa;          /* translation of va; defined when error is MW_WALK_OK */
};

/*
 * Translates va for the access. Emits walk_step for every PTE fetched, pte_ad for an update,
 * walk_end, when `bus` is not NULL. Bare mode translates va to itself.
 */
struct walk_result walk(const struct ram *ram, const struct walk_rules *rules, vaddr_t va,
                        enum mw_access access, struct event_bus *bus);

/* The pointers that a walk came through: what a walk cache keeps. */
struct walk_path {
    unsigned first;             /* the level of the first PTE that was fetched */
    pte_t pte[MODE_LEVELS_MAX]; /* by level; those of levels first to result.level + 1 are set */
    paddr_t pte_address[MODE_LEVELS_MAX];
};

/*
 * The same walk begun lower: at the table of `level` that a pointer in a walk cache names. Not in
 * Bare mode. *path, unless it is NULL, gets the pointers. The result goes where the caller wants
 * it, because copying it would cost as much as reading two PTEs.
 */
void walk_below(const struct ram *ram, const struct walk_rules *rules, vaddr_t va,
                enum mw_access access, struct event_bus *bus, unsigned level, paddr_t table,
                struct walk_path *path, struct walk_result *out);

/* walk, with its result where the caller wants it. */
void walk_to(const struct ram *ram, const struct walk_rules *rules, vaddr_t va,
             enum mw_access access, struct event_bus *bus, struct walk_result *out);

/*
 * The architectural cause of a walk error for the access; MW_CAUSE_NONE for MW_WALK_OK. AMO faults
 * as a store.
 */
enum mw_cause walk_cause(enum mw_walk_error error, enum mw_access access);

/*
 * What a leaf lets through: bit (context * 4 + access) for each of the 8 contexts user << 2 | sum
 * << 1 | mxr, with A (and for stores D) taken into account. The TLB keeps it, so that a hit tests
 * one bit. None for what is no walk_result.leaf under any rules: reserved bits, N.
 */
uint32_t walk_allowed(pte_t leaf);

/*
 * walk_allowed of a leaf that a walk has just returned, and so need not be checked again: by its
 * bits R to D.
 */
extern const uint32_t walk_allowed_by_flags[128];

static inline uint32_t walk_leaf_allowed(pte_t leaf)
{
    return walk_allowed_by_flags[leaf.raw >> 1 & 127];
}

#endif
