/*
 * Policies as data: the profile, every key with good and with hostile values, and what is no
 * machine at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mapwalk/config.h>
#include <mapwalk/machine.h>

#include "base/err.h"
#include "kernel/machine.h"

/* ---- every key ---- */

struct key_case {
    const char *key;
    const char *good[4]; /* accepted, and different from the profile's value */
    uint64_t values[4];
    size_t offset;
    size_t bytes;
};

#define FIELD(member) offsetof(struct mw_config, member), sizeof(((struct mw_config *)0)->member)

static const struct key_case key_cases[] = {
    {"mode", {"sv48", "sv57"}, {MW_MODE_SV48, MW_MODE_SV57}, FIELD(mode)},
    {"ram",
     {"64M", "4096", "0x1000", "1T"},
     {64 << 20, 4096, 4096, UINT64_C(1) << 40},
     FIELD(ram_bytes)},
    {"ram-base", {"0", "1G"}, {0, 1 << 30}, FIELD(ram_base)},
    {"harts", {"2", "64"}, {2, 64}, FIELD(harts)},
    {"asid-bits", {"0", "9"}, {0, 9}, FIELD(asid_bits)},
    {"hardware-ad", {"no", "off", "false", "0"}, {0, 0, 0, 0}, FIELD(hardware_ad)},
    {"svnapot", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(svnapot)},
    {"svpbmt", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(svpbmt)},
    {"disk", {"64K", "3G"}, {65536, UINT64_C(3) << 30}, FIELD(disk_bytes)},
    {"seed", {"0", "18446744073709551615"}, {0, UINT64_MAX}, FIELD(seed)},
    {"placement",
     {"first-fit", "bottom-up", "down-only", "heap-end"},
     {MW_PLACE_FIRST_FIT, MW_PLACE_BOTTOM_UP, MW_PLACE_DOWN_ONLY, MW_PLACE_HEAP_END},
     FIELD(placement)},
    {"kernel", {"6.12"}, {MW_KERNEL_6_12}, FIELD(kernel)},
    {"isa", {"x86-64"}, {MW_ISA_X86_64}, FIELD(isa)},
    {"mmap-base", {"1G", "0x2000"}, {1 << 30, 0x2000}, FIELD(mmap_base)},
    {"brk-base", {"0", "2G"}, {0, UINT64_C(2) << 30}, FIELD(brk_base)},
    {"mmap-min-addr", {"0", "4096"}, {0, 4096}, FIELD(mmap_min_addr)},
    {"stack-limit", {"0", "1M", "unlimited"}, {0, 1 << 20, UINT64_MAX}, FIELD(stack_limit_bytes)},
    {"max-map-count", {"0", "100"}, {0, 100}, FIELD(max_map_count)},
    {"max-processes", {"1", "4294967295"}, {1, UINT32_MAX}, FIELD(max_processes)},
    {"check", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(check)},
    {"detect-stale", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(detect_stale)},
    {"migrate", {"1", "1000"}, {1, 1000}, FIELD(migrate)},
    {"tlb.prefetch", {"1", "8"}, {1, 8}, FIELD(tlbs.prefetch)},
    {"costs.tlb-hit", {"0", "7"}, {0, 7}, FIELD(costs.tlb_hit)},
    {"costs.tlb-l2-hit", {"0", "7"}, {0, 7}, FIELD(costs.tlb_l2_hit)},
    {"costs.walk-step", {"0", "7"}, {0, 7}, FIELD(costs.walk_step)},
    {"costs.trap", {"0", "7"}, {0, 7}, FIELD(costs.trap)},
    {"costs.zero-frame", {"0", "7"}, {0, 7}, FIELD(costs.zero_frame)},
    {"costs.copy-frame", {"0", "7"}, {0, 7}, FIELD(costs.copy_frame)},
    {"costs.flush", {"0", "7"}, {0, 7}, FIELD(costs.flush)},
    {"costs.ipi", {"0", "7"}, {0, 7}, FIELD(costs.ipi)},
    {"costs.block-read", {"0", "7"}, {0, 7}, FIELD(costs.block_read)},
    {"costs.block-write", {"0", "7"}, {0, 7}, FIELD(costs.block_write)},
    {"costs.block-flush", {"0", "7"}, {0, 7}, FIELD(costs.block_flush)},
    {"costs.block-byte-ps", {"0", "7"}, {0, 7}, FIELD(costs.block_byte_ps)},
    {"limit-as", {"0", "1M"}, {0, 1 << 20}, FIELD(limit_as_bytes)},
    {"limit-data", {"0", "1M"}, {0, 1 << 20}, FIELD(limit_data_bytes)},
    {"limit-memlock",
     {"0", "1M", "unlimited"},
     {0, 1 << 20, MW_UNLIMITED},
     FIELD(limit_memlock_bytes)},
    {"overcommit", {"1", "2"}, {1, 2}, FIELD(overcommit)},
    {"overcommit-ratio", {"0", "100"}, {0, 100}, FIELD(overcommit_ratio)},
    {"privileged", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(privileged)},
    {"anon-vma-name", {"no", "off", "false", "0"}, {0, 0, 0, 0}, FIELD(anon_vma_name)},
    {"fault-around", {"4096", "2M"}, {4096, 2 << 20}, FIELD(fault_around_bytes)},
    {"readahead", {"0", "1024"}, {0, 1024}, FIELD(readahead_pages)},
    {"dirty-background-ratio", {"0", "100"}, {0, 100}, FIELD(dirty_background_ratio)},
    {"dirty-ratio", {"1", "100"}, {1, 100}, FIELD(dirty_ratio)},
    {"dirty-expire", {"0", "100"}, {0, 100}, FIELD(dirty_expire_ms)},
    {"dirty-writeback", {"0", "100"}, {0, 100}, FIELD(dirty_writeback_ms)},
    {"drop-failed-writes", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(drop_failed_writes)},
    {"disk-direct", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(disk_direct)},
    {"disk-cache", {"yes", "on", "true", "1"}, {1, 1, 1, 1}, FIELD(disk_cache)},
    {"disk-latency",
     {"ram", "hdd", "sata-ssd", "network"},
     {MW_LATENCY_RAM, MW_LATENCY_HDD, MW_LATENCY_SATA_SSD, MW_LATENCY_NETWORK},
     FIELD(disk_latency)},
};

