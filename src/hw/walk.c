/*
 * The walker: "Virtual Address Translation Process" of the privileged specification, one check
 * after the other.
 *
 * Layer 3. Must not know TLB, hart, or who repairs a fault. Step numbers are those of the ratified
 * specification of December 2021 (version 1.12), which <mapwalk/event.h> uses too; later editions
 * split step 5 and look at the alignment of a superpage first, which changes no cause, as both ends
 * are the same page fault.
 *
 *     walk, walk_to            Bare, or the next from the root: step 1
 *      |- walk_bare            no translation
 *      '- walk_below           runs the next, and reports how it ended
 *         '- walk_tables       the loop over the levels (steps 2 to 4)
 *          |- walk_fetch       step 2: where the PTE lies, and what it is
 *          |- walk_check_entry step 3: what makes any PTE invalid
 *          |   '- walk_check_high  the part of it that looks at bits 63 to 54
 *          '- walk_leaf        steps 5 to 8
 *              |- walk_check_leaf  steps 5 to 7 and the PMA check: what a leaf must be and allow
 *              '- walk_update_ad   step 7: A and D, by one store
 *
 * I-WALK-2 holds by construction: walk_update_ad comes after the last check, the one of the
 * translated address.
 */
#include "hw/walk.h"

#include <string.h>

#include "base/contract.h"
#include "event/event.h"

/* One translation under way. */
struct walk_state {
    const struct ram *ram;
    const struct walk_rules *rules;
    struct event_bus *bus;  /* NULL: nobody is told */
    struct walk_path *path; /* NULL: nobody wants to know */
    vaddr_t va;
    enum mw_access access;
    struct walk_result result;
};

/* For the parts that a walk cannot do without: a call costs as much as they do. */
#define WALK_INLINE static inline __attribute__((always_inline))

/* Stores and AMOs alike need D ("Sv32", "the original access is a store"). */
static bool walk_writes(enum mw_access access)
{
    return access == MW_STORE || access == MW_AMO;
}

/*
 * Step 2: reads the PTE for the current level from the table. False: it does not lie in RAM (a PMA
 * violation).
 */
WALK_INLINE bool walk_fetch(struct walk_state *w, paddr_t table)
{
    struct walk_result *r = &w->result;
    paddr_t at = paddr(table.raw + level_index(w->va, r->level) * PTE_BYTES);

    if (!ram_contains(w->ram, at, PTE_BYTES))
        return false;
    /*
     * PTEs are aligned and little-endian, like the hosts: this is one load, whatever type wrote the
     * bytes.
     */
    memcpy(&r->pte.raw, ram_host(w->ram, at), PTE_BYTES);
    r->pte_address = at;
    r->references++;
    if (w->bus != NULL)
        event_emit(w->bus, MW_EVENT_WALK_STEP, w->va, r->level, at.raw, r->pte.raw);
    return true;
}

/*
 * Step 3, "bits or encodings that are reserved", in bits 63 to 54, some of which are set: "Sv39"
 * for those that are nobody's or of an absent extension, "Svnapot" and "Svpbmt" for the rest.
 */
static enum mw_walk_error walk_check_high(const struct walk_rules *rules, pte_t pte, unsigned level)
{
    bool napot = pte_has(pte, PTE_N);
    bool typed = (pte.raw & PTE_PBMT) != 0;

    if ((pte.raw & PTE_RESERVED) != 0)
        return MW_WALK_RESERVED_BITS;
    if (napot && !rules->svnapot)
        return MW_WALK_NAPOT_ABSENT;
    if (typed && !rules->svpbmt)
        return MW_WALK_PBMT_ABSENT;
    if (pte_pointer(pte)) {
        if ((pte.raw & WALK_POINTER_ZERO) != 0)
            return MW_WALK_POINTER_BITS;
        return napot ? MW_WALK_NAPOT_POINTER : MW_WALK_PBMT_POINTER;
    }
    if (pte_has(pte, PTE_PBMT))
        return MW_WALK_PBMT_RESERVED;
    if (napot && level != 0)
        return MW_WALK_NAPOT_SUPERPAGE;
    return napot && !pte_napot_encoded(pte) ? MW_WALK_NAPOT_ENCODING : MW_WALK_OK;
}

