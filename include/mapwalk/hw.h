/*
 * The hardware half alone, for a kernel of your own: RAM, harts with page-table walker and TLB, and
 * a block device, without process, VMA or file.
 *
 * Everything hangs from one struct mw_board; two boards do not notice each other, and one board
 * must not be used by two threads at once. Page tables are plain memory: the kernel writes PTEs
 * through mw_board_ram, or, when RAM lies at its physical address on the host too, through the
 * physical address itself. A fault is a value: an access returns bytes or a struct mw_trap, never a
 * call into the kernel, which repairs what it can and tries again.
 *
 * "Specification" is The RISC-V Instruction Set Manual, Volume II: Privileged Architecture, chapter
 * "Supervisor-Level ISA". Functions that can fail return 0 or a negative errno, and one that fails
 * has changed nothing (an access that traps has still been counted, timed and told). -EINVAL always
 * includes a hart that the board does not have.
 */
#ifndef MAPWALK_HW_H
#define MAPWALK_HW_H

#include <mapwalk/config.h>
#include <mapwalk/event.h>
#include <mapwalk/stale.h>
#include <mapwalk/tlb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MW_BOARD_HARTS_MAX  64u
#define MW_DISK_BLOCK_BYTES 1024u

/* The bytes of one access: never more than one page, so that it touches two pages at most. */
#define MW_ACCESS_BYTES_MAX 4096u

struct mw_board;

struct mw_board_config {
    uint64_t ram_base;   /* physical address of the first byte; a multiple of 4096 */
    uint64_t ram_bytes;  /* a multiple of 4096, > 0; sparse: untouched RAM costs nothing */
    bool ram_identity;   /* RAM lies at ram_base (not 0) on the host too: there a physical address
                           is a pointer */
    bool hardware_ad;    /* Svadu: hardware sets A and D; false: Svade, it raises a page fault */
    bool svnapot;        /* 64 KiB translations by NAPOT PTEs; false: N is a reserved bit */
    bool svpbmt;         /* memory types in PTEs are legal; false: their bits are reserved */
    uint32_t harts;      /* 1..MW_BOARD_HARTS_MAX */
    uint32_t asid_bits;  /* 0..16 that satp implements */
    struct mw_tlbs tlbs; /* of each hart; see <mapwalk/tlb.h> */
    uint64_t seed;       /* of random replacement in TLBs */
    bool detect_stale;   /* compare every TLB hit with a walk, to find missing fences; slow. See
                            <mapwalk/stale.h> and mw_board_read_stale_finding */
    uint64_t disk_bytes; /* a multiple of MW_DISK_BLOCK_BYTES; sparse; 0: no disk */
    uint64_t fail_allocation; /* for tests: this allocation of the board fails, counted from 1; 0:
                                 none */
    struct mw_costs costs;    /* used are tlb_hit, tlb_l2_hit, walk_step, trap, flush and block_* */
};

/*
 * One hart, 128 MiB of RAM at 0x80000000, placed anywhere on the host, the TLBs of the preset
 * "simple" (one, 64 sets of 4 ways), ASIDs of 16 bits, hardware A/D, neither Svnapot nor Svpbmt,
 * and a disk of 64 MiB.
 */
void mw_board_config_init(struct mw_board_config *config);

/* 0, or -EINVAL with a one-line reason in `why` (why_bytes may be 0): what mw_board_new refuses. */
int mw_board_config_validate(const struct mw_board_config *config, char *why, size_t why_bytes);

/*
 * Switches a board on: RAM and disk read zero; every hart is in S-mode without SUM and MXR, satp is
 * 0 (Bare), its TLB empty. `config` NULL: mw_board_config_init's. The board copies it. 0 and *out,
 * which the caller gives back to mw_board_free; or, *out unchanged:
 *   -EINVAL  mw_board_config_validate says why
 *   -EEXIST  with ram_identity: the program has something else at that address on the host, or the
 *            host gives nobody that address (AddressSanitizer, for one, takes 0x80000000 for its
 *            own use). Another ram_base may be free
 *   -ENOMEM
 */
int mw_board_new(const struct mw_board_config *config, struct mw_board **out);

/* Switches off; all host pointers into RAM are dead. NULL is allowed. */
void mw_board_free(struct mw_board *board);

/* ---- RAM ---- */

