/*
 * The journal, reading half: replaying the transactions that are complete.
 *
 * Layer 4; knows blocks, not what is in them. Three passes, as jbd2 has them: how far complete
 * transactions reach; what they name (checked here, so that a hostile journal changes nothing) and
 * what they revoke; then the copies, oldest first. A transaction whose commit block is missing has
 * never been: its blocks may be torn in any way, and nothing in them is believed.
 *
 * Every pass ends: it looks at no more blocks than the log has.
 */
#include <string.h>

#include "base/contract.h"
#include "fs/journal_inner.h"

enum replay_pass { REPLAY_SCAN, REPLAY_CHECK, REPLAY_WRITE };

struct replay {
    struct journal *j;
    enum replay_pass pass;
    uint32_t at;          /* log block */
    uint32_t seen;        /* log blocks looked at in this pass */
    uint32_t sequence;    /* of the transaction that `at` belongs to */
    uint32_t end;         /* sequence behind the last complete one; valid after REPLAY_SCAN */
    struct radix revoked; /* block -> the last sequence that revoked it, see replay_mark */
    uint8_t *copy;        /* one block */
};

/* ---- reading the log ---- */

/* Log blocks come in runs, for they are neighbours nearly always. Valid until the next call. */
static int replay_read(struct journal *j, uint32_t at, const uint8_t **bytes)
{
    uint32_t block_bytes = volume_io_block_bytes(j->io);
    uint32_t count = 1;
    int err = 0;

    if (j->run_count == 0 || at < j->run_start || at >= j->run_start + j->run_count) {
        while (count < journal_run_blocks(j) && at + count < j->length &&
               j->blocks[at + count] == j->blocks[at] + count)
            count++;
        j->run_count = 0;
        err = volume_io_data_read(j->io, j->blocks[at], count, j->run);
        j->run_start = at;
        j->run_count = err == 0 ? count : 0;
    }
    *bytes = j->run + (size_t)(at - j->run_start) * block_bytes;
    return err;
}

/* Goes on by one log block; the log is a ring. False: it has been round once. */
static bool replay_step(struct replay *replay)
{
    struct journal *j = replay->j;

    replay->at = replay->at + 1 < j->length ? replay->at + 1 : j->first;
    return ++replay->seen <= j->length - j->first;
}

/* ---- revoked blocks ---- */

/* Sequence numbers as values of a radix tree, which must not be NULL. */
static void *replay_mark(uint32_t sequence)
{
    return (void *)(uintptr_t)((uint64_t)1 << 32 | sequence);
}

static int replay_revoke(struct replay *replay, uint32_t block)
{
    (void)radix_remove(&replay->revoked, block); /* later transactions come later */
    return radix_insert(&replay->revoked, block, replay_mark(replay->sequence));
}

static bool replay_is_revoked(const struct replay *replay, uint32_t block)
{
    const void *mark = radix_get(&replay->revoked, block);

    return mark != NULL && (int32_t)((uint32_t)(uintptr_t)mark - replay->sequence) >= 0;
}

static int replay_revoke_block(struct replay *replay, const uint8_t *bytes)
{
    uint32_t end = journal_get(bytes, JOURNAL_AT_REVOKE_BYTES);
    int err = 0;

    if (replay->pass != REPLAY_CHECK)
        return 0;
    if (end < JOURNAL_REVOKE_HEADER || end > volume_io_block_bytes(replay->j->io))
        return -EUCLEAN;
    for (uint32_t at = JOURNAL_REVOKE_HEADER; at + 4 <= end && err == 0; at += 4)
        err = replay_revoke(replay, journal_get(bytes, at));
    return err;
}

/* ---- copies ---- */

/* Is there such a block on the volume, other than that of the journal's superblock? */
static bool replay_may_write(const struct journal *j, uint32_t block)
{
    return block < j->volume_blocks && block != j->blocks[0];
}

/* The copy at replay->at belongs to `block`. */
static int replay_copy(struct replay *replay, uint32_t block, uint32_t flags)
{
    struct journal *j = replay->j;
    const uint8_t *bytes;
    int err;

    if (replay->pass == REPLAY_CHECK)
        return replay_may_write(j, block) ? 0 : -EUCLEAN;
    if (replay->pass == REPLAY_SCAN || replay_is_revoked(replay, block))
        return 0;
    err = replay_read(j, replay->at, &bytes);
    if (err != 0)
        return err;
    memcpy(replay->copy, bytes, volume_io_block_bytes(j->io));
    if ((flags & JOURNAL_TAG_ESCAPED) != 0)
        journal_put(replay->copy, 0, JOURNAL_MAGIC);
    return j->io->read_only ? volume_io_overlay(j->io, block, replay->copy)
                            : volume_io_data_write(j->io, block, 1, replay->copy);
}

