/*
 * System calls that move data between files and user memory. Layer 7. Data moves through the page
 * cache and the caller's page tables, a page at a time; with O_DIRECT past the cache.
 */
#include <fcntl.h>
#include <string.h>

#include "cache/writeback.h"
#include "kernel/file_kind.h"

/* Largest transfer of one read or write (read(2), NOTES). */
#define TRANSFER_MAX ((uint64_t)0x7ffff000)

/* Moved at once past the cache. */
#define DIRECT_PIECE ((uint64_t)1 << 20)

/* A transfer between a file and user memory. */
struct transfer {
    struct mw_machine *m;
    struct process *process;
    struct open_file *file;
    uint64_t offset;
    vaddr_t va;
    uint64_t bytes;
    void *direct; /* O_DIRECT: room for a piece; else NULL */
};

/* Moves one piece; the bytes moved, 0 at the end of file, or -errno. */
typedef int64_t transfer_piece(const struct transfer *t, uint64_t done, uint64_t bytes);

/*
 * Through a buffer, because filling a page of the cache and faulting in a page of the user may both
 * need frames: no pointer into either survives the other.
 */
static int64_t transfer_read_piece(const struct transfer *t, uint64_t done, uint64_t bytes)
{
    uint8_t buffer[PAGE_BYTES];
    int64_t got = t->file->kind->read(t->file, t->offset + done, buffer, bytes);
    uint64_t copied;

    if (got <= 0)
        return got;
    copied = user_copy_out(t->m, t->process, t->va + done, buffer, (uint64_t)got);
    if (t->file->kind->took != NULL)
        t->file->kind->took(t->file, copied);
    return copied == 0 ? -EFAULT : (int64_t)copied;
}

/* User memory is read before the file changes: a bad buffer must not leave half a page behind. */
static int64_t transfer_write_piece(const struct transfer *t, uint64_t done, uint64_t bytes)
{
    uint8_t buffer[PAGE_BYTES];
    uint64_t copied;

    if (t->file->kind->write == NULL)
        return (int64_t)bytes;
    copied = user_copy_in(t->m, t->process, buffer, t->va + done, bytes);
    if (copied == 0)
        return t->file->kind->miss == NULL ? -EFAULT
                                           : t->file->kind->miss(t->file, t->offset + done, bytes);
    return t->file->kind->write(t->file, t->offset + done, buffer, copied);
}

/*
 * Piece by piece, each within one page of the file, or one DIRECT_PIECE. What was moved counts: an
 * error is reported only when it is the first thing that happens (read(2), write(2)).
 */
static int64_t transfer_run(const struct transfer *t, transfer_piece *piece)
{
    uint64_t most = t->direct != NULL ? DIRECT_PIECE : PAGE_BYTES; /* powers of two */
    uint64_t done = 0;

    while (done < t->bytes) {
        uint64_t room = most - ((t->offset + done) & (most - 1));
        uint64_t want = t->bytes - done < room ? t->bytes - done : room;
        int64_t moved = piece(t, done, want);

        if (moved < 0 && done == 0)
            return moved;
        if (moved <= 0)
            break;
        done += (uint64_t)moved;
        if ((uint64_t)moved < want)
            break;
    }
    return (int64_t)done;
}

/* ---- past the cache ---- */

/*
 * The device moves whole blocks: where the file ends in one, the user's memory gets the zeros behind
 * the end as well, though they do not count.
 */
static uint64_t direct_shown(uint64_t offset, uint64_t got, uint64_t bytes)
{
    uint64_t block_end = page_ceil(offset + got) - offset;

    return got == bytes || bytes < block_end ? bytes : block_end;
}

/* One piece from the device to the user: all of it gets there, or nothing. */
static int64_t direct_read_piece(const struct transfer *t, uint64_t done, uint64_t bytes)
{
    uint64_t shown;
    int64_t got = cache_direct_read(t->file->mapped.map, t->offset + done, t->direct, bytes);

    if (got <= 0)
        return got;
    shown = direct_shown(t->offset + done, (uint64_t)got, bytes);
    memset((uint8_t *)t->direct + got, 0, shown - (uint64_t)got);
    return user_copy_out(t->m, t->process, t->va + done, t->direct, shown) < shown ? -EFAULT : got;
}

static int64_t direct_write_piece(const struct transfer *t, uint64_t done, uint64_t bytes)
{
    if (user_copy_in(t->m, t->process, t->direct, t->va + done, bytes) < bytes)
        return -EFAULT;
    return cache_direct_write(t->file->mapped.map, t->offset + done, t->direct, bytes);
}

/*
 * O_DIRECT (open(2)): at the end of the file there is nothing to be aligned; before it, position and
 * length are multiples of the disk's sector. The buffer may be anywhere, as since Linux 6.
 */
