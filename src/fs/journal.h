/*
 * The journal of a volume, in the format of jbd2 (what ext3 and ext4 have): e2fsck and Linux replay
 * what this writes, and this replays what they wrote.
 *
 * Layer 4, private to fs; knows blocks, not what is in them. journal.c writes, journal_replay.c
 * reads.
 *
 * A transaction is the body (descriptors, each followed by the blocks that it names) and a commit
 * block. It is kept from the moment that its commit block is on the device; until then it has never
 * been. Log blocks are counted from the beginning of the journal's inode; 0 is its superblock,
 * which says where the oldest transaction that matters begins (tail), and its number (sequence).
 *
 *     0         tail                 head            length
 *     | super | .... | T 7 .... commit | what was once |
 *
 *   I-JNL-1  the commit block goes to the device after the body, and all data written before it,
 *            are durable (flush), and is durable when journal_commit returns 0
 *   I-JNL-2  a transaction lies in one piece: one that does not fit behind head begins anew at the
 *            first block, and before that a durable superblock says so
 *   I-JNL-3  no block of a transaction between tail and head is overwritten
 *   I-JNL-4  a sequence number is not used again once its commit block may be on the device, but
 *            for the same place, and then only after that block has been wiped (`uncertain`)
 *   I-JNL-5  tail moves only when all that was committed is durable at home (`behind` is false)
 */
#ifndef MAPWALK_FS_JOURNAL_H
#define MAPWALK_FS_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/volume_io.h"

struct journal {
    struct volume_io *io;
    uint64_t volume_blocks; /* size of the volume */
    uint32_t *blocks;       /* log block -> block of the volume; NULL: there is no journal */
    uint32_t length;        /* log blocks, with the superblock */
    uint32_t first;         /* log block: where the log begins */
    uint32_t head;     /* log block: where the next transaction goes. Valid while tail is not 0 */
    uint32_t tail;     /* log block that the superblock names; 0: it says that the log is empty */
    uint32_t sequence; /* of the next transaction */
    uint32_t tail_sequence; /* of the one at tail */
    uint32_t uncertain; /* log block: a commit block may be there that nobody was told of. 0: no */
    bool behind;        /* a transaction was committed whose blocks may not be durable at home */
    uint8_t *super;     /* the journal's superblock, one block */
    uint8_t *run;       /* VOLUME_IO_RUN_BYTES, of what goes to or came from the log */
    uint32_t run_start; /* log block that run begins with; reading only */
    uint32_t run_count; /* blocks in run */
};

/*
 * Takes over `blocks` (memory of io->alloc, also on failure): where the blocks of the journal's
 * inode are, of a volume of volume_blocks. Reads the superblock. -EUCLEAN: not one that we can use,
 * or with features that we do not know; -EIO, -ENOMEM. After a failure there is no journal.
 */
MUST_CHECK int journal_open(struct journal *j, struct volume_io *io, uint64_t volume_blocks,
                            uint32_t *blocks, uint32_t count);

/* Frees; writes nothing. Also for one that was never opened, but zeroed. */
void journal_close(struct journal *j);

/* Has it transactions that must be replayed before the volume is looked at? */
static inline bool journal_has_work(const struct journal *j)
{
    return j->tail != 0;
}

/* The most blocks that one transaction can have. */
uint32_t journal_room(const struct journal *j);

/*
 * Makes one transaction of these lines; 0: it is durable, with all that was written before.
 * -ENOSPC: more than journal_room; -EIO, -ENOMEM: it may or may not be there after a power cut; try
 * again.
 */
MUST_CHECK int journal_commit(struct journal *j, struct volume_io_line *const *lines,
                              uint32_t count);

/*
 * Everything committed is durable at home: the log before head is not needed any more. The
 * superblock that says so need not be durable before the next commit.
 */
MUST_CHECK int journal_advance(struct journal *j);

/* The same at the end: the log is empty, durably. */
MUST_CHECK int journal_retire(struct journal *j);

/*
 * Writes what complete transactions hold to the home places (read_only: into the overlay), and
 * leaves the log empty, durably (read_only: as it is). -EUCLEAN: hostile, nothing was written;
 * -EIO, -ENOMEM: try again.
 */
MUST_CHECK int journal_replay(struct journal *j);

#endif
