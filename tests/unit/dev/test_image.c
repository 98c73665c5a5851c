/* The device in an image file: contents, locks, sizes, O_DIRECT, and a host that fails. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "dev/dev_image.h"

#define BLOCKS 64u
#define WHOLE  (BLOCKS * DEV_BLOCK_BYTES)

struct fixture {
    struct alloc alloc;
    char folder[64];
    char path[80];
    struct dev *dev; /* of the test; destroyed at its end */
    uint8_t bytes[WHOLE];
    uint8_t back[WHOLE];
};

static int set_up_in(void **state, const char *where)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    snprintf(f->folder, sizeof(f->folder), "%s/mapwalk-image-XXXXXX", where);
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/disk.img", f->folder);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_in(state, "/tmp");
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    dev_destroy(f->dev);
    assert_int_equal(f->alloc.live_blocks, 0);
    unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0); /* and nothing else is left there */
    test_free(f);
    return 0;
}

static int open_image(struct fixture *f, struct dev_image_options options, struct dev **out)
{
    return dev_image_open(&f->alloc, f->path, &options, out);
}

static void create(struct fixture *f)
{
    assert_int_equal(open_image(f, (struct dev_image_options){.create_bytes = WHOLE}, &f->dev), 0);
}

static void close_image(struct fixture *f)
{
    dev_destroy(f->dev);
    f->dev = NULL;
}

/* A file of that many bytes, made without the device. */
static void make_file(struct fixture *f, uint64_t bytes)
{
    int fd = open(f->path, O_CREAT | O_RDWR | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    close(fd);
}

/* ---- contents ---- */

static void what_was_written_is_there_when_it_is_opened_again(void **state)
{
    struct fixture *f = *state;

    create(f);
    assert_int_equal(f->dev->blocks, BLOCKS);
    memset(f->bytes, 7, WHOLE);
    assert_int_equal(dev_write(f->dev, 5, 3, f->bytes), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    close_image(f);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &f->dev), 0);
    assert_int_equal(dev_read(f->dev, 4, 5, f->back), 0);
    assert_int_equal(f->back[DEV_BLOCK_BYTES - 1], 0);
    assert_memory_equal(f->back + DEV_BLOCK_BYTES, f->bytes, 3 * DEV_BLOCK_BYTES);
    assert_int_equal(f->back[4 * DEV_BLOCK_BYTES], 0);
}

/* The device and a plain array are asked the same; they must be the same. */
static void random_requests(struct fixture *f, struct prng *prng)
{
    uint8_t *model = test_calloc(1, WHOLE);

    for (unsigned i = 0; i < 400; i++) {
        uint64_t block = prng_below(prng, BLOCKS);
        uint32_t count = 1 + (uint32_t)prng_below(prng, BLOCKS - block);
        uint8_t *at = model + block * DEV_BLOCK_BYTES;
        size_t bytes = count * DEV_BLOCK_BYTES;
        struct dev_span spans[2] = {{f->bytes, count - count / 2},
                                    {f->bytes + WHOLE / 2, count / 2}};

        memset(f->bytes, (int)i, WHOLE / 2);
        memset(f->bytes + WHOLE / 2, (int)i + 1, WHOLE / 2);
        switch (prng_below(prng, 4)) {
        case 0:
            assert_int_equal(dev_zero(f->dev, block, count), 0);
            memset(at, 0, bytes);
            break;
        case 1:
            assert_int_equal(dev_write_gather(f->dev, block, spans, count > 1 ? 2 : 1,
                                              prng_below(prng, 8) == 0 ? DEV_FUA : 0),
                             0);
            memset(at, (int)i, spans[0].blocks * DEV_BLOCK_BYTES);
            memset(at + spans[0].blocks * DEV_BLOCK_BYTES, (int)i + 1,
                   spans[1].blocks * DEV_BLOCK_BYTES);
            break;
        default:
            assert_int_equal(dev_read(f->dev, block, count, f->back), 0);
            assert_memory_equal(f->back, at, bytes);
        }
    }
    test_free(model);
}

static void requests_of_any_place_and_size_do_what_they_say(void **state)
{
    struct fixture *f = *state;
    struct prng prng;

    prng_seed(&prng, 5);
    create(f);
    random_requests(f, &prng);
}

