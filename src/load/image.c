/*
 * Images: making, opening, listing, reading, checking. See <mapwalk/image.h>.
 *
 * Layer 8. An open image is a device, its lock, and a volume on it. Copying is in image_import.c and
 * image_export.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/dev_image.h"
#include "load/image_inner.h"

#define IMAGE_READ_PAGES 64u

int mw_image_create(const char *file, uint64_t bytes, bool journal)
{
    struct dev_image_options options = {.create_bytes = bytes};
    struct alloc alloc = {0};
    struct dev *dev;
    int err;

    if (bytes == 0)
        return -EINVAL; /* to dev_image_open, 0 means a file that is there */
    err = dev_image_open(&alloc, file, &options, &dev);
    if (err != 0)
        return err;
    err = volume_format_with(&alloc, dev, journal);
    if (err != 0)
        unlink(file); /* while it is still locked: it is ours */
    dev_destroy(dev);
    return err;
}

/* ---- opening ---- */

static int image_mount(struct mw_image *image, bool writable)
{
    return writable ? volume_mount(&image->alloc, image->dev, &image->volume)
                    : volume_mount_read_only(&image->alloc, image->dev, &image->volume);
}

static int image_open_device(struct mw_image *image, const char *file, bool writable)
{
    struct dev_image_options options = {.read_only = !writable};
    struct stat status;

    if (stat(file, &status) < 0)
        return -errno;
    image->host_device = status.st_dev;
    image->host_inode = status.st_ino;
    return S_ISDIR(status.st_mode) ? -EISDIR
                                   : dev_image_open(&image->alloc, file, &options, &image->dev);
}

int mw_image_open(const char *file, bool writable, struct mw_image **out, char why[MW_IMAGE_WHY])
{
    struct mw_image *image = calloc(1, sizeof *image);
    char reason[MW_IMAGE_WHY];
    int err;

    if (image == NULL)
        return -ENOMEM;
    err = image_open_device(image, file, writable);
    if (err == -EINVAL)
        snprintf(reason, sizeof reason, "not a file whose size is a multiple of 1 KiB");
    else if (err != 0)
        snprintf(reason, sizeof reason, "%s", image_reason(err));
    else {
        err = image_mount(image, writable);
        if (err != 0) {
            volume_explain(image->dev, err, reason, sizeof reason);
            dev_destroy(image->dev);
        }
    }
    if (err != 0) {
        if (why != NULL)
            memcpy(why, reason, sizeof reason);
        free(image);
        return err;
    }
    *out = image;
    return 0;
}

int mw_image_close(struct mw_image *image)
{
    int err;

    if (image == NULL)
        return 0;
    err = volume_unmount(image->volume);
    dev_destroy(image->dev);
    free(image);
    return err;
}

/* ---- listing ---- */

/* What the handler is told of the thing at `path`. */
static int image_tell_entry(struct mw_image *image, const char *path, const char *name,
                            mw_image_entry_handler *handler, void *context)
{
    char target[IMAGE_PATH_BYTES];
    struct volume_stat status;
    struct mw_image_entry entry;
    int err = volume_stat(image->volume, path, &status);

    if (err == 0 && status.kind == VOLUME_SYMLINK)
        err = volume_read_symlink(image->volume, path, target, sizeof target);
    if (err != 0)
        return err;
    entry = (struct mw_image_entry){.name = name,
                                    .target = status.kind == VOLUME_SYMLINK ? target : NULL,
                                    .kind = (enum mw_image_kind)status.kind,
                                    .number = status.number,
                                    .links = status.links,
                                    .mode = status.mode,
                                    .bytes = status.bytes,
                                    .blocks_512 = status.blocks_512};
    return handler(context, &entry);
}

static int image_list_directory(struct mw_image *image, struct image_path *path,
                                mw_image_entry_handler *handler, void *context)
{
    struct image_names names;
    bool damaged;
    int err = image_names_load(image, path->text, &names, &damaged);

    for (size_t i = 0; i < names.count && err == 0; i++) {
        size_t length;

        err = image_path_push(path, names.names[i], &length);
        if (err != 0)
            break;
        err = image_tell_entry(image, path->text, names.names[i], handler, context);
        image_path_pop(path, length);
        if (err == -EUCLEAN) {
            damaged = true;
            err = 0;
        }
    }
    image_names_free(&image->alloc, &names);
    return err == 0 && damaged ? -EUCLEAN : err;
}

int mw_image_list(struct mw_image *image, const char *path, mw_image_entry_handler *handler,
                  void *context)
{
    struct volume_stat status;
    struct image_path walk;
    int err = volume_stat(image->volume, path, &status);

    if (err == 0)
        err = image_path_set(&walk, path);
    if (err != 0)
        return err;
    if (status.kind == VOLUME_DIRECTORY)
        return image_list_directory(image, &walk, handler, context);
    return image_tell_entry(image, path, strrchr(walk.text, '/') + 1, handler, context);
}

/* ---- reading ---- */

static int image_read_pieces(struct inode *ino, uint8_t *bytes, mw_image_bytes_handler *handler,
                             void *context)
{
    uint64_t size = inode_bytes(ino);
    int err = 0;

    for (uint64_t at = 0; at < size && err == 0; at += IMAGE_READ_PAGES * FS_PAGE_BYTES) {
        uint64_t count = size - at;

        if (count > IMAGE_READ_PAGES * FS_PAGE_BYTES)
            count = IMAGE_READ_PAGES * FS_PAGE_BYTES;
        err = inode_read_pages(ino, at / FS_PAGE_BYTES, IMAGE_READ_PAGES, bytes, NULL);
        if (err == 0)
            err = handler(context, bytes, count);
    }
    return err;
}

int mw_image_read(struct mw_image *image, const char *path, mw_image_bytes_handler *handler,
                  void *context)
{
    struct inode *ino;
    uint8_t *bytes;
    int err = inode_open(image->volume, path, &ino);

    if (err != 0)
        return err;
    bytes = alloc_zeroed(&image->alloc, IMAGE_READ_PAGES * FS_PAGE_BYTES);
    err = bytes == NULL ? -ENOMEM : inode_check_blocks(ino);
    if (err == 0)
        err = image_read_pieces(ino, bytes, handler, context);
    alloc_release(&image->alloc, bytes);
    inode_put(ino);
    return err;
}

/* ---- the whole ---- */

static void image_tell_finding(void *context, const char *what, const char *why)
{
    const struct mw_image_copying *copying = context;

    if (copying != NULL && copying->complain != NULL)
        copying->complain(copying->context, what, why);
}

int64_t mw_image_check(struct mw_image *image, const struct mw_image_copying *copying)
{
    return volume_audit(image->volume, image_tell_finding, (void *)(uintptr_t)copying);
}

void mw_image_space(const struct mw_image *image, struct mw_image_space *out)
{
    *out = (struct mw_image_space){.bytes = image->dev->blocks * DEV_BLOCK_BYTES,
                                   .free_bytes = volume_free_pages(image->volume) * FS_PAGE_BYTES};
}
