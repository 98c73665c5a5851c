/*
 * The volume: mount, sync, unmount.
 *
 * Layer 4. A mounted volume is a libext2fs handle over our io_manager. Bitmaps and counters live in
 * the handle, everything else in the cache of metadata blocks; both reach the device by commits only
 * (volume_commit.c), which happen here, and where much is waiting for one (volume_op_begin).
 *
 *     mount: open -> replay the journal -> open again -> bitmaps -> what no replay mends
 */
#include "base/contract.h"
#include "fs/volume_inner.h"
#include "fs/volume_io_line.h"

/*
 * What we know how to keep consistent: ext2 with what mke2fs adds to it, and ext3. Anything else is
 * refused.
 */
#define VOLUME_INCOMPAT \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_RECOVER)
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
    /* The numbers below are ext2's own: who gives them away loses the root, or the journal. */
    if (EXT2_FIRST_INODE(super) < EXT2_GOOD_OLD_FIRST_INO ||
        EXT2_FIRST_INODE(super) > super->s_inodes_count)
        return -EUCLEAN;
    return volume_errno(ext2fs_check_desc(v->fs));
}

/* Opens the handle: superblock and descriptors. After a failure there is none. */
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
    return volume_check_super(v);
}

/*
 * A replay may have changed all that was read so far, also what is in lines: with blocks of 1 KiB
 * opening anew does not drop them by itself.
 */
static int volume_open_replayed(struct volume *v)
{
    bool replayed;
    int err = volume_open(v);

    if (err == 0)
        err = volume_recover_journal(v, &replayed);
    if (err != 0 || !replayed)
        return err;
    ext2fs_free(v->fs);
    v->fs = NULL;
    volume_io_drop_all(&v->io);
    return volume_open(v);
}

/*
 * What the superblock says from now on, whenever it is written, is that we are at work. It is not
 * written yet.
 */
static void volume_set_mark(struct volume *v)
{
    struct ext2_super_block *super = v->fs->super;

    if (v->journal.blocks != NULL) {
        v->marked = (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0;
        super->s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER;
    } else {
        v->marked = (super->s_state & EXT2_VALID_FS) == 0;
        super->s_state &= (uint16_t)~EXT2_VALID_FS;
    }
}

#define WAITING_MAX 1024u /* blocks: 4 MiB of memory at most wait for a commit */

/* A quarter of the journal, so that an operation can be large. */
static void volume_set_limits(struct volume *v)
{
    uint32_t room = v->journal.blocks == NULL ? UINT32_MAX : journal_room(&v->journal);

    v->hard_limit = room - room / 4;
    v->soft_limit = v->journal.blocks == NULL ? VOLUME_IO_LINES : room / 4;
    if (v->soft_limit > WAITING_MAX)
        v->soft_limit = WAITING_MAX;
}

/* Reads what must be in memory. */
static int volume_load(struct volume *v)
{
    int err = volume_errno(ext2fs_read_bitmaps(v->fs));

    if (err == 0)
        err = volume_errno(ext2fs_check_directory(v->fs, EXT2_ROOT_INO));
    if (err != 0)
        return err == -ENOTDIR ? -EUCLEAN : err;
    v->page_blocks = FS_PAGE_BYTES / v->fs->blocksize;
    v->scratch = alloc_zeroed(v->alloc, VOLUME_SCRATCH_BLOCKS * v->fs->blocksize);
    if (v->scratch == NULL)
        return -ENOMEM;
    volume_set_mark(v);
    volume_set_limits(v);
    return volume_op_attach(v);
}

/* Frees everything; nothing is written. */
static void volume_close(struct volume *v)
{
    journal_close(&v->journal);
    if (v->held != NULL)
        ext2fs_free_block_bitmap(v->held);
    if (v->held_inodes != NULL)
        ext2fs_free_inode_bitmap(v->held_inodes);
    ext2fs_free(v->fs);
    volume_io_destroy(&v->io);
    radix_destroy(&v->inodes);
    alloc_release(v->alloc, v->groups);
    alloc_release(v->alloc, v->log);
    alloc_release(v->alloc, v->scratch);
    alloc_release(v->alloc, v);
}

static int volume_mount_as(struct alloc *a, struct dev *dev, bool read_only, struct volume **out)
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
    v->io.read_only = read_only;
    v->io.write_ahead = true;
    err = volume_open_replayed(v);
    if (err == 0)
        err = volume_load(v);
    if (err == 0)
        err = volume_recover_rest(v);
    if (err != 0) {
        volume_abandon(v);
        return err;
    }
    *out = v;
    return 0;
}

int volume_mount(struct alloc *a, struct dev *dev, struct volume **out)
{
    return volume_mount_as(a, dev, dev->read_only, out);
}

int volume_mount_read_only(struct alloc *a, struct dev *dev, struct volume **out)
{
    return volume_mount_as(a, dev, true, out);
}

/*
 * Nothing is committed as long as a reserved block may hold what somebody else left in it. A file
 * whose blocks cannot be freed, or which is damaged, stands in nobody's way.
 */
static int volume_sync_all(struct volume *v)
{
    int first_err = volume_settle(v);
    int err = first_err == 0 ? 0 : volume_zero_reserved(v);

    if (err == 0 || err == -EUCLEAN)
        err = volume_commit(v);
    return first_err != 0 ? first_err : err;
}

int volume_sync(struct volume *v)
{
    int err;

    if (v->io.read_only)
        return 0;
    v->committing = true; /* settling is made of operations itself */
    err = volume_sync_all(v);
    v->committing = false;
    return err;
}

int volume_flush(struct volume *v)
{
    return volume_io_flush(&v->io);
}

int volume_unmount(struct volume *v)
{
    int err = volume_sync(v);

    if (err == 0)
        err = volume_unmark(v);
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
