/*
 * Power that goes, disks that outlive the machine, and time that passes by itself.
 *
 * The scenarios of the folder power/ run on a disk with a volatile cache; the tests here look at
 * what scenarios cannot say: seeds, images, a volume that will not come back.
 */
#include "behaviour/world.h"

#include <dirent.h>
#include <mapwalk/run.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FOLDER     MAPWALK_SOURCE_DIR "/tests/behaviour/power"
#define DISK_BYTES (UINT64_C(32) << 20) /* large enough for a journal */
#define SECOND_NS  UINT64_C(1000000000)

static struct mw_config cached_config(void)
{
    struct mw_config config = world_config();

    config.disk_bytes = DISK_BYTES;
    config.disk_cache = true;
    return config;
}

/* A machine that has lost its processes gets a new one. */
static void cut(struct world *w, uint64_t seed)
{
    ck_assert_int_eq(mw_power_cut(w->machine, seed), 0);
    ck_assert(mw_check(w->machine));
    ck_assert_int_eq(mw_process_next(w->machine, 0), 0);
    w->pid = mw_spawn(w->machine);
    ck_assert_int_gt(w->pid, 0);
}

/* ---- the scenarios ---- */

static void run_scenario(const char *path, uint32_t harts)
{
    struct mw_config config = cached_config();
    struct mw_run_result result;
    struct mw_machine *machine;

    config.harts = harts;
    ck_assert_int_eq(mw_machine_new(&config, &machine), 0);
    ck_assert_int_eq(mw_run(machine, &path, 1, &(struct mw_run_options){0}, &result), 0);
    ck_assert_msg(result.expectations_failed == 0 && result.lines_bad == 0,
                  "%s: %llu failed, %llu bad", path, (unsigned long long)result.expectations_failed,
                  (unsigned long long)result.lines_bad);
    ck_assert_uint_gt(result.expectations, 3);
    ck_assert_int_eq(mw_machine_free(machine), 0);
}

START_TEST(scenarios_survive_the_power_as_they_say)
{
    DIR *folder = opendir(FOLDER);
    const struct dirent *entry;
    unsigned count = 0;

    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder)) != NULL) {
        char path[512];

        if (strstr(entry->d_name, ".mw") == NULL)
            continue;
        snprintf(path, sizeof(path), "%s/%s", FOLDER, entry->d_name);
        run_scenario(path, 1);
        run_scenario(path, 3);
        count++;
    }
    closedir(folder);
    ck_assert_uint_ge(count, 3);
}
END_TEST

/* ---- seeds ---- */

/* Pages 0 to 3 are synced in four ways, 4 to 7 are not; the file grows by each of them. */
static void write_pages(struct world *w)
{
    static const int flags[] = {0, 0, O_SYNC, O_DSYNC};
    uint64_t buffer = world_map(w, PAGE, RW, MAP_PRIVATE);

    for (unsigned i = 0; i < 8; i++) {
        int fd = world_open_file(w, "/f", O_RDWR | O_CREAT | (i < 4 ? flags[i] : 0));

        world_store(w, buffer, (uint8_t)('a' + i));
        ck_assert_int_eq(mw_pwrite(w->machine, w->pid, fd, buffer, PAGE, i * PAGE), PAGE);
        if (i == 0)
            ck_assert_int_eq(mw_fsync(w->machine, w->pid, fd), 0);
        if (i == 1)
            ck_assert_int_eq(mw_fdatasync(w->machine, w->pid, fd), 0);
        ck_assert_int_eq(mw_close(w->machine, w->pid, fd), 0);
    }
}

