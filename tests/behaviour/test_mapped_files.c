/*
 * Mapped files: what a mapping shows of its file, what a store in it changes, and what lies at and
 * past the end.
 */
#include "behaviour/world.h"

/* "/f" of `pages` pages of 'f', opened for reading and writing as descriptor 0. */
static struct world world_with_file(unsigned pages)
{
    struct world w = world_open();

    world_file(&w, "/f", pages * PAGE, 'f');
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDWR), 0);
    return w;
}

/* One byte into the file at `offset`, by pwrite of the world's process. */
static void write_byte(struct world *w, uint64_t offset, uint8_t byte)
{
    uint64_t buffer = world_map(w, PAGE, RW, MAP_PRIVATE);

    world_store(w, buffer, byte);
    ck_assert_int_eq(mw_pwrite(w->machine, w->pid, 0, buffer, 1, offset), 1);
    ck_assert_int_eq(mw_munmap(w->machine, w->pid, buffer, PAGE), 0);
}

/* ---- private ---- */

START_TEST(a_private_mapping_shows_the_file_and_keeps_its_stores)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_PRIVATE);

    ck_assert_uint_eq(world_load(&w, p + 7), 'f');
    world_store(&w, p + 7, 'x');
    world_store(&w, p + PAGE, 'y');
    ck_assert_uint_eq(world_load(&w, p + 7), 'x');
    ck_assert_uint_eq(world_load(&w, p + 8), 'f');
    ck_assert_uint_eq(world_load(&w, p + PAGE + 1), 'f');
    ck_assert_uint_eq(world_file_byte(&w, "/f", 7), 'f');
    ck_assert_uint_eq(world_file_byte(&w, "/f", PAGE), 'f');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 2 * PAGE, MS_SYNC), 0);
    ck_assert_int_eq(mw_sync(w.machine), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 7), 'f');
    world_close(&w);
}
END_TEST

START_TEST(a_private_page_follows_the_file_until_it_is_copied)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_PRIVATE);

    ck_assert_uint_eq(world_load(&w, p), 'f');
    write_byte(&w, 0, 'g');
    ck_assert_uint_eq(world_load(&w, p), 'g');
    world_store(&w, p + 1, 'x');
    write_byte(&w, 0, 'h');
    ck_assert_uint_eq(world_load(&w, p), 'g');
    write_byte(&w, PAGE, 'h'); /* the other page was not copied */
    ck_assert_uint_eq(world_load(&w, p + PAGE), 'h');
    world_close(&w);
}
END_TEST

START_TEST(each_first_access_of_a_private_page_has_its_reason)
{
    struct world w = world_with_file(3);
    uint64_t p = world_map_file(&w, 0, 3 * PAGE, RW, MAP_PRIVATE);

    ck_assert_uint_eq(world_load_reason(&w, w.pid, p),
                      MW_REASON_FILE_MINOR); /* in the cache since it was made */
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_COW_COPY);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + PAGE), MW_REASON_COW_COPY);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p + PAGE), NO_FAULT);
    world_close(&w);
}
END_TEST

START_TEST(two_private_mappings_do_not_see_each_other)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_PRIVATE);
    uint64_t q = world_map_file(&w, 0, PAGE, RW, MAP_PRIVATE);

    world_store(&w, p, 'p');
    world_store(&w, q, 'q');
    ck_assert_uint_eq(world_load(&w, p), 'p');
    ck_assert_uint_eq(world_load(&w, q), 'q');
    world_close(&w);
}
END_TEST

/* ---- shared ---- */

