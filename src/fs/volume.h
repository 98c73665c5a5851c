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
 * What a power cut leaves: with a journal (that of ext3: jbd2's format, so that e2fsck and Linux
 * replay it too), a state between two operations, not older than the last volume_sync that returned
 * 0; mounting replays it, and nothing is left to repair. Devices below 16 MiB, and ext2 images made
 * elsewhere, have none. They have what ext2 has: a cut in the middle of a commit may tear
 * directories and lose names. Such a volume says that it was not left in order; mounting it computes
 * bitmaps and counters anew from the inodes, and refuses it (-EUCLEAN) where two of them claim one
 * block: that is e2fsck's work.
 *
 *   I-FS-1  nothing is durable before volume_sync returned 0 (it may be, as a whole)
 *   I-FS-2  an inode is open at most once (struct inode is shared and counted)
 *   I-FS-3  bitmaps, counters and the blocks of inodes agree after every call (volume_check)
 */
#ifndef MAPWALK_FS_VOLUME_H
#define MAPWALK_FS_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "dev/dev.h"

struct volume;
struct inode;

#define FS_PAGE_BYTES 4096u

/*
 * Makes an ext2 file system that fills the device, with a journal when it has 16 MiB or more.
 * -EINVAL: too small (under 64 KiB); -EIO; -ENOMEM; -ENOSPC.
 */
MUST_CHECK int volume_format(struct alloc *a, struct dev *dev);

/* The same; without `journal` it gets none, however large it is. */
MUST_CHECK int volume_format_with(struct alloc *a, struct dev *dev, bool journal);

/*
 * Opens the file system on dev, which stays the caller's, after replaying its journal if need be. A
 * device that is read-only is mounted as below. -EUCLEAN: not ext2 or ext3, or damaged (a journal
 * that cannot be true among others), or with features beyond (extents, 64-bit or checksummed
 * journals, fast commits) or blocks above 4 KiB; -EIO; -ENOMEM.
 */
MUST_CHECK int volume_mount(struct alloc *a, struct dev *dev, struct volume **out);

/*
 * The same, but the device is never written: a journal is replayed into memory only, and whatever
 * would change something is -EROFS.
 */
MUST_CHECK int volume_mount_read_only(struct alloc *a, struct dev *dev, struct volume **out);

/*
 * Makes everything so far durable, data that was written and all metadata, in this order. Makes no
 * request when nothing changed. After a failure it is as before, or durable and not known to be.
 * -EIO, -ENOMEM: try again later.
 */
MUST_CHECK int volume_sync(struct volume *v);

/*
 * Flushes the device only, when it was written since its last flush: data is durable, the metadata
 * that finds it may not be.
 */
MUST_CHECK int volume_flush(struct volume *v);

/*
 * Syncs, empties the journal and closes; frees in any case. Pre: no open inodes. The first error
 * met.
 */
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

/*
 * Removes a name of anything but a directory; a file is freed when its last reference goes.
 * -ENOENT, -EISDIR ...
 */
MUST_CHECK int inode_unlink(struct volume *v, const char *path);

/* ---- names of all kinds (names.c, directory.c) ---- */

enum volume_kind { VOLUME_FILE, VOLUME_DIRECTORY, VOLUME_SYMLINK, VOLUME_OTHER };

struct volume_stat {
    enum volume_kind kind;
    uint32_t number;
    uint32_t links;
    uint32_t mode; /* S_IFMT and permission bits, as stat(2) has them */
    uint64_t bytes;
    uint64_t blocks_512;
};

/*
 * What is at path, "/" among others. Links are not followed. A path that ends in a slash names a
 * directory. -ENOENT, -ENOTDIR, -ENAMETOOLONG, -EINVAL, -EUCLEAN, -EIO, -ENOMEM.
 */
MUST_CHECK int volume_stat(struct volume *v, const char *path, struct volume_stat *out);
void inode_stat(const struct inode *ino, struct volume_stat *out);

/*
 * Sets the permission bits (07777). Errors as volume_stat; -EOPNOTSUPP: a symbolic link has none.
 */
MUST_CHECK int volume_set_mode(struct volume *v, const char *path, uint32_t mode);

/* mkdir(2). -EEXIST (also for "/"), -EMLINK (65,000 links), -ENOSPC and as above. */
MUST_CHECK int volume_make_directory(struct volume *v, const char *path);

/* rmdir(2). -ENOTEMPTY, -ENOTDIR, -EBUSY: "/"; -EINVAL: ends in "."; -ENOTEMPTY: in "..". */
MUST_CHECK int volume_remove_directory(struct volume *v, const char *path);

/*
 * rename(2), renameat2(2): one operation, so that `to` always names the one file or the other.
 * `flags`: RENAME_NOREPLACE or 0 (else -EINVAL). A file that was replaced lives until its last
 * reference goes. -EEXIST (NOREPLACE), -EINVAL (into itself), -EISDIR, -ENOTDIR, -ENOTEMPTY, -EBUSY
 * ("/"; a path that ends in "." or ".."), -EMLINK, -ENOSPC and as above.
 */
