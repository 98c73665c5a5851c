/* File maps: who has a file open, when pages go, eviction, anonymous maps, truncation. */
#include "rig.h"

static int set_up(void **state)
{
    struct rig *r = test_malloc(sizeof(*r));

    rig_up(r, RIG_FRAMES);
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

/* ---- maps ---- */

static void two_opens_share_one_map(void **state)
{
    struct rig *r = *state;
    struct file_map *a = rig_open(r, "/file");
    struct file_map *b = rig_open(r, "/file");

    assert_ptr_equal(a, b);
    assert_int_equal(a->refs, 2);
    assert_ptr_equal(inode_owner(a->inode), a);
    file_map_put(b);
    file_map_put(a);
    assert_true(list_empty(&r->cache.maps)); /* no pages: nothing to keep */
}

static void pages_outlive_the_last_close(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 5000, 1);
    file_map_put(map);
    assert_false(list_empty(&r->cache.maps));
    assert_true(cache_check(&r->cache));
    rig_clear(r);
    map = rig_open(r, "/file");
    rig_expect_pattern(map, 0, 5000, 1);
    assert_int_equal(r->events[MW_EVENT_BLOCK_READ], 0);
    file_map_put(map);
}

/* Images made elsewhere have them. */
static void what_is_no_file_is_unlinked_all_the_same(void **state)
{
    struct rig *r = *state;
    struct volume_stat status;

    assert_int_equal(volume_make_symlink(r->volume, "file", "/link"), 0);
    assert_int_equal(cache_unlink(&r->cache, "/link/below"), -ELOOP);
    assert_int_equal(cache_unlink(&r->cache, "/link"), 0);
    assert_int_equal(volume_stat(r->volume, "/link", &status), -ENOENT);
}

static void an_unlinked_file_lives_until_its_last_close(void **state)
{
    struct rig *r = *state;
    struct file_map *map;
    uint64_t free_pages;

    file_map_put(rig_open(r, "/other"));
    free_pages = volume_free_pages(r->volume);
    map = rig_open(r, "/file");
    rig_write_pattern(map, 0, 5000, 1);
    assert_int_equal(cache_unlink(&r->cache, "/file"), 0);
    assert_int_equal(cache_unlink(&r->cache, "/file"), -ENOENT);
    rig_expect_pattern(map, 0, 5000, 1);
    rig_write_pattern(map, 5000, 5000, 2);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    file_map_put(map);
    assert_true(list_empty(&r->cache.maps));
    assert_int_equal(r->frames.used, 0);
    assert_int_equal(volume_free_pages(r->volume), free_pages);
}

static void unlinking_a_closed_file_frees_pages_and_blocks_at_once(void **state)
{
    struct rig *r = *state;
    struct file_map *map;
    uint64_t free_pages;

    file_map_put(rig_open(r, "/other"));
    free_pages = volume_free_pages(r->volume);
    map = rig_open(r, "/file");
    rig_write_pattern(map, 0, 5000, 1);
    file_map_put(map);
    assert_int_equal(cache_unlink(&r->cache, "/file"), 0);
    assert_int_equal(r->frames.used, 0);
    assert_int_equal(volume_free_pages(r->volume), free_pages);
}

static void what_inode_unlink_leaves_is_freed_by_sync_and_by_need(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/other");
    uint64_t free_pages = volume_free_pages(r->volume);
    uint8_t *bytes = test_calloc(1, RIG_DISK);
    struct file_map *file = rig_open(r, "/file");
    int64_t moved;

    rig_write_pattern(file, 0, 5000, 1);
    file_map_put(file);
    assert_int_equal(inode_unlink(r->volume, "/file"), 0);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(volume_free_pages(r->volume), free_pages);

    file = rig_open(r, "/file");
    moved = cache_write(file, 0, bytes, RIG_DISK);
    file_map_put(file);
    assert_int_equal(inode_unlink(r->volume, "/file"), 0);
    assert_int_equal(cache_write(map, 0, bytes, RIG_DISK),
                     moved); /* as much as the dead file had */
    test_free(bytes);
    file_map_put(map);
}

static void a_map_can_have_no_file(void **state)
{
    struct rig *r = *state;
    struct file_map *map;
    struct frame *frame;
    bool major = true;

    assert_int_equal(file_map_new_anonymous(&r->cache, 3 * PAGE_BYTES, &map), 0);
    assert_int_equal(file_map_bytes(map), 3 * PAGE_BYTES);
    assert_int_equal(cache_page(map, 2, &frame, &major), 0);
    assert_false(major);
    assert_int_equal(frame_bytes(&r->frames, frame)[5], 0);
    frame_soil(frame);
    frame_bytes(&r->frames, frame)[5] = 9;
    assert_int_equal(cache_dirty(map, 2), 0);
    assert_int_equal(rig_fsync(map, 0, UINT64_MAX), 0);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(cache_shrink(&r->cache, 10), 0); /* it has no other home */
    assert_int_equal(rig_page(map, 2)[5], 9);
    assert_true(cache_check(&r->cache));
    assert_int_equal(r->events[MW_EVENT_BLOCK_WRITE], 0);
    file_map_put(file_map_get(map));
    assert_int_equal(r->frames.used, 1);
    file_map_put(map);
    assert_int_equal(r->frames.used, 0);
}

