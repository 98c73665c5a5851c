/*
 * Page faults that the library's user handles: handlers in C, and userfaultfd.
 *
 * Both see faults of a process's own accesses only (mw_load, mw_store, mw_fetch, mw_touch). Where a
 * system call's copying meets a page that only a handler could provide, the kernel goes on alone:
 * as on Linux, where no signal handler runs then, and where a userfaultfd of user mode only
 * (UFFD_USER_MODE_ONLY) makes the call fail with -EFAULT. The same holds for faults that a handler
 * itself meets. docs/HANDLERS.md tells the whole story.
 */
#ifndef MAPWALK_FAULT_H
#define MAPWALK_FAULT_H

#include <mapwalk/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- handlers ---- */

/* A fault as a handler sees it. */
struct mw_fault {
    int pid;
    uint64_t va;           /* of the byte */
    enum mw_access access; /* what the access wants */
    unsigned cause;        /* enum mw_cause: what the hart says */
    uint64_t start, end;   /* the handler's range; of the default handler: 0, 0 */
};

enum mw_fault_answer {
    MW_FAULT_NOT_MINE, /* the next one: the default handler after one of a range, then the kernel */
    MW_FAULT_REPAIRED, /* the access is tried again */
    MW_FAULT_KILL      /* the access meets SIGKILL */
};

/*
 * Handles one fault. It may call the machine, all but mw_machine_free; it must not end or exec the
 * process. Who answers that it is repaired has brought the page in (mw_request_block does, or
 * MAP_POPULATE): an access that faults still is offered again, eight times in all, and meets
 * SIGSEGV then. Who only maps, and leaves it to the kernel to bring the page in, answers "not mine".
 */
typedef enum mw_fault_answer mw_fault_handler(void *context, struct mw_machine *machine,
                                              const struct mw_fault *fault);

/*
 * Sets the default handler of a process, for faults that no range's handler takes; NULL removes it.
 * Children get copies of the handlers that their parent has when they are made; exec removes them.
 * 0, -ESRCH or -ENOMEM.
 */
int mw_set_fault_handler(struct mw_machine *machine, int pid, mw_fault_handler *handler,
                         void *context);

/*
 * Sets the handler of [addr, addr + bytes), page-aligned; it replaces others there, and cuts those
 * that reach in. Nothing need be mapped. NULL removes, as munmap does; a mapping that MAP_FIXED
 * puts there does not. 0; -EINVAL: not aligned, empty, or not in user space; -ENOMEM; -ESRCH.
 */
int mw_set_range_handler(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes,
                         mw_fault_handler *handler, void *context);

/*
 * Asks for one block: maps the page of the file at `off_bytes` (page-aligned) as the page of va
 * holds it from now on, and brings it in. prot: PROT_*; flags: MAP_SHARED or MAP_PRIVATE. Takes the
 * place of what was mapped there. 0, or -errno of mmap(2); -EFAULT: the page is beyond the end of
 * the file, or could not be read.
 */
int mw_request_block(struct mw_machine *machine, int pid, uint64_t va, int fd, uint64_t off_bytes,
                     int prot, int flags);

/* ---- userfaultfd(2), ioctl_userfaultfd(2) ---- */

/*
 * Numbers are those of <linux/userfaultfd.h>. A userfaultfd has a number of its own, from 1, which
 * is no descriptor; every process may use it. An access to a page that it is asked about returns
 * -EAGAIN, having moved nothing, until the owner has answered; to try again sooner is harmless. No
 * other thread is needed: who calls is scheduler and owner at once.
 *
 * All return 0 or -errno as the ioctl does; -EBADF: no such userfaultfd; -ESRCH: the address space
 * that it was made for is gone; -EINVAL: mw_uffd_api has not been called yet.
 */

#define MW_UFFD_MISSING 1u /* UFFDIO_REGISTER_MODE_* */
#define MW_UFFD_WP      2u
#define MW_UFFD_MINOR   4u

