/*
 * Directories as they are on disk. See directory.h.
 *
 * Layer 4. A directory is a file of blocks; each block is full of entries that follow one another,
 * an entry being an inode number (0: room), its own length, and a name:
 *
 *     | 12 "." 12 | 2 ".." 12 | 25 "file" 16 | 0 room 984 |
 *
 * Entries do not cross blocks. A removed entry becomes room of the one before it. libext2fs has
 * functions for all this, but they believe what a damaged image says: they walk block maps that
 * lead into themselves, and know neither limits nor ends. Here every number is checked before it is
 * used:
 *
 *   I-DIR-1  a directory has at most as many blocks as the volume
 *   I-DIR-2  the entries of a block fill it exactly, and each holds its name
 *   I-DIR-3  an index (of images made elsewhere) is given up by the first name that is added: the
 *            entries alone are the truth, and Linux builds none where the flag is gone
 */
#include <string.h>

#include "fs/directory.h"

#define DIRECTORY_ENTRY_BYTES 8u /* before the name */

/* A directory, and the block of it that is under the hand. */
struct directory {
    struct volume *volume;
    uint32_t number;
    uint32_t block_bytes;
    uint64_t count; /* blocks of the file */
    struct ext2_inode disk;
    uint64_t physical; /* of the block in bytes[] */
    _Alignas(uint64_t) char bytes[FS_PAGE_BYTES];
};

static int directory_open(struct volume *v, uint32_t number, struct directory *d)
{
    uint64_t bytes;
    int err = volume_read_inode(v, number, &d->disk);

    if (err != 0)
        return err;
    if (!LINUX_S_ISDIR(d->disk.i_mode))
        return -ENOTDIR;
    bytes = EXT2_I_SIZE(&d->disk);
    d->volume = v;
    d->number = number;
    d->block_bytes = v->fs->blocksize;
    d->count = bytes / d->block_bytes;
    if (bytes % d->block_bytes != 0 || d->count == 0 || d->count > v->fs->super->s_blocks_count)
        return -EUCLEAN;
    return 0;
}

/* ---- blocks and entries ---- */

static struct ext2_dir_entry *directory_entry_at(struct directory *d, uint32_t offset)
{
    return (struct ext2_dir_entry *)(void *)(d->bytes + offset);
}

/* What an entry with a name of so many bytes takes. */
static uint32_t directory_entry_bytes(uint32_t name_bytes)
{
    return (DIRECTORY_ENTRY_BYTES + name_bytes + 3u) & ~3u;
}

static uint32_t directory_name_bytes(const struct ext2_dir_entry *entry)
{
    return (uint32_t)ext2fs_dirent_name_len(entry);
}

/* What the entry needs for itself; the rest of its length is room. */
static uint32_t directory_entry_used(const struct ext2_dir_entry *entry)
{
    return entry->inode == 0 ? 0 : directory_entry_bytes(directory_name_bytes(entry));
}

/* I-DIR-2 for the block in bytes[]. */
static bool directory_block_sound(struct directory *d)
{
    uint32_t offset = 0;

    while (offset < d->block_bytes) {
        const struct ext2_dir_entry *entry = directory_entry_at(d, offset);
        uint32_t length = entry->rec_len;

        if (length % 4 != 0 || length < directory_entry_bytes(1) ||
            length > d->block_bytes - offset || directory_entry_used(entry) > length ||
            (entry->inode != 0 && directory_name_bytes(entry) == 0))
            return false;
        offset += length;
    }
    return true;
}

/* Brings block `index` of the file under the hand. */
static int directory_load(struct directory *d, uint64_t index)
{
    struct volume *v = d->volume;
    blk64_t block = 0;
    int err =
        volume_errno(ext2fs_bmap2(v->fs, d->number, &d->disk, v->scratch, 0, index, NULL, &block));

    if (err != 0)
        return err;
    if (block <= v->fs->super->s_first_data_block || block >= v->fs->super->s_blocks_count)
        return -EUCLEAN;
    d->physical = block;
    err = volume_errno(ext2fs_read_dir_block4(v->fs, block, d->bytes, 0, d->number));
    return err == 0 && !directory_block_sound(d) ? -EUCLEAN : err;
}

static int directory_store(struct directory *d)
{
    return volume_errno(
        ext2fs_write_dir_block4(d->volume->fs, d->physical, d->bytes, 0, d->number));
}

static int directory_entry_kind(uint16_t mode)
{
    switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFREG:
        return EXT2_FT_REG_FILE;
    case LINUX_S_IFDIR:
        return EXT2_FT_DIR;
    case LINUX_S_IFLNK:
        return EXT2_FT_SYMLINK;
    case LINUX_S_IFCHR:
        return EXT2_FT_CHRDEV;
    case LINUX_S_IFBLK:
        return EXT2_FT_BLKDEV;
    case LINUX_S_IFIFO:
        return EXT2_FT_FIFO;
    case LINUX_S_IFSOCK:
        return EXT2_FT_SOCK;
    default:
        return EXT2_FT_UNKNOWN;
    }
}

