/*
 * The VMA set: what is mapped where. Layer 6; knows no pages.
 *
 *        add, no neighbour fits      add, `prev` fits        add, both fit
 *        |prev|     |next|           |prev |    |next|       |prev |     |next|
 *        |prev| new |next|           |prev+new  |next|       |prev+new+next   |
 *
 * Bounds live in the area and in the index; only this file changes either.
 */
#include "mm/vma.h"

#include "base/contract.h"
#include "cache/cache.h"

static uint64_t vma_pages(const struct vma *v)
{
    return (v->end - v->start) >> PAGE_SHIFT;
}

void vma_set_init(struct vma_set *set, struct alloc *a, struct pool *pool, struct mm *mm)
{
    imap_init(&set->index, a);
    set->pool = pool;
    set->mm = mm;
    set->stacks = 0;
}

void vma_set_destroy(struct vma_set *set)
{
    contract(set->index.count == 0);
    imap_destroy(&set->index);
}

struct vma *vma_set_find(const struct vma_set *set, vaddr_t va)
{
    struct imap_entry entry;

    if (!imap_find(&set->index, va, &entry) || entry.start > va)
        return NULL;
    return entry.value;
}

struct vma *vma_set_find_above(const struct vma_set *set, vaddr_t va)
{
    struct imap_entry entry;

    return imap_find(&set->index, va, &entry) ? entry.value : NULL;
}

struct vma *vma_set_next(const struct vma_set *set, const struct vma *v)
{
    return vma_set_find_above(set, v->end);
}

struct vma *vma_set_prev(const struct vma_set *set, const struct vma *v)
{
    struct imap_entry entry;

    return imap_find_before(&set->index, v->start, &entry) ? entry.value : NULL;
}

uint64_t vma_set_count_in(const struct vma_set *set, struct range r, uint64_t limit)
{
    struct imap_entry entry;
    uint64_t count = 0;
    bool found = imap_find(&set->index, r.start, &entry);

    for (; found && entry.start < r.end && count < limit; count++)
        found = imap_next(&set->index, &entry);
    return count;
}

int vma_set_reserve(struct vma_set *set, unsigned areas)
{
    int err = pool_reserve(set->pool, areas);

    return err != 0 ? err : imap_reserve(&set->index, areas);
}

/* An insertion that a reserve before has made infallible. */
static void vma_set_index(struct vma_set *set, struct vma *v)
{
    int err = imap_insert(&set->index, v->start, v->end, v);

    contract(err == 0);
}

/* A copy of `model` with its own file reference, linked as a mapper; not yet indexed. */
static struct vma *vma_new(struct vma_set *set, const struct vma *model)
{
    struct vma *v = pool_get(set->pool);

    contract(v != NULL);
    *v = *model;
    v->mm = set->mm;
    set->stacks += (v->flags & VMA_GROWSDOWN) != 0;
    list_init(&v->link);
    if (v->file != NULL) {
        mapped_file_get(v->file);
        list_append(&v->file->map->mappers, &v->link);
    }
    return v;
}

static void vma_free(struct vma_set *set, struct vma *v)
{
    list_remove(&v->link);
    set->stacks -= (v->flags & VMA_GROWSDOWN) != 0;
    if (v->file != NULL)
        mapped_file_put(v->file);
    pool_put(set->pool, v);
}

bool vma_mergeable(const struct vma *v, const struct vma *next)
{
    return v->end == next->start && v->prot == next->prot && v->flags == next->flags &&
           v->file == next->file && v->off_pages + vma_pages(v) == next->off_pages;
}

/* Gives v the bounds [start, end), in area and index. */
static void vma_set_rebound(struct vma_set *set, struct vma *v, vaddr_t start, vaddr_t end)
{
    imap_resize(&set->index, v->start, start, end);
    v->start = start;
    v->end = end;
}

struct vma *vma_set_add(struct vma_set *set, const struct vma *model)
{
    struct imap_entry entry;
    bool before = imap_find_before(&set->index, model->start, &entry);
    struct vma *prev = before ? entry.value : NULL;
    bool after = before ? imap_next(&set->index, &entry) : imap_find(&set->index, 0, &entry);
    struct vma *next = after ? entry.value : NULL;
    struct vma *v;

    if (prev != NULL && vma_mergeable(prev, model)) {
        vma_set_rebound(set, prev, prev->start, model->end);
        return vma_set_merge(set, prev);
    }
    if (next != NULL && vma_mergeable(model, next)) {
        vma_set_rebound(set, next, model->start, next->end);
        next->off_pages = model->off_pages;
        return next;
    }
    v = vma_new(set, model);
    vma_set_index(set, v);
    return v;
}

struct vma *vma_set_split(struct vma_set *set, struct vma *v, vaddr_t at)
{
    struct vma upper = *v;
    struct vma *made;

    contract(v->start < at && at < v->end && page_aligned(at));
    upper.start = at;
    upper.off_pages += (at - v->start) >> PAGE_SHIFT;
    vma_set_rebound(set, v, v->start, at);
    made = vma_new(set, &upper);
    vma_set_index(set, made);
    return made;
}

void vma_set_remove(struct vma_set *set, struct vma *v)
{
    imap_erase(&set->index, v->start);
    vma_free(set, v);
}

void vma_set_extend(struct vma_set *set, struct vma *v, vaddr_t start, vaddr_t end)
{
    contract(start <= v->start && end >= v->end);
    v->off_pages -= (v->start - start) >> PAGE_SHIFT;
    vma_set_rebound(set, v, start, end);
}

struct vma *vma_set_merge(struct vma_set *set, struct vma *v)
{
    struct vma *prev = vma_set_prev(set, v);
    struct vma *next = vma_set_next(set, v);

    if (next != NULL && vma_mergeable(v, next)) {
        vaddr_t end = next->end;

        vma_set_remove(set, next);
        vma_set_rebound(set, v, v->start, end);
    }
    if (prev != NULL && vma_mergeable(prev, v)) {
        vaddr_t end = v->end;

        vma_set_remove(set, v);
        vma_set_rebound(set, prev, prev->start, end);
        return prev;
    }
    return v;
}

/* I-VMA-1 and I-VMA-3 for one area. */
static bool vma_check_one(const struct vma_set *set, const struct imap_entry *entry)
{
    const struct vma *v = entry->value;

    if (v->start != entry->start || v->end != entry->end || v->start >= v->end)
        return false;
    if (!page_aligned(v->start) || !page_aligned(v->end) || v->mm != set->mm)
        return false;
    if (v->file == NULL)
        return list_empty(&v->link);
    if (v->file->refs == 0 || v->file->map == NULL)
        return false;
    list_for_each (node, &v->file->map->mappers)
        if (node == &v->link)
            return true;
    return false;
}

bool vma_set_check(const struct vma_set *set)
{
    struct imap_entry entry;
    const struct vma *before = NULL;
    uint64_t stacks = 0;

    if (!imap_check(&set->index))
        return false;
    for (bool found = imap_find(&set->index, 0, &entry); found;
         found = imap_next(&set->index, &entry)) {
        const struct vma *v = entry.value;

        if (!vma_check_one(set, &entry))
            return false;
        /* Two stacks stay two when the upper one has grown down to the lower, as in Linux. */
        if (before != NULL && !(v->flags & VMA_GROWSDOWN) && vma_mergeable(before, v))
            return false;
        stacks += (v->flags & VMA_GROWSDOWN) != 0;
        before = v;
    }
    return stacks == set->stacks;
}
