/*
 * The calls of scenarios about descriptors: doubling and marking them, pipes, and moving data.
 *
 * Layer 8. What would block is refused, as nobody else acts while a line does; with O_NONBLOCK it is
 * EAGAIN as in Linux.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "load/scenario_call.h"

static bool do_dup(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_dup(s->machine, s->pid, INT(0)));
}

static bool do_dup2(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_dup2(s->machine, s->pid, INT(0), INT(1)));
}

static bool do_dup3(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_dup3(s->machine, s->pid, INT(0), INT(1), INT(2)));
}

static bool do_fcntl(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_fcntl(s->machine, s->pid, INT(0), INT(1), ARG(2)));
}

/* ---- two at once ---- */

/* "[3, 4]"; what is not of this form is not checked. */
bool scenario_check_pair(struct scenario *s, const struct call *call, unsigned index,
                         const int fds[2])
{
    const struct call_slice text = call->args[index].text;
    char copy[40];
    int expected[2];

    if (call->args[index].kind != CALL_ARG_OPAQUE || text.length >= sizeof(copy))
        return true;
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    if (sscanf(copy, "[%d, %d]", &expected[0], &expected[1]) != 2 ||
        (expected[0] == fds[0] && expected[1] == fds[1]))
        return true;
    return scenario_refuse(s, "%s: the descriptors are %d and %d", call->name, fds[0], fds[1]);
}

static bool do_pipe(struct scenario *s, const struct call *call, struct outcome *out)
{
    int fds[2] = {0, 0};

    outcome_value(out, mw_pipe2(s->machine, s->pid, fds, INT(1)));
    return out->value < 0 || scenario_check_pair(s, call, 0, fds);
}

static bool do_socketpair(struct scenario *s, const struct call *call, struct outcome *out)
{
    int fds[2] = {0, 0};

    outcome_value(out, mw_socketpair(s->machine, s->pid, INT(0), INT(1), INT(2), fds));
    return out->value < 0 || scenario_check_pair(s, call, 3, fds);
}

static bool do_memfd_create(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(
        out, mw_memfd_create(s->machine, s->pid, call_string(call, 0), (unsigned)INT(1)));
}

/* ---- moving data ---- */

static bool finish_transfer(struct scenario *s, const struct call *call, struct outcome *out,
                            int64_t moved)
{
    if (moved == -EAGAIN && !(mw_fcntl(s->machine, s->pid, INT(0), F_GETFL, 0) & O_NONBLOCK))
        return scenario_refuse(s, "%s would wait for ever", call->name);
    return outcome_value(out, moved);
}

static bool do_read(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish_transfer(s, call, out, mw_read(s->machine, s->pid, INT(0), ARG(1), ARG(2)));
}

static bool do_write(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish_transfer(s, call, out, mw_write(s->machine, s->pid, INT(0), ARG(1), ARG(2)));
}

static bool do_readv(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish_transfer(s, call, out, mw_readv(s->machine, s->pid, INT(0), ARG(1), ARG(2)));
}

static bool do_writev(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish_transfer(s, call, out, mw_writev(s->machine, s->pid, INT(0), ARG(1), ARG(2)));
}

static bool do_pread(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_pread(s->machine, s->pid, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_pwrite(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_pwrite(s->machine, s->pid, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_preadv(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_preadv(s->machine, s->pid, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_pwritev(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_pwritev(s->machine, s->pid, INT(0), ARG(1), ARG(2), ARG(3)));
}

static const struct scenario_entry calls[] = {
    {"dup", "n", false, false, false, do_dup},
    {"dup2", "nn", false, false, false, do_dup2},
    {"dup3", "nn|n", false, false, false, do_dup3},
    {"fcntl", "nn|n", false, false, false, do_fcntl},
    {"memfd_create", "sn", false, false, false, do_memfd_create},
    {"pipe", "a", false, false, false, do_pipe},
    {"pipe2", "an", false, false, false, do_pipe},
    {"pread64", "nnnn", false, false, false, do_pread},
    {"preadv", "nnnn", false, false, false, do_preadv},
    {"pwrite64", "nnnn", false, false, false, do_pwrite},
    {"pwritev", "nnnn", false, false, false, do_pwritev},
    {"read", "nnn", false, false, false, do_read},
    {"readv", "nnn", false, false, false, do_readv},
    {"socketpair", "nnna", false, false, false, do_socketpair},
    {"write", "nnn", false, false, false, do_write},
    {"writev", "nnn", false, false, false, do_writev},
};

const struct scenario_entry *scenario_find_descriptor(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    return NULL;
}
