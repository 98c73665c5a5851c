/*
 * The mmap family of a log.
 *
 * Where the log and the simulator choose different addresses, both are counted, and the mapping
 * moves to where the log's program used it.
 */
#include <signal.h>
#include <sys/mman.h>

#include "base/addr.h"
#include "load/replay.h"

/* The arguments of one mmap, as the simulator is asked for it. */
struct mapping {
    uint64_t hint;
    uint64_t bytes;
    int prot;
    int flags;
    int fd;
    uint64_t off_bytes;
};

static int64_t map(struct replay *r, const struct replay_process *p, const struct mapping *m)
{
    return mw_mmap(r->machine, p->pid, m->hint, m->bytes, m->prot, m->flags, m->fd, m->off_bytes);
}

/*
 * MAP_FIXED replaces what is there: implicit areas that were guessed give way to what the log
 * knows.
 */
static int64_t map_at(struct replay *r, const struct replay_process *p, struct mapping m,
                      uint64_t address)
{
    m.hint = address;
    m.flags = (m.flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
    return map(r, p, &m);
}

/*
 * A file must be as long as what the log maps of it. A descriptor that is no file of ours (opened
 * before the log began, a device) is stood in for by anonymous memory.
 */
static void prepare_file(struct replay *r, struct replay_process *p, struct mapping *m)
{
    const struct replay_fd *fd;
    uint64_t end;

    if (m->flags & MAP_ANONYMOUS)
        return;
    fd = replay_fd_find(p, m->fd);
    if (fd == NULL) {
        m->flags |= MAP_ANONYMOUS;
        m->fd = -1;
        m->off_bytes = 0;
        return;
    }
    if (!__builtin_add_overflow(m->off_bytes, page_ceil(m->bytes), &end))
        replay_grow(r, p, fd->path, end);
}

/*
 * The first un-hinted mapping after an exec tells what the log does not show: everything between it
 * and the place that the simulator would take belongs to the image that exec had mapped. Top-down
 * placement only; from below, the heap tells.
 */
static int64_t learn_room(struct replay *r, struct replay_process *p, const struct mapping *m,
                          int64_t got, uint64_t recorded)
{
    uint64_t end = recorded + page_ceil(m->bytes);

    if (got < 0 || (uint64_t)got <= recorded)
        return got;
    (void)mw_munmap(r->machine, p->pid, (uint64_t)got, m->bytes);
    replay_note_error(r, p,
                      mw_map_implicit(r->machine, p->pid, end,
                                      (uint64_t)got + page_ceil(m->bytes) - end, PROT_READ));
    return map_at(r, p, *m, recorded);
}

/* mmap(NULL, ...): the simulator's own choice against the log's. */
static int64_t map_anywhere(struct replay *r, struct replay_process *p, const struct mapping *m,
                            uint64_t recorded)
{
    bool top_down = mw_machine_config(r->machine)->placement == MW_PLACE_TOP_DOWN;
    int64_t got = map(r, p, m);

    if (!p->room_known && top_down) {
        p->room_known = true;
        return learn_room(r, p, m, got, recorded);
    }
    r->report->result->addresses_checked++;
    if (got >= 0 && (uint64_t)got == recorded) {
        r->report->result->addresses_equal++;
        return got;
    }
    if (got >= 0)
        (void)mw_munmap(r->machine, p->pid, (uint64_t)got, m->bytes);
    return map_at(r, p, *m, recorded);
}

/*
 * mmap(address, ...). A hint that the simulator could not follow is made fixed, so that the replay
 * can go on.
 */
static int64_t map_hinted(struct replay *r, const struct replay_process *p, const struct mapping *m,
                          uint64_t recorded)
{
    int64_t got = map(r, p, m);

    if (got >= 0 && (uint64_t)got == recorded)
        return got;
    if (got >= 0)
        (void)mw_munmap(r->machine, p->pid, (uint64_t)got, m->bytes);
    (void)map_at(r, p, *m, recorded);
    return got;
}

/*
 * A failure is worth comparing where only the arguments decide: an anonymous mapping that is
 * malformed or in the way.
 */
static void map_failing(struct replay *r, struct replay_process *p, const struct call *call,
                        const struct mapping *m)
{
    int64_t got;

    if (!(m->flags & MAP_ANONYMOUS) || (call->result.err != EINVAL && call->result.err != EEXIST))
        return;
    got = map(r, p, m);
    if (got >= 0)
        (void)mw_munmap(r->machine, p->pid, (uint64_t)got, m->bytes);
    replay_compare(r, call, got < 0, got);
}

/*
 * An un-hinted mapping is compared by its address in counts of its own, so here only whether it
 * succeeded.
 */
void replay_mmap(struct replay *r, struct replay_process *p, const struct call *call)
{
    struct mapping m = {call_number(call, 0), call_number(call, 1), call_int(call, 2),
                        call_int(call, 3),    call_int(call, 4),    call_number(call, 5)};
    uint64_t recorded = (uint64_t)call->result.value;
    bool anywhere = m.hint == 0 && (m.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == 0;
    int64_t got;

    if (call->result.kind == CALL_RESULT_ERROR) {
        map_failing(r, p, call, &m);
        return;
    }
    if (!replay_succeeded(call))
        return;
    prepare_file(r, p, &m);
    got = anywhere ? map_anywhere(r, p, &m, recorded) : map_hinted(r, p, &m, recorded);
    replay_note_error(r, p, got);
    replay_compare(r, call, got >= 0 && (anywhere || (uint64_t)got == recorded), got);
}

/*
 * Unmapping what the log had mapped before it began meets a hole here, which is no error
 * (munmap(2)).
 */
void replay_munmap(struct replay *r, struct replay_process *p, const struct call *call)
{
    int got = mw_munmap(r->machine, p->pid, call_number(call, 0), call_number(call, 1));

    replay_note_error(r, p, got);
    replay_compare(r, call, (got == 0) == replay_succeeded(call), got);
}

/*
 * Success means that all of the range was mapped. A hole (ENOMEM) may be one that only we see, so
 * it is not replayed.
 */
void replay_mprotect(struct replay *r, struct replay_process *p, const struct call *call)
{
    uint64_t start = call_number(call, 0);
    uint64_t bytes = call_number(call, 1);
    int got = 0;

    if (call->result.kind == CALL_RESULT_ERROR && call->result.err == ENOMEM)
        return;
    if (replay_succeeded(call) && page_aligned(start) && bytes > 0)
        got = mw_map_implicit(r->machine, p->pid, start, page_ceil(bytes), PROT_READ | PROT_WRITE);
    if (got == 0)
        got = mw_mprotect(r->machine, p->pid, start, bytes, call_int(call, 2));
    replay_note_error(r, p, got);
    replay_compare(r, call, (got == 0) == replay_succeeded(call), got);
}

void replay_msync(struct replay *r, struct replay_process *p, const struct call *call)
{
    int got;

    if (!replay_succeeded(call))
        return;
    got =
        mw_msync(r->machine, p->pid, call_number(call, 0), call_number(call, 1), call_int(call, 2));
    replay_note_error(r, p, got);
    replay_compare(r, call, got == 0, got);
}

/* A failure may be of the log's machine: pages that it had no more, kinds that it was built without. */
void replay_madvise(struct replay *r, struct replay_process *p, const struct call *call)
{
    uint64_t start = call_number(call, 0);
    uint64_t bytes = call_number(call, 1);
    int got = 0;

    if (!replay_succeeded(call))
        return;
    if (page_aligned(start) && bytes > 0)
        got = mw_map_implicit(r->machine, p->pid, start, page_ceil(bytes), PROT_READ | PROT_WRITE);
    if (got == 0)
        got = mw_madvise(r->machine, p->pid, start, bytes, call_int(call, 2));
    replay_note_error(r, p, got);
    replay_compare(r, call, got == 0, got);
}

/* A file whose mapping grows has the bytes that it grows to. */
static void grow_mapped_file(struct replay *r, struct replay_process *p, uint64_t old,
                             uint64_t new_bytes)
{
    struct mw_vma area;

    if (mw_vma_next(r->machine, p->pid, old, &area) == 0 && area.start <= old && area.inode != 0)
        replay_grow(r, p, area.name, area.off_bytes + (old - area.start) + new_bytes);
}

static int64_t move_fixed(struct replay *r, const struct replay_process *p, uint64_t from,
                          uint64_t bytes, uint64_t to)
{
    return mw_mremap(r->machine, p->pid, from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

/* Moves a mapping to where the log has it; by way of a third place if it overlaps itself there. */
static void move_to_recorded(struct replay *r, struct replay_process *p, uint64_t from,
                             uint64_t bytes, uint64_t to)
{
    const struct mapping room = {0,  bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                 -1, 0};
    int64_t got = move_fixed(r, p, from, bytes, to);

    if (got == -EINVAL) {
        got = map(r, p, &room);
        if (got >= 0)
            got = move_fixed(r, p, from, bytes, (uint64_t)got);
        if (got >= 0)
            got = move_fixed(r, p, (uint64_t)got, bytes, to);
    }
    replay_note_error(r, p, got);
}

/* Where the log's kernel chose the address it is an address like mmap's: compared, then taken. */
void replay_mremap(struct replay *r, struct replay_process *p, const struct call *call)
{
    uint64_t old = call_number(call, 0);
    uint64_t bytes = call_number(call, 2);
    uint64_t recorded = (uint64_t)call->result.value;
    int flags = call_int(call, 3);
    int64_t got;

    if (!replay_succeeded(call))
        return;
    if (page_aligned(old) && call_number(call, 1) > 0)
        replay_note_error(r, p,
                          mw_map_implicit(r->machine, p->pid, old, page_ceil(call_number(call, 1)),
                                          PROT_READ | PROT_WRITE));
    grow_mapped_file(r, p, old, bytes);
    got = mw_mremap(r->machine, p->pid, old, call_number(call, 1), bytes, flags,
                    call_number(call, 4));
    replay_note_error(r, p, got);
    if (!(flags & MREMAP_FIXED) && recorded != old) {
        r->report->result->addresses_checked++;
        r->report->result->addresses_equal += (uint64_t)got == recorded;
    }
    replay_compare(r, call, got >= 0 && ((uint64_t)got == recorded || recorded != old), got);
    if (got >= 0 && (uint64_t)got != recorded)
        move_to_recorded(r, p, (uint64_t)got, bytes, recorded);
}

/* The first brk of an image, nearly always brk(0), tells where its heap begins. */
void replay_brk(struct replay *r, struct replay_process *p, const struct call *call)
{
    int64_t got;

    if (!replay_succeeded(call))
        return;
    if (!p->brk_known) {
        p->brk_known = true;
        (void)mw_set_brk(r->machine, p->pid, (uint64_t)call->result.value);
    }
    got = mw_brk(r->machine, p->pid, call_number(call, 0));
    replay_note_error(r, p, got);
    replay_compare(r, call, got == call->result.value, got);
}

/*
 * Page by page, as the kernel copies. A signal ends it: the rest of the buffer is not there
 * either.
 */
void replay_touch(struct replay *r, struct replay_process *p, uint64_t va, uint64_t bytes,
                  enum mw_access access)
{
    while (bytes > 0) {
        uint64_t count = PAGE_BYTES - (va & PAGE_MASK);
        struct mw_signal signal;

        if (count > bytes)
            count = bytes;
        if (mw_touch(r->machine, p->pid, va, count, access, &signal) == -EFAULT) {
            replay_note_signal(r, p, &signal);
            return;
        }
        va += count;
        bytes -= count;
    }
}
