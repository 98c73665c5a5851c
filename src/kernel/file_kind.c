/*
 * Kinds of files that need no state of their own: regular, directory, /dev/zero, /dev/null,
 * /dev/mem. Layer 7; see file_kind.h.
 */
#include "kernel/file_kind.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "cache/readahead.h"
#include "cache/writeback.h"

/* What fcntl(F_GETFL) does not tell of the flags that open was given. */
#define FLAGS_OF_OPEN (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

/* O_LARGEFILE, which a 64-bit kernel sets by itself, and a 64-bit C library calls 0. */
#define FLAG_LARGE 0100000

uint64_t file_bytes(const struct open_file *file)
{
    return file->mapped.map == NULL ? 0 : file_map_bytes(file->mapped.map);
}

/* The last descriptor or VMA that held the description is gone. */
static void file_release(struct mapped_file *mapped)
{
    struct open_file *file = container_of(mapped, struct open_file, mapped);

    if (file->kind->release != NULL)
        file->kind->release(file);
    if (file->mapped.map != NULL)
        file_map_put(file->mapped.map);
    alloc_release(&file->machine->alloc, file);
}

struct open_file *file_new(struct mw_machine *m, const struct file_kind *kind, int flags)
{
    struct open_file *file = alloc_zeroed(&m->alloc, sizeof(*file));
    int mode = flags & O_ACCMODE;

    if (file == NULL)
        return NULL;
    file->machine = m;
    file->kind = kind;
    file->status_flags = flags & ~FLAGS_OF_OPEN;
    file->mapped.refs = 1;
    file->mapped.ops = &kind->mapping;
    file->mapped.release = file_release;
    file->mapped.all_errors_seen = errseq_sample(&m->cache.error);
    if (flags & O_PATH) /* neither to be read nor written */
        return file;
    if (kind->seek != FILE_SEEK_NONE)
        file->status_flags |= FLAG_LARGE;
    file->mapped.readable =
        mode == O_RDONLY || mode == O_RDWR; /* 3, Linux's fourth mode: neither */
    file->mapped.writable = mode == O_WRONLY || mode == O_RDWR;
    return file;
}

void file_watch(struct open_file *file)
{
    cache_readahead_init(&file->mapped.ra, &file->machine->cache);
    file->mapped.error_seen = errseq_sample(&file->mapped.map->error);
}

/* Pipes take it for packets; files in memory only where a file system's open made them. */
bool file_takes_direct(const struct open_file *file)
{
    return file->kind->direct || file->kind->fifo || file_memory_is_named(file);
}

/* Files whose pages are what is mapped. */
static int map_pages(struct mapped_file *file, bool shared, uint64_t bytes,
                     struct mapped_file **instead)
{
    (void)file;
    (void)shared;
    (void)bytes;
    (void)instead;
    return 0;
}

/* s_maxbytes of ext4 with blocks of 4 KiB. */
#define FILE_BYTES_MOST (((uint64_t)1 << 44) - PAGE_BYTES)

/* ---- regular files, and directories, which are only ever opened ---- */

static int64_t regular_read(struct open_file *file, uint64_t offset, void *out, uint64_t bytes)
{
    return cache_read(file->mapped.map, &file->mapped.ra, offset, out, bytes);
}

static int64_t regular_write(struct open_file *file, uint64_t offset, const void *in,
                             uint64_t bytes)
{
    return cache_write(file->mapped.map, offset, in, bytes);
}

int file_miss(struct open_file *file, uint64_t offset)
{
    int err = offset > file_bytes(file) ? cache_extend(file->mapped.map, offset) : 0;

    return err != 0 ? err : -EFAULT;
}

static int regular_miss(struct open_file *file, uint64_t offset, uint64_t bytes)
{
    (void)bytes;
    return file_miss(file, offset);
}

static int regular_truncate(struct open_file *file, uint64_t bytes)
{
    return cache_truncate(file->mapped.map, bytes);
}

