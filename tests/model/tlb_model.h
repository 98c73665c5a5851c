/*
 * A naive TLB, for tests of this folder only: a plain list of entries in order of use.
 *
 * Written from <mapwalk/tlb.h> alone; of src/hw it shares nothing, of src/base the generator whose
 * numbers RANDOM is defined by. Every lookup goes through the whole list. Each policy is what its
 * name says: LRU takes the last of its set in the list, FIFO the one filled first, PLRU has a tree
 * of bits, CLOCK reference bits and a hand.
 *
 * The walk cache is such a list too, with pointers in it that may lie around one another.
 */
#ifndef MAPWALK_TESTS_TLB_MODEL_H
#define MAPWALK_TESTS_TLB_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mapwalk/tlb.h>

#include "base/prng.h"

#define LIST_LIMIT 8192

struct list_entry {
    uint64_t first; /* address of its first byte */
    uint64_t base;  /* where that byte lies in memory */
    uint64_t pte, pte_at;
    int size, leaf_size; /* of itself, of the translation that it is or is a part of */
    int global, asid;
    int ahead;           /* made by prefetch, and not used yet */
    int array, set, way; /* where it lies */
    int referenced;      /* CLOCK */
    uint64_t filled;     /* FIFO: number of the fill */
};

struct list_array {
    struct mw_tlb_array shape;
    struct prng random;
    int *hands; /* CLOCK: of each set */
    char *tree; /* PLRU: of each set, nodes 1..leaves-1; 0: the lower half is next to go */
    int leaves; /* ways, made up to a power of two */
};

struct list_tlb {
    struct list_array array[MW_TLB_ARRAYS_MAX];
    int arrays;              /* 0: it is not there */
    struct list_entry *list; /* most recently used first */
    int entries;
    uint64_t fills; /* ever made */
    struct mw_tlb_counters n;
};

static inline uint64_t size_bytes(int size)
{
    static const int shift[] = {12, 16, 21, 30, 39, 48};

    return (uint64_t)1 << shift[size];
}

static inline uint64_t page_first(uint64_t va, int size)
{
    return va - va % size_bytes(size);
}

/* ---- beginning and end ---- */

static inline void list_init_array(struct list_array *a, const struct mw_tlb_array *shape,
                                   uint64_t seed)
{
    a->shape = *shape;
    prng_seed(&a->random, prng_mix(seed));
    for (a->leaves = 1; a->leaves < (int)shape->ways;)
        a->leaves *= 2;
    a->hands = calloc(shape->sets, sizeof(int));
    a->tree = calloc(shape->sets, (size_t)a->leaves);
    assert_true(a->hands != NULL && a->tree != NULL);
}

/* The seeds of the arrays: hart's seed, hart, unit and number of the array, mixed. */
static inline void list_init(struct list_tlb *t, const struct mw_tlb *shape, uint64_t hart_seed,
                             unsigned hart, unsigned unit)
{
    memset(t, 0, sizeof(*t));
    t->arrays = (int)shape->arrays;
    for (unsigned i = 0; i < shape->arrays; i++)
        list_init_array(&t->array[i], &shape->array[i],
                        hart_seed ^ ((uint64_t)hart << 16 | unit << 8 | i));
    t->list = calloc(LIST_LIMIT, sizeof(t->list[0]));
    assert_non_null(t->list);
}

static inline void list_destroy(struct list_tlb *t)
{
    for (int i = 0; i < t->arrays; i++) {
        free(t->array[i].hands);
        free(t->array[i].tree);
    }
    free(t->list);
}

/* ---- the list ---- */

static inline void list_remove(struct list_tlb *t, int i)
{
    t->entries--;
    memmove(&t->list[i], &t->list[i + 1], (size_t)(t->entries - i) * sizeof(t->list[0]));
}

static inline int list_translates(const struct list_entry *e, uint64_t va, int asid)
{
    return va - e->first < size_bytes(e->size) && (e->global || e->asid == asid);
}

/* The entry that translates va, or -1. There can be only one. */
static inline int list_find(const struct list_tlb *t, uint64_t va, int asid)
{
    for (int i = 0; i < t->entries; i++)
        if (list_translates(&t->list[i], va, asid))
            return i;
    return -1;
}

/* PLRU: every node above the way points away from it. Leaves are numbered behind the nodes. */
static inline void tree_use(char *tree, int leaves, int way)
{
    for (int node = leaves + way; node > 1; node /= 2)
        tree[node / 2] = node % 2 == 0;
}

/* PLRU: follow the nodes; a half whose first leaf is no way has none. */
static inline int tree_victim(const char *tree, int leaves, int ways)
{
    int node = 1, first = 0, half = leaves / 2;

    for (; node < leaves; half /= 2) {
        int upper = tree[node] && first + half < ways;

        node = 2 * node + upper;
        first += upper ? half : 0;
    }
    return first;
}

/* A use: to the front of the list, with whatever the policy keeps. */
static inline void list_use(struct list_tlb *t, int i)
{
    struct list_entry e = t->list[i];
    struct list_array *a = &t->array[e.array];

    e.referenced = 1;
    tree_use(a->tree + e.set * a->leaves, a->leaves, e.way);
    memmove(&t->list[1], &t->list[0], (size_t)i * sizeof(t->list[0]));
    t->list[0] = e;
}

/* ---- replacement ---- */

static inline int list_at(const struct list_tlb *t, int array, int set, int way)
{
    for (int i = 0; i < t->entries; i++)
        if (t->list[i].array == array && t->list[i].set == set && t->list[i].way == way)
            return i;
    return -1;
}

