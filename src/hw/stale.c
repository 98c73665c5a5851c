/*
 * The stale-translation detector. Layer 3; see stale.h.
 *
 *     stale_check_use
 *      |- stale_judge_pointer, stale_judge_leaf   does it differ, how, and what does that lose?
 *      '- stale_report                            unless it was told before:
 *          |- stale_blame                         which change does the difference come from?
 *          '- stale_tell                          the finding as events
 *
 * The question is never "is this entry older than its PTE?" but "is this use what a walk would have
 * given?", so a kernel that leaves out a fence on purpose, and rightly, hears nothing. The one
 * exception is rights: an entry that still has some which were taken away is a finding at its first
 * use, whatever that was, because the fence is missing already.
 */
#include "hw/stale.h"

#include <string.h>

#include "hw/hart.h"

#define STALE_HARTS_MAX 64u

struct stale {
    struct alloc *alloc;
    const struct ram *ram;
    struct event_bus *bus;
    struct hart *harts;
    unsigned hart_count;
    enum mw_call call; /* under way; MW_CALL_COUNT: none */
    uint64_t swept_ns; /* when the last sweep was */
    struct stale_log log;
    struct mw_stale_counters counters;
    uint64_t hart_uses[STALE_HARTS_MAX];
    uint64_t missing[MW_STALE_FINDINGS_MAX]; /* of each finding, what makes it one (I-STALE-2) */
    struct mw_stale_finding findings[MW_STALE_FINDINGS_MAX];
};

/* What a comparison came to. */
struct stale_verdict {
    bool stale;
    enum mw_stale kind;
    enum mw_loss loss;
    pte_t present; /* where the walk ends now */
};

/* The PTEs on the way to an address as they are now, root first: what walk() does not return. */
struct stale_path {
    unsigned count;
    paddr_t at[MODE_LEVELS_MAX];
    pte_t pte[MODE_LEVELS_MAX];
};

struct stale *stale_new(struct alloc *a, const struct ram *ram, struct event_bus *bus,
                        struct hart *harts, unsigned count)
{
    struct stale *stale = alloc_zeroed(a, sizeof(*stale));

    contract(count <= STALE_HARTS_MAX);
    if (stale == NULL)
        return NULL;
    stale->alloc = a;
    stale->ram = ram;
    stale->bus = bus;
    stale->harts = harts;
    stale->hart_count = count;
    stale->call = MW_CALL_COUNT;
    stale_log_init(&stale->log, a);
    return stale;
}

void stale_free(struct stale *stale)
{
    if (stale == NULL)
        return;
    stale_log_destroy(&stale->log);
    alloc_release(stale->alloc, stale);
}

/* ---- what changes ---- */

/* The time now, without moving the clock: hits that are not paid for yet belong to it. */
static uint64_t stale_now(const struct stale *stale)
{
    uint64_t now = stale->bus->clock->now_ns;

    for (unsigned i = 0; i < stale->hart_count; i++)
        now += hart_unsettled_ns(&stale->harts[i]);
    return now;
}

/* "Here and now, on behalf of whoever runs." */
static struct stale_change stale_who(const struct stale *stale, enum mw_fence site)
{
    uint64_t now = stale_now(stale);

    return (struct stale_change){.from_ns = now,
                                 .to_ns = now,
                                 .op = stale->bus->op,
                                 .pid = stale->bus->pid,
                                 .hart = stale->bus->hart,
                                 .call = (uint8_t)stale->call,
                                 .site = (uint8_t)site};
}

void stale_note_pte(struct stale *stale, paddr_t at, pte_t old, pte_t new, enum mw_fence site)
{
    struct stale_change who;

    if (stale == NULL)
        return;
    who = stale_who(stale, site);
    stale_log_change_pte(&stale->log, at, old, new, &who);
}

void stale_note_root(struct stale *stale, const struct hart *hart, enum mw_fence site)
{
    struct stale_change who;

    if (stale == NULL || hart->rules.mode == MW_MODE_BARE) /* which no entry is of */
        return;
    who = stale_who(stale, site);
    who.hart = hart->id;
    stale_log_change_root(&stale->log, hart->id, hart->asid, hart->rules.root, &who);
}

void stale_note_call(struct stale *stale, enum mw_call call)
{
    if (stale != NULL)
        stale->call = call;
}

