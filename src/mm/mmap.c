/*
 * mmap: where, whether, and then areas and pages. Layer 6.
 *
 * The order in which errors are found is Linux's (do_mmap and mmap_region of 6.18): numbers, place,
 * locks, rights of the file, and last what depends on what the new mapping replaces. Memory of ours
 * is reserved before anything is changed.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/*
 * The largest file has 2^63 - 1 bytes: a mapping that ends past its last whole page is -EOVERFLOW.
 */
#define MM_OFFSET_PAGES_MAX (((uint64_t)1 << (63 - PAGE_SHIFT)) - 1)

/* Older C libraries do not name it. */
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

/* A mapping on its way: what was asked for, and the area that it is to become. */
struct mapping {
    int flags; /* MAP_* */
    struct vma model;
    struct mapped_file *shared; /* a new shared anonymous object, not accounted yet; or NULL */
    int refusal; /* of the kind of file, told as late as Linux does: when the old mapping is gone */
};

/* Linux: MAP_SHARED_VALIDATE refuses flags that the file system does not know. */
static int mm_check_validate(int flags)
{
    /* Not MAP_FIXED_NOREPLACE: it is younger than the list of flags that files support. */
    const int known = MAP_SHARED_VALIDATE | MAP_FIXED | MAP_POPULATE | MAP_NORESERVE |
                      MAP_NONBLOCK | MAP_STACK | MAP_LOCKED | MAP_GROWSDOWN | MAP_DENYWRITE |
                      MAP_EXECUTABLE | MAP_32BIT | MAP_HUGETLB | MAP_ANONYMOUS |
                      21 << MAP_HUGE_SHIFT | 30 << MAP_HUGE_SHIFT; /* 2 MiB and 1 GiB */

    return flags & ~known ? -EOPNOTSUPP : 0;
}

/* Are type and rights of the mapping allowed for this file (mmap(2): EACCES, EINVAL ...)? */
static int mm_check_file(int prot, int flags, const struct mapped_file *file)
{
    int type = flags & MAP_TYPE;
    int err = type == MAP_SHARED_VALIDATE ? mm_check_validate(flags) : 0;

    if (err != 0)
        return err;
    if (type != MAP_SHARED && type != MAP_SHARED_VALIDATE && type != MAP_PRIVATE)
        return -EINVAL;
    if (type != MAP_PRIVATE && (prot & PROT_WRITE) && !file->writable)
        return -EACCES;
    if (!file->readable)
        return -EACCES;
    if (file->ops != NULL && file->ops->map == NULL)
        return -ENODEV;
    if (flags & MAP_GROWSDOWN) /* only private anonymous memory is a stack */
        return -EINVAL;
    if (type != MAP_PRIVATE && (prot & PROT_WRITE) && mapped_file_sealed(file))
        return -EPERM;
    return 0;
}

