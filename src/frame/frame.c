/*
 * The frame table. Layer 4: knows RAM and owner tags, not what a page table or a file is.
 *
 * Recycled frames come first, the last freed first, since their host memory is warm; untouched RAM
 * is taken only when none is left, so that a long run in a large machine keeps to the host memory
 * it needs at its peak.
 */
#include "frame/frame.h"

#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"

#define FRAME_ORDER_MAX 18u /* a 1 GiB superpage */

int frame_table_init(struct frame_table *t, const struct ram *ram, struct event_bus *bus,
                     struct clock *clock, uint32_t zero_ns, uint32_t copy_ns)
{
    uint64_t total = ram->bytes >> PAGE_SHIFT;
    void *frames;

    memset(t, 0, sizeof(*t));
    if (total >= FRAME_NONE)
        return -EINVAL;
    frames = mmap(NULL, total * sizeof(struct frame), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (frames == MAP_FAILED)
        return -ENOMEM;
    t->frames = frames;
    t->ram = ram;
    t->bus = bus;
    t->clock = clock;
    t->total = total;
    t->recycled = FRAME_NONE;
    t->zero_ns = zero_ns;
    t->copy_ns = copy_ns;
    return 0;
}

void frame_table_destroy(struct frame_table *t)
{
    if (t->frames != NULL)
        munmap(t->frames, t->total * sizeof(struct frame));
    t->frames = NULL;
}

/* A free frame off the stack or from untouched RAM (which reads as zeros), or NULL. */
static struct frame *frame_take_free(struct frame_table *t)
{
    struct frame *f;

    if (t->recycled != FRAME_NONE) {
        f = &t->frames[t->recycled];
        t->recycled = f->next;
        return f;
    }
    if (t->fresh == t->total)
        return NULL;
    f = &t->frames[t->fresh++];
    f->zero = true;
    return f;
}

/* Charges the frame to its owner and keeps the peaks. */
static void frame_count_use(struct frame_table *t, enum mw_owner owner)
{
    if (++t->used > t->peak)
        t->peak = t->used;
    if (++t->by_owner[owner] > t->table_peak && owner == MW_OWNER_TABLE)
        t->table_peak = t->by_owner[owner];
}

static void frame_make_zero(struct frame_table *t, struct frame *f)
{
    if (f->zero) {
        t->zero_known++;
        return;
    }
    memset(frame_bytes(t, f), 0, PAGE_BYTES);
    clock_advance(t->clock, t->zero_ns);
    f->zero = true;
    t->zeroed++;
}

static void frame_hand_out(struct frame_table *t, struct frame *f, enum mw_owner owner, bool zeroed)
{
    f->refs = 1;
    f->next = FRAME_NONE;
    f->owner = (uint8_t)owner;
    f->lazy = false;
    f->live = 0;
    f->home = NULL;
    f->index = 0;
    if (zeroed)
        frame_make_zero(t, f);
    frame_count_use(t, owner);
    event_emit(t->bus, MW_EVENT_FRAME_ALLOC, frame_paddr(t, f).raw, owner, zeroed);
}

/*
 * The next frame of the stack is likely to be asked for soon, and then zeroed or copied to. Its record
 * and both ends of it come nearer while the program does other things.
 */
static void frame_warm_next(const struct frame_table *t)
{
    const struct frame *next;
    const uint8_t *bytes;

    if (t->recycled == FRAME_NONE)
        return;
    next = &t->frames[t->recycled];
    bytes = frame_bytes(t, next);
    __builtin_prefetch(next, 1);
    __builtin_prefetch(bytes, 1);
    __builtin_prefetch(bytes + PAGE_BYTES - 1, 1);
}

struct frame *frame_alloc(struct frame_table *t, enum mw_owner owner, bool zeroed)
{
    struct frame *f = frame_take_free(t);

    if (f == NULL)
        return NULL;
    frame_hand_out(t, f, owner, zeroed);
    frame_warm_next(t);
    return f;
}

/* Puts a frame on the free stack. */
static void frame_push_free(struct frame_table *t, struct frame *f)
{
    f->next = t->recycled;
    t->recycled = (uint32_t)(f - t->frames);
}

struct frame *frame_alloc_run(struct frame_table *t, enum mw_owner owner, unsigned order,
                              bool zeroed)
{
    uint64_t count = (uint64_t)1 << order;
    uint64_t base_frames = t->ram->base.raw >> PAGE_SHIFT;
    uint64_t first;

    contract(order <= FRAME_ORDER_MAX);
    /* Alignment is that of the physical address: RAM need not begin on a superpage. */
    first = ((t->fresh + base_frames + count - 1) & ~(count - 1)) - base_frames;
    if (first > t->total || t->total - first < count)
        return NULL;
    while (t->fresh < first) { /* what the alignment skips stays usable */
        t->frames[t->fresh].zero = true;
        frame_push_free(t, &t->frames[t->fresh++]);
    }
    t->fresh = first + count;
    for (uint64_t i = 0; i < count; i++) {
        t->frames[first + i].zero = true;
        frame_hand_out(t, &t->frames[first + i], owner, zeroed);
    }
    return &t->frames[first];
}

void frame_put(struct frame_table *t, struct frame *f)
{
    contract_on(t->bus, f->refs > 0);
    if (--f->refs > 0)
        return;
    event_emit(t->bus, MW_EVENT_FRAME_FREE, frame_paddr(t, f).raw, f->owner);
    t->used--;
    t->by_owner[f->owner]--;
    f->owner = MW_OWNER_FREE;
    f->home = NULL;
    frame_push_free(t, f);
}

void frame_copy(struct frame_table *t, struct frame *to, const struct frame *from)
{
    if (from->zero) {
        frame_make_zero(t, to);
    } else {
        memcpy(frame_bytes(t, to), frame_bytes(t, from), PAGE_BYTES);
        frame_soil(to);
        clock_advance(t->clock, t->copy_ns);
        t->copied++;
    }
    event_emit(t->bus, MW_EVENT_FRAME_COPY, frame_paddr(t, from).raw, frame_paddr(t, to).raw);
}

void frame_set_owner(struct frame_table *t, struct frame *f, enum mw_owner owner)
{
    contract_on(t->bus, f->refs > 0);
    t->by_owner[f->owner]--;
    t->by_owner[owner]++;
    f->owner = (uint8_t)owner;
    f->lazy = false;
}
