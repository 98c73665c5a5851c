/*
 * Writing single sectors of a block.
 *
 * Layer 3; see dev_sectors.h.
 */
#include "dev/dev_sectors.h"

#include <string.h>

static void dev_sectors_mix(uint8_t *block, const uint8_t *bytes, unsigned sectors)
{
    for (unsigned i = 0; i < DEV_BLOCK_SECTORS; i++) {
        if ((sectors >> i & 1) == 0)
            continue;
        if (bytes != NULL)
            memcpy(block + i * DEV_SECTOR_BYTES, bytes + i * DEV_SECTOR_BYTES, DEV_SECTOR_BYTES);
        else
            memset(block + i * DEV_SECTOR_BYTES, 0, DEV_SECTOR_BYTES);
    }
}

int dev_sectors_write(struct dev *dev, uint64_t block, const uint8_t *bytes, unsigned sectors)
{
    uint8_t mixed[DEV_BLOCK_BYTES];
    int err;

    if (sectors == 0)
        return 0;
    if (sectors == DEV_BLOCK_WHOLE)
        return bytes != NULL ? dev_write(dev, block, 1, bytes) : dev_zero(dev, block, 1);
    err = dev_read(dev, block, 1, mixed);
    if (err != 0)
        return err;
    dev_sectors_mix(mixed, bytes, sectors);
    return dev_write(dev, block, 1, mixed);
}
