/*
 * The hart put together: its parts, registers, fences, time, counters, and accesses of any shape.
 *
 * Layer 3. Must not know who handles a trap. What one access does is in hart_miss.c. Time: a miss
 * pays for its PTE fetches at once. Hits only count, and hart_settle_time pays for all of them
 * before anything with a time stamp can happen.
 */
#include "hw/hart_quick.h"

/* What follows from the mode, and is wanted at once: for hart_may_hit, and for the walk. */
static void hart_update_mode(struct hart *h)
{
    unsigned va_bits = mode_info(h->rules.mode).va_bits;

    h->hit_bias = 0;
    h->hit_limit = 0; /* Bare never looks into the TLB */
    h->levels = mode_info(h->rules.mode).levels;
    if (h->rules.mode != MW_MODE_BARE) {
        h->hit_bias = (uint64_t)1 << (va_bits - 1);
        h->hit_limit = (uint64_t)1 << va_bits;
    }
}

/* ---- up and down ---- */

static int hart_init_tlbs(struct hart *h, const struct hart_setup *setup, struct alloc *a)
{
    const struct mw_tlb *geometry[MW_TLB_COUNT] = {[MW_TLB_L1D] = &setup->tlbs.l1d,
                                                   [MW_TLB_L1I] = &setup->tlbs.l1i,
                                                   [MW_TLB_L2] = &setup->tlbs.l2,
                                                   [MW_TLB_L2I] = &setup->tlbs.l2i};
    uint64_t seed = setup->seed ^ (uint64_t)setup->id << 16;

    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        int err = tlb_init(&h->tlb[unit], a, geometry[unit], (enum mw_tlb_unit)unit, seed);

        if (err != 0)
            return err;
    }
    h->tlb[MW_TLB_L1D].front = &h->front;
    h->tlb[MW_TLB_L1I].front = &h->front;
    return walk_cache_init(&h->walk_cache, a, &setup->tlbs.walk_cache, seed);
}

int hart_init(struct hart *h, const struct hart_setup *setup, struct alloc *a,
              const struct ram *ram, struct event_bus *bus, struct clock *clock)
{
    int err;

    contract(setup->asid_bits <= 16 && setup->tlbs.l1d.arrays > 0);
    memset(h, 0, sizeof(*h));
    front_init(&h->front);
    pages_seen_init(&h->seen, a);
    h->ram = ram;
    h->bus = bus;
    h->clock = clock;
    h->rules = (struct walk_rules){.mode = MW_MODE_BARE,
                                   .hardware_ad = setup->hardware_ad,
                                   .svnapot = setup->svnapot,
                                   .svpbmt = setup->svpbmt};
    h->prefetch = setup->tlbs.prefetch;
    h->asid_mask = (uint16_t)(((uint32_t)1 << setup->asid_bits) - 1);
    h->id = setup->id;
    h->plain = setup->plain;
    h->costs = setup->costs;
    hart_update_mode(h);
    err = hart_init_tlbs(h, setup, a);
    if (err != 0)
        hart_destroy(h);
    else
        h->quick = hart_quick_shape(h);
    return err;
}

void hart_destroy(struct hart *h)
{
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        tlb_destroy(&h->tlb[unit]);
    walk_cache_destroy(&h->walk_cache);
    pages_seen_destroy(&h->seen);
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
    front_forget_all(&h->front);
    h->rules.mode = mode;
    h->rules.root = root;
    h->asid = asid & h->asid_mask;
    pages_seen_leave(&h->seen);
    h->space = (uint64_t)1 << 63 | root.raw >> PAGE_SHIFT << 16 | h->asid;
    hart_update_mode(h);
    h->bus->hart = h->id;
    event_emit(h->bus, MW_EVENT_SATP, h->asid, root.raw);
}

void hart_set_privilege(struct hart *h, bool user, bool sum, bool mxr)
{
    front_forget_all(&h->front);
    h->rules.user = user;
    h->rules.sum = sum;
    h->rules.mxr = mxr;
    h->allowed_shift = MW_ACCESS_COUNT * ((uint32_t)user << 2 | (uint32_t)sum << 1 | (uint32_t)mxr);
}

