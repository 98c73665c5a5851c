/*
 * Complaining and closing, in one place. See tool.h.
 */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void tool_complain(const char *format, ...)
{
    va_list args;

    /* What the run has said so far comes first when both streams are one file. */
    fflush(stdout);
    fputs("mapwalk: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int tool_exit_of(int err)
{
    return err == -ENOMEM || err == -ENOSPC ? TOOL_RESOURCES : TOOL_IO;
}

int tool_complain_file(const char *file, int err)
{
    tool_complain("%s: %s", file, strerror(-err));
    return err == -ENOMEM ? TOOL_RESOURCES : TOOL_IO;
}

void tool_complain_exec(const char *program, int error)
{
    if (error == ENOENT)
        tool_complain("%s is not installed (Debian: apt install %s)", program, program);
    else
        tool_complain("%s: %s", program, strerror(error));
}

int tool_close(FILE *out, const char *name)
{
    /*
     * An error of an earlier write may have left errno behind long ago; then only the fact is
     * known.
     */
    bool failed = ferror(out) != 0;
    int err = fflush(out) == 0 ? 0 : errno;

    if (out != stdout && fclose(out) != 0 && err == 0)
        err = errno;
    if (!failed && err == 0)
        return TOOL_OK;
    tool_complain("%s: %s", name, err != 0 ? strerror(err) : "write error");
    return TOOL_IO;
}
