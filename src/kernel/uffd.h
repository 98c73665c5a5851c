/*
 * userfaultfds of a machine: who is to be told of what, and who waits. Layer 7.
 *
 *   I-KERNEL-7  what waits at a userfaultfd is there once for each process, page and kind; a
 *               userfaultfd's address space is that of a live process, or none
 */
#ifndef MAPWALK_KERNEL_UFFD_H
#define MAPWALK_KERNEL_UFFD_H

#include "kernel/machine.h"

struct uffd_wait {
    struct list link; /* in uffd.waits, oldest first */
    int pid;
    vaddr_t va;
    uint32_t flags; /* MW_UFFD_FAULT_* */
    bool was_read;
};

struct uffd {
    uint32_t number;
    struct mm *mm; /* NULL: it is gone */
    bool ready;    /* UFFDIO_API was called */
    uint64_t features;
    struct list waits;
};

/*
 * A user's access met a page that belongs to a userfaultfd: it is told, unless it was told before.
 * 0: the access waits. -EFAULT: it meets the signal of the outcome instead. -ENOMEM.
 */
MUST_CHECK int uffd_tell(struct mw_machine *m, const struct process *p, enum mw_access access,
                         const struct mm_outcome *outcome);

/* An address space goes: its userfaultfds have none any more. */
void uffd_forget_mm(struct mw_machine *m, const struct mm *mm);

/* Closes all. */
void uffd_close_all(struct mw_machine *m);

/* Recomputes I-KERNEL-7. */
bool uffd_check(const struct mw_machine *m);

#endif
