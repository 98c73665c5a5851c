/*
 * The hart's slow half: TLB misses, traps, registers, page-crossing accesses, and the checker.
 *
 * Layer 3. Must not know who handles a trap. What an access does, in order:
 *
 *     hart_translate (hart.h)     4 KiB page, entry there, access allowed: a hit
 *     hart_translate_miss         superpage or global entry: a hit as well
 *       '- hart_walk_and_fill     a miss: walk, pay for it, fill, or else
 *            '- hart_raise        a trap
 *
 * Time: a miss pays for its PTE fetches at once. Hits only count, and hart_settle_time pays for all
 * of them before anything with a time stamp can happen.
 */
#include "hw/hart.h"

/* For hart_may_hit. */
static void hart_update_hit_range(struct hart *h)
{
    unsigned va_bits = mode_info(h->rules.mode).va_bits;

    h->hit_bias = 0;
    h->hit_limit = 0; /* Bare never looks into the TLB */
    if (h->rules.mode != MW_MODE_BARE) {
        h->hit_bias = (uint64_t)1 << (va_bits - 1);
        h->hit_limit = (uint64_t)1 << va_bits;
    }
}

int hart_init(struct hart *h, const struct hart_setup *setup, struct alloc *a,
              const struct ram *ram, struct event_bus *bus, struct clock *clock)
{
    int err;

    memset(h, 0, sizeof(*h));
    err = tlb_init(&h->tlb, a, setup->tlb_sets, setup->tlb_ways);
    if (err != 0)
        return err;
    h->ram = ram;
    h->bus = bus;
    h->clock = clock;
    h->rules = (struct walk_rules){.mode = MW_MODE_BARE,
                                   .hardware_ad = setup->hardware_ad,
                                   .svnapot = setup->svnapot,
                                   .svpbmt = setup->svpbmt};
    h->id = setup->id;
    h->hit_ns = setup->hit_ns;
    h->walk_step_ns = setup->walk_step_ns;
    hart_update_hit_range(h);
    return 0;
}

void hart_destroy(struct hart *h)
{
    tlb_destroy(&h->tlb);
}

void hart_free_all(struct hart *harts, unsigned count, struct alloc *a)
{
    for (unsigned i = 0; i < count; i++)
        hart_destroy(&harts[i]);
    alloc_release(a, harts);
}

int hart_new_all(struct hart **out, unsigned count, const struct hart_setup *setup, struct alloc *a,
                 const struct ram *ram, struct event_bus *bus, struct clock *clock)
{
    struct hart *harts = alloc_zeroed(a, count * sizeof(*harts));

    if (harts == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        struct hart_setup own = *setup;
        int err;

        own.id = (uint16_t)i;
        err = hart_init(&harts[i], &own, a, ram, bus, clock);
        if (err != 0) {
            hart_free_all(harts, i, a);
            return err;
        }
    }
    *out = harts;
    return 0;
}

/* ---- registers ---- */

void hart_set_satp(struct hart *h, enum mw_mode mode, paddr_t root, uint16_t asid)
{
    contract(page_aligned(root.raw));
    hart_settle_time(h);
    h->rules.mode = mode;
    h->rules.root = root;
    h->asid = asid;
    hart_update_hit_range(h);
    h->bus->hart = h->id;
    event_emit(h->bus, MW_EVENT_SATP, asid, root.raw);
}

void hart_set_privilege(struct hart *h, bool user, bool sum, bool mxr)
{
    h->rules.user = user;
    h->rules.sum = sum;
    h->rules.mxr = mxr;
    h->allowed_shift = MW_ACCESS_COUNT * ((uint32_t)user << 2 | (uint32_t)sum << 1 | (uint32_t)mxr);
}

