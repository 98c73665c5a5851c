/*
 * The cache as a whole and its file maps: who has a file open, and when its pages go.
 *
 * Layer 5; knows neither VMAs nor page tables. A map lives as long as it has references or pages.
 * While it lives it holds one reference to its inode and is found through it (inode_owner), so that
 * all opens of a file share one map. When the last reference goes, the pages stay for the next
 * open, unless the file has no name any more.
 */
#include <string.h>

#include "base/contract.h"
#include "cache/cache_inner.h"

/* Pages read together at most, whatever the policy says: larger windows are cut. */
#define CACHE_WINDOW_MOST 512u

/* So many pages at least: direct transfers need one for each end. */
#define CACHE_WINDOW_LEAST 2u

/* The frames that a ratio of the policy stands for. */
static uint64_t cache_limit(const struct cache *c, uint32_t ratio)
{
    return ratio == 0 || ratio >= 100 ? UINT64_MAX : c->frames->total * ratio / 100;
}

/* Twice the window of the policy: sequential readers get that. */
static uint32_t cache_window_pages(const struct cache_policy *policy)
{
    if (policy->max_readahead_pages > CACHE_WINDOW_MOST / 2)
        return CACHE_WINDOW_MOST;
    return policy->max_readahead_pages == 0 ? CACHE_WINDOW_LEAST : 2 * policy->max_readahead_pages;
}

static uint32_t cache_run_pages(const struct dev *dev)
{
    uint32_t blocks = dev->most_blocks == 0 ? DEV_MOST_BLOCKS : dev->most_blocks;
    uint32_t pages = blocks / (uint32_t)(PAGE_BYTES / DEV_BLOCK_BYTES);

    return pages == 0 ? 1 : pages;
}

int cache_init(struct cache *c, const struct cache_setup *setup)
{
    memset(c, 0, sizeof *c);
    c->alloc = setup->alloc;
    c->frames = setup->frames;
    c->bus = setup->bus;
    c->clock = setup->clock;
    c->volume = setup->volume;
    c->dev = setup->dev;
    c->mapper = setup->mapper;
    c->policy = setup->policy;
    c->background_limit = cache_limit(c, c->policy.background_ratio);
    c->limit = cache_limit(c, c->policy.ratio);
    c->due_ns = UINT64_MAX;
    list_init(&c->maps);
    c->run_pages = cache_run_pages(c->dev);
    c->window_pages = cache_window_pages(&c->policy);
    c->run = alloc_zeroed(c->alloc, c->run_pages * sizeof(*c->run));
    c->window = alloc_zeroed(c->alloc, c->window_pages * PAGE_BYTES);
    if (c->run != NULL && c->window != NULL)
        return 0;
    alloc_release(c->alloc, c->run);
    alloc_release(c->alloc, c->window);
    return -ENOMEM;
}

/* A map with one reference and no pages. `inode` NULL: anonymous memory. */
static int cache_new_map(struct cache *c, struct inode *inode, struct file_map **out)
{
    struct file_map *map = alloc_zeroed(c->alloc, sizeof *map);

    if (map == NULL)
        return -ENOMEM;
    map->cache = c;
    map->inode = inode;
    map->refs = 1;
    radix_init(&map->pages, c->alloc);
    list_init(&map->mappers);
    list_append(&c->maps, &map->link);
    *out = map;
    return 0;
}

/* Pre: no pages, no references. */
static void cache_free_map(struct file_map *map)
{
    list_remove(&map->link);
    radix_destroy(&map->pages);
    if (map->inode != NULL) {
        inode_set_owner(map->inode, NULL);
        inode_put(map->inode);
    }
    alloc_release(map->cache->alloc, map);
}

void cache_release_idle(struct file_map *map)
{
    if (map->refs == 0 && map->pages.count == 0)
        cache_free_map(map);
}

/* Will nobody ever open this map again? */
static bool cache_is_orphan(const struct file_map *map)
{
    return map->refs == 0 && (map->inode == NULL || inode_unlinked(map->inode));
}

static void cache_drop_orphan(struct file_map *map)
{
    cache_drop_pages(map, 0, UINT64_MAX);
    cache_free_map(map);
}

bool cache_reap(struct cache *c)
{
    bool reaped = false;

    list_for_each_safe (node, next_node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);

        if (cache_is_orphan(map)) {
            cache_drop_orphan(map);
            reaped = true;
        }
    }
    return reaped;
}

void cache_destroy(struct cache *c)
{
    cache_queue_forget(c);
    list_for_each_safe (node, next_node, &c->maps) {
        struct file_map *map = container_of(node, struct file_map, link);

        contract(map->refs == 0);
        cache_drop_pages(map, 0, UINT64_MAX);
        cache_free_map(map);
    }
    alloc_release(c->alloc, c->run);
    alloc_release(c->alloc, c->window);
    c->run = NULL;
    c->window = NULL;
}

int file_map_open(struct cache *c, struct inode *inode, struct file_map **out)
{
    int err;

    *out = inode_owner(inode);
    if (*out != NULL) {
        file_map_get(*out);
        return 0;
    }
    err = cache_new_map(c, inode, out);
    if (err != 0)
        return err;
    inode_get(inode);
    inode_set_owner(inode, *out);
    return 0;
}

int file_map_new_anonymous(struct cache *c, uint64_t bytes, struct file_map **out)
{
    int err = cache_new_map(c, NULL, out);

    if (err == 0)
        (*out)->anonymous_bytes = bytes;
    return err;
}

struct file_map *file_map_get(struct file_map *map)
{
    map->refs++;
    return map;
}

void file_map_put(struct file_map *map)
{
    contract(map->refs > 0);
    if (--map->refs > 0)
        return;
    if (cache_is_orphan(map))
        cache_drop_orphan(map);
    else
        cache_release_idle(map);
}

int cache_unlink(struct cache *c, const char *path)
{
    struct file_map *map;
    struct inode *inode;
    int err = inode_open(c->volume, path, &inode);

    if (err == -ELOOP || err == -ENXIO) /* a symbolic link, a device: no pages */
        return inode_unlink(c->volume, path);
    if (err != 0)
        return err;
    err = inode_unlink(c->volume, path);
    map = inode_owner(inode);
    if (err == 0 && map != NULL && cache_is_orphan(map))
        cache_drop_orphan(map);
    inode_put(inode);
    return err;
}