static void directory_set_entry(struct directory *d, struct ext2_dir_entry *entry, uint32_t number,
                                uint16_t mode)
{
    bool kinds = ext2fs_has_feature_filetype(d->volume->fs->super);

    entry->inode = number;
    ext2fs_dirent_set_file_type(entry, kinds ? directory_entry_kind(mode) : EXT2_FT_UNKNOWN);
}

/* ---- reading ---- */

/* The first entry in use of the block that begins at or behind `offset`. NULL: none. */
static struct ext2_dir_entry *directory_block_next(struct directory *d, uint32_t offset)
{
    uint32_t at = 0;

    while (at < d->block_bytes) {
        struct ext2_dir_entry *entry = directory_entry_at(d, at);

        if (at >= offset && entry->inode != 0)
            return entry;
        at += entry->rec_len;
    }
    return NULL;
}

static void directory_copy_entry(const struct ext2_dir_entry *entry, struct directory_entry *out)
{
    out->number = entry->inode;
    out->length = directory_name_bytes(entry);
    memcpy(out->name, entry->name, out->length);
    out->name[out->length] = '\0';
}

int directory_next(struct volume *v, uint32_t directory, uint64_t *cursor,
                   struct directory_entry *out)
{
    struct directory d;
    int err = directory_open(v, directory, &d);

    while (err == 0) {
        uint64_t index = *cursor / d.block_bytes;
        const struct ext2_dir_entry *entry;

        if (index >= d.count)
            return -ENOENT;
        err = directory_load(&d, index);
        if (err != 0)
            break;
        entry = directory_block_next(&d, (uint32_t)(*cursor % d.block_bytes));
        if (entry != NULL) {
            directory_copy_entry(entry, out);
            /* Not rec_len: what is removed next may grow this entry over others' room only. */
            *cursor = index * d.block_bytes + (uint64_t)((const char *)entry - d.bytes) + 1;
            return 0;
        }
        *cursor = (index + 1) * d.block_bytes;
    }
    return err;
}

/* Looks for a name; *entry NULL: it is not there. Its block is under the hand. */
static int directory_seek(struct directory *d, const char *name, struct ext2_dir_entry **entry)
{
    size_t length = strlen(name);

    for (uint64_t index = 0; index < d->count; index++) {
        int err = directory_load(d, index);

        if (err != 0)
            return err;
        for (uint32_t at = 0; at < d->block_bytes; at += (*entry)->rec_len) {
            *entry = directory_entry_at(d, at);
            if ((*entry)->inode != 0 && directory_name_bytes(*entry) == length &&
                memcmp((*entry)->name, name, length) == 0)
                return 0;
        }
    }
    *entry = NULL;
    return 0;
}

int directory_find(struct volume *v, uint32_t directory, const char *name, uint32_t *number)
{
    struct ext2_dir_entry *entry;
    struct directory d;
    int err = directory_open(v, directory, &d);

    *number = 0;
    if (err == 0)
        err = directory_seek(&d, name, &entry);
    if (err != 0 || entry == NULL)
        return err;
    if (!volume_number_usable(v, entry->inode))
        return -EUCLEAN;
    *number = entry->inode;
    return 0;
}

int directory_is_empty(struct volume *v, uint32_t directory, bool *empty)
{
    struct directory_entry entry;
    uint64_t cursor = 0;
    int err;

    do
        err = directory_next(v, directory, &cursor, &entry);
    while (err == 0 && (strcmp(entry.name, ".") == 0 || strcmp(entry.name, "..") == 0));
    *empty = err == -ENOENT;
    return *empty ? 0 : err;
}

/* ---- changing ---- */

/* A directory that changed says when, and that no index of it is to be believed (I-DIR-3). */
static int directory_touch(struct directory *d, bool added)
{
    struct ext2_inode before = d->disk;

    d->disk.i_mtime = d->disk.i_ctime = VOLUME_TIME;
    if (added)
        d->disk.i_flags &= ~(uint32_t)EXT2_INDEX_FL;
    if (memcmp(&before, &d->disk, sizeof before) == 0)
        return 0;
    return volume_errno(ext2fs_write_inode(d->volume->fs, d->number, &d->disk));
}

/* Puts the name into room of the block under the hand. False: there is not enough. */
static bool directory_block_insert(struct directory *d, const char *name, uint32_t number,
                                   uint16_t mode)
{
    uint32_t length = (uint32_t)strlen(name);
    uint32_t wanted = directory_entry_bytes(length);
    struct ext2_dir_entry *entry;
    uint32_t used;

    for (uint32_t at = 0; at < d->block_bytes; at += entry->rec_len) {
        entry = directory_entry_at(d, at);
        used = directory_entry_used(entry);
        if (entry->rec_len - used < wanted)
            continue;
        if (used > 0) {
            uint32_t rest = entry->rec_len - used;

            entry->rec_len = (uint16_t)used;
            entry = directory_entry_at(d, at + used);
            entry->rec_len = (uint16_t)rest;
        }
        ext2fs_dirent_set_name_len(entry, (int)length);
        memcpy(entry->name, name, length);
        directory_set_entry(d, entry, number, mode);
        return true;
    }
    return false;
}