#define KEY_CASES (sizeof(key_cases) / sizeof(key_cases[0]))

/* Keys whose value is a geometry, not a number. */
static const struct geometry_case {
    const char *key;
    const char *good;
    size_t offset;
    int walk_cache;
} geometry_cases[] = {
    {"tlb.l1i", "1x64/fifo", offsetof(struct mw_config, tlbs.l1i), 0},
    {"tlb.l1d", "63x2", offsetof(struct mw_config, tlbs.l1d), 0},
    {"tlb.l2", "4K:1024x4+1x16/clock", offsetof(struct mw_config, tlbs.l2), 0},
    {"tlb.l2i", "4K,2M:1024x4", offsetof(struct mw_config, tlbs.l2i), 0},
    {"tlb.walk-cache", "2M:16x4+1x8", offsetof(struct mw_config, tlbs.walk_cache), 1},
};

#define GEOMETRY_CASES (sizeof(geometry_cases) / sizeof(geometry_cases[0]))

/* The field's value, whatever its width. */
static uint64_t field_value(const struct mw_config *config, const struct key_case *k)
{
    uint64_t wide = 0;

    memcpy(&wide, (const char *)config + k->offset,
           k->bytes); /* little-endian hosts only, as all of mapwalk */
    return wide;
}

static const struct key_case *find_case(const char *key)
{
    for (size_t i = 0; i < KEY_CASES; i++)
        if (strcmp(key_cases[i].key, key) == 0)
            return &key_cases[i];
    return NULL;
}

