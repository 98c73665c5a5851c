/*
 * User-level fault handlers: setting, removing, asking. Layer 7. See fault_handler.h.
 *
 * This is what exokernels do (the default handler and one a range, as jos has them): the kernel
 * hands a fault to user code and does its own part only where that declines. It is asked by the
 * retry loop (machine_repair), between a trap and the kernel's own handling, so nothing below the
 * kernel ever calls a handler.
 */
#include "kernel/fault_handler.h"

#include <string.h>
#include <sys/mman.h>

#include "kernel/calls.h"

/* ---- the set ---- */

static int handlers_make(struct mw_machine *m, struct mm *mm)
{
    if (mm->upper == NULL)
        mm->upper = alloc_zeroed(&m->alloc, sizeof(struct fault_handlers));
    return mm->upper == NULL ? -ENOMEM : 0;
}

/* Room for so many more ranges. */
static int handlers_make_room(struct mw_machine *m, struct fault_handlers *h, unsigned more)
{
    unsigned capacity = 2 * h->capacity + more;
    struct fault_handler *ranges;

    if (h->capacity - h->count >= more)
        return 0;
    ranges = alloc_resize(&m->alloc, h->ranges, capacity * sizeof(*ranges));
    if (ranges == NULL)
        return -ENOMEM;
    h->ranges = ranges;
    h->capacity = capacity;
    return 0;
}

/* Cutting r out makes two of a range that reaches over both ends of it; one at most does. */
static unsigned handlers_split_by(const struct fault_handlers *h, struct range r)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->ranges[i].range.start < r.start && r.end < h->ranges[i].range.end)
            return 1;
    return 0;
}

int fault_handlers_reserve(struct mw_machine *m, struct mm *mm, struct range r)
{
    struct fault_handlers *h = mm->upper;

    return h == NULL ? 0 : handlers_make_room(m, h, handlers_split_by(h, r));
}

static void handlers_insert(struct fault_handlers *h, unsigned at, const struct fault_handler *new)
{
    contract(h->count < h->capacity);
    memmove(&h->ranges[at + 1], &h->ranges[at], (h->count - at) * sizeof(*h->ranges));
    h->ranges[at] = *new;
    h->count++;
}

static void handlers_erase(struct fault_handlers *h, unsigned at)
{
    h->count--;
    memmove(&h->ranges[at], &h->ranges[at + 1], (h->count - at) * sizeof(*h->ranges));
}

/* Takes r out of one range: all of it, an end, or the middle. */
static void handlers_cut_one(struct fault_handlers *h, unsigned at, struct range r)
{
    struct fault_handler upper = h->ranges[at];
    struct range *range = &h->ranges[at].range;

    upper.range.start = r.end;
    if (range->start >= r.start && range->end <= r.end) {
        handlers_erase(h, at);
    } else if (range->start >= r.start) {
        range->start = r.end;
    } else {
        bool both = range->end > r.end;

        range->end = r.start;
        if (both)
            handlers_insert(h, at + 1, &upper);
    }
}

void fault_handlers_cut(struct mm *mm, struct range r)
{
    struct fault_handlers *h = mm->upper;

    /* From the top, so that what is erased or added moves nothing that is still to come. */
    for (unsigned i = h == NULL ? 0 : h->count; i-- > 0;)
        if (h->ranges[i].range.start < r.end && h->ranges[i].range.end > r.start)
            handlers_cut_one(h, i, r);
}

static const struct fault_handler *handlers_find(const struct fault_handlers *h, vaddr_t va)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->ranges[i].range.start <= va && va < h->ranges[i].range.end)
            return &h->ranges[i];
    return NULL;
}

int fault_handlers_copy(struct mw_machine *m, struct mm *to, const struct mm *from)
{
    const struct fault_handlers *old = from->upper;
    struct fault_handlers *new;

    if (old == NULL)
        return 0;
    if (handlers_make(m, to) != 0)
        return -ENOMEM;
    new = to->upper;
    new->all = old->all;
    if (old->capacity == 0)
        return 0;
    new->ranges = alloc_zeroed(&m->alloc, old->capacity * sizeof(*new->ranges));
    if (new->ranges == NULL)
        return -ENOMEM; /* the rest goes with the address space */
    memcpy(new->ranges, old->ranges, old->count * sizeof(*new->ranges));
    new->count = old->count;
    new->capacity = old->capacity;
    return 0;
}

void fault_handlers_free(struct mw_machine *m, struct mm *mm)
{
    struct fault_handlers *h = mm->upper;

    if (h == NULL)
        return;
    alloc_release(&m->alloc, h->ranges);
    alloc_release(&m->alloc, h);
    mm->upper = NULL;
}

