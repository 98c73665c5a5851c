/*
 * The JSON writer: where commas, indentation and escapes are put. See json.h.
 *
 * Millions of events pass through here, so bytes go straight to the stream's buffer (the unlocked
 * functions: a machine and its views belong to one thread) and numbers are formatted by hand.
 */
#include "view/json.h"

#include <string.h>

#include "base/contract.h"

void json_init(struct json *j, FILE *out, bool pretty)
{
    *j = (struct json){.out = out, .pretty = pretty};
}

static void json_byte(struct json *j, char byte)
{
    (void)putc_unlocked(byte, j->out);
}

static void json_bytes(struct json *j, const char *bytes, size_t count)
{
    (void)fwrite_unlocked(bytes, 1, count, j->out);
}

static void json_new_line(struct json *j)
{
    if (!j->pretty)
        return;
    json_byte(j, '\n');
    for (unsigned i = 0; i < j->depth; i++)
        json_bytes(j, "  ", 2);
}

/* What must stand before the next key, or before the next value of an array. */
static void json_separate(struct json *j)
{
    uint32_t bit = (uint32_t)1 << j->depth;

    if (j->depth == 0)
        return;
    if (j->filled & bit)
        json_byte(j, ',');
    j->filled |= bit;
    json_new_line(j);
}

/*
 * Every value comes through here first: I-JSON-1 is kept by these contracts. A value after a key
 * stands on the key's line, a value of an array on its own.
 */
static void json_value(struct json *j)
{
    bool in_array = (j->array >> j->depth & 1) != 0;

    contract(j->depth == 0 || in_array != j->key);
    if (!j->key)
        json_separate(j);
    j->key = false;
}

/*
 * Bits above the new depth are left over from objects that have ended; only its own are made right.
 * /
 */
static void json_open(struct json *j, char bracket, bool array)
{
    uint32_t bit;

    json_value(j);
    json_byte(j, bracket);
    contract(j->depth + 1 < JSON_DEPTH);
    j->depth++;
    bit = (uint32_t)1 << j->depth;
    j->filled &= ~bit;
    j->array = array ? j->array | bit : j->array & ~bit;
}

/* An empty object stays on its line: {} rather than two lines. */
static void json_close(struct json *j, char bracket, bool array)
{
    uint32_t bit = (uint32_t)1 << j->depth;

    contract(j->depth > 0 && !j->key && ((j->array & bit) != 0) == array);
    j->depth--;
    if (j->filled & bit)
        json_new_line(j);
    json_byte(j, bracket);
}

void json_object_begin(struct json *j)
{
    json_open(j, '{', false);
}

void json_object_end(struct json *j)
{
    json_close(j, '}', false);
}

void json_array_begin(struct json *j)
{
    json_open(j, '[', true);
}

void json_array_end(struct json *j)
{
    json_close(j, ']', true);
}

/* Is `byte` a continuation byte between low and high? */
static bool json_follows(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/*
 * The length of the well-formed UTF-8 sequence that begins at s, or 0 (Unicode, table 3-7: no
 * overlong forms, no surrogates, nothing above U+10FFFF). A NUL ends every comparison, so that it
 * never reads past the text.
 */
static size_t json_sequence(const unsigned char *s)
{
    unsigned char low = 0x80; /* bounds of the second byte, which some first bytes narrow */
    unsigned char high = 0xbf;
    size_t length = 0;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        length = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        length = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        length = 4;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf)
        if (!json_follows(s[i], low, high))
            return 0;
    return length;
}

static bool json_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* One ASCII byte that cannot stand for itself. DEL is escaped too: terminals act on it. */
static void json_escape(struct json *j, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "\b\f\n\r\t\"\\";
    static const char letters[] = "bfnrt\"\\";
    const char *name = strchr(names, byte);
    char code[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};

    if (name == NULL) {
        json_bytes(j, code, sizeof(code));
        return;
    }
    json_byte(j, '\\');
    json_byte(j, letters[name - names]);
}

/*
 * The text between quotes. A byte of a broken sequence is replaced alone, so that what follows it
 * is not lost.
 */
static void json_quoted(struct json *j, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    json_byte(j, '"');
    while (*s != '\0') {
        size_t length = json_sequence(s);

        if (length == 0)
            json_bytes(j, "\\ufffd", 6);
        else if (length == 1 && !json_plain(*s))
            json_escape(j, *s);
        else
            json_bytes(j, (const char *)s, length);
        s += length == 0 ? 1 : length;
    }
    json_byte(j, '"');
}

void json_key(struct json *j, const char *name)
{
    contract(j->depth > 0 && !j->key && (j->array >> j->depth & 1) == 0);
    json_separate(j);
    json_quoted(j, name);
    json_byte(j, ':');
    if (j->pretty)
        json_byte(j, ' ');
    j->key = true;
}

void json_string(struct json *j, const char *text)
{
    json_value(j);
    json_quoted(j, text);
}

/* By hand: printf would take most of the time of writing an event. */
static void json_digits(struct json *j, uint64_t value, unsigned base)
{
    char digits[20]; /* 2^64 has 20 decimal digits */
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    json_bytes(j, digits + at, sizeof(digits) - at);
}

void json_u64(struct json *j, uint64_t value)
{
    json_value(j);
    json_digits(j, value, 10);
}

void json_s64(struct json *j, int64_t value)
{
    json_value(j);
    if (value < 0)
        json_byte(j, '-');
    /* Negated as unsigned: the smallest number has no positive counterpart. */
    json_digits(j, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

void json_hex(struct json *j, uint64_t value)
{
    json_value(j);
    json_bytes(j, "\"0x", 3);
    json_digits(j, value, 16);
    json_byte(j, '"');
}

void json_bool(struct json *j, bool value)
{
    json_value(j);
    json_bytes(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *j)
{
    json_value(j);
    json_bytes(j, "null", 4);
}

void json_pair_u64(struct json *j, const char *name, uint64_t value)
{
    json_key(j, name);
    json_u64(j, value);
}

void json_pair_hex(struct json *j, const char *name, uint64_t value)
{
    json_key(j, name);
    json_hex(j, value);
}

void json_pair_string(struct json *j, const char *name, const char *text)
{
    json_key(j, name);
    json_string(j, text);
}

void json_pair_bool(struct json *j, const char *name, bool value)
{
    json_key(j, name);
    json_bool(j, value);
}

void json_finish(struct json *j)
{
    contract(j->depth == 0 && !j->key);
    json_byte(j, '\n');
}
