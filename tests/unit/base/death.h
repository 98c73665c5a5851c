/*
 * Helper of the unit tests of base: was a contract broken?
 */
#ifndef MAPWALK_TESTS_UNIT_BASE_DEATH_H
#define MAPWALK_TESTS_UNIT_BASE_DEATH_H

#include <stdbool.h>

/*
 * Runs body(argument) in a child process. True when the child aborted after printing a broken
 * contract whose line contains `condition`; false when it returned, died otherwise, or said
 * something else.
 */
bool death_by_contract(void (*body)(void *argument), void *argument, const char *condition);

#endif
