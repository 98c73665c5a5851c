/*
 * Random work on a few files against plain arrays of bytes, with and without a device that fails
 * now and then.
 */
#include "base/prng.h"
#include "rig.h"

#define FILES     4u
#define MAX_BYTES (40u * (uint32_t)PAGE_BYTES)
#define STEPS     1500u

struct model_file {
    struct file_map *map; /* NULL: closed */
    uint64_t bytes;
    bool exists;
    uint8_t data[MAX_BYTES];
};

struct model {
    struct rig rig;
    struct prng prng;
    struct model_file files[FILES];
    uint8_t buffer[MAX_BYTES];
    bool faulty;
};

static const char *const paths[FILES] = {"/a", "/dir/b", "/dir/c", "/dir/deeper/d"};

/* Errors that a device which fails now and then may cause. */
static void expect_io_error(const struct model *m, int64_t err)
{
    assert_true(m->faulty);
    assert_int_equal(err, -EIO);
}

static struct model_file *some_file(struct model *m)
{
    return &m->files[prng_below(&m->prng, FILES)];
}

/* Opening and creating is done in peace: the tests of fs break it. */
static void file_open(struct model *m, struct model_file *f)
{
    struct dev_faults faults = m->rig.faults;

    rig_fail(&m->rig, DEV_READ, 0, false);
    if (f->map == NULL)
        f->map = rig_open(&m->rig, paths[f - m->files]);
    f->exists = true;
    m->rig.faults = faults;
    assert_int_equal(file_map_bytes(f->map), f->bytes);
}

static void file_close(struct model_file *f)
{
    if (f->map != NULL)
        file_map_put(f->map);
    f->map = NULL;
}

static void do_write(struct model *m, struct model_file *f)
{
    uint64_t offset = prng_below(&m->prng, MAX_BYTES);
    uint64_t count = prng_below(&m->prng, prng_below(&m->prng, 4) == 0 ? MAX_BYTES : 6000);
    int64_t moved;

    if (count > MAX_BYTES - offset)
        count = MAX_BYTES - offset;
    for (uint64_t i = 0; i < count; i++)
        m->buffer[i] = (uint8_t)prng_next(&m->prng);
    moved = cache_write(f->map, offset, m->buffer, count);
    if (moved < 0)
        expect_io_error(m, moved);
    if (moved <= 0)
        return;
    assert_true(m->faulty || (uint64_t)moved == count);
    memcpy(f->data + offset, m->buffer, (uint64_t)moved);
    if (offset + (uint64_t)moved > f->bytes)
        f->bytes = offset + (uint64_t)moved;
}

static void do_read(struct model *m, struct model_file *f)
{
    uint64_t offset = prng_below(&m->prng, MAX_BYTES);
    uint64_t count = prng_below(&m->prng, MAX_BYTES);
    uint64_t expected = offset >= f->bytes ? 0 : f->bytes - offset;
    int64_t moved = cache_read(f->map, offset, m->buffer, count);

    if (expected > count)
        expected = count;
    if (moved < 0)
        expect_io_error(m, moved);
    else
        assert_true((uint64_t)moved == expected || (m->faulty && (uint64_t)moved < expected));
    if (moved > 0)
        assert_memory_equal(m->buffer, f->data + offset, (uint64_t)moved);
}

static void do_truncate(struct model *m, struct model_file *f)
{
    uint64_t bytes = prng_below(&m->prng, MAX_BYTES);
    int err = cache_truncate(f->map, bytes);

    if (err != 0) {
        expect_io_error(m, err);
        return;
    }
    if (bytes < f->bytes)
        memset(f->data + bytes, 0, f->bytes - bytes);
    f->bytes = bytes;
}

/*
 * A store through a mapping, anywhere in a page, also past the end of the file (where it does not
 * count).
 */
static void do_store(struct model *m, struct model_file *f)
{
    uint64_t offset = prng_below(&m->prng, MAX_BYTES);
    uint8_t value = (uint8_t)prng_next(&m->prng);
    struct frame *frame;
    int err;

    if (page_floor(offset) >= f->bytes)
        return;
    err = cache_page(f->map, offset >> PAGE_SHIFT, &frame, NULL);
    if (err == 0)
        err = cache_dirty(f->map, offset >> PAGE_SHIFT);
    if (err != 0) {
        expect_io_error(m, err);
        return;
    }
    frame_bytes(&m->rig.frames, frame)[offset & PAGE_MASK] = value;
    if (offset < f->bytes)
        f->data[offset] = value;
}

static void do_writeback(struct model *m, struct model_file *f)
{
    uint64_t first = prng_below(&m->prng, 30);
    int err = cache_writeback(f->map, first, first + prng_below(&m->prng, 30));

    if (err != 0)
        expect_io_error(m, err);
}

static void do_unlink(struct model *m, struct model_file *f)
{
    int err;

    if (!f->exists)
        return;
    file_close(f);
    err = cache_unlink(&m->rig.cache, paths[f - m->files]);
    if (err != 0) {
        expect_io_error(m, err);
        return;
    }
    f->exists = false;
    f->bytes = 0;
    memset(f->data, 0, sizeof(f->data));
}

static void do_restart(struct model *m)
{
    rig_fail(&m->rig, DEV_READ, 0, false);
    for (unsigned i = 0; i < FILES; i++)
        file_close(&m->files[i]);
    rig_restart(&m->rig);
}

static void do_step(struct model *m)
{
    struct model_file *f = some_file(m);
    uint64_t choice = prng_below(&m->prng, 100);

    if (m->faulty)
        rig_fail(&m->rig, (enum dev_request)prng_below(&m->prng, DEV_REQUESTS),
                 prng_below(&m->prng, 3), false);
    if (choice == 0) {
        do_restart(m);
    } else if (choice < 3) {
        do_unlink(m, f);
    } else if (choice < 6) {
        file_close(f);
    } else if (choice < 9) {
        int err = cache_sync(&m->rig.cache);

        if (err != 0)
            expect_io_error(m, err);
    } else if (choice < 12) {
        cache_shrink(&m->rig.cache, prng_below(&m->prng, 50));
    } else {
        static void (*const steps[])(struct model *, struct model_file *) = {
            do_write, do_read, do_truncate, do_store, do_store, do_writeback};

        file_open(m, f);
        steps[choice % (sizeof(steps) / sizeof(steps[0]))](m, f);
    }
}

static void run(uint64_t seed, bool faulty)
{
    struct model *m = test_calloc(1, sizeof(*m));

    m->faulty = faulty;
    prng_seed(&m->prng, seed);
    rig_up(&m->rig, RIG_FRAMES); /* fewer than the files together need */
    for (unsigned step = 0; step < STEPS; step++) {
        do_step(m);
        assert_true(cache_check(&m->rig.cache));
        if (step % 64 == 0) {
            rig_fail(&m->rig, DEV_READ, 0, false);
            assert_true(volume_check(m->rig.volume));
        }
    }
    do_restart(m);
    for (unsigned i = 0; i < FILES; i++) {
        file_open(m, &m->files[i]);
        assert_int_equal(cache_read(m->files[i].map, 0, m->buffer, MAX_BYTES), m->files[i].bytes);
        assert_memory_equal(m->buffer, m->files[i].data, m->files[i].bytes);
        file_close(&m->files[i]);
    }
    rig_down(&m->rig);
    test_free(m);
}

static void files_hold_what_was_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        run(seed, false);
}

static void files_hold_what_was_written_also_when_the_device_fails_now_and_then(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_hold_what_was_written),
        cmocka_unit_test(files_hold_what_was_written_also_when_the_device_fails_now_and_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
