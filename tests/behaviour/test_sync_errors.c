/*
 * Errors of writing back that happened when nobody asked: who is told, by which call, and how often.
 *
 * As Linux does since 4.13 (errseq): each open file description learns of an error once; descriptors
 * that share a description share that; an error that nobody has seen yet is news for whoever opens
 * the file later.
 */
#include "behaviour/world.h"

#define SECOND_NS UINT64_C(1000000000)

struct failing {
    struct world w;
    uint64_t buffer;
    int fd; /* of /f, opened before anything went wrong */
};

static void write_page(struct failing *f, int fd)
{
    ck_assert_int_eq(mw_pwrite(f->w.machine, f->w.pid, fd, f->buffer, PAGE, 0), PAGE);
}

/* Every write of the device fails while time passes: the flusher is the one who learns of it. */
static void fail_in_background(struct failing *f)
{
    write_page(f, f->fd);
    mw_fail_device(f->w.machine, 0, 1, 0, true);
    ck_assert_int_eq(mw_advance(f->w.machine, 40 * SECOND_NS), 0);
    mw_fail_device(f->w.machine, 0, 0, 0, false);
    ck_assert_uint_gt(world_stats(&f->w).cache.write_errors, 0);
}

static struct failing failing_open(void)
{
    struct failing f = {.w = world_open()};

    world_file(&f.w, "/f", 4 * PAGE, 'f');
    f.buffer = world_map(&f.w, PAGE, RW, MAP_PRIVATE);
    world_store(&f.w, f.buffer, 'n');
    f.fd = world_open_file(&f.w, "/f", O_RDWR);
    return f;
}

static int sync_of(struct failing *f, int fd)
{
    return mw_fsync(f->w.machine, f->w.pid, fd);
}

/* ---- once to each description ---- */

START_TEST(each_description_is_told_once)
{
    struct failing f = failing_open();
    int other = world_open_file(&f.w, "/f", O_RDONLY);

    fail_in_background(&f);
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO);
    ck_assert_int_eq(sync_of(&f, f.fd), 0);
    ck_assert_int_eq(sync_of(&f, other), -EIO);
    ck_assert_int_eq(sync_of(&f, other), 0);
    ck_assert_int_eq(world_disk_byte(&f.w, "/f", 0), 'n'); /* and nothing was lost */
    fail_in_background(&f);                                /* a new error is news again */
    ck_assert_int_eq(sync_of(&f, other), -EIO);
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO);
    world_close(&f.w);
}
END_TEST

START_TEST(descriptors_of_one_description_share_the_news)
{
    struct failing f = failing_open();
    int copy = mw_dup(f.w.machine, f.w.pid, f.fd);
    int child = mw_fork(f.w.machine, f.w.pid);

    fail_in_background(&f);
    ck_assert_int_eq(mw_fsync(f.w.machine, child, f.fd), -EIO);
    ck_assert_int_eq(sync_of(&f, f.fd), 0);
    ck_assert_int_eq(sync_of(&f, copy), 0);
    world_close(&f.w);
}
END_TEST

START_TEST(who_opens_later_is_told_what_nobody_has_seen)
{
    struct failing f = failing_open();
    int later;

    fail_in_background(&f);
    later = world_open_file(&f.w, "/f", O_RDONLY);
    ck_assert_int_eq(sync_of(&f, later), -EIO);
    later = world_open_file(&f.w, "/f", O_RDONLY);
    ck_assert_int_eq(sync_of(&f, later), 0);   /* somebody has seen it */
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO); /* who was there is told all the same */
    world_close(&f.w);
}
END_TEST

START_TEST(an_error_outlives_the_descriptors_that_were_there)
{
    struct failing f = failing_open();

    fail_in_background(&f);
    ck_assert_int_eq(mw_close(f.w.machine, f.w.pid, f.fd), 0);
    f.fd = world_open_file(&f.w, "/f", O_RDWR);
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO);
    world_close(&f.w);
}
END_TEST

/* ---- by each of the calls ---- */

static int by_fdatasync(struct failing *f)
{
    return mw_fdatasync(f->w.machine, f->w.pid, f->fd);
}

static int by_sync_file_range(struct failing *f)
{
    return mw_sync_file_range(f->w.machine, f->w.pid, f->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE);
}

static int by_msync(struct failing *f)
{
    uint64_t p = world_map_file(&f->w, f->fd, 4 * PAGE, RW, MAP_SHARED);

    return mw_msync(f->w.machine, f->w.pid, p, 4 * PAGE, MS_SYNC);
}

static int by_flush_force(struct failing *f)
{
    uint64_t p = world_map_file(&f->w, f->fd, 4 * PAGE, RW, MAP_SHARED);

    return mw_flush_force(f->w.machine, f->w.pid, p, 4 * PAGE);
}

/* A synchronous write asks, as fsync does. */
static int by_write(struct failing *f)
{
    int fd = world_open_file(&f->w, "/f", O_RDWR | O_DSYNC);
    int64_t result = mw_pwrite(f->w.machine, f->w.pid, fd, f->buffer, PAGE, PAGE);

    ck_assert_int_eq(mw_dup2(f->w.machine, f->w.pid, fd, f->fd), f->fd);
    return (int)result;
}

