/*
 * Fields of a configuration as text. See config_text.h.
 *
 * Role: layer 9. The inverse of mw_config_set, which a layer below has; the golden case `config`
 * proves that it is.
 */
#include "view/config_text.h"

#include <inttypes.h>
#include <mapwalk/tlb.h>
#include <stdio.h>
#include <string.h>

enum config_text_type {
    CONFIG_TEXT_U32,
    CONFIG_TEXT_U64,
    CONFIG_TEXT_SIZE,
    CONFIG_TEXT_ADDRESS,
    CONFIG_TEXT_BOOL,
    CONFIG_TEXT_LIMIT,
    CONFIG_TEXT_NAME /* of a disk */
};

struct config_text_field {
    const char *key;
    size_t offset;
    enum config_text_type type;
};

/* Where the fields are that one number says all about; mode, placement, kernel, isa and TLBs have words. */
static const struct config_text_field config_text_fields[] = {
#define FIELD(key, member, type)                                    \
    {                                                               \
        key, offsetof(struct mw_config, member), CONFIG_TEXT_##type \
    }
    FIELD("ram", ram_bytes, SIZE),
    FIELD("ram-base", ram_base, ADDRESS),
    FIELD("harts", harts, U32),
    FIELD("tlb.prefetch", tlbs.prefetch, U32),
    FIELD("asid-bits", asid_bits, U32),
    FIELD("hardware-ad", hardware_ad, BOOL),
    FIELD("svnapot", svnapot, BOOL),
    FIELD("svpbmt", svpbmt, BOOL),
    FIELD("disk", disk_bytes, SIZE),
    FIELD("seed", seed, U64),
    FIELD("mmap-base", mmap_base, ADDRESS),
    FIELD("brk-base", brk_base, ADDRESS),
    FIELD("mmap-min-addr", mmap_min_addr, ADDRESS),
    FIELD("stack-limit", stack_limit_bytes, LIMIT),
    FIELD("max-map-count", max_map_count, U64),
    FIELD("max-processes", max_processes, U32),
    FIELD("check", check, BOOL),
    FIELD("detect-stale", detect_stale, BOOL),
    FIELD("costs.tlb-hit", costs.tlb_hit, U32),
    FIELD("costs.tlb-l2-hit", costs.tlb_l2_hit, U32),
    FIELD("costs.walk-step", costs.walk_step, U32),
    FIELD("costs.trap", costs.trap, U32),
    FIELD("costs.zero-frame", costs.zero_frame, U32),
    FIELD("costs.copy-frame", costs.copy_frame, U32),
    FIELD("costs.flush", costs.flush, U32),
    FIELD("costs.ipi", costs.ipi, U32),
    FIELD("costs.block-read", costs.block_read, U32),
    FIELD("costs.block-write", costs.block_write, U32),
    FIELD("costs.block-flush", costs.block_flush, U32),
    FIELD("costs.block-byte-ps", costs.block_byte_ps, U32),
    FIELD("limit-as", limit_as_bytes, LIMIT),
    FIELD("limit-data", limit_data_bytes, LIMIT),
    FIELD("limit-memlock", limit_memlock_bytes, LIMIT),
    FIELD("overcommit", overcommit, U32),
    FIELD("overcommit-ratio", overcommit_ratio, U32),
    FIELD("privileged", privileged, BOOL),
    FIELD("anon-vma-name", anon_vma_name, BOOL),
    FIELD("migrate", migrate, U32),
    FIELD("fault-around", fault_around_bytes, SIZE),
    FIELD("readahead", readahead_pages, U32),
    FIELD("dirty-background-ratio", dirty_background_ratio, U32),
    FIELD("dirty-ratio", dirty_ratio, U32),
    FIELD("dirty-expire", dirty_expire_ms, U32),
    FIELD("dirty-writeback", dirty_writeback_ms, U32),
    FIELD("drop-failed-writes", drop_failed_writes, BOOL),
    FIELD("disk-image", disk_image, NAME),
    FIELD("disk-nbd", disk_nbd, NAME),
    FIELD("disk-direct", disk_direct, BOOL),
    FIELD("disk-cache", disk_cache, BOOL),
#undef FIELD
};

#define CONFIG_TEXT_FIELDS (sizeof(config_text_fields) / sizeof(config_text_fields[0]))

void config_text_size(uint64_t size, char *out, size_t bytes)
{
    static const char suffixes[] = "KMGT";
    unsigned power = 0;

    while (power < 4 && size != 0 && size % 1024 == 0) {
        size /= 1024;
        power++;
    }
    if (power == 0)
        snprintf(out, bytes, "%" PRIu64, size);
    else
        snprintf(out, bytes, "%" PRIu64 "%c", size, suffixes[power - 1]);
}

