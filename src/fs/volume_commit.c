/*
 * Commits: everything that changed since the last one becomes durable, as a whole.
 *
 * Layer 4. Bitmaps, descriptors and the superblock are in libext2fs's memory; a commit first puts
 * what changed of them into the cache of metadata blocks. Then, with a journal:
 *
 *     body -> flush -> commit block (FUA) -> lines to their home places -> flush -> tail
 *
 * The first flush also covers the data that the metadata points to (ordered mode): it was written
 * before. Only now may what was freed be given out again. Without a journal the lines just go home,
 * and a power cut in between leaves what ext2 leaves.
 *
 * While there is something on the device that only a replay, or a look at every inode, sets right,
 * the superblock there says so (volume_mark): needs_recovery, or not unmounted cleanly. It is set
 * before the first commit, not at mount: who only reads writes nothing.
 *
 *   I-COMMIT-1  no line goes home before `marked`, nor, with a journal, before its transaction is
 *               durable
 *   I-COMMIT-2  an operation's changes are in one transaction: commits lie between operations
 */
#include <string.h>

#include "base/contract.h"
#include "fs/volume_inner.h"
#include "fs/volume_io_line.h"

#define SUPER_DEVICE_BLOCK 1u /* of DEV_BLOCK_BYTES, wherever blocks of the volume begin */

_Static_assert(SUPERBLOCK_SIZE == DEV_BLOCK_BYTES, "the superblock is one block of the device");
_Static_assert(SUPERBLOCK_OFFSET == SUPER_DEVICE_BLOCK * DEV_BLOCK_BYTES, "and there it lies");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as ext2 has it on disk");

/* ---- what libext2fs keeps in memory ---- */

/* A whole block, which need not be read first. */
static int commit_put_block(struct volume *v, uint64_t block, const void *bytes)
{
    return volume_io_line_write(&v->io, block, 0, v->fs->blocksize, bytes);
}

/* One bitmap: `bits` of it, from number `first` on; what follows in its block is ones. */
static int commit_put_blocks_bitmap(struct volume *v, dgrp_t group)
{
    const struct ext2_super_block *super = v->fs->super;
    uint32_t bits = super->s_blocks_per_group;
    uint64_t first = super->s_first_data_block + (uint64_t)group * bits;
    uint8_t *map = (uint8_t *)v->scratch;
    int err;

    memset(map, 0xff, v->fs->blocksize);
    if (super->s_blocks_count - first < bits)
        bits = (uint32_t)(super->s_blocks_count - first);
    err = volume_errno(
        ext2fs_get_block_bitmap_range2(v->fs->block_map, first, (bits + 7u) & ~7u, map));
    for (uint32_t bit = bits; bit < ((bits + 7u) & ~7u); bit++)
        ext2fs_set_bit(bit, map);
    return err != 0 ? err : commit_put_block(v, ext2fs_block_bitmap_loc(v->fs, group), map);
}

static int commit_put_inodes_bitmap(struct volume *v, dgrp_t group)
{
    uint32_t bits = v->fs->super->s_inodes_per_group;
    uint8_t *map = (uint8_t *)v->scratch;
    int err;

    memset(map, 0xff, v->fs->blocksize);
    err = volume_errno(
        ext2fs_get_inode_bitmap_range2(v->fs->inode_map, 1 + (uint64_t)group * bits, bits, map));
    return err != 0 ? err : commit_put_block(v, ext2fs_inode_bitmap_loc(v->fs, group), map);
}

static int commit_put_descriptors(struct volume *v, dgrp_t group)
{
    uint32_t index = group / (uint32_t)EXT2_DESC_PER_BLOCK(v->fs->super);
    uint64_t block = ext2fs_descriptor_block_loc2(v->fs, v->fs->super->s_first_data_block, index);

    return commit_put_block(v, block,
                            (const uint8_t *)v->fs->group_desc + (size_t)index * v->fs->blocksize);
}

static int commit_put_group(struct volume *v, dgrp_t group)
{
    int err = 0;

    if ((v->groups[group] & VOLUME_GROUP_BLOCKS) != 0)
        err = commit_put_blocks_bitmap(v, group);
    if (err == 0 && (v->groups[group] & VOLUME_GROUP_INODES) != 0)
        err = commit_put_inodes_bitmap(v, group);
    return err != 0 ? err : commit_put_descriptors(v, group);
}

static int commit_put_groups(struct volume *v)
{
    int err = 0;

    for (dgrp_t group = 0; v->changed > 0 && group < v->fs->group_desc_count && err == 0; group++)
        if (v->groups[group] != 0)
            err = commit_put_group(v, group);
    if (err != 0 || v->changed == 0)
        return err;
    memset(v->groups, 0, v->fs->group_desc_count);
    v->changed = 0;
    return 0;
}