/* Step 3, for pointers and leaves: is this a PTE at all? */
WALK_INLINE enum mw_walk_error walk_check_entry(const struct walk_rules *rules, pte_t pte,
                                                unsigned level)
{
    if (!pte_valid(pte))
        return MW_WALK_INVALID;
    if ((pte.raw & (PTE_R | PTE_W)) == PTE_W)
        return MW_WALK_WRITE_WITHOUT_READ;
    if ((pte.raw & PTE_HIGH) != 0)
        return walk_check_high(rules, pte, level);
    if (pte_pointer(pte) && (pte.raw & WALK_POINTER_ZERO) != 0)
        return MW_WALK_POINTER_BITS;
    return MW_WALK_OK;
}

/*
 * Step 5, the R, W and X bits. MXR lets loads use executable pages; an AMO needs R itself, and W. /
 */
WALK_INLINE enum mw_walk_error walk_check_rwx(const struct walk_rules *rules, enum mw_access access,
                                              pte_t pte)
{
    bool readable = pte_has(pte, PTE_R) || (rules->mxr && access == MW_LOAD && pte_has(pte, PTE_X));

    if ((access == MW_LOAD || access == MW_AMO) && !readable)
        return MW_WALK_NO_READ;
    if (walk_writes(access) && !pte_has(pte, PTE_W))
        return MW_WALK_NO_WRITE;
    if (access == MW_FETCH && !pte_has(pte, PTE_X))
        return MW_WALK_NO_EXECUTE;
    return MW_WALK_OK;
}

/* Step 5, the U bit: SUM opens user pages to loads and stores of S-mode, never to its fetches. */
WALK_INLINE enum mw_walk_error walk_check_user(const struct walk_rules *rules,
                                               enum mw_access access, pte_t pte)
{
    bool user_page = pte_has(pte, PTE_U);

    if (rules->user)
        return user_page ? MW_WALK_OK : MW_WALK_NOT_USER;
    if (user_page && (access == MW_FETCH || !rules->sum))
        return MW_WALK_USER_PAGE;
    return MW_WALK_OK;
}

/*
 * Step 5 to the check in step 7, and the PMA check of the translation, which is already in
 * result.pa.
 */
WALK_INLINE enum mw_walk_error walk_check_leaf(const struct walk_state *w)
{
    const struct walk_result *r = &w->result;
    enum mw_walk_error error = walk_check_rwx(w->rules, w->access, r->pte);

    if (error == MW_WALK_OK)
        error = walk_check_user(w->rules, w->access, r->pte);
    if (error != MW_WALK_OK)
        return error;
    if ((pte_paddr(r->pte).raw & (level_bytes(r->level) - 1)) != 0) /* step 6 */
        return MW_WALK_MISALIGNED;
    if (!w->rules->hardware_ad && !pte_has(r->pte, PTE_A)) /* step 7, Svade */
        return MW_WALK_ACCESSED_CLEAR;
    if (!w->rules->hardware_ad && walk_writes(w->access) && !pte_has(r->pte, PTE_D))
        return MW_WALK_DIRTY_CLEAR;
    /* RAM begins and ends at page boundaries: the first byte of the page speaks for all. */
    if (!ram_contains(w->ram, paddr(page_floor(r->pa.raw)), PAGE_BYTES))
        return MW_WALK_PHYSICAL;
    return MW_WALK_OK;
}

/*
 * Step 7, Svadu: sets A, and D for a store, by one store to the PTE. Harts interleave, so it needs
 * no comparison.
 */
WALK_INLINE void walk_update_ad(struct walk_state *w)
{
    struct walk_result *r = &w->result;
    pte_t old = r->pte;

    r->pte = pte_with(old, walk_writes(w->access) ? PTE_A | PTE_D : PTE_A);
    if (r->pte.raw == old.raw)
        return;
    r->leaf = pte_with(r->leaf, r->pte.raw & (PTE_A | PTE_D));
    memcpy(ram_host(w->ram, r->pte_address), &r->pte.raw, PTE_BYTES);
    if (w->bus != NULL)
        event_emit(w->bus, MW_EVENT_PTE_AD, w->va, r->pte_address.raw, old.raw, r->pte.raw);
}

