/*
 * Replaying lackey's log: valgrind's trace of every access and system call of one process.
 *
 * Nearly every line is an access, so these have a loop of their own that goes from line to line of
 * a block without looking for newlines first and without leaving the two functions that parse a
 * line and translate its address. Everything else is a line that is cut out and looked at.
 *
 * The log does not say what was stored, so an access translates each page that it covers and moves
 * no byte.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/addr.h"
#include "hw/mode.h"
#include "kernel/machine.h"
#include "load/flags.h"
#include "load/lackey_lex.h"
#include "load/source.h"

#define LACKEY_PENDING \
    8 /* calls under way in different threads; valgrind runs one at a time, few of them blocked */

/* A call whose result comes in a later line. */
struct lackey_pending {
    int thread; /* 0: the slot is free */
    struct call call;
    char path[REPLAY_PATH_BYTES]; /* of its string argument: the line is gone by then */
};

struct lackey {
    struct process *live;     /* of the machine; set at the beginning of each turn */
    uint64_t signals;         /* of this log */
    uint64_t signals_outside; /* of them, outside of the mode's user range */
    int open_thread;          /* whose call the last line left open; 0: none */
    unsigned next_pending;
    struct lackey_pending pending[LACKEY_PENDING];
};

static struct lackey *lackey_of(struct source *s)
{
    return s->state_of_kind;
}

/* ---- accesses ---- */

/* An access that met a signal. Rare, so it is kept out of the loop's way. */
static __attribute__((noinline)) void lackey_note_signal(struct source *s, uint64_t line,
                                                         const struct mw_signal *signal)
{
    struct lackey *l = lackey_of(s);
    enum mw_mode mode = mw_machine_config(s->replay->machine)->mode;
    bool outside = signal->va >= mode_user_end(mode);

    s->replay->place = source_place(s, line);
    if (signal->signo == SIGKILL) {
        replay_note_signal(s->replay, s->process, signal);
        return;
    }
    s->report->result->signals++;
    if (l->signals++ == 0 && !outside)
        report_line(s->report, s->replay->place, false, "the access met %s %s at %#llx",
                    flags_signal_name(signal->signo),
                    flags_signal_code_name(signal->signo, signal->code),
                    (unsigned long long)signal->va);
    if (outside && l->signals_outside++ == 0)
        report_line(s->report, s->replay->place, false,
                    "the address %#llx is outside of what %s gives a process; try --mode %s",
                    (unsigned long long)signal->va, mw_mode_name(mode),
                    signal->va < mode_user_end(MW_MODE_SV48) ? "sv48" : "sv57");
}

/*
 * The first store of an image is a push on its initial stack: this page is the stack's, and it
 * grows down.
 */
static __attribute__((noinline)) void lackey_map_stack(struct source *s, uint64_t va)
{
    int prot = PROT_READ | PROT_WRITE | PROT_GROWSDOWN;

    s->process->stack_known = true;
    replay_note_error(
        s->replay, s->process,
        mw_map_implicit(s->replay->machine, s->process->pid, page_floor(va), PAGE_BYTES, prot));
}

/* Every page of the bytes. False: one met a signal. */
static inline bool lackey_touch(struct mw_machine *m, struct process *p, uint64_t va,
                                unsigned bytes, enum mw_access access, struct mw_signal *signal)
{
    if (__builtin_expect(machine_access(m, p, va, access, signal) == NULL, 0))
        return false;
    if (__builtin_expect((va & PAGE_MASK) + bytes > PAGE_BYTES, 0))
        return machine_access(m, p, va + bytes - 1, access, signal) != NULL;
    return true;
}

/*
 * A modify is a load, then a store; a table saves the loop three branches that no predictor could
 * learn.
 */
static inline bool lackey_touch_line(struct mw_machine *m, struct process *p,
                                     const struct lackey_access *line, struct mw_signal *signal)
{
    static const enum mw_access first[] = {[LACKEY_FETCH] = MW_FETCH,
                                           [LACKEY_STORE] = MW_STORE,
                                           [LACKEY_LOAD] = MW_LOAD,
                                           [LACKEY_MODIFY] = MW_LOAD};

    if (!lackey_touch(m, p, line->va, line->bytes, first[line->kind], signal))
        return false;
    return line->kind != LACKEY_MODIFY ||
           lackey_touch(m, p, line->va, line->bytes, MW_STORE, signal);
}

