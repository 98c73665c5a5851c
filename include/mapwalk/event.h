/*
 * The event schema: everything that a machine does, as values.
 *
 * One struct, one list of kinds. Explain, JSON Lines, counters and every other view are made from
 * this stream (and from snapshots) by nothing else. Events never hold pointers. All events of one
 * access that missed the TLB, of one fault and of one system call share an operation id.
 */
#ifndef MAPWALK_EVENT_H
#define MAPWALK_EVENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MW_EVENT_ARGS 8

/*
 * X(identifier, name, fields): the fields of arg[0..] as "name:type" separated by blanks. Types: u
 * decimal, s signed decimal, x hexadecimal, access, cause, walk (walk error), reason, signal, prot,
 * owner, pte, errno (negative errno or result), call, tlb (enum mw_tlb_unit), size (enum
 * mw_page_size), stale, loss, fence. A kind's number is its place in this list; new kinds go at the end. tlb_miss is one
 * of the first level.
 */
#define MW_EVENT_KINDS(X)                                                                \
    X(TLB_HIT, "tlb_hit", "va:x access:access tlb:tlb size:size")                        \
    X(TLB_MISS, "tlb_miss", "va:x access:access asid:u")                                 \
    X(TLB_FILL, "tlb_fill", "va:x pte:pte level:u set:u way:u asid:u tlb:tlb size:size") \
    X(TLB_EVICT, "tlb_evict", "va:x asid:u set:u way:u tlb:tlb")                         \
    X(TLB_FLUSH, "tlb_flush", "has_va:u va:x has_asid:u asid:u dropped:u")               \
    X(WALK_STEP, "walk_step", "va:x level:u pte_address:x pte:pte")                      \
    X(WALK_END, "walk_end", "va:x access:access error:walk level:u pa:x")                \
    X(PTE_AD, "pte_ad", "va:x pte_address:x old:pte new:pte")                            \
    X(TRAP, "trap", "va:x access:access cause:cause error:walk")                         \
    X(SATP, "satp", "asid:u root:x")                                                     \
    X(FAULT_VMA, "fault_vma", "start:x end:x prot:prot flags:x off_pages:u inode:u")     \
    X(FAULT_NO_VMA, "fault_no_vma", "va:x")                                              \
    X(FAULT_DECIDE, "fault_decide", "va:x access:access reason:reason")                  \
    X(FAULT_END, "fault_end", "va:x reason:reason result:errno signal:signal code:s")    \
    X(PTE_SET, "pte_set", "va:x pte_address:x old:pte new:pte level:u")                  \
    X(TABLE_ALLOC, "table_alloc", "pa:x level:u")                                        \
    X(TABLE_FREE, "table_free", "pa:x level:u")                                          \
    X(SHOOTDOWN, "shootdown", "asid:u pages:u harts:u site:fence")                       \
    X(FRAME_ALLOC, "frame_alloc", "pa:x owner:owner zeroed:u")                           \
    X(FRAME_FREE, "frame_free", "pa:x owner:owner")                                      \
    X(FRAME_COPY, "frame_copy", "from:x to:x")                                           \
    X(CACHE_HIT, "cache_hit", "inode:u index:u pa:x")                                    \
    X(CACHE_FILL, "cache_fill", "inode:u index:u pa:x blocks:u")                         \
    X(CACHE_DIRTY, "cache_dirty", "inode:u index:u")                                     \
    X(CACHE_WRITE, "cache_write", "inode:u index:u pages:u result:errno")                \
    X(CACHE_DROP, "cache_drop", "inode:u index:u")                                       \
    X(BLOCK_READ, "block_read", "block:u count:u result:errno")                          \
    X(BLOCK_WRITE, "block_write", "block:u count:u result:errno")                        \
    X(BLOCK_FLUSH, "block_flush", "result:errno")                                        \
    X(VMA_MAP, "vma_map", "start:x end:x prot:prot flags:x off_pages:u inode:u")         \
    X(VMA_UNMAP, "vma_unmap", "start:x end:x")                                           \
    X(VMA_PROTECT, "vma_protect", "start:x end:x prot:prot")                             \
    X(VMA_GROW, "vma_grow", "start:x end:x")                                             \
    X(VMA_IMPLICIT, "vma_implicit", "start:x end:x prot:prot")                           \
    X(BRK, "brk", "old:x new:x")                                                         \
    X(CALL, "call", "call:call a0:x a1:x a2:x a3:x a4:x")                                \
    X(CALL_END, "call_end", "call:call result:errno")                                    \
    X(SIGNAL, "signal", "signal:signal code:s va:x")                                     \
    X(PROCESS_NEW, "process_new", "child:u parent:u")                                    \
    X(PROCESS_EXEC, "process_exec", "")                                                  \
    X(PROCESS_EXIT, "process_exit", "status:u")                                          \
    X(TLB_L2_HIT, "tlb_l2_hit", "va:x access:access tlb:tlb size:size")                  \
    X(WALK_SKIP, "walk_skip", "va:x level:u pte:pte")                                    \
    X(TLB_PREFETCH, "tlb_prefetch", "va:x size:size")                                    \
    X(STALE_USE, "stale_use",                                                            \
      "va:x access:access tlb:tlb asid:u kind:stale loss:loss cached:pte present:pte")   \
    X(STALE_CHANGE, "stale_change",                                                      \
      "pte_address:x old:pte new:pte by_hart:u by_pid:u by_op:u from_ns:u to_ns:u")      \
    X(STALE_FENCE, "stale_fence", "site:fence has_va:u va:x has_asid:u asid:u")          \
    X(FAULT_HANDLER, "fault_handler", "va:x access:access start:x end:x answer:u")       \
    X(FAULT_UFFD, "fault_uffd", "va:x uffd:u flags:x")                                   \
    X(FAULT_AROUND, "fault_around", "start:x end:x pages:u")

