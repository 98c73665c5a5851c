/*
 * The reference: virtual memory as the man pages tell it, in flat arrays.
 *
 * No TLB, no page tables, no areas, no sharing of frames, no cache. A process is an array of pages,
 * each with its attributes and, where it has any of its own, its bytes; fork copies the array.
 * Files and shared anonymous memory are plain arrays of bytes with a size. Whatever is true of the
 * machine and can be seen by a program must be true here, and nothing else is here.
 *
 * A process may map only the pages of one *window*; everything else of user space is taken by two
 * fences (PROT_NONE, private, anonymous), so that a mapping without a hint lands in the window too.
 *
 * Rules that are easy to get wrong, all as Linux 6.18 does them (ext4 where files matter):
 *   - a private page of a file shows the file until it is written, then it is a copy; a store that
 *     crosses into a bad page stores nothing but has made its first page a copy all the same;
 *   - a shrinking file takes copies beyond its last page away too, but leaves that of its last page;
 *   - bytes past the end in the last page can be stored and loaded through a shared mapping; they
 *     become zero when the page is written back, when the file is truncated, and as far as the file
 *     grows over them;
 *   - pread and pwrite move a page of the file at a time, and stop at the first bad byte of memory;
 *   - W brings R (RISC-V has no write-only pages), X alone does not.
 */
#ifndef MAPWALK_TESTS_MODEL_REFERENCE_VM_H
#define MAPWALK_TESTS_MODEL_REFERENCE_VM_H

#include "model/operation.h"

#define REFERENCE_PAGES     64 /* of the window; also of the largest file */
#define REFERENCE_PROCESSES 6  /* living and ended ones together: config.max_processes */
#define REFERENCE_NAMES     3
#define REFERENCE_FDS       8

/* A file, or a shared anonymous object of fixed size. */
struct reference_object {
    unsigned refs; /* names, descriptors and pages */
    bool anonymous;
    uint64_t size;  /* bytes */
    uint32_t inode; /* learned from the machine when it is first seen; 0: not yet */
    uint8_t bytes[REFERENCE_PAGES * PAGE_BYTES];
};

struct reference_page {
    bool mapped;
    bool shared;
    bool may_write; /* mprotect may give PROT_WRITE */
    bool no_fork;   /* MADV_DONTFORK: children do not get it */
    bool own;       /* `bytes` is its memory: anonymous, or a copy of the file's page */
    int prot;
    struct reference_object *object; /* NULL: private anonymous */
    uint64_t index;                  /* page of the object */
    uint8_t bytes[PAGE_BYTES];
};

struct reference_open {
    struct reference_object *object; /* NULL: the descriptor is free */
    bool readable;
    bool writable;
};

struct reference_process {
    int pid; /* 0: the slot is free */
    int parent;
    bool live;
    uint64_t brk;
    struct reference_open fds[REFERENCE_FDS];
    struct reference_page page[REFERENCE_PAGES];
};

struct reference_vm {
    uint64_t window; /* address of its first page; also where the heap begins */
    uint64_t user_end;
    uint64_t min_addr;
    int last_pid;
    struct reference_object *name[REFERENCE_NAMES]; /* NULL: there is no such file */
    struct reference_process process[REFERENCE_PROCESSES];
};

/* A machine with one process (pid 1) that has mapped and opened nothing. NULL: no memory. */
struct reference_vm *reference_vm_new(uint64_t window, uint64_t user_end, uint64_t min_addr);
void reference_vm_free(struct reference_vm *vm);

/*
 * Gives name `file` (of which there is no file yet) `bytes` bytes; each byte is the number of its
 * page, from 1.
 */
void reference_vm_put_file(struct reference_vm *vm, unsigned file, uint64_t bytes);

/* The living process of a pid, or NULL. */
struct reference_process *reference_vm_process(struct reference_vm *vm, int pid);

/* Pre: op->pid lives. */
void reference_vm_run(struct reference_vm *vm, const struct operation *op, struct outcome *out);

/*
 * The bytes that a page shows; NULL where there are none: not mapped, or past the end of the file.
 * /
 */
const uint8_t *reference_page_bytes(const struct reference_page *page);

/*
 * Would running op store into the tail of a file's last page through a shared mapping? How long
 * such bytes can be seen depends on when the page is written back, and that depends on memory
 * pressure, which is not modelled.
 */
bool reference_vm_stores_tail(struct reference_vm *vm, const struct operation *op);

#endif
