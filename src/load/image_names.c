/*
 * Lists of names, paths, links, reports: what copying into and out of images needs. See
 * image_inner.h.
 *
 * Layer 8. A directory's names are read as a whole and sorted before anything is done with them, so
 * that neither the host's order nor the image's decides what comes out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/image_inner.h"

/* ---- names ---- */

int image_names_add(struct alloc *a, struct image_names *names, const char *name)
{
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 64 : 2 * names->room;
        char **more = alloc_resize(a, names->names, room * sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        names->names = more;
        names->room = room;
    }
    names->names[names->count] = alloc_string(a, name);
    if (names->names[names->count] == NULL)
        return -ENOMEM;
    names->count++;
    return 0;
}

static int image_names_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void image_names_sort(struct image_names *names)
{
    if (names->count > 1)
        qsort(names->names, names->count, sizeof *names->names, image_names_compare);
}

void image_names_free(struct alloc *a, struct image_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        alloc_release(a, names->names[i]);
    alloc_release(a, names->names);
    *names = (struct image_names){0};
}

int image_names_load(struct mw_image *image, const char *path, struct image_names *names,
                     bool *damaged)
{
    struct volume_entry entry;
    uint64_t cursor = 0;
    int err;

    *names = (struct image_names){0};
    *damaged = false;
    do {
        uint64_t before = cursor;

        err = volume_list(image->volume, path, &cursor, &entry);
        if (err == 0)
            err = image_names_add(&image->alloc, names, entry.name);
        /* A bad entry is passed over; behind a bad block there is nothing to be found. */
        if (err == -EUCLEAN) {
            *damaged = true;
            err = cursor > before ? 0 : -ENOENT;
        }
    } while (err == 0);
    image_names_sort(names);
    if (err == -ENOENT && (names->count > 0 || cursor > 0 || *damaged))
        return 0;
    image_names_free(&image->alloc, names);
    return err;
}

/* ---- paths ---- */

int image_path_set(struct image_path *path, const char *text)
{
    size_t length = strlen(text);

    if (length >= sizeof path->text)
        return -ENAMETOOLONG;
    memcpy(path->text, text, length + 1);
    while (length > 1 && path->text[length - 1] == '/')
        path->text[--length] = '\0';
    path->length = length;
    return 0;
}

int image_path_push(struct image_path *path, const char *name, size_t *length)
{
    size_t slash = path->length > 0 && path->text[path->length - 1] != '/';
    size_t name_bytes = strlen(name);

    *length = path->length;
    if (path->length + slash + name_bytes >= sizeof path->text)
        return -ENAMETOOLONG;
    if (slash)
        path->text[path->length++] = '/';
    memcpy(path->text + path->length, name, name_bytes + 1);
    path->length += name_bytes;
    return 0;
}

void image_path_pop(struct image_path *path, size_t length)
{
    path->length = length;
    path->text[length] = '\0';
}

/* ---- links ---- */

const char *image_links_find(const struct image_links *links, uint64_t device, uint64_t number)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->links[i].number == number && links->links[i].device == device)
            return links->links[i].path;
    return NULL;
}

int image_links_add(struct alloc *a, struct image_links *links, uint64_t device, uint64_t number,
                    const char *path)
{
    char *copy;

    if (links->count == links->room) {
        size_t room = links->room == 0 ? 16 : 2 * links->room;
        struct image_link *more = alloc_resize(a, links->links, room * sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        links->links = more;
        links->room = room;
    }
    copy = alloc_string(a, path);
    if (copy == NULL)
        return -ENOMEM;
    links->links[links->count++] = (struct image_link){device, number, copy};
    return 0;
}

void image_links_free(struct alloc *a, struct image_links *links)
{
    for (size_t i = 0; i < links->count; i++)
        alloc_release(a, links->links[i].path);
    alloc_release(a, links->links);
    *links = (struct image_links){0};
}

/* ---- reports ---- */

const char *image_reason(int err)
{
    switch (err) {
    case -EUCLEAN:
        return "damaged (e2fsck may repair it)";
    case -ELOOP:
        return "a symbolic link, which is not followed";
    case -ENXIO:
        return "neither a file nor a directory";
    case -ESTALE:
        return "changed while it was being read";
    case -EBUSY:
        return "in use by another program";
    default:
        return strerror(-err);
    }
}

static void image_report_tell(struct image_report *report, const char *what, const char *why)
{
    if (report->copying != NULL && report->copying->complain != NULL)
        report->copying->complain(report->copying->context, what, why);
}

void image_report_failure(struct image_report *report, const char *what, int err)
{
    if (err == -ENOSPC || err == -EDQUOT)
        report->copied->no_room++;
    else if (err == -EUCLEAN)
        report->copied->damaged++;
    else
        report->copied->failed++;
    image_report_tell(report, what, image_reason(err));
}

void image_report_left_out(struct image_report *report, const char *what, const char *kind)
{
    report->copied->left_out++;
    image_report_tell(report, what, kind);
}

void image_report_damage(struct image_report *report, const char *what, const char *why)
{
    report->copied->damaged++;
    image_report_tell(report, what, why);
}

void image_report_progress(struct image_report *report)
{
    if (report->copying != NULL && report->copying->progress != NULL)
        report->copying->progress(report->copying->context, report->copied->bytes,
                                  report->copied->files);
}
