/*
 * Lines: whose a line is, and whether it holds a call, half a call, the end of a process or a
 * signal.
 */
#include <string.h>

#include "load/call_cursor.h"

static const char unfinished_mark[] = "<unfinished ...>";

/* Digits, or "[pid N]", or "[name]". False: an error. */
static bool take_pid(struct call_cursor *c, struct call_line *out)
{
    if (call_is_digit(call_peek(c))) {
        out->pid.bytes = c->at;
        while (call_is_digit(call_peek(c)))
            c->at++;
        out->pid.length = (size_t)(c->at - out->pid.bytes);
        out->has_pid = true;
        return call_is_blank(call_peek(c)) ||
               call_fail(c, c->at, "expected a blank behind the pid");
    }
    if (!call_take(c, '['))
        return true;
    call_skip_blank(c);
    if (call_take_word(c, "pid "))
        call_skip_blank(c);
    out->pid.bytes = c->at;
    while (call_is_name(call_peek(c)))
        c->at++;
    out->pid.length = (size_t)(c->at - out->pid.bytes);
    out->has_pid = true;
    call_skip_blank(c);
    return (out->pid.length > 0 && call_take(c, ']')) ||
           call_fail(c, c->at, "expected [pid N] or [name]");
}

/* strace -t, -tt, -ttt, -r: a word of digits, dots and colons before the call. */
static void skip_timestamp(struct call_cursor *c)
{
    char *at = c->at;
    bool stamp = false;

    while (at < c->end && (call_is_digit(*at) || *at == '.' || *at == ':')) {
        stamp = stamp || *at == '.' || *at == ':';
        at++;
    }
    if (stamp && at < c->end && call_is_blank(*at))
        c->at = at;
    call_skip_blank(c);
}

/* "123 " is a pid, "12:34:56 " and "0.000123 " are times. */
static bool begins_with_time(const struct call_cursor *c)
{
    const char *at = c->at;

    while (at < c->end && call_is_digit(*at))
        at++;
    return at > c->at && at < c->end && (*at == ':' || *at == '.');
}

/* "exited with 3 +++": a status has at most three digits. */
static bool split_exit(struct call_cursor *c, struct call_line *out)
{
    if (!call_take_word(c, "exited with ")) {
        out->kind = CALL_LINE_KILLED;
        if (!call_take_word(c, "killed by "))
            return call_fail(c, c->at, "expected 'exited with' or 'killed by'");
        out->name = call_take_name(c);
        return out->name.length > 0 || call_fail(c, c->at, "expected the name of a signal");
    }
    out->kind = CALL_LINE_EXITED;
    if (!call_is_digit(call_peek(c)))
        return call_fail(c, c->at, "expected an exit status");
    for (int digits = 0; digits < 3 && call_is_digit(call_peek(c)); digits++)
        out->number = 10 * out->number + (*c->at++ - '0');
    return true;
}

/*
 * The siginfo behind the name is kept as text. "--- stopped by SIGTTIN ---" has no siginfo and
 * tells nothing to a replay.
 */
static bool split_signal(struct call_cursor *c, struct call_line *out)
{
    out->kind = CALL_LINE_SIGNAL;
    out->name = call_take_name(c);
    out->body = c->at;
    out->body_length = (size_t)(c->end - c->at);
    return out->name.length > 0 || call_take_word(c, "stopped by ") ||
           call_fail(c, c->at, "expected the name of a signal");
}

/* <... read resumed>""..., 832) = 832 */
static bool split_resumed(struct call_cursor *c, struct call_line *out)
{
    out->kind = CALL_LINE_RESUMED;
    out->name = call_take_name(c);
    call_skip_blank(c);
    if (out->name.length == 0 || !call_take_word(c, "resumed>"))
        return call_fail(c, c->at, "expected '<... call resumed>'");
    out->body = c->at;
    out->body_length = (size_t)(c->end - c->at);
    return true;
}

/*
 * Whatever is left is a call, whole or its first half; call_parse finds out whether it really is
 * one.
 */
static bool split_call(struct call_cursor *c, struct call_line *out)
{
    size_t mark = sizeof(unfinished_mark) - 1;
    char *end = c->end;

    while (end > c->at && call_is_blank(end[-1]))
        end--;
    out->kind = CALL_LINE_CALL;
    if ((size_t)(end - c->at) >= mark && memcmp(end - mark, unfinished_mark, mark) == 0) {
        out->kind = CALL_LINE_UNFINISHED;
        end -= mark;
    }
    out->body = c->at;
    out->body_length = (size_t)(end - c->at);
    return true;
}

/*
 * Pid and time may both stand in front; a time without a pid looks like one up to its first colon
 * or dot, so that is tried first.
 */
bool call_line_split(char *line, size_t length, struct call_line *out, struct call_error *error)
{
    static const struct call_rules plain = {.strict = false};
    struct call_cursor c = {line, line, line + length, &plain, error, 0};

    memset(out, 0, sizeof(*out));
    out->start = line;
    error->text[0] = '\0';
    call_skip_blank(&c);
    if (c.at == c.end || *c.at == '#')
        return true;
    if (!begins_with_time(&c) && !take_pid(&c, out))
        return false;
    call_skip_blank(&c);
    skip_timestamp(&c);
    if (call_take_word(&c, "+++ "))
        return split_exit(&c, out);
    if (call_take_word(&c, "--- "))
        return split_signal(&c, out);
    if (call_take_word(&c, "<... "))
        return split_resumed(&c, out);
    return split_call(&c, out);
}

/*
 * Only the head is looked at: a call that is wrong further on should be told so, not be taken for
 * another format.
 */
bool call_looks_like_call(const char *line, size_t length, struct call_slice *name)
{
    struct call_error error;
    struct call_line split;
    struct call_cursor c;

    /* Splitting writes nothing; the cast lets one function serve both. */
    if (!call_line_split((char *)(uintptr_t)line, length, &split, &error) || split.body == NULL)
        return false;
    c = (struct call_cursor){line, split.body, split.body + split.body_length, NULL, &error, 0};
    *name = call_take_name(&c);
    call_skip_blank(&c);
    if (name->length > 0 && call_take(&c, '=')) {
        call_skip_blank(&c);
        *name = call_take_name(&c);
        call_skip_blank(&c);
    }
    return name->length > 0 && call_peek(&c) == '(';
}
