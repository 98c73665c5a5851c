/*
 * The way back to the disk: what msync, fsync and sync write, what is not written without them, and
 * what they leave behind.
 *
 * "On the disk" is always asked of a second file system, mounted on the same device: what the
 * machine remembers does not help.
 */
#include "behaviour/world.h"

#define PTE_W UINT64_C(0x04)
#define PTE_D UINT64_C(0x80)

/* "/f" of `pages` pages of 'f' on the disk, open as descriptor 0. */
static struct world world_with_file(unsigned pages)
{
    struct world w = world_open();

    world_file(&w, "/f", pages * PAGE, 'f');
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDWR), 0);
    return w;
}

/* The same, on a machine that writes back nothing by itself but for want of frames. */
static struct world world_without_limits(void)
{
    struct mw_config config = world_config();
    struct world w;

    config.dirty_background_ratio = 100;
    config.dirty_ratio = 100;
    config.readahead_pages = 0; /* and reads what it must */
    w = world_open_with(&config);
    world_file(&w, "/f", 2 * PAGE, 'f');
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDWR), 0);
    return w;
}

/* ---- msync ---- */

START_TEST(msync_writes_what_was_stored_and_nothing_else_does)
{
    struct world w = world_with_file(4);
    uint64_t p = world_map_file(&w, 0, 4 * PAGE, RW, MAP_SHARED);

    world_store(&w, p + 1, 'x');
    world_store(&w, p + 3 * PAGE, 'y');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 1), 'f');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 4 * PAGE, MS_ASYNC), 0);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 4 * PAGE, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 1), 'f'); /* neither starts anything */
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 4 * PAGE, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 1), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 2), 'f');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 3 * PAGE), 'y');
    world_close(&w);
}
END_TEST

START_TEST(msync_writes_only_its_range)
{
    struct world w = world_with_file(4);
    uint64_t p = world_map_file(&w, 0, 4 * PAGE, RW, MAP_SHARED);

    for (unsigned i = 0; i < 4; i++)
        world_store(&w, p + i * PAGE, 'x');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p + PAGE, PAGE + 1, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'f');
    ck_assert_int_eq(world_disk_byte(&w, "/f", PAGE), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 2 * PAGE), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 3 * PAGE), 'f');
    world_close(&w);
}
END_TEST

START_TEST(a_synced_page_is_clean_and_the_next_store_is_noticed)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    world_store(&w, p, 'x');
    ck_assert_uint_eq(world_pte(&w, w.pid, p) & (PTE_W | PTE_D), PTE_W | PTE_D);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    ck_assert_uint_eq(world_pte(&w, w.pid, p) & (PTE_W | PTE_D), 0);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p), NO_FAULT);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_WRITE_NOTIFY);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 's');
    world_close(&w);
}
END_TEST

START_TEST(every_mapping_of_a_synced_page_becomes_clean)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    uint64_t q = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    int child;

    world_store(&w, p, '1');
    world_store(&w, q, '2');
    child = mw_fork(w.machine, w.pid);
    world_store_of(&w, child, p + 1, '3');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, q, PAGE, MS_SYNC), 0);
    ck_assert_uint_eq(world_pte(&w, w.pid, p) & (PTE_W | PTE_D), 0);
    ck_assert_uint_eq(world_pte(&w, w.pid, q) & (PTE_W | PTE_D), 0);
    ck_assert_uint_eq(world_pte(&w, child, p) & (PTE_W | PTE_D), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), '2');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 1), '3');
    world_store_of(&w, child, p + 1,
                   '4'); /* and none of them missed: each store after it is found */
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 1), '4');
    world_close(&w);
}
END_TEST

START_TEST(a_dirty_page_that_was_unmapped_is_still_written)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);

    world_store(&w, p, 'x');
    world_store(&w, p + PAGE, 'y');
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p + PAGE, PAGE, PROT_NONE), 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, PAGE), 0);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/f", PAGE), 'y');
    world_close(&w);
}
END_TEST

START_TEST(msync_of_clean_pages_asks_nothing_of_the_disk)
{
    struct world w = world_with_file(4);
    uint64_t p = world_map_file(&w, 0, 4 * PAGE, RW, MAP_SHARED);
    struct mw_stats before;
    struct mw_stats after;

    world_load(&w, p);
    before = world_stats(&w);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 4 * PAGE, MS_SYNC), 0);
    after = world_stats(&w);
    ck_assert_uint_eq(after.blocks.writes, before.blocks.writes);
    ck_assert_uint_eq(after.cache.pages_written, before.cache.pages_written);
    world_close(&w);
}
END_TEST