START_TEST(a_shared_store_is_seen_by_read_and_by_every_mapping)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);
    uint64_t q = world_map_file(&w, 0, 2 * PAGE, PROT_READ, MAP_SHARED);
    uint64_t r = world_map_file(&w, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE);
    uint64_t buffer = world_map(&w, PAGE, RW, MAP_PRIVATE);

    ck_assert_uint_eq(world_load(&w, q + PAGE), 'f');
    world_store(&w, p + PAGE, 'x');
    ck_assert_uint_eq(world_load(&w, q + PAGE), 'x');
    ck_assert_uint_eq(world_load(&w, r + PAGE), 'x');
    ck_assert_int_eq(mw_pread(w.machine, w.pid, 0, buffer, 1, PAGE), 1);
    ck_assert_uint_eq(world_load(&w, buffer), 'x');
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, 0, PAGE, SEEK_SET), PAGE);
    ck_assert_int_eq(mw_read(w.machine, w.pid, 0, buffer + 1, 1), 1);
    ck_assert_uint_eq(world_load(&w, buffer + 1), 'x');
    world_close(&w);
}
END_TEST

START_TEST(a_write_is_seen_by_every_mapping)
{
    struct world w = world_with_file(1);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    ck_assert_uint_eq(world_load(&w, p), 'f');
    write_byte(&w, 0, 'w');
    ck_assert_uint_eq(world_load(&w, p), 'w');
    world_close(&w);
}
END_TEST

START_TEST(another_process_sees_a_shared_store_through_its_own_mapping)
{
    struct world w = world_with_file(1);
    int other = mw_spawn(w.machine);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    int fd = mw_open(w.machine, other, "/f", O_RDWR);
    int64_t q = mw_mmap(w.machine, other, BASE, PAGE, RW, MAP_SHARED, fd, 0);

    ck_assert_int_eq(q, (int64_t)BASE);
    world_store(&w, p + 9, 'x');
    ck_assert_uint_eq(world_load_of(&w, other, BASE + 9), 'x');
    world_store_of(&w, other, BASE + 10, 'y');
    ck_assert_uint_eq(world_load(&w, p + 10), 'y');
    world_close(&w);
}
END_TEST

START_TEST(the_first_store_to_a_shared_page_is_noticed)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);

    ck_assert_uint_eq(world_load_reason(&w, w.pid, p), MW_REASON_FILE_MINOR);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_WRITE_NOTIFY);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), NO_FAULT);
    /* The load has mapped the page beside it, too, for reading only. */
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + PAGE), MW_REASON_WRITE_NOTIFY);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + PAGE), NO_FAULT);
    world_close(&w);
}
END_TEST

START_TEST(populating_a_shared_mapping_dirties_nothing)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED | MAP_POPULATE);
    uint64_t q = world_map_file(&w, 0, 2 * PAGE, RW, MAP_PRIVATE | MAP_POPULATE);

    ck_assert_uint_eq(world_load_reason(&w, w.pid, p), NO_FAULT);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p), MW_REASON_WRITE_NOTIFY);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, q), NO_FAULT); /* its own copy already */
    ck_assert_uint_eq(world_load(&w, q + PAGE), 'f');
    world_close(&w);
}
END_TEST

/* Machines have no call to drop caches; a program that wants more memory than there is does it. */
START_TEST(a_page_that_is_not_cached_comes_from_the_device)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE);
    uint64_t size = (world_stats(&w).frames.total - world_frames(&w)) * PAGE;
    uint64_t greedy = world_map(&w, size, RW, MAP_PRIVATE | MAP_POPULATE);
    uint64_t reads = world_stats(&w).blocks.blocks_read;

    ck_assert_uint_ge(world_stats(&w).cache.evicted, 2);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, greedy, size), 0);
    ck_assert_uint_eq(world_load_reason(&w, w.pid, p), MW_REASON_FILE_MAJOR);
    ck_assert_uint_eq(world_load(&w, p), 'f');
    ck_assert_uint_ge(world_stats(&w).blocks.blocks_read, reads + PAGE / 1024);
    world_close(&w);
}
END_TEST

/* ---- anonymous and shared ---- */