/* Keys whose value is any text. */
static bool is_name(const char *key)
{
    return strcmp(key, "disk-image") == 0 || strcmp(key, "disk-nbd") == 0;
}

static bool is_geometry(const char *key)
{
    for (size_t i = 0; i < GEOMETRY_CASES; i++)
        if (strcmp(geometry_cases[i].key, key) == 0)
            return true;
    return strcmp(key, "tlb") == 0; /* has tests of its own */
}

static void every_key_that_is_known_is_tested_and_explained(void **state)
{
    const char *help = NULL;
    unsigned count = 0;

    (void)state;
    for (const char *key; (key = mw_config_key(count, &help)) != NULL; count++) {
        if (find_case(key) == NULL && !is_geometry(key) && !is_name(key))
            fail_msg("no test of key %s", key);
        assert_non_null(help);
        assert_true(strlen(help) > 10);
        assert_ptr_equal(mw_config_key(count, NULL), key);
    }
    assert_int_equal(count, KEY_CASES + GEOMETRY_CASES + 3); /* tlb, and two names */
    assert_null(mw_config_key(UINT32_MAX, &help));
}

static void a_key_sets_its_field_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_CASES; i++)
        for (unsigned j = 0; j < 4 && key_cases[i].good[j] != NULL; j++) {
            const struct key_case *k = &key_cases[i];
            struct mw_config config, changed;

            mw_config_init(&config);
            changed = config;
            assert_int_equal(mw_config_set(&changed, k->key, k->good[j]), 0);
            assert_int_equal(field_value(&changed, k), k->values[j]);
            if (field_value(&config, k) == k->values[j])
                fail_msg("%s: a value that changes nothing shows nothing", k->key);
            assert_int_equal(mw_config_validate(&changed, NULL, 0), 0);
            memcpy((char *)&changed + k->offset, (const char *)&config + k->offset, k->bytes);
            assert_memory_equal(&changed, &config, sizeof(config));
        }
}

static void malformed_values_change_nothing(void **state)
{
    static const char *const hostile[] = {"",
                                          " ",
                                          "x",
                                          "-1",
                                          "+1",
                                          "1.5",
                                          "1 ",
                                          " 1",
                                          "1MM",
                                          "0x",
                                          "08",
                                          "1e9",
                                          "M",
                                          "1KB",
                                          "0b11",
                                          "nan",
                                          "yess",
                                          "YES",
                                          "16777216T",
                                          "18446744073709551616",
                                          "99999999999999999999999999",
                                          "bare",
                                          "sv32",
                                          "SV39",
                                          "sv39 ",
                                          "top",
                                          "x4",
                                          "64x",
                                          "64x4x2",
                                          "64X4",
                                          "64x0",
                                          "65537x1",
                                          "1x4097",
                                          "4294967297x4",
                                          "custom",
                                          "Simple"};

    const char *key;

    (void)state;
    for (unsigned i = 0; (key = mw_config_key(i, NULL)) != NULL; i++)
        for (size_t j = 0; !is_name(key) && j < sizeof(hostile) / sizeof(hostile[0]); j++) {
            struct mw_config config, before;

            mw_config_init(&config);
            before = config;
            if (mw_config_set(&config, key, hostile[j]) != -EINVAL)
                fail_msg("%s accepts '%s'", key, hostile[j]);
            assert_memory_equal(&config, &before, sizeof(config));
        }
}

