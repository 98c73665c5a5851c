/*
 * The paging modes as a table, so that one walker serves them all.
 *
 * Privileged specification, "Supervisor Address Translation and Protection (satp) Register" and the
 * sections Sv39, Sv48, Sv57: LEVELS is 3, 4 and 5; a VPN digit has 9 bits; bits above the top digit
 * must equal its top bit.
 */
#ifndef MAPWALK_HW_MODE_H
#define MAPWALK_HW_MODE_H

#include <mapwalk/config.h>
#include <stdbool.h>

#include "base/addr.h"

#define TABLE_ENTRIES   512
#define TABLE_SHIFT     9
#define PTE_BYTES       8
#define MODE_LEVELS_MAX 5 /* Sv57 */

struct mode_info {
    unsigned levels;  /* 0: no translation */
    unsigned va_bits; /* virtual address width; 64 for bare */
};

/* Pre: mode < MW_MODE_COUNT. */
static inline struct mode_info mode_info(enum mw_mode mode)
{
    static const struct mode_info table[MW_MODE_COUNT] = {
        [MW_MODE_BARE] = {0, 64},
        [MW_MODE_SV39] = {3, 39},
        [MW_MODE_SV48] = {4, 48},
        [MW_MODE_SV57] = {5, 57},
    };

    return table[mode];
}

/* First address above the lower (user) half: 2^38 in Sv39. */
static inline vaddr_t mode_user_end(enum mw_mode mode)
{
    return (vaddr_t)1 << (mode_info(mode).va_bits - 1);
}

static inline bool mode_canonical(enum mw_mode mode, vaddr_t va)
{
    unsigned shift = 64 - mode_info(mode).va_bits;

    return (vaddr_t)((int64_t)(va << shift) >> shift) == va;
}

/* Address bits below the VPN digit of `level` (level 0: 12): the size of a leaf at that level. */
static inline unsigned level_shift(unsigned level)
{
    return PAGE_SHIFT + TABLE_SHIFT * level;
}

static inline uint64_t level_bytes(unsigned level)
{
    return (uint64_t)1 << level_shift(level);
}

static inline unsigned level_index(vaddr_t va, unsigned level)
{
    return (unsigned)(va >> level_shift(level)) & (TABLE_ENTRIES - 1);
}

#endif
