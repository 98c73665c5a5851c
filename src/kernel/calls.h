/*
 * Private to kernel: what its files share.
 */
#ifndef MAPWALK_KERNEL_CALLS_H
#define MAPWALK_KERNEL_CALLS_H

#include "kernel/machine.h"

/* A system call under way: counted, told to listeners, an operation of its own. */
struct call {
    struct mw_machine *machine;
    struct process *process; /* NULL: there is no such live process */
    enum mw_call number;
    bool opened_op;
};

/*
 * Begins a call of process `pid`, which becomes the running one. call_end must follow, also without
 * a process.
 */
struct call call_begin(struct mw_machine *m, int pid, enum mw_call number, uint64_t a0, uint64_t a1,
                       uint64_t a2, uint64_t a3);

/*
 * Ends it: tells the result, runs the checkers if the machine wants them, and passes the result on.
 * /
 */
int64_t call_end(struct call *call, int64_t result);

/*
 * The open file of a descriptor of the calling process, or NULL (-EBADF). One that was opened with
 * O_PATH is a descriptor, but no file.
 */
struct open_file *call_file(const struct call *call, int fd);
struct open_file *call_descriptor(const struct call *call, int fd);

/* struct iovec as a 64-bit process has it. */
struct user_vector {
    uint64_t base;
    uint64_t bytes;
};

/*
 * Reads `count` vectors at addr as Linux's import_iovec: *out is the caller's to release, also
 * after an error. -EINVAL, -EFAULT, -ENOMEM.
 */
MUST_CHECK int user_copy_vectors(struct mw_machine *m, struct process *p, uint64_t addr,
                                 uint64_t count, struct user_vector **out);

/*
 * Copies between the kernel and user memory at va through the caller's page tables, page by page:
 * the number of bytes before the first that could not be accessed.
 */
uint64_t user_copy_out(struct mw_machine *m, struct process *p, vaddr_t va, const void *from,
                       uint64_t bytes);
uint64_t user_copy_in(struct mw_machine *m, struct process *p, void *to, vaddr_t va,
                      uint64_t bytes);

/* ---- processes (process.c) ---- */

/*
 * clone(2): a child that copies, or with CLONE_VM and CLONE_FILES shares. child_pid 0: any. Its
 * pid; -ESRCH: parent is NULL; -EINVAL; -ENOSYS: a thread; -EEXIST, -EAGAIN, -ENOMEM.
 */
MUST_CHECK int process_clone(struct mw_machine *m, struct process *parent, uint64_t flags,
                             int child_pid);
MUST_CHECK int process_exec(struct mw_machine *m, struct process *p); /* 0 or -ENOMEM */
void process_end(struct mw_machine *m, struct process *p, int status);

/* What is waited for, and what came of it. */
struct process_wait {
    int child_pid;    /* -1: any */
    unsigned options; /* WEXITED, WNOWAIT, __WALL, __WCLONE */
    int status;       /* the exit status of the child */
};

/* The pid of the child; -ECHILD; -EAGAIN: none has ended yet. */
MUST_CHECK int process_wait(struct mw_machine *m, const struct process *p, struct process_wait *w);

/* Takes the names of files in memory away (file_kind_memory.c). */
void machine_forget_memory_files(struct mw_machine *m);

/* Ends and reaps every process. */
void process_end_all(struct mw_machine *m);

/* Runs the checkers when config.check says so; what they find is a bug of ours. */
void machine_self_check(struct mw_machine *m);

/* ---- names of inodes ---- */
void inode_names_init(struct inode_names *names, struct alloc *a);
void inode_names_destroy(struct inode_names *names);
/* Remembers the path; silently forgets it when there is no memory: names are for people. */
void inode_names_set(struct inode_names *names, uint32_t inode, const char *path);
/*
 * Inode `moved` was called `from` and is called `to` now, and so is what lies below it. What had that
 * name before, and was removed, keeps it.
 */
void inode_names_move(struct inode_names *names, uint32_t moved, const char *from, const char *to);
const char *inode_names_get(const struct inode_names *names, uint32_t inode); /* "" when unknown */

/*
 * Opens (and with O_CREAT makes, with `parents` also its directories) the file of a path; one
 * reference of its map is the caller's.
 */
MUST_CHECK int machine_open_map(struct mw_machine *m, const char *path, int flags, bool parents,
                                struct file_map **out);

#endif
