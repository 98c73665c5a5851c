/*
 * The fixed seeds of the differ: 20 of 10,000 operations each, shared out to two tests.
 */
#ifndef MAPWALK_TESTS_FUZZ_SEEDS_H
#define MAPWALK_TESTS_FUZZ_SEEDS_H

#include "oracle/oracle.h"

#define FUZZ_SEEDS      20
#define FUZZ_OPERATIONS 10000 /* of each: 200,000; MAPWALK_LONG=100 makes it 20 million */

/* Both engines agree for each of the seeds. What differs is left in `file` beside the test, and told. */
void fuzz_seeds_agree(unsigned first, unsigned last, const char *file);

#endif
