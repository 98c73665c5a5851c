/* Reading ahead: which pages, in how many requests, and that nobody sees more than speed. */
#include "rig.h"

#define MAX_PAGES   32u
#define FILE_PAGES  300u
#define PAGE_BLOCKS (PAGE_BYTES / DEV_BLOCK_BYTES)

struct world {
    struct rig rig;
    struct file_map *map;
    struct cache_readahead ra;
    unsigned requests;    /* of the data of the file, since world_clear */
    uint64_t request[64]; /* pages of each */
};

/* Reads of metadata are of one block of 4 KiB, too, but the volume keeps those in its own cache. */
static void world_event(void *context, const struct mw_event *event)
{
    struct world *w = context;

    if (event->kind != MW_EVENT_BLOCK_READ || w->map == NULL)
        return;
    if (w->requests < 64)
        w->request[w->requests] = event->arg[1] / PAGE_BLOCKS;
    w->requests++;
}

static void world_clear(struct world *w)
{
    rig_clear(&w->rig);
    w->requests = 0;
}

/* A file on the disk, nothing of its data cached, whose indirect block has been read. */
static int set_up(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));
    struct rig_options options = {.frames = 512, .disk_bytes = (uint64_t)8 << 20};

    options.policy.max_readahead_pages = MAX_PAGES;
    rig_up_with(&w->rig, &options);
    assert_int_equal(event_subscribe(&w->rig.bus, MW_EVENTS_ALL, world_event, w), 0);
    w->map = rig_open(&w->rig, "/file");
    for (uint64_t i = 0; i < FILE_PAGES; i++)
        rig_write_pattern(w->map, i * PAGE_BYTES, PAGE_BYTES, (uint8_t)i);
    assert_int_equal(cache_sync(&w->rig.cache), 0);
    assert_int_equal(cache_drop_clean(&w->rig.cache), FILE_PAGES);
    cache_readahead_init(&w->ra, &w->rig.cache);
    assert_int_equal(w->ra.max_pages, MAX_PAGES);
    world_clear(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    if (w->map != NULL)
        file_map_put(w->map);
    rig_down(&w->rig);
    test_free(w);
    return 0;
}

static void read_page(struct world *w, uint64_t index)
{
    uint8_t bytes[PAGE_BYTES];

    assert_int_equal(cache_read(w->map, &w->ra, index * PAGE_BYTES, bytes, PAGE_BYTES), PAGE_BYTES);
    for (unsigned i = 0; i < PAGE_BYTES; i++)
        assert_int_equal(bytes[i], (uint8_t)(i * 31 + index));
    assert_true(cache_check(&w->rig.cache));
}

static uint64_t cached_pages(const struct world *w)
{
    return w->map->pages.count;
}

static bool is_cached(const struct world *w, uint64_t index)
{
    return radix_get(&w->map->pages, index) != NULL;
}

static void windows_double_up_to_the_limit(void **state)
{
    static const uint64_t sizes[] = {4, 8, 16, 32, 32, 32};
    struct world *w = *state;
    uint64_t start = 0;

    for (unsigned i = 0; i < 6; i++) {
        read_page(w, start); /* the mark of a window that was read ahead is its first page */
        if (i == 0)
            read_page(w, 1);
        start += sizes[i];
        assert_int_equal(w->ra.start, start);
        assert_int_equal(w->ra.size, sizes[i + 1 < 6 ? i + 1 : 5]);
        assert_false(is_cached(w, w->ra.start + w->ra.size));
        assert_true(is_cached(w, w->ra.start + w->ra.size - 1));
    }
    /* A window is one request; the block map lies behind the first 12 pages, which parts two. */
    assert_int_equal(w->request[w->requests - 1], 32);
    assert_true(w->requests <= 6 + 2 + 1);
}

/* The reader never meets a page that is not there yet, after the first. */
static void the_next_window_is_read_before_it_is_needed(void **state)
{
    struct world *w = *state;
    uint64_t missing = 0;

    for (uint64_t i = 0; i < FILE_PAGES; i++) {
        missing += !is_cached(w, i);
        read_page(w, i);
    }
    assert_int_equal(missing, 1);
    assert_int_equal(cached_pages(w), FILE_PAGES); /* and nothing past the end */
    assert_int_equal(w->rig.cache.counters.ahead, FILE_PAGES);
}

