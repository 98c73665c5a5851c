/*
 * Names of files, and values of a configuration as text.
 */
#include "view/names.h"

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "capture.h"
#include "view/config_text.h"

static const char *find_nothing(void *context, uint32_t inode)
{
    (void)context;
    (void)inode;
    return NULL;
}

static const char *find_five(void *context, uint32_t inode)
{
    (void)context;
    return inode == 5 ? "/five" : "";
}

static void an_unknown_name_is_empty(void **state)
{
    const struct names none = {.find = NULL};
    const struct names nothing = {.find = find_nothing};
    const struct names five = {.find = find_five};

    (void)state;
    assert_string_equal(names_find(&none, 5), "");
    assert_string_equal(names_find(&nothing, 5), "");
    assert_string_equal(names_find(&five, 5), "/five");
    assert_string_equal(names_find(&five, ((uint64_t)1 << 32) + 5), "");
}

static void a_written_name_stays_on_its_line(void **state)
{
    struct capture c;

    (void)state;
    capture_begin(&c);
    names_write(c.out, "/a b\n\t\\\x7f\xc3\xa9");
    assert_string_equal(capture_text(&c), "/a b\\012\\011\\134\\177\xc3\xa9");
    capture_end(&c);
}

static void assert_size(uint64_t size, const char *text)
{
    char out[32];

    config_text_size(size, out, sizeof(out));
    assert_string_equal(out, text);
}

static void sizes_take_the_largest_suffix_that_leaves_nothing(void **state)
{
    (void)state;
    assert_size(0, "0");
    assert_size(4097, "4097");
    assert_size(4096, "4K");
    assert_size((uint64_t)64 << 30, "64G");
    assert_size((uint64_t)1025 << 10, "1025K");
    assert_size(UINT64_MAX, "18446744073709551615");
}

/* Instead of mw_tlb_format, which is below: which TLB it was given is all that counts here. */
static int format_sets(const struct mw_tlb *tlb, char *out, size_t bytes)
{
    return snprintf(out, bytes, "%u sets", (unsigned)tlb->array[0].sets);
}

static const struct config_text_words words = {
    .mode = "sv48", .tlbs = "two-level", .tlb_format = format_sets};

static void assert_field(const struct mw_config *config, const char *key, const char *text)
{
    char out[CONFIG_TEXT_BYTES];

    assert_true(config_text_format(config, &words, key, out, sizeof(out)));
    assert_string_equal(out, text);
}

static void each_type_of_field_has_its_form(void **state)
{
    const struct mw_config config = {.ram_bytes = 1 << 20,
                                     .ram_base = 0x80000000,
                                     .harts = 3,
                                     .tlbs = {.l1d = {1, {{.sets = 1}}},
                                              .l1i = {1, {{.sets = 2}}},
                                              .l2 = {1, {{.sets = 3}}},
                                              .l2i = {1, {{.sets = 4}}},
                                              .walk_cache = {1, {{.sets = 5}}},
                                              .prefetch = 6},
                                     .hardware_ad = true,
                                     .seed = 7,
                                     .placement = MW_PLACE_FIRST_FIT,
                                     .costs = {.block_byte_ps = 500, .tlb_l2_hit = 9}};
    const struct mw_config placed = {.placement = MW_PLACE_HEAP_END};
    struct config_text_words custom = words;
    char out[64];

    (void)state;
    assert_field(&config, "mode", "sv48");
    assert_field(&config, "ram", "1M");
    assert_field(&config, "ram-base", "0x80000000");
    assert_field(&config, "harts", "3");
    assert_field(&config, "tlb", "two-level");
    assert_field(&config, "tlb.l1d", "1 sets");
    assert_field(&config, "tlb.l1i", "2 sets");
    assert_field(&config, "tlb.l2", "3 sets");
    assert_field(&config, "tlb.l2i", "4 sets");
    assert_field(&config, "tlb.walk-cache", "5 sets");
    assert_field(&config, "tlb.prefetch", "6");
    assert_field(&config, "costs.tlb-l2-hit", "9");
    assert_field(&config, "hardware-ad", "yes");
    assert_field(&config, "check", "no");
    assert_field(&config, "seed", "7");
    assert_field(&config, "placement", "first-fit");
    assert_field(&config, "costs.block-byte-ps", "500");
    assert_false(config_text_format(&config, &words, "no such key", out, sizeof(out)));
    assert_field(&placed, "placement", "heap-end");
    custom.tlbs = NULL;
    assert_true(config_text_format(&config, &custom, "tlb", out, sizeof(out)));
    assert_string_equal(out, "custom");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_name_is_empty),
        cmocka_unit_test(a_written_name_stays_on_its_line),
        cmocka_unit_test(sizes_take_the_largest_suffix_that_leaves_nothing),
        cmocka_unit_test(each_type_of_field_has_its_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
