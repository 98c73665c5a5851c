/*
 * The network block device, against nbdkit on a UNIX socket. Without nbdkit or libnbd the tests are
 * skipped, loudly.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "dev/dev_image.h"
#include "dev/dev_recorder.h"
#include "dev/dev_volatile.h"

#define BLOCKS    2048u
#define SIZE_ARG  "2M"
#define WHOLE     (BLOCKS * DEV_BLOCK_BYTES)
#define MOST_ARGS 16

struct fixture {
    struct alloc alloc;
    char folder[32];
    char socket[64];
    char uri[128];
    pid_t server; /* 0: none */
    struct dev *dev;
    uint8_t *bytes;
    uint8_t *back;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    strcpy(f->folder, "/tmp/mapwalk-nbd-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->socket, sizeof f->socket, "%s/socket", f->folder);
    snprintf(f->uri, sizeof f->uri, "nbd+unix:///?socket=%s", f->socket);
    f->bytes = test_malloc(WHOLE);
    f->back = test_malloc(WHOLE);
    *state = f;
    return 0;
}

static void stop_server(struct fixture *f)
{
    if (f->server == 0)
        return;
    kill(f->server, SIGKILL);
    assert_int_equal(waitpid(f->server, NULL, 0), f->server);
    f->server = 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    dev_destroy(f->dev);
    stop_server(f);
    unlink(f->socket);
    assert_int_equal(rmdir(f->folder), 0);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f->bytes);
    test_free(f->back);
    test_free(f);
    return 0;
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

/* Starts nbdkit with these arguments (the last: NULL) behind the ones for the socket. */
static void start_server(struct fixture *f, const char *const *arguments)
{
    const char *argv[MOST_ARGS + 6] = {"nbdkit", "--foreground", "--exit-with-parent", "-U",
                                       f->socket};
    struct stat st;

    for (unsigned i = 0; i < MOST_ARGS && arguments[i] != NULL; i++)
        argv[5 + i] = arguments[i];
    f->server = fork();
    assert_true(f->server >= 0);
    if (f->server == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    for (unsigned i = 0; i < 1000 && stat(f->socket, &st) != 0; i++) {
        if (waitpid(f->server, NULL, WNOHANG) == f->server) {
            f->server = 0;
            fail_msg("nbdkit does not start");
        }
        sleep_ms(10);
    }
}

#define START(f, ...) start_server((f), (const char *const[]){__VA_ARGS__, NULL})

static void open_device(struct fixture *f)
{
    assert_int_equal(dev_nbd_open(&f->alloc, f->uri, &f->dev), 0);
}

/* ---- requests ---- */

static void what_was_written_is_read_by_the_next_connection(void **state)
{
    struct fixture *f = *state;

    START(f, "memory", SIZE_ARG);
    open_device(f);
    assert_int_equal(f->dev->blocks, BLOCKS);
    assert_false(f->dev->read_only);
    memset(f->bytes, 6, WHOLE);
    assert_int_equal(dev_write(f->dev, 3, 1500, f->bytes), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    dev_destroy(f->dev);
    open_device(f);
    assert_int_equal(dev_read(f->dev, 2, 1502, f->back), 0);
    assert_int_equal(f->back[0], 0);
    assert_memory_equal(f->back + DEV_BLOCK_BYTES, f->bytes, 1500 * DEV_BLOCK_BYTES);
    assert_int_equal(f->back[1501 * DEV_BLOCK_BYTES], 0);
}

static void compare_at_random(struct fixture *f, uint64_t seed)
{
    uint8_t *model = test_calloc(1, WHOLE);
    struct prng prng;

    prng_seed(&prng, seed);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t block = prng_below(&prng, BLOCKS - 64);
        uint32_t count = 2 + (uint32_t)prng_below(&prng, 62);
        uint8_t *at = model + block * DEV_BLOCK_BYTES;
        struct dev_span spans[] = {{f->bytes, 1}, {f->bytes + 8 * DEV_BLOCK_BYTES, count - 1}};

        memset(f->bytes, (int)i, 64 * DEV_BLOCK_BYTES);
        memset(f->bytes + 8 * DEV_BLOCK_BYTES, (int)i + 1, 64 * DEV_BLOCK_BYTES);
        if (i % 4 == 3) {
            assert_int_equal(dev_zero(f->dev, block, count), 0);
            memset(at, 0, count * DEV_BLOCK_BYTES);
        } else {
            assert_int_equal(dev_write_gather(f->dev, block, spans, 2, i % 8 == 0 ? DEV_FUA : 0),
                             0);
            memset(at, (int)i, DEV_BLOCK_BYTES);
            memset(at + DEV_BLOCK_BYTES, (int)i + 1, (count - 1) * DEV_BLOCK_BYTES);
        }
    }
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_read(f->dev, 0, BLOCKS, f->back), 0);
    assert_memory_equal(f->back, model, WHOLE);
    test_free(model);
}

