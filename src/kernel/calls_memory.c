/*
 * System calls on memory that came after mmap's own family: mremap, advice, locks, limits. Layer 7.
 *
 * What is checked here is what Linux checks at the system-call boundary: user memory that is named
 * by an argument, and arguments that never reach memory management.
 */
#include <sys/mman.h>
#include <sys/prctl.h>

#include "kernel/calls.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

/* What a process may say instead of a pidfd of its own (linux/pidfd.h). */
#define PIDFD_SELF_THREAD       (-10000)
#define PIDFD_SELF_THREAD_GROUP (-10001)

int64_t mw_mremap(struct mw_machine *m, int pid, uint64_t old, uint64_t old_bytes,
                  uint64_t new_bytes, int flags, uint64_t new_addr)
{
    struct call call =
        call_begin(m, pid, MW_CALL_mremap, old, old_bytes, new_bytes, (uint64_t)flags);

    if (call.process == NULL)
        return call_end(&call, -ESRCH);
    return call_end(&call, mm_mremap(call.process->mm, old, old_bytes, new_bytes, flags, new_addr));
}

int mw_madvise(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, int advice)
{
    struct call call = call_begin(m, pid, MW_CALL_madvise, addr, bytes, (uint64_t)advice, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_madvise(call.process->mm, addr, bytes, advice));
}

int mw_mlock(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_mlock, addr, bytes, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_mlock(call.process->mm, addr, bytes, 0));
}

int mw_mlock2(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, int flags)
{
    struct call call = call_begin(m, pid, MW_CALL_mlock2, addr, bytes, (uint64_t)flags, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_mlock(call.process->mm, addr, bytes, flags));
}

int mw_munlock(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes)
{
    struct call call = call_begin(m, pid, MW_CALL_munlock, addr, bytes, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_munlock(call.process->mm, addr, bytes));
}

int mw_mlockall(struct mw_machine *m, int pid, int flags)
{
    struct call call = call_begin(m, pid, MW_CALL_mlockall, (uint64_t)flags, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_mlockall(call.process->mm, flags));
}

int mw_munlockall(struct mw_machine *m, int pid)
{
    struct call call = call_begin(m, pid, MW_CALL_munlockall, 0, 0, 0, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_munlockall(call.process->mm));
}

int mw_mseal(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, uint64_t flags)
{
    struct call call = call_begin(m, pid, MW_CALL_mseal, addr, bytes, flags, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, mm_mseal(call.process->mm, addr, bytes, flags));
}

/* ---- mincore ---- */

/* Is [addr, addr + bytes) in user space, mapped or not (access_ok)? */
static bool call_in_user_space(const struct process *p, uint64_t addr, uint64_t bytes)
{
    return bytes <= p->mm->user_end && addr <= p->mm->user_end - bytes;
}

#define MINCORE_STEP 4096u /* pages told in one go, as in Linux: a bad vector shows after it */

static int call_mincore(struct mw_machine *m, struct process *p, uint64_t addr, uint64_t bytes,
                        uint64_t vector)
{
    uint64_t pages = (bytes >> PAGE_SHIFT) + ((bytes & PAGE_MASK) != 0);
    uint8_t told[MINCORE_STEP];

    if (!page_aligned(addr))
        return -EINVAL;
    if (!call_in_user_space(p, addr, bytes))
        return -ENOMEM;
    if (!call_in_user_space(p, vector, pages))
        return -EFAULT;
    while (pages > 0) {
        int64_t step = mm_mincore(p->mm, addr, pages < MINCORE_STEP ? pages : MINCORE_STEP, told);

        if (step < 0)
            return (int)step;
        if (user_copy_out(m, p, vector, told, (uint64_t)step) < (uint64_t)step)
            return -EFAULT;
        pages -= (uint64_t)step;
        vector += (uint64_t)step;
        addr += (uint64_t)step << PAGE_SHIFT;
    }
    return 0;
}

int mw_mincore(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, uint64_t vector)
{
    struct call call = call_begin(m, pid, MW_CALL_mincore, addr, bytes, vector, 0);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_mincore(m, call.process, addr, bytes, vector));
}

/* ---- prctl: names of areas ---- */

static int call_set_name(struct mw_machine *m, struct process *p, uint64_t addr, uint64_t bytes,
                         const char *text)
{
    struct vma_name *name = NULL;
    int err = text == NULL ? 0 : vma_name_new(&m->alloc, text, &name);

    if (err == 0)
        err = mm_set_name(p->mm, addr, bytes, name);
    vma_name_put(name);
    return err;
}

