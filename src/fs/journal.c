/*
 * The journal, writing half: opening it, transactions, and what its superblock says.
 *
 * Layer 4; knows blocks, not what is in them. Invariants I-JNL-1..5 and the picture are in
 * journal.h.
 *
 * What can fail, and what it leaves behind:
 *   - body:        nothing; the same place is written again
 *   - commit:      perhaps a transaction that nobody was told of. Its commit block is wiped before
 *                  the place is written again, or half of a new body could be taken for it
 *   - superblock:  the old one or the new one (all that changes lies in one sector); both are true
 */
#include "fs/journal_inner.h"

#include <string.h>

#include "base/contract.h"

static int journal_check_super(const struct journal *j, uint32_t count)
{
    const uint8_t *super = j->super;
    uint32_t type = journal_get(super, JOURNAL_AT_TYPE);

    if (journal_get(super, JOURNAL_AT_MAGIC) != JOURNAL_MAGIC ||
        (type != JOURNAL_SUPER_V1 && type != JOURNAL_SUPER_V2))
        return -EUCLEAN;
    if (type == JOURNAL_SUPER_V2 &&
        (journal_get(super, JOURNAL_AT_COMPAT) != 0 ||
         (journal_get(super, JOURNAL_AT_INCOMPAT) & ~JOURNAL_INCOMPAT_REVOKE) != 0 ||
         journal_get(super, JOURNAL_AT_RO_COMPAT) != 0))
        return -EUCLEAN;
    if (journal_get(super, JOURNAL_AT_BLOCK_BYTES) != volume_io_block_bytes(j->io))
        return -EUCLEAN;
    /* A log of less than a descriptor, a block and a commit holds nothing. */
    if (j->length > count || j->first == 0 || j->length < 8 || j->first > j->length - 4)
        return -EUCLEAN;
    return j->tail != 0 && (j->tail < j->first || j->tail >= j->length) ? -EUCLEAN : 0;
}

static int journal_read_super(struct journal *j, uint32_t count)
{
    int err = count == 0 ? -EUCLEAN : volume_io_data_read(j->io, j->blocks[0], 1, j->super);

    if (err != 0)
        return err;
    j->length = journal_get(j->super, JOURNAL_AT_LENGTH);
    j->first = journal_get(j->super, JOURNAL_AT_FIRST);
    j->tail = journal_get(j->super, JOURNAL_AT_START);
    j->tail_sequence = journal_get(j->super, JOURNAL_AT_NEXT_SEQUENCE);
    /* As jbd2 does: whatever a broken-off transaction of that number left is never taken for one */
    j->sequence = j->tail_sequence + 1;
    return journal_check_super(j, count);
}

int journal_open(struct journal *j, struct volume_io *io, uint64_t volume_blocks, uint32_t *blocks,
                 uint32_t count)
{
    int err = -ENOMEM;

    *j = (struct journal){.io = io, .volume_blocks = volume_blocks, .blocks = blocks};
    j->super = alloc_zeroed(io->alloc, volume_io_block_bytes(io));
    j->run = alloc_zeroed(io->alloc, VOLUME_IO_RUN_BYTES);
    if (j->super != NULL && j->run != NULL)
        err = journal_read_super(j, count);
    if (err != 0)
        journal_close(j);
    return err;
}

void journal_close(struct journal *j)
{
    if (j->blocks == NULL)
        return;
    alloc_release(j->io->alloc, j->blocks);
    alloc_release(j->io->alloc, j->super);
    alloc_release(j->io->alloc, j->run);
    *j = (struct journal){0};
}

/* Tags of one descriptor; the first is followed by the uuid. */
static uint32_t journal_tags(const struct journal *j)
{
    return (volume_io_block_bytes(j->io) - JOURNAL_HEADER - JOURNAL_UUID_BYTES) / JOURNAL_TAG_BYTES;
}

