/*
 * Replaying recorded calls: what lackey's and strace's logs share.
 *
 * Layer 8. A log tells calls and their results, but neither what was mapped before it began nor
 * what files hold. So processes run with implicit mapping on; files are made, and grow, as the log
 * shows that they must have been; what only the outside world decides (descriptor numbers, sizes)
 * is adopted from the record; what the simulator decides itself (addresses, results) is compared
 * with it, and then the record's is taken, so that later lines of the log make sense. Knows nothing
 * of the logs' text.
 *
 *   I-REPLAY-1  a descriptor of `fds` is a FILE exactly when the machine's process has it open
 *   I-REPLAY-2  a process that is not `ended` is live in the machine
 */
#ifndef MAPWALK_LOAD_REPLAY_H
#define MAPWALK_LOAD_REPLAY_H

#include "base/alloc.h"
#include "base/err.h"
#include "load/call.h"
#include "load/report.h"

#define REPLAY_PATH_BYTES 4096

/*
 * What a descriptor of the log is. Unknown ones, pipes, terminals and sockets are no FILE and have
 * no path.
 */
struct replay_fd {
    char *path; /* absolute; owned; NULL: unknown */
    bool file;
    bool close_on_exec;
};

struct replay_process {
    struct replay_process *next;
    int log_pid;   /* in the log */
    int pid;       /* in the machine: the same unless that was taken */
    int parent;    /* log pid of the process that forked it; 0: none, or it has ended */
    int status;    /* of exit_group */
    bool has_log;  /* a log of its own is being, or will be, replayed */
    bool started;  /* that log has begun */
    bool log_done; /* and ended */
    bool exited;   /* exit_group was seen: the process ends with its log */
    bool ended;    /* the machine's process has ended; it waits to be reaped */
    bool emptied;  /* it has no log and was waited for; should its log come after all, it finds the
                      process here */
    bool reaped;   /* its parent has waited for it */
    bool out_of_memory; /* its accesses are skipped */
    bool brk_known;     /* the log has told where the heap is */
    bool room_known;    /* and where un-hinted mappings go */
    bool stack_known;
    struct replay_fd *fds;
    int fd_count;
};

struct maps;

/* Will a log of this process come? */
typedef bool replay_expects(void *context, int log_pid);

struct replay {
    struct mw_machine *machine;
    struct alloc *alloc;
    struct report *report;
    struct report_place place;        /* of the line under replay; set by the log's reader */
    struct replay_process *processes; /* by age */
    bool has_addresses; /* the log tells buffers as addresses (lackey), not as contents (strace) */
    replay_expects *expects;
    void *expects_context;
    struct maps *maps; /* recorded areas; NULL: none */
    uint64_t emptied;  /* processes that are `emptied` */
    bool out_of_memory_told;
    bool difference_told;
};

void replay_init(struct replay *r, struct mw_machine *machine, struct alloc *a,
                 struct report *report);
/* Forgets all processes; those of the machine live on. Reports how many calls differed. */
void replay_destroy(struct replay *r);

/* ---- processes (replay.c) ---- */

struct replay_process *replay_find(const struct replay *r, int log_pid); /* NULL: none */

/* Makes a process without a parent; log_pid 0: any pid will do. -ENOMEM, -EAGAIN. */
MUST_CHECK int replay_spawn(struct replay *r, int log_pid, struct replay_process **out);

/*
 * A log of this process begins: takes the process that was forked, or makes one. It has an empty
 * image, unless the log continues after fork without an exec. -ENOMEM, -EAGAIN.
 */
MUST_CHECK int replay_begin(struct replay *r, int log_pid, bool continues,
                            struct replay_process **out);

/*
 * The process has no more lines: it ends if it said so, and its children without a log lose their
 * memory. Its parent may go on. The pointer is dead afterwards.
 */
void replay_end_log(struct replay *r, struct replay_process *p);

/* Ends the process in the machine. The pointer is dead afterwards. */
void replay_exit(struct replay *r, struct replay_process *p, int status);

/* A fork that the log shows. NULL: the machine could not. */
struct replay_process *replay_fork(struct replay *r, struct replay_process *p, int child_log_pid);

/* An execve that succeeded. */
void replay_exec(struct replay *r, struct replay_process *p);

/* ---- waiting (replay_wait.c) ---- */

/* Must a process that waits for `child` (of wait4: -1 any) let the log of a child run on? */
bool replay_must_wait(const struct replay *r, const struct replay_process *p, int child);

/* The wait is over, whatever its result: reaps a child that has ended, or one that has no log. */
void replay_finish_wait(struct replay *r, struct replay_process *p, int child);

/* The log says that this child was reaped. */
void replay_reap(struct replay *r, struct replay_process *p, int child_log_pid);

/*
 * Takes the memory of a process that has no log (yet), but keeps it; the oldest go when there are
 * too many.
 */
void replay_empty(struct replay *r, struct replay_process *p);

/* ---- calls (replay_call.c) ---- */

