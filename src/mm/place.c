/*
 * Where mappings land: placement policies. Layer 6; looks at areas only, changes none.
 *
 *   top-down (Linux)   0 | mmap_min_addr ..... <--- highest gap | mmap_base | stack ... user_end;
 *                      if that fails, bottom-up from a third of user space
 *   bottom-up (Linux   0 ... | mmap_base | lowest gap ---> ...................... user_end
 *     without a limit of stacks)
 *   first-fit          0 ... | mmap_base or heap + 8 MiB | lowest gap ---> ...... user_end
 *   down-only          0 ... <--- below the last one placed | mmap_base, two pages | user_end
 *   heap-end           0 ... heap | after the last one placed ---> .............. user_end
 *
 * The last two never go back: mm.placed keeps how far they have come.
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
    vaddr_t base = mm->mmap_base;
    vaddr_t start;

    if (min < PAGE_BYTES)
        min = PAGE_BYTES; /* an un-hinted mapping never begins at 0 */
    switch (mm->placement) {
    case MW_PLACE_FIRST_FIT:
        base = base != 0 ? base : page_ceil(mm->brk_start) + MM_HEAP_ROOM;
        return mm_find_lowest(mm, base, mm->user_end, bytes);
    case MW_PLACE_BOTTOM_UP:
        return mm_find_lowest(mm, base < min ? page_ceil(min) : base, mm->user_end, bytes);
    case MW_PLACE_DOWN_ONLY:
        return mm_find_highest(mm, min, mm->placed != 0 ? mm->placed : base, bytes);
    case MW_PLACE_HEAP_END:
        base = page_ceil(mm->brk_end);
        return mm_find_lowest(mm, base < mm->placed ? mm->placed : base, mm->user_end, bytes);
    default:
        start = mm_find_highest(mm, min, base, bytes);
        if (start == 0) /* TASK_UNMAPPED_BASE: a third of user space */
            start = mm_find_lowest(mm, page_ceil(mm->user_end / 3), mm->user_end, bytes);
        return start;
    }
}

void mm_note_place(struct mm *mm, vaddr_t hint, int flags, struct range r)
{
    bool named =
        (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) || (hint != 0 && page_floor(hint) == r.start);

    if (named)
        return;
    if (mm->placement == MW_PLACE_DOWN_ONLY)
        mm->placed = r.start;
    if (mm->placement == MW_PLACE_HEAP_END)
        mm->placed = r.end;
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
    if (file->ops != NULL && !file->ops->aligned)
        return false;
    return off_bytes + bytes >= first + MM_HUGE_BYTES;
}

/* Only Linux thinks of superpages. */
static bool mm_places_as_linux(const struct mm *mm)
{
    return mm->placement == MW_PLACE_TOP_DOWN || mm->placement == MW_PLACE_BOTTOM_UP;
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
    return start + (shift == 0 && mm->placement == MW_PLACE_TOP_DOWN ? MM_HUGE_BYTES : shift);
}

vaddr_t mm_find_room(const struct mm *mm, uint64_t bytes, const struct mapped_file *file,
                     uint64_t off_bytes)
{
    vaddr_t start = 0;

    if (mm_places_as_linux(mm) && mm_wants_huge(file, bytes, off_bytes))
        start = mm_find_huge_gap(mm, bytes, off_bytes);
    return start != 0 ? start : mm_find_gap(mm, bytes);
}

/* A place that was named is taken as it is, or refused. */
static int64_t mm_place_fixed(const struct mm *mm, vaddr_t at, uint64_t bytes, int flags)
{
    if (at > mm->user_end - bytes)
        return -ENOMEM;
    if (!page_aligned(at))
        return -EINVAL;
    if (at < mm->env->config->mmap_min_addr && !mm->env->config->privileged)
        return -EPERM;
    if ((flags & MAP_FIXED_NOREPLACE) &&
        vma_set_count_in(&mm->vmas, (struct range){at, at + bytes}, 1) != 0)
        return -EEXIST;
    return (int64_t)at;
}

/* Is a hint good? It must not be 0, and leave stacks their guard gaps. */
static bool mm_hint_fits(const struct mm *mm, vaddr_t hint, uint64_t bytes)
{
    return hint != 0 && mm_range_free(mm, hint, bytes) &&
           mm_guard_in_way(mm, hint, hint + bytes) == NULL;
}

/*
 * Room for superpages, or 0. Linux asks for 2 MiB more than it needs, also at the hint: where only
 * the length itself fits, a file goes elsewhere. Anonymous memory with a hint is not aligned, and
 * shared anonymous memory never is.
 */
static vaddr_t mm_place_huge(const struct mm *mm, vaddr_t hint, uint64_t bytes, int flags,
                             const struct mapped_file *file, uint64_t off_bytes)
{
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    bool anonymous_takes_any = file == NULL && (hint != 0 || (flags & MAP_TYPE) == MAP_SHARED);
    bool file_takes_any = file != NULL && file->ops != NULL && shared && !file->ops->aligned_shared;

    if (!mm_places_as_linux(mm) || anonymous_takes_any || file_takes_any ||
        !mm_wants_huge(file, bytes, off_bytes))
        return 0;
    if (mm_hint_fits(mm, hint, bytes + MM_HUGE_BYTES))
        return hint;
    return mm_find_huge_gap(mm, bytes, file == NULL ? 0 : off_bytes);
}

/* Room that begins at a multiple of `align`: found with as much to spare as that may take; 0: none. */
static vaddr_t mm_find_aligned_gap(const struct mm *mm, uint64_t bytes, uint64_t align)
{
    uint64_t spare = align - PAGE_BYTES;
    vaddr_t start = bytes + spare > mm->user_end ? 0 : mm_find_gap(mm, bytes + spare);
    bool down = mm->placement == MW_PLACE_TOP_DOWN || mm->placement == MW_PLACE_DOWN_ONLY;

    if (start == 0)
        return 0;
    return (down ? start + spare : start + align - 1) & ~(align - 1);
}

/* Huge pages begin at multiples of their size: a named place must, a hint is rounded up to one. */
static int64_t mm_place_aligned(const struct mm *mm, vaddr_t hint, uint64_t bytes, int flags,
                                uint64_t align)
{
    vaddr_t start;

    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return hint & (align - 1) ? -EINVAL : mm_place_fixed(mm, hint, bytes, flags);
    hint = (page_floor(hint) + align - 1) & ~(align - 1);
    start = mm_hint_fits(mm, hint, bytes) ? hint : mm_find_aligned_gap(mm, bytes, align);
    return start == 0 ? -ENOMEM : (int64_t)start;
}

int64_t mm_place(const struct mm *mm, vaddr_t hint, uint64_t bytes, int flags,
                 const struct mapped_file *file, uint64_t off_bytes)
{
    vaddr_t min = mm->env->config->mmap_min_addr;
    vaddr_t start;

    if (bytes > mm->user_end)
        return -ENOMEM;
    if (file != NULL && file->ops != NULL && file->ops->huge_bytes != 0)
        return mm_place_aligned(mm, hint, bytes, flags, file->ops->huge_bytes);
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return mm_place_fixed(mm, hint, bytes, flags);
    hint = page_floor(hint);
    if (hint != 0 && hint < min)
        hint = page_ceil(min); /* round_hint_to_min */
    start = mm_place_huge(mm, hint, bytes, flags, file, off_bytes);
    if (start == 0 && mm_hint_fits(mm, hint, bytes))
        start = hint;
    if (start == 0)
        start = mm_find_gap(mm, bytes);
    return start == 0 ? -ENOMEM : (int64_t)start;
}
