/*
 * The front: the host's shortcut to first-level hits, so that the model is as fast as it is exact.
 *
 * Layer 3. A direct-mapped table of 4 KiB pages that the first-level TLBs hold and allow now, in the
 * hart's present context (satp, privilege). It is no part of the model: an access that it serves
 * has the result, the counts and the stamp that the TLB's own lookup would have given (a test runs
 * both), and one that it does not know takes the long way. Whoever removes or changes an entry
 * forgets its page here; a change of context forgets all. It stays empty while somebody listens to
 * hits or checks them.
 *
 * Pages of loads and stores have slots of their own beside those of fetches. A slot's key is the
 * page's address where that kind of access may hit, else FRONT_DEAD; for fetches with FRONT_FETCHES
 * in it. Compared with the address whose offset bits are cleared but for those below the access's
 * size, it matches only accesses that are aligned, so that they cannot cross a page: one comparison
 * asks for page, canonical address, kind, rights and crossing.
 *
 *   I-FRONT-1  a key that is not dead is of a live first-level entry that serves the hart's ASID and
 *              allows the access; stamp and addend are that entry's
 *   I-FRONT-2  `last` is dead, or of the entry that was used last of all: using it again changes no
 *              order
 *   I-FRONT-3  where slot i is not dead, bit i of `used` is set
 */
#ifndef MAPWALK_HW_FRONT_H
#define MAPWALK_HW_FRONT_H

#include <mapwalk/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define FRONT_SLOTS 256 /* of data, and as many of fetches; a power of two */
#define FRONT_DEAD  UINT64_MAX
#define FRONT_FETCHES \
    ((uint64_t)1 << 11)     /* in the keys of fetches: an offset bit above those of
                                               FRONT_BYTES_MAX */
#define FRONT_BYTES_MAX 64u /* no larger access is served in one comparison */

struct front_slot {
    uint64_t load_key;  /* or that of fetches */
    uint64_t store_key; /* of AMOs too: whatever allows the one allows the other */
    uint64_t addend;    /* host address minus virtual address, modulo 2^64 */
    uint64_t *stamp;    /* of the entry */
};

_Static_assert(sizeof(struct front_slot) == 32, "slots are found by a shift");

struct front {
    struct front_slot *last;           /* where the last use was served, or the dead slot */
    uint64_t stamp;                    /* the hart's: of the last use of any entry */
    uint64_t repeats[MW_ACCESS_COUNT]; /* hits on the page of `last` */
    uint64_t others[MW_ACCESS_COUNT];  /* further hits; those of loads are not counted, as they are
                                          what is left of the stamps */
    uint64_t stamps_elsewhere;         /* stamps given out by the TLBs' own lookups and fills */
    struct front_slot slots[FRONT_SLOTS * 2]; /* data, then fetches */
    struct front_slot dead;                   /* in no table: matches nothing */
    uint64_t used[FRONT_SLOTS * 2 / 64];
};

void front_init(struct front *front);

static inline struct front_slot *front_slot(struct front *front, vaddr_t va, enum mw_access access)
{
    /* As bytes, because gcc multiplies an index twice. */
    uint64_t offset = (va >> PAGE_SHIFT) % FRONT_SLOTS * sizeof(struct front_slot);
    struct front_slot *table = access == MW_FETCH ? &front->slots[FRONT_SLOTS] : front->slots;

    return (struct front_slot *)((char *)table + offset);
}

static inline uint64_t *front_slot_key(struct front_slot *slot, enum mw_access access)
{
    return access == MW_STORE || access == MW_AMO ? &slot->store_key : &slot->load_key;
}

/*
 * What a key is compared with. `bytes` is a power of two up to FRONT_BYTES_MAX; 1 asks for the page
 * alone.
 */
static inline uint64_t front_key(vaddr_t va, unsigned bytes, enum mw_access access)
{
    return (va & (~PAGE_MASK | (bytes - 1))) | (access == MW_FETCH ? FRONT_FETCHES : 0);
}

/*
 * Does the front serve this access? Then it is counted and stamped, and *host is where va lies;
 * else nothing has happened.
 */
static inline __attribute__((always_inline)) bool
front_serve(struct front *front, vaddr_t va, unsigned bytes, enum mw_access access, uint8_t **host)
{
    uint64_t key = front_key(va, bytes, access);
    struct front_slot *slot = front->last;

    if (__builtin_expect(*front_slot_key(slot, access) == key, 0)) {
        front->repeats[access]++;
    } else {
        slot = front_slot(front, va, access);
        if (__builtin_expect(*front_slot_key(slot, access) != key, 0))
            return false;
        *slot->stamp = ++front->stamp;
        front->last = slot;
        if (access != MW_LOAD)
            front->others[access]++;
    }
    *host = (uint8_t *)(uintptr_t)(va + slot->addend);
    return true;
}

/* The next stamp, for who uses an entry without the front. */
static inline uint64_t front_next_stamp(struct front *front)
{
    front->stamps_elsewhere++;
    return ++front->stamp;
}

/* Hits served here, of one kind of access. */
uint64_t front_hits(const struct front *front, enum mw_access access);

/* Without a branch, as it is as often the one as the other. */
static inline void front_slot_kill_if(struct front_slot *slot, bool condition)
{
    uint64_t dead = condition ? FRONT_DEAD : 0;

    slot->load_key |= dead;
    slot->store_key |= dead;
}

/*
 * The entry that was used last has this stamp, is of a 4 KiB page, and allows this access; va is in
 * that page and lies at host. From now on such accesses are served here.
 */
static inline void front_learn(struct front *front, vaddr_t va, enum mw_access access,
                               uint64_t *stamp, uint8_t *host)
{
    struct front_slot *slot = front_slot(front, va, access);
    uint64_t addend = (uint64_t)(uintptr_t)host - va;
    uint64_t index = (uint64_t)(slot - front->slots);

    /* The slot is one entry's: what it knew of another goes. */
    front_slot_kill_if(slot, slot->stamp != stamp || slot->addend != addend);
    slot->stamp = stamp;
    slot->addend = addend;
    *front_slot_key(slot, access) = front_key(va, 1, access);
    front->used[index / 64] |= (uint64_t)1 << index % 64;
    front->last = slot;
}

/* An entry was used, or filled, that the front did not serve. */
static inline void front_forget_last(struct front *front)
{
    front->last = &front->dead;
}

/* The entry whose stamp this is, of the 4 KiB page of va, goes or changes. */
static inline void front_forget_entry(struct front *front, vaddr_t va, const uint64_t *stamp)
{
    struct front_slot *data = front_slot(front, va, MW_LOAD);
    struct front_slot *fetch = front_slot(front, va, MW_FETCH);

    front_slot_kill_if(data, data->stamp == stamp);
    front_slot_kill_if(fetch, fetch->stamp == stamp);
}

/* Another context. The cost is that of what was learnt since the last call. */
void front_forget_all(struct front *front);

#endif
