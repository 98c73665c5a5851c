/*
 * Mappings: loads and stores, shared and private, and what is asked of the memory itself.
 *
 * Behind the end of the file in its last page anybody may store; what is there is nobody's business
 * until the file grows, and then it must be zeros. So those bytes are stored now and then, and never
 * compared.
 */
#include "model/fsx.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/err.h"

#define FSX_BASE UINT64_C(0x1000000000)

uint64_t fsx_map_va(unsigned slot)
{
    return FSX_BASE + slot * (uint64_t)(FSX_MAP_PAGES + 1) * SHADOW_PAGE_BYTES;
}

/* ---- slots ---- */

void fsx_map_drop(struct fsx_map *map)
{
    for (unsigned i = 0; i < FSX_MAP_PAGES; i++)
        free(map->copy[i]);
    shadow_put(map->file);
    *map = (struct fsx_map){0};
}

void fsx_map_inherit(struct fsx_map *child, const struct fsx_map *parent)
{
    if (child->file != NULL)
        shadow_get(child->file);
    for (unsigned i = 0; i < FSX_MAP_PAGES; i++) {
        if (parent->copy[i] == NULL)
            continue;
        child->copy[i] = malloc(SHADOW_PAGE_BYTES);
        assert_non_null(child->copy[i]);
        memcpy(child->copy[i], parent->copy[i], SHADOW_PAGE_BYTES);
    }
}

void fsx_maps_cut(struct fsx *s, const struct shadow_file *f)
{
    for (unsigned k = 0; k < FSX_PROCESSES * FSX_MAPS; k++) {
        struct fsx_map *map = &s->process[k / FSX_MAPS].map[k % FSX_MAPS];

        for (unsigned i = 0; map->file == f && i < map->pages; i++)
            if (map->first + i >= shadow_pages(f)) {
                free(map->copy[i]);
                map->copy[i] = NULL;
            }
    }
}

/* The private copy of a page as it is when it is made. */
static void fsx_copy_page(struct fsx_map *map, uint64_t page)
{
    if (map->copy[page] != NULL || map->first + page >= shadow_pages(map->file))
        return;
    map->copy[page] = calloc(1, SHADOW_PAGE_BYTES);
    assert_non_null(map->copy[page]);
    map->known[page] = (unsigned)shadow_read(map->file, (map->first + page) * SHADOW_PAGE_BYTES,
                                             map->copy[page], SHADOW_PAGE_BYTES);
}

void fsx_op_map(struct fsx *s)
{
    struct fsx_process *p = fsx_any_process(s);
    unsigned slot = (unsigned)fsx_below(s, FSX_MAPS);
    struct fsx_map *map = &p->map[slot];
    bool shared = !fsx_chance(s, 3);
    unsigned pages = 1 + (unsigned)fsx_below(s, FSX_MAP_PAGES);
    int flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);
    int prot = PROT_READ;
    struct fsx_open *o;
    uint64_t first;
    int64_t got;
    int fd;

    o = fsx_any_open(s, p, &fd);
    if (map->file != NULL || o == NULL || (o->flags & O_ACCMODE) == O_WRONLY)
        return;
    first = fsx_below(s, shadow_pages(o->file) + 3);
    if (!shared || (o->flags & O_ACCMODE) == O_RDWR)
        prot |= PROT_WRITE;
    if (fsx_chance(s, 6) && !s->variant->full)
        flags |= MAP_POPULATE;
    got = mw_mmap(s->machine, p->pid, fsx_map_va(slot), pages * (uint64_t)SHADOW_PAGE_BYTES, prot,
                  flags, fd, first * SHADOW_PAGE_BYTES);
    fsx_say(s, "%d map %u: %u pages of %d from %llu, %#x", p->pid, slot, pages, fd,
            (unsigned long long)first, flags);
    if (!fsx_succeeded(s, got, false))
        return;
    map->file = shadow_get(o->file);
    map->first = first;
    map->pages = pages;
    map->shared = shared;
    map->writable = (prot & PROT_WRITE) != 0;
    /* Populating writes where writing means a copy. */
    for (unsigned i = 0; (flags & MAP_POPULATE) && !shared && i < pages; i++)
        fsx_copy_page(map, i);
}

