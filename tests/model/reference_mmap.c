/*
 * The calls on memory. What is wrong is found in the order in which Linux finds it.
 */
#include "model/reference_inner.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* ---- mmap ---- */

static int64_t mmap_place_fixed(const struct reference_vm *vm, struct reference_process *p,
                                const struct operation *op, uint64_t bytes)
{
    if (op->addr > vm->user_end - bytes)
        return -ENOMEM;
    if (op->addr % PAGE_BYTES != 0)
        return -EINVAL;
    if (op->addr < vm->min_addr)
        return -EPERM;
    if ((op->flags & MAP_FIXED_NOREPLACE) && !reference_window_free(vm, p, op->addr, bytes))
        return -EEXIST;
    return (int64_t)op->addr;
}

static int64_t mmap_place(const struct reference_vm *vm, struct reference_process *p,
                          const struct operation *op, uint64_t bytes)
{
    uint64_t window_bytes = REFERENCE_PAGES * PAGE_BYTES;
    uint64_t hint = op->addr / PAGE_BYTES * PAGE_BYTES;

    if (bytes > vm->user_end)
        return -ENOMEM;
    if (op->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return mmap_place_fixed(vm, p, op, bytes);
    if (bytes > window_bytes)
        return -ENOMEM;
    if (hint != 0 && reference_window_free(vm, p, hint, bytes))
        return (int64_t)hint;
    for (uint64_t at = window_bytes - bytes;; at -= PAGE_BYTES) {
        if (reference_window_free(vm, p, vm->window + at, bytes))
            return (int64_t)(vm->window + at);
        if (at == 0)
            return -ENOMEM;
    }
}

/* What is wrong with type, rights and offset, after a place was found; 0: nothing. */
static int mmap_refusal(const struct operation *op, const struct reference_open *file,
                        uint64_t bytes)
{
    int type = op->flags & MAP_TYPE;

    if (file == NULL)
        return type == MAP_SHARED || type == MAP_PRIVATE ? 0 : -EINVAL;
    if (op->offset > INT64_MAX || op->offset / PAGE_BYTES > (INT64_MAX - bytes) / PAGE_BYTES)
        return -EOVERFLOW;
    if (type == MAP_SHARED_VALIDATE && (op->flags & (MAP_SYNC | MAP_FIXED_NOREPLACE)))
        return -EOPNOTSUPP;
    if (type == 0)
        return -EINVAL;
    if (type != MAP_PRIVATE && (op->prot & PROT_WRITE) && !file->writable)
        return -EACCES;
    return file->readable ? 0 : -EACCES;
}

static void mmap_commit(const struct reference_vm *vm, struct reference_process *p,
                        const struct operation *op, const struct reference_open *file,
                        struct range where)
{
    bool shared = (op->flags & MAP_TYPE) != MAP_PRIVATE;
    struct reference_object *object = file != NULL ? reference_object_get(file->object)
                                      : shared     ? reference_object_new(true, range_bytes(where))
                                                   : NULL;
    bool populate = (op->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;

    reference_window_unmap(vm, p, where.start, range_bytes(where));
    for (uint64_t va = where.start; va < where.end; va += PAGE_BYTES) {
        struct reference_page *page = reference_window_page(vm, p, va);

        page->mapped = true;
        page->shared = shared;
        page->may_write = !shared || file == NULL || file->writable;
        page->own = object == NULL;
        page->prot = op->prot & PROT_ALL;
        page->object = reference_object_get(object);
        page->index = (va - where.start + (file == NULL ? 0 : op->offset)) / PAGE_BYTES;
        populate = populate &&
                   reference_page_populate(page); /* ends at the first page that it cannot have */
    }
    reference_object_put(object);
}

int64_t reference_run_mmap(struct reference_vm *vm, struct reference_process *p,
                           const struct operation *op)
{
    const struct reference_open *file = NULL;
    uint64_t bytes = page_ceil(op->bytes);
    int64_t start;
    int err;

    if (op->offset % PAGE_BYTES != 0)
        return -EINVAL;
    if (!(op->flags & MAP_ANONYMOUS)) {
        file = reference_process_open(p, op->fd);
        if (file == NULL)
            return -EBADF;
    }
    if (op->bytes == 0)
        return -EINVAL;
    if (bytes == 0)
        return -ENOMEM;
    start = mmap_place(vm, p, op, bytes);
    if (start < 0)
        return start;
    err = mmap_refusal(op, file, bytes);
    if (err != 0)
        return err;
    mmap_commit(vm, p, op, file, (struct range){(uint64_t)start, (uint64_t)start + bytes});
    return start;
}

/* ---- munmap, mprotect, msync, brk ---- */

int64_t reference_run_munmap(struct reference_vm *vm, struct reference_process *p,
                             const struct operation *op)
{
    uint64_t bytes = page_ceil(op->bytes);

    if (op->addr % PAGE_BYTES != 0 || bytes == 0 || op->addr > vm->user_end ||
        bytes > vm->user_end - op->addr)
        return -EINVAL;
    reference_window_unmap(vm, p, op->addr, bytes);
    return 0;
}

/* What comes before the first hole or refusal stays changed (mprotect(2)). */
int64_t reference_run_mprotect(struct reference_vm *vm, struct reference_process *p,
                               const struct operation *op)
{
    uint64_t bytes = page_ceil(op->bytes);

    if (op->addr % PAGE_BYTES != 0)
        return -EINVAL;
    if (op->bytes == 0)
        return 0;
    if (bytes == 0 || op->addr + bytes <= op->addr)
        return -ENOMEM;
    if (op->prot & ~PROT_ALL)
        return -EINVAL;
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
        struct reference_page *page = reference_window_page(vm, p, op->addr + at);

        if (!page->mapped)
            return -ENOMEM;
        if ((op->prot & PROT_WRITE) && !page->may_write)
            return -EACCES;
        page->prot = op->prot;
    }
    return 0;
}

/* Holes are skipped and reported at the end, but MS_ASYNC alone stops at the first. */
int64_t reference_run_msync(struct reference_vm *vm, struct reference_process *p,
                            const struct operation *op)
{
    uint64_t bytes = page_ceil(op->bytes);
    int64_t result = 0;

    if ((op->flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || op->addr % PAGE_BYTES != 0 ||
        (op->flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (op->addr + bytes < op->addr)
        return -ENOMEM;
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
        const struct reference_page *page = reference_window_page(vm, p, op->addr + at);

        if (!page->mapped)
            result = -ENOMEM;
        if (result != 0 && op->flags == MS_ASYNC)
            break;
        if ((op->flags & MS_SYNC) && page->mapped && page->shared && page->may_write)
            reference_object_write_back(page->object, page->index, page->index + 1);
    }
    return result;
}

/* The page without its contents, as MADV_DONTNEED and MREMAP_DONTUNMAP leave it. */
static void page_empty(struct reference_page *page)
{
    page->own = page->object == NULL;
    memset(page->bytes, 0, sizeof(page->bytes));
}

/*
 * Plain moves only (FIXED, equal lengths): every mapped page of the range goes to its place at the
 * target; what a gap of the source would cover there stays.
 */
int64_t reference_run_mremap(struct reference_vm *vm, struct reference_process *p,
                             const struct operation *op)
{
    uint64_t bytes = page_ceil(op->bytes);

    if (op->addr % PAGE_BYTES != 0 || bytes == 0 || op->offset % PAGE_BYTES != 0)
        return -EINVAL;
    if (op->addr + bytes > op->offset && op->offset + bytes > op->addr)
        return -EINVAL;
    if (!reference_window_page(vm, p, op->addr)->mapped)
        return -EFAULT;
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
        struct reference_page *from = reference_window_page(vm, p, op->addr + at);
        struct reference_page *to = reference_window_page(vm, p, op->offset + at);

        if (!from->mapped)
            continue;
        reference_page_unmap(to);
        *to = *from;
        reference_object_get(to->object);
        if (op->flags & REFERENCE_DONTUNMAP)
            page_empty(from);
        else
            reference_page_unmap(from);
    }
    return (int64_t)op->offset;
}

/* Holes are passed over and told at the end. */
int64_t reference_run_madvise(struct reference_vm *vm, struct reference_process *p,
                              const struct operation *op)
{
    uint64_t bytes = page_ceil(op->bytes);
    int64_t result = 0;

    if (op->addr % PAGE_BYTES != 0 || (op->bytes != 0 && bytes == 0) || op->addr + bytes < op->addr)
        return -EINVAL;
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
        struct reference_page *page = reference_window_page(vm, p, op->addr + at);

        if (!page->mapped)
            result = -ENOMEM;
        else if (op->flags == MADV_DONTNEED)
            page_empty(page);
        else if (op->flags == MADV_DONTFORK || op->flags == MADV_DOFORK)
            page->no_fork = op->flags == MADV_DONTFORK;
    }
    return result;
}

static void brk_map(const struct reference_vm *vm, struct reference_process *p, uint64_t start,
                    uint64_t end)
{
    for (uint64_t va = start; va < end; va += PAGE_BYTES)
        *reference_window_page(vm, p, va) = (struct reference_page){
            .mapped = true, .may_write = true, .own = true, .prot = PROT_READ | PROT_WRITE};
}

/*
 * brk(2) as the kernel does it: the page after the new end must be free; a break that shrinks must
 * find something to unmap.
 */
int64_t reference_run_brk(struct reference_vm *vm, struct reference_process *p,
                          const struct operation *op)
{
    uint64_t old_end = page_ceil(p->brk);
    uint64_t new_end = page_ceil(op->addr);

    if (op->addr < vm->window || op->addr > vm->user_end - PAGE_BYTES)
        return (int64_t)p->brk;
    if (new_end < old_end) {
        if (reference_window_free(vm, p, new_end, old_end - new_end))
            return (int64_t)p->brk;
        reference_window_unmap(vm, p, new_end, old_end - new_end);
    } else if (new_end > old_end) {
        if (!reference_window_free(vm, p, old_end, new_end + PAGE_BYTES - old_end))
            return (int64_t)p->brk;
        brk_map(vm, p, old_end, new_end);
    }
    p->brk = op->addr;
    return (int64_t)op->addr;
}
