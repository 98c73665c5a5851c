/*
 * The machine: everything that the layers below need, put together, and the processes that run on
 * it.
 *
 * Layer 7. Knows processes, descriptors and calls; knows nothing of where calls come from
 * (scenario, log, C program).
 *
 * A process runs on the hart that it was given when it began, or that mw_set_hart gave it since. Many
 * harts run side by side, but do something one after the other: each keeps its satp and TLBs while
 * others have their turn.
 *
 *   I-KERNEL-1  what a hart runs is the address space of a live process; machine.current, when set,
 *               is the process whose turn it is, its hart runs it, and no other hart has hits whose
 *               time is not on the clock
 *   I-KERNEL-2  an open file has one reference for each descriptor and each area that holds it
 *   I-KERNEL-3  an ended process holds nothing but its pid, parent and status until it is reaped
 *   I-KERNEL-4  the references of all frames are as many as present leaves, tables and cached
 *               pages, and one for the zero frame
 *   I-KERNEL-5  an address space and a descriptor table have as many users as live processes that
 *               share them
 */
#ifndef MAPWALK_KERNEL_MACHINE_H
#define MAPWALK_KERNEL_MACHINE_H

#include <mapwalk/machine.h>

#include "kernel/process.h"

struct mw_machine {
    struct alloc alloc;
    struct mw_config config;
    struct clock clock;
    struct event_bus bus;
    struct ram ram;
    struct hart *harts;
    struct hart_set hart_set;
    struct stale *stale; /* NULL: nobody wants to know of missing fences */
    struct frame_table frames;
    struct dev *given;      /* the caller's disk (machine_new_on); NULL: the machine's own */
    struct dev *disk;       /* what keeps the bytes: RAM, an image file or an NBD server */
    struct dev *disk_cache; /* the volatile write cache on it; NULL: there is none */
    struct dev *dev;        /* the fault decorator on top, which the volume uses */
    struct dev_faults faults;
    struct volume *volume;
    struct cache cache;
    struct mm_env mm_env;
    struct process_table processes;
    struct process *current; /* whose turn it is; NULL: it is to be chosen anew */
    struct hart *running;    /* the hart that did something last */
    struct inode_names names;
    struct list memory_files; /* those that have a name in /dev/shm */
    struct radix uffds;       /* number -> struct uffd * (uffd.h) */
    uint64_t calls_total;
    uint64_t by_call[MW_CALL_COUNT];
    uint64_t signals;
    bool off; /* a power cut whose volume could not be mounted again (machine_power.c) */
};

/*
 * As mw_machine_new, but the disk is the caller's device, whatever the config says: mounted, not
 * formatted, and not destroyed with the machine.
 */
MUST_CHECK int machine_new_on(const struct mw_config *config, struct dev *disk,
                              struct mw_machine **out);

/* ---- putting it together (machine.c, machine_disk.c) ---- */

/* The disk and its decorators; formatted where that is wanted. -errno of opening it. */
MUST_CHECK int machine_disk_up(struct mw_machine *machine);
void machine_disk_down(struct mw_machine *machine);

/*
 * What stands on the disk: volume, cache, mm, processes. `up` is all or nothing. After `down` no
 * frame is in use.
 */
MUST_CHECK int machine_files_up(struct mw_machine *machine);
void machine_files_down(struct mw_machine *machine);

/* The live process of a pid, or NULL. */
struct process *machine_process(struct mw_machine *machine, int pid);

/* It is the turn of p: its hart runs it from here on. */
void machine_switch(struct mw_machine *machine, struct process *p);

/*
 * THE retry loop of user accesses: hands the trap to mm, translates again, until the access
 * succeeds or becomes a signal. Returns the host address of the byte at va, or NULL with *signal
 * filled. `trap` is what the first translation met.
 */
uint8_t *machine_repair(struct mw_machine *machine, struct process *p, vaddr_t va,
                        enum mw_access access, const struct trap *trap, struct mw_signal *signal);

/*
 * The host address of the byte at va after all faults that it takes, good up to the end of its page
 * and until the next call or access; or NULL with *signal filled.
 */
static inline uint8_t *machine_access(struct mw_machine *machine, struct process *p, vaddr_t va,
                                      enum mw_access access, struct mw_signal *signal)
{
    struct trap trap;
    uint8_t *host;

    if (__builtin_expect(machine->current != p, 0))
        machine_switch(machine, p);
    host = hart_translate(p->hart, va, access, &trap);
    if (__builtin_expect(host != NULL, 1))
        return host;
    return machine_repair(machine, p, va, access, &trap, signal);
}

#endif