static void without_memory_no_map_is_made(void **state)
{
    struct rig *r = *state;
    struct file_map *map;
    struct inode *inode;

    assert_int_equal(inode_create(r->volume, "/file", false, &inode), 0);
    r->alloc.fail_at = r->alloc.calls + 1;
    assert_int_equal(file_map_open(&r->cache, inode, &map), -ENOMEM);
    assert_null(inode_owner(inode));
    r->alloc.fail_at = r->alloc.calls + 1;
    assert_int_equal(file_map_new_anonymous(&r->cache, PAGE_BYTES, &map), -ENOMEM);
    inode_put(inode);
    assert_true(cache_check(&r->cache));
}

/* ---- eviction ---- */

static void shrinking_takes_clean_unused_pages_only(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    struct frame *pinned;

    rig_write_pattern(map, 0, 10 * PAGE_BYTES, 1);
    assert_int_equal(cache_shrink(&r->cache, 100), 0); /* all dirty */
    assert_int_equal(cache_sync(&r->cache), 0);
    rig_write_pattern(map, 3 * PAGE_BYTES, 1, 1);
    assert_int_equal(cache_page(map, 5, &pinned, NULL), 0);
    frame_get(pinned);
    rig_clear(r);
    assert_int_equal(cache_shrink(&r->cache, 4), 4);
    assert_int_equal(r->events[MW_EVENT_CACHE_DROP], 4);
    assert_int_equal(cache_shrink(&r->cache, 100), 4);
    assert_int_equal(r->cache.counters.evicted, 8);
    assert_int_equal(map->pages.count, 2);
    assert_non_null(radix_get(&map->pages, 3));
    assert_non_null(radix_get(&map->pages, 5));
    frame_put(&r->frames, pinned);
    assert_int_equal(cache_shrink(&r->cache, 100), 1);
    assert_true(cache_check(&r->cache));
    rig_expect_pattern(map, 4 * PAGE_BYTES, 100, (uint8_t)(4 * PAGE_BYTES * 31 + 1));
    file_map_put(map);
}

static void a_closed_file_goes_with_its_last_page(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 3 * PAGE_BYTES, 1);
    file_map_put(map);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(cache_shrink(&r->cache, 2), 2);
    assert_false(list_empty(&r->cache.maps));
    assert_int_equal(cache_shrink(&r->cache, 2), 1);
    assert_true(list_empty(&r->cache.maps));
}

static void with_every_frame_in_use_there_is_no_page(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    struct frame *frames[RIG_FRAMES];
    struct frame *frame;
    uint8_t byte;

    rig_write_pattern(map, 0, 2 * PAGE_BYTES, 1);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(cache_shrink(&r->cache, 2), 2);
    for (unsigned i = 0; i < RIG_FRAMES; i++)
        frames[i] = frame_alloc(&r->frames, MW_OWNER_ANONYMOUS, false);
    assert_int_equal(cache_page(map, 0, &frame, NULL), -ENOMEM);
    assert_int_equal(cache_read(map, NULL, 0, &byte, 1), -ENOMEM);
    assert_int_equal(cache_write(map, 0, &byte, 1), -ENOMEM);
    assert_int_equal(cache_write(map, PAGE_BYTES * 3, &byte, 1), -ENOMEM);
    assert_int_equal(file_map_bytes(map), 2 * PAGE_BYTES);
    for (unsigned i = 0; i < RIG_FRAMES; i++)
        frame_put(&r->frames, frames[i]);
    rig_expect_pattern(map, 0, 2 * PAGE_BYTES, 1);
    file_map_put(map);
}

/* ---- truncation ---- */

static void shrinking_a_file_unmaps_and_drops_its_pages(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 10 * PAGE_BYTES, 1);
    rig_clear(r);
    assert_int_equal(cache_truncate(map, 4 * PAGE_BYTES + 10), 0);
    assert_int_equal(file_map_bytes(map), 4 * PAGE_BYTES + 10);
    assert_int_equal(map->pages.count, 5);
    assert_int_equal(r->note_count, 1);
    assert_int_equal(r->notes[0].kind, NOTE_UNMAP);
    assert_int_equal(r->notes[0].first, 5);
    assert_int_equal(r->notes[0].end, UINT64_MAX);
    assert_int_equal(rig_page(map, 4)[9], (uint8_t)((4 * PAGE_BYTES + 9) * 31 + 1));
    assert_int_equal(rig_page(map, 4)[10], 0);
    assert_int_equal(cache_truncate(map, 10 * PAGE_BYTES), 0);
    rig_expect_zeros(map, 4 * PAGE_BYTES + 10, 6 * PAGE_BYTES - 10);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