static void a_disk_has_one_name_at_most(void **state)
{
    char long_name[MW_DISK_NAME_BYTES + 1];
    char why[160];
    struct mw_config config;

    (void)state;
    mw_config_init(&config);
    memset(long_name, 'x', sizeof(long_name));
    long_name[MW_DISK_NAME_BYTES] = '\0';
    assert_int_equal(mw_config_set(&config, "disk-image", long_name), -EINVAL);
    long_name[MW_DISK_NAME_BYTES - 1] = '\0';
    assert_int_equal(mw_config_set(&config, "disk-image", long_name), 0);
    assert_int_equal(mw_config_set(&config, "disk-image", "a.img"), 0);
    assert_string_equal(config.disk_image, "a.img");
    assert_int_equal(mw_config_validate(&config, why, sizeof(why)), 0);
    assert_int_equal(mw_config_set(&config, "disk-nbd", "nbd://host"), 0);
    assert_int_equal(mw_config_validate(&config, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "the disk is disk-image or disk-nbd, not both");
    assert_int_equal(mw_config_set(&config, "disk-image", "none"), 0);
    assert_string_equal(config.disk_image, "");
    assert_int_equal(mw_config_validate(&config, why, sizeof(why)), 0);
}

static void what_no_page_cache_can_be_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"fault-around", "0"}, {"fault-around", "2048"}, {"fault-around", "12288"},
        {"readahead", "2M"},   {"dirty-ratio", "101"},   {"dirty-background-ratio", "101"}};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct mw_config config;
        char why[160] = "";

        mw_config_init(&config);
        assert_int_equal(mw_config_set(&config, wrong[i][0], wrong[i][1]), 0);
        assert_int_equal(mw_config_validate(&config, why, sizeof(why)), -EINVAL);
        assert_non_null(strstr(why, wrong[i][0]));
    }
}

static void numbers_too_wide_for_their_field_are_refused(void **state)
{
    static const char *const narrow[] = {"harts", "asid-bits", "max-processes", "costs.trap"};
    struct mw_config config;

    (void)state;
    mw_config_init(&config);
    for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++)
        assert_int_equal(mw_config_set(&config, narrow[i], "4294967296"), -EINVAL);
    assert_int_equal(mw_config_set(&config, "tlb.prefetch", "4294967296"), -EINVAL);
}

/* ---- TLBs ---- */

static void a_key_of_a_part_sets_that_tlb_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < GEOMETRY_CASES; i++) {
        const struct geometry_case *c = &geometry_cases[i];
        struct mw_config config, changed;
        struct mw_tlb wanted;

        mw_config_init(&config);
        assert_int_equal(mw_config_set(&config, "tlb", "skylake"), 0);
        assert_int_equal(mw_config_set(&config, "tlb.l2i", "1x1"), 0);
        changed = config;
        assert_int_equal(mw_config_set(&changed, c->key, c->good), 0);
        assert_int_equal(mw_tlb_parse(c->good, c->walk_cache, &wanted), 0);
        assert_memory_equal((char *)&changed + c->offset, &wanted, sizeof(wanted));
        assert_memory_not_equal(&changed, &config, sizeof(config));
        assert_int_equal(mw_config_validate(&changed, NULL, 0), 0);
        memcpy((char *)&changed + c->offset, (char *)&config + c->offset, sizeof(wanted));
        assert_memory_equal(&changed, &config, sizeof(config));
    }
}

static void every_part_can_be_taken_away_but_l1d(void **state)
{
    (void)state;
    for (size_t i = 0; i < GEOMETRY_CASES; i++) {
        const struct geometry_case *c = &geometry_cases[i];
        const struct mw_tlb none = {0};
        struct mw_config config;
        int expected = strcmp(c->key, "tlb.l1d") == 0 ? -EINVAL : 0;

        mw_config_init(&config);
        assert_int_equal(mw_config_set(&config, "tlb", "skylake"), 0);
        assert_int_equal(mw_config_set(&config, c->key, "none"), 0);
        assert_memory_equal((char *)&config + c->offset, &none, sizeof(none));
        assert_int_equal(mw_config_validate(&config, NULL, 0), expected);
    }
}

