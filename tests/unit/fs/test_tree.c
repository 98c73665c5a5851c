/*
 * What test_names_oracle.c cannot compare with the host: links that are too many, files that live on
 * when they are replaced, long targets, listing while names come and go, failures in the middle.
 */
#include <stdio.h>

#include "disk.h"

static int set_up(void **state)
{
    struct disk *d = test_malloc(sizeof(*d));

    disk_up(d, 4 * MIB);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct disk *d = *state;

    assert_true(volume_check(d->volume));
    assert_int_equal(volume_unmount(d->volume), 0);
    d->volume = NULL;
    assert_int_equal(disk_fsck(d), 0);
    disk_down(d);
    test_free(d);
    return 0;
}

static void a_replaced_file_lives_on_while_it_is_open(void **state)
{
    struct disk *d = *state;
    struct volume_stat status;
    struct inode *old;
    uint64_t free_pages;

    disk_fill_file(d, "/old", 4, 1);
    disk_fill_file(d, "/new", 2, 50);
    old = disk_open(d, "/old");
    free_pages = volume_free_pages(d->volume);
    assert_int_equal(volume_rename(d->volume, "/new", "/old", 0), 0);
    assert_true(inode_unlinked(old));
    assert_true(disk_page_is(old, 3, 4));
    disk_check_file(d, "/old", 2, 50);
    assert_int_equal(volume_stat(d->volume, "/new", &status), -ENOENT);
    inode_put(old);
    assert_int_equal(volume_free_pages(d->volume), free_pages + 4);
}

static void a_hard_link_is_the_same_file(void **state)
{
    struct disk *d = *state;
    struct volume_stat status;
    struct inode *ino;

    disk_fill_file(d, "/file", 2, 1);
    ino = disk_open(d, "/file");
    assert_int_equal(volume_hard_link(d->volume, "/file", "/second"), 0);
    inode_stat(ino, &status);
    assert_int_equal(status.links, 2);
    assert_int_equal(inode_unlink(d->volume, "/file"), 0);
    assert_false(inode_unlinked(ino));
    inode_put(ino);
    disk_check_file(d, "/second", 2, 1);
    /* Renaming one name to another of the same file leaves both. */
    assert_int_equal(volume_hard_link(d->volume, "/second", "/third"), 0);
    assert_int_equal(volume_rename(d->volume, "/second", "/third", 0), 0);
    assert_int_equal(volume_stat(d->volume, "/second", &status), 0);
    assert_int_equal(status.links, 2);
}

static void links_are_counted_up_to_the_limit(void **state)
{
    struct disk *d = *state;
    struct volume_stat status;

    if (!disk_have("debugfs"))
        skip();
    inode_put(disk_create(d, "/file"));
    assert_int_equal(volume_make_directory(d->volume, "/dir"), 0);
    assert_int_equal(volume_make_directory(d->volume, "/moved"), 0);
    assert_int_equal(volume_unmount(d->volume), 0);
    d->volume = NULL;
    disk_run(d, "debugfs -w -R 'set_inode_field file links_count 65000' $image && "
                "debugfs -w -R 'set_inode_field dir links_count 65000' $image");
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
    assert_int_equal(volume_hard_link(d->volume, "/file", "/more"), -EMLINK);
    assert_int_equal(volume_make_directory(d->volume, "/dir/sub"), -EMLINK);
    assert_int_equal(volume_rename(d->volume, "/moved", "/dir/sub", 0), -EMLINK);
    assert_int_equal(volume_stat(d->volume, "/dir/sub", &status), -ENOENT);
    assert_int_equal(volume_stat(d->volume, "/moved", &status), 0);
    assert_int_equal(volume_unmount(d->volume), 0);
    d->volume = NULL;
    disk_run(d, "debugfs -w -R 'set_inode_field file links_count 1' $image && "
                "debugfs -w -R 'set_inode_field dir links_count 2' $image");
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
}

static void a_symbolic_link_keeps_its_target(void **state)
{
    struct disk *d = *state;
    uint64_t free_pages = volume_free_pages(d->volume);
    char target[4096];
    char found[4096];

    for (size_t length = 1; length < sizeof(target); length = length * 2 + (length == 31)) {
        memset(target, 't', length);
        target[length] = '\0';
        assert_int_equal(volume_make_symlink(d->volume, target, "/link"), 0);
        disk_remount(d);
        assert_int_equal(volume_read_symlink(d->volume, "/link", found, (uint32_t)length), -ERANGE);
        assert_int_equal(volume_read_symlink(d->volume, "/link", found, (uint32_t)length + 1), 0);
        assert_string_equal(found, target);
        assert_int_equal(inode_unlink(d->volume, "/link"), 0);
        assert_int_equal(volume_free_pages(d->volume), free_pages);
    }
    assert_int_equal(volume_make_symlink(d->volume, "", "/link"), -ENOENT);
    assert_int_equal(volume_read_symlink(d->volume, "/", found, sizeof(found)), -EINVAL);
}

