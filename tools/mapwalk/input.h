/*
 * The input files of `mapwalk run`, and their format, which must be known before the machine is
 * made.
 */
#ifndef TOOLS_MAPWALK_INPUT_H
#define TOOLS_MAPWALK_INPUT_H

#include <mapwalk/run.h>
#include <stdbool.h>

struct input {
    const char **files; /* for mw_run; owned, the names are not */
    unsigned count;
    enum mw_format format;
    bool known; /* `format` was told by a regular file */
    char *head; /* read from standard input already; owned */
    size_t head_bytes;
    const char *stdin_name; /* what the user calls the file that "-" stands for */
};

/* TOOL_OK, or another exit status, complained about. input_free in any case. */
int input_prepare(struct input *in, char *const *files, unsigned count);
void input_free(struct input *in);

/* The user's name of a file that mw_run speaks of. */
const char *input_name(const struct input *in, const char *file);

#endif
