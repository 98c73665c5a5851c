/*
 * Names against Linux: random calls on a volume and in a directory of the host, side by side. Every
 * result is compared, and every so often the whole trees. Links lead nowhere by leading to
 * themselves, so that the host, which follows them, reports what the volume does, which does not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/prng.h"
#include "disk.h"

#define ROUNDS          8000u
#define HOST_PATH_BYTES 640u /* base, "/root" and the longest path that is made here */

struct oracle {
    struct disk disk;
    struct prng prng;
    char base[64]; /* the host's directory: base/loop, base/root */
    char loop[80];
};

static uint32_t choose(struct oracle *o, uint32_t count)
{
    return (uint32_t)prng_below(&o->prng, count);
}

/*
 * A path of up to four components from few names. ".." only takes back a component, or the host
 * would leave its root.
 */
static void choose_path(struct oracle *o, char path[128])
{
    static const char *const names[] = {"a", "b", "c", "d", "a-longer-name", "e"};
    uint32_t count = 1 + choose(o, 4);
    uint32_t depth = 0;

    path[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const char *name = names[choose(o, 6)];

        if (i > 0 && choose(o, 16) == 0)
            name = ".";
        else if (depth > 1 && choose(o, 12) == 0) {
            name = "..";
            depth -= 2;
        }
        if (strcmp(name, ".") != 0)
            depth++;
        strcat(path, "/");
        strcat(path, name);
    }
    if (choose(o, 12) == 0)
        strcat(path, "/");
}

static void host_path(const struct oracle *o, const char *path, char out[HOST_PATH_BYTES])
{
    snprintf(out, HOST_PATH_BYTES, "%s/root%s", o->base, path);
}

static int host_result(int result)
{
    return result < 0 ? -errno : 0;
}

/* ---- the calls ---- */

static int on_volume(struct oracle *o, uint32_t call, const char *a, const char *b)
{
    struct volume *v = o->disk.volume;
    struct volume_stat status;
    struct inode *ino;
    int err;

    switch (call) {
    case 0:
    case 1:
        return volume_make_directory(v, a);
    case 2:
        return volume_remove_directory(v, a);
    case 3:
    case 4:
        return volume_rename(v, a, b, 0);
    case 5:
        return volume_rename(v, a, b, RENAME_NOREPLACE);
    case 6:
        return volume_hard_link(v, a, b);
    case 7:
        return volume_make_symlink(v, o->loop, a);
    case 8:
        return inode_unlink(v, a);
    case 9:
        return volume_stat(v, a, &status);
    default:
        err = inode_create(v, a, false, &ino);
        if (err == 0)
            inode_put(ino);
        return err;
    }
}

static int on_host(struct oracle *o, uint32_t call, const char *a, const char *b)
{
    struct stat status;
    char first[HOST_PATH_BYTES];
    char second[HOST_PATH_BYTES];
    int fd;

    host_path(o, a, first);
    host_path(o, b, second);
    switch (call) {
    case 0:
    case 1:
        return host_result(mkdir(first, 0755));
    case 2:
        return host_result(rmdir(first));
    case 3:
    case 4:
        return host_result(rename(first, second));
    case 5:
        return host_result(renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_NOREPLACE));
    case 6:
        return host_result(link(first, second));
    case 7:
        return host_result(symlink(o->loop, first));
    case 8:
        return host_result(unlink(first));
    case 9:
        return host_result(lstat(first, &status));
    default:
        fd = open(first, O_CREAT | O_EXCL | O_RDWR, 0644);
        if (fd >= 0)
            close(fd);
        return host_result(fd);
    }
}

/* ---- the trees ---- */

static unsigned kind_of(const struct stat *status)
{
    if (S_ISREG(status->st_mode))
        return VOLUME_FILE;
    return S_ISDIR(status->st_mode) ? VOLUME_DIRECTORY : VOLUME_SYMLINK;
}

static unsigned compare_entry(struct oracle *o, const char *path)
{
    struct volume_stat here;
    struct stat there;
    char host[HOST_PATH_BYTES];

    host_path(o, path, host);
    assert_int_equal(lstat(host, &there), 0);
    assert_int_equal(volume_stat(o->disk.volume, path, &here), 0);
    assert_int_equal(here.kind, kind_of(&there));
    /* Some host file systems do not count subdirectories. */
    if (here.kind != VOLUME_DIRECTORY || there.st_nlink >= 2)
        assert_int_equal(here.links, there.st_nlink);
    return here.kind;
}

/* All that the volume lists is on the host, and the host has no more. */
static void compare_trees(struct oracle *o, const char *path)
{
    struct volume_entry entry;
    uint64_t cursor = 0;
    unsigned entries = 0;
    char child[512];
    char host[HOST_PATH_BYTES];
    DIR *dir;
    int err;

    while ((err = volume_list(o->disk.volume, path, &cursor, &entry)) == 0) {
        if (strcmp(entry.name, "lost+found") == 0)
            continue;
        entries++;
        snprintf(child, sizeof(child), "%s/%s", strcmp(path, "/") == 0 ? "" : path, entry.name);
        assert_int_equal(compare_entry(o, child), entry.kind);
        if (entry.kind == VOLUME_DIRECTORY)
            compare_trees(o, child);
    }
    assert_int_equal(err, -ENOENT);
    host_path(o, path, host);
    dir = opendir(host);
    assert_non_null(dir);
    for (const struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
        entries -= strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
    closedir(dir);
    assert_int_equal(entries, 0);
}

static void oracle_up(struct oracle *o)
{
    char root[80];

    memset(o, 0, sizeof(*o));
    strcpy(o->base, "/tmp/mapwalk-names-XXXXXX");
    assert_non_null(mkdtemp(o->base));
    snprintf(o->loop, sizeof(o->loop), "%s/loop", o->base);
    assert_int_equal(symlink(o->loop, o->loop), 0);
    snprintf(root, sizeof(root), "%s/root", o->base);
    assert_int_equal(mkdir(root, 0755), 0);
    disk_up(&o->disk, 4 * MIB);
}

static void oracle_down(struct oracle *o)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", o->base);
    assert_int_equal(system(command), 0);
    assert_true(volume_check(o->disk.volume));
    assert_int_equal(volume_unmount(o->disk.volume), 0);
    o->disk.volume = NULL;
    assert_int_equal(disk_fsck(&o->disk), 0);
    disk_down(&o->disk);
}

static void random_calls_end_as_on_linux(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct oracle o;
        unsigned done = 0;

        oracle_up(&o);
        prng_seed(&o.prng, seed);
        for (unsigned round = 0; round < ROUNDS; round++) {
            uint32_t call = choose(&o, 13);
            char a[128];
            char b[128];
            int here;
            int there;

            choose_path(&o, a);
            choose_path(&o, b);
            here = on_volume(&o, call, a, b);
            there = on_host(&o, call, a, b);
            if (here != there)
                fail_msg("seed %u, round %u: call %u(\"%s\", \"%s\") = %d, on Linux %d",
                         (unsigned)seed, round, call, a, b, here, there);
            done += here == 0 && call != 9;
            if (round % 500 == 0) {
                compare_trees(&o, "/");
                assert_true(volume_check(o.disk.volume));
            }
            if (round % 3000 == 2999)
                disk_remount(&o.disk);
        }
        assert_true(done > ROUNDS / 20);
        compare_trees(&o, "/");
        oracle_down(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_calls_end_as_on_linux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
