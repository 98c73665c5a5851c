/*
 * Which entry of a full set makes way: every replacement policy as a function of stamps.
 *
 * Layer 3. A stamp says when a way was last used. That is all that LRU needs. The bit of a node in
 * PLRU's tree points away from the half that was used last, so it says which half's newest stamp is
 * the older one. CLOCK's reference bit of a way says that it was used since the hand cleared it, so
 * that its stamp is newer than its mark, the stamp that it had then. Only FIFO and RANDOM do not
 * look at uses.
 */
#include "hw/tlb_array.h"

static uint32_t tlb_policy_smallest(const uint64_t *values, uint32_t first, uint32_t ways)
{
    uint32_t smallest = first;

    for (uint32_t i = first + 1; i < first + ways; i++)
        if (values[i] < values[smallest])
            smallest = i;
    return smallest;
}

static uint64_t tlb_policy_newest(const uint64_t *stamps, uint32_t first, uint32_t ways)
{
    uint64_t newest = 0;

    for (uint32_t i = first; i < first + ways; i++)
        if (stamps[i] > newest)
            newest = stamps[i];
    return newest;
}

/* From the root down, always to the half whose newest use is older, at equality to the lower. */
static uint32_t tlb_policy_plru(const struct tlb_array *a, uint32_t first)
{
    uint32_t low = 0, span = 1;

    while (span < a->ways)
        span *= 2;
    while (span > 1) {
        uint32_t half = span / 2;
        uint32_t above = low + half < a->ways ? a->ways - (low + half) : 0;

        if (above > half)
            above = half;
        if (above > 0 && tlb_policy_newest(a->stamps, first + low + half, above) <
                             tlb_policy_newest(a->stamps, first + low, half))
            low += half;
        span = half;
    }
    return first + low;
}

/* The hand spares each way once at most, so it stops within two rounds. */
static uint32_t tlb_policy_clock(struct tlb_array *a, uint32_t first)
{
    uint32_t *hand = &a->hands[first / a->ways];
    uint32_t victim;

    for (;;) {
        victim = first + *hand;
        *hand = (*hand + 1) % a->ways;
        if (a->stamps[victim] == a->marks[victim])
            return victim;
        a->marks[victim] = a->stamps[victim];
    }
}

/* The set is full, and no way has the page. */
static uint32_t tlb_policy_victim(struct tlb_array *a, uint32_t first)
{
    switch (a->replacement) {
    case MW_REPLACE_PLRU:
        return tlb_policy_plru(a, first);
    case MW_REPLACE_FIFO:
        return tlb_policy_smallest(a->marks, first, a->ways);
    case MW_REPLACE_RANDOM:
        return first + (uint32_t)prng_below(&a->prng, a->ways);
    case MW_REPLACE_CLOCK:
        return tlb_policy_clock(a, first);
    case MW_REPLACE_LRU:
    default:
        return tlb_policy_smallest(a->stamps, first, a->ways);
    }
}

uint32_t tlb_policy_choose(struct tlb_array *a, uint32_t first, uint64_t tag)
{
    uint32_t empty = UINT32_MAX;

    for (uint32_t i = first + a->ways; i-- > first;) {
        if (a->tags[i] == tag)
            return i;
        if (a->tags[i] == TLB_EMPTY)
            empty = i;
    }
    return empty != UINT32_MAX ? empty : tlb_policy_victim(a, first);
}
