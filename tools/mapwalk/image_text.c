/*
 * Names and modes of images as text. See image_text.h.
 */
#include "image_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

static char *image_text_byte(char *out, unsigned char byte)
{
    static const char letters[] = "\n\t\r\\";
    static const char names[] = "ntr\\";
    const char *known = byte == 0 ? NULL : strchr(letters, byte);

    *out++ = '\\';
    if (known != NULL) {
        *out++ = names[known - letters];
        return out;
    }
    *out++ = (char)('0' + (byte >> 6));
    *out++ = (char)('0' + (byte >> 3 & 7));
    *out++ = (char)('0' + (byte & 7));
    return out;
}

const char *image_text(const char *name, char text[IMAGE_TEXT_BYTES])
{
    char *out = text;

    for (; *name != '\0' && out < text + IMAGE_TEXT_BYTES - 5; name++) {
        unsigned char byte = (unsigned char)*name;

        if (byte < 32 || byte == 127 || byte == '\\')
            out = image_text_byte(out, byte);
        else
            *out++ = (char)byte;
    }
    *out = '\0';
    return text;
}

static char image_mode_letter(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return '-';
    case S_IFDIR:
        return 'd';
    case S_IFLNK:
        return 'l';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return 's';
    default:
        return '?';
    }
}

const char *image_mode(uint32_t mode, char text[IMAGE_MODE_BYTES])
{
    text[0] = image_mode_letter(mode);
    for (unsigned i = 0; i < 9; i++)
        text[1 + i] = (mode >> (8 - i) & 1) != 0 ? "rwx"[i % 3] : '-';
    text[10] = '\0';
    return text;
}
