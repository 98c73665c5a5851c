/*
 * Copying from the host into an image. See <mapwalk/image.h>.
 *
 * Layer 8. The host's tree may be anything: it is never believed to be what it was a moment ago, no
 * link is followed below the directory that was named, and nothing is opened that could block. A
 * file that fails in its middle is removed again; one that replaces another is written under a name
 * of its own first and renamed over it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/image_inner.h"

#define IMPORT_PAGES     64u
#define IMPORT_BYTES     (IMPORT_PAGES * FS_PAGE_BYTES)
#define IMPORT_MODE_BITS 0777u /* not those that need an owner to mean something */

struct import {
    struct mw_image *image;
    struct image_report report;
    struct image_path host;
    struct image_path inside;
    struct image_links links;
    uint8_t *bytes;
};

/* ---- data ---- */

/* Writes the pages of a piece that are not all zeros; the others are holes, and not counted. */
static int import_write_piece(struct import *import, struct inode *ino, uint64_t offset,
                              uint64_t count)
{
    static const uint8_t zeros[FS_PAGE_BYTES];
    const uint8_t *bytes = import->bytes;
    uint32_t pages = (uint32_t)((count + FS_PAGE_BYTES - 1) / FS_PAGE_BYTES);
    int err = 0;

    for (uint32_t start = 0, end; start < pages && err == 0; start = end) {
        bool hole = memcmp(bytes + (size_t)start * FS_PAGE_BYTES, zeros, FS_PAGE_BYTES) == 0;

        for (end = start + 1; end < pages; end++)
            if ((memcmp(bytes + (size_t)end * FS_PAGE_BYTES, zeros, FS_PAGE_BYTES) == 0) != hole)
                break;
        if (hole)
            continue;
        err = inode_write_pages(ino, offset / FS_PAGE_BYTES + start, end - start,
                                bytes + (size_t)start * FS_PAGE_BYTES);
        import->report.copied->bytes += (end == pages ? count : (uint64_t)end * FS_PAGE_BYTES) -
                                        (uint64_t)start * FS_PAGE_BYTES;
    }
    return err;
}

