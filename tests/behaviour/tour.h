/*
 * A walk through everything that the machine can do, tolerant of failure: for tests that make
 * things fail in its middle.
 *
 * Every result is looked at: it must be success or one of the errors that failing memory, disk or
 * device explain; and after every step all checkers are run, whatever config.check says.
 */
#ifndef MAPWALK_TESTS_BEHAVIOUR_TOUR_H
#define MAPWALK_TESTS_BEHAVIOUR_TOUR_H

#include "behaviour/world.h"

/*
 * The calls and accesses that did not succeed; 0 on a healthy machine with 64 frames or more.
 * Leaves no process behind.
 */
unsigned tour_run(struct mw_machine *machine);

#endif
