/*
 * The page-table editor: install, unmap, protect, copy, clean. Layer 5.
 *
 * Every loop over a range goes leaf table by leaf table (pt_next_table skips what is not there), so
 * that the cost follows what is mapped, not how wide the range is.
 */
#include "pt/pt.h"

#include <string.h>

#include "hw/stale.h"
#include "pt/pt_table.h"
#include "pt/tlb_batch.h"

int pt_init(struct pt *pt, struct frame_table *frames, struct hart_set *harts, enum mw_mode mode)
{
    contract(mode != MW_MODE_BARE);
    memset(pt, 0, sizeof(*pt));
    pt->frames = frames;
    pt->harts = harts;
    pt->mode = mode;
    pt->root = frame_alloc(frames, MW_OWNER_TABLE, true);
    if (pt->root == NULL)
        return -ENOMEM;
    frame_soil(pt->root);
    pt->tables = 1;
    event_emit(frames->bus, MW_EVENT_TABLE_ALLOC, frame_paddr(frames, pt->root).raw,
               pt_top_level(pt));
    return 0;
}

void pt_destroy(struct pt *pt)
{
    contract_on(pt->frames->bus, pt->leaves == 0 && pt->tables == 1);
    hart_set_leave(pt->harts, pt);
    pt->root->zero = true;
    event_emit(pt->frames->bus, MW_EVENT_TABLE_FREE, frame_paddr(pt->frames, pt->root).raw,
               pt_top_level(pt));
    frame_put(pt->frames, pt->root);
    pt->root = NULL;
}

void pt_activate(struct pt *pt, struct hart *hart)
{
    if (pt->harts->active[hart->id] != pt)
        hart_set_enter(pt->harts, hart->id, pt);
}

pte_t pt_lookup(const struct pt *pt, vaddr_t va, paddr_t *address)
{
    vaddr_t at = page_floor(va);
    struct pt_path path;
    pte_t *table = pt_next_table(pt, &at, at + 1, &path);
    unsigned index = level_index(va, 0);

    if (table == NULL)
        return pte_none();
    if (address != NULL)
        *address = paddr(frame_paddr(pt->frames, path.table[0]).raw + index * PTE_BYTES);
    return table[index];
}

/* The frame that a present entry names. */
static struct frame *pt_frame(const struct pt *pt, pte_t pte)
{
    return frame_of(pt->frames, pte_paddr(pte));
}

/* Tells listeners and the detector of a changed leaf, and the batch when a TLB must hear of it. */
static void pt_note_change(struct pt *pt, vaddr_t va, const pte_t *entry, pte_t old,
                           struct tlb_batch *batch)
{
    paddr_t at = ram_paddr(pt->frames->ram, entry);

    if (pte_equal(*entry, old))
        return;
    if (pte_downgrades(old, *entry))
        tlb_batch_add_page(batch, va);
    stale_note_pte(pt->harts->harts[0].stale, at, old, *entry, batch->site);
    event_emit(pt->frames->bus, MW_EVENT_PTE_SET, va, at.raw, old.raw, entry->raw, 0);
}

int pt_install(struct pt *pt, vaddr_t va, pte_t pte, struct tlb_batch *batch)
{
    struct pt_path path;
    unsigned index = level_index(va, 0);
    pte_t *table = pt_make_table(pt, va, &path);
    pte_t old;

    contract_on(pt->frames->bus, pte_present(pte) && batch->pt == pt);
    if (table == NULL)
        return -ENOMEM;
    old = table[index];
    table[index] = pte;
    pt_note_change(pt, va, &table[index], old, batch);
    if (pte_present(old)) {
        tlb_batch_add_frame(batch, pt_frame(pt, old));
        return 0;
    }
    path.table[0]->live++;
    pt->leaves++;
    return 0;
}

uint64_t pt_install_absent(struct pt *pt, struct range r, pt_source *source, void *context,
                           struct tlb_batch *batch)
{
    struct pt_path path;
    pte_t *table = pt_make_table(pt, r.start, &path);
    uint16_t made = 0;

    contract_on(pt->frames->bus, batch->pt == pt && r.end <= pt_table_end(r.start, r.end));
    if (table == NULL)
        return 0;
    for (vaddr_t va = r.start; va < r.end; va += PAGE_BYTES) {
        pte_t *entry = &table[level_index(va, 0)];
        pte_t leaf = pte_present(*entry) ? pte_none() : source(context, va);

        if (!pte_present(leaf))
            continue;
        *entry = leaf;
        pt_note_change(pt, va, entry, pte_none(), batch);
        made++;
    }
    path.table[0]->live = (uint16_t)(path.table[0]->live + made);
    pt->leaves += made;
    pt_prune_unseen(pt, r.start, &path, 0);
    return made;
}

/* Clears one present leaf; its reference goes to the batch. */
static void pt_drop_leaf(struct pt *pt, vaddr_t va, struct frame *table, pte_t *entry,
                         struct tlb_batch *batch)
{
    pte_t old = *entry;

    *entry = pte_none();
    table->live--;
    pt->leaves--;
    pt_note_change(pt, va, entry, old, batch);
    tlb_batch_add_frame(batch, pt_frame(pt, old));
}

/* Leaves that one pass over a range takes out: all that `choose` (NULL: all) wants gone. */
struct pt_removal {
    pt_chooser *choose;
    pt_visitor *visit; /* NULL: nobody is told */
    void *context;
};

static bool pt_removes(const struct pt_removal *removal, pte_t pte)
{
    return pte_present(pte) && (removal->choose == NULL || removal->choose(removal->context, pte));
}

