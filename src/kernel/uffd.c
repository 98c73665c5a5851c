/*
 * userfaultfd(2): the object, its queue, and its ioctls. Layer 7. See uffd.h.
 *
 * Nobody sleeps here: an access that would is refused with -EAGAIN, and a note of it stays in
 * `waits`. The note is the message, too: unread, then read; and it goes when the owner wakes the
 * page. The access that is tried again then either succeeds or leaves a new note, as a thread that
 * Linux wakes would.
 *
 * Order and numbers of errors are those of fs/userfaultfd.c and mm/userfaultfd.c of 6.18.
 */
#include "kernel/uffd.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <mapwalk/fault.h>
#include <sys/ioctl.h>

#include "kernel/calls.h"
#include "mm/uffd.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static struct uffd *uffd_find(const struct mw_machine *m, int number)
{
    return number > 0 ? radix_get(&m->uffds, (uint64_t)number) : NULL;
}

/* ---- who waits ---- */

static void uffd_drop_wait(struct mw_machine *m, struct uffd_wait *w)
{
    list_remove(&w->link);
    alloc_release(&m->alloc, w);
}

static void uffd_wake(struct mw_machine *m, struct uffd *u, struct range r)
{
    list_for_each_safe (node, next, &u->waits) {
        struct uffd_wait *w = container_of(node, struct uffd_wait, link);

        if (w->va >= r.start && w->va < r.end)
            uffd_drop_wait(m, w);
    }
}

static const struct uffd_wait *uffd_find_wait(const struct uffd *u, int pid, vaddr_t va,
                                              uint32_t flags)
{
    list_for_each (node, &u->waits) {
        const struct uffd_wait *w = container_of(node, struct uffd_wait, link);

        if (w->pid == pid && page_floor(w->va) == page_floor(va) && w->flags == flags)
            return w;
    }
    return NULL;
}

static uint32_t uffd_message_flags(enum mw_access access, uint32_t mode)
{
    uint32_t flags = access == MW_STORE || access == MW_AMO ? MW_UFFD_FAULT_WRITE : 0;

    if (mode == VMA_UFFD_WP)
        flags |= MW_UFFD_FAULT_WP;
    if (mode == VMA_UFFD_MINOR)
        flags |= MW_UFFD_FAULT_MINOR;
    return flags;
}

int uffd_tell(struct mw_machine *m, const struct process *p, enum mw_access access,
              const struct mm_outcome *outcome)
{
    struct uffd *u = uffd_find(m, (int)outcome->uffd);
    uint32_t flags = uffd_message_flags(access, outcome->uffd_mode);
    struct uffd_wait *w;

    contract(u != NULL);
    if (u->features & MW_UFFD_FEATURE_SIGBUS)
        return -EFAULT;
    if (uffd_find_wait(u, p->pid, outcome->va, flags) != NULL)
        return 0;
    w = alloc_zeroed(&m->alloc, sizeof(*w));
    if (w == NULL)
        return -ENOMEM;
    *w = (struct uffd_wait){.pid = p->pid, .va = outcome->va, .flags = flags};
    list_append(&u->waits, &w->link);
    event_emit(&m->bus, MW_EVENT_FAULT_UFFD, outcome->va, u->number, flags);
    return 0;
}

/* ---- birth and death ---- */

static int uffd_free_number(const struct mw_machine *m)
{
    int number = 1;

    while (radix_get(&m->uffds, (uint64_t)number) != NULL)
        number++;
    return number <= (int)MM_UFFD_MOST ? number : -EMFILE;
}

static int uffd_new(struct mw_machine *m, struct mm *mm)
{
    int number = uffd_free_number(m);
    struct uffd *u;
    int err;

    if (number < 0)
        return number;
    u = alloc_zeroed(&m->alloc, sizeof(*u));
    if (u == NULL)
        return -ENOMEM;
    err = radix_insert(&m->uffds, (uint64_t)number, u);
    if (err != 0) {
        alloc_release(&m->alloc, u);
        return err;
    }
    u->number = (uint32_t)number;
    u->mm = mm;
    list_init(&u->waits);
    return number;
}

