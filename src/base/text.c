/*
 * Growable text and careful number parsing.
 *
 * Role: what every writer of reports and every reader of inputs is built on. Layer: base; it must
 * not know any format. The parser is handed hostile input (logs, command lines): it accepts only
 * what it understood wholly.
 *
 * Invariants:
 *   I-TEXT-1  bytes is NULL and capacity 0, or bytes[length] is NUL and length < capacity
 *   I-TEXT-2  once failed, nothing is appended until text_clear: the text is a prefix of what was
 *             meant
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_CAPACITY_MIN 64

void text_init(struct text *t, struct alloc *a)
{
    *t = (struct text){.alloc = a};
}

void text_destroy(struct text *t)
{
    alloc_release(t->alloc, t->bytes);
    text_init(t, t->alloc);
}

void text_clear(struct text *t)
{
    t->length = 0;
    t->failed = false;
    if (t->bytes != NULL)
        t->bytes[0] = '\0';
}

/* The smallest doubling of the capacity above `needed`, so that n appends cost O(n) together. */
static size_t text_next_capacity(size_t capacity, size_t needed)
{
    if (capacity < TEXT_CAPACITY_MIN)
        capacity = TEXT_CAPACITY_MIN;
    while (capacity <= needed) {
        if (capacity > SIZE_MAX / 2)
            return needed + 1; /* doubling would wrap; needed < SIZE_MAX was checked before */
        capacity *= 2;
    }
    return capacity;
}

/* Room for `more` bytes and the NUL; false, with failure noted, when there is none. */
static bool text_make_room(struct text *t, size_t more)
{
    if (t->failed)
        return false;
    if (more < t->capacity - t->length) /* strictly: one byte is for the NUL */
        return true;
    if (more >= SIZE_MAX - t->length) {
        t->failed = true;
        return false;
    }
    size_t capacity = text_next_capacity(t->capacity, t->length + more);
    char *bytes = alloc_resize(t->alloc, t->bytes, capacity);
    if (bytes == NULL) {
        t->failed = true;
        return false;
    }
    t->bytes = bytes;
    t->capacity = capacity;
    return true;
}

void text_append(struct text *t, const char *bytes, size_t length)
{
    if (!text_make_room(t, length))
        return;
    if (length > 0) /* memcpy from NULL is undefined even for no bytes */
        memcpy(t->bytes + t->length, bytes, length);
    t->length += length;
    t->bytes[t->length] = '\0';
}

void text_printf(struct text *t, const char *format, ...)
{
    if (!text_make_room(t, 0))
        return;
    /* Most texts fit at once; the first try tells how much room the others need. */
    size_t room = t->capacity - t->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(t->bytes + t->length, room, format, arguments);
    va_end(arguments);

    if (length < 0) {
        t->failed = true;
    } else if ((size_t)length >= room && text_make_room(t, (size_t)length)) {
        va_start(arguments, format);
        vsnprintf(t->bytes + t->length, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    if (!t->failed)
        t->length += (size_t)length;
    t->bytes[t->length] = '\0'; /* cuts off what a failed try has written */
}

bool text_failed(const struct text *t)
{
    return t->failed;
}

const char *text_string(const struct text *t)
{
    return t->bytes != NULL ? t->bytes : "";
}

/* The digit that c stands for; 16 or more when it is none in any base used here. */
static unsigned text_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

/* Reads digits of `base` (at least one) and returns what follows them; NULL: none, or overflow. */
static const char *text_parse_digits(const char *text, unsigned base, uint64_t *value)
{
    uint64_t sum = 0;
    const char *at = text;
    for (unsigned digit; (digit = text_digit(*at)) < base; at++) {
        if (sum > (UINT64_MAX - digit) / base)
            return NULL;
        sum = sum * base + digit;
    }
    *value = sum;
    return at != text ? at : NULL;
}

/*
 * Power of two of a suffix at the end of the text; 0: there is no suffix; -1: something else is
 * there.
 */
static int text_suffix_shift(const char *text)
{
    if (text[0] == '\0')
        return 0;
    if (text[1] != '\0')
        return -1;
    switch (text[0]) {
    case 'K':
        return 10;
    case 'M':
        return 20;
    case 'G':
        return 30;
    case 'T':
        return 40;
    default:
        return -1;
    }
}

bool text_parse_u64(const char *text, uint64_t *value)
{
    unsigned base = 10;
    if (text[0] == '0') {
        /* The leading 0 of an octal number is a digit itself, so that "0" is a number. */
        bool hexadecimal = text[1] == 'x' || text[1] == 'X';
        base = hexadecimal ? 16 : 8;
        text += hexadecimal ? 2 : 0;
    }
    uint64_t number;
    const char *rest = text_parse_digits(text, base, &number);
    if (rest == NULL)
        return false;
    int shift = text_suffix_shift(rest);
    if (shift < 0 || number > UINT64_MAX >> shift)
        return false;
    *value = number << shift;
    return true;
}
