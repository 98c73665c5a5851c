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
 * Switches a machine on: RAM, harts, a volume (freshly formatted, but for config.disk_image), no
 * process. `config` NULL: mw_config_init's. The machine copies it. 0 and *out, or -EINVAL
 * (mw_config_validate tells why), -ENOMEM, -ENOSPC; of an image file or server: what opening it said
 * (-ENOENT, -EACCES, -EBUSY: somebody else has it, -ENOTSUP: built without NBD), -EUCLEAN: no
 * volume, or a damaged one. The caller frees it.
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
/*
 * clone(2) with CLONE_VM (one address space), CLONE_FILES (one descriptor table), CLONE_PARENT and
 * the exit signal; flags of what is not simulated are accepted. child_pid 0: any. Of vfork (CLONE_VM
 * | CLONE_VFORK | SIGCHLD) only the sharing is simulated: the caller must let the child exec or exit
 * before the parent goes on. -EINVAL; -ENOSYS: CLONE_THREAD.
 */
int mw_clone(struct mw_machine *machine, int pid, uint64_t flags, int child_pid);
/* Limits stay, descriptors that are not close-on-exec, too. */
int mw_exec(struct mw_machine *machine,
            int pid); /* an empty image: the address space begins anew */
int mw_exit(struct mw_machine *machine, int pid, int status);

/*
 * Reaps an ended child (child_pid -1: any). Its pid and *status, -ECHILD, or -EAGAIN while none has
 * ended.
 */
int mw_wait(struct mw_machine *machine, int pid, int child_pid, int *status);

/*
 * wait4(2) and waitid(2), which write into the process's memory; -EAGAIN instead of waiting for
 * ever. All processes are in one group.
 */
int mw_wait4(struct mw_machine *machine, int pid, int child_pid, uint64_t status_va, int options);
int mw_waitid(struct mw_machine *machine, int pid, int idtype, int id, uint64_t info_va,
              int options);

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
int64_t mw_mremap(struct mw_machine *machine, int pid, uint64_t old, uint64_t old_bytes,
                  uint64_t new_bytes, int flags, uint64_t new_addr);
int mw_madvise(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, int advice);
/* `vector`: address in the process's memory, of a byte for each page. */
int mw_mincore(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, uint64_t vector);
int mw_mlock(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes);
int mw_mlock2(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, int flags);
int mw_munlock(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes);
int mw_mlockall(struct mw_machine *machine, int pid, int flags);
int mw_munlockall(struct mw_machine *machine, int pid);
int mw_mseal(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes, uint64_t flags);

/* PR_SET_VMA, with its arguments in the process's memory; any other option: -EINVAL. */
int mw_prctl(struct mw_machine *machine, int pid, int option, uint64_t arg2, uint64_t arg3,
             uint64_t arg4, uint64_t arg5);
/* The same with the name at hand; NULL takes the name away. */
int mw_set_vma_name(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes,
                    const char *name);

/*
 * `vectors`: address of `count` struct iovec. There are no pidfds: every pidfd but PIDFD_SELF is
 * -EBADF.
 */
int64_t mw_process_madvise(struct mw_machine *machine, int pid, int pidfd, uint64_t vectors,
                           uint64_t count, int advice, unsigned flags);

/*
 * setrlimit(2), the soft limit only: RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK or RLIMIT_MEMLOCK in
 * bytes, MW_UNLIMITED for none; RLIMIT_NOFILE in descriptors. -EINVAL: another resource.
 */
int mw_setrlimit(struct mw_machine *machine, int pid, int resource, uint64_t value);

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
 * The lowest free descriptor. flags are the host's O_*; O_SYNC, O_DSYNC: each write is durable on
 * return; O_DIRECT: past the page cache, at offsets and in lengths that are multiples of 512
 * (-EINVAL), into and out of any address. O_CREAT makes no directories (-ENOENT). Beside files and
 * directories of the volume there are /dev/zero, /dev/null, /dev/mem (-EPERM unless the config says
 * `privileged`), and files of a tmpfs at /dev/shm.
 */
