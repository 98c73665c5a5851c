/* What is on an image: see verify.h. */
#include "power/verify.h"

#include <stdio.h>
#include <string.h>

#include "fs/volume.h"

#define READ_PAGES  16u
#define SMALL_BYTES (UINT64_C(4) << 20) /* files up to here are read as a whole */

/* One image under examination. */
struct examination {
    const struct shadow *shadow;
    const struct shadow_promise *promise;
    struct volume *volume;
    struct shadow_names names;
    char *why;
};

/* ---- names ---- */

static bool verify_folder(struct examination *e, const char *path);

static bool verify_entry(struct examination *e, const char *folder,
                         const struct volume_entry *entry)
{
    char path[512];

    if (strcmp(entry->name, "lost+found") == 0)
        return true;
    snprintf(path, sizeof path, "%s/%s", folder[1] == '\0' ? "" : folder, entry->name);
    if (!shadow_seen(e->shadow, &e->names, path)) {
        snprintf(e->why, SHADOW_WHY_ROOM, "there is a %.200s, which nobody made", path);
        return false;
    }
    return entry->kind != VOLUME_DIRECTORY || verify_folder(e, path);
}

/* Gathers all names below a folder. */
static bool verify_folder(struct examination *e, const char *path)
{
    struct volume_entry entry;
    uint64_t cursor = 0;
    int err;

    while ((err = volume_list(e->volume, path, &cursor, &entry)) == 0)
        if (!verify_entry(e, path, &entry))
            return false;
    if (err != -ENOENT)
        snprintf(e->why, SHADOW_WHY_ROOM, "listing %.200s: %d", path, err);
    return err == -ENOENT;
}

/* ---- contents ---- */

static bool verify_pages(struct examination *e, struct inode *ino, uint32_t file, uint64_t first,
                         uint32_t pages)
{
    uint8_t bytes[READ_PAGES * FS_PAGE_BYTES];
    int err = inode_read_pages(ino, first, pages, bytes, NULL);

    if (err != 0) {
        snprintf(e->why, SHADOW_WHY_ROOM, "reading page %llu of file %u: %d",
                 (unsigned long long)first, file, err);
        return false;
    }
    for (uint32_t i = 0; i < pages; i++)
        if (!shadow_page_allowed(e->shadow, file, first + i, bytes + (size_t)i * FS_PAGE_BYTES,
                                 inode_bytes(ino), e->promise, e->why))
            return false;
    return true;
}

/* Every page of the file, and behind its end those that it once had. */
static bool verify_small(struct examination *e, struct inode *ino, uint32_t file)
{
    uint64_t end = (inode_bytes(ino) + FS_PAGE_BYTES - 1) / FS_PAGE_BYTES;
    uint64_t index;

    for (uint64_t first = 0; first < end; first += READ_PAGES)
        if (!verify_pages(e, ino, file, first,
                          (uint32_t)(end - first < READ_PAGES ? end - first : READ_PAGES)))
            return false;
    for (uint32_t i = 0; shadow_page(e->shadow, file, i, &index); i++)
        if (index >= end && !verify_pages(e, ino, file, index, 1))
            return false;
    return true;
}

/* Of a large file with holes: what was ever written. */
static bool verify_sparse(struct examination *e, struct inode *ino, uint32_t file)
{
    uint64_t index;

    for (uint32_t i = 0; shadow_page(e->shadow, file, i, &index); i++)
        if (!verify_pages(e, ino, file, index, 1))
            return false;
    return true;
}

static bool verify_inode(struct examination *e, struct inode *ino, uint32_t file)
{
    if (!shadow_size_allowed(e->shadow, file, inode_bytes(ino), e->promise, e->why))
        return false;
    return inode_bytes(ino) <= SMALL_BYTES ? verify_small(e, ino, file)
                                           : verify_sparse(e, ino, file);
}

static bool verify_file(struct examination *e, const char *path, uint32_t file)
{
    struct inode *ino;
    bool good;
    int err;

    if (file == SHADOW_FOLDER)
        return true;
    err = inode_open(e->volume, path, &ino);
    if (err != 0) {
        snprintf(e->why, SHADOW_WHY_ROOM, "opening %.200s: %d", path, err);
        return false;
    }
    good = verify_inode(e, ino, file);
    inode_put(ino);
    return good;
}

/* Taken for the names at one moment, are the files what they were then or later? */
static bool verify_state(struct examination *e, uint32_t state)
{
    for (uint16_t i = 0; i < e->names.count; i++) {
        uint16_t name = e->names.name[i];

        if (!verify_file(e, shadow_name_text(e->shadow, name),
                         shadow_file_at(e->shadow, state, name)))
            return false;
    }
    return true;
}

/* Usually one moment has these names; where several have, one that fits is enough. */
static bool verify_states(struct examination *e)
{
    uint32_t state = 0;

    snprintf(e->why, SHADOW_WHY_ROOM,
             "at no moment since the last acknowledgement were there these %u names",
             e->names.count);
    while (shadow_next_state(e->shadow, &e->names, &state))
        if (verify_state(e, state))
            return true;
    return false;
}

static bool verify_volume(struct examination *e)
{
    if (!shadow_seen(e->shadow, &e->names, "/") || !verify_folder(e, "/") || !verify_states(e))
        return false;
    if (volume_check(e->volume))
        return true;
    snprintf(e->why, SHADOW_WHY_ROOM, "volume_check found disagreement");
    return false;
}

bool verify_image(const struct shadow *s, struct dev *image, const struct shadow_promise *promise,
                  char why[SHADOW_WHY_ROOM])
{
    struct examination e = {.shadow = s, .promise = promise, .why = why};
    struct alloc alloc = {0};
    int err = volume_mount(&alloc, image, &e.volume);
    bool good;

    if (err != 0) {
        snprintf(why, SHADOW_WHY_ROOM, "mounting it answered %d", err);
        return false;
    }
    good = verify_volume(&e);
    volume_abandon(e.volume);
    if (good && alloc.live_blocks != 0) {
        snprintf(why, SHADOW_WHY_ROOM, "memory was lost");
        return false;
    }
    return good;
}

/* ---- going on ---- */

static int verify_use_volume(struct volume *v)
{
    uint8_t page[FS_PAGE_BYTES];
    struct inode *ino;
    int err = inode_create(v, "/after the cut", false, &ino);

    if (err != 0)
        return err;
    memset(page, 'n', sizeof page);
    for (uint64_t i = 0; i < 3 && err == 0; i++) {
        err = inode_extend_page(ino, 5 * i, (5 * i + 1) * FS_PAGE_BYTES);
        if (err == 0)
            err = inode_write_pages(ino, 5 * i, 1, page);
    }
    inode_put(ino);
    if (err == 0)
        err = volume_sync(v);
    return err == 0 ? inode_unlink(v, "/after the cut") : err;
}

bool verify_use(struct dev *image, char why[SHADOW_WHY_ROOM])
{
    struct alloc alloc = {0};
    struct volume *v;
    int err = volume_mount(&alloc, image, &v);
    int closed;

    if (err == 0) {
        err = verify_use_volume(v);
        closed = volume_unmount(v);
        err = err != 0 ? err : closed;
    }
    if (err != 0)
        snprintf(why, SHADOW_WHY_ROOM, "working on answered %d", err);
    return err == 0;
}
