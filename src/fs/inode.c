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
#include "fs/volume_inner.h"

#define INODE_MODE (LINUX_S_IFREG | 0644)

static int inode_check_type(const struct ext2_inode *disk)
{
    if (LINUX_S_ISDIR(disk->i_mode))
        return -EISDIR;
    if (LINUX_S_ISLNK(disk->i_mode))
        return -ELOOP;
    return LINUX_S_ISREG(disk->i_mode) ? 0 : -ENXIO;
}

/* A struct for an inode that has none, with one reference. -ENOMEM. */
static int inode_new(struct volume *v, uint32_t number, const struct ext2_inode *disk,
                     struct inode **out)
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

/* The struct of an inode that a directory names. */
static int inode_load(struct volume *v, uint32_t number, struct inode **out)
{
    struct ext2_inode disk;
    int err;

    *out = radix_get(&v->inodes, number);
    if (*out != NULL) {
        inode_get(*out);
        return 0;
    }
    err = volume_errno(ext2fs_read_inode(v->fs, number, &disk));
    if (err == 0)
        err = inode_check_type(&disk);
    return err != 0 ? err : inode_new(v, number, &disk, out);
}

/* Finds the place of an existing file and loads its inode. */
static int inode_locate(struct volume *v, const char *path, struct volume_place *place,
                        struct inode **out)
{
    int err = volume_walk(v, path, false, place);

    if (err == 0 && place->number == 0)
        err = -ENOENT;
    if (err == 0)
        err = inode_load(v, place->number, out);
    if (err == 0 && place->as_directory) {
        inode_put(*out);
        err = -ENOTDIR;
    }
    return err;
}

int inode_open(struct volume *v, const char *path, struct inode **out)
{
    struct volume_place place;

    return inode_locate(v, path, &place, out);
}

/* Makes the inode on disk and its name. Inside an operation. */
static int inode_make(struct volume *v, const struct volume_place *place, struct inode **out)
{
    struct ext2_inode disk;
    ext2_ino_t number;
    int err = volume_errno(ext2fs_new_inode(v->fs, place->directory, INODE_MODE, NULL, &number));

    if (err == 0)
        err = volume_op_reserve(v, VOLUME_OP_DIRECTORY);
    /* Only a damaged bitmap gives away an inode that is open. */
    if (err == 0 && radix_get(&v->inodes, number) != NULL)
        err = -EUCLEAN;
    if (err != 0)
        return err;
    memset(&disk, 0, sizeof disk);
    disk.i_mode = INODE_MODE;
    disk.i_links_count = 1;
    disk.i_atime = disk.i_ctime = disk.i_mtime = VOLUME_TIME;
    volume_op_take_inode(v, number);
    err = volume_errno(ext2fs_write_new_inode(v->fs, number, &disk));
    if (err == 0)
        err = volume_link(v, place->directory, place->name, number, EXT2_FT_REG_FILE);
    /* Last, so that nothing has to be undone for it. */
    return err != 0 ? err : inode_new(v, number, &disk, out);
}

int inode_create(struct volume *v, const char *path, bool parents, struct inode **out)
{
    struct volume_place place;
    int err = volume_op_begin(v, VOLUME_OP_DIRECTORY);

    if (err != 0)
        return err;
    err = volume_walk(v, path, parents, &place);
    if (err == 0 && place.number != 0)
        err = -EEXIST;
    if (err == 0 && place.as_directory)
        err = -EISDIR;
    if (err == 0)
        err = inode_make(v, &place, out);
    return volume_op_end(v, err);
}

int inode_unlink(struct volume *v, const char *path)
{
    struct volume_place place;
    struct ext2_inode before;
    struct inode *ino;
    int err = inode_locate(v, path, &place, &ino);

    if (err != 0)
        return err;
    before = ino->disk;
    err = volume_op_begin(v, VOLUME_OP_DIRECTORY);
    if (err == 0) {
        ino->disk.i_links_count--;
        ino->disk.i_ctime = VOLUME_TIME;
        err = volume_errno(ext2fs_unlink(v->fs, place.directory, place.name, ino->number, 0));
        if (err == 0)
            err = volume_errno(ext2fs_write_inode(v->fs, ino->number, &ino->disk));
        err = volume_op_end(v, err);
    }
    if (err != 0)
        ino->disk = before;
    ino->unlinked = ino->disk.i_links_count == 0;
    inode_put(ino);
    return err;
}

struct inode *inode_get(struct inode *ino)
{
    ino->refs++;
    return ino;
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
    if (ino->unlinked ? inode_free(ino) == 0 : ino->unwritten.count == 0)
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
    else
        err = inode_settle(ino);
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
