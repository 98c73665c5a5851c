/*
 * The files of a script: a directory of their own on the host, gone when the engine goes.
 *
 * Layer 8; see native.h. The directory lies below TMPDIR. What bytes beyond the end of a file do is
 * the file system's business: ext4 is the reference, a tmpfs answers differently.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "load/native_private.h"

int native_directory_make(struct native *n)
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(n->directory, sizeof(n->directory), "%s/mapwalk-XXXXXX",
                          parent != NULL && *parent != '\0' ? parent : "/tmp");

    if (length < 0 || (size_t)length >= sizeof(n->directory)) {
        n->directory[0] = '\0';
        return -ENAMETOOLONG;
    }
    if (mkdtemp(n->directory) == NULL) {
        n->directory[0] = '\0';
        return -errno;
    }
    return 0;
}

/*
 * Calls `visit` for every entry of a directory and of those below it, which come after what they
 * hold. Takes `fd`. Scripts make no links to follow.
 */
static void directory_each(int fd, void (*visit)(int directory, const char *name))
{
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (stream == NULL && fd >= 0)
        close(fd);
    if (stream == NULL)
        return;
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
            directory_each(openat(dirfd(stream), entry->d_name,
                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                           visit);
        visit(dirfd(stream), entry->d_name);
    }
    closedir(stream);
}

static int directory_open(const struct native *n)
{
    return n->directory[0] == '\0' ? -1 : open(n->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void directory_remove_entry(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) < 0)
        unlinkat(directory, name, AT_REMOVEDIR);
}

/* Files of a script in the host's tmpfs have our directory's name before theirs. */
#define SHM_FOLDER "/dev/shm/"

bool native_is_shm(const char *path)
{
    size_t folder = strlen(SHM_FOLDER);

    return strncmp(path, SHM_FOLDER, folder) == 0 && path[folder] != '\0' &&
           strchr(path + folder, '/') == NULL;
}

static const char *shm_prefix(const struct native *n)
{
    const char *slash = strrchr(n->directory, '/');

    return slash == NULL ? n->directory : slash + 1;
}

const char *native_shm_name(const struct native *n, const char *name)
{
    size_t folder = strlen(SHM_FOLDER);
    size_t prefix = strlen(shm_prefix(n));

    if (strncmp(name, SHM_FOLDER, folder) != 0 ||
        strncmp(name + folder, shm_prefix(n), prefix) != 0 || name[folder + prefix] != '-')
        return NULL;
    return name + folder + prefix + 1;
}

static void shm_clear(const struct native *n)
{
    DIR *stream = opendir(SHM_FOLDER);
    const struct dirent *entry;

    if (stream == NULL)
        return;
    while ((entry = readdir(stream)) != NULL) {
        char path[sizeof(SHM_FOLDER) + sizeof(entry->d_name)];

        snprintf(path, sizeof(path), SHM_FOLDER "%s", entry->d_name);
        if (native_shm_name(n, path) != NULL)
            unlink(path);
    }
    closedir(stream);
}

void native_directory_clear(struct native *n)
{
    directory_each(directory_open(n), directory_remove_entry);
    if (n->directory[0] != '\0')
        shm_clear(n);
}

void native_directory_remove(struct native *n)
{
    native_directory_clear(n);
    if (n->directory[0] != '\0')
        rmdir(n->directory);
}

bool native_is_device(const char *path)
{
    return strcmp(path, "/dev/zero") == 0 || strcmp(path, "/dev/null") == 0;
}

bool native_is_root(const char *path)
{
    while (*path == '/' || (*path == '.' && (path[1] == '/' || path[1] == '\0')))
        path++;
    return *path == '\0';
}

/* A script must not reach the host's own files. */
int native_path(const struct native *n, const char *path, char *out, size_t room)
{
    const char *slash = *path == '/' ? "" : "/";
    int length;

    if (native_is_shm(path))
        length = snprintf(out, room, SHM_FOLDER "%s-%s", shm_prefix(n), path + strlen(SHM_FOLDER));
    else
        length = snprintf(out, room, "%s%s%s", n->directory, slash, path);

    for (const char *at = path; (at = strstr(at, "..")) != NULL; at++)
        if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
            return -EINVAL;
    return length < 0 || (size_t)length >= room ? -ENAMETOOLONG : 0;
}

/* Opens a script's file by the engine's own hand. A descriptor, or -errno. */
static int file_open(struct native *n, const char *path, int flags)
{
    char name[NATIVE_PATH_BYTES];
    int err = native_path(n, path, name, sizeof(name));
    int fd;

    if (err < 0)
        return err;
    fd = open(name, flags | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : fd;
}

int native_file_put(struct native *n, const char *path, const void *bytes, size_t count)
{
    int fd = file_open(n, path, O_WRONLY | O_CREAT | O_TRUNC);
    const char *at = bytes;
    int err = 0;

    if (fd < 0)
        return fd;
    /*
     * A page at a time: larger writes make large folios where the file system has them, and a fault
     * maps all of a folio, of which the simulator has none.
     */
    while (count > 0 && err == 0) {
        ssize_t written = write(fd, at, count < PAGE_BYTES ? count : PAGE_BYTES);

        if (written < 0)
            err = -errno;
        else {
            at += written;
            count -= (size_t)written;
        }
    }
    close(fd);
    return err;
}

int64_t native_file_get(struct native *n, const char *path, uint64_t offset, void *out,
                        size_t count)
{
    int fd = file_open(n, path, O_RDONLY);
    ssize_t got;

    if (fd < 0)
        return fd;
    got = pread(fd, out, count, (off_t)offset);
    if (got < 0)
        got = -errno;
    close(fd);
    return got;
}

int64_t native_file_size(struct native *n, const char *path)
{
    int fd = file_open(n, path, O_RDONLY);
    struct stat status;
    int64_t result;

    if (fd < 0)
        return fd;
    result = fstat(fd, &status) < 0 ? -errno : status.st_size;
    close(fd);
    return result;
}

static void directory_sync_entry(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    /* sync(2) reports no errors, so neither does this. */
    (void)fsync(fd);
    close(fd);
}

/* The script's files only: sync(2) would wait for everything that the host has to write. */
int native_sync(struct native *n)
{
    directory_each(directory_open(n), directory_sync_entry);
    return 0;
}