/* Any slot of p that is in use, or NULL. */
static struct fsx_map *fsx_any_map(struct fsx *s, struct fsx_process *p, unsigned *slot)
{
    unsigned first = (unsigned)fsx_below(s, FSX_MAPS);

    for (unsigned i = 0; i < FSX_MAPS; i++) {
        *slot = (first + i) % FSX_MAPS;
        if (p->map[*slot].file != NULL)
            return &p->map[*slot];
    }
    return NULL;
}

void fsx_op_unmap(struct fsx *s)
{
    struct fsx_process *p = fsx_any_process(s);
    unsigned slot;
    struct fsx_map *map = fsx_any_map(s, p, &slot);

    if (map == NULL)
        return;
    fsx_say(s, "%d unmap %u", p->pid, slot);
    (void)fsx_succeeded(
        s,
        mw_munmap(s->machine, p->pid, fsx_map_va(slot), map->pages * (uint64_t)SHADOW_PAGE_BYTES),
        false);
    fsx_map_drop(map);
}

struct fsx_map *fsx_any_shared(struct fsx *s, struct fsx_process *p, uint64_t *offset,
                               uint64_t *bytes, uint64_t *va)
{
    unsigned slot;
    struct fsx_map *map = fsx_any_map(s, p, &slot);
    uint64_t start;
    uint64_t room;

    if (map == NULL || !map->shared || !map->writable)
        return NULL;
    start = map->first * SHADOW_PAGE_BYTES;
    room = map->pages * (uint64_t)SHADOW_PAGE_BYTES;
    if (start >= map->file->bytes)
        return NULL;
    if (room > map->file->bytes - start)
        room = map->file->bytes - start;
    *offset = start + fsx_below(s, room);
    if (*bytes > start + room - *offset)
        *bytes = start + room - *offset;
    *va = fsx_map_va(slot) + (*offset - start);
    return map;
}

/* ---- one access ---- */

/* Bytes of a slot. `offset` counts from the slot's beginning. */
struct fsx_access {
    struct fsx_process *p;
    struct fsx_map *map;
    unsigned slot;
    uint64_t offset;
    uint64_t bytes;
};

static bool fsx_draw_access(struct fsx *s, struct fsx_access *a)
{
    uint64_t all;

    a->p = fsx_any_process(s);
    a->map = fsx_any_map(s, a->p, &a->slot);
    if (a->map == NULL)
        return false;
    all = a->map->pages * (uint64_t)SHADOW_PAGE_BYTES;
    a->offset = fsx_below(s, all);
    a->bytes = fsx_chance(s, 4) ? 1 + fsx_below(s, SHADOW_PAGE_BYTES) : 1 + fsx_below(s, 64);
    if (a->bytes > all - a->offset)
        a->bytes = all - a->offset;
    return true;
}

/* Does the access meet a page behind the end of the file? */
static bool fsx_meets_end(const struct fsx_access *a)
{
    uint64_t last = (a->offset + a->bytes - 1) / SHADOW_PAGE_BYTES;

    return a->map->first + last >= shadow_pages(a->map->file);
}

/* A signal came, or did not come, against what must be. True: the access was done. */
static bool fsx_access_done(struct fsx *s, int err, const struct mw_signal *signal, bool meets_end,
                            bool may_be_full)
{
    if (err == 0 && meets_end)
        fsx_fail(s, "no signal behind the end of the file");
    if (err == 0)
        return true;
    if (signal->signo != SIGBUS || signal->code != BUS_ADRERR)
        fsx_fail(s, "signal %d, code %d", signal->signo, signal->code);
    if (!meets_end && !(s->variant->full && may_be_full))
        fsx_fail(s, "SIGBUS before the end of the file");
    return false;
}

/* What the piece of one page must show; how much of it is known. */
static uint64_t fsx_expect_page(const struct fsx_map *map, uint64_t offset, uint64_t bytes,
                                uint8_t *out)
{
    uint64_t page = offset / SHADOW_PAGE_BYTES;
    uint64_t in_page = offset % SHADOW_PAGE_BYTES;

    if (map->copy[page] == NULL)
        return shadow_read(map->file, map->first * SHADOW_PAGE_BYTES + offset, out, bytes);
    if (in_page >= map->known[page])
        return 0;
    if (bytes > map->known[page] - in_page)
        bytes = map->known[page] - in_page;
    memcpy(out, map->copy[page] + in_page, bytes);
    return bytes;
}

