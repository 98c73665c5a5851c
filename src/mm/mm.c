/*
 * Address spaces: birth, copy, death, and what their parts share. Layer 6.
 */
#include "mm/mm.h"

#include <string.h>

#include "cache/writeback.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

/* Clean cache pages dropped at once when frames run out. */
#define MM_SHRINK_FRAMES 16

int mm_env_init(struct mm_env *env)
{
    pool_init(&env->vmas, env->alloc, sizeof(struct vma));
    memset(&env->stats, 0, sizeof(env->stats));
    env->committed_pages = 0;
    env->histories = 0;
    env->zero = frame_alloc(env->frames, MW_OWNER_ZERO, true);
    return env->zero == NULL ? -ENOMEM : 0;
}

void mm_env_destroy(struct mm_env *env)
{
    if (env->zero != NULL)
        frame_put(env->frames, env->zero);
    env->zero = NULL;
    pool_destroy(&env->vmas);
}

/*
 * Linux keeps at least 128 MiB between mmap_base and the top, for the stack
 * (arch_pick_mmap_layout).
 */
#define MM_STACK_GAP ((uint64_t)128 << 20)

/* Where mappings begin when the config does not say. First fit goes by the heap (place.c). */
static vaddr_t mm_default_base(const struct mm *mm)
{
    switch (mm->placement) {
    case MW_PLACE_TOP_DOWN:
        return mm->user_end - MM_STACK_GAP;
    case MW_PLACE_BOTTOM_UP: /* TASK_UNMAPPED_BASE */
        return page_ceil(mm->user_end / 3);
    case MW_PLACE_DOWN_ONLY: /* below trampoline and trapframe, where xv6 has them */
        return mm->user_end - 2 * PAGE_BYTES;
    default:
        return 0;
    }
}

/* A stack without limit could not be kept apart from what is below it (mmap_is_legacy). */
static void mm_choose_placement(struct mm *mm)
{
    const struct mw_config *config = mm->env->config;

    mm->placement = config->placement;
    mm->mmap_base = config->mmap_base;
    if (mm->placement == MW_PLACE_TOP_DOWN && mm->limits.stack_bytes == MW_UNLIMITED) {
        mm->placement = MW_PLACE_BOTTOM_UP;
        mm->mmap_base = 0;
    }
    if (mm->mmap_base == 0)
        mm->mmap_base = mm_default_base(mm);
}

static void mm_choose_layout(struct mm *mm)
{
    const struct mw_config *config = mm->env->config;

    mm->limits = (struct mm_limits){.as_bytes = config->limit_as_bytes,
                                    .data_bytes = config->limit_data_bytes,
                                    .stack_bytes = config->stack_limit_bytes,
                                    .memlock_bytes = config->limit_memlock_bytes};
    mm->user_end = mode_user_end(config->mode);
    if (config->isa == MW_ISA_X86_64)
        mm->user_end -= PAGE_BYTES; /* no instruction may end where canonical addresses do */
    mm->brk_start = config->brk_base;
    mm->brk_end = config->brk_base;
    mm_choose_placement(mm);
}

int mm_create(struct mm_env *env, struct mm **out)
{
    struct mm *mm = alloc_zeroed(env->alloc, sizeof(*mm));
    int err;

    if (mm == NULL)
        return -ENOMEM;
    mm->env = env;
    mm->users = 1;
    mm_choose_layout(mm);
    err = pt_init(&mm->pt, env->frames, env->harts, env->config->mode);
    if (err != 0 && cache_shrink(env->cache, MM_SHRINK_FRAMES) > 0)
        err = pt_init(&mm->pt, env->frames, env->harts, env->config->mode);
    if (err != 0) {
        alloc_release(env->alloc, mm);
        return err;
    }
    radix_init(&mm->guards, env->alloc);
    radix_init(&mm->uffd_marks, env->alloc);
    vma_set_init(&mm->vmas, env->alloc, &env->vmas, mm, &env->committed_pages);
    mm->vmas.merges_as_6_12 = env->config->kernel == MW_KERNEL_6_12;
    *out = mm;
    return 0;
}

void mm_destroy(struct mm *mm)
{
    mm_unmap_range(mm, (struct range){0, mm->user_end});
    vma_set_destroy(&mm->vmas);
    radix_destroy(&mm->guards);
    radix_destroy(&mm->uffd_marks);
    pt_destroy(&mm->pt);
    alloc_release(mm->env->alloc, mm);
}

/*
 * Copies the pages of a private area, after dropping clean cache pages if frames run out on the
 * way.
 */
static int mm_fork_pages(struct mm *child, struct mm *parent, struct range r,
                         struct tlb_batch *batch)
{
    int err = pt_copy_range(&child->pt, &parent->pt, r, true, batch);

    while (err == -ENOMEM && cache_shrink(child->env->cache, MM_SHRINK_FRAMES) > 0) {
        struct tlb_batch undo;

        tlb_batch_begin(&undo, &child->pt, MW_FENCE_UNMAP);
        pt_unmap_range(&child->pt, r, &undo, NULL, NULL);
        tlb_batch_finish(&undo);
        err = pt_copy_range(&child->pt, &parent->pt, r, true, batch);
    }
    return err;
}

/* A number for a history that nobody had before. */
static uint64_t mm_new_history(struct mm_env *env, uint64_t kind)
{
    env->histories += 2; /* the lowest bit is the kind */
    return env->histories | kind;
}