/* memcpy rather than a cast: offsets are bytes, and nothing but the table says what lies there. */
static void config_text_number(const void *field, enum config_text_type type, char *out,
                               size_t bytes)
{
    uint32_t narrow;
    uint64_t wide;

    switch (type) {
    case CONFIG_TEXT_BOOL:
        snprintf(out, bytes, "%s", *(const bool *)field ? "yes" : "no");
        return;
    case CONFIG_TEXT_NAME:
        snprintf(out, bytes, "%s", *(const char *)field == '\0' ? "none" : (const char *)field);
        return;
    case CONFIG_TEXT_U32:
        memcpy(&narrow, field, sizeof(narrow));
        snprintf(out, bytes, "%" PRIu32, narrow);
        return;
    default:
        break;
    }
    memcpy(&wide, field, sizeof(wide));
    if (type == CONFIG_TEXT_LIMIT && wide == MW_UNLIMITED)
        snprintf(out, bytes, "unlimited");
    else if (type == CONFIG_TEXT_SIZE || type == CONFIG_TEXT_LIMIT)
        config_text_size(wide, out, bytes);
    else if (type == CONFIG_TEXT_ADDRESS)
        snprintf(out, bytes, "0x%" PRIx64, wide);
    else
        snprintf(out, bytes, "%" PRIu64, wide);
}

/* The TLB, or the walk cache, that the key names; NULL: none. */
static const struct mw_tlb *config_text_tlb(const struct mw_tlbs *tlbs, const char *key)
{
    const struct {
        const char *key;
        const struct mw_tlb *tlb;
    } parts[] = {{"tlb.l1i", &tlbs->l1i},
                 {"tlb.l1d", &tlbs->l1d},
                 {"tlb.l2", &tlbs->l2},
                 {"tlb.l2i", &tlbs->l2i},
                 {"tlb.walk-cache", &tlbs->walk_cache}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcmp(parts[i].key, key) == 0)
            return parts[i].tlb;
    return NULL;
}

/* The keys that are words. */
static bool config_text_word(const struct mw_config *config, const struct config_text_words *words,
                             const char *key, char *out, size_t bytes)
{
    static const char *const placements[MW_PLACE_COUNT] = {[MW_PLACE_TOP_DOWN] = "top-down",
                                                           [MW_PLACE_FIRST_FIT] = "first-fit",
                                                           [MW_PLACE_BOTTOM_UP] = "bottom-up",
                                                           [MW_PLACE_DOWN_ONLY] = "down-only",
                                                           [MW_PLACE_HEAP_END] = "heap-end"};
    static const char *const latencies[MW_LATENCY_COUNT] = {
        [MW_LATENCY_COSTS] = "costs", [MW_LATENCY_RAM] = "ram",
        [MW_LATENCY_HDD] = "hdd",     [MW_LATENCY_SATA_SSD] = "sata-ssd",
        [MW_LATENCY_NVME] = "nvme",   [MW_LATENCY_NETWORK] = "network"};
    const struct mw_tlb *tlb = config_text_tlb(&config->tlbs, key);

    if (tlb != NULL)
        words->tlb_format(tlb, out, bytes);
    else if (strcmp(key, "mode") == 0)
        snprintf(out, bytes, "%s", words->mode);
    else if (strcmp(key, "tlb") == 0)
        snprintf(out, bytes, "%s", words->tlbs == NULL ? "custom" : words->tlbs);
    else if (strcmp(key, "placement") == 0)
        snprintf(out, bytes, "%s",
                 config->placement < MW_PLACE_COUNT ? placements[config->placement] : "?");
    else if (strcmp(key, "kernel") == 0)
        snprintf(out, bytes, "%s", config->kernel == MW_KERNEL_6_12 ? "6.12" : "6.18");
    else if (strcmp(key, "isa") == 0)
        snprintf(out, bytes, "%s", config->isa == MW_ISA_X86_64 ? "x86-64" : "riscv");
    else if (strcmp(key, "disk-latency") == 0)
        snprintf(out, bytes, "%s",
                 config->disk_latency < MW_LATENCY_COUNT ? latencies[config->disk_latency] : "?");
    else
        return false;
    return true;
}

bool config_text_format(const struct mw_config *config, const struct config_text_words *words,
                        const char *key, char *out, size_t bytes)
{
    if (config_text_word(config, words, key, out, bytes))
        return true;
    for (size_t i = 0; i < CONFIG_TEXT_FIELDS; i++) {
        const struct config_text_field *f = &config_text_fields[i];

        if (strcmp(f->key, key) != 0)
            continue;
        config_text_number((const char *)config + f->offset, f->type, out, bytes);
        return true;
    }
    return false;
}
