/*
 * Processes and their open files.
 */
#ifndef MAPWALK_KERNEL_PROCESS_H
#define MAPWALK_KERNEL_PROCESS_H

#include "mm/mm.h"

struct mw_machine;

struct file_kind;
struct pipe;
struct memory_file;

/* An open file description (open(2)): shared by dup and fork, each holding one of mapped.refs. */
struct open_file {
    struct mapped_file mapped; /* first: a VMA's mapped_file is an open file */
    struct mw_machine *machine;
    const struct file_kind *kind;
    uint64_t position;
    int status_flags;           /* as fcntl(F_GETFL) tells them */
    struct pipe *in;            /* a pipe or socket reads from it; or NULL */
    struct pipe *out;           /* and writes to it; or NULL */
    struct memory_file *memory; /* a file that lives in memory only; or NULL */
};

struct fd_slot {
    struct open_file *file; /* NULL, or one reference */
    bool close_on_exec;
};

/* Descriptor table; processes may share one (clone(2), CLONE_FILES). */
struct fd_table {
    struct fd_slot *slots;
    int capacity;
    int limit;      /* RLIMIT_NOFILE of the process that acts on it: no descriptor from there on */
    uint32_t users; /* processes that have it */
};

#define FD_LIMIT 1024 /* RLIMIT_NOFILE of a new process */

struct process {
    int pid;
    int parent;      /* pid; 0: none */
    int exit_signal; /* that its parent gets: SIGCHLD, or another, and then wait4 needs __WALL */
    struct mm *mm;   /* NULL once ended; may be shared */
    struct fd_table *fds;    /* NULL once ended; may be shared */
    struct mm_limits limits; /* of the process, whatever it shares */
    int files_limit;
    struct hart *hart; /* where it runs; the machine's */
    int status;        /* exit status once ended */
};

/* pid -> struct process *, ascending. */
struct process_table {
    struct radix by_pid;
    uint64_t live;
    uint64_t created;
    int last_pid;
};

/* inode number -> the path it was last opened by, for maps and views. */
struct inode_names {
    struct radix by_inode;
};

/* ---- descriptors ---- */
struct open_file *fd_get(const struct fd_table *fds, int fd); /* NULL: -EBADF */
/* The lowest free descriptor from fd_min on, with room for it in the table; -EMFILE, -ENOMEM. */
MUST_CHECK int fd_find_free(struct alloc *a, struct fd_table *fds, int fd_min);
MUST_CHECK int fd_install(struct alloc *a, struct fd_table *fds, int fd_min,
                          struct open_file *file); /* fd, -EMFILE, -ENOMEM */
MUST_CHECK int fd_replace(struct alloc *a, struct fd_table *fds, int fd,
                          struct open_file *file); /* dup2 */
MUST_CHECK int fd_close(struct fd_table *fds, int fd);
void fd_close_all(struct alloc *a, struct fd_table *fds);
MUST_CHECK int fd_copy(struct alloc *a, struct fd_table *to,
                       const struct fd_table *from); /* fork */
void fd_close_on_exec(struct fd_table *fds);         /* closes those that are marked so */

/* A table of its own for a process: empty, or a copy. -ENOMEM. */
MUST_CHECK int fd_table_new(struct alloc *a, const struct fd_table *from, struct fd_table **out);
void fd_table_put(struct alloc *a, struct fd_table *fds); /* the last one closes all */

#endif
