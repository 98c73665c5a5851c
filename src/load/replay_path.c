/*
 * Paths of logs. A log does not say where its processes' working directory is, so that is "/"; what
 * matters is that one name stays one file.
 */
#include <string.h>

#include "load/replay.h"

/* Where the last component of out[0..length) begins, with its slash. */
static size_t last_slash(const char *out, size_t length)
{
    while (length > 0 && out[length - 1] != '/')
        length--;
    return length > 0 ? length - 1 : 0;
}

/* Appends the components of `path`. False: too long. */
static bool append(char out[REPLAY_PATH_BYTES], size_t *length, const char *path)
{
    while (*path != '\0') {
        size_t component = strcspn(path, "/");

        if (component == 2 && memcmp(path, "..", 2) == 0) {
            *length = last_slash(out, *length);
        } else if (component > 0 && !(component == 1 && *path == '.')) {
            if (*length + component + 2 > REPLAY_PATH_BYTES)
                return false;
            out[(*length)++] = '/';
            memcpy(out + *length, path, component);
            *length += component;
        }
        path += component + (path[component] == '/');
    }
    return true;
}

/* Links are not followed: the log's names are all that there is, and the volume has no links. */
bool replay_path(const char *directory, const char *path, char out[REPLAY_PATH_BYTES])
{
    size_t length = 0;

    if (*path != '/' && directory != NULL && !append(out, &length, directory))
        return false;
    if (!append(out, &length, path))
        return false;
    if (length == 0)
        out[length++] = '/';
    out[length] = '\0';
    return true;
}

/*
 * Their reads give what no file holds, and mapping a device gives no file's pages. "/" is a
 * directory in any case.
 */
bool replay_path_is_special(const char *path)
{
    static const char *const roots[] = {"/proc", "/sys", "/dev"};

    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        size_t length = strlen(roots[i]);

        if (strncmp(path, roots[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
    }
    return strcmp(path, "/") == 0;
}