/*
 * Steps 5 to 8, once the loop has come to a leaf. Step 8: low VPN digits of a superpage are copied.
 * /
 */
WALK_INLINE enum mw_walk_error walk_leaf(struct walk_state *w)
{
    struct walk_result *r = &w->result;
    uint64_t offset_mask = level_bytes(r->level) - 1;
    enum mw_walk_error error;

    r->leaf = pte_napot_page(r->pte, w->va);
    r->pa = paddr(pte_paddr(r->leaf).raw | (w->va & offset_mask));
    error = walk_check_leaf(w);
    if (error == MW_WALK_OK)
        walk_update_ad(w);
    return error;
}

/* Steps 2 to 4: from a table of level result.level down to a leaf or a fault. */
WALK_INLINE enum mw_walk_error walk_tables(struct walk_state *w, paddr_t table)
{
    enum mw_walk_error error;

    for (;; w->result.level--) {
        if (!walk_fetch(w, table)) /* step 2 */
            return MW_WALK_PTE_ACCESS;
        if (!walk_plain_pointer(w->result.pte)) {
            error = walk_check_entry(w->rules, w->result.pte, w->result.level); /* step 3 */
            if (error != MW_WALK_OK)
                return error;
            if (!pte_pointer(w->result.pte)) /* step 4 */
                return walk_leaf(w);
        }
        if (w->result.level == 0)
            return MW_WALK_NO_LEAF;
        if (w->path != NULL) {
            w->path->pte[w->result.level] = w->result.pte;
            w->path->pte_address[w->result.level] = w->result.pte_address;
        }
        table = pte_paddr(w->result.pte);
    }
}

/*
 * satp.MODE is Bare: "supervisor virtual addresses are equal to supervisor physical addresses", no
 * protection.
 */
static enum mw_walk_error walk_bare(struct walk_state *w)
{
    w->result.pa = paddr(w->va);
    if (!ram_contains(w->ram, paddr(page_floor(w->va)), PAGE_BYTES))
        return MW_WALK_PHYSICAL;
    return MW_WALK_OK;
}

static void walk_report(const struct walk_state *w)
{
    const struct walk_result *r = &w->result;

    if (w->bus != NULL)
        event_emit(w->bus, MW_EVENT_WALK_END, w->va, w->access, r->error, r->level,
                   r->error == MW_WALK_OK ? r->pa.raw : 0);
}

/* Told and untold walks are compiled apart, from the same lines. */
WALK_INLINE void walk_run(struct walk_state *w, unsigned level, paddr_t table)
{
    w->result.level = level;
    w->result.error =
        mode_canonical(w->rules->mode, w->va) ? walk_tables(w, table) : MW_WALK_NOT_CANONICAL;
}

void walk_below(const struct ram *ram, const struct walk_rules *rules, vaddr_t va,
                enum mw_access access, struct event_bus *bus, unsigned level, paddr_t table,
                struct walk_path *path, struct walk_result *out)
{
    if (path == NULL && (bus == NULL || bus->wanted == 0)) {
        struct walk_state w = {.ram = ram, .rules = rules, .va = va, .access = access};

        walk_run(&w, level, table);
        *out = w.result;
    } else {
        struct walk_state w = {
            .ram = ram, .rules = rules, .bus = bus, .path = path, .va = va, .access = access};

        if (path != NULL)
            path->first = level;
        walk_run(&w, level, table);
        walk_report(&w);
        *out = w.result;
    }
}

void walk_to(const struct ram *ram, const struct walk_rules *rules, vaddr_t va,
             enum mw_access access, struct event_bus *bus, struct walk_result *out)
{
    if (rules->mode == MW_MODE_BARE) {
        struct walk_state w = {.ram = ram, .rules = rules, .bus = bus, .va = va, .access = access};

        w.result.error = walk_bare(&w);
        walk_report(&w);
        *out = w.result;
    } else {
        walk_below(ram, rules, va, access, bus, mode_info(rules->mode).levels - 1, /* step 1 */
                   rules->root, NULL, out);
    }
}

