/*
 * Inodes: opening, creating and removing files; references.
 *
 * Layer 4. The volume keeps every open inode in a radix tree by number, so that two opens of one
 * file get the same struct (I-FS-2). An inode without references stays there as long as something
 * is left to do on the device, which inode_put, having nobody to report to, leaves to volume_sync:
 * freeing that failed, and blocks that were never written.
 */
#include <string.h>

#include "base/contract.h"
#include "fs/directory.h"

#define INODE_MODE (LINUX_S_IFREG | 0644)

/* Only files can be opened; the others have names all the same. */
static int inode_check_type(const struct inode *ino)
{
    if (LINUX_S_ISDIR(ino->disk.i_mode))
        return -EISDIR;
    if (LINUX_S_ISLNK(ino->disk.i_mode))
        return -ELOOP;
    return LINUX_S_ISREG(ino->disk.i_mode) ? 0 : -ENXIO;
}

int inode_new(struct volume *v, uint32_t number, const struct ext2_inode *disk, struct inode **out)
{
    struct inode *ino = alloc_zeroed(v->alloc, sizeof *ino);

    if (ino == NULL || radix_insert(&v->inodes, number, ino) != 0) {
        alloc_release(v->alloc, ino);
        return -ENOMEM;
    }
    ino->volume = v;
    ino->number = number;
    ino->refs = 1;
    ino->disk = *disk;
    radix_init(&ino->unwritten, v->alloc);
    *out = ino;
    return 0;
}

static void inode_destroy(struct inode *ino)
{
    struct volume *v = ino->volume;

    radix_remove(&v->inodes, ino->number);
    radix_destroy(&ino->unwritten);
    alloc_release(v->alloc, ino);
}

int inode_load(struct volume *v, uint32_t number, struct inode **out)
{
    struct ext2_inode disk;
    int err;

    *out = radix_get(&v->inodes, number);
    if (*out != NULL) {
        /* A damaged directory may still name what the last good name is gone of. */
        if ((*out)->unlinked)
            return -EUCLEAN;
        inode_get(*out);
        return 0;
    }
    err = volume_read_inode(v, number, &disk);
    return err != 0 ? err : inode_new(v, number, &disk, out);
}

int inode_open(struct volume *v, const char *path, struct inode **out)
{
    struct volume_place place;
    int err = volume_walk(v, path, false, &place);

    if (err == 0 && place.number == 0)
        err = -ENOENT;
    if (err == 0)
        err = inode_load(v, place.number, out);
    if (err != 0)
        return err;
    err = inode_check_type(*out);
    if (err == 0 && place.as_directory)
        err = -ENOTDIR;
    if (err != 0)
        inode_put(*out);
    return err;
}

int inode_make(struct volume *v, const struct volume_place *place, struct ext2_inode *disk,
               uint32_t *number)
{
    int err = volume_op_reserve(v, VOLUME_OP_DIRECTORY);

    if (err == 0)
        err = volume_op_new_inode(v, place->directory, disk->i_mode, number);
    if (err != 0)
        return err;
    disk->i_links_count = 1;
    disk->i_atime = disk->i_ctime = disk->i_mtime = VOLUME_TIME;
    err = volume_errno(ext2fs_write_new_inode(v->fs, *number, disk));
    return err != 0 ? err : directory_add(v, place->directory, place->name, *number, disk->i_mode);
}

