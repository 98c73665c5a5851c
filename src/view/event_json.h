/*
 * An event as one line of JSON ("JSON Lines"): what `mapwalk run --events` writes.
 *
 * Layer 9, view. docs/EVENTS.md describes the records. Common keys come first (op, time_ns, pid,
 * hart, event), then the kind's own fields in the order of the schema.
 */
#ifndef MAPWALK_VIEW_EVENT_JSON_H
#define MAPWALK_VIEW_EVENT_JSON_H

#include <mapwalk/event.h>
#include <stdio.h>

/* One record, one line. Errors stay in the stream. */
void event_json_write(FILE *out, const struct mw_event *event);

/* The same as an mw_event_handler; `stream` is the FILE. */
void event_json_handle(void *stream, const struct mw_event *event);

#endif
