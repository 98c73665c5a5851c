/*
 * The buffer behind reader.h. A line that has not ended yet is moved to the front before more is
 * read, so each byte is moved at most once for every buffer that its line spans.
 */
#include "load/reader.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/contract.h"

/* The buffer comes first: then nothing has to be closed when there is no memory for it. */
int reader_open(struct reader *r, struct alloc *a, const char *file)
{
    *r = (struct reader){.alloc = a, .file = file, .fd = -1};
    r->buffer = alloc_zeroed(a, READER_BYTES + READER_PADDING);
    if (r->buffer == NULL)
        return -ENOMEM;
    r->fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0) {
        int err = -errno;

        reader_close(r);
        return err;
    }
    return 0;
}

void reader_close(struct reader *r)
{
    if (r->fd >= 0 && r->fd != STDIN_FILENO)
        close(r->fd);
    alloc_release(r->alloc, r->buffer);
    r->buffer = NULL;
    r->fd = -1;
}

/*
 * At most one unfinished line lies in the buffer when this is called for more room, so little is
 * moved.
 */
static void move_to_front(struct reader *r)
{
    memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->lines_end -= r->begin;
    r->begin = 0;
}

void reader_set_head(struct reader *r, const void *bytes, size_t count)
{
    r->head = bytes;
    r->head_bytes = count;
}

/*
 * Bytes of the head, or one read(2), into what room there is. The count (0: end of file) or -errno.
 * /
 */
static ssize_t read_bytes(struct reader *r)
{
    size_t room = READER_BYTES - r->end;
    ssize_t count;

    if (r->head_bytes > 0) {
        size_t head = r->head_bytes < room ? r->head_bytes : room;

        memcpy(r->buffer + r->end, r->head, head);
        r->head += head;
        r->head_bytes -= head;
        return (ssize_t)head;
    }
    do
        count = read(r->fd, r->buffer + r->end, room);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

/* 0 (at_end may be set now) or -errno. Pre: there is room. */
static int read_some(struct reader *r)
{
    size_t before = r->end;
    const char *newline;
    ssize_t count = read_bytes(r);

    if (count < 0)
        return (int)count;
    r->at_end = count == 0;
    r->end += (size_t)count;
    memset(r->buffer + r->end, 0, READER_PADDING);
    newline = memrchr(r->buffer + before, '\n', r->end - before);
    if (newline != NULL)
        r->lines_end = (size_t)(newline - r->buffer) + 1;
    return 0;
}

/*
 * Unlike reader_block it goes on reading while there are whole lines: recognition wants many of
 * them.
 */
int reader_peek(struct reader *r, size_t bytes)
{
    move_to_front(r);
    while (!r->at_end && r->end < bytes && r->end < READER_BYTES) {
        int err = read_some(r);

        if (err < 0)
            return err;
    }
    return 0;
}

/* The buffer holds nothing but the beginning of one line: drops bytes up to its newline. */
static int drop_line(struct reader *r)
{
    do {
        int err;

        r->bytes_done += r->end;
        r->begin = r->end = r->lines_end = 0;
        err = read_some(r);
        if (err < 0)
            return err;
    } while (r->lines_end == 0 && !r->at_end);
    if (r->lines_end > 0) {
        r->begin = (size_t)((char *)memchr(r->buffer, '\n', r->lines_end) - r->buffer) + 1;
        r->bytes_done += r->begin;
    }
    r->lines++;
    return READER_LONG;
}

/*
 * Lines that are there are handed out before more is read: a pipe's reader should not wait for
 * what it does not need.
 */
int reader_block(struct reader *r, char **start, char **end)
{
    while (r->begin == r->lines_end) {
        int err;

        if (r->at_end) {
            *start = r->buffer + r->begin;
            *end = r->buffer + r->end;
            return r->begin < r->end ? READER_CUT : READER_END;
        }
        move_to_front(r);
        if (r->end == READER_BYTES)
            return drop_line(r);
        err = read_some(r);
        if (err < 0)
            return err;
    }
    *start = r->buffer + r->begin;
    *end = r->buffer + r->lines_end;
    return READER_LINES;
}

/*
 * The remainder of a file without newline may be taken, too (READER_CUT); then lines_end follows.
 */
void reader_take(struct reader *r, const char *upto, uint64_t lines)
{
    size_t taken = (size_t)(upto - (r->buffer + r->begin));

    contract(taken <= r->end - r->begin);
    r->begin += taken;
    if (r->lines_end < r->begin)
        r->lines_end = r->begin;
    r->lines += lines;
    r->bytes_done += taken;
}

int reader_line(struct reader *r, char **line, size_t *length)
{
    char *end;
    char *newline;
    int status = reader_block(r, line, &end);

    if (status == READER_CUT) {
        *length = (size_t)(end - *line);
        reader_take(r, end, 1);
    } else if (status == READER_LINES) {
        newline = memchr(*line, '\n', (size_t)(end - *line));
        *length = (size_t)(newline - *line);
        reader_take(r, newline + 1, 1);
    }
    return status;
}
