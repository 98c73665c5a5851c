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
#include "fs/journal.h"
#include "fs/volume.h"
#include "fs/volume_io.h"

/*
 * The time of everything on a volume: it must not depend on when it was made. 2024-01-01 00:00:00
 * UTC.
 */
#define VOLUME_TIME 1704067200

/* Flags of inodes whose blocks, if they have any, are found in ways that ext2 does not have. */
#define VOLUME_FOREIGN_FLAGS (EXT4_EXTENTS_FL | EXT4_INLINE_DATA_FL)

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
    bool log_lost;            /* an entry did not fit: the operation cannot be taken back exactly */
    struct journal journal;   /* journal.blocks NULL: there is none */
    uint8_t *groups;          /* VOLUME_GROUP_* of each group: what changed since the last commit */
    uint32_t changed;         /* bits set in groups */
    ext2fs_block_bitmap held; /* blocks freed since the last commit: not given out (I-OP-3) */
    ext2fs_inode_bitmap held_inodes;
    bool holding;        /* something is in held or held_inodes */
    bool marked;         /* the device says that we are at work on it (volume_mark) */
    bool committing;     /* operations begun now do not commit first */
    uint32_t soft_limit; /* blocks that wait for a commit: time for one */
    uint32_t hard_limit; /* more than these: no operation begins */
};

/* Bits of volume.groups: bitmaps that changed. */
#define VOLUME_GROUP_BLOCKS 1u
#define VOLUME_GROUP_INODES 2u

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

/*
 * Commits first when much waits for it. No nesting. -EROFS, -ENOMEM; -EIO: nothing more fits, and
 * the commit failed.
 */
MUST_CHECK int volume_op_begin(struct volume *v, uint64_t room);

/* More room in the log of the operation under way. -ENOMEM. */
MUST_CHECK int volume_op_reserve(struct volume *v, uint64_t room);

/* Ends the operation: commits when err is 0, else takes it back. Returns err. */
MUST_CHECK int volume_op_end(struct volume *v, int err);

/*
 * Finds a free inode or block and marks it, with the counters. `mode` tells directories; `goal`:
 * where a block should be. Inside an operation. -ENOSPC, -ENOMEM, -EUCLEAN.
 */
MUST_CHECK int volume_op_new_inode(struct volume *v, uint32_t near, uint16_t mode,
                                   uint32_t *number);
MUST_CHECK int volume_op_new_block(struct volume *v, uint64_t goal, uint64_t *block);

/*
 * Was `err` -ENOSPC for the sake of what is only held until the next commit (I-OP-3)? Then that
 * commit has happened, and the operation, which was taken back, is worth another try. True at most
 * once for each thing freed.
 */
MUST_CHECK bool volume_op_retry(struct volume *v, int err);

/* Marks an inode as free, with the counters. Inside an operation. */
void volume_op_free_inode(struct volume *v, uint32_t number, bool directory);

/*
 * Lets libext2fs tell the log about every block that it allocates or frees, and ask for blocks
 * here. -ENOMEM.
 */
MUST_CHECK int volume_op_attach(struct volume *v);

/* All that was freed may be given out: a commit has made it free for good. */
void volume_op_release_held(struct volume *v);

/* ---- volume_commit.c ---- */

/* Blocks of metadata that the next commit will have to write, or a few more. */
uint64_t volume_waiting(const struct volume *v);

/*
 * Makes all that is done so far durable, as a whole or not at all. Between operations; what was
 * reserved must be zeroed already. -EIO, -ENOMEM; -ENOSPC: more than the journal can ever hold.
 */
MUST_CHECK int volume_commit(struct volume *v);

/* A commit that leaves structs of inodes alone, for use between other things. The same errors. */
MUST_CHECK int volume_commit_early(struct volume *v);

/* Empties the journal and says on the device that the volume was left in order. -EIO, -ENOMEM. */
MUST_CHECK int volume_unmark(struct volume *v);

/* ---- volume_recover.c ---- */

/*
 * Replays the journal, if the volume has one and it is not empty. The handle is open, nothing but
 * superblock and descriptors was read through it, and must be opened anew when *replayed. -EUCLEAN,
 * -EIO, -ENOMEM.
 */
MUST_CHECK int volume_recover_journal(struct volume *v, bool *replayed);

