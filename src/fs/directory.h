/*
 * Directories as they are on disk: finding, adding, changing and removing entries.
 *
 * Layer 4, private to fs.
 */
#ifndef MAPWALK_FS_DIRECTORY_H
#define MAPWALK_FS_DIRECTORY_H

#include "fs/volume_inner.h"

/* An entry, copied out of its block. */
struct directory_entry {
    uint32_t number;
    uint32_t length; /* of the name */
    char name[EXT2_NAME_LEN + 1];
};

/*
 * The entry at or behind byte *cursor of the directory, which is set to what follows it. -ENOENT:
 * there is none; -ENOTDIR, -EUCLEAN, -EIO, -ENOMEM.
 */
MUST_CHECK int directory_next(struct volume *v, uint32_t directory, uint64_t *cursor,
                              struct directory_entry *out);

/* The inode of a name; *number 0 when there is none such. */
MUST_CHECK int directory_find(struct volume *v, uint32_t directory, const char *name,
                              uint32_t *number);

/* Has it no entries but "." and ".."? */
MUST_CHECK int directory_is_empty(struct volume *v, uint32_t directory, bool *empty);

/* All below: inside an operation. */

/* Adds a name; the directory grows when it is full. `mode`: the inode's. Pre: it is not there. */
MUST_CHECK int directory_add(struct volume *v, uint32_t directory, const char *name,
                             uint32_t number, uint16_t mode);

/* Gives a name that is there another inode. */
MUST_CHECK int directory_replace(struct volume *v, uint32_t directory, const char *name,
                                 uint32_t number, uint16_t mode);

MUST_CHECK int directory_remove(struct volume *v, uint32_t directory, const char *name);

/* The first block of a new directory. Nothing is linked yet. */
MUST_CHECK int directory_write_first(struct volume *v, uint64_t block, uint32_t number,
                                     uint32_t parent);

#endif
