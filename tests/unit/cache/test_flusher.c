/* The flusher on the simulated clock: age, amount, pages that are being written, errors later. */
#include "rig.h"

#define SECOND ((uint64_t)1000000000)

/* Linux's policies, without readahead, on a slow disk. 256 frames: limits of 25 and 51 pages. */
static int set_up(void **state)
{
    struct rig *r = test_malloc(sizeof(*r));
    struct rig_options options = {.frames = 256,
                                  .disk_bytes = (uint64_t)8 << 20,
                                  .policy = cache_policy_linux(),
                                  .slow = true};

    options.policy.max_readahead_pages = 0;
    rig_up_with(r, &options);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;

    rig_down(r);
    test_free(r);
    return 0;
}

/* A map whose pages [0, pages) are on the device, in neighbouring blocks, clean. */
static struct file_map *clean_file(struct rig *r, const char *path, uint64_t pages)
{
    struct file_map *map = rig_open(r, path);

    for (uint64_t i = 0; i < pages; i++) {
        rig_write_pattern(map, i * PAGE_BYTES, PAGE_BYTES, (uint8_t)i);
        if (i % 16 == 15)
            assert_int_equal(cache_sync(&r->cache), 0);
    }
    assert_int_equal(cache_sync(&r->cache), 0);
    rig_clear(r);
    return map;
}

static void nothing_is_due_while_nothing_is_dirty(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);

    assert_int_equal(r->cache.dirty_pages, 0);
    cache_flusher_run(&r->cache);
    assert_true(r->cache.due_ns == UINT64_MAX);
    rig_advance(r, 1000 * SECOND);
    assert_int_equal(r->note_count, 0);
    file_map_put(map);
}

static void a_page_is_written_when_it_is_old_enough(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);

    rig_store(map, 5, 1);
    for (unsigned i = 0; i < 29; i++)
        rig_advance(r, SECOND);
    assert_true(rig_is_dirty(map, 0));
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 0);
    for (unsigned i = 0; i < 6; i++)
        rig_advance(r, SECOND);
    assert_false(rig_is_dirty(map, 0));
    assert_false(rig_is_writeback(map, 0));
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 1);
    assert_int_equal(r->events[MW_EVENT_BLOCK_FLUSH], 0); /* nobody asked for it to be durable */
    assert_int_equal(r->cache.counters.background, 1);
    file_map_put(map);
}

/* The oldest page counts, and takes the younger ones of its file along, but no other file's. */
static void a_file_is_as_old_as_its_oldest_dirty_page(void **state)
{
    struct rig *r = *state;
    struct file_map *old = clean_file(r, "/old", 4);
    struct file_map *young = clean_file(r, "/young", 4);

    rig_store(old, 0, 1);
    rig_advance(r, 25 * SECOND);
    rig_store(old, 2 * PAGE_BYTES, 1);
    rig_store(young, 0, 1);
    rig_advance(r, 6 * SECOND);
    rig_advance(r, SECOND);
    assert_int_equal(old->dirty_pages, 0);
    assert_int_equal(young->dirty_pages, 1);
    rig_advance(r, 30 * SECOND);
    rig_advance(r, SECOND);
    assert_int_equal(young->dirty_pages, 0);
    file_map_put(old);
    file_map_put(young);
}

static void without_wakeups_age_does_not_matter(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);

    r->cache.policy.wakeup_ns = 0;
    rig_store(map, 5, 1);
    rig_advance(r, 1000 * SECOND);
    assert_true(rig_is_dirty(map, 0));
    file_map_put(map);
}

static void a_page_is_being_written_until_the_device_is_done(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);
    uint64_t begin = r->clock.now_ns;

    rig_store(map, 5, 1);
    rig_store(map, 3 * PAGE_BYTES, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    assert_true(r->clock.now_ns == begin); /* nobody waits */
    assert_true(rig_is_writeback(map, 0) && rig_is_writeback(map, 3));
    assert_false(rig_is_dirty(map, 0));
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 2);
    assert_int_equal(r->events[MW_EVENT_CACHE_WRITE], 0);
    rig_advance(r, RIG_WRITE_NS - 1);
    assert_true(rig_is_writeback(map, 0));
    rig_advance(r, 1);
    assert_false(rig_is_writeback(map, 0));
    assert_true(rig_is_writeback(map, 3)); /* one behind the other */
    rig_advance(r, RIG_WRITE_NS);
    assert_false(rig_is_writeback(map, 3));
    assert_int_equal(r->events[MW_EVENT_CACHE_WRITE], 2);
    file_map_put(map);
}

