/* Power cuts while names change: on volumes with a journal, which promise that all names are those of one moment. */
#include <stdio.h>

#include "power/campaign.h"

struct path {
    char text[64];
};

static struct path path_of(const char *format, unsigned i)
{
    struct path path;

    snprintf(path.text, sizeof path.text, format, i);
    return path;
}

/* ---- scenarios ---- */

/* The way in which programs replace a file: there is always one or the other, whole. */
static void rename_over(struct rig *r)
{
    uint32_t file = rig_file(r, "/config", 0);

    rig_write(r, file, 0, RIG_PAGES(3));
    rig_mark(r);
    for (unsigned i = 0; i < 6; i++) {
        uint32_t fresh = rig_file(r, "/config.tmp", 0);

        rig_write(r, fresh, 0, RIG_PAGES(2 + i % 3) + 512);
        rig_fsync(r, fresh);
        rig_rename(r, "/config.tmp", "/config");
        if (i % 2 == 0)
            rig_fsync(r, fresh);
        rig_shut(r, file);
        file = fresh;
    }
}

/* The same without the fsync between: whatever it holds, it is one of the two files. */
static void rename_over_in_haste(struct rig *r)
{
    uint32_t file = rig_file(r, "/config", 0);

    rig_write(r, file, 0, RIG_PAGES(2));
    rig_mark(r);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t fresh = rig_file(r, "/config.tmp", 0);

        rig_write(r, fresh, 0, RIG_PAGES(1 + i % 3));
        rig_rename(r, "/config.tmp", "/config");
        rig_shut(r, file);
        if (i % 3 == 2)
            rig_sync(r);
        file = fresh;
    }
}

/* Until the directory has grown several times, and is in part empty again. */
static void create_many(struct rig *r)
{
    rig_mkdir(r, "/d");
    rig_mark(r);
    for (unsigned i = 0; i < 180; i++) {
        uint32_t file =
            rig_file(r, path_of("/d/a file with a name that takes room, number %u", i).text, 0);

        if (i % 30 == 7)
            rig_write(r, file, 0, 512);
        if (i % 30 == 29)
            rig_fsync(r, file);
        rig_shut(r, file);
    }
    for (unsigned i = 0; i < 180; i += 3)
        rig_unlink(r, path_of("/d/a file with a name that takes room, number %u", i).text);
    rig_sync(r);
}

static void folders(struct rig *r)
{
    rig_mkdir(r, "/a");
    rig_mkdir(r, "/b");
    rig_mark(r);
    for (unsigned i = 0; i < 8; i++) {
        struct path folder = path_of("/a/folder %u", i);
        struct path moved = path_of("/b/moved %u", i);
        struct path inside = path_of("/b/moved %u/file", i);

        rig_mkdir(r, folder.text);
        rig_rename(r, folder.text, moved.text);
        rig_shut(r, rig_file(r, inside.text, 0));
        if (i % 3 == 1)
            rig_sync(r);
        if (i % 2 == 1) {
            rig_unlink(r, inside.text);
            rig_rmdir(r, moved.text);
        }
    }
}

/* A file with two names is one file, and has one of them at least. */
static void links(struct rig *r)
{
    uint32_t file = rig_file(r, "/first", 0);

    rig_mkdir(r, "/d");
    rig_write(r, file, 0, RIG_PAGES(2));
    rig_mark(r);
    for (unsigned i = 0; i < 8; i++) {
        const char *from = i % 2 == 0 ? "/first" : "/d/second";
        const char *to = i % 2 == 0 ? "/d/second" : "/first";

        rig_link(r, from, to);
        rig_append(r, file, 512);
        if (i % 3 == 0)
            rig_fsync(r, file);
        rig_unlink(r, from);
        if (i % 3 == 1)
            rig_fsync(r, file);
    }
}

/* Blocks and inodes of files that go are given to files that come; nobody sees the other's bytes. */
static void reuse(struct rig *r)
{
    uint32_t keeper = rig_file(r, "/keeper", 0);

    rig_write(r, keeper, 0, RIG_PAGES(4));
    rig_mark(r);
    for (unsigned i = 0; i < 12; i++) {
        struct path path = path_of("/f%u", i % 3);
        uint32_t file = rig_file(r, path.text, 0);

        rig_write(r, file, 0, RIG_PAGES(6 + i % 7));
        rig_append(r, keeper, RIG_PAGES(1));
        if (i % 2 == 0)
            rig_fsync(r,
                      i % 4 == 0 ? file : keeper); /* then the file has blocks, but no bytes yet */
        rig_unlink(r, path.text);
        if (i % 3 == 0) /* open without a name */
            rig_write(r, file, PAGE_BYTES, PAGE_BYTES);
        rig_shut(r, file);
        if (i % 3 == 1)
            rig_fsync(r, keeper);
    }
}

