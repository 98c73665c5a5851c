/*
 * Renaming: one operation, whatever it moves or replaces.
 *
 * Layer 4. The checks and their order are those of Linux's rename (renameat2(2), fs/namei.c's
 * behaviour): what is wrong with the paths, then with the names, then with the two things.
 *
 * What a rename of S in directory A to T in directory B changes:
 *
 *     B: T gets S's inode, in place when T was there (a reader sees the one or the other)
 *     A: S goes
 *     what T was: one link less; a directory, all of them
 *     S a directory and A != B: its ".." is B; A has one subdirectory less, B one more
 */
#include <stdio.h>
#include <string.h>

#include "fs/directory.h"

/* Steps up from a directory that paths can reach: each takes two of their bytes. */
#define RENAME_DEPTH_MAX 2048u

struct rename {
    struct volume *volume;
    struct volume_place from;
    struct volume_place to;
    struct ext2_inode moved; /* as it is on disk */
    struct ext2_inode target;
    bool moves_directory;
    bool replaces;
    bool replaces_directory;
};

/* Is `ancestor` the directory itself, or above it? */
static int rename_is_above(struct volume *v, uint32_t ancestor, uint32_t directory, bool *above)
{
    uint32_t at = directory;
    int err = 0;

    for (uint32_t depth = 0; depth < RENAME_DEPTH_MAX; depth++) {
        uint32_t parent;

        *above = at == ancestor;
        if (*above || at == EXT2_ROOT_INO)
            return 0;
        err = directory_find(v, at, "..", &parent);
        if (err != 0)
            return err;
        if (parent == 0)
            return -EUCLEAN;
        at = parent;
    }
    return -EUCLEAN; /* directories that contain each other */
}

/* Finds both places. What is there is not looked at yet. */
static int rename_walk(struct rename *r, const char *from, const char *to, unsigned flags)
{
    int err = volume_walk(r->volume, from, false, &r->from);

    if (err == 0)
        err = volume_walk(r->volume, to, false, &r->to);
    if (err != 0)
        return err;
    if (!volume_place_is_name(&r->from))
        return -EBUSY;
    if (!volume_place_is_name(&r->to))
        return (flags & RENAME_NOREPLACE) != 0 ? -EEXIST : -EBUSY;
    if (r->from.number == 0)
        return -ENOENT;
    return r->to.number != 0 && (flags & RENAME_NOREPLACE) != 0 ? -EEXIST : 0;
}

static int rename_look(struct rename *r)
{
    int err = volume_read_inode(r->volume, r->from.number, &r->moved);

    r->replaces = r->to.number != 0;
    if (err == 0 && r->replaces)
        err = volume_read_inode(r->volume, r->to.number, &r->target);
    if (err != 0)
        return err;
    r->moves_directory = LINUX_S_ISDIR(r->moved.i_mode);
    r->replaces_directory = r->replaces && LINUX_S_ISDIR(r->target.i_mode);
    return !r->moves_directory && (r->from.as_directory || r->to.as_directory) ? -ENOTDIR : 0;
}

/* Neither may be above the other. */
static int rename_check_tree(const struct rename *r)
{
    bool above = false;
    int err = 0;

    if (r->moves_directory)
        err = rename_is_above(r->volume, r->from.number, r->to.directory, &above);
    if (err != 0 || above)
        return err != 0 ? err : -EINVAL;
    if (r->replaces_directory)
        err = rename_is_above(r->volume, r->to.number, r->from.directory, &above);
    return err == 0 && above ? -ENOTEMPTY : err;
}

static int rename_check_kinds(const struct rename *r)
{
    bool empty = true;
    int err = 0;

    if (r->replaces && r->moves_directory != r->replaces_directory)
        return r->moves_directory ? -ENOTDIR : -EISDIR;
    if (r->replaces_directory)
        err = directory_is_empty(r->volume, r->to.number, &empty);
    return err == 0 && !empty ? -ENOTEMPTY : err;
}

/* ---- the change ---- */

static int rename_set_parent(const struct rename *r)
{
    struct volume *v = r->volume;
    int err;

    if (r->from.directory == r->to.directory)
        return 0;
    err = directory_replace(v, r->from.number, "..", r->to.directory, LINUX_S_IFDIR);
    if (err == 0)
        err = volume_change_links(v, r->from.directory, -1);
    return err != 0 ? err : volume_change_links(v, r->to.directory, +1);
}

/* The target's name is taken over; what it was loses a link, or a directory all. */
static int rename_replace(const struct rename *r, struct inode *target)
{
    int err =
        directory_replace(r->volume, r->to.directory, r->to.name, r->from.number, r->moved.i_mode);

    if (err == 0)
        err = inode_write_links(
            target, r->replaces_directory ? 0 : (uint16_t)(target->disk.i_links_count - 1));
    if (err == 0 && r->replaces_directory)
        err = volume_change_links(r->volume, r->to.directory, -1);
    return err;
}

static int rename_change(const struct rename *r, struct inode *target)
{
    int err;

    if (target != NULL)
        err = rename_replace(r, target);
    else
        err =
            directory_add(r->volume, r->to.directory, r->to.name, r->from.number, r->moved.i_mode);
    if (err == 0)
        err = directory_remove(r->volume, r->from.directory, r->from.name);
    return err == 0 && r->moves_directory ? rename_set_parent(r) : err;
}

static int rename_run(const struct rename *r, struct inode *target)
{
    struct ext2_inode before;
    int err = volume_op_begin(r->volume, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    if (target != NULL)
        before = target->disk;
    err = volume_op_end(r->volume, rename_change(r, target));
    if (err != 0 && target != NULL)
        inode_restore(target, &before);
    return err;
}

int volume_rename(struct volume *v, const char *from, const char *to, unsigned flags)
{
    struct rename r = {.volume = v};
    struct inode *target = NULL;
    int err;

    if ((flags & ~(unsigned)RENAME_NOREPLACE) != 0)
        return -EINVAL;
    err = rename_walk(&r, from, to, flags);
    if (err == 0)
        err = rename_look(&r);
    if (err == 0)
        err = rename_check_tree(&r);
    if (err != 0 || r.from.number == r.to.number)
        return err; /* two names of one file stay two names */
    err = rename_check_kinds(&r);
    if (err == 0 && r.replaces)
        err = inode_load(v, r.to.number, &target);
    if (err != 0)
        return err;
    do
        err = rename_run(&r, target);
    while (volume_op_retry(v, err));
    if (target != NULL)
        inode_put(target);
    return err;
}
