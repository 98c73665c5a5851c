/*
 * Telling what a scenario did: each line with its result, in the scenario's own words.
 *
 * Layer 8. What is printed can be run again: results stand where expectations would. Both engines
 * use the same words, so that two results are equal exactly when their texts are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "load/flags.h"
#include "load/scenario_call.h"

/* ---- results ---- */

/* A byte of a string as the parser reads it back. */
static size_t show_byte(char *out, uint8_t byte)
{
    if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\') {
        out[0] = (char)byte;
        return 1;
    }
    return (size_t)sprintf(out, "\\x%02x", byte);
}

/* Many equal bytes are one number; others a string. */
static void show_many(const uint8_t *bytes, size_t count, char *out)
{
    size_t at = 1;

    if (memcmp(bytes, bytes + 1, count - 1) == 0) {
        sprintf(out, "%#x", bytes[0]);
        return;
    }
    out[0] = '"';
    for (size_t i = 0; i < count; i++)
        at += show_byte(out + at, bytes[i]);
    strcpy(out + at, "\"");
}

void scenario_format(const struct scenario *s, const struct scenario_entry *entry,
                     const struct outcome *o, char *out)
{
    if (o->kind == OUTCOME_SIGNAL)
        snprintf(out, SCENARIO_TEXT, "%s %s (address %#llx)", flags_signal_name(o->signal.signo),
                 flags_signal_code_name(o->signal.signo, o->signal.code),
                 (unsigned long long)o->signal.va);
    else if (outcome_is_error(o))
        snprintf(out, SCENARIO_TEXT, "-1 %s", err_name((int)o->value));
    else if (o->kind == OUTCOME_BYTES && o->value > 8)
        show_many(s->bytes, (size_t)o->value, out);
    else if (entry->hexadecimal)
        snprintf(out, SCENARIO_TEXT, "%#llx", (unsigned long long)scenario_number(s, o));
    else
        snprintf(out, SCENARIO_TEXT, "%lld", (long long)scenario_number(s, o));
}

/* ---- lines ---- */

/* Where the call ends: behind the parenthesis that closes its arguments. */
static size_t show_call_end(const char *line, size_t length)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < length; i++) {
        if (quoted && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            quoted = !quoted;
        else if (!quoted && line[i] == '(')
            depth++;
        else if (!quoted && line[i] == ')' && --depth == 0)
            return i + 1;
    }
    return length;
}

int scenario_keep_line(struct scenario *s, const char *line, size_t length)
{
    char *raw;

    s->raw_length = 0;
    if (s->report->options->show == NULL)
        return 0;
    length = show_call_end(line, length);
    raw = alloc_resize(s->alloc, s->raw, length + SCENARIO_TEXT + 4);
    if (raw == NULL)
        return -ENOMEM;
    memcpy(raw, line, length);
    raw[length] = '\0';
    s->raw = raw;
    s->raw_length = length;
    return 0;
}

/* Behind the kept line is room for " = " and any result. */
void scenario_show(struct scenario *s, const char *result)
{
    if (s->report->options->show == NULL || s->raw == NULL)
        return;
    snprintf(s->raw + s->raw_length, SCENARIO_TEXT + 4, " = %s", result);
    s->report->options->show(s->report->options->context, s->raw);
    s->raw[s->raw_length] = '\0';
}

void scenario_show_remark(struct scenario *s, const char *format, ...)
{
    char text[512];
    va_list arguments;

    if (s->report->options->show == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    s->report->options->show(s->report->options->context, text);
}

/* One line each, below each other: results may be long. */
bool scenario_differ(struct scenario *s, const char *what, const char *simulator,
                     const char *native)
{
    struct mw_difference *d = &s->report->result->difference;

    d->line = s->place.line;
    snprintf(d->what, sizeof(d->what), "%s", what);
    snprintf(d->simulator, sizeof(d->simulator), "%s", simulator);
    snprintf(d->native, sizeof(d->native), "%s", native);
    scenario_show_remark(s, "# line %llu, pid %d: the %s differs", (unsigned long long)d->line,
                         s->pid, what);
    if (s->raw != NULL)
        scenario_show_remark(s, "#   %.400s", s->raw);
    scenario_show_remark(s, "#   simulator: %s", d->simulator);
    scenario_show_remark(s, "#   Linux:     %s", d->native);
    report_line(s->report, s->place, true, "the %s differs: simulator %s, Linux %s", what,
                d->simulator, d->native);
    return false;
}
