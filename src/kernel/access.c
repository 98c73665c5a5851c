/*
 * User accesses: translate, fault, retry; and the kernel's copies from and to user memory. Layer 7.
 */
#include <signal.h>
#include <string.h>

#include "kernel/calls.h"

/* A fault is repaired in at most two rounds (grow or map, then install); more can only be a bug. */
#define REPAIR_ROUNDS 8

struct process *machine_process(struct mw_machine *m, int pid)
{
    struct process *p = pid > 0 ? radix_get(&m->processes.by_pid, (uint64_t)pid) : NULL;

    return p != NULL && p->mm != NULL ? p : NULL;
}

void machine_switch(struct mw_machine *m, struct process *p)
{
    hart_settle_time(m->running); /* or its hits would be paid for after what comes now */
    m->running = p->hart;
    m->bus.pid = (uint32_t)p->pid;
    m->bus.hart = p->hart->id;
    pt_activate(&p->mm->pt, p->hart);
    m->current = p;
}

void machine_self_check(struct mw_machine *m)
{
    if (m->config.check)
        contract_on(&m->bus, mw_check(m));
}

/*
 * Tells the signal that a fault became. The only place where a fault outcome turns into a signal of
 * the process. A fault of the kernel's own copying, in the operation of a call, is none: the call
 * reports -EFAULT or a short transfer.
 */
static void machine_signal(struct mw_machine *m, const struct mm_outcome *outcome, bool in_call,
                           struct mw_signal *signal)
{
    if (!in_call) {
        m->signals++;
        event_emit(&m->bus, MW_EVENT_SIGNAL, (uint64_t)outcome->signal, (uint64_t)outcome->code,
                   outcome->va);
    }
    *signal = (struct mw_signal){.signo = outcome->signal,
                                 .code = outcome->code,
                                 .va = outcome->va,
                                 .reason = outcome->reason};
}

uint8_t *machine_repair(struct mw_machine *m, struct process *p, vaddr_t va, enum mw_access access,
                        const struct trap *first, struct mw_signal *signal)
{
    struct trap trap = *first;
    uint8_t *host = NULL;

    for (unsigned round = 0; host == NULL; round++) {
        struct mm_outcome outcome;

        contract_on(&m->bus, round < REPAIR_ROUNDS);
        clock_advance(&m->clock, m->config.costs.trap);
        outcome = mm_fault(p->mm, &trap);
        if (outcome.signal != 0) {
            machine_signal(m, &outcome, !first->opened_op, signal);
            break;
        }
        host = hart_translate(p->hart, va, access, &trap);
    }
    event_op_end(&m->bus, first->opened_op);
    machine_self_check(m);
    return host;
}

/* Bytes of [va, va + bytes) that lie in the page of va. */
static uint64_t access_part(vaddr_t va, uint64_t bytes)
{
    uint64_t room = PAGE_BYTES - (va & PAGE_MASK);

    return bytes < room ? bytes : room;
}

/*
 * One access of a user program, and where its bytes go: at most one of the two is set; neither: no
 * byte is moved.
 */
struct user_access {
    vaddr_t va;
    uint64_t bytes;
    enum mw_access access;
    uint8_t *to;
    const uint8_t *from;
};

/* Moves `bytes` that begin `done` into the access. */
static void access_move(const struct user_access *a, uint8_t *host, uint64_t done, uint64_t bytes)
{
    if (a->to != NULL)
        memcpy(a->to + done, host, bytes);
    if (a->from != NULL)
        memcpy(host, a->from + done, bytes);
}

/*
 * The second page of an access that crosses into it, at `va`; *low is the first page's byte. A
 * repair may have written the first page back to find memory, and so made it read-only again: then
 * it is translated anew, as a restarted instruction would. That cannot repeat, since making a
 * mapped page writable takes no frame.
 */
static uint8_t *access_second(struct mw_machine *m, struct process *p, const struct user_access *a,
                              vaddr_t va, uint8_t **low, struct mw_signal *met)
{
    struct trap trap;
    uint8_t *high = hart_translate(p->hart, va, a->access, &trap);

    if (high != NULL)
        return high;
    high = machine_repair(m, p, va, a->access, &trap, met);
    if (high != NULL)
        *low = machine_access(m, p, a->va, a->access, met);
    return high;
}

/* Both pages first, then the bytes, so that a signal means that nothing was moved. */
static int access_user(struct mw_machine *m, int pid, const struct user_access *a,
                       struct mw_signal *signal)
{
    struct process *p = machine_process(m, pid);
    struct mw_signal met = {0};
    uint64_t first;
    uint8_t *low;
    uint8_t *high = NULL;

    if (signal != NULL)
        *signal = met;
    if (p == NULL)
        return -ESRCH;
    if (a->bytes == 0 || a->bytes > PAGE_BYTES)
        return -EINVAL;
    first = access_part(a->va, a->bytes);
    low = machine_access(m, p, a->va, a->access, &met);
    if (low != NULL && first < a->bytes)
        high = access_second(m, p, a, a->va + first, &low, &met);
    if (signal != NULL)
        *signal = met;
    if (met.signo != 0)
        return -EFAULT;
    access_move(a, low, 0, first);
    if (high != NULL)
        access_move(a, high, first, a->bytes - first);
    return 0;
}

int mw_load(struct mw_machine *m, int pid, uint64_t va, void *out, size_t bytes,
            struct mw_signal *signal)
{
    const struct user_access a = {.va = va, .bytes = bytes, .access = MW_LOAD, .to = out};

    return access_user(m, pid, &a, signal);
}

int mw_fetch(struct mw_machine *m, int pid, uint64_t va, void *out, size_t bytes,
             struct mw_signal *signal)
{
    const struct user_access a = {.va = va, .bytes = bytes, .access = MW_FETCH, .to = out};

    return access_user(m, pid, &a, signal);
}

int mw_store(struct mw_machine *m, int pid, uint64_t va, const void *in, size_t bytes,
             struct mw_signal *signal)
{
    const struct user_access a = {.va = va, .bytes = bytes, .access = MW_STORE, .from = in};

    return access_user(m, pid, &a, signal);
}

int mw_touch(struct mw_machine *m, int pid, uint64_t va, size_t bytes, enum mw_access access,
             struct mw_signal *signal)
{
    const struct user_access a = {.va = va, .bytes = bytes, .access = access};

    return access_user(m, pid, &a, signal);
}

uint64_t user_copy_out(struct mw_machine *m, struct process *p, vaddr_t va, const void *from,
                       uint64_t bytes)
{
    const uint8_t *at = from;
    uint64_t done = 0;

    while (done < bytes) {
        struct mw_signal signal;
        uint64_t part = access_part(va + done, bytes - done);
        uint8_t *host = machine_access(m, p, va + done, MW_STORE, &signal);

        if (host == NULL)
            break;
        memcpy(host, at + done, part);
        done += part;
    }
    return done;
}

uint64_t user_copy_in(struct mw_machine *m, struct process *p, void *to, vaddr_t va, uint64_t bytes)
{
    uint8_t *at = to;
    uint64_t done = 0;

    while (done < bytes) {
        struct mw_signal signal;
        uint64_t part = access_part(va + done, bytes - done);
        const uint8_t *host = machine_access(m, p, va + done, MW_LOAD, &signal);

        if (host == NULL)
            break;
        memcpy(at + done, host, part);
        done += part;
    }
    return done;
}
