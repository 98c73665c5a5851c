/*
 * The tree of page tables: finding, making and freeing tables. Layer 5; knows nothing of what
 * leaves mean.
 */
#include "pt/pt_table.h"

#include "hw/stale.h"
#include "pt/tlb_batch.h"

/*
 * Moves *va up to the first entry of one table of `level` (> 0) that names a lower table. False:
 * none is left below end in this table, and *va has moved behind what has none.
 */
static bool pt_skip_empty(const pte_t *entries, vaddr_t *va, vaddr_t end, unsigned level)
{
    for (unsigned index = level_index(*va, level); index < TABLE_ENTRIES; index++) {
        if (pte_valid(entries[index]))
            return true;
        *va = (*va | (level_bytes(level) - 1)) + 1;
        if (*va == 0) /* wrapped: past the last address */
            *va = end;
        if (*va >= end)
            return false;
    }
    return false;
}

pte_t *pt_next_table(const struct pt *pt, vaddr_t *va, vaddr_t end, struct pt_path *path)
{
    while (*va < end) {
        struct frame *table = pt->root;
        unsigned level = pt_top_level(pt);

        for (; level > 0 && pt_skip_empty(pt_entries(pt, table), va, end, level); level--) {
            if (path != NULL)
                path->table[level] = table;
            table = frame_of(pt->frames, pte_paddr(pt_entries(pt, table)[level_index(*va, level)]));
        }
        if (level == 0) {
            if (path != NULL)
                path->table[0] = table;
            return pt_entries(pt, table);
        }
    }
    return NULL;
}

/* A new table of `level`, hooked into its parent. NULL: no frame. */
static struct frame *pt_hook_table(struct pt *pt, struct frame *parent, unsigned index,
                                   unsigned level)
{
    struct frame *table = frame_alloc(pt->frames, MW_OWNER_TABLE, true);

    if (table == NULL)
        return NULL;
    frame_soil(table);
    pt_entries(pt, parent)[index] = pte_make(frame_paddr(pt->frames, table), PTE_V);
    parent->live++;
    pt->tables++;
    event_emit(pt->frames->bus, MW_EVENT_TABLE_ALLOC, frame_paddr(pt->frames, table).raw, level);
    return table;
}

/* Takes an empty table out of its parent; the caller frees it. It holds only zeros again. */
static void pt_unhook_table(struct pt *pt, struct frame *parent, unsigned index,
                            struct frame *table, unsigned level)
{
    pte_t *entry = &pt_entries(pt, parent)[index];
    pte_t old = *entry;

    *entry = pte_none();
    stale_note_pte(pt->harts->harts[0].stale, ram_paddr(pt->frames->ram, entry), old, *entry,
                   MW_FENCE_TABLE);
    parent->live--;
    pt->tables--;
    table->zero = true;
    event_emit(pt->frames->bus, MW_EVENT_TABLE_FREE, frame_paddr(pt->frames, table).raw, level);
}

void pt_prune_unseen(struct pt *pt, vaddr_t va, struct pt_path *path, unsigned lowest)
{
    for (unsigned level = lowest; level < pt_top_level(pt) && path->table[level]->live == 0;
         level++) {
        pt_unhook_table(pt, path->table[level + 1], level_index(va, level + 1), path->table[level],
                        level);
        frame_put(pt->frames, path->table[level]);
    }
}

pte_t *pt_make_table(struct pt *pt, vaddr_t va, struct pt_path *path)
{
    struct frame *table = pt->root;

    for (unsigned level = pt_top_level(pt); level > 0; level--) {
        unsigned index = level_index(va, level);
        pte_t entry = pt_entries(pt, table)[index];

        path->table[level] = table;
        if (pte_valid(entry)) {
            table = frame_of(pt->frames, pte_paddr(entry));
            continue;
        }
        table = pt_hook_table(pt, table, index, level - 1);
        if (table == NULL) {
            pt_prune_unseen(pt, va, path, level);
            return NULL;
        }
    }
    path->table[0] = table;
    return pt_entries(pt, table);
}

void pt_prune(struct pt *pt, vaddr_t va, struct pt_path *path, struct tlb_batch *batch)
{
    for (unsigned level = 0; level < pt_top_level(pt) && path->table[level]->live == 0; level++) {
        pt_unhook_table(pt, path->table[level + 1], level_index(va, level + 1), path->table[level],
                        level);
        tlb_batch_add_table(batch, path->table[level]);
    }
}
