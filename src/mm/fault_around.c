/*
 * What a fault on a page of a file does for its neighbours: fault-around and readahead. Layer 6.
 *
 * A trap costs more than a dozen page-table entries. So a read fault also maps those pages around
 * its own that are in the cache anyway, as Linux's do_fault_around does. What is mapped this way is
 * derived like every other PTE of a file page: it may be dropped at any time, and it allows no
 * store, so that write-notify and copy-on-write see the first store as they would without it
 * (I-CACHE-2). A store maps nothing around: it would dirty or copy what nobody asked for.
 *
 * The window is aligned to its own size in the page table, and cut at the bounds of the area, of the
 * leaf table and of the file; an area that begins inside it moves its start, not its size. Nothing
 * in it is read from the device, and nothing that is there is changed: a page that is mapped
 * already, a guard, a page that is not cached stay as they are. So does a page with the mark of
 * readahead, since only a fault of its own tells that the reader has come to it.
 *
 * Readahead itself is the cache's business (cache/readahead.h); from here it learns what was said of
 * the area by madvise.
 */
#include "cache/readahead.h"
#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

/* What the leaves of one window are made of. */
struct around {
    struct mm *mm;
    const struct vma *vma;
    uint64_t flags;
    vaddr_t wanted; /* the page of the fault, which is the fault handler's business */
};

/* Pages of a window: a power of two, not more than a leaf table has. Below 2: none are mapped. */
static uint64_t around_window_pages(const struct mm *mm)
{
    uint64_t pages = mm->env->config->fault_around_bytes >> PAGE_SHIFT;

    if (pages > TABLE_ENTRIES)
        return TABLE_ENTRIES;
    return pages < 2 ? 0 : (uint64_t)1 << (63 - __builtin_clzll(pages));
}

/* The window of a page, in the arithmetic of do_fault_around: places in the leaf table. */
static struct range around_range(const struct vma *v, vaddr_t page, uint64_t pages)
{
    uint64_t place = level_index(page, 0);
    uint64_t before = (page - v->start) >> PAGE_SHIFT;
    uint64_t after = (v->end - page) >> PAGE_SHIFT;
    uint64_t first = place & ~(pages - 1);
    uint64_t end;

    if (before < place - first)
        first = place - before;
    end = first + pages;
    if (end > TABLE_ENTRIES)
        end = TABLE_ENTRIES;
    if (end > place + after)
        end = place + after;
    return (struct range){page - ((place - first) << PAGE_SHIFT),
                          page + ((end - place) << PAGE_SHIFT)};
}

/* Cuts a window at the end of the file. Pre: it begins before that. */
static void around_cut_at_end(const struct vma *v, struct range *r)
{
    uint64_t pages = page_ceil(file_map_bytes(v->file->map)) >> PAGE_SHIFT;
    uint64_t first = vma_index(v, r->start);

    if (pages - first < range_bytes(*r) >> PAGE_SHIFT)
        r->end = r->start + ((pages - first) << PAGE_SHIFT);
}

/* Is any page of the window cached? Without one no table need be made. */
static bool around_any_cached(const struct vma *v, struct range r)
{
    uint64_t index = vma_index(v, r.start);
    void *frame;

    return radix_next(&v->file->map->pages, &index, &frame) && index < vma_index(v, r.end);
}

static pte_t around_leaf(void *context, vaddr_t va)
{
    const struct around *a = context;
    const struct file_map *map = a->vma->file->map;
    struct frame_table *frames = a->mm->env->frames;
    uint64_t index = vma_index(a->vma, va);
    struct frame *frame;

    if (va == a->wanted || ((a->vma->flags & VMA_GUARDS) && mm_is_guarded(a->mm, va)))
        return pte_none();
    frame = radix_get(&map->pages, index);
    if (!cache_in_core(map, index) || cache_page_is_mark(map, index))
        return pte_none();
    return pte_make(frame_paddr(frames, frame_get(frame)), a->flags);
}

/* Pages that were found count against those that were not (mmap_miss). */
static void around_count(struct mm *mm, const struct vma *v, uint64_t made)
{
    struct cache_readahead *ra = &v->file->ra;

    mm->env->stats.around_pages += made;
    ra->misses = made < ra->misses ? ra->misses - (uint32_t)made : 0;
}

void mm_fault_around(struct mm *mm, const struct vma *v, vaddr_t page)
{
    struct around a = {.mm = mm, .vma = v, .wanted = page};
    uint64_t pages = around_window_pages(mm);
    struct tlb_batch batch;
    struct range r;
    uint64_t made;

    /* Whoever wants to be told of single pages is told of each (uffd_disable_fault_around). */
    if (pages == 0 || (v->flags & (VMA_UFFD_WP | VMA_UFFD_MINOR)))
        return;
    r = around_range(v, page, pages);
    around_cut_at_end(v, &r);
    if (!around_any_cached(v, r))
        return;
    a.flags = (mm_rights(mm, v->prot) & ~PTE_W) | PTE_V;
    if (!mm->env->config->hardware_ad) /* or each would trap once more, for A */
        a.flags |= PTE_A;
    tlb_batch_begin(&batch, &mm->pt, MW_FENCE_REPLACE);
    made = pt_install_absent(&mm->pt, r, around_leaf, &a, &batch);
    tlb_batch_finish(&batch);
    if (made == 0)
        return;
    around_count(mm, v, made);
    event_emit(mm->env->bus, MW_EVENT_FAULT_AROUND, r.start, r.end, made);
}

bool mm_may_map_around(const struct vma *v, vaddr_t page)
{
    const struct file_map *map = v->file->map;
    uint64_t index = vma_index(v, page);

    return radix_get(&map->pages, index) != NULL && !cache_page_is_mark(map, index);
}

void mm_fault_ahead(const struct vma *v, vaddr_t page)
{
    enum cache_advice advice = CACHE_ADVICE_NORMAL;

    if (v->file->map->inode == NULL) /* memory has no device to read from */
        return;
    if (v->flags & VMA_RAND_READ)
        advice = CACHE_ADVICE_RANDOM;
    else if (v->flags & VMA_SEQ_READ)
        advice = CACHE_ADVICE_SEQUENTIAL;
    cache_fault_ahead(v->file->map, &v->file->ra, vma_index(v, page), advice);
}
