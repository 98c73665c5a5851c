/*
 * An address space: the mmap family, demand paging, copy-on-write, fork.
 *
 * Layer 6. What is *primary*: the VMAs, and the PTEs of private pages that were written (their
 * frame has no other home). What is *derived*: every other PTE; it follows from VMA and file map
 * and may be dropped at any time. Knows no system-call numbers, no file descriptors.
 *
 *   I-MM-1  a present PTE lies in a VMA, and allows no more than it
 *   I-MM-2  a PTE of a file page that is not a private copy names the cache's frame for that page
 *   I-MM-3  a writable PTE in a private VMA names an anonymous frame with one reference
 *   I-MM-4  resident is the number of present leaves
 *
 * Functions report negative errno; those that follow a system call follow its man page. Failing
 * leaves everything as it was.
 */
#ifndef MAPWALK_MM_MM_H
#define MAPWALK_MM_MM_H

#include <mapwalk/config.h>
#include <mapwalk/event.h>

#include "cache/cache.h"
#include "mm/vma.h"
#include "pt/tlb_batch.h"

struct mm_stats {
    uint64_t faults;
    uint64_t by_reason[MW_REASON_COUNT];
    uint64_t implicit_maps;
    uint64_t implicit_pages;
};

/* What all address spaces of a machine share. Owned by the kernel. */
struct mm_env {
    struct alloc *alloc;
    const struct mw_config *config;
    struct frame_table *frames;
    struct hart_set *harts;
    struct cache *cache;
    struct event_bus *bus;
    struct pool vmas;
    struct frame *zero; /* the shared zero frame */
    struct mm_stats stats;
};

struct mm {
    struct mm_env *env;
    struct vma_set vmas;
    struct pt pt;
    vaddr_t brk_start;
    vaddr_t brk_end;
    vaddr_t mmap_base; /* top for top-down placement, bottom for first-fit */
    vaddr_t user_end;
    bool implicit; /* an access or call that meets no VMA maps one (replay of logs) */
};

/* What a fault became. signal 0: repaired, retry the access. */
struct mm_outcome {
    enum mw_reason reason;
    int signal; /* SIGSEGV, SIGBUS or SIGKILL (out of memory) */
    int code;   /* si_code */
    vaddr_t va; /* si_addr */
};

/* Takes the zero frame, sets up pools. -ENOMEM. The pointers in env are set before. */
MUST_CHECK int mm_env_init(struct mm_env *env);
void mm_env_destroy(struct mm_env *env);

/* The mapper that the cache calls back through. */
extern const struct mapper_ops mm_mapper_ops;

/* An empty address space. -ENOMEM. */
MUST_CHECK int mm_create(struct mm_env *env, struct mm **out);

/* A copy-on-write copy (fork(2)). -ENOMEM. */
MUST_CHECK int mm_fork(struct mm *parent, struct mm **out);

/* Unmaps everything and frees it. */
void mm_destroy(struct mm *mm);

/*
 * mmap(2) after the descriptor was resolved. `flags` are MAP_*; `file` NULL: anonymous. The
 * address, or -errno.
 */
MUST_CHECK int64_t mm_mmap(struct mm *mm, vaddr_t hint, uint64_t bytes, int prot, int flags,
                           struct mapped_file *file, uint64_t off_bytes);

MUST_CHECK int mm_munmap(struct mm *mm, vaddr_t start, uint64_t bytes);
MUST_CHECK int mm_mprotect(struct mm *mm, vaddr_t start, uint64_t bytes, int prot);
MUST_CHECK int mm_msync(struct mm *mm, vaddr_t start, uint64_t bytes, int flags);

/*
 * brk(2) as the kernel does it: returns the break after the call; it is unchanged when `end` cannot
 * be had.
 */
vaddr_t mm_brk(struct mm *mm, vaddr_t end);

/*
 * Maps what an access or call to [start, end) needs and no VMA covers; pages already mapped are
 * left. For replays.
 */
MUST_CHECK int mm_map_implicit(struct mm *mm, vaddr_t start, vaddr_t end, int prot,
                               unsigned vma_flags);

/*
 * Where an un-hinted mapping of `bytes` would land; 0 when nowhere. file NULL: private anonymous
 * memory.
 */
vaddr_t mm_find_room(const struct mm *mm, uint64_t bytes, const struct mapped_file *file,
                     uint64_t off_bytes);

/* Handles a page or access fault of user space. Emits fault_*. */
struct mm_outcome mm_fault(struct mm *mm, const struct trap *trap);

/* Recomputes I-MM-1..4 and runs vma_set_check and pt_check. */
bool mm_check(const struct mm *mm);

/* Hash of everything observable: areas, rights, and the bytes of every present page. */
uint64_t mm_hash(const struct mm *mm);

#endif
