/*
 * What the page cache asks of those who map its pages: the mapper vtable. Layer 6.
 *
 * The areas that map a file hang on its file map's list; each is asked for the pages that it shows.
 * Page tables of the kernel have leaves of 4 KiB only (pt_check refuses others), so each D stands for
 * one page of the file, and TLBs never hold more of it than that.
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

/*
 * One batch for each area: its pages lose W and D, then its harts are told, and only then the next
 * area is looked at. On return no TLB lets anybody store to any of the pages.
 */
static bool mapper_clean_pages(struct file_map *map, uint64_t first, uint64_t end)
{
    bool dirty = false;

    list_for_each (node, &map->mappers) {
        struct vma *v = container_of(node, struct vma, link);
        struct tlb_batch batch;
        struct range r;

        if (!(v->flags & VMA_SHARED) || !mapper_range(v, first, end, &r))
            continue;
        tlb_batch_begin(&batch, &v->mm->pt, MW_FENCE_CLEAN);
        dirty |= pt_clean(&v->mm->pt, r, &batch);
        tlb_batch_finish(&batch);
    }
    return dirty;
}

struct mapper_choice {
    const struct frame_table *frames;
    const struct file_map *map;
};

/* Does the leaf show the file itself, and not a private copy of it? */
static bool mapper_shows_file(void *context, pte_t pte)
{
    const struct mapper_choice *choice = context;
    const struct frame *frame = frame_of(choice->frames, pte_paddr(pte));

    return frame->owner == MW_OWNER_CACHE && frame->home == choice->map;
}

static void mapper_unmap_pages(struct file_map *map, uint64_t first, uint64_t end, bool copies)
{
    list_for_each (node, &map->mappers) {
        struct vma *v = container_of(node, struct vma, link);
        struct mapper_choice choice = {v->mm->env->frames, map};
        struct tlb_batch batch;
        struct range r;

        if (!mapper_range(v, first, end, &r))
            continue;
        tlb_batch_begin(&batch, &v->mm->pt, MW_FENCE_TRUNCATE);
        if (copies || (v->flags & VMA_SHARED))
            pt_unmap_range(&v->mm->pt, r, &batch, NULL, NULL);
        else
            pt_unmap_chosen(&v->mm->pt, r, &batch, mapper_shows_file, &choice);
        tlb_batch_finish(&batch);
    }
}

const struct mapper_ops mm_mapper_ops = {
    .clean_pages = mapper_clean_pages,
    .unmap_pages = mapper_unmap_pages,
};
