/*
 * Geometry of TLBs as text and as presets: the grammar, what is refused and why, that text and
 * geometry are each other's inverse, and that every preset can be built.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mapwalk/tlb.h>

#include "base/err.h"
#include "base/prng.h"

#define BIT(size) (1u << MW_SIZE_##size)
#define ALL       ((1u << MW_SIZE_COUNT) - 1)
#define POINTERS  (ALL & ~(BIT(4K) | BIT(64K)))

/* What *out holds before a call that must not touch it. */
static struct mw_tlb untouched(void)
{
    struct mw_tlb tlb;

    memset(&tlb, 0x5a, sizeof(tlb));
    return tlb;
}

static void assert_refused(const char *text, int walk_cache)
{
    const struct mw_tlb before = untouched();
    struct mw_tlb out = before;

    if (mw_tlb_parse(text, walk_cache, &out) != -EINVAL)
        fail_msg("'%.100s' is accepted", text);
    assert_memory_equal(&out, &before, sizeof(out));
}

/* ---- the grammar ---- */

struct grammar_case {
    const char *text;
    int walk_cache;
    struct mw_tlb tlb;
};

static const struct grammar_case grammar_cases[] = {
    {"none", 0, {0}},
    {"none", 1, {0}},
    {"64x4", 0, {1, {{64, 4, ALL, MW_REPLACE_LRU}}}},
    {"64x4/lru", 0, {1, {{64, 4, ALL, MW_REPLACE_LRU}}}},
    {"1x48/plru", 0, {1, {{1, 48, ALL, MW_REPLACE_PLRU}}}},
    {"3x5/fifo", 0, {1, {{3, 5, ALL, MW_REPLACE_FIFO}}}},
    {"7x1/random", 0, {1, {{7, 1, ALL, MW_REPLACE_RANDOM}}}},
    {"2x2/clock", 0, {1, {{2, 2, ALL, MW_REPLACE_CLOCK}}}},
    {"4K:16x4", 0, {1, {{16, 4, BIT(4K), MW_REPLACE_LRU}}}},
    {"2M,4K,256T:16x4", 0, {1, {{16, 4, BIT(4K) | BIT(2M) | BIT(256T), MW_REPLACE_LRU}}}},
    {"4K:16x4+2M,1G:1x8/plru",
     0,
     {2, {{16, 4, BIT(4K), MW_REPLACE_LRU}, {1, 8, BIT(2M) | BIT(1G), MW_REPLACE_PLRU}}}},
    {"4K:16x4+1x8", 0, {2, {{16, 4, BIT(4K), 0}, {1, 8, ALL & ~BIT(4K), 0}}}},
    {"1x8+4K:16x4", 0, {2, {{1, 8, ALL & ~BIT(4K), 0}, {16, 4, BIT(4K), 0}}}},
    {"16x4/clock", 1, {1, {{16, 4, POINTERS, MW_REPLACE_CLOCK}}}},
    {"1G:1x4+1x8", 1, {2, {{1, 4, BIT(1G), 0}, {1, 8, POINTERS & ~BIT(1G), 0}}}},
    {"4K:1x1+64K:1x2+2M:1x3+1G:1x4+512G:1x5+256T:1x6",
     0,
     {6,
      {{1, 1, BIT(4K), 0},
       {1, 2, BIT(64K), 0},
       {1, 3, BIT(2M), 0},
       {1, 4, BIT(1G), 0},
       {1, 5, BIT(512G), 0},
       {1, 6, BIT(256T), 0}}}},
    {"65536x16", 0, {1, {{65536, 16, ALL, 0}}}},
    {"256x4096", 0, {1, {{256, 4096, ALL, 0}}}},
};

static void text_is_read_as_the_grammar_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(grammar_cases) / sizeof(grammar_cases[0]); i++) {
        const struct grammar_case *c = &grammar_cases[i];
        struct mw_tlb out = untouched();

        if (mw_tlb_parse(c->text, c->walk_cache, &out) != 0)
            fail_msg("'%s' is refused", c->text);
        assert_memory_equal(&out, &c->tlb, sizeof(out));
    }
}

