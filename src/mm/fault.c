/*
 * The fault handler. Layer 6.
 *
 *   1. find:     which area holds the address?  none: grow a stack, map implicitly, or SIGSEGV
 * SEGV_MAPERR
 *   2. check:    does the area allow the access?  no: SIGSEGV SEGV_ACCERR
 *      guard:    is the page a guard?  yes: SIGSEGV SEGV_MAPERR
 *      ask:      is a userfaultfd registered for what is to be done?  yes: it is told, nothing is done
 *   3. dispatch: by what is mapped, whether the page is present, and whether the access writes:
 *
 *                            absent                       present
 *                      read          write            read        write
 *      anonymous       zero page     new frame        spurious    COW
 *      private file    cache page    copy of it       spurious    COW
 *      shared object   cache page    cache page, W    spurious    write-notify
 *
 *   4. install:  one function gives the page its PTE (fault_install)
 *
 * struct fault is set up by find and check; after that only its reason changes.
 */
#include <signal.h>

#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

struct fault {
    struct mm *mm;
    struct vma *vma;
    vaddr_t va;   /* of the byte */
    vaddr_t page; /* of its page */
    enum mw_access access;
    bool write;
    pte_t pte;             /* what the tables hold now */
    bool grew;             /* a stack grew to make room: the reason told is that */
    enum mw_reason reason; /* what was decided; the last thing set */
};

/* An action of the case table: 0, -ENOMEM, or an error of cache or device. */
typedef int fault_action(struct fault *f);

/* Says what was decided, before it is done. */
static void fault_say(struct fault *f, enum mw_reason reason)
{
    f->reason = reason;
    event_emit(f->mm->env->bus, MW_EVENT_FAULT_DECIDE, f->va, f->access, f->reason);
}

/* What an action decided. A grown stack keeps its own reason. */
static void fault_decide(struct fault *f, enum mw_reason reason)
{
    fault_say(f, f->grew ? MW_REASON_STACK_GROWTH : reason);
}

/*
 * Gives the page its leaf: takes over the caller's reference of the frame. Hardware sets A and D
 * itself where it can (Svadu); otherwise they are set here, or the retry would trap for them.
 */
static int fault_install(const struct fault *f, struct frame *frame, bool writable)
{
    uint64_t flags = mm_rights(f->mm, f->vma->prot) | PTE_V;
    int err;

    if (!writable)
        flags &= ~PTE_W;
    if (!f->mm->env->config->hardware_ad)
        flags |= PTE_A | (f->write ? PTE_D : 0);
    if (writable)
        frame_soil(frame);
    err = mm_install(f->mm, f->page, pte_make(frame_paddr(f->mm->env->frames, frame), flags));
    if (err != 0)
        frame_put(f->mm->env->frames, frame);
    return err;
}

static struct frame *fault_frame(const struct fault *f)
{
    return frame_of(f->mm->env->frames, pte_paddr(f->pte));
}

/* ---- the actions of the case table ---- */

static int fault_zero_page(struct fault *f)
{
    fault_decide(f, MW_REASON_ZERO_PAGE);
    return fault_install(f, frame_get(f->mm->env->zero), false);
}

static int fault_anonymous(struct fault *f)
{
    struct frame *frame;

    fault_decide(f, MW_REASON_ANONYMOUS);
    frame = mm_frame_alloc(f->mm->env, true);
    return frame == NULL ? -ENOMEM : fault_install(f, frame, true);
}

/*
 * Why a page of an object is had: from the cache, from the device, or new where there is no device
 * behind it.
 */
static enum mw_reason fault_object_reason(const struct file_map *map, uint64_t index)
{
    if (radix_get(&map->pages, index) != NULL)
        return MW_REASON_FILE_MINOR;
    return map->inode == NULL ? MW_REASON_ANONYMOUS : MW_REASON_FILE_MAJOR;
}

/* The cache's frame for the page, borrowed. The decision is told before the device is asked. */
static int fault_cache_page(struct fault *f, bool decide, struct frame **frame)
{
    struct file_map *map = f->vma->file->map;
    uint64_t index = vma_index(f->vma, f->page);

    if (decide)
        fault_decide(f, fault_object_reason(map, index));
    mm_fault_ahead(f->vma, f->page);
    return cache_page(map, index, frame, NULL);
}

/*
 * Neighbours that were cached before are mapped around, as in Linux; those that come along with a
 * page from the device are not, and a page that readahead has marked is left to a fault of its own.
 */
static int fault_file_read(struct fault *f)
{
    bool at_hand = mm_may_map_around(f->vma, f->page);
    struct frame *frame;
    int err;

    if (!at_hand)
        mm_fault_around(f->mm, f->vma, f->page);
    err = fault_cache_page(f, true, &frame);
    if (err == 0)
        err = fault_install(f, frame_get(frame), false);
    if (err == 0 && at_hand)
        mm_fault_around(f->mm, f->vma, f->page);
    return err;
}