int mw_open(struct mw_machine *machine, int pid, const char *path, int flags);
int mw_close(struct mw_machine *machine, int pid, int fd);
int mw_dup(struct mw_machine *machine, int pid, int fd);
int mw_dup2(struct mw_machine *machine, int pid, int fd, int new_fd);
int mw_dup3(struct mw_machine *machine, int pid, int fd, int new_fd, int flags);
/*
 * F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL (O_APPEND, O_NONBLOCK, O_DIRECT,
 * O_NOATIME), F_GET_SEALS, F_ADD_SEALS.
 */
int mw_fcntl(struct mw_machine *machine, int pid, int fd, int command, uint64_t argument);

/*
 * pipe2(2), socketpair(2) (AF_UNIX, SOCK_STREAM), memfd_create(2). Reading and writing what would
 * block is -EAGAIN.
 */
int mw_pipe2(struct mw_machine *machine, int pid, int fds[2], int flags);
int mw_socketpair(struct mw_machine *machine, int pid, int domain, int type, int protocol,
                  int fds[2]);
int mw_memfd_create(struct mw_machine *machine, int pid, const char *name, unsigned flags);
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
/* `vectors`: address of `count` struct iovec. */
int64_t mw_readv(struct mw_machine *machine, int pid, int fd, uint64_t vectors, uint64_t count);
int64_t mw_writev(struct mw_machine *machine, int pid, int fd, uint64_t vectors, uint64_t count);
int64_t mw_preadv(struct mw_machine *machine, int pid, int fd, uint64_t vectors, uint64_t count,
                  uint64_t offset);
int64_t mw_pwritev(struct mw_machine *machine, int pid, int fd, uint64_t vectors, uint64_t count,
                   uint64_t offset);
int64_t mw_lseek(struct mw_machine *machine, int pid, int fd, int64_t offset, int whence);
int mw_ftruncate(struct mw_machine *machine, int pid, int fd, uint64_t bytes);
int mw_truncate(struct mw_machine *machine, int pid, const char *path, uint64_t bytes);

/*
 * fallocate(2): mode 0, FALLOC_FL_KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE with and without
 * KEEP_SIZE (files of the volume only). -EOPNOTSUPP: another.
 */
int mw_fallocate(struct mw_machine *machine, int pid, int fd, int mode, uint64_t offset,
                 uint64_t bytes);

/*
 * posix_fadvise(2) as the system call fadvise64, and readahead(2). POSIX_FADV_NORMAL, RANDOM and
 * SEQUENTIAL belong to the open file description.
 */
int mw_fadvise(struct mw_machine *machine, int pid, int fd, uint64_t offset, uint64_t bytes,
               int advice);
int mw_readahead(struct mw_machine *machine, int pid, int fd, uint64_t offset, uint64_t bytes);

/*
 * What was written before is durable after 0: on return no power cut can take it. A write that had
 * failed in the background is reported here, once to each open file description (errseq); an error
 * that nobody has seen also to a description that was opened after it.
 */
int mw_fsync(struct mw_machine *machine, int pid, int fd);
int mw_fdatasync(struct mw_machine *machine, int pid, int fd);
/* All files: tells a failed write of any of them, once to each description, apart from fsync. */
int mw_syncfs(struct mw_machine *machine, int pid, int fd);
/* sync_file_range(2): SYNC_FILE_RANGE_*. No metadata, no flush of the device: nothing is durable. */
int mw_sync_file_range(struct mw_machine *machine, int pid, int fd, uint64_t offset, uint64_t bytes,
                       unsigned flags);
int mw_sync(struct mw_machine *machine);

/* Names. Both sides of a rename or link are on the volume; /dev/shm is another (-EXDEV). */
int mw_unlink(struct mw_machine *machine, int pid, const char *path);
/* rename(2): flags 0. RENAME_NOREPLACE is the one flag; -EINVAL: another. */
int mw_renameat2(struct mw_machine *machine, int pid, const char *from, const char *to,
                 unsigned flags);
int mw_link(struct mw_machine *machine, int pid, const char *from, const char *to);
int mw_mkdir(struct mw_machine *machine, int pid, const char *path);
int mw_rmdir(struct mw_machine *machine, int pid, const char *path);

/* ---- the page cache and the disk, beside system calls ---- */

/* Forgets all pages of files that are clean and that nobody maps (/proc/sys/vm/drop_caches). */
int mw_drop_caches(struct mw_machine *machine);

