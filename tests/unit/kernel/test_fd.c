/*
 * Descriptor tables and the names of inodes: small tables that hold references and memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kernel/calls.h"

struct fixture {
    struct alloc alloc;
    struct fd_table fds;
    struct open_file files[4]; /* each with one reference of ours */
};

/* Nobody may drop the last reference here: it is the test's own. */
static void never_released(struct mapped_file *file)
{
    (void)file;
    fail();
}

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->fds.limit = FD_LIMIT;
    for (unsigned i = 0; i < 4; i++) {
        f->files[i].mapped.refs = 1;
        f->files[i].mapped.release = never_released;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fd_close_all(&f->alloc, &f->fds);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(f->files[i].mapped.refs, 1);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

/* A reference more, put into the table: the descriptor. */
static int install(struct fixture *f, int fd_min, unsigned file)
{
    int fd = fd_install(&f->alloc, &f->fds, fd_min, &f->files[file]);

    if (fd >= 0)
        mapped_file_get(&f->files[file].mapped);
    return fd;
}

static void an_empty_table_knows_no_descriptor(void **state)
{
    struct fixture *f = *state;

    assert_null(fd_get(&f->fds, 0));
    assert_null(fd_get(&f->fds, -1));
    assert_null(fd_get(&f->fds, INT32_MAX));
    assert_null(fd_get(&f->fds, INT32_MIN));
    assert_int_equal(fd_close(&f->fds, 0), -EBADF);
    assert_int_equal(f->alloc.live_blocks, 0);
}

static void the_lowest_free_descriptor_is_given(void **state)
{
    struct fixture *f = *state;

    for (int fd = 0; fd < 40; fd++)
        assert_int_equal(install(f, 0, 0), fd);
    assert_int_equal(fd_close(&f->fds, 5), 0);
    assert_int_equal(fd_close(&f->fds, 5), -EBADF);
    assert_int_equal(fd_close(&f->fds, 30), 0);
    assert_int_equal(install(f, 10, 1), 30);
    assert_int_equal(install(f, 0, 2), 5);
    assert_ptr_equal(fd_get(&f->fds, 5), &f->files[2]);
    assert_ptr_equal(fd_get(&f->fds, 30), &f->files[1]);
    assert_int_equal(install(f, 100, 3), 100);
    assert_null(fd_get(&f->fds, 99));
    assert_int_equal(f->files[0].mapped.refs, 39);
}

static void the_table_ends_at_its_limit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(install(f, FD_LIMIT - 1, 0), FD_LIMIT - 1);
    assert_int_equal(install(f, FD_LIMIT - 1, 0), -EMFILE);
    assert_int_equal(install(f, FD_LIMIT, 0), -EMFILE);
    assert_int_equal(fd_find_free(&f->alloc, &f->fds, FD_LIMIT - 1), -EMFILE);
    assert_int_equal(install(f, 0, 0), 0);
}

static void finding_a_descriptor_does_not_take_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fd_find_free(&f->alloc, &f->fds, 0), 0);
    assert_int_equal(fd_find_free(&f->alloc, &f->fds, 0), 0);
    assert_null(fd_get(&f->fds, 0));
}

static void replacing_drops_what_was_there(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(install(f, 0, 0), 0);
    mapped_file_get(&f->files[1].mapped);
    assert_int_equal(fd_replace(&f->alloc, &f->fds, 0, &f->files[1]), 0);
    assert_int_equal(f->files[0].mapped.refs, 1);
    mapped_file_get(&f->files[1].mapped);
    assert_int_equal(fd_replace(&f->alloc, &f->fds, 500, &f->files[1]), 500);
    assert_ptr_equal(fd_get(&f->fds, 500), &f->files[1]);
    assert_int_equal(f->files[1].mapped.refs, 3);
    assert_int_equal(fd_replace(&f->alloc, &f->fds, -1, &f->files[2]), -EBADF);
    assert_int_equal(fd_replace(&f->alloc, &f->fds, FD_LIMIT, &f->files[2]), -EBADF);
}

