/* The fixture of the tests of cache. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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

static bool rig_clean_pages(struct file_map *map, uint64_t first, uint64_t end)
{
    rig_note(rig_of(map), NOTE_CLEAN, first, end);
    return true;
}

static void rig_unmap_pages(struct file_map *map, uint64_t first, uint64_t end, bool copies)
{
    rig_of(map)->copies_unmapped = copies;
    rig_note(rig_of(map), NOTE_UNMAP, first, end);
}

static const struct mapper_ops rig_mapper = {.clean_pages = rig_clean_pages,
                                             .unmap_pages = rig_unmap_pages};

static void rig_event(void *context, const struct mw_event *event)
{
    struct rig *r = context;

    r->events[event->kind]++;
    r->last[event->kind] = *event;
    r->hash = prng_mix(r->hash ^ event->kind) ^ r->clock.now_ns;
    for (unsigned i = 0; i < sizeof(event->arg) / sizeof(event->arg[0]); i++)
        r->hash = prng_mix(r->hash ^ event->arg[i]);
    if (event->kind == MW_EVENT_BLOCK_WRITE)
        rig_note(r, NOTE_DEVICE_WRITE, event->arg[0], event->arg[0] + event->arg[1]);
    if (event->kind == MW_EVENT_BLOCK_FLUSH)
        rig_note(r, NOTE_DEVICE_FLUSH, 0, 0);
}

static void rig_start(struct rig *r)
{
    struct cache_setup setup = {.alloc = &r->alloc,
                                .frames = &r->frames,
                                .bus = &r->bus,
                                .clock = &r->clock,
                                .dev = r->dev,
                                .mapper = &rig_mapper,
                                .policy = r->options.policy};

    assert_int_equal(volume_mount(&r->alloc, r->dev, &r->volume), 0);
    dev_attach(r->dev, &r->bus, &r->clock);
    setup.volume = r->volume;
    assert_int_equal(cache_init(&r->cache, &setup), 0);
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

/* The disk, and what stands on it. */
static void rig_disk_up(struct rig *r)
{
    static const struct dev_latency slow = {.read_ns = (uint32_t)RIG_WRITE_NS,
                                            .write_ns = (uint32_t)RIG_WRITE_NS,
                                            .zero_ns = (uint32_t)RIG_WRITE_NS,
                                            .flush_ns = (uint32_t)RIG_FLUSH_NS};
    struct dev *top;

    assert_int_equal(dev_ram_new(&r->alloc, r->options.disk_bytes, &r->disk), 0);
    top = r->disk;
    if (r->options.write_cache) {
        assert_int_equal(dev_volatile_new(&r->alloc, r->disk, NULL, &r->volatile_dev), 0);
        top = r->volatile_dev;
    }
    assert_int_equal(dev_faulty_new(&r->alloc, top, &r->faults, &r->dev), 0);
    if (r->options.slow)
        dev_set_latency(r->dev, &slow);
    assert_int_equal(volume_format(&r->alloc, r->dev), 0);
}

static void rig_disk_down(struct rig *r)
{
    dev_destroy(r->dev);
    dev_destroy(r->volatile_dev);
    dev_destroy(r->disk);
}

/* The disk's contents in a file; what is zero stays a hole. */
static void rig_disk_store(struct rig *r, int fd)
{
    static const uint8_t zeros[DEV_BLOCK_BYTES];
    uint8_t bytes[DEV_BLOCK_BYTES];

    assert_int_equal(ftruncate(fd, (off_t)r->options.disk_bytes), 0);
    for (uint64_t block = 0; block < r->disk->blocks; block++) {
        assert_int_equal(dev_read(r->disk, block, 1, bytes), 0);
        if (memcmp(bytes, zeros, sizeof(bytes)) != 0)
            assert_int_equal(pwrite(fd, bytes, sizeof(bytes), (off_t)(block * DEV_BLOCK_BYTES)),
                             sizeof(bytes));
    }
}

