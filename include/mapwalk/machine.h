/*
 * A simulated machine with a kernel: processes, files, mmap, and memory accesses that fault.
 *
 * Everything hangs from one struct mw_machine; two machines do not notice each other. A machine
 * must not be used by two threads at once. Functions that follow a system call return what the call
 * returns, and a negative errno where the call sets errno; pid selects the calling process (-ESRCH:
 * no such process, or it has ended).
 */
#ifndef MAPWALK_MACHINE_H
#define MAPWALK_MACHINE_H

#include <mapwalk/config.h>
#include <mapwalk/event.h>
#include <mapwalk/stale.h>
#include <mapwalk/stats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mw_machine;

/* The signal that an access met. signo 0: none. */
struct mw_signal {
    int signo;       /* SIGSEGV, SIGBUS, SIGKILL (out of memory) */
    int code;        /* si_code: SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR */
    uint64_t va;     /* si_addr */
    unsigned reason; /* enum mw_reason */
};

/*
 * Switches a machine on: RAM, harts, a freshly formatted volume, no process. `config` NULL:
 * mw_config_init's. The machine copies it. 0 and *out, or -EINVAL (mw_config_validate tells why),
 * -ENOMEM, -ENOSPC. The caller frees it.
 */
int mw_machine_new(const struct mw_config *config, struct mw_machine **out);

/*
 * Ends all processes, writes back, switches off. NULL is allowed. 0, or the first write-back error;
 * freed in any case.
 */
int mw_machine_free(struct mw_machine *machine);

/* ---- processes ---- */

/*
 * A new process with an empty address space. Its pid (1, 2, ...), or -ENOMEM, -EAGAIN (too many). /
 */
int mw_spawn(struct mw_machine *machine);
/* The same with a pid of the caller's choice (> 0). -EEXIST: it is in use. */
int mw_spawn_pid(struct mw_machine *machine, int pid);

int mw_fork(struct mw_machine *machine, int pid);
int mw_fork_pid(struct mw_machine *machine, int pid,
                int child_pid); /* with a child pid of the caller's choice */
int mw_exec(struct mw_machine *machine,
            int pid); /* an empty image: the address space begins anew */
int mw_exit(struct mw_machine *machine, int pid, int status);

/*
 * Reaps an ended child (child_pid -1: any). Its pid and *status, -ECHILD, or -EAGAIN while none has
 * ended.
 */
int mw_wait(struct mw_machine *machine, int pid, int child_pid, int *status);

/*
 * Calls and accesses of this process that meet no VMA map one ("implicit"), as replays of logs
 * need.
 */
int mw_set_implicit(struct mw_machine *machine, int pid, bool on);

/*
 * Lets the process run on another hart from its next call or access on. Processes are given harts in
 * turn, as they begin; harts count from 0. What the old hart has cached of the process stays there
 * until something drops it, and shootdowns go there until then. Takes no time and is no call. 0,
 * -EINVAL: there is no such hart.
 */
int mw_set_hart(struct mw_machine *machine, int pid, unsigned hart);

/* The hart that the process runs on, or -ESRCH. */
int mw_process_hart(struct mw_machine *machine, int pid);

/* ---- memory ---- */

int64_t mw_mmap(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, int prot,
                int flags, int fd, uint64_t off_bytes);
int mw_munmap(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes);
int mw_mprotect(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, int prot);
int mw_msync(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, int flags);
int64_t mw_brk(struct mw_machine *machine, int pid, uint64_t addr);

/*
 * Says where the heap begins and ends now (a log tells by its first brk). Pre: the heap is empty.
 * -EBUSY: it is not.
 */
int mw_set_brk(struct mw_machine *machine, int pid, uint64_t start);

/* Maps what is not mapped yet in [addr, addr + bytes), as `implicit`. */
int mw_map_implicit(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, int prot);

/*
 * Loads, stores, fetches `bytes` (1..4096) at va in user mode, through TLB, walker and fault
 * handler. 0: done. -EFAULT: it met a signal, told in *signal (may be NULL), and transferred
 * nothing; the process lives on. -EINVAL: bytes.
 */
int mw_load(struct mw_machine *machine, int pid, uint64_t va, void *out, size_t bytes,
            struct mw_signal *signal);
int mw_store(struct mw_machine *machine, int pid, uint64_t va, const void *in, size_t bytes,
             struct mw_signal *signal);
int mw_fetch(struct mw_machine *machine, int pid, uint64_t va, void *out, size_t bytes,
             struct mw_signal *signal);

/*
 * Translates and faults like an access, but moves no byte: for logs that do not say what was
 * stored.
 */
int mw_touch(struct mw_machine *machine, int pid, uint64_t va, size_t bytes, enum mw_access access,
             struct mw_signal *signal);

/* ---- files: absolute paths on the machine's volume ---- */

/*
 * flags are the host's O_*; parents: creates missing directories with O_CREAT. The lowest free
 * descriptor.
 */
