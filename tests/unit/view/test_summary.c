/*
 * The summary, as text and as JSON, and final maps.
 */
#include "view/summary.h"

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "capture.h"
#include "view/maps.h"

struct fixture {
    struct mw_config config;
    struct mw_stats stats;
    struct mw_run_result run;
    struct top_vma top[2];
    struct summary summary;
    struct capture capture;
};

static const char *name_of_inode(void *context, uint32_t inode)
{
    (void)context;
    return inode == 12 ? "/a\nb" : "";
}

/* As much of mw_tlb_format, which view does not link, as is needed here. */
static int format_tlb(const struct mw_tlb *tlb, char *out, size_t bytes)
{
    if (tlb->arrays == 0)
        return snprintf(out, bytes, "none");
    return snprintf(out, bytes, "%ux%u", tlb->array[0].sets, tlb->array[0].ways);
}

static int fixture_new(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->config = (struct mw_config){.ram_bytes = 1 << 20,
                                   .harts = 1,
                                   .tlbs = {.l1d = {1, {{64, 4, 63, MW_REPLACE_LRU}}}},
                                   .seed = 3};
    f->summary = (struct summary){.version = "1.2.3",
                                  .format = "strace",
                                  .config = &f->config,
                                  .words = {.mode = "sv39", .tlb_format = format_tlb},
                                  .stats = &f->stats,
                                  .run = &f->run,
                                  .top = f->top,
                                  .names = {.find = name_of_inode}};
    capture_begin(&f->capture);
    *state = f;
    return 0;
}

static int fixture_free(void **state)
{
    struct fixture *f = *state;

    capture_end(&f->capture);
    test_free(f);
    return 0;
}

static const char *text_of(struct fixture *f)
{
    summary_write_text(f->capture.out, &f->summary);
    return capture_text(&f->capture);
}

static const char *json_of(struct fixture *f)
{
    struct json j;

    json_init(&j, f->capture.out, false);
    json_object_begin(&j);
    summary_write_json(&j, &f->summary);
    json_object_end(&j);
    json_finish(&j);
    return capture_text(&f->capture);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void an_empty_run_divides_by_nothing(void **state)
{
    struct fixture *f = *state;
    const char *text = text_of(f);

    assert_has(text, "TLB hits                                 0  0.00 %\n");
    assert_has(text, "page walks                               0  0.00 PTEs fetched by each\n");
    assert_has(text, "average access time                   0.00 ns\npage faults");
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "VMAs with"));
}

static void the_text_has_one_aligned_line_for_each_number(void **state)
{
    struct fixture *f = *state;
    const char *text;

    f->stats.accesses.total = 1000;
    f->stats.accesses.by_access[MW_STORE] = 1000;
    f->stats.tlb.hits = 990;
    f->stats.tlb.misses = 10;
    f->stats.tlb.unit[MW_TLB_L1D].compulsory = 7;
    f->stats.walks.total = 10;
    f->stats.walks.references = 25;
    f->stats.faults.total = 4;
    f->stats.faults.by_reason[MW_REASON_ZERO_PAGE] = 4;
    f->stats.faults.implicit_maps = 2;
    f->stats.faults.implicit_pages = 9;
    f->stats.frames.peak = 100;
    f->stats.frames.table_peak = 3;
    f->stats.blocks.blocks_read = 44;
    f->stats.blocks.reads = 11;
    f->stats.processes.created = 2;
    f->stats.time_ns = 123456;
    f->run.calls_replayed = 77;
    text = text_of(f);
    assert_has(text, "input                       strace\n");
    assert_has(text, "machine                     sv39, 1M of RAM, 1 hart, l1d 64x4, seed 3\n");
    assert_has(text, "processes                                2  0 live at the end\n");
    assert_has(text, "system calls replayed                   77\n");
    assert_has(text, "accesses                              1000\n");
    assert_has(text, "  store                               1000\n");
    assert_has(text, "TLB hits                               990  99.00 %\n");
    assert_has(text, "TLB misses                              10  1.00 %, 7 compulsory\n");
    assert_null(strstr(text, "\n  l1d")); /* there is one TLB: the lines above are about it */
    assert_null(strstr(text, "shortened"));
    assert_null(strstr(text, "prefetched"));
    assert_has(text, "page walks                              10  2.50 PTEs fetched by each\n");
    assert_has(text, "page faults                              4\n");
    assert_has(text, "  zero_page                              4  first read of private");
    assert_has(text, "implicit mappings                        2  9 pages\n");
    assert_has(text, "frames at peak                         100  400 KiB\n");
    assert_has(text, "page-table frames at peak                3  12 KiB\n");
    assert_has(text, "blocks read                             44  in 11 requests\n");
    assert_has(text, "simulated time                      123456 ns\n");
}

