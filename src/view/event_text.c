/*
 * Events as lines of text. See event_text.h.
 *
 * Role: layer 9, a sink. A line is blank-separated name=value pairs, so values with blanks are
 * quoted.
 */
#include "view/event_text.h"

#include <inttypes.h>

#include "view/event_field.h"

/* Results of calls that return addresses are easier to compare with other lines in hexadecimal. */
static void event_text_result(FILE *out, uint64_t value)
{
    const char *error = event_field_errno(value);

    if (error != NULL)
        fprintf(out, "-%s", error);
    else if (value >= 0x10000)
        fprintf(out, "0x%" PRIx64, value);
    else
        fprintf(out, "%" PRIu64, value);
}

static void event_text_prot(FILE *out, uint64_t value)
{
    char prot[4];

    event_field_prot(value, prot);
    fputs(prot, out);
}

/* The letters beside the number: nobody reads DAGUXWRV out of hexadecimal at sight. */
static void event_text_pte(FILE *out, uint64_t value)
{
    char pte[32];

    mw_pte_format(value, pte, sizeof(pte));
    fprintf(out, "\"%s\"", pte);
}

static void event_text_value(FILE *out, enum event_field_type type, uint64_t value)
{
    const char *word = event_field_word(type, value);

    if (type == EVENT_FIELD_CAUSE) /* the only words with blanks in them */
        fprintf(out, "\"%s\"", word);
    else if (word != NULL)
        fputs(word, out);
    else if (type == EVENT_FIELD_PROT)
        event_text_prot(out, value);
    else if (type == EVENT_FIELD_PTE)
        event_text_pte(out, value);
    else if (type == EVENT_FIELD_X)
        fprintf(out, "0x%" PRIx64, value);
    else if (type == EVENT_FIELD_S)
        fprintf(out, "%" PRId64, (int64_t)value);
    else if (type == EVENT_FIELD_ERRNO)
        event_text_result(out, value);
    else
        fprintf(out, "%" PRIu64, value);
}

void event_text_write_fields(FILE *out, const struct mw_event *event)
{
    const char *fields = mw_event_fields(event->kind);
    struct event_field field;

    fputs(mw_event_name(event->kind), out);
    for (unsigned i = 0; event_field_next(&fields, &field); i++) {
        fprintf(out, " %s=", field.name);
        event_text_value(out, field.type, event->arg[i]);
    }
}

void event_text_write(FILE *out, const struct mw_event *event)
{
    fprintf(out, "op=%" PRIu64 " time_ns=%" PRIu64 " pid=%u hart=%u ", event->op, event->time_ns,
            event->pid, event->hart);
    event_text_write_fields(out, event);
    fputc('\n', out);
}

void event_text_handle(void *stream, const struct mw_event *event)
{
    event_text_write(stream, event);
}
