/*
 * Block devices outside the simulator: an image file on the host, and a network block device.
 *
 * Layer 3. What they hold outlives the process; their time is the simulated one of dev_latency.h,
 * never the host's.
 */
#ifndef MAPWALK_DEV_DEV_IMAGE_H
#define MAPWALK_DEV_DEV_IMAGE_H

#include "dev/dev.h"

struct dev_image_options {
    uint64_t
        create_bytes; /* > 0: makes a new sparse file of that size; -EEXIST when there is one */
    bool read_only;
    bool direct; /* O_DIRECT: past the host's page cache */
};

/*
 * Opens an image file (NULL options: all 0), and locks it for as long as the device lives: against
 * everybody, or when read_only against writers. (An open-file-description lock: it also keeps out a
 * second device of this process, and goes with the process. Programs that do not ask for locks are
 * not kept out.)
 *
 * A flush is fdatasync. Once one has failed, the host may have dropped what it could not write and
 * will not tell again: every later flush of this device fails, too.
 *
 * -EBUSY: locked by another; -EINVAL: no regular file, or its size (or create_bytes) is 0 or no
 * multiple of a block (with direct: of 4096); -ENOTSUP: direct, and the host's file system cannot;
 * -ENOMEM; otherwise what open(2) reports. A file that could not be made completely is removed.
 */
MUST_CHECK int dev_image_open(struct alloc *a, const char *path,
                              const struct dev_image_options *options, struct dev **out);

/*
 * Opens an export of an NBD server: "nbd://host/export", "nbd+unix:///export?socket=PATH" and
 * whatever else libnbd takes. A server that dies, or takes longer than DEV_NBD_PATIENCE_MS of host
 * time for one request, makes this and every later request -EIO. (dev_nbd_open_within: than
 * patience_ms.)
 *
 * -ENOTSUP: libnbd was not there when this was built, or is not where it runs; -EINVAL: no such
 * URI, or a size that is 0 or no multiple of a block, or only larger blocks; -ENOMEM; otherwise
 * what the connection reports (-ECONNREFUSED, -ENOENT...), -EIO when it does not say.
 */
#define DEV_NBD_PATIENCE_MS 30000
MUST_CHECK int dev_nbd_open(struct alloc *a, const char *uri, struct dev **out);
MUST_CHECK int dev_nbd_open_within(struct alloc *a, const char *uri, uint32_t patience_ms,
                                   struct dev **out);

#endif