static void random_requests_do_what_they_say(void **state)
{
    struct fixture *f = *state;

    START(f, "memory", SIZE_ARG);
    open_device(f);
    compare_at_random(f, 1);
}

static void a_server_that_can_little_gets_what_it_can(void **state)
{
    struct fixture *f = *state;

    START(f, "--filter=fua", "--filter=nozero", "memory", SIZE_ARG);
    open_device(f);
    compare_at_random(f, 2);
}

static void a_server_without_a_flush_needs_none(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 1};

    START(f, "eval", "get_size=echo 65536", "pread=head -c $3 /dev/zero", "can_write=exit 0",
          "pwrite=cat >/dev/null", "can_flush=exit 3", "can_fua=echo none", "can_zero=exit 3");
    open_device(f);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(dev_write_gather(f->dev, 0, &span, 1, DEV_FUA), 0);
    assert_int_equal(dev_zero(f->dev, 0, 9), 0);
}

static void fua_is_a_flush_where_the_server_has_only_that(void **state)
{
    struct fixture *f = *state;
    struct dev_span span = {f->bytes, 1};
    char flushed[64];
    char flush[96];

    snprintf(flushed, sizeof flushed, "%s/flushed", f->folder);
    snprintf(flush, sizeof flush, "flush=touch %s", flushed);
    START(f, "eval", "get_size=echo 65536", "pread=head -c $3 /dev/zero", "can_write=exit 0",
          "pwrite=cat >/dev/null", "can_flush=exit 0", flush, "can_fua=echo none");
    open_device(f);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), 0);
    assert_int_equal(access(flushed, F_OK), -1);
    assert_int_equal(dev_write_gather(f->dev, 0, &span, 1, DEV_FUA), 0);
    assert_int_equal(unlink(flushed), 0);
    assert_int_equal(dev_flush(f->dev), 0);
    assert_int_equal(unlink(flushed), 0);
}

static void a_server_with_small_requests_gets_small_ones(void **state)
{
    struct fixture *f = *state;

    START(f, "--filter=blocksize-policy", "memory", SIZE_ARG, "blocksize-minimum=512",
          "blocksize-preferred=4096", "blocksize-maximum=65536", "blocksize-error-policy=error");
    open_device(f);
    assert_int_equal(f->dev->most_blocks, 64);
    compare_at_random(f, 3);
}

static void a_volatile_cache_stands_on_it_like_on_any_device(void **state)
{
    struct fixture *f = *state;
    struct dev *upper;

    START(f, "memory", SIZE_ARG);
    open_device(f);
    assert_int_equal(dev_volatile_new(&f->alloc, f->dev, NULL, &upper), 0);
    memset(f->bytes, 4, WHOLE);
    assert_int_equal(dev_write(upper, 0, 8, f->bytes), 0);
    assert_int_equal(dev_flush(upper), 0);
    assert_int_equal(dev_write(upper, 8, 8, f->bytes), 0);
    dev_volatile_cut(upper, DEV_CUT_LOSE_ALL);
    dev_volatile_power_on(upper);
    assert_int_equal(dev_read(upper, 0, 16, f->back), 0);
    assert_int_equal(f->back[7 * DEV_BLOCK_BYTES], 4);
    assert_int_equal(f->back[8 * DEV_BLOCK_BYTES], 0);
    dev_destroy(upper);
}

