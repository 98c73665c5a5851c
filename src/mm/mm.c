/*
 * Address spaces: birth, copy, death, and what their parts share. Layer 6.
 */
#include "mm/mm.h"

#include <string.h>

#include "mm/mm_private.h"

/* Clean cache pages dropped at once when frames run out. */
#define MM_SHRINK_FRAMES 16

int mm_env_init(struct mm_env *env)
{
    pool_init(&env->vmas, env->alloc, sizeof(struct vma));
    memset(&env->stats, 0, sizeof(env->stats));
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

static void mm_choose_layout(struct mm *mm)
{
    const struct mw_config *config = mm->env->config;

    mm->user_end = mode_user_end(config->mode);
    mm->brk_start = config->brk_base;
    mm->brk_end = config->brk_base;
    mm->mmap_base = config->mmap_base;
    if (mm->mmap_base == 0 && config->placement == MW_PLACE_TOP_DOWN)
        mm->mmap_base = mm->user_end - MM_STACK_GAP;
}

int mm_create(struct mm_env *env, struct mm **out)
{
    struct mm *mm = alloc_zeroed(env->alloc, sizeof(*mm));
    int err;

    if (mm == NULL)
        return -ENOMEM;
    mm->env = env;
    mm_choose_layout(mm);
    err = pt_init(&mm->pt, env->frames, env->harts, env->config->mode);
    if (err != 0 && cache_shrink(env->cache, MM_SHRINK_FRAMES) > 0)
        err = pt_init(&mm->pt, env->frames, env->harts, env->config->mode);
    if (err != 0) {
        alloc_release(env->alloc, mm);
        return err;
    }
    vma_set_init(&mm->vmas, env->alloc, &env->vmas, mm);
    *out = mm;
    return 0;
}

void mm_destroy(struct mm *mm)
{
    mm_unmap_range(mm, (struct range){0, mm->user_end});
    vma_set_destroy(&mm->vmas);
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

/*
 * Copies one area and the pages that it may not lose: those of private areas, since a written one
 * has no other home. Pages of a shared area are derived and fault in again.
 */
static int mm_fork_area(struct mm *child, struct mm *parent, const struct vma *v,
                        struct tlb_batch *batch)
{
    int err = vma_set_reserve(&child->vmas, 1);

    if (err != 0)
        return err;
    vma_set_add(&child->vmas, v);
    if (v->flags & VMA_SHARED)
        return 0;
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
    child->mmap_base = parent->mmap_base;
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
    const struct inode *inode = v->file == NULL ? NULL : v->file->map->inode;

    event_emit(mm->env->bus, kind, v->start, v->end, v->prot, v->flags, v->off_pages,
               inode == NULL ? 0 : inode_number(inode));
}
