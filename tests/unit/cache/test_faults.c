/*
 * One session that uses everything, with every request of the disk and every allocation failing in
 * turn: nothing breaks, what was acknowledged is there, each who has the file open learns of lost
 * writes, and when the fault is over everything can be written.
 */
#include "rig.h"

#define PAGES 24u
#define BYTES (PAGES * PAGE_BYTES)

/* What a fault may make of a call. */
static bool is_fault(int64_t err)
{
    return err == -EIO || err == -ENOMEM || err == -ENOSPC;
}

struct session {
    struct rig rig;
    struct file_map *map;
    struct cache_readahead ra;
    uint8_t data[BYTES]; /* what the file holds, as far as calls succeeded */
    bool known[BYTES];   /* false: a call that failed may have changed it */
    uint32_t seen;
    uint32_t other_seen; /* of one who only asks at the end */
    bool failed;         /* some call has reported the fault */
    bool told;           /* some fsync has */
};

static void note(struct session *s, int64_t result)
{
    if (result < 0) {
        assert_true(is_fault(result));
        s->failed = true;
    }
}

static void session_up(struct session *s)
{
    struct rig_options options = {.policy = cache_policy_linux(), .slow = true};

    memset(s, 0, sizeof(*s));
    rig_up_with(&s->rig, &options);
    s->map = rig_open(&s->rig, "/file");
    rig_write_pattern(s->map, 0, BYTES, 1);
    for (uint64_t i = 0; i < BYTES; i++)
        s->data[i] = (uint8_t)(i * 31 + 1);
    memset(s->known, true, sizeof(s->known));
    assert_int_equal(cache_sync(&s->rig.cache), 0);
    cache_drop_clean(&s->rig.cache);
    cache_readahead_init(&s->ra, &s->rig.cache);
    s->seen = errseq_sample(&s->map->error);
    s->other_seen = s->seen;
}

/* ---- steps of the session ---- */

static void written(struct session *s, uint64_t offset, const uint8_t *bytes, uint64_t count,
                    int64_t moved)
{
    note(s, moved);
    if (moved > 0)
        memcpy(s->data + offset, bytes, (uint64_t)moved);
    for (uint64_t i = moved > 0 ? (uint64_t)moved : 0; i < count; i++)
        s->known[offset + i] = false;
}

static void step_write(struct session *s)
{
    uint8_t bytes[3 * PAGE_BYTES];

    memset(bytes, 0x11, sizeof(bytes));
    written(s, 100, bytes, sizeof(bytes), cache_write(s->map, 100, bytes, sizeof(bytes)));
}

static void step_direct(struct session *s)
{
    uint8_t bytes[2 * PAGE_BYTES];

    memset(bytes, 0x22, sizeof(bytes));
    written(s, 5 * PAGE_BYTES + 512, bytes, sizeof(bytes),
            cache_direct_write(s->map, 5 * PAGE_BYTES + 512, bytes, sizeof(bytes)));
    note(s, cache_direct_read(s->map, 5 * PAGE_BYTES, bytes, sizeof(bytes)));
}

static void step_store(struct session *s)
{
    struct frame *frame;
    int err;

    cache_fault_ahead(s->map, &s->ra, 12, CACHE_ADVICE_NORMAL);
    err = cache_page(s->map, 12, &frame, NULL);
    if (err == 0)
        err = cache_dirty(s->map, 12);
    note(s, err);
    if (err != 0)
        return;
    frame_bytes(&s->rig.frames, frame)[7] = 0x33;
    s->data[12 * PAGE_BYTES + 7] = 0x33;
}

static void step_background(struct session *s)
{
    note(s, cache_write_range(s->map, 0, UINT64_MAX, CACHE_NONE_WAIT, false));
    rig_advance(&s->rig, 100 * RIG_MS);
    rig_advance(&s->rig, 40000 * RIG_MS);
    rig_advance(&s->rig, 100 * RIG_MS);
}

static void step_punch(struct session *s)
{
    uint64_t start = 8 * PAGE_BYTES - 9;
    uint64_t end = 11 * PAGE_BYTES + 9;
    int err = cache_punch(s->map, start, end);

    note(s, err);
    if (err == 0) {
        memset(s->data + start, 0, end - start);
        memset(s->known + start, true, end - start);
    }
}

static void step_truncate(struct session *s)
{
    uint64_t cut = 20 * PAGE_BYTES + 50;
    int err = cache_truncate(s->map, cut);

    note(s, err);
    if (err == 0)
        memset(s->data + cut, 0, BYTES - cut);
    err = cache_allocate(s->map, 21 * PAGE_BYTES, BYTES, false);
    note(s, err);
    if (file_map_bytes(s->map) < BYTES)
        note(s, cache_truncate(s->map, BYTES));
}