static void a_write_of_many_spans_is_whole(void **state)
{
    struct fixture *f = *state;
    struct dev_span *spans = test_calloc(1000, sizeof(*spans));
    uint8_t *back = test_malloc(1000 * DEV_BLOCK_BYTES);

    assert_int_equal(open_image(f, (struct dev_image_options){.create_bytes = 1 << 20}, &f->dev),
                     0);
    for (unsigned i = 0; i < BLOCKS; i++)
        memset(f->bytes + i * DEV_BLOCK_BYTES, (int)i, DEV_BLOCK_BYTES);
    for (unsigned i = 0; i < 1000; i++)
        spans[i] = (struct dev_span){f->bytes + i * 7 % BLOCKS * DEV_BLOCK_BYTES, 1};
    assert_int_equal(dev_write_gather(f->dev, 3, spans, 1000, 0), 0);
    assert_int_equal(f->dev->counters.writes, 1);
    assert_int_equal(dev_read(f->dev, 3, 1000, back), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_memory_equal(back + i * DEV_BLOCK_BYTES, spans[i].bytes, DEV_BLOCK_BYTES);
    test_free(back);
    test_free(spans);
}

static uint64_t host_bytes(const struct fixture *f)
{
    struct stat st;

    assert_int_equal(stat(f->path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void zeroing_gives_the_room_back_to_the_host(void **state)
{
    struct fixture *f = *state;

    create(f);
    memset(f->bytes, 1, WHOLE);
    assert_int_equal(dev_write(f->dev, 0, BLOCKS, f->bytes), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_true(host_bytes(f) >= WHOLE);
    assert_int_equal(dev_zero(f->dev, 0, BLOCKS), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_true(host_bytes(f) < WHOLE);
}

static void a_tebibyte_costs_nothing_until_it_is_written(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        open_image(f, (struct dev_image_options){.create_bytes = (uint64_t)1 << 40}, &f->dev), 0);
    memset(f->bytes, 3, DEV_BLOCK_BYTES);
    assert_int_equal(dev_write(f->dev, f->dev->blocks - 1, 1, f->bytes), 0);
    assert_int_equal(dev_read(f->dev, f->dev->blocks - 1, 1, f->back), 0);
    assert_memory_equal(f->bytes, f->back, DEV_BLOCK_BYTES);
    assert_int_equal(dev_read(f->dev, f->dev->blocks / 2, 1, f->back), 0);
    assert_int_equal(f->back[0], 0);
    assert_true(host_bytes(f) < 1 << 20);
}

/* ---- O_DIRECT ---- */

/* False where the host's file system cannot, which is said. */
static bool open_direct(struct fixture *f)
{
    int err =
        open_image(f, (struct dev_image_options){.create_bytes = WHOLE, .direct = true}, &f->dev);

    if (err == -ENOTSUP) {
        assert_int_equal(access(f->path, F_OK), -1); /* nothing is left of the attempt */
        print_message("SKIPPED: no O_DIRECT in %s\n", f->folder);
        return false;
    }
    assert_int_equal(err, 0);
    return true;
}

static void direct_requests_need_no_alignment(void **state)
{
    struct fixture *f = *state;
    struct prng prng;

    prng_seed(&prng, 6);
    if (open_direct(f))
        random_requests(f, &prng);
}

static void direct_and_aligned_requests_do_the_same(void **state)
{
    struct fixture *f = *state;
    uint8_t *aligned;

    if (!open_direct(f))
        return;
    assert_int_equal(posix_memalign((void **)&aligned, 4096, WHOLE), 0);
    for (uint32_t i = 0; i < WHOLE; i++)
        aligned[i] = (uint8_t)(i / 100);
    assert_int_equal(dev_write(f->dev, 4, 8, aligned), 0);
    assert_int_equal(dev_read(f->dev, 4, 8, aligned + 32768), 0);
    assert_memory_equal(aligned, aligned + 32768, 8 * DEV_BLOCK_BYTES);
    assert_int_equal(dev_read(f->dev, 5, 7, f->back), 0);
    assert_memory_equal(aligned + DEV_BLOCK_BYTES, f->back, 7 * DEV_BLOCK_BYTES);
    free(aligned);
}

static void the_largest_direct_request_may_begin_anywhere(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = test_malloc(2 * DEV_MOST_BLOCKS * DEV_BLOCK_BYTES);
    uint8_t *back = bytes + DEV_MOST_BLOCKS * DEV_BLOCK_BYTES;

    if (open_direct(f)) {
        close_image(f);
        make_file(f, 2 * DEV_MOST_BLOCKS * DEV_BLOCK_BYTES);
        assert_int_equal(open_image(f, (struct dev_image_options){.direct = true}, &f->dev), 0);
        for (uint64_t block = 0; block < 5; block++) {
            memset(bytes, (int)block + 1, DEV_MOST_BLOCKS * DEV_BLOCK_BYTES);
            assert_int_equal(dev_write(f->dev, block, DEV_MOST_BLOCKS, bytes), 0);
            assert_int_equal(dev_read(f->dev, block, DEV_MOST_BLOCKS, back), 0);
            assert_memory_equal(bytes, back, DEV_MOST_BLOCKS * DEV_BLOCK_BYTES);
            if (block > 0) {
                assert_int_equal(dev_read(f->dev, block - 1, 1, back), 0);
                assert_int_equal(back[0], block);
            }
        }
    }
    test_free(bytes);
}

static void direct_needs_a_size_of_whole_direct_blocks(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_int_equal(
        open_image(f, (struct dev_image_options){.create_bytes = 5120, .direct = true}, &dev),
        -EINVAL);
    make_file(f, 5120);
    if (open_image(f, (struct dev_image_options){.direct = true}, &dev) != -ENOTSUP)
        assert_int_equal(open_image(f, (struct dev_image_options){.direct = true}, &dev), -EINVAL);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &f->dev), 0);
}

static int set_up_in_memory(void **state)
{
    return set_up_in(state, "/dev/shm"); /* a tmpfs: O_DIRECT since Linux 6.6 only */
}

/* ---- locks ---- */

static void a_second_opener_is_told_that_it_is_busy(void **state)
{
    struct fixture *f = *state;
    struct dev *second;

    create(f);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &second), -EBUSY);
    assert_int_equal(open_image(f, (struct dev_image_options){.read_only = true}, &second), -EBUSY);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), 0);
    close_image(f);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &f->dev), 0);
}

