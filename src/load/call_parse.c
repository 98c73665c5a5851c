/*
 * Calls: name, arguments, result.
 *
 * In a scenario (strict) every byte must be understood. In a log an argument that is no number and
 * no string is kept as it stands, because strace prints structures of hundreds of calls and the
 * replay needs few of them.
 */
#include "load/call_parse.h"

#include <string.h>

#include "base/err.h"
#include "load/call_cursor.h"
#include "load/flags.h"

/* 3</etc/passwd>: strace -y says what a descriptor is; paths in it have < and > escaped. */
static void skip_annotation(struct call_cursor *c)
{
    char *close;

    if (call_peek(c) != '<' || (c->end - c->at > 1 && c->at[1] == '<'))
        return;
    close = memchr(c->at, '>', (size_t)(c->end - c->at));
    if (close != NULL)
        c->at = close + 1;
}

/* Takes "keyword=" when that is next; "a==b" is not. */
static void take_keyword(struct call_cursor *c, struct call_slice *keyword)
{
    char *start = c->at;

    *keyword = call_take_name(c);
    if (keyword->length > 0) {
        call_skip_blank(c);
        if (call_peek(c) == '=' && !(c->end - c->at > 1 && c->at[1] == '=')) {
            c->at++;
            call_skip_blank(c);
            return;
        }
    }
    c->at = start;
    keyword->length = 0;
}

/* Blanks and comments belong to the argument before them, such as the "37 vars" of execve. */
static bool at_argument_end(struct call_cursor *c)
{
    call_skip_blank(c);
    return call_peek(c) == ',' || call_peek(c) == ')';
}

/* From `start` to the comma or parenthesis that ends the argument. */
static bool take_opaque(struct call_cursor *c, char *start, struct call_arg *arg)
{
    c->at = start;
    for (;;) {
        call_skip_opaque(c);
        if (c->at >= c->end)
            return call_fail(c, start, "the list of arguments is not closed");
        if (*c->at == ',' || *c->at == ')')
            break;
        c->at++; /* a closing bracket that nothing opened */
    }
    arg->kind = CALL_ARG_OPAQUE;
    arg->text = (struct call_slice){start, (size_t)(c->at - start)};
    return true;
}

/*
 * Logs may go on behind the quote ("abc" + 5 of old versions); the string has been decoded in
 * place, so there is no way back to the raw text.
 */
static bool take_string_argument(struct call_cursor *c, struct call_arg *arg)
{
    struct call_arg rest;

    if (!call_take_string(c, &arg->text, &arg->truncated))
        return false;
    arg->kind = CALL_ARG_STRING;
    if (at_argument_end(c))
        return true;
    if (c->rules->strict)
        return call_fail(c, c->at, "expected ',' or ')'");
    return take_opaque(c, c->at, &rest); /* what follows the string is dropped */
}

/*
 * Tries an expression first. In a log an argument that is none (makedev(0x88, 0x1), TCGETS,
 * ~[RTMIN]) is then kept unread, and the error forgotten.
 */
static bool take_number_argument(struct call_cursor *c, struct call_arg *arg)
{
    char *start = c->at;

    if (call_take_expression(c, &arg->value)) {
        skip_annotation(c);
        if (at_argument_end(c)) {
            arg->kind = CALL_ARG_NUMBER;
            return true;
        }
        call_fail(c, c->at, "expected ',' or ')'");
    }
    if (c->rules->strict)
        return false;
    c->error->text[0] = '\0';
    c->depth = 0;
    return take_opaque(c, start, arg);
}

/* The first byte decides: a quote, a bracket, or else an expression. */
static bool take_argument(struct call_cursor *c, struct call_arg *arg)
{
    char byte;

    take_keyword(c, &arg->keyword);
    byte = call_peek(c);
    if (byte == '"')
        return take_string_argument(c, arg);
    if (byte == '[' || byte == '{')
        return take_opaque(c, c->at, arg);
    return take_number_argument(c, arg);
}

/* Pre: the cursor stands behind '('. Post: behind ')'. */
static bool take_arguments(struct call_cursor *c, struct call *out)
{
    call_skip_blank(c);
    if (call_take(c, ')'))
        return true;
    for (;;) {
        struct call_arg *arg = &out->args[out->arg_count];

        call_skip_blank(c);
        if (out->arg_count >= CALL_ARGS)
            return call_fail(c, c->at, "more than %d arguments", CALL_ARGS);
        if (!take_argument(c, arg))
            return false;
        out->arg_count++;
        if (call_take(c, ')'))
            return true;
        if (!call_take(c, ','))
            return call_fail(c, c->at, "expected ',' or ')'");
    }
}

/* "-1 ENOENT": the value is read; a name in capitals that begins with E follows. */
static bool take_errno(struct call_cursor *c, struct call_result *result)
{
    char name[24] = "";
    struct call_slice word;

    call_skip_blank(c);
    if (result->value != -1 || call_peek(c) != 'E')
        return true;
    word = call_take_name(c);
    if (word.length < sizeof(name))
        memcpy(name, word.bytes, word.length);
    result->err = err_number(name);
    if (result->err == 0 && c->rules->strict)
        return call_fail(c, word.bytes, "unknown errno name");
    result->kind = CALL_RESULT_ERROR;
    return true;
}