static int inode_try_create(struct volume *v, const char *path, bool parents, struct inode **out)
{
    struct ext2_inode disk = {.i_mode = INODE_MODE};
    struct volume_place place;
    uint32_t number;
    int err = volume_op_begin(v, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    err = volume_walk(v, path, parents, &place);
    if (err == 0 && place.as_directory && volume_place_is_name(&place))
        err = -EISDIR; /* "name/", whether it is there or not */
    if (err == 0 && place.number != 0)
        err = -EEXIST;
    if (err == 0)
        err = inode_make(v, &place, &disk, &number);
    /* Last, so that nothing has to be undone for it. */
    if (err == 0)
        err = inode_new(v, number, &disk, out);
    return volume_op_end(v, err);
}

int inode_create(struct volume *v, const char *path, bool parents, struct inode **out)
{
    int err;

    do
        err = inode_try_create(v, path, parents, out);
    while (volume_op_retry(v, err));
    return err;
}

int inode_write_links(struct inode *ino, uint16_t links)
{
    ino->disk.i_links_count = links;
    ino->disk.i_ctime = VOLUME_TIME;
    ino->unlinked = links == 0;
    return volume_errno(ext2fs_write_inode(ino->volume->fs, ino->number, &ino->disk));
}

void inode_restore(struct inode *ino, const struct ext2_inode *before)
{
    ino->disk = *before;
    ino->unlinked = before->i_links_count == 0;
}

/* Takes the name and one link away. */
static int inode_cut(struct inode *ino, const struct volume_place *place)
{
    struct ext2_inode before = ino->disk;
    int err = volume_op_begin(ino->volume, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    err = directory_remove(ino->volume, place->directory, place->name);
    if (err == 0)
        err = inode_write_links(ino, (uint16_t)(ino->disk.i_links_count - 1));
    err = volume_op_end(ino->volume, err);
    if (err != 0)
        inode_restore(ino, &before);
    return err;
}

int inode_unlink(struct volume *v, const char *path)
{
    struct volume_place place;
    struct inode *ino;
    int err = volume_walk(v, path, false, &place);

    if (err == 0 && place.number == 0)
        err = -ENOENT;
    if (err == 0)
        err = inode_load(v, place.number, &ino);
    if (err != 0)
        return err;
    if (LINUX_S_ISDIR(ino->disk.i_mode))
        err = -EISDIR;
    else if (place.as_directory)
        err = -ENOTDIR;
    if (err == 0)
        err = inode_cut(ino, &place);
    inode_put(ino);
    return err;
}

struct inode *inode_get(struct inode *ino)
{
    ino->refs++;
    return ino;
}

/* Frees what was written or reserved past the end and never became part of the file. */
static int inode_trim(struct inode *ino)
{
    return ino->beyond_end ? inode_set_bytes(ino, inode_bytes(ino)) : 0;
}

/*
 * An unlinked inode goes now if it can. One with reserved pages that nobody has written waits for
 * volume_sync, which zeroes them: closing a file should not make requests.
 */
void inode_put(struct inode *ino)
{
    contract(ino->refs > 0);
    if (--ino->refs > 0)
        return;
    if (ino->unlinked ? inode_free(ino) == 0 : inode_trim(ino) == 0 && ino->unwritten.count == 0)
        inode_destroy(ino);
}

/* What is left to do for one inode, open or idle. */
static int inode_settle_any(struct inode *ino)
{
    bool idle = ino->refs == 0;
    int err;

    if (ino->unlinked)
        err = idle ? inode_free(ino)
                   : 0; /* nobody will ever find the blocks of an unlinked file after a restart */
    else {
        err = idle ? inode_trim(ino) : 0;
        if (err == 0)
            err = inode_settle(ino);
    }
    if (idle && err == 0)
        inode_destroy(ino);
    return err;
}

int volume_settle(struct volume *v)
{
    uint64_t number = 0;
    void *value;
    int first_err = 0;

    for (; radix_next(&v->inodes, &number, &value); number++) {
        int err = inode_settle_any(value);

        if (first_err == 0)
            first_err = err;
    }
    return first_err;
}

int volume_zero_reserved(struct volume *v)
{
    uint64_t number = 0;
    void *value;
    int first_err = 0;

    for (; radix_next(&v->inodes, &number, &value); number++) {
        struct inode *ino = value;
        int err = ino->unlinked ? 0 : inode_settle(ino);

        if (first_err == 0)
            first_err = err;
    }
    return first_err;
}

bool volume_has_blocks_beyond_end(const struct volume *v)
{
    uint64_t number = 0;
    void *value;

    for (; radix_next(&v->inodes, &number, &value); number++)
        if (((const struct inode *)value)->beyond_end)
            return true;
    return false;
}

void volume_forget_inodes(struct volume *v)
{
    uint64_t number = 0;
    void *value;

    while (radix_next(&v->inodes, &number, &value)) {
        struct inode *ino = value;

        contract(ino->refs == 0);
        inode_destroy(ino);
    }
}

uint32_t inode_number(const struct inode *ino)
{
    return ino->number;
}

uint64_t inode_bytes(const struct inode *ino)
{
    return EXT2_I_SIZE(&ino->disk);
}

bool inode_unlinked(const struct inode *ino)
{
    return ino->unlinked;
}

void inode_set_owner(struct inode *ino, void *owner)
{
    ino->owner = owner;
}

void *inode_owner(const struct inode *ino)
{
    return ino->owner;
}
