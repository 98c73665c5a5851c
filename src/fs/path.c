/*
 * Names: walking absolute paths, adding names to directories.
 *
 * Layer 4. A path is "/" and components between slashes; empty components are skipped, "." and ".."
 * are entries of the directories themselves. Symbolic links (in images made elsewhere) are not
 * followed.
 */
#include <string.h>

#include "fs/volume_inner.h"

#define PATH_BYTES 4096u /* with the terminating zero, as Linux's PATH_MAX */

/*
 * Copies the next component, if there is one, and returns what follows it. *length 0: none; above
 * 255: too long.
 */
static const char *path_component(const char *path, char name[EXT2_NAME_LEN + 1], size_t *length)
{
    path += strspn(path, "/");
    *length = strcspn(path, "/");
    if (*length <= EXT2_NAME_LEN) {
        memcpy(name, path, *length);
        name[*length] = '\0';
    }
    return path + *length;
}

/* The inode of a name; *number 0 when there is none such. */
static int path_lookup(struct volume *v, ext2_ino_t directory, const char *name, ext2_ino_t *number)
{
    errcode_t code = ext2fs_lookup(v->fs, directory, name, (int)strlen(name), NULL, number);

    if (code == 0)
        return 0;
    *number = 0;
    return code == EXT2_ET_FILE_NOT_FOUND ? 0 : volume_errno(code);
}

/*
 * ext2fs_link looks for neither the name nor for room: the caller has done the one, this does the
 * other.
 */
int volume_link(struct volume *v, ext2_ino_t directory, const char *name, ext2_ino_t number,
                int type)
{
    errcode_t code = ext2fs_link(v->fs, directory, name, number, type);

    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(v->fs, directory);
        if (code == 0)
            code = ext2fs_link(v->fs, directory, name, number, type);
    }
    return volume_errno(code);
}

/* The name is added here and not by ext2fs_mkdir, which would not let the parent grow. */
static int path_make_directory(struct volume *v, ext2_ino_t parent, const char *name,
                               ext2_ino_t *number)
{
    int err = volume_op_reserve(v, 2 * VOLUME_OP_DIRECTORY);

    if (err == 0)
        err = volume_errno(ext2fs_new_inode(v->fs, parent, LINUX_S_IFDIR, NULL, number));
    if (err != 0)
        return err;
    volume_op_watch_inode(v, *number, true);
    err = volume_errno(ext2fs_mkdir(v->fs, parent, *number, NULL));
    return err != 0 ? err : volume_link(v, parent, name, *number, EXT2_FT_DIR);
}

/* Goes from place->directory into its entry place->name. */
static int path_enter(struct volume *v, bool make, struct volume_place *place)
{
    int err = 0;

    if (place->number == 0 && !make)
        return -ENOENT;
    if (place->number == 0)
        err = path_make_directory(v, place->directory, place->name, &place->number);
    if (err == 0)
        err = volume_errno(ext2fs_check_directory(v->fs, place->number));
    place->directory = place->number;
    return err;
}

static int path_step(struct volume *v, const char **path, struct volume_place *place)
{
    size_t length;
    const char *rest = path_component(*path, place->name, &length);

    if (length > EXT2_NAME_LEN)
        return -ENAMETOOLONG;
    *path = rest;
    place->as_directory = *rest != '\0';
    return path_lookup(v, place->directory, place->name, &place->number);
}

int volume_walk(struct volume *v, const char *path, bool make, struct volume_place *place)
{
    int err;

    if (path[0] != '/')
        return -EINVAL;
    if (strnlen(path, PATH_BYTES) == PATH_BYTES)
        return -ENAMETOOLONG;
    if (path[strspn(path, "/")] == '\0')
        return -EISDIR;
    place->directory = EXT2_ROOT_INO;
    err = path_step(v, &path, place);
    /* More than slashes left: what was found is a directory on the way. */
    while (err == 0 && path[strspn(path, "/")] != '\0') {
        err = path_enter(v, make, place);
        if (err == 0)
            err = path_step(v, &path, place);
    }
    return err;
}
