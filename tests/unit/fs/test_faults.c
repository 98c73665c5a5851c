/*
 * Every request and every allocation fails in turn: nothing breaks, leaks or is half done, and
 * trying again works.
 */
#include "disk.h"

/* Each test runs twice: on a device too small for a journal, and on one with a journal. */
static uint64_t disk_bytes;

static int without_journal(void **state)
{
    (void)state;
    disk_bytes = MIB;
    return 0;
}

static int with_journal(void **state)
{
    (void)state;
    disk_bytes = 16 * MIB;
    return 0;
}

#define PAGES 20u

/* What the scenario reached before something failed. */
enum step {
    STEP_CREATE,
    STEP_SIZE,
    STEP_WRITE,
    STEP_RESERVE,
    STEP_SYNC,
    STEP_CUT,
    STEP_UNLINK,
    STEP_SECOND_SYNC,
    STEP_COUNT
};

struct scenario {
    struct disk disk;
    struct inode *ino;
};

static int do_step(struct scenario *s, unsigned step)
{
    struct volume *v = s->disk.volume;
    uint8_t run[4 * FS_PAGE_BYTES];

    memset(run, 5, sizeof(run));
    switch ((enum step)step) {
    case STEP_CREATE:
        return inode_create(v, "/dir/sub/file", true, &s->ino);
    case STEP_SIZE:
        return inode_set_bytes(s->ino, PAGES * FS_PAGE_BYTES);
    case STEP_WRITE:
        return inode_write_pages(s->ino, 10, 4, run);
    case STEP_RESERVE:
        return inode_extend_page(s->ino, 30, 31 * FS_PAGE_BYTES);
    case STEP_SYNC:
    case STEP_SECOND_SYNC:
        return volume_sync(v);
    case STEP_CUT:
        return inode_set_bytes(s->ino, 12 * FS_PAGE_BYTES);
    case STEP_UNLINK:
        return inode_unlink(v, "/other");
    case STEP_COUNT:
        break;
    }
    return 0;
}

static void scenario_up(struct scenario *s)
{
    disk_up(&s->disk, disk_bytes);
    disk_fill_file(&s->disk, "/other", 30, 1);
    disk_remount(&s->disk); /* with a cold cache, so that reads happen */
    s->ino = NULL;
}

/* The state that must be there when all steps were taken, in this life and the next. */
static void scenario_check(struct scenario *s)
{
    struct inode *ino;

    assert_int_equal(inode_bytes(s->ino), 12 * FS_PAGE_BYTES);
    assert_true(disk_page_is(s->ino, 9, 0));
    assert_true(disk_page_is(s->ino, 11, 5));
    inode_put(s->ino);
    disk_remount(&s->disk);
    ino = disk_open(&s->disk, "/dir/sub/file");
    assert_int_equal(inode_bytes(ino), 12 * FS_PAGE_BYTES);
    assert_true(disk_page_is(ino, 9, 0));
    assert_true(disk_page_is(ino, 11, 5));
    inode_put(ino);
    assert_int_equal(inode_open(s->disk.volume, "/other", &ino), -ENOENT);
    disk_down(&s->disk);
}

/* Takes all steps, each again when it fails. How many failed. */
static unsigned scenario_run(struct scenario *s)
{
    unsigned failures = 0;

    for (unsigned step = 0; step < STEP_COUNT; step++) {
        uint64_t free_before = volume_free_pages(s->disk.volume);
        int err = do_step(s, step);

        if (err == 0)
            continue;
        failures++;
        assert_true(err == -EIO || err == -ENOMEM);
        /* As a whole or not at all. */
        if (step < STEP_UNLINK)
            assert_int_equal(volume_free_pages(s->disk.volume), free_before);
        if (step == STEP_UNLINK)
            disk_check_file(&s->disk, "/other", 30, 1);
        assert_true(volume_check(s->disk.volume));
        assert_int_equal(do_step(s, step), 0);
    }
    return failures;
}

static void each_request_of_a_kind(enum dev_request kind, unsigned at_least)
{
    unsigned met = 0;

    for (uint64_t n = 1;; n++) {
        struct scenario s;
        uint64_t seen;

        scenario_up(&s);
        disk_fail(&s.disk, kind, n, false);
        met += scenario_run(&s);
        seen = s.disk.faults.seen[kind];
        disk_fail(&s.disk, kind, 0, false);
        assert_true(volume_check(s.disk.volume));
        scenario_check(&s);
        if (seen < n)
            break;
    }
    assert_true(met >= at_least);
}