enum mw_event_kind {
#define MW_EVENT_ENUM(identifier, name, fields) MW_EVENT_##identifier,
    MW_EVENT_KINDS(MW_EVENT_ENUM)
#undef MW_EVENT_ENUM
        MW_EVENT_COUNT
};

struct mw_event {
    uint64_t op;      /* operation id; 0: outside any operation */
    uint64_t time_ns; /* simulated time */
    uint32_t pid;     /* process on whose behalf; 0: none */
    uint16_t hart;
    uint16_t kind; /* enum mw_event_kind */
    uint64_t arg[MW_EVENT_ARGS];
};

/* A set of kinds: bit k stands for kind k. */
typedef uint64_t mw_event_mask;
#define MW_EVENT_BIT(kind) ((mw_event_mask)1 << (kind))
#define MW_EVENTS_ALL      (MW_EVENT_BIT(MW_EVENT_COUNT) - 1)
#define MW_EVENTS_NO_HITS  (MW_EVENTS_ALL & ~MW_EVENT_BIT(MW_EVENT_TLB_HIT))

/* Receives events in order. It must not call back into the machine. */
typedef void mw_event_handler(void *context, const struct mw_event *event);

/* ---- vocabulary of the fields ---- */

/* What an access wants (privileged specification, "Virtual Address Translation Process"). */
enum mw_access { MW_LOAD, MW_STORE, MW_FETCH, MW_AMO, MW_ACCESS_COUNT };

/* Exception causes (mcause/scause codes). MW_CAUSE_NONE is no exception. */
enum mw_cause {
    MW_CAUSE_FETCH_ACCESS = 1,
    MW_CAUSE_LOAD_ACCESS = 5,
    MW_CAUSE_STORE_ACCESS = 7,
    MW_CAUSE_FETCH_PAGE = 12,
    MW_CAUSE_LOAD_PAGE = 13,
    MW_CAUSE_STORE_PAGE = 15,
    MW_CAUSE_NONE = 64
};

/*
 * Why a walk ended: X(identifier, name, what the specification says). The step numbers are those of
 * "Virtual Address Translation Process"; a name beside one is the extension whose chapter says it.
 * An error's number is its place in this list; new ones go at the end.
 */
