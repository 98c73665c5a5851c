/*
 * Replaying strace's log: the system calls of a process and, with -f, of its children and threads.
 *
 * The lines of one file stand in the order in which things happened, so processes of one file never
 * wait for each other here. A call that was under way when another process's line was printed comes
 * in two halves, which are joined; a child may show up before the second half of the fork that made
 * it. Files of `strace -ff` hold one process each, named by the file's last component; these do
 * wait.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "load/call_parse.h"
#include "load/source.h"

#define STRACE_THREADS    4096 /* known at one time: bounds the memory that a hostile log can take */
#define STRACE_HALF_BYTES 65536 /* of the first half of a call */

/*
 * What is known of a pid of the log besides its process: half a call, or that it is a thread of
 * another.
 */
struct strace_thread {
    struct strace_thread *next;
    int tid;
    int log_pid;    /* of the process: tid itself unless it is a thread */
    bool forks;     /* its unfinished call will make a process that has not been seen yet */
    uint64_t flags; /* of that call */
    char *half;     /* the unfinished call; NULL: none */
    size_t half_length;
};

struct strace {
    struct strace_thread *threads; /* the one whose call has been unfinished longest first */
    unsigned count;
};

static struct strace *strace_of(struct source *s)
{
    return s->state_of_kind;
}

static struct strace_thread *strace_find(struct source *s, int tid)
{
    struct strace_thread *t = strace_of(s)->threads;

    while (t != NULL && t->tid != tid)
        t = t->next;
    return t;
}

/* With the half of a call that it may hold. */
static void strace_forget(struct source *s, struct strace_thread *t)
{
    struct strace_thread **link = &strace_of(s)->threads;

    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    strace_of(s)->count--;
    alloc_release(s->replay->alloc, t->half);
    alloc_release(s->replay->alloc, t);
}

/* A new entry at the end of the list, or NULL. */
static struct strace_thread *strace_remember(struct source *s, int tid, int log_pid)
{
    struct strace_thread **link = &strace_of(s)->threads;
    struct strace_thread *t;

    if (strace_of(s)->count >= STRACE_THREADS)
        return NULL;
    t = alloc_zeroed(s->replay->alloc, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->tid = tid;
    t->log_pid = log_pid;
    while (*link != NULL)
        link = &(*link)->next;
    *link = t;
    strace_of(s)->count++;
    return t;
}

/* ---- whose line is it? ---- */

/* Shares the address space without being a copy that is to exec: a thread, or as good as one. */
static bool strace_is_thread(uint64_t flags)
{
    return (flags & CLONE_VM) != 0 && (flags & CLONE_VFORK) == 0;
}

/*
 * A pid that nobody has seen: the child of the fork that has been under way longest. NULL: no fork
 * is.
 */
static struct replay_process *strace_adopt(struct source *s, int tid)
{
    struct strace_thread *parent = strace_of(s)->threads;
    struct replay_process *p;