MUST_CHECK int volume_rename(struct volume *v, const char *from, const char *to, unsigned flags);

/* link(2). -EPERM: a directory; -EEXIST, -EMLINK, -ENOSPC and as above. */
MUST_CHECK int volume_hard_link(struct volume *v, const char *from, const char *to);

/*
 * symlink(2). `target` is kept as it is and need not exist; 1 to 4095 bytes, but no more than a
 * block less one (-ENAMETOOLONG, -ENOENT when empty).
 */
MUST_CHECK int volume_make_symlink(struct volume *v, const char *target, const char *path);

/*
 * The target, ending in NUL; at most `room` bytes with it. -EINVAL: not a symbolic link; -ERANGE:
 * room.
 */
MUST_CHECK int volume_read_symlink(struct volume *v, const char *path, char *target, uint32_t room);

struct volume_entry {
    char name[256]; /* ends in NUL */
    uint32_t number;
    enum volume_kind kind;
};

/*
 * The next entry of a directory, in the order of the disk; *cursor is 0 at first. Entries that stay
 * are listed once, also when others come and go in between. "." and ".." are left out. -ENOENT: no
 * more; -ENOTDIR; -EUCLEAN: damaged, also when a name holds a slash or a NUL, or stands for nothing
 * that can be; then *cursor has moved when what follows can still be listed.
 */
MUST_CHECK int volume_list(struct volume *v, const char *path, uint64_t *cursor,
                           struct volume_entry *out);

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
 * The same with each page somewhere else in memory. Neighbouring blocks of the device are one
 * request, whatever their number: the device itself cuts what is too long for it. dev_flags: 0 or
 * DEV_FUA (the data is durable when this returns 0; the metadata that finds it is not).
 */
MUST_CHECK int inode_write_gather(struct inode *ino, uint64_t index, uint32_t pages,
                                  const void *const *page_bytes, unsigned dev_flags);

/*
 * The same for a file that will be `bytes` long when the caller sets its size next: on images with
 * blocks below 4 KiB, what of the last page lies behind the end now is written, too.
 */
MUST_CHECK int inode_write_extend(struct inode *ino, uint64_t index, uint32_t pages,
                                  const void *const *page_bytes, unsigned dev_flags,
                                  uint64_t bytes);

/*
 * How many of the pages [index, index + pages) lie before the last place among them where the
 * device's blocks cease to be neighbours; all of them when there is none or the map cannot be read.
 */
uint32_t inode_pages_to_break(struct inode *ino, uint64_t index, uint32_t pages);

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
 * Frees the blocks of pages [first_page, end_page); they read zero. The size stays. One operation:
 * all or nothing. -EIO, -ENOMEM, -ENOSPC, -EUCLEAN.
 */
MUST_CHECK int inode_punch(struct inode *ino, uint64_t first_page, uint64_t end_page);

/*
 * inode_extend_page for all of [first_page, end_page), in one operation: all get blocks and the
 * file is at least `bytes` long, or nothing happens. What fallocate(2) of mode 0 needs. Same errors.
 */
MUST_CHECK int inode_extend_pages(struct inode *ino, uint64_t first_page, uint64_t end_page,
                                  uint64_t bytes);

/*
 * The same, and the size stays. Pages past the end are allowed when the caller sets the size next:
 * ext2 knows no blocks behind the end (e2fsck takes them for a wrong size), so the last inode_put
 * frees them.
 */
MUST_CHECK int inode_reserve_pages(struct inode *ino, uint64_t first_page, uint64_t end_page);

/*
 * The first page at or behind *page that has blocks: what lies between is a hole. -ENOENT: none up
 * to the largest page; -EUCLEAN, -EIO. Costs what is there, not what is not.
 */
MUST_CHECK int inode_seek_blocks(struct inode *ino, uint64_t *page);

/*
 * Can size and block map be? -EUCLEAN: the map leads out of the volume, to free blocks, or has more
 * blocks than the volume, so that reading such a file would not end. -EIO.
 */
MUST_CHECK int inode_check_blocks(struct inode *ino);

/*
 * Writes zeros to all blocks of a file that is about to be removed: where the device can give room
 * back (an image file on a host's full disk), it does. -EUCLEAN, -EIO, -ENOSPC.
 */
MUST_CHECK int inode_zero_blocks(struct inode *ino);

/*
 * Looks at everything: names, links, block maps, bitmaps, counters (volume_audit.c), also of a
 * damaged volume. Each finding is told; returns their number, or -EIO, -ENOMEM.
 */
typedef void volume_finding_handler(void *context, const char *what, const char *why);
MUST_CHECK int64_t volume_audit(struct volume *v, volume_finding_handler *tell, void *context);

/*
 * Why volume_mount refused the device with `err`: one line into why[bytes]. Reads the device.
 */
void volume_explain(struct dev *dev, int err, char *why, size_t bytes);

/*
 * Recomputes bitmaps and counters from all inodes and compares (I-FS-3): true when they agree.
 * Reads the device. For tests.
 */
bool volume_check(struct volume *v);

#endif
