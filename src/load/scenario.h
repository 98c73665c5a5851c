/*
 * Scenarios: calls and accesses in strace's syntax, each executed and its result checked.
 *
 * Layer 8. Uses the machine through its public face only, so the same file could drive any other
 * engine.
 */
#ifndef MAPWALK_LOAD_SCENARIO_H
#define MAPWALK_LOAD_SCENARIO_H

#include "load/reader.h"
#include "load/report.h"

/*
 * Runs what the reader holds. What is wrong with a line is told through the report, and the run
 * goes on. 0, or -errno of reading, -ENOMEM.
 */
MUST_CHECK int scenario_run(struct mw_machine *machine, struct alloc *a, struct reader *reader,
                            struct report *report);

#endif
