/*
 * Reading an event by its schema.
 *
 * Layer 9, view. The public header gives each kind a list of fields as "name:type"
 * (mw_event_fields). This module takes such a list apart and knows the words for values that are
 * numbers in the event: signals, rights, errors. Both renderings of an event, text and JSON, are
 * made from it, so that a new kind needs no code in either.
 *
 *   I-FIELD-1  every type that the schema uses is known here (contract in event_field_next; a test
 *              walks all kinds)
 */
#ifndef MAPWALK_VIEW_EVENT_FIELD_H
#define MAPWALK_VIEW_EVENT_FIELD_H

#include <mapwalk/event.h>
#include <stdbool.h>

enum event_field_type {
    EVENT_FIELD_U,
    EVENT_FIELD_S,
    EVENT_FIELD_X,
    EVENT_FIELD_ACCESS,
    EVENT_FIELD_CAUSE,
    EVENT_FIELD_WALK,
    EVENT_FIELD_REASON,
    EVENT_FIELD_SIGNAL,
    EVENT_FIELD_PROT,
    EVENT_FIELD_OWNER,
    EVENT_FIELD_PTE,
    EVENT_FIELD_ERRNO,
    EVENT_FIELD_CALL,
    EVENT_FIELD_TLB,
    EVENT_FIELD_SIZE,
    EVENT_FIELD_STALE,
    EVENT_FIELD_LOSS,
    EVENT_FIELD_FENCE,
    EVENT_FIELD_TYPES
};

#define EVENT_FIELD_NAME_BYTES 24

struct event_field {
    char name[EVENT_FIELD_NAME_BYTES];
    enum event_field_type type;
};

/* Takes the next field off *list, which moves on. False: there is none left. */
bool event_field_next(const char **list, struct event_field *out);

/* "rwx" with '-' for a missing right; out holds at least 4 bytes. */
void event_field_prot(uint64_t prot, char out[4]);

/* "SIGSEGV"; "none" for 0; "SIG?" for a number without a name. Static storage. */
const char *event_field_signal(uint64_t signal);

/* "SEGV_MAPERR" and the like; "?" where POSIX has no name for the pair. Static storage. */
const char *event_field_signal_code(uint64_t signal, int64_t code);

/* The value is a negative errno: its name, else NULL. */
const char *event_field_errno(uint64_t value);

/*
 * The word for a value of a type that has words (access, cause, walk, reason, signal, owner, call,
 * tlb, size, stale, loss, fence); else NULL.
 */
const char *event_field_word(enum event_field_type type, uint64_t value);

#endif