static void a_copy_holds_references_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct fd_table copy = {0};

    assert_int_equal(install(f, 3, 0), 3);
    assert_int_equal(install(f, 20, 1), 20);
    assert_int_equal(fd_copy(&f->alloc, &copy, &f->fds), 0);
    assert_ptr_equal(fd_get(&copy, 3), &f->files[0]);
    assert_ptr_equal(fd_get(&copy, 20), &f->files[1]);
    assert_null(fd_get(&copy, 0));
    assert_int_equal(f->files[0].mapped.refs, 3);
    assert_int_equal(fd_close(&f->fds, 3), 0);
    assert_ptr_equal(fd_get(&copy, 3), &f->files[0]);
    fd_close_all(&f->alloc, &copy);
    assert_int_equal(copy.capacity, 0);
    assert_int_equal(f->files[0].mapped.refs, 1);
}

static void a_copy_of_nothing_needs_no_memory(void **state)
{
    struct fixture *f = *state;
    struct fd_table copy = {0};

    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(fd_copy(&f->alloc, &copy, &f->fds), 0);
    assert_int_equal(copy.capacity, 0);
    f->alloc.fail_at = 0;
}

static void a_table_that_cannot_grow_stays_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct fd_table copy = {0};

    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(install(f, 0, 0), -ENOMEM);
    assert_int_equal(install(f, 0, 0), 0);
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(install(f, 100, 1), -ENOMEM);
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(fd_replace(&f->alloc, &f->fds, 100, &f->files[1]), -ENOMEM);
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(fd_copy(&f->alloc, &copy, &f->fds), -ENOMEM);
    assert_int_equal(f->files[0].mapped.refs, 2);
    assert_int_equal(f->files[1].mapped.refs, 1);
    assert_ptr_equal(fd_get(&f->fds, 0), &f->files[0]);
    assert_null(fd_get(&f->fds, 100));
}

/* ---- names ---- */

static void an_inode_has_the_name_it_was_last_opened_by(void **state)
{
    struct fixture *f = *state;
    struct inode_names names;
    char path[16];

    inode_names_init(&names, &f->alloc);
    assert_string_equal(inode_names_get(&names, 12), "");
    for (uint32_t inode = 1; inode < 100; inode++) {
        snprintf(path, sizeof(path), "/%u", inode);
        inode_names_set(&names, inode, path);
    }
    inode_names_set(&names, 12, "/other");
    inode_names_set(&names, 12, "/other");
    assert_string_equal(inode_names_get(&names, 12), "/other");
    assert_string_equal(inode_names_get(&names, 99), "/99");
    assert_string_equal(inode_names_get(&names, 100), "");
    assert_int_equal(names.by_inode.count, 99);
    inode_names_destroy(&names);
}

static void a_name_without_memory_is_no_error(void **state)
{
    struct fixture *f = *state;
    struct inode_names names;

    inode_names_init(&names, &f->alloc);
    for (uint64_t n = 1; n <= 2; n++) { /* the copy, and the table's node */
        f->alloc.fail_at = f->alloc.calls + n;
        inode_names_set(&names, 7, "/a");
        assert_string_equal(inode_names_get(&names, 7), "");
        f->alloc.fail_at = 0;
    }
    inode_names_set(&names, 7, "/a");
    assert_string_equal(inode_names_get(&names, 7), "/a");
    f->alloc.fail_at = f->alloc.calls + 1;
    inode_names_set(&names, 7, "/b"); /* the old one is better than none */
    assert_string_equal(inode_names_get(&names, 7), "/a");
    f->alloc.fail_at = 0;
    inode_names_destroy(&names);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_table_knows_no_descriptor),
        TEST(the_lowest_free_descriptor_is_given),
        TEST(the_table_ends_at_its_limit),
        TEST(finding_a_descriptor_does_not_take_it),
        TEST(replacing_drops_what_was_there),
        TEST(a_copy_holds_references_of_its_own),
        TEST(a_copy_of_nothing_needs_no_memory),
        TEST(a_table_that_cannot_grow_stays_as_it_was),
        TEST(an_inode_has_the_name_it_was_last_opened_by),
        TEST(a_name_without_memory_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
