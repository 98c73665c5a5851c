/*
 * Diagnostics and counts.
 */
#include "load/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_LINES 1000000

/* Text of a hostile log must not reach a terminal as control sequences. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
}

static void report_text(struct report *r, struct report_place place, bool failure,
                        const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

static void report_text(struct report *r, struct report_place place, bool failure,
                        const char *format, va_list arguments)
{
    char text[512];
    struct mw_diagnostic diagnostic = {place.file, place.line, text, failure};

    if (r->options->diagnose == NULL)
        return;
    vsnprintf(text, sizeof(text), format, arguments);
    make_printable(text);
    r->options->diagnose(r->options->context, &diagnostic);
}

void report_line(struct report *r, struct report_place place, bool failure, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_text(r, place, failure, format, arguments);
    va_end(arguments);
}

/* One line a log: a file of rubbish would bury everything else. */
void report_bad(struct report *r, uint64_t *bad, struct report_place place, const char *format, ...)
{
    va_list arguments;

    r->result->lines_bad++;
    if (++*bad > 1)
        return;
    va_start(arguments, format);
    report_text(r, place, false, format, arguments);
    va_end(arguments);
}

void report_bad_total(struct report *r, uint64_t bad, const char *file)
{
    if (bad > 1)
        report_line(r, (struct report_place){file, 0}, false,
                    "%llu lines were not understood; the first is reported above",
                    (unsigned long long)bad);
}

/* The last entry is kept for "other", so that a log of many names loses none of its calls. */
static struct mw_skipped_call *skipped_entry(struct mw_run_result *result, const char *name)
{
    struct mw_skipped_call *entry;

    for (unsigned i = 0; i < result->skipped_count; i++)
        if (strcmp(result->skipped[i].name, name) == 0)
            return &result->skipped[i];
    if (result->skipped_count == MW_RUN_SKIPPED)
        return &result->skipped[MW_RUN_SKIPPED - 1];
    entry = &result->skipped[result->skipped_count++];
    snprintf(entry->name, sizeof(entry->name), "%s",
             result->skipped_count == MW_RUN_SKIPPED ? "other" : name);
    return entry;
}

/* Logs of real programs have a few dozen names; what does not fit shares the last entry. */
void report_skipped(struct report *r, const char *name)
{
    skipped_entry(r->result, name)->count++;
    r->result->calls_skipped++;
}

/*
 * By lines, as bytes of a line differ little and a log's length is not known when it comes
 * through a pipe.
 */
void report_progress(struct report *r, uint64_t bytes_done)
{
    if (r->options->progress == NULL || r->result->lines - r->progress_lines < PROGRESS_LINES)
        return;
    r->progress_lines = r->result->lines;
    r->options->progress(r->options->context, bytes_done, r->result->lines);
}
