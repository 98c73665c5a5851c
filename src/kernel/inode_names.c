/*
 * The paths under which files were opened, for maps and views only: nothing in the machine depends
 * on them. Layer 7.
 */
#include <stdio.h>
#include <string.h>

#include "kernel/calls.h"

void inode_names_init(struct inode_names *names, struct alloc *a)
{
    radix_init(&names->by_inode, a);
}

void inode_names_destroy(struct inode_names *names)
{
    uint64_t inode = 0;
    void *path;

    while (radix_next(&names->by_inode, &inode, &path)) {
        radix_remove(&names->by_inode, inode);
        alloc_release(names->by_inode.alloc, path);
    }
    radix_destroy(&names->by_inode);
}

void inode_names_set(struct inode_names *names, uint32_t inode, const char *path)
{
    char *old = radix_get(&names->by_inode, inode);
    char *copy;

    if (old != NULL && strcmp(old, path) == 0)
        return;
    copy = alloc_string(names->by_inode.alloc, path);
    if (copy == NULL)
        return;
    alloc_release(names->by_inode.alloc, radix_remove(&names->by_inode, inode));
    if (radix_insert(&names->by_inode, inode, copy) != 0)
        alloc_release(names->by_inode.alloc, copy);
}

/* The name that `path` has after the rename; NULL: the same, or no memory. The caller's to release. */
static char *names_after_move(struct alloc *a, const char *path, bool moved, const char *from,
                              const char *to)
{
    size_t length = strlen(from);
    size_t room = strlen(path) + strlen(to) + 1;
    char *out;

    if (strncmp(path, from, length) != 0)
        return NULL;
    if (moved ? path[length] != '\0' : path[length] != '/')
        return NULL;
    out = alloc_zeroed(a, room);
    if (out != NULL)
        snprintf(out, room, "%s%s", to, path + length);
    return out;
}

void inode_names_move(struct inode_names *names, uint32_t moved, const char *from, const char *to)
{
    struct alloc *a = names->by_inode.alloc;
    void *path;

    for (uint64_t inode = 0; radix_next(&names->by_inode, &inode, &path); inode++) {
        char *name = names_after_move(a, path, inode == moved, from, to);

        if (name == NULL)
            continue;
        alloc_release(a, radix_remove(&names->by_inode, inode));
        if (radix_insert(&names->by_inode, inode, name) != 0)
            alloc_release(a, name);
    }
}

const char *inode_names_get(const struct inode_names *names, uint32_t inode)
{
    const char *path = radix_get(&names->by_inode, inode);

    return path == NULL ? "" : path;
}
