/*
 * Policies as data: the profile `linux`, and setting single fields from text. Layer 7.
 */
#include <mapwalk/config.h>
#include <mapwalk/tlb.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/contract.h"
#include "base/err.h"
#include "base/text.h"
#include "dev/dev.h"
#include "frame/frame.h"
#include "hw/mode.h"
#include "pt/harts.h"

#define CONFIG_DISK_MIN (64 * 1024u) /* volume_format's smallest file system */

#define CONFIG_TLBS "simple" /* the preset that every profile begins with */

#define GIB ((uint64_t)1 << 30)
#define MIB ((uint64_t)1 << 20)

/*
 * Costs: order of magnitude of a 1 GHz in-order hart with DRAM at 20 cycles a cached PTE, and of an
 * NVMe disk. A second-level hit lies well above a hit and well below one step of a walk, as it is
 * one access to a larger array, while a PTE comes through the data caches.
 */
static const struct mw_costs config_costs = {
    .tlb_hit = 1,
    .tlb_l2_hit = 8,
    .walk_step = 20,
    .trap = 400,
    .zero_frame = 500,
    .copy_frame = 700,
    .flush = 30,
    .ipi = 1000,
    .block_read = 80000,
    .block_write = 20000,
    .block_flush = 200000,
    .block_byte_ps = 500,
};

void mw_config_init(struct mw_config *config)
{
    memset(config, 0, sizeof(*config));
    config->mode = MW_MODE_SV39;
    config->ram_base = 0x80000000;
    config->ram_bytes = 64 * GIB;
    config->harts = 1;
    contract(mw_tlbs_preset(&config->tlbs, CONFIG_TLBS) == 0);
    config->asid_bits = 16;
    config->hardware_ad = true;
    config->disk_bytes = 1 * GIB;
    config->seed = 1;
    config->placement = MW_PLACE_TOP_DOWN;
    config->brk_base = 0x10000000;
    config->mmap_min_addr = 0x10000;
    config->stack_limit_bytes = 8 * MIB;
    config->max_map_count = 65530;
    config->max_processes = 32768;
    config->costs = config_costs;
    config->limit_as_bytes = MW_UNLIMITED;
    config->limit_data_bytes = MW_UNLIMITED;
    config->limit_memlock_bytes = 8 * MIB;
    config->overcommit_ratio = 50;
    config->anon_vma_name = true;
    config->fault_around_bytes = 65536;
    config->readahead_pages = 32;
    config->dirty_background_ratio = 10;
    config->dirty_ratio = 20;
    config->dirty_expire_ms = 30000;
    config->dirty_writeback_ms = 5000;
}

int mw_config_profile(struct mw_config *config, const char *name)
{
    if (strcmp(name, "linux") != 0)
        return -EINVAL;
    mw_config_init(config);
    return 0;
}

static const char *const mode_names[MW_MODE_COUNT] = {[MW_MODE_BARE] = "bare",
                                                      [MW_MODE_SV39] = "sv39",
                                                      [MW_MODE_SV48] = "sv48",
                                                      [MW_MODE_SV57] = "sv57"};

static const char *const placement_names[MW_PLACE_COUNT] = {[MW_PLACE_TOP_DOWN] = "top-down",
                                                            [MW_PLACE_FIRST_FIT] = "first-fit",
                                                            [MW_PLACE_BOTTOM_UP] = "bottom-up",
                                                            [MW_PLACE_DOWN_ONLY] = "down-only",
                                                            [MW_PLACE_HEAP_END] = "heap-end"};

static const char *const kernel_names[MW_KERNEL_COUNT] = {
    [MW_KERNEL_6_18] = "6.18", [MW_KERNEL_6_12] = "6.12"};

static const char *const isa_names[MW_ISA_COUNT] = {
    [MW_ISA_RISCV] = "riscv", [MW_ISA_X86_64] = "x86-64"};

static const char *const latency_names[MW_LATENCY_COUNT] = {
    [MW_LATENCY_COSTS] = "costs", [MW_LATENCY_RAM] = "ram",
    [MW_LATENCY_HDD] = "hdd",     [MW_LATENCY_SATA_SSD] = "sata-ssd",
    [MW_LATENCY_NVME] = "nvme",   [MW_LATENCY_NETWORK] = "network"};

const char *mw_disk_latency_name(unsigned latency)
{
    return latency < MW_LATENCY_COUNT ? latency_names[latency] : "?";
}

