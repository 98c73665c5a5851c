/*
 * Banner and system-call lines of lackey's log. They are few, so plainness goes before speed here.
 */
#include "load/lackey_lex.h"

#define R4(x)  x, x, x, x
#define R16(x) R4(x), R4(x), R4(x), R4(x)
#define NO     0xff

const uint8_t
    lackey_digits[256] =
        {
            R16(NO), R16(NO), R16(NO), /* 0x00 */
            0,       1,       2,       3,       4,       5,       6,       7,
            8,       9,       NO,      NO,      R4(NO), /* 0x30 */
            NO,      10,      11,      12,      13,      14,      15,      NO,
            R4(NO),  R4(NO), /* 0x40 */
            R16(NO),         /* 0x50 */
            NO,      10,      11,      12,      13,      14,      15,      NO,
            R4(NO),  R4(NO), /* 0x60 */
            R16(NO),         /* 0x70 */
            R16(NO), R16(NO), R16(NO), R16(NO), R16(NO), R16(NO), R16(NO), R16(NO),
};

struct lexer {
    char *at;
    char *end;
};

static char peek(const struct lexer *l)
{
    return l->at < l->end ? *l->at : '\0';
}

static bool take(struct lexer *l, char byte)
{
    if (l->at >= l->end || *l->at != byte)
        return false;
    l->at++;
    return true;
}

static bool take_word(struct lexer *l, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(l->end - l->at) < length || memcmp(l->at, word, length) != 0)
        return false;
    l->at += length;
    return true;
}

static void skip_blanks(struct lexer *l)
{
    while (peek(l) == ' ')
        l->at++;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A decimal number that fits an int. */
static bool take_int(struct lexer *l, int *out)
{
    int value = 0;

    if (!is_digit(peek(l)))
        return false;
    while (is_digit(peek(l)))
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *l->at++ - '0', &value))
            return false;
    *out = value;
    return true;
}

/*
 * Both marks must be equal, and a number must stand between them: "====" is text of some program.
 */
bool lackey_lex_banner(const char *line, size_t length, int *pid, struct call_slice *text)
{
    char *start = (char *)(uintptr_t)line; /* the lexer serves both; nothing is written here */
    struct lexer l = {start, start + length};
    const char *mark = peek(&l) == '-' ? "--" : "==";

    if (!take_word(&l, mark) || !take_int(&l, pid) || !take_word(&l, mark))
        return false;
    skip_blanks(&l);
    *text = (struct call_slice){l.at, (size_t)(l.end - l.at)};
    return true;
}

/* SYSCALL[pid,thread](number) */
static bool take_head(struct lexer *l, struct lackey_call *out)
{
    int number;

    if (!take_word(l, "SYSCALL[") || !take_int(l, &out->pid) || !take(l, ',') ||
        !take_int(l, &out->thread) || !take_word(l, "]("))
        return false;
    skip_blanks(l);
    if (!take_int(l, &number) || !take(l, ')'))
        return false;
    skip_blanks(l);
    return true;
}

/* What names of system calls are made of. */
static bool is_name(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || is_digit(byte) ||
           byte == '_';
}

/* Some calls say between name and arguments which of these they have: "sys_fcntl[ARG3=='arg']". */
static void skip_brackets(struct lexer *l)
{
    const char *close;

    if (peek(l) != '[')
        return;
    close = memchr(l->at, ']', (size_t)(l->end - l->at));
    if (close != NULL)
        l->at += close - l->at + 1;
}

/* Names go with or without "sys_", by valgrind's version and call. */
static bool take_name(struct lexer *l, struct call *call)
{
    char *start;
    size_t length;

    take_word(l, "sys_");
    start = l->at;
    while (is_name(peek(l)))
        l->at++;
    length = (size_t)(l->at - start);
    if (length == 0 || length >= sizeof(call->name))
        return false;
    memcpy(call->name, start, length);
    call->name[length] = '\0';
    skip_brackets(l);
    skip_blanks(l);
    return true;
}

/* Which arguments valgrind prints in hexadecimal without "0x", by call. */
static bool prints_bare_hexadecimal(const char *name, unsigned index)
{
    return (strcmp(name, "clone") == 0 && index == 0) ||
           (strcmp(name, "arch_prctl") == 0 && index == 1);
}

/*
 * 0x4835000, 8192, -1, or bare hexadecimal where the caller knows of it. False: no digit, or more
 * than 64 bits.
 */
static bool take_number(struct lexer *l, bool hexadecimal, uint64_t *value)
{
    bool negative = take(l, '-');
    bool prefixed = take_word(l, "0x");
    unsigned base = prefixed || hexadecimal ? 16 : 10;
    char *start = l->at;
    uint64_t sum = 0;

    while (l->at < l->end && lackey_digits[(uint8_t)*l->at] < base) {
        if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)lackey_digits[(uint8_t)*l->at], &sum))
            return false;
        l->at++;
    }
    *value = negative ? 0 - sum : sum;
    return l->at > start;
}

