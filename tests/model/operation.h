/*
 * One thing that a simulated process can do, as a value: what the model tests draw at random.
 *
 * The same operation is run on the machine (operation_run), on the reference (reference_vm_run),
 * and printed as a line of a scenario (operation_print), so that a failure can be replayed by hand.
 */
#ifndef MAPWALK_TESTS_MODEL_OPERATION_H
#define MAPWALK_TESTS_MODEL_OPERATION_H

#include <mapwalk/mapwalk.h>
#include <stdio.h>

#include "base/addr.h"

enum operation_kind {
    OPERATION_MMAP,
    OPERATION_MUNMAP,
    OPERATION_MPROTECT,
    OPERATION_MSYNC,
    OPERATION_BRK,
    OPERATION_MREMAP,
    OPERATION_MADVISE,
    OPERATION_LOAD,
    OPERATION_STORE,
    OPERATION_FETCH,
    OPERATION_FORK,
    OPERATION_EXIT,
    OPERATION_WAIT,
    OPERATION_OPEN,
    OPERATION_CLOSE,
    OPERATION_DUP2,
    OPERATION_PREAD,
    OPERATION_PWRITE,
    OPERATION_FTRUNCATE,
    OPERATION_FSYNC,
    OPERATION_SYNC,
    OPERATION_UNLINK,
    OPERATION_KINDS
};

#define REFERENCE_DONTUNMAP 4 /* MREMAP_DONTUNMAP, which older C libraries do not name */

#define OPERATION_DATA 16 /* bytes of a store, at most */

struct operation {
    enum operation_kind kind;
    int pid;
    uint64_t addr;  /* mmap ... brk, accesses; the buffer of pread and pwrite */
    uint64_t bytes; /* length; the new size of ftruncate */
    int prot;
    int flags; /* of mmap, mremap, msync, open; the advice of madvise */
    int fd;    /* exit: the status. wait: the child */
    int new_fd;
    uint64_t offset; /* in the file, bytes; the new address of mremap */
    unsigned file;   /* of open, unlink: which name */
    uint8_t data[OPERATION_DATA];
};

/* What came of it. Only a load and a fetch fill `data`. */
struct outcome {
    int64_t result;
    struct mw_signal signal;
    uint8_t data[PAGE_BYTES];
};

/* "/a", "/b", ... */
const char *operation_path(unsigned file);

void operation_run(struct mw_machine *machine, const struct operation *op, struct outcome *out);

/* Equal result, signal and bytes? The signal's reason is the machine's own business. */
bool operation_outcomes_equal(const struct operation *op, const struct outcome *a,
                              const struct outcome *b);

/* One line in the syntax of scenarios, with the outcome as what is expected. */
void operation_print(FILE *to, const struct operation *op, const struct outcome *out);

#endif
