/*
 * The frame table: who uses which frame of RAM, and how often.
 *
 * Layer 4. One record a frame, in one sparse host mapping, so that a machine of 1 TiB costs nothing
 * until it is used. Knows owners only as tags; page tables and files are above.
 *
 * Free frames: a stack of recycled ones (host memory that is warm), then the never-used rest above
 * `fresh`. The host gives untouched memory as zeros, so a fresh frame needs no zeroing; a recycled
 * one remembers whether it may hold data.
 *
 *   I-FRAME-1  a frame is free exactly when refs is 0, and exactly when it is on the free stack or
 *              not below fresh
 *   I-FRAME-2  used + free == total; by_owner sums to used
 *   I-FRAME-3  a frame whose `zero` is set reads as zeros
 *   I-FRAME-4  a frame is freed only after no TLB can name it (the batch in pt sees to it)
 */
#ifndef MAPWALK_FRAME_FRAME_H
#define MAPWALK_FRAME_FRAME_H

#include <mapwalk/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/err.h"
#include "event/event.h"
#include "hw/ram.h"

#define FRAME_NONE UINT32_MAX

struct frame {
    uint32_t refs; /* PTEs and caches that name it */
    uint32_t
        next; /* free stack link; FRAME_NONE at the bottom. While in use: private to the owner */
    uint8_t owner; /* enum mw_owner */
    bool zero;     /* known to hold only zeros */
    bool lazy;     /* anonymous: what it holds may be lost (MADV_FREE) unless it is written again.
                       Private to the owner */
    uint16_t
        live;   /* page-table frames: entries in use; cache frames: flags. Private to the owner */
    void *home; /* cache frames: the file map. Private to the owner */
    uint64_t index; /* cache frames: page index in the file. Private to the owner */
};

struct frame_table {
    struct frame *frames; /* sparse; frame n is at ram.base + n * 4096 */
    const struct ram *ram;
    struct event_bus *bus;
    struct clock *clock;
    uint64_t total;
    uint64_t fresh;    /* frames [fresh, total) were never used */
    uint32_t recycled; /* top of the free stack */
    uint64_t used;
    uint64_t peak; /* most ever used */
    uint64_t by_owner[MW_OWNER_COUNT];
    uint64_t table_peak; /* most page-table frames ever */
    uint64_t zeroed;     /* frames that had to be zeroed, and those that need not be */
    uint64_t zero_known;
    uint64_t copied;
    uint32_t zero_ns;
    uint32_t copy_ns;
};

/*
 * A table over all of RAM, all free. ram, bus and clock outlive it. -EINVAL: more than 2^32 - 2
 * frames; -ENOMEM.
 */
MUST_CHECK int frame_table_init(struct frame_table *t, const struct ram *ram, struct event_bus *bus,
                                struct clock *clock, uint32_t zero_ns, uint32_t copy_ns);
void frame_table_destroy(struct frame_table *t);

/*
 * A frame with one reference, for the owner; with `zeroed` it reads as zeros, else its bytes are
 * anything. NULL: none left. Emits frame_alloc.
 */
struct frame *frame_alloc(struct frame_table *t, enum mw_owner owner, bool zeroed);

/*
 * 2^order frames, contiguous and aligned to their size, each with one reference; the first is
 * returned. NULL: no such run (only never-used memory is searched). Superpages are made of these.
 * Pre: order <= 18.
 */
struct frame *frame_alloc_run(struct frame_table *t, enum mw_owner owner, unsigned order,
                              bool zeroed);

static inline struct frame *frame_get(struct frame *f)
{
    f->refs++;
    return f;
}

/* Drops a reference; frees the frame at 0 and emits frame_free. Contract: refs > 0. */
void frame_put(struct frame_table *t, struct frame *f);

static inline paddr_t frame_paddr(const struct frame_table *t, const struct frame *f)
{
    return paddr(t->ram->base.raw + ((uint64_t)(f - t->frames) << PAGE_SHIFT));
}

/* The frame that holds pa; pre: pa lies in RAM. */
static inline struct frame *frame_of(const struct frame_table *t, paddr_t pa)
{
    return &t->frames[(pa.raw - t->ram->base.raw) >> PAGE_SHIFT];
}

/* The frame's 4096 bytes on the host. Whoever writes them first calls frame_soil. */
static inline uint8_t *frame_bytes(const struct frame_table *t, const struct frame *f)
{
    return t->ram->host + ((uint64_t)(f - t->frames) << PAGE_SHIFT);
}

/*
 * The frame may hold something other than zeros from now on. Called before it is written or mapped
 * writable.
 */
static inline void frame_soil(struct frame *f)
{
    f->zero = false;
}

/* Copies all bytes; soils `to` unless `from` is known to be zero. Emits frame_copy. */
void frame_copy(struct frame_table *t, struct frame *to, const struct frame *from);

/* Changes the owner tag of a frame in use. */
void frame_set_owner(struct frame_table *t, struct frame *f, enum mw_owner owner);

/* Recomputes I-FRAME-1..3 (3 by looking at every byte when `deep`). */
bool frame_check(const struct frame_table *t, bool deep);

#endif