static const char *const hostile[] = {
    "",
    " ",
    "x",
    "+",
    ":",
    "/",
    ",",
    "64",
    "64x",
    "x4",
    "64x4x2",
    "64X4",
    "64*4",
    " 64x4",
    "64x4 ",
    "64 x4",
    "64x4\n",
    "+64x4",
    "64x4+",
    "64x4++4K:1x1",
    "-1x4",
    "64x-4",
    "0x4",
    "64x0",
    "064x4",
    "64x04",
    "0x40x4",
    "1Kx4",
    "64x4K",
    "65537x1",
    "1x4097",
    "65536x17",
    "4294967296x1",
    "4294967297x1",
    "1x4294967297",
    "18446744073709551617x1",
    "99999999999999999999999999x1",
    "64x4/",
    "64x4/LRU",
    "64x4/lru/lru",
    "64x4/lr",
    "64x4/lruu",
    "64x4/mru",
    "64x4/?",
    "/lru",
    ":64x4",
    "4K64x4",
    "4K:",
    "4K",
    "4K:64",
    ",4K:64x4",
    "4K,:64x4",
    "4K,,2M:64x4",
    "4K, 2M:64x4",
    "4k:64x4",
    "8K:64x4",
    "4K2M:64x4",
    "4K:2M:64x4",
    "?:64x4",
    "4K,4K:64x4",
    "4K:64x4+4K:1x1",
    "4K,2M:64x4+2M,1G:1x1",
    "64x4+64x4",
    "4K,64K,2M,1G,512G,256T:64x4+1x1",
    "4K:1x1+64K:1x1+2M:1x1+1G:1x1+512G:1x1+256T:1x1+1x1",
    "None",
    "none ",
    "none+64x4",
    "64x4+none",
    "two-level",
};

static void text_that_is_no_geometry_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_refused(hostile[i], 0);
        assert_refused(hostile[i], 1);
    }
    assert_refused("4K:16x4", 1);
    assert_refused("64K,2M:16x4", 1);
    assert_refused("2M,1G,512G,256T:16x4+1x1", 1);
}

static void long_text_is_refused_however_it_repeats_itself(void **state)
{
    static const char *const pieces[] = {"9", "1", "0", "x", "1x1+", "4K,", "4K:", "/", "+", " "};
    enum { LENGTH = 10240 };
    char *text = malloc(LENGTH + 1);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        for (size_t j = 0; j < LENGTH; j++)
            text[j] = pieces[i][j % strlen(pieces[i])];
        text[LENGTH] = '\0';
        assert_refused(text, 0);
        assert_refused(text, 1);
    }
    free(text);
}

/* ---- there and back ---- */

/* A random valid geometry; unused arrays are zero, as the parser leaves them. */
static struct mw_tlb random_tlb(struct prng *p, int walk_cache)
{
    struct mw_tlb tlb = {0};
    uint32_t left = walk_cache ? POINTERS : ALL;

    while (left != 0 && tlb.arrays < MW_TLB_ARRAYS_MAX && prng_below(p, 4) != 0) {
        struct mw_tlb_array *a = &tlb.array[tlb.arrays++];

        do {
            a->sizes = (uint32_t)prng_below(p, ALL + 1) & left;
            if (tlb.arrays == 1 && prng_below(p, 3) == 0)
                a->sizes = left;
        } while (a->sizes == 0);
        left &= ~a->sizes;
        a->sets = 1 + (uint32_t)(prng_next(p) % MW_TLB_SETS_MAX >> prng_below(p, 16));
        a->ways = 1 + (uint32_t)(prng_next(p) % MW_TLB_WAYS_MAX >> prng_below(p, 12));
        if (a->ways > MW_TLB_ENTRIES_MAX / a->sets)
            a->ways = MW_TLB_ENTRIES_MAX / a->sets;
        a->replacement = (uint32_t)prng_below(p, MW_REPLACE_COUNT);
    }
    return tlb;
}

static void what_is_formatted_is_read_back_the_same(void **state)
{
    struct prng p;

    (void)state;
    prng_seed(&p, 1);
    for (int i = 0; i < 20000; i++) {
        int walk_cache = i % 2;
        struct mw_tlb tlb = random_tlb(&p, walk_cache);
        struct mw_tlb back = untouched();
        char text[MW_TLB_TEXT_BYTES];

        assert_in_range(mw_tlb_format(&tlb, text, sizeof(text)), 3, MW_TLB_TEXT_BYTES - 1);
        if (mw_tlb_parse(text, walk_cache, &back) != 0)
            fail_msg("'%s' is refused", text);
        assert_memory_equal(&back, &tlb, sizeof(tlb));
    }
}

