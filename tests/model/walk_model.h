/*
 * A naive walker, for tests of this folder only.
 *
 * It is written from the privileged specification and shares no code with src/hw, only the public
 * names of accesses and walk errors: it is recursive and takes the digits of addresses and the bits
 * of PTEs apart by hand. Nothing in it is fast.
 */
#ifndef MAPWALK_TESTS_WALK_MODEL_H
#define MAPWALK_TESTS_WALK_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mapwalk/event.h>
#include <mapwalk/tlb.h>

#define RAM_AT    ((uint64_t)0x80000000)
#define RAM_PAGES 64
#define RAM_SIZE  ((uint64_t)RAM_PAGES * 4096)

struct model_registers {
    int levels; /* 3, 4, 5; 0: Bare */
    uint64_t root;
    int user, sum, mxr, hardware_ad, svnapot, svpbmt;
    int asid;
};

/* Memory, and the registers that a walk looks at. */
struct walker {
    uint8_t memory[RAM_SIZE];
    struct model_registers r;
    uint64_t napot_walks, typed_walks; /* that came to a leaf with N, with a memory type */
};

/* What one walk, or one translation, came to. */
struct model_result {
    int error, level;
    int fetched;
    int first_level;    /* of the first PTE fetched */
    uint64_t pte_at[5]; /* addresses of the PTEs fetched, downwards */
    uint64_t fetch[5];  /* what stood there */
    uint64_t pte;       /* the last one, as it stands in memory after the walk */
    uint64_t pa;
};

/* Where a walk begins: the table at `table`, of `level`. */
struct walk_start {
    uint64_t table;
    int level;
};

static inline int in_memory(uint64_t pa, uint64_t bytes)
{
    return pa >= RAM_AT && pa < RAM_AT + RAM_SIZE && bytes <= RAM_AT + RAM_SIZE - pa;
}

static inline uint64_t read_word(const struct walker *m, uint64_t pa)
{
    uint64_t word = 0;

    for (int i = 7; i >= 0; i--)
        word = word << 8 | m->memory[pa - RAM_AT + (uint64_t)i];
    return word;
}

static inline void write_word(struct walker *m, uint64_t pa, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        m->memory[pa - RAM_AT + (uint64_t)i] = (uint8_t)(word >> (8 * i));
}

static inline int bit(uint64_t word, int n)
{
    return (int)(word >> n & 1);
}

/*
 * Bits of a PTE by number: V 0, R 1, W 2, X 3, U 4, G 5, A 6, D 7; PPN 53..10; 60..54 must be
 * zero; PBMT 62..61; N 63.
 */
static inline uint64_t frame_of(uint64_t pte)
{
    return (pte << 10 >> 20) * 4096;
}

static inline int writes(enum mw_access access)
{
    return access == MW_STORE || access == MW_AMO;
}

/*
 * Step 5 of the translation process: R, W, X, then U under privilege and SUM; and the A/D condition
 * of step 7.
 */
static inline int model_rights(const struct model_registers *r, uint64_t pte, enum mw_access access)
{
    if (access == MW_LOAD && !bit(pte, 1) && !(r->mxr && bit(pte, 3)))
        return MW_WALK_NO_READ;
    if (access == MW_AMO && !bit(pte, 1))
        return MW_WALK_NO_READ;
    if (writes(access) && !bit(pte, 2))
        return MW_WALK_NO_WRITE;
    if (access == MW_FETCH && !bit(pte, 3))
        return MW_WALK_NO_EXECUTE;
    if (r->user)
        return bit(pte, 4) ? MW_WALK_OK : MW_WALK_NOT_USER;
    if (bit(pte, 4) && access == MW_FETCH)
        return MW_WALK_USER_PAGE;
    return bit(pte, 4) && !r->sum ? MW_WALK_USER_PAGE : MW_WALK_OK;
}

static inline int model_ad(uint64_t pte, enum mw_access access)
{
    if (!bit(pte, 6))
        return MW_WALK_ACCESSED_CLEAR;
    return writes(access) && !bit(pte, 7) ? MW_WALK_DIRTY_CLEAR : MW_WALK_OK;
}

/* Step 3 for the bits above the PPN of a valid PTE, one sentence of the specification a line. */
static inline int model_high_bits(const struct model_registers *r, uint64_t pte, int level)
{
    int n = bit(pte, 63), pbmt = (int)(pte >> 61 & 3);
    int leaf = bit(pte, 1) || bit(pte, 3);

    if (pte << 3 >> 57 != 0) /* "Bits 60-54 are reserved" */
        return MW_WALK_RESERVED_BITS;
    if (n && !r->svnapot) /* "If Svnapot is not implemented, bit 63 remains reserved" */
        return MW_WALK_NAPOT_ABSENT;
    if (pbmt != 0 && !r->svpbmt) /* "If Svpbmt is not implemented, bits 62-61 remain reserved" */
        return MW_WALK_PBMT_ABSENT;
    if (!leaf && (bit(pte, 4) || bit(pte, 6) || bit(pte, 7))) /* "the D, A, and U bits" */
        return MW_WALK_POINTER_BITS;
    if (!leaf && n) /* i >= 1 is reserved; at i = 0 there is no pointer in any case */
        return MW_WALK_NAPOT_POINTER;
    if (!leaf && pbmt != 0) /* "For non-leaf PTEs, bits 62-61 are reserved" */
        return MW_WALK_PBMT_POINTER;
    if (pbmt == 3) /* "setting bits 62-61 to the value 3 is reserved" */
        return MW_WALK_PBMT_RESERVED;
    if (n && level >= 1) /* table "Page table entry encodings when pte.N=1": i >= 1 */
        return MW_WALK_NAPOT_SUPERPAGE;
    if (n && (bit(pte, 10) || bit(pte, 11) || bit(pte, 12) || !bit(pte, 13)))
        return MW_WALK_NAPOT_ENCODING;
    return MW_WALK_OK;
}

