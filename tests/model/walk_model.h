/*
 * A naive model of a hart, for test_walk_model.c only.
 *
 * It is written from the privileged specification and shares no code with src/hw, only the public
 * names of accesses and walk errors: its walker is recursive and takes the digits of addresses and
 * the bits of PTEs apart by hand, and its TLB is a list in order of use. Nothing in it is fast.
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

#define RAM_AT     ((uint64_t)0x80000000)
#define RAM_PAGES  64
#define RAM_SIZE   ((uint64_t)RAM_PAGES * 4096)
#define LIST_LIMIT 512

/* ---- memory and the walk ---- */

struct model_registers {
    int levels; /* 3, 4, 5; 0: Bare */
    uint64_t root;
    int user, sum, mxr, hardware_ad, svnapot, svpbmt;
    int asid;
};

struct model_entry {
    uint64_t first; /* address of the first byte */
    int level, global, asid;
    uint64_t pte;
};

struct model_counters {
    uint64_t hits[4], misses[4], references, traps, fills, evictions, dropped;
};

struct model {
    uint8_t memory[RAM_SIZE];
    struct model_registers r;
    struct model_entry list[LIST_LIMIT]; /* most recently used first */
    int entries, sets, ways;
    struct model_counters n;
    uint64_t errors[MW_WALK_COUNT]; /* how often each was met: the test must not be idle */
    uint64_t level_hits[5];
    uint64_t napot_walks, typed_walks; /* that came to a leaf with N, with a memory type */
};

/* What one translation came to. */
struct model_result {
    int error, level;
    uint64_t pte_at[5], pte; /* addresses of the PTEs read, from the root down; the last PTE, as
                                the algorithm sees it */
    int fetched;
    uint64_t pa;
};

static inline int in_memory(uint64_t pa, uint64_t bytes)
{
    return pa >= RAM_AT && pa < RAM_AT + RAM_SIZE && bytes <= RAM_AT + RAM_SIZE - pa;
}

static inline uint64_t read_word(const struct model *m, uint64_t pa)
{
    uint64_t word = 0;

    for (int i = 7; i >= 0; i--)
        word = word << 8 | m->memory[pa - RAM_AT + (uint64_t)i];
    return word;
}

static inline void write_word(struct model *m, uint64_t pa, uint64_t word)
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
 * the VPN; the TLB's entry is that of one page, so that N is left out.
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
static inline int model_leaf(struct model *m, uint64_t va, enum mw_access access, uint64_t at,
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
    out->pte = model_copy(read_word(m, at), va);
    out->pa = frame_of(pte) + inside;
    return MW_WALK_OK;
}

/* Steps 2 to 4 at level i of the table at a. */
static inline int model_step(struct model *m, uint64_t a, int i, uint64_t va, enum mw_access access,
                             struct model_result *out)
{
    uint64_t at = a + (va >> (12 + 9 * i)) % 512 * 8;
    uint64_t pte;
    int error;

