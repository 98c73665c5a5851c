/* Power cuts in random histories of all operations together. */
#include <stdio.h>

#include "power/campaign.h"

#define PATHS      6u
#define MOST_PAGES 28u
#define FAR_PAGES \
    56u /* some files are changed around here: there tables begin, and tables of tables */
#define STEPS 60u

struct player {
    struct rig *rig;
    uint32_t files[PATHS]; /* SHADOW_NO_FILE: nothing has the path */
    char paths[PATHS][32];
};

static uint64_t cells(struct player *p, uint64_t most_bytes)
{
    return (1 + rig_below(p->rig, most_bytes / CELL_BYTES)) * CELL_BYTES;
}

static uint64_t bytes_of(const struct player *p, uint32_t file)
{
    return shadow_file_bytes(p->rig->shadow, file);
}

/* The first page that is worked on. */
static uint64_t near_of(uint32_t file)
{
    return file % 3 == 0 ? RIG_PAGES(FAR_PAGES) : 0;
}

/* Some range of the file; false: it is empty. */
static bool part(struct player *p, uint32_t file, uint64_t most_bytes, uint64_t *offset,
                 uint64_t *bytes)
{
    uint64_t end = bytes_of(p, file);
    uint64_t start = near_of(file) < end ? near_of(file) : 0;

    if (end == 0)
        return false;
    *offset = start + rig_below(p->rig, (end - start) / CELL_BYTES) * CELL_BYTES;
    *bytes = cells(p, most_bytes);
    *bytes = *offset + *bytes > end ? end - *offset : *bytes;
    return true;
}

/* A file that may be worked on; opened, made and mapped when it is not yet. */
static uint32_t some_file(struct player *p)
{
    static const int kinds[] = {0, 0, 0, O_SYNC, O_DSYNC};
    unsigned i = (unsigned)rig_below(p->rig, PATHS);
    uint32_t file = p->files[i];

    if (file != SHADOW_NO_FILE)
        return file;
    file = rig_file(p->rig, p->paths[i], kinds[rig_below(p->rig, 5)]);
    rig_map(p->rig, file, RIG_PAGES(FAR_PAGES + MOST_PAGES + 4));
    p->files[i] = file;
    return file;
}

static void step_write(struct player *p, uint32_t file)
{
    uint64_t offset = rig_below(p->rig, RIG_PAGES(MOST_PAGES - 4) / CELL_BYTES) * CELL_BYTES;

    rig_write(p->rig, file, near_of(file) + offset, cells(p, RIG_PAGES(4)));
}

static void step_append(struct player *p, uint32_t file)
{
    if (bytes_of(p, file) < near_of(file) + RIG_PAGES(MOST_PAGES - 4))
        rig_append(p->rig, file, cells(p, RIG_PAGES(3)));
}

static void step_store(struct player *p, uint32_t file)
{
    uint64_t offset;
    uint64_t bytes;

    if (part(p, file, RIG_PAGES(3), &offset, &bytes))
        rig_store(p->rig, file, offset, bytes);
}

static void step_msync(struct player *p, uint32_t file)
{
    uint64_t offset;
    uint64_t bytes;

    if (part(p, file, RIG_PAGES(8), &offset, &bytes))
        rig_msync(p->rig, file, offset, bytes, rig_below(p->rig, 4) == 0 ? MS_ASYNC : MS_SYNC);
}

static void step_punch(struct player *p, uint32_t file)
{
    uint64_t offset;
    uint64_t bytes;

    if (!part(p, file, RIG_PAGES(6), &offset, &bytes))
        return;
    if (rig_below(p->rig, 3) == 0)
        rig_zero_range(p->rig, file, offset, bytes);
    else
        rig_punch(p->rig, file, offset, bytes);
}

static void step_truncate(struct player *p, uint32_t file)
{
    rig_truncate(p->rig, file, near_of(file) + cells(p, RIG_PAGES(MOST_PAGES)) - CELL_BYTES);
}

