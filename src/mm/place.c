/*
 * Where mappings land. Layer 6; looks at areas only, changes nothing.
 *
 *   top-down (Linux):  0 ... | mmap_min_addr ......... <--- highest gap | mmap_base | stack ...
 * user_end if that fails, bottom-up from a third of user space first-fit:         0 ... | base,
 * lowest gap ---> .................................... user_end
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* Is the range inside user space and free? */
static bool mm_range_free(const struct mm *mm, vaddr_t start, uint64_t bytes)
{
    const struct vma *v;

    if (start < mm->env->config->mmap_min_addr || start > mm->user_end ||
        bytes > mm->user_end - start)
        return false;
    v = vma_set_find_above(&mm->vmas, start);
    return v == NULL || v->start >= start + bytes;
}

/*
 * The stack above `start` whose guard gap [start, end) would not leave free, or NULL. Where there
 * are no stacks, nobody looks.
 */
static const struct vma *mm_guard_in_way(const struct mm *mm, vaddr_t start, vaddr_t end)
{
    const struct vma *above = mm->vmas.stacks == 0 ? NULL : vma_set_find_above(&mm->vmas, start);

    if (above == NULL || !(above->flags & VMA_GROWSDOWN) || above->start - end >= MM_GUARD_BYTES)
        return NULL;
    return above;
}

/*
 * The highest room that ends at or below `high` and keeps the guard gap below the area above it; 0:
 * none.
 */
static vaddr_t mm_find_highest(const struct mm *mm, vaddr_t low, vaddr_t high, uint64_t bytes)
{
    uint64_t start;

    while (imap_gap_highest(&mm->vmas.index, low, high, bytes, &start)) {
        const struct vma *above = mm_guard_in_way(mm, start, start + bytes);

        if (above == NULL)
            return start;
        high = above->start > MM_GUARD_BYTES ? above->start - MM_GUARD_BYTES : 0;
        if (high < low || high - low < bytes)
            break;
        /* Only this area's gap is excluded; the next turn looks below it. */
    }
    return 0;
}

static vaddr_t mm_find_lowest(const struct mm *mm, vaddr_t low, vaddr_t high, uint64_t bytes)
{
    uint64_t start;

    while (low < high && imap_gap_lowest(&mm->vmas.index, low, high, bytes, &start)) {
        const struct vma *above = mm_guard_in_way(mm, start, start + bytes);

        if (above == NULL)
            return start;
        low = above->end;
    }
    return 0;
}

/* valgrind's address-space manager leaves this much room for the heap before the first mapping. */
#define MM_HEAP_ROOM ((uint64_t)8 << 20)

/* A gap where the policy puts `bytes`, without regard to superpages; 0: nowhere. */
static vaddr_t mm_find_gap(const struct mm *mm, uint64_t bytes)
{
    vaddr_t min = mm->env->config->mmap_min_addr;
    vaddr_t start;

    if (min < PAGE_BYTES)
        min = PAGE_BYTES; /* an un-hinted mapping never begins at 0 */
    if (mm->env->config->placement == MW_PLACE_FIRST_FIT) {
        vaddr_t base = mm->mmap_base != 0 ? mm->mmap_base : page_ceil(mm->brk_start) + MM_HEAP_ROOM;

        return mm_find_lowest(mm, base, mm->user_end, bytes);
    }
    start = mm_find_highest(mm, min, mm->mmap_base, bytes);
    if (start == 0) /* TASK_UNMAPPED_BASE: a third of user space */
        start = mm_find_lowest(mm, page_ceil(mm->user_end / 3), mm->user_end, bytes);
    return start;
}

/* The superpage that Linux aligns large mappings for: one leaf of level 1. */
#define MM_HUGE_BYTES ((uint64_t)1 << 21)

/*
 * Would Linux align this mapping, so that superpages could back it? Private anonymous memory when
 * its length is a multiple of 2 MiB; files when a whole aligned 2 MiB of them is mapped.
 */
static bool mm_wants_huge(const struct mapped_file *file, uint64_t bytes, uint64_t off_bytes)
{
    uint64_t first = (off_bytes + MM_HUGE_BYTES - 1) & ~(MM_HUGE_BYTES - 1);

    if (file == NULL)
        return (bytes & (MM_HUGE_BYTES - 1)) == 0;
    return file->map->inode != NULL && off_bytes + bytes >= first + MM_HUGE_BYTES;
}

/*
 * Room whose start equals the offset modulo 2 MiB, found with 2 MiB to spare; 0: not to be had so.
 * /
 */
static vaddr_t mm_find_huge_gap(const struct mm *mm, uint64_t bytes, uint64_t off_bytes)
{
    vaddr_t start = mm_find_gap(mm, bytes + MM_HUGE_BYTES);
    uint64_t shift = (off_bytes - start) & (MM_HUGE_BYTES - 1);

    if (start == 0)
        return 0;
    /* Top-down keeps to the upper end of what was found. */
    return start + (shift == 0 ? MM_HUGE_BYTES : shift);
}

vaddr_t mm_find_room(const struct mm *mm, uint64_t bytes, const struct mapped_file *file,
                     uint64_t off_bytes)
{
    vaddr_t start = 0;

    if (mm->env->config->placement == MW_PLACE_TOP_DOWN && mm_wants_huge(file, bytes, off_bytes))
        start = mm_find_huge_gap(mm, bytes, off_bytes);
    return start != 0 ? start : mm_find_gap(mm, bytes);
}

int64_t mm_place(const struct mm *mm, vaddr_t hint, uint64_t bytes, int flags,
                 const struct mapped_file *file, uint64_t off_bytes)
{
    vaddr_t min = mm->env->config->mmap_min_addr;
    vaddr_t start;

    if (bytes > mm->user_end)
        return -ENOMEM;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (hint > mm->user_end - bytes)
            return -ENOMEM;
        if (!page_aligned(hint))
            return -EINVAL;
        if (hint < min)
            return -EPERM;
        if ((flags & MAP_FIXED_NOREPLACE) && !mm_range_free(mm, hint, bytes))
            return -EEXIST;
        return (int64_t)hint;
    }
    hint = page_floor(hint);
    if (hint != 0) {
        hint = hint < min ? page_ceil(min) : hint; /* round_hint_to_min */
        if (mm_range_free(mm, hint, bytes) && mm_guard_in_way(mm, hint, hint + bytes) == NULL)
            return (int64_t)hint;
    }
    start = mm_find_room(mm, bytes, file, off_bytes);
    return start == 0 ? -ENOMEM : (int64_t)start;
}
