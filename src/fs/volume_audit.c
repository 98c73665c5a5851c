/*
 * The audit: everything that a sound volume must fulfil, looked at and told.
 *
 * Layer 4. For people with an image that may be damaged, where volume_check.c is for tests of
 * volumes that are not: it believes nothing, ends whatever it meets, and goes on after a finding.
 * In the order of e2fsck's passes: inodes and their blocks; names; links; bitmaps and counters. It
 * changes nothing.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fs/directory.h"

struct audit {
    struct volume *volume;
    volume_finding_handler *tell;
    void *context;
    int64_t findings;
    ext2fs_block_bitmap seen; /* blocks that somebody has */
    uint32_t *names;          /* names of each inode, "." and ".." among them */
    uint32_t *parents;        /* of each directory, by its name; 0: it has none */
    uint32_t number;          /* the inode that is looked at */
    uint64_t blocks;          /* of it so far */
    bool told;                /* its blocks are known to be bad: once is enough */
};

static void audit_find(struct audit *audit, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void audit_find(struct audit *audit, const char *what, const char *format, ...)
{
    char why[400];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    audit->tell(audit->context, what, why);
    audit->findings++;
}

static void audit_find_inode(struct audit *audit, uint32_t number, const char *why)
{
    char what[32];

    snprintf(what, sizeof what, "inode %" PRIu32, number);
    audit_find(audit, what, "%s", why);
}

/* ---- blocks ---- */

static void audit_find_block(struct audit *audit, uint64_t block, const char *why)
{
    char what[32];

    if (audit->told)
        return;
    audit->told = true;
    snprintf(what, sizeof what, "inode %" PRIu32, audit->number);
    audit_find(audit, what, "block %" PRIu64 " %s", block, why);
}

static int audit_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t blockcnt, blk64_t ref_block,
                       int ref_offset, void *data)
{
    struct audit *audit = data;

    (void)blockcnt;
    (void)ref_block;
    (void)ref_offset;
    if (*block < fs->super->s_first_data_block || *block >= fs->super->s_blocks_count) {
        audit_find_block(audit, *block, "is not of this volume");
        return BLOCK_ABORT;
    }
    if (++audit->blocks > fs->super->s_blocks_count) {
        audit_find_block(audit, *block, "leads the block map into itself");
        return BLOCK_ABORT;
    }
    /* The blocks for growing descriptors belong to the resize inode and to the groups. */
    if (ext2fs_mark_block_bitmap2(audit->seen, *block) != 0 && audit->number != EXT2_RESIZE_INO)
        audit_find_block(audit, *block, "has two owners");
    return 0;
}

static void audit_claim(struct audit *audit, uint64_t block, const char *what)
{
    ext2_filsys fs = audit->volume->fs;

    if (block <= fs->super->s_first_data_block || block >= fs->super->s_blocks_count)
        audit_find(audit, what, "block %" PRIu64 " is not of this volume", block);
    else if (ext2fs_mark_block_bitmap2(audit->seen, block) != 0)
        audit_find(audit, what, "block %" PRIu64 " has two owners", block);
}

/* A run of blocks that belongs to the layout, as far as it lies in the volume. */
static void audit_reserve(struct audit *audit, uint64_t first, uint64_t count)
{
    uint64_t end = audit->volume->fs->super->s_blocks_count;

    for (uint64_t block = first; block < first + count && block < end; block++)
        if (block >= audit->volume->fs->super->s_first_data_block)
            ext2fs_mark_block_bitmap2(audit->seen, block);
}

/* Copies of the superblock and of the descriptors, with the blocks reserved for more of them. */
static void audit_super(struct audit *audit, dgrp_t group)
{
    ext2_filsys fs = audit->volume->fs;
    struct ext2_super_block *super = fs->super;
    uint64_t descriptors = ext2fs_has_feature_meta_bg(super)
                               ? super->s_first_meta_bg
                               : fs->desc_blocks + super->s_reserved_gdt_blocks;
    blk64_t copy = 0;
    blk64_t old_descriptors = 0;
    blk64_t new_descriptors = 0;

    if (ext2fs_super_and_bgd_loc2(fs, group, &copy, &old_descriptors, &new_descriptors, NULL) != 0)
        return;
    if (copy != 0 || group == 0)
        audit_reserve(audit, copy, 1);
    if (group == 0 && super->s_first_data_block == 0 && fs->blocksize == 1024)
        audit_reserve(audit, 1, 1);
    if (old_descriptors != 0)
        audit_reserve(audit, old_descriptors, descriptors);
    if (new_descriptors != 0)
        audit_reserve(audit, new_descriptors, 1);
}

