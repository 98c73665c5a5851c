/*
 * System calls: entry and exit, and those on memory. Layer 7.
 */
#include "kernel/calls.h"

#include "cache/writeback.h"
#include "hw/stale.h"
#include "kernel/fault_handler.h"

#include <fcntl.h>
#include <sys/mman.h>

struct call call_begin(struct mw_machine *m, int pid, enum mw_call number, uint64_t a0, uint64_t a1,
                       uint64_t a2, uint64_t a3)
{
    struct call call = {.machine = m, .process = machine_process(m, pid), .number = number};

    hart_settle_time(m->running);
    call.opened_op = event_op_begin(&m->bus);
    stale_note_call(m->stale, number);
    m->calls_total++;
    m->by_call[number]++;
    if (call.process != NULL && m->current != call.process)
        machine_switch(m, call.process);
    clock_advance(&m->clock, m->config.costs.trap);
    event_emit(&m->bus, MW_EVENT_CALL, number, a0, a1, a2, a3);
    return call;
}

/*
 * The flusher has its turn after each call; what it meets is no result of the call. The checkers
 * come last: an invariant may well be broken in the middle of a call.
 */
int64_t call_end(struct call *call, int64_t result)
{
    if (!call->machine->off)
        cache_tick(&call->machine->cache);
    event_emit(&call->machine->bus, MW_EVENT_CALL_END, call->number, (uint64_t)result);
    event_op_end(&call->machine->bus, call->opened_op);
    stale_note_call(call->machine->stale, MW_CALL_COUNT);
    machine_self_check(call->machine);
    return result;
}

struct open_file *call_descriptor(const struct call *call, int fd)
{
    return call->process == NULL ? NULL : fd_get(call->process->fds, fd);
}

struct open_file *call_file(const struct call *call, int fd)
{
    struct open_file *file = call_descriptor(call, fd);

    return file != NULL && (file->status_flags & O_PATH) ? NULL : file;
}

/* mmap(2): an unaligned offset is found before a bad descriptor, and that before all else. */
static int64_t call_mmap(const struct call *call, uint64_t addr, uint64_t bytes, int prot,
                         int flags, int fd, uint64_t off_bytes)
{
    struct open_file *file = NULL;

    if (!page_aligned(off_bytes))
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS)) {
        file = call_file(call, fd);
        if (file == NULL)
            return -EBADF;
    }
    if (flags & MAP_HUGETLB)
        return file == NULL ? mm_mmap_huge(call->process->mm, addr, bytes, prot, flags, off_bytes)
                            : -EINVAL;
    return mm_mmap(call->process->mm, addr, bytes, prot, flags, file == NULL ? NULL : &file->mapped,
                   off_bytes);
}

int64_t mw_mmap(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, int prot, int flags,
                int fd, uint64_t off_bytes)
{
    struct call call =
        call_begin(m, pid, MW_CALL_mmap, addr, bytes, (uint64_t)prot, (uint64_t)flags);

    if (call.process == NULL)
        return call_end(&call, -ESRCH);
    return call_end(&call, call_mmap(&call, addr, bytes, prot, flags, fd, off_bytes));
}

/* Handlers of faults go with what is unmapped. */
static int call_munmap(struct mw_machine *m, struct mm *mm, uint64_t addr, uint64_t bytes)
{
    struct range r = {addr, addr + page_ceil(bytes)};
    int err = fault_handlers_reserve(m, mm, r);

    if (err == 0)
        err = mm_munmap(mm, addr, bytes);
    if (err == 0)
        fault_handlers_cut(mm, r);
    return err;
}

int mw_munmap(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_munmap, addr, bytes, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_munmap(m, call.process->mm, addr, bytes));
}

int mw_mprotect(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, int prot)
{
    struct call call = call_begin(m, pid, MW_CALL_mprotect, addr, bytes, (uint64_t)prot, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_mprotect(call.process->mm, addr, bytes, prot));
}

int mw_msync(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, int flags)
{
    struct call call = call_begin(m, pid, MW_CALL_msync, addr, bytes, (uint64_t)flags, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_msync(call.process->mm, addr, bytes, flags));
}

int64_t mw_brk(struct mw_machine *m, int pid, uint64_t addr)
{
    struct call call = call_begin(m, pid, MW_CALL_brk, addr, 0, 0, 0);

    if (call.process == NULL)
        return call_end(&call, -ESRCH);
    return call_end(&call, (int64_t)mm_brk(call.process->mm, addr));
}

/* Only an empty heap can be moved: a log tells where it is before it uses it. */
int mw_set_brk(struct mw_machine *m, int pid, uint64_t start)
{
    struct process *p = machine_process(m, pid);

    if (p == NULL)
        return -ESRCH;
    if (p->mm->brk_end != p->mm->brk_start)
        return -EBUSY;
    if (start > p->mm->user_end - PAGE_BYTES)
        return -EINVAL;
    p->mm->brk_start = start;
    p->mm->brk_end = start;
    return 0;
}

/* PROT_GROWSDOWN says that the pages are a stack: faults below them will make it grow. */
int mw_map_implicit(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, int prot)
{
    struct process *p = machine_process(m, pid);
    uint32_t flags = prot & PROT_GROWSDOWN ? VMA_GROWSDOWN : 0;

    if (p == NULL)
        return -ESRCH;
    if (addr + bytes < addr || bytes == 0)
        return -EINVAL;
    return mm_map_implicit(p->mm, page_floor(addr), page_ceil(addr + bytes), prot, flags);
}
