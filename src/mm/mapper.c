/*
 * What the page cache asks of those who map its pages: the mapper vtable. Layer 6.
 *
 * The areas that map a file hang on its file map's list; each is asked for the pages that it shows.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

/* The addresses at which an area shows the pages [first, end) of its file; false: none of them. */
static bool mapper_range(const struct vma *v, uint64_t first, uint64_t end, struct range *r)
{
    uint64_t last = vma_index(v, v->end);

    if (first < v->off_pages)
        first = v->off_pages;
    if (end > last)
        end = last;
    if (first >= end)
        return false;
    r->start = v->start + ((first - v->off_pages) << PAGE_SHIFT);
    r->end = v->start + ((end - v->off_pages) << PAGE_SHIFT);
    return true;
}

static bool mapper_clean_page(struct file_map *map, uint64_t index)
{
    bool dirty = false;

    list_for_each (node, &map->mappers) {
        struct vma *v = container_of(node, struct vma, link);
        struct tlb_batch batch;
        struct range r;

        if (!(v->flags & VMA_SHARED) || !mapper_range(v, index, index + 1, &r))
            continue;
        tlb_batch_begin(&batch, &v->mm->pt, MW_FENCE_CLEAN);
        dirty |= pt_clean(&v->mm->pt, r.start, &batch);
        tlb_batch_finish(&batch);
    }
    return dirty;
}

static void mapper_unmap_pages(struct file_map *map, uint64_t first, uint64_t end)
{
    list_for_each (node, &map->mappers) {
        struct vma *v = container_of(node, struct vma, link);
        struct tlb_batch batch;
        struct range r;

        if (!mapper_range(v, first, end, &r))
            continue;
        tlb_batch_begin(&batch, &v->mm->pt, MW_FENCE_TRUNCATE);
        pt_unmap_range(&v->mm->pt, r, &batch, NULL, NULL);
        tlb_batch_finish(&batch);
    }
}

const struct mapper_ops mm_mapper_ops = {
    .clean_page = mapper_clean_page,
    .unmap_pages = mapper_unmap_pages,
};
