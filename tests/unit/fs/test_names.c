/* Names: creating, opening, unlinking, directories, paths that are wrong. */
#include "disk.h"

#include <stdio.h>

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

    disk_down(d);
    test_free(d);
    return 0;
}

static void a_created_file_is_found_by_its_name(void **state)
{
    struct disk *d = *state;
    struct inode *created = disk_create(d, "/file");
    struct inode *opened = disk_open(d, "/file");

    assert_ptr_equal(created, opened); /* I-FS-2 */
    assert_int_equal(inode_bytes(opened), 0);
    assert_true(inode_number(opened) > 0);
    inode_put(created);
    inode_put(opened);
    disk_remount(d);
    inode_put(disk_open(d, "/file"));
}

static void a_name_exists_once(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    struct inode *second;
    uint64_t free_pages = volume_free_pages(d->volume);

    assert_int_equal(inode_create(d->volume, "/file", false, &second), -EEXIST);
    assert_int_equal(inode_create(d->volume, "/lost+found", false, &second), -EEXIST);
    assert_int_equal(inode_create(d->volume, "/.", false, &second), -EEXIST);
    assert_int_equal(volume_free_pages(d->volume), free_pages);
    inode_put(ino);
}

static void parents_are_made_when_asked_for(void **state)
{
    struct disk *d = *state;
    struct inode *ino;

    assert_int_equal(inode_create(d->volume, "/a/b/c", false, &ino), -ENOENT);
    inode_put(disk_create(d, "/a/b/c"));
    inode_put(disk_create(d, "/a//b/./d"));
    inode_put(disk_open(d, "/a/b/c"));
    inode_put(disk_open(d, "///a/b/../b/d"));
    assert_int_equal(inode_open(d->volume, "/a/b", &ino), -EISDIR);
    assert_true(volume_check(d->volume));
}

static void wrong_paths_are_told_apart(void **state)
{
    struct disk *d = *state;
    struct inode *ino;
    char longest[4200];

    inode_put(disk_create(d, "/file"));
    assert_int_equal(inode_open(d->volume, "", &ino), -EINVAL);
    assert_int_equal(inode_open(d->volume, "file", &ino), -EINVAL);
    assert_int_equal(inode_open(d->volume, "/", &ino), -EISDIR);
    assert_int_equal(inode_open(d->volume, "///", &ino), -EISDIR);
    assert_int_equal(inode_open(d->volume, "/..", &ino), -EISDIR);
    assert_int_equal(inode_open(d->volume, "/none", &ino), -ENOENT);
    assert_int_equal(inode_open(d->volume, "/none/x", &ino), -ENOENT);
    assert_int_equal(inode_open(d->volume, "/file/x", &ino), -ENOTDIR);
    assert_int_equal(inode_open(d->volume, "/file/", &ino), -ENOTDIR);
    assert_int_equal(inode_create(d->volume, "/file/x", true, &ino), -ENOTDIR);
    assert_int_equal(inode_create(d->volume, "/new/", true, &ino), -EISDIR);
    assert_int_equal(inode_unlink(d->volume, "/lost+found"), -EISDIR);
    assert_int_equal(inode_unlink(d->volume, "/none"), -ENOENT);
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[256] = '\0'; /* a component of 255 bytes */
    assert_int_equal(inode_open(d->volume, longest, &ino), -ENOENT);
    inode_put(disk_create(d, longest));
    inode_put(disk_open(d, longest));
    longest[256] = 'x';
    longest[257] = '\0';
    assert_int_equal(inode_open(d->volume, longest, &ino), -ENAMETOOLONG);
    assert_int_equal(inode_create(d->volume, longest, true, &ino), -ENAMETOOLONG);
    memset(longest, '/', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(inode_open(d->volume, longest, &ino), -ENAMETOOLONG);
}

static void a_failed_create_leaves_no_directories_behind(void **state)
{
    struct disk *d = *state;
    struct inode *ino;
    uint64_t free_pages = volume_free_pages(d->volume);
    char path[300];

    snprintf(path, sizeof(path), "/new/%0256d", 0);
    assert_int_equal(inode_create(d->volume, path, true, &ino), -ENAMETOOLONG);
    assert_int_equal(inode_open(d->volume, "/new", &ino), -ENOENT);
    assert_int_equal(volume_free_pages(d->volume), free_pages);
}

static void a_directory_grows_with_its_names(void **state)
{
    struct disk *d = *state;
    char path[64];

    for (int i = 0; i < 200; i++) { /* more than two blocks hold */
        snprintf(path, sizeof(path), "/dir/%s-%03d", "a-name-that-takes-up-some-forty-bytes", i);
        inode_put(disk_create(d, path));
    }
    disk_remount(d);
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "/dir/%s-%03d", "a-name-that-takes-up-some-forty-bytes", i);
        inode_put(disk_open(d, path));
        if (i % 2 == 0)
            assert_int_equal(inode_unlink(d->volume, path), 0);
    }
    disk_remount(d);
    assert_int_equal(disk_fsck(d), 0);
}

