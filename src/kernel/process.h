/*
 * Processes and their open files.
 */
#ifndef MAPWALK_KERNEL_PROCESS_H
#define MAPWALK_KERNEL_PROCESS_H

#include "mm/mm.h"

struct mw_machine;

/* An open file description (open(2)): shared by dup and fork, each holding one of mapped.refs. */
struct open_file {
    struct mapped_file mapped; /* first: a VMA's mapped_file is an open file */
    struct mw_machine *machine;
    uint64_t position;
    int status_flags; /* O_APPEND */
};

/* Descriptor table: slot fd is NULL or holds one reference. */
struct fd_table {
    struct open_file **files;
    int capacity;
};

#define FD_LIMIT 1024 /* RLIMIT_NOFILE */

struct process {
    int pid;
    int parent;        /* pid; 0: none */
    struct mm *mm;     /* NULL once ended */
    struct hart *hart; /* where it runs; the machine's */
    struct fd_table fds;
    int status; /* exit status once ended */
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

#endif