void mm_start_history(struct mm *mm, struct vma *v)
{
    if (v->history == 0)
        v->history = vma_set_choose_history(&mm->vmas, v, mm_new_history(mm->env, 0));
}

/*
 * Splits that the change needs of huge pages: at the start, then at the end, as Linux tries them, up
 * to the one that is not allowed. Where both are, vma_set_change makes them.
 */
static int mm_check_splits(struct mm *mm, struct vma *v, struct range r)
{
    uint64_t most = mm->env->config->max_map_count;
    bool bad_end = r.end < v->end && !vma_may_split(v, r.end);

    if (r.start > v->start && !vma_may_split(v, r.start))
        return vma_set_count(&mm->vmas) >= most ? -ENOMEM : -EINVAL;
    if (bad_end && r.start > v->start) {
        if (vma_set_count(&mm->vmas) >= most)
            return -ENOMEM;
        vma_set_split(&mm->vmas, v, r.start);
    }
    if (bad_end)
        return vma_set_count(&mm->vmas) >= most ? -ENOMEM : -EINVAL;
    return 0;
}

int mm_change(struct mm *mm, struct vma **v, const struct vma_change *change)
{
    int err = vma_set_reserve(&mm->vmas, MM_RESERVE);
    struct vma *changed;

    if (err == 0)
        err = mm_check_splits(mm, *v, change->range);
    if (err != 0)
        return err;
    changed = vma_set_change(&mm->vmas, *v, change, mm->env->config->max_map_count);
    if (changed == NULL)
        return -ENOMEM;
    *v = changed;
    return 0;
}

/*
 * Copies one area, and its pages when it has a history: without one it has none that are its own,
 * and others fault in again. -ENOMEM.
 */
static int mm_fork_area(struct mm *child, struct mm *parent, const struct vma *v,
                        struct tlb_batch *batch)
{
    struct vma copy = *v;
    int err;

    if (v->flags & VMA_DONTCOPY)
        return 0;
    if ((v->flags & VMA_ACCOUNT) && !mm_may_commit(parent, vma_pages(v)))
        return -ENOMEM;
    err = vma_set_reserve(&child->vmas, 1);
    if (err != 0)
        return err;
    copy.flags &= ~(VMA_LOCK_BITS | VMA_UFFD_BITS);
    copy.history = 0;
    if (v->history != 0 && !(v->flags & VMA_WIPEONFORK))
        copy.history = mm_new_history(parent->env, VMA_HISTORY_INHERITED);
    vma_set_insert(&child->vmas, &copy);
    if ((v->flags & VMA_GUARDS) && !(v->flags & VMA_WIPEONFORK))
        err = mm_guard_copy(child, parent, (struct range){v->start, v->end}, 0);
    if (err != 0 || copy.history == 0)
        return err;
    return mm_fork_pages(child, parent, (struct range){v->start, v->end}, batch);
}

int mm_fork(struct mm *parent, struct mm **out)
{
    struct tlb_batch batch;
    struct mm *child;
    struct imap_entry entry;
    int err = mm_create(parent->env, &child);

    if (err != 0)
        return err;
    child->brk_start = parent->brk_start;
    child->brk_end = parent->brk_end;
    child->placement = parent->placement;
    child->mmap_base = parent->mmap_base;
    child->placed = parent->placed;
    child->limits = parent->limits;
    child->implicit = parent->implicit;
    tlb_batch_begin(&batch, &parent->pt, MW_FENCE_FORK);
    for (bool more = imap_find(&parent->vmas.index, 0, &entry); more && err == 0;
         more = imap_next(&parent->vmas.index, &entry))
        err = mm_fork_area(child, parent, entry.value, &batch);
    tlb_batch_finish(&batch);
    if (err != 0) {
        mm_destroy(child);
        return err;
    }
    *out = child;
    return 0;
}

/* Gets some frames back from the cache: clean pages, else those that writing back makes clean. */
static bool mm_reclaim(struct mm_env *env)
{
    int err;

    if (cache_shrink(env->cache, MM_SHRINK_FRAMES) > 0)
        return true;
    err = cache_sync(env->cache);
    (void)err; /* what could be written can be dropped now; the files remember the error */
    return cache_shrink(env->cache, MM_SHRINK_FRAMES) > 0;
}

struct frame *mm_frame_alloc(struct mm_env *env, bool zeroed)
{
    struct frame *f = frame_alloc(env->frames, MW_OWNER_ANONYMOUS, zeroed);

    if (f == NULL && mm_reclaim(env))
        f = frame_alloc(env->frames, MW_OWNER_ANONYMOUS, zeroed);
    return f;
}

int mm_install(struct mm *mm, vaddr_t va, pte_t pte)
{
    struct tlb_batch batch;
    int err;

    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_REPLACE);
    err = pt_install(&mm->pt, va, pte, &batch);
    if (err == -ENOMEM && cache_shrink(mm->env->cache, MM_SHRINK_FRAMES) > 0)
        err = pt_install(&mm->pt, va, pte, &batch);
    tlb_batch_finish(&batch);
    return err;
}

void mm_emit_vma(struct mm *mm, enum mw_event_kind kind, const struct vma *v)
{
    const struct inode *inode = vma_is_anonymous(v) ? NULL : v->file->map->inode;

    event_emit(mm->env->bus, kind, v->start, v->end, v->prot, v->flags, v->off_pages,
               inode == NULL ? 0 : inode_number(inode));
}
