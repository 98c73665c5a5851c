/*
 * Names: walking absolute paths.
 *
 * Layer 4. A path is "/" and components between slashes; empty components are skipped, "." and ".."
 * are entries of the directories themselves. Symbolic links are not followed.
 */
#include <string.h>

#include "fs/directory.h"

#define PATH_BYTES 4096u /* with the terminating zero, as Linux's PATH_MAX */

#define PATH_DIRECTORY_MODE (LINUX_S_IFDIR | 0755)

bool volume_number_usable(const struct volume *v, uint64_t number)
{
    const struct ext2_super_block *super = v->fs->super;

    return number == EXT2_ROOT_INO ||
           (number >= EXT2_GOOD_OLD_FIRST_INO && number >= EXT2_FIRST_INO(super) &&
            number <= super->s_inodes_count);
}

int volume_read_inode(struct volume *v, uint32_t number, struct ext2_inode *disk)
{
    int err;

    if (!volume_number_usable(v, number) || !ext2fs_test_inode_bitmap2(v->fs->inode_map, number))
        return -EUCLEAN;
    err = volume_errno(ext2fs_read_inode(v->fs, number, disk));
    if (err == 0 && (disk->i_links_count == 0 || (disk->i_flags & VOLUME_FOREIGN_FLAGS) != 0))
        err = -EUCLEAN;
    return err;
}

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

/*
 * Of a directory with more subdirectories than can be counted, images made elsewhere say 1
 * (dir_nlink); that stays. A count that is damaged does not go below what every directory has.
 */
int volume_change_links(struct volume *v, ext2_ino_t directory, int change)
{
    struct ext2_inode disk;
    int err = volume_read_inode(v, directory, &disk);

    if (err != 0 || disk.i_links_count == 1 || (change < 0 && disk.i_links_count == 2))
        return err;
    if (change > 0 && disk.i_links_count >= EXT2_LINK_MAX)
        return -EMLINK;
    disk.i_links_count = (uint16_t)(disk.i_links_count + change);
    disk.i_ctime = VOLUME_TIME;
    return volume_errno(ext2fs_write_inode(v->fs, directory, &disk));
}

/* The inode and the first block of a directory that nothing names yet. */
static int path_new_inode(struct volume *v, ext2_ino_t parent, ext2_ino_t *number)
{
    struct ext2_inode disk;
    uint64_t block;
    int err = volume_op_new_inode(v, parent, PATH_DIRECTORY_MODE, number);

    if (err == 0)
        err = volume_op_new_block(v, ext2fs_find_inode_goal(v->fs, *number, NULL, 0), &block);
    if (err == 0)
        err = directory_write_first(v, block, *number, parent);
    if (err != 0)
        return err;
    memset(&disk, 0, sizeof disk);
    disk.i_mode = PATH_DIRECTORY_MODE;
    disk.i_links_count = 2;
    disk.i_size = v->fs->blocksize;
    disk.i_block[0] = (uint32_t)block;
    disk.i_atime = disk.i_ctime = disk.i_mtime = VOLUME_TIME;
    err = volume_errno(ext2fs_iblk_set(v->fs, &disk, 1));
    return err != 0 ? err : volume_errno(ext2fs_write_new_inode(v->fs, *number, &disk));
}

int volume_new_directory(struct volume *v, ext2_ino_t parent, const char *name, ext2_ino_t *number)
{
    int err = volume_op_reserve(v, 2 * VOLUME_OP_DIRECTORY);

    if (err == 0)
        err = volume_change_links(v, parent, +1);
    if (err == 0)
        err = path_new_inode(v, parent, number);
    return err != 0 ? err : directory_add(v, parent, name, *number, PATH_DIRECTORY_MODE);
}

/* Goes from place->directory into its entry place->name. */
static int path_enter(struct volume *v, bool make, struct volume_place *place)
{
    struct ext2_inode disk;
    int err = 0;

    if (place->number == 0 && !make)
        return -ENOENT;
    if (place->number == 0)
        err = volume_new_directory(v, place->directory, place->name, &place->number);
    if (err == 0)
        err = volume_read_inode(v, place->number, &disk);
    if (err == 0 && !LINUX_S_ISDIR(disk.i_mode))
        err = LINUX_S_ISLNK(disk.i_mode) ? -ELOOP : -ENOTDIR;
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
    return directory_find(v, place->directory, place->name, &place->number);
}

int volume_walk(struct volume *v, const char *path, bool make, struct volume_place *place)
{
    int err = 0;

    if (path[0] != '/')
        return -EINVAL;
    if (strnlen(path, PATH_BYTES) == PATH_BYTES)
        return -ENAMETOOLONG;
    *place = (struct volume_place){EXT2_ROOT_INO, EXT2_ROOT_INO, "", true};
    if (path[strspn(path, "/")] != '\0')
        err = path_step(v, &path, place);
    /* More than slashes left: what was found is a directory on the way. */
    while (err == 0 && path[strspn(path, "/")] != '\0') {
        err = path_enter(v, make, place);
        if (err == 0)
            err = path_step(v, &path, place);
    }
    return err;
}

bool volume_place_is_name(const struct volume_place *place)
{
    return place->name[0] != '\0' && strcmp(place->name, ".") != 0 &&
           strcmp(place->name, "..") != 0;
}
