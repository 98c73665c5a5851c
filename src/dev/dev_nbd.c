/*
 * A network block device, by libnbd.
 *
 * Layer 3; see dev_image.h. libnbd is looked up when the first such device is opened and not linked
 * to: it brings TLS and XML libraries along, which nobody should need who only simulates. Requests
 * are asynchronous ones that are waited for with a limit, so that a server that stands still is an
 * error and not a hang; the connection is then given up, because the server may still answer into
 * memory that is no longer meant for it.
 *
 *   I-NBD-1  no command is in flight when a request returns, or the handle is closed
 */
#include "dev/dev_image.h"

#ifdef MAPWALK_WITH_NBD

#include <dlfcn.h>
#include <libnbd.h>
#include <string.h>
#include <time.h>

#include "base/list.h"

#define NBD_LIBRARY     "libnbd.so.0"
#define NBD_ZERO_BLOCKS (1u << 20) /* 1 GiB: a request's length has 32 bits */
#define NBD_FAREWELL_MS 1000

#define NBD_CALLS(X)         \
    X(create)                \
    X(close)                 \
    X(aio_connect_uri)       \
    X(aio_is_connecting)     \
    X(aio_is_ready)          \
    X(aio_is_dead)           \
    X(aio_is_closed)         \
    X(aio_disconnect)        \
    X(aio_pread)             \
    X(aio_pwrite)            \
    X(aio_flush)             \
    X(aio_zero)              \
    X(aio_command_completed) \
    X(poll)                  \
    X(get_errno)             \
    X(get_size)              \
    X(get_block_size)        \
    X(is_read_only)          \
    X(can_flush)             \
    X(can_fua)               \
    X(can_zero)

#define NBD_CALL_MEMBER(name) __typeof__(&nbd_##name) name;

/* libnbd's functions, nbd_create and so on. */
struct dev_nbd_calls {
    NBD_CALLS(NBD_CALL_MEMBER)
};

struct dev_nbd {
    struct dev dev;
    struct alloc *alloc;
    struct dev_nbd_calls calls;
    struct nbd_handle *handle; /* NULL: given up */
    uint32_t patience_ms;
    bool can_flush;
    bool can_fua;
    bool can_zero;
    uint8_t gathered[DEV_MOST_BLOCKS * DEV_BLOCK_BYTES]; /* of a write of several spans */
};

static struct dev_nbd *dev_nbd_of(struct dev *dev)
{
    return container_of(dev, struct dev_nbd, dev);
}

/* ---- libnbd ---- */

static bool dev_nbd_find_call(void *library, const char *name, void *call)
{
    void *symbol = dlsym(library, name);

    /* ISO C knows no cast between data and function pointers; POSIX promises they look alike. */
    memcpy(call, &symbol, sizeof symbol);
    return symbol != NULL;
}

#define NBD_FIND_CALL(name) all = dev_nbd_find_call(library, "nbd_" #name, &calls->name) && all;