struct walk_result walk(const struct ram *ram, const struct walk_rules *rules, vaddr_t va,
                        enum mw_access access, struct event_bus *bus)
{
    struct walk_result result;

    walk_to(ram, rules, va, access, bus, &result);
    return result;
}

enum mw_cause walk_cause(enum mw_walk_error error, enum mw_access access)
{
    static const struct {
        enum mw_cause page, violation;
    } causes[MW_ACCESS_COUNT] = {
        [MW_LOAD] = {MW_CAUSE_LOAD_PAGE, MW_CAUSE_LOAD_ACCESS},
        [MW_STORE] = {MW_CAUSE_STORE_PAGE, MW_CAUSE_STORE_ACCESS},
        [MW_FETCH] = {MW_CAUSE_FETCH_PAGE, MW_CAUSE_FETCH_ACCESS},
        [MW_AMO] = {MW_CAUSE_STORE_PAGE, MW_CAUSE_STORE_ACCESS}, /* "Store/AMO" is one cause */
    };

    contract(access < MW_ACCESS_COUNT);
    if (error == MW_WALK_OK)
        return MW_CAUSE_NONE;
    /*
     * The two PMA violations, of the PTE (step 2) and of the translated address, are access faults.
     * /
     */
    if (error == MW_WALK_PTE_ACCESS || error == MW_WALK_PHYSICAL)
        return causes[access].violation;
    return causes[access].page;
}

/*
 * The 32 bits as sets that are intersected: eight contexts of four accesses, context 0 (S-mode,
 * neither SUM nor MXR) in the lowest four bits. This is step 5 a second time, for all contexts at
 * once and for every value of the flags, because every TLB fill needs it; a test compares it with
 * walk() over all flags, contexts and accesses.
 */
#define WALK_LOADS   0x11111111u
#define WALK_WRITES  0xaaaaaaaau /* stores and AMOs */
#define WALK_FETCHES 0x44444444u
#define WALK_MXR     0xf0f0f0f0u
#define WALK_SUM     0xff00ff00u
#define WALK_USER    0xffff0000u

#define WALK_HAS(flags, bit) (((flags) << 1 & (bit)) == (bit))
#define WALK_BY_RIGHTS(flags)                             \
    ((WALK_HAS(flags, PTE_R) ? WALK_LOADS : 0) |          \
     (WALK_HAS(flags, PTE_W | PTE_D) ? WALK_WRITES : 0) | \
     (WALK_HAS(flags, PTE_X) ? WALK_FETCHES | (WALK_LOADS & WALK_MXR) : 0))
#define WALK_BY_PRIVILEGE(flags) \
    (WALK_HAS(flags, PTE_U) ? WALK_USER | (WALK_SUM & ~WALK_FETCHES) : ~WALK_USER)
#define WALK_ALLOWED(flags) \
    (WALK_HAS(flags, PTE_A) ? WALK_BY_RIGHTS(flags) & WALK_BY_PRIVILEGE(flags) : 0)

#define WALK_ALLOWED_4(flags)                                                  \
    WALK_ALLOWED(flags), WALK_ALLOWED((flags) + 1), WALK_ALLOWED((flags) + 2), \
        WALK_ALLOWED((flags) + 3)
#define WALK_ALLOWED_16(flags)                                                       \
    WALK_ALLOWED_4(flags), WALK_ALLOWED_4((flags) + 4), WALK_ALLOWED_4((flags) + 8), \
        WALK_ALLOWED_4((flags) + 12)
#define WALK_ALLOWED_64(flags)                                                            \
    WALK_ALLOWED_16(flags), WALK_ALLOWED_16((flags) + 16), WALK_ALLOWED_16((flags) + 32), \
        WALK_ALLOWED_16((flags) + 48)

const uint32_t walk_allowed_by_flags[128] = {WALK_ALLOWED_64(0), WALK_ALLOWED_64(64)};

uint32_t walk_allowed(pte_t leaf)
{
    /* What some hart's walk returns: a memory type may be left in it, N is not. */
    static const struct walk_rules widest = {.svpbmt = true};

    if (!pte_leaf(leaf) || walk_check_entry(&widest, leaf, 0) != MW_WALK_OK)
        return 0;
    return walk_leaf_allowed(leaf);
}
