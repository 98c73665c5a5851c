/* The fixture of the tests of cache. */
#include "rig.h"

/* The mapper has no context but the map; the cache's own place in the rig leads back. */
static struct rig *rig_of(struct file_map *map)
{
    return container_of(map->cache, struct rig, cache);
}

static void rig_note(struct rig *r, enum note_kind kind, uint64_t first, uint64_t end)
{
    if (r->note_count < RIG_NOTES)
        r->notes[r->note_count] = (struct note){kind, first, end};
    r->note_count++; /* all are counted, the first ones kept */
}

static bool rig_clean_page(struct file_map *map, uint64_t index)
{
    rig_note(rig_of(map), NOTE_CLEAN, index, index + 1);
    return true;
}

static void rig_unmap_pages(struct file_map *map, uint64_t first, uint64_t end)
{
    rig_note(rig_of(map), NOTE_UNMAP, first, end);
}

static const struct mapper_ops rig_mapper = {.clean_page = rig_clean_page,
                                             .unmap_pages = rig_unmap_pages};

static void rig_event(void *context, const struct mw_event *event)
{
    struct rig *r = context;

    r->events[event->kind]++;
    r->last[event->kind] = *event;
    if (event->kind == MW_EVENT_BLOCK_WRITE)
        rig_note(r, NOTE_DEVICE_WRITE, event->arg[0], event->arg[0] + event->arg[1]);
    if (event->kind == MW_EVENT_BLOCK_FLUSH)
        rig_note(r, NOTE_DEVICE_FLUSH, 0, 0);
}

static void rig_start(struct rig *r)
{
    assert_int_equal(volume_mount(&r->alloc, r->dev, &r->volume), 0);
    dev_attach(r->dev, &r->bus, &r->clock);
    assert_int_equal(cache_init(&r->cache, &r->alloc, &r->frames, &r->bus, r->volume, &rig_mapper),
                     0);
    rig_clear(r);
}

static void rig_stop(struct rig *r, bool sync)
{
    list_for_each (node, &r->cache.maps)
        assert_int_equal(container_of(node, struct file_map, link)->refs, 0);
    assert_true(cache_check(&r->cache));
    if (sync)
        assert_int_equal(cache_sync(&r->cache), 0);
    cache_destroy(&r->cache);
    assert_int_equal(r->frames.used, 0);
    if (sync)
        assert_int_equal(volume_unmount(r->volume), 0);
    else
        volume_abandon(r->volume);
}

void rig_up(struct rig *r, uint64_t frames)
{
    memset(r, 0, sizeof(*r));
    event_bus_init(&r->bus, &r->clock);
    assert_int_equal(event_subscribe(&r->bus, MW_EVENTS_ALL, rig_event, r), 0);
    assert_int_equal(ram_init(&r->ram, paddr(0x80000000), frames * PAGE_BYTES, 0), 0);
    assert_int_equal(frame_table_init(&r->frames, &r->ram, &r->bus, &r->clock, 0, 0), 0);
    assert_int_equal(dev_ram_new(&r->alloc, RIG_DISK, &r->disk), 0);
    assert_int_equal(dev_faulty_new(&r->alloc, r->disk, &r->faults, &r->dev), 0);
    assert_int_equal(volume_format(&r->alloc, r->dev), 0);
    rig_start(r);
}

void rig_down(struct rig *r)
{
    rig_fail(r, DEV_READ, 0, false);
    rig_clear(r);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_true(volume_check(r->volume));
    rig_stop(r, true);
    dev_destroy(r->dev);
    dev_destroy(r->disk);
    assert_true(frame_check(&r->frames, true));
    frame_table_destroy(&r->frames);
    ram_destroy(&r->ram);
    assert_int_equal(r->alloc.live_blocks, 0);
}

void rig_restart(struct rig *r)
{
    rig_stop(r, true);
    rig_start(r);
}

void rig_power_cut(struct rig *r)
{
    rig_stop(r, false);
    rig_start(r);
}

void rig_clear(struct rig *r)
{
    r->note_count = 0;
    memset(r->events, 0, sizeof(r->events));
}

void rig_fail(struct rig *r, enum dev_request kind, uint64_t n, bool sticky)
{
    memset(&r->faults, 0, sizeof(r->faults));
    r->faults.fail_at[kind] = n;
    r->faults.sticky = sticky;
}

struct file_map *rig_open(struct rig *r, const char *path)
{
    struct inode *inode;
    struct file_map *map;
    int err = inode_open(r->volume, path, &inode);

    if (err == -ENOENT)
        err = inode_create(r->volume, path, true, &inode);
    assert_int_equal(err, 0);
    assert_int_equal(file_map_open(&r->cache, inode, &map), 0);
    inode_put(inode);
    return map;
}

static uint8_t pattern(uint64_t i, uint8_t seed)
{
    return (uint8_t)(i * 31 + seed);
}

void rig_write_pattern(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed)
{
    uint8_t *bytes = test_malloc(count);

    for (uint64_t i = 0; i < count; i++)
        bytes[i] = pattern(i, seed);
    assert_int_equal(cache_write(map, offset, bytes, count), count);
    test_free(bytes);
}

void rig_expect_pattern(struct file_map *map, uint64_t offset, uint64_t count, uint8_t seed)
{
    uint8_t *bytes = test_calloc(1, count);

    assert_int_equal(cache_read(map, offset, bytes, count), count);
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i] != pattern(i, seed))
            fail_msg("byte %llu is %u", (unsigned long long)(offset + i), bytes[i]);
    test_free(bytes);
}

void rig_expect_zeros(struct file_map *map, uint64_t offset, uint64_t count)
{
    uint8_t *bytes = test_malloc(count);

    memset(bytes, 1, count);
    assert_int_equal(cache_read(map, offset, bytes, count), count);
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            fail_msg("byte %llu is %u", (unsigned long long)(offset + i), bytes[i]);
    test_free(bytes);
}

uint8_t *rig_page(struct file_map *map, uint64_t index)
{
    struct frame *frame;

    assert_int_equal(cache_page(map, index, &frame, NULL), 0);
    return frame_bytes(map->cache->frames, frame);
}

bool rig_is_dirty(const struct file_map *map, uint64_t index)
{
    return radix_get(&map->pages, index) != NULL &&
           radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY);
}