/* Once loaded it stays: what it keeps per thread could not be freed after an unloading. */
static int dev_nbd_find_library(struct dev_nbd_calls *calls)
{
    void *library = dlopen(NBD_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    bool all = library != NULL;

    if (all) {
        NBD_CALLS(NBD_FIND_CALL)
    }
    return all ? 0 : -ENOTSUP;
}

/* ---- waiting ---- */

static int64_t dev_nbd_host_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Lets the connection go on; false: the time is up. A connection that breaks is seen elsewhere. */
static bool dev_nbd_go_on(struct dev_nbd *nbd, int64_t until_ms)
{
    int64_t left_ms = until_ms - dev_nbd_host_ms();

    return left_ms > 0 && nbd->calls.poll(nbd->handle, (int)left_ms) != 0;
}

static void dev_nbd_give_up(struct dev_nbd *nbd)
{
    nbd->calls.close(nbd->handle);
    nbd->handle = NULL;
}

/* Waits for a command that was just given; `cookie` < 0: it was not taken. 0, -EIO or -ENOSPC. */
static int dev_nbd_wait(struct dev_nbd *nbd, int64_t cookie)
{
    int64_t until_ms = dev_nbd_host_ms() + nbd->patience_ms;
    int done = cookie < 0 ? -1 : 0;

    while (done == 0) {
        done = nbd->calls.aio_command_completed(nbd->handle, (uint64_t)cookie);
        if (done == 0 && !dev_nbd_go_on(nbd, until_ms)) {
            dev_nbd_give_up(nbd);
            return -EIO;
        }
    }
    if (done > 0)
        return 0;
    return nbd->calls.get_errno() == ENOSPC ? -ENOSPC : -EIO;
}

/* ---- requests ---- */

static int dev_nbd_read(struct dev *dev, uint64_t block, uint32_t count, void *bytes)
{
    struct dev_nbd *nbd = dev_nbd_of(dev);

    if (nbd->handle == NULL)
        return -EIO;
    return dev_nbd_wait(nbd,
                        nbd->calls.aio_pread(nbd->handle, bytes, (size_t)count * DEV_BLOCK_BYTES,
                                             block * DEV_BLOCK_BYTES, NBD_NULL_COMPLETION, 0));
}

/* A server that knows no flush has nothing to flush, says the protocol. */
static int dev_nbd_flush(struct dev *dev)
{
    struct dev_nbd *nbd = dev_nbd_of(dev);

    if (nbd->handle == NULL)
        return -EIO;
    if (!nbd->can_flush)
        return 0;
    return dev_nbd_wait(nbd, nbd->calls.aio_flush(nbd->handle, NBD_NULL_COMPLETION, 0));
}

/* libnbd takes one buffer. */
static const void *dev_nbd_gather(struct dev_nbd *nbd, const struct dev_span *spans,
                                  uint32_t span_count)
{
    uint8_t *to = nbd->gathered;

    if (span_count == 1)
        return spans[0].bytes;
    for (uint32_t i = 0; i < span_count; i++) {
        memcpy(to, spans[i].bytes, (size_t)spans[i].blocks * DEV_BLOCK_BYTES);
        to += (size_t)spans[i].blocks * DEV_BLOCK_BYTES;
    }
    return nbd->gathered;
}

static int dev_nbd_write(struct dev *dev, uint64_t block, const struct dev_span *spans,
                         uint32_t span_count, unsigned flags)
{
    struct dev_nbd *nbd = dev_nbd_of(dev);
    size_t bytes = dev_span_blocks(spans, span_count) * DEV_BLOCK_BYTES;
    bool fua = (flags & DEV_FUA) != 0;
    int err;

    if (nbd->handle == NULL)
        return -EIO;
    err =
        dev_nbd_wait(nbd, nbd->calls.aio_pwrite(nbd->handle, dev_nbd_gather(nbd, spans, span_count),
                                                bytes, block * DEV_BLOCK_BYTES, NBD_NULL_COMPLETION,
                                                fua && nbd->can_fua ? LIBNBD_CMD_FLAG_FUA : 0));
    return err == 0 && fua && !nbd->can_fua ? dev_nbd_flush(dev) : err;
}

static int dev_nbd_zero(struct dev *dev, uint64_t block, uint32_t count)
{
    struct dev_nbd *nbd = dev_nbd_of(dev);
    int err = 0;

    if (!nbd->can_zero)
        return -ENOTSUP;
    while (count > 0 && err == 0) {
        uint32_t piece = count < NBD_ZERO_BLOCKS ? count : NBD_ZERO_BLOCKS;

        if (nbd->handle == NULL)
            return -EIO;
        err =
            dev_nbd_wait(nbd, nbd->calls.aio_zero(nbd->handle, (uint64_t)piece * DEV_BLOCK_BYTES,
                                                  block * DEV_BLOCK_BYTES, NBD_NULL_COMPLETION, 0));
        block += piece;
        count -= piece;
    }
    return err;
}

/* Says good-bye, but waits for no server that does not answer. */
static void dev_nbd_destroy(struct dev *dev)
{
    struct dev_nbd *nbd = dev_nbd_of(dev);
    int64_t until_ms = dev_nbd_host_ms() + NBD_FAREWELL_MS;

    if (nbd->handle != NULL) {
        if (nbd->calls.aio_is_ready(nbd->handle) > 0 &&
            nbd->calls.aio_disconnect(nbd->handle, 0) == 0)
            while (nbd->calls.aio_is_closed(nbd->handle) == 0 &&
                   nbd->calls.aio_is_dead(nbd->handle) == 0 && dev_nbd_go_on(nbd, until_ms))
                continue;
        dev_nbd_give_up(nbd);
    }
    alloc_release(nbd->alloc, nbd);
}

static const struct dev_ops dev_nbd_ops = {
    .read = dev_nbd_read,
    .write = dev_nbd_write,
    .flush = dev_nbd_flush,
    .destroy = dev_nbd_destroy,
    .zero = dev_nbd_zero,
};

/* ---- opening ---- */

static int dev_nbd_connect(struct dev_nbd *nbd, const char *uri)
{
    int64_t until_ms = dev_nbd_host_ms() + nbd->patience_ms;
    int err;

    if (nbd->calls.aio_connect_uri(nbd->handle, uri) == 0) {
        while (nbd->calls.aio_is_connecting(nbd->handle) > 0 && dev_nbd_go_on(nbd, until_ms))
            continue;
        if (nbd->calls.aio_is_ready(nbd->handle) > 0)
            return 0;
        if (nbd->calls.aio_is_connecting(nbd->handle) > 0)
            return -EIO;
    }
    err = nbd->calls.get_errno();
    return err > 0 ? -err : -EIO;
}

/* The size and limits of the export become the device's. */
static int dev_nbd_measure(struct dev_nbd *nbd)
{
    int64_t bytes = nbd->calls.get_size(nbd->handle);
    int64_t least = nbd->calls.get_block_size(nbd->handle, LIBNBD_SIZE_MINIMUM);
    int64_t most = nbd->calls.get_block_size(nbd->handle, LIBNBD_SIZE_MAXIMUM);

    if (bytes <= 0 || bytes % DEV_BLOCK_BYTES != 0 || least < 0 || most < 0)
        return -EINVAL;
    if ((least > 0 && DEV_BLOCK_BYTES % least != 0) || (most > 0 && most < DEV_BLOCK_BYTES))
        return -EINVAL;
    dev_init(&nbd->dev, &dev_nbd_ops, (uint64_t)bytes / DEV_BLOCK_BYTES);
    if (most > 0 && most / DEV_BLOCK_BYTES < DEV_MOST_BLOCKS)
        nbd->dev.most_blocks = (uint32_t)(most / DEV_BLOCK_BYTES);
    nbd->dev.read_only = nbd->calls.is_read_only(nbd->handle) > 0;
    nbd->can_flush = nbd->calls.can_flush(nbd->handle) > 0;
    nbd->can_fua = nbd->calls.can_fua(nbd->handle) > 0;
    nbd->can_zero = nbd->calls.can_zero(nbd->handle) > 0;
    return 0;
}

int dev_nbd_open_within(struct alloc *a, const char *uri, uint32_t patience_ms, struct dev **out)
{
    struct dev_nbd *nbd = alloc_zeroed(a, sizeof *nbd);
    int err;

    if (nbd == NULL)
        return -ENOMEM;
    nbd->alloc = a;
    nbd->patience_ms = patience_ms;
    err = dev_nbd_find_library(&nbd->calls);
    if (err == 0) {
        nbd->handle = nbd->calls.create();
        err = nbd->handle == NULL ? -ENOMEM : dev_nbd_connect(nbd, uri);
    }
    if (err == 0)
        err = dev_nbd_measure(nbd);
    if (err != 0) {
        if (nbd->handle != NULL)
            dev_nbd_give_up(nbd);
        alloc_release(a, nbd);
        return err;
    }
    *out = &nbd->dev;
    return 0;
}

#else

int dev_nbd_open_within(struct alloc *a, const char *uri, uint32_t patience_ms, struct dev **out)
{
    (void)a;
    (void)uri;
    (void)patience_ms;
    (void)out;
    return -ENOTSUP;
}

#endif

int dev_nbd_open(struct alloc *a, const char *uri, struct dev **out)
{
    return dev_nbd_open_within(a, uri, DEV_NBD_PATIENCE_MS, out);
}
