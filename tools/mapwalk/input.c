/*
 * Looking at the first bytes of the input without losing them. See input.h.
 *
 * A regular file is simply opened twice. A pipe can be read once: the command reads its head and
 * hands it to mw_run. That is possible for one pipe, standard input; a named pipe (or a shell's
 * <(...)) is put in its place.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define INPUT_HEAD_BYTES ((size_t)64 * 1024) /* look no further for the format */

static int input_complain_format(const char *file)
{
    tool_complain("%s: not a scenario, strace log or lackey log", file);
    return TOOL_INPUT;
}

/*
 * Can the file be read, as far as can be told without opening it? A pipe that is opened and closed
 * is lost.
 */
static int input_check_file(const char *file, bool *regular)
{
    struct stat status;

    *regular = false;
    if (strcmp(file, "-") == 0)
        return 0;
    if (stat(file, &status) < 0 || access(file, R_OK) < 0)
        return -errno;
    *regular = S_ISREG(status.st_mode);
    return S_ISDIR(status.st_mode) ? -EISDIR : 0;
}

/*
 * Looks at all files, so that a missing one is found before anything is run. The first regular one
 * tells the format.
 */
static int input_peek_files(struct input *in)
{
    for (unsigned i = 0; i < in->count; i++) {
        bool regular;
        int err = input_check_file(in->files[i], &regular);

        if (err == 0 && regular && !in->known) {
            err = mw_run_peek(in->files[i], &in->format);
            in->known = err == 0;
        }
        if (err < 0)
            return tool_complain_file(in->files[i], err);
        if (in->known && in->format == MW_FORMAT_UNKNOWN)
            return input_complain_format(in->files[i]);
    }
    return TOOL_OK;
}

/* How many times a file is named. */
static unsigned input_count(const struct input *in, const char *file)
{
    unsigned count = 0;

    for (unsigned i = 0; i < in->count; i++)
        count += strcmp(in->files[i], file) == 0;
    return count;
}

/* Makes the first file, a pipe with a name, standard input. */
static int input_adopt_pipe(struct input *in)
{
    int fd = open(in->files[0], O_RDONLY | O_CLOEXEC);
    int err = 0;

    if (fd < 0)
        return -errno;
    if (dup2(fd, STDIN_FILENO) < 0)
        err = -errno;
    close(fd);
    in->stdin_name = in->files[0];
    in->files[0] = "-";
    return err;
}

/* The format that the whole lines of the head show; of its last line, too, when nothing follows. */
static enum mw_format input_recognise(const struct input *in, bool at_end)
{
    const char *newline = memrchr(in->head, '\n', in->head_bytes);

    if (at_end || in->head_bytes == INPUT_HEAD_BYTES)
        return mw_format_recognise(in->head, in->head_bytes);
    if (newline == NULL)
        return MW_FORMAT_UNKNOWN;
    return mw_format_recognise(in->head, (size_t)(newline - in->head) + 1);
}

/*
 * Any line of a log may look like a scenario's, so only the logs' own marks end the search early;
 * but who types a scenario at a terminal wants to see it run.
 */
static bool input_is_sure(const struct input *in)
{
    if (in->format == MW_FORMAT_SCENARIO)
        return isatty(STDIN_FILENO) == 1;
    return in->format != MW_FORMAT_UNKNOWN;
}

/* Reads until the format is sure, or the input or the room ends. */
static int input_read_head(struct input *in)
{
    ssize_t got = 1;

    in->head = malloc(INPUT_HEAD_BYTES);
    if (in->head == NULL)
        return -ENOMEM;
    while (got > 0 && in->head_bytes < INPUT_HEAD_BYTES && !input_is_sure(in)) {
        got = read(STDIN_FILENO, in->head + in->head_bytes, INPUT_HEAD_BYTES - in->head_bytes);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got < 0)
            return -errno;
        in->head_bytes += (size_t)got;
        in->format = input_recognise(in, got == 0);
    }
    return 0;
}

static int input_peek_stdin(struct input *in)
{
    int err = input_count(in, "-") == 0 ? input_adopt_pipe(in) : 0;

    if (err == 0)
        err = input_read_head(in);
    if (err < 0)
        return tool_complain_file(in->stdin_name, err);
    if (in->format != MW_FORMAT_UNKNOWN)
        return TOOL_OK;
    return input_complain_format(in->stdin_name);
}

int input_prepare(struct input *in, char *const *files, unsigned count)
{
    int status;

    *in = (struct input){.count = count, .stdin_name = "-"};
    in->files = calloc(count, sizeof(*in->files));
    if (in->files == NULL)
        return tool_complain_file(files[0], -ENOMEM);
    memcpy(in->files, files, count * sizeof(*in->files));
    if (input_count(in, "-") > 1) {
        tool_complain("-: standard input can be read only once");
        return TOOL_USAGE;
    }
    status = input_peek_files(in);
    return status == TOOL_OK && !in->known ? input_peek_stdin(in) : status;
}

void input_free(struct input *in)
{
    free(in->files);
    free(in->head);
}

const char *input_name(const struct input *in, const char *file)
{
    return strcmp(file, "-") == 0 ? in->stdin_name : file;
}
