/* A volume on a RAM device behind the fault decorator, for the tests of fs. */
#ifndef TESTS_UNIT_FS_DISK_H
#define TESTS_UNIT_FS_DISK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fs/volume.h"

#define MIB ((uint64_t)1 << 20)

struct disk {
    struct alloc alloc;
    struct dev *ram;
    struct dev *dev; /* what the volume stands on */
    struct dev_faults faults;
    struct volume *volume; /* NULL while unmounted */
};

/* A formatted, mounted disk. */
void disk_up(struct disk *d, uint64_t bytes);

/* An empty device, nothing mounted. */
void disk_blank(struct disk *d, uint64_t bytes);

/* Checks, unmounts if need be, and looks for leaks. */
void disk_down(struct disk *d);

void disk_remount(struct disk *d);

/* Makes the n-th request of a kind fail from now on (0: none). */
void disk_fail(struct disk *d, enum dev_request kind, uint64_t n, bool sticky);

/* Is there such a tool on the host? */
bool disk_have(const char *tool);

/*
 * Runs e2fsck on the device's contents: its exit status, 0 for clean; where there is no e2fsck,
 * says so and believes.
 */
int disk_fsck(struct disk *d);

/*
 * Runs a shell command in which $image names a file with the device's contents, which are read back
 * afterwards. Its exit status.
 */
int disk_run(struct disk *d, const char *command);

/* A page full of one byte. */
const uint8_t *disk_page(uint8_t value);

/* Does page `index` of the file hold `value` all over? */
bool disk_page_is(struct inode *ino, uint64_t index, uint8_t value);

struct inode *disk_create(struct disk *d, const char *path);
struct inode *disk_open(struct disk *d, const char *path);

/* Creates a file of `pages` pages, page i full of value + i, and closes it. */
void disk_fill_file(struct disk *d, const char *path, uint32_t pages, uint8_t value);

/* Checks such a file. */
void disk_check_file(struct disk *d, const char *path, uint32_t pages, uint8_t value);

#endif
