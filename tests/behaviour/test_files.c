/*
 * Files without mappings: descriptors, positions, reads and writes with good and bad buffers,
 * names, a full disk.
 */
#include "behaviour/world.h"

#define USER_END (UINT64_C(1) << 38)

/* "/f" with the ten bytes "0123456789". */
static struct world world_of_digits(void)
{
    struct world w = world_open();

    ck_assert_int_eq(mw_file_put(w.machine, "/f", "0123456789", 10), 0);
    return w;
}

/* For tests of many calls: the checkers run once, in the end. */
static struct world world_unchecked(void)
{
    struct mw_config config = world_config();

    config.check = false;
    return world_open_with(&config);
}

/* The bytes of user memory at va are these. */
static void check_memory(struct world *w, uint64_t va, const char *bytes)
{
    for (unsigned i = 0; bytes[i] != '\0'; i++)
        ck_assert_uint_eq(world_load(w, va + i), (uint8_t)bytes[i]);
}

static void put_memory(struct world *w, uint64_t va, const char *bytes)
{
    ck_assert_int_eq(mw_store(w->machine, w->pid, va, bytes, strlen(bytes), NULL), 0);
}

/* The file's bytes are exactly these. */
static void check_file(struct world *w, const char *path, const char *bytes)
{
    char got[64] = {0};

    ck_assert_int_eq(mw_file_get(w->machine, path, 0, got, sizeof(got)), (int64_t)strlen(bytes));
    ck_assert_str_eq(got, bytes);
}

/* ---- descriptors ---- */

START_TEST(open_gives_the_lowest_free_descriptor)
{
    struct world w = world_of_digits();

    for (int fd = 0; fd < 20; fd++)
        ck_assert_int_eq(world_open_file(&w, "/f", O_RDONLY), fd);
    ck_assert_int_eq(mw_close(w.machine, w.pid, 7), 0);
    ck_assert_int_eq(mw_close(w.machine, w.pid, 3), 0);
    ck_assert_int_eq(mw_dup(w.machine, w.pid, 0), 3);
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDONLY), 7);
    ck_assert_int_eq(mw_close(w.machine, w.pid, 20), -EBADF);
    ck_assert_int_eq(mw_close(w.machine, w.pid, -1), -EBADF);
    world_close(&w);
}
END_TEST

START_TEST(a_full_table_of_descriptors_leaves_the_file_alone)
{
    struct world w = world_unchecked();

    ck_assert_int_eq(mw_file_put(w.machine, "/f", "0123456789", 10), 0);
    for (int fd = 0; fd < 1024; fd++)
        ck_assert_int_eq(mw_open(w.machine, w.pid, "/f", O_RDWR), fd);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/f", O_RDWR | O_TRUNC), -EMFILE);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/new", O_RDWR | O_CREAT), -EMFILE);
    ck_assert_int_eq(mw_dup(w.machine, w.pid, 0), -EMFILE);
    check_file(&w, "/f", "0123456789");
    ck_assert_int_eq(mw_file_size(w.machine, "/new"), -ENOENT);
    world_close(&w);
}
END_TEST

START_TEST(dup_shares_the_position_and_open_does_not)
{
    struct world w = world_of_digits();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int fd = world_open_file(&w, "/f", O_RDONLY);
    int copy = mw_dup(w.machine, w.pid, fd);
    int other = world_open_file(&w, "/f", O_RDONLY);

    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, p, 3), 3);
    ck_assert_int_eq(mw_read(w.machine, w.pid, copy, p, 3), 3);
    check_memory(&w, p, "345");
    ck_assert_int_eq(mw_read(w.machine, w.pid, other, p, 1), 1);
    check_memory(&w, p, "0");
    ck_assert_int_eq(mw_close(w.machine, w.pid, fd), 0);
    ck_assert_int_eq(mw_read(w.machine, w.pid, copy, p, 1), 1);
    check_memory(&w, p, "6");
    world_close(&w);
}
END_TEST