START_TEST(whatever_the_disk_keeps_what_was_acknowledged_is_there)
{
    static const uint64_t special[] = {0, UINT64_MAX, UINT64_C(1) << 63};

    for (uint64_t i = 0; i < 40; i++) {
        struct mw_config config = cached_config();
        struct world w = world_open_with(&config);

        write_pages(&w);
        ck_assert_int_eq(mw_advance(w.machine, i % 2 * 60 * SECOND_NS), 0);
        cut(&w, i < 3 ? special[i] : i);
        ck_assert_int_ge(mw_file_size(w.machine, "/f"), 4 * PAGE);
        for (unsigned page = 0; page < 4; page++)
            ck_assert_uint_eq(world_file_byte(&w, "/f", page * PAGE), 'a' + page);
        for (uint64_t page = 4; page * PAGE < (uint64_t)mw_file_size(w.machine, "/f"); page++) {
            uint8_t byte = world_file_byte(&w, "/f", page * PAGE);

            ck_assert(byte == 0 || byte == 'a' + page); /* never what was never written */
        }
        write_pages(&w); /* and everything works as before */
        ck_assert_int_eq(mw_sync(w.machine), 0);
        cut(&w, 0);
        ck_assert_uint_eq(world_file_byte(&w, "/f", 7 * PAGE), 'h');
        world_close(&w);
    }
}
END_TEST

/* The same seed, the same disk. */
START_TEST(a_power_cut_is_deterministic)
{
    uint64_t hash[2];

    for (unsigned i = 0; i < 2; i++) {
        struct mw_config config = cached_config();
        struct world w = world_open_with(&config);

        write_pages(&w);
        ck_assert_int_eq(mw_advance(w.machine, 60 * SECOND_NS), 0);
        cut(&w, 12345);
        hash[i] = mw_state_hash(w.machine);
        world_close(&w);
    }
    ck_assert_uint_eq(hash[0], hash[1]);
}
END_TEST

/* ---- disks that outlive the machine ---- */

static void make_path(char *path, size_t bytes)
{
    const char *folder = getenv("TMPDIR");
    int fd;

    snprintf(path, bytes, "%s/mapwalk-power-XXXXXX", folder != NULL ? folder : "/tmp");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
}

/* An image with a file system, by the host's mke2fs. False: it is not installed. */
static bool make_image(char *path, size_t bytes)
{
    char command[512];

    make_path(path, bytes);
    ck_assert_int_eq(truncate(path, (off_t)DISK_BYTES), 0);
    snprintf(command, sizeof(command),
             "PATH=$PATH:/sbin mke2fs -q -F -t ext3 -b 4096 %s 2>/dev/null", path);
    return system(command) == 0;
}

static bool image_is_clean(const char *path)
{
    char command[512];

    snprintf(command, sizeof(command), "PATH=$PATH:/sbin e2fsck -fn %s >/dev/null 2>&1", path);
    return system(command) == 0;
}