/* A descriptor, and the copies behind it. *ended: the log does not go on. */
static int replay_descriptor(struct replay *replay, const uint8_t *log_bytes, bool *ended)
{
    uint32_t block_bytes = volume_io_block_bytes(replay->j->io);
    uint8_t *tags = alloc_zeroed(replay->j->io->alloc, block_bytes);
    uint32_t flags = 0;
    int err = tags == NULL ? -ENOMEM : 0;

    if (err == 0)
        memcpy(tags, log_bytes, block_bytes); /* reading copies moves the window */
    for (uint32_t at = JOURNAL_HEADER;
         err == 0 && (flags & JOURNAL_TAG_LAST) == 0 && at + JOURNAL_TAG_BYTES <= block_bytes;
         at += JOURNAL_TAG_BYTES) {
        uint32_t block = journal_get(tags, at);

        flags = journal_get(tags, at + 4) & 0xffff;
        *ended = !replay_step(replay);
        if (*ended)
            break;
        err = replay_copy(replay, block, flags);
        if ((flags & JOURNAL_TAG_SAME_UUID) == 0)
            at += JOURNAL_UUID_BYTES;
    }
    alloc_release(replay->j->io->alloc, tags);
    return err;
}

/* ---- passes ---- */

/* One block of the log that is no copy. */
static int replay_block(struct replay *replay, const uint8_t *bytes, bool *ended)
{
    switch (journal_get(bytes, JOURNAL_AT_TYPE)) {
    case JOURNAL_DESCRIPTOR:
        return replay_descriptor(replay, bytes, ended);
    case JOURNAL_REVOKE:
        return replay_revoke_block(replay, bytes);
    case JOURNAL_COMMIT:
        replay->sequence++;
        if (replay->pass == REPLAY_SCAN)
            replay->end = replay->sequence;
        return 0;
    default:
        *ended = true;
        return 0;
    }
}

static int replay_pass(struct replay *replay, enum replay_pass pass)
{
    struct journal *j = replay->j;
    bool ended = false;
    int err = 0;

    replay->pass = pass;
    replay->at = j->tail;
    replay->sequence = j->tail_sequence;
    replay->seen = 1;
    while (!ended && err == 0 && (pass == REPLAY_SCAN || replay->sequence != replay->end)) {
        const uint8_t *bytes;

        err = replay_read(j, replay->at, &bytes);
        if (err != 0)
            break;
        if (journal_get(bytes, JOURNAL_AT_MAGIC) != JOURNAL_MAGIC ||
            journal_get(bytes, JOURNAL_AT_SEQUENCE) != replay->sequence)
            break;
        err = replay_block(replay, bytes, &ended);
        ended = ended || !replay_step(replay);
    }
    return err;
}

int journal_apply(struct journal *j, uint32_t *end_sequence)
{
    struct replay replay = {.j = j, .end = j->tail_sequence};
    int err;

    radix_init(&replay.revoked, j->io->alloc);
    j->run_count = 0;
    replay.copy = alloc_zeroed(j->io->alloc, volume_io_block_bytes(j->io));
    err = replay.copy == NULL ? -ENOMEM : replay_pass(&replay, REPLAY_SCAN);
    if (err == 0)
        err = replay_pass(&replay, REPLAY_CHECK);
    if (err == 0)
        err = replay_pass(&replay, REPLAY_WRITE);
    if (err == 0 && !j->io->read_only)
        err = volume_io_flush(j->io);
    alloc_release(j->io->alloc, replay.copy);
    radix_destroy(&replay.revoked);
    *end_sequence = replay.end;
    return err;
}

int journal_replay(struct journal *j)
{
    uint32_t end;
    int err;

    if (j->tail == 0)
        return 0;
    err = journal_apply(j, &end);
    if (err != 0 || j->io->read_only)
        return err;
    /* What a broken-off transaction left has the number `end`: it is passed over. */
    j->sequence = end + 1;
    return journal_write_super(j, 0, j->sequence, DEV_FUA);
}
