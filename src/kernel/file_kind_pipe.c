/*
 * Pipes and pairs of sockets: bytes that wait in a buffer between two descriptions. Layer 7; see
 * file_kind.h.
 *
 * Nobody can wait here: what would block says -EAGAIN, with and without O_NONBLOCK.
 */
#include <fcntl.h>
#include <string.h>

#include "kernel/file_kind.h"

#define PIPE_BYTES 65536u

struct pipe {
    uint32_t ends; /* descriptions that still have it: 2, 1 */
    uint32_t start;
    uint32_t count;
    uint8_t bytes[PIPE_BYTES];
};

static void pipe_put(struct mw_machine *m, struct pipe *pipe)
{
    if (pipe != NULL && --pipe->ends == 0)
        alloc_release(&m->alloc, pipe);
}

static void pipe_release(struct open_file *file)
{
    pipe_put(file->machine, file->in);
    pipe_put(file->machine, file->out);
}

/* Without a writer an empty pipe has ended. What is read stays until it has arrived. */
static int64_t pipe_read(struct open_file *file, uint64_t offset, void *out, uint64_t bytes)
{
    const struct pipe *pipe = file->in;
    uint64_t count = bytes < pipe->count ? bytes : pipe->count;

    (void)offset;
    if (pipe->count == 0)
        return pipe->ends == 2 ? -EAGAIN : 0;
    for (uint64_t i = 0; i < count; i++)
        ((uint8_t *)out)[i] = pipe->bytes[(pipe->start + i) % PIPE_BYTES];
    return (int64_t)count;
}

static void pipe_took(struct open_file *file, uint64_t bytes)
{
    struct pipe *pipe = file->in;

    pipe->start = (uint32_t)((pipe->start + bytes) % PIPE_BYTES);
    pipe->count -= (uint32_t)bytes;
}

/* A piece is a page at most, which is PIPE_BUF: it goes in as a whole or not at all. */
static int64_t pipe_write(struct open_file *file, uint64_t offset, const void *in, uint64_t bytes)
{
    struct pipe *pipe = file->out;

    (void)offset;
    if (pipe->ends != 2)
        return -EPIPE;
    if (bytes > PIPE_BYTES - pipe->count)
        return -EAGAIN;
    for (uint64_t i = 0; i < bytes; i++)
        pipe->bytes[(pipe->start + pipe->count + i) % PIPE_BYTES] = ((const uint8_t *)in)[i];
    pipe->count += (uint32_t)bytes;
    return (int64_t)bytes;
}

static const struct file_kind file_pipe = {
    .seek = FILE_SEEK_NONE,
    .read = pipe_read,
    .write = pipe_write,
    .took = pipe_took,
    .release = pipe_release,
    .fifo = true,
};

/* A socket has an mmap operation, which says no: Linux calls it when it has unmapped already. */
static int socket_map(struct mapped_file *file, bool shared, uint64_t bytes,
                      struct mapped_file **instead)
{
    (void)file;
    (void)shared;
    (void)bytes;
    (void)instead;
    return -ENODEV;
}

static const struct file_kind file_socket = {
    .mapping = {.map = socket_map},
    .seek = FILE_SEEK_NONE,
    .read = pipe_read,
    .write = pipe_write,
    .took = pipe_took,
    .release = pipe_release,
};

static struct pipe *pipe_get(struct pipe *pipe)
{
    pipe->ends++;
    return pipe;
}

/* What was made so far is the caller's to release. */
static int pipe_make(struct mw_machine *m, bool socket, int flags, struct open_file *ends[2],
                     struct pipe *pipes[2])
{
    const struct file_kind *kind = socket ? &file_socket : &file_pipe;
    int status = flags & (O_NONBLOCK | O_DIRECT);

    pipes[0] = alloc_zeroed(&m->alloc, sizeof(*pipes[0]));
    if (socket)
        pipes[1] = alloc_zeroed(&m->alloc, sizeof(*pipes[1]));
    ends[0] = file_new(m, kind, status | (socket ? O_RDWR : O_RDONLY));
    ends[1] = file_new(m, kind, status | (socket ? O_RDWR : O_WRONLY));
    if (pipes[0] == NULL || (socket && pipes[1] == NULL) || ends[0] == NULL || ends[1] == NULL)
        return -ENOMEM;
    ends[0]->in = pipe_get(pipes[0]);
    ends[1]->out = pipe_get(pipes[0]);
    if (socket) {
        ends[1]->in = pipe_get(pipes[1]);
        ends[0]->out = pipe_get(pipes[1]);
    }
    return 0;
}

int file_pipe_new(struct mw_machine *m, bool socket, int flags, struct open_file *ends[2])
{
    struct pipe *pipes[2] = {NULL, NULL};
    int err;

    ends[0] = NULL;
    ends[1] = NULL;
    err = pipe_make(m, socket, flags, ends, pipes);
    if (err == 0)
        return 0;
    for (unsigned i = 0; i < 2; i++) {
        if (ends[i] != NULL)
            mapped_file_put(&ends[i]->mapped);
        alloc_release(&m->alloc, pipes[i]);
    }
    return err;
}