/*
 * A copy of `from` becomes the process's own page. `from` keeps a reference while memory is looked
 * for.
 */
static int fault_copy_from(const struct fault *f, struct frame *from)
{
    struct frame_table *frames = f->mm->env->frames;
    struct frame *copy;

    frame_get(from);
    copy = mm_frame_alloc(f->mm->env, false);
    if (copy != NULL)
        frame_copy(frames, copy, from);
    frame_put(frames, from);
    return copy == NULL ? -ENOMEM : fault_install(f, copy, true);
}

/* First access to a private file page, and it is a store: read it, then copy it at once. */
static int fault_file_copy(struct fault *f)
{
    struct frame *frame;
    int err;

    fault_decide(f, MW_REASON_COW_COPY);
    err = fault_cache_page(f, false, &frame);
    return err != 0 ? err : fault_copy_from(f, frame);
}

/* The page is in the cache and blocks for it are reserved before any store can reach it. */
static int fault_make_dirty(const struct fault *f, struct frame *frame)
{
    int err;

    frame_get(frame);
    err = cache_dirty(f->vma->file->map, vma_index(f->vma, f->page));
    if (err != 0) {
        frame_put(f->mm->env->frames, frame);
        return err;
    }
    return fault_install(f, frame, true);
}

static int fault_file_write(struct fault *f)
{
    struct frame *frame;
    int err = fault_cache_page(f, true, &frame);

    return err != 0 ? err : fault_make_dirty(f, frame);
}

static int fault_write_notify(struct fault *f)
{
    fault_decide(f, MW_REASON_WRITE_NOTIFY);
    return fault_make_dirty(f, fault_frame(f));
}

/* A store to a private page that is present but not writable. */
static int fault_cow(struct fault *f)
{
    struct frame *frame = fault_frame(f);

    if (frame->owner == MW_OWNER_ANONYMOUS && frame->refs == 1) {
        fault_decide(f, MW_REASON_COW_REUSE);
        return fault_install(f, frame_get(frame), true);
    }
    fault_decide(f, MW_REASON_COW_COPY);
    return fault_copy_from(f, frame);
}

/*
 * The entry allows the access already: another hart's repair, or A and D to be set by software
 * (Svade).
 */
static int fault_spurious(struct fault *f)
{
    struct frame *frame = frame_get(fault_frame(f));
    int err;

    fault_decide(f, MW_REASON_SPURIOUS);
    err = mm_install(f->mm, f->page, pte_with(f->pte, PTE_A | (f->write ? PTE_D : 0)));
    if (err != 0)
        frame_put(f->mm->env->frames, frame);
    return err;
}

enum fault_backing { FAULT_ANONYMOUS, FAULT_PRIVATE_FILE, FAULT_SHARED, FAULT_BACKINGS };

static enum fault_backing fault_backing(const struct vma *v)
{
    if (vma_is_anonymous(v))
        return FAULT_ANONYMOUS;
    return v->flags & VMA_SHARED ? FAULT_SHARED : FAULT_PRIVATE_FILE;
}

/* The table at the top of this file: [backing][present][write]. */
static fault_action *fault_choose(const struct fault *f)
{
    static fault_action *const table[FAULT_BACKINGS][2][2] = {
        [FAULT_ANONYMOUS] = {{fault_zero_page, fault_anonymous}, {fault_spurious, fault_cow}},
        [FAULT_PRIVATE_FILE] = {{fault_file_read, fault_file_copy}, {fault_spurious, fault_cow}},
        [FAULT_SHARED] = {{fault_file_read, fault_file_write},
                          {fault_spurious, fault_write_notify}},
    };

    if (f->write && pte_has(f->pte, PTE_V | PTE_W))
        return fault_spurious;
    return table[fault_backing(f->vma)][pte_present(f->pte)][f->write];
}

/* ---- find and check ---- */

/* Do limits let the stack v begin at `page` (acct_stack_growth)? */
static bool fault_may_grow(const struct mm *mm, const struct vma *v, vaddr_t page)
{
    uint64_t pages = (v->start - page) >> PAGE_SHIFT;

    return pages <= v->off_pages && mm_may_expand(mm, v->prot, v->flags, pages) &&
           v->end - page <= mm->limits.stack_bytes &&
           mm_may_lock_more(mm, v->flags, pages << PAGE_SHIFT) && mm_may_commit(mm, pages);
}

/*
 * May the area above the address, a stack, grow down to it? 256 pages to the area below stay free
 * unless that is a stack too, or closed to all (stack_guard_gap). Its history begins in any case.
 */