static void every_tlb_has_a_line_and_so_have_walk_cache_and_prefetcher(void **state)
{
    struct fixture *f = *state;
    struct mw_tlb_counters *l2 = &f->stats.tlb.unit[MW_TLB_L2];
    const char *text;

    f->config.harts = 4;
    f->config.tlbs.l1i = (struct mw_tlb){1, {{1, 16, 63, MW_REPLACE_LRU}}};
    f->config.tlbs.l2 = (struct mw_tlb){1, {{256, 8, 63, MW_REPLACE_LRU}}};
    f->config.tlbs.walk_cache = (struct mw_tlb){1, {{1, 8, 60, MW_REPLACE_LRU}}};
    f->config.tlbs.prefetch = 2;
    l2->hits[MW_SIZE_4K] = 30;
    l2->hits[MW_SIZE_2M] = 3;
    l2->misses[MW_SIZE_4K] = 5;
    l2->misses_faulted = 2;
    l2->compulsory = 4;
    l2->evictions = 1;
    f->stats.walker.skipped[MW_SIZE_2M] = 6;
    f->stats.walker.skipped[MW_SIZE_1G] = 2;
    f->stats.walker.prefetches = 9;
    f->stats.walker.prefetch_hits = 8;
    f->stats.walker.prefetch_references = 33;
    text = text_of(f);
    assert_has(text, "1M of RAM, 4 harts, l1d 64x4, l1i 1x16, l2 256x8, walk-cache 1x8, seed 3\n");
    assert_has(text, "\n  l1d                                    0  hits, 0 misses");
    assert_has(text, "\n  l1i                                    0  hits, 0 misses");
    assert_has(text, "\n  l2                                    33  hits, 7 misses, 4 of them "
                     "compulsory, 1 evictions\n");
    assert_null(strstr(text, "\n  l2i"));
    assert_has(text,
               "\n  shortened                              8  began below a cached pointer\n");
    assert_has(text,
               "\n  prefetched                             9  entries, 8 of them used, 33 PTEs "
               "fetched\n");
}

static void the_access_time_is_told_by_its_parts(void **state)
{
    struct fixture *f = *state;
    const char *text;

    f->stats.accesses.total = 200;
    f->stats.translation.l1_ns = 190;
    f->stats.translation.l2_ns = 16;
    f->stats.translation.walk_ns = 400;
    f->stats.translation.fence_ns = 30;
    f->stats.translation.ipi_ns = 4000;
    f->stats.translation.total_ns = 4636;
    f->stats.other.shootdowns = 3;
    f->stats.other.ipis = 2;
    text = text_of(f);
    assert_has(text, "\naverage access time                  23.18 ns\n"
                     "  first-level hits                    0.95 ns\n"
                     "  second-level hits                   0.08 ns\n"
                     "  page walks                          2.00 ns\n"
                     "  fences                              0.15 ns\n"
                     "  interrupts                         20.00 ns\n"
                     "TLB shootdowns                           3  2 interrupts of other harts\n");
    assert_has(json_of(f), "\"total_ns\":4636,\"average_ps\":23180}");
}

static void comparisons_and_troubles_are_shown_when_there_were_any(void **state)
{
    struct fixture *f = *state;
    const char *text = text_of(f);

    assert_null(strstr(text, "compared"));
    assert_null(strstr(text, "signals"));
    f->run.calls_checked = 9;
    f->run.calls_differing = 1;
    f->run.addresses_checked = 8;
    f->run.addresses_equal = 7;
    f->run.maps_checked = 6;
    f->run.maps_equal = 5;
    f->run.expectations = 4;
    f->run.expectations_failed = 3;
    f->run.signals = 1;
    f->run.out_of_memory = 2;
    f->stats.other.signals = 5;
    f->stats.stale.uses = 9;
    f->stats.stale.findings = 2;
    f->stats.blocks.errors = 6;
    text = text_of(f);
    assert_has(text, "  results compared                       9  1 differing\n");
    assert_has(text, "  addresses compared                     8  7 equal\n");
    assert_has(text, "  maps lines compared                    6  5 equal\n");
    assert_has(text, "  expectations                           4  3 failed\n");
    assert_has(text, "signals                                  5  1 unexpected\n");
    assert_has(text, "operations out of memory                 2\n");
    assert_has(text, "device errors                            6\n");
    assert_has(text, "stale translations used                  9  2 fences missing\n");
}

