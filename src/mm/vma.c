/*
 * The VMA set: what is mapped where. Layer 6; knows no pages.
 *
 * Bounds live in the area and in the index; rights and flags in the area and in the set's totals.
 * Only this file changes any of them (vma_merge.c decides, and calls it).
 */
#include "mm/vma.h"

#include "base/contract.h"
#include "cache/cache.h"

void vma_set_init(struct vma_set *set, struct alloc *a, struct pool *pool, struct mm *mm,
                  uint64_t *committed_pages)
{
    imap_init(&set->index, a);
    set->pool = pool;
    set->mm = mm;
    set->stacks = 0;
    set->totals = (struct vma_totals){0};
    set->committed_pages = committed_pages;
}

void vma_set_destroy(struct vma_set *set)
{
    contract(set->index.count == 0 && set->totals.pages == 0);
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

/* Adds the pages of an area, as far as they are in [start, end), to what limits count. */
static void vma_count_pages(struct vma_totals *t, const struct vma *v, vaddr_t start, vaddr_t end)
{
    uint64_t pages = (end - start) >> PAGE_SHIFT;

    t->pages += pages;
    if (vma_is_data(v->prot, v->flags))
        t->data += pages;
    if (v->flags & VMA_LOCKED)
        t->locked += pages;
    if (v->flags & VMA_ACCOUNT)
        t->account += pages;
}

struct vma_totals vma_set_totals_in(const struct vma_set *set, struct range r)
{
    struct vma_totals totals = {0};
    struct imap_entry entry;

    for (bool found = imap_find(&set->index, r.start, &entry); found && entry.start < r.end;
         found = imap_next(&set->index, &entry))
        vma_count_pages(&totals, entry.value, entry.start > r.start ? entry.start : r.start,
                        entry.end < r.end ? entry.end : r.end);
    return totals;
}

/* v is about to change, or to go: what it adds to the totals is taken out. */
static void vma_set_count_out(struct vma_set *set, const struct vma *v)
{
    struct vma_totals t = {0};

    vma_count_pages(&t, v, v->start, v->end);
    set->totals.pages -= t.pages;
    set->totals.data -= t.data;
    set->totals.locked -= t.locked;
    set->totals.account -= t.account;
    if (set->committed_pages != NULL)
        *set->committed_pages -= t.account;
}

/* v has come, or has changed. */
static void vma_set_count_in_all(struct vma_set *set, const struct vma *v)
{
    uint64_t account = set->totals.account;

    vma_count_pages(&set->totals, v, v->start, v->end);
    if (set->committed_pages != NULL)
        *set->committed_pages += set->totals.account - account;
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

/* Makes v an area like `model`, with references of its own; counted and indexed by the caller. */
static void vma_fill(struct vma_set *set, struct vma *v, const struct vma *model)
{
    *v = *model;
    v->mm = set->mm;
    set->stacks += (v->flags & VMA_GROWSDOWN) != 0;
    vma_name_get(v->name);
    list_init(&v->link);
    if (v->file != NULL) {
        mapped_file_get(v->file);
        if (v->file->map != NULL)
            list_append(&v->file->map->mappers, &v->link);
    }
}

static struct vma *vma_new(struct vma_set *set, const struct vma *model)
{
    struct vma *v = pool_get(set->pool);

    contract(v != NULL);
    vma_fill(set, v, model);
    return v;
}

/* Gives back what vma_fill took. */
static void vma_drop(struct vma_set *set, struct vma *v)
{
    list_remove(&v->link);
    set->stacks -= (v->flags & VMA_GROWSDOWN) != 0;
    vma_name_put(v->name);
    if (v->file != NULL)
        mapped_file_put(v->file);
}

/* The area is out of index and totals. */
static void vma_free(struct vma_set *set, struct vma *v)
{
    vma_drop(set, v);
    pool_put(set->pool, v);
}

struct vma *vma_set_insert(struct vma_set *set, const struct vma *model)
{
    struct vma *v = vma_new(set, model);

    vma_set_count_in_all(set, v);
    vma_set_index(set, v);
    return v;
}

void vma_set_remove(struct vma_set *set, struct vma *v)
{
    imap_erase(&set->index, v->start);
    vma_set_count_out(set, v);
    vma_free(set, v);
}

void vma_set_renew(struct vma_set *set, struct vma *v, const struct vma *model)
{
    contract(v->start == model->start && v->end == model->end);
    vma_set_count_out(set, v);
    vma_drop(set, v); /* what the model names is kept by whoever maps it */
    vma_fill(set, v, model);
    vma_set_count_in_all(set, v);
}

/* As removing next and moving v's end, but the index is changed once and never has a hole. */
void vma_set_absorb(struct vma_set *set, struct vma *v, struct vma *next)
{
    imap_join(&set->index, v->start);
    vma_set_count_out(set, next);
    vma_set_count_out(set, v);
    v->end = next->end;
    vma_set_count_in_all(set, v);
    vma_free(set, next);
}

void vma_set_rebound(struct vma_set *set, struct vma *v, vaddr_t start, vaddr_t end)
{
    vma_set_count_out(set, v);
    imap_resize(&set->index, v->start, start, end);
    v->off_pages += (start >> PAGE_SHIFT) - (v->start >> PAGE_SHIFT); /* down as well as up */
    v->start = start;
    v->end = end;
    vma_set_count_in_all(set, v);
}

void vma_set_reflag(struct vma_set *set, struct vma *v, uint32_t prot, uint32_t flags,
                    struct vma_name *name)
{
    struct vma_name *old = v->name;

    contract(((v->flags ^ flags) & VMA_GROWSDOWN) == 0);
    vma_set_count_out(set, v);
    v->prot = prot;
    v->flags = flags;
    vma_set_count_in_all(set, v);
    v->name = vma_name_get(name); /* before the old one is dropped: they may be the same */
    vma_name_put(old);
}

/* Both parts count as before, so that totals stay. */
struct vma *vma_set_split(struct vma_set *set, struct vma *v, vaddr_t at)
{
    struct vma *upper;
    int err;

    contract(v->start < at && at < v->end && page_aligned(at));
    upper = vma_new(set, v);
    upper->start = at;
    upper->off_pages = vma_index(v, at);
    err = imap_split(&set->index, v->start, at, upper);
    contract(err == 0); /* reserved */
    v->end = at;
    return upper;
}

void vma_set_extend(struct vma_set *set, struct vma *v, vaddr_t start, vaddr_t end)
{
    contract(start <= v->start && end >= v->end);
    vma_set_rebound(set, v, start, end);
}

/* Has an area of this kind pages that are the process's own, so that it may have a history? */
static bool vma_may_have_history(const struct vma *v)
{
    return !(v->flags & VMA_SHARED);
}

/* I-VMA-1, I-VMA-3 and the second half of I-VMA-2 for one area. */
static bool vma_check_one(const struct vma_set *set, const struct imap_entry *entry)
{
    const struct vma *v = entry->value;

    if (v->start != entry->start || v->end != entry->end || v->start >= v->end)
        return false;
    if (!page_aligned(v->start) || !page_aligned(v->end) || v->mm != set->mm)
        return false;
    if (v->history != 0 && !vma_may_have_history(v))
        return false;
    if (v->name != NULL && v->name->refs == 0)
        return false;
    if (v->file != NULL && v->file->refs == 0)
        return false;
    if (vma_is_anonymous(v))
        return list_empty(&v->link);
    list_for_each (node, &v->file->map->mappers)
        if (node == &v->link)
            return true;
    return false;
}

static bool vma_totals_equal(const struct vma_totals *a, const struct vma_totals *b)
{
    return a->pages == b->pages && a->data == b->data && a->locked == b->locked &&
           a->account == b->account;
}

bool vma_set_check(const struct vma_set *set)
{
    struct imap_entry entry;
    struct vma_totals totals = {0};
    uint64_t stacks = 0;

    if (!imap_check(&set->index))
        return false;
    for (bool found = imap_find(&set->index, 0, &entry); found;
         found = imap_next(&set->index, &entry)) {
        const struct vma *v = entry.value;

        if (!vma_check_one(set, &entry))
            return false;
        stacks += (v->flags & VMA_GROWSDOWN) != 0;
        vma_count_pages(&totals, v, v->start, v->end);
    }
    return stacks == set->stacks && vma_totals_equal(&totals, &set->totals);
}