static void fsx_check_load(struct fsx *s, const struct fsx_access *a, const uint8_t *got)
{
    uint64_t piece;

    for (uint64_t done = 0; done < a->bytes; done += piece) {
        uint64_t at = a->offset + done;
        uint64_t room = SHADOW_PAGE_BYTES - at % SHADOW_PAGE_BYTES;
        uint8_t want[SHADOW_PAGE_BYTES];

        piece = a->bytes - done < room ? a->bytes - done : room;
        fsx_compare(s, "a mapping", got + done, want, fsx_expect_page(a->map, at, piece, want));
    }
}

static void fsx_load(struct fsx *s, const struct fsx_access *a)
{
    struct mw_signal signal = {0};
    uint8_t got[SHADOW_PAGE_BYTES];
    int err =
        mw_load(s->machine, a->p->pid, fsx_map_va(a->slot) + a->offset, got, a->bytes, &signal);

    if (fsx_access_done(s, err, &signal, fsx_meets_end(a), false))
        fsx_check_load(s, a, got);
}

void fsx_op_load(struct fsx *s)
{
    struct fsx_access a;

    if (!fsx_draw_access(s, &a))
        return;
    fsx_say(s, "%d load %llu bytes of map %u at %llu", a.p->pid, (unsigned long long)a.bytes,
            a.slot, (unsigned long long)a.offset);
    fsx_load(s, &a);
}

static void fsx_store_private(struct fsx_map *map, uint64_t offset, const uint8_t *in,
                              uint64_t bytes)
{
    uint64_t page = offset / SHADOW_PAGE_BYTES;
    uint64_t in_page = offset % SHADOW_PAGE_BYTES;

    fsx_copy_page(map, page);
    memcpy(map->copy[page] + in_page, in, bytes);
    if (in_page <= map->known[page] && in_page + bytes > map->known[page])
        map->known[page] = (unsigned)(in_page + bytes);
}

/* What a store has done. */
static void fsx_apply_store(const struct fsx_access *a, const uint8_t *in)
{
    uint64_t file_offset = a->map->first * SHADOW_PAGE_BYTES + a->offset;
    uint64_t piece;

    if (a->map->shared) {
        uint64_t end = a->map->file->bytes;

        if (file_offset < end)
            shadow_write(a->map->file, file_offset, in,
                         a->bytes < end - file_offset ? a->bytes : end - file_offset);
        return;
    }
    for (uint64_t done = 0; done < a->bytes; done += piece) {
        uint64_t at = a->offset + done;
        uint64_t room = SHADOW_PAGE_BYTES - at % SHADOW_PAGE_BYTES;

        piece = a->bytes - done < room ? a->bytes - done : room;
        fsx_store_private(a->map, at, in + done, piece);
    }
}

/* Only now and then behind the end. False: nothing is left to store. */
static bool fsx_keep_off_tail(struct fsx *s, struct fsx_access *a)
{
    uint64_t file_offset = a->map->first * SHADOW_PAGE_BYTES + a->offset;
    uint64_t end = a->map->file->bytes;

    if (fsx_meets_end(a) || fsx_chance(s, 8) || file_offset + a->bytes <= end)
        return true;
    if (file_offset >= end)
        return false;
    a->bytes = end - file_offset;
    return true;
}

void fsx_op_store(struct fsx *s)
{
    struct fsx_access a;
    struct mw_signal signal = {0};
    uint8_t in[SHADOW_PAGE_BYTES];
    bool may_be_full;
    int err;

    if (!fsx_draw_access(s, &a) || !a.map->writable || !fsx_keep_off_tail(s, &a))
        return;
    fsx_pattern(s, in, a.bytes);
    fsx_say(s, "%d store %llu bytes to map %u at %llu", a.p->pid, (unsigned long long)a.bytes,
            a.slot, (unsigned long long)a.offset);
    err = mw_store(s->machine, a.p->pid, fsx_map_va(a.slot) + a.offset, in, a.bytes, &signal);
    may_be_full =
        a.map->shared &&
        !shadow_has_room(a.map->file, a.map->first * SHADOW_PAGE_BYTES + a.offset, a.bytes);
    if (fsx_access_done(s, err, &signal, fsx_meets_end(&a), may_be_full))
        fsx_apply_store(&a, in);
    else if (!a.map->shared) /* it came as far as the end: the page before is copied */
        fsx_copy_page(a.map, a.offset / SHADOW_PAGE_BYTES);
}