/* On a disk that is nearly full, where there is hardly another block to be given out. */
static void reuse_when_full(struct rig *r)
{
    uint32_t filler = rig_file(r, "/filler", 0);
    uint32_t keeper = rig_file(r, "/keeper", 0);

    rig_write(r, keeper, 0, RIG_PAGES(8));
    rig_allocate(r, filler, 0, RIG_PAGES(rig_free_pages(r) - 96));
    rig_mark(r);
    for (unsigned i = 0; i < 8; i++) {
        struct path path = path_of("/f%u", i);
        uint32_t file = rig_file(r, path.text, 0);

        rig_write(r, file, 0, RIG_PAGES(40));
        if (i % 2 == 0)
            rig_fdatasync(r, file);
        rig_write(r, keeper, RIG_PAGES(i), PAGE_BYTES);
        rig_unlink(r, path.text);
        rig_shut(r, file);
        if (i % 3 == 2)
            rig_fsync(r, keeper);
    }
}

/*
 * A file with holes, each page of which has an indirect block of its own: more metadata than the
 * journal can hold at once.
 */
static void larger_than_the_journal(struct rig *r)
{
    uint32_t file = rig_file(r, "/holes", 0);
    uint64_t step = (uint64_t)4 << 20;

    rig_mark(r);
    for (unsigned i = 0; i < 1200; i++)
        rig_write(r, file, i * step, CELL_BYTES);
    rig_fsync(r, file);
    rig_truncate(r, file, step / 2);
    rig_fsync(r, file);
}

/* ---- the tests ---- */

static void run(void **state, const char *name, void (*scenario)(struct rig *), unsigned budget)
{
    const struct scenario s = {
        .name = name, .run = scenario, .disks = ON_JOURNAL | ON_EXT3, .seeds = 1, .budget = budget};

    campaign_run(*state, &s);
}

static void a_renamed_file_replaces_the_other_whole_or_not(void **state)
{
    run(state, "rename_over", rename_over, 800);
}

static void a_file_renamed_in_haste_is_one_of_both(void **state)
{
    run(state, "rename_over_in_haste", rename_over_in_haste, 600);
}

static void names_in_a_growing_directory_are_all_of_one_moment(void **state)
{
    run(state, "create_many", create_many, 500);
}

static void folders_are_made_moved_and_removed_whole_or_not(void **state)
{
    run(state, "folders", folders, 600);
}

static void a_file_with_two_names_keeps_one(void **state)
{
    run(state, "links", links, 600);
}

static void what_is_used_again_shows_nobody_elses_bytes(void **state)
{
    run(state, "reuse", reuse, 800);
}

static void what_is_used_again_at_once_shows_nobody_elses_bytes(void **state)
{
    run(state, "reuse_when_full", reuse_when_full, 400);
}

static void a_change_larger_than_the_journal_loses_nothing(void **state)
{
    const struct scenario s = {.name = "larger_than_the_journal",
                               .run = larger_than_the_journal,
                               .disks = ON_JOURNAL,
                               .seeds = 1,
                               .budget = 60,
                               .disk_mib = 32};

    campaign_run(*state, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renamed_file_replaces_the_other_whole_or_not),
        cmocka_unit_test(a_file_renamed_in_haste_is_one_of_both),
        cmocka_unit_test(names_in_a_growing_directory_are_all_of_one_moment),
        cmocka_unit_test(folders_are_made_moved_and_removed_whole_or_not),
        cmocka_unit_test(a_file_with_two_names_keeps_one),
        cmocka_unit_test(what_is_used_again_shows_nobody_elses_bytes),
        cmocka_unit_test(what_is_used_again_at_once_shows_nobody_elses_bytes),
        cmocka_unit_test(a_change_larger_than_the_journal_loses_nothing),
    };

    return cmocka_run_group_tests(tests, campaign_begin, campaign_end);
}
