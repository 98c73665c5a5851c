/*
 * The TLB's slow half: filling, dropping, SFENCE.VMA, and the checker. Lookup is inline in tlb.h.
 *
 * Layer 3. Must not know who walks, what a process is, or when a flush is due.
 *
 * I-TLB-1 (one match at most) is kept at the only place that adds an entry, tlb_fill: whatever
 * would translate one of the new entry's addresses in one of its address spaces is dropped first.
 * The specification lets a TLB drop any entry at any time ("SFENCE.VMA"), and it is software's
 * stale mappings that overlap, so nobody is hurt.
 */
#include "hw/tlb.h"

#include <string.h>

#include "event/event.h"
#include "hw/walk.h"

#define TLB_PAGE_BITS  45
#define TLB_TAG_PAGE   18 /* where the fields of a tag begin, see tlb_tag */
#define TLB_TAG_GLOBAL 16

static bool tlb_live(const struct tlb_entry *entry)
{
    return entry->tag != TLB_EMPTY;
}

static bool tlb_global(const struct tlb_entry *entry)
{
    return (entry->tag >> TLB_TAG_GLOBAL & 1) != 0;
}

static uint16_t tlb_asid(const struct tlb_entry *entry)
{
    return (uint16_t)entry->tag;
}

static unsigned tlb_level(const struct tlb_entry *entry)
{
    return entry->form / 2;
}

static uint32_t tlb_form(unsigned level, bool global)
{
    return level * 2 + global;
}

static uint32_t tlb_entry_count(const struct tlb *tlb)
{
    return tlb->sets * tlb->ways;
}

/* Sign-extended from the widest mode, and so from any. */
vaddr_t tlb_entry_va(const struct tlb_entry *entry)
{
    unsigned digits = TABLE_SHIFT * tlb_level(entry);
    unsigned above = 64 - PAGE_SHIFT - TLB_PAGE_BITS;
    uint64_t page = entry->tag >> TLB_TAG_PAGE >> digits << digits;

    return (vaddr_t)((int64_t)(page << PAGE_SHIFT << above) >> above);
}

bool tlb_entry_serves(const struct tlb_entry *entry, uint16_t asid)
{
    return tlb_live(entry) && (tlb_global(entry) || tlb_asid(entry) == asid);
}

/* Do the pages at a and b agree above the page offset of `level`? */
static bool tlb_same_page(vaddr_t a, vaddr_t b, unsigned level)
{
    uint64_t mask = ((uint64_t)1 << (TLB_PAGE_BITS + PAGE_SHIFT)) - 1;

    return ((a ^ b) & mask) >> level_shift(level) == 0;
}

