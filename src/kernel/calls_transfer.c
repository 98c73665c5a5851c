/*
 * System calls that move data between files and user memory. Layer 7. Data moves through the page
 * cache and the caller's page tables, a page at a time.
 */
#include <fcntl.h>

#include "kernel/file_kind.h"

/* Largest transfer of one read or write (read(2), NOTES). */
#define TRANSFER_MAX ((uint64_t)0x7ffff000)

/* A transfer between a file and user memory. */
struct transfer {
    struct mw_machine *m;
    struct process *process;
    struct open_file *file;
    uint64_t offset;
    vaddr_t va;
    uint64_t bytes;
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
        return -EFAULT;
    return t->file->kind->write(t->file, t->offset + done, buffer, copied);
}

/*
 * Piece by piece, each within one page of the file. What was moved counts: an error is reported
 * only when it is the first thing that happens (read(2), write(2)).
 */
static int64_t transfer_run(const struct transfer *t, transfer_piece *piece)
{
    uint64_t done = 0;

    while (done < t->bytes) {
        uint64_t room = PAGE_BYTES - ((t->offset + done) & PAGE_MASK);
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

/* The checks of pread(2) and pwrite(2), then the transfer. */
static int64_t call_transfer(const struct call *call, struct open_file *file, uint64_t va,
                             uint64_t bytes, uint64_t offset, bool write)
{
    struct transfer t = {.m = call->machine,
                         .process = call->process,
                         .offset = offset,
                         .va = va,
                         .bytes = bytes < TRANSFER_MAX ? bytes : TRANSFER_MAX};

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
    return transfer_run(&t, write ? transfer_write_piece : transfer_read_piece);
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