/* ---- what is asked of the memory ---- */

void fsx_op_msync(struct fsx *s)
{
    static const int all_flags[] = {MS_SYNC,       MS_SYNC, MS_ASYNC, MS_SYNC | MS_INVALIDATE,
                                    MS_INVALIDATE, 0};
    struct fsx_process *p = fsx_any_process(s);
    unsigned slot;
    struct fsx_map *map = fsx_any_map(s, p, &slot);
    uint64_t first;
    uint64_t bytes;
    uint64_t va;
    int flags = all_flags[fsx_below(s, 6)];

    if (map == NULL)
        return;
    first = fsx_below(s, map->pages);
    bytes = 1 + fsx_below(s, (map->pages - first) * SHADOW_PAGE_BYTES);
    va = fsx_map_va(slot) + first * SHADOW_PAGE_BYTES;
    if (fsx_chance(s, 6)) {
        fsx_say(s, "%d flush_force %llu bytes of map %u from page %llu", p->pid,
                (unsigned long long)bytes, slot, (unsigned long long)first);
        (void)fsx_succeeded(s, mw_flush_force(s->machine, p->pid, va, bytes), false);
        return;
    }
    fsx_say(s, "%d msync %llu bytes of map %u from page %llu, %#x", p->pid,
            (unsigned long long)bytes, slot, (unsigned long long)first, (unsigned)flags);
    (void)fsx_succeeded(s, mw_msync(s->machine, p->pid, va, bytes, flags), false);
}

/* MADV_DONTNEED takes private copies; MADV_REMOVE makes a hole in the file. */
static void fsx_apply_madvise(struct fsx_map *map, uint64_t first, uint64_t pages, int advice)
{
    uint64_t start = (map->first + first) * SHADOW_PAGE_BYTES;

    if (advice == MADV_REMOVE)
        shadow_punch(map->file, start, start + pages * SHADOW_PAGE_BYTES);
    for (uint64_t i = first; advice == MADV_DONTNEED && i < first + pages; i++) {
        free(map->copy[i]);
        map->copy[i] = NULL;
    }
}

void fsx_op_madvise(struct fsx *s)
{
    static const int all[] = {MADV_DONTNEED, MADV_WILLNEED, MADV_SEQUENTIAL, MADV_RANDOM,
                              MADV_NORMAL,   MADV_REMOVE,   MADV_COLD};
    struct fsx_process *p = fsx_any_process(s);
    unsigned slot;
    struct fsx_map *map = fsx_any_map(s, p, &slot);
    int advice = all[fsx_below(s, 7)];
    uint64_t first;
    uint64_t pages;
    int err;

    if (map == NULL || (advice == MADV_REMOVE && (!map->shared || !map->writable)))
        return;
    first = fsx_below(s, map->pages);
    pages = 1 + fsx_below(s, map->pages - first);
    fsx_say(s, "%d madvise %llu pages of map %u from %llu, %d", p->pid, (unsigned long long)pages,
            slot, (unsigned long long)first, advice);
    err = mw_madvise(s->machine, p->pid, fsx_map_va(slot) + first * SHADOW_PAGE_BYTES,
                     pages * SHADOW_PAGE_BYTES, advice);
    if (fsx_succeeded(s, err, advice == MADV_REMOVE))
        fsx_apply_madvise(map, first, pages, advice);
}

/* ---- all of them ---- */

static void fsx_map_compare(struct fsx *s, struct fsx_process *p, unsigned slot)
{
    struct fsx_map *map = &p->map[slot];

    for (unsigned i = 0; map->file != NULL && i < map->pages && !s->failed; i++) {
        const struct fsx_access a = {p, map, slot, i * (uint64_t)SHADOW_PAGE_BYTES,
                                     SHADOW_PAGE_BYTES};

        fsx_load(s, &a);
    }
}

void fsx_maps_compare(struct fsx *s)
{
    for (unsigned k = 0; k < FSX_PROCESSES * FSX_MAPS; k++)
        if (s->process[k / FSX_MAPS].pid != 0)
            fsx_map_compare(s, &s->process[k / FSX_MAPS], k % FSX_MAPS);
}