START_TEST(neighbouring_dirty_pages_are_one_request)
{
    struct world w = world_with_file(16);
    uint64_t p = world_map_file(&w, 0, 16 * PAGE, RW, MAP_SHARED);
    struct mw_stats before;
    struct mw_stats after;

    for (unsigned i = 0; i < 16; i++)
        world_store(&w, p + i * PAGE, 'x');
    before = world_stats(&w);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 16 * PAGE, MS_SYNC), 0);
    after = world_stats(&w);
    ck_assert_uint_eq(after.cache.pages_written - before.cache.pages_written, 16);
    ck_assert_uint_le(after.blocks.writes - before.blocks.writes, 4);
    ck_assert_uint_ge(after.blocks.flushes - before.blocks.flushes, 1);
    world_close(&w);
}
END_TEST

START_TEST(msync_makes_a_new_file_findable)
{
    struct world w = world_open();
    uint64_t p;

    ck_assert_int_eq(world_open_file(&w, "/new", O_RDWR | O_CREAT), 0);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, 20 * PAGE), 0);
    p = world_map_file(&w, 0, 20 * PAGE, RW, MAP_SHARED);
    world_store(&w, p + 17 * PAGE, 'n'); /* behind an indirect block */
    ck_assert_int_eq(world_disk_byte(&w, "/new", 17 * PAGE), -1);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 20 * PAGE, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/new", 17 * PAGE), 'n');
    ck_assert_int_eq(world_disk_byte(&w, "/new", 16 * PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(msync_checks_its_arguments)
{
    struct world w = world_with_file(4);
    uint64_t p;

    p = (uint64_t)mw_mmap(w.machine, w.pid, BASE, 4 * PAGE, RW, MAP_SHARED | MAP_FIXED, 0, 0);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p + 1, 0, MS_SYNC), -EINVAL);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC | MS_ASYNC), -EINVAL);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, 0x100), -EINVAL);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, 0, 0, 0), 0);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p + 100 * PAGE, 0, MS_SYNC), 0);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p + 100 * PAGE, PAGE, MS_SYNC), -ENOMEM);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, UINT64_MAX, MS_SYNC),
                     0); /* the length rounds to 0 */
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, UINT64_MAX - PAGE, MS_SYNC), -ENOMEM);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC | MS_INVALIDATE), 0);
    ck_assert_int_eq(mw_msync(w.machine, 99, p, PAGE, MS_SYNC), -ESRCH);
    world_close(&w);
}
END_TEST

START_TEST(msync_goes_on_over_holes_and_complains_in_the_end)
{
    struct world w = world_with_file(4);

    ck_assert_int_gt(mw_mmap(w.machine, w.pid, BASE, 4 * PAGE, RW, MAP_SHARED | MAP_FIXED, 0, 0),
                     0);
    world_store(&w, BASE, 'x');
    world_store(&w, BASE + 3 * PAGE, 'y');
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + PAGE, PAGE), 0);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, BASE, 4 * PAGE, MS_ASYNC), -ENOMEM);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'f');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, BASE, 4 * PAGE, MS_SYNC), -ENOMEM);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 3 * PAGE), 'y');
    world_close(&w);
}
END_TEST

START_TEST(msync_of_a_mapping_that_may_never_write_writes_nothing)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    uint64_t q =
        world_map_file(&w, world_open_file(&w, "/f", O_RDONLY), PAGE, PROT_READ, MAP_SHARED);
    uint64_t r = world_map_file(&w, 0, PAGE, PROT_READ, MAP_SHARED);

    world_store(&w, p, 'x');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, q, PAGE, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'f');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, r, PAGE, MS_SYNC),
                     0); /* this one could be made to */
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    world_close(&w);
}
END_TEST

/* ---- fsync and sync ---- */

/* One page of `byte` written at the start of descriptor 0. */
static void write_page(struct world *w, uint8_t byte)
{
    uint64_t buffer = world_map(w, PAGE, RW, MAP_PRIVATE);

    world_store(w, buffer, byte);
    ck_assert_int_eq(mw_pwrite(w->machine, w->pid, 0, buffer, PAGE, 0), PAGE);
}

START_TEST(fsync_writes_the_file_and_not_the_others)
{
    struct world w = world_with_file(1);
    uint64_t p;

    world_file(&w, "/other", PAGE, 'o');
    p = world_map_file(&w, world_open_file(&w, "/other", O_RDWR), PAGE, RW, MAP_SHARED);
    world_store(&w, p, 'x');
    write_page(&w, 'w');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'f');
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'w');
    ck_assert_int_eq(world_disk_byte(&w, "/other", 0), 'o');
    ck_assert_int_eq(mw_sync(w.machine), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/other", 0), 'x');
    world_close(&w);
}
END_TEST

