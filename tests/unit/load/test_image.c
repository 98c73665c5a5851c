/*
 * Images from the outside: locks, copying in and out, and what must never be written. The command's
 * own outputs are in tests/golden/cases/image.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <mapwalk/image.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

/* Each test has a directory of its own, in which it stands. */
static int set_up(void **state)
{
    char *base = strdup("/tmp/mapwalk-image-XXXXXX");

    *state = base;
    return base == NULL || mkdtemp(base) == NULL || chdir(base) != 0;
}

static int tear_down(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    free(*state);
    return chdir("/tmp") != 0 || system(command) != 0;
}

static void shell(const char *command)
{
    assert_int_equal(system(command), 0);
}

static struct mw_image *open_image(bool writable)
{
    struct mw_image *image;
    char why[MW_IMAGE_WHY];

    assert_int_equal(mw_image_open("i.img", writable, &image, why), 0);
    return image;
}

static void import(const char *from, const char *path, struct mw_image_copied *copied)
{
    struct mw_image *image = open_image(true);

    assert_int_equal(mw_image_import(image, from, path, NULL, copied), 0);
    assert_int_equal(mw_image_check(image, NULL), 0);
    assert_int_equal(mw_image_close(image), 0);
}

static void export(const char *path, const char *to, struct mw_image_copied *copied)
{
    struct mw_image *image = open_image(false);

    assert_int_equal(mw_image_export(image, path, to, NULL, copied), 0);
    assert_int_equal(mw_image_close(image), 0);
}

static void a_writer_locks_everybody_out_and_readers_only_writers(void **state)
{
    struct mw_image *first;
    struct mw_image *second;
    char why[MW_IMAGE_WHY];

    (void)state;
    assert_int_equal(mw_image_create("i.img", MIB, true), 0);
    first = open_image(true);
    assert_int_equal(mw_image_open("i.img", true, &second, why), -EBUSY);
    assert_string_equal(why, "in use by another program");
    assert_int_equal(mw_image_open("i.img", false, &second, NULL), -EBUSY);
    assert_int_equal(mw_image_close(first), 0);
    first = open_image(false);
    assert_int_equal(mw_image_open("i.img", true, &second, why), -EBUSY);
    second = open_image(false);
    assert_int_equal(mw_image_close(second), 0);
    assert_int_equal(mw_image_close(first), 0);
    assert_int_equal(mw_image_close(open_image(true)), 0);
}

static void an_image_is_made_once_and_whole(void **state)
{
    (void)state;
    assert_int_equal(mw_image_create("i.img", 0, true), -EINVAL);
    assert_int_equal(mw_image_create("i.img", 32768, true), -EINVAL);
    assert_int_equal(access("i.img", F_OK), -1);
    assert_int_equal(mw_image_create("none/i.img", MIB, true), -ENOENT);
    assert_int_equal(mw_image_create("i.img", MIB, true), 0);
    assert_int_equal(mw_image_create("i.img", MIB, true), -EEXIST);
}

/* Somebody put links where the export would write. */
static void an_export_goes_through_no_link(void **state)
{
    struct mw_image_copied copied;

    (void)state;
    shell("mkdir -p tree/dir && echo new > tree/dir/file && echo new > tree/file");
    assert_int_equal(mw_image_create("i.img", MIB, true), 0);
    import("tree", "/data", &copied);
    assert_int_equal(copied.files, 2);
    shell("mkdir out outside && echo old > outside/file && echo old > secret");
    shell("ln -s ../outside out/dir && ln -s ../secret out/file && ln -s ../secret "
          "out/.mapwalk-export");
    export("/data", "out", &copied);
    assert_int_equal(copied.failed, 1); /* dir, which is a link and stays one */
    assert_int_equal(copied.files, 1);
    shell("test $(cat outside/file) = old && test $(cat secret) = old && test ! -h out/file && "
          "test $(cat out/file) = new && test -h out/dir && test ! -e out/.mapwalk-export");
}

/* Two entries of one name: a link first, then a directory that would lead through it. */
static void an_image_with_a_name_twice_writes_nothing_outside(void **state)
{
    struct mw_image_copied copied;

    (void)state;
    if (system("command -v debugfs >/dev/null") != 0)
        skip();
    shell("mkdir -p tree/evil outside && echo bad > tree/evil/file");
    assert_int_equal(mw_image_create("i.img", MIB, true), 0);
    import("tree", "/", &copied);
    shell("debugfs -w -R 'symlink good ../outside' i.img 2>/dev/null && "
          "perl -0777 -i -pe 's/evil/xxxx/; s/good/xxxx/' i.img");
    export("/", "out", &copied);
    shell("test -z \"$(ls outside)\"");
    assert_true(copied.files + copied.symlinks + copied.directories > 0);
}

