/*
 * Blocks and sizes of files, for inode_data.c and inode_size.c.
 *
 * Layer 4, private to fs.
 */
#ifndef MAPWALK_FS_INODE_DATA_H
#define MAPWALK_FS_INODE_DATA_H

#include "fs/volume_inner.h"

/* The first block that begins at or behind `bytes`; so many blocks hold that many bytes. */
uint64_t inode_block_of_byte(const struct inode *ino, uint64_t bytes);

/* The largest size of a file on this volume; a multiple of a page. */
uint64_t inode_bytes_limit(const struct inode *ino);

/* The device block of a block of the file; 0: a hole. -EUCLEAN: it lies outside the volume. */
MUST_CHECK int inode_find_block(struct inode *ino, uint64_t block, uint64_t *physical);

/*
 * The longest run from `block` on, up to `end`, whose blocks follow one another on the device, or
 * are all holes (*physical 0). Pre: block < end. -EUCLEAN, -EIO, -ENOMEM.
 */
MUST_CHECK int inode_find_run(struct inode *ino, uint64_t block, uint64_t end, uint64_t *physical,
                              uint32_t *count);

/*
 * Puts the size into the inode, here and on disk. Inside an operation; the caller restores
 * ino->disk on failure.
 */
MUST_CHECK int inode_write_size(struct inode *ino, uint64_t bytes);

/* ---- inode_size.c ---- */

/*
 * Looks at the whole block map, which must be sound (-EUCLEAN), and counts the blocks of [start,
 * end) and all indirect ones: what the log must hold for freeing them. -EIO.
 */
MUST_CHECK int inode_survey(struct inode *ino, uint64_t start, uint64_t end, uint64_t *count);

/*
 * Frees blocks [start, end) of the file, and the tables that they leave empty (inode_free.c). Inside
 * an operation, after a survey; the caller restores ino->disk on failure. -EIO.
 */
MUST_CHECK int inode_free_blocks(struct inode *ino, uint64_t start, uint64_t end);

/* Forgets which pages of [index, end) were never written: they have no blocks any more. */
void inode_drop_marks(struct inode *ino, uint64_t index, uint64_t end);

#endif