static void step_read(struct session *s)
{
    uint8_t *bytes = test_malloc(BYTES);
    int64_t moved = cache_read(s->map, &s->ra, 0, bytes, BYTES);

    note(s, moved);
    for (int64_t i = 0; i < moved; i++)
        if (s->known[i] && bytes[i] != s->data[i])
            fail_msg("byte %lld is %u, not %u", (long long)i, bytes[i], s->data[i]);
    test_free(bytes);
}

static void step_fsync(struct session *s)
{
    int err = cache_fsync(s->map, 0, UINT64_MAX, &s->seen, CACHE_DATA_ONLY);

    note(s, err);
    s->told |= err != 0;
}

static void session_run(struct session *s)
{
    static void (*const steps[])(struct session *) = {
        step_write, step_store, step_background, step_fsync,    step_direct, step_punch, step_write,
        step_fsync, step_store, step_read,       step_truncate, step_store,  step_fsync, step_read};

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        steps[i](s);
        assert_true(cache_check(&s->rig.cache));
    }
}

/* The fault is over: what calls made of the file is written, and there after a power cut. */
static void session_end(struct session *s)
{
    uint8_t *bytes = test_malloc(BYTES);
    bool lost_writes = s->rig.cache.counters.write_errors > 0;

    rig_fail(&s->rig, DEV_READ, 0, false);
    s->rig.alloc.fail_at = 0;
    /* An error of a write is told to both, once: the one who asked all the time knows it by now. */
    assert_int_equal(cache_fsync(s->map, 0, UINT64_MAX, &s->seen, 0), 0);
    assert_int_equal(cache_check_error(s->map, &s->other_seen) != 0, lost_writes);
    assert_int_equal(cache_fsync(s->map, 0, UINT64_MAX, &s->other_seen, 0), 0);
    assert_true(!lost_writes || s->told || s->failed);
    assert_int_equal(s->rig.cache.dirty_pages, 0);
    file_map_put(s->map);
    assert_int_equal(cache_sync(&s->rig.cache), 0);
    rig_power_cut(&s->rig);
    s->map = rig_open(&s->rig, "/file");
    step_read(s);
    file_map_put(s->map);
    rig_down(&s->rig);
    test_free(bytes);
}

static void each_request_of_the_disk_may_fail(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < DEV_REQUESTS; kind++) {
        bool reached = true;

        for (uint64_t n = 1; reached; n++) {
            struct session *s = test_malloc(sizeof(*s));

            session_up(s);
            rig_fail(&s->rig, (enum dev_request)kind, n, false);
            session_run(s);
            reached = s->rig.faults.seen[kind] >= n;
            assert_true(reached || !s->failed);
            session_end(s);
            test_free(s);
        }
    }
}

static void each_request_of_the_disk_may_fail_and_all_after_it(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < DEV_REQUESTS; kind++) {
        bool reached = true;

        for (uint64_t n = 1; reached; n += 2) {
            struct session *s = test_malloc(sizeof(*s));
            struct dev_faults *faults;

            session_up(s);
            faults = &s->rig.faults;
            rig_fail(&s->rig, (enum dev_request)kind, n, true);
            session_run(s);
            reached = faults->seen[kind] >= n;
            rig_fail(&s->rig, DEV_READ, 0, false);
            step_fsync(s); /* the last news */
            session_end(s);
            test_free(s);
        }
    }
}

static void each_allocation_may_fail(void **state)
{
    bool reached = true;

    (void)state;
    for (uint64_t n = 1; reached; n++) {
        struct session *s = test_malloc(sizeof(*s));

        session_up(s);
        s->rig.alloc.fail_at = s->rig.alloc.calls + n;
        session_run(s);
        reached = s->rig.alloc.calls >= s->rig.alloc.fail_at;
        session_end(s);
        test_free(s);
    }
}

static void each_allocation_of_a_new_cache_may_fail(void **state)
{
    struct rig *r = test_malloc(sizeof(*r));
    struct cache cache;
    int err = -ENOMEM;

    (void)state;
    rig_up(r, RIG_FRAMES);
    for (uint64_t n = 1; err != 0; n++) {
        const struct cache_setup setup = {.alloc = &r->alloc,
                                          .frames = &r->frames,
                                          .bus = &r->bus,
                                          .clock = &r->clock,
                                          .volume = r->volume,
                                          .dev = r->dev,
                                          .policy = cache_policy_linux()};
        uint64_t live = r->alloc.live_blocks;

        r->alloc.fail_at = r->alloc.calls + n;
        err = cache_init(&cache, &setup);
        r->alloc.fail_at = 0;
        if (err != 0) {
            assert_int_equal(err, -ENOMEM);
            assert_int_equal(r->alloc.live_blocks, live);
        }
    }
    cache_destroy(&cache);
    rig_down(r);
    test_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_of_the_disk_may_fail),
        cmocka_unit_test(each_request_of_the_disk_may_fail_and_all_after_it),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(each_allocation_of_a_new_cache_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