/* One more block, empty and under the hand. */
static int directory_grow(struct directory *d)
{
    struct volume *v = d->volume;
    uint64_t goal = d->physical + 1; /* of its last block, which is still under the hand */
    blk64_t block;
    int err = volume_op_reserve(v, VOLUME_OP_DIRECTORY);

    if (err == 0)
        err = volume_op_new_block(v, goal, &d->physical);
    if (err != 0)
        return err;
    block = d->physical;
    err = volume_errno(ext2fs_bmap2(v->fs, d->number, &d->disk, v->scratch, BMAP_SET | BMAP_ALLOC,
                                    d->count, NULL, &block));
    if (err == 0)
        err = volume_errno(ext2fs_iblk_add_blocks(v->fs, &d->disk, 1));
    if (err == 0)
        err = volume_errno(ext2fs_inode_size_set(v->fs, &d->disk,
                                                 (ext2_off64_t)((d->count + 1) * d->block_bytes)));
    if (err != 0)
        return err;
    d->count++;
    memset(d->bytes, 0, d->block_bytes);
    directory_entry_at(d, 0)->rec_len = (uint16_t)d->block_bytes;
    return volume_errno(ext2fs_write_inode(v->fs, d->number, &d->disk));
}

/*
 * The last block is tried first, so that filling a large directory does not read all of it for
 * every name; then the others, for the room that removed names left.
 */
static int directory_insert(struct directory *d, const char *name, uint32_t number, uint16_t mode)
{
    int err;

    for (uint64_t i = 0; i < d->count; i++) {
        err = directory_load(d, i == 0 ? d->count - 1 : i - 1);
        if (err != 0)
            return err;
        if (directory_block_insert(d, name, number, mode))
            return directory_store(d);
    }
    err = directory_load(d, d->count - 1);
    if (err == 0)
        err = directory_grow(d);
    if (err != 0)
        return err;
    return directory_block_insert(d, name, number, mode) ? directory_store(d) : -ENAMETOOLONG;
}

int directory_add(struct volume *v, uint32_t directory, const char *name, uint32_t number,
                  uint16_t mode)
{
    struct directory d;
    int err = directory_open(v, directory, &d);

    if (err == 0)
        err = directory_touch(&d, true);
    return err != 0 ? err : directory_insert(&d, name, number, mode);
}

/* Opens a directory at a name that must be there. */
static int directory_open_at(struct volume *v, uint32_t directory, const char *name,
                             struct directory *d, struct ext2_dir_entry **entry)
{
    int err = directory_open(v, directory, d);

    if (err == 0)
        err = directory_seek(d, name, entry);
    return err == 0 && *entry == NULL ? -ENOENT : err;
}

int directory_replace(struct volume *v, uint32_t directory, const char *name, uint32_t number,
                      uint16_t mode)
{
    struct ext2_dir_entry *entry;
    struct directory d;
    int err = directory_open_at(v, directory, name, &d, &entry);

    if (err != 0)
        return err;
    directory_set_entry(&d, entry, number, mode);
    err = directory_store(&d);
    return err != 0 ? err : directory_touch(&d, false);
}

/* Makes the entry room: of the one before it, or of itself at the beginning of a block. */
static void directory_block_remove(struct directory *d, struct ext2_dir_entry *entry)
{
    struct ext2_dir_entry *before = NULL;
    uint32_t at = 0;

    while (directory_entry_at(d, at) != entry) {
        before = directory_entry_at(d, at);
        at += before->rec_len;
    }
    entry->inode = 0;
    if (before != NULL)
        before->rec_len = (uint16_t)(before->rec_len + entry->rec_len);
}

int directory_remove(struct volume *v, uint32_t directory, const char *name)
{
    struct ext2_dir_entry *entry;
    struct directory d;
    int err = directory_open_at(v, directory, name, &d, &entry);

    if (err != 0)
        return err;
    directory_block_remove(&d, entry);
    err = directory_store(&d);
    return err != 0 ? err : directory_touch(&d, false);
}

int directory_write_first(struct volume *v, uint64_t block, uint32_t number, uint32_t parent)
{
    struct directory d = {
        .volume = v, .number = number, .block_bytes = v->fs->blocksize, .physical = block};

    directory_entry_at(&d, 0)->rec_len = (uint16_t)d.block_bytes;
    if (!directory_block_insert(&d, ".", number, LINUX_S_IFDIR) ||
        !directory_block_insert(&d, "..", parent, LINUX_S_IFDIR))
        return -EUCLEAN;
    return directory_store(&d);
}
