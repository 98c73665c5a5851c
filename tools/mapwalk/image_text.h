/*
 * Names and modes of images as `mapwalk image` prints them.
 */
#ifndef TOOLS_MAPWALK_IMAGE_TEXT_H
#define TOOLS_MAPWALK_IMAGE_TEXT_H

#include <stdint.h>

/* A path, each byte of it written out at the worst. */
#define IMAGE_TEXT_BYTES (4 * 4096 + 1)
#define IMAGE_MODE_BYTES 11

/*
 * Control characters and backslashes as \n, \t, \\ or \ooo; all else as it is. Too long: cut. Returns
 * `text`.
 */
const char *image_text(const char *name, char text[IMAGE_TEXT_BYTES]);

/* "drwxr-xr-x", as ls has it. Returns `text`. */
const char *image_mode(uint32_t mode, char text[IMAGE_MODE_BYTES]);

#endif
