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
 * Puts the size into the inode, here and on disk. Inside an operation; the caller restores
 * ino->disk on failure.
 */
MUST_CHECK int inode_write_size(struct inode *ino, uint64_t bytes);

#endif
