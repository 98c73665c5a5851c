/*
 * Why a device cannot be mounted, in words for people.
 *
 * Layer 4. The mount says -EUCLEAN for all that is not a sound ext2 volume; here the superblock is
 * looked at once more, for what people can do something about: another kind of file system,
 * features, a file that was cut.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fs/volume_inner.h"

struct explain_feature {
    uint32_t bit;
    const char *name; /* as mke2fs -O has it */
};

/* What ext4 has and volumes here have not. */
static const struct explain_feature explain_incompat[] = {
    {EXT2_FEATURE_INCOMPAT_COMPRESSION, "compression"},
    {EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "journal_dev"},
    {EXT3_FEATURE_INCOMPAT_EXTENTS, "extents"},
    {EXT4_FEATURE_INCOMPAT_64BIT, "64bit"},
    {EXT4_FEATURE_INCOMPAT_MMP, "mmp"},
    {EXT4_FEATURE_INCOMPAT_FLEX_BG, "flex_bg"},
    {EXT4_FEATURE_INCOMPAT_EA_INODE, "ea_inode"},
    {EXT4_FEATURE_INCOMPAT_CSUM_SEED, "metadata_csum_seed"},
    {EXT4_FEATURE_INCOMPAT_LARGEDIR, "large_dir"},
    {EXT4_FEATURE_INCOMPAT_INLINE_DATA, "inline_data"},
    {EXT4_FEATURE_INCOMPAT_ENCRYPT, "encrypt"},
    {EXT4_FEATURE_INCOMPAT_CASEFOLD, "casefold"},
};

static const struct explain_feature explain_ro_compat[] = {
    {EXT4_FEATURE_RO_COMPAT_HUGE_FILE, "huge_file"},
    {EXT4_FEATURE_RO_COMPAT_GDT_CSUM, "uninit_bg"},
    {EXT4_FEATURE_RO_COMPAT_QUOTA, "quota"},
    {EXT4_FEATURE_RO_COMPAT_BIGALLOC, "bigalloc"},
    {EXT4_FEATURE_RO_COMPAT_METADATA_CSUM, "metadata_csum"},
    {EXT4_FEATURE_RO_COMPAT_PROJECT, "project"},
    {EXT4_FEATURE_RO_COMPAT_VERITY, "verity"},
};

/* Adds the names of the features that are set. */
static void explain_features(uint32_t set, const struct explain_feature *features, size_t count,
                             char *text, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(text);

        if ((set & features[i].bit) != 0 && length < bytes)
            snprintf(text + length, bytes - length, "%s%s", length == 0 ? "" : ", ",
                     features[i].name);
    }
}

static void explain_super(const struct ext2_super_block *super, uint64_t device_bytes, char *why,
                          size_t bytes)
{
    uint64_t wanted = (uint64_t)super->s_blocks_count << (10 + (super->s_log_block_size & 15));
    char names[96] = "";

    explain_features(super->s_feature_incompat, explain_incompat,
                     sizeof explain_incompat / sizeof explain_incompat[0], names, sizeof names);
    explain_features(super->s_feature_ro_compat, explain_ro_compat,
                     sizeof explain_ro_compat / sizeof explain_ro_compat[0], names, sizeof names);
    if (super->s_magic != EXT2_SUPER_MAGIC)
        snprintf(why, bytes, "not an ext2 file system");
    else if (names[0] != '\0')
        snprintf(why, bytes, "more than ext2 and ext3: %s", names);
    else if (super->s_log_block_size > 2)
        snprintf(why, bytes, "blocks that are larger than 4 KiB");
    else if (wanted > device_bytes)
        snprintf(why, bytes, "cut short: %" PRIu64 " of %" PRIu64 " bytes", device_bytes, wanted);
    else
        snprintf(why, bytes, "damaged (e2fsck may repair it)");
}

void volume_explain(struct dev *dev, int err, char *why, size_t bytes)
{
    union {
        struct ext2_super_block super;
        uint8_t bytes[DEV_BLOCK_BYTES];
    } block;

    if (err != -EUCLEAN)
        snprintf(why, bytes, "%s", strerror(-err));
    else if (dev->blocks < 2)
        snprintf(why, bytes, "not an ext2 file system");
    else if (dev_read(dev, 1, 1, block.bytes) != 0)
        snprintf(why, bytes, "%s", strerror(EIO));
    else
        explain_super(&block.super, dev->blocks * DEV_BLOCK_BYTES, why, bytes);
}
