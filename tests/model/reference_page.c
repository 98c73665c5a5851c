/*
 * Objects, pages, and accesses to them.
 */
#include "model/reference_inner.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- objects ---- */

struct reference_object *reference_object_new(bool anonymous, uint64_t size)
{
    struct reference_object *object = calloc(1, sizeof(*object));

    if (object == NULL)
        abort();
    object->refs = 1;
    object->anonymous = anonymous;
    object->size = size;
    return object;
}

struct reference_object *reference_object_get(struct reference_object *object)
{
    if (object != NULL)
        object->refs++;
    return object;
}

void reference_object_put(struct reference_object *object)
{
    if (object != NULL && --object->refs == 0)
        free(object);
}

/* Zeroes [start, end) as far as it is in the object's array. */
void reference_object_zero(struct reference_object *object, uint64_t start, uint64_t end)
{
    if (start < end)
        memset(object->bytes + start, 0, end - start);
}

/* The end of the page that holds the last byte. */
uint64_t reference_object_page_end(const struct reference_object *object)
{
    return pages_of(object->size) * PAGE_BYTES;
}

/* Writing back the pages [first, end) of a file: the tail, when it is among them, becomes zero. */
void reference_object_write_back(struct reference_object *object, uint64_t first, uint64_t end)
{
    uint64_t last = object->size / PAGE_BYTES;

    if (!object->anonymous && first <= last && last < end)
        reference_object_zero(object, object->size, reference_object_page_end(object));
}

/* ---- pages ---- */

const uint8_t *reference_page_bytes(const struct reference_page *page)
{
    if (!page->mapped)
        return NULL;
    if (page->object == NULL)
        return page->bytes;
    if (page->index >= pages_of(page->object->size))
        return NULL;
    return page->own ? page->bytes : page->object->bytes + page->index * PAGE_BYTES;
}

/* The bytes that a store goes to, after a private page of a file has become a copy. */
uint8_t *reference_page_bytes_to_write(struct reference_page *page)
{
    if (page->shared)
        return page->object->bytes + page->index * PAGE_BYTES;
    if (!page->own)
        memcpy(page->bytes, reference_page_bytes(page), PAGE_BYTES);
    page->own = true;
    return page->bytes;
}

void reference_page_unmap(struct reference_page *page)
{
    reference_object_put(page->object);
    memset(page, 0, sizeof(*page));
}

/*
 * Only pages of a private area that may be written are populated with a write (mmap(2),
 * MAP_POPULATE). False: it cannot.
 */
bool reference_page_populate(struct reference_page *page)
{
    if (page->prot == PROT_NONE || reference_page_bytes(page) == NULL)
        return false;
    if ((page->prot & PROT_WRITE) && !page->shared)
        reference_page_bytes_to_write(page);
    return true;
}

/* ---- the window ---- */

/* The page of the window at va, or NULL. */
struct reference_page *reference_window_page(const struct reference_vm *vm,
                                             struct reference_process *p, uint64_t va)
{
    uint64_t number = (va - vm->window) / PAGE_BYTES;

    return va >= vm->window && number < REFERENCE_PAGES ? &p->page[number] : NULL;
}

/* Is every page of [start, start + bytes) in the window and free? Everything else is fences. */
bool reference_window_free(const struct reference_vm *vm, struct reference_process *p,
                           uint64_t start, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
        const struct reference_page *page = reference_window_page(vm, p, start + at);

        if (page == NULL || page->mapped)
            return false;
    }
    return true;
}

void reference_window_unmap(const struct reference_vm *vm, struct reference_process *p,
                            uint64_t start, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES)
        reference_page_unmap(reference_window_page(vm, p, start + at));
}

/* ---- accesses ---- */

/* What an access to the byte at va meets. */
static struct mw_signal access_signal(const struct reference_vm *vm, struct reference_process *p,
                                      uint64_t va, int needs)
{
    const struct reference_page *page = reference_window_page(vm, p, va);
    struct mw_signal signal = {.signo = SIGSEGV, .code = SEGV_ACCERR, .va = va};

    if (page == NULL ? va < vm->min_addr || va >= vm->user_end : !page->mapped)
        signal.code = SEGV_MAPERR;
    else if (page != NULL && (page->prot & needs) != 0)
        signal = reference_page_bytes(page) == NULL
                     ? (struct mw_signal){.signo = SIGBUS, .code = BUS_ADRERR, .va = va}
                     : (struct mw_signal){0};
    return signal;
}

/* Any one of the bits lets the access through. */
static int access_needs(enum mw_access access)
{
    if (access == MW_FETCH)
        return PROT_EXEC;
    return access == MW_STORE ? PROT_WRITE : PROT_READ | PROT_WRITE;
}

/*
 * The bytes at va after all that an access does to the page, good up to its end; or NULL with
 * *signal.
 */
uint8_t *reference_access_page(struct reference_vm *vm, struct reference_process *p, uint64_t va,
                               enum mw_access access, struct mw_signal *signal)
{
    struct reference_page *page = reference_window_page(vm, p, va);
    uint8_t *bytes;

    *signal = access_signal(vm, p, va, access_needs(access));
    if (signal->signo != 0)
        return NULL;
    bytes = access == MW_STORE ? reference_page_bytes_to_write(page)
                               : (uint8_t *)(uintptr_t)reference_page_bytes(page);
    return bytes + va % PAGE_BYTES;
}

/* Moves up to a page's worth of bytes; both pages are had before a byte moves. */
int64_t reference_run_access(struct reference_vm *vm, struct reference_process *p,
                             const struct operation *op, struct outcome *out)
{
    enum mw_access access = op->kind == OPERATION_STORE  ? MW_STORE
                            : op->kind == OPERATION_LOAD ? MW_LOAD
                                                         : MW_FETCH;
    uint64_t first = smaller(op->bytes, PAGE_BYTES - op->addr % PAGE_BYTES);
    uint8_t *low = reference_access_page(vm, p, op->addr, access, &out->signal);
    uint8_t *high = NULL;

    if (low != NULL && first < op->bytes)
        high = reference_access_page(vm, p, op->addr + first, access, &out->signal);
    if (out->signal.signo != 0)
        return -EFAULT;
    if (access == MW_STORE) {
        memcpy(low, op->data, first);
        if (high != NULL)
            memcpy(high, op->data + first, op->bytes - first);
    } else {
        memcpy(out->data, low, first);
        if (high != NULL)
            memcpy(out->data + first, high, op->bytes - first);
    }
    return 0;
}
