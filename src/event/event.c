/*
 * The bus: stamps an event once and hands it to the ring and to every sink that wants its kind.
 *
 * Layer 2. Nothing here looks at what an event means; that is in names.c and in the views.
 */
#include "event/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void event_bus_init(struct event_bus *bus, const struct clock *clock)
{
    memset(bus, 0, sizeof(*bus));
    bus->clock = clock;
}

/* Keeps I-EVENT-1 after any change of ring or sinks. */
static void event_update_wanted(struct event_bus *bus)
{
    bus->wanted = bus->ring_on ? MW_EVENTS_NO_HITS : 0;
    for (unsigned i = 0; i < EVENT_SINKS; i++)
        if (bus->sinks[i].handler != NULL)
            bus->wanted |= bus->sinks[i].mask;
}

int event_subscribe(struct event_bus *bus, mw_event_mask mask, mw_event_handler *handler,
                    void *context)
{
    struct event_sink *vacant = NULL;

    for (unsigned i = EVENT_SINKS; i-- > 0;) {
        struct event_sink *sink = &bus->sinks[i];

        if (sink->handler == handler && sink->context == context)
            return -EEXIST;
        if (sink->handler == NULL)
            vacant = sink;
    }
    if (vacant == NULL)
        return -ENOSPC;
    *vacant = (struct event_sink){handler, context, mask & MW_EVENTS_ALL};
    event_update_wanted(bus);
    return 0;
}

void event_unsubscribe(struct event_bus *bus, mw_event_handler *handler, void *context)
{
    for (unsigned i = 0; i < EVENT_SINKS; i++) {
        struct event_sink *sink = &bus->sinks[i];

        if (sink->handler == handler && sink->context == context)
            *sink = (struct event_sink){0};
    }
    event_update_wanted(bus);
}

void event_ring_enable(struct event_bus *bus, bool on)
{
    bus->ring_on = on;
    event_update_wanted(bus);
}

/*
 * The slow half of event_emit: reached only when somebody listens, so its cost does not matter. The
 * ring takes no hits, or they would push out everything of interest.
 */
void event_deliver(struct event_bus *bus, enum mw_event_kind kind,
                   const uint64_t arg[MW_EVENT_ARGS])
{
    struct mw_event event = {
        .op = bus->op,
        .time_ns = bus->clock->now_ns,
        .pid = bus->pid,
        .hart = bus->hart,
        .kind = (uint16_t)kind,
    };

    memcpy(event.arg, arg, sizeof(event.arg));
    if (bus->ring_on && kind != MW_EVENT_TLB_HIT)
        bus->ring[bus->ring_count++ % EVENT_RING] = event;
    for (unsigned i = 0; i < EVENT_SINKS; i++) {
        const struct event_sink *sink = &bus->sinks[i];

        if (sink->handler != NULL && (sink->mask & MW_EVENT_BIT(kind)))
            sink->handler(sink->context, &event);
    }
}

/* Raw on purpose: this runs while the machine is dying, and must not depend on any view. */
void event_ring_print(const struct event_bus *bus)
{
    uint64_t first = bus->ring_count > EVENT_RING ? bus->ring_count - EVENT_RING : 0;

    for (uint64_t i = first; i < bus->ring_count; i++) {
        const struct mw_event *event = &bus->ring[i % EVENT_RING];

        fprintf(stderr, "mapwalk: event op=%" PRIu64 " pid=%" PRIu32 " %s", event->op, event->pid,
                mw_event_name(event->kind));
        for (unsigned a = 0; a < MW_EVENT_ARGS; a++)
            fprintf(stderr, " %#" PRIx64, event->arg[a]);
        fputc('\n', stderr);
    }
}
