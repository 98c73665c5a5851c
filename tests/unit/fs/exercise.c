/* See exercise.h. Results are looked at only where what follows depends on them. */
#include "exercise.h"

#include <stdio.h>
#include <string.h>

#define EXERCISE_DEPTH   5u
#define EXERCISE_ENTRIES 60u
#define EXERCISE_PAGES   40u

struct exercise {
    struct volume *volume;
    unsigned reached;
};

/* Uses a result that is of no interest. */
static void any(int result)
{
    (void)result;
}

static void exercise_read(struct exercise *e, struct inode *ino)
{
    uint8_t page[FS_PAGE_BYTES];
    uint64_t index = 0;
    bool stored;

    any(inode_check_blocks(ino));
    for (unsigned i = 0; i < EXERCISE_PAGES && inode_seek_blocks(ino, &index) == 0; i++) {
        e->reached += inode_read_pages(ino, index, 1, page, NULL) == 0;
        any(inode_page_stored(ino, index, &stored));
        index++;
    }
    any(inode_read_pages(ino, inode_bytes(ino) / FS_PAGE_BYTES, 1, page, NULL));
}

static void exercise_change(struct inode *ino)
{
    uint8_t page[FS_PAGE_BYTES];
    uint64_t end = inode_bytes(ino) / FS_PAGE_BYTES;

    memset(page, 7, sizeof page);
    any(inode_write_pages(ino, 0, 1, page));
    any(inode_write_pages(ino, 13, 1, page));
    any(inode_extend_page(ino, 20, 21 * FS_PAGE_BYTES));
    any(inode_punch(ino, 1, 15));
    any(inode_extend_pages(ino, 10, 18, 18 * FS_PAGE_BYTES));
    any(inode_punch(ino, 0, UINT64_MAX));
    any(inode_set_bytes(ino, end * FS_PAGE_BYTES / 2 + 5));
    any(inode_set_bytes(ino, 3 * FS_PAGE_BYTES));
}

static void exercise_file(struct exercise *e, const char *path)
{
    char other[600];
    struct inode *ino;

    if (inode_open(e->volume, path, &ino) != 0)
        return;
    exercise_read(e, ino);
    exercise_change(ino);
    snprintf(other, sizeof other, "%s.link", path);
    any(volume_hard_link(e->volume, path, other));
    any(inode_unlink(e->volume, path));
    any(volume_rename(e->volume, other, path, 0));
    inode_put(ino);
}

static void exercise_directory(struct exercise *e, const char *path, unsigned depth);

static void exercise_entry(struct exercise *e, const char *path, const struct volume_entry *entry,
                           unsigned depth)
{
    struct volume_stat status;
    char target[4096];
    char child[512];

    if (snprintf(child, sizeof child, "%s/%s", path, entry->name) >= (int)sizeof child)
        return;
    e->reached++;
    any(volume_stat(e->volume, child, &status));
    any(volume_read_symlink(e->volume, child, target, sizeof target));
    any(volume_set_mode(e->volume, child, 0700));
    if (entry->kind == VOLUME_DIRECTORY && depth < EXERCISE_DEPTH)
        exercise_directory(e, child, depth + 1);
    if (entry->kind == VOLUME_FILE)
        exercise_file(e, child);
}

static void exercise_make(struct exercise *e, const char *path)
{
    char name[600];
    char other[600];
    struct inode *ino;

    for (unsigned i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "%s/made-here-%u-with-a-name-that-takes-room", path, i);
        if (inode_create(e->volume, name, false, &ino) == 0) {
            any(inode_set_bytes(ino, 100));
            inode_put(ino);
        }
    }
    snprintf(name, sizeof name, "%s/made-directory", path);
    any(volume_make_directory(e->volume, name));
    snprintf(other, sizeof other, "%s/made-directory/inner", path);
    any(volume_make_directory(e->volume, other));
    any(volume_rename(e->volume, path, other, 0));
    snprintf(other, sizeof other, "%s/made-link", path);
    any(volume_make_symlink(e->volume,
                            "a/target/that/is/longer/than/an/inode/has/room/for/so-it-"
                            "gets-a-block",
                            other));
    any(volume_rename(e->volume, other, name, 0));
    any(inode_unlink(e->volume, other));
}

static void exercise_directory(struct exercise *e, const char *path, unsigned depth)
{
    struct volume_entry entry;
    char moved[600];
    uint64_t cursor = 0;

    for (unsigned i = 0; i < EXERCISE_ENTRIES; i++) {
        uint64_t before = cursor;
        int err = volume_list(e->volume, path[0] == '\0' ? "/" : path, &cursor, &entry);

        if (err == 0)
            exercise_entry(e, path, &entry, depth);
        else if (cursor == before)
            break;
    }
    exercise_make(e, path);
    any(volume_remove_directory(e->volume, path));
    snprintf(moved, sizeof moved, "/moved-%u", depth);
    any(volume_rename(e->volume, path, moved, 0));
}

static void exercise_finding(void *context, const char *what, const char *why)
{
    unsigned *count = context;

    *count += strlen(what) > 0 && strlen(why) > 0;
}

bool exercise_device(struct alloc *a, struct dev *dev, bool read_only, unsigned *reached)
{
    struct exercise e = {0};
    unsigned findings = 0;
    char why[160];
    int err =
        read_only ? volume_mount_read_only(a, dev, &e.volume) : volume_mount(a, dev, &e.volume);

    if (err != 0) {
        volume_explain(dev, err, why, sizeof why);
        return false;
    }
    any((int)volume_audit(e.volume, exercise_finding, &findings));
    exercise_directory(&e, "", 0);
    any(volume_sync(e.volume));
    exercise_directory(&e, "", 0);
    any((int)volume_audit(e.volume, exercise_finding, &findings));
    any(volume_unmount(e.volume));
    *reached += e.reached;
    return true;
}