/*
 * "Implicit reads of a NAPOT PTE return a copy" in which the low four bits of the PPN are those of
 * the VPN.
 */
static inline uint64_t model_copy(uint64_t pte, uint64_t va)
{
    uint64_t vpn = va / 4096;

    if (!bit(pte, 63))
        return pte;
    pte -= (uint64_t)1 << 63;
    pte -= (uint64_t)8 << 10; /* the code, the only one that comes here */
    return pte + (vpn % 16 << 10);
}

/* Steps 5 to 8 for a leaf at address `at`. */
static inline int model_leaf(struct walker *m, uint64_t va, enum mw_access access, uint64_t at,
                             struct model_result *out)
{
    uint64_t inside = va % ((uint64_t)4096 << (9 * out->level));
    uint64_t stored = out->pte, pte = model_copy(stored, va);
    int error = model_rights(&m->r, pte, access);

    if (error != MW_WALK_OK)
        return error;
    if (frame_of(pte) % ((uint64_t)4096 << (9 * out->level)) != 0)
        return MW_WALK_MISALIGNED;
    if (!m->r.hardware_ad && model_ad(pte, access) != MW_WALK_OK)
        return model_ad(pte, access);
    if (!in_memory(frame_of(pte) + inside, 1))
        return MW_WALK_PHYSICAL;
    stored |= (uint64_t)1 << 6;
    if (writes(access))
        stored |= (uint64_t)1 << 7;
    if (m->r.hardware_ad)
        write_word(m, at, stored);
    m->napot_walks += (uint64_t)bit(stored, 63);
    m->typed_walks += (stored >> 61 & 3) != 0;
    out->pte = read_word(m, at);
    out->pa = frame_of(pte) + inside;
    return MW_WALK_OK;
}

/* Steps 2 to 4 at level i of the table at a. */
static inline int model_step(struct walker *m, uint64_t a, int i, uint64_t va,
                             enum mw_access access, struct model_result *out)
{
    uint64_t at = a + (va >> (12 + 9 * i)) % 512 * 8;
    uint64_t pte;
    int error;

    out->level = i;
    if (!in_memory(at, 8))
        return MW_WALK_PTE_ACCESS;
    pte = out->pte = read_word(m, at);
    out->fetch[out->fetched] = pte;
    out->pte_at[out->fetched++] = at;
    if (!bit(pte, 0))
        return MW_WALK_INVALID;
    if (!bit(pte, 1) && bit(pte, 2))
        return MW_WALK_WRITE_WITHOUT_READ;
    error = model_high_bits(&m->r, pte, i);
    if (error != MW_WALK_OK)
        return error;
    if (bit(pte, 1) || bit(pte, 3))
        return model_leaf(m, va, access, at, out);
    if (i == 0)
        return MW_WALK_NO_LEAF;
    return model_step(m, frame_of(pte), i - 1, va, access, out);
}

static inline int valid_address(int levels, uint64_t va)
{
    uint64_t above;

    if (levels == 0)
        return 1;
    above = va >> (11 + 9 * levels); /* the top bit of the top digit, and all bits above it */
    return above == 0 || above == UINT64_MAX >> (11 + 9 * levels);
}

static inline struct walk_start root_start(const struct walker *m)
{
    return (struct walk_start){m->r.root, m->r.levels - 1};
}

/*
 * A walk from the root, or from a table further down whose pointer is known. Pre: not Bare, a valid
 * address.
 */
static inline void model_walk(struct walker *m, struct walk_start start, uint64_t va,
                              enum mw_access access, struct model_result *out)
{
    memset(out, 0, sizeof(*out));
    out->first_level = start.level;
    out->error = model_step(m, start.table, start.level, va, access, out);
}

/* The size of the leaf that a walk has come to. */
static inline int model_leaf_size(const struct model_result *r)
{
    static const int size[] = {MW_SIZE_4K, MW_SIZE_2M, MW_SIZE_1G, MW_SIZE_512G, MW_SIZE_256T};

    return bit(r->pte, 63) ? MW_SIZE_64K : size[r->level];
}

static inline int model_cause(int error, enum mw_access access)
{
    int access_fault = error == MW_WALK_PTE_ACCESS || error == MW_WALK_PHYSICAL;

    if (access == MW_FETCH)
        return access_fault ? 1 : 12;
    if (access == MW_LOAD)
        return access_fault ? 5 : 13;
    return access_fault ? 7 : 15;
}

#endif
