/*
 * Files that live in memory only: memfd_create(2), and tmpfs files as shm_open(3) uses them. Layer 7;
 * see file_kind.h.
 *
 * The pages are those of a file map without an inode, so they have no other home and are never
 * written back. A memory file goes with its last open description; one that has a name in /dev/shm
 * is held by that, too.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/file_kind.h"

/* Not in older C libraries. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC        0x0010U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

#define SEALS_ALL                                                                                \
    ((unsigned)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | \
                F_SEAL_EXEC))
#define SEALS_WRITE ((unsigned)(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))

#define MEMFD_NAME_BYTES 249 /* NAME_MAX without "memfd:" */
#define SHM_FOLDER       "/dev/shm/"

struct memory_file {
    struct list link; /* in machine.memory_files when it has a name there */
    uint32_t refs;    /* open descriptions, and the name */
    struct file_map *map;
    unsigned seals;
    bool executable;
    char *name; /* as maps shows it */
};

static void memory_put(struct mw_machine *m, struct memory_file *memory)
{
    if (--memory->refs != 0)
        return;
    file_map_put(memory->map);
    alloc_release(&m->alloc, memory->name);
    alloc_release(&m->alloc, memory);
}

static int memory_new(struct mw_machine *m, const char *folder, const char *name,
                      struct memory_file **out)
{
    size_t bytes = strlen(folder) + strlen(name) + 1;
    struct memory_file *memory = alloc_zeroed(&m->alloc, sizeof(*memory));
    int err;

    if (memory == NULL)
        return -ENOMEM;
    memory->name = alloc_zeroed(&m->alloc, bytes);
    err = memory->name == NULL ? -ENOMEM : file_map_new_anonymous(&m->cache, 0, &memory->map);
    if (err != 0) {
        alloc_release(&m->alloc, memory->name);
        alloc_release(&m->alloc, memory);
        return err;
    }
    list_init(&memory->link);
    memory->refs = 1;
    snprintf(memory->name, bytes, "%s%s", folder, name);
    *out = memory;
    return 0;
}

/* ---- the kind ---- */

static struct memory_file *memory_of(const struct mapped_file *mapped)
{
    return container_of(mapped, const struct open_file, mapped)->memory;
}

static int memory_map(struct mapped_file *mapped, bool shared, uint64_t bytes,
                      struct mapped_file **instead)
{
    (void)mapped;
    (void)shared;
    (void)bytes;
    (void)instead;
    return 0;
}

static bool memory_is_sealed(const struct mapped_file *mapped)
{
    return (memory_of(mapped)->seals & SEALS_WRITE) != 0;
}

static const char *memory_name(const struct mapped_file *mapped)
{
    return memory_of(mapped)->name;
}

static int64_t memory_read(struct open_file *file, uint64_t offset, void *out, uint64_t bytes)
{
    return cache_read(file->mapped.map, NULL, offset, out, bytes);
}

/* May so many bytes be written there, as far as seals go? */
static int memory_allows(const struct open_file *file, uint64_t offset, uint64_t bytes)
{
    unsigned seals = file->memory->seals;

    if (seals & SEALS_WRITE)
        return -EPERM;
    return (seals & F_SEAL_GROW) && offset + bytes > file_bytes(file) ? -EPERM : 0;
}

static int64_t memory_write(struct open_file *file, uint64_t offset, const void *in, uint64_t bytes)
{
    int err = memory_allows(file, offset, bytes);

    return err != 0 ? err : cache_write(file->mapped.map, offset, in, bytes);
}

static int memory_miss(struct open_file *file, uint64_t offset, uint64_t bytes)
{
    int err = memory_allows(file, offset, bytes);

    return err != 0 ? err : file_miss(file, offset);
}

static int memory_truncate(struct open_file *file, uint64_t bytes)
{
    unsigned seals = file->memory->seals;

    if ((bytes < file_bytes(file) && (seals & F_SEAL_SHRINK)) ||
        (bytes > file_bytes(file) && (seals & F_SEAL_GROW)))
        return -EPERM;
    return cache_truncate(file->mapped.map, bytes);
}

/* In the order of shmem_fallocate: the mode, then seals. */
static int memory_allocate(struct open_file *file, int mode, uint64_t offset, uint64_t end)
{
    unsigned seals = file->memory->seals;

    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    if (mode & FALLOC_FL_PUNCH_HOLE)
        return seals & SEALS_WRITE ? -EPERM : cache_punch(file->mapped.map, offset, end);
    if ((seals & F_SEAL_GROW) && end > file_bytes(file))
        return -EPERM;
    return cache_allocate(file->mapped.map, offset, end, (mode & FALLOC_FL_KEEP_SIZE) != 0);
}

/* There is nothing that it could be written to. */
static int memory_sync(struct open_file *file, uint64_t first, uint64_t end, unsigned flags)
{
    (void)file;
    (void)first;
    (void)end;
    (void)flags;
    return 0;
}

static void memory_release(struct open_file *file)
{
    if (file->memory != NULL)
        memory_put(file->machine, file->memory);
}

static const struct file_kind file_memory = {
    .mapping = {.map = memory_map, .sealed = memory_is_sealed, .name = memory_name},
    .seek = FILE_SEEK_BYTES,
    .read = memory_read,
    .write = memory_write,
    .miss = memory_miss,
    .truncate = memory_truncate,
    .allocate = memory_allocate,
    .sync = memory_sync,
    .release = memory_release,
};