static void audit_groups(struct audit *audit)
{
    ext2_filsys fs = audit->volume->fs;
    char what[32];

    for (dgrp_t group = 0; group < fs->group_desc_count; group++)
        audit_super(audit, group);
    for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
        snprintf(what, sizeof what, "group %" PRIu32, group);
        audit_claim(audit, ext2fs_block_bitmap_loc(fs, group), what);
        audit_claim(audit, ext2fs_inode_bitmap_loc(fs, group), what);
        for (uint32_t i = 0; i < fs->inode_blocks_per_group; i++)
            audit_claim(audit, ext2fs_inode_table_loc(fs, group) + i, what);
    }
}

/* A block of attributes may serve many inodes. */
static void audit_attributes(struct audit *audit, uint64_t block)
{
    ext2_filsys fs = audit->volume->fs;

    if (block <= fs->super->s_first_data_block || block >= fs->super->s_blocks_count)
        audit_find_block(audit, block, "(attributes) is not of this volume");
    else
        ext2fs_mark_block_bitmap2(audit->seen, block);
}

static int audit_inode(struct audit *audit, uint32_t number)
{
    ext2_filsys fs = audit->volume->fs;
    struct ext2_inode disk;
    int err = volume_errno(ext2fs_read_inode(fs, number, &disk));

    if (err == -EIO || err == -ENOMEM)
        return err;
    audit->number = number;
    audit->blocks = 0;
    audit->told = false;
    if (err != 0 || (disk.i_flags & VOLUME_FOREIGN_FLAGS) != 0) {
        audit_find_inode(audit, number, "is of a kind that ext2 does not have");
        return 0;
    }
    if (volume_number_usable(audit->volume, number) && disk.i_links_count == 0)
        audit_find_inode(audit, number, "is deleted, and not free");
    if (disk.i_file_acl != 0)
        audit_attributes(audit, disk.i_file_acl);
    if (!ext2fs_inode_has_valid_blocks2(fs, &disk))
        return 0;
    err = volume_errno(
        ext2fs_block_iterate3(fs, number, BLOCK_FLAG_READ_ONLY, NULL, audit_block, audit));
    if (err == -EIO || err == -ENOMEM)
        return err;
    if (err != 0 && !audit->told)
        audit_find_inode(audit, number, "has a block map that cannot be");
    return 0;
}

/* ---- names ---- */

/* How a name is called in a finding; where it is, is the directory's inode. */
static void audit_find_name(struct audit *audit, uint32_t directory,
                            const struct directory_entry *entry, const char *why)
{
    char what[64];

    snprintf(what, sizeof what, "directory inode %" PRIu32, directory);
    audit_find(audit, what, "name \"%s\": %s", entry->name, why);
}

static void audit_name(struct audit *audit, uint32_t directory, const struct directory_entry *entry)
{
    struct volume *v = audit->volume;
    struct ext2_inode disk;
    bool dots = strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0;

    if (strlen(entry->name) != entry->length || strchr(entry->name, '/') != NULL)
        audit_find_name(audit, directory, entry, "holds a slash or a zero");
    if (volume_read_inode(v, entry->number, &disk) != 0) {
        audit_find_name(audit, directory, entry, "leads to no inode in use");
        return;
    }
    audit->names[entry->number]++;
    if (dots || !LINUX_S_ISDIR(disk.i_mode))
        return;
    if (audit->parents[entry->number] != 0)
        audit_find_name(audit, directory, entry, "is a second name of a directory");
    audit->parents[entry->number] = directory;
}

static int audit_directory(struct audit *audit, uint32_t number)
{
    struct directory_entry entry;
    uint64_t cursor = 0;
    int err;

    while ((err = directory_next(audit->volume, number, &cursor, &entry)) == 0)
        audit_name(audit, number, &entry);
    if (err == -EUCLEAN)
        audit_find_inode(audit, number, "is a directory whose blocks or entries cannot be");
    return err == -EIO || err == -ENOMEM ? err : 0;
}

static int audit_names(struct audit *audit)
{
    struct volume *v = audit->volume;
    struct ext2_inode disk;
    int err = 0;

    for (uint32_t number = 1; number <= v->fs->super->s_inodes_count && err == 0; number++)
        if (volume_read_inode(v, number, &disk) == 0 && LINUX_S_ISDIR(disk.i_mode))
            err = audit_directory(audit, number);
    return err;
}

/* ---- links ---- */