static int64_t transfer_direct(struct transfer *t, bool write)
{
    int64_t result;

    if (t->bytes == 0 || (!write && t->offset >= file_bytes(t->file)))
        return 0;
    if ((t->offset | t->bytes) % CACHE_DIRECT_BYTES != 0)
        return -EINVAL;
    t->direct = alloc_zeroed(&t->m->alloc, t->bytes < DIRECT_PIECE ? t->bytes : DIRECT_PIECE);
    if (t->direct == NULL)
        return -ENOMEM;
    result = transfer_run(t, write ? direct_write_piece : direct_read_piece);
    alloc_release(&t->m->alloc, t->direct);
    return result;
}

static bool transfer_is_direct(const struct open_file *file)
{
    return file->kind->direct && (file->status_flags & O_DIRECT);
}

/*
 * After a write: O_DSYNC and O_SYNC make it durable before it returns, and what goes wrong there is
 * its result. (O_SYNC holds the bit of O_DSYNC and one of its own, which alone means nothing else.)
 */
static int64_t transfer_settle(struct open_file *file, uint64_t offset, int64_t moved)
{
    bool metadata = (file->status_flags & O_SYNC & ~O_DSYNC) != 0;
    int err;

    if (moved <= 0 || !(file->status_flags & O_DSYNC) || !file_is_regular(file))
        return moved;
    err = file->kind->sync(file, offset >> PAGE_SHIFT,
                           page_ceil(offset + (uint64_t)moved) >> PAGE_SHIFT,
                           metadata ? 0 : CACHE_DATA_ONLY);
    return err != 0 ? err : moved;
}

/* The checks of pread(2) and pwrite(2), then the transfer. */
static int64_t call_transfer(const struct call *call, struct open_file *file, uint64_t va,
                             uint64_t bytes, uint64_t offset, bool write)
{
    struct transfer t = {.m = call->machine,
                         .process = call->process,
                         .offset = offset,
                         .va = va,
                         .bytes = bytes < TRANSFER_MAX ? bytes : TRANSFER_MAX};
    int64_t moved;

    if (call->process == NULL)
        return -ESRCH;
    if (offset > INT64_MAX)
        return -EINVAL;
    if (file == NULL || !(write ? file->mapped.writable : file->mapped.readable))
        return -EBADF;
    if (bytes > 0 && (va > call->process->mm->user_end || bytes > call->process->mm->user_end - va))
        return -EFAULT;
    if (bytes > INT64_MAX - offset)
        return -EINVAL;
    if (!write && file->kind->read == NULL)
        return -EISDIR;
    if (write && bytes > 0 && (file->status_flags & O_APPEND)) /* also pwrite (pwrite(2), BUGS) */
        t.offset = file_bytes(file);
    t.file = file;
    moved = transfer_is_direct(file)
                ? transfer_direct(&t, write)
                : transfer_run(&t, write ? transfer_write_piece : transfer_read_piece);
    return write ? transfer_settle(file, t.offset, moved) : moved;
}

/* pread(2) and pwrite(2): what has no position cannot be read at one, whatever its mode. */
static int64_t call_transfer_at(const struct call *call, int fd, uint64_t va, uint64_t bytes,
                                uint64_t offset, bool write)
{
    struct open_file *file = call_file(call, fd);

    if (offset <= INT64_MAX && file != NULL && file->kind->seek == FILE_SEEK_NONE)
        return -ESPIPE;
    return call_transfer(call, file, va, bytes, offset, write);
}

int64_t mw_pread(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes,
                 uint64_t offset)
{
    struct call call =
        call_begin(m, pid, MW_CALL_pread64, (uint64_t)(int64_t)fd, va, bytes, offset);

    return call_end(&call, call_transfer_at(&call, fd, va, bytes, offset, false));
}

int64_t mw_pwrite(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes,
                  uint64_t offset)
{
    struct call call =
        call_begin(m, pid, MW_CALL_pwrite64, (uint64_t)(int64_t)fd, va, bytes, offset);

    return call_end(&call, call_transfer_at(&call, fd, va, bytes, offset, true));
}

/* Where the position is after so many bytes. What was appended ends where the file does. */
static void call_advance(struct open_file *file, int64_t moved, bool write)
{
    if (file->kind->seek != FILE_SEEK_BYTES)
        return;
    if (write && (file->status_flags & O_APPEND))
        file->position = file_bytes(file);
    else
        file->position += (uint64_t)moved;
}