START_TEST(dup2_replaces_what_was_open)
{
    struct world w = world_of_digits();
    int fd = world_open_file(&w, "/f", O_RDONLY);
    int target;

    ck_assert_int_eq(mw_file_put(w.machine, "/g", "g", 1), 0);
    target = world_open_file(&w, "/g", O_RDONLY);
    ck_assert_int_eq(mw_dup2(w.machine, w.pid, fd, target), target);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, target, 0, SEEK_END), 10);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_CUR), 10);
    ck_assert_int_eq(mw_dup2(w.machine, w.pid, fd, 300), 300);
    ck_assert_int_eq(mw_dup2(w.machine, w.pid, fd, fd), fd);
    ck_assert_int_eq(mw_dup2(w.machine, w.pid, 99, 99), -EBADF);
    ck_assert_int_eq(mw_dup2(w.machine, w.pid, 99, target), -EBADF);
    ck_assert_int_eq(mw_dup2(w.machine, w.pid, fd, -1), -EBADF);
    ck_assert_int_eq(mw_dup2(w.machine, w.pid, fd, 1024), -EBADF);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, target, 0, SEEK_END), 10);
    world_close(&w);
}
END_TEST

/* ---- opening ---- */

START_TEST(open_modes_decide_reading_and_writing)
{
    struct world w = world_of_digits();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int read_only = world_open_file(&w, "/f", O_RDONLY);
    int write_only = world_open_file(&w, "/f", O_WRONLY);
    int neither = world_open_file(&w, "/f", O_ACCMODE);

    ck_assert_int_eq(mw_write(w.machine, w.pid, read_only, p, 1), -EBADF);
    ck_assert_int_eq(mw_read(w.machine, w.pid, write_only, p, 1), -EBADF);
    ck_assert_int_eq(mw_read(w.machine, w.pid, neither, p, 1), -EBADF);
    ck_assert_int_eq(mw_write(w.machine, w.pid, neither, p, 1), -EBADF);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, read_only, 0), -EINVAL);
    ck_assert_int_eq(mw_write(w.machine, w.pid, write_only, p, 1), 1);
    ck_assert_int_eq(mw_read(w.machine, w.pid, read_only, p, 1), 1);
    world_close(&w);
}
END_TEST

START_TEST(creating_truncating_and_excluding)
{
    struct world w = world_of_digits();

    ck_assert_int_eq(mw_open(w.machine, w.pid, "/g", O_RDWR), -ENOENT);
    ck_assert_int_ge(mw_open(w.machine, w.pid, "/g", O_RDWR | O_CREAT), 0);
    ck_assert_int_eq(mw_file_size(w.machine, "/g"), 0);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/f", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    ck_assert_int_ge(mw_open(w.machine, w.pid, "/f", O_RDWR | O_CREAT), 0);
    ck_assert_int_ge(mw_open(w.machine, w.pid, "/f", O_RDWR | O_EXCL), 0);
    check_file(&w, "/f", "0123456789");
    ck_assert_int_ge(mw_open(w.machine, w.pid, "/f", O_RDWR | O_TRUNC), 0);
    check_file(&w, "/f", "");
    ck_assert_int_eq(mw_file_put(w.machine, "/f", "again", 5), 0);
    ck_assert_int_ge(mw_open(w.machine, w.pid, "/f", O_RDONLY | O_TRUNC),
                     0); /* Linux truncates here, too */
    check_file(&w, "/f", "");
    ck_assert_int_ge(mw_open(w.machine, w.pid, "/h", O_RDWR | O_CREAT | O_EXCL), 0);
    world_close(&w);
}
END_TEST

START_TEST(bad_paths_have_their_errors)
{
    struct world w = world_of_digits();
    char name[300];

    memset(name, 'n', sizeof(name));
    name[0] = '/';
    name[299] = '\0';
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/d/g", O_RDWR | O_CREAT), -ENOENT);
    ck_assert_int_eq(mw_mkdir(w.machine, w.pid, "/d"), 0);
    ck_assert_int_ge(mw_open(w.machine, w.pid, "/d/g", O_RDWR | O_CREAT), 0);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/d", O_RDWR), -EISDIR);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/d", O_RDWR | O_CREAT), -EISDIR);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/f/x", O_RDWR), -ENOTDIR);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "/nowhere/x", O_RDWR), -ENOENT);
    ck_assert_int_eq(mw_open(w.machine, w.pid, name, O_RDWR | O_CREAT), -ENAMETOOLONG);
    ck_assert_int_eq(mw_open(w.machine, w.pid, "f", O_RDWR), -EINVAL);
    ck_assert_int_eq(mw_unlink(w.machine, w.pid, "/nope"), -ENOENT);
    ck_assert_int_eq(mw_unlink(w.machine, w.pid, "/d"), -EISDIR);
    ck_assert_int_eq(mw_file_size(w.machine, "/nope"), -ENOENT);
    ck_assert_int_eq(mw_file_get(w.machine, "/nope", 0, name, 1), -ENOENT);
    world_close(&w);
}
END_TEST