int mw_set_vma_name(struct mw_machine *m, int pid, uint64_t addr, uint64_t bytes, const char *name)
{
    struct call call =
        call_begin(m, pid, MW_CALL_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, bytes);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_set_name(m, call.process, addr, bytes, name));
}

/* A string of user memory: -EFAULT before its end; -EINVAL: longer than a name may be. */
static int call_copy_name(struct mw_machine *m, struct process *p, uint64_t addr, char *out)
{
    for (size_t i = 0; i < VMA_NAME_BYTES; i++) {
        if (user_copy_in(m, p, &out[i], addr + i, 1) != 1)
            return -EFAULT;
        if (out[i] == '\0')
            return 0;
    }
    return -EINVAL;
}

static int call_prctl(struct mw_machine *m, struct process *p, int option, const uint64_t *args)
{
    char name[VMA_NAME_BYTES];
    int err;

    if (option != PR_SET_VMA || args[0] != PR_SET_VMA_ANON_NAME || !m->config.anon_vma_name)
        return -EINVAL;
    if (args[3] == 0)
        return call_set_name(m, p, args[1], args[2], NULL);
    err = call_copy_name(m, p, args[3], name);
    return err != 0 ? err : call_set_name(m, p, args[1], args[2], name);
}

int mw_prctl(struct mw_machine *m, int pid, int option, uint64_t arg2, uint64_t arg3, uint64_t arg4,
             uint64_t arg5)
{
    const uint64_t args[] = {arg2, arg3, arg4, arg5};
    struct call call = call_begin(m, pid, MW_CALL_prctl, (uint64_t)option, arg2, arg3, arg4);

    if (call.process == NULL)
        return (int)call_end(&call, -ESRCH);
    return (int)call_end(&call, call_prctl(m, call.process, option, args));
}

/* ---- process_madvise ---- */

#define USER_VECTORS 1024u /* IOV_MAX */

int user_copy_vectors(struct mw_machine *m, struct process *p, uint64_t addr, uint64_t count,
                      struct user_vector **out)
{
    struct user_vector *v;

    if (count > USER_VECTORS)
        return -EINVAL;
    v = alloc_zeroed(&m->alloc, (count + 1) * sizeof(*v));
    if (v == NULL)
        return -ENOMEM;
    *out = v;
    if (user_copy_in(m, p, v, addr, count * sizeof(*v)) != count * sizeof(*v))
        return -EFAULT;
    for (uint64_t i = 0; i < count; i++) {
        if (v[i].bytes > INT64_MAX)
            return -EINVAL;
        if (!call_in_user_space(p, v[i].base, v[i].bytes))
            return -EFAULT;
    }
    return 0;
}

/* Range by range: the bytes of those that were advised, or the error of the first. */
static int64_t call_advise_vectors(struct mm *mm, const struct user_vector *v, uint64_t count,
                                   int advice)
{
    int64_t done = 0;

    for (uint64_t i = 0; i < count; i++) {
        int err = mm_madvise(mm, v[i].base, v[i].bytes, advice);

        if (err != 0)
            return done == 0 ? err : done;
        done += (int64_t)v[i].bytes;
    }
    return done;
}

/* There are no pidfds here, so a process can advise but itself. */
static int64_t call_process_madvise(struct mw_machine *m, struct process *p, int pidfd,
                                    struct user_vector where, int advice, unsigned flags)
{
    struct user_vector *vectors = NULL;
    int64_t result;

    if (flags != 0)
        return -EINVAL;
    result = user_copy_vectors(m, p, where.base, where.bytes, &vectors);
    if (result == 0 && pidfd != PIDFD_SELF_THREAD && pidfd != PIDFD_SELF_THREAD_GROUP)
        result = -EBADF;
    if (result == 0)
        result = call_advise_vectors(p->mm, vectors, where.bytes, advice);
    alloc_release(&m->alloc, vectors);
    return result;
}

int64_t mw_process_madvise(struct mw_machine *m, int pid, int pidfd, uint64_t vectors,
                           uint64_t count, int advice, unsigned flags)
{
    struct call call = call_begin(m, pid, MW_CALL_process_madvise, (uint64_t)(int64_t)pidfd,
                                  vectors, count, (uint64_t)advice);
    const struct user_vector where = {vectors, count};

    if (call.process == NULL)
        return call_end(&call, -ESRCH);
    return call_end(&call, call_process_madvise(m, call.process, pidfd, where, advice, flags));
}