/*
 * Where [pa, pa + bytes) lies on the host, to be read and written as plain memory, without TLB,
 * cost or event; or NULL when not all of it is RAM. Good until mw_board_free.
 */
void *mw_board_ram(const struct mw_board *board, uint64_t pa, uint64_t bytes);

/* ---- registers of a hart (harts count from 0) ---- */

/*
 * Writes satp by its fields: mode, physical address of the root table (4096-aligned, below 2^56; it
 * need not be RAM, but then walks end in access faults), ASID (asid_bits of it are implemented, the
 * others read 0). Drops no TLB entry. MW_MODE_BARE wants root and ASID 0. 0, -EINVAL. Emits satp.
 * Specification, "Supervisor Address Translation and Protection (satp) Register".
 */
int mw_hart_set_satp(struct mw_board *board, unsigned hart, enum mw_mode mode, uint64_t root_pa,
                     uint16_t asid);

/*
 * Writes satp as the register of RV64: MODE in bits 63..60 (0 Bare, 8 Sv39, 9 Sv48, 10 Sv57), ASID
 * in 59..44, PPN in 43..0. -EINVAL: another MODE, for which the specification says that "the entire
 * write has no effect", or Bare with other bits set, for which it leaves the effect open.
 */
int mw_hart_write_satp(struct mw_board *board, unsigned hart, uint64_t satp);

/* Reads satp in that format into *satp. 0, -EINVAL. */
int mw_hart_read_satp(const struct mw_board *board, unsigned hart, uint64_t *satp);

/*
 * Under which privilege accesses run: U-mode (user) or S-mode, with sstatus.SUM (S-mode may load
 * and store user pages) and sstatus.MXR (loads may use executable pages). 0, -EINVAL.
 * Specification, "Memory Privilege in sstatus Register".
 */
int mw_hart_set_privilege(struct mw_board *board, unsigned hart, bool user, bool sum, bool mxr);

/*
 * SFENCE.VMA on one hart; there is no remote fence, as in the ISA: fence each hart in turn. Neither
 * va nor asid: drops every TLB entry; asid alone: all of it but global ones; va alone: those that
 * translate va, global ones too; both: those that translate va in asid, but global ones. A va that
 * is not canonical has no effect. 0, -EINVAL. Emits tlb_flush. Specification, "Supervisor
 * Memory-Management Fence Instruction".
 */
int mw_hart_sfence(struct mw_board *board, unsigned hart, bool has_va, uint64_t va, bool has_asid,
                   uint16_t asid);

/* ---- accesses ---- */

/* A fault as a value: what the ISA puts into scause and stval, and why the walker said so. */
struct mw_trap {
    enum mw_cause cause;      /* scause: an access fault or a page fault */
    enum mw_walk_error error; /* the step of the walk that failed */
    enum mw_access access;    /* what was attempted */
    uint64_t va;              /* stval: the first byte that could not be accessed */
};

/*
 * Loads, stores, fetches `bytes` (1..MW_ACCESS_BYTES_MAX, no alignment needed) at va, through TLB
 * and walker. 0: done. -EFAULT: *trap (may be NULL) says why, and no byte was moved, in whichever
 * of two pages it faulted; A and D of the first page may have been set. -EINVAL: bytes. *trap is
 * written with -EFAULT only.
 *
 * A TLB entry that forbids an access is walked again before it traps, so more rights need no fence.
 * The events of one access share an operation id, which ends when the trap is handed over: the
 * retry after a repair is an operation of its own. Specification, "Virtual Address Translation
 * Process".
 */
int mw_hart_load(struct mw_board *board, unsigned hart, uint64_t va, void *out, size_t bytes,
                 struct mw_trap *trap);
int mw_hart_store(struct mw_board *board, unsigned hart, uint64_t va, const void *in, size_t bytes,
                  struct mw_trap *trap);
int mw_hart_fetch(struct mw_board *board, unsigned hart, uint64_t va, void *out, size_t bytes,
                  struct mw_trap *trap);

/* What the page tables in memory say of an address. */
struct mw_translation {
    enum mw_walk_error error; /* MW_WALK_OK: pa is the translation */
    enum mw_cause cause;      /* of the trap that a walk would end in; MW_CAUSE_NONE */
    unsigned level;           /* of the leaf, or where the walk failed; 0: a 4 KiB page */
    uint64_t pa;              /* 0 unless error is MW_WALK_OK */
    uint64_t pte_address;     /* of the last PTE read; 0: none was */
    uint64_t pte;             /* that PTE as it stands in memory */
};

