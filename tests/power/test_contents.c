/* Power cuts while the contents of files change. */
#include "power/campaign.h"

#define FILE_PAGES 24u

/* A file of so many pages, mapped, durable. */
static uint32_t make_file(struct rig *r, const char *path, unsigned pages)
{
    uint32_t file = rig_file(r, path, 0);

    if (pages > 0)
        rig_write(r, file, 0, RIG_PAGES(pages));
    return file;
}

/* A place in the file for so many bytes. */
static uint64_t anywhere(struct rig *r, unsigned pages, uint64_t bytes)
{
    return rig_below(r, (RIG_PAGES(pages) - bytes) / CELL_BYTES + 1) * CELL_BYTES;
}

static uint64_t some_bytes(struct rig *r, unsigned most_pages)
{
    return (1 + rig_below(r, RIG_PAGES(most_pages) / CELL_BYTES)) * CELL_BYTES;
}

/* ---- scenarios ---- */

static void append(struct rig *r)
{
    uint32_t log = make_file(r, "/log", 0);
    uint32_t other = make_file(r, "/other", 2);

    rig_mark(r);
    for (unsigned i = 0; i < 10; i++) {
        rig_append(r, log, some_bytes(r, 3));
        if (i % 2 == 1)
            rig_append(r, other, some_bytes(r, 1));
        if (i % 3 == 2)
            rig_fsync(r, log);
        else if (i % 3 == 1)
            rig_fdatasync(r, log);
    }
}

static void overwrite(struct rig *r)
{
    uint32_t file = make_file(r, "/f", FILE_PAGES);

    rig_mark(r);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t bytes = some_bytes(r, 4);

        rig_write(r, file, anywhere(r, FILE_PAGES, bytes), bytes);
        if (i % 3 == 2)
            rig_fdatasync(r, file);
    }
}

static void msync_ranges(struct rig *r)
{
    uint32_t file = make_file(r, "/f", FILE_PAGES);

    rig_map(r, file, RIG_PAGES(FILE_PAGES));
    rig_mark(r);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t bytes = some_bytes(r, 2);

        for (unsigned j = 0; j < 3; j++)
            rig_store(r, file, anywhere(r, FILE_PAGES, bytes), bytes);
        bytes = some_bytes(r, 12);
        if (i == 7)
            rig_flush_force(r, file, anywhere(r, FILE_PAGES, bytes), bytes);
        else
            rig_msync(r, file, anywhere(r, FILE_PAGES, bytes), bytes,
                      i % 4 == 3 ? MS_ASYNC : MS_SYNC);
    }
}

/* Both grow; only one is acknowledged. */
static void fsync_one_of_two(struct rig *r)
{
    uint32_t one = make_file(r, "/one", 4);
    uint32_t two = make_file(r, "/two", 4);

    rig_mark(r);
    for (unsigned i = 0; i < 8; i++) {
        rig_append(r, one, some_bytes(r, 3));
        rig_write(r, two, anywhere(r, 4, 2 * CELL_BYTES), 2 * CELL_BYTES);
        rig_append(r, two, some_bytes(r, 3));
        rig_fsync(r, i % 3 == 0 ? two : one);
    }
}

static void fork_sharing(struct rig *r)
{
    uint32_t file = make_file(r, "/shared", 8);

    rig_map(r, file, RIG_PAGES(8));
    rig_store(r, file, 0, PAGE_BYTES);
    rig_fork(r);
    rig_mark(r);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t bytes = some_bytes(r, 1);

        rig_store_of_child(r, file, anywhere(r, 8, bytes), bytes);
        rig_store(r, file, anywhere(r, 8, bytes), bytes);
        if (i % 2 == 1)
            rig_msync(r, file, 0, RIG_PAGES(i % 4 == 1 ? 8 : 4), MS_SYNC);
    }
}

