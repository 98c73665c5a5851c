/*
 * Handlers that the library's user has set for faults of an address space. Layer 7.
 *
 * They hang from the address space (mm.upper), so that processes that share it share them. Ranges
 * are few: an array in ascending order.
 *
 *   I-KERNEL-6  ranges of handlers are page-aligned, not empty, ascending and disjoint
 */
#ifndef MAPWALK_KERNEL_FAULT_HANDLER_H
#define MAPWALK_KERNEL_FAULT_HANDLER_H

#include <mapwalk/fault.h>

#include "kernel/machine.h"

struct fault_handler {
    struct range range; /* of the default handler: empty */
    mw_fault_handler *call;
    void *context;
};

struct fault_handlers {
    struct fault_handler all; /* the default one; call NULL: none */
    struct fault_handler *ranges;
    unsigned count;
    unsigned capacity;
};

/*
 * Asks the handlers about a fault of p's own access: those of its range, then the default one. The
 * process may be gone afterwards only by a handler's fault; *p is NULL then.
 */
enum mw_fault_answer fault_handlers_ask(struct mw_machine *m, struct process **p,
                                        const struct trap *trap);

/* The child's address space gets copies of the parent's. -ENOMEM. */
MUST_CHECK int fault_handlers_copy(struct mw_machine *m, struct mm *to, const struct mm *from);

/* Frees what hangs from an address space that goes. */
void fault_handlers_free(struct mw_machine *m, struct mm *mm);

/* After 0, fault_handlers_cut of r cannot fail. -ENOMEM. */
MUST_CHECK int fault_handlers_reserve(struct mw_machine *m, struct mm *mm, struct range r);

/* Takes the range out of all handlers' ranges: munmap. Pre: reserved. */
void fault_handlers_cut(struct mm *mm, struct range r);

/* Recomputes I-KERNEL-6. */
bool fault_handlers_check(const struct mm *mm);

#endif
