/*
 * What the front learns and forgets; serving is inline in front.h. Layer 3.
 */
#include "hw/front.h"

#include <stddef.h>

static void front_kill(struct front_slot *slot)
{
    *slot = (struct front_slot){.load_key = FRONT_DEAD, .store_key = FRONT_DEAD};
}

void front_init(struct front *front)
{
    for (unsigned i = 0; i < FRONT_SLOTS * 2; i++)
        front_kill(&front->slots[i]);
    front_kill(&front->dead);
    front_forget_last(front);
}

uint64_t front_hits(const struct front *front, enum mw_access access)
{
    uint64_t hits = front->others[access];

    if (access == MW_LOAD) {
        hits = front->stamp - front->stamps_elsewhere;
        for (unsigned other = 0; other < MW_ACCESS_COUNT; other++)
            hits -= front->others[other];
    }
    return hits + front->repeats[access];
}

void front_forget_all(struct front *front)
{
    for (size_t word = 0; word < sizeof(front->used) / sizeof(front->used[0]); word++) {
        for (uint64_t bits = front->used[word]; bits != 0; bits &= bits - 1)
            front_kill(&front->slots[word * 64 + (size_t)__builtin_ctzll(bits)]);
        front->used[word] = 0;
    }
    front_forget_last(front);
}