/* As many bytes as there are, up to `count`; short only at the end of the file. */
static ssize_t import_read(int fd, uint8_t *bytes, size_t count, uint64_t offset)
{
    size_t done = 0;

    while (done < count) {
        ssize_t got = pread(fd, bytes + done, count - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* One piece at a page's border. *count: what there was. */
static int import_copy_piece(struct import *import, int fd, struct inode *ino, uint64_t offset,
                             uint64_t limit, uint64_t *count)
{
    uint64_t wanted = limit - offset < IMPORT_BYTES ? limit - offset : IMPORT_BYTES;
    ssize_t got = import_read(fd, import->bytes, wanted, offset);
    int err = got < 0 ? (int)got : 0;

    *count = got < 0 ? 0 : (uint64_t)got;
    if (err != 0 || got == 0)
        return err;
    memset(import->bytes + got, 0, IMPORT_BYTES - (size_t)got);
    if (offset + *count > inode_bytes(ino))
        err = inode_set_bytes(ino, offset + *count);
    if (err == 0)
        err = import_write_piece(import, ino, offset, *count);
    image_report_progress(&import->report);
    return err;
}

/*
 * The next bytes at or behind *offset that are not a hole, at a page's border; false: none. Where
 * the host's file system cannot tell, all is data.
 */
static bool import_seek_data(int fd, uint64_t *offset)
{
    off_t data = lseek(fd, (off_t)*offset, SEEK_DATA);

    if (data < 0)
        return errno != ENXIO;
    if ((uint64_t)data > *offset)
        *offset = (uint64_t)data - (uint64_t)data % FS_PAGE_BYTES;
    return true;
}

/*
 * A file of size 0 may have bytes all the same (those of /proc): it is read to its end. Others are
 * what they were when they were opened, and a shorter one is no file that ever was.
 */
static int import_copy_data(struct import *import, int fd, struct inode *ino, uint64_t bytes)
{
    uint64_t limit = bytes == 0 ? INT64_MAX - IMPORT_BYTES : bytes;
    uint64_t offset = 0;
    int err = inode_set_bytes(ino, bytes);

    while (err == 0 && offset < limit && import_seek_data(fd, &offset) && offset < limit) {
        uint64_t count;

        err = import_copy_piece(import, fd, ino, offset, limit, &count);
        offset += count;
        if (err == 0 && count < IMPORT_BYTES && offset < limit)
            return bytes == 0 ? 0 : -ESTALE;
    }
    return err;
}

/* ---- one file ---- */

/* Where a file is written: under its own name when that is free, else beside it. */
static int import_open_new(struct import *import, struct inode **ino, struct image_path *place,
                           bool *beside)
{
    struct volume *v = import->image->volume;
    char *slash;
    int err;

    *place = import->inside;
    *beside = false;
    err = inode_create(v, place->text, false, ino);
    slash = strrchr(place->text, '/');
    for (unsigned i = 0; err == -EEXIST && i < 1000; i++) {
        char name[40];
        size_t length;

        *beside = true;
        snprintf(name, sizeof name, ".mapwalk-import-%u", i);
        image_path_pop(place, (size_t)(slash - place->text) + (slash == place->text));
        err = image_path_push(place, name, &length);
        if (err == 0)
            err = inode_create(v, place->text, false, ino);
    }
    return err;
}

static int import_finish(struct import *import, int err, const struct image_path *place,
                         bool beside, uint32_t mode)
{
    struct volume *v = import->image->volume;
    int undone;

    if (err == 0)
        err = volume_set_mode(v, place->text, mode & IMPORT_MODE_BITS);
    if (err == 0 && beside)
        err = volume_rename(v, place->text, import->inside.text, 0);
    if (err == 0)
        return 0;
    undone = inode_unlink(v, place->text);
    return undone != 0 && err == -ENOSPC ? undone : err;
}

static int import_copy_file(struct import *import, int fd, const struct stat *status)
{
    struct image_path place;
    struct inode *ino;
    bool beside;
    uint64_t bytes_before = import->report.copied->bytes;
    int err = import_open_new(import, &ino, &place, &beside);

    if (err != 0)
        return err;
    err = import_copy_data(import, fd, ino, (uint64_t)status->st_size);
    /* It may be the host's disk that is full: what was written in vain makes room for the rest. */
    if (err == -ENOSPC && inode_zero_blocks(ino) != 0)
        err = -ENOSPC; /* no room was made, which changes nothing */
    inode_put(ino);
    err = import_finish(import, err, &place, beside, status->st_mode);
    import->report.copied->files += err == 0;
    if (err != 0)
        import->report.copied->bytes = bytes_before;
    return err;
}

/* One more name of a file that has been copied; what was there is replaced. */
static int import_link(struct import *import, const char *first)
{
    struct volume *v = import->image->volume;
    int err = volume_hard_link(v, first, import->inside.text);

    if (err == -EEXIST) {
        struct volume_stat old;
        struct volume_stat wanted;

        err = volume_stat(v, import->inside.text, &old);
        if (err == 0)
            err = volume_stat(v, first, &wanted);
        if (err == 0 && old.number == wanted.number)
            return 0;
        if (err == 0)
            err = inode_unlink(v, import->inside.text);
        if (err == 0)
            err = volume_hard_link(v, first, import->inside.text);
    }
    import->report.copied->hard_links += err == 0;
    return err;
}

static int import_opened(struct import *import, int fd)
{
    struct stat status;
    const char *first = NULL;
    int err;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -ESTALE; /* it was one a moment ago */
    if (status.st_nlink > 1)
        first = image_links_find(&import->links, status.st_dev, status.st_ino);
    if (first != NULL)
        return import_link(import, first);
    err = import_copy_file(import, fd, &status);
    if (err == 0 && status.st_nlink > 1)
        err = image_links_add(&import->image->alloc, &import->links, status.st_dev, status.st_ino,
                              import->inside.text);
    return err;
}

/* `follow`: O_NOFOLLOW or 0. */
static int import_file(struct import *import, int follow)
{
    int fd = open(import->host.text, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | follow);
    int err;

    if (fd < 0) {
        image_report_failure(&import->report, import->host.text, -errno);
        return 0;
    }
    err = import_opened(import, fd);
    close(fd);
    return err;
}

static int import_symlink(struct import *import)
{
    struct volume *v = import->image->volume;
    char target[IMAGE_PATH_BYTES];
    ssize_t length = readlink(import->host.text, target, sizeof target - 1);
    int err;

    if (length < 0)
        return -errno;
    target[length] = '\0';
    err = volume_make_symlink(v, target, import->inside.text);
    if (err == -EEXIST) {
        err = inode_unlink(v, import->inside.text);
        if (err == 0)
            err = volume_make_symlink(v, target, import->inside.text);
    }
    import->report.copied->symlinks += err == 0;
    return err;
}

/* ---- directories ---- */

static const char *import_special_kind(mode_t mode)
{
    if (S_ISSOCK(mode))
        return "left out: a socket";
    if (S_ISFIFO(mode))
        return "left out: a fifo";
    return "left out: a device";
}

static int import_directory(struct import *import, const struct stat *status);

static int import_thing(struct import *import)
{
    struct stat status;

    if (lstat(import->host.text, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return import_directory(import, &status);
    if (S_ISLNK(status.st_mode))
        return import_symlink(import);
    if (!S_ISREG(status.st_mode))
        image_report_left_out(&import->report, import->host.text,
                              import_special_kind(status.st_mode));
    else if (status.st_dev == import->image->host_device &&
             status.st_ino == import->image->host_inode)
        image_report_left_out(&import->report, import->host.text, "left out: the image itself");
    else
        return import_file(import, O_NOFOLLOW);
    return 0;
}

static int import_read_names(struct import *import, struct image_names *names)
{
    DIR *dir = opendir(import->host.text);
    const struct dirent *entry;
    int err = 0;

    *names = (struct image_names){0};
    if (dir == NULL)
        return -errno;
    for (errno = 0; err == 0 && (entry = readdir(dir)) != NULL; errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            err = image_names_add(&import->image->alloc, names, entry->d_name);
    if (err == 0)
        err = -errno;
    closedir(dir);
    image_names_sort(names);
    return err;
}

/* One thing of a directory: what fails ends there. */
static void import_child(struct import *import, const char *name)
{
    size_t host;
    size_t inside;
    int err = image_path_push(&import->host, name, &host);

    if (err != 0) {
        image_report_failure(&import->report, import->host.text, err);
        return;
    }
    err = image_path_push(&import->inside, name, &inside);
    if (err == 0) {
        err = import_thing(import);
        image_path_pop(&import->inside, inside);
    }
    if (err != 0)
        image_report_failure(&import->report, import->host.text, err);
    image_path_pop(&import->host, host);
}

/* Makes the directory, or finds it. */
static int import_make_directory(struct import *import, const struct stat *status)
{
    struct volume *v = import->image->volume;
    struct volume_stat there;
    int err = volume_make_directory(v, import->inside.text);

    if (err == 0) {
        import->report.copied->directories++;
        return volume_set_mode(v, import->inside.text, status->st_mode & IMPORT_MODE_BITS);
    }
    if (err != -EEXIST)
        return err;
    err = volume_stat(v, import->inside.text, &there);
    return err == 0 && there.kind != VOLUME_DIRECTORY ? -EEXIST : err;
}

/* A directory that cannot be read is told here; the result is about the one that is to be made. */
static int import_directory(struct import *import, const struct stat *status)
{
    struct image_names names;
    int unread = import_read_names(import, &names);
    int err = 0;

    if (unread != 0)
        image_report_failure(&import->report, import->host.text, unread);
    else
        err = import_make_directory(import, status);
    for (size_t i = 0; i < names.count && err == 0 && unread == 0; i++)
        import_child(import, names.names[i]);
    image_names_free(&import->image->alloc, &names);
    return err;
}

/* The one thing that was named may be reached by links, as every command has it. */
static int import_top(struct import *import, const char *from)
{
    struct stat status;

    if (stat(from, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return import_directory(import, &status);
    if (!S_ISREG(status.st_mode))
        return -ENXIO;
    if (status.st_dev == import->image->host_device && status.st_ino == import->image->host_inode)
        return -EINVAL;
    return import_file(import, 0);
}

int mw_image_import(struct mw_image *image, const char *from, const char *path,
                    const struct mw_image_copying *copying, struct mw_image_copied *copied)
{
    struct alloc *a = &image->alloc;
    struct import *import = alloc_zeroed(a, sizeof *import);
    int err;

    *copied = (struct mw_image_copied){0};
    if (import == NULL)
        return -ENOMEM;
    import->image = image;
    import->report = (struct image_report){copying, copied};
    import->bytes = alloc_zeroed(a, IMPORT_BYTES);
    err = import->bytes == NULL ? -ENOMEM : image_path_set(&import->host, from);
    if (err == 0)
        err = path[0] == '/' ? image_path_set(&import->inside, path) : -EINVAL;
    if (err == 0)
        err = import_top(import, from);
    image_links_free(a, &import->links);
    alloc_release(a, import->bytes);
    alloc_release(a, import);
    return err;
}
