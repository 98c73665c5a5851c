/*
 * The page-table entry: the only file that knows where its bits are.
 *
 * Privileged specification, "Sv39: Addressing and Memory Protection", figure "Sv39 page table
 * entry"; Sv48 and Sv57 entries have the same layout. N and PBMT belong to the extensions Svnapot
 * and Svpbmt, which a hart has or lacks (struct walk_rules). A PTE whose V is 0 is ignored by
 * hardware, so that its other 63 bits belong to software: a *parked* PTE keeps frame and A/D of a
 * page that PROT_NONE makes inaccessible.
 */
#ifndef MAPWALK_HW_PTE_H
#define MAPWALK_HW_PTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

typedef struct {
    uint64_t raw;
} pte_t;

#define PTE_V ((uint64_t)1 << 0)
#define PTE_R ((uint64_t)1 << 1)
#define PTE_W ((uint64_t)1 << 2)
#define PTE_X ((uint64_t)1 << 3)
#define PTE_U ((uint64_t)1 << 4)
#define PTE_G ((uint64_t)1 << 5)
#define PTE_A ((uint64_t)1 << 6)
#define PTE_D ((uint64_t)1 << 7)

#define PTE_RWX      (PTE_R | PTE_W | PTE_X)
#define PTE_PARKED   ((uint64_t)1 << 8) /* RSW bit 0; means something only while V is 0 */
#define PTE_FLAGS    ((uint64_t)0x3ff)
#define PTE_PPN_BITS ((((uint64_t)1 << 44) - 1) << 10)
#define PTE_N        ((uint64_t)1 << 63)    /* Svnapot: one of 16 PTEs that map 64 KiB */
#define PTE_PBMT     ((uint64_t)3 << 61)    /* Svpbmt: the memory type; 0: that of the address */
#define PTE_RESERVED ((uint64_t)0x7f << 54) /* 60..54: nobody's */
#define PTE_HIGH     (PTE_N | PTE_PBMT | PTE_RESERVED) /* all 0 in a PTE without extensions */

#define PTE_NAPOT_PAGES 16 /* a region has 64 KiB, the one size there is */
#define PTE_NAPOT_MASK  ((uint64_t)(PTE_NAPOT_PAGES - 1) << 10) /* PPN[3:0] */
#define PTE_NAPOT_SIZE  ((uint64_t)(PTE_NAPOT_PAGES / 2) << 10) /* what they say: 1000 */

static inline pte_t pte_make(paddr_t pa, uint64_t flags)
{
    return (pte_t){(pa.raw >> PAGE_SHIFT << 10) | flags};
}

static inline pte_t pte_none(void)
{
    return (pte_t){0};
}

static inline paddr_t pte_paddr(pte_t pte)
{
    return paddr((pte.raw & PTE_PPN_BITS) >> 10 << PAGE_SHIFT);
}

static inline bool pte_equal(pte_t a, pte_t b)
{
    return a.raw == b.raw;
}

static inline bool pte_has(pte_t pte, uint64_t flags)
{
    return (pte.raw & flags) == flags;
}

static inline bool pte_valid(pte_t pte)
{
    return (pte.raw & PTE_V) != 0;
}

/* Names a frame, whether hardware may use it (valid leaf) or not (parked). */
static inline bool pte_present(pte_t pte)
{
    return (pte.raw & (PTE_V | PTE_PARKED)) != 0;
}

static inline bool pte_parked(pte_t pte)
{
    return (pte.raw & (PTE_V | PTE_PARKED)) == PTE_PARKED;
}

/* A valid entry with R, W and X all 0 points to the next level. */
static inline bool pte_pointer(pte_t pte)
{
    return (pte.raw & (PTE_V | PTE_RWX)) == PTE_V;
}

static inline bool pte_leaf(pte_t pte)
{
    return pte_valid(pte) && (pte.raw & PTE_RWX) != 0;
}

/* Is PPN[3:0] the code of 64 KiB? Means something only where N is 1. */
static inline bool pte_napot_encoded(pte_t pte)
{
    return (pte.raw & PTE_NAPOT_MASK) == PTE_NAPOT_SIZE;
}

/*
 * The leaf as translation uses it: of a NAPOT PTE the 4 KiB page of the region that va lies in
 * ("Svnapot": the code in PPN[3:0] gives way to VPN[3:0]). N goes too, as the result stands for one
 * page: whoever keeps it needs no second rule. Any other leaf is itself.
 */
static inline pte_t pte_napot_page(pte_t pte, vaddr_t va)
{
    uint64_t page = va >> PAGE_SHIFT << 10 & PTE_NAPOT_MASK;

    if ((pte.raw & PTE_N) == 0)
        return pte;
    return (pte_t){(pte.raw & ~(PTE_N | PTE_NAPOT_MASK)) | page};
}

static inline pte_t pte_with(pte_t pte, uint64_t set)
{
    return (pte_t){pte.raw | set};
}

static inline pte_t pte_without(pte_t pte, uint64_t clear)
{
    return (pte_t){pte.raw & ~clear};
}

/* Do two leaves have the same memory type (Svpbmt)? */
static inline bool pte_same_memory_type(pte_t a, pte_t b)
{
    return ((a.raw ^ b.raw) & PTE_PBMT) == 0;
}

/* The rights that an entry gives: R, W, X, U, G of a valid one, none of any other. */
static inline uint64_t pte_grants(pte_t pte)
{
    return pte_valid(pte) ? pte.raw & (PTE_RWX | PTE_U | PTE_G) : 0;
}

/* Same frame, A and D; other rights. `rights` of R, W, X, U, G; none of R, W, X parks the entry. */
static inline pte_t pte_with_rights(pte_t pte, uint64_t rights)
{
    uint64_t kept = pte.raw & (PTE_PPN_BITS | PTE_A | PTE_D);

    if ((rights & PTE_RWX) == 0)
        return (pte_t){kept | PTE_PARKED};
    return (pte_t){kept | rights | PTE_V};
}

/*
 * Could a TLB that cached `old` allow something, or name a frame or a memory type, that `new` does
 * not? Then (and only then) the change needs a fence; more rights need none, since a TLB entry that
 * forbids an access is walked again. U is no right but says whose the page is: a user page that was
 * not one is lost to S-mode. Neither is anything allowed once a reserved bit is set.
 */
static inline bool pte_downgrades(pte_t old, pte_t new)
{
    const uint64_t grants = PTE_V | PTE_RWX | PTE_G | PTE_A | PTE_D;
    const uint64_t target = PTE_PPN_BITS | PTE_HIGH | PTE_U;
    uint64_t changed = old.raw ^ new.raw;

    if (!pte_valid(old))
        return false;
    return (changed & old.raw & grants) != 0 || (changed & target) != 0;
}

#endif