/* Log blocks of a transaction of `count` blocks. */
static uint32_t journal_span(const struct journal *j, uint32_t count)
{
    return count + (count + journal_tags(j) - 1) / journal_tags(j) + 1;
}

uint32_t journal_room(const struct journal *j)
{
    uint32_t blocks = j->length - j->first - 1;

    /* Each descriptor but the last is full. */
    return blocks - (blocks + journal_tags(j)) / (journal_tags(j) + 1);
}

/* ---- the superblock ---- */

int journal_write_super(struct journal *j, uint32_t tail, uint32_t sequence, unsigned flags)
{
    struct dev_span span = {j->super, volume_io_block_bytes(j->io) / DEV_BLOCK_BYTES};
    bool unflushed = j->io->unflushed;
    int err;

    journal_put(j->super, JOURNAL_AT_START, tail);
    journal_put(j->super, JOURNAL_AT_NEXT_SEQUENCE, sequence);
    err = volume_io_data_gather(j->io, j->blocks[0], 1, &span, 1, flags);
    /* Nobody waits for it: a commit flushes in any case. */
    j->io->unflushed = unflushed;
    if (err != 0)
        return err;
    j->tail = tail;
    j->tail_sequence = sequence;
    return 0;
}

/* The log begins anew at its first block (I-JNL-2). Pre: nothing in it is needed. */
static int journal_restart(struct journal *j)
{
    int err = journal_write_super(j, j->first, j->sequence, DEV_FUA);

    if (err == 0)
        j->head = j->first;
    return err;
}

int journal_advance(struct journal *j)
{
    int err;

    contract(!j->io->unflushed && j->uncertain == 0);
    if (j->head < j->length)
        err = journal_write_super(j, j->head, j->sequence, 0);
    else
        err = journal_restart(j);
    if (err == 0)
        j->behind = false;
    return err;
}

int journal_retire(struct journal *j)
{
    contract(!j->behind && j->uncertain == 0);
    return j->tail == 0 ? 0 : journal_write_super(j, 0, j->sequence, DEV_FUA);
}

/* ---- transactions ---- */

/* The body while it is being written: `run` has the last blocks, which belong before `at`. */
struct journal_body {
    struct journal *j;
    uint32_t at;    /* log block: the next one */
    uint32_t count; /* of blocks in run */
};

static int journal_body_flush(struct journal_body *body)
{
    struct journal *j = body->j;
    uint32_t count = body->count;

    body->count = 0;
    return count == 0 ? 0 : volume_io_data_write(j->io, j->blocks[body->at - count], count, j->run);
}

/* Where the next block of the log is to be put together. What cannot be joined goes out first. */
static int journal_body_next(struct journal_body *body, uint8_t **out)
{
    struct journal *j = body->j;
    uint32_t bytes = volume_io_block_bytes(j->io);
    int err = 0;

    if (body->count == journal_run_blocks(j) ||
        (body->count > 0 && j->blocks[body->at] != j->blocks[body->at - 1] + 1))
        err = journal_body_flush(body);
    *out = j->run + (size_t)body->count * bytes;
    body->count++;
    body->at++;
    return err;
}

static void journal_put_header(const struct journal *j, uint8_t *block, uint32_t type)
{
    memset(block, 0, volume_io_block_bytes(j->io));
    journal_put(block, JOURNAL_AT_MAGIC, JOURNAL_MAGIC);
    journal_put(block, JOURNAL_AT_TYPE, type);
    journal_put(block, JOURNAL_AT_SEQUENCE, j->sequence);
}

static bool journal_must_escape(const struct volume_io_line *line)
{
    return journal_get(volume_io_line_bytes(line), 0) == JOURNAL_MAGIC;
}

static void journal_put_tags(const struct journal *j, uint8_t *block,
                             struct volume_io_line *const *lines, uint32_t count)
{
    uint32_t at = JOURNAL_HEADER;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t flags = i == 0 ? 0 : JOURNAL_TAG_SAME_UUID;