/* At the file's position, which moves behind what was transferred. */
static int64_t call_transfer_here(const struct call *call, int fd, uint64_t va, uint64_t bytes,
                                  bool write)
{
    struct open_file *file = call_file(call, fd);
    int64_t result = call_transfer(call, file, va, bytes, file == NULL ? 0 : file->position, write);

    if (result > 0)
        call_advance(file, result, write);
    return result;
}

int64_t mw_read(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_read, (uint64_t)(int64_t)fd, va, bytes, 0);

    return call_end(&call, call_transfer_here(&call, fd, va, bytes, false));
}

int64_t mw_write(struct mw_machine *m, int pid, int fd, uint64_t va, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_write, (uint64_t)(int64_t)fd, va, bytes, 0);

    return call_end(&call, call_transfer_here(&call, fd, va, bytes, true));
}

/* ---- several buffers at once ---- */

/* Buffer by buffer, until one is not filled or emptied: what was moved counts. */
static int64_t vectors_run(const struct call *call, struct open_file *file,
                           const struct user_vector *vectors, uint64_t count, uint64_t offset,
                           bool write)
{
    uint64_t done = 0;

    for (uint64_t i = 0; i < count && done < TRANSFER_MAX; i++) {
        uint64_t left = TRANSFER_MAX - done;
        uint64_t bytes = vectors[i].bytes < left ? vectors[i].bytes : left;
        int64_t moved = call_transfer(call, file, vectors[i].base, bytes, offset + done, write);

        if (moved < 0 && done == 0)
            return moved;
        if (moved < 0)
            break;
        done += (uint64_t)moved;
        if ((uint64_t)moved < bytes)
            break;
    }
    return (int64_t)done;
}

/* The vectors are read, and found sound, after the descriptor and before the first byte. */
static int64_t call_vectors(const struct call *call, struct open_file *file,
                            struct user_vector where, uint64_t offset, bool write)
{
    struct user_vector *vectors = NULL;
    int64_t result;

    if (file == NULL || !(write ? file->mapped.writable : file->mapped.readable))
        return -EBADF;
    result = user_copy_vectors(call->machine, call->process, where.base, where.bytes, &vectors);
    if (result == 0)
        result = vectors_run(call, file, vectors, where.bytes, offset, write);
    alloc_release(&call->machine->alloc, vectors);
    return result;
}

/* readv(2) and writev(2): at the position. */
static int64_t call_vectors_here(const struct call *call, int fd, struct user_vector where,
                                 bool write)
{
    struct open_file *file = call_file(call, fd);
    int64_t result;

    if (call->process == NULL)
        return -ESRCH;
    result = call_vectors(call, file, where, file == NULL ? 0 : file->position, write);
    if (result > 0)
        call_advance(file, result, write);
    return result;
}

int64_t mw_readv(struct mw_machine *m, int pid, int fd, uint64_t vectors, uint64_t count)
{
    struct call call = call_begin(m, pid, MW_CALL_readv, (uint64_t)(int64_t)fd, vectors, count, 0);

    return call_end(&call,
                    call_vectors_here(&call, fd, (struct user_vector){vectors, count}, false));
}

int64_t mw_writev(struct mw_machine *m, int pid, int fd, uint64_t vectors, uint64_t count)
{
    struct call call = call_begin(m, pid, MW_CALL_writev, (uint64_t)(int64_t)fd, vectors, count, 0);

    return call_end(&call,
                    call_vectors_here(&call, fd, (struct user_vector){vectors, count}, true));
}

/* preadv(2) and pwritev(2): at a position that the call names. */
static int64_t call_vectors_at(const struct call *call, int fd, struct user_vector where,
                               uint64_t offset, bool write)
{
    struct open_file *file = call_file(call, fd);

    if (call->process == NULL)
        return -ESRCH;
    if (offset > INT64_MAX)
        return -EINVAL;
    if (file != NULL && file->kind->seek == FILE_SEEK_NONE)
        return -ESPIPE;
    return call_vectors(call, file, where, offset, write);
}

int64_t mw_preadv(struct mw_machine *m, int pid, int fd, uint64_t vectors, uint64_t count,
                  uint64_t offset)
{
    struct call call =
        call_begin(m, pid, MW_CALL_preadv, (uint64_t)(int64_t)fd, vectors, count, offset);

    return call_end(
        &call, call_vectors_at(&call, fd, (struct user_vector){vectors, count}, offset, false));
}

int64_t mw_pwritev(struct mw_machine *m, int pid, int fd, uint64_t vectors, uint64_t count,
                   uint64_t offset)
{
    struct call call =
        call_begin(m, pid, MW_CALL_pwritev, (uint64_t)(int64_t)fd, vectors, count, offset);

    return call_end(&call,
                    call_vectors_at(&call, fd, (struct user_vector){vectors, count}, offset, true));
}
