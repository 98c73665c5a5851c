/*
 * Kinds of files that need no state of their own: regular, directory, /dev/zero, /dev/null,
 * /dev/mem. Layer 7; see file_kind.h.
 */
#include "kernel/file_kind.h"

#include <fcntl.h>
#include <string.h>

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
    if (flags & O_PATH) /* neither to be read nor written */
        return file;
    if (kind->seek != FILE_SEEK_NONE)
        file->status_flags |= FLAG_LARGE;
    file->mapped.readable =
        mode == O_RDONLY || mode == O_RDWR; /* 3, Linux's fourth mode: neither */
    file->mapped.writable = mode == O_WRONLY || mode == O_RDWR;
    return file;
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

/* ---- regular files, and directories, which are only ever opened ---- */

static int64_t regular_read(struct open_file *file, uint64_t offset, void *out, uint64_t bytes)
{
    return cache_read(file->mapped.map, offset, out, bytes);
}

static int64_t regular_write(struct open_file *file, uint64_t offset, const void *in,
                             uint64_t bytes)
{
    return cache_write(file->mapped.map, offset, in, bytes);
}

static int regular_truncate(struct open_file *file, uint64_t bytes)
{
    return cache_truncate(file->mapped.map, bytes);
}

static int regular_sync(struct open_file *file)
{
    int err = cache_writeback(file->mapped.map, 0, UINT64_MAX);

    return err != 0 ? err : volume_sync(file->machine->volume);
}

const struct file_kind file_regular = {
    .mapping = {.map = map_pages, .aligned = true, .aligned_shared = true},
    .seek = FILE_SEEK_BYTES,
    .read = regular_read,
    .write = regular_write,
    .truncate = regular_truncate,
    .sync = regular_sync,
};

static int directory_sync(struct open_file *file)
{
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
