/*
 * What a machine is made of: policies as data. A profile is a named value of struct mw_config.
 */
#ifndef MAPWALK_CONFIG_H
#define MAPWALK_CONFIG_H

#include <mapwalk/tlb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Paging modes (satp.MODE; privileged specification, "Supervisor Address Translation and
 * Protection").
 */
enum mw_mode { MW_MODE_BARE, MW_MODE_SV39, MW_MODE_SV48, MW_MODE_SV57, MW_MODE_COUNT };

/* Where an un-hinted mmap lands. */
enum mw_placement {
    MW_PLACE_TOP_DOWN,  /* Linux: the highest gap below mmap_base, else bottom-up from a third of
                           user space */
    MW_PLACE_FIRST_FIT, /* the lowest gap at or above mmap_base */
    MW_PLACE_BOTTOM_UP, /* Linux's legacy layout: the lowest gap from mmap_base, by default a third
                           of user space; top-down becomes this where stacks are unlimited */
    MW_PLACE_DOWN_ONLY, /* right below the last one, and never above it again, whatever was unmapped;
                           begins at mmap_base, by default two pages below the end of user space */
    MW_PLACE_HEAP_END,  /* right after the heap or the last one, whichever is higher; what was
                           unmapped is not used again */
    MW_PLACE_COUNT
};

/*
 * Whose rules decide where releases of Linux differ. MW_KERNEL_6_12: an area with written pages does
 * not merge into a neighbour that has none; mremap unmaps the target before it looks at the source,
 * and moves one area only; there are no guard pages.
 */
enum mw_kernel { MW_KERNEL_6_18, MW_KERNEL_6_12, MW_KERNEL_COUNT };

/*
 * What programs see of the processor that Linux runs on, where that differs. The page tables are
 * RISC-V's in any case. MW_ISA_X86_64: pages that may be executed can be read; the last page of user
 * space cannot be used; an address that is not canonical is SIGSEGV with SI_KERNEL and address 0.
 */
enum mw_isa { MW_ISA_RISCV, MW_ISA_X86_64, MW_ISA_COUNT };

/*
 * What the disk costs: the figures of mw_costs (block_*), or those of a model of a kind of disk, which
 * src/dev tells with their sources.
 */
enum mw_disk_latency {
    MW_LATENCY_COSTS,
    MW_LATENCY_RAM,
    MW_LATENCY_HDD,
    MW_LATENCY_SATA_SSD,
    MW_LATENCY_NVME,
    MW_LATENCY_NETWORK,
    MW_LATENCY_COUNT
};

#define MW_DISK_NAME_BYTES 512u /* of a path or URI, with its end */

/* Simulated costs in cycles of a 1 GHz hart, so a cycle is a nanosecond. */
struct mw_costs {
    uint32_t tlb_hit;   /* one access that hits the TLB, its first level where there are two */
    uint32_t walk_step; /* one PTE fetched by the walker */
    uint32_t trap;      /* entry and return of an exception or system call */
    uint32_t zero_frame;
    uint32_t copy_frame;
    uint32_t flush;       /* one sfence.vma */
    uint32_t ipi;         /* one remote hart in a shootdown */
    uint32_t block_read;  /* one request, plus block_byte_ps per byte */
    uint32_t block_write; /* one request */
    uint32_t block_flush; /* one flush of the device's write cache */
    uint32_t block_byte_ps;
    uint32_t tlb_l2_hit; /* one access that hits the second level only: instead of tlb_hit */
};

