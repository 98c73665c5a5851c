/*
 * The page tables' checker: scans every table and counts again (I-PT-1..3).
 */
#include "pt/pt.h"

#include "pt/pt_table.h"

struct pt_tally {
    uint64_t leaves;
    uint64_t tables;
};

/*
 * Is this a frame that may hold what an entry of `level` names: in RAM, in use, and a table exactly
 * when it must be?
 */
static bool pt_check_target(const struct pt *pt, pte_t entry, bool table)
{
    paddr_t pa = pte_paddr(entry);
    const struct frame *f;

    if (!ram_contains(pt->frames->ram, pa, PAGE_BYTES))
        return false;
    f = frame_of(pt->frames, pa);
    return f->refs > 0 && (f->owner == MW_OWNER_TABLE) == table;
}

/* One table and all below it; the recursion is as deep as the mode has levels. */
static bool pt_check_table(const struct pt *pt, const struct frame *table, unsigned level,
                           struct pt_tally *tally)
{
    const pte_t *entries = pt_entries(pt, table);
    unsigned live = 0;

    tally->tables++;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        pte_t entry = entries[i];

        if (pte_equal(entry, pte_none()))
            continue;
        live++;
        if (!pt_check_target(pt, entry, level > 0))
            return false;
        if (level == 0) {
            tally->leaves++;
            if (!pte_leaf(entry) && !pte_parked(entry))
                return false;
        } else if (!pte_pointer(entry) ||
                   !pt_check_table(pt, frame_of(pt->frames, pte_paddr(entry)), level - 1, tally)) {
            return false;
        }
    }
    return live == table->live && (live > 0 || table == pt->root);
}

bool pt_check(const struct pt *pt)
{
    struct pt_tally tally = {0};

    return pt_check_table(pt, pt->root, pt_top_level(pt), &tally) && tally.leaves == pt->leaves &&
           tally.tables == pt->tables;
}
