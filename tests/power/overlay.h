/*
 * A copy-on-write device: what is written stays here, what was not is read from the device below,
 * which is never touched. Taking everything back costs what was written, so that one image can be
 * damaged, repaired and thrown away thousands of times a second.
 *
 * Every write is durable at once.
 */
#ifndef MAPWALK_TESTS_POWER_OVERLAY_H
#define MAPWALK_TESTS_POWER_OVERLAY_H

#include "dev/dev.h"

/* `lower` stays the caller's and must not change while there is something in the overlay. */
struct dev *overlay_new(struct dev *lower);

/* The overlay reads as the device below again. */
void overlay_reset(struct dev *dev);

/* A hash of what was written and where: equal contents, equal hash. */
uint64_t overlay_hash(const struct dev *dev);

#endif