START_TEST(every_call_needs_a_live_process_and_an_open_file)
{
    struct world w = world_of_digits();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);

    for (int turn = 0; turn < 2; turn++) {
        int pid = turn == 0 ? w.pid : 99;
        int error = turn == 0 ? -EBADF : -ESRCH;

        ck_assert_int_eq(mw_close(w.machine, pid, 5), error);
        ck_assert_int_eq(mw_dup(w.machine, pid, 5), error);
        ck_assert_int_eq(mw_dup2(w.machine, pid, 5, 6), error);
        ck_assert_int_eq(mw_read(w.machine, pid, 5, p, 1), error);
        ck_assert_int_eq(mw_write(w.machine, pid, 5, p, 1), error);
        ck_assert_int_eq(mw_pread(w.machine, pid, 5, p, 1, 0), error);
        ck_assert_int_eq(mw_pwrite(w.machine, pid, 5, p, 1, 0), error);
        ck_assert_int_eq(mw_lseek(w.machine, pid, 5, 0, SEEK_SET), error);
        ck_assert_int_eq(mw_ftruncate(w.machine, pid, 5, 0), error);
        ck_assert_int_eq(mw_fsync(w.machine, pid, 5), error);
    }
    ck_assert_int_eq(mw_open(w.machine, 99, "/f", O_RDWR), -ESRCH);
    ck_assert_int_eq(mw_unlink(w.machine, 99, "/f"), -ESRCH);
    world_close(&w);
}
END_TEST

/* ---- reading and writing ---- */

START_TEST(reads_end_at_the_end_of_the_file)
{
    struct world w = world_of_digits();
    uint64_t p = world_map(&w, 2 * PAGE, RW, MAP_PRIVATE);
    int fd = world_open_file(&w, "/f", O_RDONLY);

    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, p, 4), 4);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, p + 4, 2 * PAGE - 4), 6);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, p, 100), 0);
    check_memory(&w, p, "0123456789");
    ck_assert_uint_eq(world_load(&w, p + 10), 0);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p, 100, 8), 2);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p, 100, 10), 0);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p, 100, PAGE), 0);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_CUR), 10); /* pread does not move it */
    world_close(&w);
}
END_TEST

START_TEST(transfers_cross_pages_of_file_and_memory)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 8 * PAGE, RW, MAP_PRIVATE);
    int fd = world_open_file(&w, "/f", O_RDWR | O_CREAT);

    for (unsigned i = 0; i < 3 * PAGE; i += 97)
        world_store(&w, p + 5 + i, (uint8_t)(i / 97 + 1));
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, p + 5, 3 * PAGE, 1000), 3 * PAGE);
    ck_assert_int_eq(mw_file_size(w.machine, "/f"), 1000 + 3 * PAGE);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 999), 0);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p + 4 * PAGE + 77, 3 * PAGE, 1000), 3 * PAGE);
    for (unsigned i = 0; i < 3 * PAGE; i++)
        ck_assert_uint_eq(world_load(&w, p + 4 * PAGE + 77 + i), world_load(&w, p + 5 + i));
    world_close(&w);
}
END_TEST

START_TEST(append_writes_at_the_end_wherever_that_is)
{
    struct world w = world_of_digits();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int fd = world_open_file(&w, "/f", O_RDWR | O_APPEND);

    put_memory(&w, p, "abc");
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, p, 1), 1);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_CUR), 11);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 2, SEEK_SET), 2);
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, p + 1, 1), 1);
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, p + 2, 1, 3), 1); /* pwrite(2), BUGS */
    check_file(&w, "/f", "0123456789abc");
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 2, SEEK_SET), 2);
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, BASE, 1), -EFAULT);
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, p, 0), 0);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_CUR),
                     2); /* what wrote nothing moved nothing */
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, p, 2), 2);
    check_memory(&w, p, "23");
    world_close(&w);
}
END_TEST