/* Do the parents of a directory lead to the root? Its ".." has to be its parent. */
static void audit_ancestors(struct audit *audit, uint32_t number)
{
    uint32_t limit = audit->volume->fs->super->s_inodes_count;
    uint32_t at = number;
    uint32_t above = 0;
    int err = directory_find(audit->volume, number, "..", &above);

    if (err != 0 || above != (number == EXT2_ROOT_INO ? number : audit->parents[number]))
        audit_find_inode(audit, number, "is a directory whose \"..\" is not its parent");
    if (directory_find(audit->volume, number, ".", &above) != 0 || above != number)
        audit_find_inode(audit, number, "is a directory whose \".\" is not itself");
    for (uint32_t steps = 0; at != EXT2_ROOT_INO && at != 0 && steps < limit; steps++)
        at = audit->parents[at];
    if (at != EXT2_ROOT_INO)
        audit_find_inode(audit, number, "is a directory that no path leads to");
}

static void audit_links(struct audit *audit)
{
    struct volume *v = audit->volume;

    for (uint32_t number = EXT2_ROOT_INO; number <= v->fs->super->s_inodes_count; number++) {
        struct ext2_inode disk;
        char why[80];

        if (volume_read_inode(v, number, &disk) != 0)
            continue;
        snprintf(why, sizeof why, "says %u links, and has %" PRIu32, disk.i_links_count,
                 audit->names[number]);
        /* 1: a directory with more subdirectories than can be counted. */
        if (disk.i_links_count != audit->names[number] &&
            !(LINUX_S_ISDIR(disk.i_mode) && disk.i_links_count == 1))
            audit_find_inode(audit, number, why);
        if (LINUX_S_ISDIR(disk.i_mode))
            audit_ancestors(audit, number);
    }
}

/* ---- bitmaps ---- */

static void audit_count(struct audit *audit, uint64_t count, const char *why)
{
    if (count != 0)
        audit_find(audit, "bitmaps", "%" PRIu64 " %s", count, why);
}

static void audit_bitmaps(struct audit *audit)
{
    ext2_filsys fs = audit->volume->fs;
    uint64_t lost = 0;
    uint64_t stolen = 0;
    uint64_t free_blocks = 0;
    uint64_t free_inodes = 0;

    for (blk64_t block = fs->super->s_first_data_block; block < fs->super->s_blocks_count;
         block++) {
        bool used = ext2fs_test_block_bitmap2(fs->block_map, block) != 0;
        bool owned = ext2fs_test_block_bitmap2(audit->seen, block) != 0;

        lost += used && !owned;
        stolen += !used && owned;
        free_blocks += !used;
    }
    for (ext2_ino_t number = 1; number <= fs->super->s_inodes_count; number++)
        free_inodes += ext2fs_test_inode_bitmap2(fs->inode_map, number) == 0;
    audit_count(audit, lost, "blocks are marked as used, and nobody has them");
    audit_count(audit, stolen, "blocks are marked as free, and somebody has them");
    if (free_blocks != fs->super->s_free_blocks_count)
        audit_find(audit, "superblock", "says %" PRIu32 " free blocks, and has %" PRIu64,
                   fs->super->s_free_blocks_count, free_blocks);
    if (free_inodes != fs->super->s_free_inodes_count)
        audit_find(audit, "superblock", "says %" PRIu32 " free inodes, and has %" PRIu64,
                   fs->super->s_free_inodes_count, free_inodes);
}

static int audit_run(struct audit *audit)
{
    struct volume *v = audit->volume;
    int err = 0;

    audit_groups(audit);
    for (ext2_ino_t number = 1; number <= v->fs->super->s_inodes_count && err == 0; number++)
        if (ext2fs_test_inode_bitmap2(v->fs->inode_map, number))
            err = audit_inode(audit, number);
    if (err == 0)
        err = audit_names(audit);
    if (err != 0)
        return err;
    audit_links(audit);
    audit_bitmaps(audit);
    return 0;
}

int64_t volume_audit(struct volume *v, volume_finding_handler *tell, void *context)
{
    struct audit audit = {.volume = v, .tell = tell, .context = context};
    size_t room = ((size_t)v->fs->super->s_inodes_count + 1) * sizeof(uint32_t);
    int err = volume_errno(ext2fs_allocate_block_bitmap(v->fs, "audit", &audit.seen));

    if (err != 0)
        return err;
    audit.names = alloc_zeroed(v->alloc, room);
    audit.parents = alloc_zeroed(v->alloc, room);
    err = audit.names == NULL || audit.parents == NULL ? -ENOMEM : audit_run(&audit);
    alloc_release(v->alloc, audit.names);
    alloc_release(v->alloc, audit.parents);
    ext2fs_free_block_bitmap(audit.seen);
    return err != 0 ? err : audit.findings;
}