static void waiting_takes_until_the_last_page_of_the_range_is_done(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 6);
    uint64_t begin = r->clock.now_ns;

    for (uint64_t i = 0; i < 6; i += 2)
        rig_store(map, i * PAGE_BYTES, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    cache_wait_range(map, 1, 2);
    assert_true(r->clock.now_ns == begin);
    cache_wait_range(map, 2, 4);
    assert_true(r->clock.now_ns == begin + 2 * RIG_WRITE_NS);
    assert_true(rig_is_writeback(map, 4));
    cache_wait_range(map, 0, UINT64_MAX);
    assert_true(r->clock.now_ns == begin + 3 * RIG_WRITE_NS);
    assert_int_equal(r->cache.writeback_pages, 0);
    file_map_put(map);
}

static void a_store_while_a_page_is_written_makes_it_dirty_again(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 2);

    rig_store(map, 7, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    rig_store(map, 7, 2);
    assert_true(rig_is_dirty(map, 0) && rig_is_writeback(map, 0));
    assert_true(cache_check(&r->cache));
    /* What is being written is not started once more, */
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 1);
    rig_advance(r, RIG_WRITE_NS);
    assert_true(rig_is_dirty(map, 0) && !rig_is_writeback(map, 0));
    /* but written again. */
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 2);
    file_map_put(map);
    rig_power_cut(r);
    map = rig_open(r, "/file");
    assert_int_equal(rig_page(map, 0)[7], 2);
    file_map_put(map);
}

static void fsync_waits_for_what_is_being_written_and_writes_what_came_after(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 2);
    uint64_t begin = r->clock.now_ns;

    rig_store(map, 7, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    rig_store(map, 7, 2);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_true(r->clock.now_ns == begin + 2 * RIG_WRITE_NS + RIG_FLUSH_NS);
    assert_int_equal(map->dirty_pages, 0);
    assert_int_equal(r->cache.writeback_pages, 0);
    file_map_put(map);
}

static void above_the_background_limit_the_flusher_writes_until_below(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 40);
    uint64_t limit = r->cache.background_limit;

    assert_int_equal(limit, 25);
    for (uint64_t i = 0; i < limit; i++)
        rig_store(map, i * PAGE_BYTES, 1);
    rig_advance(r, 1);
    assert_int_equal(r->cache.dirty_pages, limit);
    rig_store(map, limit * PAGE_BYTES, 1);
    rig_advance(r, 1);
    assert_true(r->cache.dirty_pages <= limit);
    assert_true(r->cache.writeback_pages > 0);
    assert_int_equal(r->cache.counters.throttled, 0);
    file_map_put(map);
}

static void above_the_limit_whoever_makes_pages_dirty_waits(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 80);
    uint64_t begin = r->clock.now_ns;

    for (uint64_t i = 0; i <= r->cache.limit; i++)
        rig_store(map, i * PAGE_BYTES, 1);
    assert_true(r->clock.now_ns == begin);
    rig_store(map, 70 * PAGE_BYTES, 1);
    assert_true(r->clock.now_ns > begin);
    assert_true(r->cache.counters.throttled > 0);
    assert_true(rig_is_dirty(map, 70)); /* what it stored is not written under its hands */
    assert_true(r->cache.dirty_pages + r->cache.writeback_pages <= r->cache.limit + 1);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

static void writes_are_held_back_like_stores(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 200 * PAGE_BYTES, 1);
    assert_true(r->cache.counters.throttled > 0);
    assert_true(r->cache.dirty_pages + r->cache.writeback_pages <= r->cache.limit + 1);
    rig_expect_pattern(map, 0, 200 * PAGE_BYTES, 1);
    file_map_put(map);
}

static void a_full_queue_is_waited_for(void **state)
{
    struct rig *r = *state;
    struct file_map *map;
    uint64_t begin;

    r->cache.limit = UINT64_MAX;
    r->cache.background_limit = UINT64_MAX;
    map = clean_file(r, "/file", 2 * CACHE_QUEUE + 2);
    for (uint64_t i = 0; i <= CACHE_QUEUE; i++)
        rig_store(map, 2 * i * PAGE_BYTES, 1);
    begin = r->clock.now_ns;
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    assert_true(r->clock.now_ns == begin + RIG_WRITE_NS);
    assert_int_equal(r->cache.queue_count, CACHE_QUEUE);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

/* ---- errors ---- */

static void an_error_in_the_background_is_told_once_to_each_who_has_the_file_open(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 2);
    uint32_t one = errseq_sample(&map->error);
    uint32_t other = errseq_sample(&map->error);
    uint32_t late;

    rig_store(map, 7, 1);
    rig_fail(r, DEV_WRITE, 1, false);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    assert_int_equal(cache_check_error(map, &one), 0); /* it has not happened yet */
    rig_advance(r, RIG_WRITE_NS);
    assert_true(rig_is_dirty(map, 0));
    late = errseq_sample(&map->error); /* opened when nobody knew yet */
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &one, 0), -EIO); /* though it is written now */
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &one, 0), 0);
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &other, CACHE_DATA_ONLY), -EIO);
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &other, CACHE_DATA_ONLY), 0);
    assert_int_equal(cache_check_error(map, &late), -EIO);
    assert_int_equal(cache_check_error(map, &late), 0);
    assert_false(rig_is_dirty(map, 0));
    file_map_put(map);
}

