/*
 * What the files of images share. Layer 8, private to load.
 */
#ifndef MAPWALK_LOAD_IMAGE_INNER_H
#define MAPWALK_LOAD_IMAGE_INNER_H

#include <mapwalk/image.h>
#include <sys/types.h>

#include "base/alloc.h"
#include "fs/volume.h"

#define IMAGE_PATH_BYTES 4096u /* as fs and the host have it, with the zero */

struct mw_image {
    struct alloc alloc;
    struct dev *dev;
    struct volume *volume;
    dev_t host_device; /* of the image file: it does not go into itself */
    ino_t host_inode;
};

/* Names of one directory, by their bytes. */
struct image_names {
    char **names;
    size_t count;
    size_t room;
};

/* Copies the name. -ENOMEM. */
MUST_CHECK int image_names_add(struct alloc *a, struct image_names *names, const char *name);
void image_names_sort(struct image_names *names);
void image_names_free(struct alloc *a, struct image_names *names);

/*
 * The names of a directory of the image, sorted. *damaged: there were others that cannot be. An
 * error: none at all.
 */
MUST_CHECK int image_names_load(struct mw_image *image, const char *path, struct image_names *names,
                                bool *damaged);

/*
 * A path that is walked down and up again. Appending a component gives back the length to return
 * to.
 */
struct image_path {
    size_t length;
    char text[IMAGE_PATH_BYTES];
};

/* Without slashes at its end, but for "/" itself. -ENAMETOOLONG. */
MUST_CHECK int image_path_set(struct image_path *path, const char *text);
MUST_CHECK int image_path_push(struct image_path *path, const char *name, size_t *length);
void image_path_pop(struct image_path *path, size_t length);

/*
 * Names of files that were copied and have more than one, to make links of the others. The first
 * path that a (device, number) was met at.
 */
struct image_links {
    struct image_link *links;
    size_t count;
    size_t room;
};

struct image_link {
    uint64_t device;
    uint64_t number;
    char *path;
};

/* NULL: not met before. */
const char *image_links_find(const struct image_links *links, uint64_t device, uint64_t number);
MUST_CHECK int image_links_add(struct alloc *a, struct image_links *links, uint64_t device,
                               uint64_t number, const char *path);
void image_links_free(struct alloc *a, struct image_links *links);

/* What an import and an export do with what they met. */
struct image_report {
    const struct mw_image_copying *copying; /* may be NULL */
    struct mw_image_copied *copied;
};

/* Something failed: told and counted by its kind. */
void image_report_failure(struct image_report *report, const char *what, int err);

/* Something that cannot be kept: "a socket". */
void image_report_left_out(struct image_report *report, const char *what, const char *kind);
void image_report_damage(struct image_report *report, const char *what, const char *why);
void image_report_progress(struct image_report *report);

/* What an errno of the volume means, in words. */
const char *image_reason(int err);

#endif
