/*
 * The volume: mount, sync, unmount.
 *
 * Layer 4. A mounted volume is a libext2fs handle over our io_manager. Bitmaps and counters live in
 * the handle, everything else in the cache of metadata blocks; both reach the device by volume_sync
 * only (or when the cache is full).
 */
#include "base/contract.h"
#include "fs/volume_inner.h"

/*
 * What we know how to keep consistent: ext2, and what mke2fs adds to it. Anything else is refused.
 * /
 */
#define VOLUME_INCOMPAT (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG)
#define VOLUME_RO_COMPAT                                                       \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
     EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK)

/* Blocks that libext2fs wants as scratch: two for bmap, three for punch. */
#define VOLUME_SCRATCH_BLOCKS 3u

static int volume_check_super(const struct volume *v)
{
    const struct ext2_super_block *super = v->fs->super;
    uint64_t device_bytes = v->dev->blocks * DEV_BLOCK_BYTES;

    if ((super->s_feature_incompat & ~(uint32_t)VOLUME_INCOMPAT) != 0)
        return -EUCLEAN;
    if ((super->s_feature_ro_compat & ~(uint32_t)VOLUME_RO_COMPAT) != 0)
        return -EUCLEAN;
    if (v->fs->blocksize > FS_PAGE_BYTES || super->s_inode_size > v->fs->blocksize)
        return -EUCLEAN;
    if ((uint64_t)super->s_blocks_count * v->fs->blocksize > device_bytes)
        return -EUCLEAN;
    return volume_errno(ext2fs_check_desc(v->fs));
}

/*
 * Opens the handle and reads what must be in memory. On failure the handle may be there:
 * volume_close frees it.
 */
static int volume_open(struct volume *v)
{
    char name[VOLUME_IO_NAME];
    int err;

    volume_io_name(&v->io, name);
    err =
        volume_errno(ext2fs_open2(name, NULL, EXT2_FLAG_RW | EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP,
                                  0, 0, &v->io.manager, &v->fs));
    if (err != 0) {
        v->fs = NULL;
        return err;
    }
    v->fs->now = VOLUME_TIME;
    err = volume_check_super(v);
    if (err == 0)
        err = volume_errno(ext2fs_read_bitmaps(v->fs));
    if (err == 0)
        err = volume_errno(ext2fs_check_directory(v->fs, EXT2_ROOT_INO));
    return err == -ENOTDIR ? -EUCLEAN : err;
}

/* Frees everything; nothing is written. */
static void volume_close(struct volume *v)
{
    ext2fs_free(v->fs);
    volume_io_destroy(&v->io);
    radix_destroy(&v->inodes);
    alloc_release(v->alloc, v->log);
    alloc_release(v->alloc, v->scratch);
    alloc_release(v->alloc, v);
}

int volume_mount(struct alloc *a, struct dev *dev, struct volume **out)
{
    struct volume *v = alloc_zeroed(a, sizeof *v);
    int err;

    if (v == NULL)
        return -ENOMEM;
    v->alloc = a;
    v->dev = dev;
    radix_init(&v->inodes, a);
    err = volume_io_init(&v->io, a, dev);
    if (err != 0) {
        alloc_release(a, v);
        return err;
    }
    err = volume_open(v);
    if (err == 0) {
        v->page_blocks = FS_PAGE_BYTES / v->fs->blocksize;
        v->scratch = alloc_zeroed(a, VOLUME_SCRATCH_BLOCKS * v->fs->blocksize);
        err = v->scratch == NULL ? -ENOMEM : 0;
    }
    if (err != 0) {
        volume_close(v);
        return err;
    }
    volume_op_attach(v);
    *out = v;
    return 0;
}

/*
 * Puts bitmaps, descriptors and superblock into the cache; what did not change makes no line dirty
 * there.
 */
static int volume_collect(struct volume *v)
{
    if ((v->fs->flags & (EXT2_FLAG_DIRTY | EXT2_FLAG_IB_DIRTY | EXT2_FLAG_BB_DIRTY)) == 0)
        return 0;
    return volume_errno(ext2fs_flush2(v->fs, EXT2_FLAG_FLUSH_NO_SYNC));
}

/*
 * The order matters little, for ext2 has no order that survives a power cut in its middle; what
 * matters is one flush at the end, and that a failed step leaves what it could not write dirty for
 * the next call.
 */
int volume_sync(struct volume *v)
{
    int first_err = volume_settle(v);
    int err = volume_collect(v);

    if (first_err == 0)
        first_err = err;
    /* Written also after an error: what can be brought to safety should be. */
    err = volume_io_write_back(&v->io);
    if (first_err == 0)
        first_err = err;
    err = volume_io_flush(&v->io);
    return first_err != 0 ? first_err : err;
}

int volume_flush(struct volume *v)
{
    return volume_io_flush(&v->io);
}

int volume_unmount(struct volume *v)
{
    int err = volume_sync(v);

    volume_abandon(v);
    return err;
}

void volume_abandon(struct volume *v)
{
    volume_forget_inodes(v);
    volume_close(v);
}

uint64_t volume_free_pages(const struct volume *v)
{
    return ext2fs_free_blocks_count(v->fs->super) / v->page_blocks;
}
