/*
 * Adding up faults by VMA. See top_vmas.h.
 *
 * Role: layer 9, a sink. What a process has is an interval map from addresses to areas. A fault's
 * VMA meets it in one of four ways:
 *
 *     |----A----|            inside an area of the same object: counts for A
 *        |-v-|
 *
 *     |--A--|  |--B--|       over areas of the same object: A and B become one, with the sum of
 * their counts
 *        |----v---|
 *
 *     |----A----|            over an area of another object: A keeps what lies below v (else
 * above), or ends
 *        |-v-|
 *
 *                 |-v-|      where nothing was: a new area
 *
 * Events come in the middle of an operation of the machine, which cannot be told that memory ran
 * out here: `failed` remembers it, and whoever shows the list says so.
 */
#include "view/top_vmas.h"

#include "base/imap.h"

/* What is known of one process. */
struct top_vmas_process {
    struct imap areas; /* -> struct top_vma, owned */
    uint64_t
        heap_start; /* the lowest and the present end of the heap, from brk; both 0: none seen */
    uint64_t heap_end;
};

void top_vmas_init(struct top_vmas *t, struct alloc *a)
{
    *t = (struct top_vmas){.alloc = a};
    radix_init(&t->processes, a);
}

/* The order of the list: most faults first; the rest only makes it the same on every run. */
static bool top_vmas_before(const struct top_vma *a, const struct top_vma *b)
{
    if (a->faults != b->faults)
        return a->faults > b->faults;
    if (a->pid != b->pid)
        return a->pid < b->pid;
    if (a->start != b->start)
        return a->start < b->start;
    return a->inode < b->inode;
}

/* Puts an area into a sorted list of at most TOP_VMAS, which may drop the last. */
static void top_vmas_offer(struct top_vma list[TOP_VMAS], unsigned *count,
                           const struct top_vma *area)
{
    unsigned at = *count;

    /* A VMA that was found but whose fault came to nothing yet. */
    if (area->faults == 0)
        return;
    while (at > 0 && top_vmas_before(area, &list[at - 1]))
        at--;
    if (at == TOP_VMAS)
        return;
    if (*count < TOP_VMAS)
        (*count)++;
    /* The last one falls out when the list is full. */
    for (unsigned i = *count - 1; i > at; i--)
        list[i] = list[i - 1];
    list[at] = *area;
}

/* An area can gain no more faults. */
static void top_vmas_end_area(struct top_vmas *t, struct top_vma *area)
{
    top_vmas_offer(t->ended, &t->ended_count, area);
    alloc_release(t->alloc, area);
}

/* All areas of a process end: it exits, or execs. */
static void top_vmas_end_areas(struct top_vmas *t, struct top_vmas_process *p)
{
    struct imap_entry entry;

    t->current = NULL;
    for (bool more = imap_find(&p->areas, 0, &entry); more; more = imap_next(&p->areas, &entry))
        top_vmas_end_area(t, entry.value);
    imap_destroy(&p->areas);
    p->heap_start = 0;
    p->heap_end = 0;
}

static void top_vmas_end_process(struct top_vmas *t, uint32_t pid)
{
    struct top_vmas_process *p = radix_remove(&t->processes, pid);

    if (p == NULL)
        return;
    top_vmas_end_areas(t, p);
    alloc_release(t->alloc, p);
}

void top_vmas_destroy(struct top_vmas *t)
{
    uint64_t pid = 0;
    void *value;

    while (radix_next(&t->processes, &pid, &value))
        top_vmas_end_process(t, (uint32_t)pid);
    radix_destroy(&t->processes);
}

/* The process of a pid, new when it was not known. NULL: no memory. */
static struct top_vmas_process *top_vmas_process_of(struct top_vmas *t, uint32_t pid)
{
    struct top_vmas_process *p = radix_get(&t->processes, pid);

