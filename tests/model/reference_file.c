/*
 * The calls on files.
 */
#include "model/reference_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct reference_open *reference_process_open(struct reference_process *p, int fd)
{
    return fd >= 0 && fd < REFERENCE_FDS && p->fds[fd].object != NULL ? &p->fds[fd] : NULL;
}

/* Private copies of pages that the file no longer has are gone, in every process. */
static void file_drop_copies(struct reference_vm *vm, const struct reference_object *file)
{
    for (unsigned i = 0; i < REFERENCE_PROCESSES * REFERENCE_PAGES; i++) {
        struct reference_page *page = &vm->process[i / REFERENCE_PAGES].page[i % REFERENCE_PAGES];

        if (page->object == file && !page->shared && page->index >= pages_of(file->size))
            page->own = false;
    }
}

/* ftruncate(2): what lay past the end, and what lies past the new one, is zero from now on. */
static void file_truncate(struct reference_vm *vm, struct reference_object *file, uint64_t bytes)
{
    reference_object_zero(file, smaller(file->size, bytes), reference_object_page_end(file));
    file->size = bytes;
    file_drop_copies(vm, file);
}

/* Bytes reach the file at `offset`: a hole that this leaves behind the old end reads as zeros. */
static void file_write(struct reference_object *file, uint64_t offset, const uint8_t *from,
                       uint64_t bytes)
{
    if (offset > file->size)
        reference_object_zero(file, file->size, smaller(offset, reference_object_page_end(file)));
    if (offset + bytes > reference_object_page_end(file))
        reference_object_zero(file, file->size, reference_object_page_end(file));
    memcpy(file->bytes + offset, from, bytes);
    if (offset + bytes > file->size)
        file->size = offset + bytes;
}

int64_t reference_run_open(struct reference_vm *vm, struct reference_process *p,
                           const struct operation *op)
{
    struct reference_object **name = &vm->name[op->file];
    int mode = op->flags & O_ACCMODE;
    int fd = 0;

    if (*name != NULL && (op->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (*name == NULL && !(op->flags & O_CREAT))
        return -ENOENT;
    if (*name == NULL)
        *name = reference_object_new(false, 0);
    if ((op->flags & O_TRUNC) && mode != O_RDONLY)
        file_truncate(vm, *name, 0);
    while (p->fds[fd].object != NULL)
        fd++;
    p->fds[fd] = (struct reference_open){.object = reference_object_get(*name),
                                         .readable = mode != O_WRONLY,
                                         .writable = mode != O_RDONLY};
    return fd;
}

int64_t reference_run_close(struct reference_process *p, int fd)
{
    struct reference_open *file = reference_process_open(p, fd);

    if (file == NULL)
        return -EBADF;
    reference_object_put(file->object);
    file->object = NULL;
    return 0;
}

int64_t reference_run_dup2(struct reference_process *p, int fd, int new_fd)
{
    struct reference_open *file = reference_process_open(p, fd);

    if (file == NULL)
        return -EBADF;
    if (fd == new_fd)
        return new_fd;
    reference_object_get(file->object);
    reference_object_put(p->fds[new_fd].object);
    p->fds[new_fd] = *file;
    return new_fd;
}

/* Copies between `kernel` and the user's bytes at va: how many, before the first bad one. */
static uint64_t copy_user(struct reference_vm *vm, struct reference_process *p, uint64_t va,
                          uint8_t *kernel, uint64_t bytes, bool to_user)
{
    uint64_t done = 0;

    while (done < bytes) {
        uint64_t part = smaller(bytes - done, PAGE_BYTES - (va + done) % PAGE_BYTES);
        struct mw_signal signal;
        uint8_t *user =
            reference_access_page(vm, p, va + done, to_user ? MW_STORE : MW_LOAD, &signal);

        if (user == NULL)
            break;
        memmove(to_user ? user : kernel + done, to_user ? kernel + done : user, part);
        done += part;
    }
    return done;
}

/*
 * One piece of a transfer, within one page of the file: bytes moved; 0: end of file, or bad memory.
 * /
 */
static uint64_t transfer_piece(struct reference_vm *vm, struct reference_process *p,
                               const struct operation *op, struct reference_object *file,
                               uint64_t done, uint64_t bytes)
{
    uint64_t offset = op->offset + done;
    uint8_t buffer[PAGE_BYTES];

    if (op->kind == OPERATION_PWRITE) {
        bytes = copy_user(vm, p, op->addr + done, buffer, bytes, false);
        file_write(file, offset, buffer, bytes); /* of nothing: the end moves to it all the same */
        return bytes;
    }
    memcpy(buffer, file->bytes + offset, bytes);
    return copy_user(vm, p, op->addr + done, buffer, bytes, true);
}

int64_t reference_run_transfer(struct reference_vm *vm, struct reference_process *p,
                               const struct operation *op)
{
    const struct reference_open *file = reference_process_open(p, op->fd);
    bool write = op->kind == OPERATION_PWRITE;
    uint64_t done = 0;

    if (op->offset > INT64_MAX)
        return -EINVAL;
    if (file == NULL || !(write ? file->writable : file->readable))
        return -EBADF;
    if (op->bytes > 0 && (op->addr > vm->user_end || op->bytes > vm->user_end - op->addr))
        return -EFAULT;
    while (done < op->bytes) {
        uint64_t at = op->offset + done;
        uint64_t want = smaller(op->bytes - done, PAGE_BYTES - at % PAGE_BYTES);
        uint64_t moved;

        if (!write && at >= file->object->size)
            return (int64_t)done;
        if (!write)
            want = smaller(want, file->object->size - at);
        moved = transfer_piece(vm, p, op, file->object, done, want);
        done += moved;
        if (moved < want)
            return done == 0 ? -EFAULT : (int64_t)done;
    }
    return (int64_t)done;
}

int64_t reference_run_ftruncate(struct reference_vm *vm, struct reference_process *p,
                                const struct operation *op)
{
    const struct reference_open *file = reference_process_open(p, op->fd);

    if (op->bytes > INT64_MAX)
        return -EINVAL;
    if (file == NULL)
        return -EBADF;
    if (!file->writable)
        return -EINVAL;
    file_truncate(vm, file->object, op->bytes);
    return 0;
}

int64_t reference_run_fsync(struct reference_process *p, int fd)
{
    struct reference_open *file = reference_process_open(p, fd);

    if (file == NULL)
        return -EBADF;
    reference_object_write_back(file->object, 0, UINT64_MAX);
    return 0;
}

/* sync(2) reaches files that have no name any more, too: through whoever still shows them. */
int64_t reference_run_sync(struct reference_vm *vm)
{
    for (unsigned i = 0; i < REFERENCE_NAMES; i++)
        if (vm->name[i] != NULL)
            reference_object_write_back(vm->name[i], 0, UINT64_MAX);
    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++) {
        for (unsigned fd = 0; fd < REFERENCE_FDS; fd++)
            if (vm->process[i].fds[fd].object != NULL)
                reference_object_write_back(vm->process[i].fds[fd].object, 0, UINT64_MAX);
        for (unsigned n = 0; n < REFERENCE_PAGES; n++)
            if (vm->process[i].page[n].object != NULL)
                reference_object_write_back(vm->process[i].page[n].object, 0, UINT64_MAX);
    }
    return 0;
}

int64_t reference_run_unlink(struct reference_vm *vm, unsigned file)
{
    if (vm->name[file] == NULL)
        return -ENOENT;
    reference_object_put(vm->name[file]);
    vm->name[file] = NULL;
    return 0;
}