/*
 * Replays access lines from `at` on, *left at most. Stops at the end, at a line that is none, or
 * when the process can do no more. `number` is that of the first line.
 */
static const char *lackey_run_accesses(struct source *s, const char *at, const char *end,
                                       uint64_t number, uint64_t *left)
{
    struct process *p = lackey_of(s)->live;
    struct mw_machine *m = s->replay->machine;
    uint64_t count = 0;
    uint64_t modifies = 0;

    while (at < end && count < *left && !s->process->out_of_memory) {
        struct lackey_access line;
        struct mw_signal signal;
        const char *next = lackey_lex_line(at, &line);

        if (__builtin_expect(next == NULL, 0))
            break;
        if (__builtin_expect(!s->process->stack_known && line.kind == LACKEY_STORE, 0))
            lackey_map_stack(s, line.va);
        if (__builtin_expect(!lackey_touch_line(m, p, &line, &signal), 0))
            lackey_note_signal(s, number + count, &signal);
        modifies += line.kind == LACKEY_MODIFY;
        count++;
        at = next;
    }
    s->report->result->accesses += count + modifies;
    *left -= count;
    return at;
}

/*
 * The same for a process that ran out of memory: its lines are read and counted, so that its calls
 * and its end are seen.
 */
static const char *lackey_skip_accesses(struct source *s, const char *at, const char *end,
                                        uint64_t *left)
{
    while (*left > 0 && at < end) {
        struct lackey_access line;
        const char *next = lackey_lex_line(at, &line);

        if (next == NULL)
            break;
        s->report->result->accesses += line.kind == LACKEY_MODIFY ? 2 : 1;
        at = next;
        (*left)--;
    }
    return at;
}

/* ---- system calls ---- */

/* NULL: no call of this thread is under way. */
static struct lackey_pending *lackey_find_pending(struct lackey *l, int thread)
{
    for (unsigned i = 0; i < LACKEY_PENDING; i++)
        if (l->pending[i].thread == thread)
            return &l->pending[i];
    return NULL;
}

/*
 * Keeps a call until its result comes. Of strings only one that fits is kept; no call that is
 * replayed has two.
 */
static void lackey_keep(struct lackey *l, int thread, const struct call *call)
{
    struct lackey_pending *slot = lackey_find_pending(l, thread);
    bool kept = false;

    if (slot == NULL)
        slot = &l->pending[l->next_pending++ % LACKEY_PENDING];
    slot->thread = thread;
    slot->call = *call;
    for (unsigned i = 0; i < slot->call.arg_count; i++) {
        struct call_arg *arg = &slot->call.args[i];

        if (arg->kind != CALL_ARG_STRING)
            continue;
        if (kept || arg->text.length >= sizeof(slot->path)) {
            arg->kind = CALL_ARG_OPAQUE;
            arg->text = (struct call_slice){"", 0};
            continue;
        }
        memcpy(slot->path, arg->text.bytes, arg->text.length);
        slot->path[arg->text.length] = '\0';
        arg->text.bytes = slot->path;
        kept = true;
    }
}

/* With WNOHANG the caller goes on at once, so its log need not wait either. */
static bool lackey_is_wait(const struct call *call)
{
    return (strcmp(call->name, "wait4") == 0 || strcmp(call->name, "waitpid") == 0) &&
           (call_int(call, 2) & WNOHANG) == 0;
}

/*
 * False is told as a bad line: a call of ours whose arguments are missing was not understood,
 * whatever its result.
 */
static bool lackey_replay(struct source *s, const struct call *call)
{
    if (replay_call(s->replay, s->process, call))
        return true;
    report_bad(s->report, &s->bad, s->replay->place, "%s: its arguments are not understood",
               call->name);
    return false;
}

/* The result of a call that an earlier line began. */
static void lackey_finish_call(struct source *s, int thread, const struct call_result *result)
{
    struct lackey_pending *slot = thread > 0 ? lackey_find_pending(lackey_of(s), thread) : NULL;

    if (slot == NULL) {
        report_bad(s->report, &s->bad, s->replay->place,
                   "the result of a call that is not in the log");
        return;
    }
    slot->call.result = *result;
    lackey_replay(s, &slot->call);
    slot->thread = 0;
}

/*
 * One SYSCALL line. A wait is looked at where it begins, because its end is not in the log when a
 * signal interrupted it.
 */
