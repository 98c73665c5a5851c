/*
 * Kinds of files: what reading, writing, sizing and mapping mean for what a descriptor names.
 *
 * Layer 7. The system calls check descriptors, rights and buffers; what is left depends on the kind
 * and goes through its table. The mmap operation is the table's `mapping` (mm/mapped_file.h), which
 * memory management calls without knowing any kind.
 *
 *                read, write        mmap
 *   regular      page cache         its pages
 *   memory       page cache         its pages; seals may forbid shared stores (-EPERM)
 *   directory    -EISDIR            -ENODEV
 *   pipe         a buffer           -ENODEV
 *   socket       two buffers        -ENODEV, but only when what MAP_FIXED replaces is gone
 *   zero         zeros, nothing     private: anonymous memory; shared: a shared anonymous object
 *   null         nothing            -ENODEV
 *   mem          -EPERM             -EPERM: all that it has is RAM (CONFIG_STRICT_DEVMEM)
 */
#ifndef MAPWALK_KERNEL_FILE_KIND_H
#define MAPWALK_KERNEL_FILE_KIND_H

#include "kernel/calls.h"

enum file_seek {
    FILE_SEEK_BYTES, /* there is a position, and calls may name another */
    FILE_SEEK_START, /* lseek always says 0 */
    FILE_SEEK_NONE   /* -ESPIPE */
};

struct file_kind {
    struct mapped_ops mapping;
    enum file_seek seek;
    /*
     * One piece within a page of the file: the bytes moved, 0 at the end, or -errno (-EAGAIN: it
     * would block). read NULL: -EISDIR; write NULL: swallowed without a look, as devices do.
     */
    int64_t (*read)(struct open_file *file, uint64_t offset, void *out, uint64_t bytes);
    int64_t (*write)(struct open_file *file, uint64_t offset, const void *in, uint64_t bytes);
    /*
     * A write of so many bytes whose buffer is not there: Linux prepares the page first and finds out
     * then. NULL: -EFAULT, and nothing happens.
     */
    int (*miss)(struct open_file *file, uint64_t offset, uint64_t bytes);
    /* So many bytes that `read` gave have reached the reader; NULL: nobody needs to know. */
    void (*took)(struct open_file *file, uint64_t bytes);
    int (*truncate)(struct open_file *file, uint64_t bytes); /* NULL: -EINVAL, no regular file */
    /* fallocate(2) of [offset, end), with a mode that it knows. NULL: -ENODEV. */
    int (*allocate)(struct open_file *file, int mode, uint64_t offset, uint64_t end);
    /* Makes pages [first, end) durable; `flags`: 0 or CACHE_DATA_ONLY. NULL: -EINVAL. */
    int (*sync)(struct open_file *file, uint64_t first, uint64_t end, unsigned flags);
    bool fifo;                               /* a pipe: some calls say -ESPIPE to it */
    bool direct;                             /* O_DIRECT moves data past the cache */
    void (*release)(struct open_file *file); /* NULL: nothing of its own */
};

/* Where a file of bytes ends; 0 for other kinds. */
uint64_t file_bytes(const struct open_file *file);

/*
 * An open file description of a kind, with one reference and nothing but its mode set (`flags`: as
 * for open). NULL: no memory.
 */
struct open_file *file_new(struct mw_machine *m, const struct file_kind *kind, int flags);

/* After its map is there: errors of the file from here on are this description's to learn of. */
void file_watch(struct open_file *file);

/* May this description have O_DIRECT? */
bool file_takes_direct(const struct open_file *file);

/* A write at `offset` that has nothing to write moves the end of the file there. -EFAULT, or worse. */
int file_miss(struct open_file *file, uint64_t offset);

/* Is it a regular file, of the volume or in memory? */
static inline bool file_is_regular(const struct open_file *file)
{
    return file->kind->truncate != NULL;
}

/* The kind of a special file of this name, or NULL. -EPERM in *err: this process must not open it. */
const struct file_kind *file_kind_of_path(const struct mw_machine *m, const char *path, int *err);

extern const struct file_kind file_regular;
extern const struct file_kind file_directory;

/* ---- pipes and sockets (file_kind_pipe.c) ---- */

/* Both ends: of a pipe [0] reads and [1] writes; sockets do both. -ENOMEM. */
MUST_CHECK int file_pipe_new(struct mw_machine *m, bool socket, int flags,
                             struct open_file *ends[2]);

/* ---- files that live in memory only (file_kind_memory.c) ---- */

/* memfd_create(2) without the descriptor. -EINVAL, -ENOMEM. */
MUST_CHECK int file_memory_new(struct mw_machine *m, const char *name, unsigned flags,
                               struct open_file **out);

/* Is it the path of a file of tmpfs, "/dev/shm/NAME"? */
bool file_memory_is_path(const char *path);

/* open(2) and unlink(2) for such a path. */
MUST_CHECK int file_memory_open(struct mw_machine *m, const char *path, int flags,
                                struct open_file **out);
MUST_CHECK int file_memory_unlink(struct mw_machine *m, const char *path);

/* rename(2) within /dev/shm, and truncate(2). */
MUST_CHECK int file_memory_rename(struct mw_machine *m, const char *from, const char *to,
                                  unsigned flags);
MUST_CHECK int file_memory_truncate(struct mw_machine *m, const char *path, uint64_t bytes);
bool file_memory_exists(const struct mw_machine *m, const char *path);
/* Does it have a name in /dev/shm, or had one? Those of memfd_create never do. */
bool file_memory_is_named(const struct open_file *file);

/* fcntl(2), F_GET_SEALS and F_ADD_SEALS. -EINVAL: not of this kind. */
MUST_CHECK int file_memory_seals(const struct open_file *file);
MUST_CHECK int file_memory_add_seals(struct open_file *file, unsigned seals);

#endif
