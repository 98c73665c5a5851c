/*
 * The world's operations: each does its call, judges what it reports by what the disk did meanwhile,
 * and keeps the shadow.
 */
#include "power/errors.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/falloc.h>

#include "base/err.h"
#include "kernel/machine.h"
#include "power/verify.h"

#define DISK_BYTES (UINT64_C(18) << 20) /* large enough for a journal */

/* ---- what the disk did during an operation ---- */

static bool errors_met(const struct errors_world *w, enum errors_what what)
{
    return errors_disk_failed(w->disk, what) > w->before[what];
}

/* Something of file 0 that was to become durable did not. */
static bool errors_met_write(const struct errors_world *w)
{
    return errors_met(w, ERRORS_DATA) || errors_met(w, ERRORS_ZEROS) ||
           errors_met(w, ERRORS_METADATA) || errors_met(w, ERRORS_FLUSH);
}

static bool errors_met_any(const struct errors_world *w)
{
    return errors_met(w, ERRORS_READ) || errors_met(w, ERRORS_OTHER) || errors_met_write(w);
}

/* What failed of the file's pages everybody who has it open is owed. */
static void errors_leave(struct errors_world *w)
{
    uint64_t failed = errors_disk_failed(w->disk, ERRORS_DATA);
    uint64_t zeros = errors_disk_failed(w->disk, ERRORS_ZEROS);

    for (unsigned d = 0; d < ERRORS_FDS; d++) {
        if (failed > w->accounted)
            w->owed[d] = ERRORS_OWED;
        else if (zeros > w->accounted_zeros && w->owed[d] == ERRORS_NONE)
            w->owed[d] = ERRORS_PERHAPS;
    }
    w->accounted_zeros = zeros;
    w->accounted = failed;
}

/* Time passes between operations, too: what the flusher met there is owed like all else. */
static void errors_enter(struct errors_world *w)
{
    errors_leave(w);
    w->in_flight = w->machine->cache.queue_count > 0;
    for (unsigned what = 0; what < ERRORS_WHATS; what++)
        w->before[what] = errors_disk_failed(w->disk, what);
}

/* An operation that makes nothing durable: an error needs a reason; then nothing has changed. */
static bool errors_done(struct errors_world *w, int64_t result)
{
    if (result < 0) {
        assert_true(errors_met_any(w));
        assert_true(result == -EIO || result == -ENOSPC || result == -ENOMEM);
    }
    errors_leave(w);
    return result >= 0;
}

/* The same of one that writes a page itself, and so has told what it met there. */
static bool errors_resized(struct errors_world *w, int result)
{
    enum errors_debt before[ERRORS_FDS];
    bool done;

    memcpy(before, w->owed, sizeof(before));
    done = errors_done(w, result);
    for (unsigned d = 0; d < ERRORS_FDS && !done && errors_met(w, ERRORS_DATA); d++)
        w->owed[d] = before[d] == ERRORS_OWED ? ERRORS_OWED : ERRORS_PERHAPS;
    return done;
}

/*
 * One that makes things durable for descriptor d: told what it is owed and what failed now. Unless
 * it has waited for the `whole` file, a request in the background may have failed already and be
 * told of when its time has come.
 */
static void errors_synced(struct errors_world *w, unsigned d, int64_t result, bool whole)
{
    bool later = !whole && (w->in_flight || w->machine->cache.queue_count > 0);
    enum errors_debt debt = w->owed[d];

    if (errors_met_write(w) || (debt == ERRORS_OWED && !later))
        assert_true(result == -EIO || result == -ENOSPC);
    else if (!errors_met_any(w) && debt == ERRORS_NONE)
        assert_true(result >= 0);
    errors_leave(w);
    if (!later || w->accounted == 0)
        w->owed[d] = ERRORS_NONE;
    else if (result < 0 || debt != ERRORS_OWED)
        w->owed[d] = ERRORS_PERHAPS;
}

/* ---- bytes ---- */

static void errors_letters(struct errors_world *w, unsigned n, uint8_t *out, uint64_t bytes)
{
    unsigned generation = w->generation++;

    for (uint64_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)((n == 0 ? 'a' : 'A') + (generation * 5 + i * 3 + (i >> 9)) % 26);
}

