/*
 * The simulated clock, in nanoseconds since the machine was switched on. It only moves when
 * somebody says what something cost; no host time ever enters.
 */
#ifndef MAPWALK_BASE_CLOCK_H
#define MAPWALK_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t now_ns;
};

static inline void clock_advance(struct clock *c, uint64_t cost_ns)
{
    c->now_ns += cost_ns;
}

#endif
