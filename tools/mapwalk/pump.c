/*
 * Copying a log from a pipe to where it belongs. See pump.h.
 *
 * The pipe's end is not waited for: a daemon that the program leaves behind may hold it for ever.
 * The program's own end is; what the pipe holds then is the rest of the log.
 */
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

#define PUMP_BYTES 65536 /* as much as a pipe holds */

struct pump {
    pid_t pid; /* of the program */
    int ended; /* readable when the program has ended */
    int from;  /* end of the pipe; it never blocks */
    int to;
};

/* In the child: becomes the program. */
static _Noreturn void pump_become(char *const argv[], int pipe_end, bool stdout_to_stderr)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    if (dup2(pipe_end, PUMP_FD) < 0 || (stdout_to_stderr && dup2(STDERR_FILENO, STDOUT_FILENO) < 0))
        _exit(TOOL_IO);
    execvp(argv[0], argv);
    tool_complain_exec(argv[0], errno);
    _exit(TOOL_NO_VALGRIND);
}

/* Starts the program. 0 or -errno. */
static int pump_start(struct pump *p, char *const argv[], bool stdout_to_stderr)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    p->pid = fork();
    if (p->pid == 0)
        pump_become(argv, ends[1], stdout_to_stderr);
    close(ends[1]);
    p->from = ends[0];
    if (p->pid < 0)
        return -errno;
    p->ended = pidfd_open(p->pid, 0);
    if (p->ended < 0 || fcntl(p->from, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

static int pump_write(int to, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(to, bytes, count);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        }
    }
    return 0;
}

/* Copies what the pipe holds now. 1: it was empty; 2: it has no writer any more; or -errno. */
static int pump_drain(struct pump *p)
{
    char bytes[PUMP_BYTES];

    for (;;) {
        ssize_t got = read(p->from, bytes, sizeof(bytes));
        int err;

        if (got == 0)
            return 2;
        if (got < 0 && errno == EAGAIN)
            return 1;
        if (got < 0 && errno != EINTR)
            return -errno;
        err = got > 0 ? pump_write(p->to, bytes, (size_t)got) : 0;
        if (err < 0)
            return err;
    }
}

/* Copies until the program has ended. 0 or -errno. */
static int pump_copy(struct pump *p)
{
    struct pollfd waits[2] = {{.fd = p->ended, .events = POLLIN},
                              {.fd = p->from, .events = POLLIN}};
    int drained = 1;

    while (drained > 0 && (waits[0].revents & POLLIN) == 0) {
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            return -errno;
        drained = pump_drain(p);
        if (drained == 2)
            waits[1].fd = -1; /* a closed pipe would be readable for ever */
    }
    return drained < 0 ? drained : 0;
}

/* The exit status of an ended program; by a signal: ours is the same end. */
static int pump_status(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

int pump_run(char *const argv[], int out, const char *name, bool stdout_to_stderr)
{
    struct pump p = {.pid = -1, .ended = -1, .from = -1, .to = out};
    int status = 0;
    int err;

    /* The terminal's signals are for the program; the log of what it still does is wanted. */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    err = pump_start(&p, argv, stdout_to_stderr);
    if (err == 0)
        err = pump_copy(&p);
    if (err < 0 && p.pid > 0)
        kill(p.pid, SIGTERM);
    close(p.from);
    close(p.ended);
    if (p.pid > 0 && waitpid(p.pid, &status, 0) < 0 && err == 0)
        err = -errno;
    return err < 0 ? tool_complain_file(name, err) : pump_status(status);
}
