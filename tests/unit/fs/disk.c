/* The fixture of the tests of fs. */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Larger devices are looked at by e2fsck only where a test asks for it. */
#define FSCK_BLOCKS ((uint64_t)64 << 10)

void disk_blank(struct disk *d, uint64_t bytes)
{
    memset(d, 0, sizeof(*d));
    assert_int_equal(dev_ram_new(&d->alloc, bytes, &d->ram), 0);
    assert_int_equal(dev_faulty_new(&d->alloc, d->ram, &d->faults, &d->dev), 0);
}

void disk_up(struct disk *d, uint64_t bytes)
{
    disk_blank(d, bytes);
    assert_int_equal(volume_format(&d->alloc, d->dev), 0);
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
}

void disk_down(struct disk *d)
{
    disk_fail(d, DEV_READ, 0, false);
    if (d->volume != NULL) {
        assert_true(volume_check(d->volume));
        assert_int_equal(volume_unmount(d->volume), 0);
        assert_int_equal(d->ram->blocks > FSCK_BLOCKS ? 0 : disk_fsck(d), 0);
    }
    dev_destroy(d->dev);
    dev_destroy(d->ram);
    assert_int_equal(d->alloc.live_blocks, 0);
}

void disk_remount(struct disk *d)
{
    assert_int_equal(volume_unmount(d->volume), 0);
    d->volume = NULL;
    assert_int_equal(volume_mount(&d->alloc, d->dev, &d->volume), 0);
}

void disk_fail(struct disk *d, enum dev_request kind, uint64_t n, bool sticky)
{
    memset(&d->faults, 0, sizeof(d->faults));
    d->faults.fail_at[kind] = n;
    d->faults.sticky = sticky;
}

#define CHUNK_BLOCKS 64u

static uint32_t disk_chunk(const struct disk *d, uint64_t block)
{
    return d->ram->blocks - block < CHUNK_BLOCKS ? (uint32_t)(d->ram->blocks - block)
                                                 : CHUNK_BLOCKS;
}

/* The device's contents in a file; what is zero stays a hole. */
static void disk_store(struct disk *d, int fd)
{
    uint8_t *bytes = test_malloc(CHUNK_BLOCKS * DEV_BLOCK_BYTES);

    assert_int_equal(ftruncate(fd, (off_t)(d->ram->blocks * DEV_BLOCK_BYTES)), 0);
    for (uint64_t block = 0; block < d->ram->blocks; block += CHUNK_BLOCKS) {
        size_t count = (size_t)disk_chunk(d, block) * DEV_BLOCK_BYTES;

        assert_int_equal(dev_read(d->ram, block, disk_chunk(d, block), bytes), 0);
        if (bytes[0] != 0 || memcmp(bytes, bytes + 1, count - 1) != 0)
            assert_int_equal(pwrite(fd, bytes, count, (off_t)(block * DEV_BLOCK_BYTES)), count);
    }
    test_free(bytes);
}

static void disk_load(struct disk *d, int fd)
{
    uint8_t *bytes = test_malloc(CHUNK_BLOCKS * DEV_BLOCK_BYTES);

    for (uint64_t block = 0; block < d->ram->blocks; block += CHUNK_BLOCKS) {
        size_t count = (size_t)disk_chunk(d, block) * DEV_BLOCK_BYTES;

        assert_int_equal(pread(fd, bytes, count, (off_t)(block * DEV_BLOCK_BYTES)), count);
        assert_int_equal(dev_write(d->ram, block, disk_chunk(d, block), bytes), 0);
    }
    test_free(bytes);
}

/*
 * With the places of administrators' tools in the path, quietly; the command finds the file in
 * $image.
 */
static int disk_shell(const char *command, const char *path)
{
    char line[1024];
    int status;

    assert_true(snprintf(line, sizeof(line),
                         "image=%s; PATH=$PATH:/sbin:/usr/sbin; { %s; } >/dev/null 2>&1", path,
                         command) < (int)sizeof(line));
    status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs a tool on the contents; `load` takes over what it made of them. */
static int disk_tool(struct disk *d, const char *command, bool load)
{
    char path[] = "/tmp/mapwalk-disk-XXXXXX";
    int fd = mkstemp(path);
    int status;

    assert_true(fd >= 0);
    disk_store(d, fd);
    status = disk_shell(command, path);
    if (load)
        disk_load(d, fd);
    close(fd);
    unlink(path);
    return status;
}

int disk_run(struct disk *d, const char *command)
{
    return disk_tool(d, command, true);
}

bool disk_have(const char *tool)
{
    char command[64];

    snprintf(command, sizeof(command), "command -v %s", tool);
    return disk_shell(command, "none") == 0;
}

int disk_fsck(struct disk *d)
{
    if (!disk_have("e2fsck")) {
        print_message("there is no e2fsck: not checked by it\n");
        return 0;
    }
    return disk_tool(d, "e2fsck -fn $image", false);
}

const uint8_t *disk_page(uint8_t value)
{
    static uint8_t page[FS_PAGE_BYTES];

    memset(page, value, sizeof(page));
    return page;
}

bool disk_page_is(struct inode *ino, uint64_t index, uint8_t value)
{
    uint8_t page[FS_PAGE_BYTES];

    memset(page, ~value, sizeof(page));
    assert_int_equal(inode_read_pages(ino, index, 1, page, NULL), 0);
    return memcmp(page, disk_page(value), sizeof(page)) == 0;
}

struct inode *disk_create(struct disk *d, const char *path)
{
    struct inode *ino;

    assert_int_equal(inode_create(d->volume, path, true, &ino), 0);
    return ino;
}

struct inode *disk_open(struct disk *d, const char *path)
{
    struct inode *ino;

    assert_int_equal(inode_open(d->volume, path, &ino), 0);
    return ino;
}

void disk_fill_file(struct disk *d, const char *path, uint32_t pages, uint8_t value)
{
    struct inode *ino = disk_create(d, path);

    assert_int_equal(inode_set_bytes(ino, (uint64_t)pages * FS_PAGE_BYTES), 0);
    for (uint32_t i = 0; i < pages; i++)
        assert_int_equal(inode_write_pages(ino, i, 1, disk_page((uint8_t)(value + i))), 0);
    inode_put(ino);
}

void disk_check_file(struct disk *d, const char *path, uint32_t pages, uint8_t value)
{
    struct inode *ino = disk_open(d, path);

    assert_int_equal(inode_bytes(ino), (uint64_t)pages * FS_PAGE_BYTES);
    for (uint32_t i = 0; i < pages; i++)
        assert_true(disk_page_is(ino, i, (uint8_t)(value + i)));
    inode_put(ino);
}
