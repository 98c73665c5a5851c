/*
 * Descriptor tables: small arrays from descriptor to open file. Layer 7.
 */
#include <string.h>

#include "kernel/process.h"

struct open_file *fd_get(const struct fd_table *fds, int fd)
{
    return fd >= 0 && fd < fds->capacity ? fds->slots[fd].file : NULL;
}

/* Makes room for descriptor fd. -ENOMEM: the table is as it was. */
static int fd_reserve(struct alloc *a, struct fd_table *fds, int fd)
{
    int capacity = fds->capacity == 0 ? 16 : fds->capacity;
    struct fd_slot *slots;

    if (fd < fds->capacity)
        return 0;
    while (capacity <= fd)
        capacity *= 2;
    slots = alloc_resize(a, fds->slots, (size_t)capacity * sizeof(*slots));
    if (slots == NULL)
        return -ENOMEM;
    memset(slots + fds->capacity, 0, (size_t)(capacity - fds->capacity) * sizeof(*slots));
    fds->slots = slots;
    fds->capacity = capacity;
    return 0;
}

int fd_find_free(struct alloc *a, struct fd_table *fds, int fd_min)
{
    int fd = fd_min;
    int err;

    while (fd_get(fds, fd) != NULL)
        fd++;
    if (fd >= fds->limit)
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
        fds->slots[fd] = (struct fd_slot){.file = file};
    return fd;
}

/* The old description goes only when the new one is sure to take its place. */
int fd_replace(struct alloc *a, struct fd_table *fds, int fd, struct open_file *file)
{
    int err;

    if (fd < 0 || fd >= fds->limit)
        return -EBADF;
    err = fd_reserve(a, fds, fd);
    if (err != 0)
        return err;
    if (fds->slots[fd].file != NULL)
        mapped_file_put(&fds->slots[fd].file->mapped);
    fds->slots[fd] = (struct fd_slot){.file = file};
    return fd;
}

int fd_close(struct fd_table *fds, int fd)
{
    struct open_file *file = fd_get(fds, fd);

    if (file == NULL)
        return -EBADF;
    fds->slots[fd] = (struct fd_slot){0};
    mapped_file_put(&file->mapped);
    return 0;
}

void fd_close_all(struct alloc *a, struct fd_table *fds)
{
    for (int fd = 0; fd < fds->capacity; fd++)
        if (fds->slots[fd].file != NULL)
            mapped_file_put(&fds->slots[fd].file->mapped);
    alloc_release(a, fds->slots);
    *fds = (struct fd_table){0};
}

/*
 * fork(2): both tables name the same descriptions, so that parent and child share positions. The
 * marks are copied with them.
 */
int fd_copy(struct alloc *a, struct fd_table *to, const struct fd_table *from)
{
    to->limit = from->limit;
    if (from->capacity == 0)
        return 0;
    to->slots = alloc_zeroed(a, (size_t)from->capacity * sizeof(*to->slots));
    if (to->slots == NULL)
        return -ENOMEM;
    to->capacity = from->capacity;
    for (int fd = 0; fd < from->capacity; fd++) {
        to->slots[fd] = from->slots[fd];
        if (to->slots[fd].file != NULL)
            mapped_file_get(&to->slots[fd].file->mapped);
    }
    return 0;
}

void fd_close_on_exec(struct fd_table *fds)
{
    for (int fd = 0; fd < fds->capacity; fd++) {
        struct open_file *file = fds->slots[fd].file;

        if (file == NULL || !fds->slots[fd].close_on_exec)
            continue;
        fds->slots[fd] = (struct fd_slot){0};
        mapped_file_put(&file->mapped);
    }
}

int fd_table_new(struct alloc *a, const struct fd_table *from, struct fd_table **out)
{
    struct fd_table *fds = alloc_zeroed(a, sizeof(*fds));
    int err = 0;

    if (fds == NULL)
        return -ENOMEM;
    fds->limit = FD_LIMIT;
    fds->users = 1;
    if (from != NULL)
        err = fd_copy(a, fds, from);
    if (err != 0) {
        alloc_release(a, fds);
        return err;
    }
    *out = fds;
    return 0;
}

void fd_table_put(struct alloc *a, struct fd_table *fds)
{
    if (--fds->users != 0)
        return;
    fd_close_all(a, fds);
    alloc_release(a, fds);
}
