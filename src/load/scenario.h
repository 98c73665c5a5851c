/*
 * Scenarios: calls and accesses in strace's syntax, each executed and its result checked.
 *
 * Layer 8. The same file drives the simulator, through the machine's public face, and the host's
 * kernel, through the native engine (native.h): one of them, or both line by line.
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

/*
 * The same with a native engine of the caller's (*native NULL: one is made when it is needed, and
 * left there), which must be as new and have the scenario's window.
 */
struct native;
MUST_CHECK int scenario_run_on(struct mw_machine *machine, struct native **native, struct alloc *a,
                               struct reader *reader, struct report *report);

#endif