    if (p != NULL)
        return p;
    p = alloc_zeroed(t->alloc, sizeof(*p));
    if (p == NULL)
        return NULL;
    imap_init(&p->areas, t->alloc);
    if (radix_insert(&t->processes, pid, p) < 0) {
        alloc_release(t->alloc, p);
        return NULL;
    }
    return p;
}

/*
 * Another object was mapped over part of an area: what is left of it below, else above; else it
 * ends.
 */
static void top_vmas_cut(struct top_vmas *t, struct imap *areas, const struct imap_entry *entry,
                         const struct top_vma *by)
{
    if (entry->start < by->start)
        imap_resize(areas, entry->start, entry->start, by->start);
    else if (entry->end > by->end)
        imap_resize(areas, entry->start, by->end, entry->end);
    else
        top_vmas_end_area(t, imap_erase(areas, entry->start));
}

/*
 * The same object under overlapping ranges is the same area: `into` takes it over, range and
 * counts.
 */
static void top_vmas_absorb(struct top_vmas *t, struct imap *areas, const struct imap_entry *entry,
                            struct top_vma *into)
{
    struct top_vma *area = imap_erase(areas, entry->start);

    if (entry->start < into->start)
        into->start = entry->start;
    if (entry->end > into->end)
        into->end = entry->end;
    into->faults += area->faults;
    for (unsigned i = 0; i < MW_REASON_COUNT; i++)
        into->by_reason[i] += area->by_reason[i];
    alloc_release(t->alloc, area);
}

/*
 * Makes room for `area` (an entry not yet in the map) by absorbing or cutting all that overlaps it.
 * The loop looks at the range that the event gave: absorbing widens the area only over what its own
 * predecessors held.
 */
static void top_vmas_clear(struct top_vmas *t, struct imap *areas, struct top_vma *area)
{
    const struct top_vma seen = *area;
    struct imap_entry entry;

    while (imap_find(areas, seen.start, &entry) && entry.start < seen.end) {
        const struct top_vma *old = entry.value;

        if (old->inode == seen.inode)
            top_vmas_absorb(t, areas, &entry, area);
        else
            top_vmas_cut(t, areas, &entry, &seen);
    }
}

/*
 * A new area like `seen`, with the counts of those it continues. NULL: no memory, nothing changed.
 * /
 */
static struct top_vma *top_vmas_insert(struct top_vmas *t, struct imap *areas,
                                       const struct top_vma *seen)
{
    struct top_vma *area = alloc_zeroed(t->alloc, sizeof(*area));

    if (area == NULL || imap_reserve(areas, 1) < 0) {
        alloc_release(t->alloc, area);
        return NULL;
    }
    *area = *seen;
    top_vmas_clear(t, areas, area);
    /* Cannot fail: it was reserved, and clearing only erases and resizes. */
    if (imap_insert(areas, area->start, area->end, area) < 0) {
        alloc_release(t->alloc, area);
        return NULL;
    }
    return area;
}

/* The area that a fault in the VMA `seen` counts for. */
static struct top_vma *top_vmas_area_of(struct top_vmas *t, struct top_vmas_process *p,
                                        const struct top_vma *seen)
{
    struct imap_entry entry;
    struct top_vma *area;

    if (!imap_find(&p->areas, seen->start, &entry) || entry.start > seen->start ||
        entry.end < seen->end)
        return top_vmas_insert(t, &p->areas, seen);
    area = entry.value;
    if (area->inode != seen->inode)
        return top_vmas_insert(t, &p->areas, seen);
    area->prot = seen->prot;
    area->flags = seen->flags;
    area->heap = seen->heap;
    return area;
}

static void top_vmas_fault(struct top_vmas *t, const struct mw_event *event)
{
    struct top_vmas_process *p = top_vmas_process_of(t, event->pid);
    struct top_vma seen = {.pid = event->pid,
                           .prot = (uint32_t)event->arg[2],
                           .flags = (uint32_t)event->arg[3],
                           .inode = event->arg[5],
                           .start = event->arg[0],
                           .end = event->arg[1]};

    t->current = NULL;
    if (p != NULL && seen.start < seen.end) {
        /* proc(5)'s rule for the label [heap]. */
        seen.heap = seen.inode == 0 && seen.start < p->heap_end && seen.end > p->heap_start;
        t->current = top_vmas_area_of(t, p, &seen);
    }
    t->failed = t->failed || t->current == NULL;
}

