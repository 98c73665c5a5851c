/*
 * When areas become one, exactly as Linux 6.18 (or 6.12) decides it (mm/vma.c). Layer 6; knows no pages.
 *
 * Three operations merge, each by the same test of a pair, each with its own reach:
 *
 *      add (mmap, mremap, brk)     change (mprotect, madvise, mlock)        grow (mremap in place)
 *      |prev| new |next|           |prev|mmMMMMmm|next|                     |vvvv|more|next|
 *      prev, next or both          prev when M begins the area, next        next only
 *                                  when M ends it
 *
 * The test of a pair: contiguous, all flags equal (also those that no program sees), the same open
 * file, contiguous offsets, equal names, and histories that go together (merge_histories).
 */
#include "mm/vma.h"

#include "base/contract.h"

/* What brings a history into a merge, beside the neighbour that takes it over. */
enum merge_source {
    MERGE_OF_AREA, /* an area that is there, or is being moved: an inherited history stays apart */
    MERGE_OF_GROWTH, /* an area that grows in place: Linux does not ask where its history is from */
    MERGE_OF_6_12    /* in 6.12 what has a history never joins what has none */
};

static enum merge_source merge_source(const struct vma_set *set, enum merge_source kind)
{
    return set->merges_as_6_12 ? MERGE_OF_6_12 : kind;
}

static bool history_is_inherited(uint64_t history)
{
    return (history & VMA_HISTORY_INHERITED) != 0;
}

/*
 * May `target` take over memory of history `source`? Where one has none it takes the other's, but
 * an inherited history must not spread: what it stands for has relatives in other processes.
 */
static bool merge_histories(uint64_t target, uint64_t source, enum merge_source kind)
{
    if (target == 0 && source != 0 && kind == MERGE_OF_6_12)
        return false;
    if (target == 0 && source != 0)
        return kind == MERGE_OF_GROWTH || !history_is_inherited(source);
    if (target != 0 && source == 0)
        return !history_is_inherited(target);
    return target == source;
}

/* Equal flags, but for those that stick? */
static bool merge_flags(const struct vma *a, const struct vma *b)
{
    return ((a->flags ^ b->flags) & ~(uint32_t)VMA_STICKY) == 0;
}

/* Equal in everything but bounds, offset and history, and of a kind that merges at all? */
static bool merge_kinds(const struct vma *a, const struct vma *b)
{
    return a->prot == b->prot && merge_flags(a, b) && a->file == b->file &&
           vma_huge_bytes(a) == 0 && vma_name_equal(a->name, b->name);
}

/* Does `b` begin where `a` ends, in addresses and offsets? */
static bool merge_contiguous(const struct vma *a, const struct vma *b)
{
    return a->end == b->start && vma_index(a, a->end) == b->off_pages;
}

/* May `model` be added to the end of `prev` (NULL: no)? */
static bool merge_left_fits(const struct vma *prev, const struct vma *model, enum merge_source kind)
{
    return prev != NULL && merge_contiguous(prev, model) && merge_kinds(prev, model) &&
           merge_histories(prev->history, model->history, kind);
}

/*
 * May `model` be added to the start of `next` (NULL: no)? When it joins `left` as well, the two
 * histories beside it must agree with each other.
 */
static bool merge_right_fits(const struct vma *model, const struct vma *next,
                             const struct vma *left, enum merge_source kind)
{
    if (next == NULL || !merge_contiguous(model, next) || !merge_kinds(model, next) ||
        !merge_histories(next->history, model->history, kind))
        return false;
    return left == NULL || left->history == 0 || next->history == 0 ||
           left->history == next->history;
}

/* The first history of the three that is one. */
static uint64_t merge_history(uint64_t a, uint64_t b, uint64_t c)
{
    if (a != 0)
        return a;
    return b != 0 ? b : c;
}

/* `target` takes over memory of an area, or two (NULL: none), like these. */
static void merge_stick(struct vma *target, const struct vma *a, const struct vma *b)
{
    target->flags |= (a->flags | (b == NULL ? 0 : b->flags)) & VMA_STICKY;
}

/* ---- a new area ---- */

struct vma *vma_set_add(struct vma_set *set, const struct vma *model, enum vma_merge merge)
{
    enum merge_source source = merge_source(set, MERGE_OF_AREA);
    struct imap_entry entry;
    bool before = imap_find_before(&set->index, model->start, &entry);
    struct vma *prev = before ? entry.value : NULL;
    bool after = before ? imap_next(&set->index, &entry) : imap_find(&set->index, 0, &entry);
    struct vma *next = after && merge == VMA_MERGE_BOTH ? entry.value : NULL;

    if (!merge_left_fits(prev, model, source))
        prev = NULL;
    if (!merge_right_fits(model, next, prev, source))
        next = NULL;
    if (prev != NULL) {
        prev->history =
            merge_history(prev->history, next == NULL ? 0 : next->history, model->history);
        merge_stick(prev, model, next);
        if (next != NULL)
            vma_set_absorb(set, prev, next);
        else
            vma_set_rebound(set, prev, prev->start, model->end);
        return prev;
    }
    if (next == NULL)
        return vma_set_insert(set, model);
    next->history = merge_history(next->history, model->history, 0);
    merge_stick(next, model, NULL);
    vma_set_rebound(set, next, model->start, next->end);
    return next;
}