START_TEST(shared_anonymous_memory_reads_zero_and_keeps_stores)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 3 * PAGE, RW, MAP_SHARED);

    ck_assert_uint_eq(world_load(&w, p), 0);
    ck_assert_uint_eq(world_store_reason(&w, w.pid, p + PAGE), MW_REASON_ANONYMOUS);
    ck_assert_uint_eq(world_load(&w, p + PAGE), 's');
    ck_assert_uint_eq(world_load(&w, p + 2 * PAGE), 0);
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 3 * PAGE, MS_SYNC), 0);
    ck_assert_uint_eq(world_stats(&w).blocks.writes, 0);
    world_close(&w);
}
END_TEST

/* ---- the end of the file ---- */

START_TEST(a_page_past_the_last_one_is_a_bus_error)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 4 * PAGE, RW, MAP_SHARED);
    uint64_t q = world_map_file(&w, 0, 4 * PAGE, RW, MAP_PRIVATE);
    struct mw_signal signal;

    world_load(&w, p + 2 * PAGE - 1);
    signal = world_load_signal(&w, p + 2 * PAGE + 3);
    world_assert_signal(&signal, SIGBUS, BUS_ADRERR, p + 2 * PAGE + 3, MW_REASON_BEYOND_EOF);
    signal = world_store_signal(&w, p + 3 * PAGE);
    world_assert_signal(&signal, SIGBUS, BUS_ADRERR, p + 3 * PAGE, MW_REASON_BEYOND_EOF);
    signal = world_store_signal(&w, q + 2 * PAGE);
    world_assert_signal(&signal, SIGBUS, BUS_ADRERR, q + 2 * PAGE, MW_REASON_BEYOND_EOF);
    world_close(&w);
}
END_TEST

START_TEST(an_empty_file_has_no_page)
{
    struct world w = world_with_file(0);
    uint64_t p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);

    ck_assert_int_eq(world_load_signal(&w, p).signo, SIGBUS);
    write_byte(&w, 0, 'a'); /* the mapping was there before the byte */
    ck_assert_uint_eq(world_load(&w, p), 'a');
    world_close(&w);
}
END_TEST

START_TEST(the_tail_of_the_last_page_reads_zero)
{
    struct world w = world_with_file(0);
    uint64_t p;

    world_file(&w, "/f", PAGE + 100, 'f');
    p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);
    ck_assert_uint_eq(world_load(&w, p + PAGE + 99), 'f');
    for (unsigned i = 100; i < PAGE; i += 37)
        ck_assert_uint_eq(world_load(&w, p + PAGE + i), 0);
    world_close(&w);
}
END_TEST

START_TEST(bytes_stored_past_the_end_never_reach_the_file)
{
    struct world w = world_with_file(0);
    uint64_t p;

    world_file(&w, "/f", 100, 'f');
    p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    world_store(&w, p + 99, 'x');
    world_store(&w, p + 200, 'y');
    ck_assert_uint_eq(world_load(&w, p + 200), 'y'); /* visible until writeback or extension */
    ck_assert_int_eq(mw_file_size(w.machine, "/f"), 100);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, PAGE), 0);
    ck_assert_uint_eq(world_load(&w, p + 99), 'x');
    ck_assert_uint_eq(world_load(&w, p + 200), 0);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 99), 'x');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 200), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_write_beyond_the_end_does_not_uncover_what_was_stored_there)
{
    struct world w = world_with_file(0);
    uint64_t p;

    world_file(&w, "/f", 100, 'f');
    p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    world_store(&w, p + 200, 'y');
    write_byte(&w, 300, 'z');
    ck_assert_uint_eq(world_file_byte(&w, "/f", 200), 0);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 300), 'z');
    world_store(&w, p + 400, 'y');
    write_byte(&w, 3 * PAGE, 'z');
    ck_assert_uint_eq(world_file_byte(&w, "/f", 400), 0);
    world_close(&w);
}
END_TEST

START_TEST(writeback_zeroes_the_tail)
{
    struct world w = world_with_file(0);
    uint64_t p;

    world_file(&w, "/f", 100, 'f');
    p = world_map_file(&w, 0, PAGE, RW, MAP_SHARED);
    world_store(&w, p + 200, 'y');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    ck_assert_uint_eq(world_load(&w, p + 200), 0);
    world_close(&w);
}
END_TEST