int mw_uffd_open(struct mw_machine *m, int pid, unsigned flags)
{
    struct call call = call_begin(m, pid, MW_CALL_userfaultfd, flags, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    if (!(flags & UFFD_USER_MODE_ONLY) && !m->config.privileged)
        return (int)call_end(&call, -EPERM);
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY))
        return (int)call_end(&call, -EINVAL);
    return (int)call_end(&call, uffd_new(m, call.process->mm));
}

static void uffd_close(struct mw_machine *m, struct uffd *u)
{
    radix_remove(&m->uffds, u->number);
    if (u->mm != NULL)
        mm_uffd_forget(u->mm, u->number);
    uffd_wake(m, u, (struct range){0, UINT64_MAX});
    alloc_release(&m->alloc, u);
}

int mw_uffd_close(struct mw_machine *m, int number)
{
    struct uffd *u = uffd_find(m, number);

    if (u == NULL)
        return -EBADF;
    uffd_close(m, u);
    machine_self_check(m);
    return 0;
}

void uffd_close_all(struct mw_machine *m)
{
    uint64_t number = 0;
    void *value;

    while (radix_next(&m->uffds, &number, &value))
        uffd_close(m, value);
}

void uffd_forget_mm(struct mw_machine *m, const struct mm *mm)
{
    uint64_t number = 0;
    void *value;

    for (; radix_next(&m->uffds, &number, &value); number++) {
        struct uffd *u = value;

        if (u->mm != mm)
            continue;
        u->mm = NULL;
        uffd_wake(m, u, (struct range){0, UINT64_MAX});
    }
}

static bool uffd_mm_is_live(const struct mw_machine *m, const struct mm *mm)
{
    uint64_t pid = 0;
    void *value;

    for (; radix_next(&m->processes.by_pid, &pid, &value); pid++)
        if (((const struct process *)value)->mm == mm)
            return true;
    return false;
}

bool uffd_check(const struct mw_machine *m)
{
    uint64_t number = 0;
    void *value;

    for (; radix_next(&m->uffds, &number, &value); number++) {
        const struct uffd *u = value;

        if (u->number != number || (u->mm != NULL && !uffd_mm_is_live(m, u->mm)))
            return false;
        list_for_each (node, &u->waits) {
            const struct uffd_wait *w = container_of(node, struct uffd_wait, link);

            if (uffd_find_wait(u, w->pid, w->va, w->flags) != w)
                return false;
        }
    }
    return true;
}

/* ---- the ioctls ---- */

/* One ioctl: told as a call. */
struct uffd_request {
    struct call call;
    struct uffd *uffd;
};

/* Finds the userfaultfd: -EBADF; -EINVAL while UFFDIO_API has not been called. uffd_end follows. */
static int uffd_begin(struct uffd_request *r, struct mw_machine *m, int number, uint64_t command,
                      struct range where)
{
    r->call = call_begin(m, 0, MW_CALL_ioctl, (uint64_t)(int64_t)number, command, where.start,
                         where.end - where.start);
    r->uffd = uffd_find(m, number);
    if (r->uffd == NULL)
        return -EBADF;
    return r->uffd->ready || command == UFFDIO_API ? 0 : -EINVAL;
}

static int64_t uffd_end(struct uffd_request *r, int64_t result)
{
    return call_end(&r->call, result);
}

/* validate_unaligned_range; the length is in pages, the start anything. */
static int uffd_check_length(const struct mw_machine *m, struct range r)
{
    uint64_t bytes = r.end - r.start;
    uint64_t top = mode_user_end(m->config.mode);

    if (!page_aligned(bytes) || bytes == 0 || r.start < m->config.mmap_min_addr || r.start >= top ||
        bytes > top - r.start)
        return -EINVAL;
    return 0;
}

/* validate_range */
static int uffd_check_range(const struct mw_machine *m, struct range r)
{
    return page_aligned(r.start) ? uffd_check_length(m, r) : -EINVAL;
}

int mw_uffd_api(struct mw_machine *m, int number, uint64_t api, uint64_t features)
{
    struct uffd_request r;
    int err = uffd_begin(&r, m, number, UFFDIO_API, (struct range){0, 0});

    if (err == 0 &&
        (api != UFFD_API || (features & ~(uint64_t)MW_UFFD_FEATURES) != 0 || r.uffd->ready))
        err = -EINVAL;
    if (err == 0) {
        r.uffd->ready = true;
        r.uffd->features = features;
    }
    return (int)uffd_end(&r, err);
}