void hart_sfence(struct hart *h, bool has_va, vaddr_t va, bool has_asid, uint16_t asid)
{
    uint16_t running = h->bus->hart;
    bool bare = h->rules.mode == MW_MODE_BARE;

    /*
     * "If the value held in rs1 is not a valid virtual address, then the SFENCE.VMA instruction has
     * no effect." In Bare mode any is, but what the TLB has cached under other modes is canonical
     * in the widest one.
     */
    if (has_va && !mode_canonical(bare ? MW_MODE_SV57 : h->rules.mode, va))
        return;
    hart_settle_time(h);
    /* A shootdown fences harts that are not the one running. */
    h->bus->hart = h->id;
    tlb_flush(&h->tlb, h->bus, has_va, va, has_asid, asid);
    h->bus->hart = running;
}

static uint64_t hart_hits(const struct hart *h)
{
    uint64_t hits = 0;

    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++)
        hits += h->counters.hits[access];
    return hits;
}

uint64_t hart_unsettled_ns(const struct hart *h)
{
    return (hart_hits(h) - h->hits_settled) * h->hit_ns;
}

void hart_settle_time(struct hart *h)
{
    clock_advance(h->clock, hart_unsettled_ns(h));
    h->hits_settled = hart_hits(h);
}

/* ---- one access ---- */

void hart_report_hit(struct hart *h, vaddr_t va, enum mw_access access)
{
    h->bus->hart = h->id;
    event_emit(h->bus, MW_EVENT_TLB_HIT, va, access);
}

/* The trap as a value. The event operation stays open for whoever handles it. */
static void hart_raise(struct hart *h, vaddr_t va, enum mw_access access, enum mw_walk_error error,
                       bool opened_op, struct trap *trap)
{
    *trap = (struct trap){
        .cause = walk_cause(error, access),
        .error = error,
        .access = access,
        .va = va,
        .opened_op = opened_op,
    };
    h->counters.traps++;
    event_emit(h->bus, MW_EVENT_TRAP, va, access, trap->cause, error);
}

/* A walk, counted and paid for. */
static struct walk_result hart_walk(struct hart *h, vaddr_t va, enum mw_access access)
{
    struct walk_result result = walk(h->ram, &h->rules, va, access, h->bus);

    h->counters.walks++;
    h->counters.walk_references += result.references;
    clock_advance(h->clock, (uint64_t)result.references * h->walk_step_ns);
    return result;
}

/* A miss. `stale`: the entry that matched and did not allow the access, or NULL. */
static uint8_t *hart_walk_and_fill(struct hart *h, vaddr_t va, enum mw_access access,
                                   struct tlb_entry *stale, struct trap *trap)
{
    bool opened_op = event_op_begin(h->bus);
    struct walk_result result;

    hart_settle_time(h);
    h->bus->hart = h->id;
    h->counters.misses[access]++;
    event_emit(h->bus, MW_EVENT_TLB_MISS, va, access, h->asid);
    result = hart_walk(h, va, access);
    if (result.error != MW_WALK_OK) {
        if (stale != NULL)
            tlb_evict(&h->tlb, h->bus, stale);
        hart_raise(h, va, access, result.error, opened_op, trap);
        return NULL;
    }
    if (h->rules.mode != MW_MODE_BARE)
        tlb_fill(&h->tlb, h->bus, h->ram, va, h->asid, result.level, result.leaf,
                 result.pte_address);
    event_op_end(h->bus, opened_op);
    return ram_host(h->ram, result.pa);
}

/* The host address that an entry gives va; NULL when a superpage's part at va lies outside RAM. */
static uint8_t *hart_entry_host(const struct hart *h, const struct tlb_entry *entry, vaddr_t va)
{
    uint64_t offset = va & (level_bytes(entry->form / 2) - 1);
    paddr_t pa = paddr(pte_paddr(entry->pte).raw + offset);

    return ram_contains(h->ram, pa, 1) ? ram_host(h->ram, pa) : NULL;
}

uint8_t *hart_translate_miss(struct hart *h, vaddr_t va, enum mw_access access, struct trap *trap)
{
    struct tlb_entry *entry = hart_may_hit(h, va) ? tlb_find(&h->tlb, va, h->asid) : NULL;
    uint8_t *host;

    if (entry != NULL && hart_allows(h, entry, access)) {
        host = hart_entry_host(h, entry, va);
        if (host != NULL) {
            hart_count_hit(h, entry, va, access);
            return host;
        }
    }
    return hart_walk_and_fill(h, va, access, entry, trap);
}