const char *mw_kernel_name(unsigned kernel)
{
    return kernel < MW_KERNEL_COUNT ? kernel_names[kernel] : "?";
}

const char *mw_isa_name(unsigned isa)
{
    return isa < MW_ISA_COUNT ? isa_names[isa] : "?";
}

const char *mw_mode_name(unsigned mode)
{
    return mode < MW_MODE_COUNT ? mode_names[mode] : "?";
}

/* ---- fields by name ---- */

enum field_type {
    FIELD_U32,
    FIELD_U64,
    FIELD_BOOL,
    FIELD_MODE,
    FIELD_PLACEMENT,
    FIELD_KERNEL,
    FIELD_ISA,
    FIELD_LATENCY,
    FIELD_DISK_NAME,
    FIELD_TLBS,
    FIELD_TLB,
    FIELD_WALK_CACHE,
    FIELD_LIMIT
};

struct config_field {
    const char *key;
    enum field_type type;
    size_t offset;
    const char *help;
};

#define FIELD(name, type, member, text)                      \
    {                                                        \
        name, type, offsetof(struct mw_config, member), text \
    }

static const struct config_field config_fields[] = {
    FIELD("mode", FIELD_MODE, mode, "paging mode: sv39, sv48 or sv57"),
    FIELD("ram", FIELD_U64, ram_bytes, "bytes of RAM (K, M, G, T)"),
    FIELD("ram-base", FIELD_U64, ram_base, "physical address of the first byte of RAM"),
    FIELD("harts", FIELD_U32, harts, "number of harts, 1 to 64"),
    FIELD("tlb", FIELD_TLBS, tlbs,
          "all TLBs: a preset (`mapwalk help tlb'), or one geometry for everything, SETSxWAYS"),
    FIELD("tlb.l1i", FIELD_TLB, tlbs.l1i, "first level for fetches; none: they use l1d"),
    FIELD("tlb.l1d", FIELD_TLB, tlbs.l1d, "first level for loads and stores"),
    FIELD("tlb.l2", FIELD_TLB, tlbs.l2, "second level; none: there is one level"),
    FIELD("tlb.l2i", FIELD_TLB, tlbs.l2i, "second level for fetches; none: they use l2"),
    FIELD("tlb.walk-cache", FIELD_WALK_CACHE, tlbs.walk_cache,
          "cache of pointer PTEs; none: walks begin at the root"),
    FIELD("tlb.prefetch", FIELD_U32, tlbs.prefetch, "pages walked ahead after a walk, 0 to 8"),
    FIELD("asid-bits", FIELD_U32, asid_bits, "ASID width, 0 to 16"),
    FIELD("hardware-ad", FIELD_BOOL, hardware_ad, "hardware sets A and D (Svadu) or traps (Svade)"),
    FIELD("svnapot", FIELD_BOOL, svnapot, "64 KiB NAPOT translations (Svnapot), or N is reserved"),
    FIELD("svpbmt", FIELD_BOOL, svpbmt, "memory types in PTEs (Svpbmt), or PBMT is reserved"),
    FIELD("disk", FIELD_U64, disk_bytes, "bytes of the block device (K, M, G, T)"),
    FIELD("seed", FIELD_U64, seed, "seed of everything random"),
    FIELD("placement", FIELD_PLACEMENT, placement,
          "where mmap lands: top-down, first-fit, bottom-up, down-only or heap-end"),
    FIELD("mmap-base", FIELD_U64, mmap_base,
          "top (top-down, down-only) or bottom (first-fit, bottom-up) of mappings; 0: 128 MiB or "
          "two pages below the top, 8 MiB above the heap's start, a third of user space"),
    FIELD("brk-base", FIELD_U64, brk_base, "start of the heap of a new process"),
    FIELD("mmap-min-addr", FIELD_U64, mmap_min_addr, "lowest address a mapping may have"),
    FIELD("stack-limit", FIELD_LIMIT, stack_limit_bytes, "how far a stack may grow (RLIMIT_STACK)"),
    FIELD("max-map-count", FIELD_U64, max_map_count, "VMAs of one process"),
    FIELD("max-processes", FIELD_U32, max_processes, "processes at one time"),
    FIELD("check", FIELD_BOOL, check, "run all checkers after every call and fault (slow)"),
    FIELD("detect-stale", FIELD_BOOL, detect_stale,
          "compare every TLB hit with a walk, to find missing fences (slow)"),
    FIELD("costs.tlb-hit", FIELD_U32, costs.tlb_hit, "ns of an access that hits the TLB"),
    FIELD("costs.tlb-l2-hit", FIELD_U32, costs.tlb_l2_hit,
          "ns of an access that hits the second level only"),
    FIELD("costs.walk-step", FIELD_U32, costs.walk_step, "ns of one PTE fetched by the walker"),
    FIELD("costs.trap", FIELD_U32, costs.trap, "ns of a trap or system call, there and back"),
    FIELD("costs.zero-frame", FIELD_U32, costs.zero_frame, "ns of zeroing a frame"),
    FIELD("costs.copy-frame", FIELD_U32, costs.copy_frame, "ns of copying a frame"),
    FIELD("costs.flush", FIELD_U32, costs.flush, "ns of one sfence.vma"),
    FIELD("costs.ipi", FIELD_U32, costs.ipi, "ns of telling one remote hart in a shootdown"),
    FIELD("costs.block-read", FIELD_U32, costs.block_read, "ns of one read request"),
    FIELD("costs.block-write", FIELD_U32, costs.block_write, "ns of one write request"),
    FIELD("costs.block-flush", FIELD_U32, costs.block_flush, "ns of one device flush"),
    FIELD("costs.block-byte-ps", FIELD_U32, costs.block_byte_ps, "picoseconds per byte moved"),
    FIELD("limit-as", FIELD_LIMIT, limit_as_bytes, "address space of a process (RLIMIT_AS)"),
    FIELD("limit-data", FIELD_LIMIT, limit_data_bytes,
          "private writable memory of a process (RLIMIT_DATA)"),
    FIELD("limit-memlock", FIELD_LIMIT, limit_memlock_bytes,
          "locked memory of a process (RLIMIT_MEMLOCK)"),
    FIELD("overcommit", FIELD_U32, overcommit, "vm.overcommit_memory: 0 guess, 1 always, 2 never"),
    FIELD("overcommit-ratio", FIELD_U32, overcommit_ratio,
          "percent of RAM that overcommit 2 lets be committed"),
    FIELD("privileged", FIELD_BOOL, privileged,
          "processes have CAP_IPC_LOCK, CAP_SYS_ADMIN and CAP_SYS_RAWIO"),
    FIELD("anon-vma-name", FIELD_BOOL, anon_vma_name,
          "areas can be named by prctl (CONFIG_ANON_VMA_NAME)"),
    FIELD("kernel", FIELD_KERNEL, kernel, "the Linux whose rules hold: 6.18 or 6.12"),
    FIELD("isa", FIELD_ISA, isa,
          "the processor that programs see: riscv, or x86-64 (reads what may be executed)"),
    FIELD("migrate", FIELD_U32, migrate,
          "after so many turns of logs a process moves to another hart; 0: never"),
    FIELD("fault-around", FIELD_U64, fault_around_bytes,
          "bytes mapped around a read fault on a file: a power of two; 4096: the page alone"),
    FIELD("readahead", FIELD_U32, readahead_pages, "pages read ahead at most; 0: none"),
    FIELD("dirty-background-ratio", FIELD_U32, dirty_background_ratio,
          "percent of RAM that is dirty when the flusher begins to write"),
    FIELD("dirty-ratio", FIELD_U32, dirty_ratio, "percent at which writers wait for it"),
    FIELD("dirty-expire", FIELD_U32, dirty_expire_ms,
          "milliseconds after which a dirty page is written"),
    FIELD("dirty-writeback", FIELD_U32, dirty_writeback_ms,
          "milliseconds between two wakings of the flusher; 0: the clock does not wake it"),
    FIELD("drop-failed-writes", FIELD_BOOL, drop_failed_writes,
          "forget pages that could not be written, as Linux does; no: they stay dirty"),
    FIELD("disk-image", FIELD_DISK_NAME, disk_image,
          "image file that is the disk: mounted as it is, locked, and written to"),
    FIELD("disk-nbd", FIELD_DISK_NAME, disk_nbd,
          "NBD server that is the disk (nbd+unix:///?socket=PATH); formatted when blank"),
    FIELD("disk-direct", FIELD_BOOL, disk_direct,
          "open disk-image with O_DIRECT, past the host's page cache"),
    FIELD("disk-cache", FIELD_BOOL, disk_cache,
          "the disk has a volatile write cache, which a power cut loses"),
    FIELD("disk-latency", FIELD_LATENCY, disk_latency,
          "what requests cost: costs (costs.block-*), ram, hdd, sata-ssd, nvme or network"),
};