static void another_process_is_told_so_too(void **state)
{
    struct fixture *f = *state;
    int status;
    pid_t child;

    create(f);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct alloc alloc = {0};
        struct dev *dev;

        _exit(dev_image_open(&alloc, f->path, &(struct dev_image_options){0}, &dev) == -EBUSY ? 0
                                                                                              : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void readers_share_but_keep_writers_out(void **state)
{
    struct fixture *f = *state;
    struct dev *reader;
    struct dev *other;

    make_file(f, WHOLE);
    assert_int_equal(open_image(f, (struct dev_image_options){.read_only = true}, &reader), 0);
    assert_int_equal(open_image(f, (struct dev_image_options){.read_only = true}, &other), 0);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &f->dev), -EBUSY);
    dev_destroy(reader);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &f->dev), -EBUSY);
    dev_destroy(other);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &f->dev), 0);
}

static void a_read_only_image_can_be_opened_without_the_right_to_write(void **state)
{
    struct fixture *f = *state;

    make_file(f, WHOLE);
    assert_int_equal(chmod(f->path, 0400), 0);
    assert_int_equal(open_image(f, (struct dev_image_options){.read_only = true}, &f->dev), 0);
    assert_int_equal(dev_read(f->dev, 0, 1, f->back), 0);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), -EROFS);
    assert_int_equal(dev_zero(f->dev, 0, 1), -EROFS);
    assert_int_equal(dev_flush(f->dev), 0);
}

/* ---- what cannot be opened ---- */

static void nothing_is_made_over_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct dev *dev;

    make_file(f, 3000);
    assert_int_equal(open_image(f, (struct dev_image_options){.create_bytes = WHOLE}, &dev),
                     -EEXIST);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 3000);
}

static void a_size_that_is_no_number_of_blocks_is_refused(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_int_equal(open_image(f, (struct dev_image_options){.create_bytes = 1023}, &dev),
                     -EINVAL);
    make_file(f, 0);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &dev), -EINVAL);
    make_file(f, WHOLE + 512);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &dev), -EINVAL);
}

static void only_a_regular_file_is_an_image(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_int_equal(dev_image_open(&f->alloc, f->folder, NULL, &dev), -EISDIR);
    assert_int_equal(
        dev_image_open(&f->alloc, f->folder, &(struct dev_image_options){.read_only = true}, &dev),
        -EINVAL);
    assert_int_equal(mkfifo(f->path, 0600), 0); /* and nobody waits for its other end */
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &dev), -EINVAL);
    assert_int_equal(open_image(f, (struct dev_image_options){.read_only = true}, &dev), -EINVAL);
    unlink(f->path);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &dev), -ENOENT);
    assert_int_equal(
        open_image(f, (struct dev_image_options){.read_only = true, .create_bytes = WHOLE}, &dev),
        -EINVAL);
}