START_TEST(an_image_outlives_machines_and_power)
{
    char path[300];
    struct mw_config config = cached_config();
    struct mw_machine *second;
    struct world w;

    ck_assert(make_image(path, sizeof(path)));
    snprintf(config.disk_image, sizeof(config.disk_image), "%s", path);
    w = world_open_with(&config);
    ck_assert_uint_eq(mw_machine_config(w.machine)->disk_bytes, DISK_BYTES);
    ck_assert_int_eq(mw_machine_new(&config, &second), -EBUSY);
    write_pages(&w);
    ck_assert_int_eq(mw_advance(w.machine, 60 * SECOND_NS), 0);
    cut(&w, 7);
    for (unsigned page = 0; page < 4; page++)
        ck_assert_uint_eq(world_file_byte(&w, "/f", page * PAGE), 'a' + page);
    ck_assert_int_eq(mw_file_put(w.machine, "/last", "words", 5), 0);
    world_close(&w);
    ck_assert(image_is_clean(path));

    config.disk_cache = false;
    w = world_open_with(&config);
    ck_assert_uint_eq(world_file_byte(&w, "/last", 0), 'w');
    world_close(&w);
    ck_assert(image_is_clean(path));
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* The status flags of the descriptor by which this process has the file open; -1: it has not. */
static int flags_of_open_file(const char *path)
{
    int flags = -1;

    for (int fd = 0; fd < 256 && flags < 0; fd++) {
        char link[64];
        char target[400];
        ssize_t length;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        if (length > 0 && strcmp(target, path) == 0)
            flags = fcntl(fd, F_GETFL);
    }
    return flags;
}

START_TEST(an_image_is_opened_past_the_hosts_cache_when_asked_to)
{
    char path[300];
    struct mw_config config = cached_config();
    struct mw_machine *machine;
    int err;

    ck_assert(make_image(path, sizeof(path)));
    snprintf(config.disk_image, sizeof(config.disk_image), "%s", path);
    for (unsigned direct = 0; direct < 2; direct++) {
        config.disk_direct = direct != 0;
        err = mw_machine_new(&config, &machine);
        if (err == -ENOTSUP && direct != 0)
            break; /* an old tmpfs */
        ck_assert_int_eq(err, 0);
        ck_assert_int_eq((flags_of_open_file(path) & O_DIRECT) != 0, direct);
        ck_assert_int_eq(mw_file_put(machine, direct ? "/b" : "/a", "words", 5), 0);
        ck_assert_int_eq(mw_machine_free(machine), 0);
        ck_assert(image_is_clean(path));
    }
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(what_is_no_image_is_refused)
{
    char path[300];
    struct mw_config config = cached_config();
    struct mw_machine *machine;

    make_path(path, sizeof(path));
    snprintf(config.disk_image, sizeof(config.disk_image), "%s", path);
    ck_assert_int_eq(mw_machine_new(&config, &machine), -EINVAL); /* empty */
    ck_assert_int_eq(truncate(path, (off_t)DISK_BYTES), 0);
    ck_assert_int_eq(mw_machine_new(&config, &machine), -EUCLEAN); /* never formatted by us */
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mw_machine_new(&config, &machine), -ENOENT);
}
END_TEST

/*
 * A server keeps what one machine wrote for the next; a blank one is formatted first. nbdkit runs this
 * program again with the argument "nbd" and the address in $uri.
 */
START_TEST(a_server_outlives_machines)
{
    char command[600];
    char self[400];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    ck_assert_int_gt(length, 0);
    self[length] = '\0';
    if (system("nbdkit --version >/dev/null 2>&1") != 0) {
        printf("SKIPPED: nbdkit is not installed\n");
        return;
    }
    snprintf(command, sizeof(command), "nbdkit -U - memory 32M --run 'export uri; %s nbd'", self);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* What runs below nbdkit. 0: all is as it should be, or built without NBD. */
static int run_below_nbdkit(void)
{
    struct mw_config config = cached_config();
    struct mw_machine *machine;
    char bytes[5] = "";
    int err;

    snprintf(config.disk_nbd, sizeof(config.disk_nbd), "%s", getenv("uri"));
    err = mw_machine_new(&config, &machine);
    if (err != 0)
        return err == -ENOTSUP ? 0 : 1;
    if (mw_file_put(machine, "/kept", "words", 5) != 0 || mw_sync(machine) != 0 ||
        mw_power_cut(machine, 0) != 0 || mw_machine_free(machine) != 0 ||
        mw_machine_new(&config, &machine) != 0)
        return 1;
    err = mw_file_get(machine, "/kept", 0, bytes, 5) == 5 && memcmp(bytes, "words", 5) == 0 ? 0 : 1;
    return mw_machine_free(machine) != 0 ? 1 : err;
}

/* ---- a volume that does not come back ---- */

START_TEST(a_machine_without_its_volume_is_off_until_it_comes_back)
{
    struct mw_config config = cached_config();
    struct world w = world_open_with(&config);
    char byte;

    write_pages(&w);
    mw_fail_device(w.machine, 1, 0, 0, true);
    ck_assert_int_eq(mw_power_cut(w.machine, 0), -EIO);
    ck_assert_int_eq(mw_spawn(w.machine), -EIO);
    ck_assert_int_eq(mw_sync(w.machine), -EIO);
    ck_assert_int_eq(mw_advance(w.machine, 1), -EIO);
    ck_assert_int_eq(mw_drop_caches(w.machine), -EIO);
    ck_assert_int_eq(mw_file_size(w.machine, "/f"), -EIO);
    ck_assert_int_eq(mw_file_get(w.machine, "/f", 0, &byte, 1), -EIO);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/f", O_RDONLY), -ESRCH);
    ck_assert_uint_eq(mw_state_hash(w.machine), mw_state_hash(w.machine));
    ck_assert_uint_eq(world_frames(&w), 0);
    ck_assert_str_eq(mw_inode_path(w.machine, 12), "");
    ck_assert_int_eq(mw_file_put(w.machine, "/g", "g", 1), -EIO);
    ck_assert_int_eq(mw_file_grow(w.machine, "/g", 1), -EIO);
    ck_assert(mw_check(w.machine));
    mw_fail_device(w.machine, 0, 0, 0, false);
    cut(&w, 0);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 3 * PAGE), 'd');
    world_close(&w);

    w = world_open_with(&config);
    mw_fail_device(w.machine, 1, 0, 0, true);
    ck_assert_int_eq(mw_power_cut(w.machine, 0), -EIO);
    ck_assert_int_eq(mw_machine_free(w.machine), 0);
}
END_TEST