static void errors_poke(struct errors_world *w, const uint8_t *bytes, uint64_t count)
{
    for (uint64_t at = 0; at < count; at += ERRORS_PAGE) {
        uint64_t piece = count - at < ERRORS_PAGE ? count - at : ERRORS_PAGE;

        assert_int_equal(mw_store(w->machine, w->pid, w->buffer + at, bytes + at, piece, NULL), 0);
    }
}

static void errors_apply(struct errors_file *f, uint64_t offset, const uint8_t *bytes,
                         uint64_t count)
{
    memcpy(f->data + offset, bytes, count);
    if (count > 0 && offset + count > f->bytes)
        f->bytes = offset + count;
}

static void errors_resize(struct errors_file *f, uint64_t bytes)
{
    if (bytes < f->bytes)
        memset(f->data + bytes, 0, f->bytes - bytes);
    f->bytes = bytes;
}

/*
 * A write whose making durable failed, or that went past the cache: each byte may be old or new.
 * What is read now counts.
 */
static void errors_adopt(struct errors_world *w, unsigned n, uint64_t offset, const uint8_t *bytes,
                         uint64_t count)
{
    struct errors_file *f = &w->file[n];
    static const uint8_t nothing[1];
    uint8_t *got = malloc(count);
    int64_t size;
    int64_t moved;

    assert_non_null(got);
    errors_disk_pause(w->disk, true);
    size = mw_file_size(w->machine, f->path);
    moved = mw_file_get(w->machine, f->path, offset, got, count);
    errors_disk_pause(w->disk, false);
    assert_true(size >= (int64_t)f->bytes && moved >= 0);
    assert_true(size == (int64_t)f->bytes || size <= (int64_t)(offset + count));
    for (int64_t i = 0; i < moved; i++)
        assert_true(got[i] == bytes[i] || got[i] == f->data[offset + (uint64_t)i]);
    errors_apply(f, offset, moved == 0 ? nothing : got, (uint64_t)moved);
    free(got);
}

void errors_write(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes)
{
    uint8_t *in = malloc(bytes);
    int flags = mw_fcntl(w->machine, w->pid, w->fd[d], F_GETFL, 0);
    int64_t got;

    assert_non_null(in);
    errors_letters(w, 0, in, bytes);
    errors_poke(w, in, bytes);
    errors_enter(w);
    got = mw_pwrite(w->machine, w->pid, w->fd[d], w->buffer, bytes, offset);
    assert_true(got == (int64_t)bytes || errors_met_any(w) ||
                ((flags & O_DSYNC) && w->owed[d] != ERRORS_NONE));
    if (flags & O_DSYNC)
        errors_synced(w, d, got, false);
    else
        (void)errors_done(w, got);
    if (flags & (O_DSYNC | O_DIRECT)) /* looks at the file, which takes time */
        errors_adopt(w, 0, offset, in, bytes);
    else if (got > 0)
        errors_apply(&w->file[0], offset, in, (uint64_t)got);
    if (errors_met(w, ERRORS_DATA) && (flags & O_DIRECT)) /* past the cache: told at once, to one */
        w->owed[0] = w->owed[1] = ERRORS_PERHAPS;
    free(in);
}

void errors_read(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes)
{
    const struct errors_file *f = &w->file[0];
    uint64_t want = offset >= f->bytes ? 0 : f->bytes - offset;
    uint8_t *out = malloc(bytes);
    int64_t got;

    assert_non_null(out);
    if (want > bytes)
        want = bytes;
    errors_enter(w);
    got = mw_pread(w->machine, w->pid, w->fd[d], w->buffer, bytes, offset);
    assert_true(got == (int64_t)want || errors_met_any(w));
    if (errors_done(w, got)) {
        for (uint64_t at = 0; at < (uint64_t)got; at += ERRORS_PAGE)
            assert_int_equal(
                mw_load(w->machine, w->pid, w->buffer + at, out + at,
                        (uint64_t)got - at < ERRORS_PAGE ? (uint64_t)got - at : ERRORS_PAGE, NULL),
                0);
        assert_memory_equal(out, f->data + offset, (size_t)got);
    }
    free(out);
}

/* ---- memory ---- */

static bool errors_accessed(struct errors_world *w, int err, const struct mw_signal *signal)
{
    if (err != 0) {
        assert_int_equal(err, -EFAULT);
        assert_true(signal->signo == SIGBUS || signal->signo == SIGKILL);
        assert_true(errors_met_any(w));
    }
    errors_leave(w);
    return err == 0;
}