#define MW_WALK_ERRORS(X)                                                                          \
    X(OK, "ok", "the translation is valid")                                                        \
    X(NOT_CANONICAL, "not_canonical",                                                              \
      "the address's upper bits are not copies of its top bit (4.4.1)")                            \
    X(PTE_ACCESS, "pte_access", "the PTE lies outside RAM (step 2)")                               \
    X(INVALID, "invalid", "V is 0 (step 3)")                                                       \
    X(WRITE_WITHOUT_READ, "write_without_read", "W is 1 and R is 0, a reserved encoding (step 3)") \
    X(RESERVED_BITS, "reserved_bits", "one of bits 60 to 54, which are reserved, is set (step 3)") \
    X(POINTER_BITS, "pointer_bits", "a pointer PTE has D, A or U set (step 3)")                    \
    X(NO_LEAF, "no_leaf", "a pointer PTE at the last level (step 4)")                              \
    X(MISALIGNED, "misaligned", "a superpage's low PPN bits are not zero (step 6)")                \
    X(NO_READ, "no_read", "R is 0 (and MXR does not help) (step 5)")                               \
    X(NO_WRITE, "no_write", "W is 0 (step 5)")                                                     \
    X(NO_EXECUTE, "no_execute", "X is 0 (step 5)")                                                 \
    X(NOT_USER, "not_user", "U is 0 in user mode (step 5)")                                        \
    X(USER_PAGE, "user_page", "U is 1 in supervisor mode without SUM, or for a fetch (step 5)")    \
    X(ACCESSED_CLEAR, "accessed_clear", "A is 0 and hardware does not set it (step 7, Svade)")     \
    X(DIRTY_CLEAR, "dirty_clear",                                                                  \
      "D is 0 for a store and hardware does not set it (step 7, Svade)")                           \
    X(PHYSICAL, "physical", "the translated address lies outside RAM (PMA check)")                 \
    X(NAPOT_ABSENT, "napot_absent", "N is 1 and there is no Svnapot (step 3)")                     \
    X(NAPOT_POINTER, "napot_pointer", "N is 1 in a pointer PTE (step 3, Svnapot)")                 \
    X(NAPOT_SUPERPAGE, "napot_superpage", "N is 1 in a superpage (step 3, Svnapot)")               \
    X(NAPOT_ENCODING, "napot_encoding", "N is 1 and PPN[3:0] is not 1000 (step 3, Svnapot)")       \
    X(PBMT_ABSENT, "pbmt_absent", "PBMT is not 0 and there is no Svpbmt (step 3)")                 \
    X(PBMT_POINTER, "pbmt_pointer", "PBMT is not 0 in a pointer PTE (step 3, Svpbmt)")             \
    X(PBMT_RESERVED, "pbmt_reserved", "PBMT is 3, a reserved memory type (step 3, Svpbmt)")

enum mw_walk_error {
#define MW_WALK_ENUM(identifier, name, text) MW_WALK_##identifier,
    MW_WALK_ERRORS(MW_WALK_ENUM)
#undef MW_WALK_ENUM
        MW_WALK_COUNT
};

/* What the fault handler decided: X(identifier, name, explanation). */
#define MW_REASONS(X)                                                                              \
    X(ZERO_PAGE, "zero_page", "first read of private anonymous memory: the shared zero frame")     \
    X(ANONYMOUS, "anonymous", "first write to anonymous memory: a zeroed frame")                   \
    X(FILE_MINOR, "file_minor", "a file page that is in the page cache")                           \
    X(FILE_MAJOR, "file_major", "a file page that had to be read from the device")                 \
    X(COW_COPY, "cow_copy", "write to a private page that others share: copied")                   \
    X(COW_REUSE, "cow_reuse", "write to a private page with one owner left: made writable")        \
    X(STACK_GROWTH, "stack_growth", "access just below a growing stack: the VMA grew")             \
    X(WRITE_NOTIFY, "write_notify", "first store to a clean page of a shared file: made writable") \
    X(SPURIOUS, "spurious", "the PTE already allows the access")                                   \
    X(PROTECTION, "protection", "the VMA forbids the access: SIGSEGV SEGV_ACCERR")                 \
    X(INVALID, "invalid", "no VMA: SIGSEGV SEGV_MAPERR")                                           \
    X(BEYOND_EOF, "beyond_eof", "file page past the end of the file: SIGBUS BUS_ADRERR")           \
    X(IO_ERROR, "io_error", "the device failed the read: SIGBUS BUS_ADRERR")                       \
    X(OUT_OF_MEMORY, "out_of_memory", "no frame left: SIGKILL")                                    \
    X(NOT_RAM, "not_ram", "access fault: the physical address is not RAM: SIGBUS")                 \
    X(NO_SPACE, "no_space", "no block left for a page of a hole in the file: SIGBUS BUS_ADRERR")   \
    X(USER_HANDLED, "user_handled", "a user-level fault handler repaired it")                      \
    X(USER_KILLED, "user_killed", "a user-level fault handler gave the process up: SIGKILL")       \
    X(USER_FAILED, "user_failed", "a user-level fault handler does not repair it: SIGSEGV")        \
    X(WOULD_BLOCK, "would_block", "a userfaultfd was told: the access waits, or meets SIGBUS")     \
    X(GUARD, "guard", "a guard page (MADV_GUARD_INSTALL): SIGSEGV SEGV_MAPERR")                    \
    X(NO_HUGE_PAGE, "no_huge_page", "MAP_HUGETLB, and no huge page is set aside: SIGBUS BUS_ADRERR")