int mw_open(struct mw_machine *machine, int pid, const char *path, int flags);
int mw_close(struct mw_machine *machine, int pid, int fd);
int mw_dup(struct mw_machine *machine, int pid, int fd);
int mw_dup2(struct mw_machine *machine, int pid, int fd, int new_fd);
/*
 * Data comes from and goes to user memory at va, page by page, with faults; a bad page ends the
 * transfer before it.
 */
int64_t mw_read(struct mw_machine *machine, int pid, int fd, uint64_t va, uint64_t bytes);
int64_t mw_write(struct mw_machine *machine, int pid, int fd, uint64_t va, uint64_t bytes);
int64_t mw_pread(struct mw_machine *machine, int pid, int fd, uint64_t va, uint64_t bytes,
                 uint64_t offset);
int64_t mw_pwrite(struct mw_machine *machine, int pid, int fd, uint64_t va, uint64_t bytes,
                  uint64_t offset);
int64_t mw_lseek(struct mw_machine *machine, int pid, int fd, int64_t offset, int whence);
int mw_ftruncate(struct mw_machine *machine, int pid, int fd, uint64_t bytes);
int mw_fsync(struct mw_machine *machine, int pid, int fd);
int mw_unlink(struct mw_machine *machine, int pid, const char *path);
int mw_sync(struct mw_machine *machine);

/*
 * The machine's own hand on files, without a process: whole contents in and out. -ENOENT, -ENOSPC,
 * ...
 */
int mw_file_put(struct mw_machine *machine, const char *path, const void *bytes, size_t count);
/* Bytes copied, at most `count`, from `offset`. */
int64_t mw_file_get(struct mw_machine *machine, const char *path, uint64_t offset, void *out,
                    size_t count);
/* Size in bytes, or -errno. */
int64_t mw_file_size(struct mw_machine *machine, const char *path);
/*
 * Makes the file at least `bytes` long, with a block of zeros behind every new page, as if it had
 * been on the disk all along: the requests that this takes are neither counted nor timed nor told.
 * For files that a log maps but does not show.
 */
int mw_file_grow(struct mw_machine *machine, const char *path, uint64_t bytes);

/* ---- looking at it ---- */

void mw_stats(struct mw_machine *machine, struct mw_stats *out);

/*
 * The i-th missing fence that the detector has found (config.detect_stale), in the order in which
 * they showed: 0 and *out, or -ENOENT: there are not so many. One that is found means that the
 * simulated kernel is wrong.
 */
int mw_read_stale_finding(struct mw_machine *machine, uint64_t i, struct mw_stale_finding *out);

const struct mw_config *mw_machine_config(const struct mw_machine *machine);

/* One VMA as a value. */
struct mw_vma {
    uint64_t start, end;
    int prot;    /* PROT_* */
    bool shared; /* MAP_SHARED */
    bool stack, heap, implicit;
    uint64_t off_bytes; /* in the file; 0 for anonymous memory */
    uint32_t inode;     /* 0: anonymous */
    char name[256];     /* path of a file, "[heap]", "[stack]" or "" */
};

/*
 * The first VMA of the process that ends above va: 0 and *out; -ENOENT: none. To walk all: va = 0,
 * then out->end.
 */
int mw_vma_next(struct mw_machine *machine, int pid, uint64_t va, struct mw_vma *out);

/* What the page tables say of va: the PTE (0: none). -ESRCH. */
int mw_pte(struct mw_machine *machine, int pid, uint64_t va, uint64_t *pte);

/* Pids of live processes, ascending: the first above `pid`; 0: no more. */
int mw_process_next(struct mw_machine *machine, int pid);

/*
 * A hash of everything observable: areas, page tables' rights, bytes of pages and files, processes.
 * /
 */
uint64_t mw_state_hash(struct mw_machine *machine);

/* Runs all checkers: true when every invariant holds. */
bool mw_check(struct mw_machine *machine);

/*
 * The name (path) under which an inode was last opened; "" when unknown. Valid until the next call
 * that opens a file.
 */
const char *mw_inode_path(struct mw_machine *machine, uint32_t inode);

/*
 * Adds / removes a listener for the kinds in mask (8 at most: -ENOSPC). It must not call the
 * machine, mw_inode_path excepted.
 */
int mw_subscribe(struct mw_machine *machine, mw_event_mask mask, mw_event_handler *handler,
                 void *context);
void mw_unsubscribe(struct mw_machine *machine, mw_event_handler *handler, void *context);

/* Makes the n-th allocation of the library from now on fail (0: none): for tests. */
void mw_fail_allocation(struct mw_machine *machine, uint64_t n);
/*
 * Makes the n-th device read, write and flush from now on fail with EIO (0: none); sticky: all
 * after it too.
 */
void mw_fail_device(struct mw_machine *machine, uint64_t read_n, uint64_t write_n, uint64_t flush_n,
                    bool sticky);

#ifdef __cplusplus
}
#endif

#endif
