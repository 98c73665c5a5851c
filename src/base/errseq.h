/*
 * An error that many have to learn of, each of them once.
 *
 * Writing back fails long after the store that it was to keep, and in nobody's call. So the error is
 * left with the file, and everybody who has the file open has a *cursor*: what he had seen of the
 * file's errors when he looked last. He is told when there was an error since.
 *
 * Errors are not counted one by one: a counter that moves on only when somebody has seen its value
 * is enough to tell "since". Layer: base; knows nothing of files.
 *
 * The value: error (positive errno) in bits 0-11, `seen` in bit 12, the counter above. 0: there never
 * was an error.
 *
 *   I-ERRSEQ-1  two errors with a look between them have different values
 *   I-ERRSEQ-2  an error that nobody has looked at is news for whoever samples later, too: else one
 *               that is met before the file is opened would be told to nobody
 */
#ifndef MAPWALK_BASE_ERRSEQ_H
#define MAPWALK_BASE_ERRSEQ_H

#include <stdint.h>

#include "base/contract.h"

#define ERRSEQ_ERROR   0xfffu
#define ERRSEQ_SEEN    0x1000u
#define ERRSEQ_COUNTER 0x2000u /* one step of the counter */

/* All zero: no error yet. */
struct errseq {
    uint32_t value;
};

/* An error has happened (negative errno, above -4096). */
static inline void errseq_set(struct errseq *e, int err)
{
    uint32_t counter = e->value & ~(ERRSEQ_ERROR | ERRSEQ_SEEN);

    contract(err < 0 && err > -(int)ERRSEQ_ERROR);
    if (e->value & ERRSEQ_SEEN)
        counter += ERRSEQ_COUNTER;
    e->value = counter | (uint32_t)-err;
}

/* A cursor for somebody who begins now: he is told what happens from here on, and I-ERRSEQ-2. */
static inline uint32_t errseq_sample(const struct errseq *e)
{
    return e->value & ERRSEQ_SEEN ? e->value : 0;
}

/* The last error since the cursor was taken, or 0. Changes nothing. */
static inline int errseq_check(const struct errseq *e, uint32_t since)
{
    if ((e->value & ~ERRSEQ_SEEN) == (since & ~ERRSEQ_SEEN))
        return 0;
    return -(int)(e->value & ERRSEQ_ERROR);
}

/* The same, and the cursor's owner knows of it now: the next time he is told only what is new. */
static inline int errseq_check_and_advance(struct errseq *e, uint32_t *since)
{
    int err = errseq_check(e, *since);

    if (e->value != 0)
        e->value |= ERRSEQ_SEEN;
    *since = e->value;
    return err;
}

#endif