enum mw_reason {
#define MW_REASON_ENUM(identifier, name, text) MW_REASON_##identifier,
    MW_REASONS(MW_REASON_ENUM)
#undef MW_REASON_ENUM
        MW_REASON_COUNT
};

/* What a frame is used for. */
#define MW_OWNERS(X)          \
    X(FREE, "free")           \
    X(TABLE, "table")         \
    X(ANONYMOUS, "anonymous") \
    X(CACHE, "cache")         \
    X(ZERO, "zero")           \
    X(USER, "user")

enum mw_owner {
#define MW_OWNER_ENUM(identifier, name) MW_OWNER_##identifier,
    MW_OWNERS(MW_OWNER_ENUM)
#undef MW_OWNER_ENUM
        MW_OWNER_COUNT
};

/*
 * How the tables differ from a translation that is still in use: X(identifier, name, what is wrong).
 */
#define MW_STALES(X)                                                                    \
    X(UNMAPPED, "unmapped", "nothing is mapped there any more")                         \
    X(FRAME, "frame", "another frame is mapped there now")                              \
    X(RIGHTS, "rights", "the entry still has rights that were taken away")              \
    X(MEMORY_TYPE, "memory_type", "the page has another memory type now")               \
    X(DIRTY, "dirty", "D was cleared, and this entry stores without setting it")        \
    X(ACCESSED, "accessed", "A was cleared, and this entry is used without setting it") \
    X(POINTER, "pointer", "a pointer on the way to the page was changed")

enum mw_stale {
#define MW_STALE_ENUM(identifier, name, text) MW_STALE_##identifier,
    MW_STALES(MW_STALE_ENUM)
#undef MW_STALE_ENUM
        MW_STALE_COUNT
};

/* What the use of a stale translation loses, from nothing to the worst: X(identifier, name, text). */
#define MW_LOSSES(X)                                                             \
    X(NONE, "none", "nothing yet: a walk would have given this access the same") \
    X(ACCESSED, "accessed", "the access is not recorded in A")                   \
    X(DIRTY, "dirty", "the store is not recorded in D")                          \
    X(TYPE, "type", "the access had a memory type that holds no more")           \
    X(PROTECTION, "protection", "an access went through that must have trapped") \
    X(READ, "read", "bytes were read from a frame that is not mapped there")     \
    X(WALK, "walk", "a walk went on in a table that is not there any more")      \
    X(WRITE, "write", "a store went to a frame that is not mapped there")

enum mw_loss {
#define MW_LOSS_ENUM(identifier, name, text) MW_LOSS_##identifier,
    MW_LOSSES(MW_LOSS_ENUM)
#undef MW_LOSS_ENUM
        MW_LOSS_COUNT
};

/* The fences of the simulated kernel, each by what makes it necessary: X(identifier, name, text). */
#define MW_FENCES(X)                                                                   \
    X(NONE, "none", "none of the simulated kernel")                                    \
    X(UNMAP, "unmap", "pages of an area were unmapped")                                \
    X(PROTECT, "protect", "mprotect took rights away")                                 \
    X(FORK, "fork", "fork write-protected pages to copy them later")                   \
    X(REPLACE, "replace", "a fault put another frame in a page's place")               \
    X(TRUNCATE, "truncate", "pages beyond the new end of a file were unmapped")        \
    X(CLEAN, "clean", "write permission and D were cleared before writing a page out") \
    X(TABLE, "table", "a page table was taken out of the tree")                        \
    X(ROLLOVER, "rollover", "ASIDs are given out anew")                                \
    X(SWITCH, "switch", "another address space runs, and there are no ASIDs")

enum mw_fence {
#define MW_FENCE_ENUM(identifier, name, text) MW_FENCE_##identifier,
    MW_FENCES(MW_FENCE_ENUM)
#undef MW_FENCE_ENUM
        MW_FENCE_COUNT
};

