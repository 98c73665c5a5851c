/*
 * Descriptor tables: small arrays from descriptor to open file. Layer 7.
 */
#include <string.h>

#include "kernel/process.h"

struct open_file *fd_get(const struct fd_table *fds, int fd)
{
    return fd >= 0 && fd < fds->capacity ? fds->files[fd] : NULL;
}

/* Makes room for descriptor fd. -ENOMEM: the table is as it was. */
static int fd_reserve(struct alloc *a, struct fd_table *fds, int fd)
{
    int capacity = fds->capacity == 0 ? 16 : fds->capacity;
    struct open_file **files;

    if (fd < fds->capacity)
        return 0;
    while (capacity <= fd)
        capacity *= 2;
    files = alloc_resize(a, fds->files, (size_t)capacity * sizeof(*files));
    if (files == NULL)
        return -ENOMEM;
    memset(files + fds->capacity, 0, (size_t)(capacity - fds->capacity) * sizeof(*files));
    fds->files = files;
    fds->capacity = capacity;
    return 0;
}

int fd_find_free(struct alloc *a, struct fd_table *fds, int fd_min)
{
    int fd = fd_min;
    int err;

    while (fd_get(fds, fd) != NULL)
        fd++;
    if (fd >= FD_LIMIT)
        return -EMFILE;
    err = fd_reserve(a, fds, fd);
    return err != 0 ? err : fd;
}

/*
 * The lowest free descriptor, as POSIX requires; takes over the caller's reference unless it fails.
 * /
 */
int fd_install(struct alloc *a, struct fd_table *fds, int fd_min, struct open_file *file)
{
    int fd = fd_find_free(a, fds, fd_min);

    if (fd >= 0)
        fds->files[fd] = file;
    return fd;
}

/* The old description goes only when the new one is sure to take its place. */
int fd_replace(struct alloc *a, struct fd_table *fds, int fd, struct open_file *file)
{
    int err;

    if (fd < 0 || fd >= FD_LIMIT)
        return -EBADF;
    err = fd_reserve(a, fds, fd);
    if (err != 0)
        return err;
    if (fds->files[fd] != NULL)
        mapped_file_put(&fds->files[fd]->mapped);
    fds->files[fd] = file;
    return fd;
}

int fd_close(struct fd_table *fds, int fd)
{
    struct open_file *file = fd_get(fds, fd);

    if (file == NULL)
        return -EBADF;
    fds->files[fd] = NULL;
    mapped_file_put(&file->mapped);
    return 0;
}

void fd_close_all(struct alloc *a, struct fd_table *fds)
{
    for (int fd = 0; fd < fds->capacity; fd++)
        if (fds->files[fd] != NULL)
            mapped_file_put(&fds->files[fd]->mapped);
    alloc_release(a, fds->files);
    *fds = (struct fd_table){0};
}

/* fork(2): both tables name the same descriptions, so that parent and child share positions. */
int fd_copy(struct alloc *a, struct fd_table *to, const struct fd_table *from)
{
    if (from->capacity == 0)
        return 0;
    to->files = alloc_zeroed(a, (size_t)from->capacity * sizeof(*to->files));
    if (to->files == NULL)
        return -ENOMEM;
    to->capacity = from->capacity;
    for (int fd = 0; fd < from->capacity; fd++) {
        to->files[fd] = from->files[fd];
        if (to->files[fd] != NULL)
            mapped_file_get(&to->files[fd]->mapped);
    }
    return 0;
}