START_TEST(fsync_writes_what_a_mapping_stored)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    world_store(&w, p + 5, 'm');
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 5), 'm');
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_WRITE_NOTIFY);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 9), -EBADF);
    ck_assert_int_eq(mw_fsync(w.machine, 99, 0), -ESRCH);
    world_close(&w);
}
END_TEST

START_TEST(fsync_makes_size_and_name_durable)
{
    struct world w = world_open();

    ck_assert_int_eq(mw_mkdir(w.machine, w.pid, "/a"), 0);
    ck_assert_int_eq(mw_mkdir(w.machine, w.pid, "/a/b"), 0);
    ck_assert_int_eq(world_open_file(&w, "/a/b/new", O_RDWR | O_CREAT), 0);
    write_page(&w, 'n');
    ck_assert_int_eq(world_disk_byte(&w, "/a/b/new", 0), -1);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/a/b/new", 0), 'n');
    ck_assert_int_eq(world_disk_byte(&w, "/a/b/new", PAGE - 1), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/a/b/new", PAGE), -1);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, 1), 0);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/a/b/new", 1), -1);
    world_close(&w);
}
END_TEST

START_TEST(exit_writes_nothing_back_and_sync_everything)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    uint64_t written;

    world_store(&w, p, 'x');
    ck_assert_int_eq(mw_exit(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'f'); /* neither exit nor unmap writes */
    ck_assert_uint_eq(world_file_byte(&w, "/f", 0), 'x');
    written = world_stats(&w).cache.pages_written;
    ck_assert_int_eq(mw_sync(w.machine), 0);
    ck_assert_uint_eq(world_stats(&w).cache.pages_written, written + 1);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    world_close(&w);
}
END_TEST

/* ---- memory that is short ---- */

START_TEST(dirty_pages_are_written_before_they_are_dropped)
{
    struct mw_config config = world_config();
    struct world w;
    uint8_t page[PAGE];

    config.ram_bytes = 32 * PAGE;
    w = world_open_with(&config);
    for (unsigned i = 0; i < 100; i++) { /* three times what memory holds */
        char path[16];

        snprintf(path, sizeof(path), "/f%u", i);
        memset(page, (int)i + 1, PAGE);
        ck_assert_int_eq(mw_file_put(w.machine, path, page, PAGE), 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        char path[16];

        snprintf(path, sizeof(path), "/f%u", i);
        ck_assert_uint_eq(world_file_byte(&w, path, PAGE - 1), i + 1);
    }
    world_close(&w);
}
END_TEST

START_TEST(a_process_gets_the_memory_that_dirty_pages_hold)
{
    struct mw_config config = world_config();
    struct world w;
    uint8_t bytes[20 * PAGE];
    uint64_t p;

    config.ram_bytes = 32 * PAGE;
    w = world_open_with(&config);
    memset(bytes, 'd', sizeof(bytes));
    ck_assert_int_eq(mw_file_put(w.machine, "/f", bytes, sizeof(bytes)), 0);
    p = world_map(&w, 18 * PAGE, RW, MAP_PRIVATE);
    for (unsigned i = 0; i < 18; i++)
        world_store(&w, p + i * PAGE, 'a');
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, 18 * PAGE), 0);
    for (unsigned i = 0; i < 20; i++)
        ck_assert_uint_eq(world_file_byte(&w, "/f", i * PAGE), 'd');
    world_close(&w);
}
END_TEST

static uint64_t free_frames(struct world *w)
{
    return world_stats(w).frames.total - world_frames(w);
}

/*
 * A store across two pages of a shared file, while memory is so short that bringing in the second
 * page writes the first one back: the store must still be found by the next writeback.
 */
START_TEST(a_crossing_store_is_not_lost_when_its_first_page_is_written_meanwhile)
{
    struct world w = world_without_limits();
    uint8_t bytes[16 * PAGE] = {0};
    uint64_t size = free_frames(&w) * PAGE;
    uint64_t greedy =
        world_map(&w, size, RW, MAP_PRIVATE | MAP_POPULATE); /* the cache is empty now */
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);
    uint64_t written;

    ck_assert_int_eq(mw_munmap(w.machine, w.pid, greedy, 8 * PAGE), 0);
    world_store(&w, p, '1');
    ck_assert_int_eq(mw_file_put(w.machine, "/filler", bytes, free_frames(&w) * PAGE), 0);
    ck_assert_uint_eq(free_frames(&w), 0); /* and all that the cache holds is dirty */
    written = world_stats(&w).cache.pages_written;
    ck_assert_int_eq(mw_store(w.machine, w.pid, p + PAGE - 1, "xy", 2, NULL), 0);
    ck_assert_uint_gt(world_stats(&w).cache.pages_written, written);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), '1');
    ck_assert_int_eq(world_disk_byte(&w, "/f", PAGE - 1), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/f", PAGE), 'y');
    world_close(&w);
}
END_TEST