#define MW_UFFD_FEATURE_WP            0x01u /* UFFD_FEATURE_*: those that are known */
#define MW_UFFD_FEATURE_MISSING_SHMEM 0x20u
#define MW_UFFD_FEATURE_SIGBUS        0x80u /* accesses meet SIGBUS instead of waiting */
#define MW_UFFD_FEATURE_THREAD_ID     0x100u
#define MW_UFFD_FEATURE_MINOR_SHMEM   0x400u
#define MW_UFFD_FEATURE_EXACT_ADDRESS 0x800u /* messages tell the byte, not the page */
#define MW_UFFD_FEATURES                                                           \
    (MW_UFFD_FEATURE_WP | MW_UFFD_FEATURE_MISSING_SHMEM | MW_UFFD_FEATURE_SIGBUS | \
     MW_UFFD_FEATURE_THREAD_ID | MW_UFFD_FEATURE_MINOR_SHMEM | MW_UFFD_FEATURE_EXACT_ADDRESS)

#define MW_UFFD_FAULT_WRITE 1u /* UFFD_PAGEFAULT_FLAG_*: of a message */
#define MW_UFFD_FAULT_WP    2u
#define MW_UFFD_FAULT_MINOR 4u

#define MW_UFFD_DONTWAKE 1u /* UFFDIO_COPY_MODE_DONTWAKE, and of ZEROPAGE and CONTINUE */
#define MW_UFFD_COPY_WP  2u /* UFFDIO_COPY_MODE_WP, and of CONTINUE */

#define MW_UFFD_PROTECT          1u /* UFFDIO_WRITEPROTECT_MODE_WP */
#define MW_UFFD_PROTECT_DONTWAKE 2u

/* A fault that somebody waits for (UFFD_EVENT_PAGEFAULT). */
struct mw_uffd_message {
    uint64_t va; /* of the page, unless EXACT_ADDRESS */
    uint32_t flags;
    int pid; /* with THREAD_ID; else 0 */
};

/*
 * userfaultfd(2) for the memory of process pid. flags: O_CLOEXEC, O_NONBLOCK, UFFD_USER_MODE_ONLY.
 * The number (> 0); -EINVAL: other flags; -EPERM: without UFFD_USER_MODE_ONLY, which only the
 * privileged may leave out (vm.unprivileged_userfaultfd is 0); -EMFILE: 2047 are open; -ESRCH,
 * -ENOMEM.
 */
int mw_uffd_open(struct mw_machine *machine, int pid, unsigned flags);
int mw_uffd_close(struct mw_machine *machine, int uffd); /* all that waits is free to go */

/* UFFDIO_API: must come first, and once. */
int mw_uffd_api(struct mw_machine *machine, int uffd, uint64_t api, uint64_t features);

int mw_uffd_register(struct mw_machine *machine, int uffd, uint64_t addr, uint64_t bytes,
                     uint64_t mode);
int mw_uffd_unregister(struct mw_machine *machine, int uffd, uint64_t addr, uint64_t bytes);

/* The oldest message that was not read yet. -EAGAIN: there is none. */
int mw_uffd_read(struct mw_machine *machine, int uffd, struct mw_uffd_message *out);

/*
 * These fill pages and wake who waits for them; the bytes that were done, or -errno when none was
 * (in C that is the ioctl's field and its result in one). Fewer than asked for: the ioctl is
 * -EAGAIN. `src` is an address in the memory of process `pid`, the caller.
 */
int64_t mw_uffd_copy(struct mw_machine *machine, int pid, int uffd, uint64_t dst, uint64_t src,
                     uint64_t bytes, uint64_t mode);
int64_t mw_uffd_zeropage(struct mw_machine *machine, int uffd, uint64_t addr, uint64_t bytes,
                         uint64_t mode);
int64_t mw_uffd_continue(struct mw_machine *machine, int uffd, uint64_t addr, uint64_t bytes,
                         uint64_t mode);

int mw_uffd_writeprotect(struct mw_machine *machine, int uffd, uint64_t addr, uint64_t bytes,
                         uint64_t mode);
int mw_uffd_wake(struct mw_machine *machine, int uffd, uint64_t addr, uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