/* Either refused, or a geometry that is valid and has a text of its own. */
static void assert_understood_or_refused(const char *text, int walk_cache)
{
    const struct mw_tlb before = untouched();
    struct mw_tlbs tlbs = {.l1d = {1, {{1, 1, ALL, 0}}}};
    struct mw_tlb out = before;
    struct mw_tlb back;
    char again[MW_TLB_TEXT_BYTES];
    char why[100] = "";

    if (mw_tlb_parse(text, walk_cache, &out) != 0) {
        assert_memory_equal(&out, &before, sizeof(out));
        return;
    }
    *(walk_cache ? &tlbs.walk_cache : &tlbs.l2) = out;
    if (mw_tlbs_validate(&tlbs, why, sizeof(why)) != 0)
        fail_msg("'%s' is read, but %s", text, why);
    mw_tlb_format(&out, again, sizeof(again));
    assert_int_equal(mw_tlb_parse(again, walk_cache, &back), 0);
    assert_memory_equal(&back, &out, sizeof(out));
}

static void spoilt_text_is_refused_or_means_something_valid(void **state)
{
    static const char letters[] = "0123456789xX:,+/KMGT lrucpfo";
    struct prng p;

    (void)state;
    prng_seed(&p, 2);
    for (int i = 0; i < 50000; i++) {
        struct mw_tlb tlb = random_tlb(&p, i % 2);
        char text[MW_TLB_TEXT_BYTES];
        int length = mw_tlb_format(&tlb, text, sizeof(text));

        for (uint64_t changes = 1 + prng_below(&p, 3); changes > 0; changes--)
            text[prng_below(&p, (uint64_t)length)] = letters[prng_below(&p, sizeof(letters))];
        assert_understood_or_refused(text, i % 2);
    }
}

