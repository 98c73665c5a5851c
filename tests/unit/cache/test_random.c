/*
 * Random work on a few files against plain arrays of bytes: in peace, on a device that fails now and
 * then, and with the power cut now and then. Beside what a file holds, the model keeps what of it is
 * durable: that must be there after a cut, and nothing that was never written.
 */
#include "base/prng.h"
#include "rig.h"

#define FILES     4u
#define MAX_BYTES (40u * (uint32_t)PAGE_BYTES)
#define STEPS     1500u

struct model_file {
    struct file_map *map; /* NULL: closed */
    struct cache_readahead ra;
    uint64_t bytes;
    bool exists;
    uint8_t data[MAX_BYTES];
    uint32_t seen; /* error cursor */

    /* What is durable, and how often each byte was changed since (2: more than once). */
    uint64_t durable_bytes;
    bool durable_exists;
    bool size_touched;
    bool name_touched;
    uint8_t durable[MAX_BYTES];
    uint8_t touched[MAX_BYTES];
};

struct model {
    struct rig rig;
    struct prng prng;
    struct model_file files[FILES];
    uint8_t buffer[MAX_BYTES];
    bool faulty;
    bool cuts;
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

/* ---- the model ---- */

static void touch(struct model_file *f, uint64_t start, uint64_t end)
{
    for (uint64_t i = start; i < end && i < MAX_BYTES; i++)
        if (f->touched[i] < 2)
            f->touched[i]++;
}

static void resize(struct model_file *f, uint64_t bytes)
{
    uint64_t low = bytes < f->bytes ? bytes : f->bytes;
    uint64_t high = bytes < f->bytes ? f->bytes : bytes;

    touch(f, low, high);
    memset(f->data + low, 0, high - low);
    f->size_touched |= bytes != f->bytes;
    f->bytes = bytes;
}

static void replace(struct model_file *f, uint64_t offset, const uint8_t *bytes, uint64_t count)
{
    if (offset + count > f->bytes)
        resize(f, offset + count);
    touch(f, offset, offset + count);
    memcpy(f->data + offset, bytes, count);
}

/* Names go with any sync of the volume, contents only with a sync of their file. */
static void names_are_durable(struct model *m)
{
    for (unsigned i = 0; i < FILES; i++) {
        m->files[i].durable_exists = m->files[i].exists;
        m->files[i].name_touched = false;
    }
}

static void content_is_durable(struct model_file *f)
{
    memcpy(f->durable, f->data, MAX_BYTES);
    memset(f->touched, 0, sizeof(f->touched));
    f->durable_bytes = f->bytes;
    f->size_touched = false;
}

static void all_is_durable(struct model *m)
{
    names_are_durable(m);
    for (unsigned i = 0; i < FILES; i++)
        content_is_durable(&m->files[i]);
}

/* ---- opening and closing ---- */

/* Opening and creating is done in peace: the tests of fs break it. */
static void file_open(struct model *m, struct model_file *f)
{
    struct dev_faults faults = m->rig.faults;

    rig_fail(&m->rig, DEV_READ, 0, false);
    if (f->map == NULL) {
        f->map = rig_open(&m->rig, paths[f - m->files]);
        f->seen = errseq_sample(&f->map->error);
        cache_readahead_init(&f->ra, &m->rig.cache);
    }
    if (!f->exists) {
        f->name_touched = true;
        f->size_touched = true;
        memset(f->touched, 2, sizeof(f->touched));
    }
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

/* ---- steps on an open file ---- */

static void fill_buffer(struct model *m, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        m->buffer[i] = (uint8_t)prng_next(&m->prng);
}

/* What a write of either kind moved has happened. */
static void note_write(struct model *m, struct model_file *f, uint64_t offset, uint64_t count,
                       int64_t moved)
{
    if (moved < 0)
        expect_io_error(m, moved);
    if (moved <= 0) {
        if (count > 0) /* a part may have reached the device */
            touch(f, offset, offset + count);
        return;
    }
    assert_true(m->faulty || (uint64_t)moved == count);
    replace(f, offset, m->buffer, (uint64_t)moved);
    touch(f, offset, offset + count);
}

static void do_write(struct model *m, struct model_file *f)
{
    uint64_t offset = prng_below(&m->prng, MAX_BYTES);
    uint64_t count = prng_below(&m->prng, prng_below(&m->prng, 4) == 0 ? MAX_BYTES : 6000);

    if (count > MAX_BYTES - offset)
        count = MAX_BYTES - offset;
    fill_buffer(m, count);
    note_write(m, f, offset, count, cache_write(f->map, offset, m->buffer, count));
}

/*
 * A direct write that failed may have reached any of its sectors, of which the file keeps what is
 * not cached.
 */
static void adopt_part(struct model *m, struct model_file *f, uint64_t offset, uint64_t count)
{
    uint8_t *now = test_malloc(MAX_BYTES);

    rig_fail(&m->rig, DEV_READ, 0, false);
    assert_int_equal(cache_read(f->map, NULL, 0, now, MAX_BYTES), f->bytes);
    for (uint64_t i = offset; i < offset + count && i < f->bytes; i++) {
        assert_true(now[i] == f->data[i] || now[i] == m->buffer[i - offset]);
        f->data[i] = now[i];
    }
    test_free(now);
}

static void do_direct_write(struct model *m, struct model_file *f)
{
    int64_t moved;

    uint64_t offset = prng_below(&m->prng, MAX_BYTES) & ~(uint64_t)511;
    uint64_t count = prng_below(&m->prng, 30000) & ~(uint64_t)511;

    if (count > MAX_BYTES - offset)
        count = MAX_BYTES - offset;
    fill_buffer(m, count);
    moved = cache_direct_write(f->map, offset, m->buffer, count);
    note_write(m, f, offset, count, moved);
    if (moved < (int64_t)count)
        adopt_part(m, f, offset, count);
}

static void check_read(struct model *m, struct model_file *f, uint64_t offset, uint64_t count,
                       int64_t moved)
{
    uint64_t expected = offset >= f->bytes ? 0 : f->bytes - offset;

    if (expected > count)
        expected = count;
    if (moved < 0)
        expect_io_error(m, moved);
    else
        assert_true((uint64_t)moved == expected || (m->faulty && (uint64_t)moved < expected));
    if (moved > 0)
        assert_memory_equal(m->buffer, f->data + offset, (uint64_t)moved);
}

static void do_read(struct model *m, struct model_file *f)
{
    uint64_t offset = prng_below(&m->prng, MAX_BYTES);
    uint64_t count = prng_below(&m->prng, MAX_BYTES);
    struct cache_readahead *ra = prng_below(&m->prng, 4) == 0 ? NULL : &f->ra;

    check_read(m, f, offset, count, cache_read(f->map, ra, offset, m->buffer, count));
}

static void do_direct_read(struct model *m, struct model_file *f)
{
    uint64_t offset = prng_below(&m->prng, MAX_BYTES) & ~(uint64_t)511;
    uint64_t count = prng_below(&m->prng, MAX_BYTES) & ~(uint64_t)511;

    check_read(m, f, offset, count, cache_direct_read(f->map, offset, m->buffer, count));
}

static void do_truncate(struct model *m, struct model_file *f)
{
    uint64_t bytes = prng_below(&m->prng, MAX_BYTES);
    int err = cache_truncate(f->map, bytes);

    if (err != 0)
        expect_io_error(m, err);
    else
        resize(f, bytes);
}

static void do_punch(struct model *m, struct model_file *f)
{
    uint64_t start = prng_below(&m->prng, MAX_BYTES);
    uint64_t end = start + prng_below(&m->prng, 40000);
    int err = cache_punch(f->map, start, end);

    if (end > f->bytes)
        end = f->bytes;
    if (err != 0) {
        expect_io_error(m, err);
    } else if (start < end) {
        touch(f, start, end);
        memset(f->data + start, 0, end - start);
    }
}

static void do_allocate(struct model *m, struct model_file *f)
{
    uint64_t start = prng_below(&m->prng, MAX_BYTES);
    uint64_t end = start + 1 + prng_below(&m->prng, MAX_BYTES - start);
    bool keep_size = prng_below(&m->prng, 2) == 0;
    int err = cache_allocate(f->map, start, end, keep_size);

    if (err != 0)
        expect_io_error(m, err);
    else if (!keep_size && end > f->bytes)
        resize(f, end);
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
    cache_fault_ahead(f->map, &f->ra, offset >> PAGE_SHIFT, CACHE_ADVICE_NORMAL);
    err = cache_page(f->map, offset >> PAGE_SHIFT, &frame, NULL);
    if (err == 0)
        err = cache_dirty(f->map, offset >> PAGE_SHIFT);
    if (err != 0) {
        expect_io_error(m, err);
        return;
    }
    frame_bytes(&m->rig.frames, frame)[offset & PAGE_MASK] = value;
    if (offset < f->bytes)
        replace(f, offset, &value, 1);
}

static void do_write_range(struct model *m, struct model_file *f)
{
    uint64_t first = prng_below(&m->prng, 30);
    uint64_t end = first + prng_below(&m->prng, 30);
    bool wait = prng_below(&m->prng, 2) == 0;
    int err = cache_write_range(f->map, first, end, wait ? CACHE_ALL : CACHE_NONE_WAIT,
                                prng_below(&m->prng, 8) == 0);

    if (err != 0)
        expect_io_error(m, err);
    if (prng_below(&m->prng, 4) == 0)
        cache_wait_range(f->map, first, end);
}

static void do_fsync(struct model *m, struct model_file *f)
{
    int err = cache_fsync(f->map, 0, UINT64_MAX, &f->seen, 0);

    if (err != 0) {
        expect_io_error(m, err);
        return;
    }
    names_are_durable(m);
    content_is_durable(f);
}

static void do_invalidate(struct model *m, struct model_file *f)
{
    uint64_t first = prng_below(&m->prng, 30);

    cache_invalidate(f->map, first, first + prng_below(&m->prng, 30));
}

/* ---- steps on all ---- */

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
    f->name_touched = true;
    f->size_touched = true;
    f->bytes = 0;
    memset(f->touched, 2, sizeof(f->touched));
    memset(f->data, 0, sizeof(f->data));
}

static void do_sync(struct model *m)
{
    int err = cache_sync(&m->rig.cache);

    if (err != 0)
        expect_io_error(m, err);
    else
        all_is_durable(m);
}

static void close_all(struct model *m)
{
    for (unsigned i = 0; i < FILES; i++)
        file_close(&m->files[i]);
}

static void do_restart(struct model *m)
{
    rig_fail(&m->rig, DEV_READ, 0, false);
    close_all(m);
    rig_restart(&m->rig);
    all_is_durable(m);
}

/* ---- power cuts ---- */

/* Byte i is what was durable, or if it was touched what it was changed to. */
static bool may_be(const struct model_file *f, uint64_t i, uint8_t byte)
{
    if (f->touched[i] == 0)
        return byte == f->durable[i];
    return f->touched[i] > 1 || byte == f->durable[i] || byte == f->data[i] || byte == 0;
}

/* What the disk has of a file after a cut, which is what the model goes on with. */
static void file_after_cut(struct model *m, struct model_file *f)
{
    struct inode *inode;
    int err = inode_open(m->rig.volume, paths[f - m->files], &inode);

    assert_true(err == 0 || err == -ENOENT);
    if (!f->name_touched)
        assert_int_equal(err == 0, f->durable_exists);
    f->exists = err == 0;
    f->bytes = err == 0 ? inode_bytes(inode) : 0;
    memset(m->buffer, 0, sizeof(m->buffer));
    assert_true(f->bytes <= MAX_BYTES);
    if (err == 0) {
        assert_int_equal(
            inode_read_pages(inode, 0, MAX_BYTES / (uint32_t)PAGE_BYTES, m->buffer, NULL), 0);
        inode_put(inode);
    }
    if (!f->size_touched)
        assert_int_equal(f->bytes, f->durable_bytes);
    for (uint64_t i = 0; i < f->bytes; i++)
        if (!may_be(f, i, m->buffer[i]))
            fail_msg("%s: byte %llu is %u, was %u and then %u", paths[f - m->files],
                     (unsigned long long)i, m->buffer[i], f->durable[i], f->data[i]);
    memcpy(f->data, m->buffer, MAX_BYTES);
}

static void do_cut(struct model *m)
{
    uint64_t seed = prng_below(&m->prng, 4) == 0 ? DEV_CUT_LOSE_ALL : prng_next(&m->prng);

    close_all(m);
    rig_power_cut_with(&m->rig, seed);
    for (unsigned i = 0; i < FILES; i++)
        file_after_cut(m, &m->files[i]);
    all_is_durable(m);
    assert_true(volume_check(m->rig.volume));
}

/* ---- the walk ---- */

static void do_step(struct model *m)
{
    static void (*const steps[])(struct model *, struct model_file *) = {
        do_write,       do_write,    do_read,  do_read,        do_direct_write,
        do_direct_read, do_truncate, do_punch, do_store,       do_store,
        do_store,       do_allocate, do_fsync, do_write_range, do_invalidate};
    struct model_file *f = some_file(m);
    uint64_t choice = prng_below(&m->prng, 100);

    if (m->faulty)
        rig_fail(&m->rig, (enum dev_request)prng_below(&m->prng, DEV_REQUESTS),
                 prng_below(&m->prng, 3), false);
    if (choice == 0) {
        m->cuts ? do_cut(m) : do_restart(m);
    } else if (choice < 3) {
        do_unlink(m, f);
    } else if (choice < 6) {
        file_close(f);
    } else if (choice < 8) {
        do_sync(m);
    } else if (choice < 10) {
        cache_shrink(&m->rig.cache, prng_below(&m->prng, 50));
    } else if (choice < 20) {
        rig_advance(&m->rig, prng_below(&m->prng, 10000) * RIG_MS);
    } else {
        file_open(m, f);
        steps[prng_below(&m->prng, sizeof(steps) / sizeof(steps[0]))](m, f);
        cache_tick(&m->rig.cache);
    }
}

/* The hash of all events, by which two runs are compared. */
static uint64_t run(uint64_t seed, bool faulty, bool cuts)
{
    struct model *m = test_calloc(1, sizeof(*m));
    struct rig_options options = {.policy = cache_policy_linux(), .slow = true};
    uint64_t hash;

    m->faulty = faulty;
    m->cuts = cuts;
    options.write_cache = cuts;
    options.disk_bytes = cuts ? (uint64_t)32 << 20 : 0; /* room for a journal */
    prng_seed(&m->prng, seed);
    rig_up_with(&m->rig, &options); /* fewer frames than the files together need */
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
        assert_int_equal(cache_read(m->files[i].map, NULL, 0, m->buffer, MAX_BYTES),
                         m->files[i].bytes);
        assert_memory_equal(m->buffer, m->files[i].data, m->files[i].bytes);
        file_close(&m->files[i]);
    }
    hash = m->rig.hash;
    rig_down(&m->rig);
    test_free(m);
    return hash;
}

static void files_hold_what_was_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        run(seed, false, false);
}

static void files_hold_what_was_written_also_when_the_device_fails_now_and_then(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed, true, false);
}

static void what_is_durable_survives_power_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed, false, true);
}

static void the_same_work_gives_the_same_events_at_the_same_times(void **state)
{
    (void)state;
    assert_true(run(9, true, false) == run(9, true, false));
    assert_true(run(9, false, false) != run(10, false, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_hold_what_was_written),
        cmocka_unit_test(files_hold_what_was_written_also_when_the_device_fails_now_and_then),
        cmocka_unit_test(what_is_durable_survives_power_cuts),
        cmocka_unit_test(the_same_work_gives_the_same_events_at_the_same_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