static void step_allocate(struct player *p, uint32_t file)
{
    rig_allocate(p->rig, file, near_of(file) + cells(p, RIG_PAGES(MOST_PAGES - 4)),
                 cells(p, RIG_PAGES(4)));
}

static void step_fsync(struct player *p, uint32_t file)
{
    if (rig_below(p->rig, 2) == 0)
        rig_fsync(p->rig, file);
    else
        rig_fdatasync(p->rig, file);
}

static void step_write_out(struct player *p, uint32_t file)
{
    rig_sync_file_range(p->rig, file, 0, RIG_PAGES(FAR_PAGES + MOST_PAGES));
}

static void step_time(struct player *p, uint32_t file)
{
    (void)file;
    rig_advance(p->rig, rig_below(p->rig, 40) * RIG_SECOND_NS);
}

static void step_drop(struct player *p, uint32_t file)
{
    (void)file;
    rig_drop_caches(p->rig);
}

static void step_sync(struct player *p, uint32_t file)
{
    (void)file;
    rig_sync(p->rig);
}

/* What has the file's path now? The slot of it. */
static unsigned slot_of(const struct player *p, uint32_t file)
{
    unsigned i = 0;

    while (p->files[i] != file)
        i++;
    return i;
}

static void step_unlink(struct player *p, uint32_t file)
{
    unsigned i = slot_of(p, file);

    rig_unlink(p->rig, p->paths[i]);
    if (rig_below(p->rig, 2) == 0 && bytes_of(p, file) > 0)
        rig_store(p->rig, file, 0, CELL_BYTES);
    rig_shut(p->rig, file);
    p->files[i] = SHADOW_NO_FILE;
}

static void step_rename(struct player *p, uint32_t file)
{
    unsigned from = slot_of(p, file);
    unsigned to = (from + 1 + (unsigned)rig_below(p->rig, PATHS - 1)) % PATHS;

    rig_rename(p->rig, p->paths[from], p->paths[to]);
    if (p->files[to] != SHADOW_NO_FILE)
        rig_shut(p->rig, p->files[to]);
    p->files[to] = file;
    p->files[from] = SHADOW_NO_FILE;
}

/* By weight: the last ones change names. */
static void step(struct player *p)
{
    static void (*const steps[])(struct player *, uint32_t) = {
        step_write,    step_write,    step_append,    step_append, step_store, step_store,
        step_store,    step_msync,    step_msync,     step_fsync,  step_fsync, step_punch,
        step_truncate, step_allocate, step_write_out, step_time,   step_drop,  step_sync,
        step_rename,   step_rename,   step_unlink};
    uint32_t file = some_file(p);

    steps[rig_below(p->rig, sizeof steps / sizeof steps[0])](p, file);
}

static void random_history(struct rig *r)
{
    struct player p = {.rig = r};

    rig_mkdir(r, "/d");
    for (unsigned i = 0; i < PATHS; i++)
        snprintf(p.paths[i], sizeof p.paths[i], i % 2 == 0 ? "/f%u" : "/d/f%u", i);
    rig_mark(r);
    for (unsigned i = 0; i < STEPS; i++)
        step(&p);
}

static void random_histories_lose_nothing(void **state)
{
    const struct scenario s = {.name = "random",
                               .run = random_history,
                               .disks = ON_JOURNAL | ON_EXT3,
                               .seeds = 5,
                               .budget = 1000};

    campaign_run(*state, &s);
}

/* The same with so little memory that pages go to the disk at any time, and a disk that is slow. */
static void random_histories_with_little_memory_lose_nothing(void **state)
{
    const struct scenario s = {.name = "random_small",
                               .run = random_history,
                               .disks = ON_JOURNAL | ON_EXT3,
                               .seeds = 2,
                               .budget = 1000,
                               .ram_mib = 1,
                               .dirty_percent = 4,
                               .latency = "hdd"};

    campaign_run(*state, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_lose_nothing),
        cmocka_unit_test(random_histories_with_little_memory_lose_nothing),
    };

    return cmocka_run_group_tests(tests, campaign_begin, campaign_end);
}