static void permission_bits_are_kept(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    struct volume_stat status;

    assert_int_equal(volume_set_mode(d->volume, "/file", 0640), 0);
    inode_stat(ino, &status);
    assert_int_equal(status.mode, 0100640);
    assert_int_equal(inode_set_bytes(ino, 5), 0); /* writes the inode once more */
    inode_put(ino);
    disk_remount(d);
    assert_int_equal(volume_stat(d->volume, "/file", &status), 0);
    assert_int_equal(status.mode, 0100640);
    assert_int_equal(status.bytes, 5);
}

#define NAMES 200u
#define TAIL  "-and-a-tail-so-that-the-names-fill-several-blocks"

/* Every entry that stays is listed once, while each second one is removed on the way. */
static void listing_survives_changes(void **state)
{
    struct disk *d = *state;
    struct volume_entry entry;
    uint64_t cursor = 0;
    unsigned seen[NAMES] = {0};
    unsigned number;
    char path[128];
    int err;

    assert_int_equal(volume_make_directory(d->volume, "/dir"), 0);
    for (number = 0; number < NAMES; number++) {
        snprintf(path, sizeof(path), "/dir/%u" TAIL, number);
        assert_int_equal(volume_make_symlink(d->volume, "x", path), 0);
    }
    while ((err = volume_list(d->volume, "/dir", &cursor, &entry)) == 0) {
        assert_int_equal(sscanf(entry.name, "%u", &number), 1);
        seen[number]++;
        assert_int_equal(entry.kind, VOLUME_SYMLINK);
        snprintf(path, sizeof(path), "/dir/%u" TAIL, number);
        if (number % 2 == 0)
            assert_int_equal(inode_unlink(d->volume, path), 0);
    }
    assert_int_equal(err, -ENOENT);
    for (number = 0; number < NAMES; number++)
        assert_int_equal(seen[number], 1);
    assert_int_equal(volume_list(d->volume, "/dir/1" TAIL, &cursor, &entry), -ENOTDIR);
}

/* ---- every failure in turn ---- */

static int tree_step(struct volume *v, unsigned step)
{
    switch (step) {
    case 0:
        return volume_make_directory(v, "/a/new");
    case 1:
        return volume_rename(v, "/a/sub", "/b/sub", 0);
    case 2:
        return volume_rename(v, "/a/file", "/b/file", 0);
    case 3:
        return volume_hard_link(v, "/b/file", "/a/link");
    case 4:
        return volume_make_symlink(v,
                                   "a-target-that-is-too-long-to-lie-in-the-inode-of-the-link-"
                                   "itself",
                                   "/a/symlink");
    case 5:
        return volume_remove_directory(v, "/b/empty");
    default:
        return inode_unlink(v, "/a/link");
    }
}

#define TREE_STEPS 7u

static bool fail_once(uint64_t n, enum dev_request kind, bool memory)
{
    struct volume_stat status;
    struct disk d;
    bool met = false;

    disk_up(&d, MIB);
    disk_fill_file(&d, "/a/file", 1, 1);
    disk_fill_file(&d, "/a/sub/inner", 1, 2);
    disk_fill_file(&d, "/b/file", 1, 3);
    assert_int_equal(volume_make_directory(d.volume, "/b/empty"), 0);
    disk_remount(&d);
    if (memory)
        d.alloc.fail_at = d.alloc.calls + n;
    else
        disk_fail(&d, kind, n, false);
    for (unsigned step = 0; step < TREE_STEPS; step++) {
        int err = tree_step(d.volume, step);

        if (err == 0)
            continue;
        met = true;
        assert_true(err == -EIO || err == -ENOMEM);
        assert_true(volume_check(d.volume));
        assert_int_equal(tree_step(d.volume, step), 0);
    }
    d.alloc.fail_at = 0;
    disk_fail(&d, kind, 0, false);
    disk_check_file(&d, "/b/file", 1, 1);
    disk_check_file(&d, "/b/sub/inner", 1, 2);
    assert_int_equal(volume_stat(d.volume, "/a/sub", &status), -ENOENT);
    assert_int_equal(volume_stat(d.volume, "/b/sub/..", &status), 0);
    assert_int_equal(status.links, 3);
    disk_remount(&d);
    assert_int_equal(disk_fsck(&d), 0);
    disk_down(&d);
    return met;
}

static void each_failure_leaves_the_tree_as_it_was(void **state)
{
    unsigned met = 0;

    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        met += fail_once(n, DEV_READ, false);
        met += fail_once(n, DEV_READ, true);
    }
    assert_true(met >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_replaced_file_lives_on_while_it_is_open, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_hard_link_is_the_same_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_counted_up_to_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_symbolic_link_keeps_its_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(permission_bits_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(listing_survives_changes, set_up, tear_down),
        cmocka_unit_test(each_failure_leaves_the_tree_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