static void faults_and_records_stand_on_it_like_on_any_device(void **state)
{
    struct fixture *f = *state;
    struct dev_faults faults = {.error = -ENOSPC, .tear = DEV_TEAR_SHORT, .seed = 1};
    struct dev *recorder;
    struct dev *upper;
    struct dev *copy;

    START(f, "memory", SIZE_ARG);
    open_device(f);
    assert_int_equal(
        dev_recorder_new(&f->alloc, f->dev, &(struct dev_recorder_options){true}, &recorder), 0);
    assert_int_equal(dev_faulty_new(&f->alloc, recorder, &faults, &upper), 0);
    assert_int_equal(dev_ram_new(&f->alloc, WHOLE, &copy), 0);
    memset(f->bytes, 6, WHOLE);
    assert_int_equal(dev_write(upper, 0, 8, f->bytes), 0);
    faults.seen[DEV_WRITE] = 0;
    faults.fail_at[DEV_WRITE] = 1;
    assert_int_equal(dev_write(upper, 8, 64, f->bytes),
                     -ENOSPC); /* the first sectors of it are there */
    assert_int_equal(dev_flush(upper), 0);
    assert_int_equal(dev_read(upper, 0, 72, f->back), 0);
    assert_int_equal(f->back[8 * DEV_BLOCK_BYTES], 6);
    assert_int_equal(f->back[72 * DEV_BLOCK_BYTES - 1], 0);
    for (uint64_t i = 0; i < dev_recorder_count(recorder); i++)
        assert_int_equal(dev_recorder_apply(recorder, i, copy), 0);
    assert_int_equal(dev_read(copy, 0, 72, f->bytes), 0);
    assert_memory_equal(f->bytes, f->back, 72 * DEV_BLOCK_BYTES);
    dev_destroy(upper);
    dev_destroy(recorder);
    dev_destroy(copy);
}

/* ---- errors ---- */

static void an_error_of_the_server_is_that_request_s(void **state)
{
    struct fixture *f = *state;

    START(f, "--filter=error", "memory", SIZE_ARG, "error-pwrite=ENOSPC", "error-pwrite-rate=100%",
          "error-pread=EIO", "error-pread-rate=0%");
    open_device(f);
    memset(f->bytes, 1, WHOLE);
    assert_int_equal(dev_write(f->dev, 0, 4, f->bytes), -ENOSPC);
    assert_int_equal(dev_read(f->dev, 0, 4, f->back), 0);
    assert_int_equal(f->back[0], 0);
    assert_int_equal(dev_write(f->dev, 0, 4, f->bytes), -ENOSPC);
}

static void a_read_only_export_is_a_read_only_device(void **state)
{
    struct fixture *f = *state;

    START(f, "-r", "memory", SIZE_ARG);
    open_device(f);
    assert_true(f->dev->read_only);
    assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), -EROFS);
    assert_int_equal(dev_read(f->dev, 0, 1, f->back), 0);
    assert_int_equal(dev_flush(f->dev), 0);
}

static void assert_all_fail(struct fixture *f)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(dev_read(f->dev, 0, 1, f->back), -EIO);
        assert_int_equal(dev_write(f->dev, 0, 1, f->bytes), -EIO);
        assert_int_equal(dev_zero(f->dev, 0, 1), -EIO);
        assert_int_equal(dev_flush(f->dev), -EIO);
    }
}

/* Returns when no thread of the server runs any more. */
static void freeze_server(struct fixture *f)
{
    int status;

    assert_int_equal(kill(f->server, SIGSTOP), 0);
    assert_int_equal(waitpid(f->server, &status, WUNTRACED), f->server);
    assert_true(WIFSTOPPED(status));
}

/* With SIGPIPE as it is by default: it would end the test. */
static void after_the_server_has_died_everything_is_eio(void **state)
{
    struct fixture *f = *state;

    START(f, "memory", SIZE_ARG);
    open_device(f);
    assert_int_equal(dev_write(f->dev, 0, 4, f->bytes), 0);
    stop_server(f);
    assert_all_fail(f);
}