static void sizes_and_policy_are_written_only_where_they_say_something(void **state)
{
    static const char *const texts[] = {"none",
                                        "64x4",
                                        "3x1/clock",
                                        "4K:64x4",
                                        "64K,2M,1G,512G,256T:64x4",
                                        "4K:1x2+64K,256T:3x4/plru"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[MW_TLB_TEXT_BYTES];
        struct mw_tlb tlb;

        assert_int_equal(mw_tlb_parse(texts[i], 0, &tlb), 0);
        assert_int_equal(mw_tlb_format(&tlb, text, sizeof(text)), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
    }
}

static void text_is_cut_to_the_room_and_its_whole_length_returned(void **state)
{
    const struct mw_tlb tlb = {2, {{16, 4, BIT(4K), 0}, {1, 8, BIT(2M) | BIT(1G), 1}}};
    const char whole[] = "4K:16x4+2M,1G:1x8/plru";
    char text[64];

    (void)state;
    assert_int_equal(mw_tlb_format(&tlb, NULL, 0), strlen(whole));
    for (size_t room = 1; room < sizeof(text); room++) {
        size_t kept = room - 1 < strlen(whole) ? room - 1 : strlen(whole);

        memset(text, '#', sizeof(text));
        assert_int_equal(mw_tlb_format(&tlb, text, room), strlen(whole));
        assert_memory_equal(text, whole, kept);
        assert_int_equal(text[kept], '\0');
        assert_int_equal(text[room], '#');
    }
}

static void the_longest_text_has_room(void **state)
{
    struct mw_tlb tlb = {.arrays = MW_TLB_ARRAYS_MAX};
    char text[MW_TLB_TEXT_BYTES];

    (void)state;
    for (unsigned i = 0; i < MW_TLB_ARRAYS_MAX; i++)
        tlb.array[i] = (struct mw_tlb_array){65536, 16, 1u << i, MW_REPLACE_RANDOM};
    assert_in_range(mw_tlb_format(&tlb, text, sizeof(text)), 100, MW_TLB_TEXT_BYTES - 1);
    assert_int_equal(mw_tlb_parse(text, 0, &tlb), 0);
}

static void a_geometry_that_is_not_valid_still_has_some_text(void **state)
{
    struct mw_tlb tlb = untouched(); /* more arrays than there are, sizes and policies unknown */
    char text[1000];

    (void)state;
    assert_in_range(mw_tlb_format(&tlb, text, sizeof(text)), 1, sizeof(text) - 1);
    assert_refused(text, 0);
}

/* ---- what can be built ---- */

struct refusal {
    struct mw_tlbs tlbs;
    const char *why;
};

#define ONE                   \
    {                         \
        1,                    \
        {                     \
            {                 \
                64, 4, ALL, 0 \
            }                 \
        }                     \
    }

static const struct refusal refusals[] = {
    {{.l1i = ONE}, "tlb.l1d: must be there"},
    {{.l1d = {7, {{1, 1, 1, 0}}}}, "tlb.l1d: at most 6 arrays"},
    {{.l1d = {1, {{0, 4, ALL, 0}}}}, "tlb.l1d: an array must have 1 to 65536 sets"},
    {{.l1d = {1, {{65537, 1, ALL, 0}}}}, "tlb.l1d: an array must have 1 to 65536 sets"},
    {{.l1d = {1, {{UINT32_MAX, 1, ALL, 0}}}}, "tlb.l1d: an array must have 1 to 65536 sets"},
    {{.l1d = {1, {{64, 0, ALL, 0}}}}, "tlb.l1d: an array must have 1 to 4096 ways"},
    {{.l1d = {1, {{64, 4097, ALL, 0}}}}, "tlb.l1d: an array must have 1 to 4096 ways"},
    {{.l1d = {1, {{65536, 17, ALL, 0}}}}, "tlb.l1d: an array must have at most 1048576 entries"},
    {{.l1d = {1, {{64, 4, 0, 0}}}}, "tlb.l1d: each array must hold some page size"},
    {{.l1d = {1, {{64, 4, ALL + 1, 0}}}}, "tlb.l1d: no such page size"},
    {{.l1d = {1, {{64, 4, ALL, MW_REPLACE_COUNT}}}}, "tlb.l1d: no such replacement"},
    {{.l1d = {2, {{64, 4, 3, 0}, {1, 1, 2, 0}}}}, "tlb.l1d: two arrays hold the same page size"},
    {{.l1d = ONE, .l1i = {1, {{0, 1, 1, 0}}}}, "tlb.l1i: an array must have 1 to 65536 sets"},
    {{.l1d = ONE, .l2 = {1, {{1, 0, 1, 0}}}}, "tlb.l2: an array must have 1 to 4096 ways"},
    {{.l1d = ONE, .l1i = ONE, .l2 = ONE, .l2i = {1, {{1, 1, 0, 0}}}},
     "tlb.l2i: each array must hold some page size"},
    {{.l1d = ONE, .l2 = ONE, .l2i = ONE}, "tlb.l2i: only with l1i and l2"},
    {{.l1d = ONE, .l1i = ONE, .l2i = ONE}, "tlb.l2i: only with l1i and l2"},
    {{.l1d = ONE, .walk_cache = ONE},
     "tlb.walk-cache: 4K and 64K have no pointer, so a walk cache cannot hold them"},
    {{.l1d = ONE, .prefetch = 9}, "tlb.prefetch: at most 8 pages"},
};

static void what_cannot_be_built_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        char why[120] = "";

        assert_int_equal(mw_tlbs_validate(&refusals[i].tlbs, why, sizeof(why)), -EINVAL);
        assert_string_equal(why, refusals[i].why);
        assert_int_equal(mw_tlbs_validate(&refusals[i].tlbs, NULL, 0), -EINVAL);
        memset(why, '#', sizeof(why));
        assert_int_equal(mw_tlbs_validate(&refusals[i].tlbs, why, 4), -EINVAL);
        assert_string_equal(why, "tlb");
        assert_int_equal(why[4], '#');
    }
}

static void everything_at_its_limit_can_be_built(void **state)
{
    struct mw_tlbs tlbs = {.l1d = {1, {{65536, 16, ALL, 0}}},
                           .l1i = {1, {{256, 4096, BIT(1G), MW_REPLACE_COUNT - 1}}},
                           .l2 = {2, {{1, 1, BIT(4K), 0}, {1, 1, ALL & ~BIT(4K), 0}}},
                           .l2i = {1, {{1, 4096, ALL, 0}}},
                           .walk_cache = {1, {{65536, 1, POINTERS, 0}}},
                           .prefetch = 8};
    char why[8] = "kept";

    (void)state;
    assert_int_equal(mw_tlbs_validate(&tlbs, why, sizeof(why)), 0);
    assert_string_equal(why, "kept");
}