static void a_geometry_for_all_is_one_tlb_and_nothing_else(void **state)
{
    struct mw_tlbs wanted = {0};
    struct mw_config config, before;

    (void)state;
    mw_config_init(&config);
    assert_int_equal(mw_config_set(&config, "tlb", "skylake"), 0);
    assert_int_equal(mw_config_set(&config, "tlb.prefetch", "3"), 0);
    before = config;
    assert_int_equal(mw_config_set(&config, "tlb", "none"), -EINVAL);
    assert_int_equal(mw_config_set(&config, "tlb", "0x4"), -EINVAL);
    assert_memory_equal(&config, &before, sizeof(config));
    assert_int_equal(mw_config_set(&config, "tlb", "4K:16x2+1x4/fifo"), 0);
    assert_int_equal(mw_tlb_parse("4K:16x2+1x4/fifo", 0, &wanted.l1d), 0);
    assert_memory_equal(&config.tlbs, &wanted, sizeof(wanted));
}

static void every_preset_is_a_machine_of_its_own(void **state)
{
    const char *name;

    (void)state;
    for (unsigned i = 0; (name = mw_tlbs_preset_name(i, NULL, NULL)) != NULL; i++) {
        struct mw_machine *machine;
        struct mw_config config;
        struct mw_tlbs wanted;

        mw_config_init(&config);
        assert_int_equal(mw_config_set(&config, "tlb.prefetch", "3"), 0);
        assert_int_equal(mw_config_set(&config, "tlb", name), 0);
        assert_int_equal(mw_tlbs_preset(&wanted, name), 0);
        assert_memory_equal(&config.tlbs, &wanted, sizeof(wanted));
        assert_int_equal(mw_machine_new(&config, &machine), 0);
        assert_int_equal(mw_machine_free(machine), 0);
    }
}

static void unknown_keys_are_told_from_bad_values(void **state)
{
    struct mw_config config;

    (void)state;
    mw_config_init(&config);
    assert_int_equal(mw_config_set(&config, "", "1"), -ENOENT);
    assert_int_equal(mw_config_set(&config, "RAM", "1M"), -ENOENT);
    assert_int_equal(mw_config_set(&config, "costs", "1"), -ENOENT);
    assert_int_equal(mw_config_set(&config, "ram ", "1M"), -ENOENT);
}

/* ---- profiles ---- */

static void the_profile_linux_is_the_initial_one(void **state)
{
    struct mw_config initial, profile;
    char why[64] = "?";

    (void)state;
    mw_config_init(&initial);
    memset(&profile, 0, sizeof(profile));
    assert_int_equal(mw_config_profile(&profile, "linux"), 0);
    assert_memory_equal(&profile, &initial, sizeof(profile));
    assert_int_equal(mw_config_validate(&initial, why, sizeof(why)), 0);
    assert_string_equal(why, "?");
    assert_int_equal(mw_config_profile(&profile, "Linux"), -EINVAL);
    assert_int_equal(mw_config_profile(&profile, ""), -EINVAL);
    assert_memory_equal(&profile, &initial, sizeof(profile));
}

static void modes_have_names(void **state)
{
    (void)state;
    assert_string_equal(mw_mode_name(MW_MODE_BARE), "bare");
    assert_string_equal(mw_mode_name(MW_MODE_SV57), "sv57");
    assert_string_equal(mw_mode_name(MW_MODE_COUNT), "?");
    assert_string_equal(mw_mode_name(UINT32_MAX), "?");
}

/* ---- validation ---- */

/*
 * A change that makes no machine: the key and a value that it accepts, or a field set behind its
 * back.
 */
struct impossible {
    const char *key;
    const char *value;
    const char *why; /* a word of the reason */
};