/*
 * Looks, and changes nothing: a walk with the registers of the hart, which sets no A and no D,
 * touches no TLB, and is not counted, timed or told. The TLB may still hold something else. 0 with
 * *out whatever the walk ended in; -EINVAL: hart or access.
 */
int mw_hart_translate(const struct mw_board *board, unsigned hart, uint64_t va,
                      enum mw_access access, struct mw_translation *out);

/* All since mw_board_new. An access that crosses a page counts as two. */
struct mw_hart_counters {
    uint64_t hits[MW_ACCESS_COUNT];   /* translations that the first-level TLB served */
    uint64_t misses[MW_ACCESS_COUNT]; /* that it did not: a second level did, or a walk, or none */
    uint64_t walks;
    uint64_t references; /* PTEs that those walks read */
    uint64_t traps;
    uint64_t fills;     /* TLB entries made, in all TLBs of the hart */
    uint64_t evictions; /* TLB entries lost to a fill or to a walk that failed */
    uint64_t flushes;   /* sfence.vma that took effect */
    uint64_t dropped;   /* TLB entries lost to those */
    struct mw_tlb_counters tlb[MW_TLB_COUNT]; /* the same by TLB and by page size, and more */
    struct mw_walker_counters walker;         /* walk cache and prefetcher */
    uint64_t stale_uses; /* of translations that a fence should have dropped (detect_stale) */
};

/* A snapshot of one hart's counters. 0, -EINVAL. */
int mw_hart_read_counters(const struct mw_board *board, unsigned hart,
                          struct mw_hart_counters *out);

/* ---- missing fences ---- */

/*
 * The i-th missing fence that the detector has found (config.detect_stale), in the order in which
 * they showed: 0 and *out, or -ENOENT: there are not so many. As a PTE is plain memory here, a change
 * is seen at the next call of a function that names a hart: the finding says between which times it
 * was made, and `changed_hart` is the hart that had run last by then.
 */
int mw_board_read_stale_finding(const struct mw_board *board, uint64_t i,
                                struct mw_stale_finding *out);

/* What the detector has counted on all harts; all 0 without it. */
void mw_board_read_stale_counters(const struct mw_board *board, struct mw_stale_counters *out);

/* ---- the disk ---- */

/*
 * Reads, writes `count` (> 0) blocks of MW_DISK_BLOCK_BYTES, beginning with `block`, from and to
 * host memory. 0; -EINVAL: outside the disk; -ENODEV: there is none. Emits block_read, block_write.
 */
int mw_board_disk_read(struct mw_board *board, uint64_t block, uint32_t count, void *out);
int mw_board_disk_write(struct mw_board *board, uint64_t block, uint32_t count, const void *in);

/* Makes all writes so far durable. 0, -ENODEV. Emits block_flush. */
int mw_board_disk_flush(struct mw_board *board);

/* Size of the disk in blocks; 0: there is none. */
uint64_t mw_board_disk_blocks(const struct mw_board *board);

struct mw_disk_counters {
    uint64_t reads; /* requests in range */
    uint64_t writes;
    uint64_t flushes;
    uint64_t blocks_read;
    uint64_t blocks_written;
};

/* A snapshot of the disk's counters; all 0 without a disk. */
void mw_board_read_disk_counters(const struct mw_board *board, struct mw_disk_counters *out);

/* ---- time and events ---- */

/* Simulated time in nanoseconds since the board was switched on. No host time enters it. */
uint64_t mw_board_time_ns(const struct mw_board *board);

/* Lets time pass: what the kernel's own work costs. */
void mw_board_advance(struct mw_board *board, uint64_t ns);

/*
 * Adds / removes a listener for the kinds in mask (the schema of <mapwalk/event.h>; pid is always
 * 0). It must not call the board. -ENOSPC: 8 are there; -EEXIST: this handler with this context is
 * one of them; -EINVAL: no handler.
 */
int mw_board_subscribe(struct mw_board *board, mw_event_mask mask, mw_event_handler *handler,
                       void *context);
void mw_board_unsubscribe(struct mw_board *board, mw_event_handler *handler, void *context);

#ifdef __cplusplus
}
#endif

#endif