START_TEST(lseek_moves_anywhere_but_before_the_start)
{
    struct world w = world_of_digits();
    int fd = world_open_file(&w, "/f", O_RDWR);

    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 4, SEEK_SET), 4);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, -3, SEEK_CUR), 1);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, -2, SEEK_CUR), -EINVAL);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 100, SEEK_END), 110);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, INT64_MAX, SEEK_CUR), -EINVAL);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, INT64_MIN, SEEK_SET), -EINVAL);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, 99), -EINVAL);
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_CUR), 110);
    ck_assert_int_eq(mw_file_size(w.machine, "/f"), 10);
    world_close(&w);
}
END_TEST

START_TEST(a_write_past_the_end_leaves_a_hole_of_zeros)
{
    struct world w = world_of_digits();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int fd = world_open_file(&w, "/f", O_RDWR);

    put_memory(&w, p, "x");
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 5 * PAGE, SEEK_SET), 5 * PAGE);
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, p, 1), 1);
    ck_assert_int_eq(mw_file_size(w.machine, "/f"), 5 * PAGE + 1);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 9), '9');
    ck_assert_uint_eq(world_file_byte(&w, "/f", 10), 0);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 3 * PAGE), 0);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 5 * PAGE), 'x');
    world_close(&w);
}
END_TEST

START_TEST(extreme_offsets_and_sizes_are_refused)
{
    struct world w = world_of_digits();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE | MAP_POPULATE);
    int fd = world_open_file(&w, "/f", O_RDWR);

    ck_assert_int_eq(mw_pread(w.machine, w.pid, 99, p, 1, UINT64_MAX),
                     -EINVAL); /* before the descriptor */
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p, 1, INT64_MAX), -EINVAL);
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, p, 1, INT64_MAX), -EINVAL);
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, p, 1, UINT64_C(1) << 60), -EFBIG);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p, 1, UINT64_C(1) << 60), 0);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, 99, UINT64_MAX), -EINVAL);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, fd, UINT64_MAX), -EINVAL);
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, fd, UINT64_C(1) << 60), -EFBIG);
    check_file(&w, "/f", "0123456789");
    world_close(&w);
}
END_TEST

/* ---- bad buffers ---- */

START_TEST(a_buffer_that_is_nowhere_is_an_error)
{
    struct world w = world_of_digits();
    int fd = world_open_file(&w, "/f", O_RDWR);

    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, BASE, 5), -EFAULT);
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, BASE, 5), -EFAULT);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, USER_END - 1, 5), -EFAULT);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, UINT64_MAX, 5), -EFAULT);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, BASE, 0), 0);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, BASE, 5, 10),
                     0); /* nothing to read: nobody looks */
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_CUR), 0);
    ck_assert_uint_eq(world_stats(&w).other.signals, 0); /* an error is no signal */
    check_file(&w, "/f", "0123456789");
    world_close(&w);
}
END_TEST

START_TEST(a_bad_page_ends_a_transfer_before_it)
{
    struct world w = world_open();
    int fd;

    world_file(&w, "/f", 4 * PAGE, 'f');
    fd = world_open_file(&w, "/f", O_RDWR);
    world_map_at(&w, BASE, 2 * PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, BASE + 100, 4 * PAGE), 2 * PAGE - 100);
    ck_assert_uint_eq(world_load(&w, BASE + 2 * PAGE - 1), 'f');
    ck_assert_int_eq(mw_lseek(w.machine, w.pid, fd, 0, SEEK_CUR), 2 * PAGE - 100);
    world_store(&w, BASE + 2 * PAGE - 3, 'x');
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, BASE + 2 * PAGE - 3, PAGE, 7), 3);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 7), 'x');
    ck_assert_uint_eq(world_file_byte(&w, "/f", 10), 'f');
    ck_assert_uint_eq(world_stats(&w).faults.by_reason[MW_REASON_INVALID], 2); /* each tried once */
    world_close(&w);
}
END_TEST