static void each_read_may_fail_once(void **state)
{
    (void)state;
    each_request_of_a_kind(DEV_READ, 2);
}

static void each_write_may_fail_once(void **state)
{
    (void)state;
    each_request_of_a_kind(DEV_WRITE, 10);
}

static void each_flush_may_fail_once(void **state)
{
    (void)state;
    each_request_of_a_kind(DEV_FLUSH, 2);
}

static void each_allocation_may_fail_once(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct scenario s;
        bool reached;

        scenario_up(&s);
        s.disk.alloc.fail_at = s.disk.alloc.calls + n;
        scenario_run(&s);
        reached = s.disk.alloc.calls >= s.disk.alloc.fail_at;
        s.disk.alloc.fail_at = 0;
        scenario_check(&s);
        if (!reached)
            break;
    }
}

/*
 * Everything goes on failing from some request on; when the device works again, the volume does
 * too.
 */
static void a_device_that_stops_working_may_come_back(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        struct scenario s;

        scenario_up(&s);
        disk_fail(&s.disk, n % 2 ? DEV_READ : DEV_WRITE, n / 2 + 1, true);
        for (unsigned step = 0; step < STEP_COUNT; step++) {
            int err = do_step(&s, step);

            if (err == 0)
                continue;
            assert_int_equal(err, -EIO);
            disk_fail(&s.disk, DEV_READ, 0, false);
            assert_int_equal(do_step(&s, step), 0);
        }
        disk_fail(&s.disk, DEV_READ, 0, false);
        scenario_check(&s);
    }
}

/* Mounting after a sync that broke off anywhere works, or at worst is refused. */
static void a_broken_sync_leaves_something_that_mounts(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 30; n++) {
        struct scenario s;

        scenario_up(&s);
        for (unsigned step = 0; step < STEP_SYNC; step++)
            assert_int_equal(do_step(&s, step), 0);
        inode_put(s.ino);
        disk_fail(&s.disk, DEV_WRITE, n, true);
        if (volume_unmount(s.disk.volume) == 0)
            n = 30;
        disk_fail(&s.disk, DEV_READ, 0, false);
        assert_int_equal(volume_mount(&s.disk.alloc, s.disk.dev, &s.disk.volume), 0);
        volume_abandon(s.disk.volume);
        s.disk.volume = NULL;
        disk_down(&s.disk);
    }
}

static void mounting_fails_cleanly_at_each_request_and_allocation(void **state)
{
    struct disk d;
    bool done = false;

    (void)state;
    disk_up(&d, disk_bytes);
    assert_int_equal(volume_unmount(d.volume), 0);
    d.volume = NULL;
    for (uint64_t n = 1; !done; n++) {
        struct volume *v;
        int err;

        disk_fail(&d, DEV_READ, n, false);
        err = volume_mount(&d.alloc, d.dev, &v);
        done = err == 0;
        assert_true(err == 0 || err == -EIO);
        if (err == 0)
            volume_abandon(v);
        assert_true(n > 1 || err != 0);
    }
    disk_fail(&d, DEV_READ, 0, false);
    done = false;
    for (uint64_t n = 1; !done; n++) {
        struct volume *v;
        int err;

        d.alloc.fail_at = d.alloc.calls + n;
        err = volume_mount(&d.alloc, d.dev, &v);
        done = err == 0;
        assert_true(err == 0 || err == -ENOMEM || err == -EIO);
        if (err == 0)
            volume_abandon(v);
        assert_true(n > 1 || err != 0);
    }
    d.alloc.fail_at = 0;
    disk_down(&d);
}

/*
 * A block that could not be written when the cache of metadata was full stays there, and is written
 * at the end. (With a journal there is that much to write.)
 */
static void formatted_all_the_same(struct disk *d)
{
    assert_true(disk_bytes > MIB && d->faults.seen[DEV_WRITE] > 0);
    disk_fail(d, DEV_READ, 0, false);
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
    assert_true(volume_check(d->volume));
    assert_int_equal(volume_unmount(d->volume), 0);
    d->volume = NULL;
}

