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

/* The open file of a descriptor of the calling process, or NULL (-EBADF). */
struct open_file *call_file(const struct call *call, int fd);

/*
 * Copies between the kernel and user memory at va through the caller's page tables, page by page:
 * the number of bytes before the first that could not be accessed.
 */
uint64_t user_copy_out(struct mw_machine *m, struct process *p, vaddr_t va, const void *from,
                       uint64_t bytes);
uint64_t user_copy_in(struct mw_machine *m, struct process *p, void *to, vaddr_t va,
                      uint64_t bytes);

/* Ends and reaps every process. */
void process_end_all(struct mw_machine *m);

/* Runs the checkers when config.check says so; what they find is a bug of ours. */
void machine_self_check(struct mw_machine *m);

/* ---- names of inodes ---- */
void inode_names_init(struct inode_names *names, struct alloc *a);
void inode_names_destroy(struct inode_names *names);
/* Remembers the path; silently forgets it when there is no memory: names are for people. */
void inode_names_set(struct inode_names *names, uint32_t inode, const char *path);
const char *inode_names_get(const struct inode_names *names, uint32_t inode); /* "" when unknown */

/* Opens (and with O_CREAT makes) the file of a path; one reference of its map is the caller's. */
MUST_CHECK int machine_open_map(struct mw_machine *m, const char *path, int flags,
                                struct file_map **out);

#endif
