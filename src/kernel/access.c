/*
 * User accesses: translate, fault, retry; and the kernel's copies from and to user memory. Layer 7.
 */
#include <signal.h>
#include <string.h>

#include "cache/writeback.h"
#include "kernel/calls.h"
#include "kernel/fault_handler.h"
#include "kernel/uffd.h"

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
    /* What processes share acts under the limits of the one that runs. */
    p->mm->limits = p->limits;
    p->fds->limit = p->files_limit;
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

/* A trap that is being repaired. */
struct repair {
    struct mw_machine *machine;
    struct process *process; /* NULL: a handler has ended it */
    struct trap trap;
    bool in_call; /* the kernel's own copying, or a handler's access */
    struct mw_signal *signal;
};

/* What user code said of a fault is told and counted like what mm says. */
static void repair_end(const struct repair *r, const struct mm_outcome *outcome)
{
    struct mw_machine *m = r->machine;

    m->mm_env.stats.faults++;
    m->mm_env.stats.by_reason[outcome->reason]++;
    event_emit(&m->bus, MW_EVENT_FAULT_END, r->trap.va, outcome->reason,
               outcome->signal == 0 ? 0 : (uint64_t)-EFAULT, (uint64_t)outcome->signal,
               (uint64_t)outcome->code);
    if (outcome->signal != 0)
        machine_signal(m, outcome, false, r->signal);
}

/* Asks the user's handlers. True: try again; false: *done says whether that was all. */
static bool repair_by_user(struct repair *r, unsigned round, bool *done)
{
    struct mm_outcome outcome = {.reason = MW_REASON_USER_HANDLED, .va = r->trap.va};
    enum mw_fault_answer answer;

    *done = false;
    if (r->in_call || r->process->mm->upper == NULL)
        return false;
    answer = fault_handlers_ask(r->machine, &r->process, &r->trap);
    if (answer == MW_FAULT_NOT_MINE && r->process != NULL)
        return false;
    if (answer == MW_FAULT_KILL || r->process == NULL) {
        outcome.reason = MW_REASON_USER_KILLED;
        outcome.signal = SIGKILL;
    } else if (round + 1 >= REPAIR_ROUNDS) {
        outcome.reason = MW_REASON_USER_FAILED;
        outcome.signal = SIGSEGV;
        outcome.code = SEGV_ACCERR;
    }
    repair_end(r, &outcome);
    *done = outcome.signal != 0;
    return !*done;
}

/* The kernel's own handling. True: try again. A userfaultfd's page may be waited for. */
static bool repair_by_kernel(const struct repair *r)
{
    struct mw_machine *m = r->machine;
    struct mm_outcome outcome = mm_fault(r->process->mm, &r->trap);

    if (outcome.signal == 0)
        return true;
    if (outcome.uffd != 0 && !r->in_call) {
        int err = uffd_tell(m, r->process, r->trap.access, &outcome);

        if (err == 0) {
            *r->signal = (struct mw_signal){.va = outcome.va, .reason = MW_REASON_WOULD_BLOCK};
            return false;
        }
        if (err == -ENOMEM)
            outcome = (struct mm_outcome){
                .reason = MW_REASON_OUT_OF_MEMORY, .signal = SIGKILL, .va = outcome.va};
    }
    machine_signal(m, &outcome, r->in_call, r->signal);
    return false;
}

uint8_t *machine_repair(struct mw_machine *m, struct process *p, vaddr_t va, enum mw_access access,
                        const struct trap *first, struct mw_signal *signal)
{
    struct repair r = {m, p, *first, !first->opened_op, signal};
    uint8_t *host = NULL;

    for (unsigned round = 0; host == NULL; round++) {
        bool done;

        clock_advance(&m->clock, m->config.costs.trap);
        if (!repair_by_user(&r, round, &done)) {
            /* A handler may have used rounds up; the kernel alone never does. */
            contract_on(&m->bus, round < 2 * REPAIR_ROUNDS);
            if (done || !repair_by_kernel(&r))
                break;
        }
        /* Before the access is tried again: what the flusher cleans must not be stored to unseen. */
        cache_tick(&m->cache);
        host = hart_translate(r.process->hart, va, access, &r.trap);
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
 * Both pages of an access, which may be one (`high` NULL then). Repairing the second may take the
 * first away again: where frames run out it is written back, and so made read-only, and a user's
 * handler can do anything. So the first is translated anew then, as a restarted instruction would.
 */
static bool access_pages(struct mw_machine *m, int pid, const struct user_access *a, uint64_t first,
                         uint8_t *host[2], struct mw_signal *met)
{
    for (unsigned round = 0; round < REPAIR_ROUNDS; round++) {
        struct process *p = machine_process(m, pid);
        struct trap trap;

        host[0] = p == NULL ? NULL : machine_access(m, p, a->va, a->access, met);
        if (host[0] == NULL || first == a->bytes)
            return host[0] != NULL;
        p = machine_process(m, pid);
        if (p == NULL)
            return false;
        host[1] = hart_translate(p->hart, a->va + first, a->access, &trap);
        if (host[1] != NULL)
            return true;
        if (machine_repair(m, p, a->va + first, a->access, &trap, met) == NULL)
            return false;
    }
    /* Handlers that take away what others have brought. */
    machine_signal(
        m,
        &(struct mm_outcome){
            .reason = MW_REASON_USER_FAILED, .signal = SIGSEGV, .code = SEGV_ACCERR, .va = a->va},
        false, met);
    return false;
}

/*
 * Both pages first, then the bytes, so that a signal means that nothing was moved. -EAGAIN: a
 * userfaultfd has to answer first.
 */
static int access_user(struct mw_machine *m, int pid, const struct user_access *a,
                       struct mw_signal *signal)
{
    uint64_t first = access_part(a->va, a->bytes);
    struct mw_signal met = {0};
    uint8_t *host[2] = {NULL, NULL};
    bool there = false;

    if (machine_process(m, pid) == NULL)
        return -ESRCH;
    if (a->bytes == 0 || a->bytes > PAGE_BYTES)
        return -EINVAL;
    there = access_pages(m, pid, a, first, host, &met);
    if (signal != NULL)
        *signal = met.signo != 0 ? met : (struct mw_signal){0};
    if (!there)
        return met.signo != 0 ? -EFAULT : -EAGAIN;
    access_move(a, host[0], 0, first);
    if (host[1] != NULL)
        access_move(a, host[1], first, a->bytes - first);
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
