/*
 * userfaultfd's effects on areas and pages. Layer 6. See uffd.h.
 *
 * Hardware has no bit for "write-protected by a userfaultfd", so the pages that are have an entry
 * in mm.uffd_marks. Such a page's PTE has no W, like that of a page to be copied on write; the mark
 * tells the fault handler to ask before it gives W back.
 */
#include "mm/uffd.h"

#include <string.h>

#include "base/contract.h"
#include "mm/mm_private.h"

/* ---- marks ---- */

bool mm_uffd_is_marked(const struct mm *mm, vaddr_t page)
{
    return mm->uffd_marks.count != 0 && radix_get(&mm->uffd_marks, page >> PAGE_SHIFT) != NULL;
}

void mm_uffd_drop_marks(struct mm *mm, struct range r)
{
    uint64_t index = r.start >> PAGE_SHIFT;
    void *value;

    while (mm->uffd_marks.count != 0 && radix_next(&mm->uffd_marks, &index, &value) &&
           index < r.end >> PAGE_SHIFT)
        radix_remove(&mm->uffd_marks, index);
}

/* A mark is only asked for, so any pointer does. */
static int uffd_mark(struct mm *mm, vaddr_t page)
{
    if (mm_uffd_is_marked(mm, page))
        return 0;
    return radix_insert(&mm->uffd_marks, page >> PAGE_SHIFT, mm);
}

/* ---- registration ---- */

static bool uffd_is_shared_anonymous(const struct vma *v)
{
    return (v->flags & VMA_SHARED) && !vma_is_anonymous(v) && v->file->map->inode == NULL;
}

/*
 * Can the area be registered for these modes (vma_can_userfault)? Marks are kept for private memory
 * only, as by a kernel without CONFIG_PTE_MARKER_UFFD_WP; there are no minor faults in it.
 */
static bool uffd_suits(const struct vma *v, uint32_t modes)
{
    bool shared = uffd_is_shared_anonymous(v);

    if (v->flags & VMA_DROPPABLE)
        return false;
    if (((modes & VMA_UFFD_MINOR) && !shared) || ((modes & VMA_UFFD_WP) && !vma_is_anonymous(v)))
        return false;
    return vma_is_anonymous(v) || shared;
}

static int uffd_may_register(const struct vma *v, uint32_t number, uint32_t modes)
{
    if (!uffd_suits(v, modes))
        return -EINVAL;
    if (!(v->flags & VMA_MAYWRITE))
        return -EPERM;
    return vma_uffd(v) != 0 && vma_uffd(v) != number ? -EBUSY : 0;
}

/* Gives the part of one area other bits. *v becomes the area that covers it now. */
static int uffd_change(struct mm *mm, struct vma **v, struct range r, uint32_t bits)
{
    struct vma_change change = {
        .prot = (*v)->prot, .flags = ((*v)->flags & ~VMA_UFFD_BITS) | bits, .name = (*v)->name};

    change.range.start = r.start > (*v)->start ? r.start : (*v)->start;
    change.range.end = r.end < (*v)->end ? r.end : (*v)->end;
    return mm_change(mm, v, &change);
}

/* All areas are looked at before the first is changed. */
static int uffd_check_areas(const struct mm *mm, struct range r, uint32_t number, uint32_t modes)
{
    const struct vma *v = vma_set_find_above(&mm->vmas, r.start);

    if (v == NULL || v->start >= r.end)
        return -EINVAL;
    for (; v != NULL && v->start < r.end; v = vma_set_next(&mm->vmas, v)) {
        int err = uffd_may_register(v, number, modes);

        if (err != 0)
            return err;
    }
    return 0;
}

int mm_uffd_register(struct mm *mm, struct range r, uint32_t number, uint32_t modes)
{
    uint32_t bits = modes | number << MW_VMA_UFFD_SHIFT;
    int err = uffd_check_areas(mm, r, number, modes);

    contract(number > 0 && number <= MM_UFFD_MOST && (modes & ~VMA_UFFD_MODES) == 0);
    for (vaddr_t at = r.start; err == 0 && at < r.end;) {
        struct vma *v = vma_set_find_above(&mm->vmas, at);

        if (v == NULL || v->start >= r.end)
            break;
        /* One that has these modes and more keeps them. */
        if (vma_uffd(v) != number || (v->flags & modes) != modes)
            err = uffd_change(mm, &v, r, bits);
        at = v->end;
    }
    return err;
}

