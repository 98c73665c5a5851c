/*
 * Names of all kinds: what is at a path, directories, links, listing.
 *
 * Layer 4. Errors and their order are those of Linux's calls of the same meaning; renaming has a
 * file of its own (rename.c). Each function that changes something is one operation.
 */
#include <string.h>

#include "fs/directory.h"

#define NAMES_SYMLINK_MODE (LINUX_S_IFLNK | 0777)
#define NAMES_TARGET_MAX   4095u

static enum volume_kind names_kind(uint16_t mode)
{
    if (LINUX_S_ISREG(mode))
        return VOLUME_FILE;
    if (LINUX_S_ISDIR(mode))
        return VOLUME_DIRECTORY;
    return LINUX_S_ISLNK(mode) ? VOLUME_SYMLINK : VOLUME_OTHER;
}

static void names_fill_stat(uint32_t number, const struct ext2_inode *disk, struct volume_stat *out)
{
    *out = (struct volume_stat){.kind = names_kind(disk->i_mode),
                                .number = number,
                                .links = disk->i_links_count,
                                .mode = disk->i_mode,
                                .bytes = EXT2_I_SIZE(disk),
                                .blocks_512 = disk->i_blocks};
}

void inode_stat(const struct inode *ino, struct volume_stat *out)
{
    names_fill_stat(ino->number, &ino->disk, out);
}

/* Finds what exists: its place, and its inode as it is on disk. */
static int names_locate(struct volume *v, const char *path, struct volume_place *place,
                        struct ext2_inode *disk)
{
    int err = volume_walk(v, path, false, place);

    if (err == 0 && place->number == 0)
        err = -ENOENT;
    if (err == 0)
        err = volume_read_inode(v, place->number, disk);
    if (err == 0 && place->as_directory && !LINUX_S_ISDIR(disk->i_mode))
        err = LINUX_S_ISLNK(disk->i_mode) ? -ELOOP : -ENOTDIR; /* it would have to be followed */
    return err;
}

int volume_stat(struct volume *v, const char *path, struct volume_stat *out)
{
    struct volume_place place;
    struct ext2_inode disk;
    int err = names_locate(v, path, &place, &disk);

    if (err == 0)
        names_fill_stat(place.number, &disk, out);
    return err;
}

/* Writes an inode, and what an open struct of it says of its mode. Inside an operation. */
static int names_write_mode(struct volume *v, uint32_t number, struct ext2_inode *disk,
                            uint16_t mode)
{
    struct inode *open = radix_get(&v->inodes, number);
    int err;

    disk->i_mode = mode;
    disk->i_ctime = VOLUME_TIME;
    err = volume_errno(ext2fs_write_inode(v->fs, number, disk));
    if (err == 0 && open != NULL)
        open->disk = *disk;
    return err;
}

/* Inside an operation, since beginning one may change inodes that are idle. */
static int names_set_mode(struct volume *v, const char *path, uint32_t mode)
{
    struct volume_place place;
    struct ext2_inode disk;
    int err = names_locate(v, path, &place, &disk);

    if (err == 0 && LINUX_S_ISLNK(disk.i_mode))
        err = -EOPNOTSUPP;
    if (err != 0)
        return err;
    return names_write_mode(v, place.number, &disk,
                            (uint16_t)((disk.i_mode & LINUX_S_IFMT) | (mode & 07777)));
}

int volume_set_mode(struct volume *v, const char *path, uint32_t mode)
{
    int err = volume_op_begin(v, 0);

    return err != 0 ? err : volume_op_end(v, names_set_mode(v, path, mode));
}

/* ---- making ---- */

/* The place of a name that is to be made. */
static int names_vacant(struct volume *v, const char *path, bool directory,
                        struct volume_place *place)
{
    int err = volume_walk(v, path, false, place);

    if (err == 0 && place->number != 0)
        err = -EEXIST;
    if (err == 0 && place->as_directory && !directory)
        err = -ENOENT; /* "new/" can only be a directory's name */
    return err;
}