/* A range of zeros is a hole with room behind it. */
static int regular_allocate(struct open_file *file, int mode, uint64_t offset, uint64_t end)
{
    struct file_map *map = file->mapped.map;
    int err = 0;

    if (end > FILE_BYTES_MOST)
        return -EFBIG;
    /* Beyond the end there is nothing to punch, and what mappings show there stays. */
    if ((mode & FALLOC_FL_PUNCH_HOLE) && offset >= file_map_bytes(map))
        return 0;
    if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        err = cache_punch(map, offset, end);
    if (err != 0 || (mode & FALLOC_FL_PUNCH_HOLE))
        return err;
    return cache_allocate(map, offset, end, (mode & FALLOC_FL_KEEP_SIZE) != 0);
}

static int regular_sync(struct open_file *file, uint64_t first, uint64_t end, unsigned flags)
{
    return cache_fsync(file->mapped.map, first, end, &file->mapped.error_seen, flags);
}

const struct file_kind file_regular = {
    .mapping = {.map = map_pages, .aligned = true, .aligned_shared = true},
    .seek = FILE_SEEK_BYTES,
    .read = regular_read,
    .write = regular_write,
    .miss = regular_miss,
    .truncate = regular_truncate,
    .allocate = regular_allocate,
    .sync = regular_sync,
    .direct = true,
};

static int directory_sync(struct open_file *file, uint64_t first, uint64_t end, unsigned flags)
{
    (void)first;
    (void)end;
    (void)flags;
    return volume_sync(file->machine->volume);
}

const struct file_kind file_directory = {.seek = FILE_SEEK_BYTES, .sync = directory_sync};

/* ---- devices ---- */

static int64_t zero_read(struct open_file *file, uint64_t offset, void *out, uint64_t bytes)
{
    (void)file;
    (void)offset;
    memset(out, 0, bytes);
    return (int64_t)bytes;
}

/*
 * Private memory of /dev/zero is anonymous but for its name and offset. Shared, each mapping is an
 * object of its own, which nobody else can map.
 */
static int zero_map(struct mapped_file *mapped, bool shared, uint64_t bytes,
                    struct mapped_file **instead)
{
    struct open_file *file = container_of(mapped, struct open_file, mapped);

    return shared ? mm_shared_new(&file->machine->mm_env, bytes, instead) : 0;
}

static const char *zero_name(const struct mapped_file *mapped)
{
    (void)mapped;
    return "/dev/zero";
}

static const struct file_kind file_zero = {
    .mapping = {.map = zero_map, .name = zero_name, .aligned = true, .moves_alone = true},
    .seek = FILE_SEEK_START,
    .read = zero_read,
};

static int64_t null_read(struct open_file *file, uint64_t offset, void *out, uint64_t bytes)
{
    (void)file;
    (void)offset;
    (void)out;
    (void)bytes;
    return 0;
}

static const struct file_kind file_null = {.seek = FILE_SEEK_START, .read = null_read};

static int64_t mem_read(struct open_file *file, uint64_t offset, void *out, uint64_t bytes)
{
    (void)file;
    (void)offset;
    (void)out;
    (void)bytes;
    return -EPERM;
}

static int64_t mem_write(struct open_file *file, uint64_t offset, const void *in, uint64_t bytes)
{
    (void)file;
    (void)offset;
    (void)in;
    (void)bytes;
    return -EPERM;
}

static int mem_map(struct mapped_file *file, bool shared, uint64_t bytes,
                   struct mapped_file **instead)
{
    (void)file;
    (void)shared;
    (void)bytes;
    (void)instead;
    return -EPERM;
}

static const struct file_kind file_mem = {
    .mapping = {.map = mem_map}, .seek = FILE_SEEK_BYTES, .read = mem_read, .write = mem_write};

const struct file_kind *file_kind_of_path(const struct mw_machine *m, const char *path, int *err)
{
    *err = 0;
    if (strcmp(path, "/dev/zero") == 0)
        return &file_zero;
    if (strcmp(path, "/dev/null") == 0)
        return &file_null;
    if (strcmp(path, "/dev/mem") != 0)
        return NULL;
    if (!m->config.privileged) /* CAP_SYS_RAWIO */
        *err = -EPERM;
    return &file_mem;
}