static const struct impossible impossibles[] = {
    {"ram", "0", "ram"},
    {"ram", "4097", "4096"},
    {"ram", "16T", "frames"},
    {"ram", "17592186040320", "frames"}, /* one page less: still 2^32 - 1 frames */
    {"ram", "100000T", "frames"},
    {"ram-base", "1", "4096"},
    {"ram-base", "0xfffffffffff000", "2^56"},   /* begins below 2^56, ends above */
    {"ram-base", "0xfffffffffffff000", "2^56"}, /* wraps */
    {"harts", "0", "harts"},
    {"harts", "65", "harts"},
    {"tlb.l1d", "none", "tlb.l1d"},
    {"tlb.l2i", "64x4", "tlb.l2i"},
    {"tlb.prefetch", "9", "tlb.prefetch"},
    {"asid-bits", "17", "asid"},
    {"disk", "0", "disk"},
    {"disk", "63K", "disk"},
    {"disk", "65537", "disk"},
    {"mmap-base", "4097", "mmap-base"},
    {"mmap-base", "0x4000001000", "mmap-base"},
    {"brk-base", "0x4000000000", "brk-base"},
    {"mmap-min-addr", "1", "mmap-min-addr"},
    {"max-processes", "0", "max-processes"},
};

static void what_cannot_be_built_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(impossibles) / sizeof(impossibles[0]); i++) {
        const struct impossible *c = &impossibles[i];
        struct mw_machine *machine = NULL;
        struct mw_config config;
        char why[200] = "";

        mw_config_init(&config);
        assert_int_equal(mw_config_set(&config, c->key, c->value), 0);
        if (mw_config_validate(&config, why, sizeof(why)) != -EINVAL)
            fail_msg("%s=%s is accepted", c->key, c->value);
        if (strstr(why, c->why) == NULL)
            fail_msg("%s=%s: '%s'", c->key, c->value, why);
        assert_int_equal(mw_config_validate(&config, NULL, 0), -EINVAL);
        assert_int_equal(mw_machine_new(&config, &machine), -EINVAL);
        assert_null(machine);
    }
}

static void fields_without_a_sane_text_are_refused_too(void **state)
{
    struct mw_config config;

    (void)state;
    mw_config_init(&config);
    config.mode = MW_MODE_BARE;
    assert_int_equal(mw_config_validate(&config, NULL, 0), -EINVAL);
    config.mode = MW_MODE_COUNT;
    assert_int_equal(mw_config_validate(&config, NULL, 0), -EINVAL);
    mw_config_init(&config);
    config.placement = MW_PLACE_COUNT;
    assert_int_equal(mw_config_validate(&config, NULL, 0), -EINVAL);
    mw_config_init(&config);
    config.tlbs.l1d.array[0].sizes = 0;
    assert_int_equal(mw_config_validate(&config, NULL, 0), -EINVAL);
}

static void a_reason_is_cut_to_the_room_there_is(void **state)
{
    struct mw_config config;
    char why[8] = "1234567";

    (void)state;
    mw_config_init(&config);
    config.harts = 0;
    assert_int_equal(mw_config_validate(&config, why, 6), -EINVAL);
    assert_string_equal(why, "harts");
    assert_int_equal(why[6], '7');
}

static void every_hart_gets_the_extensions_that_the_configuration_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct mw_machine *m;
        struct mw_config config;

        mw_config_init(&config);
        config.harts = 2;
        config.hardware_ad = (i & 1) != 0;
        config.svnapot = (i & 2) != 0;
        config.svpbmt = (i & 4) != 0;
        assert_int_equal(mw_machine_new(&config, &m), 0);
        for (unsigned hart = 0; hart < 2; hart++) {
            assert_int_equal(m->harts[hart].rules.hardware_ad, config.hardware_ad);
            assert_int_equal(m->harts[hart].rules.svnapot, config.svnapot);
            assert_int_equal(m->harts[hart].rules.svpbmt, config.svpbmt);
        }
        assert_int_equal(mw_machine_free(m), 0);
    }
}

