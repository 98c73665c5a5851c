/*
 * Looking at the head of a file before the machine is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <mapwalk/run.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/format.h"

/* Fills `bytes` from the start of an open regular file: how many there are, or -errno. */
static ssize_t peek_head(int fd, char bytes[FORMAT_BYTES])
{
    size_t count = 0;

    while (count < FORMAT_BYTES) {
        ssize_t got = read(fd, bytes + count, FORMAT_BYTES - count);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        count += (size_t)got;
    }
    return (ssize_t)count;
}

/* Only a regular file may be opened to look: opening and closing a pipe would end its writer. */
static int peek_kind(const char *file)
{
    struct stat status;

    if (strcmp(file, "-") == 0)
        return -ESPIPE;
    if (stat(file, &status) != 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    return S_ISREG(status.st_mode) ? 0 : -ESPIPE;
}

int mw_run_peek(const char *file, enum mw_format *out)
{
    char bytes[FORMAT_BYTES];
    ssize_t count;
    int err = peek_kind(file);
    int fd;

    if (err != 0)
        return err;
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    count = peek_head(fd, bytes);
    close(fd);
    if (count < 0)
        return (int)count;
    *out = mw_format_recognise(bytes, (size_t)count);
    return 0;
}