static int mm_check_anonymous(int flags)
{
    switch (flags & MAP_TYPE) {
    case MAP_PRIVATE:
        return 0;
    case MAP_SHARED:
        return flags & MAP_GROWSDOWN ? -EINVAL : 0;
    case MAP_DROPPABLE:
        return flags & (MAP_GROWSDOWN | MAP_LOCKED) ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

/* The VMA_ flags that mmap flags and file ask for, but for VMA_ACCOUNT. */
static uint32_t mm_area_flags(const struct mm *mm, int flags, const struct mapped_file *file)
{
    int type = flags & MAP_TYPE;
    bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
    uint32_t area = mm->new_flags;

    if (shared)
        area |= VMA_SHARED;
    if (!shared || file == NULL || (file->writable && !mapped_file_sealed(file)))
        area |= VMA_MAYWRITE;
    if (flags & MAP_GROWSDOWN)
        area |= VMA_GROWSDOWN;
    if (flags & MAP_LOCKED)
        area |= VMA_LOCKED;
    if (flags & MAP_STACK)
        area |= VMA_NOHUGEPAGE;
    if (type == MAP_DROPPABLE)
        area |= VMA_DROPPABLE | VMA_NORESERVE | VMA_WIPEONFORK | VMA_DONTDUMP;
    /* Who never overcommits does not let programs do so either. */
    if ((flags & MAP_NORESERVE) && mm->env->config->overcommit != 2)
        area |= VMA_NORESERVE;
    if (file != NULL && file->ops != NULL && file->ops->huge_bytes != 0)
        area |= VMA_NORESERVE; /* they have a reserve of their own, in mode 2 as well */
    return area;
}

/* What a mapping of these flags may not do for want of locked memory: EPERM, EAGAIN. */
static int mm_check_locked(const struct mm *mm, int flags, uint64_t bytes)
{
    uint32_t locks = mm->new_flags | (flags & MAP_LOCKED ? VMA_LOCKED : 0);

    if ((flags & MAP_LOCKED) && !mm_may_lock(mm))
        return -EPERM;
    return mm_may_lock_more(mm, locks, bytes) ? 0 : -EAGAIN;
}

/*
 * Makes room: what is in the way is split off but stays until nothing can refuse the new mapping
 * any more. Splits stay in any case.
 */
static int mm_prepare(struct mm *mm, struct mapping *m)
{
    struct range r = {m->model.start, m->model.end};
    uint64_t pages = range_bytes(r) >> PAGE_SHIFT;
    struct vma_totals replaced = {0};
    int err;

    if (m->flags & MAP_FIXED) {
        err = mm_gather(mm, r);
        if (err != 0)
            return err;
        replaced = vma_set_totals_in(&mm->vmas, r);
    }
    if (!mm_may_expand(mm, m->model.prot, m->model.flags, pages - replaced.pages))
        return -ENOMEM;
    if (!mm_accountable(m->model.prot, m->model.flags))
        return 0;
    m->model.flags |= VMA_ACCOUNT;
    pages -= replaced.account;
    return pages == 0 || mm_may_commit(mm, pages) ? 0 : -ENOMEM;
}

/*
 * What is to be dropped cannot be locked, nor can huge pages. Linux merges before it takes the lock
 * away, so an area that mlockall would have locked stays by itself.
 */
static void mm_add_area(struct mm *mm, struct vma *model)
{
    bool never = (model->flags & VMA_DROPPABLE) || vma_huge_bytes(model) != 0;
    bool unlocked = never && (model->flags & VMA_LOCKED);

    if (unlocked)
        model->flags &= ~VMA_LOCK_BITS;
    mm_emit_vma(mm, MW_EVENT_VMA_MAP, model);
    if (unlocked)
        vma_set_insert(&mm->vmas, model);
    else
        vma_set_add(&mm->vmas, model, VMA_MERGE_BOTH);
}

/*
 * The common case of MAP_FIXED: exactly one area goes, and nothing can refuse the new one any more.
 * The new one then takes its place in the set. False: nothing was done.
 */
static bool mm_commit_over(struct mm *mm, struct mapping *m)
{
    struct vma *v = vma_set_find(&mm->vmas, m->model.start);

    if (v == NULL || v->start != m->model.start || v->end != m->model.end)
        return false;
    if (m->refusal != 0 || m->shared != NULL || (m->model.flags & VMA_DROPPABLE) ||
        vma_huge_bytes(&m->model) != 0)
        return false;
    mm_empty_area(mm, v);
    mm_emit_vma(mm, MW_EVENT_VMA_MAP, &m->model);
    vma_set_replace(&mm->vmas, v, &m->model);
    return true;
}

/*
 * Nothing is in the way any more. A shared object that cannot be committed is refused only now, as
 * in Linux: what MAP_FIXED was to replace is gone then.
 */
static int mm_commit_area(struct mm *mm, struct mapping *m)
{
    struct range r = {m->model.start, m->model.end};

    if (m->flags & MAP_FIXED) /* any other place was found free */
        mm_unmap_range(mm, r);
    if (m->refusal != 0)
        return m->refusal;
    if (m->shared != NULL && !(m->model.flags & VMA_NORESERVE)) {
        if (!mm_may_commit(mm, range_bytes(r) >> PAGE_SHIFT))
            return -ENOMEM;
        mm_shared_account(mm->env, m->shared);
    }
    mm_add_area(mm, &m->model);
    return 0;
}

static int mm_commit(struct mm *mm, struct mapping *m)
{
    bool populate =
        (m->model.flags & VMA_LOCKED) || (m->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
    bool over = (m->flags & MAP_FIXED) && mm_commit_over(mm, m);
    int err = over ? 0 : mm_commit_area(mm, m);

    if (err == 0 && populate)
        mm_populate(mm, (struct range){m->model.start, m->model.end}, true);
    return err;
}

/*
 * Whose memory it is to be: of a new shared object, or whatever the kind of file decides (its mmap
 * operation). Only a shortage of our own memory is told at once.
 */
static int mm_choose_object(struct mm *mm, struct mapping *m)
{
    struct mapped_file *file = m->model.file;
    uint64_t bytes = m->model.end - m->model.start;
    int err = 0;

    if (vma_huge_bytes(&m->model) != 0) {
        m->refusal = mm_huge_refusal(&m->model, m->flags);
        return 0;
    }
    if (file == NULL && (m->model.flags & VMA_SHARED))
        err = mm_shared_new(mm->env, bytes, &m->shared);
    else if (file != NULL && file->ops != NULL)
        err = file->ops->map(file, vma_shares_writes(&m->model), bytes, &m->shared);
    if (m->shared != NULL)
        m->model.file = m->shared;
    if (err == -ENOMEM)
        return err;
    m->refusal = err;
    return 0;
}

/* The last steps, for a mapping that was found allowed. */
static int mm_map(struct mm *mm, struct mapping *m)
{
    int err = vma_set_reserve(&mm->vmas, MM_RESERVE);

    if (err == 0)
        err = mm_choose_object(mm, m);
    if (err != 0)
        return err;
    err = mm_prepare(mm, m);
    if (err == 0)
        err = mm_commit(mm, m);
    if (m->shared != NULL)
        mapped_file_put(m->shared); /* the area has its own reference */
    return err;
}

/* Where the pages of the area begin in its object. */
static uint64_t mm_first_page(const struct vma *model, uint64_t off_pages)
{
    if (model->file != NULL)
        return off_pages;
    return model->flags & VMA_SHARED ? 0 : model->start >> PAGE_SHIFT;
}

/* mmap from the choice of a place on; the numbers are sound. */
static int64_t mm_mmap_at(struct mm *mm, int64_t start, uint64_t bytes, int prot, int flags,
                          struct mapped_file *file, uint64_t off_pages)
{
    struct mapping m = {.flags = flags};
    int err = mm_check_locked(mm, flags, bytes);

    if (err != 0)
        return err;
    if (file != NULL && off_pages + (bytes >> PAGE_SHIFT) > MM_OFFSET_PAGES_MAX)
        return -EOVERFLOW;
    err = file == NULL ? mm_check_anonymous(flags) : mm_check_file(prot, flags, file);
    if (err != 0)
        return err;
    m.model = (struct vma){.start = (vaddr_t)start,
                           .end = (vaddr_t)start + bytes,
                           .prot = (uint32_t)prot & MM_PROT_BITS,
                           .flags = mm_area_flags(mm, flags, file),
                           .file = file};
    m.model.off_pages = mm_first_page(&m.model, off_pages);
    err = mm_map(mm, &m);
    return err != 0 ? err : start;
}

int64_t mm_mmap(struct mm *mm, vaddr_t hint, uint64_t bytes, int prot, int flags,
                struct mapped_file *file, uint64_t off_bytes)
{
    uint64_t rounded = page_ceil(bytes);
    int64_t start;

    if (!page_aligned(off_bytes) || bytes == 0)
        return -EINVAL;
    if (rounded == 0)
        return -ENOMEM;
    if (vma_set_count(&mm->vmas) > mm->env->config->max_map_count)
        return -ENOMEM;
    start = mm_place(mm, hint, rounded, flags, file, off_bytes);
    if (start < 0)
        return start;
    start = mm_mmap_at(mm, start, rounded, prot, flags, file, off_bytes >> PAGE_SHIFT);
    if (start >= 0)
        mm_note_place(mm, hint, flags, (struct range){(vaddr_t)start, (vaddr_t)start + rounded});
    return start;
}
