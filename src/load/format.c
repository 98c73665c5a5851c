/*
 * Recognition. Each line votes; the first that is sure decides:
 *
 *   lackey    "==PID== Lackey", an access, a SYSCALL line
 *   strace    execve(...), with or without a pid; halves of calls; ends of processes, signals
 *   scenario  anything else that has the shape of a call, unless a surer line follows
 */
#include "load/format.h"

#include <string.h>

#include "load/call_parse.h"
#include "load/lackey_lex.h"

static const char *const format_names[MW_FORMAT_COUNT] = {"unknown", "scenario", "strace",
                                                          "lackey"};

const char *mw_format_name(unsigned format)
{
    return format < MW_FORMAT_COUNT ? format_names[format] : "?";
}

static bool begins(const char *line, size_t length, const char *word)
{
    return length >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

/*
 * An access line may lack its newline here, so it is looked at by its own small rule: mark, digits,
 * comma.
 */
static bool is_access(const char *line, size_t length)
{
    size_t at = 3;

    if (length < 6 || lackey_lex_mark(line) == LACKEY_NO_ACCESS)
        return false;
    while (at < length && lackey_digits[(uint8_t)line[at]] != 0xff)
        at++;
    return at > 3 && at + 1 < length && line[at] == ',' && line[at + 1] >= '0' &&
           line[at + 1] <= '9';
}

/* valgrind's other tools have the same banner, so its text must name lackey. */
static bool is_lackey(const char *line, size_t length)
{
    struct call_slice text;
    int pid;

    if (lackey_lex_banner(line, length, &pid, &text))
        return begins(text.bytes, text.length, "Lackey");
    return begins(line, length, "SYSCALL[") || is_access(line, length);
}

/* The line's format if it is sure of it; *scenario is set when it has the shape of a call. */
static enum mw_format format_of_line(const char *line, size_t length, bool *scenario)
{
    struct call_slice name;
    struct call_line split;
    struct call_error error;

    if (is_lackey(line, length))
        return MW_FORMAT_LACKEY;
    /* Splitting writes nothing. */
    if (!call_line_split((char *)(uintptr_t)line, length, &split, &error) ||
        split.kind == CALL_LINE_BLANK)
        return MW_FORMAT_UNKNOWN;
    if (split.kind != CALL_LINE_CALL && split.kind != CALL_LINE_UNFINISHED)
        return MW_FORMAT_STRACE;
    if (!call_looks_like_call(line, length, &name))
        return MW_FORMAT_UNKNOWN;
    if (split.kind == CALL_LINE_UNFINISHED)
        return MW_FORMAT_STRACE;
    if (name.length == 6 && memcmp(name.bytes, "execve", 6) == 0 && !*scenario)
        return MW_FORMAT_STRACE;
    *scenario = true;
    return MW_FORMAT_UNKNOWN;
}

/*
 * All of the bytes vote, because a scenario's line may be the first one of a log that strace
 * attached to late.
 */
enum mw_format mw_format_recognise(const char *bytes, size_t count)
{
    bool scenario = false;
    const char *end = bytes + (count < FORMAT_BYTES ? count : FORMAT_BYTES);

    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t length = (size_t)((newline != NULL ? newline : end) - bytes);
        enum mw_format format = format_of_line(bytes, length, &scenario);

        if (format != MW_FORMAT_UNKNOWN)
            return format;
        bytes += length + 1;
    }
    return scenario ? MW_FORMAT_SCENARIO : MW_FORMAT_UNKNOWN;
}

/*
 * Where the format's programs ran: valgrind gives addresses from the bottom, a fixed way above the
 * heap, and they fit any mode; strace's logs come from x86-64, whose user space is that of Sv48 and
 * whose mappings begin at 0x7ffff7fff000.
 */
void mw_run_configure(enum mw_format format, struct mw_config *config)
{
    if (format == MW_FORMAT_LACKEY) {
        config->placement = MW_PLACE_FIRST_FIT;
        config->mmap_base = 0;
    } else if (format == MW_FORMAT_STRACE) {
        config->mode = MW_MODE_SV48;
        config->placement = MW_PLACE_TOP_DOWN;
        config->mmap_base = 0x7ffff7fff000;
    }
}