static void an_error_of_ones_own_call_is_not_told_again(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 2);
    uint32_t one = errseq_sample(&map->error);
    uint32_t other = one;

    rig_store(map, 7, 1);
    rig_fail(r, DEV_WRITE, 1, false);
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &one, 0), -EIO);
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &one, 0), 0);
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &other, 0), -EIO);
    file_map_put(map);
}

static void what_failed_is_tried_again_but_not_at_every_turn(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 40);

    rig_fail(r, DEV_WRITE, 1, true);
    for (uint64_t i = 0; i <= r->cache.background_limit; i++)
        rig_store(map, i * PAGE_BYTES, 1);
    for (unsigned i = 0; i < 100; i++)
        rig_advance(r, 10 * RIG_MS);
    assert_int_equal(r->cache.counters.write_errors, 1);
    assert_int_equal(r->cache.dirty_pages, r->cache.background_limit + 1);
    rig_fail(r, DEV_READ, 0, false);
    rig_advance(r, 10 * SECOND);
    rig_advance(r, SECOND);
    assert_true(r->cache.dirty_pages <= r->cache.background_limit);
    file_map_put(map);
}

static void failed_pages_may_be_dropped_as_linux_does(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 2);
    uint32_t seen = errseq_sample(&map->error);

    r->cache.policy.drop_failed = true;
    rig_store(map, 7, 1);
    rig_fail(r, DEV_WRITE, 1, false);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    rig_advance(r, RIG_WRITE_NS);
    assert_false(rig_is_dirty(map, 0));
    assert_int_equal(rig_page(map, 0)[7], 1); /* as long as it is cached */
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &seen, 0), -EIO);
    assert_int_equal(cache_fsync(map, 0, UINT64_MAX, &seen, 0), 0);
    assert_int_equal(cache_invalidate(map, 0, 1), 1);
    assert_int_equal(rig_page(map, 0)[7], (uint8_t)(7 * 31));
    file_map_put(map);
}

/* Nothing can be written, and every frame is dirty: an error, not a loop; and it ends. */
static void memory_full_of_unwritable_pages_is_an_error(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    uint8_t *bytes = test_calloc(1, 300 * PAGE_BYTES);
    int64_t moved;

    rig_fail(r, DEV_WRITE, 1, true);
    moved = cache_write(map, 0, bytes, 300 * PAGE_BYTES);
    assert_true(moved > 200 * (int64_t)PAGE_BYTES && moved < 300 * (int64_t)PAGE_BYTES);
    assert_int_equal(cache_write(map, (uint64_t)moved, bytes, 1), -ENOMEM);
    assert_true(cache_check(&r->cache));
    rig_fail(r, DEV_READ, 0, false);
    assert_int_equal(cache_write(map, (uint64_t)moved, bytes, 100), 100);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(r->cache.dirty_pages, 0);
    rig_expect_zeros(map, 0, (uint64_t)moved + 100);
    test_free(bytes);
    file_map_put(map);
}

/* ---- what takes pages away while they are being written ---- */

static void truncation_waits_for_pages_that_are_being_written(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);
    uint64_t begin = r->clock.now_ns;

    rig_store(map, 3 * PAGE_BYTES, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    assert_int_equal(cache_truncate(map, PAGE_BYTES), 0);
    assert_true(r->clock.now_ns >= begin + RIG_WRITE_NS);
    assert_int_equal(r->cache.writeback_pages, 0);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

static void a_page_that_is_being_written_is_not_evicted(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);

    rig_store(map, 3 * PAGE_BYTES, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    assert_int_equal(cache_shrink(&r->cache, 10), 3);
    assert_int_equal(cache_invalidate(map, 0, UINT64_MAX), 0);
    rig_advance(r, RIG_WRITE_NS);
    assert_int_equal(cache_drop_clean(&r->cache), 1);
    file_map_put(map);
}

static void a_deleted_file_may_go_while_it_is_being_written(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);

    rig_store(map, 0, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    assert_int_equal(cache_unlink(&r->cache, "/file"), 0);
    file_map_put(map);
    assert_true(list_empty(&r->cache.maps));
    assert_int_equal(r->cache.queue_count, 0);
    assert_int_equal(r->cache.writeback_pages, 0);
}

static void a_power_cut_forgets_what_was_being_written(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 4);

    rig_store(map, 0, 1);
    rig_store(map, PAGE_BYTES, 1);
    assert_int_equal(cache_write_range(map, 0, 1, CACHE_NONE_WAIT, false), 0);
    file_map_put(map);
    rig_power_cut(r);
    assert_int_equal(r->cache.queue_count, 0);
    assert_true(cache_check(&r->cache));
}