/* ---- presets ---- */

static void every_preset_can_be_built_and_says_what_it_is(void **state)
{
    const char *machine;
    const char *source;
    unsigned count = 0;

    (void)state;
    for (const char *name; (name = mw_tlbs_preset_name(count, &machine, &source)); count++) {
        struct mw_tlbs tlbs;
        struct mw_tlb none;
        char why[120] = "";

        memset(&tlbs, 0x5a, sizeof(tlbs));
        assert_int_equal(mw_tlbs_preset(&tlbs, name), 0);
        if (mw_tlbs_validate(&tlbs, why, sizeof(why)) != 0)
            fail_msg("%s: %s", name, why);
        assert_true(strlen(machine) > 8);
        assert_true(strlen(source) > 8);
        assert_ptr_equal(mw_tlbs_preset_name(count, NULL, NULL), name);
        /* Unique by name and by value, and no name is a geometry. */
        assert_string_equal(mw_tlbs_preset_of(&tlbs), name);
        assert_int_equal(mw_tlb_parse(name, 0, &none), -EINVAL);
    }
    assert_true(count >= 10);
    assert_null(mw_tlbs_preset_name(count, &machine, &source));
    assert_null(mw_tlbs_preset_name(UINT32_MAX, NULL, NULL));
}

static void the_presets_to_begin_with_are_those_that_are_promised(void **state)
{
    const struct mw_tlbs simple = {.l1d = {1, {{64, 4, ALL, MW_REPLACE_LRU}}}};
    const struct mw_tlbs two_level = {
        .l1d = ONE, .l1i = ONE, .l2 = {1, {{1024, 4, ALL, MW_REPLACE_LRU}}}};
    struct mw_tlbs tlbs;

    (void)state;
    assert_string_equal(mw_tlbs_preset_name(0, NULL, NULL), "simple");
    assert_int_equal(mw_tlbs_preset(&tlbs, "simple"), 0);
    assert_memory_equal(&tlbs, &simple, sizeof(tlbs));
    assert_int_equal(mw_tlbs_preset(&tlbs, "two-level"), 0);
    assert_memory_equal(&tlbs, &two_level, sizeof(tlbs));
}

static unsigned tlb_entries(const struct mw_tlb *tlb)
{
    unsigned sum = 0;

    for (uint32_t i = 0; i < tlb->arrays; i++)
        sum += tlb->array[i].sets * tlb->array[i].ways;
    return sum;
}

/* The numbers that stand in the sources, written down a second time. */
static void presets_have_the_sizes_of_their_machines(void **state)
{
    static const struct {
        const char *name;
        unsigned l1i, l1d, l2, walk_cache;
    } machines[] = {
        {"rocket", 32 + 4, 32 + 4, 0, 8},
        {"sifive-u54", 32, 32, 128, 8},
        {"cva6", 16, 16, 0, 0},
        {"openc906", 10, 10, 128, 0},
        {"openc910", 32, 16 + 1, 1024, 0},
        {"xiangshan-kunminghu", 48, 48, 32 * 8 * 8 + 16, 8 * 4 * 8 + 16 + 16},
        {"cortex-a53", 10, 10, 512, 64},
        {"cortex-a76", 48, 48, 1280, 0},
        {"skylake", 128 + 8, 64 + 32 + 4, 1536 + 16, 32 + 4 + 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        struct mw_tlbs tlbs;

        assert_int_equal(mw_tlbs_preset(&tlbs, machines[i].name), 0);
        assert_int_equal(tlb_entries(&tlbs.l1i), machines[i].l1i);
        assert_int_equal(tlb_entries(&tlbs.l1d), machines[i].l1d);
        assert_int_equal(tlb_entries(&tlbs.l2), machines[i].l2);
        assert_int_equal(tlb_entries(&tlbs.walk_cache), machines[i].walk_cache);
    }
    assert_null(mw_tlbs_preset_name(2 + sizeof(machines) / sizeof(machines[0]), NULL, NULL));
}

static void an_unknown_preset_changes_nothing(void **state)
{
    static const char *const unknown[] = {"", "Simple", "simple ", "64x4", "none", "custom"};
    struct mw_tlbs tlbs, before;

    (void)state;
    memset(&tlbs, 0x5a, sizeof(tlbs));
    before = tlbs;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(mw_tlbs_preset(&tlbs, unknown[i]), -EINVAL);
        assert_memory_equal(&tlbs, &before, sizeof(tlbs));
    }
}