/* ---- truncation below a mapping ---- */

START_TEST(a_shorter_file_takes_its_pages_from_all_mappings)
{
    struct world w = world_with_file(3);
    uint64_t p = world_map_file(&w, 0, 3 * PAGE, RW, MAP_SHARED);
    uint64_t q = world_map_file(&w, 0, 3 * PAGE, RW, MAP_PRIVATE);
    struct mw_signal signal;

    for (unsigned i = 0; i < 3; i++) {
        world_store(&w, p + i * PAGE + 9, 'p');
        world_store(&w, q + i * PAGE, 'q'); /* copies; those beyond the new end go, too */
    }
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, PAGE), 0);
    for (unsigned i = 1; i < 3; i++) {
        signal = world_load_signal(&w, p + i * PAGE);
        world_assert_signal(&signal, SIGBUS, BUS_ADRERR, p + i * PAGE, MW_REASON_BEYOND_EOF);
        signal = world_load_signal(&w, q + i * PAGE);
        world_assert_signal(&signal, SIGBUS, BUS_ADRERR, q + i * PAGE, MW_REASON_BEYOND_EOF);
    }
    ck_assert_uint_eq(world_load(&w, p + 9), 'p');
    ck_assert_uint_eq(world_load(&w, q), 'q');
    world_close(&w);
}
END_TEST

START_TEST(a_file_that_grows_again_reads_zero)
{
    struct world w = world_with_file(3);
    uint64_t p = world_map_file(&w, 0, 3 * PAGE, RW, MAP_SHARED);

    world_store(&w, p + 2 * PAGE, 'x');
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, PAGE + 10), 0);
    ck_assert_uint_eq(world_load(&w, p + PAGE + 10),
                      0); /* the rest of the page is cleared at once */
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, 3 * PAGE), 0);
    ck_assert_uint_eq(world_load(&w, p + PAGE + 9), 'f');
    ck_assert_uint_eq(world_load(&w, p + PAGE + 10), 0);
    ck_assert_uint_eq(world_load(&w, p + 2 * PAGE - 1), 0);
    ck_assert_uint_eq(world_load(&w, p + 2 * PAGE), 0);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", PAGE + 9), 'f');
    ck_assert_int_eq(world_disk_byte(&w, "/f", PAGE + 10), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 2 * PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_partial_page_keeps_a_private_copy)
{
    struct world w = world_with_file(2);
    uint64_t q = world_map_file(&w, 0, 2 * PAGE, RW, MAP_PRIVATE);

    world_store(&w, q + PAGE + 50, 'q');
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, PAGE + 10), 0);
    ck_assert_uint_eq(world_load(&w, q + PAGE + 50), 'q');
    ck_assert_uint_eq(world_load(&w, q + PAGE + 20), 'f'); /* the copy is not touched at all */
    world_close(&w);
}
END_TEST

START_TEST(truncation_reaches_mappings_of_other_processes)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);
    uint64_t q = world_map_file(&w, 0, 2 * PAGE, RW, MAP_PRIVATE);
    int child;

    world_store(&w, p + PAGE, 'p');
    world_store(&w, q + PAGE, 'q');
    child = mw_fork(w.machine, w.pid);
    world_load_of(&w, child, p + PAGE);
    world_load_of(&w, child, q + PAGE);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, 0), 0);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(mw_touch(w.machine, child, p + i * PAGE, 1, MW_LOAD, NULL), -EFAULT);
        ck_assert_int_eq(mw_touch(w.machine, child, q + i * PAGE, 1, MW_STORE, NULL), -EFAULT);
    }
    world_close(&w);
}
END_TEST

/* ---- holes ---- */