static void formatting_fails_cleanly_at_each_request_and_allocation(void **state)
{
    struct disk d;
    uint64_t stride = disk_bytes > MIB ? 5 : 1; /* most of a journal's requests are alike */
    bool done = false;

    (void)state;
    disk_blank(&d, disk_bytes);
    for (uint64_t n = 1; !done; n += stride) {
        for (unsigned kind = 0; kind < DEV_REQUESTS; kind++) {
            bool met;
            int err;

            disk_fail(&d, (enum dev_request)kind, n, false);
            err = volume_format(&d.alloc, d.dev);
            met = d.faults.seen[kind] >= n;
            if (err == 0 && met)
                formatted_all_the_same(&d);
            else
                assert_int_equal(err, met ? -EIO : 0);
            done = done || (kind == DEV_WRITE && !met);
        }
    }
    disk_fail(&d, DEV_READ, 0, false);
    done = false;
    for (uint64_t n = 1; !done; n += stride) {
        int err;

        d.alloc.fail_at = d.alloc.calls + n;
        err = volume_format(&d.alloc, d.dev);
        done = err == 0;
        assert_true(err == 0 || err == -ENOMEM || err == -EIO); /* libext2fs hides which */
    }
    d.alloc.fail_at = 0;
    disk_down(&d);
}

/* The last reference of an unlinked file goes while the device fails: sync makes up for it. */
static void freeing_that_failed_is_done_by_the_next_sync(void **state)
{
    struct disk d;
    struct inode *ino;
    uint64_t free_pages;
    uint64_t retried = 0;

    (void)state;
    for (uint64_t n = 1; n < 12; n++) {
        disk_up(&d, disk_bytes);
        inode_put(disk_create(&d, "/keep"));
        free_pages = volume_free_pages(d.volume);
        disk_fill_file(&d, "/file", 60, 1);
        disk_remount(&d);
        ino = disk_open(&d, "/file");
        assert_int_equal(inode_unlink(d.volume, "/file"), 0);
        disk_fail(&d, DEV_READ, n, true);
        inode_put(ino);
        disk_fail(&d, DEV_READ, 0, false);
        retried += volume_free_pages(d.volume) != free_pages;
        assert_true(volume_check(d.volume));
        assert_int_equal(volume_sync(d.volume), 0);
        assert_int_equal(volume_free_pages(d.volume), free_pages);
        disk_remount(&d);
        assert_int_equal(disk_fsck(&d), 0);
        disk_down(&d);
    }
    assert_true(retried > 0);
}

/*
 * A reserved page is zeroed by the sync at the latest; when that fails, the inode waits for the
 * next one.
 */
static void zeroing_that_failed_is_done_by_the_next_sync(void **state)
{
    struct disk d;
    struct inode *ino;

    (void)state;
    disk_up(&d, disk_bytes);
    disk_fill_file(&d, "/secret", 200, 77);
    assert_int_equal(inode_unlink(d.volume, "/secret"), 0);
    ino = disk_create(&d, "/file");
    assert_int_equal(inode_extend_page(ino, 3, 4 * FS_PAGE_BYTES), 0);
    inode_put(ino);
    disk_fail(&d, DEV_WRITE, 1, true);
    assert_int_equal(volume_sync(d.volume), -EIO);
    disk_fail(&d, DEV_WRITE, 0, false);
    ino = disk_open(&d, "/file");
    assert_true(disk_page_is(ino, 3, 0));
    inode_put(ino);
    disk_remount(&d);
    ino = disk_open(&d, "/file");
    assert_true(disk_page_is(ino, 3, 0));
    inode_put(ino);
    disk_down(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_read_may_fail_once),
        cmocka_unit_test(each_write_may_fail_once),
        cmocka_unit_test(each_flush_may_fail_once),
        cmocka_unit_test(each_allocation_may_fail_once),
        cmocka_unit_test(a_device_that_stops_working_may_come_back),
        cmocka_unit_test(a_broken_sync_leaves_something_that_mounts),
        cmocka_unit_test(mounting_fails_cleanly_at_each_request_and_allocation),
        cmocka_unit_test(formatting_fails_cleanly_at_each_request_and_allocation),
        cmocka_unit_test(freeing_that_failed_is_done_by_the_next_sync),
        cmocka_unit_test(zeroing_that_failed_is_done_by_the_next_sync),
    };

    return cmocka_run_group_tests_name("without a journal", tests, without_journal, NULL) +
           cmocka_run_group_tests_name("with a journal", tests, with_journal, NULL);
}