/* ---- the checker ---- */

static void the_checker_sees_wrong_counts_tags_and_times(void **state)
{
    struct rig *r = *state;
    struct cache *c = &r->cache;
    struct file_map *map = clean_file(r, "/file", 4);

    rig_store(map, 0, 1);
    rig_store(map, 3 * PAGE_BYTES, 1);
    assert_int_equal(cache_write_range(map, 0, UINT64_MAX, CACHE_NONE_WAIT, false), 0);
    rig_store(map, PAGE_BYTES, 1);
    assert_true(cache_check(c));
    c->dirty_pages++;
    assert_false(cache_check(c));
    c->dirty_pages--;
    map->dirty_pages = 0;
    assert_false(cache_check(c));
    map->dirty_pages = 1;
    c->writeback_pages--;
    assert_false(cache_check(c));
    c->writeback_pages++;
    radix_tag_clear(&map->pages, 0, CACHE_TAG_WRITEBACK);
    assert_false(cache_check(c));
    radix_tag_set(&map->pages, 0, CACHE_TAG_WRITEBACK);
    c->queue[c->queue_first + 1].end_ns = 0; /* ends before the one before it */
    assert_false(cache_check(c));
    c->queue[c->queue_first + 1].end_ns = r->clock.now_ns + 2 * RIG_WRITE_NS;
    c->due_ns = UINT64_MAX;
    assert_false(cache_check(c));
    cache_flusher_run(c);
    assert_true(cache_check(c));
    file_map_put(map);
}

/* ---- force ---- */

static void force_writes_clean_pages_too_but_no_others(void **state)
{
    struct rig *r = *state;
    struct file_map *map = clean_file(r, "/file", 6);
    uint32_t seen = errseq_sample(&map->error);

    assert_int_equal(cache_invalidate(map, 2, 3), 1);
    assert_int_equal(cache_fsync(map, 1, 5, &seen, CACHE_FORCE | CACHE_DATA_ONLY), 0);
    assert_int_equal(r->events[MW_EVENT_CACHE_WRITE], 2); /* 1, and 3 to 4 */
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 2);
    assert_int_equal(r->cache.counters.pages_written > 0, 1);
    rig_expect_pattern(map, PAGE_BYTES, PAGE_BYTES, 1);
    file_map_put(map);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_due_while_nothing_is_dirty),
        TEST(a_page_is_written_when_it_is_old_enough),
        TEST(a_file_is_as_old_as_its_oldest_dirty_page),
        TEST(without_wakeups_age_does_not_matter),
        TEST(a_page_is_being_written_until_the_device_is_done),
        TEST(waiting_takes_until_the_last_page_of_the_range_is_done),
        TEST(a_store_while_a_page_is_written_makes_it_dirty_again),
        TEST(fsync_waits_for_what_is_being_written_and_writes_what_came_after),
        TEST(above_the_background_limit_the_flusher_writes_until_below),
        TEST(above_the_limit_whoever_makes_pages_dirty_waits),
        TEST(writes_are_held_back_like_stores),
        TEST(a_full_queue_is_waited_for),
        TEST(an_error_in_the_background_is_told_once_to_each_who_has_the_file_open),
        TEST(an_error_of_ones_own_call_is_not_told_again),
        TEST(what_failed_is_tried_again_but_not_at_every_turn),
        TEST(failed_pages_may_be_dropped_as_linux_does),
        TEST(memory_full_of_unwritable_pages_is_an_error),
        TEST(truncation_waits_for_pages_that_are_being_written),
        TEST(a_page_that_is_being_written_is_not_evicted),
        TEST(a_deleted_file_may_go_while_it_is_being_written),
        TEST(a_power_cut_forgets_what_was_being_written),
        TEST(the_checker_sees_wrong_counts_tags_and_times),
        TEST(force_writes_clean_pages_too_but_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