int mm_uffd_unregister(struct mm *mm, struct range r, uint32_t number)
{
    const struct vma *first = vma_set_find_above(&mm->vmas, r.start);
    int err = 0;

    if (first == NULL || first->start >= r.end)
        return -EINVAL;
    for (const struct vma *v = first; v != NULL && v->start < r.end; v = vma_set_next(&mm->vmas, v))
        if (!uffd_suits(v, 0) || (vma_uffd(v) != 0 && vma_uffd(v) != number))
            return -EINVAL;
    for (vaddr_t at = r.start; err == 0 && at < r.end;) {
        struct vma *v = vma_set_find_above(&mm->vmas, at);

        if (v == NULL || v->start >= r.end)
            break;
        if (vma_uffd(v) != 0)
            err = uffd_change(mm, &v, r, 0);
        if (err == 0)
            mm_uffd_drop_marks(mm, (struct range){at, v->end < r.end ? v->end : r.end});
        at = v->end;
    }
    return err;
}

/* Whole areas: nothing is split, so that nothing can fail but joining neighbours. */
void mm_uffd_forget(struct mm *mm, uint32_t number)
{
    for (vaddr_t at = 0; at < mm->user_end;) {
        struct vma *v = vma_set_find_above(&mm->vmas, at);

        if (v == NULL)
            return;
        at = v->end;
        if (vma_uffd(v) != number)
            continue;
        mm_uffd_drop_marks(mm, (struct range){v->start, v->end});
        if (uffd_change(mm, &v, (struct range){v->start, v->end}, 0) != 0)
            vma_set_reflag(&mm->vmas, v, v->prot, v->flags & ~VMA_UFFD_BITS, v->name);
    }
}

/* ---- filling pages ---- */

int mm_uffd_may_fill(const struct mm *mm, struct range r, enum mm_uffd_fill fill, bool protect)
{
    const struct vma *v = vma_set_find(&mm->vmas, r.start);

    if (v == NULL || r.end > v->end || vma_uffd(v) == 0)
        return -ENOENT;
    if (protect && !(v->flags & VMA_UFFD_WP))
        return -EINVAL;
    return fill == MM_UFFD_CONTINUE && !uffd_is_shared_anonymous(v) ? -EINVAL : 0;
}

/* The leaf of a page that was filled; takes over the reference of the frame. */
static int uffd_install(struct mm *mm, const struct vma *v, vaddr_t va, struct frame *frame,
                        bool writable)
{
    uint64_t flags = mm_rights(mm, v->prot) | PTE_V;
    int err;

    if (!writable)
        flags &= ~PTE_W;
    if (!(flags & PTE_RWX)) /* PROT_NONE: there, but for nobody */
        flags = PTE_PARKED;
    if (!mm->env->config->hardware_ad)
        flags |= PTE_A | (flags & PTE_W ? PTE_D : 0);
    if (flags & PTE_W)
        frame_soil(frame);
    err = mm_install(mm, va, pte_make(frame_paddr(mm->env->frames, frame), flags));
    if (err != 0)
        frame_put(mm->env->frames, frame);
    return err;
}

/* A frame of the process's own with these bytes. */
static int uffd_fill_private(struct mm *mm, struct vma *v, vaddr_t va, const uint8_t *bytes,
                             bool protect)
{
    struct frame *frame = mm_frame_alloc(mm->env, false);
    int err = frame == NULL ? -ENOMEM : 0;

    if (err == 0 && protect)
        err = uffd_mark(mm, va);
    if (err != 0) {
        if (frame != NULL)
            frame_put(mm->env->frames, frame);
        return err;
    }
    frame_soil(frame);
    memcpy(frame_bytes(mm->env->frames, frame), bytes, PAGE_BYTES);
    mm_start_history(mm, v);
    err = uffd_install(mm, v, va, frame, !protect);
    if (err != 0 && protect)
        mm_uffd_drop_marks(mm, (struct range){va, va + PAGE_BYTES});
    return err;
}

