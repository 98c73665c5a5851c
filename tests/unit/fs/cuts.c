/* Power cuts on a volume: the model, the runs, and what is looked at after a cut. */
#include "cuts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/prng.h"
#include "dev/dev_image.h"
#include "fs/volume_inner.h"

static const char *const names[NAMES] = {"/a",     "/b",     "/dir/c", "/dir/d", "/dir/e", "/f",
                                         "/g/h/i", "/g/h/j", "/k",     "/l",     "/dir/m", "/n"};

/* ---- the model ---- */

static void model_write(struct file_state *file, const struct step *step, uint16_t number)
{
    for (unsigned page = step->a; page < step->a + (unsigned)step->b; page++)
        file->writer[page] = number;
    if (file->pages < step->a + step->b)
        file->pages = (uint16_t)(step->a + step->b);
}

static void model_step(struct state *state, const struct step *step, uint16_t number)
{
    struct file_state *file = &state->files[step->name];

    switch (step->action) {
    case CREATE:
        *file = (struct file_state){.id = number};
        break;
    case WRITE:
        model_write(file, step, number);
        break;
    case RESERVE:
        if (file->pages < step->a + 1u)
            file->pages = (uint16_t)(step->a + 1u);
        break;
    case SIZE:
        for (unsigned page = step->a; page < PAGES; page++)
            file->writer[page] = 0;
        file->pages = step->a;
        break;
    case UNLINK:
        *file = (struct file_state){0};
        break;
    case RENAME:
        state->files[step->a] = *file;
        *file = (struct file_state){0};
        break;
    case SYNC:
    case HOLD:
    case LET_GO:
        break;
    }
}

void scenario_prepare(struct scenario *s)
{
    s->states = test_calloc(s->count + 1, sizeof(*s->states));
    for (unsigned i = 0; i < s->count; i++) {
        s->states[i + 1] = s->states[i];
        model_step(&s->states[i + 1], &s->steps[i], (uint16_t)(i + 1));
    }
}

/* The bytes that a step writes: its number, over and over, so that each sector tells. */
static void fill_page(uint8_t *bytes, uint16_t number)
{
    for (unsigned i = 0; i < FS_PAGE_BYTES; i += 2) {
        bytes[i] = (uint8_t)(number >> 8);
        bytes[i + 1] = (uint8_t)number;
    }
}

/* ---- the real thing ---- */

static int world_write(struct inode *ino, const struct step *step, uint16_t number)
{
    uint64_t end = ((uint64_t)step->a + step->b) * FS_PAGE_BYTES;
    uint8_t page[FS_PAGE_BYTES];
    const void *pages[PAGES];
    int err = 0;

    fill_page(page, number);
    for (unsigned i = 0; i < step->b; i++)
        pages[i] = page;
    if (end > inode_bytes(ino))
        err = inode_set_bytes(ino, end);
    return err != 0 ? err : inode_write_gather(ino, step->a, step->b, pages, 0);
}

static int world_on_file(struct world *w, const struct step *step, uint16_t number)
{
    struct inode *ino;
    int err = inode_open(w->volume, names[step->name], &ino);

    if (err != 0)
        return err;
    if (step->action == WRITE)
        err = world_write(ino, step, number);
    else if (step->action == RESERVE)
        err = inode_extend_page(ino, step->a, (step->a + 1u) * (uint64_t)FS_PAGE_BYTES);
    else
        err = inode_set_bytes(ino, (uint64_t)step->a * FS_PAGE_BYTES);
    inode_put(ino);
    return err;
}

static int world_step(struct world *w, const struct step *step, uint16_t number)
{
    struct inode *ino;
    int err;

    switch (step->action) {
    case CREATE:
        err = inode_create(w->volume, names[step->name], true, &ino);
        if (err == 0)
            inode_put(ino);
        return err;
    case WRITE:
    case RESERVE:
    case SIZE:
        return world_on_file(w, step, number);
    case UNLINK:
        return inode_unlink(w->volume, names[step->name]);
    case RENAME:
        return volume_rename(w->volume, names[step->name], names[step->a], 0);
    case SYNC:
        return volume_sync(w->volume);
    case HOLD:
        return inode_open(w->volume, names[step->name], &w->held[step->name]);
    case LET_GO:
        inode_put(w->held[step->name]);
        w->held[step->name] = NULL;
        return 0;
    }
    return -EINVAL;
}

static void world_let_go(struct world *w)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (w->held[i] != NULL)
            inode_put(w->held[i]);
    memset(w->held, 0, sizeof(w->held));
}