START_TEST(reading_needs_a_writable_buffer_and_writing_a_readable_one)
{
    struct world w = world_of_digits();
    int fd = world_open_file(&w, "/f", O_RDWR);

    world_map_at(&w, BASE, PAGE, PROT_READ, MAP_PRIVATE);
    world_map_at(&w, BASE + PAGE, PAGE, PROT_NONE, MAP_PRIVATE);
    world_map_at(&w, BASE + 2 * PAGE, PAGE, PROT_EXEC, MAP_PRIVATE);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, BASE, 5, 0), -EFAULT);
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, BASE + PAGE, 5, 0), -EFAULT);
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, BASE + 2 * PAGE, 5, 0), -EFAULT);
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, BASE, 5, 0), 5);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 4), 0);
    ck_assert_uint_eq(world_file_byte(&w, "/f", 5), '5');
    world_close(&w);
}
END_TEST

START_TEST(a_file_can_be_written_from_its_own_mapping)
{
    struct world w = world_of_digits();
    int fd = world_open_file(&w, "/f", O_RDWR);
    uint64_t p = world_map_file(&w, fd, PAGE, RW, MAP_SHARED);

    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, p, 5, 5), 5);
    check_file(&w, "/f", "0123401234");
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p, 3, 2), 3);
    check_file(&w, "/f", "2343401234");
    world_close(&w);
}
END_TEST

START_TEST(reading_into_private_memory_breaks_its_sharing)
{
    struct world w = world_of_digits();
    int fd = world_open_file(&w, "/f", O_RDONLY);
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int child;

    world_store(&w, p, 'p');
    child = mw_fork(w.machine, w.pid);
    ck_assert_int_eq(mw_read(w.machine, w.pid, fd, p, 2), 2);
    check_memory(&w, p, "01");
    ck_assert_uint_eq(world_load_of(&w, child, p), 'p');
    world_close(&w);
}
END_TEST

/* ---- names ---- */

START_TEST(an_unlinked_file_lives_until_its_last_close_and_then_frees_its_blocks)
{
    struct world w = world_unchecked();
    uint64_t p = world_map(&w, PAGE, RW, MAP_PRIVATE);
    int fd = world_open_file(&w, "/f", O_RDWR | O_CREAT);
    int64_t room = 0;

    while (mw_write(w.machine, w.pid, fd, p, PAGE) == (int64_t)PAGE)
        room++;
    ck_assert_int_gt(room, 300);
    ck_assert_int_eq(mw_unlink(w.machine, w.pid, "/f"), 0);
    ck_assert_int_eq(mw_unlink(w.machine, w.pid, "/f"), -ENOENT);
    ck_assert_int_eq(mw_pread(w.machine, w.pid, fd, p, 1, 0), 1);
    ck_assert_int_eq(mw_file_put(w.machine, "/g", "g", 1), -ENOSPC);
    ck_assert_int_eq(mw_close(w.machine, w.pid, fd), 0);
    fd = world_open_file(&w, "/h", O_RDWR | O_CREAT);
    for (int64_t i = 0; i < room; i++)
        ck_assert_int_eq(mw_write(w.machine, w.pid, fd, p, PAGE), PAGE);
    world_close(&w);
}
END_TEST