/* In Bare mode there is no way to go. */
static void stale_trace(const struct hart *hart, vaddr_t va, struct stale_path *path)
{
    paddr_t table = hart->rules.root;

    path->count = 0;
    for (unsigned level = mode_info(hart->rules.mode).levels; level-- > 0;) {
        paddr_t at = paddr(table.raw + level_index(va, level) * PTE_BYTES);
        pte_t *pte = &path->pte[path->count];

        if (!ram_contains(hart->ram, at, PTE_BYTES))
            return;
        memcpy(&pte->raw, ram_host(hart->ram, at), PTE_BYTES);
        path->at[path->count++] = at;
        if (!pte_pointer(*pte))
            return;
        table = pte_paddr(*pte);
    }
}

/* The size of the page at the end of the path; what is none counts as the smallest. */
static uint64_t stale_page_bytes(const struct hart *hart, const struct stale_path *path)
{
    unsigned level = mode_info(hart->rules.mode).levels - path->count;

    if (path->count == 0 || !pte_leaf(path->pte[path->count - 1]))
        return PAGE_BYTES;
    if (level == 0 && pte_has(path->pte[path->count - 1], PTE_N))
        return PTE_NAPOT_PAGES * PAGE_BYTES;
    return level_bytes(level);
}

void stale_watch(struct stale *stale, const struct hart *hart, vaddr_t va)
{
    if (stale == NULL)
        return;
    for (uint32_t page = 0; page <= hart->prefetch; page++) {
        struct stale_path path;

        stale_trace(hart, va, &path);
        for (unsigned i = 0; i < path.count; i++)
            stale_log_watch(&stale->log, path.at[i], path.pte[i]);
        va += stale_page_bytes(hart, &path);
    }
}

void stale_sweep(struct stale *stale, const struct hart *hart)
{
    struct stale_change who;

    if (stale == NULL)
        return;
    who = stale_who(stale, MW_FENCE_NONE);
    who.hart = hart->id;
    who.from_ns = stale->swept_ns;
    stale_log_sweep(&stale->log, stale->ram, &who);
    stale->swept_ns = who.to_ns;
}

/* ---- does it differ? ---- */

static bool stale_stores(enum mw_access access)
{
    return access == MW_STORE || access == MW_AMO;
}

static struct stale_verdict stale_verdict(enum mw_stale kind, enum mw_loss loss, pte_t present)
{
    return (struct stale_verdict){.stale = true, .kind = kind, .loss = loss, .present = present};
}

/* Bytes went to, or came from, a frame that is not there. */
static struct stale_verdict stale_wrong_frame(enum mw_stale kind, enum mw_access access,
                                              pte_t present)
{
    return stale_verdict(kind, stale_stores(access) ? MW_LOSS_WRITE : MW_LOSS_READ, present);
}

/* A cached pointer is as good as the one that a walk finds, wherever that lies. */
static struct stale_verdict stale_judge_pointer(const struct hart *hart,
                                                const struct tlb_entry *entry, vaddr_t va)
{
    unsigned level = entry->size - MW_SIZE_2M + 1u;
    unsigned place = mode_info(hart->rules.mode).levels - 1 - level;
    struct stale_path path;
    pte_t present = pte_none();

    stale_trace(hart, va, &path);
    if (path.count > 0)
        present = path.pte[place < path.count ? place : path.count - 1];
    if (place < path.count && pte_pointer(present) && paddr_equal(pte_paddr(present), entry->base))
        return (struct stale_verdict){.stale = false};
    return stale_verdict(MW_STALE_POINTER, MW_LOSS_WALK, present);
}

/*
 * The walk came to a leaf of the right frame that lets the access through, or would with A or D:
 * what is left to differ does not make the access wrong, only something about it.
 */
static struct stale_verdict stale_judge_rest(const struct tlb_entry *entry, enum mw_access access,
                                             const struct walk_result *found)
{
    if (!pte_same_memory_type(entry->pte, found->leaf))
        return stale_verdict(MW_STALE_MEMORY_TYPE, MW_LOSS_TYPE, found->pte);
    if (stale_stores(access) && !pte_has(found->leaf, PTE_D))
        return stale_verdict(MW_STALE_DIRTY, MW_LOSS_DIRTY, found->pte);
    if (!pte_has(found->leaf, PTE_A))
        return stale_verdict(MW_STALE_ACCESSED, MW_LOSS_ACCESSED, found->pte);
    if ((pte_grants(entry->pte) & ~pte_grants(found->leaf)) != 0)
        return stale_verdict(MW_STALE_RIGHTS, MW_LOSS_NONE, found->pte);
    return (struct stale_verdict){.stale = false};
}