    out->level = i;
    if (!in_memory(at, 8))
        return MW_WALK_PTE_ACCESS;
    pte = out->pte = read_word(m, at);
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

static inline int model_walk(struct model *m, uint64_t va, enum mw_access access,
                             struct model_result *out)
{
    if (m->r.levels == 0) {
        out->pa = va;
        return in_memory(va, 1) ? MW_WALK_OK : MW_WALK_PHYSICAL;
    }
    if (!valid_address(m->r.levels, va))
        return MW_WALK_NOT_CANONICAL;
    return model_step(m, m->r.root, m->r.levels - 1, va, access, out);
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

/* ---- the TLB ---- */

static inline uint64_t entry_bytes(const struct model_entry *e)
{
    return (uint64_t)4096 << (9 * e->level);
}

static inline int translates(const struct model_entry *e, uint64_t va, int asid)
{
    return va - e->first < entry_bytes(e) && (e->global || e->asid == asid);
}

static inline int set_of(const struct model *m, const struct model_entry *e)
{
    return (int)(e->first / entry_bytes(e) % (uint64_t)m->sets);
}

static inline void remove_entry(struct model *m, int i)
{
    m->entries--;
    memmove(&m->list[i], &m->list[i + 1], (size_t)(m->entries - i) * sizeof(m->list[0]));
}

static inline void to_front(struct model *m, int i)
{
    struct model_entry e = m->list[i];

    memmove(&m->list[1], &m->list[0], (size_t)i * sizeof(m->list[0]));
    m->list[0] = e;
}

static inline int find_entry(const struct model *m, uint64_t va, int asid)
{
    for (int i = 0; i < m->entries; i++)
        if (translates(&m->list[i], va, asid))
            return i;
    return -1;
}

/* Do two entries translate a common address in a common address space? */
static inline int overlap(const struct model_entry *a, const struct model_entry *b)
{
    int meet = a->first - b->first < entry_bytes(b) || b->first - a->first < entry_bytes(a);

    return meet && (a->global || b->global || a->asid == b->asid);
}

static inline int same_form(const struct model_entry *a, const struct model_entry *b)
{
    return a->level == b->level && a->global == b->global;
}

static inline void model_fill(struct model *m, const struct model_entry *e)
{
    int last = -1, in_set = 0;

    m->n.fills++;
    for (int i = m->entries - 1; i >= 0; i--) {
        if (!overlap(&m->list[i], e))
            continue;
        m->n.evictions += !same_form(&m->list[i], e); /* else it is replaced */
        remove_entry(m, i);
    }
    for (int i = 0; i < m->entries; i++) {
        if (set_of(m, &m->list[i]) == set_of(m, e)) {
            in_set++;
            last = i;
        }
    }
    if (in_set == m->ways) {
        m->n.evictions++;
        remove_entry(m, last);
    }
    assert_true(m->entries < LIST_LIMIT);
    m->list[m->entries++] = *e;
    to_front(m, m->entries - 1);
}

static inline void model_fence(struct model *m, int has_va, uint64_t va, int has_asid, int asid)
{
    int widest = m->r.levels == 0 ? 5 : m->r.levels;

    if (has_va && !valid_address(widest, va))
        return;
    for (int i = m->entries - 1; i >= 0; i--) {
        const struct model_entry *e = &m->list[i];

        if (has_va && va - e->first >= entry_bytes(e))
            continue;
        if (has_asid && (e->global || e->asid != asid))
            continue;
        m->n.dropped++;
        remove_entry(m, i);
    }
}

/* ---- one page of an access ---- */

/* Is entry i good for the access? The hit's physical address goes to *pa. */
static inline int model_hit(const struct model *m, int i, uint64_t va, enum mw_access access,
                            uint64_t *pa)
{
    const struct model_entry *e = &m->list[i];

    *pa = frame_of(e->pte) + (va - e->first);
    return model_rights(&m->r, e->pte, access) == MW_WALK_OK &&
           model_ad(e->pte, access) == MW_WALK_OK && in_memory(*pa, 1);
}

static inline void model_miss(struct model *m, uint64_t va, enum mw_access access, int stale,
                              struct model_result *out)
{
    struct model_entry e;

    m->n.misses[access]++;
    out->error = model_walk(m, va, access, out);
    m->n.references += (uint64_t)out->fetched;
    m->errors[out->error]++;
    if (out->error != MW_WALK_OK) {
        m->n.traps++;
        if (stale >= 0) {
            m->n.evictions++;
            remove_entry(m, stale);
        }
    } else if (m->r.levels != 0) {
        e.level = out->level;
        e.first = va - va % ((uint64_t)4096 << (9 * out->level));
        e.global = bit(out->pte, 5);
        e.asid = m->r.asid;
        e.pte = out->pte;
        model_fill(m, &e);
    }
}

static inline void model_translate(struct model *m, uint64_t va, enum mw_access access,
                                   struct model_result *out)
{
    int i = -1;

    memset(out, 0, sizeof(*out));
    if (m->r.levels != 0 && valid_address(m->r.levels, va))
        i = find_entry(m, va, m->r.asid);
    if (i >= 0 && model_hit(m, i, va, access, &out->pa)) {
        m->n.hits[access]++;
        m->level_hits[m->list[i].level]++;
        to_front(m, i);
        out->error = MW_WALK_OK;
        return;
    }
    model_miss(m, va, access, i, out);
}

#endif