void world_up(struct world *w, uint64_t bytes)
{
    static const struct dev_volatile_options overlay = {.ignore_flush = true};

    memset(w, 0, sizeof(*w));
    assert_int_equal(dev_ram_new(&w->alloc, bytes, &w->ram), 0);
    assert_int_equal(volume_format(&w->alloc, w->ram), 0);
    assert_int_equal(dev_volatile_new(&w->alloc, w->ram, &overlay, &w->base), 0);
    assert_int_equal(dev_volatile_new(&w->alloc, w->base, NULL, &w->disk), 0);
    assert_int_equal(dev_faulty_new(&w->alloc, w->disk, &w->faults, &w->faulty), 0);
    assert_int_equal(dev_volatile_new(&w->alloc, w->base, &overlay, &w->outcome), 0);
    assert_int_equal(dev_volatile_new(&w->alloc, w->outcome, NULL, &w->again), 0);
}

void world_down(struct world *w)
{
    dev_destroy(w->again);
    dev_destroy(w->outcome);
    dev_destroy(w->faulty);
    dev_destroy(w->disk);
    dev_destroy(w->base);
    dev_destroy(w->ram);
    assert_int_equal(w->alloc.live_blocks, 0);
}

void overlay_reset(struct dev *overlay)
{
    dev_volatile_cut(overlay, DEV_CUT_LOSE_ALL);
    dev_volatile_power_on(overlay);
}

/* A step that fails while there is power is taken again: it left everything as it was. */
static int world_step_again(struct world *w, const struct step *step, uint16_t number)
{
    int err = world_step(w, step, number);

    if (err != 0 && dev_volatile_is_powered(w->disk)) {
        assert_int_equal(err, -EIO);
        assert_true(volume_check(w->volume));
        if (step->action != SYNC)
            err = world_step(w, step, number);
    }
    return err;
}

/* Takes one step. False: the power is gone. */
static bool world_advance(struct world *w, struct scenario *s)
{
    const struct step *step = &s->steps[w->reached];
    uint32_t head = w->volume->journal.head;
    int err = world_step_again(w, step, (uint16_t)(w->reached + 1));

    if (!dev_volatile_is_powered(w->disk))
        return false;
    assert_true(err == 0 || step->action == SYNC);
    if (step->action == SYNC && err == 0)
        w->synced = w->reached + 1;
    if (w->volume->journal.head < head)
        s->restart = w->reached + 1;
    return true;
}

/*
 * Runs the scenario until the power goes at the n-th request behind first_cut. False: it ended
 * before.
 */
bool world_run(struct world *w, struct scenario *s, uint64_t n)
{
    overlay_reset(w->disk);
    overlay_reset(w->base);
    w->synced = 0;
    assert_int_equal(volume_mount(&w->alloc, w->faulty, &w->volume), 0);
    for (w->reached = 0; w->reached < s->count; w->reached++) {
        if (w->reached == s->first_cut)
            dev_volatile_stop_at(w->disk, n);
        if (!world_advance(w, s))
            break;
    }
    world_let_go(w);
    volume_abandon(w->volume);
    w->volume = NULL;
    return !dev_volatile_is_powered(w->disk);
}

/* ---- what is there after a cut ---- */

/* May this sector of a page hold what it does, if the file was in this state? */
static bool sector_allowed(const struct world *w, const struct scenario *s,
                           const struct file_state *file, unsigned page, const uint8_t *sector)
{
    unsigned writer = (unsigned)sector[0] << 8 | sector[1];
    const struct step *step;

    for (unsigned i = 2; i < DEV_SECTOR_BYTES; i++)
        if (sector[i] != sector[i - 2])
            return false;
    if (writer == file->writer[page])
        return true;
    /* Data goes to its place at once: it may be newer than the file that it belongs to. */
    if (writer <= w->synced || writer > w->reached + 1)
        return false;
    step = &s->steps[writer - 1];
    for (unsigned name = 0; name < NAMES; name++)
        if (s->states[writer].files[name].id == file->id && step->action == WRITE &&
            step->name == name && page >= step->a && page < step->a + (unsigned)step->b)
            return true;
    return false;
}

static bool file_is(struct world *w, const struct scenario *s, struct volume *v, unsigned name,
                    const struct file_state *file)
{
    uint8_t page[FS_PAGE_BYTES];
    struct inode *ino;
    int err = inode_open(v, names[name], &ino);
    bool same;

    if (file->id == 0)
        assert_true(err == 0 || err == -ENOENT);
    if (err != 0)
        return file->id == 0;
    same = file->id != 0 && inode_bytes(ino) == (uint64_t)file->pages * FS_PAGE_BYTES;
    for (unsigned i = 0; same && i < file->pages; i++) {
        assert_int_equal(inode_read_pages(ino, i, 1, page, NULL), 0);
        for (unsigned at = 0; at < FS_PAGE_BYTES; at += DEV_SECTOR_BYTES)
            same = same && sector_allowed(w, s, file, i, page + at);
    }
    inode_put(ino);
    return same;
}