static void lackey_call_line(struct source *s, char *line, size_t length)
{
    struct lackey *l = lackey_of(s);
    struct lackey_call lexed;
    const char *why;

    if (!lackey_lex_call(line, length, &lexed, &why)) {
        report_bad(s->report, &s->bad, s->replay->place, "%s", why);
        return;
    }
    if (s->log_pid == 0)
        s->log_pid = lexed.pid; /* a log without its head: the first call says whose it is */
    if (lexed.pid != s->log_pid) {
        report_bad(s->report, &s->bad, s->replay->place,
                   "a call of process %d in the log of process %d", lexed.pid, s->log_pid);
        return;
    }
    if (lackey_is_wait(&lexed.call) && lexed.phase == LACKEY_BEGAN)
        source_wait(s, s->process, call_int(&lexed.call, 0));
    switch (lexed.phase) {
    case LACKEY_WHOLE:
        if (lackey_is_wait(&lexed.call) && lexed.call.result.kind == CALL_RESULT_VALUE)
            source_wait(s, s->process, (int)lexed.call.result.value);
        lackey_replay(s, &lexed.call);
        break;
    case LACKEY_BEGAN:
        lackey_keep(l, lexed.thread, &lexed.call);
        break;
    case LACKEY_OPEN:
        lackey_keep(l, lexed.thread, &lexed.call);
        l->open_thread = lexed.thread;
        break;
    case LACKEY_ENDED:
        lackey_finish_call(s, lexed.thread, &lexed.call.result);
        break;
    }
}

/* ---- lines ---- */

static bool slice_begins(struct call_slice slice, const char *word)
{
    return slice.length >= strlen(word) && memcmp(slice.bytes, word, strlen(word)) == 0;
}

/* Takes pid and parent from a banner line; true when it is the first one of a log. */
static bool lackey_read_banner(struct source *s, int pid, struct call_slice text)
{
    char number[16] = "";

    if (slice_begins(text, "Lackey")) {
        s->log_pid = pid;
        s->parent = 0;
        return true;
    }
    if (pid == s->log_pid && slice_begins(text, "Parent PID: ")) {
        size_t digits = text.length - strlen("Parent PID: ");

        memcpy(number, text.bytes + strlen("Parent PID: "), digits < sizeof(number) ? digits : 0);
        (void)sscanf(number, "%d", &s->parent);
    }
    return false;
}

/*
 * No more lines of this process: closing diagnostic, and the state of the log is as new for the
 * next one in the stream.
 */
static void lackey_end_process(struct source *s)
{
    struct lackey *l = lackey_of(s);

    if (l->signals > 1)
        report_line(
            s->report, source_place(s, 0), false,
            "%llu accesses of process %d met a signal, %llu of them outside of the mode's range",
            (unsigned long long)l->signals, s->log_pid, (unsigned long long)l->signals_outside);
    memset(l, 0, sizeof(*l));
    replay_end_log(s->replay, s->process);
    s->process = NULL;
}

/*
 * Between lines of accesses: closing statistics of the own process, the head of the next log, or
 * a stranger.
 */
static void lackey_banner_line(struct source *s, int pid, struct call_slice text)
{
    int own = s->log_pid;

    if (slice_begins(text, "Lackey")) { /* the next log in this stream */
        lackey_end_process(s);
        s->state = SOURCE_NEW;
        s->forced = false;
        s->continues = false;
        lackey_read_banner(s, pid, text);
    } else if (own != 0 && pid != own) {
        report_bad(s->report, &s->bad, s->replay->place,
                   "a line of process %d in the log of process %d", pid, own);
    }
}

/* A line that is no access. */
static void lackey_other_line(struct source *s, char *line, size_t length)
{
    struct lackey *l = lackey_of(s);
    struct call_result result;
    struct call_slice text;
    int pid;

    if (length >= 8 && memcmp(line, "SYSCALL[", 8) == 0) {
        lackey_call_line(s, line, length);
    } else if (lackey_lex_result(line, length, &result)) {
        int thread = l->open_thread;

        l->open_thread = 0;
        lackey_finish_call(s, thread, &result);
    } else if (lackey_lex_banner(line, length, &pid, &text)) {
        lackey_banner_line(s, pid, text);
    } else if (length > 0) {
        report_bad(s->report, &s->bad, s->replay->place, "not a line of lackey's log");
    }
}

/* ---- the log ---- */