void errors_store(struct errors_world *w, uint64_t offset, uint64_t bytes)
{
    struct mw_signal signal = {0};
    uint8_t in[ERRORS_PAGE];

    for (uint64_t done = 0, piece; done < bytes; done += piece) {
        uint64_t at = offset + done;
        int err;

        piece = ERRORS_PAGE - at % ERRORS_PAGE;
        piece = bytes - done < piece ? bytes - done : piece;
        errors_letters(w, 0, in, piece);
        errors_enter(w);
        err = mw_store(w->machine, w->pid, ERRORS_VA + at, in, piece, &signal);
        if (errors_accessed(w, err, &signal))
            errors_apply(&w->file[0], at, in, piece);
    }
}

void errors_load(struct errors_world *w, uint64_t offset, uint64_t bytes)
{
    struct mw_signal signal = {0};
    uint8_t out[ERRORS_PAGE];

    for (uint64_t done = 0, piece; done < bytes; done += piece) {
        uint64_t at = offset + done;
        int err;

        piece = ERRORS_PAGE - at % ERRORS_PAGE;
        piece = bytes - done < piece ? bytes - done : piece;
        errors_enter(w);
        err = mw_load(w->machine, w->pid, ERRORS_VA + at, out, piece, &signal);
        if (errors_accessed(w, err, &signal))
            assert_memory_equal(out, w->file[0].data + at, piece);
    }
}

/* ---- durability ---- */

void errors_fsync(struct errors_world *w, unsigned d)
{
    errors_enter(w);
    errors_synced(w, d, mw_fsync(w->machine, w->pid, w->fd[d]), true);
}

void errors_fdatasync(struct errors_world *w, unsigned d)
{
    errors_enter(w);
    errors_synced(w, d, mw_fdatasync(w->machine, w->pid, w->fd[d]), true);
}

void errors_msync(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes)
{
    uint64_t base = d == 0 ? ERRORS_VA : ERRORS_VA_B;

    errors_enter(w);
    errors_synced(w, d, mw_msync(w->machine, w->pid, base + offset, bytes, MS_SYNC), false);
}

/* Not by a descriptor: what it meets it reports, and the descriptors are owed it all the same. */
void errors_sync(struct errors_world *w)
{
    int err;

    errors_enter(w);
    err = mw_sync(w->machine);
    if (errors_met_write(w) || errors_met(w, ERRORS_OTHER))
        assert_true(err == -EIO || err == -ENOSPC);
    else
        assert_true(err == 0 || errors_met(w, ERRORS_READ));
    errors_leave(w);
    if (err == 0)
        memcpy(w->durable, w->file, sizeof(w->durable));
}

void errors_sync_range(struct errors_world *w, unsigned d, bool wait)
{
    const unsigned all =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    int err;

    errors_enter(w);
    err =
        mw_sync_file_range(w->machine, w->pid, w->fd[d], 0, 0, wait ? all : SYNC_FILE_RANGE_WRITE);
    if (wait)
        errors_synced(w, d, err, true);
    else
        (void)errors_done(w, err);
}

void errors_advance(struct errors_world *w, uint64_t ns)
{
    errors_enter(w);
    assert_int_equal(mw_advance(w->machine, ns), 0);
    errors_leave(w);
}

void errors_drop_caches(struct errors_world *w)
{
    errors_enter(w);
    assert_int_equal(mw_drop_caches(w->machine), 0);
    errors_leave(w);
}

/* ---- sizes and names ---- */

void errors_truncate(struct errors_world *w, unsigned d, uint64_t bytes)
{
    errors_enter(w);
    if (errors_resized(w, mw_ftruncate(w->machine, w->pid, w->fd[d], bytes)))
        errors_resize(&w->file[0], bytes);
}

void errors_punch(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes)
{
    errors_enter(w);
    if (errors_resized(w, mw_fallocate(w->machine, w->pid, w->fd[d],
                                       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes)))
        memset(w->file[0].data + offset, 0, bytes);
}

void errors_allocate(struct errors_world *w, unsigned d, uint64_t offset, uint64_t bytes)
{
    errors_enter(w);
    if (errors_resized(w, mw_fallocate(w->machine, w->pid, w->fd[d], 0, offset, bytes)) &&
        offset + bytes > w->file[0].bytes)
        errors_resize(&w->file[0], offset + bytes);
}