static bool volume_is(struct world *w, const struct scenario *s, struct volume *v,
                      const struct state *state)
{
    bool same = true;

    for (unsigned name = 0; same && name < NAMES; name++)
        same = file_is(w, s, v, name, &state->files[name]);
    return same;
}

/* One of the states from the last sync on, up to the step that was under way. */
static void check_volume(struct world *w, const struct scenario *s, struct volume *v)
{
    unsigned last = w->reached < s->count ? w->reached + 1 : s->count;
    unsigned at = w->synced;

    assert_true(volume_check(v));
    while (at <= last && !volume_is(w, s, v, &s->states[at]))
        at++;
    if (at > last)
        print_message("cut in step %u, synced %u: no state fits\n", w->reached, w->synced);
    assert_true(at <= last);
}

/* The volume goes on: new blocks and inodes, a commit, another replay. */
int use_volume(struct volume *v)
{
    struct inode *ino;
    int err = inode_create(v, "/after/the/cut", true, &ino);

    if (err != 0)
        return err;
    err = inode_extend_page(ino, 3, 4 * FS_PAGE_BYTES);
    inode_put(ino);
    return err != 0 ? err : volume_sync(v);
}

static int shell(const char *command, const char *path)
{
    char line[600];
    int status;

    snprintf(line, sizeof(line), "image=%s; PATH=$PATH:/sbin:/usr/sbin; { %s; } >/dev/null 2>&1",
             path, command);
    status = system(line);
    return status >> 8;
}

static void store(struct dev *dev, const char *path)
{
    FILE *file = fopen(path, "wb");
    uint8_t *bytes = test_malloc(DEV_MOST_BLOCKS * DEV_BLOCK_BYTES);

    assert_non_null(file);
    for (uint64_t block = 0; block < dev->blocks; block += DEV_MOST_BLOCKS) {
        assert_int_equal(dev_read(dev, block, DEV_MOST_BLOCKS, bytes), 0);
        assert_int_equal(fwrite(bytes, DEV_BLOCK_BYTES, DEV_MOST_BLOCKS, file), DEV_MOST_BLOCKS);
    }
    test_free(bytes);
    assert_int_equal(fclose(file), 0);
}