START_TEST(an_unlinked_file_that_nobody_has_open_frees_its_blocks_at_once)
{
    static const uint8_t bytes[300 * PAGE];
    struct world w = world_unchecked();

    for (unsigned i = 0; i < 5; i++) { /* the disk holds it once */
        ck_assert_int_eq(mw_file_put(w.machine, "/f", bytes, sizeof(bytes)), 0);
        ck_assert_uint_eq(world_stats(&w).frames.by_owner[MW_OWNER_CACHE], 300);
        ck_assert_int_eq(mw_unlink(w.machine, w.pid, "/f"), 0);
        ck_assert_uint_eq(world_stats(&w).frames.by_owner[MW_OWNER_CACHE],
                          0); /* nor does it keep memory */
    }
    ck_assert_int_eq(mw_file_put(w.machine, "/f", bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(mw_file_put(w.machine, "/g", bytes, sizeof(bytes)), -ENOSPC);
    world_close(&w);
}
END_TEST

/* ---- a full disk ---- */

START_TEST(a_full_disk_ends_a_write_early_and_then_refuses)
{
    struct world w = world_unchecked();
    uint64_t p = world_map(&w, 100 * PAGE, RW, MAP_PRIVATE);
    int fd = world_open_file(&w, "/f", O_RDWR | O_CREAT);
    int64_t got;
    int64_t size = 0;

    while ((got = mw_write(w.machine, w.pid, fd, p, 100 * PAGE)) == 100 * PAGE)
        size += got;
    ck_assert_int_gt(got, 0); /* short */
    size += got;
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, p, PAGE), -ENOSPC);
    ck_assert_int_eq(mw_file_size(w.machine, "/f"), size);
    ck_assert_int_eq(mw_pwrite(w.machine, w.pid, fd, p, PAGE, 0),
                     PAGE); /* blocks that are there can be written */
    ck_assert_int_eq(mw_ftruncate(w.machine, w.pid, fd, (uint64_t)size / 2), 0);
    ck_assert_int_eq(mw_write(w.machine, w.pid, fd, p, PAGE), PAGE);
    ck_assert_int_eq(mw_fsync(w.machine, w.pid, fd), 0);
    world_close(&w);
}
END_TEST

START_TEST(the_machines_hand_makes_files_and_grows_them)
{
    struct world w = world_open();
    uint8_t byte = 1;

    ck_assert_int_eq(mw_file_put(w.machine, "/a/b", "one", 3), 0);
    ck_assert_int_eq(mw_file_put(w.machine, "/a/b", "2", 1), 0);
    check_file(&w, "/a/b", "2");
    ck_assert_int_eq(mw_file_grow(w.machine, "/a/b", 3 * PAGE), 0);
    ck_assert_int_eq(mw_file_size(w.machine, "/a/b"), 3 * PAGE);
    ck_assert_int_eq(mw_file_grow(w.machine, "/a/b", 5), 0); /* never shorter */
    ck_assert_int_eq(mw_file_size(w.machine, "/a/b"), 3 * PAGE);
    ck_assert_int_eq(mw_file_get(w.machine, "/a/b", 2 * PAGE, &byte, 1), 1);
    ck_assert_uint_eq(byte, 0);
    ck_assert_int_eq(mw_file_grow(w.machine, "/a/b", UINT64_C(64) << 20), -ENOSPC);
    ck_assert_int_eq(mw_file_size(w.machine, "/a/b"), 3 * PAGE); /* as it was */
    ck_assert_int_eq(mw_file_get(w.machine, "/a/b", 3 * PAGE, &byte, 1), 0);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        open_gives_the_lowest_free_descriptor,
        a_full_table_of_descriptors_leaves_the_file_alone,
        dup_shares_the_position_and_open_does_not,
        dup2_replaces_what_was_open,
        open_modes_decide_reading_and_writing,
        creating_truncating_and_excluding,
        bad_paths_have_their_errors,
        every_call_needs_a_live_process_and_an_open_file,
        reads_end_at_the_end_of_the_file,
        transfers_cross_pages_of_file_and_memory,
        append_writes_at_the_end_wherever_that_is,
        lseek_moves_anywhere_but_before_the_start,
        a_write_past_the_end_leaves_a_hole_of_zeros,
        extreme_offsets_and_sizes_are_refused,
        a_buffer_that_is_nowhere_is_an_error,
        a_bad_page_ends_a_transfer_before_it,
        reading_needs_a_writable_buffer_and_writing_a_readable_one,
        a_file_can_be_written_from_its_own_mapping,
        reading_into_private_memory_breaks_its_sharing,
        an_unlinked_file_lives_until_its_last_close_and_then_frees_its_blocks,
        an_unlinked_file_that_nobody_has_open_frees_its_blocks_at_once,
        a_full_disk_ends_a_write_early_and_then_refuses,
        the_machines_hand_makes_files_and_grows_them,
    };

    return world_run("files", tests, sizeof(tests) / sizeof(tests[0]));
}
