/*
 * madvise: properties of areas, and pages taken away or fetched ahead. Layer 6.
 *
 * Holes are passed over and told at the end (-ENOMEM); any other error ends the call, and what came
 * before stays. Advice that only memory pressure would show (COLD, PAGEOUT) is checked as
 * Linux checks it and otherwise accepted, but that PAGEOUT drops what FREE gave up.
 */
#include <signal.h>

#include "cache/readahead.h"
#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

/* What older C libraries do not name; the values are the kernel's. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* One area's share of the range. */
struct advice {
    struct mm *mm;
    struct vma *vma;
    struct range part;
    int advice;
};

/* ---- advice that becomes flags ---- */

/* What MADV_* sets and clears of an area's flags. */
struct advice_flags {
    int advice;
    uint32_t clear;
    uint32_t set;
};

static const struct advice_flags advice_flags[] = {
    {MADV_NORMAL, VMA_RAND_READ | VMA_SEQ_READ, 0},
    {MADV_SEQUENTIAL, VMA_RAND_READ, VMA_SEQ_READ},
    {MADV_RANDOM, VMA_SEQ_READ, VMA_RAND_READ},
    {MADV_DONTFORK, 0, VMA_DONTCOPY},
    {MADV_DOFORK, VMA_DONTCOPY, 0},
    {MADV_WIPEONFORK, 0, VMA_WIPEONFORK},
    {MADV_KEEPONFORK, VMA_WIPEONFORK, 0},
    {MADV_DONTDUMP, 0, VMA_DONTDUMP},
    {MADV_DODUMP, VMA_DONTDUMP, 0},
    {MADV_HUGEPAGE, VMA_NOHUGEPAGE, VMA_HUGEPAGE},
    {MADV_NOHUGEPAGE, VMA_HUGEPAGE, VMA_NOHUGEPAGE},
    {MADV_MERGEABLE, 0, VMA_MERGEABLE},
    {MADV_UNMERGEABLE, VMA_MERGEABLE, 0},
};

static const struct advice_flags *advice_find_flags(int advice)
{
    for (size_t i = 0; i < sizeof(advice_flags) / sizeof(advice_flags[0]); i++)
        if (advice_flags[i].advice == advice)
            return &advice_flags[i];
    return NULL;
}

/* Is this advice refused for areas of this kind? */
static bool advice_forbidden(const struct vma *v, int advice)
{
    switch (advice) {
    case MADV_WIPEONFORK:
        return v->file != NULL;
    case MADV_KEEPONFORK:
    case MADV_DODUMP:
        return (v->flags & VMA_DROPPABLE) != 0;
    default:
        return false;
    }
}

/* Memory that is shared, huge, or made to be dropped, is never merged page by page. */
static bool advice_has_no_effect(const struct vma *v, int advice)
{
    return (advice == MADV_MERGEABLE || advice == MADV_UNMERGEABLE) &&
           ((v->flags & (VMA_SHARED | VMA_DROPPABLE)) || vma_huge_bytes(v) != 0);
}

/* Kernel memory that cannot be had is told as EAGAIN, also that for a split. */
static int advice_change(struct advice *a, uint32_t flags, struct vma_name *name)
{
    const struct vma_change change = {
        .range = a->part, .prot = a->vma->prot, .flags = flags, .name = name};
    int err;

    if (a->vma->flags == flags && vma_name_equal(a->vma->name, name))
        return 0;
    err = mm_change(a->mm, &a->vma, &change);
    return err == -ENOMEM ? -EAGAIN : err;
}

static int advice_set_flags(struct advice *a, const struct advice_flags *f)
{
    if (advice_forbidden(a->vma, a->advice))
        return -EINVAL;
    if (advice_has_no_effect(a->vma, a->advice))
        return 0;
    return advice_change(a, (a->vma->flags & ~f->clear) | f->set, a->vma->name);
}

/* ---- advice on pages ---- */