static void image_path(char path[64])
{
    snprintf(path, 64, "%s/mapwalk-cut-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (long)getpid());
}

/* e2fsck replays and finds nothing else to do; then we mount. */
static void check_with_fsck(struct world *w, const struct scenario *s, struct dev *dev)
{
    char path[64];
    struct dev *image;
    struct volume *v;

    if (!disk_have("e2fsck"))
        return;
    image_path(path);
    store(dev, path);
    /* 1: the replay itself. What it has to say beside that would be a repair. */
    assert_true(shell("e2fsck -E journal_only -y $image", path) <= 1);
    assert_int_equal(
        shell("test -z \"$(debugfs -R 'stats -h' $image | grep needs_recovery)\"", path), 0);
    assert_true(shell("e2fsck -fy $image", path) <= 1); /* files without a name go */
    assert_int_equal(shell("e2fsck -fn $image", path), 0);
    assert_int_equal(dev_image_open(&w->alloc, path, &(struct dev_image_options){0}, &image), 0);
    assert_int_equal(volume_mount(&w->alloc, image, &v), 0);
    check_volume(w, s, v);
    assert_int_equal(volume_unmount(v), 0);
    dev_destroy(image);
    unlink(path);
    w->fscks++;
}

/* Our own replay, then e2fsck finds nothing at all. */
static void check_clean_after_replay(struct dev *dev)
{
    char path[64];

    if (!disk_have("e2fsck"))
        return;
    image_path(path);
    store(dev, path);
    assert_int_equal(shell("e2fsck -fn $image", path), 0);
    unlink(path);
}

void check_outcome(struct world *w, const struct scenario *s, bool fsck)
{
    uint64_t requests = dev_volatile_requests(w->outcome);
    struct volume *v;

    w->outcomes++;
    if (fsck)
        check_with_fsck(w, s, w->outcome);
    if (w->outcomes % 4 == 0) {
        assert_int_equal(volume_mount_read_only(&w->alloc, w->outcome, &v), 0);
        check_volume(w, s, v);
        volume_abandon(v);
        assert_int_equal(dev_volatile_requests(w->outcome), requests);
    }
    assert_int_equal(volume_mount(&w->alloc, w->outcome, &v), 0);
    check_volume(w, s, v);
    assert_int_equal(use_volume(v), 0);
    check_volume(w, s, v);
    if (fsck) {
        assert_int_equal(volume_unmount(v), 0);
        check_clean_after_replay(w->outcome);
    } else {
        volume_abandon(v);
    }
    overlay_reset(w->outcome);
}

/* The power goes a second time, while the first cut is being mended or soon after. */
static void check_second_cut(struct world *w, const struct scenario *s, uint64_t seed)
{
    struct volume *v;

    for (unsigned n = 1; n <= REPLAY_CUTS; n++) {
        assert_int_equal(dev_volatile_cut_onto(w->disk, seed, w->outcome), 0);
        overlay_reset(w->again);
        dev_volatile_cut_at(w->again, n, seed + n);
        if (volume_mount(&w->alloc, w->again, &v) == 0) {
            (void)!use_volume(v);
            volume_abandon(v);
        }
        overlay_reset(w->again);
        assert_int_equal(volume_mount(&w->alloc, w->again, &v), 0);
        check_volume(w, s, v);
        volume_abandon(v);
        overlay_reset(w->again);
        overlay_reset(w->outcome);
        w->outcomes++;
    }
}

static void check_cut(struct world *w, const struct scenario *s, uint64_t n, bool fsck)
{
    uint64_t pending = dev_volatile_pending(w->disk);

    assert_int_equal(dev_volatile_cut_onto(w->disk, DEV_CUT_KEEP_ALL, w->outcome), 0);
    check_outcome(w, s, false);
    assert_int_equal(dev_volatile_cut_onto(w->disk, DEV_CUT_LOSE_ALL, w->outcome), 0);
    check_outcome(w, s, false);
    for (uint64_t mask = 1; pending <= ALL_MASKS && mask + 1 < (1u << pending); mask++) {
        assert_int_equal(dev_volatile_cut_mask_onto(w->disk, mask, w->outcome), 0);
        check_outcome(w, s, false);
    }
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        assert_int_equal(dev_volatile_cut_onto(w->disk, n * 1000 + seed, w->outcome), 0);
        check_outcome(w, s, fsck && seed == 1);
    }
}

/* How many requests the scenario makes behind first_cut. */
static uint64_t count_requests(struct world *w, struct scenario *s)
{
    uint64_t before;

    assert_false(world_run(w, s, 0));
    assert_int_equal(w->reached, s->count);
    before = dev_volatile_requests(w->disk);
    assert_false(world_run(w, s, UINT32_MAX));
    return dev_volatile_requests(w->disk) - before;
}

/* Cuts at the first `most` requests behind first_cut. */
void cut_everywhere(struct scenario *s, uint64_t most)
{
    struct world w;
    uint64_t total;

    scenario_prepare(s);
    world_up(&w, DISK_BYTES);
    total = count_requests(&w, s);
    total = total < most ? total : most;
    for (uint64_t n = 1; n <= total && world_run(&w, s, n); n++) {
        check_cut(&w, s, n, n % (total / FSCKS + 1) == 0);
        if (n % 8 == 0)
            check_second_cut(&w, s, n);
    }
    print_message("%u outcomes, %u by e2fsck\n", w.outcomes, w.fscks);
    world_down(&w);
    test_free(s->states);
}

/* Random steps that make sense. */
unsigned random_steps(struct step *steps, unsigned count, unsigned sync_every, uint64_t seed)
{
    struct state state = {0};
    struct prng random;

    prng_seed(&random, seed);
    for (unsigned i = 0; i < count; i++) {
        uint8_t name = (uint8_t)prng_below(&random, NAMES);
        uint16_t page = (uint16_t)prng_below(&random, PAGES - 4);
        struct step step = {CREATE, name, 0, 0};

        if (prng_below(&random, sync_every) == 0)
            step.action = SYNC;
        else if (state.files[name].id != 0) {
            static const enum action actions[] = {WRITE, WRITE, RESERVE, SIZE, UNLINK, RENAME};

            step.action = actions[prng_below(&random, 6)];
            step.a =
                step.action == RENAME ? (uint16_t)((name + 1 + page % (NAMES - 1)) % NAMES) : page;
            step.b = (uint16_t)(step.action == WRITE ? 1 + prng_below(&random, 4) : 0);
        }
        /* Only into directories that are there. */
        if (step.action == RENAME && state.files[step.a].id == 0)
            step.action = SYNC;
        steps[i] = step;
        model_step(&state, &step, (uint16_t)(i + 1));
    }
    return count;
}
