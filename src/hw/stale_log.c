/*
 * The log of changed PTEs. Layer 3; see stale_log.h.
 *
 * A PTE address is a multiple of 8, so a key that is odd cannot be one: those stand for the root
 * that a hart has for an ASID. Physical address 0 may be a PTE, hence the second bit of its key.
 */
#include "hw/stale_log.h"

#include <string.h>

#include "base/prng.h"
#include "hw/mode.h"

#define STALE_LOG_SLOTS (STALE_LOG_BUCKETS * STALE_LOG_WAYS)
#define STALE_KEY_ROOT  ((uint64_t)1)
#define STALE_KEY_PTE   ((uint64_t)2)

void stale_log_init(struct stale_log *log, struct alloc *a)
{
    memset(log, 0, sizeof(*log));
    log->alloc = a;
    log->keys = alloc_zeroed(a, STALE_LOG_SLOTS * sizeof(*log->keys));
    log->slots = alloc_zeroed(a, STALE_LOG_SLOTS * sizeof(*log->slots));
    if (log->keys == NULL || log->slots == NULL)
        stale_log_destroy(log);
}

void stale_log_destroy(struct stale_log *log)
{
    alloc_release(log->alloc, log->keys);
    alloc_release(log->alloc, log->slots);
    log->keys = NULL;
    log->slots = NULL;
}

static uint64_t stale_log_pte_key(paddr_t at)
{
    return at.raw | STALE_KEY_PTE;
}

static uint64_t stale_log_root_key(unsigned hart, uint16_t asid)
{
    return ((uint64_t)hart << 16 | asid) << 1 | STALE_KEY_ROOT;
}

static uint32_t stale_log_bucket(uint64_t key)
{
    return (uint32_t)(prng_mix(key) & (STALE_LOG_BUCKETS - 1)) * STALE_LOG_WAYS;
}

/* Index of the slot of a key, or UINT32_MAX. */
static uint32_t stale_log_find(const struct stale_log *log, uint64_t key)
{
    uint32_t first = stale_log_bucket(key);

    if (log->keys == NULL)
        return UINT32_MAX;
    for (uint32_t i = first; i < first + STALE_LOG_WAYS; i++)
        if (log->keys[i] == key)
            return i;
    return UINT32_MAX;
}

/* An empty slot for a key that has none: the one in its bucket that was used longest ago. */
static uint32_t stale_log_make_room(struct stale_log *log, uint64_t key)
{
    uint32_t first = stale_log_bucket(key);
    uint32_t oldest = first;

    for (uint32_t i = first; i < first + STALE_LOG_WAYS; i++)
        if (log->slots[i].used < log->slots[oldest].used)
            oldest = i;
    log->keys[oldest] = key;
    memset(&log->slots[oldest], 0, sizeof(log->slots[oldest]));
    return oldest;
}

/* The slot of a key, as used now; NULL: there is no memory. A new one has value `value`. */
static struct stale_slot *stale_log_take(struct stale_log *log, uint64_t key, uint64_t value)
{
    uint32_t index = stale_log_find(log, key);

    if (log->keys == NULL)
        return NULL;
    if (index == UINT32_MAX) {
        index = stale_log_make_room(log, key);
        log->slots[index].value = value;
    }
    log->slots[index].used = ++log->uses;
    return &log->slots[index];
}

static void stale_log_put(struct stale_log *log, struct stale_slot *slot, uint64_t old,
                          uint64_t new, const struct stale_change *who)
{
    slot->change = *who;
    slot->change.number = ++log->changes;
    slot->change.old_value = old;
    slot->change.new_value = new;
    slot->value = new;
}

void stale_log_change_pte(struct stale_log *log, paddr_t at, pte_t old, pte_t new,
                          const struct stale_change *who)
{
    struct stale_slot *slot;

    if (!pte_downgrades(old, new))
        return;
    slot = stale_log_take(log, stale_log_pte_key(at), old.raw);
    if (slot == NULL)
        return;
    stale_log_put(log, slot, old.raw, new.raw, who);
    slot->change.pte_address = at.raw;
}

void stale_log_change_root(struct stale_log *log, unsigned hart, uint16_t asid, paddr_t root,
                           const struct stale_change *who)
{
    struct stale_slot *slot = stale_log_take(log, stale_log_root_key(hart, asid), root.raw);

    if (slot == NULL || slot->value == root.raw)
        return;
    stale_log_put(log, slot, slot->value, root.raw, who);
    slot->change.by_satp = true;
}

void stale_log_watch(struct stale_log *log, paddr_t at, pte_t value)
{
    (void)stale_log_take(log, stale_log_pte_key(at), value.raw);
}

/*
 * One PTE of a sweep. Upgrades only move the value along: an earlier change that still lacks its
 * fence is not to be forgotten for them.
 */
static void stale_log_look(struct stale_log *log, const struct ram *ram, uint32_t index,
                           const struct stale_change *who)
{
    struct stale_slot *slot = &log->slots[index];
    paddr_t at = paddr(log->keys[index] & ~STALE_KEY_PTE);
    pte_t old = {slot->value};
    pte_t new;

    memcpy(&new.raw, ram_host(ram, at), PTE_BYTES);
    if (pte_downgrades(old, new)) {
        stale_log_put(log, slot, old.raw, new.raw, who);
        slot->change.pte_address = at.raw;
    }
    slot->value = new.raw;
}

void stale_log_sweep(struct stale_log *log, const struct ram *ram, const struct stale_change *who)
{
    if (log->keys == NULL)
        return;
    for (uint32_t i = 0; i < STALE_LOG_SLOTS; i++)
        if (log->keys[i] != 0 && (log->keys[i] & STALE_KEY_ROOT) == 0)
            stale_log_look(log, ram, i, who);
}

static const struct stale_change *stale_log_last(struct stale_log *log, uint64_t key)
{
    uint32_t index = stale_log_find(log, key);

    return index == UINT32_MAX || log->slots[index].change.number == 0 ? NULL
                                                                       : &log->slots[index].change;
}

const struct stale_change *stale_log_pte(struct stale_log *log, paddr_t at)
{
    return stale_log_last(log, stale_log_pte_key(at));
}

const struct stale_change *stale_log_root(struct stale_log *log, unsigned hart, uint16_t asid)
{
    return stale_log_last(log, stale_log_root_key(hart, asid));
}

bool stale_log_check(const struct stale_log *log)
{
    if (log->keys == NULL)
        return true;
    for (uint32_t i = 0; i < STALE_LOG_SLOTS; i++)
        if (log->keys[i] != 0 && stale_log_find(log, log->keys[i]) != i)
            return false;
    return true;
}
