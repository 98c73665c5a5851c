/*
 * The paths under which files were opened, for maps and views only: nothing in the machine depends
 * on them. Layer 7.
 */
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

const char *inode_names_get(const struct inode_names *names, uint32_t inode)
{
    const char *path = radix_get(&names->by_inode, inode);

    return path == NULL ? "" : path;
}
