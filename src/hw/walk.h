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

#endif
