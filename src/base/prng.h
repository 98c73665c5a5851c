/*
 * Seeded pseudo-random numbers (xoshiro256**, seeded through splitmix64, both in the public domain
 * by Blackman and Vigna): the same seed gives the same sequence on every machine.
 */
#ifndef MAPWALK_BASE_PRNG_H
#define MAPWALK_BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_seed(struct prng *p, uint64_t seed);

uint64_t prng_next(struct prng *p);

/* Uniform in [0, bound); pre: bound > 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);

/*
 * One mixing step of splitmix64: a hash of 64 bits to 64 bits. Chained, it is the state hash of the
 * machine.
 */
uint64_t prng_mix(uint64_t value);

#endif