/*
 * What a power cut left that no replay mends: files that were open and without a name are freed
 * (with a journal), bitmaps and counters are computed anew (without one). -EUCLEAN: inodes
 * contradict each other; -EIO, -ENOMEM.
 */
MUST_CHECK int volume_recover_rest(struct volume *v);

/* ---- path.c ---- */

/* Where a path ends: the directory that holds, or would hold, its last component. */
struct volume_place {
    ext2_ino_t directory;
    ext2_ino_t number;            /* of the last component; 0: there is none such */
    char name[EXT2_NAME_LEN + 1]; /* "" for the root itself, which is its own directory */
    bool as_directory;            /* the path ends in a slash */
};

/*
 * Finds a place. With `make`, inside an operation, missing directories are made. -ENOENT, -ENOTDIR,
 * -ELOOP (a symbolic link on the way), -ENAMETOOLONG, -EINVAL (not absolute), -EUCLEAN, -EIO,
 * -ENOMEM, -ENOSPC, -EMLINK.
 */
MUST_CHECK int volume_walk(struct volume *v, const char *path, bool make,
                           struct volume_place *place);

/* Is the last component a name, and neither "." nor ".." nor the root? */
bool volume_place_is_name(const struct volume_place *place);

/*
 * Makes a directory called `name` in `parent`. Inside an operation. Pre: the name is not there.
 */
MUST_CHECK int volume_new_directory(struct volume *v, ext2_ino_t parent, const char *name,
                                    ext2_ino_t *number);

/*
 * Counts one link of a directory more or less, which its subdirectories are. Inside an operation.
 * -EMLINK, and as volume_read_inode.
 */
MUST_CHECK int volume_change_links(struct volume *v, ext2_ino_t directory, int change);

/* Can a directory name this inode: the root, or one that is not ext2's own? */
bool volume_number_usable(const struct volume *v, uint64_t number);

/*
 * The inode of a name, as it is on disk. -EUCLEAN: not usable, free, deleted, or of a kind that
 * only later file systems have.
 */
MUST_CHECK int volume_read_inode(struct volume *v, uint32_t number, struct ext2_inode *disk);

/* ---- inode_data.c, inode_size.c ---- */

/* Writes zeros to all blocks that were allocated and never written. */
MUST_CHECK int inode_settle(struct inode *ino);

/*
 * Gives a block of the file, which must be a hole, a block of the device, with indirect ones where
 * they are missing. Only in the struct so far: the caller writes the inode. Inside an operation.
 */
MUST_CHECK int inode_take_block(struct inode *ino, uint64_t block, uint64_t goal,
                                uint64_t *physical);

/* Frees all blocks and the inode itself. Pre: unlinked. */
MUST_CHECK int inode_free(struct inode *ino);

/* ---- inode.c ---- */

/*
 * The struct of an inode that a directory names, whatever it is, with one reference. A directory's
 * struct is held only while it is being removed. -EUCLEAN, -EIO, -ENOMEM.
 */
MUST_CHECK int inode_load(struct volume *v, uint32_t number, struct inode **out);

/* A new struct for an inode that has none, with one reference. -ENOMEM. */
MUST_CHECK int inode_new(struct volume *v, uint32_t number, const struct ext2_inode *disk,
                         struct inode **out);

/*
 * Makes an inode with one link, and its name. *disk has what is not the same for all: mode, size,
 * block map. Inside an operation.
 */
MUST_CHECK int inode_make(struct volume *v, const struct volume_place *place,
                          struct ext2_inode *disk, uint32_t *number);

/*
 * Puts another count of links into the inode, here and on disk; at 0 it is unlinked, and its last
 * inode_put frees it. Inside an operation; after a failure the caller calls inode_restore.
 */
MUST_CHECK int inode_write_links(struct inode *ino, uint16_t links);
void inode_restore(struct inode *ino, const struct ext2_inode *before);

/* Does what inode_put had to leave undone, for every inode. The first error. */
MUST_CHECK int volume_settle(struct volume *v);

/* Only zeroes what is reserved and may be found after a restart (inode_settle). The first error. */
MUST_CHECK int volume_zero_reserved(struct volume *v);

/* Has an inode blocks behind its end, until its size is set? Not a state to commit. */
bool volume_has_blocks_beyond_end(const struct volume *v);

/* Frees the structs of all idle inodes, with whatever is left to do. Pre: none has references. */
void volume_forget_inodes(struct volume *v);

#endif