/* ---- errors of the disk ---- */

START_TEST(a_failed_write_is_reported_and_can_be_tried_again)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);

    world_store(&w, p, 'x');
    mw_fail_device(w.machine, 0, 1, 0, true);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), -EIO);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'f');
    ck_assert_uint_gt(world_stats(&w).cache.write_errors, 0);
    ck_assert_uint_eq(world_load(&w, p), 'x');
    mw_fail_device(w.machine, 0, 0, 0, false);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    world_close(&w);
}
END_TEST

START_TEST(a_failed_flush_is_reported)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    world_store(&w, p, 'x');
    mw_fail_device(w.machine, 0, 0, 1, false);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), -EIO);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    world_store(&w, p, 'y');
    mw_fail_device(w.machine, 0, 0, 1, false);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), -EIO);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    world_close(&w);
}
END_TEST

START_TEST(an_error_that_sync_met_is_told_once_to_the_next_fsync)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    world_store(&w, p, 'x');
    mw_fail_device(w.machine, 0, 1, 0, false);
    ck_assert_int_eq(mw_sync(w.machine), -EIO);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), -EIO);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 0), 'x');
    world_close(&w);
}
END_TEST

START_TEST(a_failed_read_is_a_bus_error_and_can_be_tried_again)
{
    struct world w = world_with_file(1);
    uint64_t size = (world_stats(&w).frames.total - world_frames(&w)) * PAGE;
    uint64_t greedy =
        world_map(&w, size, RW, MAP_PRIVATE | MAP_POPULATE); /* drops the page from the cache */
    uint64_t p = world_map_file(&w, 0, PAGE, PROT_READ, MAP_SHARED);
    struct mw_signal signal;

    ck_assert_int_eq(mw_munmap(w.machine, w.pid, greedy, size), 0);
    mw_fail_device(w.machine, 1, 0, 0, true);
    signal = world_load_signal(&w, p + 3);
    world_assert_signal(&signal, SIGBUS, BUS_ADRERR, p + 3, MW_REASON_IO_ERROR);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, 0, p, 1, 0), -EIO);
    mw_fail_device(w.machine, 0, 0, 0, false);
    ck_assert_uint_eq(world_load(&w, p + 3), 'f');
    world_close(&w);
}
END_TEST

START_TEST(switching_off_reports_what_could_not_be_written)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    world_store(&w, p, 'x');
    mw_fail_device(w.machine, 0, 1, 0, true);
    ck_assert_int_eq(mw_machine_free(w.machine), -EIO);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        msync_writes_what_was_stored_and_nothing_else_does,
        msync_writes_only_its_range,
        a_synced_page_is_clean_and_the_next_store_is_noticed,
        every_mapping_of_a_synced_page_becomes_clean,
        a_dirty_page_that_was_unmapped_is_still_written,
        msync_of_clean_pages_asks_nothing_of_the_disk,
        neighbouring_dirty_pages_are_one_request,
        msync_makes_a_new_file_findable,
        msync_checks_its_arguments,
        msync_goes_on_over_holes_and_complains_in_the_end,
        msync_of_a_mapping_that_may_never_write_writes_nothing,
        fsync_writes_the_file_and_not_the_others,
        fsync_writes_what_a_mapping_stored,
        fsync_makes_size_and_name_durable,
        exit_writes_nothing_back_and_sync_everything,
        dirty_pages_are_written_before_they_are_dropped,
        a_process_gets_the_memory_that_dirty_pages_hold,
        a_crossing_store_is_not_lost_when_its_first_page_is_written_meanwhile,
        a_failed_write_is_reported_and_can_be_tried_again,
        a_failed_flush_is_reported,
        an_error_that_sync_met_is_told_once_to_the_next_fsync,
        a_failed_read_is_a_bus_error_and_can_be_tried_again,
        switching_off_reports_what_could_not_be_written,
    };

    return world_run("writeback", tests, sizeof(tests) / sizeof(tests[0]));
}