/* "SIGSEGV SEGV_MAPERR"; the code may be left out. */
static bool take_signal(struct call_cursor *c, struct call_result *result)
{
    struct call_slice name = call_take_name(c);
    uint64_t value;

    if (!flags_find(name.bytes, name.length, &value))
        return call_fail(c, name.bytes, "unknown signal");
    result->kind = CALL_RESULT_SIGNAL;
    result->signo = (int)value;
    result->code = CALL_ANY_CODE;
    call_skip_blank(c);
    name = call_take_name(c);
    if (name.length == 0)
        return true;
    if (!flags_find(name.bytes, name.length, &value))
        return call_fail(c, name.bytes, "unknown signal code");
    result->code = (int)value;
    return true;
}

/*
 * SIG... is a signal here although it is a constant elsewhere: no call returns a signal's number
 * by name.
 */
static bool take_result_value(struct call_cursor *c, struct call_result *result)
{
    uint64_t value;
    bool truncated;

    if (call_take(c, '?')) {
        result->kind = CALL_RESULT_ANY;
        return true;
    }
    if (call_peek(c) == '"') {
        result->kind = CALL_RESULT_STRING;
        return call_take_string(c, &result->text, &truncated);
    }
    if (c->end - c->at > 3 && memcmp(c->at, "SIG", 3) == 0)
        return take_signal(c, result);
    if (!call_take_expression(c, &value))
        return false;
    result->kind = CALL_RESULT_VALUE;
    result->value = (int64_t)value;
    return take_errno(c, result);
}

/*
 * What may stand behind a result in a scenario: "(No such file)", an annotation, a comment. In
 * logs: anything.
 */
static bool take_trailer(struct call_cursor *c)
{
    skip_annotation(c);
    call_skip_blank(c);
    if (call_peek(c) == '(') {
        c->at++;
        call_skip_opaque(c);
        call_take(c, ')');
        call_skip_blank(c);
    }
    if (c->at < c->end && *c->at != '#' && c->rules->strict)
        return call_fail(c, c->at, "unexpected text behind the result");
    return true;
}

/* Logs may have anything behind the ')': old versions put times there. */
static bool take_result(struct call_cursor *c, struct call_result *result)
{
    call_skip_blank(c);
    if (c->at >= c->end || *c->at == '#')
        return true;
    if (!call_take(c, '='))
        return !c->rules->strict || call_fail(c, c->at, "expected '=' or the end of the line");
    call_skip_blank(c);
    return take_result_value(c, result) && take_trailer(c);
}

/* [name =] call ( */
static bool take_head(struct call_cursor *c, struct call *out)
{
    struct call_slice name;

    take_keyword(c, &out->result_name); /* "p =" has the shape of a keyword */
    name = call_take_name(c);
    if (name.length == 0)
        return call_fail(c, c->at, "expected the name of a call");
    if (name.length >= sizeof(out->name))
        return call_fail(c, name.bytes, "the call's name is too long");
    memcpy(out->name, name.bytes, name.length);
    out->name[name.length] = '\0';
    call_skip_blank(c);
    return call_take(c, '(') || call_fail(c, c->at, "expected '('");
}

/* *out is wiped first, so that arguments which are not there read as 0. */
bool call_parse(const char *start, char *body, size_t length, const struct call_rules *rules,
                struct call *out, struct call_error *error)
{
    struct call_cursor c = {start, body, body + length, rules, error, 0};

    memset(out, 0, sizeof(*out));
    error->text[0] = '\0';
    call_skip_blank(&c);
    return take_head(&c, out) && take_arguments(&c, out) && take_result(&c, &out->result);
}

bool call_evaluate(const char *text, size_t length, const struct call_rules *rules, uint64_t *value,
                   struct call_error *error)
{
    /*
     * An expression holds no strings, and only strings are written to: the cast is never used to
     * change a byte.
     */
    char *start = (char *)(uintptr_t)text;
    struct call_cursor c = {start, start, start + length, rules, error, 0};

    error->text[0] = '\0';
    if (!call_take_expression(&c, value))
        return false;
    return c.at == c.end || call_fail(&c, c.at, "unexpected text behind the expression");
}

/*
 * Looks for "keyword=" at any place of the text; a keyword inside of a string would be found,
 * too, which no structure that is asked for here has.
 */
bool call_member(struct call_slice structure, const char *keyword, uint64_t *value)
{
    static const struct call_rules rules = {.strict = true};
    size_t length = strlen(keyword);
    const char *end = structure.bytes + structure.length;

    for (const char *at = structure.bytes; (size_t)(end - at) > length; at++) {
        struct call_error error = {0, ""};
        char *start = (char *)(uintptr_t)(at + length + 1);
        struct call_cursor c = {start, start, start + (end - start), &rules, &error, 0};

        if (memcmp(at, keyword, length) != 0 || at[length] != '=')
            continue;
        if (at > structure.bytes && call_is_name(at[-1]))
            continue; /* the end of a longer keyword */
        return call_take_expression(&c, value);
    }
    return false;
}

const struct call_arg *call_keyword(const struct call *call, const char *keyword)
{
    size_t length = strlen(keyword);

    for (unsigned i = 0; i < call->arg_count; i++) {
        const struct call_arg *arg = &call->args[i];

        if (arg->keyword.length == length && memcmp(arg->keyword.bytes, keyword, length) == 0)
            return arg;
    }
    return NULL;
}

uint64_t call_number(const struct call *call, unsigned index)
{
    return index < call->arg_count ? call->args[index].value : 0;
}

const char *call_string(const struct call *call, unsigned index)
{
    if (index >= call->arg_count || call->args[index].kind != CALL_ARG_STRING)
        return NULL;
    return call->args[index].text.bytes;
}