    while (parent != NULL && !parent->forks)
        parent = parent->next;
    if (parent == NULL)
        return NULL;
    p = replay_find(s->replay, parent->log_pid);
    if (p == NULL || p->ended)
        return NULL;
    parent->forks = false;
    if (!strace_is_thread(parent->flags))
        return replay_fork(s->replay, p, tid);
    return strace_remember(s, tid, p->log_pid) != NULL ? p : NULL;
}

/* The process of a line's pid, made if need be. *out NULL: it has ended, or could not be made. */
static int strace_select(struct source *s, int tid, struct replay_process **out)
{
    const struct strace_thread *thread = strace_find(s, tid);

    *out = replay_find(s->replay, thread != NULL ? thread->log_pid : tid);
    if (*out == NULL)
        *out = strace_adopt(s, tid);
    if (*out == NULL) {
        int err = replay_spawn(s->replay, tid, out);

        if (err < 0)
            return err;
        if (tid == 0)
            s->log_pid = (*out)->log_pid;
    }
    if ((*out)->ended)
        *out = NULL;
    return 0;
}

static bool strace_bad(struct source *s, const struct call_error *error)
{
    report_bad(s->report, &s->bad, s->replay->place, "column %zu: %s", error->column, error->text);
    return false;
}

/* ---- calls ---- */

static bool call_is(const struct call *call, const char *name)
{
    return strcmp(call->name, name) == 0;
}

static bool call_makes_process(const char *name)
{
    return strncmp(name, "clone", 5) == 0 || strcmp(name, "fork") == 0 ||
           strcmp(name, "vfork") == 0;
}

/* clone succeeded: a thread's pid is remembered as its process's. True when that was all. */
static bool strace_note_thread(struct source *s, const struct replay_process *p,
                               const struct call *call)
{
    uint64_t flags = 0;
    int tid = (int)call->result.value;

    if (!replay_succeeded(call) || tid <= 0 || !call_makes_process(call->name) ||
        !replay_clone_flags(call, &flags) || !strace_is_thread(flags))
        return false;
    if (strace_find(s, tid) == NULL && replay_find(s->replay, tid) == NULL)
        (void)strace_remember(s, tid, p->log_pid);
    return true;
}

/*
 * What ends or makes threads is dealt with here, as only this file knows threads; everything else
 * is replay_call's.
 */
static void strace_replay(struct source *s, struct replay_process *p, int tid,
                          const struct call *call)
{
    struct strace_thread *thread = strace_find(s, tid);

    if (call_is(call, "exit_group")) {
        s->report->result->calls_replayed++;
        replay_maps_exit(s->replay, p);
        replay_exit(s->replay, p, call_int(call, 0) & 0xff);
        return;
    }
    if (call_is(call,
                "exit")) { /* of a thread; the last one's "+++ exited" line ends the process */
        s->report->result->calls_replayed++;
        if (thread != NULL && thread->log_pid != tid)
            strace_forget(s, thread);
        return;
    }
    (void)strace_note_thread(s, p, call);
    if (!replay_call(s->replay, p, call))
        report_bad(s->report, &s->bad, s->replay->place, "%s: its arguments are not understood",
                   call->name);
    if (call_is(call, "wait4") && call->result.kind == CALL_RESULT_VALUE && call->result.value > 0)
        source_wait(s, p, (int)call->result.value);
}

/* A call without a result was cut: by the end of the log, or by the death of its process. */
static void strace_call_text(struct source *s, struct replay_process *p, int tid, char *text,
                             size_t length)
{
    static const struct call_rules rules = {.strict = false};
    struct call_error error;
    struct call call;

    if (!call_parse(text, text, length, &rules, &call, &error))
        strace_bad(s, &error);
    else if (call.result.kind == CALL_RESULT_NONE)
        report_bad(s->report, &s->bad, s->replay->place, "%s: the call has no result", call.name);
    else
        strace_replay(s, p, tid, &call);
}

/* ---- calls in two halves ---- */

/* What kind of fork an unfinished call is: its first half shows the flags, if it shows anything. */
static void strace_note_fork(struct strace_thread *t)
{
    struct call_slice text = {t->half, t->half_length};
    struct call_slice name;

    if (!call_looks_like_call(t->half, t->half_length, &name))
        return;
    t->forks = (name.length >= 5 && memcmp(name.bytes, "clone", 5) == 0) ||
               (name.length == 4 && memcmp(name.bytes, "fork", 4) == 0) ||
               (name.length == 5 && memcmp(name.bytes, "vfork", 5) == 0);
    t->flags = 0;
    (void)call_member(text, "flags", &t->flags);
}

/*
 * A call's first half. It is kept raw and parsed with the second, because either may be cut
 * inside of an argument.
 */
static void strace_unfinished(struct source *s, const struct replay_process *p, int tid,
                              const struct call_line *line)
{
    struct strace_thread *t = strace_find(s, tid);

    if (t != NULL && t->log_pid == tid) {
        strace_forget(s, t); /* the list stays in the order in which calls began */
        t = NULL;
    }
    if (t == NULL)
        t = strace_remember(s, tid, p->log_pid);
    if (t != NULL) {
        alloc_release(s->replay->alloc, t->half);
        t->half = line->body_length <= STRACE_HALF_BYTES
                      ? alloc_zeroed(s->replay->alloc, line->body_length + 1)
                      : NULL;
    }
    if (t == NULL || t->half == NULL) {
        report_bad(s->report, &s->bad, s->replay->place,
                   "there is no room to keep this half of a call");
        return;
    }
    memcpy(t->half, line->body, line->body_length);
    t->half_length = line->body_length;
    strace_note_fork(t);
}

/* Joins both halves in a block of their own. NULL: no memory. */
static char *strace_join(struct source *s, const struct strace_thread *t,
                         const struct call_line *line)
{
    char *whole = alloc_zeroed(s->replay->alloc, t->half_length + line->body_length + 1);

    if (whole == NULL)
        return NULL;
    memcpy(whole, t->half, t->half_length);
    memcpy(whole + t->half_length, line->body, line->body_length);
    return whole;
}

/*
 * A second half must be of the call that its thread began; anything else is told, and the half is
 * kept for the one that fits.
 */
static int strace_resumed(struct source *s, struct replay_process *p, int tid,
                          const struct call_line *line)
{
    struct strace_thread *t = strace_find(s, tid);
    struct call_slice name = {"", 0};
    size_t length;
    char *whole;

    if (t == NULL || t->half == NULL || !call_looks_like_call(t->half, t->half_length, &name) ||
        name.length != line->name.length ||
        memcmp(name.bytes, line->name.bytes, name.length) != 0) {
        report_bad(s->report, &s->bad, s->replay->place,
                   "the end of a call whose beginning is not in the log");
        return 0;
    }
    whole = strace_join(s, t, line);
    if (whole == NULL)
        return -ENOMEM;
    length = t->half_length + line->body_length;
    if (t->log_pid == tid) {
        strace_forget(s, t);
    } else {
        alloc_release(s->replay->alloc, t->half);
        t->half = NULL;
        t->forks = false;
    }
    strace_call_text(s, p, tid, whole, length);
    alloc_release(s->replay->alloc, whole);
    return 0;
}

/* ---- lines ---- */

/* "+++ exited with N +++", "+++ killed by SIGNAL +++" */
static void strace_gone(struct source *s, int tid, int status)
{
    struct strace_thread *t = strace_find(s, tid);
    struct replay_process *p = replay_find(s->replay, tid);

    if (t != NULL)
        strace_forget(s, t);
    if (p != NULL && !p->ended)
        replay_exit(s->replay, p, status);
}

/* Lines without a pid belong to the file's one process. */
static bool strace_pid(struct source *s, const struct call_line *line, int *tid)
{
    int64_t value = 0;

    *tid = s->log_pid;
    if (!line->has_pid)
        return true;
    for (size_t i = 0; i < line->pid.length; i++) {
        char byte = line->pid.bytes[i];

        if (byte < '0' || byte > '9' || value > INT32_MAX)
            return false;
        value = value * 10 + (byte - '0');
    }
    *tid = (int)value;
    return value > 0 && value <= INT32_MAX;
}

/*
 * Ends of processes come first: their pid may be one that is gone already, and must not be made
 * again.
 */
static int strace_split_line(struct source *s, struct call_line *line, int tid)
{
    struct replay_process *p;
    int err;

    if (line->kind == CALL_LINE_EXITED || line->kind == CALL_LINE_KILLED) {
        strace_gone(s, tid, (int)line->number);
        return 0;
    }
    if (line->kind == CALL_LINE_SIGNAL)
        return 0; /* it tells what the calls around it cause and show themselves */
    err = strace_select(s, tid, &p);
    if (err < 0 || p == NULL)
        return err;
    if (tid == 0)
        tid = s->log_pid;
    switch (line->kind) {
    case CALL_LINE_UNFINISHED:
        strace_unfinished(s, p, tid, line);
        return 0;
    case CALL_LINE_RESUMED:
        return strace_resumed(s, p, tid, line);
    default:
        strace_call_text(s, p, tid, line->body, line->body_length);
        return 0;
    }
}

static int strace_line(struct source *s, char *text, size_t length)
{
    struct call_line line;
    struct call_error error;
    int tid;

    if (!call_line_split(text, length, &line, &error)) {
        strace_bad(s, &error);
        return 0;
    }
    if (line.kind == CALL_LINE_BLANK)
        return 0;
    if (!strace_pid(s, &line, &tid)) {
        report_bad(s->report, &s->bad, s->replay->place, "the pid is not understood");
        return 0;
    }
    return strace_split_line(s, &line, tid);
}

/* ---- the log ---- */

/* "out.23366" is the log of process 23366 (strace -ff). 0: the name has no such end. */
static int strace_pid_of_file(const char *file)
{
    const char *dot = strrchr(file, '.');
    char *end;
    long pid;

    if (dot == NULL || dot[1] < '0' || dot[1] > '9')
        return 0;
    pid = strtol(dot + 1, &end, 10);
    return *end == '\0' && pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
}

/*
 * The first call tells: a process that execs first is one that strace started; the others continue
 * a fork.
 */
static int strace_prime(struct source *s)
{
    struct call_slice name;
    const char *start;
    const char *newline;
    int err;

    if (s->state_of_kind != NULL)
        return 0;
    s->state_of_kind = alloc_zeroed(s->replay->alloc, sizeof(struct strace));
    if (s->state_of_kind == NULL)
        return -ENOMEM;
    err = reader_peek(&s->reader, 4096);
    start = s->reader.buffer + s->reader.begin;
    newline = memchr(start, '\n', s->reader.end - s->reader.begin);
    if (err < 0 || newline == NULL ||
        !call_looks_like_call(start, (size_t)(newline - start), &name))
        return err;
    if (*start >= '0' && *start <= '9')
        return 0; /* lines with pids: one file holds them all */
    s->log_pid = strace_pid_of_file(s->reader.file);
    s->follows_fork =
        s->log_pid != 0 && !(name.length == 6 && memcmp(name.bytes, "execve", 6) == 0);
    return 0;
}

/* A log of one process continues the fork that made it; its image is its parent's. */
static void strace_begin(struct source *s)
{
    struct replay_process *p = s->log_pid != 0 ? replay_find(s->replay, s->log_pid) : NULL;

    s->state = SOURCE_RUNNING;
    if (p == NULL)
        return;
    p->has_log = true;
    p->started = true;
}

/*
 * Only a log of one process ends with its file; processes of a file of many stay as they are, to
 * be looked at.
 */
static void strace_end(struct source *s)
{
    struct replay_process *p = s->log_pid != 0 ? replay_find(s->replay, s->log_pid) : NULL;

    s->state = SOURCE_ENDED;
    if (p != NULL && p->has_log)
        replay_end_log(s->replay, p);
}

/* A last line without newline is not replayed: its numbers may be cut. */
static int strace_turn(struct source *s, uint64_t lines)
{
    int err = 0;

    if (s->state == SOURCE_NEW)
        strace_begin(s);
    for (; lines > 0 && err == 0 && s->state == SOURCE_RUNNING; lines--) {
        char *text = NULL;
        size_t length = 0;
        int status = reader_line(&s->reader, &text, &length);

        if (status < 0)
            return status;
        if (status == READER_END) {
            strace_end(s);
            break;
        }
        s->report->result->lines++;
        s->replay->place = source_place(s, s->reader.lines);
        if (status == READER_LONG)
            report_bad(s->report, &s->bad, s->replay->place, "the line is longer than %zu bytes",
                       READER_BYTES);
        else if (status == READER_CUT)
            report_bad(s->report, &s->bad, s->replay->place,
                       "the log ends in the middle of a line");
        else
            err = strace_line(s, text, length);
    }
    return err;
}

static void strace_close(struct source *s)
{
    if (s->state_of_kind == NULL)
        return;
    while (strace_of(s)->threads != NULL)
        strace_forget(s, strace_of(s)->threads);
    alloc_release(s->replay->alloc, s->state_of_kind);
}

const struct source_kind source_strace = {strace_prime, strace_turn, strace_close};
