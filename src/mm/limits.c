/*
 * What an address space may still get: resource limits and the commit limit. Layer 6.
 *
 * Nothing is charged here. Areas are counted by their set as they come and go (I-VMA-2), shared
 * anonymous objects by shared.c; these functions only ask whether more would fit.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* What mode 2 keeps back for administrators and for a user's last shell (vm.*_reserve_kbytes). */
#define ADMIN_RESERVE_PAGES (((uint64_t)8 << 20) >> PAGE_SHIFT)
#define USER_RESERVE_PAGES  (((uint64_t)128 << 20) >> PAGE_SHIFT)

/* A limit of data of 0 is none: Linux lets programs that set it be, as far as the hard limit goes. */
static bool mm_may_have_data(const struct mm *mm, uint64_t pages)
{
    uint64_t limit = mm->limits.data_bytes;

    return limit == 0 || mm->vmas.totals.data + pages <= limit >> PAGE_SHIFT;
}

bool mm_may_expand(const struct mm *mm, uint32_t prot, uint32_t flags, uint64_t pages)
{
    const struct vma_totals *totals = &mm->vmas.totals;

    if (totals->pages + pages > mm->limits.as_bytes >> PAGE_SHIFT)
        return false;
    return !vma_is_data(prot, flags) || mm_may_have_data(mm, pages);
}

bool mm_accountable(uint32_t prot, uint32_t flags)
{
    return (prot & PROT_WRITE) && !(flags & (VMA_SHARED | VMA_NORESERVE));
}

/* Mode 2: a fixed share of RAM (there is no swap), less what is kept back. */
static int64_t mm_commit_limit(const struct mm *mm)
{
    const struct mw_config *config = mm->env->config;
    uint64_t user = mm->vmas.totals.pages / 32;
    int64_t limit = (int64_t)(mm->env->frames->total * config->overcommit_ratio / 100);

    if (!config->privileged)
        limit -= (int64_t)ADMIN_RESERVE_PAGES;
    return limit - (int64_t)(user < USER_RESERVE_PAGES ? user : USER_RESERVE_PAGES);
}

bool mm_may_commit(const struct mm *mm, uint64_t pages)
{
    const struct mm_env *env = mm->env;

    switch (env->config->overcommit) {
    case 0: /* only what could never be had is refused */
        return pages <= env->frames->total;
    case 1:
        return true;
    default:
        return (int64_t)(env->committed_pages + pages) < mm_commit_limit(mm);
    }
}

bool mm_may_lock(const struct mm *mm)
{
    return mm->limits.memlock_bytes != 0 || mm->env->config->privileged;
}

bool mm_may_lock_more(const struct mm *mm, uint32_t flags, uint64_t bytes)
{
    if (!(flags & VMA_LOCKED) || mm->env->config->privileged)
        return true;
    return mm_locked_pages(mm) + (bytes >> PAGE_SHIFT) <= mm->limits.memlock_bytes >> PAGE_SHIFT;
}