static void without_a_window_each_page_is_a_request(void **state)
{
    struct world *w = *state;
    uint8_t bytes[8 * PAGE_BYTES];

    assert_int_equal(cache_read(w->map, NULL, 0, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(w->requests, 8);
    assert_int_equal(cached_pages(w), 8);
    w->ra.max_pages = 0;
    assert_int_equal(cache_read(w->map, &w->ra, sizeof(bytes), bytes, sizeof(bytes)),
                     sizeof(bytes));
    assert_int_equal(w->requests, 16);
}

static void random_reads_read_just_what_is_asked_for(void **state)
{
    static const uint64_t places[] = {50, 200, 13, 120, 290};
    struct world *w = *state;

    for (unsigned i = 0; i < 5; i++)
        read_page(w, places[i]);
    assert_int_equal(cached_pages(w), 5);
    assert_int_equal(w->requests, 5);
}

static void one_large_read_is_few_requests(void **state)
{
    struct world *w = *state;
    uint8_t *bytes = test_malloc(128 * PAGE_BYTES);

    assert_int_equal(cache_read(w->map, &w->ra, 0, bytes, 128 * PAGE_BYTES), 128 * PAGE_BYTES);
    assert_true(w->requests <= 6);
    test_free(bytes);
}

static void advice_sequential_doubles_the_window_and_random_ends_it(void **state)
{
    struct world *w = *state;

    cache_readahead_advise(&w->ra, &w->rig.cache, CACHE_ADVICE_SEQUENTIAL);
    for (uint64_t i = 0; i < 120; i++)
        read_page(w, i);
    assert_int_equal(w->ra.size, 2 * MAX_PAGES);
    assert_int_equal(w->request[w->requests - 1], 2 * MAX_PAGES);
    cache_drop_clean(&w->rig.cache);
    world_clear(w);
    cache_readahead_advise(&w->ra, &w->rig.cache, CACHE_ADVICE_RANDOM);
    for (uint64_t i = 0; i < 20; i++)
        read_page(w, i);
    assert_int_equal(w->requests, 20);
    assert_int_equal(cached_pages(w), 20);
    cache_readahead_advise(&w->ra, &w->rig.cache, CACHE_ADVICE_NORMAL);
    assert_int_equal(w->ra.max_pages, MAX_PAGES);
}

/* Somebody else has read the pages before: whoever goes on there is taken for one who reads on. */
static void a_reader_who_follows_another_gets_a_window(void **state)
{
    struct world *w = *state;

    cache_read_ahead(w->map, 40, 60);
    world_clear(w);
    read_page(w, 60);
    assert_int_equal(w->requests, 1);
    assert_int_equal(w->request[0], 21); /* as many as are there before, and what is asked for */
    assert_true(cache_page_is_mark(w->map, 80));
}

static void holes_cost_no_request_and_no_data(void **state)
{
    struct world *w = *state;
    uint8_t byte;

    assert_int_equal(cache_truncate(w->map, 0), 0);
    assert_int_equal(cache_truncate(w->map, 64 * PAGE_BYTES), 0);
    rig_write_pattern(w->map, 10 * PAGE_BYTES, PAGE_BYTES, 10);
    assert_int_equal(cache_sync(&w->rig.cache), 0);
    cache_drop_clean(&w->rig.cache);
    world_clear(w);
    cache_read_ahead(w->map, 0, 64);
    assert_int_equal(cached_pages(w), 64);
    assert_int_equal(w->requests, 1);
    assert_int_equal(w->request[0], 1);
    assert_int_equal(cache_read(w->map, NULL, 5 * PAGE_BYTES, &byte, 1), 1);
    assert_int_equal(byte, 0);
    assert_true(((struct frame *)radix_get(&w->map->pages, 5))->zero);
    read_page(w, 10);
}

/* ---- faults ---- */

static void a_fault_reads_around_itself(void **state)
{
    struct world *w = *state;

    cache_fault_ahead(w->map, &w->ra, 100, CACHE_ADVICE_NORMAL);
    assert_int_equal(w->requests, 1);
    assert_int_equal(w->request[0], MAX_PAGES);
    assert_true(is_cached(w, 100 - MAX_PAGES / 2) && is_cached(w, 100 + MAX_PAGES / 2 - 1));
    assert_false(is_cached(w, 100 - MAX_PAGES / 2 - 1) || is_cached(w, 100 + MAX_PAGES / 2));
    cache_fault_ahead(w->map, &w->ra, 3, CACHE_ADVICE_NORMAL);
    assert_true(is_cached(w, 0) && is_cached(w, MAX_PAGES - 1));
}

static void a_fault_at_the_mark_reads_the_next_window(void **state)
{
    struct world *w = *state;
    uint64_t mark = 100 + MAX_PAGES / 4;

    cache_fault_ahead(w->map, &w->ra, 100, CACHE_ADVICE_NORMAL);
    assert_true(cache_page_is_mark(w->map, mark));
    cache_fault_ahead(w->map, &w->ra, mark - 1, CACHE_ADVICE_NORMAL);
    assert_int_equal(w->requests, 1);
    cache_fault_ahead(w->map, &w->ra, mark, CACHE_ADVICE_NORMAL);
    assert_int_equal(w->requests, 2);
    assert_false(cache_page_is_mark(w->map, mark));
    assert_true(is_cached(w, 100 + MAX_PAGES / 2));
}

static void faults_follow_the_advice_for_the_area(void **state)
{
    struct world *w = *state;

    cache_fault_ahead(w->map, &w->ra, 100, CACHE_ADVICE_RANDOM);
    assert_int_equal(cached_pages(w), 0);
    cache_fault_ahead(w->map, &w->ra, 100, CACHE_ADVICE_SEQUENTIAL);
    assert_true(is_cached(w, 100));
    assert_false(is_cached(w, 99));
    cache_fault_ahead(w->map, NULL, 200, CACHE_ADVICE_NORMAL);
    assert_false(is_cached(w, 200));
}

static void faults_that_only_ever_miss_stop_reading_around(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < 150; i++) {
        cache_fault_ahead(w->map, &w->ra, (i * 97) % FILE_PAGES, CACHE_ADVICE_NORMAL);
        cache_drop_clean(&w->rig.cache);
    }
    world_clear(w);
    cache_fault_ahead(w->map, &w->ra, 100, CACHE_ADVICE_NORMAL);
    assert_int_equal(w->requests, 0);
    cache_read_ahead(w->map, 0, 200);
    for (unsigned i = 0; i < 100; i++) /* pages that are there make up for them */
        cache_fault_ahead(w->map, &w->ra, i, CACHE_ADVICE_NORMAL);
    world_clear(w);
    cache_fault_ahead(w->map, &w->ra, 250, CACHE_ADVICE_NORMAL);
    assert_true(w->requests > 0);
}

/* ---- failure ---- */

static void a_window_that_cannot_be_read_is_nobodys_error(void **state)
{
    struct world *w = *state;
    uint8_t byte;

    rig_fail(&w->rig, DEV_READ, 1, false);
    read_page(w, 0); /* the window fails, the page is read by itself */
    rig_fail(&w->rig, DEV_READ, 1, true);
    cache_fault_ahead(w->map, &w->ra, 100, CACHE_ADVICE_NORMAL);
    cache_read_ahead(w->map, 200, 220);
    assert_int_equal(cached_pages(w), 1);
    assert_int_equal(cache_read(w->map, &w->ra, 100 * PAGE_BYTES, &byte, 1), -EIO);
    rig_fail(&w->rig, DEV_READ, 0, false);
    read_page(w, 100);
}

static void a_window_for_which_there_is_no_memory_is_not_read(void **state)
{
    struct world *w = *state;
    struct frame *frames[512];
    uint64_t taken = 0;

    while (w->rig.frames.used < 512 - 8)
        frames[taken++] = frame_alloc(&w->rig.frames, MW_OWNER_ANONYMOUS, false);
    for (uint64_t i = 0; i < 40; i++)
        read_page(w, i);
    assert_true(cached_pages(w) <= 8);
    while (taken > 0)
        frame_put(&w->rig.frames, frames[--taken]);
}

static void each_allocation_of_a_window_may_fail(void **state)
{
    struct world *w = *state;
    bool reached = true;

    for (uint64_t n = 1; reached; n++) {
        cache_drop_clean(&w->rig.cache);
        cache_readahead_init(&w->ra, &w->rig.cache);
        w->rig.alloc.fail_at = w->rig.alloc.calls + n;
        cache_read_ahead(w->map, 60, 140);
        reached = w->rig.alloc.calls >= w->rig.alloc.fail_at;
        w->rig.alloc.fail_at = 0;
        assert_true(cache_check(&w->rig.cache));
        read_page(w, 139);
    }
    assert_true(is_cached(w, 60));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(windows_double_up_to_the_limit),
        TEST(the_next_window_is_read_before_it_is_needed),
        TEST(without_a_window_each_page_is_a_request),
        TEST(random_reads_read_just_what_is_asked_for),
        TEST(one_large_read_is_few_requests),
        TEST(advice_sequential_doubles_the_window_and_random_ends_it),
        TEST(a_reader_who_follows_another_gets_a_window),
        TEST(holes_cost_no_request_and_no_data),
        TEST(a_fault_reads_around_itself),
        TEST(a_fault_at_the_mark_reads_the_next_window),
        TEST(faults_follow_the_advice_for_the_area),
        TEST(faults_that_only_ever_miss_stop_reading_around),
        TEST(a_window_that_cannot_be_read_is_nobodys_error),
        TEST(a_window_for_which_there_is_no_memory_is_not_read),
        TEST(each_allocation_of_a_window_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
