/*
 * The size of a file: growing, shrinking, and freeing it as a whole.
 *
 * Layer 4. libext2fs frees blocks without looking whether they are blocks at all, and prints when
 * they are not. So the blocks that go are surveyed first; that also tells how much the operation's
 * log must hold.
 */
#include "fs/inode_data.h"

int inode_write_size(struct inode *ino, uint64_t bytes)
{
    ext2_filsys fs = ino->volume->fs;
    errcode_t code = ext2fs_inode_size_set(fs, &ino->disk, (ext2_off64_t)bytes);

    if (code == 0)
        code = ext2fs_write_inode(fs, ino->number, &ino->disk);
    return volume_errno(code);
}

struct size_survey {
    uint64_t start; /* blocks [start, end) of the file go */
    uint64_t end;
    uint64_t count; /* of blocks that may go, indirect ones among them */
    uint64_t seen;
    bool damaged;
};

/*
 * Called for every block; negative `blockcnt`: an indirect one. A block map that leads into itself
 * has more blocks than the volume, or none of an end.
 */
static int size_survey_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t blockcnt,
                             blk64_t ref_block, int ref_offset, void *data)
{
    struct size_survey *survey = data;

    (void)ref_block;
    (void)ref_offset;
    if (*block <= fs->super->s_first_data_block || *block >= fs->super->s_blocks_count ||
        !ext2fs_test_block_bitmap2(fs->block_map, *block) ||
        ++survey->seen > fs->super->s_blocks_count) {
        survey->damaged = true;
        return BLOCK_ABORT;
    }
    if (blockcnt < 0 || ((uint64_t)blockcnt >= survey->start && (uint64_t)blockcnt < survey->end))
        survey->count++;
    return 0;
}

int inode_survey(struct inode *ino, uint64_t start, uint64_t end, uint64_t *count)
{
    struct size_survey survey = {.start = start, .end = end};
    int err;

    *count = 0;
    if (!ext2fs_inode_has_valid_blocks2(ino->volume->fs, &ino->disk))
        return 0; /* a device, or a symbolic link in the inode itself */
    err = volume_errno(ext2fs_block_iterate3(ino->volume->fs, ino->number, BLOCK_FLAG_READ_ONLY,
                                             NULL, size_survey_block, &survey));

    *count = survey.count;
    return err == 0 && survey.damaged ? -EUCLEAN : err;
}

void inode_drop_marks(struct inode *ino, uint64_t index, uint64_t end)
{
    void *value;

    while (radix_next(&ino->unwritten, &index, &value) && index < end)
        radix_remove(&ino->unwritten, index);
}

/*
 * `freed` blocks from the new end on go. With nothing to free, the indirect blocks are left alone:
 * growing a file must not read them.
 */
static int size_change(struct inode *ino, uint64_t bytes, uint64_t freed)
{
    int err = volume_op_begin(ino->volume, freed);

    if (err != 0)
        return err;
    err = inode_write_size(ino, bytes);
    if (err == 0 && freed > 0)
        err = inode_free_blocks(ino, inode_block_of_byte(ino, bytes), UINT64_MAX);
    return volume_op_end(ino->volume, err);
}

int inode_set_bytes(struct inode *ino, uint64_t bytes)
{
    struct ext2_inode before = ino->disk;
    uint64_t freed = 0;
    int err = 0;

    if (bytes > inode_bytes_limit(ino))
        return -EFBIG;
    if (bytes < inode_bytes(ino) || ino->beyond_end)
        err = inode_survey(ino, inode_block_of_byte(ino, bytes), UINT64_MAX, &freed);
    if (err == 0)
        err = size_change(ino, bytes, freed);
    if (err != 0) {
        ino->disk = before;
        return err;
    }
    ino->beyond_end = false;
    inode_drop_marks(ino, bytes / FS_PAGE_BYTES + (bytes % FS_PAGE_BYTES != 0), UINT64_MAX);
    return 0;
}

/* Attributes in a block of their own: images made elsewhere may have them. */
static int size_free_attributes(struct inode *ino)
{
    errcode_t code;

    if (ino->disk.i_file_acl == 0)
        return 0;
    code = ext2fs_free_ext_attr(ino->volume->fs, ino->number, NULL);
    if (code == 0)
        code = ext2fs_read_inode(ino->volume->fs, ino->number, &ino->disk);
    return volume_errno(code);
}

/* A dead inode has a time of death, or e2fsck takes it for one that was lost. Inside an operation. */
static int size_bury(struct inode *ino, uint64_t freed)
{
    int err = freed > 0 ? inode_free_blocks(ino, 0, UINT64_MAX) : 0;

    if (err == 0)
        err = size_free_attributes(ino);
    if (err != 0)
        return err;
    ino->disk.i_dtime = VOLUME_TIME;
    err = inode_write_size(ino, 0);
    if (err == 0)
        volume_op_free_inode(ino->volume, ino->number, LINUX_S_ISDIR(ino->disk.i_mode));
    return err;
}

int inode_free(struct inode *ino)
{
    struct ext2_inode before = ino->disk;
    uint64_t freed;
    int err = inode_survey(ino, 0, UINT64_MAX, &freed);

    if (err == 0)
        err = volume_op_begin(ino->volume, freed + 2); /* and the inode, and its attributes */
    if (err != 0)
        return err;
    err = volume_op_end(ino->volume, size_bury(ino, freed));
    if (err != 0)
        ino->disk = before;
    return err;
}