/* ---- accesses that cross a page ---- */

/*
 * Both pages, before a byte moves (I-HART-2). One event operation spans both, so a trap of the
 * second page hands on the operation that the first one's miss may have begun. The second page of
 * the last one is page 0.
 */
static bool hart_translate_pair(struct hart *h, vaddr_t va, enum mw_access access, uint8_t *host[2],
                                struct trap *trap)
{
    bool opened_op = event_op_begin(h->bus);

    host[0] = hart_translate(h, va, access, trap);
    host[1] = host[0] == NULL ? NULL : hart_translate(h, page_floor(va) + PAGE_BYTES, access, trap);
    if (host[1] == NULL) {
        trap->opened_op = opened_op;
        return false;
    }
    event_op_end(h->bus, opened_op);
    return true;
}

bool hart_load_crossing(struct hart *h, vaddr_t va, void *out, unsigned bytes,
                        enum mw_access access, struct trap *trap)
{
    size_t first = PAGE_BYTES - (va & PAGE_MASK);
    uint8_t *host[2];

    if (!hart_translate_pair(h, va, access, host, trap))
        return false;
    memcpy(out, host[0], first);
    memcpy((uint8_t *)out + first, host[1], bytes - first);
    return true;
}

bool hart_store_crossing(struct hart *h, vaddr_t va, const void *in, unsigned bytes,
                         struct trap *trap)
{
    size_t first = PAGE_BYTES - (va & PAGE_MASK);
    uint8_t *host[2];

    if (!hart_translate_pair(h, va, MW_STORE, host, trap))
        return false;
    memcpy(host[0], in, first);
    memcpy(host[1], (const uint8_t *)in + first, bytes - first);
    return true;
}

/* ---- the checker ---- */

/*
 * Does the entry permit only what the tables at rules->root permit, of the same page of the same
 * frame?
 */
static bool hart_check_entry(const struct hart *h, const struct walk_rules *tables,
                             const struct tlb_entry *entry)
{
    struct walk_rules rules = *tables;
    struct walk_result found;
    unsigned bit, context;

    if (entry->allowed == 0)
        return true;
    /* A walk in any situation that the entry allows finds the leaf that there is now. */
    bit = (unsigned)__builtin_ctz(entry->allowed);
    context = bit / MW_ACCESS_COUNT;
    rules.user = (context & 4) != 0;
    rules.sum = (context & 2) != 0;
    rules.mxr = (context & 1) != 0;
    found =
        walk(h->ram, &rules, tlb_entry_va(entry), (enum mw_access)(bit % MW_ACCESS_COUNT), NULL);
    /* The first page of a superpage that RAM has only a part of may be outside. */
    if (found.error != MW_WALK_OK && found.error != MW_WALK_PHYSICAL)
        return false;
    return found.level == entry->form / 2 &&
           paddr_equal(pte_paddr(found.leaf), pte_paddr(entry->pte)) &&
           (entry->allowed & ~walk_allowed(found.leaf)) == 0;
}

bool hart_check_tlb(const struct hart *h, enum mw_mode mode, paddr_t root, uint16_t asid)
{
    /* Without hardware_ad the walk writes nothing, and an entry must not let D be missed. */
    struct walk_rules tables = {.mode = mode,
                                .root = root,
                                .hardware_ad = false,
                                .svnapot = h->rules.svnapot,
                                .svpbmt = h->rules.svpbmt};

    for (uint64_t i = 0; i < (uint64_t)h->tlb.sets * h->tlb.ways; i++) {
        const struct tlb_entry *entry = &h->tlb.entries[i];

        if (tlb_entry_serves(entry, asid) && !hart_check_entry(h, &tables, entry))
            return false;
    }
    return true;
}