static void pt_remove(struct pt *pt, struct range r, const struct pt_removal *removal,
                      struct tlb_batch *batch)
{
    struct pt_path path;
    pte_t *table;

    for (vaddr_t va = r.start; (table = pt_next_table(pt, &va, r.end, &path)) != NULL;) {
        vaddr_t end = pt_table_end(va, r.end);
        vaddr_t first = va;

        for (; va < end; va += PAGE_BYTES) {
            pte_t *entry = &table[level_index(va, 0)];

            if (!pt_removes(removal, *entry))
                continue;
            if (removal->visit != NULL)
                removal->visit(removal->context, va, *entry);
            pt_drop_leaf(pt, va, path.table[0], entry, batch);
        }
        pt_prune(pt, first, &path, batch);
    }
}

void pt_unmap_range(struct pt *pt, struct range r, struct tlb_batch *batch, pt_visitor *visit,
                    void *context)
{
    pt_remove(pt, r, &(struct pt_removal){.visit = visit, .context = context}, batch);
}

void pt_unmap_chosen(struct pt *pt, struct range r, struct tlb_batch *batch, pt_chooser *choose,
                     void *context)
{
    pt_remove(pt, r, &(struct pt_removal){.choose = choose, .context = context}, batch);
}

void pt_protect_range(struct pt *pt, struct range r, uint64_t rights, struct tlb_batch *batch,
                      pt_visitor *visit, void *context)
{
    pte_t *table;

    for (vaddr_t va = r.start; (table = pt_next_table(pt, &va, r.end, NULL)) != NULL;) {
        vaddr_t end = pt_table_end(va, r.end);

        for (; va < end; va += PAGE_BYTES) {
            pte_t *entry = &table[level_index(va, 0)];
            pte_t old = *entry;

            if (!pte_present(old))
                continue;
            if (visit != NULL)
                visit(context, va, old);
            *entry = pte_with_rights(old, pte_has(old, PTE_V | PTE_W) ? rights : rights & ~PTE_W);
            pt_note_change(pt, va, entry, old, batch);
        }
    }
}

/* Copies the leaves of one table into the table at the same place in `to`. */
static void pt_copy_table(struct pt *to, struct pt *from, pte_t *source, struct pt_path *target,
                          struct range r, bool cow, struct tlb_batch *batch)
{
    pte_t *copy = pt_entries(to, target->table[0]);
    uint16_t made = 0;

    for (vaddr_t va = r.start; va < r.end; va += PAGE_BYTES) {
        pte_t *entry = &source[level_index(va, 0)];
        pte_t old = *entry;

        if (!pte_present(old))
            continue;
        if (cow && pte_has(old, PTE_W)) {
            *entry = pte_without(old, PTE_W);
            pt_note_change(from, va, entry, old, batch);
        }
        frame_get(pt_frame(from, old));
        copy[level_index(va, 0)] = *entry;
        made++;
    }
    target->table[0]->live = (uint16_t)(target->table[0]->live + made);
    to->leaves += made;
}

int pt_copy_range(struct pt *to, struct pt *from, struct range r, bool cow, struct tlb_batch *batch)
{
    pte_t *table;

    for (vaddr_t va = r.start; (table = pt_next_table(from, &va, r.end, NULL)) != NULL;) {
        struct range part = {va, pt_table_end(va, r.end)};
        struct pt_path target;

        if (pt_make_table(to, va, &target) == NULL)
            return -ENOMEM;
        pt_copy_table(to, from, table, &target, part, cow, batch);
        /* The source table may hold nothing of this part: do not leave an empty table behind. */
        pt_prune_unseen(to, va, &target, 0);
        va = part.end;
    }
    return 0;
}

void pt_forget_dirty(struct pt *pt, struct range r, struct tlb_batch *batch)
{
    pte_t *table;

    for (vaddr_t va = r.start; (table = pt_next_table(pt, &va, r.end, NULL)) != NULL;) {
        vaddr_t end = pt_table_end(va, r.end);

        for (; va < end; va += PAGE_BYTES) {
            pte_t *entry = &table[level_index(va, 0)];
            pte_t old = *entry;

            if (!pte_present(old) || !pte_has(old, PTE_D))
                continue;
            *entry = pte_without(old, PTE_D);
            pt_note_change(pt, va, entry, old, batch);
        }
    }
}

bool pt_clean(struct pt *pt, struct range r, struct tlb_batch *batch)
{
    bool dirty = false;
    pte_t *table;

    for (vaddr_t va = r.start; (table = pt_next_table(pt, &va, r.end, NULL)) != NULL;) {
        vaddr_t end = pt_table_end(va, r.end);

        for (; va < end; va += PAGE_BYTES) {
            pte_t *entry = &table[level_index(va, 0)];
            pte_t old = *entry;

            if (!pte_present(old) || !(pte_has(old, PTE_W) || pte_has(old, PTE_D)))
                continue;
            dirty |= pte_has(old, PTE_D);
            *entry = pte_without(old, PTE_W | PTE_D);
            pt_note_change(pt, va, entry, old, batch);
        }
    }
    return dirty;
}

void pt_visit_range(const struct pt *pt, struct range r, pt_visitor *visit, void *context)
{
    pte_t *table;

    for (vaddr_t va = r.start; (table = pt_next_table(pt, &va, r.end, NULL)) != NULL;) {
        vaddr_t end = pt_table_end(va, r.end);

        for (; va < end; va += PAGE_BYTES) {
            pte_t entry = table[level_index(va, 0)];

            if (pte_present(entry))
                visit(context, va, entry);
        }
    }
}