static uint32_t uffd_modes(uint64_t mode)
{
    return (mode & MW_UFFD_MISSING ? VMA_UFFD_MISSING : 0) | (mode & MW_UFFD_WP ? VMA_UFFD_WP : 0) |
           (mode & MW_UFFD_MINOR ? VMA_UFFD_MINOR : 0);
}

int mw_uffd_register(struct mw_machine *m, int number, uint64_t addr, uint64_t bytes, uint64_t mode)
{
    const uint64_t known = MW_UFFD_MISSING | MW_UFFD_WP | MW_UFFD_MINOR;
    struct range where = {addr, addr + bytes};
    struct uffd_request r;
    int err = uffd_begin(&r, m, number, UFFDIO_REGISTER, where);

    if (err == 0 && (mode == 0 || (mode & ~known) != 0))
        err = -EINVAL;
    if (err == 0)
        err = uffd_check_range(m, where);
    if (err == 0 && r.uffd->mm == NULL)
        err = -ESRCH;
    if (err == 0)
        err = mm_uffd_register(r.uffd->mm, where, r.uffd->number, uffd_modes(mode));
    return (int)uffd_end(&r, err);
}

int mw_uffd_unregister(struct mw_machine *m, int number, uint64_t addr, uint64_t bytes)
{
    struct range where = {addr, addr + bytes};
    struct uffd_request r;
    int err = uffd_begin(&r, m, number, UFFDIO_UNREGISTER, where);

    if (err == 0)
        err = uffd_check_range(m, where);
    if (err == 0 && r.uffd->mm == NULL)
        err = -ESRCH;
    if (err == 0)
        err = mm_uffd_unregister(r.uffd->mm, where, r.uffd->number);
    if (err == 0)
        uffd_wake(m, r.uffd, where);
    return (int)uffd_end(&r, err);
}

/* Reading is read(2) on Linux: of a userfaultfd that is not ready, it is -EINVAL too. */
int mw_uffd_read(struct mw_machine *m, int number, struct mw_uffd_message *out)
{
    const struct uffd *u = uffd_find(m, number);

    if (u == NULL)
        return -EBADF;
    if (!u->ready)
        return -EINVAL;
    list_for_each (node, &u->waits) {
        struct uffd_wait *w = container_of(node, struct uffd_wait, link);

        if (w->was_read)
            continue;
        w->was_read = true;
        out->va = u->features & MW_UFFD_FEATURE_EXACT_ADDRESS ? w->va : page_floor(w->va);
        out->flags = w->flags;
        out->pid = u->features & MW_UFFD_FEATURE_THREAD_ID ? w->pid : 0;
        return 0;
    }
    return -EAGAIN;
}

/* ---- filling pages ---- */

/* COPY, ZEROPAGE or CONTINUE under way. */
struct uffd_filling {
    struct mw_machine *m;
    struct uffd *uffd;
    struct process *source; /* COPY: whose memory `from` is in */
    vaddr_t from;
    struct range where;
    enum mm_uffd_fill fill;
    uint64_t mode;
};

/* One page; the bytes of a COPY pass through a buffer, as their pages may go when frames run out. */
static int uffd_fill_page(const struct uffd_filling *f, vaddr_t va)
{
    bool protect = (f->mode & MW_UFFD_COPY_WP) != 0;
    uint8_t bytes[PAGE_BYTES];

    if (f->fill != MM_UFFD_COPY)
        return mm_uffd_fill(f->uffd->mm, va, f->fill, NULL, protect);
    if (user_copy_in(f->m, f->source, bytes, f->from + (va - f->where.start), PAGE_BYTES) !=
        PAGE_BYTES)
        return -EFAULT;
    return mm_uffd_fill(f->uffd->mm, va, f->fill, bytes, protect);
}

/* Page by page up to the first that fails; then who waits for those that were done is woken. */
static int64_t uffd_fill(const struct uffd_filling *f)
{
    struct range done = {f->where.start, f->where.start};
    int err;

    if (f->uffd->mm == NULL)
        return -ESRCH;
    err = mm_uffd_may_fill(f->uffd->mm, f->where, f->fill, (f->mode & MW_UFFD_COPY_WP) != 0);
    for (; err == 0 && done.end < f->where.end; done.end += err == 0 ? PAGE_BYTES : 0)
        err = uffd_fill_page(f, done.end);
    if (range_bytes(done) == 0)
        return err;
    if (!(f->mode & MW_UFFD_DONTWAKE))
        uffd_wake(f->m, f->uffd, done);
    return (int64_t)range_bytes(done);
}

