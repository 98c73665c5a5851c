/*
 * Putting some sectors of a write through and not the others: what a torn write and a power cut
 * have in common.
 *
 * Layer 3, inside dev only. A device takes whole blocks, so a torn block is read, mixed and
 * written.
 */
#ifndef MAPWALK_DEV_DEV_SECTORS_H
#define MAPWALK_DEV_DEV_SECTORS_H

#include "dev/dev.h"

#define DEV_BLOCK_SECTORS (DEV_BLOCK_BYTES / DEV_SECTOR_BYTES)
#define DEV_BLOCK_WHOLE   ((1u << DEV_BLOCK_SECTORS) - 1)

/*
 * Writes those sectors of one block whose bit is set in `sectors`. `bytes` has the whole block;
 * NULL: zeros. Errors are the device's own; the block is then as it was, or as I-DEV-4 has it.
 */
MUST_CHECK int dev_sectors_write(struct dev *dev, uint64_t block, const uint8_t *bytes,
                                 unsigned sectors);

#endif