/* Down and up again while pages are mapped and dirty. */
static void truncate_against_mapping(struct rig *r)
{
    uint32_t file = make_file(r, "/f", 16);
    uint64_t bytes;

    rig_map(r, file, RIG_PAGES(32));
    rig_mark(r);
    for (unsigned i = 0; i < 10; i++) {
        rig_store(r, file, RIG_PAGES(i % 4), PAGE_BYTES);
        rig_truncate(r, file, RIG_PAGES(4) + anywhere(r, 8, CELL_BYTES));
        rig_store(r, file, RIG_PAGES(i % 4) + 1024, 512);
        if (i % 3 == 0)
            rig_fsync(r, file);
        rig_truncate(r, file, RIG_PAGES(12) + anywhere(r, 8, CELL_BYTES));
        bytes = some_bytes(r, 3);
        rig_store(r, file, RIG_PAGES(4) + anywhere(r, 8, bytes), bytes);
        if (i % 3 == 1)
            rig_msync(r, file, 0, RIG_PAGES(12), MS_SYNC);
    }
}

/* What is stored behind the end in its last page is no part of the file, ever. */
static void tail_behind_the_end(struct rig *r)
{
    uint32_t file = make_file(r, "/f", 2);

    rig_map(r, file, RIG_PAGES(8));
    rig_mark(r);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t end = RIG_PAGES(2 + i) - PAGE_BYTES / 2;

        rig_truncate(r, file, end);
        rig_store(r, file, end - 512, 512);
        rig_store_beyond(r, file, end, PAGE_BYTES / 2);
        if (i % 2 == 0)
            rig_msync(r, file, end - 512, 512, MS_SYNC);
        else
            rig_fsync(r, file);
        rig_truncate(r, file, end + PAGE_BYTES);
        rig_fsync(r, file);
    }
}

static void punch(struct rig *r)
{
    uint32_t file = make_file(r, "/f", 60);

    rig_append(r, file, RIG_PAGES(20));
    rig_map(r, file, RIG_PAGES(80));
    rig_mark(r);
    for (unsigned i = 0; i < 14; i++) {
        uint64_t bytes = some_bytes(r, 6);

        rig_punch(r, file, anywhere(r, 80, bytes), bytes);
        bytes = some_bytes(r, 3);
        if (i % 2 == 0)
            rig_write(r, file, anywhere(r, 80, bytes), bytes);
        else
            rig_store(r, file, anywhere(r, 80, bytes), bytes);
        if (i == 4)
            rig_zero_range(r, file, PAGE_BYTES, RIG_PAGES(3) + 512);
        if (i == 5)
            rig_allocate(r, file, 0, RIG_PAGES(80 + 4));
        if (i % 3 == 2)
            rig_fsync(r, file);
    }
}

/* Nobody asks for anything to be written: time does. */
static void flusher_by_time(struct rig *r)
{
    uint32_t file = make_file(r, "/f", 12);
    uint32_t log = make_file(r, "/log", 1);

    rig_map(r, file, RIG_PAGES(12));
    rig_mark(r);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t bytes = some_bytes(r, 2);

        rig_store(r, file, anywhere(r, 12, bytes), bytes);
        rig_append(r, log, some_bytes(r, 1));
        rig_advance(r, (5 + rig_below(r, 30)) * RIG_SECOND_NS);
        bytes = some_bytes(r, 1);
        rig_store(r, file, anywhere(r, 12, bytes), bytes); /* perhaps while its page is written */
        if (i == 4)
            rig_msync(r, file, 0, RIG_PAGES(12), MS_SYNC);
        if (i == 7)
            rig_fsync(r, log);
    }
}

/* More dirty pages than the machine puts up with. */
static void flusher_by_ratio(struct rig *r)
{
    uint32_t one = make_file(r, "/one", 40);
    uint32_t two = make_file(r, "/two", 0);

    rig_map(r, one, RIG_PAGES(40));
    rig_mark(r);
    for (unsigned i = 0; i < 12; i++) {
        rig_append(r, two, some_bytes(r, 40));
        rig_store(r, one, RIG_PAGES(3 * i), RIG_PAGES(3));
        rig_sync_file_range(r, two, 0, RIG_PAGES(8));
        if (i == 5)
            rig_fdatasync(r, one);
        if (i == 9)
            rig_fsync(r, two);
    }
}

static void sync_writes(struct rig *r)
{
    uint32_t all = rig_file(r, "/all", O_SYNC);
    uint32_t data = rig_file(r, "/data", O_DSYNC);

    rig_write(r, all, 0, RIG_PAGES(4));
    rig_write(r, data, 0, RIG_PAGES(4));
    rig_mark(r);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t bytes = some_bytes(r, 3);

        if (i % 3 == 0)
            rig_append(r, all, bytes);
        else
            rig_write(r, all, anywhere(r, 4, bytes), bytes);
        rig_write(r, data, anywhere(r, 6, bytes), bytes);
    }
}