/* A page of a shared object; its bytes are the object's, for all who map it. */
static int uffd_fill_shared(struct mm *mm, const struct vma *v, vaddr_t va, enum mm_uffd_fill fill,
                            const uint8_t *bytes)
{
    struct file_map *map = v->file->map;
    uint64_t index = vma_index(v, va);
    bool there = radix_get(&map->pages, index) != NULL;
    struct frame *frame;
    int err;

    if (index >= page_ceil(file_map_bytes(map)) >> PAGE_SHIFT)
        return -EFAULT;
    if (there != (fill == MM_UFFD_CONTINUE))
        return there ? -EEXIST : -EFAULT;
    err = cache_page(map, index, &frame, NULL);
    if (err != 0)
        return err;
    if (bytes != NULL) {
        frame_soil(frame);
        memcpy(frame_bytes(mm->env->frames, frame), bytes, PAGE_BYTES);
    }
    return uffd_install(mm, v, va, frame_get(frame), true);
}

int mm_uffd_fill(struct mm *mm, vaddr_t va, enum mm_uffd_fill fill, const uint8_t *bytes,
                 bool protect)
{
    struct vma *v = vma_set_find(&mm->vmas, va);

    contract(v != NULL && page_aligned(va));
    if (pte_present(pt_lookup(&mm->pt, va, NULL)) || mm_is_guarded(mm, va))
        return -EEXIST;
    if (!vma_is_anonymous(v))
        return uffd_fill_shared(mm, v, va, fill, bytes);
    if (bytes != NULL)
        return uffd_fill_private(mm, v, va, bytes, protect);
    return uffd_install(mm, v, va, frame_get(mm->env->zero), false);
}

/* ---- write-protection ---- */

struct uffd_marking {
    struct mm *mm;
    int err;
};

static void uffd_mark_leaf(void *context, vaddr_t va, pte_t pte)
{
    struct uffd_marking *m = context;

    (void)pte;
    if (m->err == 0)
        m->err = uffd_mark(m->mm, va);
}

/* Marks first, so that a page never loses W without the mark that says why. */
static int uffd_protect_area(struct mm *mm, const struct vma *v, struct range r)
{
    struct uffd_marking marking = {.mm = mm};
    struct tlb_batch batch;

    pt_visit_range(&mm->pt, r, uffd_mark_leaf, &marking);
    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_PROTECT);
    pt_protect_range(&mm->pt, r, mm_rights(mm, v->prot) & ~PTE_W, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    return marking.err;
}

int mm_uffd_protect(struct mm *mm, struct range r, bool on)
{
    const struct vma *v = vma_set_find_above(&mm->vmas, r.start);
    int err = -ENOENT;

    for (; v != NULL && v->start < r.end; v = vma_set_next(&mm->vmas, v)) {
        struct range part = {r.start > v->start ? r.start : v->start,
                             r.end < v->end ? r.end : v->end};

        if (!(v->flags & VMA_UFFD_WP))
            return -ENOENT;
        err = 0;
        if (on)
            err = uffd_protect_area(mm, v, part);
        else
            mm_uffd_drop_marks(mm, part);
        if (err != 0)
            return err;
    }
    return err;
}

bool mm_uffd_check(const struct mm *mm)
{
    uint64_t index = 0;
    void *value;

    for (; radix_next(&mm->uffd_marks, &index, &value); index++) {
        vaddr_t va = index << PAGE_SHIFT;
        const struct vma *v = vma_set_find(&mm->vmas, va);
        pte_t pte = pt_lookup(&mm->pt, va, NULL);

        if (v == NULL || !vma_is_anonymous(v) || !(v->flags & VMA_UFFD_WP) || !pte_present(pte) ||
            pte_has(pte, PTE_V | PTE_W))
            return false;
    }
    return true;
}