static void what_cannot_be_made_leaves_no_file(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_true(open_image(f, (struct dev_image_options){.create_bytes = (uint64_t)1 << 62}, &dev) <
                0);
    assert_int_equal(access(f->path, F_OK), -1);
    for (unsigned n = 1; n <= 2; n++) {
        int err;

        f->alloc.fail_at = f->alloc.calls + n;
        err =
            open_image(f, (struct dev_image_options){.create_bytes = WHOLE, .direct = true}, &dev);
        assert_true(err == -ENOMEM || err == -ENOTSUP);
        assert_int_equal(access(f->path, F_OK), -1);
    }
}

/* ---- a host that fails ---- */

static void an_image_cut_short_is_an_error_where_it_is_missing(void **state)
{
    struct fixture *f = *state;

    create(f);
    assert_int_equal(truncate(f->path, 10 * DEV_BLOCK_BYTES + 100), 0);
    assert_int_equal(dev_read(f->dev, 9, 1, f->back), 0);
    assert_int_equal(dev_read(f->dev, 9, 2, f->back), -EIO);
    assert_int_equal(dev_read(f->dev, 20, 1, f->back), -EIO);
}

/* The host's limit on file sizes stops a write in its middle, then altogether. */
static void a_host_without_room_is_enospc(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    struct rlimit tight;

    create(f);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    tight = (struct rlimit){10 * DEV_BLOCK_BYTES + 100, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    memset(f->bytes, 5, WHOLE);
    assert_int_equal(dev_write(f->dev, 8, 2, f->bytes), 0);
    assert_int_equal(dev_write(f->dev, 8, 4, f->bytes), -ENOSPC);
    assert_int_equal(dev_write(f->dev, 20, 1, f->bytes), -ENOSPC);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(dev_write(f->dev, 20, 1, f->bytes), 0);
    assert_int_equal(f->dev->counters.errors, 2);
}

/*
 * fdatasync fails on what is put into the place of the image's descriptor. That Linux reports such
 * an error once only is why the device has to remember it.
 */
static void after_a_flush_that_failed_no_flush_succeeds(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 1};
    int fd = dup(0); /* the next descriptor that will be given out */
    int kept;
    int pipes[2];

    close(fd);
    create(f);
    assert_int_equal(dev_flush(f->dev), 0);
    kept = dup(fd);
    assert_true(kept >= 0);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(dup2(pipes[1], fd), fd);
    assert_int_equal(dev_flush(f->dev), -EIO);
    assert_int_equal(dup2(kept, fd), fd);
    assert_int_equal(dev_flush(f->dev), -EIO);
    assert_int_equal(dev_write_gather(f->dev, 0, &span, 1, DEV_FUA), -EIO);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), 0);
    close(kept);
    close(pipes[0]);
    close(pipes[1]);
}

static void without_memory_no_image_is_opened_and_the_lock_is_free(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    make_file(f, WHOLE);
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &dev), -ENOMEM);
    assert_int_equal(open_image(f, (struct dev_image_options){0}, &f->dev), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_was_written_is_there_when_it_is_opened_again),
        TEST(requests_of_any_place_and_size_do_what_they_say),
        TEST(a_write_of_many_spans_is_whole),
        TEST(zeroing_gives_the_room_back_to_the_host),
        TEST(a_tebibyte_costs_nothing_until_it_is_written),
        TEST(direct_requests_need_no_alignment),
        TEST(direct_and_aligned_requests_do_the_same),
        TEST(the_largest_direct_request_may_begin_anywhere),
        TEST(direct_needs_a_size_of_whole_direct_blocks),
        cmocka_unit_test_setup_teardown(direct_requests_need_no_alignment, set_up_in_memory,
                                        tear_down),
        TEST(a_second_opener_is_told_that_it_is_busy),
        TEST(another_process_is_told_so_too),
        TEST(readers_share_but_keep_writers_out),
        TEST(a_read_only_image_can_be_opened_without_the_right_to_write),
        TEST(nothing_is_made_over_what_is_there),
        TEST(a_size_that_is_no_number_of_blocks_is_refused),
        TEST(only_a_regular_file_is_an_image),
        TEST(what_cannot_be_made_leaves_no_file),
        TEST(an_image_cut_short_is_an_error_where_it_is_missing),
        TEST(a_host_without_room_is_enospc),
        TEST(after_a_flush_that_failed_no_flush_succeeds),
        TEST(without_memory_no_image_is_opened_and_the_lock_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