static void what_is_there_is_kept_or_replaced_and_never_half(void **state)
{
    struct mw_image_copied copied;

    (void)state;
    shell(
        "mkdir -p one two/sub && echo first > one/a && echo second > two/a && echo b > two/sub/b");
    assert_int_equal(mw_image_create("i.img", MIB, true), 0);
    import("one", "/", &copied);
    import("two", "/", &copied);
    assert_int_equal(copied.files, 2);
    import("one/a", "/name", &copied);
    /* Larger than what is left: the old one stays. */
    shell("head -c 2000000 /dev/urandom > one/a");
    import("one", "/", &copied);
    assert_int_equal(copied.no_room, 1);
    assert_int_equal(copied.bytes, 0);
    shell("mkdir three && echo c > three/sub");
    import("three", "/", &copied); /* a file where a directory is */
    assert_int_equal(copied.failed, 1);
    export("/", "out", &copied);
    shell(
        "test $(cat out/a) = second && test $(cat out/sub/b) = b && test $(cat out/name) = first");
    shell("test $(find out -name '.mapwalk*' | wc -l) = 0");
}

/* Deeper than any path reaches. */
static void make_deep(const char *path, unsigned depth)
{
    char name[201];
    int fd = open(path, O_RDONLY | O_DIRECTORY);

    memset(name, 'd', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (unsigned i = 0; i < depth; i++) {
        int below;

        assert_int_equal(mkdirat(fd, name, 0755), 0);
        below = openat(fd, name, O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = below;
    }
    close(fd);
}

static void trees_that_are_deep_or_have_no_end_are_told(void **state)
{
    struct mw_image_copied copied;

    (void)state;
    assert_int_equal(mw_image_create("i.img", 4 * MIB, true), 0);
    shell("mkdir tree && ln -s .. tree/up && ln -s self tree/self");
    make_deep("tree", 60);
    import("tree", "/", &copied);
    assert_int_equal(copied.symlinks, 2);
    assert_true(copied.directories >= 19 && copied.failed == 1);
    export("/", "out", &copied);
    assert_int_equal(copied.failed, 0);
}

static void a_file_without_a_size_is_read_to_its_end(void **state)
{
    struct mw_image_copied copied;

    (void)state;
    assert_int_equal(mw_image_create("i.img", MIB, true), 0);
    import("/proc/version", "/version", &copied);
    export("/version", "out", &copied);
    shell("cmp out /proc/version");
}

/*
 * In a mount namespace of its own, so that nothing is left behind. Only root on a host with loop
 * devices may; a failure behind the mount is one of ours.
 */
static void linux_mounts_an_image_and_we_read_what_it_wrote(void **state)
{
    static const char script[] =
        "mkdir m && mount -o loop i.img m 2>/dev/null || exit 77\n"
        "diff -r --exclude=lost+found tree m && head -c 700000 /dev/zero | tr '\\0' z >m/new &&\n"
        "mv m/sub/deep m/moved && truncate -s 3 m/a && umount m";
    struct mw_image_copied copied;
    char command[600];
    int status;

    (void)state;
    shell("mkdir -p tree/sub/deep && echo one >tree/a && echo two >tree/sub/deep/b && ln -s a "
          "tree/link");
    for (unsigned journal = 0; journal < 2; journal++) {
        shell("rm -rf i.img out m");
        assert_int_equal(mw_image_create("i.img", 32 * MIB, journal != 0), 0);
        import("tree", "/", &copied);
        snprintf(command, sizeof(command), "PATH=$PATH:/sbin unshare -m sh -c \"%s\" 2>/dev/null",
                 script);
        status = system(command);
        if (!WIFEXITED(status) || WEXITSTATUS(status) == 77 || geteuid() != 0) {
            print_message("cannot mount images here\n");
            skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
        export("/", "out", &copied);
        shell(
            "head -c 700000 /dev/zero | tr '\\0' z | cmp - out/new && printf one | cmp - out/a && "
            "cmp out/moved/b tree/sub/deep/b");
        shell("PATH=$PATH:/sbin e2fsck -fn i.img >/dev/null 2>&1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_writer_locks_everybody_out_and_readers_only_writers,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_is_made_once_and_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_export_goes_through_no_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_with_a_name_twice_writes_nothing_outside, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_there_is_kept_or_replaced_and_never_half, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(trees_that_are_deep_or_have_no_end_are_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_without_a_size_is_read_to_its_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(linux_mounts_an_image_and_we_read_what_it_wrote, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
