/*
 * Reading, writing and resizing by descriptor.
 *
 * The memory that data comes from or goes to may be a mapping of a file, perhaps of the same one:
 * then it moves in pieces of a page of the file, each through the kernel's buffer, and the shadow
 * does the same.
 */
#include "model/fsx.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/falloc.h>

#include "base/err.h"

#define FSX_SECTOR  512u
#define FSX_VECTORS 3u

/* A transfer as it was drawn. */
struct fsx_transfer {
    struct fsx_process *p;
    struct fsx_open *o;
    int fd;
    bool write;
    bool here;        /* at the position, else at `offset` */
    unsigned vectors; /* 0: one buffer */
    uint64_t offset;  /* in the file: where it really goes */
    uint64_t bytes;
    uint64_t va;
    struct fsx_map *map; /* the memory at va is a mapping's; NULL: the buffer */
    uint64_t map_offset; /* of the file that it shows */
};

/* ---- drawing ---- */

/* Where a write goes: O_APPEND decides before the position does (also for pwrite: its BUGS). */
static void fsx_place(struct fsx_transfer *t)
{
    if (t->write && (t->o->flags & O_APPEND))
        t->offset = t->o->file->bytes;
    else if (t->here)
        t->offset = t->o->position;
}

static void fsx_draw_memory(struct fsx *s, struct fsx_transfer *t)
{
    uint64_t bytes = t->bytes;

    t->va = t->p->buffer + fsx_below(s, 64);
    if (t->o->flags & O_DIRECT || !fsx_chance(s, 12) || (!t->write && s->variant->full))
        return;
    t->map = fsx_any_shared(s, t->p, &t->map_offset, &bytes, &t->va);
    if (t->map == NULL)
        t->va = t->p->buffer;
    else
        t->bytes = bytes;
}

/* False: there is nothing that could be done. */
static bool fsx_draw_transfer(struct fsx *s, struct fsx_transfer *t)
{
    uint64_t end = s->variant->file_pages * SHADOW_PAGE_BYTES;
    int mode;

    t->p = fsx_any_process(s);
    t->o = fsx_any_open(s, t->p, &t->fd);
    if (t->o == NULL)
        return false;
    mode = t->o->flags & O_ACCMODE;
    t->write = mode == O_WRONLY || (mode == O_RDWR && fsx_chance(s, 2));
    t->here = fsx_chance(s, 3);
    fsx_range(s, t->o->file, FSX_MOST_BYTES, &t->offset, &t->bytes);
    fsx_place(t);
    if ((t->o->flags & O_DIRECT) && !fsx_chance(s, 12)) { /* aligned, but for a few */
        if (!t->here && !(t->write && (t->o->flags & O_APPEND)))
            t->offset &= ~(uint64_t)(FSX_SECTOR - 1);
        t->bytes = (t->bytes + FSX_SECTOR - 1) & ~(uint64_t)(FSX_SECTOR - 1);
    }
    fsx_draw_memory(s, t);
    if (t->map == NULL && !(t->o->flags & O_DIRECT) && fsx_chance(s, 4))
        t->vectors = 1 + (unsigned)fsx_below(s, FSX_VECTORS);
    return t->offset + t->bytes <= end;
}

/* ---- the call ---- */

/* The buffer in parts of odd sizes; the vectors stand behind it. */
static void fsx_poke_vectors(struct fsx *s, const struct fsx_transfer *t)
{
    struct iovec vectors[FSX_VECTORS];
    uint64_t done = 0;

    for (unsigned i = 0; i < t->vectors; i++) {
        uint64_t part = i + 1 == t->vectors ? t->bytes - done : (t->bytes - done) / 3;

        vectors[i].iov_base = (void *)(uintptr_t)(t->va + done);
        vectors[i].iov_len = part;
        done += part;
    }
    fsx_poke(s, t->p, t->p->buffer + FSX_BUFFER, vectors, t->vectors * sizeof(vectors[0]));
}

static int64_t fsx_call_vectors(struct fsx *s, const struct fsx_transfer *t)
{
    uint64_t at = t->p->buffer + FSX_BUFFER;
    int pid = t->p->pid;

    fsx_poke_vectors(s, t);
    if (t->here)
        return t->write ? mw_writev(s->machine, pid, t->fd, at, t->vectors)
                        : mw_readv(s->machine, pid, t->fd, at, t->vectors);
    return t->write ? mw_pwritev(s->machine, pid, t->fd, at, t->vectors, t->offset)
                    : mw_preadv(s->machine, pid, t->fd, at, t->vectors, t->offset);
}

static int64_t fsx_call(struct fsx *s, const struct fsx_transfer *t)
{
    int pid = t->p->pid;

    if (t->vectors > 0)
        return fsx_call_vectors(s, t);
    if (t->here)
        return t->write ? mw_write(s->machine, pid, t->fd, t->va, t->bytes)
                        : mw_read(s->machine, pid, t->fd, t->va, t->bytes);
    return t->write ? mw_pwrite(s->machine, pid, t->fd, t->va, t->bytes, t->offset)
                    : mw_pread(s->machine, pid, t->fd, t->va, t->bytes, t->offset);
}

