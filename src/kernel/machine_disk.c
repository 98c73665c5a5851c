/*
 * The machine's disk: what keeps its bytes, the decorators on it, and what it costs. Layer 7.
 *
 *     volume -> fault decorator (mw_fail_device) -> volatile cache (if any) -> RAM, image or server
 *
 * Counted, told and charged at the top: what the volume asks for.
 */
#include <string.h>

#include "dev/dev_image.h"
#include "dev/dev_volatile.h"
#include "kernel/machine.h"

#define BLANK_BLOCKS 64u /* a file system has something in its first 64 KiB */

/* Is there nothing on the disk, as on one that was just made? */
static int disk_is_blank(struct mw_machine *m, bool *blank)
{
    uint64_t blocks = m->disk->blocks < BLANK_BLOCKS ? m->disk->blocks : BLANK_BLOCKS;
    uint8_t *bytes = alloc_zeroed(&m->alloc, blocks * DEV_BLOCK_BYTES);
    int err = bytes == NULL ? -ENOMEM : dev_read(m->disk, 0, (uint32_t)blocks, bytes);

    *blank = err == 0;
    for (uint64_t i = 0; *blank && i < blocks * DEV_BLOCK_BYTES; i++)
        *blank = bytes[i] == 0;
    alloc_release(&m->alloc, bytes);
    return err;
}

/* What is on a server stays, as it does in an image. */
static int disk_open_nbd(struct mw_machine *m)
{
    bool blank;
    int err = dev_nbd_open(&m->alloc, m->config.disk_nbd, &m->disk);

    if (err != 0)
        return err;
    err = disk_is_blank(m, &blank);
    if (err == 0 && blank)
        err = volume_format(&m->alloc, m->disk);
    if (err != 0)
        dev_destroy(m->disk);
    return err;
}

/* Memory is all that a disk in RAM can lack (libext2fs calls that an I/O error, too). */
static int disk_open_ram(struct mw_machine *m)
{
    int err = dev_ram_new(&m->alloc, m->config.disk_bytes, &m->disk);

    if (err != 0)
        return err;
    err = volume_format(&m->alloc, m->disk);
    if (err != 0)
        dev_destroy(m->disk);
    return err == -EIO ? -ENOMEM : err;
}

static int disk_open(struct mw_machine *m)
{
    const struct dev_image_options image = {.direct = m->config.disk_direct};

    m->disk = m->given;
    if (m->given != NULL)
        return 0;
    if (m->config.disk_image[0] != '\0')
        return dev_image_open(&m->alloc, m->config.disk_image, &image, &m->disk);
    return m->config.disk_nbd[0] != '\0' ? disk_open_nbd(m) : disk_open_ram(m);
}

/* The decorators. What fails leaves them to machine_disk_down. */
static int disk_decorate(struct mw_machine *m)
{
    struct dev *below = m->disk;
    int err = 0;

    m->faults.error = -EIO;
    if (m->config.disk_cache) {
        err = dev_volatile_new(&m->alloc, m->disk, NULL, &m->disk_cache);
        below = m->disk_cache;
    }
    return err != 0 ? err : dev_faulty_new(&m->alloc, below, &m->faults, &m->dev);
}

static void disk_set_latency(struct mw_machine *m)
{
    const struct mw_costs *costs = &m->config.costs;
    const struct dev_latency of_costs = {.read_ns = costs->block_read,
                                         .write_ns = costs->block_write,
                                         .zero_ns = costs->block_write,
                                         .flush_ns = costs->block_flush,
                                         .byte_ps = costs->block_byte_ps};
    const struct dev_latency *named =
        dev_latency_named(mw_disk_latency_name(m->config.disk_latency));

    dev_set_latency(m->dev, named != NULL ? named : &of_costs);
}

/*
 * Formatted before it is attached: making the file system is not part of what the machine does. The
 * config tells from here on how large the disk is.
 */
int machine_disk_up(struct mw_machine *m)
{
    int err = disk_open(m);

    if (err != 0)
        return err;
    err = disk_decorate(m);
    if (err != 0) {
        machine_disk_down(m);
        return err;
    }
    disk_set_latency(m);
    m->config.disk_bytes = m->disk->blocks * DEV_BLOCK_BYTES;
    return 0;
}

void machine_disk_down(struct mw_machine *m)
{
    dev_destroy(m->dev);
    dev_destroy(m->disk_cache);
    if (m->disk != m->given)
        dev_destroy(m->disk);
}