/* What was counted before goes on being counted; the cut itself costs nothing that is seen. */
START_TEST(a_power_cut_keeps_the_books)
{
    struct mw_config config = cached_config();
    struct world w = world_open_with(&config);
    struct mw_stats before, after;

    write_pages(&w);
    before = world_stats(&w);
    ck_assert_int_eq(mw_power_cut(w.machine, 0), 0);
    after = world_stats(&w);
    ck_assert_uint_eq(after.blocks.writes, before.blocks.writes);
    ck_assert_uint_eq(after.blocks.errors, before.blocks.errors);
    ck_assert_uint_eq(after.faults.total, before.faults.total);
    ck_assert_uint_eq(after.cache.pages_written, before.cache.pages_written);
    ck_assert_uint_ge(after.time_ns, before.time_ns);
    ck_assert_int_eq(mw_machine_free(w.machine), 0);
}
END_TEST

/* Without a volatile cache what has reached the disk is there, what only the machine had is not. */
START_TEST(a_disk_without_a_cache_keeps_what_the_flusher_wrote)
{
    struct mw_config config = cached_config();
    struct world w;
    uint64_t p;
    int fd;

    config.disk_cache = false;
    w = world_open_with(&config);
    world_file(&w, "/f", 2 * PAGE, 'f');
    fd = world_open_file(&w, "/f", O_RDWR);
    p = world_map_file(&w, fd, 2 * PAGE, RW, MAP_SHARED);
    world_store(&w, p, 'x');
    ck_assert_int_eq(mw_advance(w.machine, 40 * SECOND_NS), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    world_store(&w, p + PAGE, 'y');
    ck_assert_int_eq(mw_advance(w.machine, 10 * SECOND_NS), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", PAGE), 'f');
    cut(&w, 0);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 0), 'x');
    ck_assert_uint_eq(world_file_byte(&w, "/f", PAGE), 'f');
    world_close(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {
        scenarios_survive_the_power_as_they_say,
        whatever_the_disk_keeps_what_was_acknowledged_is_there,
        a_power_cut_is_deterministic,
        an_image_outlives_machines_and_power,
        an_image_is_opened_past_the_hosts_cache_when_asked_to,
        what_is_no_image_is_refused,
        a_server_outlives_machines,
        a_machine_without_its_volume_is_off_until_it_comes_back,
        a_power_cut_keeps_the_books,
        a_disk_without_a_cache_keeps_what_the_flusher_wrote,
    };

    if (argc == 2 && strcmp(argv[1], "nbd") == 0)
        return run_below_nbdkit();
    return world_run("power", tests, sizeof(tests) / sizeof(tests[0]));
}
