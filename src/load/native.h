/*
 * The native engine: processes, calls, accesses and files of the host's own Linux.
 *
 * Layer 8. The same questions as <mapwalk/machine.h> asks of the simulator, answered by the kernel
 * that we run on: it is the oracle. Real processes in a clean room (native_fence.c), one of which
 * acts at a time; real files below a directory that is made for the purpose and removed at the end.
 * Pids are the script's, not the host's. Needs x86-64; knows nothing of scenarios' text.
 *
 *   I-NATIVE-2  a party whose process has ended has no descriptor of it open
 */
#ifndef MAPWALK_LOAD_NATIVE_H
#define MAPWALK_LOAD_NATIVE_H

#include <mapwalk/machine.h>

#include "base/alloc.h"
#include "base/err.h"

struct native;

#define NATIVE_WHY_BYTES 200

/*
 * Prepares a window of so many bytes (page-aligned). -ENOTSUP: not on this machine; or -errno of
 * what failed; `why` (NATIVE_WHY_BYTES) holds one line for the user.
 */
MUST_CHECK int native_new(struct alloc *a, uint64_t window_bytes, struct native **out, char *why);
void native_free(struct native *n); /* ends all processes, removes all files; NULL is allowed */

/* As new: no process, no file. 0 or -errno. */
MUST_CHECK int native_reset(struct native *n);

uint64_t native_window_start(const struct native *n);
uint64_t native_window_end(const struct native *n);
uint64_t native_brk_start(const struct native *n);

/*
 * The simulated window: where a machine that is to give the same addresses has its window and the
 * start of its heap, without an engine.
 */
uint64_t native_layout_start(void);
uint64_t native_layout_brk(uint64_t window_bytes);
uint64_t native_layout_most(void); /* bytes that a window may have */

/* ---- processes; what they return as in <mapwalk/machine.h>. -ESRCH: it has died of itself ---- */

/* The first process, with this pid. */
MUST_CHECK int native_spawn(struct native *n, int pid);
bool native_is_live(const struct native *n, int pid);
int native_process_next(const struct native *n, int pid); /* the first above; 0: none */
/* clone(2): `flags` hold CLONE_VM, CLONE_FILES, CLONE_PARENT, and SIGCHLD or no signal. */
int64_t native_clone(struct native *n, int pid, int child_pid, uint64_t flags);
int64_t native_exec(struct native *n, int pid);
int64_t native_exit(struct native *n, int pid, int status);

/*
 * Sets a soft limit (RLIMIT_*). What a process has outside of the window does not count: its bytes
 * are added. 0 or -errno.
 */
int64_t native_setrlimit(struct native *n, int pid, int resource, uint64_t bytes);

/* wait4 without blocking: 0 when no such child has ended. The status word goes to `status_va`. */
int64_t native_wait(struct native *n, int pid, int child_pid, uint64_t status_va, int options);

/* waitid(2) without blocking: -EAGAIN where it would. si_pid is the script's. */
int64_t native_waitid(struct native *n, int pid, int idtype, int id, uint64_t info_va, int options);

/*
 * pipe2(2), socketpair(2) and the like, which fill in two descriptors: argument `fds_at` is
 * replaced by room for them.
 */
int64_t native_pair(struct native *n, int pid, long number, const uint64_t args[6], int fds_at,
                    int fds[2]);

/*
 * One system call. Arguments go to the kernel as they are; argument `text_at` (-1: none) is
 * replaced by the address of `text`.
 */
int64_t native_syscall(struct native *n, int pid, long number, const uint64_t args[6], int text_at,
                       const char *text);
/* The same with two texts. */
int64_t native_names(struct native *n, int pid, long number, const uint64_t args[6], int from_at,
                     const char *from, int to_at, const char *to);

/* 1..4096 bytes. 0; -EFAULT with *signal; -ESRCH. */
int native_load(struct native *n, int pid, uint64_t va, void *out, size_t bytes,
                struct mw_signal *signal);
int native_store(struct native *n, int pid, uint64_t va, const void *in, size_t bytes,
                 struct mw_signal *signal);
int native_fetch(struct native *n, int pid, uint64_t va, void *out, size_t bytes,
                 struct mw_signal *signal);

/* ---- looking at it (native_look.c) ---- */

/* As mw_vma_next, areas of the window only. */
int native_vma_next(struct native *n, int pid, uint64_t va, struct mw_vma *out);

/* 1: the page tables translate va; 0: they do not; or -errno. */
int native_present(struct native *n, int pid, uint64_t va);

/* Is the page a guard (MADV_GUARD_INSTALL)? 1, 0, or -errno. */
int native_guarded(struct native *n, int pid, uint64_t va);

/* As mw_smaps_next, areas of the window only. (native_smaps.c) */
int native_smaps_next(struct native *n, int pid, uint64_t va, struct mw_smaps *out);

/* The word of /proc/PID/pagemap for va: 0; -EFAULT where there is none. (native_smaps.c) */
int native_pagemap(struct native *n, int pid, uint64_t va, uint64_t *word);

/* The page at va, whatever its protection: 0; -EFAULT where there is none, or none of the file. */
int native_page(struct native *n, int pid, uint64_t va, uint8_t out[4096]);

/* ---- files (native_files.c); paths as the script writes them ---- */

/* The host's name of a script's path. -EINVAL: it leaves the directory; -ENAMETOOLONG. */
MUST_CHECK int native_path(const struct native *n, const char *path, char *out, size_t room);
/* A device of the host that a script may open under its own name. */
bool native_is_device(const char *path);
/* The script's directory itself ("/", "/./"), which is not the script's to move or remove. */
bool native_is_root(const char *path);
/* A path in the host's tmpfs. */
bool native_is_shm(const char *path);
int native_file_put(struct native *n, const char *path, const void *bytes, size_t count);
int64_t native_file_get(struct native *n, const char *path, uint64_t offset, void *out,
                        size_t count);
int64_t native_file_size(struct native *n, const char *path);
int native_sync(struct native *n);

#endif
