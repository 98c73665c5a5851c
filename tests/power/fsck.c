/* e2fsck on an image: see verify.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/contract.h"
#include "power/verify.h"

#define CHUNK_BLOCKS 64u
#define CHUNK_BYTES  ((size_t)CHUNK_BLOCKS * DEV_BLOCK_BYTES)

/* With the places of administrators' tools in the path, quietly. */
static int fsck_shell(const char *path, const char *command)
{
    char line[512];
    int status;

    snprintf(line, sizeof line, "image='%s'; PATH=$PATH:/sbin:/usr/sbin; { %s; } >/dev/null 2>&1",
             path, command);
    status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool fsck_is_there(void)
{
    return fsck_shell("none", "command -v e2fsck") == 0;
}

/* The contents in a file; what is zero stays a hole. */
static void fsck_store(struct dev *image, int fd)
{
    static const uint8_t zeros[CHUNK_BYTES];
    uint8_t bytes[CHUNK_BYTES];

    contract(ftruncate(fd, (off_t)(image->blocks * DEV_BLOCK_BYTES)) == 0);
    for (uint64_t block = 0; block < image->blocks; block += CHUNK_BLOCKS) {
        contract(dev_read(image, block, CHUNK_BLOCKS, bytes) == 0);
        if (memcmp(bytes, zeros, CHUNK_BYTES) != 0)
            contract(pwrite(fd, bytes, CHUNK_BYTES, (off_t)(block * DEV_BLOCK_BYTES)) ==
                     (ssize_t)CHUNK_BYTES);
    }
}

/* Back, as far as it is different. */
static void fsck_load(struct dev *image, int fd)
{
    uint8_t bytes[CHUNK_BYTES];
    uint8_t before[CHUNK_BYTES];

    for (uint64_t block = 0; block < image->blocks; block += CHUNK_BLOCKS) {
        contract(pread(fd, bytes, CHUNK_BYTES, (off_t)(block * DEV_BLOCK_BYTES)) ==
                 (ssize_t)CHUNK_BYTES);
        contract(dev_read(image, block, CHUNK_BLOCKS, before) == 0);
        if (memcmp(bytes, before, CHUNK_BYTES) != 0)
            contract(dev_write(image, block, CHUNK_BLOCKS, bytes) == 0);
    }
}

int fsck_run(struct dev *image, const char *command, bool keep)
{
    char path[] = "/tmp/mapwalk-power-XXXXXX";
    int fd = mkstemp(path);
    int status;

    contract(fd >= 0 && image->blocks % CHUNK_BLOCKS == 0);
    fsck_store(image, fd);
    status = fsck_shell(path, command);
    if (keep)
        fsck_load(image, fd);
    close(fd);
    unlink(path);
    return status;
}