/* The contents move, the paths stay where they are in the shadow. */
void errors_rename(struct errors_world *w, unsigned from, unsigned to)
{
    struct errors_file *a = &w->file[from];
    struct errors_file *b = &w->file[to];

    errors_enter(w);
    if (!errors_done(w, mw_renameat2(w->machine, w->pid, a->path, b->path, 0)))
        return;
    b->exists = true;
    b->bytes = a->bytes;
    memcpy(b->data, a->data, sizeof(b->data));
    errors_resize(a, 0);
    a->exists = false;
}

void errors_unlink(struct errors_world *w, unsigned n)
{
    errors_enter(w);
    if (!errors_done(w, mw_unlink(w->machine, w->pid, w->file[n].path)))
        return;
    errors_resize(&w->file[n], 0);
    w->file[n].exists = false;
}

void errors_create(struct errors_world *w, unsigned n, uint64_t bytes)
{
    struct errors_file *f = &w->file[n];
    uint8_t *in = malloc(bytes);
    int64_t got;
    int fd;

    assert_non_null(in);
    errors_letters(w, n, in, bytes);
    errors_poke(w, in, bytes);
    errors_enter(w);
    fd = mw_open(w->machine, w->pid, f->path, O_CREAT | O_EXCL | O_RDWR);
    if (errors_done(w, fd)) {
        f->exists = true;
        got = mw_pwrite(w->machine, w->pid, fd, w->buffer, bytes, 0);
        if (errors_done(w, got))
            errors_apply(f, 0, in, (uint64_t)got);
        assert_int_equal(mw_close(w->machine, w->pid, fd), 0);
    }
    free(in);
}

/* ---- the whole ---- */

static void errors_switch_on(struct errors_world *w)
{
    struct mw_config config;

    mw_config_init(&config);
    config.ram_bytes = w->ram_bytes;
    config.dirty_background_ratio = 100; /* the clock decides when the flusher writes */
    config.dirty_ratio = 100;
    assert_int_equal(machine_new_on(&config, w->disk, &w->machine), 0);
    w->pid = mw_spawn(w->machine);
    assert_true(w->pid > 0);
}

static void errors_map(struct errors_world *w, uint64_t va, unsigned d)
{
    assert_int_equal(mw_mmap(w->machine, w->pid, va, ERRORS_MAPPED * (uint64_t)ERRORS_PAGE,
                             PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w->fd[d], 0),
                     (int64_t)va);
}