static struct vma *fault_grow_stack(struct mm *mm, vaddr_t page)
{
    struct vma *v = vma_set_find_above(&mm->vmas, page);
    const struct vma *below;

    if (v == NULL || !(v->flags & VMA_GROWSDOWN) || page < mm->env->config->mmap_min_addr)
        return NULL;
    below = vma_set_prev(&mm->vmas, v);
    if (below != NULL && (below->prot & MM_PROT_BITS) && !(below->flags & VMA_GROWSDOWN) &&
        page - below->end < MM_GUARD_BYTES)
        return NULL;
    mm_start_history(mm, v);
    if (!fault_may_grow(mm, v, page))
        return NULL;
    vma_set_extend(&mm->vmas, v, page, v->end);
    event_emit(mm->env->bus, MW_EVENT_VMA_GROW, v->start, v->end);
    return v;
}

/*
 * The area that has, or after growth or implicit mapping will have, the address. NULL: SIGSEGV
 * SEGV_MAPERR.
 */
static struct vma *fault_find(struct fault *f)
{
    struct mm *mm = f->mm;
    struct vma *v = f->va < mm->user_end ? vma_set_find(&mm->vmas, f->va) : NULL;
    int prot = f->access == MW_FETCH ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE;

    if (v != NULL || f->va >= mm->user_end)
        return v;
    v = fault_grow_stack(mm, f->page);
    if (v != NULL) {
        f->grew = true;
        return v;
    }
    if (!mm->implicit || mm_map_implicit(mm, f->page, f->page + PAGE_BYTES, prot, 0) != 0)
        return NULL;
    return vma_set_find(&mm->vmas, f->va);
}

/*
 * What the access needs of the area. On RISC-V W brings R, but X does not. On x86-64 a page that is
 * not there is fetched first and then found not to be executable (access_error).
 */
static bool fault_allowed(const struct fault *f)
{
    uint64_t rights = mm_rights(f->mm, f->vma->prot);
    bool late = f->access == MW_FETCH && f->mm->env->config->isa == MW_ISA_X86_64;

    if (late && !pte_present(pt_lookup(&f->mm->pt, f->page, NULL)))
        return rights != 0;

    switch (f->access) {
    case MW_FETCH:
        return (rights & PTE_X) != 0;
    case MW_LOAD:
        return (rights & PTE_R) != 0;
    default:
        return (rights & PTE_W) != 0;
    }
}

/* In a replay an implicit area turns out to allow more than its first access told. */
static bool fault_widen_implicit(struct fault *f)
{
    int more = f->access == MW_FETCH ? PROT_EXEC : PROT_READ | PROT_WRITE;

    if (!f->mm->implicit || !(f->vma->flags & VMA_IMPLICIT))
        return false;
    if (mm_mprotect(f->mm, f->page, PAGE_BYTES, (int)f->vma->prot | more) != 0)
        return false;
    f->vma = vma_set_find(&f->mm->vmas, f->va);
    return true;
}

/* Is the page of a file mapping past the end of the file? */
static bool fault_beyond_end(const struct fault *f)
{
    if (vma_is_anonymous(f->vma))
        return false;
    return vma_index(f->vma, f->page) >= page_ceil(file_map_bytes(f->vma->file->map)) >> PAGE_SHIFT;
}

/* What a userfaultfd of the area is to be told of before anything is done; 0: nothing. */
static uint32_t fault_uffd_mode(const struct fault *f)
{
    uint32_t flags = f->vma->flags;

    if (!(flags & VMA_UFFD_MODES))
        return 0;
    if (pte_present(f->pte))
        return f->write && mm_uffd_is_marked(f->mm, f->page) ? VMA_UFFD_WP : 0;
    if (!vma_is_anonymous(f->vma) &&
        radix_get(&f->vma->file->map->pages, vma_index(f->vma, f->page)) != NULL)
        return flags & VMA_UFFD_MINOR;
    return flags & VMA_UFFD_MISSING;
}

/* ---- from trap to outcome ---- */

/* On x86-64 an address that is not canonical is no page fault, and the program is not told it. */
static void fault_signal_place(const struct fault *f, struct mm_outcome *outcome)
{
    const struct mw_config *config = f->mm->env->config;

    if (config->isa != MW_ISA_X86_64 || mode_canonical(config->mode, f->va))
        return;
    outcome->code = SI_KERNEL;
    outcome->va = 0;
}

/* A fault that becomes a signal. The only place where that happens. */
static struct mm_outcome fault_signal(const struct fault *f, enum mw_reason reason)
{
    struct mm_outcome outcome = {
        .reason = reason, .va = f->va, .signal = SIGBUS, .code = BUS_ADRERR};