static void skipped_calls_are_named(void **state)
{
    struct fixture *f = *state;

    f->run.calls_skipped = 5;
    f->run.skipped_count = 2;
    f->run.skipped[0] = (struct mw_skipped_call){.name = "ioctl", .count = 3};
    f->run.skipped[1] = (struct mw_skipped_call){.name = "other", .count = 2};
    assert_has(text_of(f), "system calls skipped                     5\n"
                           "  ioctl                                  3\n"
                           "  other                                  2\n");
    assert_has(json_of(f), "\"skipped\":{\"ioctl\":3,\"other\":2}");
}

static void the_top_vmas_are_listed_one_a_line(void **state)
{
    struct fixture *f = *state;

    f->top[0] = (struct top_vma){.pid = 1,
                                 .prot = PROT_READ,
                                 .flags = MW_VMA_SHARED,
                                 .inode = 12,
                                 .start = 0x1000,
                                 .end = 0x3000,
                                 .faults = 5};
    f->top[0].by_reason[MW_REASON_FILE_MAJOR] = 5;
    f->top[1] = (struct top_vma){.pid = 2, .start = 0x3ffffff000, .end = 0x4000000000};
    f->summary.top_count = 2;
    assert_has(text_of(f),
               "\nVMAs with the most faults\n"
               "    faults    pid               start                end  prot  what\n"
               "         5      1              0x1000             0x3000  r--s  /a\\012b\n"
               "         0      2        0x3ffffff000       0x4000000000  ---p  [anon]\n");
    assert_has(json_of(f), "\"top_vmas\":[{\"faults\":5,\"pid\":1,\"start\":\"0x1000\",\"end\":"
                           "\"0x3000\",\"prot\":\"r--\",\"shared\":true,\"implicit\":false,"
                           "\"inode\":12,\"name\":\"/a\\nb\",\"by_reason\":{\"file_major\":5}},");
}

static void the_json_nests_the_counters(void **state)
{
    struct fixture *f = *state;
    const char *text;

    f->stats.accesses.total = 1000;
    f->stats.faults.total = 4;
    f->stats.faults.by_reason[MW_REASON_COW_COPY] = 4;
    f->run.calls_checked = 9;
    f->run.calls_differing = 1;
    f->run.addresses_checked = 8;
    f->run.addresses_equal = 7;
    f->run.maps_checked = 6;
    f->run.maps_equal = 5;
    f->run.lines = 55;
    f->stats.time_ns = 1;
    f->stats.tlb.unit[MW_TLB_L1D].misses[MW_SIZE_2M] = 6;
    f->stats.tlb.unit[MW_TLB_L1D].misses_faulted = 1;
    text = json_of(f);
    assert_has(text, "\"tlb\":{\"l1d\":\"64x4\",\"l1i\":\"none\",");
    assert_has(text, "\"by_tlb\":{\"l1d\":{\"hits\":0,\"misses\":7,\"misses_faulted\":1,");
    assert_has(text, "\"2M\":{\"hits\":0,\"misses\":6,\"fills\":0},");
    assert_null(strstr(text, "\"l2\":{"));
    assert_has(text,
               "{\"mapwalk\":\"1.2.3\",\"format\":\"strace\",\"machine\":{\"mode\":\"sv39\",");
    assert_has(text, "\"lines\":55,");
    assert_has(text, "\"accesses\":{\"replayed\":0,\"total\":1000,");
    assert_has(text, "\"faults\":{\"total\":4,\"by_reason\":{\"zero_page\":0,");
    assert_has(text, "\"cow_copy\":4,");
    assert_has(text, "\"checked\":9,\"differing\":1,");
    assert_has(text, "\"addresses\":{\"checked\":8,\"equal\":7}");
    assert_has(text, "\"maps\":{\"checked\":6,\"equal\":5}");
    assert_has(text, "\"time_ns\":1,");
}

/*
 * docs/SUMMARY.md has a line "| `a.b` |" for every key; the JSON is walked with a stack of its
 * keys. Arrays' elements are documented as `a[].b`.
 */
struct key_walk {
    const char *doc;
    char path[256];
    size_t length[16]; /* of the path at each depth */
    unsigned depth;
};