static void errors_open(struct errors_world *w, const int *flags)
{
    int64_t va = mw_mmap(w->machine, w->pid, 0, ERRORS_MOST, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(va > 0);
    w->buffer = (uint64_t)va;
    for (unsigned d = 0; d < ERRORS_FDS; d++) {
        w->fd[d] = mw_open(w->machine, w->pid, w->file[0].path, O_RDWR | flags[d]);
        assert_true(w->fd[d] >= 0);
    }
    errors_map(w, ERRORS_VA, 0);
    errors_map(w, ERRORS_VA_B, 1);
}

static void errors_fill(struct errors_world *w, unsigned n, uint64_t bytes)
{
    struct errors_file *f = &w->file[n];

    f->exists = true;
    f->bytes = bytes;
    errors_letters(w, n, f->data, bytes);
    assert_int_equal(mw_file_put(w->machine, f->path, f->data, bytes), 0);
}

void errors_begin(struct errors_world *w, const struct errors_scenario *scenario)
{
    static const char *const paths[ERRORS_FILES] = {"/f", "/g", "/h"};

    memset(w, 0, sizeof(*w));
    w->seed = scenario->seed;
    w->ram_bytes = scenario->ram_bytes != 0 ? scenario->ram_bytes : UINT64_C(32) << 20;
    assert_int_equal(dev_ram_new(&w->alloc, DISK_BYTES, &w->ram), 0);
    assert_int_equal(volume_format(&w->alloc, w->ram), 0);
    w->disk = errors_disk_new(w->ram);
    for (unsigned n = 0; n < ERRORS_FILES; n++)
        w->file[n].path = paths[n];
    errors_switch_on(w);
    errors_fill(w, 0, 24 * ERRORS_PAGE);
    errors_fill(w, 1, 4 * ERRORS_PAGE);
    memcpy(w->durable, w->file, sizeof(w->durable));
    assert_int_equal(mw_machine_free(w->machine), 0);
    errors_switch_on(w); /* nothing is cached, not even metadata */
    errors_open(w, scenario->flags);
}

void errors_arm(struct errors_world *w, const struct errors_plan *plan)
{
    errors_disk_arm(w->disk, plan);
}

/* Does the machine show the file so? */
static void errors_compare(struct errors_world *w, const struct errors_file *f)
{
    uint8_t *got = malloc(ERRORS_MOST);
    int64_t size = mw_file_size(w->machine, f->path);

    assert_non_null(got);
    assert_int_equal(size, f->exists ? (int64_t)f->bytes : -ENOENT);
    if (f->exists) {
        assert_int_equal(mw_file_get(w->machine, f->path, 0, got, ERRORS_MOST), f->bytes);
        assert_memory_equal(got, f->data, f->bytes);
    }
    free(got);
}

static void errors_compare_all(struct errors_world *w)
{
    for (unsigned n = 0; n < ERRORS_FILES; n++)
        errors_compare(w, &w->file[n]);
    assert_true(mw_check(w->machine));
}

/* After what was not durable may be lost: what is there now counts, if it can be. */
static void errors_compare_lost(struct errors_world *w, unsigned n)
{
    struct errors_file *f = &w->file[n];
    const struct errors_file *old = &w->durable[n];
    uint8_t *got = calloc(1, ERRORS_MOST);
    int64_t size = mw_file_size(w->machine, f->path);

    assert_non_null(got);
    if (size == -ENOENT) {
        assert_true(!f->exists || !old->exists);
    } else {
        assert_true((f->exists && size == (int64_t)f->bytes) ||
                    (old->exists && size == (int64_t)old->bytes));
        assert_int_equal(mw_file_get(w->machine, f->path, 0, got, ERRORS_MOST), size);
        for (int64_t i = 0; i < size; i++)
            assert_true(got[i] == f->data[i] || got[i] == old->data[i] || got[i] == 0);
    }
    f->exists = size >= 0;
    f->bytes = size >= 0 ? (uint64_t)size : 0;
    memcpy(f->data, got, ERRORS_MOST);
    free(got);
}

void errors_unmount(struct errors_world *w)
{
    int err;

    errors_enter(w);
    err = mw_machine_free(w->machine);
    if (errors_met_write(w) || errors_met(w, ERRORS_OTHER))
        assert_true(err != 0);
    else
        assert_true(err == 0 || errors_met(w, ERRORS_READ));
    errors_disk_pause(w->disk, true);
    errors_switch_on(w);
    for (unsigned n = 0; err != 0 && n < ERRORS_FILES; n++)
        errors_compare_lost(w, n);
    w->unmounted = true;
}

/* The disk has no cache to lose; mounting again meets the errors, and may be tried again. */
void errors_power_cut(struct errors_world *w)
{
    int err;

    errors_enter(w);
    err = mw_power_cut(w->machine, 0);
    assert_true(err == 0 || errors_met_any(w));
    errors_disk_pause(w->disk, true);
    if (err != 0)
        assert_int_equal(mw_power_cut(w->machine, 0), 0);
    w->pid = mw_spawn(w->machine);
    for (unsigned n = 0; n < ERRORS_FILES; n++)
        errors_compare_lost(w, n);
    w->unmounted = true;
}

void errors_end(struct errors_world *w, bool fsck)
{
    errors_disk_pause(w->disk, true);
    errors_enter(w);
    for (unsigned i = 0; !w->unmounted && i < 2 * ERRORS_FDS; i++)
        errors_fsync(w, i % ERRORS_FDS); /* what is owed, and then nothing */
    assert_int_equal(mw_sync(w->machine), 0);
    errors_compare_all(w);
    assert_int_equal(mw_drop_caches(w->machine), 0);
    errors_compare_all(w);
    assert_int_equal(mw_machine_free(w->machine), 0);
    errors_switch_on(w);
    errors_compare_all(w);
    assert_true(volume_check(w->machine->volume));
    assert_int_equal(mw_machine_free(w->machine), 0);
    if (fsck && fsck_is_there())
        assert_int_equal(fsck_run(w->ram, "e2fsck -fn \"$image\"", false), 0);
    dev_destroy(w->disk);
    dev_destroy(w->ram);
}