struct vma *vma_set_replace(struct vma_set *set, struct vma *v, const struct vma *model)
{
    if (merge_left_fits(vma_set_prev(set, v), model, MERGE_OF_AREA) ||
        merge_right_fits(model, vma_set_next(set, v), NULL, MERGE_OF_AREA)) {
        vma_set_remove(set, v);
        return vma_set_add(set, model, VMA_MERGE_BOTH);
    }
    vma_set_renew(set, v, model);
    return v;
}

struct vma *vma_set_grow(struct vma_set *set, struct vma *v, vaddr_t end)
{
    struct vma *next = vma_set_next(set, v);
    struct vma more = *v;

    more.start = v->end;
    more.end = end;
    more.off_pages = vma_index(v, v->end);
    if (!merge_right_fits(&more, next, v, merge_source(set, MERGE_OF_GROWTH))) {
        vma_set_extend(set, v, v->start, end);
        return v;
    }
    v->history = merge_history(v->history, next->history, 0);
    merge_stick(v, next, NULL);
    vma_set_absorb(set, v, next);
    return v;
}

/* ---- a change to a part of an area ---- */

/* The neighbours that the changed part joins. */
struct merge_sides {
    struct vma *prev;
    struct vma *next;
};

/* v gives up [start, end), which is its beginning, its end, or all of it. */
static void merge_give_up(struct vma_set *set, struct vma *v, struct range r)
{
    if (v->start == r.start && v->end == r.end)
        vma_set_remove(set, v);
    else if (v->start == r.start)
        vma_set_rebound(set, v, r.end, v->end);
    else
        vma_set_rebound(set, v, v->start, r.start);
}

/* Moves the part from v to the sides. Returns the area that covers it then. */
static struct vma *merge_hand_over(struct vma_set *set, struct vma *v, struct range r,
                                   const struct merge_sides *sides)
{
    uint64_t history = v->history;
    struct vma *next = sides->next;

    merge_stick(sides->prev != NULL ? sides->prev : next, v, next);
    if (sides->prev == NULL) {
        merge_give_up(set, v, r);
        next->history = merge_history(next->history, history, 0);
        vma_set_rebound(set, next, r.start, next->end);
        return next;
    }
    sides->prev->history =
        merge_history(sides->prev->history, next == NULL ? 0 : next->history, history);
    if (v->end == r.end) { /* all of v, which begins where prev ends */
        vma_set_absorb(set, sides->prev, v);
    } else {
        merge_give_up(set, v, r);
        vma_set_rebound(set, sides->prev, sides->prev->start, r.end);
    }
    if (next != NULL)
        vma_set_absorb(set, sides->prev, next);
    return sides->prev;
}

/* Splits the part off v: NULL when there is no room for as many areas as that takes. */
static struct vma *merge_split_off(struct vma_set *set, struct vma *v, struct range r,
                                   uint64_t max_areas)
{
    if (v->start < r.start) {
        if (vma_set_count(set) >= max_areas)
            return NULL;
        v = vma_set_split(set, v, r.start);
    }
    if (v->end > r.end) {
        if (vma_set_count(set) >= max_areas)
            return NULL;
        vma_set_split(set, v, r.end);
    }
    return v;
}

struct vma *vma_set_change(struct vma_set *set, struct vma *v, const struct vma_change *change,
                           uint64_t max_areas)
{
    enum merge_source source = merge_source(set, MERGE_OF_AREA);
    struct range r = change->range;
    struct merge_sides sides = {NULL, NULL};
    struct vma model = *v;

    contract(v->start <= r.start && r.start < r.end && r.end <= v->end);
    model.start = r.start;
    model.end = r.end;
    model.off_pages = vma_index(v, r.start);
    model.prot = change->prot;
    model.flags = change->flags;
    model.name = change->name;
    if (r.start == v->start)
        sides.prev = vma_set_prev(set, v);
    if (!merge_left_fits(sides.prev, &model, source))
        sides.prev = NULL;
    if (r.end == v->end)
        sides.next = vma_set_next(set, v);
    if (!merge_right_fits(&model, sides.next, sides.prev, source))
        sides.next = NULL;
    if (sides.prev != NULL || sides.next != NULL)
        return merge_hand_over(set, v, r, &sides);
    v = merge_split_off(set, v, r, max_areas);
    if (v != NULL)
        vma_set_reflag(set, v, change->prot, change->flags, change->name);
    return v;
}

/* ---- histories ---- */

/* Could a and b, side by side, be one area but for their rights (anon_vma_compatible)? */
static bool history_fits(const struct vma *a, const struct vma *b)
{
    return merge_contiguous(a, b) && merge_flags(a, b) && a->file == b->file;
}

/* An inherited history is not given on. */
static bool history_is_free(const struct vma *v)
{
    return v->history != 0 && !history_is_inherited(v->history);
}

uint64_t vma_set_choose_history(const struct vma_set *set, const struct vma *v, uint64_t fresh)
{
    const struct vma *next = vma_set_next(set, v);
    const struct vma *prev;

    if (next != NULL && history_is_free(next) && history_fits(v, next))
        return next->history;
    prev = vma_set_prev(set, v);
    if (prev != NULL && history_is_free(prev) && history_fits(prev, v))
        return prev->history;
    return fresh;
}