START_TEST(every_call_that_syncs_tells_it_once)
{
    static int (*const calls[])(struct failing *) = {by_fdatasync, by_sync_file_range, by_msync,
                                                     by_flush_force, by_write};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct failing f = failing_open();

        fail_in_background(&f);
        ck_assert_msg(calls[i](&f) == -EIO, "call %zu", i);
        ck_assert_int_eq(sync_of(&f, f.fd), 0);
        world_close(&f.w);
    }
}
END_TEST

/* syncfs asks after all files, with a cursor of its own (Linux since 5.8). */
START_TEST(syncfs_tells_of_any_file_once_and_takes_nothing_from_fsync)
{
    struct failing f = failing_open();
    int other;

    world_file(&f.w, "/g", PAGE, 'g');
    other = world_open_file(&f.w, "/g", O_RDONLY);
    fail_in_background(&f);
    ck_assert_int_eq(mw_syncfs(f.w.machine, f.w.pid, other), -EIO); /* of /f, by way of /g */
    ck_assert_int_eq(mw_syncfs(f.w.machine, f.w.pid, other), 0);
    ck_assert_int_eq(mw_syncfs(f.w.machine, f.w.pid, f.fd), -EIO);
    ck_assert_int_eq(mw_syncfs(f.w.machine, f.w.pid, f.fd), 0);
    ck_assert_int_eq(sync_of(&f, other), 0); /* /g itself is well */
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO);
    other = world_open_file(&f.w, "/", O_RDONLY | O_DIRECTORY); /* after everybody was told */
    ck_assert_int_eq(mw_syncfs(f.w.machine, f.w.pid, other), 0);
    ck_assert_int_eq(world_disk_byte(&f.w, "/f", 0), 'n');
    world_close(&f.w);
}
END_TEST

/* Its own failure is told at once, and not a second time by the cursor. */
START_TEST(syncfs_that_fails_itself_says_so_once)
{
    struct failing f = failing_open();

    write_page(&f, f.fd);
    mw_fail_device(f.w.machine, 0, 1, 0, false);
    ck_assert_int_eq(mw_syncfs(f.w.machine, f.w.pid, f.fd), -EIO);
    ck_assert_int_eq(mw_syncfs(f.w.machine, f.w.pid, f.fd), 0);
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO);
    ck_assert_int_eq(sync_of(&f, f.fd), 0);
    world_close(&f.w);
}
END_TEST

/* What does not wait does not tell, and leaves it to who does. */
START_TEST(starting_to_write_tells_nothing)
{
    struct failing f = failing_open();

    fail_in_background(&f);
    ck_assert_int_eq(mw_sync_file_range(f.w.machine, f.w.pid, f.fd, 0, 0, SYNC_FILE_RANGE_WRITE),
                     0);
    ck_assert_int_eq(mw_fadvise(f.w.machine, f.w.pid, f.fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO);
    world_close(&f.w);
}
END_TEST

/* A write that has to be durable and cannot: its result says so, and the position stays. */
START_TEST(a_synchronous_write_that_fails_says_so)
{
    struct failing f = failing_open();
    int fd = world_open_file(&f.w, "/f", O_RDWR | O_SYNC);

    mw_fail_device(f.w.machine, 0, 1, 0, true);
    ck_assert_int_eq(mw_write(f.w.machine, f.w.pid, fd, f.buffer, PAGE), -EIO);
    ck_assert_int_eq(mw_lseek(f.w.machine, f.w.pid, fd, 0, SEEK_CUR), 0);
    mw_fail_device(f.w.machine, 0, 0, 0, false);
    ck_assert_int_eq(mw_write(f.w.machine, f.w.pid, fd, f.buffer, PAGE), PAGE);
    ck_assert_int_eq(world_disk_byte(&f.w, "/f", 0), 'n');
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO); /* another description: it is news there */
    world_close(&f.w);
}
END_TEST

/* As Linux: the page counts as clean, and what it held is lost with its frame. */
START_TEST(failed_pages_can_be_dropped)
{
    struct mw_config config = world_config();
    struct failing f;

    config.drop_failed_writes = true;
    f = (struct failing){.w = world_open_with(&config)};
    world_file(&f.w, "/f", PAGE, 'f');
    f.buffer = world_map(&f.w, PAGE, RW, MAP_PRIVATE);
    world_store(&f.w, f.buffer, 'n');
    f.fd = world_open_file(&f.w, "/f", O_RDWR);
    fail_in_background(&f);
    ck_assert_int_eq(sync_of(&f, f.fd), -EIO);
    ck_assert_int_eq(world_disk_byte(&f.w, "/f", 0), 'f');
    ck_assert_uint_eq(world_file_byte(&f.w, "/f", 0), 'n');
    ck_assert_int_eq(mw_drop_caches(f.w.machine), 0);
    ck_assert_uint_eq(world_file_byte(&f.w, "/f", 0), 'f');
    world_close(&f.w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_description_is_told_once,
        descriptors_of_one_description_share_the_news,
        who_opens_later_is_told_what_nobody_has_seen,
        an_error_outlives_the_descriptors_that_were_there,
        every_call_that_syncs_tells_it_once,
        syncfs_tells_of_any_file_once_and_takes_nothing_from_fsync,
        syncfs_that_fails_itself_says_so_once,
        starting_to_write_tells_nothing,
        a_synchronous_write_that_fails_says_so,
        failed_pages_can_be_dropped,
    };

    return world_run("sync_errors", tests, sizeof(tests) / sizeof(tests[0]));
}
