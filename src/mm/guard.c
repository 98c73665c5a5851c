/*
 * Guard pages: madvise with MADV_GUARD_INSTALL and MADV_GUARD_REMOVE. Layer 6.
 *
 * A guard is a property of a page, not of an area: areas neither split nor stay apart for it, and
 * /proc/PID/maps does not show it; an area only has VMA_GUARDS ("gu" in smaps) once it had one. Linux writes a marker into the page-table entry. Here guards are
 * the entries of mm.guards, since a PTE whose V is 0 means "no page" to everybody else. They outlive
 * mprotect, MADV_DONTNEED and truncation, move with mremap, are inherited by fork unless the area is
 * wiped, and go with the mapping.
 *
 *   I-MM-7  a guard page lies in an area with VMA_GUARDS, and is not present
 */
#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

bool mm_is_guarded(const struct mm *mm, vaddr_t page)
{
    return mm->guards.count != 0 && radix_get(&mm->guards, page >> PAGE_SHIFT) != NULL;
}

/* A guard is only asked for, so any pointer does. */
static int guard_add(struct mm *mm, vaddr_t page)
{
    if (mm_is_guarded(mm, page))
        return 0;
    return radix_insert(&mm->guards, page >> PAGE_SHIFT, mm);
}

int mm_guard_install(struct mm *mm, struct range r)
{
    struct range done = {r.start, r.start};
    struct tlb_batch batch;
    int err = 0;

    while (done.end < r.end) {
        err = guard_add(mm, done.end);
        if (err != 0)
            break;
        done.end += PAGE_BYTES;
    }
    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_UNMAP);
    pt_unmap_range(&mm->pt, done, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    mm_uffd_drop_marks(mm, done);
    return err;
}

void mm_guard_remove(struct mm *mm, struct range r)
{
    uint64_t index = r.start >> PAGE_SHIFT;
    void *value;

    while (mm->guards.count != 0 && radix_next(&mm->guards, &index, &value) &&
           index < r.end >> PAGE_SHIFT)
        radix_remove(&mm->guards, index);
}

int mm_guard_copy(struct mm *to, const struct mm *from, struct range r, uint64_t distance)
{
    uint64_t index = r.start >> PAGE_SHIFT;
    void *value;
    int err = 0;

    for (; err == 0 && from->guards.count != 0 && radix_next(&from->guards, &index, &value) &&
           index < r.end >> PAGE_SHIFT;
         index++)
        err = guard_add(to, (index << PAGE_SHIFT) + distance);
    return err;
}

bool mm_guard_check(const struct mm *mm)
{
    uint64_t index = 0;
    void *value;

    for (; radix_next(&mm->guards, &index, &value); index++) {
        vaddr_t page = index << PAGE_SHIFT;
        const struct vma *v = vma_set_find(&mm->vmas, page);

        if (v == NULL || !(v->flags & VMA_GUARDS) || pte_present(pt_lookup(&mm->pt, page, NULL)))
            return false;
    }
    return radix_check(&mm->guards);
}