        if (journal_must_escape(lines[i]))
            flags |= JOURNAL_TAG_ESCAPED;
        if (i + 1 == count)
            flags |= JOURNAL_TAG_LAST;
        journal_put(block, at, (uint32_t)volume_io_line_block(lines[i]));
        journal_put(block, at + 4, flags); /* and no checksum */
        at += JOURNAL_TAG_BYTES;
        if (i == 0) {
            memcpy(block + at, j->super + JOURNAL_AT_UUID, JOURNAL_UUID_BYTES);
            at += JOURNAL_UUID_BYTES;
        }
    }
}

/* One descriptor and the copies of its lines. */
static int journal_write_part(struct journal_body *body, struct volume_io_line *const *lines,
                              uint32_t count)
{
    uint8_t *block;
    int err = journal_body_next(body, &block);

    if (err != 0)
        return err;
    journal_put_header(body->j, block, JOURNAL_DESCRIPTOR);
    journal_put_tags(body->j, block, lines, count);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = journal_body_next(body, &block);
        memcpy(block, volume_io_line_bytes(lines[i]), volume_io_block_bytes(body->j->io));
        if (journal_must_escape(lines[i]))
            journal_put(block, 0, 0);
    }
    return err;
}

static int journal_write_body(struct journal *j, struct volume_io_line *const *lines,
                              uint32_t count, uint32_t *end)
{
    struct journal_body body = {.j = j, .at = j->head};
    int err = 0;

    for (uint32_t done = 0, part; done < count && err == 0; done += part) {
        part = count - done < journal_tags(j) ? count - done : journal_tags(j);
        err = journal_write_part(&body, lines + done, part);
    }
    *end = body.at;
    return err != 0 ? err : journal_body_flush(&body);
}

/* A commit block that may be there, of a transaction that is about to be written anew (I-JNL-4). */
static int journal_wipe_uncertain(struct journal *j)
{
    int err;

    if (j->uncertain == 0)
        return 0;
    err = volume_io_data_zero(j->io, j->blocks[j->uncertain], 1);
    if (err == 0)
        err = volume_io_flush(j->io);
    if (err == 0)
        j->uncertain = 0;
    return err;
}

/*
 * Finds a place for `blocks` log blocks. Where the end of the journal is near, what was committed
 * must be at home before the log begins anew; after a failure the lines may have changed since, so
 * that only the log itself still has it.
 */
static int journal_make_room(struct journal *j, uint32_t blocks)
{
    uint32_t end_sequence;
    int err = journal_wipe_uncertain(j);

    if (err != 0 || (j->tail != 0 && blocks <= j->length - j->head))
        return err;
    if (j->behind) {
        err = journal_apply(j, &end_sequence);
        if (err == 0 && end_sequence != j->sequence)
            err = -EIO; /* the log has lost some of what was committed: it stays as it is */
    }
    if (err != 0)
        return err;
    j->behind = false;
    return journal_restart(j);
}

static int journal_write_commit(struct journal *j, uint32_t at)
{
    struct dev_span span = {j->run, volume_io_block_bytes(j->io) / DEV_BLOCK_BYTES};
    int err;

    journal_put_header(j, j->run, JOURNAL_COMMIT);
    j->uncertain = at;
    err = volume_io_data_gather(j->io, j->blocks[at], 1, &span, 1, DEV_FUA);
    if (err == 0)
        j->uncertain = 0;
    return err;
}

int journal_commit(struct journal *j, struct volume_io_line *const *lines, uint32_t count)
{
    uint32_t end;
    int err;

    contract(count > 0);
    if (count > journal_room(j))
        return -ENOSPC;
    j->run_count = 0;
    err = journal_make_room(j, journal_span(j, count));
    if (err == 0)
        err = journal_write_body(j, lines, count, &end);
    if (err == 0)
        err = volume_io_flush(j->io);
    if (err == 0)
        err = journal_write_commit(j, end);
    if (err != 0)
        return err;
    j->head = end + 1;
    j->sequence++;
    j->behind = true;
    return 0;
}
