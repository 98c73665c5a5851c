/*
 * Emitting events: the bus of one machine and its passive sinks.
 *
 * Layer 2; knows only base and the public schema. Whoever emits asks event_wanted first: one
 * predictable branch on a mask when nobody listens. Sinks receive values and cannot call back.
 *
 *   I-EVENT-1  `wanted` is the union of the sinks' masks and the ring's
 *   I-EVENT-2  listening changes nothing: the machine's state hash is the same with and without
 *              sinks
 */
#ifndef MAPWALK_EVENT_EVENT_H
#define MAPWALK_EVENT_EVENT_H

#include <mapwalk/event.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/contract.h"
#include "base/err.h"

#define EVENT_SINKS 8
#define EVENT_RING  64 /* last events kept for contract_on; a power of two */

struct event_sink {
    mw_event_handler *handler;
    void *context;
    mw_event_mask mask;
};

struct event_bus {
    mw_event_mask wanted;
    uint64_t op;      /* the current operation; 0 outside */
    uint64_t last_op; /* the last id given out */
    uint32_t pid;     /* stamped on events; set by whoever switches process */
    uint16_t hart;
    const struct clock *clock;
    struct event_sink sinks[EVENT_SINKS];
    struct mw_event ring[EVENT_RING]; /* filled only while ring_on */
    uint64_t ring_count;              /* events ever put into the ring */
    bool ring_on;
};

/* A silent bus. `clock` outlives it. */
void event_bus_init(struct event_bus *bus, const struct clock *clock);

/*
 * Adds a sink for the kinds in mask; -ENOSPC when EVENT_SINKS are there, -EEXIST for the same
 * handler and context.
 */
MUST_CHECK int event_subscribe(struct event_bus *bus, mw_event_mask mask, mw_event_handler *handler,
                               void *context);

/* Removes a sink; nothing happens when it is not there. */
void event_unsubscribe(struct event_bus *bus, mw_event_handler *handler, void *context);

/* Keeps (or stops keeping) the last EVENT_RING events of all kinds but tlb_hit, for contract_on. */
void event_ring_enable(struct event_bus *bus, bool on);

static inline bool event_wanted(const struct event_bus *bus, enum mw_event_kind kind)
{
    return __builtin_expect((bus->wanted & MW_EVENT_BIT(kind)) != 0, 0);
}

/*
 * Stamps op, time, pid and hart on the event and hands it to ring and sinks. Use through
 * event_emit.
 */
void event_deliver(struct event_bus *bus, enum mw_event_kind kind,
                   const uint64_t arg[MW_EVENT_ARGS]);

/* event_emit(bus, MW_EVENT_..., arg0, arg1, ...): at most MW_EVENT_ARGS values; the rest are 0. */
#define event_emit(bus, kind, ...)                                                      \
    do {                                                                                \
        if (event_wanted((bus), (kind)))                                                \
            event_deliver((bus), (kind), (const uint64_t[MW_EVENT_ARGS]){__VA_ARGS__}); \
    } while (0)

/*
 * Begins an operation (a TLB miss, a call): the events until event_op_end share its id. No nesting:
 * if one is under way it is kept, and the matching end is the outer one's. Returns true when this
 * call began it.
 */
static inline bool event_op_begin(struct event_bus *bus)
{
    if (bus->op != 0)
        return false;
    bus->op = ++bus->last_op;
    return true;
}

/* Ends the operation that event_op_begin returned true for. */
static inline void event_op_end(struct event_bus *bus, bool began)
{
    if (began)
        bus->op = 0;
}

/* Like contract, and prints the ring before it aborts. */
#define contract_on(bus, condition) \
    ((condition)                    \
         ? (void)0                  \
         : (event_ring_print(bus), contract_fail(__FILE__, __LINE__, __func__, #condition)))

/* Writes the ring, oldest first, one line an event, to standard error. */
void event_ring_print(const struct event_bus *bus);

#endif