struct mw_config {
    enum mw_mode mode;   /* paging mode of every process; not BARE */
    uint64_t ram_base;   /* physical address of the first byte; page-aligned */
    uint64_t ram_bytes;  /* page-aligned, > 0; sparse: untouched RAM costs nothing */
    uint32_t harts;      /* 1..64 */
    struct mw_tlbs tlbs; /* of each hart; see <mapwalk/tlb.h> */
    uint32_t asid_bits;  /* 0..16 */
    bool hardware_ad;    /* Svadu: hardware sets A and D; false: Svade, it raises a page fault */
    bool svnapot;        /* 64 KiB regions (PTE bit N); false: a PTE with N set is a page fault */
    bool svpbmt;         /* memory types, only checked; false: a PTE with one is a page fault */
    uint64_t disk_bytes; /* of the RAM block device that holds the ext2 volume */
    uint64_t seed;       /* of everything random */
    enum mw_placement placement;
    uint64_t mmap_base;         /* 0: chosen from the mode, as Linux does without randomisation */
    uint64_t brk_base;          /* start of the heap of a new process */
    uint64_t mmap_min_addr;     /* lowest address that a mapping may have */
    uint64_t stack_limit_bytes; /* RLIMIT_STACK: how far a growing stack may grow */
    uint64_t max_map_count;     /* VMAs of one process (vm.max_map_count) */
    uint32_t max_processes;
    bool check;        /* run the checkers after every system call and fault; very slow */
    bool detect_stale; /* slow: every TLB hit is compared with a walk; see <mapwalk/stale.h> */
    uint64_t fail_allocation; /* for tests: this allocation of the machine fails, counted from 1; 0:
                                 none */
    struct mw_costs costs;
    uint64_t limit_as_bytes;      /* RLIMIT_AS of a new process; MW_UNLIMITED: none */
    uint64_t limit_data_bytes;    /* RLIMIT_DATA */
    uint64_t limit_memlock_bytes; /* RLIMIT_MEMLOCK */
    uint32_t overcommit;          /* vm.overcommit_memory: 0 guess, 1 always, 2 never */
    uint32_t overcommit_ratio;    /* percent of RAM that mode 2 lets be committed */
    bool privileged;              /* processes have CAP_IPC_LOCK, CAP_SYS_ADMIN and CAP_SYS_RAWIO */
    bool anon_vma_name;           /* areas can be named (CONFIG_ANON_VMA_NAME) */
    enum mw_kernel kernel;
    enum mw_isa isa;
    uint32_t migrate; /* turns of logs after which a process changes its hart; 0: it does not */

    /* The page cache, with Linux's names and values (vm.dirty_*, read_ahead_kb, fault_around_bytes). */
    uint64_t fault_around_bytes;     /* mapped around a read fault: a power of two, 4096: no more */
    uint32_t readahead_pages;        /* largest window of readahead; 0: none */
    uint32_t dirty_background_ratio; /* percent of RAM above which the flusher writes */
    uint32_t dirty_ratio;            /* percent above which writers wait for it */
    uint32_t dirty_expire_ms;        /* a page that was dirty for so long is written */
    uint32_t dirty_writeback_ms;     /* how often the flusher wakes; 0: never by the clock */
    bool drop_failed_writes; /* a page that could not be written becomes clean, as in Linux; false:
                                it stays dirty and is tried again */

    /*
     * The disk: an image file, which is mounted and not formatted; or an NBD server, formatted when it
     * is blank; or RAM (both empty), of disk_bytes, formatted. At most one of the two names.
     */
    char disk_image[MW_DISK_NAME_BYTES];
    char disk_nbd[MW_DISK_NAME_BYTES];
    bool disk_direct; /* disk_image is opened with O_DIRECT: past the page cache of the host */
    bool disk_cache;  /* the disk has a volatile write cache, which mw_power_cut loses */
    enum mw_disk_latency disk_latency;
};

#define MW_UNLIMITED UINT64_MAX /* RLIM_INFINITY */

/*
 * The `linux` profile: Linux without address randomisation on an Sv39 machine of 64 GiB. Svnapot
 * and Svpbmt are off, as the simulated kernel makes no such PTEs: one that appears is a fault. A
 * machine like QEMU's with the CPU `max` has both on.
 */
void mw_config_init(struct mw_config *config);

/* Sets all fields to a named profile. 0, or -EINVAL for an unknown name. Known: "linux". */
int mw_config_profile(struct mw_config *config, const char *name);

/*
 * Sets one field from text: "ram" "64M", "mode" "sv48", "costs.trap" "120". Sizes take K, M, G, T.
 * 0; -ENOENT for an unknown key; -EINVAL for a value that is malformed or out of range.
 *
 * "tlb" sets all the TLBs: to a preset ("rocket"), or to a geometry as mw_tlb_parse reads it
 * ("64x4"), which is that of l1d then, and there is nothing else. "tlb.l1d", "tlb.l1i", "tlb.l2",
 * "tlb.l2i" and "tlb.walk-cache" set one part, the last four to "none" too; "tlb.prefetch" takes a
 * number. Set "tlb" before the parts. mw_config_validate finds parts that do not go together.
 */
int mw_config_set(struct mw_config *config, const char *key, const char *value);

/* 0, or -EINVAL with a one-line reason in `why` (why_bytes may be 0). */
int mw_config_validate(const struct mw_config *config, char *why, size_t why_bytes);

/* The i-th key that mw_config_set knows with its one-line help; NULL past the last. */
const char *mw_config_key(unsigned i, const char **help);

const char *mw_mode_name(unsigned mode);            /* "sv39" */
const char *mw_kernel_name(unsigned kernel);        /* "6.18" */
const char *mw_isa_name(unsigned isa);              /* "riscv" */
const char *mw_disk_latency_name(unsigned latency); /* "costs", "sata-ssd" */

#ifdef __cplusplus
}
#endif

#endif
