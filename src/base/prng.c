/*
 * Seeded pseudo-random numbers.
 *
 * Role: the only source of chance in the simulator; the scheduler, random replacement and all
 * random tests draw from it, so that a seed repeats a run. Layer: base. Not for secrets.
 *
 * The algorithms are xoshiro256** 1.0 and splitmix64, after their authors' description
 * (https://prng.di.unimi.it/).
 */
#include "base/prng.h"

#include "base/contract.h"

/* 2^64 divided by the golden ratio, made odd: the step of splitmix64. */
#define PRNG_GOLDEN 0x9e3779b97f4a7c15U

static uint64_t prng_rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

uint64_t prng_mix(uint64_t value)
{
    value += PRNG_GOLDEN;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

void prng_seed(struct prng *p, uint64_t seed)
{
    /*
     * xoshiro must not start from all zeroes; mixing is a bijection, so at most one word can be
     * zero.
     */
    for (unsigned i = 0; i < 4; i++)
        p->state[i] = prng_mix(seed + i * PRNG_GOLDEN);
}

uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->state;
    uint64_t result = prng_rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = prng_rotate_left(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
    contract(bound > 0);
    /*
     * 2^64 is no multiple of most bounds: the first 2^64 mod bound values would make some results
     * likelier, so they are drawn again. (0 - bound) mod bound is 2^64 mod bound without a 65-bit
     * number.
     */
    uint64_t biased = (0 - bound) % bound;
    uint64_t drawn = prng_next(p);
    while (drawn < biased)
        drawn = prng_next(p);
    return drawn % bound;
}