static void a_preset_with_anything_changed_is_no_preset(void **state)
{
    struct mw_tlbs preset, tlbs;

    (void)state;
    assert_int_equal(mw_tlbs_preset(&preset, "two-level"), 0);
    tlbs = preset, tlbs.prefetch = 1;
    assert_null(mw_tlbs_preset_of(&tlbs));
    tlbs = preset, tlbs.l1d.array[0].replacement = MW_REPLACE_FIFO;
    assert_null(mw_tlbs_preset_of(&tlbs));
    tlbs = preset, tlbs.l1i.array[0].sets = 63;
    assert_null(mw_tlbs_preset_of(&tlbs));
    tlbs = preset, tlbs.l2.arrays = 2;
    assert_null(mw_tlbs_preset_of(&tlbs));
    tlbs = preset, tlbs.l2i = tlbs.l1i;
    assert_null(mw_tlbs_preset_of(&tlbs));
    tlbs = preset, tlbs.walk_cache = (struct mw_tlb){1, {{1, 8, POINTERS, 0}}};
    assert_null(mw_tlbs_preset_of(&tlbs));
    memset(&tlbs, 0xff, sizeof(tlbs));
    assert_null(mw_tlbs_preset_of(&tlbs));
    tlbs = preset, tlbs.l1d.array[1].sets = 5; /* which does not count */
    assert_string_equal(mw_tlbs_preset_of(&tlbs), "two-level");
}

/* ---- names ---- */

static void sizes_policies_and_tlbs_have_names(void **state)
{
    (void)state;
    assert_string_equal(mw_page_size_name(MW_SIZE_4K), "4K");
    assert_string_equal(mw_page_size_name(MW_SIZE_256T), "256T");
    assert_string_equal(mw_page_size_name(MW_SIZE_COUNT), "?");
    assert_string_equal(mw_replacement_name(MW_REPLACE_LRU), "lru");
    assert_string_equal(mw_replacement_name(MW_REPLACE_CLOCK), "clock");
    assert_string_equal(mw_replacement_name(MW_REPLACE_COUNT), "?");
    assert_string_equal(mw_tlb_name(MW_TLB_L1D), "l1d");
    assert_string_equal(mw_tlb_name(MW_TLB_L2I), "l2i");
    assert_string_equal(mw_tlb_name(MW_TLB_COUNT), "walk_cache");
    assert_string_equal(mw_tlb_name(MW_TLB_COUNT + 1), "?");
    assert_string_equal(mw_tlb_name(UINT32_MAX), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_as_the_grammar_says),
        cmocka_unit_test(text_that_is_no_geometry_is_refused_and_changes_nothing),
        cmocka_unit_test(long_text_is_refused_however_it_repeats_itself),
        cmocka_unit_test(what_is_formatted_is_read_back_the_same),
        cmocka_unit_test(spoilt_text_is_refused_or_means_something_valid),
        cmocka_unit_test(sizes_and_policy_are_written_only_where_they_say_something),
        cmocka_unit_test(text_is_cut_to_the_room_and_its_whole_length_returned),
        cmocka_unit_test(the_longest_text_has_room),
        cmocka_unit_test(a_geometry_that_is_not_valid_still_has_some_text),
        cmocka_unit_test(what_cannot_be_built_is_refused_with_a_reason),
        cmocka_unit_test(everything_at_its_limit_can_be_built),
        cmocka_unit_test(every_preset_can_be_built_and_says_what_it_is),
        cmocka_unit_test(the_presets_to_begin_with_are_those_that_are_promised),
        cmocka_unit_test(presets_have_the_sizes_of_their_machines),
        cmocka_unit_test(an_unknown_preset_changes_nothing),
        cmocka_unit_test(a_preset_with_anything_changed_is_no_preset),
        cmocka_unit_test(sizes_policies_and_tlbs_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
