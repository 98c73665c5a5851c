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
 *   I-MM-5  a private page of the process's own lies in an area with a history
 *   I-MM-6  see uffd.h
 *   I-MM-7  a guard page lies in an area with VMA_GUARDS, and is not present
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
    uint64_t around_pages; /* mapped by a fault on another page (fault_around.c) */
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
    struct frame *zero;       /* the shared zero frame */
    uint64_t committed_pages; /* what accounted areas and shared objects may come to need */
    uint64_t histories;       /* the last history given out (vma.h) */
    struct mm_stats stats;
};

/* Resource limits (setrlimit(2)); UINT64_MAX is RLIM_INFINITY. */
struct mm_limits {
    uint64_t as_bytes;
    uint64_t data_bytes;
    uint64_t stack_bytes;
    uint64_t memlock_bytes;
};

struct mm {
    struct mm_env *env;
    uint32_t users; /* processes that share it (clone(2), CLONE_VM) */
    struct vma_set vmas;
    struct pt pt;
    vaddr_t brk_start;
    vaddr_t brk_end;
    enum mw_placement placement;
    vaddr_t mmap_base; /* the top for policies that go down, the bottom for those that go up */
    vaddr_t user_end;
    struct mm_limits limits; /* of the process that acts on it: whoever shares it has its own */
    uint32_t new_flags;      /* VMA_LOCK_BITS that new areas get (mlockall with MCL_FUTURE) */
    uint64_t
        locked_stray;    /* pages that count as locked, though no locked area has them: mremap with
                              MREMAP_DONTUNMAP of locked memory leaves them behind, in Linux too */
    void *upper;         /* the kernel's own; not looked at here */
    struct radix guards; /* pages that are guards (guard.c) */
    struct radix uffd_marks; /* pages that a userfaultfd has write-protected (uffd.h) */
    vaddr_t placed;          /* how far placement has gone that never goes back (place.c); 0: not */
    bool implicit;           /* an access or call that meets no VMA maps one (replay of logs) */
};

/* What a fault became. signal 0: repaired, retry the access. */
struct mm_outcome {
    enum mw_reason reason;
    int signal;         /* SIGSEGV, SIGBUS or SIGKILL (out of memory) */
    int code;           /* si_code */
    vaddr_t va;         /* si_addr */
    uint32_t uffd;      /* not 0: this userfaultfd is to be told; SIGBUS for who cannot wait */
    uint32_t uffd_mode; /* and why: one of VMA_UFFD_MODES */
};

/* Takes the zero frame, sets up pools. -ENOMEM. The pointers in env are set before. */
MUST_CHECK int mm_env_init(struct mm_env *env);
void mm_env_destroy(struct mm_env *env);

/* The mapper that the cache calls back through. */
extern const struct mapper_ops mm_mapper_ops;

/* An empty address space. -ENOMEM. */
MUST_CHECK int mm_create(struct mm_env *env, struct mm **out);

/*
 * A copy-on-write copy (fork(2)): limits and break are inherited, locks and the flags for new areas
 * are not. -ENOMEM, also when the child's accounted memory cannot be committed.
 */
MUST_CHECK int mm_fork(struct mm *parent, struct mm **out);

/* Unmaps everything and frees it. */
void mm_destroy(struct mm *mm);

/* One more process has it; one less: the last one takes it down. */
static inline struct mm *mm_get(struct mm *mm)
{
    mm->users++;
    return mm;
}

static inline void mm_put(struct mm *mm)
{
    if (--mm->users == 0)
        mm_destroy(mm);
}

/*
 * mmap(2) after the descriptor was resolved. `flags` are MAP_*; `file` NULL: anonymous. The
 * address, or -errno.
 */
MUST_CHECK int64_t mm_mmap(struct mm *mm, vaddr_t hint, uint64_t bytes, int prot, int flags,
                           struct mapped_file *file, uint64_t off_bytes);

MUST_CHECK int mm_munmap(struct mm *mm, vaddr_t start, uint64_t bytes);
MUST_CHECK int mm_mprotect(struct mm *mm, vaddr_t start, uint64_t bytes, int prot);
MUST_CHECK int mm_msync(struct mm *mm, vaddr_t start, uint64_t bytes, int flags);

/* mremap(2) with the kernel's five arguments: the new address, or -errno. */
MUST_CHECK int64_t mm_mremap(struct mm *mm, vaddr_t old, uint64_t old_bytes, uint64_t new_bytes,
                             int flags, vaddr_t new_addr);

/* madvise(2). What only a real machine's memory pressure would show is accepted without effect. */
MUST_CHECK int mm_madvise(struct mm *mm, vaddr_t start, uint64_t bytes, int advice);

/* Is the page a guard (MADV_GUARD_INSTALL): does every access to it meet SIGSEGV? (guard.c) */
bool mm_is_guarded(const struct mm *mm, vaddr_t page);

/* prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME); name NULL: takes the name away. Borrows it. */
MUST_CHECK int mm_set_name(struct mm *mm, vaddr_t start, uint64_t bytes, struct vma_name *name);

/*
 * One step of mincore(2): for up to `pages` pages from start on, as far as the area reaches, writes
 * 1 or 0. The pages told (> 0), or -ENOMEM: start is not mapped. Pre: pages > 0, start aligned.
 */
MUST_CHECK int64_t mm_mincore(const struct mm *mm, vaddr_t start, uint64_t pages, uint8_t *out);

/* mlock2(2): `flags` are 0 or MLOCK_ONFAULT; munlock(2); mlockall(2): MCL_*; munlockall(2). */
MUST_CHECK int mm_mlock(struct mm *mm, vaddr_t start, uint64_t bytes, int flags);
MUST_CHECK int mm_munlock(struct mm *mm, vaddr_t start, uint64_t bytes);
MUST_CHECK int mm_mlockall(struct mm *mm, int flags);
int mm_munlockall(struct mm *mm); /* 0 */

/* mseal(2). */
MUST_CHECK int mm_mseal(struct mm *mm, vaddr_t start, uint64_t bytes, uint64_t flags);

/* Pages that RLIMIT_MEMLOCK counts (VmLck). */
static inline uint64_t mm_locked_pages(const struct mm *mm)
{
    return mm->vmas.totals.locked + mm->locked_stray;
}

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

/*
 * mmap(2) with MAP_HUGETLB and no file, on a machine without huge pages (huge.c): an area only with
 * MAP_NORESERVE, and of whole huge pages. The address, or -errno: as mm_mmap; -EINVAL: there are no
 * pages of that size; -ENOMEM: none is set aside.
 */
MUST_CHECK int64_t mm_mmap_huge(struct mm *mm, vaddr_t hint, uint64_t bytes, int prot, int flags,
                                uint64_t off_bytes);

/*
 * A shared anonymous object of so many bytes, as a mapped file with one reference. It is not
 * accounted yet. -ENOMEM.
 */
MUST_CHECK int mm_shared_new(struct mm_env *env, uint64_t bytes, struct mapped_file **out);

/* What marks such an object: its memory counts as anonymous where names are given. */
extern const struct mapped_ops mm_shared_ops;

/* Is the file mapped so that stores to it are possible, now or after mprotect? */
bool mm_maps_for_writing(const struct file_map *map);

/* Handles a page or access fault of user space. Emits fault_*. */
struct mm_outcome mm_fault(struct mm *mm, const struct trap *trap);

/* Recomputes I-MM-1..7 and runs vma_set_check and pt_check. */
bool mm_check(const struct mm *mm);

/* Hash of everything observable: areas, rights, and the bytes of every present page. */
uint64_t mm_hash(const struct mm *mm);

#endif