/* Compares an entry that lets the access through with a walk that leaves no trace. */
static struct stale_verdict stale_judge_leaf(const struct hart *hart, const struct tlb_entry *entry,
                                             vaddr_t va, enum mw_access access)
{
    paddr_t used = paddr(entry->base.raw + (va & (tlb_size_bytes(entry->size) - 1)));
    struct walk_rules rules = hart->rules;
    struct walk_result found;
    uint64_t offset;

    rules.hardware_ad = false; /* I-WALK-1: then it writes nothing */
    found = walk(hart->ram, &rules, va, access, NULL);
    switch (found.error) {
    case MW_WALK_OK:
    case MW_WALK_ACCESSED_CLEAR:
    case MW_WALK_DIRTY_CLEAR:
    case MW_WALK_NO_READ:
    case MW_WALK_NO_WRITE:
    case MW_WALK_NO_EXECUTE:
    case MW_WALK_NOT_USER:
    case MW_WALK_USER_PAGE:
    case MW_WALK_PHYSICAL:
        break; /* there is a leaf */
    default:
        return stale_wrong_frame(MW_STALE_UNMAPPED, access, found.pte);
    }
    offset = va & (level_bytes(found.level) - 1);
    if ((pte_paddr(found.leaf).raw | offset) != used.raw)
        return stale_wrong_frame(MW_STALE_FRAME, access, found.pte);
    if (found.error != MW_WALK_OK && found.error != MW_WALK_ACCESSED_CLEAR &&
        found.error != MW_WALK_DIRTY_CLEAR)
        return stale_verdict(MW_STALE_RIGHTS, MW_LOSS_PROTECTION, found.pte);
    return stale_judge_rest(entry, access, &found);
}

/* ---- who is to blame? ---- */

static const struct stale_change *stale_newer(const struct stale_change *a,
                                              const struct stale_change *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    return a->number > b->number ? a : b;
}

/*
 * The change that made the entry wrong; NULL: not known. When its own PTE is what it was, walks no
 * longer come to it: then it was the last change of a pointer on the way, or of the root.
 */
static const struct stale_change *stale_blame(struct stale *stale, const struct hart *hart,
                                              const struct tlb_entry *entry, vaddr_t va,
                                              bool *own_pte)
{
    const struct stale_change *last;
    struct stale_path path;
    pte_t now;

    memcpy(&now.raw, ram_host(hart->ram, entry->pte_address), PTE_BYTES);
    *own_pte = pte_downgrades(entry->pte, now);
    if (*own_pte)
        return stale_log_pte(&stale->log, entry->pte_address);
    last = stale_log_root(&stale->log, hart->id, hart->asid);
    stale_trace(hart, va, &path);
    for (unsigned i = 0; i < path.count; i++)
        last = stale_newer(last, stale_log_pte(&stale->log, path.at[i]));
    return last;
}

static void stale_fill_change(struct mw_stale_finding *f, const struct stale_change *change)
{
    f->changed_call = MW_CALL_COUNT;
    if (change == NULL)
        return;
    f->known = true;
    f->by_satp = change->by_satp;
    f->pte_address = change->pte_address;
    f->old_value = change->old_value;
    f->new_value = change->new_value;
    f->changed_from_ns = change->from_ns;
    f->changed_to_ns = change->to_ns;
    f->changed_op = change->op;
    f->changed_pid = change->pid;
    f->changed_hart = change->hart;
    f->changed_call = change->call;
    f->site = change->site;
}

/*
 * A fence with an address orders leaf PTEs only, so a changed pointer or root takes one without; a
 * global entry has no ASID that could be named.
 */
static void stale_fill_fence(struct mw_stale_finding *f, const struct tlb_entry *entry,
                             bool own_pte)
{
    f->fence_has_va = own_pte && pte_leaf(entry->pte);
    f->fence_va = f->fence_has_va ? page_floor(f->va) : 0;
    f->fence_has_asid = !pte_has(entry->pte, PTE_G);
    f->fence_asid = f->fence_has_asid ? f->asid : 0;
}

/* ---- telling ---- */