static int names_make_directory(struct volume *v, const struct volume_place *place)
{
    ext2_ino_t number;
    int err = volume_op_begin(v, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    return volume_op_end(v, volume_new_directory(v, place->directory, place->name, &number));
}

int volume_make_directory(struct volume *v, const char *path)
{
    struct volume_place place;
    int err = names_vacant(v, path, true, &place);

    if (err != 0)
        return err;
    do
        err = names_make_directory(v, &place);
    while (volume_op_retry(v, err));
    return err;
}

static int names_hard_link(struct inode *ino, const struct volume_place *place)
{
    struct ext2_inode before = ino->disk;
    int err = volume_op_begin(ino->volume, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    err = directory_add(ino->volume, place->directory, place->name, ino->number, ino->disk.i_mode);
    if (err == 0)
        err = inode_write_links(ino, (uint16_t)(ino->disk.i_links_count + 1));
    err = volume_op_end(ino->volume, err);
    if (err != 0)
        inode_restore(ino, &before);
    return err;
}

int volume_hard_link(struct volume *v, const char *from, const char *to)
{
    struct volume_place source;
    struct volume_place place;
    struct ext2_inode disk;
    struct inode *ino;
    int err = names_locate(v, from, &source, &disk);

    if (err == 0)
        err = names_vacant(v, to, false, &place);
    if (err == 0 && LINUX_S_ISDIR(disk.i_mode))
        err = -EPERM;
    if (err == 0 && disk.i_links_count >= EXT2_LINK_MAX)
        err = -EMLINK;
    if (err == 0)
        err = inode_load(v, source.number, &ino);
    if (err != 0)
        return err;
    do
        err = names_hard_link(ino, &place);
    while (volume_op_retry(v, err));
    inode_put(ino);
    return err;
}

/* ---- symbolic links ---- */

/*
 * A short target lies where the block map would be, a long one in a block. Inside an operation.
 */
static int names_store_target(struct volume *v, const struct volume_place *place,
                              const char *target, struct ext2_inode *disk)
{
    char bytes[FS_PAGE_BYTES] = {0};
    size_t length = strlen(target);
    uint64_t block;
    int err;

    disk->i_size = (uint32_t)length;
    if (length < sizeof disk->i_block) {
        memcpy(disk->i_block, target, length);
        return 0;
    }
    memcpy(bytes, target, length);
    err = volume_op_new_block(v, ext2fs_find_inode_goal(v->fs, place->directory, NULL, 0), &block);
    if (err != 0)
        return err;
    disk->i_block[0] = (uint32_t)block;
    err = volume_errno(ext2fs_iblk_set(v->fs, disk, 1));
    return err != 0 ? err : volume_errno(io_channel_write_blk64(v->fs->io, block, 1, bytes));
}

static int names_make_symlink(struct volume *v, const char *target,
                              const struct volume_place *place)
{
    struct ext2_inode disk = {.i_mode = NAMES_SYMLINK_MODE};
    uint32_t number;
    int err = volume_op_begin(v, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    err = names_store_target(v, place, target, &disk);
    if (err == 0)
        err = inode_make(v, place, &disk, &number);
    return volume_op_end(v, err);
}

int volume_make_symlink(struct volume *v, const char *target, const char *path)
{
    size_t length = strnlen(target, NAMES_TARGET_MAX + 1);
    struct volume_place place;
    int err;

    if (length == 0)
        return -ENOENT;
    if (length > NAMES_TARGET_MAX)
        return -ENAMETOOLONG;
    err = names_vacant(v, path, false, &place);
    if (err == 0 && length >= v->fs->blocksize)
        err = -ENAMETOOLONG;
    if (err != 0)
        return err;
    do
        err = names_make_symlink(v, target, &place);
    while (volume_op_retry(v, err));
    return err;
}

/* Copies the target out of the inode or its block. -EUCLEAN: it cannot be one. */
static int names_load_target(struct volume *v, struct ext2_inode *disk, char bytes[FS_PAGE_BYTES])
{
    uint64_t length = EXT2_I_SIZE(disk);
    uint64_t block = disk->i_block[0];
    int err = 0;

    if (ext2fs_is_fast_symlink(disk)) {
        if (length >= sizeof disk->i_block)
            return -EUCLEAN;
        memcpy(bytes, disk->i_block, length);
    } else {
        if (length >= v->fs->blocksize || block <= v->fs->super->s_first_data_block ||
            block >= v->fs->super->s_blocks_count)
            return -EUCLEAN;
        err = volume_errno(io_channel_read_blk64(v->fs->io, block, 1, bytes));
    }
    if (err == 0 && (length == 0 || strnlen(bytes, length) != length))
        err = -EUCLEAN;
    bytes[length] = '\0';
    return err;
}

int volume_read_symlink(struct volume *v, const char *path, char *target, uint32_t room)
{
    char bytes[FS_PAGE_BYTES];
    struct volume_place place;
    struct ext2_inode disk;
    int err = names_locate(v, path, &place, &disk);

    if (err == 0 && !LINUX_S_ISLNK(disk.i_mode))
        err = -EINVAL;
    if (err == 0)
        err = names_load_target(v, &disk, bytes);
    if (err == 0 && strlen(bytes) >= room)
        err = -ERANGE;
    if (err == 0)
        memcpy(target, bytes, strlen(bytes) + 1);
    return err;
}

/* ---- removing directories ---- */

static int names_check_removable(struct volume *v, const struct volume_place *place)
{
    bool empty;
    int err;

    if (place->name[0] == '\0')
        return -EBUSY;
    if (strcmp(place->name, ".") == 0)
        return -EINVAL;
    if (strcmp(place->name, "..") == 0)
        return -ENOTEMPTY;
    err = directory_is_empty(v, place->number, &empty);
    return err == 0 && !empty ? -ENOTEMPTY : err;
}

/* The struct is there for its blocks to be freed, now or by volume_sync. */
static int names_remove_directory(struct inode *ino, const struct volume_place *place)
{
    struct volume *v = ino->volume;
    struct ext2_inode before = ino->disk;
    int err = volume_op_begin(v, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    err = directory_remove(v, place->directory, place->name);
    if (err == 0)
        err = inode_write_links(ino, 0);
    if (err == 0)
        err = volume_change_links(v, place->directory, -1);
    err = volume_op_end(v, err);
    if (err != 0)
        inode_restore(ino, &before);
    return err;
}

int volume_remove_directory(struct volume *v, const char *path)
{
    struct volume_place place;
    struct inode *ino;
    int err = volume_walk(v, path, false, &place);

    if (err == 0 && place.number == 0)
        err = -ENOENT;
    if (err == 0)
        err = names_check_removable(v, &place);
    if (err == 0)
        err = inode_load(v, place.number, &ino);
    if (err != 0)
        return err;
    err = names_remove_directory(ino, &place);
    inode_put(ino);
    return err;
}

/* ---- listing ---- */

/* Names that no path could reach, or that would lead elsewhere, only damage can make. */
static bool names_entry_sound(const struct directory_entry *entry)
{
    return strlen(entry->name) == entry->length && strchr(entry->name, '/') == NULL;
}

static int names_fill_entry(struct volume *v, const struct directory_entry *entry,
                            struct volume_entry *out)
{
    struct ext2_inode disk;
    int err = names_entry_sound(entry) ? volume_read_inode(v, entry->number, &disk) : -EUCLEAN;

    if (err != 0)
        return err;
    memcpy(out->name, entry->name, sizeof out->name);
    out->number = entry->number;
    out->kind = names_kind(disk.i_mode);
    return 0;
}

int volume_list(struct volume *v, const char *path, uint64_t *cursor, struct volume_entry *out)
{
    struct directory_entry entry;
    struct volume_place place;
    int err = volume_walk(v, path, false, &place);

    if (err == 0 && place.number == 0)
        err = -ENOENT;
    if (err != 0)
        return err;
    do
        err = directory_next(v, place.number, cursor, &entry);
    while (err == 0 && (strcmp(entry.name, ".") == 0 || strcmp(entry.name, "..") == 0));
    return err != 0 ? err : names_fill_entry(v, &entry, out);
}