int64_t mw_uffd_copy(struct mw_machine *m, int pid, int number, uint64_t dst, uint64_t src,
                     uint64_t bytes, uint64_t mode)
{
    struct uffd_filling f = {.m = m,
                             .source = machine_process(m, pid),
                             .from = src,
                             .where = {dst, dst + bytes},
                             .fill = MM_UFFD_COPY,
                             .mode = mode};
    struct uffd_request r;
    int err = uffd_begin(&r, m, number, UFFDIO_COPY, f.where);

    f.uffd = r.uffd;
    if (err == 0 && f.source == NULL)
        err = -ESRCH;
    if (err == 0)
        err = uffd_check_length(m, (struct range){src, src + bytes});
    if (err == 0)
        err = uffd_check_range(m, f.where);
    if (err == 0 && (mode & ~(uint64_t)(MW_UFFD_DONTWAKE | MW_UFFD_COPY_WP)) != 0)
        err = -EINVAL;
    return uffd_end(&r, err != 0 ? err : uffd_fill(&f));
}

/* The two that need no source. */
static int64_t uffd_fill_call(struct mw_machine *m, int number, uint64_t command,
                              struct uffd_filling *f, uint64_t modes)
{
    struct uffd_request r;
    int err = uffd_begin(&r, m, number, command, f->where);

    f->m = m;
    f->uffd = r.uffd;
    if (err == 0)
        err = uffd_check_range(m, f->where);
    if (err == 0 && (f->mode & ~modes) != 0)
        err = -EINVAL;
    return uffd_end(&r, err != 0 ? err : uffd_fill(f));
}

int64_t mw_uffd_zeropage(struct mw_machine *m, int number, uint64_t addr, uint64_t bytes,
                         uint64_t mode)
{
    struct uffd_filling f = {.where = {addr, addr + bytes}, .fill = MM_UFFD_ZERO, .mode = mode};

    return uffd_fill_call(m, number, UFFDIO_ZEROPAGE, &f, MW_UFFD_DONTWAKE);
}

int64_t mw_uffd_continue(struct mw_machine *m, int number, uint64_t addr, uint64_t bytes,
                         uint64_t mode)
{
    struct uffd_filling f = {.where = {addr, addr + bytes}, .fill = MM_UFFD_CONTINUE, .mode = mode};

    return uffd_fill_call(m, number, UFFDIO_CONTINUE, &f, MW_UFFD_DONTWAKE | MW_UFFD_COPY_WP);
}

/* ---- write-protection, waking ---- */

static int uffd_protect(struct mw_machine *m, struct uffd *u, struct range where, uint64_t mode)
{
    bool on = (mode & MW_UFFD_PROTECT) != 0;
    bool wake = (mode & MW_UFFD_PROTECT_DONTWAKE) == 0;
    int err = uffd_check_range(m, where);

    if (err != 0)
        return err;
    if ((mode & ~(uint64_t)(MW_UFFD_PROTECT | MW_UFFD_PROTECT_DONTWAKE)) != 0 || (on && !wake))
        return -EINVAL;
    if (u->mm == NULL)
        return -ESRCH;
    err = mm_uffd_protect(u->mm, where, on);
    if (err == 0 && !on && wake)
        uffd_wake(m, u, where);
    return err;
}

int mw_uffd_writeprotect(struct mw_machine *m, int number, uint64_t addr, uint64_t bytes,
                         uint64_t mode)
{
    struct range where = {addr, addr + bytes};
    struct uffd_request r;
    int err = uffd_begin(&r, m, number, UFFDIO_WRITEPROTECT, where);

    return (int)uffd_end(&r, err != 0 ? err : uffd_protect(m, r.uffd, where, mode));
}

int mw_uffd_wake(struct mw_machine *m, int number, uint64_t addr, uint64_t bytes)
{
    struct range where = {addr, addr + bytes};
    struct uffd_request r;
    int err = uffd_begin(&r, m, number, UFFDIO_WAKE, where);

    if (err == 0)
        err = uffd_check_range(m, where);
    if (err == 0)
        uffd_wake(m, r.uffd, where);
    return (int)uffd_end(&r, err);
}