static int commit_put_super(struct volume *v)
{
    const int dirty = EXT2_FLAG_DIRTY | EXT2_FLAG_IB_DIRTY | EXT2_FLAG_BB_DIRTY;
    uint32_t block_bytes = v->fs->blocksize;
    int err;

    if ((v->fs->flags & dirty) == 0)
        return 0;
    v->fs->super->s_wtime = VOLUME_TIME;
    v->fs->super->s_block_group_nr = 0;
    err = volume_io_line_write(&v->io, SUPERBLOCK_OFFSET / block_bytes,
                               SUPERBLOCK_OFFSET % block_bytes, SUPERBLOCK_SIZE, v->fs->super);
    if (err == 0)
        v->fs->flags &= ~dirty;
    return err;
}

/* ---- files without a name ---- */

/* Says on disk that `next` follows the file in the list. */
static int commit_put_orphan(struct volume *v, struct inode *ino, uint32_t next)
{
    struct ext2_inode disk;
    int err = volume_errno(ext2fs_read_inode(v->fs, ino->number, &disk));

    if (err != 0 || disk.i_dtime == next)
        return err;
    disk.i_dtime = next;
    err = volume_errno(ext2fs_write_inode(v->fs, ino->number, &disk));
    if (err == 0)
        ino->disk.i_dtime = next;
    return err;
}

/*
 * A file that is open and has no name would be lost, with its blocks, if its last user went by a
 * power cut. ext3 keeps a list of such on disk, chained through their time of death, for the next
 * mount; it is derived here from what is open, at each commit. ext2 has no such list.
 */
static int commit_put_orphans(struct volume *v)
{
    uint64_t number = 0;
    uint32_t last = 0;
    void *value;

    if (v->journal.blocks == NULL)
        return 0;
    for (; radix_next(&v->inodes, &number, &value); number++) {
        struct inode *ino = value;
        int err;

        if (!ino->unlinked)
            continue;
        err = commit_put_orphan(v, ino, last);
        if (err != 0)
            return err;
        last = ino->number;
    }
    if (v->fs->super->s_last_orphan != last)
        ext2fs_mark_super_dirty(v->fs);
    v->fs->super->s_last_orphan = last;
    return 0;
}

/* ---- the mark ---- */

/*
 * Rewrites the superblock in its home place, in which nothing but the mark changes (one sector: a
 * power cut cannot tear it). The line of that block may be ahead of it by then, and has the mark
 * already: it is set in v->fs->super from mount to unmount.
 */
static int commit_write_mark(struct volume *v, bool set)
{
    struct ext2_super_block super;
    struct dev_span span = {&super, 1};
    int err = dev_read(v->dev, SUPER_DEVICE_BLOCK, 1, &super);

    if (err != 0)
        return err;
    if (v->journal.blocks != NULL && set)
        super.s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER;
    else if (v->journal.blocks != NULL)
        super.s_feature_incompat &= ~(uint32_t)EXT3_FEATURE_INCOMPAT_RECOVER;
    else if (set)
        super.s_state &= (uint16_t)~EXT2_VALID_FS;
    else
        super.s_state |= EXT2_VALID_FS;
    err = dev_write_gather(v->dev, SUPER_DEVICE_BLOCK, &span, 1, DEV_FUA);
    if (err == 0)
        v->marked = set;
    return err;
}

int volume_unmark(struct volume *v)
{
    int err = 0;

    if (!v->marked)
        return 0;
    if (v->journal.blocks != NULL)
        err = journal_retire(&v->journal);
    return err != 0 ? err : commit_write_mark(v, false);
}

/* ---- commits ---- */

uint64_t volume_waiting(const struct volume *v)
{
    return (uint64_t)v->io.dirty + v->changed +
           (v->changed < v->fs->desc_blocks ? v->changed : v->fs->desc_blocks) + 1;
}

/* The dirty lines become one transaction. */
static int commit_to_journal(struct volume *v)
{
    struct volume_io_line *const *lines;
    uint32_t count = volume_io_dirty_lines(&v->io, &lines);

    return journal_commit(&v->journal, lines, count);
}

/* Everything is in the cache: out with it. */
static int commit_lines(struct volume *v)
{
    bool journaled = v->journal.blocks != NULL;
    int err = 0;

    if (v->io.dirty > 0 && !v->marked)
        err = commit_write_mark(v, true);
    if (err == 0 && journaled && v->io.dirty > 0)
        err = commit_to_journal(v);
    if (err == 0)
        err = volume_io_write_back(&v->io);
    if (err == 0)
        err = volume_io_flush(&v->io);
    if (err == 0 && journaled && v->journal.behind)
        err = journal_advance(&v->journal);
    return err;
}

int volume_commit(struct volume *v)
{
    int err = commit_put_orphans(v);

    contract(!v->io.in_operation);
    if (err == 0)
        err = commit_put_groups(v);
    if (err == 0)
        err = commit_put_super(v);
    if (err == 0)
        err = commit_lines(v);
    if (err == 0)
        volume_op_release_held(v);
    return err;
}

int volume_commit_early(struct volume *v)
{
    int err = volume_zero_reserved(v);

    return err != 0 ? err : volume_commit(v);
}
