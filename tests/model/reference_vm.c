/*
 * The reference as a whole, and its processes: see reference_vm.h for the rules. Each function says
 * them in the plainest way; none of them is meant to be fast.
 */
#include "model/reference_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- processes ---- */

struct reference_process *reference_vm_process(struct reference_vm *vm, int pid)
{
    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++)
        if (vm->process[i].pid == pid && vm->process[i].live)
            return &vm->process[i];
    return NULL;
}

static int64_t run_fork(struct reference_vm *vm, const struct reference_process *p)
{
    struct reference_process *child = NULL;

    for (unsigned i = 0; i < REFERENCE_PROCESSES && child == NULL; i++)
        if (vm->process[i].pid == 0)
            child = &vm->process[i];
    if (child == NULL)
        return -EAGAIN;
    *child = *p;
    child->pid = ++vm->last_pid;
    child->parent = p->pid;
    for (unsigned i = 0; i < REFERENCE_PAGES; i++) {
        if (child->page[i].no_fork)
            child->page[i] = (struct reference_page){0};
        reference_object_get(child->page[i].object);
    }
    for (unsigned i = 0; i < REFERENCE_FDS; i++)
        reference_object_get(child->fds[i].object);
    return child->pid;
}

static int64_t run_exit(struct reference_vm *vm, struct reference_process *p)
{
    for (unsigned i = 0; i < REFERENCE_FDS; i++)
        reference_object_put(p->fds[i].object);
    for (unsigned i = 0; i < REFERENCE_PAGES; i++)
        reference_page_unmap(&p->page[i]);
    memset(p->fds, 0, sizeof(p->fds));
    p->live = false;
    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++) {
        struct reference_process *child = &vm->process[i];

        if (child->pid == 0 || child->parent != p->pid)
            continue;
        child->parent = 0;
        if (!child->live)
            child->pid = 0;
    }
    if (p->parent == 0)
        p->pid = 0;
    return 0;
}

/* Of several ended children the one with the lowest pid. */
static int64_t run_wait(struct reference_vm *vm, const struct reference_process *p, int child_pid)
{
    struct reference_process *ended = NULL;
    bool any = false;
    int pid;

    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++) {
        struct reference_process *child = &vm->process[i];

        if (child->pid == 0 || child->parent != p->pid ||
            (child_pid > 0 && child->pid != child_pid))
            continue;
        any = true;
        if (!child->live && (ended == NULL || child->pid < ended->pid))
            ended = child;
    }
    if (ended == NULL)
        return any ? -EAGAIN : -ECHILD;
    pid = ended->pid;
    ended->pid = 0;
    return pid;
}

struct reference_vm *reference_vm_new(uint64_t window, uint64_t user_end, uint64_t min_addr)
{
    struct reference_vm *vm = calloc(1, sizeof(*vm));

    if (vm == NULL)
        return NULL;
    vm->window = window;
    vm->user_end = user_end;
    vm->min_addr = min_addr;
    vm->last_pid = 1;
    vm->process[0].pid = 1;
    vm->process[0].live = true;
    vm->process[0].brk = window;
    return vm;
}

void reference_vm_free(struct reference_vm *vm)
{
    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++)
        if (vm->process[i].live)
            run_exit(vm, &vm->process[i]);
    for (unsigned i = 0; i < REFERENCE_NAMES; i++)
        reference_object_put(vm->name[i]);
    free(vm);
}

void reference_vm_put_file(struct reference_vm *vm, unsigned file, uint64_t bytes)
{
    vm->name[file] = reference_object_new(false, bytes);
    for (uint64_t i = 0; i < bytes; i++)
        vm->name[file]->bytes[i] = (uint8_t)(i / PAGE_BYTES + 1);
}

static int64_t run_on_file(struct reference_vm *vm, struct reference_process *p,
                           const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_OPEN:
        return reference_run_open(vm, p, op);
    case OPERATION_CLOSE:
        return reference_run_close(p, op->fd);
    case OPERATION_DUP2:
        return reference_run_dup2(p, op->fd, op->new_fd);
    case OPERATION_FTRUNCATE:
        return reference_run_ftruncate(vm, p, op);
    case OPERATION_FSYNC:
        return reference_run_fsync(p, op->fd);
    case OPERATION_SYNC:
        return reference_run_sync(vm);
    case OPERATION_UNLINK:
        return reference_run_unlink(vm, op->file);
    default:
        return reference_run_transfer(vm, p, op);
    }
}

static int64_t run_on_memory(struct reference_vm *vm, struct reference_process *p,
                             const struct operation *op, struct outcome *out)
{
    switch (op->kind) {
    case OPERATION_MMAP:
        return reference_run_mmap(vm, p, op);
    case OPERATION_MUNMAP:
        return reference_run_munmap(vm, p, op);
    case OPERATION_MPROTECT:
        return reference_run_mprotect(vm, p, op);
    case OPERATION_MSYNC:
        return reference_run_msync(vm, p, op);
    case OPERATION_BRK:
        return reference_run_brk(vm, p, op);
    case OPERATION_MREMAP:
        return reference_run_mremap(vm, p, op);
    case OPERATION_MADVISE:
        return reference_run_madvise(vm, p, op);
    case OPERATION_FORK:
        return run_fork(vm, p);
    case OPERATION_EXIT:
        return run_exit(vm, p);
    case OPERATION_WAIT:
        return run_wait(vm, p, op->fd);
    default:
        return reference_run_access(vm, p, op, out);
    }
}

void reference_vm_run(struct reference_vm *vm, const struct operation *op, struct outcome *out)
{
    struct reference_process *p = reference_vm_process(vm, op->pid);

    memset(out, 0, sizeof(*out));
    out->result =
        op->kind <= OPERATION_WAIT ? run_on_memory(vm, p, op, out) : run_on_file(vm, p, op);
}

bool reference_vm_stores_tail(struct reference_vm *vm, const struct operation *op)
{
    struct reference_process *p = reference_vm_process(vm, op->pid);

    if (op->kind != OPERATION_STORE && op->kind != OPERATION_PREAD)
        return false;
    for (uint64_t at = 0; at < op->addr % PAGE_BYTES + op->bytes; at += PAGE_BYTES) {
        const struct reference_page *page = reference_window_page(vm, p, op->addr + at);
        uint64_t stored = smaller(op->addr % PAGE_BYTES + op->bytes - at, PAGE_BYTES);

        if (page != NULL && page->mapped && page->shared && !page->object->anonymous &&
            page->index == page->object->size / PAGE_BYTES &&
            stored > page->object->size % PAGE_BYTES)
            return true;
    }
    return false;
}
