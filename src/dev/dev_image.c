/*
 * A block device in an image file of the host.
 *
 * Layer 3; see dev_image.h. The host's calls may be interrupted and may move less than they were
 * asked for; a request here is complete or an error. Through O_DIRECT only whole blocks of 4096
 * bytes move, from and to memory that is aligned likewise: what is not goes through a buffer, and
 * the edges of a write are read first.
 *
 *   I-IMAGE-1  a flush that returns 0 has seen no error of the host since the device was opened
 */
#include "dev/dev_image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/contract.h"
#include "base/list.h"

#define IMAGE_VECTORS 64u   /* spans handed to the host at once */
#define DIRECT_BYTES  4096u /* the logical block of every disk that O_DIRECT meets */
#define DIRECT_BLOCKS (DIRECT_BYTES / DEV_BLOCK_BYTES)

/* A request of DEV_MOST_BLOCKS that begins and ends inside a direct block touches one more. */
#define BOUNCE_BYTES (DEV_MOST_BLOCKS * DEV_BLOCK_BYTES + 2 * DIRECT_BYTES)

struct dev_image {
    struct dev dev;
    struct alloc *alloc;
    int fd;
    bool lost;       /* a flush failed: the host may have dropped dirty pages */
    void *memory;    /* direct: what bounce lies in */
    uint8_t *bounce; /* direct: BOUNCE_BYTES, aligned to DIRECT_BYTES; else NULL */
};

static struct dev_image *dev_image_of(struct dev *dev)
{
    return container_of(dev, struct dev_image, dev);
}

/* Out of room by any name, or broken. */
static int image_error(int host_errno)
{
    return host_errno == ENOSPC || host_errno == EDQUOT || host_errno == EFBIG ? -ENOSPC : -EIO;
}

/* ---- whole transfers ---- */