/* After every test e2fsck has nothing to say, where there is one. */
static void rig_disk_fsck(struct rig *r)
{
    char path[] = "/tmp/mapwalk-rig-XXXXXX";
    char line[200];
    int fd = mkstemp(path);
    int status;

    assert_true(fd >= 0);
    rig_disk_store(r, fd);
    close(fd);
    snprintf(line, sizeof(line), "PATH=$PATH:/sbin:/usr/sbin e2fsck -fn %s >/dev/null 2>&1", path);
    status = system(line);
    unlink(path);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 127))
        fail_msg("e2fsck: status %d", status);
}

void rig_up(struct rig *r, uint64_t frames)
{
    const struct rig_options options = {.frames = frames};

    rig_up_with(r, &options);
}

void rig_up_with(struct rig *r, const struct rig_options *options)
{
    memset(r, 0, sizeof(*r));
    r->options = *options;
    if (r->options.frames == 0)
        r->options.frames = RIG_FRAMES;
    if (r->options.disk_bytes == 0)
        r->options.disk_bytes = RIG_DISK;
    event_bus_init(&r->bus, &r->clock);
    assert_int_equal(event_subscribe(&r->bus, MW_EVENTS_ALL, rig_event, r), 0);
    assert_int_equal(ram_init(&r->ram, paddr(0x80000000), r->options.frames * PAGE_BYTES, 0), 0);
    assert_int_equal(frame_table_init(&r->frames, &r->ram, &r->bus, &r->clock, 0, 0), 0);
    rig_disk_up(r);
    rig_start(r);
}

void rig_down(struct rig *r)
{
    rig_fail(r, DEV_READ, 0, false);
    rig_clear(r);
    assert_int_equal(cache_sync(&r->cache), 0);
    assert_true(volume_check(r->volume));
    rig_stop(r, true);
    rig_disk_fsck(r);
    rig_disk_down(r);
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

void rig_power_cut_with(struct rig *r, uint64_t seed)
{
    rig_fail(r, DEV_READ, 0, false);
    rig_stop(r, false);
    if (r->volatile_dev != NULL) {
        dev_volatile_cut(r->volatile_dev, seed);
        dev_volatile_power_on(r->volatile_dev);
    }
    dev_attach(r->dev, NULL, NULL); /* mounting is not what the tests look at */
    rig_start(r);
}

void rig_power_cut(struct rig *r)
{
    rig_power_cut_with(r, DEV_CUT_LOSE_ALL);
}

void rig_advance(struct rig *r, uint64_t ns)
{
    clock_advance(&r->clock, ns);
    cache_tick(&r->cache);
    assert_true(cache_check(&r->cache));
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

    assert_int_equal(cache_read(map, NULL, offset, bytes, count), count);
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i] != pattern(i, seed))
            fail_msg("byte %llu is %u", (unsigned long long)(offset + i), bytes[i]);
    test_free(bytes);
}

void rig_expect_zeros(struct file_map *map, uint64_t offset, uint64_t count)
{
    uint8_t *bytes = test_malloc(count);

    memset(bytes, 1, count);
    assert_int_equal(cache_read(map, NULL, offset, bytes, count), count);
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

int rig_fsync(struct file_map *map, uint64_t first, uint64_t end)
{
    return cache_fsync(map, first, end, &rig_of(map)->error_seen, CACHE_DATA_ONLY);
}

bool rig_is_writeback(const struct file_map *map, uint64_t index)
{
    return radix_get(&map->pages, index) != NULL &&
           radix_tag_get(&map->pages, index, CACHE_TAG_WRITEBACK);
}

void rig_store(struct file_map *map, uint64_t offset, uint8_t value)
{
    uint8_t *page = rig_page(map, offset >> PAGE_SHIFT);

    assert_int_equal(cache_dirty(map, offset >> PAGE_SHIFT), 0);
    page[offset & PAGE_MASK] = value;
}

bool rig_is_dirty(const struct file_map *map, uint64_t index)
{
    return radix_get(&map->pages, index) != NULL &&
           radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY);
}