START_TEST(a_hole_reads_zero_and_becomes_data_when_stored_to)
{
    struct world w = world_with_file(0);
    uint64_t p;

    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, 10 * PAGE), 0);
    p = world_map_file(&w, 0, 10 * PAGE, RW, MAP_SHARED);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(world_load(&w, p + i * PAGE + 77), 0);
    ck_assert_uint_eq(world_stats(&w).blocks.errors, 0);
    world_store(&w, p + 5 * PAGE, 'h');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, 10 * PAGE, MS_SYNC), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", 5 * PAGE), 'h');
    ck_assert_int_eq(world_disk_byte(&w, "/f", 4 * PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_store_to_a_hole_needs_room_on_the_disk)
{
    struct world w = world_with_file(0);
    uint64_t pages = 4096; /* more than a disk of 2 MiB has */
    uint64_t full = 0;
    uint64_t p;
    struct mw_signal signal = {0};

    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 0, pages * PAGE), 0);
    p = world_map_file(&w, 0, pages * PAGE, RW, MAP_SHARED);
    while (full < pages && mw_store(w.machine, w.pid, p + full * PAGE, "x", 1, &signal) == 0)
        full++;
    ck_assert_uint_gt(full, 300);
    ck_assert_uint_lt(full, 512);
    world_assert_signal(&signal, SIGBUS, BUS_ADRERR, p + full * PAGE, MW_REASON_NO_SPACE);
    ck_assert_uint_eq(world_load(&w, p + full * PAGE), 0); /* reading the hole is still fine */
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, 0), 0);
    ck_assert_int_eq(world_disk_byte(&w, "/f", (full - 1) * PAGE), 'x');
    world_close(&w);
}
END_TEST

/* ---- names and descriptors behind a mapping ---- */

START_TEST(a_mapping_outlives_descriptor_and_name)
{
    struct world w = world_with_file(2);
    uint64_t p = world_map_file(&w, 0, 2 * PAGE, RW, MAP_SHARED);

    ck_assert_int_eq(mw_close(w.machine, w.pid, 0), 0);
    ck_assert_uint_eq(world_load(&w, p), 'f');
    ck_assert_int_eq(mw_unlink(w.machine, w.pid, "/f"), 0);
    ck_assert_uint_eq(world_load(&w, p + PAGE), 'f');
    world_store(&w, p, 'x');
    ck_assert_int_eq(mw_msync(w.machine, w.pid, p, PAGE, MS_SYNC), 0);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/f", O_RDWR), -ENOENT);
    world_file(&w, "/f", PAGE, 'n'); /* a new file of the same name is another file */
    ck_assert_uint_eq(world_load(&w, p), 'x');
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p, 2 * PAGE), 0);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 0), 'n');
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_private_mapping_shows_the_file_and_keeps_its_stores,
        a_private_page_follows_the_file_until_it_is_copied,
        each_first_access_of_a_private_page_has_its_reason,
        two_private_mappings_do_not_see_each_other,
        a_shared_store_is_seen_by_read_and_by_every_mapping,
        a_write_is_seen_by_every_mapping,
        another_process_sees_a_shared_store_through_its_own_mapping,
        the_first_store_to_a_shared_page_is_noticed,
        populating_a_shared_mapping_dirties_nothing,
        a_page_that_is_not_cached_comes_from_the_device,
        shared_anonymous_memory_reads_zero_and_keeps_stores,
        a_page_past_the_last_one_is_a_bus_error,
        an_empty_file_has_no_page,
        the_tail_of_the_last_page_reads_zero,
        bytes_stored_past_the_end_never_reach_the_file,
        a_write_beyond_the_end_does_not_uncover_what_was_stored_there,
        writeback_zeroes_the_tail,
        a_shorter_file_takes_its_pages_from_all_mappings,
        a_file_that_grows_again_reads_zero,
        a_partial_page_keeps_a_private_copy,
        truncation_reaches_mappings_of_other_processes,
        a_hole_reads_zero_and_becomes_data_when_stored_to,
        a_store_to_a_hole_needs_room_on_the_disk,
        a_mapping_outlives_descriptor_and_name,
    };

    return world_run("mapped_files", tests, sizeof(tests) / sizeof(tests[0]));
}