/* Keys that are words of the vocabulary are documented as a whole, in docs/EVENTS.md. */
static bool is_word(const char *path)
{
    return strstr(path, ".by_") != NULL && strchr(strstr(path, ".by_") + 1, '.') != NULL;
}

static void assert_documented(const struct key_walk *w)
{
    char cell[300];

    if (is_word(w->path))
        return;
    snprintf(cell, sizeof(cell), "| `%s` |", w->path);
    if (strstr(w->doc, cell) == NULL)
        fail_msg("docs/SUMMARY.md does not document %s", w->path);
}

static void walk_key(struct key_walk *w, const char *key, size_t bytes)
{
    size_t at = w->length[w->depth];

    snprintf(w->path + at, sizeof(w->path) - at, "%s%.*s", at == 0 ? "" : ".", (int)bytes, key);
    assert_documented(w);
}

/* Returns what follows the string or bracket at `at`. */
static const char *walk_token(struct key_walk *w, const char *at)
{
    size_t bytes;

    switch (*at) {
    case '{':
        w->depth++;
        w->length[w->depth] = strlen(w->path);
        return at + 1;
    case '[':
        snprintf(w->path + strlen(w->path), 3, "[]");
        return at + 1;
    case '}':
        w->path[w->length[w->depth]] = '\0';
        w->depth--;
        return at + 1;
    case '"':
        bytes = strcspn(at + 1, "\"");
        if (at[bytes + 2] == ':')
            walk_key(w, at + 1, bytes);
        return at + bytes + 2;
    default:
        return at + 1;
    }
}

static void docs_summary_documents_every_key(void **state)
{
    struct fixture *f = *state;
    char *doc = read_source_file("docs/SUMMARY.md");
    struct key_walk w = {.doc = doc};
    unsigned keys = 0;
    const char *at;

    f->summary.top_count = 1;
    for (at = json_of(f); *at != '\0'; keys++)
        at = walk_token(&w, at);
    assert_true(keys > 100);
    free(doc);
}

static void maps_lines_look_like_those_of_proc(void **state)
{
    struct fixture *f = *state;
    struct mw_vma v = {.start = 0x3ff7fd5000,
                       .end = 0x3ff7fd7000,
                       .prot = PROT_READ | PROT_EXEC,
                       .off_bytes = 0x26000,
                       .inode = 14,
                       .name = "/lib/libc.so.6"};

    maps_write_text(f->capture.out, &v);
    v = (struct mw_vma){.start = 0x10000, .end = 0x11000, .prot = PROT_WRITE, .shared = true};
    maps_write_text(f->capture.out, &v);
    v.implicit = true;
    maps_write_text(f->capture.out, &v);
    assert_string_equal(
        capture_text(&f->capture),
        "3ff7fd5000-3ff7fd7000 r-xp 00026000 00:00 14                             /lib/libc.so.6\n"
        "00010000-00011000 -w-s 00000000 00:00 0\n"
        "00010000-00011000 -w-s 00000000 00:00 0                                  [implicit]\n");
}

static void maps_in_json_have_the_same_facts(void **state)
{
    struct fixture *f = *state;
    struct mw_vma v = {
        .start = 0x1000, .end = 0x2000, .prot = PROT_READ, .inode = 14, .name = "/a"};
    struct json j;

    json_init(&j, f->capture.out, false);
    maps_write_json(&j, 5, &v);
    assert_string_equal(
        capture_text(&f->capture),
        "{\"pid\":5,\"start\":\"0x1000\",\"end\":\"0x2000\",\"prot\":\"r--\",\"shared\":false,"
        "\"implicit\":false,\"off_bytes\":\"0x0\",\"inode\":14,\"name\":\"/a\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_free)
        TEST(an_empty_run_divides_by_nothing),
        TEST(the_text_has_one_aligned_line_for_each_number),
        TEST(every_tlb_has_a_line_and_so_have_walk_cache_and_prefetcher),
        TEST(the_access_time_is_told_by_its_parts),
        TEST(comparisons_and_troubles_are_shown_when_there_were_any),
        TEST(skipped_calls_are_named),
        TEST(the_top_vmas_are_listed_one_a_line),
        TEST(the_json_nests_the_counters),
        TEST(docs_summary_documents_every_key),
        TEST(maps_lines_look_like_those_of_proc),
        TEST(maps_in_json_have_the_same_facts),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
