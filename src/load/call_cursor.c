/*
 * The smallest steps of the grammar: blanks, names, strings, and text that is stepped over unread.
 */
#include "load/call_cursor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * The first error wins (I-CALL-2): what fails after it fails because of it, and would only hide
 * the cause.
 */
bool call_fail(struct call_cursor *c, const char *where, const char *format, ...)
{
    va_list arguments;

    if (c->error->text[0] != '\0')
        return false;
    c->error->column = (size_t)(where - c->line) + 1;
    va_start(arguments, format);
    vsnprintf(c->error->text, sizeof(c->error->text), format, arguments);
    va_end(arguments);
    return false;
}

/* An unclosed comment is left where it stands: whoever comes next finds the '/' and reports it. */
void call_skip_blank(struct call_cursor *c)
{
    for (;;) {
        char *close;

        while (c->at < c->end && call_is_blank(*c->at))
            c->at++;
        if (c->end - c->at < 4 || c->at[0] != '/' || c->at[1] != '*')
            return;
        close = memmem(c->at + 2, (size_t)(c->end - c->at) - 2, "*/", 2);
        if (close == NULL)
            return;
        c->at = close + 2;
    }
}

bool call_take(struct call_cursor *c, char byte)
{
    if (c->at >= c->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}

bool call_take_word(struct call_cursor *c, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

struct call_slice call_take_name(struct call_cursor *c)
{
    char *start = c->at;

    if (c->at < c->end && call_is_name_start(*c->at))
        while (c->at < c->end && call_is_name(*c->at))
            c->at++;
    return (struct call_slice){start, (size_t)(c->at - start)};
}

/* The value of a digit of base 16, or -1. Smaller bases compare the value with theirs. */
static int hex_digit(char byte)
{
    if (call_is_digit(byte))
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* Up to `most` digits of a base: \x41, \101. At least one digit is there when the caller looked. */
static char take_code(struct call_cursor *c, int base, int most)
{
    int code = 0;

    for (int i = 0; i < most && c->at < c->end; i++) {
        int digit = hex_digit(*c->at);

        if (digit < 0 || digit >= base)
            break;
        code = code * base + digit;
        c->at++;
    }
    return (char)code;
}

/* The byte that an escape stands for; the cursor stands behind the backslash and before `end`. */
static bool take_escape(struct call_cursor *c, char *out)
{
    static const char names[] = "nrtvfabe\"'\\<>";
    static const char bytes[] = "\n\r\t\v\f\a\b\033\"'\\<>";
    const char *found;

    if (*c->at >= '0' && *c->at <= '7') {
        *out = take_code(c, 8, 3);
        return true;
    }
    if (*c->at == 'x' && c->end - c->at > 1 && hex_digit(c->at[1]) >= 0) {
        c->at++;
        *out = take_code(c, 16, 2);
        return true;
    }
    found = *c->at == '\0' ? NULL : strchr(names, *c->at);
    if (found == NULL && c->rules->strict)
        return call_fail(c, c->at, "unknown escape in a string");
    *out = found == NULL ? *c->at : bytes[found - names];
    c->at++;
    return true;
}

/*
 * The decoded text is never longer than its source, so it is written over it, and its NUL over the
 * closing quote.
 */
bool call_take_string(struct call_cursor *c, struct call_slice *text, bool *truncated)
{
    char *open = c->at++;
    char *out = c->at;

    text->bytes = out;
    while (c->at < c->end && *c->at != '"') {
        if (*c->at != '\\') {
            *out++ = *c->at++;
            continue;
        }
        if (++c->at >= c->end)
            break;
        if (!take_escape(c, out))
            return false;
        out++;
    }
    if (c->at >= c->end)
        return call_fail(c, open, "the string is not closed");
    text->length = (size_t)(out - text->bytes);
    *out = '\0';
    c->at++;
    *truncated = call_take_word(c, "...");
    return true;
}

/*
 * A string inside of text that nobody reads: only its end matters, so escapes are stepped over
 * undecoded. An unclosed one ends with the line.
 */
static void skip_string(struct call_cursor *c)
{
    c->at++;
    while (c->at < c->end && *c->at != '"')
        c->at += *c->at == '\\' && c->end - c->at > 1 ? 2 : 1;
    if (c->at < c->end)
        c->at++;
}

/* Brackets are counted, not matched by kind: a log's own text is not ours to judge. */
void call_skip_opaque(struct call_cursor *c)
{
    size_t depth = 0;

    while (c->at < c->end) {
        char byte = *c->at;

        if (byte == '"') {
            skip_string(c);
            continue;
        }
        if (byte == '(' || byte == '[' || byte == '{')
            depth++;
        if (depth == 0 && (byte == ',' || byte == ')' || byte == ']' || byte == '}'))
            return;
        if (byte == ')' || byte == ']' || byte == '}')
            depth--;
        c->at++;
    }
}
