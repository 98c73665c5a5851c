/*
 * What every unit test of base includes: cmocka and the headers that it wants to see before.
 */
#ifndef MAPWALK_TESTS_UNIT_BASE_UNIT_H
#define MAPWALK_TESTS_UNIT_BASE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