/* Replays one call with its result. False: it lacks arguments that the replay needs. */
bool replay_call(struct replay *r, struct replay_process *p, const struct call *call);

/* Counts a result that was compared; tells the user about the first that differs. */
void replay_compare(struct replay *r, const struct call *call, bool equal, int64_t got);

/* Looks whether something failed for want of memory or disk, counts it and tells the user once. */
void replay_note_error(struct replay *r, struct replay_process *p, int64_t result);
void replay_note_signal(struct replay *r, struct replay_process *p, const struct mw_signal *signal);

/* The flags of clone or clone3; false: the call does not tell them. */
bool replay_clone_flags(const struct call *call, uint64_t *flags);

/* ---- descriptors and files (replay_files.c) ---- */

struct replay_fd *replay_fd_find(struct replay_process *p, int fd); /* NULL: not a FILE */
void replay_fds_free(struct replay *r, struct replay_process *p);
MUST_CHECK int replay_fds_copy(struct replay *r, struct replay_process *to,
                               const struct replay_process *from);
void replay_fds_exec(struct replay *r, struct replay_process *p); /* closes what is close-on-exec */

/*
 * Makes the file at least this long, as the log shows that it must have been. A full disk is noted.
 * /
 */
void replay_grow(struct replay *r, struct replay_process *p, const char *path, uint64_t bytes);

void replay_open(struct replay *r, struct replay_process *p, const struct call *call,
                 int directory_fd, const char *path, int flags);
void replay_close(struct replay *r, struct replay_process *p, const struct call *call);
void replay_dup(struct replay *r, struct replay_process *p, const struct call *call,
                bool close_on_exec);
void replay_fcntl(struct replay *r, struct replay_process *p, const struct call *call);
void replay_transfer(struct replay *r, struct replay_process *p, const struct call *call,
                     bool is_write, bool has_offset);
/* fstat: the file is as long as the structure in argument `at` says. */
void replay_fstat(struct replay *r, struct replay_process *p, const struct call *call, int fd,
                  unsigned at);
void replay_lseek(struct replay *r, struct replay_process *p, const struct call *call);
void replay_ftruncate(struct replay *r, struct replay_process *p, const struct call *call);
void replay_fsync(struct replay *r, struct replay_process *p, const struct call *call);

/* The path behind a directory descriptor; NULL: the working directory, or unknown. */
const char *replay_directory(const struct replay_process *p, int fd);

/* ---- names, room, and what is made durable (replay_names.c) ---- */

void replay_unlink(struct replay *r, struct replay_process *p, const struct call *call,
                   int directory_fd, const char *path);
/* The arguments where the two paths stand; a directory is named before them, or none is (`at` false). */
void replay_rename(struct replay *r, struct replay_process *p, const struct call *call, bool at);
void replay_mkdir(struct replay *r, struct replay_process *p, const struct call *call, bool at);
void replay_rmdir(struct replay *r, struct replay_process *p, const struct call *call, bool at);
void replay_truncate(struct replay *r, struct replay_process *p, const struct call *call);
void replay_fallocate(struct replay *r, struct replay_process *p, const struct call *call);
void replay_fdatasync(struct replay *r, struct replay_process *p, const struct call *call);
void replay_sync_file_range(struct replay *r, struct replay_process *p, const struct call *call);
void replay_fadvise(struct replay *r, struct replay_process *p, const struct call *call);
void replay_readahead(struct replay *r, struct replay_process *p, const struct call *call);

/* ---- memory (replay_memory.c) ---- */

void replay_mmap(struct replay *r, struct replay_process *p, const struct call *call);
void replay_munmap(struct replay *r, struct replay_process *p, const struct call *call);
void replay_mprotect(struct replay *r, struct replay_process *p, const struct call *call);
void replay_msync(struct replay *r, struct replay_process *p, const struct call *call);
void replay_madvise(struct replay *r, struct replay_process *p, const struct call *call);
void replay_mremap(struct replay *r, struct replay_process *p, const struct call *call);
void replay_brk(struct replay *r, struct replay_process *p, const struct call *call);

/*
 * The kernel's hand on user memory: every page of [va, va + bytes) as a load or store, no byte
 * moved.
 */
void replay_touch(struct replay *r, struct replay_process *p, uint64_t va, uint64_t bytes,
                  enum mw_access access);

/* Recorded areas: the image after an exec, and what is there before an exit. (replay_maps.c) */
void replay_maps_exec(struct replay *r, struct replay_process *p);
void replay_maps_exit(struct replay *r, const struct replay_process *p);

/*
 * The path of the log as an absolute one without "." and "..", in `out`. False: it is too long.
 * (replay_path.c)
 */
bool replay_path(const char *directory, const char *path, char out[REPLAY_PATH_BYTES]);
/* Is it a file that lives in no file system that we could stand in for (/proc, /sys, /dev)? */
bool replay_path_is_special(const char *path);

static inline bool replay_succeeded(const struct call *call)
{
    return call->result.kind == CALL_RESULT_VALUE &&
           !(call->result.value < 0 && call->result.value >= -4095);
}

#endif