static void limits_that_are_just_possible_are_accepted(void **state)
{
    static const struct impossible possibles[] = {
        {"ram", "17592186036224", NULL}, /* 2^32 - 2 frames */
        {"ram-base", "0xfffff000000000", NULL},
        {"tlb", "65536x16", NULL},
        {"tlb", "1x4096", NULL},
        {"tlb.prefetch", "8", NULL},
        {"asid-bits", "16", NULL},
        {"mmap-base", "0x4000000000", NULL},
        {"brk-base", "0x3ffffff000", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(possibles) / sizeof(possibles[0]); i++) {
        struct mw_config config;

        mw_config_init(&config);
        assert_int_equal(mw_config_set(&config, possibles[i].key, possibles[i].value), 0);
        if (mw_config_validate(&config, NULL, 0) != 0)
            fail_msg("%s=%s is refused", possibles[i].key, possibles[i].value);
    }
}

/* ---- machines ---- */

static void the_smallest_of_everything_is_a_machine(void **state)
{
    struct mw_config config;
    struct mw_machine *machine;
    char byte = 1;

    (void)state;
    mw_config_init(&config);
    assert_int_equal(mw_config_set(&config, "ram", "32K"), 0);
    assert_int_equal(mw_config_set(&config, "disk", "64K"), 0);
    assert_int_equal(mw_config_set(&config, "tlb", "1x1"), 0);
    assert_int_equal(mw_config_set(&config, "asid-bits", "0"), 0);
    assert_int_equal(mw_config_set(&config, "max-processes", "1"), 0);
    assert_int_equal(mw_config_set(&config, "check", "yes"), 0);
    assert_int_equal(mw_machine_new(&config, &machine), 0);
    assert_memory_equal(mw_machine_config(machine), &config, sizeof(config));
    assert_int_equal(mw_spawn(machine), 1);
    assert_int_equal(mw_brk(machine, 1, config.brk_base + 4096), config.brk_base + 4096);
    assert_int_equal(mw_store(machine, 1, config.brk_base, &byte, 1, NULL), 0);
    assert_int_equal(mw_machine_free(machine), 0);
}

static void no_config_means_the_profile_linux(void **state)
{
    struct mw_machine *machine;
    struct mw_config config;

    (void)state;
    mw_config_init(&config);
    assert_int_equal(mw_machine_new(NULL, &machine), 0);
    assert_memory_equal(mw_machine_config(machine), &config, sizeof(config));
    assert_int_equal(mw_machine_free(machine), 0);
    assert_int_equal(mw_machine_free(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_that_is_known_is_tested_and_explained),
        cmocka_unit_test(a_key_sets_its_field_and_no_other),
        cmocka_unit_test(malformed_values_change_nothing),
        cmocka_unit_test(numbers_too_wide_for_their_field_are_refused),
        cmocka_unit_test(a_disk_has_one_name_at_most),
        cmocka_unit_test(what_no_page_cache_can_be_is_refused),
        cmocka_unit_test(a_key_of_a_part_sets_that_tlb_and_no_other),
        cmocka_unit_test(every_part_can_be_taken_away_but_l1d),
        cmocka_unit_test(a_geometry_for_all_is_one_tlb_and_nothing_else),
        cmocka_unit_test(every_preset_is_a_machine_of_its_own),
        cmocka_unit_test(unknown_keys_are_told_from_bad_values),
        cmocka_unit_test(the_profile_linux_is_the_initial_one),
        cmocka_unit_test(modes_have_names),
        cmocka_unit_test(what_cannot_be_built_is_refused_with_a_reason),
        cmocka_unit_test(fields_without_a_sane_text_are_refused_too),
        cmocka_unit_test(a_reason_is_cut_to_the_room_there_is),
        cmocka_unit_test(every_hart_gets_the_extensions_that_the_configuration_names),
        cmocka_unit_test(limits_that_are_just_possible_are_accepted),
        cmocka_unit_test(the_smallest_of_everything_is_a_machine),
        cmocka_unit_test(no_config_means_the_profile_linux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
