/*
 * Expressions: p+4096, PROT_READ|PROT_WRITE, 64K, -1, 1<<20.
 *
 * Arithmetic is modulo 2^64, as addresses are. The levels, lowest first: | then + - then * << then
 * unary - ~.
 */
#include <stdio.h>
#include <string.h>

#include "load/call_cursor.h"
#include "load/flags.h"

static bool take_sum(struct call_cursor *c, uint64_t *value);

/* 16 for what is no digit: greater than any base's digits, so one comparison tells. */
static unsigned digit_of(char byte)
{
    if (call_is_digit(byte))
        return (unsigned)(byte - '0');
    if (byte >= 'a' && byte <= 'f')
        return (unsigned)(byte - 'a') + 10;
    if (byte >= 'A' && byte <= 'F')
        return (unsigned)(byte - 'A') + 10;
    return 16;
}

/* Digits of the base; at least one. */
static bool take_digits(struct call_cursor *c, unsigned base, uint64_t *value)
{
    char *start = c->at;
    uint64_t sum = 0;

    while (c->at < c->end && digit_of(*c->at) < base) {
        if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)digit_of(*c->at), &sum))
            return call_fail(c, start, "the number does not fit 64 bits");
        c->at++;
    }
    if (c->at == start)
        return call_fail(c, start, "a digit is missing");
    *value = sum;
    return true;
}

/* K, M, G, T are binary; a letter that begins a name is not a suffix. */
static bool take_suffix(struct call_cursor *c, uint64_t *value)
{
    static const char suffixes[] = "KMGT";
    const char *found = c->at < c->end && *c->at != '\0' ? strchr(suffixes, *c->at) : NULL;
    unsigned shift;

    if (found == NULL || (c->end - c->at > 1 && call_is_name(c->at[1])))
        return true;
    shift = 10 * (unsigned)(found - suffixes + 1);
    if (*value > UINT64_MAX >> shift)
        return call_fail(c, c->at, "the number does not fit 64 bits");
    *value <<= shift;
    c->at++;
    return true;
}

/* A leading 0 means octal, as in C and as strace prints modes. "0" itself is one octal digit. */
static bool take_number(struct call_cursor *c, uint64_t *value)
{
    unsigned base = 10;

    if (c->end - c->at > 1 && c->at[0] == '0' && (c->at[1] == 'x' || c->at[1] == 'X')) {
        base = 16;
        c->at += 2;
    } else if (*c->at == '0') {
        base = 8;
    }
    return take_digits(c, base, value) && take_suffix(c, value);
}

/*
 * A scenario's own names come first, but it may not give one that is a constant, so no name has
 * two meanings.
 */
static bool take_named(struct call_cursor *c, uint64_t *value)
{
    struct call_slice name = call_take_name(c);
    const struct call_rules *rules = c->rules;

    if (rules->resolve != NULL && rules->resolve(rules->context, name.bytes, name.length, value))
        return true;
    if (flags_find(name.bytes, name.length, value))
        return true;
    return call_fail(c, name.bytes, "unknown name '%.*s'",
                     (int)(name.length > 40 ? 40 : name.length), name.bytes);
}

/*
 * The only way in which an expression contains another one, and so the only recursion of the
 * grammar. CALL_DEPTH bounds it.
 */
static bool take_parentheses(struct call_cursor *c, uint64_t *value)
{
    bool ok;

    if (c->depth >= CALL_DEPTH)
        return call_fail(c, c->at, "parentheses are nested too deeply");
    c->at++;
    c->depth++;
    ok = call_take_expression(c, value);
    c->depth--;
    if (!ok)
        return false;
    call_skip_blank(c);
    return call_take(c, ')') || call_fail(c, c->at, "expected ')'");
}

/* What no operator binds: a number, a name, or an expression in parentheses. */
static bool take_primary(struct call_cursor *c, uint64_t *value)
{
    if (call_is_digit(call_peek(c)))
        return take_number(c, value);
    if (call_is_name_start(call_peek(c)))
        return take_named(c, value);
    if (call_peek(c) == '(')
        return take_parentheses(c, value);
    return call_fail(c, c->at, "expected a number or a name");
}

/*
 * A chain of signs is a loop, so that a line of a million '-' costs no stack: the last sign applies
 * first, and - and ~ of two's complement are a factor and an offset (~x is -x - 1).
 */
static bool take_unary(struct call_cursor *c, uint64_t *value)
{
    uint64_t factor = 1;
    uint64_t offset = 0;

    for (;;) {
        call_skip_blank(c);
        if (call_take(c, '-')) {
            factor = 0 - factor;
        } else if (call_take(c, '~')) {
            offset -= factor;
            factor = 0 - factor;
        } else {
            break;
        }
    }
    if (!take_primary(c, value))
        return false;
    *value = *value * factor + offset;
    return true;
}

/* "<<" and not "<", which begins a descriptor's annotation. */
static bool take_shift(struct call_cursor *c)
{
    return c->end - c->at > 1 && c->at[0] == '<' && c->at[1] == '<' && call_take_word(c, "<<");
}

/* * and << have one level: scenarios write 3<<20 and 2*4096, hardly ever both. */
static bool take_product(struct call_cursor *c, uint64_t *value)
{
    uint64_t right;

    if (!take_unary(c, value))
        return false;
    for (;;) {
        bool shift;

        call_skip_blank(c);
        shift = take_shift(c);
        if (!shift && !call_take(c, '*'))
            return true;
        if (!take_unary(c, &right))
            return false;
        if (shift)
            *value = right < 64 ? *value << right : 0;
        else
            *value *= right;
    }
}

/* Left to right, so that 10-2-3 is 5. */
static bool take_sum(struct call_cursor *c, uint64_t *value)
{
    uint64_t right;

    if (!take_product(c, value))
        return false;
    for (;;) {
        bool minus;

        call_skip_blank(c);
        minus = call_take(c, '-');
        if (!minus && !call_take(c, '+'))
            return true;
        if (!take_product(c, &right))
            return false;
        *value = minus ? *value - right : *value + right;
    }
}

/* | binds weakest: PROT_READ|PROT_WRITE needs no parentheses, and p|1+1 reads as in C. */
bool call_take_expression(struct call_cursor *c, uint64_t *value)
{
    uint64_t right;

    if (!take_sum(c, value))
        return false;
    for (;;) {
        call_skip_blank(c);
        if (!call_take(c, '|'))
            return true;
        if (!take_sum(c, &right))
            return false;
        *value |= right;
    }
}