/* Bits of the field `flags` of vma_map and fault_vma. mm/vma.h names the same bits VMA_*. */
#define MW_VMA_SHARED       0x01u /* MAP_SHARED: stores reach the object, not a copy */
#define MW_VMA_GROWSDOWN    0x02u /* a stack */
#define MW_VMA_IMPLICIT     0x04u /* not asked for by a call: what a log does not say */
#define MW_VMA_MAYWRITE     0x08u /* mprotect may add PROT_WRITE */
#define MW_VMA_NORESERVE    0x10u
#define MW_VMA_NOHUGEPAGE   0x20u
#define MW_VMA_ACCOUNT      0x40u     /* its pages are charged against the commit limit */
#define MW_VMA_LOCKED       0x80u     /* mlock(2) */
#define MW_VMA_LOCKONFAULT  0x100u    /* locked as pages come (MLOCK_ONFAULT) */
#define MW_VMA_SEQ_READ     0x200u    /* MADV_SEQUENTIAL */
#define MW_VMA_RAND_READ    0x400u    /* MADV_RANDOM */
#define MW_VMA_DONTCOPY     0x800u    /* not for children (MADV_DONTFORK) */
#define MW_VMA_DONTDUMP     0x1000u   /* not in core dumps (MADV_DONTDUMP) */
#define MW_VMA_WIPEONFORK   0x2000u   /* zeros for children (MADV_WIPEONFORK) */
#define MW_VMA_HUGEPAGE     0x4000u   /* MADV_HUGEPAGE */
#define MW_VMA_MERGEABLE    0x8000u   /* MADV_MERGEABLE */
#define MW_VMA_DROPPABLE    0x10000u  /* MAP_DROPPABLE */
#define MW_VMA_SEALED       0x20000u  /* mseal(2) */
#define MW_VMA_UFFD_MISSING 0x40000u  /* a userfaultfd is told of pages that are not there, */
#define MW_VMA_UFFD_WP      0x80000u  /* of stores to pages that it has write-protected, */
#define MW_VMA_UFFD_MINOR   0x100000u /* of pages of the object that are not mapped */
#define MW_VMA_GUARDS       0x200000u /* has or had guard pages (MADV_GUARD_INSTALL) */
#define MW_VMA_UFFD_SHIFT   22        /* the bits from here on: its number */

/* System calls that the simulated kernel knows; events name them by this number. */
/* clang-format off */
#define MW_CALLS(X) \
    X(mmap) X(munmap) X(mprotect) X(msync) X(brk) X(fork) X(execve) X(exit) X(wait4) X(openat) \
    X(close) X(read) X(write) X(pread64) X(pwrite64) X(lseek) X(ftruncate) X(fsync) X(dup) \
    X(dup2) X(unlink) X(pipe) X(getpid) X(sync) X(mremap) X(madvise) X(mincore) X(mlock) X(mlock2) \
    X(munlock) X(mlockall) X(munlockall) X(prctl) X(mseal) X(process_madvise) X(prlimit64) \
    X(clone) X(waitid) X(dup3) X(fcntl) X(pipe2) X(socketpair) X(memfd_create) X(readv) X(writev) \
    X(preadv) X(pwritev) \
    X(userfaultfd) X(ioctl) X(fdatasync) X(syncfs) X(sync_file_range) X(fallocate) X(fadvise64) \
    X(readahead) X(truncate) X(renameat2) X(mkdir) X(rmdir) X(link) X(drop_caches) X(flush_force) \
    X(power_cut) X(advance)
/* clang-format on */

enum mw_call {
#define MW_CALL_ENUM(name) MW_CALL_##name,
    MW_CALLS(MW_CALL_ENUM)
#undef MW_CALL_ENUM
        MW_CALL_COUNT
};

/* ---- names (static strings; "?" for a number out of range) ---- */
const char *mw_event_name(unsigned kind);
const char *mw_event_fields(unsigned kind); /* the "name:type ..." list of the kind */
const char *mw_access_name(unsigned access);
const char *mw_cause_name(unsigned cause); /* "load page fault" */
const char *mw_walk_error_name(unsigned error);
const char *mw_walk_error_text(unsigned error);
const char *mw_reason_name(unsigned reason);
const char *mw_reason_text(unsigned reason);
const char *mw_owner_name(unsigned owner);
const char *mw_stale_name(unsigned stale);
const char *mw_stale_text(unsigned stale);
const char *mw_loss_name(unsigned loss);
const char *mw_loss_text(unsigned loss);
const char *mw_fence_name(unsigned fence);
const char *mw_fence_text(unsigned fence);
const char *mw_call_name(unsigned call);
int mw_call_number(const char *name); /* -1: not a call of ours */

/* PTE text, "0x... DAGUXWRV" with '-' for a clear bit; writes at most bytes, always terminated. */
void mw_pte_format(uint64_t pte, char *out, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