    switch (reason) {
    case MW_REASON_INVALID:
        outcome.signal = SIGSEGV;
        outcome.code = SEGV_MAPERR;
        fault_signal_place(f, &outcome);
        break;
    case MW_REASON_GUARD:
        outcome.signal = SIGSEGV;
        outcome.code = SEGV_MAPERR;
        break;
    case MW_REASON_PROTECTION:
        outcome.signal = SIGSEGV;
        outcome.code = SEGV_ACCERR;
        break;
    case MW_REASON_OUT_OF_MEMORY:
        outcome.signal = SIGKILL;
        outcome.code = 0;
        break;
    default:
        break;
    }
    return outcome;
}

/* The reason that an action's error stands for. */
static enum mw_reason fault_error_reason(int err)
{
    switch (err) {
    case -ENOMEM:
        return MW_REASON_OUT_OF_MEMORY;
    case -ENOSPC:
        return MW_REASON_NO_SPACE;
    default:
        return MW_REASON_IO_ERROR;
    }
}

/* Decided without trying anything: counts and tells it. */
static struct mm_outcome fault_refuse(struct fault *f, enum mw_reason reason)
{
    fault_say(f, reason);
    return fault_signal(f, reason);
}

/* For who asks below the kernel, and cannot wait, it is SIGBUS (as UFFD_USER_MODE_ONLY has it). */
static struct mm_outcome fault_ask(struct fault *f, uint32_t mode)
{
    struct mm_outcome outcome = fault_refuse(f, MW_REASON_WOULD_BLOCK);

    outcome.uffd = vma_uffd(f->vma);
    outcome.uffd_mode = mode;
    return outcome;
}

/* Steps 2 to 4 for an address that has an area. */
static struct mm_outcome fault_handle(struct fault *f, enum mw_cause cause)
{
    uint32_t uffd_mode;
    int err;

    if (cause == MW_CAUSE_FETCH_ACCESS || cause == MW_CAUSE_LOAD_ACCESS ||
        cause == MW_CAUSE_STORE_ACCESS)
        return fault_refuse(f, MW_REASON_NOT_RAM);
    if (!fault_allowed(f) && !fault_widen_implicit(f))
        return fault_refuse(f, MW_REASON_PROTECTION);
    if (mm_is_guarded(f->mm, f->page))
        return fault_refuse(f, MW_REASON_GUARD);
    if (vma_huge_bytes(f->vma) != 0)
        return fault_refuse(f, MW_REASON_NO_HUGE_PAGE);
    /* Before anything else, as in Linux: also a write that then meets the end of the file counts. */
    if (f->write && !(f->vma->flags & VMA_SHARED))
        mm_start_history(f->mm, f->vma);
    if (fault_beyond_end(f))
        return fault_refuse(f, MW_REASON_BEYOND_EOF);
    f->pte = pt_lookup(&f->mm->pt, f->page, NULL);
    uffd_mode = fault_uffd_mode(f);
    if (uffd_mode != 0)
        return fault_ask(f, uffd_mode);
    err = fault_choose(f)(f);
    if (err == 0)
        return (struct mm_outcome){.reason = f->reason};
    return fault_signal(f, fault_error_reason(err));
}

/* Of what a userfaultfd decides the signal, if it is one, is told by who sends it. */
static void fault_say_end(const struct fault *f, const struct mm_outcome *outcome)
{
    struct event_bus *bus = f->mm->env->bus;
    uint64_t result = outcome->signal == 0 ? 0 : (uint64_t)-EFAULT;

    if (outcome->uffd != 0)
        event_emit(bus, MW_EVENT_FAULT_END, f->va, outcome->reason, (uint64_t)-EAGAIN);
    else
        event_emit(bus, MW_EVENT_FAULT_END, f->va, outcome->reason, result,
                   (uint64_t)outcome->signal, (uint64_t)outcome->code);
}

struct mm_outcome mm_fault(struct mm *mm, const struct trap *trap)
{
    struct fault f = {.mm = mm,
                      .va = trap->va,
                      .page = page_floor(trap->va),
                      .access = trap->access,
                      .write = trap->access == MW_STORE || trap->access == MW_AMO};
    struct mm_outcome outcome;

    f.vma = fault_find(&f);
    if (f.vma == NULL) {
        event_emit(mm->env->bus, MW_EVENT_FAULT_NO_VMA, f.va);
        outcome = fault_refuse(&f, MW_REASON_INVALID);
    } else {
        mm_emit_vma(mm, MW_EVENT_FAULT_VMA, f.vma);
        outcome = fault_handle(&f, trap->cause);
    }
    mm->env->stats.faults++;
    mm->env->stats.by_reason[outcome.reason]++;
    fault_say_end(&f, &outcome);
    return outcome;
}