/* Past the cache, while others use it. */
static void direct_writes(struct rig *r)
{
    uint32_t direct = rig_file(r, "/d", O_DIRECT);
    uint32_t cached = make_file(r, "/c", 4);

    rig_write(r, direct, 0, RIG_PAGES(12));
    rig_map(r, direct, RIG_PAGES(12));
    rig_mark(r);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t offset = rig_below(r, 14 * 8) * 512;

        rig_store(r, direct, anywhere(r, 12, 512), 512);
        rig_write(r, direct, offset, (1 + rig_below(r, 16)) * 512);
        rig_append(r, cached, some_bytes(r, 2));
        if (i % 3 == 0)
            rig_fdatasync(r, direct);
        if (i % 3 == 1)
            rig_msync(r, direct, 0, RIG_PAGES(6), MS_SYNC);
    }
    rig_fsync(r, cached);
}

/* ---- the tests ---- */

static void run(void **state, const char *name, void (*scenario)(struct rig *), unsigned disks)
{
    const struct scenario s = {
        .name = name, .run = scenario, .disks = disks, .seeds = 1, .budget = 500};

    campaign_run(*state, &s);
}

static void appending_loses_nothing(void **state)
{
    run(state, "append", append, ON_ALL);
}

static void overwriting_in_place_loses_nothing(void **state)
{
    run(state, "overwrite", overwrite, ON_ALL);
}

static void msync_of_ranges_loses_nothing(void **state)
{
    run(state, "msync_ranges", msync_ranges, ON_ALL);
}

static void fsync_of_one_of_two_files_loses_nothing_of_it(void **state)
{
    run(state, "fsync_one_of_two", fsync_one_of_two, ON_ALL);
}

static void mappings_shared_by_fork_lose_nothing(void **state)
{
    run(state, "fork_sharing", fork_sharing, ON_ALL);
}

static void truncating_under_a_mapping_loses_nothing(void **state)
{
    run(state, "truncate_against_mapping", truncate_against_mapping, ON_JOURNAL | ON_EXT3);
}

static void stores_behind_the_end_are_never_in_the_file(void **state)
{
    run(state, "tail_behind_the_end", tail_behind_the_end, ON_JOURNAL | ON_EXT3);
}

static void punching_loses_nothing(void **state)
{
    run(state, "punch", punch, ON_JOURNAL | ON_EXT3);
}

static void flushing_in_the_background_loses_nothing(void **state)
{
    const struct scenario s = {.name = "flusher_by_time",
                               .run = flusher_by_time,
                               .disks = ON_ALL,
                               .seeds = 1,
                               .budget = 500,
                               .latency = "hdd"};

    campaign_run(*state, &s);
}

static void flushing_because_of_too_much_that_is_dirty_loses_nothing(void **state)
{
    const struct scenario s = {.name = "flusher_by_ratio",
                               .run = flusher_by_ratio,
                               .disks = ON_ALL,
                               .seeds = 1,
                               .budget = 300,
                               .ram_mib = 4};

    campaign_run(*state, &s);
}

static void synchronous_writes_lose_nothing(void **state)
{
    run(state, "sync_writes", sync_writes, ON_ALL);
}

static void direct_writes_lose_nothing(void **state)
{
    run(state, "direct_writes", direct_writes, ON_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending_loses_nothing),
        cmocka_unit_test(overwriting_in_place_loses_nothing),
        cmocka_unit_test(msync_of_ranges_loses_nothing),
        cmocka_unit_test(fsync_of_one_of_two_files_loses_nothing_of_it),
        cmocka_unit_test(mappings_shared_by_fork_lose_nothing),
        cmocka_unit_test(truncating_under_a_mapping_loses_nothing),
        cmocka_unit_test(stores_behind_the_end_are_never_in_the_file),
        cmocka_unit_test(punching_loses_nothing),
        cmocka_unit_test(flushing_in_the_background_loses_nothing),
        cmocka_unit_test(flushing_because_of_too_much_that_is_dirty_loses_nothing),
        cmocka_unit_test(synchronous_writes_lose_nothing),
        cmocka_unit_test(direct_writes_lose_nothing),
    };

    return cmocka_run_group_tests(tests, campaign_begin, campaign_end);
}