/* LRU: the last of the set in the list. FIFO: the one with the lowest number. Says its way. */
static inline int list_oldest(const struct list_tlb *t, int array, int set, int by_fill)
{
    const struct list_entry *oldest = NULL;

    for (int i = 0; i < t->entries; i++) {
        const struct list_entry *e = &t->list[i];

        if (e->array == array && e->set == set &&
            (!by_fill || oldest == NULL || e->filled < oldest->filled))
            oldest = e;
    }
    assert_non_null(oldest);
    return oldest->way;
}

/* CLOCK: every way that the hand finds used loses the mark, the first without one goes. */
static inline int list_clock_victim(struct list_tlb *t, int array, int set)
{
    struct list_array *a = &t->array[array];
    int *hand = &a->hands[set], way = -1;

    while (way < 0) {
        struct list_entry *e = &t->list[list_at(t, array, set, *hand)];

        if (!e->referenced)
            way = *hand;
        e->referenced = 0;
        *hand = (*hand + 1) % (int)a->shape.ways;
    }
    return way;
}

static inline int list_victim(struct list_tlb *t, int array, int set)
{
    struct list_array *a = &t->array[array];

    switch ((enum mw_replacement)a->shape.replacement) {
    case MW_REPLACE_LRU:
        return list_oldest(t, array, set, 0);
    case MW_REPLACE_FIFO:
        return list_oldest(t, array, set, 1);
    case MW_REPLACE_PLRU:
        return tree_victim(a->tree + set * a->leaves, a->leaves, (int)a->shape.ways);
    case MW_REPLACE_CLOCK:
        return list_clock_victim(t, array, set);
    case MW_REPLACE_RANDOM:
        return (int)prng_below(&a->random, a->shape.ways);
    case MW_REPLACE_COUNT:
        break;
    }
    fail_msg("no such policy: %u", (unsigned)a->shape.replacement);
    return -1;
}

/* The way for a new entry: the lowest empty one, else the victim's, which is evicted. */
static inline int list_vacate(struct list_tlb *t, int array, int set)
{
    int ways = (int)t->array[array].shape.ways, in_set = 0, way;

    for (int i = 0; i < t->entries; i++)
        in_set += t->list[i].array == array && t->list[i].set == set;
    for (way = 0; in_set < ways; way++)
        if (list_at(t, array, set, way) < 0)
            return way;
    way = list_victim(t, array, set);
    t->n.evictions++;
    list_remove(t, list_at(t, array, set, way));
    return way;
}

/* ---- filling ---- */

/* The array that holds a size, or -1. */
static inline int list_array_of(const struct list_tlb *t, int size)
{
    for (int i = 0; i < t->arrays; i++)
        if (t->array[i].shape.sizes >> size & 1)
            return i;
    return -1;
}

/* The same page of the same address spaces: such an entry is renewed where it is. */
static inline int list_same(const struct list_entry *a, const struct list_entry *b)
{
    return a->first == b->first && a->size == b->size && a->global == b->global &&
           (a->global || a->asid == b->asid);
}

/* Do two entries translate a common address in a common address space? */
static inline int list_overlap(const struct list_entry *a, const struct list_entry *b)
{
    int meet =
        a->first - b->first < size_bytes(b->size) || b->first - a->first < size_bytes(a->size);

    return meet && (a->global || b->global || a->asid == b->asid);
}

/* The set: number of the page, in an address of 57 bits, modulo sets. */
static inline int list_set(const struct list_tlb *t, int array, const struct list_entry *e)
{
    uint64_t number = e->first % ((uint64_t)1 << 57) / size_bytes(e->size);

    return (int)(number % t->array[array].shape.sets);
}

/* Puts an entry, whose size an array holds, in the place of its like or in a way of its own. */
static inline void list_put(struct list_tlb *t, struct list_entry e)
{
    int i = t->entries;

    for (int old = 0; old < t->entries; old++)
        if (list_same(&t->list[old], &e))
            i = old;
    if (i < t->entries) {
        e.set = t->list[i].set;
        e.way = t->list[i].way;
        e.array = t->list[i].array;
    } else {
        e.array = list_array_of(t, e.size);
        e.set = list_set(t, e.array, &e);
        e.way = list_vacate(t, e.array, e.set);
        i = t->entries++;
        assert_true(t->entries <= LIST_LIMIT);
    }
    e.filled = ++t->fills;
    t->n.fills[e.size]++;
    t->list[i] = e;
    list_use(t, i);
}

/*
 * Caches what is known of the page of va, which is `known` large: all of it, or the part around va
 * of the largest size that is held. 0: none is, and nothing happened. Of `e`, pte, pte_at,
 * leaf_size, global, asid and ahead are set.
 */
static inline int list_fill(struct list_tlb *t, struct list_entry e, uint64_t va, uint64_t pa,
                            int known)
{
    for (e.size = known; e.size >= 0 && list_array_of(t, e.size) < 0;)
        e.size--;
    if (e.size < 0)
        return 0;
    e.first = page_first(va, e.size);
    e.base = pa - (va - e.first);
    for (int i = t->entries - 1; i >= 0; i--) {
        if (!list_overlap(&t->list[i], &e) || list_same(&t->list[i], &e))
            continue;
        t->n.evictions++;
        list_remove(t, i);
    }
    list_put(t, e);
    return 1;
}

/* SFENCE.VMA. An entry goes if the translation that it is part of meets the address. */
static inline void list_fence(struct list_tlb *t, int has_va, uint64_t va, int has_asid, int asid)
{
    for (int i = t->entries - 1; i >= 0; i--) {
        const struct list_entry *e = &t->list[i];
        uint64_t leaf = page_first(e->first, e->leaf_size);

        if (has_va && va - leaf >= size_bytes(e->leaf_size))
            continue;
        if (has_asid && (e->global || e->asid != asid))
            continue;
        t->n.dropped++;
        list_remove(t, i);
    }
}

#endif
