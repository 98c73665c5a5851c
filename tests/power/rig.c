/* The machine of one run: see rig.h. */
#include "power/rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dev/dev_recorder.h"
#include "kernel/machine.h"

#define RW (PROT_READ | PROT_WRITE)

/* A new operation begins, after so many requests. */
#define RIG_OP(r, ...) shadow_begin((r)->shadow, dev_recorder_count((r)->recorder), __VA_ARGS__)

static void rig_expect(const struct rig *r, int64_t got, int64_t expected)
{
    if (got != expected)
        fail_msg("seed %" PRIu64 ": [%s] answered %" PRId64 " instead of %" PRId64, r->seed,
                 shadow_running(r->shadow), got, expected);
}

void rig_open(struct rig *r, const struct mw_config *config, struct dev *disk, uint64_t seed)
{
    int64_t buffer;

    memset(r, 0, sizeof *r);
    r->seed = seed;
    prng_seed(&r->prng, seed);
    r->shadow = shadow_new();
    r->recorder = disk;
    for (unsigned i = 0; i < RIG_FILES; i++)
        r->files[i].fd = -1;
    assert_int_equal(machine_new_on(config, disk, &r->machine), 0);
    r->pid = mw_spawn(r->machine);
    assert_true(r->pid > 0);
    buffer = mw_mmap(r->machine, r->pid, 0, RIG_MOST, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(buffer > 0);
    r->buffer = (uint64_t)buffer;
}

void rig_close(struct rig *r)
{
    RIG_OP(r, "switching off");
    rig_expect(r, mw_machine_free(r->machine), 0);
    shadow_ack_all(r->shadow);
    shadow_end(r->shadow, dev_recorder_count(r->recorder));
}

void rig_free(struct rig *r)
{
    shadow_free(r->shadow);
}

void rig_mark(struct rig *r)
{
    rig_sync(r);
    r->first_cut = dev_recorder_count(r->recorder);
}

uint64_t rig_below(struct rig *r, uint64_t bound)
{
    return prng_below(&r->prng, bound);
}

uint64_t rig_free_pages(const struct rig *r)
{
    return volume_free_pages(r->machine->volume);
}

/* ---- files ---- */

uint32_t rig_file(struct rig *r, const char *path, int flags)
{
    uint32_t file = shadow_lookup(r->shadow, path);
    int fd;

    RIG_OP(r, "open %s", path);
    fd = mw_open(r->machine, r->pid, path, O_RDWR | O_CREAT | flags);
    if (fd < 0)
        fail_msg("open %s answered %d", path, fd);
    if (file == SHADOW_NO_FILE) {
        file = shadow_file_new(r->shadow);
        shadow_name(r->shadow, path, file);
    }
    r->files[file] = (struct rig_file){.fd = fd, .flags = flags};
    return file;
}

void rig_shut(struct rig *r, uint32_t file)
{
    struct rig_file *f = &r->files[file];

    RIG_OP(r, "close file %u", file);
    if (f->map != 0)
        rig_expect(r, mw_munmap(r->machine, r->pid, f->map, f->bytes), 0);
    rig_expect(r, mw_close(r->machine, r->pid, f->fd), 0);
    *f = (struct rig_file){.fd = -1};
}

/* Stamps of the running operation to user memory, a page at a time. */
static void rig_stamp(struct rig *r, int pid, uint32_t file, uint64_t offset, uint64_t bytes,
                      uint64_t va)
{
    uint8_t page[PAGE_BYTES];

    while (bytes > 0) {
        uint64_t room = PAGE_BYTES - va % PAGE_BYTES;
        uint64_t step = bytes < room ? bytes : room;

        for (uint64_t at = 0; at < step; at += CELL_BYTES)
            shadow_stamp(r->shadow, file, offset + at, page + at);
        rig_expect(r, mw_store(r->machine, pid, va, page, step, NULL), 0);
        offset += step;
        bytes -= step;
        va += step;
    }
}

void rig_write(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    const struct rig_file *f = &r->files[file];

    RIG_OP(r, "write file %u [%" PRIu64 " +%" PRIu64 "]%s", file, offset, bytes,
           (f->flags & O_DSYNC) != 0 ? " sync" : "");
    assert_true(bytes <= RIG_MOST);
    rig_stamp(r, r->pid, file, offset, bytes, r->buffer);
    rig_expect(r, mw_pwrite(r->machine, r->pid, f->fd, r->buffer, bytes, offset), (int64_t)bytes);
    shadow_write(r->shadow, file, offset, bytes);
    if ((f->flags & O_DSYNC) != 0) /* a part of O_SYNC */
        shadow_ack(r->shadow, file, offset, offset + bytes);
    if ((f->flags & O_SYNC) == O_SYNC)
        shadow_ack_names(r->shadow);
}

void rig_append(struct rig *r, uint32_t file, uint64_t bytes)
{
    rig_write(r, file, shadow_file_bytes(r->shadow, file), bytes);
}

void rig_truncate(struct rig *r, uint32_t file, uint64_t bytes)
{
    RIG_OP(r, "truncate file %u to %" PRIu64, file, bytes);
    rig_expect(r, mw_ftruncate(r->machine, r->pid, r->files[file].fd, bytes), 0);
    shadow_set_bytes(r->shadow, file, bytes);
}

/* A call of fallocate; zeros what of the range is in the file. */
static void rig_fallocate(struct rig *r, uint32_t file, int mode, uint64_t offset, uint64_t bytes)
{
    rig_expect(r, mw_fallocate(r->machine, r->pid, r->files[file].fd, mode, offset, bytes), 0);
}

static void rig_zeroed(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    uint64_t end = shadow_file_bytes(r->shadow, file);

    end = offset + bytes < end ? offset + bytes : end;
    if (offset < end)
        shadow_zero(r->shadow, file, offset, end - offset);
}

void rig_punch(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    RIG_OP(r, "punch file %u [%" PRIu64 " +%" PRIu64 "]", file, offset, bytes);
    rig_fallocate(r, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    rig_zeroed(r, file, offset, bytes);
}

void rig_zero_range(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    RIG_OP(r, "zero file %u [%" PRIu64 " +%" PRIu64 "]", file, offset, bytes);
    rig_fallocate(r, file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    rig_zeroed(r, file, offset, bytes);
}

void rig_allocate(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    RIG_OP(r, "allocate file %u [%" PRIu64 " +%" PRIu64 "]", file, offset, bytes);
    rig_fallocate(r, file, 0, offset, bytes);
    if (offset + bytes > shadow_file_bytes(r->shadow, file))
        shadow_set_bytes(r->shadow, file, offset + bytes);
}

/* ---- mappings ---- */

void rig_map(struct rig *r, uint32_t file, uint64_t bytes)
{
    struct rig_file *f = &r->files[file];
    int64_t map;

    RIG_OP(r, "map file %u [0 +%" PRIu64 "]", file, bytes);
    map = mw_mmap(r->machine, r->pid, 0, bytes, RW, MAP_SHARED, f->fd, 0);
    if (map <= 0)
        fail_msg("mmap answered %" PRId64, map);
    f->map = (uint64_t)map;
    f->bytes = bytes;
}

static void rig_store_by(struct rig *r, int pid, uint32_t file, uint64_t offset, uint64_t bytes)
{
    rig_stamp(r, pid, file, offset, bytes, r->files[file].map + offset);
    shadow_write(r->shadow, file, offset, bytes);
}

void rig_store(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    RIG_OP(r, "store file %u [%" PRIu64 " +%" PRIu64 "]", file, offset, bytes);
    rig_store_by(r, r->pid, file, offset, bytes);
}

void rig_store_of_child(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    RIG_OP(r, "store of the child, file %u [%" PRIu64 " +%" PRIu64 "]", file, offset, bytes);
    rig_store_by(r, r->child, file, offset, bytes);
}

void rig_store_beyond(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    RIG_OP(r, "store behind the end of file %u [%" PRIu64 " +%" PRIu64 "]", file, offset, bytes);
    assert_true(offset >= shadow_file_bytes(r->shadow, file));
    rig_stamp(r, r->pid, file, offset, bytes, r->files[file].map + offset);
}

/* What of a range of pages of the file was made durable. */
static void rig_ack_pages(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    uint64_t end = (offset + bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

    shadow_ack(r->shadow, file, offset / PAGE_BYTES * PAGE_BYTES, end);
}

void rig_msync(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes, int flags)
{
    uint64_t start = offset / PAGE_BYTES * PAGE_BYTES;

    bytes += offset - start;
    RIG_OP(r, "msync file %u [%" PRIu64 " +%" PRIu64 "]%s", file, start, bytes,
           (flags & MS_SYNC) != 0 ? "" : " async");
    rig_expect(r, mw_msync(r->machine, r->pid, r->files[file].map + start, bytes, flags), 0);
    if ((flags & MS_SYNC) != 0)
        rig_ack_pages(r, file, start, bytes);
}

void rig_flush_force(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    uint64_t start = offset / PAGE_BYTES * PAGE_BYTES;

    bytes += offset - start;
    RIG_OP(r, "forced flush file %u [%" PRIu64 " +%" PRIu64 "]", file, start, bytes);
    rig_expect(r, mw_flush_force(r->machine, r->pid, r->files[file].map + start, bytes), 0);
    rig_ack_pages(r, file, start, bytes);
}

/* ---- making durable ---- */

void rig_fsync(struct rig *r, uint32_t file)
{
    RIG_OP(r, "fsync file %u", file);
    rig_expect(r, mw_fsync(r->machine, r->pid, r->files[file].fd), 0);
    shadow_ack(r->shadow, file, 0, SHADOW_TO_END);
    shadow_ack_names(r->shadow);
}

void rig_fdatasync(struct rig *r, uint32_t file)
{
    RIG_OP(r, "fdatasync file %u", file);
    rig_expect(r, mw_fdatasync(r->machine, r->pid, r->files[file].fd), 0);
    shadow_ack(r->shadow, file, 0, SHADOW_TO_END);
}

void rig_sync_file_range(struct rig *r, uint32_t file, uint64_t offset, uint64_t bytes)
{
    RIG_OP(r, "sync_file_range file %u [%" PRIu64 " +%" PRIu64 "]", file, offset, bytes);
    rig_expect(r,
               mw_sync_file_range(r->machine, r->pid, r->files[file].fd, offset, bytes,
                                  SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                      SYNC_FILE_RANGE_WAIT_AFTER),
               0);
}

void rig_sync(struct rig *r)
{
    RIG_OP(r, "sync");
    rig_expect(r, mw_sync(r->machine), 0);
    shadow_ack_all(r->shadow);
}

/* ---- names ---- */

void rig_rename(struct rig *r, const char *from, const char *to)
{
    uint32_t file = shadow_lookup(r->shadow, from);

    RIG_OP(r, "rename %s to %s", from, to);
    rig_expect(r, mw_renameat2(r->machine, r->pid, from, to, 0), 0);
    shadow_name(r->shadow, from, SHADOW_NO_FILE);
    shadow_name(r->shadow, to, file);
}

void rig_link(struct rig *r, const char *from, const char *to)
{
    RIG_OP(r, "link %s to %s", from, to);
    rig_expect(r, mw_link(r->machine, r->pid, from, to), 0);
    shadow_name(r->shadow, to, shadow_lookup(r->shadow, from));
}

void rig_unlink(struct rig *r, const char *path)
{
    RIG_OP(r, "unlink %s", path);
    rig_expect(r, mw_unlink(r->machine, r->pid, path), 0);
    shadow_name(r->shadow, path, SHADOW_NO_FILE);
}

void rig_mkdir(struct rig *r, const char *path)
{
    RIG_OP(r, "mkdir %s", path);
    rig_expect(r, mw_mkdir(r->machine, r->pid, path), 0);
    shadow_name(r->shadow, path, SHADOW_FOLDER);
}

void rig_rmdir(struct rig *r, const char *path)
{
    RIG_OP(r, "rmdir %s", path);
    rig_expect(r, mw_rmdir(r->machine, r->pid, path), 0);
    shadow_name(r->shadow, path, SHADOW_NO_FILE);
}

/* ---- the rest ---- */

void rig_fork(struct rig *r)
{
    RIG_OP(r, "fork");
    r->child = mw_fork(r->machine, r->pid);
    assert_true(r->child > 0);
}

void rig_advance(struct rig *r, uint64_t ns)
{
    RIG_OP(r, "%" PRIu64 " ns pass", ns);
    rig_expect(r, mw_advance(r->machine, ns), 0);
}

void rig_drop_caches(struct rig *r)
{
    RIG_OP(r, "drop_caches");
    rig_expect(r, mw_drop_caches(r->machine), 0);
}