int tlb_init(struct tlb *tlb, struct alloc *a, uint32_t sets, uint32_t ways)
{
    struct tlb_entry *entries;
    uint32_t count;

    if (sets == 0 || (sets & (sets - 1)) != 0 || ways == 0)
        return -EINVAL;
    if (__builtin_mul_overflow(sets, ways, &count))
        return -ENOMEM;
    entries = alloc_zeroed(a, (size_t)count * sizeof(*entries));
    if (entries == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        entries[i].tag = TLB_EMPTY;
    *tlb = (struct tlb){.entries = entries, .sets = sets, .ways = ways, .alloc = a};
    for (uint32_t i = 0; i < TLB_GUESSES; i++)
        tlb->guess[i] = entries;
    return 0;
}

void tlb_destroy(struct tlb *tlb)
{
    alloc_release(tlb->alloc, tlb->entries);
    *tlb = (struct tlb){0};
}

struct tlb_entry *tlb_search_page(struct tlb *tlb, vaddr_t va, uint16_t asid)
{
    struct tlb_entry *entry = tlb_probe(tlb, va, 0, false, asid);

    if (entry != NULL)
        *tlb_guess(tlb, va) = entry;
    return entry;
}

struct tlb_entry *tlb_find(const struct tlb *tlb, vaddr_t va, uint16_t asid)
{
    struct tlb_entry *entry;

    /* By I-TLB-1 the order of the probes does not matter. */
    for (uint32_t form = 0; form < TLB_FORMS; form++) {
        if (tlb->form_count[form] == 0)
            continue;
        entry = tlb_probe(tlb, va, form / 2, form % 2 != 0, asid);
        if (entry != NULL)
            return entry;
    }
    return NULL;
}

/* ---- dropping ---- */

static void tlb_clear(struct tlb *tlb, struct tlb_entry *entry)
{
    tlb->form_count[entry->form]--;
    entry->tag = TLB_EMPTY;
}

void tlb_evict(struct tlb *tlb, struct event_bus *bus, struct tlb_entry *entry)
{
    uint64_t index = (uint64_t)(entry - tlb->entries);

    event_emit(bus, MW_EVENT_TLB_EVICT, tlb_entry_va(entry), tlb_asid(entry), index / tlb->ways,
               index % tlb->ways);
    tlb->evictions++;
    tlb_clear(tlb, entry);
}

/* What a new entry of (va, level) for asid, or for all when global, may not coexist with. */
struct tlb_claim {
    vaddr_t va;
    unsigned level;
    bool global;
    uint16_t asid;
};

static bool tlb_claims(const struct tlb_claim *claim, const struct tlb_entry *entry)
{
    unsigned wider;

    if (!tlb_live(entry) ||
        entry->tag == tlb_tag(claim->va, claim->level, claim->global, claim->asid))
        return false; /* the entry for the same page is replaced, not dropped */
    wider = tlb_level(entry) > claim->level ? tlb_level(entry) : claim->level;
    if (!tlb_same_page(tlb_entry_va(entry), claim->va, wider))
        return false;
    return claim->global || tlb_global(entry) || tlb_asid(entry) == claim->asid;
}

static void tlb_evict_claimed(struct tlb *tlb, struct event_bus *bus, const struct tlb_claim *claim,
                              struct tlb_entry *first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (tlb_claims(claim, &first[i]))
            tlb_evict(tlb, bus, &first[i]);
}

/*
 * Entries as large as the new one or larger lie in one set a level; smaller ones inside it may lie
 * anywhere, and are looked for only when there are any. The new entry's own form cannot overlap it
 * but by being the same page.
 */
static void tlb_make_way(struct tlb *tlb, struct event_bus *bus, const struct tlb_claim *claim)
{
    bool smaller = false;

    for (uint32_t form = 0; form < TLB_FORMS; form++) {
        if (tlb->form_count[form] == 0 || form == tlb_form(claim->level, claim->global))
            continue;
        if (form / 2 < claim->level)
            smaller = true;
        else
            tlb_evict_claimed(tlb, bus, claim, tlb_set(tlb, claim->va, form / 2), tlb->ways);
    }
    if (smaller)
        tlb_evict_claimed(tlb, bus, claim, tlb->entries, tlb_entry_count(tlb));
}

/* ---- filling ---- */

/* The first empty way of the set, else the least recently used one, emptied. */
static struct tlb_entry *tlb_vacate(struct tlb *tlb, struct event_bus *bus, struct tlb_entry *set)
{
    struct tlb_entry *oldest = &set[0];

    for (uint32_t way = 0; way < tlb->ways; way++) {
        if (!tlb_live(&set[way]))
            return &set[way];
        if (set[way].stamp < oldest->stamp)
            oldest = &set[way];
    }
    tlb_evict(tlb, bus, oldest);
    return oldest;
}

/*
 * As an integer: a superpage may begin below RAM, where no pointer may point, and still have pages
 * in it.
 */
static uint8_t *tlb_host(const struct ram *ram, pte_t pte)
{
    return (uint8_t *)((uintptr_t)ram->host + (uintptr_t)(pte_paddr(pte).raw - ram->base.raw));
}

struct tlb_entry *tlb_fill(struct tlb *tlb, struct event_bus *bus, const struct ram *ram,
                           vaddr_t va, uint16_t asid, unsigned level, pte_t pte,
                           paddr_t pte_address)
{
    /*
     * G of pointer PTEs above the leaf is not looked at: taking a global page for a local one is
     * always allowed.
     */
    struct tlb_claim claim = {va, level, pte_has(pte, PTE_G), asid};
    struct tlb_entry *entry;
    uint64_t index;

    tlb_make_way(tlb, bus, &claim);
    entry = tlb_probe(tlb, va, level, claim.global, asid);
    if (entry == NULL) {
        entry = tlb_vacate(tlb, bus, tlb_set(tlb, va, level));
        entry->tag = tlb_tag(va, level, claim.global, asid);
        entry->form = tlb_form(level, claim.global);
        tlb->form_count[entry->form]++;
    }
    entry->host = tlb_host(ram, pte);
    entry->pte = pte;
    entry->pte_address = pte_address;
    entry->allowed = walk_allowed(pte);
    if (entry->form == tlb_form(0, false))
        *tlb_guess(tlb, va) = entry;
    tlb_touch(tlb, entry);
    tlb->fills++;
    index = (uint64_t)(entry - tlb->entries);
    event_emit(bus, MW_EVENT_TLB_FILL, tlb_entry_va(entry), pte.raw, level, index / tlb->ways,
               index % tlb->ways, tlb_asid(entry));
    return entry;
}

/* ---- SFENCE.VMA ---- */

static void tlb_drop(struct tlb *tlb, struct tlb_entry *entry)
{
    tlb->dropped++;
    tlb_clear(tlb, entry);
}

/* va alone: all that translates it, of every address space; one set for each level present. */
static void tlb_flush_page(struct tlb *tlb, vaddr_t va)
{
    for (unsigned level = 0; level < TLB_LEVELS; level++) {
        struct tlb_entry *set = tlb_set(tlb, va, level);

        if (tlb->form_count[tlb_form(level, false)] + tlb->form_count[tlb_form(level, true)] == 0)
            continue;
        for (uint32_t way = 0; way < tlb->ways; way++)
            if (tlb_live(&set[way]) && tlb_level(&set[way]) == level &&
                tlb_same_page(tlb_entry_va(&set[way]), va, level))
                tlb_drop(tlb, &set[way]);
    }
}

/* va and asid: "except for entries containing global mappings". */
static void tlb_flush_page_of(struct tlb *tlb, vaddr_t va, uint16_t asid)
{
    struct tlb_entry *entry;

    for (unsigned level = 0; level < TLB_LEVELS; level++) {
        if (tlb->form_count[tlb_form(level, false)] == 0)
            continue;
        entry = tlb_probe(tlb, va, level, false, asid);
        if (entry != NULL)
            tlb_drop(tlb, entry);
    }
}

/* No va: everything, or everything of asid but global entries. */
static void tlb_flush_all(struct tlb *tlb, bool has_asid, uint16_t asid)
{
    for (uint32_t i = 0; i < tlb_entry_count(tlb); i++) {
        struct tlb_entry *entry = &tlb->entries[i];

        if (tlb_live(entry) && (!has_asid || (!tlb_global(entry) && tlb_asid(entry) == asid)))
            tlb_drop(tlb, entry);
    }
}

void tlb_flush(struct tlb *tlb, struct event_bus *bus, bool has_va, vaddr_t va, bool has_asid,
               uint16_t asid)
{
    uint64_t before = tlb->dropped;

    tlb->flushes++;
    if (has_va && has_asid)
        tlb_flush_page_of(tlb, va, asid);
    else if (has_va)
        tlb_flush_page(tlb, va);
    else
        tlb_flush_all(tlb, has_asid, asid);
    event_emit(bus, MW_EVENT_TLB_FLUSH, has_va, has_va ? va : 0, has_asid, has_asid ? asid : 0,
               tlb->dropped - before);
}

/* ---- the checker ---- */

/*
 * I-TLB-1: no other entry, of this size or larger, translates the entry's first address in its
 * address space.
 */
static bool tlb_check_alone(const struct tlb *tlb, const struct tlb_entry *entry)
{
    vaddr_t va = tlb_entry_va(entry);
    struct tlb_claim claim = {va, tlb_level(entry), tlb_global(entry), tlb_asid(entry)};

    for (unsigned level = tlb_level(entry); level < TLB_LEVELS; level++) {
        const struct tlb_entry *set = tlb_set(tlb, va, level);

        for (uint32_t way = 0; way < tlb->ways; way++)
            if (tlb_level(&set[way]) == level && &set[way] != entry &&
                (set[way].tag == entry->tag || tlb_claims(&claim, &set[way])))
                return false;
    }
    return true;
}

/* I-TLB-3, and that the tag belongs into this set and says what form says. */
static bool tlb_check_place(const struct tlb *tlb, const struct tlb_entry *entry)
{
    uint32_t index = (uint32_t)(entry - tlb->entries);
    const struct tlb_entry *set = &tlb->entries[index - index % tlb->ways];

    if (entry->form >= TLB_FORMS || entry->stamp > tlb->stamp ||
        tlb_set(tlb, tlb_entry_va(entry), tlb_level(entry)) != set)
        return false;
    for (uint32_t way = 0; way < tlb->ways; way++)
        if (&set[way] != entry && tlb_live(&set[way]) && set[way].stamp == entry->stamp)
            return false;
    return entry->tag ==
           tlb_tag(tlb_entry_va(entry), tlb_level(entry), tlb_global(entry), tlb_asid(entry));
}

/* I-TLB-4, and that hardware could have cached this PTE at all. */
static bool tlb_check_contents(const struct tlb_entry *entry, const struct ram *ram)
{
    return pte_leaf(entry->pte) && pte_has(entry->pte, PTE_A) &&
           entry->form == tlb_form(tlb_level(entry), pte_has(entry->pte, PTE_G)) &&
           tlb_global(entry) == pte_has(entry->pte, PTE_G) &&
           entry->allowed == walk_allowed(entry->pte) && entry->host == tlb_host(ram, entry->pte);
}

bool tlb_check(const struct tlb *tlb, const struct ram *ram)
{
    uint32_t count[TLB_FORMS] = {0};

    for (uint32_t i = 0; i < tlb_entry_count(tlb); i++) {
        const struct tlb_entry *entry = &tlb->entries[i];

        if (!tlb_live(entry))
            continue;
        if (!tlb_check_place(tlb, entry) || !tlb_check_contents(entry, ram) ||
            !tlb_check_alone(tlb, entry))
            return false;
        count[entry->form]++;
    }
    for (uint32_t i = 0; i < TLB_GUESSES; i++) /* I-TLB-5 */
        if (tlb->guess[i] < tlb->entries || tlb->guess[i] >= tlb->entries + tlb_entry_count(tlb))
            return false;
    return memcmp(count, tlb->form_count, sizeof(count)) == 0; /* I-TLB-2 */
}
