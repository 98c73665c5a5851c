/*
 * An ext2 volume by libext2fs over a block device.
 *
 * Layer 4; knows nothing of memory. The volume owns an io_manager over the dev, with a small
 * metadata cache in it, since libext2fs re-reads indirect blocks at every lookup. File data never
 * goes through that cache: the page cache above is the only one for data.
 *
 * Always 4 KiB blocks when formatted here, so that a page is a block; smaller blocks (1 and 2 KiB)
 * are run together. Deterministic: fixed UUID, hash seed and times; formatting twice gives the same
 * bytes.
 *
 * Whatever changes metadata happens as a whole or not at all, also when the device or the allocator
 * fails in its middle (volume_op.c): a failed call may simply be repeated.
 *
 *   I-FS-1  nothing is durable before volume_sync returned 0
 *   I-FS-2  an inode is open at most once (struct inode is shared and counted)
 *   I-FS-3  bitmaps, counters and the blocks of inodes agree after every call (volume_check)
 */
#ifndef MAPWALK_FS_VOLUME_H
#define MAPWALK_FS_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "dev/dev.h"

struct volume;
struct inode;

#define FS_PAGE_BYTES 4096u

/*
 * Makes an ext2 file system that fills the device. -EINVAL: too small (under 64 KiB); -EIO;
 * -ENOMEM; -ENOSPC.
 */
MUST_CHECK int volume_format(struct alloc *a, struct dev *dev);

/*
 * Opens the file system on dev, which stays the caller's. -EUCLEAN: not ext2, or damaged, or with
 * features beyond ext2 (extents, a journal to replay) or blocks above 4 KiB; -EIO; -ENOMEM.
 */
MUST_CHECK int volume_mount(struct alloc *a, struct dev *dev, struct volume **out);

/*
 * Writes superblock, bitmaps, descriptors and inodes, then flushes the device. Makes no request
 * when nothing changed. -EIO, -ENOMEM: try again later.
 */
MUST_CHECK int volume_sync(struct volume *v);

/*
 * Flushes the device only, when it was written since its last flush: data is durable, the metadata
 * that finds it may not be.
 */
MUST_CHECK int volume_flush(struct volume *v);

/* Syncs and closes; frees in any case. Pre: no open inodes. The first error met. */
MUST_CHECK int volume_unmount(struct volume *v);

/* Closes without writing anything more (after a power cut). Pre: no open inodes. */
void volume_abandon(struct volume *v);

/* Free blocks of 4 KiB. */
uint64_t volume_free_pages(const struct volume *v);

/* ---- names: absolute paths, "/a/b"; components of at most 255 bytes ---- */

/*
 * Opens the file at path. -ENOENT, -ENOTDIR, -EISDIR, -ENAMETOOLONG, -EIO, -ENOMEM; -EINVAL: not an
 * absolute path; -ELOOP, -ENXIO: a symbolic link or special file of a foreign image. One reference
 * is the caller's.
 */
MUST_CHECK int inode_open(struct volume *v, const char *path, struct inode **out);

/*
 * Creates an empty regular file, with all missing parent directories when `parents`. -EEXIST and as
 * above; -ENOSPC.
 */
MUST_CHECK int inode_create(struct volume *v, const char *path, bool parents, struct inode **out);

/* Removes a name; the file is freed when its last reference goes. -ENOENT, -EISDIR ... */
MUST_CHECK int inode_unlink(struct volume *v, const char *path);

struct inode *inode_get(struct inode *ino); /* one reference more */

/*
 * Drops a reference; the last one of an unlinked file frees its blocks (what fails is done again by
 * volume_sync).
 */
void inode_put(struct inode *ino);

bool inode_unlinked(const struct inode *ino); /* no name is left */

uint32_t inode_number(const struct inode *ino);
uint64_t inode_bytes(const struct inode *ino); /* size */

/* An opaque pointer that the layer above hangs on the inode (the file map). NULL at first. */
void inode_set_owner(struct inode *ino, void *owner);
void *inode_owner(const struct inode *ino);

/* ---- data, by pages of 4 KiB ---- */

/*
 * Reads `pages` pages from page index `index` into bytes. Holes and what lies past the end read
 * zero. *blocks, when not NULL, is set to the number of device blocks (4 KiB) read: 0 for a hole.
 * -EIO.
 */
MUST_CHECK int inode_read_pages(struct inode *ino, uint64_t index, uint32_t pages, void *bytes,
                                uint32_t *blocks);

/*
 * Does a read of page `index` need the device? Not for holes, pages past the end or never written.
 * -EIO.
 */
MUST_CHECK int inode_page_stored(struct inode *ino, uint64_t index, bool *stored);

/*
 * Writes one run of whole pages, allocating blocks where there are none (-ENOSPC, nothing of the
 * failing page written). Contiguous device blocks become one request. Does not change the size:
 * pages past the end are allowed when the caller sets it next. -EFBIG, -EIO, -ENOMEM.
 */
MUST_CHECK int inode_write_pages(struct inode *ino, uint64_t index, uint32_t pages,
                                 const void *bytes);

/*
 * Makes sure that page `index` has blocks, without writing data: a fresh block reads zero, and is
 * zeroed on the device by volume_sync unless it was written before. -ENOSPC, -EFBIG, -EIO, -ENOMEM.
 */
MUST_CHECK int inode_reserve_page(struct inode *ino, uint64_t index);

/*
 * Reserves the page and makes the file at least `bytes` long, both or neither: what a write that
 * extends needs. Same errors.
 */
MUST_CHECK int inode_extend_page(struct inode *ino, uint64_t index, uint64_t bytes);

/*
 * Sets the size; shrinking frees whole pages beyond it. -EFBIG, -EIO, -ENOSPC, -ENOMEM. Data of the
 * last partial page stays, also what is past the end: whoever caches the page zeroes it.
 */
MUST_CHECK int inode_set_bytes(struct inode *ino, uint64_t bytes);

/*
 * Recomputes bitmaps and counters from all inodes and compares (I-FS-3): true when they agree.
 * Reads the device. For tests.
 */
bool volume_check(struct volume *v);

#endif
