/*
 * An event as one line of text: `op=12 time_ns=1500 pid=1 hart=0 tlb_miss va=0x1000 access=load
 * asid=1`.
 *
 * Layer 9, view. Made from the schema, like the JSON form; for reading and for grep. docs/EVENTS.md
 * describes the kinds.
 */
#ifndef MAPWALK_VIEW_EVENT_TEXT_H
#define MAPWALK_VIEW_EVENT_TEXT_H

#include <mapwalk/event.h>
#include <stdio.h>

/*
 * The kind and its fields, without the common head and without a newline: `tlb_miss va=0x1000
 * access=load asid=1`.
 */
void event_text_write_fields(FILE *out, const struct mw_event *event);

/* A whole line. Errors stay in the stream. */
void event_text_write(FILE *out, const struct mw_event *event);

/* The same as an mw_event_handler; `stream` is the FILE. */
void event_text_handle(void *stream, const struct mw_event *event);

#endif
