/*
 * Copying from an image to the host. See <mapwalk/image.h>.
 *
 * Layer 8. The image may have been made to do harm: names that repeat, links that a later name leads
 * through, directories that contain themselves. So nothing is written by a path: each directory is
 * opened anew, component by component from the one that was named, without following links; names
 * with a slash never come this far (volume_list). Whatever is there already is replaced, not written
 * through. A file is written under a name of its own first, and renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/radix.h"
#include "load/image_inner.h"

#define EXPORT_PAGES     64u
#define EXPORT_BYTES     (EXPORT_PAGES * FS_PAGE_BYTES)
#define EXPORT_MODE_BITS 0777u
#define EXPORT_TEMPORARY ".mapwalk-export"

struct export
{
    struct mw_image *image;
    struct image_report report;
    struct image_path inside; /* absolute, in the image */
    struct image_path below;  /* the same below `root`; "" for the directory itself */
    struct image_links links;
    struct radix visited; /* directories, by their inodes */
    uint8_t *bytes;
    int root; /* the host's directory */
};

/* ---- the host's side ---- */

/*
 * Opens the directory `below` the root, whose last component may be left out. No component may be a
 * link, whoever put it there. -errno.
 */
static int export_open_below(struct export *export, const char *below, size_t length)
{
    int fd = openat(export->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (size_t at = 0, end; at < length && fd >= 0; at = end + 1) {
        char name[256];
        int next;

        for (end = at; end < length && below[end] != '/';)
            end++;
        snprintf(name, sizeof name, "%.*s", (int)(end - at), below + at);
        next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            next = -errno;
        close(fd);
        fd = next;
    }
    return fd == -1 ? -errno : fd;
}

/* Makes room for a link: what is there and no directory goes. */
static int export_clear(int directory, const char *name)
{
    return unlinkat(directory, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int export_write(int fd, const uint8_t *bytes, size_t count, uint64_t offset)
{
    while (count > 0) {
        ssize_t done = pwrite(fd, bytes, count, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        bytes += done;
        count -= (size_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

/* ---- files ---- */

/* The piece that begins at page *page, which has blocks, and ends where they end. */
static int export_copy_piece(struct export *export, int fd, struct inode *ino, uint64_t *page)
{
    uint64_t size = inode_bytes(ino);
    uint64_t offset = *page * FS_PAGE_BYTES;
    uint64_t next = *page + 1;
    uint64_t count;
    uint32_t pages = 1;
    int err = 0;

    while (pages < EXPORT_PAGES && err == 0 && inode_seek_blocks(ino, &next) == 0 &&
           next == *page + pages) {
        pages++;
        next++;
    }
    count = size - offset < (uint64_t)pages * FS_PAGE_BYTES ? size - offset
                                                            : (uint64_t)pages * FS_PAGE_BYTES;
    err = inode_read_pages(ino, *page, pages, export->bytes, NULL);
    if (err == 0)
        err = export_write(fd, export->bytes, count, offset);
    *page += pages;
    export->report.copied->bytes += err == 0 ? count : 0;
    image_report_progress(&export->report);
    return err;
}

static int export_copy_data(struct export *export, int fd, struct inode *ino)
{
    uint64_t page = 0;
    int err = inode_check_blocks(ino);

    if (err == 0 && ftruncate(fd, (off_t)inode_bytes(ino)) < 0)
        err = -errno;
    while (err == 0) {
        err = inode_seek_blocks(ino, &page);
        if (err == -ENOENT || (err == 0 && page * FS_PAGE_BYTES >= inode_bytes(ino)))
            return 0;
        if (err == 0)
            err = export_copy_piece(export, fd, ino, &page);
    }
    return err;
}

static int export_copy_file(struct export *export, int fd, uint32_t mode)
{
    struct inode *ino;
    int err = inode_open(export->image->volume, export->inside.text, &ino);

    if (err != 0)
        return err;
    err = export_copy_data(export, fd, ino);
    inode_put(ino);
    if (err == 0 && fchmod(fd, mode & EXPORT_MODE_BITS) < 0)
        err = -errno;
    return err;
}

static int export_file(struct export *export, int directory, const char *name, uint32_t mode)
{
    int err = export_clear(directory, EXPORT_TEMPORARY);
    int fd;

    if (err != 0)
        return err;
    fd = openat(directory, EXPORT_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0600);
    if (fd < 0)
        return -errno;
    err = export_copy_file(export, fd, mode);
    if (close(fd) < 0 && err == 0)
        err = -errno;
    if (err == 0 && renameat(directory, EXPORT_TEMPORARY, directory, name) < 0)
        err = -errno;
    if (err != 0)
        unlinkat(directory, EXPORT_TEMPORARY, 0);
    export->report.copied->files += err == 0;
    return err;
}

/* One more name of a file that has been copied: its directory is opened anew, as all are. */
static int export_link(struct export *export, const char *first, int directory, const char *name)
{
    const char *slash = strrchr(first, '/');
    int from = export_open_below(export, first, slash == NULL ? 0 : (size_t)(slash - first));
    int err = from < 0 ? from : export_clear(directory, name);

    if (err == 0 && linkat(from, slash == NULL ? first : slash + 1, directory, name, 0) < 0)
        err = -errno;
    if (from >= 0)
        close(from);
    export->report.copied->hard_links += err == 0;
    return err;
}

static int export_any_file(struct export *export, int directory, const char *name,
                           const struct volume_stat *status)
{
    const char *first = NULL;
    int err;

    if (status->links > 1)
        first = image_links_find(&export->links, 0, status->number);
    if (first != NULL)
        return export_link(export, first, directory, name);
    err = export_file(export, directory, name, status->mode);
    if (err == 0 && status->links > 1)
        err = image_links_add(&export->image->alloc, &export->links, 0, status->number,
                              export->below.text);
    return err;
}

static int export_symlink(struct export *export, int directory, const char *name)
{
    char target[IMAGE_PATH_BYTES];
    int err =
        volume_read_symlink(export->image->volume, export->inside.text, target, sizeof target);

    if (err == 0)
        err = export_clear(directory, name);
    if (err == 0 && symlinkat(target, directory, name) < 0)
        err = -errno;
    export->report.copied->symlinks += err == 0;
    return err;
}

/* ---- directories ---- */

/* What is not a directory is copied; of directories only the name is made. */
static int export_thing(struct export *export, int directory, const char *name,
                        struct volume_stat *status)
{
    int err = volume_stat(export->image->volume, export->inside.text, status);

    if (err != 0)
        return err;
    switch (status->kind) {
    case VOLUME_FILE:
        return export_any_file(export, directory, name, status);
    case VOLUME_SYMLINK:
        return export_symlink(export, directory, name);
    case VOLUME_DIRECTORY:
        if (mkdirat(directory, name, 0755) == 0)
            export->report.copied->directories++;
        else if (errno != EEXIST)
            return -errno;
        return 0;
    case VOLUME_OTHER:
        image_report_left_out(&export->report, export->inside.text,
                              "left out: a device, a fifo or a socket");
        break;
    }
    return 0;
}

struct export_step {
    size_t inside;
    size_t below;
};

static int export_enter(struct export *export, const char *name, struct export_step *step)
{
    int err = image_path_push(&export->inside, name, &step->inside);

    if (err != 0)
        return err;
    err = image_path_push(&export->below, name, &step->below);
    if (err != 0)
        image_path_pop(&export->inside, step->inside);
    return err;
}

static void export_leave(struct export *export, const struct export_step *step)
{
    image_path_pop(&export->inside, step->inside);
    image_path_pop(&export->below, step->below);
}

static void export_directory(struct export *export, const struct volume_stat *status);

/*
 * One name of a directory. On the first pass (directory >= 0) it is copied or made, on the second
 * entered: so no more than one directory is open at a time, however deep they are. Is it one that
 * can be entered?
 */
static bool export_child(struct export *export, int directory, const char *name)
{
    struct volume_stat status = {.kind = VOLUME_OTHER};
    struct export_step step;
    int err = export_enter(export, name, &step);

    if (err != 0) {
        image_report_failure(&export->report, export->inside.text, err);
        return false;
    }
    if (directory >= 0)
        err = export_thing(export, directory, name, &status);
    else {
        err = volume_stat(export->image->volume, export->inside.text, &status);
        if (err == 0)
            export_directory(export, &status);
    }
    if (err != 0)
        image_report_failure(&export->report, export->inside.text, err);
    export_leave(export, &step);
    return err == 0 && status.kind == VOLUME_DIRECTORY;
}

static int export_names(struct export *export, struct image_names *names)
{
    size_t directories = 0;
    int directory = export_open_below(export, export->below.text, export->below.length);

    if (directory < 0)
        return directory;
    for (size_t i = 0; i < names->count; i++)
        if (export_child(export, directory, names->names[i])) {
            char *name = names->names[i];

            names->names[i] = names->names[directories];
            names->names[directories++] = name;
        }
    close(directory);
    for (size_t i = 0; i < directories; i++)
        (void)export_child(export, -1, names->names[i]);
    return 0;
}

/* Last, because a directory that must not be written has to be filled first. */
static int export_set_mode(struct export *export, uint32_t mode)
{
    int directory = export_open_below(export, export->below.text, export->below.length);
    int err = directory < 0 ? directory : 0;

    if (err == 0 && fchmod(directory, mode & EXPORT_MODE_BITS) < 0)
        err = -errno;
    if (directory >= 0)
        close(directory);
    return err;
}

/* Damaged directories may contain themselves, or each other: each is entered once. */
static void export_directory(struct export *export, const struct volume_stat *status)
{
    struct image_names names = {0};
    bool damaged = false;
    int err;

    if (radix_get(&export->visited, status->number) != NULL) {
        image_report_damage(&export->report, export->inside.text,
                            "damaged: a directory with two names");
        return;
    }
    err = radix_insert(&export->visited, status->number, export);
    if (err == 0)
        err = image_names_load(export->image, export->inside.text, &names, &damaged);
    if (err == 0)
        err = export_names(export, &names);
    if (err == 0 && export->below.length > 0)
        err = export_set_mode(export, status->mode);
    image_names_free(&export->image->alloc, &names);
    if (err == 0 && damaged)
        err = -EUCLEAN;
    if (err != 0)
        image_report_failure(&export->report, export->inside.text, err);
}

/* ---- the top ---- */

static int export_top_directory(struct export *export, const struct volume_stat *status,
                                const char *to)
{
    if (mkdir(to, 0755) == 0)
        export->report.copied->directories++;
    export->root = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (export->root < 0)
        image_report_failure(&export->report, to, -errno);
    else
        export_directory(export, status);
    return 0;
}

/* A single file: `to` is its name, whose directory is there. What fails, fails on the host. */
static int export_top_file(struct export *export, const struct volume_stat *status, const char *to)
{
    const char *slash = strrchr(to, '/');
    struct image_path directory;
    int err = image_path_set(&directory, to);

    if (err != 0)
        return err;
    image_path_pop(&directory, slash == NULL ? 0 : slash == to ? 1 : (size_t)(slash - to));
    if (status->kind != VOLUME_FILE)
        return status->kind == VOLUME_SYMLINK ? -ELOOP : -ENXIO;
    export->root = open(slash == NULL ? "." : directory.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = export->root < 0 ? -errno : 0;
    if (err == 0)
        err = export_file(export, export->root, slash == NULL ? to : slash + 1, status->mode);
    if (err != 0)
        image_report_failure(&export->report, to, err);
    return 0;
}

static int export_top(struct export *export, const char *path, const char *to)
{
    struct volume_stat status;
    int err = volume_stat(export->image->volume, path, &status);

    if (err == 0)
        err = image_path_set(&export->inside, path);
    if (err != 0)
        return err;
    if (status.kind == VOLUME_DIRECTORY)
        return export_top_directory(export, &status, to);
    return export_top_file(export, &status, to);
}

int mw_image_export(struct mw_image *image, const char *path, const char *to,
                    const struct mw_image_copying *copying, struct mw_image_copied *copied)
{
    struct alloc *a = &image->alloc;
    struct export *export = alloc_zeroed(a, sizeof *export);
    int err;

    *copied = (struct mw_image_copied){0};
    if (export == NULL)
        return -ENOMEM;
    export->image = image;
    export->report = (struct image_report){copying, copied};
    export->root = -1;
    radix_init(&export->visited, a);
    export->bytes = alloc_zeroed(a, EXPORT_BYTES);
    err = export->bytes == NULL ? -ENOMEM : export_top(export, path, to);
    if (export->root >= 0)
        close(export->root);
    image_links_free(a, &export->links);
    radix_destroy(&export->visited);
    alloc_release(a, export->bytes);
    alloc_release(a, export);
    return err;
}
