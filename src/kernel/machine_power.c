/*
 * Time that passes by itself, and the power that goes. Layer 7.
 *
 * A power cut is made in this order: the disk loses what it had not been told to keep, and answers
 * nothing any more; everything in RAM is taken down, which must not reach the disk; the disk comes
 * back; what stands on it is put up again, as when the machine was switched on. RAM itself stays
 * where it is: nobody has a frame any more, and whoever gets one gets it zeroed.
 */
#include "cache/writeback.h"
#include "dev/dev_volatile.h"
#include "kernel/calls.h"

/* ---- time ---- */

/* In the flusher's steps, each of which it may have something to do in. */
static void power_advance(struct mw_machine *m, uint64_t ns)
{
    uint64_t end = m->clock.now_ns + ns < ns ? UINT64_MAX : m->clock.now_ns + ns;

    cache_tick(&m->cache);
    while (m->cache.due_ns < end) {
        if (m->cache.due_ns > m->clock.now_ns)
            clock_advance(&m->clock, m->cache.due_ns - m->clock.now_ns);
        cache_tick(&m->cache);
    }
    if (end > m->clock.now_ns)
        clock_advance(&m->clock, end - m->clock.now_ns);
    cache_tick(&m->cache);
}

int mw_advance(struct mw_machine *m, uint64_t ns)
{
    struct call call = call_begin(m, 0, MW_CALL_advance, ns, 0, 0, 0);

    if (m->off)
        return (int)call_end(&call, -EIO);
    power_advance(m, ns);
    return (int)call_end(&call, 0);
}

/* ---- power ---- */

/* From here on every request fails and is neither counted nor told. */
static void power_disk_off(struct mw_machine *m, uint64_t seed)
{
    if (m->disk_cache != NULL)
        dev_volatile_cut(m->disk_cache, seed);
    dev_attach(m->dev, NULL, NULL);
    m->faults.sticky = true;
    for (unsigned kind = 0; kind < DEV_REQUESTS; kind++) {
        m->faults.fail_at[kind] = 1;
        m->faults.seen[kind] = 0;
    }
}

static void power_disk_on(struct mw_machine *m, const struct dev_faults *faults,
                          const struct dev_counters *counters)
{
    m->faults = *faults;
    m->dev->counters = *counters;
    dev_attach(m->dev, &m->bus, &m->clock);
    if (m->disk_cache != NULL)
        dev_volatile_power_on(m->disk_cache);
}

static int power_cut(struct mw_machine *m, uint64_t seed)
{
    const struct dev_faults faults = m->faults;
    const struct dev_counters counters = m->dev->counters;
    const struct cache_counters cached = m->cache.counters;
    int err;

    hart_settle_time(m->running);
    if (!m->off) {
        power_disk_off(m, seed);
        machine_files_down(m);
        power_disk_on(m, &faults, &counters);
    }
    m->current = NULL;
    m->off = true;
    err = machine_files_up(m);
    m->off = err != 0;
    m->cache.counters = cached;
    return err;
}

int mw_power_cut(struct mw_machine *m, uint64_t seed)
{
    struct call call = call_begin(m, 0, MW_CALL_power_cut, seed, 0, 0, 0);

    return (int)call_end(&call, power_cut(m, seed));
}