static void an_unlinked_file_frees_its_blocks(void **state)
{
    struct disk *d = *state;
    struct inode *ino;
    uint64_t free_pages;

    inode_put(disk_create(d, "/other"));
    free_pages = volume_free_pages(d->volume);
    disk_fill_file(d, "/file", 30, 1);
    assert_int_equal(volume_free_pages(d->volume), free_pages - 31); /* and an indirect block */
    assert_int_equal(inode_unlink(d->volume, "/file"), 0);
    assert_int_equal(inode_open(d->volume, "/file", &ino), -ENOENT);
    assert_int_equal(volume_free_pages(d->volume), free_pages);
    disk_remount(d);
    assert_int_equal(disk_fsck(d), 0);
}

static void an_open_file_outlives_its_name(void **state)
{
    struct disk *d = *state;
    struct inode *ino;
    struct inode *again;
    uint64_t free_pages;

    inode_put(disk_create(d, "/other"));
    free_pages = volume_free_pages(d->volume);
    disk_fill_file(d, "/file", 3, 60);
    ino = inode_get(disk_open(d, "/file"));
    inode_put(ino);
    assert_false(inode_unlinked(ino));
    assert_int_equal(inode_unlink(d->volume, "/file"), 0);
    assert_true(inode_unlinked(ino));
    assert_int_equal(inode_open(d->volume, "/file", &again), -ENOENT);
    again = disk_create(d, "/file"); /* the name is free, the inode is not */
    assert_int_not_equal(inode_number(again), inode_number(ino));
    inode_put(again);
    assert_true(disk_page_is(ino, 2, 62));
    assert_int_equal(inode_write_pages(ino, 0, 1, disk_page(9)), 0);
    assert_true(disk_page_is(ino, 0, 9));
    assert_true(volume_check(d->volume));
    inode_put(ino);
    assert_int_equal(volume_free_pages(d->volume), free_pages);
}

static void an_inode_carries_its_owner(void **state)
{
    struct disk *d = *state;
    struct inode *ino = disk_create(d, "/file");
    int owner;

    assert_null(inode_owner(ino));
    inode_set_owner(ino, &owner);
    assert_ptr_equal(inode_owner(ino), &owner);
    inode_put(ino);
}

static void a_volume_runs_out_of_inodes_and_recovers(void **state)
{
    struct disk *d = *state;
    struct inode *ino;
    char path[32];
    int count = 0;
    int err = 0;

    while (err == 0) {
        snprintf(path, sizeof(path), "/f%d", count);
        err = inode_create(d->volume, path, false, &ino);
        if (err == 0) {
            inode_put(ino);
            count++;
        }
    }
    assert_int_equal(err, -ENOSPC);
    assert_true(count >= 100);
    assert_int_equal(inode_unlink(d->volume, "/f5"), 0);
    inode_put(disk_create(d, "/again"));
    disk_remount(d);
    assert_int_equal(disk_fsck(d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_created_file_is_found_by_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_exists_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parents_are_made_when_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_paths_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_create_leaves_no_directories_behind, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_directory_grows_with_its_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unlinked_file_frees_its_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_open_file_outlives_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_inode_carries_its_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_volume_runs_out_of_inodes_and_recovers, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
