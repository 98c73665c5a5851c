/*
 * The format of the journal on the device, for journal.c and journal_replay.c.
 *
 * Layer 4, private to the two. Everything is big-endian. The format is that of jbd2 without its
 * later features: tags of 8 bytes, no checksums; revoke records are read (Linux writes them) and
 * never written, since a block that metadata left is not used for data before the transaction that
 * freed it is off the log.
 */
#ifndef MAPWALK_FS_JOURNAL_INNER_H
#define MAPWALK_FS_JOURNAL_INNER_H

#include "fs/journal.h"

#define JOURNAL_MAGIC 0xc03b3998u

/* h_blocktype */
#define JOURNAL_DESCRIPTOR 1u
#define JOURNAL_COMMIT     2u
#define JOURNAL_SUPER_V1   3u
#define JOURNAL_SUPER_V2   4u
#define JOURNAL_REVOKE     5u

/* Offsets: header of every block of the log that is not a copy. */
#define JOURNAL_AT_MAGIC    0u
#define JOURNAL_AT_TYPE     4u
#define JOURNAL_AT_SEQUENCE 8u
#define JOURNAL_HEADER      12u

/* Offsets in the superblock. */
#define JOURNAL_AT_BLOCK_BYTES   12u
#define JOURNAL_AT_LENGTH        16u
#define JOURNAL_AT_FIRST         20u
#define JOURNAL_AT_NEXT_SEQUENCE 24u
#define JOURNAL_AT_START         28u
#define JOURNAL_AT_COMPAT        36u
#define JOURNAL_AT_INCOMPAT      40u
#define JOURNAL_AT_RO_COMPAT     44u
#define JOURNAL_AT_UUID          48u
#define JOURNAL_INCOMPAT_REVOKE  1u

/* Tags of a descriptor: block (4), checksum (2), flags (2). */
#define JOURNAL_TAG_BYTES     8u
#define JOURNAL_UUID_BYTES    16u
#define JOURNAL_TAG_ESCAPED   1u /* the copy began with JOURNAL_MAGIC, which was made zero */
#define JOURNAL_TAG_SAME_UUID 2u /* no uuid follows this tag */
#define JOURNAL_TAG_LAST      8u

/* A revoke block has the count of its bytes after the header, then block numbers of 4 bytes. */
#define JOURNAL_AT_REVOKE_BYTES 12u
#define JOURNAL_REVOKE_HEADER   16u

static inline uint32_t journal_get(const uint8_t *bytes, uint32_t at)
{
    return (uint32_t)bytes[at] << 24 | (uint32_t)bytes[at + 1] << 16 |
           (uint32_t)bytes[at + 2] << 8 | bytes[at + 3];
}

static inline void journal_put(uint8_t *bytes, uint32_t at, uint32_t value)
{
    bytes[at] = (uint8_t)(value >> 24);
    bytes[at + 1] = (uint8_t)(value >> 16);
    bytes[at + 2] = (uint8_t)(value >> 8);
    bytes[at + 3] = (uint8_t)value;
}

/* Blocks that `run` has room for. */
static inline uint32_t journal_run_blocks(const struct journal *j)
{
    return VOLUME_IO_RUN_BYTES / volume_io_block_bytes(j->io);
}

/* Writes the superblock: the log begins at `tail` (0: is empty) with `sequence`. */
MUST_CHECK int journal_write_super(struct journal *j, uint32_t tail, uint32_t sequence,
                                   unsigned flags);

/* Writes what is committed to the home places and flushes; the log stays as it is. */
MUST_CHECK int journal_apply(struct journal *j, uint32_t *end_sequence);

#endif