#define CONFIG_FIELDS (sizeof(config_fields) / sizeof(config_fields[0]))

const char *mw_config_key(unsigned i, const char **help)
{
    if (i >= CONFIG_FIELDS)
        return NULL;
    if (help != NULL)
        *help = config_fields[i].help;
    return config_fields[i].key;
}

/* The index of a word in a list, or -1. */
static int config_word(const char *const *words, int count, const char *word)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/*
 * A preset's name, or one geometry: then there is that TLB and nothing else. Names and geometries
 * cannot be mistaken for each other, as a geometry begins with a digit and a preset's name does not.
 */
static int config_set_tlbs(struct mw_tlbs *tlbs, const char *value)
{
    struct mw_tlbs alone = {0};

    if (mw_tlbs_preset(tlbs, value) == 0)
        return 0;
    if (mw_tlb_parse(value, 0, &alone.l1d) != 0 || alone.l1d.arrays == 0)
        return -EINVAL;
    *tlbs = alone;
    return 0;
}

static int config_set_number(void *field, enum field_type type, const char *value)
{
    uint64_t number = MW_UNLIMITED;

    if (!(type == FIELD_LIMIT && strcmp(value, "unlimited") == 0) &&
        !text_parse_u64(value, &number))
        return -EINVAL;
    if (type == FIELD_U64 || type == FIELD_LIMIT) {
        memcpy(field, &number, sizeof(number));
        return 0;
    }
    if (number > UINT32_MAX)
        return -EINVAL;
    memcpy(field, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
    return 0;
}

static int config_set_bool(bool *field, const char *value)
{
    static const char *const words[] = {"no", "yes", "off", "on", "false", "true", "0", "1"};
    int word = config_word(words, (int)(sizeof(words) / sizeof(words[0])), value);

    if (word < 0)
        return -EINVAL;
    *field = word % 2 == 1;
    return 0;
}

/* The fields that are words: enums, all of one size. */
struct config_words {
    enum field_type type;
    const char *const *words;
    int count;
    int least; /* what stands before it is not for configurations */
};

static const struct config_words config_words[] = {
    {FIELD_MODE, mode_names, MW_MODE_COUNT, MW_MODE_BARE + 1},
    {FIELD_PLACEMENT, placement_names, MW_PLACE_COUNT, 0},
    {FIELD_KERNEL, kernel_names, MW_KERNEL_COUNT, 0},
    {FIELD_ISA, isa_names, MW_ISA_COUNT, 0},
    {FIELD_LATENCY, latency_names, MW_LATENCY_COUNT, 0},
};

_Static_assert(sizeof(enum mw_mode) == sizeof(unsigned) &&
                   sizeof(enum mw_placement) == sizeof(unsigned) &&
                   sizeof(enum mw_kernel) == sizeof(unsigned) &&
                   sizeof(enum mw_isa) == sizeof(unsigned) &&
                   sizeof(enum mw_disk_latency) == sizeof(unsigned),
               "config_set_word writes them as numbers");

static int config_set_word(void *field, const struct config_words *w, const char *value)
{
    int word = config_word(w->words, w->count, value);

    if (word < w->least)
        return -EINVAL;
    memcpy(field, &(unsigned){(unsigned)word}, sizeof(unsigned));
    return 0;
}

/* The path of a file, or a URI. "none" takes it away (a file of that name is "./none"). */
static int config_set_disk_name(char *field, const char *value)
{
    const char *name = strcmp(value, "none") == 0 ? "" : value;
    size_t bytes = strlen(name) + 1;

    if (bytes > MW_DISK_NAME_BYTES)
        return -EINVAL;
    memcpy(field, name, bytes);
    return 0;
}

static int config_set_field(struct mw_config *config, const struct config_field *f,
                            const char *value)
{
    void *field = (char *)config + f->offset;

    for (size_t i = 0; i < sizeof(config_words) / sizeof(config_words[0]); i++)
        if (config_words[i].type == f->type)
            return config_set_word(field, &config_words[i], value);
    switch (f->type) {
    case FIELD_TLBS:
        return config_set_tlbs(field, value);
    case FIELD_TLB:
        return mw_tlb_parse(value, 0, field);
    case FIELD_WALK_CACHE:
        return mw_tlb_parse(value, 1, field);
    case FIELD_BOOL:
        return config_set_bool(field, value);
    case FIELD_DISK_NAME:
        return config_set_disk_name(field, value);
    default:
        return config_set_number(field, f->type, value);
    }
}

int mw_config_set(struct mw_config *config, const char *key, const char *value)
{
    for (size_t i = 0; i < CONFIG_FIELDS; i++)
        if (strcmp(config_fields[i].key, key) == 0) {
            struct mw_config changed = *config;
            int err = config_set_field(&changed, &config_fields[i], value);

            if (err == 0)
                *config = changed;
            return err;
        }
    return -ENOENT;
}

/* ---- is it a machine that can be built? ---- */

#define CONFIG_WINDOW (1u << 20) /* pages: 4 GiB, more than any readahead means */

/* What is wrong with the page cache and the disk, or NULL. */
static const char *config_fault_of_files(const struct mw_config *c)
{
    if (c->disk_bytes < CONFIG_DISK_MIN || c->disk_bytes % DEV_BLOCK_BYTES != 0)
        return "disk must be a multiple of 1024 and at least 64K";
    if (c->fault_around_bytes < PAGE_BYTES ||
        (c->fault_around_bytes & (c->fault_around_bytes - 1)) != 0)
        return "fault-around must be a power of two and at least 4096";
    if (c->readahead_pages > CONFIG_WINDOW)
        return "readahead must be at most 1048576 pages";
    if (c->dirty_background_ratio > 100 || c->dirty_ratio > 100)
        return "dirty-background-ratio and dirty-ratio must be percentages";
    if (memchr(c->disk_image, '\0', sizeof(c->disk_image)) == NULL ||
        memchr(c->disk_nbd, '\0', sizeof(c->disk_nbd)) == NULL)
        return "disk-image and disk-nbd must end";
    if (c->disk_image[0] != '\0' && c->disk_nbd[0] != '\0')
        return "the disk is disk-image or disk-nbd, not both";
    if (c->disk_latency >= MW_LATENCY_COUNT)
        return "disk-latency must be costs, ram, hdd, sata-ssd, nvme or network";
    return NULL;
}

/* The first thing that is wrong, TLBs aside, or NULL. */
static const char *config_fault(const struct mw_config *c)
{
    if (c->mode <= MW_MODE_BARE || c->mode >= MW_MODE_COUNT)
        return "mode must be sv39, sv48 or sv57";
    if (c->ram_bytes == 0 || !page_aligned(c->ram_bytes) || !page_aligned(c->ram_base))
        return "ram and ram-base must be multiples of 4096, and ram not 0";
    if (c->ram_bytes >> PAGE_SHIFT >= FRAME_NONE ||
        c->ram_base > ((uint64_t)1 << 56) - c->ram_bytes)
        return "RAM must end at 2^56 at most and have at most 2^32 - 2 frames";
    if (c->harts < 1 || c->harts > HARTS_MAX)
        return "harts must be 1 to 64";
    if (c->asid_bits > 16)
        return "asid-bits must be 0 to 16";
    if (c->placement >= MW_PLACE_COUNT)
        return "placement must be top-down, first-fit, bottom-up, down-only or heap-end";
    if (c->kernel >= MW_KERNEL_COUNT)
        return "kernel must be 6.18 or 6.12";
    if (c->isa >= MW_ISA_COUNT)
        return "isa must be riscv or x86-64";
    if (c->mmap_base > mode_user_end(c->mode) || !page_aligned(c->mmap_base))
        return "mmap-base must be a multiple of 4096 in the user half of the mode";
    if (c->brk_base > mode_user_end(c->mode) - PAGE_BYTES || !page_aligned(c->mmap_min_addr))
        return "brk-base must lie in the user half of the mode, mmap-min-addr be a multiple of "
               "4096";
    if (c->max_processes < 1)
        return "max-processes must be at least 1";
    if (c->overcommit > 2 || c->overcommit_ratio > 100)
        return "overcommit must be 0, 1 or 2, overcommit-ratio a percentage";
    return config_fault_of_files(c);
}

int mw_config_validate(const struct mw_config *config, char *why, size_t why_bytes)
{
    const char *fault = config_fault(config);

    if (fault == NULL)
        return mw_tlbs_validate(&config->tlbs, why, why_bytes);
    if (why_bytes > 0)
        snprintf(why, why_bytes, "%s", fault);
    return -EINVAL;
}