void hart_listeners_changed(struct hart *h)
{
    front_forget_all(&h->front);
}

void hart_sfence(struct hart *h, bool has_va, vaddr_t va, bool has_asid, uint16_t asid)
{
    const struct tlb_fence fence = {has_va, has_asid, asid & h->asid_mask, va};
    uint16_t running = h->bus->hart;
    bool bare = h->rules.mode == MW_MODE_BARE;
    uint32_t dropped = 0;

    /*
     * "If the value held in rs1 is not a valid virtual address, then the SFENCE.VMA instruction has
     * no effect." In Bare mode any is, but what the TLB has cached under other modes is canonical
     * in the widest one.
     */
    if (has_va && !mode_canonical(bare ? MW_MODE_SV57 : h->rules.mode, va))
        return;
    hart_settle_time(h);
    h->flushes++;
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++)
        dropped += tlb_flush(&h->tlb[unit], &fence);
    if (!has_va)
        walk_cache_flush(&h->walk_cache, has_asid, fence.asid);
    /* A shootdown fences harts that are not the one running. */
    h->bus->hart = h->id;
    event_emit(h->bus, MW_EVENT_TLB_FLUSH, has_va, has_va ? va : 0, has_asid,
               has_asid ? fence.asid : 0, dropped);
    h->bus->hart = running;
}

/* ---- time and counters ---- */

uint64_t hart_hits(const struct hart *h, enum mw_access access)
{
    return h->hits[access] + front_hits(&h->front, access);
}

static uint64_t hart_all_hits(const struct hart *h)
{
    uint64_t hits = 0;

    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++)
        hits += hart_hits(h, (enum mw_access)access);
    return hits;
}

uint64_t hart_unsettled_ns(const struct hart *h)
{
    return (hart_all_hits(h) - h->hits_settled) * h->costs.hit_ns;
}

void hart_settle_time(struct hart *h)
{
    uint64_t hits = hart_all_hits(h);

    clock_advance(h->clock, (hits - h->hits_settled) * h->costs.hit_ns);
    h->hits_settled = hits;
}

struct mw_tlb_counters hart_tlb_counters(const struct hart *h, enum mw_tlb_unit unit)
{
    struct mw_tlb_counters counters = h->tlb[unit].counters;
    bool fetches_apart = h->tlb[MW_TLB_L1I].arrays != 0;

    /* The front serves pages of 4 KiB only. */
    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++) {
        bool fetch = access == MW_FETCH && fetches_apart;

        if (unit == (fetch ? MW_TLB_L1I : MW_TLB_L1D))
            counters.hits[MW_SIZE_4K] += front_hits(&h->front, (enum mw_access)access);
    }
    return counters;
}

/* ---- accesses of any size and alignment ---- */

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

bool hart_load_slow(struct hart *h, vaddr_t va, void *out, unsigned bytes, enum mw_access access,
                    struct trap *trap)
{
    size_t first = PAGE_BYTES - (va & PAGE_MASK);
    uint8_t *host[2];

    if (!hart_crosses(va, bytes)) {
        host[0] = hart_translate(h, va, access, trap);
        if (host[0] != NULL)
            memcpy(out, host[0], bytes);
        return host[0] != NULL;
    }
    if (!hart_translate_pair(h, va, access, host, trap))
        return false;
    memcpy(out, host[0], first);
    memcpy((uint8_t *)out + first, host[1], bytes - first);
    return true;
}

bool hart_store_slow(struct hart *h, vaddr_t va, const void *in, unsigned bytes, struct trap *trap)
{
    size_t first = PAGE_BYTES - (va & PAGE_MASK);
    uint8_t *host[2];

    if (!hart_crosses(va, bytes)) {
        host[0] = hart_translate(h, va, MW_STORE, trap);
        if (host[0] != NULL)
            memcpy(host[0], in, bytes);
        return host[0] != NULL;
    }
    if (!hart_translate_pair(h, va, MW_STORE, host, trap))
        return false;
    memcpy(host[0], in, first);
    memcpy(host[1], (const uint8_t *)in + first, bytes - first);
    return true;
}
