/*
 * libFuzzer: the input damages a sound image, or is one; then everything is tried on it.
 *
 * An image is 2 MiB, most of which no mount looks at. So the input is a list of changes, 6 bytes
 * each, to an image that is made once a run: where (24 bits), how (8 bits), what (16 bits). What the
 * fuzzer learns of one place it can use at another.
 *
 *     build/fuzz/tests/fuzz.image -max_len=240 -timeout=20 DIRECTORY
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "unit/fs/exercise.h"

#define IMAGE_BYTES  ((uint64_t)2 << 20)
#define CHANGE_BYTES 6u

/* Metadata lies in front; a change further behind would be of file data. */
#define REACH_BYTES ((uint32_t)64 * FS_PAGE_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes);

static void fuzz_must(int err)
{
    contract(err == 0);
}

static void fuzz_fill(struct volume *v)
{
    static const uint8_t page[FS_PAGE_BYTES] = {1, 2, 3};
    struct inode *ino;

    fuzz_must(inode_create(v, "/directory/inner/file", true, &ino));
    fuzz_must(inode_set_bytes(ino, 2000u * FS_PAGE_BYTES));
    fuzz_must(inode_write_pages(ino, 5, 1, page));
    fuzz_must(inode_write_pages(ino, 1100, 1, page));
    inode_put(ino);
    fuzz_must(volume_hard_link(v, "/directory/inner/file", "/hard"));
    fuzz_must(volume_make_symlink(v, "hard", "/link"));
}

static struct dev *fuzz_image(struct alloc *a)
{
    struct volume *v;
    struct dev *dev;

    fuzz_must(dev_ram_new(a, IMAGE_BYTES, &dev));
    fuzz_must(volume_format(a, dev));
    fuzz_must(volume_mount(a, dev, &v));
    fuzz_fill(v);
    fuzz_must(volume_unmount(v));
    return dev;
}

/* One change: of the two bytes at a place. */
static void fuzz_change(struct dev *dev, const uint8_t *change)
{
    uint32_t place = (change[0] | (uint32_t)change[1] << 8 | (uint32_t)change[2] << 16);
    uint32_t at = place % (REACH_BYTES - 2);
    uint8_t blocks[2 * DEV_BLOCK_BYTES];
    uint64_t block = at / DEV_BLOCK_BYTES;
    uint8_t *byte = blocks + at % DEV_BLOCK_BYTES;

    fuzz_must(dev_read(dev, block, 2, blocks));
    for (unsigned i = 0; i < 2; i++) {
        if ((change[3] & 1) != 0)
            byte[i] ^= change[4 + i];
        else
            byte[i] = change[4 + i];
    }
    fuzz_must(dev_write(dev, block, 2, blocks));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    struct alloc alloc = {0};
    struct dev *dev = fuzz_image(&alloc);
    unsigned reached = 0;

    for (; bytes >= CHANGE_BYTES; input += CHANGE_BYTES, bytes -= CHANGE_BYTES)
        fuzz_change(dev, input);
    (void)exercise_device(&alloc, dev, bytes % 2 == 1, &reached);
    dev_destroy(dev);
    contract(alloc.live_blocks == 0);
    return 0;
}
