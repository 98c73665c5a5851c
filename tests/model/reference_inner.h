/*
 * What the files of the reference share: reference_vm.c (processes, and as a whole),
 * reference_page.c (objects, pages, accesses), reference_mmap.c and reference_file.c (calls).
 */
#ifndef MAPWALK_TESTS_MODEL_REFERENCE_INNER_H
#define MAPWALK_TESTS_MODEL_REFERENCE_INNER_H

#include "model/reference_vm.h"

static inline uint64_t pages_of(uint64_t bytes)
{
    return bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0);
}

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- objects ---- */

struct reference_object *reference_object_new(bool anonymous, uint64_t size);
struct reference_object *reference_object_get(struct reference_object *object);
void reference_object_put(struct reference_object *object);

/* Zeroes [start, end). */
void reference_object_zero(struct reference_object *object, uint64_t start, uint64_t end);

/* The end of the page that holds the last byte. */
uint64_t reference_object_page_end(const struct reference_object *object);

/* Writing back the pages [first, end) of a file: the tail, when it is among them, becomes zero. */
void reference_object_write_back(struct reference_object *object, uint64_t first, uint64_t end);

/* ---- pages ---- */

/* The bytes that a store goes to, after a private page of a file has become a copy. */
uint8_t *reference_page_bytes_to_write(struct reference_page *page);

void reference_page_unmap(struct reference_page *page);

/* As MAP_POPULATE does; false: the page cannot be had. */
bool reference_page_populate(struct reference_page *page);

/* The page of the window at va, or NULL. */
struct reference_page *reference_window_page(const struct reference_vm *vm,
                                             struct reference_process *p, uint64_t va);

/* Is every page of [start, start + bytes) in the window and free? Everything else is fences. */
bool reference_window_free(const struct reference_vm *vm, struct reference_process *p,
                           uint64_t start, uint64_t bytes);

void reference_window_unmap(const struct reference_vm *vm, struct reference_process *p,
                            uint64_t start, uint64_t bytes);

/* ---- accesses ---- */

/*
 * The bytes at va after all that an access does to the page, good up to its end; or NULL with
 * *signal.
 */
uint8_t *reference_access_page(struct reference_vm *vm, struct reference_process *p, uint64_t va,
                               enum mw_access access, struct mw_signal *signal);

int64_t reference_run_access(struct reference_vm *vm, struct reference_process *p,
                             const struct operation *op, struct outcome *out);

/* ---- calls ---- */

/* The open file of a descriptor, or NULL. */
struct reference_open *reference_process_open(struct reference_process *p, int fd);

int64_t reference_run_mmap(struct reference_vm *vm, struct reference_process *p,
                           const struct operation *op);
int64_t reference_run_munmap(struct reference_vm *vm, struct reference_process *p,
                             const struct operation *op);
int64_t reference_run_mprotect(struct reference_vm *vm, struct reference_process *p,
                               const struct operation *op);
int64_t reference_run_msync(struct reference_vm *vm, struct reference_process *p,
                            const struct operation *op);
int64_t reference_run_mremap(struct reference_vm *vm, struct reference_process *p,
                             const struct operation *op);
int64_t reference_run_madvise(struct reference_vm *vm, struct reference_process *p,
                              const struct operation *op);
int64_t reference_run_brk(struct reference_vm *vm, struct reference_process *p,
                          const struct operation *op);

int64_t reference_run_open(struct reference_vm *vm, struct reference_process *p,
                           const struct operation *op);
int64_t reference_run_close(struct reference_process *p, int fd);
int64_t reference_run_dup2(struct reference_process *p, int fd, int new_fd);
int64_t reference_run_transfer(struct reference_vm *vm, struct reference_process *p,
                               const struct operation *op);
int64_t reference_run_ftruncate(struct reference_vm *vm, struct reference_process *p,
                                const struct operation *op);
int64_t reference_run_fsync(struct reference_process *p, int fd);
int64_t reference_run_sync(struct reference_vm *vm);
int64_t reference_run_unlink(struct reference_vm *vm, unsigned file);

#endif
