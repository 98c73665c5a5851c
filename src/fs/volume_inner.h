/*
 * What the files of fs share: the volume, the inode, and operations that happen as a whole or not
 * at all.
 *
 * Layer 4, private to fs.
 *
 * Every change of metadata runs inside an operation:
 *
 *     err = volume_op_begin(v, room);          room in the log for what will be allocated and freed
 *     ... libext2fs calls ...
 *     return volume_op_end(v, err);            0 commits, anything else takes all of it back
 *
 * The cache of metadata blocks takes back blocks (volume_io.h), the log here takes back the two
 * bitmaps and the counters that go with them; the caller restores its own struct inode.
 */
#ifndef MAPWALK_FS_VOLUME_INNER_H
#define MAPWALK_FS_VOLUME_INNER_H

#include <ext2fs/ext2fs.h>

#include "base/radix.h"
#include "fs/volume.h"
#include "fs/volume_io.h"

/*
 * The time of everything on a volume: it must not depend on when it was made. 2024-01-01 00:00:00
 * UTC.
 */
#define VOLUME_TIME 1704067200

/*
 * Log entries that any one directory change needs at most: an inode, a directory block, three
 * levels of indirection.
 */
#define VOLUME_OP_DIRECTORY 8u

enum volume_change_kind {
    VOLUME_BLOCKS_TAKEN,
    VOLUME_BLOCKS_FREED,
    VOLUME_INODE_TAKEN,
    VOLUME_INODE_FREED
};

/* One entry of the log. */
struct volume_change {
    uint64_t first; /* block, or inode number */
    uint32_t count; /* blocks */
    uint16_t kind;
    uint16_t directory; /* inodes: it is one */
};

struct volume {
    struct alloc *alloc;
    struct dev *dev;
    ext2_filsys fs;
    struct volume_io io;
    struct radix
        inodes; /* number -> struct inode: open ones, and idle ones with work left (inode_put) */
    uint32_t page_blocks; /* file-system blocks of a page */
    char *scratch;        /* three blocks, for bmap and punch */
    struct volume_change *log;
    uint64_t log_count;
    uint64_t log_room;
    bool log_lost; /* an entry did not fit: the operation cannot be taken back exactly */
};

struct inode {
    struct volume *volume;
    uint32_t number;
    uint32_t refs;   /* 0: kept only for what is left to do */
    bool unlinked;   /* no name is left: freed with the last reference */
    bool beyond_end; /* blocks past the end may exist: the next change of size frees what it does
                        not cover */
    struct ext2_inode
        disk; /* the truth; what is on disk follows at once, through the metadata cache */
    struct radix unwritten; /* page index -> itself: has blocks that were never written and reads
                               zero (4 KiB blocks) */
    void *owner;
};

/* ---- volume_error.c ---- */

/* The negative errno for what libext2fs reports; 0 for 0. */
int volume_errno(errcode_t code);

/* ---- volume_op.c ---- */

/* -ENOMEM. No nesting. */
MUST_CHECK int volume_op_begin(struct volume *v, uint64_t room);

/* More room in the log of the operation under way. -ENOMEM. */
MUST_CHECK int volume_op_reserve(struct volume *v, uint64_t room);

/* Ends the operation: commits when err is 0, else takes it back. Returns err. */
MUST_CHECK int volume_op_end(struct volume *v, int err);

/*
 * Marks an inode as used / free, with the counters. volume_op_watch_inode only logs, for calls that
 * mark it themselves.
 */
void volume_op_watch_inode(struct volume *v, uint32_t number, bool directory);
void volume_op_take_inode(struct volume *v, uint32_t number);
void volume_op_free_inode(struct volume *v, uint32_t number);

/* Lets libext2fs tell the log about every block that it allocates or frees. */
void volume_op_attach(struct volume *v);

/* ---- path.c ---- */

/* Where a path ends: the directory that holds, or would hold, its last component. */
struct volume_place {
    ext2_ino_t directory;
    ext2_ino_t number; /* of the last component; 0: there is none such */
    char name[EXT2_NAME_LEN + 1];
    bool as_directory; /* the path ends in a slash */
};

/*
 * Finds a place. With `make`, inside an operation, missing directories are made. -ENOENT, -ENOTDIR,
 * -ENAMETOOLONG, -EISDIR (the root itself), -EINVAL (not absolute), -EIO, -ENOMEM, -ENOSPC.
 */
MUST_CHECK int volume_walk(struct volume *v, const char *path, bool make,
                           struct volume_place *place);

/*
 * Adds a name to a directory, which grows when it is full. Pre: inside an operation; the name is
 * not there.
 */
MUST_CHECK int volume_link(struct volume *v, ext2_ino_t directory, const char *name,
                           ext2_ino_t number, int type);

/* ---- inode_data.c, inode_size.c ---- */

/* Writes zeros to all blocks that were allocated and never written. */
MUST_CHECK int inode_settle(struct inode *ino);

/* Frees all blocks and the inode itself. Pre: unlinked. */
MUST_CHECK int inode_free(struct inode *ino);

/* ---- inode.c ---- */

/* Does what inode_put had to leave undone, for every inode. The first error. */
MUST_CHECK int volume_settle(struct volume *v);

/* Frees the structs of all idle inodes, with whatever is left to do. Pre: none has references. */
void volume_forget_inodes(struct volume *v);

#endif
