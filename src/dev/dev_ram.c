/*
 * A block device in host memory: one sparse anonymous mapping.
 *
 * Layer 3. A block that was never written costs no host memory and reads zero, so a device of 1 TiB
 * is as cheap as a small one. It has no write cache of its own: every write is durable at once, and
 * a flush has nothing to do.
 */
#include <string.h>
#include <sys/mman.h>

#include "base/list.h"
#include "dev/dev.h"

#define HOST_PAGE_BYTES 4096u

struct dev_ram {
    struct dev dev;
    struct alloc *alloc;
    uint8_t *host; /* dev.blocks * DEV_BLOCK_BYTES bytes */
};

static struct dev_ram *dev_ram_of(struct dev *dev)
{
    return container_of(dev, struct dev_ram, dev);
}

static uint8_t *dev_ram_at(struct dev *dev, uint64_t block)
{
    return dev_ram_of(dev)->host + block * DEV_BLOCK_BYTES;
}

static int dev_ram_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    memcpy(bytes, dev_ram_at(dev, block), (size_t)count * DEV_BLOCK_BYTES);
    return 0;
}

static int dev_ram_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                         uint32_t span_count, unsigned flags)
{
    uint8_t *to = dev_ram_at(dev, block);

    (void)flags; /* all is durable at once */
    for (uint32_t i = 0; i < span_count; i++) {
        size_t bytes = (size_t)spans[i].blocks * DEV_BLOCK_BYTES;

        memcpy(to, spans[i].bytes, bytes);
        to += bytes;
    }
    return 0;
}

static int dev_ram_flush(struct dev *dev)
{
    (void)dev;
    return 0;
}

/*
 * A file system zeroes large parts of a device that nobody ever wrote (inode tables, reserved
 * pages). Whole host pages are given back instead of being filled, so that zeroing never-written
 * blocks costs nothing. The mapping begins at a host page, hence offsets in it round as addresses
 * do.
 */
static int dev_ram_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    uint8_t *host = dev_ram_of(dev)->host;
    uint64_t start = block * DEV_BLOCK_BYTES;
    uint64_t end = start + (uint64_t)count * DEV_BLOCK_BYTES;
    uint64_t first_page = (start + HOST_PAGE_BYTES - 1) / HOST_PAGE_BYTES * HOST_PAGE_BYTES;
    uint64_t end_page = end / HOST_PAGE_BYTES * HOST_PAGE_BYTES;

    if (first_page >= end_page ||
        madvise(host + first_page, end_page - first_page, MADV_DONTNEED) != 0) {
        memset(host + start, 0, end - start);
        return 0;
    }
    memset(host + start, 0, first_page - start);
    memset(host + end_page, 0, end - end_page);
    return 0;
}

static void dev_ram_destroy(struct dev *dev)
{
    struct dev_ram *ram = dev_ram_of(dev);

    munmap(ram->host, ram->dev.blocks * DEV_BLOCK_BYTES);
    alloc_release(ram->alloc, ram);
}

static const struct dev_ops dev_ram_ops = {
    .read = dev_ram_read,
    .write = dev_ram_write,
    .flush = dev_ram_flush,
    .destroy = dev_ram_destroy,
    .zero = dev_ram_zero,
};

int dev_ram_new(struct alloc *a, uint64_t bytes, struct dev **out)
{
    struct dev_ram *ram;
    void *host;

    if (bytes == 0 || bytes % DEV_BLOCK_BYTES != 0)
        return -EINVAL;
    ram = alloc_zeroed(a, sizeof *ram);
    if (ram == NULL)
        return -ENOMEM;
    /* NORESERVE: the host must not count what may never be touched. */
    host = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
    if (host == MAP_FAILED) {
        alloc_release(a, ram);
        return -ENOMEM;
    }
    dev_init(&ram->dev, &dev_ram_ops, bytes / DEV_BLOCK_BYTES);
    ram->alloc = a;
    ram->host = host;
    *out = &ram->dev;
    return 0;
}
