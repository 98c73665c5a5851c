/*
 * Private to pt: moving about in the tree of tables.
 */
#ifndef MAPWALK_PT_PT_TABLE_H
#define MAPWALK_PT_PT_TABLE_H

#include "pt/pt.h"

#define PT_LEVELS_MAX 5

/*
 * The tables from the root (highest level) down to the leaf table (level 0) on the way to one
 * address.
 */
struct pt_path {
    struct frame *table[PT_LEVELS_MAX];
};

static inline pte_t *pt_entries(const struct pt *pt, const struct frame *table)
{
    return (pte_t *)(void *)frame_bytes(pt->frames, table);
}

static inline unsigned pt_top_level(const struct pt *pt)
{
    return mode_info(pt->mode).levels - 1;
}

/*
 * The leaf table for the first address at or above *va, below end, that has one: *va moves up over
 * what has none. NULL: none. The path to it is stored when `path` is not NULL.
 */
pte_t *pt_next_table(const struct pt *pt, vaddr_t *va, vaddr_t end, struct pt_path *path);

/*
 * The leaf table for va with all tables on the way, made where they are missing. NULL: no frame;
 * nothing changed.
 */
pte_t *pt_make_table(struct pt *pt, vaddr_t va, struct pt_path *path);

/*
 * Frees the tables of the path that have become empty, bottom up, through the batch; never the
 * root.
 */
void pt_prune(struct pt *pt, vaddr_t va, struct pt_path *path, struct tlb_batch *batch);

/* The same, from level `lowest` up, at once: for tables just made, that no walker has seen. */
void pt_prune_unseen(struct pt *pt, vaddr_t va, struct pt_path *path, unsigned lowest);

/* First address after the leaf table that covers va, or end if that comes first. */
static inline vaddr_t pt_table_end(vaddr_t va, vaddr_t end)
{
    vaddr_t next = (va | (level_bytes(1) - 1)) + 1;

    return next - 1 < end - 1 ? next : end;
}

#endif