static int advice_drop_pages(const struct advice *a)
{
    struct tlb_batch batch;

    if ((a->vma->flags & VMA_LOCKED) && a->advice != MADV_DONTNEED_LOCKED)
        return -EINVAL;
    tlb_batch_begin(&batch, &a->mm->pt, MW_FENCE_UNMAP);
    pt_unmap_range(&a->mm->pt, a->part, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    mm_uffd_drop_marks(a->mm, a->part);
    return 0;
}

static void advice_make_lazy(void *context, vaddr_t va, pte_t pte)
{
    const struct advice *a = context;
    struct frame *frame = frame_of(a->mm->env->frames, pte_paddr(pte));

    (void)va;
    if (frame->owner == MW_OWNER_ANONYMOUS)
        frame->lazy = true;
}

/*
 * The pages stay readable until somebody pages them out: then those are gone that were not written
 * since, which D tells.
 */
static int advice_free(struct advice *a)
{
    struct tlb_batch batch;

    if ((a->vma->flags & VMA_LOCKED) || !vma_is_anonymous(a->vma))
        return -EINVAL;
    pt_visit_range(&a->mm->pt, a->part, advice_make_lazy, a);
    tlb_batch_begin(&batch, &a->mm->pt, MW_FENCE_CLEAN);
    pt_forget_dirty(&a->mm->pt, a->part, &batch);
    tlb_batch_finish(&batch);
    return 0;
}

#define ADVICE_STRETCH 512 /* pages looked at in one go: the tables must not change meanwhile */

struct lazy_pages {
    struct frame_table *frames;
    unsigned count;
    vaddr_t page[ADVICE_STRETCH];
};

/* Only a page that nobody shares goes; what was written again is wanted again. */
static void advice_note_lazy(void *context, vaddr_t va, pte_t pte)
{
    struct lazy_pages *lazy = context;
    struct frame *frame = frame_of(lazy->frames, pte_paddr(pte));

    if (frame->owner != MW_OWNER_ANONYMOUS || !frame->lazy || frame->refs != 1)
        return;
    if (pte_has(pte, PTE_D))
        frame->lazy = false;
    else
        lazy->page[lazy->count++] = va;
}

static void advice_drop_page(struct mm *mm, vaddr_t va, struct tlb_batch *batch)
{
    struct range r = {va, va + PAGE_BYTES};

    pt_unmap_range(&mm->pt, r, batch, NULL, NULL);
    mm_uffd_drop_marks(mm, r);
}

static void advice_drop_lazy(const struct advice *a)
{
    struct lazy_pages lazy = {.frames = a->mm->env->frames};
    struct tlb_batch batch;

    tlb_batch_begin(&batch, &a->mm->pt, MW_FENCE_UNMAP);
    for (vaddr_t at = a->part.start; at < a->part.end;) {
        uint64_t left = a->part.end - at;
        struct range r = {at, at + ADVICE_STRETCH * PAGE_BYTES};

        if (left < range_bytes(r))
            r.end = a->part.end;
        lazy.count = 0;
        pt_visit_range(&a->mm->pt, r, advice_note_lazy, &lazy);
        for (unsigned i = 0; i < lazy.count; i++)
            advice_drop_page(a->mm, lazy.page[i], &batch);
        at = r.end;
    }
    tlb_batch_finish(&batch);
}

/*
 * Paging out has nowhere to go, as on a machine without swap; but what may be dropped is dropped.
 * Pages of files stay in the cache, which no program can see but by mincore.
 */
static int advice_deactivate(const struct advice *a)
{
    if (a->vma->flags & VMA_LOCKED)
        return -EINVAL;
    if (a->advice != MADV_PAGEOUT)
        return 0;
    if (a->vma->flags & VMA_DROPPABLE)
        return advice_drop_pages(a);
    if (vma_is_anonymous(a->vma))
        advice_drop_lazy(a);
    return 0;
}

/*
 * Guards go anywhere but into locked memory. The area remembers that it may have some; an anonymous
 * one counts as written from then on.
 */
static int advice_install_guards(struct advice *a)
{
    if (a->vma->flags & VMA_LOCKED)
        return -EINVAL;
    if (vma_is_anonymous(a->vma))
        mm_start_history(a->mm, a->vma);
    vma_set_reflag(&a->mm->vmas, a->vma, a->vma->prot, a->vma->flags | VMA_GUARDS, a->vma->name);
    return mm_guard_install(a->mm, a->part);
}

/* Pages of its file that the part shows, as far as the file reaches: [*first, returned end). */
static uint64_t advice_file_pages(const struct advice *a, uint64_t *first)
{
    uint64_t pages = page_ceil(file_map_bytes(a->vma->file->map)) >> PAGE_SHIFT;
    uint64_t end = vma_index(a->vma, a->part.end);

    *first = vma_index(a->vma, a->part.start);
    return end < pages ? end : pages;
}

/* Reads what is not cached yet; errors are nobody's business until somebody needs the page. */
static int advice_will_need(const struct advice *a)
{
    uint64_t first;
    uint64_t end;

    if (vma_is_anonymous(a->vma))
        return 0;
    end = advice_file_pages(a, &first);
    if (first < end)
        cache_read_ahead(a->vma->file->map, first, end);
    return 0;
}

/*
 * A hole in the object (fallocate(2), FALLOC_FL_PUNCH_HOLE): reads as zeros from now on, for
 * everybody, also what mappings stored past the end of the file. Private copies stay.
 */
static int advice_remove(const struct advice *a)
{
    const struct vma *v = a->vma;
    uint64_t first;
    uint64_t end;

    if ((v->flags & VMA_LOCKED) || v->file == NULL)
        return -EINVAL;
    if (!vma_shares_writes(v))
        return -EACCES;
    if (mapped_file_sealed(v->file)) /* sealed after it was mapped */
        return -EPERM;
    end = advice_file_pages(a, &first);
    return first < end ? cache_punch(v->file->map, first << PAGE_SHIFT, end << PAGE_SHIFT) : 0;
}

/* Nothing here is backed by superpages; areas that never could be are told so. */
static int advice_collapse(const struct advice *a)
{
    const uint64_t huge = (uint64_t)1 << 21;
    vaddr_t first = (a->vma->start + huge - 1) & ~(huge - 1);

    if ((a->vma->flags & VMA_NOHUGEPAGE) || first + huge > a->vma->end)
        return -EINVAL;
    return 0;
}

/*
 * Seals protect private anonymous memory that cannot be written from losing its contents
 * (can_madvise_modify).
 */
static bool advice_is_sealed_off(const struct advice *a)
{
    const struct vma *v = a->vma;

    switch (a->advice) {
    case MADV_FREE:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_REMOVE:
    case MADV_GUARD_INSTALL:
    case MADV_DONTFORK:
    case MADV_WIPEONFORK:
        return (v->flags & VMA_SEALED) && vma_is_anonymous(v) && !(v->prot & PROT_WRITE);
    default:
        return false;
    }
}

/*
 * Advice on huge pages, of which there is none: it is only checked. Dropping begins at a huge page,
 * and its end is rounded down; a hole in the object may be anywhere.
 */
static int advice_huge(const struct advice *a)
{
    switch (a->advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
        return vma_may_split(a->vma, a->part.start) ? 0 : -EINVAL;
    case MADV_REMOVE:
        return vma_shares_writes(a->vma) ? 0 : -EACCES;
    case MADV_WILLNEED:
        return 0;
    default: /* FREE, COLD, PAGEOUT, COLLAPSE, guards: for ordinary pages only */
        return -EINVAL;
    }
}

static int advice_area(struct advice *a)
{
    const struct advice_flags *f = advice_find_flags(a->advice);

    if (advice_is_sealed_off(a))
        return -EPERM;
    if (f != NULL)
        return advice_set_flags(a, f);
    if (vma_huge_bytes(a->vma) != 0)
        return advice_huge(a);
    switch (a->advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
        return advice_drop_pages(a);
    case MADV_FREE:
        return advice_free(a);
    case MADV_COLD:
    case MADV_PAGEOUT:
        return advice_deactivate(a);
    case MADV_WILLNEED:
        return advice_will_need(a);
    case MADV_REMOVE:
        return advice_remove(a);
    case MADV_GUARD_INSTALL:
        return advice_install_guards(a);
    case MADV_GUARD_REMOVE:
        mm_guard_remove(a->mm, a->part);
        return 0;
    default:
        return advice_collapse(a);
    }
}

/* ---- the walk ---- */

/* What is done to each area; `context` is what the walk was given. */
typedef int advice_visitor(struct advice *a, void *context);

/* Every area of the range; holes are told at the end. */
static int advice_walk(struct mm *mm, struct range r, int advice, advice_visitor *visit,
                       void *context)
{
    int holes = 0;

    for (vaddr_t at = r.start; at < r.end;) {
        struct vma *v = vma_set_find_above(&mm->vmas, at);
        struct advice a = {.mm = mm, .vma = v, .advice = advice};
        int err;

        if (v == NULL || v->start >= r.end)
            return -ENOMEM;
        if (v->start > at)
            holes = -ENOMEM;
        a.part.start = v->start > at ? v->start : at;
        a.part.end = v->end < r.end ? v->end : r.end;
        at = a.part.end;
        err = visit(&a, context);
        if (err != 0)
            return err;
    }
    return holes;
}

static int advice_visit(struct advice *a, void *context)
{
    (void)context;
    return advice_area(a);
}

/* One page, as an access would get it: -EINVAL where the area does not allow one, -EFAULT. */
static int advice_populate_page(struct mm *mm, vaddr_t va, bool write)
{
    const struct vma *v = vma_set_find(&mm->vmas, va);
    struct trap trap = {.va = va, .access = write ? MW_STORE : MW_LOAD};
    pte_t pte;
    int signal;

    if (v == NULL)
        return -ENOMEM;
    if (!(v->prot & (write ? PROT_WRITE : PROT_READ)))
        return -EINVAL;
    pte = pt_lookup(&mm->pt, va, NULL);
    if (pte_present(pte) && (!write || pte_has(pte, PTE_V | PTE_W)))
        return 0;
    signal = mm_fault(mm, &trap).signal;
    if (signal == 0)
        return 0;
    return signal == SIGKILL ? -ENOMEM : -EFAULT;
}

/* MADV_POPULATE_READ and _WRITE stop at the first page that cannot be had. */
static int advice_populate(struct mm *mm, struct range r, bool write)
{
    int err = 0;

    for (vaddr_t va = r.start; va < r.end && err == 0; va += PAGE_BYTES)
        err = advice_populate_page(mm, va, write);
    return err;
}

/* Advice that Linux knows when it is built as usual, without CONFIG_MEMORY_FAILURE. */
static bool advice_is_known(const struct mm *mm, int advice)
{
    switch (advice) {
    case MADV_GUARD_INSTALL:
    case MADV_GUARD_REMOVE: /* since 6.13 */
        return mm->env->config->kernel != MW_KERNEL_6_12;
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
    case MADV_DONTNEED_LOCKED:
    case MADV_COLLAPSE:
        return true;
    default:
        return advice_find_flags(advice) != NULL;
    }
}

/* Range of a call; false: it is not one (-EINVAL). A length near 2^64 that rounds to 0 is none. */
static bool advice_range(vaddr_t start, uint64_t bytes, struct range *r)
{
    *r = (struct range){start, start + page_ceil(bytes)};
    return page_aligned(start) && (bytes == 0 || page_ceil(bytes) != 0) && r->end >= r->start;
}

/* madvise(2). */
int mm_madvise(struct mm *mm, vaddr_t start, uint64_t bytes, int advice)
{
    struct range r;

    if (!advice_is_known(mm, advice) || !advice_range(start, bytes, &r))
        return -EINVAL;
    if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
        return advice_populate(mm, r, advice == MADV_POPULATE_WRITE);
    return advice_walk(mm, r, advice, advice_visit, NULL);
}

/* ---- names ---- */

/* Only anonymous memory has a name; shared memory's object counts as anonymous, too. */
static int advice_visit_name(struct advice *a, void *context)
{
    if (a->vma->file != NULL && a->vma->file->ops != &mm_shared_ops)
        return -EBADF;
    return advice_change(a, a->vma->flags, context);
}

int mm_set_name(struct mm *mm, vaddr_t start, uint64_t bytes, struct vma_name *name)
{
    struct range r;

    if (!advice_range(start, bytes, &r))
        return -EINVAL;
    return advice_walk(mm, r, 0, advice_visit_name, name);
}