bool fault_handlers_check(const struct mm *mm)
{
    const struct fault_handlers *h = mm->upper;
    vaddr_t end = 0;

    for (unsigned i = 0; h != NULL && i < h->count; i++) {
        struct range r = h->ranges[i].range;

        if (r.start < end || r.start >= r.end || !page_aligned(r.start) || !page_aligned(r.end))
            return false;
        end = r.end;
    }
    return true;
}

/* ---- asking ---- */

static enum mw_fault_answer handlers_call(struct mw_machine *m, int pid, const struct trap *trap,
                                          struct fault_handler handler)
{
    const struct mw_fault fault = {.pid = pid,
                                   .va = trap->va,
                                   .access = trap->access,
                                   .cause = trap->cause,
                                   .start = handler.range.start,
                                   .end = handler.range.end};
    enum mw_fault_answer answer = handler.call(handler.context, m, &fault);

    event_emit(&m->bus, MW_EVENT_FAULT_HANDLER, trap->va, trap->access, handler.range.start,
               handler.range.end, answer);
    return answer;
}

/*
 * What a handler does may change the set, so each is copied before it runs, and the set looked up
 * anew after it. The process that faulted runs on in any case.
 */
enum mw_fault_answer fault_handlers_ask(struct mw_machine *m, struct process **p,
                                        const struct trap *trap)
{
    enum mw_fault_answer answer = MW_FAULT_NOT_MINE;
    const struct fault_handlers *h = (*p)->mm->upper;
    const struct fault_handler *of_range = h == NULL ? NULL : handlers_find(h, trap->va);
    int pid = (*p)->pid;

    if (of_range != NULL)
        answer = handlers_call(m, pid, trap, *of_range);
    *p = machine_process(m, pid);
    h = *p == NULL ? NULL : (*p)->mm->upper;
    if (answer == MW_FAULT_NOT_MINE && h != NULL && h->all.call != NULL) {
        answer = handlers_call(m, pid, trap, h->all);
        *p = machine_process(m, pid);
    }
    if (*p != NULL && m->current != *p)
        machine_switch(m, *p);
    return answer;
}

/* ---- the public face ---- */

int mw_set_fault_handler(struct mw_machine *m, int pid, mw_fault_handler *handler, void *context)
{
    struct process *p = machine_process(m, pid);
    struct fault_handlers *h;

    if (p == NULL)
        return -ESRCH;
    if (handler == NULL && p->mm->upper == NULL)
        return 0;
    if (handlers_make(m, p->mm) != 0)
        return -ENOMEM;
    h = p->mm->upper;
    h->all = (struct fault_handler){.call = handler, .context = context};
    return 0;
}

/* Where in the order a range belongs that overlaps none. */
static unsigned handlers_place(const struct fault_handlers *h, vaddr_t start)
{
    unsigned at = 0;

    while (at < h->count && h->ranges[at].range.start < start)
        at++;
    return at;
}

/* Removing takes no memory but for a range that becomes two. */
static int handlers_set(struct mw_machine *m, struct mm *mm, const struct fault_handler *new)
{
    bool adds = new->call != NULL;
    struct fault_handlers *h;

    if (!adds && mm->upper == NULL)
        return 0;
    if (handlers_make(m, mm) != 0)
        return -ENOMEM;
    h = mm->upper;
    if (handlers_make_room(m, h, adds + handlers_split_by(h, new->range)) != 0)
        return -ENOMEM;
    fault_handlers_cut(mm, new->range);
    if (adds)
        handlers_insert(h, handlers_place(h, new->range.start), new);
    return 0;
}

int mw_set_range_handler(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes,
                         mw_fault_handler *handler, void *context)
{
    struct process *p = machine_process(m, pid);
    const struct fault_handler new = {{addr, addr + bytes}, handler, context};

    if (p == NULL)
        return -ESRCH;
    if (!page_aligned(addr) || !page_aligned(bytes) || bytes == 0 || addr > p->mm->user_end ||
        bytes > p->mm->user_end - addr)
        return -EINVAL;
    return handlers_set(m, p->mm, &new);
}

/* A read brings a page in without making a copy of it; PROT_NONE is left for mprotect. */
static int request_touch(struct mw_machine *m, int pid, uint64_t va, int prot)
{
    enum mw_access access = prot & (PROT_READ | PROT_WRITE) ? MW_LOAD : MW_FETCH;

    if ((prot & (PROT_READ | PROT_WRITE | PROT_EXEC)) == 0)
        return 0;
    return mw_touch(m, pid, va, 1, access, NULL);
}

int mw_request_block(struct mw_machine *m, int pid, uint64_t va, int fd, uint64_t off_bytes,
                     int prot, int flags)
{
    int64_t at;

    if (flags != MAP_SHARED && flags != MAP_PRIVATE)
        return -EINVAL;
    va = page_floor(va);
    at = mw_mmap(m, pid, va, PAGE_BYTES, prot, flags | MAP_FIXED, fd, off_bytes);
    return at < 0 ? (int)at : request_touch(m, pid, va, prot);
}