/* Does an argument end before `at`? Behind it come ", NUMBER" or " )". */
static bool is_argument_end(const struct lexer *l, const char *at)
{
    size_t left = (size_t)(l->end - at);

    if (left >= 2 && at[0] == ' ' && at[1] == ')')
        return true;
    return left >= 3 && at[0] == ',' && at[1] == ' ' && (is_digit(at[2]) || at[2] == '-');
}

/*
 * 0x4034bb0(/path): the path ends at the first ')' that an argument can end at, as paths may hold
 * ')' themselves.
 */
static bool take_path(struct lexer *l, struct call_arg *arg)
{
    char *start = ++l->at;

    for (; l->at < l->end; l->at++) {
        if (*l->at != ')' || !is_argument_end(l, l->at + 1))
            continue;
        arg->kind = CALL_ARG_STRING;
        arg->text = (struct call_slice){start, (size_t)(l->at - start)};
        *l->at++ = '\0';
        return true;
    }
    return false;
}

/* A number, and when it is the address of a path, the path in parentheses. */
static bool take_argument(struct lexer *l, struct call *call)
{
    struct call_arg *arg = &call->args[call->arg_count];
    bool hexadecimal = prints_bare_hexadecimal(call->name, call->arg_count);

    arg->kind = CALL_ARG_NUMBER;
    if (!take_number(l, hexadecimal, &arg->value))
        return false;
    if (peek(l) == '(' && !take_path(l, arg))
        return false;
    call->arg_count++;
    skip_blanks(l);
    return true;
}

/* "( a, b, c )" */
static bool take_arguments(struct lexer *l, struct call *call)
{
    if (!take(l, '('))
        return false;
    skip_blanks(l);
    if (take(l, ')'))
        return true;
    while (call->arg_count < CALL_ARGS) {
        if (!take_argument(l, call))
            return false;
        if (take(l, ')'))
            return true;
        if (!take(l, ','))
            return false;
        skip_blanks(l);
    }
    return false;
}

/* Success(0x..), Failure(0x..), NoWriteResult */
static bool take_result(struct lexer *l, struct call_result *out)
{
    bool success;
    uint64_t value;

    if (take_word(l, "NoWriteResult")) {
        out->kind = CALL_RESULT_ANY;
        return true;
    }
    success = take_word(l, "Success(");
    if ((!success && !take_word(l, "Failure(")) || !take_number(l, false, &value))
        return false;
    if (!success && (value == 0 || value > 4095))
        return false;
    out->kind = success ? CALL_RESULT_VALUE : CALL_RESULT_ERROR;
    out->value = success ? (int64_t)value : -1;
    out->err = success ? 0 : (int)value;
    return peek(l) == ')' || peek(l) == ':'; /* some systems print a second word */
}

/* " --> [kind] RESULT"; *began: "[async] ..." instead. False: there is none. */
static bool take_arrow(struct lexer *l, struct call_result *out, bool *began)
{
    char *arrow = memmem(l->at, (size_t)(l->end - l->at), "-->", 3);

    *began = false;
    if (arrow == NULL)
        return false;
    l->at = arrow + 3;
    skip_blanks(l);
    if (take(l, '[')) {
        while (l->at < l->end && *l->at++ != ']')
            ;
        skip_blanks(l);
    }
    if (take_word(l, "...")) {
        *began = true;
        return true;
    }
    return take_result(l, out);
}

/*
 * "... [async] --> Success(0x4)": the number in the head is the call's, but the thread is what
 * pairs it with its beginning.
 */
static bool lex_end(struct lexer *l, struct lackey_call *out, const char **why)
{
    bool began;

    out->phase = LACKEY_ENDED;
    if (take_arrow(l, &out->call.result, &began) && !began)
        return true;
    *why = "the call's result is not understood";
    return false;
}

/*
 * Arguments that are not understood are no error here: of most calls only the name is needed, to
 * count it.
 */
bool lackey_lex_call(char *line, size_t length, struct lackey_call *out, const char **why)
{
    struct lexer l = {line, line + length};
    char *arguments;
    bool began;

    memset(out, 0, sizeof(*out));
    *why = "the head of a SYSCALL line is not understood";
    if (!take_head(&l, out))
        return false;
    if (take_word(&l, "... "))
        return lex_end(&l, out, why);
    *why = "the name of the call is not understood";
    if (!take_name(&l, &out->call))
        return false;
    arguments = l.at;
    out->arguments = take_arguments(&l, &out->call);
    if (!out->arguments) {
        l.at = arguments;
        out->call.arg_count = 0;
    }
    if (memmem(l.at, (size_t)(l.end - l.at), "-->", 3) == NULL) {
        out->phase = LACKEY_OPEN;
        return true;
    }
    *why = "the call's result is not understood";
    if (!take_arrow(&l, &out->call.result, &began))
        return false;
    out->phase = began ? LACKEY_BEGAN : LACKEY_WHOLE;
    return true;
}

bool lackey_lex_result(const char *line, size_t length, struct call_result *out)
{
    char *start = (char *)(uintptr_t)line; /* nothing is written */
    struct lexer l = {start, start + length};
    bool began;

    memset(out, 0, sizeof(*out));
    skip_blanks(&l);
    return l.end - l.at >= 3 && memcmp(l.at, "-->", 3) == 0 && take_arrow(&l, out, &began) &&
           !began;
}
