/*
 * Events as JSON Lines. See event_json.h.
 *
 * Role: layer 9, a sink. Knows the types of fields, no kind of event: those are data
 * (mw_event_fields).
 */
#include "view/event_json.h"

#include "view/event_field.h"
#include "view/json.h"

/*
 * A result: the number, and beside a negative errno its name, since numbers of errors differ
 * between systems.
 */
static void event_json_result(struct json *j, uint64_t value)
{
    const char *error = event_field_errno(value);

    json_s64(j, (int64_t)value);
    if (error != NULL)
        json_pair_string(j, "errno", error);
}

static void event_json_prot(struct json *j, uint64_t value)
{
    char prot[4];

    event_field_prot(value, prot);
    json_string(j, prot);
}

static void event_json_value(struct json *j, enum event_field_type type, uint64_t value)
{
    const char *word = event_field_word(type, value);

    /* No signal is no word: programs test for null. */
    if (type == EVENT_FIELD_SIGNAL && value == 0)
        json_null(j);
    else if (word != NULL)
        json_string(j, word);
    else if (type == EVENT_FIELD_PROT)
        event_json_prot(j, value);
    else if (type == EVENT_FIELD_X || type == EVENT_FIELD_PTE)
        json_hex(j, value);
    else if (type == EVENT_FIELD_S)
        json_s64(j, (int64_t)value);
    else if (type == EVENT_FIELD_ERRNO)
        event_json_result(j, value);
    else
        json_u64(j, value);
}

void event_json_write(FILE *out, const struct mw_event *event)
{
    const char *fields = mw_event_fields(event->kind);
    struct event_field field;
    struct json j;

    json_init(&j, out, false);
    json_object_begin(&j);
    json_pair_u64(&j, "op", event->op);
    json_pair_u64(&j, "time_ns", event->time_ns);
    json_pair_u64(&j, "pid", event->pid);
    json_pair_u64(&j, "hart", event->hart);
    json_pair_string(&j, "event", mw_event_name(event->kind));
    for (unsigned i = 0; event_field_next(&fields, &field); i++) {
        json_key(&j, field.name);
        event_json_value(&j, field.type, event->arg[i]);
    }
    json_object_end(&j);
    json_finish(&j);
}

void event_json_handle(void *stream, const struct mw_event *event)
{
    event_json_write(stream, event);
}