/* An end of file inside the device: somebody has cut the image short. */
static int image_read_all(int fd, uint8_t *bytes, size_t count, uint64_t offset)
{
    while (count > 0) {
        ssize_t got = pread(fd, bytes, count, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -EIO;
        bytes += got;
        count -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

/* Moves the beginning of the vectors behind the first `done` bytes. */
static void image_vectors_skip(struct iovec **vectors, unsigned *count, size_t done)
{
    while (*count > 0 && done >= (*vectors)->iov_len) {
        done -= (*vectors)->iov_len;
        (*vectors)++;
        (*count)--;
    }
    if (*count > 0) {
        (*vectors)->iov_base = (uint8_t *)(*vectors)->iov_base + done;
        (*vectors)->iov_len -= done;
    }
}

static int image_write_all(int fd, struct iovec *vectors, unsigned count, uint64_t offset)
{
    while (count > 0) {
        ssize_t put = pwritev(fd, vectors, (int)count, (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return image_error(errno);
        if (put == 0)
            return -EIO;
        offset += (uint64_t)put;
        image_vectors_skip(&vectors, &count, (size_t)put);
    }
    return 0;
}

/* ---- O_DIRECT ---- */

static bool direct_aligned(uint64_t block, uint64_t count, const void *bytes)
{
    return block % DIRECT_BLOCKS == 0 && count % DIRECT_BLOCKS == 0 &&
           (uintptr_t)bytes % DIRECT_BYTES == 0;
}

static bool direct_all_aligned(uint64_t block, const struct dev_span *spans, uint32_t span_count)
{
    for (uint32_t i = 0; i < span_count; i++)
        if (!direct_aligned(block, spans[i].blocks, spans[i].bytes))
            return false;
    return true;
}

/* A range of blocks, and the direct blocks that it touches, in bytes of the file. */
struct direct_range {
    uint64_t start;
    size_t bytes;
    size_t lead; /* from start to the first block */
};

static struct direct_range direct_range_of(uint64_t block, uint64_t count)
{
    uint64_t first = block / DIRECT_BLOCKS * DIRECT_BLOCKS;
    uint64_t end = (block + count + DIRECT_BLOCKS - 1) / DIRECT_BLOCKS * DIRECT_BLOCKS;

    return (struct direct_range){.start = first * DEV_BLOCK_BYTES,
                                 .bytes = (end - first) * DEV_BLOCK_BYTES,
                                 .lead = (block - first) * DEV_BLOCK_BYTES};
}

static int direct_read(struct dev_image *image, uint64_t block, uint32_t count, void *bytes)
{
    struct direct_range range = direct_range_of(block, count);
    int err;

    if (direct_aligned(block, count, bytes))
        return image_read_all(image->fd, bytes, range.bytes, range.start);
    err = image_read_all(image->fd, image->bounce, range.bytes, range.start);
    if (err == 0)
        memcpy(bytes, image->bounce + range.lead, (size_t)count * DEV_BLOCK_BYTES);
    return err;
}

/* Fills the bounce buffer's first and last direct block where the write does not cover them. */
static int direct_read_edges(struct dev_image *image, const struct direct_range *range,
                             size_t count_bytes)
{
    size_t last = range->bytes - DIRECT_BYTES;
    bool tail = range->lead + count_bytes < range->bytes;
    int err = 0;

    if (range->lead > 0 || (tail && last == 0))
        err = image_read_all(image->fd, image->bounce, DIRECT_BYTES, range->start);
    if (err == 0 && tail && last > 0)
        err = image_read_all(image->fd, image->bounce + last, DIRECT_BYTES, range->start + last);
    return err;
}

static int direct_write_bounced(struct dev_image *image, uint64_t block,
                                const struct dev_span *spans, uint32_t span_count)
{
    uint64_t count = dev_span_blocks(spans, span_count);
    struct direct_range range = direct_range_of(block, count);
    struct iovec vector = {image->bounce, range.bytes};
    uint8_t *to = image->bounce + range.lead;
    int err = direct_read_edges(image, &range, count * DEV_BLOCK_BYTES);

    contract(range.bytes <= BOUNCE_BYTES);
    if (err != 0)
        return err;
    for (uint32_t i = 0; i < span_count; i++) {
        memcpy(to, spans[i].bytes, (size_t)spans[i].blocks * DEV_BLOCK_BYTES);
        to += (size_t)spans[i].blocks * DEV_BLOCK_BYTES;
    }
    return image_write_all(image->fd, &vector, 1, range.start);
}

/* ---- requests ---- */

static int dev_image_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    struct dev_image *image = dev_image_of(dev);

    if (image->bounce != NULL)
        return direct_read(image, block, count, bytes);
    return image_read_all(image->fd, bytes, (size_t)count * DEV_BLOCK_BYTES,
                          block * DEV_BLOCK_BYTES);
}

/* In handfuls of spans, which is as much as the host needs to see at once. */
static int image_write_spans(struct dev_image *image, uint64_t block, const struct dev_span *spans,
                             uint32_t span_count)
{
    uint64_t offset = block * DEV_BLOCK_BYTES;
    int err = 0;

    while (span_count > 0 && err == 0) {
        uint32_t count = span_count < IMAGE_VECTORS ? span_count : IMAGE_VECTORS;
        struct iovec vectors[IMAGE_VECTORS];

        for (uint32_t i = 0; i < count; i++) /* iovec knows no const */
            vectors[i] = (struct iovec){(void *)(uintptr_t)spans[i].bytes,
                                        (size_t)spans[i].blocks * DEV_BLOCK_BYTES};
        err = image_write_all(image->fd, vectors, count, offset);
        offset += dev_span_blocks(spans, count) * DEV_BLOCK_BYTES;
        spans += count;
        span_count -= count;
    }
    return err;
}

/*
 * Linux tells an error of writing back once and forgets the pages, so that the next call would
 * succeed without anything being there.
 */
static int dev_image_flush(struct dev *dev)
{
    struct dev_image *image = dev_image_of(dev);

    if (image->lost)
        return -EIO;
    while (!dev->read_only && fdatasync(image->fd) != 0) {
        if (errno == EINTR)
            continue;
        image->lost = true;
        return image_error(errno);
    }
    return 0;
}

static int dev_image_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                           uint32_t span_count, unsigned flags)
{
    struct dev_image *image = dev_image_of(dev);
    int err;

    if (image->bounce != NULL && !direct_all_aligned(block, spans, span_count))
        err = direct_write_bounced(image, block, spans, span_count);
    else
        err = image_write_spans(image, block, spans, span_count);
    return err == 0 && (flags & DEV_FUA) != 0 ? dev_image_flush(dev) : err;
}

/* A hole: the file gets smaller. Not every file system of the host has them. */
static int dev_image_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    struct dev_image *image = dev_image_of(dev);

    while (fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     (off_t)(block * DEV_BLOCK_BYTES),
                     (off_t)((uint64_t)count * DEV_BLOCK_BYTES)) != 0) {
        if (errno == EINTR)
            continue;
        return errno == EOPNOTSUPP || errno == ENOSYS ? -ENOTSUP : image_error(errno);
    }
    return 0;
}

static void dev_image_destroy(struct dev *dev)
{
    struct dev_image *image = dev_image_of(dev);

    close(image->fd); /* and with it the lock */
    alloc_release(image->alloc, image->memory);
    alloc_release(image->alloc, image);
}

static const struct dev_ops dev_image_ops = {
    .read = dev_image_read,
    .write = dev_image_write,
    .flush = dev_image_flush,
    .destroy = dev_image_destroy,
    .zero = dev_image_zero,
};

/* ---- opening ---- */

/* NONBLOCK: a FIFO by that name must not keep us; it means nothing to a regular file. */
static int image_open_file(const char *path, const struct dev_image_options *options)
{
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd;

    flags |= options->read_only ? O_RDONLY : O_RDWR;
    if (options->direct)
        flags |= O_DIRECT;
    if (options->create_bytes > 0)
        flags |= O_CREAT | O_EXCL;
    fd = open(path, flags, 0666);
    if (fd >= 0)
        return fd;
    if (errno != EINVAL || !options->direct)
        return -errno;
    if (options->create_bytes > 0) /* the host makes the file before it refuses O_DIRECT */
        unlink(path);
    return -ENOTSUP;
}

static int image_lock(int fd, bool read_only)
{
    struct flock lock = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* Locks the file and gives it its size, if it is new; *bytes: its size. */
static int image_prepare(int fd, const struct dev_image_options *options, uint64_t *bytes)
{
    struct stat st;
    int err;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    err = image_lock(fd, options->read_only);
    if (err != 0)
        return err;
    if (options->create_bytes > 0 && ftruncate(fd, (off_t)options->create_bytes) != 0)
        return errno == EFBIG || errno == EINVAL ? -EFBIG : -errno;
    /* Again: whoever had the lock before may have changed it. */
    if (fstat(fd, &st) != 0)
        return -errno;
    *bytes = (uint64_t)st.st_size;
    return 0;
}

static bool image_valid_size(uint64_t bytes, bool direct)
{
    return bytes > 0 && bytes % (direct ? DIRECT_BYTES : DEV_BLOCK_BYTES) == 0;
}

static int image_wrap(struct alloc *a, int fd, uint64_t bytes,
                      const struct dev_image_options *options, struct dev **out)
{
    struct dev_image *image = alloc_zeroed(a, sizeof *image);

    if (image == NULL)
        return -ENOMEM;
    if (options->direct) {
        image->memory = alloc_zeroed(a, BOUNCE_BYTES + DIRECT_BYTES);
        if (image->memory == NULL) {
            alloc_release(a, image);
            return -ENOMEM;
        }
        image->bounce =
            (uint8_t *)image->memory + DIRECT_BYTES - (uintptr_t)image->memory % DIRECT_BYTES;
    }
    dev_init(&image->dev, &dev_image_ops, bytes / DEV_BLOCK_BYTES);
    image->dev.read_only = options->read_only;
    image->alloc = a;
    image->fd = fd;
    *out = &image->dev;
    return 0;
}

int dev_image_open(struct alloc *a, const char *path, const struct dev_image_options *options,
                   struct dev **out)
{
    static const struct dev_image_options plain = {0};
    uint64_t bytes = 0;
    int err;
    int fd;

    options = options != NULL ? options : &plain;
    if (options->create_bytes > 0 &&
        (options->read_only || !image_valid_size(options->create_bytes, options->direct)))
        return -EINVAL;
    fd = image_open_file(path, options);
    if (fd < 0)
        return fd;
    err = image_prepare(fd, options, &bytes);
    if (err == 0 && !image_valid_size(bytes, options->direct))
        err = -EINVAL;
    if (err == 0)
        err = image_wrap(a, fd, bytes, options, out);
    if (err == 0)
        return 0;
    if (options->create_bytes > 0)
        unlink(path);
    close(fd);
    return err;
}
