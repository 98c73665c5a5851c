/*
 * Reading a file of lines, however long, in bounded memory.
 *
 * Layer 8. One buffer a file. It hands out blocks of whole lines, so that whoever parses them needs
 * no look at the buffer's end inside a line, or single lines. Knows nothing of what stands in them.
 *
 *   I-READER-1  begin <= lines_end <= end <= capacity; [begin, lines_end) is empty or ends in a
 *               newline
 *   I-READER-2  READER_PADDING zero bytes follow `end`: a parser may look that far ahead
 */
#ifndef MAPWALK_LOAD_READER_H
#define MAPWALK_LOAD_READER_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/err.h"

#define READER_BYTES   ((size_t)1 << 20) /* also the longest line that is understood */
#define READER_PADDING 32

struct reader {
    struct alloc *alloc;
    const char *file; /* as the user named it; "-": standard input */
    int fd;
    const char
        *head; /* bytes that come before those of the descriptor: somebody has read them already */
    size_t head_bytes;
    bool at_end; /* the file has no more bytes than the buffer holds */
    char *buffer;
    size_t begin;     /* first byte that nobody has taken */
    size_t lines_end; /* behind the last newline in the buffer */
    size_t end;
    uint64_t lines;      /* taken so far: the number of the line last taken */
    uint64_t bytes_done; /* taken so far */
};

enum reader_status {
    READER_LINES = 1, /* here they are */
    READER_CUT,       /* the last bytes of the file, without a newline */
    READER_LONG,      /* a line longer than the buffer; it was dropped and counted */
    READER_END
};

/* Opens a file and allocates the buffer. -errno of open(2), -ENOMEM. `file` outlives the reader. */
MUST_CHECK int reader_open(struct reader *r, struct alloc *a, const char *file);

/*
 * Bytes that the caller has read from the file already and that come first. They outlive the
 * reader.
 */
void reader_set_head(struct reader *r, const void *bytes, size_t count);
void reader_close(struct reader *r);

/*
 * Reads until the buffer holds `bytes`, or is full, or the file ends: for recognising formats. What
 * is there lies at buffer + begin, end - begin bytes. 0 or -errno.
 */
MUST_CHECK int reader_peek(struct reader *r, size_t bytes);

/*
 * The lines that are in the buffer, reading more when there is none. enum reader_status, or -errno.
 * They are not taken yet.
 */
MUST_CHECK int reader_block(struct reader *r, char **start, char **end);

/* Takes what a parser has used of a block: `lines` lines up to `upto`. */
void reader_take(struct reader *r, const char *upto, uint64_t lines);

/*
 * Takes one line, without its newline. enum reader_status, or -errno. READER_CUT: a last line
 * without newline.
 */
MUST_CHECK int reader_line(struct reader *r, char **line, size_t *length);

#endif
