/*
 * Careful number parsing.
 *
 * Role: what every reader of numbers is built on. Layer: base; it must not know any format. The
 * parser is handed hostile input (logs, command lines): it accepts only what it understood wholly.
 */
#include "base/text.h"

#include <stddef.h>

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