static void top_vmas_fault_end(struct top_vmas *t, const struct mw_event *event)
{
    if (t->current != NULL && event->arg[1] < MW_REASON_COUNT) {
        t->current->faults++;
        t->current->by_reason[event->arg[1]]++;
    }
    t->current = NULL;
}

static void top_vmas_brk(struct top_vmas *t, const struct mw_event *event)
{
    struct top_vmas_process *p = top_vmas_process_of(t, event->pid);
    uint64_t old = event->arg[0];

    if (p == NULL) {
        t->failed = true;
        return;
    }
    /* The first end of the heap that is seen is its start: nothing was below it. */
    if (p->heap_end == 0 || old < p->heap_start)
        p->heap_start = old;
    p->heap_end = event->arg[1];
}

/* A child of fork has its parent's heap; what the child faults on are areas of its own. */
static void top_vmas_fork(struct top_vmas *t, uint32_t child_pid, uint32_t parent_pid)
{
    const struct top_vmas_process *parent = radix_get(&t->processes, parent_pid);
    struct top_vmas_process *child;

    top_vmas_end_process(t, child_pid); /* a pid that is used again is another process */
    if (parent == NULL)
        return;
    child = top_vmas_process_of(t, child_pid);
    if (child == NULL) {
        t->failed = true;
        return;
    }
    child->heap_start = parent->heap_start;
    child->heap_end = parent->heap_end;
}

static void top_vmas_exec(struct top_vmas *t, uint32_t pid)
{
    struct top_vmas_process *p = radix_get(&t->processes, pid);

    if (p != NULL)
        top_vmas_end_areas(t, p);
}

void top_vmas_handle(void *top, const struct mw_event *event)
{
    struct top_vmas *t = top;

    switch (event->kind) {
    case MW_EVENT_FAULT_VMA:
        top_vmas_fault(t, event);
        break;
    case MW_EVENT_FAULT_NO_VMA:
        t->current = NULL;
        break;
    case MW_EVENT_FAULT_END:
        top_vmas_fault_end(t, event);
        break;
    case MW_EVENT_BRK:
        top_vmas_brk(t, event);
        break;
    case MW_EVENT_PROCESS_NEW:
        top_vmas_fork(t, (uint32_t)event->arg[0], (uint32_t)event->arg[1]);
        break;
    case MW_EVENT_PROCESS_EXEC:
        top_vmas_exec(t, event->pid);
        break;
    case MW_EVENT_PROCESS_EXIT:
        top_vmas_end_process(t, event->pid);
        break;
    default:
        break;
    }
}

unsigned top_vmas_best(const struct top_vmas *t, struct top_vma out[TOP_VMAS])
{
    /*
     * What ended competes with what lives; the list is made anew each time, since counts of the
     * living change.
     */
    unsigned count = t->ended_count;
    struct imap_entry entry;
    uint64_t pid = 0;
    void *value;

    for (unsigned i = 0; i < count; i++)
        out[i] = t->ended[i];
    for (; radix_next(&t->processes, &pid, &value); pid++) {
        const struct top_vmas_process *p = value;

        for (bool more = imap_find(&p->areas, 0, &entry); more; more = imap_next(&p->areas, &entry))
            top_vmas_offer(out, &count, entry.value);
    }
    return count;
}

const char *top_vmas_label(const struct top_vma *v, const struct names *names)
{
    const char *path;

    if (v->inode != 0) {
        path = names_find(names, v->inode);
        return *path == '\0' ? "[inode]" : path;
    }
    if (v->heap)
        return "[heap]";
    if (v->flags & MW_VMA_GROWSDOWN)
        return "[stack]";
    return (v->flags & MW_VMA_IMPLICIT) ? "[implicit]" : "[anon]";
}