/*
 * Writes every page of the shared file mappings in [addr, addr + bytes) to the disk, dirty or not,
 * and makes it durable. Errors as msync(MS_SYNC).
 */
int mw_flush_force(struct mw_machine *machine, int pid, uint64_t addr, uint64_t bytes);

/* Lets so much simulated time pass in which no process runs: the flusher works. 0. */
int mw_advance(struct mw_machine *machine, uint64_t ns);

/*
 * Power off and on: processes and RAM are gone, files in memory, too, and of the disk's volatile
 * cache (config.disk_cache) each sector that was not flushed but for what the seed keeps: 0 nothing,
 * UINT64_MAX all, any other number a choice at random. Then the volume is mounted again, which
 * replays its journal. Without a volatile cache whatever reached the disk is there. 0, or the error
 * of mounting (-EUCLEAN, -EIO, -ENOMEM): the machine is switched off then, all that it can do is to
 * be freed, or to try again by another mw_power_cut.
 */
int mw_power_cut(struct mw_machine *machine, uint64_t seed);

/*
 * The machine's own hand on files, without a process: whole contents in and out; missing directories
 * are made. -ENOENT, -ENOSPC, ...
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
    char name[256];     /* path of a file, "[heap]", "[stack]", "[anon:NAME]" or "" */
    uint32_t flags;     /* MW_VMA_* */
};

/*
 * The first VMA of the process that ends above va: 0 and *out; -ENOENT: none. To walk all: va = 0,
 * then out->end.
 */
int mw_vma_next(struct mw_machine *machine, int pid, uint64_t va, struct mw_vma *out);

/* What the page tables say of va: the PTE (0: none). -ESRCH. */
int mw_pte(struct mw_machine *machine, int pid, uint64_t va, uint64_t *pte);

/* What one page of a process is: mw_page_look. */
struct mw_page {
    bool mapped;     /* it lies in an area */
    bool present;    /* it has a frame (PROT_NONE: one that nobody can reach now) */
    bool writable;   /* the page tables let it be written */
    bool accessed;   /* bit A */
    bool dirty;      /* bit D; of memory of the process's own always, but after MADV_FREE */
    bool zero;       /* the shared page of zeros */
    bool anonymous;  /* the process's own: a private page that was written */
    bool file;       /* a page of an object: a file, or shared anonymous memory */
    bool swapped;    /* always false: there is no swap */
    bool soft_dirty; /* always false: it is not kept, as without CONFIG_MEM_SOFT_DIRTY */
    bool uffd_wp;    /* a userfaultfd has write-protected it */
    uint64_t frame;  /* physical address / 4096; 0 when not present */
    uint32_t shared; /* page-table entries that show the frame, of all processes */
};

/* Looks at the page of va without touching it (as /proc/PID/pagemap and kpagecount). -ESRCH. */
int mw_page_look(struct mw_machine *machine, int pid, uint64_t va, struct mw_page *out);

/*
 * One area as /proc/PID/smaps shows it (proc_pid_smaps(5)), in bytes. What the machine has not is 0:
 * huge pages, swap, KSM. PSS counts a page that n entries show as 1/n.
 */
struct mw_smaps {
    struct mw_vma vma;
    uint64_t page_bytes; /* 4096, or what MAP_HUGETLB asked for */
    uint64_t rss_bytes;
    uint64_t pss_bytes, pss_dirty_bytes;
    uint64_t shared_clean_bytes, shared_dirty_bytes;
    uint64_t private_clean_bytes, private_dirty_bytes;
    uint64_t referenced_bytes;
    uint64_t anonymous_bytes;
    uint64_t lazy_free_bytes; /* MADV_FREE, and not written since */
    uint64_t locked_bytes;
    bool thp_eligible;  /* MADV_HUGEPAGE, and it holds an aligned 2 MiB */
    char vm_flags[128]; /* "rd wr mr mw me ac": two letters each, in Linux's order */
};

/* As mw_vma_next. */
int mw_smaps_next(struct mw_machine *machine, int pid, uint64_t va, struct mw_smaps *out);

/*
 * The rows that smaps shows below the area's line of maps, each with a newline, as Linux 6.18
 * prints them. `out` has `bytes` (1024 are enough), and is terminated.
 */
void mw_smaps_format(const struct mw_smaps *smaps, char *out, size_t bytes);

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