/* ---- what it must have done ---- */

/* O_DIRECT takes whole sectors only, but for reading at the end, where there is nothing. */
static bool fsx_is_misaligned(const struct fsx_transfer *t)
{
    if (!(t->o->flags & O_DIRECT) || (!t->write && t->offset >= t->o->file->bytes))
        return false;
    return (t->offset | t->bytes) % FSX_SECTOR != 0;
}

/* From one file to another, or within one, as far as `bytes`. */
static void fsx_move(struct shadow_file *to, uint64_t to_offset, struct shadow_file *from,
                     uint64_t from_offset, uint64_t bytes, uint64_t file_offset)
{
    uint8_t piece[SHADOW_PAGE_BYTES];
    uint64_t count;

    for (uint64_t done = 0; done < bytes; done += count) {
        uint64_t room = SHADOW_PAGE_BYTES - (file_offset + done) % SHADOW_PAGE_BYTES;

        count = bytes - done < room ? bytes - done : room;
        count = shadow_read(from, from_offset + done, piece, count);
        shadow_write(to, to_offset + done, piece, count);
        if (count == 0)
            return;
    }
}

static void fsx_wrote(struct fsx *s, const struct fsx_transfer *t, const uint8_t *in, int64_t got)
{
    bool room = shadow_has_room(t->o->file, t->offset, t->bytes);

    if (!fsx_succeeded(s, got, !room))
        return;
    if ((uint64_t)got != t->bytes && (!s->variant->full || room))
        fsx_fail(s, "wrote %lld bytes", (long long)got);
    if (t->map != NULL)
        fsx_move(t->o->file, t->offset, t->map->file, t->map_offset, (uint64_t)got, t->offset);
    else
        shadow_write(t->o->file, t->offset, in, (uint64_t)got);
    if (t->here)
        t->o->position = t->offset + (uint64_t)got;
}

static void fsx_was_read(struct fsx *s, const struct fsx_transfer *t, int64_t got)
{
    uint8_t machine[FSX_MOST_BYTES];
    uint8_t shadow[FSX_MOST_BYTES];
    uint64_t count = shadow_read(t->o->file, t->offset, shadow, t->bytes);

    if ((uint64_t)got != count) {
        fsx_fail(s, "read %lld bytes, not %llu", (long long)got, (unsigned long long)count);
        return;
    }
    if (t->map != NULL) {
        fsx_move(t->map->file, t->map_offset, t->o->file, t->offset, count, t->offset);
    } else {
        fsx_peek(s, t->p, t->va, machine, count);
        fsx_compare(s, "read", machine, shadow, count);
    }
    if (t->here)
        t->o->position += count;
}

void fsx_op_transfer(struct fsx *s)
{
    struct fsx_transfer t = {0};
    uint8_t in[FSX_MOST_BYTES];
    int64_t got;

    if (!fsx_draw_transfer(s, &t))
        return;
    fsx_pattern(s, in, t.bytes);
    if (t.map == NULL)
        fsx_poke(s, t.p, t.va, in, t.bytes);
    got = fsx_call(s, &t);
    fsx_say(s, "%d %s%s%s(%d) of %llu bytes at %llu%s, open %#o, = %lld", t.p->pid,
            t.here ? "" : "p", t.write ? "write" : "read", t.vectors ? "v" : "", t.fd,
            (unsigned long long)t.bytes, (unsigned long long)t.offset,
            t.map != NULL ? " (mapped memory)" : "", (unsigned)t.o->flags, (long long)got);
    if (fsx_is_misaligned(&t)) {
        if (got != -EINVAL)
            fsx_fail(s, "misaligned, but returned %lld", (long long)got);
    } else if (t.write) {
        fsx_wrote(s, &t, in, got);
    } else {
        fsx_was_read(s, &t, got);
    }
    if (mw_lseek(s->machine, t.p->pid, t.fd, 0, SEEK_CUR) != (int64_t)t.o->position)
        fsx_fail(s, "the position is wrong");
}

/* ---- sizes ---- */

static void fsx_resized(struct fsx *s, struct shadow_file *f, uint64_t bytes)
{
    bool shorter = bytes < f->bytes;

    shadow_truncate(f, bytes);
    if (shorter)
        fsx_maps_cut(s, f);
}

static void fsx_truncate_path(struct fsx *s)
{
    unsigned name = (unsigned)fsx_below(s, FSX_NAMES);
    struct shadow_file *f = s->name[name];
    uint64_t bytes;
    uint64_t length;
    int err;

    if (f == NULL)
        return;
    fsx_range(s, f, 1, &bytes, &length);
    err = mw_truncate(s->machine, s->process[0].pid, fsx_path(name), bytes);
    fsx_say(s, "truncate(%s, %llu) = %d", fsx_path(name), (unsigned long long)bytes, err);
    if (fsx_succeeded(s, err, true))
        fsx_resized(s, f, bytes);
}

