/*
 * The frozen corpus: random scripts with what Linux answered, held against the simulator.
 *
 * A script of the corpus is what `mapwalk fuzz --record` has written: each line is a line of what
 * the run tells. The simulator runs it, and what it tells must be the same text, in three tiers:
 *
 *   hard   results, signals with their addresses, areas, hashes of pages
 *   flags  VmFlags of /proc/PID/smaps
 *   soft   what no rule decides: pages in core, Rss and the like; counted and shown, never wrong
 */
#ifndef MAPWALK_TESTS_CORPUS_H
#define MAPWALK_TESTS_CORPUS_H

#include "oracle/oracle.h"

enum corpus_tier { CORPUS_HARD, CORPUS_FLAGS, CORPUS_SOFT, CORPUS_TIERS };

struct corpus_result {
    uint64_t compared[CORPUS_TIERS];
    uint64_t differing[CORPUS_TIERS];
    char first[1200]; /* the first difference that is not soft: line, recorded, got */
};

/* Runs a script on the simulator and adds what came of it. The script ends at a hard difference. */
void corpus_run(const char *path, struct corpus_result *result);

/* Unpacks an archive into a new folder, whose name comes back in `folder`. */
void corpus_unpack(const char *archive, char folder[static 64]);
void corpus_remove(const char *folder);

#endif
