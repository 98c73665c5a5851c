/*
 * The power cut: which version of each sector is there afterwards.
 *
 * Layer 3; part of the volatile write cache, see dev_volatile.h. Nothing is allocated here: power
 * can always fail.
 */
#include <string.h>

#include "dev/dev_sectors.h"
#include "dev/dev_volatile_inner.h"

/* How it is decided what survives. */
struct volatile_choice {
    enum { CHOICE_NONE, CHOICE_ALL, CHOICE_SEED, CHOICE_MASK } kind;
    struct prng prng;
    uint64_t mask;
};

static struct volatile_choice volatile_choice_by_seed(uint64_t seed)
{
    struct volatile_choice choice = {.kind = CHOICE_SEED};

    if (seed == DEV_CUT_LOSE_ALL)
        choice.kind = CHOICE_NONE;
    else if (seed == DEV_CUT_KEEP_ALL)
        choice.kind = CHOICE_ALL;
    prng_seed(&choice.prng, seed);
    return choice;
}

static bool volatile_mask_keeps(const struct dev_volatile *v, uint64_t mask,
                                const struct volatile_request *request)
{
    for (const struct list *node = v->requests.next; mask != 0; node = node->next, mask >>= 1)
        if (node == &request->link)
            return (mask & 1) != 0;
    return false;
}

/* The newest version of the requests that survive, or NULL. */
static const struct volatile_version *
volatile_choose_by_mask(const struct dev_volatile *v, uint64_t mask, const struct volatile_block *b)
{
    for (struct list *node = b->versions.prev; node != &b->versions; node = node->prev)
        if (volatile_mask_keeps(v, mask, volatile_version_of_block(node)->request))
            return volatile_version_of_block(node);
    return NULL;
}

/* The durable version (NULL) or any other, each as likely. */
static const struct volatile_version *volatile_choose_any(struct prng *prng,
                                                          const struct volatile_block *b)
{
    const struct volatile_version *chosen = NULL;
    uint64_t seen = 1;

    list_for_each (node, &b->versions) {
        if (prng_below(prng, ++seen) == 0)
            chosen = volatile_version_of_block(node);
    }
    return chosen;
}

/* What one sector of the block becomes: a version, or NULL: it stays what is durable. */
static const struct volatile_version *volatile_choose(const struct dev_volatile *v,
                                                      struct volatile_choice *choice,
                                                      struct volatile_block *b)
{
    switch (choice->kind) {
    case CHOICE_NONE:
        return NULL;
    case CHOICE_ALL:
        return volatile_block_newest(b);
    case CHOICE_MASK:
        return volatile_choose_by_mask(v, choice->mask, b);
    case CHOICE_SEED:
        break;
    }
    return volatile_choose_any(&choice->prng, b);
}

static int volatile_settle_block(const struct dev_volatile *v, struct volatile_choice *choice,
                                 struct volatile_block *b, struct dev *other)
{
    uint8_t mixed[DEV_BLOCK_BYTES];
    unsigned sectors = 0;

    for (unsigned i = 0; i < DEV_BLOCK_SECTORS; i++) {
        const struct volatile_version *version = volatile_choose(v, choice, b);
        uint8_t *sector = mixed + i * DEV_SECTOR_BYTES;

        if (version == NULL)
            continue;
        sectors |= 1u << i;
        if (version->zero)
            memset(sector, 0, DEV_SECTOR_BYTES);
        else
            memcpy(sector, version->bytes + i * DEV_SECTOR_BYTES, DEV_SECTOR_BYTES);
    }
    return dev_sectors_write(other, b->block, mixed, sectors);
}

/* Writes what survives to `other`, ends with its first error or goes on, and drops nothing. */
static int volatile_settle(const struct dev_volatile *v, struct volatile_choice choice,
                           struct dev *other, bool go_on)
{
    struct volatile_block *b;
    int err = 0;

    if (choice.kind == CHOICE_NONE)
        return 0;
    for (b = volatile_store_next(v, 0); b != NULL && (err == 0 || go_on);
         b = volatile_store_next(v, b->block + 1)) {
        int failed = volatile_settle_block(v, &choice, b, other);

        err = err != 0 ? err : failed;
    }
    return err;
}

static void volatile_cut(struct dev_volatile *v, struct volatile_choice choice)
{
    int err = volatile_settle(v, choice, v->lower, true);

    (void)err; /* the lower device kept what it had: one of the outcomes */
    volatile_store_drop_all(v);
    v->power = VOLATILE_OFF;
}

void dev_volatile_cut(struct dev *dev, uint64_t seed)
{
    volatile_cut(dev_volatile_of(dev), volatile_choice_by_seed(seed));
}

void dev_volatile_cut_mask(struct dev *dev, uint64_t mask)
{
    volatile_cut(dev_volatile_of(dev), (struct volatile_choice){.kind = CHOICE_MASK, .mask = mask});
}

int dev_volatile_cut_onto(const struct dev *dev, uint64_t seed, struct dev *other)
{
    return volatile_settle(dev_volatile_of(dev), volatile_choice_by_seed(seed), other, false);
}

int dev_volatile_cut_mask_onto(const struct dev *dev, uint64_t mask, struct dev *other)
{
    struct volatile_choice choice = {.kind = CHOICE_MASK, .mask = mask};

    return volatile_settle(dev_volatile_of(dev), choice, other, false);
}