void fsx_op_truncate(struct fsx *s)
{
    struct fsx_process *p = fsx_any_process(s);
    int fd;
    struct fsx_open *o = fsx_any_open(s, p, &fd);
    uint64_t bytes;
    uint64_t length;
    int err;

    if (o == NULL || (o->flags & O_ACCMODE) == O_RDONLY || fsx_chance(s, 4)) {
        fsx_truncate_path(s);
        return;
    }
    fsx_range(s, o->file, 1, &bytes, &length);
    err = mw_ftruncate(s->machine, p->pid, fd, bytes);
    fsx_say(s, "%d ftruncate(%d, %llu) = %d, was %llu", p->pid, fd, (unsigned long long)bytes, err,
            (unsigned long long)o->file->bytes);
    if (fsx_succeeded(s, err, true))
        fsx_resized(s, o->file, bytes);
}

static void fsx_allocated(struct fsx *s, struct shadow_file *f, int mode, uint64_t start,
                          uint64_t end)
{
    if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        shadow_punch(f, start, end);
    if (mode & FALLOC_FL_PUNCH_HOLE)
        return;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && end > f->bytes)
        fsx_resized(s, f, end);
    shadow_reserve(f, start, end);
}

void fsx_op_allocate(struct fsx *s)
{
    static const int modes[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                0,
                                FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
    struct fsx_process *p = fsx_any_process(s);
    int mode = modes[fsx_below(s, s->variant->full ? 4 : 6)]; /* the last two are two steps */
    uint64_t offset;
    uint64_t bytes;
    int fd;
    struct fsx_open *o = fsx_any_open(s, p, &fd);
    int err;

    if (o == NULL || (o->flags & O_ACCMODE) == O_RDONLY)
        return;
    fsx_range(s, o->file, FSX_MOST_BYTES * 2, &offset, &bytes);
    err = mw_fallocate(s->machine, p->pid, fd, mode, offset, bytes);
    fsx_say(s, "%d fallocate(%d, %d, %llu, %llu) = %d", p->pid, fd, mode,
            (unsigned long long)offset, (unsigned long long)bytes, err);
    if (fsx_succeeded(s, err, true))
        fsx_allocated(s, o->file, mode, offset, offset + bytes);
}

/* ---- what changes nothing that can be seen ---- */

static int64_t fsx_sync_range(struct fsx *s, const struct fsx_process *p, int fd,
                              const struct shadow_file *f)
{
    uint64_t offset;
    uint64_t bytes;
    unsigned flags = (unsigned)fsx_below(s, 8);

    fsx_range(s, f, FSX_MOST_BYTES * 4, &offset, &bytes);
    return mw_sync_file_range(s->machine, p->pid, fd, offset, fsx_chance(s, 4) ? 0 : bytes, flags);
}

/* Whatever was taken must get to the disk, full or not. */
void fsx_op_sync(struct fsx *s)
{
    struct fsx_process *p = fsx_any_process(s);
    int fd;
    struct fsx_open *o = fsx_any_open(s, p, &fd);
    unsigned which = (unsigned)fsx_below(s, 10);
    int64_t result;

    if (o == NULL)
        return;
    if (which < 3)
        result = mw_fsync(s->machine, p->pid, fd);
    else if (which < 5)
        result = mw_fdatasync(s->machine, p->pid, fd);
    else if (which < 8)
        result = fsx_sync_range(s, p, fd, o->file);
    else
        result = which == 8 ? mw_syncfs(s->machine, p->pid, fd) : mw_sync(s->machine);
    fsx_say(s, "%d sync of kind %u (%d)", p->pid, which, fd);
    (void)fsx_succeeded(s, result, false);
}

void fsx_op_advise(struct fsx *s)
{
    static const int all[] = {POSIX_FADV_NORMAL,   POSIX_FADV_RANDOM,   POSIX_FADV_SEQUENTIAL,
                              POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_DONTNEED};
    struct fsx_process *p = fsx_any_process(s);
    int advice = all[fsx_below(s, 6)];
    uint64_t offset;
    uint64_t bytes;
    int fd;
    struct fsx_open *o = fsx_any_open(s, p, &fd);
    int err;

    if (o == NULL)
        return;
    fsx_range(s, o->file, FSX_MOST_BYTES * 4, &offset, &bytes);
    if ((o->flags & O_ACCMODE) != O_WRONLY && fsx_chance(s, 4))
        err = mw_readahead(s->machine, p->pid, fd, offset, bytes);
    else
        err = mw_fadvise(s->machine, p->pid, fd, offset, fsx_chance(s, 4) ? 0 : bytes, advice);
    fsx_say(s, "%d advise(%d) of %llu bytes at %llu, %d", p->pid, fd, (unsigned long long)bytes,
            (unsigned long long)offset, advice);
    (void)fsx_succeeded(s, err, false);
}
