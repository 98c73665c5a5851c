/*
 * Expectations: what stands behind '=' against what came out.
 *
 * Without '=' a call must succeed and an access must meet no signal; '= ?' leaves it open.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "load/flags.h"
#include "load/scenario_call.h"

#define TEXT_BYTES 96
#define SHOW_BYTES 16 /* of a load's bytes in a diagnostic */

/* As RISC-V and x86 store numbers. */
static uint64_t little_endian(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;

    for (size_t i = 0; i < count && i < 8; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

uint64_t scenario_number(const struct scenario *s, const struct outcome *outcome)
{
    if (outcome->kind == OUTCOME_BYTES)
        return little_endian(s->bytes, (size_t)outcome->value);
    if (outcome->kind == OUTCOME_SIGNAL || outcome_is_error(outcome))
        return UINT64_MAX;
    return (uint64_t)outcome->value;
}

/* Enough of them to see what is wrong, in one line. */
static void show_bytes(char *out, const uint8_t *bytes, size_t count)
{
    size_t shown = count < SHOW_BYTES ? count : SHOW_BYTES;
    size_t at = 0;

    out[at++] = '"';
    for (size_t i = 0; i < shown; i++) {
        bool plain = bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '"' && bytes[i] != '\\';

        at += (size_t)snprintf(out + at, TEXT_BYTES - at, plain ? "%c" : "\\x%02x", bytes[i]);
    }
    snprintf(out + at, TEXT_BYTES - at, "\"%s", shown < count ? "..." : "");
}

static void show_value(char *out, int64_t value, bool hexadecimal)
{
    if (hexadecimal)
        snprintf(out, TEXT_BYTES, "%#llx", (unsigned long long)value);
    else
        snprintf(out, TEXT_BYTES, "%lld", (long long)value);
}

/* The form in which it would have to stand behind '='. */
static void show_outcome(char *out, const struct scenario *s, const struct outcome *o,
                         bool hexadecimal)
{
    if (o->kind == OUTCOME_SIGNAL)
        snprintf(out, TEXT_BYTES, "%s %s at %#llx", flags_signal_name(o->signal.signo),
                 flags_signal_code_name(o->signal.signo, o->signal.code),
                 (unsigned long long)o->signal.va);
    else if (outcome_is_error(o))
        snprintf(out, TEXT_BYTES, "-1 %s", err_name((int)o->value));
    else if (o->kind == OUTCOME_BYTES && o->value > 8)
        show_bytes(out, s->bytes, (size_t)o->value);
    else
        show_value(out, (int64_t)scenario_number(s, o), hexadecimal);
}

static void show_expected(char *out, const struct call_result *r, bool hexadecimal)
{
    switch (r->kind) {
    case CALL_RESULT_ERROR:
        snprintf(out, TEXT_BYTES, "-1 %s", err_name(r->err));
        break;
    case CALL_RESULT_SIGNAL:
        snprintf(out, TEXT_BYTES, "%s %s", flags_signal_name(r->signo),
                 flags_signal_code_name(r->signo, r->code));
        break;
    case CALL_RESULT_STRING:
        show_bytes(out, (const uint8_t *)r->text.bytes, r->text.length);
        break;
    case CALL_RESULT_VALUE:
        show_value(out, r->value, hexadecimal && r->value != -1);
        break;
    case CALL_RESULT_NONE:
    case CALL_RESULT_ANY:
        snprintf(out, TEXT_BYTES, "success");
        break;
    }
}

/* A number over eight bytes means that every byte has this value. */
static bool bytes_match(const struct scenario *s, size_t count, const struct call_result *r)
{
    if (r->kind == CALL_RESULT_STRING)
        return r->text.length == count && memcmp(s->bytes, r->text.bytes, count) == 0;
    if (r->kind != CALL_RESULT_VALUE)
        return false;
    if (count <= 8) {
        uint64_t mask = count == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * count)) - 1;

        return little_endian(s->bytes, count) == ((uint64_t)r->value & mask);
    }
    for (size_t i = 0; i < count; i++)
        if (s->bytes[i] != (uint64_t)r->value)
            return false;
    return true;
}

static bool matches(const struct scenario *s, const struct outcome *o, const struct call_result *r)
{
    switch (r->kind) {
    case CALL_RESULT_ANY:
        return true;
    case CALL_RESULT_NONE:
        return o->kind != OUTCOME_SIGNAL && !outcome_is_error(o);
    case CALL_RESULT_ERROR:
        return outcome_is_error(o) && o->value == -r->err;
    case CALL_RESULT_SIGNAL:
        return o->kind == OUTCOME_SIGNAL && o->signal.signo == r->signo &&
               (r->code == CALL_ANY_CODE || o->signal.code == r->code);
    case CALL_RESULT_VALUE:
    case CALL_RESULT_STRING:
        break;
    }
    if (o->kind == OUTCOME_BYTES)
        return bytes_match(s, (size_t)o->value, r);
    if (o->kind != OUTCOME_VALUE || r->kind != CALL_RESULT_VALUE)
        return false;
    return r->value == -1 ? outcome_is_error(o) : o->value == r->value; /* -1 alone: any error */
}

/*
 * A failure that nobody had written an expectation for counts as one that failed, or the sums would
 * not add up.
 */
static void count(struct mw_run_result *result, const struct scenario_entry *entry, bool written,
                  bool ok)
{
    if (!written && ok)
        return;
    result->expectations++;
    result->expectations_failed += !ok;
    if (!entry->access && !entry->directive) {
        result->calls_checked++;
        result->calls_differing += !ok;
    }
}

/* Counting comes before telling: '= ?' counts as no expectation at all. */
void scenario_check(struct scenario *s, const struct scenario_entry *entry, const struct call *call,
                    const struct outcome *outcome)
{
    const struct call_result *expected = &call->result;
    bool ok = matches(s, outcome, expected);
    char want[TEXT_BYTES];
    char got[TEXT_BYTES];

    if (outcome->kind == OUTCOME_SIGNAL && outcome->signal.signo == SIGKILL &&
        outcome->signal.reason == MW_REASON_OUT_OF_MEMORY)
        s->report->result->out_of_memory++;
    if (outcome->kind == OUTCOME_VALUE && outcome->value == -ENOSPC)
        s->report->result->out_of_memory++;
    if (outcome->kind == OUTCOME_SIGNAL && !ok)
        s->report->result->signals++;
    if (expected->kind == CALL_RESULT_ANY)
        return;
    count(s->report->result, entry, expected->kind != CALL_RESULT_NONE, ok);
    if (ok)
        return;
    show_expected(want, expected, entry->hexadecimal);
    show_outcome(got, s, outcome, entry->hexadecimal);
    report_line(s->report, s->place, true, "%s: expected %s, got %s", call->name, want, got);
}