static void stale_tell(struct stale *stale, struct hart *hart, struct mw_stale_finding *f)
{
    struct event_bus *bus = stale->bus;
    uint16_t running = bus->hart;
    bool opened_op = event_op_begin(bus);

    hart_settle_time(hart);
    bus->hart = hart->id;
    f->op = bus->op;
    f->time_ns = bus->clock->now_ns;
    event_emit(bus, MW_EVENT_STALE_USE, f->va, f->access, f->tlb, f->asid, f->kind, f->loss,
               f->cached_pte, f->present_pte);
    if (f->known)
        event_emit(bus, MW_EVENT_STALE_CHANGE, f->pte_address, f->old_value, f->new_value,
                   f->changed_hart, f->changed_pid, f->changed_op, f->changed_from_ns,
                   f->changed_to_ns);
    event_emit(bus, MW_EVENT_STALE_FENCE, f->site, f->fence_has_va, f->fence_va, f->fence_has_asid,
               f->fence_asid);
    bus->hart = running;
    event_op_end(bus, opened_op);
}

/*
 * What makes a fence one that was not missed before: the change that it had to follow, and the hart
 * where. Of a change that is not known, the PTE stands for it.
 */
static uint64_t stale_missing(const struct hart *hart, const struct tlb_entry *entry,
                              const struct stale_change *change)
{
    uint64_t what = change != NULL ? change->number << 1 : entry->pte_address.raw | 1;

    return prng_mix(prng_mix(what) ^ ((uint64_t)hart->id << 16 | hart->asid));
}

/* Index of the finding that `missing` stands for; counters.findings: there is none yet. */
static uint64_t stale_find_missing(const struct stale *stale, uint64_t missing)
{
    uint64_t i = 0;

    while (i < stale->counters.findings && stale->missing[i] != missing)
        i++;
    return i;
}

/* A use that is not right: a new finding, a worse one than before, or nothing new. */
static void stale_report(struct stale *stale, struct hart *hart, const struct tlb_entry *entry,
                         const struct mw_stale_finding *use)
{
    bool own_pte;
    const struct stale_change *change = stale_blame(stale, hart, entry, use->va, &own_pte);
    uint64_t missing = stale_missing(hart, entry, change);
    uint64_t i = stale_find_missing(stale, missing);
    struct mw_stale_finding *f = &stale->findings[i];

    if (i == MW_STALE_FINDINGS_MAX) {
        stale->counters.untold++;
        return;
    }
    if (i < stale->counters.findings && f->loss >= use->loss)
        return;
    stale->counters.findings += i == stale->counters.findings;
    stale->missing[i] = missing;
    *f = *use;
    stale_fill_change(f, change);
    stale_fill_fence(f, entry, own_pte);
    stale_tell(stale, hart, f);
}

void stale_check_use(struct stale *stale, struct hart *hart, enum mw_tlb_unit unit,
                     const struct tlb_entry *entry, vaddr_t va, enum mw_access access)
{
    struct mw_stale_finding use = {.pid = stale->bus->pid,
                                   .va = va,
                                   .hart = hart->id,
                                   .asid = hart->asid,
                                   .access = (uint8_t)access,
                                   .tlb = (uint8_t)unit,
                                   .cached_pte = entry->pte.raw};
    struct stale_verdict verdict = unit == MW_TLB_COUNT ? stale_judge_pointer(hart, entry, va)
                                                        : stale_judge_leaf(hart, entry, va, access);

    if (!verdict.stale)
        return;
    use.kind = (uint8_t)verdict.kind;
    use.loss = (uint8_t)verdict.loss;
    use.present_pte = verdict.present.raw;
    stale->counters.uses++;
    stale->counters.by_loss[verdict.loss]++;
    stale->hart_uses[hart->id]++;
    stale_report(stale, hart, entry, &use);
}

/* ---- what was found ---- */

void stale_read_counters(const struct stale *stale, struct mw_stale_counters *out)
{
    *out = stale->counters;
}

uint64_t stale_hart_uses(const struct stale *stale, unsigned hart)
{
    return stale->hart_uses[hart];
}

const struct mw_stale_finding *stale_finding(const struct stale *stale, uint64_t i)
{
    return i < stale->counters.findings ? &stale->findings[i] : NULL;
}

bool stale_check(const struct stale *stale)
{
    uint64_t uses = 0;

    for (uint64_t i = 0; i < stale->counters.findings; i++)
        if (stale_find_missing(stale, stale->missing[i]) != i)
            return false;
    for (unsigned i = 0; i < MW_LOSS_COUNT; i++)
        uses += stale->counters.by_loss[i];
    return uses == stale->counters.uses && stale_log_check(&stale->log);
}