/*
 * The log of a forked child that has not called exec begins with the end of the line in which its
 * parent called fork: the child's result, 0.
 */
static bool lackey_continues_fork(struct source *s, const char *line, size_t length)
{
    struct call_result result;

    if (s->continues || !lackey_lex_result(line, length, &result) ||
        result.kind != CALL_RESULT_VALUE || result.value != 0)
        return false;
    s->continues = true;
    return true;
}

/* Reads the head of a log, up to the first line of its process's own. */
static int lackey_prime(struct source *s)
{
    char *start;
    char *end;
    int status;

    if (s->state_of_kind == NULL)
        s->state_of_kind = alloc_zeroed(s->replay->alloc, sizeof(struct lackey));
    if (s->state_of_kind == NULL)
        return -ENOMEM;
    while ((status = reader_block(&s->reader, &start, &end)) == READER_LINES) {
        char *newline = memchr(start, '\n', (size_t)(end - start));
        struct call_slice text;
        int pid;

        if (lackey_lex_banner(start, (size_t)(newline - start), &pid, &text))
            lackey_read_banner(s, pid, text);
        else if (!lackey_continues_fork(s, start, (size_t)(newline - start)))
            return 0;
        reader_take(&s->reader, newline + 1, 1);
        s->report->result->lines++;
    }
    return status < 0 ? status : 0;
}

/*
 * The banner may have been read already, by lackey_prime at the start of the run; then there is
 * none left to read.
 */
static int lackey_begin(struct source *s)
{
    int err = lackey_prime(s);

    if (err == 0)
        err = replay_begin(s->replay, s->log_pid, s->continues, &s->process);
    if (err < 0)
        return err;
    s->state = SOURCE_RUNNING;
    return 0;
}

/* As much of a block of whole lines as the turn allows. */
static void lackey_run_block(struct source *s, char *start, const char *end, uint64_t *left)
{
    uint64_t first = s->reader.lines + 1;
    uint64_t turn = *left;
    const char *at = start;

    while (at<end && * left> 0 && s->state == SOURCE_RUNNING) {
        bool skipping = s->process->out_of_memory;
        const char *newline;

        if (skipping)
            at = lackey_skip_accesses(s, at, end, left);
        else
            at = lackey_run_accesses(s, at, end, first + (turn - *left), left);
        if (at == end || *left == 0 || s->process->out_of_memory != skipping)
            continue;
        newline = memchr(at, '\n', (size_t)(end - at));
        s->replay->place = source_place(s, first + (turn - *left));
        lackey_other_line(s, start + (at - start), (size_t)(newline - at));
        at = newline + 1;
        (*left)--;
    }
    s->report->result->lines += turn - *left;
    reader_take(&s->reader, at, turn - *left);
}

/* A line that the reader could not give whole. */
static void lackey_bad_line(struct source *s, int status, const char *end)
{
    s->report->result->lines++;
    if (status == READER_CUT) {
        reader_take(&s->reader, end, 1);
        report_bad(s->report, &s->bad, source_place(s, s->reader.lines),
                   "the log ends in the middle of a line");
    } else {
        report_bad(s->report, &s->bad, source_place(s, s->reader.lines),
                   "the line is longer than %zu bytes", READER_BYTES);
    }
}

/*
 * `live` is looked up anew each turn: another log's turn may have changed the table of processes.
 */
static int lackey_turn(struct source *s, uint64_t lines)
{
    int err = s->state == SOURCE_NEW ? lackey_begin(s) : 0;

    if (err < 0)
        return err;
    lackey_of(s)->live = machine_process(s->replay->machine, s->process->pid);
    while (lines > 0 && s->state == SOURCE_RUNNING) {
        char *start;
        char *end;
        int status = reader_block(&s->reader, &start, &end);

        if (status < 0)
            return status;
        if (status == READER_LINES) {
            lackey_run_block(s, start, end, &lines);
        } else if (status == READER_END) {
            lackey_end_process(s);
            s->state = SOURCE_ENDED;
        } else {
            lackey_bad_line(s, status, end);
            lines--;
        }
    }
    return s->state == SOURCE_NEW ? lackey_prime(s)
                                  : 0; /* so that the scheduler knows whose log is next */
}

static void lackey_close(struct source *s)
{
    alloc_release(s->replay->alloc, s->state_of_kind);
}

const struct source_kind source_lackey = {lackey_prime, lackey_turn, lackey_close};