/* The page that the new end cuts is not cached, and its tail must be zero on the device too. */
static void the_tail_of_an_uncached_last_page_is_zeroed_on_the_device(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 3 * PAGE_BYTES, 1);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    assert_int_equal(cache_truncate(map, PAGE_BYTES + 50), 0);
    assert_true(rig_is_dirty(map, 1));
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    assert_int_equal(cache_truncate(map, 3 * PAGE_BYTES), 0);
    rig_expect_pattern(map, 0, PAGE_BYTES + 50, 1);
    rig_expect_zeros(map, PAGE_BYTES + 50, 2 * PAGE_BYTES - 50);
    file_map_put(map);
}

/*
 * The size may become durable with somebody else's sync, and then the power goes: a file that grows
 * again must not show what had been cut off.
 */
static void what_was_cut_off_is_gone_from_the_device_before_the_size_is(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 3 * PAGE_BYTES, 1);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_int_equal(cache_truncate(map, PAGE_BYTES + 50), 0);
    assert_int_equal(volume_sync(r->volume), 0);
    file_map_put(map);
    rig_power_cut(r);
    map = rig_open(r, "/file");
    assert_int_equal(file_map_bytes(map), PAGE_BYTES + 50);
    assert_int_equal(cache_write(map, 3 * PAGE_BYTES, "x", 1), 1);
    rig_expect_pattern(map, 0, PAGE_BYTES + 50, 1);
    rig_expect_zeros(map, PAGE_BYTES + 50, 2 * PAGE_BYTES - 50);
    file_map_put(map);
}

static void a_truncation_that_fails_changes_nothing(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 3 * PAGE_BYTES, 1);
    file_map_put(map);
    rig_restart(r);
    map = rig_open(r, "/file");
    rig_fail(r, DEV_READ, 1, true);
    assert_int_equal(cache_truncate(map, PAGE_BYTES + 50), -EIO);
    rig_fail(r, DEV_READ, 0, false);
    assert_int_equal(file_map_bytes(map), 3 * PAGE_BYTES);
    assert_int_equal(cache_truncate(map, (uint64_t)1 << 50), -EFBIG);
    rig_expect_pattern(map, 0, 3 * PAGE_BYTES, 1);
    assert_int_equal(r->note_count, 0); /* nothing was unmapped either */
    file_map_put(map);
}

static void growing_a_file_shows_zeros_also_where_a_mapping_stored(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");

    rig_write_pattern(map, 0, 100, 1);
    rig_page(map, 0)[500] = 1;
    assert_int_equal(cache_truncate(map, 3 * PAGE_BYTES), 0);
    rig_expect_zeros(map, 100, 3 * PAGE_BYTES - 100);
    assert_int_equal(cache_truncate(map, 0), 0);
    assert_int_equal(map->pages.count, 0);
    file_map_put(map);
}

static void the_checker_sees_a_page_in_the_wrong_place(void **state)
{
    struct rig *r = *state;
    struct file_map *map = rig_open(r, "/file");
    struct frame *frame;

    rig_write_pattern(map, 0, 2 * PAGE_BYTES, 1);
    frame = radix_get(&map->pages, 1);
    assert_true(cache_check(&r->cache));
    frame->index = 0;
    assert_false(cache_check(&r->cache));
    frame->index = 1;
    frame->home = NULL;
    assert_false(cache_check(&r->cache));
    frame->home = map;
    inode_set_owner(map->inode, NULL);
    assert_false(cache_check(&r->cache));
    inode_set_owner(map->inode, map);
    assert_int_equal(inode_set_bytes(map->inode, PAGE_BYTES), 0); /* behind the cache's back */
    assert_false(cache_check(&r->cache));
    assert_int_equal(inode_extend_page(map->inode, 1, 2 * PAGE_BYTES), 0);
    assert_true(cache_check(&r->cache));
    file_map_put(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_opens_share_one_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_outlive_the_last_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_unlinked_all_the_same, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_unlinked_file_lives_until_its_last_close, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(unlinking_a_closed_file_frees_pages_and_blocks_at_once,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_inode_unlink_leaves_is_freed_by_sync_and_by_need,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_map_can_have_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_no_map_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shrinking_takes_clean_unused_pages_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_file_goes_with_its_last_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(with_every_frame_in_use_there_is_no_page, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(shrinking_a_file_unmaps_and_drops_its_pages, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_tail_of_an_uncached_last_page_is_zeroed_on_the_device,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_cut_off_is_gone_from_the_device_before_the_size_is,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_truncation_that_fails_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(growing_a_file_shows_zeros_also_where_a_mapping_stored,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_checker_sees_a_page_in_the_wrong_place, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