/* A description of the file, which takes a reference of it. */
static int memory_describe(struct mw_machine *m, struct memory_file *memory, int flags,
                           struct open_file **out)
{
    *out = file_new(m, &file_memory, flags);
    if (*out == NULL)
        return -ENOMEM;
    memory->refs++;
    (*out)->memory = memory;
    (*out)->mapped.map = file_map_get(memory->map);
    file_watch(*out);
    return 0;
}

/* ---- memfd_create ---- */

int file_memory_new(struct mw_machine *m, const char *name, unsigned flags, struct open_file **out)
{
    const unsigned known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
    struct memory_file *memory;
    int err;

    if ((flags & ~known) || (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
        return -EINVAL;
    if (strlen(name) > MEMFD_NAME_BYTES)
        return -EINVAL;
    err = memory_new(m, "/memfd:", name, &memory);
    if (err != 0)
        return err;
    memory->executable = !(flags & MFD_NOEXEC_SEAL);
    if (flags & MFD_NOEXEC_SEAL)
        memory->seals = F_SEAL_EXEC;
    else if (!(flags & MFD_ALLOW_SEALING))
        memory->seals = F_SEAL_SEAL;
    err = memory_describe(m, memory, O_RDWR, out);
    memory_put(m, memory); /* the description has its own reference */
    return err;
}

/* ---- names ---- */

bool file_memory_is_path(const char *path)
{
    size_t folder = strlen(SHM_FOLDER);

    return strncmp(path, SHM_FOLDER, folder) == 0 && path[folder] != '\0' &&
           strchr(path + folder, '/') == NULL;
}

static struct memory_file *memory_find(const struct mw_machine *m, const char *path)
{
    list_for_each (node, &m->memory_files) {
        struct memory_file *memory = container_of(node, struct memory_file, link);

        if (strcmp(memory->name, path) == 0)
            return memory;
    }
    return NULL;
}

static void memory_forget(struct mw_machine *m, struct memory_file *memory)
{
    list_remove(&memory->link);
    memory_put(m, memory);
}

static int memory_create(struct mw_machine *m, const char *path, int flags, struct open_file **out)
{
    struct memory_file *memory;
    int err = memory_new(m, "", path, &memory);

    if (err != 0)
        return err;
    memory->seals = F_SEAL_SEAL; /* only memfd_create makes files that can be sealed */
    err = memory_describe(m, memory, flags, out);
    if (err != 0)
        memory_put(m, memory);
    else
        list_append(&m->memory_files, &memory->link);
    return err;
}

int file_memory_open(struct mw_machine *m, const char *path, int flags, struct open_file **out)
{
    struct memory_file *memory = memory_find(m, path);
    int err;

    if (memory == NULL)
        return flags & O_CREAT ? memory_create(m, path, flags, out) : -ENOENT;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    err = memory_describe(m, memory, flags, out);
    if (err != 0 || !(flags & O_TRUNC))
        return err;
    err = cache_truncate(memory->map, 0);
    if (err != 0)
        mapped_file_put(&(*out)->mapped);
    return err;
}

int file_memory_unlink(struct mw_machine *m, const char *path)
{
    struct memory_file *memory = memory_find(m, path);

    if (memory == NULL)
        return -ENOENT;
    memory_forget(m, memory);
    return 0;
}

bool file_memory_exists(const struct mw_machine *m, const char *path)
{
    return memory_find(m, path) != NULL;
}

bool file_memory_is_named(const struct open_file *file)
{
    return file->memory != NULL && file_memory_is_path(file->memory->name);
}

int file_memory_rename(struct mw_machine *m, const char *from, const char *to, unsigned flags)
{
    struct memory_file *memory = memory_find(m, from);
    struct memory_file *old = memory_find(m, to);
    char *name;

    if (memory == NULL)
        return -ENOENT;
    if (old != NULL && (flags & RENAME_NOREPLACE))
        return -EEXIST;
    if (old == memory)
        return 0;
    name = alloc_string(&m->alloc, to);
    if (name == NULL)
        return -ENOMEM;
    alloc_release(&m->alloc, memory->name);
    memory->name = name;
    if (old != NULL)
        memory_forget(m, old);
    return 0;
}

int file_memory_truncate(struct mw_machine *m, const char *path, uint64_t bytes)
{
    struct memory_file *memory = memory_find(m, path);

    return memory == NULL ? -ENOENT : cache_truncate(memory->map, bytes);
}

void machine_forget_memory_files(struct mw_machine *m)
{
    list_for_each_safe (node, next, &m->memory_files)
        memory_forget(m, container_of(node, struct memory_file, link));
}

/* ---- seals ---- */

int file_memory_seals(const struct open_file *file)
{
    return file->memory == NULL ? -EINVAL : (int)file->memory->seals;
}

/* F_SEAL_WRITE needs that nobody can write through a mapping; the others only look ahead. */
int file_memory_add_seals(struct open_file *file, unsigned seals)
{
    struct memory_file *memory = file->memory;

    if (!file->mapped.writable)
        return -EPERM;
    if ((seals & ~SEALS_ALL) || memory == NULL)
        return -EINVAL;
    if (memory->seals & F_SEAL_SEAL)
        return -EPERM;
    if ((seals & F_SEAL_WRITE) && !(memory->seals & F_SEAL_WRITE) &&
        mm_maps_for_writing(memory->map))
        return -EBUSY;
    if ((seals & F_SEAL_EXEC) && memory->executable)
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE;
    memory->seals |= seals;
    return 0;
}
