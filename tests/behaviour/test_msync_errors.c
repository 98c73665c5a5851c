/*
 * Who learns of a write that failed: each open file once, whoever started the write, and nobody who
 * did not ask for the data to be safe (errseq, as in Linux).
 */
#include "behaviour/world.h"

#define PAGES 4u

/* "/f", open as descriptor 0 and mapped at BASE, with a store that the disk does not take. */
static struct world world_with_lost_write(void)
{
    struct world w = world_open();

    world_file(&w, "/f", PAGES * PAGE, 'f');
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDWR), 0);
    ck_assert_int_eq(
        mw_mmap(w.machine, w.pid, BASE, PAGES * PAGE, RW, MAP_SHARED | MAP_FIXED, 0, 0), BASE);
    return w;
}

static int sync_at(struct world *w, uint64_t va, uint64_t pages, int flags)
{
    return mw_msync(w->machine, w->pid, va, pages * PAGE, flags);
}

/* A write of the page in the background of everybody: sync(2) is not who has the file open. */
static void lose_a_write(struct world *w, uint64_t va)
{
    world_store(w, va, 'x');
    mw_fail_device(w->machine, 0, 1, 0, true);
    ck_assert_int_eq(mw_sync(w->machine), -EIO);
    mw_fail_device(w->machine, 0, 0, 0, false);
}

START_TEST(each_open_file_is_told_once_by_its_mapping_or_its_descriptor)
{
    struct world w = world_with_lost_write();
    uint64_t other = world_map_file(&w, world_open_file(&w, "/f", O_RDWR), PAGE, RW, MAP_SHARED);
    uint64_t same = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    lose_a_write(&w, BASE);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), -EIO);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), 0);
    ck_assert_int_eq(sync_at(&w, same, 1, MS_SYNC), 0); /* the same open file: it knows */
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(sync_at(&w, other, 1, MS_SYNC), -EIO);
    ck_assert_int_eq(sync_at(&w, other, 1, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x'); /* and what had failed was tried again */
    world_close(&w);
}
END_TEST

START_TEST(asynchronous_msync_reports_nothing_and_takes_nothing_away)
{
    struct world w = world_with_lost_write();

    lose_a_write(&w, BASE);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_ASYNC), 0);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, 0), 0);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_INVALIDATE), 0);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), -EIO);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_process_that_inherited_the_file_shares_what_is_known)
{
    struct world w = world_with_lost_write();
    int child = mw_fork(w.machine, w.pid);

    ck_assert_int_gt(child, 0);
    lose_a_write(&w, BASE);
    ck_assert_int_eq(mw_msync(w.machine, child, BASE, PAGE, MS_SYNC), -EIO);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), 0);
    world_close(&w);
}
END_TEST

START_TEST(who_opens_the_file_before_anybody_was_told_is_told)
{
    struct world w = world_with_lost_write();
    uint64_t early;
    uint64_t late;

    lose_a_write(&w, BASE);
    early = world_map_file(&w, world_open_file(&w, "/f", O_RDWR), PAGE, RW, MAP_SHARED);
    ck_assert_int_eq(sync_at(&w, early, 1, MS_SYNC), -EIO);
    late = world_map_file(&w, world_open_file(&w, "/f", O_RDWR), PAGE, RW, MAP_SHARED);
    ck_assert_int_eq(sync_at(&w, late, 1, MS_SYNC), 0); /* it was somebody's business already */
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), -EIO);
    world_close(&w);
}
END_TEST

START_TEST(a_mapping_is_told_after_its_descriptor_is_closed)
{
    struct world w = world_with_lost_write();

    ck_assert_int_eq(mw_close(w.machine, w.pid, 0), 0);
    lose_a_write(&w, BASE);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), -EIO);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), 0);
    world_close(&w);
}
END_TEST

START_TEST(an_error_elsewhere_in_the_file_is_told_too)
{
    struct world w = world_with_lost_write();

    lose_a_write(&w, BASE + 3 * PAGE);
    ck_assert_int_eq(sync_at(&w, BASE, 1, MS_SYNC), -EIO); /* errors are the file's, not a page's */
    ck_assert_int_eq(sync_at(&w, BASE + 3 * PAGE, 1, MS_SYNC), 0);
    world_close(&w);
}
END_TEST

START_TEST(other_files_are_not_to_blame)
{
    struct world w = world_with_lost_write();
    uint64_t other;

    world_file(&w, "/g", PAGE, 'g');
    other = world_map_file(&w, world_open_file(&w, "/g", O_RDWR), PAGE, RW, MAP_SHARED);
    lose_a_write(&w, BASE);
    world_store(&w, other, 'y');
    ck_assert_int_eq(sync_at(&w, other, 1, MS_SYNC), 0);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), -EIO);
    world_close(&w);
}
END_TEST

START_TEST(msync_stops_at_the_first_area_that_fails)
{
    struct world w = world_with_lost_write();
    int second;

    world_file(&w, "/g", PAGE, 'g');
    second = world_open_file(&w, "/g", O_RDWR);
    ck_assert_int_eq(
        mw_mmap(w.machine, w.pid, BASE + PAGES * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, second, 0),
        BASE + PAGES * PAGE);
    world_store(&w, BASE, 'x');
    world_store(&w, BASE + PAGES * PAGE, 'y');
    mw_fail_device(w.machine, 0, 1, 0, false); /* only the first file's write fails */
    ck_assert_int_eq(sync_at(&w, BASE, PAGES + 1, MS_SYNC), -EIO);
    ck_assert_int_eq(world_disk_byte(&w, "/g", 0), 'g');
    ck_assert_int_eq(sync_at(&w, BASE, PAGES + 1, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/g", 0), 'y');
    world_close(&w);
}
END_TEST

START_TEST(who_started_the_write_is_told_at_once_and_not_again)
{
    struct world w = world_with_lost_write();
    uint64_t other = world_map_file(&w, world_open_file(&w, "/f", O_RDWR), PAGE, RW, MAP_SHARED);

    world_store(&w, BASE, 'x');
    mw_fail_device(w.machine, 0, 1, 0, false);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), -EIO);
    ck_assert_int_eq(sync_at(&w, BASE, PAGES, MS_SYNC), 0);
    ck_assert_int_eq(sync_at(&w, other, 1, MS_SYNC), -EIO); /* the other one learns of it, too */
    ck_assert_int_eq(sync_at(&w, other, 1, MS_SYNC), 0);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_open_file_is_told_once_by_its_mapping_or_its_descriptor,
        asynchronous_msync_reports_nothing_and_takes_nothing_away,
        a_process_that_inherited_the_file_shares_what_is_known,
        who_opens_the_file_before_anybody_was_told_is_told,
        a_mapping_is_told_after_its_descriptor_is_closed,
        an_error_elsewhere_in_the_file_is_told_too,
        other_files_are_not_to_blame,
        msync_stops_at_the_first_area_that_fails,
        who_started_the_write_is_told_at_once_and_not_again,
    };

    return world_run("msync errors", tests, sizeof(tests) / sizeof(tests[0]));
}