/* A child kills the server while the request is on its way. */
static void a_server_that_dies_in_the_middle_of_a_request_is_eio(void **state)
{
    struct fixture *f = *state;
    pid_t killer;

    START(f, "--filter=delay", "memory", SIZE_ARG, "delay-read=20");
    open_device(f);
    killer = fork();
    assert_true(killer >= 0);
    if (killer == 0) {
        sleep_ms(100);
        kill(f->server, SIGKILL);
        _exit(0);
    }
    assert_int_equal(dev_read(f->dev, 0, 4, f->back), -EIO);
    assert_int_equal(waitpid(killer, NULL, 0), killer);
    assert_all_fail(f);
}

static void a_server_that_stands_still_is_eio_in_the_end(void **state)
{
    struct fixture *f = *state;

    START(f, "memory", SIZE_ARG);
    assert_int_equal(dev_nbd_open_within(&f->alloc, f->uri, 2000, &f->dev), 0);
    freeze_server(f);
    assert_int_equal(dev_read(f->dev, 0, 4, f->back), -EIO);
    assert_int_equal(kill(f->server, SIGCONT), 0);
    assert_all_fail(f); /* the connection was given up */
}

static void a_server_that_stands_still_cannot_be_opened(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    START(f, "memory", SIZE_ARG);
    freeze_server(f);
    assert_int_equal(dev_nbd_open_within(&f->alloc, f->uri, 200, &dev), -EIO);
}

static void what_cannot_be_opened_says_why(void **state)
{
    struct fixture *f = *state;
    struct dev *dev;

    assert_int_equal(dev_nbd_open(&f->alloc, f->uri, &dev), -ENOENT);
    assert_int_equal(dev_nbd_open(&f->alloc, "ftp://localhost/", &dev), -EINVAL);
    assert_true(dev_nbd_open(&f->alloc, "", &dev) < 0);
    START(f, "memory", "1025");
    assert_int_equal(dev_nbd_open(&f->alloc, f->uri, &dev), -EINVAL);
    stop_server(f);
    assert_int_equal(dev_nbd_open(&f->alloc, f->uri, &dev), -ECONNREFUSED);
    unlink(f->socket);
    START(f, "--filter=blocksize-policy", "memory", SIZE_ARG, "blocksize-minimum=4096",
          "blocksize-preferred=4096");
    assert_int_equal(dev_nbd_open(&f->alloc, f->uri, &dev), -EINVAL);
    f->alloc.fail_at = f->alloc.calls + 1;
    assert_int_equal(dev_nbd_open(&f->alloc, f->uri, &dev), -ENOMEM);
}

/* Both must be there for the tests to mean anything. */
static bool can_test(void)
{
    struct alloc alloc = {0};
    struct dev *dev;

    if (system("nbdkit --version >/dev/null 2>&1") != 0) {
        fprintf(stderr, "SKIPPED: nbdkit is not installed\n");
        return false;
    }
    if (dev_nbd_open(&alloc, "nbd+unix:///?socket=/nowhere/socket", &dev) == -ENOTSUP) {
        fprintf(stderr, "SKIPPED: built without libnbd, or it is not installed\n");
        return false;
    }
    return true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_was_written_is_read_by_the_next_connection),
        TEST(random_requests_do_what_they_say),
        TEST(a_server_that_can_little_gets_what_it_can),
        TEST(a_server_without_a_flush_needs_none),
        TEST(fua_is_a_flush_where_the_server_has_only_that),
        TEST(a_server_with_small_requests_gets_small_ones),
        TEST(a_volatile_cache_stands_on_it_like_on_any_device),
        TEST(faults_and_records_stand_on_it_like_on_any_device),
        TEST(an_error_of_the_server_is_that_request_s),
        TEST(a_read_only_export_is_a_read_only_device),
        TEST(after_the_server_has_died_everything_is_eio),
        TEST(a_server_that_dies_in_the_middle_of_a_request_is_eio),
        TEST(a_server_that_stands_still_is_eio_in_the_end),
        TEST(a_server_that_stands_still_cannot_be_opened),
        TEST(what_cannot_be_opened_says_why),
    };

    if (!can_test())
        return 77; /* ctest shows it as skipped */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
